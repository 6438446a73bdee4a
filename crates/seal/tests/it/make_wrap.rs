//! Makes vectors/wrap and vectors/epoch.

use serde_json::{Value, json};
use strongroom_seal::kem::AgreeSeed;
use strongroom_seal::keys::{EpochKey, TagKey};
use strongroom_seal::rng::DangerSeeded;
use strongroom_seal::suite::Suite;
use strongroom_seal::wrap::{Place, wrap};
use strongroom_wire::ids::BucketId;

use crate::golden::{Book, hex};
use crate::independent::{derive, flipped, gcm};

/// A wrap by the product; what an encapsulation is, the draft's known answers fix.
fn made(n: u64) -> Value {
    let place = Place { suite: Suite::Aes256Gcm, bucket: BucketId([2; 32]), n };
    let to = AgreeSeed::from_secret_bytes(&[40; 32]).pair().public();
    let (e, tag_key) =
        (EpochKey::from_secret_bytes(&[1; 32]), TagKey::from_secret_bytes(&[17; 32]));
    let bytes = wrap(place, &e, &to, &tag_key, &mut DangerSeeded::new(n)).unwrap();
    json!({
        "seed": hex(&[40; 32]),
        "tag_key": hex(&[17; 32]),
        "bucket": hex(&[2; 32]),
        "n": n,
        "commit_e": hex(&derive("epoch commit", &[&[1; 32]])),
        "commit_ck": hex(&derive("content commit", &[&[3; 32]])),
        "wrap": hex(&bytes),
    })
}

#[test]
fn make_wraps() {
    let mut book = Book::new("wrap/wrap", "wrap");
    let good = made(5);
    let mut case = good.clone();
    case["key"] = hex(&[1; 32]).into();
    book.object("E", "ok", "found by its tag", &case);
    let bytes = crate::golden::unhex(good["wrap"].as_str().unwrap());
    let mut other = case.clone();
    other["wrap"] = hex(&flipped(&bytes, 0)).into();
    book.object("another tag", "ok", "found by trying all", &other);

    let mut bad = |name: &str, why: &str, field: &str, value: Value| {
        let mut case = good.clone();
        case[field] = value;
        book.object(name, "refused", why, &case);
    };
    for (name, at) in [
        ("ML-KEM byte", 16),
        ("last ML-KEM byte", 16 + 1_087),
        ("X25519 byte", 16 + 1_088),
        ("sealed key", 16 + 1_120),
        ("tag of the seal", 1_183),
    ] {
        bad(name, "one flipped bit", "wrap", hex(&flipped(&bytes, at)).into());
    }
    bad("another bucket", "the bucket id makes the key", "bucket", hex(&[3; 32]).into());
    bad("another epoch", "n makes the key", "n", 6.into());
    bad("another member", "the seed is not the one it was made for", "seed", hex(&[41; 32]).into());
    bad("another E", "what it opens to was not committed to", "commit_e", hex(&[4; 32]).into());
    let zero = "an all-zero X25519 share gives another secret, and no other error";
    let mut zeroed = bytes.clone();
    zeroed[16 + 1_088..16 + 1_120].fill(0);
    bad("X25519 of zeros", zero, "wrap", hex(&zeroed).into());
    bad("zeros", "no wrap at all", "wrap", hex(&[0; 1_184]).into());
    book.settle();
}

#[test]
fn make_slots() {
    let mut book = Book::new("epoch/back", "back");
    let commit = derive("epoch commit", &[&[1; 32]]);
    let history = derive("history", &[&[30; 32], &[2; 32]]);
    let key = derive("epoch back", &[&history, &[8; 32], &commit]);
    let slot = gcm(&key, b"", &[1; 32]);
    let good = json!({
        "new_e": hex(&[30; 32]), "bucket": hex(&[2; 32]), "previous": hex(&[8; 32]),
        "commit_e": hex(&commit), "slot": hex(&slot),
    });
    slot_cases(&mut book, &good, "previous", &slot);
    let poisoned = gcm(&key, b"", &[9; 32]);
    let mut case = good.clone();
    case["slot"] = hex(&poisoned).into();
    book.object("poisoned", "refused", "the right key, another E: not the committed one", &case);
    let direct = gcm(&history, b"", &[1; 32]);
    case["slot"] = hex(&direct).into();
    book.object("sealed by HK itself", "refused", "HK would seal several plaintexts", &case);
    book.settle();

    let mut book = Book::new("epoch/child", "child");
    let parent = derive("child", &[&[30; 32], &[31; 32]]);
    let key = derive("child slot", &[&parent, &[2; 32], &commit]);
    let slot = gcm(&key, b"", &[1; 32]);
    let good = json!({
        "parent_e": hex(&[30; 32]), "parent": hex(&[31; 32]), "child": hex(&[2; 32]),
        "commit_e": hex(&commit), "slot": hex(&slot),
    });
    slot_cases(&mut book, &good, "child", &slot);
    let mut case = good.clone();
    case["slot"] = hex(&gcm(&key, b"", &[9; 32])).into();
    book.object("poisoned", "refused", "the right key, another E: not the committed one", &case);
    book.settle();
}

fn slot_cases(book: &mut Book, good: &Value, id: &str, slot: &[u8]) {
    let mut case = good.clone();
    case["key"] = hex(&[1; 32]).into();
    book.object("good", "ok", "gives E of the other epoch", &case);
    let mut bad = |name: &str, why: &str, field: &str, value: &[u8]| {
        let mut case = good.clone();
        case[field] = hex(value).into();
        book.object(name, "refused", why, &case);
    };
    bad("first bit", "one flipped bit", "slot", &flipped(slot, 0));
    bad("last bit", "one flipped bit", "slot", &flipped(slot, 47));
    bad("zeros", "no slot at all", "slot", &[0; 48]);
    bad("another id", "the id makes the key", id, &[9; 32]);
    bad("another commitment", "the commitment makes the key", "commit_e", &[9; 32]);
}
