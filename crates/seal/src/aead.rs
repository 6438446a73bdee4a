//! The bulk cipher. Comes in: a key that is used up, associated data, a buffer. Goes out: the same
//! buffer, sealed or opened. Must not know: what is in it.
//!
//! A bulk key seals **one** plaintext, ever; that is why the nonce is constant. `seal_once` takes
//! the key by value, and no type that seals can be cloned. Opening fails with one error that has
//! no detail: a wrong key, a changed byte and a short buffer look the same (attacks A06, A10).

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use strongroom_wire::clear::SEALED_KEY_LEN;
use strongroom_wire::limits::SEAL_TAG_LEN;
use zeroize::{Zeroize, Zeroizing};

use crate::suite::Suite;

/// It could not be opened: wrong key, or not what was sealed. There is no more to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it cannot be opened: the key is not the right one, or the bytes were changed")]
pub struct OpenError;

/// Why something could not be sealed. None of these depends on a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Longer than the format allows.
    #[error("{len} bytes are more than the {max} that fit")]
    TooLong {
        /// Bytes that were given.
        len: u64,
        /// Bytes that fit.
        max: u64,
    },
    /// The cipher refused, which it does for lengths no format of ours reaches.
    #[error("the cipher refused to seal")]
    Cipher,
}

/// A key that may seal one plaintext.
pub(crate) trait SealsOnce {
    /// The 32 bytes.
    fn seal_key(&self) -> &[u8; 32];
}

/// A key that may open.
pub(crate) trait Opens {
    /// The 32 bytes.
    fn open_key(&self) -> &[u8; 32];
}

fn zero_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

/// Seals `plain` in place and returns the tag.
pub(crate) fn seal_detached(
    suite: Suite,
    key: impl SealsOnce,
    aad: &[u8],
    plain: &mut [u8],
) -> Result<[u8; SEAL_TAG_LEN], SealError> {
    match suite {
        Suite::Aes256Gcm => {
            let cipher =
                UnboundKey::new(&AES_256_GCM, key.seal_key()).map_err(|_| SealError::Cipher)?;
            drop(key);
            let tag = LessSafeKey::new(cipher)
                .seal_in_place_separate_tag(zero_nonce(), Aad::from(aad), plain)
                .map_err(|_| SealError::Cipher)?;
            tag.as_ref().try_into().map_err(|_| SealError::Cipher)
        }
    }
}

/// Seals the buffer in place and appends the tag.
pub(crate) fn seal_once(
    suite: Suite,
    key: impl SealsOnce,
    aad: &[u8],
    buffer: &mut Vec<u8>,
) -> Result<(), SealError> {
    let tag = seal_detached(suite, key, aad, buffer)?;
    buffer.extend_from_slice(&tag);
    Ok(())
}

/// Opens the buffer in place and cuts off the tag. On failure the buffer is wiped, so that nobody
/// can look at bytes that were decrypted but not authentic.
pub(crate) fn open(
    suite: Suite,
    key: &impl Opens,
    aad: &[u8],
    buffer: &mut Vec<u8>,
) -> Result<(), OpenError> {
    let opened = match suite {
        Suite::Aes256Gcm => UnboundKey::new(&AES_256_GCM, key.open_key()).and_then(|cipher| {
            LessSafeKey::new(cipher)
                .open_in_place(zero_nonce(), Aad::from(aad), buffer)
                .map(|plain| plain.len())
        }),
    };
    if let Ok(len) = opened {
        buffer.truncate(len);
        Ok(())
    } else {
        buffer.zeroize();
        Err(OpenError)
    }
}

/// Seals a key of 32 bytes.
pub(crate) fn seal_key(
    suite: Suite,
    key: impl SealsOnce,
    secret: &[u8; 32],
) -> Result<[u8; SEALED_KEY_LEN], SealError> {
    let mut buffer = Vec::with_capacity(SEALED_KEY_LEN);
    buffer.extend_from_slice(secret);
    seal_once(suite, key, b"", &mut buffer)?;
    buffer.try_into().map_err(|_| SealError::Cipher)
}

/// Opens a key of 32 bytes.
pub(crate) fn open_key(
    suite: Suite,
    key: &impl Opens,
    sealed: &[u8; SEALED_KEY_LEN],
) -> Result<Zeroizing<[u8; 32]>, OpenError> {
    let mut buffer = Zeroizing::new(sealed.to_vec());
    open(suite, key, b"", &mut buffer)?;
    let mut out = Zeroizing::new([0; 32]);
    let plain = buffer.first_chunk::<32>().ok_or(OpenError)?;
    out.copy_from_slice(plain);
    Ok(out)
}

/// Whether all bytes are zero. Reads all of them: a loop that stops early cannot use wide
/// instructions, and padding may be long.
pub(crate) fn all_zero(bytes: &[u8]) -> bool {
    bytes.iter().fold(0, |sum, byte| sum | byte) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Raw([u8; 32]);
    impl SealsOnce for Raw {
        fn seal_key(&self) -> &[u8; 32] {
            &self.0
        }
    }
    impl Opens for Raw {
        fn open_key(&self) -> &[u8; 32] {
            &self.0
        }
    }

    fn sealed(plain: &[u8], aad: &[u8]) -> Vec<u8> {
        let mut buffer = plain.to_vec();
        seal_once(Suite::Aes256Gcm, Raw([9; 32]), aad, &mut buffer).unwrap();
        buffer
    }

    #[test]
    fn known_answer_of_aes_256_gcm_with_zero_nonce() {
        // Test cases 13 and 14 of the GCM specification (McGrew and Viega).
        let mut empty = vec![];
        seal_once(Suite::Aes256Gcm, Raw([0; 32]), b"", &mut empty).unwrap();
        assert_eq!(empty, 0x530f_8afb_c745_36b9_a963_b4f1_c4cb_738b_u128.to_be_bytes());
        let mut zeros = vec![0; 16];
        seal_once(Suite::Aes256Gcm, Raw([0; 32]), b"", &mut zeros).unwrap();
        assert_eq!(zeros[..16], 0xcea7_403d_4d60_6b6e_074e_c5d3_baf3_9d18_u128.to_be_bytes());
        assert_eq!(zeros[16..], 0xd0d1_c8a7_9999_6bf0_265b_98b5_d48a_b919_u128.to_be_bytes());
    }

    #[test]
    fn a10_every_flipped_bit_is_refused_and_the_buffer_wiped() {
        let good = sealed(b"the deed of the house", b"aad");
        let mut opened = good.clone();
        open(Suite::Aes256Gcm, &Raw([9; 32]), b"aad", &mut opened).unwrap();
        assert_eq!(opened, b"the deed of the house");
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(Suite::Aes256Gcm, &Raw([9; 32]), b"aad", &mut bad), Err(OpenError));
            assert!(bad.is_empty());
        }
    }

    #[test]
    fn wrong_key_wrong_aad_and_every_length_are_one_error() {
        let good = sealed(b"plain", b"aad");
        assert!(open(Suite::Aes256Gcm, &Raw([8; 32]), b"aad", &mut good.clone()).is_err());
        assert!(open(Suite::Aes256Gcm, &Raw([9; 32]), b"", &mut good.clone()).is_err());
        for len in 0..good.len() {
            let mut cut = good[..len].to_vec();
            assert!(open(Suite::Aes256Gcm, &Raw([9; 32]), b"aad", &mut cut).is_err());
        }
    }
}
