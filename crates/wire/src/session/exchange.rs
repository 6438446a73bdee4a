//! The exchange that opens a session. Comes in: the signed opening, random bytes, what the TLS
//! channel exports. Goes out: the signed answer and the key. Must not know: how either travels.
//!
//! ```text
//! opening     = [kem, public key]                        body of a request signed by a key
//! answered    = [session id, public key or enc, end]
//! answer      = [session id, public key or enc, end, signature]
//! transcript  = [signature base, signature, opening, answered, exporter]
//! signature   = provider's key over "strongroom/session/0" 0x00 ‖ BLAKE3(transcript)
//! session key = derive("session", shared secret ‖ BLAKE3(transcript))
//! ```

use x_wing::{Decapsulate, KeyExport, KeyInit};
use x25519_dalek::{PublicKey as DhPublic, StaticSecret};
use zeroize::Zeroizing;

use super::{ClientSession, SessionError, SessionKey};
use crate::cbor::{CborError, Reader, Writer};
use crate::chain::verify_signature;
use crate::format::SESSION_PREFIX;
use crate::ids::{PublicKey, SessionId};
use crate::limits::{SESSION_ANSWER_LEN_MAX, SESSION_OPEN_LEN_MAX, TIME_SECS_MAX};

/// How the two sides agree on a secret. The client chooses; the answer uses the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kem {
    /// Diffie–Hellman on Curve25519 (RFC 7748).
    X25519 = 1,
    /// X25519 and ML-KEM-768 together.
    XWing = 2,
}

impl Kem {
    /// Bytes of the client's public key.
    pub const fn public_len(self) -> usize {
        match self {
            Self::X25519 => 32,
            Self::XWing => x_wing::ENCAPSULATION_KEY_SIZE,
        }
    }

    /// Bytes of the provider's share: its public key, or the encapsulated secret.
    pub const fn share_len(self) -> usize {
        match self {
            Self::X25519 => 32,
            Self::XWing => x_wing::CIPHERTEXT_SIZE,
        }
    }

    fn from_u8(number: u8) -> Result<Self, CborError> {
        match number {
            1 => Ok(Self::X25519),
            2 => Ok(Self::XWing),
            _ => Err(CborError::Unknown),
        }
    }
}

impl From<CborError> for SessionError {
    fn from(_: CborError) -> Self {
        Self::Form
    }
}

/// A secret both sides know.
type Shared = Zeroizing<[u8; 32]>;

/// The request that opens a session, as it was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpeningRequest<'a> {
    /// Its signature base.
    pub base: &'a [u8],
    /// Its signature.
    pub signature: &'a [u8; 64],
    /// Its body.
    pub body: &'a [u8],
    /// What the TLS channel exports (RFC 9266); empty where TLS ends before the provider.
    pub exporter: &'a [u8],
}

impl OpeningRequest<'_> {
    fn transcript_hash(&self, answered: &[u8]) -> [u8; 32] {
        let mut w = Writer::with_capacity(self.base.len() + self.body.len() + answered.len() + 160);
        w.array(5).bytes(self.base).bytes(self.signature).bytes(self.body);
        w.bytes(answered).bytes(self.exporter);
        *blake3::hash(&w.into_bytes()).as_bytes()
    }
}

/// `strongroom/session/1` 0x00 ‖ hash: what the provider's key signs.
fn signing_input(transcript: &[u8; 32]) -> Vec<u8> {
    [SESSION_PREFIX, transcript].concat()
}

fn answered(session: SessionId, share: &[u8], end: u64) -> Vec<u8> {
    let mut w = Writer::with_capacity(share.len() + 64);
    w.array(3).bytes(&session.0).bytes(share).uint(end);
    w.into_bytes()
}

/// What the provider has after it answered.
#[derive(Debug)]
pub struct Answered {
    /// The answer's body.
    pub body: Vec<u8>,
    /// The session's key.
    pub key: SessionKey,
}

/// The provider's side. `session` is 16 random bytes, `random` 64 more; `end` is in seconds since
/// 1970; `sign` is the provider's key. The request's signature must have been checked, and its
/// body by [`crate::http_signature::BodyCheck`].
pub fn answer(
    request: &OpeningRequest<'_>,
    session: SessionId,
    end: u64,
    random: &[u8; 64],
    sign: impl FnOnce(&[u8]) -> [u8; 64],
) -> Result<Answered, SessionError> {
    let (share, shared) = respond(request.body, random)?;
    let transcript = request.transcript_hash(&answered(session, &share, end));
    let signature = sign(&signing_input(&transcript));
    let mut w = Writer::with_capacity(SESSION_ANSWER_LEN_MAX);
    w.array(4).bytes(&session.0).bytes(&share).uint(end).bytes(&signature);
    let key = SessionKey::derive(&shared, &transcript).ok_or(SessionError::Key)?;
    Ok(Answered { body: w.into_bytes(), key })
}

