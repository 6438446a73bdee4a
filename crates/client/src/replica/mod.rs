//! The replica: everything this device knows of its buckets, durable. Comes in: verified entries
//! and what they say. Goes out: heads, listings, versions, what is still to be sent. Must not
//! know: sockets, files outside its directory.
//!
//! Several processes share one replica. Reads take no lock. A write reads the bucket's [`Tip`],
//! and its commit expects that tip unchanged; a lock around it only saves the work of a lost race.

pub mod alone;
pub mod checkpoints;
pub mod index;
pub mod keys;
pub mod lookup;
pub mod rows;

use std::fs::File;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use strongroom_seal::local::LocalKey;
use strongroom_seal::rng::Rng;
use strongroom_store::{Batch, Rows, Scan};
use strongroom_wire::chain::{Tip as AuthorTip, Verified};
use strongroom_wire::entry::Entry;
use strongroom_wire::ids::EntryId;

use crate::error::{Error, ErrorKind, Result};
use crate::random::SystemRng;
use keys::{BucketNo, LocalNo};
use rows::{Meta, Row, Tip};

/// One device's replica, shared by its processes.
pub struct Replica {
    rows: Arc<dyn Rows>,
    key: LocalKey,
    locks: PathBuf,
}

impl std::fmt::Debug for Replica {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Replica")
    }
}

/// Held while a process writes; ends with its process, whatever happens to it.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code)] File);

impl Replica {
    /// Over these rows, sealed under this key, with lock files in this directory.
    pub fn new(rows: Arc<dyn Rows>, key: LocalKey, locks: PathBuf) -> Self {
        Self { rows, key, locks }
    }

    /// The rows.
    pub fn rows(&self) -> &dyn Rows {
        &*self.rows
    }

    /// The local key.
    pub const fn key(&self) -> &LocalKey {
        &self.key
    }

