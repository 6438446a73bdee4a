//! Everything that went over the provider's wires. Comes in: requests and answers. Goes out:
//! where a needle is in them. Must not know: what is secret; tests bring the needles.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::script::{Answer, Asked};

/// One request and what was answered.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The request as it came.
    pub asked: Asked,
    /// The answer as it went; none: the connection ended.
    pub answer: Option<Answer>,
}

/// All of them, in the order of their answers.
#[derive(Debug, Clone, Default)]
pub struct Tap(Arc<Mutex<Vec<Seen>>>);

impl Tap {
    fn lock(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note(&self, seen: Seen) {
        self.lock().push(seen);
    }

    /// All so far.
    pub fn all(&self) -> Vec<Seen> {
        self.lock().clone()
    }

    /// How many so far.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether nothing was asked yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Requests for which `which` holds.
    pub fn find(&self, which: impl Fn(&Seen) -> bool) -> Vec<Seen> {
        self.lock().iter().filter(|seen| which(seen)).cloned().collect()
    }

    /// The first of these that is anywhere in the traffic: the needle, and method and path of the
    /// request that has it in its head, its body or its answer.
    pub fn search(&self, needles: &Needles) -> Option<(Vec<u8>, String)> {
        let in_head = |asked: &Asked| {
            let fields = asked.headers.iter().find_map(|(_, value)| needles.find(value.as_bytes()));
            needles.find(asked.path.as_bytes()).or(fields)
        };
        let all = self.lock();
        all.iter().find_map(|seen| {
            let answer = || seen.answer.as_ref().and_then(|answer| needles.find(&answer.body));
            let asked = in_head(&seen.asked).or_else(|| needles.find(&seen.asked.body));
            let found = asked.or_else(answer)?;
            Some((found.to_vec(), format!("{} {}", seen.asked.method, seen.asked.path)))
        })
    }
}

/// Byte strings that are looked for all at once.
#[derive(Debug, Default)]
pub struct Needles {
    all: Vec<Vec<u8>>,
    /// Whether a needle starts with these two bytes: most places need no closer look.
    starts: Vec<bool>,
}

impl Needles {
    /// # Panics
    /// For needles under 6 bytes: chance would find them.
    pub fn new(all: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let all: Vec<Vec<u8>> = all.into_iter().collect();
        let mut starts = vec![false; 1 << 16];
        for needle in &all {
            assert!(needle.len() >= 6, "a needle that chance would find");
            starts[usize::from(u16::from_be_bytes([needle[0], needle[1]]))] = true;
        }
        Self { all, starts }
    }

    /// The first that is in `hay`.
    pub fn find(&self, hay: &[u8]) -> Option<&[u8]> {
        let (mut at, mut two) = (0, 0_u16);
        for byte in hay {
            two = two << 8 | u16::from(*byte);
            at += 1;
            if at >= 2 && self.starts[usize::from(two)] {
                let rest = &hay[at - 2..];
                if let Some(found) = self.all.iter().find(|needle| rest.starts_with(needle)) {
                    return Some(found);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_needle_is_found_wherever_it_is_and_nowhere_else() {
        let needles = Needles::new([b"needle".to_vec(), b"neither".to_vec()]);
        for hay in ["needle", "a needle", "needleneither", "nneedle", "neneedle in hay"] {
            assert_eq!(needles.find(hay.as_bytes()), Some(&b"needle"[..]), "{hay}");
        }
        for hay in ["", "n", "needl", "eedle", "neithe needl"] {
            assert_eq!(needles.find(hay.as_bytes()), None, "{hay}");
        }
    }
}
