//! The fixed vectors made with the packages that real clients run: delegations with their
//! canonical quads, signed requests with what was signed.

use serde_json::Value;
use strongroom_wire::edv::Denied;
use strongroom_wire::edv::canon::canonical;
use strongroom_wire::edv::chain::Root;
use strongroom_wire::edv::invocation::{Expected, Invoked};
use strongroom_wire::edv::quads;
use strongroom_wire::edv::revocation::Revocation;
use strongroom_wire::edv::signature::{self, Capability, Outgoing};
use strongroom_wire::edv::time::Moment;
use strongroom_wire::edv::zcap::{Grant, Parent, Zcap};

use super::world::{self, Headers, Person};
use crate::golden::hex;

/// The file.
pub fn vectors() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/edv/vectors.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

const CHAIN: [&str; 4] = ["toBob", "toCarol", "toDave", "toErin"];
/// Middle of 2029: all four delegations hold.
const NOW: u64 = 1_872_000_000;

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn zcap(given: &Value) -> Zcap {
    Zcap::parse(given["zcap"].to_string().as_bytes()).unwrap()
}

#[test]
fn the_people_are_those_of_the_vectors() {
    let given = vectors();
    for (name, person) in [("alice", Person(1)), ("bob", Person(2)), ("carol", Person(3))] {
        assert_eq!(given["actors"][name]["did"], person.did());
        assert_eq!(given["actors"][name]["keyId"], person.key_id());
    }
}

#[test]
fn quads_and_hashes_of_delegations_are_those_of_the_reference() {
    let given = vectors();
    for name in CHAIN {
        let given = &given["delegations"][name];
        let zcap = zcap(given);
        let document = canonical(&quads::without_proof(&zcap)).unwrap();
        assert_eq!(document, text(&given["canonicalDocument"]), "{name}");
        let options = canonical(&quads::proof_options(&zcap)).unwrap();
        assert_eq!(options, text(&given["canonicalProofOptions"]), "{name}");
        assert_eq!(hex(&zcap.to_be_signed().unwrap()), text(&given["verifyData"]), "{name}");
    }
}

#[test]
fn delegations_are_read_and_written_without_loss() {
    let given = vectors();
    for name in CHAIN {
        let zcap = zcap(&given["delegations"][name]);
        let again: Value = serde_json::from_str(&zcap.to_json()).unwrap();
        assert_eq!(again, given["delegations"][name]["zcap"], "{name}");
    }
}

#[test]
fn our_own_delegations_are_the_same_to_the_last_byte() {
    let given = vectors();
    let edv = text(&given["edvId"]);
    let people = [Person(1), Person(2), Person(3), Person(1), Person(2)];
    let mut last: Option<Zcap> = None;
    for (at, name) in CHAIN.iter().enumerate() {
        let theirs = zcap(&given["delegations"][name]);
        let actions: Vec<&str> = theirs.actions().unwrap().iter().map(String::as_str).collect();
        let controller = people[at + 1].did();
        let grant = Grant {
            id: theirs.id(),
            controller: &controller,
            target: theirs.target(),
            actions: &actions,
            expires: theirs.expires().secs(),
            created: theirs.created().secs(),
            delegator: people[at].public(),
        };
        let parent = last.as_ref().map_or(Parent::RootOf(edv), Parent::Delegated);
        let ours = Zcap::delegate(&parent, &grant, |bytes| people[at].sign(bytes)).unwrap();
        assert_eq!(ours, theirs, "{name}");
        last = Some(ours);
    }
}

#[test]
fn every_chain_verifies() {
    let given = vectors();
    let (edv, alice) = (text(&given["edvId"]), [Person(1).did()]);
    let root = Root { target: edv, controllers: &alice };
    for (at, name) in CHAIN.iter().enumerate() {
        let body = given["delegations"][name]["zcap"].to_string();
        let id = zcap(&given["delegations"][name]).id().to_owned();
        let found = Revocation::of(body.as_bytes(), &id, &root, NOW).unwrap();
        assert_eq!(found.delegations().len(), at + 1, "{name}");
    }
}

