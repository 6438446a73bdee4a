//! A play: Alice, Bob and Carroll, each with a program of their own, and one provider. They share
//! when saving and later, ask, write together, hand out a link and a drop, take one of two out, let
//! time run out, get another device and lose it. After each act it is asked from every side what is
//! so.

use std::path::Path;

use serde_json::Value;

use crate::{
    device::{Device, Ran, STRONGROOM},
    devices::Screen,
    provider::Provider,
};

/// The three, who have compared keys, and where they keep what is theirs.
struct Cast {
    provider: Provider,
    alice: Device,
    bob: Device,
    carroll: Device,
}

impl Cast {
    fn assembled() -> Self {
        let provider = Provider::start();
        let [alice, bob, carroll] = [(); 3].map(|()| Device::at(&provider));
        let people = [(&alice, "Alice"), (&bob, "Bob"), (&carroll, "Carroll")];
        let cards = people.map(|(device, name)| {
            let card = device.folder.path().join(format!("{name}.card")).display().to_string();
            device.ok(&["id", "export", &card]);
            card
        });
        for (device, own) in people {
            for ((_, name), card) in people.iter().zip(&cards).filter(|((_, it), _)| *it != own) {
                device.ok(&["contact", "add", card, "--as", name]);
                device.ok(&["contact", "verify", name, "--card", card]);
            }
        }
        Self { provider, alice, bob, carroll }
    }

    /// All but one read this nowhere and see no name of it.
    #[track_caller]
    fn nobody_else_reads(&self, reader: &str, place: &str) {
        for (name, device) in [("Bob", &self.bob), ("Carroll", &self.carroll)] {
            if name != reader {
                device.ok(&["sync"]);
                assert_ne!(device.run(&["cat", place]).code, 0, "{name} reads {place}");
            }
        }
    }
}

#[track_caller]
fn writes(device: &Device, place: &str, content: &str) {
    let ran = device.run_with(&["put", "-", place], content.as_bytes());
    assert_eq!(ran.code, 0, "{}", ran.err);
}

/// Reads it after hearing what is new.
#[track_caller]
fn reads(device: &Device, place: &str, content: &str) {
    device.ok(&["sync"]);
    assert_eq!(device.ok(&["cat", place]), content);
}

/// Its bucket, or its vault, is closed to this device.
#[track_caller]
fn closed(device: &Device) {
    let ran = device.fails(1, &["sync"]);
    assert!(ran.err.contains("closed to you") || ran.err.contains("taken out"), "{}", ran.err);
}

#[track_caller]
fn refused(ran: &Ran) {
    assert_ne!(ran.code, 0, "{}", ran.out);
    assert!(ran.err.contains("hint: ") && !ran.err.contains("panicked"), "{}", ran.err);
}

/// Takes the one thing of this kind that waits in somebody's inbox.
#[track_caller]
fn waiting(device: &Device, kind: &str) -> Value {
    device.ok(&["sync"]);
    let all = device.json(&["inbox"]);
    let mut of = all.as_array().unwrap().iter().filter(|one| one["kind"] == kind).cloned();
    let one = of.next().unwrap_or_else(|| panic!("no {kind}: {all}"));
    assert!(of.next().is_none(), "more than one {kind}: {all}");
    one
}

fn id(of: &Value) -> &str {
    of["id"].as_str().unwrap()
}

/// By name, what everybody may do.
fn who(device: &Device, bucket: &str) -> Vec<(String, String)> {
    let all = device.json(&["grants", bucket]);
    let all = all.as_array().or_else(|| all["members"].as_array()).unwrap().clone();
    let called = |one: &Value| match one["name"].as_str() {
        Some(name) => name.to_owned(),
        None if one["you"] == true => "you".to_owned(),
        None => "a link".to_owned(),
    };
    let rights = |one: &Value| one["rights"].as_str().unwrap().to_owned();
    let mut all: Vec<_> = all.iter().map(|one| (called(one), rights(one))).collect();
    all.sort();
    all
}

