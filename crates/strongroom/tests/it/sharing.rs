//! Three people with three programs at one provider: Alice lets Bob in, Bob writes, Alice takes him
//! out, Carroll was never in. Each step from every side.

use crate::{
    device::{Device, Ran},
    provider::Provider,
};

/// A person with a vault at this provider and a card in a file.
fn person(provider: &Provider, name: &str) -> (Device, String) {
    let device = Device::at(provider);
    let card = device.folder.path().join(format!("{name}.card")).display().to_string();
    device.ok(&["id", "export", &card]);
    (device, card)
}

fn principal(device: &Device) -> String {
    device.json(&["id", "show"])["principal"].as_str().unwrap().to_owned()
}

fn who(device: &Device) -> Vec<(String, String)> {
    let listed = device.json(&["grants", "plans"]);
    let text = |it: &serde_json::Value| it.as_str().unwrap_or("you").to_owned();
    let all = listed.as_array().unwrap().iter();
    all.map(|one| (text(&one["name"]), text(&one["rights"]))).collect()
}

fn path(device: &Device, name: &str) -> String {
    device.folder.path().join(name).display().to_string()
}

#[track_caller]
fn writes(device: &Device, words: &[&str], content: &[u8]) {
    let ran = device.run_with(words, content);
    assert_eq!(ran.code, 0, "{}", ran.err);
}

#[track_caller]
fn assert_refused(ran: &Ran, code: i32, says: &str) {
    assert_eq!(ran.code, code, "{}", ran.err);
    assert!(ran.err.contains(says), "{}", ran.err);
    assert!(ran.err.contains("hint: "), "{}", ran.err);
}

#[test]
fn a_bucket_is_given_used_and_taken_back() {
    let provider = Provider::start();
    let (alice, alices) = person(&provider, "Alice");
    let (bob, bobs) = person(&provider, "Bob");
    let (carroll, _) = person(&provider, "Carroll");
    alice.ok(&["contact", "add", &bobs, "--as", "Bob"]);
    bob.ok(&["contact", "add", &alices, "--as", "Alice"]);
    alice.ok(&["bucket", "create", "plans"]);
    writes(&alice, &["put", "-", "plans:/first"], b"from Alice");

    // Nobody is let in whose keys were never compared, nor for ever by a slip.
    let out = alice.folder.path().join("for Bob").display().to_string();
    let grant = ["grant", "plans", "Bob", "--write", "--out", &out];
    assert_refused(&alice.run(&grant), 2, "this needs a yes");
    let other = principal(&carroll);
    let wrong = [&grant[..], &["--fingerprint", &other]].concat();
    assert_refused(&alice.run(&wrong), 6, "Bob is another");
    let told = principal(&bob);
    let known = [&grant[..], &["--fingerprint", &told]].concat();
    assert_refused(&alice.run(&known), 2, "this needs a yes");
    assert!(!std::path::Path::new(&out).exists());
    alice.ok(&[&known[..], &["--until", "30d"]].concat());
    assert_refused(&alice.run(&[&known[..], &["--until", "30d"]].concat()), 7, "is there already");

    // It is for Bob, and mounts nothing before he agrees.
    assert_refused(&carroll.run(&["accept", "--yes", &out]), 1, "not for you");
    let shown = bob.ok(&["accept", "--show", &out]);
    assert!(
        shown.contains("Alice (tofu) lets you into plans") && shown.contains("write"),
        "{shown}"
    );
    assert_refused(&bob.run(&["accept", &out]), 2, "this needs a yes");
    assert_eq!(bob.run(&["ls", "plans:/"]).code, 3);
    bob.ok(&["accept", "--yes", &out]);
    assert_eq!(bob.ok(&["cat", "plans:/first"]), "from Alice");
    writes(&bob, &["put", "-", "plans:/second"], b"from Bob");
    alice.ok(&["sync"]);
    assert_eq!(alice.ok(&["cat", "plans:/second"]), "from Bob");
    let pair = |name: &str, rights: &str| (name.to_owned(), rights.to_owned());
    assert_eq!(who(&alice), [pair("you", "admin"), pair("Bob", "write")]);
    assert_eq!(who(&bob), [pair("you", "write"), pair("Alice", "admin")]);
    assert_refused(&bob.run(&["revoke", "plans", "Alice"]), 1, "you may not take Alice out");

    let removed = alice.json(&["revoke", "plans", "Bob"]);
    assert_eq!((&removed["entries"], &removed["sent"]), (&2.into(), &true.into()));
    writes(&alice, &["put", "-", "plans:/third"], b"not for Bob");
    assert_refused(&bob.run_with(&["put", "-", "plans:/fourth"], b"late"), 1, "closed to you");
    assert!(bob.fails(1, &["sync"]).err.starts_with("plans is closed to you"));
    assert_eq!(bob.run(&["cat", "plans:/third"]).code, 3);
    assert_eq!(bob.ok(&["cat", "plans:/second"]), "from Bob", "what he had is still there");
    writes(&bob, &["put", "-", "/mine"], b"his own vault goes on");
    alice.ok(&["sync"]);
    assert_eq!(alice.run(&["cat", "plans:/fourth"]).code, 3);
    assert_eq!(alice.ok(&["cat", "plans:/second"]), "from Bob");
    assert_eq!(who(&alice), [pair("you", "admin")]);
    assert_refused(&alice.run(&["revoke", "plans", "Bob"]), 3, "has no access");
    alice.ok(&["verify"]);
}

