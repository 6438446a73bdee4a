//! What the golden files cannot show: what a verified request tells, what a client cannot send,
//! and that work is bounded before it is done.

use strongroom_wire::edv::Denied;
use strongroom_wire::edv::signature::{self, Capability, Outgoing, Request};
use strongroom_wire::edv::zcap::{Grant, Parent, Zcap, ZcapError};
use strongroom_wire::walk::Refusal;

use super::sent::Sent;
use super::world::{ALICE, BOB, CARROLL, DOC, EDV, HOUR, NOW, ORIGIN, derive, grant_of, verify};

#[test]
fn a_verified_request_tells_who_and_how_long_to_remember_it() {
    let sent = Sent::by(ALICE, "POST", DOC, Capability::RootOf(EDV), "write");
    let body = sent.body.as_ref().map(String::as_bytes);
    let found = verify(&sent.method, &sent.target, &sent.headers, body, NOW).unwrap();
    assert_eq!((found.did(), found.key()), (ALICE.did().as_str(), ALICE.public()));
    assert_eq!(found.expires(), NOW + 600);
    // A replay has the same signature; the next request another.
    let again = verify(&sent.method, &sent.target, &sent.headers, body, NOW + 1).unwrap();
    assert_eq!(found.signature(), again.signature());
    let next = Sent::at(NOW + 1, ALICE, "POST", DOC, Capability::RootOf(EDV), "write");
    let next = verify(&next.method, &next.target, &next.headers, body, NOW + 1).unwrap();
    assert_ne!(found.signature(), next.signature());
    let allowed = sent.judge().unwrap();
    assert_eq!((allowed.invoker(), allowed.root()), (ALICE.did().as_str(), EDV));
}

#[test]
fn a_body_that_is_there_but_empty_is_as_none() {
    let sent = Sent::by(ALICE, "GET", DOC, Capability::RootOf(EDV), "read");
    for body in [None, Some(&b""[..])] {
        assert!(verify("GET", &sent.target, &sent.headers, body, NOW).is_ok());
    }
    let found = verify("GET", &sent.target, &sent.headers, Some(b" "), NOW);
    assert_eq!(found.unwrap_err(), Denied::Covered);
}

#[test]
fn the_host_has_no_case_and_a_port_counts() {
    let sent = Sent::by(ALICE, "GET", DOC, Capability::RootOf(EDV), "read");
    let upper = sent.clone().with("host", Some("EDV.example")).signed_again(ALICE);
    assert!(upper.judge().is_ok());
    let port = sent.with("host", Some("edv.example:444")).signed_again(ALICE);
    assert_eq!(port.judge().unwrap_err(), Denied::Host);
}

/// A line break in a value or in the path would make two lines of one.
#[test]
fn a_line_break_signs_nothing() {
    let names = ["(key-id)", "(created)", "(expires)", "(request-target)", "host"];
    let names = [&names[..], &["capability-invocation", "x"]].concat();
    let sent = Sent::by(ALICE, "GET", DOC, Capability::RootOf(EDV), "read");
    for value in ["a\nhost: b", "a\rb"] {
        let key = ALICE.key_id();
        let sent = sent.clone().with("x", Some(value));
        let sent = sent.signed(ALICE, &key, &names, (NOW, NOW + 600));
        assert_eq!(sent.judge().unwrap_err(), Denied::Covered, "{value:?}");
    }
    for target in ["/edvs/a\nhost: b", "https://edv.example/edvs/a", "*", ""] {
        let sent = sent.clone().changed(|it| it.target = target.to_owned()).signed_again(ALICE);
        assert_eq!(sent.judge().unwrap_err(), Denied::Covered, "{target:?}");
    }
}

