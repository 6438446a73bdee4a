//! Who may revoke what, and what has to be kept.

use strongroom_wire::edv::Denied;
use strongroom_wire::edv::chain::Root;
use strongroom_wire::edv::invocation::Delegation;
use strongroom_wire::edv::revocation::{Revocation, RevocationError, revocation_url};
use strongroom_wire::edv::signature::Capability;
use strongroom_wire::edv::zcap::{Parent, Zcap, ZcapError, root_id};
use strongroom_wire::walk::{Refusal, WalkError};

use super::sent::Sent;
use super::world::{ALICE, BOB, CARROLL, DOC, EDV, HOUR, MALLORY, NOW, Person, derive, grant_of};

/// Alice lets Bob read, Bob lets Carroll.
fn chain() -> (Zcap, Zcap) {
    let bobs = grant_of(1, ALICE, &BOB.did(), EDV, &["read"]);
    let parent = Parent::Delegated(&bobs);
    let carrolls = derive(&parent, 2, BOB, &CARROLL.did(), DOC, &["read"]).unwrap();
    (bobs, carrolls)
}

fn judge(zcap: &Zcap, now: u64) -> Result<Revocation, RevocationError> {
    let alice = [ALICE.did()];
    let root = Root { target: EDV, controllers: &alice };
    Revocation::of(zcap.to_json().as_bytes(), zcap.id(), &root, now)
}

/// The request by which somebody revokes, invoking the root of its own URL or the vault's.
fn revoke(who: Person, zcap: &Zcap, root_of: &str) -> Result<(), Denied> {
    let revocation = judge(zcap, NOW).unwrap();
    let url = revocation_url(EDV, zcap.id());
    let sent = Sent::by(who, "POST", &url, Capability::RootOf(root_of), "write");
    let own = (url, revocation.controllers().to_vec());
    sent.changed(|it| it.roots.push(own)).judge().map(drop)
}

#[test]
fn everybody_above_and_the_holder_may_revoke_and_nobody_else() {
    let (bobs, carrolls) = chain();
    let own = revocation_url(EDV, carrolls.id());
    for who in [ALICE, BOB, CARROLL] {
        assert_eq!(revoke(who, &carrolls, &own), Ok(()), "{who:?}");
    }
    assert_eq!(revoke(MALLORY, &carrolls, &own), Err(Denied::Controller));
    // Whoever comes after in the chain does not revoke what is above.
    let own = revocation_url(EDV, bobs.id());
    assert_eq!(revoke(BOB, &bobs, &own), Ok(()));
    assert_eq!(revoke(CARROLL, &bobs, &own), Err(Denied::Controller));
}

#[test]
fn the_owner_may_do_it_by_the_vaults_root_and_others_only_by_that_of_the_url() {
    let (_, carrolls) = chain();
    assert_eq!(revoke(ALICE, &carrolls, EDV), Ok(()));
    assert_eq!(revoke(BOB, &carrolls, EDV), Err(Denied::Controller));
    // The root of one URL is good for no other.
    let other = revocation_url(EDV, "urn:uuid:other");
    assert_eq!(revoke(BOB, &carrolls, &other), Err(Denied::Root));
}

#[test]
fn a_delegation_that_covers_the_path_is_good_too() {
    let (_, carrolls) = chain();
    let url = revocation_url(EDV, carrolls.id());
    let steward = grant_of(3, ALICE, &MALLORY.did(), &format!("{EDV}/zcaps"), &["write"]);
    let ask = |zcap| Sent::by(MALLORY, "POST", &url, Capability::Delegated(zcap), "write").judge();
    assert_eq!(ask(&steward).unwrap().delegations().len(), 1);
    let reader = grant_of(3, ALICE, &MALLORY.did(), &format!("{EDV}/documents"), &["write"]);
    assert_eq!(ask(&reader).unwrap_err(), Denied::Target);
}

#[test]
fn the_pair_of_delegator_and_id_is_kept_for_a_day_after_it_expires() {
    let (bobs, carrolls) = chain();
    let found = judge(&carrolls, NOW).unwrap();
    let pair =
        |who: Person, zcap: &Zcap| Delegation { delegator: who.did(), id: zcap.id().to_owned() };
    assert_eq!(*found.revoked(), pair(BOB, &carrolls));
    assert_eq!(found.delegations(), [pair(ALICE, &bobs), pair(BOB, &carrolls)]);
    assert_eq!(found.kept_until(), carrolls.expires().secs() + 24 * HOUR);
    // What a request by Carroll must look for is the same list: Bob's fall takes hers along.
    let read = Sent::by(CARROLL, "GET", DOC, Capability::Delegated(&carrolls), "read");
    assert_eq!(read.judge().unwrap().delegations(), found.delegations());
}

#[test]
fn what_does_not_hold_is_not_revoked() {
    let (bobs, carrolls) = chain();
    let alice = [ALICE.did()];
    let root = Root { target: EDV, controllers: &alice };
    let json = carrolls.to_json();
    let of = |json: &str, id: &str, root: &Root<'_>, now: u64| {
        Revocation::of(json.as_bytes(), id, root, now).unwrap_err()
    };
    assert_eq!(of(&json, bobs.id(), &root, NOW), RevocationError::Id);
    let other = Root { target: "https://edv.example/edvs/other", controllers: &alice };
    assert_eq!(of(&json, carrolls.id(), &other, NOW), RevocationError::Root);
    let bob = [BOB.did()];
    let stolen = Root { target: EDV, controllers: &bob };
    let why = |at, why| RevocationError::Chain(WalkError { at, why });
    assert_eq!(of(&json, carrolls.id(), &stolen, NOW), why(0, Refusal::Signature));
    let late = carrolls.expires().secs() + 300;
    assert_eq!(of(&json, carrolls.id(), &root, late), why(0, Refusal::Expired));
    let root_zcap = format!(
        r#"{{"@context":"https://w3id.org/zcap/v1","id":"{}","controller":"{}"}}"#,
        root_id(EDV),
        ALICE.did()
    );
    let context = RevocationError::Zcap(ZcapError::Context);
    assert_eq!(of(&root_zcap, &root_id(EDV), &root, NOW), context);
}

#[test]
fn the_url_escapes_the_id_as_javascript_does() {
    let url = revocation_url("https://edv.example/edvs/z1", "urn:uuid:a/b?c#d'(é)");
    let escaped = "urn%3Auuid%3Aa%2Fb%3Fc%23d'(%C3%A9)";
    assert_eq!(url, format!("https://edv.example/edvs/z1/zcaps/revocations/{escaped}"));
}
