//! Properties of delegation: it never widens, whoever asks and however the parts are mixed, and
//! what an issuer may sign is exactly what the verifier accepts.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use strongroom_wire::capability::{
    Action, Actions, AreaCaveat, Capability, CapabilityChain, Caveats, Claims, Judge, KindSet,
    Target, verify,
};
use strongroom_wire::entry::{Hlc, Kind};
use strongroom_wire::ids::{BucketId, DocumentTag, EntryId, Thumbprint, VaultTag};

use crate::chains::{NOW, public, signer, tag};

/// Few values, so that equal ones meet often.
fn target() -> impl Strategy<Value = Target> {
    let bucket = || (0..2_u8).prop_map(|n| BucketId([n; 32]));
    let document = || (0..2_u8).prop_map(|n| DocumentTag([n; 16]));
    let version = || (0..2_u8).prop_map(|n| EntryId([n; 32]));
    prop_oneof![
        4 => bucket().prop_map(Target::Bucket),
        3 => (bucket(), document()).prop_map(|(b, d)| Target::Document(b, d)),
        3 => (bucket(), document(), version()).prop_map(|(b, d, v)| Target::Version(b, d, v)),
        1 => (0..2_u8).prop_map(|n| Target::Vault(VaultTag([n; 16]))),
    ]
}

fn all_targets() -> Vec<Target> {
    let mut all = vec![Target::Vault(VaultTag([0; 16])), Target::Vault(VaultTag([1; 16]))];
    for b in 0..2 {
        let bucket = BucketId([b; 32]);
        all.push(Target::Bucket(bucket));
        for d in 0..2 {
            let document = DocumentTag([d; 16]);
            all.push(Target::Document(bucket, document));
            all.extend((0..2).map(|v| Target::Version(bucket, document, EntryId([v; 32]))));
        }
    }
    all
}

fn actions() -> impl Strategy<Value = Actions> {
    prop::collection::vec(0..Action::ALL.len(), 1..6)
        .prop_map(|picks| picks.iter().fold(Actions::NONE, |set, at| set.with(Action::ALL[*at])))
}

fn area() -> impl Strategy<Value = AreaCaveat> {
    let kinds = prop::option::of(prop::collection::vec(0..3_usize, 1..3));
    (kinds, prop::option::of(1..3_u64))
        .prop_filter("all is no caveat", |(kinds, since)| kinds.is_some() || since.is_some())
        .prop_map(|(kinds, since)| AreaCaveat {
            kinds: kinds.map(|at| {
                let kinds: Vec<Kind> = at.iter().map(|at| Kind::ALL[*at]).collect();
                KindSet::of(&kinds)
            }),
            since: since.map(Hlc),
        })
}

fn caveats() -> impl Strategy<Value = Caveats> {
    let rare = |max: u64| prop::option::weighted(0.2, 1..max);
    (
        rare(3),
        rare(3),
        rare(3),
        prop::option::weighted(0.1, 0..2_u8),
        prop::option::weighted(0.2, area()),
    )
        .prop_map(|(bytes, entries, rate, policy, area)| Caveats {
            quota_bytes: bytes,
            quota_entries: entries,
            entries_per_hour: rate,
            uses: None,
            policy: policy.map(|n| [n; 32]),
            area,
            accept: false,
        })
}

fn claims(holder: u8) -> impl Strategy<Value = Claims> {
    let binding = prop::option::weighted(0.1, 0..2_u8);
    (target(), actions(), 0..4_u64, 0..3_u64, 0..8_u8, caveats(), binding).prop_map(
        move |(target, actions, expires, from, depth, caveats, audience)| {
            let member = target.bucket().map(|_| tag(holder));
            let mut claims = Claims::new(target, actions, NOW + 2 + expires, [holder; 16])
                .for_holder(public(holder), member)
                .with_not_before(NOW - 1 + from)
                .with_depth(depth)
                .with_caveats(caveats);
            claims.audience = audience.map(|n| Thumbprint([n; 32]));
            claims
        },
    )
}

/// The child as it would be if it copied its parent, with some of its own parts.
fn mixed(parent: &Claims, child: Claims, copy: [bool; 5]) -> Claims {
    let [target, actions, expires, depth, caveats] = copy;
    let mut child = child;
    if target {
        child.target = parent.target;
        child.member = parent.member.map(|_| tag(2));
    }
    if actions {
        child.actions = parent.actions;
    }
    if expires {
        child.expires = parent.expires;
    }
    if depth {
        child.depth = parent.depth.saturating_sub(1);
    }
    if caveats {
        child.caveats = parent.caveats;
    }
    child
}

