//! Opening documents of an EDV vault. Comes in: a document as a server keeps it. Goes out: what
//! it says, who wrote it, and whether that may be believed; or why nothing of it is used. Must not
//! know: sockets.

use strongroom_seal::edv::{self, Body, Place, Proof};
use strongroom_seal::jwe::AgreementKey;
use strongroom_wire::did_key;
use zeroize::Zeroizing;

use super::answers::Stored;
use super::memory::{Seen, not_less};
use super::{Edv, keys};
use crate::error::{Error, ErrorKind, Result};
use crate::report::EdvTrust;

/// A document that was opened.
#[derive(Debug)]
pub struct OpenDocument {
    /// As the server keeps it.
    pub stored: Stored,
    /// What it says.
    pub body: Body,
    /// Its signature, if somebody who may write made it.
    pub proof: Option<Proof>,
    /// What of it may be believed.
    pub trust: EdvTrust,
    /// What is to be remembered of it.
    pub seen: Seen,
}

impl OpenDocument {
    /// Whether it is a tombstone.
    pub fn is_deleted(&self) -> bool {
        self.seen.deleted
    }
}

impl Edv<'_> {
    /// The key that opens.
    pub(super) fn agreement(&self) -> Result<AgreementKey> {
        let record = &self.record;
        AgreementKey::from_secret_bytes(record.profile, &record.kid, &record.secret)
            .map_err(|error| Error::damaged(format!("the keys of {}: {error}", record.name)))
    }

    pub(super) fn place<'b>(&'b self, id: &'b str, sequence: u64) -> Place<'b> {
        Place { vault: &self.record.url, document: id, sequence }
    }

    /// Opens a document, and compares it with what was seen of it.
    pub(super) fn open(&self, stored: Stored) -> Result<OpenDocument> {
        let before = self.seen(&stored.id)?;
        let opened = self.open_alone(stored, before.as_ref())?;
        if let Some(before) = &before {
            not_less(&opened.stored.id, &opened.seen, before)?;
        }
        Ok(opened)
    }

    fn open_alone(&self, stored: Stored, before: Option<&Seen>) -> Result<OpenDocument> {
        let about = |error: String| Error::damaged(format!("{}: {error}", stored.id));
        let opened = stored.jwe.open(&self.agreement()?);
        let plain: Zeroizing<Vec<u8>> = opened.map_err(|error| about(error.to_string()))?.plain;
        let place = self.place(&stored.id, stored.sequence);
        let read = edv::read(&plain, &place).map_err(|error| about(error.to_string()))?;
        let writer = read.proof.as_ref().map(|proof| did_key::did(&proof.writer));
        let known = writer.as_ref().is_some_and(|writer| self.may_write(writer, &stored.id));
        let trust = match (&writer, known) {
            _ if stored.jwe.is_open_to_all() => EdvTrust::OpenToAll,
            (Some(_), true) => EdvTrust::Signed,
            (Some(_), false) => EdvTrust::Stranger,
            (None, _) if before.is_some_and(|before| before.signed) => EdvTrust::NoLonger,
            (None, _) => EdvTrust::NotAuthenticated,
        };
        let deleted = read.body.meta["deleted"] == true;
        let seen = Seen {
            sequence: stored.sequence,
            digest: stored.jwe.digest(),
            signed: known,
            deleted,
            values: self.values_of(&read.body),
        };
        let proof = read.proof.filter(|_| known);
        Ok(OpenDocument { stored, body: read.body, proof, trust, seen })
    }

    /// Whether somebody may write a document: the controller, this person, and whoever was granted
    /// it.
    fn may_write(&self, did: &str, id: &str) -> bool {
        let own = keys::did_of(&self.signer);
        did == own || did == self.record.controller || self.was_let_in_to_write(did, id)
    }
}

/// Refuses what is not believed, if the person wants to see nothing else.
pub(super) fn strictly(opened: &OpenDocument, strict: bool) -> Result<()> {
    if !strict || opened.trust == EdvTrust::Signed {
        return Ok(());
    }
    let what = format!("{}: {}", opened.stored.id, opened.trust.words());
    Err(Error::new(ErrorKind::Damaged, what).with_hint("without --strict it is shown"))
}
