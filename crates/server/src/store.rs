//! The store as handlers use it. Comes in: batches, blobs. Goes out: answers without blocking a
//! thread of the runtime for a disk. Must not know: what is stored.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use strongroom_store::{Batch, BlobId, Blobs, CommitError, Rows, StoreError};
use tokio::sync::oneshot;

use crate::refusal::Refusal;

/// Rows and blobs of one provider.
#[derive(Clone)]
pub struct Store {
    /// Ordered keys.
    pub rows: Arc<dyn Rows>,
    /// Chunks.
    pub blobs: Arc<dyn Blobs>,
}

impl Store {
    /// Hands a batch to the engine at once, in the order of calls; `settled` runs before whoever
    /// awaits the answer, on a thread of the engine or this one, and must be short.
    pub fn submit<F: FnOnce(bool) + Send + 'static>(
        &self,
        batch: Batch,
        settled: F,
    ) -> impl Future<Output = Result<(), CommitError>> + use<F> {
        let (tell, told) = oneshot::channel();
        let done = move |result: Result<(), CommitError>| {
            settled(result.is_ok());
            // Whoever hung up does not want to know.
            let _ = tell.send(result);
        };
        self.rows.submit(batch, Box::new(done));
        async move { told.await.unwrap_or(Err(CommitError::Store(StoreError::Closed))) }
    }

    /// Commits a batch that belongs to no bucket.
    pub async fn commit(&self, batch: Batch) -> Result<(), CommitError> {
        self.submit(batch, |_| ()).await
    }

    /// Makes blobs durable.
    pub async fn put_blobs(&self, blobs: Vec<(BlobId, Vec<u8>)>) -> Result<(), StoreError> {
        let (tell, told) = oneshot::channel();
        let done = Box::new(move |result| drop(tell.send(result)));
        let engine = self.blobs.clone();
        // An engine may write, or wait for room, before it returns.
        offload(move || engine.submit_put(blobs, done)).await.map_err(|_| StoreError::Closed)?;
        told.await.unwrap_or(Err(StoreError::Closed))
    }

    /// The bytes of a blob inside a range.
    pub async fn read_blob(
        &self,
        id: BlobId,
        range: std::ops::Range<u64>,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        // Most small reads are of what was read or written lately: a thread for each would cost
        // more than the read.
        if let Some(read) = self.blobs.get_ready(&id, range.clone()) {
            return Ok(read?);
        }
        let engine = self.blobs.clone();
        Ok(offload(move || engine.get(&id, range)).await??)
    }
}

/// Runs work that may wait for a disk or take long, away from the threads that serve sockets.
pub async fn offload<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| strongroom_wire::problem::Problem::Internal.into())
}

/// Seconds since 1970.
pub fn now_secs() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Milliseconds since 1970.
pub fn now_millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// Random bytes of the system.
pub fn random<const N: usize>() -> Result<[u8; N], Refusal> {
    let mut bytes = [0; N];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(_) => Err(strongroom_wire::problem::Problem::Internal.into()),
    }
}