#[test]
fn somebody_is_in_from_now_on_and_leaves() {
    let provider = Provider::start();
    let (alice, alices) = person(&provider, "Alice");
    let (bob, bobs) = person(&provider, "Bob");
    alice.ok(&["contact", "add", &bobs, "--as", "Bob"]);
    bob.ok(&["contact", "add", &alices, "--as", "Alice"]);
    alice.ok(&["bucket", "create", "plans"]);
    writes(&alice, &["put", "-", "plans:/before"], b"not for Bob");
    let out = alice.folder.path().join("for Bob").display().to_string();
    let told = principal(&bob);
    let grant = ["grant", "plans", "Bob", "--from-now", "--forever", "--fingerprint", &told];
    let both = alice.run(&[&grant[..], &["--admin"]].concat());
    assert_eq!(both.code, 2, "{}", both.err);
    let said = alice.ok(&[&grant[..], &["--write", "--out", &out]].concat());
    assert!(said.contains("read and write plans from now on"), "{said}");
    bob.ok(&["accept", "--yes", &out]);
    writes(&alice, &["put", "-", "plans:/after"], b"for both");
    bob.ok(&["sync"]);
    assert_eq!(bob.ok(&["cat", "plans:/after"]), "for both");
    assert_eq!(bob.run(&["cat", "plans:/before"]).code, 3);
    assert!(bob.ok(&["verify"]).contains("from before you were let in"));
    assert!(bob.ok(&["status"]).contains("from before you were let in"));
    assert!(alice.ok(&["grants", "plans"]).contains("write, from now on"));

    let last = alice.run(&["revoke", "plans", "me"]);
    assert_refused(&last, 2, "you are the last admin of plans");
    assert!(bob.ok(&["revoke", "plans", "me"]).contains("you left plans"));
    alice.ok(&["sync"]);
    assert_eq!(who(&alice).len(), 1);
    assert_refused(&alice.run(&["revoke", "plans", "Bob"]), 3, "has no access here");
    let anew = alice.json(&["revoke", "plans", "Bob", "--deep"]);
    assert!(anew["documents"].as_u64().unwrap() >= 1, "{anew}");
    assert_eq!(alice.json(&["quarantine", "ls"]), serde_json::json!([]));
    assert_refused(&alice.run(&["quarantine", "show", "ent:aaaaaa"]), 3, "in quarantine");
}

