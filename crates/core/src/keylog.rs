//! L0 · Key logs: who a principal is. Takes the bytes of a genesis and its events, from anywhere;
//! gives a [`KeyLog`] whose every event was signed by those who may, or the first that was not.
//! Must not know: where logs are kept, what is pinned, what any key opens.
//!
//! A principal *is* the hash of its genesis. Names, addresses and DIDs are aliases it claims.
//! Bytes: docs/spec/key-log.md. Golden files: vectors/key-log/.

mod event;

use std::collections::{BTreeMap, BTreeSet};

use strongroom_seal::kem::KemPublic;
use strongroom_wire::clear::{Floors, KEM_PUBLIC_LEN, WRAP_LEN};
use strongroom_wire::ids::{KeyEventId, PrincipalId, PublicKey};
use strongroom_wire::limits::{ALIASES_MAX, DEVICES_MAX, KEY_LOG_EVENTS_MAX};

pub use event::{
    Change, DeviceCutoff, EVENT_TYP, Genesis, KeyLogFault, POSSESSION_TYP, RootKeys, SignedEvent,
    Statement, cutoff_place, is_uri, possession_input,
};

/// Which event is at fault, and why. Position 0 is the genesis, 1 the first event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("event {at} of the key log {fault}")]
pub struct KeyLogError {
    /// Its position.
    pub at: usize,
    /// What is wrong with it.
    pub fault: KeyLogFault,
}

/// What a contact keeps of a log: enough to notice one that does not go on from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pin {
    /// Who.
    pub principal: PrincipalId,
    /// The last event seen; the principal id itself where there was none.
    pub head: KeyEventId,
}

/// Why a log is not the one that was pinned. Neither is ever accepted silently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// Another genesis.
    #[error("this key log belongs to another principal")]
    Principal,
    /// It lacks the event that was seen last: an older state, or a second history.
    #[error("this key log does not contain the event seen last; compare fingerprints in person")]
    NotExtended,
}

/// A device that signs for the principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// What is wrapped to this device alone.
    pub kem: Box<[u8; KEM_PUBLIC_LEN]>,
    /// Seconds since 1970, as the event that added it says.
    pub added_at: u64,
    /// The device that added it; none: the root keys did.
    pub added_by: Option<PublicKey>,
}

/// A device that no longer signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retired {
    /// Seconds since 1970, as the event that retired it says.
    pub at: u64,
    /// The device that retired it; none: the root keys did.
    pub by: Option<PublicKey>,
    /// The last entries of its authors that count.
    pub cutoffs: Vec<DeviceCutoff>,
}

/// The key that grants go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgreeKey {
    /// 1, 2, 3 … at each rotation.
    pub number: u64,
    /// X-Wing public key.
    pub key: Box<[u8; KEM_PUBLIC_LEN]>,
    /// Its seed for every device there was, by device key.
    pub wraps: BTreeMap<PublicKey, Box<[u8; WRAP_LEN]>>,
}

/// A verified key log: the only way to one is [`KeyLog::verify`].
///
/// ```
/// use strongroom_core::keylog::{Genesis, KeyLog, RootKeys};
/// use strongroom_wire::{clear::Floors, ids::PublicKey};
/// let genesis = Genesis {
///     suite: 1,
///     floors: Floors::suite_1(),
///     roots: RootKeys { keys: vec![PublicKey([7; 32])], threshold: 1 },
///     guardians_commit: [0; 32],
///     next_root_commit: [9; 32],
/// };
/// let log = KeyLog::verify(&genesis.encode(), &[]).unwrap();
/// assert_eq!(log.principal(), genesis.principal());
/// assert_eq!(log.devices().count(), 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyLog {
    principal: PrincipalId,
    suite: u8,
    floors: Floors,
    roots: RootKeys,
    next_root_commit: [u8; 32],
    guardians_commit: [u8; 32],
    devices: BTreeMap<PublicKey, Device>,
    retired: BTreeMap<PublicKey, Retired>,
    agree: Option<AgreeKey>,
    aliases: BTreeSet<String>,
    history: Vec<KeyEventId>,
    time: u64,
    closed: bool,
}

impl KeyLog {
    /// Verifies a genesis and its events, in order.
    pub fn verify(genesis: &[u8], events: &[Vec<u8>]) -> Result<Self, KeyLogError> {
        let mut log = Self::begin(genesis).map_err(|fault| KeyLogError { at: 0, fault })?;
        for (at, event) in events.iter().enumerate() {
            log.append(event).map_err(|fault| KeyLogError { at: at + 1, fault })?;
        }
        Ok(log)
    }

