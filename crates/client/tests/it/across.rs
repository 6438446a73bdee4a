//! Documents that go to another bucket: nothing is sent again, nothing is lost, whoever interrupts.

use std::time::Duration;

use strongroom_client::{ErrorKind, Quiet, Rights, Terms};
use strongroom_seal::sealing::Sealing;
use strongroom_seal::suite::Suite;

use crate::sharing::shared;
use crate::support::{
    Device, Dice, PIECE, Provider, assert_same_tree, cat, get, noise, place, put, tree,
};
use crate::worker::{making_own, unlock};

#[test]
fn a_directory_becomes_a_bucket_and_no_content_is_sent_again() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    let source = alice.path("source");
    tree(&source);
    put(&alice.vault, &source, "/tree");
    get(&alice.vault, "/tree", &alice.path("before"));

    let own = alice.vault.make_own_bucket(&place("/tree"), None, &Quiet).unwrap();
    assert_eq!((own.label.as_str(), own.path.as_str()), ("tree", "/tree"));
    assert_eq!(own.documents, alice.vault.list(&place("tree:/"), true).unwrap().len() as u64);
    // About 15 MiB of content; an entry for each document in either bucket.
    assert!(own.sent_bytes < 400_000, "{own:?}");
    assert_eq!(alice.vault.list(&place("/tree"), true).unwrap_err().kind(), ErrorKind::NotFound);
    get(&alice.vault, "tree:/tree", &alice.path("after"));
    assert_same_tree(&alice.path("before"), &alice.path("after"));
    alice.assert_whole();

    // From the provider alone.
    let tablet = alice.second(&provider);
    get(&tablet.vault, "tree:/tree", &tablet.path("again"));
    assert_same_tree(&alice.path("before"), &tablet.path("again"));
    // What is stored there from the same source is nothing new.
    let again = put(&alice.vault, &source, "tree:/tree");
    assert_eq!((again.added, again.changed), (0, 0), "{again:?}");
    // The old place has its history, and can be filled anew.
    alice.put_text("/tree", "a file");
    assert_eq!(alice.cat("/tree"), b"a file");
}

#[test]
fn it_is_killed_at_random_points_and_goes_on() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    for n in 0..60_u64 {
        alice.write(&format!("tree/{}/{n}", n % 4), noise(100_000, n));
    }
    put(&alice.vault, &alice.path("tree"), "/tree");
    unlock(&alice);
    // Killed behind its last transaction, nothing is left to go on with but to send it.
    let moved = |device: &Device| {
        let there = device.open().list(&place("/tree"), false);
        there.is_err_and(|error| error.kind() == ErrorKind::NotFound)
    };
    let mut dice = Dice(0xac05);
    let mut done = false;
    for _ in 0..8 {
        let mut worker = making_own(&alice, "/tree");
        assert_eq!(worker.says().as_deref(), Some("begun"));
        std::thread::sleep(Duration::from_millis(dice.below(250)));
        done = worker.kill().iter().any(|said| said == "done");
        if done || moved(&alice) {
            break;
        }
        // Everything is in one of the two places, whole.
        for n in 0..60_u64 {
            let below = format!("/{}/{n}", n % 4);
            let vault = alice.open();
            let found = cat(&vault, &format!("/tree{below}"))
                .or_else(|_| cat(&vault, &format!("tree:/tree{below}")));
            assert!(found.unwrap() == noise(100_000, n), "{below}");
        }
    }
    if !done && !moved(&alice) {
        making_own(&alice, "/tree").finish();
    }
    alice.open().sync(&Quiet).unwrap();
    let tablet = alice.second(&provider);
    assert_eq!(tablet.vault.list(&place("tree:/"), true).unwrap().len(), 65, "each once");
    assert_eq!(tablet.vault.list(&place("/"), true).unwrap(), []);
    for n in 0..60_u64 {
        let at = format!("tree:/tree/{}/{n}", n % 4);
        assert!(tablet.cat(&at) == noise(100_000, n), "{at}");
        assert_eq!(tablet.vault.history(&place(&at)).unwrap().len(), 1, "{at}");
    }
    alice.assert_whole();
}

#[test]
fn what_another_device_writes_meanwhile_stays() {
    let provider = Provider::start();
    let laptop = Device::at(&provider);
    laptop.put_text("/album/one", noise(100_000, 1));
    laptop.put_text("/album/two", "two");
    let phone = laptop.second(&provider);
    // It does not hear of what the laptop does until it has written.
    let away = provider.stop();
    phone.put_text("/album/two", "two, by the phone");
    phone.put_text("/album/three", "three");
    let provider = away.back();
    laptop.vault.make_own_bucket(&place("/album"), None, &Quiet).unwrap();
    for _ in 0..2 {
        phone.sync();
        laptop.sync();
    }
    assert_eq!(phone.listing(), laptop.listing());
    for device in [&phone, &laptop] {
        assert_eq!(device.cat("album:/album/two"), b"two");
        assert!(device.cat("album:/album/one") == noise(100_000, 1));
        let listed = device.vault.list(&place("/"), true).unwrap();
        let said = |name: &str| {
            let one = listed.iter().find(|one| one.name == name);
            one.map(|one| device.cat(&one.path))
        };
        assert_eq!(said("two").unwrap(), b"two, by the phone", "{listed:?}");
        assert_eq!(said("three").unwrap(), b"three", "{listed:?}");
        device.assert_whole();
    }
    drop(provider);
}

