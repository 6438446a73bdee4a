//! Stories of members who do not hold everything for ever: in from now on, and until a day.

use std::collections::BTreeSet;

use strongroom_core::granting::{GrantError, Grantee, Granter, Rights, invite, take_out};
use strongroom_core::joining::{epoch_grant, open_epochs, open_granted};
use strongroom_core::keyring::{EntryOpenError, Keyring};
use strongroom_core::rotation::{Recipient, Renewal, current, seal_renewing};
use strongroom_core::writer::{ChainPosition, seal_transaction};
use strongroom_seal::epoch::open_back;
use strongroom_seal::keys::{Commitment, EpochKey};
use strongroom_seal::rng::DangerSeeded;
use strongroom_seal::suite::Suite;
use strongroom_seal::wrap::EpochGrant;
use strongroom_wire::chain::Verified;
use strongroom_wire::clear::{Clear, Epoch, RevokeTarget};
use strongroom_wire::control::{Control, ControlError};
use strongroom_wire::entry::{Entry, Hlc, Kind};
use strongroom_wire::ids::DocumentTag;

use crate::alices::{Home, NOW, planned};
use crate::granting::{Bob, accepted, invited_as};

/// Alice's bucket: a document under the first epoch, Bob let in under it from now on, and a
/// document under the epoch she made then.
struct Shared {
    home: Home,
    bob: Bob,
    tag_key: strongroom_seal::keys::TagKey,
    log: Vec<Verified<Entry>>,
    documents: Vec<Verified<Entry>>,
}

impl Shared {
    fn new(from_now: bool) -> Self {
        let (home, bob) = (Home::new(1), Bob::with_device(11));
        let mut rng = DangerSeeded::new(3);
        let (invited, entry) = invited_as(&home, &bob, Rights::Write, None, from_now);
        let mut control = home.control();
        control.insert(&entry).unwrap();
        let position = ChainPosition { next_seq: 2, prev: entry.id(), clock: control.hlc() };
        let before = [planned(1, b"under the first")];
        let (first, position) =
            seal_transaction(&home.author(), &home.under(), &before, position, NOW, &mut rng)
                .unwrap();
        let founded = &home.founded;
        let alice = Recipient {
            tag: home.tag(),
            agree: &home.alice.agree_public,
            tag_key: &founded.tag_key,
            from_now: false,
        };
        let other = Recipient {
            tag: bob.tag(&home),
            agree: &bob.person.agree_public,
            tag_key: &invited.tag_key,
            from_now,
        };
        let renewal = Renewal {
            control: &control,
            keyring: &home.keyring(),
            names: &founded.name_key,
            prev: &[founded.epoch],
            recipients: &[alice, other],
        };
        let plan = [planned(2, b"under the second")];
        let renewed =
            seal_renewing(&home.author(), &renewal, &plan, position, NOW, &mut rng).unwrap();
        let mut log = founded.entries.clone();
        log.push(entry);
        log.push(renewed.entries[0].clone());
        let documents = vec![first[0].clone(), renewed.entries[1].clone()];
        Self { home, bob, tag_key: invited.tag_key, log, documents }
    }

    fn epochs(&self) -> Vec<Verified<Entry>> {
        let is_epoch = |entry: &&Verified<Entry>| entry.header().kind == Kind::Epoch;
        self.log.iter().filter(is_epoch).cloned().collect()
    }

    fn empty(&self) -> Keyring {
        let mut keyring = Keyring::new(self.home.founded.bucket);
        keyring.born(&self.home.founded.entries[0]).unwrap();
        keyring
    }
}

fn clear(entry: &Verified<Entry>) -> Epoch {
    let Ok(Clear::Epoch(epoch)) = Clear::decode(Kind::Epoch, entry.clear()) else { panic!() };
    epoch
}

