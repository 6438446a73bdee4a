//! Getting: nothing is overwritten unasked, nothing lands outside the destination, nothing is half.

use std::os::unix::fs::symlink;

use strongroom_client::{ErrorKind, GetOptions, Progress, Quiet};
use strongroom_core::document::{
    Content, DocumentType, Metadata, Timestamp, VersionBody, digest_of,
};
use strongroom_wire::ids::DocumentTag;

use crate::support::{Device, PIECE, get, noise, place, put};

#[test]
fn a_file_that_differs_is_not_overwritten_unless_asked() {
    let alice = Device::alone();
    alice.write("source/one", "from the vault");
    alice.write("source/two", "also");
    put(&alice.vault, &alice.path("source"), "/tree");
    alice.write("out/one", "mine, never stored");

    let report =
        alice.vault.get(&place("/tree"), &alice.path("out"), &GetOptions::default(), &Quiet);
    let report = report.unwrap();
    assert_eq!(report.refused.len(), 1);
    assert!(report.refused[0].path.ends_with("out/one"), "{report:?}");
    assert_eq!(std::fs::read(alice.path("out/one")).unwrap(), b"mine, never stored");
    assert_eq!(std::fs::read(alice.path("out/two")).unwrap(), b"also");

    let alone = alice.vault.get(
        &place("/tree/one"),
        &alice.path("out/one"),
        &GetOptions::default(),
        &Quiet,
    );
    let error = alone.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.hint().unwrap().contains("--overwrite"));

    let overwrite = GetOptions { overwrite: true, version: None };
    let report = alice.vault.get(&place("/tree"), &alice.path("out"), &overwrite, &Quiet).unwrap();
    assert_eq!(report.refused, []);
    assert_eq!(std::fs::read(alice.path("out/one")).unwrap(), b"from the vault");
    // Twice is once.
    let again = get(&alice.vault, "/tree", &alice.path("out"));
    assert_eq!((again.written, again.content_bytes), (0, 0));
}

#[test]
fn links_in_the_destination_lead_nowhere() {
    let alice = Device::alone();
    alice.write("source/dir/file", "from the vault");
    alice.write("source/file", "from the vault");
    put(&alice.vault, &alice.path("source"), "/tree");
    alice.write("outside/file", "not yours");
    std::fs::create_dir(alice.path("out")).unwrap();
    symlink(alice.path("outside"), alice.path("out/dir")).unwrap();
    symlink(alice.path("outside/file"), alice.path("out/file")).unwrap();

    for overwrite in [false, true] {
        let options = GetOptions { overwrite, version: None };
        let report =
            alice.vault.get(&place("/tree"), &alice.path("out"), &options, &Quiet).unwrap();
        assert!(!report.refused.is_empty(), "{report:?}");
        assert_eq!(std::fs::read(alice.path("outside/file")).unwrap(), b"not yours");
        assert_eq!(std::fs::read_dir(alice.path("outside")).unwrap().count(), 1);
    }
    // Overwriting replaced the link itself.
    assert!(!alice.path("out/file").is_symlink());
    assert_eq!(std::fs::read(alice.path("out/file")).unwrap(), b"from the vault");
}

#[test]
fn links_in_the_vault_are_made_and_never_followed() {
    let alice = Device::alone();
    std::fs::create_dir(alice.path("source")).unwrap();
    alice.write("outside/file", "not yours");
    symlink(alice.path("outside"), alice.path("source/dir")).unwrap();
    put(&alice.vault, &alice.path("source"), "/tree");
    // What was a link when it was put is a directory now: the name is the same.
    assert!(alice.vault.remove(&place("/tree/dir"), false).unwrap() == 1);
    get(&alice.vault, "/tree", &alice.path("out"));
    symlink(alice.path("outside"), alice.path("out/dir")).unwrap();
    alice.put_text("/tree/dir/file", "through the link");
    let report = alice
        .vault
        .get(
            &place("/tree"),
            &alice.path("out"),
            &GetOptions { overwrite: true, version: None },
            &Quiet,
        )
        .unwrap();
    assert_eq!(report.refused.len(), 1, "{report:?}");
    assert_eq!(std::fs::read(alice.path("outside/file")).unwrap(), b"not yours");
}

/// Somebody who may write made a document whose name would lead out of the destination. Its bytes
/// do not decode, so no later room ever sees the name.
#[test]
fn names_that_would_lead_out_do_not_decode() {
    let body = |name: &str| VersionBody {
        metadata: Metadata {
            parent: DocumentTag::ZERO,
            name: name.to_owned(),
            kind: DocumentType::File,
            media_type: None,
            size: 1,
            modified: Timestamp::default(),
            mode: None,
            digest: Some(digest_of(b"x")),
            schema: None,
        },
        content: Content::Inline(b"x".to_vec()),
    };
    let long = "n".repeat(256);
    for bad in ["..", ".", "", "a/b", "/etc/passwd", "../../x", "a\0b", &long] {
        assert!(VersionBody::decode(&body(bad).encode()).is_err(), "{bad:?}");
    }
    let long = "n".repeat(255);
    for good in ["...", "a", "..a", "a\\b", "a\nb", "C:", &long] {
        assert!(VersionBody::decode(&body(good).encode()).is_ok(), "{good:?}");
    }
}

