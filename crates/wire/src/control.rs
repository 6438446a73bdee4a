//! The control log of one bucket: its genesis, epochs, members and revokes. Comes in: verified
//! control entries, predecessors first. Goes out: who may write what, and under which epoch. Must
//! not know: keys; a provider runs this blind, a member runs the same code.
//!
//! Format 0 knows one revoke: that of the bucket itself (deactivation). Revokes of members,
//! authors and capabilities come with the rules that order them, and are refused until then,
//! because a replica that ignored one would let in whom another keeps out.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::capability::{
    Action, Actions, Capability, CapabilityChain, Grant, Judge, Target, verify,
};
use crate::chain::Verified;
use crate::clear::{Clear, Genesis, Member, Revoke, RevokeTarget};
use crate::entry::{Entry, Header, Hlc, Kind};
use crate::ids::{BucketId, CapabilityId, DocumentTag, EntryId, MemberTag};
use crate::limits::PARENTS_MAX;
use crate::past::Pasts;

/// Why an entry does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// Its clear part is not of its kind's form.
    #[error("its clear part is malformed")]
    Form,
    /// It is no genesis, or a second one, or of another bucket.
    #[error("it does not belong to this bucket's control log")]
    Bucket,
    /// It names a parent, an epoch or a capability that is not here.
    #[error("it names something that is not here")]
    Missing,
    /// Its clock is before something it follows.
    #[error("it is older than what it follows")]
    Clock,
    /// Its author may not do this.
    #[error("its author may not do this")]
    NotAllowed,
    /// The bucket was deactivated.
    #[error("the bucket is deactivated")]
    Deactivated,
    /// A revoke that this format does not know yet.
    #[error("this format does not know revokes of this kind")]
    Unsupported,
}

/// One epoch, as everyone sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochInfo {
    /// Its number.
    pub n: u64,
    /// Epochs it follows.
    pub prev: Vec<EntryId>,
    /// When it was made.
    pub hlc: Hlc,
}

/// The state of one control log: a pure function of the set of its entries.
#[derive(Debug, Clone)]
pub struct Control {
    bucket: BucketId,
    genesis: Genesis,
    entries: BTreeMap<EntryId, Hlc>,
    heads: BTreeSet<EntryId>,
    epochs: BTreeMap<EntryId, EpochInfo>,
    pasts: Pasts,
    capabilities: HashMap<CapabilityId, Capability>,
    grants: HashMap<CapabilityId, Grant>,
    /// When each was carried first.
    carried: HashMap<CapabilityId, Hlc>,
    deactivated: Option<Hlc>,
}

impl Control {
    /// Starts with the genesis.
    pub fn new(genesis: &Verified<Entry>) -> Result<Self, ControlError> {
        let header = genesis.header();
        let Ok(Clear::Genesis(clear)) = Clear::decode(header.kind, genesis.clear()) else {
            return Err(ControlError::Form);
        };
        if header.author.public_key() != clear.root_key {
            return Err(ControlError::NotAllowed);
        }
        let id = genesis.id();
        Ok(Self {
            bucket: id.to_bucket(),
            genesis: clear,
            entries: BTreeMap::from([(id, header.hlc)]),
            heads: BTreeSet::from([id]),
            epochs: BTreeMap::new(),
            pasts: Pasts::default(),
            capabilities: HashMap::new(),
            grants: HashMap::new(),
            carried: HashMap::new(),
            deactivated: None,
        })
    }

    /// The bucket.
    pub const fn bucket(&self) -> BucketId {
        self.bucket
    }

    /// What its genesis fixed.
    pub const fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Whether this control entry is here.
    pub fn contains(&self, id: &EntryId) -> bool {
        self.entries.contains_key(id)
    }

    /// Entries of the control log that nothing follows.
    pub fn heads(&self) -> Vec<EntryId> {
        self.heads.iter().copied().collect()
    }

