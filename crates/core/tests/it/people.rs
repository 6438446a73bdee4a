//! People for tests: Alice with root keys and devices, always the same. Comes in: numbers. Goes
//! out: keys and signed events. Must not know: which rule is tested.

use ed25519_dalek::{Signer, SigningKey};
use strongroom_core::card::Card;
use strongroom_core::keylog::{
    Change, Genesis, KeyLog, KeyLogError, RootKeys, Statement, possession_input,
};
use strongroom_seal::identity::DeviceSigningKey;
use strongroom_seal::kem::AgreeSeed;
use strongroom_wire::clear::{Floors, KEM_PUBLIC_LEN};
use strongroom_wire::ids::{PrincipalId, PublicKey};

/// When the first event happens, seconds since 1970.
pub const START: u64 = 1_795_000_000;

/// A key by number.
pub fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

/// Its public half.
pub fn public(number: u8) -> PublicKey {
    PublicKey(key(number).verifying_key().to_bytes())
}

/// An X-Wing public key by number.
pub fn kem(number: u8) -> Box<[u8; KEM_PUBLIC_LEN]> {
    AgreeSeed::from_secret_bytes(&[number; 32]).pair().public().to_bytes()
}

/// Root keys by number.
pub fn roots(numbers: &[u8], threshold: u8) -> RootKeys {
    let mut keys: Vec<_> = numbers.iter().map(|number| public(*number)).collect();
    keys.sort_unstable();
    RootKeys { keys, threshold }
}

/// Alice: one root key (1), the next one (2).
pub fn alice() -> Genesis {
    Genesis {
        suite: 1,
        floors: Floors::suite_1(),
        roots: roots(&[1], 1),
        guardians_commit: [0; 32],
        next_root_commit: roots(&[2], 1).commit(),
    }
}

/// A log in the making, event by event.
#[derive(Clone)]
pub struct Diary {
    pub genesis: Vec<u8>,
    pub events: Vec<Vec<u8>>,
}

impl Diary {
    /// Only a genesis.
    pub fn of(genesis: &Genesis) -> Self {
        Self { genesis: genesis.encode(), events: Vec::new() }
    }

    /// Alice with a laptop (11) and an agree key (21).
    pub fn of_alice() -> Self {
        let mut diary = Self::of(&alice());
        diary.write(&[1], diary.add(11));
        diary.write(&[11], rotate(1, 21, &[11]));
        diary
    }

    /// Verifies.
    pub fn verify(&self) -> Result<KeyLog, KeyLogError> {
        KeyLog::verify(&self.genesis, &self.events)
    }

    /// The log so far; it must be sound.
    pub fn log(&self) -> KeyLog {
        self.verify().unwrap()
    }

    /// The statement that comes next.
    pub fn next(&self, change: Change) -> Statement {
        self.log().next(START + self.events.len() as u64, change)
    }

    /// Signs and appends, whatever it is.
    pub fn write(&mut self, signers: &[u8], change: Change) {
        let statement = self.next(change);
        self.write_as_is(signers, statement);
    }

    /// Signs and appends a whole statement.
    pub fn write_as_is(&mut self, signers: &[u8], statement: Statement) {
        let input = statement.signing_input();
        let signatures = signers
            .iter()
            .map(|signer| (public(*signer), key(*signer).sign(&input).to_bytes()))
            .collect();
        self.events.push(statement.signed(signatures).encode());
    }

    /// Adds a device of this log's principal.
    pub fn add(&self, device: u8) -> Change {
        add(self.log().principal(), device)
    }
}

/// A device, with its consent.
pub fn add(principal: PrincipalId, device: u8) -> Change {
    let (public, kem) = (public(device), kem(device));
    let possession = key(device).sign(&possession_input(principal, &public, &kem)).to_bytes();
    Change::AddDevice { device: public, kem, possession }
}

/// A device that goes.
pub fn retire(device: u8) -> Change {
    Change::RetireDevice { device: public(device), cutoffs: vec![] }
}

/// A new agree key, wrapped to these devices.
pub fn rotate(number: u64, agree: u8, devices: &[u8]) -> Change {
    let mut wraps: Vec<_> =
        devices.iter().map(|device| (public(*device), Box::new([*device; 1_184]))).collect();
    wraps.sort_unstable_by_key(|wrap| wrap.0);
    Change::RotateAgree { number, key: kem(agree), wraps }
}

/// Root keys 2 take over; 3 come after them.
pub fn next_roots() -> Change {
    Change::RotateRoot {
        roots: roots(&[2], 1),
        next_root_commit: roots(&[3], 1).commit(),
        floors: Floors::suite_1(),
    }
}

/// A name that is claimed, or no longer.
pub fn alias(uri: &str, claimed: bool) -> Change {
    Change::Alias { uri: uri.to_owned(), claimed }
}

/// Somebody with one device, always the same for the same number.
pub struct Someone {
    pub diary: Diary,
    pub log: KeyLog,
    pub device: DeviceSigningKey,
}

impl Someone {
    /// Root key, device and agree key follow from the number, which is below 200.
    pub fn new(number: u8) -> Self {
        let (root, next, device) = (number, number + 1, number + 50);
        let genesis = Genesis {
            roots: roots(&[root], 1),
            next_root_commit: roots(&[next], 1).commit(),
            ..alice()
        };
        let mut diary = Diary::of(&genesis);
        diary.write(&[root], diary.add(device));
        diary.write(&[device], rotate(1, 21, &[device]));
        let log = diary.log();
        Self { diary, log, device: DeviceSigningKey::from_secret_bytes(&[device; 32]) }
    }

    /// Its card, without a name.
    pub fn card(&self) -> Card {
        let (genesis, events) = (self.diary.genesis.clone(), self.diary.events.clone());
        Card { name: None, genesis, events, inbox: None }
    }
}
