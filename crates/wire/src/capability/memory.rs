//! A bounded memory of verified chains. Comes in: grants, and the time. Goes out: a grant that was
//! verified before and still holds. Must not know: why anything was revoked.
//!
//! A chain costs up to eight signatures, a look here none. Every revoke must be told to
//! [`VerifiedChains::forget`] **before** it is acknowledged, else a revoked chain would go on.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{ChainHash, Grant};
use crate::ids::CapabilityId;

/// Verified chains by hash; the one not used for longest makes room.
#[derive(Debug)]
pub struct VerifiedChains {
    capacity: usize,
    tick: u64,
    by_hash: BTreeMap<ChainHash, (Arc<Grant>, u64)>,
    by_use: BTreeMap<u64, ChainHash>,
}

impl VerifiedChains {
    /// Room for this many chains. [`crate::limits::VERIFIED_CHAINS_MAX`] is what a provider takes.
    pub const fn new(capacity: usize) -> Self {
        Self { capacity, tick: 0, by_hash: BTreeMap::new(), by_use: BTreeMap::new() }
    }

    /// Chains remembered now.
    pub fn len(&self) -> usize {
        self.by_hash.len()
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.by_hash.is_empty()
    }

    /// Remembers a grant. The hash must be that of the chain it was verified from.
    pub fn remember(&mut self, hash: ChainHash, grant: Arc<Grant>) {
        if self.capacity == 0 {
            return;
        }
        self.drop_one(hash);
        while self.by_hash.len() >= self.capacity {
            let Some((_, oldest)) = self.by_use.pop_first() else { break };
            self.by_hash.remove(&oldest);
        }
        self.tick += 1;
        self.by_use.insert(self.tick, hash);
        self.by_hash.insert(hash, (grant, self.tick));
    }

    /// The grant of this chain, if it was verified before and holds at `now` (seconds since 1970).
    pub fn recall(&mut self, hash: ChainHash, now: u64) -> Option<Arc<Grant>> {
        let (grant, tick) = self.by_hash.get_mut(&hash)?;
        if now >= grant.expires() {
            self.drop_one(hash);
            return None;
        }
        self.by_use.remove(tick);
        self.tick += 1;
        *tick = self.tick;
        self.by_use.insert(self.tick, hash);
        // A clock set back must not make a grant hold before its time.
        grant.holds_at(now).then(|| Arc::clone(grant))
    }

    /// Forgets every chain with this capability in it: it was revoked or frozen.
    pub fn forget(&mut self, capability: &CapabilityId) {
        self.forget_where(|grant| grant.names(capability));
    }

    /// Forgets every chain the function is true of.
    pub fn forget_where(&mut self, is_void: impl Fn(&Grant) -> bool) {
        let void: Vec<ChainHash> =
            self.by_hash.iter().filter(|(_, (grant, _))| is_void(grant)).map(|(h, _)| *h).collect();
        for hash in void {
            self.drop_one(hash);
        }
    }

    fn drop_one(&mut self, hash: ChainHash) {
        if let Some((_, tick)) = self.by_hash.remove(&hash) {
            self.by_use.remove(&tick);
        }
    }
}
