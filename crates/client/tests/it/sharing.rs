//! Three people share a bucket at one provider: Alice lets Bob and Carroll in and takes Bob out
//! again. Every step is looked at from every side.

use strongroom_client::{ErrorKind, Quiet, Rights};

use crate::support::{Device, Provider, cat, noise, place, put};

pub const SHARED: &str = "plans";

/// Two people who know each other's cards.
pub fn meet(one: &Device, other: &Device, name: &str) {
    let card = other.vault.card(None).unwrap().text;
    one.vault.add_contact(&card, Some(name), None).unwrap();
}

/// Alice's bucket with a document, and Bob, who was let in.
pub fn shared(alice: &Device, bob: &Device, rights: Rights) {
    meet(alice, bob, "Bob");
    meet(bob, alice, "Alice");
    alice.vault.create_bucket(SHARED).unwrap();
    alice.put_text("plans:/first", "from before Bob was in");
    let granted = alice.vault.grant(Some(SHARED), "Bob", rights, None).unwrap();
    assert!(granted.sent);
    let read = bob.vault.read_invitation(&granted.invitation).unwrap();
    assert_eq!((read.from.as_deref(), read.label.as_str()), (Some("Alice"), SHARED));
    // Nothing is mounted without consent.
    assert!(bob.vault.buckets().unwrap().iter().all(|it| it.label != SHARED));
    bob.vault.accept(&granted.invitation, &Quiet).unwrap();
}

/// Who is in, as one of them sees it.
pub fn who(device: &Device) -> Vec<(String, &'static str, bool)> {
    device.sync();
    let members = device.vault.members(Some(SHARED)).unwrap();
    let name = |name: Option<String>, you: bool| match (name, you) {
        (_, true) => "you".to_owned(),
        (Some(name), _) => name,
        (None, _) => "?".to_owned(),
    };
    members.into_iter().map(|it| (name(it.name, it.you), it.rights, it.accepted)).collect()
}

#[test]
fn bob_reads_and_writes_what_alice_shares_and_both_see_who_is_in() {
    let provider = Provider::start();
    let (alice, bob) = (Device::at(&provider), Device::at(&provider));
    shared(&alice, &bob, Rights::Write);
    assert_eq!(bob.cat("plans:/first"), b"from before Bob was in");
    bob.put_text("plans:/second", "from Bob");
    alice.sync();
    assert_eq!(alice.cat("plans:/second"), b"from Bob");
    alice.put_text("plans:/first", "changed by Alice");
    bob.sync();
    assert_eq!(bob.cat("plans:/first"), b"changed by Alice");
    let words = |name: &str, rights| (name.to_owned(), rights, true);
    assert_eq!(who(&alice), [words("you", "admin"), words("Bob", "write")]);
    assert_eq!(who(&bob), [words("you", "write"), words("Alice", "admin")]);
    alice.assert_whole();
    bob.assert_whole();
}

/// The first answer of a provider ends before the entry that lets Bob in: he can open nothing of it
/// until the last one came.
#[test]
fn a_bucket_that_comes_in_several_answers_is_there_whole_with_its_name() {
    let provider = Provider::start();
    let (alice, bob) = (Device::at(&provider), Device::at(&provider));
    for n in 0..260_u64 {
        alice.write(&format!("tree/{n}"), noise(40_000, n));
    }
    alice.vault.create_bucket(SHARED).unwrap();
    put(&alice.vault, &alice.path("tree"), "plans:/tree");
    meet(&alice, &bob, "Bob");
    let granted = alice.vault.grant(Some(SHARED), "Bob", Rights::Read, None).unwrap();
    let info = bob.vault.accept(&granted.invitation, &Quiet).unwrap();
    assert_eq!((info.label.as_str(), info.documents), (SHARED, 261));
    assert!(bob.cat("plans:/tree/0") == noise(40_000, 0));
    assert!(bob.cat("plans:/tree/259") == noise(40_000, 259));
    let again = bob.second(&provider);
    assert!(again.cat("plans:/tree/7") == noise(40_000, 7));
}

