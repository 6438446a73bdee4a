//! People Alice knows, on her devices: pinned, compared, found again, and never exchanged in
//! silence.

use ed25519_dalek::SigningKey;
use strongroom_client::{ContactInfo, ErrorKind};
use strongroom_core::card::Card;
use strongroom_core::keylog::{Change, Genesis, RootKeys};
use strongroom_core::resolve::{Claim, Get, ResolveError, Resolver, Step};
use strongroom_seal::phrase::Phrase;
use strongroom_wire::clear::Floors;
use strongroom_wire::ids::PublicKey;

use crate::support::{Device, Provider, long};
use crate::web::Web;

/// A person with a vault, and her card.
fn card_of(device: &Device) -> Card {
    Card::from_text(&device.vault.card(None).unwrap().text).unwrap()
}

/// The same log with one more event by its root key.
fn extended(device: &Device, card: &Card, change: Change) -> Card {
    extended_by(device, card, [change])
}

fn extended_by(device: &Device, card: &Card, changes: impl IntoIterator<Item = Change>) -> Card {
    let root = Phrase::parse(&device.phrase).unwrap().to_key().identity_root(0);
    let (mut card, mut log) = (card.clone(), card.verify().unwrap());
    for change in changes {
        let statement = log.next(0, change);
        let signature = root.sign(&statement.signing_input());
        let event = statement.signed(vec![(root.public(), signature)]).encode();
        log.append(&event).unwrap();
        card.events.push(event);
    }
    card
}

fn alias(uri: &str) -> Change {
    Change::Alias { uri: uri.to_owned(), claimed: true }
}

/// Somebody of whom there is nothing but a root key.
fn stranger(number: u64) -> Card {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number.to_be_bytes());
    let key = PublicKey(SigningKey::from_bytes(&seed).verifying_key().to_bytes());
    let genesis = Genesis {
        suite: 1,
        floors: Floors::suite_1(),
        roots: RootKeys { keys: vec![key], threshold: 1 },
        guardians_commit: [0; 32],
        next_root_commit: [0; 32],
    };
    Card { name: None, genesis: genesis.encode(), events: vec![], inbox: None }
}

fn fingerprint(card: &Card) -> String {
    card.verify().unwrap().principal().to_string()
}

fn head(card: &Card) -> String {
    card.verify().unwrap().head().to_string()
}

#[track_caller]
fn add(device: &Device, card: &Card, name: &str) -> ContactInfo {
    device.vault.add_contact(&card.to_text(), Some(name), None).unwrap()
}

/// What the device knows of people, and how much it ever wrote.
fn state(device: &Device) -> (Vec<ContactInfo>, u64) {
    (
        device.vault.contacts().unwrap(),
        device.vault.verify(false, &strongroom_client::Quiet).unwrap().entries,
    )
}

#[test]
fn a_contact_is_on_every_device_and_the_words_bring_it_back() {
    let provider = Provider::start();
    let (alice, bob) = (Device::at(&provider), Device::alone());
    let known = add(&alice, &card_of(&bob), "bob");
    assert_eq!((known.level, known.can_receive), ("tofu", true));
    assert_eq!(known.principal, bob.vault.id().unwrap().principal);
    let laptop = alice.second(&provider);
    assert_eq!(laptop.vault.contacts().unwrap(), vec![known.clone()]);

    let number = laptop.vault.safety_number("bob").unwrap();
    let verified = laptop.vault.verify_by_number("bob", &number.groups.join(" ")).unwrap();
    assert_eq!(verified.level, "verified");
    alice.sync();
    assert_eq!(alice.vault.contacts().unwrap(), vec![verified.clone()]);
    // Both devices are gone.
    let recovered = Device::recovered(&provider.url, &alice.phrase);
    assert_eq!(recovered.vault.contacts().unwrap(), vec![verified]);
    assert_eq!(recovered.vault.contact_log("Bob").unwrap(), card_of(&bob).verify().unwrap());
    recovered.assert_whole();
}

