//! L2 · Coming back to a bucket. Takes its control entries and a member's keys; gives the keyring
//! and what the members say of each other. Must not know: where the entries came from.

use std::collections::BTreeMap;

use strongroom_seal::aead::OpenError;
use strongroom_seal::epoch::open_back;
use strongroom_seal::identity::verify_device_proof;
use strongroom_seal::kem::{KemPair, KemPublic};
use strongroom_seal::keys::{Commitment, EpochKey, NameKey, TagKey};
use strongroom_seal::link::link_principal;
use strongroom_seal::suite::Suite;
use strongroom_seal::wrap::{EpochGrant, Place, open_epoch};
use strongroom_wire::chain::Verified;
use strongroom_wire::clear::{Clear, Epoch};
use strongroom_wire::entry::{Entry, Kind};
use strongroom_wire::ids::{BucketId, EntryId, PrincipalId};

use crate::card::Card;
use crate::keyring::{EntryOpenError, Keyring};
use crate::parts::{EpochBody, MemberBody};

/// The clear part of an epoch entry.
fn epoch_clear(entry: &Verified<Entry>) -> Result<Epoch, EntryOpenError> {
    match Clear::decode(entry.header().kind, entry.clear())? {
        Clear::Epoch(epoch) => Ok(epoch),
        _ => Err(EntryOpenError::Open(OpenError)),
    }
}

/// Opens a member's wrap of E in an epoch entry, see [`epoch_grant`].
pub fn epoch_key(
    entry: &Verified<Entry>,
    pair: &KemPair,
    tag_key: Option<&TagKey>,
) -> Result<EpochKey, EntryOpenError> {
    match epoch_grant(entry, pair, tag_key)? {
        EpochGrant::Epoch(key) => Ok(key),
        EpochGrant::Content(_) => Err(EntryOpenError::NoKey),
    }
}

/// Opens a member's wrap in an epoch entry and checks it against the entry's commitments, so that
/// every member provably holds the same key: E, or CK for a member "from now on".
pub fn epoch_grant(
    entry: &Verified<Entry>,
    pair: &KemPair,
    tag_key: Option<&TagKey>,
) -> Result<EpochGrant, EntryOpenError> {
    let header = entry.header();
    let clear = epoch_clear(entry)?;
    let suite = Suite::from_byte(header.suite).map_err(|_| EntryOpenError::Suite)?;
    let place = Place { suite, bucket: header.bucket, n: clear.n };
    let (commit_e, commit_ck) = (Commitment(clear.commit_e), Commitment(clear.commit_ck));
    let granted = open_epoch(place, pair, tag_key, commit_e, commit_ck, &clear.wraps)?;
    if fits(&granted, header.bucket, commit_ck) { Ok(granted) } else { Err(OpenError.into()) }
}

/// Whether E leads to the content key that was committed to. CK was compared when it was opened.
fn fits(granted: &EpochGrant, bucket: BucketId, content: Commitment) -> bool {
    match granted {
        EpochGrant::Epoch(key) => key.content(bucket).commitment().matches(&content),
        EpochGrant::Content(_) => true,
    }
}

/// Adds what was granted; tells whether it leads to what came before.
fn hold(keyring: &mut Keyring, id: EntryId, granted: EpochGrant) -> bool {
    match granted {
        EpochGrant::Epoch(key) => {
            keyring.add(id, key);
            true
        }
        EpochGrant::Content(key) => {
            keyring.add_content(id, key);
            false
        }
    }
}

/// An epoch entry with its clear part, read once.
struct Known<'a> {
    entry: &'a Verified<Entry>,
    clear: Epoch,
}

/// Adds the keys of epochs in which this member was let in: its wrap stands in the member entry.
/// `log`: epochs and member entries. Then walks back from there, like [`open_epochs`].
pub fn open_granted(
    keyring: &mut Keyring,
    log: &[Verified<Entry>],
    pair: &KemPair,
    tag_key: &TagKey,
) {
    let known: BTreeMap<EntryId, Known<'_>> = log
        .iter()
        .filter(|entry| entry.header().kind == Kind::Epoch)
        .filter_map(|entry| Some((entry.id(), Known { entry, clear: epoch_clear(entry).ok()? })))
        .collect();
    for entry in log.iter().filter(|entry| entry.header().kind == Kind::Member) {
        let id = entry.header().epoch;
        let Some(epoch) = known.get(&id).filter(|_| keyring.epoch(&id).is_none()) else {
            continue;
        };
        let Ok(Clear::Member(member)) = Clear::decode(Kind::Member, entry.clear()) else {
            continue;
        };
        let Some(wrap) = member.wrap else { continue };
        let (bucket, n) = (entry.header().bucket, epoch.clear.n);
        // Others' wraps cost nothing.
        if wrap.first_chunk::<16>() != Some(&tag_key.wrap_tag(bucket, n)) {
            continue;
        }
        let Ok(suite) = keyring.admit(epoch.entry.header().suite) else { continue };
        let place = Place { suite, bucket, n };
        let (e, ck) = (Commitment(epoch.clear.commit_e), Commitment(epoch.clear.commit_ck));
        let opened = open_epoch(place, pair, Some(tag_key), e, ck, &[*wrap]);
        if let Ok(granted) = opened
            && fits(&granted, bucket, ck)
            && hold(keyring, id, granted)
        {
            walk_back(keyring, &known, vec![id]);
        }
    }
}

