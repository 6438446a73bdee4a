//! Randomness as an argument. Comes in: a source the caller chose. Goes out: bytes. Must not
//! know: where they come from.
//!
//! Nothing in this crate asks the system for randomness: a test or a simulation replays from a
//! seed, and a browser brings its own source.

use zeroize::Zeroizing;

/// A source of uniform random bytes.
///
/// An implementation over the system's source must not return when that source fails: it has to
/// end the operation. Sealing is hedged against a source that repeats (`docs/spec/keys.md`), but
/// keys that are drawn whole (`generate`) are only as good as this.
pub trait Rng {
    /// Fills `out`.
    fn fill(&mut self, out: &mut [u8]);

    /// 32 random bytes.
    fn bytes32(&mut self) -> [u8; 32] {
        let mut out = [0; 32];
        self.fill(&mut out);
        out
    }

    /// 32 random bytes that will be a key.
    fn secret32(&mut self) -> Zeroizing<[u8; 32]> {
        let mut out = Zeroizing::new([0; 32]);
        self.fill(out.as_mut_slice());
        out
    }

    /// A uniform number below `bound`; 0 when `bound` is 0.
    fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        // Numbers at or above the largest multiple of `bound` would favour the small ones.
        let limit = u64::MAX - u64::MAX % bound;
        loop {
            let mut bytes = [0; 8];
            self.fill(&mut bytes);
            let value = u64::from_le_bytes(bytes);
            if value < limit {
                return value % bound;
            }
        }
    }

    /// Puts `items` into random order.
    fn shuffle<T>(&mut self, items: &mut [T])
    where
        Self: Sized,
    {
        for end in (1..items.len()).rev() {
            let other = self.below(end as u64 + 1) as usize;
            items.swap(end, other);
        }
    }
}

impl<R: Rng + ?Sized> Rng for &mut R {
    fn fill(&mut self, out: &mut [u8]) {
        (**self).fill(out);
    }
}

/// The same bytes for the same seed: for tests and simulations. Whoever knows the seed knows every
/// key drawn from it.
///
/// ```
/// use strongroom_seal::rng::{DangerSeeded, Rng};
/// assert_eq!(DangerSeeded::new(7).bytes32(), DangerSeeded::new(7).bytes32());
/// assert_ne!(DangerSeeded::new(7).bytes32(), DangerSeeded::new(8).bytes32());
/// ```
#[derive(Debug, Clone)]
pub struct DangerSeeded(blake3::OutputReader);

impl DangerSeeded {
    /// The stream of this seed.
    pub fn new(seed: u64) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"strongroom seeded randomness");
        hasher.update(&seed.to_be_bytes());
        Self(hasher.finalize_xof())
    }
}

impl Rng for DangerSeeded {
    fn fill(&mut self, out: &mut [u8]) {
        self.0.fill(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_of_three_comes_up_about_equally_often() {
        let mut rng = DangerSeeded::new(1);
        let mut seen = std::collections::BTreeMap::<[u8; 3], u32>::new();
        for _ in 0..6_000 {
            let mut items = [1, 2, 3];
            rng.shuffle(&mut items);
            *seen.entry(items).or_default() += 1;
        }
        assert_eq!(seen.len(), 6);
        assert!(seen.values().all(|&n| (800..1_200).contains(&n)), "{seen:?}");
    }

    #[test]
    fn below_stays_below() {
        let mut rng = DangerSeeded::new(2);
        assert_eq!(rng.below(0), 0);
        for bound in [1, 2, 3, 1_000, u64::MAX] {
            assert!((0..100).all(|_| rng.below(bound) < bound));
        }
    }
}
