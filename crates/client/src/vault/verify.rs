//! Verifying everything. Comes in: the replica and its providers. Goes out: what is wrong, by name;
//! nothing else. Must not know: how to mend it.

use std::collections::BTreeSet;

use strongroom_core::checkpoint::{Checkpoint, Frontier};
use strongroom_core::document::{Content, Metadata, VersionBody};
use strongroom_core::joining;
use strongroom_core::keyring::EntryOpenError;
use strongroom_seal::manifest::{Manifest, Need};
use strongroom_store::{Sqlite, StoreError};
use strongroom_wire::chain::signature_holds;
use strongroom_wire::clear::{Clear, References, Version};
use strongroom_wire::control::{Control, ControlError};
use strongroom_wire::entry::{Entry, Kind};
use strongroom_wire::ids::{ChunkId, EntryId};
use strongroom_wire::limits::CHECKPOINT_AUTHORS_MAX;

use super::{Bucket, Vault};
use crate::error::{Error, ErrorKind, Result};
use crate::get::Fetcher;
use crate::progress::{Progress, Quiet, Stage};
use crate::replica::keys;
use crate::report::{Refused, VerifyReport};

impl Vault {
    /// Checks every entry on this device: form, hashes, chains, signatures, capabilities, that it
    /// opens; and compares the set with every provider's. `deep`: fetches every chunk of every
    /// version from the provider and opens it, too; what went bad there and is whole in this
    /// device's cache is put again.
    pub fn verify(&self, deep: bool, progress: &dyn Progress) -> Result<VerifyReport> {
        let mut report = VerifyReport::default();
        progress.begin(Stage::Check, None, None);
        self.verify_rows(&mut report)?;
        let checked = self.records().and_then(|records| {
            records.into_iter().try_for_each(|made| {
                let bucket = Bucket::open(made, self)?;
                let checked = self.verify_bucket(&bucket, deep, &mut report, progress);
                go_on(&mut report, &bucket.record.label, checked)
            })
        });
        go_on(&mut report, "this device", checked)?;
        self.verify_cache(&mut report)?;
        let compared = self.compare(&mut report);
        go_on(&mut report, "this device", compared)?;
        let seen = self.verify_seen(&mut report);
        go_on(&mut report, "this device", seen)?;
        Ok(report)
    }

    /// R2 and R3: what others saw and this device was not given, and who wrote two histories.
    fn verify_seen(&self, report: &mut VerifyReport) -> Result<()> {
        report.withheld = self.withheld()?;
        for one in &report.withheld {
            let path = format!("{}:", one.bucket);
            report.damaged.push(Refused { path, reason: one.reason() });
        }
        report.forks = self.forks()?;
        for fork in &report.forks {
            let (path, author) = (fork.bucket.clone(), &fork.author);
            let reason = format!(
                "{author} wrote two entries at place {} of its chain: {} and {}; \
                 `strongroom verify --json` shows the proof",
                fork.seq, fork.entries[0], fork.entries[1]
            );
            report.damaged.push(Refused { path, reason });
        }
        Ok(())
    }

    /// Every row's checksum, those of the indexes too.
    fn verify_rows(&self, report: &mut VerifyReport) -> Result<()> {
        for what in Sqlite::open(&self.home.replica())?.check(true)?.damaged {
            report.damaged.push(Refused {
                path: "replica".to_owned(),
                reason: format!("{what} was changed or cut on this device"),
            });
        }
        Ok(())
    }

