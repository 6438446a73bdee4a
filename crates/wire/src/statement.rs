//! What a provider says for third parties: signed statements that any JOSE library verifies. Comes
//! in: what happened, a key; or a text. Goes out: a compact JWS (RFC 7515), EdDSA with an Ed25519
//! key (RFC 8037); or what it says. Must not know: who will believe it.
//!
//! Header and payload have one spelling: what is read must come out again to the letter. So there
//! is no JSON reader here that a stranger's text could surprise.
//! Bytes: docs/spec/drop.md, "Proof of delivery". Golden files: vectors/drop/statement.json.

use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};

use crate::ids::{BucketId, PublicKey, Thumbprint};
use crate::limits::{STATEMENT_LEN_MAX, TIME_SECS_MAX};
use crate::signature::verify_signature;

/// The `typ` of a statement's header.
pub const TYP: &str = "strongroom-statement";

/// Why a text is no statement, or is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Not the one form.
    #[error("it is no statement of a provider")]
    Form,
    /// It names another key than the one it is checked with.
    #[error("it is by another provider's key")]
    Key,
    /// Its signature is not by that key.
    #[error("its signature is not valid")]
    Signature,
}

/// "I received these bytes for this bucket."
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// SHA-256 of the entry, as it was sent.
    pub sha256: [u8; 32],
    /// The bucket it was put into.
    pub bucket: BucketId,
    /// Seconds since 1970, by the provider's clock.
    pub time: u64,
    /// Random: no two statements are the same.
    pub unique: [u8; 16],
}

impl Received {
    /// The statement about these bytes.
    pub fn of(entry: &[u8], bucket: BucketId, time: u64, unique: [u8; 16]) -> Self {
        Self { sha256: sha256(entry), bucket, time, unique }
    }

    fn payload(&self) -> String {
        format!(
            r#"{{"act":"received","bucket":"{}","jti":"{}","sha256":"{}","time":{}}}"#,
            self.bucket.to_base32(),
            Base64UrlUnpadded::encode_string(&self.unique),
            Base64UrlUnpadded::encode_string(&self.sha256),
            self.time
        )
    }

    fn read(text: &str) -> Option<Self> {
        let bucket = BucketId::from_base32(member(text, "bucket")?).ok()?;
        let (unique, sha256) = (base64(member(text, "jti")?)?, base64(member(text, "sha256")?)?);
        let (_, time) = text.strip_suffix('}')?.rsplit_once(r#""time":"#)?;
        let time = time.parse().ok().filter(|time| *time <= TIME_SECS_MAX)?;
        let read = Self { sha256, bucket, time, unique };
        (read.payload() == text).then_some(read)
    }

    /// Signs it. `sign` gets the bytes to be signed.
    pub fn sign(&self, key: &PublicKey, sign: impl FnOnce(&[u8]) -> [u8; 64]) -> String {
        let encode = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
        let signed = [encode(&header(key.thumbprint())), encode(&self.payload())].join(".");
        let signature = sign(signed.as_bytes());
        [signed, Base64UrlUnpadded::encode_string(&signature)].join(".")
    }

    /// Checks a statement by this provider's key.
    pub fn verify(text: &str, key: &PublicKey) -> Result<Self, StatementError> {
        if text.len() > STATEMENT_LEN_MAX {
            return Err(StatementError::Form);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(StatementError::Form)?;
        let (head, payload) = signed.split_once('.').ok_or(StatementError::Form)?;
        let (head, payload) = decoded(head).zip(decoded(payload)).ok_or(StatementError::Form)?;
        let signature: [u8; 64] = base64(signature).ok_or(StatementError::Form)?;
        let named = member(&head, "kid").and_then(base64).map(Thumbprint);
        let named = named.filter(|named| header(*named) == head).ok_or(StatementError::Form)?;
        let said = Self::read(&payload).ok_or(StatementError::Form)?;
        if named != key.thumbprint() {
            return Err(StatementError::Key);
        }
        if verify_signature(&key.0, signed.as_bytes(), &signature) {
            Ok(said)
        } else {
            Err(StatementError::Signature)
        }
    }

    /// Whether it is about exactly these bytes.
    pub fn is_about(&self, entry: &[u8]) -> bool {
        sha256(entry) == self.sha256
    }
}

fn header(key: Thumbprint) -> String {
    format!(r#"{{"alg":"EdDSA","kid":"{}","typ":"{TYP}"}}"#, key.to_base64url())
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The text of a member. None of ours contains a quotation mark or a backslash; what does is not
/// the one spelling, and does not come out again.
fn member<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!(r#""{name}":""#))?;
    rest.split_once('"').map(|(value, _)| value)
}

fn decoded(text: &str) -> Option<String> {
    String::from_utf8(Base64UrlUnpadded::decode_vec(text).ok()?).ok()
}

fn base64<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    match Base64UrlUnpadded::decode(text, &mut bytes) {
        Ok(decoded) if decoded.len() == N => Some(bytes),
        _ => None,
    }
}
