//! Devices of one person that meet themselves, each other, or a wrong clock.

use std::collections::BTreeSet;
use std::path::Path;

use strongroom_client::sealing::{Sealing, Suite};
use strongroom_client::{Home, Place, PutOptions, Quiet, Source, Unlock, Vault};
use strongroom_evil::{Act, Rule, lies};
use strongroom_wire::entry::{Entry, Hlc, Kind};
use strongroom_wire::ids::{BucketId, DocumentTag};

use crate::insider::{Insider, entries_of, now_millis};
use crate::suites::with_bucket;
use crate::world::{Device, LAPTOP, PHONE, World, passphrase};

const YEAR_MS: u64 = 365 * 86_400_000;

fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for found in std::fs::read_dir(from).unwrap() {
        let found = found.unwrap();
        let kind = found.file_type().unwrap();
        if kind.is_dir() {
            copy_tree(&found.path(), &to.join(found.file_name()));
        } else if kind.is_file() {
            std::fs::copy(found.path(), to.join(found.file_name())).unwrap();
        }
    }
}

/// A device as a backup of its directory brings it back.
pub fn restored(from: &Device) -> Device {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    copy_tree(from.home().path(), &home);
    let vault = Vault::open(&Home::at(home), Unlock::Passphrase(&passphrase())).unwrap();
    Device { folder, vault }
}

/// Two entries of one author at one place, anywhere in the traffic.
pub fn forks(world: &World) -> usize {
    let mut places = std::collections::BTreeMap::new();
    let mut forks = BTreeSet::new();
    for seen in world.evil.tap().all() {
        let refused = seen.answer.as_ref().is_none_or(|answer| answer.status >= 400);
        if refused {
            continue;
        }
        for entry in seen.asked.frames().sound() {
            let header = entry.header();
            let place = (header.bucket, header.author, header.seq);
            let id = *places.entry(place).or_insert_with(|| entry.id());
            if id != entry.id() {
                forks.insert(place);
            }
        }
    }
    forks.len()
}

#[test]
fn a42_restored_backup() {
    let (world, laptop) = World::with_laptop();
    world.letter();
    laptop.sync_well();
    let backup = restored(&laptop);
    let later = world.text(200);
    laptop.put("/after the backup", &later);
    laptop.sync_well();
    world.phone.sync_well();
    assert_eq!(world.phone.cat("/after the backup").unwrap(), later, "honest");
    drop(laptop);

    // The backup meets what it wrote itself, and knows that it is one.
    backup.sync().unwrap();
    assert_eq!(backup.cat("/after the backup").unwrap(), later);
    let since = world.text(200);
    backup.put("/after the restore", &since);
    backup.sync_well();
    world.phone.sync_well();
    assert_eq!(world.phone.cat("/after the restore").unwrap(), since);
    assert_eq!(forks(&world), 0, "no entry stands beside another");
    let before = backup.picture();
    world.closing(&backup, &before);
}

#[test]
fn a42_restored_backup_that_wrote_before_it_knew() {
    let (world, laptop) = World::with_laptop();
    world.letter();
    laptop.sync_well();
    let backup = restored(&laptop);
    let later = world.text(200);
    laptop.put("/after the backup", &later);
    laptop.sync_well();
    drop(laptop);

    // The restored device writes at the same place of its author's chain, and only then sends.
    let rule = world.play(Rule::new("offline", Act::Drop).at(LAPTOP));
    let since = world.text(200);
    let _ = backup.try_put("/after the restore", &since, &PutOptions::default());
    assert!(rule.fired() > 0);
    world.evil.honest();
    // It may take a round to find out; nothing of either side is lost.
    let _ = backup.sync();
    backup.sync_well();
    world.phone.sync_well();
    assert_eq!(forks(&world), 0, "no false fork proof");
    for device in [&backup, &world.phone] {
        assert_eq!(device.cat("/after the restore").unwrap(), since);
        assert_eq!(device.cat("/after the backup").unwrap(), later);
    }
    let before = backup.picture();
    world.closing(&backup, &before);
}

