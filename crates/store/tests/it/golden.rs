//! `vectors/store`: small stores as they lie on the disk, most of them broken on purpose.
//!
//! `expect` is `corrupt`, `foreign`, or the rows and blobs there are, a blob whose bytes are
//! refused with a `!`. The index is not in them: the logs alone must give everything. They hold
//! times and a random salt, so they are made once for a format number, not compared.

use std::fmt::Write;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use strongroom_store::{Batch, BlobId, Blobs, Local, Rows, Scan, StoreError};

const FILES: [&str; 4] = ["STORE", "HEAD", "journal-00000001", "segment-00000001"];

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/store/store.json")
}

#[test]
fn every_golden_store_does_what_it_says() {
    let vectors: Value = serde_json::from_slice(&fs::read(vectors()).unwrap()).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    for case in cases {
        let home = tempfile::tempdir().unwrap();
        for (file, hex) in case["files"].as_object().unwrap() {
            fs::write(home.path().join(file), from_hex(hex)).unwrap();
        }
        assert_eq!(found(home.path()), case["expect"], "{}", case["name"]);
    }
    let good = cases.iter().filter(|case| case["expect"].as_str().unwrap().starts_with("rows"));
    assert!(cases.len() >= 17 && good.count() <= 6, "the number of broken cases only grows");
}

/// What a store is, in a line.
fn found(dir: &Path) -> String {
    let store = match Local::open(dir) {
        Ok(store) => store,
        Err(StoreError::Corrupt { .. }) => return "corrupt".to_owned(),
        Err(StoreError::Foreign { .. }) => return "foreign".to_owned(),
        Err(error) => return error.to_string(),
    };
    let mut line = String::from("rows");
    let visit = &mut |key: &[u8], value: &[u8]| {
        let text = String::from_utf8_lossy;
        write!(line, " {}={}", text(key), text(value)).unwrap();
        ControlFlow::Continue(())
    };
    store.scan(&Scan::all(), visit).unwrap();
    line.push_str(" blobs");
    for id in store.list(None, 99).unwrap() {
        let good = Blobs::get(&store, &id, 0..u64::MAX).is_ok_and(|b| b == Some(blob(id.0[0])));
        write!(line, " {}{}", id.0[0], if good { "" } else { "!" }).unwrap();
    }
    line
}

fn blob(n: u8) -> Vec<u8> {
    vec![n; 20 * usize::from(n)]
}

fn make(dir: &Path) {
    let store = Local::open(dir).unwrap();
    let commit = |build: fn(&mut Batch)| {
        let mut batch = Batch::new();
        build(&mut batch);
        store.commit(batch).unwrap();
    };
    commit(|b| _ = b.put(b"a", b"1").put(b"b", b"2"));
    commit(|b| _ = b.put(b"c", b"3").delete(b"a"));
    commit(|b| _ = b.put(b"d", b"4"));
    for n in 1..=3 {
        store.put(vec![(BlobId([n; 32]), blob(n))]).unwrap();
    }
    store.delete(&[BlobId([1; 32])]).unwrap();
    drop(store);
    fs::remove_dir_all(dir.join("index")).unwrap();
}

type Edit = fn(&Path);

