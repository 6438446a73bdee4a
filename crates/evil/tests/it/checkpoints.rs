//! What devices say they have seen, against a provider that shows them different things.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_client::{ErrorKind, Fork, Home, Quiet, Shown, Vault};
use strongroom_core::checkpoint::{Checkpoint, Frontier, purge_root};
use strongroom_core::writer::Planned;
use strongroom_evil::{Act, Rule, lies};
use strongroom_wire::chain::Tip;
use strongroom_wire::clear::Clear;
use strongroom_wire::entry::{Entry, Hlc, Kind};
use strongroom_wire::frame::Frame;
use strongroom_wire::ids::{AuthorKey, DocumentTag, EntryId};

use crate::insider::{Insider, now_millis};
use crate::world::{Device, LAPTOP, OTHER, PHONE, World, documented, passphrase};

/// The address of a third device.
const TABLET: usize = 3;

/// Entries that went to the provider by this address, or by any.
fn sent(world: &World, door: Option<usize>) -> BTreeMap<EntryId, Entry> {
    let mut all = BTreeMap::new();
    for seen in world.evil.tap().all() {
        if door.is_none_or(|door| door == seen.asked.door) {
            let entries = seen.asked.frames().sound();
            all.extend(entries.into_iter().map(|entry| (entry.id(), entry)));
        }
    }
    all
}

/// Hides these entries of a bucket, and claims a set without them: nothing in the answer is out
/// of place.
fn hide(world: &World, hidden: BTreeSet<EntryId>) -> Act {
    let known = sent(world, None);
    Act::edit(move |asked, answer| {
        let own = asked.frames().sound();
        let salt = asked.frames().before.iter().find_map(|frame| match frame {
            Frame::Hello { salt, .. } => Some(*salt),
            _ => None,
        });
        let salt = salt.unwrap_or_default();
        let of_this = |entry: &&Entry| asked.path.contains(&entry.bucket().to_base32());
        let shown = |entry: &&Entry| !hidden.contains(&entry.id());
        let mut set: BTreeMap<EntryId, &Entry> =
            known.values().filter(of_this).filter(shown).map(|entry| (entry.id(), entry)).collect();
        set.extend(own.iter().filter(shown).map(|entry| (entry.id(), entry)));
        answer.edit_frames(|frames| {
            lies::leave_out(frames, |entry| hidden.contains(&entry.id()));
            lies::claim_set(frames, set.into_values(), &salt);
        });
    })
}

/// What was sent since.
fn since(world: &World, door: usize, before: &BTreeMap<EntryId, Entry>) -> BTreeSet<EntryId> {
    sent(world, Some(door)).into_keys().filter(|id| !before.contains_key(id)).collect()
}

#[test]
fn a22_newest_of_one_device_withheld_from_another() {
    let (world, laptop) = World::with_laptop();
    let tablet = world.recover(TABLET).unwrap();
    for device in [&world.phone, &laptop, &tablet] {
        device.sync_well();
    }
    laptop.put("/honest", &world.text(80));
    laptop.sync_well();
    tablet.sync_well();
    assert_eq!(tablet.vault.withheld().unwrap(), [], "honest");

    // Hidden from the tablet alone, consistently: nothing it could notice by itself.
    let before = sent(&world, None);
    let path = world.letter();
    let hidden = since(&world, PHONE, &before);
    assert_eq!(hidden.len(), 1);
    let rule = world.play(Rule::new("hidden", hide(&world, hidden)).on_exchange().at(TABLET));
    tablet.sync_well();
    assert!(rule.fired() > 0 && tablet.cat(&path).is_err(), "one provider alone can withhold");

    // The laptop has seen it and says so; the first word of the laptop that comes through tells.
    laptop.sync_well();
    world.evil.honest();
    let laptops = world.text(90);
    laptop.put("/of the laptop", &laptops);
    laptop.sync_well();
    let hidden = since(&world, PHONE, &before);
    let rule = world.play(Rule::new("hidden", hide(&world, hidden)).on_exchange().at(TABLET));
    let told = tablet.sync_catches("withheld");
    assert!(rule.fired() > 0 && told.contains("withheld"), "{told}");
    assert_eq!(tablet.cat("/of the laptop").unwrap(), laptops);
    let status = tablet.vault.status(false).unwrap();
    assert_eq!(status.withheld.len(), 1, "{status:?}");
    assert_eq!((status.withheld[0].bucket.as_str(), &status.withheld[0].instead), ("main", &None));
    let report = tablet.vault.verify(false, &Quiet).unwrap();
    assert!(report.damaged.iter().any(|one| one.reason.contains("withheld")), "{report:?}");
    let tablet = tablet.reopened();
    assert_eq!(tablet.vault.withheld().unwrap(), status.withheld, "and it is not forgotten");

    world.evil.honest();
    tablet.sync().unwrap();
    assert_eq!(tablet.vault.withheld().unwrap(), [], "obtained after all");
    assert!(tablet.cat(&path).is_ok());
    world.works_again(&tablet);
}

