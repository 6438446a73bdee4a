//! What links epochs. Comes in: epoch keys. Goes out: slots of 48 bytes through which the holder of
//! one epoch's key finds another's; or that key, checked against its commitment. Must not know:
//! who is a member.
//!
//! ```text
//! back  = AEAD(epoch back(HK ‖ entry id of the previous epoch ‖ its commit(E)), its E)   48 B
//! child = AEAD(child slot(GK of the parent ‖ child bucket id ‖ commit(E)), E of child)   48 B
//! ```
//! The nonce is constant, so a key may seal one plaintext only. HK and GK would seal several: an
//! epoch that unites two follows both, and a parent has many children. So each slot has a key of
//! its own, and the commitment in its derivation makes one key fit one plaintext whatever a caller
//! does. `docs/spec/epoch.md`

use strongroom_wire::clear::{DOCUMENT_BACK_LEN, SEALED_KEY_LEN};
use strongroom_wire::ids::{BucketId, EntryId};
use strongroom_wire::limits::EPOCH_CHILDREN_MAX;

use crate::aead::{self, OpenError, SealError};
use crate::keys::{
    ChildKey, Commitment, DocumentHistoryKey, DocumentKey, EpochKey, HistoryKey, Nonce,
};
use crate::rng::Rng;
use crate::suite::Suite;
use zeroize::Zeroizing;

/// In place of a BK where a document has no parent.
const NO_HISTORY: [u8; 32] = [0; 32];

fn checked(key: EpochKey, commitment: Commitment) -> Result<EpochKey, OpenError> {
    if key.commitment().matches(&commitment) { Ok(key) } else { Err(OpenError) }
}

/// Leaves the key of a previous epoch for those who hold HK of the new one.
///
/// ```
/// use strongroom_seal::{epoch, keys::EpochKey, rng::DangerSeeded, suite::Suite};
/// use strongroom_wire::ids::{BucketId, EntryId};
/// let mut rng = DangerSeeded::new(1);
/// let (old, new) = (EpochKey::generate(&mut rng), EpochKey::generate(&mut rng));
/// let (history, previous) = (new.history(BucketId([1; 32])), EntryId([2; 32]));
/// let slot = epoch::seal_back(Suite::DEFAULT, &history, previous, &old)?;
/// let opened = epoch::open_back(Suite::DEFAULT, &history, previous, old.commitment(), &slot)?;
/// assert_eq!(opened.to_secret_bytes(), old.to_secret_bytes());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn seal_back(
    suite: Suite,
    history: &HistoryKey,
    previous: EntryId,
    key: &EpochKey,
) -> Result<[u8; SEALED_KEY_LEN], SealError> {
    aead::seal_key(suite, history.back(previous, key.commitment()), key.expose())
}

/// Opens the slot of one previous epoch. `commitment` is commit(E) in that epoch's own entry, so a
/// poisoned slot is refused (attack A38).
pub fn open_back(
    suite: Suite,
    history: &HistoryKey,
    previous: EntryId,
    commitment: Commitment,
    slot: &[u8; SEALED_KEY_LEN],
) -> Result<EpochKey, OpenError> {
    let bytes = aead::open_key(suite, &history.back(previous, commitment), slot)?;
    checked(EpochKey::from_secret_bytes(&bytes), commitment)
}

/// Leaves a child bucket's epoch key for those who hold GK of a parent.
pub fn seal_child(
    suite: Suite,
    parent: &ChildKey,
    child: BucketId,
    key: &EpochKey,
) -> Result<[u8; SEALED_KEY_LEN], SealError> {
    aead::seal_key(suite, parent.slot(child, key.commitment()), key.expose())
}

/// Finds the slot for the holders of `parent` among those of a child's epoch. Slots have no labels,
/// so all are tried.
pub fn open_child(
    suite: Suite,
    parent: &ChildKey,
    child: BucketId,
    commitment: Commitment,
    slots: &[[u8; SEALED_KEY_LEN]],
) -> Result<EpochKey, OpenError> {
    let key = parent.slot(child, commitment);
    let slots = slots.get(..EPOCH_CHILDREN_MAX).unwrap_or(slots);
    let bytes =
        slots.iter().find_map(|slot| aead::open_key(suite, &key, slot).ok()).ok_or(OpenError)?;
    checked(EpochKey::from_secret_bytes(&bytes), commitment)
}

