//! What the replica's rows say. Comes in: facts. Goes out: their bytes, sealed by the caller where
//! they say anything a thief of the device must not read. Must not know: disks.
//!
//! Bytes: docs/spec/replica.md.

use strongroom_core::document::{DocumentType, Metadata, Timestamp};
use strongroom_core::tree::{What, says_the_same as says_the_same_in_tree};
use strongroom_core::writer::ChainPosition;
use strongroom_wire::capability::Capability;
use strongroom_wire::cbor::{CborError, Reader, Writer};
use strongroom_wire::entry::Hlc;
use strongroom_wire::fingerprint::SetSum;
use strongroom_wire::frame::{Area, Cursor};
use strongroom_wire::ids::{
    BucketId, CapabilityId, DocumentTag, EntryId, PublicKey, Thumbprint, VaultTag,
};
use strongroom_wire::limits::{CAPABILITY_LEN_MAX, CHAIN_LEN_MAX, NAME_LEN_MAX};
use zeroize::Zeroizing;

use super::keys::{self, BucketNo, LocalNo, RemoteNo};

/// A row that reads and writes itself.
pub trait Row: Sized {
    /// Writes the one form.
    fn write(&self, w: &mut Writer);
    /// Reads the one form.
    fn read(r: &mut Reader<'_>) -> Result<Self, CborError>;

    /// The bytes.
    fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        self.write(&mut w);
        w.into_bytes()
    }

    /// Reads the bytes.
    fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        let row = Self::read(&mut r)?;
        r.end()?;
        Ok(row)
    }
}

/// Capabilities from a root key on, each as it was issued.
pub(crate) fn write_chain(w: &mut Writer, chain: &[Vec<u8>]) {
    w.array(chain.len());
    for capability in chain {
        w.bytes(capability);
    }
}

/// Reads what [`write_chain`] wrote.
pub(crate) fn read_chain(r: &mut Reader<'_>) -> Result<Vec<Vec<u8>>, CborError> {
    let count = r.array(CHAIN_LEN_MAX)?;
    (0..count).map(|_| Ok(r.bytes(CAPABILITY_LEN_MAX)?.to_vec())).collect()
}

/// What this device needs to write and read in one bucket. Sealed.
#[derive(Debug, Clone)]
pub struct BucketRecord {
    /// Its number here.
    pub no: BucketNo,
    /// The bucket.
    pub id: BucketId,
    /// The convenient name, as last seen.
    pub label: String,
    /// Seed of the member key.
    pub member_seed: Zeroizing<[u8; 32]>,
    /// Capabilities from the root key to the member key.
    pub member_chain: Vec<Vec<u8>>,
    /// The delegation from the member key to this device's author.
    pub author_capability: Vec<u8>,
    /// Which of the device's authors.
    pub instance: u32,
    /// By which this member finds its wraps.
    pub tag_key: Zeroizing<[u8; 32]>,
    /// Makes the bucket's tags.
    pub name_key: Zeroizing<[u8; 32]>,
    /// Epochs that can be opened: entry id and key.
    pub epochs: Vec<(EntryId, Zeroizing<[u8; 32]>)>,
    /// Epochs of which the content key alone is held: entry id and key. This person is in "from
    /// now on" there.
    pub contents: Vec<(EntryId, Zeroizing<[u8; 32]>)>,
    /// The epoch to write under.
    pub current_epoch: EntryId,
    /// Until when it is fresh, seconds since 1970: then somebody's time is over.
    pub fresh_until: u64,
    /// Whether the bucket was deactivated.
    pub deactivated: bool,
    /// Whether it is the vault's own bucket, which is not listed.
    pub internal: bool,
    /// Whether paths without a bucket mean this one.
    pub default: bool,
}

impl BucketRecord {
    /// Whether the bucket's root key let this person in itself: all keys down to the member key are
    /// of one member.
    pub fn is_of_own_root(&self) -> bool {
        let member = |bytes: &Vec<u8>| Capability::decode(bytes).ok().map(|it| it.claims().member);
        let first = self.member_chain.first().and_then(member);
        self.member_chain.iter().all(|bytes| member(bytes) == first)
    }
}