fn recover_older(world: &World, door: usize) -> Device {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("home"));
    let (url, words) = (world.evil.url(door), &world.phrase);
    let vault = Vault::recover_as(&home, url, words, &passphrase(), Shown::Older, &Quiet).unwrap();
    Device { folder, vault }
}

#[test]
fn a19_recovered_device_rolled_back() {
    let world = World::new();
    assert!(world.recover(OTHER).is_ok(), "honest");

    // The record is the newest; the vault's own bucket is from before what it names.
    let sent_so_far = sent(&world, Some(PHONE));
    let followed: BTreeSet<EntryId> =
        sent_so_far.values().map(|entry| entry.header().prev).collect();
    let newer: BTreeSet<EntryId> = sent_so_far
        .into_values()
        .filter(|entry| entry.header().kind == Kind::Checkpoint && !followed.contains(&entry.id()))
        .map(|entry| entry.id())
        .collect();
    assert!(!newer.is_empty());
    let before = sent(&world, None);
    let rule = Rule::new("older", hide(&world, newer)).on_exchange().at(TABLET);
    let rule = world.play(rule);
    let error = world.recover(TABLET).map(drop).expect_err("older");
    documented(&error, "older");
    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(error.to_string().contains("older state"), "{error}");
    assert!(rule.fired() > 0);
    assert_eq!(since(&world, TABLET, &before), BTreeSet::new(), "nothing was written");

    // Who has no other provider takes what there is, and is told as long as it is so.
    let tablet = recover_older(&world, TABLET);
    let withheld = tablet.vault.withheld().unwrap();
    assert_eq!((withheld.len(), withheld[0].bucket.as_str()), (1, "vault"), "{withheld:?}");
    assert_eq!(withheld[0].by, None, "the recovery record says so");
    let told = tablet.sync_catches("still older");
    assert!(told.contains("recovery record"), "{told}");
    world.evil.honest();
    tablet.sync().unwrap();
    assert_eq!(tablet.vault.withheld().unwrap(), []);
    world.works_again(&tablet);
}

/// A file's plaintext of an insider.
fn plain(name: &str) -> Vec<u8> {
    crate::devices::plain(name)
}

#[test]
fn a21_a_fork_is_proved_at_first_contact() {
    let (world, laptop) = World::with_laptop();
    let mut insider = Insider::of(&world);
    for device in [&world.phone, &laptop] {
        device.sync_well();
        assert_eq!(device.vault.forks().unwrap(), [], "honest");
    }
    // One device of hers writes two histories, and the provider keeps them apart.
    let other = world.evil.keep_history();
    let apart = |door| Rule::new("a history of its own", Act::History(other)).at(door);
    let position = insider.position;
    let one = insider.seal(now_millis(), vec![plain("for the phone")]);
    insider.push(&one).unwrap();
    insider.position = position;
    let two = insider.seal(now_millis(), vec![plain("for the laptop")]);
    let rule = world.play(apart(OTHER));
    insider.push(&two).unwrap();
    assert!(rule.fired() > 0);
    world.play(apart(LAPTOP));
    world.letter();
    world.phone.sync_well();
    world.letter();
    world.phone.sync_well();
    laptop.sync_well();
    assert!(world.phone.cat("/for the phone").is_ok() && laptop.cat("/for the laptop").is_ok());
    world.evil.honest();

    // The phone's word comes through, the other history does not: the word is enough to know.
    let hidden = BTreeSet::from([one[0].id()]);
    let rule =
        world.play(Rule::new("its word alone", hide(&world, hidden)).on_exchange().at(LAPTOP));
    let told = laptop.sync_catches("its word alone");
    assert!(rule.fired() > 0 && told.contains("two histories"), "{told}");
    let withheld = laptop.vault.withheld().unwrap();
    assert_eq!(withheld[0].entry, one[0].id().to_string());
    assert_eq!(withheld[0].instead, Some(two[0].id().to_string()));
    world.evil.honest();

    // The other history itself is the proof, which convinces who has nothing else.
    let told = laptop.sync_catches("a fork");
    assert!(told.contains("fork"), "{told}");
    let forks = laptop.vault.forks().unwrap();
    assert_eq!(forks.len(), 1);
    let checked = Fork::check(&forks[0].proof).unwrap();
    assert_eq!(checked, forks[0]);
    assert_eq!(checked.author, one[0].header().author.to_string());
    let mut accused = [one[0].id(), two[0].id()];
    accused.sort_unstable();
    assert_eq!(checked.entries, accused.map(|id| id.to_string()));
    let report = laptop.vault.verify(false, &Quiet).unwrap();
    assert_eq!(report.forks, forks);
    assert!(report.damaged.iter().any(|one| one.reason.contains("two entries")), "{report:?}");
    let mut flipped = forks[0].proof.clone().into_bytes();
    for at in (0..flipped.len()).step_by(97) {
        let was = flipped[at];
        flipped[at] = if was == b'0' { b'1' } else { b'0' };
        assert!(Fork::check(std::str::from_utf8(&flipped).unwrap()).is_err(), "byte {at}");
        flipped[at] = was;
    }
    assert_eq!(world.phone.vault.forks().unwrap(), [], "it has met one history only");
    assert!(laptop.cat("/for the laptop").is_ok(), "what was here stays");
    world.nothing_leaked();
}

