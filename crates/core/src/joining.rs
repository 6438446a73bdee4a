//! L2 · Coming back to a bucket. Takes its control entries and a member's keys; gives the keyring
//! and what the members say of each other. Must not know: where the entries came from.

use strongroom_seal::aead::OpenError;
use strongroom_seal::epoch::open_back;
use strongroom_seal::identity::verify_device_proof;
use strongroom_seal::kem::KemPair;
use strongroom_seal::keys::{Commitment, EpochKey, NameKey, TagKey};
use strongroom_seal::suite::Suite;
use strongroom_seal::wrap::{EpochGrant, Place, open_epoch};
use strongroom_wire::chain::Verified;
use strongroom_wire::clear::{Clear, Epoch};
use strongroom_wire::entry::{Entry, Kind};
use strongroom_wire::ids::{EntryId, PrincipalId};

use crate::keyring::{EntryOpenError, Keyring};
use crate::parts::{EpochBody, MemberBody};

/// The clear part of an epoch entry.
fn epoch_clear(entry: &Verified<Entry>) -> Result<Epoch, EntryOpenError> {
    match Clear::decode(entry.header().kind, entry.clear())? {
        Clear::Epoch(epoch) => Ok(epoch),
        _ => Err(EntryOpenError::Open(OpenError)),
    }
}

/// Opens a member's wrap in an epoch entry and checks it against the entry's commitments, so that
/// every member provably holds the same key.
pub fn epoch_key(
    entry: &Verified<Entry>,
    pair: &KemPair,
    tag_key: Option<&TagKey>,
) -> Result<EpochKey, EntryOpenError> {
    let header = entry.header();
    let clear = epoch_clear(entry)?;
    let suite = Suite::from_byte(header.suite).map_err(|_| EntryOpenError::Suite)?;
    let place = Place { suite, bucket: header.bucket, n: clear.n };
    let (commit_e, commit_ck) = (Commitment(clear.commit_e), Commitment(clear.commit_ck));
    match open_epoch(place, pair, tag_key, commit_e, commit_ck, &clear.wraps)? {
        EpochGrant::Epoch(key) => {
            let content = key.content(header.bucket).commitment();
            if content.matches(&commit_ck) { Ok(key) } else { Err(OpenError.into()) }
        }
        EpochGrant::Content(_) => Err(EntryOpenError::NoKey),
    }
}

/// Adds to the keyring every earlier epoch that the epochs in it lead back to.
pub fn walk_back(keyring: &mut Keyring, epochs: &[Verified<Entry>]) -> Result<(), EntryOpenError> {
    loop {
        let mut found = Vec::new();
        for entry in epochs.iter().filter(|entry| keyring.has(&entry.id())) {
            let Some(key) = keyring.epoch(&entry.id()) else { continue };
            let history = key.history(keyring.bucket());
            let clear = epoch_clear(entry)?;
            for (prev, slot) in clear.prev.iter().zip(&clear.back) {
                let before = epochs.iter().find(|other| other.id() == *prev);
                let Some(before) = before.filter(|_| !keyring.has(prev)) else { continue };
                let commitment = Commitment(epoch_clear(before)?.commit_e);
                let suite =
                    Suite::from_byte(entry.header().suite).map_err(|_| EntryOpenError::Suite)?;
                found.push((*prev, open_back(suite, &history, *prev, commitment, slot)?));
            }
        }
        if found.is_empty() {
            return Ok(());
        }
        for (id, key) in found {
            keyring.add(id, key);
        }
    }
}

/// Opens the sealed part of an epoch.
pub fn epoch_body(keyring: &Keyring, entry: &Verified<Entry>) -> Result<EpochBody, EntryOpenError> {
    Ok(EpochBody::decode(&keyring.open(entry)?)?)
}

/// What one member entry says, once checked.
#[derive(Debug)]
pub struct MemberFacts {
    /// The entry.
    pub entry: EntryId,
    /// What it says.
    pub body: MemberBody,
}

/// Opens a member entry. Refuses one that hides a principal under another's tag (attack A53), and
/// one that enrols an author without the proof of its device (attack A16).
pub fn member_facts(
    keyring: &Keyring,
    name_key: &NameKey,
    entry: &Verified<Entry>,
) -> Result<MemberFacts, EntryOpenError> {
    let refused = || EntryOpenError::Open(OpenError);
    let Clear::Member(clear) = Clear::decode(Kind::Member, entry.clear())? else {
        return Err(refused());
    };
    let body = MemberBody::decode(&keyring.open(entry)?)?;
    let tag = name_key.member_tag(body.principal);
    let header = entry.header();
    for bytes in &clear.capabilities {
        let capability =
            strongroom_wire::capability::Capability::decode(bytes).map_err(|_| refused())?;
        let claims = capability.claims();
        if claims.member != Some(tag) {
            return Err(refused());
        }
        let enrols = claims.holder == Some(header.author.public_key());
        if enrols {
            let proof = body.proof.as_ref().ok_or_else(refused)?;
            verify_device_proof(
                &proof.device,
                header.bucket,
                header.author,
                proof.instance,
                &proof.signature,
            )
            .map_err(|_| refused())?;
        }
    }
    Ok(MemberFacts { entry: entry.id(), body })
}

/// Whether a member entry is by a device of this principal.
pub fn is_of(facts: &MemberFacts, principal: PrincipalId) -> bool {
    facts.body.principal == principal
}