impl Row for BucketRecord {
    fn write(&self, w: &mut Writer) {
        w.array(16).uint(u64::from(self.no)).bytes(&self.id.0).text(&self.label);
        w.bytes(&*self.member_seed);
        write_chain(w, &self.member_chain);
        w.bytes(&self.author_capability).uint(u64::from(self.instance));
        w.bytes(&*self.tag_key).bytes(&*self.name_key);
        for keys in [&self.epochs, &self.contents] {
            w.array(keys.len());
            for (id, key) in keys {
                w.array(2).bytes(&id.0).bytes(&**key);
            }
        }
        w.bytes(&self.current_epoch.0).uint(self.fresh_until);
        w.bool(self.deactivated).bool(self.internal).bool(self.default);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        r.array_exact(16)?;
        Ok(Self {
            no: r.u32()?,
            id: BucketId(r.bytes_exact()?),
            label: r.text(1_024)?.to_owned(),
            member_seed: Zeroizing::new(r.bytes_exact()?),
            member_chain: read_chain(r)?,
            author_capability: r.bytes(CAPABILITY_LEN_MAX)?.to_vec(),
            instance: r.u32()?,
            tag_key: Zeroizing::new(r.bytes_exact()?),
            name_key: Zeroizing::new(r.bytes_exact()?),
            epochs: read_keys(r)?,
            contents: read_keys(r)?,
            current_epoch: EntryId(r.bytes_exact()?),
            fresh_until: r.uint()?,
            deactivated: r.bool()?,
            internal: r.bool()?,
            default: r.bool()?,
        })
    }
}

/// Epochs and a key of each.
type Keys = Vec<(EntryId, Zeroizing<[u8; 32]>)>;

fn read_keys(r: &mut Reader<'_>) -> Result<Keys, CborError> {
    let count = r.array(1_000_000)?;
    let one = |r: &mut Reader<'_>| {
        r.array_exact(2)?;
        Ok((EntryId(r.bytes_exact()?), Zeroizing::new(r.bytes_exact()?)))
    };
    (0..count).map(|_| one(r)).collect()
}

impl BucketRecord {
    /// The part of the bucket that its chain is about.
    pub fn area(&self) -> Area {
        Self::area_of(&self.member_chain)
    }

    /// The part of a bucket that a chain is about.
    pub fn area_of(chain: &[Vec<u8>]) -> Area {
        let last = chain.last().and_then(|bytes| Capability::decode(bytes).ok());
        last.and_then(|last| Area::of(&last.claims().target)).unwrap_or(Area::Bucket)
    }

    /// Whether it is one document, or one version of it, and not the bucket.
    pub fn is_part(&self) -> bool {
        self.area() != Area::Bucket
    }

    /// Under which it is kept.
    pub fn key(&self) -> Vec<u8> {
        keys::bucket_part(self.id, self.area())
    }
}

/// Where this device stands in one bucket. Clear: it says no more than the headers beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tip {
    /// This device's chain.
    pub position: ChainPosition,
    /// The number of the newest entry here.
    pub last_no: LocalNo,
    /// Fingerprint of all entries here.
    pub sum: SetSum,
}

impl Row for Tip {
    fn write(&self, w: &mut Writer) {
        w.array(5).uint(self.position.next_seq).bytes(&self.position.prev.0);
        w.uint(self.position.clock.0).uint(self.last_no).bytes(&self.sum.to_bytes());
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        r.array_exact(5)?;
        Ok(Self {
            position: ChainPosition {
                next_seq: r.uint()?,
                prev: EntryId(r.bytes_exact()?),
                clock: Hlc(r.uint()?),
            },
            last_no: r.uint()?,
            sum: SetSum::from_bytes(&r.bytes_exact()?),
        })
    }
}

