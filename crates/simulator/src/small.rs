//! Small worlds, in which somebody was taken out and then makes every two moves there are. Comes
//! in: nothing. Goes out: the worlds, and the moves of who was taken out. Must not know: what must
//! be true after them.

use std::collections::BTreeSet;

use strongroom_wire::clear::RevokeTarget;
use strongroom_wire::rules::{Act, Cutoff};

use crate::turned::{Move, What, rights};
use crate::world::{Made, Place, World, places, tag};

/// Nobody yet: an accomplice who waits outside.
const STRANGER: usize = 6;

/// The worlds, each with who is about to fight back.
pub fn worlds() -> Vec<World> {
    vec![removed_by_an_equal(), removed_by_a_senior(), removed_below(), device_stolen()]
}

fn everybody_hears(world: &mut World) {
    for device in 0..world.devices.len() {
        for place in 0..world.entries.len() {
            world.tell(device, place);
        }
    }
}

fn join(world: &mut World, by: usize, person: usize, kind: usize) -> usize {
    world.invite(by, person, rights(kind)).expect("who may grant may invite");
    let invitation = world.invitations.last().expect("it was just made").clone();
    let known = world.entries[invitation.entry].needs | 1 << invitation.entry;
    let device = world.accept(&invitation, known).expect("who is invited may accept");
    everybody_hears(world);
    device
}

fn turns(world: &mut World, person: usize) {
    world.turned.insert(person);
    for device in world.devices.iter_mut().filter(|it| it.person == person) {
        device.honest = false;
    }
}

/// Alice and Bob own together; each invited somebody; Alice takes Bob out.
fn removed_by_an_equal() -> World {
    let mut world = World::founded();
    let alice = world.co_owner(0, rights(0));
    let bob = world.co_owner(1, rights(0));
    everybody_hears(&mut world);
    join(&mut world, alice, 2, 2);
    join(&mut world, bob, 3, 1);
    world.write_version(bob);
    everybody_hears(&mut world);
    world.remove(alice, tag(1)).expect("an admin may");
    world.write_version(alice);
    turns(&mut world, 1);
    world
}

/// Alice invited Bob and Carroll to be admins; Bob invited Dave; Alice takes Bob out.
fn removed_by_a_senior() -> World {
    let mut world = World::founded();
    let alice = world.co_owner(0, rights(0));
    let bob = join(&mut world, alice, 1, 0);
    join(&mut world, alice, 2, 0);
    join(&mut world, bob, 3, 1);
    world.write_version(bob);
    everybody_hears(&mut world);
    world.remove(alice, tag(1)).expect("a senior may");
    world.write_version(alice);
    turns(&mut world, 1);
    world
}

/// As before, but Carroll, Bob's equal, takes him out; and Dave was not in yet: his invitation is
/// still open.
fn removed_below() -> World {
    let mut world = World::founded();
    let alice = world.co_owner(0, rights(0));
    let bob = join(&mut world, alice, 1, 0);
    let carroll = join(&mut world, alice, 2, 0);
    world.invite(bob, 3, rights(0)).expect("who may grant may invite");
    everybody_hears(&mut world);
    world.remove(carroll, tag(1)).expect("an equal may");
    world.write_version(carroll);
    turns(&mut world, 1);
    world
}

/// One of Alice's two devices is stolen; the other takes it out.
fn device_stolen() -> World {
    let mut world = World::founded();
    let laptop = world.co_owner(0, rights(0));
    let key = world.keys[0].1.clone();
    let phone = world.enrol(0, &key, world.everything()).expect("a member key may");
    everybody_hears(&mut world);
    join(&mut world, laptop, 2, 0);
    world.write_version(phone);
    everybody_hears(&mut world);
    world.lose(laptop, phone).expect("a member may stop its own device");
    world.write_version(laptop);
    world.devices[phone].honest = false;
    world
}

