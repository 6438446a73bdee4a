//! Two devices of one person: the second comes from the words alone, both write without hearing of
//! each other, and after an exchange both tell the same.

use strongroom_client::{ErrorKind, Home, Listed, Quiet, Vault};

use crate::support::{
    Device, PIECE, Provider, assert_same_tree, get, noise, passphrase, place, put, tree,
};

/// Each device tells and asks until nobody has news.
fn meet(one: &Device, other: &Device) {
    one.sync();
    other.sync();
    one.sync();
}

fn conflicts(device: &Device) -> Vec<(String, Vec<String>)> {
    let status = device.vault.status(false).unwrap();
    let mut found: Vec<_> =
        status.conflicts.into_iter().map(|one| (one.path, one.versions)).collect();
    for (_, versions) in &mut found {
        versions.sort();
    }
    found.sort();
    found
}

fn all(device: &Device) -> Vec<Listed> {
    device.vault.list(&place("/"), true).unwrap()
}

#[track_caller]
fn assert_agree(one: &Device, other: &Device) {
    assert_eq!(all(one), all(other));
    assert_eq!(conflicts(one), conflicts(other));
    one.assert_whole();
    other.assert_whole();
}

#[test]
fn a_second_device_comes_from_the_words_and_has_everything() {
    let provider = Provider::start();
    let phone = Device::at(&provider);
    let source = phone.path("source");
    tree(&source);
    put(&phone.vault, &source, "/tree");
    phone.vault.create_bucket("letters").unwrap();
    phone.put_text("letters:/to Bob", "Dear Bob");

    let laptop = phone.second(&provider);
    get(&laptop.vault, "/tree", &laptop.path("back"));
    assert_same_tree(&source, &laptop.path("back"));
    assert_eq!(laptop.cat("letters:/to Bob"), b"Dear Bob");
    phone.sync();
    assert_agree(&phone, &laptop);

    // It is no copy that can only read.
    laptop.put_text("letters:/to Carroll", "Dear Carroll");
    phone.sync();
    assert_eq!(phone.cat("letters:/to Carroll"), b"Dear Carroll");
}

/// The key store is written last. Who was killed before begins again in the same place.
#[test]
fn a_vault_that_was_begun_and_not_finished_is_begun_again() {
    let provider = Provider::start();
    let laptop = Device::at(&provider);
    laptop.put_text("/plan.txt", "here");
    let tablet = laptop.second(&provider);
    assert_eq!(tablet.cat("/plan.txt"), b"here");
    let Device { folder, home, phrase, vault } = tablet;
    drop(vault);
    for _ in 0..2 {
        std::fs::remove_file(home.key_store()).unwrap();
        let vault = Vault::recover(&home, &provider.url, &phrase, &passphrase(), &Quiet).unwrap();
        let tablet = Device {
            folder: tempfile::tempdir().unwrap(),
            home: home.clone(),
            phrase: phrase.clone(),
            vault,
        };
        assert_eq!(tablet.cat("/plan.txt"), b"here");
        tablet.put_text("/from the tablet", "there");
        tablet.assert_whole();
    }
    std::fs::remove_file(home.key_store()).unwrap();
    Vault::create(&home, &passphrase()).unwrap();
    drop(folder);
}

#[test]
fn wrong_words_are_one_error_and_leave_no_vault() {
    let provider = Provider::start();
    let phone = Device::at(&provider);
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("home"));
    let mut swapped: Vec<&str> = phone.phrase.split(' ').collect();
    swapped.swap(0, 1);
    let swapped = swapped.join(" ");
    let stranger = Device::alone();
    for phrase in ["", "abandon", &swapped, &stranger.phrase] {
        let error = Vault::recover(&home, &provider.url, phrase, &passphrase(), &Quiet);
        let error = error.unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Locked | ErrorKind::NotFound),
            "{phrase}: {error}"
        );
        assert!(error.hint().is_some());
        assert!(!home.exists());
    }
    let found = Vault::recover(&home, &provider.url, &phone.phrase, &passphrase(), &Quiet);
    assert_eq!(found.unwrap().principal(), phone.vault.principal());
}