#[test]
fn one_document_is_given_when_it_is_saved_and_closed_again() {
    let provider = Provider::start();
    let (alice, alices) = person(&provider, "Alice");
    let (bob, bobs) = person(&provider, "Bob");
    alice.ok(&["contact", "add", &bobs, "--as", "Bob"]);
    bob.ok(&["contact", "add", &alices, "--as", "Alice"]);
    let told = principal(&bob);
    let out = alice.folder.path().join("for Bob").display().to_string();
    let tax = alice.folder.path().join("tax.txt").display().to_string();
    std::fs::write(&tax, "first").unwrap();
    writes(&alice, &["put", "-", "/diary"], b"for nobody");
    let put = ["put", &tax, "/", "--grant", "Bob", "--out", &out, "--fingerprint", &told];
    assert_refused(&alice.run(&put), 2, "this needs a yes");
    assert_eq!(alice.run(&["cat", "/tax.txt"]).code, 3, "nothing was stored");
    alice.ok(&[&put[..], &["--until", "30d"]].concat());

    bob.ok(&["accept", "--yes", &out]);
    assert_eq!(bob.ok(&["cat", "tax.txt:/tax.txt"]), "first");
    assert!(!bob.ok(&["ls", "tax.txt:/", "-R"]).contains("diary"));
    assert_refused(&bob.run_with(&["put", "-", "tax.txt:/tax.txt"], b"x"), 1, "not write to it");
    // Only to read; what is more takes a bucket, and a yes.
    for more in ["--write", "--admin"] {
        let grant = ["grant", "/tax.txt", "Bob", more, "--forever", "--fingerprint", &told];
        assert_refused(&alice.run(&grant), 2, "this needs a yes");
    }
    let access = alice.json(&["grants", "/tax.txt"]);
    let lines = access.as_array().unwrap();
    assert_eq!(lines.len(), 2, "{access}");
    assert_eq!((&lines[0]["you"], &lines[0]["path"]), (&true.into(), &serde_json::Value::Null));
    assert_eq!((&lines[1]["name"], &lines[1]["path"]), (&"Bob".into(), &"/tax.txt".into()));
    assert_eq!(alice.json(&["grants", "/diary"]).as_array().unwrap().len(), 1);
    assert_eq!(alice.json(&["grants"]), access, "everything that was given away");

    let closed = alice.json(&["revoke", "/tax.txt", "Bob"]);
    assert_eq!((&closed["sent"], &closed["left"]), (&true.into(), &0.into()));
    assert_refused(&alice.run(&["revoke", "/tax.txt", "Bob"]), 3, "has no access");
    writes(&alice, &["put", "-", "/tax.txt"], b"second");
    assert!(bob.fails(1, &["sync"]).err.starts_with("tax.txt is closed to you"));
    assert_eq!(bob.ok(&["cat", "tax.txt:/tax.txt"]), "first");
    alice.ok(&["verify"]);
}

