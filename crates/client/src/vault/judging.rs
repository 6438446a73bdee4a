//! Judging entries as they come. Comes in: verified entries, each after what it follows. Goes out:
//! whether each counts, and what this member can open of it. Must not know: sockets.

use std::collections::BTreeSet;

use strongroom_core::document::{Content, Metadata, VersionBody};
use strongroom_core::joining;
use strongroom_wire::capability::Capability;
use strongroom_wire::chain::Verified;
use strongroom_wire::clear::Clear;
use strongroom_wire::control::{Control, ControlError};
use strongroom_wire::entry::{Entry, Kind};
use strongroom_wire::ids::{DocumentTag, EntryId};

use super::documents::{SETTINGS, decode_settings};
use super::{Bucket, Vault};
use crate::error::{Error, Result};
use crate::replica::keys::{self, BucketNo, LocalNo};

/// A control log and what follows from it.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    numbers: Vec<LocalNo>,
    /// In the order they came.
    pub entries: Vec<Verified<Entry>>,
    /// Without doubts.
    control: Control,
    /// Member entries of which it is known whether they prove what they say.
    proved: BTreeSet<EntryId>,
    doubtful: Vec<EntryId>,
}

impl Log {
    fn new(no: LocalNo, genesis: Verified<Entry>) -> std::result::Result<Self, ControlError> {
        let control = Control::new(&genesis)?;
        let (proved, doubtful) = (BTreeSet::new(), Vec::new());
        Ok(Self { numbers: vec![no], entries: vec![genesis], control, proved, doubtful })
    }

    fn add(
        &mut self,
        no: LocalNo,
        entry: Verified<Entry>,
    ) -> std::result::Result<(), ControlError> {
        self.control.insert(&entry)?;
        self.numbers.push(no);
        self.entries.push(entry);
        Ok(())
    }

    /// Looks at the member entries that can be opened by now and were not looked at.
    fn prove(&mut self, bucket: &Bucket) {
        if *bucket.record.name_key == [0; 32] {
            return;
        }
        let (keyring, names) = (&bucket.keyring, &bucket.names);
        for entry in self.entries.iter().filter(|entry| entry.header().kind == Kind::Member) {
            let id = entry.id();
            if keyring.has(&entry.header().epoch) && self.proved.insert(id) {
                self.doubtful.extend(joining::doubtful(keyring, names, [entry]));
            }
        }
    }

    /// Control entries before which nothing else came: what opens a bucket at a provider. Later
    /// ones follow versions, without which nobody takes them.
    pub fn first(&self) -> impl Iterator<Item = &Verified<Entry>> {
        let in_order = self.numbers.iter().zip(1..).take_while(|(no, due)| **no == *due);
        self.entries.iter().take(in_order.count())
    }

    /// Who is in and what counts.
    pub fn judged(&self) -> Control {
        let mut control = self.control.clone();
        for id in &self.doubtful {
            control.doubt(id);
        }
        control
    }
}

impl Vault {
    /// The control log as this replica has it; `None` before the genesis is here.
    pub(crate) fn control(&self, bucket: &Bucket) -> Result<Option<Control>> {
        Ok(self.log(bucket)?.map(|log| log.judged()))
    }

    /// Control entries in the order they came.
    pub(crate) fn control_entries(&self, bucket: &Bucket) -> Result<Vec<Verified<Entry>>> {
        Ok(self.log(bucket)?.map_or_else(Vec::new, |log| log.entries))
    }

    /// The control log, worked out once in a process and gone on with: to check every capability
    /// again for each question would take longer than all the rest.
    pub(crate) fn log(&self, bucket: &Bucket) -> Result<Option<Log>> {
        let b = bucket.no();
        let mut numbers = Vec::new();
        self.replica.each(&keys::controls(b), |key, _| {
            numbers.extend(key.last_chunk::<8>().map(|no| u64::from_be_bytes(*no)));
            Ok(true)
        })?;
        let mut logs = self.logs.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let kept = logs.remove(&b);
        let kept = kept.map_or(Ok(None), |log| self.still(b, log, &numbers))?;
        let from = kept.as_ref().map_or(0, |log| log.numbers.len());
        let mut log = kept;
        for no in numbers.into_iter().skip(from) {
            let entry = self.replica.entry(b, no)?;
            let damaged = |e| Error::damaged(format!("the control log on this device: {e}"));
            match &mut log {
                None => log = Some(Log::new(no, entry).map_err(damaged)?),
                Some(log) => log.add(no, entry).map_err(damaged)?,
            }
        }
        let Some(log) = &mut log else { return Ok(None) };
        log.prove(bucket);
        logs.insert(b, log.clone());
        Ok(Some(log.clone()))
    }

