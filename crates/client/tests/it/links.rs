//! Alice hands out addresses: whoever has one reads what it leads to, for as long and as often as
//! she said, and nobody else does.

use strongroom_client::drops::{Parcel, find_address, send};
use strongroom_client::report::DropTerms;
use strongroom_client::{
    Error, ErrorKind, GetOptions, LinkInfo, LinkOptions, LinkText, OpenedLink, Passphrase, Place,
    Quiet, Rights,
};
use strongroom_seal::link::Link;
use tempfile::TempDir;

use crate::support::{Device, PIECE, Provider, noise, place};

const SHARED: &str = "plans";

/// A year from now.
fn later() -> u64 {
    strongroom_client::Clock::default().now_secs() + 365 * 24 * 3_600
}

fn forever<'a>() -> LinkOptions<'a> {
    LinkOptions { until: later(), ..LinkOptions::default() }
}

fn text(link: &LinkInfo) -> String {
    link.link.clone().unwrap()
}

/// Somebody with nothing but a directory opens it.
fn open_in(folder: &TempDir, link: &str, password: Option<&str>) -> Result<OpenedLink, Error> {
    let password = || match password {
        Some(password) => Ok(Passphrase::new(password.to_owned())),
        None => panic!("no password is asked for"),
    };
    OpenedLink::open(&LinkText::read(link)?, password, &folder.path().join("open"), &Quiet)
}

fn open(link: &str) -> Result<OpenedLink, Error> {
    open_in(&tempfile::tempdir().unwrap(), link, None)
}

fn read(opened: &OpenedLink, path: &str) -> Vec<u8> {
    let mut out = Vec::new();
    opened.cat(&place(path), &mut out, &Quiet).unwrap();
    out
}

fn is_ended(result: Result<OpenedLink, Error>) {
    let error = result.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(error.to_string().contains("leads nowhere"), "{error}");
}

/// Alice's bucket with a small and a large document.
fn plans(provider: &Provider) -> Device {
    let alice = Device::at(provider);
    alice.vault.create_bucket(SHARED).unwrap();
    alice.put_text("plans:/house/first", "four walls");
    alice.put_text("plans:/house/large", noise(2 * PIECE + 5, 7));
    alice
}

