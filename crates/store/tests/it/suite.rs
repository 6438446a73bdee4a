//! Every engine and every wrapper passes the one suite.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use strongroom_store::{
    Batch, BlobId, Blobs, CommitDone, Files, Local, Memory, PutDone, Rows, Scan, Sqlite,
    StoreError, conformance,
};
use tempfile::TempDir;

/// A store that keeps its folder alive, and removes it afterwards.
pub struct Kept<S> {
    store: S,
    _home: TempDir,
}

impl<S: Rows> Rows for Kept<S> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(key)
    }
    fn scan(
        &self,
        scan: &Scan,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.store.scan(scan, visit)
    }
    fn submit(&self, batch: Batch, done: CommitDone) {
        self.store.submit(batch, done);
    }
}

impl<S: Blobs> Blobs for Kept<S> {
    fn submit_put(&self, blobs: Vec<(BlobId, Vec<u8>)>, done: PutDone) {
        self.store.submit_put(blobs, done);
    }
    fn get(&self, id: &BlobId, range: Range<u64>) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(id, range)
    }
    fn len(&self, id: &BlobId) -> Result<Option<u64>, StoreError> {
        self.store.len(id)
    }
    fn delete(&self, ids: &[BlobId]) -> Result<(), StoreError> {
        self.store.delete(ids)
    }
    fn list(&self, after: Option<BlobId>, limit: usize) -> Result<Vec<BlobId>, StoreError> {
        self.store.list(after, limit)
    }
    fn touch(&self, ids: &[BlobId]) -> Result<Vec<bool>, StoreError> {
        self.store.touch(ids)
    }
}

#[test]
fn memory() {
    conformance::rows(Memory::new);
    conformance::blobs(Memory::new);
    conformance::rows(|| Arc::new(Memory::new()) as Arc<dyn Rows>);
}

#[test]
fn sqlite() {
    conformance::rows(|| {
        let home = tempfile::tempdir().unwrap();
        Kept { store: Sqlite::open(&home.path().join("rows.db")).unwrap(), _home: home }
    });
}

fn local() -> Kept<Local> {
    let home = tempfile::tempdir().unwrap();
    Kept { store: Local::open(home.path()).unwrap(), _home: home }
}

#[test]
fn local_rows() {
    conformance::rows(local);
}

#[test]
fn local_blobs() {
    conformance::blobs(local);
}

#[test]
fn files() {
    conformance::blobs(|| {
        let home = tempfile::tempdir().unwrap();
        Kept { store: Files::open(home.path()).unwrap(), _home: home }
    });
}
