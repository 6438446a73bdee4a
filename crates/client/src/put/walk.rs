//! The reading room. Comes in: sources. Goes out: batches of what has changed against the replica.
//! Must not know: how a batch is sealed, committed and sent.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use strongroom_core::document::{Content, DocumentType, Metadata, Timestamp, VersionBody};
use strongroom_seal::rng::Rng;
use strongroom_wire::clear::References;
use strongroom_wire::ids::DocumentTag;
use strongroom_wire::limits::PATH_DEPTH_MAX;

use super::chunks::ChunkSink;
use super::content::{self, INLINE_MAX, Stored};
use super::describe::{base_name, directory_metadata, file_metadata, refuse_equal_names};
use super::journal::{self, JOURNAL_FROM, Journal};
use super::source::{self, Found, Look, SourceKind};
use super::{Batch, PutOptions, Source};
use crate::error::{Error, ErrorKind, Result};
use crate::glob::Pattern;
use crate::place::Place;
use crate::progress::Progress;
use crate::random::SystemRng;
use crate::replica::lookup::Shown;
use crate::replica::rows::{DocumentRow, Stamp};
use crate::report::{PutReport, Refused};
use crate::vault::{Bucket, Change, Vault};

/// Entries in one local commit.
const BATCH_ENTRIES: usize = 2_048;
/// Content bytes in one local commit.
const BATCH_LEN: usize = 8 * 1_048_576;
/// Tries to read a small file that changes while it is read.
const READ_TRIES: usize = 3;

/// A directory of sources that still has to be read.
struct Pending {
    path: PathBuf,
    tag: DocumentTag,
    /// Nothing is in it yet, so nothing need be compared.
    is_new: bool,
    depth: usize,
}

/// The document a source becomes.
struct Target {
    tag: DocumentTag,
    row: Option<DocumentRow>,
    known: bool,
}

/// Reads sources and compares.
pub struct Put<'v, 'p> {
    vault: &'v Vault,
    bucket: &'v Bucket,
    sink: ChunkSink<'v>,
    out: mpsc::SyncSender<Batch>,
    batch: Batch,
    report: PutReport,
    exclude: Vec<Pattern>,
    again: bool,
    progress: &'p dyn Progress,
    journals: Vec<Journal<'v>>,
    /// What lies under the natural tags of names that are new in the directory being read.
    natural: HashMap<DocumentTag, Option<DocumentRow>>,
}

impl<'v, 'p> Put<'v, 'p> {
    pub fn new(
        vault: &'v Vault,
        bucket: &'v Bucket,
        sink: ChunkSink<'v>,
        out: mpsc::SyncSender<Batch>,
        options: &PutOptions,
        progress: &'p dyn Progress,
    ) -> Self {
        Self {
            vault,
            bucket,
            sink,
            out,
            batch: Batch::default(),
            report: PutReport::default(),
            exclude: options.exclude.iter().map(|text| Pattern::new(text)).collect(),
            again: options.again,
            progress,
            journals: Vec::new(),
            natural: HashMap::new(),
        }
    }

    /// What was found, and the journals of what has to be committed first. Nothing more is read.
    pub fn end(self) -> (PutReport, Vec<Journal<'v>>) {
        (self.report, self.journals)
    }

    /// Reads all sources and hands on what has changed.
    pub fn all(&mut self, sources: &[Source], dest: &Place, stdin: &mut dyn Read) -> Result<()> {
        let into = dest.into || sources.len() > 1;
        refuse_equal_names(sources)?;
        for source in sources {
            match source {
                Source::Stdin => self.stdin(dest, into, stdin)?,
                Source::Path(path) => self.path(path, dest, into)?,
            }
        }
        self.hand_on()
    }

