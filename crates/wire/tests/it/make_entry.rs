//! Makes vectors/entry: headers alone, and whole entries.

use serde_json::{Value, json};
use strongroom_wire::entry::{Entry, Header, Kind};
use strongroom_wire::ids::{BucketId, CapabilityId, DocumentTag, EntryId};

use crate::golden::{Book, fold, hex};
use crate::samples::{
    blob, genesis, header_of, ids, items, key, list, uint, version, version_header,
};

/// The version header with one of its 16 items replaced.
fn with(at: usize, item: Vec<u8>) -> Vec<u8> {
    let mut all = items(&version_header());
    all[at] = item;
    list(&all)
}

/// A header of a kind, changed.
fn changed(kind: Kind, change: impl FnOnce(&mut Header)) -> Vec<u8> {
    let mut header = header_of(kind);
    change(&mut header);
    header.encode()
}

#[test]
fn headers() {
    let mut book = Book::new("entry/header", "header");
    good_headers(&mut book);
    broken_forms(&mut book);
    broken_fields(&mut book);
    broken_rules(&mut book);
    book.settle();
}

fn good_headers(book: &mut Book) {
    for kind in Kind::ALL {
        let name = format!("{kind:?}").to_lowercase();
        book.case(&name, "ok", "the least a header of this kind says", &header_of(kind).encode());
    }
    let largest = changed(Kind::Version, |header| {
        header.parents = (1..=16).map(|byte| EntryId([byte; 32])).collect();
        header.generation = u32::MAX;
        header.hlc.0 = u64::MAX;
        header.seq = u64::MAX;
        header.prev = EntryId([0xfe; 32]);
        header.sealed_len = 65_552;
    });
    book.case("largest", "ok", "16 parents and every number at its maximum", &largest);
    let by_root = changed(Kind::Member, |header| header.cap = CapabilityId::ZERO);
    book.case("by the root key", "ok", "no capability is named: the root key needs none", &by_root);
}

fn broken_forms(book: &mut Book) {
    let good = version_header().encode();
    let all = items(&version_header());
    let mut trailing = good.clone();
    trailing.push(0);
    let mut map = good.clone();
    map[0] = 0xb0;
    let mut endless = vec![0x9f];
    endless.extend_from_slice(&good[1..]);
    endless.push(0xff);
    let mut long_head = vec![0x98, 16];
    long_head.extend_from_slice(&good[1..]);
    book.case("empty", "cut", "no bytes at all", &[])
        .case("cut in the last field", "cut", "one byte is missing", &good[..good.len() - 1])
        .case("cut after the head", "cut", "an array of 16 and nothing in it", &good[..1])
        .case("trailing", "trailing", "a byte follows the array", &trailing)
        .case("15 fields", "limit", "the last field is left out", &list(&all[..15]))
        .case(
            "17 fields",
            "limit",
            "a field too many",
            &list(&[all.clone(), vec![uint(0)]].concat()),
        )
        .case("a map", "type", "a map of 16 pairs is no array of 16 fields", &map)
        .case("endless array", "not canonical", "an indefinite length", &endless)
        .case("long array head", "not canonical", "the count 16 in two bytes", &long_head)
        .case("over 1,024 bytes", "limit", "longer than any header", &[0x90; 1_025]);
}

fn broken_fields(book: &mut Book) {
    let id = |byte: u8| EntryId([byte; 32]);
    let descending = ids(&[2, 1]);
    let twice = ids(&[1, 1]);
    let many = ids(&(1..=17).collect::<Vec<_>>());
    let mut endless = vec![0x9f];
    endless.extend_from_slice(&blob(&id(1).0));
    endless.push(0xff);
    let cases: [(&str, &str, &str, usize, Vec<u8>); 22] = [
        ("suite in two bytes", "not canonical", "1 has a shorter form", 0, vec![0x18, 1]),
        ("suite 0", "unknown", "no such suite", 0, uint(0)),
        ("suite 3", "unknown", "a suite this format number does not have", 0, uint(3)),
        ("suite 256", "limit", "a suite is one byte", 0, uint(256)),
        ("suite -1", "type", "a negative number", 0, vec![0x20]),
        ("bucket of 31 bytes", "limit", "an id is 32 bytes", 1, blob(&[0xb0; 31])),
        ("bucket of 33 bytes", "limit", "an id is 32 bytes", 1, blob(&[0xb0; 33])),
        ("bucket as text", "type", "text is no id", 1, [vec![0x78, 32], vec![b'b'; 32]].concat()),
        ("document of 32 bytes", "limit", "a tag is 16 bytes", 2, blob(&[0xd0; 32])),
        ("kind 10", "unknown", "a kind that does not exist", 3, uint(10)),
        ("kind 256", "limit", "a kind is one byte", 3, uint(256)),
        ("parents descending", "order", "parents ascend, else one set had many ids", 4, descending),
        ("a parent twice", "order", "no parent stands twice", 4, twice),
        ("17 parents", "limit", "at most 16", 4, many),
        ("endless parents", "not canonical", "an indefinite length", 4, endless),
        ("epoch as null", "type", "none is 32 zero bytes, not null", 5, vec![0xf6]),
        ("generation 2^32", "limit", "four bytes at most", 6, uint(1 << 32)),
        ("nonce of 24 bytes", "limit", "a nonce is 32 bytes", 7, blob(&[0x11; 24])),
        ("clock as a float", "not canonical", "there are no floats", 9, vec![0xfb; 9]),
        ("author of 64 bytes", "limit", "a public key is 32 bytes", 10, blob(&[1; 64])),
        ("sealed length 2^32", "limit", "four bytes at most", 14, uint(1 << 32)),
        ("empty body hash", "limit", "a hash is 32 bytes", 15, blob(&[])),
    ];
    for (name, expect, why, at, item) in cases {
        book.case(name, expect, why, &with(at, item));
    }
}