#[test]
fn two_devices_write_one_document_both_writes_stay_and_restore_settles_it_everywhere() {
    let provider = Provider::start();
    let phone = Device::at(&provider);
    phone.put_text("/plan.txt", "the plan");
    phone.write("dir/plan.bin", noise(PIECE + 5, 1));
    put(&phone.vault, &phone.path("dir/plan.bin"), "/plan.bin");
    let laptop = phone.second(&provider);
    let away = provider.stop();

    phone.put_text("/plan.txt", "the plan, by phone");
    laptop.put_text("/plan.txt", "the plan, by laptop");
    phone.write("dir/plan.bin", noise(PIECE + 6, 2));
    put(&phone.vault, &phone.path("dir/plan.bin"), "/plan.bin");
    laptop.write("dir/plan.bin", noise(PIECE + 7, 3));
    put(&laptop.vault, &laptop.path("dir/plan.bin"), "/plan.bin");

    let _provider = away.back();
    meet(&phone, &laptop);
    assert_agree(&phone, &laptop);
    let found = conflicts(&phone);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|(_, versions)| versions.len() == 2));
    let listed = all(&laptop);
    assert_eq!(listed.len(), 4, "{listed:?}");
    assert!(listed.iter().all(|one| one.conflict));
    // Both can be read, on both, by the names `ls` shows.
    for device in [&phone, &laptop] {
        let mut contents: Vec<_> = listed.iter().map(|one| device.cat(&one.path)).collect();
        contents.sort();
        let mut wanted = vec![
            b"the plan, by phone".to_vec(),
            b"the plan, by laptop".to_vec(),
            noise(PIECE + 6, 2),
            noise(PIECE + 7, 3),
        ];
        wanted.sort();
        assert!(contents == wanted);
    }

    // The one that lost by its clock is the one that is kept.
    for path in ["/plan.txt", "/plan.bin"] {
        let history = phone.vault.history(&place(path)).unwrap();
        let heads: Vec<_> = history.iter().filter(|one| one.head).collect();
        phone.vault.restore(&place(path), &heads[1].version).unwrap();
    }
    meet(&phone, &laptop);
    assert_agree(&phone, &laptop);
    assert_eq!(conflicts(&laptop), []);
    assert_eq!(all(&laptop).len(), 2);
    assert_eq!(phone.cat("/plan.txt"), laptop.cat("/plan.txt"));
    assert_eq!(laptop.vault.history(&place("/plan.txt")).unwrap().len(), 4);
}

#[test]
fn two_devices_make_the_same_directory_and_it_is_one() {
    let provider = Provider::start();
    let phone = Device::at(&provider);
    let laptop = phone.second(&provider);
    let away = provider.stop();
    phone.put_text("/a/b/from phone", "1");
    laptop.put_text("/a/b/from laptop", "2");
    let _provider = away.back();
    meet(&phone, &laptop);
    assert_agree(&phone, &laptop);
    let paths: Vec<_> = phone.listing();
    assert_eq!(
        paths,
        [
            ("/a".into(), false),
            ("/a/b".into(), false),
            ("/a/b/from laptop".into(), false),
            ("/a/b/from phone".into(), false),
        ]
    );
    assert_eq!(conflicts(&phone), []);
}

