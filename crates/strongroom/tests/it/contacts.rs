//! Alice and Bob, two homes, two processes: cards handed over, compared, fetched and exchanged
//! under their eyes.

use serde_json::{Value, json};

use crate::{
    device::{Device, Ran},
    provider::Provider,
    terminal::Terminal,
    web::Web,
};

fn fingerprint(device: &Device) -> String {
    device.json(&["id", "show"])["principal"].as_str().unwrap().to_owned()
}

/// Bob's card, brought to Alice's device under this name.
fn hand_over(from: &Device, to: &Device, name: &str) -> String {
    from.ok(&["id", "export", name, "--overwrite"]);
    let path = to.write(name, from.read(name));
    path.to_str().unwrap().to_owned()
}

fn names(device: &Device) -> Vec<String> {
    let all = device.json(&["contact", "ls"]);
    all.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

/// The same with somebody's authority trusted.
fn run_trusting(device: &Device, web: &Web, words: &[&str]) -> Ran {
    let mut command = device.command();
    command.env("STRONGROOM_CA_FILE", web.authority()).args(words);
    Ran::from(&command.output().unwrap())
}

#[test]
fn two_people_hand_each_other_cards_and_compare_sixty_digits() {
    let (alice, bob) = (Device::alone(), Device::alone());
    hand_over(&bob, &alice, "bob.card");
    hand_over(&alice, &bob, "alice.card");
    let said = alice.ok(&["contact", "add", "bob.card", "--as", "bob"]);
    assert!(said.contains(&fingerprint(&bob)) && said.contains("contact verify bob"), "{said}");
    bob.ok(&["contact", "add", "alice.card", "--as", "Alice"]);

    let shown = alice.json(&["contact", "verify", "bob"]);
    let digits: Vec<&str> =
        shown["groups"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    assert_eq!((digits.len(), digits.concat().len()), (12, 60));
    assert_eq!(shown["groups"], bob.json(&["contact", "verify", "alice"])["groups"]);
    // Showing them to a script, or with --yes, compares nothing.
    alice.ok(&["contact", "verify", "bob", "--yes"]);
    assert_eq!(alice.json(&["contact", "show", "bob"])["level"], "tofu");

    let wrong = digits.concat().replace(&digits.concat()[..1], "x");
    alice.fails(2, &["contact", "verify", "bob", "--number", &wrong]);
    let mut turned = digits.clone();
    turned.rotate_left(1);
    let ran = alice.fails(6, &["contact", "verify", "bob", "--number", &turned.join(" ")]);
    assert!(ran.err.contains("newest cards"), "{}", ran.err);
    assert_eq!(alice.json(&["contact", "show", "bob"])["level"], "tofu");
    alice.ok(&["contact", "verify", "bob", "--number", &digits.join(" ")]);
    assert_eq!(alice.json(&["contact", "show", "bob"])["level"], "verified");
    assert!(alice.ok(&["contact", "ls"]).contains("verified"));
}

#[test]
fn a_person_at_a_terminal_types_yes_and_nothing_else_is_a_comparison() {
    let (alice, bob) = (Device::alone(), Device::alone());
    hand_over(&bob, &alice, "bob.card");
    alice.ok(&["contact", "add", "bob.card", "--as", "bob"]);
    let groups = alice.json(&["contact", "verify", "bob"])["groups"].clone();
    for (words, typed, code, level) in [
        (&["contact", "verify", "bob"][..], "no\n", 2, "tofu"),
        (&["contact", "verify", "bob", "--yes"], "y\n", 2, "tofu"),
        (&["contact", "verify", "bob"], "yes\n", 0, "verified"),
    ] {
        let mut terminal = Terminal::run(&alice, words);
        let shown = terminal.until("(yes/no) ");
        for group in groups.as_array().unwrap() {
            assert!(shown.contains(group.as_str().unwrap()), "{shown}");
        }
        terminal.press(typed);
        let rest = terminal.rest();
        assert_eq!(terminal.code(), code, "{rest}");
        assert_eq!(alice.json(&["contact", "show", "bob"])["level"], level);
    }
}

#[test]
fn a_card_goes_down_a_pipe_through_mail_and_into_the_wrong_hands() {
    let (alice, bob) = (Device::alone(), Device::alone());
    let card = bob.ok(&["id", "export", "-", "--name", "Bob"]);
    assert!(card.starts_with("-----BEGIN STRONGROOM CARD-----\n"), "{card}");
    assert!(!bob.ok(&["id", "export"]).contains(&card[40..100]), "no name unless asked for");
    let mail = format!("Hi Alice,\r\n\r\n> {}\r\nBob\r\n", card.replace('\n', "\r\n> "));
    let ran = alice.run_with(&["contact", "add", "-", "--json"], mail.as_bytes());
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.json()["name"], "Bob");
    assert_eq!(ran.json()["claimed_name"], "Bob");

    let line = card.lines().nth(3).unwrap();
    for (damaged, code, word) in [
        (card.replace(line, &line.replace(&line[..1], "+")), 6, "checksum"),
        (card[..card.len() / 2].to_owned(), 6, "cut"),
        (card.repeat(2), 6, "more than one"),
        ("Dear Alice, my card is attached".to_owned(), 2, "leads to nobody"),
    ] {
        let ran = alice.run_with(&["contact", "add", "-", "--as", "x"], damaged.as_bytes());
        assert_eq!(ran.code, code, "{}", ran.err);
        assert!(ran.err.contains(word) && ran.err.contains("hint: "), "{word}: {}", ran.err);
    }
    alice.fails(3, &["contact", "add", "no-such-file", "--as", "x"]);
    let ran = bob.fails(7, &["id", "export", "passphrase"]);
    assert!(ran.err.contains("--overwrite"), "{}", ran.err);
    assert_eq!(names(&alice), ["Bob"]);
}

#[test]
fn changed_keys_are_a_full_stop_until_the_new_fingerprint_is_named() {
    let (alice, bob, mallory) = (Device::alone(), Device::alone(), Device::alone());
    hand_over(&bob, &alice, "bob.card");
    hand_over(&mallory, &alice, "new.card");
    alice.ok(&["contact", "add", "bob.card", "--as", "bob"]);
    let before = (alice.json(&["contact", "ls"]), alice.json(&["verify"])["entries"].clone());
    let (old, new) = (fingerprint(&bob), fingerprint(&mallory));
    for words in [
        &["contact", "add", "new.card", "--as", "bob"][..],
        &["contact", "add", "new.card", "--as", "bob", "--yes"],
        &["contact", "update", "bob", "new.card"],
        &["contact", "verify", "bob", "--card", "new.card"],
    ] {
        let ran = alice.fails(6, words);
        assert!(ran.err.contains(&old) && ran.err.contains(&new), "{}", ran.err);
        assert!(ran.err.contains("nothing was changed"), "{}", ran.err);
        let error = alice.run(&[words, &["--json"]].concat()).error();
        assert_eq!(error["kind"], "damaged");
    }
    let words = ["contact", "update", "bob", "new.card", "--fingerprint"];
    alice.fails(6, &[&words[..], &[&old]].concat());
    alice.fails(2, &[&words[..], &[&new[..20]]].concat());
    let after = (alice.json(&["contact", "ls"]), alice.json(&["verify"])["entries"].clone());
    assert_eq!(before, after);
    let said = alice.ok(&[&words[..], &[&new]].concat());
    assert!(said.contains("(tofu)"), "{said}");
    assert_eq!(names(&alice), ["bob"]);
}

#[test]
fn a_code_on_a_screen_is_drawn_read_and_compared() {
    let (alice, bob) = (Device::alone(), Device::alone());
    hand_over(&bob, &alice, "bob.card");
    alice.ok(&["contact", "add", "bob.card", "--as", "bob"]);
    let drawn = bob.ok(&["id", "qr"]);
    let lines: Vec<&str> = drawn.lines().collect();
    let text = *lines.last().unwrap();
    assert!(text.starts_with("STRONGROOM:"), "{drawn}");
    assert!(lines[0].chars().all(|c| c == '█') && lines[0].chars().count() < 80, "{drawn}");
    assert_eq!(bob.json(&["id", "qr"])["text"], text);

    let own = alice.json(&["id", "qr"])["text"].as_str().unwrap().to_owned();
    alice.fails(6, &["contact", "verify", "bob", "--card", &own]);
    alice.fails(6, &["contact", "verify", "bob", "--card", &text[..text.len() - 8]]);
    alice.write("code.txt", format!("{}\n", text.to_lowercase()));
    alice.ok(&["contact", "verify", "bob", "--card", "code.txt"]);
    assert_eq!(alice.json(&["contact", "show", "bob"])["level"], "verified");

    // Without a place in it, it leads to nobody.
    let ran = Device::alone().fails(2, &["contact", "add", text, "--as", "bob"]);
    assert!(ran.err.contains("--fingerprint"), "{}", ran.err);
    bob.fails(2, &["id", "qr", "--at", "bob.example"]);
}

#[test]
fn a_card_on_the_web_and_a_did_web_lead_to_the_same_keys_over_tls() {
    let web = Web::start();
    let (alice, bob, mallory) = (Device::alone(), Device::alone(), Device::alone());
    let url = web.put("/people/bob.card", &bob.ok(&["id", "export"]));
    let did = format!("did:web:localhost%3A{}:people:bob", web.port);
    let document = |endpoint: &str, principal: &str| {
        let service = json!({
            "id": format!("{did}#card"),
            "type": "StrongroomCard",
            "serviceEndpoint": endpoint,
            "principal": principal,
        });
        let keys = json!([{"id": "#0", "type": "JsonWebKey2020", "publicKeyJwk": {"kty": "OKP"}}]);
        json!({"id": did, "verificationMethod": keys, "service": [service]}).to_string()
    };
    web.put("/people/bob/did.json", &document(&url, &fingerprint(&bob)));

    // A stranger's authority is not trusted by itself.
    let ran = alice.fails(1, &["contact", "add", &url, "--as", "bob"]);
    assert!(ran.err.contains("STRONGROOM_CA_FILE"), "{}", ran.err);
    let ran = run_trusting(&alice, &web, &["contact", "add", &did, "--as", "bob", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.json()["principal"], fingerprint(&bob));
    assert_eq!(ran.json()["aliases"], json!([{"uri": did, "claimed_back": false}]));
    let ran = run_trusting(&alice, &web, &["contact", "add", &url, "--json"]);
    assert_eq!(ran.json()["aliases"].as_array().unwrap().len(), 2, "{}", ran.err);
    assert_eq!(ran.json()["level"], "tofu", "one host twice is one way");
    assert_eq!(run_trusting(&alice, &web, &["contact", "update", "bob"]).code, 0);

    // Bob claims it back, and his code says it by itself; Alice's device sees both.
    bob.ok(&["id", "alias", &url]);
    bob.fails(7, &["id", "alias", &url]);
    bob.fails(2, &["id", "alias", "bob"]);
    assert_eq!(bob.json(&["id", "qr"])["at"], json!(url));
    web.put("/people/bob.card", &bob.ok(&["id", "export"]));
    assert_eq!(run_trusting(&alice, &web, &["contact", "update", "bob"]).code, 0);
    let shown = alice.ok(&["contact", "show", "bob"]);
    assert!(shown.contains("their key log says so, too"), "{shown}");

    // A code that says where: what is there must be what the code says.
    let code = bob.json(&["id", "qr", "--at", &url])["text"].as_str().unwrap().to_owned();
    let carroll = Device::alone();
    let ran = run_trusting(&carroll, &web, &["contact", "add", &code, "--as", "bob", "--json"]);
    assert_eq!(ran.json()["principal"], fingerprint(&bob), "{}", ran.err);

    // The host turns.
    web.put("/people/bob.card", &mallory.ok(&["id", "export"]));
    for source in [&did, &url] {
        let ran = run_trusting(&alice, &web, &["contact", "add", source]);
        assert_eq!(ran.code, 6, "{}", ran.err);
    }
    let ran = run_trusting(&alice, &web, &["contact", "update", "bob"]);
    assert_eq!(ran.code, 6, "{}", ran.err);
    let fresh = Device::alone();
    for promise in [&code, &did] {
        let ran = run_trusting(&fresh, &web, &["contact", "add", promise, "--as", "bob"]);
        assert_eq!(ran.code, 6, "{}", ran.err);
        assert!(ran.err.contains("promised"), "{}", ran.err);
    }
    // Nobody who has pinned nothing and is promised nothing can know.
    assert_eq!(run_trusting(&fresh, &web, &["contact", "add", &url, "--as", "bob"]).code, 0);
    web.put("/people/bob/did.json", "<html>sold</html>");
    assert_eq!(run_trusting(&alice, &web, &["contact", "add", &did]).code, 1);
    assert_eq!(run_trusting(&alice, &web, &["contact", "add", &format!("{url}x")]).code, 3);
    alice.fails(2, &["contact", "add", "http://cards.example/bob", "--as", "x"]);
    alice.fails(2, &["contact", "add", "did:example:bob", "--as", "x"]);
}

#[test]
fn a_did_key_is_a_contact_nothing_can_be_granted_to() {
    let alice = Device::alone();
    let did = "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp";
    let one = alice.json(&["contact", "add", did, "--as", "service"]);
    assert_eq!((&one["can_receive"], &one["events"]), (&json!(false), &json!(0)));
    assert!(alice.ok(&["contact", "show", "service"]).contains("not yet"));
    alice.ok(&["contact", "rename", "service", "billing"]);
    assert_eq!(alice.json(&["contact", "update", "billing"])["name"], "billing");
    alice.ok(&["contact", "rm", "Billing"]);
    assert_eq!(alice.json(&["contact", "ls"]), json!([]));
    alice.fails(3, &["contact", "show", "billing"]);
}

#[test]
fn the_second_device_and_the_words_know_whom_the_first_one_knew() {
    let provider = Provider::start();
    let alice = Device::empty();
    let made: Value = alice.json(&["init", "--provider", provider.url()]);
    let bob = Device::alone();
    hand_over(&bob, &alice, "bob.card");
    alice.ok(&["contact", "add", "bob.card", "--as", "bob"]);
    let code = bob.json(&["id", "qr"])["text"].as_str().unwrap().to_owned();
    alice.ok(&["contact", "verify", "bob", "--card", &code]);
    let second = Device::empty();
    second.write("phrase", made["phrase"].as_str().unwrap());
    second.ok(&["recover", "--provider", provider.url(), "--phrase-file", "phrase"]);
    assert_eq!(second.json(&["contact", "ls"]), alice.json(&["contact", "ls"]));
    assert_eq!(second.json(&["contact", "show", "bob"])["level"], "verified");
    // Both devices are the same person: Bob's pin of the first card takes the second one's.
    hand_over(&alice, &bob, "before.card");
    bob.ok(&["contact", "add", "before.card", "--as", "alice"]);
    hand_over(&second, &bob, "after.card");
    let one = bob.json(&["contact", "update", "alice", "after.card"]);
    assert_eq!(one["principal"], fingerprint(&second));
    assert_eq!(second.json(&["id", "show"])["devices"].as_array().unwrap().len(), 2);
}

#[test]
fn completions_and_help_know_the_words() {
    let device = Device::empty();
    for shell in ["bash", "zsh", "fish"] {
        let script = device.ok(&["completions", shell]);
        for word in ["contact", "export", "fingerprint"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    assert!(device.ok(&["contact", "add", "--help"]).contains("full"));
}
