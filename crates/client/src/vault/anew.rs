//! Sealing again what somebody could open who was taken out. Comes in: who. Goes out: every current
//! content under keys he never had, and the copies he could open purged at the providers. Must not
//! know: terminals.
//!
//! What is still to be done is seen from the entries: a document is done when its heads are sealed
//! under epochs that he cannot open. So a run that was killed goes on where it was.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use strongroom_core::document::{Content, VersionBody};
use strongroom_core::joining::epoch_body;
use strongroom_core::parts::encode_reason;
use strongroom_core::writer::Planned;
use strongroom_wire::capability::Action;
use strongroom_wire::chain::Verified;
use strongroom_wire::clear::{Clear, References};
use strongroom_wire::entry::{Entry, Kind};
use strongroom_wire::ids::{ChunkId, DocumentTag, EntryId, MemberTag};
use strongroom_wire::limits::BATCH_ENTRIES_MAX;

use super::hidden::counts;
use super::{Bucket, Change, Vault};
use crate::error::{Error, ErrorKind, Result};
use crate::get::Fetcher;
use crate::progress::{Progress, Stage};
use crate::put::chunks::ChunkSink;
use crate::put::content::{Stored, stream};
use crate::replica::index::{Intake, Taken};
use crate::replica::keys;
use crate::replica::rows::{DocumentRow, Head};
use crate::report::AnewInfo;

/// Documents in one transaction.
const BATCH: usize = 1_024;

/// A head that he can open.
struct Old {
    tag: DocumentTag,
    head: Head,
}

impl Vault {
    /// Seals every current content of a bucket again that somebody could open who is out of it by
    /// now, and purges the copies he could open where this person may. Versions of before stay as
    /// they are. Goes on where an earlier run stopped.
    pub fn seal_anew(
        &self,
        bucket: Option<&str>,
        who: &str,
        progress: &dyn Progress,
    ) -> Result<AnewInfo> {
        let mut bucket = self.bucket(bucket)?;
        bucket.writable()?;
        let tag = bucket.names.member_tag(self.principal_of(who)?);
        let control = self.standing(&bucket)?.control;
        if control.members_at(self.clock.now_secs()).contains(&tag) {
            return Err(Error::new(ErrorKind::Usage, format!("{who} is still in"))
                .with_hint("take them out first: `strongroom revoke`"));
        }
        let opens = self.opened_by(&bucket, tag)?;
        let old = self.under(&bucket, &opens)?;
        progress.begin(Stage::Send, Some(old.len() as u64), None);
        let mut info = AnewInfo { bucket: bucket.record.label.clone(), ..AnewInfo::default() };
        for batch in old.chunks(BATCH) {
            self.write_anew(&bucket, batch, &mut info, progress)?;
            info.sent = self.push_best_effort(&mut bucket)?;
            if progress.cancelled() {
                return Err(Error::cancelled());
            }
        }
        self.purge_opened(&mut bucket, &opens, &mut info)?;
        Ok(info)
    }

    /// The epochs whose key somebody had: those made for him or in which he was let in, and all
    /// that their back keys lead to.
    fn opened_by(&self, bucket: &Bucket, tag: MemberTag) -> Result<BTreeSet<EntryId>> {
        let standing = self.standing(bucket)?;
        let infos: BTreeMap<_, _> = standing.control.epochs().collect();
        let mut stack = Vec::new();
        for entry in &standing.epochs {
            let made_for = epoch_body(&bucket.keyring, entry)
                .is_ok_and(|body| body.recipients.binary_search(&tag).is_ok());
            let let_in = || standing.control.let_in_under(&entry.id()).any(|one| *one == tag);
            if made_for || let_in() {
                stack.push(entry.id());
            }
        }
        let mut opens = BTreeSet::new();
        while let Some(id) = stack.pop() {
            if opens.insert(id) {
                stack.extend(infos.get(&id).into_iter().flat_map(|info| info.prev.iter().copied()));
            }
        }
        Ok(opens)
    }

