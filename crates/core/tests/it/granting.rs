//! Stories of letting people in: what the new member gets, and what the granter cannot do.

use strongroom_core::card::Card;
use strongroom_core::founding::{Accepts, Enrolled, Enrolment, enrol};
use strongroom_core::granting::{
    Grantee, Granter, Invited, Rights, invite, succeed, take, take_out,
};
use strongroom_core::joining::{doubtful, member_facts, open_granted};
use strongroom_core::keyring::Keyring;
use strongroom_core::rotation::{Choice, Limits, Use, choose, current};
use strongroom_core::writer::{ChainPosition, seal_transaction};
use strongroom_seal::identity::{DeviceSigningKey, MemberSigningKey};
use strongroom_seal::rng::DangerSeeded;
use strongroom_wire::capability::{Action, CapabilityChain};
use strongroom_wire::chain::Verified;
use strongroom_wire::clear::RevokeTarget;
use strongroom_wire::control::{Control, ControlError};
use strongroom_wire::entry::{Entry, Hlc};
use strongroom_wire::ids::{EntryId, MemberTag};
use strongroom_wire::limits::CHAIN_LEN_MAX;

use crate::alices::{Home, NOW, Person};
use crate::people::Diary;

/// Somebody with a key log that names device 11, whose device this is or is not.
pub struct Bob {
    pub person: Person,
    card: Vec<u8>,
}

impl Bob {
    pub fn with_device(number: u8) -> Self {
        let diary = Diary::of_alice();
        let principal = diary.log().principal();
        let mut person = Person::new(principal, 77);
        person.device = DeviceSigningKey::from_secret_bytes(&[number; 32]);
        let card = Card { name: None, genesis: diary.genesis, events: diary.events, inbox: None };
        Self { person, card: card.encode() }
    }

    pub fn tag(&self, home: &Home) -> MemberTag {
        home.founded.name_key.member_tag(self.person.principal)
    }
}

fn invited(home: &Home, bob: &Bob, rights: Rights) -> (Invited, Verified<Entry>) {
    invited_as(home, bob, rights, None, false)
}

/// Until when, in seconds since 1970; and whether from now on.
pub fn invited_as(
    home: &Home,
    bob: &Bob,
    rights: Rights,
    until: Option<u64>,
    from_now: bool,
) -> (Invited, Verified<Entry>) {
    let mut rng = DangerSeeded::new(40);
    let granter = Granter {
        bucket: home.founded.bucket,
        member: &home.founded.member,
        chain: &home.founded.member_chain,
        names: &home.founded.name_key,
        epoch: (&home.founded.epoch_key, 1),
        suite: strongroom_seal::suite::Suite::DEFAULT,
        heads: &home.control().heads(),
    };
    let (principal, agree) = (bob.person.principal, &bob.person.agree_public);
    let from = NOW / 1_000;
    let grantee = Grantee { principal, agree, rights, until, from, from_now };
    let invited = invite(&granter, &grantee, &mut rng).unwrap();
    let plan = [invited.planned.clone()];
    let position = home.founded.position;
    let sealed =
        seal_transaction(&home.author(), &home.under(), &plan, position, NOW, &mut rng).unwrap();
    (invited, sealed.0[0].clone())
}

/// Whoever has the invite key takes it with this device.
pub fn accepted(
    home: &Home,
    bob: &Bob,
    invited: &Invited,
    control: &Control,
    seed: u64,
) -> Enrolled {
    let mut rng = DangerSeeded::new(seed);
    let (member, chain) = take(&invited.key, &invited.chain, &mut rng).unwrap();
    let founder = bob.person.founder();
    let enrolment = Enrolment {
        founder: &founder,
        instance: seed as u32,
        member: &member,
        chain: &chain,
        tag: bob.tag(home),
        heads: &control.heads(),
        clock: control.hlc(),
        accepts: Some(Accepts { card: bob.card.clone() }),
    };
    enrol(&enrolment, &home.under(), &mut rng).unwrap()
}

