//! The one form of a capability: what the decoder refuses before any signature (A29, A33), and an
//! independent COSE library as judge of what we write and read.

use coset::cbor::value::Value;
use coset::cwt::{ClaimsSet, Timestamp};
use coset::{CborSerializable, CoseSign1Builder, HeaderBuilder, TaggedCborSerializable, iana};
use ed25519_dalek::{Signer, Verifier};
use strongroom_wire::capability::{
    Action, Actions, AreaCaveat, Capability, CapabilityChain, CapabilityError, Caveats, Claims,
    KindSet, TYP, Target, VerifiedChains, verify,
};
use strongroom_wire::cbor::{CborError, Writer};
use strongroom_wire::cose;
use strongroom_wire::entry::{Hlc, Kind};
use strongroom_wire::ids::CapabilityId;
use strongroom_wire::limits::{CAPABILITY_LEN_MAX, CHAIN_BYTES_MAX};

use crate::chains::{BUCKET, DOCUMENT, HERE, NOW, Story, VAULT, VERSION, key, public, signer, tag};

/// Every claim there is.
pub fn full() -> Claims {
    Claims {
        issued_at: Some(NOW),
        parent: Some(CapabilityId([0x99; 32])),
        ..Claims::new(Target::Version(BUCKET, DOCUMENT, VERSION), Actions::ALL, NOW + 9, [5; 16])
            .for_holder(public(1), Some(tag(1)))
            .for_provider(HERE)
            .with_not_before(NOW)
            .with_depth(3)
            .with_caveats(Caveats {
                quota_bytes: Some(1 << 40),
                quota_entries: Some(1_000_000),
                entries_per_hour: Some(60),
                uses: Some(3),
                policy: Some([0x66; 32]),
                area: Some(AreaCaveat {
                    kinds: Some(KindSet::of(&[Kind::Version])),
                    since: Some(Hlc::new(1_800_000_000_000, 0)),
                }),
                accept: true,
            })
    }
}

fn minimal() -> Claims {
    Claims::new(Target::Bucket(BUCKET), Actions::PULL, NOW + 9, [5; 16])
}

fn for_vault() -> Claims {
    Claims::new(Target::Vault(VAULT), Actions::of(&[Action::Host]), NOW + 9, [5; 16])
        .for_holder(public(1), None)
}

#[test]
fn what_was_issued_is_read() {
    for claims in [full(), minimal(), for_vault()] {
        let issued = Capability::issue(&claims, signer(0)).unwrap();
        let read = Capability::decode(issued.bytes()).unwrap();
        assert_eq!(read, issued);
        assert_eq!(read.claims(), &claims);
        assert!(read.is_signed_by(&public(0)) && !read.is_signed_by(&public(1)));
        assert_eq!(read.id().0, *blake3::hash(issued.bytes()).as_bytes());
    }
}

#[test]
fn claims_nobody_would_accept_are_not_signed() {
    let vault_member = Claims { member: Some(tag(1)), ..for_vault() };
    let no_member = minimal().for_holder(public(1), None);
    let anyone = |change: fn(&mut Claims)| {
        let mut claims = minimal();
        change(&mut claims);
        claims
    };
    let bound_uses = Caveats { uses: Some(1), ..Caveats::NONE };
    let unbound = minimal().for_holder(public(1), Some(tag(1))).with_caveats(bound_uses);
    for (claims, why) in [
        (vault_member, CapabilityError::Member),
        (no_member, CapabilityError::Member),
        (anyone(|c| c.actions = Actions::ALL), CapabilityError::Anyone),
        (anyone(|c| c.actions = Actions::of(&[Action::Append])), CapabilityError::Anyone),
        (anyone(|c| c.depth = 1), CapabilityError::Anyone),
        (anyone(|c| c.caveats.accept = true), CapabilityError::Anyone),
        (anyone(|c| c.caveats.uses = Some(1)), CapabilityError::Anyone),
        (unbound, CapabilityError::Uses),
        (anyone(|c| c.actions = Actions::NONE), CapabilityError::Spelling),
        (anyone(|c| c.suite = 0), CborError::Unknown.into()),
        (anyone(|c| c.suite = 3), CborError::Unknown.into()),
        (anyone(|c| c.expires = u64::MAX), CborError::Limit.into()),
        (minimal().for_holder(public(1), Some(tag(1))).with_depth(8), CborError::Limit.into()),
    ] {
        let refused = Capability::issue(&claims, |_| panic!("signed {claims:?}"));
        assert_eq!(refused.unwrap_err(), why, "{claims:?}");
    }
}

