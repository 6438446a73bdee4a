//! L1 · Checkpoints: what a device has seen in a bucket, said so that others can hold a provider
//! to it. Takes frontiers, and a way to look into the own replica; gives sealed parts, and what is
//! missing. Must not know: how entries are fetched, what they say.
//!
//! R1: no device accepts a state below its own stored frontier. R2: what is inside any checkpoint
//! seen must be obtainable. R3: two entries of one author at one place are a [`ForkProof`].
//! Bytes: docs/spec/checkpoint.md. Golden files: vectors/checkpoint/.

mod fork;

use std::collections::BTreeMap;

use strongroom_wire::cbor::{CborError, Reader, Writer, strictly_ascending};
use strongroom_wire::chain::Tip;
use strongroom_wire::ids::{AuthorKey, EntryId, KeyEventId, PrincipalId};
use strongroom_wire::limits::{CHECKPOINT_AUTHORS_MAX, CHECKPOINT_MEMBERS_MAX};

pub use fork::{Fork, ForkProof, ForkProofError};

/// Own entries no checkpoint covers, above which one is due.
pub const ENTRIES_MAX: u64 = 64;
/// Milliseconds an own entry may stay without a checkpoint.
pub const AGE_MAX_MS: u64 = 600_000;
/// Every so many checkpoints of an author, one lists all authors.
pub const FULL_EVERY: u64 = 16;

/// Whether a checkpoint is due: `uncovered` own entries are in none, the oldest of them written
/// `age_ms` ago.
pub const fn is_due(uncovered: u64, age_ms: u64) -> bool {
    uncovered >= ENTRIES_MAX || (uncovered > 0 && age_ms >= AGE_MAX_MS)
}

/// Whether an author's `number`-th checkpoint (from 0) lists all authors.
pub const fn is_full(number: u64) -> bool {
    number.is_multiple_of(FULL_EVERY)
}

/// The last entry seen of every author.
///
/// ```
/// use strongroom_core::checkpoint::Frontier;
/// use strongroom_wire::{chain::Tip, ids::{AuthorKey, EntryId}};
/// let mut frontier = Frontier::default();
/// frontier.set(AuthorKey([1; 32]), Tip { seq: 4, id: EntryId([9; 32]) });
/// assert_eq!(frontier.count(), 5);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier(BTreeMap<AuthorKey, Tip>);

impl Frontier {
    /// Notes an author's last entry.
    pub fn set(&mut self, author: AuthorKey, tip: Tip) {
        self.0.insert(author, tip);
    }

    /// An author's last entry.
    pub fn tip(&self, author: &AuthorKey) -> Option<Tip> {
        self.0.get(author).copied()
    }

    /// All, ascending by author.
    pub fn iter(&self) -> impl Iterator<Item = (AuthorKey, Tip)> {
        self.0.iter().map(|(author, tip)| (*author, *tip))
    }

    /// How many entries lie at or before it.
    pub fn count(&self) -> u64 {
        self.0.values().fold(0, |sum: u64, tip| sum.saturating_add(tip.seq).saturating_add(1))
    }

    /// BLAKE3 of author ‖ seq u64 ‖ id of every author, ascending.
    pub fn root(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        for (author, tip) in &self.0 {
            hasher.update(&author.0).update(&tip.seq.to_be_bytes()).update(&tip.id.0);
        }
        *hasher.finalize().as_bytes()
    }
}

impl FromIterator<(AuthorKey, Tip)> for Frontier {
    fn from_iter<T: IntoIterator<Item = (AuthorKey, Tip)>>(tips: T) -> Self {
        Self(tips.into_iter().collect())
    }
}

/// BLAKE3 of all purge entries' ids, ascending.
pub fn purge_root(purges: impl IntoIterator<Item = EntryId>) -> [u8; 32] {
    let mut ids: Vec<_> = purges.into_iter().collect();
    ids.sort_unstable();
    ids.dedup();
    let mut hasher = blake3::Hasher::new();
    for id in ids {
        hasher.update(&id.0);
    }
    *hasher.finalize().as_bytes()
}

/// Sealed part of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Root over all authors, listed or not.
    pub frontier_root: [u8; 32],
    /// Whether `tips` lists all authors.
    pub full: bool,
    /// Authors that changed since the last checkpoint of this author, ascending.
    pub tips: Vec<(AuthorKey, Tip)>,
    /// Key-log heads of members of this bucket (in the vault bucket: of all contacts), ascending
    /// by principal. Only those: no member shall read another's address book.
    pub members: Vec<(PrincipalId, KeyEventId)>,
    /// See [`purge_root`].
    pub purge_root: [u8; 32],
    /// Entries at or before the frontier.
    pub count: u64,
}

