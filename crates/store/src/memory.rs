//! Both traits in memory: for tests, and the model the engines are compared with.
//! Comes in: batches and blobs. Goes out: the same.
//!
//! Must not know: disks. It forgets everything when it is dropped.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow, Range};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::blobs::{check_blob_limits, clamp};
use crate::{Batch, BlobId, Blobs, CommitDone, CommitError, Op, PutDone, Rows, Scan, StoreError};

type Table = BTreeMap<Vec<u8>, Arc<[u8]>>;

/// [`Rows`] and [`Blobs`] in memory. Clones share the same contents.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    // The table is copied on write while somebody scans it, so that a scan is a snapshot and a
    // visitor may call the store.
    rows: Arc<Mutex<Arc<Table>>>,
    blobs: Arc<Mutex<BTreeMap<BlobId, Arc<[u8]>>>>,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn apply(&self, batch: Batch) -> Result<(), CommitError> {
        batch.check_limits()?;
        let mut rows = lock(&self.rows);
        for expectation in batch.expectations() {
            let key = expectation.key();
            if !expectation.holds(rows.get(key).map(|value| &**value)) {
                return Err(CommitError::Conflict { key: key.to_vec() });
            }
        }
        let table = Arc::make_mut(&mut *rows);
        for op in batch.into_ops() {
            match op {
                Op::Put(key, value) => drop(table.insert(key, value.into())),
                Op::Delete(key) => drop(table.remove(&key)),
            }
        }
        Ok(())
    }
}

impl Rows for Memory {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(lock(&self.rows).get(key).map(|value| value.to_vec()))
    }

    fn scan(
        &self,
        scan: &Scan,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        if scan.is_empty() {
            return Ok(());
        }
        let snapshot = Arc::clone(&lock(&self.rows));
        let to = scan.to.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut range = snapshot.range::<[u8], _>((Bound::Included(scan.from.as_slice()), to));
        while let Some((key, value)) = if scan.reverse { range.next_back() } else { range.next() } {
            if visit(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn submit(&self, batch: Batch, done: CommitDone) {
        // The lock is released before `done` runs: it may look at the store.
        let result = self.apply(batch);
        done(result);
    }
}

impl Blobs for Memory {
    fn submit_put(&self, blobs: Vec<(BlobId, Vec<u8>)>, done: PutDone) {
        let result = check_blob_limits(&blobs).map(|()| {
            let mut held = lock(&self.blobs);
            for (id, bytes) in blobs {
                held.entry(id).or_insert_with(|| bytes.into());
            }
        });
        done(result);
    }

    fn get(&self, id: &BlobId, range: Range<u64>) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(lock(&self.blobs).get(id).map(|bytes| {
            let (start, len) = clamp(&range, bytes.len() as u64);
            let rest = bytes.get(start as usize..).unwrap_or_default();
            rest.get(..len as usize).unwrap_or_default().to_vec()
        }))
    }

    fn len(&self, id: &BlobId) -> Result<Option<u64>, StoreError> {
        Ok(lock(&self.blobs).get(id).map(|bytes| bytes.len() as u64))
    }

    fn delete(&self, ids: &[BlobId]) -> Result<(), StoreError> {
        let mut held = lock(&self.blobs);
        for id in ids {
            held.remove(id);
        }
        Ok(())
    }

    fn list(&self, after: Option<BlobId>, limit: usize) -> Result<Vec<BlobId>, StoreError> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let held = lock(&self.blobs);
        Ok(held.range((from, Bound::Unbounded)).take(limit).map(|(id, _)| *id).collect())
    }
}

/// A panic of another thread while it held the lock left the table whole: changes are single
/// calls that do not panic in between.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
