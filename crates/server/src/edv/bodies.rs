//! Bodies of documents and chunks. Comes in: JSON that was checked. Goes out: where it lies, and
//! the JSON again. Must not know: what it says.
//!
//! A small body stands in its row. A large one is cut into blobs under random ids: equal bodies do
//! not share, so a blob has one owner and goes with it.

use strongroom_store::{Batch, BlobId};
use strongroom_wire::edv::ids::LocalId;
use strongroom_wire::problem::Problem;

use super::failure::Failure;
use super::open::damage;
use super::rows::{self, BodyRow, Lies};
use crate::body::{Room, Rooms};
use crate::provider::Provider;
use crate::store::random;

/// Bytes of a body that stands in its row. Above it, the store's index would carry it along.
const HERE_MAX: usize = 64 << 10;
/// Bytes of one piece.
const PIECE_LEN: usize = 2 << 20;
/// How often a body is looked up while others replace it.
const TRIES: usize = 8;

/// A body whose blobs, if it has any, are durable.
pub struct Laid {
    /// Where it lies.
    pub lies: Lies,
    row: Vec<u8>,
}

/// A body that was read.
pub struct Read {
    /// The first half of its hash.
    pub tag: [u8; 16],
    /// The body.
    pub bytes: Vec<u8>,
    /// Its room among answers.
    pub room: Option<Room>,
}

/// Whether a body of this length needs blobs: whoever lays it holds the gate for them.
pub const fn needs_blobs(len: usize) -> bool {
    len > HERE_MAX
}

/// Makes the blobs of a body durable. Where it [`needs_blobs`], the caller holds the blob gate
/// until their owner's rows are durable too.
pub async fn lay(provider: &Provider, body: &[u8]) -> Result<Laid, Failure> {
    let mut tag = [0; 16];
    tag.copy_from_slice(blake3::hash(body).as_bytes().split_at(16).0);
    let mut lies = Lies { len: body.len() as u64, pieces: Vec::new() };
    if !needs_blobs(body.len()) {
        let row = BodyRow { tag, here: Some(body), pieces: Vec::new() }.encode();
        return Ok(Laid { lies, row });
    }
    let mut blobs = Vec::new();
    for piece in body.chunks(PIECE_LEN) {
        let id = BlobId(random()?);
        lies.pieces.push((id, piece.len() as u32));
        blobs.push((id, piece.to_vec()));
    }
    provider.store.put_blobs(blobs).await?;
    let row = BodyRow { tag, here: None, pieces: lies.pieces.clone() }.encode();
    Ok(Laid { lies, row })
}

impl Laid {
    /// Its blobs.
    pub fn blobs(&self) -> Vec<BlobId> {
        self.lies.pieces.iter().map(|(blob, _)| *blob).collect()
    }

    /// Writes the body under `key`, and who owns its blobs.
    pub fn write(&self, batch: &mut Batch, key: Vec<u8>, vault: LocalId, document: LocalId) {
        for (blob, _) in &self.lies.pieces {
            batch.put(rows::owner(*blob, vault, document), Vec::new());
        }
        batch.put(key, self.row.as_slice());
    }
}

/// What came of writing a body. Of one that was refused no blob stays: who is refused again and
/// again must not fill the disk. The caller no longer holds the gate.
pub async fn kept<T>(
    provider: &Provider,
    laid: &Laid,
    written: Result<T, Failure>,
) -> Result<T, Failure> {
    if written.is_err() {
        delete(provider, laid.blobs()).await;
    }
    written
}

/// Lets go of a body's blobs; gives those that must be deleted once the batch is durable.
pub fn let_go(batch: &mut Batch, lies: &Lies, vault: LocalId, document: LocalId) -> Vec<BlobId> {
    for (blob, _) in &lies.pieces {
        batch.delete(rows::owner(*blob, vault, document));
    }
    lies.pieces.iter().map(|(blob, _)| *blob).collect()
}

/// Deletes blobs that nobody owns any more. They are only in the way: if it fails, the next start
/// finds them.
pub async fn delete(provider: &Provider, blobs: Vec<BlobId>) {
    if !blobs.is_empty() && provider.buckets.delete_unowned(blobs).await.is_err() {
        tracing::warn!("could not delete blobs of a vault; the next start will");
    }
}

/// The body under `key`, in room taken for it first, if there is any to take it from.
pub async fn read(
    provider: &Provider,
    key: &[u8],
    rooms: Option<&Rooms>,
) -> Result<Option<Read>, Failure> {
    let take = async |len| match rooms {
        Some(rooms) => Ok::<_, Failure>(Some(rooms.take(len).await?)),
        None => Ok(None),
    };
    'again: for _ in 0..TRIES {
        let Some(mut row) = provider.store.rows.get(key)? else { return Ok(None) };
        let found = BodyRow::decode(&row).ok_or_else(damage)?;
        let (tag, len) = (found.tag, found.len());
        if let Some(here) = found.here {
            let head = row.len() - here.len();
            row.drain(..head);
            return Ok(Some(Read { tag, bytes: row, room: take(len).await? }));
        }
        let room = take(len).await?;
        let mut bytes = Vec::with_capacity(len);
        for (blob, len) in found.pieces {
            match provider.store.read_blob(blob, 0..u64::from(len)).await? {
                Some(piece) => bytes.extend_from_slice(&piece),
                // Replaced, or deleted, since its row was read.
                None => continue 'again,
            }
        }
        return Ok(Some(Read { tag, bytes, room }));
    }
    tracing::error!("a body of a vault is gone while its row is there; run the store's check");
    Err(Problem::Damaged.into())
}

/// The tag of the body under `key`, without reading it.
pub fn tag(provider: &Provider, key: &[u8]) -> Result<Option<[u8; 16]>, Failure> {
    let row = provider.store.rows.get(key)?;
    row.map(|row| BodyRow::decode(&row).map(|found| found.tag).ok_or_else(damage)).transpose()
}

/// Bytes of the body under `key`, without reading it.
pub fn len(provider: &Provider, key: &[u8]) -> Result<usize, Failure> {
    let Some(row) = provider.store.rows.get(key)? else { return Ok(0) };
    Ok(BodyRow::decode(&row).ok_or_else(damage)?.len())
}
