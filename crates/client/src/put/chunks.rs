//! Sending chunks while they are sealed. Comes in: sealed chunks. Goes out: the same, durable: at a
//! provider if one answers, else in this device's cache. Must not know: keys, names.
//!
//! Small chunks travel together, large ones alone and several at a time; never more than
//! `IN_FLIGHT` MiB wait in memory. When the provider goes away meanwhile, what was on its way and
//! what follows is kept in the cache.

use std::sync::Arc;

use bytes::Bytes;
use strongroom_seal::sealing::Sealing;
use strongroom_store::{Batch, BlobId, Blobs};
use strongroom_wire::ids::{BucketId, ChunkId};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::error::{Error, ErrorKind, Result};
use crate::remote::{RemoteError, Runtime, Session};
use crate::replica::keys;
use crate::vault::{Bucket, Vault};

/// Mebibytes of chunks on their way at one time.
const IN_FLIGHT: usize = 8;
/// Chunks below this many bytes travel together.
const SMALL_LEN: usize = 262_144;
/// Bytes of small chunks in one request.
const TOGETHER_LEN: usize = 4 * 1_048_576;
/// The lock between announcing a chunk as pending and keeping it.
const KEEPING: &str = "keeping";

/// Where chunks go.
pub struct ChunkSink<'a> {
    vault: &'a Vault,
    bucket: BucketId,
    bucket_no: u32,
    /// How what comes here is sealed and padded.
    pub sealing: Sealing,
    route: Route<'a>,
    small: Vec<(ChunkId, Bytes)>,
    small_len: usize,
    /// Kept in the cache since the last flush.
    kept: Vec<ChunkId>,
    /// Sealed bytes taken so far.
    pub sealed_bytes: u64,
}

enum Route<'a> {
    Provider(Provider<'a>),
    Cache,
}

struct Provider<'a> {
    runtime: &'a Runtime,
    session: Session,
    permits: Arc<Semaphore>,
    tasks: Vec<JoinHandle<Result<(), Unsent>>>,
}

/// What did not arrive, and why.
struct Unsent {
    chunks: Vec<(ChunkId, Bytes)>,
    error: RemoteError,
}

impl<'a> ChunkSink<'a> {
    /// To this provider, or without one to the cache.
    pub fn new(vault: &'a Vault, bucket: &Bucket, session: Option<Session>) -> Result<Self> {
        let route = match session {
            Some(session) => Route::Provider(Provider {
                runtime: vault.runtime()?,
                session,
                permits: Arc::new(Semaphore::new(IN_FLIGHT)),
                tasks: Vec::new(),
            }),
            None => Route::Cache,
        };
        Ok(Self {
            vault,
            bucket: bucket.record.id,
            bucket_no: bucket.no(),
            sealing: bucket.sealing()?,
            route,
            small: Vec::new(),
            small_len: 0,
            kept: Vec::new(),
            sealed_bytes: 0,
        })
    }

    /// Takes one chunk; waits while too much is on its way. Nothing is durable before
    /// [`ChunkSink::flush`].
    pub fn send(&mut self, id: ChunkId, bytes: Vec<u8>) -> Result<()> {
        self.sealed_bytes += bytes.len() as u64;
        let bytes = Bytes::from(bytes);
        if bytes.len() < SMALL_LEN || matches!(self.route, Route::Cache) {
            self.small_len += bytes.len();
            self.small.push((id, bytes));
            return if self.small_len >= TOGETHER_LEN { self.send_small() } else { Ok(()) };
        }
        self.dispatch(vec![(id, bytes)])
    }

    fn send_small(&mut self) -> Result<()> {
        let small = std::mem::take(&mut self.small);
        self.small_len = 0;
        if small.is_empty() {
            return Ok(());
        }
        self.dispatch(small)
    }

    fn dispatch(&mut self, chunks: Vec<(ChunkId, Bytes)>) -> Result<()> {
        let bucket = self.bucket;
        match &mut self.route {
            Route::Provider(provider) => {
                let unsent = provider.spawn(bucket, chunks)?;
                self.fall_back(unsent)
            }
            Route::Cache => self.keep(chunks),
        }
    }

