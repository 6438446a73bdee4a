//! Makes vectors/sealed-part.

use serde_json::{Value, json};

use crate::golden::{Book, hex};
use crate::independent::{derive, flipped, framed, seal};

/// One sealed part, as the specification makes it.
#[derive(Clone)]
pub struct Part {
    suite: u8,
    /// As it stands in a genesis; 0: Padmé, which does not stand there.
    padding: u8,
    document: [u8; 32],
    nonce: [u8; 32],
    kc: [u8; 32],
    aad: Vec<u8>,
    sealed: Vec<u8>,
    sealed_len: usize,
    cbor: Vec<u8>,
}

impl Part {
    /// Seals a plaintext that is framed already, rightly or not.
    fn of_plaintext(plain: &[u8], cbor: &[u8]) -> Self {
        Self::under(1, plain, cbor)
    }

    fn under(suite: u8, plain: &[u8], cbor: &[u8]) -> Self {
        let document = [6; 32];
        let author = [13; 32];
        let seq = 7_u64.to_be_bytes();
        let hash = *blake3::hash(plain).as_bytes();
        let nonce = derive("nonce", &[&[11; 32], &[12; 32], &author, &seq, &hash]);
        let key = derive("version", &[&document, &nonce]);
        let aad = b"header with BLAKE3(clear) in field 15".to_vec();
        let sealed = seal(suite, &key, &aad, plain);
        Self {
            suite,
            padding: 0,
            document,
            nonce,
            kc: derive("commit", &[&key]),
            aad,
            sealed_len: sealed.len(),
            sealed,
            cbor: cbor.to_vec(),
        }
    }

    fn of(cbor: &[u8], padded: usize) -> Self {
        Self::of_plaintext(&framed(cbor, padded), cbor)
    }

    fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut part = self.clone();
        change(&mut part);
        part
    }

    fn resized(&self, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        self.with(|part| {
            change(&mut part.sealed);
            part.sealed_len = part.sealed.len();
        })
    }

    fn json(&self) -> Value {
        json!({
            "suite": self.suite,
            "padding": self.padding,
            "dk": hex(&self.document),
            "nonce": hex(&self.nonce),
            "kc": hex(&self.kc),
            "sealed_len": self.sealed_len,
            "aad": hex(&self.aad),
            "sealed": hex(&self.sealed),
        })
    }
}

fn good(book: &mut Book, name: &str, why: &str, part: &Part) {
    let mut case = part.json();
    case["cbor"] = hex(&part.cbor).into();
    book.object(name, "ok", why, &case);
}

fn refused(book: &mut Book, name: &str, why: &str, part: &Part) {
    book.object(name, "refused", why, &part.json());
}

#[test]
fn make_sealed_parts() {
    let mut book = Book::new("sealed-part/part", "sealed part");
    // What a writer makes of these is told too: random 11…, device secret 12…, author 13…, seq 7.
    for (len, padded, why) in [
        (0, 256, "nothing, padded to the least there is"),
        (1, 256, "one byte"),
        (252, 256, "the four bytes of the length count as content"),
        (253, 272, "one byte more, one step of padding more"),
        (1_000, 1_024, "four bytes and 1,000 become 1,024"),
    ] {
        let part = Part::of(&vec![0x61; len], padded);
        good(&mut book, &format!("{len} bytes"), why, &part);
    }
    paddings(&mut book);
    let part = Part::of(b"the deed of the house", 256);
    broken_bytes(&mut book, &part);
    broken_context(&mut book, &part);
    broken_plaintext(&mut book);
    book.settle();
}

/// Bytes, number of the rule, padded length that is due, and one that is not.
const PADDED: [(&str, usize, u8, usize, usize); 8] = [
    ("none", 3, 1, 7, 256),
    ("none, long", 1_000, 1, 1_004, 1_024),
    ("power of two, short", 3, 2, 256, 512),
    ("power of two, long", 300, 2, 512, 304),
    ("power of two, most", 65_532, 2, 65_536, 65_552),
    ("multiples of 64 KiB", 300, 16, 65_536, 304),
    ("multiples of 1 MiB end at 64 KiB in an entry", 300, 20, 65_536, 512),
    ("multiples of 1 GiB, most", 65_532, 30, 65_536, 65_552),
];

fn paddings(book: &mut Book) {
    for (name, len, padding, due, other) in PADDED {
        let cbor = vec![0x61; len];
        let part = Part::of(&cbor, due).with(|p| p.padding = padding);
        good(book, name, "the bucket's padding", &part);
        let bad = Part::of(&cbor, other).with(|p| p.padding = padding);
        let name = format!("{name}: padded to {other}");
        refused(book, &name, "not as long as the bucket's padding makes it", &bad);
    }
    let bad = Part::of(b"abc", 7);
    refused(book, "not padded", "public buckets only: the length would show", &bad);
    let bad = Part::of(b"abc", 272);
    refused(book, "a step too far", "zeros as they should be, and one step too many of them", &bad);
    let bad = Part::of(b"abc", 257);
    refused(book, "between two steps", "257 is no padded length", &bad);
}