#[test]
fn whoever_has_a_link_reads_what_is_there_and_what_comes() {
    let provider = Provider::start();
    let alice = plans(&provider);
    let made = alice.vault.link(Some(SHARED), &forever()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let opened = open_in(&folder, &text(&made), None).unwrap();
    assert_eq!(opened.info().label, SHARED);
    assert_eq!((opened.info().uses, &opened.info().document), (None, &None));
    let paths: Vec<String> = opened.list().unwrap().into_iter().map(|one| one.path).collect();
    assert_eq!(paths, ["/house", "/house/first", "/house/large"]);
    let to = folder.path().join("out");
    let done = opened.get(&Place::root(), &to, &GetOptions::default(), &Quiet).unwrap();
    assert!(done.refused.is_empty());
    assert_eq!(std::fs::read(to.join("house/large")).unwrap(), noise(2 * PIECE + 5, 7));
    opened.finish();
    assert!(!folder.path().join("open").exists(), "it is forgotten");
    // A later epoch is for the link as for anybody: Bob comes and goes.
    let bob = Device::at(&provider);
    let card = bob.vault.card(None).unwrap().text;
    alice.vault.add_contact(&card, Some("Bob"), None).unwrap();
    alice.vault.grant(Some(SHARED), "Bob", Rights::Read, None).unwrap();
    alice.vault.remove_member(Some(SHARED), "Bob").unwrap();
    alice.put_text("plans:/house/second", "and a roof");
    let again = open(&text(&made)).unwrap();
    assert_eq!(read(&again, "/house/second"), b"and a roof");
    assert_eq!(read(&again, "/house/first"), b"four walls");
    again.finish();
    alice.assert_whole();
}

#[test]
fn a_link_is_listed_with_the_members_and_shown_by_every_device_of_its_maker() {
    let provider = Provider::start();
    let alice = plans(&provider);
    let options = LinkOptions { uses: Some(3), label: "for the builders", ..forever() };
    let made = alice.vault.link(Some(SHARED), &options).unwrap();
    let listed = alice.vault.links(None, false).unwrap();
    assert_eq!(listed.len(), 1);
    let one = &listed[0];
    assert_eq!((one.label.as_str(), one.bucket.as_str()), ("for the builders", SHARED));
    assert_eq!((one.uses, one.spent, one.kept), (Some(3), Some(0), Some(true)));
    assert_eq!((&one.name, one.until, &one.link), (&made.name, made.until, &None));
    open(&text(&made)).unwrap().finish();
    assert_eq!(alice.vault.links(None, false).unwrap()[0].spent, Some(1));
    let members = alice.vault.members(Some(SHARED)).unwrap();
    let links: Vec<_> = members.iter().filter_map(|one| one.link.as_deref()).collect();
    assert_eq!(links, ["for the builders"]);
    let second = alice.second(&provider);
    assert_eq!(second.vault.links(None, true).unwrap()[0].link, made.link);
    // Who did not make it sees that it is there, and cannot show it.
    let bob = Device::at(&provider);
    let card = |device: &Device| device.vault.card(None).unwrap().text;
    alice.vault.add_contact(&card(&bob), Some("Bob"), None).unwrap();
    bob.vault.add_contact(&card(&alice), Some("Alice"), None).unwrap();
    let granted = alice.vault.grant(Some(SHARED), "Bob", Rights::Admin, None).unwrap();
    bob.vault.accept(&granted.invitation, &Quiet).unwrap();
    let seen = &bob.vault.links(None, true).unwrap()[0];
    assert_eq!((&seen.name, seen.uses), (&made.name, Some(3)));
    assert_eq!((&seen.link, seen.spent, &seen.by), (&None, None, &None));
    // He renews the epoch for the link too, and can end it.
    alice.vault.remove_member(Some(SHARED), "Bob").unwrap();
    alice.put_text("plans:/after", "still for the builders");
    assert_eq!(read(&open(&text(&made)).unwrap(), "/after"), b"still for the builders");
}

#[test]
fn another_admin_makes_epochs_for_a_link_and_ends_it() {
    let provider = Provider::start();
    let (alice, bob) = (plans(&provider), Device::at(&provider));
    let card = |device: &Device| device.vault.card(None).unwrap().text;
    alice.vault.add_contact(&card(&bob), Some("Bob"), None).unwrap();
    bob.vault.add_contact(&card(&alice), Some("Alice"), None).unwrap();
    let granted = alice.vault.grant(Some(SHARED), "Bob", Rights::Admin, None).unwrap();
    bob.vault.accept(&granted.invitation, &Quiet).unwrap();
    let [kept, ended] = [(); 2].map(|()| bob.vault.link(Some(SHARED), &forever()).unwrap());
    alice.sync();
    // Alice stands above Bob, whose link it is; a part of its name is enough.
    let part = &ended.name[..14];
    alice.vault.revoke_link(part).unwrap();
    is_ended(open(&text(&ended)));
    alice.put_text("plans:/by Alice", "under her epoch");
    assert_eq!(read(&open(&text(&kept)).unwrap(), "/by Alice"), b"under her epoch");
    bob.sync();
    assert_eq!(bob.vault.links(None, false).unwrap().len(), 1);
}

#[test]
fn a_password_is_asked_for_and_a_wrong_one_costs_nothing() {
    let provider = Provider::start();
    let alice = plans(&provider);
    let password = Passphrase::new("blue door".to_owned());
    let options = LinkOptions { password: Some(&password), uses: Some(1), ..forever() };
    let made = alice.vault.link(Some(SHARED), &options).unwrap();
    assert!(LinkText::read(&text(&made)).unwrap().takes_password());
    let folder = tempfile::tempdir().unwrap();
    for wrong in ["Blue door", "", "blue door "] {
        let error = open_in(&folder, &text(&made), Some(wrong)).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
    }
    assert_eq!(alice.vault.links(None, false).unwrap()[0].spent, Some(0));
    let opened = open_in(&folder, &text(&made), Some("blue door")).unwrap();
    assert_eq!(read(&opened, "/house/first"), b"four walls");
    let empty = Passphrase::new(String::new());
    let options = LinkOptions { password: Some(&empty), ..forever() };
    assert_eq!(alice.vault.link(Some(SHARED), &options).unwrap_err().kind(), ErrorKind::Usage);
}

#[test]
fn a51_a_counted_link_is_opened_as_often_as_it_says_and_a_broken_opening_goes_on() {
    let provider = Provider::start();
    let alice = plans(&provider);
    let made = alice.vault.link(Some(SHARED), &LinkOptions { uses: Some(2), ..forever() });
    let link = text(&made.unwrap());
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // The first is broken off in the middle, and goes on: as the same use, in the same place.
    drop(open_in(&one, &link, None).unwrap());
    let opened = open_in(&one, &link, None).unwrap();
    assert_eq!(read(&opened, "/house/first"), b"four walls");
    // At the same time it is open there, and is not opened there once more.
    assert_eq!(open_in(&one, &link, None).map(drop).unwrap_err().kind(), ErrorKind::Conflict);
    opened.close();
    let opened = open_in(&one, &link, None).unwrap();
    assert_eq!(alice.vault.links(None, false).unwrap()[0].spent, Some(1));
    opened.finish();
    open_in(&two, &link, None).unwrap().finish();
    is_ended(open_in(&two, &link, None));
    is_ended(open_in(&one, &link, None));
    assert!(std::fs::read_dir(two.path()).unwrap().next().is_none(), "nothing is left");
    // The provider is killed and comes back: spent is spent.
    let provider = provider.stop().back();
    is_ended(open(&link));
    drop(provider);
}

#[test]
fn a_revoked_link_leads_nowhere_and_what_comes_later_it_does_not_open() {
    let provider = Provider::start();
    let alice = plans(&provider);
    let made = alice.vault.link(Some(SHARED), &forever()).unwrap();
    let open_still = open(&text(&made)).unwrap();
    let done = alice.vault.revoke_link(&text(&made)).unwrap();
    assert_eq!((done.entries, done.sent), (2, true), "the revoke and the epoch");
    is_ended(open(&text(&made)));
    // Who had it open gets nothing more from the provider.
    let mut out = Vec::new();
    assert!(open_still.cat(&place("/house/large"), &mut out, &Quiet).is_err());
    assert!(alice.vault.links(None, true).unwrap().is_empty());
    assert!(alice.vault.members(Some(SHARED)).unwrap().iter().all(|one| one.link.is_none()));
    let again = alice.vault.revoke_link(&text(&made)).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::NotFound, "{again}");
    alice.assert_whole();
}

