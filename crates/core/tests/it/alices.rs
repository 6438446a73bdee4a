//! Alice's bucket for tests. Comes in: a seed. Goes out: the bucket as she founded it, and what
//! others would see of it. Must not know: which rule is tested.

use strongroom_core::founding::{Founded, Founder, found};
use strongroom_core::keyring::Keyring;
use strongroom_core::parts::EpochBody;
use strongroom_core::writer::{Author, Planned, Under};
use strongroom_seal::epoch::seal_back;
use strongroom_seal::identity::{AuthorSigningKey, DeviceSigningKey};
use strongroom_seal::kem::{AgreeSeed, KemPair, KemPublic};
use strongroom_seal::keys::{ContentKey, DeviceSecret, EpochKey, NameKey};
use strongroom_seal::padding::Padme;
use strongroom_seal::part::{Draft, Hedge};
use strongroom_seal::rng::DangerSeeded;
use strongroom_seal::sealing::Sealing;
use strongroom_seal::suite::Suite;
use strongroom_seal::wrap::{Place, wrap};
use strongroom_wire::chain::Verified;
use strongroom_wire::clear::{Clear, Epoch, References, WRAP_LEN};
use strongroom_wire::control::Control;
use strongroom_wire::entry::{Entry, Header, Kind};
use strongroom_wire::ids::{DocumentTag, EntryId, MemberTag, PrincipalId};

/// Milliseconds since 1970 of everything that happens in these tests, unless they say otherwise.
pub const NOW: u64 = 1_795_000_000_000;
/// Alice.
pub const ALICE: PrincipalId = PrincipalId([0xa1; 32]);
/// Bob, who is no member.
pub const BOB: PrincipalId = PrincipalId([0xb2; 32]);

/// Someone with one device.
pub struct Person {
    pub principal: PrincipalId,
    pub agree: KemPair,
    pub agree_public: KemPublic,
    pub device: DeviceSigningKey,
    pub secret: DeviceSecret,
}

impl Person {
    /// The same person for the same number.
    pub fn new(principal: PrincipalId, number: u64) -> Self {
        let mut rng = DangerSeeded::new(number);
        let agree = AgreeSeed::generate(&mut rng).pair();
        Self {
            principal,
            agree_public: agree.public(),
            agree,
            device: DeviceSigningKey::generate(&mut rng),
            secret: DeviceSecret::generate(&mut rng),
        }
    }

    /// As a founder.
    pub fn founder(&self) -> Founder<'_> {
        Founder {
            principal: self.principal,
            agree: &self.agree_public,
            device: &self.device,
            secret: &self.secret,
            now: NOW,
        }
    }
}

/// Alice and the bucket she founded.
pub struct Home {
    pub alice: Person,
    pub founded: Founded,
    pub content: ContentKey,
    pub key: AuthorSigningKey,
    pub rng: DangerSeeded,
    pub sealing: Sealing,
}

impl Home {
    /// Another seed, another bucket of the same Alice.
    pub fn new(seed: u64) -> Self {
        Self::sealing_as(Sealing::DEFAULT, seed)
    }

    /// A bucket of another suite or padding.
    pub fn sealing_as(sealing: Sealing, seed: u64) -> Self {
        let alice = Person::new(ALICE, 1);
        let mut rng = DangerSeeded::new(1_000 + seed);
        let founded = found(&alice.founder(), sealing, &mut rng).unwrap();
        let content = founded.epoch_key.content(founded.bucket);
        let key = alice.secret.author(founded.bucket, 0);
        Self { alice, founded, content, key, rng, sealing }
    }

    /// Her device as it writes here.
    pub fn author(&self) -> Author<'_> {
        Author {
            device: &self.alice.secret,
            key: &self.key,
            capability: self.founded.author_capability.id(),
        }
    }

    /// Under the first epoch.
    pub fn under(&self) -> Under<'_> {
        let founded = &self.founded;
        let (bucket, epoch, sealing) = (founded.bucket, founded.epoch, self.sealing);
        Under { bucket, epoch, content: &self.content, sealing }
    }

    /// Everything a member can open.
    pub fn keyring(&self) -> Keyring {
        let mut keyring = self.empty_keyring();
        keyring.add(self.founded.epoch, again(&self.founded.epoch_key));
        keyring
    }

    /// What somebody has who knows the bucket and none of its keys.
    pub fn empty_keyring(&self) -> Keyring {
        let mut keyring = Keyring::new(self.founded.bucket);
        keyring.born(&self.founded.entries[0]).unwrap();
        keyring
    }

    /// Alice's tag.
    pub fn tag(&self) -> MemberTag {
        self.founded.name_key.member_tag(ALICE)
    }

    /// The control log as a replica computes it.
    pub fn control(&self) -> Control {
        let mut control = Control::new(&self.founded.entries[0]).unwrap();
        for entry in &self.founded.entries[1..] {
            control.insert(entry).unwrap();
        }
        control
    }
}

