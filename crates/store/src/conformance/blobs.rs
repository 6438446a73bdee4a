//! What `Blobs` promises, one function a promise. Comes in: an engine or a wrapper. Goes
//! out: nothing, or the promise it broke.
//!
//! Must not know: which engine it has in hand.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::Dice;
use crate::limits::BLOB_BYTES_MAX;
use crate::{BlobId, Blobs, StoreError};

const ALL: std::ops::Range<u64> = 0..u64::MAX;

/// Runs the whole suite; `make` gives an empty store each time.
pub fn blobs<B: Blobs>(make: impl Fn() -> B) {
    a_blob_comes_back_and_goes(&make());
    ranges_are_cut_at_the_end(&make());
    an_id_keeps_its_first_bytes(&make());
    lists_go_in_order_by_pages(&make());
    what_is_too_large_is_refused(&make());
    touch_tells_what_is_there(&make());
    many_writers_lose_nothing(&Arc::new(make()));
    everyone_is_told(&make());
    it_does_what_a_map_does(&make());
}

fn id(n: u8) -> BlobId {
    BlobId([n; 32])
}

fn a_blob_comes_back_and_goes<B: Blobs>(store: &B) {
    assert_eq!(store.get(&id(1), ALL).unwrap(), None);
    assert_eq!(store.len(&id(1)).unwrap(), None);
    store.put(vec![(id(1), b"one".to_vec()), (id(2), vec![])]).unwrap();
    assert_eq!(store.get(&id(1), ALL).unwrap().as_deref(), Some(&b"one"[..]));
    assert_eq!(store.get(&id(2), ALL).unwrap().as_deref(), Some(&b""[..]), "empty is not absent");
    assert_eq!((store.len(&id(1)).unwrap(), store.len(&id(2)).unwrap()), (Some(3), Some(0)));
    store.delete(&[id(1), id(9)]).unwrap();
    assert_eq!(store.get(&id(1), ALL).unwrap(), None);
    assert_eq!(store.list(None, 10).unwrap(), [id(2)]);
    store.put(vec![(id(1), b"again".to_vec())]).unwrap();
    assert_eq!(store.get(&id(1), ALL).unwrap().as_deref(), Some(&b"again"[..]));
    store.put(vec![]).unwrap();
    store.delete(&[]).unwrap();
    // Who cannot tell without waiting may say so; who tells, tells the same.
    for (number, held) in [(1, Some(&b"again"[..])), (2, Some(&b""[..])), (9, None)] {
        if let Some(read) = store.get_ready(&id(number), ALL) {
            assert_eq!(read.unwrap().as_deref(), held);
        }
    }
    if let Some(read) = store.get_ready(&id(1), 1..3) {
        assert_eq!(read.unwrap().as_deref(), Some(&b"ga"[..]));
    }
}

fn ranges_are_cut_at_the_end<B: Blobs>(store: &B) {
    let bytes = Dice::new(1).bytes(100_000);
    store.put(vec![(id(1), bytes.clone())]).unwrap();
    for (from, to) in [(0, 1), (0, 100_000), (99_999, 100_000), (5_000, 70_001), (4_096, 8_192)] {
        let part = store.get(&id(1), from..to).unwrap().unwrap();
        assert_eq!(part, bytes[from as usize..to as usize]);
    }
    assert_eq!(store.get(&id(1), 99_990..u64::MAX).unwrap().unwrap(), bytes[99_990..]);
    #[allow(clippy::reversed_empty_ranges, reason = "it must be harmless")]
    for range in [100_000..200_000, 7..7, u64::MAX - 1..u64::MAX, 9..3] {
        assert_eq!(
            store.get(&id(1), range.clone()).unwrap().as_deref(),
            Some(&b""[..]),
            "{range:?}"
        );
    }
    assert_eq!(store.get(&id(2), 0..1).unwrap(), None);
}

fn an_id_keeps_its_first_bytes<B: Blobs>(store: &B) {
    store.put(vec![(id(1), b"first".to_vec())]).unwrap();
    store
        .put(vec![(id(1), b"other".to_vec()), (id(2), b"a".to_vec()), (id(2), b"b".to_vec())])
        .unwrap();
    assert_eq!(store.get(&id(1), ALL).unwrap().as_deref(), Some(&b"first"[..]));
    assert_eq!(store.get(&id(2), ALL).unwrap().as_deref(), Some(&b"a"[..]), "also within one put");
    assert_eq!(store.list(None, 10).unwrap(), [id(1), id(2)]);
}

