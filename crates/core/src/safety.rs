//! L1 · Safety numbers. Takes the key logs of two people, as each of them has both; gives 60 digits
//! that are the same for both if nobody stands between them. Must not know: how they are compared.
//!
//! Bytes: docs/spec/card.md.

use core::fmt;

use crate::keylog::Pin;

/// BLAKE3 context, see docs/spec/keys.md. Nothing secret is derived.
const CONTEXT: &str = "strongroom 1 safety number";
/// Groups of five digits for each of the two.
const GROUPS: usize = 6;
/// Ten to the number of digits in a group.
const GROUP: u64 = 100_000;

/// 60 digits, in 12 groups of 5.
///
/// ```
/// use strongroom_core::keylog::Pin;
/// use strongroom_core::safety::SafetyNumber;
/// use strongroom_wire::ids::{KeyEventId, PrincipalId};
/// let alice = Pin { principal: PrincipalId([1; 32]), head: KeyEventId([2; 32]) };
/// let bob = Pin { principal: PrincipalId([3; 32]), head: KeyEventId([4; 32]) };
/// let number = SafetyNumber::of(&alice, &bob);
/// assert_eq!(number, SafetyNumber::of(&bob, &alice));
/// assert_eq!(SafetyNumber::parse(&number.to_string()), Some(number));
/// assert_eq!(number.to_string().split(' ').count(), 12);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SafetyNumber([u32; 2 * GROUPS]);

impl SafetyNumber {
    /// The number of two people, whoever computes it.
    pub fn of(one: &Pin, other: &Pin) -> Self {
        let mut halves = [half(one), half(other)];
        // Both must come to the same: the smaller half stands first.
        halves.sort_unstable();
        let mut groups = [0; 2 * GROUPS];
        for (group, digits) in groups.iter_mut().zip(halves.iter().flatten()) {
            *group = *digits;
        }
        Self(groups)
    }

    /// Reads 60 digits, however they are grouped.
    pub fn parse(text: &str) -> Option<Self> {
        let mut groups = [0; 2 * GROUPS];
        let mut count = 0;
        for c in text.chars().filter(|c| !c.is_whitespace() && *c != '-') {
            let digit = c.to_digit(10)?;
            let group = groups.get_mut(count / 5)?;
            *group = *group * 10 + digit;
            count += 1;
        }
        (count == 5 * 2 * GROUPS).then_some(Self(groups))
    }

    /// The groups, in order.
    pub fn groups(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().map(|group| format!("{group:05}"))
    }
}

impl fmt::Display for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, group) in self.groups().enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            f.write_str(&group)?;
        }
        Ok(())
    }
}

/// 30 digits of one person: 99 bits of a hash, so finding other keys with the same is out of reach.
fn half(pin: &Pin) -> [u32; GROUPS] {
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    hasher.update(&pin.principal.0).update(&pin.head.0);
    let mut bytes = [0; 5 * GROUPS];
    hasher.finalize_xof().fill(&mut bytes);
    let mut groups = [0; GROUPS];
    let (chunks, _) = bytes.as_chunks::<5>();
    for (group, chunk) in groups.iter_mut().zip(chunks) {
        let number = chunk.iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        *group = (number % GROUP) as u32;
    }
    groups
}

#[cfg(test)]
mod tests {
    use strongroom_wire::ids::{KeyEventId, PrincipalId};

    use super::*;

    fn pin(principal: u8, head: u8) -> Pin {
        Pin { principal: PrincipalId([principal; 32]), head: KeyEventId([head; 32]) }
    }

    /// Frozen: two programs must read out the same digits.
    #[test]
    fn known_answers() {
        let number = SafetyNumber::of(&pin(1, 2), &pin(3, 4)).to_string();
        assert_eq!(number, KNOWN);
    }

    const KNOWN: &str = "12510 05336 15997 72419 34054 33354 40022 58526 76794 13043 22148 16484";

    #[test]
    fn each_half_depends_on_its_owner_and_on_the_last_event() {
        let number = SafetyNumber::of(&pin(1, 2), &pin(3, 4));
        for (one, other) in [(pin(1, 2), pin(3, 5)), (pin(9, 2), pin(3, 4)), (pin(1, 3), pin(2, 4))]
        {
            assert_ne!(SafetyNumber::of(&one, &other), number);
        }
    }

    #[test]
    fn sixty_digits_are_read_and_nothing_else() {
        let number = SafetyNumber::of(&pin(1, 2), &pin(3, 4));
        let digits: String = number.groups().collect();
        assert_eq!(SafetyNumber::parse(&digits), Some(number));
        assert_eq!(SafetyNumber::parse(&digits.replace("", " ")), Some(number));
        assert_eq!(SafetyNumber::parse(&digits[1..]), None);
        assert_eq!(SafetyNumber::parse(&format!("{digits}0")), None);
        assert_eq!(SafetyNumber::parse(&digits.replacen(&digits[..1], "x", 1)), None);
        assert_eq!(SafetyNumber::parse(""), None);
    }
}
