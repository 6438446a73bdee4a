//! The device's chunk cache: what goes first, what is noticed, who may share it.

use std::fs;
use std::time::{Duration, SystemTime};

use strongroom_store::{BlobId, Blobs, Files, StoreError, Usage};

const ALL: std::ops::Range<u64> = 0..u64::MAX;

fn id(n: u8) -> BlobId {
    BlobId([n; 32])
}

#[test]
fn what_was_not_used_for_longest_goes_first() {
    let home = tempfile::tempdir().unwrap();
    let cache = Files::open(home.path()).unwrap();
    for n in 1..=5 {
        cache.put(vec![(id(n), vec![n; 1_000])]).unwrap();
        let hours_ago = Duration::from_hours(u64::from(10 - n));
        let file = fs::File::open(home.path().join(id(n).to_string())).unwrap();
        file.set_modified(SystemTime::now() - hours_ago).unwrap();
    }
    // 1 is the oldest, but is used; 2 must stay: it is not with any provider yet.
    cache.get(&id(1), 0..1).unwrap();
    let gone = cache.shrink(3_000, &mut |id| id.0[0] != 2).unwrap();
    assert_eq!(gone, Usage { blobs: 2, bytes: 2_000 });
    assert_eq!(cache.list(None, 10).unwrap(), [id(1), id(2), id(5)]);
    assert_eq!(cache.usage().unwrap(), Usage { blobs: 3, bytes: 3_000 });
    cache.shrink(3_000, &mut |_| panic!("nothing has to go")).unwrap();
}

#[test]
fn a_cut_or_flipped_file_is_noticed_and_replaced() {
    let home = tempfile::tempdir().unwrap();
    let cache = Files::open(home.path()).unwrap();
    let bytes: Vec<u8> = (0..5_000_u32).map(|n| n as u8).collect();
    cache.put(vec![(id(1), bytes.clone())]).unwrap();
    let path = home.path().join(id(1).to_string());
    let whole = fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(37) {
        fs::write(&path, &whole[..at]).unwrap();
        assert!(matches!(cache.get(&id(1), ALL), Err(StoreError::Corrupt { .. })), "cut at {at}");
        let mut flipped = whole.clone();
        flipped[at] ^= 4;
        fs::write(&path, &flipped).unwrap();
        let found = cache.get(&id(1), ALL);
        assert!(matches!(found, Err(StoreError::Corrupt { .. })), "flipped at {at}");
    }
    assert!(!cache.check(true).unwrap().is_clean());
    fs::write(&path, &whole[..100]).unwrap();
    cache.put(vec![(id(1), bytes.clone())]).unwrap();
    assert_eq!(cache.get(&id(1), ALL).unwrap(), Some(bytes));
    assert!(cache.check(true).unwrap().is_clean());
}

#[test]
fn a_file_under_another_name_is_noticed() {
    let home = tempfile::tempdir().unwrap();
    let cache = Files::open(home.path()).unwrap();
    cache.put(vec![(id(1), b"one".to_vec())]).unwrap();
    fs::rename(home.path().join(id(1).to_string()), home.path().join(id(2).to_string())).unwrap();
    assert!(matches!(cache.get(&id(2), ALL), Err(StoreError::Corrupt { .. })));
}

#[test]
fn what_a_dead_process_left_is_cleaned_up_and_never_seen() {
    let home = tempfile::tempdir().unwrap();
    let (old, fresh) = (home.path().join("new-1-0-x"), home.path().join("new-2-0-x"));
    for path in [&old, &fresh] {
        fs::write(path, b"half").unwrap();
    }
    let yesterday = SystemTime::now() - Duration::from_hours(24);
    fs::File::open(&old).unwrap().set_modified(yesterday).unwrap();
    let cache = Files::open(home.path()).unwrap();
    assert!(!old.exists() && fresh.exists(), "a fresh one may still be written by its process");
    assert!(cache.list(None, 10).unwrap().is_empty());
    assert_eq!(cache.usage().unwrap(), Usage::default());
}

#[test]
fn two_caches_on_one_directory_share_it() {
    let home = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let cache = Files::open(home.path()).unwrap();
                for n in 0..30 {
                    cache.put(vec![(id(n), vec![n; 2_000])]).unwrap();
                    if let Some(bytes) = cache.get(&id(n / 2), ALL).unwrap() {
                        assert_eq!(bytes, vec![n / 2; 2_000]);
                    }
                    if n % 7 == 0 {
                        cache.shrink(20_000, &mut |_| true).unwrap();
                    }
                }
            });
        }
    });
    assert!(Files::open(home.path()).unwrap().check(true).unwrap().is_clean());
}
