//! The key store of a device. Comes in: a passphrase and the device's secrets, or the bytes of a
//! stored file. Goes out: bytes for a file, or the secrets. Must not know: which secrets they are,
//! where the file lies, who typed the passphrase.
//!
//! ```text
//! offset  len  field                                          docs/spec/key-store.md
//!      0   16  "strongroom-keys" 0x0a
//!     16    1  format number
//!     17    1  suite
//!     18    4  Argon2id memory, KiB
//!     22    4  Argon2id passes
//!     26    4  Argon2id lanes
//!     30   32  salt
//!     62   32  nonce
//!     94   32  commitment to the sealing key
//!    126    …  AEAD(length u32 ‖ contents ‖ zeros up to the padded length) ‖ tag 16
//! ```
//! All before the AEAD is its associated data. Nothing derived from the passphrase leaves the
//! device (attack A08). A wrong passphrase and a damaged file are one error after the same work:
//! whatever is wrong with a header, one Argon2id run is paid before anything is said.
//!
//! ```
//! use strongroom_seal::{cost::Cost, keystore, rng::DangerSeeded};
//! let mut rng = DangerSeeded::new(1);
//! let (file, open) = keystore::create(b"correct horse", Cost::FLOOR, b"secrets", &mut rng)?;
//! let (contents, _) = keystore::unlock(b"correct horse", &file)?;
//! assert_eq!(contents[..], *b"secrets");
//! // Once open, saving costs no Argon2id run.
//! let file = open.save(b"more secrets", &mut rng)?;
//! assert_eq!(open.read(&file)?[..], *b"more secrets");
//! assert_eq!(keystore::unlock(b"wrong", &file).unwrap_err(), keystore::KeyStoreError::Refused);
//! # Ok::<(), keystore::KeyStoreError>(())
//! ```

use strongroom_wire::format::FORMAT;
use strongroom_wire::limits::SEAL_TAG_LEN;
use zeroize::Zeroizing;

use crate::aead::{self, Opens, SealError, SealsOnce};
use crate::cost::Cost;
use crate::derive::{self, derive};
use crate::keys::{Commitment, secret};
use crate::padding::{Padding, Padme};
use crate::password::{self, StretchError};
use crate::rng::Rng;
use crate::suite::Suite;

/// Bytes of contents at most. A device's secrets are a few hundred; the rest is room.
pub const CONTENTS_LEN_MAX: usize = 1_048_576;

/// Bytes of a key store file at most: read no more than this.
pub const FILE_LEN_MAX: usize = HEADER_LEN + 2 * CONTENTS_LEN_MAX;

const MAGIC: &[u8; 16] = b"strongroom-keys\n";
const SALT_LEN: usize = 32;
const HEADER_LEN: usize = MAGIC.len() + 1 + 1 + 3 * 4 + SALT_LEN + 32 + 32;
const LENGTH_LEN: usize = 4;

/// Why a key store was not opened or made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyStoreError {
    /// The passphrase or the file: which of both is not told, and cannot be known.
    #[error("the key store does not open: the passphrase is wrong, or the file is damaged")]
    Refused,
    /// The cost of a new key store lies outside its bounds.
    #[error(
        "a passphrase must cost at least 64 MiB, 3 passes and 4 lanes, and at most 1 GiB, \
         16 passes and 16 lanes"
    )]
    Cost,
    /// The memory that the passphrase costs is not there.
    #[error("not enough memory to check the passphrase: {mib} MiB are needed")]
    Memory {
        /// MiB.
        mib: u32,
    },
    /// The contents could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
}

secret! {
    /// What Argon2id made of the passphrase.
    PassphraseKey
}
secret! {
    /// Seals one state of the file: one key, one plaintext.
    FileKey
}

impl SealsOnce for FileKey {
    fn seal_key(&self) -> &[u8; 32] {
        self.expose()
    }
}
impl Opens for FileKey {
    fn open_key(&self) -> &[u8; 32] {
        self.expose()
    }
}

impl PassphraseKey {
    fn file_key(&self, nonce: &[u8; 32]) -> FileKey {
        FileKey::new(&derive(derive::KEY_STORE, &[self.expose(), nonce]))
    }
}