#[test]
fn a_link_is_made_with_its_provider_or_not_at_all() {
    let alone = Device::alone();
    alone.vault.create_bucket(SHARED).unwrap();
    let refused = alone.vault.link(Some(SHARED), &forever()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused, "{refused}");
    let provider = Provider::start();
    let alice = plans(&provider);
    let away = provider.stop();
    let refused = alice.vault.link(Some(SHARED), &forever()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unreachable, "{refused}");
    assert!(alice.vault.links(None, true).unwrap().is_empty(), "nothing was made");
    drop(away);
    for wrong in [
        LinkOptions { until: 1, ..forever() },
        LinkOptions { uses: Some(0), ..forever() },
        LinkOptions { uses: Some(10_001), ..forever() },
        LinkOptions { label: &"l".repeat(256), ..forever() },
    ] {
        assert_eq!(alice.vault.link(Some(SHARED), &wrong).unwrap_err().kind(), ErrorKind::Usage);
    }
}

#[test]
fn who_may_only_write_makes_no_link() {
    let provider = Provider::start();
    let (alice, bob) = (plans(&provider), Device::at(&provider));
    let card = |device: &Device| device.vault.card(None).unwrap().text;
    alice.vault.add_contact(&card(&bob), Some("Bob"), None).unwrap();
    bob.vault.add_contact(&card(&alice), Some("Alice"), None).unwrap();
    let granted = alice.vault.grant(Some(SHARED), "Bob", Rights::Write, None).unwrap();
    bob.vault.accept(&granted.invitation, &Quiet).unwrap();
    let refused = bob.vault.link(Some(SHARED), &forever()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused, "{refused}");
}

#[test]
fn a27_another_provider_than_the_links_hears_nothing_of_it() {
    let (provider, other) = (Provider::start(), Provider::start());
    let alice = plans(&provider);
    let made = alice.vault.link(Some(SHARED), &forever()).unwrap();
    let led_away = text(&made).replace(&provider.url, &other.url);
    assert_ne!(led_away, text(&made));
    let before = other.metrics.sessions_total.count();
    let error = open(&led_away).map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    assert_eq!(other.metrics.sessions_total.count(), before, "no session was opened there");
    open(&text(&made)).unwrap().finish();
}

