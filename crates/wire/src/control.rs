//! The control log of one bucket: its genesis, epochs, members and revokes. Comes in: verified
//! control entries, predecessors first. Goes out: who may write what, and under which epoch. Must
//! not know: keys; a provider runs this blind, a member runs the same code.
//!
//! Whether an entry could ever count is judged from itself and what it names; one that could not is
//! refused. Whether it does, the [`Rules`] say, which may change their mind when a revoke comes:
//! then it stays, and is hidden.

mod closings;
mod drops;

mod parts;

use std::collections::{BTreeMap, BTreeSet, HashMap};

pub use drops::{DROP_ACTIONS, Drop, makes_drop};

use crate::capability::{
    Action, Actions, Capability, CapabilityChain, Grant, Judge, Target, verify,
};
use crate::chain::Verified;
use crate::clear::{Clear, Genesis, Member, Revoke, RevokeTarget};
use crate::entry::{Entry, Header, Hlc, Kind};
use crate::ids::{AuthorKey, BucketId, CapabilityId, DocumentTag, EntryId, MemberTag};
use crate::limits::PARENTS_MAX;
use crate::past::Pasts;
use crate::rules::{Act, Chain, Cutoff, Fact, Rules, RulesError, Writing, puts_only};

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
    /// Its author, or what it used, was taken out. It stays where it is and counts for nothing.
    #[error("its author was taken out")]
    Stopped,
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
    grants: HashMap<CapabilityId, Granted>,
    rules: Rules,
    /// Control entries of each author with their numbers, ascending.
    authors: HashMap<AuthorKey, Vec<(u64, EntryId)>>,
    deactivated: Option<Hlc>,
    /// Who got the key of an epoch by a member entry under it.
    let_in: BTreeMap<EntryId, BTreeSet<MemberTag>>,
}

/// A capability that members act by and whose time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ended {
    /// The uppermost of a chain whose time is over: with it goes all below.
    pub capability: CapabilityId,
    /// How many different members stand in the chain down to it.
    pub rank: usize,
}

