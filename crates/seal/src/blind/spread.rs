//! Whether an attribute says too much. Comes in: how often each value occurs in the documents of a
//! vault. Goes out: yes or no, with numbers for people. Must not know: the values.
//!
//! Blinded values keep their frequencies, and frequencies are names: of an attribute with few
//! values a provider recovers most documents by ranking alone, and 10 known pairs give away the
//! rest. So an attribute is taken only while nearly every document has a value of its own.

/// How the values of one attribute are spread over documents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spread {
    /// Values in all documents together.
    pub values: u64,
    /// Different ones.
    pub distinct: u64,
    /// Times the most frequent one occurs.
    pub top: u64,
}

impl Spread {
    /// The spread of these numbers of occurrences, one for each different value.
    pub fn of(counts: impl IntoIterator<Item = u64>) -> Self {
        counts.into_iter().fold(Self::default(), |all, count| Self {
            values: all.values + count,
            distinct: all.distinct + u64::from(count > 0),
            top: all.top.max(count),
        })
    }

    /// Whether an attribute like this is refused: fewer than half of its values are different, or
    /// one of them occurs more than once and in more than one of a hundred.
    pub const fn says_too_much(&self) -> bool {
        let few = self.distinct.saturating_mul(2) < self.values;
        let frequent = self.top > 1 && self.top.saturating_mul(100) > self.values;
        few || frequent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_is_refused_and_an_invoice_number_is_not() {
        assert!(!Spread::of([]).says_too_much());
        assert!(!Spread::of([1]).says_too_much());
        assert!(!Spread::of(vec![1; 5_000]).says_too_much());
        assert!(Spread::of([2]).says_too_much(), "the second document with the same country");
        assert!(Spread::of([2, 1, 1, 1]).says_too_much());
        assert!(Spread::of([60, 30, 10]).says_too_much());
        // Half are different, nothing is frequent.
        assert!(!Spread::of(vec![2; 400]).says_too_much());
        assert!(Spread::of(vec![3; 400]).says_too_much(), "a third are different");
        let mut one_in_a_hundred = vec![1; 990];
        one_in_a_hundred.push(10);
        assert!(!Spread::of(one_in_a_hundred.clone()).says_too_much());
        one_in_a_hundred[990] = 11;
        assert!(Spread::of(one_in_a_hundred).says_too_much());
    }
}
