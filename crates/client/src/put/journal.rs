//! The upload journal. Comes in: a large source and the chunks sealed of it. Goes out: after a
//! stop, which chunks need not be made again. Must not know: sockets.
//!
//! Chunk keys are random and stand in a manifest that is written last. So that a killed put goes on
//! where it was, each batch of chunks is journalled, sealed under the local key, before its chunks
//! are sent.

use std::path::Path;

use strongroom_seal::keys::ChunkKey;
use strongroom_seal::stream::ChunkRef;
use strongroom_store::Batch;
use strongroom_wire::cbor::{CborError, Reader, Writer};
use strongroom_wire::ids::{BucketId, ChunkId};
use zeroize::Zeroizing;

use super::source::Look;
use crate::error::Result;
use crate::replica::Replica;
use crate::replica::keys;
use crate::replica::rows::Row;

/// Files below this many bytes are put again from the start.
pub const JOURNAL_FROM: u64 = 8 * 1_048_576;
/// Chunks in one commit of the journal.
pub const JOURNAL_BATCH: usize = 16;

/// What a journal is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalHead {
    /// The source.
    pub path: String,
    /// Into which bucket.
    pub bucket: BucketId,
    /// Size, times and inode of the source, in one number: any change starts again.
    pub look: [u8; 32],
    /// Bytes in all.
    pub size: u64,
    /// When it began, seconds since 1970.
    pub started: u64,
}

impl Row for JournalHead {
    fn write(&self, w: &mut Writer) {
        w.array(5).text(&self.path).bytes(&self.bucket.0).bytes(&self.look).uint(self.size);
        w.uint(self.started);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        r.array_exact(5)?;
        Ok(Self {
            path: r.text(65_536)?.to_owned(),
            bucket: BucketId(r.bytes_exact()?),
            look: r.bytes_exact()?,
            size: r.uint()?,
            started: r.uint()?,
        })
    }
}

/// One sealed chunk of a source.
#[derive(Debug, Clone)]
pub struct JournalPiece {
    /// Its row in the manifest.
    pub reference: ChunkRef,
    /// BLAKE3 of its plaintext.
    pub plain_hash: [u8; 32],
}

impl Row for JournalPiece {
    fn write(&self, w: &mut Writer) {
        w.array(4).bytes(&self.reference.id.0).bytes(&*self.reference.key.to_secret_bytes());
        w.uint(u64::from(self.reference.len)).bytes(&self.plain_hash);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        r.array_exact(4)?;
        let id = ChunkId(r.bytes_exact()?);
        let key = ChunkKey::from_secret_bytes(&Zeroizing::new(r.bytes_exact()?));
        let reference = ChunkRef { id, key, len: r.u32()? };
        Ok(Self { reference, plain_hash: r.bytes_exact()? })
    }
}

/// The journal of one source on its way into one bucket.
pub struct Journal<'a> {
    replica: &'a Replica,
    id: [u8; 16],
    waiting: Vec<(u64, JournalPiece)>,
}

impl<'a> Journal<'a> {
    /// Finds the journal of this source, or starts one. Gives what it remembers, if the source did
    /// not change.
    pub fn open(
        replica: &'a Replica,
        bucket: BucketId,
        path: &Path,
        look: &Look,
        now: u64,
    ) -> Result<(Self, Vec<(u64, JournalPiece)>)> {
        let text = path.to_string_lossy().into_owned();
        let id = id_of(replica, bucket, &text);
        let journal = Self { replica, id, waiting: Vec::new() };
        let print = fingerprint(look);
        let key = keys::journal(&id);
        let known: Option<JournalHead> = replica.get(&key)?;
        if known.is_some_and(|head| head.look == print) {
            let pieces = journal.pieces()?;
            return Ok((journal, pieces));
        }
        let mut batch = journal.removal()?;
        let head = JournalHead { path: text, bucket, look: print, size: look.size, started: now };
        replica.put(&mut batch, key, &head)?;
        replica.rows().commit(batch)?;
        Ok((journal, Vec::new()))
    }