#[test]
fn who_is_let_in_opens_the_bucket_and_counts_once_he_has_accepted() {
    let (home, bob) = (Home::new(1), Bob::with_device(11));
    let (invited, entry) = invited(&home, &bob, Rights::Write);
    let mut control = home.control();
    control.insert(&entry).unwrap();
    let mut keyring = Keyring::new(home.founded.bucket);
    keyring.born(&home.founded.entries[0]).unwrap();
    let log: Vec<_> = home.founded.entries.iter().chain([&entry]).cloned().collect();
    open_granted(&mut keyring, &log, &bob.person.agree, &invited.tag_key);
    let key = keyring.epoch(&home.founded.epoch).expect("his wrap stands in the member entry");
    assert_eq!(key.to_secret_bytes(), home.founded.epoch_key.to_secret_bytes());
    // Nobody else finds or opens anything in it.
    let mut others = Keyring::new(home.founded.bucket);
    others.born(&home.founded.entries[0]).unwrap();
    open_granted(&mut others, &log, &home.alice.agree, &invited.tag_key);
    assert!(!others.has(&home.founded.epoch));

    let enrolled = accepted(&home, &bob, &invited, &control, 1);
    control.insert(&enrolled.entry).unwrap();
    assert!(control.members().contains(&bob.tag(&home)));
    let facts = member_facts(&keyring, &home.founded.name_key, &enrolled.entry).unwrap();
    assert_eq!(facts.body.principal, bob.person.principal);
    let claims = enrolled.capability.claims();
    assert!(claims.actions.contains(Action::Write) && !claims.actions.contains(Action::Grant));
}

#[test]
fn a46_a_granter_who_takes_his_own_invitation_is_not_believed() {
    let (home, bob) = (Home::new(2), Bob::with_device(11));
    let (invited, entry) = invited(&home, &bob, Rights::Admin);
    let mut control = home.control();
    control.insert(&entry).unwrap();
    // He has Bob's card, as everybody may; a device of Bob's he has not.
    let false_bob = Bob { person: Bob::with_device(12).person, card: bob.card.clone() };
    let taken = accepted(&home, &false_bob, &invited, &control, 1);
    control.insert(&taken.entry).unwrap();
    assert!(member_facts(&home.keyring(), &home.founded.name_key, &taken.entry).is_err());
    // Who is blind sees one acceptance and honours it; members do not.
    let mut members = control.clone();
    for id in doubtful(&home.keyring(), &home.founded.name_key, [&entry, &taken.entry]) {
        assert_eq!(id, taken.entry.id());
        members.doubt(&id);
    }
    assert!(control.counts(&taken.entry.id()) && !members.counts(&taken.entry.id()));

    // Bob's own comes second: the blind honour neither until somebody stops one, members his.
    let own = accepted(&home, &bob, &invited, &control, 2);
    for log in [&mut control, &mut members] {
        log.insert(&own.entry).unwrap();
    }
    assert!(!control.counts(&own.entry.id()) && !control.counts(&taken.entry.id()));
    assert!(members.counts(&own.entry.id()) && !members.counts(&taken.entry.id()));
}

#[test]
fn taking_somebody_out_stops_his_authors_where_they_were_seen_last() {
    let (home, bob) = (Home::new(3), Bob::with_device(11));
    let (invited, entry) = invited(&home, &bob, Rights::Write);
    let mut control = home.control();
    control.insert(&entry).unwrap();
    let enrolled = accepted(&home, &bob, &invited, &control, 1);
    control.insert(&enrolled.entry).unwrap();
    let author = enrolled.entry.header().author;
    let end = (author, 0, enrolled.entry.id());
    let plan = [take_out(
        vec![RevokeTarget::Member(bob.tag(&home))],
        vec![end],
        &control.heads(),
        "taken out",
    )];
    let mut rng = DangerSeeded::new(50);
    let position = ChainPosition { next_seq: 2, prev: entry.id(), clock: control.hlc() };
    let sealed =
        seal_transaction(&home.author(), &home.under(), &plan, position, NOW, &mut rng).unwrap();
    control.insert(&sealed.0[0]).unwrap();
    assert!(!control.members().contains(&bob.tag(&home)));
    assert!(control.counts(&enrolled.entry.id()), "that he came in stays true");

    // What he dates back to before it stands past his cutoff all the same.
    let mut late = enrolled.entry.header().clone();
    (late.kind, late.seq, late.prev) =
        (strongroom_wire::entry::Kind::Version, 1, enrolled.entry.id());
    late.document = strongroom_wire::ids::DocumentTag([1; 16]);
    late.parents.clear();
    assert_eq!(control.judge(&late), Err(ControlError::Stopped));
}