/// Why a checkpoint does not hold together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not the canonical form.
    #[error("not a checkpoint: {0}")]
    Form(#[from] CborError),
    /// Root or count are not those of its list.
    #[error("a checkpoint's root does not match its list; one before it is missing")]
    Root,
}

impl Checkpoint {
    /// What this device says now. `listed` is what its earlier checkpoints named (none: list
    /// all); call [`Checkpoint::note_listed`] once it is written. Of more changed authors or
    /// members than fit, the rest is left to the next one.
    pub fn build(
        frontier: &Frontier,
        listed: Option<&Frontier>,
        members: &[(PrincipalId, KeyEventId)],
        purge_root: [u8; 32],
    ) -> Self {
        let news = |(author, tip): &(AuthorKey, Tip)| {
            listed.is_none_or(|listed| listed.tip(author) != Some(*tip))
        };
        let tips: Vec<_> = frontier.iter().filter(news).take(CHECKPOINT_AUTHORS_MAX).collect();
        let mut members = members.to_vec();
        members.sort_unstable();
        members.dedup_by_key(|member| member.0);
        members.truncate(CHECKPOINT_MEMBERS_MAX);
        Self {
            frontier_root: frontier.root(),
            full: tips.len() == frontier.0.len(),
            tips,
            members,
            purge_root,
            count: frontier.count(),
        }
    }

    /// Adds what this checkpoint lists to what was listed before.
    pub fn note_listed(&self, listed: &mut Frontier) {
        for (author, tip) in &self.tips {
            listed.set(*author, *tip);
        }
    }

    /// The whole frontier it speaks of: its list over what the author's checkpoints before it
    /// listed. An error means that one of those is missing here, or that it was not honest.
    pub fn frontier(&self, listed: &Frontier) -> Result<Frontier, CheckpointError> {
        let mut frontier = if self.full { Frontier::default() } else { listed.clone() };
        self.note_listed(&mut frontier);
        if frontier.root() == self.frontier_root && frontier.count() == self.count {
            Ok(frontier)
        } else {
            Err(CheckpointError::Root)
        }
    }

    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::with_capacity(self.tips.len() * 80 + self.members.len() * 70 + 96);
        w.array(6).bytes(&self.frontier_root).bool(self.full).array(self.tips.len());
        for (author, tip) in &self.tips {
            w.array(3).bytes(&author.0).uint(tip.seq).bytes(&tip.id.0);
        }
        w.array(self.members.len());
        for (principal, head) in &self.members {
            w.array(2).bytes(&principal.0).bytes(&head.0);
        }
        w.bytes(&self.purge_root).uint(self.count);
        w.into_bytes()
    }

    /// Reads the canonical bytes. One that lists all authors is checked against its own root.
    pub fn decode(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let mut r = Reader::new(bytes);
        r.array_exact(6)?;
        let checkpoint = Self {
            frontier_root: r.bytes_exact()?,
            full: r.bool()?,
            tips: read_tips(&mut r)?,
            members: read_members(&mut r)?,
            purge_root: r.bytes_exact()?,
            count: r.uint()?,
        };
        r.end()?;
        if checkpoint.full {
            checkpoint.frontier(&Frontier::default())?;
        }
        Ok(checkpoint)
    }
}

fn read_tips(r: &mut Reader<'_>) -> Result<Vec<(AuthorKey, Tip)>, CborError> {
    let count = r.array(CHECKPOINT_AUTHORS_MAX)?;
    let tips = (0..count)
        .map(|_| {
            r.array_exact(3)?;
            let author = AuthorKey(r.bytes_exact()?);
            Ok((author, Tip { seq: r.uint()?, id: EntryId(r.bytes_exact()?) }))
        })
        .collect::<Result<Vec<_>, CborError>>()?;
    let authors: Vec<_> = tips.iter().map(|tip| tip.0).collect();
    if strictly_ascending(&authors) { Ok(tips) } else { Err(CborError::Order) }
}

