//! Stories of one document in other hands: what its holder opens, and what nobody makes him open.

use std::collections::BTreeMap;

use strongroom_core::granting::Granter;
use strongroom_core::holding::{
    Extent, Finder, Given, Holder, NewHolder, Parent, Shared, Writing, document_keys, learn, share,
};
use strongroom_core::keyring::{EntryOpenError, Keyring};
use strongroom_core::writer::{ChainPosition, Planned, seal_transaction};
use strongroom_seal::keys::{EpochKey, Nonce};
use strongroom_seal::rng::DangerSeeded;
use strongroom_seal::suite::Suite;
use strongroom_seal::wrap::Place;
use strongroom_wire::chain::Verified;
use strongroom_wire::clear::{Clear, DocumentKeys, References, Version};
use strongroom_wire::entry::{Entry, Kind};
use strongroom_wire::ids::{DocumentTag, EntryId};

use crate::alices::{BOB, Home, NOW, Person};

const WILL: DocumentTag = DocumentTag([5; 16]);

/// Alice's bucket, Bob, and what was written about the will.
struct Scene {
    home: Home,
    bob: Person,
    position: ChainPosition,
    versions: Vec<Verified<Entry>>,
    rng: DangerSeeded,
}

impl Scene {
    fn new(seed: u64) -> Self {
        let home = Home::new(seed);
        let position = home.founded.position;
        let (bob, rng) = (Person::new(BOB, 77), DangerSeeded::new(seed + 500));
        Self { home, bob, position, versions: Vec::new(), rng }
    }

    fn seal(&mut self, plan: Planned) -> Verified<Entry> {
        let (author, under) = (self.home.author(), self.home.under());
        let sealed = seal_transaction(&author, &under, &[plan], self.position, NOW, &mut self.rng);
        let (entries, position) = sealed.unwrap();
        self.position = position;
        entries[0].clone()
    }

    /// The next version, of this generation, with these keys.
    fn writes(&mut self, generation: u32, keys: Option<DocumentKeys>) -> EntryId {
        let keys = keys.map(Box::new);
        let clear = Clear::Version(Version { references: References::NONE, keys }).encode();
        let parents = self.versions.last().map(|it| it.id()).into_iter().collect();
        let (kind, plain) = (Kind::Version, vec![generation as u8]);
        let plan = Planned { document: WILL, kind, parents, generation, clear, plain };
        let entry = self.seal(plan);
        self.versions.push(entry.clone());
        entry.id()
    }

    fn epoch(&self) -> &EpochKey {
        &self.home.founded.epoch_key
    }

    fn given(&self, extent: Extent) -> Given {
        let bucket = self.home.founded.bucket;
        let first = &self.versions[0];
        let key = self.epoch().content(bucket).document(WILL, 0);
        match extent {
            Extent::All => Given::All(vec![(first.id(), key)]),
            Extent::FromNow => Given::FromNow,
            Extent::Version => {
                Given::Version(first.id(), key.version(&Nonce(first.header().nonce)))
            }
        }
    }

    fn shares(&mut self, extent: Extent, generation: u32) -> (Shared, Verified<Entry>) {
        let given = self.given(extent);
        let heads = self.home.control().heads();
        let granter = Granter {
            bucket: self.home.founded.bucket,
            member: &self.home.founded.member,
            chain: &self.home.founded.member_chain,
            names: &self.home.founded.name_key,
            epoch: (&self.home.founded.epoch_key, 1),
            suite: Suite::DEFAULT,
            heads: &heads,
        };
        let agree = &self.bob.agree_public;
        let holder =
            NewHolder { principal: BOB, agree, until: None, from: NOW / 1_000, link: None };
        let mut rng = DangerSeeded::new(9 + self.position.next_seq);
        let shared = share(&granter, &holder, (WILL, generation), &given, &mut rng).unwrap();
        let entry = self.seal(shared.planned.clone());
        (shared, entry)
    }