#[test]
fn a42_cloned_device() {
    let (world, laptop) = World::with_laptop();
    world.letter();
    laptop.sync_well();
    let clone = restored(&laptop);
    for turn in 0..3 {
        let (one, two) = (world.text(100), world.text(100));
        laptop.put(&format!("/one {turn}"), &one);
        let _ = laptop.sync();
        let _ = clone.sync();
        clone.put(&format!("/two {turn}"), &two);
        let _ = clone.sync();
        let _ = laptop.sync();
    }
    world.phone.sync_well();
    clone.sync_well();
    for turn in 0..3 {
        for name in ["one", "two"] {
            assert!(world.phone.cat(&format!("/{name} {turn}")).is_ok(), "{name} {turn}");
        }
    }
    assert_eq!(forks(&world), 0);
    let before = clone.picture();
    world.closing(&clone, &before);
}

/// Everything a listing shows, without versions.
fn shown(device: &Device) -> Vec<(String, String)> {
    let listed = device.vault.list(&Place::root(), true).unwrap();
    let mut all: Vec<_> = listed.into_iter().map(|one| (one.path, one.document)).collect();
    all.sort();
    all
}

#[test]
fn a59_moves_that_form_a_cycle_hide_or_collide() {
    let (world, laptop) = World::with_laptop();
    let tree = world.phone.folder.path().join("tree");
    for name in ["a/in a", "b/in b", "c/d/deep"] {
        let path = tree.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, name).unwrap();
    }
    let source = [Source::Path(tree)];
    let place = Place::parse("/t").unwrap();
    world.phone.vault.put(&source, &place, &PutOptions::default(), &Quiet).unwrap();
    world.phone.sync_well();
    laptop.sync_well();
    assert_eq!(shown(&laptop), shown(&world.phone), "honest");
    let documents = shown(&laptop).len();

    // Apart: each moves a directory into the other's, and both give something the same name.
    let rule = world.play(Rule::new("offline", Act::Drop));
    let rename = |device: &Device, from: &str, to: &str| {
        let (from, to) = (Place::parse(from).unwrap(), Place::parse(to).unwrap());
        let _ = device.vault.rename(&from, &to, &Quiet);
    };
    rename(&world.phone, "/t/a", "/t/b/a");
    rename(&laptop, "/t/b", "/t/a/b");
    let _ = world.phone.try_put("/t/same", b"of the phone", &PutOptions::default());
    let _ = laptop.try_put("/t/same", b"of the laptop", &PutOptions::default());
    let _ = laptop.vault.remove(&Place::parse("/t/c").unwrap(), true);
    let _ = world.phone.try_put("/t/c/d/late", b"below a removed one", &PutOptions::default());
    assert!(rule.fired() > 0);
    world.evil.honest();
    for device in [&world.phone, &laptop, &world.phone] {
        device.sync().unwrap();
    }
    assert_eq!(shown(&laptop), shown(&world.phone), "the same everywhere");
    let paths: BTreeSet<String> = shown(&laptop).into_iter().map(|(path, _)| path).collect();
    for name in ["in a", "in b", "late"] {
        let found = paths.iter().filter(|path| path.ends_with(&format!("/{name}"))).count();
        assert_eq!(found, 1, "{name}: {paths:?}");
    }
    assert!(shown(&laptop).len() >= documents - 1, "{paths:?}");
    // A third device, which gets everything at once, sees the same.
    let third = world.recover(3).unwrap();
    assert_eq!(shown(&third), shown(&laptop));
    let before = laptop.picture();
    world.closing(&laptop, &before);
}

