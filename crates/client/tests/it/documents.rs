//! Alice lets Bob and Carroll read one document each of a bucket full of others, and closes it to
//! one of them. Every step is looked at from every side.

use strongroom_client::{DocumentShare, ErrorKind, Quiet};

use crate::support::{Device, Provider, cat, place};

const WILL: &str = "papers:/old/will.txt";

fn meet(one: &Device, other: &Device, name: &str) {
    let card = other.vault.card(None).unwrap().text;
    one.vault.add_contact(&card, Some(name), None).unwrap();
}

/// Alice's bucket: the will in two versions in a directory, and what nobody else may know of.
fn papers(alice: &Device) {
    alice.vault.create_bucket("papers").unwrap();
    let tree = alice.path("old");
    std::fs::create_dir(&tree).unwrap();
    std::fs::write(tree.join("will.txt"), "all to Bob").unwrap();
    for number in 0..20 {
        std::fs::write(tree.join(format!("secret {number}")), "for nobody").unwrap();
    }
    // One transaction: all but its last entry are unsigned.
    crate::support::put(&alice.vault, &tree, "papers:/old");
    alice.put_text(WILL, "half to Bob");
}

fn granted(alice: &Device, to: &Device, name: &str, what: &DocumentShare) {
    meet(alice, to, name);
    let granted = alice.vault.grant_document(&place(WILL), name, what, None).unwrap();
    assert!(granted.sent);
    let before = to.vault.buckets().unwrap().len();
    to.vault.read_invitation(&granted.invitation).unwrap();
    assert_eq!(to.vault.buckets().unwrap().len(), before, "nothing is mounted without consent");
    to.vault.accept(&granted.invitation, &Quiet).unwrap();
}

fn versions(device: &Device, of: &str) -> Vec<&'static str> {
    device.vault.history(&place(of)).unwrap().into_iter().map(|it| it.kind).collect()
}

fn names(device: &Device) -> Vec<String> {
    let listed = device.vault.list(&place("will.txt:/"), true).unwrap();
    listed.into_iter().map(|one| one.path).collect()
}

#[test]
fn bob_reads_one_document_old_and_new_and_nothing_else() {
    let provider = Provider::start();
    let (alice, bob) = (Device::at(&provider), Device::at(&provider));
    papers(&alice);
    let before = alice.vault.get_bucket("papers").unwrap().entries;
    granted(&alice, &bob, "Bob", &DocumentShare::All);
    let after = alice.vault.get_bucket("papers").unwrap().entries;
    assert_eq!(after - before, 2, "his card, and the grant");
    assert_eq!(bob.cat("will.txt:/will.txt"), b"half to Bob");
    assert_eq!(names(&bob), ["/will.txt"], "no name of another document");
    assert_eq!(versions(&bob, "will.txt:/will.txt"), ["file", "file"]);
    let first = bob.vault.history(&place("will.txt:/will.txt")).unwrap()[1].version.clone();
    let mut out = Vec::new();
    bob.vault.cat(&place("will.txt:/will.txt"), Some(&first), &mut out, &Quiet).unwrap();
    assert_eq!(out, b"all to Bob");

    alice.put_text(WILL, "a third to Bob");
    bob.sync();
    assert_eq!(bob.cat("will.txt:/will.txt"), b"a third to Bob");
    // A new epoch: its keys come with the next version.
    meet(&alice, &Device::alone(), "Carroll");
    let carroll = strongroom_client::Rights::Read;
    alice.vault.grant(Some("papers"), "Carroll", carroll, None).unwrap();
    alice.vault.remove_member(Some("papers"), "Carroll").unwrap();
    alice.put_text(WILL, "a quarter to Bob");
    alice.put_text(WILL, "a fifth to Bob");
    bob.sync();
    assert_eq!(bob.cat("will.txt:/will.txt"), b"a fifth to Bob");
    assert_eq!(versions(&bob, "will.txt:/will.txt"), ["file"; 5]);

    let source = bob.write("mine", "all to me");
    let refused = crate::support::try_put(&bob.vault, &source, "will.txt:/will.txt").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused, "{refused}");
    for device in [&alice, &bob] {
        device.assert_whole();
    }
    // On his other devices, too, from the words alone.
    let tablet = bob.second(&provider);
    assert_eq!(tablet.cat("will.txt:/will.txt"), b"a fifth to Bob");
    assert_eq!(versions(&tablet, "will.txt:/will.txt"), ["file"; 5]);
}

#[test]
fn from_now_on_opens_nothing_older_and_one_version_opens_one() {
    let provider = Provider::start();
    let (alice, bob, carroll) =
        (Device::at(&provider), Device::at(&provider), Device::at(&provider));
    papers(&alice);
    let history = alice.vault.history(&place(WILL)).unwrap();
    // So that what Bob gets is another key than that of the versions before.
    meet(&alice, &Device::alone(), "Dave");
    alice.vault.grant(Some("papers"), "Dave", strongroom_client::Rights::Read, None).unwrap();
    alice.vault.remove_member(Some("papers"), "Dave").unwrap();
    granted(&alice, &bob, "Bob", &DocumentShare::FromNow);
    let old = DocumentShare::Version(history[1].version.clone());
    granted(&alice, &carroll, "Carroll", &old);
    alice.put_text(WILL, "a third to Bob");
    bob.sync();
    carroll.sync();
    let bobs = bob.vault.buckets().unwrap().into_iter().find(|it| !it.default).unwrap().label;
    assert_eq!(bob.cat(&format!("{bobs}:/will.txt")), b"a third to Bob");
    let kinds = versions(&bob, &format!("{bobs}:/will.txt"));
    assert_eq!(kinds, ["file", "unreadable", "unreadable"]);
    assert_eq!(carroll.cat("will.txt:/will.txt"), b"all to Bob");
    assert_eq!(versions(&carroll, "will.txt:/will.txt"), ["file"], "there is no other for her");
    bob.assert_whole();
    carroll.assert_whole();
}

