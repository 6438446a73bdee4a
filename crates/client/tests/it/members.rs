//! Members who do not hold everything for ever: in from now on, until a day, and those who leave.
//! Every step is looked at from every side, by clocks that the tests set.

use std::time::{SystemTime, UNIX_EPOCH};

use strongroom_client::{ErrorKind, Quiet, Rights, Terms, Vault};

use crate::sharing::{SHARED, meet, shared, who};
use crate::support::{Device, Provider, cat, noise, try_put};

const HOUR_MS: i64 = 3_600_000;

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The same vault by a clock that is two hours ahead.
fn later(device: &Device) -> Vault {
    device.open().at_time(2 * HOUR_MS)
}

const FROM_NOW: Terms = Terms { rights: Rights::Write, until: None, from_now: true };

#[test]
fn who_is_in_from_now_on_reads_and_writes_what_comes_and_nothing_before() {
    let provider = Provider::start();
    let (alice, bob) = (Device::at(&provider), Device::at(&provider));
    meet(&alice, &bob, "Bob");
    meet(&bob, &alice, "Alice");
    alice.vault.create_bucket(SHARED).unwrap();
    alice.put_text("plans:/before", "not for Bob");
    let granted = alice.vault.grant_as(Some(SHARED), "Bob", FROM_NOW).unwrap();
    assert!(granted.from_now && granted.sent);
    let read = bob.vault.read_invitation(&granted.invitation).unwrap();
    assert_eq!(read.rights, "write from now on");
    bob.vault.accept(&granted.invitation, &Quiet).unwrap();
    alice.put_text("plans:/after", "for both");
    bob.sync();
    assert!(cat(&bob.vault, "plans:/before").is_err());
    assert_eq!(bob.cat("plans:/after"), b"for both");
    bob.put_text("plans:/by Bob", "from Bob");
    alice.sync();
    assert_eq!(alice.cat("plans:/by Bob"), b"from Bob");

    // It is told plainly, and is no damage.
    let info = bob.vault.get_bucket(SHARED).unwrap();
    assert!(info.from_now && info.shut >= 1, "{info:?}");
    assert_eq!(info.members, 2);
    let report = bob.vault.verify(false, &Quiet).unwrap();
    assert_eq!(report.damaged, []);
    assert!(report.shut >= 2, "{report:?}");
    alice.assert_whole();
    // Alice makes the next epochs for him as he is, also when he has accepted.
    let members = alice.vault.members(Some(SHARED)).unwrap();
    assert!(members.iter().find(|it| it.name.as_deref() == Some("Bob")).unwrap().from_now);
    meet(&alice, &Device::at(&provider), "Carroll");
    alice.vault.grant(Some(SHARED), "Carroll", Rights::Read, None).unwrap();
    alice.vault.remove_member(Some(SHARED), "Carroll").unwrap();
    alice.put_text("plans:/third", "under a third epoch");
    bob.sync();
    assert_eq!(bob.cat("plans:/third"), b"under a third epoch");
    // Of no epoch does he hold more than the content key, and of the first nothing.
    let epochs = bob.vault.epochs().unwrap();
    let opens: Vec<bool> =
        epochs.iter().filter(|it| it.bucket == SHARED).map(|it| it.opens).collect();
    assert_eq!(opens, [false, true, true]);
    assert!(bob.vault.holds_no_history(SHARED).unwrap());
    // Another device of his is no better off.
    let tablet = bob.second(&provider);
    assert_eq!(tablet.cat("plans:/third"), b"under a third epoch");
    assert!(cat(&tablet.vault, "plans:/before").is_err());
    assert!(tablet.vault.holds_no_history(SHARED).unwrap());
}

#[test]
fn who_was_in_from_now_on_gets_the_history_by_another_grant() {
    let provider = Provider::start();
    let (alice, bob) = (Device::at(&provider), Device::at(&provider));
    meet(&alice, &bob, "Bob");
    alice.vault.create_bucket(SHARED).unwrap();
    alice.put_text("plans:/before", "not for Bob yet");
    let admin = Terms { rights: Rights::Admin, ..FROM_NOW };
    let refused = alice.vault.grant_as(Some(SHARED), "Bob", admin).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Usage, "{refused}");
    let granted = alice.vault.grant_as(Some(SHARED), "Bob", FROM_NOW).unwrap();
    bob.vault.accept(&granted.invitation, &Quiet).unwrap();
    let again = alice.vault.grant_as(Some(SHARED), "Bob", FROM_NOW).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Conflict);
    alice.sync();
    let granted = alice.vault.grant(Some(SHARED), "Bob", Rights::Read, None).unwrap();
    assert_eq!((granted.from_now, granted.rights), (false, "write"), "what he has he keeps");
    bob.vault.accept(&granted.invitation, &Quiet).unwrap();
    bob.sync();
    assert_eq!(bob.cat("plans:/before"), b"not for Bob yet");
    assert_eq!(bob.vault.get_bucket(SHARED).unwrap().shut, 0);
}