/// Counts of one bucket. Sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Documents that are listed.
    pub documents: u64,
    /// True bytes of their current contents.
    pub content_bytes: u64,
    /// All document tags ever seen.
    pub tags: u64,
    /// Chunks of all versions.
    pub chunks: u64,
    /// Sealed bytes of entries (headers, clear and sealed parts).
    pub entry_bytes: u64,
    /// Clock of the first and newest entry, milliseconds.
    pub first: u64,
    /// See `first`.
    pub last: u64,
}

impl Row for Totals {
    fn write(&self, w: &mut Writer) {
        w.array(7).uint(self.documents).uint(self.content_bytes).uint(self.tags);
        w.uint(self.chunks).uint(self.entry_bytes).uint(self.first).uint(self.last);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        r.array_exact(7)?;
        Ok(Self {
            documents: r.uint()?,
            content_bytes: r.uint()?,
            tags: r.uint()?,
            chunks: r.uint()?,
            entry_bytes: r.uint()?,
            first: r.uint()?,
            last: r.uint()?,
        })
    }
}

/// How a source file looked when this device put it: if nothing of it changed, neither did the
/// content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// When the inode changed.
    pub changed: Timestamp,
}

/// One head of a document, as far as listings need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Version or tombstone.
    pub id: EntryId,
    /// Its number here.
    pub no: LocalNo,
    /// When it was written.
    pub hlc: Hlc,
    /// `None`: a tombstone.
    pub facts: Option<Metadata>,
    /// On this device only.
    pub stamp: Option<Stamp>,
}

impl Row for Head {
    fn write(&self, w: &mut Writer) {
        w.array(5).bytes(&self.id.0).uint(self.no).uint(self.hlc.0);
        w.option(self.facts.as_ref(), write_metadata);
        w.option(self.stamp, |w, stamp| {
            w.array(4).uint(stamp.device).uint(stamp.inode).int(stamp.changed.secs);
            w.uint(u64::from(stamp.changed.nanos));
        });
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        r.array_exact(5)?;
        Ok(Self {
            id: EntryId(r.bytes_exact()?),
            no: r.uint()?,
            hlc: Hlc(r.uint()?),
            facts: r.option(read_metadata)?,
            stamp: r.option(|r| {
                r.array_exact(4)?;
                Ok(Stamp {
                    device: r.uint()?,
                    inode: r.uint()?,
                    changed: Timestamp { secs: r.int()?, nanos: r.u32()? },
                })
            })?,
        })
    }
}

fn write_metadata(w: &mut Writer, m: &Metadata) {
    w.array(9).bytes(&m.parent.0).text(&m.name).uint(m.kind as u64);
    w.option(m.media_type.as_deref(), |w, text| {
        w.text(text);
    });
    w.uint(m.size).int(m.modified.secs).uint(u64::from(m.modified.nanos));
    w.option(m.mode, |w, mode| {
        w.uint(u64::from(mode));
    });
    w.option(m.digest, |w, digest| {
        w.bytes(&digest);
    });
}

fn read_metadata(r: &mut Reader<'_>) -> Result<Metadata, CborError> {
    r.array_exact(9)?;
    Ok(Metadata {
        parent: DocumentTag(r.bytes_exact()?),
        name: r.text(NAME_LEN_MAX)?.to_owned(),
        kind: match r.u8()? {
            0 => DocumentType::Directory,
            1 => DocumentType::File,
            2 => DocumentType::Link,
            3 => DocumentType::Object,
            4 => DocumentType::Internal,
            _ => return Err(CborError::Unknown),
        },
        media_type: r.option(|r| r.text(255).map(str::to_owned))?,
        size: r.uint()?,
        modified: Timestamp { secs: r.int()?, nanos: r.u32()? },
        mode: r.option(|r| r.uint_max(0o7777).map(|mode| mode as u16))?,
        digest: r.option(Reader::bytes_exact)?,
        schema: None,
    })
}

