//! The disk that lies: each fault fires, is counted, and does what its name says.

use std::ops::ControlFlow;
use std::time::Duration;

use strongroom_store::faulty::{Faulty, Script};
use strongroom_store::{
    Batch, BlobId, Blobs, CommitError, Memory, Rows, Scan, StoreError, conformance,
};

fn put<R: Rows>(store: &R, n: u8) -> Result<(), CommitError> {
    let mut batch = Batch::new();
    batch.put([n], vec![n; 100]);
    store.commit(batch)
}

fn keys<R: Rows>(store: &R) -> Vec<u8> {
    let mut keys = Vec::new();
    let visit = &mut |key: &[u8], _: &[u8]| {
        keys.push(key[0]);
        ControlFlow::Continue(())
    };
    store.scan(&Scan::all(), visit).unwrap();
    keys
}

#[test]
fn without_faults_it_is_what_it_wraps() {
    conformance::rows(|| Faulty::new(Memory::new(), 1));
    conformance::blobs(|| Faulty::new(Memory::new(), 1));
}

#[test]
fn a_disk_that_lies_about_fsync_keeps_every_other_promise() {
    let lies = Script { lost_fsync: 0.1, ..Script::default() };
    conformance::rows(|| Faulty::scripted(Memory::new(), 2, lies.clone()));
    conformance::blobs(|| Faulty::scripted(Memory::new(), 2, lies.clone()));
}

#[test]
fn a_slow_disk_is_only_slow() {
    let delay_max = Duration::from_micros(50);
    let slow = Script { delay: 0.2, delay_max, ..Script::default() };
    conformance::rows(|| Faulty::scripted(Memory::new(), 3, slow.clone()));
}

#[test]
fn a_lost_fsync_is_seen_until_the_crash_and_gone_after() {
    let store = Faulty::new(Memory::new(), 4);
    put(&store, 1).unwrap();
    store.set(Script { lost_fsync: 1.0, ..Script::default() });
    put(&store, 2).unwrap();
    put(&store, 3).unwrap();
    assert_eq!(keys(&store), [1, 2, 3]);
    assert_eq!(store.crash().unwrap(), 2);
    assert_eq!(keys(&store), [1]);
    assert_eq!((store.fired().lost_fsyncs, store.fired().lost_writes), (2, 2));
}

#[test]
fn a_torn_group_keeps_a_beginning_never_a_middle() {
    let mut torn = 0;
    for seed in 0..30 {
        let script = Script { lost_fsync: 1.0, torn_groups: true, ..Script::default() };
        let store = Faulty::scripted(Memory::new(), seed, script);
        (0..6).for_each(|n| put(&store, n).unwrap());
        let lost = store.crash().unwrap();
        assert_eq!(keys(&store), (0..6 - lost as u8).collect::<Vec<_>>());
        torn += store.fired().torn_groups;
    }
    assert!(torn > 10, "fired only {torn} times");
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    let script = Script { full_after: Some(2), ..Script::default() };
    let store = Faulty::scripted(Memory::new(), 5, script);
    put(&store, 1).unwrap();
    put(&store, 2).unwrap();
    assert_eq!(put(&store, 3), Err(CommitError::Store(StoreError::Full)));
    let blob = vec![(BlobId([1; 32]), b"x".to_vec())];
    assert_eq!(store.put(blob.clone()), Err(StoreError::Full));
    assert_eq!((keys(&store), store.fired().full), (vec![1, 2], 2));
    store.set(Script::default());
    put(&store, 3).unwrap();
    store.put(blob).unwrap();
    assert_eq!(keys(&store), [1, 2, 3]);
}

#[test]
fn rot_flips_one_bit_now_or_for_good() {
    let store = Faulty::new(Memory::new(), 6);
    let id = BlobId([1; 32]);
    put(&store, 1).unwrap();
    store.put(vec![(id, vec![0; 100])]).unwrap();
    let blob = || Blobs::get(&store, &id, 0..u64::MAX).unwrap().unwrap();
    let ones = |bytes: &[u8]| bytes.iter().map(|byte| byte.count_ones()).sum::<u32>();
    store.set(Script { rot_on_read: 1.0, ..Script::default() });
    assert_eq!(ones(&blob()), 1);
    let value = Rows::get(&store, &[1]).unwrap().unwrap();
    assert_eq!(value.iter().filter(|byte| **byte != 1).count(), 1);
    store.set(Script::default());
    assert_eq!(ones(&blob()), 0, "it was only that once");
    store.set(Script { rot_for_good: 1.0, ..Script::default() });
    let rotten = blob();
    store.set(Script::default());
    assert_eq!((ones(&rotten), blob()), (1, rotten));
    assert_eq!(store.fired().rotten_reads, 4);
}

#[test]
fn errors_come_by_chance_and_the_same_seed_brings_the_same() {
    let run = |seed| -> Vec<bool> {
        let script = Script { write_error: 0.3, read_error: 0.3, ..Script::default() };
        let store = Faulty::scripted(Memory::new(), seed, script);
        let results = (0..50).map(|n| {
            let (written, read) = (put(&store, n), Rows::get(&store, &[n]));
            if let (Err(_), Ok(value)) = (&written, &read) {
                assert_eq!(value, &None, "what was refused is not there");
            }
            written.is_ok() && read.is_ok()
        });
        let results = results.collect();
        assert!(store.fired().write_errors > 5 && store.fired().read_errors > 5);
        results
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}
