//! Strangers put things into Alice's drop. They have a file from her and no vault; she and whoever
//! is in her bucket read what came, and nobody who sent it can.

use strongroom_client::drops::{Parcel, Receipt, Sent, read_address, send};
use strongroom_client::report::{DropInfo, DropTerms, MessageInfo};
use strongroom_client::{ErrorKind, Quiet, Rights};

use crate::support::{Device, Provider, noise, place};

fn made(alice: &Device, terms: &DropTerms) -> DropInfo {
    let made = alice.vault.create_drop(None, "applications", terms).unwrap();
    assert_eq!(made.sent, Some(true));
    made
}

/// What a stranger does with the text he was given.
fn put(drop: &DropInfo, name: &str, content: &[u8]) -> strongroom_client::Result<Sent> {
    let address = read_address(drop.address.as_ref().unwrap()).unwrap();
    let mut reader = content;
    send(&address, Parcel::Bytes(name, &mut reader), None, None, &Quiet)
}

fn waiting(device: &Device) -> Vec<MessageInfo> {
    device.sync();
    device.vault.messages(None).unwrap()
}

#[test]
fn a_stranger_without_a_vault_sends_a_large_file_and_alice_takes_it() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    let drop = made(&alice, &DropTerms::default());
    let content = noise(3 << 20, 7);
    let sent = put(&drop, "portfolio.pdf", &content).unwrap();
    let [message] = &waiting(&alice)[..] else { panic!("one message is there") };
    assert_eq!(message.message, sent.entry.to_string());
    assert_eq!((message.name.as_deref(), message.size), (Some("portfolio.pdf"), 3 << 20));
    assert_eq!((message.level, message.taken), ("unsigned", false));
    assert_eq!(alice.vault.drops(None).unwrap()[0].waiting, 1);

    let taken = alice.vault.take_message(&message.id, None).unwrap();
    assert!(taken.sent && taken.path.ends_with(":/portfolio.pdf"), "{}", taken.path);
    assert!(alice.cat("/portfolio.pdf") == content);
    assert!(waiting(&alice).is_empty());
    alice.assert_whole();
    // A device that joins later has the file, and nothing of the message is left to take.
    let second = alice.second(&provider);
    second.sync();
    assert!(second.cat("/portfolio.pdf") == content);
    assert!(second.vault.messages(None).unwrap().is_empty());
}

#[test]
fn the_receipt_proves_the_delivery_and_nothing_else_does() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    let drop = made(&alice, &DropTerms::default());
    let receipt = put(&drop, "letter.txt", b"hello").unwrap().receipt;
    let read = Receipt::from_json(&receipt.to_json()).unwrap();
    let proved = read.check().unwrap();
    assert_eq!(proved.message, waiting(&alice)[0].message);
    // Of another message, with another key, changed: it proves nothing.
    let other = put(&drop, "letter.txt", b"hello").unwrap().receipt;
    let mixed = Receipt { entry: other.entry.clone(), ..receipt.clone() };
    assert_eq!(mixed.check().unwrap_err().kind(), ErrorKind::Damaged);
    let mut bent = receipt.clone();
    bent.key.0[0] ^= 1;
    assert_eq!(bent.check().unwrap_err().kind(), ErrorKind::Damaged);
    assert!(Receipt::from_json("{}").is_err());
}

#[test]
fn two_devices_take_a_message_at_the_same_time_and_make_one_file_of_it() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    let drop = made(&alice, &DropTerms::default());
    let second = alice.second(&provider);
    put(&drop, "letter.txt", b"hello").unwrap();
    let (one, other) = (waiting(&alice), waiting(&second));
    alice.vault.take_message(&one[0].id, None).unwrap();
    second.vault.take_message(&other[0].id, None).unwrap();
    for device in [&alice, &second, &alice] {
        device.sync();
    }
    for device in [&alice, &second] {
        assert_eq!(device.listing(), [("/letter.txt".to_owned(), false)]);
        assert_eq!(device.cat("/letter.txt"), b"hello");
        assert!(device.vault.messages(None).unwrap().is_empty());
        device.assert_whole();
    }
}

