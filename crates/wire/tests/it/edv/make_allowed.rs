//! Writes the golden files of requests that are signed as they should be: what a capability allows
//! and what it does not, alone and in chains.

use serde_json::{Value, json};
use strongroom_wire::edv::signature::Capability;
use strongroom_wire::edv::zcap::{Parent, Zcap};

use super::make_request::settle;
use super::sent::{COVERED, Sent, forge, value_of};
use super::world::{
    ALICE, BOB, CARROLL, DOC, EDV, HOUR, MALLORY, NOW, Person, chain_of, derive, grant_of,
};

fn bobs(actions: &[&str]) -> Zcap {
    grant_of(1, ALICE, &BOB.did(), &format!("{EDV}/documents"), actions)
}

fn by(who: Person, zcap: &Zcap, method: &str, url: &str, action: &str) -> Sent {
    Sent::by(who, method, url, Capability::Delegated(zcap), action)
}

#[test]
fn make_requests_allowed() {
    let documents = format!("{EDV}/documents");
    let (both, none, only) = (bobs(&["read", "write"]), bobs(&[]), bobs(&["read"]));
    let by_key = grant_of(1, ALICE, &BOB.key_id(), &documents, &["read"]);
    let one = grant_of(1, ALICE, &BOB.did(), DOC, &["read"]);
    let query = format!("{documents}/query?returnDocuments=false");
    let narrow = grant_of(1, ALICE, &BOB.did(), &format!("{documents}/query?a=b"), &["read"]);
    let other = "https://edv.example/edvs/z19uMCiPNET4YbcPpBcab5mEF";
    let of_other = |zcap: &Zcap| {
        by(BOB, zcap, "GET", DOC, "read")
            .changed(|it| it.roots = vec![(other.to_owned(), vec![ALICE.did()])])
    };
    let alices =
        |url: &str, action: &str| Sent::by(ALICE, "GET", url, Capability::RootOf(EDV), action);
    settle(
        "allowed",
        [
            ("read and write: read", "ok", "Bob may", by(BOB, &both, "GET", DOC, "read")),
            ("read and write: write", "ok", "Bob may", by(BOB, &both, "POST", DOC, "write")),
            ("no actions named", "ok", "Bob may do all", by(BOB, &none, "DELETE", DOC, "write")),
            ("read: write", "action", "Bob may not", by(BOB, &only, "POST", DOC, "write")),
            (
                "says read, writes",
                "action",
                "the provider knows what the request does",
                by(BOB, &only, "POST", DOC, "read").changed(|it| it.action = "write".into()),
            ),
            (
                "by key id",
                "ok",
                "granted to a key, not to a DID",
                by(BOB, &by_key, "GET", DOC, "read"),
            ),
            ("stolen", "controller", "Carroll shows Bob's", by(CARROLL, &both, "GET", DOC, "read")),
            ("the vault", "target", "Bob's is about documents", by(BOB, &both, "GET", EDV, "read")),
            (
                "beside",
                "target",
                "a border must be a border",
                by(BOB, &both, "GET", &format!("{documents}2"), "read"),
            ),
            ("query", "ok", "a query lies below the path", by(BOB, &both, "POST", &query, "read")),
            (
                "narrow",
                "ok",
                "more of the query",
                by(BOB, &narrow, "POST", &format!("{documents}/query?a=b&c=d"), "read"),
            ),
            (
                "narrow left",
                "target",
                "another value",
                by(BOB, &narrow, "POST", &format!("{documents}/query?a=bc"), "read"),
            ),
            (
                "narrow path",
                "target",
                "a query has nothing below it",
                by(BOB, &narrow, "POST", &format!("{documents}/query?a=b/x"), "read"),
            ),
            ("one document", "ok", "that one", by(BOB, &one, "GET", DOC, "read")),
            (
                "its chunks",
                "ok",
                "below it",
                by(BOB, &one, "GET", &format!("{DOC}/chunks/0"), "read"),
            ),
            (
                "another document",
                "target",
                "not that one",
                by(BOB, &one, "GET", &format!("{documents}/z19pjAGaCdp2EkKzUcvdSf9wH"), "read"),
            ),
            ("another vault", "root", "whose root is another", of_other(&both)),
            (
                "two roots",
                "ok",
                "one of them is it",
                by(BOB, &both, "GET", DOC, "read")
                    .changed(|it| it.roots.insert(0, (other.to_owned(), vec![]))),
            ),
            (
                "root of another",
                "root",
                "that of another vault",
                Sent::by(ALICE, "GET", DOC, Capability::RootOf(other), "read"),
            ),
            (
                "not the owner",
                "controller",
                "Mallory shows the root",
                Sent::by(MALLORY, "GET", DOC, Capability::RootOf(EDV), "read"),
            ),
            (
                "owner by key id",
                "ok",
                "a key controls the vault",
                alices(DOC, "read").changed(|it| it.roots[0].1 = vec![ALICE.key_id()]),
            ),
            (
                "owner by another key",
                "controller",
                "not this one",
                alices(DOC, "read")
                    .changed(|it| it.roots[0].1 = vec![format!("{}#2", ALICE.did())]),
            ),
            (
                "several owners",
                "ok",
                "one of them",
                alices(DOC, "read").changed(|it| it.roots[0].1.insert(0, BOB.did())),
            ),
            (
                "nobody's",
                "controller",
                "no owner at all",
                alices(DOC, "read").changed(|it| it.roots[0].1.clear()),
            ),
            (
                "owner beside",
                "target",
                "a vault whose id begins alike",
                alices(&format!("{EDV}x/documents"), "read"),
            ),
            (
                "owner deletes",
                "action",
                "no such action",
                alices(DOC, "delete").changed(|it| it.action = "write".into()),
            ),
        ],
    );
}

