//! The device's disk is full, or fails. Whatever a person was told is true: what was acknowledged
//! is there, what failed left nothing, and it goes on when there is room.

use std::process::Command;
use std::sync::Arc;

use strongroom_client::{ErrorKind, Quiet, Unlock, Vault};
use strongroom_store::Sqlite;
use strongroom_store::faulty::{Faulty, Script};

use crate::support::{Device, PIECE, Provider, cat, get, noise, place, put, try_put};

/// The same vault over a disk that fails by a script.
fn over(device: &Device, script: Script, seed: u64) -> (Vault, Arc<Faulty<Sqlite>>) {
    let rows = Sqlite::open(&device.home.replica()).unwrap();
    let faulty = Arc::new(Faulty::scripted(rows, seed, script));
    let secret = device.vault.key_store_bytes();
    let vault = Vault::open_over(&device.home, Unlock::Opened(&secret), faulty.clone()).unwrap();
    (vault, faulty)
}

#[test]
fn a_full_disk_is_told_nothing_is_half_and_it_goes_on_when_there_is_room() {
    let alice = Device::alone();
    alice.put_text("/before", "before");
    let tree = alice.path("tree");
    for n in 0..50 {
        alice.write(&format!("tree/{n}"), format!("file {n}"));
    }
    alice.write("tree/large", noise(3 * PIECE, 1));
    // Full at every point of the put, one after the other.
    for after in 0..6 {
        let script = Script { full_after: Some(after), ..Script::default() };
        let (vault, faulty) = over(&alice, script, after);
        match try_put(&vault, &tree, &format!("/tree {after}")) {
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Full, "{error}");
                assert!(error.hint().is_some());
                assert!(faulty.fired().full > 0);
            }
            Ok(_) => assert_eq!(faulty.fired().full, 0),
        }
        assert_eq!(cat(&vault, "/before").unwrap(), b"before");
        faulty.set(Script::default());
        put(&vault, &tree, &format!("/tree {after}"));
        let back = alice.path(&format!("back {after}"));
        get(&vault, &format!("/tree {after}"), &back);
        crate::support::assert_same_tree(&tree, &back);
    }
    alice.assert_whole();
}

#[test]
fn errors_of_the_disk_lose_nothing_that_was_acknowledged() {
    let alice = Device::alone();
    let script = Script { write_error: 0.2, full: 0.1, read_error: 0.002, ..Script::default() };
    let (vault, faulty) = over(&alice, script, 11);
    let mut acknowledged = Vec::new();
    let mut failed = 0;
    for n in 0..150 {
        let file = alice.write("file", format!("content {n}"));
        match try_put(&vault, &file, &format!("/{n}")) {
            Ok(_) => acknowledged.push(n),
            Err(error) => {
                failed += 1;
                assert!(matches!(error.kind(), ErrorKind::Full | ErrorKind::Other), "{error}");
            }
        }
    }
    assert!(failed > 10 && acknowledged.len() > 10, "{failed} {}", acknowledged.len());
    assert!(faulty.fired().total() > 0);
    faulty.set(Script::default());
    for n in acknowledged {
        assert_eq!(cat(&vault, &format!("/{n}")).unwrap(), format!("content {n}").as_bytes());
    }
    alice.assert_whole();
}

#[test]
fn bits_that_rot_while_they_are_read_reach_nobody() {
    let alice = Device::alone();
    for n in 0..30 {
        alice.put_text(&format!("/{n}"), format!("content {n}"));
    }
    let (vault, faulty) = over(&alice, Script { rot_on_read: 0.05, ..Script::default() }, 5);
    let mut refused = 0;
    for round in 0..10 {
        for n in 0..30 {
            match cat(&vault, &format!("/{n}")) {
                Ok(found) => assert_eq!(found, format!("content {n}").as_bytes(), "{round}"),
                // A name that no longer matches is not found; a row that changed is damaged.
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 0 && faulty.fired().rotten_reads > 0);
    faulty.set(Script::default());
    alice.assert_whole();
}

/// A real disk that is full: a small tmpfs, where this user may mount one.
#[test]
fn a_real_full_disk_is_told_and_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let small = folder.path().join("small");
    std::fs::create_dir(&small).unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=12m", "tmpfs"])
        .arg(&small)
        .stderr(std::process::Stdio::null())
        .status();
    if !mount.is_ok_and(|status| status.success()) {
        println!("no tmpfs can be mounted here: the story is told under a limit on files instead");
        return;
    }
    let _mounted = Mounted(small.clone());
    let provider = Provider::start();
    let home = strongroom_client::Home::at(small.join("home"));
    let (vault, _) = Vault::create(&home, &crate::support::passphrase()).unwrap();
    let source = folder.path().join("source");
    std::fs::write(&source, b"small").unwrap();
    put(&vault, &source, "/small");
    // Without a provider the chunks would have to stay here, and do not fit.
    std::fs::write(&source, noise(16 * PIECE, 1)).unwrap();
    let error = try_put(&vault, &source, "/large").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full, "{error}");
    assert_eq!(cat(&vault, "/small").unwrap(), b"small");
    assert_eq!(vault.list(&place("/"), true).unwrap().len(), 1);
    // Getting onto the full disk fails, too, and leaves no half file.
    let filler = small.join("filler");
    let _ = std::fs::write(&filler, noise(12 << 20, 2));
    assert!(get_fails(&vault, &small.join("out")));
    assert!(!small.join("out").exists());
    std::fs::remove_file(&filler).unwrap();
    // With one they pass through.
    vault.add_provider(&provider.url, None).unwrap();
    std::fs::write(&source, noise(16 * PIECE, 1)).unwrap();
    assert!(put(&vault, &source, "/large").durable_remotely);
    assert!(cat(&vault, "/large").unwrap() == noise(16 * PIECE, 1));
    crate::support::assert_whole(&vault);
}

fn get_fails(vault: &Vault, to: &std::path::Path) -> bool {
    let options = strongroom_client::GetOptions::default();
    match vault.get(&place("/small"), to, &options, &Quiet) {
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Full, "{error}");
            true
        }
        Ok(_) => false,
    }
}

struct Mounted(std::path::PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
