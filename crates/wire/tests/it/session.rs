//! Rows A45 and A49: opening a session, and requests in it.

use std::sync::Arc;

use strongroom_wire::capability::Grant;
use strongroom_wire::http_signature::{
    HttpSignatureError as E, NonceMemory, Signed, chain_field, parse,
};
use strongroom_wire::ids::{PublicKey, SessionId};
use strongroom_wire::session::{
    ClientSession, Kem, Opening, OpeningRequest, Session, SessionError, SessionRefusal, answer,
    session_end,
};

use crate::chains::{NOW, Story, public, signer};
use crate::requests::{Refused, Sent};

const OPEN_URI: &str = "https://vault.example/sessions";
const ENTRIES: &str = "https://vault.example/buckets/b/entries";
/// The provider's key, and one that is not.
const PROVIDER: u8 = 50;
const ANOTHER: u8 = 51;

/// One exchange, in parts that a test may change on the way.
struct Exchange {
    opening: Opening,
    sent: Sent,
    /// What both ends of the client's TLS connection export.
    client_exporter: Vec<u8>,
    provider_exporter: Vec<u8>,
    provider: u8,
    id: SessionId,
    end: u64,
}

impl Exchange {
    fn new(kem: Kem) -> Self {
        let opening = Opening::new(kem, &[7; 32]);
        let mut sent = Sent::new("POST", OPEN_URI, opening.body());
        sent.chain = Some(chain_field(&Story::new().chain()));
        let sent = sent.signed_by(4, NOW, [3; 16]);
        Self {
            opening,
            sent,
            client_exporter: vec![0xee; 32],
            provider_exporter: vec![0xee; 32],
            provider: PROVIDER,
            id: SessionId([9; 16]),
            end: NOW + 3_600,
        }
    }

    /// What the provider answers to what arrived; and its end of the session.
    fn answered(&self) -> Result<(Vec<u8>, Session), SessionError> {
        let Ok(Signed::Key(signed)) =
            parse(&self.sent.parts(), &self.sent.input, &self.sent.signature)
        else {
            panic!("not signed by a key")
        };
        let signed = signed.verify(NOW, 0).unwrap();
        assert!(signed.body().holds(&self.sent.body));
        let request = OpeningRequest {
            base: signed.base(),
            signature: signed.signature(),
            body: &self.sent.body,
            exporter: &self.provider_exporter,
        };
        let answered = answer(&request, self.id, self.end, &[0x5a; 64], signer(self.provider))?;
        let session = Session::new(self.id, answered.key, signed.key(), None, self.end);
        Ok((answered.body, session))
    }

    /// What the client makes of an answer.
    fn finish(self, provider: PublicKey, answer: &[u8]) -> Result<ClientSession, SessionError> {
        let mine = Self::new(Kem::X25519).sent;
        let same_body = self.opening.body() == mine.body;
        // The client remembers what it sent, not what arrived.
        let sent = if same_body { mine } else { Self::new(Kem::XWing).sent };
        let Ok(Signed::Key(signed)) = parse(&sent.parts(), &sent.input, &sent.signature) else {
            panic!("not signed by a key")
        };
        let signed = signed.verify(NOW, 0).unwrap();
        let request = OpeningRequest {
            base: signed.base(),
            signature: signed.signature(),
            body: &sent.body,
            exporter: &self.client_exporter,
        };
        self.opening.finish(&request, &provider, answer)
    }
}

/// Both ends of a fresh session.
fn open(kem: Kem) -> (ClientSession, Session) {
    let exchange = Exchange::new(kem);
    let (answer, session) = exchange.answered().unwrap();
    (exchange.finish(public(PROVIDER), &answer).unwrap(), session)
}

