//! Padding. Comes in: a length. Goes out: the length a stranger sees. Must not know: the content.

/// How lengths are hidden.
pub trait Padding {
    /// The padded length of `len` bytes: at least `len`. `None` if it does not fit into 64 bits.
    fn padded_len(&self, len: u64) -> Option<u64>;
}

/// Shortest length anything is padded to, in bytes.
pub const PADDED_LEN_MIN: u64 = 256;

/// Padmé: at most 6.25 % longer (above 256 bytes), and only O(log log n) bits of the length show.
///
/// ```
/// use strongroom_seal::padding::{Padding, Padme};
/// assert_eq!(Padme.padded_len(1), Some(256));
/// assert_eq!(Padme.padded_len(1_000), Some(1_024));
/// assert_eq!(Padme.padded_len(1_025), Some(1_088));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Padme;

impl Padding for Padme {
    fn padded_len(&self, len: u64) -> Option<u64> {
        let len = len.max(PADDED_LEN_MIN);
        let exponent = len.ilog2();
        let kept = exponent.ilog2() + 1;
        let mask = (1_u64 << exponent.saturating_sub(kept)) - 1;
        len.checked_add(mask).map(|sum| sum & !mask)
    }
}

/// No padding: for public content only, where the length is no secret.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NoPadding;

impl Padding for NoPadding {
    fn padded_len(&self, len: u64) -> Option<u64> {
        Some(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padme_is_the_definition() {
        // E = floor(log2 L), S = floor(log2 E) + 1, round up to a multiple of 2^(E - S).
        for (len, padded) in [
            (0, 256),
            (256, 256),
            (257, 272),
            (272, 272),
            (273, 288),
            (511, 512),
            (512, 512),
            (513, 544),
            (65_536, 65_536),
            (65_537, 67_584),
            (1_048_560, 1_048_576),
            (1_048_577, 1_081_344),
            (1 << 30, 1 << 30),
            ((1 << 30) + 1, (1 << 30) + (1 << 25)),
        ] {
            assert_eq!(Padme.padded_len(len), Some(padded), "{len}");
        }
        assert_eq!(Padme.padded_len(u64::MAX), None);
    }

    #[test]
    fn at_most_six_and_a_quarter_per_cent_and_stable() {
        let mut len = 257_u64;
        while len < 1 << 50 {
            let padded = Padme.padded_len(len).unwrap();
            assert!(padded >= len && (padded - len) * 16 <= len, "{len} became {padded}");
            assert_eq!(Padme.padded_len(padded), Some(padded), "padding twice changes nothing");
            len += len / 37 + 1;
        }
    }
}
