//! Stories of transactions: one clock, no order, few signatures, and only one key that opens them.

use std::collections::BTreeSet;

use proptest::prelude::*;
use strongroom_core::keyring::EntryOpenError;
use strongroom_core::writer::{ChainPosition, Planned, seal_transaction};
use strongroom_seal::aead::OpenError;
use strongroom_seal::keys::EpochKey;
use strongroom_seal::rng::DangerSeeded;
use strongroom_wire::chain::{Tip, Verified, authenticate};
use strongroom_wire::entry::{Entry, Header, Kind};
use strongroom_wire::ids::{DocumentTag, EntryId};

use crate::alices::{Home, NOW, bare, planned};

fn write(home: &Home, plan: &[Planned], seed: u64) -> (Vec<Verified<Entry>>, ChainPosition) {
    let mut rng = DangerSeeded::new(seed);
    let position = home.founded.position;
    seal_transaction(&home.author(), &home.under(), plan, position, NOW, &mut rng).unwrap()
}

/// Versions of documents 0, 1, 2 …, each saying its number.
fn plans(count: usize) -> Vec<Planned> {
    (0..count)
        .map(|at| {
            let mut plan = planned(0, &at.to_be_bytes());
            plan.document = DocumentTag(*(at as u128 + 1).to_be_bytes().first_chunk().unwrap());
            plan
        })
        .collect()
}

fn order(entries: &[Verified<Entry>]) -> Vec<DocumentTag> {
    entries.iter().map(|entry| entry.header().document).collect()
}

#[test]
fn a_transaction_has_one_clock_and_says_nothing_of_its_order() {
    let home = Home::new(1);
    let in_order: Vec<_> = plans(64).iter().map(|plan| plan.document).collect();
    let (entries, after) = write(&home, &plans(64), 1);
    let clocks: BTreeSet<_> = entries.iter().map(|entry| entry.header().hlc).collect();
    assert_eq!(clocks.len(), 1);
    assert_eq!(after.next_seq, home.founded.position.next_seq + 64);
    assert_eq!(after.prev, entries[63].id());
    let (again, _) = write(&home, &plans(64), 2);
    assert_ne!(order(&entries), in_order);
    assert_ne!(order(&entries), order(&again));
    let all: BTreeSet<_> = order(&entries).into_iter().collect();
    assert_eq!(all, in_order.into_iter().collect());
}

#[test]
fn control_entries_come_first_and_are_signed_each() {
    let home = Home::new(2);
    let mut plan = plans(20);
    for at in [3, 11] {
        plan[at].kind = Kind::Revoke;
        plan[at].document = DocumentTag::ZERO;
        plan[at].parents = vec![home.founded.entries[3].id()];
    }
    let (entries, _) = write(&home, &plan, 3);
    let control: Vec<_> = entries.iter().map(|entry| entry.header().kind.is_control()).collect();
    assert!(control[..2].iter().all(|it| *it) && control[2..].iter().all(|it| !it));
    assert!(entries[..2].iter().all(|entry| entry.signature().is_some()));
}

#[test]
fn the_last_is_signed_and_no_run_without_a_signature_is_long() {
    let home = Home::new(3);
    for count in [1, 2, 255, 256, 257, 700] {
        let (entries, _) = write(&home, &plans(count), 4);
        let signed: Vec<_> = entries.iter().map(|entry| entry.signature().is_some()).collect();
        assert_eq!(signed.last(), Some(&true), "{count}");
        assert!(signed.chunks(256).all(|run| run.contains(&true)), "{count}");
        assert_eq!(signed.iter().filter(|it| **it).count(), count.div_ceil(256), "{count}");
    }
}

#[test]
fn large_bodies_get_a_signature_at_least_every_mebibyte() {
    let home = Home::new(4);
    let plan: Vec<_> =
        plans(40).into_iter().map(|plan| Planned { plain: vec![7; 60_000], ..plan }).collect();
    let (entries, _) = write(&home, &plan, 5);
    let mut run = 0;
    for entry in &entries {
        run += entry.header().sealed_len as usize;
        if entry.signature().is_some() {
            run = 0;
        }
        assert!(run < 1_048_576);
    }
}

#[test]
fn a_stranger_accepts_a_transaction_whole_and_cut_at_each_signature() {
    let home = Home::new(5);
    let (entries, _) = write(&home, &plans(600), 6);
    let known = Some(Tip { seq: 0, id: home.founded.position.prev });
    let taken = |end: usize| {
        let batch: Vec<_> = entries[..end].iter().map(bare).collect();
        authenticate(home.founded.bucket, batch, |_| known)
    };
    for (at, entry) in entries.iter().enumerate() {
        if entry.signature().is_some() {
            assert_eq!(taken(at + 1).unwrap().len(), at + 1);
        }
    }
    assert!(taken(100).is_err(), "cut where no signature stands");
}

