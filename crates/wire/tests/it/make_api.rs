//! Makes vectors/api: bodies of the requests that are not replication.

use ed25519_dalek::Signer;
use strongroom_wire::api::{CopyChunks, Holding, SignUp, VaultTerms, encode_have, encode_records};
use strongroom_wire::ids::{BucketId, ChunkId, PublicKey, SessionId, Thumbprint, VaultTag};

use crate::golden::Book;
use crate::samples::{author, blob, ids, key, list, uint};

const NULL: u8 = 0xf6;

fn text(text: &str) -> Vec<u8> {
    let mut w = strongroom_wire::cbor::Writer::new();
    w.text(text);
    w.into_bytes()
}

#[test]
fn sign_up() {
    let (vault, provider, session) =
        (VaultTag([0x1a; 16]), Thumbprint([0x2b; 32]), SessionId([0x3c; 16]));
    let made = |token: Option<&str>| {
        let input = SignUp::signing_input(vault, token, provider, session);
        SignUp {
            vault,
            key: PublicKey(author(&key(1)).0),
            token: token.map(str::to_owned),
            signature: key(1).sign(&input).to_bytes(),
        }
    };
    let good = made(None);
    assert!(good.holds(provider, session));
    assert!(!good.holds(provider, SessionId([0; 16])));
    assert!(!good.holds(Thumbprint([0; 32]), session));
    let with = |token: Vec<u8>, signature: usize| {
        list(&[blob(&vault.0), blob(&good.key.0), token, blob(&vec![1; signature])])
    };
    let bytes = good.encode();
    Book::new("api/sign-up", "sign-up")
        .case("open", "ok", "no token is asked for", &bytes)
        .case("token", "ok", "a token of the provider's", &made(Some("early-bird")).encode())
        .case("longest token", "ok", "256 bytes", &made(Some(&"t".repeat(256))).encode())
        .case("token too long", "limit", "257 bytes", &with(text(&"t".repeat(257)), 64))
        .case("token not UTF-8", "utf8", "a stray byte", &with(vec![0x61, 0xff], 64))
        .case("token as bytes", "type", "text or null", &with(blob(b"a"), 64))
        .case("short signature", "limit", "64 bytes", &with(vec![NULL], 63))
        .case("three fields", "limit", "four are due", &list(&[uint(0), uint(0), uint(0)]))
        .case("cut", "cut", "the last byte is missing", &bytes[..bytes.len() - 1])
        .case("trailing", "trailing", "a byte too many", &[&bytes[..], &[0]].concat())
        .settle();
}

#[test]
fn vault() {
    let terms = VaultTerms {
        quota_bytes: 0,
        used_bytes: u64::MAX,
        buckets: 3,
        record_reads: 1,
        record_read_at: 1_795_000_000,
    };
    let bytes = terms.encode();
    Book::new("api/vault-terms", "vault terms")
        .case("terms", "ok", "no limit, and everything used", &bytes)
        .case("four numbers", "limit", "five are due", &list(&vec![uint(0); 4]))
        .case("six numbers", "limit", "five are due", &list(&vec![uint(0); 6]))
        .case("negative", "type", "-1 bytes", &list(&[vec![vec![0x20]], vec![uint(0); 4]].concat()))
        .case("long form", "not canonical", "0 in two bytes", &{
            list(&[vec![vec![0x18, 0]], vec![uint(0); 4]].concat())
        })
        .settle();
    let holding = Holding {
        bucket: BucketId([0xb0; 32]),
        entries: 10,
        entry_bytes: 7_000,
        chunks: 2,
        chunk_bytes: 2_097_152,
        authors: 1,
        documents: 5,
        first_at: 1_795_000_000,
        last_at: 1_795_000_100,
    };
    Book::new("api/holdings", "holdings")
        .case("none", "ok", "a vault without buckets", &Holding::encode_all(&[]))
        .case("two", "ok", "two buckets", &Holding::encode_all(&[holding, holding]))
        .case("eight numbers", "limit", "nine fields are due", &list(&[list(&vec![uint(0); 8])]))
        .case("announced, not there", "cut", "100,000 in no bytes", &[0x9a, 0, 1, 0x86, 0xa0])
        .case("100,001", "limit", "more than a vault may list", &[0x9a, 0, 1, 0x86, 0xa1])
        .settle();
}

