//! Epochs that are renewed: by the write that finds one old or full, by two devices at once, while
//! one is away; and everything that was ever written stays readable on every device.

use strongroom_client::{Clock, EpochInfo, EpochLimits, PutOptions, Quiet, Source, Vault};

use crate::support::{Device, Provider, cat, long, place, put};

const DAY_MS: i64 = 24 * 3_600_000;

/// Renewed after so many entries, or never by age.
const fn after(entries: u64) -> EpochLimits {
    EpochLimits { entries, age_ms: u64::MAX }
}

fn of(vault: &Vault, bucket: &str) -> Vec<EpochInfo> {
    let all = vault.epochs().unwrap();
    all.into_iter().filter(|epoch| epoch.bucket == bucket).collect()
}

/// Numbers of the default bucket's epochs.
fn numbers(device: &Device) -> Vec<u64> {
    of(&device.vault, "main").iter().map(|epoch| epoch.number).collect()
}

fn current(device: &Device) -> Vec<EpochInfo> {
    of(&device.vault, "main").into_iter().filter(|epoch| epoch.current).collect()
}

/// Each device tells and asks until nobody has news.
fn meet(devices: &[&Device]) {
    for _ in 0..2 {
        for device in devices {
            device.sync();
        }
    }
}

#[track_caller]
fn assert_agree(devices: &[&Device]) {
    let all = |device: &Device| device.vault.list(&place("/"), true).unwrap();
    for device in devices {
        assert_eq!(all(device), all(devices[0]));
        let epochs = of(&device.vault, "main");
        assert!(epochs.iter().all(|epoch| epoch.opens), "{epochs:?}");
        assert_eq!(epochs, of(&devices[0].vault, "main"));
        device.assert_whole();
    }
}

#[test]
fn the_write_that_finds_an_epoch_full_makes_the_next_in_the_same_request() {
    let provider = Provider::start();
    let mut phone = Device::at(&provider);
    let entries = || provider.metrics.entries_stored.count();
    let requests = || provider.metrics.requests.count();
    let count = |device: &Device, name: &str| {
        let before = (entries(), requests());
        device.put_text(name, name);
        (entries() - before.0, requests() - before.1)
    };
    count(&phone, "/to warm up");
    let (one, asked) = count(&phone, "/plain");
    assert_eq!(one, 1);
    phone.vault.set_epoch_limits(after(1));
    let (two, asked_renewing) = count(&phone, "/renewed");
    assert_eq!(two, 2, "the epoch and the version");
    assert_eq!(asked_renewing, asked, "and no request more");
    assert_eq!(numbers(&phone), [1, 2]);
    assert_eq!(current(&phone).len(), 1);
    phone.vault.set_epoch_limits(EpochLimits::default());
    assert_eq!(count(&phone, "/plain again").0, 1, "until it is full again");
    for name in ["/plain", "/renewed", "/plain again"] {
        assert_eq!(phone.cat(name), name.as_bytes());
    }
    phone.assert_whole();
}

#[test]
fn an_epoch_is_renewed_after_ninety_days_by_the_clock() {
    let mut phone = Device::alone();
    phone.put_text("/a", "a");
    for (days, expected) in [(-200, 1), (89, 1), (91, 2), (92, 2), (182, 3)] {
        phone.vault.set_clock(Clock::shifted(days * DAY_MS));
        phone.put_text("/a", format!("{days} days"));
        assert_eq!(numbers(&phone).len(), expected, "after {days} days");
    }
    assert_eq!(numbers(&phone), [1, 2, 3]);
    assert_eq!(phone.vault.history(&place("/a")).unwrap().len(), 6);
}

#[test]
fn an_epoch_may_be_overfull_by_one_transaction_and_not_by_more() {
    // Small files of one directory go in transactions of 2,048.
    let (files, limit) = if long() { (25_000, EpochLimits::default()) } else { (90, after(40)) };
    let mut phone = Device::alone();
    phone.vault.set_epoch_limits(limit);
    for at in 0..files {
        phone.write(&format!("many/{at}"), format!("file {at}"));
    }
    put(&phone.vault, &phone.path("many"), "/many");
    let transactions = (files + 1_usize).div_ceil(2_048);
    let entries_each = usize::try_from(limit.entries).unwrap().div_ceil(2_048) * 2_048;
    let expected = (files + 1).div_ceil(entries_each);
    assert_eq!(numbers(&phone).len(), expected, "{transactions} transactions");
    phone.put_text("/after", "after");
    let renewed = numbers(&phone).len();
    // The short form: one transaction of 91 under an epoch for 40, and the next write renews.
    assert!(long() || renewed == expected + 1);
    assert_eq!(
        phone.cat(&format!("/many/{}", files - 1)),
        format!("file {}", files - 1).as_bytes()
    );
    assert_eq!(phone.listing().len(), files + 2);
}

