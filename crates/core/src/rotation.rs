//! L2 · Renewing epochs. Takes a bucket's control log, the epochs a member holds and its members'
//! agree keys; gives the epoch to seal under, or the next one with what is sealed under it. Must
//! not know: clocks, disks, when a write is due.
//!
//! An epoch is *fresh* if its recipients are a subset of the members computed from everything
//! seen (docs/spec/epoch.md). A writer seals under a fresh epoch only, and makes the next one where
//! there is none, where the one there is has been in use for long enough, or where two devices made
//! one at the same time. The new epoch is the first entry of the transaction that needed it.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_seal::aead::SealError;
use strongroom_seal::epoch::seal_back;
use strongroom_seal::kem::KemPublic;
use strongroom_seal::keys::{DeviceSecret, EpochKey, NameKey, TagKey};
use strongroom_seal::rng::Rng;
use strongroom_seal::sealing::Sealing;
use strongroom_seal::wrap::{Place, pad_wraps, wrap};
use strongroom_wire::chain::Verified;
use strongroom_wire::clear::{Clear, Epoch};
use strongroom_wire::control::Control;
use strongroom_wire::entry::{Entry, Header, Hlc, Kind};
use strongroom_wire::ids::{EntryId, MemberTag};
use strongroom_wire::limits::{EPOCH_AGE_MS, EPOCH_ENTRIES, EPOCH_PREV_MAX};

use crate::joining::epoch_body;
use crate::keyring::Keyring;
use crate::parts::EpochBody;
use crate::writer::{self, Author, BodyKey, ChainPosition, Planned, Under};

/// After how much an epoch is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Milliseconds since it was made.
    pub age_ms: u64,
    /// Entries since it was made. The transaction that is written when it is full is the first
    /// under the next one, so an epoch may be overfull by one transaction.
    pub entries: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { age_ms: EPOCH_AGE_MS, entries: EPOCH_ENTRIES }
    }
}

/// Why nothing can be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RotationError {
    /// This member holds no epoch of the bucket.
    #[error("no epoch of this bucket can be opened here")]
    NoEpoch,
    /// Every epoch held here would give what is sealed to somebody who is no member, and this
    /// author may not make another.
    #[error("somebody who is no member can open every epoch held here")]
    NotFresh,
    /// The next epoch would be for somebody who is no member.
    #[error("an epoch cannot be made for somebody who is no member")]
    NoMember,
    /// How this bucket seals is not known here.
    #[error("the bucket's genesis is not here")]
    NoGenesis,
    /// Sealing failed.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// An epoch that this member holds, and that no other it holds follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Current {
    /// The epoch.
    pub id: EntryId,
    /// Its number.
    pub n: u64,
    /// When it was made.
    pub hlc: Hlc,
    /// Whether its recipients are all members.
    pub fresh: bool,
    /// Whether it is from before a member closed a key of its own, and with it changed what epochs
    /// are wrapped to: whoever may makes the next.
    pub due: bool,
}

/// Whether all whom an epoch was made for are members, and its name key is the bucket's: with
/// another every tag would move.
pub fn is_fresh(body: &EpochBody, members: &BTreeSet<MemberTag>, names: &NameKey) -> bool {
    body.recipients.iter().all(|tag| members.contains(tag))
        && body.name_key.to_secret_bytes() == names.to_secret_bytes()
}

/// The epochs a writer may go on from, newest first: by number, then id. Those that this member
/// was left out of are not among them; that takes nothing from it unless it was revoked. `now`:
/// seconds since 1970; whose time is over is no member any more, and neither an epoch made for him
/// nor one that he was let in under is fresh.
pub fn current(
    control: &Control,
    keyring: &Keyring,
    names: &NameKey,
    epochs: &[Verified<Entry>],
    now: u64,
) -> Vec<Current> {
    let infos: BTreeMap<_, _> = control.epochs().collect();
    let mut followed = BTreeSet::new();
    let mut stack: Vec<&EntryId> =
        infos.iter().filter(|(id, _)| keyring.has(id)).flat_map(|(_, info)| &info.prev).collect();
    while let Some(id) = stack.pop() {
        if followed.insert(*id) {
            stack.extend(infos.get(id).into_iter().flat_map(|info| &info.prev));
        }
    }
    let members = control.members_at(now);
    let mut current: Vec<Current> = infos
        .iter()
        .filter(|(id, _)| keyring.has(id) && !followed.contains(**id))
        .map(|(id, info)| {
            let entry = epochs.iter().find(|entry| entry.id() == **id);
            let body = entry.and_then(|entry| epoch_body(keyring, entry).ok());
            let fresh = body.is_some_and(|body| is_fresh(&body, &members, names))
                && control.let_in_under(id).all(|tag| members.contains(tag));
            let due = !control.follows_closings(id);
            Current { id: **id, n: info.n, hlc: info.hlc, fresh, due }
        })
        .collect();
    current.sort_unstable_by_key(|epoch| std::cmp::Reverse((epoch.n, epoch.id)));
    current
}

