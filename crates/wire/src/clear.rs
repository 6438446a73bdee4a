//! Clear parts of entries: what a provider may read. Comes in: bytes of a stranger. Goes out: the
//! one typed form per kind. Must not know: keys; a wrap is 1,184 opaque bytes here.
//!
//! Bytes: docs/spec/entry.md, "Clear parts". Golden files: vectors/clear/.

mod message;
mod version;

pub use message::Message;
pub use version::{DOCUMENT_BACK_LEN, DocumentKeys, References, Version};

use crate::cbor::{CborError, Reader, Writer, strictly_ascending};
use crate::entry::Kind;
use crate::ids::{AuthorKey, CapabilityId, ChunkId, DocumentTag, EntryId, MemberTag, PublicKey};
use crate::limits::{
    BATCH_ENTRIES_MAX, CAPABILITY_LEN_MAX, CHAIN_LEN_MAX, CUTOFFS_MAX, DOCUMENT_OPEN_MAX,
    EPOCH_CHILDREN_MAX, EPOCH_PREV_MAX, EPOCH_WRAPS_MAX, REVOKE_TARGETS_MAX, SUITE_MAX,
};

/// Bytes of a wrap: tag 16 ‖ X-Wing enc 1,120 ‖ sealed key 48.
pub const WRAP_LEN: usize = 1_184;
/// Bytes of a sealed 32-byte key.
pub const SEALED_KEY_LEN: usize = 48;
/// Bytes of an X-Wing public key.
pub const KEM_PUBLIC_LEN: usize = 1_216;
/// Bytes of an X-Wing encapsulation.
pub const KEM_ENC_LEN: usize = 1_120;

/// The lowest that is accepted in a bucket, for its whole life. Later events only raise it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Floors {
    /// Lowest generation of suites.
    pub generation: u8,
    /// Suites in use, ascending.
    pub suites: Vec<u8>,
    /// Argon2id memory, KiB.
    pub argon_memory_kib: u32,
    /// Argon2id passes.
    pub argon_passes: u32,
}

impl Floors {
    /// What suite 1 asks.
    pub fn suite_1() -> Self {
        Self::only(1)
    }

    /// This suite and no other.
    pub fn only(suite: u8) -> Self {
        Self { generation: 1, suites: vec![suite], argon_memory_kib: 65_536, argon_passes: 3 }
    }

    /// Whether something of this suite may stand where these floors hold: it is listed, and of a
    /// generation that is not below the lowest.
    ///
    /// ```
    /// use strongroom_wire::clear::Floors;
    /// assert!(Floors::only(2).admits(2) && !Floors::only(2).admits(1));
    /// assert!(!Floors { generation: 2, ..Floors::only(2) }.admits(2));
    /// ```
    pub fn admits(&self, suite: u8) -> bool {
        self.suites.contains(&suite)
            && generation(suite).is_some_and(|generation| generation >= self.generation)
    }

    /// Whether nothing of `self` is below `before`: floors only rise, lists of suites only narrow.
    ///
    /// ```
    /// use strongroom_wire::clear::Floors;
    /// let (low, mut high) = (Floors::suite_1(), Floors::suite_1());
    /// high.argon_passes += 1;
    /// assert!(high.rise_from(&low) && low.rise_from(&low) && !low.rise_from(&high));
    /// ```
    pub fn rise_from(&self, before: &Self) -> bool {
        self.generation >= before.generation
            && self.suites.iter().all(|suite| before.suites.contains(suite))
            && self.argon_memory_kib >= before.argon_memory_kib
            && self.argon_passes >= before.argon_passes
    }

    /// Writes `[generation, suites, memory, passes]`.
    pub fn write(&self, w: &mut Writer) {
        w.array(4).uint(u64::from(self.generation)).array(self.suites.len());
        for suite in &self.suites {
            w.uint(u64::from(*suite));
        }
        w.uint(u64::from(self.argon_memory_kib)).uint(u64::from(self.argon_passes));
    }

