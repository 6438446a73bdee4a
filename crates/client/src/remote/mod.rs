//! Providers, as a client reaches them. Comes in: an address, a pinned key, a signing key with its
//! capability chain, requests. Goes out: answers whose form was checked. Must not know: keys that
//! open anything, names, what is sealed.
//!
//! Everything here is a future on the two threads of a [`Runtime`]; handles are cheap to clone, so
//! several requests can be in flight. Of what a provider says nothing is believed but its form:
//! chunks are hashed here, entries are judged by those who know how.
//!
//! ```no_run
//! use std::sync::Arc;
//! use strongroom_client::random::SystemRng;
//! use strongroom_client::remote::{Options, Remote, Runtime};
//! use strongroom_seal::identity::SessionSigningKey;
//! use strongroom_wire::capability::{CapabilityChain, ChainHash};
//!
//! let runtime = Runtime::new()?;
//! runtime.block_on(async {
//!     let url = "https://provider.example".parse()?;
//!     let remote = Remote::connect(url, None, Options::default()).await?;
//!     println!("this provider's key is {}", remote.thumbprint());
//!     let key = Arc::new(SessionSigningKey::generate(&mut SystemRng));
//!     remote.session(key, &CapabilityChain::none()).open().await?;
//!     Ok::<(), Box<dyn std::error::Error>>(())
//! })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderValue, Request};
use strongroom_wire::capability::{CapabilityChain, ChainHash};
use strongroom_wire::http_signature::{RequestParts, content_digest, is_body_bound_by_uri};
use strongroom_wire::ids::{PublicKey, Thumbprint};
use strongroom_wire::session::ClientSession;

mod body;
mod calls;
mod connection;
mod description;
mod edv;
mod error;
mod fetch;
mod links;
mod patience;
mod pool;
mod problem;
mod request;
mod runtime;
mod session;
mod tls;
mod traffic;
mod url;

pub use description::Provider;
pub(crate) use edv::ANSWER_LEN_MAX as EDV_ANSWER_LEN_MAX;
pub use edv::{EdvAnswer, EdvCall, EdvRemote};
pub use error::{ProblemReport, RemoteError};
pub use fetch::{FetchError, WebUrl, fetch};
pub use runtime::Runtime;
pub use session::{Session, SharedSigner};
pub use traffic::Traffic;
pub use url::{ProviderUrl, UrlError};

use body::Segments;
use connection::{Answer, Dialer, Failure};
use description::{DESCRIPTION_LEN_MAX, DESCRIPTION_PATH};
use patience::Patience;
use pool::Pool;
use request::{Call, Fields};
use session::Current;
use traffic::Counters;

/// Names a file of additional certificate authorities.
pub const CA_FILE_VARIABLE: &str = "STRONGROOM_CA_FILE";

/// Sessions that are found again.
const SESSIONS_MAX: usize = 64;

/// How to reach a provider.
#[derive(Debug, Clone)]
pub struct Options {
    /// PEM file of authorities that are trusted beside the public ones.
    pub ca_file: Option<PathBuf>,
    /// Connections open at once.
    pub connections: usize,
    /// For name look-up, TCP and TLS together.
    pub connect_timeout: Duration,
    /// How long a request waits while no byte moves.
    pub idle_timeout: Duration,
}

impl Default for Options {
    /// The file that `STRONGROOM_CA_FILE` names, 8 connections, 5 and 30 seconds.
    fn default() -> Self {
        Self {
            ca_file: std::env::var_os(CA_FILE_VARIABLE)
                .filter(|path| !path.is_empty())
                .map(Into::into),
            connections: 8,
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
        }
    }
}

/// One provider. Clones share its connections.
#[derive(Clone)]
pub struct Remote(Arc<Inner>);

struct Inner {
    pool: Pool,
    authority: HeaderValue,
    /// The address as every signature covers it.
    origin: String,
    provider: Provider,
    counters: Arc<Counters>,
    /// Seconds by which the provider's clock is ahead of ours, once it refused ours.
    clock_ahead: AtomicI64,
    /// Sessions by key and chain. A command that asks for the same one again pays nothing.
    sessions: Mutex<HashMap<(PublicKey, ChainHash), Current>>,
}

impl core::fmt::Debug for Remote {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Remote").field(self.url()).finish()
    }
}