#[test]
fn every_device_reads_and_goes_on_through_many_epochs() {
    let provider = Provider::start();
    let mut phone = Device::at(&provider);
    phone.vault.set_epoch_limits(after(1));
    let epochs = if long() { 1_000 } else { 12 };
    for at in 1..epochs {
        phone.put_text("/diary", format!("day {at}"));
    }
    assert_eq!(numbers(&phone).len(), epochs);
    phone.vault.create_bucket("letters").unwrap();
    assert!(of(&phone.vault, "vault").len() > 1, "the vault's own bucket too");

    // From the words alone: the newest epoch by this person's wrap, all others by its back keys.
    let laptop = phone.second(&provider);
    phone.sync();
    assert_agree(&[&phone, &laptop]);
    assert_eq!(of(&laptop.vault, "vault").iter().filter(|epoch| !epoch.opens).count(), 0);
    let history = laptop.vault.history(&place("/diary")).unwrap();
    assert_eq!(history.len(), epochs - 1);
    let first = &history.last().unwrap().version;
    laptop.vault.restore(&place("/diary"), first).unwrap();
    assert_eq!(laptop.cat("/diary"), b"day 1");
    laptop.put_text("/letters", "by the laptop");
    meet(&[&laptop, &phone]);
    assert_eq!(phone.cat("/diary"), b"day 1");
    assert_agree(&[&phone, &laptop]);
    // Another process of the phone, which opens everything from its disk.
    assert_eq!(cat(&phone.open(), "/letters").unwrap(), b"by the laptop");
}

#[test]
fn two_devices_renew_at_once_and_the_next_writer_unites_them() {
    let provider = Provider::start();
    let mut phone = Device::at(&provider);
    phone.put_text("/before", "before");
    let mut laptop = phone.second(&provider);
    phone.sync();
    let away = provider.stop();
    for device in [&mut phone, &mut laptop] {
        device.vault.set_epoch_limits(after(1));
    }
    phone.put_text("/by phone", "phone");
    laptop.put_text("/by laptop", "laptop");
    assert_eq!((numbers(&phone), numbers(&laptop)), (vec![1, 2], vec![1, 2]));
    let provider = away.back();
    meet(&[&phone, &laptop]);
    assert_eq!(numbers(&phone), [1, 2, 2]);
    assert_eq!(current(&phone).len(), 2);
    assert_agree(&[&phone, &laptop]);
    for device in [&mut phone, &mut laptop] {
        device.vault.set_epoch_limits(EpochLimits::default());
    }

    laptop.put_text("/next", "next");
    meet(&[&laptop, &phone]);
    assert_eq!(numbers(&phone), [1, 2, 2, 3]);
    let [last] = &current(&phone)[..] else { panic!() };
    assert_eq!(last.follows.len(), 2, "one that names both");
    phone.put_text("/and on", "and on");
    assert_eq!(numbers(&phone), [1, 2, 2, 3], "nothing is left to unite");
    meet(&[&phone, &laptop]);
    assert_agree(&[&phone, &laptop, &phone.second(&provider)]);
}

#[test]
fn what_an_absent_device_wrote_under_the_old_epoch_arrives_once_and_whole() {
    let provider = Provider::start();
    let mut phone = Device::at(&provider);
    phone.put_text("/plan", "the plan");
    let laptop = phone.second(&provider);
    phone.sync();
    let away = provider.stop();
    // A chain of several transactions, one of them a conflict to be, all under the first epoch.
    laptop.put_text("/by laptop", "one");
    laptop.put_text("/by laptop", "two");
    laptop.put_text("/plan", "the plan, by laptop");
    laptop.vault.remove(&place("/by laptop"), false).unwrap();
    laptop.vault.undelete(&place("/by laptop")).unwrap();
    let provider = away.back();
    phone.vault.set_epoch_limits(after(1));
    phone.put_text("/plan", "the plan, by phone");
    phone.put_text("/by phone", "phone");
    assert!(numbers(&phone).len() > 2);

    let written = laptop.vault.history(&place("/by laptop")).unwrap().len();
    meet(&[&laptop, &phone]);
    assert_agree(&[&phone, &laptop]);
    for device in [&phone, &laptop] {
        assert_eq!(device.vault.history(&place("/by laptop")).unwrap().len(), written);
        assert_eq!(device.cat("/by laptop"), b"two");
        let plans = device.vault.history(&place("/plan")).unwrap();
        assert_eq!(plans.len(), 3, "nothing was sealed twice: {plans:?}");
        assert_eq!(plans.iter().filter(|one| one.head).count(), 2, "nothing was lost");
    }
    // What the laptop writes from now on is under the newest.
    laptop.put_text("/now", "now");
    meet(&[&laptop, &phone]);
    assert_agree(&[&phone, &laptop, &phone.second(&provider)]);
    assert_eq!(current(&laptop).len(), 1);
}

#[test]
fn two_processes_of_one_device_renew_and_both_go_on() {
    let provider = Provider::start();
    let mut phone = Device::at(&provider);
    phone.vault.set_epoch_limits(after(1));
    let mut other = phone.open();
    other.set_epoch_limits(after(1));
    let file = phone.write("by another", "another");
    for round in 0..3 {
        phone.put_text("/one", format!("{round}"));
        let sources = [Source::Path(file.clone())];
        other.put(&sources, &place("/two"), &PutOptions::default(), &Quiet).unwrap();
        std::fs::write(&file, format!("another {round}")).unwrap();
    }
    assert_eq!(current(&phone).len(), 1, "each saw what the other had made");
    phone.sync();
    phone.assert_whole();
    assert_eq!(phone.cat("/two"), b"another 1");
}

#[test]
fn a_bucket_is_deactivated_without_a_new_epoch() {
    let provider = Provider::start();
    let mut phone = Device::at(&provider);
    phone.vault.create_bucket("letters").unwrap();
    phone.put_text("letters:/a", "a");
    phone.vault.set_epoch_limits(after(1));
    phone.vault.deactivate_bucket("letters").unwrap();
    let laptop = phone.second(&provider);
    assert_eq!(of(&laptop.vault, "letters").len(), 1);
    assert_eq!(laptop.cat("letters:/a"), b"a");
}