    /// Reads what [`Floors::write`] wrote.
    pub fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        r.array_exact(4)?;
        let generation = r.u8()?;
        let count = r.array(8)?;
        let suites = (0..count).map(|_| r.u8()).collect::<Result<Vec<_>, _>>()?;
        let floors =
            Self { generation, suites, argon_memory_kib: r.u32()?, argon_passes: r.u32()? };
        if floors.suites.is_empty() || !strictly_ascending(&floors.suites) {
            return Err(CborError::Order);
        }
        Ok(floors)
    }
}

/// How strong a suite is held to be; `None`: it is unknown.
pub const fn generation(suite: u8) -> Option<u8> {
    match suite {
        1..=SUITE_MAX => Some(1),
        _ => None,
    }
}

/// How the lengths of everything sealed in a bucket are hidden, for its whole life. The sizes tell
/// anyone who looks; docs/design/padding.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PaddingRule {
    /// Up by 6.25 % at most above 256 bytes. A genesis that says nothing says this.
    #[default]
    Padme,
    /// Not at all: in public buckets only.
    None,
    /// To powers of two.
    PowerOfTwo,
    /// To whole multiples of 2^n bytes.
    Constant(ConstantSize),
}

/// 2^16 to 2^30 bytes. Powers of two only: an odd size would tell buckets of one person apart from
/// all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConstantSize(u8);

impl ConstantSize {
    /// From bytes: a power of two, 64 KiB to 1 GiB.
    ///
    /// ```
    /// use strongroom_wire::clear::ConstantSize;
    /// assert_eq!(ConstantSize::from_bytes(65_536).map(ConstantSize::bytes), Some(65_536));
    /// assert_eq!(ConstantSize::from_bytes(65_537), None);
    /// ```
    pub const fn from_bytes(bytes: u64) -> Option<Self> {
        if bytes.is_power_of_two() { Self::from_exponent(bytes.ilog2() as u64) } else { None }
    }

    const fn from_exponent(exponent: u64) -> Option<Self> {
        match exponent {
            16..=30 => Some(Self(exponent as u8)),
            _ => None,
        }
    }

    /// The bytes.
    pub const fn bytes(self) -> u64 {
        1 << self.0
    }
}

impl PaddingRule {
    /// The number it stands in a genesis as; `None`: it is left out.
    const fn number(self) -> Option<u8> {
        match self {
            Self::Padme => None,
            Self::None => Some(1),
            Self::PowerOfTwo => Some(2),
            Self::Constant(ConstantSize(exponent)) => Some(exponent),
        }
    }

    fn from_number(number: u64) -> Result<Self, CborError> {
        match number {
            1 => Ok(Self::None),
            2 => Ok(Self::PowerOfTwo),
            n => ConstantSize::from_exponent(n).map(Self::Constant).ok_or(CborError::Unknown),
        }
    }
}

/// Clear part of a genesis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Genesis {
    /// Lowest accepted algorithms.
    pub floors: Floors,
    /// The bucket's root key; the author of the genesis.
    pub root_key: PublicKey,
    /// BLAKE3 of the root key's successor.
    pub next_root: [u8; 32],
    /// BLAKE3 of the keys that may register this bucket's heads on a ledger; zero: none.
    pub ledger_keys: [u8; 32],
    /// Whether anyone may read.
    pub public: bool,
    /// How lengths are hidden.
    pub padding: PaddingRule,
}

/// Clear part of an epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epoch {
    /// 1 + the largest `n` among `prev`.
    pub n: u64,
    /// Epochs this one follows, ascending.
    pub prev: Vec<EntryId>,
    /// Commitment to the epoch key.
    pub commit_e: [u8; 32],
    /// Commitment to the content key.
    pub commit_ck: [u8; 32],
    /// Wraps of the epoch key, padded to a power of two with dummies, shuffled.
    pub wraps: Vec<[u8; WRAP_LEN]>,
    /// For each of `prev`, its epoch key sealed under this epoch's history key.
    pub back: Vec<[u8; SEALED_KEY_LEN]>,
    /// This epoch key sealed under the child keys of parent buckets.
    pub child: Vec<[u8; SEALED_KEY_LEN]>,
    /// X-Wing key messages are sealed to. Left out: it follows from the content key.
    pub drop_key: Option<Box<[u8; KEM_PUBLIC_LEN]>>,
}

