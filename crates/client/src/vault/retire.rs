//! Taking a device out that was lost or stolen. Comes in: which. Goes out: it is retired in the key
//! log, the person has another agree key, and in every bucket another member key and an epoch that
//! the lost device cannot open. Must not know: terminals.
//!
//! Two entries close a bucket: first a member key that follows the one the lost device has, and,
//! once a provider has that, the revoke that stops the lost device's authors and closes the old
//! key. Two devices that did both at the same time would close each other's new keys; so a device
//! goes on only if no other one's key arrived before its own. What is not done yet can be worked
//! out from what is there, and any device goes on with it. See docs/design/pairing.md.

use strongroom_core::keylog::{Change as LogChange, DeviceCutoff, KeyLog, cutoff_place};
use strongroom_seal::kem::AgreeSeed;
use strongroom_wire::capability::Capability;
use strongroom_wire::chain::Verified;
use strongroom_wire::clear::{Clear, RevokeTarget};
use strongroom_wire::entry::Entry;
use strongroom_wire::ids::PublicKey;
use strongroom_wire::limits::DEVICE_CUTOFFS_MAX;

use super::buckets::bucket_document;
use super::closing::{Closing, parts};
use super::documents::{BUCKET, BucketDocument, CLOSED, KEY_LOG, decode_closed, encode_closed};
use super::{Bucket, Change, Vault};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::{Progress, Quiet};
use crate::random::SystemRng;
use crate::replica::rows::RemoteRecord;
use crate::replica::{keys, read_tip};
use crate::report::{DeviceRemovalInfo, Refused};

/// Seconds after which another device goes on with what the one that began has not finished.
const LEFT_ALONE_SECS: u64 = 3_600;

impl Vault {
    /// Takes a device out, by name or key; `with_added`: and those it added, but for this one. What
    /// it had it may have kept; from now on it reads nothing new and nothing it writes counts.
    pub fn remove_device(
        &self,
        who: &str,
        with_added: bool,
        progress: &dyn Progress,
    ) -> Result<DeviceRemovalInfo> {
        let remotes = self.remote_records()?;
        let before = self.requests_so_far(&remotes);
        let mut vault = self.vault_bucket()?;
        if !self.knows_all(&mut vault)? {
            let what = "no provider answers: the device would not be shut out of anything";
            return Err(Error::new(ErrorKind::Unreachable, what).with_hint("try again soon"));
        }
        // What the others wrote until now counts; so does what the lost device wrote.
        self.sync(progress)?;
        let (_, log) = self.stored_log(&vault)?;
        let first = self.device_by(&vault, &log, who)?;
        self.check_removable(&log, first)?;
        let mut out = vec![first];
        if with_added {
            self.with_added_by(&log, &mut out);
        }
        out.retain(|key| log.device(key).is_some());
        if !out.is_empty() {
            let closing = self.begin_closing(self.vault_bucket()?, &remotes)?;
            self.retire(&out)?;
            self.close_vault(closing)?;
        }
        let (_, log) = self.stored_log(&vault)?;
        let left = self.finish_removals(&log, true, progress)?;
        let vault = self.vault_bucket()?;
        let added = log.devices().filter(|(_, it)| it.added_by == Some(first));
        let added_by_it =
            added.map(|(key, _)| self.device_called(&vault, *key)).collect::<Result<Vec<_>>>()?;
        let is_left = |label: &String| left.iter().any(|it| it.path == *label);
        let labels = self.records()?.into_iter().filter(|it| !it.internal && !it.deactivated);
        let name = self.devices(true)?.into_iter().find(|it| it.device == first.to_string());
        let devices: Vec<PublicKey> = if out.is_empty() { vec![first] } else { out };
        Ok(DeviceRemovalInfo {
            devices: devices.iter().map(PublicKey::to_string).collect(),
            name: name.and_then(|it| it.name),
            buckets: labels.map(|it| it.label).filter(|it| !is_left(it)).collect(),
            left,
            added_by_it,
            requests: self.requests_so_far(&remotes).saturating_sub(before),
        })
    }

