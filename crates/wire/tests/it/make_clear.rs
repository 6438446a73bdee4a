//! Makes vectors/clear: the clear part of every kind.

use strongroom_wire::clear::{
    Clear, ConstantSize, DocumentKeys, KEM_ENC_LEN, Member, Message, PaddingRule, References,
    Revoke, RevokeTarget, Version,
};
use strongroom_wire::entry::Kind;
use strongroom_wire::ids::{
    AuthorKey, CapabilityId, ChunkId, DocumentTag, EntryId, MemberTag, PublicKey,
};

use crate::golden::Book;
use crate::samples::{blob, epoch_clear, genesis_clear, ids, list, uint};
use crate::vectors::CLEAR_KINDS;

const NULL: u8 = 0xf6;

fn floors(generation: u64, suites: &[u64]) -> Vec<u8> {
    let suites = list(&suites.iter().map(|suite| uint(*suite)).collect::<Vec<_>>());
    list(&[uint(generation), suites, uint(65_536), uint(3)])
}

/// How lengths are hidden stands behind the five fields, unless it is Padmé.
#[test]
fn genesis_with_padding() {
    let mut genesis = genesis_clear();
    let mut of = |padding, public| {
        (genesis.padding, genesis.public) = (padding, public);
        Clear::Genesis(genesis.clone()).encode()
    };
    let with = |public: bool, padding: Vec<u8>| {
        let public = vec![if public { 0xf5 } else { 0xf4 }];
        let (root, next) = (blob(&genesis_clear().root_key.0), blob(&[0x44; 32]));
        list(&[floors(1, &[1]), root, next, blob(&[0; 32]), public, padding])
    };
    let constant = |bytes| PaddingRule::Constant(ConstantSize::from_bytes(bytes).unwrap());
    Book::new("clear/genesis-padding", "clear genesis")
        .case("power of two", "ok", "to powers of two", &of(PaddingRule::PowerOfTwo, false))
        .case("64 KiB", "ok", "to whole multiples of 2^16", &of(constant(1 << 16), false))
        .case("1 GiB", "ok", "to whole multiples of 2^30", &of(constant(1 << 30), false))
        .case("none, public", "ok", "nothing is hidden", &of(PaddingRule::None, true))
        .case("power of two, public", "ok", "hides more than it must", &{
            of(PaddingRule::PowerOfTwo, true)
        })
        .case("none, private", "unknown", "true sizes of secrets", &with(false, uint(1)))
        .case("Padmé said", "unknown", "one rule has one form: left out", &with(false, uint(0)))
        .case("3", "unknown", "no such rule", &with(false, uint(3)))
        .case("32 KiB", "unknown", "2^15 is below the least", &with(false, uint(15)))
        .case("2 GiB", "unknown", "2^31 is above the most", &with(false, uint(31)))
        .case("2^64", "unknown", "no shift wraps around", &with(false, uint(64)))
        .case("largest number", "unknown", "no shift wraps around", &with(false, uint(u64::MAX)))
        .case("null", "type", "what is left out is not there", &with(false, vec![NULL]))
        .case("bytes", "type", "a number is due", &with(false, blob(&[2])))
        .case("cut", "cut", "a sixth field is announced", &with(false, vec![]))
        .settle();
}