#[test]
fn each_required_claim_is_required() {
    // Each claim of a minimal capability, as an encoded pair.
    let pairs: Vec<Vec<u8>> = minimal_pairs();
    let encode = |pairs: &[Vec<u8>]| {
        let mut w = Writer::new();
        w.map(pairs.len()).raw(&pairs.concat());
        w.into_bytes()
    };
    assert_eq!(Claims::decode(&encode(&pairs)), Ok(minimal()), "the control");
    assert_eq!(encode(&pairs), minimal().encode());
    for at in 0..pairs.len() {
        let mut fewer = pairs.clone();
        fewer.remove(at);
        assert_eq!(Claims::decode(&encode(&fewer)), Err(CapabilityError::Missing), "pair {at}");
        let mut doubled = pairs.clone();
        doubled.insert(at, pairs[at].clone());
        assert_eq!(Claims::decode(&encode(&doubled)), Err(CborError::Order.into()), "pair {at}");
        if at > 0 {
            let mut swapped = pairs.clone();
            swapped.swap(at - 1, at);
            assert_eq!(Claims::decode(&encode(&swapped)), Err(CborError::Order.into()));
        }
    }
    for unknown in [1, 10, 40, -1, -70_005, -65_537] {
        let mut w = Writer::new();
        w.int(unknown).uint(1);
        let mut more = pairs.clone();
        more.push(w.into_bytes());
        more.sort_by_key(|pair| (pair[0], pair.clone()));
        assert_eq!(Claims::decode(&encode(&more)), Err(CborError::Unknown.into()), "{unknown}");
    }
}

fn minimal_pairs() -> Vec<Vec<u8>> {
    let claims = minimal();
    let pair = |write: &dyn Fn(&mut Writer)| {
        let mut w = Writer::new();
        write(&mut w);
        w.into_bytes()
    };
    vec![
        pair(&|w| {
            w.int(4).uint(claims.expires);
        }),
        pair(&|w| {
            w.int(7).bytes(&claims.unique);
        }),
        pair(&|w| {
            w.int(9).text("pull");
        }),
        pair(&|w| {
            w.int(-70_000).uint(1);
        }),
        pair(&|w| claims.target.write(w.int(-70_002))),
        pair(&|w| {
            w.int(-70_003).uint(0);
        }),
    ]
}

#[test]
fn every_changed_byte_changes_the_meaning_or_is_refused() {
    let story = Story::new();
    let issued = story.issue().remove(3);
    let mut other = issued.bytes().to_vec();
    for at in 0..other.len() {
        for flip in [1, 2, 4, 8, 16, 32, 64, 128] {
            other[at] ^= flip;
            if let Ok(read) = Capability::decode(&other) {
                assert!(
                    read != issued && !read.is_signed_by(&public(3)),
                    "bit {flip} of byte {at}"
                );
            }
            other[at] ^= flip;
        }
    }
    assert_eq!(Capability::decode(&other), Ok(issued), "the control");
}

#[test]
fn every_changed_byte_of_a_chain_is_refused() {
    let story = Story::new();
    let encoded = story.chain().encode();
    for at in 0..encoded.len() {
        let mut other = encoded.clone();
        other[at] ^= 1 << (at % 8);
        if let Ok(chain) = CapabilityChain::decode(&other) {
            assert!(verify(&chain, &story.judge(), |_| false).is_err(), "byte {at}");
        }
    }
    assert!(story.verify().is_ok(), "the control");
}

