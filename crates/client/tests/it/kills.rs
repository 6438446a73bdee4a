//! kill -9 at random points of client and provider. Afterwards every acknowledged write is there,
//! no half file, an upload goes on where it was, and everything verifies.
//!
//! The default run is bounded by time, so that it ends on a slow machine; `STRONGROOM_LONG=1`
//! makes it five hundred kills on either side.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::sharing::{SHARED, shared};
use crate::support::{Device, Dice, PIECE, Provider, cat, get, long, noise, place, put, try_put};
use crate::worker::{Daemon, anywhere, content, getter, putter, sealing_anew, unlock, writer};

/// How often, and for how long at most.
fn bounds(short: Duration) -> (usize, Instant) {
    let most = if long() { Duration::from_hours(1) } else { short };
    (500, Instant::now() + most)
}

#[test]
fn a_client_is_killed_at_random_points_and_nothing_acknowledged_is_lost() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    unlock(&alice);
    let mut dice = Dice(0x5eed);
    let mut acknowledged = BTreeSet::new();
    let (kills, end) = bounds(Duration::from_secs(45));
    let mut killed = 0;
    for round in 0..kills {
        if Instant::now() > end {
            break;
        }
        let mut worker = writer(&alice, &format!("r{round}"), 1_000);
        // Some die while they start, some after a few writes, somewhere within the next.
        for _ in 0..dice.below(4) {
            acknowledged.extend(worker.says());
        }
        std::thread::sleep(Duration::from_micros(dice.below(30_000)));
        acknowledged.extend(worker.kill());
        killed += 1;
        if round % 50 == 49 {
            let report = alice.vault.verify(false, &strongroom_client::Quiet).unwrap();
            assert_eq!(report.damaged, []);
        }
    }
    println!("{killed} kills of a client, {} acknowledged", acknowledged.len());
    assert!(!acknowledged.is_empty());
    assert_all_there(&alice, &acknowledged, false);
    // What was only kept goes out now; another device has it all.
    alice.sync();
    let other = alice.second(&provider);
    assert_all_there(&other, &acknowledged, false);
    assert_eq!(other.listing(), alice.listing());
    alice.assert_whole();
    other.assert_whole();
}

/// Every acknowledged document, whole; and whatever else is there is whole, too.
#[track_caller]
fn assert_all_there(device: &Device, acknowledged: &BTreeSet<String>, durable_only: bool) {
    for line in acknowledged {
        let (name, durable) = line.rsplit_once(' ').unwrap();
        if !durable_only || durable == "true" {
            let found = cat(&device.vault, &format!("/{name}"));
            assert!(found.as_ref().is_ok_and(|found| *found == content(name)), "{name}: {found:?}");
        }
    }
    for (path, conflict) in device.listing() {
        assert!(!conflict, "{path}");
        assert!(device.cat(&path) == content(path.trim_start_matches('/')), "{path}");
    }
}

#[test]
fn a_provider_is_killed_at_random_points_and_what_it_acknowledged_is_there() {
    let data = tempfile::tempdir().unwrap();
    let first = Daemon::start(anywhere(), data.path());
    let address = first.address;
    let alice = Device::alone();
    alice.vault.add_provider(&first.url, None).unwrap();
    let acknowledged = Mutex::new(BTreeSet::new());
    let (kills, end) = bounds(Duration::from_secs(45));
    let mut dice = Dice(0xdead);
    let over = std::sync::atomic::AtomicBool::new(false);
    let daemon = std::thread::scope(|scope| {
        scope.spawn(|| {
            // One vault, open all the time: it meets the provider again and again.
            for n in 0_u64.. {
                if over.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                let name = format!("p-{n}");
                let source = alice.write("source", content(&name));
                match try_put(&alice.vault, &source, &format!("/{name}")) {
                    Ok(report) => {
                        assert_eq!(report.refused, []);
                        let line = format!("{name} {}", report.durable_remotely);
                        acknowledged.lock().unwrap().insert(line);
                    }
                    // A large one needs its provider to the end; it says so and stores nothing.
                    Err(error) => {
                        let kind = error.kind();
                        assert_eq!(kind, strongroom_client::ErrorKind::Unreachable, "{error}");
                    }
                }
            }
        });
        // Whatever fails here, the writer ends.
        let ends = Ends(&over);
        let mut daemon = first;
        let mut killed = 0;
        while killed < kills && Instant::now() < end {
            std::thread::sleep(Duration::from_micros(dice.below(120_000)));
            daemon.worker.kill();
            killed += 1;
            daemon = Daemon::start(address, data.path());
        }
        drop(ends);
        println!("{killed} kills of a provider");
        daemon
    });
    let acknowledged = acknowledged.into_inner().unwrap();
    let durable = acknowledged.iter().filter(|line| line.ends_with("true")).count();
    println!("{} acknowledged, {durable} durable there", acknowledged.len());
    assert!(durable > 0);
    // Before the first device says another word: what was said to be there, is there.
    let other = Device::recovered(&daemon.url, &alice.phrase);
    assert_all_there(&other, &acknowledged, true);
    alice.sync();
    assert_all_there(&alice, &acknowledged, false);
    other.sync();
    assert_eq!(other.listing(), alice.listing());
    alice.assert_whole();
    other.assert_whole();
}

