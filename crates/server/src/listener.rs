//! Connections. Comes in: sockets of strangers. Goes out: requests, each with its [`Peer`]. Must
//! not know: what a request asks for.
//!
//! Every connection has a watchdog: one without a request is closed after a while, and so is one
//! whose request neither takes nor gives bytes. When all places are taken, connections that idle
//! make room first; only then are new ones turned away. Requests under way always go on.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, Request, StatusCode};
use hyper::body::{Body as _, Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use strongroom_wire::edv::limits::DOCUMENT_LEN_MAX;
use strongroom_wire::limits::REQUEST_HEAD_LEN_MAX;
use strongroom_wire::problem::Problem;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use crate::config::Tuning;
use crate::metrics::Metrics;
use crate::refusal::Refusal;
use crate::tls;

/// Who sent a request, over what.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// The other end.
    pub address: SocketAddr,
    /// Channel binding of the TLS connection (RFC 9266); none: plain HTTP.
    pub exporter: Option<[u8; 32]>,
}

/// Requests one HTTP/2 connection may have under way.
const STREAMS_MAX: u32 = 64;
/// Bytes a peer may send on an HTTP/2 connection before a handler takes them.
const WINDOW: u32 = 1 << 20;
/// Bytes a connection with a request under way must move between two looks of its watchdog.
const MOVED_MIN: u64 = 4_096;
/// Idle time after which a connection makes room when all places are taken.
const IDLE_UNDER_PRESSURE: Duration = Duration::from_secs(1);
/// Seconds for a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Bytes read past of a refused body: the largest any request may have, and some.
const DRAIN_LEN_MAX: usize = DOCUMENT_LEN_MAX + (1 << 20);
/// Seconds spent on reading past a refused body.
const DRAIN: Duration = Duration::from_secs(5);
/// Files and sockets the store and the system need beside connections.
const FILES_KEPT: usize = 128;

/// Accepts connections and serves `router` on them.
pub struct Listener {
    shared: Arc<Shared>,
    tls: Option<TlsAcceptor>,
}

struct Shared {
    router: Router,
    tuning: Tuning,
    metrics: Arc<Metrics>,
    open: AtomicUsize,
    /// All places are taken: whoever idles makes room.
    pressure: Notify,
    stop: watch::Sender<bool>,
}

impl Listener {
    /// Serves `router` by these limits.
    pub fn new(
        router: Router,
        tls: Option<TlsAcceptor>,
        mut tuning: Tuning,
        metrics: Arc<Metrics>,
    ) -> Self {
        tuning.connections_max = tuning.connections_max.min(files_max().saturating_sub(FILES_KEPT));
        let stop = watch::Sender::new(false);
        let (open, pressure) = (AtomicUsize::new(0), Notify::new());
        Self { shared: Arc::new(Shared { router, tuning, metrics, open, pressure, stop }), tls }
    }