#[test]
fn two_devices_store_the_same_tree_and_nothing_of_it_is_twice() {
    let provider = Provider::start();
    let phone = Device::at(&provider);
    let laptop = phone.second(&provider);
    let away = provider.stop();
    for device in [&phone, &laptop] {
        device.put_text("/album/small", "the same");
        device.put_text("/album/large", noise(100_000, 1));
        device.put_text("/album/other", device.home.path().to_str().unwrap());
    }
    let _provider = away.back();
    meet(&phone, &laptop);
    assert_agree(&phone, &laptop);
    let conflicts: Vec<_> = phone.listing().into_iter().filter(|(_, conflict)| *conflict).collect();
    assert_eq!(conflicts.len(), 2, "what differs, and its copy: {conflicts:?}");
    assert!(conflicts.iter().all(|(path, _)| path.starts_with("/album/other")), "{conflicts:?}");
    assert_eq!(phone.listing().len(), 5);
    for device in [&phone, &laptop] {
        assert_eq!(device.cat("/album/small"), b"the same");
        assert!(device.cat("/album/large") == noise(100_000, 1));
    }
    // What follows follows both.
    phone.put_text("/album/small", "changed");
    meet(&phone, &laptop);
    assert_agree(&phone, &laptop);
    assert_eq!(laptop.cat("/album/small"), b"changed");
    assert_eq!(laptop.vault.history(&place("/album/small")).unwrap().len(), 3);
    assert_eq!(laptop.listing().len(), 5);
    phone.assert_whole();
}

#[test]
fn two_devices_make_the_same_file_and_both_contents_stay() {
    let provider = Provider::start();
    let phone = Device::at(&provider);
    let laptop = phone.second(&provider);
    let away = provider.stop();
    phone.put_text("/note", "by phone");
    laptop.put_text("/note", "by laptop");
    let _provider = away.back();
    meet(&phone, &laptop);
    assert_agree(&phone, &laptop);
    let listed = all(&phone);
    assert_eq!(listed.len(), 2);
    let mut contents: Vec<_> = listed.iter().map(|one| laptop.cat(&one.path)).collect();
    contents.sort();
    assert_eq!(contents, [b"by laptop".to_vec(), b"by phone".to_vec()]);
    // Writing the name again settles it: the new version follows both.
    laptop.put_text("/note", "by both");
    meet(&laptop, &phone);
    assert_agree(&phone, &laptop);
    assert_eq!(phone.listing(), [("/note".into(), false)]);
}

#[test]
fn an_edit_survives_a_removal_on_the_other_device() {
    let provider = Provider::start();
    let phone = Device::at(&provider);
    phone.put_text("/dir/kept", "old");
    phone.put_text("/dir/gone", "old");
    let laptop = phone.second(&provider);
    let away = provider.stop();
    phone.vault.remove(&place("/dir"), true).unwrap();
    laptop.put_text("/dir/kept", "edited");
    let _provider = away.back();
    meet(&phone, &laptop);
    assert_agree(&phone, &laptop);
    let listed = all(&phone);
    let kept: Vec<_> = listed.iter().filter(|one| one.name == "kept").collect();
    assert_eq!(kept.len(), 1, "{listed:?}");
    assert_eq!(laptop.cat(&kept[0].path), b"edited");
    assert!(!listed.iter().any(|one| one.name == "gone"));
}

#[test]
fn moves_that_form_a_cycle_end_and_every_document_is_listed_once() {
    let provider = Provider::start();
    let phone = Device::at(&provider);
    for dir in ["a", "b", "c"] {
        phone.put_text(&format!("/{dir}/in {dir}"), dir);
    }
    let laptop = phone.second(&provider);
    let away = provider.stop();
    phone.vault.rename(&place("/a"), &place("/b/a"), &Quiet).unwrap();
    phone.vault.rename(&place("/b"), &place("/c/b"), &Quiet).unwrap();
    laptop.vault.rename(&place("/c"), &place("/a/c"), &Quiet).unwrap();
    let _provider = away.back();
    meet(&phone, &laptop);
    assert_agree(&phone, &laptop);
    let mut names: Vec<_> = all(&laptop).into_iter().map(|one| one.name).collect();
    names.sort();
    assert_eq!(names, ["a", "b", "c", "in a", "in b", "in c"]);
    for one in all(&laptop).iter().filter(|one| one.kind == "file") {
        assert_eq!(laptop.cat(&one.path), one.name.trim_start_matches("in ").as_bytes());
    }
    // A move out of the knot unties it, everywhere.
    let c = all(&phone).into_iter().find(|one| one.name == "c").unwrap();
    phone.vault.rename(&place(&c.path), &place("/untied"), &Quiet).unwrap();
    meet(&phone, &laptop);
    assert_agree(&phone, &laptop);
    assert_eq!(all(&phone).len(), 6);
}

