//! Stories of renewed epochs: when, for whom, and what opens afterwards.

use std::collections::BTreeSet;

use strongroom_core::joining::{epoch_body, open_epochs};
use strongroom_core::keyring::Keyring;
use strongroom_core::rotation::{
    Choice, Current, Limits, Recipient, Renewal, Renewed, RotationError, Use, choose, current,
    is_fresh, seal_renewing,
};
use strongroom_core::writer::{ChainPosition, seal_transaction};
use strongroom_seal::keys::{EpochKey, NameKey};
use strongroom_wire::chain::{Tip, Verified, authenticate};
use strongroom_wire::control::Control;
use strongroom_wire::entry::{Entry, Hlc, Kind};
use strongroom_wire::ids::{EntryId, MemberTag};
use strongroom_wire::limits::{EPOCH_AGE_MS, EPOCH_ENTRIES, EPOCH_PREV_MAX};

use crate::alices::{BOB, Forged, Home, NOW, Person, bare, planned};

/// Alice's bucket with all that was written in it since.
struct Bucket {
    home: Home,
    control: Control,
    keyring: Keyring,
    position: ChainPosition,
    entries: Vec<Verified<Entry>>,
}

impl Bucket {
    fn new(seed: u64) -> Self {
        let home = Home::new(seed);
        let (control, keyring) = (home.control(), home.keyring());
        let (position, entries) = (home.founded.position, home.founded.entries.clone());
        Self { home, control, keyring, position, entries }
    }

    fn epochs(&self) -> Vec<Verified<Entry>> {
        let is_epoch = |entry: &&Verified<Entry>| entry.header().kind == Kind::Epoch;
        self.entries.iter().filter(is_epoch).cloned().collect()
    }

    fn current(&self) -> Vec<Current> {
        let names = &self.home.founded.name_key;
        current(&self.control, &self.keyring, names, &self.epochs(), NOW / 1_000)
    }

    /// Two documents under a new epoch that follows these; for whom else beside Alice.
    fn renewed(
        &mut self,
        prev: &[EntryId],
        also: Option<MemberTag>,
    ) -> Result<Renewed, RotationError> {
        let founded = &self.home.founded;
        let alice = Recipient {
            tag: self.home.tag(),
            agree: &self.home.alice.agree_public,
            tag_key: &founded.tag_key,
            from_now: false,
        };
        let other = also.map(|tag| Recipient { tag, ..alice });
        let recipients: Vec<_> = [alice].into_iter().chain(other).collect();
        let renewal = Renewal {
            control: &self.control,
            keyring: &self.keyring,
            names: &founded.name_key,
            prev,
            recipients: &recipients,
        };
        let plans = [planned(1, b"one"), planned(2, b"two")];
        let mut rng = self.home.rng.clone();
        // Another renewal of the same home draws another key.
        self.home.rng = strongroom_seal::rng::DangerSeeded::new(self.position.next_seq + 5_000);
        seal_renewing(&self.home.author(), &renewal, &plans, self.position, NOW + 9, &mut rng)
    }

    fn take(&mut self, renewed: Renewed) {
        self.control.insert(&renewed.entries[0]).unwrap();
        for entry in &renewed.entries[1..] {
            self.control.judge(entry.header()).unwrap();
        }
        self.keyring.add(renewed.epoch, renewed.key);
        self.position = renewed.position;
        self.entries.extend(renewed.entries);
    }

    fn renew(&mut self) -> EntryId {
        let prev: Vec<_> = self.current().iter().map(|epoch| epoch.id).collect();
        let renewed = self.renewed(&prev, None).unwrap();
        let id = renewed.epoch;
        self.take(renewed);
        id
    }
}

#[test]
fn a_renewal_is_the_first_entry_of_the_transaction_that_needed_it() {
    let mut bucket = Bucket::new(1);
    let (first, seq) = (bucket.home.founded.epoch, bucket.position.next_seq);
    let renewed = bucket.renewed(&[first], None).unwrap();
    let kinds: Vec<_> = renewed.entries.iter().map(|entry| entry.header().kind).collect();
    assert_eq!(kinds, [Kind::Epoch, Kind::Version, Kind::Version]);
    let clocks: BTreeSet<_> = renewed.entries.iter().map(|entry| entry.header().hlc).collect();
    assert_eq!(clocks.len(), 1, "one transaction has one clock");
    for (at, entry) in renewed.entries.iter().enumerate() {
        assert_eq!(entry.header().seq, seq + at as u64);
        let epoch = if at == 0 { EntryId::ZERO } else { renewed.epoch };
        assert_eq!(entry.header().epoch, epoch);
    }
    assert_eq!(renewed.position.next_seq, seq + 3);
    // It is authentic from where the author's chain stood, and from nowhere else.
    let entries: Vec<_> = renewed.entries.iter().map(bare).collect();
    let tip = Tip { seq: seq - 1, id: bucket.position.prev };
    let id = bucket.control.bucket();
    assert!(authenticate(id, entries.clone(), |_| Some(tip)).is_ok());
    assert!(authenticate(id, entries, |_| None).is_err());
    bucket.take(renewed);
    assert_eq!(bucket.current().len(), 1);
    assert_ne!(bucket.current()[0].id, first);
}

