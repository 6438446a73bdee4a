//! Signatures of changes that were carried out. Comes in: a signature and until when it holds. Goes
//! out: whether it is new. Must not know: who signed, what was changed.
//!
//! A signed request is good for as long as it says and five minutes of skew. A change that expects
//! a sequence can be carried out once all the same; one of a chunk or an index could be repeated
//! to bring back what was replaced. This memory of a fixed size remembers the newest of those.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

/// Signatures remembered at once; 48 B each. Above it the oldest is forgotten.
const SEEN_MAX: usize = 65_536;

/// A signature by the first half of its hash.
type Mark = [u8; 16];

/// Signatures of changes.
#[derive(Debug, Default)]
pub struct Seen {
    marks: Mutex<Marks>,
}

#[derive(Debug, Default)]
struct Marks {
    known: HashSet<Mark>,
    order: VecDeque<(u64, Mark)>,
}

/// A signature that is being carried out. Forgotten when dropped, unless it was.
#[derive(Debug)]
pub struct Claim<'a> {
    seen: &'a Seen,
    mark: Mark,
    until: u64,
    done: bool,
}

impl Seen {
    /// Takes a signature that holds until this second; `None`: it was carried out before.
    pub fn claim(&self, signature: &[u8], until: u64, now: u64) -> Option<Claim<'_>> {
        let mut mark = [0; 16];
        mark.copy_from_slice(blake3::hash(signature).as_bytes().split_at(16).0);
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        while marks.order.front().is_some_and(|(until, _)| *until < now) {
            marks.forget_oldest();
        }
        // A claim that is not given out must not be made: dropping it would forget the other one.
        let new = marks.known.insert(mark);
        new.then(|| Claim { seen: self, mark, until, done: false })
    }
}

impl Marks {
    fn forget_oldest(&mut self) {
        if let Some((_, mark)) = self.order.pop_front() {
            self.known.remove(&mark);
        }
    }
}

impl Claim<'_> {
    /// It was carried out.
    pub fn keep(mut self) {
        self.done = true;
        let mut marks = self.seen.marks.lock().unwrap_or_else(PoisonError::into_inner);
        marks.order.push_back((self.until, self.mark));
        if marks.order.len() > SEEN_MAX {
            marks.forget_oldest();
        }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if !self.done {
            let mut marks = self.seen.marks.lock().unwrap_or_else(PoisonError::into_inner);
            marks.known.remove(&self.mark);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_carried_out_is_not_again_until_it_has_ended() {
        let seen = Seen::default();
        seen.claim(b"a", 100, 0).unwrap().keep();
        assert!(seen.claim(b"a", 100, 100).is_none());
        seen.claim(b"b", 100, 0).unwrap().keep();
        assert!(seen.claim(b"a", 100, 101).is_some(), "its signature holds no more by then");
    }

    #[test]
    fn what_failed_may_be_tried_again() {
        let seen = Seen::default();
        let first = seen.claim(b"a", 100, 0);
        assert!(first.is_some() && seen.claim(b"a", 100, 0).is_none(), "it is under way");
        drop(first);
        assert!(seen.claim(b"a", 100, 0).is_some());
    }

    #[test]
    fn a_flood_forgets_the_oldest_and_does_not_grow() {
        let seen = Seen::default();
        for number in 0..=SEEN_MAX as u64 {
            seen.claim(&number.to_be_bytes(), 100, 0).unwrap().keep();
        }
        assert_eq!(seen.marks.lock().unwrap().known.len(), SEEN_MAX);
        assert!(seen.claim(&0_u64.to_be_bytes(), 100, 0).is_some());
        assert!(seen.claim(&1_u64.to_be_bytes(), 100, 0).is_none());
    }
}