    fn stdin(&mut self, dest: &Place, into: bool, stdin: &mut dyn Read) -> Result<()> {
        let Some((name, above)) = dest.names.split_last().filter(|_| !into) else {
            return Err(Error::new(ErrorKind::Usage, "standard input needs a name")
                .with_hint("for instance `strongroom put - /notes.txt`"));
        };
        let (dir, is_new) = self.directories(above)?;
        let there = self.there(dir, is_new, name)?;
        let now = self.vault.clock.now_millis();
        let modified = Timestamp {
            secs: (now / 1_000).cast_signed(),
            nanos: (now % 1_000) as u32 * 1_000_000,
        };
        let mut head = Vec::new();
        stdin
            .take(INLINE_MAX + 1)
            .read_to_end(&mut head)
            .map_err(|e| Error::io("cannot read standard input", &e))?;
        let stored = if head.len() as u64 <= INLINE_MAX {
            content::inline(head)
        } else {
            let mut whole = head.as_slice().chain(stdin);
            content::stream(self.vault, &mut self.sink, &mut whole, self.progress)?
        };
        self.report.seen += 1;
        let metadata = file_metadata(dir, name, stored.size, modified, None, stored.digest);
        self.add_version(there.as_ref(), dir, name, metadata, stored, None)
    }

    fn path(&mut self, path: &Path, dest: &Place, into: bool) -> Result<()> {
        let doing = || format!("cannot read {}", path.display());
        let look = Look::at(path).map_err(|e| Error::io(doing(), &e))?.ok_or_else(|| {
            Error::new(
                ErrorKind::Usage,
                format!("{} is neither file, link nor directory", path.display()),
            )
        })?;
        let mut names = dest.names.clone();
        if into || (dest.names.is_empty() && look.kind != SourceKind::Directory) {
            names.push(base_name(path)?);
        }
        let Some((name, above)) = names.split_last() else {
            // A directory that becomes the root: what is in it goes there.
            let root =
                Pending { path: path.to_owned(), tag: DocumentTag::ZERO, is_new: false, depth: 0 };
            return self.tree(root);
        };
        let (dir, is_new) = self.directories(above)?;
        let there = self.there(dir, is_new, name)?;
        let found = Found { name: name.clone(), path: path.to_owned(), look };
        match self.one(dir, &found, there.as_ref(), above.len())? {
            Some(pending) => self.tree(pending),
            None => Ok(()),
        }
    }

    /// Reads a directory and all below it. A stack instead of recursion, and bounded depth.
    fn tree(&mut self, root: Pending) -> Result<()> {
        let mut stack = vec![root];
        while let Some(pending) = stack.pop() {
            if self.progress.cancelled() {
                self.hand_on()?;
                return Err(Error::cancelled());
            }
            let found =
                source::read_directory(&pending.path, &self.exclude, &mut self.report.refused);
            let found = match found {
                Ok(found) => found,
                Err(error) => {
                    self.refuse(&pending.path, error.to_string());
                    continue;
                }
            };
            let mut there: HashMap<String, Shown> = HashMap::new();
            if !pending.is_new {
                let shown = self.vault.replica.directory(self.bucket.no(), pending.tag)?;
                there.extend(
                    shown
                        .into_iter()
                        .filter(|one| one.keeps_name)
                        .map(|one| (one.name.clone(), one)),
                );
            }
            self.look_ahead(pending.tag, &found, &there)?;
            for one in found {
                let known = there.get(&one.name);
                stack.extend(self.one(pending.tag, &one, known, pending.depth)?);
            }
        }
        Ok(())
    }

    /// Reads all rows at once that the new names of a directory ask for one by one.
    fn look_ahead(
        &mut self,
        dir: DocumentTag,
        found: &[Found],
        there: &HashMap<String, Shown>,
    ) -> Result<()> {
        let new = found.iter().filter(|one| !there.contains_key(&one.name));
        let tags: Vec<_> = new.map(|one| self.bucket.placed_tag(dir, &one.name)).collect();
        let rows = self.vault.replica.documents(self.bucket.no(), &tags)?;
        self.natural = tags.into_iter().zip(rows).collect();
        Ok(())
    }

