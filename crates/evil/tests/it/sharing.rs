//! Several people at one provider that takes sides: with who was taken out, against who was let in.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use strongroom_client::{ErrorKind, Home, Place, PutOptions, Quiet, Rights, Source, Vault};
use strongroom_core::checkpoint::Checkpoint;
use strongroom_evil::{Act, RawEntry, Rule};
use strongroom_wire::entry::{Entry, Kind};

use crate::insider::{Insider, entries_of};
use crate::world::{Device, LAPTOP, PHONE, World, passphrase};

/// Bob, at the same provider through another of its addresses.
fn bob(world: &World) -> Device {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("home"));
    let (vault, _) = Vault::create(&home, &passphrase()).unwrap();
    vault.add_provider(world.evil.url(LAPTOP), None).unwrap();
    Device { folder, vault }
}

/// Alice's bucket `plans`, and the invitation to it for Bob.
fn invited(world: &World, bob: &Device) -> String {
    let alice = &world.phone.vault;
    alice.add_contact(&bob.vault.card(None).unwrap().text, Some("Bob"), None).unwrap();
    bob.vault.add_contact(&alice.card(None).unwrap().text, Some("Alice"), None).unwrap();
    alice.create_bucket("plans").unwrap();
    world.phone.put("plans:/first", &world.text(80));
    alice.grant(Some("plans"), "Bob", Rights::Write, None).unwrap().invitation
}

fn names(device: &Device) -> Vec<String> {
    let place = Place::parse("plans:/").unwrap();
    device.vault.list(&place, true).unwrap().into_iter().map(|one| one.name).collect()
}

#[test]
fn a18_an_invitation_mounts_nothing_and_asks_nobody() {
    let world = World::new();
    let bob = bob(&world);
    let invitation = invited(&world, &bob);
    let before = (world.evil.tap().all().len(), bob.picture());
    let read = bob.vault.read_invitation(&invitation).unwrap();
    assert_eq!((read.from.as_deref(), read.label.as_str()), (Some("Alice"), "plans"));
    assert_eq!((world.evil.tap().all().len(), bob.picture()), before, "something was fetched");
    // The control: with consent it is there.
    bob.vault.accept(&invitation, &Quiet).unwrap();
    assert_eq!(names(&bob), ["first"]);
    world.nothing_leaked();
}

/// Bob goes on writing after he was taken out, and the provider gives it to Alice as if it had come
/// in time.
#[test]
fn a39_who_was_taken_out_writes_on_with_the_provider_at_his_side() {
    let world = World::new();
    let bob = bob(&world);
    let invitation = invited(&world, &bob);
    bob.vault.accept(&invitation, &Quiet).unwrap();
    bob.put("plans:/in time", &world.text(80));
    world.phone.sync_well();
    world.phone.vault.remove_member(Some("plans"), "Bob").unwrap();

    // His program does not know yet: it seals and sends, and the provider keeps what it refused.
    let seen = world.evil.tap().all().len();
    let late = bob.try_put("plans:/late", &world.text(80), &PutOptions::default());
    assert_eq!(late.unwrap_err().kind(), ErrorKind::Refused);
    let kept: Vec<Entry> =
        world.evil.tap().all()[seen..].iter().flat_map(|one| one.asked.frames().sound()).collect();
    assert!(!kept.is_empty(), "nothing of his was sent: the row proves nothing");
    let kept = Arc::new(Mutex::new(kept));
    let given = kept.clone();
    let bucket = kept.lock().unwrap()[0].bucket();
    let inject = Act::frames(move |frames| {
        for entry in given.lock().unwrap().drain(..) {
            frames.entries.push(RawEntry::of(&entry).write());
        }
    });
    let rule = world.play(
        Rule::new("what Bob wrote too late", inject)
            .on_exchange()
            .at(PHONE)
            .when(move |asked| asked.path.contains(&bucket.to_base32())),
    );
    drop(world.phone.sync());
    assert!(rule.fired() > 0, "the script never ran");
    assert!(kept.lock().unwrap().is_empty(), "it was not given");
    let mut shown = names(&world.phone);
    shown.sort();
    assert_eq!(shown, ["first", "in time"], "what he wrote in time stays, and no more");
    assert_eq!(world.phone.vault.members(Some("plans")).unwrap().len(), 1);

    // And everything goes on with an honest provider.
    world.evil.honest();
    world.phone.sync().unwrap();
    world.phone.put("plans:/after", &world.text(80));
    world.phone.sync_well();
    assert!(world.phone.vault.verify(false, &Quiet).unwrap().damaged.is_empty());
    drop(bob.vault.sync(&Quiet));
    assert!(!names(&bob).contains(&"after".to_owned()));
    world.nothing_leaked();
}

