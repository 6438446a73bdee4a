//! L0 · The bytes of key logs. Takes fields, or bytes of a stranger; gives the other. Must not
//! know: which events may follow which.

use strongroom_seal::identity::verify;
use strongroom_wire::cbor::{CborError, Reader, Writer, strictly_ascending};
use strongroom_wire::clear::{Floors, KEM_PUBLIC_LEN, WRAP_LEN};
use strongroom_wire::cose;
use strongroom_wire::ids::{AuthorKey, BucketId, EntryId, KeyEventId, PrincipalId, PublicKey};
use strongroom_wire::limits::{
    ALIAS_LEN_MAX, DEVICE_CUTOFFS_MAX, DEVICES_MAX, KEY_LOG_EVENT_LEN_MAX, ROOT_KEYS_MAX,
    TIME_SECS_MAX,
};

/// `typ` of the signatures of an event.
pub const EVENT_TYP: &str = "application/strongroom-key-event";
/// `typ` of a device's consent to belong to a principal.
pub const POSSESSION_TYP: &str = "application/strongroom-device";

/// Bytes of a genesis: eight keys, floors, commitments.
const GENESIS_LEN_MAX: usize = 512;

/// What is wrong with a genesis or an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyLogFault {
    /// Not the canonical form.
    #[error("is malformed: {0}")]
    Form(#[from] CborError),
    /// A suite that is not in use or below one used before.
    #[error("uses an algorithm below the floor")]
    Suite,
    /// It does not follow the event before it.
    #[error("does not follow the one before it")]
    Prev,
    /// Its time is before that of the event before it.
    #[error("goes back in time")]
    Time,
    /// Its signers may not make this change.
    #[error("is not signed by enough of those who may")]
    Signer,
    /// A signature does not hold.
    #[error("has a signature that does not hold")]
    Signature,
    /// The device is added a second time, or not there.
    #[error("names a device that is there already, was retired, or is not there")]
    Device,
    /// The device did not agree to belong to this principal.
    #[error("adds a device that did not agree to it")]
    Possession,
    /// Not an X-Wing public key.
    #[error("has a key that nothing can be wrapped to")]
    Kem,
    /// The agree key's number does not follow.
    #[error("skips or repeats a number")]
    Number,
    /// The seed is not wrapped to each current device once.
    #[error("does not wrap the seed to every device")]
    Wraps,
    /// The root keys are not those committed to.
    #[error("reveals other root keys than were committed to")]
    Roots,
    /// A floor sinks.
    #[error("lowers a floor")]
    Floors,
    /// The alias is claimed already, or not claimed, or no URI.
    #[error("names an alias that is claimed already, or not, or is no URI")]
    Alias,
    /// The log was closed.
    #[error("follows the end of the log")]
    Closed,
    /// More than the limits allow.
    #[error("is more than the limits allow")]
    TooMany,
}

/// Root keys, and how many of them must sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootKeys {
    /// One to eight, ascending.
    pub keys: Vec<PublicKey>,
    /// One to the number of keys.
    pub threshold: u8,
}

impl RootKeys {
    /// BLAKE3 of `[keys, threshold]`: what the set before commits to.
    pub fn commit(&self) -> [u8; 32] {
        let mut w = Writer::new();
        w.array(2);
        self.write(&mut w);
        *blake3::hash(&w.into_bytes()).as_bytes()
    }

    /// Two items: keys and threshold.
    fn write(&self, w: &mut Writer) {
        w.array(self.keys.len());
        for key in &self.keys {
            w.bytes(&key.0);
        }
        w.uint(u64::from(self.threshold));
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        let count = r.array(ROOT_KEYS_MAX)?;
        let keys =
            (0..count).map(|_| r.bytes_exact().map(PublicKey)).collect::<Result<Vec<_>, _>>()?;
        let threshold = r.u8()?;
        if !strictly_ascending(&keys) {
            return Err(CborError::Order);
        }
        if threshold == 0 || usize::from(threshold) > keys.len() {
            return Err(CborError::Limit);
        }
        Ok(Self { keys, threshold })
    }
}

/// The first statement of a principal. Its hash *is* the principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Genesis {
    /// Which algorithms.
    pub suite: u8,
    /// Lowest accepted algorithms; later events only raise them.
    pub floors: Floors,
    /// Who speaks for the principal above all devices.
    pub roots: RootKeys,
    /// Commitment to the guardians; zero: none.
    pub guardians_commit: [u8; 32],
    /// Commitment to the next root keys, see [`RootKeys::commit`]; zero: they never change.
    pub next_root_commit: [u8; 32],
}