/// Bob's delegation to Carroll with something changed, signed by Bob as if it were right.
fn carrolls(change: impl FnOnce(&mut Value)) -> Zcap {
    let documents = format!("{EDV}/documents");
    let bobs = grant_of(1, ALICE, &BOB.did(), &documents, &["read"]);
    let parent = Parent::Delegated(&bobs);
    let zcap = derive(&parent, 2, BOB, &CARROLL.did(), &documents, &["read"]).unwrap();
    let mut zcap = value_of(&zcap);
    change(&mut zcap);
    forge(zcap, BOB)
}

/// Bob's delegation to Carroll of what Alice granted to these.
fn through(controllers: &[&str]) -> Zcap {
    let mut bobs = value_of(&grant_of(1, ALICE, &BOB.did(), EDV, &["read"]));
    bobs["controller"] = json!(controllers);
    let bobs = forge(bobs, ALICE);
    derive(&Parent::Delegated(&bobs), 2, BOB, &CARROLL.did(), EDV, &["read"]).unwrap()
}

#[test]
fn make_requests_chained() {
    let mut all_vaults = value_of(&grant_of(1, ALICE, &BOB.did(), EDV, &["read"]));
    all_vaults["invocationTarget"] = json!("https://edv.example/edvs");
    let all_vaults = forge(all_vaults, ALICE);
    let reads = |zcap: &Zcap| by(CARROLL, zcap, "GET", DOC, "read");
    let at = |now: u64, zcap: &Zcap| {
        Sent::at(now, CARROLL, "GET", DOC, Capability::Delegated(zcap), "read")
    };
    let same = carrolls(|_| ());
    let expires = NOW + 30 * 24 * HOUR;
    let not_hers = forge(value_of(&same), MALLORY);
    let nine = chain_of(9, EDV, &["read"]);
    let young = carrolls(|zcap| zcap["proof"]["created"] = json!("2029-01-01T00:05:01Z"));
    let mut hollow = value_of(&same);
    hollow["proof"]["capabilityChain"][1]["expires"] = json!("2029-02-15T00:00:00Z");
    let hollow = forge(hollow, BOB);
    settle(
        "chained",
        [
            ("two", "ok", "Alice, Bob, Carroll", reads(&same)),
            ("by a key", "ok", "Alice granted to Bob's key", reads(&through(&[&BOB.key_id()]))),
            ("by one of two", "ok", "Bob is one", reads(&through(&[&ALICE.did(), &BOB.did()]))),
            ("by neither", "chain 1: signature", "Bob is none", reads(&through(&[&ALICE.did()]))),
            (
                "wider than the root",
                "chain 0: target",
                "Alice grants what is not hers",
                by(BOB, &all_vaults, "GET", DOC, "read"),
            ),
            ("nine", "ok", "ten with the root", by(Person(10), &nine, "GET", DOC, "read")),
            (
                "not by Bob",
                "chain 1: signature",
                "Mallory's key under Bob's name",
                reads(&not_hers),
            ),
            (
                "by Mallory",
                "chain 1: signature",
                "a proof that holds, by nobody who may",
                reads(&forge(
                    {
                        let mut zcap = value_of(&same);
                        zcap["proof"]["verificationMethod"] = json!(MALLORY.key_id());
                        zcap
                    },
                    MALLORY,
                )),
            ),
            (
                "parent changed",
                "chain 0: signature",
                "Bob makes his own last longer",
                reads(&hollow),
            ),
            (
                "wider target",
                "chain 1: target",
                "the whole vault",
                reads(&carrolls(|zcap| zcap["invocationTarget"] = json!(EDV))),
            ),
            (
                "other target",
                "chain 1: target",
                "begins alike",
                by(
                    CARROLL,
                    &carrolls(|zcap| zcap["invocationTarget"] = json!(format!("{EDV}/documents2"))),
                    "GET",
                    &format!("{EDV}/documents2/x"),
                    "read",
                ),
            ),
            (
                "more actions",
                "chain 1: actions",
                "write comes in",
                by(
                    CARROLL,
                    &carrolls(|zcap| zcap["allowedAction"] = json!(["read", "write"])),
                    "POST",
                    DOC,
                    "write",
                ),
            ),
            (
                "all actions",
                "chain 1: actions",
                "not naming them is all of them",
                by(
                    CARROLL,
                    &carrolls(|zcap| drop(zcap.as_object_mut().unwrap().remove("allowedAction"))),
                    "POST",
                    DOC,
                    "write",
                ),
            ),
            (
                "outlives",
                "chain 1: outlives",
                "a second longer",
                reads(&carrolls(|zcap| zcap["expires"] = json!("2029-01-31T00:00:01Z"))),
            ),
            (
                "outlives by little",
                "chain 1: outlives",
                "a millisecond longer",
                reads(&carrolls(|zcap| zcap["expires"] = json!("2029-01-31T00:00:00.001Z"))),
            ),
            (
                "before its parent",
                "chain 1: parent",
                "made a second before Bob had his",
                reads(&carrolls(|zcap| zcap["proof"]["created"] = json!("2028-12-31T22:59:59Z"))),
            ),
            (
                "not yet",
                "chain 1: notyet",
                "made 301 s from now",
                reads(&young).signed(
                    CARROLL,
                    &CARROLL.key_id(),
                    &COVERED[..6],
                    (NOW + 300, NOW + 900),
                ),
            ),
            ("over, by little", "ok", "299 s ago: clocks differ", at(expires + 299, &same)),
            ("over", "chain 0: expired", "300 s ago", at(expires + 300, &same)),
            (
                "over earlier",
                "chain 1: expired",
                "Bob gave it for a day",
                at(
                    NOW + 24 * HOUR + 300,
                    &carrolls(|zcap| zcap["expires"] = json!("2029-01-02T00:00:00Z")),
                ),
            ),
            ("invoked before it was made", "time", "301 s before", at(NOW - HOUR - 301, &same)),
            (
                "controller of root changed",
                "chain 0: signature",
                "the vault is Bob's now",
                reads(&same).changed(|it| it.roots[0].1 = vec![BOB.did()]),
            ),
            (
                "root of something narrower",
                "root",
                "only the vault's root counts",
                reads(&same).changed(|it| it.roots[0].0 = format!("{EDV}/documents")),
            ),
        ],
    );
}
