//! Stories of control logs: who may write what, and what a replica refuses.

use proptest::prelude::*;
use strongroom_wire::capability::{Action, Actions, Capability, Claims, Target};
use strongroom_wire::chain::Verified;
use strongroom_wire::clear::{Clear, Member, WRAP_LEN};
use strongroom_wire::control::{Control, ControlError, DROP_ACTIONS, action_of};
use strongroom_wire::entry::{Entry, Hlc, Kind};
use strongroom_wire::ids::{BucketId, CapabilityId, EntryId};

use crate::chains::{DOCUMENT, OTHER_DOCUMENT, public, signer, tag};
use crate::control_world::{
    ALICE, ALICES_LAPTOP, BOB, BOBS_PHONE, Draft, KINDS, ROOT, START, World, at, carries,
    deactivate, entry, genesis_by, header, next_epoch,
};

/// All kinds by authors who may do exactly one thing, and everything but that.
#[test]
fn each_kind_takes_its_action_and_no_other() {
    for action in Action::ALL {
        for (actions, has) in
            [(Actions::of(&[action]), true), (Actions::ALL.without(action), false)]
        {
            if actions == DROP_ACTIONS {
                // Who may only put into a drop is no author: see drops.rs.
                continue;
            }
            for kind in KINDS {
                let mut world = World::new(actions);
                let draft = world.draft(kind);
                let done = match kind {
                    Kind::Epoch => world.insert(&draft, next_epoch(2, &[world.epoch])).map(drop),
                    Kind::Revoke => world.insert(&draft, deactivate()).map(drop),
                    Kind::Member => {
                        // What is granted is within what the laptop has, whatever that is.
                        let first = [actions.iter().next().unwrap()];
                        let bob = world.for_bob(&first);
                        world.insert(&draft, carries(&[&bob])).map(drop)
                    }
                    _ => world.judge(&draft),
                };
                let allowed = match action_of(kind) {
                    Some(needed) => (needed == action) == has,
                    None => true,
                };
                let expected = if allowed { Ok(()) } else { Err(ControlError::NotAllowed) };
                assert_eq!(done, expected, "{kind:?} with {actions}");
            }
        }
    }
}

/// What is not control is judged, control is inserted; neither door takes the other's.
#[test]
fn each_door_takes_its_own_kinds() {
    for kind in KINDS {
        let mut world = World::new(Actions::ALL);
        let draft = world.draft(kind);
        if kind.is_control() {
            assert_eq!(world.judge(&draft), Err(ControlError::Bucket), "{kind:?}");
        } else {
            let clear = Clear::Tombstone { keep_until: 0 };
            assert_eq!(world.insert(&draft, clear), Err(ControlError::Bucket), "{kind:?}");
        }
    }
}

#[test]
fn a_bucket_has_one_genesis_and_it_is_by_its_root_key() {
    let mut world = World::new(Actions::ALL);
    let before = world.state();
    let first = world.entries[0].clone();
    assert_eq!(world.control.insert(&first), Ok(()), "the same again changes nothing");
    let second = genesis_by(ROOT, at(1));
    assert_eq!(world.control.insert(&second), Err(ControlError::Bucket));
    assert_eq!(world.state(), before);
    assert_eq!(Control::new(&genesis_by(BOB, at(0))).unwrap_err(), ControlError::NotAllowed);
    assert_eq!(Control::new(&world.entries[1]).unwrap_err(), ControlError::Form);
}

type Bend = fn(&World, &mut Draft);

