//! A device that meets itself. Comes in: entries of this device's author that this device does not
//! remember. Goes out: the same device as a new author, and nothing lost. Must not know: providers.
//!
//! That happens when a device was brought back from a backup, or copied. One author writes one
//! chain, so its instance is retired and the device enrols under the next. What it had written
//! again at places where something stands already, and no provider has, is sealed anew under the
//! new author: two entries of one author at one place would accuse it of a fork (attack A42).

use std::collections::HashMap;

use strongroom_core::document::Metadata;
use strongroom_core::founding::{Enrolled, Enrolment, Founder, enrol};
use strongroom_core::writer::{Author, Planned, seal_transaction};
use strongroom_seal::identity::MemberSigningKey;
use strongroom_wire::chain::{Tip, Verified, authenticate};
use strongroom_wire::entry::{Entry, Hlc, Kind};
use strongroom_wire::ids::EntryId;

use super::{Bucket, Vault};
use crate::error::{Error, ErrorKind, Result};
use crate::random::SystemRng;
use crate::replica::index::{Intake, Taken};
use crate::replica::keys;
use crate::replica::rows::BucketRecord;

impl Vault {
    /// This device as an author of the bucket, under the instance its record names.
    pub(crate) fn enrolled(
        &self,
        bucket: &Bucket,
        heads: &[EntryId],
        clock: Hlc,
    ) -> Result<Enrolled> {
        let agree = self.secrets.agree.pair().public();
        let founder = Founder {
            principal: self.secrets.principal,
            agree: &agree,
            device: &self.secrets.device,
            secret: &self.secrets.secret,
            now: self.clock.now_millis(),
        };
        let member = MemberSigningKey::from_secret_bytes(&bucket.record.member_seed);
        let enrolment = Enrolment {
            founder: &founder,
            instance: bucket.record.instance,
            member: &member,
            chain: &bucket.member_chain()?,
            tag: bucket.names.member_tag(self.secrets.principal),
            heads,
            clock,
        };
        enrol(&enrolment, &bucket.under()?, &mut SystemRng)
            .map_err(|e| Error::new(ErrorKind::Other, e.to_string()))
    }

    /// Another process may have retired the instance this bucket was opened with; what it would
    /// write now would stand in nobody's chain.
    pub(crate) fn still_this_author(&self, bucket: &Bucket) -> Result<()> {
        let record: Option<BucketRecord> = self.replica.get(&keys::bucket(bucket.record.id))?;
        if record.is_some_and(|record| record.instance != bucket.record.instance) {
            let what = "this device was brought back from a backup and has just found out";
            return Err(Error::new(ErrorKind::Other, what).with_hint("run it again"));
        }
        Ok(())
    }

    /// Retires this device's author in a bucket and enrols the next. The bucket must be locked.
    pub(crate) fn next_instance(&self, bucket: &mut Bucket) -> Result<()> {
        if bucket.record.deactivated || bucket.record.author_capability.is_empty() {
            return Ok(());
        }
        let heads = self.control(bucket)?.map(|control| control.heads()).unwrap_or_default();
        let mut intake = Intake::start(&self.replica, bucket.no())?;
        self.enrol_next(bucket, &heads, &mut intake)?;
        intake.commit().map(drop)
    }

    fn enrol_next(
        &self,
        bucket: &mut Bucket,
        heads: &[EntryId],
        intake: &mut Intake<'_>,
    ) -> Result<()> {
        let mut record = bucket.record.clone();
        record.instance += 1;
        let mut next = Bucket::open(record, self);
        let enrolled = self.enrolled(&next, heads, intake.tip().position.clock)?;
        next.record.author_capability = enrolled.capability.bytes().to_vec();
        let key = keys::bucket(next.record.id);
        let row = self.replica.seal(&key, &next.record)?;
        intake.batch().put(key, row);
        intake.add(Taken { entry: enrolled.entry, facts: None, stamp: None }, true)?;
        *bucket = next;
        Ok(())
    }

