//! Blobs as files in one directory: the device's chunk cache, shared between processes.
//!
//! Takes sealed chunks, gives ranges of them; tells how large it is and throws out what was not
//! used for longest. Each blob is one file, made whole under another name and then renamed, so
//! no process ever sees half of one.
//!
//! Must not know: what a chunk is, which of them must stay (the caller says so).
//!
//! ```text
//! offset  len  field
//!      0    4  magic  "SRc0"
//!      4    4  zero
//!      8    8  len    bytes of the blob, little-endian
//!     16   16  check  BLAKE3 of id, len and blob, first 16 bytes
//!     32       blob
//! ```
//! The name is the id in hexadecimal; the time of modification is the time of last use.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crate::blobs::{check_blob_limits, clamp};
use crate::{BlobId, Blobs, PutDone, Report, StoreError};

const MAGIC: [u8; 8] = *b"SRc0\0\0\0\0";
const HEADER: usize = 32;
/// Unfinished files carry this prefix.
const UNFINISHED: &str = "new-";
/// Numbers the unfinished files of this process.
static NEXT_UNFINISHED: AtomicU64 = AtomicU64::new(0);
/// An unfinished file older than this belongs to a process that died.
const UNFINISHED_MAX: Duration = Duration::from_hours(1);
/// A use is noted if the last note is older than this: reading must not mean writing.
const USE_NOTED: Duration = Duration::from_mins(1);

/// [`Blobs`] as files in one directory, safe between processes.
///
/// ```
/// use strongroom_store::{BlobId, Blobs, Files};
/// let home = tempfile::tempdir().unwrap();
/// let cache = Files::open(&home.path().join("chunks")).unwrap();
/// cache.put(vec![(BlobId([1; 32]), b"sealed".to_vec())]).unwrap();
/// assert_eq!(cache.usage().unwrap().bytes, 6);
/// cache.shrink(0, &mut |_| true).unwrap();
/// assert_eq!(cache.len(&BlobId([1; 32])).unwrap(), None);
/// ```
#[derive(Debug)]
pub struct Files {
    dir: PathBuf,
}

/// How much is in a [`Files`] store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Blobs.
    pub blobs: u64,
    /// Bytes of the blobs.
    pub bytes: u64,
}

impl Files {
    /// Opens the directory, or makes it. Cleans up after processes that died.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(dir).map_err(io("make the cache's directory"))?;
        let store = Self { dir: dir.to_owned() };
        for entry in store.entries()? {
            let name = entry.file_name();
            let old = || {
                let written = entry.metadata().and_then(|meta| meta.modified()).ok();
                written.and_then(|at| at.elapsed().ok()).is_some_and(|age| age > UNFINISHED_MAX)
            };
            if name.to_str().is_some_and(|name| name.starts_with(UNFINISHED)) && old() {
                // Another process may have been faster.
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(store)
    }

    /// Counts blobs and bytes. Looks at every file's length: milliseconds for ten thousand.
    pub fn usage(&self) -> Result<Usage, StoreError> {
        let mut usage = Usage::default();
        for (_, bytes, _) in self.held()? {
            usage.blobs += 1;
            usage.bytes += bytes;
        }
        Ok(usage)
    }

    /// Throws out blobs until at most `bytes_max` bytes are left: first what was not used for
    /// longest, and only what `may_go` lets go. Gives what was thrown out.
    pub fn shrink(
        &self,
        bytes_max: u64,
        may_go: &mut dyn FnMut(&BlobId) -> bool,
    ) -> Result<Usage, StoreError> {
        let mut held = self.held()?;
        let mut left: u64 = held.iter().map(|(_, bytes, _)| bytes).sum();
        held.sort_by_key(|(id, _, used)| (*used, *id));
        let (mut gone, mut ids) = (Usage::default(), Vec::new());
        for (id, bytes, _) in held {
            if left <= bytes_max {
                break;
            }
            if may_go(&id) {
                left -= bytes;
                gone.blobs += 1;
                gone.bytes += bytes;
                ids.push(id);
            }
        }
        self.delete(&ids)?;
        Ok(gone)
    }

    /// Looks for cut and damaged files; with `deep` reads every byte.
    pub fn check(&self, deep: bool) -> Result<Report, StoreError> {
        let mut report = Report::default();
        for id in self.list(None, usize::MAX)? {
            let found =
                if deep { self.get(&id, 0..u64::MAX).map(drop) } else { self.len(&id).map(drop) };
            match found {
                Ok(()) => {}
                Err(StoreError::Corrupt { what }) => report.damaged.push(what),
                Err(error) => return Err(error),
            }
            report.blobs += 1;
        }
        report.blob_bytes = self.usage()?.bytes;
        Ok(report)
    }

    /// Every blob there is: id, bytes, last use. In no order.
    fn held(&self) -> Result<Vec<(BlobId, u64, SystemTime)>, StoreError> {
        let mut held = Vec::new();
        for entry in self.entries()? {
            let Some(id) = entry.file_name().to_str().and_then(parse_name) else { continue };
            // Gone meanwhile: another process threw it out.
            let Ok(meta) = entry.metadata() else { continue };
            let used = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            held.push((id, meta.len().saturating_sub(HEADER as u64), used));
        }
        Ok(held)
    }

    fn entries(&self) -> Result<Vec<fs::DirEntry>, StoreError> {
        let listed = fs::read_dir(&self.dir).and_then(Iterator::collect);
        listed.map_err(io("list the cache"))
    }

    fn path(&self, id: &BlobId) -> PathBuf {
        self.dir.join(id.to_string())
    }

    fn open_blob(&self, id: &BlobId) -> Result<Option<(File, u64, [u8; 16])>, StoreError> {
        let file = match File::open(self.path(id)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io("open a cached blob")(error)),
        };
        let meta = file.metadata().map_err(io("measure a cached blob"))?;
        let mut header = [0; HEADER];
        if let Err(error) = file.read_exact_at(&mut header, 0)
            && error.kind() != ErrorKind::UnexpectedEof
        {
            return Err(io("read a cached blob")(error));
        }
        let (magic, rest) = header.split_at(8);
        let (len, check) = rest.split_at(8);
        let len = len.try_into().map_or(u64::MAX, u64::from_le_bytes);
        if magic != MAGIC || len.checked_add(HEADER as u64) != Some(meta.len()) {
            return Err(damaged(id));
        }
        Ok(Some((file, len, check.try_into().unwrap_or_default())))
    }

