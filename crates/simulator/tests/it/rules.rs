//! One world for each rule that worlds made by dice seldom turn on. Comes in: nothing. Goes out:
//! what counts, and what does not. Must not know: how the rules decide.

use std::collections::BTreeSet;

use strongroom_simulator::turned::rights;
use strongroom_simulator::world::{Draft, Place, World, tag};
use strongroom_wire::capability::Actions;
use strongroom_wire::clear::RevokeTarget;
use strongroom_wire::rules::{Act, Chain};

const ALICE: usize = 0;
const BOB: usize = 1;
const CARROLL: usize = 2;

fn everybody_hears(world: &mut World) {
    for device in 0..world.devices.len() {
        for place in 0..world.entries.len() {
            world.tell(device, place);
        }
    }
}

fn join(world: &mut World, by: usize, person: usize, actions: Actions) -> usize {
    world.invite(by, person, actions).unwrap();
    let device = accepts(world);
    everybody_hears(world);
    device
}

/// The newest invitation is accepted, by who knows it and what it needs and nothing else.
fn accepts(world: &mut World) -> usize {
    let invitation = world.invitations.last().unwrap().clone();
    let known = world.entries[invitation.entry].needs | 1 << invitation.entry;
    world.accept(&invitation, known).unwrap()
}

/// Alice, who owns the bucket, and Bob, whom she let in.
fn two(actions: Actions) -> (World, usize, usize) {
    let mut world = World::founded();
    let alice = world.co_owner(ALICE, rights(0));
    let bob = join(&mut world, alice, BOB, actions);
    (world, alice, bob)
}

/// A device says what no honest one would; none: no replica takes it.
fn says(world: &mut World, device: usize, act: Act) -> Option<Place> {
    let it = world.devices[device].clone();
    let draft = Draft {
        author: it.author,
        chain: it.chain,
        prev: it.tip,
        parents: world.heads(it.known),
        epoch: Some(1),
        follows: Vec::new(),
        recipients: BTreeSet::new(),
        act: Some(act),
        honest: false,
    };
    world.add(draft)
}

/// The member key a device acts for.
fn key_of(world: &World, device: usize) -> Chain {
    let chain = &world.devices[device].chain;
    Chain::from(&chain[..chain.len() - 1])
}

fn counts(world: &World, place: Option<Place>) -> bool {
    place.is_some_and(|place| world.counts(&world.rules, place))
}

/// An invitation under `key`, carried by this device.
fn invites(world: &mut World, device: usize, key: &Chain, person: usize) -> Option<Place> {
    let holder = world.name();
    let chain = world.element(key, holder, tag(person), rights(2), true);
    says(world, device, Act::Member(vec![chain]))
}

#[test]
fn a39_a_member_does_not_invite_itself() {
    let (mut world, _, bob) = two(rights(0));
    let key = key_of(&world, bob);
    let other = invites(&mut world, bob, &key, CARROLL);
    assert!(counts(&world, other), "somebody else he may");
    let own = invites(&mut world, bob, &key, BOB);
    assert!(!counts(&world, own), "his own invitation counts");
}

#[test]
fn a39_nobody_lets_in_by_the_key_of_who_let_him_in() {
    let (mut world, alice, bob) = two(rights(0));
    let key = key_of(&world, alice);
    let hers = invites(&mut world, bob, &key, CARROLL);
    assert!(!counts(&world, hers), "a junior let in with a senior's key");
}

#[test]
fn a39_an_open_invitation_ends_with_who_made_it() {
    let (mut world, alice, bob) = two(rights(0));
    world.invite(bob, CARROLL, rights(2)).unwrap();
    everybody_hears(&mut world);
    world.remove(alice, tag(BOB)).unwrap();
    let carroll = accepts(&mut world);
    let acceptance = world.devices[carroll].tip;
    assert!(!counts(&world, acceptance), "an invite key outlives the key it was given by");
}

#[test]
fn a39_who_is_let_in_again_works_on() {
    let (mut world, alice, _) = two(rights(1));
    world.remove(alice, tag(BOB)).unwrap();
    everybody_hears(&mut world);
    assert!(!world.rules.members(|_| true).contains(&tag(BOB)));
    let bob = join(&mut world, alice, BOB, rights(1));
    let version = world.write_version(bob);
    assert!(counts(&world, version), "what he writes since counts for nobody");
}

#[test]
fn a39_who_may_not_take_out_takes_nobody_out() {
    let (mut world, alice, _) = two(rights(2));
    let carroll = join(&mut world, alice, CARROLL, rights(2));
    let act = Act::Revoke { targets: vec![RevokeTarget::Member(tag(BOB))], cutoffs: Vec::new() };
    assert!(says(&mut world, carroll, act).is_some(), "it is taken, and reaches nobody");
    let members = world.rules.members(|_| true);
    assert!(members.contains(&tag(BOB)), "a reader took somebody out");
}
