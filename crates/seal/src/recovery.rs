//! Recovery from words and an address. Comes in: the recovery key R, or what devices keep of it; a
//! provider's key; a record. Goes out: identity roots, record ids and keys, records, and what a
//! record says. Must not know: providers' addresses, how a record is fetched.
//!
//! ```text
//! phrase ─► R ─► identity root n · recovery pair · locator ─► record id and key per provider
//! record = suite u8 ‖ counter u64 ‖ enc 1,120 ‖ AEAD(2,048 B) 2,064 ‖ signature 64 = 3,257 B
//! AEAD key = recovery wrap(X-Wing shared secret ‖ record id ‖ counter u64)
//! AAD      = record id ‖ suite ‖ counter
//! ```
//! `docs/spec/recovery-phrase.md`; a provider's view is `strongroom_wire::recovery`.
//!
//! R itself is stored nowhere. Devices keep the pair's **public** half and the locator: with them
//! they write a record at any provider, and open none. Each provider sees ids of its own, which
//! say nothing about those at another (attack A57).

use strongroom_wire::clear::{KEM_ENC_LEN, SEALED_KEY_LEN};
use strongroom_wire::ids::{BucketId, RecordId, Thumbprint};
use strongroom_wire::limits::{RECOVERY_PLAIN_LEN, SEAL_TAG_LEN};
use strongroom_wire::recovery::RecoveryRecord;
use zeroize::Zeroizing;

use crate::aead::{self, OpenError, Opens, SealError, SealsOnce};
use crate::derive::{self, derive};
use crate::identity::{BucketRootKey, IdentityRootKey, RecordSigningKey};
use crate::kem::{KemPair, KemPublic, RecoveryPairSeed, SharedSecret};
use crate::keys::{random_secret, secret, stored_secret};
use crate::rng::Rng;
use crate::suite::Suite;

/// Bytes of what a record says, at most.
pub const RECORD_CONTENTS_LEN_MAX: usize = RECOVERY_PLAIN_LEN - LENGTH_LEN;

/// Bytes of a bucket's root key, wrapped to the recovery pair.
pub const ROOT_WRAP_LEN: usize = KEM_ENC_LEN + SEALED_KEY_LEN;

const LENGTH_LEN: usize = 4;

random_secret! {
    /// R: 32 bytes, 24 words. Whoever has it is the person.
    RecoveryKey
}
stored_secret! {
    /// Finds and signs a person's records at every provider; opens none.
    Locator
}
secret! {
    /// Seals one record: one key, one plaintext.
    RecordKey
}
secret! {
    /// Seals one bucket's root key.
    RootWrapKey
}

macro_rules! one_plaintext {
    ($($name:ident)*) => { $(
        impl SealsOnce for $name {
            fn seal_key(&self) -> &[u8; 32] {
                self.expose()
            }
        }
        impl Opens for $name {
            fn open_key(&self) -> &[u8; 32] {
                self.expose()
            }
        }
    )* };
}
one_plaintext! { RecordKey RootWrapKey }

impl RecoveryKey {
    /// The n-th root key of the key log. No device has to hold it.
    pub fn identity_root(&self, n: u32) -> IdentityRootKey {
        let seed = derive(derive::IDENTITY_ROOT, &[self.expose(), &n.to_be_bytes()]);
        IdentityRootKey::from_seed(&seed)
    }

    /// Seed of the recovery pair.
    pub fn pair(&self) -> RecoveryPairSeed {
        RecoveryPairSeed::new(&derive(derive::RECOVERY_PAIR, &[self.expose()]))
    }

    /// The locator.
    pub fn locator(&self) -> Locator {
        Locator::new(&derive(derive::RECOVERY_LOCATOR, &[self.expose()]))
    }
}

impl Locator {
    /// Where the record lies at the provider with this key.
    pub fn record_id(&self, provider: &Thumbprint) -> RecordId {
        RecordId(*derive(derive::RECOVERY_ID, &[self.expose(), &provider.0]))
    }

    /// What signs the record there, and requests for it.
    pub fn record_key(&self, provider: &Thumbprint) -> RecordSigningKey {
        let seed = derive(derive::RECOVERY_SIGN, &[self.expose(), &provider.0]);
        RecordSigningKey::from_seed(&seed)
    }
}

fn record_key(shared: &SharedSecret, record: RecordId, counter: u64) -> RecordKey {
    let counter = counter.to_be_bytes();
    RecordKey::new(&derive(derive::RECOVERY_WRAP, &[shared.expose(), &record.0, &counter]))
}

fn record_aad(record: RecordId, suite: Suite, counter: u64) -> Vec<u8> {
    [&record.0[..], &[suite.byte()], &counter.to_be_bytes()].concat()
}