#[test]
fn a_document_moves_to_a_bucket_that_seals_in_another_way() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    let large = noise(PIECE + 5_000, 3);
    alice.put_text("/large", &large);
    alice.put_text("/dir/small", "small");
    let sealing = Sealing { suite: Suite::XChaCha20Poly1305, ..Sealing::DEFAULT };
    alice.vault.create_bucket_as("other", sealing).unwrap();
    let moved = alice.vault.rename(&place("/large"), &place("other:/moved"), &Quiet).unwrap();
    assert_eq!((moved.path.as_str(), moved.size), ("/moved", large.len() as u64));
    alice.vault.rename(&place("/dir"), &place("other:/"), &Quiet).unwrap();
    assert!(alice.cat("other:/moved") == large);
    assert_eq!(alice.cat("other:/dir/small"), b"small");
    assert_eq!(alice.listing(), []);
    // And back, over what is there with the same content.
    alice.put_text("/moved", &large);
    alice.vault.rename(&place("other:/dir"), &place("/"), &Quiet).unwrap();
    let taken = alice.vault.rename(&place("other:/moved"), &place("/dir/small"), &Quiet);
    assert_eq!(taken.unwrap_err().kind(), ErrorKind::Conflict);
    assert!(alice.cat("other:/moved") == large, "nothing was removed");
    assert_eq!(alice.cat("/dir/small"), b"small");
    alice.assert_whole();
    let tablet = alice.second(&provider);
    assert!(tablet.cat("other:/moved") == large);
}

#[test]
fn what_stands_in_the_way_is_said_and_nothing_moves() {
    let provider = Provider::start();
    let (alice, bob) = (Device::at(&provider), Device::at(&provider));
    shared(&alice, &bob, Rights::Read);
    alice.put_text("plans:/trip/route", noise(100_000, 9));
    let terms = Terms { rights: Rights::Read, until: None, from_now: false };
    let own =
        |at: &str, label: Option<&str>| alice.vault.make_own_bucket(&place(at), label, &Quiet);
    // A bucket that only has the name is not filled, and not shared by accident.
    alice.vault.create_bucket("trip").unwrap();
    assert_eq!(own("plans:/trip", None).unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(own("plans:/", None).unwrap_err().kind(), ErrorKind::Usage);
    let refused = own("plans:/trip", Some("a:b")).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Usage);
    assert!(refused.hint().unwrap().contains("--label"), "{refused:?}");
    let tablet = alice.second(&provider);
    let away = provider.stop();
    alice.put_text("plans:/twice", "one");
    tablet.put_text("plans:/twice", "two");
    let provider = away.back();
    for device in [&alice, &tablet, &alice] {
        device.sync();
    }
    let before = alice.vault.buckets().unwrap().len();
    assert_eq!(own("plans:/twice", None).unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(alice.vault.buckets().unwrap().len(), before, "none was made for nothing");
    assert_eq!(own("plans:/nowhere", None).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(alice.vault.readers_of(&place("plans:/trip")).unwrap(), ["Bob"]);
    let away = provider.stop();
    let error = own("plans:/trip", Some("journey")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "contents are at the provider: {error}");
    assert!(alice.vault.list(&place("plans:/trip"), true).unwrap().len() == 1);
    let provider = away.back();

    // The same again goes on. Who read it does not any more.
    own("plans:/trip", Some("journey")).unwrap();
    assert!(alice.cat("journey:/trip/route") == noise(100_000, 9));
    assert_eq!(alice.vault.readers_of(&place("journey:/trip/route")).unwrap(), [""; 0]);
    bob.sync();
    assert!(cat(&bob.vault, "plans:/trip/route").is_err());
    let granted = alice.vault.grant_as(Some("journey"), "Bob", terms).unwrap();
    bob.vault.accept(&granted.invitation, &Quiet).unwrap();
    bob.sync();
    assert!(bob.cat("journey:/trip/route") == noise(100_000, 9));
    // What comes to the old place later is not his by the name alone.
    alice.put_text("plans:/trip/secret", "not for Bob");
    let error = own("plans:/trip", Some("journey")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert_eq!(alice.cat("plans:/trip/secret"), b"not for Bob");
    // He may read it, and neither move it away nor make it his.
    let moved = bob.vault.rename(&place("journey:/trip/route"), &place("/mine"), &Quiet);
    assert_eq!(moved.unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(
        bob.vault.make_own_bucket(&place("journey:/trip/route"), None, &Quiet).unwrap_err().kind(),
        ErrorKind::Refused
    );
    drop(provider);
}
