//! Fingerprints of sets of entries. Comes in: ids with their clocks, in any order. Goes out: 16
//! bytes that are equal for equal sets. Must not know: what an entry says.
//!
//! The sum is for speed: a colluding writer can at most hide its own entries from a comparison;
//! integrity rests on author chains and checkpoints.

use crate::entry::Hlc;
use crate::ids::EntryId;

/// Σ BLAKE3(hlc ‖ id) mod 2^256 and a count: what a replica keeps per bucket.
///
/// ```
/// use strongroom_wire::{entry::Hlc, fingerprint::SetSum, ids::EntryId};
/// let (mut a, mut b) = (SetSum::default(), SetSum::default());
/// a.add(Hlc(1), EntryId([1; 32]));
/// a.add(Hlc(2), EntryId([2; 32]));
/// b.add(Hlc(2), EntryId([2; 32]));
/// b.add(Hlc(1), EntryId([1; 32]));
/// assert_eq!(a.fingerprint(&[0; 16]), b.fingerprint(&[0; 16]));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SetSum {
    /// 256 bits, least significant limb first.
    sum: [u64; 4],
    count: u64,
}

impl SetSum {
    /// Bytes of [`SetSum::to_bytes`].
    pub const LEN: usize = 40;

    /// Adds one element.
    pub fn add(&mut self, hlc: Hlc, id: EntryId) {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&hlc.0.to_be_bytes()).update(&id.0);
        let hash = hasher.finalize();
        let mut carry = false;
        for (limb, bytes) in self.sum.iter_mut().zip(hash.as_bytes().chunks_exact(8)) {
            let word = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
            let (first, over) = limb.overflowing_add(word);
            let (second, over_again) = first.overflowing_add(u64::from(carry));
            *limb = second;
            carry = over || over_again;
        }
        self.count += 1;
    }

    /// How many elements.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The first 16 bytes of BLAKE3(salt ‖ sum ‖ count u64, big-endian).
    pub fn fingerprint(&self, salt: &[u8; 16]) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(salt).update(&self.to_bytes());
        let mut out = [0; 16];
        hasher.finalize_xof().fill(&mut out);
        out
    }

    /// Sum (little-endian) ‖ count (big-endian): what a replica stores.
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut out = [0; Self::LEN];
        let words = self.sum.iter().map(|limb| limb.to_le_bytes());
        let all = words.chain(core::iter::once(self.count.to_be_bytes()));
        for (slot, word) in out.chunks_exact_mut(8).zip(all) {
            slot.copy_from_slice(&word);
        }
        out
    }

    /// Reads what [`SetSum::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8; Self::LEN]) -> Self {
        let mut words = bytes.chunks_exact(8).map(|word| word.try_into().unwrap_or_default());
        let mut next = || words.next().unwrap_or_default();
        let sum = [(); 4].map(|()| u64::from_le_bytes(next()));
        Self { sum, count: u64::from_be_bytes(next()) }
    }
}
