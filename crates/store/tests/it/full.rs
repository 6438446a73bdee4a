//! The disk is full: a clear refusal, nothing damaged, and on it goes when there is room.
//!
//! A limit on the size of files stands in for the disk, so the test needs no disk of its own.
//! It works in a child: the limit is on the whole process.

use std::path::Path;
use std::process::Command;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use strongroom_store::{Batch, BlobId, Blobs, CommitError, Local, Rows, StoreError};

const HOME: &str = "STRONGROOM_TEST_FULL";

#[test]
fn a_full_disk_refuses_keeps_everything_and_goes_on() {
    let home = tempfile::tempdir().unwrap();
    // Without the trap the kernel would kill the child instead of refusing the write.
    let me = std::env::current_exe().unwrap();
    let run = "trap '' XFSZ; ulimit -S -f 2048; exec \"$0\" --exact full::child --nocapture";
    let child = Command::new("sh").arg("-c").arg(run).arg(me).env(HOME, home.path()).output();
    let child = child.unwrap();
    let said = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{}\n{said}", String::from_utf8_lossy(&child.stdout));
    let store = Local::open(home.path()).unwrap();
    assert!(store.check(true).unwrap().is_clean());
}

#[test]
fn child() {
    let Some(home) = std::env::var_os(HOME) else { return };
    let store = Local::open(Path::new(&home)).unwrap();
    let rows = fill_rows(&store);
    let blobs = fill_blobs(&store);
    assert!(rows > 100 && blobs > 2, "{rows} rows, {blobs} blobs");
    // Still full, still calm; reading works.
    assert_eq!(put_row(&store, rows), Err(CommitError::Store(StoreError::Full)));
    assert_eq!(put_blob(&store, blobs), Err(StoreError::Full));
    all_there(&store, rows, blobs);
    let limit = getrlimit(Resource::Fsize);
    setrlimit(Resource::Fsize, Rlimit { current: limit.maximum, ..limit }).unwrap();
    for n in 0..50 {
        put_row(&store, rows + n).unwrap();
    }
    put_blob(&store, blobs).unwrap();
    all_there(&store, rows + 50, blobs + 1);
    drop(store);
    let store = Local::open(Path::new(&home)).unwrap();
    all_there(&store, rows + 50, blobs + 1);
}

/// With a real full disk: STRONGROOM_SMALL_DISK names an empty directory on a file system of
/// some 40 MB. Room for the tables runs out here, too, which no limit on files can imitate.
#[test]
fn a_small_disk_fills_up_and_is_given_room_again() {
    let Some(disk) = std::env::var_os("STRONGROOM_SMALL_DISK") else { return };
    let (home, ballast) = (Path::new(&disk).join("store"), Path::new(&disk).join("ballast"));
    std::fs::write(&ballast, vec![1; 16 << 20]).unwrap();
    let store = Local::open(&home).unwrap();
    let rows = fill_rows(&store);
    let blobs = fill_blobs(&store);
    println!("full with {rows} rows and {blobs} blobs");
    for _ in 0..20 {
        assert_eq!(put_row(&store, rows), Err(CommitError::Store(StoreError::Full)));
    }
    all_there(&store, rows, blobs);
    drop(store);
    // Also after a restart on the full disk.
    let store = Local::open(&home).unwrap();
    all_there(&store, rows, blobs);
    std::fs::remove_file(&ballast).unwrap();
    let more = (0..200).filter(|n| {
        (0..50).any(|_| {
            put_row(&store, rows + n).is_ok() || {
                std::thread::sleep(std::time::Duration::from_millis(20));
                false
            }
        })
    });
    assert_eq!(more.count(), 200);
    drop(store);
    let store = Local::open(&home).unwrap();
    all_there(&store, rows + 200, blobs);
    assert!(store.check(true).unwrap().is_clean());
}

fn fill_rows(store: &Local) -> u64 {
    (0..100_000).find(|n| put_row(store, *n).is_err()).unwrap()
}

fn fill_blobs(store: &Local) -> u64 {
    (0..100_000).find(|n| put_blob(store, *n).is_err()).unwrap()
}

fn put_row(store: &Local, n: u64) -> Result<(), CommitError> {
    let mut batch = Batch::new();
    batch.put(n.to_be_bytes(), vec![n as u8; 4_000]);
    store.commit(batch)
}

fn put_blob(store: &Local, n: u64) -> Result<(), StoreError> {
    store.put(vec![(BlobId([n as u8; 32]), vec![n as u8; 200_000])])
}

fn all_there(store: &Local, rows: u64, blobs: u64) {
    for n in 0..rows {
        assert_eq!(Rows::get(store, &n.to_be_bytes()).unwrap(), Some(vec![n as u8; 4_000]));
    }
    for n in 0..blobs {
        let found = Blobs::get(store, &BlobId([n as u8; 32]), 0..u64::MAX).unwrap();
        assert_eq!(found, Some(vec![n as u8; 200_000]));
    }
    assert_eq!(store.list(None, 999).unwrap().len() as u64, blobs);
}