/// The fields of one vector, as a server would get them.
fn headers(given: &Value) -> Headers {
    let pairs = given["headers"].as_object().unwrap();
    Headers(pairs.iter().map(|(name, value)| (name.clone(), text(value).to_owned())).collect())
}

fn target(given: &Value) -> &str {
    text(&given["url"]).strip_prefix("https://edv.example").unwrap()
}

const CREATED: u64 = 1_861_920_000;

#[test]
fn signed_requests_are_taken() {
    let given = vectors();
    let (edv, alice) = (text(&given["edvId"]), [Person(1).did()]);
    let roots = [Root { target: edv, controllers: &alice }];
    for (name, now) in [("rootRead", CREATED), ("rootWrite", CREATED), ("delegatedQuery", NOW)] {
        let given = &given["invocations"][name];
        let headers = headers(given);
        let method = text(&given["method"]).to_uppercase();
        let body = given["body"].as_str().map(str::as_bytes);
        let verified = world::verify(&method, target(given), &headers, body, CREATED).unwrap();
        let action = text(&given["action"]);
        let expected = Expected { roots: &roots, target: text(&given["url"]), action };
        let found = verified.authorize(&expected, now);
        if name == "delegatedQuery" {
            // It is dated a day before its delegation; all else holds.
            assert_eq!(found, Err(Denied::Time));
            continue;
        }
        let found = found.unwrap();
        assert_eq!(found.invoker(), Person(1).did(), "{name}");
        assert!(found.delegations().is_empty());
    }
}

#[test]
fn packed_capabilities_are_unpacked() {
    let given = vectors();
    let given_zcap = zcap(&given["delegations"]["toBob"]);
    let header = text(&given["invocations"]["delegatedQuery"]["headers"]["capability-invocation"]);
    let (invoked, action) = Invoked::parse(header).unwrap();
    assert_eq!(invoked, Invoked::Delegated(Box::new(given_zcap)));
    assert_eq!(action, "read");
}

/// What we sign is what they sign, and so are our headers but for how the capability is packed.
#[test]
fn our_own_requests_are_the_same_to_the_last_byte() {
    let given = vectors();
    let edv = text(&given["edvId"]);
    let bobs = zcap(&given["delegations"]["toBob"]);
    for (name, who, capability) in [
        ("rootRead", Person(1), Capability::RootOf(edv)),
        ("rootWrite", Person(1), Capability::RootOf(edv)),
        ("delegatedQuery", Person(2), Capability::Delegated(&bobs)),
    ] {
        let given = &given["invocations"][name];
        let method = text(&given["method"]).to_uppercase();
        let body = given["body"].as_str().map(|body| ("application/json", body.as_bytes()));
        let outgoing = Outgoing {
            method: &method,
            url: text(&given["url"]),
            body,
            capability,
            action: text(&given["action"]),
            key: who.public(),
            created: CREATED,
        };
        let mut signed = String::new();
        let ours = outgoing.sign(|bytes| {
            signed = String::from_utf8(bytes.to_vec()).unwrap();
            who.sign(bytes)
        });
        let ours = ours.unwrap();
        if name == "delegatedQuery" {
            let line = |text: &str| {
                let own = |line: &&str| !line.starts_with("capability-invocation: ");
                text.lines().filter(own).collect::<Vec<_>>().join("\n")
            };
            assert_eq!(line(&signed), line(text(&given["signingString"])));
            assert_eq!(
                Invoked::parse(&ours.capability_invocation),
                Invoked::parse(text(&given["headers"]["capability-invocation"])),
            );
            continue;
        }
        assert_eq!(signed, text(&given["signingString"]), "{name}");
        for (header, value) in ours.iter() {
            assert_eq!(given["headers"][header], value, "{name} {header}");
        }
    }
}

#[test]
fn digests_are_those_of_the_vectors() {
    let given = vectors();
    for name in ["rootWrite", "delegatedQuery"] {
        let given = &given["invocations"][name];
        assert_eq!(signature::digest(text(&given["body"]).as_bytes()), given["headers"]["digest"]);
    }
    assert_eq!(Moment::of_secs(CREATED).text(), "2029-01-01T00:00:00Z");
}