/// Reads the opening and makes the provider's share and the shared secret.
fn respond(body: &[u8], random: &[u8; 64]) -> Result<(Vec<u8>, Shared), SessionError> {
    if body.len() > SESSION_OPEN_LEN_MAX {
        return Err(SessionError::Form);
    }
    let mut r = Reader::new(body);
    r.array_exact(2)?;
    let kem = Kem::from_u8(r.u8()?)?;
    let public = r.bytes(kem.public_len())?;
    r.end()?;
    if public.len() != kem.public_len() {
        return Err(SessionError::Form);
    }
    match kem {
        Kem::X25519 => {
            let theirs: [u8; 32] = public.try_into().map_err(|_| SessionError::Form)?;
            let (seed, _) = random.split_first_chunk::<32>().ok_or(SessionError::Key)?;
            let secret = StaticSecret::from(*seed);
            let shared = agree(&secret, theirs)?;
            Ok((DhPublic::from(&secret).as_bytes().to_vec(), shared))
        }
        Kem::XWing => {
            // Checks the encoding of the ML-KEM part.
            let key = x_wing::EncapsulationKey::try_from(public).map_err(|_| SessionError::Key)?;
            let random = Zeroizing::new(*random);
            let (enc, shared) = key.encapsulate_deterministic((&*random).into());
            Ok((enc.to_vec(), Zeroizing::new(shared.into())))
        }
    }
}

/// Diffie–Hellman; refuses points that would make the secret the same for everybody.
fn agree(secret: &StaticSecret, theirs: [u8; 32]) -> Result<Shared, SessionError> {
    let shared = secret.diffie_hellman(&DhPublic::from(theirs));
    if shared.was_contributory() {
        Ok(Zeroizing::new(shared.to_bytes()))
    } else {
        Err(SessionError::Key)
    }
}

/// The client's secret half of an exchange. Wipes itself, prints nothing.
enum Secret {
    X25519(StaticSecret),
    XWing(Box<x_wing::DecapsulationKey>),
}

/// The client's side, before the answer.
pub struct Opening {
    secret: Secret,
    kem: Kem,
    body: Vec<u8>,
}

impl core::fmt::Debug for Opening {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Opening").field("kem", &self.kem).finish_non_exhaustive()
    }
}

impl Opening {
    /// A fresh key for one exchange, from 32 random bytes.
    pub fn new(kem: Kem, random: &[u8; 32]) -> Self {
        let mut w = Writer::with_capacity(SESSION_OPEN_LEN_MAX);
        w.array(2).uint(u64::from(kem as u8));
        let secret = match kem {
            Kem::X25519 => {
                let secret = StaticSecret::from(*random);
                w.bytes(DhPublic::from(&secret).as_bytes());
                Secret::X25519(secret)
            }
            Kem::XWing => {
                let secret = Box::new(x_wing::DecapsulationKey::new(random.into()));
                w.bytes(&x_wing::Decapsulator::encapsulation_key(&*secret).to_bytes());
                Secret::XWing(secret)
            }
        };
        Self { secret, kem, body: w.into_bytes() }
    }

    /// The body of the request that opens the session.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Checks the answer against the provider's pinned key and makes the session. `request.body`
    /// must be [`Opening::body`].
    pub fn finish(
        self,
        request: &OpeningRequest<'_>,
        provider: &PublicKey,
        answer: &[u8],
    ) -> Result<ClientSession, SessionError> {
        if answer.len() > SESSION_ANSWER_LEN_MAX || request.body != self.body {
            return Err(SessionError::Form);
        }
        let mut r = Reader::new(answer);
        r.array_exact(4)?;
        let session = SessionId(r.bytes_exact()?);
        let share = r.bytes(self.kem.share_len())?;
        let end = r.uint_max(TIME_SECS_MAX)?;
        let signature = r.bytes_exact()?;
        r.end()?;
        if share.len() != self.kem.share_len() {
            return Err(SessionError::Form);
        }
        let transcript = request.transcript_hash(&answered(session, share, end));
        // Before any secret is touched: only the pinned provider gets to speak to our key.
        if !verify_signature(&provider.0, &signing_input(&transcript), &signature) {
            return Err(SessionError::Provider);
        }
        let shared = self.secret.shared(share)?;
        let key = SessionKey::derive(&shared, &transcript).ok_or(SessionError::Key)?;
        Ok(ClientSession::new(session, key, end))
    }
}

impl Secret {
    fn shared(&self, share: &[u8]) -> Result<Shared, SessionError> {
        match self {
            Self::X25519(secret) => {
                agree(secret, share.try_into().map_err(|_| SessionError::Form)?)
            }
            Self::XWing(secret) => {
                let enc = share.try_into().map_err(|_| SessionError::Form)?;
                Ok(Zeroizing::new(secret.decapsulate(&enc).into()))
            }
        }
    }
}