    /// Accepts until `stop` is ready, then lets requests under way finish.
    pub async fn run(self, socket: TcpListener, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut last_pressure = Instant::now();
        loop {
            let accepted = tokio::select! {
                accepted = socket.accept() => accepted,
                () = &mut stop => break,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of files, most likely: room comes when connections end.
                    tracing::warn!(%error, "cannot accept a connection");
                    self.shared.pressure.notify_waiters();
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let open = self.shared.open.fetch_add(1, Ordering::AcqRel);
            let place = Place(self.shared.clone());
            if open >= self.shared.tuning.connections_max {
                if last_pressure.elapsed() > Duration::from_millis(100) {
                    self.shared.pressure.notify_waiters();
                    last_pressure = Instant::now();
                }
                turn_away(&stream, self.tls.is_some());
                self.shared.metrics.connections_refused.one();
                drop(place);
                continue;
            }
            tokio::spawn(serve_one(place, self.tls.clone(), stream, address));
        }
        drop(socket);
        self.drain().await;
    }

    async fn drain(self) {
        self.shared.stop.send_replace(true);
        let limit = Instant::now() + self.shared.tuning.drain;
        while self.shared.open.load(Ordering::Acquire) > 0 && Instant::now() < limit {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// One of the places; given back when dropped.
struct Place(Arc<Shared>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Says so where that can be said without waiting; a TLS peer just sees the end.
fn turn_away(stream: &TcpStream, tls: bool) {
    const ANSWER: &str = "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\
        retry-after: 1\r\ncontent-length: 0\r\n\r\n";
    if !tls {
        let _ = stream.try_write(ANSWER.as_bytes());
    }
}

async fn serve_one(place: Place, tls: Option<TlsAcceptor>, stream: TcpStream, address: SocketAddr) {
    let metrics = place.0.metrics.clone();
    metrics.connections_total.one();
    metrics.connections.add(1);
    // Answers are written whole; waiting for more to send only costs round trips.
    let _ = stream.set_nodelay(true);
    if let Some(tls) = tls {
        let limit = HANDSHAKE.min(place.0.tuning.idle);
        match timeout(limit, tls.accept(stream)).await {
            Ok(Ok(stream)) => {
                let exporter = tls::exporter(stream.get_ref().1);
                drive(&place.0, stream, Peer { address, exporter }).await;
            }
            Ok(Err(error)) => tracing::debug!(%address, %error, "TLS handshake failed"),
            Err(_) => metrics.connections_slow.one(),
        }
    } else {
        drive(&place.0, stream, Peer { address, exporter: None }).await;
    }
    metrics.connections.add(-1);
}

async fn drive<T>(shared: &Arc<Shared>, stream: T, peer: Peer)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let pulse = Arc::new(Pulse::default());
    let io =
        TokioIo::new(Watched { stream, pulse: pulse.clone(), metrics: shared.metrics.clone() });
    let service = {
        let (shared, pulse) = (shared.clone(), pulse.clone());
        hyper::service::service_fn(move |request: Request<Incoming>| {
            let (shared, running) = (shared.clone(), Running::start(&pulse));
            async move {
                Ok::<_, std::convert::Infallible>(answer(&shared, request, peer, running).await)
            }
        })
    };
    let builder = builder(&shared.tuning);
    let mut connection = std::pin::pin!(builder.serve_connection(io, service));
    let mut stop = shared.stop.subscribe();
    let mut dog = Watchdog {
        pulse: &pulse,
        idle: shared.tuning.idle,
        quiet_since: Instant::now(),
        seen: (0, 0),
    };
    let look = (shared.tuning.idle / 4).max(Duration::from_millis(50));
    let mut stopping = false;
    loop {
        tokio::select! {
            result = connection.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!(address = %peer.address, %error, "connection ended");
                }
                return;
            }
            () = tokio::time::sleep(look) => if dog.is_stuck() {
                shared.metrics.connections_slow.one();
                return;
            },
            () = shared.pressure.notified() => if dog.idles_for(IDLE_UNDER_PRESSURE) { return },
            _ = stop.wait_for(|stop| *stop), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

fn builder(tuning: &Tuning) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(tuning.idle)
        .max_buf_size(REQUEST_HEAD_LEN_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(REQUEST_HEAD_LEN_MAX as u32)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_send_buf_size(64 << 10);
    builder
}

/// One request. A handler that panics costs its own request alone.
async fn answer(
    shared: &Shared,
    request: Request<Incoming>,
    peer: Peer,
    running: Running,
) -> Response<Guarded> {
    let (parts, incoming) = request.into_parts();
    let incoming = Arc::new(Mutex::new(incoming));
    let mut request = Request::from_parts(parts, Body::new(Watch(incoming.clone())));
    request.extensions_mut().insert(peer);
    let mut handler = Box::pin(shared.router.clone().oneshot(request));
    let caught = std::future::poll_fn(|context| {
        let poll = || handler.as_mut().poll(context);
        match std::panic::catch_unwind(std::panic::AssertUnwindSafe(poll)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(Ok(response))) => Poll::Ready(Some(response)),
            Err(_) => Poll::Ready(None),
        }
    })
    .await;
    let mut response = caught.unwrap_or_else(|| {
        shared.metrics.panics.one();
        Refusal::from(Problem::Internal).into_response()
    });
    if response.status().as_u16() >= 400 && response.status() != StatusCode::REQUEST_TIMEOUT {
        drain(&incoming).await;
    }
    response.headers_mut().insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    shared.metrics.requests.one();
    if response.extensions().get() == Some(&Problem::Damaged) {
        shared.metrics.damage.one();
    }
    match response.status().as_u16() {
        400..=499 => shared.metrics.requests_refused.one(),
        500..=599 => shared.metrics.requests_failed.one(),
        _ => {}
    }
    response.map(|body| Guarded { body, _running: running })
}

/// Reads past what is left of a refused request's body, within limits. Without this the connection
/// would be reset while the peer still sends, and the peer might never see why it was refused.
async fn drain(incoming: &Mutex<Incoming>) {
    let mut left = DRAIN_LEN_MAX;
    let all = async {
        loop {
            let next = std::future::poll_fn(|context| {
                let mut body = incoming.lock().unwrap_or_else(PoisonError::into_inner);
                if body.is_end_stream() {
                    return Poll::Ready(None);
                }
                Pin::new(&mut *body).poll_frame(context)
            });
            let Some(Ok(frame)) = next.await else { return };
            let len = frame.data_ref().map_or(0, bytes::Bytes::len);
            let Some(less) = left.checked_sub(len) else { return };
            left = less;
        }
    };
    let _ = timeout(DRAIN, all).await;
}

/// A request's body, of which the connection keeps hold.
struct Watch(Arc<Mutex<Incoming>>);

impl hyper::body::Body for Watch {
    type Data = bytes::Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let mut body = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Pin::new(&mut *body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).size_hint()
    }
}

/// What a connection does, for its watchdog.
#[derive(Debug, Default)]
struct Pulse {
    running: AtomicUsize,
    finished: AtomicU64,
    moved: AtomicU64,
}

/// A request under way: from its head to the last byte of its answer.
struct Running(Arc<Pulse>);

impl Running {
    fn start(pulse: &Arc<Pulse>) -> Self {
        pulse.running.fetch_add(1, Ordering::AcqRel);
        Self(pulse.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.finished.fetch_add(1, Ordering::AcqRel);
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}

struct Watchdog<'a> {
    pulse: &'a Pulse,
    idle: Duration,
    quiet_since: Instant,
    seen: (u64, u64),
}

impl Watchdog<'_> {
    /// Whether nothing worth waiting for has happened for the idle time.
    fn is_stuck(&mut self) -> bool {
        let finished = self.pulse.finished.load(Ordering::Acquire);
        let moved = self.pulse.moved.load(Ordering::Relaxed);
        let (seen_finished, seen_moved) = self.seen;
        let running = self.pulse.running.load(Ordering::Acquire) > 0;
        // Without a request, bytes do not count: a head that comes byte by byte is idling.
        let enough = moved.saturating_sub(seen_moved) >= MOVED_MIN;
        if finished != seen_finished || (running && enough) {
            self.quiet_since = Instant::now();
            self.seen = (finished, moved);
        }
        // A request may wait for room or for the disk: it gets twice the time.
        let limit = if running { self.idle * 2 } else { self.idle };
        self.quiet_since.elapsed() >= limit
    }

    fn idles_for(&self, limit: Duration) -> bool {
        self.pulse.running.load(Ordering::Acquire) == 0
            && self.pulse.finished.load(Ordering::Acquire) == self.seen.0
            && self.quiet_since.elapsed() >= limit
    }
}

/// Counts what passes.
struct Watched<T> {
    stream: T,
    pulse: Arc<Pulse>,
    metrics: Arc<Metrics>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.stream).poll_read(context, buffer);
        let moved = (buffer.filled().len() - before) as u64;
        self.pulse.moved.fetch_add(moved, Ordering::Relaxed);
        self.metrics.bytes_in.add(moved);
        poll
    }
}

impl<T: AsyncWrite + Unpin> Watched<T> {
    fn count(&self, poll: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(moved)) = poll {
            self.pulse.moved.fetch_add(moved as u64, Ordering::Relaxed);
            self.metrics.bytes_out.add(moved as u64);
        }
        poll
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.count(poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.count(poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// An answer's body that says when it is gone.
struct Guarded {
    body: Body,
    _running: Running,
}

impl hyper::body::Body for Guarded {
    type Data = bytes::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}

/// How many files this process may open, after asking for as many as it may ask for.
fn files_max() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current < limit.maximum || limit.maximum.is_none() {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        let _ = setrlimit(Resource::Nofile, raised);
    }
    getrlimit(Resource::Nofile).current.map_or(usize::MAX, |max| max as usize)
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn a_handler_that_panics_costs_its_own_request_alone() {
        async fn fails() -> &'static str {
            panic!("as told")
        }
        let router = Router::new().route("/fails", get(fails)).route("/works", get(async || "it"));
        let metrics = Arc::new(Metrics::default());
        let listener = Listener::new(router, None, Tuning::default(), metrics.clone());
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let running = tokio::spawn(listener.run(socket, async move { drop(stopped.await) }));
        let mut stream = TcpStream::connect(address).await.unwrap();
        for (path, status) in [("/fails", "500"), ("/works", "200")] {
            let ask = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
            stream.write_all(ask.as_bytes()).await.unwrap();
            let mut answer = [0; 1_024];
            let len = stream.read(&mut answer).await.unwrap();
            let answer = String::from_utf8_lossy(&answer[..len]);
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
            assert!(!answer.contains("as told"), "a problem tells nothing of the inside");
        }
        assert_eq!(metrics.panics.count(), 1);
        drop(stop);
        running.await.unwrap();
    }
}
