//! Signatures on HTTP requests (RFC 9421) in the two forms we use. Comes in: method, target URI
//! and four fields of a request. Goes out: the fields a client adds; on the other side who signed,
//! what the body must be, or a refusal. Must not know: sockets, bodies, clocks, what is asked for.
//!
//! | | `ed25519` | `hmac-sha256` |
//! |---|---|---|
//! | where | opening a session, single requests | inside a session |
//! | `keyid` | the public key, base64url | the session id, base64url |
//! | `nonce` | 16 random bytes, base64url | a counter, 16 hex digits |
//!
//! Covered, in this order: `@method`, `@target-uri`, then `content-digest` and the capability
//! field, each if the request has it. There is one spelling of everything, so a signature cannot
//! be moved to a request that differs in anything covered. Tables: docs/spec/http.md.

use base64ct::{Base64, Base64UrlUnpadded, Encoding};

use crate::capability::{CapabilityChain, CapabilityError, ChainHash};
use crate::chain::verify_signature;
use crate::ids::{PublicKey, SessionId};
use crate::limits::{CHAIN_BYTES_MAX, CLOCK_SKEW_SECS, REQUEST_HEAD_LEN_MAX, TIME_SECS_MAX};

mod base;
mod body;
mod nonces;
mod parse;

pub use base::{RequestParts, SignatureFields, Unsigned, signature_base};
pub use body::{BodyCheck, content_digest, is_body_bound_by_uri};
pub use nonces::{NonceMemory, NonceRefusal};
pub use parse::{Signed, parse};

/// The label of our signature in both fields, and the value of its `tag`.
pub const LABEL: &str = "strongroom";
/// The field that carries a capability chain.
pub const CAPABILITY_FIELD: &str = "strongroom-capability";
/// The field that carries the hash of a chain which the provider has seen.
pub const CAPABILITY_HASH_FIELD: &str = "strongroom-capability-hash";
/// The field with the covered components and parameters.
pub const SIGNATURE_INPUT_FIELD: &str = "signature-input";
/// The field with the signature.
pub const SIGNATURE_FIELD: &str = "signature";
/// The field with the SHA-256 of the body (RFC 9530).
pub const CONTENT_DIGEST_FIELD: &str = "content-digest";

/// Why a request carries no signature of ours. To the outside all of them are one 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HttpSignatureError {
    /// Method or URI have characters that cannot be signed, or are too long.
    #[error("the request line cannot be signed")]
    RequestLine,
    /// Not the one form of `Signature-Input`, or it does not cover what it must.
    #[error("Signature-Input is not of the form the specification gives")]
    Input,
    /// Not the one form of `Signature`.
    #[error("Signature is not of the form the specification gives")]
    Signature,
    /// Not the one form of `Content-Digest`, or the URI names the body's hash wrongly or twice.
    #[error("the body's digest is not of the form the specification gives")]
    Digest,
    /// Not the one form of a capability field, or one where it has no place.
    #[error("the capability field is not of the form the specification gives")]
    Capability,
    /// `created` is too far from the provider's clock, or before the provider started.
    #[error("the signature was not made just now; compare clocks")]
    Created,
    /// The key did not sign this.
    #[error("the signature does not cover this request")]
    Wrong,
}

/// What a signature says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// By a key.
    Key {
        /// Seconds since 1970.
        created: u64,
        /// 16 random bytes; remembered by the provider.
        nonce: [u8; 16],
        /// The signer.
        key: PublicKey,
    },
    /// By a session.
    Session {
        /// Seconds since 1970; not judged, the counter is.
        created: u64,
        /// Ascends; each is good once.
        counter: u64,
        /// The session.
        session: SessionId,
    },
}

impl Proof {
    /// The parameters after the list of components.
    fn write(&self, out: &mut String) {
        use core::fmt::Write as _;
        let (created, nonce, keyid, alg) = match self {
            Self::Key { created, nonce, key } => {
                (created, base64url(nonce), base64url(&key.0), "ed25519")
            }
            Self::Session { created, counter, session } => {
                (created, format!("{counter:016x}"), base64url(&session.0), "hmac-sha256")
            }
        };
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            r#";created={created};nonce="{nonce}";keyid="{keyid}";alg="{alg}";tag="{LABEL}""#
        );
    }
}

/// A request signed by a key: form checked, signature **not** yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySignature {
    created: u64,
    nonce: [u8; 16],
    key: PublicKey,
    base: Vec<u8>,
    signature: [u8; 64],
    body: BodyCheck,
}

impl KeySignature {
    /// Checks time, then signature. `now` and `started` (when this provider process began) are in
    /// seconds since 1970. What comes out still has to pass the memory of nonces, and its body
    /// [`SignedRequest::body`].
    pub fn verify(self, now: u64, started: u64) -> Result<SignedRequest, HttpSignatureError> {
        // A process that has just started remembers no nonces of the one before it.
        if self.created.abs_diff(now) > CLOCK_SKEW_SECS || self.created < started {
            return Err(HttpSignatureError::Created);
        }
        if !verify_signature(&self.key.0, &self.base, &self.signature) {
            return Err(HttpSignatureError::Wrong);
        }
        Ok(SignedRequest(self))
    }