/// What a writer does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// It seals under this epoch.
    Write(EntryId),
    /// It makes one that follows these, ascending.
    Renew(Vec<EntryId>),
}

/// How much the newest epoch has been in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    /// Entries seen since it.
    pub entries: u64,
    /// The writer's clock, milliseconds since 1970.
    pub now: u64,
}

impl Use {
    /// Whether an epoch made then has been in use for long enough.
    pub const fn is_over(&self, made: Hlc, limits: &Limits) -> bool {
        self.entries >= limits.entries || self.now.saturating_sub(made.millis()) >= limits.age_ms
    }
}

/// Chooses among the epochs of [`current`]. `may_renew`: this author may make epochs, and knows
/// the agree key of every member.
pub fn choose(
    current: &[Current],
    used: Use,
    limits: &Limits,
    may_renew: bool,
) -> Result<Choice, RotationError> {
    let newest = current.first().ok_or(RotationError::NoEpoch)?;
    let alone = current.len() == 1;
    if alone && newest.fresh && !newest.due && !used.is_over(newest.hlc, limits) {
        return Ok(Choice::Write(newest.id));
    }
    if may_renew {
        let mut prev: Vec<_> = current.iter().take(EPOCH_PREV_MAX).map(|epoch| epoch.id).collect();
        prev.sort_unstable();
        return Ok(Choice::Renew(prev));
    }
    // Old is better than not at all; somebody with the right will renew it.
    let fresh = current.iter().find(|epoch| epoch.fresh);
    fresh.map(|epoch| Choice::Write(epoch.id)).ok_or(RotationError::NotFresh)
}

/// Somebody the next epoch is for.
#[derive(Debug, Clone, Copy)]
pub struct Recipient<'a> {
    /// Its tag in this bucket.
    pub tag: MemberTag,
    /// Its agree key.
    pub agree: &'a KemPublic,
    /// By which it finds its wrap.
    pub tag_key: &'a TagKey,
    /// Whether it gets the content key alone: it is in "from now on".
    pub from_now: bool,
}

/// The next epoch.
#[derive(Debug)]
pub struct Renewal<'a> {
    /// What its maker has seen.
    pub control: &'a Control,
    /// Holds the keys of the epochs before.
    pub keyring: &'a Keyring,
    /// Copied from the epochs before.
    pub names: &'a NameKey,
    /// The epochs it follows, ascending.
    pub prev: &'a [EntryId],
    /// Whom it is for.
    pub recipients: &'a [Recipient<'a>],
}

/// A transaction that began with a new epoch.
#[derive(Debug)]
pub struct Renewed {
    /// The epoch's entry, then all others under it, in chain order.
    pub entries: Vec<Verified<Entry>>,
    /// The epoch.
    pub epoch: EntryId,
    /// Its key.
    pub key: EpochKey,
    /// The author's chain after it all.
    pub position: ChainPosition,
}

/// An epoch that something is about to be sealed under.
#[derive(Debug, Clone, Copy)]
pub struct NewEpoch<'a> {
    /// Its entry.
    pub id: EntryId,
    /// Its number.
    pub n: u64,
    /// Its key.
    pub key: &'a EpochKey,
}

/// Seals a transaction under a new epoch, which is its first entry: one clock, one chain, one
/// commit. See [`writer::seal_transaction`] for the rest.
pub fn seal_renewing(
    author: &Author<'_>,
    renewal: &Renewal<'_>,
    planned: &[Planned],
    position: ChainPosition,
    now: u64,
    rng: &mut impl Rng,
) -> Result<Renewed, RotationError> {
    seal_renewing_with(author, renewal, |_| Ok(planned.to_vec()), position, now, rng)
}

