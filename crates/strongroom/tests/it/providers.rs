//! One device and its provider: there, not there, back again.

use crate::{
    device::{Device, Ran, assert_same_tree},
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
fn one_vault_has_one_provider_for_now() {
    let (first, second) = (Provider::start(), Provider::start());
    let device = Device::at(&first);
    device.ok(&["provider", "add", first.url()]);
    let ran = device.fails(2, &["provider", "add", second.url()]);
    assert!(ran.err.contains(first.url()), "{}", ran.err);
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
fn a_byte_that_changed_at_the_provider_never_reaches_a_file() {
    let provider = Provider::start();
    let device = Device::at(&provider);
    let content: Vec<u8> = (0..3_000_000_u32).map(|i| (i >> 7) as u8).collect();
    assert_eq!(device.run_with(&["put", "-", "/big"], &content).code, 0);
    assert!(device.ok(&["verify", "--deep"]).contains("all is as it was written"));
    let small = vec![7; 200_000];
    assert_eq!(device.run_with(&["put", "-", "/small"], &small).code, 0);
    device.ok(&["get", "/big", "before"]);
    assert_eq!(device.read("before"), content);

    let mut stopped = provider.stop();
    stopped.flip_a_byte_in_the_largest_file();
    let _provider = stopped.start();
    // A device that has nothing of it: what it kept of the chunks is gone.
    std::fs::remove_dir_all(device.home.join("cache")).unwrap();
    for words in [&["verify", "--deep"][..], &["get", "/big", "after"], &["cat", "/big"]] {
        let ran = device.fails(6, words);
        assert!(ran.err.contains("big"), "{words:?} names what is damaged: {}", ran.err);
    }
    // The rest is checked and served.
    let report = device.run(&["verify", "--deep", "--json"]).json();
    assert_eq!(report["damaged"].as_array().unwrap().len(), 1, "{report}");
    assert_eq!(report["remotes_equal"][0][1], true, "{report}");
    device.ok(&["get", "/small", "small"]);
    assert_eq!(device.read("small"), small);
    device.write("later", "put while a part of the provider is damaged");
    assert_eq!(device.json(&["put", "later"])["durable_remotely"], true);
    assert!(!device.folder.path().join("after").exists(), "a half file was left");
}

#[test]
fn verify_with_the_provider_away_says_so() {
    let provider = Provider::start();
    let device = Device::at(&provider);
    device.write("a.txt", "a");
    device.ok(&["put", "a.txt"]);
    let away = provider.stop();
    for words in [&["verify"][..], &["verify", "--deep"]] {
        let ran = device.fails(5, words);
        assert!(ran.err.contains(&away.url()), "{} {}", ran.code, ran.err);
    }
    let report = device.run(&["verify", "--json"]).json();
    assert_eq!(report["damaged"], serde_json::json!([]), "who is away has damaged nothing");
    assert_eq!(report["unreachable"].as_array().unwrap().len(), 1, "{report}");
}

#[test]
fn two_devices_that_wrote_the_same_document_keep_both_versions() {
    let provider = Provider::start();
    let first = Device::empty();
    let made = first.json(&["init", "--provider", provider.url()]);
    first.write("note", "one");
    first.ok(&["put", "note"]);
    let second = Device::empty();
    second.write("phrase", made["phrase"].as_str().unwrap());
    second.ok(&["recover", "--provider", provider.url(), "--phrase-file", "phrase"]);

    // Both write before either hears of the other.
    let stopped = provider.stop();
    first.write("note", "written by the first");
    first.ok(&["put", "note"]);
    second.write("note", "written by the second one");
    second.ok(&["put", "note"]);
    let _provider = stopped.start();
    first.ok(&["sync"]);
    second.ok(&["sync"]);
    first.ok(&["sync"]);

    for device in [&first, &second] {
        let status = device.json(&["status"]);
        assert_eq!(status["conflicts"][0]["path"], "/note", "{status}");
        assert_eq!(status["conflicts"][0]["versions"].as_array().unwrap().len(), 2);
        assert_eq!(device.ok(&["ls"]).lines().count(), 2);
    }
    let versions = first.json(&["status"])["conflicts"][0]["versions"].clone();
    first.ok(&["restore", "/note", "--version", versions[1].as_str().unwrap()]);
    second.ok(&["sync"]);
    assert_eq!(second.json(&["status"])["conflicts"], serde_json::json!([]));
    assert_eq!(first.ok(&["cat", "/note"]), second.ok(&["cat", "/note"]));
    assert_eq!(second.ok(&["ls"]), "note\n");
}

#[test]
fn commands_at_the_same_time_lose_nothing() {
    let provider = Provider::start();
    let device = Device::at(&provider);
    device.ok(&["unlock"]);
    let running: Vec<_> = (0..6)
        .map(|number| {
            let name = format!("file-{number}");
            device.write(&name, format!("content {number}"));
            let mut command = device.command();
            command.args(["put", &name, "/together/"]);
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    for child in running {
        let ran = Ran::from(&child.wait_with_output().unwrap());
        assert_eq!(ran.code, 0, "{}", ran.err);
    }
    for number in 0..6 {
        let name = format!("/together/file-{number}");
        assert_eq!(device.ok(&["cat", &name]), format!("content {number}"));
    }
    assert_eq!(device.json(&["ls", "/together"]).as_array().unwrap().len(), 6);
    assert_eq!(device.json(&["status"])["conflicts"], serde_json::json!([]));
}
