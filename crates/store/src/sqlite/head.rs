//! The number of the last durable commit, beside the database: how a lost end is noticed.
//!
//! Takes commit numbers, gives the highest one ever noted. SQLite ends its log at the first
//! frame that does not verify and says nothing: a damaged or missing log would look like a
//! calm yesterday. The number is written after the commit's fsync and has none of its own, so
//! it is never ahead of what is durable, and a power cut can only make it older.
//!
//! Must not know: rows.
//!
//! ```text
//! offset  len  field
//!      0    4  magic   "SRmh"
//!      4    4  zero
//!      8    8  number  little-endian
//!     16    8  check   of bytes 0..16, as a row's
//! ```

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::StoreError;
use crate::checksum::row_check;

const MAGIC: [u8; 8] = *b"SRmh\0\0\0\0";
const LEN: usize = 24;

/// The open file `<database>-head`.
pub(super) struct Head(File);

/// Keeps other processes from opening or noting until it is dropped.
pub(super) struct Locked<'a>(&'a Head);

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // Closing the file would release it as well; an error here changes nothing.
        let _ = flock(&self.0.0, FlockOperation::Unlock);
    }
}

impl Head {
    pub(super) fn path(database: &Path) -> PathBuf {
        let mut name = database.file_name().unwrap_or_default().to_owned();
        name.push("-head");
        database.with_file_name(name)
    }

    pub(super) fn open(database: &Path) -> Result<Self, StoreError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(Self::path(database));
        file.map(Self).map_err(|error| StoreError::from_io("open the head file", &error))
    }

    /// Waits for the other processes that are opening or noting; both take microseconds.
    pub(super) fn lock(&self) -> Result<Locked<'_>, StoreError> {
        flock(&self.0, FlockOperation::LockExclusive)
            .map_err(|error| StoreError::from_io("lock the head file", &error.into()))?;
        Ok(Locked(self))
    }

    /// The highest number noted; 0 in a new file.
    pub(super) fn read(&self) -> Result<u64, StoreError> {
        let mut bytes = [0; LEN];
        let len =
            self.0.metadata().map_err(|e| StoreError::from_io("read the head file", &e))?.len();
        if len == 0 {
            return Ok(0);
        }
        let damaged = || StoreError::corrupt("the head file");
        self.0.read_exact_at(&mut bytes, 0).map_err(|_| damaged())?;
        let (head, check) = bytes.split_at(16);
        let (magic, number) = head.split_at(8);
        // All zero: the file was made, then the power failed before its bytes were written.
        if bytes == [0; LEN] {
            return Ok(0);
        }
        if magic != MAGIC || check != row_check(b"head", head) {
            return Err(damaged());
        }
        Ok(number.try_into().map_or(0, u64::from_le_bytes))
    }

    /// Notes that commit `number` is durable.
    pub(super) fn advance(&self, number: u64) -> Result<(), StoreError> {
        let _locked = self.lock()?;
        if self.read()? < number {
            self.write(number)?;
        }
        Ok(())
    }

    pub(super) fn write(&self, number: u64) -> Result<(), StoreError> {
        let mut bytes = [0; LEN];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..16].copy_from_slice(&number.to_le_bytes());
        let check = row_check(b"head", &bytes[..16]);
        bytes[16..].copy_from_slice(&check);
        self.0.write_all_at(&bytes, 0).map_err(|e| StoreError::from_io("write the head file", &e))
    }
}