/// Adds random slots up to a power of two, at least one, and shuffles: how many parents a bucket
/// has, and whether it has any, does not show. Sealed bytes of this cipher cannot be told from
/// random ones.
pub fn pad_children(
    mut slots: Vec<[u8; SEALED_KEY_LEN]>,
    rng: &mut impl Rng,
) -> Result<Vec<[u8; SEALED_KEY_LEN]>, SealError> {
    if slots.len() > EPOCH_CHILDREN_MAX {
        let (len, max) = (slots.len() as u64, EPOCH_CHILDREN_MAX as u64);
        return Err(SealError::TooLong { len, max });
    }
    let padded = slots.len().next_power_of_two();
    while slots.len() < padded {
        let mut slot = [0; SEALED_KEY_LEN];
        rng.fill(&mut slot);
        slots.push(slot);
    }
    rng.shuffle(&mut slots);
    Ok(slots)
}

/// Leaves DK of one version for a holder of BK.
pub fn seal_document_open(
    suite: Suite,
    history: &DocumentHistoryKey,
    version: EntryId,
    key: &DocumentKey,
) -> Result<[u8; SEALED_KEY_LEN], SealError> {
    aead::seal_key(suite, history.open(version), key.expose())
}

/// Opens what [`seal_document_open`] left. `nonce` and `kc` are those of the version's header: DK
/// must make the key that the version commits to.
pub fn open_document(
    suite: Suite,
    history: &DocumentHistoryKey,
    version: EntryId,
    nonce: &Nonce,
    kc: Commitment,
    slot: &[u8; SEALED_KEY_LEN],
) -> Result<DocumentKey, OpenError> {
    let bytes = aead::open_key(suite, &history.open(version), slot)?;
    let key = DocumentKey::from_secret_bytes(&bytes);
    if key.version(nonce).commitment().matches(&kc) { Ok(key) } else { Err(OpenError) }
}

/// Leaves DK, and the BK the document had at one parent, for a holder of the new BK: stands in the
/// first version under a new (epoch, generation). `before` is that parent with its BK, or `None`
/// where there is no parent; so one key never seals two plaintexts.
pub fn seal_document_back(
    suite: Suite,
    history: &DocumentHistoryKey,
    key: &DocumentKey,
    before: Option<(EntryId, &DocumentHistoryKey)>,
) -> Result<[u8; DOCUMENT_BACK_LEN], SealError> {
    let mut buffer = Zeroizing::new(Vec::with_capacity(DOCUMENT_BACK_LEN));
    buffer.extend_from_slice(key.expose());
    buffer.extend_from_slice(before.map_or(&NO_HISTORY, |(_, bk)| bk.expose()));
    let parent = before.map_or(EntryId::ZERO, |(parent, _)| parent);
    aead::seal_once(suite, history.back(parent), b"", &mut buffer)?;
    buffer.first_chunk().copied().ok_or(SealError::Cipher)
}

