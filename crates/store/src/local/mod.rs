//! The provider's engine: rows and blobs in one directory, many requests to one fsync.
//!
//! Takes batches and blobs from any thread, gives durable answers. Rows are durable in a
//! journal, blobs in segments, both logs of the same frames; a sorted index finds them and is
//! brought up to the logs' ends on opening.
//!
//! Must not know: what a byte means, who asks.
//! Bytes: docs/spec/store-on-disk.md. Reasons and numbers: docs/design/store.md.

mod check;
mod committer;
pub(crate) mod frame;
mod home;
mod index;
pub(crate) mod journal;
mod keeper;
mod log;
mod queue;
mod recover;
mod vouch;

use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::blobs::{check_blob_limits, clamp};
use crate::limits::KEY_BYTES_MAX;
use crate::{
    Batch, BlobId, BlobRead, Blobs, CommitDone, CommitError, PutDone, Rows, Scan, StoreError,
};
use committer::Committer;
use frame::{HEADER, payload_check};
use home::Home;
use index::Index;
use keeper::Keeper;
use log::{Files, Place};
use recover::Mode;

const JOURNAL_KEY: &str = "strongroom store 0 journal";
/// Bytes of a blob that is read without waiting; copying more takes too long where nobody may wait.
const READY_BYTES_MAX: u64 = 64 << 10;
const SEGMENT_KEY: &str = "strongroom store 0 segments";

/// [`Rows`] and [`Blobs`] in one directory, for one process.
///
/// ```
/// use strongroom_store::{Batch, Local, Rows};
/// let home = tempfile::tempdir().unwrap();
/// let store = Local::open(home.path()).unwrap();
/// let mut batch = Batch::new();
/// batch.put(b"k", b"v");
/// store.commit(batch).unwrap();
/// drop(store);
/// let store = Local::open(home.path()).unwrap();
/// assert_eq!(Rows::get(&store, b"k").unwrap().as_deref(), Some(&b"v"[..]));
/// ```
pub struct Local {
    index: Arc<Index>,
    segments: Arc<Files>,
    commits: Arc<committer::Jobs>,
    puts: Arc<keeper::Jobs>,
    threads: Vec<JoinHandle<()>>,
    home: Arc<Home>,
}

/// What [`Local::collect`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Collected {
    /// Blobs looked at.
    pub seen: u64,
    /// Blobs nobody refers to that are still in their grace period.
    pub young: u64,
    /// Blobs removed.
    pub removed: u64,
    /// Bytes of the blobs removed.
    pub removed_bytes: u64,
}