/// A second device of Alice's, as it makes itself an author with a member key.
fn second(
    home: &Home,
    number: u64,
    member: &MemberSigningKey,
    chain: &CapabilityChain,
    heads: &[EntryId],
    clock: Hlc,
) -> Enrolled {
    let device = Person::new(home.alice.principal, number);
    let enrolment = Enrolment {
        founder: &device.founder(),
        instance: 0,
        member,
        chain,
        tag: home.tag(),
        heads,
        clock,
        accepts: None,
    };
    enrol(&enrolment, &home.under(), &mut DangerSeeded::new(number)).unwrap()
}

#[test]
fn a_lost_devices_key_gives_nothing_any_more_once_another_follows_it() {
    let home = Home::new(4);
    let mut control = home.control();
    let (member, chain) = (&home.founded.member, &home.founded.member_chain);
    let lost = second(&home, 90, member, chain, &control.heads(), control.hlc());
    control.insert(&lost.entry).unwrap();

    // The other device makes the next key, then closes the old one and stops the lost author.
    let mut rng = DangerSeeded::new(60);
    let me = (home.alice.principal, None);
    let next = succeed(member, chain, me, &control.heads(), &mut rng).unwrap();
    let old = member.public();
    let position = home.founded.position;
    let plan = [next.planned.clone()];
    let (made, position) =
        seal_transaction(&home.author(), &home.under(), &plan, position, NOW, &mut rng).unwrap();
    control.insert(&made[0]).unwrap();
    assert!(member_facts(&home.keyring(), &home.founded.name_key, &made[0]).is_ok());
    let before = control.clone();
    let author = lost.entry.header().author;
    let targets = vec![RevokeTarget::Author(author), RevokeTarget::MemberKey(old)];
    let cutoff = (author, 0, lost.entry.id());
    let plan = [take_out(targets, vec![cutoff], &control.heads(), "a device was taken out")];
    let (closed, _) =
        seal_transaction(&home.author(), &home.under(), &plan, position, NOW, &mut rng).unwrap();
    control.insert(&closed[0]).unwrap();
    assert!(control.counts(&closed[0].id()) && control.members().contains(&home.tag()));
    assert!(control.is_named(&RevokeTarget::Author(author)));

    // What the thief makes with the old key counts for nothing, whatever he says he had seen.
    for heads in [before.heads(), control.heads()] {
        let thief = second(&home, 91, member, chain, &heads, control.hlc());
        let mut with_thief = control.clone();
        with_thief.insert(&thief.entry).unwrap();
        assert!(!with_thief.counts(&thief.entry.id()));
        let again = succeed(member, chain, (home.alice.principal, None), &heads, &mut rng);
        assert!(again.is_ok(), "he can sign it, and that is all");
    }
    let late = second(&home, 92, &next.key, &next.chain, &control.heads(), control.hlc());
    control.insert(&late.entry).unwrap();
    assert!(control.counts(&late.entry.id()), "who has the new key is let in");
    assert!(control.counts(&lost.entry.id()), "what was before stays true");

    // The epoch from before is due: what it was wrapped to is the lost device's, too.
    let epochs: Vec<_> = home.founded.entries[1..2].to_vec();
    let at = NOW / 1_000;
    let now = current(&control, &home.keyring(), &home.founded.name_key, &epochs, at);
    assert!(now[0].fresh && now[0].due);
    let then = current(&before, &home.keyring(), &home.founded.name_key, &epochs, at);
    assert!(then[0].fresh && !then[0].due);
    let used = Use { entries: 1, now: NOW };
    let limits = Limits::default();
    assert_eq!(choose(&then, used, &limits, true), Ok(Choice::Write(home.founded.epoch)));
    assert_eq!(choose(&now, used, &limits, true), Ok(Choice::Renew(vec![home.founded.epoch])));
    assert_eq!(choose(&now, used, &limits, false), Ok(Choice::Write(home.founded.epoch)));
}

#[test]
fn a_chain_takes_so_many_keys_and_no_more() {
    let home = Home::new(5);
    let mut rng = DangerSeeded::new(61);
    let mut chain = home.founded.member_chain.clone();
    let mut member = MemberSigningKey::from_secret_bytes(&home.founded.member.to_secret_bytes());
    let mut keys = 1;
    while let Ok(next) = succeed(&member, &chain, (home.alice.principal, None), &[], &mut rng) {
        (member, chain) = (next.key, next.chain);
        keys += 1;
    }
    assert_eq!(keys, CHAIN_LEN_MAX, "the last of them can make no author");
}