impl FileKey {
    fn commitment(&self) -> Commitment {
        Commitment(*derive(derive::KEY_STORE_COMMIT, &[self.expose()]))
    }
}

/// A key store whose passphrase was given: can be saved again without it. It wipes itself.
pub struct OpenKeyStore {
    key: PassphraseKey,
    cost: Cost,
    salt: [u8; SALT_LEN],
}

impl core::fmt::Debug for OpenKeyStore {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("OpenKeyStore(secret)")
    }
}

/// Makes a key store. `cost` is at least [`Cost::FLOOR`]. Takes one Argon2id run.
pub fn create(
    passphrase: &[u8],
    cost: Cost,
    contents: &[u8],
    rng: &mut impl Rng,
) -> Result<(Vec<u8>, OpenKeyStore), KeyStoreError> {
    if !cost.is_acceptable() {
        return Err(KeyStoreError::Cost);
    }
    let salt = rng.bytes32();
    let store = OpenKeyStore { key: stretch(passphrase, cost, &salt)?, cost, salt };
    let file = store.save(contents, rng)?;
    Ok((file, store))
}

/// Opens a key store. Takes one Argon2id run, whatever is wrong.
pub fn unlock(
    passphrase: &[u8],
    file: &[u8],
) -> Result<(Zeroizing<Vec<u8>>, OpenKeyStore), KeyStoreError> {
    let header = Header::parse(file);
    // A header that cannot be used still costs what an honest one costs at least, so that time
    // does not tell a damaged file from a wrong passphrase.
    let (cost, salt) = header.as_ref().map_or((Cost::FLOOR, [0; SALT_LEN]), |h| (h.cost, h.salt));
    let store = OpenKeyStore { key: stretch(passphrase, cost, &salt)?, cost, salt };
    let contents = store.read_with(header.as_ref().ok_or(KeyStoreError::Refused)?)?;
    Ok((contents, store))
}

/// Opens with the old passphrase and seals the same contents under the new one, with a new salt.
/// Takes two Argon2id runs.
pub fn change_passphrase(
    old: &[u8],
    new: &[u8],
    cost: Cost,
    file: &[u8],
    rng: &mut impl Rng,
) -> Result<(Vec<u8>, OpenKeyStore), KeyStoreError> {
    let (contents, _) = unlock(old, file)?;
    create(new, cost, &contents, rng)
}

impl OpenKeyStore {
    /// Seals `contents` under the same passphrase. Takes no Argon2id run.
    pub fn save(&self, contents: &[u8], rng: &mut impl Rng) -> Result<Vec<u8>, KeyStoreError> {
        let (len, max) = (contents.len() as u64, CONTENTS_LEN_MAX as u64);
        let too_long = KeyStoreError::Seal(SealError::TooLong { len, max });
        if contents.len() > CONTENTS_LEN_MAX {
            return Err(too_long);
        }
        let padded = Padme.padded_len(LENGTH_LEN as u64 + len).ok_or(too_long)? as usize;
        let mut plain = Zeroizing::new(Vec::with_capacity(padded + SEAL_TAG_LEN));
        plain.extend_from_slice(&(contents.len() as u32).to_be_bytes());
        plain.extend_from_slice(contents);
        plain.resize(padded, 0);

        // Hedged: should the random source repeat, the key repeats only for the same contents.
        let input = [&rng.bytes32()[..], self.key.expose(), &derive::hash(&plain)];
        let nonce = *derive(derive::KEY_STORE_NONCE, &input);
        let key = self.key.file_key(&nonce);
        let header = Header {
            suite: Suite::DEFAULT,
            cost: self.cost,
            salt: self.salt,
            nonce,
            commitment: key.commitment(),
            aad: &[],
            sealed: &[],
        };
        let mut file = header.write();
        aead::seal_once(Suite::DEFAULT, key, &file, &mut plain)?;
        file.extend_from_slice(&plain);
        Ok(file)
    }