    /// Waits until no other process holds the lock of this name.
    pub fn lock(&self, name: &str) -> Result<Lock> {
        let file = self.lock_file(name)?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive)
            .map_err(|e| Error::io("cannot take a lock", &e.into()))?;
        Ok(Lock(file))
    }

    /// Takes the lock of this name unless another process holds it.
    pub fn try_lock(&self, name: &str) -> Result<Option<Lock>> {
        let file = self.lock_file(name)?;
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Lock(file))),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(e) => Err(Error::io("cannot take a lock", &e.into())),
        }
    }

    /// Empty, and never removed: who waits for it waits for one file.
    fn lock_file(&self, name: &str) -> Result<File> {
        let path = self.locks.join(name);
        File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|e| Error::io("cannot open a lock file", &e))
    }

    /// Waits for the lock of one bucket.
    pub fn lock_bucket(&self, bucket: BucketNo) -> Result<Lock> {
        self.lock(&format!("bucket-{bucket}"))
    }

    /// The sealed form of a row under its key.
    pub fn seal(&self, key: &[u8], row: &impl Row) -> Result<Vec<u8>> {
        Ok(self.key.seal_row(SystemRng.bytes32(), key, &row.encode())?)
    }

    /// Opens a sealed row.
    pub fn open<R: Row>(&self, key: &[u8], bytes: &[u8]) -> Result<R> {
        let plain = self.key.open_row(key, bytes).map_err(|_| damaged_row())?;
        R::decode(&plain).map_err(|_| damaged_row())
    }

    /// Reads a sealed row.
    pub fn get<R: Row>(&self, key: &[u8]) -> Result<Option<R>> {
        self.rows.get(key)?.map(|bytes| self.open(key, &bytes)).transpose()
    }

    /// Reads many sealed rows, in the order of their keys.
    pub fn get_many<R: Row>(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<R>>> {
        let found = self.rows.get_many(keys)?.into_iter().zip(keys);
        found.map(|(bytes, key)| bytes.map(|bytes| self.open(key, &bytes)).transpose()).collect()
    }

    /// Reads a clear row.
    pub fn get_clear<R: Row>(&self, key: &[u8]) -> Result<Option<R>> {
        let bytes = self.rows.get(key)?;
        bytes.map(|bytes| R::decode(&bytes).map_err(|_| damaged_row())).transpose()
    }

    /// Puts a sealed row into a batch.
    pub fn put(&self, batch: &mut Batch, key: Vec<u8>, row: &impl Row) -> Result<()> {
        let sealed = self.seal(&key, row)?;
        batch.put(key, sealed);
        Ok(())
    }

    /// All sealed rows whose keys start so, with their keys.
    pub fn all<R: Row>(&self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, R)>> {
        let mut found = Vec::new();
        self.each(prefix, |key, bytes| {
            found.push((key.to_vec(), self.open(key, bytes)?));
            Ok(true)
        })?;
        Ok(found)
    }

    /// Visits rows whose keys start so, in order, until the visitor says no more.
    pub fn each(
        &self,
        prefix: &[u8],
        visit: impl FnMut(&[u8], &[u8]) -> Result<bool>,
    ) -> Result<()> {
        self.each_in(&Scan::prefix(prefix), visit)
    }

    /// Visits rows of a range.
    pub fn each_in(
        &self,
        scan: &Scan,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<bool>,
    ) -> Result<()> {
        let mut result = Ok(());
        self.rows.scan(scan, &mut |key, bytes| match visit(key, bytes) {
            Ok(true) => ControlFlow::Continue(()),
            Ok(false) => ControlFlow::Break(()),
            Err(error) => {
                result = Err(error);
                ControlFlow::Break(())
            }
        })?;
        result
    }

    /// Facts of the whole replica.
    pub fn meta(&self) -> Result<Meta> {
        self.get(keys::META)?.ok_or_else(|| {
            Error::new(ErrorKind::Damaged, "this device's replica is empty").with_hint(
                "`strongroom recover --provider URL` brings everything back from the phrase",
            )
        })
    }

    /// Where this device stands in a bucket.
    pub fn tip(&self, bucket: BucketNo) -> Result<Tip> {
        Ok(self.get_clear(&keys::tip(bucket))?.unwrap_or_default())
    }

    /// The number of an entry, if it is here.
    pub fn entry_no(&self, bucket: BucketNo, id: EntryId) -> Result<Option<LocalNo>> {
        let bytes = self.rows.get(&keys::entry_no(bucket, id))?;
        bytes.map(|bytes| read_no(&bytes)).transpose()
    }

    /// An entry by number.
    pub fn entry(&self, bucket: BucketNo, no: LocalNo) -> Result<Verified<Entry>> {
        let bytes = self
            .rows
            .get(&keys::entry(bucket, no))?
            .ok_or_else(|| Error::damaged(format!("entry {no} is missing on this device")))?;
        decode_own(&bytes)
    }

    /// An entry by id.
    pub fn entry_by_id(&self, bucket: BucketNo, id: EntryId) -> Result<Option<Verified<Entry>>> {
        self.entry_no(bucket, id)?.map(|no| self.entry(bucket, no)).transpose()
    }
}

/// An entry from our own disk, where only verified ones are written.
pub fn decode_own(bytes: &[u8]) -> Result<Verified<Entry>> {
    let entry = Entry::decode(bytes)
        .map_err(|e| Error::damaged(format!("an entry on this device: {e}")))?;
    Ok(Verified::danger_from_own_store(entry))
}

/// Eight bytes, big-endian.
pub(crate) fn read_no(bytes: &[u8]) -> Result<u64> {
    bytes.try_into().map(u64::from_be_bytes).map_err(|_| damaged_row())
}

/// An author's last entry: seq ‖ id.
pub(crate) fn read_tip(bytes: &[u8]) -> Result<AuthorTip> {
    bytes
        .split_first_chunk::<8>()
        .and_then(|(seq, id)| {
            let id = EntryId(id.try_into().ok()?);
            Some(AuthorTip { seq: u64::from_be_bytes(*seq), id })
        })
        .ok_or_else(damaged_row)
}

pub(crate) fn damaged_row() -> Error {
    Error::damaged("a row of this device's replica was changed or cut")
}
