//! Contacts as stories: what is believed of a claim, and what becomes of what devices wrote of it.

use std::collections::BTreeSet;

use strongroom_core::card::Card;
use strongroom_core::contact::{
    Contact, ContactRecord, Fingerprint, Known, Level, Refusal, judge, merge,
};
use strongroom_core::keylog::{Change, Genesis, KeyLog, Pin};
use strongroom_core::resolve::{Claim, Promise};
use strongroom_core::safety::SafetyNumber;
use strongroom_wire::clear::Floors;
use strongroom_wire::ids::{KeyEventId, PrincipalId};

use crate::people::{Diary, START, alias, alice, next_roots, roots};

fn claim(diary: &Diary) -> Claim {
    let card = Card {
        name: None,
        genesis: diary.genesis.clone(),
        events: diary.events.clone(),
        inbox: None,
    };
    Claim { card, promised: vec![], alias: None }
}

/// What a device that believes this log writes.
pub fn record(diary: &Diary) -> ContactRecord {
    let log = diary.log();
    ContactRecord {
        pin: log.pin(),
        events: log.len() as u64,
        floors: log.floors().clone(),
        name: "Alice".to_owned(),
        claimed: None,
        level: Level::Tofu,
        ways: BTreeSet::new(),
        aliases: BTreeSet::new(),
        card: [7; 32],
        card_len: 1_000,
        added: START,
        verified: 0,
        removed: false,
    }
}

fn against(known: &Diary, claimed: &Diary) -> Result<KeyLog, Box<Refusal>> {
    let log = known.log();
    judge(Some(Known { log: &log, floors: log.floors() }), &claim(claimed))
}

/// Alice, and somebody with her root key of today who wrote another event after the first.
fn two_histories() -> (Diary, Diary) {
    let (mut one, mut other) = (Diary::of_alice(), Diary::of_alice());
    one.write(&[11], alias("https://alice.example", true));
    other.write(&[1], other.add(66));
    (one, other)
}

fn raised() -> Floors {
    Floors { argon_passes: 4, ..Floors::suite_1() }
}

#[test]
fn a_log_that_goes_on_is_believed_and_one_that_does_not_is_shown_beside_the_pinned() {
    let before = Diary::of_alice();
    let (after, second) = two_histories();
    assert_eq!(against(&before, &before).unwrap(), before.log());
    assert_eq!(against(&before, &after).unwrap(), after.log());

    let refused = *against(&after, &second).unwrap_err();
    let (pinned, found) = (after.log().pin(), second.log().pin());
    assert_eq!(refused, Refusal::Second { pinned, found, common: 2 });
    assert_eq!(refused.new_fingerprint(), Some(Fingerprint::Head(found.head)));

    let refused = *against(&after, &before).unwrap_err();
    assert_eq!(refused, Refusal::Older { pinned, found: before.log().pin() });
}

#[test]
fn another_principal_is_taken_by_naming_it_whole_and_by_nothing_else() {
    let mut genesis = alice();
    genesis.roots = roots(&[9], 1);
    let stranger = Diary::of(&genesis);
    let refused = *against(&Diary::of_alice(), &stranger).unwrap_err();
    let (pinned, found) = (Diary::of_alice().log().pin(), stranger.log().pin());
    assert_eq!(refused, Refusal::Principal { pinned, found });
    let whole = Fingerprint::Principal(found.principal);
    assert!(refused.is_settled_by(Some(&whole)));
    assert_eq!(whole.to_string().parse(), Ok(whole));
    assert!(!refused.is_settled_by(None));
    assert!(!refused.is_settled_by(Some(&Fingerprint::Principal(pinned.principal))));
    assert!(!refused.is_settled_by(Some(&Fingerprint::Head(pinned.head))));
    // Never a start of one: whoever types what a warning shows has read all of it.
    assert!(whole.to_string()[..20].parse::<Fingerprint>().is_err());
}

