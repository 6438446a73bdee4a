//! Chunks of documents. Comes in: chunks that were checked, by a request that was let through. Goes
//! out: one batch each, or a refusal. Must not know: requests, what is sealed.
//!
//! A chunk is taken only while its document has the sequence it was sent under; many may come at
//! once, because none of them changes the document.

use strongroom_store::BlobId;
use strongroom_wire::edv::ids::LocalId;
use strongroom_wire::edv::model::Chunk;

use super::bodies::{self, Laid};
use super::documents::gate_for;
use super::failure::{Failure, Kind};
use super::open::{OpenVault, TRIES, damage, overrun};
use super::rows::{self, ChunkRow, DocumentRow, Lies};
use crate::buckets::Reserved;
use crate::provider::Provider;
use crate::rows::OVERHEAD;
use crate::store::random;

const NO_CHUNK: Failure = Failure::not_found("No such chunk.");

/// A chunk as it is stored: its row, and what that says.
type Stored = Option<(Vec<u8>, ChunkRow)>;

fn stored(provider: &Provider, key: &[u8]) -> Result<Stored, Failure> {
    let Some(bytes) = provider.store.rows.get(key)? else { return Ok(None) };
    let row = ChunkRow::decode(&bytes).map_err(|_| damage())?;
    Ok(Some((bytes, row)))
}

fn old(found: &Stored) -> Lies {
    found.as_ref().map_or_else(Lies::default, |(_, row)| row.lies.clone())
}

fn old_len(found: &Stored) -> u64 {
    found.as_ref().map_or(0, |(_, row)| row.lies.len + OVERHEAD)
}

/// Stores a chunk, in the place of what stands under its index.
pub async fn put(
    provider: &Provider,
    vault: &OpenVault,
    document: LocalId,
    (chunk, body): (Chunk, &[u8]),
) -> Result<(), Failure> {
    let key = rows::chunk(vault.id, document, chunk.index);
    current(provider, vault, document, chunk.sequence)?;
    let new = body.len() as u64 + OVERHEAD;
    let found = stored(provider, &key)?;
    let mut reserved = vault.live.used.reserve(new.saturating_sub(old_len(&found)))?;
    let gate = gate_for(provider, body.len()).await;
    let laid = bodies::lay(provider, body).await?;
    let put = Put { vault, document, chunk, laid: &laid };
    let done = put.submit(provider, (&mut reserved, new)).await;
    drop(gate);
    let (blobs, old) = bodies::kept(provider, &laid, done).await?;
    reserved.used();
    vault.live.used.release(old.saturating_sub(new));
    provider.metrics.edv_chunks_stored.one();
    bodies::delete(provider, blobs).await;
    Ok(())
}

/// One chunk that is about to be stored.
struct Put<'a> {
    vault: &'a OpenVault,
    document: LocalId,
    chunk: Chunk,
    laid: &'a Laid,
}

impl Put<'_> {
    /// Stores it, judged anew whenever others were faster. Gives the blobs of the chunk it took the
    /// place of, and what that counted.
    async fn submit(
        &self,
        provider: &Provider,
        (reserved, new): (&mut Reserved, u64),
    ) -> Result<(Vec<BlobId>, u64), Failure> {
        let (vault, document, chunk) = (self.vault, self.document, self.chunk);
        let key = rows::chunk(vault.id, document, chunk.index);
        for _ in 0..TRIES {
            let (document_key, document_row) = current(provider, vault, document, chunk.sequence)?;
            let found = stored(provider, &key)?;
            reserved.resize(new.saturating_sub(old_len(&found)))?;
            let mut batch = vault.batch();
            batch.expect_equals(document_key, document_row);
            match &found {
                None => batch.expect_absent(key.as_slice()),
                Some((bytes, _)) => batch.expect_equals(key.as_slice(), bytes.as_slice()),
            };
            let blobs = bodies::let_go(&mut batch, &old(&found), vault.id, document);
            let lies = self.laid.lies.clone();
            let row = ChunkRow { sequence: chunk.sequence, tag: random()?, lies };
            batch.put(key.as_slice(), row.encode());
            let body_key = rows::chunk_body(vault.id, document, chunk.index);
            self.laid.write(&mut batch, body_key, vault.id, document);
            if vault.outcome(provider.store.commit(batch).await)? {
                return Ok((blobs, old_len(&found)));
            }
        }
        Err(overrun())
    }
}

/// The document's row, if it has this sequence.
fn current(
    provider: &Provider,
    vault: &OpenVault,
    document: LocalId,
    sequence: u64,
) -> Result<(Vec<u8>, Vec<u8>), Failure> {
    let key = rows::document(vault.id, document);
    let bytes = provider.store.rows.get(&key)?;
    let bytes = bytes.ok_or(Failure::not_found("No such document."))?;
    let row = DocumentRow::decode(&bytes).map_err(|_| damage())?;
    if row.sequence == sequence {
        Ok((key, bytes))
    } else {
        Err(Failure::new(Kind::InvalidState, "The sequence is not the document's."))
    }
}

/// Removes a chunk.
pub async fn remove(
    provider: &Provider,
    vault: &OpenVault,
    document: LocalId,
    index: u64,
) -> Result<(), Failure> {
    let key = rows::chunk(vault.id, document, index);
    for _ in 0..TRIES {
        let (bytes, row) = stored(provider, &key)?.ok_or(NO_CHUNK)?;
        let mut batch = vault.batch();
        batch.expect_equals(key.as_slice(), bytes).delete(key.as_slice());
        batch.delete(rows::chunk_body(vault.id, document, index));
        let blobs = bodies::let_go(&mut batch, &row.lies, vault.id, document);
        if vault.outcome(provider.store.commit(batch).await)? {
            vault.live.used.release(row.lies.len + OVERHEAD);
            bodies::delete(provider, blobs).await;
            return Ok(());
        }
    }
    Err(overrun())
}