#[test]
fn a36_far_future_clock() {
    let (world, laptop) = World::with_laptop();
    let path = world.letter();
    laptop.sync_well();

    // A provider whose clock is years ahead: sessions may fail, entries keep their time.
    let lie = Act::edit(|_, answer| {
        answer.status = 401;
        let time = now_millis() / 1_000 + 10 * YEAR_MS / 1_000;
        let body = format!(
            "{{\"type\":\"/problems/unauthorized\",\"status\":401,\"title\":\"no\",\
             \"time\":{time},\"started\":0}}"
        );
        let kind = http_kind();
        answer.headers.insert(kind.0, kind.1);
        answer.body = body.into();
    });
    let rule = Rule::new("years ahead", lie).when(|asked| asked.route() == "/session").times(1);
    let rule = world.play(rule.at(PHONE));
    let phone = Device { folder: tempfile::tempdir().unwrap(), vault: reopen(&world.phone) };
    let _ = phone.try_put(&path, &world.text(120), &PutOptions::default());
    let _ = phone.sync();
    assert!(rule.fired() > 0);
    world.evil.honest();
    drop(phone);
    let newest = all_entries(&world).iter().map(|entry| entry.header().hlc).max().unwrap();
    assert!(newest < Hlc::new(now_millis() + 120_000, 0), "its time was believed");

    // A hostile device ten years ahead: an honest provider takes no such entry.
    let mut insider = Insider::of(&world);
    laptop.sync_well();
    let future = insider.seal(now_millis() + 10 * YEAR_MS, vec![plain("from the future")]);
    assert!(insider.push(&future).is_err(), "admitted");

    // An evil one hands it on all the same. It is one more file; no clock follows it.
    let bytes: Vec<Vec<u8>> = future.iter().map(Entry::encode).collect();
    let hand_on = Act::frames(move |frames| frames.entries.extend(bytes.clone()));
    let bucket = insider.bucket.to_base32();
    let rule = Rule::new("handed on", hand_on);
    let rule = rule.when(move |asked| asked.is_exchange() && asked.path.contains(&bucket));
    let rule = world.play(rule.at(LAPTOP));
    world.letter();
    laptop.sync_catches("handed on by a provider that counts it not");
    assert!(rule.fired() > 0);
    world.evil.honest();
    assert!(laptop.cat("/from the future").is_ok(), "kept");
    let ours = world.text(150);
    laptop.put(&path, &ours);
    // Told as long as it stands: the honest provider has not what the evil one handed on.
    laptop.sync_catches("kept, and told");
    let newest = all_entries(&world)
        .iter()
        .filter(|entry| entry.header().author != future[0].header().author)
        .map(|entry| entry.header().hlc)
        .max()
        .unwrap();
    assert!(newest < Hlc::new(now_millis() + 120_000, 0), "the clock was absorbed");
    assert_eq!(laptop.cat(&path).unwrap(), ours, "a later version survives");
    world.phone.sync_well();
    assert_eq!(world.phone.cat(&path).unwrap(), ours, "and goes on to the others");
    assert!(world.phone.cat("/from the future").is_err());
    world.nothing_leaked();
}

fn http_kind() -> (&'static str, http::HeaderValue) {
    ("content-type", http::HeaderValue::from_static("application/problem+json"))
}

fn reopen(device: &Device) -> Vault {
    Vault::open(&device.home(), Unlock::Passphrase(&passphrase())).unwrap()
}

/// Everything sent so far about the default bucket, and all others.
fn all_entries(world: &World) -> Vec<Entry> {
    world.evil.tap().all().iter().flat_map(|seen| seen.asked.frames().sound()).collect()
}

/// A version's plaintext, as an honest program writes it.
pub fn plain(name: &str) -> Vec<u8> {
    use strongroom_core::document::{Content, DocumentType, Metadata, Timestamp, VersionBody};
    let metadata = Metadata {
        parent: DocumentTag::ZERO,
        name: name.to_owned(),
        kind: DocumentType::File,
        media_type: None,
        size: 3,
        modified: Timestamp::default(),
        mode: None,
        digest: Some(strongroom_core::document::digest_of(b"abc")),
        schema: None,
    };
    VersionBody { metadata, content: Content::Inline(b"abc".to_vec()) }.encode()
}