#[test]
fn a_directory_is_shared_as_a_bucket_of_its_own() {
    let provider = Provider::start();
    let (alice, alices) = person(&provider, "Alice");
    let (bob, bobs) = person(&provider, "Bob");
    alice.ok(&["contact", "add", &bobs, "--as", "Bob"]);
    bob.ok(&["contact", "add", &alices, "--as", "Alice"]);
    let source = alice.tree("photos");
    let source = source.display().to_string();
    alice.ok(&["put", &source]);
    writes(&alice, &["put", "-", "/diary"], b"not for Bob");
    let told = principal(&bob);
    let until = ["--until", "30d", "--fingerprint", &told];
    let grant = [&["grant", "/photos", "Bob"][..], &until].concat();
    let asked = alice.run(&grant);
    assert_refused(&asked, 2, "this needs a yes");
    assert!(asked.err.contains("--yes"), "{}", asked.err);
    let version = [&grant[..], &["--version", "ent:a", "--yes"]].concat();
    assert_refused(&alice.run(&version), 2, "one version is of one document");

    let given = alice.json(&[&grant[..], &["--yes"]].concat());
    let own = &given["own_bucket"];
    assert_eq!((&own["label"], &own["path"]), (&"photos".into(), &"/photos".into()), "{given}");
    assert_eq!((&given["bucket"], &given["delivered"]), (&"photos".into(), &true.into()));
    assert_eq!(alice.run(&["ls", "/photos"]).code, 3);
    alice.ok(&["get", "photos:/photos", &path(&alice, "again")]);
    crate::device::assert_same_tree(source.as_ref(), path(&alice, "again").as_ref());
    // Once more names the bucket it has become.
    assert_refused(&alice.run(&[&grant[..], &["--yes"]].concat()), 3, "give `photos`");
    let id = bob.json(&["inbox"])[0]["id"].as_str().unwrap().to_owned();
    bob.ok(&["accept", "--yes", &id]);
    bob.ok(&["get", "photos:/photos", &path(&bob, "got")]);
    crate::device::assert_same_tree(source.as_ref(), path(&bob, "got").as_ref());
    assert!(!bob.ok(&["ls", "-R", "photos:/"]).contains("diary"));

    // A document that he may write, too; what moves between buckets says so.
    let write = [&["grant", "/diary", "Bob", "--write", "--yes", "--label", "ours"][..], &until];
    let said = alice.ok(&write.concat());
    assert!(said.contains("is in a bucket of its own now: ours:/diary"), "{said}");
    let id = bob.json(&["inbox"])[0]["id"].as_str().unwrap().to_owned();
    bob.ok(&["accept", "--yes", &id]);
    writes(&bob, &["put", "-", "ours:/diary"], b"for both");
    alice.ok(&["sync"]);
    assert_eq!(alice.ok(&["cat", "ours:/diary"]), "for both");
    let moved = alice.ok(&["mv", "ours:/diary", "/mine again"]);
    assert!(moved.contains("ours:/diary is now /mine again"), "{moved}");
    bob.ok(&["sync"]);
    assert_eq!(bob.run(&["cat", "ours:/diary"]).code, 3);
    assert_eq!(alice.ok(&["cat", "/mine again"]), "for both");

    // Shared while it is stored: nothing to ask, for nothing was there.
    let letters = alice.tree("letters").display().to_string();
    let said = alice.ok(&[&["put", &letters, "--grant", "Bob"][..], &until].concat());
    assert!(said.contains("Bob may read letters"), "{said}");
    let id = bob.json(&["inbox"])[0]["id"].as_str().unwrap().to_owned();
    bob.ok(&["accept", "--yes", &id]);
    bob.ok(&["get", "letters:/letters", &path(&bob, "letters")]);
    crate::device::assert_same_tree(letters.as_ref(), path(&bob, "letters").as_ref());
    let twice = alice.run(&[&["put", &letters, "--grant", "Bob"][..], &until].concat());
    assert_refused(&twice, 7, "nothing was stored");
    assert_eq!(alice.run(&["ls", "/letters"]).code, 3);
    let again = alice.ok(&["put", &letters, "letters:/"]);
    assert!(again.contains("nothing new"), "{again}");
    // So does saying yes to who asks for one.
    alice.ok(&["put", &letters, "/wanted"]);
    bob.ok(&["request", "Alice", "/wanted"]);
    let asked = alice.json(&["requests"])[0]["id"].as_str().unwrap().to_owned();
    let approve = ["approve", &asked, "--write", "--fingerprint", &told];
    assert_refused(&alice.run(&approve), 2, "this needs a yes");
    let said = alice.ok(&[&approve[..], &["--yes"]].concat());
    assert!(said.contains("wanted:/wanted") && said.contains("read and write wanted"), "{said}");
    let id = bob.json(&["inbox"])[0]["id"].as_str().unwrap().to_owned();
    bob.ok(&["accept", "--yes", &id]);
    writes(&bob, &["put", "-", "wanted:/wanted/more"], b"from Bob");
    alice.ok(&["sync"]);
    assert_eq!(alice.ok(&["cat", "wanted:/wanted/more"]), "from Bob");
    // A link to one makes it a bucket as well.
    alice.ok(&["put", &letters, "/for all"]);
    assert_refused(&alice.run(&["link", "/for all"]), 2, "this needs a yes");
    let link = alice.json(&["link", "/for all", "--yes"])["link"].as_str().unwrap().to_owned();
    let nobody = Device::empty();
    nobody.ok(&["open", &link, &path(&nobody, "opened")]);
    let opened = format!("{}/for all", path(&nobody, "opened"));
    crate::device::assert_same_tree(letters.as_ref(), opened.as_ref());
    for device in [&alice, &bob] {
        device.ok(&["verify", "--deep"]);
    }
}

