//! A provider that was brought back from an old backup, and devices that go on with it.

use serde_json::{Value, json};

use crate::{device::Device, provider::Provider};

fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(|_| step()).collect()
}

fn put(device: &Device, path: &str, content: &[u8]) -> Value {
    let ran = device.run_with(&["put", "-", path, "--json"], content);
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran.json()
}

/// Whatever the device kept of chunks is gone.
fn empty_the_cache(device: &Device) {
    std::fs::remove_dir_all(device.home.join("cache")).unwrap();
}

fn lost_paths(report: &Value) -> Vec<&str> {
    report["lost"].as_array().unwrap().iter().map(|one| one["path"].as_str().unwrap()).collect()
}

#[test]
fn what_a_restored_provider_lost_is_named_and_nothing_else_waits_for_it() {
    let provider = Provider::start();
    let alice = Device::empty();
    let made = alice.json(&["init", "--provider", provider.url()]);
    let second = Device::empty();
    second.write("phrase", made["phrase"].as_str().unwrap());
    second.ok(&["recover", "--provider", provider.url(), "--phrase-file", "phrase"]);
    alice.ok(&["sync"]);
    let stopped = provider.stop();
    let backup = stopped.backup();

    // After the backup: one whose chunks nobody keeps, one whose chunks stay on Alice's device, a
    // small one whose content stands in its entry, and a bucket.
    let kept = noise(2_500_000, 2);
    put(&alice, "/kept", &kept);
    let provider = stopped.start();
    alice.ok(&["sync"]);
    put(&alice, "/gone", &noise(2_500_000, 1));
    put(&alice, "/small", b"stands in its entry");
    alice.ok(&["bucket", "create", "later"]);
    put(&alice, "later:/note", b"in a bucket the backup does not know");
    second.ok(&["sync"]);
    empty_the_cache(&second);

    // Who has no chunk at all meets the restored provider first.
    let provider = provider.stop().restore(backup).start();
    let ran = second.fails(6, &["sync", "--json"]);
    let mut lost = ran.json();
    let named = lost_paths(&lost);
    assert_eq!(named.len(), 2, "{lost}");
    assert!(named.iter().any(|path| path.ends_with(":/gone")), "{lost}");
    assert!(named.iter().any(|path| path.ends_with(":/kept")), "{lost}");
    // His own work is taken, in every bucket.
    assert_eq!(put(&second, "/his", b"written after the loss")["durable_remotely"], true);
    assert_eq!(put(&second, "later:/his", b"and here")["durable_remotely"], true);
    second.ok(&["get", "/small", "small"]);
    assert_eq!(second.read("small"), b"stands in its entry");

    // Alice brings what she has; only what nobody has stays lost.
    lost = alice.fails(6, &["sync", "--json"]).json();
    assert_eq!(lost_paths(&lost).len(), 1, "{lost}");
    assert!(lost_paths(&lost)[0].ends_with(":/gone"), "{lost}");
    assert_eq!(alice.ok(&["cat", "later:/his"]), "and here");
    second.run(&["sync"]);
    second.ok(&["get", "/kept", "kept"]);
    assert_eq!(second.read("kept"), kept);
    let ran = second.fails(6, &["get", "/gone", "gone"]);
    assert!(ran.err.contains("gone"), "{}", ran.err);
    let report = second.run(&["verify", "--deep", "--json"]).json();
    let damaged = report["damaged"].as_array().unwrap();
    assert_eq!(damaged.len(), 1, "{report}");
    assert!(damaged[0]["reason"].as_str().unwrap().contains("gone"), "{report}");

    // Put again, all is well.
    put(&alice, "/gone", &noise(2_500_000, 3));
    for device in [&alice, &second] {
        device.ok(&["sync"]);
        assert_eq!(device.json(&["sync"])["lost"], json!([]));
    }
    second.ok(&["get", "/gone", "gone"]);
    assert_eq!(second.read("gone"), noise(2_500_000, 3));
    // The lost list survives the provider's restart, and names only what no current version needs.
    let _provider = provider.stop().start();
    alice.ok(&["sync"]);
}

#[test]
fn a_damaged_chunk_that_was_still_to_be_sent_holds_up_nothing_else() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    let stopped = provider.stop();
    put(&alice, "/bad", &noise(300_000, 4));
    put(&alice, "/good", &noise(700_000, 5));
    put(&alice, "/small", b"small");
    // Bit rot in the smaller of the two kept chunks.
    let mut chunks = Vec::new();
    let mut folders = vec![alice.home.join("cache")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { chunks.push(path) }
        }
    }
    chunks.retain(|path| path.metadata().unwrap().len() > 200_000);
    let smallest = chunks.iter().min_by_key(|path| path.metadata().unwrap().len()).unwrap();
    let mut bytes = std::fs::read(smallest).unwrap();
    bytes[100_000] ^= 1;
    std::fs::write(smallest, bytes).unwrap();

    let _provider = stopped.start();
    let ran = alice.fails(6, &["sync", "--json"]);
    let report = ran.json();
    assert_eq!(lost_paths(&report).len(), 1, "{report}");
    assert!(lost_paths(&report)[0].ends_with(":/bad"), "{report}");
    assert_eq!(alice.json(&["status"])["remotes"][0]["unsent_entries"], 0);
    empty_the_cache(&alice);
    alice.ok(&["get", "/good", "good"]);
    assert_eq!(alice.read("good"), noise(700_000, 5));
    put(&alice, "/bad", &noise(300_000, 4));
    alice.ok(&["sync"]);
    alice.ok(&["get", "/bad", "bad"]);
}
