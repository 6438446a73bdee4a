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

    /// Where in the traffic these bytes are: method and path of the first request that has them
    /// in its head, its body or its answer.
    pub fn search(&self, needle: &[u8]) -> Option<String> {
        assert!(needle.len() >= 6, "a needle that chance would find");
        let holds = |hay: &[u8]| contains(hay, needle);
        let in_head = |asked: &Asked| {
            holds(asked.path.as_bytes())
                || asked.headers.iter().any(|(_, value)| holds(value.as_bytes()))
        };
        let all = self.lock();
        let found = all.iter().find(|seen| {
            in_head(&seen.asked)
                || holds(&seen.asked.body)
                || seen.answer.as_ref().is_some_and(|answer| holds(&answer.body))
        });
        found.map(|seen| format!("{} {}", seen.asked.method, seen.asked.path))
    }
}

/// Whether `hay` has these bytes in it.
pub(crate) fn contains(mut hay: &[u8], needle: &[u8]) -> bool {
    let Some((first, rest)) = needle.split_first() else { return true };
    while let Some(at) = hay.iter().position(|byte| byte == first) {
        hay = &hay[at + 1..];
        if hay.starts_with(rest) {
            return true;
        }
    }
    false
}
