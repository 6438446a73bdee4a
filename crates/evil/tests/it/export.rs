//! Names that would lead out of the directory a person gets things into.

use std::path::Path;

use strongroom_client::{GetOptions, Place, Quiet};
use strongroom_core::document::{
    Content, DocumentType, Metadata, Timestamp, VersionBody, digest_of,
};
use strongroom_wire::clear::{Clear, References};
use strongroom_wire::entry::Kind;
use strongroom_wire::ids::DocumentTag;

use crate::insider::{Insider, now_millis};
use crate::world::World;

fn body(parent: DocumentTag, name: &str, kind: DocumentType, content: &[u8]) -> Vec<u8> {
    let metadata = Metadata {
        parent,
        name: name.to_owned(),
        kind,
        media_type: None,
        size: content.len() as u64,
        modified: Timestamp::default(),
        mode: Some(0o4_777),
        digest: (kind == DocumentType::File).then(|| digest_of(content)),
        schema: None,
    };
    let content = if kind == DocumentType::Directory {
        Content::Empty
    } else {
        Content::Inline(content.to_vec())
    };
    VersionBody { metadata, content }.encode()
}

fn all_below(path: &Path, found: &mut Vec<String>) {
    for one in std::fs::read_dir(path).unwrap() {
        let one = one.unwrap();
        found.push(one.path().display().to_string());
        if one.file_type().unwrap().is_dir() {
            all_below(&one.path(), found);
        }
    }
}

#[test]
fn a44_hostile_file_names() {
    let (world, laptop) = World::with_laptop();
    let mut insider = Insider::of(&world);
    let root = DocumentTag::ZERO;
    let outside = laptop.folder.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("mine"), "untouched").unwrap();

    let (link, dir) = (DocumentTag([1; 16]), DocumentTag([2; 16]));
    let absolute = outside.join("written").display().to_string();
    let long = "x".repeat(400);
    let names = [
        "..",
        ".",
        "",
        "../outside/mine",
        "../../outside/written",
        "/etc/written",
        "a/b",
        "nul\0",
        &absolute,
        &long,
        "..\\outside\\mine",
        "C:\\written",
        "con",
        "-rf",
        "new\nline",
        "\u{202e}cod",
        ".ssh",
        "fine",
    ];
    let mut documents: Vec<(DocumentTag, Vec<u8>)> = names
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let tag = DocumentTag([u8::try_from(at).unwrap() + 10; 16]);
            (tag, body(root, name, DocumentType::File, b"evil"))
        })
        .collect();
    let target = outside.display().to_string();
    documents.push((link, body(root, "way out", DocumentType::Link, target.as_bytes())));
    documents.push((DocumentTag([3; 16]), body(link, "mine", DocumentType::File, b"evil")));
    documents.push((dir, body(root, "way out", DocumentType::Directory, b"")));
    documents.push((DocumentTag([4; 16]), body(dir, "mine", DocumentType::File, b"evil")));
    documents.push((DocumentTag([5; 16]), body(dir, "..", DocumentType::Directory, b"")));
    documents.push((
        DocumentTag([6; 16]),
        body(DocumentTag([5; 16]), "mine", DocumentType::File, b"evil"),
    ));
    let planned: Vec<_> = documents
        .into_iter()
        .map(|(document, plain)| strongroom_core::writer::Planned {
            document,
            kind: Kind::Version,
            parents: Vec::new(),
            generation: 0,
            clear: Clear::version(References::NONE).encode(),
            plain,
        })
        .collect();
    let entries = insider.seal_planned(now_millis(), &planned);
    insider.push(&entries).unwrap();
    laptop.sync_well();

    let to = laptop.folder.path().join("to");
    let options = GetOptions { overwrite: true, ..GetOptions::default() };
    // Twice: what the first wrote may not be a way out for the second.
    for _ in 0..2 {
        let _ = laptop.vault.get(&Place::root(), &to, &options, &Quiet);
    }
    assert_eq!(std::fs::read(to.join("fine")).unwrap(), b"evil", "harmless names are written");
    assert_eq!(std::fs::read(outside.join("mine")).unwrap(), b"untouched");
    let mut found = Vec::new();
    all_below(&outside, &mut found);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(!Path::new("/etc/written").exists());
    let beside: Vec<_> = std::fs::read_dir(laptop.folder.path())
        .unwrap()
        .map(|one| one.unwrap().file_name().into_string().unwrap())
        .collect();
    let known = ["home", "outside", "to", "source", "got"];
    assert!(beside.iter().all(|name| known.contains(&name.as_str())), "{beside:?}");
    found.clear();
    all_below(&to, &mut found);
    for path in &found {
        use std::os::unix::fs::PermissionsExt as _;
        let meta = std::fs::symlink_metadata(path).unwrap();
        assert!(meta.is_symlink() || meta.permissions().mode() & 0o7_000 == 0, "{path}");
    }
    world.nothing_leaked();
}
