//! Which counters a session has seen. Comes in: a counter whose MAC was checked. Goes out: whether
//! it is new. Must not know: what it counts.

use crate::limits::SESSION_WINDOW;

/// Bits of one word.
const WORD: u64 = u64::BITS as u64;
/// Words of the ring.
const WORDS: usize = (SESSION_WINDOW / WORD) as usize;

/// The highest counter seen, and which of the 1,024 up to it were seen. Requests of one session
/// run in parallel and arrive out of order; this much out of order is let through, each once.
#[derive(Debug, Clone)]
pub struct ReplayWindow {
    /// One more than the highest counter seen; 0: none yet.
    next: u128,
    /// Counter n is bit `n mod 1024`.
    seen: [u64; WORDS],
}

impl Default for ReplayWindow {
    fn default() -> Self {
        Self::new()
    }
}

impl ReplayWindow {
    /// Nothing seen yet.
    pub const fn new() -> Self {
        Self { next: 0, seen: [0; WORDS] }
    }

    /// Lets each counter through once, if it is not more than the window behind the highest.
    ///
    /// ```
    /// use strongroom_wire::session::ReplayWindow;
    /// let mut window = ReplayWindow::new();
    /// assert!(window.admit(5) && window.admit(3));
    /// assert!(!window.admit(5));
    /// assert!(window.admit(5_000) && !window.admit(3_976) && window.admit(3_977));
    /// ```
    pub fn admit(&mut self, counter: u64) -> bool {
        let at = u128::from(counter);
        if at >= self.next {
            self.advance(at);
        } else if self.next - at > u128::from(SESSION_WINDOW) {
            return false;
        }
        let Some(word) = self.seen.get_mut((counter % SESSION_WINDOW / WORD) as usize) else {
            return false;
        };
        let bit = 1 << (counter % WORD);
        let fresh = *word & bit == 0;
        *word |= bit;
        fresh
    }

    /// Makes `at` the highest; what falls out of the window is forgotten.
    fn advance(&mut self, at: u128) {
        let window = u128::from(SESSION_WINDOW);
        if at - self.next >= window {
            self.seen = [0; WORDS];
        } else {
            for counter in self.next..=at {
                let place = (counter % window) as u64;
                if let Some(word) = self.seen.get_mut((place / WORD) as usize) {
                    *word &= !(1 << (place % WORD));
                }
            }
        }
        self.next = at + 1;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_counter_is_good_once_in_any_order() {
        let mut window = ReplayWindow::new();
        for counter in (0..1_024).rev() {
            assert!(window.admit(counter), "{counter}");
        }
        for counter in 0..1_024 {
            assert!(!window.admit(counter), "{counter}");
        }
    }

    #[test]
    fn the_largest_counter_ends_nothing_by_overflow() {
        let mut window = ReplayWindow::new();
        assert!(window.admit(u64::MAX) && !window.admit(u64::MAX));
        assert!(window.admit(u64::MAX - 1_023) && !window.admit(u64::MAX - 1_024));
        assert!(!window.admit(0));
    }

    proptest! {
        /// Against the plain definition: a set of all counters ever seen, and the highest.
        #[test]
        fn it_is_the_definition(counters in prop::collection::vec(0_u64..5_000, 1..400)) {
            let mut window = ReplayWindow::new();
            let (mut seen, mut highest) = (BTreeSet::new(), None::<u64>);
            for counter in counters {
                let behind = highest.is_some_and(|highest| counter + SESSION_WINDOW <= highest);
                let expected = !behind && seen.insert(counter);
                prop_assert_eq!(window.admit(counter), expected, "{}", counter);
                highest = highest.max(Some(counter));
            }
        }
    }
}