#[test]
fn genesis() {
    let good = Clear::Genesis(genesis_clear()).encode();
    let with = |floors: Vec<u8>, root: Vec<u8>, public: Vec<u8>| {
        list(&[floors, root, blob(&[0x44; 32]), blob(&[0; 32]), public])
    };
    let (root, no) = (blob(&[1; 32]), vec![0xf4]);
    let mut public = genesis_clear();
    public.public = true;
    Book::new("clear/genesis", "clear genesis")
        .case("private", "ok", "a bucket only its members open", &good)
        .case("public", "ok", "anyone may read", &Clear::Genesis(public).encode())
        .case("two suites", "ok", "2 is allowed beside 1", &{
            with(floors(1, &[1, 2]), root.clone(), no.clone())
        })
        .case("suite 2 alone", "ok", "a bucket of XChaCha20-Poly1305", &{
            with(floors(1, &[2]), root.clone(), no.clone())
        })
        .case("cut", "cut", "the last byte is missing", &good[..good.len() - 1])
        .case("trailing", "trailing", "a byte too many", &[&good[..], &[0]].concat())
        .case("no suites", "order", "a bucket without any algorithm", &{
            with(floors(1, &[]), root.clone(), no.clone())
        })
        .case("suites descending", "order", "suites ascend", &{
            with(floors(1, &[2, 1]), root.clone(), no.clone())
        })
        .case("a suite twice", "order", "one list has one form", &{
            with(floors(1, &[1, 1]), root.clone(), no.clone())
        })
        .case("nine suites", "limit", "at most eight", &{
            with(floors(1, &[1, 2, 3, 4, 5, 6, 7, 8, 9]), root.clone(), no.clone())
        })
        .case("generation 256", "limit", "one byte", &{
            with(floors(256, &[1]), root.clone(), no.clone())
        })
        .case("short root key", "limit", "32 bytes", &{
            with(floors(1, &[1]), blob(&[1; 31]), no.clone())
        })
        .case("public as 1", "type", "true or false", &with(floors(1, &[1]), root, uint(1)))
        .case("seven fields", "limit", "six are the most", &{
            let mut fields = vec![floors(1, &[1]), blob(&[1; 32]), blob(&[0x44; 32])];
            fields.extend([blob(&[0; 32]), vec![0xf4], uint(2), uint(2)]);
            list(&fields)
        })
        .case("four fields", "limit", "five are due", &list(&[uint(0), uint(0), uint(0), uint(0)]))
        .settle();
}

#[test]
fn version() {
    let chunks = |bytes: &[u8]| {
        Clear::version(References::Chunks(bytes.iter().map(|byte| ChunkId([*byte; 32])).collect()))
    };
    let form = |form: u64, bytes: &[u8]| list(&[uint(form), ids(bytes)]);
    let sixteen: Vec<u8> = (1..=16).collect();
    let seventeen: Vec<u8> = (1..=17).collect();
    Book::new("clear/version", "clear version")
        .case("inline", "ok", "no chunks: the content stands in the entry", &chunks(&[]).encode())
        .case("16 chunks", "ok", "as many as stand directly", &chunks(&sixteen).encode())
        .case("lists", "ok", "lists keep the order of what they list", &form(1, &[9, 3]))
        .case("17 chunks", "limit", "more go into lists", &form(0, &seventeen))
        .case("chunks descending", "order", "chunks ascend", &form(0, &[2, 1]))
        .case("a chunk twice", "order", "none twice", &form(0, &[1, 1]))
        .case("17 lists", "limit", "at most 16", &form(1, &seventeen))
        .case("a list twice", "order", "its chunks would stand twice", &form(1, &[3, 9, 3]))
        .case("no lists", "limit", "no chunks has one form only", &form(1, &[]))
        .case("form 2", "unknown", "there are two forms", &form(2, &[]))
        .case("one field", "limit", "form and list", &list(&[uint(0)]))
        .case("chunk of 31 bytes", "limit", "a hash is 32 bytes", &{
            list(&[uint(0), list(&[blob(&[1; 31])])])
        })
        .case("announced, not there", "cut", "16 chunks in no bytes", &[0x82, 0x00, 0x90])
        .case("empty", "cut", "no bytes at all", &[])
        .settle();
}

/// The eight items of an epoch with some replaced.
fn epoch_with(changes: &[(usize, Vec<u8>)]) -> Vec<u8> {
    let wraps = list(&vec![blob(&[0x77; 1_184]); 8]);
    let mut all = vec![
        uint(1),
        list(&[]),
        blob(&[0x55; 32]),
        blob(&[0x66; 32]),
        wraps,
        list(&[]),
        list(&[]),
        vec![NULL],
    ];
    for (at, item) in changes {
        all[*at].clone_from(item);
    }
    list(&all)
}