#[test]
fn a_device_that_comes_after_many_renewals_opens_everything() {
    let mut bucket = Bucket::new(2);
    for _ in 0..5 {
        bucket.renew();
    }
    let founded = &bucket.home.founded;
    let mut keyring = bucket.home.empty_keyring();
    let agree = &bucket.home.alice.agree;
    open_epochs(&mut keyring, &bucket.epochs(), agree, Some(&founded.tag_key));
    assert_eq!(keyring.iter().count(), 6);
    for entry in bucket.entries.iter().filter(|entry| entry.header().kind == Kind::Version) {
        assert!(matches!(&**keyring.open(entry).unwrap(), b"one" | b"two"));
    }
    for epoch in bucket.epochs() {
        let body = epoch_body(&keyring, &epoch).unwrap();
        assert_eq!(body.recipients, [bucket.home.tag()]);
        assert_eq!(body.name_key.to_secret_bytes(), founded.name_key.to_secret_bytes());
    }
}

#[test]
fn two_that_were_made_at_once_have_one_number_and_are_united_by_the_next() {
    let mut bucket = Bucket::new(3);
    let first = bucket.home.founded.epoch;
    // Two devices, here played by one author's two chains.
    let (left, right) =
        (bucket.renewed(&[first], None).unwrap(), bucket.renewed(&[first], None).unwrap());
    assert_ne!(left.epoch, right.epoch);
    bucket.take(left);
    bucket.take(right);
    let both = bucket.current();
    assert_eq!(both.iter().map(|epoch| epoch.n).collect::<Vec<_>>(), [2, 2]);
    let mut prev: Vec<_> = both.iter().map(|epoch| epoch.id).collect();
    prev.sort_unstable();
    let used = Use { entries: 0, now: NOW + 10 };
    let choice = choose(&both, used, &Limits::default(), true).unwrap();
    assert_eq!(choice, Choice::Renew(prev.clone()));
    // Who may not make one goes on under the first of them.
    let choice = choose(&both, used, &Limits::default(), false).unwrap();
    assert_eq!(choice, Choice::Write(both[0].id));

    let united = bucket.renewed(&prev, None).unwrap();
    let last = united.epoch;
    bucket.take(united);
    assert_eq!(bucket.current().iter().map(|it| (it.id, it.n)).collect::<Vec<_>>(), [(last, 3)]);
    let mut keyring = bucket.home.empty_keyring();
    keyring.add(last, again(&bucket, last));
    open_epochs(&mut keyring, &bucket.epochs(), &Person::new(BOB, 9).agree, None);
    assert_eq!(keyring.iter().count(), 4, "its back keys lead to both, and to the first");
}

fn again(bucket: &Bucket, id: EntryId) -> EpochKey {
    crate::alices::again(bucket.keyring.epoch(&id).unwrap())
}

#[test]
fn an_epoch_is_renewed_when_it_is_old_or_full_and_not_before() {
    let limits = Limits::default();
    assert_eq!((limits.age_ms, limits.entries), (EPOCH_AGE_MS, EPOCH_ENTRIES));
    let id = EntryId([1; 32]);
    let epoch = [Current { id, n: 1, hlc: Hlc::new(NOW, 7), fresh: true, due: false }];
    let table = [
        ("new", 0, NOW, false),
        ("one entry less", EPOCH_ENTRIES - 1, NOW, false),
        ("full", EPOCH_ENTRIES, NOW, true),
        ("a millisecond less", 0, NOW + EPOCH_AGE_MS - 1, false),
        ("old", 0, NOW + EPOCH_AGE_MS, true),
        ("by a clock that is behind", 0, NOW - EPOCH_AGE_MS * 2, false),
    ];
    for (what, entries, now, due) in table {
        let used = Use { entries, now };
        let expected = if due { Choice::Renew(vec![id]) } else { Choice::Write(id) };
        assert_eq!(choose(&epoch, used, &limits, true), Ok(expected), "{what}");
        // Without the right to make epochs a device goes on.
        assert_eq!(choose(&epoch, used, &limits, false), Ok(Choice::Write(id)), "{what}");
    }
    let used = Use { entries: 0, now: NOW };
    assert_eq!(choose(&[], used, &limits, true), Err(RotationError::NoEpoch));
}

