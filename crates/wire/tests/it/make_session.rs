//! Makes vectors/session: signed requests, openings and answers of sessions.

use serde_json::{Value, json};
use strongroom_wire::cbor::Writer;
use strongroom_wire::http_signature::{
    Proof, RequestParts, Unsigned, chain_hash_field, content_digest,
};
use strongroom_wire::ids::{SessionId, base32};
use strongroom_wire::session::{ClientSession, Kem, Opening, OpeningRequest, SessionKey, answer};

use crate::capability_vectors::{http_name, key_hex};
use crate::chains::{NOW, Story, public, signer};
use crate::golden::{Book, fold, hex};
use crate::http_signature::{CHANGES, full};
use crate::requests::{Refused, Sent};

fn case(sent: &Sent) -> Value {
    let mut case = json!({
        "method": sent.method,
        "uri": sent.uri,
        "signature-input": sent.input,
        "signature": sent.signature,
        "body": fold(&sent.body),
    });
    let optional = [
        ("content-digest", &sent.digest),
        ("strongroom-capability", &sent.chain),
        ("strongroom-capability-hash", &sent.chain_hash),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            case[name] = value.as_str().into();
        }
    }
    case
}

fn by_key(sent: &Sent) -> Value {
    let mut case = case(sent);
    (case["now"], case["started"]) = (NOW.into(), (NOW - 10_000).into());
    case
}

#[test]
fn signed_requests() {
    let mut book = Book::new("session/signed-request", "request");
    book.object("sound", "ok", "all parts", &by_key(&full()));
    let mut hashed = Sent::new("GET", "https://vault.example/b", b"");
    hashed.chain_hash = Some(chain_hash_field(Story::new().chain().hash()));
    let hashed = hashed.signed_by(4, NOW, [2; 16]);
    book.object("hash", "ok", "no body; the chain by its hash", &by_key(&hashed));
    let chunk = base32(blake3::hash(b"chunk").as_bytes());
    let mut put = Sent::new("PUT", &format!("https://vault.example/b/chunks/{chunk}"), b"");
    put.body = b"chunk".to_vec();
    let put = put.signed_by(4, NOW, [3; 16]);
    book.object("chunk", "ok", "the URI names the body's BLAKE3", &by_key(&put));
    let mut other = put;
    other.body = b"chunk ".to_vec();
    book.object("chunk, another body", "body", "not what the URI names", &by_key(&other));
    let mut late = by_key(&full());
    late["now"] = (NOW + 301).into();
    book.object("late", "created", "over 300 s", &late);
    let mut early = by_key(&full());
    early["now"] = (NOW - 301).into();
    book.object("early", "created", "over 300 s ahead", &early);
    let mut restarted = by_key(&full());
    (restarted["now"], restarted["started"]) = ((NOW + 5).into(), (NOW + 1).into());
    book.object("restarted", "created", "made before the provider started", &restarted);
    for (name, refused, change) in CHANGES {
        // What is refused by its size alone is left to the tests.
        let mut sent = full();
        change(&mut sent);
        if sent.signature.len() + sent.input.len() > 1_000 {
            continue;
        }
        let expect = match refused {
            Refused::Signature(error) => http_name(*error),
            _ => "body",
        };
        book.object(name, expect, "changed on the way", &by_key(&sent));
    }
    book.settle();
}

#[test]
fn requests_in_a_session() {
    let mut book = Book::new("session/session-request", "request");
    let key = [0x4b; 32];
    let open = || {
        let session = SessionKey::danger_from_bytes(&key).unwrap();
        ClientSession::new(SessionId([9; 16]), session, NOW + 3_600)
    };
    let with_key = |sent: &Sent| {
        let mut case = case(sent);
        case["session key"] = hex(&key).into();
        case
    };
    let uri = "https://vault.example/b/entries";
    let sound = Sent::new("POST", uri, b"entries").in_session(&open());
    book.object("first", "ok", "counter 0", &with_key(&sound));
    let session = open();
    for _ in 0..0x12 {
        session.authorize(&RequestParts::new("GET", uri), NOW).unwrap();
    }
    let later = Sent::new("GET", uri, b"").in_session(&session);
    book.object("nineteenth", "ok", "counter 18, no body", &with_key(&later));
    let mut broken = |name: &str, expect: &str, why: &str, change: fn(&mut Sent)| {
        let mut sent = sound.clone();
        change(&mut sent);
        book.object(name, expect, why, &with_key(&sent));
    };
    broken("method", "mac", "changed on the way", |s| s.method = "PUT".into());
    broken("uri", "mac", "changed on the way", |s| s.uri.push('?'));
    broken("digest", "mac", "changed on the way", |s| s.digest = Some(content_digest(b"x")));
    broken("body", "body", "changed on the way", |s| s.body = b"x".to_vec());
    broken("counter", "mac", "raised by a stranger", |s| {
        s.input = s.input.replace("0000000000000000", "0000000000000001");
    });
    broken("counter in decimal", "input", "16 hex digits", |s| {
        s.input = s.input.replace("0000000000000000", "0");
    });
    broken("chain", "capability", "a session has its own chain", |s| {
        s.chain_hash = Some(chain_hash_field(Story::new().chain().hash()));
        s.input = s
            .input
            .replace("\"content-digest\"", "\"content-digest\" \"strongroom-capability-hash\"");
    });
    broken("mac", "mac", "another one", |s| {
        s.signature = "strongroom=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:".into();
    });
    broken("signature", "signature", "64 bytes where 32 are due", |s| {
        s.signature = full().signature;
    });
    book.settle();
}