    /// Keys of a generation for these holders, after the newest version.
    fn keys(&mut self, generation: u32, shared: &[(&Shared, bool)]) -> DocumentKeys {
        let bucket = self.home.founded.bucket;
        let place = Place { suite: Suite::DEFAULT, bucket, n: 1 };
        let parents: Vec<Parent> = self
            .versions
            .last()
            .map(|it| {
                let history = self.epoch().history(bucket);
                let history = history.document(WILL, it.header().generation);
                Parent { id: it.id(), history: Some(history) }
            })
            .into_iter()
            .collect();
        let holders: Vec<Holder<'_>> = shared
            .iter()
            .map(|(shared, from_now)| Holder {
                agree: &self.bob.agree_public,
                tag_key: &shared.tag_key,
                from_now: *from_now,
            })
            .collect();
        let epoch = &self.home.founded.epoch_key;
        let writing = Writing { place, epoch, document: WILL, generation };
        document_keys(writing, &holders, &parents, &mut self.rng).unwrap().unwrap()
    }

    /// Somebody's keyring after all of this came.
    fn learns(&self, person: &Person, shared: &Shared, grant: Option<&Verified<Entry>>) -> Keyring {
        let mut keyring = self.home.empty_keyring();
        let epochs = BTreeMap::from([(self.home.founded.epoch, 1)]);
        let finder = Finder { pair: &person.agree, tag_key: &shared.tag_key, epochs: &epochs };
        learn(&mut keyring, finder, grant, &self.versions);
        assert!(!learn(&mut keyring, finder, grant, &self.versions), "nothing is new twice");
        keyring
    }

    /// Which versions open.
    fn opens(&self, keyring: &Keyring) -> Vec<bool> {
        let opened = self.versions.iter().map(|entry| match keyring.open(entry) {
            Ok(plain) => {
                assert_eq!(*plain, [entry.header().generation as u8]);
                true
            }
            Err(error) => {
                assert_eq!(error, EntryOpenError::NoKey);
                false
            }
        });
        opened.collect()
    }
}

#[test]
fn who_holds_all_versions_opens_old_ones_and_new_ones_and_no_other_entry() {
    let mut scene = Scene::new(1);
    scene.writes(0, None);
    scene.writes(0, None);
    let (shared, grant) = scene.shares(Extent::All, 0);
    scene.writes(0, None);
    let keys = scene.keys(1, &[(&shared, false)]);
    scene.writes(1, Some(keys));
    scene.writes(1, None);
    let keyring = scene.learns(&scene.bob, &shared, Some(&grant));
    assert_eq!(scene.opens(&keyring), [true; 5]);
    for entry in scene.home.founded.entries.iter().chain([&grant]).skip(1) {
        assert_eq!(keyring.open(entry), Err(EntryOpenError::NoKey), "nothing of the log");
    }
    // Without the wrap in the grant: the newest keys lead back to all that were before.
    let later = scene.learns(&scene.bob, &shared, None);
    assert_eq!(scene.opens(&later), [false, false, false, true, true]);
    // Nobody else finds anything in it.
    let nobody = scene.learns(&Person::new(BOB, 78), &shared, Some(&grant));
    assert_eq!(scene.opens(&nobody), [false; 5]);
    let claims = shared.chain.last().unwrap().claims();
    assert_eq!((claims.depth, claims.actions), (0, strongroom_wire::capability::Actions::PULL));
}

#[test]
fn who_is_left_out_of_a_generation_opens_nothing_of_it() {
    let mut scene = Scene::new(2);
    scene.writes(0, None);
    let (shared, grant) = scene.shares(Extent::All, 0);
    let stranger = Shared {
        tag_key: strongroom_seal::keys::TagKey::from_secret_bytes(&[3; 32]),
        ..scene.shares(Extent::All, 0).0
    };
    let carroll = Person::new(BOB, 79);
    let mut keys = scene.keys(1, &[]);
    let theirs = scene.keys(1, &[(&stranger, false)]);
    assert_eq!((keys.wraps.len(), theirs.wraps.len()), (2, 2), "none and one look the same");
    keys.wraps = theirs.wraps;
    scene.writes(1, Some(keys));
    let keyring = scene.learns(&scene.bob, &shared, Some(&grant));
    assert_eq!(scene.opens(&keyring), [true, false]);
    let keyring = scene.learns(&carroll, &stranger, None);
    assert_eq!(scene.opens(&keyring), [false, false]);
}

