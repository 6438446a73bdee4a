//! The connections to one provider. Comes in: somebody who needs one. Goes out: an idle one, or a
//! new one, at most so many at once. Must not know: what they carry.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connection::{Connection, Dialer};
use super::error::RemoteError;

/// Idle connections older than this are not used again: providers close them after 30 seconds, and
/// a request that crosses the close is lost.
const IDLE_AGE_MAX: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(super) struct Pool {
    pub(super) dialer: Dialer,
    idle: Mutex<Vec<Connection>>,
    places: Arc<Semaphore>,
}

/// A connection for one request. Dropped without [`Lease::keep`], it is closed.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) connection: Connection,
    _place: OwnedSemaphorePermit,
}

impl Pool {
    pub(super) fn new(dialer: Dialer, connections: usize) -> Self {
        let places = Arc::new(Semaphore::new(connections.max(1)));
        Self { dialer, idle: Mutex::default(), places }
    }

    /// Waits for a place; then takes the connection used last, because it is the most alive, or
    /// opens one.
    pub(super) async fn lease(&self) -> Result<Lease, RemoteError> {
        let place = self.place().await?;
        let connection = match self.take_idle() {
            Some(connection) => connection,
            None => self.dialer.dial().await?,
        };
        Ok(Lease { connection, _place: place })
    }

    /// The same, but never an idle one: after a dead one, its siblings are most likely dead too.
    pub(super) async fn lease_new(&self) -> Result<Lease, RemoteError> {
        let place = self.place().await?;
        self.lock().clear();
        Ok(Lease { connection: self.dialer.dial().await?, _place: place })
    }

    /// Keeps a connection whose last answer was taken whole.
    pub(super) fn keep(&self, mut lease: Lease) {
        if !lease.connection.is_closed() {
            lease.connection.idle_since = Some(Instant::now());
            self.lock().push(lease.connection);
        }
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit, RemoteError> {
        let place = self.places.clone().acquire_owned().await;
        // INVARIANT: the semaphore is never closed.
        place.map_err(|_| self.dialer.unreachable("the client is ending"))
    }

    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.lock();
        while let Some(connection) = idle.pop() {
            let fresh = connection.idle_since.is_none_or(|since| since.elapsed() < IDLE_AGE_MAX);
            if fresh && !connection.is_closed() {
                return Some(connection);
            }
        }
        None
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        // A list of connections cannot be left half changed.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
