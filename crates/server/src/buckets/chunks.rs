//! Chunks of a bucket. Comes in: sealed bytes whose hash was checked. Goes out: ranges of them, to
//! those the bucket is open to. Must not know: what they are part of.
//!
//! A chunk belongs to (bucket, hash); its bytes are kept once and go when the last bucket lets go.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use strongroom_store::{Batch, BlobId, Scan};
use strongroom_wire::ids::{BucketId, ChunkId};
use strongroom_wire::limits::LOST_CHUNKS_MAX;

use super::{Admitted, Arriving, Bringing, Bucket, Buckets, Change};
use crate::refusal::Refusal;
use crate::rows::{self, ChunkRow, OVERHEAD};
use crate::store::{now_secs, offload};

/// A chunk that arrived, its hash checked.
pub type ArrivedChunk = (ChunkId, Vec<u8>);

/// Orphans looked at in one step of the sweep, and blobs in one step of the search for lost ones.
const SWEEP_STEP: usize = 256;

impl Buckets {
    /// Makes chunks durable, then the bucket's, together with the entries of the same request.
    /// The quota is asked before anything is written.
    pub async fn store(
        self: &Arc<Self>,
        bucket: &Arc<Bucket>,
        chunks: Vec<ArrivedChunk>,
        bringing: Bringing,
    ) -> Result<Admitted, Refusal> {
        let list: Vec<(ChunkId, u32)> =
            chunks.iter().map(|(id, bytes)| (*id, bytes.len() as u32)).collect();
        let new = self.not_owned(bucket, &list)?;
        let bytes = new.iter().map(|(_, len)| u64::from(*len) + OVERHEAD).sum();
        let reserved = bucket.vault.reserve(bytes)?;
        if chunks.is_empty() {
            let arriving = Arriving { bringing, chunks: list, reserved };
            return self.admit(bucket, arriving).await;
        }
        // From here to the durable row of its owner, no blob of these may be collected. Those the
        // bucket has go to the store as well: it looks whether it still has their bytes.
        let gate = self.blob_gate.read().await;
        let blobs = chunks.into_iter().map(|(id, bytes)| (BlobId(id.0), bytes)).collect();
        self.store.put_blobs(blobs).await?;
        let arriving = Arriving { bringing, chunks: list, reserved };
        let admitted = self.admit(bucket, arriving).await;
        drop(gate);
        admitted
    }

    fn not_owned(
        &self,
        bucket: &Bucket,
        chunks: &[(ChunkId, u32)],
    ) -> Result<Vec<(ChunkId, u32)>, Refusal> {
        let mut new = Vec::new();
        for (id, len) in chunks {
            if self.chunk_row(bucket.id, *id)?.is_none() {
                new.push((*id, *len));
            }
        }
        Ok(new)
    }

    fn chunk_row(&self, bucket: BucketId, id: ChunkId) -> Result<Option<ChunkRow>, Refusal> {
        let row = self.store.rows.get(&rows::chunk(bucket, id))?;
        let row = row.map(|row| ChunkRow::decode(&row).ok_or_else(super::damaged)).transpose()?;
        Ok(row.filter(ChunkRow::is_here))
    }