    fn verify_bucket(
        &self,
        bucket: &Bucket,
        deep: bool,
        report: &mut VerifyReport,
        progress: &dyn Progress,
    ) -> Result<()> {
        let mut control: Option<Control> = None;
        let mut authors = AuthorsSeen::default();
        let fetcher = Fetcher::new(self, bucket);
        // Of these the provider was told to let go; this device may have them from before.
        let gone = if deep { self.purged(bucket)? } else { BTreeSet::new() };
        let last = self.replica.tip(bucket.no())?.last_no;
        for no in 1..=last {
            if progress.cancelled() {
                return Err(Error::cancelled());
            }
            progress.advance(1, 0);
            report.entries += 1;
            let bytes = match self.replica.rows().get(&keys::entry(bucket.no(), no)) {
                Ok(Some(bytes)) => bytes,
                Ok(None) => {
                    report.damaged.push(named(bucket, format!("entry number {no} is missing")));
                    continue;
                }
                // Named with the rows already.
                Err(StoreError::Corrupt { .. }) => continue,
                Err(error) => return Err(error.into()),
            };
            report.bytes += bytes.len() as u64;
            let entry = match Entry::decode(&bytes) {
                Ok(entry) => entry,
                Err(error) => {
                    report.damaged.push(named(bucket, format!("entry number {no}: {error}")));
                    continue;
                }
            };
            let id = entry.id();
            match verify_entry(bucket, &mut control, &mut authors, entry) {
                Ok(Some((body, references)))
                    if deep && report.unreachable.is_empty() && !gone.contains(&id) =>
                {
                    self.verify_content(&fetcher, id, &body, &references, report, progress)?;
                }
                Ok(_) => {}
                Err(reason) if reason == SHUT => report.shut += 1,
                Err(reason) => report.damaged.push(named(bucket, format!("{id}: {reason}"))),
            }
        }
        // Of a part, what covers an entry need not be here: it was checked when it came.
        let unsigned = authors.unsigned().filter(|_| !bucket.record.is_part());
        for id in unsigned {
            report.damaged.push(named(bucket, format!("{id}: no signature covers it")));
        }
        report.mended += fetcher.mended();
        fetcher.end()
    }

    fn verify_content(
        &self,
        fetcher: &Fetcher<'_>,
        id: EntryId,
        body: &VersionBody,
        references: &References,
        report: &mut VerifyReport,
        progress: &dyn Progress,
    ) -> Result<()> {
        let Content::Manifest(bytes) = &body.content else { return Ok(()) };
        let checked = Manifest::decode(bytes)
            .map_err(|e| Error::damaged(e.to_string()))
            .and_then(|manifest| verify_chunks(fetcher, manifest, report, progress))
            .and_then(|needed| verify_lists(fetcher, references, &needed));
        match checked {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::Cancelled => Err(error),
            // Nothing is known of this content, and nothing will be of those that follow.
            Err(error) if error.kind() == ErrorKind::Unreachable => {
                let record = self.remote_records()?.into_iter().next();
                away(report, &record.map_or_else(String::new, |record| record.url), &error);
                Ok(())
            }
            Err(error) => {
                let name = name_of(&body.metadata);
                report.damaged.push(named(fetcher.bucket(), format!("{id} ({name}): {error}")));
                Ok(())
            }
        }
    }

    fn verify_cache(&self, report: &mut VerifyReport) -> Result<()> {
        let found = self.cache.check(true)?;
        for what in found.damaged {
            report.damaged.push(Refused {
                path: "cache".to_owned(),
                reason: format!("{what}; a provider's copy will be fetched instead"),
            });
        }
        Ok(())
    }

    /// Whole sets against whole sets, from the start if need be.
    fn compare(&self, report: &mut VerifyReport) -> Result<()> {
        'providers: for record in self.remote_records()? {
            let mut equal = true;
            for made in self.records()? {
                let mut bucket = Bucket::open(made, self)?;
                // What is closed to this person nobody compares with them: `sync` told it.
                if self.sync_state(&bucket, &record)?.closed {
                    continue;
                }
                let compared = self.remote(&record).and_then(|remote| {
                    let session = self.bucket_session(&remote, &bucket)?;
                    self.exchange(&mut bucket, &record, &session, &Quiet)
                });
                match compared {
                    Ok(done) => equal &= done.equal,
                    Err(error) if error.kind() == ErrorKind::Unreachable => {
                        away(report, &record.url, &error);
                        continue 'providers;
                    }
                    Err(error) => {
                        equal = false;
                        report
                            .damaged
                            .push(Refused { path: record.url.clone(), reason: error.to_string() });
                    }
                }
            }
            report.remotes_equal.push((record.url, equal));
        }
        Ok(())
    }
}