impl World {
    /// Every move of every device that does not do as it should.
    pub fn moves(&self) -> Vec<Move> {
        let mut moves = Vec::new();
        for device in (0..self.devices.len()).filter(|at| !self.devices[*at].honest) {
            let author = self.devices[device].author;
            let own: Vec<Place> =
                places(self.everything()).filter(|at| self.entries[*at].author == author).collect();
            let tip = own.last().copied();
            let fork = own.get(own.len().saturating_sub(2)).copied();
            let parents = self.pretences(own[0]);
            for what in self.whats() {
                // A first entry has nothing before it; a version has no parents in the log.
                let new = matches!(what, What::Enrol(..) | What::Accept(..));
                let prevs = if new { vec![None] } else { vec![tip, fork] };
                let pasts =
                    if matches!(what, What::Version) { &parents[..1] } else { &parents[..] };
                for prev in &prevs {
                    for (parents, epoch) in pasts {
                        let (parents, what) = (parents.clone(), what.clone());
                        moves.push(Move { device, prev: *prev, parents, epoch: *epoch, what });
                    }
                }
            }
        }
        moves
    }

    /// What somebody may pretend to have seen, with an epoch that fits: everything; nothing after
    /// its own enrolment; all but the revoke; and the revoke alone.
    fn pretences(&self, enrolment: Place) -> Vec<(Vec<Place>, Place)> {
        let epochs = || {
            places(self.everything()).filter(
                |at| matches!(&self.entries[*at].made, Made::Control(f, _) if f.act == Act::Epoch),
            )
        };
        let newest = epochs().last().unwrap_or(1);
        let revoke = (0..self.entries.len()).find(|at| !self.revoked(*at).is_empty());
        let revoke = revoke.unwrap_or(enrolment);
        vec![
            (self.heads(self.everything()), newest),
            (vec![enrolment], 1),
            (self.heads(self.entries[revoke].needs), 1),
            (vec![revoke], newest),
        ]
    }

    fn whats(&self) -> Vec<What> {
        let mut whats = vec![What::Version, What::Epoch];
        let people: Vec<usize> = vec![0, 1, STRANGER];
        for key in self.stolen_keys() {
            for person in &people {
                whats.push(What::Enrol(*person, key.clone()));
                whats.push(What::Grant(*person, key.clone(), false));
                whats.push(What::Grant(*person, key.clone(), true));
            }
        }
        let theirs =
            |by: usize, person: usize| self.turned.contains(&by) || self.turned.contains(&person);
        let open = self.invitations.iter().enumerate();
        whats.extend(open.filter(|(_, it)| theirs(it.by, it.person)).map(|it| What::Accept(it.0)));
        let mut carried = BTreeSet::new();
        for entry in &self.entries {
            let Made::Control(fact, _) = &entry.made else { continue };
            let Act::Member(chains) = &fact.act else { continue };
            for chain in chains.iter().filter(|it| it.last().is_some_and(|l| carried.insert(l.id)))
            {
                whats.push(What::Again(chain.clone()));
            }
        }
        // With every author ended before the first entry, and with everybody else left alone.
        let all: Vec<Cutoff> = self.last_cutoffs();
        for name in self.names().into_iter().filter(|name| self.is_worth_naming(*name)) {
            whats.push(What::Revoke(vec![name], Vec::new()));
            whats.push(What::Revoke(vec![name], all.clone()));
        }
        whats
    }

    /// Names of the same effect are tried once: a device's key is its author.
    fn is_worth_naming(&self, name: RevokeTarget) -> bool {
        match name {
            RevokeTarget::MemberKey(key) => {
                !self.devices.iter().any(|device| device.author.0 == key.0)
            }
            _ => true,
        }
    }

    fn last_cutoffs(&self) -> Vec<Cutoff> {
        let authors: BTreeSet<_> = self.entries.iter().map(|entry| entry.author).collect();
        let last = |author| (0..self.entries.len()).rfind(|at| self.entries[*at].author == author);
        authors.into_iter().filter_map(last).map(|at| self.cutoff(at)).collect()
    }
}
