//! The ciphers of JWE contents. Comes in: a content key, an iv, associated data, a buffer. Goes
//! out: the same buffer, sealed or opened. Must not know: how the key was agreed.
//!
//! | `enc` | cipher | iv |
//! |---|---|---|
//! | `XC20P` | XChaCha20-Poly1305 | 24 |
//! | `A256GCM` | AES-256-GCM | 12 |
//! | `C20P` | ChaCha20-Poly1305 | 12, opened only |

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce as GcmNonce, UnboundKey};
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Nonce, Tag, XChaCha20Poly1305, XNonce};
use zeroize::Zeroize;

use super::{JweError, TAG_LEN};

/// A content encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enc {
    /// XChaCha20-Poly1305.
    Xc20p,
    /// AES-256-GCM.
    A256Gcm,
    /// ChaCha20-Poly1305: of old clients, opened only. Its iv is too short to be drawn at random
    /// for a whole stream.
    C20p,
}

impl Enc {
    /// As `enc` names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Xc20p => "XC20P",
            Self::A256Gcm => "A256GCM",
            Self::C20p => "C20P",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        [Self::Xc20p, Self::A256Gcm, Self::C20p].into_iter().find(|enc| enc.name() == name)
    }

    /// Bytes of its iv.
    pub const fn iv_len(self) -> usize {
        match self {
            Self::Xc20p => 24,
            Self::A256Gcm | Self::C20p => 12,
        }
    }
}

/// Seals in place and returns the tag.
pub(super) fn seal(
    enc: Enc,
    key: &[u8; 32],
    iv: &[u8],
    aad: &[u8],
    plain: &mut [u8],
) -> Result<[u8; TAG_LEN], JweError> {
    match enc {
        Enc::Xc20p => {
            let nonce = XNonce::try_from(iv).map_err(|_| JweError::Cipher)?;
            let tag = XChaCha20Poly1305::new(key.into())
                .encrypt_inout_detached(&nonce, aad, plain.into())
                .map_err(|_| JweError::Cipher)?;
            Ok(tag.into())
        }
        Enc::A256Gcm => {
            let nonce = GcmNonce::try_assume_unique_for_key(iv).map_err(|_| JweError::Cipher)?;
            let cipher = UnboundKey::new(&AES_256_GCM, key).map_err(|_| JweError::Cipher)?;
            let tag = LessSafeKey::new(cipher)
                .seal_in_place_separate_tag(nonce, Aad::from(aad), plain)
                .map_err(|_| JweError::Cipher)?;
            tag.as_ref().try_into().map_err(|_| JweError::Cipher)
        }
        Enc::C20p => Err(JweError::Cipher),
    }
}

/// Opens in place. On failure the buffer is wiped: nobody looks at bytes that are not authentic.
pub(super) fn open(
    enc: Enc,
    key: &[u8; 32],
    iv: &[u8],
    aad: &[u8],
    sealed: &mut Vec<u8>,
    tag: &[u8; TAG_LEN],
) -> Result<(), JweError> {
    let opened = try_open(enc, key, iv, aad, sealed, tag);
    if opened.is_none() {
        sealed.zeroize();
    }
    opened.ok_or(JweError::Open)
}

fn try_open(
    enc: Enc,
    key: &[u8; 32],
    iv: &[u8],
    aad: &[u8],
    sealed: &mut Vec<u8>,
    tag: &[u8; TAG_LEN],
) -> Option<()> {
    match enc {
        Enc::Xc20p => XChaCha20Poly1305::new(key.into())
            .decrypt_inout_detached(
                &XNonce::try_from(iv).ok()?,
                aad,
                sealed.as_mut_slice().into(),
                &Tag::from(*tag),
            )
            .ok(),
        Enc::C20p => ChaCha20Poly1305::new(key.into())
            .decrypt_inout_detached(
                &Nonce::try_from(iv).ok()?,
                aad,
                sealed.as_mut_slice().into(),
                &Tag::from(*tag),
            )
            .ok(),
        Enc::A256Gcm => {
            let nonce = GcmNonce::try_assume_unique_for_key(iv).ok()?;
            let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?);
            sealed.extend_from_slice(tag);
            let len = cipher.open_in_place(nonce, Aad::from(aad), sealed).ok()?.len();
            sealed.truncate(len);
            Some(())
        }
    }
}