#[test]
fn nothing_to_write_is_nothing_written() {
    let home = Home::new(6);
    let (entries, after) = write(&home, &[], 7);
    assert!(entries.is_empty());
    assert_eq!((after.next_seq, after.prev), (1, home.founded.position.prev));
}

#[test]
fn what_was_written_opens_with_the_epochs_key_and_no_other() {
    let home = Home::new(7);
    let (entries, _) = write(&home, &plans(3), 8);
    let keyring = home.keyring();
    let mut said: Vec<_> =
        entries.iter().map(|entry| keyring.open(entry).unwrap().to_vec()).collect();
    said.sort();
    assert_eq!(said, (0..3_usize).map(|at| at.to_be_bytes().to_vec()).collect::<Vec<_>>());

    let nobody = home.empty_keyring();
    let mut stranger = home.empty_keyring();
    stranger.add(home.founded.epoch, EpochKey::generate(&mut DangerSeeded::new(9)));
    for entry in &entries {
        assert_eq!(nobody.open(entry).unwrap_err(), EntryOpenError::NoKey);
        assert_eq!(stranger.open(entry).unwrap_err(), EntryOpenError::Open(OpenError));
        let purged = Verified::danger_made_here(bare(entry).without_sealed());
        assert_eq!(keyring.open(&purged).unwrap_err(), EntryOpenError::Purged);
    }
}

/// Every header field stands in what is authenticated when a part is sealed. So even an author
/// who signs again cannot carry a sealed part over to another header (attack A03).
#[test]
fn a_sealed_part_does_not_open_under_another_header() {
    let home = Home::new(8);
    let (entries, _) = write(&home, &plans(2), 10);
    let (one, other) = (&entries[0], &entries[1]);
    let keyring = home.keyring();
    let bent = |change: &dyn Fn(&mut Header)| {
        let mut header = one.header().clone();
        change(&mut header);
        let sealed = one.sealed_bytes().unwrap().to_vec();
        let entry = Entry::assemble(header, one.clear().to_vec(), sealed);
        keyring.open(&Verified::danger_made_here(entry)).map(|plain| plain.to_vec())
    };
    assert!(bent(&|_| ()).is_ok());
    let refused = Err(EntryOpenError::Open(OpenError));
    assert_eq!(bent(&|h| h.document = other.header().document), refused);
    assert_eq!(bent(&|h| h.kind = Kind::Tombstone), refused);
    assert_eq!(bent(&|h| h.parents = vec![EntryId([1; 32])]), refused);
    assert_eq!(bent(&|h| h.generation = 1), refused);
    assert_eq!(bent(&|h| h.nonce[0] ^= 1), refused);
    assert_eq!(bent(&|h| h.kc[0] ^= 1), refused);
    assert_eq!(bent(&|h| h.hlc.0 += 1), refused);
    assert_eq!(bent(&|h| h.author.0[0] ^= 1), refused);
    assert_eq!(bent(&|h| h.seq += 1), refused);
    assert_eq!(bent(&|h| h.prev = EntryId([1; 32])), refused);
    assert_eq!(bent(&|h| h.cap.0[0] ^= 1), refused);
    assert_eq!(bent(&|h| h.bucket.0[0] ^= 1), refused);
    assert_eq!(bent(&|h| h.suite = 9), Err(EntryOpenError::Suite));
    assert_eq!(bent(&|h| h.epoch = EntryId([1; 32])), Err(EntryOpenError::NoKey));
    // Another sealed part under this header, and another clear part beside it.
    let swapped = {
        let sealed = other.sealed_bytes().unwrap().to_vec();
        Entry::assemble(one.header().clone(), one.clear().to_vec(), sealed)
    };
    let clear = {
        let sealed = one.sealed_bytes().unwrap().to_vec();
        Entry::assemble(one.header().clone(), vec![0x80], sealed)
    };
    for entry in [swapped, clear] {
        let opened = keyring.open(&Verified::danger_made_here(entry));
        assert_eq!(opened.unwrap_err(), EntryOpenError::Open(OpenError));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn transactions_chain_whatever_their_sizes(sizes in prop::collection::vec(0_usize..300, 1..5)) {
        let home = Home::new(9);
        let mut rng = DangerSeeded::new(11);
        let mut position = home.founded.position;
        let mut all: Vec<_> = vec![bare(&home.founded.entries[3])];
        for size in sizes {
            let (author, under) = (home.author(), home.under());
            let (entries, after) =
                seal_transaction(&author, &under, &plans(size), position, NOW, &mut rng).unwrap();
            prop_assert!(after.clock > position.clock);
            position = after;
            all.extend(entries.iter().map(bare));
        }
        let count = all.len();
        prop_assert_eq!(authenticate(home.founded.bucket, all, |_| None).unwrap().len(), count);
    }
}
