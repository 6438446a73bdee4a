//! Stories of checkpoints: when a device writes one, what it costs, and what becomes of them.

use strongroom_client::{Home, Quiet, Unlock, Vault};

use crate::support::{Device, Provider, passphrase, put};

/// Entries of the default bucket.
fn entries(vault: &Vault) -> u64 {
    vault.get_bucket("main").unwrap().entries
}

fn requests(vault: &Vault) -> u64 {
    vault.privacy().unwrap()[0].requests
}

/// A directory with this many files.
fn files(device: &Device, name: &str, count: usize) -> std::path::PathBuf {
    for no in 0..count {
        device.write(&format!("{name}/{no}"), format!("{no}"));
    }
    device.path(name)
}

#[test]
fn the_sixty_fourth_entry_brings_a_checkpoint_along() {
    let device = Device::at(&Provider::start());
    let before = entries(&device.vault);
    put(&device.vault, &files(&device, "many", 62), "/many");
    assert_eq!(entries(&device.vault) - before, 63, "a directory and its files, and no more");
    device.put_text("/one", "one");
    assert_eq!(entries(&device.vault) - before, 65, "the 64th, and a checkpoint");
    device.put_text("/two", "two");
    assert_eq!(entries(&device.vault) - before, 66);
}

#[test]
fn a_large_put_has_one_checkpoint_a_transaction() {
    let provider = Provider::start();
    let device = Device::at(&provider);
    let before = entries(&device.vault);
    put(&device.vault, &files(&device, "many", 2_500), "/many");
    let more = entries(&device.vault) - before - 2_501;
    assert!((1..=2).contains(&more), "{more} checkpoints");
    device.assert_whole();
}

#[test]
fn sync_says_what_nothing_covers_once_and_asks_no_more_for_it() {
    let provider = Provider::start();
    let device = Device::at(&provider);
    device.sync();
    let (before, asked) = (entries(&device.vault), requests(&device.vault));
    device.sync();
    let idle = requests(&device.vault) - asked;
    assert_eq!(entries(&device.vault), before, "nothing to say");
    device.put_text("/one", "one");
    let asked = requests(&device.vault);
    device.sync();
    assert_eq!(entries(&device.vault), before + 2, "the letter and a checkpoint");
    assert!(requests(&device.vault) - asked <= idle, "no request more than without");
    device.sync();
    assert_eq!(entries(&device.vault), before + 2, "a checkpoint covers itself");
    let other = device.second(&provider);
    other.sync();
    device.sync();
    for one in [&device, &other] {
        assert_eq!(one.vault.withheld().unwrap(), []);
        one.assert_whole();
    }
}

#[test]
fn offline_nothing_is_said_for_nobody_hears_it() {
    let provider = Provider::start();
    let device = Device::at(&provider);
    let _away = provider.stop();
    device.put_text("/one", "one");
    let before = entries(&device.vault);
    assert_eq!(device.vault.sync(&Quiet).unwrap().unreachable.len(), 1);
    assert_eq!(entries(&device.vault), before);
}

#[test]
fn a_restored_device_that_had_said_something_new_says_it_again_as_another() {
    let provider = Provider::start();
    let device = Device::at(&provider);
    let copy = tempfile::tempdir().unwrap();
    let from = device.home.path().join(".");
    let copied = std::process::Command::new("cp").arg("-a").arg(from).arg(copy.path()).status();
    assert!(copied.unwrap().success());
    device.put_text("/one", "one");
    device.sync();
    // The backup writes enough for a checkpoint of its own at the same places, offline.
    let away = provider.stop();
    let home = Home::at(copy.path());
    let restored = Vault::open(&home, Unlock::Passphrase(&passphrase())).unwrap();
    put(&restored, &files(&device, "many", 70), "/many");
    let provider = away.back();
    restored.sync(&Quiet).unwrap();
    assert_eq!(restored.sync(&Quiet).unwrap().refused, []);
    assert_eq!(restored.withheld().unwrap(), []);
    assert_eq!(restored.forks().unwrap(), []);
    let other = device.second(&provider);
    assert_eq!(other.cat("/many/69"), b"69");
    assert_eq!(other.cat("/one"), b"one");
    other.assert_whole();
}

#[test]
fn the_writes_of_ten_minutes_ago_are_covered_by_the_next() {
    let device = Device::at(&Provider::start());
    device.put_text("/one", "one");
    let before = entries(&device.vault);
    let later = device.open().at_time(601_000);
    let file = device.write("two", "two");
    put(&later, &file, "/two");
    assert_eq!(entries(&later), before + 2, "the second letter and a checkpoint");
}
