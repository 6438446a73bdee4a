//! Resolvers as stories: nothing but bytes goes in, nothing but claims comes out.

use strongroom_core::card::{Card, CardError, Pointer};
use strongroom_core::contact::judge;
use strongroom_core::keylog::Genesis;
use strongroom_core::resolve::{
    CardText, Claim, DidKey, Get, ResolveError, Resolver, Resolvers, Step,
};
use strongroom_wire::ids::PublicKey;

use crate::people::Diary;

fn card() -> Card {
    let diary = Diary::of_alice();
    Card { name: None, genesis: diary.genesis, events: diary.events, inbox: None }
}

/// Follows an alias; `web` answers.
fn resolve(
    resolvers: &Resolvers,
    alias: &str,
    web: impl Fn(&str) -> Vec<u8>,
) -> Result<Claim, ResolveError> {
    let mut under_way = resolvers.resolve(alias);
    loop {
        match under_way.next()? {
            Step::Get(get) => under_way.answer(web(&get.url)),
            Step::Claim(claim) => return Ok(*claim),
            Step::Follow(..) => panic!("followed inside"),
        }
    }
}

fn nowhere(url: &str) -> Vec<u8> {
    panic!("{url} was asked for")
}

#[test]
fn a_file_a_pointer_and_an_address_lead_to_the_same_log() {
    let resolvers = Resolvers::default();
    let from_file = resolve(&resolvers, &card().to_text(), nowhere).unwrap();
    assert_eq!((&from_file.card, &from_file.alias), (&card(), &None));

    let at = "https://cards.example/alice";
    let web = |url: &str| {
        assert_eq!(url, at);
        card().to_text().into_bytes()
    };
    let from_web = resolve(&resolvers, at, web).unwrap();
    assert_eq!((&from_web.card, from_web.alias.as_deref()), (&card(), Some(at)));

    let log = judge(None, &from_file).unwrap();
    let pointer = Pointer { pin: log.pin(), name: None, at: Some(at.to_owned()) };
    let from_code = resolve(&resolvers, &pointer.to_text(), web).unwrap();
    assert_eq!(judge(None, &from_code).unwrap(), log);

    let nameless = Pointer { at: None, ..pointer };
    let error = resolve(&resolvers, &nameless.to_text(), nowhere).unwrap_err();
    assert_eq!(error, ResolveError::Nowhere);
}

#[test]
fn a_host_that_shows_another_log_breaks_the_pointers_promise() {
    let log = card().verify().unwrap();
    let at = "https://cards.example/alice".to_owned();
    let pointer = Pointer { pin: log.pin(), name: None, at: Some(at) };
    let other = Diary::of(&crate::people::alice());
    let other = Card { name: None, genesis: other.genesis, events: other.events, inbox: None };
    let claim = resolve(&Resolvers::default(), &pointer.to_text(), |_| other.to_text().into());
    assert!(judge(None, &claim.unwrap()).is_err(), "an older state than the code promised");
}

#[test]
fn a_did_key_is_a_log_of_one_event_that_cannot_change() {
    let did = "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp";
    let claim = resolve(&Resolvers::default(), did, nowhere).unwrap();
    let log = judge(None, &claim).unwrap();
    assert!(log.is_empty() && log.agree().is_none());
    let genesis = Genesis::decode(&claim.card.genesis).unwrap();
    assert_eq!(genesis.next_root_commit, [0; 32], "the key stays");
    assert_eq!(resolve(&Resolvers::default(), did, nowhere).unwrap(), claim);
}

#[test]
fn a_did_web_needs_its_document_and_the_card_that_names() {
    let card_url = "https://cards.example/alice";
    let principal = card().verify().unwrap().principal();
    let document = |principal: &str| {
        format!(
            r#"{{"id":"did:web:alice.example","service":[{{"id":"x","type":"StrongroomCard",
               "serviceEndpoint":"{card_url}","principal":"{principal}"}}]}}"#
        )
    };
    let web = |document: String| {
        move |url: &str| match url {
            "https://alice.example/.well-known/did.json" => document.clone().into_bytes(),
            url if url == card_url => card().to_text().into_bytes(),
            other => panic!("{other} was asked for"),
        }
    };
    let did = "did:web:alice.example";
    let right = web(document(&principal.to_string()));
    let claim = resolve(&Resolvers::default(), did, right).unwrap();
    assert_eq!(claim.alias.as_deref(), Some(did));
    assert!(judge(None, &claim).is_ok());
    let wrong = web(document(&strongroom_wire::ids::PrincipalId([9; 32]).to_string()));
    let claim = resolve(&Resolvers::default(), did, wrong).unwrap();
    assert!(judge(None, &claim).is_err(), "the document names another principal");
}

/// A scheme nobody here has heard of.
struct Registry;