    fn requests_so_far(&self, remotes: &[RemoteRecord]) -> u64 {
        let requests = |record| self.remote(record).map_or(0, |remote| remote.traffic().requests);
        remotes.iter().map(requests).sum()
    }

    fn check_removable(&self, log: &KeyLog, device: PublicKey) -> Result<()> {
        let here = self.secrets.device.public();
        if log.device(&here).is_none() {
            return Err(taken_out());
        }
        if device == here {
            let what = "a device cannot take itself out";
            return Err(Error::new(ErrorKind::Usage, what)
                .with_hint("run it on another of your devices, which `device ls` shows"));
        }
        Ok(())
    }

    /// Adds to the list what the devices in it have added, this device excepted.
    fn with_added_by(&self, log: &KeyLog, out: &mut Vec<PublicKey>) {
        let here = self.secrets.device.public();
        let mut at = 0;
        while let Some(by) = out.get(at).copied() {
            let added = log.devices().filter(|(_, it)| it.added_by == Some(by));
            let new: Vec<PublicKey> = added
                .map(|(key, _)| *key)
                .filter(|key| *key != here && !out.contains(key))
                .collect();
            out.extend(new);
            at += 1;
        }
    }

    /// Retires devices in the key log and changes the agree key, in the replica alone: a lost
    /// device hears of it with what shuts it out.
    fn retire(&self, out: &[PublicKey]) -> Result<()> {
        let vault = self.vault_bucket()?;
        let (mut stored, _) = self.stored_log(&vault)?;
        let now = self.clock.now_secs();
        for device in out {
            let cutoffs = self.cutoffs_of(*device)?;
            let change = LogChange::RetireDevice { device: *device, cutoffs };
            stored.change(&self.secrets, now, change)?;
        }
        let agree = AgreeSeed::generate(&mut SystemRng);
        self.keep_next_agree(&agree)?;
        stored.rotate_agree(&self.secrets, &agree, now)?;
        let change = self.internal_change(&vault, KEY_LOG, stored.encode())?;
        self.write(&vault, vec![change])?;
        self.settle_agree(&stored.verify()?)
    }

    /// The last entries of a device's authors that this device has seen.
    fn cutoffs_of(&self, device: PublicKey) -> Result<Vec<DeviceCutoff>> {
        let mut cutoffs = Vec::new();
        for record in self.records()? {
            let bucket = Bucket::open(record, self)?;
            for (of, author) in self.own_authors(&bucket, &self.control_entries(&bucket)?) {
                let row = self.replica.rows().get(&keys::author(bucket.no(), author))?;
                let Some(tip) = row.as_deref().map(read_tip).transpose()? else { continue };
                if of == device {
                    let place = cutoff_place(bucket.record.id, author);
                    cutoffs.push(DeviceCutoff { place, seq: tip.seq, entry: tip.id });
                }
            }
        }
        cutoffs.sort_unstable_by_key(|cutoff| cutoff.place);
        cutoffs.dedup_by_key(|cutoff| cutoff.place);
        cutoffs.truncate(DEVICE_CUTOFFS_MAX);
        Ok(cutoffs)
    }

    /// Shuts devices that are retired out of every bucket they are not shut out of yet, and has the
    /// providers take another key. `asked`: a person did; else a device leaves to the one that
    /// began what that has not had the time to do. Gives what could not be done, and why.
    pub(super) fn finish_removals(
        &self,
        log: &KeyLog,
        asked: bool,
        progress: &dyn Progress,
    ) -> Result<Vec<Refused>> {
        let removals = log.all_retired().count() as u64;
        let now = self.clock.now_secs();
        let here = self.secrets.device.public();
        let is_ours = |by: Option<PublicKey>, at: u64| {
            by == Some(here) || now.saturating_sub(at) >= LEFT_ALONE_SECS
        };
        let ours = asked || log.all_retired().all(|(_, it)| is_ours(it.by, it.at));
        if removals == 0 || !ours || log.device(&here).is_none() {
            return Ok(Vec::new());
        }
        let remotes = self.remote_records()?;
        if self.is_open_to_lost(&self.vault_bucket()?, log)? {
            let closing = self.begin_closing(self.vault_bucket()?, &remotes)?;
            self.close_vault(closing)?;
        }
        let left = self.close_buckets(log, &remotes, asked, progress)?;
        for record in &remotes {
            if self.is_vault_key_due(record, removals)? {
                self.renew_vault_key(record, removals)?;
            }
        }
        Ok(left)
    }

