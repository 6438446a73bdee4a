//! One HTTP/1.1 connection. Comes in: an address; requests, one after another. Goes out: bounded
//! answers, or what broke and whether the request can have been seen. Must not know: sessions,
//! meaning of requests.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::body::{BodyError, Segments, collect};
use super::error::RemoteError;
use super::tls;
use super::traffic::{Counters, Metered, Pulse};
use super::url::ProviderUrl;

/// Bytes of an answer's head. Ours have a few hundred.
const ANSWER_HEAD_LEN_MAX: usize = 16_384;
/// Bytes taken from the socket at once. A chunk in four or five reads, and eight connections still
/// hold less than two megabytes.
const READ_LEN_MAX: usize = 256 << 10;

/// How long a connection from the pool may take to be ready.
const READY_MAX: Duration = Duration::from_secs(2);

/// What is needed to make connections to one provider.
#[derive(Debug)]
pub(super) struct Dialer {
    pub(super) url: ProviderUrl,
    /// None for plain HTTP.
    pub(super) tls: Option<Arc<ClientConfig>>,
    pub(super) connect_timeout: Duration,
    pub(super) idle_timeout: Duration,
    pub(super) counters: Arc<Counters>,
}

/// An answer, whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// BLAKE3 of the body, where it was wanted and the status is a good one.
    pub(super) hash: Option<[u8; 32]>,
}

/// Why a request got no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The connection was dead: no byte of the request was sent.
    Unsent,
    /// It broke under way; the provider may have seen the request.
    Broken(String),
    /// Nothing moved for the idle timeout.
    Silent,
    /// Anything that another try would not mend.
    Final(RemoteError),
}

impl Failure {
    /// Whether the request may be sent once more over another connection.
    pub(super) const fn may_repeat(&self, idempotent: bool) -> bool {
        match self {
            Self::Unsent => true,
            Self::Broken(_) => idempotent,
            Self::Silent | Self::Final(_) => false,
        }
    }
}

/// How much of which answers to take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expect {
    /// Bytes of a good answer.
    pub(super) limit: usize,
    /// Whether its hash is wanted.
    pub(super) hash: bool,
    /// Whether the body of a bad answer is left where it is; the connection is of no use then.
    pub(super) head_of_bad: bool,
}

/// Bytes of a problem's description.
const PROBLEM_LEN_MAX: usize = 16_384;

/// An open connection with nothing under way.
#[derive(Debug)]
pub(super) struct Connection {
    sender: http1::SendRequest<Segments>,
    driver: JoinHandle<()>,
    pulse: Arc<Pulse>,
    idle_timeout: Duration,
    /// Binds a session to this connection; none without TLS.
    exporter: Option<[u8; 32]>,
    /// Since when it waits in the pool; none: it is new.
    pub(super) idle_since: Option<Instant>,
}

impl Drop for Connection {
    // The driver owns the socket. Whoever drops a connection in the middle of a request must not
    // leave it behind, half read.
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Dialer {
    /// Opens a connection, within the connect timeout, name look-up and TLS included.
    pub(super) async fn dial(&self) -> Result<Connection, RemoteError> {
        match timeout(self.connect_timeout, self.dial_patiently()).await {
            Ok(result) => result,
            Err(_) => Err(self.unreachable("no connection in time")),
        }
    }

    pub(super) fn unreachable(&self, reason: &(impl ToString + ?Sized)) -> RemoteError {
        RemoteError::Unreachable { provider: self.url.to_string(), reason: reason.to_string() }
    }

    async fn dial_patiently(&self) -> Result<Connection, RemoteError> {
        let tcp = self.dial_tcp().await?;
        // Requests are written whole; waiting for more to send only costs round trips.
        let _ = tcp.set_nodelay(true);
        let pulse = Arc::new(Pulse::new());
        let stream = Metered::new(tcp, self.counters.clone(), pulse.clone());
        let Some(config) = &self.tls else {
            return self.start(stream, pulse, None).await;
        };
        let name = ServerName::try_from(self.url.host().to_owned())
            .map_err(|_| self.tls_error("the host's name cannot be in a certificate"))?;
        let connector = TlsConnector::from(config.clone());
        let stream =
            connector.connect(name, stream).await.map_err(|error| self.handshake(&error))?;
        let exporter = tls::exporter(stream.get_ref().1)?;
        self.start(stream, pulse, Some(exporter)).await
    }

    async fn dial_tcp(&self) -> Result<TcpStream, RemoteError> {
        let found = tokio::net::lookup_host((self.url.host(), self.url.port()))
            .await
            .map_err(|error| self.unreachable(&error))?;
        let mut last = None;
        for address in found.filter(|address| self.may_dial(address)) {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = Some(error),
            }
        }
        Err(match last {
            Some(error) => self.unreachable(&error),
            None => self.unreachable("its name leads to no usable address"),
        })
    }