impl Resolver for Registry {
    fn form(&self) -> &'static str {
        "urn:registry:…"
    }

    fn takes(&self, alias: &str) -> bool {
        alias.starts_with("urn:registry:")
    }

    fn step(&self, alias: &str, answers: &[Vec<u8>]) -> Result<Step, ResolveError> {
        let url = format!("https://registry.example/{}", &alias[13..]);
        let [text] = answers else { return Ok(Step::Get(Get { url, len_max: 100_000 })) };
        let card = Card::from_text(&String::from_utf8_lossy(text))?;
        let alias = Some(alias.to_owned());
        Ok(Step::Claim(Box::new(Claim { card, promised: vec![], alias })))
    }
}

#[test]
fn a_new_scheme_needs_a_new_resolver_and_nothing_else() {
    let alias = "urn:registry:alice";
    let unknown = resolve(&Resolvers::default(), alias, nowhere).unwrap_err();
    assert_eq!(unknown, ResolveError::Unknown);
    let resolvers = Resolvers::default().with(Registry);
    let claim = resolve(&resolvers, alias, |url| {
        assert_eq!(url, "https://registry.example/alice");
        card().to_text().into()
    });
    assert_eq!(judge(None, &claim.unwrap()).unwrap(), card().verify().unwrap());
    // A pointer may lead there, too.
    let pin = card().verify().unwrap().pin();
    let pointer = Pointer { pin, name: None, at: Some(alias.to_owned()) };
    let claim = resolve(&resolvers, &pointer.to_text(), |_| card().to_text().into()).unwrap();
    assert_eq!(claim.alias.as_deref(), Some(alias));
}

/// Who sends us from place to place.
struct Carousel;

impl Resolver for Carousel {
    fn form(&self) -> &'static str {
        "urn:carousel:…"
    }

    fn takes(&self, alias: &str) -> bool {
        alias.starts_with("urn:carousel:")
    }

    fn step(&self, alias: &str, _: &[Vec<u8>]) -> Result<Step, ResolveError> {
        if alias.ends_with("get") {
            return Ok(Step::Get(Get { url: "https://a.example".into(), len_max: 1 }));
        }
        Ok(Step::Follow(alias.to_owned(), card().verify().unwrap().pin()))
    }
}

#[test]
fn nobody_sends_us_around_without_end() {
    let resolvers = Resolvers::default().with(Carousel);
    for (alias, gets) in [("urn:carousel:get", 4), ("urn:carousel:follow", 0)] {
        let asked = std::cell::Cell::new(0);
        let ended = resolve(&resolvers, alias, |_| {
            asked.set(asked.get() + 1);
            vec![]
        });
        assert_eq!((ended, asked.get()), (Err(ResolveError::Endless), gets));
    }
}

#[test]
fn answers_that_are_no_card_are_no_claim() {
    let at = "https://cards.example/alice";
    for answer in [&b"<html>not here</html>"[..], b"", &[0xff, 0xfe]] {
        let error = resolve(&Resolvers::default(), at, |_| answer.to_vec()).unwrap_err();
        assert_eq!(error, ResolveError::Card(CardError::None));
    }
    for alias in ["", "alice", "ftp://a.example", "did:example:1", "mailto:a@example.org"] {
        assert_eq!(resolve(&Resolvers::default(), alias, nowhere), Err(ResolveError::Unknown));
    }
    for alias in ["https://a b", "https://cards.example/#x"] {
        let error = resolve(&Resolvers::default(), alias, nowhere).unwrap_err();
        assert!(matches!(error, ResolveError::Form(_)), "{error}");
    }
}

/// The rooms below know key logs only: in this test no DID and no URL appears anywhere.
#[test]
fn without_any_identifier_two_people_know_each_other() {
    use strongroom_core::contact::Known;
    let card = card();
    let Ok(Step::Claim(claim)) = CardText.step(&card.to_text(), &[]) else { panic!() };
    let log = judge(None, &claim).unwrap();
    assert_eq!(claim.alias, None);
    let known = Known { log: &log, floors: log.floors() };
    assert_eq!(judge(Some(known), &claim).unwrap().pin(), log.pin());
    let roots = Genesis::decode(&card.genesis).unwrap().roots.keys;
    assert_eq!(roots, log.roots().keys);
}

/// Two keys, two principals; one key, one principal, however it came.
#[test]
fn a_did_key_is_not_what_is_pinned() {
    let did = "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp";
    let Ok(Step::Claim(claim)) = DidKey.step(did, &[]) else { panic!() };
    let genesis = Genesis::decode(&claim.card.genesis).unwrap();
    let log = judge(None, &claim).unwrap();
    assert_ne!(PublicKey(log.principal().0), genesis.roots.keys[0]);
    assert_eq!(log.principal(), genesis.principal());
}