#[test]
fn from_now_on_and_one_version_open_that_much() {
    let mut scene = Scene::new(3);
    scene.writes(0, None);
    let (one, one_grant) = scene.shares(Extent::Version, 0);
    let (shared, grant) = scene.shares(Extent::FromNow, 1);
    let keys = scene.keys(1, &[(&shared, true)]);
    scene.writes(1, Some(keys));
    let keys = scene.keys(2, &[(&shared, true)]);
    scene.writes(2, Some(keys));
    let keyring = scene.learns(&scene.bob, &shared, Some(&grant));
    assert_eq!(scene.opens(&keyring), [false, true, true]);
    assert!(keyring.alone().histories.is_empty(), "no key that leads back");
    let keyring = scene.learns(&scene.bob, &one, Some(&one_grant));
    assert_eq!(scene.opens(&keyring), [true, false, false]);
}

#[test]
fn a38_poisoned_keys_of_one_version_cost_that_version() {
    // Where only the wraps are bad, the next version's keys lead back to it.
    type Poison = fn(&mut DocumentKeys);
    let poisons: [(bool, Poison); 5] = [
        (false, |keys| keys.commit_bk[0] ^= 1),
        (false, |keys| keys.commit_dk[0] ^= 1),
        (true, |keys| keys.wraps.iter_mut().for_each(|wrap| wrap[0] ^= 1)),
        (true, |keys| keys.wraps.iter_mut().for_each(|wrap| wrap[1_183] ^= 1)),
        (false, |keys| keys.back.iter_mut().for_each(|slot| slot[0] ^= 1)),
    ];
    for (at, (mended, poison)) in poisons.into_iter().enumerate() {
        let mut scene = Scene::new(4);
        scene.writes(0, None);
        let (shared, grant) = scene.shares(Extent::All, 0);
        let mut keys = scene.keys(1, &[(&shared, false)]);
        poison(&mut keys);
        scene.writes(1, Some(keys));
        let keyring = scene.learns(&scene.bob, &shared, Some(&grant));
        assert_eq!(scene.opens(&keyring), [true, false], "poison {at}");
        let keys = scene.keys(2, &[(&shared, false)]);
        scene.writes(2, Some(keys));
        let keyring = scene.learns(&scene.bob, &shared, Some(&grant));
        assert_eq!(scene.opens(&keyring), [true, mended, true], "poison {at}");
    }
}

#[test]
fn a_grant_with_another_key_than_it_commits_to_opens_nothing() {
    let mut scene = Scene::new(5);
    scene.writes(0, None);
    let (shared, grant) = scene.shares(Extent::All, 0);
    let Ok(Clear::Member(good)) = Clear::decode(Kind::Member, grant.clear()) else { panic!() };
    assert_eq!(good.open.len(), 1);
    let mut forged = good.clone();
    forged.commitment.as_mut().unwrap()[0] ^= 1;
    let mut shut = good;
    shut.open[0][0] ^= 1;
    for bad in [forged, shut] {
        let header = grant.header().clone();
        let entry = Entry::assemble(header, Clear::Member(bad).encode(), vec![1; 300]);
        let entry = Verified::danger_made_here(entry);
        let keyring = scene.learns(&scene.bob, &shared, Some(&entry));
        assert_eq!(scene.opens(&keyring), [false]);
    }
}

#[test]
fn a_grant_of_a_document_takes_little_and_makes_no_member() {
    let mut scene = Scene::new(6);
    scene.writes(0, None);
    let (shared, grant) = scene.shares(Extent::All, 0);
    let bytes = grant.encode().len();
    assert!(bytes <= 2_560, "{bytes} bytes");
    let mut control = scene.home.control();
    let members = control.members();
    control.insert(&grant).unwrap();
    assert_eq!(control.members(), members);
    let capability = shared.chain.last().unwrap().id();
    assert!(control.is_usable(&capability));
    assert_eq!(control.generation(WILL), 0);
    let targets = vec![
        strongroom_wire::clear::RevokeTarget::Capability(capability),
        strongroom_wire::clear::RevokeTarget::Document(WILL),
    ];
    let plan = strongroom_core::granting::take_out(targets, vec![], &control.heads(), "");
    let revoke = scene.seal(plan);
    control.insert(&revoke).unwrap();
    assert!(!control.is_usable(&capability));
    assert_eq!(control.generation(WILL), 1);
    let bytes = revoke.encode().len();
    assert!(bytes <= 1_024, "{bytes} bytes");
    println!("grant {} bytes, revoke {bytes} bytes", grant.encode().len());
}
