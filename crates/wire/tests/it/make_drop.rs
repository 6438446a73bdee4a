//! Makes vectors/drop: cards and statements, kept and broken.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};
use strongroom_wire::capability::Actions;
use strongroom_wire::ids::BucketId;
use strongroom_wire::statement::{Received, StatementError};

use crate::chains::{key, public, signer};
use crate::control_world::{START, World};
use crate::drops::card_of;
use crate::golden::{Book, fold, hex};
use crate::samples::{blob, list};
use ed25519_dalek::Signer as _;

/// The provider that says these things.
const PROVIDER: u8 = 60;
const ENTRY: &[u8] = b"an entry, as it was sent";

fn said() -> Received {
    Received::of(ENTRY, BucketId([1; 32]), 1_800_000_000, [7; 16])
}

fn statement() -> String {
    said().sign(&public(PROVIDER), signer(PROVIDER))
}

/// A statement of any header and payload, well signed.
fn signed(header: &str, payload: &str) -> String {
    let encode = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
    let input = [encode(header), encode(payload)].join(".");
    let signature = key(PROVIDER).sign(input.as_bytes()).to_bytes();
    [input, Base64UrlUnpadded::encode_string(&signature)].join(".")
}

#[test]
fn cards() {
    let world = World::new(Actions::ALL);
    let good = card_of(&world, |_| ());
    let input = |bytes: &[u8], now: u64| -> Value {
        json!({"hex": fold(bytes), "bucket": hex(&world.bucket.0), "now": now})
    };
    let now = START + 1_000;
    let late = card_of(&world, |card| card.expires = now + 101 * 86_400);
    let other = card_of(&world, |card| card.bucket = BucketId([9; 32]));
    let mut swapped = good.clone();
    let at = swapped.windows(64).position(|bytes| bytes == [5; 64]).unwrap();
    swapped[at] ^= 1;
    let empty = list(&[blob(&[]), blob(&[]), blob(&[])]);
    Book::new("drop/card", "drop card")
        .object("as it is", "ok", "by a member who may rotate", &input(&good, now))
        .object("last second", "ok", "exp is the first second too late", &{
            input(&good, START + 49_999)
        })
        .object("expired", "expired", "exp is now", &input(&good, START + 50_000))
        .object("for 101 days", "too long", "100 at most", &input(&late, now))
        .object("of another bucket", "bucket", "signed, and about another", &input(&other, now))
        .object("another key", "signer", "one bit of the X-Wing key", &input(&swapped, now))
        .object("before the chain", "signer", "a chain expires in the end", &{
            input(&card_of(&world, |card| card.expires = START + 1_100_000), START + 1_000_000)
        })
        .object("empty parts", "cut", "no COSE in it", &input(&empty, now))
        .object("cut", "cut", "the last byte is missing", &input(&good[..good.len() - 1], now))
        .object("trailing", "trailing", "a byte too many", &{
            input(&[&good[..], &[0]].concat(), now)
        })
        .object("two parts", "limit", "three are due", &input(&list(&[blob(&[])]), now))
        .settle();
}

#[test]
fn statements() {
    let good = statement();
    let input = |text: &str| -> Value {
        json!({"text": text, "key": hex(&public(PROVIDER).0), "entry": hex(ENTRY)})
    };
    let decoded =
        |part: &str| String::from_utf8(Base64UrlUnpadded::decode_vec(part).unwrap()).unwrap();
    let parts: Vec<&str> = good.split('.').collect();
    let (head, payload) = (decoded(parts[0]), decoded(parts[1]));
    let with = |from: &str, to: &str| signed(&head, &payload.replace(from, to));
    let other = said().sign(&public(61), signer(61));
    let forged = [parts[0], parts[1], other.rsplit_once('.').unwrap().1].join(".");
    Book::new("drop/statement", "statement")
        .object("as it is", "ok", "any JOSE library verifies it", &input(&good))
        .object("another key", "key", "kid is the thumbprint of another", &input(&other))
        .object("another signature", "signature", "by another key", &input(&forged))
        .object("no algorithm", "form", "alg none", &{
            input(&signed(&head.replace("EdDSA", "none"), &payload))
        })
        .object("a space", "form", "one spelling", &input(&with(",\"time\"", ", \"time\"")))
        .object(
            "another act",
            "form",
            "only received is known",
            &input(&with("received", "purged")),
        )
        .object("a time too late", "form", "after the year 9999", &{
            input(&with("1800000000", "253402300800"))
        })
        .object(
            "a leading zero",
            "form",
            "one spelling",
            &input(&with("1800000000", "01800000000")),
        )
        .object("two parts", "form", "three are due", &input(&parts[..2].join(".")))
        .object("empty", "form", "no text", &input(""))
        .object("a padded part", "form", "base64url without padding", &{
            input(&format!("{}=.{}.{}", parts[0], parts[1], parts[2]))
        })
        .settle();
}

/// What a JOSE library does, by hand: so that the format is JWS and not something like it.
#[test]
fn a_statement_is_verified_without_our_reader() {
    let text = statement();
    let (input, signature) = text.rsplit_once('.').unwrap();
    let (head, payload) = input.split_once('.').unwrap();
    let json = |part: &str| -> Value {
        serde_json::from_slice(&Base64UrlUnpadded::decode_vec(part).unwrap()).unwrap()
    };
    let (head, payload) = (json(head), json(payload));
    assert_eq!((&head["alg"], &head["typ"]), (&json!("EdDSA"), &json!("strongroom-statement")));
    assert_eq!(head["kid"], public(PROVIDER).thumbprint().to_base64url());
    let signature = Base64UrlUnpadded::decode_vec(signature).unwrap();
    let signature = ed25519_dalek::Signature::from_slice(&signature).unwrap();
    key(PROVIDER).verifying_key().verify_strict(input.as_bytes(), &signature).unwrap();
    use sha2::{Digest as _, Sha256};
    let hash = Base64UrlUnpadded::encode_string(&Sha256::digest(ENTRY));
    assert_eq!((&payload["act"], &payload["sha256"]), (&json!("received"), &json!(hash)));
    assert_eq!(payload["time"], 1_800_000_000_u64);
    let said = Received::verify(&text, &public(PROVIDER)).unwrap();
    assert!(said.is_about(ENTRY) && !said.is_about(b"another"));
    assert_eq!(Received::verify(&text, &public(61)), Err(StatementError::Key));
}