impl Local {
    /// Opens the store in `dir`, or makes one if the directory is absent or empty.
    ///
    /// Fails with [`StoreError::Busy`] if another process has it, with [`StoreError::Corrupt`]
    /// if something that was durable is damaged: then see [`Local::repair`].
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let home = Home::open(dir)?;
        let index = Index::open(&dir.join("index"))?;
        Self::start(home, index, &mut Mode::Strict)
    }

    fn start(home: Home, index: Index, mode: &mut Mode<'_>) -> Result<Self, StoreError> {
        let (home, index) = (Arc::new(home), Arc::new(index));
        let files = |prefix, purpose| {
            Arc::new(Files::new(home.dir().to_owned(), prefix, home.check_key(purpose)))
        };
        let journal = files("journal-", JOURNAL_KEY);
        let segments = files("segment-", SEGMENT_KEY);
        let blobs = recover::segments(&home, &segments, &index, mode)?;
        let (rows, older) = recover::journal(&home, &journal, &index, mode)?;
        let sealed = index.state().sealed;
        let committer = Committer {
            home: Arc::clone(&home),
            files: journal,
            log: rows,
            index: Arc::clone(&index),
            older,
            sealed,
            payload: Vec::new(),
        };
        let keeper = Keeper {
            home: Arc::clone(&home),
            files: Arc::clone(&segments),
            log: blobs,
            index: Arc::clone(&index),
        };
        let (commits, puts) = (Arc::new(committer::queue()), Arc::new(keeper::queue()));
        let (jobs, blob_jobs, worker) =
            (Arc::clone(&commits), Arc::clone(&puts), Arc::clone(&index));
        let threads = vec![
            spawn("store-rows", move || committer.run(&jobs))?,
            spawn("store-blobs", move || keeper.run(&blob_jobs))?,
            spawn("store-index", move || worker.run_worker())?,
        ];
        Ok(Self { index, segments, commits, puts, threads, home })
    }

    /// Removes blobs that `is_live` does not know and that were put or touched longer than
    /// `grace` ago. The grace period must be longer than the time between the upload of a chunk
    /// and the commit of the row that refers to it.
    pub fn collect(
        &self,
        grace: Duration,
        is_live: &mut dyn FnMut(&BlobId) -> Result<bool, StoreError>,
    ) -> Result<Collected, StoreError> {
        const PAGE: usize = 1_024;
        let before = log::now().saturating_sub(grace.as_secs());
        let (mut collected, mut after) = (Collected::default(), None);
        loop {
            let ids = self.list(after, PAGE)?;
            let Some(last) = ids.last() else { return Ok(collected) };
            after = Some(*last);
            let mut dead = Vec::new();
            for id in &ids {
                collected.seen += 1;
                if let Some(entry) = self.index.blob(id)?
                    && !is_live(id)?
                {
                    dead.push((*id, entry));
                }
            }
            // Whether it is old enough is decided where puts and touches are, not here: one
            // that came a moment ago must win.
            let removed = self.remove(dead.iter().map(|(id, _)| *id).collect(), Some(before))?;
            for ((_, entry), removed) in dead.iter().zip(removed) {
                if removed {
                    collected.removed += 1;
                    collected.removed_bytes += u64::from(entry.len);
                } else {
                    collected.young += 1;
                }
            }
        }
    }

    /// Bytes of blobs and of the index that are on the disk now, without the journal.
    pub fn disk_bytes(&self) -> u64 {
        let blobs: u64 = self.index.state().live.values().map(|live| live.bytes).sum();
        blobs + self.index.disk_bytes()
    }

    fn remove(&self, ids: Vec<BlobId>, before: Option<u64>) -> Result<Vec<bool>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.ask(ids.len(), |answer| keeper::Job::Delete(ids, before, answer))
    }

    fn ask(
        &self,
        ids: usize,
        job: impl FnOnce(keeper::Answer) -> keeper::Job,
    ) -> Result<Vec<bool>, StoreError> {
        let (tell, told) = mpsc::sync_channel(1);
        let job = job(Box::new(move |answer| drop(tell.send(answer))));
        let _ = self.puts.push(job, ids * 32);
        told.recv().unwrap_or(Err(StoreError::Closed))
    }

    /// Reads a part of a payload at a place, after its header was found to be this blob's.
    fn read(
        &self,
        id: &BlobId,
        entry: index::Entry,
        range: &Range<u64>,
    ) -> Result<Vec<u8>, StoreError> {
        let damaged = || self.damaged(id, entry.place);
        let header = self.segments.header(entry.place)?.ok_or_else(damaged)?;
        if header.id != *id || header.len != entry.len {
            return Err(damaged());
        }
        let (start, len) = clamp(range, u64::from(entry.len));
        let mut bytes = vec![0; len as usize];
        let file = self.segments.file(entry.place.file)?;
        let from = entry.place.offset + HEADER as u64 + start;
        std::os::unix::fs::FileExt::read_exact_at(&*file, &mut bytes, from).map_err(|error| {
            match error.kind() {
                std::io::ErrorKind::UnexpectedEof => damaged(),
                _ => StoreError::from_io("read a blob", &error),
            }
        })?;
        let whole = len == u64::from(entry.len);
        if whole && payload_check(&self.segments.key, &bytes) != header.payload_check {
            return Err(damaged());
        }
        Ok(bytes)
    }

    /// A whole payload with its header in one read, if the system has it in memory. `None` for
    /// everything else: what is not right here is looked at again by [`Local::read`].
    fn read_ready(&self, id: &BlobId, entry: index::Entry) -> Option<Vec<u8>> {
        let file = self.segments.file(entry.place.file).ok()?;
        let mut bytes = vec![0; HEADER + entry.len as usize];
        let mut into = [std::io::IoSliceMut::new(&mut bytes)];
        let now = rustix::io::ReadWriteFlags::NOWAIT;
        let read = rustix::io::preadv2(&*file, &mut into, entry.place.offset, now).ok()?;
        if read != bytes.len() {
            return None;
        }
        let (head, payload) = bytes.split_at(HEADER);
        let (file, offset) = (entry.place.file, entry.place.offset);
        let header = frame::Header::decode(head, &self.segments.key, file, offset)?;
        let good = header.id == *id
            && header.len == entry.len
            && payload_check(&self.segments.key, payload) == header.payload_check;
        bytes.drain(..HEADER);
        good.then_some(bytes)
    }

    fn damaged(&self, id: &BlobId, place: Place) -> StoreError {
        StoreError::corrupt(format!("blob {id} in {}", self.segments.name(place)))
    }
}

