//! Author chains. Comes in: entries whose bodies match, and where each author's chain stood.
//! Goes out: [`Verified`] entries, in an order in which predecessors come first. Must not know:
//! whether the author may do what it did (see `control`).
//!
//! An entry is authentic if it carries a valid signature, or is reached through `prev` from an
//! authentic entry of the same author in the same bucket. So a run of ten thousand entries costs
//! one signature check and ten thousand hashes.

use std::collections::{BTreeMap, HashMap};
use std::ops::Deref;

use crate::entry::Entry;
use crate::ids::{AuthorKey, BucketId, EntryId};
use crate::signature::KnownKeys;

pub use crate::signature::verify_signature;

/// Something whose authenticity was checked. Only this module makes one from outside bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// The thing itself.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl Verified<Entry> {
    /// An entry read back from this replica's own disk, where only verified entries are written.
    /// The body's hash was checked again by [`Entry::decode`].
    pub const fn danger_from_own_store(entry: Entry) -> Self {
        Self(entry)
    }

    /// An entry this device has just made and signed (or chained to one it will sign).
    pub const fn danger_made_here(entry: Entry) -> Self {
        Self(entry)
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

/// The last entry of an author that a replica holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tip {
    /// Its position.
    pub seq: u64,
    /// Its id.
    pub id: EntryId,
}

/// Why a run of entries is refused. The entry is named, nothing else is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{entry}: {reason}")]
pub struct ChainError {
    /// The entry at fault.
    pub entry: EntryId,
    /// What is wrong with it.
    pub reason: ChainFault,
}

/// What is wrong with an entry's place in its author's chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// It belongs to another bucket.
    #[error("belongs to another bucket")]
    Bucket,
    /// No valid signature covers it.
    #[error("is not signed by its author")]
    Unsigned,
    /// An entry between it and what is known is missing.
    #[error("its predecessor is missing")]
    Gap,
    /// The author has another entry at this place.
    #[error("forks its author's chain")]
    Fork,
    /// Its clock is before its predecessor's.
    #[error("goes back in time")]
    Clock,
}

/// Checks the entry's own signature, strictly (RFC 8032, no malleable forms).
pub fn signature_holds(entry: &Entry) -> bool {
    let Some(signature) = entry.signature() else { return false };
    verify_signature(&entry.header().author.0, &entry.signing_input(), signature)
}

/// Entries whose own signature was found good ahead of [`authenticate_signed`], so that the long
/// part of it can be done where nobody waits for a lock.
#[derive(Debug, Default)]
pub struct Signed(HashMap<EntryId, [u8; 64]>);

impl Signed {
    /// Checks the newest entry of each author: the one whose signature is asked for.
    pub fn check(entries: &[Entry], keys: &KnownKeys) -> Self {
        let mut newest: HashMap<AuthorKey, &Entry> = HashMap::new();
        for entry in entries {
            let kept = newest.entry(entry.header().author).or_insert(entry);
            if entry.header().seq > kept.header().seq {
                *kept = entry;
            }
        }
        let good = newest.into_iter().filter_map(|(author, entry)| {
            let signature = *entry.signature()?;
            let good = keys.verify(&author.0, &entry.signing_input(), &signature);
            good.then(|| (entry.id(), signature))
        });
        Self(good.collect())
    }

    /// Whether this entry's signature is good: looked up, else checked.
    fn holds(&self, entry: &Entry) -> bool {
        let known = entry.signature().is_some_and(|own| self.0.get(&entry.id()) == Some(own));
        known || signature_holds(entry)
    }
}

/// Makes a batch of new entries of one bucket authentic, or names the first that is not.
///
/// `tip` gives the last known entry of an author; what comes in must continue from there without
/// a gap. Entries that are already held must have been taken out before. The batch may come in
/// any order and name an entry twice; what goes out holds each once and every author's entries
/// ascending. (Parents are another matter: see `control`.)
pub fn authenticate(
    bucket: BucketId,
    entries: Vec<Entry>,
    tip: impl Fn(&AuthorKey) -> Option<Tip>,
) -> Result<Vec<Verified<Entry>>, ChainError> {
    authenticate_signed(bucket, entries, &Signed::default(), tip)
}