fn lists_go_in_order_by_pages<B: Blobs>(store: &B) {
    let ids: Vec<_> = (0..=255).step_by(15).map(id).collect();
    store.put(ids.iter().rev().map(|id| (*id, id.0.to_vec())).collect()).unwrap();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = store.list(after, 4).unwrap();
        assert!(page.len() <= 4);
        let Some(last) = page.last() else { break };
        after = Some(*last);
        seen.extend(page);
    }
    assert_eq!(seen, ids);
    assert_eq!(store.list(None, usize::MAX).unwrap(), ids);
    assert_eq!(
        store.list(Some(id(1)), 1).unwrap(),
        [id(15)],
        "the one to begin after may be absent"
    );
    assert!(store.list(None, 0).unwrap().is_empty());
}

fn what_is_too_large_is_refused<B: Blobs>(store: &B) {
    let largest = Dice::new(2).bytes(BLOB_BYTES_MAX);
    store.put(vec![(id(1), largest.clone())]).unwrap();
    assert!(store.get(&id(1), ALL).unwrap().unwrap() == largest);
    let refused = store.put(vec![(id(2), vec![0; BLOB_BYTES_MAX + 1])]);
    assert!(matches!(refused, Err(StoreError::TooLarge { .. })), "{refused:?}");
    assert_eq!(store.len(&id(2)).unwrap(), None);
}

fn touch_tells_what_is_there<B: Blobs>(store: &B) {
    store.put(vec![(id(1), b"one".to_vec())]).unwrap();
    assert_eq!(store.touch(&[id(2), id(1), id(3)]).unwrap(), [false, true, false]);
    assert_eq!(store.get(&id(1), ALL).unwrap().as_deref(), Some(&b"one"[..]));
}

fn many_writers_lose_nothing<B: Blobs>(store: &Arc<B>) {
    let blob = |who: u8, n: u8| (BlobId([who.wrapping_mul(31) ^ n; 32]), vec![who; 1_000]);
    thread::scope(|scope| {
        for who in 0..8_u8 {
            let store = Arc::clone(store);
            scope.spawn(move || {
                for n in 0..10 {
                    let (mut id, bytes) = blob(who, n);
                    (id.0[0], id.0[1]) = (who, n);
                    store.put(vec![(id, bytes.clone())]).unwrap();
                    assert_eq!(store.get(&id, ALL).unwrap(), Some(bytes), "seen once durable");
                }
            });
        }
    });
    assert_eq!(store.list(None, usize::MAX).unwrap().len(), 80);
}

fn everyone_is_told<B: Blobs>(store: &B) {
    let told = Arc::new(AtomicUsize::new(0));
    for n in 0..50 {
        let told = Arc::clone(&told);
        let count = move |result: Result<(), StoreError>| {
            result.unwrap();
            told.fetch_add(1, Ordering::SeqCst);
        };
        store.submit_put(vec![(id(n), vec![n; 300])], Box::new(count));
    }
    // Puts are taken in order, so the last one's answer comes after all others.
    store.put(vec![(id(99), vec![])]).unwrap();
    assert_eq!(told.load(Ordering::SeqCst), 50);
}

fn it_does_what_a_map_does<B: Blobs>(store: &B) {
    let mut dice = Dice::new(3);
    let mut model: BTreeMap<BlobId, Vec<u8>> = BTreeMap::new();
    for step in 0..200 {
        let one = id(dice.below(12) as u8);
        match dice.below(6) {
            0 | 1 => {
                let most = if dice.once_in(8) { 300_000 } else { 600 };
                let len = dice.below(most) as usize;
                let bytes = dice.bytes(len);
                store.put(vec![(one, bytes.clone())]).unwrap();
                model.entry(one).or_insert(bytes);
            }
            2 => {
                let other = id(dice.below(12) as u8);
                store.delete(&[one, other]).unwrap();
                model.remove(&one);
                model.remove(&other);
            }
            3 => assert_eq!(store.len(&one).unwrap(), model.get(&one).map(|b| b.len() as u64)),
            4 => {
                let ids: Vec<_> = model.keys().copied().collect();
                assert_eq!(store.list(None, 100).unwrap(), ids, "step {step}");
            }
            _ => assert!(store.get(&one, ALL).unwrap().as_ref() == model.get(&one), "step {step}"),
        }
    }
}