    /// Who claims to have signed it.
    pub const fn key(&self) -> PublicKey {
        self.key
    }
}

/// A request whose signature by its key was checked. Only [`KeySignature::verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRequest(KeySignature);

impl SignedRequest {
    /// Who signed it.
    pub const fn key(&self) -> PublicKey {
        self.0.key
    }

    /// When, in seconds since 1970, by the signer's clock.
    pub const fn created(&self) -> u64 {
        self.0.created
    }

    /// Good once: see [`NonceMemory`].
    pub const fn nonce(&self) -> [u8; 16] {
        self.0.nonce
    }

    /// What the body must be.
    pub const fn body(&self) -> &BodyCheck {
        &self.0.body
    }

    /// What was signed.
    pub fn base(&self) -> &[u8] {
        &self.0.base
    }

    /// The signature.
    pub const fn signature(&self) -> &[u8; 64] {
        &self.0.signature
    }
}

/// A request with a session's MAC: form checked, MAC **not** yet. See
/// [`crate::session::Session::admit`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionMac {
    pub(crate) session: SessionId,
    pub(crate) counter: u64,
    pub(crate) base: Vec<u8>,
    pub(crate) mac: [u8; 32],
    pub(crate) body: BodyCheck,
}

impl SessionMac {
    /// The session it claims to belong to.
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// What the body must be.
    pub const fn body(&self) -> &BodyCheck {
        &self.body
    }
}

/// A capability field of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CapabilityField<'a> {
    /// The value of `Strongroom-Capability`.
    Chain(&'a str),
    /// The value of `Strongroom-Capability-Hash`.
    Hash(&'a str),
}

impl<'a> CapabilityField<'a> {
    const fn parts(self) -> (&'static str, &'a str) {
        match self {
            Self::Chain(value) => (CAPABILITY_FIELD, value),
            Self::Hash(value) => (CAPABILITY_HASH_FIELD, value),
        }
    }
}

/// The value of `Strongroom-Capability`: `:base64(CBOR array of COSE byte strings):`.
pub fn chain_field(chain: &CapabilityChain) -> String {
    format!(":{}:", Base64::encode_string(&chain.encode()))
}

/// The value of `Strongroom-Capability-Hash`.
pub fn chain_hash_field(hash: ChainHash) -> String {
    format!(":{}:", Base64::encode_string(&hash.0))
}

/// Reads the value of `Strongroom-Capability` into the encoded chain, whose BLAKE3 is its hash:
/// look there before decoding it. Its length is checked before anything is allocated.
pub fn chain_field_bytes(value: &str) -> Result<Vec<u8>, HttpSignatureError> {
    let text = colons(value).ok_or(HttpSignatureError::Capability)?;
    if text.len() > CHAIN_BYTES_MAX.div_ceil(3) * 4 {
        return Err(HttpSignatureError::Capability);
    }
    Base64::decode_vec(text).map_err(|_| HttpSignatureError::Capability)
}

/// Reads the value of `Strongroom-Capability`.
pub fn parse_chain_field(value: &str) -> Result<CapabilityChain, CapabilityError> {
    let bytes = chain_field_bytes(value).map_err(|_| CapabilityError::Spelling)?;
    CapabilityChain::decode(&bytes)
}

/// Reads the value of `Strongroom-Capability-Hash`.
pub fn parse_chain_hash_field(value: &str) -> Result<ChainHash, HttpSignatureError> {
    byte_sequence(value).map(ChainHash).ok_or(HttpSignatureError::Capability)
}

/// The text between the colons of an RFC 8941 byte sequence.
fn colons(value: &str) -> Option<&str> {
    value.strip_prefix(':')?.strip_suffix(':')
}

/// Reads `:base64:` of exactly `N` bytes.
fn byte_sequence<const N: usize>(value: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let decoded = Base64::decode(colons(value)?, &mut bytes).ok()?;
    (decoded.len() == N).then_some(bytes)
}

fn base64url(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// Upper-case letters, at most 16.
fn is_method(method: &str) -> bool {
    (1..=16).contains(&method.len()) && method.bytes().all(|c| c.is_ascii_uppercase())
}

/// An absolute http or https URI of visible characters, without a fragment. A line break here
/// would let one request pass for another.
fn is_target_uri(uri: &str) -> bool {
    let rest = uri.strip_prefix("https://").or_else(|| uri.strip_prefix("http://"));
    let absolute = rest.is_some_and(|rest| rest.find('/').is_some_and(|at| at > 0));
    absolute
        && uri.len() <= REQUEST_HEAD_LEN_MAX
        && uri.bytes().all(|c| c.is_ascii_graphic())
        && !uri.contains('#')
}

const fn is_time(secs: u64) -> bool {
    secs <= TIME_SECS_MAX
}
