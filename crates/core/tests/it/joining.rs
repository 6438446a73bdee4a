//! Stories of coming back to a bucket: what opens, and who is not believed.

use strongroom_core::joining::{epoch_body, epoch_key, member_facts, open_epochs};
use strongroom_core::keyring::EntryOpenError;
use strongroom_core::parts::{DeviceProof, MemberBody};
use strongroom_core::writer::{ChainPosition, Planned, seal_transaction};
use strongroom_seal::aead::OpenError;
use strongroom_seal::identity::device_proof;
use strongroom_seal::keys::{EpochKey, TagKey};
use strongroom_seal::rng::{DangerSeeded, Rng};
use strongroom_wire::capability::{Capability, Claims};
use strongroom_wire::chain::Verified;
use strongroom_wire::clear::{Clear, Member};
use strongroom_wire::entry::{Entry, Kind};
use strongroom_wire::ids::{DocumentTag, EntryId, MemberTag, PublicKey};

use crate::alices::{ALICE, BOB, Forged, Home, NOW, Person, again, no_wraps};

const REFUSED: EntryOpenError = EntryOpenError::Open(OpenError);

#[test]
fn the_agree_key_opens_the_first_epoch_and_all_that_it_says() {
    let home = Home::new(1);
    let [_, epoch, root_entry, own_entry] = &home.founded.entries[..] else { panic!() };
    // With the tag key the wrap is found at once, without it all are tried.
    for tag_key in [Some(&home.founded.tag_key), None] {
        let key = epoch_key(epoch, &home.alice.agree, tag_key).unwrap();
        assert_eq!(key.to_secret_bytes(), home.founded.epoch_key.to_secret_bytes());
    }
    let keyring = home.keyring();
    let body = epoch_body(&keyring, epoch).unwrap();
    assert_eq!(body.recipients, [home.tag()]);
    assert_eq!(body.name_key.to_secret_bytes(), home.founded.name_key.to_secret_bytes());
    for (entry, enrols) in [(root_entry, false), (own_entry, true)] {
        let facts = member_facts(&keyring, &body.name_key, entry).unwrap();
        assert_eq!(facts.body.principal, ALICE);
        assert_eq!(facts.body.proof.is_some(), enrols);
        assert_eq!(facts.body.tag_key.is_some(), !enrols);
    }
}

#[test]
fn another_persons_keys_open_nothing() {
    let home = Home::new(2);
    let bob = Person::new(BOB, 9);
    let epoch = &home.founded.entries[1];
    let wrong_tag = TagKey::generate(&mut DangerSeeded::new(5));
    assert!(epoch_key(epoch, &bob.agree, None).is_err());
    assert!(epoch_key(epoch, &bob.agree, Some(&home.founded.tag_key)).is_err());
    // A tag only says where to look first: with a wrong one the right key still opens.
    assert!(epoch_key(epoch, &home.alice.agree, Some(&wrong_tag)).is_ok());
}

/// What a member entry says, where a test departs from the truth.
struct Said {
    principal: strongroom_wire::ids::PrincipalId,
    tag: MemberTag,
    proof: Option<DeviceProof>,
}

/// A member entry that enrols Alice's author, signed and chained as it should be.
fn member_entry(home: &Home, said: &Said) -> Verified<Entry> {
    let parent = home.founded.member_chain.last().unwrap();
    let above = parent.claims();
    let claims = Claims::new(above.target, above.actions, above.expires, [5; 16])
        .for_holder(home.key.public(), Some(said.tag));
    let claims = parent.attenuate(&claims).unwrap();
    let capability = Capability::issue(&claims, |it| home.founded.member.sign(it)).unwrap();
    let clear = Member {
        capabilities: vec![capability.bytes().to_vec()],
        wrap: None,
        commitment: None,
        open: Vec::new(),
    };
    let body = MemberBody {
        principal: said.principal,
        proof: said.proof.clone(),
        tag_key: None,
        rights: "device".to_owned(),
        from_now: false,
        card: None,
        link: None,
    };
    let plan = Planned {
        document: DocumentTag::ZERO,
        kind: Kind::Member,
        parents: vec![home.founded.entries[3].id()],
        generation: 0,
        clear: Clear::Member(clear).encode(),
        plain: body.encode().to_vec(),
    };
    let author = strongroom_core::writer::Author { capability: capability.id(), ..home.author() };
    let mut rng = home.rng.clone();
    let start = ChainPosition::default();
    let (entries, _) =
        seal_transaction(&author, &home.under(), &[plan], start, NOW, &mut rng).unwrap();
    entries.into_iter().next().unwrap()
}