impl Remote {
    /// Connects and asks who is there. With a `pin`, any other provider is
    /// [`RemoteError::PinMismatch`] and hears nothing more; without one, the caller has to show
    /// [`Remote::thumbprint`] to somebody who knows, or keep it for the next time.
    ///
    /// That the provider has the key it names is proved when a session opens.
    pub async fn connect(
        url: ProviderUrl,
        pin: Option<Thumbprint>,
        options: Options,
    ) -> Result<Self, RemoteError> {
        let authority = HeaderValue::try_from(url.authority()).map_err(|_| UrlError::Form)?;
        let origin = url.to_string();
        let counters = Arc::new(Counters::default());
        let tls = if url.is_secure() {
            Some(tls::client_config(options.ca_file.as_ref())?)
        } else {
            None
        };
        let dialer = Dialer {
            url,
            tls,
            connect_timeout: options.connect_timeout,
            idle_timeout: options.idle_timeout,
            counters: counters.clone(),
        };
        let pool = Pool::new(dialer, options.connections);
        let call = Call::get(DESCRIPTION_PATH.to_owned()).answer_max(DESCRIPTION_LEN_MAX);
        let mut patience = Patience::default();
        let answer = loop {
            counters.count_request();
            let answer = send_over(&pool, true, || call.to_http(&authority, None), &call).await?;
            if answer.status.is_success() {
                break answer;
            }
            patience.wait_after(problem::error_of(&answer)).await?;
        };
        let provider = Provider::read(&answer.body)?;
        if let Some(pinned) = pin.filter(|pinned| *pinned != provider.thumbprint) {
            let found = provider.thumbprint;
            return Err(RemoteError::PinMismatch { provider: origin, pinned, found });
        }
        let clock_ahead = AtomicI64::new(0);
        let sessions = Mutex::default();
        let inner = Inner { pool, authority, origin, provider, counters, clock_ahead, sessions };
        Ok(Self(Arc::new(inner)))
    }

    /// A session for this key and chain. Opened by the first request, or by [`Session::open`].
    pub fn session(&self, signer: SharedSigner, chain: &CapabilityChain) -> Session {
        Session::new(self.clone(), signer, chain)
    }

    /// Its address.
    pub fn url(&self) -> &ProviderUrl {
        &self.0.pool.dialer.url
    }

    /// What it says of itself.
    pub fn provider(&self) -> &Provider {
        &self.0.provider
    }

    /// The thumbprint of its key.
    pub fn thumbprint(&self) -> Thumbprint {
        self.0.provider.thumbprint
    }

    /// What went over all its connections since [`Remote::connect`].
    pub fn traffic(&self) -> Traffic {
        self.0.counters.read()
    }

    /// The same since the last call: each byte is given once, for those who keep count.
    pub(crate) fn take_traffic(&self) -> Traffic {
        self.0.counters.take()
    }

    /// The session in use for this key and chain, or a place for it.
    fn current(&self, key: PublicKey, chain: ChainHash) -> Current {
        let mut sessions = self.0.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= SESSIONS_MAX {
            // Who uses one of these goes on with it; only finding it again ends.
            sessions.clear();
        }
        sessions.entry((key, chain)).or_default().clone()
    }

    fn pool(&self) -> &Pool {
        &self.0.pool
    }

    fn count_request(&self) {
        self.0.counters.count_request();
    }

    fn target_uri(&self, path: &str) -> String {
        [&self.0.origin, path].concat()
    }

    /// Seconds since 1970 by the provider's clock, as far as we know it.
    fn now(&self) -> u64 {
        own_clock().saturating_add_signed(self.0.clock_ahead.load(Ordering::Relaxed))
    }

    fn set_clock(&self, provider: u64) {
        let ahead = provider.cast_signed().saturating_sub(own_clock().cast_signed());
        self.0.clock_ahead.store(ahead, Ordering::Relaxed);
    }

    fn failed(&self, failure: Failure) -> RemoteError {
        failed(&self.0.pool, failure)
    }

    fn http_request(
        &self,
        call: &Call,
        fields: Fields<'_>,
    ) -> Result<Request<Segments>, RemoteError> {
        call.to_http(&self.0.authority, Some(fields))
    }

    /// Sends one request of a session.
    async fn send(&self, call: &Call, session: &ClientSession) -> Result<Answer, RemoteError> {
        let uri = self.target_uri(&call.path);
        let method = call.method.as_str();
        let unbound = call.body.len() > 0 && !is_body_bound_by_uri(method, &uri);
        let digest = unbound.then(|| content_digest(&call.whole_body()));
        let build = || {
            let mut parts = RequestParts::new(method, &uri);
            parts.content_digest = digest.as_deref();
            // A new counter for each try: the provider may have seen the one before.
            let signature = session
                .authorize(&parts, self.now())
                .map_err(|_| RemoteError::Protocol("this request cannot be signed"))?;
            self.count_request();
            self.http_request(call, Fields { signature, digest: digest.clone(), chain: None })
        };
        send_over(&self.0.pool, call.idempotent, build, call).await
    }
}

/// Sends a request, and once more over a new connection if the first was dead, or broke and the
/// request does no harm twice.
async fn send_over(
    pool: &Pool,
    idempotent: bool,
    build: impl Fn() -> Result<Request<Segments>, RemoteError>,
    call: &Call,
) -> Result<Answer, RemoteError> {
    let mut lease = pool.lease().await?;
    let mut second = false;
    loop {
        match lease.connection.send(build()?, call.expect).await {
            Ok(answer) => {
                pool.keep(lease);
                return Ok(answer);
            }
            Err(failure) if !second && failure.may_repeat(idempotent) => {
                second = true;
                drop(lease);
                lease = pool.lease_new().await?;
            }
            Err(failure) => return Err(failed(pool, failure)),
        }
    }
}

fn failed(pool: &Pool, failure: Failure) -> RemoteError {
    match failure {
        Failure::Unsent => pool.dialer.unreachable("the connection is closed again and again"),
        Failure::Broken(reason) => pool.dialer.unreachable(&reason),
        Failure::Silent => pool.dialer.unreachable("it stopped answering"),
        Failure::Final(error) => error,
    }
}

fn own_clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
