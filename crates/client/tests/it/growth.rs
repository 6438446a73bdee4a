//! What work costs as a vault grows, in rows read and written: the same for one document, however
//! many there are beside it, in other directories or in its own.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use strongroom_client::{Quiet, Unlock, Vault};
use strongroom_store::{Batch, CommitDone, Rows, Scan, Sqlite, StoreError};

use crate::support::{Device, cat, long, place, put};

/// Rows that count what is asked of them.
struct Counting {
    rows: Sqlite,
    read: AtomicU64,
    written: AtomicU64,
}

impl Rows for Counting {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.read.fetch_add(1, Ordering::Relaxed);
        self.rows.get(key)
    }

    fn scan(
        &self,
        scan: &Scan,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.rows.scan(scan, &mut |key, value| {
            self.read.fetch_add(1, Ordering::Relaxed);
            visit(key, value)
        })
    }

    fn submit(&self, batch: Batch, done: CommitDone) {
        self.written.fetch_add(batch.ops().len() as u64, Ordering::Relaxed);
        self.rows.submit(batch, done);
    }
}

/// A vault with so many files in one directory and as many in others, over rows that count.
fn filled(files: u64) -> (Device, Vault, Arc<Counting>) {
    let device = Device::alone();
    for at in 0..files {
        device.write(&format!("tree/flat/{at}"), format!("flat {at}"));
        device.write(&format!("tree/{}/{at}", at / 20), format!("file {at}"));
    }
    put(&device.vault, &device.path("tree"), "/tree");
    let rows = Sqlite::open(&device.home.replica()).unwrap();
    let counting = Counting { rows, read: AtomicU64::new(0), written: AtomicU64::new(0) };
    let rows = Arc::new(counting);
    let secret = device.vault.key_store_bytes();
    let vault = Vault::open_over(&device.home, Unlock::Opened(&secret), rows.clone()).unwrap();
    (device, vault, rows)
}

/// Rows read and written by each of a person's small acts.
fn costs(files: u64) -> Vec<(&'static str, u64, u64)> {
    let (device, vault, rows) = filled(files);
    let new = device.write("new", "new");
    let changed = device.write("changed", "changed");
    let mut costs = Vec::new();
    let mut count = |what, act: &dyn Fn()| {
        let now = || (rows.read.load(Ordering::Relaxed), rows.written.load(Ordering::Relaxed));
        let before = now();
        act();
        let after = now();
        costs.push((what, after.0 - before.0, after.1 - before.1));
    };
    count("put a new file", &|| drop(put(&vault, &new, "/tree/1/new")));
    count("put into a full directory", &|| drop(put(&vault, &new, "/tree/flat/new")));
    count("put a changed file", &|| drop(put(&vault, &changed, "/tree/1/new")));
    count("read it", &|| drop(cat(&vault, "/tree/flat/new").unwrap()));
    count("list its directory", &|| drop(vault.list(&place("/tree/1"), false).unwrap()));
    count("look at its history", &|| drop(vault.history(&place("/tree/1/new")).unwrap()));
    count("move it", &|| {
        vault.rename(&place("/tree/1/new"), &place("/tree/flat/moved"), &Quiet).unwrap();
    });
    count("remove it", &|| {
        vault.remove(&place("/tree/flat/moved"), false).unwrap();
    });
    costs
}

#[test]
fn one_document_costs_the_same_in_a_large_vault_as_in_a_small_one() {
    let (small, large) = (costs(40), costs(if long() { 10_000 } else { 1_000 }));
    for ((what, read, written), (_, reads, writes)) in small.iter().zip(&large) {
        // A checkpoint may fall due in one of them and not in the other; a scan of what is beside
        // a document would be hundreds of rows.
        let close = |few: u64, many: u64| many <= few + 12;
        assert!(close(*read, *reads) && close(*written, *writes), "{what}: {small:?} {large:?}");
    }
    assert!(small.iter().all(|(_, read, _)| *read < 80), "{small:?}");
}
