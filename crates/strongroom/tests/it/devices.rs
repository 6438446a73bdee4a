//! Two terminals side by side: one shows a code, both show six words. And a device that was lost.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStderr, Stdio},
};

use crate::{
    device::{Device, Ran},
    provider::Provider,
};

/// A program that runs, with what it says on stderr line by line.
pub struct Screen {
    child: Child,
    lines: BufReader<ChildStderr>,
    said: String,
}

impl Screen {
    pub fn of(device: &Device, words: &[&str]) -> Self {
        let mut child = device
            .command()
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap());
        Self { child, lines, said: String::new() }
    }

    /// The first line from here on for which this gives something.
    #[track_caller]
    pub fn until<T>(&mut self, find: impl Fn(&str) -> Option<T>) -> T {
        loop {
            let mut line = String::new();
            let read = self.lines.read_line(&mut line).unwrap();
            assert!(read > 0, "it ended: {}", self.said);
            self.said.push_str(&line);
            if let Some(found) = find(line.trim_end()) {
                return found;
            }
        }
    }

    fn words(&mut self) -> String {
        self.until(|line| line.strip_prefix("Words: ").map(str::to_owned))
    }

    fn types(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        writeln!(stdin, "{text}").unwrap();
    }

    pub fn end(mut self) -> Ran {
        drop(self.child.stdin.take());
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut self.lines, &mut rest).unwrap();
        let mut ran = Ran::from(&self.child.wait_with_output().unwrap());
        ran.err = self.said + &rest;
        ran
    }
}

#[test]
fn a_code_that_is_copied_makes_a_device_without_a_question() {
    let provider = Provider::start();
    let laptop = Device::at(&provider);
    laptop.write("letter", "Dear Bob");
    laptop.ok(&["put", "letter"]);
    let mut adding = Screen::of(&laptop, &["device", "add", "--yes", "--json"]);
    let code = adding.until(|line| line.starts_with("pair:").then(|| line.to_owned()));
    let phone = Device::empty();
    phone.write("code", format!("{code}\n"));
    let join = ["device", "join", "--code-file", "code", "--name", "phone", "--yes"];
    let joined = phone.ok(&join);
    assert!(joined.contains("has your vault"), "{joined}");
    let added = adding.end();
    assert_eq!(added.code, 0, "{}", added.err);
    assert_eq!((&added.json()["name"], &added.json()["answered"]), (&"phone".into(), &true.into()));
    assert_eq!(phone.ok(&["cat", "/letter"]), "Dear Bob");

    // A code is good once.
    let third = Device::empty();
    third.write("code", format!("{code}\n"));
    let again = third.fails(1, &join);
    assert!(again.err.contains("device add"), "{}", again.err);

    // And it was lost.
    let listed = laptop.ok(&["device", "ls"]);
    assert!(listed.contains("phone") && listed.contains("this one"), "{listed}");
    laptop.fails(2, &["device", "remove", "phone"]);
    let removed = laptop.ok(&["device", "remove", "phone", "--yes"]);
    assert!(removed.contains("shut out of main"), "{removed}");
    laptop.write("secret", "not for the phone");
    laptop.ok(&["put", "secret"]);
    let out = phone.fails(1, &["sync"]);
    assert!(out.err.contains("taken out of your vault"), "{}", out.err);
    assert!(out.err.contains("hint: "), "{}", out.err);
    assert_eq!(phone.ok(&["cat", "/letter"]), "Dear Bob", "what it had");
    let all = laptop.json(&["device", "ls", "--all"]);
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert!(all[1]["removed"].is_u64(), "{all}");
    assert!(!laptop.ok(&["device", "ls"]).contains("phone"));
}

#[test]
fn a_code_that_is_typed_needs_the_words_of_the_other_screen() {
    let provider = Provider::start();
    let laptop = Device::at(&provider);
    // A yes without looking is none here.
    let blind = laptop.fails(2, &["device", "add", "--short", "--yes"]);
    assert!(blind.err.contains("--words"), "{}", blind.err);
    for right in [false, true] {
        let mut adding = Screen::of(&laptop, &["device", "add", "--short", "--words", "-"]);
        let line = adding.until(|line| line.split_once("device join ").map(|it| it.1.to_owned()));
        let words: Vec<&str> = line.split(' ').collect();
        let phone = Device::empty();
        let join = [&["device", "join"][..], &words, &["--words", "-"]].concat();
        let mut joining = Screen::of(&phone, &join);
        let (one, other) = (adding.words(), joining.words());
        assert_eq!(one, other);
        assert_eq!(one.split(' ').count(), 6);
        adding.types(if right { &other } else { "other words than those of the phone" });
        joining.types(&one);
        let (added, joined) = (adding.end(), joining.end());
        let code = i32::from(!right);
        assert_eq!((added.code, joined.code), (code, code), "{} {}", added.err, joined.err);
        assert_eq!(phone.home.exists(), right);
    }
    laptop.ok(&["sync"]);
    assert_eq!(laptop.json(&["device", "ls"]).as_array().unwrap().len(), 2);
}

#[test]
fn devices_have_names_and_what_is_typed_wrong_is_told() {
    let device = Device::alone();
    assert!(device.ok(&["device", "name", "laptop"]).contains("laptop"));
    assert!(device.ok(&["device", "ls"]).contains("laptop"));
    device.fails(2, &["device", "name", "a/b"]);
    device.fails(2, &["device", "remove", "laptop", "--yes"]);
    device.fails(3, &["device", "remove", "nobody", "--yes"]);
    let alone = device.fails(2, &["device", "add", "--yes"]);
    assert!(alone.err.contains("provider add"), "{}", alone.err);
    let empty = Device::empty();
    for words in [
        &["device", "join", "--yes"][..],
        &["device", "join", "12345", "--provider", "http://127.0.0.1:1", "--words", "w"],
        &["device", "join", "123-456-789", "--words", "w"],
        &["device", "join", "pair:abc", "--yes"],
    ] {
        empty.fails(2, words);
    }
    assert!(!empty.home.exists());
}
