//! Putting files and trees. Comes in: sources and a destination. Goes out: documents, durable here
//! and, if a provider answers, there. Must not know: terminals.
//!
//! Three rooms work at the same time: one reads and compares, one seals and commits locally, one
//! sends. A batch is committed only after its chunks are durable.

pub mod chunks;
pub mod content;
mod describe;
pub mod journal;
pub mod source;
mod walk;

use std::io::Read;
use std::path::PathBuf;
use std::sync::mpsc;

use strongroom_wire::ids::DocumentTag;

use crate::error::{Error, ErrorKind, Result};
use crate::place::Place;
use crate::progress::{Progress, Quiet, Stage};
use crate::remote::Session;
use crate::replica::rows::Stamp;
use crate::report::{PutReport, VersionInfo};
use crate::vault::{Bucket, Change, Vault};
use chunks::ChunkSink;
pub(crate) use content::Stored;
pub(crate) use describe::base_name;
use walk::Put;

/// Batches that wait between two rooms.
const BATCHES_WAITING: usize = 1;

/// Something to be put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file, link or directory.
    Path(PathBuf),
    /// Standard input, or what stands for it.
    Stdin,
}

/// How to put.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PutOptions {
    /// Most bytes of chunks kept on this device; stays for later commands.
    pub cache_size: Option<u64>,
    /// Names that are left out.
    pub exclude: Vec<String>,
    /// Files that did not change get a new version, too, with new chunks: the way back when what a
    /// provider holds of them is damaged or lost.
    pub again: bool,
}

/// What the reading room hands on.
#[derive(Default)]
struct Batch {
    changes: Vec<Change>,
    restamps: Vec<(DocumentTag, Stamp)>,
    len: usize,
    with_chunks: bool,
}

impl Vault {
    /// Puts sources. With several, or a destination that ends in a slash, they go into the
    /// destination; one source becomes the destination.
    pub fn put(
        &self,
        sources: &[Source],
        dest: &Place,
        options: &PutOptions,
        progress: &dyn Progress,
    ) -> Result<PutReport> {
        if let Some(limit) = options.cache_size {
            self.set_cache_limit(limit)?;
        }
        let mut stdin = std::io::stdin();
        self.put_from(sources, dest, options, &mut stdin, progress)
    }

    fn put_from(
        &self,
        sources: &[Source],
        dest: &Place,
        options: &PutOptions,
        stdin: &mut dyn Read,
        progress: &dyn Progress,
    ) -> Result<PutReport> {
        let bucket = self.bucket(dest.bucket.as_deref())?;
        bucket.writable()?;
        let session = self.write_session(&bucket)?;
        let remote = session.as_ref().map(|session| session.remote().clone());
        let before = remote.as_ref().map(crate::remote::Remote::traffic);
        let mut report =
            self.run_put(&bucket, session.as_ref(), sources, dest, options, stdin, progress)?;
        if let (Some(remote), Some(before)) = (remote, before) {
            report.sent_bytes = remote.traffic().bytes_sent - before.bytes_sent;
        }
        self.trim_cache()?;
        Ok(report)
    }

    /// A session to write to this bucket's provider; `None` when it does not answer.
    fn write_session(&self, bucket: &Bucket) -> Result<Option<Session>> {
        let Some(record) = self.remote_records()?.into_iter().next() else { return Ok(None) };
        let opened = self.remote(&record).and_then(|remote| {
            self.open_at(bucket, &record)?;
            self.bucket_session(&remote, bucket)
        });
        match opened {
            Ok(session) => Ok(Some(session)),
            Err(error) if error.kind() == ErrorKind::Unreachable => Ok(None),
            Err(error) => Err(error),
        }
    }