/// The same key once more.
pub fn again(key: &EpochKey) -> EpochKey {
    EpochKey::from_secret_bytes(&key.to_secret_bytes())
}

/// A version without chunks.
pub fn planned(document: u8, plain: &[u8]) -> Planned {
    Planned {
        document: DocumentTag([document; 16]),
        kind: Kind::Version,
        parents: vec![],
        generation: 0,
        clear: Clear::version(References::NONE).encode(),
        plain: plain.to_vec(),
    }
}

/// The entry as a stranger's bytes, without what was verified.
pub fn bare(entry: &Verified<Entry>) -> Entry {
    Entry::decode(&entry.encode()).unwrap()
}

/// Wraps that nobody opens.
pub fn no_wraps() -> Vec<[u8; WRAP_LEN]> {
    vec![[0; WRAP_LEN]; 8]
}

/// A later epoch by the root key, in which everything can be wrong.
pub struct Forged<'a> {
    pub n: u64,
    pub key: &'a EpochKey,
    pub prev: Vec<EntryId>,
    pub back: Vec<[u8; 48]>,
    pub commit_ck: [u8; 32],
    pub wraps: Vec<[u8; WRAP_LEN]>,
    pub recipients: Vec<MemberTag>,
    pub name_key: NameKey,
    pub parents: Vec<EntryId>,
}

impl<'a> Forged<'a> {
    /// As it should be, but for the wraps, of which nobody has one.
    pub fn after(home: &Home, key: &'a EpochKey, before: &[(EntryId, &EpochKey)]) -> Self {
        let bucket = home.founded.bucket;
        let mut before = before.to_vec();
        before.sort_by_key(|(id, _)| *id);
        let history = key.history(bucket);
        let seal = |(id, old): &(EntryId, &EpochKey)| {
            seal_back(Suite::DEFAULT, &history, *id, old).unwrap()
        };
        Self {
            n: 2,
            key,
            prev: before.iter().map(|(id, _)| *id).collect(),
            back: before.iter().map(seal).collect(),
            commit_ck: key.content(bucket).commitment().0,
            wraps: no_wraps(),
            recipients: vec![home.tag()],
            name_key: NameKey::from_secret_bytes(&home.founded.name_key.to_secret_bytes()),
            parents: vec![home.founded.entries[3].id()],
        }
    }

    /// Wraps of which the holder of this agree key opens one.
    pub fn wrapped(&self, home: &Home, to: &KemPublic) -> Option<Vec<[u8; WRAP_LEN]>> {
        let place = Place { suite: Suite::DEFAULT, bucket: home.founded.bucket, n: self.n };
        let mut rng = DangerSeeded::new(self.n);
        let mut wraps = no_wraps();
        wraps[3] = wrap(place, self.key, to, &home.founded.tag_key, &mut rng).ok()?;
        Some(wraps)
    }

    /// The entry. Its number makes it another one of the same kind.
    pub fn entry(self, home: &Home) -> Entry {
        let bucket = home.founded.bucket;
        let clear = Clear::Epoch(Epoch {
            n: self.n,
            prev: self.prev,
            commit_e: self.key.commitment().0,
            commit_ck: self.commit_ck,
            wraps: self.wraps,
            back: self.back,
            child: vec![],
            drop_key: None,
        })
        .encode();
        let mut parents = self.parents;
        parents.sort_unstable();
        let hlc = home.founded.position.clock;
        let mut header = Header { parents, hlc, ..home.founded.entries[1].header().clone() };
        let plain = EpochBody { recipients: self.recipients, name_key: self.name_key }.encode();
        let key = self.key.content(bucket).document(DocumentTag::ZERO, 0);
        let random = *self.key.to_secret_bytes();
        let (device, author) = (&home.alice.secret, header.author);
        let hedge = Hedge { device, author, seq: header.seq, random };
        let draft = Draft::new(&key, &plain, &Padme, hedge).unwrap();
        let part = draft.header();
        header.nonce = part.nonce.0;
        header.kc = part.commitment.0;
        header.sealed_len = part.sealed_len;
        let aad = header.aad(blake3::hash(&clear).as_bytes());
        let sealed = draft.seal(Suite::DEFAULT, &aad).unwrap();
        Entry::assemble(header, clear, sealed)
    }
}
