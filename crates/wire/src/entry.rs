//! Entries: one signed header, one clear part, one sealed part. Comes in: fields of a member, or
//! bytes of a stranger. Goes out: an [`Entry`] whose body matches its header, byte for byte. Must
//! not know: what the sealed part says, or whether its author may write (see `control`).
//!
//! Bytes: docs/spec/entry.md. Golden files: vectors/entry/.

use crate::cbor::{CborError, Reader, Writer, strictly_ascending};
use crate::format::ENTRY_PREFIX;
use crate::ids::{AuthorKey, BucketId, CapabilityId, DocumentTag, EntryId};
use crate::limits::{
    CLEAR_LEN_MAX, HEADER_LEN_MAX, PARENTS_MAX, SEAL_TAG_LEN, SEALED_LEN_MAX, SUITE_MAX,
};

/// What an entry is about. The numbers are those of docs/spec/entry.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Founds a bucket.
    Genesis = 0,
    /// One state of a document.
    Version = 1,
    /// A new bucket key.
    Epoch = 2,
    /// Capabilities and a wrapped key for a member.
    Member = 3,
    /// Takes capabilities, authors or members out; or deactivates the bucket.
    Revoke = 4,
    /// What a device has seen.
    Checkpoint = 5,
    /// A document is removed; its versions stay until `keep_until`.
    Tombstone = 6,
    /// Sealed parts and chunks a provider shall drop.
    Purge = 7,
    /// A message, or what somebody put into a drop.
    Message = 8,
    /// A piece of the search index.
    Segment = 9,
}

impl Kind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Genesis,
        Self::Version,
        Self::Epoch,
        Self::Member,
        Self::Revoke,
        Self::Checkpoint,
        Self::Tombstone,
        Self::Purge,
        Self::Message,
        Self::Segment,
    ];

    /// Whether entries of this kind make up the control log.
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Genesis | Self::Epoch | Self::Member | Self::Revoke)
    }

    fn from_u8(number: u8) -> Result<Self, CborError> {
        Self::ALL.get(usize::from(number)).copied().ok_or(CborError::Unknown)
    }
}

/// Hybrid logical clock: 48 bits of milliseconds since 1970, then a 16-bit counter.
///
/// ```
/// use strongroom_wire::entry::Hlc;
/// let a = Hlc::new(1_000, 0);
/// assert_eq!(a.after(Hlc::new(1_000, 4)), Hlc::new(1_000, 5));
/// assert_eq!(a.after(Hlc::new(999, 4)), a);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hlc(pub u64);

impl Hlc {
    /// From milliseconds (cut to 48 bits) and a counter.
    pub const fn new(millis: u64, counter: u16) -> Self {
        Self((millis << 16) | counter as u64)
    }

    /// Milliseconds since 1970.
    pub const fn millis(self) -> u64 {
        self.0 >> 16
    }

    /// Whole seconds since 1970, as capabilities count them.
    pub const fn secs(self) -> u64 {
        self.millis() / 1_000
    }

    /// The clock for something written now (`self`) by someone who has seen `seen`.
    #[must_use]
    pub const fn after(self, seen: Self) -> Self {
        if self.0 > seen.0 { self } else { Self(seen.0.saturating_add(1)) }
    }
}

/// The clear, signed fields of an entry. See docs/spec/entry.md for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Which algorithms; only ever goes up within a bucket.
    pub suite: u8,
    /// The bucket; zero in its genesis.
    pub bucket: BucketId,
    /// The document; zero for the control log, checkpoints and purges.
    pub document: DocumentTag,
    /// What this entry is about.
    pub kind: Kind,
    /// Heads this entry follows, ascending.
    pub parents: Vec<EntryId>,
    /// The epoch whose key seals this entry; zero in genesis and epoch entries.
    pub epoch: EntryId,
    /// Generation of the document's key.
    pub generation: u32,
    /// Makes the key of the sealed part.
    pub nonce: [u8; 32],
    /// Commitment to the key of the sealed part.
    pub kc: [u8; 32],
    /// When, by the author's clock; never before anything it follows.
    pub hlc: Hlc,
    /// Who, as a pseudonym of one device in one bucket.
    pub author: AuthorKey,
    /// Position in the author's chain, from 0.
    pub seq: u64,
    /// The author's entry before; zero at 0.
    pub prev: EntryId,
    /// The capability used; zero for the root key.
    pub cap: CapabilityId,
    /// Bytes of the sealed part, tag included.
    pub sealed_len: u32,
    /// BLAKE3(BLAKE3(clear part) ‖ BLAKE3(sealed part)).
    pub body_hash: [u8; 32],
}

/// Number of fields in a header.
const FIELDS: usize = 16;

impl Header {
    /// The canonical bytes: what is hashed into the id and what is signed.
    pub fn encode(&self) -> Vec<u8> {
        self.encode_with(&self.body_hash)
    }

