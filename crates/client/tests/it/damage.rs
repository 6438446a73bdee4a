//! One byte anywhere is wrong: on this device or at the provider. It is refused before a byte of it
//! reaches the person, it is named, and `verify` finds all of it.

use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use strongroom_client::{
    Error, ErrorKind, Home, Passphrase, PutOptions, Quiet, Source, Unlock, Vault, VerifyReport,
};

use crate::support::{Device, Dice, PIECE, Provider, cat, noise, passphrase, place, put, snapshot};

/// A vault with a bit of everything; gives what `cat` must say.
fn filled(device: &Device) -> Vec<(String, Vec<u8>)> {
    let mut wanted = Vec::new();
    for n in 0..12_u8 {
        let (at, content) = (format!("/dir {}/letter {n}", n % 3), vec![n; 100]);
        device.put_text(&at, &content);
        wanted.push((at, content));
    }
    for n in 0..3 {
        let (at, content) = (format!("/large {n}"), noise(2 * PIECE + 7, n));
        let file = device.write("large", &content);
        put(&device.vault, &file, &at);
        wanted.push((at, content));
    }
    wanted
}

/// Every read gives the right bytes or an error that is fit for it; gives how many failed.
#[track_caller]
fn assert_right_or_refused(vault: &Vault, wanted: &[(String, Vec<u8>)]) -> usize {
    let mut failed = 0;
    for (at, content) in wanted {
        match cat(vault, at) {
            Ok(found) => assert!(found == *content, "{at}"),
            Err(error) => {
                failed += 1;
                // With the name of its epoch changed, an entry has no key.
                let fit = matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Locked);
                assert!(fit, "{at}: {error}");
                assert!(!error.to_string().is_empty());
            }
        }
    }
    failed
}

fn rows(path: &Path) -> Vec<(i64, Vec<u8>, Vec<u8>)> {
    let db = Connection::open(path).unwrap();
    let mut statement = db.prepare("SELECT id, k, v FROM rows ORDER BY k").unwrap();
    let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    found.unwrap().map(Result::unwrap).collect()
}

fn set(path: &Path, id: i64, value: &[u8]) {
    let db = Connection::open(path).unwrap();
    let changed = db.execute("UPDATE rows SET v = ?1 WHERE id = ?2", (value, id)).unwrap();
    assert_eq!(changed, 1);
}

fn verified(vault: Result<Vault, Error>) -> Result<VerifyReport, Error> {
    vault.and_then(|vault| vault.verify(true, &Quiet))
}

#[test]
fn a_flipped_byte_in_any_row_of_the_replica_is_refused_and_verify_names_it() {
    let alice = Device::alone();
    let wanted = filled(&alice);
    alice.assert_whole();
    let secret = alice.vault.key_store_bytes();
    let path = alice.home.replica();
    let all = rows(&path);
    let mut dice = Dice(1);
    let mut kinds = std::collections::BTreeSet::new();
    for (id, key, value) in &all {
        // Every kind of row, and some of each.
        if !kinds.insert(key[0]) && dice.below(12) > 0 {
            continue;
        }
        let mut bad = value.clone();
        let at = dice.below(bad.len() as u64) as usize;
        bad[at] ^= 1 << dice.below(8);
        set(&path, *id, &bad);
        let vault = Vault::open(&alice.home, Unlock::Opened(&secret));
        match &vault {
            Ok(vault) => drop(assert_right_or_refused(vault, &wanted)),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Damaged, "{error}"),
        }
        match verified(vault) {
            Ok(report) => assert!(!report.damaged.is_empty(), "row {key:?} at {at}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Damaged, "{error}"),
        }
        set(&path, *id, value);
    }
    assert!(kinds.len() >= 10, "{kinds:?}");
    alice.assert_whole();
}