#[test]
fn an_invitation_is_for_one_person_and_good_once() {
    let provider = Provider::start();
    let (alice, bob, carroll) =
        (Device::at(&provider), Device::at(&provider), Device::at(&provider));
    meet(&alice, &bob, "Bob");
    alice.vault.create_bucket(SHARED).unwrap();
    let granted = alice.vault.grant(Some(SHARED), "Bob", Rights::Read, None).unwrap();
    let stolen = carroll.vault.accept(&granted.invitation, &Quiet).unwrap_err();
    assert_eq!(stolen.kind(), ErrorKind::Refused);
    bob.vault.accept(&granted.invitation, &Quiet).unwrap();
    // Again is no second acceptance.
    bob.vault.accept(&granted.invitation, &Quiet).unwrap();
    let again = alice.vault.grant(Some(SHARED), "Bob", Rights::Read, None).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Conflict);
    assert_eq!(who(&alice).len(), 2);
}

#[test]
fn who_may_only_read_writes_nothing() {
    let provider = Provider::start();
    let (alice, bob) = (Device::at(&provider), Device::at(&provider));
    shared(&alice, &bob, Rights::Read);
    assert_eq!(bob.cat("plans:/first"), b"from before Bob was in");
    let source = bob.write("mine", "not allowed");
    let refused = crate::support::try_put(&bob.vault, &source, "plans:/mine").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused, "{refused}");
    // Nothing of it is left to stand in the way.
    bob.sync();
    alice.sync();
    assert!(cat(&alice.vault, "plans:/mine").is_err());
}

#[test]
fn bob_is_taken_out_and_carroll_stays() {
    let provider = Provider::start();
    let (alice, bob, carroll) =
        (Device::at(&provider), Device::at(&provider), Device::at(&provider));
    shared(&alice, &bob, Rights::Write);
    meet(&alice, &carroll, "Carroll");
    let granted = alice.vault.grant(Some(SHARED), "Carroll", Rights::Write, None).unwrap();
    carroll.vault.accept(&granted.invitation, &Quiet).unwrap();
    bob.put_text("plans:/by Bob", "honest work");
    alice.sync();

    let removed = alice.vault.remove_member(Some(SHARED), "Bob").unwrap();
    assert_eq!(removed.entries, 2, "the revoke and the epoch");
    assert!(removed.sent);
    alice.put_text("plans:/after", "not for Bob");
    carroll.sync();
    assert_eq!(carroll.cat("plans:/after"), b"not for Bob");
    assert_eq!(carroll.cat("plans:/by Bob"), b"honest work", "what he wrote before counts");
    carroll.put_text("plans:/by Carroll", "goes on");
    alice.sync();
    assert_eq!(alice.cat("plans:/by Carroll"), b"goes on");

    // Bob hears of it at his next contact: nothing new comes, nothing of his is taken.
    let source = bob.write("late", "late");
    let late = crate::support::try_put(&bob.vault, &source, "plans:/late");
    drop(late);
    drop(bob.vault.sync(&Quiet));
    assert!(cat(&bob.vault, "plans:/after").is_err());
    alice.sync();
    carroll.sync();
    for device in [&alice, &carroll] {
        assert!(cat(&device.vault, "plans:/late").is_err());
        let listed = device.vault.list(&place("plans:/"), true).unwrap();
        assert!(listed.iter().all(|one| one.name != "late"));
        device.assert_whole();
    }
    assert!(who(&carroll).iter().all(|(name, _, _)| name != "Bob"));
    // Bob's own vault goes on.
    bob.put_text("/mine", "still here");
    assert_eq!(bob.cat("/mine"), b"still here");

    // He comes back by a new invitation.
    let again = alice.vault.grant(Some(SHARED), "Bob", Rights::Read, None).unwrap();
    bob.vault.accept(&again.invitation, &Quiet).unwrap();
    assert_eq!(bob.cat("plans:/after"), b"not for Bob");
}

#[test]
fn an_admin_is_not_taken_out_by_whom_he_let_in() {
    let provider = Provider::start();
    let (alice, bob) = (Device::at(&provider), Device::at(&provider));
    shared(&alice, &bob, Rights::Admin);
    let refused = bob.vault.remove_member(Some(SHARED), "Alice").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused, "{refused}");
    let oneself = alice.vault.id().unwrap().principal;
    let last = alice.vault.remove_member(None, &oneself).unwrap_err();
    assert_eq!(last.kind(), ErrorKind::Usage, "the last admin of her own bucket: {last}");
    let nobody = alice.vault.remove_member(None, "Bob").unwrap_err();
    assert_eq!(nobody.kind(), ErrorKind::NotFound, "{nobody}");
}