fn opening_bytes(kem: u64, key: &[u8]) -> Vec<u8> {
    let mut w = Writer::new();
    w.array(2).uint(kem).bytes(key);
    w.into_bytes()
}

#[test]
fn openings() {
    let x25519 = Opening::new(Kem::X25519, &[7; 32]);
    let x_wing = Opening::new(Kem::XWing, &[7; 32]);
    let mut range = vec![0xff; 1_216];
    range[1_184..].copy_from_slice(&[9; 32]);
    Book::new("session/opening", "session opening")
        .case("x25519", "ok", "32 bytes", x25519.body())
        .case("x-wing", "ok", "1,216 bytes", x_wing.body())
        .case("kem 0", "form", "no such agreement", &opening_bytes(0, &[9; 32]))
        .case("kem 3", "form", "no such agreement", &opening_bytes(3, &[9; 32]))
        .case("short key", "form", "31 bytes", &opening_bytes(1, &[9; 31]))
        .case("x-wing key for x25519", "form", "too long", &opening_bytes(1, &[9; 1_216]))
        .case("x25519 key for x-wing", "form", "too short", &opening_bytes(2, &[9; 32]))
        .case("zero", "key", "a point of small order", &opening_bytes(1, &[0; 32]))
        .case("out of range", "key", "no ML-KEM key is encoded so", &opening_bytes(2, &range))
        .case("trailing", "form", "a byte too many", &[x25519.body(), &[0]].concat())
        .case("cut", "form", "a byte is missing", &x25519.body()[..34])
        .settle();
}

#[test]
fn answers() {
    let mut book = Book::new("session/answer", "session answer");
    for kem in [Kem::X25519, Kem::XWing] {
        let name = if kem == Kem::X25519 { "x25519" } else { "x-wing" };
        let opening = Opening::new(kem, &[7; 32]);
        let mut sent = Sent::new("POST", "https://vault.example/sessions", opening.body());
        sent.chain_hash = Some(chain_hash_field(Story::new().chain().hash()));
        let proof = Proof::Key { created: NOW, nonce: [3; 16], key: public(4) };
        let unsigned = Unsigned::new(&sent.parts(), &proof).unwrap();
        let signature = signer(4)(unsigned.base());
        let request = OpeningRequest {
            base: unsigned.base(),
            signature: &signature,
            body: opening.body(),
            exporter: &[0xee; 32],
        };
        let answered =
            answer(&request, SessionId([9; 16]), NOW + 3_600, &[0x5a; 64], signer(50)).unwrap();
        let probe = RequestParts::new("GET", "https://a.example/");
        let session = ClientSession::new(SessionId([9; 16]), answered.key, NOW + 3_600);
        let good = json!({
            "hex": fold(&answered.body),
            "kem": kem as u8,
            "client random": hex(&[7; 32]),
            "provider random": hex(&[0x5a; 64]),
            "base": String::from_utf8(unsigned.base().to_vec()).unwrap(),
            "signature": hex(&signature),
            "opening": fold(opening.body()),
            "exporter": hex(&[0xee; 32]),
            "provider": key_hex(50),
            "first": session.authorize(&probe, 0).unwrap().signature,
        });
        book.object(name, "ok", "`first` is the MAC of the first GET https://a.example/", &good);
        let mut with = |what: &str, expect: &str, why: &str, field: &str, value: Value| {
            let mut case = good.clone();
            case[field] = value;
            book.object(&format!("{name}, {what}"), expect, why, &case);
        };
        let flipped = |at: usize| {
            let mut other = answered.body.clone();
            other[at] ^= 1;
            fold(&other)
        };
        let last = answered.body.len() - 1;
        with("provider", "provider", "another key is pinned", "provider", key_hex(51).into());
        with(
            "relay",
            "provider",
            "the channel ends elsewhere",
            "exporter",
            hex(&[0xdd; 32]).into(),
        );
        with("no channel", "provider", "the provider saw none", "exporter", "".into());
        with("id", "provider", "a flipped bit in the session id", "hex", flipped(2));
        with("share", "provider", "a flipped bit in the share", "hex", flipped(24));
        with("signature", "provider", "a flipped bit in the signature", "hex", flipped(last));
        with("cut", "form", "a byte is missing", "hex", fold(&answered.body[..last]));
        with("long", "form", "a byte too many", "hex", fold(&[&answered.body[..], &[0]].concat()));
    }
    book.settle();
}