#[test]
fn epoch() {
    let wraps = |count: usize| (4, list(&vec![blob(&[0x77; 1_184]); count]));
    let back = |count: usize| (5, list(&vec![blob(&[0x88; 48]); count]));
    let child = |count: usize| (6, list(&vec![blob(&[0x99; 48]); count]));
    let mut dropping = epoch_clear();
    dropping.drop_key = Some(Box::new([0xaa; 1_216]));
    Book::new("clear/epoch", "clear epoch")
        .case("first", "ok", "eight wraps, nothing before", &Clear::Epoch(epoch_clear()).encode())
        .case("with a drop", "ok", "the drop's public key", &Clear::Epoch(dropping).encode())
        .case("merging two", "ok", "names both epochs and opens both", &{
            epoch_with(&[(0, uint(8)), (1, ids(&[1, 2])), back(2), child(4), wraps(16)])
        })
        .case("n of 0", "limit", "the first is 1", &epoch_with(&[(0, uint(0))]))
        .case("first after another", "limit", "only n = 1 has none before", &{
            epoch_with(&[(1, ids(&[1])), back(1)])
        })
        .case("second after none", "limit", "n = 2 follows something", &epoch_with(&[(0, uint(2))]))
        .case("one back key missing", "limit", "one for each epoch before", &{
            epoch_with(&[(0, uint(2)), (1, ids(&[1, 2])), back(1)])
        })
        .case("previous descending", "order", "ids ascend", &{
            epoch_with(&[(0, uint(2)), (1, ids(&[2, 1])), back(2)])
        })
        .case("17 previous", "limit", "at most 16", &{
            epoch_with(&[(0, uint(2)), (1, ids(&(1..=17).collect::<Vec<_>>())), back(17)])
        })
        .case("four wraps", "limit", "at least eight, or the number of members shows", &{
            epoch_with(&[wraps(4)])
        })
        .case("nine wraps", "limit", "a power of two", &epoch_with(&[wraps(9)]))
        .case("1,024 wraps", "limit", "at most 512: an entry must fit one frame", &{
            epoch_with(&[(4, [vec![0x99, 4, 0], vec![0; 2_000]].concat())])
        })
        .case("three child slots", "limit", "a power of two", &epoch_with(&[child(3)]))
        .case("wrap one byte short", "limit", "a wrap is 1,184 bytes", &{
            let mut wraps = vec![blob(&[0x77; 1_184]); 7];
            wraps.push(blob(&[0x77; 1_183]));
            epoch_with(&[(4, list(&wraps))])
        })
        .case("drop key one byte short", "limit", "1,216 bytes", &{
            epoch_with(&[(7, blob(&[0xaa; 1_215]))])
        })
        .case("drop key as false", "type", "bytes or null", &epoch_with(&[(7, vec![0xf4])]))
        .case("seven fields", "limit", "eight are due", &list(&vec![uint(1); 7]))
        .settle();
}