/// Adds to the keyring every epoch of these that this member can open. The newest is opened by the
/// member's wrap, which costs a public-key operation; all before it by the back keys, which cost
/// none: a device that joins after a thousand epochs opens one wrap. A back slot that does not fit
/// the commitment of its epoch is passed over (attack A38): that epoch has wraps of its own.
///
/// Before an epoch that is held one's own wrap is looked for by its tag alone: who is in "from now
/// on" has none there, and would try all of all epochs for nothing.
///
/// Every epoch is opened at most once, so the walk ends, whatever the entries say.
pub fn open_epochs(
    keyring: &mut Keyring,
    epochs: &[Verified<Entry>],
    pair: &KemPair,
    tag_key: Option<&TagKey>,
) {
    let known: BTreeMap<EntryId, Known<'_>> = epochs
        .iter()
        .filter_map(|entry| Some((entry.id(), Known { entry, clear: epoch_clear(entry).ok()? })))
        .collect();
    let held = known.keys().filter(|id| keyring.epoch(id).is_some());
    walk_back(keyring, &known, held.copied().collect());
    let held = known.iter().filter(|(id, _)| keyring.has(id)).map(|(_, it)| it.clear.n);
    let mut newest_held = held.max();
    let mut newest_first: Vec<_> = known.iter().map(|(id, it)| (it.clear.n, *id)).collect();
    newest_first.sort_unstable_by(|a, b| b.cmp(a));
    for (_, id) in newest_first {
        let Some(epoch) = known.get(&id).filter(|_| !keyring.has(&id)) else { continue };
        if keyring.admit(epoch.entry.header().suite).is_err() {
            continue;
        }
        let (bucket, n) = (keyring.bucket(), epoch.clear.n);
        let tag = tag_key.map(|key| key.wrap_tag(bucket, n));
        let named = |tag: [u8; 16]| epoch.clear.wraps.iter().any(|wrap| wrap.starts_with(&tag));
        if newest_held.is_some_and(|held| held > n) && !tag.is_none_or(named) {
            continue;
        }
        if let Ok(granted) = epoch_grant(epoch.entry, pair, tag_key) {
            newest_held = newest_held.max(Some(n));
            if hold(keyring, id, granted) {
                walk_back(keyring, &known, vec![id]);
            }
        }
    }
}

/// From these epochs, whose keys are held, to all before them.
fn walk_back(keyring: &mut Keyring, known: &BTreeMap<EntryId, Known<'_>>, mut from: Vec<EntryId>) {
    while let Some(id) = from.pop() {
        let (Some(epoch), Some(key)) = (known.get(&id), keyring.epoch(&id)) else { continue };
        let Ok(suite) = keyring.admit(epoch.entry.header().suite) else { continue };
        let history = key.history(keyring.bucket());
        for (prev, slot) in epoch.clear.prev.iter().zip(&epoch.clear.back) {
            let Some(before) = known.get(prev).filter(|_| keyring.epoch(prev).is_none()) else {
                continue;
            };
            let commitment = Commitment(before.clear.commit_e);
            let Ok(key) = open_back(suite, &history, *prev, commitment, slot) else { continue };
            let content = key.content(keyring.bucket()).commitment();
            if content.matches(&Commitment(before.clear.commit_ck)) {
                keyring.add(*prev, key);
                from.push(*prev);
            }
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

/// Opens a member entry. Refuses one that hides a principal under another's tag (attack A53), one
/// that enrols an author without the proof of its device (attack A16), and an acceptance by a
/// device that the invited one's key log does not name: the granter knows the invite key, and could
/// take it himself (attack A46).
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
    if !is_its_own_link(&body) {
        return Err(refused());
    }
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
    if clear.capabilities.len() > 1 && !accepts_itself(&body) {
        return Err(refused());
    }
    Ok(MemberFacts { entry: entry.id(), body })
}

/// Whether a link's agree key gives the principal it stands under. Else somebody's tag could be
/// shown, and the keys wrapped to another (attack A26).
fn is_its_own_link(body: &MemberBody) -> bool {
    let Some(link) = &body.link else { return true };
    let agree = KemPublic::from_bytes(&link.agree).ok();
    agree.is_some_and(|agree| link_principal(&agree) == body.principal)
}

/// Whether the device that accepts is one of the principal's own, by the card it brings.
fn accepts_itself(body: &MemberBody) -> bool {
    let card = body.card.as_deref().and_then(|bytes| Card::decode(bytes).ok());
    let log = card.and_then(|card| card.verify().ok());
    let device = body.proof.as_ref().map(|proof| proof.device);
    log.zip(device).is_some_and(|(log, device)| {
        log.principal() == body.principal && log.device(&device).is_some()
    })
}

/// Member entries of these that prove not what they say. What cannot be opened is not judged.
pub fn doubtful<'e>(
    keyring: &Keyring,
    names: &NameKey,
    entries: impl IntoIterator<Item = &'e Verified<Entry>>,
) -> Vec<EntryId> {
    let members = entries.into_iter().filter(|entry| entry.header().kind == Kind::Member);
    let lies = |entry: &&Verified<Entry>| {
        let said = member_facts(keyring, names, entry);
        !matches!(
            said,
            Ok(_) | Err(EntryOpenError::NoKey | EntryOpenError::Purged | EntryOpenError::NoGenesis)
        )
    };
    members.filter(lies).map(|entry| entry.id()).collect()
}

/// Whether a member entry is by a device of this principal.
pub fn is_of(facts: &MemberFacts, principal: PrincipalId) -> bool {
    facts.body.principal == principal
}
