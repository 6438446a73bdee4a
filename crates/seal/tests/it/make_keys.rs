//! Makes vectors/keys: every row of the derivation table, by the independent derivation.

use serde_json::{Value, json};

use crate::golden::{Book, hex};
use crate::independent::derive;

/// One derivation: name, inputs in order, and what they are.
type Row = (&'static str, &'static [(&'static str, &'static [u8])]);

const N1: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 1];
const G1: &[u8] = &[0, 0, 0, 1];

/// The inputs are made up: runs of one byte, so that swapping two shows.
const ROWS: &[Row] = &[
    ("content", &[("E", &[1; 32]), ("bucket id", &[2; 32])]),
    ("history", &[("E", &[1; 32]), ("bucket id", &[2; 32])]),
    ("child", &[("E", &[1; 32]), ("bucket id", &[2; 32])]),
    ("index", &[("CK", &[3; 32]), ("bucket id", &[2; 32])]),
    ("drop", &[("CK", &[3; 32])]),
    ("drop member", &[("secret", &[20; 32])]),
    (
        "message",
        &[("shared secret", &[15; 32]), ("bucket id", &[2; 32]), ("document tag", &[7; 16])],
    ),
    ("link id", &[("secret", &[29; 32])]),
    ("link agree", &[("S", &[30; 32])]),
    ("link member", &[("S", &[30; 32])]),
    ("link tag", &[("S", &[30; 32])]),
    ("link principal", &[("agree public key", &[31; 1_216])]),
    ("epoch commit", &[("E", &[1; 32])]),
    ("content commit", &[("CK", &[3; 32])]),
    ("history commit", &[("BK", &[5; 32])]),
    ("document commit", &[("DK", &[6; 32])]),
    ("document", &[("CK", &[3; 32]), ("document tag", &[7; 16]), ("generation", G1)]),
    ("document history", &[("HK", &[4; 32]), ("document tag", &[7; 16]), ("generation", G1)]),
    ("document back", &[("BK", &[5; 32]), ("parent's entry id", &[8; 32])]),
    ("document open", &[("BK", &[5; 32]), ("version's entry id", &[8; 32])]),
    ("version", &[("DK", &[6; 32]), ("nonce", &[9; 32])]),
    ("commit", &[("VK", &[10; 32])]),
    (
        "nonce",
        &[
            ("random", &[11; 32]),
            ("device secret", &[12; 32]),
            ("author", &[13; 32]),
            ("seq", N1),
            ("hash of plaintext", &[14; 32]),
        ],
    ),
    (
        "chunk",
        &[("random", &[11; 32]), ("device secret", &[12; 32]), ("hash of plaintext", &[14; 32])],
    ),
    (
        "wrap",
        &[
            ("shared secret", &[15; 32]),
            ("bucket id", &[2; 32]),
            ("n", N1),
            ("commitment", &[16; 32]),
        ],
    ),
    ("wrap tag", &[("tag key", &[17; 32]), ("bucket id", &[2; 32]), ("n", N1)]),
    ("author", &[("device secret", &[12; 32]), ("bucket id", &[2; 32]), ("instance", G1)]),
    ("member tag", &[("name key", &[18; 32]), ("principal id", &[19; 32])]),
    ("natural", &[("name key", &[18; 32]), ("text", b"strongroom/settings")]),
    (
        "epoch back",
        &[("HK", &[4; 32]), ("previous entry id", &[8; 32]), ("its commit(E)", &[16; 32])],
    ),
    ("child slot", &[("GK", &[20; 32]), ("child bucket id", &[2; 32]), ("commit(E)", &[16; 32])]),
    ("identity root", &[("R", &[21; 32]), ("n", G1)]),
    ("recovery pair", &[("R", &[21; 32])]),
    ("recovery locator", &[("R", &[21; 32])]),
    ("recovery id", &[("locator", &[22; 32]), ("thumbprint", &[23; 32])]),
    ("recovery sign", &[("locator", &[22; 32]), ("thumbprint", &[23; 32])]),
    ("recovery wrap", &[("shared secret", &[15; 32]), ("record id", &[24; 32]), ("counter", N1)]),
    ("root wrap", &[("shared secret", &[15; 32]), ("bucket id", &[2; 32])]),
    ("invitation", &[("shared secret", &[15; 32]), ("principal id", &[2; 32])]),
    (
        "pairing",
        &[
            ("secret of the guest's enc", &[15; 32]),
            ("secret of the host's enc", &[29; 32]),
            ("code key", &[30; 32]),
            ("hash of the transcript", &[31; 32]),
        ],
    ),
    ("pairing code", &[("digits", b"123456789")]),
    ("pairing mailbox", &[("code key", &[30; 32])]),
    ("pairing commit", &[("hash of the host's kem", &[32; 32]), ("host's nonce", &[9; 32])]),
    ("pairing words", &[("hash of both shares", &[31; 32])]),
    ("pairing confirm", &[("session key", &[33; 32]), ("side", &[1])]),
    ("pairing message", &[("session key", &[33; 32]), ("side", &[0]), ("number", &[2])]),
    (
        "agree wrap",
        &[
            ("shared secret", &[15; 32]),
            ("principal id", &[19; 32]),
            ("number", N1),
            ("hash of the public key", &[28; 32]),
        ],
    ),
    ("local", &[("device secret", &[12; 32])]),
    ("local row", &[("LK", &[25; 32]), ("nonce", &[9; 32])]),
    (
        "local nonce",
        &[
            ("random", &[11; 32]),
            ("LK", &[25; 32]),
            ("bytes of the row's key", N1),
            ("row's key", b"7"),
            ("row", b"deed.pdf"),
        ],
    ),
    ("local blind", &[("LK", &[25; 32])]),
    (
        "key store nonce",
        &[("random", &[11; 32]), ("passphrase key", &[26; 32]), ("hash of plaintext", &[14; 32])],
    ),
    ("key store", &[("passphrase key", &[26; 32]), ("nonce", &[9; 32])]),
    ("key store commit", &[("file key", &[27; 32])]),
];

fn input(row: &Row) -> Value {
    let parts: Vec<Value> =
        row.1.iter().map(|(what, bytes)| json!({"what": what, "hex": hex(bytes)})).collect();
    json!({"context": row.0, "input": parts})
}

#[test]
fn make_derivations() {
    let mut book = Book::new("keys/derive", "derive");
    for row in ROWS {
        let parts: Vec<&[u8]> = row.1.iter().map(|(_, bytes)| *bytes).collect();
        let mut case = input(row);
        case["output"] = hex(&derive(row.0, &parts)).into();
        book.object(row.0, "ok", "derive_key in the context of this name", &case);
    }
    book.settle();
}