/// Every row starts from a version that is allowed, and changes one thing.
#[test]
fn what_a_version_names_must_be_here_and_its_authors() {
    let table: [(&str, Result<(), ControlError>, Bend); 11] = [
        ("as it should be", Ok(()), |_, _| ()),
        ("another document", Ok(()), |_, d| d.document = OTHER_DOCUMENT),
        ("by the root key", Ok(()), |_, d| (d.who, d.cap) = (ROOT, CapabilityId::ZERO)),
        ("at the epoch's own clock", Ok(()), |_, d| d.hlc = at(0)),
        ("before its epoch", Err(ControlError::Clock), |_, d| d.hlc = Hlc(at(0).0 - 1)),
        ("an epoch of nobody", Err(ControlError::Missing), |_, d| d.epoch = EntryId([9; 32])),
        ("the genesis as epoch", Err(ControlError::Missing), |w, d| d.epoch = w.entries[0].id()),
        ("a capability of nobody", Err(ControlError::Missing), |_, d| d.cap.0[0] ^= 1),
        ("no capability", Err(ControlError::NotAllowed), |_, d| d.cap = CapabilityId::ZERO),
        ("another's capability", Err(ControlError::NotAllowed), |w, d| d.cap = w.of_alice.id()),
        ("another author", Err(ControlError::NotAllowed), |_, d| d.who = BOBS_PHONE),
    ];
    for (what, expected, bend) in table {
        let world = World::new(Actions::ALL);
        let mut draft = world.draft(Kind::Version);
        bend(&world, &mut draft);
        assert_eq!(world.judge(&draft), expected, "{what}");
    }
    let world = World::new(Actions::ALL);
    let elsewhere = header(BucketId([9; 32]), &world.draft(Kind::Version));
    assert_eq!(world.control.judge(&elsewhere), Err(ControlError::Bucket));
}

#[test]
fn a_capability_counts_from_its_first_second_to_before_its_last() {
    let world = World::with(Target::Bucket, Actions::ALL, |claims| Claims {
        expires: START + 500,
        ..claims
    });
    let table = [
        (0, Ok(())),
        (499, Ok(())),
        (500, Err(ControlError::NotAllowed)),
        (9_999, Err(ControlError::NotAllowed)),
    ];
    for (secs, expected) in table {
        let draft = Draft { hlc: at(secs), ..world.draft(Kind::Version) };
        assert_eq!(world.judge(&draft), expected, "after {secs} s");
    }
    // The same for who would grant with it, rotate with it, or end the bucket with it.
    let late = Draft { hlc: at(500), ..world.draft(Kind::Revoke) };
    assert_eq!(world.clone().insert(&late, deactivate()), Err(ControlError::NotAllowed));
    let late = Draft { hlc: at(500), ..world.draft(Kind::Epoch) };
    let clear = next_epoch(2, &[world.epoch]);
    assert_eq!(world.clone().insert(&late, clear), Err(ControlError::NotAllowed));
}

#[test]
fn a_capability_for_one_document_writes_that_one() {
    let target = |bucket| Target::Document(bucket, DOCUMENT);
    let world = World::with(target, Actions::of(&[Action::Pull, Action::Write]), |claims| claims);
    let draft = world.draft(Kind::Version);
    assert_eq!(world.judge(&draft), Ok(()));
    let other = Draft { document: OTHER_DOCUMENT, ..draft };
    assert_eq!(world.judge(&other), Err(ControlError::NotAllowed));
    // Segments are about the whole bucket.
    assert_eq!(world.judge(&world.draft(Kind::Segment)), Err(ControlError::NotAllowed));
}

#[test]
fn who_got_the_key_of_a_document_did_not_get_the_epochs() {
    let mut world = World::new(Actions::ALL);
    let bob = world.for_bob(&[Action::Pull]);
    let mut claims = bob.claims().clone();
    claims.target = Target::Document(world.bucket, DOCUMENT);
    let part = Capability::issue(&claims, signer(ALICES_LAPTOP)).unwrap();
    let epoch = world.epoch;
    for (capability, let_in) in [(&part, 0), (&bob, 1)] {
        let Clear::Member(member) = carries(&[capability]) else { unreachable!() };
        let wrap = Some(Box::new([7; WRAP_LEN]));
        let clear = Clear::Member(Member { wrap, commitment: Some([1; 32]), ..member });
        world.insert(&world.draft(Kind::Member), clear).unwrap();
        assert_eq!(world.control.let_in_under(&epoch).count(), let_in);
    }
}

