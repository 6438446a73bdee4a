//! A real tree goes in and comes back bit for bit; what cannot go in is named.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::atomic::{AtomicBool, Ordering};

use strongroom_client::{ErrorKind, PutOptions, Quiet, Source};

use crate::support::{
    Device, PIECE, Provider, assert_same_tree, dress, get, noise, place, put, tree, try_put,
};

#[test]
fn a_tree_comes_back_bit_for_bit_and_putting_it_again_sends_nothing() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    let source = alice.path("source");
    tree(&source);

    let first = put(&alice.vault, &source, "/tree");
    assert!(first.durable_remotely);
    let files = walk_count(&source);
    assert_eq!((first.added, first.changed, first.unchanged), (files + 1, 0, 0));
    get(&alice.vault, "/tree", &alice.path("back"));
    assert_same_tree(&source, &alice.path("back"));
    alice.assert_whole();

    let entries = provider.metrics.entries_stored.count();
    let chunks = provider.metrics.chunks_stored.count();
    let again = put(&alice.open(), &source, "/tree");
    assert_eq!((again.added, again.changed), (0, 0));
    assert_eq!((again.unchanged, again.content_bytes), (files + 1, 0));
    assert!(again.durable_remotely);
    assert_eq!(provider.metrics.entries_stored.count(), entries);
    assert_eq!(provider.metrics.chunks_stored.count(), chunks);
    assert!(again.sent_bytes < 8_192, "{} bytes for nothing", again.sent_bytes);

    // What was read back is no news either, and neither is a copy with the same times.
    let copied = put(&alice.vault, &alice.path("back"), "/tree");
    assert_eq!((copied.added, copied.changed), (0, 0));
    assert_eq!(provider.metrics.entries_stored.count(), entries);
}

#[test]
fn one_changed_file_is_one_version_and_a_mode_alone_is_one_without_chunks() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    let source = alice.path("source");
    for n in 0..20 {
        alice.write(&format!("source/{n}/letter"), format!("letter {n}"));
    }
    alice.write("source/large", noise(2 * PIECE, 1));
    put(&alice.vault, &source, "/tree");
    let entries = provider.metrics.entries_stored.count();

    alice.write("source/7/letter", "letter 7, mended");
    let report = put(&alice.vault, &source, "/tree");
    assert_eq!((report.added, report.changed), (0, 1));
    assert_eq!(provider.metrics.entries_stored.count(), entries + 1);
    assert_eq!(alice.cat("/tree/7/letter"), b"letter 7, mended");
    assert_eq!(alice.vault.history(&place("/tree/7/letter")).unwrap().len(), 2);

    let meta = std::fs::metadata(alice.path("source/8/letter")).unwrap();
    std::fs::set_permissions(
        alice.path("source/8/letter"),
        std::os::unix::fs::PermissionsExt::from_mode(0o400),
    )
    .unwrap();
    let after = std::fs::metadata(alice.path("source/8/letter")).unwrap();
    assert_eq!(meta.modified().unwrap(), after.modified().unwrap());
    let report = put(&alice.vault, &source, "/tree");
    assert_eq!((report.added, report.changed), (0, 1));
    assert_eq!(provider.metrics.entries_stored.count(), entries + 2);
    get(&alice.vault, "/tree", &alice.path("back"));
    assert_same_tree(&source, &alice.path("back"));
}

/// A file that is rewritten in the same tick of the clock, with the same length and a time set
/// back: the system's own time of change is the only witness, and it counts in ticks.
#[test]
fn a_rewrite_of_the_same_length_and_time_is_seen() {
    let alice = Device::alone();
    for n in 0_u8..30 {
        let letter = alice.write("letter", [n; 100]);
        dress(&letter, 0o644, 1_000_000_000, 0);
        put(&alice.vault, &letter, "/letter");
        assert_eq!(alice.cat("/letter"), [n; 100]);
    }
    assert_eq!(alice.vault.history(&place("/letter")).unwrap().len(), 30);
}

#[test]
fn names_that_are_not_utf8_sockets_and_pipes_are_refused_by_name_and_the_rest_is_stored() {
    let alice = Device::alone();
    let source = alice.path("source");
    alice.write("source/good", "good");
    let raw = source.join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
    std::fs::write(&raw, "latin 1").unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(source.join("socket")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(source.join("pipe")).status().unwrap();
    assert!(made.success());
    std::os::unix::fs::symlink(std::ffi::OsStr::from_bytes(b"to \xff"), source.join("odd target"))
        .unwrap();

    let report = try_put(&alice.vault, &source, "/tree").unwrap();
    let mut refused: Vec<&str> =
        report.refused.iter().map(|one| one.path.rsplit('/').next().unwrap()).collect();
    refused.sort_unstable();
    assert_eq!(refused, ["caf\u{fffd}", "odd target", "pipe", "socket"]);
    assert!(report.refused.iter().all(|one| !one.reason.is_empty()));
    assert_eq!(alice.listing(), [("/tree".into(), false), ("/tree/good".into(), false)]);

    // Named itself, it is one clear error.
    let error = try_put(&alice.vault, &source.join("pipe"), "/pipe").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("pipe"), "{error}");
}