    /// The first place at which this device's author has written something else than this replica
    /// remembers. Only what carries the author's signature counts.
    pub(crate) fn fork_of_own(&self, bucket: &Bucket, new: &[Entry]) -> Result<Option<u64>> {
        let author = bucket.author.author();
        let of_own = |entry: &&Entry| entry.header().author == author;
        let mine: Vec<Entry> = new.iter().filter(of_own).cloned().collect();
        let Some(first) = mine.iter().map(|entry| entry.header().seq).min() else {
            return Ok(None);
        };
        let tip = self.author_tips(bucket, &mine)?.get(&author).copied();
        if tip.is_none_or(|tip| tip.seq < first) {
            return Ok(None);
        }
        let mut before = None;
        for entry in self.all_entries(bucket)? {
            let header = entry.header();
            if header.author == author && header.seq + 1 == first {
                before = Some(Tip { seq: header.seq, id: entry.id() });
            }
        }
        let holds = authenticate(bucket.record.id, mine, |_| before).is_ok();
        Ok(holds.then_some(first))
    }

    fn all_entries(&self, bucket: &Bucket) -> Result<Vec<Verified<Entry>>> {
        let last = self.replica.tip(bucket.no())?.last_no;
        (1..=last).map(|no| self.replica.entry(bucket.no(), no)).collect()
    }

    /// Takes this author's entries from `seq` on out of the replica and writes them again as the
    /// next instance. One commit; the bucket must be locked.
    pub(crate) fn rewrite_own(&self, bucket: &mut Bucket, seq: u64) -> Result<()> {
        let author = bucket.author.author();
        let mut intake = Intake::replace(&self.replica, bucket.no())?;
        intake.absorb_up_to(self.clock.horizon());
        let (mut control, mut again) = (None, Vec::new());
        for entry in self.all_entries(bucket)? {
            if entry.header().author == author && entry.header().seq >= seq {
                again.push(entry);
                continue;
            }
            let facts = self.judge(bucket, &mut control, &entry)?;
            intake.add(Taken { entry, facts, stamp: None }, false)?;
        }
        let heads = control.map(|control| control.heads()).unwrap_or_default();
        self.enrol_next(bucket, &heads, &mut intake)?;
        let mut renamed = HashMap::new();
        for old in again {
            let (entry, facts) = self.sealed_again(bucket, &old, &renamed, &intake)?;
            renamed.insert(old.id(), entry.id());
            intake.add(Taken { entry, facts, stamp: None }, true)?;
        }
        intake.commit().map(drop)
    }

    /// One entry with the same content, by this device's author of now.
    fn sealed_again(
        &self,
        bucket: &Bucket,
        old: &Verified<Entry>,
        renamed: &HashMap<EntryId, EntryId>,
        intake: &Intake<'_>,
    ) -> Result<(Verified<Entry>, Option<Metadata>)> {
        let header = old.header();
        if !matches!(header.kind, Kind::Version | Kind::Tombstone | Kind::Revoke) {
            let what = "this device was brought back from a backup and had written what it cannot \
                        write again";
            return Err(Error::new(ErrorKind::Other, what)
                .with_hint("`strongroom recover` into another directory makes a new device"));
        }
        let facts = match header.kind {
            Kind::Version => Some(bucket.keyring.open_version(old)?.metadata),
            _ => None,
        };
        let now = |id: &EntryId| renamed.get(id).copied().unwrap_or(*id);
        let mut parents: Vec<EntryId> = header.parents.iter().map(now).collect();
        parents.sort_unstable();
        let planned = Planned {
            document: header.document,
            kind: header.kind,
            parents,
            generation: header.generation,
            clear: old.clear().to_vec(),
            plain: bucket.keyring.open(old)?.to_vec(),
        };
        let author = Author {
            device: &self.secrets.secret,
            key: &bucket.author,
            capability: bucket.capability(),
        };
        let (entries, _) = seal_transaction(
            &author,
            &bucket.under()?,
            vec![planned],
            intake.tip().position,
            self.clock.now_millis(),
            &mut SystemRng,
        )?;
        let sealed = entries.into_iter().next();
        let sealed = sealed.ok_or_else(|| Error::new(ErrorKind::Other, "nothing was sealed"))?;
        Ok((sealed, facts))
    }
}
