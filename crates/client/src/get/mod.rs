//! Getting documents back. Comes in: a place. Goes out: files, or a stream. Must not know:
//! terminals.
//!
//! Nothing unverified reaches a file: a chunk is hashed, opened and its padding checked before its
//! first byte is written. A file appears under its name only when it is whole.

mod fetch;
mod write;

use std::io::Write;
use std::path::{Path, PathBuf};

use strongroom_core::document::{Content, DocumentType, VersionBody};
use strongroom_seal::manifest::Manifest;

use crate::error::{Error, ErrorKind, Result};
use crate::place::Place;
use crate::progress::{Progress, Stage};
use crate::replica::lookup::Shown;
use crate::report::{GetReport, Refused};
use crate::vault::{Bucket, Vault};
pub(crate) use fetch::Fetcher;

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
    body: strongroom_core::document::Metadata,
}

struct Get<'v, 'p> {
    vault: &'v Vault,
    bucket: &'v Bucket,
    fetcher: Fetcher<'v>,
    options: &'p GetOptions,
    progress: &'p dyn Progress,
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
        let mut get = Get {
            vault: self,
            bucket: &bucket,
            fetcher: Fetcher::new(self, &bucket),
            options,
            progress,
            report: GetReport::default(),
            finish: Vec::new(),
        };
        if from.names.is_empty() {
            get.make_directory(to)?;
            get.tree(strongroom_wire::ids::DocumentTag::ZERO, to)?;
        } else if let Some(version) = &options.version {
            let tag = self.tag_now_or_once(&bucket, from)?;
            let no = self.version_by_name(&bucket, tag, version)?;
            let body = self.opened(&bucket, no)?;
            get.one(&body, to)?;
        } else {
            let shown =
                self.find_names(&bucket, &from.names)?.ok_or_else(|| Error::not_found(from))?;
            if shown.kind() == DocumentType::Directory {
                get.directory(&shown, to)?;
            } else {
                let body = self.opened(&bucket, shown.head().no)?;
                get.one(&body, to)?;
            }
        }
        get.finish_directories();
        Ok(get.report)
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
        let mut fetcher = Fetcher::new(self, &bucket);
        fetcher.write_content(&body, out, progress)?;
        Ok(body.metadata.size)
    }

    /// A version, opened.
    pub(crate) fn opened(&self, bucket: &Bucket, no: u64) -> Result<VersionBody> {
        let entry = self.replica.entry(bucket.no(), no)?;
        Ok(bucket.keyring.open_version(&entry)?)
    }
}

impl Get<'_, '_> {
    fn directory(&mut self, shown: &Shown, to: &Path) -> Result<()> {
        self.make_directory(to)?;
        if let Some(facts) = &shown.head().facts {
            self.finish.push(Finish { path: to.to_owned(), body: facts.clone() });
        }
        self.tree(shown.row.tag, to)
    }

    fn make_directory(&mut self, path: &Path) -> Result<()> {
        match write::directory(path) {
            Ok(made) => {
                self.report.written += u64::from(made);
                self.report.unchanged += u64::from(!made);
                Ok(())
            }
            Err(error) => Err(Error::io(format!("cannot make {}", path.display()), &error)),
        }
    }

    /// Writes what is in a directory. Names were checked when they were decoded, and no part of a
    /// path is followed if it is a link: everything stays inside the destination (attack A44).
    fn tree(&mut self, dir: strongroom_wire::ids::DocumentTag, to: &Path) -> Result<()> {
        let mut stack = vec![(dir, to.to_owned())];
        while let Some((dir, to)) = stack.pop() {
            for shown in self.vault.replica.directory(self.bucket.no(), dir)? {
                if self.progress.cancelled() {
                    return Err(Error::cancelled());
                }
                let Some(path) = write::child(&to, &shown.name) else {
                    self.refuse(&to.join("?"), "its name cannot be that of a file here");
                    continue;
                };
                self.progress.advance(1, 0);
                if shown.kind() == DocumentType::Directory {
                    if let Err(error) = self.make_directory(&path) {
                        self.refuse(&path, &error.to_string());
                        continue;
                    }
                    if let Some(facts) = &shown.head().facts {
                        self.finish.push(Finish { path: path.clone(), body: facts.clone() });
                    }
                    stack.push((shown.row.tag, path));
                    continue;
                }
                if is_there(&shown, &path) {
                    self.report.unchanged += 1;
                    continue;
                }
                let done = self
                    .vault
                    .opened(self.bucket, shown.head().no)
                    .and_then(|body| self.write(&body, &path));
                match done {
                    Ok(()) => {}
                    Err(error) if is_fatal(&error) => return Err(error),
                    Err(error) => self.refuse(&path, &error.to_string()),
                }
            }
        }
        Ok(())
    }

    fn one(&mut self, body: &VersionBody, to: &Path) -> Result<()> {
        if body.metadata.kind == DocumentType::File && write::looks_like(to, &body.metadata) {
            self.report.unchanged += 1;
            return Ok(());
        }
        self.write(body, to)
    }

    /// Writes one document that is not there yet.
    fn write(&mut self, body: &VersionBody, to: &Path) -> Result<()> {
        let facts = &body.metadata;
        if facts.kind == DocumentType::Link {
            let Content::Inline(target) = &body.content else {
                return Err(Error::damaged("a link without a target"));
            };
            write::link(target, to, self.options.overwrite)?;
        } else {
            let mut file = write::Part::create(to, self.options.overwrite)?;
            self.fetcher.write_content(body, &mut file, self.progress)?;
            file.finish(facts)?;
        }
        self.report.written += 1;
        self.report.content_bytes += facts.size;
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

/// Whether the file that is there already is this version, by size and time.
fn is_there(shown: &Shown, path: &Path) -> bool {
    let Some(facts) = &shown.head().facts else { return false };
    facts.kind == DocumentType::File && write::looks_like(path, facts)
}

/// What would fail again for every other file.
fn is_fatal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Full | ErrorKind::Unreachable | ErrorKind::Cancelled)
}

/// The manifest of a content that is in chunks.
fn manifest(bytes: &[u8]) -> Result<Manifest> {
    Manifest::decode(bytes).map_err(|e| Error::damaged(format!("a manifest: {e}")))
}
