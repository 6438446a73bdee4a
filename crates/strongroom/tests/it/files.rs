//! Files and trees in and out.

use crate::device::{Device, Ran, assert_same_tree};

#[test]
fn a_tree_goes_in_and_comes_back_as_it_was() {
    let device = Device::alone();
    let tree = device.tree("tree");
    let stored = device.json(&["put", "tree"]);
    assert_eq!(stored["added"], stored["seen"]);
    assert_eq!(stored["refused"], serde_json::json!([]));
    device.ok(&["get", "/tree", "back"]);
    assert_same_tree(&tree, &device.folder.path().join("back"));
}

#[test]
fn the_same_put_twice_changes_nothing() {
    let device = Device::alone();
    device.tree("tree");
    let first = device.json(&["put", "tree", "/kept"]);
    let second = device.json(&["put", "tree", "/kept"]);
    assert_eq!((&second["added"], &second["changed"]), (&0.into(), &0.into()), "{second}");
    assert_eq!(second["unchanged"], first["added"]);
    assert_eq!(second["content_bytes"], 0);
    device.write("tree/letter.txt", "Dear Carroll, this is longer\n");
    let third = device.json(&["put", "tree", "/kept"]);
    assert_eq!((&third["added"], &third["changed"]), (&0.into(), &1.into()), "{third}");
    assert_eq!(device.ok(&["ls", "/"]), "kept/\n");
    assert_eq!(device.ok(&["cat", "/kept/letter.txt"]), "Dear Carroll, this is longer\n");
}

#[test]
fn a_slash_at_the_end_of_the_destination_means_into() {
    let device = Device::alone();
    device.write("a.txt", "a");
    device.write("b.txt", "b");
    device.ok(&["put", "a.txt", "/one"]);
    device.ok(&["put", "a.txt", "/dir/"]);
    device.ok(&["put", "a.txt", "b.txt", "/dir/deep/"]);
    device.ok(&["put", "b.txt"]);
    let listed = device.ok(&["ls", "-R"]);
    let expected = [
        "/b.txt",
        "/dir/",
        "/dir/a.txt",
        "/dir/deep/",
        "/dir/deep/a.txt",
        "/dir/deep/b.txt",
        "/one",
    ];
    let mut lines: Vec<&str> = listed.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, expected);
    assert_eq!(device.ok(&["cat", "/one"]), "a");
}

#[test]
fn standard_input_becomes_a_file() {
    let device = Device::alone();
    let content = vec![7_u8; 200_000];
    assert_eq!(device.run_with(&["put", "-", "/in/now"], &content).code, 0);
    device.ok(&["get", "/in/now"]);
    assert_eq!(device.read("now"), content);
    assert_eq!(device.run_with(&["put", "-", "/in/empty"], b"").code, 0);
    assert_eq!(device.ok(&["cat", "/in/empty"]), "");
}

#[test]
fn get_goes_where_it_is_told() {
    let device = Device::alone();
    device.write("a.txt", "a");
    device.ok(&["put", "a.txt", "/dir/"]);
    std::fs::create_dir(device.folder.path().join("out")).unwrap();
    device.ok(&["get", "/dir/a.txt", "renamed"]);
    device.ok(&["get", "/dir/a.txt", "out/"]);
    device.ok(&["get", "/dir"]);
    device.ok(&["get", "/", "everything"]);
    for name in ["renamed", "out/a.txt", "dir/a.txt", "everything/dir/a.txt"] {
        assert_eq!(device.read(name), b"a", "{name}");
    }
}

#[test]
fn get_does_not_replace_what_differs_unless_told_to() {
    let device = Device::alone();
    device.write("a.txt", "stored");
    device.ok(&["put", "a.txt"]);
    device.write("a.txt", "edited since");
    let ran = device.run(&["get", "/a.txt"]);
    assert!(matches!(ran.code, 1 | 7), "{} {}", ran.code, ran.err);
    assert!(ran.err.contains("--overwrite"), "{}", ran.err);
    assert_eq!(device.read("a.txt"), b"edited since");
    device.ok(&["get", "/a.txt", "--overwrite"]);
    assert_eq!(device.read("a.txt"), b"stored");
}