/// What is cut out of a cycle hangs on all its members: on who leaves it, and on who was written
/// last. One device hears of everything at once, the other bit by bit.
#[test]
fn a_cycle_that_changes_is_cut_at_the_same_place_by_whoever_hears_of_it_when() {
    let provider = Provider::start();
    let phone = Device::at(&provider);
    for dir in ["a", "b", "c", "d"] {
        phone.put_text(&format!("/{dir}/in {dir}"), dir);
    }
    let laptop = phone.second(&provider);
    let away = provider.stop();
    phone.vault.rename(&place("/a"), &place("/b/a"), &Quiet).unwrap();
    phone.vault.rename(&place("/b"), &place("/c/b"), &Quiet).unwrap();
    laptop.vault.rename(&place("/c"), &place("/a/c"), &Quiet).unwrap();
    let provider = away.back();
    meet(&phone, &laptop);
    let all_at_once = phone.second(&provider);
    phone.sync();

    // A member is written again: now it is the last one.
    let find = |name: &str| {
        let found = all(&phone).into_iter().find(|one| one.name == name);
        found.unwrap_or_else(|| panic!("{name} hangs nowhere"))
    };
    phone.write("touched/x", "");
    std::fs::set_permissions(
        phone.path("touched"),
        std::os::unix::fs::PermissionsExt::from_mode(0o700),
    )
    .unwrap();
    std::fs::remove_file(phone.path("touched/x")).unwrap();
    put(&phone.vault, &phone.path("touched"), &find("b").path);
    meet(&phone, &laptop);
    assert_agree(&phone, &laptop);
    assert_eq!(all(&phone.second(&provider)), all(&phone));
    phone.sync();

    // Another member leaves: what was cut goes where it belongs.
    let moved = find("a");
    phone.vault.rename(&place(&moved.path), &place("/d/a"), &Quiet).unwrap();
    meet(&phone, &laptop);
    all_at_once.sync();
    phone.sync();
    laptop.sync();
    assert_agree(&phone, &laptop);
    assert_eq!(all(&all_at_once), all(&phone));
    let mut paths: Vec<_> = all(&phone).into_iter().map(|one| one.path).collect();
    paths.sort();
    assert_eq!(
        paths,
        [
            "/d",
            "/d/a",
            "/d/a/c",
            "/d/a/c/b",
            "/d/a/c/b/in b",
            "/d/a/c/in c",
            "/d/a/in a",
            "/d/in d",
        ]
    );
}

#[test]
fn two_moves_of_one_document_are_both_seen_and_a_conflict_is_told() {
    let provider = Provider::start();
    let phone = Device::at(&provider);
    phone.put_text("/one", "content");
    let laptop = phone.second(&provider);
    let away = provider.stop();
    phone.vault.rename(&place("/one"), &place("/by phone"), &Quiet).unwrap();
    laptop.vault.rename(&place("/one"), &place("/by laptop"), &Quiet).unwrap();
    let _provider = away.back();
    meet(&phone, &laptop);
    assert_agree(&phone, &laptop);
    assert_eq!(conflicts(&phone).len(), 1);
    for one in all(&phone) {
        assert!(one.conflict);
        assert_eq!(phone.cat(&one.path), b"content");
    }
}

/// Root keys are on no device: what a recovered one gets leads to all of them, by the words.
#[test]
fn the_words_open_every_root_key_on_a_recovered_device() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    alice.vault.create_bucket("letters").unwrap();
    alice.sync();
    let other = alice.second(&provider);
    for device in [&alice, &other] {
        let mut opened = device.vault.root_keys(&alice.phrase).unwrap();
        opened.sort();
        assert_eq!(opened, ["letters", "main", "vault"]);
    }
    let stranger = Device::alone();
    assert_eq!(other.vault.root_keys(&stranger.phrase).unwrap(), [""; 0]);
}