const FIRST: &str = "plans:/house/first";

#[test]
fn a_link_to_a_document_opens_it_old_and_new_and_shows_no_other() {
    let provider = Provider::start();
    let alice = plans(&provider);
    alice.put_text(FIRST, "five walls");
    let made = alice.vault.link_document(&place(FIRST), &forever()).unwrap();
    assert_eq!((made.label.as_str(), made.path.as_deref()), ("first", Some("/house/first")));
    let folder = tempfile::tempdir().unwrap();
    let opened = open_in(&folder, &text(&made), None).unwrap();
    assert_eq!((opened.info().label.as_str(), opened.info().document.is_some()), ("first", true));
    let paths: Vec<String> = opened.list().unwrap().into_iter().map(|one| one.path).collect();
    assert_eq!(paths, ["/first"], "no name of another document, nor of its directory");
    assert_eq!(read(&opened, "/first"), b"five walls");
    for other in ["/large", "/house/large", "/house"] {
        let mut out = Vec::new();
        let refused = opened.cat(&place(other), &mut out, &Quiet).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::NotFound, "{refused}");
    }
    let to = folder.path().join("out");
    assert!(opened.get(&Place::root(), &to, &GetOptions::default(), &Quiet).is_ok());
    assert_eq!(std::fs::read(to.join("first")).unwrap(), b"five walls");
    opened.finish();
    assert!(!folder.path().join("open").exists(), "it is forgotten");

    // Under a later epoch its keys come with the next version; a large one in pieces.
    let bob = Device::at(&provider);
    let card = bob.vault.card(None).unwrap().text;
    alice.vault.add_contact(&card, Some("Bob"), None).unwrap();
    alice.vault.grant(Some(SHARED), "Bob", Rights::Read, None).unwrap();
    alice.vault.remove_member(Some(SHARED), "Bob").unwrap();
    assert_eq!(read(&open(&text(&made)).unwrap(), "/first"), b"five walls", "not written since");
    alice.put_text(FIRST, noise(2 * PIECE + 9, 3));
    let again = open(&text(&made)).unwrap();
    assert_eq!(read(&again, "/first"), noise(2 * PIECE + 9, 3));
    again.finish();
    alice.assert_whole();
}

#[test]
fn a_link_to_a_document_is_counted_listed_and_ended_like_any() {
    let provider = Provider::start();
    let alice = plans(&provider);
    let password = Passphrase::new("blue door".to_owned());
    let options = LinkOptions {
        uses: Some(1),
        password: Some(&password),
        label: "for the builders",
        ..forever()
    };
    let once = alice.vault.link_document(&place(FIRST), &options).unwrap();
    let long = alice.vault.link_document(&place(FIRST), &forever()).unwrap();
    let whole = alice.vault.link(Some(SHARED), &forever()).unwrap();
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // Broken off, and gone on with: one use.
    drop(open_in(&one, &text(&once), Some("blue door")).unwrap());
    let opened = open_in(&one, &text(&once), Some("blue door")).unwrap();
    assert_eq!(read(&opened, "/first"), b"four walls");
    opened.finish();
    is_ended(open_in(&two, &text(&once), Some("blue door")));

    let listed = alice.vault.links(Some(SHARED), true).unwrap();
    let path = Some("/house/first");
    let shown: Vec<_> =
        listed.iter().map(|it| (&it.name, it.path.as_deref(), it.spent, &it.link)).collect();
    assert_eq!(shown.len(), 3);
    for (made, to, spent) in [(&once, path, Some(1)), (&long, path, None), (&whole, None, None)] {
        assert!(shown.contains(&(&made.name, to, spent, &made.link)), "{shown:?}");
    }
    let access = alice.vault.access(&place(FIRST)).unwrap();
    let links: Vec<_> = access
        .iter()
        .filter_map(|it| Some((it.who.link.as_deref()?, it.path.as_deref())))
        .collect();
    assert_eq!(links, [(SHARED, None), ("for the builders", path), ("first", path)]);

    // One is ended, at the provider at once, by one entry; the others notice nothing.
    let done = alice.vault.revoke_link(&text(&long)).unwrap();
    assert_eq!((done.entries, done.sent), (1, true));
    is_ended(open(&text(&long)));
    alice.put_text(FIRST, "no walls");
    assert_eq!(read(&open(&text(&whole)).unwrap(), "/house/first"), b"no walls");
    assert_eq!(alice.vault.links(None, false).unwrap().len(), 2);
    let again = alice.vault.revoke_link(&text(&long)).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::NotFound, "{again}");
    alice.vault.revoke_link(&once.name[..14]).unwrap();
    assert_eq!(alice.vault.links(None, false).unwrap().len(), 1);
    alice.assert_whole();
}