/// Clear part of a member entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// COSE bytes of the capabilities carried: one, or one and the delegation from it.
    pub capabilities: Vec<Vec<u8>>,
    /// The key for this member, unless it stands in an epoch.
    pub wrap: Option<Box<[u8; WRAP_LEN]>>,
    /// Commitment to the key in `wrap`.
    pub commitment: Option<[u8; 32]>,
    /// Where `wrap` holds one document's history key: its document keys until now, sealed under
    /// that.
    pub open: Vec<[u8; SEALED_KEY_LEN]>,
}

/// What a revoke takes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RevokeTarget {
    /// All authors and member keys of one member.
    Member(MemberTag),
    /// One device's author.
    Author(AuthorKey),
    /// A member key, and what it delegates from now on.
    MemberKey(PublicKey),
    /// One capability with all below it.
    Capability(CapabilityId),
    /// One document's grants: its key generation goes up.
    Document(DocumentTag),
    /// The bucket: deactivated, `pull` only from now on.
    Bucket,
}

/// Clear part of a revoke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoke {
    /// What is taken out, ascending.
    pub targets: Vec<RevokeTarget>,
    /// The last entry that counts, for each stopped author; ascending by author.
    pub cutoffs: Vec<(AuthorKey, u64, EntryId)>,
}

/// A clear part by kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clear {
    /// Founds a bucket.
    Genesis(Genesis),
    /// One state of a document.
    Version(Version),
    /// A new bucket key.
    Epoch(Epoch),
    /// A member.
    Member(Member),
    /// Something taken out.
    Revoke(Revoke),
    /// Nothing is clear in a checkpoint.
    Checkpoint,
    /// Versions stay until this second since 1970.
    Tombstone {
        /// Seconds since 1970; 0: until a purge.
        keep_until: u64,
    },
    /// What a provider shall drop.
    Purge {
        /// Entries whose sealed parts go.
        entries: Vec<EntryId>,
        /// Chunks that go.
        chunks: Vec<ChunkId>,
    },
    /// What somebody put into a drop.
    Message(Message),
}

impl Clear {
    /// That of a version of a document which nobody holds alone.
    pub const fn version(references: References) -> Self {
        Self::Version(Version { references, keys: None })
    }

    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        match self {
            Self::Genesis(genesis) => genesis.write(&mut w),
            Self::Version(version) => version.write(&mut w),
            Self::Epoch(epoch) => epoch.write(&mut w),
            Self::Member(member) => member.write(&mut w),
            Self::Revoke(revoke) => revoke.write(&mut w),
            Self::Checkpoint => {
                w.array(0);
            }
            Self::Tombstone { keep_until } => {
                w.array(1).uint(*keep_until);
            }
            Self::Purge { entries, chunks } => {
                w.array(2).array(entries.len());
                for id in entries {
                    w.bytes(&id.0);
                }
                w.array(chunks.len());
                for id in chunks {
                    w.bytes(&id.0);
                }
            }
            Self::Message(message) => message.write(&mut w),
        }
        w.into_bytes()
    }

    /// Reads the clear part of an entry of this kind. Segments have no form in this format number
    /// yet and are refused.
    pub fn decode(kind: Kind, bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        let clear = match kind {
            Kind::Genesis => Self::Genesis(Genesis::read(&mut r)?),
            Kind::Version => Self::Version(Version::read(&mut r)?),
            Kind::Epoch => Self::Epoch(Epoch::read(&mut r)?),
            Kind::Member => Self::Member(Member::read(&mut r)?),
            Kind::Revoke => Self::Revoke(Revoke::read(&mut r)?),
            Kind::Checkpoint => {
                r.array_exact(0)?;
                Self::Checkpoint
            }
            Kind::Tombstone => {
                r.array_exact(1)?;
                Self::Tombstone { keep_until: r.uint()? }
            }
            Kind::Purge => {
                r.array_exact(2)?;
                let entries = read_list(&mut r, BATCH_ENTRIES_MAX, EntryId)?;
                let chunks = read_list(&mut r, BATCH_ENTRIES_MAX, ChunkId)?;
                if entries.is_empty() && chunks.is_empty() {
                    return Err(CborError::Limit);
                }
                Self::Purge { entries, chunks }
            }
            Kind::Message => Self::Message(Message::read(&mut r)?),
            Kind::Segment => return Err(CborError::Unknown),
        };
        r.end()?;
        Ok(clear)
    }
}

