//! Rows: how what a provider knows is laid out in an ordered store. Comes in: ids and typed rows.
//! Goes out: keys and values. Must not know: who asks, or when a row may be written.
//!
//! The table is docs/spec/provider-rows.md. The first byte of a key names its table; ids follow
//! at their full length, numbers big-endian, so that a scan visits them in order.

mod standing;

pub use standing::{AuthorTip, Place, Version};

use strongroom_wire::cbor::{CborError, Reader, Writer};
use strongroom_wire::fingerprint::SetSum;
use strongroom_wire::ids::{
    AuthorKey, BucketId, CapabilityId, ChunkId, DocumentTag, EntryId, LinkId, PublicKey, RecordId,
    VaultTag,
};
use strongroom_wire::limits::RECOVERY_RECORD_LEN;

/// Bytes counted against a quota for each entry and each chunk, for the rows around it.
pub const OVERHEAD: u64 = 256;

fn key(table: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + parts.iter().map(|part| part.len()).sum::<usize>());
    key.push(table);
    for part in parts {
        key.extend_from_slice(part);
    }
    key
}

/// `f` → the format number of these rows.
pub const FORMAT_KEY: &[u8] = b"f";

/// `v` vault → [`VaultRow`].
pub fn vault(vault: VaultTag) -> Vec<u8> {
    key(b'v', &[&vault.0])
}

/// `h` vault, bucket → empty: what the vault opened here.
pub fn holding(vault: VaultTag, bucket: BucketId) -> Vec<u8> {
    key(b'h', &[&vault.0, &bucket.0])
}

/// All of a vault's [`holding`]s.
pub fn holdings(vault: VaultTag) -> Vec<u8> {
    key(b'h', &[&vault.0])
}

/// The bucket of a [`holding`] key.
pub fn bucket_of_holding(key: &[u8]) -> Option<BucketId> {
    key.get(17..)?.try_into().ok().map(BucketId)
}

/// `b` bucket → [`Meta`].
pub fn meta(bucket: BucketId) -> Vec<u8> {
    key(b'b', &[&bucket.0])
}

/// `e` bucket, entry → [`Place`].
pub fn entry(bucket: BucketId, entry: EntryId) -> Vec<u8> {
    key(b'e', &[&bucket.0, &entry.0])
}

/// `n` bucket, arrival number → one flag byte, then the entry as it travels.
pub fn arrival(bucket: BucketId, number: u64) -> Vec<u8> {
    key(b'n', &[&bucket.0, &number.to_be_bytes()])
}

/// The number of an [`arrival`] key.
pub fn number_of_arrival(key: &[u8]) -> Option<u64> {
    key.get(33..)?.try_into().ok().map(u64::from_be_bytes)
}

/// Flag of an arrival: the last of its request. A pull never ends inside a request, because the
/// signature that covers an author's run may stand at its end.
pub const LAST_OF_REQUEST: u8 = 1;

/// `k` bucket, arrival number → empty: this arrival belongs to the control log.
pub fn control(bucket: BucketId, number: u64) -> Vec<u8> {
    key(b'k', &[&bucket.0, &number.to_be_bytes()])
}

/// All of a bucket's [`control`] rows.
pub fn controls(bucket: BucketId) -> Vec<u8> {
    key(b'k', &[&bucket.0])
}

/// `a` bucket, author → [`AuthorTip`].
pub fn author(bucket: BucketId, author: AuthorKey) -> Vec<u8> {
    key(b'a', &[&bucket.0, &author.0])
}

/// `d` bucket, document → empty: for counting.
pub fn document(bucket: BucketId, document: DocumentTag) -> Vec<u8> {
    key(b'd', &[&bucket.0, &document.0])
}

/// `j` bucket, document, arrival number → [`Version`]: what is about this document.
pub fn version(bucket: BucketId, document: DocumentTag, number: u64) -> Vec<u8> {
    key(b'j', &[&bucket.0, &document.0, &number.to_be_bytes()])
}

/// The number of a [`version`] key.
pub fn number_of_version(key: &[u8]) -> Option<u64> {
    key.get(49..)?.try_into().ok().map(u64::from_be_bytes)
}

/// `c` bucket, chunk → [`ChunkRow`].
pub fn chunk(bucket: BucketId, chunk: ChunkId) -> Vec<u8> {
    key(b'c', &[&bucket.0, &chunk.0])
}