#[test]
fn another_writer_makes_keys_for_the_links_of_a_document() {
    let provider = Provider::start();
    let (alice, bob) = (plans(&provider), Device::at(&provider));
    let card = |device: &Device| device.vault.card(None).unwrap().text;
    alice.vault.add_contact(&card(&bob), Some("Bob"), None).unwrap();
    bob.vault.add_contact(&card(&alice), Some("Alice"), None).unwrap();
    let granted = alice.vault.grant(Some(SHARED), "Bob", Rights::Write, None).unwrap();
    bob.vault.accept(&granted.invitation, &Quiet).unwrap();
    let [kept, ended] =
        [(); 2].map(|()| alice.vault.link_document(&place(FIRST), &forever()).unwrap());
    alice.vault.revoke_link(&text(&ended)).unwrap();
    let epochs = alice.vault.epochs().unwrap().len();
    bob.sync();
    // The revoke began a new generation, and it is Bob who writes its first version.
    bob.put_text(FIRST, "six walls, by Bob");
    assert_eq!(read(&open(&text(&kept)).unwrap(), "/first"), b"six walls, by Bob");
    is_ended(open(&text(&ended)));
    alice.put_text(FIRST, "seven");
    assert_eq!(alice.vault.epochs().unwrap().len(), epochs, "no epoch is made for or by holders");
    let refused = bob.vault.link_document(&place(FIRST), &forever()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused, "who may only write makes no link: {refused}");
}

#[test]
fn a_link_to_a_directory_says_what_to_do() {
    let provider = Provider::start();
    let alice = plans(&provider);
    let refused = alice.vault.link_document(&place("plans:/house"), &forever()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Usage, "{refused}");
    assert!(refused.hint().unwrap().contains("makes it one"), "{refused:?}");
    let none = alice.vault.link_document(&place("plans:/none"), &forever()).unwrap_err();
    assert_eq!(none.kind(), ErrorKind::NotFound, "{none}");
    assert!(alice.vault.links(None, true).unwrap().is_empty(), "nothing was made");
}

#[test]
fn a_link_to_put_in_reads_nothing_and_one_to_read_puts_nothing_in_whatever_its_mark_says() {
    let provider = Provider::start();
    let alice = plans(&provider);
    let reads = text(&alice.vault.link(Some(SHARED), &forever()).unwrap());
    alice.vault.create_drop(Some(SHARED), "post", &DropTerms::default()).unwrap();
    let puts = alice.vault.drop_link("post").unwrap().link;
    let marked = |text: &str, drop| {
        let (origin, link) = strongroom_core::link::from_text(text).unwrap();
        strongroom_core::link::to_text(&origin, &Link { drop, ..link }).to_string()
    };
    assert_eq!((marked(&reads, false), marked(&puts, true)), (reads.clone(), puts.clone()));
    assert_eq!(open(&puts).map(drop).unwrap_err().kind(), ErrorKind::Usage);
    assert_eq!(open(&marked(&puts, false)).map(drop).unwrap_err().kind(), ErrorKind::Damaged);
    assert_eq!(find_address(&reads).unwrap_err().kind(), ErrorKind::Usage);
    assert_eq!(find_address(&marked(&reads, true)).unwrap_err().kind(), ErrorKind::Damaged);

    let address = find_address(&puts).unwrap();
    assert_eq!((address.name.as_str(), address.kept_at.len()), ("", 1));
    let words = Parcel::Words("hello".to_owned());
    send(&address, words, None, None, &Quiet).unwrap();
    alice.sync();
    assert_eq!(alice.vault.messages(None).unwrap().len(), 1);
    alice.vault.close_drop("post").unwrap();
    assert_eq!(find_address(&puts).unwrap_err().kind(), ErrorKind::NotFound);
}