fn read_list<T: Ord>(
    r: &mut Reader<'_>,
    max: usize,
    make: impl Fn([u8; 32]) -> T,
) -> Result<Vec<T>, CborError> {
    let count = r.array(max)?;
    let list = (0..count).map(|_| r.bytes_exact().map(&make)).collect::<Result<Vec<_>, _>>()?;
    if strictly_ascending(&list) { Ok(list) } else { Err(CborError::Order) }
}

fn read_blobs<const N: usize>(r: &mut Reader<'_>, max: usize) -> Result<Vec<[u8; N]>, CborError> {
    let count = r.array(max)?;
    (0..count).map(|_| r.bytes_exact()).collect()
}

fn write_blobs<const N: usize>(w: &mut Writer, blobs: &[[u8; N]]) {
    w.array(blobs.len());
    for blob in blobs {
        w.bytes(blob);
    }
}

impl Genesis {
    fn write(&self, w: &mut Writer) {
        let padding = self.padding.number();
        w.array(if padding.is_some() { 6 } else { 5 });
        self.floors.write(w);
        w.bytes(&self.root_key.0).bytes(&self.next_root).bytes(&self.ledger_keys);
        w.bool(self.public);
        if let Some(number) = padding {
            w.uint(u64::from(number));
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        let fields = r.array(6)?;
        if fields < 5 {
            return Err(CborError::Limit);
        }
        let genesis = Self {
            floors: Floors::read(r)?,
            root_key: PublicKey(r.bytes_exact()?),
            next_root: r.bytes_exact()?,
            ledger_keys: r.bytes_exact()?,
            public: r.bool()?,
            padding: match fields {
                5 => PaddingRule::Padme,
                _ => PaddingRule::from_number(r.uint()?)?,
            },
        };
        // True sizes are for what has no secrets.
        let bare = genesis.padding == PaddingRule::None && !genesis.public;
        if bare { Err(CborError::Unknown) } else { Ok(genesis) }
    }
}

impl Epoch {
    fn write(&self, w: &mut Writer) {
        w.array(8).uint(self.n).array(self.prev.len());
        for id in &self.prev {
            w.bytes(&id.0);
        }
        w.bytes(&self.commit_e).bytes(&self.commit_ck);
        write_blobs(w, &self.wraps);
        write_blobs(w, &self.back);
        write_blobs(w, &self.child);
        w.option(self.drop_key.as_deref(), |w, key| {
            w.bytes(key);
        });
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        r.array_exact(8)?;
        let epoch = Self {
            n: r.uint()?,
            prev: read_list(r, EPOCH_PREV_MAX, EntryId)?,
            commit_e: r.bytes_exact()?,
            commit_ck: r.bytes_exact()?,
            wraps: read_blobs(r, EPOCH_WRAPS_MAX)?,
            back: read_blobs(r, EPOCH_PREV_MAX)?,
            child: read_blobs(r, EPOCH_CHILDREN_MAX)?,
            drop_key: r.option(|r| r.bytes_exact().map(Box::new))?,
        };
        let sound = epoch.n >= 1
            && (epoch.n == 1) == epoch.prev.is_empty()
            && epoch.back.len() == epoch.prev.len()
            && epoch.wraps.len() >= 8
            && epoch.wraps.len().is_power_of_two()
            && (epoch.child.is_empty() || epoch.child.len().is_power_of_two());
        if sound { Ok(epoch) } else { Err(CborError::Limit) }
    }
}

impl Member {
    fn write(&self, w: &mut Writer) {
        w.array(4).array(self.capabilities.len());
        for capability in &self.capabilities {
            w.bytes(capability);
        }
        w.option(self.wrap.as_deref(), |w, wrap| {
            w.bytes(wrap);
        });
        w.option(self.commitment, |w, commitment| {
            w.bytes(&commitment);
        });
        write_blobs(w, &self.open);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        r.array_exact(4)?;
        let count = r.array(CHAIN_LEN_MAX)?;
        if !(1..=2).contains(&count) {
            return Err(CborError::Limit);
        }
        let capabilities = (0..count)
            .map(|_| r.bytes(CAPABILITY_LEN_MAX).map(<[u8]>::to_vec))
            .collect::<Result<Vec<_>, _>>()?;
        let wrap = r.option(|r| r.bytes_exact().map(Box::new))?;
        let commitment = r.option(Reader::bytes_exact)?;
        let open = read_blobs(r, DOCUMENT_OPEN_MAX)?;
        let promised = wrap.is_some() == commitment.is_some();
        if promised && (open.is_empty() || wrap.is_some()) {
            Ok(Self { capabilities, wrap, commitment, open })
        } else {
            Err(CborError::Limit)
        }
    }
}

impl RevokeTarget {
    fn write(&self, w: &mut Writer) {
        match self {
            Self::Member(tag) => w.array(2).uint(0).bytes(&tag.0),
            Self::Author(key) => w.array(2).uint(1).bytes(&key.0),
            Self::MemberKey(key) => w.array(2).uint(2).bytes(&key.0),
            Self::Capability(id) => w.array(2).uint(3).bytes(&id.0),
            Self::Document(tag) => w.array(2).uint(4).bytes(&tag.0),
            Self::Bucket => w.array(1).uint(5),
        };
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        let len = r.array(2)?;
        let target = match (len, r.uint()?) {
            (2, 0) => Self::Member(MemberTag(r.bytes_exact()?)),
            (2, 1) => Self::Author(AuthorKey(r.bytes_exact()?)),
            (2, 2) => Self::MemberKey(PublicKey(r.bytes_exact()?)),
            (2, 3) => Self::Capability(CapabilityId(r.bytes_exact()?)),
            (2, 4) => Self::Document(DocumentTag(r.bytes_exact()?)),
            (1, 5) => Self::Bucket,
            _ => return Err(CborError::Unknown),
        };
        Ok(target)
    }
}

impl Revoke {
    fn write(&self, w: &mut Writer) {
        w.array(2).array(self.targets.len());
        for target in &self.targets {
            target.write(w);
        }
        w.array(self.cutoffs.len());
        for (author, seq, id) in &self.cutoffs {
            w.array(3).bytes(&author.0).uint(*seq).bytes(&id.0);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        r.array_exact(2)?;
        let count = r.array(REVOKE_TARGETS_MAX)?;
        let targets = (0..count).map(|_| RevokeTarget::read(r)).collect::<Result<Vec<_>, _>>()?;
        let count = r.array(CUTOFFS_MAX)?;
        let cutoffs = (0..count)
            .map(|_| {
                r.array_exact(3)?;
                Ok((AuthorKey(r.bytes_exact()?), r.uint()?, EntryId(r.bytes_exact()?)))
            })
            .collect::<Result<Vec<_>, CborError>>()?;
        let authors: Vec<_> = cutoffs.iter().map(|cutoff| cutoff.0).collect();
        if targets.is_empty() || !strictly_ascending(&targets) || !strictly_ascending(&authors) {
            return Err(CborError::Order);
        }
        Ok(Self { targets, cutoffs })
    }
}