fn read_members(r: &mut Reader<'_>) -> Result<Vec<(PrincipalId, KeyEventId)>, CborError> {
    let count = r.array(CHECKPOINT_MEMBERS_MAX)?;
    let members = (0..count)
        .map(|_| {
            r.array_exact(2)?;
            Ok((PrincipalId(r.bytes_exact()?), KeyEventId(r.bytes_exact()?)))
        })
        .collect::<Result<Vec<_>, CborError>>()?;
    let principals: Vec<_> = members.iter().map(|member| member.0).collect();
    if strictly_ascending(&principals) { Ok(members) } else { Err(CborError::Order) }
}

/// Something that was seen, or said to be seen, and is not what the replica holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortfall {
    /// Whose entry.
    pub author: AuthorKey,
    /// What ought to be there.
    pub due: Tip,
    /// What stands at its place instead: a fork. None: it is missing.
    pub found: Option<EntryId>,
}

/// What of `tips` is not in a replica. `id_at` gives the id it holds of an author at a seq; an
/// entry whose sealed part was purged is still held.
///
/// With the device's own stored frontier this is R1: a state with any shortfall is refused.
pub fn shortfalls(
    tips: impl IntoIterator<Item = (AuthorKey, Tip)>,
    id_at: impl Fn(&AuthorKey, u64) -> Option<EntryId>,
) -> Vec<Shortfall> {
    tips.into_iter()
        .filter_map(|(author, due)| {
            let found = id_at(&author, due.seq);
            (found != Some(due.id)).then_some(Shortfall { author, due, found })
        })
        .collect()
}

/// One thing a checkpoint says is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The entry.
    pub due: Tip,
    /// The checkpoint that says so.
    pub by: EntryId,
}

/// What a checkpoint speaks of and the replica does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Withheld {
    /// The checkpoint.
    pub by: EntryId,
    /// What is missing, or what stands in its place.
    pub shortfall: Shortfall,
}

/// Contradicting claims about one author that are kept; more say nothing new.
const CONTRADICTIONS_MAX: usize = 16;

/// R2: everything any valid checkpoint spoke of, per author the highest. What is below it follows
/// from the author's chain.
///
/// ```
/// use strongroom_core::checkpoint::Witnessed;
/// use strongroom_wire::{chain::Tip, ids::{AuthorKey, EntryId}};
/// let mut seen = Witnessed::default();
/// let tip = Tip { seq: 4, id: EntryId([9; 32]) };
/// seen.add(EntryId([7; 32]), [(AuthorKey([1; 32]), tip)]);
/// assert_eq!(seen.withheld(|_, _| None).len(), 1);
/// assert!(seen.withheld(|_, _| Some(EntryId([9; 32]))).is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Witnessed(BTreeMap<AuthorKey, Vec<Claim>>);

impl Witnessed {
    /// Adds the list of the checkpoint `by`. Claims that contradict each other are both kept: one
    /// of them is a fork, and hiding either would hide it.
    pub fn add(&mut self, by: EntryId, tips: impl IntoIterator<Item = (AuthorKey, Tip)>) {
        for (author, due) in tips {
            let claims = self.0.entry(author).or_default();
            let highest = claims.first().map_or(0, |claim| claim.due.seq);
            if due.seq > highest {
                claims.clear();
            }
            let known = claims.iter().any(|claim| claim.due == due);
            if due.seq >= highest && !known && claims.len() < CONTRADICTIONS_MAX {
                claims.push(Claim { due, by });
            }
        }
    }

    /// All claims, ascending by author.
    pub fn iter(&self) -> impl Iterator<Item = (AuthorKey, Claim)> {
        self.0.iter().flat_map(|(author, claims)| claims.iter().map(|claim| (*author, *claim)))
    }

    /// Whether nothing is claimed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets claims about entries that are here: a replica loses none.
    pub fn settle(&mut self, mut here: impl FnMut(EntryId) -> bool) {
        self.0.retain(|_, claims| {
            claims.retain(|claim| !here(claim.due.id));
            !claims.is_empty()
        });
    }

    /// What must be obtainable and is not. While this is not empty the bucket is *withheld*.
    pub fn withheld(&self, id_at: impl Fn(&AuthorKey, u64) -> Option<EntryId>) -> Vec<Withheld> {
        self.iter()
            .filter_map(|(author, claim)| {
                let found = shortfalls([(author, claim.due)], &id_at);
                found.first().map(|shortfall| Withheld { by: claim.by, shortfall: *shortfall })
            })
            .collect()
    }
}
