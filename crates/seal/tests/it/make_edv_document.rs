//! Makes vectors/edv-document: what our envelopes hold, good and broken. Written by another road
//! than the product's: texts are put together here, and signed over what the page says.

use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use strongroom_seal::edv::{self, EdvError, Place};

use crate::golden::{Book, Outcome, hex, run};

const VAULT: &str = "https://edv.example/edvs/z19uMCiPNET4YbcPpBcab5mEE";
const DOCUMENT: &str = "z19pjAGaCdp2EkKzUcvdSf9wG";
const KEY: &str = "did:key:z6Mkon3Necd6NkkyfoGoHxid2znGc59LU3K7mubaRcFbLfLX\
                   #z6Mkon3Necd6NkkyfoGoHxid2znGc59LU3K7mubaRcFbLfLX";

/// What is signed: members sorted at every level, as all names here are ASCII and no number is
/// large, the JSON library's own order is the canonical one.
fn signed(mut all: Value) -> Value {
    let key = SigningKey::from_bytes(&[1; 32]);
    let statement = [b"strongroom/edv/1\0", all.to_string().as_bytes()].concat();
    let signature = key.sign(&statement).to_bytes();
    all["strongroom"]["signature"] = Base64UrlUnpadded::encode_string(&signature).into();
    all
}

fn good() -> Value {
    json!({
        "content": {"amount": 12.5, "name": "Žluťoučký kůň"},
        "meta": {"created": "2027-01-31"},
        "strongroom": {
            "form": 1,
            "vault": VAULT,
            "document": DOCUMENT,
            "sequence": 3,
            "writer": KEY,
            "recipients": ["urn:bob"],
        },
    })
}

fn with_stream() -> Value {
    let mut all = good();
    all["stream"] = json!({"sequence": 3, "chunks": 2});
    let digests = Base64UrlUnpadded::encode_string(&[[1; 32], [2; 32]].concat());
    all["strongroom"]["manifest"] = json!({"bytes": 1_048_577, "digests": digests});
    all
}

#[test]
fn make_edv_documents() {
    let mut book = Book::new("edv-document/document", "edv document");
    let mut case = |row: (&str, &str, &str), plain: &str, writer: Option<&str>| {
        let place = json!({"vault": VAULT, "document": DOCUMENT, "sequence": 3});
        let input = json!({"place": place, "plain": plain, "writer": writer});
        book.object(row.0, row.1, row.2, &input);
    };
    let writer = hex(&SigningKey::from_bytes(&[1; 32]).verifying_key().to_bytes());
    let writer = Some(writer.as_str());
    let whole = signed(good());
    let mut padded = whole.clone();
    padded["padding"] = " ".repeat(100).into();
    case(("signed", "ok", "by its writer, for this place"), &whole.to_string(), writer);
    case(("padded", "ok", "padding is not signed"), &padded.to_string(), writer);
    case(("stream", "ok", "two chunks"), &signed(with_stream()).to_string(), writer);
    case(("nobody's", "ok", "as others write"), r#"{"content":{},"meta":{}}"#, None);
    case(("without meta", "ok", "it may be missing"), r#"{"content":{}}"#, None);
    let spelt = whole.to_string().replace("12.5", "1.25e1").replace("\":", "\" : ");
    case(("other spelling", "ok", "the same JSON: the signature is over JCS"), &spelt, writer);

    let mut bad = |row, change: fn(&mut Value)| {
        let mut all = whole.clone();
        change(&mut all);
        case(row, &all.to_string(), None);
    };
    bad(("content", "signature", "changed by a recipient"), |all| all["content"] = 1.into());
    bad(("meta", "signature", "changed"), |all| all["meta"] = json!({}));
    bad(("a stream", "signature", "one was added"), |all| all["stream"] = json!({}));
    bad(("one member more", "signature", "all members are signed"), |all| all["x"] = 1.into());
    bad(("recipients", "signature", "a stranger was let in"), |all| {
        all["strongroom"]["recipients"] = json!(["urn:bob", "urn:mallory"]);
    });
    bad(("writer", "signature", "it is not the one who signed"), |all| {
        let mallory = "z6MkvRXNYcE7MMduynWTgeKbDaT1iijDSC8pZqXZc8rHPrf2";
        all["strongroom"]["writer"] = format!("did:key:{mallory}#{mallory}").into();
    });
    bad(("writer's form", "form", "an Ed25519 did:key"), |all| {
        all["strongroom"]["writer"] = "urn:alice".into();
    });
    bad(("vault", "elsewhere", "of another vault"), |all| {
        all["strongroom"]["vault"] = "https://edv.example/edvs/x".into();
    });
    bad(("document", "elsewhere", "another document's"), |all| {
        all["strongroom"]["document"] = "z19pjAGaCdp2EkKzUcvdSf9wH".into();
    });
    bad(("sequence", "elsewhere", "an older state"), |all| {
        all["strongroom"]["sequence"] = 2.into();
    });
    bad(("form 2", "form", "only 1 is known"), |all| all["strongroom"]["form"] = 2.into());
    bad(("no signature", "form", "a claim without one"), |all| {
        drop(all["strongroom"].as_object_mut().unwrap().remove("signature"));
    });
    bad(("short signature", "form", "64 bytes"), |all| {
        all["strongroom"]["signature"] = "AAAA".into();
    });
    bad(("another signature", "signature", "64 zeros"), |all| {
        all["strongroom"]["signature"] = "A".repeat(86).into();
    });
    bad(("ours is a text", "form", "an object"), |all| all["strongroom"] = "x".into());
    bad(("recipient is a number", "form", "key ids"), |all| {
        all["strongroom"]["recipients"] = json!([1]);
    });
    bad(("content taken out", "signature", "all members are signed"), |all| {
        drop(all.as_object_mut().unwrap().remove("content"));
    });
    let mut manifest = with_stream();
    manifest["strongroom"]["manifest"]["digests"] = "AAAA".into();
    case(("digests", "form", "32 bytes each"), &signed(manifest).to_string(), None);
    let mut empty = good();
    empty.as_object_mut().unwrap().remove("content");
    case(("no content", "form", "a document has some"), &signed(empty).to_string(), None);
    case(("a list", "form", "a document is an object"), "[]", None);
    case(("no JSON", "form", "nothing at all"), "", None);
    book.settle();
}

fn read(case: &Value) -> Outcome {
    let place = &case["place"];
    let place = Place {
        vault: place["vault"].as_str().unwrap(),
        document: place["document"].as_str().unwrap(),
        sequence: place["sequence"].as_u64().unwrap(),
    };
    let read = edv::read(case["plain"].as_str().unwrap().as_bytes(), &place);
    let document = read.map_err(|error| match error {
        EdvError::Form => "form",
        EdvError::Elsewhere => "elsewhere",
        EdvError::Signature => "signature",
        EdvError::Limit => "limit",
    })?;
    let writer = document.proof.map(|proof| hex(&proof.writer.0));
    assert_eq!(writer.as_deref(), case["writer"].as_str(), "{}", case["name"]);
    Ok(Vec::new())
}

#[test]
fn every_document_ends_as_its_file_says() {
    let (good, broken) = run("edv-document", |_, case| read(case));
    assert!(good >= 6 && broken >= 20, "cases were lost: {good} good, {broken} broken");
}
