//! What others have seen, at the terminal: proofs, and showing nothing while something is withheld.

use serde_json::Value;

use crate::{device::Device, provider::Provider};

/// A golden fork proof by name.
fn golden(name: &str) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/checkpoint/fork-proof.json");
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let case = file["cases"].as_array().unwrap().iter().find(|case| case["name"] == name).unwrap();
    case["hex"].as_str().unwrap().to_owned()
}

#[test]
fn a_proof_is_checked_without_a_vault() {
    let device = Device::empty();
    device.write("proof", golden("two entries") + "\n");
    let fork = device.json(&["verify", "--proof", "proof"]);
    assert!(fork["author"].as_str().unwrap().starts_with("aut:"), "{fork}");
    assert_ne!(fork["entries"][0], fork["entries"][1]);
    assert!(device.ok(&["verify", "--proof", "proof"]).contains("both ent:"));

    device.write("signed by another", golden("another's signature"));
    device.fails(6, &["verify", "--proof", "signed by another"]);
    device.write("no proof", "Dear Bob");
    device.fails(2, &["verify", "--proof", "no proof"]);
    device.fails(3, &["verify", "--proof", "nowhere"]);
}

#[test]
fn strict_changes_nothing_while_nothing_is_withheld() {
    let provider = Provider::start();
    let device = Device::at(&provider);
    device.write("a.txt", "a");
    device.ok(&["put", "a.txt"]);
    assert_eq!(device.ok(&["ls", "--strict"]), "a.txt\n");
    assert_eq!(device.ok(&["cat", "--strict", "/a.txt"]), "a");
    assert_eq!(device.json(&["status"])["withheld"], serde_json::json!([]));
    let report = device.json(&["verify"]);
    assert_eq!(
        (&report["withheld"], &report["forks"]),
        (&Value::from(vec![0; 0]), &report["damaged"])
    );
}