/// Makes the record for one provider: sealed to the recovery pair and signed by the record key.
/// `contents` is CBOR of at most [`RECORD_CONTENTS_LEN_MAX`] bytes; `counter` is the stored one
/// plus 1.
pub fn seal_record(
    suite: Suite,
    to: &KemPublic,
    locator: &Locator,
    provider: &Thumbprint,
    counter: u64,
    contents: &[u8],
    rng: &mut impl Rng,
) -> Result<RecoveryRecord, SealError> {
    let (len, max) = (contents.len() as u64, RECORD_CONTENTS_LEN_MAX as u64);
    if len > max {
        return Err(SealError::TooLong { len, max });
    }
    let record = locator.record_id(provider);
    let mut plain = Zeroizing::new(Vec::with_capacity(RECOVERY_PLAIN_LEN + SEAL_TAG_LEN));
    plain.extend_from_slice(&(contents.len() as u32).to_be_bytes());
    plain.extend_from_slice(contents);
    plain.resize(RECOVERY_PLAIN_LEN, 0);

    let (enc, shared) = to.encapsulate(rng);
    let key = record_key(&shared, record, counter);
    aead::seal_once(suite, key, &record_aad(record, suite, counter), &mut plain)?;
    let sealed = plain.first_chunk().ok_or(SealError::Cipher)?;
    let signer = locator.record_key(provider);
    RecoveryRecord::assemble(record, suite.byte(), counter, &enc, sealed, |m| signer.sign(m))
        .map_err(|_| SealError::Cipher)
}

/// What a record said.
pub struct OpenedRecord {
    /// How often it was replaced.
    pub counter: u64,
    /// CBOR. It wipes itself.
    pub contents: Zeroizing<Vec<u8>>,
}

impl core::fmt::Debug for OpenedRecord {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "OpenedRecord({})", self.counter)
    }
}

/// Checks the signature of what a provider answered, and opens it. A record of another person,
/// another provider or another counter is the one error.
pub fn open_record(
    pair: &KemPair,
    locator: &Locator,
    provider: &Thumbprint,
    bytes: &[u8],
) -> Result<OpenedRecord, OpenError> {
    let record = locator.record_id(provider);
    let signer = locator.record_key(provider).public();
    let found = RecoveryRecord::verify(bytes, record, &signer).map_err(|_| OpenError)?;
    let suite = Suite::outside_buckets(found.suite()).map_err(|_| OpenError)?;
    let counter = found.counter();

    let key = record_key(&pair.decapsulate(&found.enc()), record, counter);
    let mut plain = Zeroizing::new(found.sealed().to_vec());
    aead::open(suite, &key, &record_aad(record, suite, counter), &mut plain)?;
    let (length, rest) = plain.split_first_chunk::<LENGTH_LEN>().ok_or(OpenError)?;
    let len = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| OpenError)?;
    let (contents, zeros) = rest.split_at_checked(len).ok_or(OpenError)?;
    if !aead::all_zero(zeros) {
        return Err(OpenError);
    }
    Ok(OpenedRecord { counter, contents: Zeroizing::new(contents.to_vec()) })
}

fn root_wrap_key(shared: &SharedSecret, bucket: BucketId) -> RootWrapKey {
    RootWrapKey::new(&derive(derive::ROOT_WRAP, &[shared.expose(), &bucket.0]))
}

/// Wraps a bucket's root key to the recovery pair, so that no device has to keep it.
pub fn wrap_root_key(
    suite: Suite,
    to: &KemPublic,
    bucket: BucketId,
    root: &BucketRootKey,
    rng: &mut impl Rng,
) -> Result<[u8; ROOT_WRAP_LEN], SealError> {
    let (enc, shared) = to.encapsulate(rng);
    let sealed = aead::seal_key(suite, root_wrap_key(&shared, bucket), &root.to_secret_bytes())?;
    [&enc[..], &sealed].concat().try_into().map_err(|_| SealError::Cipher)
}

