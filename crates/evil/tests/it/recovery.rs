//! The recovery record: swapped, mauled, old, fished for.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use strongroom_client::ErrorKind;
use strongroom_evil::{Act, Asked, EvilProvider, Rule, Seen, lies};
use strongroom_wire::cbor::Writer;

use crate::world::{LAPTOP, OTHER, World, documented, refused_by_recover};

fn is_read(asked: &Asked) -> bool {
    asked.path.starts_with("/records/") && asked.route().ends_with("/read")
}

fn record(name: &'static str, act: Act) -> (&'static str, Rule) {
    (name, Rule::new(name, act).when(is_read))
}

/// The newest answer to a read of a record.
fn read_answer(world: &World) -> Bytes {
    let reads = world.evil.tap().find(|seen: &Seen| is_read(&seen.asked));
    reads.last().unwrap().answer.as_ref().unwrap().body.clone()
}

#[test]
fn a01_swapped_sealed_keys() {
    let (world, stranger) = (World::new(), World::new());
    stranger.recover(OTHER).unwrap();
    let of_another = read_answer(&stranger);
    refused_by_recover(
        &world,
        vec![
            record(
                "another person's",
                Act::edit(move |_, answer| {
                    answer.body = of_another.clone();
                }),
            ),
            record("its key mauled", Act::body(|body| lies::flip(body, 100))),
            record("its contents mauled", Act::body(|body| lies::flip(body, 2_000))),
            record("its signature mauled", Act::body(|body| lies::flip(body, -10))),
            record("a newer counter", Act::body(|body| lies::flip(body, 12))),
        ],
    );
}

#[test]
fn a57_recovery_record_fished_for_lost_or_replaced() {
    let world = World::new();
    world.recover(OTHER).unwrap();
    let honest = read_answer(&world);
    let garbage = |count: usize| {
        let mut w = Writer::new();
        w.array(count);
        for _ in 0..count {
            w.bytes(&[9; 3_257]);
        }
        Bytes::from(w.into_bytes())
    };
    let (none, one) = (garbage(0), garbage(1));
    refused_by_recover(
        &world,
        vec![
            record("none", Act::edit(move |_, answer| answer.body = none.clone())),
            record("garbage", Act::edit(move |_, answer| answer.body = one.clone())),
            record("not found", Act::Answer(404)),
            record("cut", Act::body(|body| body.truncate(2_000))),
        ],
    );

    // Garbage in front of the right one: the right one is found.
    let rule = world.play(
        Rule::new(
            "garbage first",
            Act::edit(move |_, answer| {
                let mut w = Writer::new();
                w.array(2).bytes(&[9; 3_257]).raw(&honest[1..]);
                answer.body = w.into_bytes().into();
            }),
        )
        .when(is_read)
        .at(OTHER),
    );
    let device = world.recover(OTHER).unwrap();
    assert!(rule.fired() > 0);
    world.works_again(&device);
}

#[test]
fn a57_an_unproved_provider_is_asked_for_nothing() {
    let world = World::new();
    world.recover(LAPTOP).unwrap();
    // It shows the right key and cannot prove that it has it.
    let unproved = Rule::new("unproved", Act::body(|body| lies::flip(body, -1)));
    let unproved = unproved.when(|asked| asked.route().ends_with("/session")).at(OTHER);
    let rule = world.play(unproved);
    let before = world.evil.tap().len();
    let Err(error) = world.recover(OTHER) else { panic!("recovered from an unproved provider") };
    documented(&error, "unproved");
    assert!(rule.fired() > 0);
    let heard: Vec<_> = world.evil.tap().all().split_off(before);
    assert!(!heard.is_empty());
    assert!(heard.iter().all(|seen| !seen.asked.path.contains("/records/")), "no id was told");
    world.evil.honest();

    // Another provider hears an id of its own: it cannot ask ours for the record.
    let other = EvilProvider::start();
    let known = world.evil.tap().find(|seen| is_read(&seen.asked));
    let path = &known[0].asked.path;
    let folder = tempfile::tempdir().unwrap();
    let home = strongroom_client::Home::at(folder.path().join("home"));
    let tried = strongroom_client::Vault::recover(
        &home,
        other.url(0),
        &world.phrase,
        &crate::world::passphrase(),
        &strongroom_client::Quiet,
    );
    assert_eq!(tried.unwrap_err().kind(), ErrorKind::NotFound);
    let asked = other.tap().find(|seen| is_read(&seen.asked));
    assert_eq!(asked.len(), 1);
    assert!(asked[0].asked.path != *path, "ids differ between providers");
    let device = world.recover(LAPTOP).unwrap();
    world.works_again(&device);
}

/// Whoever asks for the vault with its words answers nothing that depends on what a provider made
/// up: every probe gets one error, in the same words, and nothing is asked after it.
#[test]
fn a04_every_probe_of_who_logs_in_gets_one_error_and_no_answer() {
    let (world, stranger) = (World::new(), World::new());
    assert!(world.recover(OTHER).is_ok(), "honest");
    stranger.recover(OTHER).unwrap();
    let foreign = read_answer(&stranger);
    let record_len = read_answer(&world).len();
    let opened = world.evil.tap().find(|seen| seen.asked.route().ends_with("/session"));
    let answer_len = opened.last().unwrap().answer.as_ref().unwrap().body.len();

    let mut told: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut cases = 0;
    let mut probe = |what: &'static str, end: &'static str, act: Act| {
        let rule = Rule::new(what, act).when(move |asked| asked.route().ends_with(end)).at(OTHER);
        let rule = world.play(rule);
        let before = world.evil.tap().len();
        let Err(error) = world.recover(OTHER) else { panic!("{what}: something was opened") };
        assert!(rule.fired() > 0, "{what}");
        let after = world.evil.tap().all().split_off(before);
        let last = after.last().unwrap();
        assert!(last.asked.route().ends_with(end), "{what}: it went on to {}", last.asked.path);
        told.entry(end).or_default().insert(format!("{:?} {error}", error.kind()));
        cases += 1;
        world.evil.honest();
    };
    // Every field of a record begins somewhere in these: counter, encapsulation, sealed, signature.
    for at in (5..record_len).step_by(record_len / 24).chain([record_len - 1]) {
        let flip = Act::body(move |body| lies::flip(body, at.cast_signed()));
        probe("a flipped record", "/read", flip);
    }
    let swap = Act::edit(move |_, answer| answer.body = foreign.clone());
    probe("another's record", "/read", swap);
    probe("a record of zeros", "/read", Act::body(|body| body[20..].fill(0)));
    // The session's answer: id, share, end, signature.
    for at in (3..answer_len).step_by(answer_len / 12).chain([answer_len - 1]) {
        let flip = Act::body(move |body| lies::flip(body, at.cast_signed()));
        probe("a flipped answer", "/session", flip);
    }
    assert!(cases >= 36, "cases were lost: {cases}");
    for (end, told) in told {
        assert_eq!(told.len(), 1, "{end} tells probes apart: {told:?}");
    }
    world.works_again(&world.recover(LAPTOP).unwrap());
}
