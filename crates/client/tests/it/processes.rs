//! Several processes on one replica at the same time: every write of every one of them is there.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use strongroom_client::{ErrorKind, Progress, PutOptions, Quiet, Source, Vault};

use crate::support::{Device, Provider, long, place, put};
use crate::worker::{content, unlock, writer};

#[test]
fn two_processes_write_two_hundred_documents_each_and_nothing_is_lost() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    unlock(&alice);
    let count = if long() { 1_000 } else { 200 };
    let writers = ["left", "right"].map(|name| writer(&alice, name, count));
    for worker in writers {
        let said = worker.finish();
        assert_eq!(said.len(), count);
        assert!(said.iter().all(|line| line.ends_with("true")), "{said:?}");
    }
    let listing = alice.listing();
    assert_eq!(listing.len(), 2 * count);
    assert!(listing.iter().all(|(_, conflict)| !conflict));
    for (path, _) in &listing {
        assert!(alice.cat(path) == content(path.trim_start_matches('/')), "{path}");
    }
    // Chains, signatures, and the provider's set against ours.
    alice.assert_whole();
}

#[test]
fn two_processes_write_one_document_and_every_write_is_in_its_history() {
    let alice = Device::alone();
    unlock(&alice);
    // The same name in both: whoever comes second continues, or a conflict keeps both.
    let writers = [(), ()].map(|()| writer(&alice, "same", 5));
    for worker in writers {
        assert_eq!(worker.finish().len(), 5);
    }
    for n in 0..5 {
        let name = format!("same-{n}");
        let place = crate::support::place(&format!("/{name}"));
        let history = alice.vault.history(&place).unwrap();
        assert!(!history.is_empty() && history.len() <= 2);
        assert!(alice.cat(&format!("/{name}")) == content(&name));
    }
    alice.assert_whole();
}

/// One process puts large files while nobody answers, another sends what it finds, and the provider
/// comes and goes between them. Every chunk arrives.
#[test]
fn chunks_that_are_kept_and_sent_at_the_same_time_all_arrive() {
    let mut provider = Provider::start();
    let alice = Device::at(&provider);
    unlock(&alice);
    let mut worker = crate::worker::large_writer(&alice, "large", 24);
    let mut said = 0;
    for round in 0..6 {
        let away = provider.stop();
        said += usize::from(worker.says().is_some());
        provider = away.back();
        let report = alice.open().sync(&Quiet).unwrap();
        assert_eq!(report.refused, [], "{round}");
        said += usize::from(worker.says().is_some());
    }
    said += worker.finish().len();
    assert_eq!(said, 24);
    alice.sync();
    let other = alice.second(&provider);
    assert_eq!(other.listing().len(), 24);
    other.assert_whole();
    alice.assert_whole();
}

#[test]
fn a_vault_is_not_made_twice_in_one_place() {
    let alice = Device::alone();
    let again = strongroom_client::Vault::create(&alice.home, &crate::support::passphrase());
    assert_eq!(again.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(alice.open().principal(), alice.vault.principal());
}

/// Another command, which puts something where the first has just looked and found nothing.
struct Between {
    other: Vault,
    source: PathBuf,
    done: AtomicBool,
}

impl Between {
    fn new(device: &Device, source: PathBuf) -> Self {
        Self { other: device.open(), source, done: AtomicBool::new(false) }
    }
}

impl Progress for Between {
    fn advance(&self, _: u64, _: u64) {
        if !self.done.swap(true, Ordering::SeqCst) {
            put(&self.other, &self.source, "/together");
        }
    }
}

#[test]
fn a_place_that_was_taken_since_it_was_looked_at_is_not_taken_twice() {
    let alice = Device::alone();
    let (letter, answer) =
        (alice.write("mine/letter", "mine"), alice.write("theirs/answer", "theirs"));
    let mine = [Source::Path(letter.parent().unwrap().to_owned())];
    let options = PutOptions::default();
    let directory = Between::new(&alice, answer.parent().unwrap().to_owned());
    alice.vault.put(&mine, &place("/together"), &options, &directory).unwrap();
    assert_eq!(alice.cat("/together/letter"), b"mine");
    assert_eq!(alice.cat("/together/answer"), b"theirs");
    assert_eq!(alice.listing().len(), 3, "{:?}", alice.listing());

    alice.vault.remove(&place("/together"), true).unwrap();
    let file = Between::new(&alice, answer);
    let refused = alice.vault.put(&mine, &place("/together"), &options, &file).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict, "{refused}");
    assert_eq!(alice.cat("/together"), b"theirs");
}
