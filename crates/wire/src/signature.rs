//! Strict Ed25519 (RFC 8032). Comes in: a key, a message, a signature. Goes out: yes or no. Must
//! not know: what is signed.
//!
//! Strict means: canonical encodings only, and neither key nor nonce point of small order, so that
//! a signature holds for one key and one message. [`VerifyingKey::verify_strict`] says the same and
//! decompresses the nonce point for it, which costs a fifth of the whole check. Not needed here:
//! the point that is compared with it is computed, so its encoding is canonical, and the eight
//! points of small order have eight canonical encodings, which are listed below.

use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity as _;
use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
use sha2::{Digest as _, Sha512};

mod known;
mod multiples;

pub use known::KnownKeys;
use multiples::{Multiples, of_base};

/// A point whose encoding is zero but for its first and its last byte.
const fn small(first: u8, last: u8) -> [u8; 32] {
    let mut point = [0; 32];
    point[0] = first;
    point[31] |= last;
    point
}

/// -1, the point of order 2.
const MINUS_ONE: [u8; 32] = {
    let mut point = [0xff; 32];
    point[0] = 0xec;
    point[31] = 0x7f;
    point
};

/// Two points of order 8; the two others have the other sign of x.
const ORDER_8_A: [u8; 32] = [
    0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
    0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
];
const ORDER_8_B: [u8; 32] = [
    0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
    0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
];

/// The same point with the sign bit of x set.
const fn negative(mut point: [u8; 32]) -> [u8; 32] {
    point[31] |= 0x80;
    point
}

/// All points of small order, as they are encoded.
const SMALL_ORDER: [[u8; 32]; 8] = [
    small(1, 0),
    MINUS_ONE,
    small(0, 0),
    small(0, 0x80),
    ORDER_8_A,
    negative(ORDER_8_A),
    ORDER_8_B,
    negative(ORDER_8_B),
];

/// Whether `key` signed `message`, strictly.
pub fn verify_signature(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    usable(key).is_some_and(|key| holds(&key, message, signature))
}

/// The key as a point, if signatures by it prove anything.
fn usable(key: &[u8; 32]) -> Option<VerifyingKey> {
    VerifyingKey::from_bytes(key).ok().filter(|key| !key.is_weak())
}

/// The check itself. `key` is [`usable`].
fn holds(key: &VerifyingKey, message: &[u8], signature: &[u8; 64]) -> bool {
    let signature = Signature::from_bytes(signature);
    !SMALL_ORDER.contains(signature.r_bytes()) && key.verify(message, &signature).is_ok()
}

