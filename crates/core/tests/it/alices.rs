//! Alice's bucket for tests. Comes in: a seed. Goes out: the bucket as she founded it, and what
//! others would see of it. Must not know: which rule is tested.

use strongroom_core::founding::{Founded, Founder, found};
use strongroom_core::keyring::Keyring;
use strongroom_core::writer::{Author, Planned, Under};
use strongroom_seal::identity::{AuthorSigningKey, DeviceSigningKey};
use strongroom_seal::kem::{AgreeSeed, KemPair, KemPublic};
use strongroom_seal::keys::{ContentKey, DeviceSecret, EpochKey};
use strongroom_seal::rng::DangerSeeded;
use strongroom_wire::chain::Verified;
use strongroom_wire::clear::{Clear, References};
use strongroom_wire::control::Control;
use strongroom_wire::entry::{Entry, Kind};
use strongroom_wire::ids::{DocumentTag, MemberTag, PrincipalId};

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
}

impl Home {
    /// Another seed, another bucket of the same Alice.
    pub fn new(seed: u64) -> Self {
        let alice = Person::new(ALICE, 1);
        let mut rng = DangerSeeded::new(1_000 + seed);
        let founded = found(&alice.founder(), &mut rng).unwrap();
        let content = founded.epoch_key.content(founded.bucket);
        let key = alice.secret.author(founded.bucket, 0);
        Self { alice, founded, content, key, rng }
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
        Under { bucket: founded.bucket, epoch: founded.epoch, content: &self.content }
    }

    /// Everything a member can open.
    pub fn keyring(&self) -> Keyring {
        let mut keyring = Keyring::new(self.founded.bucket);
        keyring.add(self.founded.epoch, again(&self.founded.epoch_key));
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
        clear: Clear::Version(References::NONE).encode(),
        plain: plain.to_vec(),
    }
}

/// The entry as a stranger's bytes, without what was verified.
pub fn bare(entry: &Verified<Entry>) -> Entry {
    Entry::decode(&entry.encode()).unwrap()
}