#[test]
fn who_is_in_from_now_on_opens_what_comes_and_nothing_before() {
    let shared = Shared::new(true);
    let (pair, epochs) = (&shared.bob.person.agree, shared.epochs());
    let (first, second) = (&epochs[0], &epochs[1]);
    // He comes by the second epoch alone: as one who was let in under it.
    let mut keyring = shared.empty();
    open_epochs(&mut keyring, &epochs, pair, Some(&shared.tag_key));
    assert!(keyring.has(&second.id()) && !keyring.has(&first.id()));
    assert!(keyring.open(&shared.documents[1]).is_ok());
    assert_eq!(keyring.open(&shared.documents[0]), Err(EntryOpenError::NoKey));
    // What he holds is no E, and no key made of it opens the way back.
    assert_eq!((keyring.iter().count(), keyring.contents_only().count()), (0, 1));
    let before = clear(first);
    for (_, content) in keyring.contents_only() {
        let tried = EpochKey::from_secret_bytes(&content.to_secret_bytes());
        assert!(epochs.iter().all(|it| tried.commitment().0 != clear(it).commit_e));
        let history = tried.history(keyring.bucket());
        let commitment = Commitment(before.commit_e);
        for slot in &clear(second).back {
            let opened = open_back(Suite::DEFAULT, &history, first.id(), commitment, slot);
            assert!(opened.is_err());
        }
    }
    // By the wrap in his member entry he opens the epoch he was let in under, and no other.
    let mut granted = shared.empty();
    open_granted(&mut granted, &shared.log, pair, &shared.tag_key);
    assert!(granted.has(&first.id()) && granted.epoch(&first.id()).is_none());
    assert!(!granted.has(&second.id()));
    assert!(granted.open(&shared.documents[0]).is_ok());
}

#[test]
fn who_gets_the_history_after_all_opens_what_was_shut() {
    let shared = Shared::new(true);
    let second = shared.epochs()[1].clone();
    let mut keyring = shared.empty();
    let pair = &shared.bob.person.agree;
    open_epochs(&mut keyring, &shared.epochs(), pair, Some(&shared.tag_key));
    assert!(keyring.epoch(&second.id()).is_none());
    let whole = epoch_grant(&second, &shared.home.alice.agree, None).unwrap();
    let EpochGrant::Epoch(key) = whole else { panic!("Alice holds E") };
    keyring.add(second.id(), key);
    open_epochs(&mut keyring, &shared.epochs(), pair, Some(&shared.tag_key));
    assert_eq!(keyring.iter().count(), 2, "the back key leads to the first");
    assert!(keyring.open(&shared.documents[0]).is_ok());
    // A content key that comes later takes nothing away.
    let content = keyring.epoch(&second.id()).unwrap().content(keyring.bucket());
    keyring.add_content(second.id(), content);
    assert!(keyring.epoch(&second.id()).is_some());
}

#[test]
fn with_history_both_open_from_the_newest() {
    let shared = Shared::new(false);
    let mut keyring = shared.empty();
    open_epochs(&mut keyring, &shared.epochs(), &shared.bob.person.agree, Some(&shared.tag_key));
    assert_eq!((keyring.iter().count(), keyring.contents_only().count()), (2, 0));
}

#[test]
fn an_admin_needs_the_history() {
    let (home, bob) = (Home::new(1), Bob::with_device(11));
    let granter = Granter {
        bucket: home.founded.bucket,
        member: &home.founded.member,
        chain: &home.founded.member_chain,
        names: &home.founded.name_key,
        epoch: (&home.founded.epoch_key, 1),
        suite: Suite::DEFAULT,
        heads: &home.control().heads(),
    };
    let grantee = Grantee {
        principal: bob.person.principal,
        agree: &bob.person.agree_public,
        rights: Rights::Admin,
        until: None,
        from: NOW / 1_000,
        from_now: true,
    };
    let refused = invite(&granter, &grantee, &mut DangerSeeded::new(1)).unwrap_err();
    assert_eq!(refused, GrantError::FromNowAdmin);
}