#[test]
fn both_ends_get_the_same_key_with_either_agreement() {
    for kem in [Kem::X25519, Kem::XWing] {
        let (client, mut session) = open(kem);
        assert_eq!((client.id, client.expires), (session.id, session.expires));
        for _ in 0..3 {
            let sent = Sent::new("POST", ENTRIES, b"entries").in_session(&client);
            assert_eq!(sent.admit(&mut session, NOW), Ok(()), "{kem:?}");
        }
    }
}

#[test]
fn a45_an_answer_counts_only_from_the_pinned_key_over_this_channel() {
    type Change = fn(&mut Exchange);
    let cases: [(&str, Change); 8] = [
        ("another provider's key signs", |x| x.provider = ANOTHER),
        ("the channel ends at a relay", |x| x.provider_exporter = vec![0xdd; 32]),
        ("the relay says there is no channel", |x| x.provider_exporter.clear()),
        ("the relay puts its own key into the opening", |x| {
            // It has to sign as somebody: it has keys of its own, but not the opener's.
            let kem = if x.sent.body.len() < 100 { Kem::X25519 } else { Kem::XWing };
            let own = Opening::new(kem, &[0x66; 32]);
            let mut sent = Sent::new("POST", OPEN_URI, own.body());
            sent.chain.clone_from(&x.sent.chain);
            x.sent = sent.signed_by(ANOTHER, NOW, [3; 16]);
        }),
        ("the opening was for another URI", |x| {
            let mut sent = x.sent.clone();
            sent.uri = OPEN_URI.replace("vault", "evil");
            x.sent = sent.signed_by(4, NOW, [3; 16]);
        }),
        ("the opening came with another chain", |x| {
            let mut story = Story::new();
            story.claims(3).unique = [0x44; 16];
            let mut sent = x.sent.clone();
            sent.chain = Some(chain_field(&story.chain()));
            x.sent = sent.signed_by(4, NOW, [3; 16]);
        }),
        ("the opening came without a chain", |x| {
            let mut sent = x.sent.clone();
            sent.chain = None;
            x.sent = sent.signed_by(4, NOW, [3; 16]);
        }),
        ("the opening is an older one", |x| {
            x.sent = x.sent.clone().signed_by(4, NOW - 1, [4; 16]);
        }),
    ];
    for kem in [Kem::X25519, Kem::XWing] {
        for (name, change) in cases {
            let mut exchange = Exchange::new(kem);
            let control = exchange.answered().unwrap();
            assert!(Exchange::new(kem).finish(public(PROVIDER), &control.0).is_ok(), "{name}");
            change(&mut exchange);
            let (answer, _) = exchange.answered().unwrap();
            let refused = exchange.finish(public(PROVIDER), &answer).unwrap_err();
            assert_eq!(refused, SessionError::Provider, "{kem:?}: {name}");
        }
    }
}

#[test]
fn every_changed_byte_of_an_answer_is_refused() {
    for kem in [Kem::X25519, Kem::XWing] {
        let (answer, _) = Exchange::new(kem).answered().unwrap();
        // Every byte of the short one; of the long one all heads, and some of each part.
        let step = if kem == Kem::X25519 { 1 } else { 41 };
        let places = (0..24).chain((24..answer.len()).step_by(step));
        for at in places.clone() {
            let mut other = answer.clone();
            other[at] ^= 1 << (at % 8);
            let finished = Exchange::new(kem).finish(public(PROVIDER), &other);
            assert!(finished.is_err(), "{kem:?}: byte {at}");
        }
        for len in places {
            let cut = Exchange::new(kem).finish(public(PROVIDER), &answer[..len]);
            assert_eq!(cut.unwrap_err(), SessionError::Form, "{kem:?}: cut at {len}");
        }
        let longer = [&answer[..], &[0]].concat();
        let finished = Exchange::new(kem).finish(public(PROVIDER), &longer);
        assert_eq!(finished.unwrap_err(), SessionError::Form);
    }
}

