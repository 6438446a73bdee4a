//! Documents of a vault. Comes in: documents that were checked, by a request that was let through.
//! Goes out: one batch each, or a refusal. Must not know: requests, what is sealed.
//!
//! Sequence, unique attributes, index, chunks that fall away, the order of changes: all of it is
//! one batch, applied only if nothing it was judged by has changed. Who was slower is judged anew.

use std::ops::ControlFlow;

use strongroom_store::{Batch, BlobId, Scan};
use strongroom_wire::edv::ids::LocalId;
use strongroom_wire::edv::limits::DOCUMENT_LEN_MAX;
use strongroom_wire::edv::model::{Document, IndexEntry, Stream};
use strongroom_wire::problem::Problem;
use tokio::sync::RwLockReadGuard;

use super::bodies::{self, Laid};
use super::failure::{Failure, Kind};
use super::index::{self, Claim};
use super::open::{OpenVault, TRIES, damage, overrun};
use super::rows::{self, ChangeRow, ChunkRow, DocumentRow};
use crate::buckets::Reserved;
use crate::provider::Provider;
use crate::rows::OVERHEAD;
use crate::store::offload;

/// What a put may find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// Nothing under this id.
    Insert,
    /// The document as of the sequence before; or nothing.
    Update,
    /// The document as of this very sequence: only its index changes.
    Reindex,
}

/// A document as it is stored, and the row it was read from.
struct Stored {
    key: Vec<u8>,
    bytes: Vec<u8>,
    row: DocumentRow,
}

fn stored(
    provider: &Provider,
    vault: &OpenVault,
    document: LocalId,
) -> Result<Option<Stored>, Failure> {
    let key = rows::document(vault.id, document);
    let Some(bytes) = provider.store.rows.get(&key)? else { return Ok(None) };
    let row = DocumentRow::decode(&bytes).map_err(|_| damage())?;
    Ok(Some(Stored { key, bytes, row }))
}

impl Put {
    fn judge(self, found: Option<&Stored>, sequence: u64) -> Result<(), Failure> {
        let found = found.map(|it| &it.row);
        let late = Failure::new(Kind::InvalidState, "The sequence is not the next one.");
        match (self, found) {
            (Self::Insert, Some(_)) => {
                Err(Failure::new(Kind::Duplicate, "A document of this id is here."))
            }
            (Self::Reindex, None) => Err(NO_DOCUMENT),
            (Self::Reindex, Some(row)) if row.sequence != sequence => Err(late),
            (Self::Update, Some(row)) if row.sequence.checked_add(1) != Some(sequence) => Err(late),
            _ => Ok(()),
        }
    }
}

/// Stores a document.
pub async fn put(
    provider: &Provider,
    vault: &OpenVault,
    (document, body): (&Document, &[u8]),
    how: Put,
) -> Result<(), Failure> {
    let terms = index::terms(document);
    let new = body.len() as u64 + OVERHEAD;
    let (found, mut reserved) = found_and_room(provider, vault, (document, body), (how, new))?;
    let gate = gate_for(provider, body.len()).await;
    let laid = bodies::lay(provider, body).await?;
    let change = Change { vault, document, terms: &terms, laid: &laid };
    let done = change.put(provider, found, (how, new), &mut reserved).await;
    drop(gate);
    let out = bodies::kept(provider, &laid, done).await?;
    reserved.used();
    out.settle(provider, vault).await
}

/// What a put would take the place of, and the room it may need for that.
fn found_and_room(
    provider: &Provider,
    vault: &OpenVault,
    (document, body): (&Document, &[u8]),
    (how, new): (Put, u64),
) -> Result<(Option<Stored>, Reserved), Failure> {
    let used = &vault.live.used;
    // Nothing is in the place of most inserts. The batch expects that in any case, so nobody has to
    // look first; but who would write blobs does, or they would be written for nothing, and who
    // finds no room, because the answer may be another one.
    let blind = how == Put::Insert && !bodies::needs_blobs(body.len());
    if let Some(reserved) = blind.then(|| used.reserve(new).ok()).flatten() {
        return Ok((None, reserved));
    }
    let found = stored(provider, vault, document.id)?;
    how.judge(found.as_ref(), document.sequence)?;
    let reserved = used.reserve(growth(found.as_ref(), new))?;
    Ok((found, reserved))
}