impl Genesis {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(6).uint(u64::from(self.suite));
        self.floors.write(&mut w);
        self.roots.write(&mut w);
        w.bytes(&self.guardians_commit).bytes(&self.next_root_commit);
        w.into_bytes()
    }

    /// Reads the canonical bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, KeyLogFault> {
        if bytes.len() > GENESIS_LEN_MAX {
            return Err(CborError::Limit.into());
        }
        let mut r = Reader::new(bytes);
        r.array_exact(6)?;
        let genesis = Self {
            suite: r.u8()?,
            floors: Floors::read(&mut r)?,
            roots: RootKeys::read(&mut r)?,
            guardians_commit: r.bytes_exact()?,
            next_root_commit: r.bytes_exact()?,
        };
        r.end()?;
        let known = genesis.suite == 1 && genesis.floors.suites.contains(&genesis.suite);
        if known { Ok(genesis) } else { Err(KeyLogFault::Suite) }
    }

    /// BLAKE3 of the bytes.
    pub fn principal(&self) -> PrincipalId {
        PrincipalId(*blake3::hash(&self.encode()).as_bytes())
    }
}

/// The last entry of one of a device's authors that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceCutoff {
    /// See [`cutoff_place`].
    pub place: [u8; 32],
    /// Its position in the author's chain.
    pub seq: u64,
    /// Its id.
    pub entry: EntryId,
}

/// BLAKE3(bucket id ‖ author): who knows both recognises it, nobody else learns of the bucket from
/// the log.
pub fn cutoff_place(bucket: BucketId, author: AuthorKey) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&bucket.0).update(&author.0);
    *hasher.finalize().as_bytes()
}

/// What an event changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A device signs from now on.
    AddDevice {
        /// Its key.
        device: PublicKey,
        /// Its X-Wing public key.
        kem: Box<[u8; KEM_PUBLIC_LEN]>,
        /// By the device, over [`possession_input`].
        possession: [u8; 64],
    },
    /// A device signs no longer.
    RetireDevice {
        /// Its key.
        device: PublicKey,
        /// Ascending by place; what of its authors still counts.
        cutoffs: Vec<DeviceCutoff>,
    },
    /// Grants go to another key.
    RotateAgree {
        /// 1 at first, then one more each time.
        number: u64,
        /// X-Wing public key.
        key: Box<[u8; KEM_PUBLIC_LEN]>,
        /// Its seed for each current device, ascending by device.
        wraps: Vec<(PublicKey, Box<[u8; WRAP_LEN]>)>,
    },
    /// The root keys committed to take over.
    RotateRoot {
        /// They.
        roots: RootKeys,
        /// Commitment to those after them.
        next_root_commit: [u8; 32],
        /// The floors from now on; never below the old.
        floors: Floors,
    },
    /// Other guardians.
    SetGuardians {
        /// Commitment to them; zero: none.
        commit: [u8; 32],
    },
    /// A name is claimed, or no longer.
    Alias {
        /// Any URI.
        uri: String,
        /// False: no longer.
        claimed: bool,
    },
    /// Nothing follows.
    Close,
}

const ADD_DEVICE: u64 = 0;
const RETIRE_DEVICE: u64 = 1;
const ROTATE_AGREE: u64 = 2;
const ROTATE_ROOT: u64 = 3;
const SET_GUARDIANS: u64 = 4;
const ALIAS: u64 = 5;
const CLOSE: u64 = 6;

impl Change {
    /// Whether one current device may make it; the others take root keys.
    pub const fn is_for_devices(&self) -> bool {
        matches!(
            self,
            Self::AddDevice { .. }
                | Self::RetireDevice { .. }
                | Self::RotateAgree { .. }
                | Self::Alias { .. }
        )
    }

