//! The provider's side: strict parsing of the two fields. Comes in: the parts of a request and two
//! field values of a stranger. Goes out: whose signature it claims to be, with everything needed
//! to check it. Must not know: keys of sessions, clocks.

use base64ct::{Base64UrlUnpadded, Encoding};

use super::{
    BodyCheck, HttpSignatureError, KeySignature, LABEL, Proof, RequestParts, SessionMac,
    byte_sequence, is_time,
};
use crate::ids::{PublicKey, SessionId};
use crate::limits::SIGNATURE_INPUT_LEN_MAX;

/// Characters of the longest `Signature` field: label, 88 of base64, colons.
const SIGNATURE_LEN_MAX: usize = 128;

/// A request of one of the two forms. Nothing is verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signed {
    /// By a key: check with [`KeySignature::verify`].
    Key(KeySignature),
    /// By a session: check with [`crate::session::Session::admit`].
    Session(SessionMac),
}

/// Reads `Signature-Input` and `Signature` of a request. Each field must have come once. Every
/// field of `parts` that is there must be covered, and nothing else may be.
pub fn parse(
    parts: &RequestParts<'_>,
    signature_input: &str,
    signature: &str,
) -> Result<Signed, HttpSignatureError> {
    if signature_input.len() > SIGNATURE_INPUT_LEN_MAX {
        return Err(HttpSignatureError::Input);
    }
    if signature.len() > SIGNATURE_LEN_MAX {
        return Err(HttpSignatureError::Signature);
    }
    let params = member(signature_input).ok_or(HttpSignatureError::Input)?;
    let proof = params
        .strip_prefix(parts.components().as_str())
        .and_then(read_proof)
        .ok_or(HttpSignatureError::Input)?;
    parts.check(&proof)?;
    let body = BodyCheck::of(parts)?;
    let base = parts.base(params);
    let signature = member(signature).ok_or(HttpSignatureError::Signature)?;
    match proof {
        Proof::Key { created, nonce, key } => {
            let signature = byte_sequence(signature).ok_or(HttpSignatureError::Signature)?;
            Ok(Signed::Key(KeySignature { created, nonce, key, base, signature, body }))
        }
        Proof::Session { counter, session, .. } => {
            let mac = byte_sequence(signature).ok_or(HttpSignatureError::Signature)?;
            Ok(Signed::Session(SessionMac { session, counter, base, mac, body }))
        }
    }
}

/// What follows our label; there must be no other member.
fn member(field: &str) -> Option<&str> {
    field.strip_prefix(LABEL)?.strip_prefix('=')
}

/// `;created=…;nonce="…";keyid="…";alg="…";tag="strongroom"`, in this order and no other.
fn read_proof(params: &str) -> Option<Proof> {
    let (created, rest) = params.strip_prefix(";created=")?.split_once(';')?;
    let (nonce, rest) = quoted(rest, "nonce")?;
    let (keyid, rest) = quoted(rest.strip_prefix(';')?, "keyid")?;
    let (alg, rest) = quoted(rest.strip_prefix(';')?, "alg")?;
    let (tag, rest) = quoted(rest.strip_prefix(';')?, "tag")?;
    if tag != LABEL || !rest.is_empty() {
        return None;
    }
    let created = decimal(created)?;
    match alg {
        "ed25519" => {
            let key = PublicKey(base64url(keyid)?);
            Some(Proof::Key { created, nonce: base64url(nonce)?, key })
        }
        "hmac-sha256" => {
            let session = SessionId(base64url(keyid)?);
            Some(Proof::Session { created, counter: hexadecimal(nonce)?, session })
        }
        _ => None,
    }
}

/// `name="value"`; our values have no quotes or escapes in them.
fn quoted<'a>(text: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    text.strip_prefix(name)?.strip_prefix("=\"")?.split_once('"')
}

/// Digits without a leading zero.
fn decimal(text: &str) -> Option<u64> {
    let digits =
        text.bytes().all(|c| c.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    let value = if digits { text.parse().ok()? } else { return None };
    is_time(value).then_some(value)
}

/// 16 lower-case digits.
fn hexadecimal(text: &str) -> Option<u64> {
    let lower = text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    if text.len() == 16 && lower { u64::from_str_radix(text, 16).ok() } else { None }
}

fn base64url<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let decoded = Base64UrlUnpadded::decode(text, &mut bytes).ok()?;
    (decoded.len() == N).then_some(bytes)
}
