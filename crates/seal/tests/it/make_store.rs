//! Makes vectors/key-store and vectors/local-row.

use std::sync::LazyLock;

use argon2::{Algorithm, Argon2, Params, Version};
use serde_json::json;

use crate::golden::{Book, hex};
use crate::independent::{derive, flipped, framed, gcm};

/// One Argon2id run at the floor, for all cases.
static STRETCHED: LazyLock<[u8; 32]> = LazyLock::new(|| {
    let params = Params::new(65_536, 3, 4, Some(32)).unwrap();
    let mut out = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into("Alice's päss".as_bytes(), &[50; 32], &mut out)
        .unwrap();
    out
});

fn header(suite: u8, cost: [u32; 3], nonce: [u8; 32]) -> Vec<u8> {
    let mut out = b"strongroom-keys\n".to_vec();
    out.extend_from_slice(&[1, suite]);
    for number in cost {
        out.extend_from_slice(&number.to_be_bytes());
    }
    out.extend_from_slice(&[50; 32]);
    out.extend_from_slice(&nonce);
    let key = derive("key store", &[&*STRETCHED, &nonce]);
    out.extend_from_slice(&derive("key store commit", &[&key]));
    out
}

const FLOOR: [u32; 3] = [65_536, 3, 4];

fn file(plain: &[u8], suite: u8, cost: [u32; 3]) -> Vec<u8> {
    let nonce = [51; 32];
    let header = header(suite, cost, nonce);
    let key = derive("key store", &[&*STRETCHED, &nonce]);
    let sealed = gcm(&key, &header, plain);
    [header, sealed].concat()
}

#[test]
fn make_key_stores() {
    let mut book = Book::new("key-store/file", "key store");
    let good = file(&framed(b"secrets", 256), 1, FLOOR);
    let input =
        |passphrase: &str, file: &[u8]| json!({"passphrase": passphrase, "file": hex(file)});
    let mut case = input("Alice's päss", &good);
    case["contents"] = hex(b"secrets").into();
    book.object("good", "ok", "the passphrase is UTF-8, taken as it was typed", &case);

    let why = "the same error as for a damaged file";
    book.object("wrong passphrase", "refused", why, &input("alice's päss", &good));
    book.object("no passphrase", "refused", why, &input("", &good));
    let mut bad = |name: &str, why: &str, bytes: &[u8]| {
        book.object(name, "refused", why, &input("Alice's päss", bytes));
    };
    bad("empty", "no file; costs the same", &[]);
    bad("header alone", "nothing sealed behind it", &good[..126]);
    bad("truncated", "cut by a byte", &good[..good.len() - 1]);
    bad("salt changed", "another key", &flipped(&good, 30));
    bad("commitment changed", "the key is not the one that was committed to", &flipped(&good, 94));
    bad("sealed part changed", "one flipped bit", &flipped(&good, 130));
    let plain = framed(b"secrets", 256);
    let why = "below the floor it is refused, though it would open";
    bad("less memory", why, &file(&plain, 1, [65_535, 3, 4]));
    bad("fewer passes", why, &file(&plain, 1, [65_536, 2, 4]));
    bad("fewer lanes", why, &file(&plain, 1, [65_536, 3, 1]));
    bad("four terabytes", "a bomb is not lit", &file(&plain, 1, [u32::MAX, 3, 4]));
    bad("suite 2", "known, and not built", &file(&plain, 2, FLOOR));
    bad("padding", "padding is zeros", &file(&flipped(&plain, 255), 1, FLOOR));
    book.settle();
}

#[test]
fn make_local_rows() {
    let mut book = Book::new("local-row/row", "local row");
    let local = derive("local", &[&[12; 32]]);
    let seal = |row_key: &[u8], plain: &[u8]| {
        let len = (row_key.len() as u64).to_be_bytes();
        let nonce = derive("local nonce", &[&[11; 32], &local, &len, row_key, plain]);
        let key = derive("local row", &[&local, &nonce]);
        [&nonce[..], &gcm(&key, row_key, plain)].concat()
    };
    let row = seal(b"documents/7", b"deed.pdf");
    let input = |row_key: &[u8], row: &[u8]| {
        json!({
            "device_secret": hex(&[12; 32]),
            "row_key": hex(row_key),
            "row": hex(row),
        })
    };
    let mut case = input(b"documents/7", &row);
    case["plain"] = hex(b"deed.pdf").into();
    case["random"] = hex(&[11; 32]).into();
    book.object("good", "ok", "a row under its key", &case);
    let mut bad = |name: &str, why: &str, row_key: &[u8], row: &[u8]| {
        book.object(name, "refused", why, &input(row_key, row));
    };
    bad("moved", "a row opens under its own key only", b"documents/8", &row);
    bad("nonce", "the nonce makes the key", b"documents/7", &flipped(&row, 0));
    bad("content", "one flipped bit", b"documents/7", &flipped(&row, 32));
    bad("tag", "one flipped bit", b"documents/7", &flipped(&row, row.len() - 1));
    bad("cut", "a byte is missing", b"documents/7", &row[..row.len() - 1]);
    bad("short", "shorter than a nonce", b"documents/7", &row[..31]);
    bad("empty", "nothing", b"documents/7", &[]);
    book.settle();
}