    fn write(&self, w: &mut Writer) {
        match self {
            Self::AddDevice { device, kem, possession } => {
                w.uint(ADD_DEVICE).array(3).bytes(&device.0).bytes(&kem[..]).bytes(possession);
            }
            Self::RetireDevice { device, cutoffs } => {
                w.uint(RETIRE_DEVICE).array(2).bytes(&device.0).array(cutoffs.len());
                for cutoff in cutoffs {
                    w.array(3).bytes(&cutoff.place).uint(cutoff.seq).bytes(&cutoff.entry.0);
                }
            }
            Self::RotateAgree { number, key, wraps } => {
                w.uint(ROTATE_AGREE).array(3).uint(*number).bytes(&key[..]).array(wraps.len());
                for (device, wrap) in wraps {
                    w.array(2).bytes(&device.0).bytes(&wrap[..]);
                }
            }
            Self::RotateRoot { roots, next_root_commit, floors } => {
                w.uint(ROTATE_ROOT).array(4);
                roots.write(w);
                w.bytes(next_root_commit);
                floors.write(w);
            }
            Self::SetGuardians { commit } => {
                w.uint(SET_GUARDIANS).array(1).bytes(commit);
            }
            Self::Alias { uri, claimed } => {
                w.uint(ALIAS).array(2).text(uri).bool(*claimed);
            }
            Self::Close => {
                w.uint(CLOSE).array(0);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, KeyLogFault> {
        let change = match (r.uint()?, r.array(4)?) {
            (ADD_DEVICE, 3) => Self::AddDevice {
                device: PublicKey(r.bytes_exact()?),
                kem: Box::new(r.bytes_exact()?),
                possession: r.bytes_exact()?,
            },
            (RETIRE_DEVICE, 2) => Self::RetireDevice {
                device: PublicKey(r.bytes_exact()?),
                cutoffs: read_cutoffs(r)?,
            },
            (ROTATE_AGREE, 3) => Self::RotateAgree {
                number: r.uint()?,
                key: Box::new(r.bytes_exact()?),
                wraps: read_wraps(r)?,
            },
            (ROTATE_ROOT, 4) => Self::RotateRoot {
                roots: RootKeys::read(r)?,
                next_root_commit: r.bytes_exact()?,
                floors: Floors::read(r)?,
            },
            (SET_GUARDIANS, 1) => Self::SetGuardians { commit: r.bytes_exact()? },
            (ALIAS, 2) => Self::Alias { uri: read_uri(r)?, claimed: r.bool()? },
            (CLOSE, 0) => Self::Close,
            _ => return Err(CborError::Unknown.into()),
        };
        Ok(change)
    }
}

fn read_cutoffs(r: &mut Reader<'_>) -> Result<Vec<DeviceCutoff>, CborError> {
    let count = r.array(DEVICE_CUTOFFS_MAX)?;
    let cutoffs = (0..count)
        .map(|_| {
            r.array_exact(3)?;
            let (place, seq) = (r.bytes_exact()?, r.uint()?);
            Ok(DeviceCutoff { place, seq, entry: EntryId(r.bytes_exact()?) })
        })
        .collect::<Result<Vec<_>, CborError>>()?;
    let places: Vec<_> = cutoffs.iter().map(|cutoff| cutoff.place).collect();
    if strictly_ascending(&places) { Ok(cutoffs) } else { Err(CborError::Order) }
}

type DeviceWraps = Vec<(PublicKey, Box<[u8; WRAP_LEN]>)>;

fn read_wraps(r: &mut Reader<'_>) -> Result<DeviceWraps, CborError> {
    let count = r.array(DEVICES_MAX)?;
    let wraps = (0..count)
        .map(|_| {
            r.array_exact(2)?;
            Ok((PublicKey(r.bytes_exact()?), Box::new(r.bytes_exact()?)))
        })
        .collect::<Result<DeviceWraps, CborError>>()?;
    let devices: Vec<_> = wraps.iter().map(|wrap| wrap.0).collect();
    if strictly_ascending(&devices) { Ok(wraps) } else { Err(CborError::Order) }
}

fn read_uri(r: &mut Reader<'_>) -> Result<String, KeyLogFault> {
    let uri = r.text(ALIAS_LEN_MAX)?;
    if is_uri(uri) { Ok(uri.to_owned()) } else { Err(KeyLogFault::Alias) }
}

/// Whether this may be an alias: at most 512 visible ASCII characters with a scheme in lower case,
/// which is what RFC 3986 allows, without judging the rest.
///
/// ```
/// use strongroom_core::keylog::is_uri;
/// assert!(is_uri("did:web:alice.example") && is_uri("acct:alice@example.org"));
/// assert!(!is_uri("alice") && !is_uri("HTTPS://alice.example") && !is_uri("urn:"));
/// ```
pub fn is_uri(uri: &str) -> bool {
    let scheme = uri.split_once(':').map(|(scheme, rest)| (scheme.as_bytes(), !rest.is_empty()));
    let may_follow = |c: &u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"+-.".contains(c);
    let sound = matches!(scheme, Some(([first, more @ ..], true))
        if first.is_ascii_lowercase() && more.iter().all(may_follow));
    sound && uri.len() <= ALIAS_LEN_MAX && uri.bytes().all(|c| c.is_ascii_graphic())
}

/// What is signed: one change, after everything before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Which algorithms.
    pub suite: u8,
    /// The event before; the principal id at first.
    pub prev: KeyEventId,
    /// Seconds since 1970, by the signer's clock.
    pub time: u64,
    /// What changes.
    pub change: Change,
}

impl Statement {
    /// The canonical bytes: the payload of the signatures.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(5).uint(u64::from(self.suite)).bytes(&self.prev.0).uint(self.time);
        self.change.write(&mut w);
        w.into_bytes()
    }

    fn decode(bytes: &[u8]) -> Result<Self, KeyLogFault> {
        let mut r = Reader::new(bytes);
        r.array_exact(5)?;
        let statement = Self {
            suite: r.u8()?,
            prev: KeyEventId(r.bytes_exact()?),
            time: r.uint_max(TIME_SECS_MAX)?,
            change: Change::read(&mut r)?,
        };
        r.end()?;
        Ok(statement)
    }

    /// What each signer signs: the `Sig_structure` of a COSE_Sign1 with this payload.
    pub fn signing_input(&self) -> Vec<u8> {
        cose::to_be_signed(EVENT_TYP, &self.encode())
    }

    /// With its signatures, ready to be appended to the log.
    pub fn signed(self, mut signatures: Vec<(PublicKey, [u8; 64])>) -> SignedEvent {
        signatures.sort_unstable_by_key(|(key, _)| *key);
        let payload = self.encode();
        SignedEvent { payload, statement: self, signatures }
    }
}

/// A statement with its signatures. Whether they hold and suffice, the log decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedEvent {
    payload: Vec<u8>,
    statement: Statement,
    signatures: Vec<(PublicKey, [u8; 64])>,
}

