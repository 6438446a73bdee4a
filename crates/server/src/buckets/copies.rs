//! Chunks of one bucket that become another's as well. Comes in: two buckets, of which the asker
//! may read the one and write the other; ids. Goes out: which of them are the other's now. Must not
//! know: who asks, what they are part of.
//!
//! No byte of a chunk is read or written: its bytes are kept once, whoever's it is.

use std::sync::Arc;

use strongroom_wire::ids::{BucketId, ChunkId};

use super::{Arriving, Bringing, Bucket, Buckets};
use crate::refusal::Refusal;
use crate::rows::OVERHEAD;

impl Buckets {
    /// Makes chunks that were put under `from` this bucket's. One byte of the answer each: what was
    /// never put there, or is lost, is not copied. The quota is asked before anything is written.
    pub async fn copy(
        self: &Arc<Self>,
        from: BucketId,
        to: &Arc<Bucket>,
        ids: &[ChunkId],
        bringing: Bringing,
    ) -> Result<Vec<bool>, Refusal> {
        // A blob may go with its last owner: from here to the durable row of the new one, none is
        // collected. What `from` lets go of before this line is not found below.
        let gate = self.blob_gate.read().await;
        let (mut here, mut chunks, mut bytes) = (Vec::with_capacity(ids.len()), Vec::new(), 0);
        for id in ids {
            let len = self.chunk_len(from, *id)?;
            here.push(len.is_some());
            if let (Some(len), None) = (len, self.chunk_len(to.id, *id)?) {
                chunks.push((*id, len));
                bytes += u64::from(len) + OVERHEAD;
            }
        }
        let reserved = to.vault.reserve(bytes)?;
        self.admit(to, Arriving { bringing, chunks, reserved }).await?;
        drop(gate);
        Ok(here)
    }
}
