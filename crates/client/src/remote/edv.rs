//! A server of Encrypted Data Vaults, as a client reaches it. Comes in: its origin, requests, who
//! signs them. Goes out: bounded answers. Must not know: keys that open anything, what a body says.
//!
//! It is any server that speaks that protocol, not only one of ours: nothing is asked of it but
//! what the protocol has. Requests are signed by HTTP signatures of its own kind
//! ([`strongroom_wire::edv`]); the signature covers the whole URL and the body.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use strongroom_seal::identity::EdvSigningKey;
use strongroom_wire::edv::signature::{Capability, Outgoing};
use tokio::time::sleep;

use super::body::Segments;
use super::connection::{Dialer, Expect};
use super::error::RemoteError;
use super::pool::Pool;
use super::request::Call;
use super::traffic::Counters;
use super::url::ProviderUrl;
use super::{Options, own_clock, send_over, tls};

/// Bytes of one answer: a document or a chunk has up to 10 MiB, a query is asked for ids only, and
/// servers that send documents all the same are read up to here.
pub const ANSWER_LEN_MAX: usize = 64 << 20;
/// Times a busy server is asked again, each pause twice the one before.
const TRIES: u64 = 5;
/// The first pause.
const PAUSE: Duration = Duration::from_millis(100);
/// The field of such a token.
const TOKEN_FIELD: &str = "strongroom-token";
const JSON: &str = "application/json";

/// A server of Encrypted Data Vaults.
#[derive(Clone)]
pub struct EdvRemote(Arc<Inner>);

struct Inner {
    pool: Pool,
    authority: HeaderValue,
    origin: String,
}

impl core::fmt::Debug for EdvRemote {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("EdvRemote").field(&self.0.origin).finish()
    }
}

/// One request.
#[derive(Debug, Clone)]
pub struct EdvCall<'a> {
    /// `GET`, `POST` or `DELETE`.
    pub method: Method,
    /// The whole URL, on this server.
    pub url: String,
    /// A body.
    pub json: Option<Bytes>,
    /// What allows it.
    pub capability: Capability<'a>,
    /// `read` or `write`.
    pub action: &'a str,
    /// What its operator asks for before it lets somebody make a vault.
    pub token: Option<&'a str>,
}

/// An answer. Anything but the status is a stranger's word.
#[derive(Debug)]
pub struct EdvAnswer {
    /// HTTP's number.
    pub status: StatusCode,
    /// The body, whole.
    pub body: Bytes,
    headers: HeaderMap,
}

impl EdvAnswer {
    /// Where what was made stands, if it says so.
    pub fn location(&self) -> Option<&str> {
        self.headers.get(header::LOCATION).and_then(|value| value.to_str().ok())
    }
}

impl EdvRemote {
    /// Makes ready to reach a server; nothing is sent.
    pub fn new(url: ProviderUrl, options: &Options) -> Result<Self, RemoteError> {
        let authority = HeaderValue::try_from(url.authority())
            .map_err(|_| RemoteError::Url(super::UrlError::Form))?;
        let origin = url.to_string();
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
            counters: Arc::new(Counters::default()),
        };
        let pool = Pool::new(dialer, options.connections);
        Ok(Self(Arc::new(Inner { pool, authority, origin })))
    }

    /// Its address, without a slash at the end.
    pub fn origin(&self) -> &str {
        &self.0.origin
    }

    /// Sends a signed request. A server that is busy is asked again for a while; what may have
    /// been done is not done twice, unless it only reads.
    pub async fn send(
        &self,
        call: &EdvCall<'_>,
        signer: &EdvSigningKey,
    ) -> Result<EdvAnswer, RemoteError> {
        let mut pause = PAUSE;
        for tried in 0.. {
            let answer = self.send_once(call, signer, tried).await?;
            let busy = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
            if tried + 1 == TRIES || !busy.contains(&answer.status) {
                return Ok(answer);
            }
            sleep(pause).await;
            pause *= 2;
        }
        Err(RemoteError::Protocol("the server is busy without end"))
    }

    async fn send_once(
        &self,
        call: &EdvCall<'_>,
        signer: &EdvSigningKey,
        tried: u64,
    ) -> Result<EdvAnswer, RemoteError> {
        let inner = &*self.0;
        let path = call.url.strip_prefix(&inner.origin).filter(|path| path.starts_with('/'));
        let path = path.ok_or(RemoteError::Protocol("this address is another server's"))?;
        let again = AtomicU64::new(tried);
        // Another moment for each try: a server remembers signatures, and would take the second
        // for a replay.
        let build = || {
            let moment = own_clock() + again.fetch_add(1, Ordering::Relaxed);
            self.request(call, path, signer, moment)
        };
        let sent = Call {
            method: call.method.clone(),
            path: path.to_owned(),
            body: Segments::default(),
            range: None,
            idempotent: call.action == "read",
            expect: Expect { limit: ANSWER_LEN_MAX, hash: false, head_of_bad: false },
        };
        let answer = send_over(&inner.pool, sent.idempotent, build, &sent).await?;
        Ok(EdvAnswer { status: answer.status, body: answer.body, headers: answer.headers })
    }

    fn request(
        &self,
        call: &EdvCall<'_>,
        path: &str,
        signer: &EdvSigningKey,
        created: u64,
    ) -> Result<Request<Segments>, RemoteError> {
        let outgoing = Outgoing {
            method: call.method.as_str(),
            url: &call.url,
            body: call.json.as_deref().map(|json| (JSON, json)),
            capability: call.capability,
            action: call.action,
            key: signer.public(),
            created,
        };
        let signed = outgoing.sign(|message| signer.sign(message));
        let signed = signed.ok_or(RemoteError::Protocol("this request cannot be signed"))?;
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(path)
            .header(header::HOST, &self.0.authority)
            .header(header::ACCEPT, JSON);
        for (name, value) in signed.iter().filter(|(name, _)| *name != "host") {
            request = request.header(name, value);
        }
        if let Some(token) = call.token {
            let mut value = HeaderValue::try_from(token)
                .map_err(|_| RemoteError::Protocol("this token cannot stand in a request"))?;
            value.set_sensitive(true);
            request = request.header(TOKEN_FIELD, value);
        }
        let body: Segments = call.json.clone().map_or_else(Segments::default, Segments::from);
        request.body(body).map_err(|_| RemoteError::Protocol("this request has no form in HTTP"))
    }
}
