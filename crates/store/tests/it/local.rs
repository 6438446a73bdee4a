//! The provider's engine as its owner sees it: locks, deletions, collection, room on the disk.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use strongroom_store::conformance::Dice;
use strongroom_store::{Batch, BlobId, Blobs, Local, Rows, StoreError};

const ALL: std::ops::Range<u64> = 0..u64::MAX;

fn id(n: u64) -> BlobId {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&n.to_be_bytes());
    BlobId(id)
}

fn disk(dir: &Path) -> u64 {
    let size = |entry: fs::DirEntry| {
        let meta = entry.metadata().unwrap();
        if meta.is_dir() { disk(&entry.path()) } else { meta.blocks() * 512 }
    };
    fs::read_dir(dir).unwrap().map(|entry| size(entry.unwrap())).sum()
}

#[test]
fn a_second_process_is_told() {
    let home = tempfile::tempdir().unwrap();
    let store = Local::open(home.path()).unwrap();
    assert!(matches!(Local::open(home.path()), Err(StoreError::Busy)));
    assert!(matches!(Local::repair(home.path()), Err(StoreError::Busy)));
    drop(store);
    Local::open(home.path()).unwrap();
}

#[test]
fn somebodys_documents_are_not_a_store() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("letter.txt"), b"Dear Bob").unwrap();
    assert!(matches!(Local::open(home.path()), Err(StoreError::Foreign { .. })));
    assert_eq!(fs::read(home.path().join("letter.txt")).unwrap(), b"Dear Bob");
}

#[test]
fn another_format_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    drop(Local::open(home.path()).unwrap());
    let mut bytes = fs::read(home.path().join("STORE")).unwrap();
    bytes[7] = b'9';
    fs::write(home.path().join("STORE"), bytes).unwrap();
    assert!(matches!(Local::open(home.path()), Err(StoreError::Foreign { .. })));
}

#[test]
fn deleting_gives_the_room_back() {
    let home = tempfile::tempdir().unwrap();
    let store = Local::open(home.path()).unwrap();
    let mut dice = Dice::new(1);
    for n in 0..16 {
        store.put(vec![(id(n), dice.bytes(1 << 20))]).unwrap();
    }
    let full = disk(home.path());
    store.delete(&(0..12).map(id).collect::<Vec<_>>()).unwrap();
    let after = disk(home.path());
    assert!(after + (11 << 20) < full, "{full} bytes, then {after}");
    drop(store);
    let store = Local::open(home.path()).unwrap();
    assert_eq!(store.list(None, 99).unwrap(), (12..16).map(id).collect::<Vec<_>>());
    assert!(store.check(true).unwrap().is_clean());
    let live = Local::disk_bytes(&store);
    assert!(live < 5 << 20, "{live} bytes are said to live");
}

#[test]
fn collection_spares_the_living_and_the_young() {
    let home = tempfile::tempdir().unwrap();
    let store = Local::open(home.path()).unwrap();
    store.put((0..10).map(|n| (id(n), vec![1; 500])).collect()).unwrap();
    let hour = Duration::from_hours(1);
    let mut is_live = |blob: &BlobId| Ok(blob.0[7].is_multiple_of(2));
    let young = store.collect(hour, &mut is_live).unwrap();
    assert_eq!((young.seen, young.young, young.removed), (10, 5, 0));
    let done = store.collect(Duration::ZERO, &mut is_live).unwrap();
    assert_eq!((done.seen, done.young, done.removed, done.removed_bytes), (10, 0, 5, 2_500));
    assert_eq!(store.list(None, 99).unwrap(), [0, 2, 4, 6, 8].map(id));
    let failing = store.collect(Duration::ZERO, &mut |_| Err(StoreError::Closed));
    assert!(failing.is_err(), "who cannot tell what lives must not collect");
}

#[test]
fn many_documents_stay_cheap_and_the_journal_goes() {
    let home = tempfile::tempdir().unwrap();
    let store = Local::open(home.path()).unwrap();
    let mut dice = Dice::new(2);
    const DOCUMENTS: u64 = 12_000;
    for n in 0..DOCUMENTS / 100 {
        let mut batch = Batch::new();
        for i in 0..100 {
            batch.put(
                (n * 100 + i).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes(),
                dice.bytes(1_024),
            );
        }
        store.commit(batch).unwrap();
    }
    drop(store);
    let store = Local::open(home.path()).unwrap();
    store.commit(Batch::new()).unwrap();
    let each = disk(home.path()) / DOCUMENTS;
    assert!(each <= 2_048, "{each} bytes a document");
    let journals = fs::read_dir(home.path()).unwrap().map(Result::unwrap);
    let journals = journals.filter(|f| f.file_name().to_str().unwrap().starts_with("journal-"));
    assert!(journals.count() <= 4);
    assert_eq!(store.check(true).unwrap().rows, DOCUMENTS);
}

#[test]
fn a_row_written_a_hundred_thousand_times_is_one_row() {
    let home = tempfile::tempdir().unwrap();
    let store = Local::open(home.path()).unwrap();
    for n in 0..100_000_u64 {
        let mut batch = Batch::new();
        batch.put(b"counter", n.to_be_bytes());
        store.submit(batch, Box::new(|result| result.unwrap()));
    }
    store.commit(Batch::new()).unwrap();
    assert_eq!(Rows::get(&store, b"counter").unwrap().unwrap(), 99_999_u64.to_be_bytes());
    drop(store);
    assert!(disk(home.path()) < 12 << 20, "{}", disk(home.path()));
}

#[test]
fn a_segment_whose_blobs_are_gone_is_removed() {
    // Small blobs cannot be punched out; the whole segment goes when the last one has.
    let home = tempfile::tempdir().unwrap();
    let store = Local::open(home.path()).unwrap();
    let mut dice = Dice::new(3);
    for n in 0..66 {
        store.put((0..4).map(|i| (id(n * 4 + i), dice.bytes(1 << 20))).collect()).unwrap();
    }
    assert!(home.path().join("segment-00000002").exists());
    store.delete(&(0..260).map(id).collect::<Vec<_>>()).unwrap();
    drop(store);
    Local::repair(home.path()).unwrap();
    let store = Local::open(home.path()).unwrap();
    store.delete(&[id(0)]).unwrap();
    assert!(!home.path().join("segment-00000001").exists());
    assert_eq!(store.list(None, 99).unwrap(), (260..264).map(id).collect::<Vec<_>>());
    assert_eq!(Blobs::get(&store, &id(263), ALL).unwrap().unwrap().len(), 1 << 20);
    drop(store);
    assert!(Local::open(home.path()).unwrap().check(true).unwrap().is_clean());
}