/// All of it waits in the outbox: the bucket, what is in it, who is let in and who is out again.
#[test]
fn a_bucket_that_was_made_filled_and_given_offline_arrives_whole() {
    let provider = Provider::start();
    let (alice, bob, carroll) =
        (Device::at(&provider), Device::at(&provider), Device::at(&provider));
    meet(&alice, &bob, "Bob");
    meet(&alice, &carroll, "Carroll");
    let away = provider.stop();
    alice.put_text("/notes/small", "small");
    alice.vault.make_own_bucket(&place("/notes"), Some(SHARED), &Quiet).unwrap();
    alice.put_text("plans:/large", noise(100_000, 3));
    let granted = alice.vault.grant(Some(SHARED), "Bob", Rights::Write, None).unwrap();
    assert!(!granted.sent);
    alice.put_text("plans:/later", "after the grant");
    alice.vault.grant(Some(SHARED), "Carroll", Rights::Read, None).unwrap();
    alice.vault.remove_member(Some(SHARED), "Carroll").unwrap();
    alice.put_text("plans:/last", "not for Carroll");
    // One that is nobody else's, under a second key.
    alice.vault.create_bucket("mine").unwrap();
    alice.put_text("mine:/x", "x");
    let provider = away.back();
    alice.sync();
    alice.assert_whole();
    bob.vault.accept(&granted.invitation, &Quiet).unwrap();
    assert_eq!(bob.cat("plans:/notes/small"), b"small");
    assert!(bob.cat("plans:/large") == noise(100_000, 3));
    assert_eq!(bob.cat("plans:/last"), b"not for Carroll");
    bob.put_text("plans:/by Bob", "here");
    let tablet = alice.second(&provider);
    assert_eq!(tablet.cat("plans:/by Bob"), b"here");
    assert_eq!(tablet.cat("mine:/x"), b"x");
    tablet.assert_whole();
}

#[test]
fn who_wrote_while_somebody_was_taken_out_seals_it_again_without_him() {
    let provider = Provider::start();
    let (alice, bob, carroll) =
        (Device::at(&provider), Device::at(&provider), Device::at(&provider));
    shared(&alice, &bob, Rights::Read);
    meet(&alice, &carroll, "Carroll");
    let granted = alice.vault.grant(Some(SHARED), "Carroll", Rights::Write, None).unwrap();
    carroll.vault.accept(&granted.invitation, &Quiet).unwrap();
    alice.sync();

    // Carroll is on a train.
    let away = provider.stop();
    carroll.put_text("plans:/from the train", "not for Bob");
    carroll.put_text("plans:/first", "changed on the train");
    let provider = away.back();
    alice.vault.remove_member(Some(SHARED), "Bob").unwrap();
    carroll.sync();
    alice.sync();
    assert_eq!(alice.cat("plans:/from the train"), b"not for Bob");
    assert_eq!(alice.cat("plans:/first"), b"changed on the train");
    // It is under the epoch that leaves Bob out, and nothing under the old one went out.
    let epochs = |device: &Device| {
        let all = device.vault.epochs().unwrap();
        all.into_iter().filter(|it| it.bucket == SHARED && it.current).count()
    };
    assert_eq!((epochs(&alice), epochs(&carroll)), (1, 1));
    for device in [&alice, &carroll] {
        device.assert_whole();
    }
    assert_eq!(who(&alice), who_from(&carroll, &alice));
    drop(provider);
}

/// The same people with names as another one knows them.
fn who_from(device: &Device, names: &Device) -> Vec<(String, &'static str, bool)> {
    device.sync();
    let contacts = names.vault.contacts().unwrap();
    let me = names.vault.id().unwrap().principal;
    let mut all: Vec<_> = device
        .vault
        .members(Some(SHARED))
        .unwrap()
        .into_iter()
        .map(|it| {
            let known = contacts.iter().find(|one| one.principal == it.principal);
            let name = known.map_or_else(|| "?".to_owned(), |one| one.name.clone());
            (if it.principal == me { "you".to_owned() } else { name }, it.rights, it.accepted)
        })
        .collect();
    all.sort_by_key(|it| (it.0 != "you", it.0.clone()));
    all
}

#[test]
fn what_is_shared_with_a_person_is_on_all_her_devices() {
    let provider = Provider::start();
    let (alice, bob) = (Device::at(&provider), Device::at(&provider));
    shared(&alice, &bob, Rights::Write);
    let tablet = bob.second(&provider);
    assert_eq!(tablet.cat("plans:/first"), b"from before Bob was in");
    tablet.put_text("plans:/from the tablet", "also Bob");
    alice.sync();
    assert_eq!(alice.cat("plans:/from the tablet"), b"also Bob");
    assert_eq!(who(&alice).len(), 2, "one member with two devices");
    // Both go when Bob goes.
    alice.vault.remove_member(Some(SHARED), "Bob").unwrap();
    alice.put_text("plans:/after", "not for Bob");
    for device in [&bob, &tablet] {
        let report = device.vault.sync(&Quiet).unwrap();
        assert_eq!(report.closed.len(), 1);
        assert!(cat(&device.vault, "plans:/after").is_err());
    }
}

