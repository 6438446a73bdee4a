//! Entries that count for nothing because their author was taken out. Comes in: a control log of
//! which the standing revokes changed. Goes out: documents worked out again without those entries,
//! or with them again. Must not know: sockets.
//!
//! Nothing is forgotten: what is hidden stays in the set, because entries that count may name it,
//! and because a senior may undo the revoke.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_wire::control::{Control, ControlError};
use strongroom_wire::entry::{Header, Kind};
use strongroom_wire::ids::{AuthorKey, DocumentTag, EntryId};

use super::documents::SETTINGS;
use super::judging::label_in;
use super::{Bucket, Vault};
use crate::error::{Error, Result};
use crate::replica::index::{Intake, Judged};
use crate::replica::keys::{self, LocalNo};
use crate::replica::rows::{BucketRecord, DocumentRow};
use crate::replica::{read_no, read_tip};

/// Marks a bucket in which what was shut has come to open.
pub(super) const OPENED: &[u8] = &[1];

impl Vault {
    /// Judges entries again if a revoke came or fell since they were judged. A program that was
    /// killed between the two does it at its next start.
    pub(crate) fn settle_if_unsettled(&self, bucket: &Bucket) -> Result<()> {
        let held = || self.replica.rows().get(&keys::unsettled(bucket.no()));
        if held()?.is_none() {
            return Ok(());
        }
        let _lock = self.replica.lock_bucket(bucket.no())?;
        if held()?.is_none() {
            return Ok(());
        }
        self.settle_hidden(bucket)
    }

    /// Judges again what the revokes that stand now may have changed. The bucket must be locked.
    pub(super) fn settle_hidden(&self, bucket: &Bucket) -> Result<()> {
        let Some(control) = self.control(bucket)? else { return Ok(()) };
        let b = bucket.no();
        let mut intake = Intake::start(&self.replica, b)?;
        let mut changed = self.changed_documents(bucket, &control)?;
        if self.replica.rows().get(&keys::unsettled(b))?.is_some_and(|mark| mark == OPENED) {
            changed.append(&mut self.shut_until_now(bucket)?);
        }
        let settings = bucket.natural(SETTINGS);
        let mut label = None;
        for tag in changed {
            let mut versions = BTreeMap::new();
            for no in self.version_numbers(bucket, tag)? {
                let entry = self.replica.entry(b, no)?;
                let header = entry.header();
                let counts = counts(&control, header);
                let body = if counts { Self::said(bucket, &entry) } else { None };
                if let Some(body) = body.as_ref().filter(|_| tag == settings) {
                    label = label.max(label_in(body).map(|it| (header.hlc, entry.id(), it)));
                }
                versions.insert(
                    no,
                    Judged {
                        no,
                        id: entry.id(),
                        hlc: header.hlc,
                        parents: header.parents.clone(),
                        facts: body.map(|body| body.metadata),
                        counts,
                    },
                );
            }
            intake.judge_again(tag, versions.into_values().collect())?;
        }
        if let Some((_, _, label)) = label {
            let key = bucket.record.key();
            let kept = self.replica.get(&key)?.unwrap_or_else(|| bucket.record.clone());
            let row = self.replica.seal(&key, &BucketRecord { label, ..kept })?;
            intake.batch().put(key, row);
        }
        intake.batch().delete(keys::unsettled(b));
        intake.commit().map(drop)
    }

    /// Documents that were shut when they came, and open by now.
    fn shut_until_now(&self, bucket: &Bucket) -> Result<BTreeSet<DocumentTag>> {
        let rows: Vec<(Vec<u8>, DocumentRow)> = self.replica.all(&keys::documents(bucket.no()))?;
        let mut found = BTreeSet::new();
        for (key, row) in rows {
            for head in row.heads.iter().filter(|head| head.facts.is_none()) {
                let entry = self.replica.entry(bucket.no(), head.no)?;
                if Self::said(bucket, &entry).is_some() {
                    found.insert(keys::tag_of(&key)?);
                }
            }
        }
        Ok(found)
    }

    /// Documents with a version that counts and is hidden, or does not and is shown. An author's
    /// chain counts up to some place: from its end back to where both agree that it counts.
    fn changed_documents(
        &self,
        bucket: &Bucket,
        control: &Control,
    ) -> Result<BTreeSet<DocumentTag>> {
        let b = bucket.no();
        let hidden = self.hidden_numbers(bucket)?;
        let mut tips: Vec<(AuthorKey, EntryId)> = Vec::new();
        self.replica.each(&keys::authors(b), |key, value| {
            if let Some(author) = key.last_chunk::<32>() {
                tips.push((AuthorKey(*author), read_tip(value)?.id));
            }
            Ok(true)
        })?;
        let mut changed = BTreeSet::new();
        for (_, tip) in tips {
            let mut next = Some(tip);
            while let Some(id) = next {
                let Some(no) = self.replica.entry_no(b, id)? else { break };
                let entry = self.replica.entry(b, no)?;
                let header = entry.header();
                next = Some(header.prev).filter(|prev| !prev.is_zero());
                if !matches!(header.kind, Kind::Version | Kind::Tombstone) {
                    continue;
                }
                match (counts(control, header), !hidden.contains(&no)) {
                    (true, true) => break,
                    (false, false) => {}
                    _ => drop(changed.insert(header.document)),
                }
            }
        }
        Ok(changed)
    }

    /// Numbers of the entries that are hidden.
    pub(crate) fn hidden_numbers(&self, bucket: &Bucket) -> Result<BTreeSet<LocalNo>> {
        let mut hidden = BTreeSet::new();
        self.replica.each(&keys::all_hidden(bucket.no()), |key, _| {
            let no = key.last_chunk::<8>().ok_or_else(|| Error::damaged("a key of the replica"))?;
            hidden.insert(read_no(no)?);
            Ok(true)
        })?;
        Ok(hidden)
    }
}

/// Whether an entry counts: its author was not taken out, or wrote it before.
pub(super) fn counts(control: &Control, header: &Header) -> bool {
    control.judge(header) != Err(ControlError::Stopped)
}
