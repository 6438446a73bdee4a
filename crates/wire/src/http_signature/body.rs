//! What binds a body to its signed request. Comes in: method, URI, `Content-Digest`. Goes out: the
//! hashes the body must have. Must not know: the body, until it is checked.
//!
//! A body is bound by its SHA-256 in `content-digest`, or by its BLAKE3 in the URI (a chunk's
//! path, or the query parameter `b3`), which is faster to compute and which a chunk's path names
//! anyway. A request that is bound by neither must have no body.

use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha256};

use super::{HttpSignatureError, RequestParts, byte_sequence};
use crate::ids::from_base32;

/// Characters of a BLAKE3 hash in base32.
const HASH_TEXT_LEN: usize = 52;

/// The hashes a request's body must have. With neither, the body must be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BodyCheck {
    /// SHA-256, from `content-digest`.
    pub sha256: Option<[u8; 32]>,
    /// BLAKE3, from the target URI.
    pub blake3: Option<[u8; 32]>,
}

impl BodyCheck {
    /// From the parts of a request whose signature covers them.
    pub fn of(parts: &RequestParts<'_>) -> Result<Self, HttpSignatureError> {
        let sha256 = parts.content_digest.map(parse_content_digest).transpose()?;
        let named = hash_in_uri(parts.target_uri)?;
        let blake3 = if has_body(parts.method) { named } else { None };
        Ok(Self { sha256, blake3 })
    }

    /// Whether the body must be empty.
    pub const fn is_empty(&self) -> bool {
        self.sha256.is_none() && self.blake3.is_none()
    }

    /// Whether this is the body that was signed.
    pub fn holds(&self, body: &[u8]) -> bool {
        if self.is_empty() {
            return body.is_empty();
        }
        let sha256 = self.sha256.is_none_or(|hash| Sha256::digest(body)[..] == hash[..]);
        sha256 && self.blake3.is_none_or(|hash| *blake3::hash(body).as_bytes() == hash)
    }
}

/// The value of `Content-Digest` for a body.
///
/// ```
/// use strongroom_wire::http_signature::content_digest;
/// let digest = content_digest(br#"{"hello": "world"}"#);
/// assert_eq!(digest, "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:");
/// ```
pub fn content_digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", Base64::encode_string(&Sha256::digest(body)))
}

/// Whether the URI names the body's hash, so that a request needs no `Content-Digest`.
pub fn is_body_bound_by_uri(method: &str, target_uri: &str) -> bool {
    has_body(method) && matches!(hash_in_uri(target_uri), Ok(Some(_)))
}

/// These never have a body of ours, so a hash in their URI names something else.
fn has_body(method: &str) -> bool {
    !matches!(method, "GET" | "HEAD" | "DELETE")
}

fn parse_content_digest(value: &str) -> Result<[u8; 32], HttpSignatureError> {
    value.strip_prefix("sha-256=").and_then(byte_sequence).ok_or(HttpSignatureError::Digest)
}

/// The hash in the query parameter `b3`, or at the end of `…/chunks/{hash}`.
fn hash_in_uri(uri: &str) -> Result<Option<[u8; 32]>, HttpSignatureError> {
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let mut found = None;
    for value in query.split('&').filter_map(|pair| pair.strip_prefix("b3=")) {
        let hash = from_base32::<32>(value).ok_or(HttpSignatureError::Digest)?;
        if found.replace(hash).is_some() {
            return Err(HttpSignatureError::Digest);
        }
    }
    let chunk = path.rsplit_once('/').filter(|(before, _)| before.ends_with("/chunks"));
    let hash = chunk.filter(|(_, last)| last.len() == HASH_TEXT_LEN);
    match (hash.and_then(|(_, last)| from_base32::<32>(last)), found) {
        (Some(_), Some(_)) => Err(HttpSignatureError::Digest),
        (hash, found) => Ok(hash.or(found)),
    }
}