#[test]
fn a_control_entry_follows_what_is_here_and_not_later() {
    let mut world = World::new(Actions::ALL);
    let draft = world.draft(Kind::Epoch);
    let clear = || next_epoch(2, &[world.epoch]);
    let unknown = Draft { parents: vec![EntryId([9; 32])], ..draft.clone() };
    let early = Draft { hlc: Hlc(at(0).0 - 1), ..draft.clone() };
    let elsewhere = entry(BucketId([9; 32]), &draft, &clear());
    assert_eq!(world.clone().insert(&unknown, clear()), Err(ControlError::Missing));
    assert_eq!(world.clone().insert(&early, clear()), Err(ControlError::Clock));
    assert_eq!(world.clone().control.insert(&elsewhere), Err(ControlError::Bucket));
    let made = world.insert(&draft, clear()).unwrap();
    assert_eq!(world.control.heads(), [made]);
    assert_eq!(world.control.current_epochs(), [made]);
    // A renewal takes nobody out: what was sealed under the epoch before is as good as it was.
    assert!(!world.control.is_stale(&world.epoch) && !world.control.is_stale(&made));
}

#[test]
fn epochs_count_on_from_those_they_follow() {
    let unknown = EntryId([9; 32]);
    let table: [(&str, ControlError, u64, &[EntryId]); 2] = [
        ("a first epoch once more", ControlError::Form, 1, &[]),
        ("after one that is not here", ControlError::Missing, 2, &[unknown]),
    ];
    for (what, expected, n, prev) in table {
        let mut world = World::new(Actions::ALL);
        let draft = world.draft(Kind::Epoch);
        assert_eq!(world.insert(&draft, next_epoch(n, prev)), Err(expected), "{what}");
    }
    let mut world = World::new(Actions::ALL);
    let (first, draft) = (world.epoch, world.draft(Kind::Epoch));
    assert_eq!(world.insert(&draft, next_epoch(3, &[first])), Err(ControlError::Form));
    // Two devices rotate at once; the next one unites them.
    let left = world.insert(&draft, next_epoch(2, &[first])).unwrap();
    let draft = Draft { hlc: at(101), ..draft };
    let right = world.insert(&draft, next_epoch(2, &[first])).unwrap();
    assert_eq!(world.control.current_epochs().len(), 2);
    let draft = Draft { hlc: at(102), parents: world.control.heads(), ..draft };
    let early = Draft { hlc: at(100), ..draft.clone() };
    let clear = next_epoch(3, &[left, right]);
    assert_eq!(world.clone().insert(&early, clear.clone()), Err(ControlError::Clock));
    let both = world.insert(&draft, clear).unwrap();
    assert_eq!(world.control.current_epochs(), [both]);
}

#[test]
fn what_is_granted_comes_from_the_granters_own_chain() {
    let grant = Actions::of(&[Action::Pull, Action::Grant]);
    let pull = [Action::Pull];
    let mut world = World::new(grant);
    let draft = world.draft(Kind::Member);
    let before = world.state();

    // More than the granter has.
    let wide = world.for_bob(&[Action::Pull, Action::Write]);
    assert_eq!(world.insert(&draft, carries(&[&wide])), Err(ControlError::NotAllowed));
    // Signed by a key that is not in the granter's chain.
    let forged = Capability::issue(world.for_bob(&pull).claims(), signer(BOB)).unwrap();
    assert_eq!(world.insert(&draft, carries(&[&forged])), Err(ControlError::NotAllowed));
    // From a parent nobody has seen.
    let claims =
        Claims { parent: Some(CapabilityId([9; 32])), ..world.for_bob(&pull).claims().clone() };
    let orphan = Capability::issue(&claims, signer(ALICES_LAPTOP)).unwrap();
    assert_eq!(world.insert(&draft, carries(&[&orphan])), Err(ControlError::Missing));
    // No capability at all.
    let noise = Clear::Member(Member {
        capabilities: vec![vec![0xff; 9]],
        wrap: None,
        commitment: None,
        open: Vec::new(),
    });
    assert_eq!(world.insert(&draft, noise), Err(ControlError::Form));
    // A good one beside a bad one: neither stays.
    let good = world.for_bob(&pull);
    assert_eq!(world.insert(&draft, carries(&[&good, &wide])), Err(ControlError::NotAllowed));
    assert_eq!(world.state(), before);
    for refused in [&wide, &forged, &orphan, &good] {
        assert!(world.control.capability(&refused.id()).is_none());
    }

    world.insert(&draft, carries(&[&good])).unwrap();
    assert_eq!(world.control.members().len(), 2);
    // Bob's own entry enrols his phone with it; but Alice's key is not in *his* chain.
    let phone = Claims::new(Target::Bucket(world.bucket), Actions::PULL, START + 700_000, [4; 16])
        .for_holder(public(BOBS_PHONE), Some(tag(BOB)));
    let phone = good.attenuate(&phone).unwrap();
    let phone = Capability::issue(&phone, signer(BOB)).unwrap();
    let own = Draft { who: BOBS_PHONE, cap: phone.id(), ..world.draft(Kind::Member) };
    world.insert(&own, carries(&[&phone])).unwrap();
    let next = Draft { parents: world.control.heads(), ..own };
    let of_alice = world.for_bob(&[Action::Grant]);
    assert_eq!(world.insert(&next, carries(&[&of_alice])), Err(ControlError::NotAllowed));
}

