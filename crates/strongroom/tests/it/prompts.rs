//! A person at a terminal: what is asked, what is not shown, what a wrong answer gets.

use crate::{device::Device, terminal::Terminal};

/// Types an init to its end; gives the words it showed.
fn init(device: &Device, passphrase: &str) -> Vec<String> {
    let mut terminal = Terminal::run_without_passphrase_file(device, &["init"]);
    terminal.until("New passphrase for this device: ");
    terminal.press(&format!("{passphrase}\n"));
    terminal.until("The same again: ");
    terminal.press(&format!("{passphrase}\n"));
    let mut shown = terminal.until("Word ");
    assert!(!shown.contains(passphrase), "the passphrase was shown");
    let words = words_on(&shown);
    for round in 0..3 {
        shown = terminal.until(": ");
        let at: usize = shown.trim_end_matches(": ").parse().unwrap();
        if round == 0 {
            terminal.press("wrong\n");
            terminal.until("That is not it");
            terminal.until(&format!("Word {at}: "));
        }
        terminal.press(&format!("{}\n", words[at - 1]));
        terminal.until(if round == 2 { "Right." } else { "Word " });
    }
    terminal.rest();
    assert_eq!(terminal.code(), 0);
    words
}

/// The numbered words of the table that `init` shows.
fn words_on(screen: &str) -> Vec<String> {
    let table = screen.rsplit("Nothing shows them again.").next().unwrap();
    let mut words: Vec<(usize, String)> = Vec::new();
    let tokens: Vec<&str> = table.split_whitespace().collect();
    for pair in tokens.windows(2) {
        if let Ok(number) = pair[0].parse() {
            words.push((number, pair[1].to_owned()));
        }
    }
    words.sort();
    assert_eq!(words.len(), 24, "{table}");
    words.into_iter().map(|(_, word)| word).collect()
}

#[test]
fn init_asks_for_three_words_back_and_the_passphrase_opens_the_vault() {
    let device = Device::empty();
    let words = init(&device, "typed passphrase");
    assert!(words.iter().all(|word| word.chars().all(|c| c.is_ascii_lowercase())), "{words:?}");
    let mut terminal = Terminal::run_without_passphrase_file(&device, &["ls", "-l"]);
    terminal.until("Passphrase: ");
    terminal.press("typed passphrase\n");
    let shown = terminal.rest();
    assert_eq!(terminal.code(), 0, "{shown}");
    assert!(!shown.contains("typed passphrase"));
    let mut terminal = Terminal::run_without_passphrase_file(&device, &["ls"]);
    terminal.until("Passphrase: ");
    terminal.press("another passphrase\n");
    let shown = terminal.rest();
    assert_eq!(terminal.code(), 4, "{shown}");
}

#[test]
fn two_different_passphrases_make_no_vault() {
    let device = Device::empty();
    let mut terminal = Terminal::run_without_passphrase_file(&device, &["init"]);
    terminal.until("New passphrase for this device: ");
    terminal.press("one\n");
    terminal.until("The same again: ");
    terminal.press("other\n");
    assert!(terminal.rest().contains("not the same"));
    assert_eq!(terminal.code(), 2);
    assert!(!device.home.join("keystore").exists());
}

#[test]
fn ctrl_c_in_a_prompt_ends_it_and_gives_the_echo_back() {
    let device = Device::alone();
    let mut terminal = Terminal::run_without_passphrase_file(&device, &["ls"]);
    terminal.until("Passphrase: ");
    assert!(!terminal.echoes(), "the echo goes before the prompt comes");
    terminal.press("\u{3}");
    terminal.rest();
    assert_eq!(terminal.code(), 130);
}

#[test]
fn without_a_terminal_and_a_file_nobody_waits_for_an_answer() {
    let device = Device::alone();
    let output = device.without_passphrase_file().arg("ls").output().unwrap();
    let ran = crate::device::Ran::from(&output);
    assert_eq!(ran.code, 4);
    assert!(ran.err.contains("strongroom unlock"), "{}", ran.err);
    let output = device.command().env("STRONGROOM_PASSPHRASE_FILE", "").arg("ls").output().unwrap();
    assert_eq!(crate::device::Ran::from(&output).code, 4, "an empty name is no name");
    let fresh = Device::empty();
    let output = fresh.without_passphrase_file().args(["init", "--yes"]).output().unwrap();
    let ran = crate::device::Ran::from(&output);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("--passphrase-file"), "{}", ran.err);
    let ran = fresh.run(&["init"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("--yes"), "{}", ran.err);
}

#[test]
fn who_closes_a_bucket_for_good_is_asked() {
    let device = Device::alone();
    device.ok(&["bucket", "create", "old"]);
    for (answer, code) in [("\n", 1), ("n\n", 1), ("y\n", 0)] {
        let mut terminal = Terminal::run(&device, &["bucket", "deactivate", "old"]);
        terminal.until("Sure? [y/N] ");
        terminal.press(answer);
        let shown = terminal.rest();
        assert_eq!(terminal.code(), code, "{shown}");
        let active = device.json(&["bucket", "show", "old"])["active"].as_bool().unwrap();
        assert_eq!(active, code != 0, "{shown}");
    }
    // Doing it again changes nothing, so nothing is asked.
    let mut terminal = Terminal::run(&device, &["bucket", "deactivate", "old"]);
    assert!(!terminal.rest().contains("Sure?"));
}