#[test]
fn openings_of_another_form_or_with_a_useless_key_are_refused() {
    let respond = |body: &[u8]| {
        let request = OpeningRequest { base: b"base", signature: &[1; 64], body, exporter: b"" };
        answer(&request, SessionId([9; 16]), NOW, &[0x5a; 64], signer(PROVIDER)).map(|_| ())
    };
    let opening = |kem: u8, key: &[u8]| {
        let mut w = strongroom_wire::cbor::Writer::new();
        w.array(2).uint(u64::from(kem)).bytes(key);
        w.into_bytes()
    };
    let good = Opening::new(Kem::X25519, &[7; 32]);
    assert_eq!(respond(good.body()), Ok(()), "the control");
    assert_eq!(respond(Opening::new(Kem::XWing, &[7; 32]).body()), Ok(()), "the control");
    let mut large_ml_kem = vec![0xff; 1_216];
    large_ml_kem[1_184..].copy_from_slice(&[9; 32]);
    for (name, body, why) in [
        ("nothing", vec![], SessionError::Form),
        ("no such agreement: 0", opening(0, &[9; 32]), SessionError::Form),
        ("no such agreement: 3", opening(3, &[9; 32]), SessionError::Form),
        ("a short key", opening(1, &[9; 31]), SessionError::Form),
        ("a long key", opening(1, &[9; 33]), SessionError::Form),
        ("an X-Wing key for X25519", opening(1, &[9; 1_216]), SessionError::Form),
        ("an X25519 key for X-Wing", opening(2, &[9; 32]), SessionError::Form),
        ("a key of small order: zero", opening(1, &[0; 32]), SessionError::Key),
        ("a key of small order: one", opening(1, &one()), SessionError::Key),
        ("an ML-KEM key out of range", opening(2, &large_ml_kem), SessionError::Key),
        ("a byte more", [good.body(), &[0]].concat(), SessionError::Form),
        (
            "a bomb",
            vec![0x82, 0x02, 0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            SessionError::Form,
        ),
        ("too long", vec![0; 2_000], SessionError::Form),
    ] {
        assert_eq!(respond(&body), Err(why), "{name}");
    }
}

fn one() -> [u8; 32] {
    let mut one = [0; 32];
    one[0] = 1;
    one
}

#[test]
fn an_answer_with_a_useless_key_is_refused_even_if_the_provider_signs_it() {
    // A provider (or its broken random source) that answers with a point of small order.
    let exchange = Exchange::new(Kem::X25519);
    let Ok(Signed::Key(signed)) =
        parse(&exchange.sent.parts(), &exchange.sent.input, &exchange.sent.signature)
    else {
        panic!("not signed by a key")
    };
    let signed = signed.verify(NOW, 0).unwrap();
    let mut w = strongroom_wire::cbor::Writer::new();
    w.array(3).bytes(&[9; 16]).bytes(&[0; 32]).uint(NOW);
    let answered = w.into_bytes();
    let mut w = strongroom_wire::cbor::Writer::new();
    w.array(5).bytes(signed.base()).bytes(signed.signature()).bytes(&exchange.sent.body);
    w.bytes(&answered).bytes(&exchange.client_exporter);
    let transcript = blake3::hash(&w.into_bytes());
    let input = [b"strongroom/session/1\0", &transcript.as_bytes()[..]].concat();
    let mut w = strongroom_wire::cbor::Writer::new();
    w.array(4).bytes(&[9; 16]).bytes(&[0; 32]).uint(NOW).bytes(&signer(PROVIDER)(&input));
    let finished = exchange.finish(public(PROVIDER), &w.into_bytes());
    // `Key`, not `Provider`: so this test also shows that the transcript is what the page says.
    assert_eq!(finished.unwrap_err(), SessionError::Key);
}

#[test]
fn a49_a_request_is_good_once_in_its_own_session_and_time() {
    let fresh = || Sent::new("POST", ENTRIES, b"entries");
    type Change = fn(&mut Sent);
    let cases: [(&str, Refused, Change); 14] = [
        ("another method", Refused::Session(SessionRefusal::Mac), |s| s.method = "PUT".into()),
        ("another URI", Refused::Session(SessionRefusal::Mac), |s| s.uri.push('2')),
        ("another digest", Refused::Session(SessionRefusal::Mac), |s| {
            s.digest = Sent::new("POST", ENTRIES, b"x").digest;
        }),
        ("no digest", Refused::Signature(E::Input), |s| s.digest = None),
        ("another body", Refused::Body, |s| s.body = b"x".to_vec()),
        ("another counter", Refused::Session(SessionRefusal::Mac), |s| {
            s.input = s.input.replace("nonce=\"0000000000000000\"", "nonce=\"0000000000000001\"");
        }),
        ("a counter in upper case", Refused::Signature(E::Input), |s| {
            s.input = s.input.replace("0000000000000000", "000000000000000A");
        }),
        ("a short counter", Refused::Signature(E::Input), |s| {
            s.input = s.input.replace("0000000000000000", "0");
        }),
        ("another created", Refused::Session(SessionRefusal::Mac), |s| {
            s.input = s.input.replace("created=18", "created=17");
        }),
        ("another session", Refused::Session(SessionRefusal::Mac), |s| {
            s.input = s.input.replace("CQkJCQkJCQkJCQkJCQkJCQ", "CQkJCQkJCQkJCQkJCQkJCA");
        }),
        ("a chain beside the session's own", Refused::Signature(E::Input), |s| {
            s.chain = Some(chain_field(&Story::new().chain()));
        }),
        ("a covered chain beside the session's own", Refused::Signature(E::Capability), |s| {
            s.chain = Some(chain_field(&Story::new().chain()));
            s.input = s
                .input
                .replace("\"content-digest\"", "\"content-digest\" \"strongroom-capability\"");
        }),
        ("a short MAC", Refused::Signature(E::Signature), |s| {
            s.signature = "strongroom=:AAAA:".into();
        }),
        ("no MAC", Refused::Signature(E::Signature), |s| s.signature = "strongroom=::".into()),
    ];
    let mut count = 0;
    for (name, why, change) in cases {
        let (client, mut session) = open(Kem::X25519);
        let mut sent = fresh().in_session(&client);
        let unchanged = sent.clone();
        change(&mut sent);
        assert_eq!(sent.admit(&mut session, NOW), Err(why), "{name}");
        if why == Refused::Body {
            continue; // its counter is spent: the body is read last
        }
        assert_eq!(unchanged.admit(&mut session, NOW), Ok(()), "{name}: the control");
        count += 1;
    }
    assert!(count >= 13);
}

#[test]
fn a49_replays_and_late_requests_are_refused() {
    let (client, mut session) = open(Kem::X25519);
    let sent: Vec<Sent> =
        (0..2_100).map(|_| Sent::new("GET", ENTRIES, b"").in_session(&client)).collect();
    let counter = Err(Refused::Session(SessionRefusal::Counter));
    assert_eq!(sent[1_500].admit(&mut session, NOW), Ok(()));
    assert_eq!(sent[1_500].admit(&mut session, NOW), counter, "replayed");
    assert_eq!(sent[477].admit(&mut session, NOW), Ok(()), "in the window, out of order");
    assert_eq!(sent[477].admit(&mut session, NOW), counter, "replayed");
    assert_eq!(sent[476].admit(&mut session, NOW), counter, "behind the window");
    assert_eq!(sent[2_099].admit(&mut session, NOW), Ok(()));
    assert_eq!(sent[1_000].admit(&mut session, NOW), counter, "the window moved on");
    // A stranger's counter moves nothing: its MAC is wrong.
    let mut far = sent[1_600].clone();
    far.input = far.input.replace("0000000000000640", "ffffffffffffffff");
    assert_eq!(far.admit(&mut session, NOW), Err(Refused::Session(SessionRefusal::Mac)));
    assert_eq!(sent[1_600].admit(&mut session, NOW), Ok(()));
}

#[test]
fn a49_a_session_ends_with_its_hour_its_chain_and_its_process() {
    let grant: Grant = Story::new().verify().unwrap();
    assert_eq!(session_end(NOW, None), NOW + 3_600);
    assert_eq!(session_end(NOW, Some(&grant)), NOW + 1_000, "the chain's earliest exp");
    assert_eq!(session_end(NOW - 3_000, Some(&grant)), NOW + 600);
    assert_eq!(session_end(u64::MAX, None), u64::MAX);
    let (client, mut session) = open(Kem::X25519);
    let send = || Sent::new("GET", ENTRIES, b"").in_session(&client);
    assert_eq!(send().admit(&mut session, NOW + 3_599), Ok(()));
    let ended = Err(Refused::Session(SessionRefusal::Ended));
    assert_eq!(send().admit(&mut session, NOW + 3_600), ended);
    // After a restart the same opening leads to another key, since the provider's part is fresh.
    let exchange = Exchange::new(Kem::X25519);
    let Ok(Signed::Key(signed)) =
        parse(&exchange.sent.parts(), &exchange.sent.input, &exchange.sent.signature)
    else {
        panic!("not signed by a key")
    };
    let signed = signed.verify(NOW, 0).unwrap();
    let request = OpeningRequest {
        base: signed.base(),
        signature: signed.signature(),
        body: &exchange.sent.body,
        exporter: &exchange.provider_exporter,
    };
    let again = answer(&request, exchange.id, exchange.end, &[0x5b; 64], signer(PROVIDER)).unwrap();
    let mut restarted = Session::new(exchange.id, again.key, public(4), None, exchange.end);
    let mac = Err(Refused::Session(SessionRefusal::Mac));
    assert_eq!(send().admit(&mut restarted, NOW), mac);
}

#[test]
fn a49_a_session_is_good_for_its_own_chain() {
    let (_, session) = open(Kem::X25519);
    assert!(session.grant.is_none(), "an empty chain allows nothing by itself");
    let grant = Arc::new(Story::new().verify().unwrap());
    let ids: Vec<_> = grant.ids().collect();
    // A revoke of any element names the session.
    assert!(ids.iter().all(|id| grant.names(id)));
    assert!(!grant.names(&strongroom_wire::ids::CapabilityId([0; 32])));
}

#[test]
fn a_request_names_its_own_session_even_under_the_same_key() {
    use strongroom_wire::session::SessionKey;
    let key = || SessionKey::danger_from_bytes(&[7; 32]).unwrap();
    let client = ClientSession::new(SessionId([1; 16]), key(), NOW + 9);
    let sent = Sent::new("GET", ENTRIES, b"").in_session(&client);
    for (id, expected) in [(2, Err(Refused::Session(SessionRefusal::Mac))), (1, Ok(()))] {
        let mut session = Session::new(SessionId([id; 16]), key(), public(4), None, NOW + 9);
        assert_eq!(sent.admit(&mut session, NOW), expected);
    }
}

#[test]
fn a_key_signature_is_none_for_a_session_and_the_other_way_round() {
    let (client, mut session) = open(Kem::X25519);
    let by_key = Sent::new("GET", ENTRIES, b"").signed_by(4, NOW, [1; 16]);
    assert_eq!(by_key.admit(&mut session, NOW), Err(Refused::Signature(E::Input)));
    let in_session = Sent::new("GET", ENTRIES, b"").in_session(&client);
    let accepted = in_session.accept(&mut NonceMemory::new(1), NOW, 0);
    assert_eq!(accepted, Err(Refused::Signature(E::Input)));
}

#[test]
fn the_same_bytes_in_give_the_same_bytes_out() {
    // No clock, no randomness: a simulator can replay both sides.
    for kem in [Kem::X25519, Kem::XWing] {
        assert_eq!(
            Exchange::new(kem).answered().unwrap().0,
            Exchange::new(kem).answered().unwrap().0
        );
    }
}
