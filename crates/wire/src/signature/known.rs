//! Keys that signed lately. Comes in: a key, a message, a signature. Goes out: what
//! [`verify_signature`](super::verify_signature) says, sooner. Must not know: what is signed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use curve25519_dalek::edwards::EdwardsPoint;
use ed25519_dalek::VerifyingKey;

use super::{Multiples, holds, holds_by, usable};
use crate::limits::{KEY_MULTIPLES_AFTER, KEY_MULTIPLES_MAX, KNOWN_KEYS_MAX};

/// Keys remembered as points, because decompressing one costs a tenth of a check; of those that
/// sign most, multiples are kept as well, which halves the rest.
#[derive(Debug, Default)]
pub struct KnownKeys {
    keys: Mutex<Keys>,
}

#[derive(Debug, Default)]
struct Keys {
    points: HashMap<[u8; 32], Known>,
    /// How many of them have multiples.
    with_multiples: usize,
}

#[derive(Debug, Clone)]
enum Known {
    /// A point, and how many good signatures were seen.
    Point(VerifyingKey, u32),
    Multiples(Arc<Multiples>, VerifyingKey),
}

impl KnownKeys {
    /// The same as [`verify_signature`](super::verify_signature), faster for a key seen lately.
    pub fn verify(&self, key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
        let known = self.lock().points.get(key).cloned();
        let (point, seen) = match known {
            Some(Known::Multiples(multiples, _)) => {
                return holds_by(&multiples, key, message, signature);
            }
            Some(Known::Point(point, seen)) => (point, seen),
            None => match usable(key) {
                Some(point) => (point, 0),
                None => return false,
            },
        };
        let good = holds(&point, message, signature);
        // Only who signed something is remembered, so strangers' keys push nobody out.
        if good {
            self.note(key, point, seen + 1);
        }
        good
    }

    fn note(&self, key: &[u8; 32], point: VerifyingKey, seen: u32) {
        if seen < KEY_MULTIPLES_AFTER {
            self.lock().keep(key, Known::Point(point, seen));
            return;
        }
        // Outside the lock: it takes a while.
        let multiples = Arc::new(Multiples::of(-EdwardsPoint::from(point)));
        let mut keys = self.lock();
        keys.make_room_for_multiples();
        keys.keep(key, Known::Multiples(multiples, point));
    }

    fn lock(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keys {
    fn keep(&mut self, key: &[u8; 32], known: Known) {
        if self.points.len() >= KNOWN_KEYS_MAX && !self.points.contains_key(key) {
            self.points.clear();
            self.with_multiples = 0;
        }
        let with = |known: &Known| usize::from(matches!(known, Known::Multiples(..)));
        self.with_multiples += with(&known);
        // Another thread may have made the same multiples, or gone on counting.
        let old = self.points.insert(*key, known);
        self.with_multiples -= old.as_ref().map_or(0, with);
    }

    /// Above the limit all multiples are let go, and their keys begin to count again: who still
    /// signs much soon has them back.
    fn make_room_for_multiples(&mut self) {
        if self.with_multiples < KEY_MULTIPLES_MAX {
            return;
        }
        for known in self.points.values_mut() {
            if let Known::Multiples(_, point) = known {
                *known = Known::Point(*point, 0);
            }
        }
        self.with_multiples = 0;
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;

    fn signer(number: u64) -> SigningKey {
        let mut seed = [3; 32];
        seed[..8].copy_from_slice(&number.to_be_bytes());
        SigningKey::from_bytes(&seed)
    }

    /// Lets a key sign, and looks that bent signatures are refused before and after each.
    fn signs(known: &KnownKeys, key: &SigningKey, times: u32) {
        let public = key.verifying_key().to_bytes();
        let good = key.sign(b"m").to_bytes();
        let mut bad = good;
        bad[40] ^= 1;
        for _ in 0..times {
            assert!(!known.verify(&public, b"m", &bad) && !known.verify(&public, b"n", &good));
            assert!(known.verify(&public, b"m", &good));
        }
        assert!(!known.verify(&public, b"m", &bad) && !known.verify(&public, b"n", &good));
    }

    #[test]
    fn a_full_memory_forgets_and_goes_on() {
        let known = KnownKeys::default();
        for number in 0..=KNOWN_KEYS_MAX as u64 {
            signs(&known, &signer(number), 1);
        }
        assert_eq!(known.lock().points.len(), 1);
    }

    #[test]
    fn a_key_that_signs_much_gets_multiples_and_says_the_same_with_them() {
        let known = KnownKeys::default();
        signs(&known, &signer(0), KEY_MULTIPLES_AFTER - 1);
        assert_eq!(known.lock().with_multiples, 0);
        signs(&known, &signer(0), 2);
        assert_eq!(known.lock().with_multiples, 1);
        // The signature of another key, and no signature at all.
        let public = signer(0).verifying_key().to_bytes();
        assert!(!known.verify(&public, b"m", &signer(1).sign(b"m").to_bytes()));
        assert!(!known.verify(&public, b"m", &[0; 64]));
    }

    #[test]
    fn bad_signatures_earn_no_multiples() {
        let known = KnownKeys::default();
        let public = signer(0).verifying_key().to_bytes();
        for _ in 0..2 * KEY_MULTIPLES_AFTER {
            assert!(!known.verify(&public, b"m", &[7; 64]));
        }
        assert!(known.lock().points.is_empty());
    }

    #[test]
    fn multiples_are_of_few_keys() {
        let known = KnownKeys::default();
        for number in 0..=KEY_MULTIPLES_MAX as u64 {
            signs(&known, &signer(number), KEY_MULTIPLES_AFTER);
        }
        let keys = known.lock();
        let with = keys.points.values().filter(|known| matches!(known, Known::Multiples(..)));
        assert_eq!((keys.with_multiples, with.count()), (1, 1));
        assert_eq!(keys.points.len(), KEY_MULTIPLES_MAX + 1, "the points stay");
    }
}