impl SignedEvent {
    /// `[payload, [[signer, signature], …]]`.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::with_capacity(self.payload.len() + 120);
        w.array(2).bytes(&self.payload).array(self.signatures.len());
        for (key, signature) in &self.signatures {
            w.array(2).bytes(&key.0).bytes(signature);
        }
        w.into_bytes()
    }

    /// Reads the canonical bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, KeyLogFault> {
        if bytes.len() > KEY_LOG_EVENT_LEN_MAX {
            return Err(CborError::Limit.into());
        }
        let mut r = Reader::new(bytes);
        r.array_exact(2)?;
        let payload = r.bytes(KEY_LOG_EVENT_LEN_MAX)?;
        let count = r.array(ROOT_KEYS_MAX)?;
        let signatures = (0..count)
            .map(|_| {
                r.array_exact(2)?;
                Ok((PublicKey(r.bytes_exact()?), r.bytes_exact()?))
            })
            .collect::<Result<Vec<_>, CborError>>()?;
        r.end()?;
        let signers: Vec<_> = signatures.iter().map(|(key, _)| *key).collect();
        if signers.is_empty() || !strictly_ascending(&signers) {
            return Err(CborError::Order.into());
        }
        let statement = Statement::decode(payload)?;
        Ok(Self { payload: payload.to_vec(), statement, signatures })
    }

    /// What is stated.
    pub const fn statement(&self) -> &Statement {
        &self.statement
    }

    /// BLAKE3 of the payload: the same whoever signed.
    pub fn id(&self) -> KeyEventId {
        KeyEventId(*blake3::hash(&self.payload).as_bytes())
    }

    /// Keys whose signatures there are, ascending.
    pub fn signers(&self) -> Vec<PublicKey> {
        self.signatures.iter().map(|(key, _)| *key).collect()
    }

    pub(super) fn signatures_hold(&self) -> bool {
        let input = cose::to_be_signed(EVENT_TYP, &self.payload);
        self.signatures.iter().all(|(key, signature)| verify(key, &input, signature).is_ok())
    }
}

/// What a device signs to belong to a principal: both keys, so that neither can be exchanged.
pub fn possession_input(
    principal: PrincipalId,
    device: &PublicKey,
    kem: &[u8; KEM_PUBLIC_LEN],
) -> Vec<u8> {
    let mut w = Writer::new();
    w.array(3).bytes(&principal.0).bytes(&device.0).bytes(blake3::hash(kem).as_bytes());
    cose::to_be_signed(POSSESSION_TYP, &w.into_bytes())
}

pub(super) fn possession_holds(
    principal: PrincipalId,
    device: &PublicKey,
    kem: &[u8; KEM_PUBLIC_LEN],
    possession: &[u8; 64],
) -> bool {
    verify(device, &possession_input(principal, device, kem), possession).is_ok()
}