#[test]
fn huge_headers_are_refused_before_they_are_read() {
    let long = "a".repeat(1_000_000);
    let sent = Sent::by(ALICE, "GET", DOC, Capability::RootOf(EDV), "read");
    let huge = sent.clone().with("authorization", Some(&format!("Signature x=\"{long}\"")));
    assert_eq!(huge.judge().unwrap_err(), Denied::Header);
    let huge = sent.clone().with("host", Some(&long));
    assert_eq!(huge.judge().unwrap_err(), Denied::Host);
    let digest = Some(long.as_str());
    assert_eq!(sent.clone().with("digest", digest).judge().unwrap_err(), Denied::Digest);
    let invocation = Some(format!("zcap id=\"{long}\""));
    let huge = sent.with("capability-invocation", invocation.as_deref());
    assert_eq!(huge.judge().unwrap_err(), Denied::Covered);
}

#[test]
fn a_client_cannot_send_what_nobody_takes() {
    let outgoing = Outgoing {
        method: "GET",
        url: DOC,
        body: None,
        capability: Capability::RootOf(EDV),
        action: "read",
        key: ALICE.public(),
        created: NOW,
    };
    let signs = |outgoing: Outgoing<'_>| outgoing.sign(|bytes| ALICE.sign(bytes)).is_some();
    assert!(signs(outgoing));
    for url in ["edv.example/edvs", "ftp://edv.example/", "https://edv.example", "https:///edvs"] {
        assert!(!signs(Outgoing { url, ..outgoing }), "{url}");
    }
    for url in ["https://a@edv.example/", "https://edv.example/a b", "https://edv.example/#a"] {
        assert!(!signs(Outgoing { url, ..outgoing }), "{url}");
    }
    for action in ["", "re ad", "re\"ad"] {
        assert!(!signs(Outgoing { action, ..outgoing }), "{action}");
    }
    let broken = Some(("text/plain\r\nx: y", &b"x"[..]));
    assert!(!signs(Outgoing { body: broken, ..outgoing }));
}

#[test]
fn a_client_cannot_delegate_what_would_be_refused() {
    let documents = format!("{EDV}/documents");
    let bobs = grant_of(1, ALICE, &BOB.did(), &documents, &["read"]);
    let parent = Parent::Delegated(&bobs);
    let to_carroll =
        |target: &str, actions: &[&str]| derive(&parent, 2, BOB, &CARROLL.did(), target, actions);
    assert!(to_carroll(DOC, &["read"]).is_ok());
    assert_eq!(to_carroll(EDV, &["read"]), Err(ZcapError::Wider(Refusal::Target)));
    assert_eq!(to_carroll(DOC, &["write"]), Err(ZcapError::Wider(Refusal::Actions)));
    assert_eq!(to_carroll(DOC, &[]), Err(ZcapError::Wider(Refusal::Actions)));
    assert_eq!(to_carroll("documents", &["read"]), Err(ZcapError::Member));
    let grant = Grant {
        id: "urn:uuid:2",
        controller: &CARROLL.did(),
        target: DOC,
        actions: &["read"],
        expires: bobs.expires().secs() + 1,
        created: NOW,
        delegator: BOB.public(),
    };
    let outlives = Zcap::delegate(&parent, &grant, |_| panic!("it must not be signed"));
    assert_eq!(outlives, Err(ZcapError::Wider(Refusal::Outlives)));
    let grant = Grant { expires: NOW + HOUR, id: bobs.id(), ..grant };
    assert_eq!(Zcap::delegate(&parent, &grant, |_| [0; 64]), Err(ZcapError::Chain), "a cycle");
    let foreign = Parent::RootOf("https://edv.example/edvs/other");
    let wide = derive(&foreign, 1, ALICE, &BOB.did(), EDV, &["read"]);
    assert_eq!(wide, Err(ZcapError::Wider(Refusal::Target)));
}

/// A header that came twice: whoever answers with one of them lets the signer mean the other.
#[test]
fn a_header_of_two_values_is_what_both_say() {
    let sent = Sent::by(ALICE, "GET", DOC, Capability::RootOf(EDV), "read");
    let joined = format!("{0}, {0}", sent.headers.get("host").unwrap());
    let header = |name: &str| match name {
        "host" => Some(joined.as_str()),
        name => sent.headers.get(name),
    };
    let request = Request { method: "GET", target: &sent.target, header: &header, body: None };
    assert_eq!(signature::verify(&request, &ORIGIN, NOW).unwrap_err(), Denied::Host);
}