#[test]
fn copies() {
    let copy = |chunks: &[ChunkId]| CopyChunks {
        from: BucketId([3; 32]),
        session: SessionId([4; 16]),
        proof: [5; 32],
        chunks: chunks.to_vec(),
    };
    let made = |from: usize, session: usize, proof: usize, chunks: Vec<u8>| {
        list(&[blob(&vec![3; from]), blob(&vec![4; session]), blob(&vec![5; proof]), chunks])
    };
    let good = copy(&[ChunkId([2; 32]), ChunkId([1; 32])]).encode();
    let many = [vec![0x99, 0x10, 1], vec![0; 5_000]].concat();
    Book::new("api/copy", "copy chunks")
        .case("two", "ok", "in the order of the answer", &good)
        .case("none", "ok", "no question", &copy(&[]).encode())
        .case("4,097", "limit", "too many at once", &made(32, 16, 32, many))
        .case("short bucket", "limit", "32 bytes", &made(31, 16, 32, ids(&[1])))
        .case("long session", "limit", "16 bytes", &made(32, 17, 32, ids(&[1])))
        .case("short proof", "limit", "32 bytes", &made(32, 16, 31, ids(&[1])))
        .case("short id", "limit", "32 bytes", &made(32, 16, 32, list(&[blob(&[1; 16])])))
        .case("an id as a number", "type", "bytes", &made(32, 16, 32, list(&[uint(1)])))
        .case("no list", "type", "a list", &made(32, 16, 32, blob(&[1; 32])))
        .case("cut", "cut", "its end is missing", &good[..good.len() - 1])
        .case("trailing", "trailing", "a byte too many", &[good.clone(), vec![0]].concat())
        .settle();
}

#[test]
fn chunks_and_records() {
    let have = encode_have(&[ChunkId([2; 32]), ChunkId([1; 32])]);
    Book::new("api/have", "have")
        .case("two", "ok", "in the order of the answer", &have)
        .case("none", "ok", "no question", &encode_have(&[]))
        .case("4,097", "limit", "too many at once", &[vec![0x99, 0x10, 1], vec![0; 5_000]].concat())
        .case("short id", "limit", "32 bytes", &list(&[blob(&[1; 16])]))
        .case("an id as a number", "type", "bytes", &list(&[uint(1)]))
        .case("trailing", "trailing", "a byte too many", &[ids(&[1]), vec![0]].concat())
        .settle();
    let record = vec![0x7e; 3_257];
    let put = |key: usize, record: usize| list(&[blob(&vec![1; key]), blob(&vec![0x7e; record])]);
    Book::new("api/record-put", "record put")
        .case("record", "ok", "a record has one size always", &put(32, 3_257))
        .case("record too short", "limit", "3,256 bytes", &put(32, 3_256))
        .case("record too long", "limit", "3,258 bytes", &put(32, 3_258))
        .case("short key", "limit", "32 bytes", &put(31, 3_257))
        .case("no record", "limit", "a key alone", &list(&[blob(&[1; 32])]))
        .settle();
    Book::new("api/records", "records")
        .case("none", "ok", "nothing is held", &encode_records(&[]))
        .case("eight", "ok", "the newest and seven older", &encode_records(&vec![record; 8]))
        .case("nine", "limit", "at most eight", &list(&vec![blob(&[]); 9]))
        .case("a short one", "limit", "3,257 bytes each", &list(&[blob(&[0x7e; 100])]))
        .settle();
}