#[test]
fn both_read_the_same_digits_and_a_person_in_the_middle_changes_them() {
    let (alice, bob, mallory) = (Device::alone(), Device::alone(), Device::alone());
    add(&alice, &card_of(&bob), "bob");
    add(&bob, &card_of(&alice), "alice");
    let hers = alice.vault.safety_number("bob").unwrap().groups;
    assert_eq!(hers, bob.vault.safety_number("alice").unwrap().groups);
    assert_eq!((hers.len(), hers.concat().len()), (12, 60));

    // Carroll got Mallory's card as Bob's, and Bob got it as hers.
    let carroll = Device::alone();
    add(&carroll, &card_of(&mallory), "bob");
    add(&bob, &card_of(&mallory), "carroll");
    let read_out = bob.vault.safety_number("carroll").unwrap().groups.concat();
    let before = state(&carroll);
    let error = carroll.vault.verify_by_number("bob", &read_out).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert_eq!(state(&carroll), before);
    assert_eq!(carroll.vault.verify_by_number("bob", "123").unwrap_err().kind(), ErrorKind::Usage);
}

#[test]
fn a_card_or_a_code_from_their_hands_verifies() {
    let (alice, bob, mallory) = (Device::alone(), Device::alone(), Device::alone());
    let bobs = card_of(&bob);
    add(&alice, &bobs, "bob");
    let code = bob.vault.pointer(None, None).unwrap().text;
    let wrong = mallory.vault.pointer(None, None).unwrap().text;
    let error = alice.vault.verify_by_card("bob", &wrong).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    let error = alice.vault.verify_by_card("bob", &card_of(&mallory).to_text()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    assert_eq!(alice.vault.contact("bob").unwrap().level, "tofu");
    assert_eq!(alice.vault.verify_by_card("bob", &code).unwrap().level, "verified");

    let error = alice.vault.verify_by_card("bob", "https://bob.example/card").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage, "a server is nobody's hand: {error}");

    // A newer card by hand takes the pin along.
    let carroll = Device::alone();
    add(&carroll, &bobs, "bob");
    let newer = extended(&bob, &bobs, alias("https://bob.example"));
    let verified = carroll.vault.verify_by_card("bob", &newer.to_text()).unwrap();
    assert_eq!((verified.level, verified.head), ("verified", head(&newer)));
    // The code of before is of the same history; one from after what is known is not compared.
    assert!(carroll.vault.verify_by_card("bob", &code).is_ok());
    let ahead =
        strongroom_core::card::Pointer { pin: newer.verify().unwrap().pin(), name: None, at: None };
    let error = alice.vault.verify_by_card("bob", &ahead.to_text()).unwrap_err();
    assert!(error.hint().unwrap().contains("contact update"), "{error}");
}

/// A03: whoever hands out keys hands out Mallory's as Bob's.
#[test]
fn a03_a_wrong_key_handed_out_by_a_directory_is_a_full_stop() {
    let web = Web::start();
    let (alice, bob, mallory) = (Device::alone(), Device::alone(), Device::alone());
    let url = web.put("/bob.card", card_of(&bob).to_text());
    let honest = alice.vault.add_contact(&url, Some("bob"), None).unwrap();
    assert_eq!(honest.principal, fingerprint(&card_of(&bob)), "the control: honest at first");

    web.put("/bob.card", card_of(&mallory).to_text());
    let before = state(&alice);
    for (name, source) in [(Some("bob"), Some(url.as_str())), (None, Some(&url)), (None, None)] {
        let error = match (name, source) {
            (_, Some(source)) => alice.vault.add_contact(source, name, None).unwrap_err(),
            (_, None) => alice.vault.update_contact("bob", None, None).unwrap_err(),
        };
        assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
        for card in [card_of(&bob), card_of(&mallory)] {
            assert!(error.to_string().contains(&fingerprint(&card)), "both are shown: {error}");
        }
        let new = format!("--fingerprint {}", fingerprint(&card_of(&mallory)));
        assert!(error.hint().unwrap().contains(&new), "{:?}", error.hint());
    }
    assert_eq!(state(&alice), before, "nothing was changed, nothing was written");
    assert_eq!(alice.vault.contact_log("bob").unwrap().principal().to_string(), honest.principal);

    // The attack is real: who has pinned nothing believes the same bytes from the same place.
    let carroll = Device::alone();
    let fooled = carroll.vault.add_contact(&url, Some("bob"), None).unwrap();
    assert_eq!(fooled.principal, fingerprint(&card_of(&mallory)));
}