/// `o` chunk, bucket → empty: the bytes go when the last of these goes.
pub fn owner(chunk: ChunkId, bucket: BucketId) -> Vec<u8> {
    key(b'o', &[&chunk.0, &bucket.0])
}

/// All owners of a chunk.
pub fn owners(chunk: &[u8; 32]) -> Vec<u8> {
    key(b'o', &[chunk])
}

/// `q` second, bucket, chunk → empty: put then, and nothing refers to it yet.
pub fn orphan(put_at: u64, bucket: BucketId, chunk: ChunkId) -> Vec<u8> {
    key(b'q', &[&put_at.to_be_bytes(), &bucket.0, &chunk.0])
}

/// The end of a scan for orphans put before this second.
pub fn orphans_before(put_at: u64) -> Vec<u8> {
    key(b'q', &[&put_at.to_be_bytes()])
}

/// The parts of an [`orphan`] key.
pub fn parts_of_orphan(key: &[u8]) -> Option<(u64, BucketId, ChunkId)> {
    let put_at = key.get(1..9)?.try_into().ok().map(u64::from_be_bytes)?;
    let bucket = BucketId(key.get(9..41)?.try_into().ok()?);
    Some((put_at, bucket, ChunkId(key.get(41..)?.try_into().ok()?)))
}

/// `m` bucket, chunk → empty: entries refer to it and it is lost. See [`ChunkRow::lost`].
pub fn lost(bucket: BucketId, chunk: ChunkId) -> Vec<u8> {
    key(b'm', &[&bucket.0, &chunk.0])
}

/// All of a bucket's [`lost`] chunks.
pub fn all_lost(bucket: BucketId) -> Vec<u8> {
    key(b'm', &[&bucket.0])
}

/// The chunk of a [`lost`] key.
pub fn chunk_of_lost(key: &[u8]) -> Option<ChunkId> {
    key.get(33..)?.try_into().ok().map(ChunkId)
}

/// `p` bucket, capability → [`Spent`]: what was put in under a capability with a quota.
pub fn spent(bucket: BucketId, capability: CapabilityId) -> Vec<u8> {
    key(b'p', &[&bucket.0, &capability.0])
}

/// `w` bucket → its drop card, as it was put.
pub fn drop_card(bucket: BucketId) -> Vec<u8> {
    key(b'w', &[&bucket.0])
}

/// `r` record → [`RecordRow`].
pub fn record(record: RecordId) -> Vec<u8> {
    key(b'r', &[&record.0])
}

/// `s` record, counter → second of its replacement (u64), then the record: older ones.
pub fn older_record(record: RecordId, counter: u64) -> Vec<u8> {
    key(b's', &[&record.0, &counter.to_be_bytes()])
}

/// All older records of one id.
pub fn older_records(record: RecordId) -> Vec<u8> {
    key(b's', &[&record.0])
}

/// `l` bucket, link → [`LinkRow`].
pub fn link(bucket: BucketId, link: LinkId) -> Vec<u8> {
    key(b'l', &[&bucket.0, &link.0])
}

/// All of a bucket's [`link`]s.
pub fn links(bucket: BucketId) -> Vec<u8> {
    key(b'l', &[&bucket.0])
}

/// The bucket of a [`link`]'s key; of no other table's.
pub fn bucket_of_link(key: &[u8]) -> Option<BucketId> {
    let bucket = key.strip_prefix(ALL_LINKS)?.first_chunk::<32>()?;
    Some(BucketId(*bucket))
}

/// Every bucket's links.
pub const ALL_LINKS: &[u8] = b"l";

/// `u` bucket, counted capability → [`UsesRow`].
pub fn uses(bucket: BucketId, counted: CapabilityId) -> Vec<u8> {
    key(b'u', &[&bucket.0, &counted.0])
}

/// Every count of uses.
pub const ALL_USES: &[u8] = b"u";

/// `y` bucket, counted capability, use key → second from which it is of no use (u64).
pub fn use_key(bucket: BucketId, counted: CapabilityId, key_used: PublicKey) -> Vec<u8> {
    key(b'y', &[&bucket.0, &counted.0, &key_used.0])
}

/// Every use key.
pub const ALL_USE_KEYS: &[u8] = b"y";