#[test]
fn a_grant_ends_at_its_second() {
    let provider = Provider::start();
    let (alice, bob) = (Device::at(&provider), Device::at(&provider));
    meet(&alice, &bob, "Bob");
    alice.vault.create_bucket(SHARED).unwrap();
    let over = alice.vault.grant(Some(SHARED), "Bob", Rights::Read, Some(1_000)).unwrap_err();
    assert_eq!(over.kind(), ErrorKind::Usage);
    let now = || {
        let now = std::time::SystemTime::now();
        now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
    };
    // Long enough to accept on a machine that is busy with other things.
    let until = now() + 15;
    let granted = alice.vault.grant(Some(SHARED), "Bob", Rights::Read, Some(until)).unwrap();
    bob.vault.accept(&granted.invitation, &Quiet).unwrap();
    bob.sync();
    while now() < until {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(bob.vault.sync(&Quiet).unwrap().closed.len(), 1);
}

/// Processor time of this process, provider included, in steps of 10 ms.
fn computing() -> std::time::Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after.split_whitespace().skip(11).take(2).filter_map(|it| it.parse::<u64>().ok());
    std::time::Duration::from_millis(ticks.sum::<u64>() * 10)
}

/// A bucket with so many documents, and so many members who were never online.
fn crowd(alice: &Device, members: u64, documents: u64) {
    alice.vault.create_bucket(SHARED).unwrap();
    let source = alice.path("many");
    std::fs::create_dir(&source).unwrap();
    for one in 0..documents {
        std::fs::write(source.join(one.to_string()), one.to_string()).unwrap();
    }
    crate::support::put(&alice.vault, &source, "plans:/many");
    for number in 1..members {
        let name = format!("Person {number}");
        meet(alice, &Device::alone(), &name);
        alice.vault.grant(Some(SHARED), &name, Rights::Read, None).unwrap();
    }
}

#[test]
fn taking_somebody_out_costs_two_entries_whatever_the_bucket_holds() {
    let sizes: &[(u64, u64)] =
        if crate::support::long() { &[(100, 10_000), (100, 100_000)] } else { &[(9, 300)] };
    for &(members, documents) in sizes {
        let provider = Provider::start();
        let alice = Device::at(&provider);
        crowd(&alice, members, documents);
        let before = alice.vault.get_bucket(SHARED).unwrap();
        assert_eq!(before.members, members);
        let (started, computed) = (std::time::Instant::now(), computing());
        let removed = alice.vault.remove_member(Some(SHARED), "Person 1").unwrap();
        let (took, cpu) = (started.elapsed(), computing().saturating_sub(computed));
        println!("{members} members, {documents} documents: {removed:?}");
        println!("  took {took:?}, computing {cpu:?}");
        println!(
            "  with a wrapped key for each document: {} entries, {} bytes of wraps",
            documents,
            documents * (members - 1) * 1_184
        );
        let after = alice.vault.get_bucket(SHARED).unwrap();
        assert_eq!((after.members, after.entries), (members - 1, before.entries + 2));
        assert_eq!(after.documents, before.documents);
        // A wrap for each member, padded to a power of two, and little else.
        let wraps = (members - 1).next_power_of_two().max(8) * 1_184;
        assert!(removed.bytes < wraps + 4_096 && removed.bytes <= 160_000, "{}", removed.bytes);
    }
}

#[test]
fn letting_somebody_in_costs_one_small_entry_and_one_request() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    crowd(&alice, 3, 3);
    meet(&alice, &Device::alone(), "Bob");
    alice.sync();
    let entries = alice.vault.get_bucket(SHARED).unwrap().entries;
    let before = provider.metrics.requests.count();
    let granted = alice.vault.grant(Some(SHARED), "Bob", Rights::Read, None).unwrap();
    assert_eq!(provider.metrics.requests.count() - before, 1);
    assert_eq!(alice.vault.get_bucket(SHARED).unwrap().entries, entries + 1);
    assert!(granted.bytes <= 2_560, "{}", granted.bytes);
}
