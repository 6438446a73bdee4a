//! Judging entries as they come. Comes in: verified entries, each after what it follows. Goes out:
//! whether each counts, and what this member can open of it. Must not know: sockets.

use strongroom_core::document::{Content, Metadata, VersionBody};
use strongroom_core::joining;
use strongroom_wire::chain::Verified;
use strongroom_wire::control::{Control, ControlError};
use strongroom_wire::entry::{Entry, Kind};
use strongroom_wire::ids::DocumentTag;

use super::documents::{SETTINGS, decode_settings};
use super::{Bucket, Vault};
use crate::error::{Error, Result};
use crate::replica::keys;

impl Vault {
    /// The control log as this replica has it; `None` before the genesis is here.
    pub(crate) fn control(&self, bucket: &Bucket) -> Result<Option<Control>> {
        let mut control: Option<Control> = None;
        let log = self.control_entries(bucket)?;
        let doubtful = joining::doubtful(&bucket.keyring, &bucket.names, &log);
        for entry in log {
            let damaged = |e| Error::damaged(format!("the control log on this device: {e}"));
            match &mut control {
                None => control = Some(Control::new(&entry).map_err(damaged)?),
                Some(control) => control.insert(&entry).map_err(damaged)?,
            }
        }
        if let Some(control) = &mut control {
            for id in &doubtful {
                control.doubt(id);
            }
        }
        Ok(control)
    }

    /// Control entries in the order they came.
    pub(crate) fn control_entries(&self, bucket: &Bucket) -> Result<Vec<Verified<Entry>>> {
        let b = bucket.no();
        let mut numbers = Vec::new();
        self.replica.each(&keys::controls(b), |key, _| {
            numbers.extend(key.last_chunk::<8>().map(|no| u64::from_be_bytes(*no)));
            Ok(true)
        })?;
        numbers.into_iter().map(|no| self.replica.entry(b, no)).collect()
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
        match log.judge(header) {
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

fn note_label(bucket: &mut Bucket, tag: DocumentTag, body: &VersionBody) {
    if tag != bucket.natural(SETTINGS) {
        return;
    }
    if let Content::Inline(bytes) = &body.content
        && let Ok(label) = decode_settings(bytes)
    {
        bucket.record.label = label;
    }
}