    /// Heads that are sealed under one of these epochs.
    fn under(&self, bucket: &Bucket, epochs: &BTreeSet<EntryId>) -> Result<Vec<Old>> {
        let rows: Vec<(Vec<u8>, DocumentRow)> = self.replica.all(&keys::documents(bucket.no()))?;
        let mut found = Vec::new();
        for (key, row) in rows {
            let tag = keys::tag_of(&key)?;
            for head in row.heads.iter().filter(|head| head.facts.is_some()) {
                let entry = self.replica.entry(bucket.no(), head.no)?;
                if epochs.contains(&entry.header().epoch) {
                    found.push(Old { tag, head: head.clone() });
                }
            }
        }
        Ok(found)
    }

    fn write_anew(
        &self,
        bucket: &Bucket,
        batch: &[Old],
        info: &mut AnewInfo,
        progress: &dyn Progress,
    ) -> Result<()> {
        let session = match self.remote_records()?.first() {
            Some(record) => Some(self.bucket_session(&self.remote(record)?, bucket)?),
            None => None,
        };
        let mut sink = ChunkSink::new(self, bucket, session)?;
        let fetcher = Fetcher::new(self, bucket);
        // One change a document and transaction: other heads of a conflict have their own.
        let mut rounds: Vec<Vec<Change>> = Vec::new();
        let mut seen: BTreeMap<DocumentTag, usize> = BTreeMap::new();
        for Old { tag, head } in batch {
            let entry = self.replica.entry(bucket.no(), head.no)?;
            let mut body = bucket.keyring.open_version(&entry)?;
            let mut references = References::NONE;
            if let Content::Manifest(_) = &body.content {
                let stored = self.content_anew(&fetcher, &body, &mut sink, progress)?;
                (body.content, references) = (stored.content, stored.references);
            }
            info.documents += 1;
            info.bytes += body.metadata.size;
            progress.advance(1, 0);
            let change = Change {
                tag: *tag,
                parents: vec![head.id],
                body: Some(body),
                references,
                stamp: head.stamp,
            };
            let round = seen.entry(*tag).or_default();
            if let Some(changes) = rounds.get_mut(*round) {
                changes.push(change);
            } else {
                rounds.push(vec![change]);
            }
            *round += 1;
        }
        sink.flush()?;
        fetcher.end()?;
        for changes in rounds {
            self.write(bucket, changes)?;
        }
        Ok(())
    }

