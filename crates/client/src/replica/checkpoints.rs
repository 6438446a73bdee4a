//! What checkpoints leave behind on this device. Comes in: entries as they are taken in, and what
//! checkpoints among them say. Goes out: whether an own one is due, and what others say is there
//! and is not. Must not know: how checkpoints are sealed.
//!
//! Rows: docs/spec/replica.md.

use strongroom_core::checkpoint::{Checkpoint, Claim, Frontier, Witnessed, is_due};
use strongroom_wire::cbor::{CborError, Reader, Writer};
use strongroom_wire::chain::Tip;
use strongroom_wire::entry::{Header, Hlc, Kind};
use strongroom_wire::ids::{AuthorKey, EntryId};
use strongroom_wire::limits::FORK_PROOF_HEADERS_MAX;

use super::rows::Row;

/// Rows read of one list; far above what the writers here make.
const LIST_MAX: usize = 1_000_000;

/// What this device's author has said of a bucket so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    /// Whose chain the rest is about; a device that became another instance starts again.
    pub author: AuthorKey,
    /// Checkpoints it wrote.
    pub number: u64,
    /// Its entries below this place are in one.
    pub covered: u64,
    /// When the oldest entry that is in none was written, milliseconds since 1970; 0: none is.
    pub oldest: u64,
    /// What its checkpoints listed.
    pub listed: Frontier,
}

impl Default for Own {
    fn default() -> Self {
        let listed = Frontier::default();
        Self { author: AuthorKey::ZERO, number: 0, covered: 0, oldest: 0, listed }
    }
}

impl Own {
    /// Counts one own entry.
    fn count(&mut self, header: &Header) {
        if self.author != header.author {
            *self = Self { author: header.author, ..Self::default() };
        }
        if header.kind == Kind::Checkpoint {
            self.number += 1;
            self.covered = header.seq + 1;
            self.oldest = 0;
        } else if self.oldest == 0 {
            self.oldest = header.hlc.millis();
        }
    }

    /// What was written by this author, which is about to write at `next_seq`.
    #[must_use]
    pub fn of(&self, author: AuthorKey) -> Self {
        if self.author == author { self.clone() } else { Self { author, ..Self::default() } }
    }

    /// Own entries that no checkpoint covers.
    pub const fn uncovered(&self, next_seq: u64) -> u64 {
        next_seq.saturating_sub(self.covered)
    }

    /// Whether a transaction of `more` entries now must end in a checkpoint.
    pub const fn is_due(&self, next_seq: u64, more: u64, now_millis: u64) -> bool {
        let age = if self.oldest == 0 { 0 } else { now_millis.saturating_sub(self.oldest) };
        is_due(self.uncovered(next_seq).saturating_add(more), age)
    }
}

/// All that checkpoints leave behind in one bucket. Sealed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CheckpointRow {
    /// This device's own.
    pub own: Own,
    /// The newest checkpoint here, whoever wrote it.
    pub newest: Option<(Hlc, EntryId)>,
    /// What checkpoints say is there and was not here when they came.
    pub witnessed: Witnessed,
    /// Purge entries.
    pub purges: Vec<EntryId>,
    /// What the recovery record says must be here.
    pub due: Option<EntryId>,
}

impl CheckpointRow {
    /// Counts one entry that was taken in.
    pub(super) fn count(&mut self, id: EntryId, header: &Header, own: bool) {
        if own {
            self.own.count(header);
        }
        if header.kind == Kind::Purge {
            self.purges.push(id);
        }
    }

    /// Notes what a checkpoint says, once its entry was counted.
    pub(super) fn witness(&mut self, id: EntryId, header: &Header, said: &Checkpoint, own: bool) {
        self.newest = self.newest.max(Some((header.hlc, id)));
        if own && self.own.author == header.author {
            said.note_listed(&mut self.own.listed);
        }
        self.witnessed.add(id, said.tips.iter().copied());
    }
}

fn write_tip(w: &mut Writer, author: AuthorKey, tip: Tip) {
    w.bytes(&author.0).uint(tip.seq).bytes(&tip.id.0);
}

fn read_tip(r: &mut Reader<'_>) -> Result<(AuthorKey, Tip), CborError> {
    let author = AuthorKey(r.bytes_exact()?);
    Ok((author, Tip { seq: r.uint()?, id: EntryId(r.bytes_exact()?) }))
}