#[test]
fn verify_names_every_damaged_row_of_many() {
    let alice = Device::alone();
    filled(&alice);
    let path = alice.home.replica();
    let mut damaged = 0;
    for (id, key, value) in rows(&path) {
        if key[0] == b'E' && key[1..5] == [0, 0, 0, 2] && key[12] % 3 == 0 {
            let mut bad = value.clone();
            let last = bad.len() - 1;
            bad[last / 2] ^= 0x40;
            set(&path, id, &bad);
            damaged += 1;
        }
    }
    assert!(damaged > 3);
    let report = alice.vault.verify(true, &Quiet).unwrap();
    let rows = report.damaged.iter().filter(|one| one.path == "replica").count();
    assert_eq!(rows, damaged, "{report:?}");
}

/// Somebody with the file in hand makes the checksums right, too. What is sealed still refuses.
#[test]
fn a_flipped_byte_under_a_right_checksum_reaches_nobody() {
    use strongroom_store::{Batch, Rows as _, Scan, Sqlite};
    let alice = Device::alone();
    let wanted = filled(&alice);
    let secret = alice.vault.key_store_bytes();
    let store = Sqlite::open(&alice.home.replica()).unwrap();
    let mut all = Vec::new();
    store
        .scan(&Scan::all(), &mut |key, value| {
            all.push((key.to_vec(), value.to_vec()));
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    let mut dice = Dice(2);
    let mut refused = 0;
    for (key, value) in all.iter().filter(|(_, value)| !value.is_empty()) {
        if !matches!(key[0], b'E' | b'D' | b'N' | b'B' | b'M') || dice.below(3) > 0 {
            continue;
        }
        let mut bad = value.clone();
        let at = dice.below(bad.len() as u64) as usize;
        bad[at] ^= 1 << dice.below(8);
        store
            .commit({
                let mut batch = Batch::new();
                batch.put(key.clone(), bad);
                batch
            })
            .unwrap();
        if let Ok(vault) = Vault::open(&alice.home, Unlock::Opened(&secret)) {
            refused += assert_right_or_refused(&vault, &wanted);
        }
        if key[0] == b'E' {
            let report = alice.vault.verify(false, &Quiet).unwrap();
            assert!(!report.damaged.is_empty(), "entry {key:?} at {at}");
        }
        store
            .commit({
                let mut batch = Batch::new();
                batch.put(key.clone(), value.clone());
                batch
            })
            .unwrap();
    }
    assert!(refused > 0);
    alice.assert_whole();
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut stack = vec![dir.to_owned()];
    while let Some(dir) = stack.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { stack.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// Flips a bit at a random place; gives the place and the byte that was there.
fn flip(path: &Path, dice: &mut Dice) -> (u64, u8) {
    let file = std::fs::File::options().read(true).write(true).open(path).unwrap();
    let at = dice.below(file.metadata().unwrap().len());
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1 << dice.below(8)], at).unwrap();
    (at, byte[0])
}

fn put_back(path: &Path, (at, byte): (u64, u8)) {
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.write_all_at(&[byte], at).unwrap();
}

#[test]
fn a_flipped_byte_in_the_cache_is_refused_or_fetched_again() {
    let provider = Provider::start();
    let alice = Device::alone();
    let wanted = filled(&alice);
    let mut dice = Dice(3);
    let cached = files(&alice.home.cache());
    assert!(cached.len() >= 6);
    for path in &cached {
        let was = flip(path, &mut dice);
        assert_eq!(assert_right_or_refused(&alice.vault, &wanted), 1);
        let report = alice.vault.verify(true, &Quiet).unwrap();
        assert!(report.damaged.iter().any(|one| one.path == "cache"), "{report:?}");
        put_back(path, was);
    }
    alice.assert_whole();
    // With a provider that has them, a damaged copy costs a round trip and nothing else.
    alice.vault.add_provider(&provider.url, None).unwrap();
    for path in &cached {
        flip(path, &mut dice);
    }
    assert_eq!(assert_right_or_refused(&alice.open(), &wanted), 0);
}

#[test]
fn a_wrong_passphrase_and_a_damaged_key_store_are_one_error_and_change_nothing() {
    let alice = Device::alone();
    alice.put_text("/letter", "letter");
    let Device { folder: _folder, home, vault, .. } = alice;
    drop(vault);
    let whole = std::fs::read(home.key_store()).unwrap();
    let open = |words: &str| {
        Vault::open(&home, Unlock::Passphrase(&Passphrase::new(words.into()))).map(drop)
    };
    let before = snapshot(home.path());
    let wrong = open("wrong").unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::Locked);
    assert_eq!(snapshot(home.path()), before);
    let mut dice = Dice(4);
    for cut in [0, 1, whole.len() / 2, whole.len() - 1] {
        std::fs::write(home.key_store(), &whole[..cut]).unwrap();
        let before = snapshot(home.path());
        assert_eq!(open(crate::support::PASSPHRASE).unwrap_err(), wrong);
        assert_eq!(snapshot(home.path()), before);
    }
    for _ in 0..4 {
        std::fs::write(home.key_store(), &whole).unwrap();
        flip(&home.key_store(), &mut dice);
        assert_eq!(open(crate::support::PASSPHRASE).unwrap_err(), wrong);
    }
    std::fs::write(home.key_store(), &whole).unwrap();
    open(crate::support::PASSPHRASE).unwrap();
}

/// The provider's disk rots while it is away. It may refuse to start and say why; if it serves, a
/// device that comes from the words alone gets the right bytes or an error, never others.
#[test]
fn a_flipped_byte_on_the_providers_disk_never_reaches_a_person() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    let wanted = filled(&alice);
    let phrase = alice.phrase.clone();
    let mut away = provider.stop();
    let paths: Vec<PathBuf> = files(&away.data().join("store"))
        .into_iter()
        .filter(|path| std::fs::metadata(path).unwrap().len() > 0)
        .collect();
    let mut dice = Dice(5);
    let (mut told, mut served) = (0, 0);
    for round in 0..16_usize {
        let path = paths[round % paths.len()].clone();
        if !path.exists() {
            continue;
        }
        let was = flip(&path, &mut dice);
        match away.try_back() {
            Err(still_away) => {
                told += 1;
                away = still_away;
            }
            Ok(provider) => {
                served += 1;
                let folder = tempfile::tempdir().unwrap();
                let home = Home::at(folder.path().join("home"));
                match Vault::recover(&home, &provider.url, &phrase, &passphrase(), &Quiet) {
                    Err(_) => told += 1,
                    Ok(vault) => {
                        for (at, content) in &wanted {
                            match cat(&vault, at) {
                                Ok(found) => assert!(found == *content, "{at}"),
                                Err(_) => told += 1,
                            }
                        }
                    }
                }
                away = provider.stop();
            }
        }
        if path.exists() && std::fs::metadata(&path).unwrap().len() > was.0 {
            put_back(&path, was);
        }
    }
    println!("{served} starts with a flipped byte, {told} refusals");
    assert!(told > 0);
}