#[test]
fn a33_bombs_are_refused_by_their_heads() {
    // A chain that claims 2^32 capabilities; a capability that claims 2^40 bytes; both short.
    let many = [0x9a, 0xff, 0xff, 0xff, 0xff];
    assert_eq!(CapabilityChain::decode(&many), Err(CborError::Limit.into()));
    let long = [0x81, 0x5b, 0, 0, 1, 0, 0, 0, 0, 0];
    assert_eq!(CapabilityChain::decode(&long), Err(CborError::Limit.into()));
    let heap = vec![0; CHAIN_BYTES_MAX + 1];
    assert_eq!(CapabilityChain::decode(&heap), Err(CapabilityError::TooLarge));
    let fat = vec![0; CAPABILITY_LEN_MAX + 1];
    assert_eq!(Capability::decode(&fat), Err(CapabilityError::TooLarge));
    // A thousand arrays inside one another where the target is due.
    let mut deep = vec![0xa1, 0x3a, 0, 1, 0x11, 0x71];
    deep.extend([0x81; 1_000]);
    assert!(Claims::decode(&deep).is_err());
    // A text claim of a gigabyte.
    let text = [0xa1, 0x02, 0x7a, 0x40, 0, 0, 0];
    assert_eq!(Claims::decode(&text), Err(CborError::Limit.into()));
}

#[test]
fn coset_reads_what_we_write() {
    for claims in [full(), minimal(), for_vault()] {
        let issued = Capability::issue(&claims, signer(0)).unwrap();
        let theirs = coset::CoseSign1::from_tagged_slice(issued.bytes()).unwrap();
        let alg = coset::Algorithm::Assigned(iana::Algorithm::EdDSA);
        assert_eq!(theirs.protected.header.alg, Some(alg));
        assert_eq!(theirs.protected.header.rest, [(coset::Label::Int(16), TYP.into())]);
        assert!(theirs.unprotected.is_empty());
        theirs
            .verify_signature(&[], |signature, bytes| {
                let signature = ed25519_dalek::Signature::from_slice(signature).unwrap();
                key(0).verifying_key().verify(bytes, &signature)
            })
            .unwrap();
        let set = ClaimsSet::from_slice(&theirs.payload.unwrap()).unwrap();
        assert_eq!(
            set.expiration_time,
            Some(Timestamp::WholeSeconds(claims.expires.cast_signed()))
        );
        assert_eq!(set.cwt_id.as_deref(), Some(&claims.unique[..]));
        assert_eq!(set.subject.is_some(), claims.member.is_some());
        let scope = set.rest.iter().find_map(|(_, value)| value.as_text());
        assert_eq!(scope, Some(claims.actions.to_string().as_str()));
    }
}

#[test]
fn we_read_what_coset_writes_and_nothing_looser() {
    let payload = minimal().encode();
    let protected = || {
        HeaderBuilder::new()
            .algorithm(iana::Algorithm::EdDSA)
            .value(16, Value::Text(TYP.to_owned()))
            .build()
    };
    let sign = |bytes: &[u8]| key(0).sign(bytes).to_bytes().to_vec();
    let builder = || CoseSign1Builder::new().protected(protected()).payload(payload.clone());
    let theirs = builder().create_signature(&[], sign).build().to_tagged_vec().unwrap();
    let ours = Capability::issue(&minimal(), signer(0)).unwrap();
    assert_eq!(theirs, ours.bytes(), "byte for byte");

    let with_data = builder().create_signature(b"x", sign).build().to_tagged_vec().unwrap();
    assert!(!Capability::decode(&with_data).unwrap().is_signed_by(&public(0)), "external data");
    let untagged = builder().create_signature(&[], sign).build().to_vec().unwrap();
    assert!(Capability::decode(&untagged).is_err(), "no tag");
    let kid = HeaderBuilder::new().key_id(b"k".to_vec()).build();
    let unprotected = builder().unprotected(kid).create_signature(&[], sign).build();
    assert!(Capability::decode(&unprotected.to_tagged_vec().unwrap()).is_err(), "unprotected");
    for header in [
        HeaderBuilder::new().algorithm(iana::Algorithm::EdDSA).build(),
        HeaderBuilder::new().algorithm(iana::Algorithm::ES256).value(16, TYP.into()).build(),
        HeaderBuilder::new()
            .algorithm(iana::Algorithm::EdDSA)
            .value(16, "application/cwt".into())
            .build(),
        HeaderBuilder::new()
            .algorithm(iana::Algorithm::EdDSA)
            .key_id(b"k".to_vec())
            .value(16, TYP.into())
            .build(),
    ] {
        let other = CoseSign1Builder::new()
            .protected(header.clone())
            .payload(payload.clone())
            .create_signature(&[], sign)
            .build();
        assert!(Capability::decode(&other.to_tagged_vec().unwrap()).is_err(), "{header:?}");
    }
    let detached = CoseSign1Builder::new()
        .protected(protected())
        .create_detached_signature(&payload, &[], sign)
        .build();
    assert!(Capability::decode(&detached.to_tagged_vec().unwrap()).is_err(), "detached payload");
}