/// Puts an entry into the index of a document in the place of the one under the same key. Nothing
/// else of the document changes.
pub async fn reindex(
    provider: &Provider,
    vault: &OpenVault,
    id: LocalId,
    (entry, json): (&IndexEntry, &[u8]),
) -> Result<(), Failure> {
    for _ in 0..TRIES {
        // The row first: what is read after it is of no other state, or the batch does not hold.
        let found = stored(provider, vault, id)?;
        Put::Reindex.judge(found.as_ref(), entry.sequence)?;
        let key = rows::body(vault.id, id);
        let rooms = Some(&provider.answers);
        let Some(body) = bodies::read(provider, &key, rooms).await? else { continue };
        let json = json.to_vec();
        let merge = move || Document::with_entry(&body.bytes, &json);
        let (document, body) = offload(merge).await??;
        let (terms, new) = (index::terms(&document), body.len() as u64 + OVERHEAD);
        if body.len() > DOCUMENT_LEN_MAX {
            return Err(Problem::TooLarge.into());
        }
        let reserved = vault.live.used.reserve(growth(found.as_ref(), new))?;
        let gate = gate_for(provider, body.len()).await;
        let laid = bodies::lay(provider, body.as_bytes()).await?;
        let change = Change { vault, document: &document, terms: &terms, laid: &laid };
        let done = change.submit(provider, found.as_ref(), (Put::Reindex, new)).await;
        drop(gate);
        match bodies::kept(provider, &laid, done).await? {
            Some(out) => {
                reserved.used();
                return out.settle(provider, vault).await;
            }
            None => bodies::delete(provider, laid.blobs()).await,
        }
    }
    Err(overrun())
}

/// Removes a document with its chunks. What is found by it, and what it claimed, is free again.
pub async fn remove(provider: &Provider, vault: &OpenVault, id: LocalId) -> Result<(), Failure> {
    for _ in 0..TRIES {
        let found = stored(provider, vault, id)?.ok_or(NO_DOCUMENT)?;
        let mut batch = vault.batch();
        let mut out = Out::default();
        batch
            .expect_equals(found.key.as_slice(), found.bytes.as_slice())
            .delete(found.key.as_slice());
        batch.delete(rows::body(vault.id, id));
        batch.delete(rows::change(vault.id, found.row.number));
        index::write(&mut batch, &*provider.store.rows, (vault.id, id), &found.row.terms, &[])?;
        out.blobs.extend(bodies::let_go(&mut batch, &found.row.lies, vault.id, id));
        collect_chunks(provider, vault.id, id, Stream::None, (&mut batch, &mut out))?;
        let gone = ChangeRow { document: id, sequence: None };
        let answer = vault.live.submit(&provider.store, batch, gone, |_, _| ())?;
        if vault.outcome(answer.await)? {
            out.bytes += found.row.lies.len + OVERHEAD;
            return out.settle(provider, vault).await;
        }
    }
    Err(overrun())
}

/// Refuses what is not about the document as it is now.
pub fn expect(
    provider: &Provider,
    vault: &OpenVault,
    id: LocalId,
    sequence: u64,
) -> Result<(), Failure> {
    Put::Reindex.judge(stored(provider, vault, id)?.as_ref(), sequence)
}

const NO_DOCUMENT: Failure = Failure::not_found("No such document.");

/// From the blobs of a body to the durable row of their owner, none of them may be collected.
pub async fn gate_for(provider: &Provider, len: usize) -> Option<RwLockReadGuard<'_, ()>> {
    if bodies::needs_blobs(len) { Some(provider.buckets.blob_gate().await) } else { None }
}

fn old_len(found: Option<&Stored>) -> u64 {
    found.map_or(0, |it| it.row.lies.len + OVERHEAD)
}

/// What a vault's use grows by: a smaller document can be put into a full vault.
fn growth(found: Option<&Stored>, new: u64) -> u64 {
    new.saturating_sub(old_len(found))
}

