//! Makes vectors/link/text: the bytes behind the `#` of a link, and the keys they stand for.

use serde_json::json;
use strongroom_seal::cost::Cost;
use strongroom_seal::kem::AgreeSeed;

use crate::golden::{Book, hex};
use crate::independent::derive;

const SECRET: [u8; 32] = [0x5e; 32];
const SALT: [u8; 16] = [0x5a; 16];

/// A link's bytes, by the table of docs/spec/link.md.
fn link(form: u8, flags: u8) -> Vec<u8> {
    [&[form, flags][..], &[0x70; 16], &[0xb0; 32], &SECRET].concat()
}

/// S of a link with a password, by another road than the product's.
fn stretched(password: &str) -> [u8; 32] {
    let Cost { memory_kib, passes, lanes } = Cost::FLOOR;
    let params = argon2::Params::new(memory_kib, passes, lanes, Some(32)).unwrap();
    let argon = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let mut out = [0; 32];
    argon.hash_password_into(password.as_bytes(), &SALT, &mut out).unwrap();
    *blake3::keyed_hash(&SECRET, &out).as_bytes()
}

#[test]
fn make_links() {
    Book::new("link/text", "link")
        .case("as it is", "ok", "no password, and to read", &link(1, 0))
        .case("password", "ok", "bit 0: it takes a password", &link(1, 1))
        .case("drop", "ok", "bit 1: one can only put in", &link(1, 2))
        .case("both", "ok", "a drop with a password", &link(1, 3))
        .case("a mark of tomorrow", "flags", "bit 2 means nothing yet", &link(1, 4))
        .case("all marks", "flags", "none is passed over", &link(1, 0xff))
        .case("form 0", "form", "only 1 is known", &link(0, 0))
        .case("form 2", "form", "only 1 is known", &link(2, 0))
        .case("empty", "length", "no bytes", &[])
        .case("cut", "length", "81 bytes: a mail program broke the line", &link(1, 0)[..81])
        .case("trailing", "length", "83 bytes: the full stop after it", &{
            [&link(1, 0)[..], &[0]].concat()
        })
        .settle();
    let mut book = Book::new("link/keys", "link keys");
    for (name, password) in [("without a password", None), ("with one", Some("blue door"))] {
        let s = password.map_or(SECRET, stretched);
        let agree = derive("link agree", &[&s]);
        let public = AgreeSeed::from_secret_bytes(&agree).pair().public();
        let case = json!({
            "secret": hex(&SECRET),
            "password": password,
            "salt": hex(&SALT),
            "s": hex(&s),
            "id": hex(&derive("link id", &[&SECRET])[..16]),
            "agree": hex(&agree),
            "member": hex(&derive("link member", &[&s])),
            "tag": hex(&derive("link tag", &[&s])),
            "principal": hex(&derive("link principal", &[&public.to_bytes()[..]])),
        });
        book.object(name, "ok", "each key from what docs/spec/link.md says", &case);
    }
    book.settle();
}
