//! Stories of drops: what somebody may put in who may do nothing else, and what a card is worth.

use strongroom_wire::capability::{
    Action, Actions, Capability, CapabilityChain, Caveats, Claims, Target,
};
use strongroom_wire::chain::Verified;
use strongroom_wire::clear::{
    Clear, KEM_ENC_LEN, KEM_PUBLIC_LEN, Message, References, Revoke, RevokeTarget,
};
use strongroom_wire::control::{ControlError, DROP_ACTIONS};
use strongroom_wire::drop_card::{DropCard, DropCardError, check};
use strongroom_wire::entry::{Entry, Header, Kind};
use strongroom_wire::ids::{BucketId, CapabilityId, DocumentTag, EntryId};
use strongroom_wire::limits::DROP_CARD_AGE_MAX_SECS;

use crate::chains::{public, signer, tag};
use crate::control_world::{
    ALICE, ALICES_LAPTOP, BOB, Draft, START, World, at, author, carries, entry,
};

/// The drop's key, and the authors of messages.
const DROP: u8 = 30;
const SENDER: u8 = 31;
const OTHER_SENDER: u8 = 32;

/// A bucket of Alice with a drop in it.
struct Story {
    world: World,
    of_drop: Capability,
    made: EntryId,
}

fn drop_claims(world: &World, caveats: Caveats) -> Claims {
    Claims::new(Target::Bucket(world.bucket), DROP_ACTIONS, START + 700_000, [40; 16])
        .for_holder(public(DROP), Some(tag(DROP)))
        .with_caveats(caveats)
        .with_depth(1)
}

impl Story {
    fn new() -> Self {
        let mut world = World::new(Actions::ALL);
        let caveats = Caveats { quota_bytes: Some(1_000), ..Caveats::NONE };
        let claims = world.of_alice.attenuate(&drop_claims(&world, caveats)).unwrap();
        let of_drop = Capability::issue(&claims, signer(ALICE)).unwrap();
        let draft = Draft { hlc: at(50), ..world.draft(Kind::Member) };
        let made = world.insert(&draft, carries(&[&of_drop])).unwrap();
        Self { world, of_drop, made }
    }

    /// What the drop's key gives to an author.
    fn gives(&self, who: u8, change: impl FnOnce(Claims) -> Claims) -> Capability {
        let caveats = self.of_drop.claims().caveats;
        let claims =
            Claims::new(Target::Bucket(self.world.bucket), DROP_ACTIONS, START + 700_000, [41; 16])
                .for_holder(public(who), Some(tag(DROP)))
                .with_caveats(caveats);
        let claims = Claims { parent: Some(self.of_drop.id()), ..change(claims) };
        Capability::issue(&claims, signer(DROP)).unwrap()
    }

    fn message(
        &self,
        who: u8,
        capability: &Capability,
        change: impl FnOnce(&mut Draft),
    ) -> Verified<Entry> {
        let mut draft = Draft {
            kind: Kind::Message,
            who,
            cap: capability.id(),
            hlc: at(100),
            parents: vec![],
            document: DocumentTag([9; 16]),
            epoch: self.world.epoch,
            seq: Some(0),
        };
        change(&mut draft);
        let clear = Clear::Message(Message {
            enc: Box::new([1; KEM_ENC_LEN]),
            drop: self.made,
            capability: capability.bytes().to_vec(),
            references: References::NONE,
        });
        entry(self.world.bucket, &draft, &clear)
    }

    fn good(&self) -> Verified<Entry> {
        self.message(SENDER, &self.gives(SENDER, |claims| claims), |_| ())
    }

    fn close(&mut self, cutoffs: Vec<(u8, EntryId)>) {
        let cutoffs = cutoffs.into_iter().map(|(who, id)| (author(who), 0, id)).collect();
        let targets = vec![RevokeTarget::Capability(self.of_drop.id())];
        let draft = Draft { hlc: at(200), ..self.world.draft(Kind::Revoke) };
        self.world.insert(&draft, Clear::Revoke(Revoke { targets, cutoffs })).unwrap();
    }
}

