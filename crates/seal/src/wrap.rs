//! Wraps. Comes in: a key and who shall have it; or wraps and a key pair. Goes out: wraps that say
//! nothing about who can open them; or the key. Must not know: principals, which wrap is whose.
//!
//! ```text
//! wrap = tag 16 ‖ enc 1,120 ‖ AEAD(wrap key, key 32) 48 = 1,184 B      docs/spec/epoch.md
//! wrap key = wrap(X-Wing shared secret ‖ bucket id ‖ n u64 ‖ commit of the wrapped key)
//! tag      = wrap tag(member's tag key ‖ bucket id ‖ n u64), 16 B
//! ```
//!
//! The commitment stands in the clear beside the wraps, so every member provably holds the same
//! key (attack A37): a wrap that opens to anything else is refused. A wrap is padded among dummies,
//! which are real wraps to a throw-away key, because random bytes can be told from X-Wing output.

use strongroom_wire::clear::{KEM_ENC_LEN, SEALED_KEY_LEN, WRAP_LEN};
use strongroom_wire::ids::BucketId;
use strongroom_wire::limits::EPOCH_WRAPS_MAX;

use crate::aead::{self, OpenError, Opens, SealError, SealsOnce};
use crate::derive::{self, derive};
use crate::kem::{AgreeSeed, KemPair, KemPublic, SharedSecret};
use crate::keys::{
    Commitment, ContentKey, DocumentHistoryKey, DocumentKey, EpochKey, TagKey, VersionKey, secret,
};
use crate::rng::Rng;
use crate::suite::Suite;

/// Wraps of an epoch are padded to at least this many.
pub const WRAPS_MIN: usize = 8;

/// Wraps of one document are padded to at least this many: a second holder who comes or goes does
/// not show in them. Most granted documents have one or two, and each more costs 1,184 B at every
/// new epoch.
pub const DOCUMENT_WRAPS_MIN: usize = 2;

const TAG_LEN: usize = 16;

secret! {
    /// Seals one wrapped key.
    WrapKey
}

impl SealsOnce for WrapKey {
    fn seal_key(&self) -> &[u8; 32] {
        self.expose()
    }
}
impl Opens for WrapKey {
    fn open_key(&self) -> &[u8; 32] {
        self.expose()
    }
}

mod hidden {
    pub trait Key {
        fn expose(&self) -> &[u8; 32];
        fn from_bytes(bytes: &[u8; 32]) -> Self;
        fn commitment(&self) -> super::Commitment;
    }
}

/// A key that may be wrapped: E, CK, BK, DK or VK, and no other.
pub trait Wrappable: hidden::Key {}

macro_rules! wrappable {
    ($($name:ident)*) => { $(
        impl hidden::Key for $name {
            fn expose(&self) -> &[u8; 32] {
                $name::expose(self)
            }
            fn from_bytes(bytes: &[u8; 32]) -> Self {
                $name::from_secret_bytes(bytes)
            }
            fn commitment(&self) -> Commitment {
                $name::commitment(self)
            }
        }
        impl Wrappable for $name {}
    )* };
}
wrappable! { EpochKey ContentKey DocumentHistoryKey DocumentKey VersionKey }

/// Which bucket's epoch a wrap is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Suite of the entry it stands in.
    pub suite: Suite,
    /// The bucket.
    pub bucket: BucketId,
    /// The epoch's number.
    pub n: u64,
}

impl Place {
    fn key(&self, shared: &SharedSecret, commitment: Commitment) -> WrapKey {
        let n = self.n.to_be_bytes();
        let input = [shared.expose(), &self.bucket.0[..], &n, &commitment.0];
        WrapKey::new(&derive(derive::WRAP, &input))
    }
}