#[test]
fn a_second_history_is_told_apart_by_its_last_event_only() {
    let (one, other) = two_histories();
    let refused = against(&one, &other).unwrap_err();
    assert!(refused.is_settled_by(Some(&Fingerprint::Head(other.log().head()))));
    assert!(!refused.is_settled_by(Some(&Fingerprint::Head(one.log().head()))));
    // Both have the same principal: naming it says nothing.
    let principal = Fingerprint::Principal(other.log().principal());
    assert!(!refused.is_settled_by(Some(&principal)));
}

#[test]
fn an_older_state_is_never_taken_whatever_is_named() {
    let (after, _) = two_histories();
    let before = Diary::of_alice();
    let refused = against(&after, &before).unwrap_err();
    let log = before.log();
    for named in [Fingerprint::Head(log.head()), Fingerprint::Principal(log.principal())] {
        assert!(!refused.is_settled_by(Some(&named)));
    }
}

/// A07: a second history of the same principal with weaker algorithms. Nobody can name it into
/// being believed, and a device that remembers the highest floors alone refuses it too.
#[test]
fn a07_a_log_below_the_highest_floors_ever_seen_is_refused_whatever_is_named() {
    let mut high = Diary::of_alice();
    let Change::RotateRoot { roots, next_root_commit, .. } = next_roots() else { panic!() };
    high.write(&[2], Change::RotateRoot { roots, next_root_commit, floors: raised() });
    let mut low = Diary::of_alice();
    low.write(&[11], alias("https://alice.example", true));
    let refused = *against(&high, &low).unwrap_err();
    let (pinned, found) = (high.log().pin(), low.log().pin());
    assert_eq!(refused, Refusal::Floors { pinned, found });
    for named in [Fingerprint::Head(found.head), Fingerprint::Principal(found.principal)] {
        assert!(!refused.is_settled_by(Some(&named)));
    }

    // The log that is pinned is from before the floors rose; the memory of them is not.
    let before = Diary::of_alice().log();
    let known = |floors| Known { log: &before, floors };
    let (low_floors, high_floors) = (Floors::suite_1(), raised());
    assert!(judge(Some(known(&low_floors)), &claim(&low)).is_ok(), "the control");
    let refused = *judge(Some(known(&high_floors)), &claim(&low)).unwrap_err();
    assert!(matches!(refused, Refusal::Floors { .. }), "{refused}");
    assert!(judge(Some(known(&high_floors)), &claim(&high)).is_ok());
}

/// Floors that sink inside one log, or events below them, never get as far as a pin.
#[test]
fn a07_a_log_that_sinks_by_itself_is_refused_at_first_sight() {
    let sinking = Genesis { floors: raised(), ..alice() };
    let mut diary = Diary::of(&sinking);
    diary.write(&[2], next_roots());
    assert!(matches!(*judge(None, &claim(&diary)).unwrap_err(), Refusal::Log(_)));
    let mut level = Diary::of(&sinking);
    let Change::RotateRoot { roots, next_root_commit, .. } = next_roots() else { panic!() };
    level.write(&[2], Change::RotateRoot { roots, next_root_commit, floors: raised() });
    assert!(judge(None, &claim(&level)).is_ok(), "the control");
}

#[test]
fn a_promise_of_who_pointed_here_is_kept_or_nothing_is_believed() {
    let (one, other) = two_histories();
    let with = |diary: &Diary, promise| Claim { promised: vec![promise], ..claim(diary) };
    let head = Promise::Contains(one.log().pin());
    assert!(judge(None, &with(&one, head)).is_ok());
    assert!(judge(None, &with(&one, Promise::Contains(Diary::of_alice().log().pin()))).is_ok());
    for (diary, promise) in [
        (&other, head),
        (&Diary::of_alice(), head),
        (&one, Promise::Principal(PrincipalId([9; 32]))),
        (&one, Promise::Contains(Pin { principal: PrincipalId([9; 32]), ..one.log().pin() })),
        (&one, Promise::Contains(Pin { head: KeyEventId([9; 32]), ..one.log().pin() })),
    ] {
        let refused = *judge(None, &with(diary, promise)).unwrap_err();
        assert!(matches!(refused, Refusal::Promise { .. }), "{refused}");
    }
}

