//! The JSON of every command that prints facts: scripts rely on these keys.

use serde_json::Value;

use crate::{device::Device, provider::Provider};

#[track_caller]
fn has(document: &Value, keys: &[&str]) {
    for key in keys {
        assert!(document.get(key).is_some(), "`{key}` is missing: {document}");
    }
}

#[test]
fn every_document_has_its_keys() {
    let provider = Provider::start();
    let device = Device::at(&provider);
    device.tree("tree");
    let bucket = ["did", "label", "active", "default", "documents", "content_bytes"];
    let listed = ["path", "name", "kind", "size", "modified", "document", "version", "conflict"];
    has(
        &device.json(&["put", "tree"]),
        &[
            "seen",
            "added",
            "changed",
            "unchanged",
            "content_bytes",
            "sent_bytes",
            "durable_remotely",
            "refused",
        ],
    );
    has(&device.json(&["ls", "/tree"])[0], &listed);
    has(&device.json(&["ls", "-l", "-R"])[0], &listed);
    has(&device.json(&["find", "letter"])[0], &listed);
    has(
        &device.json(&["get", "/tree", "back"]),
        &["written", "unchanged", "content_bytes", "refused"],
    );
    has(
        &device.json(&["history", "/tree/empty"])[0],
        &["version", "written", "name", "kind", "size", "parents", "head", "author", "mine"],
    );
    has(&device.json(&["mv", "/tree/empty", "/tree/void"]), &listed);
    has(&device.json(&["rm", "/tree/void"]), &["removed"]);
    has(&device.json(&["undelete", "/tree/void"]), &["restored"]);
    has(&device.json(&["bucket", "create", "b"]), &bucket);
    has(&device.json(&["bucket", "label", "b", "c"]), &bucket);
    has(&device.json(&["bucket", "show", "c"]), &bucket);
    has(&device.json(&["bucket", "ls"])[0], &bucket);
    has(&device.json(&["bucket", "deactivate", "c"]), &bucket);
    has(
        &device.json(&["sync"]),
        &["sent_entries", "received_entries", "sent_chunks", "bytes", "unreachable", "refused"],
    );
    has(
        &device.json(&["status"]),
        &[
            "principal",
            "home",
            "buckets",
            "remotes",
            "conflicts",
            "uploads",
            "cache_bytes",
            "cache_limit",
            "notices",
        ],
    );
    has(
        &device.json(&["status", "--offline"])["remotes"][0],
        &["url", "key", "reachable", "problem", "unsent_entries", "synced"],
    );
    has(&device.json(&["verify"]), &["entries", "chunks", "bytes", "remotes_equal", "damaged"]);
    has(
        &device.json(&["privacy"])[0],
        &["url", "buckets", "requests", "bytes_sent", "can_know", "cannot_know"],
    );
}

#[test]
fn an_error_is_one_json_document_on_stderr() {
    let device = Device::alone();
    let ran = device.fails(3, &["cat", "/missing", "--json"]);
    assert!(ran.out.is_empty(), "{}", ran.out);
    has(&ran.error(), &["kind", "exit_code", "message", "hint"]);
    assert_eq!(ran.error()["exit_code"], 3);
}