#[test]
fn when_somebodys_time_is_over_the_next_write_is_under_a_key_without_him() {
    let provider = Provider::start();
    let (alice, bob) = (Device::at(&provider), Device::at(&provider));
    shared_until(&alice, &bob, now() + 3_600);
    bob.put_text("plans:/by Bob", "in his time");
    alice.sync();
    let before = alice.vault.get_bucket(SHARED).unwrap();
    let numbers = |vault: &Vault| {
        let epochs = vault.epochs().unwrap().into_iter();
        epochs.filter(|it| it.bucket == SHARED).map(|it| it.number).max().unwrap()
    };
    assert_eq!(numbers(&alice.vault), 1);
    let late = later(&alice);
    let source = alice.write("late", "not for Bob");
    try_put(&late, &source, "plans:/late").unwrap();
    // The revoke that ends his capability, the epoch without him, the document; and a checkpoint.
    let after = late.get_bucket(SHARED).unwrap();
    assert_eq!(numbers(&late), 2);
    assert!(after.entries >= before.entries + 3);
    assert_eq!(after.members, 1);
    // What he wrote in his time counts, and the next write makes no more epochs.
    assert_eq!(cat(&late, "plans:/by Bob").unwrap(), b"in his time");
    try_put(&late, &source, "plans:/later").unwrap();
    assert_eq!(numbers(&late), 2);
    // What he dates back now stands past the cutoff: with a provider that takes it, it counts for
    // nobody. This one does not take it.
    let refused = bob.write("dated back", "too late");
    drop(try_put(&bob.vault, &refused, "plans:/dated back"));
    late.sync(&Quiet).unwrap();
    assert!(cat(&late, "plans:/dated back").is_err());
    assert!(cat(&bob.vault, "plans:/late").is_err());
}

/// Alice's bucket with a document, and Bob in it until then.
fn shared_until(alice: &Device, bob: &Device, until: u64) {
    meet(alice, bob, "Bob");
    meet(bob, alice, "Alice");
    alice.vault.create_bucket(SHARED).unwrap();
    alice.put_text("plans:/first", "from before Bob was in");
    let granted = alice.vault.grant(Some(SHARED), "Bob", Rights::Write, Some(until)).unwrap();
    bob.vault.accept(&granted.invitation, &Quiet).unwrap();
    alice.sync();
}

#[test]
fn a_grant_is_extended_while_it_runs_and_given_anew_when_it_is_over() {
    let provider = Provider::start();
    let (alice, bob) = (Device::at(&provider), Device::at(&provider));
    let until = now() + 3_600;
    shared_until(&alice, &bob, until);
    let shorter = alice.vault.grant(Some(SHARED), "Bob", Rights::Write, Some(until - 60));
    assert_eq!(shorter.unwrap_err().kind(), ErrorKind::Conflict);
    let day = until + 86_400;
    let longer = alice.vault.grant(Some(SHARED), "Bob", Rights::Read, Some(day)).unwrap();
    assert_eq!((longer.rights, longer.until), ("write", day));
    bob.vault.accept(&longer.invitation, &Quiet).unwrap();
    bob.put_text("plans:/extended", "goes on");
    alice.sync();
    assert_eq!(alice.cat("plans:/extended"), b"goes on");
    assert_eq!(who(&alice).len(), 2, "one member, twice let in");
    // The first end takes nothing from him: it is over for what he had, and not for what he has.
    let late = later(&alice);
    let source = alice.write("late", "for both");
    try_put(&late, &source, "plans:/late").unwrap();
    assert_eq!(late.get_bucket(SHARED).unwrap().members, 2);
    bob.sync();
    assert_eq!(bob.cat("plans:/late"), b"for both");
    assert_eq!(cat(&late, "plans:/extended").unwrap(), b"goes on");
}

