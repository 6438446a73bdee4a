//! Stories of author chains.

use proptest::prelude::*;
use strongroom_wire::chain::{ChainFault, Tip, authenticate};
use strongroom_wire::entry::{Entry, Header};
use strongroom_wire::ids::AuthorKey;

use crate::samples::{BUCKET, author, key, run, sign, version, version_header};

fn tip(entry: &Entry) -> Tip {
    Tip { seq: entry.header().seq, id: entry.id() }
}

fn fault(entries: Vec<Entry>) -> ChainFault {
    authenticate(BUCKET, entries, |_| None).unwrap_err().reason
}

#[test]
fn ten_thousand_entries_cost_one_signature() {
    // Only the last carries a signature at all; so no other was checked.
    let entries = run(10_000, |seq| seq == 9_999);
    assert_eq!(entries.iter().filter(|entry| entry.signature().is_some()).count(), 1);
    let verified = authenticate(BUCKET, entries, |_| None).unwrap();
    assert_eq!(verified.len(), 10_000);
}

#[test]
fn one_bent_entry_deep_in_a_run_breaks_it() {
    let mut entries = run(100, |seq| seq == 99);
    let header = entries[50].header().clone();
    entries[50] = Entry::assemble(header, entries[50].clear().to_vec(), vec![0; 16]);
    assert_eq!(fault(entries), ChainFault::Fork);
}

#[test]
fn a_stranger_appends_to_an_authors_run() {
    let mut entries = run(3, |seq| seq == 2);
    let prev = entries[2].id();
    let header = Header { seq: 3, prev, hlc: entries[2].header().hlc, ..version_header() };
    entries.push(sign(Entry::assemble(header, vec![0x82, 0, 0x80], vec![0; 16]), &key(2)));
    assert_eq!(fault(entries), ChainFault::Unsigned);
}

#[test]
fn two_authors_do_not_mix() {
    let (alice, bob) = (key(1), key(2));
    let of_bob = Header { author: author(&bob), ..version_header() };
    let first = version(version_header(), &[1; 16], &alice);
    let second = version(of_bob.clone(), &[2; 16], &bob);
    let both = vec![first.clone(), second];
    assert_eq!(authenticate(BUCKET, both, |_| None).unwrap().len(), 2);
    // Bob's entry names Alice's as its predecessor: not his chain.
    let crossed = Header { seq: 1, prev: first.id(), ..of_bob };
    let crossed = version(crossed, &[2; 16], &bob);
    assert_eq!(fault(vec![first, crossed]), ChainFault::Gap);
}

#[test]
fn the_tip_is_asked_for_the_right_author() {
    let entries = run(4, |_| true);
    let asked = |who: &AuthorKey| {
        assert_eq!(*who, author(&key(1)));
        Some(tip(&entries[1]))
    };
    let out = authenticate(BUCKET, entries[2..].to_vec(), asked).unwrap();
    assert_eq!(out.iter().map(|entry| entry.header().seq).collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn a_chain_at_the_last_number_ends() {
    let last = Header { seq: u64::MAX, prev: run(1, |_| true)[0].id(), ..version_header() };
    let last = version(last, &[1; 16], &key(1));
    let error = authenticate(BUCKET, vec![last.clone()], |_| Some(tip(&last))).unwrap_err();
    assert_eq!(error.reason, ChainFault::Fork);
}

#[test]
fn an_unsigned_copy_does_not_spoil_a_signed_entry() {
    let signed = run(2, |_| true);
    let bare = run(2, |_| false);
    for batch in [
        vec![signed[0].clone(), signed[1].clone(), bare[1].clone()],
        vec![bare[1].clone(), signed[1].clone(), bare[0].clone()],
    ] {
        let out = authenticate(BUCKET, batch, |_| None).unwrap();
        assert_eq!(out.len(), 2);
        assert!(out[1].signature().is_some());
    }
}

proptest! {
    #[test]
    fn any_order_gives_the_same(order in Just((0..20_usize).collect::<Vec<_>>()).prop_shuffle()) {
        let all = run(20, |seq| seq == 19);
        let mixed = order.iter().map(|at| all[*at].clone()).collect();
        let out = authenticate(BUCKET, mixed, |_| None).unwrap();
        prop_assert!(out.iter().map(|entry| entry.id()).eq(all.iter().map(Entry::id)));
    }

    #[test]
    fn a_run_without_one_of_its_entries_is_refused(missing in 0_usize..19) {
        let mut all = run(20, |_| true);
        all.remove(missing);
        prop_assert_eq!(fault(all), ChainFault::Gap);
    }
}