    fn close_buckets(
        &self,
        log: &KeyLog,
        remotes: &[RemoteRecord],
        asked: bool,
        progress: &dyn Progress,
    ) -> Result<Vec<Refused>> {
        let (mut begun, mut left) = (Vec::new(), Vec::new());
        for record in self.records()?.into_iter().filter(|it| !it.internal && !it.deactivated) {
            let label = record.label.clone();
            let bucket = Bucket::open(record, self)?;
            if !self.is_open_to_lost(&bucket, log)? {
                continue;
            }
            if progress.cancelled() {
                return Err(Error::cancelled());
            }
            let hosted = bucket.is_hosted_by_us();
            match self.begin_closing(bucket, remotes) {
                Ok(closing) => begun.push(closing),
                // The others may have taken this person out: `sync` tells that by itself.
                Err(error) if error.kind() == ErrorKind::Refused && !hosted && !asked => {}
                Err(error) => left.push(Refused { path: label, reason: error.to_string() }),
            }
        }
        if begun.is_empty() {
            return Ok(left);
        }
        // The person's other devices have the new keys before the old ones are closed.
        let mut vault = self.vault_bucket()?;
        let mut known = Vec::new();
        for closing in &begun {
            known.push(self.document_change(&vault, closing)?);
        }
        self.write(&vault, known)?;
        self.push(&mut vault, &Quiet)?;
        let mut closed = Vec::new();
        for closing in begun {
            let id = closing.bucket.record.id;
            let label = closing.bucket.record.label.clone();
            match self.close_and_push(closing) {
                Ok(()) => closed.push(self.closed_change(&vault, &id.to_base32(), log)?),
                Err(error) => left.push(Refused { path: label, reason: error.to_string() }),
            }
        }
        self.write(&vault, closed)?;
        self.push(&mut vault, &Quiet)?;
        Ok(left)
    }

    fn close_vault(&self, closing: Closing) -> Result<()> {
        let mut vault = self.close_to_lost(closing)?;
        self.enrol_by_new_key(&mut vault)?;
        self.push(&mut vault, &Quiet).map(drop)
    }

    fn close_and_push(&self, closing: Closing) -> Result<()> {
        let mut bucket = self.close_to_lost(closing)?;
        // Who may only read sends what is by its author of now, and nothing else.
        if bucket.reads_only() {
            self.push(&mut bucket, &Quiet)?;
        }
        self.enrol_by_new_key(&mut bucket)?;
        self.push(&mut bucket, &Quiet).map(drop)
    }

    /// What all devices know of a bucket, with its next member key.
    fn document_change(&self, vault: &Bucket, closing: &Closing) -> Result<Change> {
        let text = format!("{BUCKET}{}", closing.bucket.record.id.to_base32());
        let known = self.internal(vault, &text)?;
        let known = known.map(|bytes| BucketDocument::decode(&bytes)).transpose()?;
        let root_wrap = known.map(|it| it.root_wrap).unwrap_or_default();
        let document = BucketDocument {
            member_seed: closing.next.key.to_secret_bytes(),
            member_chain: parts(&closing.next),
            ..bucket_document(&closing.bucket, root_wrap)
        };
        self.internal_change(vault, &text, document.encode())
    }

    pub(super) fn closed_change(
        &self,
        vault: &Bucket,
        bucket: &str,
        log: &KeyLog,
    ) -> Result<Change> {
        let closed = encode_closed(log.all_retired().count() as u64);
        self.internal_change(vault, &format!("{CLOSED}{bucket}"), closed)
    }

