//! Getting documents back. Comes in: a place. Goes out: files, or a stream. Must not know:
//! terminals.
//!
//! Nothing unverified reaches a file: a chunk is hashed, opened and its padding checked before its
//! first byte is written. A file appears under its name only when it is whole.

mod fetch;
mod write;
mod writers;

use std::io::Write;
use std::path::{Path, PathBuf};

use strongroom_core::document::{DocumentType, Metadata, VersionBody};
use strongroom_seal::manifest::Manifest;
use strongroom_wire::ids::DocumentTag;

use crate::error::{Error, ErrorKind, Result};
use crate::place::Place;
use crate::progress::{Progress, Stage};
use crate::replica::keys::LocalNo;
use crate::report::{GetReport, Refused};
use crate::vault::{Bucket, Vault};
pub(crate) use fetch::Fetcher;
use writers::{Job, Writers, Writing};

/// How to get.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GetOptions {
    /// Whether files that are there and differ are replaced.
    pub overwrite: bool,
    /// A version instead of the current one, by id or the start of it; for one document.
    pub version: Option<String>,
}

/// A directory whose mode and times are set when everything in it is written.
struct Finish {
    path: PathBuf,
    body: Metadata,
}

struct Get<'a> {
    writing: Writing<'a>,
    report: GetReport,
    finish: Vec<Finish>,
}

impl Vault {
    /// Writes a document, or a directory with all that is in it, to `to`. A directory's content
    /// goes into `to`, which is made; a file becomes `to`.
    pub fn get(
        &self,
        from: &Place,
        to: &Path,
        options: &GetOptions,
        progress: &dyn Progress,
    ) -> Result<GetReport> {
        let bucket = self.bucket(from.bucket.as_deref())?;
        progress.begin(Stage::Write, None, None);
        let fetcher = Fetcher::new(self, &bucket);
        let writing =
            Writing { vault: self, bucket: &bucket, fetcher: &fetcher, options, progress };
        let mut get = Get { writing, report: GetReport::default(), finish: Vec::new() };
        if from.names.is_empty() {
            get.directory(DocumentTag::ZERO, None, to)?;
        } else if let Some(version) = &options.version {
            let tag = self.tag_now_or_once(&bucket, from)?;
            let no = self.version_by_name(&bucket, tag, version)?;
            get.one(no, to)?;
        } else {
            let shown =
                self.find_names(&bucket, &from.names)?.ok_or_else(|| Error::not_found(from))?;
            if shown.kind() == DocumentType::Directory {
                get.directory(shown.row.tag, shown.head().facts.clone(), to)?;
            } else {
                get.one(shown.head().no, to)?;
            }
        }
        get.finish_directories();
        get.report.refused.sort_by(|a, b| a.path.cmp(&b.path));
        let report = get.report;
        fetcher.end()?;
        Ok(report)
    }

    /// Writes a document's content to a stream. Gives how many bytes.
    pub fn cat(
        &self,
        from: &Place,
        version: Option<&str>,
        out: &mut dyn Write,
        progress: &dyn Progress,
    ) -> Result<u64> {
        let bucket = self.bucket(from.bucket.as_deref())?;
        let no = match version {
            Some(version) => {
                let tag = self.tag_now_or_once(&bucket, from)?;
                self.version_by_name(&bucket, tag, version)?
            }
            None => self.need_place(from)?.1.head().no,
        };
        let body = self.opened(&bucket, no)?;
        if body.metadata.kind == DocumentType::Directory {
            return Err(Error::new(ErrorKind::Usage, format!("{from} is a directory"))
                .with_hint("`strongroom get` writes it with all that is in it"));
        }
        let fetcher = Fetcher::new(self, &bucket);
        let written = fetcher.write_content(&body, out, progress);
        written.map_err(|error| naming(error, &body))?;
        fetcher.end()?;
        Ok(body.metadata.size)
    }

