//! A device that meets itself. Comes in: entries of this device's author that this device does not
//! remember. Goes out: the same device as a new author, and nothing lost. Must not know: providers.
//!
//! That happens when a device was brought back from a backup, or copied. One author writes one
//! chain, so its instance is retired and the device enrols under the next. What it had written
//! again at places where something stands already, and no provider has, is sealed anew under the
//! new author: two entries of one author at one place would accuse it of a fork (attack A42).

use std::collections::HashMap;

use strongroom_core::document::Metadata;
use strongroom_core::founding::{Accepts, Enrolled, Enrolment, enrol};
use strongroom_core::joining::member_facts;
use strongroom_core::keyring::Keyring;
use strongroom_core::writer::{Planned, seal_transaction};
use strongroom_seal::identity::MemberSigningKey;
use strongroom_wire::chain::{Tip, Verified, authenticate};
use strongroom_wire::clear::Clear;
use strongroom_wire::entry::{Entry, Hlc, Kind};
use strongroom_wire::ids::EntryId;

use super::checkpoints::take_checkpoint;
use super::renew::Standing;
use super::{Bucket, Vault};
use crate::error::{Error, ErrorKind, Result};
use crate::random::SystemRng;
use crate::replica::index::{Intake, Taken};

/// How entries are sealed again.
struct Again<'a> {
    /// Opens what they were sealed under.
    keyring: &'a Keyring,
    /// What they are sealed under now.
    epoch: EntryId,
    /// What a control entry follows.
    heads: &'a [EntryId],
}

impl Vault {
    /// This device as an author of the bucket, under the instance its record names.
    pub(crate) fn enrolled(
        &self,
        bucket: &Bucket,
        standing: &Standing,
        clock: Hlc,
    ) -> Result<Enrolled> {
        let agree = self.agree_seed().pair().public();
        let founder = self.founder(&agree);
        let member = MemberSigningKey::from_secret_bytes(&bucket.record.member_seed);
        let enrolment = Enrolment {
            founder: &founder,
            instance: bucket.record.instance,
            member: &member,
            chain: &bucket.member_chain()?,
            tag: bucket.names.member_tag(self.secrets.principal),
            heads: &standing.control.parents(),
            clock,
            accepts: self.acceptance(bucket, standing)?,
        };
        enrol(&enrolment, &bucket.under(standing.epoch_to_join(bucket)?)?, &mut SystemRng)
            .map_err(|e| Error::new(ErrorKind::Other, e.to_string()))
    }

    /// What goes with this device's first entry if nobody has accepted the invitation yet.
    fn acceptance(&self, bucket: &Bucket, standing: &Standing) -> Result<Option<Accepts>> {
        let chain = bucket.member_chain()?;
        let [.., invite, taken] = chain.capabilities() else { return Ok(None) };
        let carried = standing.control.capability(&taken.id()).is_some();
        if carried || !invite.claims().caveats.accept {
            return Ok(None);
        }
        Ok(Some(Accepts { card: self.own_log()?.0.card(None).encode() }))
    }

    /// Retires this device's author in a bucket and enrols the next. The bucket must be locked.
    pub(crate) fn next_instance(&self, bucket: &mut Bucket) -> Result<()> {
        if bucket.record.deactivated || bucket.record.author_capability.is_empty() {
            return Ok(());
        }
        let standing = self.standing(bucket)?;
        let mut intake = Intake::start(&self.replica, bucket.no())?;
        self.enrol_next(bucket, &standing, &mut intake)?;
        intake.commit().map(drop)
    }