#[test]
fn places_that_would_lead_out_are_no_places() {
    for bad in ["/..", "/a/../b", "/a/./b", "a", "", "/a\0b"] {
        assert!(strongroom_client::Place::parse(bad).is_err(), "{bad:?}");
    }
}

/// Ends everything after so many bytes.
struct Impatient(u64, std::sync::atomic::AtomicU64);

impl Progress for Impatient {
    fn advance(&self, _: u64, bytes: u64) {
        self.1.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
    }

    fn cancelled(&self) -> bool {
        self.1.load(std::sync::atomic::Ordering::Relaxed) > self.0
    }
}

#[test]
fn a_get_that_is_stopped_leaves_neither_half_a_file_nor_crumbs() {
    let alice = Device::alone();
    let source = alice.write("large", noise(5 * PIECE, 1));
    put(&alice.vault, &source, "/large");
    std::fs::create_dir(alice.path("out")).unwrap();
    let stopped = alice.vault.get(
        &place("/large"),
        &alice.path("out/large"),
        &GetOptions::default(),
        &Impatient(2 * PIECE as u64, 0.into()),
    );
    assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(std::fs::read_dir(alice.path("out")).unwrap().count(), 0);
    get(&alice.vault, "/large", &alice.path("out/large"));
    assert!(std::fs::read(alice.path("out/large")).unwrap() == noise(5 * PIECE, 1));
}

#[test]
fn a_tree_that_is_stopped_goes_on_where_it_was() {
    let alice = Device::alone();
    for no in 0..300_u64 {
        alice.write(&format!("source/{}/{no}", no % 7), noise(1_000, no));
    }
    symlink("0/7", alice.path("source/link")).unwrap();
    put(&alice.vault, &alice.path("source"), "/tree");
    let options = GetOptions::default();
    let impatient = Impatient(100_000, 0.into());
    let stopped = alice.vault.get(&place("/tree"), &alice.path("out"), &options, &impatient);
    assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Cancelled);
    let mut whole = 0;
    for dir in std::fs::read_dir(alice.path("out")).unwrap() {
        let dir = dir.unwrap().path();
        for file in std::fs::read_dir(&dir).into_iter().flatten() {
            let file = file.unwrap();
            let no = file.file_name().to_str().unwrap().parse().unwrap();
            assert!(std::fs::read(file.path()).unwrap() == noise(1_000, no), "{file:?}");
            whole += 1;
        }
    }
    assert!(whole < 300);
    let rest = get(&alice.vault, "/tree", &alice.path("out"));
    // The link may have been written before.
    assert_eq!(rest.content_bytes / 1_000, 300 - whole);
    let again = get(&alice.vault, "/tree", &alice.path("out"));
    assert_eq!((again.written, again.unchanged), (0, 309));
    let changed = |path: &str| std::fs::symlink_metadata(alice.path(path)).unwrap().modified();
    assert_eq!(changed("out/link").unwrap(), changed("source/link").unwrap(), "links have times");
}

/// Puts a file of its own in the way while another is written there.
struct Meddler(std::path::PathBuf);

impl Progress for Meddler {
    fn advance(&self, _: u64, bytes: u64) {
        if bytes > 0 {
            std::fs::write(&self.0, "mine").unwrap();
        }
    }
}

#[test]
fn a_file_that_appears_while_its_place_is_filled_is_kept() {
    let alice = Device::alone();
    alice.write("source/letter", "from the vault");
    put(&alice.vault, &alice.path("source"), "/tree");
    let meddler = Meddler(alice.path("out/letter"));
    let options = GetOptions::default();
    let report = alice.vault.get(&place("/tree"), &alice.path("out"), &options, &meddler).unwrap();
    assert_eq!(report.refused.len(), 1, "{report:?}");
    assert_eq!(std::fs::read(alice.path("out/letter")).unwrap(), b"mine");
    assert_eq!(std::fs::read_dir(alice.path("out")).unwrap().count(), 1);
}

#[test]
fn an_old_version_comes_back_beside_the_new_one() {
    let alice = Device::alone();
    for text in ["first", "second", "third"] {
        alice.put_text("/letter", text);
    }
    let history = alice.vault.history(&place("/letter")).unwrap();
    assert_eq!(history.len(), 3);
    let first = GetOptions { overwrite: false, version: Some(history[2].version.clone()) };
    alice.vault.get(&place("/letter"), &alice.path("old"), &first, &Quiet).unwrap();
    assert_eq!(std::fs::read(alice.path("old")).unwrap(), b"first");
    alice.vault.restore(&place("/letter"), &history[2].version).unwrap();
    assert_eq!(alice.cat("/letter"), b"first");
    assert_eq!(alice.vault.history(&place("/letter")).unwrap().len(), 4);
    alice.vault.remove(&place("/letter"), false).unwrap();
    assert_eq!(alice.listing(), []);
    alice.vault.undelete(&place("/letter")).unwrap();
    assert_eq!(alice.cat("/letter"), b"first");
}
