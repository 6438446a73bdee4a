//! Links from the command line: made by Alice, opened by somebody who has nothing but the program
//! and an address.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::{
    device::{Device, Ran, STRONGROOM},
    provider::Provider,
};

/// The program on a machine where nobody ever used it: no home, no vault, no environment.
fn stranger(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(STRONGROOM);
    command.env_clear().env("TZ", "UTC").env("TMPDIR", folder).current_dir(folder);
    command.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn open(folder: &TempDir, words: &[&str]) -> Ran {
    let words = [&["open"], words].concat();
    Ran::from(&stranger(folder.path(), &words).output().unwrap())
}

fn left_in(folder: &TempDir) -> Vec<String> {
    let names = std::fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<String> =
        names.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Alice, with two documents in a bucket.
fn alice(provider: &Provider) -> Device {
    let alice = Device::at(provider);
    alice.ok(&["bucket", "create", "plans"]);
    for (place, content) in [("plans:/house/walls", "four"), ("plans:/house/roof", "one")] {
        let ran = alice.run_with(&["put", "-", place], content.as_bytes());
        assert_eq!(ran.code, 0, "{}", ran.err);
    }
    alice
}

fn link(alice: &Device, words: &[&str]) -> String {
    let made = alice.json(&[&["link", "plans"], words].concat());
    made["link"].as_str().unwrap().to_owned()
}

#[test]
fn somebody_without_an_account_opens_a_link() {
    let provider = Provider::start();
    let alice = alice(&provider);
    let link = link(&alice, &["--until", "2h"]);
    assert!(link.starts_with(&format!("{}/open#", provider.url())), "{link}");
    let folder = tempfile::tempdir().unwrap();
    let shown = open(&folder, &[&link]);
    assert_eq!(shown.code, 0, "{}", shown.err);
    assert!(shown.out.contains("/house/walls") && shown.err.contains("plans"), "{shown:?}");
    let json = open(&folder, &[&link, "--ls", "--json"]).json();
    assert_eq!(json["content"].as_array().unwrap().len(), 3);
    assert_eq!(json["link"]["label"], "plans");
    assert_eq!(open(&folder, &[&link, "--cat", "/house/walls"]).out, "four");
    let several = open(&folder, &[&link, "--cat"]);
    assert_eq!(several.code, 2, "{}", several.err);
    let written = open(&folder, &[&link, "out"]);
    assert_eq!(written.code, 0, "{}", written.err);
    let roof = folder.path().join("out/house/roof");
    assert_eq!(std::fs::read_to_string(roof).unwrap(), "one");
    assert_eq!(left_in(&folder), ["out"], "nothing else is left on that machine");
    // Again changes nothing; what differs is not replaced unasked.
    std::fs::write(folder.path().join("out/house/roof"), "my own").unwrap();
    let again = open(&folder, &[&link, "out"]);
    assert_eq!(again.code, 1, "{}", again.err);
    assert_eq!(open(&folder, &[&link, "out", "--overwrite"]).code, 0);
}

#[test]
fn a_link_for_one_opening_is_opened_once() {
    let provider = Provider::start();
    let alice = alice(&provider);
    let link = link(&alice, &["--uses", "1"]);
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert_eq!(open(&one, &[&link, "out"]).code, 0);
    for folder in [&one, &two] {
        let refused = open(folder, &[&link, "again"]);
        assert_eq!(refused.code, 3, "{}", refused.err);
        assert!(refused.err.contains("leads nowhere"), "{}", refused.err);
    }
    assert!(left_in(&two).is_empty());
    let listed = alice.json(&["link", "ls"]);
    assert_eq!((&listed[0]["uses"], &listed[0]["spent"]), (&1.into(), &1.into()));
    assert!(alice.ok(&["link", "ls"]).contains("1 of 1"));
}

#[test]
fn a_link_to_one_file_is_opened_once_and_shows_no_other() {
    let provider = Provider::start();
    let alice = alice(&provider);
    let made = |words: &[&str]| {
        let made = alice.json(&[&["link", "plans:/house/walls", "--until", "8h"], words].concat());
        made["link"].as_str().unwrap().to_owned()
    };
    let (once, long) = (made(&["--uses", "1"]), made(&["--name", "for Bob"]));
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let shown = open(&two, &[&long, "--ls", "--json"]).json();
    let content = shown["content"].as_array().unwrap();
    assert_eq!((content.len(), &content[0]["path"]), (1, &"/walls".into()));
    assert!(shown["link"]["document"].is_string(), "{shown}");
    assert_eq!(open(&two, &[&long, "--cat"]).out, "four");
    assert_eq!(open(&two, &[&long, "--cat", "/house/roof"]).code, 3);
    assert_eq!(open(&one, &[&once, "out"]).code, 0);
    assert_eq!(std::fs::read_to_string(one.path().join("out/walls")).unwrap(), "four");
    assert_eq!(left_in(&one), ["out"], "nothing else is left on that machine");
    let spent = open(&two, &[&once, "out"]);
    assert_eq!(spent.code, 3, "{}", spent.err);

    let listed = alice.ok(&["link", "ls"]);
    assert!(listed.contains("plans:/house/walls") && listed.contains("1 of 1"), "{listed}");
    for of in ["plans", "plans:/house/walls"] {
        let access = alice.ok(&["grants", of]);
        assert!(access.contains("link for Bob") && access.contains("link walls"), "{access}");
    }
    assert_eq!(alice.json(&["link", "revoke", &long])["entries"], 1);
    let ended = open(&two, &[&long, "--ls"]);
    assert_eq!(ended.code, 3, "{}", ended.err);
    assert!(ended.err.contains("leads nowhere"), "{}", ended.err);
    let directory = alice.fails(2, &["link", "plans:/house"]);
    assert!(directory.err.contains("a bucket of its own") && directory.err.contains("--yes"));
}

#[test]
fn a51_two_processes_at_the_same_instant_open_it_once() {
    let provider = Provider::start();
    let alice = alice(&provider);
    for _ in 0..4 {
        let link = link(&alice, &["--uses", "1"]);
        let folders: Vec<TempDir> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
        let started: Vec<_> = folders
            .iter()
            .map(|folder| stranger(folder.path(), &["open", &link, "out"]).spawn().unwrap())
            .collect();
        let codes: Vec<i32> = started
            .into_iter()
            .map(|child| Ran::from(&child.wait_with_output().unwrap()).code)
            .collect();
        assert_eq!(codes.iter().filter(|code| **code == 0).count(), 1, "{codes:?}");
        assert_eq!(codes.iter().filter(|code| **code == 3).count(), 2, "{codes:?}");
    }
}

#[test]
fn looking_first_and_writing_then_is_one_opening() {
    let provider = Provider::start();
    let alice = alice(&provider);
    let link = link(&alice, &["--uses", "1"]);
    let folder = tempfile::tempdir().unwrap();
    let run = |words: &[&str]| {
        let mut command = stranger(folder.path(), words);
        Ran::from(&command.env("HOME", folder.path().join("person")).output().unwrap())
    };
    assert_eq!(run(&["open", &link, "--ls"]).code, 0);
    assert_eq!(run(&["open", &link, "--cat", "/house/walls"]).out, "four");
    assert_eq!(run(&["open", &link, "out"]).code, 0);
    assert_eq!(run(&["open", &link, "out"]).code, 3, "it is done, and forgotten");
}

#[test]
fn a_password_comes_from_a_file_where_nobody_can_be_asked() {
    let provider = Provider::start();
    let alice = alice(&provider);
    let password = alice.write("password", "blue door\n");
    let link = link(&alice, &["--link-password-file", password.to_str().unwrap()]);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("wrong"), "red door").unwrap();
    std::fs::write(folder.path().join("right"), "blue door").unwrap();
    let nobody = open(&folder, &[&link, "out"]);
    assert_eq!(nobody.code, 4, "{}", nobody.err);
    assert!(nobody.err.contains("--link-password-file"), "{}", nobody.err);
    let wrong = open(&folder, &[&link, "out", "--link-password-file", "wrong"]);
    assert_eq!(wrong.code, 4, "{}", wrong.err);
    assert!(wrong.err.contains("the password is wrong"), "{}", wrong.err);
    assert_eq!(open(&folder, &[&link, "out", "--link-password-file", "right"]).code, 0);
}

#[test]
fn links_are_listed_shown_drawn_and_ended() {
    let provider = Provider::start();
    let alice = alice(&provider);
    let drawn = alice.ok(&["link", "plans", "--name", "for Bob", "--qr"]);
    assert!(drawn.contains('█') && drawn.contains("link revoke prn:"), "{drawn}");
    let text = drawn.lines().next().unwrap().to_owned();
    let listed = alice.ok(&["link", "ls"]);
    assert!(listed.contains("for Bob") && !listed.contains(&text), "{listed}");
    assert!(alice.ok(&["link", "ls", "plans", "--show"]).contains(&text));
    assert!(alice.ok(&["grants", "plans"]).contains("link for Bob"));
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(open(&folder, &[&text]).code, 0);
    let name = alice.json(&["link", "ls"])[0]["name"].as_str().unwrap()[..14].to_owned();
    let ended = alice.json(&["link", "revoke", &name]);
    assert_eq!(ended["entries"], 2);
    assert_eq!(open(&folder, &[&text]).code, 3);
    assert_eq!(alice.fails(3, &["link", "revoke", &text]).code, 3);
    assert_eq!(alice.json(&["link", "ls"]).as_array().unwrap().len(), 0);
}

#[test]
fn a_link_to_put_files_in_is_used_by_somebody_without_an_account() {
    let provider = Provider::start();
    let alice = alice(&provider);
    let link = link(&alice, &["--drop", "--name", "post", "--until", "8h"]);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("letter"), "dear Alice").unwrap();
    let run = |words: &[&str]| Ran::from(&stranger(folder.path(), words).output().unwrap());
    let sent = run(&["drop", "put", &link, "letter"]);
    assert_eq!(sent.code, 0, "{}", sent.err);
    std::fs::write(folder.path().join("link"), format!("{link}\n")).unwrap();
    let again = run(&["drop", "put", "link", "letter", "--receipt", "receipt"]);
    assert_eq!(again.code, 0, "{}", again.err);
    assert_eq!(run(&["drop", "check", "receipt"]).code, 0);
    // It reads nothing.
    let reads = run(&["open", &link, "--ls"]);
    assert!(reads.code == 2 && reads.err.contains("drop put"), "{}", reads.err);
    alice.ok(&["sync"]);
    let taken = alice.json(&["drop", "take", "--all"]);
    assert_eq!(taken.as_array().unwrap().len(), 2);
    assert_eq!(alice.ok(&["cat", "plans:/letter"]), "dear Alice");

    // It is the same link each time, and no link to read with.
    assert_eq!(alice.json(&["drop", "link", "post"])["link"], link.as_str());
    let drawn = alice.ok(&["drop", "create", "other", "--link", "--qr"]);
    assert!(drawn.contains('█') && !drawn.contains(&link), "{drawn}");
    assert_eq!(alice.json(&["link", "ls"]).as_array().unwrap().len(), 0);
    let ended = alice.fails(2, &["link", "revoke", &link]);
    assert!(ended.err.contains("drop close"), "{}", ended.err);
    let to_read = self::link(&alice, &[]);
    assert_eq!(run(&["drop", "put", &to_read, "letter"]).code, 2);
    alice.ok(&["drop", "close", "post"]);
    let closed = run(&["drop", "put", &link, "letter"]);
    assert_eq!(closed.code, 3, "{}", closed.err);
    assert!(closed.err.contains("leads nowhere"), "{}", closed.err);
}

#[test]
fn what_is_no_link_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    for bad in ["", "plans", "https://rooms.example", "https://rooms.example/open#AQ"] {
        let refused = open(&folder, &[bad]);
        assert_eq!(refused.code, 2, "{bad}: {}", refused.err);
        assert!(refused.err.contains("hint: "), "{bad}: {}", refused.err);
    }
    assert!(left_in(&folder).is_empty());
}
