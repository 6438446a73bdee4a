//! Bob has an inbox, and Alice his card. What she grants comes there; strangers, floods and people
//! who change cards on their way get nowhere.

use strongroom_client::drops::{Parcel, send};
use strongroom_client::{ErrorKind, Quiet, Rights};
use strongroom_core::card::Card;
use strongroom_core::drops::Address;
use strongroom_core::inbox::Inbox;

use crate::support::{Device, Provider};

/// Alice knows Bob by a card with his inbox, and keeps photos.
fn two(provider: &Provider) -> (Device, Device) {
    let (alice, bob) = (Device::at(provider), Device::at(provider));
    let card = bob.vault.card_with_inbox(None).unwrap();
    assert!(card.inbox);
    alice.vault.add_contact(&card.text, Some("Bob"), None).unwrap();
    alice.vault.create_bucket("photos").unwrap();
    (alice, bob)
}

fn address(bob: &Device) -> Address {
    let card = Card::from_text(&bob.vault.card_with_inbox(None).unwrap().text).unwrap();
    let inbox = Inbox::decode(card.inbox.as_ref().unwrap()).unwrap();
    inbox.address_for(&card.verify().unwrap()).unwrap()
}

#[test]
fn an_invitation_is_delivered_and_each_device_of_its_reader_sees_it_until_it_is_accepted() {
    let provider = Provider::start();
    let (alice, bob) = two(&provider);
    let second = bob.second(&provider);
    let granted = alice.vault.grant(Some("photos"), "Bob", Rights::Write, None).unwrap();
    let sent = alice.vault.deliver(&granted).unwrap();
    assert!(sent.delivered, "{:?}", sent.problem);
    for device in [&bob, &second] {
        device.sync();
        let [one] = &device.vault.inbox().unwrap()[..] else { panic!("one waits") };
        assert_eq!((one.kind, one.name.as_deref()), ("invitation", Some("photos")));
        assert_eq!((one.level, one.rights.as_deref()), ("unknown", Some("write")));
        assert_eq!(device.vault.status(false).unwrap().inbox, 1);
        // It is in no bucket that is shown, and no bucket came with it.
        assert!(device.vault.messages(None).unwrap().is_empty());
        assert!(device.vault.drops(None).unwrap().is_empty());
        assert!(device.vault.get_bucket("photos").is_err());
    }
    let id = second.vault.inbox().unwrap()[0].id.clone();
    let text = second.vault.invitation_text(&id).unwrap();
    assert_eq!(text, granted.invitation);
    second.vault.accept(&text, &Quiet).unwrap();
    second.vault.decline(&id).unwrap();
    bob.sync();
    assert!(bob.vault.inbox().unwrap().is_empty());
    bob.put_text("photos:/a.txt", "from Bob");
    alice.sync();
    assert_eq!(alice.cat("photos:/a.txt"), b"from Bob");
    for device in [&alice, &bob, &second] {
        device.assert_whole();
    }
}

#[test]
fn who_changes_a_card_on_its_way_gets_no_invitations() {
    let provider = Provider::start();
    let (bob, mallory, alice) =
        (Device::at(&provider), Device::at(&provider), Device::at(&provider));
    let his = |device: &Device| {
        Card::from_text(&device.vault.card_with_inbox(None).unwrap().text).unwrap()
    };
    let mixed = Card { inbox: his(&mallory).inbox, ..his(&bob) };
    let refused = alice.vault.add_contact(&mixed.to_text(), Some("Bob"), None).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Damaged, "{refused}");
    assert!(alice.vault.contacts().unwrap().is_empty());
    // Left out, nothing goes anywhere; put back later, it is known from then on.
    alice.vault.create_bucket("photos").unwrap();
    let without = Card { inbox: None, ..his(&bob) };
    alice.vault.add_contact(&without.to_text(), Some("Bob"), None).unwrap();
    let granted = alice.vault.grant(Some("photos"), "Bob", Rights::Read, None).unwrap();
    let sent = alice.vault.deliver(&granted).unwrap();
    assert_eq!((sent.delivered, sent.problem), (false, None));
    alice.vault.update_contact("Bob", Some(&his(&bob).to_text()), None).unwrap();
    assert!(alice.vault.deliver(&granted).unwrap().delivered);
    // A card without one forgets nothing.
    alice.vault.update_contact("Bob", Some(&without.to_text()), None).unwrap();
    assert!(alice.vault.deliver(&granted).unwrap().delivered);
}

#[test]
fn a_flood_ends_at_the_inboxes_terms_and_the_vault_goes_on() {
    let provider = Provider::start();
    let (alice, bob) = two(&provider);
    let full = address(&bob);
    let words = || Parcel::Words("buy".to_owned());
    let flood = (0..100).find_map(|_| send(&full, words(), None, None, &Quiet).err()).unwrap();
    assert_eq!(flood.kind(), ErrorKind::Refused, "{flood}");
    bob.sync();
    let waiting = bob.vault.inbox().unwrap();
    assert_eq!((waiting.len(), waiting[0].level), (30, "unsigned"));
    // Whom nobody reaches gets a file.
    let granted = alice.vault.grant(Some("photos"), "Bob", Rights::Read, None).unwrap();
    let sent = alice.vault.deliver(&granted).unwrap();
    assert!(!sent.delivered && sent.problem.is_some());
    for one in &waiting {
        bob.vault.decline(&one.id).unwrap();
    }
    // He closes it and hands out a card with another.
    bob.vault.close_inbox().unwrap();
    assert!(send(&full, words(), None, None, &Quiet).is_err());
    let card = bob.vault.card_with_inbox(None).unwrap().text;
    alice.vault.update_contact("Bob", Some(&card), None).unwrap();
    assert!(alice.vault.deliver(&granted).unwrap().delivered);
    bob.put_text("/a.txt", "his own");
    bob.sync();
    assert_eq!(bob.vault.inbox().unwrap().len(), 1);
    assert_eq!(bob.cat("/a.txt"), b"his own");
    bob.assert_whole();
}

#[test]
fn without_a_provider_a_card_has_no_inbox() {
    let alice = Device::alone();
    let card = alice.vault.card_with_inbox(None).unwrap();
    assert!(!card.inbox);
    assert_eq!(Card::from_text(&card.text).unwrap().inbox, None);
    assert_eq!(alice.vault.close_inbox().unwrap_err().kind(), ErrorKind::NotFound);
}