    /// The same content in chunks under fresh keys. It goes through this device and no file.
    pub(super) fn content_anew<'v>(
        &'v self,
        fetcher: &Fetcher<'_>,
        body: &VersionBody,
        sink: &mut ChunkSink<'v>,
        progress: &dyn Progress,
    ) -> Result<Stored> {
        let piping = |e: io::Error| Error::io("cannot pass the content on", &e);
        let (mut reader, mut writer) = io::pipe().map_err(piping)?;
        let stored = std::thread::scope(|scope| {
            // The writer's end closes with the thread, whatever happens in it.
            let fetching = scope
                .spawn(move || fetcher.write_content(body, &mut writer, &crate::progress::Quiet));
            let stored = stream(self, sink, &mut reader, progress);
            drop(reader);
            let fetched = fetching.join().unwrap_or_else(|_| {
                Err(Error::new(ErrorKind::Other, "the fetching thread ended early"))
            });
            fetched.and(stored)
        })?;
        let same = stored.size == body.metadata.size
            && body.metadata.digest.is_none_or(|digest| digest == stored.digest);
        if same { Ok(stored) } else { Err(Error::damaged("a content that is not what was put")) }
    }

    /// Purges, at the providers, versions he could open whose content stands in a later one that he
    /// cannot, and their chunks that nothing else needs.
    fn purge_opened(
        &self,
        bucket: &mut Bucket,
        opens: &BTreeSet<EntryId>,
        info: &mut AnewInfo,
    ) -> Result<()> {
        if !bucket.may(Action::Purge) {
            return Ok(());
        }
        let (mut entries, mut chunks) = (BTreeSet::new(), BTreeSet::new());
        let mut needed = BTreeSet::new();
        let gone = self.purged(bucket)?;
        let rows: Vec<(Vec<u8>, DocumentRow)> = self.replica.all(&keys::documents(bucket.no()))?;
        for (key, _) in rows {
            let numbers = self.version_numbers(bucket, keys::tag_of(&key)?)?;
            let versions: Vec<Verified<Entry>> = numbers
                .into_iter()
                .map(|no| self.replica.entry(bucket.no(), no))
                .collect::<Result<_>>()?;
            let anew = sealed_anew(bucket, &versions, opens);
            for entry in versions.iter().filter(|entry| !gone.contains(&entry.id())) {
                let of_it = if anew.contains(&entry.id()) {
                    entries.insert(entry.id());
                    &mut chunks
                } else {
                    &mut needed
                };
                of_it.extend(self.needs(bucket, entry)?);
            }
        }
        let entries: Vec<EntryId> = entries.into_iter().collect();
        let chunks: Vec<ChunkId> = chunks.difference(&needed).copied().collect();
        if entries.is_empty() {
            return Ok(());
        }
        info.purged = entries.len() as u64;
        let mut parts = (entries.chunks(BATCH_ENTRIES_MAX), chunks.chunks(BATCH_ENTRIES_MAX));
        loop {
            let (entries, chunks) = (parts.0.next(), parts.1.next());
            if entries.is_none() && chunks.is_none() {
                break;
            }
            let clear = Clear::Purge {
                entries: entries.unwrap_or_default().to_vec(),
                chunks: chunks.unwrap_or_default().to_vec(),
            };
            self.write_purge(bucket, &clear)?;
        }
        info.sent = self.push_best_effort(bucket)?;
        Ok(())
    }

    fn write_purge(&self, bucket: &Bucket, clear: &Clear) -> Result<()> {
        let _lock = self.replica.lock_bucket(bucket.no())?;
        let planned = Planned {
            document: DocumentTag::ZERO,
            kind: Kind::Purge,
            parents: Vec::new(),
            generation: 0,
            clear: clear.encode(),
            plain: encode_reason("sealed anew"),
        };
        let mut intake = Intake::start(&self.replica, bucket.no())?;
        for entry in self.seal(bucket, &[planned], true, &mut intake)? {
            intake.add(Taken::plain(entry), true)?;
        }
        intake.commit().map(drop)
    }

    /// What purge entries named that count. One that was set aside explains no chunk that is
    /// missing: who was taken out may have written it to hide what a provider lost for him.
    pub(super) fn purged(&self, bucket: &Bucket) -> Result<BTreeSet<EntryId>> {
        let mut gone = BTreeSet::new();
        let Some(control) = self.control(bucket)? else { return Ok(gone) };
        let purges = Intake::start(&self.replica, bucket.no())?.checkpoints().purges.clone();
        for id in purges {
            let Some(entry) = self.replica.entry_by_id(bucket.no(), id)? else { continue };
            if !counts(&control, entry.header()) {
                continue;
            }
            if let Ok(Clear::Purge { entries, .. }) = Clear::decode(Kind::Purge, entry.clear()) {
                gone.extend(entries);
            }
        }
        Ok(gone)
    }

    /// The chunks a version needs, lists of them and what these name.
    pub(super) fn needs(&self, bucket: &Bucket, entry: &Entry) -> Result<Vec<ChunkId>> {
        let Ok(Clear::Version(version)) = Clear::decode(entry.header().kind, entry.clear()) else {
            return Ok(Vec::new());
        };
        let lists = match version.references {
            References::Chunks(ids) => return Ok(ids),
            References::Lists(lists) => lists,
        };
        let fetcher = Fetcher::new(self, bucket);
        let mut ids = lists.clone();
        for list in lists {
            let list = fetcher.chunk(list)?;
            ids.extend(list.bytes().as_chunks::<32>().0.iter().map(|id| ChunkId(*id)));
        }
        fetcher.end()?;
        Ok(ids)
    }
}

/// Versions under these epochs whose content stands, unchanged, in one that follows them alone and
/// is under another.
fn sealed_anew(
    bucket: &Bucket,
    versions: &[Verified<Entry>],
    opens: &BTreeSet<EntryId>,
) -> BTreeSet<EntryId> {
    let said = |id: &EntryId| {
        let entry = versions.iter().find(|entry| entry.id() == *id)?;
        opens.contains(&entry.header().epoch).then(|| bucket.keyring.open_version(entry).ok())?
    };
    let mut found = BTreeSet::new();
    for entry in versions.iter().filter(|entry| !opens.contains(&entry.header().epoch)) {
        let [parent] = entry.header().parents[..] else { continue };
        let Ok(now) = bucket.keyring.open_version(entry) else { continue };
        if said(&parent).is_some_and(|before| before.metadata == now.metadata) {
            found.insert(parent);
        }
    }
    found
}
