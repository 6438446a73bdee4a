//! Chunks that were changed, swapped, cut; and any byte of any answer.

use bytes::Bytes;
use strongroom_client::{ErrorKind, PutOptions, Quiet};
use strongroom_evil::{Act, Asked, Rule, lies};

use crate::world::{Device, LAPTOP, LARGE, OTHER, World, documented};

fn streamed() -> PutOptions {
    PutOptions { cache_size: Some(0), ..PutOptions::default() }
}

/// Two large files at the provider, and a laptop that has no chunk of them.
fn with_large_files() -> (World, Device, Vec<u8>) {
    let world = World::new();
    let first = world.text(LARGE);
    world.phone.put_with("/large", &first, &streamed());
    world.phone.put_with("/other", &world.text(LARGE), &streamed());
    let laptop = world.recover(LAPTOP).unwrap();
    // Nothing stays in its cache, so that each read asks the provider.
    laptop.put_with("/small", &world.text(100), &streamed());
    world.phone.sync_well();
    assert_eq!(laptop.get("/large").unwrap(), first, "honest");
    (world, laptop, first)
}

/// What was answered to every chunk read so far, the newest last.
fn chunks_seen(world: &World) -> Vec<Bytes> {
    let reads = world.evil.tap().find(|seen| seen.asked.is_chunk_read());
    reads.into_iter().filter_map(|seen| seen.answer.map(|answer| answer.body)).collect()
}

#[test]
fn a11_chunks_reordered_dropped_doubled_cut_swapped() {
    let (world, laptop, truth) = with_large_files();
    let own = chunks_seen(&world);
    assert_eq!(own.len(), 3);
    laptop.get("/other").unwrap();
    let foreign = chunks_seen(&world)[3..].to_vec();
    let before = laptop.picture();

    let reads = |act: Act| Rule::new("chunks", act).when(Asked::is_chunk_read);
    let give = |all: Vec<Bytes>, shift: usize| {
        let known = own.clone();
        reads(Act::edit(move |_, answer| {
            let at = known.iter().position(|chunk| *chunk == answer.body).unwrap_or(0);
            answer.body = all[(at + shift) % all.len()].clone();
        }))
    };
    let cases: Vec<(&str, Rule)> = vec![
        ("reordered", give(own.clone(), 1)),
        ("doubled", give(vec![own[0].clone()], 0)),
        ("of another document", give(foreign, 0)),
        ("dropped", reads(Act::Answer(404))),
        ("empty", reads(Act::body(Vec::clear))),
        ("cut off", reads(Act::body(|body| body.truncate(body.len() - 1)))),
        ("cut in half", reads(Act::body(|body| body.truncate(body.len() / 2)))),
        ("longer", reads(Act::body(|body| body.push(0)))),
        ("halves exchanged", reads(Act::body(|body| body.rotate_left(500_000)))),
        ("one bit of the last byte", reads(Act::body(|body| lies::flip(body, -1)))),
    ];
    for (what, rule) in cases {
        let rule = world.play(rule.at(LAPTOP));
        let (error, written) = laptop.get("/large").expect_err(what);
        documented(&error, what);
        assert_eq!(written, None, "{what}: nothing under the file's name");
        let mut out = Vec::new();
        let place = strongroom_client::Place::parse("/large").unwrap();
        laptop.vault.cat(&place, None, &mut out, &Quiet).expect_err(what);
        assert!(truth.starts_with(&out), "{what}: a stream stops before the first wrong byte");
        assert!(rule.fired() > 0, "{what}");
        world.evil.honest();
    }
    world.evil.honest();
    assert_eq!(laptop.get("/large").unwrap(), truth);
    world.closing(&laptop, &before);
}

#[test]
fn a43_chunk_changed_between_verify_and_use() {
    let (world, laptop, truth) = with_large_files();
    let report = laptop.vault.verify(true, &Quiet).unwrap();
    assert!(report.damaged.is_empty() && report.chunks >= 6, "{report:?}");
    let before = laptop.picture();
    let rule = Rule::new("changed after", Act::body(|body| lies::flip(body, 77)));
    let rule = world.play(rule.when(Asked::is_chunk_read).at(LAPTOP));
    let (error, written) = laptop.get("/large").unwrap_err();
    assert_eq!((error.kind(), written), (ErrorKind::Damaged, None), "{error}");
    let report = laptop.vault.verify(true, &Quiet).unwrap();
    assert!(report.damaged.len() >= 2, "both files are named: {:?}", report.damaged);
    assert!(rule.fired() > 0);
    world.evil.honest();
    assert_eq!(laptop.get("/large").unwrap(), truth);
    world.closing(&laptop, &before);
}

/// Places in an answer: its start, its end, and some between.
fn places(len: usize) -> Vec<usize> {
    let mut all: Vec<usize> = (0..len.min(8)).chain(len.saturating_sub(4)..len).collect();
    all.extend((1..12).map(|part| len * part / 12));
    all.sort_unstable();
    all.dedup();
    all
}

#[test]
fn a10_every_flip_is_refused_or_means_nothing() {
    let (world, laptop) = World::with_laptop();
    world.letter();
    laptop.sync_well();
    // How long the answer to one new letter is.
    world.letter();
    laptop.sync_well();
    let exchanges = world.evil.tap().find(|seen| {
        seen.asked.door == LAPTOP
            && seen.asked.is_exchange()
            && seen.answer.as_ref().is_some_and(|answer| answer.body.len() > 200)
    });
    let len = exchanges.last().unwrap().answer.as_ref().unwrap().body.len();
    let mut refused = 0;
    let cases = places(len);
    for &at in &cases {
        world.letter();
        let (before, truth) = (laptop.picture(), world.phone.picture());
        let act = Act::edit(move |_, answer| {
            if answer.body.len() > 200 {
                answer.edit_body(|body| lies::flip(body, at.cast_signed()));
            }
        });
        let rule = world.play(Rule::new("one bit", act).on_exchange().at(LAPTOP));
        let report = laptop.sync();
        assert!(rule.fired() > 0);
        let after = laptop.picture();
        // A cursor or a count is believed by nobody; a bit of an entry is never taken.
        assert!(after == before || after.0 == truth.0, "byte {at} of {len}");
        refused += u32::from(!report.is_ok_and(|report| report.refused.is_empty()));
        world.evil.honest();
        laptop.sync().unwrap();
        assert_eq!(laptop.picture().0, truth.0, "byte {at} of {len}");
    }
    assert!(refused as usize * 10 >= cases.len() * 8, "{refused} of {}", cases.len());
    world.works_again(&laptop);
}

#[test]
fn a10_every_flip_of_what_a_new_device_is_told() {
    let world = World::new();
    assert!(world.recover(OTHER).is_ok());
    for (what, path) in [("the session's answer", "/session"), ("the recovery record", "/read")] {
        let seen = world.evil.tap().find(|seen| seen.asked.route().ends_with(path));
        let len = seen.last().unwrap().answer.as_ref().unwrap().body.len();
        for at in [0, 5, 20, len / 3, len / 2, len - 70, len - 1] {
            let act = Act::body(move |body| lies::flip(body, at.cast_signed()));
            let rule = Rule::new(what, act).when(move |asked| asked.route().ends_with(path));
            let rule = world.play(rule.at(OTHER));
            let Err(error) = world.recover(OTHER) else { panic!("{what}, byte {at}") };
            documented(&error, what);
            assert!(rule.fired() > 0);
            world.evil.honest();
        }
    }
    let laptop = world.recover(LAPTOP).unwrap();
    world.works_again(&laptop);
}
