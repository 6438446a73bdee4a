//! Documents that go to another bucket. Comes in: two places, or one that is to be a bucket of its
//! own. Goes out: the same tree in the other bucket, and nothing of it in the first. Must not know:
//! terminals.
//!
//! What is there is written in the new bucket first, durable, then removed from the old one, where
//! its history stays. So a run that was killed has lost nothing, and the same command goes on: what
//! the new bucket has already is not written again. Contents travel by reference: the provider is
//! told that chunks it has are the other bucket's as well. Why: docs/design/own-buckets.md.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use strongroom_core::document::{Content, DocumentType, Metadata};
use strongroom_core::tree::What;
use strongroom_seal::rng::Rng as _;
use strongroom_wire::clear::References;
use strongroom_wire::ids::{ChunkId, DocumentTag, EntryId};

use super::bucket::heads_of;
use super::buckets::check_label;
use super::documents::{decode_own, encode_own, own_text};
use super::{Bucket, Change, Vault};
use crate::error::{Error, ErrorKind, Result};
use crate::get::Fetcher;
use crate::place::Place;
use crate::progress::{Progress, Stage};
use crate::put::chunks::ChunkSink;
use crate::random::SystemRng;
use crate::replica::lookup::Shown;
use crate::report::{Listed, OwnBucketInfo};

/// Documents in one transaction.
const BATCH: usize = 1_024;
/// Chunks of theirs in memory; what has more is a transaction of its own.
const CHUNKS: usize = 65_536;

/// A document that goes: where it was found, below what goes, and what is shown there.
struct Leaving {
    path: String,
    shown: Shown,
}

/// A chunk of a document that goes, and what that is called.
type Needed = (ChunkId, Arc<str>);

/// One journey from bucket to bucket.
struct Carrier<'v> {
    vault: &'v Vault,
    from: &'v Bucket,
    to: &'v mut Bucket,
    progress: &'v dyn Progress,
    /// Directories of the old bucket, and what they are in the new one.
    dirs: HashMap<DocumentTag, DocumentTag>,
    /// What is to be removed from the old bucket: with the heads that were carried, so that what
    /// somebody writes there meanwhile stays.
    removals: Vec<Change>,
    moved: u64,
}

impl Vault {
    /// Moves a document, or a directory with all that is in it, to a directory of another bucket.
    /// Costs one entry a document there and one here; no content is uploaded again where both
    /// buckets seal alike.
    pub(super) fn move_across(
        &self,
        (mut from, shown): (Bucket, Shown),
        mut to: Bucket,
        (dir, name): (DocumentTag, String),
        progress: &dyn Progress,
    ) -> Result<Listed> {
        from.writable()?;
        to.writable()?;
        let above = if dir.is_zero() { String::new() } else { self.path_of(&to, dir)? };
        let path = format!("{above}/{name}");
        let above = (self.document_row(&from, shown.row.tag)?.shown_in, dir);
        let leaving = self.leaving(&from, Shown { name: name.clone(), ..shown })?;
        self.carry(&mut from, &mut to, &leaving, above, progress)?;
        let there =
            self.replica.named(to.no(), dir, &name)?.ok_or_else(|| Error::not_found(&path))?;
        self.listed(&to, &path, &there)
    }

    /// Makes a directory, or one document, a bucket of its own: only what is a bucket can be shared
    /// for writing, and only as a bucket can several documents be shared as one. The bucket gets
    /// this label, or the name of what it holds, at its root. Called again after an interruption it
    /// goes on where it was.
    pub fn make_own_bucket(
        &self,
        place: &Place,
        label: Option<&str>,
        progress: &dyn Progress,
    ) -> Result<OwnBucketInfo> {
        let (mut from, shown) = self.need_place(place)?;
        from.need_whole()?;
        from.writable()?;
        let label = label.unwrap_or(&shown.name).to_owned();
        let (was, name) = (format!("{}:{}", from.record.label, place.path()), shown.name.clone());
        let tag = shown.row.tag;
        let above = (self.document_row(&from, tag)?.shown_in, DocumentTag::ZERO);
        // Before there is a bucket: what cannot go leaves none behind.
        let leaving = self.leaving(&from, shown)?;
        let mut to = self.own_bucket_for(&from, tag, &label)?;
        let before = self.sent()?;
        let documents = self.carry(&mut from, &mut to, &leaving, above, progress)?;
        Ok(OwnBucketInfo {
            sent_bytes: self.sent()?.saturating_sub(before),
            label: to.record.label.clone(),
            did: to.record.id.to_string(),
            was,
            path: format!("/{name}"),
            documents,
        })
    }