#[test]
fn a_sender_who_signs_is_shown_with_how_well_he_is_known() {
    let provider = Provider::start();
    let (alice, bob) = (Device::at(&provider), Device::at(&provider));
    let drop = made(&alice, &DropTerms::default());
    let address = read_address(drop.address.as_ref().unwrap()).unwrap();
    let words = || Parcel::Words("call me".to_owned());
    send(&address, words(), None, Some(&bob.vault), &Quiet).unwrap();
    assert_eq!(waiting(&alice)[0].level, "unknown");
    let card = bob.vault.card(None).unwrap().text;
    alice.vault.add_contact(&card, Some("Bob"), None).unwrap();
    let message = &waiting(&alice)[0];
    assert_eq!((message.from.as_deref(), message.level), (Some("Bob"), "tofu"));
    assert_eq!(message.words.as_deref(), Some("call me"));
    // Words alone become a small file.
    let taken = alice.vault.take_message(&message.id, None).unwrap();
    let path = taken.path.split_once(':').unwrap().1;
    assert_eq!(alice.cat(path), b"call me");
}

#[test]
fn a_drop_that_is_full_or_closed_says_so_and_keeps_what_it_took() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    let terms = DropTerms { quota_bytes: Some(100_000), per_hour: None, until: None };
    let drop = made(&alice, &terms);
    put(&drop, "small.txt", b"hello").unwrap();
    let full = put(&drop, "large.bin", &noise(200_000, 3)).unwrap_err();
    assert_eq!(full.kind(), ErrorKind::Full, "{full}");
    assert_eq!(waiting(&alice).len(), 1);
    let closed = alice.vault.close_drop("applications").unwrap();
    assert_eq!((closed.open, closed.sent), (false, Some(true)));
    let late = put(&drop, "late.txt", b"hello").unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Refused, "{late}");
    assert!(alice.vault.drops(None).unwrap().is_empty());
    // What came before is there, and can be taken.
    let [message] = &waiting(&alice)[..] else { panic!("one message is there") };
    alice.vault.take_message(&message.id, None).unwrap();
    assert_eq!(alice.cat("/small.txt"), b"hello");
    alice.assert_whole();
}

#[test]
fn a_member_who_joined_later_takes_what_came_and_a_name_that_is_taken_gets_a_number() {
    let provider = Provider::start();
    let (alice, bob) = (Device::at(&provider), Device::at(&provider));
    alice.vault.create_bucket("plans").unwrap();
    let drop = alice.vault.create_drop(Some("plans"), "in", &DropTerms::default()).unwrap();
    put(&drop, "a.txt", b"one").unwrap();
    alice.vault.add_contact(&bob.vault.card(None).unwrap().text, Some("Bob"), None).unwrap();
    let granted = alice.vault.grant(Some("plans"), "Bob", Rights::Admin, None).unwrap();
    bob.vault.accept(&granted.invitation, &Quiet).unwrap();
    bob.put_text("plans:/a.txt", "Bob's own");
    let [message] = &waiting(&bob)[..] else { panic!("one message is there") };
    let to = place("plans:/");
    let taken = bob.vault.take_message(&message.id, Some(&to)).unwrap();
    assert_eq!(taken.path, "plans:/a (2).txt");
    alice.sync();
    assert_eq!(alice.cat("plans:/a (2).txt"), b"one");
    assert_eq!(alice.cat("plans:/a.txt"), b"Bob's own");
    // After Bob is out there is another epoch, and another key to seal to.
    alice.vault.remove_member(Some("plans"), "Bob").unwrap();
    put(&drop, "b.txt", b"not for Bob").unwrap();
    assert_eq!(waiting(&alice).len(), 1);
    alice.assert_whole();
}

#[test]
fn what_is_thrown_away_is_gone_on_every_device() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    let drop = made(&alice, &DropTerms::default());
    let second = alice.second(&provider);
    put(&drop, "advert.txt", &noise(300_000, 9)).unwrap();
    let message = waiting(&alice).remove(0);
    assert_eq!(waiting(&second).len(), 1);
    alice.vault.discard_message(&message.id).unwrap();
    assert!(waiting(&alice).is_empty() && waiting(&second).is_empty());
    assert_eq!(
        alice.vault.take_message(&message.id, None).unwrap_err().kind(),
        ErrorKind::NotFound
    );
}