#[test]
fn an_author_enrols_itself_and_nobody_else() {
    let world = World::new(Actions::of(&[Action::Pull, Action::Write]));
    let claims = Claims::new(Target::Bucket(world.bucket), Actions::PULL, START + 700_000, [5; 16])
        .for_holder(public(BOBS_PHONE), Some(tag(ALICE)));
    let claims = world.of_alice.attenuate(&claims).unwrap();
    let other = Capability::issue(&claims, signer(ALICE)).unwrap();
    // The laptop may not grant. It brings in a key of its own member, and nobody else's.
    let draft = world.draft(Kind::Member);
    assert!(world.clone().insert(&draft, carries(&[&other])).is_ok());
    let bob = world.for_bob(&[Action::Pull]);
    assert_eq!(world.clone().insert(&draft, carries(&[&bob])), Err(ControlError::NotAllowed));
    // Not in another's name either, whatever field 13 says.
    let draft = Draft { cap: other.id(), ..draft };
    assert_eq!(world.clone().insert(&draft, carries(&[&other])), Err(ControlError::NotAllowed));
    let own = Draft { who: BOBS_PHONE, cap: other.id(), ..world.draft(Kind::Member) };
    assert!(world.clone().insert(&own, carries(&[&other])).is_ok());
}

#[test]
fn a_deactivated_bucket_takes_nothing_written_from_then_on() {
    let mut world = World::new(Actions::ALL);
    let revoke = world.draft(Kind::Revoke);
    let unknown = Draft { epoch: EntryId([9; 32]), ..revoke.clone() };
    assert_eq!(world.insert(&unknown, deactivate()), Err(ControlError::Missing));
    world.insert(&revoke, deactivate()).unwrap();
    assert!(world.control.is_deactivated());
    for kind in KINDS.into_iter().filter(|kind| !kind.is_control()) {
        // Before it, whichever arrives first; a checkpoint says what was seen, and always may.
        let before = Draft { hlc: at(99), ..world.draft(kind) };
        assert_eq!(world.judge(&before), Ok(()), "{kind:?}");
        let checkpoint = kind == Kind::Checkpoint;
        let expected = if checkpoint { Ok(()) } else { Err(ControlError::Deactivated) };
        for secs in [100, 101] {
            let after = Draft { hlc: at(secs), ..world.draft(kind) };
            assert_eq!(world.judge(&after), expected, "{kind:?} at {secs}");
        }
    }
    let (epoch, member) = (world.draft(Kind::Epoch), world.draft(Kind::Member));
    let (first, bob) = (world.epoch, world.for_bob(&[Action::Pull]));
    // Kept, because others may have taken them in before they heard of it; and of no effect.
    let members = world.control.members();
    world.insert(&epoch, next_epoch(2, &[first])).unwrap();
    world.insert(&member, carries(&[&bob])).unwrap();
    assert_eq!((world.control.members(), world.control.current_epochs()), (members, vec![first]));
    // Not by the root key either.
    let root = Draft { who: ROOT, cap: CapabilityId::ZERO, ..world.draft(Kind::Version) };
    assert_eq!(world.judge(&root), Err(ControlError::Deactivated));
}

