//! Every engine and every wrapper passes the one suite.

use std::ops::ControlFlow;
use std::sync::Arc;

use strongroom_store::{Batch, CommitDone, Memory, Rows, Scan, Sqlite, StoreError, conformance};
use tempfile::TempDir;

/// A store that keeps its folder alive, and removes it afterwards.
pub struct Kept<S>(pub S, pub TempDir);

impl<S: Rows> Rows for Kept<S> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(key)
    }
    fn scan(
        &self,
        scan: &Scan,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.0.scan(scan, visit)
    }
    fn submit(&self, batch: Batch, done: CommitDone) {
        self.0.submit(batch, done);
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
        Kept(Sqlite::open(&home.path().join("rows.db")).unwrap(), home)
    });
}