fn broken_rules(book: &mut Book) {
    type Change = fn(&mut Header);
    let cases: [(&str, &str, Kind, Change); 20] = [
        ("genesis with a bucket", "its bucket is its own id", Kind::Genesis, |h| {
            h.bucket = BucketId([0xb0; 32]);
        }),
        ("genesis with a parent", "nothing is before it", Kind::Genesis, |h| {
            h.parents = vec![EntryId([1; 32])];
        }),
        ("genesis later in a chain", "it is the first of its author", Kind::Genesis, |h| {
            h.seq = 1;
            h.prev = EntryId([1; 32]);
        }),
        ("genesis by a capability", "only the root key writes it", Kind::Genesis, |h| {
            h.cap = CapabilityId([1; 32]);
        }),
        ("genesis with a sealed part", "there is no key yet", Kind::Genesis, |h| h.sealed_len = 16),
        ("genesis with an epoch", "there is no epoch yet", Kind::Genesis, |h| {
            h.epoch = EntryId([1; 32]);
        }),
        ("version without a bucket", "only a genesis has none", Kind::Version, |h| {
            h.bucket = BucketId::ZERO;
        }),
        ("version without a document", "zero is the control log", Kind::Version, |h| {
            h.document = DocumentTag::ZERO;
        }),
        ("tombstone without a document", "it removes one document", Kind::Tombstone, |h| {
            h.document = DocumentTag::ZERO;
        }),
        ("version without an epoch", "it must be sealed under one", Kind::Version, |h| {
            h.epoch = EntryId::ZERO;
        }),
        ("epoch under an epoch", "it is sealed under its own key", Kind::Epoch, |h| {
            h.epoch = EntryId([1; 32]);
        }),
        ("member with a document", "it belongs to the control log", Kind::Member, |h| {
            h.document = DocumentTag([1; 16]);
        }),
        ("checkpoint with a document", "it speaks of the bucket", Kind::Checkpoint, |h| {
            h.document = DocumentTag([1; 16]);
        }),
        ("purge with a document", "it names entries, not a document", Kind::Purge, |h| {
            h.document = DocumentTag([1; 16]);
        }),
        ("first with a predecessor", "seq 0 has no prev", Kind::Version, |h| {
            h.prev = EntryId([1; 32]);
        }),
        ("later without a predecessor", "seq 1 has a prev", Kind::Version, |h| h.seq = 1),
        ("revoke without parents", "the control log hangs together", Kind::Revoke, |h| {
            h.parents.clear();
        }),
        ("no sealed part", "only a genesis has none", Kind::Version, |h| h.sealed_len = 0),
        ("sealed part shorter than a tag", "15 bytes cannot be sealed", Kind::Version, |h| {
            h.sealed_len = 15;
        }),
        ("sealed part too long", "longer content goes into chunks", Kind::Version, |h| {
            h.sealed_len = 65_553;
        }),
    ];
    for (name, why, kind, change) in cases {
        book.case(name, "unknown", why, &changed(kind, change));
    }
}

fn parts(entry: &Entry) -> [Vec<u8>; 4] {
    [
        blob(entry.header_bytes()),
        blob(entry.signature().map_or(&[][..], |signature| &signature[..])),
        blob(entry.clear()),
        blob(entry.sealed_bytes().unwrap()),
    ]
}

/// An entry with one of its four parts replaced.
fn entry_with(entry: &Entry, at: usize, part: Vec<u8>) -> Vec<u8> {
    let mut all = parts(entry);
    all[at] = part;
    list(&all)
}

/// Which byte of the whole to flip.
fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1;
    bytes
}