/// A document: its heads, and where it is shown. Sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentRow {
    /// The directory it is shown in.
    pub shown_in: DocumentTag,
    /// Whether that is not the one it names: its parent is absent, removed, or below itself.
    pub displaced: bool,
    /// Heads, highest (hlc, id) first.
    pub heads: Vec<Head>,
}

impl Default for DocumentRow {
    fn default() -> Self {
        Self { shown_in: DocumentTag::ZERO, displaced: false, heads: Vec::new() }
    }
}

impl DocumentRow {
    /// The head that keeps the name: the highest that is not a tombstone.
    pub fn current(&self) -> Option<&Head> {
        self.heads.iter().find(|head| head.facts.is_some())
    }

    /// Heads that are shown. Two devices that made the same directory, or stored the same content,
    /// meet in one document with two heads that say the same: that is no conflict, and shown once.
    pub fn live(&self) -> impl Iterator<Item = &Head> {
        let current = self.current();
        self.heads.iter().filter(move |head| {
            head.facts.is_some()
                && (current.is_some_and(|first| first.id == head.id)
                    || !current.is_some_and(|first| says_the_same(first, head)))
        })
    }

    /// More than one head that a person should look at.
    pub fn is_conflict(&self) -> bool {
        let Some(current) = self.current() else { return false };
        self.heads.iter().any(|head| head.id != current.id && !says_the_same(current, head))
    }
}

/// Whether both heads are the same directory in the same place, or the same content.
fn says_the_same(a: &Head, b: &Head) -> bool {
    match (&a.facts, &b.facts) {
        (Some(a), Some(b)) => {
            let of = |it: &Metadata| (it.parent, What::of(it));
            says_the_same_in_tree((of(a), &a.name), (of(b), &b.name))
        }
        _ => false,
    }
}

impl Row for DocumentRow {
    fn write(&self, w: &mut Writer) {
        w.array(3).bytes(&self.shown_in.0).bool(self.displaced).array(self.heads.len());
        for head in &self.heads {
            head.write(w);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        r.array_exact(3)?;
        let shown_in = DocumentTag(r.bytes_exact()?);
        let displaced = r.bool()?;
        let count = r.array(65_536)?;
        let heads = (0..count).map(|_| Head::read(r)).collect::<Result<_, _>>()?;
        Ok(Self { shown_in, displaced, heads })
    }
}

/// One name in a directory. Sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameRow {
    /// The document.
    pub tag: DocumentTag,
    /// Whether it keeps the name among its own heads.
    pub first: bool,
    /// Whether the document has several heads.
    pub conflict: bool,
    /// Whether it is shown here for want of its parent.
    pub displaced: bool,
    /// The head.
    pub head: Head,
}

impl Row for NameRow {
    fn write(&self, w: &mut Writer) {
        w.array(5).bytes(&self.tag.0).bool(self.first).bool(self.conflict).bool(self.displaced);
        self.head.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        r.array_exact(5)?;
        Ok(Self {
            tag: DocumentTag(r.bytes_exact()?),
            first: r.bool()?,
            conflict: r.bool()?,
            displaced: r.bool()?,
            head: Head::read(r)?,
        })
    }
}

/// A provider this replica exchanges entries with. Sealed.
#[derive(Debug, Clone)]
pub struct RemoteRecord {
    /// Its number here.
    pub no: RemoteNo,
    /// Its address.
    pub url: String,
    /// Its key's thumbprint, pinned at first contact.
    pub key: Thumbprint,
    /// The vault's name there.
    pub vault: VaultTag,
    /// Seed of the vault's root key there.
    pub vault_seed: Zeroizing<[u8; 32]>,
    /// Buckets that were opened there.
    pub buckets: Vec<BucketId>,
    /// Counter of the recovery record last put there.
    pub record_counter: u64,
    /// Reads of the recovery record that the person was told of.
    pub record_reads: u64,
}

