//! JWE, as Encrypted Data Vaults use it. Comes in: bytes and the keys of recipients; or a JWE and
//! a key. Goes out: a JWE; or the bytes and what its protected header says. Must not know: what
//! the bytes mean, where a JWE is kept.
//!
//! General serialization, `ECDH-ES+A256KW` for every recipient:
//!
//! | profile | keys | content |
//! |---|---|---|
//! | recommended | X25519 | `XC20P` (XChaCha20-Poly1305) |
//! | fips | P-256 | `A256GCM` |
//!
//! Bytes: docs/spec/edv-client.md, "Envelopes". A JWE says nothing of who made it: `kid` and `epk`
//! are public, so whoever knows a recipient's key can make one. Who made it is added inside.
//!
//! ```
//! use strongroom_seal::jwe::{AgreementKey, Jwe, Profile, Sealer};
//! use strongroom_seal::rng::DangerSeeded;
//!
//! let mut rng = DangerSeeded::new(1);
//! let bob = AgreementKey::generate(Profile::Recommended, "did:key:z6Mk…#z6LS…", &mut rng)?;
//! let sealer = Sealer::new(Profile::Recommended, &[bob.public()], &mut rng)?;
//! let jwe = sealer.seal(br#"{"content":{}}"#, &mut rng)?;
//! assert_eq!(jwe.open(&bob)?.plain[..], *br#"{"content":{}}"#);
//! # Ok::<(), strongroom_seal::jwe::JweError>(())
//! ```

mod cipher;
mod form;
mod keys;

use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::Deserialize;
use serde_json::{Map, Value};
use strongroom_wire::limits::{
    JWE_LEN_MAX, JWE_PLAIN_LEN_MAX, JWE_PROTECTED_LEN_MAX, JWE_RECIPIENTS_MAX,
};
use zeroize::Zeroizing;

pub use cipher::Enc;
pub use form::Recipient;
pub use keys::{AgreementKey, AgreementPublic, EphemeralKey};

use crate::rng::Rng;

/// The one algorithm of recipients.
pub const ALG: &str = "ECDH-ES+A256KW";
/// Bytes of an authentication tag.
const TAG_LEN: usize = 16;
/// Bytes of a wrapped content key.
const WRAPPED_LEN: usize = 40;

/// Why a JWE could not be made, read or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JweError {
    /// Not a JWE in general serialization with the members this profile has.
    #[error("this is no JWE: {0}")]
    Form(&'static str),
    /// Longer, or with more recipients, than is taken.
    #[error("this JWE is over a limit: {0}")]
    Limit(&'static str),
    /// Content encryption that is not opened.
    #[error("this JWE is sealed by a cipher that is not known here")]
    Cipher,
    /// Not sealed to this key.
    #[error("this JWE is not sealed to that key")]
    Recipient,
    /// A key that is none on its curve.
    #[error("this is no key for key agreement")]
    Key,
    /// It does not open. A wrong key and a changed byte are the same error.
    #[error("this JWE cannot be opened: the key is not the right one, or it was changed")]
    Open,
}

/// Which curve and cipher go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// X25519 and XC20P: what clients use unless told otherwise.
    Recommended,
    /// P-256 and A256GCM.
    Fips,
}

impl Profile {
    const fn enc(self) -> Enc {
        match self {
            Self::Recommended => Enc::Xc20p,
            Self::Fips => Enc::A256Gcm,
        }
    }
}

/// A JWE, read or made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwe {
    /// The protected header as base64url: the associated data are these characters.
    protected: String,
    header: Map<String, Value>,
    enc: Enc,
    recipients: Arc<[Recipient]>,
    iv: Vec<u8>,
    ciphertext: Vec<u8>,
    tag: [u8; TAG_LEN],
}

/// What a JWE held.
#[derive(Debug)]
pub struct Opened {
    /// The plaintext.
    pub plain: Zeroizing<Vec<u8>>,
    /// The protected header: what the tag covers beside the plaintext.
    pub header: Map<String, Value>,
}

/// Seals any number of JWEs to the same recipients with one content key: a stream has one sealer
/// for all its chunks, as each gets an iv of its own.
pub struct Sealer {
    cek: Zeroizing<[u8; 32]>,
    enc: Enc,
    recipients: Arc<[Recipient]>,
}

impl core::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Sealer").field("recipients", &self.recipients.len()).finish_non_exhaustive()
    }
}

