//! Sample entries for tests. Comes in: what a test wants to vary. Goes out: entries with fixed
//! keys, the same on every run. Must not know: which rule is tested.

use ed25519_dalek::{Signer, SigningKey};
use strongroom_wire::cbor::Writer;
use strongroom_wire::clear::{Clear, Epoch, Floors, Genesis, PaddingRule, References};
use strongroom_wire::entry::{Entry, Header, Hlc, Kind};
use strongroom_wire::ids::{AuthorKey, BucketId, CapabilityId, DocumentTag, EntryId, PublicKey};

/// Alice's laptop in this bucket.
pub fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

/// The author of a key.
pub fn author(key: &SigningKey) -> AuthorKey {
    AuthorKey(key.verifying_key().to_bytes())
}

/// The bucket most samples stand in.
pub const BUCKET: BucketId = BucketId([0xb0; 32]);

/// A sound header of a version, at the start of an author's chain.
pub fn version_header() -> Header {
    Header {
        suite: 1,
        bucket: BUCKET,
        document: DocumentTag([0xd0; 16]),
        kind: Kind::Version,
        parents: vec![],
        epoch: EntryId([0xe0; 32]),
        generation: 0,
        nonce: [0x11; 32],
        kc: [0x22; 32],
        hlc: Hlc::new(1_795_000_000_000, 0),
        author: author(&key(1)),
        seq: 0,
        prev: EntryId::ZERO,
        cap: CapabilityId([0xca; 32]),
        sealed_len: 16,
        body_hash: [0x33; 32],
    }
}

/// A sound header of another kind.
pub fn header_of(kind: Kind) -> Header {
    let mut header = version_header();
    header.kind = kind;
    if kind.is_control() || matches!(kind, Kind::Checkpoint | Kind::Purge | Kind::Segment) {
        header.document = DocumentTag::ZERO;
    }
    if matches!(kind, Kind::Genesis | Kind::Epoch) {
        header.epoch = EntryId::ZERO;
    }
    if kind == Kind::Genesis {
        header.bucket = BucketId::ZERO;
        header.cap = CapabilityId::ZERO;
        header.sealed_len = 0;
    } else if kind.is_control() {
        header.parents = vec![EntryId(BUCKET.0)];
    }
    header
}

/// Signs.
pub fn sign(entry: Entry, key: &SigningKey) -> Entry {
    let signature = key.sign(&entry.signing_input()).to_bytes();
    entry.signed(signature)
}

/// A signed version with this sealed part.
pub fn version(header: Header, sealed: &[u8], key: &SigningKey) -> Entry {
    let clear = Clear::version(References::NONE).encode();
    sign(Entry::assemble(header, clear, sealed.to_vec()), key)
}

/// A signed genesis.
pub fn genesis() -> Entry {
    let clear = Clear::Genesis(genesis_clear()).encode();
    sign(Entry::assemble(header_of(Kind::Genesis), clear, vec![]), &key(1))
}

/// The clear part of a genesis.
pub fn genesis_clear() -> Genesis {
    Genesis {
        floors: Floors::suite_1(),
        root_key: PublicKey(author(&key(1)).0),
        next_root: [0x44; 32],
        ledger_keys: [0; 32],
        public: false,
        padding: PaddingRule::Padme,
    }
}

/// The clear part of a first epoch.
pub fn epoch_clear() -> Epoch {
    Epoch {
        n: 1,
        prev: vec![],
        commit_e: [0x55; 32],
        commit_ck: [0x66; 32],
        wraps: vec![[0x77; 1_184]; 8],
        back: vec![],
        child: vec![],
        drop_key: None,
    }
}

/// `count` versions in one author's chain from seq 0, each signed if `signed` says so.
pub fn run(count: u64, signed: impl Fn(u64) -> bool) -> Vec<Entry> {
    let key = key(1);
    let mut prev = EntryId::ZERO;
    (0..count)
        .map(|seq| {
            let hlc = Hlc::new(1_795_000_000_000 + seq, 0);
            let header = Header { seq, prev, hlc, ..version_header() };
            let clear = Clear::version(References::NONE).encode();
            let entry = Entry::assemble(header, clear, seq.to_be_bytes().repeat(4));
            prev = entry.id();
            if signed(seq) { sign(entry, &key) } else { entry }
        })
        .collect()
}

/// One CBOR item, by a writer.
pub fn item(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut w = Writer::new();
    write(&mut w);
    w.into_bytes()
}

/// A byte string item.
pub fn blob(bytes: &[u8]) -> Vec<u8> {
    item(|w| {
        w.bytes(bytes);
    })
}

/// An unsigned item.
pub fn uint(value: u64) -> Vec<u8> {
    item(|w| {
        w.uint(value);
    })
}

/// An array of ready items.
pub fn list(items: &[Vec<u8>]) -> Vec<u8> {
    item(|w| {
        w.array(items.len());
        for one in items {
            w.raw(one);
        }
    })
}

/// A list of 32-byte ids, each of one repeated byte.
pub fn ids(bytes: &[u8]) -> Vec<u8> {
    list(&bytes.iter().map(|byte| blob(&[*byte; 32])).collect::<Vec<_>>())
}

/// The 16 items of a header.
pub fn items(header: &Header) -> Vec<Vec<u8>> {
    vec![
        uint(u64::from(header.suite)),
        blob(&header.bucket.0),
        blob(&header.document.0),
        uint(header.kind as u64),
        list(&header.parents.iter().map(|id| blob(&id.0)).collect::<Vec<_>>()),
        blob(&header.epoch.0),
        uint(u64::from(header.generation)),
        blob(&header.nonce),
        blob(&header.kc),
        uint(header.hlc.0),
        blob(&header.author.0),
        uint(header.seq),
        blob(&header.prev.0),
        blob(&header.cap.0),
        uint(u64::from(header.sealed_len)),
        blob(&header.body_hash),
    ]
}