/// A capability some member entry carried, with all above it.
#[derive(Debug, Clone)]
struct Granted {
    grant: Grant,
    chain: Chain,
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
        let mut rules = Rules::default();
        let fact = Fact {
            id,
            author: header.author,
            names: Vec::new(),
            before: None,
            chain: Chain::from([]),
            act: Act::Genesis,
        };
        rules.insert(fact).map_err(|_| ControlError::Form)?;
        Ok(Self {
            bucket: id.to_bucket(),
            genesis: clear,
            entries: BTreeMap::from([(id, header.hlc)]),
            heads: BTreeSet::from([id]),
            epochs: BTreeMap::new(),
            pasts: Pasts::default(),
            capabilities: HashMap::new(),
            grants: HashMap::new(),
            rules,
            authors: HashMap::from([(header.author, vec![(header.seq, id)])]),
            deactivated: None,
            let_in: BTreeMap::new(),
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
    /// after a deactivation, or by who was taken out, do not count.
    pub fn current_epochs(&self) -> Vec<EntryId> {
        let counts = |(id, epoch): &(&EntryId, &EpochInfo)| {
            !self.is_over(epoch.hlc) && self.rules.counts(id)
        };
        let counted = || self.epochs.iter().filter(counts);
        let followed: BTreeSet<&EntryId> = counted().flat_map(|(_, epoch)| &epoch.prev).collect();
        counted().map(|(id, _)| *id).filter(|id| !followed.contains(id)).collect()
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

    /// The members, by entries from before a deactivation: whichever of the two arrived first.
    pub fn members(&self) -> BTreeSet<MemberTag> {
        self.rules.members(|id| !self.entries.get(id).is_some_and(|hlc| self.is_over(*hlc)))
    }

    /// The members, each with when its last chain ends, seconds since 1970.
    pub fn ends(&self) -> BTreeMap<MemberTag, u64> {
        let mut ends = BTreeMap::new();
        for chain in self.chains_in() {
            let Some(last) = chain.last() else { continue };
            let (Some(tag), Some(granted)) = (last.member, self.grants.get(&last.id)) else {
                continue;
            };
            let end = ends.entry(tag).or_insert(0);
            *end = granted.grant.expires().max(*end);
        }
        ends
    }

    /// The members whose time is not over at `now`, seconds since 1970.
    pub fn members_at(&self, now: u64) -> BTreeSet<MemberTag> {
        let ends = self.ends().into_iter();
        ends.filter(|(_, end)| *end > now).map(|(tag, _)| tag).collect()
    }

    /// What members act by and is over at `now`, seconds since 1970, with no revoke that says so.
    pub fn ended(&self, now: u64) -> BTreeSet<Ended> {
        let is_over = |id: &CapabilityId| {
            self.grants.get(id).filter(|granted| granted.grant.expires() <= now)
        };
        let chains = self.chains_in();
        let first = chains.filter_map(|chain| chain.iter().find_map(|it| is_over(&it.id)));
        first.map(|it| Ended { capability: it.grant.capability(), rank: it.grant.rank() }).collect()
    }

    /// The capabilities by which members are in: not those of before they were taken out.
    pub fn capabilities_in(&self) -> BTreeSet<CapabilityId> {
        self.chains_in().filter_map(|chain| chain.last()).map(|last| last.id).collect()
    }

    /// How many different members stand in the chain down to a capability that was carried.
    pub fn rank(&self, id: &CapabilityId) -> Option<usize> {
        self.grants.get(id).map(|granted| granted.grant.rank())
    }

    /// Who was let in under this epoch, beside those it was made for: its key stands in the member
    /// entries.
    pub fn let_in_under(&self, epoch: &EntryId) -> impl Iterator<Item = &MemberTag> {
        self.let_in.get(epoch).into_iter().flatten()
    }

    /// The chains of the members, by entries from before a deactivation.
    fn chains_in(&self) -> impl Iterator<Item = &Chain> {
        self.rules.chains_in(|id| !self.entries.get(id).is_some_and(|hlc| self.is_over(*hlc)))
    }

    /// Whether this control entry counts; for a revoke, whether it stands.
    pub fn counts(&self, id: &EntryId) -> bool {
        self.rules.counts(id) || self.rules.stands(id)
    }

    /// Whether this revoke is here and stands.
    pub fn stands(&self, id: &EntryId) -> bool {
        self.rules.stands(id)
    }

    /// The revokes that stand, ascending by id: what everything else is judged by. Where this
    /// changes, what was judged before must be judged again.
    pub fn standing(&self) -> BTreeSet<EntryId> {
        self.rules.standing().map(|fact| fact.id).collect()
    }

    /// A member entry whose sealed part does not prove what it says counts for nothing, for who can
    /// open sealed parts.
    pub fn doubt(&mut self, id: &EntryId) {
        self.rules.doubt(id);
        self.find_deactivation();
    }

    /// A capability that a member entry carried.
    pub fn capability(&self, id: &CapabilityId) -> Option<&Capability> {
        self.capabilities.get(id)
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
    /// [`Control::insert`], for what may be a message, [`Control::judge_entry`].
    pub fn judge(&self, header: &Header) -> Result<(), ControlError> {
        if header.kind.is_control() || header.bucket != self.bucket {
            return Err(ControlError::Bucket);
        }
        if header.kind == Kind::Message {
            return Err(ControlError::Form);
        }
        let epoch = self.epochs.get(&header.epoch).ok_or(ControlError::Missing)?;
        if header.hlc < epoch.hlc {
            return Err(ControlError::Clock);
        }
        let chain = self.may(header)?;
        let writing = Writing {
            author: &header.author,
            chain: &chain,
            before: self.before(&header.author, header.seq),
            epoch: header.epoch,
        };
        // Of one author a replica holds one chain, see docs/design/who-is-in.md.
        let counts = self.rules.counts_beside(&writing, |cutoff| header.seq <= cutoff.seq);
        if counts { Ok(()) } else { Err(ControlError::Stopped) }
    }

    /// The control entry before this number on an author's chain.
    fn before(&self, author: &AuthorKey, seq: u64) -> Option<EntryId> {
        let entries = self.authors.get(author)?;
        let at = entries.partition_point(|(number, _)| *number < seq);
        entries.get(at.checked_sub(1)?).map(|(_, id)| *id)
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
        let mut carried = Vec::new();
        let mut wraps = false;
        let act = match clear {
            Clear::Epoch(epoch) => {
                prev.clone_from(&epoch.prev);
                self.check_epoch(&EpochInfo { n: epoch.n, prev: epoch.prev, hlc: header.hlc })?;
                Act::Epoch
            }
            Clear::Member(member) => {
                wraps = member.wrap.is_some();
                carried = self.carried(header, &member)?;
                Act::Member(carried.iter().map(|(_, granted)| granted.chain.clone()).collect())
            }
            Clear::Revoke(revoke) => self.revoke(header, &revoke)?,
            _ => return Err(ControlError::Form),
        };
        let chain = self.uses(header, &carried)?;
        let id = entry.id();
        let epoch = Some(header.epoch).filter(|epoch| !epoch.is_zero());
        let names: Vec<EntryId> =
            header.parents.iter().chain(&epoch).chain(&prev).copied().collect();
        let fact = Fact {
            id,
            author: header.author,
            names: names.clone(),
            before: self.before(&header.author, header.seq),
            chain,
            act,
        };
        self.rules.insert(fact).map_err(|error| match error {
            RulesError::Missing => ControlError::Missing,
            RulesError::NotAllowed => ControlError::NotAllowed,
        })?;
        self.keep(&id, header, &names, prev);
        if wraps {
            // Who holds one document got a key of that, and not the epoch's.
            let whole = carried.iter().filter(|(_, it)| it.grant.target().document().is_none());
            let tags = whole.filter_map(|(_, granted)| granted.grant.member());
            self.let_in.entry(header.epoch).or_default().extend(tags);
        }
        for (capability, granted) in carried {
            self.grants.insert(capability.id(), granted);
            self.capabilities.insert(capability.id(), capability);
        }
        Ok(())
    }

    /// Notes an entry the rules have taken.
    fn keep(&mut self, id: &EntryId, header: &Header, names: &[EntryId], prev: Vec<EntryId>) {
        let takes_out = header.kind == Kind::Revoke && self.rules.stands(id);
        self.pasts.insert(*id, names, takes_out);
        if header.kind == Kind::Epoch {
            let n = prev.iter().filter_map(|id| self.epochs.get(id)).map(|it| it.n).max();
            let info = EpochInfo { n: n.unwrap_or(0) + 1, prev, hlc: header.hlc };
            let epochs = &self.epochs;
            let prev_of = |id: &EntryId| epochs.get(id).map_or(&[][..], |it| it.prev.as_slice());
            self.pasts.follow(*id, &info.prev, prev_of);
            self.epochs.insert(*id, info);
        }
        for parent in &header.parents {
            self.heads.remove(parent);
        }
        self.heads.insert(*id);
        self.entries.insert(*id, header.hlc);
        let own = self.authors.entry(header.author).or_default();
        let at = own.partition_point(|(seq, _)| *seq < header.seq);
        own.insert(at, (header.seq, *id));
        if header.kind == Kind::Revoke {
            self.find_deactivation();
        }
    }

    /// When the bucket was deactivated, by the revokes that stand.
    fn find_deactivation(&mut self) {
        let ends = |fact: &&Fact| match &fact.act {
            Act::Revoke { targets, .. } => targets.contains(&RevokeTarget::Bucket),
            _ => false,
        };
        let ended = self.rules.standing().filter(ends).filter_map(|it| self.entries.get(&it.id));
        self.deactivated = ended.min().copied();
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

    /// What a revoke does. Who may is asked of what it reaches; of the bucket, here.
    fn revoke(&self, header: &Header, revoke: &Revoke) -> Result<Act, ControlError> {
        if !self.epochs.contains_key(&header.epoch) {
            return Err(ControlError::Missing);
        }
        let ends = revoke.targets.contains(&RevokeTarget::Bucket);
        if ends && !self.is_root(header) {
            let granted = self.grants.get(&header.cap).ok_or(ControlError::Missing)?;
            if !granted.grant.allows(Action::Admin, &Target::Bucket(self.bucket)) {
                return Err(ControlError::NotAllowed);
            }
        }
        let cutoff = |(author, seq, id): &(AuthorKey, u64, EntryId)| Cutoff {
            author: *author,
            seq: *seq,
            id: *id,
            control: self.before(author, seq.saturating_add(1)),
        };
        let cutoffs = revoke.cutoffs.iter().map(cutoff).collect();
        Ok(Act::Revoke { targets: revoke.targets.clone(), cutoffs })
    }

    /// The capabilities a member entry carries, each with its whole chain.
    fn carried(
        &self,
        header: &Header,
        member: &Member,
    ) -> Result<Vec<(Capability, Granted)>, ControlError> {
        let epoch = self.epochs.get(&header.epoch).ok_or(ControlError::Missing)?;
        if header.hlc < epoch.hlc {
            return Err(ControlError::Clock);
        }
        let mut carried: Vec<(Capability, Granted)> = Vec::new();
        for bytes in &member.capabilities {
            let capability = Capability::decode(bytes).map_err(|_| ControlError::Form)?;
            let chain = self.chain_above(&capability, &carried)?;
            let grant = verify(&chain, &self.judge_at(header.hlc), |_| false)
                .map_err(|_| ControlError::NotAllowed)?;
            if grant.target().bucket() != Some(self.bucket) {
                return Err(ControlError::NotAllowed);
            }
            let chain = Chain::from(grant.elements());
            carried.push((capability, Granted { grant, chain }));
        }
        Ok(carried)
    }

    /// The chain down to a capability that is not here yet.
    fn chain_above(
        &self,
        capability: &Capability,
        beside: &[(Capability, Granted)],
    ) -> Result<CapabilityChain, ControlError> {
        let mut chain = vec![capability.clone()];
        let mut next = capability.claims().parent;
        while let Some(id) = next {
            let above = beside.iter().map(|(it, _)| it).find(|it| it.id() == id);
            let above =
                above.or_else(|| self.capabilities.get(&id)).ok_or(ControlError::Missing)?;
            next = above.claims().parent;
            chain.push(above.clone());
            if chain.len() > crate::limits::CHAIN_LEN_MAX {
                return Err(ControlError::NotAllowed);
            }
        }
        chain.reverse();
        CapabilityChain::new(chain).map_err(|_| ControlError::Missing)
    }

    fn is_root(&self, header: &Header) -> bool {
        header.cap.is_zero() && header.author.public_key() == self.genesis.root_key
    }

    /// What the author of a control entry uses: at its clock, for this bucket. What he may do with
    /// it, the rules say.
    fn uses(
        &self,
        header: &Header,
        carried: &[(Capability, Granted)],
    ) -> Result<Chain, ControlError> {
        if header.cap.is_zero() {
            let root = self.is_root(header);
            return if root { Ok(Chain::from([])) } else { Err(ControlError::NotAllowed) };
        }
        let own = carried.iter().find(|(it, _)| it.id() == header.cap).map(|(_, granted)| granted);
        let own = own.or_else(|| self.grants.get(&header.cap)).ok_or(ControlError::Missing)?;
        let whole = *own.grant.target() == Target::Bucket(self.bucket);
        let enrols = carried.last().is_some_and(|(it, _)| it.id() == header.cap);
        // Who may only put into a drop says nothing of who is in.
        let puts_only = puts_only(&own.chain);
        let holds = own.grant.holder() == Some(header.author.public_key())
            && own.grant.holds_at(header.hlc.secs())
            && (whole || enrols)
            && !puts_only;
        if holds { Ok(own.chain.clone()) } else { Err(ControlError::NotAllowed) }
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

    /// What the author of an entry beside the log uses, if it allows that at the entry's clock.
    fn may(&self, header: &Header) -> Result<Chain, ControlError> {
        // Checkpoints only say what was seen.
        if self.is_over(header.hlc) && header.kind != Kind::Checkpoint {
            return Err(ControlError::Deactivated);
        }
        if header.cap.is_zero() {
            let root = self.is_root(header);
            return if root { Ok(Chain::from([])) } else { Err(ControlError::NotAllowed) };
        }
        let Granted { grant, chain } = self.grants.get(&header.cap).ok_or(ControlError::Missing)?;
        let holds = grant.holder() == Some(header.author.public_key())
            && grant.holds_at(header.hlc.secs())
            && !puts_only(chain)
            && allows_kind(grant, self.bucket, header.kind, header.document);
        if holds { Ok(chain.clone()) } else { Err(ControlError::NotAllowed) }
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