/// Whatever order five control entries arrive in, the state is that of the set.
#[test]
fn a_deactivation_counts_the_same_in_every_order_of_arrival() {
    let world = World::new(Actions::ALL);
    let at_time = |kind, secs| Draft { hlc: at(secs), ..world.draft(kind) };
    let first = world.epoch;
    let bob = world.for_bob(&[Action::Pull, Action::Write]);
    let carroll = {
        let claims = Claims::new(
            Target::Bucket(world.bucket),
            Actions::of(&[Action::Pull]),
            START + 700_000,
            [9; 16],
        )
        .for_holder(public(77), Some(tag(77)));
        let claims = world.of_laptop.attenuate(&claims).unwrap();
        Capability::issue(&claims, signer(ALICES_LAPTOP)).unwrap()
    };
    let entries: Vec<Verified<Entry>> = [
        (at_time(Kind::Revoke, 100), deactivate()),
        (at_time(Kind::Revoke, 140), deactivate()),
        (at_time(Kind::Member, 120), carries(&[&bob])),
        (at_time(Kind::Member, 90), carries(&[&carroll])),
        (at_time(Kind::Epoch, 130), next_epoch(2, &[first])),
    ]
    .iter()
    .map(|(draft, clear)| entry(world.bucket, draft, clear))
    .collect();
    let state = |order: &[usize]| {
        let mut control = world.control.clone();
        for at in order {
            control.insert(&entries[*at]).unwrap();
        }
        let epochs: Vec<_> = control.epochs().map(|(id, info)| (*id, info.clone())).collect();
        let judged = [99, 100, 121]
            .map(|secs| control.judge(&header(world.bucket, &at_time(Kind::Version, secs))));
        let (members, current) = (control.members(), control.current_epochs());
        (members, current, epochs, control.heads(), control.is_deactivated(), judged)
    };
    let expected = state(&[0, 1, 2, 3, 4]);
    assert!(expected.0.contains(&tag(77)) && !expected.0.contains(&tag(BOB)), "{expected:?}");
    assert_eq!(expected.1, [first]);
    let mut orders = 0;
    for code in 0..5_usize.pow(5) {
        let order: Vec<usize> = (0..5).map(|place| code / 5_usize.pow(place) % 5).collect();
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if sorted == [0, 1, 2, 3, 4] {
            assert_eq!(state(&order), expected, "{order:?}");
            orders += 1;
        }
    }
    assert_eq!(orders, 120);
}

/// Two devices of one person end the bucket while they are apart.
#[test]
fn a_bucket_deactivated_twice_is_the_same_in_both_orders() {
    let world = World::new(Actions::ALL);
    let early = world.draft(Kind::Revoke);
    let late = Draft { hlc: at(200), ..early.clone() };
    let states = [[&early, &late], [&late, &early]].map(|order| {
        let mut world = world.clone();
        for draft in order {
            world.insert(draft, deactivate()).unwrap();
        }
        let between = Draft { hlc: at(150), ..world.draft(Kind::Version) };
        assert_eq!(world.judge(&between), Err(ControlError::Deactivated));
        world.state()
    });
    assert_eq!(states[0], states[1]);
}

proptest! {
    /// Whatever order control entries arrive in, once each has found its predecessors.
    #[test]
    fn any_order_gives_the_same_state(
        order in Just((1..8_usize).collect::<Vec<_>>()).prop_shuffle()
    ) {
        let mut world = World::new(Actions::ALL);
        let first = world.epoch;
        let draft = world.draft(Kind::Epoch);
        let left = world.insert(&draft, next_epoch(2, &[first])).unwrap();
        let right = Draft { hlc: at(101), ..draft.clone() };
        let right = world.insert(&right, next_epoch(2, &[first])).unwrap();
        let bob = world.for_bob(&[Action::Pull]);
        let member = Draft { hlc: at(102), parents: draft.parents, ..world.draft(Kind::Member) };
        world.insert(&member, carries(&[&bob])).unwrap();
        let last = Draft { hlc: at(103), ..world.draft(Kind::Epoch) };
        world.insert(&last, next_epoch(3, &[left, right])).unwrap();

        let control = Control::new(&world.entries[0]).unwrap();
        let mut other = World { control, ..world.clone() };
        let mut waiting: Vec<_> = order.iter().map(|at| &world.entries[*at]).collect();
        while !waiting.is_empty() {
            let before = waiting.len();
            waiting.retain(|entry| match other.control.insert(entry) {
                Ok(()) => false,
                Err(ControlError::Missing) => true,
                Err(error) => panic!("{error}"),
            });
            prop_assert!(waiting.len() < before, "nothing moves");
        }
        prop_assert_eq!(other.state(), world.state());
    }
}
