//! COSE_Sign1 (RFC 9052) in the one form we use. Comes in: a payload and a signature, or bytes of
//! a stranger. Goes out: the tagged structure, or its payload. Must not know: what the payload
//! says, or who ought to have signed it.
//!
//! ```text
//! 18([ << {1: -8, 16: typ} >>, {}, << payload >>, signature ])
//! ```
//! The protected header holds `alg` EdDSA and the `typ` (RFC 9596) of what is signed, so that a
//! signature for one kind of statement is none for another. The unprotected header is empty: what
//! is not signed is not there. There is no external data. Everything but payload and signature is
//! a constant of the `typ`, so parsing is comparing.

use crate::cbor::{CborError, Reader, Writer};
use crate::chain::verify_signature;
use crate::ids::PublicKey;

/// The COSE tag of a signature by one signer.
const TAG_SIGN1: u64 = 18;
/// Header parameters `alg` and `typ`.
const ALG: u64 = 1;
const TYP: u64 = 16;
/// Algorithm EdDSA; with our keys, Ed25519.
const EDDSA: i64 = -8;
/// UTF-8 bytes of a `typ`. Ours are fixed; this only keeps the header's size known.
const TYP_LEN_MAX: usize = 64;
/// Bytes around the payload: tag, heads, protected header of the longest `typ`, signature.
const OVERHEAD_LEN_MAX: usize = 160;

/// A parsed structure. Its signature has **not** been checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sign1<'a> {
    typ: &'a str,
    /// What is signed.
    pub payload: &'a [u8],
    /// Ed25519, over [`to_be_signed`].
    pub signature: [u8; 64],
}

impl Sign1<'_> {
    /// Whether `key` signed this payload under this `typ`. Strict: keys of small order and
    /// malleable signatures are refused.
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        verify_signature(&key.0, &to_be_signed(self.typ, self.payload), &self.signature)
    }
}

/// The protected header of a `typ`, encoded.
fn protected(typ: &str) -> Vec<u8> {
    let mut w = Writer::with_capacity(TYP_LEN_MAX);
    w.map(2).uint(ALG).int(EDDSA).uint(TYP).text(typ);
    w.into_bytes()
}

/// The bytes a signer signs: the `Sig_structure` of RFC 9052, section 4.4.
pub fn to_be_signed(typ: &str, payload: &[u8]) -> Vec<u8> {
    let mut w = Writer::with_capacity(payload.len() + OVERHEAD_LEN_MAX);
    w.array(4).text("Signature1").bytes(&protected(typ)).bytes(&[]).bytes(payload);
    w.into_bytes()
}

/// The tagged structure, from a payload and its signature.
pub fn assemble(typ: &str, payload: &[u8], signature: &[u8; 64]) -> Vec<u8> {
    let mut w = Writer::with_capacity(payload.len() + OVERHEAD_LEN_MAX);
    w.tag(TAG_SIGN1).array(4).bytes(&protected(typ)).map(0).bytes(payload).bytes(signature);
    w.into_bytes()
}

/// Signs and assembles; `sign` gets the bytes to be signed.
///
/// ```
/// use strongroom_wire::cose;
/// let bytes = cose::sign("application/example", b"payload", |_| [7; 64]);
/// assert_eq!(cose::parse("application/example", &bytes, 100).unwrap().payload, b"payload");
/// assert!(cose::parse("application/other", &bytes, 100).is_err());
/// ```
pub fn sign(typ: &str, payload: &[u8], sign: impl FnOnce(&[u8]) -> [u8; 64]) -> Vec<u8> {
    assemble(typ, payload, &sign(&to_be_signed(typ, payload)))
}

/// Reads the one form of this `typ`. A payload of more than `payload_len_max` bytes, another
/// header, another form of the same values, or bytes left over are refused.
pub fn parse<'a>(
    typ: &'a str,
    bytes: &'a [u8],
    payload_len_max: usize,
) -> Result<Sign1<'a>, CborError> {
    if bytes.len() > payload_len_max.saturating_add(OVERHEAD_LEN_MAX) {
        return Err(CborError::Limit);
    }
    let mut r = Reader::new(bytes);
    r.tag(TAG_SIGN1)?;
    r.array_exact(4)?;
    if r.bytes(OVERHEAD_LEN_MAX)? != protected(typ) {
        return Err(CborError::Unknown);
    }
    r.map(0)?;
    let sign1 = Sign1 { typ, payload: r.bytes(payload_len_max)?, signature: r.bytes_exact()? };
    r.end()?;
    Ok(sign1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYP: &str = "application/example";

    fn sample() -> Vec<u8> {
        sign(TYP, b"payload", |_| [7; 64])
    }

    #[test]
    fn what_was_assembled_is_parsed() {
        let bytes = sample();
        let sign1 = parse(TYP, &bytes, 7).unwrap();
        assert_eq!((sign1.payload, sign1.signature), (&b"payload"[..], [7; 64]));
    }

    #[test]
    fn a_payload_over_the_limit_is_refused() {
        assert_eq!(parse(TYP, &sample(), 6), Err(CborError::Limit));
    }

    #[test]
    fn every_cut_and_every_addition_is_refused() {
        let bytes = sample();
        for len in 0..bytes.len() {
            assert!(parse(TYP, &bytes[..len], 7).is_err(), "cut at {len}");
        }
        let mut longer = bytes;
        longer.push(0);
        assert_eq!(parse(TYP, &longer, 7), Err(CborError::Trailing));
    }

    #[test]
    fn every_changed_byte_is_refused_or_changes_payload_or_signature() {
        let bytes = sample();
        let whole = parse(TYP, &bytes, 7).unwrap();
        for at in 0..bytes.len() {
            for flip in 1..=255_u8 {
                let mut other = bytes.clone();
                other[at] ^= flip;
                if let Ok(sign1) = parse(TYP, &other, 7) {
                    let same = (sign1.payload, sign1.signature) == (whole.payload, whole.signature);
                    assert!(!same, "byte {at} has two spellings");
                }
            }
        }
    }

    #[test]
    fn an_unprotected_header_is_refused() {
        let mut w = Writer::new();
        w.tag(TAG_SIGN1).array(4).bytes(&protected(TYP)).map(1).uint(4).bytes(b"kid");
        w.bytes(b"payload").bytes(&[7; 64]);
        assert_eq!(parse(TYP, &w.into_bytes(), 7), Err(CborError::Limit));
    }
}
