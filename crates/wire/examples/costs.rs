//! Prints what the checks of a provider cost on this machine: medians of rounds, one thread.
//! `cargo run --release -p strongroom-wire --example costs`
#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::time::Instant;

use ed25519_dalek::{Signer, SigningKey};
use strongroom_wire::capability::{
    Action, Actions, Capability, CapabilityChain, Claims, Judge, Target, verify,
};
use strongroom_wire::did_key;
use strongroom_wire::edv::canon::{Quad, Term, canonical};
use strongroom_wire::edv::chain::Root;
use strongroom_wire::edv::invocation::Expected;
use strongroom_wire::edv::revocation::Revocation;
use strongroom_wire::edv::signature::{self, Origin, Outgoing, Request};
use strongroom_wire::edv::zcap::{Grant, Parent, Zcap};
use strongroom_wire::http_signature::{RequestParts, Signed, parse};
use strongroom_wire::ids::{BucketId, MemberTag, PublicKey, SessionId};
use strongroom_wire::session::{
    ClientSession, Kem, Opening, OpeningRequest, Session, SessionKey, answer,
};

const NOW: u64 = 1_800_000_000;
/// A vault of the EDV protocol.
const EDV: &str = "https://vault.example/edvs/z19uMCiPNET4YbcPpBcab5mEE";

fn key(who: u8) -> SigningKey {
    SigningKey::from_bytes(&[who + 1; 32])
}

fn public(who: u8) -> PublicKey {
    PublicKey(key(who).verifying_key().to_bytes())
}

