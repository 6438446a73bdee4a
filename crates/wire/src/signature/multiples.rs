//! Multiples of a point, kept so that its product with a number is a sum of fifty of them. Comes
//! in: a point, a number. Goes out: their product. Must not know: what is signed.
//!
//! The usual check doubles a point 256 times; where a point comes again and again, all of that can
//! be done once. Which multiples are added shows in the time it takes: only for numbers that
//! everybody may know, as those of a signature.

use std::sync::OnceLock;

use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;

/// Bits of a number below the group's order, and one for a carry.
const BITS: usize = 254;
/// Bits of a number that one multiple stands for: 51 rows of 16 points, 131 kB.
const WINDOW: usize = 5;
/// The same for the base point, which all keys share: 32 rows of 128 points, 655 kB.
const BASE_WINDOW: usize = 8;

/// A row for each window of bits: 1 to 2^(window - 1) times the point at that place.
#[derive(Debug)]
pub(super) struct Multiples {
    window: usize,
    points: Vec<EdwardsPoint>,
}

/// Multiples of the base point, made when they are first asked for.
pub(super) fn of_base() -> &'static Multiples {
    static BASE: OnceLock<Multiples> = OnceLock::new();
    BASE.get_or_init(|| Multiples::with_window(ED25519_BASEPOINT_POINT, BASE_WINDOW))
}

impl Multiples {
    /// Multiples of a point. Takes about as long as five checks of a signature.
    pub(super) fn of(point: EdwardsPoint) -> Self {
        Self::with_window(point, WINDOW)
    }

    fn with_window(mut point: EdwardsPoint, window: usize) -> Self {
        let (rows, row) = (BITS.div_ceil(window), 1 << (window - 1));
        let mut points = Vec::with_capacity(rows * row);
        for _ in 0..rows {
            let mut multiple = point;
            points.push(multiple);
            for _ in 1..row {
                multiple += point;
                points.push(multiple);
            }
            // The last of a row is half of what the next one begins with.
            point = multiple + multiple;
        }
        Self { window, points }
    }

    /// The product of the point and a number, added to `sum`.
    pub(super) fn add(&self, mut sum: EdwardsPoint, number: &Scalar) -> EdwardsPoint {
        let rows = self.points.chunks_exact(1 << (self.window - 1));
        for (row, digit) in rows.zip(Digits::of(number, self.window)) {
            let multiple = digit.unsigned_abs().checked_sub(1).and_then(|at| row.get(at as usize));
            match multiple {
                Some(multiple) if digit < 0 => sum -= multiple,
                Some(multiple) => sum += multiple,
                None => {}
            }
        }
        sum
    }
}

/// Digits of a number, the lowest first, each from -2^(window - 1) + 1 to 2^(window - 1).
struct Digits<'a> {
    bytes: &'a [u8; 32],
    window: usize,
    /// Where the next one begins, in bits.
    bit: usize,
    carry: i32,
}

impl<'a> Digits<'a> {
    fn of(number: &'a Scalar, window: usize) -> Self {
        Self { bytes: number.as_bytes(), window, bit: 0, carry: 0 }
    }
}

impl Iterator for Digits<'_> {
    type Item = i32;

    fn next(&mut self) -> Option<i32> {
        let byte = |at: usize| self.bytes.get(at).copied().unwrap_or(0);
        let at = self.bit / 8;
        let both = u16::from_le_bytes([byte(at), byte(at + 1)]);
        let whole = 1_i32 << self.window;
        let mut digit = i32::from(both >> (self.bit % 8)) & (whole - 1);
        digit += self.carry;
        self.carry = i32::from(digit > whole / 2);
        digit -= self.carry * whole;
        self.bit += self.window;
        Some(digit)
    }
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::traits::Identity as _;
    use proptest::prelude::*;

    use super::*;

    fn agree(number: Scalar) {
        let point = EdwardsPoint::mul_base(&Scalar::from(7_u8));
        let zero = EdwardsPoint::identity();
        assert_eq!(Multiples::of(point).add(zero, &number), point * number);
        assert_eq!(of_base().add(point, &number), point + EdwardsPoint::mul_base(&number));
    }

    #[test]
    fn the_ends_of_the_numbers_are_multiplied_rightly() {
        let one = Scalar::ONE;
        for number in [Scalar::ZERO, one, -one, -(one + one), Scalar::from(u128::MAX)] {
            agree(number);
        }
        // Each digit at both of its ends.
        for byte in [0x0f, 0x10, 0x11, 0x1f, 0x20, 0x84, 0x10 | 0x42, 0xff] {
            agree(Scalar::from_bytes_mod_order([byte; 32]));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_product_is_the_librarys(bytes in any::<[u8; 32]>()) {
            agree(Scalar::from_bytes_mod_order(bytes));
        }
    }
}
