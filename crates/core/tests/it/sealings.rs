//! Buckets of each suite and padding: what is written in them, and what is refused.

use strongroom_core::joining::{epoch_key, open_epochs};
use strongroom_core::keyring::{EntryOpenError, Keyring};
use strongroom_core::writer::{Planned, seal_transaction};
use strongroom_seal::padding::Padding;
use strongroom_seal::sealing::Sealing;
use strongroom_seal::suite::Suite;
use strongroom_wire::capability::Capability;
use strongroom_wire::chain::Verified;
use strongroom_wire::clear::{Clear, ConstantSize, Floors, Genesis, PaddingRule};
use strongroom_wire::entry::{Entry, Header, Kind};

use crate::alices::{Home, NOW, planned};

const TWO: Sealing = Sealing { suite: Suite::XChaCha20Poly1305, padding: PaddingRule::Padme };

/// Each suite with each padding a private bucket may have.
fn all() -> Vec<Sealing> {
    let constant = PaddingRule::Constant(ConstantSize::from_bytes(1 << 20).unwrap());
    let paddings = [PaddingRule::Padme, PaddingRule::PowerOfTwo, constant];
    let of = |suite| paddings.map(|padding| Sealing { suite, padding });
    Suite::ALL.into_iter().flat_map(of).collect()
}

fn write(home: &Home, sealing: Sealing, plans: &[Planned]) -> Vec<Verified<Entry>> {
    let mut rng = strongroom_seal::rng::DangerSeeded::new(5);
    let mut under = home.under();
    under.sealing = sealing;
    let position = home.founded.position;
    seal_transaction(&home.author(), &under, plans, position, NOW, &mut rng).unwrap().0
}

fn capabilities(entries: &[Verified<Entry>]) -> Vec<Capability> {
    let members = entries.iter().filter(|entry| entry.header().kind == Kind::Member);
    members
        .flat_map(|entry| match Clear::decode(Kind::Member, entry.clear()).unwrap() {
            Clear::Member(member) => member.capabilities,
            other => panic!("{other:?}"),
        })
        .map(|bytes| Capability::decode(&bytes).unwrap())
        .collect()
}

#[test]
fn a_bucket_founds_writes_and_opens_under_its_own_suite_and_padding() {
    for sealing in all() {
        let home = Home::sealing_as(sealing, 70);
        let byte = sealing.suite.byte();
        home.control(); // takes every entry, and every capability carried
        let entries = &home.founded.entries;
        assert!(entries.iter().all(|entry| entry.header().suite == byte), "{sealing:?}");
        assert!(capabilities(entries).iter().all(|one| one.claims().suite == byte), "{sealing:?}");

        let mut keyring = home.empty_keyring();
        assert_eq!(keyring.sealing(), Ok(sealing));
        open_epochs(&mut keyring, entries, &home.alice.agree, Some(&home.founded.tag_key));
        assert!(keyring.has(&home.founded.epoch), "its wrap opens: {sealing:?}");
        for entry in &entries[1..] {
            keyring.open(entry).unwrap();
        }
        for entry in write(&home, sealing, &[planned(1, b"deed"), planned(2, &[7; 500])]) {
            assert_eq!(entry.header().suite, byte);
            let len = u64::from(entry.header().sealed_len) - 16;
            assert_eq!(sealing.padding.part_len(len), Some(len), "{sealing:?}");
            keyring.open(&entry).unwrap();
        }
    }
}

/// An insider who has the keys, and writes as another bucket would be written: it opens nowhere.
#[test]
fn a07_what_is_sealed_in_another_way_than_its_bucket_says_does_not_open() {
    let plans = [planned(1, &[7; 300])];
    for own in all() {
        let home = Home::sealing_as(own, 71);
        let keyring = home.keyring();
        for other in all() {
            let opened = keyring.open(&write(&home, other, &plans)[0]);
            if other == own {
                assert!(opened.is_ok(), "{own:?}: {opened:?}");
            } else if other.suite == own.suite {
                assert!(matches!(opened, Err(EntryOpenError::Open(_))), "{own:?} of {other:?}");
            } else {
                assert_eq!(opened.unwrap_err(), EntryOpenError::Suite, "{own:?} of {other:?}");
            }
        }
    }
}

/// The same sealed part under a header that says another suite: the header is authenticated, and
/// the list is looked at before any key is used.
#[test]
fn a07_a_header_cannot_be_relabelled() {
    for own in Suite::ALL {
        let home = Home::sealing_as(Sealing { suite: own, ..Sealing::DEFAULT }, 72);
        let entry = &write(&home, home.sealing, &[planned(1, b"deed")])[0];
        let keyring = home.keyring();
        for suite in 0..=u8::MAX {
            let header = Header { suite, ..entry.header().clone() };
            let sealed = entry.sealed_bytes().unwrap().to_vec();
            let bent = Entry::assemble(header, entry.clear().to_vec(), sealed);
            let opened = keyring.open(&Verified::danger_made_here(bent)).map(drop);
            let due = if suite == own.byte() { Ok(()) } else { Err(EntryOpenError::Suite) };
            assert_eq!(opened, due, "suite {suite} in a bucket of {own:?}");
        }
    }
}

