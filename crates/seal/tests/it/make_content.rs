//! Makes vectors/chunk and vectors/manifest.

use serde_json::{Value, json};
use strongroom_wire::cbor::Writer;

use crate::golden::{Book, fold, hex};
use crate::independent::{derive, flipped, gcm, xchacha};

const PIECE: u64 = 1_048_560;

/// One chunk, as the specification makes it: id, key, bytes.
fn chunk(random: [u8; 32], plain: &[u8]) -> ([u8; 32], [u8; 32], Vec<u8>) {
    let hash = *blake3::hash(plain).as_bytes();
    let key = derive("chunk", &[&random, &[12; 32], &hash]);
    let bytes = gcm(&key, b"", plain);
    (*blake3::hash(&bytes).as_bytes(), key, bytes)
}

fn chunk_case(id: &[u8; 32], key: &[u8; 32], len: u64, bytes: &[u8]) -> Value {
    json!({"id": hex(id), "key": hex(key), "len": len, "bytes": hex(bytes)})
}

#[test]
fn make_chunks() {
    let mut book = Book::new("chunk/chunk", "chunk");
    for (name, plain) in [("256 bytes", vec![0x61; 256]), ("one byte", vec![0x61])] {
        let (id, key, bytes) = chunk([11; 32], &plain);
        let mut case = chunk_case(&id, &key, plain.len() as u64, &bytes);
        case["plain"] = fold(&plain);
        book.object(name, "ok", "random 11…, device secret 12…", &case);
    }
    let (id, key, bytes) = chunk([11; 32], &[0x61; 256]);
    let (other, other_key, other_bytes) = chunk([10; 32], &[0x61; 256]);
    let rehash = |bytes: &[u8]| *blake3::hash(bytes).as_bytes();
    type Key = [u8; 32];
    let mut bad = |name: &str, expect: &str, why: &str, id: &Key, key: &Key, len, bytes: &[u8]| {
        book.object(name, expect, why, &chunk_case(id, key, len, bytes));
    };
    let why = "the hash is looked at first, by whoever receives it";
    for at in [0, 100, 255, 256, 271] {
        let name = format!("byte {at} flipped");
        bad(&name, "bytes", why, &id, &key, 256, &flipped(&bytes, at));
    }
    bad("cut by one", "bytes", why, &id, &key, 256, &bytes[..271]);
    bad("longer by one", "bytes", why, &id, &key, 256, &[&bytes[..], &[0]].concat());
    bad("empty", "bytes", why, &id, &key, 256, &[]);
    bad("another chunk", "bytes", "swapped", &id, &key, 256, &other_bytes);
    let why = "the hash is that of the bytes, and still they were not sealed so";
    let forged = flipped(&bytes, 0);
    bad("forged content", "sealed", why, &rehash(&forged), &key, 256, &forged);
    let forged = flipped(&bytes, 271);
    bad("forged tag", "sealed", why, &rehash(&forged), &key, 256, &forged);
    bad("another key", "sealed", "the manifest fixes the key", &id, &other_key, 256, &bytes);
    bad(
        "another id and key",
        "sealed",
        "id of one, key of the other",
        &other,
        &key,
        256,
        &other_bytes,
    );
    let with_aad = gcm(&key, b"x", &[0x61; 256]);
    bad(
        "with associated data",
        "sealed",
        "there is none",
        &rehash(&with_aad),
        &key,
        256,
        &with_aad,
    );
    bad("shorter than its row", "length", "the row says 257", &id, &key, 257, &bytes);
    bad("longer than its row", "length", "the row says 255", &id, &key, 255, &bytes);
    let tiny = bytes[..15].to_vec();
    bad("shorter than a tag", "length", "15 bytes", &rehash(&tiny), &key, 256, &tiny);
    book.settle();
}