#[test]
fn letting_somebody_read_one_document_costs_little_and_one_request() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    papers(&alice);
    meet(&alice, &Device::alone(), "Bob");
    alice.sync();
    let before = provider.metrics.requests.count();
    let all = DocumentShare::All;
    let granted = alice.vault.grant_document(&place(WILL), "Bob", &all, None).unwrap();
    assert_eq!(provider.metrics.requests.count() - before, 1);
    assert!(granted.sent && granted.bytes <= 2_560, "{}", granted.bytes);
}

#[test]
fn a_document_is_closed_to_bob_and_carroll_notices_nothing() {
    let provider = Provider::start();
    let (alice, bob, carroll) =
        (Device::at(&provider), Device::at(&provider), Device::at(&provider));
    papers(&alice);
    granted(&alice, &bob, "Bob", &DocumentShare::All);
    granted(&alice, &carroll, "Carroll", &DocumentShare::All);
    let access = alice.vault.access(&place(WILL)).unwrap();
    let who: Vec<_> =
        access.iter().map(|it| (it.who.name.as_deref(), it.path.as_deref())).collect();
    let path = Some("/old/will.txt");
    assert_eq!(who, [(None, None), (Some("Bob"), path), (Some("Carroll"), path)]);

    let done = alice.vault.withdraw(&place(WILL), "Bob").unwrap();
    assert!(done.sent && done.left == 1);
    assert!(done.bytes <= 1_024, "{} bytes", done.bytes);
    alice.put_text(WILL, "nothing to Bob");
    // The provider refuses him at his next request, and what he had is still his.
    assert_eq!(bob.vault.sync(&Quiet).unwrap().closed.len(), 1);
    assert_eq!(bob.cat("will.txt:/will.txt"), b"half to Bob");
    carroll.sync();
    assert_eq!(carroll.cat("will.txt:/will.txt"), b"nothing to Bob");
    assert_eq!(versions(&carroll, "will.txt:/will.txt"), ["file"; 3]);
    for device in [&alice, &carroll] {
        device.assert_whole();
    }
    let nobody = alice.vault.withdraw(&place(WILL), "Bob").unwrap_err();
    assert_eq!(nobody.kind(), ErrorKind::NotFound, "{nobody}");
    // He comes back by a new grant, and is where he was.
    let again = alice.vault.grant_document(&place(WILL), "Bob", &DocumentShare::All, None).unwrap();
    bob.vault.accept(&again.invitation, &Quiet).unwrap();
    assert_eq!(bob.cat("will.txt:/will.txt"), b"nothing to Bob");
    assert_eq!(versions(&bob, "will.txt:/will.txt"), ["file"; 3]);
}

#[test]
fn large_contents_come_along_and_chunks_of_others_do_not() {
    let provider = Provider::start();
    let (alice, bob) = (Device::at(&provider), Device::at(&provider));
    papers(&alice);
    let large: Vec<u8> = (0..2_500_000_u32).map(|it| (it % 251) as u8).collect();
    let source = alice.path("large");
    std::fs::write(&source, &large).unwrap();
    crate::support::put(&alice.vault, &source, WILL);
    granted(&alice, &bob, "Bob", &DocumentShare::All);
    assert_eq!(bob.cat("will.txt:/will.txt"), large);
    bob.assert_whole();
}

#[test]
fn what_makes_no_sense_is_told() {
    let provider = Provider::start();
    let (alice, bob) = (Device::at(&provider), Device::at(&provider));
    papers(&alice);
    meet(&alice, &bob, "Bob");
    let all = DocumentShare::All;
    let grant = |at: &str, what: &DocumentShare| {
        alice.vault.grant_document(&place(at), "Bob", what, None).unwrap_err().kind()
    };
    assert_eq!(grant("papers:/old", &all), ErrorKind::Usage, "a directory");
    assert_eq!(grant("papers:/none", &all), ErrorKind::NotFound);
    let none = DocumentShare::Version("zzz".to_owned());
    assert_eq!(grant(WILL, &none), ErrorKind::NotFound);
    let granted = alice.vault.grant_document(&place(WILL), "Bob", &all, None).unwrap();
    assert_eq!(grant(WILL, &all), ErrorKind::Conflict, "he has it");
    bob.vault.accept(&granted.invitation, &Quiet).unwrap();
    bob.vault.accept(&granted.invitation, &Quiet).unwrap();
    assert_eq!(bob.vault.buckets().unwrap().len(), 2, "again is no second one");
    assert!(cat(&bob.vault, "will.txt:/secret 1").is_err());
}

#[test]
fn a_grant_without_a_provider_waits() {
    let provider = Provider::start();
    let (alice, bob) = (Device::at(&provider), Device::at(&provider));
    papers(&alice);
    meet(&alice, &bob, "Bob");
    let away = provider.stop();
    let granted =
        alice.vault.grant_document(&place(WILL), "Bob", &DocumentShare::All, None).unwrap();
    assert!(!granted.sent);
    let _provider = away.back();
    alice.sync();
    bob.vault.accept(&granted.invitation, &Quiet).unwrap();
    assert_eq!(bob.cat("will.txt:/will.txt"), b"half to Bob");
}
