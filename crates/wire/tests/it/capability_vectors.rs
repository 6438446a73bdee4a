//! Every golden file of capabilities, requests, sessions and recovery records, against the code.

use serde_json::Value;
use strongroom_wire::capability::{Capability, CapabilityChain, CapabilityError, Judge, verify};
use strongroom_wire::http_signature::{
    CapabilityField, HttpSignatureError, RequestParts, Signed, parse,
};
use strongroom_wire::ids::{CapabilityId, PublicKey, RecordId, SessionId, Thumbprint};
use strongroom_wire::recovery::{RecoveryError, RecoveryRecord};
use strongroom_wire::session::{
    Kem, Opening, OpeningRequest, Session, SessionError, SessionKey, answer,
};
use strongroom_wire::walk::Refusal;

use crate::chains::signer;
use crate::golden::{Outcome, bytes, hex, run, unfold, unhex};
use crate::vectors::cbor_name;

fn capability_name(error: CapabilityError) -> String {
    match error {
        CapabilityError::Form(error) => cbor_name(error),
        CapabilityError::TooLarge => "too large",
        CapabilityError::Missing => "missing",
        CapabilityError::Spelling => "spelling",
        CapabilityError::Member => "member",
        CapabilityError::Anyone => "anyone",
        CapabilityError::Uses => "uses",
    }
    .to_owned()
}

/// The name of a refusal in golden files.
pub const fn refusal_name(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Empty => "empty",
        Refusal::TooLong => "too long",
        Refusal::Parent => "parent",
        Refusal::Holder => "holder",
        Refusal::Signature => "signature",
        Refusal::NotYet => "not yet",
        Refusal::Expired => "expired",
        Refusal::Outlives => "outlives",
        Refusal::Depth => "depth",
        Refusal::Target => "target",
        Refusal::Actions => "actions",
        Refusal::Caveats => "caveats",
        Refusal::Twice => "twice",
        Refusal::Revoked => "revoked",
        Refusal::Audience => "audience",
        Refusal::Suite => "suite",
        Refusal::Accept => "accept",
        Refusal::UseKey => "use key",
        Refusal::Form => "form",
    }
}

/// The name of an HTTP signature error in golden files.
pub const fn http_name(error: HttpSignatureError) -> &'static str {
    match error {
        HttpSignatureError::RequestLine => "request line",
        HttpSignatureError::Input => "input",
        HttpSignatureError::Signature => "signature",
        HttpSignatureError::Digest => "digest",
        HttpSignatureError::Capability => "capability",
        HttpSignatureError::Created => "created",
        HttpSignatureError::Wrong => "wrong",
    }
}

const fn session_name(error: SessionError) -> &'static str {
    match error {
        SessionError::Form => "form",
        SessionError::Key => "key",
        SessionError::Provider => "provider",
    }
}

