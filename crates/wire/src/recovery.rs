//! Recovery records as a provider sees them. Comes in: bytes of a stranger and the public key the
//! record was registered with. Goes out: a record whose signature holds, and its counter. Must not
//! know: what is sealed in it, the phrase, or whose it is.
//!
//! ```text
//! offset    len  field
//!      0      1  suite
//!      1      8  counter    big-endian; each replacement has the one before plus 1
//!      9  1,120  enc        X-Wing ciphertext for the recovery pair
//!  1,129  2,064  sealed     AEAD of 2,048 bytes, with tag
//!  3,193     64  signature  record key over "strongroom/recovery/0" 0x00 ‖ record id ‖ all before
//! ```
//! It is 3,257 bytes always, so nothing shows in its size. Layout: docs/spec/recovery-record.md.

use crate::chain::verify_signature;
use crate::format::RECOVERY_PREFIX;
use crate::ids::{PublicKey, RecordId};
use crate::limits::{RECOVERY_PLAIN_LEN, RECOVERY_RECORD_LEN, SEAL_TAG_LEN, SUITE_MAX};

/// Bytes of `enc`.
pub const ENC_LEN: usize = 1_120;
/// Bytes of the sealed part, tag included.
pub const SEALED_LEN: usize = RECOVERY_PLAIN_LEN + SEAL_TAG_LEN;
/// Bytes before the signature.
const SIGNED_LEN: usize = RECOVERY_RECORD_LEN - 64;

/// Why bytes are no recovery record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryError {
    /// Not 3,257 bytes, or of an unknown suite.
    #[error("not a recovery record: it must be {RECOVERY_RECORD_LEN} bytes of a known suite")]
    Form,
    /// The record key did not sign it for this record id.
    #[error("the recovery record is not signed by its key")]
    Signature,
}

/// A record of the right form. [`RecoveryRecord::verify`] is the only way to one whose signature
/// was checked.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryRecord {
    bytes: Box<[u8; RECOVERY_RECORD_LEN]>,
}

impl RecoveryRecord {
    /// Puts a record together; `sign` is the record key and gets the bytes to be signed.
    pub fn assemble(
        record: RecordId,
        suite: u8,
        counter: u64,
        enc: &[u8; ENC_LEN],
        sealed: &[u8; SEALED_LEN],
        sign: impl FnOnce(&[u8]) -> [u8; 64],
    ) -> Result<Self, RecoveryError> {
        let body = [&[suite][..], &counter.to_be_bytes(), enc, sealed].concat();
        let signature = sign(&signing_input(record, &body));
        Self::parse(&[body.as_slice(), &signature].concat())
    }

    /// Checks signature and form: what a provider does before it stores one, and a device before
    /// it opens one.
    pub fn verify(bytes: &[u8], record: RecordId, key: &PublicKey) -> Result<Self, RecoveryError> {
        let parsed = Self::parse(bytes)?;
        if verify_signature(&key.0, &signing_input(record, parsed.signed()), &parsed.signature()) {
            Ok(parsed)
        } else {
            Err(RecoveryError::Signature)
        }
    }

    fn parse(bytes: &[u8]) -> Result<Self, RecoveryError> {
        let bytes: [u8; RECOVERY_RECORD_LEN] = bytes.try_into().map_err(|_| RecoveryError::Form)?;
        match bytes {
            [1..=SUITE_MAX, ..] => Ok(Self { bytes: Box::new(bytes) }),
            _ => Err(RecoveryError::Form),
        }
    }

    /// All of it.
    pub fn as_bytes(&self) -> &[u8; RECOVERY_RECORD_LEN] {
        &self.bytes
    }

    /// The suite byte.
    pub const fn suite(&self) -> u8 {
        let [suite, ..] = *self.bytes;
        suite
    }

    /// How often the record was replaced. A provider takes only the stored one plus 1.
    pub fn counter(&self) -> u64 {
        u64::from_be_bytes(self.part(1))
    }

    /// The X-Wing ciphertext.
    pub fn enc(&self) -> [u8; ENC_LEN] {
        self.part(9)
    }

    /// The sealed part.
    pub fn sealed(&self) -> [u8; SEALED_LEN] {
        self.part(9 + ENC_LEN)
    }

    fn signature(&self) -> [u8; 64] {
        self.part(SIGNED_LEN)
    }

    fn signed(&self) -> &[u8] {
        self.bytes.get(..SIGNED_LEN).unwrap_or_default()
    }

    /// `N` bytes from a place that lies inside the record.
    fn part<const N: usize>(&self, at: usize) -> [u8; N] {
        let rest = self.bytes.get(at..).unwrap_or_default();
        rest.first_chunk().copied().unwrap_or([0; N])
    }
}

impl core::fmt::Debug for RecoveryRecord {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("RecoveryRecord").field("counter", &self.counter()).finish_non_exhaustive()
    }
}

/// `strongroom/recovery/1` 0x00 ‖ record id ‖ everything before the signature.
pub fn signing_input(record: RecordId, signed: &[u8]) -> Vec<u8> {
    [RECOVERY_PREFIX, &record.0, signed].concat()
}
