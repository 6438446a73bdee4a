//! The directory of a local store: its lock, its identity, and the note of what was durable.
//!
//! Takes a path, gives an exclusive [`Home`]. Must not know: rows, blobs.
//!
//! ```text
//! STORE   offset  len  field              HEAD, one slot   offset  len  field
//!              0    8  magic "SRstore1"                         0    4  magic "SRhd"
//!              8   32  salt, random                             4    4  zero
//!             40    8  check of 0..40                           8    8  file number
//!                                                              16    8  end in that file, bytes
//!                                                              24    8  group, the last durable
//!                                                              32    8  check of 0..32
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::StoreError;

const STORE_MAGIC: [u8; 8] = *b"SRstore1";
const STORE_LEN: usize = 48;
const HEAD_MAGIC: [u8; 8] = *b"SRhd\0\0\0\0";
const HEAD_LEN: usize = 40;
/// Slots lie in different sectors, so that writing one cannot tear the other.
const HEAD_STRIDE: u64 = 4_096;

/// Which of the two logs a slot of HEAD is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Journal = 0,
    Segments = 1,
}

/// How far a log is known to be durable. Never ahead of the truth: it is written after the
/// fsync it speaks of, and has none of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Durable {
    pub file: u64,
    pub end: u64,
    pub group: u64,
}

/// An exclusively locked store directory.
pub(super) struct Home {
    dir: PathBuf,
    salt: [u8; 32],
    head: File,
    lock: File,
}

impl Home {
    /// Locks the directory; makes it if it is absent or empty.
    pub(super) fn open(dir: &Path) -> Result<Self, StoreError> {
        let io = |doing: &'static str| move |e: std::io::Error| StoreError::from_io(doing, &e);
        fs::create_dir_all(dir).map_err(io("make the store's directory"))?;
        let lock = open_file(&dir.join("LOCK")).map_err(io("open the lock file"))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(StoreError::Busy),
            Err(error) => return Err(StoreError::from_io("lock the store", &error.into())),
        }
        let salt = match fs::read(dir.join("STORE")) {
            Ok(bytes) => parse_store(&bytes)?,
            Err(error) if error.kind() == ErrorKind::NotFound => make_store(dir)?,
            Err(error) => return Err(io("read the file STORE")(error)),
        };
        let head = open_file(&dir.join("HEAD")).map_err(io("open the file HEAD"))?;
        Ok(Self { dir: dir.to_owned(), salt, head, lock })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// A checksum key for one purpose. It is no secret from the machine, but those who store
    /// bytes here do not know it, so no value can look like a piece of a log.
    pub(super) fn check_key(&self, purpose: &str) -> [u8; 32] {
        blake3::derive_key(purpose, &self.salt)
    }

    /// The last note about a log. A note that was never written or was torn says nothing.
    pub(super) fn durable(&self, slot: Slot) -> Durable {
        let mut bytes = [0; HEAD_LEN];
        if self.head.read_exact_at(&mut bytes, slot as u64 * HEAD_STRIDE).is_err() {
            return Durable::default();
        }
        let (noted, check) = bytes.split_at(HEAD_LEN - 8);
        if !noted.starts_with(&HEAD_MAGIC) || check != self.head_check(noted) {
            return Durable::default();
        }
        let number = |at: usize| le64(noted, at);
        Durable { file: number(8), end: number(16), group: number(24) }
    }

    /// Notes how far a log is durable. If it fails, a later loss is only harder to notice.
    pub(super) fn note_durable(&self, slot: Slot, durable: Durable) {
        let mut bytes = Vec::with_capacity(HEAD_LEN);
        bytes.extend_from_slice(&HEAD_MAGIC);
        for number in [durable.file, durable.end, durable.group] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        let check = self.head_check(&bytes);
        bytes.extend_from_slice(&check);
        let _ = self.head.write_all_at(&bytes, slot as u64 * HEAD_STRIDE);
    }

    fn head_check(&self, bytes: &[u8]) -> [u8; 8] {
        first8(&blake3::keyed_hash(&self.salt, bytes))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // Closing is not enough: a child that another thread is just starting has a copy of the
        // file until it executes its program, and would keep the store locked that long.
        let _ = flock(&self.lock, FlockOperation::Unlock);
    }
}

/// Makes a renamed, created or removed name durable.
pub(super) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    let synced = File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(|e| StoreError::from_io("sync the store's directory", &e))
}

/// Reads a little-endian number; 0 outside of `bytes`, which callers have measured before.
pub(super) fn le64(bytes: &[u8], at: usize) -> u64 {
    let part = bytes.get(at..at + 8).and_then(|part| part.try_into().ok());
    part.map_or(0, u64::from_le_bytes)
}

/// See [`le64`].
pub(super) fn le32(bytes: &[u8], at: usize) -> u32 {
    let part = bytes.get(at..at + 4).and_then(|part| part.try_into().ok());
    part.map_or(0, u32::from_le_bytes)
}

pub(super) fn first8(hash: &blake3::Hash) -> [u8; 8] {
    let mut first = [0; 8];
    first.copy_from_slice(hash.as_bytes().split_at(8).0);
    first
}

fn open_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

fn parse_store(bytes: &[u8]) -> Result<[u8; 32], StoreError> {
    let magic = bytes.get(..8).unwrap_or_default();
    if magic.starts_with(b"SRstore") && magic != STORE_MAGIC {
        return Err(StoreError::Foreign { what: "a store of another format".to_owned() });
    }
    let damaged = || StoreError::corrupt("the file STORE");
    if bytes.len() != STORE_LEN || magic != STORE_MAGIC {
        return Err(damaged());
    }
    let (head, check) = bytes.split_at(STORE_LEN - 8);
    if check != first8(&blake3::hash(head)) {
        return Err(damaged());
    }
    head.get(8..40).and_then(|salt| salt.try_into().ok()).ok_or_else(damaged)
}

fn make_store(dir: &Path) -> Result<[u8; 32], StoreError> {
    let io = |e: std::io::Error| StoreError::from_io("make the store", &e);
    // Anything but our own beginnings: do not make a store in somebody's documents, and do not
    // make a new one over an old one that lost its STORE.
    for entry in fs::read_dir(dir).map_err(io)? {
        let name = entry.map_err(io)?.file_name();
        if name != "LOCK" && name != "STORE.new" {
            let what = "the directory has files, but none called STORE".to_owned();
            return Err(StoreError::Foreign { what });
        }
    }
    let mut salt = [0; 32];
    File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut salt)).map_err(io)?;
    let mut bytes = STORE_MAGIC.to_vec();
    bytes.extend_from_slice(&salt);
    let check = first8(&blake3::hash(&bytes));
    bytes.extend_from_slice(&check);
    let new = dir.join("STORE.new");
    let mut file = File::create(&new).map_err(io)?;
    file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(io)?;
    fs::rename(&new, dir.join("STORE")).map_err(io)?;
    sync_dir(dir)?;
    Ok(salt)
}
