//! Writing many documents at once. Comes in: documents with their places. Goes out: files, and
//! what became of them. Must not know: how the places were found.
//!
//! A file costs the system more than it costs us: making it, naming it, setting its time. Several
//! threads wait for that together.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Scope, ScopedJoinHandle};

use strongroom_core::document::{Content, DocumentType, VersionBody};

use super::write;
use super::{Fetcher, GetOptions};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;
use crate::replica::rows::Head;
use crate::report::{GetReport, Refused};
use crate::vault::{Bucket, Vault};

/// Most threads that write. More wait for each other in the file system.
const WRITERS_MAX: usize = 4;
/// Documents handed over at a time.
const BLOCK: usize = 32;
/// Blocks that wait for a thread.
const BLOCKS_WAITING: usize = 8;

/// What all writers share.
#[derive(Clone, Copy)]
pub struct Writing<'a> {
    pub vault: &'a Vault,
    pub bucket: &'a Bucket,
    pub fetcher: &'a Fetcher<'a>,
    pub options: &'a GetOptions,
    pub progress: &'a dyn Progress,
}

/// One file or link to be written.
pub struct Job {
    /// The version.
    pub head: Head,
    /// Where to.
    pub path: PathBuf,
    /// Whether nothing can be there, because its directory was made just now.
    pub is_fresh: bool,
}

/// Threads that write, and the block that is being filled for them.
pub struct Writers<'scope> {
    threads: Vec<ScopedJoinHandle<'scope, Result<GetReport>>>,
    out: SyncSender<Vec<Job>>,
    block: Vec<Job>,
    stop: Arc<AtomicBool>,
}

impl<'scope> Writers<'scope> {
    /// Starts the threads.
    pub fn start<'env>(scope: &'scope Scope<'scope, 'env>, writing: Writing<'env>) -> Self {
        let (out, blocks) = sync_channel(BLOCKS_WAITING);
        let blocks = Arc::new(Mutex::new(blocks));
        let stop = Arc::new(AtomicBool::new(false));
        let count = std::thread::available_parallelism().map_or(1, usize::from).min(WRITERS_MAX);
        let start = |_| {
            let (blocks, stop) = (Arc::clone(&blocks), Arc::clone(&stop));
            scope.spawn(move || {
                let done = work(writing, &blocks, &stop);
                // What is wrong for one is wrong for all.
                stop.fetch_or(done.is_err(), Ordering::Relaxed);
                done
            })
        };
        let threads = (0..count).map(start).collect();
        Self { threads, out, block: Vec::new(), stop }
    }

    /// Hands one document over. False: it is no use to go on.
    pub fn add(&mut self, job: Job) -> bool {
        self.block.push(job);
        self.block.len() < BLOCK || self.hand_over()
    }

    fn hand_over(&mut self) -> bool {
        let block = std::mem::take(&mut self.block);
        // Nobody takes it: all have ended.
        !self.stop.load(Ordering::Relaxed) && self.out.send(block).is_ok()
    }

    /// Waits until all is written.
    pub fn finish(mut self, report: &mut GetReport) -> Result<()> {
        self.hand_over();
        drop(self.out);
        let mut result = Ok(());
        for thread in self.threads {
            let ended = thread.join().unwrap_or_else(|_| {
                Err(Error::new(ErrorKind::Other, "a thread that writes files ended badly"))
            });
            match ended {
                Ok(part) => add_up(report, part),
                // The first thing that went wrong explains the others.
                Err(error) => result = result.and(Err(error)),
            }
        }
        result
    }
}

fn add_up(report: &mut GetReport, part: GetReport) {
    report.written += part.written;
    report.unchanged += part.unchanged;
    report.content_bytes += part.content_bytes;
    report.refused.extend(part.refused);
}

fn work(
    writing: Writing<'_>,
    blocks: &Mutex<Receiver<Vec<Job>>>,
    stop: &AtomicBool,
) -> Result<GetReport> {
    let mut report = GetReport::default();
    loop {
        let next = blocks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(block) = next else { return Ok(report) };
        for job in block {
            if stop.load(Ordering::Relaxed) {
                return Ok(report);
            }
            if writing.progress.cancelled() {
                return Err(Error::cancelled());
            }
            match writing.job(&job, &mut report) {
                Ok(()) => {}
                Err(error) if is_fatal(&error) => return Err(error),
                Err(error) => report.refused.push(Refused {
                    path: job.path.to_string_lossy().into_owned(),
                    // Of a conflict the hint is the one thing to type; elsewhere it is general.
                    reason: match error.hint() {
                        Some(hint) if error.kind() == ErrorKind::Conflict => {
                            format!("{error}: {hint}")
                        }
                        _ => error.to_string(),
                    },
                }),
            }
        }
    }
}

impl Writing<'_> {
    fn job(&self, job: &Job, report: &mut GetReport) -> Result<()> {
        if let Some(facts) = &job.head.facts
            && !job.is_fresh
            && facts.kind == DocumentType::File
            && write::is_there(&job.path, facts, self.options.overwrite)?
        {
            report.unchanged += 1;
            return Ok(());
        }
        let body = self.vault.opened(self.bucket, job.head.no)?;
        self.version(&body, &job.path, report)
    }

    /// Writes one version that is not there yet.
    pub fn version(
        &self,
        body: &VersionBody,
        to: &std::path::Path,
        report: &mut GetReport,
    ) -> Result<()> {
        let facts = &body.metadata;
        if facts.kind == DocumentType::Link {
            let Content::Inline(target) = &body.content else {
                return Err(Error::damaged("a link without a target"));
            };
            if !write::link(target, to, facts, self.options.overwrite)? {
                report.unchanged += 1;
                return Ok(());
            }
        } else {
            let mut file = write::Part::create(to)?;
            self.fetcher.write_content(body, &mut file, self.progress)?;
            file.finish(facts, self.options.overwrite)?;
        }
        report.written += 1;
        report.content_bytes += facts.size;
        Ok(())
    }
}

/// What would fail again for every other file.
fn is_fatal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Full | ErrorKind::Unreachable | ErrorKind::Cancelled)
}
