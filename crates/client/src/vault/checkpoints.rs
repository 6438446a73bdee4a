//! Checkpoints of this vault's buckets. Comes in: what this device has seen, and what others say
//! they have. Goes out: an own checkpoint where one is due, at the end of a transaction that is
//! written anyway; and what somebody saw that no provider gives: the bucket is *withheld*. Must
//! not know: sockets.
//!
//! Rules R1 to R3: docs/spec/checkpoint.md.

use strongroom_core::checkpoint::{Checkpoint, Frontier, is_full, purge_root};
use strongroom_core::writer::{Author, ChainPosition, Planned, seal_closing, seal_transaction};
use strongroom_wire::chain::{Tip, Verified};
use strongroom_wire::clear::Clear;
use strongroom_wire::entry::{Entry, Kind};
use strongroom_wire::ids::{AuthorKey, DocumentTag, EntryId, KeyEventId, PrincipalId};

use super::create::StoredKeyLog;
use super::documents::KEY_LOG;
use super::{Bucket, Vault};
use crate::error::Result;
use crate::random::SystemRng;
use crate::replica::checkpoints::CheckpointRow;
use crate::replica::index::{Intake, Taken};
use crate::replica::keys::{self, BucketNo};
use crate::replica::rows::BucketRecord;
use crate::report::Withheld;

/// Everything a checkpoint is made of but the place of the own chain before it.
pub(crate) struct Due {
    author: AuthorKey,
    frontier: Frontier,
    listed: Option<Frontier>,
    members: Vec<(PrincipalId, KeyEventId)>,
    purge_root: [u8; 32],
}

impl Due {
    /// The checkpoint after the entry at which the own chain stands.
    pub(crate) fn at(mut self, position: ChainPosition) -> (Planned, Checkpoint) {
        if let Some(seq) = position.next_seq.checked_sub(1) {
            self.frontier.set(self.author, Tip { seq, id: position.prev });
        }
        let said =
            Checkpoint::build(&self.frontier, self.listed.as_ref(), &self.members, self.purge_root);
        let planned = Planned {
            document: DocumentTag::ZERO,
            kind: Kind::Checkpoint,
            parents: Vec::new(),
            generation: 0,
            clear: Clear::Checkpoint.encode(),
            plain: said.encode(),
        };
        (planned, said)
    }
}

impl Vault {
    /// What a transaction of `more` entries must end in, if the time has come.
    pub(crate) fn checkpoint_due(
        &self,
        bucket: &Bucket,
        intake: &Intake<'_>,
        more: usize,
    ) -> Result<Option<Due>> {
        let own = intake.checkpoints().own.of(bucket.author.author());
        let next = intake.tip().position.next_seq;
        if !own.is_due(next, more as u64, self.clock.now_millis()) {
            return Ok(None);
        }
        self.checkpoint_of(bucket, intake.checkpoints()).map(Some)
    }

    fn checkpoint_of(&self, bucket: &Bucket, row: &CheckpointRow) -> Result<Due> {
        let author = bucket.author.author();
        let own = row.own.of(author);
        let mut members = Vec::new();
        if let Some(bytes) = self.internal(&self.vault_bucket()?, KEY_LOG)? {
            let log = StoredKeyLog::decode(&bytes)?.verify()?;
            members.push((log.principal(), log.head()));
        }
        Ok(Due {
            author,
            frontier: self.frontier(bucket.no())?,
            listed: (!is_full(own.number)).then_some(own.listed),
            members,
            purge_root: purge_root(row.purges.iter().copied()),
        })
    }

    /// The last entry here of every author; of one that runs more than a day ahead, the last
    /// before: what nobody else is given yet must not count as withheld (attack A36).
    fn frontier(&self, b: BucketNo) -> Result<Frontier> {
        let mut tips = Vec::new();
        self.replica.each(&keys::authors(b), |key, bytes| {
            let author = key.last_chunk::<32>().ok_or_else(crate::replica::damaged_row)?;
            tips.push((AuthorKey(*author), crate::replica::read_tip(bytes)?));
            Ok(true)
        })?;
        let horizon = self.clock.horizon();
        let mut frontier = Frontier::default();
        for (author, mut tip) in tips {
            while let Some(entry) = self.replica.entry_by_id(b, tip.id)? {
                if entry.header().hlc <= horizon {
                    frontier.set(author, tip);
                    break;
                }
                let Some(seq) = tip.seq.checked_sub(1) else { break };
                tip = Tip { seq, id: entry.header().prev };
            }
        }
        Ok(frontier)
    }

