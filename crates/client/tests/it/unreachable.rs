//! A provider that does not answer: what is put is kept, status says so, the next command that
//! reaches it sends it. A provider that is another one under the same address gets nothing.

use strongroom_client::{ErrorKind, Home, Quiet, Vault};

use crate::support::{Device, PIECE, Provider, get, noise, passphrase, put};

#[test]
fn what_is_put_while_nobody_answers_is_kept_told_and_sent_by_the_next_command_that_gets_through() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    alice.put_text("/before", "before");
    let away = provider.stop();

    // By a vault that was open while the provider went, and by one opened afterwards.
    for (n, vault) in [&alice.vault, &alice.open()].into_iter().enumerate() {
        let small = alice.write("small", format!("small {n}"));
        let report = put(vault, &small, &format!("/small {n}"));
        assert!(!report.durable_remotely);
        let large = alice.write("large", noise(3 * PIECE + 17, n as u64));
        let report = put(vault, &large, &format!("/large {n}"));
        assert!(!report.durable_remotely);
    }
    let status = alice.open().status(true).unwrap();
    assert_eq!(status.remotes[0].reachable, Some(false));
    assert!(status.remotes[0].unsent_entries >= 4, "{status:?}");
    assert!(status.remotes[0].problem.is_some());
    // Everything is readable here meanwhile.
    let offline = alice.open();
    get(&offline, "/", &alice.path("here"));
    assert!(std::fs::read(alice.path("here/large 1")).unwrap() == noise(3 * PIECE + 17, 1));
    let synced = offline.sync(&Quiet).unwrap();
    assert_eq!(synced.unreachable.len(), 1);

    let provider = away.back();
    let report = put(&alice.open(), &alice.write("next", "next"), "/next");
    assert!(report.durable_remotely);
    let status = alice.open().status(true).unwrap();
    assert_eq!(status.remotes[0].reachable, Some(true));
    assert_eq!(status.remotes[0].unsent_entries, 0);

    let other = alice.second(&provider);
    for n in 0..2 {
        assert_eq!(other.cat(&format!("/small {n}")), format!("small {n}").as_bytes());
        assert!(other.cat(&format!("/large {n}")) == noise(3 * PIECE + 17, n));
    }
    other.assert_whole();
    alice.assert_whole();
}

#[test]
fn chunks_put_while_nobody_answers_stay_on_a_device_with_a_small_cache() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    let away = provider.stop();
    let large = alice.write("large", noise(4 * PIECE, 5));
    let options = strongroom_client::PutOptions { cache_size: Some(0), ..Default::default() };
    let sources = [strongroom_client::Source::Path(large)];
    alice.open().put(&sources, &crate::support::place("/large"), &options, &Quiet).unwrap();
    assert!(alice.cat("/large") == noise(4 * PIECE, 5));
    let provider = away.back();
    alice.sync();
    // Now a provider has them, and the device keeps none.
    assert_eq!(alice.vault.status(false).unwrap().cache_bytes, 0);
    assert!(alice.cat("/large") == noise(4 * PIECE, 5));
    assert!(alice.second(&provider).cat("/large") == noise(4 * PIECE, 5));
}

#[test]
fn a_vault_without_a_provider_is_whole_and_moves_in_later() {
    let alice = Device::alone();
    let large = alice.write("large", noise(2 * PIECE, 1));
    assert!(!put(&alice.vault, &large, "/large").durable_remotely);
    let notices = alice.vault.status(true).unwrap().notices;
    assert!(notices.iter().any(|notice| notice.text.contains("no provider")), "{notices:?}");
    let provider = Provider::start();
    alice.vault.add_provider(&provider.url, None).unwrap();
    assert!(alice.second(&provider).cat("/large") == noise(2 * PIECE, 1));
    alice.assert_whole();
}

#[test]
fn a_provider_that_restarts_is_met_again_by_an_open_vault() {
    let mut provider = Provider::start();
    let alice = Device::at(&provider);
    for n in 0..3 {
        let report = alice.put_text(&format!("/{n}"), [n; 10]);
        assert!(report.durable_remotely);
        provider = provider.stop().back();
    }
    let large = alice.write("large", noise(2 * PIECE, 1));
    assert!(put(&alice.vault, &large, "/large").durable_remotely);
    alice.assert_whole();
}

#[test]
fn another_provider_under_the_same_address_is_told_and_gets_nothing() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    alice.put_text("/letter", "letter");
    let other = provider.stop().replaced();

    let again = alice.open();
    let report = again.sync(&Quiet).unwrap();
    assert_eq!(report.refused.len(), 1, "{report:?}");
    assert!(report.refused[0].reason.contains("key"), "{report:?}");
    assert_eq!(report.sent_entries, 0);
    let error = crate::support::try_put(&again, &alice.write("x", "x"), "/x").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(error.hint().is_some());
    assert_eq!(other.metrics.entries_stored.count(), 0);
    assert_eq!(other.metrics.vaults_total.count(), 0);
    // Reading goes on.
    assert_eq!(alice.cat("/letter"), b"letter");
    let status = again.status(true).unwrap();
    assert_eq!(status.remotes[0].reachable, Some(false));
    assert!(status.remotes[0].problem.as_ref().unwrap().contains("key"));

    // The words lead nowhere there, and say so.
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path());
    let error =
        Vault::recover(&home, &other.url, &alice.phrase, &passphrase(), &Quiet).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[test]
fn a_full_quota_is_told_the_write_is_kept_and_nothing_breaks() {
    let provider = Provider::with_quota(1 << 20);
    let alice = Device::at(&provider);
    alice.put_text("/small", "small");
    let large = alice.write("large", noise(3 * PIECE, 1));
    let error = crate::support::try_put(&alice.vault, &large, "/large").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full, "{error}");
    assert!(error.to_string().contains("quota"), "{error}");
    assert_eq!(alice.cat("/small"), b"small");
    alice.open().status(true).unwrap();
    // Small things still fit.
    assert!(alice.put_text("/another", "another").durable_remotely);
    alice.assert_whole();
}