struct Ends<'a>(&'a std::sync::atomic::AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

#[test]
fn a_large_put_that_is_killed_again_and_again_goes_on_where_it_was() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    unlock(&alice);
    let pieces = 120;
    let size = pieces * PIECE + 12_345;
    let source = alice.write("large", noise(size, 77));
    let mut dice = Dice(3);
    let before = provider.metrics.bytes_in.count();
    let mut kills = 0;
    for round in 0..4 {
        // Killed somewhere after so much more has arrived.
        let due = provider.metrics.bytes_in.count() + 18 * 1_048_576 + dice.below(12 << 20);
        let worker = putter(&alice, &source, "/large");
        while provider.metrics.bytes_in.count() < due {
            std::thread::sleep(Duration::from_millis(1));
        }
        worker.kill();
        kills += 1;
        let status = alice.vault.status(false).unwrap();
        assert_eq!(status.uploads.len(), 1, "round {round}: {status:?}");
        assert!(status.uploads[0].done > 0);
        assert!(alice.vault.list(&place("/"), true).unwrap().is_empty());
    }
    putter(&alice, &source, "/large").finish();
    let sent = provider.metrics.bytes_in.count() - before;
    println!("{kills} kills, {sent} bytes sent for {size}");
    assert!(sent < 2 * size as u64, "{sent} bytes sent for {size}");
    assert_eq!(alice.vault.status(false).unwrap().uploads, []);
    assert!(alice.cat("/large") == std::fs::read(&source).unwrap());
    alice.assert_whole();
}

#[test]
fn a_get_that_is_killed_leaves_no_half_file_under_the_real_name() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    unlock(&alice);
    let wanted = noise(24 * PIECE + 9, 5);
    let source = alice.write("large", &wanted);
    crate::support::put(&alice.vault, &source, "/large");
    let to = alice.path("out/large");
    std::fs::create_dir(alice.path("out")).unwrap();
    let mut dice = Dice(8);
    for _ in 0..6 {
        let sent = provider.metrics.bytes_out.count();
        let due = sent + dice.below(20 << 20);
        let worker = getter(&alice, "/large", &to);
        let started = Instant::now();
        while provider.metrics.bytes_out.count() < due
            && started.elapsed() < Duration::from_secs(20)
        {
            std::thread::sleep(Duration::from_millis(1));
        }
        worker.kill();
        if to.exists() {
            assert!(std::fs::read(&to).unwrap() == wanted);
            std::fs::remove_file(&to).unwrap();
        }
    }
    getter(&alice, "/large", &to).finish();
    assert!(std::fs::read(&to).unwrap() == wanted);
}

/// Sealing a bucket again goes on where it was killed, until nothing is left that he could open.
#[test]
fn sealing_again_is_killed_at_random_points_and_goes_on() {
    let provider = Provider::start();
    let (alice, bob) = (Device::at(&provider), Device::at(&provider));
    shared(&alice, &bob, strongroom_client::Rights::Read);
    for n in 0..40_u64 {
        alice.write(format!("tree/{n}").as_str(), noise(100_000, n));
    }
    put(&alice.vault, &alice.path("tree"), "plans:/tree");
    bob.sync();
    alice.vault.remove_member(Some(SHARED), "Bob").unwrap();
    unlock(&alice);
    let mut dice = Dice(0xdee9);
    for _ in 0..8 {
        let mut worker = sealing_anew(&alice, SHARED, "Bob");
        assert_eq!(worker.says().as_deref(), Some("begun"));
        std::thread::sleep(Duration::from_millis(dice.below(400)));
        if worker.kill().iter().any(|said| said == "done") {
            break;
        }
        // Whatever was done, all of it is there, once.
        get(&alice.open(), "plans:/tree", &alice.path(&format!("out {}", dice.next())));
    }
    sealing_anew(&alice, SHARED, "Bob").finish();
    let again = alice.vault.seal_anew(Some(SHARED), "Bob", &strongroom_client::Quiet).unwrap();
    assert_eq!((again.documents, again.purged), (0, 0), "nothing is left to do: {again:?}");
    let tablet = alice.second(&provider);
    for n in 0..40_u64 {
        let at = format!("plans:/tree/{n}");
        assert!(tablet.cat(&at) == noise(100_000, n), "{at}");
        assert!(tablet.vault.history(&place(&at)).unwrap().len() <= 2, "{at} was sealed twice");
    }
    assert_eq!(tablet.vault.verify(false, &strongroom_client::Quiet).unwrap().damaged, []);
    alice.assert_whole();
}
