//! What `Rows` promises, one function a promise. Comes in: an engine or a wrapper. Goes
//! out: nothing, or the promise it broke.
//!
//! Must not know: which engine it has in hand.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use super::Dice;
use crate::limits::{BATCH_BYTES_MAX, KEY_BYTES_MAX, VALUE_BYTES_MAX};
use crate::{Batch, CommitError, Rows, Scan, StoreError};

/// Runs the whole suite; `make` gives an empty store each time.
pub fn rows<R: Rows>(make: impl Fn() -> R) {
    a_value_comes_back_and_goes(&make());
    a_batch_is_all_or_nothing(&make());
    expectations_look_before_the_batch(&make());
    the_later_change_stays(&make());
    many_are_found_as_one_by_one(&make());
    scans_go_both_ways_and_stop(&make());
    keys_at_the_edges_keep_their_order(&make());
    what_is_too_large_is_refused(&make());
    batches_of_one_thread_keep_their_order(&make());
    an_empty_batch_waits_for_those_before(&make());
    of_many_conditional_commits_one_wins(&Arc::new(make()));
    counting_together_loses_nothing(&Arc::new(make()));
    a_scan_is_a_snapshot(&Arc::new(make()));
    a_visitor_may_use_the_store(&make());
    it_does_what_a_map_does(&make());
}

fn batch(build: impl FnOnce(&mut Batch)) -> Batch {
    let mut batch = Batch::new();
    build(&mut batch);
    batch
}

fn put<R: Rows>(store: &R, key: &[u8], value: &[u8]) {
    store
        .commit(batch(|b| {
            b.put(key, value);
        }))
        .unwrap();
}

fn collect<R: Rows + ?Sized>(store: &R, scan: &Scan) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    let visit = &mut |key: &[u8], value: &[u8]| {
        found.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    };
    store.scan(scan, visit).unwrap();
    found
}

fn a_value_comes_back_and_goes<R: Rows>(store: &R) {
    assert_eq!(store.get(b"k").unwrap(), None);
    put(store, b"k", b"v");
    assert_eq!(store.get(b"k").unwrap().as_deref(), Some(&b"v"[..]));
    put(store, b"k", b"");
    assert_eq!(store.get(b"k").unwrap().as_deref(), Some(&b""[..]), "empty is not absent");
    store
        .commit(batch(|b| {
            b.delete(b"k").delete(b"never");
        }))
        .unwrap();
    assert_eq!(store.get(b"k").unwrap(), None);
    assert!(collect(store, &Scan::all()).is_empty());
}

fn a_batch_is_all_or_nothing<R: Rows>(store: &R) {
    put(store, b"taken", b"1");
    let refused = store.commit(batch(|b| {
        b.put(b"a", b"1").expect_absent(b"free").expect_absent(b"taken").put(b"b", b"2");
    }));
    assert_eq!(refused, Err(CommitError::Conflict { key: b"taken".to_vec() }));
    assert_eq!(collect(store, &Scan::all()), [(b"taken".to_vec(), b"1".to_vec())]);
    let wrong = store.commit(batch(|b| {
        b.expect_equals(b"taken", b"2").delete(b"taken");
    }));
    assert_eq!(wrong, Err(CommitError::Conflict { key: b"taken".to_vec() }));
    let empty = store.commit(batch(|b| {
        b.expect_equals(b"nothing", b"");
    }));
    assert_eq!(empty, Err(CommitError::Conflict { key: b"nothing".to_vec() }));
    store
        .commit(batch(|b| {
            b.expect_equals(b"taken", b"1").delete(b"taken");
        }))
        .unwrap();
    assert_eq!(store.get(b"taken").unwrap(), None);
}

fn expectations_look_before_the_batch<R: Rows>(store: &R) {
    store
        .commit(batch(|b| {
            b.put(b"k", b"1").expect_absent(b"k");
        }))
        .unwrap();
    store
        .commit(batch(|b| {
            b.put(b"k", b"2").expect_equals(b"k", b"1");
        }))
        .unwrap();
    assert_eq!(store.get(b"k").unwrap().as_deref(), Some(&b"2"[..]));
}

fn the_later_change_stays<R: Rows>(store: &R) {
    let twice = batch(|b| {
        b.put(b"a", b"1").put(b"a", b"2").put(b"b", b"1").delete(b"b").delete(b"c").put(b"c", b"3");
    });
    store.commit(twice).unwrap();
    let expected = [(b"a".to_vec(), b"2".to_vec()), (b"c".to_vec(), b"3".to_vec())];
    assert_eq!(collect(store, &Scan::all()), expected);
}