/// The same, where what is sealed depends on the epoch: keys for who holds a document alone.
pub fn seal_renewing_with<E: From<RotationError>>(
    author: &Author<'_>,
    renewal: &Renewal<'_>,
    plan: impl FnOnce(NewEpoch<'_>) -> Result<Vec<Planned>, E>,
    position: ChainPosition,
    now: u64,
    rng: &mut impl Rng,
) -> Result<Renewed, E> {
    let mut position = position.later(now);
    let key = EpochKey::generate(rng);
    let sealing = renewal.keyring.sealing().map_err(|_| RotationError::NoGenesis)?;
    let entry = renewal.seal(author, sealing, &key, position, rng)?;
    position.next_seq += 1;
    position.prev = entry.id();
    let bucket = renewal.control.bucket();
    let content = key.content(bucket);
    let under = Under { bucket, epoch: entry.id(), content: &content, sealing };
    let epoch = entry.id();
    let planned = plan(NewEpoch { id: epoch, n: renewal.number()?, key: &key })?;
    let mut entries = vec![entry];
    let sealed = writer::seal_at(author, &under, &planned, position, rng);
    let (rest, position) = sealed.map_err(RotationError::from)?;
    entries.extend(rest);
    Ok(Renewed { entries, epoch, key, position })
}

impl Renewal<'_> {
    /// The number of the epoch: 1 + the largest of those it follows.
    fn number(&self) -> Result<u64, RotationError> {
        let infos: BTreeMap<_, _> = self.control.epochs().collect();
        let numbers = self.prev.iter().map(|id| infos.get(id).map(|info| info.n));
        let largest = numbers.collect::<Option<Vec<_>>>().ok_or(RotationError::NoEpoch)?;
        Ok(largest.into_iter().max().unwrap_or(0) + 1)
    }

    fn seal(
        &self,
        author: &Author<'_>,
        sealing: Sealing,
        key: &EpochKey,
        position: ChainPosition,
        rng: &mut impl Rng,
    ) -> Result<Verified<Entry>, RotationError> {
        let members = self.control.members();
        if self.recipients.iter().any(|one| !members.contains(&one.tag)) {
            return Err(RotationError::NoMember);
        }
        let n = self.number()?;
        let mut before = Vec::with_capacity(self.prev.len());
        for id in self.prev {
            before.push((*id, self.keyring.epoch(id).ok_or(RotationError::NoEpoch)?));
        }
        let draft = EpochDraft {
            n,
            before: &before,
            recipients: self.recipients,
            key,
            names: self.names,
            sealing,
        };
        let header = Header {
            parents: self.control.parents(),
            ..author.header(self.control.bucket(), Kind::Epoch, position)
        };
        let entry = draft.seal(author.device, header, rng)?;
        let signed = writer::sign_entry(entry, |input| author.key.sign(input));
        Ok(Verified::danger_made_here(signed))
    }
}

/// What an epoch says, before it is sealed. The first of a bucket follows none.
pub(crate) struct EpochDraft<'a> {
    pub n: u64,
    /// Ascending by id.
    pub before: &'a [(EntryId, &'a EpochKey)],
    pub recipients: &'a [Recipient<'a>],
    pub key: &'a EpochKey,
    pub names: &'a NameKey,
    pub sealing: Sealing,
}

impl EpochDraft<'_> {
    /// The epoch's entry, not signed yet.
    pub(crate) fn seal(
        &self,
        device: &DeviceSecret,
        mut header: Header,
        rng: &mut impl Rng,
    ) -> Result<Entry, SealError> {
        let bucket = header.bucket;
        let place = Place { suite: self.sealing.suite, bucket, n: self.n };
        let content = self.key.content(bucket);
        let mut wraps = Vec::with_capacity(self.recipients.len());
        for one in self.recipients {
            wraps.push(if one.from_now {
                wrap(place, &content, one.agree, one.tag_key, rng)?
            } else {
                wrap(place, self.key, one.agree, one.tag_key, rng)?
            });
        }
        let history = self.key.history(bucket);
        let mut back = Vec::with_capacity(self.before.len());
        for (id, old) in self.before {
            back.push(seal_back(place.suite, &history, *id, old)?);
        }
        let clear = Clear::Epoch(Epoch {
            n: self.n,
            prev: self.before.iter().map(|(id, _)| *id).collect(),
            commit_e: self.key.commitment().0,
            commit_ck: content.commitment().0,
            wraps: pad_wraps(place, wraps, rng)?,
            back,
            child: Vec::new(),
            drop_key: None,
        })
        .encode();
        let mut recipients: Vec<_> = self.recipients.iter().map(|one| one.tag).collect();
        recipients.sort_unstable();
        recipients.dedup();
        let name_key = NameKey::from_secret_bytes(&self.names.to_secret_bytes());
        let plain = EpochBody { recipients, name_key }.encode();
        let under = BodyKey { content: &content, sealing: self.sealing };
        let sealed = writer::seal_body(device, under, &mut header, &clear, &plain, rng)?;
        Ok(Entry::assemble(header, clear, sealed))
    }
}