    /// Plain HTTP stays on this machine whatever a name server says of `localhost`.
    fn may_dial(&self, address: &SocketAddr) -> bool {
        self.tls.is_some() || address.ip().is_loopback()
    }

    fn tls_error(&self, reason: &(impl ToString + ?Sized)) -> RemoteError {
        RemoteError::Tls { provider: self.url.to_string(), reason: reason.to_string() }
    }

    /// A check that failed is not mended by another try; a connection that broke may be.
    fn handshake(&self, error: &io::Error) -> RemoteError {
        if error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>) {
            self.tls_error(error)
        } else {
            self.unreachable(error)
        }
    }

    async fn start<T>(
        &self,
        stream: T,
        pulse: Arc<Pulse>,
        exporter: Option<[u8; 32]>,
    ) -> Result<Connection, RemoteError>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(READ_LEN_MAX)
            .max_header_size(ANSWER_HEAD_LEN_MAX)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.unreachable(&error))?;
        let driver = tokio::spawn(async move {
            // What breaks a connection is told to the request under way, if there is one.
            let _ = connection.await;
        });
        let idle_timeout = self.idle_timeout;
        Ok(Connection { sender, driver, pulse, idle_timeout, exporter, idle_since: None })
    }
}

impl Connection {
    /// See [`Dialer`]; empty without TLS.
    pub(super) fn exporter(&self) -> &[u8] {
        self.exporter.as_ref().map_or(&[], |exporter| exporter)
    }

    /// Whether the other end has closed it, as far as this end knows.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Sends one request and takes its answer. After a failure the connection must be dropped.
    pub(super) async fn send(
        &mut self,
        request: Request<Segments>,
        expect: Expect,
    ) -> Result<Answer, Failure> {
        // Not ready for long: the last request was answered before its body was taken, and never
        // will be.
        let patience = self.idle_timeout.min(READY_MAX);
        if !matches!(unless_silent(&self.pulse, patience, self.sender.ready()).await, Some(Ok(())))
        {
            return Err(Failure::Unsent);
        }
        let pulse = self.pulse.clone();
        let exchange = Self::exchange(&mut self.sender, request, expect);
        match unless_silent(&pulse, self.idle_timeout, exchange).await {
            Some(result) => result,
            // Not tried again: whoever let us wait this long once would do it twice.
            None => Err(Failure::Silent),
        }
    }

    async fn exchange(
        sender: &mut http1::SendRequest<Segments>,
        request: Request<Segments>,
        expect: Expect,
    ) -> Result<Answer, Failure> {
        let response = match sender.try_send_request(request).await {
            Ok(response) => response,
            Err(mut error) => {
                // The request comes back only if nothing of it was written.
                let unsent = error.take_message().is_some();
                let error = error.into_error();
                return Err(if unsent { Failure::Unsent } else { http_failure(&error) });
            }
        };
        take_answer(response, expect).await
    }
}

async fn take_answer(response: Response<Incoming>, expect: Expect) -> Result<Answer, Failure> {
    let (head, incoming) = response.into_parts();
    let good = head.status.is_success();
    if expect.head_of_bad && !good {
        let (status, headers) = (head.status, head.headers);
        return Ok(Answer { status, headers, body: Bytes::new(), hash: None });
    }
    let limit = if good { expect.limit } else { PROBLEM_LEN_MAX };
    let mut hasher = (good && expect.hash).then(blake3::Hasher::new);
    let body = collect(incoming, limit, hasher.as_mut()).await.map_err(|error| match error {
        BodyError::TooLarge => Failure::Final(RemoteError::TooLarge { limit }),
        BodyError::Broken(error) => http_failure(&error),
    })?;
    let hash = hasher.map(|hasher| *hasher.finalize().as_bytes());
    Ok(Answer { status: head.status, headers: head.headers, body, hash })
}

fn http_failure(error: &hyper::Error) -> Failure {
    if error.is_parse_too_large() {
        return Failure::Final(RemoteError::TooLarge { limit: ANSWER_HEAD_LEN_MAX });
    }
    if error.is_parse() {
        return Failure::Final(RemoteError::Protocol("the answer is not HTTP/1.1"));
    }
    let mut reason = error.to_string();
    if let Some(source) = std::error::Error::source(error) {
        reason = format!("{reason}: {source}");
    }
    Failure::Broken(reason)
}

/// The future's result, or `None` once nothing has moved on the connection for `limit`. A slow
/// line that moves is waited for; a dead one is not.
async fn unless_silent<F: Future>(pulse: &Pulse, limit: Duration, future: F) -> Option<F::Output> {
    pulse.beat();
    let mut future = std::pin::pin!(future);
    loop {
        let wait = limit.saturating_sub(pulse.silence()).max(Duration::from_millis(1));
        tokio::select! {
            biased;
            output = &mut future => return Some(output),
            () = tokio::time::sleep(wait) => if pulse.silence() >= limit { return None },
        }
    }
}