fn many_are_found_as_one_by_one<R: Rows>(store: &R) {
    for n in 0..20_u8 {
        put(store, &[n], &vec![n; usize::from(n) * 100]);
    }
    let too_long = vec![0; KEY_BYTES_MAX + 1];
    let keys = [vec![7], vec![99], vec![], vec![3], vec![7], too_long, vec![19]];
    let expected: Vec<_> = keys.iter().map(|key| store.get(key).unwrap()).collect();
    assert_eq!(store.get_many(&keys).unwrap(), expected);
    assert_eq!(expected.iter().flatten().count(), 4);
    assert_eq!(store.get_many(&[]).unwrap(), []);
}

fn scans_go_both_ways_and_stop<R: Rows>(store: &R) {
    store
        .commit(batch(|b| {
            (0..10_u8).for_each(|i| {
                b.put([b'k', i], [i]);
            });
        }))
        .unwrap();
    let keys = |scan: &Scan| -> Vec<u8> {
        collect(store, scan).iter().map(|(_, value)| value[0]).collect()
    };
    assert_eq!(keys(&Scan::all()), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(keys(&Scan::range([b'k', 2], [b'k', 5])), [2, 3, 4], "the end is outside");
    assert_eq!(keys(&Scan::range([b'k', 2], [b'k', 5]).reversed()), [4, 3, 2]);
    assert_eq!(keys(&Scan::from([b'k', 8])), [8, 9]);
    assert_eq!(keys(&Scan::from([b'k', 8]).reversed()), [9, 8]);
    assert_eq!(keys(&Scan::prefix(b"k")).len(), 10);
    assert!(keys(&Scan::prefix(b"l")).is_empty());
    assert!(keys(&Scan::range(b"k", b"k")).is_empty());
    assert!(keys(&Scan::range(b"z", b"a").reversed()).is_empty(), "an inverted range is empty");
    for (reverse, expected) in [(false, [0, 1, 2]), (true, [9, 8, 7])] {
        let mut seen = Vec::new();
        let scan = Scan { reverse, ..Scan::all() };
        let visit = &mut |_: &[u8], value: &[u8]| {
            seen.push(value[0]);
            if seen.len() == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        store.scan(&scan, visit).unwrap();
        assert_eq!(seen, expected);
    }
}

fn keys_at_the_edges_keep_their_order<R: Rows>(store: &R) {
    let mut keys = vec![
        vec![],
        vec![0],
        vec![0, 0],
        vec![0, 0xff],
        vec![1],
        vec![0xfe, 0xff],
        vec![0xff],
        vec![0xff; 2],
        vec![0xff; KEY_BYTES_MAX],
    ];
    store
        .commit(batch(|b| {
            for key in &keys {
                b.put(key.clone(), key.clone());
            }
        }))
        .unwrap();
    let found: Vec<_> = collect(store, &Scan::all()).into_iter().map(|(key, _)| key).collect();
    assert_eq!(found, keys);
    assert_eq!(store.get(b"").unwrap().as_deref(), Some(&b""[..]), "the empty key is a key");
    assert_eq!(collect(store, &Scan::prefix([0xff])).len(), 3);
    assert_eq!(collect(store, &Scan::prefix([0])).len(), 3);
    keys.reverse();
    let found = collect(store, &Scan::all().reversed());
    assert_eq!(found.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), keys);
}

fn what_is_too_large_is_refused<R: Rows>(store: &R) {
    let largest = vec![7; VALUE_BYTES_MAX];
    put(store, &[1; KEY_BYTES_MAX], &largest);
    assert_eq!(store.get(&[1; KEY_BYTES_MAX]).unwrap(), Some(largest));
    let too_large = |b: Batch| {
        let refused = store.commit(b);
        assert!(
            matches!(refused, Err(CommitError::Store(StoreError::TooLarge { .. }))),
            "{refused:?}"
        );
    };
    too_large(batch(|b| {
        b.put(vec![2; KEY_BYTES_MAX + 1], b"");
    }));
    too_large(batch(|b| {
        b.delete(vec![2; KEY_BYTES_MAX + 1]);
    }));
    too_large(batch(|b| {
        b.expect_absent(vec![2; KEY_BYTES_MAX + 1]);
    }));
    too_large(batch(|b| {
        b.put(b"k", vec![0; VALUE_BYTES_MAX + 1]);
    }));
    let mut whole = Batch::new();
    while whole.byte_len() <= BATCH_BYTES_MAX {
        whole.put((whole.byte_len() as u64).to_be_bytes(), vec![0; VALUE_BYTES_MAX]);
    }
    too_large(whole);
    assert_eq!(store.get(&[1; KEY_BYTES_MAX + 1]).unwrap(), None);
    assert_eq!(collect(store, &Scan::all()).len(), 1);
}

fn batches_of_one_thread_keep_their_order<R: Rows>(store: &R) {
    let (tell, told) = mpsc::channel();
    for i in 0..200_u32 {
        let tell = tell.clone();
        let next = batch(|b| {
            if i == 0 {
                b.expect_absent(b"k");
            } else {
                b.expect_equals(b"k", (i - 1).to_be_bytes());
            }
            b.put(b"k", i.to_be_bytes());
        });
        store.submit(next, Box::new(move |result| tell.send((i, result)).unwrap()));
    }
    drop(tell);
    let told: Vec<_> = told.iter().collect();
    assert_eq!(told.len(), 200);
    assert!(told.iter().all(|(_, result)| result.is_ok()), "each saw the one before it: {told:?}");
    assert_eq!(store.get(b"k").unwrap().as_deref(), Some(&199_u32.to_be_bytes()[..]));
}

fn an_empty_batch_waits_for_those_before<R: Rows>(store: &R) {
    let done = Arc::new(AtomicUsize::new(0));
    for i in 0..20_u8 {
        let done = Arc::clone(&done);
        let count = move |result: Result<(), CommitError>| {
            result.unwrap();
            done.fetch_add(1, Ordering::SeqCst);
        };
        store.submit(
            batch(|b| {
                b.put([i], [i]);
            }),
            Box::new(count),
        );
    }
    store.commit(Batch::new()).unwrap();
    assert_eq!(done.load(Ordering::SeqCst), 20);
    assert_eq!(collect(store, &Scan::all()).len(), 20);
}

fn of_many_conditional_commits_one_wins<R: Rows>(store: &Arc<R>) {
    for round in 0..20_u8 {
        let threads: Vec<_> = (0..8_u8)
            .map(|who| {
                let store = Arc::clone(store);
                thread::spawn(move || {
                    let claim = batch(|b| {
                        b.expect_absent([round]).put([round], [who]).put([round, who], b"");
                    });
                    store.commit(claim)
                })
            })
            .collect();
        let results: Vec<_> = threads.into_iter().map(|t| t.join().unwrap()).collect();
        let winners: Vec<_> = (0..8_u8).filter(|who| results[usize::from(*who)].is_ok()).collect();
        assert_eq!(winners.len(), 1, "{results:?}");
        let conflict = Err(CommitError::Conflict { key: vec![round] });
        assert_eq!(results.iter().filter(|result| **result == conflict).count(), 7);
        assert_eq!(store.get(&[round]).unwrap(), Some(winners.clone()));
        let marks = collect(&**store, &Scan::prefix([round]));
        assert_eq!(marks.len(), 2, "nothing of the losers is there");
    }
}

fn counting_together_loses_nothing<R: Rows>(store: &Arc<R>) {
    const EACH: u32 = 25;
    let count = |store: &R| {
        loop {
            let found = store.get(b"n").unwrap();
            let now = found.as_deref().map_or(0, |n| u32::from_be_bytes(n.try_into().unwrap()));
            let next = batch(|b| {
                match &found {
                    Some(value) => b.expect_equals(b"n", value.clone()),
                    None => b.expect_absent(b"n"),
                };
                b.put(b"n", (now + 1).to_be_bytes());
            });
            match store.commit(next) {
                Ok(()) => return,
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..EACH).for_each(|_| count(store)));
        }
    });
    assert_eq!(store.get(b"n").unwrap().as_deref(), Some(&(4 * EACH).to_be_bytes()[..]));
}