#[test]
fn an_invitation_comes_to_the_inbox_and_waits_there() {
    let provider = Provider::start();
    let (alice, alices) = person(&provider, "Alice");
    let (bob, bobs) = person(&provider, "Bob");
    alice.ok(&["contact", "add", &bobs, "--as", "Bob"]);
    bob.ok(&["contact", "add", &alices, "--as", "Alice"]);
    for bucket in ["plans", "photos"] {
        alice.ok(&["bucket", "create", bucket]);
        writes(&alice, &["put", "-", &format!("{bucket}:/first")], b"from Alice");
    }
    let told = principal(&bob);
    let until = ["--until", "30d", "--fingerprint", &told];
    let given = alice.json(&[&["grant", "plans", "Bob"][..], &until].concat());
    assert_eq!((&given["delivered"], &given["file"]), (&true.into(), &serde_json::Value::Null));
    let said = alice.ok(&[&["grant", "photos", "Bob", "--write"][..], &until].concat());
    assert!(said.contains("in Bob's inbox"), "{said}");
    assert!(!alice.folder.path().join("Bob.invitation").exists());

    // They wait; no bucket appears by itself.
    assert!(bob.ok(&["sync"]).contains("inbox: 2 messages for you"));
    assert!(bob.ok(&["status", "--offline"]).contains("inbox: 2 messages for you"));
    assert_eq!(bob.run(&["ls", "plans:/"]).code, 3);
    let waiting = bob.json(&["inbox"]);
    let of = |name: &str| {
        let all = waiting.as_array().unwrap().iter();
        let one = all.clone().find(|one| one["name"] == name).unwrap();
        assert_eq!((&one["kind"], &one["from"]), (&"invitation".into(), &"Alice".into()));
        one["id"].as_str().unwrap().to_owned()
    };
    let (plans, photos) = (of("plans"), of("photos"));
    assert!(bob.ok(&["accept", "--show", &plans]).contains("Alice (tofu) lets you into plans"));
    assert_refused(&bob.run(&["accept", &plans]), 2, "this needs a yes");
    bob.ok(&["accept", "--yes", &plans]);
    assert_eq!(bob.ok(&["cat", "plans:/first"]), "from Alice");
    bob.ok(&["decline", &photos]);
    assert_eq!(bob.json(&["inbox"]), serde_json::json!([]));
    assert_eq!(bob.run(&["ls", "photos:/"]).code, 3);
    assert_refused(&bob.run(&["accept", "--yes", &plans]), 3, "there is no message");

    // What is shared while it is saved comes there, too.
    let tax = alice.write("tax.txt", "numbers").display().to_string();
    let put = alice.json(&[&["put", &tax, "/", "--grant", "Bob"][..], &until].concat());
    assert_eq!(put["delivered"], 1);
    assert!(!alice.folder.path().join("Bob.invitation").exists());
    let document = &bob.json(&["inbox"])[0];
    assert_eq!(document["name"], "tax.txt");
    bob.ok(&["accept", "--yes", document["id"].as_str().unwrap()]);
    assert_eq!(bob.ok(&["cat", "tax.txt:/tax.txt"]), "numbers");

    // Closed, it takes nothing: the invitation is a file again.
    assert!(bob.ok(&["privacy"]).contains("there is an inbox"));
    bob.ok(&["inbox", "--close"]);
    assert!(!bob.ok(&["privacy"]).contains("there is an inbox"));
    assert_refused(&bob.run(&["inbox", "--close"]), 3, "no open inbox");
    let given = alice.json(&[&["grant", "photos", "Bob", "--write"][..], &until].concat());
    assert_eq!((&given["delivered"], &given["file"]), (&false.into(), &"Bob.invitation".into()));
    assert!(given["problem"].is_string());
    let file = alice.folder.path().join("Bob.invitation").display().to_string();
    bob.ok(&["accept", "--yes", &file]);
    assert_eq!(bob.ok(&["cat", "photos:/first"]), "from Alice");
    for device in [&alice, &bob] {
        device.ok(&["verify"]);
    }
}