    /// Bytes sent to the provider since the vault was opened.
    fn sent(&self) -> Result<u64> {
        let Some(record) = self.remote_records()?.into_iter().next() else { return Ok(0) };
        match self.remote(&record) {
            Ok(remote) => Ok(remote.traffic().bytes_sent),
            Err(error) if error.kind() == ErrorKind::Unreachable => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Who reads what lies at a place, besides this person: members of its bucket, and holders of
    /// single documents there. They lose it when it becomes a bucket of its own.
    pub fn readers_of(&self, place: &Place) -> Result<Vec<String>> {
        let (path, below) = (place.path(), format!("{}/", place.path()));
        let of_bucket = Place { bucket: place.bucket.clone(), ..Place::root() };
        let readers = self.access(&of_bucket)?.into_iter().filter(|one| {
            let at = one.path.as_ref();
            !one.who.you && at.is_none_or(|at| *at == path || at.starts_with(&below))
        });
        let named = readers.map(|one| one.who.name.or(one.who.link).unwrap_or(one.who.principal));
        Ok(named.collect::<BTreeSet<_>>().into_iter().collect())
    }

    /// A new bucket, sealed as the old one; or the one that an earlier run had begun to fill, on
    /// any of the person's devices. A bucket that only happens to have this label is another, and
    /// so is one that somebody is in by now: he would be given what nobody gave him.
    fn own_bucket_for(&self, from: &Bucket, tag: DocumentTag, label: &str) -> Result<Bucket> {
        let vault = self.vault_bucket()?;
        let text = own_text(from.record.id, tag);
        let begun = self.internal(&vault, &text)?.map(|bytes| decode_own(&bytes)).transpose()?;
        let mut records = self.records()?.into_iter().filter(|record| !record.internal);
        let Some(record) = records.find(|record| record.label == label) else {
            check_label(label).map_err(|error| {
                error.with_hint("name the bucket: `strongroom grant PATH WHO --label LABEL`")
            })?;
            let made = self.make_bucket(label, false, from.sealing()?)?;
            let change = self.internal_change(&vault, &text, encode_own(made.record.id))?;
            self.write(&vault, vec![change])?;
            return Ok(made);
        };
        let all = Place { bucket: Some(record.id.to_string()), ..Place::root() };
        if begun == Some(record.id) && self.access(&all)?.iter().all(|one| one.who.you) {
            let bucket = Bucket::open(record, self)?;
            bucket.writable()?;
            return Ok(bucket);
        }
        Err(Error::new(ErrorKind::Conflict, format!("there is a bucket called {label} already"))
            .with_hint(format!(
                "name the new one: --label LABEL; or `strongroom mv` it to {label}:/, whose \
                 members read it then"
            )))
    }

    /// Carries a document and all below it. `above`: the directory it stands in, and which one of
    /// the new bucket that is. Gives how many documents were carried, now or by an earlier run.
    fn carry(
        &self,
        from: &mut Bucket,
        to: &mut Bucket,
        leaving: &[Leaving],
        above: (DocumentTag, DocumentTag),
        progress: &dyn Progress,
    ) -> Result<u64> {
        progress.begin(Stage::Send, Some(leaving.len() as u64), None);
        // Contents that only this device has go to the provider first.
        self.push_best_effort(from)?;
        let mut carrier = Carrier {
            vault: self,
            from,
            to,
            progress,
            dirs: HashMap::from([above]),
            removals: Vec::new(),
            moved: 0,
        };
        for batch in leaving.chunks(BATCH) {
            carrier.write(batch)?;
            if progress.cancelled() {
                return Err(Error::cancelled());
            }
        }
        let (mut removals, moved) = (carrier.removals, carrier.moved);
        // What is in a directory before it: a removal may be several transactions, and what had
        // lost its directory between two of them would lie about in the root.
        removals.reverse();
        self.push_best_effort(to)?;
        self.write_in_parts(from, removals)?;
        self.push_best_effort(from)?;
        Ok(moved)
    }

    /// What goes, directories before what is in them. Two states of one document cannot both go.
    fn leaving(&self, from: &Bucket, root: Shown) -> Result<Vec<Leaving>> {
        let (tag, kind) = (root.row.tag, root.kind());
        let mut all = vec![Leaving { path: String::new(), shown: root }];
        if kind == DocumentType::Directory {
            self.walk(from, tag, "", true, &mut |path, shown| {
                all.push(Leaving { path: path.to_owned(), shown: shown.clone() });
                Ok(())
            })?;
        }
        match all.iter().find(|one| one.shown.row.conflict) {
            None => Ok(all),
            Some(one) => {
                let what = format!("{} has two states", one.shown.name);
                Err(Error::new(ErrorKind::Conflict, what).with_hint(
                    "settle them first: `strongroom status` says how; nothing was moved",
                ))
            }
        }
    }
}

impl Carrier<'_> {
    /// A transaction in the new bucket, or a few; its contents are there before.
    fn write(&mut self, batch: &[Leaving]) -> Result<()> {
        let (mut changes, mut needed) = (Vec::new(), Vec::new());
        for one in batch {
            let tag = one.shown.row.tag;
            let row = self.vault.document_row(self.from, tag)?;
            self.removals.push(Change::tombstone(tag, &row));
            self.moved += 1;
            let dir = self.dirs.get(&row.shown_in).copied();
            let dir = dir.ok_or_else(|| Error::damaged("a directory of the index is missing"))?;
            changes.extend(self.change(one, dir, &mut needed)?);
            if needed.len() > CHUNKS {
                self.commit(&mut changes, &mut needed)?;
            }
            self.progress.advance(1, 0);
        }
        self.commit(&mut changes, &mut needed)
    }

    fn commit(&mut self, changes: &mut Vec<Change>, needed: &mut Vec<Needed>) -> Result<()> {
        let (mut changes, needed) = (std::mem::take(changes), std::mem::take(needed));
        self.bring(&needed, &mut changes)?;
        if !changes.is_empty() {
            self.vault.write(self.to, changes)?;
        }
        Ok(())
    }

    /// A document as it will be in the new bucket; none if it is there. `needed`: which chunks it
    /// names, and what it is called.
    fn change(
        &mut self,
        one: &Leaving,
        dir: DocumentTag,
        needed: &mut Vec<Needed>,
    ) -> Result<Option<Change>> {
        let (vault, name) = (self.vault, &one.shown.name);
        let directory = one.shown.kind() == DocumentType::Directory;
        let facts = one.shown.head().facts.as_ref();
        if let Some(there) = vault.replica.named(self.to.no(), dir, name)? {
            let new = there.head().facts.as_ref();
            if !facts.zip(new).is_some_and(|(old, new)| says_the_same(old, new)) {
                let what = format!("{name} is there already, and is another");
                return Err(Error::new(ErrorKind::Conflict, what)
                    .with_hint("move it away, or choose another place; nothing was removed"));
            }
            if directory {
                self.dirs.insert(one.shown.row.tag, there.row.tag);
            }
            return Ok(None);
        }
        let (tag, parents) = self.new_tag(dir, name)?;
        if directory {
            self.dirs.insert(one.shown.row.tag, tag);
        }
        let past = vault.past(self.from, one.shown.head().no)?;
        let mut body = past.body;
        body.metadata.parent = dir;
        body.metadata.name.clone_from(name);
        if past.references != References::NONE {
            let entry = vault.replica.entry(self.from.no(), one.shown.head().no)?;
            let called: Arc<str> =
                if one.path.is_empty() { name } else { &one.path }.as_str().into();
            let chunks = vault.needs(self.from, &entry)?.into_iter();
            needed.extend(chunks.map(|id| (id, called.clone())));
        }
        let stamp = one.shown.head().stamp;
        let (body, references) = (Some(body), past.references);
        Ok(Some(Change { tag, parents, body, references, stamp }))
    }

    /// The natural tag of its place, as `put` takes it: two devices that go on with the same
    /// journey write the same documents.
    fn new_tag(&self, dir: DocumentTag, name: &str) -> Result<(DocumentTag, Vec<EntryId>)> {
        let tag = self.to.placed_tag(dir, name);
        let row = self.vault.replica.document(self.to.no(), tag)?;
        if row.as_ref().is_some_and(|row| row.current().is_some()) {
            let mut tag = DocumentTag::ZERO;
            SystemRng.fill(&mut tag.0);
            return Ok((tag, Vec::new()));
        }
        Ok((tag, heads_of(row.as_ref())))
    }

    /// Makes the chunks of these documents the new bucket's; seals them anew where the two buckets
    /// do not seal alike.
    fn bring(&mut self, needed: &[Needed], changes: &mut [Change]) -> Result<()> {
        if needed.is_empty() {
            return Ok(());
        }
        let vault = self.vault;
        let away = || {
            Error::new(ErrorKind::Unreachable, "the provider does not answer, which has contents")
                .with_hint("the same command goes on when it does: `strongroom status`")
        };
        let record = vault.remote_records()?.into_iter().next().ok_or_else(away)?;
        // Where it is new, the provider hears of it now.
        if !vault.push_best_effort(self.to)? {
            return Err(away());
        }
        let remote = vault.remote(&record)?;
        let asking = vault.bucket_session(&remote, self.to)?;
        if self.from.sealing()? != self.to.sealing()? {
            return self.seal_anew(changes, asking);
        }
        let source = vault.bucket_session(&remote, self.from)?;
        let ids: Vec<ChunkId> = needed.iter().map(|(id, _)| *id).collect();
        let copying = asking.copy_chunks(self.to.record.id, &source, self.from.record.id, &ids);
        let copied = vault.runtime()?.block_on(copying)?;
        let mut sink = ChunkSink::new(vault, self.to, Some(asking.clone()))?;
        for ((id, called), _) in needed.iter().zip(copied).filter(|(_, copied)| !copied) {
            // What the provider lost may still be here.
            let bytes = vault.cached(*id)?.ok_or_else(|| {
                Error::damaged(format!("a part of {called} that the provider has lost"))
                    .with_hint("`strongroom verify --deep` names what is lost; nothing was removed")
            })?;
            sink.send(*id, bytes)?;
        }
        sink.flush()
    }

    fn seal_anew(&self, changes: &mut [Change], session: crate::remote::Session) -> Result<()> {
        let fetcher = Fetcher::new(self.vault, self.from);
        let mut sink = ChunkSink::new(self.vault, self.to, Some(session))?;
        for change in changes {
            let Some(body) = &mut change.body else { continue };
            if let Content::Manifest(_) = &body.content {
                let stored = self.vault.content_anew(&fetcher, body, &mut sink, self.progress)?;
                (body.content, change.references) = (stored.content, stored.references);
            }
        }
        sink.flush()?;
        fetcher.end()
    }
}

/// Whether two documents are one and the same content, or both a directory.
fn says_the_same(a: &Metadata, b: &Metadata) -> bool {
    let what = What::of(a);
    what == What::of(b) && !matches!(what, What::Content(_, None))
}