impl Sealer {
    /// A new content key, wrapped for each of these under one ephemeral pair.
    pub fn new(
        profile: Profile,
        recipients: &[AgreementPublic],
        rng: &mut impl Rng,
    ) -> Result<Self, JweError> {
        if recipients.is_empty() {
            return Err(JweError::Form("it has no recipient"));
        }
        if recipients.len() > JWE_RECIPIENTS_MAX {
            return Err(JweError::Limit("recipients"));
        }
        let cek = rng.secret32();
        let ephemeral = keys::Ephemeral::generate(profile, rng)?;
        let recipients: Result<Vec<_>, _> =
            recipients.iter().map(|recipient| ephemeral.wrap(recipient, &cek)).collect();
        Ok(Self { cek, enc: profile.enc(), recipients: recipients?.into() })
    }

    /// One JWE whose protected header is exactly `{"enc":…}`.
    pub fn seal(&self, plain: &[u8], rng: &mut impl Rng) -> Result<Jwe, JweError> {
        self.seal_with(plain, Map::new(), rng)
    }

    /// The same with more members in the protected header. They are not secret; the tag covers
    /// them, and other programs leave them alone.
    pub fn seal_with(
        &self,
        plain: &[u8],
        mut header: Map<String, Value>,
        rng: &mut impl Rng,
    ) -> Result<Jwe, JweError> {
        if plain.len() > JWE_PLAIN_LEN_MAX {
            return Err(JweError::Limit("plaintext"));
        }
        header.insert("enc".to_owned(), self.enc.name().into());
        let text = Value::Object(header.clone()).to_string();
        let protected = Base64UrlUnpadded::encode_string(text.as_bytes());
        if protected.len() > JWE_PROTECTED_LEN_MAX {
            return Err(JweError::Limit("protected header"));
        }
        let mut iv = vec![0; self.enc.iv_len()];
        rng.fill(&mut iv);
        let mut ciphertext = plain.to_vec();
        let aad = protected.as_bytes();
        let tag = cipher::seal(self.enc, &self.cek, &iv, aad, &mut ciphertext)?;
        let recipients = self.recipients.clone();
        Ok(Jwe { protected, header, enc: self.enc, recipients, iv, ciphertext, tag })
    }
}

impl Jwe {
    /// Reads a JWE from JSON. It has the five members and no other; base64url has one spelling.
    pub fn decode(json: &[u8]) -> Result<Self, JweError> {
        if json.len() > JWE_LEN_MAX {
            return Err(JweError::Limit("bytes"));
        }
        let raw = serde_json::from_slice(json).map_err(|_| JweError::Form("its JSON"))?;
        form::read(raw)
    }

    /// The same of JSON that was read already.
    pub fn from_json(value: &Value) -> Result<Self, JweError> {
        let raw = form::RawJwe::deserialize(value).map_err(|_| JweError::Form("its JSON"))?;
        form::read(raw)
    }

    /// The JSON.
    pub fn to_json(&self) -> Value {
        form::write(self)
    }

    /// Who it is sealed to. Nothing protects this list: who keeps a JWE can change it.
    pub fn recipients(&self) -> &[Recipient] {
        &self.recipients
    }

    /// How the content is sealed.
    pub const fn enc(&self) -> Enc {
        self.enc
    }

    /// Bytes of the ciphertext, tag not included: of the plaintext, too.
    pub fn len(&self) -> usize {
        self.ciphertext.len()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.ciphertext.is_empty()
    }

    /// Whether the *private* half of the ephemeral key stands in it, so that everyone who sees it
    /// can open it. `minimal-cipher` 6.0.0 writes that in its fips profile.
    pub fn is_open_to_all(&self) -> bool {
        self.recipients.iter().any(|recipient| recipient.betrayed)
    }

    /// What names this very ciphertext: SHA-256 of protected header, iv, ciphertext and tag, each
    /// behind its length as 8 bytes. Recipients may be added without changing it.
    pub fn digest(&self) -> [u8; 32] {
        let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        for part in [self.protected.as_bytes(), &self.iv, &self.ciphertext, &self.tag] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        keys::array32(context.finish().as_ref())
    }

    /// Opens it. Everything is one error: no such recipient is the only one that differs, as the
    /// list is public.
    pub fn open(&self, key: &AgreementKey) -> Result<Opened, JweError> {
        let kid = key.kid();
        let recipient = self.recipients.iter().find(|it| it.kid == kid && it.alg == ALG);
        let cek = key.unwrap(recipient.ok_or(JweError::Recipient)?)?;
        let mut plain = Zeroizing::new(self.ciphertext.clone());
        let aad = self.protected.as_bytes();
        cipher::open(self.enc, &cek, &self.iv, aad, &mut plain, &self.tag)?;
        Ok(Opened { plain, header: self.header.clone() })
    }
}