fn a_scan_is_a_snapshot<R: Rows>(store: &Arc<R>) {
    // Writers move all rows from one number to the next in one batch each.
    const ROWS: u8 = 50;
    let all = |n: u8| {
        batch(|b| {
            (0..ROWS).for_each(|i| {
                b.put([i], [n]);
            });
        })
    };
    store.commit(all(0)).unwrap();
    let stop = Mutex::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..2_000_u32 {
                store.commit(all(n as u8)).unwrap();
                if *stop.lock().unwrap() {
                    break;
                }
            }
        });
        for round in 0..30 {
            let scan = Scan { reverse: round % 2 == 1, ..Scan::all() };
            let mut values = Vec::new();
            let visit = &mut |_: &[u8], value: &[u8]| {
                values.push(value[0]);
                thread::yield_now();
                ControlFlow::Continue(())
            };
            store.scan(&scan, visit).unwrap();
            assert_eq!(values.len(), usize::from(ROWS));
            assert!(values.iter().all(|value| *value == values[0]), "torn: {values:?}");
        }
        *stop.lock().unwrap() = true;
    });
}

fn a_visitor_may_use_the_store<R: Rows>(store: &R) {
    store
        .commit(batch(|b| {
            (0..10_u8).for_each(|i| {
                b.put([i], [i]);
            });
        }))
        .unwrap();
    let mut seen = 0;
    let visit = &mut |key: &[u8], value: &[u8]| {
        assert_eq!(store.get(key).unwrap().as_deref(), Some(value));
        put(store, &[key[0], 1], b"new");
        let mut inner = 0;
        let count = &mut |_: &[u8], _: &[u8]| {
            inner += 1;
            ControlFlow::Continue(())
        };
        store.scan(&Scan::prefix(key), count).unwrap();
        assert_eq!(inner, 2);
        seen += 1;
        ControlFlow::Continue(())
    };
    store.scan(&Scan::all(), visit).unwrap();
    assert_eq!(seen, 10, "rows written meanwhile are not visited");
}

