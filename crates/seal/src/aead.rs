//! The bulk cipher. Comes in: a key that is used up, associated data, a buffer. Goes out: the same
//! buffer, sealed or opened. Must not know: what is in it.
//!
//! | suite | cipher | nonce, zero bytes |
//! |---|---|---|
//! | 1 | AES-256-GCM | 12 |
//! | 2 | XChaCha20-Poly1305 | 24 |
//!
//! A bulk key seals **one** plaintext, ever; that is why the nonce is constant. `seal_once` takes
//! the key by value, and no type that seals can be cloned. Opening fails with one error that has
//! no detail: a wrong key, a changed byte and a short buffer look the same (attacks A06, A10).

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};
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

/// AES-256-GCM.
mod gcm {
    use super::{
        AES_256_GCM, Aad, LessSafeKey, Nonce, OpenError, SEAL_TAG_LEN, SealError, UnboundKey,
    };

    fn nonce() -> Nonce {
        Nonce::assume_unique_for_key([0; 12])
    }

    pub(super) fn seal(
        key: &[u8; 32],
        aad: &[u8],
        plain: &mut [u8],
    ) -> Result<[u8; SEAL_TAG_LEN], SealError> {
        let cipher = UnboundKey::new(&AES_256_GCM, key).map_err(|_| SealError::Cipher)?;
        let tag = LessSafeKey::new(cipher)
            .seal_in_place_separate_tag(nonce(), Aad::from(aad), plain)
            .map_err(|_| SealError::Cipher)?;
        tag.as_ref().try_into().map_err(|_| SealError::Cipher)
    }

    pub(super) fn open(key: &[u8; 32], aad: &[u8], sealed: &mut [u8]) -> Result<usize, OpenError> {
        let cipher = UnboundKey::new(&AES_256_GCM, key).map_err(|_| OpenError)?;
        let plain = LessSafeKey::new(cipher).open_in_place(nonce(), Aad::from(aad), sealed);
        plain.map(|plain| plain.len()).map_err(|_| OpenError)
    }
}

/// XChaCha20-Poly1305. The cipher's copy of the key wipes itself.
mod xchacha {
    use super::{
        AeadInOut, KeyInit, OpenError, SEAL_TAG_LEN, SealError, Tag, XChaCha20Poly1305, XNonce,
    };

    const NONCE: [u8; 24] = [0; 24];

    pub(super) fn seal(
        key: &[u8; 32],
        aad: &[u8],
        plain: &mut [u8],
    ) -> Result<[u8; SEAL_TAG_LEN], SealError> {
        let tag = XChaCha20Poly1305::new(key.into())
            .encrypt_inout_detached(&XNonce::from(NONCE), aad, plain.into())
            .map_err(|_| SealError::Cipher)?;
        Ok(tag.into())
    }

    pub(super) fn open(key: &[u8; 32], aad: &[u8], sealed: &mut [u8]) -> Result<usize, OpenError> {
        let (plain, tag) = sealed.split_last_chunk_mut::<SEAL_TAG_LEN>().ok_or(OpenError)?;
        let len = plain.len();
        XChaCha20Poly1305::new(key.into())
            .decrypt_inout_detached(&XNonce::from(NONCE), aad, plain.into(), &Tag::from(*tag))
            .map_err(|_| OpenError)?;
        Ok(len)
    }
}

