//! Counting and liveness of connections. Comes in: a byte stream. Goes out: the same stream, with
//! every byte counted and every movement noticed. Must not know: what the bytes say.
//!
//! It sits below TLS, so the numbers are those a network would see.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What one remote has sent and received, over all its connections, since it was made.
#[derive(Debug, Default)]
pub(super) struct Counters {
    sent: AtomicU64,
    received: AtomicU64,
    requests: AtomicU64,
    /// What was taken by [`Self::take`].
    taken: Mutex<Traffic>,
}

impl Counters {
    /// What came since it was taken last.
    pub(super) fn take(&self) -> Traffic {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.read();
        let before = std::mem::replace(&mut *taken, now);
        Traffic {
            bytes_sent: now.bytes_sent - before.bytes_sent,
            bytes_received: now.bytes_received - before.bytes_received,
            requests: now.requests - before.requests,
        }
    }

    pub(super) fn count_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Traffic {
        Traffic {
            bytes_sent: self.sent.load(Ordering::Relaxed),
            bytes_received: self.received.load(Ordering::Relaxed),
            requests: self.requests.load(Ordering::Relaxed),
        }
    }
}

/// Numbers of one remote: bytes on the wire, TLS and HTTP included, and requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Traffic {
    /// Bytes sent.
    pub bytes_sent: u64,
    /// Bytes received.
    pub bytes_received: u64,
    /// Requests, repeated ones included.
    pub requests: u64,
}

/// When bytes last moved on one connection.
#[derive(Debug)]
pub(super) struct Pulse {
    born: Instant,
    /// Milliseconds after `born`.
    last: AtomicU64,
}

impl Pulse {
    pub(super) fn new() -> Self {
        Self { born: Instant::now(), last: AtomicU64::new(0) }
    }

    /// Bytes moved just now.
    pub(super) fn beat(&self) {
        self.last.store(self.now(), Ordering::Relaxed);
    }

    /// How long nothing has moved.
    pub(super) fn silence(&self) -> Duration {
        Duration::from_millis(self.now().saturating_sub(self.last.load(Ordering::Relaxed)))
    }

    fn now(&self) -> u64 {
        self.born.elapsed().as_millis() as u64
    }
}

/// A stream that counts.
#[derive(Debug)]
pub(super) struct Metered<T> {
    inner: T,
    counters: Arc<Counters>,
    pulse: Arc<Pulse>,
}

impl<T> Metered<T> {
    pub(super) fn new(inner: T, counters: Arc<Counters>, pulse: Arc<Pulse>) -> Self {
        Self { inner, counters, pulse }
    }

    fn count_sent(&self, result: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(len)) = result {
            self.counters.sent.fetch_add(*len as u64, Ordering::Relaxed);
            self.pulse.beat();
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Metered<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.inner).poll_read(cx, buf);
        if matches!(result, Poll::Ready(Ok(()))) {
            let len = buf.filled().len() - before;
            self.counters.received.fetch_add(len as u64, Ordering::Relaxed);
            self.pulse.beat();
        }
        result
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Metered<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.count_sent(&result);
        result
    }

    // Without these two, every body would be copied once more to stand behind its head.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.count_sent(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
