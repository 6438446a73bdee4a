//! Epochs hidden, played again, or made for somebody who is no member; and a device from a backup
//! that had renewed one twice.

use strongroom_client::{EpochInfo, EpochLimits, PutOptions};
use strongroom_evil::{Act, Asked, RawEntry, Rule, lies};
use strongroom_wire::chain::Verified;
use strongroom_wire::entry::{Entry, Kind};
use strongroom_wire::ids::{BucketId, MemberTag};

use crate::devices::{forks, restored};
use crate::insider::{Insider, entries_of, now_millis};
use crate::world::{Device, LAPTOP, World};

/// Every write renews.
const EACH: EpochLimits = EpochLimits { entries: 1, age_ms: u64::MAX };

fn epochs(device: &Device) -> Vec<EpochInfo> {
    let all = device.vault.epochs().unwrap();
    all.into_iter().filter(|epoch| epoch.bucket == "main").collect()
}

fn main_bucket(device: &Device) -> BucketId {
    let all = device.vault.buckets().unwrap();
    all.iter().find(|bucket| bucket.default).unwrap().did.parse().unwrap()
}

fn of_kind(world: &World, kind: Kind) -> Vec<Verified<Entry>> {
    let mut all = entries_of(world, main_bucket(&world.phone));
    all.retain(|entry| entry.header().kind == kind);
    all
}

#[test]
fn a25_epoch_hidden_from_one_device() {
    let (mut world, laptop) = World::with_laptop();
    world.letter();
    laptop.sync_well();
    let older = world.evil.keep_history();
    world.phone.vault.set_epoch_limits(EACH);
    let path = world.letter();
    assert_eq!(epochs(&world.phone).len(), 2);

    // Left out by itself it is missed: what follows it in its author's chain hangs in the air.
    let before = laptop.picture();
    let without = Act::frames(|frames| {
        lies::leave_out(frames, |entry| entry.header().kind == Kind::Epoch);
    });
    let rule = world.play(Rule::new("without the epoch", without).on_exchange().at(LAPTOP));
    laptop.sync_catches("without the epoch");
    assert!(rule.fired() > 0);
    assert_eq!(laptop.picture(), before);
    world.evil.honest();

    // With all that came after it: the laptop writes under the epoch it knows, and is believed.
    let rule = world.play(Rule::new("consistently", Act::History(older)).at(LAPTOP));
    let late = world.text(300);
    laptop.put("/late", &late);
    assert!(rule.fired() > 0);
    assert_eq!(epochs(&laptop).len(), 1, "one provider alone can delay");

    // At the first contact nothing is lost, refused or written twice.
    world.evil.honest();
    let told = laptop.sync_catches("histories joined");
    assert!(told.contains("lost"), "{told}");
    laptop.sync_well();
    world.phone.sync_well();
    for device in [&laptop, &world.phone] {
        assert_eq!(device.cat("/late").unwrap(), late);
        assert!(device.cat(&path).is_ok());
        assert!(epochs(device).iter().all(|epoch| epoch.opens));
    }
    assert_eq!(laptop.picture().0, world.phone.picture().0);
    laptop.put("/after", &world.text(100));
    let newest = epochs(&laptop).last().unwrap().epoch.clone();
    let last = of_kind(&world, Kind::Version).last().unwrap().header().epoch;
    assert_eq!(last.to_string(), newest);
    let before = laptop.picture();
    world.closing(&laptop, &before);
}

#[test]
fn a25_old_epoch_played_again() {
    let (mut world, laptop) = World::with_laptop();
    world.letter();
    world.phone.vault.set_epoch_limits(EACH);
    world.letter();
    laptop.sync_well();
    let known = epochs(&laptop);
    assert_eq!(known.len(), 2);
    let old = of_kind(&world, Kind::Epoch)[0].clone().into_inner();
    let again = Act::frames(move |frames| {
        frames.entries.insert(0, RawEntry::of(&old).write());
        frames.entries.push(RawEntry::of(&old).write());
    });
    let bucket = main_bucket(&laptop).to_base32();
    let there = move |asked: &Asked| asked.is_exchange() && asked.path.contains(&bucket);
    let rule = world.play(Rule::new("the old epoch again", again).when(there).at(LAPTOP));
    laptop.put("/now", &world.text(100));
    laptop.sync_well();
    assert!(rule.fired() > 0);
    assert_eq!(epochs(&laptop), known);
    let last = of_kind(&world, Kind::Version).last().unwrap().header().epoch;
    assert_eq!(last.to_string(), known[1].epoch, "sealed under the newest");
    let before = laptop.picture();
    world.closing(&laptop, &before);
}

#[test]
fn a25_epoch_for_a_stranger() {
    let (world, laptop) = World::with_laptop();
    world.letter();
    let mut insider = Insider::of(&world);
    let stranger = MemberTag([0xff; 16]);
    let poisoned = insider.seal_epoch(now_millis(), vec![stranger]);
    insider.push(std::slice::from_ref(&poisoned)).unwrap();
    laptop.sync_well();
    assert_eq!(epochs(&laptop).len(), 2, "it counts, and is kept");

    // Nobody seals under it: the next write makes one for the members alone.
    laptop.put("/private", &world.text(100));
    let all = epochs(&laptop);
    assert_eq!(all.len(), 3);
    assert_eq!(all[2].follows, [poisoned.id().to_string()]);
    let entries = entries_of(&world, main_bucket(&world.phone));
    let under = |entry: &&Verified<Entry>| entry.header().epoch == poisoned.id();
    assert_eq!(entries.iter().filter(under).count(), 0);
    world.phone.sync_well();
    assert_eq!(epochs(&world.phone), all);
    world.phone.put("/and on", &world.text(100));
    assert_eq!(epochs(&world.phone).len(), 3, "that one is good");
    laptop.sync_well();
    let before = laptop.picture();
    world.closing(&laptop, &before);
}

#[test]
fn a42_restored_backup_that_renewed_what_it_had_renewed() {
    let (world, mut laptop) = World::with_laptop();
    world.letter();
    laptop.sync_well();
    let mut backup = restored(&laptop);
    laptop.vault.set_epoch_limits(EACH);
    let later = world.text(200);
    laptop.put("/after the backup", &later);
    laptop.sync_well();
    drop(laptop);

    // At the same place of its author's chain the restored device makes another epoch, and seals
    // under it.
    let rule = world.play(Rule::new("offline", Act::Drop).at(LAPTOP));
    backup.vault.set_epoch_limits(EACH);
    let since = [world.text(200), world.text(300)];
    let _ = backup.try_put("/after the restore", &since[0], &PutOptions::default());
    let _ = backup.try_put("/and again", &since[1], &PutOptions::default());
    assert_eq!(epochs(&backup).len(), 3);
    assert!(rule.fired() > 0);
    world.evil.honest();
    let _ = backup.sync();
    backup.sync_well();
    world.phone.sync_well();
    assert_eq!(forks(&world), 0, "no false fork proof");
    for device in [&backup, &world.phone] {
        assert_eq!(device.cat("/after the restore").unwrap(), since[0]);
        assert_eq!(device.cat("/and again").unwrap(), since[1]);
        assert_eq!(device.cat("/after the backup").unwrap(), later);
        assert!(epochs(device).iter().all(|epoch| epoch.opens));
    }
    assert_eq!(epochs(&backup), epochs(&world.phone));
    backup.put("/now", &world.text(50));
    world.phone.sync_well();
    let before = backup.picture();
    world.closing(&backup, &before);
}
