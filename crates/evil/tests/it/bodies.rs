//! Answers that are too much.

use bytes::Bytes;
use strongroom_evil::{Act, Answer, Asked, Rule};

use crate::world::{Device, LAPTOP, OTHER, World, documented};

/// What a client may take before it hangs up: the largest answer, and what is on its way in the
/// buffers of both sides, which the system lets grow to several MiB each.
const TAKEN_MAX: u64 = (8 << 20) + (32 << 20);

fn bomb(
    name: &'static str,
    body: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static,
) -> (&'static str, Act) {
    let act =
        Act::edit(move |_, answer: &mut Answer| answer.body = Bytes::from(body(&answer.body)));
    (name, act)
}

fn framed(body: &[u8]) -> Vec<u8> {
    [&u32::try_from(body.len()).unwrap().to_be_bytes(), body].concat()
}

#[test]
fn a33_bombs() {
    let (world, laptop) = World::with_laptop();
    world.letter();
    laptop.sync_well();
    let before = laptop.picture();
    let bombs = [
        bomb("a frame of 4 GiB", |_| vec![0xff, 0xff, 0xff, 0xff, 0x82, 0x05]),
        bomb("2^64 entries", |_| {
            framed(&[0x82, 0x05, 0x9b, 255, 255, 255, 255, 255, 255, 255, 255])
        }),
        bomb("a string of 2^63 bytes", |_| {
            framed(&[0x82, 0x05, 0x81, 0x84, 0x5b, 127, 255, 255, 255, 255, 255, 255, 255])
        }),
        bomb("arrays in arrays", |_| framed(&vec![0x81; 100_000])),
        bomb("a million empty frames", |_| [0; 4].repeat(1_000_000)),
        bomb("an endless list", |_| framed(&[&[0x82, 0x05, 0x9f][..], &[0x00; 4_096]].concat())),
        bomb("no frames at all", |_| Vec::new()),
        bomb("text", |_| b"<html>".repeat(1_000)),
        ("a flood", Act::Flood),
    ];
    for (what, act) in bombs {
        let flooded = world.evil.flooded();
        let rule = world.play(Rule::new(what, act).on_exchange().at(LAPTOP));
        laptop.sync_catches(what);
        assert!(rule.fired() > 0, "{what}");
        let taken = world.evil.flooded() - flooded;
        assert!(rule.fired() <= 3 && taken <= rule.fired() * TAKEN_MAX, "{what}: {taken}");
        assert_eq!(laptop.picture(), before, "{what}");
        world.evil.honest();
    }
    laptop.sync_well();
    world.closing(&laptop, &before);
}

#[test]
fn a33_floods_instead_of_every_other_answer() {
    let world = World::new();
    world.phone.put_with(
        "/large",
        &world.text(crate::world::LARGE),
        &strongroom_client::PutOptions { cache_size: Some(0), ..Default::default() },
    );
    let new_device = |world: &World| world.recover(OTHER).map(|_: Device| ()).unwrap_err();
    for end in ["/strongroom", "/session", "/read", "/frames"] {
        let flooded = world.evil.flooded();
        let rule = Rule::new(end, Act::Flood).when(move |asked| asked.route().ends_with(end));
        let rule = world.play(rule.at(OTHER));
        documented(&new_device(&world), end);
        assert!(rule.fired() > 0, "{end}");
        let taken = world.evil.flooded() - flooded;
        assert!(rule.fired() <= 3 && taken <= rule.fired() * TAKEN_MAX, "{end}: {taken}");
        world.evil.honest();
    }
    let laptop = world.recover(LAPTOP).unwrap();
    let before = laptop.picture();
    let flooded = world.evil.flooded();
    let rule = Rule::new("chunks", Act::Flood).when(Asked::is_chunk_read).at(LAPTOP);
    let rule = world.play(rule);
    let (error, written) = laptop.get("/large").unwrap_err();
    documented(&error, "chunks");
    assert_eq!(written, None);
    assert!(rule.fired() > 0);
    // Several chunks are asked for at once.
    assert!(world.evil.flooded() - flooded <= 6 * TAKEN_MAX, "{}", world.evil.flooded());
    world.closing(&laptop, &before);
}
