//! Makes vectors/wrap and vectors/epoch.

use serde_json::{Value, json};
use strongroom_seal::kem::AgreeSeed;
use strongroom_seal::keys::{EpochKey, TagKey};
use strongroom_seal::rng::DangerSeeded;
use strongroom_seal::suite::Suite;
use strongroom_seal::wrap::{Place, wrap};
use strongroom_wire::ids::BucketId;

use crate::golden::{Book, hex};
use crate::independent::{derive, flipped, gcm, xchacha};

/// A wrap by the product; what an encapsulation is, the draft's known answers fix.
fn made(n: u64) -> Value {
    made_under(Suite::Aes256Gcm, n)
}

fn made_under(suite: Suite, n: u64) -> Value {
    let place = Place { suite, bucket: BucketId([2; 32]), n };
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

/// Wraps and slots have the suite of the entry they stand in.
#[test]
fn make_wraps_and_slots_of_suite_2() {
    let mut book = Book::new("wrap/suite-2", "wrap");
    let mut good = made_under(Suite::XChaCha20Poly1305, 5);
    good["suite"] = 2.into();
    let bytes = crate::golden::unhex(good["wrap"].as_str().unwrap());
    let mut case = good.clone();
    case["key"] = hex(&[1; 32]).into();
    book.object("E", "ok", "the key is sealed with XChaCha20-Poly1305", &case);
    let mut bad = |name: &str, why: &str, field: &str, value: Value| {
        let mut case = good.clone();
        case[field] = value;
        book.object(name, "refused", why, &case);
    };
    bad("read as suite 1", "the entry says which", "suite", 1.into());
    for at in (1_136..1_184).step_by(8).chain([1_183]) {
        let name = format!("a bit of byte {at}");
        bad(&name, "one flipped bit", "wrap", hex(&flipped(&bytes, at)).into());
    }
    bad("another bucket", "the bucket id makes the key", "bucket", hex(&[3; 32]).into());
    book.settle();

    let commit = derive("epoch commit", &[&[1; 32]]);
    let history = derive("history", &[&[30; 32], &[2; 32]]);
    let key = derive("epoch back", &[&history, &[8; 32], &commit]);
    let slot = xchacha(&key, b"", &[1; 32]);
    let good = json!({
        "suite": 2,
        "new_e": hex(&[30; 32]), "bucket": hex(&[2; 32]), "previous": hex(&[8; 32]),
        "commit_e": hex(&commit), "slot": hex(&slot),
    });
    let mut book = Book::new("epoch/back-suite-2", "back");
    slot_cases(&mut book, &good, "previous", &slot);
    swapped_suites(&mut book, &good, &gcm(&key, b"", &[1; 32]));
    book.settle();

    let parent = derive("child", &[&[30; 32], &[31; 32]]);
    let key = derive("child slot", &[&parent, &[2; 32], &commit]);
    let slot = xchacha(&key, b"", &[1; 32]);
    let good = json!({
        "suite": 2,
        "parent_e": hex(&[30; 32]), "parent": hex(&[31; 32]), "child": hex(&[2; 32]),
        "commit_e": hex(&commit), "slot": hex(&slot),
    });
    let mut book = Book::new("epoch/child-suite-2", "child");
    slot_cases(&mut book, &good, "child", &slot);
    swapped_suites(&mut book, &good, &gcm(&key, b"", &[1; 32]));
    book.settle();
}

fn swapped_suites(book: &mut Book, good: &Value, of_suite_1: &[u8]) {
    let mut case = good.clone();
    case["suite"] = 1.into();
    book.object("read as suite 1", "refused", "the entry says which", &case);
    case["suite"] = 2.into();
    case["slot"] = hex(of_suite_1).into();
    book.object("sealed as suite 1", "refused", "the entry says which", &case);
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