    /// What the next control entry names as its parents: all heads, or the latest 16 of them; the
    /// others stay heads, and are named by the one after. Ascending.
    pub fn parents(&self) -> Vec<EntryId> {
        let mut heads: Vec<_> =
            self.heads.iter().map(|id| (self.entries.get(id).copied(), *id)).collect();
        heads.sort_unstable_by(|a, b| b.cmp(a));
        let mut parents: Vec<_> = heads.into_iter().take(PARENTS_MAX).map(|(_, id)| id).collect();
        parents.sort_unstable();
        parents
    }

    /// The newest clock in the log.
    pub fn hlc(&self) -> Hlc {
        self.entries.values().copied().max().unwrap_or_default()
    }

    /// All epochs.
    pub fn epochs(&self) -> impl Iterator<Item = (&EntryId, &EpochInfo)> {
        self.epochs.iter()
    }

    /// Epochs that no other follows: one, or several that were made at the same time. Those from
    /// after a deactivation do not count.
    pub fn current_epochs(&self) -> Vec<EntryId> {
        let in_time = |epoch: &&EpochInfo| !self.is_over(epoch.hlc);
        let followed: BTreeSet<&EntryId> =
            self.epochs.values().filter(in_time).flat_map(|epoch| &epoch.prev).collect();
        let counted = self.epochs.iter().filter(|(_, epoch)| in_time(epoch));
        counted.map(|(id, _)| *id).filter(|id| !followed.contains(id)).collect()
    }

    /// Whether something that follows this epoch has a revoke in its past that it has not. A
    /// renewal makes nothing stale: it takes nobody out.
    pub fn is_stale(&self, epoch: &EntryId) -> bool {
        self.pasts.is_stale(epoch)
    }

    /// Whether the bucket takes `pull` only.
    pub const fn is_deactivated(&self) -> bool {
        self.deactivated.is_some()
    }

    /// Member tags that hold a capability, by an entry from before a deactivation: whichever of
    /// the two arrived first.
    pub fn members(&self) -> BTreeSet<MemberTag> {
        let in_time =
            |id: &&CapabilityId| self.carried.get(*id).is_none_or(|at| !self.is_over(*at));
        let counted = self.capabilities.iter().filter(|(id, _)| in_time(id));
        counted.filter_map(|(_, capability)| capability.claims().member).collect()
    }

    /// A capability that a member entry carried.
    pub fn capability(&self, id: &CapabilityId) -> Option<&Capability> {
        self.capabilities.get(id)
    }

    /// Whether a capability may still be used here. The verifier of requests asks this for every
    /// element.
    pub const fn is_revoked(&self, _id: &CapabilityId) -> bool {
        false
    }

    /// The chain from the root's capability down to this one.
    pub fn chain(&self, id: &CapabilityId) -> Result<CapabilityChain, ControlError> {
        let mut chain = Vec::new();
        let mut next = Some(*id);
        while let Some(id) = next {
            let capability = self.capabilities.get(&id).ok_or(ControlError::Missing)?;
            next = capability.claims().parent;
            chain.push(capability.clone());
            if chain.len() > crate::limits::CHAIN_LEN_MAX {
                return Err(ControlError::NotAllowed);
            }
        }
        chain.reverse();
        CapabilityChain::new(chain).map_err(|_| ControlError::Missing)
    }

    /// Whether an entry of this header may stand: its author holds a capability for its kind, at
    /// its clock, in this bucket, and what it names is here. For control entries, use
    /// [`Control::insert`].
    pub fn judge(&self, header: &Header) -> Result<(), ControlError> {
        if header.kind.is_control() {
            return Err(ControlError::Bucket);
        }
        if header.bucket != self.bucket {
            return Err(ControlError::Bucket);
        }
        let epoch = self.epochs.get(&header.epoch).ok_or(ControlError::Missing)?;
        if header.hlc < epoch.hlc {
            return Err(ControlError::Clock);
        }
        self.may(header)
    }