    /// Opens a file that was saved under the same passphrase and salt. Takes no Argon2id run.
    pub fn read(&self, file: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyStoreError> {
        let header = Header::parse(file).filter(|h| h.cost == self.cost && h.salt == self.salt);
        self.read_with(&header.ok_or(KeyStoreError::Refused)?)
    }

    /// The cost of the passphrase, for a check against a floor that has risen.
    pub const fn cost(&self) -> Cost {
        self.cost
    }

    fn read_with(&self, header: &Header<'_>) -> Result<Zeroizing<Vec<u8>>, KeyStoreError> {
        let key = self.key.file_key(&header.nonce);
        let committed = key.commitment().matches(&header.commitment);
        // The cipher runs even where the commitment is wrong: the same work for every failure.
        let mut plain = Zeroizing::new(header.sealed.to_vec());
        let opened = aead::open(header.suite, &key, header.aad, &mut plain);
        if !committed || opened.is_err() {
            return Err(KeyStoreError::Refused);
        }
        unpad(plain).ok_or(KeyStoreError::Refused)
    }
}

fn unpad(mut plain: Zeroizing<Vec<u8>>) -> Option<Zeroizing<Vec<u8>>> {
    let (length, rest) = plain.split_first_chunk::<LENGTH_LEN>()?;
    let len = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (_, zeros) = rest.split_at_checked(len)?;
    if !aead::all_zero(zeros) {
        return None;
    }
    plain.drain(..LENGTH_LEN);
    plain.truncate(len);
    Some(plain)
}

/// One Argon2id run.
fn stretch(
    passphrase: &[u8],
    cost: Cost,
    salt: &[u8; SALT_LEN],
) -> Result<PassphraseKey, KeyStoreError> {
    let out = password::stretch(passphrase, cost, salt).map_err(|error| match error {
        StretchError::Cost => KeyStoreError::Cost,
        StretchError::Memory { mib } => KeyStoreError::Memory { mib },
    })?;
    Ok(PassphraseKey::new(&out))
}

struct Header<'a> {
    suite: Suite,
    cost: Cost,
    salt: [u8; SALT_LEN],
    nonce: [u8; 32],
    commitment: Commitment,
    /// The header's bytes.
    aad: &'a [u8],
    sealed: &'a [u8],
}

impl<'a> Header<'a> {
    /// `None` for whatever this version would not have written.
    fn parse(file: &'a [u8]) -> Option<Self> {
        if file.len() > FILE_LEN_MAX {
            return None;
        }
        let (aad, sealed) = file.split_at_checked(HEADER_LEN)?;
        let rest = aad.strip_prefix(MAGIC)?;
        let ([format, suite], rest) = rest.split_first_chunk()?;
        if *format != FORMAT {
            return None;
        }
        let suite = Suite::outside_buckets(*suite).ok()?;
        let (memory_kib, rest) = rest.split_first_chunk()?;
        let (passes, rest) = rest.split_first_chunk()?;
        let (lanes, rest) = rest.split_first_chunk()?;
        let cost = Cost {
            memory_kib: u32::from_be_bytes(*memory_kib),
            passes: u32::from_be_bytes(*passes),
            lanes: u32::from_be_bytes(*lanes),
        };
        // Below the floor it is a downgrade (attack A07), above the ceiling a bomb.
        if !cost.is_acceptable() {
            return None;
        }
        let (salt, rest) = rest.split_first_chunk()?;
        let (nonce, rest) = rest.split_first_chunk()?;
        let commitment = Commitment(*rest.first_chunk()?);
        Some(Self { suite, cost, salt: *salt, nonce: *nonce, commitment, aad, sealed })
    }

