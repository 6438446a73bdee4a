//! Random worlds. Comes in: a seed. Goes out: a world in which people shared a bucket, some of
//! them turned, and everything went to and fro. Must not know: what must be true of it.

use crate::dice::Dice;
use crate::turned::rights;
use crate::world::{ENTRIES_MAX, World, tag};

/// People in a world at most.
const PEOPLE: usize = 6;

/// A world of this seed.
pub fn world(seed: u64) -> World {
    let mut dice = Dice::new(seed);
    let mut world = World::founded();
    for person in 0..=dice.below(3) {
        world.co_owner(person, rights(0));
    }
    let peace = 4 + dice.below(24);
    for _ in 0..peace {
        something(&mut world, &mut dice);
    }
    if !dice.once_in(8) {
        turn(&mut world, &mut dice);
    }
    for _ in 0..4 + dice.below(30) {
        if world.entries.len() + 12 > ENTRIES_MAX {
            break;
        }
        if dice.once_in(2) {
            if let Some(made) = world.any_move(&mut dice) {
                world.make(&made);
            }
        } else {
            something(&mut world, &mut dice);
        }
    }
    world
}

/// Somebody turns, or a device is stolen.
fn turn(world: &mut World, dice: &mut Dice) {
    for _ in 0..=dice.below(2) {
        let at = dice.below(world.devices.len());
        world.devices[at].honest = false;
        if dice.once_in(3) {
            continue;
        }
        let person = world.devices[at].person;
        world.turned.insert(person);
        for device in world.devices.iter_mut().filter(|it| it.person == person) {
            device.honest = false;
        }
    }
}

/// One thing somebody honest does.
fn something(world: &mut World, dice: &mut Dice) {
    let honest: Vec<usize> =
        (0..world.devices.len()).filter(|at| world.devices[*at].honest).collect();
    let Some(device) = dice.pick(&honest).copied() else { return };
    match dice.below(16) {
        0..=3 => hear(world, device, dice),
        4..=6 => drop(world.write_version(device)),
        7 => drop(world.make_epoch(device)),
        8..=9 => {
            let (person, kind) = (dice.below(PEOPLE), dice.below(4));
            world.invite(device, person, rights(kind));
        }
        10..=11 => accept(world, dice),
        12 => {
            let it = world.devices[device].clone();
            let key = it.chain[..it.chain.len() - 1].into();
            if it.chain.len() < 8 && world.is_in(device) {
                world.enrol(it.person, &key, it.known);
            }
        }
        13 => {
            let member = tag(dice.below(PEOPLE));
            if world.devices[device].person != crate::world::person(member) {
                world.remove(device, member);
            }
        }
        14 => {
            let lost = dice.below(world.devices.len());
            world.lose(device, lost);
        }
        _ => {
            for at in 0..world.entries.len() {
                world.tell(device, at);
            }
        }
    }
}

fn hear(world: &mut World, device: usize, dice: &mut Dice) {
    let place = dice.below(world.entries.len());
    world.tell(device, place);
}

/// Somebody accepts an invitation that was for him, knowing little more than that.
fn accept(world: &mut World, dice: &mut Dice) {
    let open: Vec<_> = world
        .invitations
        .iter()
        .filter(|it| !world.turned.contains(&it.person))
        .filter(|it| {
            !world.keys.iter().any(|(_, key)| {
                key.len() > it.chain.len()
                    && key[it.chain.len() - 1].id == it.chain[it.chain.len() - 1].id
            })
        })
        .cloned()
        .collect();
    let Some(invitation) = dice.pick(&open) else { return };
    let mut known = world.entries[invitation.entry].needs | 1 << invitation.entry;
    let also = dice.below(world.entries.len());
    known |= world.entries[also].needs | 1 << also;
    let mine = world.devices.iter().filter(|it| it.person == invitation.person && it.honest);
    known = mine.fold(known, |known, it| known | it.known);
    world.accept(&invitation.clone(), known);
}