/// Wraps `key` for the holder of `to`, to be found by `tag_key`.
///
/// ```
/// use strongroom_seal::keys::{EpochKey, TagKey};
/// use strongroom_seal::kem::AgreeSeed;
/// use strongroom_seal::{rng::DangerSeeded, suite::Suite};
/// use strongroom_seal::wrap::{open_wrap, wrap, Place};
/// use strongroom_wire::ids::BucketId;
///
/// let mut rng = DangerSeeded::new(1);
/// let (alice, tag_key) = (AgreeSeed::generate(&mut rng).pair(), TagKey::generate(&mut rng));
/// let place = Place { suite: Suite::DEFAULT, bucket: BucketId([1; 32]), n: 3 };
/// let epoch = EpochKey::generate(&mut rng);
/// let bytes = wrap(place, &epoch, &alice.public(), &tag_key, &mut rng)?;
/// let opened: EpochKey = open_wrap(place, &alice, epoch.commitment(), &bytes)?;
/// assert_eq!(opened.to_secret_bytes(), epoch.to_secret_bytes());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn wrap<K: Wrappable>(
    place: Place,
    key: &K,
    to: &KemPublic,
    tag_key: &TagKey,
    rng: &mut impl Rng,
) -> Result<[u8; WRAP_LEN], SealError> {
    let tag = tag_key.wrap_tag(place.bucket, place.n);
    assemble(place, tag, key, to, rng)
}

fn assemble<K: Wrappable>(
    place: Place,
    tag: [u8; TAG_LEN],
    key: &K,
    to: &KemPublic,
    rng: &mut impl Rng,
) -> Result<[u8; WRAP_LEN], SealError> {
    let (enc, shared) = to.encapsulate(rng);
    let wrap_key = place.key(&shared, key.commitment());
    let sealed = aead::seal_key(place.suite, wrap_key, key.expose())?;
    [&tag[..], &enc[..], &sealed].concat().try_into().map_err(|_| SealError::Cipher)
}

/// Adds dummies up to a power of two, at least [`WRAPS_MIN`], and shuffles. At most
/// [`EPOCH_WRAPS_MAX`].
pub fn pad_wraps(
    place: Place,
    wraps: Vec<[u8; WRAP_LEN]>,
    rng: &mut impl Rng,
) -> Result<Vec<[u8; WRAP_LEN]>, SealError> {
    pad_to(place, wraps, WRAPS_MIN, rng)
}

/// The same for the wraps of one document, at least [`DOCUMENT_WRAPS_MIN`].
pub fn pad_document_wraps(
    place: Place,
    wraps: Vec<[u8; WRAP_LEN]>,
    rng: &mut impl Rng,
) -> Result<Vec<[u8; WRAP_LEN]>, SealError> {
    pad_to(place, wraps, DOCUMENT_WRAPS_MIN, rng)
}

fn pad_to(
    place: Place,
    mut wraps: Vec<[u8; WRAP_LEN]>,
    least: usize,
    rng: &mut impl Rng,
) -> Result<Vec<[u8; WRAP_LEN]>, SealError> {
    if wraps.len() > EPOCH_WRAPS_MAX {
        let (len, max) = (wraps.len() as u64, EPOCH_WRAPS_MAX as u64);
        return Err(SealError::TooLong { len, max });
    }
    let padded = wraps.len().next_power_of_two().max(least);
    let nobody = AgreeSeed::generate(rng).pair().public();
    while wraps.len() < padded {
        let mut tag = [0; TAG_LEN];
        rng.fill(&mut tag);
        wraps.push(assemble(place, tag, &EpochKey::generate(rng), &nobody, rng)?);
    }
    rng.shuffle(&mut wraps);
    Ok(wraps)
}

fn split(wrap: &[u8; WRAP_LEN]) -> Option<(&[u8; KEM_ENC_LEN], &[u8; SEALED_KEY_LEN])> {
    let (_, rest) = wrap.split_first_chunk::<TAG_LEN>()?;
    let (enc, sealed) = rest.split_first_chunk::<KEM_ENC_LEN>()?;
    Some((enc, sealed.first_chunk::<SEALED_KEY_LEN>()?))
}