/// What a device has, it keeps, whatever the provider became.
#[test]
fn a_provider_that_lost_entries_is_told_and_gets_them_again() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    alice.put_text("/one", "one");
    let away = provider.stop();
    let copy = tempfile::tempdir().unwrap();
    let from = away.data().join(".");
    let copied = std::process::Command::new("cp").arg("-a").arg(from).arg(copy.path()).status();
    assert!(copied.unwrap().success());
    let provider = away.back();
    alice.put_text("/two", "two");
    // The provider's disk is put back to yesterday's.
    let provider = provider.stop().with_data(copy).back();
    let synced = alice.open().sync(&Quiet).unwrap();
    assert!(synced.sent_entries > 0, "{synced:?}");
    let other = alice.second(&provider);
    assert_eq!(other.cat("/two"), b"two");
    other.assert_whole();
    alice.assert_whole();
}

/// Chunks that had passed through to a provider are at that provider alone.
#[test]
fn a_provider_that_lost_chunks_is_told_by_the_name_of_what_is_gone() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    alice.put_text("/one", "one");
    let away = provider.stop();
    let copy = tempfile::tempdir().unwrap();
    let from = away.data().join(".");
    let copied = std::process::Command::new("cp").arg("-a").arg(from).arg(copy.path()).status();
    assert!(copied.unwrap().success());
    let provider = away.back();
    let large = alice.write("large", noise(2 * PIECE, 1));
    put(&alice.vault, &large, "/large");
    let _provider = provider.stop().with_data(copy).back();
    let vault = alice.open();
    let lost = vault.sync(&Quiet).unwrap().lost;
    assert!(lost.len() == 1 && lost[0].path.ends_with(":/large"), "{lost:?}");
    let error = cat(&vault, "/large").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    // It holds up nothing that is written later.
    let small = alice.write("small", "small");
    assert!(put(&vault, &small, "/small").durable_remotely);
    let report = vault.verify(true, &Quiet).unwrap();
    assert!(report.damaged.iter().any(|one| one.reason.contains("large")), "{report:?}");
    assert_eq!(cat(&vault, "/one").unwrap(), b"one");
}

