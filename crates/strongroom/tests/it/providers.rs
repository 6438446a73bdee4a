//! One device and its provider: there, not there, back again.

use crate::{
    device::{Device, assert_same_tree},
    provider::Provider,
};

#[test]
fn a_provider_that_is_away_costs_nothing_but_the_sending() {
    let provider = Provider::start();
    let device = Device::at(&provider);
    device.write("a.txt", "a");
    assert_eq!(device.json(&["put", "a.txt"])["durable_remotely"], true);
    let stopped = provider.stop();
    device.write("b.txt", "b");
    let stored = device.json(&["put", "b.txt"]);
    assert_eq!(stored["durable_remotely"], false);
    let remote = &device.json(&["status"])["remotes"][0];
    assert_eq!(remote["reachable"], false);
    assert!(remote["unsent_entries"].as_u64().unwrap() > 0, "{remote}");
    let ran = device.fails(5, &["sync"]);
    assert!(ran.err.contains(&stopped.url()), "{}", ran.err);
    let _provider = stopped.start();
    device.ok(&["sync"]);
    let remote = &device.json(&["status"])["remotes"][0];
    assert_eq!((&remote["reachable"], &remote["unsent_entries"]), (&true.into(), &0.into()));
    assert!(device.ok(&["sync"]).contains("in step"));
}

#[test]
fn a_provider_added_later_gets_everything() {
    let device = Device::alone();
    let tree = device.tree("tree");
    device.ok(&["put", "tree"]);
    let provider = Provider::start();
    device.ok(&["provider", "add", provider.url()]);
    device.ok(&["sync"]);
    let report = device.json(&["verify", "--deep"]);
    assert_eq!(report["remotes_equal"][0][1], true, "{report}");
    assert_eq!(report["damaged"], serde_json::json!([]));
    device.ok(&["get", "/tree", "back"]);
    assert_same_tree(&tree, &device.folder.path().join("back"));
}

#[test]
fn addresses_that_are_none_and_providers_that_are_away() {
    let device = Device::alone();
    for url in ["", "nonsense", "ftp://127.0.0.1", "http://example.org", "http://127.0.0.1:99999"] {
        let ran = device.run(&["provider", "add", url]);
        assert!(matches!(ran.code, 1 | 2), "{url:?}: {} {}", ran.code, ran.err);
    }
    let away = Provider::start().stop();
    device.fails(5, &["provider", "add", &away.url()]);
    assert_eq!(device.json(&["status"])["remotes"], serde_json::json!([]));
}

#[test]
fn sign_up_may_need_a_token() {
    let device = Device::empty();
    let token = device.write("token", "let-alice-in\n");
    let file = token.to_str().unwrap();
    let provider = Provider::start_with(&["--signup", "token", "--signup-token-file", file]);
    let ran = device.run(&["init", "--yes", "--provider", provider.url(), "--json"]);
    assert_ne!(ran.code, 0);
    let phrase = ran.json()["phrase"].as_str().unwrap().to_owned();
    assert_eq!(phrase.split(' ').count(), 24, "the words are shown whatever happens");
    device.write("wrong", "let-bob-in\n");
    let ran = device.run(&["provider", "add", provider.url(), "--token-file", "wrong"]);
    assert_ne!(ran.code, 0);
    assert!(!ran.err.contains("let-bob-in"), "{}", ran.err);
    device.ok(&["provider", "add", provider.url(), "--token-file", "token"]);
}

#[test]
fn privacy_tells_what_was_really_sent() {
    let provider = Provider::start();
    let device = Device::at(&provider);
    device.tree("a-telling-name");
    device.ok(&["put", "a-telling-name"]);
    let report = &device.json(&["privacy"])[0];
    assert!(report["requests"].as_u64().unwrap() > 0 && report["bytes_sent"].as_u64().unwrap() > 0);
    let entries: u64 =
        report["buckets"].as_array().unwrap().iter().map(|b| b["entries"].as_u64().unwrap()).sum();
    assert!(entries > 0, "{report}");
    for list in ["can_know", "cannot_know"] {
        assert!(!report[list].as_array().unwrap().is_empty(), "{list}");
    }
    let words = device.ok(&["privacy"]);
    assert!(words.contains("It can know") && words.contains("It cannot know"), "{words}");
    assert!(Device::alone().ok(&["privacy"]).contains("no provider"));
}

#[test]
fn verify_finds_a_byte_that_changed_at_the_provider() {
    let provider = Provider::start();
    let device = Device::at(&provider);
    assert_eq!(device.run_with(&["put", "-", "/big"], &vec![b'x'; 3 << 20]).code, 0);
    assert!(device.ok(&["verify", "--deep"]).contains("all is as it was written"));
}
