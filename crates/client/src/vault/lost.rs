//! What a provider lost. Comes in: a refusal, or a provider's word, that chunks are missing there.
//! Goes out: what this device still has is there again, and the rest is named. Must not know: why
//! they were lost.
//!
//! An entry whose chunks are gone stays in its author's chain: without it nothing after it would be
//! taken any more. So it is sent with the chunks that nobody can bring declared as lost, and the
//! documents are named. See docs/design/lost-chunks.md.

use std::collections::BTreeSet;

use bytes::Bytes;
use strongroom_seal::stream::ArrivedChunk;
use strongroom_store::{BlobId, Blobs as _};
use strongroom_wire::clear::{Clear, References, Version};
use strongroom_wire::entry::{Entry, Kind};
use strongroom_wire::frame::Frame;
use strongroom_wire::ids::{ChunkId, DocumentTag};
use strongroom_wire::limits::LOST_CHUNKS_MAX;
use strongroom_wire::problem::Problem;

use super::{Bucket, Vault};
use crate::error::{ErrorKind, Result};
use crate::remote::{RemoteError, Session};
use crate::replica::keys;
use crate::replica::rows::RemoteRecord;

/// Requests of one exchange that may be refused for missing chunks, one after the other.
const REFUSED_MAX: u32 = 64;

/// What one exchange found to be lost.
#[derive(Debug, Default)]
pub(super) struct Lost {
    ids: BTreeSet<ChunkId>,
    refused: u32,
}

impl Lost {
    /// Appends what the provider has to be told before it takes the entries.
    pub(super) fn write(&self, body: &mut Vec<u8>) {
        let ids: Vec<ChunkId> = self.ids.iter().copied().collect();
        for some in ids.chunks(LOST_CHUNKS_MAX) {
            Frame::Lost(some.to_vec()).write(body);
        }
    }
}

impl Vault {
    /// Whether a request was refused because chunks are missing, and now another try makes sense:
    /// this device had them, or they are lost and will be declared so.
    pub(super) fn resupplied(
        &self,
        bucket: &Bucket,
        session: &Session,
        sent: (u64, u64),
        error: &RemoteError,
        lost: &mut Lost,
    ) -> Result<bool> {
        let RemoteError::Problem(report) = error else { return Ok(false) };
        lost.refused += 1;
        if report.problem != Problem::MissingChunk || lost.refused > REFUSED_MAX {
            return Ok(false);
        }
        let mut named = BTreeSet::new();
        for no in sent.0 + 1..=sent.1 {
            let entry = self.replica.entry(bucket.no(), no)?;
            self.chunks_of(bucket, session, &entry, &mut named)?;
        }
        named.retain(|id| !lost.ids.contains(id));
        let ids: Vec<ChunkId> = named.into_iter().collect();
        let held = self.runtime()?.block_on(session.have(bucket.record.id, &ids))?;
        let missing = ids.iter().zip(held).filter(|(_, held)| !held).map(|(id, _)| *id);
        // The one it names is missing, whatever it says when asked.
        let missing: BTreeSet<ChunkId> = missing.chain(report.chunk).collect();
        let before = lost.ids.len();
        let gone = self.bring_again(bucket, session, &missing)?;
        let brought = gone.len() < missing.len();
        lost.ids.extend(gone);
        Ok(brought || lost.ids.len() > before)
    }

    /// Puts chunks again that this device still has. Gives those it has not.
    pub(super) fn bring_again(
        &self,
        bucket: &Bucket,
        session: &Session,
        missing: &BTreeSet<ChunkId>,
    ) -> Result<BTreeSet<ChunkId>> {
        let mut gone = BTreeSet::new();
        for id in missing {
            let Some(bytes) = self.whole_in_cache(*id)? else {
                gone.insert(*id);
                continue;
            };
            let putting = session.put_chunk(bucket.record.id, *id, bytes);
            self.runtime()?.block_on(putting)?;
        }
        Ok(gone)
    }

    /// A chunk of the cache, if it is there and what it was.
    pub(crate) fn whole_in_cache(&self, id: ChunkId) -> Result<Option<Bytes>> {
        match self.cached(id) {
            Ok(bytes) => Ok(bytes
                .filter(|bytes| ArrivedChunk::check(id, bytes.clone()).is_ok())
                .map(Bytes::from)),
            Err(error) if error.kind() == ErrorKind::Damaged => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The chunks an entry refers to, those in reference lists too as far as a list can be read.
    fn chunks_of(
        &self,
        bucket: &Bucket,
        session: &Session,
        entry: &Entry,
        into: &mut BTreeSet<ChunkId>,
    ) -> Result<()> {
        if entry.header().kind != Kind::Version {
            return Ok(());
        }
        let Ok(Clear::Version(Version { references, .. })) =
            Clear::decode(Kind::Version, entry.clear())
        else {
            return Ok(());
        };
        into.extend(references.direct());
        let References::Lists(lists) = &references else { return Ok(()) };
        for list in lists {
            let mut bytes = self.whole_in_cache(*list)?;
            if bytes.is_none() {
                let asking = session.get_chunk(bucket.record.id, *list, None);
                bytes = self.runtime()?.block_on(asking).ok();
            }
            let bytes = bytes.unwrap_or_default();
            into.extend(bytes.as_chunks::<32>().0.iter().map(|id| ChunkId(*id)));
        }
        Ok(())
    }

    /// The documents whose current version lacks one of these chunks.
    pub(super) fn lacking(
        &self,
        bucket: &Bucket,
        session: &Session,
        gone: &BTreeSet<ChunkId>,
    ) -> Result<Vec<String>> {
        let mut paths = Vec::new();
        if gone.is_empty() {
            return Ok(paths);
        }
        self.walk(bucket, DocumentTag::ZERO, "", true, &mut |path, shown| {
            let entry = self.replica.entry(bucket.no(), shown.head().no)?;
            let mut named = BTreeSet::new();
            self.chunks_of(bucket, session, &entry, &mut named)?;
            if !named.is_disjoint(gone) {
                paths.push(format!("{}:{path}", bucket.record.label));
            }
            Ok(())
        })?;
        Ok(paths)
    }

    /// A pending chunk whose bytes on this device are damaged can never be sent. It is given up, so
    /// that it does not hold up all others; the entry that needs it names it as lost.
    pub(crate) fn give_up(&self, id: ChunkId) -> Result<()> {
        Ok(self.cache.delete(&[BlobId(id.0)])?)
    }

    /// Opens a bucket again at a provider that had it and does not know it any more: one that was
    /// brought back from a backup made before the bucket. Gives whether it did.
    pub(super) fn reopened(&self, bucket: &Bucket, record: &RemoteRecord) -> Result<bool> {
        if !bucket.is_hosted_by_us() {
            return Ok(false);
        }
        let remote = self.remote(record)?;
        let session = self.vault_session(&remote, record)?;
        let holdings = self.runtime()?.block_on(session.holdings())?;
        if holdings.iter().any(|held| held.bucket == bucket.record.id) {
            return Ok(false);
        }
        self.update_remote(record.no, |record| {
            record.buckets.retain(|id| *id != bucket.record.id);
        })?;
        let Some(record) = self.replica.get::<RemoteRecord>(&keys::remote(record.no))? else {
            return Ok(false);
        };
        self.open_at(bucket, &record)?;
        Ok(true)
    }
}