#[test]
fn what_is_not_there_is_code_3_in_every_verb() {
    let device = Device::alone();
    let cases: &[&[&str]] = &[
        &["put", "missing.txt"],
        &["get", "/missing"],
        &["cat", "/missing"],
        &["ls", "/missing"],
        &["ls", "nowhere:/"],
        &["mv", "/missing", "/other"],
        &["rm", "/missing"],
        &["undelete", "/missing"],
        &["history", "/missing"],
        &["restore", "/missing", "--version", "1"],
        &["find", "--bucket", "nowhere", "x"],
        &["bucket", "show", "nowhere"],
    ];
    for words in cases {
        let ran = device.fails(3, &[words, &["--json"][..]].concat());
        assert_eq!(ran.error()["kind"], "not-found", "{words:?}: {}", ran.err);
    }
}

#[test]
fn a_directory_is_not_a_file_and_a_file_no_directory() {
    let device = Device::alone();
    device.tree("tree");
    device.ok(&["put", "tree"]);
    for words in [&["cat", "/tree"][..], &["ls", "/tree/letter.txt/x"], &["rm", "/tree"]] {
        let ran = device.run(words);
        assert!(ran.code > 0 && ran.code < 10, "{words:?}: {} {}", ran.code, ran.err);
    }
    assert_eq!(device.ok(&["ls"]), "tree/\n");
}

#[test]
fn move_remove_and_undelete() {
    let device = Device::alone();
    device.tree("tree");
    device.ok(&["put", "tree"]);
    device.ok(&["mv", "/tree/letter.txt", "/tree/post.txt"]);
    device.ok(&["mv", "/tree/post.txt", "/tree/nothing/"]);
    assert_eq!(device.ok(&["cat", "/tree/nothing/post.txt"]), "Dear Bob,\n");
    let ran = device.fails(7, &["mv", "/tree/empty", "/tree/link"]);
    assert!(ran.err.contains("link"), "{}", ran.err);
    device.ok(&["rm", "/tree/empty"]);
    device.fails(3, &["cat", "/tree/empty"]);
    device.ok(&["undelete", "/tree/empty"]);
    assert_eq!(device.ok(&["cat", "/tree/empty"]), "");
    let removed = device.json(&["rm", "-r", "/tree"]);
    assert_eq!(device.ok(&["ls"]), "");
    let restored = device.json(&["undelete", "/tree"]);
    assert_eq!(removed["removed"], restored["restored"]);
    assert_eq!(device.ok(&["cat", "/tree/nothing/post.txt"]), "Dear Bob,\n");
}

#[test]
fn a_directory_cannot_move_into_itself() {
    let device = Device::alone();
    device.tree("tree");
    device.ok(&["put", "tree"]);
    let ran = device.run(&["mv", "/tree", "/tree/tools/"]);
    assert!(matches!(ran.code, 1 | 2 | 7), "{} {}", ran.code, ran.err);
    assert_eq!(device.ok(&["ls"]), "tree/\n");
}

#[test]
fn find_takes_a_part_of_the_name_or_a_pattern() {
    let device = Device::alone();
    device.tree("tree");
    device.ok(&["put", "tree"]);
    assert_eq!(device.ok(&["find", "LETT"]), "/tree/letter.txt\n");
    assert_eq!(device.ok(&["find", "*.txt"]), "/tree/letter.txt\n");
    assert_eq!(device.ok(&["find", "tools"]), "/tree/tools/\n");
    assert_eq!(device.ok(&["find", "nowhere to be found"]), "");
}

