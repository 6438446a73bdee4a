//! Alice hands out a drop. Bob, who has the program and no vault, puts a file in and keeps the
//! receipt; Alice takes it.

use crate::{
    device::{Device, Ran},
    provider::Provider,
};

#[track_caller]
fn assert_refused(ran: &Ran, code: i32, says: &str) {
    assert_eq!(ran.code, code, "{}", ran.err);
    assert!(ran.err.contains(says), "{}", ran.err);
    assert!(ran.err.contains("hint: "), "{}", ran.err);
}

#[test]
fn somebody_without_a_vault_puts_a_file_in_and_proves_it() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    let bob = Device::empty();
    let text = |path: std::path::PathBuf| path.display().to_string();
    let drop = text(alice.folder.path().join("papers.drop"));
    let made = alice.json(&["drop", "create", "papers", "--quota", "5M", "--out", &drop]);
    assert_eq!((&made["sent"], &made["quota_bytes"]), (&true.into(), &(5 << 20).into()));
    let again = ["drop", "create", "papers", "--out", &drop];
    assert_refused(&alice.run(&again), 7, "is there already");

    let letter = text(bob.write("letter.txt", "from Bob"));
    let receipt = text(bob.folder.path().join("receipt.json"));
    let put = ["drop", "put", &drop, &letter, "--receipt", &receipt];
    let delivered = bob.json(&put);
    assert_eq!(delivered[0]["name"], "letter.txt");
    assert_refused(&bob.run(&put), 7, "the receipt's file is there already");
    let proved = bob.json(&["drop", "check", &receipt]);
    assert_eq!(proved["message"], delivered[0]["message"]);
    assert_refused(&bob.run(&["drop", "check", &letter]), 6, "no receipt");
    assert_refused(&bob.run(&["drop", "put", &letter, &letter]), 6, "there is no drop in it");

    alice.ok(&["sync"]);
    let listed = alice.json(&["drop", "ls"]);
    assert_eq!(listed["drops"][0]["waiting"], 1);
    let message = &listed["messages"][0];
    assert_eq!((&message["name"], &message["level"]), (&"letter.txt".into(), &"unsigned".into()));
    let id = message["id"].as_str().unwrap();
    assert_refused(&alice.run(&["drop", "take", id, "--to", "/nowhere/"]), 3, "directory");
    alice.ok(&["drop", "take", id]);
    assert_eq!(alice.ok(&["cat", "/letter.txt"]), "from Bob");
    assert_refused(&alice.run(&["drop", "take", id]), 3, "there is no message");
    assert_eq!(alice.json(&["drop", "ls"])["messages"], serde_json::json!([]));

    alice.ok(&["drop", "close", "papers"]);
    assert_refused(&bob.run(&["drop", "put", &drop, &letter]), 1, "closed");
    assert_refused(&alice.run(&["drop", "close", "papers"]), 3, "no drop called papers");
    alice.ok(&["verify"]);
}
