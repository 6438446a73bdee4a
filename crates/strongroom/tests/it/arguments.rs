//! What is typed wrong is answered with code 2 and a sentence, before anything is touched.

use crate::device::Device;

#[test]
fn nonsense_is_a_usage_error() {
    let device = Device::empty();
    let cases: &[&[&str]] = &[
        &[],
        &["fly"],
        &["put"],
        &["put", "a", "b"],
        &["put", "a", "b", "/c"],
        &["put", "-"],
        &["put", "-", "/into/"],
        &["get"],
        &["get", "no-slash"],
        &["get", "/"],
        &["cat", "/a/../b"],
        &["ls", "bucket:path"],
        &["mv", "/only-one"],
        &["mv", "/", "/a"],
        &["rm"],
        &["restore", "/a"],
        &["put", "--cache-size", "much", "a"],
        &["recover"],
        &["init", "--token-file", "t"],
        &["bucket"],
        &["unlock", "--for", "ever"],
        &["ls", "--passphrase", "secret"],
        &["completions", "cobol"],
    ];
    for words in cases {
        let ran = device.fails(2, words);
        assert!(ran.out.is_empty(), "{words:?}: {}", ran.out);
        assert!(!ran.err.is_empty(), "{words:?}");
    }
    assert!(!device.home.exists(), "something was made");
}

#[test]
fn without_a_vault_every_verb_says_how_to_make_one() {
    let device = Device::empty();
    let cases: &[&[&str]] = &[
        &["put", "/etc/hostname"],
        &["get", "/a"],
        &["cat", "/a"],
        &["ls"],
        &["find", "a"],
        &["mv", "/a", "/b"],
        &["rm", "/a"],
        &["undelete", "/a"],
        &["history", "/a"],
        &["restore", "/a", "--version", "1"],
        &["bucket", "ls"],
        &["sync"],
        &["status"],
        &["verify"],
        &["privacy"],
        &["unlock"],
        &["provider", "add", "http://127.0.0.1:1"],
    ];
    for words in cases {
        let ran = device.fails(3, words);
        assert!(ran.err.contains("strongroom init"), "{words:?}: {}", ran.err);
    }
    assert!(!device.home.exists(), "something was made");
}

#[test]
fn help_and_version_are_on_stdout_and_no_error() {
    let device = Device::empty();
    let help = device.ok(&["--help"]);
    for verb in ["init", "put", "recover", "privacy", "Exit codes", "STRONGROOM_HOME"] {
        assert!(help.contains(verb), "{verb} is missing: {help}");
    }
    assert!(!help.contains("agent  "), "the agent is not for people");
    assert!(device.ok(&["--version"]).starts_with("strongroom "));
    assert!(device.ok(&["put", "--help"]).contains("Examples"));
}

#[test]
fn usage_errors_are_json_for_those_who_asked_for_json() {
    let device = Device::empty();
    for words in [&["put", "--json"][..], &["--json", "fly"], &["get", "/", "--json"]] {
        let ran = device.fails(2, words);
        assert_eq!(ran.error()["exit_code"], 2, "{words:?}");
        assert_eq!(ran.error()["kind"], "usage");
    }
}

#[test]
fn each_shell_gets_its_completions() {
    let device = Device::empty();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(device.ok(&["completions", shell]).contains("undelete"), "{shell}");
    }
}

#[test]
fn the_passphrase_file_must_be_one() {
    let device = Device::alone();
    let flag = |name: &str| format!("--passphrase-file={name}");
    device.write("empty", "");
    device.write("huge", vec![b'x'; 100_000]);
    device.write("wrong", "not the passphrase\n");
    device.fails(3, &["ls", &flag("missing")]);
    device.fails(2, &["ls", &flag("empty")]);
    device.fails(2, &["ls", &flag("huge")]);
    device.fails(1, &["ls", &flag("/")]);
    let ran = device.fails(4, &["ls", &flag("wrong")]);
    assert!(!ran.err.contains("not the passphrase"), "{}", ran.err);
}