fn fixed<const N: usize>(value: &Value) -> [u8; N] {
    unhex(value.as_str().unwrap()).try_into().unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn decode_capability(case: &Value) -> Outcome {
    let input = bytes(case);
    let capability = Capability::decode(&input).map_err(capability_name)?;
    if let Some(id) = case.get("id") {
        assert_eq!(capability.id(), CapabilityId(fixed(id)), "{}", case["name"]);
        let issuer = PublicKey(fixed(&case["issuer"]));
        assert!(capability.is_signed_by(&issuer), "{}", case["name"]);
    }
    Ok(capability.bytes().to_vec())
}

fn decode_chain(case: &Value) -> Outcome {
    let chain = CapabilityChain::decode(&bytes(case)).map_err(capability_name)?;
    let suites: Vec<u8> =
        case["suites"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as u8).collect();
    let judge = Judge {
        root: PublicKey(fixed(&case["root"])),
        now: case["now"].as_u64().unwrap(),
        provider: case["provider"].is_string().then(|| Thumbprint(fixed(&case["provider"]))),
        suites: &suites,
    };
    let revoked: Vec<CapabilityId> =
        case["revoked"].as_array().unwrap().iter().map(|id| CapabilityId(fixed(id))).collect();
    match verify(&chain, &judge, |id| revoked.contains(id)) {
        Ok(grant) => {
            assert_eq!(text(&case["actions"]), grant.actions().to_string(), "{}", case["name"]);
            assert_eq!(case["rank"].as_u64(), Some(grant.rank() as u64), "{}", case["name"]);
            Ok(chain.encode())
        }
        Err(error) => {
            assert_eq!(case["at"].as_u64(), Some(error.at as u64), "{}: element", case["name"]);
            Err(refusal_name(error.why).to_owned())
        }
    }
}

fn decode_request(case: &Value) -> Outcome {
    let optional = |name: &str| case[name].as_str();
    let parts = RequestParts {
        method: text(&case["method"]),
        target_uri: text(&case["uri"]),
        content_digest: optional("content-digest"),
        capability: optional("strongroom-capability")
            .map(CapabilityField::Chain)
            .or_else(|| optional("strongroom-capability-hash").map(CapabilityField::Hash)),
    };
    let refused = |error| http_name(error).to_owned();
    let signed =
        parse(&parts, text(&case["signature-input"]), text(&case["signature"])).map_err(refused)?;
    let body = unfold(&case["body"]);
    let check = match signed {
        Signed::Key(signed) => {
            let (now, started) = (case["now"].as_u64().unwrap(), case["started"].as_u64().unwrap());
            *signed.verify(now, started).map_err(refused)?.body()
        }
        Signed::Session(request) => {
            let key = SessionKey::danger_from_bytes(&fixed(&case["session key"])).unwrap();
            let opener = PublicKey([0; 32]);
            let mut session = Session::new(request.session(), key, opener, None, u64::MAX);
            session.admit(&request, 0).map_err(|_| "mac".to_owned())?;
            *request.body()
        }
    };
    if check.holds(&body) { Ok(Vec::new()) } else { Err("body".to_owned()) }
}

fn decode_opening(case: &Value) -> Outcome {
    let input = bytes(case);
    let request = OpeningRequest { base: b"", signature: &[0; 64], body: &input, exporter: b"" };
    answer(&request, SessionId([1; 16]), 0, &[0x5a; 64], signer(50))
        .map(|_| input)
        .map_err(|error| session_name(error).to_owned())
}

fn decode_answer(case: &Value) -> Outcome {
    let kem = if case["kem"] == 1 { Kem::X25519 } else { Kem::XWing };
    let opening = Opening::new(kem, &fixed(&case["client random"]));
    let (base, body) = (text(&case["base"]).as_bytes(), unfold(&case["opening"]));
    let exporter = unfold(&case["exporter"]);
    let request = OpeningRequest {
        base,
        signature: &fixed(&case["signature"]),
        body: &body,
        exporter: &exporter,
    };
    let provider = PublicKey(fixed(&case["provider"]));
    let session = opening
        .finish(&request, &provider, &bytes(case))
        .map_err(|error| session_name(error).to_owned())?;
    // The key is shown by what it makes of a fixed request.
    let fields = session.authorize(&RequestParts::new("GET", "https://a.example/"), 0).unwrap();
    assert_eq!(text(&case["first"]), fields.signature, "{}", case["name"]);
    let made =
        answer(&request, session.id, session.expires, &fixed(&case["provider random"]), signer(50));
    Ok(made.unwrap().body)
}

fn decode_record(case: &Value) -> Outcome {
    let (id, key) = (RecordId(fixed(&case["record"])), PublicKey(fixed(&case["key"])));
    match RecoveryRecord::verify(&bytes(case), id, &key) {
        Ok(record) => {
            assert_eq!(case["counter"].as_u64(), Some(record.counter()), "{}", case["name"]);
            Ok(record.as_bytes().to_vec())
        }
        Err(RecoveryError::Form) => Err("form".to_owned()),
        Err(RecoveryError::Signature) => Err("signature".to_owned()),
    }
}

fn decode(decoder: &str, case: &Value) -> Outcome {
    match decoder {
        "capability" => decode_capability(case),
        "capability chain" => decode_chain(case),
        "request" => decode_request(case),
        "session opening" => decode_opening(case),
        "session answer" => decode_answer(case),
        "recovery record" => decode_record(case),
        other => panic!("no decoder is called {other}"),
    }
}

/// Good and broken cases there must be at least. These numbers only grow.
const COUNTS: [(&str, usize, usize); 3] =
    [("capability", 10, 158), ("session", 9, 92), ("recovery-record", 1, 8)];

#[test]
fn every_case_ends_as_its_file_says() {
    let mut few = Vec::new();
    for (subject, good_min, broken_min) in COUNTS {
        let (good, broken) = run(subject, decode);
        println!("{subject}: {good} good, {broken} broken");
        if good < good_min || broken < broken_min {
            few.push(subject);
        }
    }
    assert!(few.is_empty(), "cases were lost: {few:?}");
}

/// The keys of generated files, for their readers.
pub fn key_hex(who: u8) -> String {
    hex(&crate::chains::public(who).0)
}