#[test]
fn member() {
    let good = |wrap: bool, count: usize| {
        Clear::Member(Member {
            capabilities: vec![vec![0xd2, 0x84]; count],
            wrap: wrap.then(|| Box::new([0x77; 1_184])),
            commitment: wrap.then_some([0x55; 32]),
            open: Vec::new(),
        })
    };
    let opening = |capabilities: &[Vec<u8>], wrap: Vec<u8>, commitment: Vec<u8>, open: Vec<u8>| {
        list(&[list(capabilities), wrap, commitment, open])
    };
    let with = |capabilities: &[Vec<u8>], wrap: Vec<u8>, commitment: Vec<u8>| {
        opening(capabilities, wrap, commitment, list(&[]))
    };
    let slots = |count: usize| list(&vec![blob(&[0x66; 48]); count]);
    let document = |open: Vec<u8>| {
        opening(&[blob(&[0xd2, 0x84])], blob(&[0x77; 1_184]), blob(&[0x55; 32]), open)
    };
    let cap = blob(&[0xd2, 0x84]);
    let null = vec![NULL];
    Book::new("clear/member", "clear member")
        .case("in an epoch", "ok", "the key stands in the epoch", &good(false, 1).encode())
        .case("with its own wrap", "ok", "granted inside an epoch", &good(true, 1).encode())
        .case(
            "acceptance",
            "ok",
            "a capability and the delegation from it",
            &good(true, 2).encode(),
        )
        .case("no capability", "limit", "one or two", &with(&[], null.clone(), null.clone()))
        .case("three capabilities", "limit", "one or two", &{
            with(&vec![cap.clone(); 3], null.clone(), null.clone())
        })
        .case("capability too long", "limit", "at most 2,048 bytes", &{
            with(&[blob(&[0; 2_049])], null.clone(), null.clone())
        })
        .case("wrap without commitment", "limit", "nobody could tell what it opens to", &{
            with(std::slice::from_ref(&cap), blob(&[0x77; 1_184]), null.clone())
        })
        .case("commitment without wrap", "limit", "a promise of no key", &{
            with(std::slice::from_ref(&cap), null.clone(), blob(&[0x55; 32]))
        })
        .case("short wrap", "limit", "1,184 bytes", &{
            with(std::slice::from_ref(&cap), blob(&[0x77; 1_183]), blob(&[0x55; 32]))
        })
        .case("capability as text", "type", "bytes", &{
            with(&[vec![0x60]], null.clone(), null.clone())
        })
        .case("one document", "ok", "two keys it was written under", &document(slots(2)))
        .case("1,024 slots", "ok", "as many as there may be", &document(slots(1_024)))
        .case("1,025 slots", "limit", "at most 1,024", &document(slots(1_025)))
        .case("short slot", "limit", "48 bytes", &document(list(&[blob(&[0x66; 47])])))
        .case("slots without a wrap", "limit", "sealed under a key nobody gets", &{
            opening(std::slice::from_ref(&cap), null.clone(), null.clone(), slots(1))
        })
        .case("slots as null", "type", "none is an empty list", &document(null))
        .case("three fields", "limit", "four are due", &list(&vec![uint(1); 3]))
        .settle();
}

/// The keys of a version for those who hold its document alone.
#[test]
fn version_keys() {
    let wraps = |count: usize| list(&vec![blob(&[0x77; 1_184]); count]);
    let back = |count: usize| list(&vec![blob(&[0x88; 80]); count]);
    let with = |fields: &[Vec<u8>]| list(&[uint(0), ids(&[]), list(fields)]);
    let (bk, dk) = (blob(&[1; 32]), blob(&[2; 32]));
    let keys = |wraps: Vec<u8>, back: Vec<u8>| with(&[bk.clone(), dk.clone(), wraps, back]);
    let made = Version {
        references: References::Lists(vec![ChunkId([9; 32])]),
        keys: Some(Box::new(DocumentKeys {
            commit_bk: [1; 32],
            commit_dk: [2; 32],
            wraps: vec![[0x77; 1_184]; 2],
            back: vec![[0x88; 80]; 2],
        })),
    };
    Book::new("clear/version-keys", "clear version")
        .case("large", "ok", "lists and keys", &Clear::Version(made).encode())
        .case("first of its document", "ok", "one slot stands for no parent", &{
            keys(wraps(2), back(1))
        })
        .case("a merge of 16", "ok", "as many as a version follows", &keys(wraps(4), back(16)))
        .case("512 wraps", "ok", "as many as fit one frame", &keys(wraps(512), back(1)))
        .case("one wrap", "limit", "two are the least", &keys(wraps(1), back(1)))
        .case("no wraps", "limit", "keys for nobody", &keys(wraps(0), back(1)))
        .case("three wraps", "limit", "a power of two", &keys(wraps(3), back(1)))
        .case("1,024 wraps", "limit", "at most 512: an entry must fit one frame", &{
            keys([vec![0x99, 4, 0], vec![0; 2_000]].concat(), back(1))
        })
        .case("no back", "limit", "the document key stands there", &keys(wraps(2), back(0)))
        .case("17 back", "limit", "a version follows 16", &keys(wraps(2), back(17)))
        .case("short wrap", "limit", "1,184 bytes", &{
            keys(list(&vec![blob(&[0x77; 1_183]); 2]), back(1))
        })
        .case("short back", "limit", "80 bytes", &keys(wraps(2), list(&[blob(&[0x88; 79])])))
        .case("short commitment", "limit", "32 bytes", &{
            with(&[blob(&[1; 31]), dk.clone(), wraps(2), back(1)])
        })
        .case("three keys", "limit", "four fields are due", &with(&[bk, dk, wraps(2)]))
        .case("null", "type", "what is left out is not there", &{
            list(&[uint(0), ids(&[]), vec![NULL]])
        })
        .case("cut", "cut", "a third field is announced", &list(&[uint(0), ids(&[]), vec![]]))
        .case("four fields", "limit", "three are the most", &{
            list(&[uint(0), ids(&[]), uint(0), uint(0)])
        })
        .settle();
}