    fn begin(bytes: &[u8]) -> Result<Self, KeyLogFault> {
        let genesis = Genesis::decode(bytes)?;
        let principal = genesis.principal();
        Ok(Self {
            principal,
            suite: genesis.suite,
            floors: genesis.floors,
            roots: genesis.roots,
            next_root_commit: genesis.next_root_commit,
            guardians_commit: genesis.guardians_commit,
            devices: BTreeMap::new(),
            retired: BTreeMap::new(),
            agree: None,
            aliases: BTreeSet::new(),
            history: vec![KeyEventId(principal.0)],
            time: 0,
            closed: false,
        })
    }

    /// Verifies one more event. The log is unchanged if it is refused.
    pub fn append(&mut self, event: &[u8]) -> Result<(), KeyLogFault> {
        let event = SignedEvent::decode(event)?;
        let statement = event.statement();
        if self.closed {
            return Err(KeyLogFault::Closed);
        }
        if self.history.len() > KEY_LOG_EVENTS_MAX {
            return Err(KeyLogFault::TooMany);
        }
        if statement.suite < self.suite || !self.floors.suites.contains(&statement.suite) {
            return Err(KeyLogFault::Suite);
        }
        if statement.prev != self.head() {
            return Err(KeyLogFault::Prev);
        }
        if statement.time < self.time {
            return Err(KeyLogFault::Time);
        }
        self.check_signers(&event)?;
        let by = event.signers().first().copied().filter(|it| self.devices.contains_key(it));
        self.apply(statement, by)?;
        self.suite = statement.suite;
        self.time = statement.time;
        self.history.push(event.id());
        Ok(())
    }

    /// Either enough root keys, or one device where the type allows it; and every signature there
    /// is must hold. A change of the root keys is signed by those it reveals: whoever stole the
    /// present ones does not know them.
    fn check_signers(&self, event: &SignedEvent) -> Result<(), KeyLogFault> {
        let signers = event.signers();
        let roots = match &event.statement().change {
            Change::RotateRoot { roots, .. } => roots,
            _ => &self.roots,
        };
        let by_roots = signers.len() >= usize::from(roots.threshold)
            && signers.iter().all(|signer| roots.keys.contains(signer));
        let by_device = event.statement().change.is_for_devices()
            && matches!(&signers[..], [one] if self.devices.contains_key(one));
        if !by_roots && !by_device {
            return Err(KeyLogFault::Signer);
        }
        if event.signatures_hold() { Ok(()) } else { Err(KeyLogFault::Signature) }
    }

    /// `by`: the device that signed, if one did.
    fn apply(&mut self, statement: &Statement, by: Option<PublicKey>) -> Result<(), KeyLogFault> {
        match &statement.change {
            Change::AddDevice { device, kem, possession } => {
                self.add_device((*device, by), kem, possession, statement.time)
            }
            Change::RetireDevice { device, cutoffs } => {
                self.devices.remove(device).ok_or(KeyLogFault::Device)?;
                let retired = Retired { at: statement.time, by, cutoffs: cutoffs.clone() };
                self.retired.insert(*device, retired);
                Ok(())
            }
            Change::RotateAgree { number, key, wraps } => self.rotate_agree(*number, key, wraps),
            Change::RotateRoot { roots, next_root_commit, floors } => {
                if roots.commit() != self.next_root_commit {
                    return Err(KeyLogFault::Roots);
                }
                if !floors.rise_from(&self.floors) {
                    return Err(KeyLogFault::Floors);
                }
                self.roots = roots.clone();
                self.next_root_commit = *next_root_commit;
                self.floors = floors.clone();
                Ok(())
            }
            Change::SetGuardians { commit } => {
                self.guardians_commit = *commit;
                Ok(())
            }
            Change::Alias { uri, claimed } => self.set_alias(uri, *claimed),
            Change::Close => {
                self.closed = true;
                Ok(())
            }
        }
    }

    fn add_device(
        &mut self,
        (device, added_by): (PublicKey, Option<PublicKey>),
        kem: &[u8; KEM_PUBLIC_LEN],
        possession: &[u8; 64],
        time: u64,
    ) -> Result<(), KeyLogFault> {
        // A key that was retired may be in a thief's hands; it never comes back.
        if self.devices.contains_key(&device) || self.retired.contains_key(&device) {
            return Err(KeyLogFault::Device);
        }
        if self.devices.len() == DEVICES_MAX {
            return Err(KeyLogFault::TooMany);
        }
        check_kem(kem)?;
        // Without it, a log could claim somebody else's device, and with it his authors.
        if !event::possession_holds(self.principal, &device, kem, possession) {
            return Err(KeyLogFault::Possession);
        }
        let kem = Box::new(*kem);
        self.devices.insert(device, Device { kem, added_at: time, added_by });
        Ok(())
    }