/// Bob can read what Alice's devices say they have seen. It names the people of the bucket, and
/// nobody else she knows.
#[test]
fn a54_what_a_member_reads_in_checkpoints_names_members_only() {
    let world = World::new();
    let bob = bob(&world);
    let folder = tempfile::tempdir().unwrap();
    let (vault, _) = Vault::create(&Home::at(folder.path().join("home")), &passphrase()).unwrap();
    let carroll = Device { folder, vault };
    let card = carroll.vault.card(None).unwrap().text;
    world.phone.vault.add_contact(&card, Some("Carroll"), None).unwrap();
    let invitation = invited(&world, &bob);
    bob.vault.accept(&invitation, &Quiet).unwrap();
    // Enough for a checkpoint of each.
    for (device, name) in [(&world.phone, "alices"), (&bob, "bobs")] {
        let folder = device.folder.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        for number in 0..70 {
            std::fs::write(folder.join(format!("{number}")), world.text(60)).unwrap();
        }
        let place = Place::parse(&format!("plans:/{name}")).unwrap();
        let source = [Source::Path(folder)];
        device.vault.put(&source, &place, &PutOptions::default(), &Quiet).unwrap();
    }
    let id = |device: &Device| device.vault.id().unwrap().principal;
    let buckets = world.phone.vault.buckets().unwrap();
    let plans = buckets.iter().find(|bucket| bucket.label == "plans").unwrap();
    let insider = Insider::in_bucket(&world, plans.did.parse().unwrap());
    let (mut checkpoints, mut named) = (0, BTreeSet::new());
    for entry in entries_of(&world, insider.bucket) {
        if entry.header().kind == Kind::Checkpoint {
            let said = Checkpoint::decode(&insider.open(&entry)).unwrap();
            named.extend(said.members.iter().map(|(principal, _)| principal.to_string()));
            checkpoints += 1;
        }
    }
    assert!(checkpoints > 0 && named.contains(&id(&bob)), "there was nothing to read");
    assert!(!named.contains(&id(&carroll)), "Carroll is no member: {named:?}");
    assert!(named.iter().all(|one| *one == id(&world.phone) || *one == id(&bob)), "{named:?}");
}

/// Alice's laptop was stolen and taken out; the thief writes on, and the provider gives it to her
/// other device as if it had come in time.
#[test]
fn a39_a_stolen_device_writes_on_with_the_provider_at_its_side() {
    let (world, laptop) = World::with_laptop();
    laptop.put("/in time", &world.text(80));
    world.phone.sync_well();
    let devices = laptop.vault.devices(false).unwrap();
    let stolen = devices.into_iter().find(|it| it.this).unwrap().device;
    let removed = world.phone.vault.remove_device(&stolen, false, &Quiet).unwrap();
    assert_eq!(removed.left, []);

    let seen = world.evil.tap().all().len();
    let late = laptop.try_put("/late", &world.text(80), &PutOptions::default());
    assert_eq!(late.unwrap_err().kind(), ErrorKind::Refused);
    let kept: Vec<Entry> =
        world.evil.tap().all()[seen..].iter().flat_map(|one| one.asked.frames().sound()).collect();
    assert!(!kept.is_empty(), "nothing was sent: the row proves nothing");
    let kept = Arc::new(Mutex::new(kept));
    let given = kept.clone();
    let bucket = kept.lock().unwrap()[0].bucket();
    let inject = Act::frames(move |frames| {
        for entry in given.lock().unwrap().drain(..) {
            frames.entries.push(RawEntry::of(&entry).write());
        }
    });
    let rule = world.play(
        Rule::new("what the stolen device wrote too late", inject)
            .on_exchange()
            .at(PHONE)
            .when(move |asked| asked.path.contains(&bucket.to_base32())),
    );
    drop(world.phone.sync());
    assert!(rule.fired() > 0, "the script never ran");
    assert!(kept.lock().unwrap().is_empty(), "it was not given");
    let place = strongroom_client::Place::parse("/").unwrap();
    let shown: Vec<String> =
        world.phone.vault.list(&place, true).unwrap().into_iter().map(|one| one.name).collect();
    assert!(shown.contains(&"in time".to_owned()) && !shown.contains(&"late".to_owned()));

    // And everything goes on with an honest provider, without the stolen device.
    world.evil.honest();
    world.phone.sync().unwrap();
    world.phone.put("/after", &world.text(80));
    world.phone.sync_well();
    assert!(world.phone.vault.verify(false, &Quiet).unwrap().damaged.is_empty());
    assert_eq!(laptop.vault.sync(&Quiet).unwrap_err().kind(), ErrorKind::Refused);
    assert!(laptop.cat("/after").is_err());
    world.nothing_leaked();
}