    /// What the sealed part is bound to: the header with BLAKE3(clear part) in place of the body's
    /// hash, which cannot be known before sealing.
    pub fn aad(&self, clear_hash: &[u8; 32]) -> Vec<u8> {
        self.encode_with(clear_hash)
    }

    fn encode_with(&self, last: &[u8; 32]) -> Vec<u8> {
        let mut w = Writer::with_capacity(384 + self.parents.len() * 34);
        w.array(FIELDS).uint(u64::from(self.suite));
        w.bytes(&self.bucket.0).bytes(&self.document.0).uint(u64::from(self.kind as u8));
        w.array(self.parents.len());
        for parent in &self.parents {
            w.bytes(&parent.0);
        }
        w.bytes(&self.epoch.0).uint(u64::from(self.generation));
        w.bytes(&self.nonce).bytes(&self.kc).uint(self.hlc.0);
        w.bytes(&self.author.0).uint(self.seq).bytes(&self.prev.0).bytes(&self.cap.0);
        w.uint(u64::from(self.sealed_len)).bytes(last);
        w.into_bytes()
    }

    /// Reads canonical bytes and the rules that hold for every header alone.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        if bytes.len() > HEADER_LEN_MAX {
            return Err(CborError::Limit);
        }
        let mut r = Reader::new(bytes);
        r.array_exact(FIELDS)?;
        let header = Self {
            suite: r.u8()?,
            bucket: BucketId(r.bytes_exact()?),
            document: DocumentTag(r.bytes_exact()?),
            kind: Kind::from_u8(r.u8()?)?,
            parents: read_ids(&mut r, PARENTS_MAX)?,
            epoch: EntryId(r.bytes_exact()?),
            generation: r.u32()?,
            nonce: r.bytes_exact()?,
            kc: r.bytes_exact()?,
            hlc: Hlc(r.uint()?),
            author: AuthorKey(r.bytes_exact()?),
            seq: r.uint()?,
            prev: EntryId(r.bytes_exact()?),
            cap: CapabilityId(r.bytes_exact()?),
            sealed_len: r.u32()?,
            body_hash: r.bytes_exact()?,
        };
        r.end()?;
        header.check_alone()?;
        Ok(header)
    }

    /// What must hold whatever else is known.
    fn check_alone(&self) -> Result<(), CborError> {
        let genesis = self.kind == Kind::Genesis;
        let no_epoch = genesis || self.kind == Kind::Epoch;
        let no_document = self.kind.is_control()
            || matches!(self.kind, Kind::Checkpoint | Kind::Purge | Kind::Segment);
        let sound = (1..=SUITE_MAX).contains(&self.suite)
            && genesis == self.bucket.is_zero()
            && no_epoch == self.epoch.is_zero()
            && no_document == self.document.is_zero()
            && (self.seq == 0) == self.prev.is_zero()
            && (!genesis || (self.seq == 0 && self.parents.is_empty() && self.cap.is_zero()))
            && (genesis || !self.kind.is_control() || !self.parents.is_empty())
            && self.sealed_len as usize <= SEALED_LEN_MAX
            && (genesis == (self.sealed_len == 0))
            && (genesis || self.sealed_len as usize >= SEAL_TAG_LEN);
        if sound { Ok(()) } else { Err(CborError::Unknown) }
    }
}

fn read_ids(r: &mut Reader<'_>, max: usize) -> Result<Vec<EntryId>, CborError> {
    let count = r.array(max)?;
    let ids = (0..count).map(|_| r.bytes_exact().map(EntryId)).collect::<Result<Vec<_>, _>>()?;
    if strictly_ascending(&ids) { Ok(ids) } else { Err(CborError::Order) }
}

/// The sealed part: here, or purged, with the hash that stands for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sealed {
    /// The bytes.
    Here(Vec<u8>),
    /// Dropped after a purge; its BLAKE3 keeps the header checkable.
    Gone([u8; 32]),
}

impl Sealed {
    /// BLAKE3 of the sealed bytes.
    pub fn hash(&self) -> [u8; 32] {
        match self {
            Self::Here(bytes) => *blake3::hash(bytes).as_bytes(),
            Self::Gone(hash) => *hash,
        }
    }
}

/// Why bytes are not an entry. Nothing more is told: a stranger learns nothing from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// The bytes are not the canonical form.
    #[error("not an entry: {0}")]
    Form(#[from] CborError),
    /// Header and body do not belong together.
    #[error("an entry's body does not match its header")]
    Body,
}

/// An entry whose body matches its header. Who wrote it is not checked yet: that takes the
/// author's chain, see [`crate::chain`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    header: Header,
    header_bytes: Vec<u8>,
    id: EntryId,
    signature: Option<[u8; 64]>,
    clear: Vec<u8>,
    sealed: Sealed,
}