#[test]
fn only_the_new_fingerprint_in_full_goes_on_and_then_sureness_begins_anew() {
    let (alice, bob) = (Device::alone(), Device::alone());
    let old = card_of(&bob);
    add(&alice, &old, "bob");
    let number = alice.vault.safety_number("bob").unwrap().groups.concat();
    alice.vault.verify_by_number("bob", &number).unwrap();
    // Bob lost his words and began anew.
    let new = card_of(&Device::alone());
    let before = state(&alice);
    let text = new.to_text();
    let cut = &fingerprint(&new)[..30];
    for (named, kind) in [
        (None, ErrorKind::Damaged),
        (Some(fingerprint(&old)), ErrorKind::Damaged),
        (Some(cut.to_owned()), ErrorKind::Usage),
        (Some("yes".to_owned()), ErrorKind::Usage),
    ] {
        let error = alice.vault.add_contact(&text, Some("bob"), named.as_deref()).unwrap_err();
        assert_eq!(error.kind(), kind, "{named:?}: {error}");
    }
    assert_eq!(state(&alice), before);
    let named = fingerprint(&new);
    let known = alice.vault.update_contact("bob", Some(&text), Some(&named)).unwrap();
    assert_eq!((known.level, known.principal), ("tofu", named));
    assert_eq!(alice.vault.contacts().unwrap().len(), 1, "the old one made room");
    // The one of before is not forgotten: adding him again goes on from his pin.
    let again = add(&alice, &old, "old bob");
    assert_eq!(again.level, "verified");
}

#[test]
fn a_second_history_and_an_older_state_of_the_same_person_are_refused() {
    let (alice, bob) = (Device::alone(), Device::alone());
    let first = card_of(&bob);
    let one = extended(&bob, &first, alias("https://one.example"));
    let two = extended(&bob, &first, alias("https://two.example"));
    add(&alice, &one, "bob");
    let before = state(&alice);
    let error = alice.vault.add_contact(&two.to_text(), None, None).unwrap_err();
    for shown in [head(&one), head(&two)] {
        assert!(error.to_string().contains(&shown), "{error}");
    }
    // Both have this principal: it names nothing.
    let principal = fingerprint(&one);
    assert!(alice.vault.add_contact(&two.to_text(), None, Some(&principal)).is_err());
    for named in [None, Some(head(&first)), Some(principal)] {
        let error = alice.vault.add_contact(&first.to_text(), None, named.as_deref()).unwrap_err();
        assert!(error.to_string().contains("older"), "{error}");
    }
    assert_eq!(state(&alice), before);
    let named = head(&two);
    let settled = alice.vault.add_contact(&two.to_text(), None, Some(&named)).unwrap();
    assert_eq!((settled.level, settled.head), ("tofu", named));
}

#[test]
fn removing_somebody_is_no_way_to_make_the_device_believe_another_log() {
    let (alice, bob) = (Device::alone(), Device::alone());
    let first = card_of(&bob);
    let one = extended(&bob, &first, alias("https://one.example"));
    let two = extended(&bob, &first, alias("https://two.example"));
    add(&alice, &one, "bob");
    alice.vault.remove_contact("bob").unwrap();
    assert_eq!(alice.vault.contacts().unwrap(), vec![]);
    assert_eq!(alice.vault.contact("bob").unwrap_err().kind(), ErrorKind::NotFound);
    for card in [&two, &first] {
        assert!(alice.vault.add_contact(&card.to_text(), Some("bob"), None).is_err());
    }
    assert_eq!(add(&alice, &one, "bob").head, head(&one));
}

