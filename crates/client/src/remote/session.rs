//! Sessions with a provider. Comes in: a key, a capability chain, requests. Goes out: answers to
//! requests that carry a MAC. Must not know: what the requests ask for.
//!
//! A session is opened by the first request that needs it: one signature, one key agreement, bound
//! to the TLS connection it went over. After that a request costs one HMAC, over whichever
//! connection is free. When the provider ends it, a new one is opened, once for each request.

use std::sync::Arc;

use strongroom_seal::identity::Signer;
use strongroom_seal::rng::Rng as _;
use strongroom_wire::capability::CapabilityChain;
use strongroom_wire::http_signature::{
    CapabilityField, Proof, RequestParts, Unsigned, chain_field, content_digest,
};
use strongroom_wire::limits::SESSION_ANSWER_LEN_MAX;
use strongroom_wire::session::{ClientSession, Kem, Opening, OpeningRequest, SessionError};
use tokio::sync::Mutex;

use super::Remote;
use super::body::Segments;
use super::connection::{Answer, Connection, Expect, Failure};
use super::error::RemoteError;
use super::patience::Patience;
use super::problem;
use super::request::{Call, Fields};
use crate::random::SystemRng;

/// A signing key several tasks share.
pub type SharedSigner = Arc<dyn Signer + Send + Sync>;

/// Where a session is opened.
const SESSION_PATH: &str = "/session";
/// Seconds before its end from which a session is no longer used for new requests.
const END_MARGIN_SECS: u64 = 30;
/// New sessions one call opens before it believes that it is not wanted.
const RENEWALS_MAX: u32 = 3;

/// A session with one provider, for one chain. Clones share it.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    remote: Remote,
    signer: SharedSigner,
    /// The capability field; none for an empty chain.
    chain: Option<String>,
    current: Current,
}

/// The session in use, shared by all with the same key and chain at one provider.
pub(super) type Current = Arc<Mutex<Option<Arc<ClientSession>>>>;