/// The value of a [`use_key`].
pub fn until(expires: u64) -> Vec<u8> {
    expires.to_be_bytes().to_vec()
}

/// Reads what [`until`] wrote.
pub fn read_until(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}

/// One vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VaultRow {
    /// Its root key at this provider.
    pub key: PublicKey,
    /// Seconds since 1970.
    pub opened_at: u64,
    /// How often its recovery record was read.
    pub record_reads: u64,
    /// When last; 0: never.
    pub record_read_at: u64,
}

impl VaultRow {
    /// The row's value.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::with_capacity(64);
        w.array(4).bytes(&self.key.0).uint(self.opened_at);
        w.uint(self.record_reads).uint(self.record_read_at);
        w.into_bytes()
    }

    /// Reads the row's value.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        r.array_exact(4)?;
        let row = Self {
            key: PublicKey(r.bytes_exact()?),
            opened_at: r.uint()?,
            record_reads: r.uint()?,
            record_read_at: r.uint()?,
        };
        r.end()?;
        Ok(row)
    }
}

/// What is counted of one bucket. Every batch of the bucket expects the row as the batch before
/// left it, so that no batch is applied after one that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    /// The vault that is billed.
    pub vault: VaultTag,
    /// Random name of the arrival order.
    pub log: [u8; 8],
    /// Batches so far.
    pub revision: u64,
    /// Entries numbered so far; the newest has this number.
    pub arrivals: u64,
    /// Sum and count of the whole set.
    pub sum: SetSum,
    /// Bytes of entries.
    pub entry_bytes: u64,
    /// Chunks put under this bucket.
    pub chunks: u64,
    /// Bytes of them.
    pub chunk_bytes: u64,
    /// Different authors.
    pub authors: u64,
    /// Different document tags.
    pub documents: u64,
    /// Seconds since 1970 of the first entry.
    pub first_at: u64,
    /// Seconds since 1970 of the newest.
    pub last_at: u64,
}

impl Meta {
    /// A bucket that holds nothing yet.
    pub fn new(vault: VaultTag, log: [u8; 8], now: u64) -> Self {
        Self {
            vault,
            log,
            revision: 0,
            arrivals: 0,
            sum: SetSum::default(),
            entry_bytes: 0,
            chunks: 0,
            chunk_bytes: 0,
            authors: 0,
            documents: 0,
            first_at: now,
            last_at: now,
        }
    }

    /// Bytes it takes from its vault's quota.
    pub fn used_bytes(&self) -> u64 {
        self.entry_bytes + self.chunk_bytes + OVERHEAD * (self.arrivals + self.chunks)
    }

    /// The row's value.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::with_capacity(160);
        w.array(12).bytes(&self.vault.0).bytes(&self.log).uint(self.revision).uint(self.arrivals);
        w.bytes(&self.sum.to_bytes()).uint(self.entry_bytes).uint(self.chunks);
        w.uint(self.chunk_bytes).uint(self.authors).uint(self.documents);
        w.uint(self.first_at).uint(self.last_at);
        w.into_bytes()
    }

    /// Reads the row's value.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        r.array_exact(12)?;
        let meta = Self {
            vault: VaultTag(r.bytes_exact()?),
            log: r.bytes_exact()?,
            revision: r.uint()?,
            arrivals: r.uint()?,
            sum: SetSum::from_bytes(&r.bytes_exact()?),
            entry_bytes: r.uint()?,
            chunks: r.uint()?,
            chunk_bytes: r.uint()?,
            authors: r.uint()?,
            documents: r.uint()?,
            first_at: r.uint()?,
            last_at: r.uint()?,
        };
        r.end()?;
        Ok(meta)
    }
}

/// A chunk under one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkRow {
    /// Bytes; 0: none are here, and entries refer to it. No chunk is empty.
    pub len: u32,
    /// Second of its put, while no entry refers to it; 0: one does. Of a lost one: 1 if it is a
    /// reference list.
    pub orphan_since: u64,
}

impl ChunkRow {
    /// Entries refer to it, and whoever brought them could not bring it.
    pub const fn lost(is_list: bool) -> Self {
        Self { len: 0, orphan_since: is_list as u64 }
    }

    /// Whether its bytes are here.
    pub const fn is_here(&self) -> bool {
        self.len > 0
    }