#[test]
fn make_chunks_of_suite_2() {
    let mut book = Book::new("chunk/suite-2", "chunk");
    let made = |plain: &[u8]| {
        let hash = *blake3::hash(plain).as_bytes();
        let key = derive("chunk", &[&[11; 32], &[12; 32], &hash]);
        let bytes = xchacha(&key, b"", plain);
        (key, bytes)
    };
    let case = |suite: u8, key: &[u8; 32], len: u64, bytes: &[u8]| {
        let mut case = chunk_case(blake3::hash(bytes).as_bytes(), key, len, bytes);
        case["suite"] = suite.into();
        case
    };
    for (name, plain) in [("256 bytes", vec![0x61; 256]), ("one byte", vec![0x61])] {
        let (key, bytes) = made(&plain);
        let mut good = case(2, &key, plain.len() as u64, &bytes);
        good["plain"] = fold(&plain);
        book.object(name, "ok", "random 11…, device secret 12…", &good);
    }
    let (key, bytes) = made(&[0x61; 256]);
    let why = "the hash is that of the bytes, and still they were not sealed so";
    for at in (0..bytes.len()).step_by(17) {
        let bad = case(2, &key, 256, &flipped(&bytes, at));
        book.object(&format!("forged byte {at}"), "sealed", why, &bad);
    }
    let why = "the bucket's genesis says which cipher; a chunk says nothing";
    book.object("read as suite 1", "sealed", why, &case(1, &key, 256, &bytes));
    let other = gcm(&key, b"", &[0x61; 256]);
    book.object("sealed as suite 1", "sealed", why, &case(2, &key, 256, &other));
    let other = xchacha(&key, b"x", &[0x61; 256]);
    book.object("with associated data", "sealed", "there is none", &case(2, &key, 256, &other));
    let short = case(2, &key, 257, &bytes);
    book.object("shorter than its row", "length", "the row says 257", &short);
    book.settle();
}

#[test]
fn make_layouts() {
    let mut book = Book::new("chunk/layout", "layout");
    for (size, padded) in [
        (1, 256),
        (256, 256),
        (257, 272),
        (65_533, 65_536),
        (1_000_000, 1_015_808),
        (PIECE, 1_048_576),
        (PIECE + 1, 1_048_576),
        (2 * PIECE, 2_097_152),
        (3_000_000, 3_014_656),
        (1 << 30, 1 << 30),
        ((1 << 30) + 1, (1 << 30) + (1 << 25)),
    ] {
        let chunks: u64 = u64::div_ceil(padded, PIECE);
        let last = padded - (chunks - 1) * PIECE;
        let case = json!({"size": size, "padded": padded, "chunks": chunks, "last": last});
        let why = "Padmé of the whole, then pieces of 1,048,560 bytes";
        book.object(&format!("{size} bytes"), "ok", why, &case);
    }
    for (rule, number, size, padded) in [
        ("none", 1, 70_001, 70_001_u64),
        ("none", 1, PIECE + 1, PIECE + 1),
        ("power of two", 2, 65_536, 65_536),
        ("power of two", 2, 65_537, 131_072),
        ("power of two", 2, PIECE + 1, 1_048_576),
        ("power of two", 2, 3_000_000, 4_194_304),
        ("multiples of 64 KiB", 16, 65_537, 131_072),
        ("multiples of 64 KiB", 16, 3_000_000, 3_014_656),
        ("multiples of 1 MiB", 20, 65_537, 1_048_576),
        ("multiples of 1 MiB", 20, 1_048_577, 2_097_152),
        ("multiples of 1 GiB", 30, 1, 1 << 30),
    ] {
        let chunks = u64::div_ceil(padded, PIECE);
        let last = padded - (chunks - 1) * PIECE;
        let case = json!({
            "padding": number, "size": size, "padded": padded, "chunks": chunks, "last": last,
        });
        let why = "the bucket's rule for the whole, then pieces of 1,048,560 bytes";
        book.object(&format!("{rule}: {size} bytes"), "ok", why, &case);
    }
    book.settle();
}

/// A content of three pieces as bytes in runs, and its padded pieces.
fn content() -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut content = vec![0x61; PIECE as usize];
    content.resize(2 * PIECE as usize, 0x62);
    content.resize(2 * PIECE as usize + 1_000, 0x63);
    let mut padded = content.clone();
    padded.resize(2_162_688, 0);
    (content, padded.chunks(PIECE as usize).map(<[u8]>::to_vec).collect())
}

#[test]
fn make_contents() {
    let mut book = Book::new("chunk/content", "content");
    let (content, pieces) = content();
    let sealed: Vec<_> =
        pieces.iter().zip(31_u8..).map(|(piece, n)| chunk([n; 32], piece)).collect();
    let ids: Vec<_> = sealed.iter().map(|(id, ..)| hex(id)).collect();
    let base = json!({
        "content": fold(&content),
        "padded": 2_162_688,
        "device_secret": hex(&[12; 32]),
        "randoms": [hex(&[31; 32]), hex(&[32; 32]), hex(&[33; 32])],
        "ids": ids,
    });
    // `serve`: which chunk the provider answers with, and how long it is, for each that is asked.
    let mut case = |name: &str, expect: &str, why: &str, serve: Value| {
        let mut case = base.clone();
        case["serve"] = serve;
        book.object(name, expect, why, &case);
    };
    let all = json!([[0, null], [1, null], [2, null]]);
    case("in order", "ok", "three chunks, the last one short and padded", all);
    let why = "every tag is valid, only the manifest can tell";
    case("first two swapped", "bytes", why, json!([[1, null], [0, null], [2, null]]));
    case("last two swapped", "bytes", why, json!([[0, null], [2, null], [1, null]]));
    case("backwards", "bytes", why, json!([[2, null], [1, null], [0, null]]));
    case("first doubled", "bytes", why, json!([[0, null], [0, null], [1, null]]));
    case("last doubled", "bytes", why, json!([[0, null], [2, null], [2, null]]));
    case("second dropped", "bytes", why, json!([[0, null], [2, null]]));
    case("first dropped", "bytes", why, json!([[1, null], [2, null]]));
    case("cut off after the second", "missing", why, json!([[0, null], [1, null]]));
    case("nothing", "missing", why, json!([]));
    case("last cut", "bytes", why, json!([[0, null], [1, null], [2, 1_000]]));
    case("first cut by its tag", "bytes", why, json!([[0, PIECE], [1, null], [2, null]]));
    book.settle();
}

