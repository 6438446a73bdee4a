//! Stories of founding: what a stranger accepts, and what a change does to it.

use strongroom_core::founding::{Enrolment, enrol};
use strongroom_core::writer::{ChainPosition, author_key, seal_transaction};
use strongroom_wire::chain::{Tip, authenticate};
use strongroom_wire::control::{Control, ControlError};
use strongroom_wire::entry::{Entry, Hlc, Kind};

use crate::alices::{Home, NOW, Person, bare, planned};

#[test]
fn a_replica_that_knows_nothing_accepts_a_founded_bucket() {
    let home = Home::new(1);
    let entries: Vec<_> = home.founded.entries.iter().map(bare).collect();
    let kinds: Vec<_> = entries.iter().map(|entry| entry.header().kind).collect();
    assert_eq!(kinds, [Kind::Genesis, Kind::Epoch, Kind::Member, Kind::Member]);
    let verified = authenticate(home.founded.bucket, entries, |_| None).unwrap();
    let mut control = Control::new(&verified[0]).unwrap();
    for entry in &verified[1..] {
        control.insert(entry).unwrap();
    }
    assert_eq!(control.bucket(), home.founded.bucket);
    assert_eq!(control.heads(), [verified[3].id()]);
    assert_eq!(control.current_epochs(), [home.founded.epoch]);
    assert_eq!(control.members().into_iter().collect::<Vec<_>>(), [home.tag()]);
    let chain = control.chain(&home.founded.author_capability.id()).unwrap();
    assert_eq!(chain.capabilities().len(), 2);
    // And its author may write at once.
    let (written, _) = {
        let position = home.founded.position;
        let mut rng = home.rng.clone();
        let plan = [planned(7, b"hello")];
        seal_transaction(&home.author(), &home.under(), &plan, position, NOW, &mut rng).unwrap()
    };
    assert_eq!(control.judge(written[0].header()), Ok(()));
}

#[test]
fn each_of_the_four_entries_is_needed_by_the_next() {
    let home = Home::new(2);
    for left_out in 1..4 {
        let mut control = Control::new(&home.founded.entries[0]).unwrap();
        let mut refused = None;
        for (at, entry) in home.founded.entries.iter().enumerate().skip(1) {
            if at != left_out {
                refused = refused.or_else(|| control.insert(entry).err());
            }
        }
        let complete = left_out == 3;
        assert_eq!(refused, (!complete).then_some(ControlError::Missing), "without {left_out}");
    }
}

#[test]
fn every_changed_byte_of_an_entry_is_refused() {
    let home = Home::new(3);
    let (mut entries, _) = {
        let mut rng = home.rng.clone();
        let plan = [planned(7, b"hello")];
        let position = home.founded.position;
        seal_transaction(&home.author(), &home.under(), &plan, position, NOW, &mut rng).unwrap()
    };
    let before = |entry: &Entry| {
        let header = entry.header();
        header.seq.checked_sub(1).map(|seq| Tip { seq, id: header.prev })
    };
    entries.extend(home.founded.entries.iter().cloned());
    for entry in &entries {
        let bytes = entry.encode();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            // One bit, another one in each byte.
            changed[at] ^= 1 << (at % 8);
            let Ok(read) = Entry::decode(&changed) else { continue };
            let known = before(entry);
            let taken = authenticate(home.founded.bucket, vec![read], |_| known);
            assert!(taken.is_err(), "{:?}: byte {at} may be changed", entry.header().kind);
        }
        let known = before(entry);
        assert!(authenticate(home.founded.bucket, vec![bare(entry)], |_| known).is_ok());
    }
}

#[test]
fn two_buckets_of_one_device_share_nothing_a_provider_sees() {
    let (one, other) = (Home::new(4), Home::new(5));
    assert_ne!(one.founded.bucket, other.founded.bucket);
    assert_ne!(one.key.author(), other.key.author());
    assert_ne!(one.tag(), other.tag());
    let secret = &one.alice.secret;
    assert_eq!(one.key.author(), author_key(secret, one.founded.bucket, 0));
    assert_ne!(one.key.author(), author_key(secret, one.founded.bucket, 1));
}

#[test]
fn a_second_device_enrols_itself_with_the_member_key() {
    let home = Home::new(6);
    let mut control = home.control();
    let tablet = Person::new(home.alice.principal, 2);
    let founder = tablet.founder();
    let heads = control.heads();
    let enrolment = Enrolment {
        founder: &founder,
        instance: 0,
        member: &home.founded.member,
        chain: &home.founded.member_chain,
        tag: home.tag(),
        heads: &heads,
        clock: control.hlc(),
        accepts: None,
    };
    let mut rng = home.rng.clone();
    let enrolled = enrol(&enrolment, &home.under(), &mut rng).unwrap();
    let entry = bare(&enrolled.entry);
    let verified = authenticate(home.founded.bucket, vec![entry], |_| None).unwrap();
    control.insert(&verified[0]).unwrap();
    // Still one member: how many devices a person has is one number of authors, no more tags.
    assert_eq!(control.members().len(), 1);
    assert_eq!(enrolled.position.next_seq, 1);
}

#[test]
fn a_device_whose_clock_is_behind_still_follows_what_it_saw() {
    let home = Home::new(7);
    let seen = Hlc::new(NOW + 60_000, 9);
    let position = ChainPosition { clock: seen, ..home.founded.position };
    let mut rng = home.rng.clone();
    let plan = [planned(1, b"late")];
    let (entries, after) =
        seal_transaction(&home.author(), &home.under(), &plan, position, NOW, &mut rng).unwrap();
    assert!(entries[0].header().hlc > seen);
    assert_eq!(after.clock, entries[0].header().hlc);
}