#[test]
fn two_devices_add_and_verify_without_hearing_of_each_other() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    let bob = Device::alone();
    let first = card_of(&bob);
    add(&alice, &first, "bob");
    let laptop = alice.second(&provider);
    let away = provider.stop();
    // One verifies what it has; the other gets a longer log, and calls him something else.
    let code = bob.vault.pointer(None, None).unwrap().text;
    alice.vault.verify_by_card("bob", &code).unwrap();
    let longer = extended(&bob, &first, alias("https://bob.example"));
    laptop.vault.add_contact(&longer.to_text(), Some("Robert"), None).unwrap();
    add(&alice, &stranger(1), "carroll");
    add(&laptop, &stranger(1), "Carroll");
    let _provider = away.back();
    alice.sync();
    laptop.sync();
    alice.sync();
    for device in [&alice, &laptop] {
        let all = device.vault.contacts().unwrap();
        assert_eq!(all.len(), 2, "{all:?}");
        let bob = all.iter().find(|one| one.principal == fingerprint(&first)).unwrap();
        assert_eq!((bob.level, &bob.head), ("verified", &head(&longer)), "nothing was lowered");
        assert_eq!(bob.histories, Vec::<String>::new());
        device.assert_whole();
    }
    assert_eq!(alice.vault.contacts().unwrap(), laptop.vault.contacts().unwrap());
}

#[test]
fn two_histories_on_two_devices_are_shown_on_both_and_used_on_none() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    let laptop = alice.second(&provider);
    let bob = Device::alone();
    let first = card_of(&bob);
    let one = extended(&bob, &first, alias("https://one.example"));
    let two = extended(&bob, &first, alias("https://two.example"));
    let away = provider.stop();
    add(&alice, &one, "bob");
    add(&laptop, &two, "bob");
    let provider = away.back();
    alice.sync();
    laptop.sync();
    alice.sync();
    for device in [&alice, &laptop] {
        let [shown] = &device.vault.contacts().unwrap()[..] else { panic!() };
        let status = device.vault.status(false).unwrap();
        assert!(status.notices.iter().any(|it| it.text.contains("2 histories of bob's keys")));
        let mut histories = shown.histories.clone();
        histories.sort();
        let mut both = vec![head(&one), head(&two)];
        both.sort();
        assert_eq!(histories, both);
        for error in [
            device.vault.contact_log("bob").unwrap_err(),
            device.vault.safety_number("bob").unwrap_err(),
            device.vault.rename_contact("bob", "robert").unwrap_err(),
            device.vault.add_contact(&one.to_text(), None, None).unwrap_err(),
            device.vault.add_contact(&two.to_text(), None, None).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
            assert!(error.hint().unwrap().contains("--fingerprint"), "{error}");
        }
    }
    let named = head(&one);
    laptop.vault.update_contact("bob", Some(&one.to_text()), Some(&named)).unwrap();
    alice.sync();
    for device in [&alice, &laptop] {
        assert_eq!(device.vault.contact_log("bob").unwrap().head().to_string(), named);
        assert_eq!(device.vault.contact("bob").unwrap().level, "tofu");
    }
    drop(provider);
}