type Row = ([u8; 32], [u8; 32], u64);

fn full(n: u8) -> Row {
    ([n; 32], [n + 100; 32], PIECE)
}

fn rows(w: &mut Writer, rows: &[Row]) {
    w.array(rows.len());
    for (id, key, len) in rows {
        w.array(3).bytes(id).bytes(key).uint(*len);
    }
}

fn manifest(size: u64, padded: u64, depth: u64, list: &[Row]) -> Vec<u8> {
    let mut w = Writer::new();
    w.array(4).uint(size).uint(padded).uint(depth);
    rows(&mut w, list);
    w.into_bytes()
}

#[test]
fn make_manifests() {
    let mut book = Book::new("manifest/manifest", "manifest");
    let last: Row = ([9; 32], [10; 32], 500);
    let one = manifest(250, 256, 0, &[([9; 32], [10; 32], 256)]);
    let three = manifest(2 * PIECE + 400, 2 * PIECE + 500, 0, &[full(1), full(2), last]);
    book.case("one chunk", "ok", "the least there is", &one);
    book.case("three chunks", "ok", "two full ones and the rest", &three);
    let twice = manifest(2 * PIECE, 2 * PIECE, 0, &[full(1), full(1)]);
    book.case("one chunk twice", "ok", "equal pieces of one content may share a chunk", &twice);
    let most: Vec<Row> = vec![full(1); 512];
    let direct = manifest(512 * PIECE, 512 * PIECE, 0, &most);
    book.case("512 chunks", "ok", "the most that stand in the manifest itself", &direct);
    let nodes = [([1; 32], [2; 32], 76_803), ([3; 32], [4; 32], 75)];
    let tree = manifest(1_025 * PIECE - 9, 1_025 * PIECE, 1, &nodes);
    book.case("1,025 chunks", "ok", "two nodes, the second with one row", &tree);
    let tree = manifest(513 * PIECE, 513 * PIECE, 1, &nodes[..1]);
    book.case("513 chunks", "ok", "one node that is not full", &tree);

    broken_manifest_forms(&mut book, &one);
    broken_manifest_shapes(&mut book, last, &nodes);
    book.settle();
}

fn broken_manifest_forms(book: &mut Book, good: &[u8]) {
    for len in [0, 1, 20, good.len() - 1] {
        book.case(&format!("cut at {len}"), "cut", "the bytes end too early", &good[..len]);
    }
    let more = [good, &[0]].concat();
    book.case("trailing", "trailing", "a byte behind the end", &more);
    book.case("no array", "type", "a map", &[&[0xa4], &good[1..]].concat());
    let mut fields = good.to_vec();
    fields[0] = 0x85;
    fields.push(0);
    book.case("five fields", "limit", "one field too many", &fields);
    let long = [&[0x84, 0x19, 0x00, 0xfa][..], &good[3..]].concat();
    book.case("long integer", "not canonical", "250 in two bytes where one is enough", &long);
    let row = |id: usize, key: usize| {
        let mut w = Writer::new();
        w.array(4).uint(250).uint(256).uint(0).array(1);
        w.array(3).bytes(&vec![9; id]).bytes(&vec![10; key]).uint(256);
        w.into_bytes()
    };
    book.case("short id", "limit", "31 bytes", &row(31, 32));
    book.case("long key", "limit", "33 bytes", &row(32, 33));
    let mut w = Writer::new();
    w.array(4).uint(250).uint(256).uint(0).array(1).array(2).bytes(&[9; 32]).bytes(&[10; 32]);
    book.case("row of two", "limit", "the length is missing", &w.into_bytes());
    let bomb = [0x84, 0x18, 0xfa, 0x19, 0x01, 0x00, 0x00, 0x9a, 0xff, 0xff, 0xff, 0xff];
    book.case("four billion rows", "limit", "refused before anything is reserved", &bomb);
}