#[test]
fn a_directory_does_not_replace_a_file_nor_a_file_a_directory() {
    let alice = Device::alone();
    alice.write("source/what/inside", "x");
    put(&alice.vault, &alice.path("source"), "/tree");
    std::fs::remove_dir_all(alice.path("source/what")).unwrap();
    alice.write("source/what", "now a file");
    let report = try_put(&alice.vault, &alice.path("source"), "/tree").unwrap();
    assert_eq!(report.refused.len(), 1);
    assert_eq!(alice.cat("/tree/what/inside"), b"x");
}

/// Somebody writes while we read. Whatever is stored is one state the file was in; else it is
/// told, and nothing of it is stored.
#[test]
fn a_source_that_grows_while_it_is_read_is_told_and_nothing_is_half_stored() {
    let alice = Device::alone();
    let pattern = noise(64, 9);
    for (name, start) in [("small", 100_usize), ("large", 3 * PIECE)] {
        let path =
            alice.write(name, pattern.iter().cycle().take(start).copied().collect::<Vec<_>>());
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // Only ever longer, so each length is a state of its own.
                let mut file = OpenOptions::new().append(true).open(&path).unwrap();
                let mut at = start;
                while !over.load(Ordering::Relaxed) && at < 64 * PIECE {
                    file.write_all(&pattern[at % 64..=at % 64]).unwrap();
                    at += 1;
                    if name == "small" && at > 60_000 {
                        file.set_len(start as u64).unwrap();
                        at = start;
                    }
                }
            });
            // Whatever fails here, the writer ends.
            let _ends = Ends(&over);
            let mut told = 0;
            for _ in 0..5 {
                let report = try_put(&alice.vault, &path, &format!("/{name}")).unwrap();
                told += report.refused.len();
                for refused in &report.refused {
                    assert!(refused.path.ends_with(name), "{refused:?}");
                    assert!(refused.reason.contains("changed"), "{refused:?}");
                }
                // Nothing was written since the last time, if the writer had no turn.
                let taken = report.added + report.changed + report.unchanged;
                assert_eq!(report.refused.len() as u64 + taken, 1);
            }
            over.store(true, Ordering::Relaxed);
            let stored = alice.vault.find(None, name).unwrap();
            assert!(told > 0 || !stored.is_empty());
            for one in alice.vault.history(&place(&format!("/{name}"))).unwrap_or_default() {
                let mut content = Vec::new();
                alice
                    .vault
                    .cat(
                        &place(&format!("/{name}")),
                        Some(&one.version),
                        &mut content,
                        &strongroom_client::Quiet,
                    )
                    .unwrap();
                assert_eq!(content.len() as u64, one.size);
                assert!(content.iter().zip(pattern.iter().cycle()).all(|(a, b)| a == b));
            }
        });
    }
    alice.assert_whole();
}

struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn walk_count(root: &std::path::Path) -> u64 {
    crate::support::snapshot(root).len() as u64
}

/// Ends the put after so many bytes.
struct Impatient(u64, std::sync::atomic::AtomicU64);

impl strongroom_client::Progress for Impatient {
    fn advance(&self, _: u64, bytes: u64) {
        self.1.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
    }

    fn cancelled(&self) -> bool {
        self.1.load(std::sync::atomic::Ordering::Relaxed) > self.0
    }
}

#[test]
fn what_was_cut_short_is_forgotten_when_its_source_is_gone() {
    let alice = Device::alone();
    let source = alice.write("large", noise(24 * PIECE, 5));
    let impatient = Impatient(18 * PIECE as u64, 0.into());
    let options = PutOptions::default();
    let sources = [Source::Path(source.clone())];
    let stopped = alice.vault.put(&sources, &place("/large"), &options, &impatient);
    assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Cancelled);
    alice.vault.sync(&Quiet).unwrap();
    assert_eq!(alice.vault.status(false).unwrap().uploads.len(), 1, "it may go on");
    std::fs::remove_file(&source).unwrap();
    alice.vault.sync(&Quiet).unwrap();
    assert_eq!(alice.vault.status(false).unwrap().uploads, []);
}

#[test]
fn what_the_provider_saw_counts_chunks_both_ways() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    let source = alice.write("large", noise(5 * PIECE, 6));
    put(&alice.vault, &source, "/large");
    let sent = &alice.vault.privacy().unwrap()[0];
    assert!(sent.bytes_sent > 5 * PIECE as u64, "{sent:?}");

    let other = Device::recovered(&provider.url, &alice.phrase);
    let before = other.vault.privacy().unwrap()[0].requests;
    get(&other.vault, "/large", &other.path("back"));
    let after = other.vault.privacy().unwrap()[0].requests;
    assert!(after >= before + 5, "{before}, {after}");
}