    /// What was worked out, if the replica goes on from it: a device that found out that it lives
    /// on from a backup writes its replica anew.
    fn still(&self, b: BucketNo, log: Log, numbers: &[LocalNo]) -> Result<Option<Log>> {
        let same = numbers.starts_with(&log.numbers);
        let last = log.numbers.last().zip(log.entries.last()).filter(|_| same);
        let Some((no, entry)) = last else { return Ok(None) };
        Ok((self.replica.entry_no(b, entry.id())? == Some(*no)).then_some(log))
    }

    /// Judges one entry, in the order it arrived, and takes from it what this member can open.
    /// Tells whether it counts.
    pub(crate) fn judge(
        &self,
        bucket: &mut Bucket,
        control: &mut Option<Control>,
        entry: &Verified<Entry>,
    ) -> Result<(Option<Metadata>, bool)> {
        let id = entry.id();
        let refuse = |e: ControlError| {
            Error::damaged(format!("the provider sent {id}, which does not count: {e}"))
        };
        let header = entry.header();
        let Some(log) = control else {
            *control = Some(Control::new(entry).map_err(refuse)?);
            return Ok((None, true));
        };
        if header.kind.is_control() {
            log.insert(entry).map_err(refuse)?;
            for id in joining::doubtful(&bucket.keyring, &bucket.names, [entry]) {
                // It stays, because others name it, and counts for nothing.
                log.doubt(&id);
            }
            self.take_control(bucket, log.is_deactivated(), entry);
            return Ok((None, true));
        }
        match log.judge_entry(entry) {
            // Others may have taken it in before they heard that its author is out: it stays.
            Err(ControlError::Stopped) => return Ok((None, false)),
            judged => judged.map_err(refuse)?,
        }
        let body = Self::said(bucket, entry);
        if let Some(body) = &body {
            note_label(bucket, header.document, body);
        }
        Ok((body.map(|body| body.metadata), true))
    }

    /// What a version says. One that does not open is authentic, and not for us or not of our
    /// format; one that lies about its chunks would lose them at the provider. Both are kept,
    /// counted and shown nowhere, and `verify` names them.
    pub(crate) fn said(bucket: &Bucket, entry: &Verified<Entry>) -> Option<VersionBody> {
        if entry.header().kind != Kind::Version {
            return None;
        }
        let body = bucket.keyring.open_version(entry).ok()?;
        super::verify::references_match(entry, &body).is_ok().then_some(body)
    }

    fn take_control(&self, bucket: &mut Bucket, deactivated: bool, entry: &Verified<Entry>) {
        match entry.header().kind {
            Kind::Epoch => {
                // The first says what the name key is for good. One that says otherwise is not
                // fresh: nobody seals under it, and no tag moves.
                let unknown = *bucket.record.name_key == [0; 32];
                if let Ok(body) = joining::epoch_body(&bucket.keyring, entry)
                    && unknown
                {
                    bucket.record.name_key = body.name_key.to_secret_bytes();
                    bucket.names = body.name_key;
                }
            }
            Kind::Member => {
                if let Ok(facts) = joining::member_facts(&bucket.keyring, &bucket.names, entry)
                    && !grants_a_part(entry)
                    && let Some(key) = &facts.body.tag_key
                    && facts.body.principal == self.secrets.principal
                {
                    bucket.record.tag_key = key.to_secret_bytes();
                }
            }
            Kind::Revoke => bucket.record.deactivated = deactivated,
            _ => {}
        }
    }
}

/// Whether a member entry makes nobody a member: what it carries is about one document.
pub(super) fn grants_a_part(entry: &Entry) -> bool {
    let Ok(Clear::Member(clear)) = Clear::decode(entry.header().kind, entry.clear()) else {
        return false;
    };
    let last = clear.capabilities.last().and_then(|bytes| Capability::decode(bytes).ok());
    last.is_some_and(|last| last.claims().target.document().is_some())
}

fn note_label(bucket: &mut Bucket, tag: DocumentTag, body: &VersionBody) {
    if tag != bucket.natural(SETTINGS) {
        return;
    }
    if let Some(label) = label_in(body) {
        bucket.record.label = label;
    }
}

/// What a version of a bucket's settings calls it.
pub(super) fn label_in(body: &VersionBody) -> Option<String> {
    match &body.content {
        Content::Inline(bytes) => decode_settings(bytes).ok(),
        _ => None,
    }
}
