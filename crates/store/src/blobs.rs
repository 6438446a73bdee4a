//! `Blobs`: immutable bytes under a 32-byte id. Takes sealed chunks, gives ranges of them.
//!
//! Must not know: how an id was made. A store does not compare a blob with its id; whoever gave
//! the id does.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, mpsc};

use crate::StoreError;
use crate::limits::BLOB_BYTES_MAX;

/// The name of a blob: 32 bytes, chosen by the caller, equal for equal bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId(pub [u8; 32]);

impl BlobId {
    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for BlobId {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// All 32 bytes in hexadecimal.
impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobId({self})")
    }
}

/// What is called once when blobs are durable or refused.
pub type PutDone = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// What reading a blob gives.
pub type BlobRead = Result<Option<Vec<u8>>, StoreError>;

/// Immutable blobs of at most [`BLOB_BYTES_MAX`] bytes, addressed by 32-byte ids.
pub trait Blobs: Send + Sync + 'static {
    /// Hands blobs to the engine; `done` is called once, when all of them are durable (fsync)
    /// or one was refused. Not atomic: after an error some may be there. An id that exists keeps
    /// its bytes. Many callers share one fsync.
    ///
    /// The rules for `done` are those of [`crate::Rows::submit`]. May wait when too much is
    /// under way (back-pressure).
    fn submit_put(&self, blobs: Vec<(BlobId, Vec<u8>)>, done: PutDone);

    /// Submits and waits.
    fn put(&self, blobs: Vec<(BlobId, Vec<u8>)>) -> Result<(), StoreError> {
        let (tell, told) = mpsc::sync_channel(1);
        self.submit_put(blobs, Box::new(move |result| drop(tell.send(result))));
        told.recv().unwrap_or(Err(StoreError::Closed))
    }

    /// The bytes of the blob inside `range`, cut at the blob's end; `None` if there is no such
    /// blob. `0..u64::MAX` is all of it.
    fn get(&self, id: &BlobId, range: Range<u64>) -> Result<Option<Vec<u8>>, StoreError>;

    /// The same as [`Blobs::get`] if the bytes are in memory; `None`: ask that, on a thread that
    /// may wait for a disk.
    fn get_ready(&self, id: &BlobId, range: Range<u64>) -> Option<BlobRead> {
        let _ = (id, range);
        None
    }

    /// The length in bytes; `None` if there is no such blob.
    fn len(&self, id: &BlobId) -> Result<Option<u64>, StoreError>;

    /// Removes blobs. Removing what is absent is no error. Durable when it returns.
    fn delete(&self, ids: &[BlobId]) -> Result<(), StoreError>;

    /// Up to `limit` ids in ascending order, beginning after `after`.
    fn list(&self, after: Option<BlobId>, limit: usize) -> Result<Vec<BlobId>, StoreError>;

    /// Tells which of `ids` are there, and protects those from collection for another grace
    /// period, as a put of them would. Ask with this before a row that refers to old blobs is
    /// committed; `len` does not protect.
    fn touch(&self, ids: &[BlobId]) -> Result<Vec<bool>, StoreError> {
        ids.iter().map(|id| Ok(self.len(id)?.is_some())).collect()
    }
}

impl<B: Blobs + ?Sized> Blobs for Arc<B> {
    fn submit_put(&self, blobs: Vec<(BlobId, Vec<u8>)>, done: PutDone) {
        (**self).submit_put(blobs, done);
    }

    fn put(&self, blobs: Vec<(BlobId, Vec<u8>)>) -> Result<(), StoreError> {
        (**self).put(blobs)
    }

    fn get(&self, id: &BlobId, range: Range<u64>) -> Result<Option<Vec<u8>>, StoreError> {
        (**self).get(id, range)
    }

    fn get_ready(&self, id: &BlobId, range: Range<u64>) -> Option<BlobRead> {
        (**self).get_ready(id, range)
    }

    fn len(&self, id: &BlobId) -> Result<Option<u64>, StoreError> {
        (**self).len(id)
    }

    fn delete(&self, ids: &[BlobId]) -> Result<(), StoreError> {
        (**self).delete(ids)
    }

    fn list(&self, after: Option<BlobId>, limit: usize) -> Result<Vec<BlobId>, StoreError> {
        (**self).list(after, limit)
    }

    fn touch(&self, ids: &[BlobId]) -> Result<Vec<bool>, StoreError> {
        (**self).touch(ids)
    }
}

/// Refuses blobs above the limit. Every engine calls it before anything else.
pub(crate) fn check_blob_limits(blobs: &[(BlobId, Vec<u8>)]) -> Result<(), StoreError> {
    if blobs.iter().any(|(_, bytes)| bytes.len() > BLOB_BYTES_MAX) {
        return Err(StoreError::TooLarge { what: "a blob, in bytes", max: BLOB_BYTES_MAX });
    }
    Ok(())
}

/// Cuts a range at the end of a blob of `len` bytes: (start, length), both inside the blob.
pub(crate) fn clamp(range: &Range<u64>, len: u64) -> (u64, u64) {
    let start = range.start.min(len);
    (start, range.end.min(len).saturating_sub(start))
}