/// Opens what [`seal_document_back`] left. `commitment` is commit(DK); `parent` is zero where there
/// is none. BK of the parent is what a member says it is; what it opens is checked by itself.
pub fn open_document_back(
    suite: Suite,
    history: &DocumentHistoryKey,
    parent: EntryId,
    commitment: Commitment,
    slot: &[u8; DOCUMENT_BACK_LEN],
) -> Result<(DocumentKey, Option<DocumentHistoryKey>), OpenError> {
    let mut plain = Zeroizing::new(slot.to_vec());
    aead::open(suite, &history.back(parent), b"", &mut plain)?;
    let (key, rest) = plain.split_first_chunk::<32>().ok_or(OpenError)?;
    let rest = rest.first_chunk::<32>().ok_or(OpenError)?;
    let key = DocumentKey::from_secret_bytes(key);
    if !key.commitment().matches(&commitment) || aead::all_zero(rest) != parent.is_zero() {
        return Err(OpenError);
    }
    let before = (!parent.is_zero()).then(|| DocumentHistoryKey::from_secret_bytes(rest));
    Ok((key, before))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::DangerSeeded;

    const SUITE: Suite = Suite::Aes256Gcm;
    const BUCKET: BucketId = BucketId([1; 32]);

    #[test]
    fn a_member_with_history_walks_back_through_a_thousand_epochs() {
        let mut rng = DangerSeeded::new(1);
        let first = EpochKey::generate(&mut rng);
        let (mut e, mut trail) = (EpochKey::from_secret_bytes(&first.to_secret_bytes()), vec![]);
        for n in 0..1_000_u64 {
            let next = EpochKey::generate(&mut rng);
            let id = EntryId(*blake3::hash(&n.to_be_bytes()).as_bytes());
            let slot = seal_back(SUITE, &next.history(BUCKET), id, &e).unwrap();
            trail.push((id, e.commitment(), slot));
            e = next;
        }
        for (id, commitment, slot) in trail.iter().rev() {
            e = open_back(SUITE, &e.history(BUCKET), *id, *commitment, slot).unwrap();
        }
        assert_eq!(e.to_secret_bytes(), first.to_secret_bytes());
    }

    #[test]
    fn a38_a_poisoned_changed_or_moved_back_slot_is_refused() {
        let mut rng = DangerSeeded::new(2);
        let (old, new, evil) = (
            EpochKey::generate(&mut rng),
            EpochKey::generate(&mut rng),
            EpochKey::generate(&mut rng),
        );
        let history = new.history(BUCKET);
        let id = EntryId([5; 32]);
        for (suite, other) in Suite::ALL.into_iter().zip(Suite::ALL.into_iter().rev()) {
            let good = seal_back(suite, &history, id, &old).unwrap();
            let open = |id, slot: &[u8; 48]| open_back(suite, &history, id, old.commitment(), slot);
            assert!(open(id, &good).is_ok());
            assert!(open(EntryId([6; 32]), &good).is_err());
            assert!(open(id, &seal_back(suite, &history, id, &evil).unwrap()).is_err());
            assert!(open(id, &seal_back(other, &history, id, &old).unwrap()).is_err());
            for bit in 0..48 * 8 {
                let mut bad = good;
                bad[bit / 8] ^= 1 << (bit % 8);
                assert!(open(id, &bad).is_err(), "{suite:?} bit {bit}");
            }
            // Sealed under the very key that the commitment asks for, and still another E.
            let key = history.back(id, old.commitment());
            let forged = aead::seal_key(suite, key, evil.expose()).unwrap();
            assert!(open(id, &forged).is_err());
        }
    }

    #[test]
    fn an_epoch_that_unites_two_never_seals_two_plaintexts_under_one_key() {
        let mut rng = DangerSeeded::new(3);
        let (a, b, new) = (
            EpochKey::generate(&mut rng),
            EpochKey::generate(&mut rng),
            EpochKey::generate(&mut rng),
        );
        let history = new.history(BUCKET);
        let id = EntryId([5; 32]);
        let keys = [
            history.back(id, a.commitment()),
            history.back(EntryId([6; 32]), a.commitment()),
            history.back(id, b.commitment()),
        ];
        assert_ne!(keys[0].expose(), keys[1].expose());
        assert_ne!(keys[0].expose(), keys[2].expose(), "even if a caller repeats the id");
    }

    #[test]
    fn a_holder_of_one_document_walks_back_through_its_generations() {
        let mut rng = DangerSeeded::new(5);
        let tag = strongroom_wire::ids::DocumentTag([3; 16]);
        let parent = EntryId([7; 32]);
        let (old, new) = (EpochKey::generate(&mut rng), EpochKey::generate(&mut rng));
        let before = old.history(BUCKET).document(tag, 0);
        let (dk, bk) = (new.content(BUCKET).document(tag, 1), new.history(BUCKET).document(tag, 1));
        let slot = seal_document_back(SUITE, &bk, &dk, Some((parent, &before))).unwrap();
        let open = |slot: &[u8; 80], parent, dk| open_document_back(SUITE, &bk, parent, dk, slot);
        let (found, Some(found_before)) = open(&slot, parent, dk.commitment()).unwrap() else {
            panic!("there is a parent");
        };
        assert_eq!(found.to_secret_bytes(), dk.to_secret_bytes());
        assert_eq!(found_before.to_secret_bytes(), before.to_secret_bytes());
        assert!(open(&slot, parent, Commitment([0; 32])).is_err());
        assert!(open(&slot, EntryId::ZERO, dk.commitment()).is_err(), "of another parent");
        for at in 0..80 {
            let mut bad = slot;
            bad[at] ^= 1;
            assert!(open(&bad, parent, dk.commitment()).is_err(), "byte {at}");
        }
        let first = seal_document_back(SUITE, &bk, &dk, None).unwrap();
        assert!(open(&first, EntryId::ZERO, dk.commitment()).unwrap().1.is_none());
        assert!(open(&first, parent, dk.commitment()).is_err());
    }

    #[test]
    fn a_slot_for_one_version_gives_the_key_that_version_commits_to_or_none() {
        let mut rng = DangerSeeded::new(6);
        let tag = strongroom_wire::ids::DocumentTag([3; 16]);
        let epoch = EpochKey::generate(&mut rng);
        let bk = epoch.history(BUCKET).document(tag, 0);
        let dk = epoch.content(BUCKET).document(tag, 0);
        let (version, nonce) = (EntryId([7; 32]), Nonce([8; 32]));
        let kc = dk.version(&nonce).commitment();
        let slot = seal_document_open(SUITE, &bk, version, &dk).unwrap();
        let open = |version, nonce: &Nonce, kc, slot: &[u8; 48]| {
            open_document(SUITE, &bk, version, nonce, kc, slot)
        };
        let found = open(version, &nonce, kc, &slot).unwrap();
        assert_eq!(found.to_secret_bytes(), dk.to_secret_bytes());
        assert!(open(EntryId::ZERO, &nonce, kc, &slot).is_err());
        assert!(open(version, &Nonce([9; 32]), kc, &slot).is_err());
        assert!(open(version, &nonce, Commitment([0; 32]), &slot).is_err());
        let other = epoch.content(BUCKET).document(tag, 1);
        let forged = seal_document_open(SUITE, &bk, version, &other).unwrap();
        assert!(open(version, &nonce, kc, &forged).is_err(), "well sealed, and another key");
    }

    #[test]
    fn a_team_opens_its_bucket_through_one_of_several_slots() {
        let mut rng = DangerSeeded::new(4);
        let e = EpochKey::generate(&mut rng);
        let teams: Vec<_> =
            (0..3).map(|_| EpochKey::generate(&mut rng).children(BucketId([9; 32]))).collect();
        let slots = teams.iter().map(|t| seal_child(SUITE, t, BUCKET, &e).unwrap()).collect();
        let slots = pad_children(slots, &mut rng).unwrap();
        assert_eq!(slots.len(), 4);
        for team in &teams {
            let opened = open_child(SUITE, team, BUCKET, e.commitment(), &slots).unwrap();
            assert_eq!(opened.to_secret_bytes(), e.to_secret_bytes());
            assert!(open_child(SUITE, team, BucketId([2; 32]), e.commitment(), &slots).is_err());
        }
        let stranger = EpochKey::generate(&mut rng).children(BucketId([9; 32]));
        assert!(open_child(SUITE, &stranger, BUCKET, e.commitment(), &slots).is_err());
        assert_eq!(pad_children(vec![], &mut rng).unwrap().len(), 1);
        assert!(pad_children(vec![[0; 48]; EPOCH_CHILDREN_MAX + 1], &mut rng).is_err());
    }
}
