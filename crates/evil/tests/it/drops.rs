//! A provider that wants to read what strangers put into Alice's drop.

use std::sync::{Arc, Mutex};

use strongroom_client::drops::{Parcel, Sent, read_address, send};
use strongroom_client::report::DropTerms;
use strongroom_client::{ErrorKind, Quiet};
use strongroom_evil::{Act, Rule};

use crate::world::World;

fn drop_in(world: &World, bucket: &str, name: &str) -> String {
    let vault = &world.phone.vault;
    vault.create_bucket(bucket).unwrap();
    let made = vault.create_drop(Some(bucket), name, &DropTerms::default()).unwrap();
    assert_eq!(made.sent, Some(true));
    made.address.unwrap()
}

fn put(address: &str, content: &[u8]) -> strongroom_client::Result<Sent> {
    let address = read_address(address).unwrap();
    let mut reader = content;
    send(&address, Parcel::Bytes("letter.txt", &mut reader), None, None, &Quiet)
}

/// What was asked of the provider that only a sender asks.
fn sent_since(world: &World, seen: usize) -> usize {
    let all = world.evil.tap().all();
    let puts = |path: &str| path.contains("/messages") || path.contains("/chunks/");
    all[seen..].iter().filter(|one| one.asked.method != "GET" && puts(&one.asked.path)).count()
}

#[test]
fn a52_another_key_is_handed_to_a_drops_sender() {
    let world = World::new();
    let address = drop_in(&world, "plans", "in");
    let other = drop_in(&world, "photos", "other");
    let secret = world.text(400);
    // The control: with the honest card it arrives, and Alice reads it.
    put(&address, &secret).unwrap();
    world.phone.sync_well();
    assert_eq!(world.phone.vault.messages(Some("plans")).unwrap().len(), 1);

    // The card of the other bucket, as its senders get it.
    let shown = Arc::new(Mutex::new(Vec::new()));
    let kept = shown.clone();
    let is_card =
        |asked: &strongroom_evil::Asked| asked.method == "GET" && asked.route().ends_with("/drop");
    let keep = Act::body(move |body| kept.lock().unwrap().clone_from(body));
    world.play(Rule::new("looks at the other card", keep).when(is_card).times(1));
    put(&other, b"hello").unwrap();
    let foreign = shown.lock().unwrap().clone();
    assert!(foreign.len() > 1_216);
    world.evil.honest();

    let cases: [(&str, Act); 4] = [
        ("another bucket's card", Act::body(move |body| body.clone_from(&foreign))),
        // The key stands in the signed part, near the end of the card.
        (
            "another key",
            Act::body(|body| {
                let at = body.len() - 600;
                body[at] ^= 1;
            }),
        ),
        (
            "no signature",
            Act::body(|body| {
                let end = body.len();
                body[end - 64..].fill(0);
            }),
        ),
        ("a cut card", Act::body(|body| body.truncate(900))),
    ];
    for (what, act) in cases {
        let rule = world.play(Rule::new(what, act).when(is_card));
        let seen = world.evil.tap().all().len();
        let refused = put(&address, &secret).expect_err(what);
        assert!(rule.fired() > 0, "{what}: the script never ran");
        assert_eq!(refused.kind(), ErrorKind::Damaged, "{what}: {refused}");
        assert_eq!(sent_since(&world, seen), 0, "{what}: something was sent");
        world.evil.honest();
    }
    put(&address, &secret).unwrap();
    world.phone.sync_well();
    assert_eq!(world.phone.vault.messages(Some("plans")).unwrap().len(), 2);
    world.nothing_leaked();
}