/// The same, where signatures were checked ahead.
pub fn authenticate_signed(
    bucket: BucketId,
    entries: Vec<Entry>,
    signed: &Signed,
    tip: impl Fn(&AuthorKey) -> Option<Tip>,
) -> Result<Vec<Verified<Entry>>, ChainError> {
    let mut runs: BTreeMap<AuthorKey, Vec<Entry>> = BTreeMap::new();
    let mut order = Vec::with_capacity(entries.len());
    for entry in entries {
        if entry.bucket() != bucket {
            return Err(ChainError { entry: entry.id(), reason: ChainFault::Bucket });
        }
        order.push(entry.header().author);
        runs.entry(entry.header().author).or_default().push(entry);
    }
    let mut sorted = BTreeMap::new();
    for (author, mut run) in runs {
        // Of two copies the one with a good signature is kept, whichever came first; else a
        // stranger's unsigned copy could spoil an honest author's run.
        run.sort_by_key(|entry| (entry.header().seq, entry.id()));
        run.dedup_by(|copy, kept| {
            let same = copy.id() == kept.id();
            if same && copy.signature() != kept.signature() && !signature_holds(kept) {
                core::mem::swap(copy, kept);
            }
            same
        });
        check_run(&run, signed, tip(&author))?;
        sorted.insert(author, run.into_iter());
    }
    // Every author's places in the batch are filled with its entries, ascending.
    Ok(order.iter().filter_map(|author| sorted.get_mut(author)?.next()).map(Verified).collect())
}

/// The same for a part of a bucket: of each author there may be gaps. Every entry is signed, or is
/// followed by the very next of its author, which is authentic; and it comes after the tip. What is
/// left out cannot be told from what was never asked for, so this is for who may read a part only.
pub fn authenticate_sparse(
    bucket: BucketId,
    entries: Vec<Entry>,
    tip: impl Fn(&AuthorKey) -> Option<Tip>,
) -> Result<Vec<Verified<Entry>>, ChainError> {
    let mut runs: BTreeMap<AuthorKey, Vec<&Entry>> = BTreeMap::new();
    for entry in &entries {
        let elsewhere = entry.bucket() != bucket;
        if elsewhere {
            return Err(ChainError { entry: entry.id(), reason: ChainFault::Bucket });
        }
        runs.entry(entry.header().author).or_default().push(entry);
    }
    for (author, mut run) in runs {
        run.sort_by_key(|entry| (entry.header().seq, entry.id()));
        check_sparse(&run, tip(&author))?;
    }
    Ok(entries.into_iter().map(Verified).collect())
}

/// One author's entries, ascending: each after the tip, and covered by a signature.
fn check_sparse(run: &[&Entry], tip: Option<Tip>) -> Result<(), ChainError> {
    let mut before = tip;
    let mut clock = None;
    for entry in run {
        let header = entry.header();
        let fail = |reason| Err(ChainError { entry: entry.id(), reason });
        match before {
            Some(tip) if header.seq <= tip.seq => return fail(ChainFault::Fork),
            Some(tip) if header.seq == tip.seq + 1 && header.prev != tip.id => {
                return fail(ChainFault::Fork);
            }
            _ => {}
        }
        if clock.is_some_and(|clock| header.hlc < clock) {
            return fail(ChainFault::Clock);
        }
        clock = Some(header.hlc);
        before = Some(Tip { seq: header.seq, id: entry.id() });
    }
    // From the end: a good signature covers what its entry names, and what that names.
    let mut covered = EntryId::ZERO;
    for entry in run.iter().rev() {
        if entry.id() != covered && !signature_holds(entry) {
            return Err(ChainError { entry: entry.id(), reason: ChainFault::Unsigned });
        }
        covered = entry.header().prev;
    }
    Ok(())
}

/// One author's run, ascending: unbroken from the tip, and signed at its end.
fn check_run(run: &[Entry], signed: &Signed, tip: Option<Tip>) -> Result<(), ChainError> {
    let mut before = tip;
    let mut clock = None;
    for entry in run {
        let header = entry.header();
        let fail = |reason| Err(ChainError { entry: entry.id(), reason });
        let due = before.map_or(Some(0), |tip| tip.seq.checked_add(1));
        match due {
            Some(due) if header.seq > due => return fail(ChainFault::Gap),
            Some(due) if header.seq == due => {}
            _ => return fail(ChainFault::Fork),
        }
        if header.prev != before.map_or(EntryId::ZERO, |tip| tip.id) {
            return fail(ChainFault::Fork);
        }
        if clock.is_some_and(|clock| header.hlc < clock) {
            return fail(ChainFault::Clock);
        }
        clock = Some(header.hlc);
        before = Some(Tip { seq: header.seq, id: entry.id() });
    }
    // The newest signature covers everything before it: `prev` is a hash of the predecessor.
    match run.last() {
        Some(last) if !signed.holds(last) => {
            Err(ChainError { entry: last.id(), reason: ChainFault::Unsigned })
        }
        _ => Ok(()),
    }
}
