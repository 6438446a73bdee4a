//! Older states, other states, states with holes.

use strongroom_client::{ErrorKind, Place, Quiet};
use strongroom_evil::{Act, Asked, Rule, lies};
use strongroom_wire::entry::Kind;
use strongroom_wire::frame::Cursor;

use crate::world::{LAPTOP, OTHER, PHONE, World, documented};

#[test]
fn a19_document_rolled_back() {
    let (world, laptop) = World::with_laptop();
    let path = world.letter();
    laptop.sync_well();
    let (older, backup) = (world.evil.keep_history(), world.evil.keep_history());
    let newest = world.text(400);
    world.phone.put(&path, &newest);
    laptop.sync_well();
    assert_eq!(laptop.cat(&path).unwrap(), newest, "honest");

    // Shown the older state alone, the laptop keeps what it has seen, and says so.
    let before = laptop.picture();
    let rule = world.play(Rule::new("an older state", Act::History(older)).at(LAPTOP));
    let told = laptop.sync_catches("an older state");
    assert!(told.contains("lost"), "{told}");
    assert!(rule.fired() > 0);
    assert_eq!(laptop.picture(), before);
    assert_eq!(laptop.cat(&path).unwrap(), newest);
    world.evil.honest();

    // The provider itself lost what it had acknowledged: found, told, and mended.
    world.evil.roll_back(backup);
    let told = world.phone.sync_catches("rolled back");
    assert!(told.contains("lost"), "{told}");
    let status = world.phone.vault.status(false).unwrap();
    assert!(status.notices.iter().any(|notice| notice.text.contains("lost")), "{status:?}");
    let third = world.recover(OTHER).unwrap();
    assert_eq!(third.cat(&path).unwrap(), newest, "it was sent again");
    world.closing(&laptop, &before);
}

#[test]
fn a20_membership_rolled_back() {
    let (world, laptop) = World::with_laptop();
    world.phone.vault.create_bucket("letters").unwrap();
    world.phone.put("letters:/one", &world.text(200));
    world.phone.sync_well();
    laptop.sync_well();
    laptop.put("letters:/two", &world.text(200));
    world.phone.sync_well();

    let older = world.evil.keep_history();
    world.phone.vault.deactivate_bucket("letters").unwrap();
    laptop.sync_well();
    let before = laptop.picture();
    let rule = world.play(Rule::new("before the revoke", Act::History(older)).at(LAPTOP));
    laptop.sync_catches("before the revoke");
    assert!(rule.fired() > 0);
    let refused =
        laptop.try_put("letters:/three", b"no", &strongroom_client::PutOptions::default());
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Refused, "a revoke is not forgotten");
    world.closing(&laptop, &before);
}

#[test]
fn a21_two_histories_for_two_devices() {
    let (world, laptop) = World::with_laptop();
    laptop.sync_well();
    let other = world.evil.keep_history();
    let rule = world.play(Rule::new("a history of its own", Act::History(other)).at(LAPTOP));
    let phones = world.letter();
    let laptops = world.text(300);
    laptop.put("/what the laptop wrote", &laptops);
    world.phone.sync_well();
    laptop.sync_well();
    assert!(rule.fired() > 0);
    // Apart, each sees a consistent half: that is the residual risk of one provider alone.
    assert_eq!(laptop.cat(&phones).unwrap_err().kind(), ErrorKind::NotFound);
    assert!(world.phone.cat("/what the laptop wrote").is_err());

    // The histories cannot be joined unnoticed: the first contact tells, and nothing is lost.
    world.evil.honest();
    let told = laptop.sync_catches("histories joined");
    assert!(told.contains("lost"), "{told}");
    world.phone.sync_well();
    assert_eq!(world.phone.cat("/what the laptop wrote").unwrap(), laptops);
    assert_eq!(laptop.picture().0, world.phone.picture().0);
    let before = laptop.picture();
    world.closing(&laptop, &before);
}

#[test]
fn a22_newest_withheld() {
    let (world, laptop) = World::with_laptop();
    world.letter();
    laptop.sync_well();

    // Left out of the entries, not of the count.
    let path = world.letter();
    let before = laptop.picture();
    let leave_out = Act::frames(|frames| frames.entries.clear());
    let rule = world.play(Rule::new("nothing new", leave_out).on_exchange().at(LAPTOP));
    let told = laptop.sync_catches("nothing new");
    assert!(told.contains("withhold"), "{told}");
    let status = laptop.vault.status(false).unwrap();
    assert!(status.remotes[0].problem.is_some(), "{status:?}");
    assert!(rule.fired() > 0);
    assert_eq!(laptop.picture(), before);
    world.evil.honest();
    let told = laptop.sync_catches("what was hidden comes after all");
    assert!(told.contains("hidden"), "{told}");
    assert!(laptop.cat(&path).is_ok());
    assert!(laptop.vault.status(false).unwrap().remotes[0].problem.is_none());

    // Left out of everything, until the same author's next entry: its predecessor is missing.
    let older = world.evil.keep_history();
    world.letter();
    let rule = world.play(Rule::new("consistently", Act::History(older)).at(LAPTOP).times(40));
    laptop.sync_well();
    assert!(rule.fired() > 0, "one provider alone can delay");
    world.evil.honest();
    world.letter();
    let before = laptop.picture();
    let gap = Act::frames(|frames| {
        if frames.entries.len() > 1 {
            frames.entries.remove(0);
        }
    });
    let rule = world.play(Rule::new("the first of two", gap).on_exchange().at(LAPTOP));
    laptop.sync_catches("a gap");
    assert!(rule.fired() > 0);
    world.closing(&laptop, &before);
}