/// Every chunk of a content, whole. Gives what it needs: its chunks and the nodes of its manifest.
fn verify_chunks(
    fetcher: &Fetcher<'_>,
    manifest: Manifest,
    report: &mut VerifyReport,
    progress: &dyn Progress,
) -> Result<BTreeSet<ChunkId>> {
    let mut needed = BTreeSet::new();
    let mut reader = fetcher.reader(manifest)?;
    let damaged = |e: &dyn std::fmt::Display| Error::damaged(e.to_string());
    for index in 0..reader.layout().chunks() {
        if progress.cancelled() {
            return Err(Error::cancelled());
        }
        if let Some(Need::Node(id)) = reader.need(index) {
            let node = fetcher.chunk_there(id)?;
            reader.absorb_node(index, node).map_err(|e| damaged(&e))?;
            needed.insert(id);
        }
        let Some(Need::Chunk(id)) = reader.need(index) else {
            return Err(Error::damaged("a manifest that ends too early"));
        };
        let chunk = fetcher.chunk_there(id)?;
        report.chunks += 1;
        report.bytes += chunk.bytes().len() as u64;
        progress.advance(0, chunk.bytes().len() as u64);
        reader.open(index, chunk).map_err(|e| damaged(&e))?;
        needed.insert(id);
    }
    Ok(needed)
}

/// The references of a large content stand in lists, which are chunks themselves. What stands in
/// the entry was compared with it.
fn verify_lists(
    fetcher: &Fetcher<'_>,
    references: &References,
    needed: &BTreeSet<ChunkId>,
) -> Result<()> {
    let References::Lists(lists) = references else { return Ok(()) };
    let mut listed = BTreeSet::new();
    for list in lists {
        let list = fetcher.chunk_there(*list)?;
        let (ids, rest) = list.bytes().as_chunks::<32>();
        if !rest.is_empty() {
            return Err(Error::damaged("a list of chunks that ends within an id"));
        }
        listed.extend(ids.iter().map(|id| ChunkId(*id)));
    }
    if listed == *needed { Ok(()) } else { Err(Error::damaged(OTHER_REFERENCES)) }
}

/// What was sealed before this person was let in, from then on: shut, and not damaged.
const SHUT: &str = "from before you were let in";

const OTHER_REFERENCES: &str = "its chunk references are not those of its manifest";

fn verify_entry(
    bucket: &Bucket,
    control: &mut Option<Control>,
    authors: &mut AuthorsSeen,
    entry: Entry,
) -> Result<Option<(VersionBody, References)>, String> {
    authors.check(&entry, bucket.record.is_part())?;
    // Chain and signature were judged just now; the type asks for a verified entry.
    let entry = strongroom_wire::chain::Verified::danger_from_own_store(entry);
    let header = entry.header();
    let Some(log) = control else {
        *control = Some(Control::new(&entry).map_err(|e| e.to_string())?);
        return Ok(None);
    };
    if header.kind.is_control() {
        log.insert(&entry).map_err(|e| e.to_string())?;
        return match joining::doubtful(&bucket.keyring, &bucket.names, [&entry])[..] {
            [] => Ok(None),
            [id, ..] => {
                log.doubt(&id);
                Err("it does not prove who it is about, and counts for nothing".to_owned())
            }
        };
    }
    match log.judge_entry(&entry) {
        // Set aside, as it should be.
        Err(ControlError::Stopped) => return Ok(None),
        judged => judged.map_err(|e| e.to_string())?,
    }
    if bucket.is_shut(header) {
        return Err(SHUT.to_owned());
    }
    if header.kind == Kind::Checkpoint {
        let plain = bucket.keyring.open(&entry).map_err(|e| e.to_string())?;
        let said = Checkpoint::decode(&plain).map_err(|e| e.to_string())?;
        return authors.check_checkpoint(header.author, &said).map(|()| None);
    }
    if header.kind != Kind::Version {
        return Ok(None);
    }
    let body = match bucket.keyring.open_version(&entry) {
        // Its content stands in a later version, or was to go.
        Err(EntryOpenError::Purged) => return Ok(None),
        // Of a document that is held from some time on, what is older stays shut.
        Err(EntryOpenError::NoKey) if bucket.record.is_part() => return Ok(None),
        opened => opened.map_err(|e| e.to_string())?,
    };
    let references = references_match(&entry, &body)?;
    Ok(Some((body, references)))
}

