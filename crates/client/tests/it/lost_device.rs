//! A device of Alice's was lost or stolen. She takes it out from another one, without her words;
//! whoever has it fights back.

use std::sync::atomic::{AtomicU64, Ordering};

use strongroom_client::{CodeKind, ErrorKind, Progress, Quiet, Rights, Vault};

use crate::pairing::paired;
use crate::support::{Device, Provider, cat, try_put};

/// The key of this device, as others name it.
fn key(device: &Device) -> String {
    let devices = device.vault.devices(true).unwrap();
    devices.into_iter().find(|it| it.this).unwrap().device
}

/// Takes out `lost` from `by`; nothing may be left to do.
#[track_caller]
fn remove(by: &Device, lost: &Device) -> u64 {
    let removed = by.vault.remove_device(&key(lost), false, &Quiet).unwrap();
    assert_eq!(removed.left, [], "{removed:?}");
    assert_eq!(removed.devices, [key(lost)]);
    removed.requests
}

/// It gets nothing and nobody takes anything of it; what it had it still has.
#[track_caller]
fn assert_out(lost: &Device) {
    let error = lost.vault.sync(&Quiet).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(error.to_string().contains("taken out"), "{error}");
    assert!(error.hint().unwrap().contains("device join"), "{error}");
}

#[test]
fn a_lost_device_is_shut_out_and_all_others_go_on() {
    let provider = Provider::start();
    let laptop = Device::at(&provider);
    laptop.vault.create_bucket("letters").unwrap();
    laptop.put_text("letters:/to Bob", "Dear Bob");
    let phone = paired(&laptop, CodeKind::Short);
    let tablet = laptop.second(&provider);
    phone.put_text("letters:/from the phone", "honest work");
    laptop.vault.name_device("laptop").unwrap();

    remove(&laptop, &phone);
    laptop.put_text("letters:/secret", "not for the thief");
    laptop.put_text("/also secret", "nor this");
    assert_out(&phone);
    assert_eq!(phone.cat("letters:/to Bob"), b"Dear Bob", "what it had is readable");
    assert!(cat(&phone.vault, "letters:/secret").is_err());

    // A device that was away learns the new keys, writes, and is heard.
    tablet.sync();
    assert_eq!(tablet.cat("letters:/secret"), b"not for the thief");
    assert_eq!(tablet.cat("/also secret"), b"nor this");
    assert_eq!(tablet.cat("letters:/from the phone"), b"honest work");
    tablet.put_text("letters:/from the tablet", "still here");
    laptop.sync();
    assert_eq!(laptop.cat("letters:/from the tablet"), b"still here");
    tablet.vault.create_bucket("new").unwrap();

    // So do devices that come after it, by words or by a code.
    for next in [paired(&tablet, CodeKind::Long), laptop.second(&provider)] {
        assert_eq!(next.cat("letters:/secret"), b"not for the thief");
        assert_eq!(next.cat("letters:/to Bob"), b"Dear Bob", "history is there");
        next.put_text("/late", "by a later device");
        next.sync();
        next.assert_whole();
    }
    laptop.sync();
    assert_eq!(laptop.cat("/late"), b"by a later device");
    laptop.assert_whole();

    let devices = laptop.vault.devices(true).unwrap();
    let gone: Vec<_> = devices.iter().filter(|it| it.removed.is_some()).collect();
    assert_eq!(gone.len(), 1);
    assert_eq!((&gone[0].device, gone[0].name.as_deref()), (&key(&phone), Some("phone")));
    assert_eq!(devices.iter().filter(|it| it.removed.is_none()).count(), 4);
}

