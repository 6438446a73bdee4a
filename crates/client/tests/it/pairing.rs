//! Alice makes another device one of hers, without her 24 words: two devices, two screens, and the
//! real provider they meet at.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use strongroom_client::{
    CodeKind, Error, ErrorKind, GivenCode, Home, JoinedInfo, PairingPerson, Progress, Quiet,
    Result, ShownCode, Vault,
};

use crate::support::{Device, Provider, assert_same_tree, get, passphrase, put, tree};

/// A person before one of the two devices, who sees the screen of the other as well.
struct Person {
    codes: Option<Sender<(String, String)>>,
    mine: Sender<String>,
    theirs: Receiver<String>,
    /// What they say if the words are the same.
    answer: bool,
}

impl PairingPerson for Person {
    fn code(&self, shown: &ShownCode<'_>) -> Result<(), Error> {
        let codes = self.codes.as_ref().expect("only the old device shows a code");
        codes.send((shown.code.to_owned(), shown.url.to_owned())).unwrap();
        Ok(())
    }

    fn same(&self, words: &[&str; 6]) -> Result<bool, Error> {
        let _ = self.mine.send(words.join(" "));
        Ok(self.answer && self.theirs.recv().is_ok_and(|theirs| theirs == words.join(" ")))
    }
}

/// Ctrl-C, once it was pressed.
#[derive(Default)]
struct Stop(AtomicBool);

impl Progress for Stop {
    fn cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Two people who see each other's screens, and the code that comes from the first.
fn people(one: bool, other: bool) -> (Person, Person, Receiver<(String, String)>) {
    let (codes, code) = channel();
    let (to_other, from_one) = channel();
    let (to_one, from_other) = channel();
    let host = Person { codes: Some(codes), mine: to_other, theirs: from_other, answer: one };
    let guest = Person { codes: None, mine: to_one, theirs: from_one, answer: other };
    (host, guest, code)
}

/// Both sides at once, each to its end. The guest has a new home in a new folder.
fn try_pair(
    old: &Device,
    kind: CodeKind,
    (one, other): (bool, bool),
) -> (Result<JoinedInfo>, Result<Device>) {
    let (host, guest, code) = people(one, other);
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("home"));
    let (added, joined) = std::thread::scope(|threads| {
        let adding = threads.spawn(|| {
            let host = host;
            old.vault.add_device(kind, &host, &Quiet)
        });
        let (code, url) = code.recv().unwrap();
        let code = GivenCode::parse(&code, Some(&url)).unwrap();
        let joined = Vault::join_by_code(&home, code, &passphrase(), "phone", &guest, &Quiet);
        drop(guest);
        (adding.join().unwrap(), joined)
    });
    let phrase = old.phrase.clone();
    (added, joined.map(|vault| Device { folder, home, phrase, vault }))
}

/// A new device of the person's whose device this is.
pub fn paired(old: &Device, kind: CodeKind) -> Device {
    let (added, joined) = try_pair(old, kind, (true, true));
    let joined = joined.unwrap();
    let added = added.unwrap();
    assert!(added.answered && added.name.as_deref() == Some("phone"), "{added:?}");
    joined
}

#[test]
fn a_new_device_comes_by_a_code_and_six_words_and_has_everything() {
    let provider = Provider::start();
    let laptop = Device::at(&provider);
    let source = laptop.path("source");
    tree(&source);
    put(&laptop.vault, &source, "/tree");
    laptop.vault.create_bucket("letters").unwrap();
    laptop.put_text("letters:/to Bob", "Dear Bob");
    for kind in [CodeKind::Long, CodeKind::Short] {
        let phone = paired(&laptop, kind);
        get(&phone.vault, "/tree", &phone.path("back"));
        assert_same_tree(&source, &phone.path("back"));
        assert_eq!(phone.cat("letters:/to Bob"), b"Dear Bob");
        // It is no copy that can only read, nor one that only this process can open.
        phone.put_text("letters:/to Carroll", format!("Dear Carroll, by {kind:?}"));
        laptop.sync();
        let dear = format!("Dear Carroll, by {kind:?}");
        assert_eq!(laptop.cat("letters:/to Carroll"), dear.as_bytes());
        drop(phone.open());
        phone.sync();
        phone.assert_whole();
    }
    laptop.sync();
    laptop.assert_whole();
    let devices = laptop.vault.devices(true).unwrap();
    assert_eq!(devices.len(), 3);
    assert!(devices[0].this && devices[0].added_by.is_none());
    let here: String = devices[0].device.chars().take(12).collect();
    for phone in &devices[1..] {
        assert_eq!(phone.name.as_deref(), Some("phone"));
        assert_eq!(phone.added_by.as_deref(), Some(here.as_str()));
        assert!(phone.seen.is_some() && phone.removed.is_none());
    }
}