fn open_shared<K: Wrappable>(
    place: Place,
    shared: &SharedSecret,
    commitment: Commitment,
    sealed: &[u8; SEALED_KEY_LEN],
) -> Result<K, OpenError> {
    let bytes = aead::open_key(place.suite, &place.key(shared, commitment), sealed)?;
    let key = K::from_bytes(&bytes);
    // The tag only proves that the sender knew the wrap key. This proves which key it is.
    if key.commitment().matches(&commitment) { Ok(key) } else { Err(OpenError) }
}

/// Opens one wrap of a key of the kind `K` that was committed to.
pub fn open_wrap<K: Wrappable>(
    place: Place,
    pair: &KemPair,
    commitment: Commitment,
    wrap: &[u8; WRAP_LEN],
) -> Result<K, OpenError> {
    let (enc, sealed) = split(wrap).ok_or(OpenError)?;
    open_shared(place, &pair.decapsulate(enc), commitment, sealed)
}

/// What a member finds among the wraps of an epoch.
#[derive(Debug)]
pub enum EpochGrant {
    /// E: he opens this epoch and all before.
    Epoch(EpochKey),
    /// CK: he opens this epoch only ("from now on").
    Content(ContentKey),
}

/// Finds and opens a member's wrap of E or CK. Looks by the tag first; without a tag key, or where
/// that wrap does not open, tries all (at most 512).
pub fn open_epoch(
    place: Place,
    pair: &KemPair,
    tag_key: Option<&TagKey>,
    epoch: Commitment,
    content: Commitment,
    wraps: &[[u8; WRAP_LEN]],
) -> Result<EpochGrant, OpenError> {
    let tag = tag_key.map(|key| key.wrap_tag(place.bucket, place.n));
    let is_mine = |wrap: &[u8; WRAP_LEN]| tag.is_some_and(|tag| wrap.starts_with(&tag));
    let wraps = wraps.get(..EPOCH_WRAPS_MAX).unwrap_or(wraps);
    let (mine, others): (Vec<_>, Vec<_>) = wraps.iter().partition(|wrap| is_mine(wrap));
    mine.into_iter()
        .chain(others)
        .find_map(|wrap| {
            let (enc, sealed) = split(wrap)?;
            let shared = pair.decapsulate(enc);
            open_shared(place, &shared, epoch, sealed)
                .map(EpochGrant::Epoch)
                .or_else(|_| open_shared(place, &shared, content, sealed).map(EpochGrant::Content))
                .ok()
        })
        .ok_or(OpenError)
}

/// What somebody finds who holds one document and nothing else.
#[derive(Debug)]
pub enum DocumentGrant {
    /// BK: all versions.
    History(DocumentHistoryKey),
    /// DK: the versions under one epoch and generation.
    Document(DocumentKey),
    /// VK: one version.
    Version(VersionKey),
}

/// Opens the wrap that stands in a grant of one document, or of one version. Which key it is, its
/// commitment tells.
pub fn open_document_grant(
    place: Place,
    pair: &KemPair,
    commitment: Commitment,
    wrap: &[u8; WRAP_LEN],
) -> Result<DocumentGrant, OpenError> {
    let (enc, sealed) = split(wrap).ok_or(OpenError)?;
    let shared = pair.decapsulate(enc);
    open_shared(place, &shared, commitment, sealed)
        .map(DocumentGrant::History)
        .or_else(|_| open_shared(place, &shared, commitment, sealed).map(DocumentGrant::Document))
        .or_else(|_| open_shared(place, &shared, commitment, sealed).map(DocumentGrant::Version))
}

