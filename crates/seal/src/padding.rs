//! Padding. Comes in: a length. Goes out: the length a stranger sees. Must not know: the content.
//!
//! | rule | up to | longer by, at most |
//! |---|---|---|
//! | [`Padme`] | a step of its size | 6.25 % above 256 bytes |
//! | [`PowerOfTwo`] | the next power of two | 100 % |
//! | [`Constant`] | whole multiples of one size | that size |
//! | [`NoPadding`] | itself | public buckets only |
//!
//! A bucket has one rule, in its genesis ([`PaddingRule`]); writers pad by it and readers refuse
//! what does not fit it. Whatever the rule, it is monotone, and padding twice changes nothing.

use strongroom_wire::clear::{ConstantSize, PaddingRule};
use strongroom_wire::limits::INLINE_PLAIN_LEN_MAX;

/// How lengths are hidden.
pub trait Padding {
    /// The padded length of `len` bytes: at least `len`. `None` if it does not fit into 64 bits.
    fn padded_len(&self, len: u64) -> Option<u64>;

    /// The same inside an entry, where no more than 65,536 bytes stand: steps end there.
    fn part_len(&self, len: u64) -> Option<u64> {
        let most = INLINE_PLAIN_LEN_MAX as u64;
        self.padded_len(len).map(|padded| if len <= most { padded.min(most) } else { padded })
    }
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

/// To powers of two, at least 256 bytes: up to twice as long; only log₂ of the length shows.
///
/// ```
/// use strongroom_seal::padding::{Padding, PowerOfTwo};
/// assert_eq!(PowerOfTwo.padded_len(1_000), Some(1_024));
/// assert_eq!(PowerOfTwo.padded_len(1_025), Some(2_048));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PowerOfTwo;

impl Padding for PowerOfTwo {
    fn padded_len(&self, len: u64) -> Option<u64> {
        len.max(PADDED_LEN_MIN).checked_next_power_of_two()
    }
}

/// To whole multiples of one size, at least one: everything up to that size looks the same.
///
/// ```
/// use strongroom_seal::padding::{Constant, Padding};
/// use strongroom_wire::clear::ConstantSize;
/// let rule = Constant(ConstantSize::from_bytes(1_048_576).unwrap());
/// assert_eq!(rule.padded_len(1), Some(1_048_576));
/// assert_eq!(rule.padded_len(1_048_577), Some(2_097_152));
/// assert_eq!(rule.part_len(1), Some(65_536), "every entry of the bucket is equally long");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Constant(pub ConstantSize);

impl Padding for Constant {
    fn padded_len(&self, len: u64) -> Option<u64> {
        len.max(1).checked_next_multiple_of(self.0.bytes())
    }
}

impl Padding for PaddingRule {
    fn padded_len(&self, len: u64) -> Option<u64> {
        match self {
            Self::Padme => Padme.padded_len(len),
            Self::None => NoPadding.padded_len(len),
            Self::PowerOfTwo => PowerOfTwo.padded_len(len),
            Self::Constant(size) => Constant(*size).padded_len(len),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constant(bytes: u64) -> PaddingRule {
        PaddingRule::Constant(ConstantSize::from_bytes(bytes).unwrap())
    }

    fn hiding() -> Vec<PaddingRule> {
        let sizes = (16..=30).map(|exponent| constant(1 << exponent));
        [PaddingRule::Padme, PaddingRule::PowerOfTwo].into_iter().chain(sizes).collect()
    }

    /// What every implementation of the trait has to keep.
    fn conforms(rule: &impl Padding, name: &str) {
        let lens = (0..5_000).chain((12..40).flat_map(|e| {
            let at = 1_u64 << e;
            [at - 16, at - 4, at - 1, at, at + 1, at + at / 3]
        }));
        let mut before = (0, 0);
        for len in lens {
            let padded = rule.padded_len(len).unwrap();
            assert!(padded >= len, "{name}: {len} became {padded}");
            assert_eq!(rule.padded_len(padded), Some(padded), "{name}: twice is once, at {len}");
            if len >= before.0 {
                assert!(padded >= before.1, "{name}: longer content is never shorter, at {len}");
                before = (len, padded);
            }
            let part = rule.part_len(len).unwrap();
            assert!(part >= len && part <= padded, "{name}: {len} in an entry");
            if len <= 65_536 {
                assert!(part <= 65_536, "{name}: {len} fits into an entry");
                assert_eq!(rule.part_len(part), Some(part), "{name}: twice is once in entries");
            }
        }
        // What does not fit is told, and nothing wraps around to something short.
        for len in [u64::MAX, u64::MAX - 1, (1 << 63) + 1] {
            assert!(rule.padded_len(len).is_none_or(|padded| padded >= len), "{name}: {len}");
        }
    }

    #[test]
    fn conformance_of_every_padding() {
        conforms(&Padme, "padme");
        conforms(&NoPadding, "none");
        conforms(&PowerOfTwo, "power of two");
        conforms(&PaddingRule::None, "none, as a rule");
        for rule in hiding() {
            conforms(&rule, &format!("{rule:?}"));
        }
    }

    #[test]
    fn a34_every_rule_but_none_hides_the_length_of_what_is_short() {
        for rule in hiding() {
            for len in 0..256 {
                assert_eq!(rule.padded_len(len), rule.padded_len(0), "{rule:?}: {len}");
            }
        }
        let seen: Vec<_> = (0..256).map(|len| PaddingRule::None.padded_len(len)).collect();
        assert_eq!(seen.len(), 256, "and without padding every length shows");
    }

    #[test]
    fn the_rules_are_their_definitions() {
        for (len, two, constant_64k) in [
            (0, 256, 65_536),
            (256, 256, 65_536),
            (257, 512, 65_536),
            (65_536, 65_536, 65_536),
            (65_537, 131_072, 131_072),
            (200_000, 262_144, 262_144),
            (300_000, 524_288, 327_680),
        ] {
            assert_eq!(PowerOfTwo.padded_len(len), Some(two), "{len}");
            assert_eq!(constant(65_536).padded_len(len), Some(constant_64k), "{len}");
        }
        assert_eq!(PowerOfTwo.padded_len((1 << 63) + 1), None);
        assert_eq!(constant(1 << 30).padded_len(u64::MAX), None);
        for bytes in [0, 1, 32_768, 65_535, 65_537, 98_304, 1 << 31, u64::MAX] {
            assert!(ConstantSize::from_bytes(bytes).is_none(), "{bytes}");
        }
    }

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
    fn at_most_six_and_a_quarter_per_cent() {
        let mut len = 257_u64;
        while len < 1 << 50 {
            let padded = Padme.padded_len(len).unwrap();
            assert!(padded >= len && (padded - len) * 16 <= len, "{len} became {padded}");
            len += len / 37 + 1;
        }
    }
}
