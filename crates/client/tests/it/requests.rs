//! Bob asks Alice for access. She sees who asks, gives something or says no; whoever only says he
//! is Bob gets nothing.

use strongroom_client::drops::{Parcel, send};
use strongroom_client::{CodeKind, DocumentShare, ErrorKind, Quiet, Rights};
use strongroom_core::card::Card;
use strongroom_core::inbox::Inbox;
use strongroom_core::message::{MessageBody, Purpose};

use crate::pairing::paired;
use crate::support::{Device, Provider, place};

/// Bob knows Alice by a card with her inbox.
fn two(provider: &Provider) -> (Device, Device) {
    let (alice, bob) = (Device::at(provider), Device::at(provider));
    let card = alice.vault.card_with_inbox(None).unwrap().text;
    bob.vault.add_contact(&card, Some("Alice"), None).unwrap();
    (alice, bob)
}

fn only(device: &Device) -> strongroom_client::report::MessageInfo {
    device.sync();
    let mut all = device.vault.inbox().unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[test]
fn a_stranger_asks_becomes_a_contact_and_gets_one_document() {
    let provider = Provider::start();
    let (alice, bob) = two(&provider);
    alice.put_text("/tax.pdf", "numbers");
    bob.vault.request("Alice", "/tax.pdf", Rights::Read, Some("for the bank")).unwrap();
    let asked = only(&alice);
    assert_eq!((asked.kind, asked.name.as_deref()), ("request", Some("/tax.pdf")));
    assert_eq!((asked.from.as_deref(), asked.level), (None, "unknown"));
    assert_eq!(asked.principal.as_deref(), Some(bob.vault.id().unwrap().principal.as_str()));
    let unnamed = alice.vault.requester(&asked.id, None).unwrap_err();
    assert_eq!(unnamed.kind(), ErrorKind::Usage, "{unnamed}");
    let who = alice.vault.requester(&asked.id, Some("Bob")).unwrap();
    assert_eq!((who.name.as_str(), alice.vault.contact("Bob").unwrap().level), ("Bob", "tofu"));
    // Asking again who it is changes nothing, nor does another name.
    assert_eq!(alice.vault.requester(&asked.id, Some("Carroll")).unwrap().name, "Bob");
    let all = DocumentShare::All;
    let granted = alice.vault.grant_document(&place("/tax.pdf"), "Bob", &all, None).unwrap();
    assert!(alice.vault.deliver(&granted).unwrap().delivered, "the request said where");
    let invitation = only(&bob);
    assert_eq!((invitation.from.as_deref(), invitation.name.as_deref()), {
        (Some("Alice"), Some("tax.pdf"))
    });
    let text = bob.vault.invitation_text(&invitation.id).unwrap();
    let label = bob.vault.accept(&text, &Quiet).unwrap().label;
    assert_eq!(bob.cat(&format!("{label}:/tax.pdf")), b"numbers");
}

#[test]
fn a_no_comes_back_and_an_unsigned_request_is_answered_by_nobody() {
    let provider = Provider::start();
    let (alice, bob) = two(&provider);
    bob.vault.request("Alice", "photos", Rights::Write, None).unwrap();
    let asked = only(&alice);
    assert_eq!(asked.rights.as_deref(), Some("write"));
    assert!(alice.vault.deny(&asked.id, Some("not these")).unwrap().told);
    let answer = only(&bob);
    assert_eq!((answer.kind, answer.name.as_deref()), ("answer", Some("photos")));
    assert_eq!((answer.words.as_deref(), answer.from.as_deref()), {
        (Some("not these"), Some("Alice"))
    });
    let wrong = bob.vault.deny(&answer.id, None).unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::Usage, "an answer has no answer");

    // Somebody with Alice's card says what Bob said, and signs nothing.
    let card = Card::from_text(&alice.vault.card_with_inbox(None).unwrap().text).unwrap();
    let inbox = Inbox::decode(&card.inbox.clone().unwrap()).unwrap();
    let address = inbox.address_for(&card.verify().unwrap()).unwrap();
    let body = MessageBody {
        name: Some("photos".to_owned()),
        ..MessageBody::words(Purpose::Request, "it is me, Bob".to_owned())
    };
    send(&address, Parcel::Body(body), None, None, &Quiet).unwrap();
    let asked = only(&alice);
    assert_eq!((asked.level, asked.principal), ("unsigned", None));
    let nobody = alice.vault.requester(&asked.id, Some("Bob")).unwrap_err();
    assert_eq!(nobody.kind(), ErrorKind::Refused, "{nobody}");
    assert!(!alice.vault.deny(&asked.id, None).unwrap().told);
    assert!(alice.vault.inbox().unwrap().is_empty());
    let long = bob.vault.request("Alice", &"x".repeat(256), Rights::Read, None).unwrap_err();
    assert_eq!(long.kind(), ErrorKind::Usage);
}

#[test]
fn a_device_that_was_taken_out_asks_for_nobody() {
    let provider = Provider::start();
    let (alice, bob) = two(&provider);
    let stolen = paired(&bob, CodeKind::Short);
    let card = bob.vault.card_with_inbox(None).unwrap().text;
    alice.vault.add_contact(&card, Some("Bob"), None).unwrap();
    stolen.sync();
    stolen.vault.request("Alice", "photos", Rights::Read, None).unwrap();
    let asked = only(&alice);
    assert_eq!(asked.from.as_deref(), Some("Bob"), "it is still his");

    let all = bob.vault.devices(true).unwrap();
    let key = all.iter().find(|it| !it.this).unwrap().device.clone();
    bob.vault.remove_device(&key, false, &Quiet).unwrap();
    let card = bob.vault.card_with_inbox(None).unwrap();
    assert!(card.inbox, "he has an inbox that the stolen device does not know");
    alice.vault.update_contact("Bob", Some(&card.text), None).unwrap();
    let asked = only(&alice);
    assert_eq!((asked.from.as_deref(), asked.level), (None, "unknown"));
    let refused = alice.vault.requester(&asked.id, None).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused, "{refused}");
    alice.vault.decline(&asked.id).unwrap();
    alice.vault.create_bucket("photos").unwrap();
    let granted = alice.vault.grant(Some("photos"), "Bob", Rights::Read, None).unwrap();
    assert!(alice.vault.deliver(&granted).unwrap().delivered);
    assert_eq!(only(&bob).kind, "invitation");
}