/// The bucket with Bob in it until then, and his first entry.
fn with_bob_until(until: u64) -> (Home, Bob, Control, Verified<Entry>) {
    let (home, bob) = (Home::new(1), Bob::with_device(11));
    let (invited, entry) = invited_as(&home, &bob, Rights::Write, Some(until), false);
    let mut control = home.control();
    control.insert(&entry).unwrap();
    let enrolled = accepted(&home, &bob, &invited, &control, 1);
    control.insert(&enrolled.entry).unwrap();
    (home, bob, control, enrolled.entry)
}

#[test]
fn an_epoch_is_no_longer_fresh_when_the_time_of_one_who_has_its_key_is_over() {
    let until = NOW / 1_000 + 60;
    let (home, bob, control, _) = with_bob_until(until);
    let both = BTreeSet::from([home.tag(), bob.tag(&home)]);
    assert_eq!(control.members_at(until - 1), both);
    assert_eq!(control.members_at(until), BTreeSet::from([home.tag()]), "at the second");
    assert_eq!(control.members(), both, "nobody took him out yet");
    assert_eq!(control.ends()[&bob.tag(&home)], until);
    let epochs = [home.founded.entries[1].clone()];
    let epochs: Vec<_> =
        epochs.into_iter().filter(|entry| entry.header().kind == Kind::Epoch).collect();
    assert_eq!(epochs.len(), 1);
    let fresh = |now| {
        let found = current(&control, &home.keyring(), &home.founded.name_key, &epochs, now);
        found[0].fresh
    };
    // He is not among those it was made for: its key came to him by his member entry.
    assert!(fresh(until - 1) && !fresh(until));
}

#[test]
fn what_is_over_is_named_by_its_uppermost_capability() {
    let until = NOW / 1_000 + 60;
    let (home, bob, control, _) = with_bob_until(until);
    assert!(control.ended(until - 1).is_empty());
    let ended = control.ended(until);
    let [one] = &ended.iter().collect::<Vec<_>>()[..] else { panic!("one grant ended") };
    assert_eq!(one.rank, 2);
    let chain = control.chain(&one.capability).unwrap();
    let last = chain.last().unwrap().claims();
    assert!(last.caveats.accept && last.member == Some(bob.tag(&home)), "his invitation");
    assert_eq!(control.rank(&home.author().capability), Some(1));
}

#[test]
fn a39_who_is_out_of_time_dates_back_in_vain_once_somebody_has_said_where_he_ends() {
    let until = NOW / 1_000 + 60;
    let (home, bob, mut control, first) = with_bob_until(until);
    // Inside his time by its own clock, whoever took it in.
    let mut dated_back = first.header().clone();
    (dated_back.kind, dated_back.seq, dated_back.prev) = (Kind::Version, 1, first.id());
    dated_back.document = DocumentTag([1; 16]);
    dated_back.parents.clear();
    control.judge(&dated_back).unwrap();
    let mut after = dated_back.clone();
    after.hlc = Hlc::new(until * 1_000, 0);
    assert_eq!(control.judge(&after), Err(ControlError::NotAllowed), "at the second");

    let ended = control.ended(until);
    let targets = ended.iter().map(|it| RevokeTarget::Capability(it.capability)).collect();
    let end = (first.header().author, 0, first.id());
    let plan = [take_out(targets, vec![end], &control.heads(), "their time is over")];
    let mut rng = DangerSeeded::new(60);
    let prev = control.heads()[0];
    let position = ChainPosition { next_seq: 2, prev, clock: control.hlc() };
    let sealed =
        seal_transaction(&home.author(), &home.under(), &plan, position, NOW, &mut rng).unwrap();
    control.insert(&sealed.0[0]).unwrap();
    assert_eq!(control.judge(&dated_back), Err(ControlError::Stopped));
    assert!(control.ended(until).is_empty(), "it is said once");
    assert!(!control.members().contains(&bob.tag(&home)));
    assert!(control.counts(&first.id()), "that he was in stays true");
}