fn it_does_what_a_map_does<R: Rows>(store: &R) {
    for seed in 0..4 {
        let mut dice = Dice::new(seed);
        let mut model: BTreeMap<Vec<u8>, Vec<u8>> =
            collect(store, &Scan::all()).into_iter().collect();
        for step in 0..150 {
            let step = format!("seed {seed}, step {step}");
            let (next, after) = random_batch(&mut dice, &model);
            match (store.commit(next), after) {
                (Ok(()), Some(after)) => model = after,
                (Err(CommitError::Conflict { .. }), None) => {}
                (result, after) => panic!("{step}: {result:?}, model {}", after.is_some()),
            }
            let key = random_key(&mut dice);
            assert_eq!(store.get(&key).unwrap().as_ref(), model.get(&key), "{step}");
            if dice.once_in(10) {
                assert_same_scan(store, &model, &mut dice, &step);
            }
        }
    }
}

fn assert_same_scan<R: Rows>(
    store: &R,
    model: &BTreeMap<Vec<u8>, Vec<u8>>,
    dice: &mut Dice,
    step: &str,
) {
    let from = if dice.once_in(3) { vec![] } else { random_key(dice) };
    let to = (!dice.once_in(3)).then(|| random_key(dice));
    let scan = Scan { from, to, reverse: dice.once_in(2) };
    let inside = |key: &Vec<u8>| *key >= scan.from && scan.to.as_ref().is_none_or(|to| key < to);
    let mut expected: Vec<_> = model
        .iter()
        .filter(|(key, _)| inside(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if scan.reverse {
        expected.reverse();
    }
    assert_eq!(collect(store, &scan), expected, "{step}: {scan:?}");
}

/// A batch, and the model after it; `None` if it must be refused.
#[allow(clippy::type_complexity, reason = "used once, next to its caller")]
fn random_batch(
    dice: &mut Dice,
    model: &BTreeMap<Vec<u8>, Vec<u8>>,
) -> (Batch, Option<BTreeMap<Vec<u8>, Vec<u8>>>) {
    let (mut next, mut after, mut holds) = (Batch::new(), model.clone(), true);
    for _ in 0..dice.below(6) {
        let key = random_key(dice);
        match dice.below(10) {
            0 => {
                holds &= !model.contains_key(&key);
                next.expect_absent(key);
            }
            1 => {
                let value = if dice.once_in(4) {
                    vec![]
                } else {
                    model.get(&key).cloned().unwrap_or_default()
                };
                holds &= model.get(&key) == Some(&value);
                next.expect_equals(key, value);
            }
            2 | 3 => {
                after.remove(&key);
                next.delete(key);
            }
            _ => {
                let most = if dice.once_in(10) { 20_000 } else { 40 };
                let len = dice.below(most) as usize;
                let value = dice.bytes(len);
                after.insert(key.clone(), value.clone());
                next.put(key, value);
            }
        }
    }
    (next, holds.then_some(after))
}

fn random_key(dice: &mut Dice) -> Vec<u8> {
    // Few keys, so that batches meet each other.
    let len = dice.below(3) as usize + 1;
    (0..len).map(|_| [0, 1, 0x7f, 0xff][dice.below(4) as usize]).collect()
}