#[test]
fn whoever_has_the_drop_may_put_a_message_in_and_nothing_else() {
    let mut story = Story::new();
    assert_eq!(story.world.control.judge_entry(&story.good()), Ok(()));
    let sender = story.gives(SENDER, |claims| claims);
    for kind in [Kind::Version, Kind::Checkpoint, Kind::Tombstone, Kind::Purge] {
        let by_sender = Draft { who: SENDER, cap: sender.id(), ..story.world.draft(kind) };
        assert_eq!(story.world.judge(&by_sender), Err(ControlError::Missing), "{kind:?}");
        let by_drop = Draft { who: DROP, cap: story.of_drop.id(), ..story.world.draft(kind) };
        assert_eq!(story.world.judge(&by_drop), Err(ControlError::NotAllowed), "{kind:?}");
    }
    // Nor does it bring in authors or members, or take anybody out, itself included.
    let enrols = Draft { who: SENDER, cap: sender.id(), ..story.world.draft(Kind::Member) };
    let refused = story.world.insert(&enrols, carries(&[&sender]));
    assert_eq!(refused, Err(ControlError::NotAllowed));
    let revokes = Draft { who: DROP, cap: story.of_drop.id(), ..story.world.draft(Kind::Revoke) };
    let own = Revoke { targets: vec![RevokeTarget::Member(tag(DROP))], cutoffs: vec![] };
    assert_eq!(story.world.insert(&revokes, Clear::Revoke(own)), Err(ControlError::NotAllowed));
}

#[test]
fn a_drop_is_listed_and_is_no_member() {
    let story = Story::new();
    let drops = story.world.control.drops();
    assert_eq!(drops.len(), 1);
    assert_eq!((drops[0].entry, drops[0].capability), (story.made, story.of_drop.id()));
    assert_eq!(drops[0].caveats.quota_bytes, Some(1_000));
    assert!(!story.world.control.members().contains(&tag(DROP)));
    assert!(story.world.control.members().contains(&tag(ALICE)));
}

/// Every row starts from the good message and changes one thing.
#[test]
fn a_message_is_judged_by_its_own_chain() {
    let story = Story::new();
    let judge = |entry: &Verified<Entry>| story.world.control.judge_entry(entry);
    let given = story.gives(SENDER, |claims| claims);
    let bend = |change: fn(&mut Draft)| story.message(SENDER, &given, change);
    assert_eq!(judge(&bend(|_| ())), Ok(()));
    assert_eq!(judge(&bend(|it| it.seq = Some(1))), Err(ControlError::NotAllowed), "one only");
    assert_eq!(judge(&bend(|it| it.who = OTHER_SENDER)), Err(ControlError::NotAllowed));
    assert_eq!(judge(&bend(|it| it.cap = CapabilityId([7; 32]))), Err(ControlError::NotAllowed));
    assert_eq!(judge(&bend(|it| it.epoch = EntryId([7; 32]))), Err(ControlError::Missing));
    assert_eq!(judge(&bend(|it| it.hlc = at(49))), Err(ControlError::Clock), "before the drop");
    assert_eq!(judge(&bend(|it| it.hlc = at(700_001))), Err(ControlError::NotAllowed), "too late");
    // The drop's own key writes nothing: a revoke names its capability.
    let by_drop = story.message(DROP, &story.of_drop, |_| ());
    assert_eq!(judge(&by_drop), Err(ControlError::NotAllowed));
    // Nothing is widened on the way down.
    let wider = [Action::Pull, Action::Append];
    let bent: [(&str, Capability); 4] = [
        ("actions", story.gives(SENDER, |it| Claims { actions: Actions::of(&wider), ..it })),
        ("quota", story.gives(SENDER, |it| Claims { caveats: Caveats::NONE, ..it })),
        ("end", story.gives(SENDER, |it| Claims { expires: START + 700_001, ..it })),
        ("depth", story.gives(SENDER, |it| Claims { depth: 1, ..it })),
    ];
    for (what, given) in bent {
        let message = story.message(SENDER, &given, |_| ());
        assert_eq!(judge(&message), Err(ControlError::NotAllowed), "{what}");
    }
    // A member's key cannot give straight to an author of messages, and pass the drop by.
    let claims = Claims::new(Target::Bucket(story.world.bucket), DROP_ACTIONS, START + 1, [42; 16])
        .for_holder(public(SENDER), Some(tag(ALICE)));
    let claims = story.world.of_alice.attenuate(&Claims { expires: START + 600_000, ..claims });
    let straight = Capability::issue(&claims.unwrap(), signer(ALICE)).unwrap();
    let message = story.message(SENDER, &straight, |_| ());
    assert_eq!(judge(&message), Err(ControlError::NotAllowed));
}

