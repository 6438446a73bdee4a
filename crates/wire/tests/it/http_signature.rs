//! Rows A30 and A50: signed requests. Known answers of RFC 9421, and a table in which every change
//! to an accepted request is refused.

use base64ct::{Base64, Encoding};
use ed25519_dalek::{Signer, SigningKey};
use strongroom_wire::http_signature::{
    BodyCheck, HttpSignatureError as E, NonceMemory, NonceRefusal, Proof, RequestParts, Signed,
    Unsigned, chain_field, chain_field_bytes, chain_hash_field, content_digest,
    is_body_bound_by_uri, parse, parse_chain_field, parse_chain_hash_field, signature_base,
};
use strongroom_wire::ids::base32;

use crate::chains::{NOW, Story, public};
use crate::requests::{Refused, Sent};

const URI: &str = "https://vault.example/buckets/b/entries?wait=1";
const BODY: &[u8] = b"eight entries, sealed";
const STARTED: u64 = NOW - 10_000;

/// The field of a chain of one, which keeps the golden files readable.
fn chain_of_one(unique: u8) -> String {
    let mut story = Story::new();
    story.steps.truncate(1);
    story.claims(0).unique = [unique; 16];
    chain_field(&story.chain())
}

/// A request with all parts, signed by Carroll's device.
pub fn full() -> Sent {
    let mut sent = Sent::new("POST", URI, BODY);
    sent.chain = Some(chain_of_one(0));
    sent.signed_by(4, NOW, [0x11; 16])
}

#[test]
fn rfc9421_b_2_6_ed25519() {
    let components = [
        ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
        ("@method", "POST"),
        ("@path", "/foo"),
        ("@authority", "example.com"),
        ("content-type", "application/json"),
        ("content-length", "18"),
    ];
    let params = "(\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \
                  \"content-length\");created=1618884473;keyid=\"test-key-ed25519\"";
    let base = signature_base(components, params);
    let seed = Base64::decode_vec("n4Ni+HpISpVObnQMW0wOhCKROaIKqKtW/2ZYb2p9KcU=").unwrap();
    let key = SigningKey::from_bytes(&seed.try_into().unwrap());
    let signature = Base64::encode_string(&key.sign(base.as_bytes()).to_bytes());
    let expected = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5\
                    WPpBKRCw==";
    assert_eq!(signature, expected);
}