/// What falls away with a batch: blobs, and bytes of chunks and of a longer state.
#[derive(Default)]
struct Out {
    blobs: Vec<BlobId>,
    bytes: u64,
}

impl Out {
    /// The batch is durable: what fell away with it goes.
    async fn settle(self, provider: &Provider, vault: &OpenVault) -> Result<(), Failure> {
        vault.live.used.release(self.bytes);
        provider.metrics.edv_documents_stored.one();
        bodies::delete(provider, self.blobs).await;
        Ok(())
    }
}

/// One state of a document that is about to be stored.
struct Change<'a> {
    vault: &'a OpenVault,
    document: &'a Document,
    terms: &'a [Claim],
    laid: &'a Laid,
}

impl Change<'_> {
    /// Stores it in the place of what was found, looked up and judged anew whenever others were
    /// faster.
    async fn put(
        &self,
        provider: &Provider,
        mut found: Option<Stored>,
        (how, new): (Put, u64),
        reserved: &mut Reserved,
    ) -> Result<Out, Failure> {
        for _ in 0..TRIES {
            if let Some(out) = self.submit(provider, found.as_ref(), (how, new)).await? {
                return Ok(out);
            }
            found = stored(provider, self.vault, self.document.id)?;
            how.judge(found.as_ref(), self.document.sequence)?;
            reserved.resize(growth(found.as_ref(), new))?;
        }
        Err(overrun())
    }

    /// Stores it in the place of what was found. `None`: somebody was faster.
    async fn submit(
        &self,
        provider: &Provider,
        found: Option<&Stored>,
        (how, new): (Put, u64),
    ) -> Result<Option<Out>, Failure> {
        let (vault, id) = (self.vault, self.document.id);
        let mut batch = vault.batch();
        let mut out = Out { bytes: old_len(found).saturating_sub(new), ..Out::default() };
        let key = rows::document(vault.id, id);
        let mut old_terms: &[Claim] = &[];
        match found {
            None => batch.expect_absent(key.as_slice()),
            Some(found) => {
                old_terms = &found.row.terms;
                out.blobs = bodies::let_go(&mut batch, &found.row.lies, vault.id, id);
                batch.delete(rows::change(vault.id, found.row.number));
                batch.expect_equals(key.as_slice(), found.bytes.as_slice())
            }
        };
        index::write(&mut batch, &*provider.store.rows, (vault.id, id), old_terms, self.terms)?;
        if how == Put::Update && found.is_some() {
            let stream = self.document.stream;
            collect_chunks(provider, vault.id, id, stream, (&mut batch, &mut out))?;
        }
        self.laid.write(&mut batch, rows::body(vault.id, id), vault.id, id);
        let sequence = self.document.sequence;
        let change = ChangeRow { document: id, sequence: Some(sequence) };
        let answer = vault.live.submit(&provider.store, batch, change, |number, batch| {
            let (lies, terms) = (self.laid.lies.clone(), self.terms.to_vec());
            batch.put(key, DocumentRow { sequence, number, lies, terms }.encode());
        })?;
        Ok(vault.outcome(answer.await)?.then_some(out))
    }
}

/// Drops the chunks that a document's stream does not have. Each must still be the one looked at.
fn collect_chunks(
    provider: &Provider,
    vault: LocalId,
    document: LocalId,
    stream: Stream,
    (batch, out): (&mut Batch, &mut Out),
) -> Result<(), Failure> {
    let mut found = Vec::new();
    let scan = Scan::prefix(rows::chunks(vault, document));
    provider.store.rows.scan(&scan, &mut |key, value| {
        found.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    })?;
    for (key, value) in found {
        let index = rows::index_of_chunk(&key).ok_or_else(damage)?;
        let row = ChunkRow::decode(&value).map_err(|_| damage())?;
        if stream.keeps(index, row.sequence) {
            continue;
        }
        batch.expect_equals(key.as_slice(), value).delete(key);
        batch.delete(rows::chunk_body(vault, document, index));
        out.blobs.extend(bodies::let_go(batch, &row.lies, vault, document));
        out.bytes += row.lies.len + OVERHEAD;
    }
    Ok(())
}