#[test]
fn a_thief_with_the_device_cannot_back_date_add_devices_or_host() {
    let provider = Provider::start();
    let laptop = Device::at(&provider);
    laptop.put_text("/plan", "as it was");
    let stolen = paired(&laptop, CodeKind::Short);
    // Before anybody notices, the thief adds a device of his own.
    let helper = paired(&stolen, CodeKind::Long);
    stolen.put_text("/plan", "as the thief wants it, before it was noticed");
    laptop.sync();
    let removed = laptop.vault.remove_device(&key(&stolen), true, &Quiet).unwrap();
    assert_eq!(removed.devices.len(), 2, "and what it had added: {removed:?}");
    assert_eq!(removed.left, []);
    assert_out(&stolen);
    assert_out(&helper);

    // With a clock set back he writes to what he has; no honest device ever sees it.
    for thief in [&stolen, &helper] {
        let past = thief.open().at_time(-86_400_000);
        let file = thief.write("forged", "dated to yesterday");
        let _ = try_put(&past, &file, "/plan");
        assert_eq!(past.sync(&Quiet).unwrap_err().kind(), ErrorKind::Refused);
        let error = past.create_bucket("at her cost").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "the vault's key is another: {error}");
    }
    laptop.sync();
    let shown = laptop.cat("/plan");
    assert_eq!(shown, b"as the thief wants it, before it was noticed", "what came before counts");
    let path = laptop.vault.history(&crate::support::place("/plan")).unwrap();
    assert_eq!(path.len(), 2, "the version before is a restore away");
    // Nor is there a way back in: what is in the log cannot be added again.
    let devices = laptop.vault.devices(false).unwrap();
    assert_eq!(devices.len(), 1);
    laptop.assert_whole();
}

/// The thief is faster, and takes out the owner's devices: her words make one that takes him out.
#[test]
fn a_thief_who_took_out_all_others_is_taken_out_by_the_words() {
    let provider = Provider::start();
    let laptop = Device::at(&provider);
    laptop.vault.create_bucket("letters").unwrap();
    laptop.put_text("letters:/to Bob", "Dear Bob");
    let stolen = paired(&laptop, CodeKind::Short);
    remove(&stolen, &laptop);
    assert_out(&laptop);
    let refused = laptop.vault.remove_device(&key(&stolen), false, &Quiet).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused, "{refused}");
    assert!(refused.hint().unwrap().contains("strongroom recover"), "{refused:?}");

    let anew = laptop.second(&provider);
    assert_eq!(anew.cat("letters:/to Bob"), b"Dear Bob");
    remove(&anew, &stolen);
    anew.put_text("letters:/secret", "not for the thief");
    assert_out(&stolen);
    assert!(cat(&stolen.vault, "letters:/secret").is_err());
    anew.assert_whole();
    assert_eq!(anew.second(&provider).cat("letters:/secret"), b"not for the thief");
}

#[test]
fn what_a_stolen_device_had_added_is_named_and_not_taken_for_granted() {
    let provider = Provider::start();
    let laptop = Device::at(&provider);
    let phone = paired(&laptop, CodeKind::Short);
    let tablet = paired(&phone, CodeKind::Short);
    laptop.sync();
    let removed = laptop.vault.remove_device(&key(&phone), false, &Quiet).unwrap();
    assert_eq!(removed.added_by_it, ["phone"], "the tablet, which is called so too");
    tablet.sync();
    tablet.put_text("/from the tablet", "is still Alice's");
    // And a device that was added by the lost one may be the one that takes it out.
    let watch = paired(&tablet, CodeKind::Short);
    watch.sync();
    watch.vault.remove_device(&key(&tablet), true, &Quiet).unwrap();
    assert_out(&tablet);
    laptop.sync();
    assert_eq!(laptop.cat("/from the tablet"), b"is still Alice's");
}

#[test]
fn who_cannot_be_taken_out_is_told_why() {
    let provider = Provider::start();
    let laptop = Device::at(&provider);
    let kind = |who: &str| laptop.vault.remove_device(who, false, &Quiet).unwrap_err().kind();
    assert_eq!(kind(&key(&laptop)), ErrorKind::Usage, "itself");
    assert_eq!(kind("nobody"), ErrorKind::NotFound);
    let phone = paired(&laptop, CodeKind::Short);
    let tablet = paired(&laptop, CodeKind::Short);
    assert_eq!(kind("phone"), ErrorKind::Usage, "two are called so");
    remove(&laptop, &phone);
    // Once more changes nothing, and finds nothing left to do.
    let events = laptop.vault.id().unwrap().events;
    remove(&laptop, &phone);
    assert_eq!(laptop.vault.id().unwrap().events, events);
    // Who is out takes nobody out.
    let error = phone.vault.remove_device(&key(&tablet), false, &Quiet).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    let away = provider.stop();
    assert_eq!(kind(&key(&tablet)), ErrorKind::Unreachable);
    drop(away);
}

/// Ctrl-C after so many looks.
struct After(AtomicU64);

impl Progress for After {
    fn cancelled(&self) -> bool {
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .is_err()
    }
}