#[test]
fn two_principals_under_one_name_are_shown_until_one_is_called_something_else() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    let laptop = alice.second(&provider);
    let away = provider.stop();
    add(&alice, &stranger(1), "bob");
    add(&laptop, &stranger(2), "Bob");
    let _provider = away.back();
    alice.sync();
    laptop.sync();
    alice.sync();
    for device in [&alice, &laptop] {
        let all = device.vault.contacts().unwrap();
        assert!(all.len() == 2 && all.iter().all(|one| one.name_taken_twice), "{all:?}");
        let status = device.vault.status(false).unwrap();
        let told = |text: &str| status.notices.iter().filter(|it| it.text.contains(text)).count();
        assert_eq!(told("two people are called"), 2, "{:?}", status.notices);
        let error = device.vault.contact_log("bob").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains(&fingerprint(&stranger(2))), "{error}");
    }
    alice.vault.rename_contact(&fingerprint(&stranger(2)), "Bob from work").unwrap();
    assert!(!alice.vault.contact("bob").unwrap().name_taken_twice);
    let taken = alice.vault.rename_contact("Bob from work", "BOB").unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::Conflict);
}

#[test]
fn two_hosts_or_a_told_fingerprint_cross_check() {
    let web = Web::start();
    let (alice, bob) = (Device::alone(), Device::alone());
    let card = card_of(&bob).to_text();
    let first = web.put("/bob", card.clone());
    assert_eq!(alice.vault.add_contact(&first, Some("bob"), None).unwrap().level, "tofu");
    // The same host again, another path of it, and a file say nothing more.
    for source in [first.clone(), web.put("/again", card.clone()), card.clone()] {
        assert_eq!(alice.vault.add_contact(&source, None, None).unwrap().level, "tofu");
    }
    let other_host = web.url_by_name("/bob");
    let known = alice.vault.add_contact(&other_host, None, None).unwrap();
    assert_eq!(known.level, "cross-checked");
    assert_eq!(known.aliases.len(), 3);
    assert!(alice.vault.update_contact("bob", None, None).is_ok());
    assert!(known.aliases.iter().all(|one| !one.claimed_back));
    // Bob's own log names the first address: each says that the other is right.
    web.put("/bob", extended(&bob, &card_of(&bob), alias(&first)).to_text());
    let known = alice.vault.add_contact(&first, None, None).unwrap();
    let claimed: Vec<&str> =
        known.aliases.iter().filter(|one| one.claimed_back).map(|one| one.uri.as_str()).collect();
    assert_eq!(claimed, [&first]);

    let carroll = Device::alone();
    let told = fingerprint(&card_of(&bob));
    let known = carroll.vault.add_contact(&card, Some("bob"), Some(&told)).unwrap();
    assert_eq!(known.level, "cross-checked");
    let other = fingerprint(&card_of(&alice));
    let fresh = Device::alone();
    let error = fresh.vault.add_contact(&card, Some("bob"), Some(&other)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    assert_eq!(fresh.vault.contacts().unwrap(), vec![]);
}

#[test]
fn names_are_claims_and_take_nobodys_place() {
    let (alice, bob) = (Device::alone(), Device::alone());
    let nameless = card_of(&bob).to_text();
    let error = alice.vault.add_contact(&nameless, None, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.hint().unwrap().contains("--as"));
    let named = bob.vault.card(Some("Bob")).unwrap().text;
    assert_eq!(alice.vault.add_contact(&named, None, None).unwrap().name, "Bob");
    let impostor = Card { name: Some("bob".into()), ..stranger(1) };
    let error = alice.vault.add_contact(&impostor.to_text(), None, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(alice.vault.add_contact(&impostor.to_text(), Some("other bob"), None).is_ok());
    for bad in ["", "a/b", "prn:x", "-x", "\u{202e}bob"] {
        let error = alice.vault.add_contact(&nameless, Some(bad), None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{bad:?}");
    }
    let own = alice.vault.card(None).unwrap().text;
    let error = alice.vault.add_contact(&own, Some("me"), None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
}

/// A scheme that is not built in.
struct Registry(String);

impl Resolver for Registry {
    fn form(&self) -> &'static str {
        "urn:registry:…"
    }

    fn takes(&self, alias: &str) -> bool {
        alias.starts_with("urn:registry:")
    }

    fn step(&self, alias: &str, answers: &[Vec<u8>]) -> Result<Step, ResolveError> {
        let url = format!("{}{}", self.0, &alias[13..]);
        let [text] = answers else { return Ok(Step::Get(Get { url, len_max: 100_000 })) };
        let card = Card::from_text(&String::from_utf8_lossy(text))?;
        let alias = Some(alias.to_owned());
        Ok(Step::Claim(Box::new(Claim { card, promised: vec![], alias })))
    }
}

#[test]
fn a_new_scheme_is_a_new_resolver_and_what_it_pins_every_device_reads() {
    let (web, provider) = (Web::start(), Provider::start());
    let (alice, bob) = (Device::at(&provider), Device::alone());
    web.put("/entry/bob", card_of(&bob).to_text());
    let error = alice.vault.add_contact("urn:registry:bob", Some("bob"), None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.hint().unwrap().contains("did:web"), "{error}");
    let vault = alice.open().with_resolver(Registry(web.url("/entry/")));
    let known = vault.add_contact("urn:registry:bob", Some("bob"), None).unwrap();
    assert_eq!(known.aliases[0].uri, "urn:registry:bob");
    // A device that does not know the scheme has the keys all the same.
    let laptop = alice.second(&provider);
    assert_eq!(laptop.vault.contact_log("bob").unwrap().principal().to_string(), known.principal);
}

/// A key log longer than one entry holds.
#[test]
fn a_long_key_log_is_kept_whole() {
    let provider = Provider::start();
    let (alice, bob) = (Device::at(&provider), Device::alone());
    let uri = |number: u32| format!("https://{number}.example/{}", "x".repeat(400));
    let in_and_out = (0..300).flat_map(|number| {
        [true, false].map(|claimed| Change::Alias { uri: uri(number), claimed })
    });
    let card = extended_by(&bob, &card_of(&bob), in_and_out);
    assert!(card.encode().len() > 5 * 65_536);
    let known = add(&alice, &card, "bob");
    assert_eq!(known.events, 602);
    let laptop = alice.second(&provider);
    assert_eq!(laptop.vault.contact_log("bob").unwrap(), card.verify().unwrap());
    laptop.assert_whole();
}

/// A54: what a bucket that others share holds, and what a provider sees of it, is the same for who
/// knows nobody and for who knows many.
#[test]
fn a54_a_shared_buckets_size_says_nothing_of_contacts() {
    let provider = Provider::start();
    let sizes = |contacts: u64| {
        let device = Device::at(&provider);
        for number in 0..contacts {
            add(&device, &stranger(number), &format!("person {number}"));
        }
        for text in ["one", "two", "three"] {
            device.put_text(&format!("/{text}"), "a letter");
            device.sync();
        }
        let report = device.vault.privacy().unwrap();
        let bucket = |label: &str| {
            let found = report[0].buckets.iter().find(|one| one.label == label).unwrap();
            (found.entries, found.sealed_bytes, found.documents)
        };
        (bucket("main"), bucket("vault"))
    };
    let (nobody, many) = (sizes(0), sizes(if long() { 500 } else { 40 }));
    assert_eq!(nobody.0, many.0);
    assert!(many.1 > nobody.1, "the control: the vault's own bucket grows");
}

#[test]
fn the_own_key_log_changes_only_where_all_devices_are_heard() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    let laptop = alice.second(&provider);
    // Neither has synchronised since the other wrote; both ask before they change anything.
    alice.vault.claim_alias("https://alice.example/card", true).unwrap();
    let id = laptop.vault.claim_alias("did:web:alice.example", true).unwrap();
    assert_eq!(id.aliases, ["did:web:alice.example", "https://alice.example/card"]);
    let away = provider.stop();
    let error = alice.vault.claim_alias("acct:alice@example.org", true).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    let _provider = away.back();
    alice.vault.claim_alias("https://alice.example/card", false).unwrap();
    alice.sync();
    laptop.sync();
    assert_eq!(alice.vault.id().unwrap().head, laptop.vault.id().unwrap().head);
    let missing = laptop.vault.claim_alias("https://alice.example/card", false).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}