    fn write(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_LEN);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&[FORMAT, self.suite.byte()]);
        for number in [self.cost.memory_kib, self.cost.passes, self.cost.lanes] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        out.extend_from_slice(&self.salt);
        out.extend_from_slice(&self.nonce);
        out.extend_from_slice(&self.commitment.0);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::DangerSeeded;

    fn store(contents: &[u8]) -> (Vec<u8>, OpenKeyStore) {
        create(b"pass", Cost::FLOOR, contents, &mut DangerSeeded::new(1)).unwrap()
    }

    #[test]
    fn a_new_passphrase_opens_and_the_old_one_no_longer_does() {
        let mut rng = DangerSeeded::new(2);
        let (file, _) = store(b"secrets");
        let (changed, _) =
            change_passphrase(b"pass", b"word", Cost::FLOOR, &file, &mut rng).unwrap();
        assert_eq!(unlock(b"word", &changed).unwrap().0[..], *b"secrets");
        assert_eq!(unlock(b"pass", &changed).unwrap_err(), KeyStoreError::Refused);
        let wrong = change_passphrase(b"nope", b"word", Cost::FLOOR, &file, &mut rng);
        assert_eq!(wrong.unwrap_err(), KeyStoreError::Refused);
    }

    #[test]
    fn a10_every_changed_byte_and_every_cut_is_the_one_error() {
        let (file, open) = store(b"secrets");
        assert_eq!(open.read(&file).unwrap()[..], *b"secrets");
        for at in 0..file.len() {
            let mut bad = file.clone();
            bad[at] ^= 1 << (at % 8);
            assert_eq!(open.read(&bad).unwrap_err(), KeyStoreError::Refused, "byte {at}");
            assert_eq!(open.read(&file[..at]).unwrap_err(), KeyStoreError::Refused, "cut {at}");
        }
        let mut long = file.clone();
        long.push(0);
        assert_eq!(open.read(&long).unwrap_err(), KeyStoreError::Refused);
        // And from the passphrase on, for one byte of each field.
        for at in [0, 18, 40, 126] {
            let mut bad = file.clone();
            bad[at] ^= 0x80;
            assert_eq!(unlock(b"pass", &bad).unwrap_err(), KeyStoreError::Refused, "byte {at}");
        }
        for len in [0, HEADER_LEN + 15] {
            assert_eq!(unlock(b"pass", &file[..len]).unwrap_err(), KeyStoreError::Refused);
        }
    }

    #[test]
    fn a07_a_cost_below_the_floor_or_above_the_ceiling_is_refused() {
        let (file, _) = store(b"secrets");
        for (at, value) in [(18, 65_535), (18, 1_048_577), (22, 2), (22, 17), (26, 3), (26, 17)] {
            let mut bad = file.clone();
            bad[at..at + 4].copy_from_slice(&u32::to_be_bytes(value));
            assert!(Header::parse(&bad).is_none(), "field at {at}, {value}");
        }
        let mut rng = DangerSeeded::new(3);
        for cost in [
            Cost { memory_kib: 65_535, ..Cost::FLOOR },
            Cost { passes: 2, ..Cost::FLOOR },
            Cost { lanes: 1, ..Cost::FLOOR },
            Cost { memory_kib: u32::MAX, ..Cost::FLOOR },
        ] {
            let made = create(b"pass", cost, b"", &mut rng);
            assert_eq!(made.unwrap_err(), KeyStoreError::Cost, "{cost:?}");
        }
    }

    #[test]
    fn saving_again_changes_the_key_and_hides_the_length() {
        let (first, open) = store(b"one");
        let mut rng = DangerSeeded::new(4);
        let second = open.save(b"two and a bit longer", &mut rng).unwrap();
        assert_eq!(first.len(), second.len());
        assert_ne!(first[62..126], second[62..126], "nonce and commitment");
        // A stuck source: other contents still get another key.
        struct Stuck;
        impl Rng for Stuck {
            fn fill(&mut self, out: &mut [u8]) {
                out.fill(0);
            }
        }
        let a = open.save(b"a", &mut Stuck).unwrap();
        let b = open.save(b"b", &mut Stuck).unwrap();
        assert_ne!(a[62..94], b[62..94]);
        let long = vec![0; CONTENTS_LEN_MAX + 1];
        assert!(open.save(&long, &mut rng).is_err());
        let most = open.save(&long[1..], &mut rng).unwrap();
        assert!(most.len() <= FILE_LEN_MAX);
        assert_eq!(open.read(&most).unwrap().len(), CONTENTS_LEN_MAX);
    }
}