    /// Adds one control entry. An entry that is here already changes nothing.
    pub fn insert(&mut self, entry: &Verified<Entry>) -> Result<(), ControlError> {
        let header = entry.header();
        if self.entries.contains_key(&entry.id()) {
            return Ok(());
        }
        if header.bucket != self.bucket || !header.kind.is_control() {
            return Err(ControlError::Bucket);
        }
        for parent in &header.parents {
            let hlc = self.entries.get(parent).ok_or(ControlError::Missing)?;
            if header.hlc < *hlc {
                return Err(ControlError::Clock);
            }
        }
        let clear = Clear::decode(header.kind, entry.clear()).map_err(|_| ControlError::Form)?;
        let mut prev = Vec::new();
        match clear {
            Clear::Epoch(epoch) => {
                self.may(header)?;
                prev.clone_from(&epoch.prev);
                let info = EpochInfo { n: epoch.n, prev: epoch.prev, hlc: header.hlc };
                self.check_epoch(&info)?;
                self.epochs.insert(entry.id(), info);
            }
            Clear::Member(member) => self.insert_member(header, &member)?,
            Clear::Revoke(revoke) => {
                self.check_revoke(header, &revoke)?;
                let first = self.deactivated.map_or(header.hlc, |hlc| hlc.min(header.hlc));
                self.deactivated = Some(first);
            }
            _ => return Err(ControlError::Form),
        }
        let id = entry.id();
        let names = header.parents.iter().chain([&header.epoch]).chain(&prev);
        self.pasts.insert(id, names, header.kind == Kind::Revoke);
        if header.kind == Kind::Epoch {
            let epochs = &self.epochs;
            let prev_of = |id: &EntryId| epochs.get(id).map_or(&[][..], |it| it.prev.as_slice());
            self.pasts.follow(id, &prev, prev_of);
        }
        for parent in &header.parents {
            self.heads.remove(parent);
        }
        self.heads.insert(entry.id());
        self.entries.insert(entry.id(), header.hlc);
        Ok(())
    }

    fn check_epoch(&self, info: &EpochInfo) -> Result<(), ControlError> {
        let mut largest = 0;
        for id in &info.prev {
            let prev = self.epochs.get(id).ok_or(ControlError::Missing)?;
            if info.hlc < prev.hlc {
                return Err(ControlError::Clock);
            }
            largest = largest.max(prev.n);
        }
        // A second first epoch would leave members without a way back to what came before.
        let founds = info.prev.is_empty() && !self.epochs.is_empty();
        if info.n != largest + 1 || founds { Err(ControlError::Form) } else { Ok(()) }
    }

    fn check_revoke(&self, header: &Header, revoke: &Revoke) -> Result<(), ControlError> {
        if revoke.targets != [RevokeTarget::Bucket] {
            return Err(ControlError::Unsupported);
        }
        if !self.epochs.contains_key(&header.epoch) {
            return Err(ControlError::Missing);
        }
        self.may(header)
    }

    /// A member entry counts if it is written by the root key, by an author whose own chain
    /// contains the issuing key, or by the author it names.
    fn insert_member(&mut self, header: &Header, member: &Member) -> Result<(), ControlError> {
        let epoch = self.epochs.get(&header.epoch).ok_or(ControlError::Missing)?;
        if header.hlc < epoch.hlc {
            return Err(ControlError::Clock);
        }
        let carried = member
            .capabilities
            .iter()
            .map(|bytes| Capability::decode(bytes).map_err(|_| ControlError::Form))
            .collect::<Result<Vec<_>, _>>()?;
        let names_author = carried.last().is_some_and(|capability| {
            capability.claims().holder == Some(header.author.public_key())
                && capability.id() == header.cap
        });
        if !names_author {
            self.may(header)?;
        }
        // Tried on a copy of the index, so that a bad entry leaves nothing behind.
        let before: Vec<CapabilityId> =
            carried.iter().map(Capability::id).filter(|id| self.grants.contains_key(id)).collect();
        for capability in &carried {
            self.capabilities.insert(capability.id(), capability.clone());
        }
        let granted = carried
            .iter()
            .try_for_each(|capability| self.grant_of_carried(header, capability, names_author));
        if granted.is_err() {
            for capability in carried.iter().filter(|one| !before.contains(&one.id())) {
                self.capabilities.remove(&capability.id());
                self.grants.remove(&capability.id());
            }
        }
        granted
    }