/// Microseconds of one call, as the median of 31 rounds of `calls` calls.
fn micros(calls: u32, mut call: impl FnMut()) -> f64 {
    let mut rounds: Vec<f64> = (0..31)
        .map(|_| {
            let start = Instant::now();
            (0..calls).for_each(|_| call());
            start.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[15]
}

fn chain_of_four() -> CapabilityChain {
    let mut issued: Vec<Capability> = Vec::new();
    for who in 0..4_u8 {
        let actions =
            if who == 0 { Actions::ALL } else { Actions::of(&[Action::Pull, Action::Write]) };
        let mut claims =
            Claims::new(Target::Bucket(BucketId([1; 32])), actions, NOW + 1_000, [who; 16])
                .for_holder(public(who + 1), Some(MemberTag([who; 16])))
                .with_not_before(NOW - 1_000)
                .with_depth(7 - who);
        claims.parent = issued.last().map(Capability::id);
        issued.push(Capability::issue(&claims, |bytes| key(who).sign(bytes).to_bytes()).unwrap());
    }
    CapabilityChain::new(issued).unwrap()
}

/// Delegations of one EDV vault in a row.
fn zcaps(len: u8) -> Zcap {
    let mut last: Option<Zcap> = None;
    for who in 0..len {
        let (id, to) = (format!("urn:uuid:{who}"), did_key::did(&public(who + 1)));
        let grant = Grant {
            id: &id,
            controller: &to,
            target: EDV,
            actions: &["read", "write"],
            expires: NOW + 1_000,
            created: NOW - 1_000,
            delegator: public(who),
        };
        let parent = last.as_ref().map_or(Parent::RootOf(EDV), Parent::Delegated);
        let sign = |bytes: &[u8]| key(who).sign(bytes).to_bytes();
        last = Some(Zcap::delegate(&parent, &grant, sign).unwrap());
    }
    last.unwrap()
}

/// What requests of EDV clients cost.
fn edv() {
    let controllers = [did_key::did(&public(0))];
    let root = Root { target: EDV, controllers: &controllers };
    for len in [1, 4, 9] {
        let zcap = zcaps(len);
        let json = zcap.to_json();
        let judged = micros(5, || {
            black_box(Revocation::of(json.as_bytes(), zcap.id(), &root, NOW).unwrap());
        });
        println!(
            "zcap, {len} delegations: read and verify {judged:>9.2} us, {:>6} B of JSON",
            json.len()
        );
        let outgoing = Outgoing {
            method: "GET",
            url: EDV,
            body: None,
            capability: signature::Capability::Delegated(&zcap),
            action: "read",
            key: public(len),
            created: NOW,
        };
        let signed = outgoing.sign(|bytes| key(len).sign(bytes).to_bytes()).unwrap();
        let header =
            |name: &str| signed.iter().find(|(own, _)| *own == name).map(|(_, value)| value);
        let target = EDV.strip_prefix("https://vault.example").unwrap();
        let request = Request { method: "GET", target, header: &header, body: None };
        let origin = Origin { scheme: "https", host: "vault.example" };
        let expected = Expected { roots: &[root], target: EDV, action: "read" };
        let whole = micros(5, || {
            let invocation = signature::verify(black_box(&request), &origin, NOW).unwrap();
            black_box(invocation.authorize(&expected, NOW).unwrap());
        });
        println!(
            "zcap, {len} delegations: whole request   {whole:>9.2} us, {:>6} B of header",
            signed.capability_invocation.len()
        );
    }
    let arrow = |(from, to)| Quad {
        subject: Term::Blank(from),
        predicate: "<urn:p>".to_owned(),
        object: Term::Blank(to),
        graph: None,
    };
    let pairs = (0..31).flat_map(|from| (0..31).map(move |to| (from, to)));
    let clique: Vec<Quad> = pairs.filter(|(from, to)| from != to).map(arrow).collect();
    let poison = micros(5, || {
        black_box(canonical(black_box(&clique)).unwrap_err());
    });
    println!("quads, clique of 31: refused  {poison:>9.2} us");
}

fn main() {
    edv();
    let chain = chain_of_four();
    let encoded = chain.encode();
    let judge = Judge { root: public(0), now: NOW, provider: None, suites: &[1] };
    println!("chain of 4                    {:>9} B", encoded.len());
    let decode = micros(200, || {
        black_box(CapabilityChain::decode(black_box(&encoded)).unwrap());
    });
    println!("chain of 4: decode            {decode:>9.2} us");
    let verified = micros(10, || {
        let chain = CapabilityChain::decode(black_box(&encoded)).unwrap();
        black_box(verify(&chain, &judge, |_| false).unwrap());
    });
    println!("chain of 4: decode and verify {verified:>9.2} us");

    let session = || SessionKey::danger_from_bytes(&[7; 32]).unwrap();
    let id = SessionId([9; 16]);
    let client = ClientSession::new(id, session(), NOW + 3_600);
    let uri = format!("https://vault.example/buckets/{0}/entries?b3={0}", "a".repeat(52));
    let parts = RequestParts::new("POST", &uri);
    let sign = micros(2_000, || {
        black_box(client.authorize(black_box(&parts), NOW).unwrap());
    });
    println!("request: client's fields      {sign:>9.2} us");
    let fields: Vec<_> = (0..31 * 500).map(|_| client.authorize(&parts, NOW).unwrap()).collect();
    let mut provider = Session::new(id, session(), public(1), None, NOW + 3_600);
    let mut at = fields.iter();
    let admit = micros(500, || {
        let fields = at.next().unwrap();
        let Ok(Signed::Session(request)) = parse(&parts, &fields.input, &fields.signature) else {
            return;
        };
        provider.admit(&request, NOW).unwrap();
    });
    println!("request: parse, MAC, counter  {admit:>9.2} us");
    let base = vec![b'x'; 380];
    let keyed = session();
    let mac = micros(2_000, || {
        black_box(keyed.mac(black_box(&base)));
    });
    println!("request: MAC of 380 B alone   {mac:>9.2} us");

    for kem in [Kem::X25519, Kem::XWing] {
        let opened = micros(5, || {
            black_box(Opening::new(kem, black_box(&[5; 32])));
        });
        let opening = Opening::new(kem, &[5; 32]);
        let request = OpeningRequest {
            base: &base,
            signature: &[1; 64],
            body: opening.body(),
            exporter: &[2; 32],
        };
        let answered = micros(5, || {
            let sign = |bytes: &[u8]| key(5).sign(bytes).to_bytes();
            black_box(answer(&request, id, NOW, &[3; 64], sign).unwrap());
        });
        println!(
            "session, {kem:?}: client's key {opened:.0} us, provider's answer {answered:.0} us"
        );
    }
}