#[test]
fn who_sees_other_words_says_no_and_nothing_was_changed() {
    let provider = Provider::start();
    let laptop = Device::at(&provider);
    for answers in [(true, false), (false, true), (false, false)] {
        let (added, joined) = try_pair(&laptop, CodeKind::Short, answers);
        let (added, joined) = (added.unwrap_err(), joined.map(drop).unwrap_err());
        assert_eq!(added.kind(), ErrorKind::Refused, "{added}");
        assert_eq!(joined.kind(), ErrorKind::Refused, "{joined}");
        assert!(added.hint().is_some() && joined.hint().is_some());
    }
    assert_eq!(laptop.vault.devices(true).unwrap().len(), 1);
    // It is in nobody's way.
    let phone = paired(&laptop, CodeKind::Long);
    assert_eq!(phone.vault.devices(false).unwrap().len(), 2);
}

#[test]
fn a_code_that_is_none_or_of_yesterday_or_used_is_told_as_that() {
    let provider = Provider::start();
    let laptop = Device::at(&provider);
    for text in ["", "12345678", "pair:", "pair:abc", "hello"] {
        let error = GivenCode::parse(text, Some(&provider.url)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{text}");
    }
    assert_eq!(GivenCode::parse("123-456-789", None).unwrap_err().kind(), ErrorKind::Usage);
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("home"));
    let join = |code: &str, guest: &Person| {
        let code = GivenCode::parse(code, Some(&provider.url)).unwrap();
        Vault::join_by_code(&home, code, &passphrase(), "", guest, &Quiet).map(drop)
    };
    let (host, guest, code) = people(true, false);
    let unknown = join("123-456-789", &guest).unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::NotFound, "{unknown}");
    assert!(!home.exists());
    std::thread::scope(|threads| {
        let adding = threads.spawn(|| {
            let host = host;
            laptop.vault.add_device(CodeKind::Long, &host, &Quiet)
        });
        let (code, _) = code.recv().unwrap();
        join(&code, &guest).unwrap_err();
        let again = join(&code, &guest).unwrap_err();
        assert_eq!(again.kind(), ErrorKind::Refused, "{again}");
        assert!(again.to_string().contains("already"), "{again}");
        drop(guest);
        adding.join().unwrap().unwrap_err();
    });
    assert!(!home.exists(), "nothing was made here");
}

#[test]
fn ctrl_c_on_either_side_ends_it_and_the_next_try_works() {
    let provider = Provider::start();
    let laptop = Device::at(&provider);
    let (host, _, code) = people(true, true);
    let stop = Stop::default();
    std::thread::scope(|threads| {
        let adding = threads.spawn(|| {
            let host = host;
            laptop.vault.add_device(CodeKind::Short, &host, &stop)
        });
        code.recv().unwrap();
        stop.0.store(true, Ordering::Relaxed);
        assert_eq!(adding.join().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
    });
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("home"));
    let (host, guest, code) = people(true, true);
    std::thread::scope(|threads| {
        let adding = threads.spawn(|| {
            let host = host;
            laptop.vault.add_device(CodeKind::Short, &host, &Quiet)
        });
        let (code, url) = code.recv().unwrap();
        let code = GivenCode::parse(&code, Some(&url)).unwrap();
        let ended = Vault::join_by_code(&home, code, &passphrase(), "", &guest, &stop);
        assert_eq!(ended.map(drop).unwrap_err().kind(), ErrorKind::Cancelled);
        drop(guest);
        // The old device hears of it, and need not wait for ten minutes.
        assert_eq!(adding.join().unwrap().unwrap_err().kind(), ErrorKind::Refused);
    });
    assert!(!home.exists());
    paired(&laptop, CodeKind::Short);
}

#[test]
fn a_vault_without_a_provider_says_where_devices_meet() {
    let alone = Device::alone();
    let (host, ..) = people(true, true);
    let error = alone.vault.add_device(CodeKind::Long, &host, &Quiet).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.hint().unwrap().contains("provider add"));
}