    fn put_all(&self, blobs: &[(BlobId, Vec<u8>)]) -> Result<(), StoreError> {
        check_blob_limits(blobs)?;
        if blobs.is_empty() {
            return Ok(());
        }
        for (id, bytes) in blobs {
            match self.open_blob(id) {
                Ok(Some((file, ..))) => note_use(&file, Duration::ZERO),
                // A damaged file is replaced: whoever puts has the good bytes in hand.
                Ok(None) | Err(StoreError::Corrupt { .. }) => self.write(id, bytes)?,
                Err(error) => return Err(error),
            }
        }
        // Also when all were there: the one who put them may not have come to this line yet.
        let synced = File::open(&self.dir).and_then(|dir| dir.sync_all());
        synced.map_err(io("sync the cache's directory"))
    }

    fn write(&self, id: &BlobId, bytes: &[u8]) -> Result<(), StoreError> {
        // Numbered per process, not per store: one process may open the directory twice.
        let n = NEXT_UNFINISHED.fetch_add(1, Ordering::Relaxed);
        let unfinished = self.dir.join(format!("{UNFINISHED}{}-{n}-{id}", std::process::id()));
        let mut header = MAGIC.to_vec();
        header.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        header.extend_from_slice(&check(id, bytes));
        let write = || {
            let mut file = OpenOptions::new().write(true).create_new(true).open(&unfinished)?;
            file.write_all(&header)?;
            file.write_all(bytes)?;
            file.sync_data()?;
            fs::rename(&unfinished, self.path(id))
        };
        write().map_err(|error| {
            let _ = fs::remove_file(&unfinished);
            io("write a cached blob")(error)
        })
    }
}

impl Blobs for Files {
    fn submit_put(&self, blobs: Vec<(BlobId, Vec<u8>)>, done: PutDone) {
        let result = self.put_all(&blobs);
        done(result);
    }

    fn get(&self, id: &BlobId, range: Range<u64>) -> Result<Option<Vec<u8>>, StoreError> {
        let Some((file, blob_len, noted)) = self.open_blob(id)? else { return Ok(None) };
        let (start, len) = clamp(&range, blob_len);
        let mut bytes = vec![0; len as usize];
        match file.read_exact_at(&mut bytes, HEADER as u64 + start) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(damaged(id)),
            Err(error) => return Err(io("read a cached blob")(error)),
        }
        if len == blob_len && check(id, &bytes) != noted {
            return Err(damaged(id));
        }
        note_use(&file, USE_NOTED);
        Ok(Some(bytes))
    }

    fn len(&self, id: &BlobId) -> Result<Option<u64>, StoreError> {
        Ok(self.open_blob(id)?.map(|(_, len, _)| len))
    }

    fn delete(&self, ids: &[BlobId]) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        for id in ids {
            match fs::remove_file(self.path(id)) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(io("remove a cached blob")(error));
                }
                _ => {}
            }
        }
        let synced = File::open(&self.dir).and_then(|dir| dir.sync_all());
        synced.map_err(io("sync the cache's directory"))
    }

    fn list(&self, after: Option<BlobId>, limit: usize) -> Result<Vec<BlobId>, StoreError> {
        let held = self.held()?.into_iter().map(|(id, ..)| id);
        let mut ids: Vec<_> = held.filter(|id| after.is_none_or(|after| *id > after)).collect();
        ids.sort_unstable();
        ids.truncate(limit);
        Ok(ids)
    }

    fn touch(&self, ids: &[BlobId]) -> Result<Vec<bool>, StoreError> {
        let touch = |id| {
            let found = self.open_blob(id)?;
            if let Some((file, ..)) = &found {
                note_use(file, Duration::ZERO);
            }
            Ok(found.is_some())
        };
        ids.iter().map(touch).collect()
    }
}

/// Notes that a file was used now, unless that was noted within `at_most_every`. Whether it
/// works or not, the blob is fine: it may only be thrown out earlier.
fn note_use(file: &File, at_most_every: Duration) {
    let noted = file.metadata().and_then(|meta| meta.modified()).ok();
    let age = noted.and_then(|at| at.elapsed().ok());
    if age.is_none_or(|age| age >= at_most_every) {
        let _ = file.set_modified(SystemTime::now());
    }
}

fn check(id: &BlobId, bytes: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&id.0);
    hasher.update(&(bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
    let mut check = [0; 16];
    hasher.finalize_xof().fill(&mut check);
    check
}

fn parse_name(name: &str) -> Option<BlobId> {
    let (mut id, name) = ([0; 32], name.as_bytes());
    if name.len() != 64 {
        return None;
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    for (byte, pair) in id.iter_mut().zip(name.chunks_exact(2)) {
        *byte = digit(*pair.first()?)? << 4 | digit(*pair.last()?)?;
    }
    Some(BlobId(id))
}

fn damaged(id: &BlobId) -> StoreError {
    StoreError::corrupt(format!("cached blob {id}"))
}

fn io(doing: &'static str) -> impl Fn(std::io::Error) -> StoreError {
    move |error| StoreError::from_io(doing, &error)
}