fn broken_manifest_shapes(book: &mut Book, last: Row, nodes: &[Row]) {
    let mut case = |name: &str, expect: &str, why: &str, bytes: Vec<u8>| {
        book.case(name, expect, why, &bytes);
    };
    let row = |len| ([9; 32], [10; 32], len);
    let why = "the sizes say how many rows there are, and how long each is";
    case("no rows", "shape", "empty content stands in the entry", manifest(0, 0, 0, &[]));
    case("row missing", "shape", why, manifest(2 * PIECE, 2 * PIECE, 0, &[full(1)]));
    let two = [full(1), full(2)];
    case("row too many", "shape", why, manifest(PIECE, PIECE, 0, &two));
    case("short row in front", "shape", why, manifest(9, PIECE + 500, 0, &[last, full(1)]));
    case("last row too long", "shape", why, manifest(250, 256, 0, &[row(257)]));
    case("last row too short", "shape", why, manifest(250, 256, 0, &[row(255)]));
    case("row of nothing", "shape", "a chunk holds a byte at least", manifest(0, 0, 0, &[row(0)]));
    let long = manifest(9, PIECE + 1, 0, &[row(PIECE + 1)]);
    case("row of too much", "shape", "a chunk holds 1,048,560 bytes at most", long);
    let more = manifest(257, 256, 0, &[row(256)]);
    case("more content than there is", "shape", "size is larger than padded", more);
    let why = "two forms of one manifest would be two encodings";
    case("513 rows", "limit", why, manifest(513 * PIECE, 513 * PIECE, 0, &vec![full(1); 513]));
    case("nodes for 512", "shape", why, manifest(512 * PIECE, 512 * PIECE, 1, &nodes[..1]));
    case("node missing", "shape", why, manifest(1_025 * PIECE, 1_025 * PIECE, 1, &nodes[..1]));
    case("node too many", "shape", why, manifest(513 * PIECE, 513 * PIECE, 1, nodes));
    case("depth 2", "limit", "one level of nodes is enough", manifest(1, 256, 2, &[row(256)]));
    let max = u64::MAX;
    case("larger than anything", "limit", "511 GiB at most", manifest(max, max, 1, nodes));
    case(
        "a length of 64 bits",
        "limit",
        "32 bits are enough",
        manifest(1, 256, 0, &[row(1 << 32)]),
    );
}

#[test]
fn make_nodes() {
    let mut book = Book::new("manifest/node", "node");
    let good_row: Row = ([7; 32], [8; 32], 500);
    let padded = 1_024 * PIECE + 500;
    let encode = |list: &[Row]| {
        let mut w = Writer::new();
        rows(&mut w, list);
        w.into_bytes()
    };
    // The node of the last row stands alone; `chunk` is asked for at index 1,024.
    let mut case = |name: &str, expect: &str, why: &str, plain: &[u8]| {
        let (id, key, bytes) = chunk([11; 32], plain);
        let list = [([1; 32], [2; 32], 76_803), (id, key, plain.len() as u64)];
        // Without padding, unless that is what the case is about.
        let (size, padding) = if expect == "padding" { (padded - 100, 0) } else { (padded, 1) };
        let outer = manifest(size, padded, 1, &list);
        let input = json!({
            "padding": padding, "manifest": hex(&outer), "index": 1_024, "chunk": hex(&bytes),
        });
        book.object(name, expect, why, &input);
    };
    case("one row", "ok", "the second of two nodes", &encode(&[good_row]));
    let why = "zeros that are not as many as the bucket's padding asks";
    case("another padding", "padding", why, &encode(&[good_row]));
    let why = "the manifest says how many rows this node has, and how long each is";
    case("no row", "shape", why, &encode(&[]));
    case("two rows", "shape", why, &encode(&[full(1), good_row]));
    case("row too long", "shape", why, &encode(&[([7; 32], [8; 32], 501)]));
    case("row too short", "shape", why, &encode(&[([7; 32], [8; 32], 499)]));
    let good = encode(&[good_row]);
    case("cut", "cut", "the bytes end too early", &good[..good.len() - 1]);
    case("trailing", "trailing", "nodes are not padded", &[&good[..], &[0]].concat());
    case("a manifest", "type", "nodes are of one level", &manifest(1, 256, 0, &[good_row]));
    case("text", "type", "not a list of rows", b"\x63abc");
    case("too many rows", "limit", "1,024 at most", &[0x99, 0x04, 0x01]);
    book.settle();
}