#[test]
fn two_ways_are_a_cross_check_and_one_way_twice_is_not() {
    let mut record = record(&Diary::of_alice());
    record.note_way("alice.example");
    record.note_way("alice.example");
    assert_eq!(record.level, Level::Tofu);
    record.note_way("example.org");
    assert_eq!(record.level, Level::CrossChecked);
    record.note_verified(START);
    record.note_way("a.third.example");
    assert_eq!(record.level, Level::Verified, "never lowered");
}

/// All orders of the heads that two or three devices wrote.
fn merged(heads: &[(ContactRecord, KeyLog)]) -> Contact {
    let contact = merge(heads).unwrap();
    let mut turned = heads.to_vec();
    for _ in 0..heads.len() {
        turned.rotate_left(1);
        for heads in [turned.clone(), turned.iter().rev().cloned().collect()] {
            let other = merge(&heads).unwrap();
            assert_eq!(other.log, contact.log);
            assert_eq!(other.conflict, contact.conflict);
            assert_eq!(other.record.pin, contact.record.pin);
            assert_eq!(other.record.level, contact.record.level);
            assert_eq!(other.record.floors, contact.record.floors);
            assert_eq!(other.record.ways, contact.record.ways);
            assert_eq!(other.record.removed, contact.record.removed);
        }
    }
    contact
}

#[test]
fn one_device_verifies_while_another_fetches_a_longer_log() {
    let (longer, _) = two_histories();
    let before = Diary::of_alice();
    let mut verified = record(&before);
    verified.note_verified(START + 9);
    let mut fetched = record(&longer);
    fetched.note_way("alice.example");
    fetched.note_alias("https://alice.example/card");
    let contact = merged(&[(fetched.clone(), longer.log()), (verified.clone(), before.log())]);
    assert!(contact.is_settled());
    assert_eq!(contact.log, longer.log());
    assert_eq!(contact.record.level, Level::Verified);
    assert_eq!(contact.record.verified, START + 9);
    assert_eq!(contact.record.aliases, fetched.aliases);

    // And a third one took the contact off its list: who is wanted somewhere stays.
    let gone = ContactRecord { removed: true, ..record(&before) };
    let with = [(gone.clone(), before.log()), (fetched, longer.log()), (verified, before.log())];
    assert!(!merged(&with).record.removed);
    assert!(merged(&[(gone, before.log())]).record.removed);
}

#[test]
fn two_histories_for_one_principal_are_a_conflict_and_neither_is_chosen() {
    let (one, other) = two_histories();
    let before = Diary::of_alice();
    let heads =
        [(record(&one), one.log()), (record(&other), other.log()), (record(&before), before.log())];
    let contact = merged(&heads);
    assert!(!contact.is_settled());
    let mut all: Vec<KeyEventId> = contact.conflict.iter().map(|pin| pin.head).collect();
    all.push(contact.record.pin.head);
    all.sort_unstable();
    let mut expected = [one.log().head(), other.log().head()];
    expected.sort_unstable();
    assert_eq!(all, expected, "the common past is no history of its own");
}

#[test]
fn a_record_beside_another_log_is_no_contact() {
    let (one, other) = two_histories();
    assert!(merge(&[(record(&one), other.log())]).is_none());
    let stranger = Diary::of(&Genesis { roots: roots(&[9], 1), ..alice() });
    assert!(merge(&[(record(&one), one.log()), (record(&stranger), stranger.log())]).is_none());
    assert!(merge(&[]).is_none());
}

#[test]
fn the_safety_number_differs_where_the_two_see_different_logs() {
    let alice = Diary::of_alice();
    let bob = Diary::of(&Genesis { roots: roots(&[9], 1), ..crate::people::alice() });
    let (alice_says, bob_says) = (alice.log().pin(), bob.log().pin());
    let number = SafetyNumber::of(&alice_says, &bob_says);
    assert_eq!(number, SafetyNumber::of(&bob_says, &alice_says));
    let (_, second) = two_histories();
    assert_ne!(number, SafetyNumber::of(&second.log().pin(), &bob_says));
}
