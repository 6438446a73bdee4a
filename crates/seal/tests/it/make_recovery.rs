//! Makes vectors/recovery.

use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use strongroom_seal::kem::RecoveryPairSeed;
use strongroom_seal::recovery::{RecoveryKey, seal_record};
use strongroom_seal::rng::DangerSeeded;
use strongroom_seal::suite::Suite;
use strongroom_wire::ids::Thumbprint;

use crate::golden::{Book, fold, hex};
use crate::independent::{derive, flipped};

const LEGAL: &str = "legal winner thank year wave sausage worth useful legal winner thank year \
                     wave sausage worth useful legal winner thank year wave sausage worth title";
const ZOO: &str = "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo \
                   zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo vote";

#[test]
fn make_phrases() {
    let mut book = Book::new("recovery/phrase", "phrase");
    let typed = |text: &str| json!({"typed": text});
    for (name, text, key) in [("zoo", ZOO, [0xff; 32]), ("legal", LEGAL, [0x7f; 32])] {
        let mut case = typed(text);
        case["key"] = hex(&key).into();
        book.object(name, "ok", "a vector of BIP-39", &case);
    }
    let mut untidy = typed(&format!(" {}\n", LEGAL.to_uppercase().replacen(' ', "\n   ", 5)));
    untidy["key"] = hex(&[0x7f; 32]).into();
    book.object("untidy", "ok", "upper case and white space do not matter", &untidy);

    let mut bad = |name: &str, expect: &str, why: &str, text: &str| {
        book.object(name, expect, why, &typed(text));
    };
    bad("empty", "count 0", "no words", "");
    bad("23 words", "count 23", "the last is missing", LEGAL.rsplit_once(' ').unwrap().0);
    bad("25 words", "count 25", "one too many", &format!("{LEGAL} title"));
    bad(
        "12 words",
        "count 12",
        "BIP-39, and too short for us",
        &format!("{}wrong", "zoo ".repeat(11)),
    );
    bad(
        "spelling",
        "word 3",
        "named by its place, not by its letters",
        &LEGAL.replacen("thank", "thnak", 1),
    );
    bad(
        "first of two",
        "word 1",
        "the first wrong word is named",
        &LEGAL.replacen("legal", "lega", 2),
    );
    bad("last word", "word 24", "not in the list", &LEGAL.replace("title", "titles"));
    bad(
        "another language",
        "word 1",
        "the list is English",
        &LEGAL.replacen("legal", "abaisser", 1),
    );
    bad(
        "another last word",
        "checksum",
        "in the list, and not this one",
        &LEGAL.replace("title", "useful"),
    );
    bad(
        "two swapped",
        "checksum",
        "all words right, order wrong",
        &LEGAL.replacen("legal winner", "winner legal", 1),
    );
    bad("all zoo", "checksum", "24 times the same", &"zoo ".repeat(24));
    bad("a book", "too long", "4,096 bytes at most", &"zoo ".repeat(1_025));
    book.settle();
}

#[test]
fn make_derived() {
    let mut book = Book::new("recovery/derived", "recovery keys");
    for (n, r) in [(0_u32, [7; 32]), (1, [7; 32]), (0, [8; 32])] {
        let seed = derive("identity root", &[&r, &n.to_be_bytes()]);
        let locator = derive("recovery locator", &[&r]);
        let sign = derive("recovery sign", &[&locator, &[1; 32]]);
        let public =
            |seed: &[u8; 32]| hex(&SigningKey::from_bytes(seed).verifying_key().to_bytes());
        let pair = derive("recovery pair", &[&r]);
        let pair = RecoveryPairSeed::from_secret_bytes(&pair).pair().public();
        let case = json!({
            "r": hex(&r), "n": n, "provider": hex(&[1; 32]),
            "identity_root": public(&seed),
            "pair_hash": hex(blake3::hash(&pair.to_bytes()[..]).as_bytes()),
            "locator": hex(&locator),
            "record_id": hex(&derive("recovery id", &[&locator, &[1; 32]])),
            "record_key": public(&sign),
        });
        book.object(&format!("r {:02x}, root {n}", r[0]), "ok", "all that R gives", &case);
    }
    book.settle();
}

/// A record by the product, and the same signed again after a change.
fn record(counter: u64, contents: &[u8]) -> Vec<u8> {
    let r = RecoveryKey::from_secret_bytes(&[7; 32]);
    let to = r.pair().pair().public();
    let mut rng = DangerSeeded::new(counter);
    let provider = Thumbprint([1; 32]);
    let suite = Suite::Aes256Gcm;
    let record = seal_record(suite, &to, &r.locator(), &provider, counter, contents, &mut rng);
    record.unwrap().as_bytes().to_vec()
}

fn signed_again(record: &[u8]) -> Vec<u8> {
    let locator = derive("recovery locator", &[&[7; 32]]);
    let id = derive("recovery id", &[&locator, &[1; 32]]);
    let signer = SigningKey::from_bytes(&derive("recovery sign", &[&locator, &[1; 32]]));
    let body = &record[..3_193];
    let input = [&b"strongroom/recovery/1\0"[..], &id, body].concat();
    [body, &signer.sign(&input).to_bytes()].concat()
}

fn input(r: u8, provider: u8, record: &[u8]) -> Value {
    json!({"r": hex(&[r; 32]), "provider": hex(&[provider; 32]), "record": fold(record)})
}

#[test]
fn make_records() {
    let mut book = Book::new("recovery/record", "recovery record");
    let good = record(3, b"who I am");
    let mut case = input(7, 1, &good);
    case["counter"] = 3.into();
    case["contents"] = hex(b"who I am").into();
    book.object("good", "ok", "3,257 bytes", &case);

    let mut bad = |name: &str, why: &str, r: u8, provider: u8, record: &[u8]| {
        book.object(name, "refused", why, &input(r, provider, record));
    };
    bad("another person", "his words open his record only", 8, 1, &good);
    bad("another provider", "each provider has an id and key of its own", 7, 2, &good);
    for (name, at) in
        [("suite", 0), ("counter", 8), ("enc", 9), ("sealed", 1_129), ("signature", 3_200)]
    {
        bad(&format!("{name} changed"), "the signature covers it", 7, 1, &flipped(&good, at));
    }
    let why = "signed again by one who has the locator: it still does not open";
    for (name, at) in [("counter", 8), ("enc", 9), ("sealed", 1_129), ("tag", 3_192)] {
        let forged = signed_again(&flipped(&good, at));
        bad(&format!("{name} changed and signed"), why, 7, 1, &forged);
    }
    let mut suite = good.clone();
    suite[0] = 2;
    bad("suite 2", "known, and not built", 7, 1, &signed_again(&suite));
    bad("short", "always 3,257 bytes", 7, 1, &good[..3_256]);
    bad("long", "always 3,257 bytes", 7, 1, &[&good[..], &[0]].concat());
    bad("empty", "nothing", 7, 1, &[]);
    book.settle();
}
