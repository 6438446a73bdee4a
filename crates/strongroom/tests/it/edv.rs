//! `strongroom edv` as it is typed: every verb, its JSON, and what it says of the tier.

use serde_json::{Value, json};

use crate::{device::Device, provider::Provider};

fn provider() -> Provider {
    Provider::start_with(&["--edv", "open"])
}

#[track_caller]
fn has(document: &Value, keys: &[&str]) {
    for key in keys {
        assert!(document.get(key).is_some(), "`{key}` is missing: {document}");
    }
}

#[test]
fn a_vault_from_its_making_to_a_bucket() {
    let provider = provider();
    let alice = Device::at(&provider);
    let made = alice.json(&["edv", "create", "papers", "--unique", "content.number"]);
    has(
        &made,
        &["name", "url", "controller", "own", "write", "until", "only", "indexes", "grants"],
    );
    let put = alice.json(&["edv", "put", "papers", "--content", r#"{"number":7}"#]);
    has(&put, &["id", "sequence", "bytes", "chunks"]);
    let id = put["id"].as_str().unwrap();
    let got = alice.json(&["edv", "get", "papers", id]);
    has(&got, &["content", "meta", "recipients", "writer", "trust", "stream_bytes"]);
    assert_eq!((&got["content"], &got["trust"]), (&json!({"number": 7}), &json!("signed")));
    let found = alice.json(&["edv", "query", "papers", "--equals", "content.number=7"]);
    has(&found, &["documents", "more", "wrong", "damaged"]);
    let text = alice.json(&["edv", "query", "papers", "--equals", "content.number=\"7\""]);
    assert_eq!(text["documents"], json!([]), "a number is no text");
    assert_eq!(
        alice.json(&["edv", "query", "papers", "--has", "content.number", "--count"]),
        json!({"count": 1})
    );
    has(&alice.json(&["edv", "ls", "papers"]), &["documents", "missing", "damaged", "complete"]);
    has(&alice.json(&["edv", "id"]), &["did", "key"]);
    let copied = alice.json(&["import", "edv", "papers", "/papers/"]);
    has(&copied, &["documents", "streams", "bytes", "not_authenticated", "complete", "damaged"]);
    let file = alice.ok(&["cat", &format!("/papers/{id}.json")]);
    assert!(file.contains("\"number\": 7"), "{file}");
    alice.ok(&["edv", "rm", "papers", id]);
    assert_eq!(alice.run(&["edv", "get", "papers", id]).code, 3);
}

#[test]
fn the_weaker_tier_is_named_wherever_it_is_listed() {
    let provider = provider();
    let alice = Device::at(&provider);
    let made = alice.run(&["edv", "create", "papers", "--leaky", "content.kind"]);
    assert!(made.err.contains("weaker tier"), "{}", made.err);
    let listed = alice.run(&["edv", "ls"]);
    assert!(listed.out.contains("content.kind (leaky)"), "{}", listed.out);
    assert!(listed.err.contains("weaker tier"), "{}", listed.err);
    assert!(alice.ok(&["edv", "--help"]).contains("weaker tier"));
    alice.ok(&["edv", "put", "papers", "--content", r#"{"kind":"note"}"#]);
    alice.ok(&["edv", "put", "papers", "--content", r#"{"kind":"note"}"#]);
    let said = alice.ok(&["privacy"]);
    for words in ["a weaker tier than a bucket", "You are not protected", "most frequent 2 times"] {
        assert!(said.contains(words), "`{words}` is missing: {said}");
    }
    let all = alice.json(&["privacy"]);
    let edv = all.as_array().unwrap().iter().find(|it| it["tier"] == "edv").unwrap();
    has(edv, &["can_know", "cannot_know", "cannot_protect"]);
}

#[test]
fn a_provider_that_makes_none_says_what_to_do() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    let refused = alice.run(&["edv", "create", "papers"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("--token-file"), "{}", refused.err);
    let unknown = alice.run(&["edv", "get", "papers", "z1"]);
    assert_eq!(unknown.code, 3);
    assert!(unknown.err.contains("edv ls"), "{}", unknown.err);
    let nothing = alice.run(&["edv", "put", "papers"]);
    assert_eq!(nothing.code, 2);
}

#[test]
fn bob_is_let_in_by_a_file_and_out_by_a_word() {
    let provider = provider();
    let (alice, bob) = (Device::at(&provider), Device::at(&provider));
    alice.ok(&["edv", "create", "papers", "--unique", "content.number"]);
    let put = alice.json(&["edv", "put", "papers", "--content", r#"{"number":7}"#]);
    let id = put["id"].as_str().unwrap();
    let key = bob.ok(&["edv", "id"]).trim().to_owned();
    let file = alice.folder.path().join("bob.grant");
    let file = file.to_str().unwrap();
    let granted = alice.json(&["edv", "grant", "papers", "--to", &key, "--out", file]);
    has(&granted, &["id", "to", "target", "write", "until", "sealed_again", "file"]);
    assert_eq!(alice.run(&["edv", "grant", "papers", "--to", &key, "--out", file]).code, 7);
    bob.ok(&["edv", "import", file, "--name", "hers"]);
    let listed = bob.json(&["edv", "ls"]);
    assert_eq!((&listed[0]["own"], &listed[0]["write"]), (&json!(false), &json!(false)));
    assert_eq!(bob.json(&["edv", "get", "hers", id, "--strict"])["content"]["number"], 7);
    let grants = alice.json(&["edv", "ls", "papers", "--grants"]);
    assert_eq!(grants.as_array().unwrap().len(), 1);
    let revoked = alice.json(&["edv", "revoke", "papers", &key]);
    has(&revoked, &["ended", "sealed_again"]);
    assert_eq!(bob.run(&["edv", "get", "hers", id]).code, 1);
}

#[test]
fn a_whole_vault_goes_through_a_file() {
    let provider = provider();
    let alice = Device::at(&provider);
    alice.ok(&["edv", "create", "papers"]);
    let blob = alice.folder.path().join("blob");
    std::fs::write(&blob, vec![7; 1_500_000]).unwrap();
    let put = alice.json(&["edv", "put", "papers", "--stream", blob.to_str().unwrap()]);
    let id = put["id"].as_str().unwrap();
    let file = alice.folder.path().join("papers.edv");
    let file = file.to_str().unwrap();
    let exported = alice.json(&["edv", "export", "papers", file]);
    assert_eq!((&exported["documents"], &exported["chunks"]), (&json!(1), &json!(2)));
    assert_eq!(alice.run(&["edv", "export", "papers", file]).code, 7, "a file is not replaced");
    alice.ok(&["edv", "import", file, "--name", "again"]);
    let back = alice.folder.path().join("back");
    alice.ok(&["edv", "get", "again", id, "--stream", back.to_str().unwrap(), "--strict"]);
    assert_eq!(std::fs::read(&back).unwrap(), vec![7; 1_500_000]);
    let keys = alice.folder.path().join("keys");
    alice.ok(&["edv", "export", "papers", "--keys", keys.to_str().unwrap()]);
    let mode = std::os::unix::fs::PermissionsExt::mode(&keys.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600, "keys are the person's alone");
}