    /// Whether it is a lost reference list.
    pub const fn is_lost_list(&self) -> bool {
        self.len == 0 && self.orphan_since == 1
    }

    /// The row's value: u32, u64.
    pub fn encode(&self) -> Vec<u8> {
        [&self.len.to_be_bytes()[..], &self.orphan_since.to_be_bytes()].concat()
    }

    /// Reads the row's value.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (len, since) = bytes.split_first_chunk::<4>()?;
        let orphan_since = u64::from_be_bytes(since.try_into().ok()?);
        Some(Self { len: u32::from_be_bytes(*len), orphan_since })
    }
}

/// What was put in under a capability with a quota, and all below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    /// Bytes of entries and chunks, with what stands around each; ever.
    pub bytes: u64,
    /// Entries, ever.
    pub entries: u64,
    /// Hour since 1970 of the newest entry.
    pub hour: u64,
    /// Entries in that hour.
    pub in_hour: u64,
}

impl Spent {
    /// The row's value: four u64.
    pub fn encode(&self) -> Vec<u8> {
        let parts = [self.bytes, self.entries, self.hour, self.in_hour];
        parts.iter().flat_map(|part| part.to_be_bytes()).collect()
    }

    /// Reads the row's value.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (parts, []) = bytes.as_chunks::<8>() else { return None };
        let [bytes, entries, hour, in_hour] = parts else { return None };
        Some(Self {
            bytes: u64::from_be_bytes(*bytes),
            entries: u64::from_be_bytes(*entries),
            hour: u64::from_be_bytes(*hour),
            in_hour: u64::from_be_bytes(*in_hour),
        })
    }
}

/// The newest recovery record under one id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordRow {
    /// The vault that put it.
    pub vault: VaultTag,
    /// The key that signs it and its reads.
    pub key: PublicKey,
    /// Its counter.
    pub counter: u64,
    /// The record.
    pub record: Vec<u8>,
}

impl RecordRow {
    /// The row's value.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::with_capacity(RECOVERY_RECORD_LEN + 80);
        w.array(4).bytes(&self.vault.0).bytes(&self.key.0).uint(self.counter).bytes(&self.record);
        w.into_bytes()
    }

    /// Reads the row's value.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        r.array_exact(4)?;
        let row = Self {
            vault: VaultTag(r.bytes_exact()?),
            key: PublicKey(r.bytes_exact()?),
            counter: r.uint()?,
            record: r.bytes(RECOVERY_RECORD_LEN)?.to_vec(),
        };
        r.end()?;
        Ok(row)
    }
}

/// What a link needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRow {
    /// Second from which it is of no use.
    pub expires: u64,
    /// The record as it was put.
    pub record: Vec<u8>,
}

impl LinkRow {
    /// The row's value: u64, then the record.
    pub fn encode(&self) -> Vec<u8> {
        [&self.expires.to_be_bytes()[..], &self.record].concat()
    }

    /// Reads the row's value.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (expires, record) = bytes.split_first_chunk::<8>()?;
        Some(Self { expires: u64::from_be_bytes(*expires), record: record.to_vec() })
    }
}

/// How often a counted capability was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsesRow {
    /// Different use keys so far.
    pub spent: u64,
    /// Second from which it is of no use.
    pub expires: u64,
}

impl UsesRow {
    /// The row's value: two u64.
    pub fn encode(&self) -> Vec<u8> {
        [self.spent.to_be_bytes(), self.expires.to_be_bytes()].concat()
    }