    /// The checkpoint that ends a transaction, if the time has come: its entries are sealed and
    /// not taken in yet. Not in one that renews the epoch; the next one will do.
    pub(crate) fn closing(
        &self,
        bucket: &Bucket,
        intake: &Intake<'_>,
        entries: &[Verified<Entry>],
    ) -> Result<Option<(Verified<Entry>, Checkpoint)>> {
        let renews = entries.iter().any(|entry| entry.header().kind == Kind::Epoch);
        let Some(last) = entries.last().filter(|_| !renews) else { return Ok(None) };
        let header = last.header();
        let Some(due) = self.checkpoint_due(bucket, intake, entries.len())? else {
            return Ok(None);
        };
        // Another process has learned of an epoch that this one has not.
        let Ok(under) = bucket.under(header.epoch) else { return Ok(None) };
        let position =
            ChainPosition { next_seq: header.seq + 1, prev: last.id(), clock: header.hlc };
        let (planned, said) = due.at(position);
        let author = self.author_of(bucket);
        let entry = seal_closing(&author, &under, &planned, position, &mut SystemRng)?;
        Ok(Some((entry, said)))
    }

    /// This device as an author of the bucket.
    pub(super) fn author_of<'a>(&'a self, bucket: &'a Bucket) -> Author<'a> {
        Author {
            device: &self.secrets.secret,
            key: &bucket.author,
            capability: bucket.capability(),
        }
    }

    /// Before this device exchanges everything: whatever it wrote since its last checkpoint gets
    /// into one, which goes with it. Where none can be sealed now, the next write brings it along.
    pub(crate) fn cover(&self, bucket: &Bucket) -> Result<()> {
        let _lock = self.replica.lock_bucket(bucket.no())?;
        let record: Option<BucketRecord> = self.replica.get(&bucket.record.key())?;
        let Some(record) = record.filter(|it| it.instance == bucket.record.instance) else {
            return Ok(());
        };
        if record.deactivated || record.author_capability.is_empty() {
            return Ok(());
        }
        let bucket = &Bucket::open(record, self)?;
        let mut intake = Intake::start(&self.replica, bucket.no())?;
        let position = intake.tip().position;
        let own = intake.checkpoints().own.of(bucket.author.author());
        let Some(epoch) = bucket.fresh_epoch(self.clock.now_secs()) else { return Ok(()) };
        let Ok(under) = bucket.under(epoch) else { return Ok(()) };
        if own.uncovered(position.next_seq) == 0 {
            return Ok(());
        }
        let (planned, said) = self.checkpoint_of(bucket, intake.checkpoints())?.at(position);
        let (author, now) = (self.author_of(bucket), self.clock.now_millis());
        let (entries, _) =
            seal_transaction(&author, &under, &[planned], position, now, &mut SystemRng)?;
        for entry in entries {
            take_checkpoint(&mut intake, entry, Some(&said), true)?;
        }
        intake.commit().map(drop)
    }

    /// What a checkpoint says, if it opens and reads.
    pub(crate) fn read_checkpoint(bucket: &Bucket, entry: &Verified<Entry>) -> Option<Checkpoint> {
        if entry.header().kind != Kind::Checkpoint {
            return None;
        }
        Checkpoint::decode(&bucket.keyring.open(entry).ok()?).ok()
    }

    /// The newest checkpoint here, whoever wrote it.
    pub(crate) fn newest_checkpoint(&self, bucket: &Bucket) -> Result<Option<EntryId>> {
        let row: Option<CheckpointRow> = self.replica.get(&keys::checkpoints(bucket.no()))?;
        Ok(row.and_then(|row| row.newest).map(|(_, id)| id))
    }

    /// R2: what checkpoints say is there, and no provider has given to this device. While there is
    /// any, the bucket is withheld: what is listed may be old.
    pub fn withheld(&self) -> Result<Vec<Withheld>> {
        let mut found = Vec::new();
        for made in self.records()? {
            self.withheld_of(&Bucket::open(made, self)?, &mut found)?;
        }
        Ok(found)
    }

    pub(crate) fn withheld_of(&self, bucket: &Bucket, found: &mut Vec<Withheld>) -> Result<()> {
        let b = bucket.no();
        let Some(mut row) = self.replica.get::<CheckpointRow>(&keys::checkpoints(b))? else {
            return Ok(());
        };
        if let Some(due) = row.due
            && self.replica.entry_no(b, due)?.is_none()
        {
            found.push(Withheld {
                bucket: bucket.record.label.clone(),
                author: None,
                seq: None,
                entry: due.to_string(),
                instead: None,
                by: None,
            });
        }
        row.witnessed.settle(|id| matches!(self.replica.entry_no(b, id), Ok(Some(_))));
        for (author, claim) in row.witnessed.iter() {
            let instead = self.chain_from(b, author, claim.due.seq)?;
            found.push(Withheld {
                bucket: bucket.record.label.clone(),
                author: Some(author.to_string()),
                seq: Some(claim.due.seq),
                entry: claim.due.id.to_string(),
                instead: instead.first().map(|entry| entry.id().to_string()),
                by: Some(claim.by.to_string()),
            });
        }
        Ok(())
    }
}

/// Adds a checkpoint to an intake, with what it says.
pub(crate) fn take_checkpoint(
    intake: &mut Intake<'_>,
    entry: Verified<Entry>,
    said: Option<&Checkpoint>,
    own: bool,
) -> Result<()> {
    let noted = entry.clone();
    intake.add(Taken::plain(entry), own)?;
    if let Some(said) = said {
        intake.witness(&noted, said, own);
    }
    Ok(())
}