/// An epoch of another suite gives no key, even to those it was wrapped for.
#[test]
fn a07_an_epoch_of_another_suite_opens_nothing() {
    let home = Home::sealing_as(TWO, 73);
    let twin = Home::sealing_as(Sealing::DEFAULT, 73);
    let foreign = &twin.founded.entries[1];
    assert!(epoch_key(foreign, &home.alice.agree, None).is_ok(), "the wrap itself is sound");
    let mut keyring = home.empty_keyring();
    open_epochs(&mut keyring, std::slice::from_ref(foreign), &home.alice.agree, None);
    assert_eq!(keyring.iter().count(), 0);
    open_epochs(&mut keyring, &home.founded.entries, &home.alice.agree, None);
    assert_eq!(keyring.iter().count(), 1, "its own opens");
}

/// The bucket's id is the hash of its genesis: another list, another padding, another bucket.
#[test]
fn a07_a_genesis_with_other_floors_is_another_buckets() {
    let home = Home::sealing_as(TWO, 74);
    let genesis = &home.founded.entries[0];
    let Ok(Clear::Genesis(said)) = Clear::decode(Kind::Genesis, genesis.clear()) else {
        panic!("a genesis");
    };
    let with = |clear: Genesis| {
        let clear = Clear::Genesis(clear).encode();
        Entry::assemble(genesis.header().clone(), clear, vec![])
    };
    let lower = |suites: &[u8]| Floors { suites: suites.to_vec(), ..said.floors.clone() };
    let forged = [
        Genesis { floors: lower(&[1]), ..said.clone() },
        Genesis { floors: lower(&[1, 2]), ..said.clone() },
        Genesis { floors: Floors { argon_passes: 1, ..said.floors.clone() }, ..said.clone() },
        Genesis { padding: PaddingRule::PowerOfTwo, ..said.clone() },
        Genesis { padding: PaddingRule::None, public: true, ..said.clone() },
    ];
    let mut keyring = Keyring::new(home.founded.bucket);
    for clear in forged {
        assert_eq!(keyring.born(&with(clear)), Err(EntryOpenError::NoGenesis));
        assert_eq!(keyring.sealing(), Err(EntryOpenError::NoGenesis));
    }
    let epoch = &home.founded.entries[1];
    keyring.add(epoch.id(), crate::alices::again(&home.founded.epoch_key));
    assert_eq!(
        keyring.open(epoch).unwrap_err(),
        EntryOpenError::NoGenesis,
        "keys alone open nothing"
    );
    assert_eq!(keyring.born(&with(said)), Ok(()));
    assert!(keyring.open(epoch).is_ok());
}

/// A genesis that contradicts itself, or asks for what nobody has, gives a bucket nobody uses.
#[test]
fn a07_a_genesis_below_its_own_floor_is_refused() {
    let home = Home::sealing_as(Sealing::DEFAULT, 75);
    let genesis = &home.founded.entries[0];
    let Ok(Clear::Genesis(said)) = Clear::decode(Kind::Genesis, genesis.clear()) else {
        panic!("a genesis");
    };
    let born = |suite: u8, floors: Floors| {
        let header = Header { suite, ..genesis.header().clone() };
        let clear = Clear::Genesis(Genesis { floors, ..said.clone() }).encode();
        let genesis = Entry::assemble(header, clear, vec![]);
        let mut keyring = Keyring::new(genesis.id().to_bucket());
        keyring.born(&genesis).and_then(|()| keyring.sealing()).map(|sealing| sealing.suite)
    };
    let refused = Err(EntryOpenError::Suite);
    let list = |suites: &[u8]| Floors { suites: suites.to_vec(), ..Floors::only(1) };
    assert_eq!(born(1, list(&[1])), Ok(Suite::Aes256Gcm));
    assert_eq!(born(2, list(&[2])), Ok(Suite::XChaCha20Poly1305));
    assert_eq!(born(1, list(&[1, 2])), Ok(Suite::XChaCha20Poly1305), "the largest that is listed");
    assert_eq!(born(1, list(&[2])), refused, "the genesis is not of a listed suite itself");
    assert_eq!(born(2, list(&[1])), refused);
    assert_eq!(born(1, list(&[1, 3])), refused, "what is written there is of a suite to come");
    assert_eq!(born(1, Floors { generation: 2, ..Floors::only(1) }), refused);
}