    fn grant_of_carried(
        &mut self,
        header: &Header,
        capability: &Capability,
        names_author: bool,
    ) -> Result<(), ControlError> {
        let chain = self.chain(&capability.id())?;
        let judge = self.judge_at(header.hlc);
        let grant = verify(&chain, &judge, |_| false).map_err(|_| ControlError::NotAllowed)?;
        if grant.target().bucket() != Some(self.bucket) {
            return Err(ControlError::NotAllowed);
        }
        let issuer = chain
            .capabilities()
            .iter()
            .rev()
            .nth(1)
            .map_or(Some(self.genesis.root_key), |parent| parent.claims().holder);
        let by_root = header.cap.is_zero() && header.author.public_key() == self.genesis.root_key;
        let by_chain = self.grants.get(&header.cap).is_some_and(|own| {
            own.elements()
                .iter()
                .any(|element| element.holder.is_some() && element.holder == issuer)
        });
        if !(by_root || by_chain || names_author) {
            return Err(ControlError::NotAllowed);
        }
        self.grants.insert(capability.id(), grant);
        let carried = self.carried.entry(capability.id()).or_insert(header.hlc);
        *carried = header.hlc.min(*carried);
        Ok(())
    }

    fn judge_at(&self, hlc: Hlc) -> Judge<'_> {
        Judge {
            root: self.genesis.root_key,
            now: hlc.secs(),
            provider: None,
            suites: &self.genesis.floors.suites,
        }
    }

    /// What was written before the deactivation stays, whichever arrives first.
    fn is_over(&self, hlc: Hlc) -> bool {
        self.deactivated.is_some_and(|since| hlc >= since)
    }

    /// Whether the author may do what this header says, at its clock.
    fn may(&self, header: &Header) -> Result<(), ControlError> {
        // Checkpoints only say what was seen. A second deactivation changes nothing; to refuse it
        // would give replicas that received the two in another order two different sets.
        // So it is with epochs and members: they are kept and count for nothing, see `members`.
        let harmless = header.kind.is_control() || header.kind == Kind::Checkpoint;
        if self.is_over(header.hlc) && !harmless {
            return Err(ControlError::Deactivated);
        }
        if header.cap.is_zero() {
            let root = header.author.public_key() == self.genesis.root_key;
            return if root { Ok(()) } else { Err(ControlError::NotAllowed) };
        }
        let grant = self.grants.get(&header.cap).ok_or(ControlError::Missing)?;
        let holds = grant.holder() == Some(header.author.public_key())
            && grant.holds_at(header.hlc.secs())
            && allows_kind(grant, self.bucket, header.kind, header.document);
        if holds { Ok(()) } else { Err(ControlError::NotAllowed) }
    }
}

/// The action a kind of entry needs.
pub const fn action_of(kind: Kind) -> Option<Action> {
    match kind {
        Kind::Version | Kind::Segment => Some(Action::Write),
        Kind::Epoch => Some(Action::Rotate),
        Kind::Member => Some(Action::Grant),
        Kind::Revoke => Some(Action::Admin),
        Kind::Tombstone => Some(Action::Tombstone),
        Kind::Purge => Some(Action::Purge),
        Kind::Message => Some(Action::Append),
        Kind::Genesis | Kind::Checkpoint => None,
    }
}

fn allows_kind(grant: &Grant, bucket: BucketId, kind: Kind, document: DocumentTag) -> bool {
    match action_of(kind) {
        Some(action) if document.is_zero() => grant.allows(action, &Target::Bucket(bucket)),
        Some(action) => grant.allows(action, &Target::Document(bucket, document)),
        // A checkpoint says what its author saw: every author may.
        None => kind == Kind::Checkpoint && grant.actions() != Actions::NONE,
    }
}