/// The program on a machine where nobody ever used it.
fn stranger(folder: &Path, words: &[&str]) -> Ran {
    let mut command = std::process::Command::new(STRONGROOM);
    command.env_clear().env("TZ", "UTC").env("TMPDIR", folder).current_dir(folder).args(words);
    Ran::from(&command.output().unwrap())
}

#[test]
fn three_people_share_limit_and_take_away() {
    let cast = Cast::assembled();
    let Cast { provider, alice, bob, carroll } = &cast;

    // Saved, and shared in the same breath: one document, for Bob, for a time.
    let report = alice.write("report.pdf", "the first report");
    alice.ok(&["put", report.to_str().unwrap(), "/", "--grant", "Bob", "--until", "30d"]);
    writes(alice, "/diary", "for nobody");
    let invitation = waiting(bob, "invitation");
    assert_eq!(bob.run(&["ls", "report.pdf:/"]).code, 3, "nothing is mounted unasked");
    bob.ok(&["accept", "--yes", id(&invitation)]);
    reads(bob, "report.pdf:/report.pdf", "the first report");
    assert!(!bob.ok(&["ls", "report.pdf:/"]).contains("diary"));
    refused(&bob.run_with(&["put", "-", "report.pdf:/report.pdf"], b"mine"));
    cast.nobody_else_reads("Bob", "report.pdf:/report.pdf");
    assert!(alice.ok(&["grants", "/report.pdf"]).contains("Bob"));

    // Later: Carroll as well. A new version comes to both.
    alice.ok(&["grant", "/report.pdf", "Carroll", "--until", "30d"]);
    carroll.ok(&["accept", "--yes", id(&waiting(carroll, "invitation"))]);
    writes(alice, "/report.pdf", "the second report");
    for device in [bob, carroll] {
        reads(device, "report.pdf:/report.pdf", "the second report");
        assert_ne!(device.run(&["cat", "/diary"]).code, 0);
    }

    // Bob asks for more, and Alice gives him a bucket to write in.
    alice.ok(&["bucket", "create", "plans"]);
    writes(alice, "plans:/walls", "four");
    bob.ok(&["request", "Alice", "plans", "--write", "--why", "I draw the roof"]);
    let asked = waiting(alice, "request");
    assert_eq!(asked["from"], "Bob", "{asked}");
    assert!(alice.ok(&["requests"]).contains("I draw the roof"));
    alice.ok(&["approve", id(&asked), "plans", "--write", "--until", "30d"]);
    bob.ok(&["accept", "--yes", id(&waiting(bob, "invitation"))]);
    reads(bob, "plans:/walls", "four");
    writes(bob, "plans:/roof", "one");
    reads(alice, "plans:/roof", "one");
    assert_eq!(carroll.run(&["ls", "plans:/"]).code, 3);
    // And says no to Carroll.
    carroll.ok(&["request", "Alice", "plans"]);
    let asked = waiting(alice, "request");
    alice.ok(&["deny", id(&asked)]);
    assert_eq!(alice.json(&["inbox"]), serde_json::json!([]));
    assert_eq!(carroll.run(&["ls", "plans:/"]).code, 3);
    let pair = |name: &str, rights: &str| (name.to_owned(), rights.to_owned());
    assert_eq!(who(alice, "plans"), [pair("Bob", "write"), pair("you", "admin")]);
    assert_eq!(who(bob, "plans"), [pair("Alice", "admin"), pair("you", "write")]);

    // A link that opens once, for somebody with nothing but the program.
    let link = alice.json(&["link", "plans", "--uses", "1", "--until", "1d"])["link"].clone();
    let link = link.as_str().unwrap();
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let opened = stranger(first.path(), &["open", link, "out"]);
    assert_eq!(opened.code, 0, "{}", opened.err);
    assert_eq!(std::fs::read_to_string(first.path().join("out/walls")).unwrap(), "four");
    refused(&stranger(second.path(), &["open", link, "out"]));
    assert!(!second.path().join("out").exists());

    // A drop: Carroll puts in, reads nothing, and can prove it.
    let drop = alice.folder.path().join("papers.drop").display().to_string();
    alice.ok(&["drop", "create", "papers", "--out", &drop]);
    let letter = carroll.write("letter.txt", "from Carroll").display().to_string();
    let receipt = carroll.folder.path().join("receipt.json").display().to_string();
    carroll.ok(&["drop", "put", &drop, &letter, "--receipt", &receipt]);
    carroll.ok(&["drop", "check", &receipt]);
    alice.ok(&["sync"]);
    let listed = alice.json(&["drop", "ls"]);
    alice.ok(&["drop", "take", listed["messages"][0]["id"].as_str().unwrap()]);
    reads(alice, "/letter.txt", "from Carroll");

    // One of two is taken out; the other notices nothing.
    let out = alice.json(&["revoke", "/report.pdf", "Bob"]);
    assert_eq!(out["sent"], true, "{out}");
    writes(alice, "/report.pdf", "the third report");
    reads(carroll, "report.pdf:/report.pdf", "the third report");
    closed(bob);
    assert_eq!(bob.ok(&["cat", "report.pdf:/report.pdf"]), "the second report", "what he had");
    reads(alice, "plans:/roof", "one");
    writes(bob, "plans:/door", "two");

    // Time runs out: a grant of a moment is over, whoever holds what.
    alice.ok(&["bucket", "create", "moment"]);
    writes(alice, "moment:/now", "soon gone");
    alice.ok(&["grant", "moment", "Carroll", "--until", "15s"]);
    let until = alice.json(&["grants", "moment"]);
    let invited = waiting(carroll, "invitation");
    if carroll.run(&["accept", "--yes", id(&invited)]).code == 0 {
        assert_eq!(carroll.ok(&["cat", "moment:/now"]), "soon gone");
    }
    wait_past(&until);
    closed(carroll);
    writes(alice, "moment:/later", "not for Carroll");
    assert_ne!(carroll.run(&["cat", "moment:/later"]).code, 0);
    assert_eq!(who(alice, "moment"), [pair("you", "admin")]);

    // Another device of Bob's, by a code. Then it is stolen.
    let mut adding = Screen::of(bob, &["device", "add", "--yes", "--json"]);
    let code = adding.until(|line| line.starts_with("pair:").then(|| line.to_owned()));
    let phone = Device::empty();
    phone.write("code", format!("{code}\n"));
    phone.ok(&["device", "join", "--code-file", "code", "--name", "phone", "--yes"]);
    assert_eq!(adding.end().code, 0);
    // The report was closed to Bob before there was this phone.
    let told = phone.ok(&["status"]);
    assert!(told.contains("closed before this device heard of it"), "{told}");
    reads(&phone, "plans:/door", "two");
    writes(&phone, "plans:/window", "from the phone");
    reads(alice, "plans:/window", "from the phone");
    bob.ok(&["sync"]);
    bob.ok(&["device", "remove", "phone", "--yes"]);
    // The thief writes on, at home and at the provider; nobody takes it, everybody else goes on.
    let _ = phone.run_with(&["put", "-", "plans:/window"], b"from the thief");
    closed(&phone);
    writes(alice, "plans:/secret", "not for the thief");
    reads(bob, "plans:/secret", "not for the thief");
    for device in [alice, bob] {
        reads(device, "plans:/window", "from the phone");
    }
    assert_ne!(phone.run(&["cat", "plans:/secret"]).code, 0);
    let in_plans = [pair("Bob", "write"), pair("a link", "read"), pair("you", "admin")];
    assert_eq!(who(alice, "plans"), in_plans);

    for device in [alice, bob, carroll] {
        device.ok(&["verify"]);
    }
    assert!(provider.url().starts_with("http://127.0.0.1:"));
}

/// Until the last end of time in these grants is over: what is asked of the clock, not of sleep.
fn wait_past(grants: &Value) {
    let all = grants.as_array().or_else(|| grants["members"].as_array()).unwrap();
    let soon = all.iter().filter(|one| one["name"] == "Carroll");
    let until = soon.filter_map(|one| one["until"].as_u64()).max().unwrap();
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    while now().as_secs() <= until {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