/// One pair: what the helper says, what the verifier says, and that nothing is widened.
fn judge_pair(
    (parent, child, copy, now, provider): (Claims, Claims, [bool; 5], u64, u8),
    accepted: &mut usize,
) -> Result<(), TestCaseError> {
    let child = mixed(&parent, child, copy);
    let parent = Capability::issue(&parent, signer(0)).unwrap();
    let attenuated = parent.attenuate(&child);
    // Whatever the helper says, the verifier decides the same about the pair.
    let linked = Claims { parent: Some(parent.id()), ..child.clone() };
    let forced = Capability::issue(&linked, signer(1)).unwrap();
    let judge =
        Judge { root: public(0), now, provider: Some(Thumbprint([provider; 32])), suites: &[1] };
    let alone = CapabilityChain::new(vec![parent.clone()]).unwrap();
    let pair = alone.extended(forced.clone()).unwrap();
    let parent_grant = verify(&alone, &judge, |_| false);
    let child_grant = verify(&pair, &judge, |_| false);
    *accepted += usize::from(child_grant.is_ok());
    if attenuated.is_err() {
        prop_assert!(child_grant.is_err(), "accepted what the helper refused");
    }
    if let Ok(grant) = &child_grant {
        let outer = parent_grant.as_ref().unwrap();
        prop_assert!(attenuated.is_ok());
        prop_assert!(grant.expires() <= outer.expires());
        prop_assert!(grant.not_before() >= outer.not_before());
        prop_assert!(grant.rank() >= outer.rank());
        for action in Action::ALL {
            for target in all_targets() {
                prop_assert!(
                    !grant.allows(action, &target) || outer.allows(action, &target),
                    "{action:?} on {target:?}"
                );
            }
        }
        prop_assert!(grant.caveats().are_as_tight_as(outer.caveats()));
    }
    if let Ok(claims) = attenuated {
        prop_assert_eq!(&claims, forced.claims());
        // In its time, at its provider, it is accepted.
        let times = claims.not_before.unwrap() <= now && now < claims.expires;
        let here = claims.audience.is_none_or(|audience| audience.0[0] == provider);
        if parent_grant.is_ok() {
            prop_assert_eq!(child_grant.is_ok(), times && here);
        }
    }
    Ok(())
}

#[test]
fn attenuation_never_widens_and_agrees_with_the_verifier() {
    let config = ProptestConfig { cases: 600, failure_persistence: None, ..Default::default() };
    let accepted = std::cell::RefCell::new(0);
    let copy = prop::array::uniform5(prop::bool::weighted(0.75));
    let pairs = (claims(1), claims(2), copy, NOW - 1..NOW + 6, 0..2_u8);
    TestRunner::new(config)
        .run(&pairs, |pair| judge_pair(pair, &mut accepted.borrow_mut()))
        .unwrap();
    let accepted = accepted.into_inner();
    println!("{accepted} of 600 pairs accepted");
    assert!(accepted >= 10, "the test would hardly see a pair that widens: {accepted}");
}

proptest! {
    #[test]
    fn containment_is_an_order(a in target(), b in target(), c in target()) {
        prop_assert!(a.contains(&a));
        prop_assert!(!(a.contains(&b) && b.contains(&a)) || a == b);
        prop_assert!(!(a.contains(&b) && b.contains(&c)) || a.contains(&c));
    }

    #[test]
    fn tightness_is_an_order(a in caveats(), b in caveats(), c in caveats()) {
        prop_assert!(a.are_as_tight_as(&a));
        prop_assert!(a.are_as_tight_as(&Caveats::NONE));
        prop_assert!(!(a.are_as_tight_as(&b) && b.are_as_tight_as(&a)) || a == b);
        prop_assert!(!(a.are_as_tight_as(&b) && b.are_as_tight_as(&c)) || a.are_as_tight_as(&c));
    }

    #[test]
    fn claims_have_one_encoding(claims in claims(3)) {
        let bytes = claims.encode();
        let read = Claims::decode(&bytes).unwrap();
        prop_assert_eq!(&read, &claims);
        prop_assert_eq!(read.encode(), bytes);
    }

    #[test]
    fn a_strangers_bytes_are_read_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        at in 0..200_usize,
    ) {
        if let Ok(capability) = Capability::decode(&bytes) {
            prop_assert_eq!(capability.bytes(), &bytes[..]);
        }
        if let Ok(chain) = CapabilityChain::decode(&bytes) {
            prop_assert_eq!(chain.encode(), bytes.clone());
        }
        if let Ok(claims) = Claims::decode(&bytes) {
            prop_assert_eq!(claims.encode(), bytes.clone());
        }
        // And sound bytes, spliced with theirs.
        let mut sound = crate::capability_form::full().encode();
        let at = at.min(sound.len());
        sound.splice(at.., bytes);
        if let Ok(claims) = Claims::decode(&sound) {
            prop_assert_eq!(claims.encode(), sound);
        }
    }
}
