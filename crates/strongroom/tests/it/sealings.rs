//! Buckets of each suite and padding, by real processes: what is put in one comes back, on the
//! device that put it, on one that was recovered, and after both went on.

use serde_json::Value;

use crate::{
    device::{Device, assert_same_tree},
    provider::Provider,
};

/// Suite and padding of the buckets all this is done in.
const SEALINGS: [(&str, &str); 4] =
    [("2", "padme"), ("2", "power-of-two"), ("2", "constant:64KiB"), ("1", "constant:1MiB")];

fn label((suite, padding): (&str, &str)) -> String {
    format!("s{suite}-{}", padding.replace(':', "-"))
}

/// Content in an entry, in one chunk, and in several.
fn write_tree(device: &Device) {
    let noise = |len: usize| (0..len).map(|at| (at * 31 % 251) as u8).collect::<Vec<_>>();
    device.tree("tree");
    device.write("tree/empty", "");
    device.write("tree/inline", noise(63_999));
    device.write("tree/one-chunk", noise(64_001));
    device.write("tree/three-chunks", noise(2_200_000));
}

fn assert_told(device: &Device, sealing: (&str, &str)) {
    let (suite, padding) = sealing;
    let told = device.json(&["bucket", "show", &label(sealing)]);
    assert_eq!(told["suite"].to_string(), suite, "{told}");
    assert_eq!(told["padding"], padding, "{told}");
    let shown = device.ok(&["bucket", "show", &label(sealing)]);
    let line = |word: &str| shown.lines().find(|line| line.starts_with(word)).unwrap().to_owned();
    assert!(line("suite").contains(if suite == "2" { "XChaCha20" } else { "AES" }), "{shown}");
    assert!(line("padding").ends_with(padding), "{shown}");
}

#[test]
fn everything_works_in_a_bucket_of_each_suite_and_padding() {
    let provider = Provider::start();
    let first = Device::empty();
    let made = first.json(&["init", "--provider", provider.url()]);
    write_tree(&first);
    for sealing in SEALINGS {
        let bucket = label(sealing);
        first.ok(&["bucket", "create", &bucket, "--suite", sealing.0, "--padding", sealing.1]);
        assert_told(&first, sealing);
        first.ok(&["put", "tree", &format!("{bucket}:/")]);
        let again = first.json(&["put", "tree", &format!("{bucket}:/")]);
        assert_eq!(again["changed"], 0, "{sealing:?}: {again}");
        first.ok(&["get", &format!("{bucket}:/tree"), &bucket]);
        assert_same_tree(&first.folder.path().join("tree"), &first.folder.path().join(&bucket));
    }
    let verified = first.json(&["verify"]);
    assert_eq!(verified["damaged"], Value::Array(vec![]), "{verified}");

    let second = Device::empty();
    second.write("phrase", format!("{}\n", made["phrase"].as_str().unwrap()));
    second.ok(&["recover", "--provider", provider.url(), "--phrase-file", "phrase"]);
    for sealing in SEALINGS {
        let bucket = label(sealing);
        assert_told(&second, sealing);
        second.ok(&["get", &format!("{bucket}:/tree"), &bucket]);
        assert_same_tree(&first.folder.path().join("tree"), &second.folder.path().join(&bucket));
        // Both go on. What one writes the other sees, and nobody falls back to another suite.
        second.write("more", format!("from the second device, in {bucket}"));
        second.ok(&["put", "more", &format!("{bucket}:/")]);
    }
    first.ok(&["sync"]);
    for sealing in SEALINGS {
        let bucket = label(sealing);
        let more = first.ok(&["cat", &format!("{bucket}:/more")]);
        assert_eq!(more, format!("from the second device, in {bucket}"));
        first.ok(&["rm", &format!("{bucket}:/more")]);
        first.ok(&["undelete", &format!("{bucket}:/more")]);
    }
    for device in [&first, &second] {
        device.ok(&["sync"]);
        let verified = device.json(&["verify"]);
        assert_eq!(verified["damaged"], Value::Array(vec![]), "{verified}");
    }
}

/// Every entry of a bucket whose sizes are constant is as long as every other.
#[test]
fn the_provider_counts_what_privacy_tells() {
    let provider = Provider::start();
    let device = Device::at(&provider);
    device.ok(&["bucket", "create", "even", "--suite", "2", "--padding", "constant:64KiB"]);
    for len in [0, 10, 1_000, 60_000] {
        device.write("file", "x".repeat(len));
        device.ok(&["put", "file", &format!("even:/{len}")]);
    }
    device.write("file", "x".repeat(70_000));
    device.ok(&["put", "file", "even:/chunked"]);
    let told = device.json(&["privacy"]);
    let even = told[0]["buckets"]
        .as_array()
        .unwrap()
        .iter()
        .find(|bucket| bucket["label"] == "even")
        .unwrap_or_else(|| panic!("{told}"));
    // Its own count of entries and of chunks: 70,000 bytes are two times 64 KiB, and a tag.
    assert_eq!(even["entries"], even["provider_entries"], "{even}");
    assert_eq!(even["sealed_bytes"], even["provider_bytes"], "{even}");
    assert_eq!(even["chunks"], 1, "{even}");
    let sealed = even["sealed_bytes"].as_u64().unwrap();
    let entries = even["entries"].as_u64().unwrap() - 1; // nothing is sealed in the genesis
    let rest = sealed - entries * 65_552 - (131_072 + 16);
    assert!(rest < 24_000, "headers, and the wraps of one epoch: {rest} of {even}");
    let words = device.ok(&["privacy"]);
    assert!(words.contains("suite 1: 2, suite 2: 1"), "{words}");
    assert!(words.contains("whole multiples of 65,536 bytes"), "{words}");
}

#[test]
fn what_cannot_be_chosen_is_told_with_what_can() {
    let device = Device::alone();
    for (flag, wrong, hint) in [
        ("--suite", "0", "1 (AES-256-GCM) or 2"),
        ("--suite", "3", "1 (AES-256-GCM) or 2"),
        ("--padding", "none", "--padding padme"),
        ("--padding", "even", "power-of-two"),
        ("--padding", "constant", "constant:SIZE"),
        ("--padding", "constant:100KiB", "constant:64KiB"),
        ("--padding", "constant:4KiB", "constant:64KiB"),
        ("--padding", "constant:2GiB", "constant:64KiB"),
    ] {
        let ran = device.fails(2, &["bucket", "create", "odd", flag, wrong]);
        let said: String = ran.err.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(hint), "{flag} {wrong}: {said}");
    }
    device.fails(3, &["bucket", "show", "odd"]);
    device.ok(&["bucket", "create", "plain"]);
    assert_told_default(&device);
}

fn assert_told_default(device: &Device) {
    let told = device.json(&["bucket", "show", "plain"]);
    assert_eq!((&told["suite"], &told["padding"]), (&1.into(), &"padme".into()), "{told}");
}
