//! The device is gone: 24 words and an address bring everything back.

use crate::{
    device::{Device, assert_same_tree},
    provider::Provider,
};

/// A vault at a provider with a tree in it, and its words.
fn vault_with_tree(provider: &Provider) -> (Device, String) {
    let device = Device::empty();
    let made = device.json(&["init", "--provider", provider.url()]);
    device.tree("tree");
    device.ok(&["put", "tree"]);
    (device, made["phrase"].as_str().unwrap().to_owned())
}

#[test]
fn init_tells_all_a_script_needs() {
    let provider = Provider::start();
    let device = Device::empty();
    let made = device.json(&["init", "--provider", provider.url()]);
    assert_eq!(made["phrase"].as_str().unwrap().split(' ').count(), 24);
    assert!(made["bucket"].as_str().unwrap().starts_with("did:bkt:"), "{made}");
    assert!(!made["principal"].as_str().unwrap().is_empty());
    assert_eq!(made["provider"]["url"].as_str().unwrap().trim_end_matches('/'), provider.url());
    let ran = device.fails(7, &["init", "--yes"]);
    assert!(ran.err.contains("already"), "{}", ran.err);
}

#[test]
fn init_shows_the_words_even_if_the_provider_is_away() {
    let away = Provider::start().stop();
    for words in [&["--yes"][..], &["--json"]] {
        let device = Device::empty();
        let url = away.url();
        let ran = device.run(&[&["init", "--provider", &url], words].concat());
        assert_eq!(ran.code, 5, "{} {}", ran.out, ran.err);
        assert!(ran.out.split_whitespace().count() >= 24, "{}", ran.out);
        assert!(ran.err.contains("strongroom provider add"), "{}", ran.err);
        device.ok(&["ls"]);
    }
}

#[test]
fn a_new_device_gets_everything_from_the_words() {
    let provider = Provider::start();
    let (first, phrase) = vault_with_tree(&provider);
    let second = Device::empty();
    second.write("phrase", format!("{phrase}\n"));
    let back = second.json(&["recover", "--provider", provider.url(), "--phrase-file", "phrase"]);
    assert_eq!(back["principal"], first.json(&["status"])["principal"]);
    second.ok(&["get", "/tree"]);
    assert_same_tree(&first.folder.path().join("tree"), &second.folder.path().join("tree"));
    // Both go on: what one writes the other sees.
    second.write("more", "from the second device");
    second.ok(&["put", "more"]);
    first.ok(&["sync"]);
    assert_eq!(first.ok(&["cat", "/more"]), "from the second device");
}

#[test]
fn the_other_devices_are_told_that_somebody_used_the_words() {
    let provider = Provider::start();
    let (first, phrase) = vault_with_tree(&provider);
    let second = Device::empty();
    second.write("phrase", format!("{phrase}\n"));
    second.ok(&["recover", "--provider", provider.url(), "--phrase-file", "phrase"]);
    first.ok(&["sync"]);
    let told = first.ok(&["status", "--dismiss"]);
    let note = told.lines().find(|line| line.starts_with("note: ")).expect(&told);
    assert!(note.contains("the recovery record") && note.contains("24 words"), "{note}");
    let year: u16 = note["note: ".len()..][..4].parse().expect(note);
    assert!(year > 2020, "a moment, for people: {note}");
    assert!(!first.ok(&["status"]).contains("note: "), "dismissed");
    second.ok(&["sync"]);
    assert!(!second.ok(&["status"]).contains("note: "), "it was itself");
}

/// A bucket that takes no more entries takes no new author either. That used to stop the recovery
/// of everything.
#[test]
fn a_vault_with_a_deactivated_bucket_comes_back() {
    let provider = Provider::start();
    let (first, phrase) = vault_with_tree(&provider);
    first.ok(&["bucket", "create", "old"]);
    first.write("big", "all of it ".repeat(10_000));
    first.ok(&["put", "big", "old:/big"]);
    first.ok(&["bucket", "deactivate", "old", "--yes"]);
    let second = Device::empty();
    second.write("phrase", format!("{phrase}\n"));
    second.ok(&["recover", "--provider", provider.url(), "--phrase-file", "phrase"]);
    assert_eq!(second.ok(&["cat", "old:/big"]), "all of it ".repeat(10_000));
    second.ok(&["sync"]);
    second.ok(&["verify", "--deep"]);
    assert_ne!(second.run(&["put", "phrase", "old:/more"]).code, 0);
    assert_eq!(second.ok(&["cat", "/tree/letter.txt"]), "Dear Bob,\n");
}

#[test]
fn the_words_can_come_from_stdin_in_any_spacing() {
    let provider = Provider::start();
    let (_first, phrase) = vault_with_tree(&provider);
    let second = Device::empty();
    let untidy = format!("  {}\n", phrase.replace(' ', "\n ").to_uppercase());
    let words = ["recover", "--provider", provider.url(), "--phrase-file", "-"];
    let ran = second.run_with(&words, untidy.as_bytes());
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(second.ok(&["cat", "/tree/letter.txt"]), "Dear Bob,\n");
}

#[test]
fn wrong_words_are_one_clear_error_and_leave_nothing() {
    let provider = Provider::start();
    let (_first, phrase) = vault_with_tree(&provider);
    let words: Vec<&str> = phrase.split(' ').collect();
    let swapped = [&[words[1], words[0]], &words[2..]].concat().join(" ");
    let cases = [
        swapped,
        words[..23].join(" "),
        phrase.replacen(words[0], "strongroom", 1),
        "abandon ".repeat(23) + "art",
    ];
    for wrong in cases {
        let second = Device::empty();
        second.write("phrase", &wrong);
        let ran = second.run(&[
            "recover",
            "--provider",
            provider.url(),
            "--phrase-file",
            "phrase",
            "--json",
        ]);
        assert!(matches!(ran.code, 3 | 4), "{} {}", ran.code, ran.err);
        assert!(!ran.err.contains(words[5]) || !ran.err.contains(words[6]), "{}", ran.err);
        assert!(!second.home.join("keystore").exists(), "a half vault was left");
    }
}

#[test]
fn recovery_without_the_provider_is_code_5() {
    let provider = Provider::start();
    let (_first, phrase) = vault_with_tree(&provider);
    let away = provider.stop();
    let second = Device::empty();
    second.write("phrase", phrase);
    second.fails(5, &["recover", "--provider", &away.url(), "--phrase-file", "phrase"]);
    assert!(!second.home.join("keystore").exists(), "a half vault was left");
}

#[test]
fn a_recovery_that_reaches_nobody_says_what_to_look_at() {
    let provider = Provider::start();
    let (_device, phrase) = vault_with_tree(&provider);
    let away = provider.stop();
    let second = Device::empty();
    second.write("words", &phrase);
    let url = away.url();
    let ran = second.fails(5, &["recover", "--provider", &url, "--phrase-file", "words"]);
    assert!(ran.err.contains("check the address"), "{}", ran.err);
    assert!(!ran.err.contains("strongroom sync"), "there is nothing to send: {}", ran.err);
    assert!(!second.home.exists());
}