impl core::fmt::Debug for Session {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Session").field("remote", &self.0.remote).finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn new(remote: Remote, signer: SharedSigner, chain: &CapabilityChain) -> Self {
        let current = remote.current(signer.public(), chain.hash());
        let chain = (!chain.capabilities().is_empty()).then(|| chain_field(chain));
        Self(Arc::new(Inner { remote, signer, chain, current }))
    }

    /// The provider it is with.
    pub fn remote(&self) -> &Remote {
        &self.0.remote
    }

    /// Opens the session now, unless it is open: proves the provider's key without asking for
    /// anything.
    pub async fn open(&self) -> Result<(), RemoteError> {
        self.current().await.map(drop)
    }

    /// Sends what `build` makes for the current session, and again for a new one if that has
    /// ended, and again after a pause if the provider is busy.
    pub(super) async fn call(
        &self,
        build: impl Fn(&ClientSession) -> Call,
    ) -> Result<Answer, RemoteError> {
        let mut patience = Patience::default();
        let mut renewals = 0;
        loop {
            let session = self.current().await?;
            let call = build(&session);
            let answer = match self.0.remote.send(&call, &session).await {
                // A provider that does not know the session says so before it takes the body, and
                // closes; the break may arrive before the words. A new session tells.
                Err(RemoteError::Unreachable { .. })
                    if renewals == 0 && call.may_be_cut_short() =>
                {
                    renewals += 1;
                    self.forget(&session).await;
                    continue;
                }
                result => result?,
            };
            if answer.status.is_success() {
                return Ok(answer);
            }
            // More than once: a provider may start anew while we try.
            if answer.status == http::StatusCode::UNAUTHORIZED && renewals < RENEWALS_MAX {
                renewals += 1;
                self.forget(&session).await;
                continue;
            }
            patience.wait_after(problem::error_of(&answer)).await?;
        }
    }

    pub(super) async fn current(&self) -> Result<Arc<ClientSession>, RemoteError> {
        // Held while opening, so that eight waiting uploads open one session and not eight.
        let mut current = self.0.current.lock().await;
        let now = self.0.remote.now();
        if let Some(session) = current.as_ref().filter(|s| now + END_MARGIN_SECS < s.expires) {
            return Ok(session.clone());
        }
        let session = Arc::new(self.open_new().await?);
        *current = Some(session.clone());
        Ok(session)
    }

    /// Only the session that was refused: another task may have opened a new one meanwhile.
    async fn forget(&self, refused: &Arc<ClientSession>) {
        let mut current = self.0.current.lock().await;
        if current.as_ref().is_some_and(|session| Arc::ptr_eq(session, refused)) {
            *current = None;
        }
    }

    async fn open_new(&self) -> Result<ClientSession, RemoteError> {
        let mut patience = Patience::default();
        let mut clock_sets = 0;
        loop {
            let (opened, answer) = self.try_open().await?;
            if let Some(session) = opened {
                return Ok(session);
            }
            // A provider refuses what was signed by a clock that differs from its own by minutes,
            // or before it started. It says its time; the signature is for it alone.
            let time = problem::provider_time(&answer);
            if answer.status == http::StatusCode::UNAUTHORIZED
                && clock_sets < RENEWALS_MAX
                && let Some(time) = time
            {
                clock_sets += 1;
                self.0.remote.set_clock(time);
                continue;
            }
            patience.wait_after(problem::error_of(&answer)).await?;
        }
    }

    /// One opening; on a dead connection another one, with a new key: it is bound to the channel.
    async fn try_open(&self) -> Result<(Option<ClientSession>, Answer), RemoteError> {
        let pool = self.0.remote.pool();
        let mut lease = pool.lease().await?;
        let mut second = false;
        loop {
            match self.open_over(&mut lease.connection).await {
                Ok(done) => {
                    pool.keep(lease);
                    return Ok(done);
                }
                Err(failure) if !second && failure.may_repeat(true) => {
                    second = true;
                    drop(lease);
                    lease = pool.lease_new().await?;
                }
                Err(failure) => return Err(self.0.remote.failed(failure)),
            }
        }
    }

    async fn open_over(
        &self,
        connection: &mut Connection,
    ) -> Result<(Option<ClientSession>, Answer), Failure> {
        let remote = &self.0.remote;
        let opening = Opening::new(Kem::XWing, &SystemRng.secret32());
        let body = opening.body().to_vec();
        let digest = content_digest(&body);
        let uri = remote.target_uri(SESSION_PATH);
        let parts = RequestParts {
            method: "POST",
            target_uri: &uri,
            content_digest: Some(&digest),
            capability: self.0.chain.as_deref().map(CapabilityField::Chain),
        };
        let mut nonce = [0; 16];
        SystemRng.fill(&mut nonce);
        let proof = Proof::Key { created: remote.now(), nonce, key: self.0.signer.public() };
        let unsigned = Unsigned::new(&parts, &proof)
            .map_err(|_| Failure::Final(RemoteError::Protocol("this request cannot be signed")))?;
        let signature = self.0.signer.sign(unsigned.base());

        let call = Call::post(SESSION_PATH.to_owned(), Segments::from(body.clone()));
        let fields = Fields {
            signature: unsigned.signed(&signature),
            digest: Some(digest),
            chain: self.0.chain.as_deref(),
        };
        let request = remote.http_request(&call, fields).map_err(Failure::Final)?;
        let limit = SESSION_ANSWER_LEN_MAX;
        let expect = Expect { limit, hash: false, head_of_bad: false };
        remote.count_request();
        let answer = connection.send(request, expect).await?;
        if !answer.status.is_success() {
            return Ok((None, answer));
        }
        let request = OpeningRequest {
            base: unsigned.base(),
            signature: &signature,
            body: &body,
            exporter: if remote.provider().tls_exporter { connection.exporter() } else { &[] },
        };
        let session = opening
            .finish(&request, &remote.provider().key, &answer.body)
            .map_err(|error| Failure::Final(self.refused(error)))?;
        Ok((Some(session), answer))
    }

    fn refused(&self, error: SessionError) -> RemoteError {
        match error {
            SessionError::Provider => {
                let provider = self.0.remote.url().to_string();
                RemoteError::Unproven { provider, expected: self.0.remote.thumbprint() }
            }
            SessionError::Form | SessionError::Key => {
                RemoteError::Protocol("the answer to the session's opening is malformed")
            }
        }
    }
}
