//! Stories of key logs: devices come, go and are stolen. The rules one by one are in make_keylog.

use ed25519_dalek::Signer;
use strongroom_core::keylog::{Change, KeyLogFault, PinError, cutoff_place};
use strongroom_wire::ids::{AuthorKey, BucketId};

use crate::people::{Diary, add, alias, key, next_roots, public, retire, rotate};

#[test]
fn a_phone_is_added_and_a_laptop_lost() {
    let mut diary = Diary::of_alice();
    let pin = diary.log().pin();
    diary.write(&[11], diary.add(12));
    diary.write(&[12], retire(11));
    diary.write(&[12], rotate(2, 22, &[12]));
    let log = diary.log();
    assert_eq!(log.devices().map(|(key, _)| *key).collect::<Vec<_>>(), [public(12)]);
    assert!(log.retired(&public(11)).is_some() && log.was_device(&public(11)));
    assert_eq!(log.agree().unwrap().number, 2);
    assert_eq!(log.extends(&pin), Ok(()));
    assert_eq!(log.len(), 5);
}

#[test]
fn a_stolen_laptop_signs_no_more_once_it_is_retired() {
    let mut diary = Diary::of_alice();
    diary.write(&[1], retire(11));
    diary.write(&[11], alias("https://thief.example", true));
    let error = diary.verify().unwrap_err();
    assert_eq!((error.at, error.fault), (4, KeyLogFault::Signer));
}

#[test]
fn a_second_history_is_noticed_by_who_pinned_the_first() {
    let mut shown_to_bob = Diary::of_alice();
    let mut shown_to_carroll = shown_to_bob.clone();
    shown_to_bob.write(&[1], alias("https://alice.example", true));
    shown_to_carroll.write(&[1], alias("https://mallory.example", true));
    let pin = shown_to_bob.log().pin();
    assert_eq!(shown_to_carroll.log().extends(&pin), Err(PinError::NotExtended));
}

#[test]
fn an_older_state_does_not_extend_a_newer_pin() {
    let mut diary = Diary::of_alice();
    let before = diary.log();
    diary.write(&[11], diary.add(12));
    assert_eq!(before.extends(&diary.log().pin()), Err(PinError::NotExtended));
    assert_eq!(diary.log().extends(&before.pin()), Ok(()));
}

#[test]
fn another_person_is_another_person() {
    let alice = Diary::of_alice().log();
    let mut genesis = crate::people::alice();
    genesis.guardians_commit = [1; 32];
    let other = Diary::of(&genesis).log();
    assert_eq!(other.extends(&alice.pin()), Err(PinError::Principal));
}

#[test]
fn a_thief_of_the_root_key_cannot_replace_it() {
    let mut diary = Diary::of_alice();
    diary.write(&[1], next_roots());
    let error = diary.verify().unwrap_err();
    assert_eq!(error.fault, KeyLogFault::Signer, "key 1 is not among those revealed");
    diary.events.pop();
    diary.write(&[2], next_roots());
    diary.write(&[1], alias("https://thief.example", true));
    assert_eq!(diary.verify().unwrap_err().fault, KeyLogFault::Signer, "key 1 is out");
}

#[test]
fn nobody_claims_another_persons_device() {
    // Mallory shows Bob's consent to Bob's own log in hers.
    let bob = Diary::of_alice().log().principal();
    let mut genesis = crate::people::alice();
    genesis.guardians_commit = [66; 32];
    let mut mallory = Diary::of(&genesis);
    mallory.write(&[1], add(bob, 11));
    assert_eq!(mallory.verify().unwrap_err().fault, KeyLogFault::Possession);
}

#[test]
fn a_refused_event_leaves_the_log_as_it_was() {
    let mut diary = Diary::of_alice();
    let mut log = diary.log();
    let before = log.clone();
    diary.write(&[12], diary.add(12));
    assert_eq!(log.append(&diary.events[2]), Err(KeyLogFault::Signer));
    assert_eq!(log, before);
}

#[test]
fn a_flipped_bit_anywhere_is_refused() {
    let mut diary = Diary::of_alice();
    let before = diary.log();
    diary.write(&[1], alias("https://alice.example", true));
    let whole = diary.events.remove(2);
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut bent = whole.clone();
            bent[at] ^= 1 << bit;
            assert!(before.clone().append(&bent).is_err(), "byte {at}, bit {bit}");
        }
    }
    assert_eq!(before.clone().append(&whole), Ok(()));
}

#[test]
fn a_cutoff_says_nothing_to_who_does_not_know_the_bucket() {
    let place = cutoff_place(BucketId([1; 32]), AuthorKey([2; 32]));
    assert_ne!(place, cutoff_place(BucketId([2; 32]), AuthorKey([2; 32])));
    assert_ne!(place, cutoff_place(BucketId([1; 32]), AuthorKey([1; 32])));
}

#[test]
fn the_clock_of_the_next_event_never_goes_back() {
    let log = Diary::of_alice().log();
    let statement = log.next(0, Change::Close);
    let input = statement.signing_input();
    let signature = key(1).sign(&input).to_bytes();
    let mut closed = log.clone();
    closed.append(&statement.signed(vec![(public(1), signature)]).encode()).unwrap();
    assert!(closed.is_closed());
}