    /// The provider went away: what did not arrive is kept here, and so is all that follows.
    fn fall_back(&mut self, mut unsent: Vec<(ChunkId, Bytes)>) -> Result<()> {
        if unsent.is_empty() {
            return Ok(());
        }
        if let Route::Provider(mut provider) = std::mem::replace(&mut self.route, Route::Cache) {
            unsent.extend(provider.finish()?);
        }
        self.keep(unsent)
    }

    /// Into the cache, remembered as still to be sent. The row is written first: a chunk without a
    /// row would be thrown away as orphaned, a row without its chunk is only skipped. The lock
    /// tells a row whose chunk is still to come from one that a killed process left.
    fn keep(&mut self, chunks: Vec<(ChunkId, Bytes)>) -> Result<()> {
        self.kept.extend(chunks.iter().map(|(id, _)| *id));
        let kept = self.announce_and_keep(chunks);
        if kept.as_ref().is_err_and(|error| error.kind() == ErrorKind::Full) {
            self.give_back();
        }
        kept
    }

    /// Makes room again: what a put without room had kept would fill the disk until somebody sends
    /// it, and nobody needs it.
    fn give_back(&mut self) {
        let mut batch = Batch::new();
        let ids: Vec<BlobId> = self.kept.iter().map(|id| BlobId(id.0)).collect();
        for id in self.kept.drain(..) {
            batch.delete(keys::pending_chunk(self.bucket_no, id));
        }
        // What cannot be removed now is found without bytes, or without use, later.
        if self.vault.cache.delete(&ids).is_ok() {
            let _ = self.vault.replica.rows().commit(batch);
        }
    }

    fn announce_and_keep(&self, chunks: Vec<(ChunkId, Bytes)>) -> Result<()> {
        let _lock = self.vault.replica.lock(KEEPING)?;
        let mut batch = Batch::new();
        for (id, bytes) in &chunks {
            let len = bytes.len() as u64;
            batch.put(keys::pending_chunk(self.bucket_no, *id), len.to_be_bytes());
        }
        self.vault.replica.rows().commit(batch)?;
        let blobs = chunks.into_iter().map(|(id, bytes)| (BlobId(id.0), bytes.to_vec())).collect();
        Ok(self.vault.cache.put(blobs)?)
    }

    /// Waits until every chunk taken so far is durable.
    pub fn flush(&mut self) -> Result<()> {
        self.send_small()?;
        match &mut self.route {
            Route::Provider(provider) => {
                let unsent = provider.finish()?;
                self.fall_back(unsent)?;
            }
            Route::Cache => {}
        }
        self.kept.clear();
        Ok(())
    }

    /// Whether chunks go to a provider.
    pub const fn is_remote(&self) -> bool {
        matches!(self.route, Route::Provider(_))
    }

    /// Which of these chunks the provider has already; none without one.
    pub fn have(&self, ids: &[ChunkId]) -> Result<Vec<bool>> {
        match &self.route {
            Route::Provider(provider) => {
                Ok(provider.runtime.block_on(provider.session.have(self.bucket, ids))?)
            }
            Route::Cache => {
                ids.iter().map(|id| Ok(self.vault.cache.len(&BlobId(id.0))?.is_some())).collect()
            }
        }
    }
}

