//! What entries name beside other entries: chunks, and what a purge takes away. Comes in: judged
//! entries. Goes out: rows. Must not know: who may write.

use strongroom_store::BlobId;
use strongroom_wire::clear::References;
use strongroom_wire::control::ControlError;
use strongroom_wire::entry::Entry;
use strongroom_wire::ids::{ChunkId, EntryId};
use strongroom_wire::limits::REFERENCE_LIST_IDS_MAX;
use strongroom_wire::problem::Problem;

use super::{Judged, Judging, invalid, refuse};
use crate::buckets::damaged;
use crate::refusal::{Member, Refusal};
use crate::rows::{self, ChunkRow, OVERHEAD};

impl Judging<'_> {
    /// Every chunk a version names was put under this bucket; from now on it is no orphan.
    pub(super) fn refer(
        &mut self,
        entry: &Entry,
        references: &References,
        judged: &mut Judged,
    ) -> Result<(), Refusal> {
        for id in references.direct() {
            self.refer_to_one(entry, *id, judged)?;
        }
        if let References::Lists(lists) = references {
            let mut before = None;
            for list in lists {
                let bytes = self.store.blobs.get(&BlobId(list.0), 0..u64::MAX)?;
                let Some(bytes) = bytes else {
                    if !self.lost.contains(list) {
                        return Err(missing(entry, *list));
                    }
                    // What it names is known when it comes back.
                    self.lack(*list, true, judged);
                    continue;
                };
                let ids = ids_of_list(&bytes)
                    .ok_or_else(|| invalid(entry, "a reference list is malformed"))?;
                for id in ids {
                    if before.is_some_and(|before| before >= *id) {
                        return Err(invalid(entry, "a reference list is out of order"));
                    }
                    before = Some(*id);
                    self.refer_to_one(entry, ChunkId(*id), judged)?;
                }
            }
        }
        Ok(())
    }

    /// Drops what a purge names: sealed parts, of which the hash stays, and chunks. Headers and
    /// clear parts stay, so the set of entries does not change.
    pub(super) fn purge(
        &self,
        entry: &Entry,
        entries: &[EntryId],
        chunks: &[ChunkId],
        judged: &mut Judged,
    ) -> Result<(), Refusal> {
        for id in entries {
            let place = self.state.place(self.store, self.bucket, *id)?;
            let place = place.ok_or_else(|| refuse(entry, ControlError::Missing))?;
            let key = rows::arrival(self.bucket, place.number);
            // What is still on its way to the disk cannot be purged in the same breath.
            let row = self.store.rows.get(&key)?;
            let row = row.ok_or_else(|| refuse(entry, ControlError::Missing))?;
            let Some((flags, stored)) = row.split_first() else { return Err(damaged()) };
            let old = Entry::decode(stored).map_err(|_| damaged())?;
            if old.header().kind.is_control() {
                return Err(invalid(entry, "purges a part of the control log"));
            }
            let kept = old.without_sealed().encode();
            let less = stored.len().saturating_sub(kept.len()) as u64;
            judged.change.meta.entry_bytes = judged.change.meta.entry_bytes.saturating_sub(less);
            judged.freed += less;
            judged.batch.put(key, [&[*flags][..], &kept].concat());
        }
        for id in chunks {
            self.purge_chunk(*id, judged)?;
        }
        Ok(())
    }

    fn purge_chunk(&self, id: ChunkId, judged: &mut Judged) -> Result<(), Refusal> {
        if judged.lost.contains(&BlobId(id.0)) {
            return Ok(());
        }
        let Some(row) = self.state.chunk(self.store, self.bucket, id)? else { return Ok(()) };
        judged.batch.delete(rows::chunk(self.bucket, id));
        if !row.is_here() {
            judged.batch.delete(rows::lost(self.bucket, id));
            judged.change.chunks.push((id, None));
            return Ok(());
        }
        judged.batch.delete(rows::owner(id, self.bucket));
        if row.orphan_since != 0 {
            judged.batch.delete(rows::orphan(row.orphan_since, self.bucket, id));
        }
        let meta = &mut judged.change.meta;
        meta.chunks = meta.chunks.saturating_sub(1);
        meta.chunk_bytes = meta.chunk_bytes.saturating_sub(u64::from(row.len));
        judged.freed += u64::from(row.len) + OVERHEAD;
        judged.change.chunks.push((id, None));
        judged.lost.push(BlobId(id.0));
        Ok(())
    }

    fn refer_to_one(
        &mut self,
        entry: &Entry,
        id: ChunkId,
        judged: &mut Judged,
    ) -> Result<(), Refusal> {
        if let Some((_, referred)) = self.chunks.get_mut(&id) {
            *referred = true;
            return Ok(());
        }
        let row = self.state.chunk(self.store, self.bucket, id)?;
        match row {
            Some(row) if row.is_here() => self.keep_chunk(id, row, judged),
            _ if self.lost.contains(&id) => self.lack(id, false, judged),
            _ => return Err(missing(entry, id)),
        }
        Ok(())
    }

    /// From now on it is no orphan.
    fn keep_chunk(&self, id: ChunkId, row: ChunkRow, judged: &mut Judged) {
        if row.orphan_since == 0 {
            return;
        }
        let kept = ChunkRow { orphan_since: 0, ..row };
        judged.batch.put(rows::chunk(self.bucket, id), kept.encode());
        judged.batch.delete(rows::orphan(row.orphan_since, self.bucket, id));
        judged.change.chunks.push((id, Some(kept)));
    }

    /// Remembers that an entry refers to a chunk that is lost. Nobody can read or claim it by this;
    /// whoever brings it back need not bring the entry again.
    fn lack(&self, id: ChunkId, is_list: bool, judged: &mut Judged) {
        let row = ChunkRow::lost(is_list);
        judged.batch.put(rows::chunk(self.bucket, id), row.encode());
        judged.batch.put(rows::lost(self.bucket, id), Vec::new());
        judged.change.chunks.push((id, Some(row)));
        judged.change.lacks = true;
    }

    /// A lost reference list is back: what it names is referred to, or lost as well.
    fn refer_as_list(&mut self, list: ChunkId, judged: &mut Judged) -> Result<(), Refusal> {
        let bytes = self.store.blobs.get(&BlobId(list.0), 0..u64::MAX)?;
        let Some(ids) = bytes.as_deref().and_then(ids_of_list) else { return Ok(()) };
        for id in ids.iter().copied().map(ChunkId) {
            if let Some((_, referred)) = self.chunks.get_mut(&id) {
                *referred = true;
                continue;
            }
            match self.state.chunk(self.store, self.bucket, id)? {
                Some(row) if row.is_here() => self.keep_chunk(id, row, judged),
                _ => self.lack(id, false, judged),
            }
        }
        Ok(())
    }

    /// Adds the rows of the chunks that came with the request.
    pub(super) fn own_chunks(&mut self, judged: &mut Judged) -> Result<(), Refusal> {
        self.find_again(judged)?;
        for (id, (len, referred)) in self.chunks.drain() {
            let orphan_since = if referred { 0 } else { self.now };
            let row = ChunkRow { len, orphan_since };
            judged.batch.put(rows::chunk(self.bucket, id), row.encode());
            judged.batch.put(rows::owner(id, self.bucket), Vec::new());
            if !referred {
                judged.batch.put(rows::orphan(orphan_since, self.bucket, id), Vec::new());
            }
            let change = &mut judged.change;
            change.meta.chunks += 1;
            change.meta.chunk_bytes += u64::from(len);
            change.owned += 1;
            change.chunks.push((id, Some(row)));
            judged.new_bytes += u64::from(len) + OVERHEAD;
        }
        Ok(())
    }

    /// Chunks that were lost and come with this request: entries refer to them already.
    fn find_again(&mut self, judged: &mut Judged) -> Result<(), Refusal> {
        let ids: Vec<ChunkId> = self.chunks.keys().copied().collect();
        for id in ids {
            let Some(row) = self.state.chunk(self.store, self.bucket, id)? else { continue };
            judged.batch.delete(rows::lost(self.bucket, id));
            if let Some((_, referred)) = self.chunks.get_mut(&id) {
                *referred = true;
            }
            if row.is_lost_list() {
                self.refer_as_list(id, judged)?;
            }
        }
        Ok(())
    }
}

/// The chunks a reference list names; `None`: it is none.
pub(in crate::buckets) fn ids_of_list(bytes: &[u8]) -> Option<&[[u8; 32]]> {
    let (ids, rest) = bytes.as_chunks::<32>();
    let sound = rest.is_empty() && !ids.is_empty() && ids.len() <= REFERENCE_LIST_IDS_MAX;
    sound.then_some(ids)
}

fn missing(entry: &Entry, chunk: ChunkId) -> Refusal {
    Refusal::from(Problem::MissingChunk)
        .with(Member::Entry, entry.id().to_base32())
        .with(Member::Chunk, chunk.to_base32())
}