#[test]
fn patterns_keep_files_out() {
    let device = Device::alone();
    device.tree("tree");
    device.write("tree/a.o", "o");
    device.ok(&["put", "tree", "--exclude", "*.o", "--exclude", "tools"]);
    let listed = device.ok(&["ls", "/tree"]);
    assert!(!listed.contains("a.o") && !listed.contains("tools"), "{listed}");
    assert!(listed.contains("letter.txt"), "{listed}");
}

#[test]
fn what_cannot_be_stored_is_named_and_the_rest_is_stored() {
    let device = Device::alone();
    device.tree("tree");
    let _socket =
        std::os::unix::net::UnixListener::bind(device.folder.path().join("tree/socket")).unwrap();
    let ran = device.fails(1, &["put", "tree"]);
    assert!(ran.err.contains("tree/socket: "), "{}", ran.err);
    assert_eq!(device.ok(&["cat", "/tree/letter.txt"]), "Dear Bob,\n");
    let ran = device.fails(1, &["put", "tree", "--json"]);
    assert!(ran.json()["refused"][0]["path"].as_str().unwrap().ends_with("socket"));
}

#[test]
fn a_name_that_is_not_utf_8_gets_a_clear_answer() {
    use std::os::unix::ffi::OsStrExt;
    let device = Device::alone();
    device.tree("tree");
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9");
    std::fs::write(device.folder.path().join("tree").join(name), "x").unwrap();
    let ran = device.fails(1, &["put", "tree"]);
    assert!(ran.err.contains("UTF-8"), "{}", ran.err);
    assert_eq!(device.ok(&["cat", "/tree/letter.txt"]), "Dear Bob,\n");
    let output = device.command().arg("put").arg("tree").arg(name).output().unwrap();
    assert_eq!(Ran::from(&output).code, 2);
}

#[test]
fn a_reader_that_goes_away_is_no_error_worth_words() {
    use std::{io::Read, process::Stdio};
    let device = Device::alone();
    assert_eq!(device.run_with(&["put", "-", "/big"], &vec![b'x'; 3 << 20]).code, 0);
    let mut child = device
        .command()
        .args(["cat", "/big"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let ran = Ran::from(&child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.err.as_str()), (141, ""));
}

#[test]
fn quiet_leaves_only_what_was_asked_for() {
    let device = Device::alone();
    device.write("a.txt", "a");
    assert_eq!(device.ok(&["put", "a.txt", "--quiet"]), "");
    assert_eq!(device.ok(&["mv", "-q", "/a.txt", "/b.txt"]), "");
    assert_eq!(device.ok(&["ls", "-q"]), "b.txt\n");
}

#[test]
fn output_that_finds_no_room_is_an_error() {
    let device = Device::alone();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    device.write("a.txt", "a");
    device.ok(&["put", "a.txt"]);
    for words in [&["ls"][..], &["cat", "/a.txt"], &["completions", "bash"]] {
        let full = full.try_clone().unwrap();
        let output = device.command().args(words).stdout(full).output().unwrap();
        let ran = Ran::from(&output);
        assert_eq!(ran.code, 8, "{words:?}: {}", ran.err);
    }
}

#[test]
fn a_file_in_the_way_is_named_once_with_what_to_type() {
    let device = Device::alone();
    device.write("letters/bob.txt", "Dear Bob");
    device.ok(&["put", "letters"]);
    device.ok(&["get", "/letters", "back"]);
    device.write("back/bob.txt", "Dear Carroll");
    let ran = device.fails(1, &["get", "/letters", "back"]);
    assert_eq!(ran.err.matches("bob.txt").count(), 1, "{}", ran.err);
    assert!(ran.err.contains("--overwrite"), "{}", ran.err);
    device.ok(&["get", "/letters", "back", "--overwrite"]);
    // What did not change is stored again for who asks.
    assert_eq!(device.json(&["put", "letters"])["changed"], 0);
    assert_eq!(device.json(&["put", "letters", "--again"])["changed"], 1);
}