impl Row for CheckpointRow {
    fn write(&self, w: &mut Writer) {
        let own = &self.own;
        w.array(5).array(5).bytes(&own.author.0).uint(own.number).uint(own.covered);
        w.uint(own.oldest).array(own.listed.iter().count());
        for (author, tip) in own.listed.iter() {
            w.array(3);
            write_tip(w, author, tip);
        }
        w.option(self.newest, |w, (hlc, id)| {
            w.array(2).uint(hlc.0).bytes(&id.0);
        });
        w.array(self.witnessed.iter().count());
        for (author, claim) in self.witnessed.iter() {
            w.array(4);
            write_tip(w, author, claim.due);
            w.bytes(&claim.by.0);
        }
        w.array(self.purges.len());
        for id in &self.purges {
            w.bytes(&id.0);
        }
        w.option(self.due, |w, id| {
            w.bytes(&id.0);
        });
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        r.array_exact(5)?;
        r.array_exact(5)?;
        let mut own = Own {
            author: AuthorKey(r.bytes_exact()?),
            number: r.uint()?,
            covered: r.uint()?,
            oldest: r.uint()?,
            listed: Frontier::default(),
        };
        let mut last = None;
        for _ in 0..r.array(LIST_MAX)? {
            r.array_exact(3)?;
            let (author, tip) = read_tip(r)?;
            if last.replace(author) >= Some(author) {
                return Err(CborError::Order);
            }
            own.listed.set(author, tip);
        }
        let newest = r.option(|r| {
            r.array_exact(2)?;
            Ok((Hlc(r.uint()?), EntryId(r.bytes_exact()?)))
        })?;
        let mut witnessed = Witnessed::default();
        let mut claims = Vec::new();
        for _ in 0..r.array(LIST_MAX)? {
            r.array_exact(4)?;
            let (author, due) = read_tip(r)?;
            let by = EntryId(r.bytes_exact()?);
            witnessed.add(by, [(author, due)]);
            claims.push((author, Claim { due, by }));
        }
        if !witnessed.iter().eq(claims) {
            return Err(CborError::Order);
        }
        let count = r.array(LIST_MAX)?;
        let purges =
            (0..count).map(|_| r.bytes_exact().map(EntryId)).collect::<Result<_, CborError>>()?;
        let due = r.option(|r| r.bytes_exact().map(EntryId))?;
        Ok(Self { own, newest, witnessed, purges, due })
    }
}

/// A fork proof, as core encodes it. Sealed: it names an author, and who reads this device's disk
/// need not know whom it accuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForkRow(pub Vec<u8>);

impl Row for ForkRow {
    fn write(&self, w: &mut Writer) {
        w.bytes(&self.0);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        // Two sides of headers of at most a kibibyte each, and what is around them.
        r.bytes(2 * FORK_PROOF_HEADERS_MAX * 1_100).map(|bytes| Self(bytes.to_vec()))
    }
}

/// When the recovery record at a provider was last put, or seen to have been put by another
/// device. Sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordRow {
    /// Seconds since 1970.
    pub put_at: u64,
    /// The checkpoint of the vault's own bucket that it names.
    pub checkpoint: Option<EntryId>,
}

impl Row for RecordRow {
    fn write(&self, w: &mut Writer) {
        w.array(2).uint(self.put_at).option(self.checkpoint, |w, id| {
            w.bytes(&id.0);
        });
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        r.array_exact(2)?;
        Ok(Self { put_at: r.uint()?, checkpoint: r.option(|r| r.bytes_exact().map(EntryId))? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_read_what_they_wrote() {
        let tip = |seq, id| Tip { seq, id: EntryId([id; 32]) };
        let mut row = CheckpointRow { due: Some(EntryId([5; 32])), ..CheckpointRow::default() };
        row.own = Own { author: AuthorKey([1; 32]), number: 3, covered: 9, oldest: 7, ..row.own };
        row.own.listed.set(AuthorKey([2; 32]), tip(4, 4));
        row.newest = Some((Hlc(8), EntryId([6; 32])));
        row.witnessed.add(EntryId([6; 32]), [(AuthorKey([2; 32]), tip(4, 4))]);
        row.witnessed.add(EntryId([7; 32]), [(AuthorKey([2; 32]), tip(4, 5))]);
        row.purges = vec![EntryId([3; 32])];
        assert_eq!(CheckpointRow::decode(&row.encode()), Ok(row));
        let record = RecordRow { put_at: 1, checkpoint: Some(EntryId([1; 32])) };
        assert_eq!(RecordRow::decode(&record.encode()), Ok(record));
        assert_eq!(ForkRow::decode(&ForkRow(vec![1]).encode()), Ok(ForkRow(vec![1])));
    }

    #[test]
    fn one_is_due_by_number_by_age_and_never_for_nothing() {
        let own = Own { covered: 10, oldest: 1_000, ..Own::default() };
        assert_eq!(own.uncovered(12), 2);
        assert!(!own.is_due(12, 61, 1_000) && own.is_due(12, 62, 1_000));
        assert!(!own.is_due(12, 1, 600_999) && own.is_due(12, 1, 601_000));
        let covered = Own { oldest: 0, ..own };
        assert!(!covered.is_due(10, 0, u64::MAX) && !covered.is_due(10, 1, u64::MAX));
    }

    #[test]
    fn another_instance_starts_again() {
        let own = Own { author: AuthorKey([1; 32]), number: 3, covered: 9, ..Own::default() };
        assert_eq!(own.of(AuthorKey([1; 32])), own);
        assert_eq!(own.of(AuthorKey([2; 32])).uncovered(4), 4);
    }
}
