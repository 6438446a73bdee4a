//! The golden files of zcaps, requests and chains, read by the decoders and the verifier.

use serde_json::Value;
use strongroom_wire::edv::chain::Root;
use strongroom_wire::edv::revocation::{Revocation, RevocationError};
use strongroom_wire::edv::zcap::Zcap;

use super::make_form;
use super::sent::{Sent, name_of, refusal};
use super::world::{ALICE, EDV, NOW};
use crate::golden::{Outcome, bytes, run};

fn input(case: &Value) -> Vec<u8> {
    case["typed"].as_str().map_or_else(|| bytes(case), |typed| typed.as_bytes().to_vec())
}

fn read_zcap(case: &Value) -> Outcome {
    let json = input(case);
    let zcap = Zcap::parse(&json).map_err(|error| make_form::name_of(error).to_owned())?;
    assert_eq!(zcap.to_json().into_bytes(), json, "{}", case["name"]);
    Ok(json)
}

fn judge_request(case: &Value) -> Outcome {
    Sent::read(case).judge().map(|_| Vec::new()).map_err(name_of)
}

/// A chain for itself, as it is sent to be revoked.
fn judge_chain(case: &Value) -> Outcome {
    let (json, controllers) = (input(case), [ALICE.did()]);
    let id = case["id"].as_str().unwrap();
    let found = Revocation::of(&json, id, &Root { target: EDV, controllers: &controllers }, NOW);
    found.map(|_| Vec::new()).map_err(|error| match error {
        RevocationError::Zcap(error) => make_form::name_of(error).to_owned(),
        RevocationError::Id => "id".to_owned(),
        RevocationError::Root => "root".to_owned(),
        RevocationError::Chain(error) => format!("chain {}: {}", error.at, refusal(error.why)),
    })
}

#[test]
fn a29_a30_every_form_request_and_chain_ends_as_its_file_says() {
    let (good, broken) = run("zcap", |decoder, case| match decoder {
        "zcap" => read_zcap(case),
        "edv request" => judge_request(case),
        "zcap chain" => judge_chain(case),
        other => panic!("{other}"),
    });
    assert!(good >= 30 && broken >= 130, "{good} good, {broken} broken");
}