/// A byte rots in each whole chunk of this size on the disk of a provider that is away.
fn rot_chunks(store: &Path) -> usize {
    let mut rotten = 0;
    for path in files(store) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("segment-") {
            continue;
        }
        let mut bytes = std::fs::read(&path).unwrap();
        // Sealed bytes have no runs of zeros: whatever is long and has none is a payload.
        for at in (PIECE / 2..bytes.len()).step_by(PIECE) {
            if bytes[at..].iter().take(64).filter(|byte| **byte == 0).count() < 4 {
                bytes[at] ^= 1;
                rotten += 1;
            }
        }
        std::fs::write(&path, bytes).unwrap();
    }
    rotten
}

/// Bit rot at the provider is named by `verify --deep`; what this device's cache still has is put
/// again, and everything else comes back from its source.
#[test]
fn what_rotted_at_the_provider_comes_back_from_the_cache_or_from_its_source() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    let away = provider.stop();
    let (kept, gone) = (noise(3 * PIECE, 1), noise(3 * PIECE, 2));
    let kept_source = alice.write("kept", &kept);
    put(&alice.vault, &kept_source, "/kept");
    // Written while the provider was away, so its chunks went through the cache.
    let provider = away.back();
    alice.sync();
    let gone_source = alice.write("gone", &gone);
    put(&alice.vault, &gone_source, "/gone");
    assert!(alice.vault.verify(true, &Quiet).unwrap().damaged.is_empty());

    let away = provider.stop();
    assert!(rot_chunks(&away.data().join("store")) >= 6);
    let provider = away.back();
    let vault = alice.open();
    let report = vault.verify(true, &Quiet).unwrap();
    assert!(report.mended >= 3, "{report:?}");
    assert_eq!(report.damaged.len(), 1, "{report:?}");
    assert!(report.damaged[0].reason.contains("gone"), "{report:?}");
    // Mended there, not only here: another device gets it from the provider.
    let second = alice.second(&provider);
    assert_eq!(second.cat("/kept"), kept);
    assert_eq!(cat(&second.vault, "/gone").unwrap_err().kind(), ErrorKind::Damaged);

    // Nothing changed at the source, so only who asks for it puts it again.
    let sources = [Source::Path(gone_source)];
    let put_gone = |again| {
        let options = PutOptions { again, ..PutOptions::default() };
        vault.put(&sources, &place("/gone"), &options, &Quiet).unwrap()
    };
    assert_eq!(put_gone(false).changed, 0);
    assert_eq!(put_gone(true).changed, 1);
    second.sync();
    assert_eq!(second.cat("/gone"), gone);
}