    /// Whether a device that was taken out may still have a key of this bucket: one of its authors
    /// is not stopped, or the member key was not changed for so many devices.
    fn is_open_to_lost(&self, bucket: &Bucket, log: &KeyLog) -> Result<bool> {
        if bucket.record.author_capability.is_empty() || bucket.record.deactivated {
            return Ok(false);
        }
        let control = self.standing(bucket)?.control;
        if !control.members().contains(&bucket.names.member_tag(self.secrets.principal)) {
            return Ok(false);
        }
        let authors = self.own_authors(bucket, &self.control_entries(bucket)?);
        let open = authors.iter().any(|(device, author)| {
            log.device(device).is_none() && !control.is_named(&RevokeTarget::Author(*author))
        });
        if open {
            return Ok(true);
        }
        let text = format!("{CLOSED}{}", bucket.record.id.to_base32());
        let closed = self.internal(&self.vault_bucket()?, &text)?;
        let closed = closed.map(|bytes| decode_closed(&bytes));
        // A member key from after the removal needs nothing, and nobody says so but its time.
        let done = closed.transpose()?.unwrap_or(0);
        let last = log.all_retired().map(|(_, it)| it.at).max().unwrap_or(0);
        Ok(done != log.all_retired().count() as u64 && self.member_key_made(bucket)? <= last)
    }

    /// When the bucket's member key was made, seconds since 1970.
    fn member_key_made(&self, bucket: &Bucket) -> Result<u64> {
        let Some(last) = bucket.record.member_chain.last() else { return Ok(0) };
        let carries = |entry: &&Verified<Entry>| {
            let clear = Clear::decode(entry.header().kind, entry.clear());
            matches!(clear, Ok(Clear::Member(it)) if it.capabilities.contains(last))
        };
        let log = self.control_entries(bucket)?;
        Ok(log.iter().find(carries).map_or(0, |entry| entry.header().hlc.secs()))
    }

    /// Takes over the member keys that another device changed. The bucket's entries may not be here
    /// yet.
    pub(super) fn adopt_member_keys(&self) -> Result<()> {
        for document in self.bucket_documents(&self.vault_bucket()?)? {
            self.update_record(document.id, |record| {
                let follows = document.member_chain.len() > record.member_chain.len()
                    && document.member_chain.starts_with(&record.member_chain);
                if follows {
                    record.member_seed.clone_from(&document.member_seed);
                    record.member_chain.clone_from(&document.member_chain);
                }
            })?;
        }
        Ok(())
    }

    /// Makes this device an author by the member key there is now, once that is known in the
    /// bucket. Gives whether it did.
    pub(super) fn enrol_by_new_key(&self, bucket: &mut Bucket) -> Result<bool> {
        let _lock = self.replica.lock_bucket(bucket.no())?;
        if let Some(record) = self.replica.get(&keys::bucket(bucket.record.id))? {
            *bucket = Bucket::open(record, self)?;
        }
        let last = bucket.member_chain()?.last().map(Capability::id);
        let own = Capability::decode(&bucket.record.author_capability).ok();
        let Some(own) = own.filter(|own| own.claims().parent != last) else { return Ok(false) };
        let control = self.standing(bucket)?.control;
        let carried = last.is_some_and(|id| control.capability(&id).is_some());
        let followed = own.claims().parent.is_some_and(|id| control.capability(&id).is_some());
        if !carried || !followed || bucket.record.deactivated {
            return Ok(false);
        }
        self.next_instance(bucket)?;
        Ok(true)
    }
}

/// What a device is told that was taken out.
pub(super) fn taken_out() -> Error {
    let what = "this device was taken out of your vault by another of your devices";
    Error::new(ErrorKind::Refused, what).with_hint(
        "what it has can still be read here; `strongroom device join` under another \
         STRONGROOM_HOME makes it one of yours again. Was it a thief? `strongroom recover` there, \
         with your 24 words, then `strongroom device remove` his",
    )
}