#[test]
fn an_epoch_follows_at_most_sixteen_and_leaves_the_oldest_to_the_next() {
    let many: Vec<_> = (0..40_u8)
        .rev()
        .map(|n| Current {
            id: EntryId([n; 32]),
            n: 2,
            hlc: Hlc::new(NOW, 0),
            fresh: true,
            due: false,
        })
        .collect();
    let used = Use { entries: 0, now: NOW };
    let Ok(Choice::Renew(prev)) = choose(&many, used, &Limits::default(), true) else { panic!() };
    let newest: Vec<_> = (24..40_u8).map(|n| EntryId([n; 32])).collect();
    assert_eq!((prev.len(), prev), (EPOCH_PREV_MAX, newest));
}

/// Alice's bucket with a second epoch in which something is wrong.
fn with_forged(seed: u64, change: impl FnOnce(&mut Forged<'_>)) -> (Bucket, EntryId) {
    let mut bucket = Bucket::new(seed);
    let key = EpochKey::from_secret_bytes(&[7; 32]);
    let first = (bucket.home.founded.epoch, &bucket.home.founded.epoch_key);
    let mut forged = Forged::after(&bucket.home, &key, &[first]);
    change(&mut forged);
    let entry = Verified::danger_made_here(forged.entry(&bucket.home));
    let id = entry.id();
    bucket.control.insert(&entry).unwrap();
    bucket.keyring.add(id, key);
    bucket.entries.push(entry);
    (bucket, id)
}

#[test]
fn a25_nobody_seals_for_a_stranger() {
    let stranger = MemberTag([0xff; 16]);
    let (bucket, id) = with_forged(4, |epoch| epoch.recipients.push(stranger));
    let current = bucket.current();
    assert_eq!((current[0].id, current[0].fresh, current.len()), (id, false, 1));
    let used = Use { entries: 0, now: NOW };
    let limits = Limits::default();
    // Who may makes one without the stranger; who may not keeps what it would have written.
    assert_eq!(choose(&current, used, &limits, true), Ok(Choice::Renew(vec![id])));
    assert_eq!(choose(&current, used, &limits, false), Err(RotationError::NotFresh));
    let mut bucket = bucket;
    let error = bucket.renewed(&[id], Some(stranger)).unwrap_err();
    assert_eq!(error, RotationError::NoMember);
    let after = bucket.renew();
    let current = bucket.current();
    assert_eq!((current[0].id, current[0].fresh), (after, true));
}

#[test]
fn a_name_key_that_is_not_the_buckets_moves_no_tag() {
    let (bucket, id) = with_forged(5, |epoch| {
        epoch.name_key = NameKey::from_secret_bytes(&[9; 32]);
    });
    assert_eq!((bucket.current()[0].id, bucket.current()[0].fresh), (id, false));
    let (bucket, _) = with_forged(6, |_| ());
    assert!(bucket.current()[0].fresh);
    let body = epoch_body(&bucket.keyring, bucket.epochs().last().unwrap()).unwrap();
    let names = &bucket.home.founded.name_key;
    assert!(is_fresh(&body, &BTreeSet::from([bucket.home.tag()]), names));
    assert!(!is_fresh(&body, &BTreeSet::new(), names));
}

#[test]
fn who_was_left_out_of_an_epoch_goes_on_from_those_it_holds() {
    let mut bucket = Bucket::new(8);
    let first = bucket.home.founded.epoch;
    let second = bucket.renew();
    let third = bucket.renew();
    let mut early = bucket.home.keyring();
    let held = |keyring: &Keyring| -> Vec<EntryId> {
        let names = &bucket.home.founded.name_key;
        let found = current(&bucket.control, keyring, names, &bucket.epochs(), NOW / 1_000);
        found.into_iter().map(|epoch| epoch.id).collect()
    };
    assert_eq!(held(&early), [first]);
    // What lies between two it holds hides neither the newer nor shows the older.
    early.add(third, again(&bucket, third));
    assert_eq!(held(&early), [third]);
    assert_ne!(second, third);
}

#[test]
fn late_work_under_an_epoch_that_was_renewed_counts_and_opens() {
    let mut bucket = Bucket::new(9);
    let (home, control) = (Home::new(9), bucket.home.control());
    // A device away from all others seals under the first epoch while another renews.
    let plans = [planned(5, b"late")];
    let mut rng = home.rng.clone();
    let (late, _) = seal_transaction(
        &home.author(),
        &home.under(),
        &plans,
        home.founded.position,
        NOW,
        &mut rng,
    )
    .unwrap();
    bucket.renew();
    assert_eq!(control.judge(late[0].header()), Ok(()));
    assert_eq!(bucket.control.judge(late[0].header()), Ok(()));
    assert!(!bucket.control.is_stale(&late[0].header().epoch), "it took nobody out");
    assert_eq!(&**bucket.keyring.open(&late[0]).unwrap(), b"late");
}