#[test]
fn make_store_vectors() {
    if std::env::var_os("STRONGROOM_WRITE_VECTORS").is_none() {
        return;
    }
    let cases: [(&str, &str, &str, Edit); 17] = [
        (
            "good",
            "rows b=2 c=3 d=4 blobs 2 3",
            "a store that was closed, without its index",
            |_| {},
        ),
        (
            "head-gone",
            "rows b=2 c=3 d=4 blobs 2 3",
            "HEAD only helps to notice a lost end",
            |dir| {
                fs::remove_file(dir.join("HEAD")).unwrap();
            },
        ),
        (
            "head-flipped",
            "rows b=2 c=3 d=4 blobs 2 3",
            "a note that is damaged says nothing",
            |dir| {
                edit(dir, "HEAD", |bytes| bytes[9] ^= 1);
            },
        ),
        ("store-flipped", "corrupt", "one bit of the salt is wrong", |dir| {
            edit(dir, "STORE", |bytes| bytes[20] ^= 1);
        }),
        ("store-cut", "corrupt", "the file STORE is short", |dir| {
            edit(dir, "STORE", |bytes| bytes.truncate(47));
        }),
        ("store-newer", "foreign", "the magic names format 2", |dir| {
            edit(dir, "STORE", |bytes| bytes[7] = b'2');
        }),
        ("store-gone", "foreign", "logs without STORE are not begun anew", |dir| {
            fs::remove_file(dir.join("STORE")).unwrap();
        }),
        ("journal-torn", "rows b=2 c=3 blobs 2 3", "the power went in the last group", |dir| {
            fs::remove_file(dir.join("HEAD")).unwrap();
            edit(dir, "journal-00000001", |bytes| bytes.truncate(bytes.len() - 20));
        }),
        ("journal-cut", "corrupt", "the same, but HEAD says that the group was durable", |dir| {
            edit(dir, "journal-00000001", |bytes| bytes.truncate(bytes.len() - 20));
        }),
        ("journal-flipped", "corrupt", "the first group is damaged, and later ones exist", |dir| {
            fs::remove_file(dir.join("HEAD")).unwrap();
            edit(dir, "journal-00000001", |bytes| bytes[100] ^= 1);
        }),
        ("journal-gone", "corrupt", "HEAD knows of three groups", |dir| {
            fs::remove_file(dir.join("journal-00000001")).unwrap();
        }),
        (
            "journal-shifted",
            "corrupt",
            "every frame is whole, but not where it was written",
            |dir| {
                edit(dir, "journal-00000001", |bytes| drop(bytes.splice(0..0, [0; 16])));
            },
        ),
        (
            "journal-begins-late",
            "corrupt",
            "the first group is missing, the rest is whole",
            |dir| {
                edit(dir, "journal-00000001", |bytes| bytes[..112].fill(0));
            },
        ),
        ("segment-torn", "rows b=2 c=3 d=4 blobs 1 2 3", "the deletion was not durable", |dir| {
            fs::remove_file(dir.join("HEAD")).unwrap();
            edit(dir, "segment-00000001", |bytes| bytes.truncate(bytes.len() - 20));
        }),
        ("segment-cut", "corrupt", "the same, but HEAD says that it was", |dir| {
            edit(dir, "segment-00000001", |bytes| bytes.truncate(bytes.len() - 20));
        }),
        ("segment-blob-flipped", "rows b=2 c=3 d=4 blobs 2! 3", "a blob is damaged", |dir| {
            edit(dir, "segment-00000001", |bytes| {
                let at = bytes.windows(40).position(|w| w == blob(2)).unwrap();
                bytes[at] ^= 1;
            });
        }),
        ("segment-header-flipped", "corrupt", "the length of the first blob is damaged", |dir| {
            edit(dir, "segment-00000001", |bytes| bytes[8] ^= 1);
        }),
    ];
    let mut made = Vec::new();
    for (name, expected, why, break_it) in cases {
        let home = tempfile::tempdir().unwrap();
        make(home.path());
        break_it(home.path());
        let mut files = json!({});
        for file in FILES {
            if let Ok(bytes) = fs::read(home.path().join(file)) {
                files[file] = to_hex(&bytes);
            }
        }
        made.push(json!({ "name": name, "expect": expected, "why": why, "files": files }));
    }
    let text = serde_json::to_string_pretty(&json!({ "decoder": "store", "cases": made })).unwrap();
    fs::create_dir_all(vectors().parent().unwrap()).unwrap();
    fs::write(vectors(), text + "\n").unwrap();
}

fn edit(dir: &Path, file: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let path = dir.join(file);
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// Hex strings, and the long runs of zeros between them, as between the two slots of HEAD.
fn to_hex(bytes: &[u8]) -> Value {
    let (mut parts, mut text, mut rest) = (Vec::new(), String::new(), bytes);
    while let Some(first) = rest.first() {
        let zeros = rest.iter().take_while(|byte| **byte == 0).count();
        if zeros > 64 {
            parts.push(json!(std::mem::take(&mut text)));
            parts.push(json!({ "byte": "00", "times": zeros }));
            rest = &rest[zeros..];
        } else {
            write!(text, "{first:02x}").unwrap();
            rest = &rest[1..];
        }
    }
    parts.push(json!(text));
    Value::Array(parts)
}

fn from_hex(parts: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    let byte = |pair: &str| u8::from_str_radix(pair, 16).unwrap();
    for part in parts.as_array().unwrap() {
        if let Some(hex) = part.as_str() {
            let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
            bytes.extend(pairs.map(byte));
        } else {
            let times = part["times"].as_u64().unwrap() as usize;
            bytes.resize(bytes.len() + times, byte(part["byte"].as_str().unwrap()));
        }
    }
    bytes
}
