//! Sessions: one signature and one key agreement, then a MAC per request. Comes in: the parts of
//! an opening, random bytes, a time. Goes out: on both sides the same key, or a refusal. Must not
//! know: sockets, clocks, where randomness is from, which sessions there are.
//!
//! An Ed25519 check costs more than storing a small document durably, so it is paid once. The
//! provider's answer is signed over the whole exchange and the TLS channel: who relays an opening
//! gets no key. Bytes: docs/spec/session.md. Golden files: vectors/session/.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::capability::Grant;
use crate::http_signature::{
    HttpSignatureError, Proof, RequestParts, SessionMac, SignatureFields, Unsigned,
};
use crate::ids::{PublicKey, SessionId};
use crate::limits::SESSION_AGE_MAX_SECS;

mod exchange;
mod key;
mod window;

pub use exchange::{Answered, Kem, Opening, OpeningRequest, answer};
pub use key::SessionKey;
pub use window::ReplayWindow;

/// Why no session came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// Opening or answer are not of the one form.
    #[error("the session exchange is not of the form the specification gives")]
    Form,
    /// A public key or ciphertext that leads to no shared secret.
    #[error("the session exchange carries an unusable key")]
    Key,
    /// The provider's key did not sign the answer to this opening over this channel.
    #[error("the answer is not signed by the provider's known key; stop, and compare its key")]
    Provider,
}

/// Why a request in a session is refused. To the outside all of them are one 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SessionRefusal {
    /// It is over.
    #[error("the session has ended")]
    Ended,
    /// The MAC is not of this session's key, over this request.
    #[error("the MAC does not cover this request")]
    Mac,
    /// The counter was used, or is too far behind.
    #[error("the counter was used before")]
    Counter,
}

/// When a session that opens now ends, in seconds since 1970: after an hour, or with its chain.
/// `None`: an empty chain.
pub fn session_end(now: u64, grant: Option<&Grant>) -> u64 {
    let hour = now.saturating_add(SESSION_AGE_MAX_SECS);
    grant.map_or(hour, |grant| hour.min(grant.expires()))
}

/// The provider's end of a session: in memory only, never on disk.
#[derive(Debug)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// Who opened it.
    pub opener: PublicKey,
    /// What it is good for; none: sign-up, recovery and public reads only.
    pub grant: Option<Arc<Grant>>,
    /// Its end, in seconds since 1970.
    pub expires: u64,
    key: SessionKey,
    window: ReplayWindow,
}

impl Session {
    /// A session nobody has used yet.
    pub const fn new(
        id: SessionId,
        key: SessionKey,
        opener: PublicKey,
        grant: Option<Arc<Grant>>,
        expires: u64,
    ) -> Self {
        Self { id, opener, grant, expires, key, window: ReplayWindow::new() }
    }

    /// Lets one request through: in time, with the right MAC, once. What comes in as body must
    /// still pass [`SessionMac::body`].
    pub fn admit(&mut self, request: &SessionMac, now: u64) -> Result<(), SessionRefusal> {
        if now >= self.expires {
            return Err(SessionRefusal::Ended);
        }
        // The MAC first: a stranger's counter must not move the window.
        if request.session != self.id || !self.key.holds(&request.base, &request.mac) {
            return Err(SessionRefusal::Mac);
        }
        if self.window.admit(request.counter) { Ok(()) } else { Err(SessionRefusal::Counter) }
    }

    /// Whether this session, which has not ended, vouches for what is asked for in another. What is
    /// vouched for names that other session, so nobody else can use it, and has an effect once.
    pub fn vouches(&self, input: &[u8], mac: &[u8; 32], now: u64) -> Result<(), SessionRefusal> {
        if now >= self.expires {
            return Err(SessionRefusal::Ended);
        }
        if self.key.holds(input, mac) { Ok(()) } else { Err(SessionRefusal::Mac) }
    }
}

/// The client's end of a session.
#[derive(Debug)]
pub struct ClientSession {
    /// Its name.
    pub id: SessionId,
    /// Its end, in seconds since 1970.
    pub expires: u64,
    key: SessionKey,
    counter: AtomicU64,
}

impl ClientSession {
    /// A session nobody has used yet.
    pub const fn new(id: SessionId, key: SessionKey, expires: u64) -> Self {
        Self { id, expires, key, counter: AtomicU64::new(0) }
    }

    /// The two fields that let this request through, once. `created` is in seconds since 1970.
    pub fn authorize(
        &self,
        parts: &RequestParts<'_>,
        created: u64,
    ) -> Result<SignatureFields, HttpSignatureError> {
        let counter = self.counter.fetch_add(1, Ordering::Relaxed);
        let proof = Proof::Session { created, counter, session: self.id };
        let unsigned = Unsigned::new(parts, &proof)?;
        Ok(unsigned.signed(&self.key.mac(unsigned.base())))
    }

    /// Vouches for what is asked for in another session ([`Session::vouches`]).
    pub fn vouch(&self, input: &[u8]) -> [u8; 32] {
        self.key.mac(input)
    }
}