#[test]
fn who_only_writes_goes_on_when_an_admin_has_ended_what_is_over() {
    let provider = Provider::start();
    let (alice, bob, carroll) =
        (Device::at(&provider), Device::at(&provider), Device::at(&provider));
    shared_until(&alice, &bob, now() + 3_600);
    meet(&alice, &carroll, "Carroll");
    let granted = alice.vault.grant(Some(SHARED), "Carroll", Rights::Write, None).unwrap();
    carroll.vault.accept(&granted.invitation, &Quiet).unwrap();
    let late = later(&carroll);
    let source = carroll.write("late", "not for Bob");
    // Nothing is sealed for Bob any more, and she may make no epoch.
    let kept = try_put(&late, &source, "plans:/late").unwrap_err();
    assert_eq!(kept.kind(), ErrorKind::Locked, "{kept}");
    later(&alice).sync(&Quiet).unwrap();
    late.sync(&Quiet).unwrap();
    try_put(&late, &source, "plans:/late").unwrap();
    let at_alices = later(&alice);
    at_alices.sync(&Quiet).unwrap();
    assert_eq!(cat(&at_alices, "plans:/late").unwrap(), b"not for Bob");
}

#[test]
fn a_member_leaves_and_the_last_admin_does_not() {
    let provider = Provider::start();
    let (alice, bob) = (Device::at(&provider), Device::at(&provider));
    shared(&alice, &bob, Rights::Write);
    bob.put_text("plans:/by Bob", "stays");
    let last = alice.vault.remove_member(Some(SHARED), "me").unwrap_err();
    assert_eq!(last.kind(), ErrorKind::Usage, "{last}");
    let left = bob.vault.remove_member(Some(SHARED), "me").unwrap();
    assert!(left.you && left.sent);
    assert_eq!(left.entries, 1, "he makes no epoch whose key he would know");
    alice.sync();
    assert_eq!(alice.vault.get_bucket(SHARED).unwrap().members, 1);
    assert_eq!(alice.cat("plans:/by Bob"), b"stays");
    alice.put_text("plans:/after", "not for Bob");
    assert_eq!(bob.vault.sync(&Quiet).unwrap().closed.len(), 1);
    assert!(cat(&bob.vault, "plans:/after").is_err());
    let again = bob.vault.remove_member(Some(SHARED), "me").unwrap_err();
    assert_eq!(again.kind(), ErrorKind::NotFound, "{again}");
    // With another admin in, the founder may leave as well.
    let again = alice.vault.grant(Some(SHARED), "Bob", Rights::Admin, None).unwrap();
    bob.vault.accept(&again.invitation, &Quiet).unwrap();
    alice.sync();
    alice.vault.remove_member(Some(SHARED), "me").unwrap();
    bob.sync();
    bob.put_text("plans:/mine now", "goes on");
    assert_eq!(bob.vault.get_bucket(SHARED).unwrap().members, 1);
}

#[test]
fn a_grant_and_a_revoke_at_the_same_time_leave_him_out_on_both_devices() {
    let provider = Provider::start();
    let (alice, bob) = (Device::at(&provider), Device::at(&provider));
    shared(&alice, &bob, Rights::Read);
    let tablet = alice.second(&provider);
    // Apart, one device takes Bob out and the other gives him more.
    let away = provider.stop();
    let granted = tablet.vault.grant(Some(SHARED), "Bob", Rights::Write, None).unwrap();
    assert!(!granted.sent);
    alice.vault.remove_member(Some(SHARED), "Bob").unwrap();
    let provider = away.back();
    drop(alice.vault.sync(&Quiet));
    drop(tablet.vault.sync(&Quiet));
    for device in [&alice, &tablet] {
        device.sync();
        assert!(who(device).iter().all(|(name, _, _)| name != "Bob"), "{:?}", who(device));
        assert_eq!(device.vault.get_bucket(SHARED).unwrap().members, 1);
    }
    let told = tablet.vault.status(false).unwrap().notices;
    assert!(told.iter().any(|it| it.text.contains("Bob was given access to plans")), "{told:?}");
    alice.put_text("plans:/after", "not for Bob");
    assert!(bob.vault.accept(&granted.invitation, &Quiet).is_err());
    assert!(cat(&bob.vault, "plans:/after").is_err());
    drop(provider);
}

