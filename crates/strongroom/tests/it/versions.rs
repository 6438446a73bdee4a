//! Every version stays: history, restore, and versions on `get` and `cat`.

use crate::device::Device;

#[test]
fn an_older_version_can_be_read_and_made_current() {
    let device = Device::alone();
    for text in ["first", "second", "third"] {
        device.write("note", text);
        device.ok(&["put", "note"]);
    }
    let history = device.json(&["history", "/note"]);
    let versions: Vec<&str> =
        history.as_array().unwrap().iter().map(|v| v["version"].as_str().unwrap()).collect();
    assert_eq!(versions.len(), 3);
    assert_eq!(history[0]["head"], true);
    assert_eq!(device.ok(&["cat", "/note", "--version", versions[2]]), "first");
    device.ok(&["get", "/note", "old", "--version", versions[1]]);
    assert_eq!(device.read("old"), b"second");
    device.ok(&["restore", "/note", "--version", versions[2]]);
    assert_eq!(device.ok(&["cat", "/note"]), "first");
    assert_eq!(device.json(&["history", "/note"]).as_array().unwrap().len(), 4);
}

#[test]
fn the_table_shows_enough_of_a_version_to_type_it() {
    let device = Device::alone();
    for text in ["first", "second"] {
        device.write("note", text);
        device.ok(&["put", "note"]);
    }
    let table = device.ok(&["history", "/note"]);
    let oldest = table.lines().last().unwrap().split_whitespace().next().unwrap();
    device.ok(&["restore", "/note", "--version", oldest]);
    assert_eq!(device.ok(&["cat", "/note"]), "first");
}

#[test]
fn a_version_that_does_not_exist_is_code_3() {
    let device = Device::alone();
    device.write("note", "x");
    device.ok(&["put", "note"]);
    for version in ["no-version", "", "ver_00000000", "\u{1b}[2J"] {
        for verb in ["restore", "cat"] {
            let ran = device.run(&[verb, "/note", "--version", version]);
            assert!(matches!(ran.code, 2 | 3), "{verb} {version:?}: {} {}", ran.code, ran.err);
        }
    }
    assert_eq!(device.json(&["history", "/note"]).as_array().unwrap().len(), 1);
}
