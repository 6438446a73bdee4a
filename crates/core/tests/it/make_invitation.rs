//! Makes vectors/invitation: what a granter tells the one he lets in, kept and broken.

use strongroom_core::invitation::{Invitation, KeptAt};
use strongroom_seal::identity::{DeviceSigningKey, InviteSigningKey};
use strongroom_seal::keys::TagKey;
use strongroom_wire::cbor::Writer;
use strongroom_wire::ids::{BucketId, EntryId, PrincipalId, Thumbprint};

use crate::golden::Book;

/// Whom these invitations are for.
pub const READER: PrincipalId = PrincipalId([7; 32]);

/// The granter's device.
pub fn device() -> DeviceSigningKey {
    DeviceSigningKey::from_secret_bytes(&[5; 32])
}

fn invitation() -> Invitation {
    Invitation {
        bucket: BucketId([1; 32]),
        label: "plans".to_owned(),
        kept_at: vec![KeptAt { url: "https://p.example".to_owned(), key: Thumbprint([2; 32]) }],
        chain: vec![vec![3; 40], vec![4; 40]],
        key: InviteSigningKey::from_secret_bytes(&[8; 32]),
        tag_key: TagKey::from_secret_bytes(&[9; 32]),
        entry: EntryId([10; 32]),
        rights: "write".to_owned(),
        card: vec![11; 60],
        device: device().public(),
    }
}

/// Any body, signed for the reader.
fn signed(body: &[u8]) -> Vec<u8> {
    let hash = blake3::hash(body);
    let input = [b"strongroom/invitation/1\0", &READER.0[..], hash.as_bytes()];
    let signature = device().sign(&input.concat());
    let mut w = Writer::new();
    w.array(2).bytes(body).bytes(&signature);
    w.into_bytes()
}

/// A body in which one field is as the case wants it.
fn body(fields: usize, format: u64, places: usize, chain: usize, device_len: usize) -> Vec<u8> {
    let mut w = Writer::new();
    w.array(fields).uint(format).bytes(&[1; 32]).text("plans").array(places);
    for _ in 0..places.min(9) {
        w.array(2).text("https://p.example").bytes(&[2; 32]);
    }
    w.array(chain);
    for _ in 0..chain.min(9) {
        w.bytes(&[3; 40]);
    }
    w.bytes(&[8; 32]).bytes(&[9; 32]).bytes(&[10; 32]).text("write").bytes(&[11; 60]);
    w.bytes(&device().public().0[..device_len.min(32)]);
    w.into_bytes()
}

#[test]
fn invitations() {
    let good = invitation().encode(READER, &device());
    let nowhere = Invitation { kept_at: vec![], ..invitation() }.encode(READER, &device());
    let stranger = DeviceSigningKey::from_secret_bytes(&[6; 32]).public();
    let other = Invitation { device: stranger, ..invitation() };
    let for_another = invitation().encode(PrincipalId([6; 32]), &device());
    let mut flipped = good.to_vec();
    flipped[60] ^= 1;
    Book::new("invitation/invitation", "invitation")
        .case("as it is", "ok", "one provider, a chain of two", &good)
        .case("kept nowhere", "ok", "the granter has no provider yet", &nowhere)
        .case("for another", "signature", "the reader is under the signature", &for_another)
        .case(
            "by another",
            "signature",
            "it names a device that did not sign",
            &other.encode(READER, &device()),
        )
        .case("a byte flipped", "signature", "of the bucket's id", &flipped)
        .case("empty", "cut", "no bytes", &[])
        .case("cut", "cut", "the last byte is missing", &good[..good.len() - 1])
        .case("trailing", "trailing", "a byte too many", &[&good[..], &[0]].concat())
        .case(
            "trailing inside",
            "trailing",
            "after the device",
            &signed(&[&body(11, 1, 1, 2, 32)[..], &[0]].concat()),
        )
        .case("ten fields", "limit", "eleven", &signed(&body(10, 0, 1, 2, 32)))
        .case("another format", "unknown", "format 9", &signed(&body(11, 9, 1, 2, 32)))
        .case("nine providers", "limit", "at most eight", &signed(&body(11, 1, 9, 2, 32)))
        .case("nine capabilities", "limit", "at most eight", &signed(&body(11, 1, 1, 9, 32)))
        .case("a short key", "limit", "31 bytes", &signed(&body(11, 1, 1, 2, 31)))
        .settle();
}