#[test]
fn honest_work_past_a_cutoff_is_set_aside_and_adopted_or_dismissed() {
    let provider = Provider::start();
    let (alice, bob) = (Device::at(&provider), Device::at(&provider));
    shared(&alice, &bob, Rights::Write);
    alice.sync();
    let tablet = alice.second(&provider);
    // It is at the provider before the revoke, and Alice has not seen it.
    bob.put_text("plans:/late", "honest work");
    bob.put_text("plans:/not worth it", "scribbles");
    alice.vault.remove_member(Some(SHARED), "Bob").unwrap();
    alice.sync();
    assert!(cat(&alice.vault, "plans:/late").is_err(), "never shown as content");
    let held = alice.vault.quarantine(Some(SHARED)).unwrap();
    let told: Vec<_> =
        held.iter().map(|it| (it.what, it.by.as_deref(), it.name.as_deref())).collect();
    let by_bob = |name| ("version", Some("Bob"), Some(name));
    assert_eq!(told, [by_bob("late"), by_bob("not worth it")]);
    assert_eq!(alice.vault.status(false).unwrap().quarantine, 2);
    let mut content = Vec::new();
    alice.vault.quarantined(&held[0].entry, &mut content).unwrap();
    assert_eq!(content, b"honest work");

    alice.vault.adopt(&held[0].entry, &Quiet).unwrap();
    assert_eq!(alice.cat("plans:/late"), b"honest work");
    alice.vault.dismiss(&held[1].entry).unwrap();
    assert!(alice.vault.quarantine(None).unwrap().is_empty());
    assert!(cat(&alice.vault, "plans:/not worth it").is_err());
    let again = alice.vault.adopt(&held[0].entry, &Quiet).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::NotFound, "{again}");
    // All her devices say the same.
    tablet.sync();
    assert_eq!(tablet.cat("plans:/late"), b"honest work");
    assert!(tablet.vault.quarantine(None).unwrap().is_empty());
    alice.assert_whole();
}

/// What is closed to somebody by now keeps no device of theirs from everything else.
#[test]
fn who_was_taken_out_comes_back_by_words_and_by_a_code_all_the_same() {
    let provider = Provider::start();
    let (alice, bob) = (Device::at(&provider), Device::at(&provider));
    shared(&alice, &bob, Rights::Write);
    bob.put_text("/mine", "Bob's own");
    bob.vault.create_bucket("work").unwrap();
    bob.put_text("work:/x", "x");
    alice.sync();
    alice.vault.remove_member(Some(SHARED), "Bob").unwrap();
    drop(bob.vault.sync(&Quiet));

    let tablet = bob.second(&provider);
    let phone = crate::pairing::paired(&bob, strongroom_client::CodeKind::Short);
    for device in [&tablet, &phone] {
        assert_eq!(device.cat("/mine"), b"Bob's own");
        assert_eq!(device.cat("work:/x"), b"x");
        assert!(cat(&device.vault, "plans:/first").is_err());
        drop(device.vault.sync(&Quiet));
        assert_eq!(device.vault.sync(&Quiet).unwrap().closed, [], "told once");
        assert!(device.vault.buckets().unwrap().iter().any(|it| it.label == "work"));
        let report = device.vault.verify(true, &Quiet).unwrap();
        assert_eq!(report.damaged, [], "{report:?}");
        let told = device.vault.status(false).unwrap().notices;
        assert_eq!(told.iter().filter(|it| it.text.contains("closed before")).count(), 1);
        device.vault.privacy().unwrap();
        device.vault.access_everywhere().unwrap();
        device.vault.find(None, "mine").unwrap();
        device.put_text("/more", "goes on");
    }
    // Let in again, all devices have it.
    let granted = alice.vault.grant(Some(SHARED), "Bob", Rights::Write, None).unwrap();
    tablet.vault.accept(&granted.invitation, &Quiet).unwrap();
    assert_eq!(tablet.cat("plans:/first"), b"from before Bob was in");
    for device in [&phone, &bob] {
        drop(device.vault.sync(&Quiet));
        device.sync();
        assert_eq!(device.cat("plans:/first"), b"from before Bob was in");
        device.assert_whole();
    }
}