#[test]
fn a_signature_of_another_typ_is_no_signature_of_a_capability() {
    let payload = minimal().encode();
    let card = cose::sign("application/strongroom-drop-card", &payload, signer(0));
    assert!(Capability::decode(&card).is_err());
    let signature =
        cose::parse("application/strongroom-drop-card", &card, 2_048).unwrap().signature;
    let moved = cose::assemble(TYP, &payload, &signature);
    assert!(!Capability::decode(&moved).unwrap().is_signed_by(&public(0)));
}

#[test]
fn weak_keys_and_malleable_signatures_are_refused() {
    let issued = Capability::issue(&minimal(), signer(0)).unwrap();
    // S + L: the same signature to a lenient verifier.
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut bytes = issued.bytes().to_vec();
    let s = bytes.len() - 32;
    let mut carry = 0;
    for (byte, add) in bytes[s..].iter_mut().zip(L) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    let malleable = Capability::decode(&bytes).unwrap();
    assert!(issued.is_signed_by(&public(0)) && !malleable.is_signed_by(&public(0)));
    // The neutral point as key signs anything with R = neutral, S = 0 for a lenient verifier.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut weak = [0; 64];
    weak[0] = 1;
    let signed = Capability::issue(&minimal(), |_| weak).unwrap();
    assert!(!signed.is_signed_by(&strongroom_wire::ids::PublicKey(neutral)));
}

#[test]
fn remembered_chains_are_bounded_and_end_with_time_or_a_revoke() {
    let grant = |unique: u8, expires: u64| {
        let mut story = Story::new();
        story.claims(3).unique = [unique; 16];
        story.claims(3).expires = expires;
        (story.chain().hash(), std::sync::Arc::new(story.verify().unwrap()))
    };
    let mut memory = VerifiedChains::new(2);
    let (first, second) = (grant(1, NOW + 10), grant(2, NOW + 20));
    memory.remember(first.0, first.1.clone());
    memory.remember(second.0, second.1);
    assert_eq!(memory.recall(first.0, NOW).unwrap().ids().last(), first.1.ids().last());
    // The second was not used for longest, so a third takes its place.
    let third = grant(3, NOW + 30);
    memory.remember(third.0, third.1.clone());
    assert_eq!(memory.len(), 2);
    assert!(memory.recall(second.0, NOW).is_none());
    // Time: before `nbf` it does not hold, but is kept; from `exp` on it is forgotten.
    assert!(memory.recall(first.0, NOW - 5_000).is_none() && memory.len() == 2);
    assert!(memory.recall(first.0, NOW + 9).is_some());
    assert!(memory.recall(first.0, NOW + 10).is_none() && memory.len() == 1);
    // A revoke of an element in the middle.
    let middle = third.1.elements()[1].id;
    memory.forget(&CapabilityId([0; 32]));
    assert!(memory.recall(third.0, NOW).is_some());
    memory.forget(&middle);
    assert!(memory.recall(third.0, NOW).is_none() && memory.is_empty());
    // The same chain twice takes one place.
    memory.remember(third.0, third.1.clone());
    memory.remember(third.0, third.1);
    assert_eq!(memory.len(), 1);
}

#[test]
fn how_large_a_chain_is() {
    let story = Story::new();
    let typical = story.chain().encode().len();
    let mut reader = Story::new();
    for step in &mut reader.steps {
        step.claims.actions = Actions::PULL;
        step.claims.not_before = None;
    }
    let smallest = reader.chain().encode().len();
    println!("chain of 4: {typical} B, to read only {smallest} B; largest {CHAIN_BYTES_MAX} B");
    let largest = Capability::issue(&full(), signer(0)).unwrap().bytes().len();
    assert!(largest <= 700, "{largest}");
    assert!(smallest <= 1_228 && typical <= 1_400, "{smallest}, {typical}");
}