impl Rows for Local {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if key.len() > KEY_BYTES_MAX { Ok(None) } else { self.index.get(key) }
    }

    fn scan(
        &self,
        scan: &Scan,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        if scan.is_empty() {
            return Ok(());
        }
        let mut rows = self.index.scan(&scan.from, scan.to.as_deref());
        while let Some((key, value)) = rows.next(scan.reverse)? {
            if visit(key.get(1..).unwrap_or_default(), &value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn submit(&self, batch: Batch, done: CommitDone) {
        if let Err(error) = batch.check_limits() {
            return done(Err(CommitError::Store(error)));
        }
        let bytes = batch.byte_len();
        if let Err(job) = self.commits.push(committer::Job { batch, done }, bytes) {
            (job.done)(Err(CommitError::Store(StoreError::Closed)));
        }
    }
}

impl Blobs for Local {
    fn submit_put(&self, blobs: Vec<(BlobId, Vec<u8>)>, done: PutDone) {
        if let Err(error) = check_blob_limits(&blobs) {
            return done(Err(error));
        }
        let bytes = blobs.iter().map(|(_, bytes)| bytes.len()).sum();
        // Hashed here, on the caller's thread, while the bytes are in its cache.
        let check = |(id, bytes): (BlobId, Vec<u8>)| {
            let check = payload_check(&self.segments.key, &bytes);
            (id, bytes, check)
        };
        let job = keeper::Job::Put(blobs.into_iter().map(check).collect(), done);
        if let Err(keeper::Job::Put(_, done)) = self.puts.push(job, bytes) {
            done(Err(StoreError::Closed));
        }
    }

    fn get(&self, id: &BlobId, range: Range<u64>) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(entry) = self.index.blob(id)? else { return Ok(None) };
        let read = self.read(id, entry, &range);
        // A deletion may have punched the bytes out while they were read. It changed the index
        // first, so if the entry is still there, so were the bytes.
        match self.index.blob(id)? {
            Some(now) if now.place == entry.place => read.map(Some),
            Some(now) => self.read(id, now, &range).map(Some),
            None => Ok(None),
        }
    }

    fn get_ready(&self, id: &BlobId, range: Range<u64>) -> Option<BlobRead> {
        let entry = match self.index.blob(id) {
            Ok(Some(entry)) => entry,
            Ok(None) => return Some(Ok(None)),
            Err(error) => return Some(Err(error)),
        };
        let (start, len) = clamp(&range, u64::from(entry.len));
        if len != u64::from(entry.len) || len > READY_BYTES_MAX {
            return None;
        }
        debug_assert_eq!(start, 0);
        self.read_ready(id, entry).map(|bytes| Ok(Some(bytes)))
    }

    fn len(&self, id: &BlobId) -> Result<Option<u64>, StoreError> {
        Ok(self.index.blob(id)?.map(|entry| u64::from(entry.len)))
    }

    fn delete(&self, ids: &[BlobId]) -> Result<(), StoreError> {
        self.remove(ids.to_vec(), None).map(drop)
    }

    fn list(&self, after: Option<BlobId>, limit: usize) -> Result<Vec<BlobId>, StoreError> {
        let mut rows = self.index.blobs(after.as_ref().map_or(&[], |id| &id.0[..]));
        let mut ids = Vec::new();
        while ids.len() < limit
            && let Some((key, _)) = rows.next(false)?
        {
            let id = key.get(1..).and_then(|id| id.try_into().ok()).map(BlobId);
            let id = id.ok_or_else(|| StoreError::corrupt("a blob's row in the index"))?;
            if Some(id) != after {
                ids.push(id);
            }
        }
        Ok(ids)
    }

    fn touch(&self, ids: &[BlobId]) -> Result<Vec<bool>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.ask(ids.len(), |answer| keeper::Job::Touch(ids.to_vec(), answer))
    }
}

impl Drop for Local {
    /// Finishes what was submitted, then closes.
    fn drop(&mut self) {
        self.commits.close();
        self.puts.close();
        let mut threads = std::mem::take(&mut self.threads).into_iter();
        // The index's worker last: the other two may wait for it.
        for writer in threads.by_ref().take(2) {
            let _ = writer.join();
        }
        self.index.stop();
        for worker in threads {
            let _ = worker.join();
        }
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(run);
    spawned.map_err(|e| StoreError::from_io("start a thread", &e))
}
