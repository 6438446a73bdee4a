//! Fetching chunks: from this device's cache, else from a provider, a few ahead of the reader.
//! Comes in: a version. Goes out: its content, in order, verified. Must not know: files.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use strongroom_core::document::{Content, VersionBody};
use strongroom_seal::manifest::{ContentReader, Manifest, Need};
use strongroom_seal::stream::ArrivedChunk;
use strongroom_store::{BlobId, Blobs, StoreError};
use strongroom_wire::ids::ChunkId;
use strongroom_wire::problem::Problem;
use tokio::task::JoinHandle;

use super::manifest;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;
use crate::remote::{RemoteError, Session};
use crate::replica::keys;
use crate::vault::{Bucket, Vault};

/// Chunks asked for ahead of the one being written.
const AHEAD: usize = 6;

/// A source of chunks of one bucket, shared by all that write files.
pub struct Fetcher<'v> {
    vault: &'v Vault,
    bucket: &'v Bucket,
    session: Mutex<Option<Session>>,
    /// Chunks that had gone bad at the provider and are whole there again.
    mended: AtomicU64,
    /// Whether the provider did not answer who looks at every copy.
    away: AtomicBool,
}

/// A chunk that is here, or on its way.
enum Coming {
    Here(Vec<u8>),
    Asked(JoinHandle<Result<Bytes, RemoteError>>),
}

impl<'v> Fetcher<'v> {
    /// Asks nobody before a chunk is missing here.
    pub const fn new(vault: &'v Vault, bucket: &'v Bucket) -> Self {
        Self {
            vault,
            bucket,
            session: Mutex::new(None),
            mended: AtomicU64::new(0),
            away: AtomicBool::new(false),
        }
    }

    /// What reads a content of this bucket. Refuses one that is padded otherwise.
    pub fn reader(&self, manifest: Manifest) -> Result<ContentReader> {
        ContentReader::new(self.bucket.sealing()?, manifest).map_err(damaged)
    }

    /// Writes a whole content.
    pub fn write_content(
        &self,
        body: &VersionBody,
        out: &mut dyn Write,
        progress: &dyn Progress,
    ) -> Result<()> {
        let doing = |e: std::io::Error| Error::io("cannot write the content", &e);
        match &body.content {
            Content::Empty => Ok(()),
            Content::Inline(bytes) => {
                progress.advance(0, bytes.len() as u64);
                out.write_all(bytes).map_err(doing)
            }
            Content::Manifest(bytes) => {
                let mut reader = self.reader(manifest(bytes)?)?;
                if reader.layout().size != body.metadata.size {
                    return Err(Error::damaged("a manifest of another size than its document"));
                }
                self.stream(&mut reader, &mut |plain| {
                    progress.advance(0, plain.len() as u64);
                    out.write_all(plain).map_err(doing)?;
                    if progress.cancelled() { Err(Error::cancelled()) } else { Ok(()) }
                })
            }
        }
    }

    fn stream(
        &self,
        reader: &mut ContentReader,
        take: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let total = reader.layout().content_chunks();
        let mut coming: VecDeque<(u64, ChunkId, Coming)> = VecDeque::new();
        let mut next = 0;
        for index in 0..total {
            while next < total && coming.len() < AHEAD {
                match reader.need(next) {
                    Some(Need::Chunk(id)) => {
                        coming.push_back((next, id, self.ask(id)?));
                        next += 1;
                    }
                    // A node holds the rows of those that follow; it is opened when the reader
                    // has come to its end of the one before.
                    Some(Need::Node(_)) if !coming.is_empty() => break,
                    Some(Need::Node(id)) => {
                        let asked = self.ask(id)?;
                        let node = self.arrived(id, asked)?;
                        reader.absorb_node(next, node).map_err(damaged)?;
                    }
                    None => return Err(Error::damaged("a manifest that ends too early")),
                }
            }
            let (at, id, asked) = coming
                .pop_front()
                .ok_or_else(|| Error::damaged("a manifest that ends too early"))?;
            let chunk = self.arrived(id, asked)?;
            debug_assert_eq!(at, index);
            let plain = reader.open(at, chunk).map_err(damaged)?;
            take(&plain)?;
        }
        Ok(())
    }