fn proof_of(person: &Person, home: &Home, instance: u32) -> DeviceProof {
    let signature = device_proof(&person.device, home.founded.bucket, home.key.author(), instance);
    DeviceProof { device: person.device.public(), instance, signature }
}

#[test]
fn a_member_entry_is_believed_only_with_its_own_tag_and_its_devices_proof() {
    let home = Home::new(3);
    let other = Home::new(30);
    let bob = Person::new(BOB, 9);
    let right = proof_of(&home.alice, &home, 0);
    let elsewhere = device_proof(&home.alice.device, other.founded.bucket, home.key.author(), 0);
    let alice = home.tag();
    let table = [
        ("as it should be", true, ALICE, alice, Some(right.clone())),
        ("A53: Bob under Alice's tag", false, BOB, alice, Some(right.clone())),
        ("A53: Alice under a tag of nobody", false, ALICE, MemberTag([9; 16]), Some(right.clone())),
        ("A16: no proof at all", false, ALICE, alice, None),
        (
            "A16: the signature is by another device",
            false,
            ALICE,
            alice,
            Some(DeviceProof { device: bob.device.public(), ..right.clone() }),
        ),
        (
            "A16: proven for another instance",
            false,
            ALICE,
            alice,
            Some(DeviceProof { instance: 1, ..right.clone() }),
        ),
        (
            "A16: proven for another bucket",
            false,
            ALICE,
            alice,
            Some(DeviceProof { signature: elsewhere, ..right.clone() }),
        ),
        (
            "A16: no device at all",
            false,
            ALICE,
            alice,
            Some(DeviceProof { device: PublicKey([0; 32]), ..right }),
        ),
    ];
    for (what, good, principal, tag, proof) in table {
        let entry = member_entry(&home, &Said { principal, tag, proof });
        let facts = member_facts(&home.keyring(), &home.founded.name_key, &entry);
        match facts {
            Ok(_) => assert!(good, "{what}: believed"),
            Err(error) => assert_eq!((good, error), (false, REFUSED), "{what}"),
        }
    }
}

/// A later epoch by the root key, of which nobody has a wrap.
fn next_epoch(home: &Home, key: &EpochKey, n: u64, before: &[(EntryId, &EpochKey)]) -> Entry {
    Forged { n, ..Forged::after(home, key, before) }.entry(home)
}

#[test]
fn the_newest_epoch_leads_back_to_all_before_it() {
    let home = Home::new(4);
    let mut rng = DangerSeeded::new(4);
    let first = &home.founded.entries[1];
    // Two devices made a second epoch at the same time; the third names both.
    let keys: Vec<_> = (0..3).map(|_| EpochKey::generate(&mut rng)).collect();
    let old = (first.id(), &home.founded.epoch_key);
    let left = next_epoch(&home, &keys[0], 2, &[old]);
    let right = next_epoch(&home, &keys[1], 2, &[old]);
    let both = [(left.id(), &keys[0]), (right.id(), &keys[1])];
    let last = next_epoch(&home, &keys[2], 3, &both);
    let newest = last.id();
    let mut epochs: Vec<_> =
        [left, right, last].into_iter().map(Verified::danger_made_here).collect();
    epochs.push(first.clone());
    rng.shuffle(&mut epochs);

    let stranger = Person::new(BOB, 9);
    let mut keyring = home.empty_keyring();
    keyring.add(newest, again(&keys[2]));
    open_epochs(&mut keyring, &epochs, &stranger.agree, None);
    assert_eq!(keyring.iter().count(), 4);
    let found = keyring.epoch(&first.id()).unwrap();
    assert_eq!(found.to_secret_bytes(), home.founded.epoch_key.to_secret_bytes());

    // A member of an earlier epoch finds nothing later.
    let mut early = home.keyring();
    open_epochs(&mut early, &epochs, &stranger.agree, None);
    assert_eq!(early.iter().count(), 1);
}