#[test]
fn rfc9530_content_digest() {
    // RFC 9421, section 1.5 (the test request of appendix B.2 has SHA-512).
    let digest = content_digest(br#"{"hello": "world"}"#);
    assert_eq!(digest, "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:");
}

#[test]
fn the_base_is_the_one_of_the_specification() {
    let mut sent = Sent::new("PUT", "https://a.example/x", b"body");
    sent.chain_hash = Some(":AAAA:".into());
    let proof = Proof::Key { created: 7, nonce: [0; 16], key: public(0) };
    let unsigned = Unsigned::new(&sent.parts(), &proof).unwrap();
    let digest = content_digest(b"body");
    let keyid = "iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w";
    let expected = format!(
        "\"@method\": PUT\n\"@target-uri\": https://a.example/x\n\"content-digest\": {digest}\n\
         \"strongroom-capability-hash\": :AAAA:\n\"@signature-params\": (\"@method\" \
         \"@target-uri\" \"content-digest\" \"strongroom-capability-hash\");created=7;\
         nonce=\"AAAAAAAAAAAAAAAAAAAAAA\";keyid=\"{keyid}\";alg=\"ed25519\";tag=\"strongroom\""
    );
    assert_eq!(String::from_utf8(unsigned.base().to_vec()).unwrap(), expected);
}

pub type Change = fn(&mut Sent);

/// What is changed on the way, and what the provider must see.
pub const CHANGES: &[(&str, Refused, Change)] = &[
    // Method, URI, fields: covered by the signature.
    ("another method", Refused::Signature(E::Wrong), |s| s.method = "PUT".into()),
    ("a method in lower case", Refused::Signature(E::RequestLine), |s| s.method = "post".into()),
    ("another host", Refused::Signature(E::Wrong), |s| {
        s.uri = URI.replace("vault.example", "evil.example");
    }),
    ("another port", Refused::Signature(E::Wrong), |s| {
        s.uri = URI.replace("vault.example", "vault.example:8443");
    }),
    ("http for https", Refused::Signature(E::Wrong), |s| s.uri = URI.replace("https", "http")),
    ("another path", Refused::Signature(E::Wrong), |s| s.uri = URI.replace("/b/", "/c/")),
    ("a path with one character more", Refused::Signature(E::Wrong), |s| {
        s.uri = URI.replace("/b/", "/b0/");
    }),
    ("another query", Refused::Signature(E::Wrong), |s| s.uri = URI.replace("wait=1", "wait=0")),
    ("no query", Refused::Signature(E::Wrong), |s| s.uri = URI.replace("?wait=1", "")),
    ("a line break in the URI", Refused::Signature(E::RequestLine), |s| {
        s.uri = format!("{URI}\n\"content-digest\": x");
    }),
    ("a fragment", Refused::Signature(E::RequestLine), |s| s.uri = format!("{URI}#x")),
    ("a relative URI", Refused::Signature(E::RequestLine), |s| s.uri = "/buckets/b".into()),
    ("another digest", Refused::Signature(E::Wrong), |s| s.digest = Some(content_digest(b"x"))),
    ("digest and body exchanged together", Refused::Signature(E::Wrong), |s| {
        s.body = b"x".to_vec();
        s.digest = Some(content_digest(b"x"));
    }),
    ("no digest", Refused::Signature(E::Input), |s| s.digest = None),
    ("a digest by another algorithm", Refused::Signature(E::Digest), |s| {
        s.digest = Some(s.digest.as_ref().unwrap().replace("sha-256", "sha-512"));
    }),
    ("two digests", Refused::Signature(E::Digest), |s| {
        let digest = s.digest.clone().unwrap();
        s.digest = Some(format!("{digest},{digest}"));
    }),
    ("a short digest", Refused::Signature(E::Digest), |s| {
        s.digest = Some("sha-256=:AAAA:".into());
    }),
    ("another chain", Refused::Signature(E::Wrong), |s| s.chain = Some(chain_of_one(1))),
    ("no chain", Refused::Signature(E::Input), |s| s.chain = None),
    ("the chain's hash for the chain", Refused::Signature(E::Input), |s| {
        s.chain = None;
        s.chain_hash = Some(chain_hash_field(Story::new().chain().hash()));
    }),
    ("a line break in the capability field", Refused::Signature(E::Capability), |s| {
        s.chain.as_mut().unwrap().push('\n');
    }),
    // The body: covered by its digest.
    ("another body", Refused::Body, |s| s.body = b"nine entries, sealed ".to_vec()),
    ("no body", Refused::Body, |s| s.body.clear()),
    ("a longer body", Refused::Body, |s| s.body.push(0)),
    // The parameters: covered themselves.
    ("a later created", Refused::Signature(E::Wrong), |s| {
        swap(s, "created=1800000000", "created=1800000001");
    }),
    ("another nonce", Refused::Signature(E::Wrong), |s| swap(s, "nonce=\"ERER", "nonce=\"EREB")),
    ("another key", Refused::Signature(E::Wrong), |s| {
        let key = |who| base64ct::Base64UrlUnpadded::encode_string(&public(who).0);
        swap(s, &key(4), &key(3));
    }),
    ("a session's algorithm", Refused::Signature(E::Input), |s| swap(s, "ed25519", "hmac-sha256")),
    ("an unknown algorithm", Refused::Signature(E::Input), |s| swap(s, "ed25519", "ed448")),
    ("no algorithm", Refused::Signature(E::Input), |s| swap(s, ";alg=\"ed25519\"", "")),
    ("another tag", Refused::Signature(E::Input), |s| {
        swap(s, "tag=\"strongroom\"", "tag=\"other\"");
    }),
    ("no tag", Refused::Signature(E::Input), |s| swap(s, ";tag=\"strongroom\"", "")),
    ("no nonce", Refused::Signature(E::Input), |s| {
        swap(s, ";nonce=\"EREREREREREREREREREREQ\"", "");
    }),
    ("another label", Refused::Signature(E::Input), |s| swap(s, "strongroom=(", "sig1=(")),
    ("a parameter more", Refused::Signature(E::Input), |s| s.input.push_str(";expires=1900000000")),
    ("a second signature", Refused::Signature(E::Input), |s| s.input.push_str(", sig2=()")),
    ("a component less", Refused::Signature(E::Input), |s| swap(s, " \"@target-uri\"", "")),
    ("a component twice", Refused::Signature(E::Input), |s| {
        swap(s, "\"@method\"", "\"@method\" \"@method\"");
    }),
    ("a component more", Refused::Signature(E::Input), |s| {
        swap(s, "(\"@method\"", "(\"@method\" \"date\"");
    }),
    ("components in another order", Refused::Signature(E::Input), |s| {
        swap(s, "\"@method\" \"@target-uri\"", "\"@target-uri\" \"@method\"");
    }),
    ("a space more", Refused::Signature(E::Input), |s| swap(s, ";created", "; created")),
    ("created with a leading zero", Refused::Signature(E::Input), |s| {
        swap(s, "created=1", "created=01");
    }),
    ("created below zero", Refused::Signature(E::Input), |s| swap(s, "created=1", "created=-1")),
    ("created with a fraction", Refused::Signature(E::Input), |s| {
        swap(s, "created=1800000000", "created=1800000000.5");
    }),
    ("created beyond all dates", Refused::Signature(E::Input), |s| {
        swap(s, "created=1800000000", "created=18446744073709551615");
    }),
    ("created beyond all numbers", Refused::Signature(E::Input), |s| {
        swap(s, "created=1800000000", "created=99999999999999999999999");
    }),
    ("an input of a kilobyte", Refused::Signature(E::Input), |s| {
        s.input.push_str(&"x".repeat(1_024));
    }),
    // The signature.
    ("no signature", Refused::Signature(E::Signature), |s| s.signature.clear()),
    ("a flipped bit", Refused::Signature(E::Wrong), |s| {
        let at = "strongroom=:".len();
        let other = if s.signature.as_bytes()[at] == b'A' { "B" } else { "A" };
        s.signature.replace_range(at..=at, other);
    }),
    ("a short signature", Refused::Signature(E::Signature), |s| {
        s.signature = format!("strongroom=:{}:", Base64::encode_string(&[1; 63]));
    }),
    ("a MAC in its place", Refused::Signature(E::Signature), |s| {
        s.signature = format!("strongroom=:{}:", Base64::encode_string(&[1; 32]));
    }),
    ("a long signature", Refused::Signature(E::Signature), |s| {
        s.signature = format!("strongroom=:{}:", "A".repeat(10_000));
    }),
    ("loose bits in the base64", Refused::Signature(E::Signature), |s| {
        // 64 bytes end in one character of 2 bits and "==": its other 4 bits must be zero.
        let at = s.signature.len() - 4;
        let next = char::from(s.signature.as_bytes()[at] + 1);
        s.signature.replace_range(at..=at, &next.to_string());
    }),
    ("another request's signature", Refused::Signature(E::Wrong), |s| {
        s.signature = Sent::new("POST", URI, b"other").signed_by(4, NOW, [0x12; 16]).signature;
    }),
    ("another key's signature", Refused::Signature(E::Wrong), |s| {
        let mut other = full();
        other = other.signed_by(3, NOW, [0x11; 16]);
        s.signature = other.signature;
    }),
];

fn swap(sent: &mut Sent, from: &str, to: &str) {
    assert!(sent.input.contains(from), "{from} is not in {}", sent.input);
    sent.input = sent.input.replacen(from, to, 1);
}

#[test]
fn a30_every_change_to_a_signed_request_is_refused() {
    let mut cases = 0;
    for (name, expected, change) in CHANGES {
        let mut nonces = NonceMemory::new(8);
        let mut sent = full();
        change(&mut sent);
        assert_eq!(sent.accept(&mut nonces, NOW, STARTED), Err(*expected), "{name}");
        // The control: the same request, unchanged, to the same provider.
        let mut nonces = NonceMemory::new(8);
        assert_eq!(full().accept(&mut nonces, NOW, STARTED), Ok(public(4)), "{name}");
        cases += 1;
    }
    println!("{cases} cases");
    assert!(cases >= 56, "cases were lost: {cases}");
}

#[test]
fn a30_a_replayed_request_is_refused() {
    let mut nonces = NonceMemory::new(8);
    let sent = full();
    assert!(sent.accept(&mut nonces, NOW, STARTED).is_ok());
    for later in [0, 1, 299, 300] {
        let replay = sent.accept(&mut nonces, NOW + later, STARTED);
        assert_eq!(replay, Err(Refused::Nonce(NonceRefusal::Replayed)), "{later}");
    }
    // When the nonce is forgotten, the time refuses it.
    let other = full().signed_by(4, NOW + 900, [0x12; 16]);
    assert!(other.accept(&mut nonces, NOW + 900, STARTED).is_ok());
    assert_eq!(nonces.len(), 1);
    let replay = sent.accept(&mut nonces, NOW + 900, STARTED);
    assert_eq!(replay, Err(Refused::Signature(E::Created)));
}

#[test]
fn one_signer_cannot_use_up_anothers_nonces_nor_make_room_by_filling_the_memory() {
    let mut nonces = NonceMemory::new(2);
    assert!(full().signed_by(3, NOW, [0x11; 16]).accept(&mut nonces, NOW, STARTED).is_ok());
    assert!(full().accept(&mut nonces, NOW, STARTED).is_ok(), "same nonce, another key");
    let third = full().signed_by(4, NOW, [0x13; 16]);
    let refused = third.accept(&mut nonces, NOW, STARTED);
    assert_eq!(refused, Err(Refused::Nonce(NonceRefusal::Full)));
    let replay = full().accept(&mut nonces, NOW, STARTED);
    assert_eq!(replay, Err(Refused::Nonce(NonceRefusal::Replayed)));
    // Room comes with time.
    let later = full().signed_by(4, NOW + 301, [0x13; 16]);
    assert!(later.accept(&mut nonces, NOW + 301, STARTED).is_ok());
}

#[test]
fn a50_created_must_be_now_and_after_the_provider_started() {
    let at = |created: u64, now: u64, started: u64| {
        full().signed_by(4, created, [1; 16]).accept(&mut NonceMemory::new(8), now, started)
    };
    let refused = Err(Refused::Signature(E::Created));
    assert_eq!(at(NOW, NOW, STARTED), Ok(public(4)));
    assert_eq!(at(NOW, NOW + 300, STARTED), Ok(public(4)));
    assert_eq!(at(NOW, NOW + 301, STARTED), refused);
    assert_eq!(at(NOW + 300, NOW, STARTED), Ok(public(4)));
    assert_eq!(at(NOW + 301, NOW, STARTED), refused);
    assert_eq!(at(NOW, NOW + 5, NOW), Ok(public(4)));
    assert_eq!(at(NOW, NOW + 5, NOW + 1), refused, "a replay after a restart");
    assert_eq!(at(0, NOW, 0), refused);
    assert_eq!(at(0, 0, 0), Ok(public(4)));
}

#[test]
fn a_body_is_bound_by_its_digest_or_by_the_uri() {
    let hash = base32(blake3::hash(BODY).as_bytes());
    let other = base32(blake3::hash(b"x").as_bytes());
    let chunk = format!("https://a.example/buckets/b/chunks/{hash}");
    let query = format!("https://a.example/entries?b3={hash}");
    let last = format!("https://a.example/entries?wait=1&b3={hash}");
    for uri in [&chunk, &query, &last] {
        let send = |body: &[u8]| {
            let mut sent = Sent::new("PUT", uri, b"");
            sent.body = body.to_vec();
            sent.signed_by(4, NOW, [1; 16]).accept(&mut NonceMemory::new(1), NOW, STARTED)
        };
        assert!(is_body_bound_by_uri("PUT", uri) && !is_body_bound_by_uri("GET", uri));
        assert_eq!(send(BODY), Ok(public(4)), "{uri}");
        assert_eq!(send(b"x"), Err(Refused::Body), "{uri}");
        assert_eq!(send(b""), Err(Refused::Body), "{uri}");
    }
    let parts = |method: &'static str, uri: &str, digest: Option<&str>| {
        BodyCheck::of(&RequestParts {
            content_digest: digest,
            ..RequestParts::new(method, Box::leak(uri.to_owned().into_boxed_str()))
        })
    };
    // Both: both must hold.
    let digest = content_digest(BODY);
    let both = parts("PUT", &query, Some(&digest)).unwrap();
    assert!(both.holds(BODY) && both.sha256.is_some() && both.blake3.is_some());
    let apart = parts("PUT", &format!("https://a.example/e?b3={other}"), Some(&digest)).unwrap();
    assert!(!apart.holds(BODY) && !apart.holds(b"x"));
    // Neither: no body.
    for uri in
        ["https://a.example/entries", "https://a.example/chunks", "https://a.example/chunks/x"]
    {
        let check = parts("POST", uri, None).unwrap();
        assert!(check.is_empty() && check.holds(b"") && !check.holds(BODY), "{uri}");
    }
    // A hash in the URI of a GET names what is asked for.
    assert!(parts("GET", &chunk, None).unwrap().is_empty());
    for bad in [
        format!("https://a.example/e?b3={hash}&b3={hash}"),
        format!("https://a.example/e?b3={hash}&b3={other}"),
        format!("https://a.example/e?b3={}", &hash[1..]),
        format!("https://a.example/e?b3={}", hash.to_uppercase()),
        "https://a.example/e?b3=".to_owned(),
        format!("{chunk}?b3={hash}"),
    ] {
        assert_eq!(parts("PUT", &bad, None), Err(E::Digest), "{bad}");
    }
    // Another name, or an encoded one, binds nothing.
    for uri in [format!("https://a.example/e?xb3={hash}"), format!("https://a.example/e?B3={hash}")]
    {
        assert!(parts("PUT", &uri, None).unwrap().is_empty(), "{uri}");
    }
}