    fn pieces(&self) -> Result<Vec<(u64, JournalPiece)>> {
        let rows = self.replica.all::<JournalPiece>(&keys::journal_pieces(&self.id))?;
        let index = |key: &[u8]| key.last_chunk::<8>().map(|at| u64::from_be_bytes(*at));
        Ok(rows.into_iter().filter_map(|(key, row)| Some((index(&key)?, row))).collect())
    }

    /// Remembers a sealed chunk; true when a batch is full and should be committed.
    pub fn add(&mut self, index: u64, piece: JournalPiece) -> bool {
        self.waiting.push((index, piece));
        self.waiting.len() >= JOURNAL_BATCH
    }

    /// Commits what was added. Only then may these chunks be sent.
    pub fn commit(&mut self) -> Result<()> {
        let mut batch = Batch::new();
        for (index, piece) in self.waiting.drain(..) {
            self.replica.put(&mut batch, keys::journal_piece(&self.id, index), &piece)?;
        }
        if batch.is_empty() { Ok(()) } else { Ok(self.replica.rows().commit(batch)?) }
    }

    /// The source is stored: forgets everything.
    pub fn close(self) -> Result<()> {
        let batch = self.removal()?;
        Ok(self.replica.rows().commit(batch)?)
    }

    fn removal(&self) -> Result<Batch> {
        let mut batch = Batch::new();
        remove(self.replica, &self.id, &mut batch)?;
        Ok(batch)
    }
}

fn remove(replica: &Replica, id: &[u8; 16], batch: &mut Batch) -> Result<()> {
    batch.delete(keys::journal(id));
    replica.each(&keys::journal_pieces(id), |key, _| {
        batch.delete(key);
        Ok(true)
    })
}

/// Forgets the journal of a source that turned out to be stored: the put that made it was cut short
/// after its last commit.
pub fn forget(replica: &Replica, bucket: BucketId, path: &Path) -> Result<()> {
    let id = id_of(replica, bucket, &path.to_string_lossy());
    if replica.rows().get(&keys::journal(&id))?.is_none() {
        return Ok(());
    }
    let mut batch = Batch::new();
    remove(replica, &id, &mut batch)?;
    Ok(replica.rows().commit(batch)?)
}

/// Forgets the journals of sources that are gone: no put will go on with them.
pub fn forget_lost(replica: &Replica) -> Result<()> {
    let mut batch = Batch::new();
    for (head, _) in all(replica)? {
        // A source that is there and cannot be looked at may be put again.
        let lost = std::fs::symlink_metadata(&head.path)
            .is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
        if lost {
            let id = id_of(replica, head.bucket, &head.path);
            remove(replica, &id, &mut batch)?;
        }
    }
    if batch.is_empty() { Ok(()) } else { Ok(replica.rows().commit(batch)?) }
}

fn id_of(replica: &Replica, bucket: BucketId, path: &str) -> [u8; 16] {
    let mut data = bucket.0.to_vec();
    data.extend_from_slice(path.as_bytes());
    replica.key().blind("journal", &data)
}

fn fingerprint(look: &Look) -> [u8; 32] {
    let mut w = Writer::new();
    w.array(6).uint(look.size).int(look.modified.secs).uint(u64::from(look.modified.nanos));
    w.uint(look.stamp.inode).int(look.stamp.changed.secs);
    w.uint(u64::from(look.stamp.changed.nanos));
    *blake3::hash(&w.into_bytes()).as_bytes()
}

/// All journals, for `status`.
pub fn all(replica: &Replica) -> Result<Vec<(JournalHead, u64)>> {
    let mut found = Vec::new();
    let mut pieces = 0;
    let mut heads: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    replica.each(keys::JOURNALS, |key, value| {
        // A head ends in 0; its pieces follow it.
        if key.len() == 1 + 16 + 1 {
            if let Some((key, value)) = heads.pop() {
                found.push((replica.open::<JournalHead>(&key, &value)?, pieces));
            }
            pieces = 0;
            heads.push((key.to_vec(), value.to_vec()));
        } else {
            pieces += 1;
        }
        Ok(true)
    })?;
    if let Some((key, value)) = heads.pop() {
        found.push((replica.open::<JournalHead>(&key, &value)?, pieces));
    }
    Ok(found)
}
