//! Downgrades by those who have the keys, with a provider that helps them: another suite or padding
//! than the bucket's genesis says.

use strongroom_client::sealing::{ConstantSize, PaddingRule, Sealing, Suite};
use strongroom_evil::{Act, Rule};
use strongroom_wire::clear::{Clear, Floors, Genesis};
use strongroom_wire::entry::{Entry, Kind};
use strongroom_wire::ids::BucketId;
use strongroom_wire::problem::Problem;

use crate::devices::plain;
use crate::insider::{Insider, now_millis};
use crate::world::{Device, LAPTOP, World, documented, refused_by_recover};

/// A world with one more bucket, that seals so, and a letter in it. Both devices know it.
pub fn with_bucket(sealing: Sealing) -> (World, Device, BucketId) {
    let world = World::new();
    let made = world.phone.vault.create_bucket_as("other", sealing).unwrap();
    world.phone.put("other:/letter", &world.text(300));
    let laptop = world.recover(LAPTOP).unwrap();
    (world, laptop, made.did.parse().unwrap())
}

/// Gives the laptop these entries with whatever else it asks of this bucket.
fn hand_on(bucket: BucketId, entries: &[Entry]) -> Rule {
    let bytes: Vec<Vec<u8>> = entries.iter().map(Entry::encode).collect();
    let act = Act::frames(move |frames| frames.entries.extend(bytes.clone()));
    let bucket = bucket.to_base32();
    let there =
        move |asked: &strongroom_evil::Asked| asked.is_exchange() && asked.path.contains(&bucket);
    Rule::new("handed on", act).when(there).at(LAPTOP)
}

#[test]
fn a07_an_insider_writes_under_a_suite_the_bucket_does_not_list() {
    for (own, other) in Suite::ALL.into_iter().zip(Suite::ALL.into_iter().rev()) {
        let (world, laptop, bucket) = with_bucket(Sealing { suite: own, ..Sealing::DEFAULT });
        let mut insider = Insider::in_bucket(&world, bucket);
        let good = insider.seal(now_millis(), vec![plain("good")]);
        insider.push(&good).unwrap();
        laptop.sync_well();
        assert_eq!(laptop.cat("other:/good").unwrap(), b"abc", "honest");

        // In order, signed, and sealed with the right keys: an honest provider refuses it.
        let position = insider.position;
        insider.sealing.suite = other;
        let bad = insider.seal(now_millis(), vec![plain("bad")]);
        assert_eq!(bad[0].header().suite, other.byte());
        let refused = insider.push(&bad).expect_err("admitted");
        assert_eq!(refused.problem(), Some(Problem::InvalidEntry), "{refused}");

        // One that helps hands it on: nothing of it is taken in.
        let before = laptop.picture();
        let rule = world.play(hand_on(bucket, &bad));
        let told = laptop.sync_catches("another suite");
        assert!(rule.fired() > 0 && told.contains("suite"), "{told}");
        assert_eq!(laptop.picture(), before);
        world.evil.honest();

        // Its author is not shut out for it: what it writes as it should is taken.
        (insider.position, insider.sealing.suite) = (position, own);
        let after = insider.seal(now_millis(), vec![plain("after")]);
        insider.push(&after).unwrap();
        laptop.sync_well();
        world.phone.sync_well();
        assert_eq!(laptop.cat("other:/after").unwrap(), b"abc");
        let before = laptop.picture();
        world.closing(&laptop, &before);
    }
}

/// A provider cannot see whether a size fits the padding's contents, and takes it; those who open
/// it do.
#[test]
fn a34_an_insider_who_pads_otherwise_is_read_by_nobody() {
    let constant = PaddingRule::Constant(ConstantSize::from_bytes(1 << 16).unwrap());
    let sealing = Sealing { suite: Suite::XChaCha20Poly1305, padding: constant };
    let (world, laptop, bucket) = with_bucket(sealing);
    let mut insider = Insider::in_bucket(&world, bucket);
    let good = insider.seal(now_millis(), vec![plain("good")]);
    insider.push(&good).unwrap();
    for padding in [PaddingRule::Padme, PaddingRule::PowerOfTwo, PaddingRule::None] {
        insider.sealing.padding = padding;
        let bad = insider.seal(now_millis(), vec![plain("bad")]);
        assert!(bad[0].header().sealed_len < 1_000);
        insider.push(&bad).unwrap();
    }
    laptop.sync_well();
    assert_eq!(laptop.cat("other:/good").unwrap(), b"abc", "honest");
    documented(&laptop.cat("other:/bad").expect_err("it is shown"), "another padding");
    let report = laptop.vault.verify(false, &strongroom_client::Quiet).unwrap();
    assert_eq!(report.damaged.len(), 3, "and named: {:?}", report.damaged);
    world.nothing_leaked();
}

/// Puts the genesis of a bucket that anybody could have made in the place of its own: everything
/// in it fits but the hash that is the bucket's name.
fn other_genesis(bucket: BucketId, change: fn(&mut Genesis)) -> Rule {
    let act = Act::frames(move |frames| {
        let changed = frames.sound().into_iter().map(|entry| {
            let Ok(Clear::Genesis(mut clear)) = Clear::decode(entry.header().kind, entry.clear())
            else {
                return entry;
            };
            change(&mut clear);
            let clear = Clear::Genesis(clear).encode();
            let forged = Entry::assemble(entry.header().clone(), clear, Vec::new());
            forged.signed(*entry.signature().unwrap())
        });
        frames.entries = changed.map(|entry| entry.encode()).collect();
    });
    let bucket = bucket.to_base32();
    let there =
        move |asked: &strongroom_evil::Asked| asked.is_exchange() && asked.path.contains(&bucket);
    Rule::new("another genesis", act).when(there)
}

#[test]
fn a07_a_provider_serves_a_genesis_with_other_floors() {
    let sealing = Sealing { suite: Suite::XChaCha20Poly1305, padding: PaddingRule::PowerOfTwo };
    let (world, _, bucket) = with_bucket(sealing);
    let genesis = world.evil.tap().all().into_iter().flat_map(|seen| seen.asked.frames().sound());
    assert!(
        genesis.into_iter().any(|one| one.header().kind == Kind::Genesis && one.bucket() == bucket)
    );
    refused_by_recover(
        &world,
        vec![
            ("suite 1", other_genesis(bucket, |it| it.floors = Floors::only(1))),
            ("both suites", other_genesis(bucket, |it| it.floors.suites = vec![1, 2])),
            ("a lower cost", other_genesis(bucket, |it| it.floors.argon_passes = 1)),
            ("no generation", other_genesis(bucket, |it| it.floors.generation = 0)),
            ("less padding", other_genesis(bucket, |it| it.padding = PaddingRule::Padme)),
            (
                "none, as a public one",
                other_genesis(bucket, |it| {
                    (it.public, it.padding) = (true, PaddingRule::None);
                }),
            ),
        ],
    );
}