#[test]
fn capability_fields_have_one_spelling() {
    let chain = Story::new().chain();
    let field = chain_field(&chain);
    assert_eq!(parse_chain_field(&field), Ok(chain.clone()));
    assert_eq!(blake3::hash(&chain_field_bytes(&field).unwrap()).as_bytes(), &chain.hash().0);
    let hash = chain_hash_field(chain.hash());
    assert_eq!(parse_chain_hash_field(&hash), Ok(chain.hash()));
    for bad in
        ["", ":", "::", ":AAAA", "AAAA:", ":AA AA:", ":A-_A:", ":gA==:", ":AAA:", ":AAAA:;a=1"]
    {
        assert!(parse_chain_field(bad).is_err(), "{bad}");
        assert!(parse_chain_hash_field(bad).is_err(), "{bad}");
    }
    assert!(chain_field_bytes(&format!(":{}:", "A".repeat(40_000))).is_err(), "over the limit");
    assert!(parse_chain_hash_field(&field).is_err() && parse_chain_field(&hash).is_err());
}

#[test]
fn a_client_signs_nothing_that_cannot_be_parsed() {
    let proof = |created| Proof::Key { created, nonce: [1; 16], key: public(4) };
    let new =
        |method, uri, created| Unsigned::new(&RequestParts::new(method, uri), &proof(created));
    assert!(new("GET", "https://a.example/", NOW).is_ok());
    assert_eq!(new("G ET", "https://a.example/", NOW).unwrap_err(), E::RequestLine);
    assert_eq!(new("", "https://a.example/", NOW).unwrap_err(), E::RequestLine);
    assert_eq!(new("GET", "https://a.example", NOW).unwrap_err(), E::RequestLine);
    assert_eq!(new("GET", "https:///x", NOW).unwrap_err(), E::RequestLine);
    assert_eq!(new("GET", "ftp://a.example/", NOW).unwrap_err(), E::RequestLine);
    assert_eq!(new("GET", "https://a.example/ä", NOW).unwrap_err(), E::RequestLine);
    assert_eq!(new("GET", "https://a.example/", u64::MAX).unwrap_err(), E::Created);
}

#[test]
fn a_strangers_fields_are_read_or_refused() {
    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;
    let sound = full();
    let fields = (".{0,200}", ".{0,130}", 0..400_usize, any::<bool>());
    TestRunner::default()
        .run(&fields, |(input, signature, at, splice)| {
            let mut sent = sound.clone();
            if splice {
                let at = (0..=at.min(sent.input.len()))
                    .rev()
                    .find(|at| sent.input.is_char_boundary(*at))
                    .unwrap();
                sent.input.replace_range(at.., &input);
            } else {
                (sent.input, sent.signature) = (input, signature);
            }
            let changed = (&sent.input, &sent.signature) != (&sound.input, &sound.signature);
            let parsed = parse(&sent.parts(), &sent.input, &sent.signature);
            let verified =
                matches!(&parsed, Ok(Signed::Key(s)) if s.clone().verify(NOW, 0).is_ok());
            prop_assert!(verified != changed);
            Ok(())
        })
        .unwrap();
}