#[test]
fn twenty_buckets_take_few_requests_and_an_end_in_between_is_gone_on_with() {
    let provider = Provider::start();
    let laptop = Device::at(&provider);
    for number in 0..19 {
        laptop.vault.create_bucket(&format!("bucket {number}")).unwrap();
    }
    let (phone, tablet) = (laptop.second(&provider), laptop.second(&provider));
    let (lost, late) = (laptop.second(&provider), laptop.second(&provider));
    laptop.sync();
    let requests = remove(&laptop, &lost);
    println!("a device taken out of 20 buckets: {requests} requests");
    assert!(requests <= 20 * 16 + 60, "{requests} requests");
    assert_out(&lost);

    // Ended in between: the vault is closed to it, some buckets are not.
    phone.sync();
    let stop = After(AtomicU64::new(8));
    let ended = phone.vault.remove_device(&key(&late), false, &stop);
    assert!(ended.is_err(), "{ended:?}");
    let half = phone.vault.devices(true).unwrap();
    assert_eq!(half.iter().filter(|it| it.removed.is_some()).count(), 2, "it had begun");
    // The device that began goes on with it at its next sync; so does any other, an hour later.
    let later = tablet.open().at_time(2 * 3_600_000);
    later.sync(&Quiet).unwrap();
    phone.vault.remove_device(&key(&late), false, &Quiet).unwrap();
    assert_out(&late);
    for device in [&laptop, &phone, &tablet] {
        device.sync();
    }
    laptop.put_text("bucket 7:/note", "for those who are left");
    for device in [&phone, &tablet] {
        device.sync();
        assert_eq!(device.cat("bucket 7:/note"), b"for those who are left");
    }
}

/// Alice's bucket, which Bob reads and writes; and Bob's, which Alice may only read.
#[test]
fn others_seal_for_the_new_key_and_the_lost_device_hears_nothing_of_them() {
    let provider = Provider::start();
    let (alice, bob) = (Device::at(&provider), Device::at(&provider));
    for (one, other, name) in [(&alice, &bob, "Bob"), (&bob, &alice, "Alice")] {
        let card = other.vault.card(None).unwrap().text;
        one.vault.add_contact(&card, Some(name), None).unwrap();
    }
    let let_in = |from: &Device, to: &Device, bucket: &str, name: &str, rights| {
        from.vault.create_bucket(bucket).unwrap();
        let granted = from.vault.grant(Some(bucket), name, rights, None).unwrap();
        to.vault.accept(&granted.invitation, &Quiet).unwrap();
    };
    let_in(&alice, &bob, "hers", "Bob", Rights::Admin);
    let_in(&bob, &alice, "his", "Alice", Rights::Read);
    let phone = paired(&alice, CodeKind::Short);
    phone.sync();
    bob.put_text("his:/before", "the phone has this");
    phone.sync();
    assert_eq!(phone.cat("his:/before"), b"the phone has this");

    remove(&alice, &phone);
    bob.sync();
    bob.put_text("his:/after", "by Bob, for Alice's devices");
    bob.put_text("hers:/after", "by Bob in her bucket");
    let epochs = |vault: &Vault, bucket: &str| {
        vault.epochs().unwrap().into_iter().filter(|it| it.bucket == bucket).count()
    };
    assert!(epochs(&bob.vault, "his") > 1, "he made one for her new key");
    let tablet = paired(&alice, CodeKind::Short);
    for device in [&alice, &tablet] {
        device.sync();
        assert_eq!(device.cat("his:/before"), b"the phone has this");
        assert_eq!(device.cat("his:/after"), b"by Bob, for Alice's devices");
        assert_eq!(device.cat("hers:/after"), b"by Bob in her bucket");
    }
    assert_out(&phone);
    assert!(cat(&phone.vault, "his:/after").is_err());
    // Alice lets somebody else in by her new key, and Bob sees who is in.
    let carroll = Device::at(&provider);
    let card = carroll.vault.card(None).unwrap().text;
    tablet.vault.add_contact(&card, Some("Carroll"), None).unwrap();
    let granted = tablet.vault.grant(Some("hers"), "Carroll", Rights::Read, None).unwrap();
    carroll.vault.accept(&granted.invitation, &Quiet).unwrap();
    assert_eq!(carroll.cat("hers:/after"), b"by Bob in her bucket");
    bob.sync();
    assert_eq!(bob.vault.members(Some("hers")).unwrap().len(), 3);
}