#[test]
fn a23_undeleted_and_falsely_deleted() {
    let (world, laptop) = World::with_laptop();
    let (gone, stays) = (world.letter(), world.letter());
    laptop.sync_well();
    let older = world.evil.keep_history();
    world.phone.vault.remove(&Place::parse(&gone).unwrap(), false).unwrap();
    world.phone.sync_well();
    laptop.sync_well();
    assert!(laptop.cat(&gone).is_err(), "honest: removed");

    // Undelete: the tombstone is taken back.
    let before = laptop.picture();
    let rule = world.play(Rule::new("before the tombstone", Act::History(older)).at(LAPTOP));
    laptop.sync_catches("undeleted");
    assert!(rule.fired() > 0);
    assert!(laptop.cat(&gone).is_err(), "what is removed stays removed");
    world.evil.honest();

    // False deletion: absence is not deletion.
    let drop_all = Act::frames(|frames| {
        lies::leave_out(frames, |entry| entry.header().kind == Kind::Version);
        frames.done(|count, _| *count = 4);
    });
    let rule = world.play(Rule::new("no versions", drop_all).on_exchange().at(LAPTOP));
    laptop.sync_catches("absence");
    assert!(rule.fired() > 0);
    assert!(laptop.cat(&stays).is_ok());
    world.closing(&laptop, &before);
}

#[test]
fn a48_lying_cursors() {
    let (world, laptop) = World::with_laptop();
    world.letter();
    laptop.sync_well();
    let cursors =
        |edit: fn(&mut Option<Cursor>, &mut bool)| Act::frames(move |frames| frames.cursor(edit));
    let cases: Vec<(&str, Act, bool)> = vec![
        ("unknown for ever", cursors(|cursor, _| *cursor = None), true),
        (
            "another log each time",
            cursors(|cursor, _| {
                if let Some(cursor) = cursor {
                    getrandom::fill(&mut cursor.log).unwrap();
                }
            }),
            true,
        ),
        (
            "always from the start",
            cursors(|cursor, _| {
                if let Some(cursor) = cursor {
                    cursor.at = 0;
                }
            }),
            true,
        ),
        (
            "ahead of everything",
            cursors(|cursor, _| {
                if let Some(cursor) = cursor {
                    cursor.at += 1_000;
                }
            }),
            true,
        ),
        (
            "skipped",
            Act::frames(|frames| {
                frames.entries.clear();
                frames.cursor(|cursor, _| {
                    if let Some(cursor) = cursor {
                        cursor.at += 1_000;
                    }
                });
            }),
            false,
        ),
        ("more, for ever", cursors(|_, more| *more = true), false),
        (
            "more, for ever, with the same entries",
            Act::frames(|frames| {
                frames.cursor(|cursor, more| {
                    *more = true;
                    *cursor = None;
                });
            }),
            false,
        ),
    ];
    for (what, act, harmless) in cases {
        world.letter();
        let rule = world.play(Rule::new(what, act).on_exchange().at(LAPTOP));
        match laptop.sync() {
            Ok(report) => {
                let equal = laptop.picture().0 == world.phone.picture().0;
                assert!(equal || !report.refused.is_empty(), "{what}: {report:?}");
                assert!(!harmless || equal, "{what}: {report:?}");
            }
            Err(error) => {
                assert!(!harmless, "{what}: {error}");
                documented(&error, what);
            }
        }
        assert!(rule.fired() > 0, "{what}");
        // A cursor from the future must not blind it to what comes.
        world.evil.honest();
        let path = world.letter();
        laptop.sync().unwrap();
        assert!(laptop.cat(&path).is_ok(), "{what}: afterwards");
        assert_eq!(laptop.picture().0, world.phone.picture().0, "{what}: afterwards");
    }
    let report = laptop.vault.verify(false, &Quiet).unwrap();
    assert!(report.damaged.is_empty(), "{report:?}");
    world.works_again(&laptop);
}

#[test]
fn lost_answers_repeats_and_overtaking_change_nothing() {
    let (world, laptop) = World::with_laptop();
    for (what, act) in [
        ("no answer", Act::Drop),
        ("the answer lost", Act::DropAnswer),
        ("late", Act::Later),
        ("twice", Act::Repeat),
        ("busy", Act::Answer(503)),
    ] {
        let rule = Rule::new(what, act).when(Asked::is_exchange).times(2).at(PHONE);
        let rule = world.play(rule);
        let path = world.letter();
        let _ = world.phone.sync();
        assert!(rule.fired() > 0, "{what}");
        world.evil.honest();
        world.phone.sync_well();
        laptop.sync_well();
        assert_eq!(laptop.cat(&path).unwrap(), world.phone.cat(&path).unwrap(), "{what}");
    }
    let before = laptop.picture();
    world.closing(&laptop, &before);
}