/// A purge that does not count explains nothing: what it made the provider let go of is missed.
#[test]
fn what_somebody_purged_past_a_cutoff_is_named_as_lost() {
    let provider = Provider::start();
    let (alice, bob) = (Device::at(&provider), Device::at(&provider));
    let carroll = Device::at(&provider);
    shared(&alice, &bob, Rights::Admin);
    meet(&bob, &carroll, "Carroll");
    let granted = bob.vault.grant(Some(SHARED), "Carroll", Rights::Read, None).unwrap();
    carroll.vault.accept(&granted.invitation, &Quiet).unwrap();
    alice.sync();
    alice.put_text("plans:/large", noise(100_000, 4));
    bob.sync();
    alice.assert_whole();
    // He seals it again without Carroll, and what she could open goes: rightly, as yet.
    bob.vault.remove_member(Some(SHARED), "Carroll").unwrap();
    assert!(bob.vault.seal_anew(Some(SHARED), "Carroll", &Quiet).unwrap().purged > 0);
    bob.assert_whole();
    // Alice, who has seen none of it, takes him out: his versions and his purge are set aside.
    alice.vault.remove_member(Some(SHARED), "Bob").unwrap();
    alice.sync();
    let report = alice.vault.verify(true, &Quiet).unwrap();
    assert!(report.damaged.iter().any(|it| it.reason.contains("(large)")), "{report:?}");
}

#[test]
fn what_nobody_takes_is_told_and_can_be_let_go() {
    let provider = Provider::start();
    let (alice, bob) = (Device::at(&provider), Device::at(&provider));
    shared(&alice, &bob, Rights::Write);
    alice.sync();
    alice.vault.remove_member(Some(SHARED), "Bob").unwrap();
    let source = bob.write("late", "for nobody");
    drop(try_put(&bob.vault, &source, "plans:/late"));
    assert_eq!(bob.vault.sync(&Quiet).unwrap().closed.len(), 1);
    let status = bob.vault.status(false).unwrap();
    let remote = &status.remotes[0];
    assert_eq!((remote.unsent_entries, remote.untaken.len()), (0, 1), "{remote:?}");
    assert_eq!(remote.untaken[0].bucket, SHARED);
    let held = bob.vault.quarantine(None).unwrap();
    assert!(held.iter().any(|it| it.what == "unsent" && it.name.as_deref() == Some("late")));
    // It is his to take along; to adopt it there is nothing.
    assert_eq!(bob.cat("plans:/late"), b"for nobody");
    let refused = bob.vault.adopt(&held[0].entry, &Quiet).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused, "{refused}");
    assert!(bob.vault.dismiss_all(SHARED).unwrap() >= 1);
    let status = bob.vault.status(false).unwrap();
    assert!(status.remotes[0].untaken.is_empty() && status.quarantine == 0, "{status:?}");
}

#[test]
fn what_he_could_open_is_sealed_again_and_goes_at_the_provider() {
    let provider = Provider::start();
    let (alice, bob) = (Device::at(&provider), Device::at(&provider));
    shared(&alice, &bob, Rights::Read);
    let large = crate::support::noise(3_000_000, 7);
    let source = alice.write("large", &large);
    crate::support::put(&alice.vault, &source, "plans:/large");
    alice.put_text("plans:/first", "changed once");
    bob.sync();
    let still_in = alice.vault.seal_anew(Some(SHARED), "Bob", &Quiet).unwrap_err();
    assert_eq!(still_in.kind(), ErrorKind::Usage, "{still_in}");
    alice.vault.remove_member(Some(SHARED), "Bob").unwrap();
    // What was written since is not his to open: a run that was cut short goes on like that.
    alice.put_text("plans:/first", "changed after");
    let versions = |name: &str| {
        alice.vault.history(&crate::support::place(&format!("plans:/{name}"))).unwrap().len()
    };
    let before = (versions("large"), versions("first"));
    let anew = alice.vault.seal_anew(Some(SHARED), "Bob", &Quiet).unwrap();
    assert!(anew.documents >= 1 && anew.bytes >= 3_000_000, "{anew:?}");
    assert_eq!(anew.purged, anew.documents, "each copy he could open");
    assert_eq!((versions("large"), versions("first")), (before.0 + 1, before.1));
    assert_eq!(alice.cat("plans:/large"), large);
    let again = alice.vault.seal_anew(Some(SHARED), "Bob", &Quiet).unwrap();
    assert_eq!((again.documents, again.purged), (0, 0), "nothing is left to do");
    // Her device has the copies from before; that the provider let them go is no damage.
    alice.assert_whole();
    // A device that comes now finds the content, and nothing of the copies; that is no damage.
    let tablet = alice.second(&provider);
    assert_eq!(tablet.cat("plans:/large"), large);
    assert_eq!(tablet.cat("plans:/first"), b"changed after");
    assert_eq!(tablet.vault.verify(false, &Quiet).unwrap().damaged, []);
}
