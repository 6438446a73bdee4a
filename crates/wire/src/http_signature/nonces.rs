//! A bounded memory of the nonces of signed requests. Comes in: verified requests and the time.
//! Goes out: whether one was seen before. Must not know: what they asked for.
//!
//! It lives as long as the process; requests signed before the process started are refused by
//! their `created`. An effect that is not idempotent must store its nonce in its own commit too.

use std::collections::BTreeSet;

use super::SignedRequest;
use crate::limits::CLOCK_SKEW_SECS;

/// Why a signed request is not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NonceRefusal {
    /// It was seen before.
    #[error("this request was seen before")]
    Replayed,
    /// No room. Forgetting a nonce would allow a replay, so new requests wait instead.
    #[error("too many signed requests; open a session, or try again soon")]
    Full,
}

/// A nonce with its signer: nobody can use up another's.
type Seen = ([u8; 32], [u8; 16]);

/// Nonces that could still be replayed.
#[derive(Debug)]
pub struct NonceMemory {
    capacity: usize,
    seen: BTreeSet<Seen>,
    by_created: BTreeSet<(u64, Seen)>,
}

impl NonceMemory {
    /// Room for this many. [`crate::limits::NONCES_MAX`] is what a provider takes.
    pub const fn new(capacity: usize) -> Self {
        Self { capacity, seen: BTreeSet::new(), by_created: BTreeSet::new() }
    }

    /// Nonces remembered now.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// Lets a request through once. `now` is in seconds since 1970.
    pub fn admit(&mut self, request: &SignedRequest, now: u64) -> Result<(), NonceRefusal> {
        // What is older than the tolerance is refused by its `created` already.
        while let Some(&(created, seen)) = self.by_created.first() {
            if created.saturating_add(CLOCK_SKEW_SECS) >= now {
                break;
            }
            self.by_created.pop_first();
            self.seen.remove(&seen);
        }
        let seen = (request.key().0, request.nonce());
        if self.seen.contains(&seen) {
            return Err(NonceRefusal::Replayed);
        }
        if self.seen.len() >= self.capacity {
            return Err(NonceRefusal::Full);
        }
        self.seen.insert(seen);
        self.by_created.insert((request.created(), seen));
        Ok(())
    }
}