    /// A version, opened.
    pub(crate) fn opened(&self, bucket: &Bucket, no: u64) -> Result<VersionBody> {
        let entry = self.replica.entry(bucket.no(), no)?;
        Ok(bucket.keyring.open_version(&entry)?)
    }
}

/// Damage is damage of something: a person who asked for one document is told which.
fn naming(error: Error, body: &VersionBody) -> Error {
    if error.kind() == ErrorKind::Damaged { error.about(&body.metadata.name) } else { error }
}

impl Get<'_> {
    fn one(&mut self, no: LocalNo, to: &Path) -> Result<()> {
        let body = self.writing.vault.opened(self.writing.bucket, no)?;
        if body.metadata.kind == DocumentType::File
            && write::is_there(to, &body.metadata, self.writing.options.overwrite)?
        {
            self.report.unchanged += 1;
            return Ok(());
        }
        let written = self.writing.version(&body, to, &mut self.report);
        written.map_err(|error| naming(error, &body))
    }

    fn directory(&mut self, tag: DocumentTag, facts: Option<Metadata>, to: &Path) -> Result<()> {
        let is_fresh = self.make_directory(to, facts)?;
        let writing = self.writing;
        std::thread::scope(|scope| {
            let mut writers = Writers::start(scope, writing);
            let walked = self.tree(tag, to, is_fresh, &mut writers);
            // Why the threads ended explains why nobody took what was found.
            writers.finish(&mut self.report).and(walked)
        })
    }

    /// True: it was not there.
    fn make_directory(&mut self, path: &Path, facts: Option<Metadata>) -> Result<bool> {
        let made = write::directory(path)
            .map_err(|error| Error::io(format!("cannot make {}", path.display()), &error))?;
        self.report.written += u64::from(made);
        self.report.unchanged += u64::from(!made);
        self.finish.extend(facts.map(|body| Finish { path: path.to_owned(), body }));
        Ok(made)
    }

    /// Makes the directories in a directory and hands on what is in them. Names were checked when
    /// they were decoded, and no part of a path is followed if it is a link: everything stays
    /// inside the destination (attack A44).
    fn tree(
        &mut self,
        dir: DocumentTag,
        to: &Path,
        is_fresh: bool,
        writers: &mut Writers<'_>,
    ) -> Result<()> {
        let Writing { vault, bucket, progress, .. } = self.writing;
        let mut stack = vec![(dir, to.to_owned(), is_fresh)];
        while let Some((dir, to, is_fresh)) = stack.pop() {
            for shown in vault.replica.directory(bucket.no(), dir)? {
                if progress.cancelled() {
                    return Err(Error::cancelled());
                }
                let Some(path) = write::child(&to, &shown.name) else {
                    self.refuse(&to.join("?"), "its name cannot be that of a file here");
                    continue;
                };
                progress.advance(1, 0);
                let (tag, head) = (shown.row.tag, shown.row.head);
                if head.facts.as_ref().is_some_and(|one| one.kind == DocumentType::Directory) {
                    match self.make_directory(&path, head.facts) {
                        Ok(is_fresh) => stack.push((tag, path, is_fresh)),
                        Err(error) => self.refuse(&path, &error.to_string()),
                    }
                } else if !writers.add(Job { head, path, is_fresh }) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Deepest first, so that writing into a directory does not change its time again.
    fn finish_directories(&mut self) {
        for finish in self.finish.drain(..).rev() {
            if let Err(error) = write::finish_directory(&finish.path, &finish.body) {
                self.report.refused.push(Refused {
                    path: finish.path.to_string_lossy().into_owned(),
                    reason: error.to_string(),
                });
            }
        }
    }

    fn refuse(&mut self, path: &Path, reason: &str) {
        self.report
            .refused
            .push(Refused { path: path.to_string_lossy().into_owned(), reason: reason.to_owned() });
    }
}

/// The manifest of a content that is in chunks.
fn manifest(bytes: &[u8]) -> Result<Manifest> {
    Manifest::decode(bytes).map_err(|e| Error::damaged(format!("a manifest: {e}")))
}