#[test]
fn a_thousand_epochs_are_opened_with_one_wrap() {
    let home = Home::new(7);
    let mut rng = DangerSeeded::new(7);
    let first = home.founded.entries[1].clone();
    let (mut id, mut key) = (first.id(), again(&home.founded.epoch_key));
    let mut epochs = vec![first];
    for n in 2..=1_000 {
        let next = EpochKey::generate(&mut rng);
        let forged = Forged { n, ..Forged::after(&home, &next, &[(id, &key)]) };
        // Only the newest has a wrap that opens.
        let wraps = if n == 1_000 { forged.wrapped(&home, &home.alice.agree_public) } else { None };
        let entry = Forged { wraps: wraps.unwrap_or_else(no_wraps), ..forged }.entry(&home);
        (id, key) = (entry.id(), next);
        epochs.push(Verified::danger_made_here(entry));
    }
    epochs.remove(0);
    epochs.push(home.founded.entries[1].clone());
    let mut keyring = home.empty_keyring();
    open_epochs(&mut keyring, &epochs, &home.alice.agree, Some(&home.founded.tag_key));
    assert_eq!(keyring.iter().count(), 1_000);
}

#[test]
fn a38_a_back_slot_with_another_key_is_passed_over() {
    let home = Home::new(5);
    let mut rng = DangerSeeded::new(5);
    let (wrong, new) = (EpochKey::generate(&mut rng), EpochKey::generate(&mut rng));
    let first = home.founded.entries[1].clone();
    // It seals a key that is not the one the first epoch is committed to.
    let poisoned = next_epoch(&home, &new, 2, &[(first.id(), &wrong)]);
    let epochs = [Verified::danger_made_here(poisoned), first.clone()];
    let held = || {
        let mut keyring = home.empty_keyring();
        keyring.add(epochs[0].id(), again(&new));
        keyring
    };
    // Whoever has only that slot does not open the first epoch with whatever is in it.
    let mut keyring = held();
    open_epochs(&mut keyring, &epochs, &Person::new(BOB, 9).agree, None);
    assert!(!keyring.has(&first.id()));
    // Alice was there: she has her own wrap, and nobody can lock her out by a bad slot.
    let mut keyring = held();
    open_epochs(&mut keyring, &epochs, &home.alice.agree, None);
    let found = keyring.epoch(&first.id()).unwrap();
    assert_eq!(found.to_secret_bytes(), home.founded.epoch_key.to_secret_bytes());
}

#[test]
fn an_epoch_that_names_an_unknown_one_is_walked_around() {
    let home = Home::new(6);
    let mut rng = DangerSeeded::new(6);
    let (gone, new) = (EpochKey::generate(&mut rng), EpochKey::generate(&mut rng));
    let entry = next_epoch(&home, &new, 2, &[(EntryId([7; 32]), &gone)]);
    let entry = Verified::danger_made_here(entry);
    let mut keyring = home.empty_keyring();
    keyring.add(entry.id(), new);
    open_epochs(&mut keyring, &[entry], &home.alice.agree, None);
    assert_eq!(keyring.iter().count(), 1);
}