/// Seals `plain` in place and returns the tag. The key is used up.
#[expect(clippy::needless_pass_by_value, reason = "a key that was used must be gone")]
pub(crate) fn seal_detached(
    suite: Suite,
    key: impl SealsOnce,
    aad: &[u8],
    plain: &mut [u8],
) -> Result<[u8; SEAL_TAG_LEN], SealError> {
    match suite {
        Suite::Aes256Gcm => gcm::seal(key.seal_key(), aad, plain),
        Suite::XChaCha20Poly1305 => xchacha::seal(key.seal_key(), aad, plain),
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
        Suite::Aes256Gcm => gcm::open(key.open_key(), aad, buffer),
        Suite::XChaCha20Poly1305 => xchacha::open(key.open_key(), aad, buffer),
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

    fn sealed(suite: Suite, plain: &[u8], aad: &[u8]) -> Vec<u8> {
        let mut buffer = plain.to_vec();
        seal_once(suite, Raw([9; 32]), aad, &mut buffer).unwrap();
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
    fn known_answer_of_xchacha20_poly1305_with_zero_nonce() {
        // libsodium's crypto_aead_xchacha20poly1305_ietf, key 00 × 32 and nonce 00 × 24; the same
        // as RFC 8439 under the key HChaCha20 makes of both (draft-irtf-cfrg-xchacha-03, 2.3).
        let mut empty = vec![];
        seal_once(Suite::XChaCha20Poly1305, Raw([0; 32]), b"", &mut empty).unwrap();
        assert_eq!(empty, 0x8f3b_945a_5190_6dc8_600d_e9f8_962d_00e6_u128.to_be_bytes());
        let mut zeros = vec![0; 16];
        seal_once(Suite::XChaCha20Poly1305, Raw([0; 32]), b"", &mut zeros).unwrap();
        assert_eq!(zeros[..16], 0x789e_9689_e520_8d7f_d9e1_f3c5_b534_1f48_u128.to_be_bytes());
        assert_eq!(zeros[16..], 0x3959_fc0b_770c_8e6d_6116_830d_cb63_0cc5_u128.to_be_bytes());
    }

    #[test]
    fn the_cipher_of_suite_2_is_that_of_its_draft() {
        // draft-irtf-cfrg-xchacha-03, A.3.1: the product's nonce is constant, the cipher is not.
        let key: [u8; 32] = core::array::from_fn(|at| 0x80 + at as u8);
        let nonce: [u8; 24] = core::array::from_fn(|at| 0x40 + at as u8);
        let aad = [0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7];
        let mut text = *b"Ladies and Gentlemen of the class of '99: If I could offer you only \
                          one tip for the future, sunscreen would be it.";
        let tag = XChaCha20Poly1305::new(&key.into())
            .encrypt_inout_detached(&XNonce::from(nonce), &aad, text.as_mut_slice().into())
            .unwrap();
        assert_eq!(text[..16], 0xbd6d_179d_3e83_d43b_9576_5794_93c0_e939_u128.to_be_bytes());
        assert_eq!(tag[..], 0xc087_5924_c1c7_9879_47de_afd8_780a_cf49_u128.to_be_bytes());
    }

    #[test]
    fn a10_every_flipped_bit_is_refused_and_the_buffer_wiped() {
        for suite in Suite::ALL {
            let good = sealed(suite, b"the deed of the house", b"aad");
            let mut opened = good.clone();
            open(suite, &Raw([9; 32]), b"aad", &mut opened).unwrap();
            assert_eq!(opened, b"the deed of the house");
            for bit in 0..good.len() * 8 {
                let mut bad = good.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(open(suite, &Raw([9; 32]), b"aad", &mut bad), Err(OpenError));
                assert!(bad.is_empty(), "{suite:?}: nothing is left to look at");
            }
        }
    }

    #[test]
    fn wrong_key_wrong_aad_wrong_suite_and_every_length_are_one_error() {
        for (suite, other) in Suite::ALL.into_iter().zip(Suite::ALL.into_iter().rev()) {
            let good = sealed(suite, b"plain", b"aad");
            assert!(open(suite, &Raw([8; 32]), b"aad", &mut good.clone()).is_err());
            assert!(open(suite, &Raw([9; 32]), b"", &mut good.clone()).is_err());
            assert!(open(other, &Raw([9; 32]), b"aad", &mut good.clone()).is_err());
            for len in 0..good.len() {
                let mut cut = good[..len].to_vec();
                assert!(open(suite, &Raw([9; 32]), b"aad", &mut cut).is_err());
            }
        }
    }
}