    /// Chunks that entries refer to and that are lost; at most as many as one frame names.
    pub fn lost(&self, bucket: &Bucket) -> Result<Vec<ChunkId>, Refusal> {
        if !bucket.may_lack.load(Ordering::Acquire) {
            return Ok(Vec::new());
        }
        let mut lost = Vec::new();
        self.store.rows.scan(&Scan::prefix(rows::all_lost(bucket.id)), &mut |key, _| {
            lost.extend(rows::chunk_of_lost(key));
            if lost.len() < LOST_CHUNKS_MAX {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        Ok(lost)
    }

    /// The length of a chunk put under this bucket.
    pub fn chunk_len(&self, bucket: BucketId, id: ChunkId) -> Result<Option<u32>, Refusal> {
        Ok(self.chunk_row(bucket, id)?.map(|row| row.len))
    }

    /// A range of a chunk put under this bucket. The caller has asked for its length.
    pub async fn read_chunk(&self, id: ChunkId, range: Range<u64>) -> Result<Vec<u8>, Refusal> {
        // An owner row without bytes would be a damaged store, not an unknown chunk.
        self.store.read_blob(BlobId(id.0), range).await?.ok_or_else(super::damaged)
    }

    /// Which of these were put under this bucket. An orphan among them is young again: whoever
    /// asks is about to refer to it.
    pub async fn have(
        &self,
        bucket: &Arc<Bucket>,
        ids: &[ChunkId],
        orphan_age: Duration,
    ) -> Result<Vec<bool>, Refusal> {
        let now = now_secs();
        let mut answer = Vec::with_capacity(ids.len());
        let mut ageing = Vec::new();
        for id in ids {
            let row = self.chunk_row(bucket.id, *id)?;
            answer.push(row.is_some());
            let since = row.map_or(0, |row| row.orphan_since);
            if since != 0 && now.saturating_sub(since) > orphan_age.as_secs() / 2 {
                ageing.push(*id);
            }
        }
        if !ageing.is_empty() {
            self.renew(bucket, &ageing, now).await?;
        }
        Ok(answer)
    }

    async fn renew(&self, bucket: &Arc<Bucket>, ids: &[ChunkId], now: u64) -> Result<(), Refusal> {
        let mut state = bucket.lock().await?;
        let mut batch = Batch::new();
        let mut change = Change::of(state.meta);
        for id in ids {
            let Some(row) = state.chunk(&self.store, bucket.id, *id)? else { continue };
            if row.orphan_since == 0 || !row.is_here() {
                continue;
            }
            let young = ChunkRow { orphan_since: now, ..row };
            batch.delete(rows::orphan(row.orphan_since, bucket.id, *id));
            batch.put(rows::orphan(now, bucket.id, *id), Vec::new());
            batch.put(rows::chunk(bucket.id, *id), young.encode());
            change.chunks.push((*id, Some(young)));
        }
        let answer = bucket.submit(&self.store, &mut state, batch, &change, |_| ());
        drop(state);
        answer.await
    }

    /// Drops orphans put before `age` ago. Gives how many.
    pub async fn sweep(self: &Arc<Self>, age: Duration) -> Result<u64, Refusal> {
        let before = now_secs().saturating_sub(age.as_secs());
        let mut collected = 0;
        let mut from = rows::orphans_before(0);
        loop {
            let (this, scan) = (self.clone(), Scan::range(from, rows::orphans_before(before)));
            let found = offload(move || this.orphans(&scan)).await??;
            let Some((last, _)) = found.last() else { return Ok(collected) };
            from = [last.as_slice(), &[0]].concat();
            for (_, (since, bucket, chunk)) in found {
                collected += u64::from(self.drop_orphan(bucket, chunk, since).await?);
            }
        }
    }

    #[expect(clippy::type_complexity, reason = "a key and its three parts, used once")]
    fn orphans(&self, scan: &Scan) -> Result<Vec<(Vec<u8>, (u64, BucketId, ChunkId))>, Refusal> {
        let mut found = Vec::new();
        self.store.rows.scan(scan, &mut |key, _| {
            found.extend(rows::parts_of_orphan(key).map(|parts| (key.to_vec(), parts)));
            if found.len() < SWEEP_STEP {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        Ok(found)
    }

    async fn drop_orphan(
        self: &Arc<Self>,
        bucket: BucketId,
        chunk: ChunkId,
        since: u64,
    ) -> Result<bool, Refusal> {
        let Some(bucket) = self.open(bucket).await? else { return Ok(false) };
        let mut state = bucket.lock().await?;
        // An entry may have referred to it since the scan.
        let row = state.chunk(&self.store, bucket.id, chunk)?;
        let Some(row) = row.filter(|row| row.is_here() && row.orphan_since == since) else {
            return Ok(false);
        };
        let mut batch = Batch::new();
        batch.delete(rows::chunk(bucket.id, chunk));
        batch.delete(rows::owner(chunk, bucket.id));
        batch.delete(rows::orphan(since, bucket.id, chunk));
        let mut change = Change::of(state.meta);
        change.meta.chunks = change.meta.chunks.saturating_sub(1);
        change.meta.chunk_bytes = change.meta.chunk_bytes.saturating_sub(u64::from(row.len));
        change.chunks.push((chunk, None));
        let answer = bucket.submit(&self.store, &mut state, batch, &change, |_| ());
        drop(state);
        answer.await?;
        bucket.vault.release(u64::from(row.len) + OVERHEAD);
        self.delete_unowned(vec![BlobId(chunk.0)]).await?;
        self.metrics.chunks_collected.one();
        Ok(true)
    }

    /// Deletes those of these blobs that no bucket owns.
    pub async fn delete_unowned(self: &Arc<Self>, blobs: Vec<BlobId>) -> Result<u64, Refusal> {
        let _gate = self.blob_gate.write().await;
        let this = self.clone();
        offload(move || {
            let mut unowned = Vec::new();
            for blob in blobs {
                let mut owned = false;
                this.store.rows.scan(&Scan::prefix(rows::owners(&blob.0)), &mut |_, _| {
                    owned = true;
                    ControlFlow::Break(())
                })?;
                if !owned {
                    unowned.push(blob);
                }
            }
            this.store.blobs.delete(&unowned)?;
            Ok(unowned.len() as u64)
        })
        .await?
    }

    /// Finds blobs whose owner's row never came: the provider was killed between the two. Looked
    /// for once, at the start.
    pub async fn collect_lost(self: &Arc<Self>) -> Result<u64, Refusal> {
        let (mut after, mut collected) = (None, 0);
        loop {
            let (this, from) = (self.clone(), after);
            let page = offload(move || this.store.blobs.list(from, SWEEP_STEP)).await??;
            let Some(last) = page.last() else { return Ok(collected) };
            after = Some(*last);
            collected += self.delete_unowned(page).await?;
        }
    }
}