#[test]
fn a_checkpoint_that_lies_is_named() {
    let (world, laptop) = World::with_laptop();
    let mut insider = Insider::of(&world);
    laptop.sync_well();
    let mut frontier = Frontier::default();
    let tip = Tip { seq: 9, id: EntryId([7; 32]) };
    frontier.set(AuthorKey([8; 32]), tip);
    let said = Checkpoint::build(&frontier, None, &[], purge_root([]));
    let planned = Planned {
        document: DocumentTag::ZERO,
        kind: Kind::Checkpoint,
        parents: Vec::new(),
        generation: 0,
        clear: Clear::Checkpoint.encode(),
        plain: said.encode(),
    };
    let lie = insider.seal_planned(now_millis(), &[planned]);
    insider.push(&lie).unwrap();
    let told = laptop.sync_catches("a lie");
    assert!(told.contains(&lie[0].id().to_string()), "{told}");
    let letter = world.letter();
    let _ = laptop.sync();
    assert!(laptop.cat(&letter).is_ok(), "nothing stops because of it");
}

#[test]
fn what_goes_back_in_time_or_follows_nothing_is_refused() {
    let (world, laptop) = World::with_laptop();
    let mut insider = Insider::of(&world);
    let now = now_millis();
    let path = world.letter();
    laptop.sync_well();
    let listed = laptop.vault.list(&strongroom_client::Place::parse(&path).unwrap(), false);
    let letter: EntryId = listed.unwrap()[0].version.parse().unwrap();
    let stood = insider.position;
    let version = |name: &str, parents: Vec<EntryId>| Planned {
        document: DocumentTag([name.len() as u8; 16]),
        kind: Kind::Version,
        parents,
        generation: 0,
        clear: Clear::version(strongroom_wire::clear::References::NONE).encode(),
        plain: plain(name),
    };
    let mut seal = |millis: u64, planned: Planned| {
        insider.position = stood;
        insider.position.clock = Hlc::default();
        insider.seal_planned(millis, &[planned])
    };
    let cases = [
        ("follows nothing", seal(now, version("one", vec![EntryId([7; 32])])), "which it follows"),
        ("before its parent", seal(now, version("three", vec![letter])), "older than"),
        ("before its author's last", seal(now - 60_000, version("fifth", vec![])), "older than"),
        ("honest", seal(now_millis() + 1_000, version("seventh", vec![letter])), ""),
    ];
    for (what, entries, reason) in cases {
        let bytes: Vec<Vec<u8>> = entries.iter().map(Entry::encode).collect();
        let hand_on = Act::frames(move |frames| frames.entries.extend(bytes.clone()));
        let bucket = insider.bucket.to_base32();
        let rule = Rule::new(what, hand_on);
        let rule = rule.when(move |asked| asked.is_exchange() && asked.path.contains(&bucket));
        let rule = world.play(rule.at(LAPTOP));
        let before = laptop.picture();
        let told = laptop.sync_catches(what);
        assert!(rule.fired() > 0 && told.contains(reason), "{what}: {told}");
        assert_eq!(laptop.picture() == before, what != "honest", "{what}");
        world.evil.honest();
    }
    world.nothing_leaked();
}