#[test]
fn revoke() {
    let target = |form: u64, bytes: &[u8]| list(&[uint(form), blob(bytes)]);
    let bucket = list(&[uint(5)]);
    let cutoff = |byte: u8| list(&[blob(&[byte; 32]), uint(7), blob(&[9; 32])]);
    let with = |targets: &[Vec<u8>], cutoffs: &[Vec<u8>]| list(&[list(targets), list(cutoffs)]);
    let all = Revoke {
        targets: vec![
            RevokeTarget::Member(MemberTag([1; 16])),
            RevokeTarget::Author(AuthorKey([2; 32])),
            RevokeTarget::MemberKey(PublicKey([3; 32])),
            RevokeTarget::Capability(CapabilityId([4; 32])),
            RevokeTarget::Document(DocumentTag([5; 16])),
            RevokeTarget::Bucket,
        ],
        cutoffs: vec![
            (AuthorKey([1; 32]), 0, EntryId([6; 32])),
            (AuthorKey([2; 32]), u64::MAX, EntryId([7; 32])),
        ],
    };
    let many = |count: u16| {
        let tag = |n: u16| [n.to_be_bytes().to_vec(), vec![0; 14]].concat();
        (0..count).map(|n| target(0, &tag(n))).collect::<Vec<_>>()
    };
    let one = [target(0, &[1; 16])];
    Book::new("clear/revoke", "clear revoke")
        .case("every target", "ok", "one of each, two cutoffs", &Clear::Revoke(all).encode())
        .case("bucket", "ok", "deactivated", &with(std::slice::from_ref(&bucket), &[]))
        .case("256 targets", "ok", "as many as there may be", &with(&many(256), &[]))
        .case("no target", "order", "a revoke of nothing", &with(&[], &[]))
        .case("257 targets", "limit", "at most 256", &with(&many(257), &[]))
        .case("targets descending", "order", "ascending by form, then bytes", &{
            with(&[bucket.clone(), target(0, &[1; 16])], &[])
        })
        .case("a target twice", "order", "one set has one form", &{
            with(&[target(1, &[1; 32]), target(1, &[1; 32])], &[])
        })
        .case("target 6", "unknown", "no such target", &with(&[target(6, &[1; 16])], &[]))
        .case("bucket with bytes", "unknown", "there is only this bucket", &{
            with(&[target(5, &[1; 16])], &[])
        })
        .case("member without a tag", "unknown", "which member?", &{
            with(&[list(&[uint(0)])], &[])
        })
        .case("author of 16 bytes", "limit", "an author is 32 bytes", &{
            with(&[target(1, &[1; 16])], &[])
        })
        .case("cutoffs descending", "order", "ascending by author", &{
            with(&one, &[cutoff(2), cutoff(1)])
        })
        .case("two cutoffs of one author", "order", "which would count?", &{
            with(&one, &[cutoff(1), cutoff(1)])
        })
        .case("cutoff without an id", "limit", "author, seq and id", &{
            with(&one, &[list(&[blob(&[1; 32]), uint(7)])])
        })
        .case("1,025 cutoffs", "limit", "at most 1,024", &{
            list(&[list(&one), [vec![0x99, 4, 1], vec![0; 1_100]].concat()])
        })
        .settle();
}