#[test]
fn somebody_asks_for_a_bucket_and_is_given_it_or_not() {
    let provider = Provider::start();
    let (alice, alices) = person(&provider, "Alice");
    let (bob, _) = person(&provider, "Bob");
    bob.ok(&["contact", "add", &alices, "--as", "Alice"]);
    alice.ok(&["bucket", "create", "plans"]);
    writes(&alice, &["put", "-", "plans:/first"], b"from Alice");
    bob.ok(&["request", "Alice", "plans", "--write", "--why", "for the album"]);
    assert_eq!(bob.run(&["ls", "plans:/"]).code, 3, "asking gives nothing");

    let asked = &alice.json(&["requests"])[0];
    assert_eq!((&asked["name"], &asked["rights"]), (&"plans".into(), &"write".into()));
    assert_eq!((&asked["words"], &asked["level"]), (&"for the album".into(), &"unknown".into()));
    let id = asked["id"].as_str().unwrap();
    // Whoever asks is nobody until Alice says who it is, and compared keys with him.
    assert_refused(&alice.run(&["approve", id]), 2, "none of your contacts");
    assert_refused(&alice.run(&["approve", id, "--as", "Bob"]), 2, "this needs a yes");
    assert_refused(&alice.run(&["accept", "--yes", id]), 2, "no invitation");
    let told = principal(&bob);
    let given = alice.json(&["approve", id, "--fingerprint", &told]);
    assert_eq!((&given["rights"], &given["delivered"]), (&"read".into(), &true.into()));
    assert_eq!(alice.json(&["requests"]), serde_json::json!([]));
    let invitation = &bob.json(&["inbox"])[0];
    assert_eq!((&invitation["kind"], &invitation["from"]), (&"invitation".into(), &"Alice".into()));
    bob.ok(&["accept", "--yes", invitation["id"].as_str().unwrap()]);
    assert_eq!(bob.ok(&["cat", "plans:/first"]), "from Alice");

    // What Alice has nothing of, she names or denies.
    bob.ok(&["request", "Alice", "the secret one"]);
    let asked = &alice.json(&["requests"])[0];
    assert_eq!((&asked["from"], &asked["level"]), (&"Bob".into(), &"tofu".into()));
    let id = asked["id"].as_str().unwrap();
    assert_refused(&alice.run(&["approve", id]), 2, "you have nothing called the secret one");
    let denied = alice.json(&["deny", id, "-m", "that is Carroll's"]);
    assert_eq!(denied["told"], true);
    assert_refused(&alice.run(&["deny", id]), 3, "there is no message");
    let answer = &bob.json(&["inbox"])[0];
    assert_eq!((&answer["kind"], &answer["name"]), (&"answer".into(), &"the secret one".into()));
    assert_eq!(answer["words"], "that is Carroll's");
    bob.ok(&["decline", answer["id"].as_str().unwrap()]);
    let (carroll, carrolls) = (Device::at(&provider), bob.folder.path().join("carroll.card"));
    let carrolls = carrolls.display().to_string();
    carroll.ok(&["id", "export", "--no-inbox", &carrolls]);
    bob.ok(&["contact", "add", &carrolls, "--as", "Carroll"]);
    assert_refused(&bob.run(&["request", "Carroll", "photos"]), 2, "names no inbox");
}