/// A provider that does not answer has damaged nothing; it is told once.
fn away(report: &mut VerifyReport, url: &str, error: &Error) {
    if !report.unreachable.iter().any(|one| one.path == url) {
        report.unreachable.push(Refused { path: url.to_owned(), reason: error.to_string() });
    }
}

/// Damage ends one part of the check, not the whole: it is named, and the rest is looked at.
fn go_on(report: &mut VerifyReport, path: &str, checked: Result<()>) -> Result<()> {
    match checked {
        Err(error) if error.kind() == ErrorKind::Damaged => {
            let reason = error.to_string();
            let named = report.damaged.iter().any(|one| one.reason == reason);
            if !named {
                report.damaged.push(Refused { path: path.to_owned(), reason });
            }
            Ok(())
        }
        other => other,
    }
}

/// The chains of all authors, as they go by.
#[derive(Default)]
struct AuthorsSeen {
    tips: std::collections::BTreeMap<strongroom_wire::ids::AuthorKey, (u64, EntryId)>,
    open: std::collections::BTreeMap<strongroom_wire::ids::AuthorKey, EntryId>,
    /// What each author's checkpoints listed so far.
    listed: std::collections::BTreeMap<strongroom_wire::ids::AuthorKey, Frontier>,
}

impl AuthorsSeen {
    /// Of a part of a bucket there are gaps in every chain.
    fn check(&mut self, entry: &Entry, part: bool) -> Result<(), String> {
        let header = entry.header();
        let author = header.author;
        let due = self.tips.get(&author).map_or((0, EntryId::ZERO), |(seq, id)| (seq + 1, *id));
        let gap = part && header.seq > due.0;
        if !gap && (header.seq, header.prev) != due {
            return Err("its author's chain is broken before it".to_owned());
        }
        self.tips.insert(author, (header.seq, entry.id()));
        if entry.signature().is_none() {
            self.open.insert(author, entry.id());
        } else if signature_holds(entry) {
            self.open.remove(&author);
        } else {
            return Err("its signature does not hold".to_owned());
        }
        Ok(())
    }

    /// That a checkpoint's list, over those before it, gives the root it names. One that leaves
    /// authors to the next for want of room is not judged.
    fn check_checkpoint(
        &mut self,
        author: strongroom_wire::ids::AuthorKey,
        said: &Checkpoint,
    ) -> Result<(), String> {
        let listed = self.listed.entry(author).or_default();
        let whole = said.tips.len() < CHECKPOINT_AUTHORS_MAX;
        let checked = said.frontier(listed);
        said.note_listed(listed);
        if whole { checked.map(drop).map_err(|e| e.to_string()) } else { Ok(()) }
    }

    /// Ends of chains that no signature covers.
    fn unsigned(self) -> impl Iterator<Item = EntryId> {
        self.open.into_values()
    }
}

/// What the clear part refers to must be what the sealed part needs: a version that lies about its
/// chunks would have them collected at the provider. Lists are only named there; what they say is
/// looked at where all chunks are.
pub(super) fn references_match(entry: &Entry, body: &VersionBody) -> Result<References, String> {
    let Ok(Clear::Version(Version { references, .. })) =
        Clear::decode(Kind::Version, entry.clear())
    else {
        return Err("its clear part is malformed".to_owned());
    };
    let References::Chunks(ids) = &references else { return Ok(references) };
    let needed: BTreeSet<ChunkId> = match &body.content {
        Content::Manifest(bytes) => {
            let manifest = Manifest::decode(bytes).map_err(|e| e.to_string())?;
            manifest.rows().iter().map(|row| row.id).collect()
        }
        _ => BTreeSet::new(),
    };
    if ids.iter().copied().collect::<BTreeSet<_>>() == needed {
        Ok(references)
    } else {
        Err(OTHER_REFERENCES.to_owned())
    }
}

fn named(bucket: &Bucket, reason: String) -> Refused {
    Refused { path: format!("{}:", bucket.record.label), reason }
}

fn name_of(facts: &Metadata) -> &str {
    &facts.name
}