#[test]
fn a_closed_drop_takes_nothing_and_keeps_what_its_revoke_names() {
    let mut story = Story::new();
    let (kept, lost) =
        (story.good(), story.message(OTHER_SENDER, &story.gives(OTHER_SENDER, |it| it), |_| ()));
    story.close(vec![(SENDER, kept.id())]);
    assert_eq!(story.world.control.judge_entry(&kept), Ok(()));
    // Back-dated to before the revoke or not: it counts for nothing.
    assert_eq!(story.world.control.judge_entry(&lost), Err(ControlError::Stopped));
    assert!(story.world.control.drops().is_empty());
}

#[test]
fn who_may_not_let_in_makes_no_drop() {
    let mut world = World::new(Actions::of(&[Action::Pull, Action::Append, Action::Write]));
    let claims = world.of_laptop.attenuate(&drop_claims(&world, Caveats::NONE)).unwrap();
    let of_drop = Capability::issue(&claims, signer(ALICES_LAPTOP)).unwrap();
    let draft = world.draft(Kind::Member);
    assert_eq!(world.insert(&draft, carries(&[&of_drop])), Err(ControlError::NotAllowed));
}

/// A card for this world, by the laptop.
pub fn card_of(world: &World, change: impl FnOnce(&mut DropCard)) -> Vec<u8> {
    let mut card = DropCard {
        bucket: world.bucket,
        epoch: world.epoch,
        hlc: at(0),
        key: Box::new([5; KEM_PUBLIC_LEN]),
        expires: START + 50_000,
    };
    change(&mut card);
    let chain = vec![world.of_alice.clone(), world.of_laptop.clone()];
    let chain = CapabilityChain::new(chain).unwrap();
    card.issue(&world.entries[0], &chain, signer(ALICES_LAPTOP))
}

#[test]
fn a52_a_card_is_believed_only_back_to_the_bucket_id_and_while_it_holds() {
    let world = World::new(Actions::ALL);
    let now = START + 1_000;
    let good = card_of(&world, |_| ());
    let checked = check(&good, world.bucket, now).unwrap();
    assert_eq!((checked.card.epoch, checked.card.expires), (world.epoch, START + 50_000));
    assert!(good.len() < 3_000, "{} B", good.len());

    let other = World::with(Target::Bucket, Actions::ALL, |it| it);
    let elsewhere = BucketId([7; 32]);
    assert_eq!(check(&good, elsewhere, now), Err(DropCardError::Bucket));
    let about_another = card_of(&other, |card| card.bucket = elsewhere);
    assert_eq!(check(&about_another, world.bucket, now), Err(DropCardError::Bucket));
    assert_eq!(check(&good, world.bucket, START + 50_000), Err(DropCardError::Expired));
    let long = card_of(&world, |card| card.expires = now + DROP_CARD_AGE_MAX_SECS + 1);
    assert_eq!(check(&long, world.bucket, now), Err(DropCardError::TooLong));

    // Another key under the same signature.
    let mut swapped = good.clone();
    let at_key = swapped.windows(64).position(|bytes| bytes == [5; 64]).unwrap();
    swapped[at_key] ^= 1;
    assert_eq!(check(&swapped, world.bucket, now), Err(DropCardError::Signer));
    // Signed by a key that stands in no chain, and by one that may not make epochs.
    let chain = vec![world.of_alice.clone(), world.of_laptop.clone()];
    let chain = CapabilityChain::new(chain).unwrap();
    let forged = checked.card.issue(&world.entries[0], &chain, signer(BOB));
    assert_eq!(check(&forged, world.bucket, now), Err(DropCardError::Signer));
    let writer = World::new(Actions::of(&[Action::Pull, Action::Write]));
    let by_writer = card_of(&writer, |_| ());
    assert_eq!(check(&by_writer, writer.bucket, now), Err(DropCardError::Signer));
}

/// Whoever makes up a bucket of his own does not get its id to be another's.
#[test]
fn a_card_with_another_genesis_is_refused() {
    let world = World::new(Actions::ALL);
    let genesis = &world.entries[0];
    let bent = Header { hlc: at(1), ..genesis.header().clone() };
    let bent = Entry::assemble(bent, genesis.clear().to_vec(), vec![]);
    let chain = CapabilityChain::new(vec![world.of_alice.clone(), world.of_laptop.clone()]);
    let card = check(&card_of(&world, |_| ()), world.bucket, START + 1).unwrap().card;
    let bytes = card.issue(&bent, &chain.unwrap(), signer(ALICES_LAPTOP));
    assert_eq!(check(&bytes, world.bucket, START + 1), Err(DropCardError::Bucket));
}