#[test]
fn a58_a_hostile_device_pushes_what_is_not_signed() {
    let (world, laptop) = World::with_laptop();
    let mut insider = Insider::of(&world);
    let good = insider.seal(now_millis(), vec![plain("good")]);
    insider.push(&good).unwrap();
    world.phone.sync_well();
    laptop.sync_well();
    assert_eq!(laptop.cat("/good").unwrap(), b"abc", "honest");

    let before = laptop.picture();
    let position = insider.position;
    let seal = |insider: &mut Insider| {
        insider.position = position;
        insider.seal(now_millis(), vec![plain("bad")]).remove(0)
    };
    let one = seal(&mut insider);
    let mut signature = *one.signature().unwrap();
    lies::flip(&mut signature, 3);
    let header = one.header().clone();
    let unsigned =
        Entry::assemble(header.clone(), one.clear().to_vec(), one.sealed_bytes().unwrap().to_vec());
    let mut elsewhere = header;
    elsewhere.seq += 5;
    let gap = Entry::assemble(elsewhere, one.clear().to_vec(), vec![4; 300]);
    for (what, entry) in [
        ("a wrong signature", one.clone().signed(signature)),
        ("none", unsigned),
        ("a gap", gap.signed(*one.signature().unwrap())),
    ] {
        assert!(insider.push(std::slice::from_ref(&entry)).is_err(), "{what} was acknowledged");
        laptop.sync_well();
        assert_eq!(laptop.picture(), before, "{what}");
        let served = world.evil.tap().find(|seen| {
            seen.asked.door == LAPTOP
                && seen.answer.as_ref().is_some_and(|answer| {
                    answer.body.windows(32).any(|window| window == &entry.id().0[..])
                })
        });
        assert!(served.is_empty(), "{what} was served");
    }
    assert!(!entries_of(&world, insider.bucket).is_empty());
    world.closing(&laptop, &before);
}

#[test]
fn a13_no_key_twice() {
    for suite in Suite::ALL {
        no_key_twice(&with_bucket(Sealing { suite, ..Sealing::DEFAULT }));
    }
}

fn no_key_twice((world, laptop, _): &(World, Device, BucketId)) {
    let backup = restored(laptop);
    // The same content at the same place of the same author's chain, by two copies of one device.
    let tree = laptop.folder.path().join("tree");
    std::fs::create_dir_all(&tree).unwrap();
    let text = world.text(90);
    for no in 0..500 {
        std::fs::write(tree.join(format!("{no}")), &text).unwrap();
    }
    let rule = world.play(
        Rule::new(
            "not stored",
            Act::Invent(std::sync::Arc::new(|asked| {
                let _ = asked;
                strongroom_evil::Answer::empty(500)
            })),
        )
        .on_exchange()
        .at(LAPTOP),
    );
    let place = Place::parse("other:/tree").unwrap();
    for device in [laptop, &backup] {
        let source = [Source::Path(tree.clone())];
        let _ = device.vault.put(&source, &place, &PutOptions::default(), &Quiet);
    }
    assert!(rule.fired() > 0);
    let mut seen = BTreeSet::new();
    let mut ids = BTreeSet::new();
    let mut of_one_kind = 0;
    for entry in all_entries(world) {
        if ids.insert(entry.id()) && entry.header().sealed_len > 0 {
            assert!(seen.insert(entry.header().kc), "a key was used twice");
            assert!(seen.insert(entry.header().nonce), "a nonce was used twice");
            of_one_kind += u32::from(entry.header().kind == Kind::Version);
        }
    }
    assert!(of_one_kind > 900, "{of_one_kind} entries were compared");
    world.nothing_leaked();
}
