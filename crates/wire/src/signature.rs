//! Strict Ed25519 (RFC 8032). Comes in: a key, a message, a signature. Goes out: yes or no. Must
//! not know: what is signed.
//!
//! Strict means: canonical encodings only, and neither key nor nonce point of small order, so that
//! a signature holds for one key and one message. [`VerifyingKey::verify_strict`] says the same and
//! decompresses the nonce point for it, which costs a fifth of the whole check. Not needed here:
//! the point that is compared with it is computed, so its encoding is canonical, and the eight
//! points of small order have eight canonical encodings, which are listed below.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};

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

/// Keys remembered as points: decompressing one costs a tenth of a check.
#[derive(Debug, Default)]
pub struct KnownKeys {
    points: Mutex<HashMap<[u8; 32], VerifyingKey>>,
}

impl KnownKeys {
    /// The same as [`verify_signature`], faster for a key seen lately.
    pub fn verify(&self, key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
        let known = self.points.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied();
        let Some(point) = known.or_else(|| usable(key)) else { return false };
        let good = holds(&point, message, signature);
        // Only who signed something is remembered, so strangers' keys push nobody out.
        if good && known.is_none() {
            let mut points = self.points.lock().unwrap_or_else(PoisonError::into_inner);
            if points.len() >= crate::limits::KNOWN_KEYS_MAX {
                points.clear();
            }
            points.insert(*key, point);
        }
        good
    }
}

#[cfg(test)]
mod tests {
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
                }
            }
        }
    }

    #[test]
    fn a_full_memory_forgets_and_goes_on() {
        let known = KnownKeys::default();
        for number in 0..=crate::limits::KNOWN_KEYS_MAX as u64 {
            let mut seed = [3; 32];
            seed[..8].copy_from_slice(&number.to_be_bytes());
            let key = SigningKey::from_bytes(&seed);
            let signature = key.sign(b"m").to_bytes();
            assert!(known.verify(&key.verifying_key().to_bytes(), b"m", &signature));
        }
        assert_eq!(known.points.lock().unwrap().len(), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Every changed bit of key, message and signature: the library's strict check and ours
        /// say the same, remembered or not.
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
        }
    }
}