    /// One source in one directory. Gives the directory to read next, if it is one.
    fn one(
        &mut self,
        dir: DocumentTag,
        found: &Found,
        there: Option<&Shown>,
        depth: usize,
    ) -> Result<Option<Pending>> {
        self.report.seen += 1;
        self.progress.advance(1, 0);
        let is_directory = found.look.kind == SourceKind::Directory;
        let was_directory = there.map(|shown| shown.kind() == DocumentType::Directory);
        if was_directory.is_some_and(|was| was != is_directory) {
            let what = if is_directory { "a file" } else { "a directory" };
            self.refuse(&found.path, format!("{what} has this name in the vault: remove it first"));
            return Ok(None);
        }
        match found.look.kind {
            SourceKind::Directory => self.directory(dir, found, there, depth).map(Some),
            SourceKind::Link => self.link(dir, found, there).map(|()| None),
            SourceKind::File => self.file(dir, found, there).map(|()| None),
        }
    }

    fn directory(
        &mut self,
        dir: DocumentTag,
        found: &Found,
        there: Option<&Shown>,
        depth: usize,
    ) -> Result<Pending> {
        if depth + 1 > PATH_DEPTH_MAX {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("{} lies deeper than {PATH_DEPTH_MAX} directories", found.path.display()),
            ));
        }
        let metadata = directory_metadata(dir, &found.name, Some(&found.look));
        let same = there.and_then(|shown| shown.head().facts.as_ref()).is_some_and(|facts| {
            facts.mode == metadata.mode && facts.modified == metadata.modified
        });
        let tag = if let Some(shown) = there.filter(|_| same) {
            self.report.unchanged += 1;
            shown.row.tag
        } else {
            let target = self.target(there, dir, &found.name, DocumentType::Directory)?;
            let body = VersionBody { metadata, content: Content::Empty };
            self.change(&target, body, References::NONE, None)?;
            target.tag
        };
        Ok(Pending { path: found.path.clone(), tag, is_new: there.is_none(), depth: depth + 1 })
    }

    fn link(&mut self, dir: DocumentTag, found: &Found, there: Option<&Shown>) -> Result<()> {
        use std::os::unix::ffi::OsStrExt as _;
        let target = match std::fs::read_link(&found.path) {
            Ok(target) => target,
            Err(error) => {
                self.refuse(&found.path, error.to_string());
                return Ok(());
            }
        };
        let Ok(text) = std::str::from_utf8(target.as_os_str().as_bytes()) else {
            self.refuse(&found.path, "its target is not UTF-8".to_owned());
            return Ok(());
        };
        let stored = content::inline(text.as_bytes().to_vec());
        let same = there.and_then(|shown| shown.head().facts.as_ref()).is_some_and(|facts| {
            facts.kind == DocumentType::Link && facts.digest == Some(stored.digest)
        });
        if same {
            self.report.unchanged += 1;
            return Ok(());
        }
        let mut metadata =
            file_metadata(dir, &found.name, stored.size, found.look.modified, None, stored.digest);
        metadata.kind = DocumentType::Link;
        self.add_version(there, dir, &found.name, metadata, stored, None)
    }

    fn file(&mut self, dir: DocumentTag, found: &Found, there: Option<&Shown>) -> Result<()> {
        if let Some(shown) = there
            && !self.again
            && self.is_unchanged(found, shown)
        {
            self.report.unchanged += 1;
            self.progress.advance(0, found.look.size);
            if found.look.size >= JOURNAL_FROM {
                let (replica, bucket) = (&self.vault.replica, self.bucket.record.id);
                journal::forget(replica, bucket, &whole_path(&found.path))?;
            }
            return Ok(());
        }
        if found.look.size > INLINE_MAX {
            return self.large(dir, found, there);
        }
        let mut now = found.look;
        for _ in 0..READ_TRIES {
            match content::read_small(&found.path, &now) {
                Ok(Some((bytes, look))) => {
                    self.progress.advance(0, look.size);
                    return self.add_file(there, dir, &found.name, &look, content::inline(bytes));
                }
                // It is another file by now: looked at again, and read again.
                Ok(None) => match Look::at(&found.path) {
                    Ok(Some(look)) if look.size <= INLINE_MAX => now = look,
                    _ => break,
                },
                Err(error) => {
                    self.refuse(&found.path, error.to_string());
                    return Ok(());
                }
            }
        }
        let error = content::changed(&found.path);
        self.refuse(&found.path, error.to_string());
        Ok(())
    }

    /// Whether a source is what the vault holds already. By stamp, else by size and time and, as
    /// those can lie, by content.
    fn is_unchanged(&mut self, found: &Found, shown: &Shown) -> bool {
        let Some(facts) = &shown.head().facts else { return false };
        let look = &found.look;
        let alike = facts.kind == DocumentType::File
            && facts.size == look.size
            && facts.modified == look.modified
            && facts.mode == Some(look.mode);
        if !alike {
            return false;
        }
        if shown.head().stamp == Some(look.stamp) {
            return true;
        }
        let padding = self.sink.sealing.padding;
        let Ok(digest) = content::file_digest(&found.path, look, padding) else { return false };
        if digest.is_none() || digest != facts.digest {
            return false;
        }
        self.batch.restamps.push((shown.row.tag, look.stamp));
        true
    }

    fn large(&mut self, dir: DocumentTag, found: &Found, there: Option<&Shown>) -> Result<()> {
        let vault = self.vault;
        let journalled = if found.look.size >= JOURNAL_FROM {
            let path = whole_path(&found.path);
            let now = vault.clock.now_secs();
            Some(Journal::open(&vault.replica, self.bucket.record.id, &path, &found.look, now)?)
        } else {
            None
        };
        let streamed =
            content::stream_file(vault, &mut self.sink, &found.path, journalled, self.progress);
        let (stored, look, journal) = match streamed {
            Ok(done) => done,
            Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::NotFound) => {
                self.refuse(&found.path, error.to_string());
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.journals.extend(journal);
        self.add_file(there, dir, &found.name, &look, stored)
    }

    /// What was stored of a source becomes its version, as the source looked when it was read.
    fn add_file(
        &mut self,
        there: Option<&Shown>,
        dir: DocumentTag,
        name: &str,
        look: &Look,
        stored: Stored,
    ) -> Result<()> {
        let mode = Some(look.mode);
        let metadata = file_metadata(dir, name, stored.size, look.modified, mode, stored.digest);
        self.add_version(there, dir, name, metadata, stored, Some(look.stamp))
    }

    fn add_version(
        &mut self,
        there: Option<&Shown>,
        dir: DocumentTag,
        name: &str,
        metadata: Metadata,
        stored: Stored,
        stamp: Option<Stamp>,
    ) -> Result<()> {
        let target = self.target(there, dir, name, metadata.kind)?;
        self.report.content_bytes += stored.size;
        let body = VersionBody { metadata, content: stored.content };
        self.change(&target, body, stored.references, stamp)
    }

    fn change(
        &mut self,
        target: &Target,
        body: VersionBody,
        references: References,
        stamp: Option<Stamp>,
    ) -> Result<()> {
        if target.known {
            self.report.changed += 1;
        } else {
            self.report.added += 1;
        }
        self.batch.with_chunks |= !references.direct().is_empty();
        self.batch.len += match &body.content {
            Content::Inline(bytes) | Content::Manifest(bytes) => bytes.len(),
            Content::Empty => 0,
        };
        let mut change = Change::version(target.tag, target.row.as_ref(), body);
        change.references = references;
        change.stamp = stamp;
        self.batch.changes.push(change);
        if self.batch.changes.len() >= BATCH_ENTRIES || self.batch.len >= BATCH_LEN {
            self.hand_on()?;
        }
        Ok(())
    }

    /// Gives the batch to the committing room, after its chunks are durable.
    fn hand_on(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        if batch.with_chunks {
            self.sink.flush()?;
        }
        if batch.changes.is_empty() && batch.restamps.is_empty() {
            return Ok(());
        }
        self.out
            .send(batch)
            .map_err(|_| Error::new(ErrorKind::Other, "what was read could not be committed"))
    }

    /// A new document: under the natural tag of its place, unless that is taken. If it is taken by
    /// what another command put in this very place since this one looked, it is not new.
    fn new_target(&mut self, dir: DocumentTag, name: &str) -> Result<Target> {
        let (natural, bucket) = (self.bucket.placed_tag(dir, name), self.bucket.no());
        let row = match self.natural.remove(&natural) {
            Some(row) => row,
            None => self.vault.replica.document(bucket, natural)?,
        };
        if row.as_ref().is_none_or(|row| row.current().is_none()) {
            // Never used, or removed: then the new version follows the tombstone.
            return Ok(Target { tag: natural, row, known: false });
        }
        if let Some(shown) = self.vault.replica.named(bucket, dir, name)? {
            let row = self.vault.replica.document(bucket, shown.row.tag)?;
            return Ok(Target { tag: shown.row.tag, row, known: true });
        }
        let mut tag = DocumentTag::ZERO;
        SystemRng.fill(&mut tag.0);
        Ok(Target { tag, row: None, known: false })
    }

    /// The document that is there, or a new one; with its heads, and whether it was known.
    fn target(
        &mut self,
        there: Option<&Shown>,
        dir: DocumentTag,
        name: &str,
        kind: DocumentType,
    ) -> Result<Target> {
        let Some(shown) = there else {
            let target = self.new_target(dir, name)?;
            let current = target.row.as_ref().and_then(DocumentRow::current);
            let was = current.and_then(|head| head.facts.as_ref()).map(|facts| facts.kind);
            let directory = DocumentType::Directory;
            if was.is_some_and(|was| (was == directory) != (kind == directory)) {
                let what = format!("another command put something else at {name} just now");
                return Err(Error::new(ErrorKind::Conflict, what)
                    .with_hint("`strongroom ls` shows it; remove it, or choose another name"));
            }
            return Ok(target);
        };
        let tag = shown.row.tag;
        Ok(Target { tag, row: self.vault.replica.document(self.bucket.no(), tag)?, known: true })
    }

    fn there(&self, dir: DocumentTag, is_new: bool, name: &str) -> Result<Option<Shown>> {
        if is_new { Ok(None) } else { self.vault.replica.named(self.bucket.no(), dir, name) }
    }

    /// The directory these names lead to, made as far as it is missing. True: it is new.
    fn directories(&mut self, names: &[String]) -> Result<(DocumentTag, bool)> {
        let (mut dir, mut is_new) = (DocumentTag::ZERO, false);
        for name in names {
            match self.there(dir, is_new, name)? {
                Some(shown) if shown.kind() == DocumentType::Directory => dir = shown.row.tag,
                Some(_) => {
                    return Err(Error::new(ErrorKind::Conflict, format!("{name} is no directory"))
                        .with_hint("choose another destination"));
                }
                None => {
                    let target = self.target(None, dir, name, DocumentType::Directory)?;
                    let tag = target.tag;
                    let planned = self.batch.changes.iter().any(|change| change.tag == tag);
                    if !planned && !target.known {
                        let metadata = directory_metadata(dir, name, None);
                        let body = VersionBody { metadata, content: Content::Empty };
                        self.change(&target, body, References::NONE, None)?;
                    }
                    dir = tag;
                    is_new = !target.known;
                }
            }
        }
        Ok((dir, is_new))
    }

    fn refuse(&mut self, path: &Path, reason: String) {
        self.report.refused.push(Refused { path: path.to_string_lossy().into_owned(), reason });
    }
}

/// By which a journal knows its source, whatever directory the command runs in.
fn whole_path(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