/// Finds one's own among the wraps of a version, by the tag, and opens it: BK or DK.
pub fn open_document_keys(
    place: Place,
    pair: &KemPair,
    tag_key: &TagKey,
    (history, document): (Commitment, Commitment),
    wraps: &[[u8; WRAP_LEN]],
) -> Result<DocumentGrant, OpenError> {
    let tag = tag_key.wrap_tag(place.bucket, place.n);
    let mine = wraps.iter().take(EPOCH_WRAPS_MAX).filter(|wrap| wrap.starts_with(&tag));
    mine.filter_map(split)
        .find_map(|(enc, sealed)| {
            let shared = pair.decapsulate(enc);
            open_shared(place, &shared, history, sealed)
                .map(DocumentGrant::History)
                .or_else(|_| {
                    open_shared(place, &shared, document, sealed).map(DocumentGrant::Document)
                })
                .ok()
        })
        .ok_or(OpenError)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::DangerSeeded;

    fn place() -> Place {
        Place { suite: Suite::Aes256Gcm, bucket: BucketId([1; 32]), n: 5 }
    }

    struct Member {
        pair: KemPair,
        tag_key: TagKey,
    }

    fn members(count: usize, rng: &mut DangerSeeded) -> Vec<Member> {
        (0..count)
            .map(|_| Member {
                pair: AgreeSeed::generate(rng).pair(),
                tag_key: TagKey::generate(rng),
            })
            .collect()
    }

    #[test]
    fn each_member_finds_the_same_key_with_and_without_his_tag() {
        let mut rng = DangerSeeded::new(1);
        let members = members(5, &mut rng);
        let e = EpochKey::generate(&mut rng);
        let ck = e.content(place().bucket);
        let mut wraps = Vec::new();
        for (at, m) in members.iter().enumerate() {
            let to = m.pair.public();
            wraps.push(if at == 4 {
                wrap(place(), &ck, &to, &m.tag_key, &mut rng).unwrap()
            } else {
                wrap(place(), &e, &to, &m.tag_key, &mut rng).unwrap()
            });
        }
        let wraps = pad_wraps(place(), wraps, &mut rng).unwrap();
        assert_eq!(wraps.len(), WRAPS_MIN);
        let (ce, cc) = (e.commitment(), ck.commitment());
        for (at, m) in members.iter().enumerate() {
            for tag_key in [Some(&m.tag_key), None, Some(&TagKey::generate(&mut rng))] {
                match open_epoch(place(), &m.pair, tag_key, ce, cc, &wraps).unwrap() {
                    EpochGrant::Epoch(key) => {
                        assert!(at < 4);
                        assert_eq!(key.to_secret_bytes(), e.to_secret_bytes());
                    }
                    EpochGrant::Content(key) => {
                        assert_eq!(at, 4);
                        assert_eq!(key.to_secret_bytes(), ck.to_secret_bytes());
                    }
                }
            }
        }
        let stranger = AgreeSeed::generate(&mut rng).pair();
        assert!(open_epoch(place(), &stranger, None, ce, cc, &wraps).is_err());
    }

    #[test]
    fn a37_a_different_key_than_the_committed_one_is_refused() {
        let mut rng = DangerSeeded::new(2);
        let m = members(1, &mut rng).remove(0);
        let (e, other) = (EpochKey::generate(&mut rng), EpochKey::generate(&mut rng));
        let to = m.pair.public();
        let bytes = wrap(place(), &other, &to, &m.tag_key, &mut rng).unwrap();
        let opened: Result<EpochKey, _> = open_wrap(place(), &m.pair, e.commitment(), &bytes);
        assert_eq!(opened.unwrap_err(), OpenError);
        // Even sealed under the wrap key of the right commitment.
        let (enc, shared) = to.encapsulate(&mut rng);
        let key = place().key(&shared, e.commitment());
        let sealed = aead::seal_key(place().suite, key, other.expose()).unwrap();
        let forged: [u8; WRAP_LEN] = [&[0; 16][..], &enc[..], &sealed].concat().try_into().unwrap();
        let opened: Result<EpochKey, _> = open_wrap(place(), &m.pair, e.commitment(), &forged);
        assert_eq!(opened.unwrap_err(), OpenError);
    }

    #[test]
    fn a37_who_is_in_from_now_on_is_handed_no_other_content_key() {
        let mut rng = DangerSeeded::new(7);
        let m = members(1, &mut rng).remove(0);
        let (e, other) = (EpochKey::generate(&mut rng), EpochKey::generate(&mut rng));
        let (ce, cc) = (e.commitment(), e.content(place().bucket).commitment());
        let to = m.pair.public();
        let mut of = |key: &ContentKey| wrap(place(), key, &to, &m.tag_key, &mut rng).unwrap();
        let good = of(&e.content(place().bucket));
        // Of another epoch, and of another bucket.
        let elsewhere = e.content(BucketId([2; 32]));
        let bad = [of(&other.content(place().bucket)), of(&elsewhere)];
        let open = |wraps: &[[u8; WRAP_LEN]]| {
            open_epoch(place(), &m.pair, Some(&m.tag_key), ce, cc, wraps)
        };
        assert!(open(&bad).is_err());
        assert!(matches!(open(&[bad[0], good]), Ok(EpochGrant::Content(_))));
    }

    #[test]
    fn a_wrap_opens_in_its_bucket_and_epoch_and_as_its_kind_only() {
        let mut rng = DangerSeeded::new(3);
        let m = members(1, &mut rng).remove(0);
        let e = EpochKey::generate(&mut rng);
        let bytes = wrap(place(), &e, &m.pair.public(), &m.tag_key, &mut rng).unwrap();
        let open = |place, pair: &KemPair| {
            open_wrap::<EpochKey>(place, pair, e.commitment(), &bytes).is_ok()
        };
        assert!(open(place(), &m.pair));
        assert!(!open(Place { n: 6, ..place() }, &m.pair));
        assert!(!open(Place { bucket: BucketId([2; 32]), ..place() }, &m.pair));
        assert!(!open(place(), &AgreeSeed::generate(&mut rng).pair()));
        assert!(open_wrap::<DocumentKey>(place(), &m.pair, e.commitment(), &bytes).is_err());
    }

    #[test]
    fn a10_every_changed_byte_behind_the_tag_is_refused() {
        let mut rng = DangerSeeded::new(4);
        let m = members(1, &mut rng).remove(0);
        let e = EpochKey::generate(&mut rng);
        for (suite, other) in Suite::ALL.into_iter().zip(Suite::ALL.into_iter().rev()) {
            let place = Place { suite, ..place() };
            let bytes = wrap(place, &e, &m.pair.public(), &m.tag_key, &mut rng).unwrap();
            let opens = |place, bytes: &[u8; WRAP_LEN]| {
                open_wrap::<EpochKey>(place, &m.pair, e.commitment(), bytes).is_ok()
            };
            assert!(opens(place, &bytes), "without a change it opens");
            assert!(!opens(Place { suite: other, ..place }, &bytes), "{suite:?} as {other:?}");
            // Each byte of the sealed key, and every 13th of the encapsulation (each costs a KEM
            // run).
            let places = (TAG_LEN..TAG_LEN + KEM_ENC_LEN).step_by(13);
            for at in places.chain(TAG_LEN + KEM_ENC_LEN..WRAP_LEN) {
                let mut bad = bytes;
                bad[at] ^= 1 << (at % 8);
                assert!(!opens(place, &bad), "{suite:?} byte {at}");
            }
        }
    }

    #[test]
    fn the_number_of_wraps_is_a_power_of_two_and_the_order_says_nothing() {
        let mut rng = DangerSeeded::new(5);
        for (count, padded) in [(0, 8), (1, 8), (8, 8), (9, 16), (100, 128)] {
            let wraps = vec![[7; WRAP_LEN]; count];
            let wraps = pad_wraps(place(), wraps, &mut rng).unwrap();
            assert_eq!(wraps.len(), padded);
            let real: Vec<_> = (0..padded).filter(|&at| wraps[at] == [7; WRAP_LEN]).collect();
            assert_eq!(real.len(), count);
            if count == 9 {
                assert_ne!(real, (0..9).collect::<Vec<_>>());
            }
        }
        let many = vec![[0; WRAP_LEN]; EPOCH_WRAPS_MAX + 1];
        assert!(pad_wraps(place(), many, &mut rng).is_err());
    }
}