impl Entry {
    /// Puts an entry together. `sealed_len` and `body_hash` of the header are set here.
    pub fn assemble(mut header: Header, clear: Vec<u8>, sealed: Vec<u8>) -> Self {
        let sealed = Sealed::Here(sealed);
        if let Sealed::Here(bytes) = &sealed {
            header.sealed_len = bytes.len() as u32;
        }
        header.body_hash = body_hash(&clear, &sealed);
        let header_bytes = header.encode();
        let id = EntryId(*blake3::hash(&header_bytes).as_bytes());
        Self { header, header_bytes, id, signature: None, clear, sealed }
    }

    /// Adds the author's signature over [`Entry::signing_input`].
    #[must_use]
    pub fn signed(mut self, signature: [u8; 64]) -> Self {
        self.signature = Some(signature);
        self
    }

    /// What the author signs.
    pub fn signing_input(&self) -> Vec<u8> {
        [ENTRY_PREFIX, &self.header_bytes].concat()
    }

    /// The fields.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The canonical bytes of the header.
    pub fn header_bytes(&self) -> &[u8] {
        &self.header_bytes
    }

    /// BLAKE3 of the header bytes.
    pub const fn id(&self) -> EntryId {
        self.id
    }

    /// The bucket this entry belongs to, a genesis to the one it founds.
    pub fn bucket(&self) -> BucketId {
        if self.header.kind == Kind::Genesis { self.id.to_bucket() } else { self.header.bucket }
    }

    /// The signature, where one was kept; entries inside an author's run need none.
    pub const fn signature(&self) -> Option<&[u8; 64]> {
        self.signature.as_ref()
    }

    /// The clear part.
    pub fn clear(&self) -> &[u8] {
        &self.clear
    }

    /// The sealed part.
    pub const fn sealed(&self) -> &Sealed {
        &self.sealed
    }

    /// The sealed bytes, unless they were purged.
    pub fn sealed_bytes(&self) -> Option<&[u8]> {
        match &self.sealed {
            Sealed::Here(bytes) => Some(bytes),
            Sealed::Gone(_) => None,
        }
    }

    /// Drops the sealed part and keeps its hash.
    #[must_use]
    pub fn without_sealed(mut self) -> Self {
        self.sealed = Sealed::Gone(self.sealed.hash());
        self
    }

    /// `[header, signature, clear, sealed]`, as it travels and rests.
    pub fn encode(&self) -> Vec<u8> {
        let sealed_len = self.sealed_bytes().map_or(34, <[u8]>::len);
        let mut w = Writer::with_capacity(
            self.header_bytes.len() + self.clear.len() + sealed_len + 64 + 16,
        );
        w.array(4).bytes(&self.header_bytes);
        w.bytes(self.signature.as_ref().map_or(&[][..], |s| &s[..])).bytes(&self.clear);
        match &self.sealed {
            Sealed::Here(bytes) => w.bytes(bytes),
            Sealed::Gone(hash) => w.array(1).bytes(hash),
        };
        w.into_bytes()
    }

    /// Reads one entry and checks that its body matches its header.
    pub fn decode(bytes: &[u8]) -> Result<Self, EntryError> {
        let mut r = Reader::new(bytes);
        let entry = Self::read(&mut r)?;
        r.end()?;
        Ok(entry)
    }

    /// Reads one entry of several.
    pub fn read(r: &mut Reader<'_>) -> Result<Self, EntryError> {
        r.array_exact(4)?;
        let header_bytes = r.bytes(HEADER_LEN_MAX)?;
        let header = Header::decode(header_bytes)?;
        let signature = match r.bytes(64)? {
            [] => None,
            full => Some(full.try_into().map_err(|_| CborError::Limit)?),
        };
        let clear = r.bytes(CLEAR_LEN_MAX)?.to_vec();
        let sealed = if r.is_array() {
            // Nothing cannot be purged: an entry without a sealed part has one form.
            if header.sealed_len == 0 {
                return Err(CborError::Unknown.into());
            }
            r.array_exact(1)?;
            Sealed::Gone(r.bytes_exact()?)
        } else {
            let bytes = r.bytes(SEALED_LEN_MAX)?;
            if bytes.len() != header.sealed_len as usize {
                return Err(EntryError::Body);
            }
            Sealed::Here(bytes.to_vec())
        };
        if body_hash(&clear, &sealed) != header.body_hash {
            return Err(EntryError::Body);
        }
        let id = EntryId(*blake3::hash(header_bytes).as_bytes());
        Ok(Self { header, header_bytes: header_bytes.to_vec(), id, signature, clear, sealed })
    }
}

/// BLAKE3(BLAKE3(clear) ‖ BLAKE3(sealed)): either part can be checked with 32 bytes for the other.
fn body_hash(clear: &[u8], sealed: &Sealed) -> [u8; 32] {
    let mut both = [0_u8; 64];
    let (left, right) = both.split_at_mut(32);
    left.copy_from_slice(blake3::hash(clear).as_bytes());
    right.copy_from_slice(&sealed.hash());
    *blake3::hash(&both).as_bytes()
}