    fn ask(&self, id: ChunkId) -> Result<Coming> {
        let blob = BlobId(id.0);
        let cache = &self.vault.cache;
        let here = match cache.len(&blob) {
            Ok(Some(len)) => cache.get(&blob, 0..len),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        let damage = match here {
            Ok(Some(bytes)) => return Ok(Coming::Here(bytes)),
            Ok(None) => None,
            // The cache's copy is damaged: a provider's is as good.
            Err(StoreError::Corrupt { what }) => Some(what),
            Err(error) => return Err(error.into()),
        };
        let bucket = self.bucket.record.id;
        let session = match (self.session(), damage) {
            (Ok(session), _) => session,
            (Err(_), Some(what)) => {
                return Err(Error::damaged(format!("this device's cache: {what}")));
            }
            (Err(error), None) => return Err(error),
        };
        let asking = async move { session.get_chunk(bucket, id, None).await };
        Ok(Coming::Asked(self.vault.runtime()?.spawn(asking)))
    }

    /// One chunk with its hash checked, fetched if what lies in the cache is not it.
    pub fn chunk(&self, id: ChunkId) -> Result<ArrivedChunk> {
        let asked = self.ask(id)?;
        self.arrived(id, asked)
    }

    /// One chunk as the provider gives it, whatever lies here: for who looks at every copy. What is
    /// gone or bad there and whole here is put again. What was not sent yet is taken from here, and
    /// all of it while the provider does not answer.
    pub fn chunk_there(&self, id: ChunkId) -> Result<ArrivedChunk> {
        let waits = keys::pending_chunk(self.bucket.no(), id);
        let here_only = self.away.load(Ordering::Relaxed)
            || self.vault.replica.rows().get(&waits)?.is_some()
            || self.vault.remote_records()?.is_empty();
        if here_only {
            return self.chunk(id);
        }
        let session = match self.session() {
            Err(error) if error.kind() == ErrorKind::Unreachable => {
                self.away.store(true, Ordering::Relaxed);
                return self.chunk(id);
            }
            session => session?,
        };
        let bucket = self.bucket.record.id;
        let fetched = self.vault.runtime()?.block_on(session.get_chunk(bucket, id, None));
        let there = fetched.map_err(|e| unserved(id, e)).and_then(|bytes| {
            ArrivedChunk::check(id, bytes.into()).map_err(|e| Error::damaged(e.to_string()))
        });
        let error = match there {
            Err(error) if error.kind() == ErrorKind::Damaged => error,
            other => return other,
        };
        let Some(bytes) = self.vault.whole_in_cache(id)? else { return Err(error) };
        self.vault.runtime()?.block_on(session.put_chunk(bucket, id, bytes.clone()))?;
        self.mended.fetch_add(1, Ordering::Relaxed);
        ArrivedChunk::check(id, bytes.into()).map_err(|e| Error::damaged(e.to_string()))
    }

    /// How many chunks were put again because the provider's were bad.
    pub fn mended(&self) -> u64 {
        self.mended.load(Ordering::Relaxed)
    }

    fn arrived(&self, id: ChunkId, coming: Coming) -> Result<ArrivedChunk> {
        let bytes = match coming {
            Coming::Here(bytes) => {
                if let Ok(chunk) = ArrivedChunk::check(id, bytes) {
                    return Ok(chunk);
                }
                // The cache's copy is damaged: a provider's is as good.
                self.vault.cache.delete(&[BlobId(id.0)])?;
                let bucket = self.bucket.record.id;
                let session = self.session()?;
                let fetching = session.get_chunk(bucket, id, None);
                self.vault.runtime()?.block_on(fetching).map_err(|e| unserved(id, e))?
            }
            Coming::Asked(task) => self
                .vault
                .runtime()?
                .block_on(task)
                .map_err(|_| Error::new(ErrorKind::Other, "a download ended unexpectedly"))?
                .map_err(|e| unserved(id, e))?,
        };
        ArrivedChunk::check(id, bytes.into()).map_err(|e| Error::damaged(e.to_string()))
    }

    /// Whose chunks these are.
    pub const fn bucket(&self) -> &Bucket {
        self.bucket
    }

    /// Notes what was asked of the provider, for `privacy`.
    pub fn end(self) -> Result<()> {
        let session = self.session.into_inner().unwrap_or_else(PoisonError::into_inner);
        session.map_or(Ok(()), |session| self.vault.note_traffic(self.bucket, &session))
    }

    fn session(&self) -> Result<Session> {
        let mut held = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = &*held {
            return Ok(session.clone());
        }
        let record = self.vault.remote_records()?.into_iter().next().ok_or_else(|| {
            Error::damaged("a chunk is missing here, and the vault has no provider")
        })?;
        let remote = self.vault.remote(&record)?;
        let session = self.vault.bucket_session(&remote, self.bucket)?;
        *held = Some(session.clone());
        Ok(session)
    }
}

/// A part of a content that the provider had and does not give: damaged there, lost or withheld.
fn unserved(id: ChunkId, error: RemoteError) -> Error {
    match error.problem() {
        Some(Problem::NotFound) => {
            Error::damaged(format!("the provider no longer has {id}, a part of it"))
        }
        Some(Problem::Damaged) => RemoteError::Damaged(id).into(),
        _ => error.into(),
    }
}

fn damaged(error: impl std::fmt::Display) -> Error {
    Error::damaged(error)
}