/// The same check by the same equation, `R = sB - kA`, for a key whose multiples are kept. They are
/// those of `-A`, where `A` is the point of `key`, which is [`usable`].
fn holds_by(multiples: &Multiples, key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let signature = Signature::from_bytes(signature);
    let nonce = signature.r_bytes();
    let Some(s) = Option::<Scalar>::from(Scalar::from_canonical_bytes(*signature.s_bytes())) else {
        return false;
    };
    let hash = Sha512::new().chain_update(nonce).chain_update(key).chain_update(message);
    let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
    let point = of_base().add(multiples.add(EdwardsPoint::identity(), &k), &s);
    !SMALL_ORDER.contains(nonce) && point.compress().0 == *nonce
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::edwards::CompressedEdwardsY;
    use ed25519_dalek::{Signer as _, SigningKey};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_list_of_small_points_is_that_of_the_library() {
        let different: std::collections::BTreeSet<_> = SMALL_ORDER.into_iter().collect();
        assert_eq!(different.len(), 8);
        for point in SMALL_ORDER {
            assert!(VerifyingKey::from_bytes(&point).unwrap().is_weak(), "{point:02x?}");
        }
    }

    /// What is said where a key's multiples are kept, as they are of usable keys only.
    fn by_multiples(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
        usable(key).is_some_and(|point| {
            holds_by(&Multiples::of(-EdwardsPoint::from(point)), key, message, signature)
        })
    }

    /// Under a key of small order one signature holds for many messages.
    #[test]
    fn keys_and_nonces_of_small_order_prove_nothing() {
        let mut signature = [0; 64];
        let known = KnownKeys::default();
        for point in SMALL_ORDER {
            for nonce in SMALL_ORDER {
                signature[..32].copy_from_slice(&nonce);
                for message in [b"a", b"b", b"c", b"d"] {
                    assert!(!verify_signature(&point, message, &signature));
                    assert!(!known.verify(&point, message, &signature));
                    assert!(!by_multiples(&point, message, &signature));
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Every changed bit of key, message and signature: the library's strict check and ours
        /// say the same, remembered or not, by multiples or not.
        #[test]
        fn it_is_the_librarys_strict_check(
            seed in any::<[u8; 32]>(), place in 0_usize..(32 + 8 + 64) * 8,
        ) {
            let signer = SigningKey::from_bytes(&seed);
            let known = KnownKeys::default();
            let mut key = signer.verifying_key().to_bytes();
            let mut message = *b"8 bytes!";
            let mut signature = signer.sign(&message).to_bytes();
            prop_assert!(known.verify(&key, &message, &signature));
            prop_assert!(known.verify(&key, &message, &signature));
            let (byte, bit) = (place / 8, 1 << (place % 8));
            match byte {
                0..32 => key[byte] ^= bit,
                32..40 => message[byte - 32] ^= bit,
                _ => signature[byte - 40] ^= bit,
            }
            let theirs = VerifyingKey::from_bytes(&key).is_ok_and(|key| {
                key.verify_strict(&message, &Signature::from_bytes(&signature)).is_ok()
            });
            prop_assert_eq!(verify_signature(&key, &message, &signature), theirs);
            prop_assert_eq!(known.verify(&key, &message, &signature), theirs);
            prop_assert_eq!(by_multiples(&key, &message, &signature), theirs);
        }
    }

    /// A number above the group's order would be a second signature of the same message.
    #[test]
    fn a_number_that_is_not_canonical_is_refused() {
        let signer = SigningKey::from_bytes(&[5; 32]);
        let key = signer.verifying_key().to_bytes();
        let good = signer.sign(b"m").to_bytes();
        assert!(verify_signature(&key, b"m", &good) && by_multiples(&key, b"m", &good));
        let mut more = good;
        let order: [u16; 32] = [
            0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9,
            0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
        ];
        let mut carry = 0_u16;
        for (byte, add) in more[32..].iter_mut().zip(order) {
            let sum = u16::from(*byte) + add + carry;
            (*byte, carry) = ((sum & 0xff) as u8, sum >> 8);
        }
        assert!(!verify_signature(&key, b"m", &more) && !by_multiples(&key, b"m", &more));
    }

    /// A key with a part of small order is usable, and its signatures hold only where that part
    /// cancels: both ways of computing must agree on which those are.
    #[test]
    fn keys_with_a_part_of_small_order_are_judged_alike() {
        let torsion = CompressedEdwardsY(ORDER_8_A).decompress().unwrap();
        let secret = Scalar::from_bytes_mod_order([9; 32]);
        let key = (EdwardsPoint::mul_base(&secret) + torsion).compress().0;
        let mut held = 0;
        for number in 0_u64..64 {
            let nonce = Scalar::from(number + 3);
            let message = number.to_be_bytes();
            let point = EdwardsPoint::mul_base(&nonce).compress().0;
            let hash = Sha512::new().chain_update(point).chain_update(key).chain_update(message);
            let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
            let signature = [point, (nonce + k * secret).to_bytes()].concat().try_into().unwrap();
            let theirs = VerifyingKey::from_bytes(&key).unwrap();
            let theirs = theirs.verify_strict(&message, &Signature::from_bytes(&signature)).is_ok();
            assert_eq!(verify_signature(&key, &message, &signature), theirs);
            assert_eq!(by_multiples(&key, &message, &signature), theirs);
            held += u32::from(theirs);
        }
        assert!((1..32).contains(&held), "one in eight: {held}");
    }
}