#[test]
fn entries() {
    let mut book = Book::new("entry/entry", "entry");
    let entry = version(version_header(), &[0x5e; 300], &key(1));
    good_entries(&mut book, &entry);
    broken_entries(&mut book, &entry);
    book.settle();
}

fn good_entries(book: &mut Book, entry: &Entry) {
    let unsigned = Entry::decode(&entry_with(entry, 1, blob(&[]))).unwrap();
    let purged = entry.clone().without_sealed();
    let other = version(version_header(), &[0x5e; 300], &key(2));
    let strange = entry_with(entry, 1, blob(other.signature().unwrap()));
    let strange = Entry::decode(&strange).unwrap();
    let full = version(version_header(), &vec![0x5e; 65_552], &key(1));
    let good: [(&str, &str, &Entry); 6] = [
        ("signed version", "header, signature, clear and sealed part", entry),
        ("inside a run", "a later entry of the author carries the signature", &unsigned),
        ("purged", "the sealed part is gone, its hash keeps the header checkable", &purged),
        ("signed by another", "only the author's chain can tell; see the chain vectors", &strange),
        ("largest sealed part", "65,536 bytes and their tag", &full),
        ("genesis", "founds a bucket; nothing is sealed", &genesis()),
    ];
    for (name, why, entry) in good {
        let input: Value = json!({"hex": fold(&entry.encode()), "id": hex(entry.id().as_bytes())});
        book.object(name, "ok", why, &input);
    }
}

fn broken_entries(book: &mut Book, entry: &Entry) {
    let good = entry.encode();
    let all = parts(entry);
    let header_len = entry.header_bytes().len();
    let other = version(version_header(), &[0xe5; 300], &key(1));
    let gone = |len: usize| list(&[blob(&vec![7; len])]);
    let mut founder = parts(&genesis());
    founder[3] = list(&[blob(blake3::hash(&[]).as_bytes())]);
    // The head of the array, the head of the header (3 bytes), then its fields.
    let in_nonce = 4 + 150;
    let in_clear = 4 + header_len + 66 + 1;
    book.case("empty", "cut", "no bytes at all", &[])
        .case("cut", "cut", "the last byte is missing", &good[..good.len() - 1])
        .case("trailing", "trailing", "a byte too many", &[&good[..], &[0]].concat())
        .case("3 parts", "limit", "the sealed part is left out", &list(&all[..3]))
        .case("5 parts", "limit", "one too many", &list(&[&all[..], &[blob(&[])]].concat()))
        .case("no header", "cut", "an empty header", &entry_with(entry, 0, blob(&[])))
        .case("header as text", "type", "text", &entry_with(entry, 0, vec![0x61, b'a']))
        .case("63-byte signature", "limit", "64 or none", &entry_with(entry, 1, blob(&[1; 63])))
        .case("65-byte signature", "limit", "64 or none", &entry_with(entry, 1, blob(&[1; 65])))
        .case("byte of the body hash flipped", "body", "it names another body", &{
            flipped(&good, 3 + header_len)
        })
        .case("byte of the clear part flipped", "body", "the header names the old one", &{
            flipped(&good, in_clear + 1)
        })
        .case("byte of the sealed part flipped", "body", "the header names the old one", &{
            flipped(&good, good.len() - 1)
        })
        .case("another's sealed part", "body", "both are sound, not together", &{
            entry_with(entry, 3, blob(other.sealed_bytes().unwrap()))
        })
        .case("sealed part shortened", "body", "the header says how long it is", &{
            entry_with(entry, 3, blob(&[0x5e; 299]))
        })
        .case("wrong hash of a purged part", "body", "not what was sealed", &{
            entry_with(entry, 3, gone(32))
        })
        .case("short hash of a purged part", "limit", "32 bytes", &entry_with(entry, 3, gone(31)))
        .case("purged nothing", "unknown", "a genesis has nothing to purge", &list(&founder))
        .case("sealed part as text", "type", "bytes are due", &entry_with(entry, 3, vec![0x60]))
        .case("clear part too long", "limit", "700,001 bytes", &{
            entry_with(entry, 2, blob(&vec![0; 700_001]))
        })
        .case("sealed part too long", "limit", "65,553 bytes", &{
            entry_with(entry, 3, blob(&vec![0; 65_553]))
        })
        .case("header over its limit", "limit", "1,025 bytes", &{
            entry_with(entry, 0, blob(&[0; 1_025]))
        })
        .case("10 GB announced", "limit", "refused before anything is allocated", &{
            entry_with(entry, 2, vec![0x5b, 0, 0, 0, 2, 0x54, 0x0b, 0xe4, 0])
        });
    // A flipped nonce is a sound header of another entry: the id differs, and no signature fits.
    let other_id = Entry::decode(&flipped(&good, in_nonce)).unwrap();
    assert_ne!(other_id.id(), entry.id());
}