impl Row for RemoteRecord {
    fn write(&self, w: &mut Writer) {
        w.array(8).uint(u64::from(self.no)).text(&self.url).bytes(&self.key.0);
        w.bytes(&self.vault.0).bytes(&*self.vault_seed).array(self.buckets.len());
        for bucket in &self.buckets {
            w.bytes(&bucket.0);
        }
        w.uint(self.record_counter).uint(self.record_reads);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        r.array_exact(8)?;
        Ok(Self {
            no: r.u32()?,
            url: r.text(2_048)?.to_owned(),
            key: Thumbprint(r.bytes_exact()?),
            vault: VaultTag(r.bytes_exact()?),
            vault_seed: Zeroizing::new(r.bytes_exact()?),
            buckets: {
                let count = r.array(1_000_000)?;
                (0..count)
                    .map(|_| r.bytes_exact().map(BucketId))
                    .collect::<Result<_, CborError>>()?
            },
            record_counter: r.uint()?,
            record_reads: r.uint()?,
        })
    }
}

/// Where the exchange with one remote about one bucket stands, and what went over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SyncState {
    /// The provider's place, trusted for nothing.
    pub cursor: Option<Cursor>,
    /// Entries up to this number are there.
    pub pushed: LocalNo,
    /// Last complete exchange, seconds since 1970.
    pub synced: u64,
    /// Requests made by this device.
    pub requests: u64,
    /// Bytes sent by this device.
    pub bytes_sent: u64,
    /// Exchanges since the whole sets were compared.
    pub since_compared: u64,
    /// Whether the sets differed when last compared.
    pub differs: bool,
    /// Whether the bucket is closed to this person there: nobody takes what it has not sent.
    pub closed: bool,
}

impl Row for SyncState {
    fn write(&self, w: &mut Writer) {
        w.array(8).option(self.cursor, |w, cursor| {
            w.array(2).bytes(&cursor.log).uint(cursor.at);
        });
        w.uint(self.pushed).uint(self.synced).uint(self.requests).uint(self.bytes_sent);
        w.uint(self.since_compared).bool(self.differs).bool(self.closed);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        r.array_exact(8)?;
        Ok(Self {
            cursor: r.option(|r| {
                r.array_exact(2)?;
                Ok(Cursor { log: r.bytes_exact()?, at: r.uint()? })
            })?,
            pushed: r.uint()?,
            synced: r.uint()?,
            requests: r.uint()?,
            bytes_sent: r.uint()?,
            since_compared: r.uint()?,
            differs: r.bool()?,
            closed: r.bool()?,
        })
    }
}

/// Facts of the whole replica. Sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// The vault's own bucket.
    pub vault_bucket: BucketId,
    /// Next number for a bucket.
    pub next_bucket: BucketNo,
    /// Next number for a remote.
    pub next_remote: RemoteNo,
    /// Public half of the recovery pair, 1,216 bytes.
    pub recovery_public: Vec<u8>,
    /// The recovery locator: makes record ids without the phrase.
    pub recovery_locator: Zeroizing<[u8; 32]>,
    /// This device's key.
    pub device: PublicKey,
    /// Most bytes of chunks kept here.
    pub cache_limit: u64,
}

impl Row for Meta {
    fn write(&self, w: &mut Writer) {
        w.array(7).bytes(&self.vault_bucket.0).uint(u64::from(self.next_bucket));
        w.uint(u64::from(self.next_remote)).bytes(&self.recovery_public);
        w.bytes(&*self.recovery_locator).bytes(&self.device.0).uint(self.cache_limit);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        r.array_exact(7)?;
        Ok(Self {
            vault_bucket: BucketId(r.bytes_exact()?),
            next_bucket: r.u32()?,
            next_remote: r.u32()?,
            recovery_public: r.bytes(1_216)?.to_vec(),
            recovery_locator: Zeroizing::new(r.bytes_exact()?),
            device: PublicKey(r.bytes_exact()?),
            cache_limit: r.uint()?,
        })
    }
}

/// The id of the capability in a record.
pub fn capability_id(bytes: &[u8]) -> CapabilityId {
    CapabilityId(*blake3::hash(bytes).as_bytes())
}