    fn rotate_agree(
        &mut self,
        number: u64,
        key: &[u8; KEM_PUBLIC_LEN],
        wraps: &[(PublicKey, Box<[u8; WRAP_LEN]>)],
    ) -> Result<(), KeyLogFault> {
        if self.agree.as_ref().map_or(0, |agree| agree.number).checked_add(1) != Some(number) {
            return Err(KeyLogFault::Number);
        }
        // One for each device, or one of them would be locked out in silence.
        if !wraps.iter().map(|(device, _)| device).eq(self.devices.keys()) {
            return Err(KeyLogFault::Wraps);
        }
        check_kem(key)?;
        let wraps = wraps.iter().cloned().collect();
        self.agree = Some(AgreeKey { number, key: Box::new(*key), wraps });
        Ok(())
    }

    fn set_alias(&mut self, uri: &str, claimed: bool) -> Result<(), KeyLogFault> {
        if claimed && self.aliases.len() == ALIASES_MAX {
            return Err(KeyLogFault::TooMany);
        }
        let changed =
            if claimed { self.aliases.insert(uri.to_owned()) } else { self.aliases.remove(uri) };
        if changed { Ok(()) } else { Err(KeyLogFault::Alias) }
    }

    /// What is pinned, compared and shown.
    pub const fn principal(&self) -> PrincipalId {
        self.principal
    }

    /// The last event; the principal id where there is none.
    pub fn head(&self) -> KeyEventId {
        self.history.last().copied().unwrap_or(KeyEventId(self.principal.0))
    }

    /// How many events follow the genesis.
    pub fn len(&self) -> usize {
        self.history.len().saturating_sub(1)
    }

    /// Whether nothing follows the genesis.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What a contact keeps.
    pub fn pin(&self) -> Pin {
        Pin { principal: self.principal, head: self.head() }
    }

    /// Whether this log goes on from what was pinned.
    pub fn extends(&self, pin: &Pin) -> Result<(), PinError> {
        if pin.principal != self.principal {
            return Err(PinError::Principal);
        }
        if self.history.contains(&pin.head) { Ok(()) } else { Err(PinError::NotExtended) }
    }

    /// Whether this event is in it; the genesis counts by the principal id.
    pub fn contains(&self, event: &KeyEventId) -> bool {
        self.history.contains(event)
    }

    /// How many events both logs have at their beginning, the genesis not counted; `None`: they
    /// are logs of two principals.
    pub fn common_with(&self, other: &Self) -> Option<usize> {
        let same = self.history.iter().zip(&other.history).take_while(|(a, b)| a == b).count();
        same.checked_sub(1)
    }

    /// Current devices, ascending by key.
    pub fn devices(&self) -> impl Iterator<Item = (&PublicKey, &Device)> {
        self.devices.iter()
    }

    /// A current device.
    pub fn device(&self, key: &PublicKey) -> Option<&Device> {
        self.devices.get(key)
    }

    /// A device that was retired. What it signed before may still count: see its cutoffs.
    pub fn retired(&self, key: &PublicKey) -> Option<&Retired> {
        self.retired.get(key)
    }

    /// Devices that were retired, ascending by key.
    pub fn all_retired(&self) -> impl Iterator<Item = (&PublicKey, &Retired)> {
        self.retired.iter()
    }

    /// Whether a device proof by this key is one of this principal at all, now or once.
    pub fn was_device(&self, key: &PublicKey) -> bool {
        self.devices.contains_key(key) || self.retired.contains_key(key)
    }

    /// The key grants go to, once there is one.
    pub const fn agree(&self) -> Option<&AgreeKey> {
        self.agree.as_ref()
    }

    /// Root keys in force.
    pub const fn roots(&self) -> &RootKeys {
        &self.roots
    }

    /// Lowest accepted algorithms.
    pub const fn floors(&self) -> &Floors {
        &self.floors
    }

    /// Commitment to the guardians; zero: none.
    pub const fn guardians_commit(&self) -> &[u8; 32] {
        &self.guardians_commit
    }

    /// URIs the principal claims. A claim is not a proof: the other side must claim it back.
    pub fn aliases(&self) -> impl Iterator<Item = &str> {
        self.aliases.iter().map(String::as_str)
    }

    /// Whether the log has ended.
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// The statement that makes this change now; to be signed, see [`Statement::signing_input`].
    /// `now` is in seconds since 1970, and moved up to the last event's time if it is before it.
    pub fn next(&self, now: u64, change: Change) -> Statement {
        Statement { suite: self.suite, prev: self.head(), time: now.max(self.time), change }
    }
}

/// A key nothing could be wrapped to would fail at the first grant, far from here.
fn check_kem(key: &[u8; KEM_PUBLIC_LEN]) -> Result<(), KeyLogFault> {
    KemPublic::from_bytes(key).map(|_| ()).map_err(|_| KeyLogFault::Kem)
}