    fn enrol_next(
        &self,
        bucket: &mut Bucket,
        standing: &Standing,
        intake: &mut Intake<'_>,
    ) -> Result<()> {
        let mut record = bucket.record.clone();
        record.instance += 1;
        let mut next = Bucket::open(record, self)?;
        let enrolled = self.enrolled(&next, standing, intake.tip().position.clock)?;
        next.record.author_capability = enrolled.capability.bytes().to_vec();
        let key = next.record.key();
        let row = self.replica.seal(&key, &next.record)?;
        intake.batch().put(key, row);
        intake.add(Taken::plain(enrolled.entry), true)?;
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

    /// Writes again what no provider has taken of this device's entries after number `sent`: it was
    /// sealed for somebody who was taken out meanwhile, or by an author who was. Who may only read
    /// any more has nothing to write: it is let go, and told. Gives whether there was anything.
    pub(crate) fn seal_unsent_again(&self, bucket: &mut Bucket, sent: u64) -> Result<bool> {
        let _lock = self.replica.lock_bucket(bucket.no())?;
        if let Some(record) = self.replica.get(&bucket.record.key())? {
            *bucket = Bucket::open(record, self)?;
        }
        let author = bucket.author.author();
        for no in sent + 1..=self.replica.tip(bucket.no())?.last_no {
            let entry = self.replica.entry(bucket.no(), no)?;
            if entry.header().author == author {
                self.rewrite_own(bucket, entry.header().seq)?;
                return Ok(true);
            }
        }
        Ok(false)
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
        let (mut control, mut again, mut log) = (None, Vec::new(), Vec::new());
        for entry in self.all_entries(bucket)? {
            if entry.header().author == author && entry.header().seq >= seq {
                again.push(entry);
                continue;
            }
            let (facts, counts) = self.judge(bucket, &mut control, &entry)?;
            if entry.header().kind.is_control() {
                log.push(entry.clone());
            }
            if entry.header().kind == Kind::Checkpoint {
                let said = Self::read_checkpoint(bucket, &entry);
                take_checkpoint(&mut intake, entry, said.as_ref(), false)?;
            } else {
                intake.add(Taken { entry, facts, stamp: None, counts }, false)?;
            }
        }
        let standing = Standing::of(bucket, &log, self.followed(intake.tip().position.clock))?;
        // An epoch that nobody has heard of goes with the entry that made it: what it sealed is
        // opened with its key once more, and sealed under one that stays.
        let dropped: Vec<Verified<Entry>> =
            again.extract_if(.., |entry| entry.header().kind == Kind::Epoch).collect();
        // A revoke that came meanwhile beats a grant it did not see. Who did not see it cannot tell
        // whom it named, so what was given is told, and given again by a person.
        let given: Vec<Verified<Entry>> = again.extract_if(.., |entry| lets_in(entry)).collect();
        for entry in &given {
            let facts = member_facts(&bucket.keyring, &bucket.names, entry).ok();
            let known = facts.map(|facts| self.contact_of(facts.body.principal)).transpose()?;
            let name = known.flatten().map_or_else(|| "somebody".to_owned(), |it| it.name);
            self.note(bucket.no(), not_given(&bucket.record.label, &name))?;
        }
        let gone = |id: &EntryId| dropped.iter().any(|entry| entry.id() == *id);
        bucket.record.epochs.retain(|(id, _)| !gone(id));
        bucket.record.contents.retain(|(id, _)| !gone(id));
        let before = std::mem::replace(bucket, Bucket::open(bucket.record.clone(), self)?);
        standing.settle(bucket, self.clock.now_secs());
        let epoch = standing.epoch_to_join(bucket)?;
        self.enrol_next(bucket, &standing, &mut intake)?;
        if bucket.writable().is_err() && !again.is_empty() {
            again.clear();
            self.note(bucket.no(), let_go(&bucket.record.label))?;
        }
        let heads = vec![intake.tip().position.prev];
        let again_under = Again { keyring: &before.keyring, epoch, heads: &heads };
        let mut renamed = HashMap::new();
        for old in again {
            // What it says of the old chain is not so any more; the next one says what is.
            if old.header().kind == Kind::Checkpoint {
                continue;
            }
            let (entry, facts) =
                self.sealed_again(bucket, &old, &again_under, &renamed, &intake)?;
            renamed.insert(old.id(), entry.id());
            intake.add(Taken { entry, facts, stamp: None, counts: true }, true)?;
        }
        intake.commit().map(drop)
    }

    /// One entry with the same content, by this device's author of now.
    fn sealed_again(
        &self,
        bucket: &Bucket,
        old: &Verified<Entry>,
        again: &Again<'_>,
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
            Kind::Version => Some(again.keyring.open_version(old)?.metadata),
            _ => None,
        };
        let now = |id: &EntryId| renamed.get(id).copied().unwrap_or(*id);
        // A control entry may have followed an epoch that is gone.
        let mut parents: Vec<EntryId> = if header.kind.is_control() {
            again.heads.to_vec()
        } else {
            header.parents.iter().map(now).collect()
        };
        parents.sort_unstable();
        let planned = Planned {
            document: header.document,
            kind: header.kind,
            parents,
            generation: header.generation,
            clear: old.clear().to_vec(),
            plain: again.keyring.open(old)?.to_vec(),
        };
        let author = self.author_of(bucket);
        let planned = self.dressed(bucket, std::slice::from_ref(&planned), again.epoch)?;
        let (entries, _) = seal_transaction(
            &author,
            &bucket.under(again.epoch)?,
            &planned,
            intake.tip().position,
            self.clock.now_millis(),
            &mut SystemRng,
        )?;
        let sealed = entries.into_iter().next();
        let sealed = sealed.ok_or_else(|| Error::new(ErrorKind::Other, "nothing was sealed"))?;
        Ok((sealed, facts))
    }
}

/// Whether a member entry gives somebody else the key.
fn lets_in(entry: &Entry) -> bool {
    let clear = Clear::decode(entry.header().kind, entry.clear());
    matches!(clear, Ok(Clear::Member(member)) if member.wrap.is_some())
}

/// What a person is told whose grant met a revoke.
fn not_given(bucket: &str, name: &str) -> String {
    format!(
        "{name} was given access to {bucket} here while another device took somebody out: that \
         invitation counts for nothing; `strongroom grants {bucket}` shows who is in, and \
         `strongroom grant` gives it again"
    )
}

/// What a person is told whose last changes nobody took.
fn let_go(bucket: &str) -> String {
    format!(
        "what this device wrote to {bucket} after you were taken out was taken by nobody and is \
         not there any more; you may only read now"
    )
}