impl Provider<'_> {
    /// Sends these; waits while too much is on its way. Gives what turned out not to arrive.
    fn spawn(
        &mut self,
        bucket: BucketId,
        chunks: Vec<(ChunkId, Bytes)>,
    ) -> Result<Vec<(ChunkId, Bytes)>> {
        let permit = self.runtime.block_on(self.permits.clone().acquire_owned());
        let permit = permit.map_err(|_| Error::new(ErrorKind::Other, "the upload has ended"))?;
        let session = self.session.clone();
        self.tasks.push(self.runtime.spawn(async move {
            let sent = match &chunks[..] {
                [(id, bytes)] if bytes.len() >= SMALL_LEN => {
                    session.put_chunk(bucket, *id, bytes.clone()).await
                }
                several => session.put_chunks(bucket, several).await,
            };
            drop(permit);
            sent.map_err(|error| Unsent { chunks, error })
        }));
        self.collect()
    }

    /// Looks at what has ended, so that a failed upload stops soon.
    fn collect(&mut self) -> Result<Vec<(ChunkId, Bytes)>> {
        let (ended, running): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.tasks).into_iter().partition(JoinHandle::is_finished);
        self.tasks = running;
        self.wait_for(ended)
    }

    fn finish(&mut self) -> Result<Vec<(ChunkId, Bytes)>> {
        let tasks = std::mem::take(&mut self.tasks);
        self.wait_for(tasks)
    }

    /// What did not arrive because nobody answered; any other reason is an error.
    fn wait_for(
        &self,
        tasks: Vec<JoinHandle<Result<(), Unsent>>>,
    ) -> Result<Vec<(ChunkId, Bytes)>> {
        let mut unsent = Vec::new();
        for task in tasks {
            let done = self
                .runtime
                .block_on(task)
                .map_err(|_| Error::new(ErrorKind::Other, "an upload ended unexpectedly"))?;
            if let Err(Unsent { chunks, error }) = done {
                let error = Error::from(error);
                if error.kind() != ErrorKind::Unreachable {
                    return Err(error);
                }
                unsent.extend(chunks);
            }
        }
        Ok(unsent)
    }
}

impl Vault {
    /// Sends chunks that were put while no provider answered.
    pub(crate) fn send_pending_chunks(
        &self,
        bucket: &Bucket,
        session: &Session,
        progress: &dyn crate::progress::Progress,
    ) -> Result<u64> {
        let mut pending: Vec<ChunkId> = Vec::new();
        self.replica.each(&keys::pending_chunks(bucket.no()), |key, _| {
            pending.extend(key.last_chunk::<32>().map(|id| ChunkId(*id)));
            Ok(true)
        })?;
        let mut sent = 0;
        for group in pending.chunks(IN_FLIGHT * 4) {
            let mut sink = ChunkSink::new(self, bucket, Some(session.clone()))?;
            let mut batch = Batch::new();
            for id in group {
                let bytes = match self.cached(*id) {
                    // One damaged chunk must not hold up all others.
                    Err(error) if error.kind() == ErrorKind::Damaged => {
                        self.give_up(*id)?;
                        None
                    }
                    bytes => bytes?,
                };
                match bytes {
                    Some(bytes) => {
                        progress.advance(0, bytes.len() as u64);
                        sink.send(*id, bytes)?;
                        sent += 1;
                    }
                    None if !self.is_abandoned(*id)? => continue,
                    None => {}
                }
                batch.delete(keys::pending_chunk(bucket.no(), *id));
            }
            sink.flush()?;
            if !sink.is_remote() {
                return Err(Error::new(ErrorKind::Unreachable, "the provider went away"));
            }
            self.replica.rows().commit(batch)?;
            if progress.cancelled() {
                return Err(Error::cancelled());
            }
        }
        if sent > 0 {
            self.trim_cache()?;
        }
        Ok(sent)
    }

    pub(crate) fn cached(&self, id: ChunkId) -> Result<Option<Vec<u8>>> {
        let id = BlobId(id.0);
        let Some(len) = self.cache.len(&id)? else { return Ok(None) };
        Ok(self.cache.get(&id, 0..len)?)
    }

    /// Whether a pending chunk's bytes will never come: the put that announced it was cut short.
    /// While another process is between announcing and keeping, this waits for it.
    fn is_abandoned(&self, id: ChunkId) -> Result<bool> {
        let _lock = self.replica.lock(KEEPING)?;
        Ok(self.cache.len(&BlobId(id.0))?.is_none())
    }

    /// Keeps the cache below its limit; chunks that are still to be sent stay.
    pub(crate) fn trim_cache(&self) -> Result<()> {
        let limit = self.replica.meta()?.cache_limit;
        let records = self.records()?;
        let is_pending = |id: ChunkId| {
            records.iter().any(|record| {
                !matches!(self.replica.rows().get(&keys::pending_chunk(record.no, id)), Ok(None))
            })
        };
        self.cache.shrink(limit, &mut |id| !is_pending(ChunkId(id.0)))?;
        Ok(())
    }
}