    #[allow(clippy::too_many_arguments)] // one call, split off for its scope
    fn run_put(
        &self,
        bucket: &Bucket,
        session: Option<&Session>,
        sources: &[Source],
        dest: &Place,
        options: &PutOptions,
        stdin: &mut dyn Read,
        progress: &dyn Progress,
    ) -> Result<PutReport> {
        let (out, batches) = mpsc::sync_channel::<Batch>(BATCHES_WAITING);
        let (committed, to_send) = mpsc::channel::<()>();
        progress.begin(Stage::Store, None, None);
        std::thread::scope(|scope| {
            let committing = scope.spawn(move || self.commit_batches(bucket, batches, &committed));
            let sending = scope.spawn(|| self.send_committed(bucket, session.cloned(), to_send));
            let sink = ChunkSink::new(self, bucket, session.cloned())?;
            let mut put = Put::new(self, bucket, sink, out, options, progress);
            let read = put.all(sources, dest, stdin);
            let (report, journals) = put.end();
            let committed = join(committing);
            let sent = join(sending);
            // The first thing that went wrong explains the others.
            committed?;
            read.map_err(|error| match error.kind() {
                ErrorKind::Unreachable => {
                    error.with_hint("the same `strongroom put` goes on where this one stopped")
                }
                _ => error,
            })?;
            for journal in journals {
                journal.close()?;
            }
            Ok(PutReport { durable_remotely: sent?, ..report })
        })
    }

    fn commit_batches(
        &self,
        bucket: &Bucket,
        batches: mpsc::Receiver<Batch>,
        committed: &mpsc::Sender<()>,
    ) -> Result<()> {
        for batch in batches {
            self.write(bucket, batch.changes)?;
            if !batch.restamps.is_empty() {
                self.restamp(bucket, &batch.restamps)?;
            }
            // The sending room may have ended; what is committed stays in the outbox.
            let _ = committed.send(());
        }
        Ok(())
    }

    /// Sends what is committed, as it comes; true when a provider has everything.
    #[expect(clippy::needless_pass_by_value, reason = "only an owned receiver may change threads")]
    fn send_committed(
        &self,
        bucket: &Bucket,
        session: Option<Session>,
        to_send: mpsc::Receiver<()>,
    ) -> Result<bool> {
        let Some(session) = session else { return Ok(false) };
        let Some(record) = self.remote_records()?.into_iter().next() else { return Ok(false) };
        let mut bucket = Bucket::open(bucket.record.clone(), self)?;
        let mut last = Ok(false);
        let mut first = true;
        while to_send.recv().is_ok() || std::mem::take(&mut first) {
            while to_send.try_recv().is_ok() {}
            first = false;
            let chunks = self.send_pending_chunks(&bucket, &session, &Quiet);
            let sent = chunks.and_then(|_| self.exchange(&mut bucket, &record, &session, &Quiet));
            last = match sent {
                Ok(_) => Ok(true),
                Err(error) if error.kind() == ErrorKind::Unreachable => Ok(false),
                Err(error) => return Err(error),
            };
        }
        last
    }

    /// One stream as the content of one document: AddContent, UpdateContent and standard input.
    pub(crate) fn put_reader(&self, place: &Place, reader: &mut dyn Read) -> Result<VersionInfo> {
        self.put_from(&[Source::Stdin], place, &PutOptions::default(), reader, &Quiet)?;
        let (bucket, shown) = self.need_place(place)?;
        self.versions(&bucket, shown.row.tag)?
            .into_iter()
            .find(|one| one.version == shown.head().id.to_string())
            .ok_or_else(|| Error::not_found(place))
    }

    pub(crate) fn set_cache_limit(&self, limit: u64) -> Result<()> {
        let _lock = self.replica.lock("meta")?;
        let mut meta = self.replica.meta()?;
        meta.cache_limit = limit;
        let mut batch = strongroom_store::Batch::new();
        self.replica.put(&mut batch, crate::replica::keys::META.to_vec(), &meta)?;
        Ok(self.replica.rows().commit(batch)?)
    }
}

fn join<T>(thread: std::thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread
        .join()
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::Other, "a part of the put ended badly")))
}