#[test]
fn make_sealed_parts_of_suite_2() {
    let mut book = Book::new("sealed-part/suite-2", "sealed part");
    let of = |cbor: &[u8], padded| Part::under(2, &framed(cbor, padded), cbor);
    for (len, padded) in [(0, 256), (252, 256), (253, 272), (1_000, 1_024), (65_532, 65_536)] {
        let part = of(&vec![0x61; len], padded);
        let why = "XChaCha20-Poly1305, nonce of zeros, tag behind";
        good(&mut book, &format!("{len} bytes"), why, &part);
    }
    let part = of(b"the deed of the house", 256);
    good(&mut book, "the deed", "what all below was made of", &part);
    for at in (0..part.sealed.len()).step_by(16).chain([part.sealed.len() - 1]) {
        let bad = part.with(|p| p.sealed = flipped(&p.sealed, at));
        refused(&mut book, &format!("a bit of byte {at}"), "one flipped bit is refused", &bad);
    }
    refused(&mut book, "cut", "a byte missing", &part.resized(|b| b.truncate(b.len() - 1)));
    refused(&mut book, "tag alone", "all content cut off", &part.resized(|b| b.truncate(16)));
    let why = "one key, two ciphers: the header says which, and is the associated data";
    refused(&mut book, "read as suite 1", why, &part.with(|p| p.suite = 1));
    let gcm = Part::of(b"the deed of the house", 256).with(|p| p.suite = 2);
    refused(&mut book, "sealed as suite 1", why, &gcm);
    let bad = part.with(|p| p.aad = flipped(&p.aad, 0));
    refused(&mut book, "another header", "the header is the associated data", &bad);
    let bad = part.with(|p| p.kc[0] ^= 1);
    refused(&mut book, "another commitment", "Poly1305 commits to no key either", &bad);
    let bad = part.with(|p| p.nonce[0] ^= 1);
    refused(&mut book, "another nonce", "the nonce makes the key", &bad);
    let mut plain = framed(b"the deed of the house", 256);
    plain[255] = 1;
    let bad = Part::under(2, &plain, b"");
    refused(&mut book, "last byte of the padding", "padding is zeros; the tag is valid", &bad);
    book.settle();
}

fn broken_bytes(book: &mut Book, part: &Part) {
    let last = part.sealed.len() - 1;
    for (name, at) in [
        ("first bit of the length", 0),
        ("a bit of the content", 10),
        ("a bit of the padding", 200),
        ("first bit of the tag", last - 15),
        ("last bit of the tag", last),
    ] {
        let bad = part.with(|p| p.sealed = flipped(&p.sealed, at));
        refused(book, name, "one flipped bit anywhere is refused", &bad);
    }
    refused(book, "a byte missing", "cut at the end", &part.resized(|b| b.truncate(b.len() - 1)));
    refused(book, "a byte too many", "something behind the tag", &part.resized(|b| b.push(0)));
    refused(book, "tag alone", "all content cut off", &part.resized(|b| b.truncate(16)));
    refused(book, "empty", "shorter than a tag", &part.resized(Vec::clear));
    refused(
        book,
        "two halves swapped",
        "blocks in another order",
        &part.with(|p| p.sealed.rotate_left(128)),
    );
    let bad = part.with(|p| p.sealed_len += 1);
    refused(book, "another length in the header", "field 14 is not the length", &bad);
}

fn broken_context(book: &mut Book, part: &Part) {
    let bad = part.with(|p| p.nonce[0] ^= 1);
    refused(book, "another nonce", "the nonce makes the key", &bad);
    let bad = part.with(|p| p.kc[31] ^= 1);
    refused(book, "another commitment", "the key is not the one the header commits to", &bad);
    let bad = part.with(|p| p.kc = [0; 32]);
    refused(book, "no commitment", "zeros commit to nothing", &bad);
    let bad = part.with(|p| {
        let key = derive("version", &[&[5; 32], &p.nonce]);
        p.kc = derive("commit", &[&key]);
    });
    refused(book, "committed to another document's key", "one ciphertext, two keys", &bad);
    let bad = part.with(|p| {
        let key = derive("version", &[&p.document, &p.nonce]);
        p.kc = derive("version", &[&key]);
    });
    refused(book, "commitment of another context", "a derivation out of place", &bad);
    let bad = part.with(|p| p.document[0] ^= 1);
    refused(book, "another document's key", "DK is of one document and generation", &bad);
    let bad = part.with(|p| p.aad = flipped(&p.aad, 0));
    refused(book, "another header", "the header is the associated data", &bad);
    let bad = part.with(|p| p.aad.push(0));
    refused(book, "a header with a byte more", "the associated data is all of it", &bad);
    let bad = part.with(|p| p.aad.clear());
    refused(book, "no header", "nothing opens without its header", &bad);
    let other = Part::of(b"the deed of the other", 256);
    let bad = part.with(|p| p.sealed = other.sealed);
    refused(book, "another entry's sealed part", "swapped between two entries", &bad);
    refused(book, "suite 2", "another cipher made these bytes", &part.with(|p| p.suite = 2));
    refused(book, "suite 3", "unknown", &part.with(|p| p.suite = 3));
    refused(book, "suite 0", "unknown", &part.with(|p| p.suite = 0));
}

fn broken_plaintext(book: &mut Book) {
    let raw = |plain: &[u8]| Part::of_plaintext(plain, b"");
    for at in [25, 100, 255] {
        let mut plain = framed(b"the deed of the house", 256);
        plain[at] = 1;
        let name = format!("byte {at} of the padding");
        refused(book, &name, "padding is zeros; every tag is valid", &raw(&plain));
    }
    let mut plain = framed(b"abc", 256);
    plain[3] = 2;
    refused(book, "length too small", "the last byte would be padding", &raw(&plain));
    plain[..4].copy_from_slice(&253_u32.to_be_bytes());
    refused(book, "length too large by one", "it ends behind the end", &raw(&plain));
    plain[..4].copy_from_slice(&[0xff; 4]);
    refused(book, "length of four gigabytes", "refused, not allocated", &raw(&plain));
    refused(book, "no room for the length", "three bytes of plaintext", &raw(&[0; 3]));
    refused(book, "no plaintext", "sealed nothing", &raw(&[]));
}