/// Unwraps a bucket's root key. The caller compares its public half with the bucket's genesis.
pub fn unwrap_root_key(
    suite: Suite,
    pair: &KemPair,
    bucket: BucketId,
    wrap: &[u8; ROOT_WRAP_LEN],
) -> Result<BucketRootKey, OpenError> {
    let (enc, sealed) = wrap.split_first_chunk::<KEM_ENC_LEN>().ok_or(OpenError)?;
    let sealed = sealed.first_chunk().ok_or(OpenError)?;
    let shared = pair.decapsulate(enc);
    let seed = aead::open_key(suite, &root_wrap_key(&shared, bucket), sealed)?;
    Ok(BucketRootKey::from_secret_bytes(&seed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::DangerSeeded;

    const SUITE: Suite = Suite::Aes256Gcm;
    const HERE: Thumbprint = Thumbprint([1; 32]);
    const THERE: Thumbprint = Thumbprint([2; 32]);

    fn key() -> RecoveryKey {
        RecoveryKey::from_secret_bytes(&[7; 32])
    }

    fn record(counter: u64, contents: &[u8]) -> RecoveryRecord {
        let to = key().pair().pair().public();
        let mut rng = DangerSeeded::new(counter);
        seal_record(SUITE, &to, &key().locator(), &HERE, counter, contents, &mut rng).unwrap()
    }

    #[test]
    fn a_device_without_the_phrase_writes_a_record_only_the_phrase_opens() {
        let sealed = record(3, b"who I am");
        let pair = key().pair().pair();
        let opened = open_record(&pair, &key().locator(), &HERE, sealed.as_bytes()).unwrap();
        assert_eq!((opened.counter, &opened.contents[..]), (3, &b"who I am"[..]));
        assert_eq!(record(4, &[]).as_bytes().len(), record(5, &[1; 2_044]).as_bytes().len());
        let to = pair.public();
        let long = [0; RECORD_CONTENTS_LEN_MAX + 1];
        let mut rng = DangerSeeded::new(1);
        let made = seal_record(SUITE, &to, &key().locator(), &HERE, 1, &long, &mut rng);
        assert!(matches!(made, Err(SealError::TooLong { len: 2_045, max: 2_044 })));
    }

    #[test]
    fn a57_another_persons_or_providers_record_is_refused_and_ids_are_unlike() {
        let sealed = record(1, b"x");
        let pair = key().pair().pair();
        assert!(open_record(&pair, &key().locator(), &THERE, sealed.as_bytes()).is_err());
        let other = RecoveryKey::from_secret_bytes(&[8; 32]);
        assert!(open_record(&pair, &other.locator(), &HERE, sealed.as_bytes()).is_err());
        let foreign = other.pair().pair();
        assert!(open_record(&foreign, &key().locator(), &HERE, sealed.as_bytes()).is_err());
        let locator = key().locator();
        assert_ne!(locator.record_id(&HERE), locator.record_id(&THERE));
        assert_ne!(locator.record_key(&HERE).public(), locator.record_key(&THERE).public());
    }

    #[test]
    fn a10_a_flip_in_every_byte_is_refused_also_where_the_signature_was_made_again() {
        let sealed = record(9, b"contents");
        let good = *sealed.as_bytes();
        let pair = key().pair().pair();
        let locator = key().locator();
        let open = |bytes: &[u8]| open_record(&pair, &locator, &HERE, bytes).is_ok();
        assert!(open(&good));
        for at in 0..good.len() {
            let mut bad = good;
            bad[at] ^= 1 << (at % 8);
            assert!(!open(&bad), "byte {at}");
            assert!(at % 64 != 0 || !open(&good[..at]), "cut at {at}");
        }
        let signer = locator.record_key(&HERE);
        let id = locator.record_id(&HERE);
        let resign = |counter, enc: &_, body: &_| {
            RecoveryRecord::assemble(id, 1, counter, enc, body, |m| signer.sign(m)).unwrap()
        };
        assert!(open(resign(9, &sealed.enc(), &sealed.sealed()).as_bytes()));
        assert!(!open(resign(8, &sealed.enc(), &sealed.sealed()).as_bytes()), "another counter");
        let mut enc = sealed.enc();
        enc[0] ^= 1;
        assert!(!open(resign(9, &enc, &sealed.sealed()).as_bytes()));
        for at in (0..2_064).step_by(7) {
            let mut body = sealed.sealed();
            body[at] ^= 1;
            assert!(!open(resign(9, &sealed.enc(), &body).as_bytes()), "sealed byte {at}");
        }
    }

    #[test]
    fn everything_r_gives_is_derived_and_unlike() {
        let r = key();
        let expect = |context: &str, input: &[&[u8]]| {
            blake3::derive_key(&format!("strongroom 1 {context}"), &input.concat())
        };
        let root = IdentityRootKey::from_seed(&expect("identity root", &[&[7; 32], &[0, 0, 0, 1]]));
        assert_eq!(r.identity_root(1).public(), root.public());
        assert_ne!(r.identity_root(0).public(), root.public());
        assert_eq!(r.pair().expose(), &expect("recovery pair", &[&[7; 32]]));
        let locator = r.locator();
        assert_eq!(locator.expose(), &expect("recovery locator", &[&[7; 32]]));
        let id = expect("recovery id", &[locator.expose(), &HERE.0]);
        assert_eq!(locator.record_id(&HERE).0, id);
        let seed = expect("recovery sign", &[locator.expose(), &HERE.0]);
        let signer = RecordSigningKey::from_seed(&seed);
        assert_eq!(locator.record_key(&HERE).public(), signer.public());
    }

    #[test]
    fn a_buckets_root_key_comes_back_for_its_bucket_only() {
        let mut rng = DangerSeeded::new(1);
        let root = BucketRootKey::generate(&mut rng);
        let pair = key().pair().pair();
        let bucket = BucketId([3; 32]);
        let wrap = wrap_root_key(SUITE, &pair.public(), bucket, &root, &mut rng).unwrap();
        let back = unwrap_root_key(SUITE, &pair, bucket, &wrap).unwrap();
        assert_eq!(back.public(), root.public());
        assert!(unwrap_root_key(SUITE, &pair, BucketId([4; 32]), &wrap).is_err());
        for at in KEM_ENC_LEN..ROOT_WRAP_LEN {
            let mut bad = wrap;
            bad[at] ^= 1;
            assert!(unwrap_root_key(SUITE, &pair, bucket, &bad).is_err(), "byte {at}");
        }
    }
}