#[test]
fn the_short_ones() {
    Book::new("clear/checkpoint", "clear checkpoint")
        .case("empty", "ok", "nothing is clear in a checkpoint", &Clear::Checkpoint.encode())
        .case("a field", "limit", "nothing may be clear here", &list(&[uint(0)]))
        .case("no bytes", "cut", "even nothing is an empty array", &[])
        .settle();
    let keep = |keep_until| Clear::Tombstone { keep_until }.encode();
    Book::new("clear/tombstone", "clear tombstone")
        .case("until a purge", "ok", "zero", &keep(0))
        .case("until a second", "ok", "seconds since 1970", &keep(1_800_000_000))
        .case("negative", "type", "before 1970", &list(&[vec![0x20]]))
        .case("null", "type", "zero stands for none", &list(&[vec![NULL]]))
        .case("two fields", "limit", "one is due", &list(&[uint(0), uint(0)]))
        .settle();
    assert!(CLEAR_KINDS.iter().any(|(kind, _)| *kind == "clear segment"));
    Book::new("clear/segment", "clear segment")
        .case("empty array", "unknown", "no form in this format number", &list(&[]))
        .case("no bytes", "unknown", "no form in this format number", &[])
        .settle();
    assert!(Clear::decode(Kind::Segment, &[]).is_err());
}

#[test]
fn message() {
    let good = |references| {
        Clear::Message(Message {
            enc: Box::new([1; KEM_ENC_LEN]),
            drop: EntryId([2; 32]),
            capability: vec![3; 40],
            references,
        })
        .encode()
    };
    let (enc, drop, capability) = (blob(&[1; KEM_ENC_LEN]), blob(&[2; 32]), blob(&[3; 40]));
    let none = list(&[uint(0), ids(&[])]);
    let with = |parts: &[Vec<u8>]| list(parts);
    let long = blob(&[3; 2_049]);
    Book::new("clear/message", "clear message")
        .case("words", "ok", "no chunks", &good(References::NONE))
        .case("a file", "ok", "two chunks", &{
            good(References::Chunks(vec![ChunkId([4; 32]), ChunkId([5; 32])]))
        })
        .case("a large file", "ok", "one reference list", &{
            good(References::Lists(vec![ChunkId([4; 32])]))
        })
        .case("a short encapsulation", "limit", "1,119 bytes", &{
            with(&[blob(&[1; 1_119]), drop.clone(), capability.clone(), none.clone()])
        })
        .case("no drop", "type", "it came through none", &{
            with(&[enc.clone(), vec![NULL], capability.clone(), none.clone()])
        })
        .case("a long capability", "limit", "at most 2,048 bytes", &{
            with(&[enc.clone(), drop.clone(), long, none.clone()])
        })
        .case("chunks descending", "order", "ids ascend", &{
            let two = list(&[uint(0), ids(&[2, 1])]);
            with(&[enc.clone(), drop.clone(), capability.clone(), two])
        })
        .case("three fields", "limit", "four are due", &with(&[enc, drop, capability]))
        .case("empty array", "limit", "four fields are due", &list(&[]))
        .case("trailing", "trailing", "a byte too many", &{
            [&good(References::NONE)[..], &[0]].concat()
        })
        .case("no bytes", "cut", "nothing", &[])
        .settle();
}

#[test]
fn purge() {
    let good = Clear::Purge {
        entries: vec![EntryId([1; 32]), EntryId([2; 32])],
        chunks: vec![ChunkId([3; 32])],
    };
    let with = |entries: &[u8], chunks: &[u8]| list(&[ids(entries), ids(chunks)]);
    Book::new("clear/purge", "clear purge")
        .case("entries and chunks", "ok", "two sealed parts and a chunk", &good.encode())
        .case("only chunks", "ok", "an older version's content", &with(&[], &[1]))
        .case("nothing", "limit", "a purge of nothing", &with(&[], &[]))
        .case("entries descending", "order", "ids ascend", &with(&[2, 1], &[]))
        .case("a chunk twice", "order", "none twice", &with(&[], &[1, 1]))
        .case("16,385 entries", "limit", "at most one batch", &{
            [vec![0x82, 0x99, 0x40, 0x01], vec![0; 17_000]].concat()
        })
        .case("one list", "limit", "two are due", &list(&[ids(&[1])]))
        .settle();
}