    /// Reads the row's value.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (spent, expires) = bytes.split_first_chunk::<8>()?;
        Some(Self { spent: u64::from_be_bytes(*spent), expires: read_until(expires)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use strongroom_wire::entry::Hlc;

    #[test]
    fn every_row_reads_back() {
        let mut meta = Meta::new(VaultTag([1; 16]), [2; 8], 3);
        meta.sum.add(Hlc(4), EntryId([5; 32]));
        meta.arrivals = 1;
        assert_eq!(Meta::decode(&meta.encode()), Ok(meta));
        let place = Place { number: 7, hlc: Hlc(8) };
        assert_eq!(Place::decode(&place.encode()), Some(place));
        let tip = AuthorTip { seq: 1, id: EntryId([2; 32]), hlc: Hlc(3) };
        assert_eq!(AuthorTip::decode(&tip.encode()), Some(tip));
        let chunk = ChunkRow { len: 9, orphan_since: 10 };
        assert_eq!(ChunkRow::decode(&chunk.encode()), Some(chunk));
        let orphan_key = orphan(11, BucketId([12; 32]), ChunkId([13; 32]));
        let parts = Some((11, BucketId([12; 32]), ChunkId([13; 32])));
        assert_eq!(parts_of_orphan(&orphan_key), parts);
        assert_eq!(number_of_arrival(&arrival(BucketId([1; 32]), 77)), Some(77));
        let lost_key = lost(BucketId([12; 32]), ChunkId([13; 32]));
        assert_eq!(chunk_of_lost(&lost_key), Some(ChunkId([13; 32])));
        let kept = LinkRow { expires: 14, record: vec![15; 16] };
        assert_eq!(LinkRow::decode(&kept.encode()), Some(kept));
        let counted = UsesRow { spent: 17, expires: 18 };
        assert_eq!(UsesRow::decode(&counted.encode()), Some(counted));
        assert_eq!(read_until(&until(19)), Some(19));
        assert_eq!(read_until(&[0; 7]), None);
        let held = holding(VaultTag([1; 16]), BucketId([2; 32]));
        assert_eq!(bucket_of_holding(&held), Some(BucketId([2; 32])));
    }

    #[test]
    fn a_row_that_is_cut_or_goes_on_is_refused() {
        let key = PublicKey([1; 32]);
        let vault = VaultRow { key, opened_at: 1, record_reads: 2, record_read_at: 3 };
        let (tag, record) = (VaultTag([1; 16]), vec![4; RECOVERY_RECORD_LEN]);
        let record = RecordRow { vault: tag, key, counter: 5, record };
        let bent = |bytes: &[u8]| [bytes[..bytes.len() - 1].to_vec(), [bytes, &[0]].concat()];
        assert_eq!(VaultRow::decode(&vault.encode()), Ok(vault));
        assert!(bent(&vault.encode()).iter().all(|row| VaultRow::decode(row).is_err()));
        assert!(bent(&record.encode()).iter().all(|row| RecordRow::decode(row).is_err()));
        let meta = Meta::new(tag, [2; 8], 3);
        assert!(bent(&meta.encode()).iter().all(|row| Meta::decode(row).is_err()));
        let place = Place { number: 7, hlc: Hlc(8) };
        assert!(bent(&place.encode()).iter().all(|row| Place::decode(row).is_none()));
        let tip = AuthorTip { seq: 1, id: EntryId([2; 32]), hlc: Hlc(3) };
        assert!(bent(&tip.encode()).iter().all(|row| AuthorTip::decode(row).is_none()));
        let spent = Spent { bytes: 1, entries: 2, hour: 3, in_hour: 4 };
        assert_eq!(Spent::decode(&spent.encode()), Some(spent));
        assert!(bent(&spent.encode()).iter().all(|row| Spent::decode(row).is_none()));
        let chunk = ChunkRow { len: 9, orphan_since: 10 };
        assert!(bent(&chunk.encode()).iter().all(|row| ChunkRow::decode(row).is_none()));
    }

    #[test]
    fn tables_do_not_overlap() {
        let b = BucketId([1; 32]);
        let firsts = [
            vault(VaultTag::ZERO),
            holdings(VaultTag::ZERO),
            meta(b),
            entry(b, EntryId::ZERO),
            arrival(b, 0),
            control(b, 0),
            author(b, AuthorKey::ZERO),
            document(b, DocumentTag::ZERO),
            chunk(b, ChunkId::ZERO),
            owners(&[0; 32]),
            orphans_before(0),
            all_lost(b),
            spent(b, CapabilityId::ZERO),
            drop_card(b),
            record(RecordId::ZERO),
            older_records(RecordId::ZERO),
            links(b),
            uses(b, CapabilityId::ZERO),
            use_key(b, CapabilityId::ZERO, PublicKey::ZERO),
            FORMAT_KEY.to_vec(),
        ];
        let tables: std::collections::BTreeSet<u8> = firsts.iter().map(|key| key[0]).collect();
        assert_eq!(tables.len(), firsts.len());
    }
}
