//! What capabilities with a quota have used up. Comes in: the counted elements of the chain of who
//! brings something, and how much it is. Goes out: rows in the same batch, or a refusal. Must not
//! know: what is brought.
//!
//! A quota counts for its capability and for all below it, at this provider: what was put in, ever.
//! What is purged later is not given back, so nobody has to know by whom a chunk came.

use strongroom_wire::capability::{Element, Grant};
use strongroom_wire::ids::CapabilityId;
use strongroom_wire::problem::Problem;

use super::{Judged, Judging};
use crate::buckets::damaged;
use crate::refusal::{Member, Refusal};
use crate::rows::{self, Spent};

const HOUR_SECS: u64 = 3_600;

/// A capability with a quota, of the chain of who brings something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    capability: CapabilityId,
    bytes: Option<u64>,
    entries: Option<u64>,
    per_hour: Option<u64>,
}

impl Budget {
    /// All that count in a chain.
    pub fn of(grant: &Grant) -> Vec<Self> {
        grant.elements().iter().filter_map(Self::one).collect()
    }

    fn one(element: &Element) -> Option<Self> {
        let it = &element.caveats;
        let budget = Self {
            capability: element.id,
            bytes: it.quota_bytes,
            entries: it.quota_entries,
            per_hour: it.entries_per_hour,
        };
        let counts = budget.bytes.is_some() || budget.entries.is_some();
        (counts || budget.per_hour.is_some()).then_some(budget)
    }

    /// What was used, with this much more; or why it is too much.
    fn spend(&self, spent: Spent, bytes: u64, entries: u64, now: u64) -> Result<Spent, Refusal> {
        let hour = now / HOUR_SECS;
        let before = if spent.hour == hour { spent.in_hour } else { 0 };
        let after = Spent {
            bytes: spent.bytes.saturating_add(bytes),
            entries: spent.entries.saturating_add(entries),
            hour,
            in_hour: before.saturating_add(entries),
        };
        if self.per_hour.is_some_and(|max| entries > 0 && after.in_hour > max) {
            let next = (hour + 1) * HOUR_SECS;
            return Err(Refusal::from(Problem::Rate)
                .because("this capability has brought as many entries as it may in an hour")
                .with(Member::RetryAfter, next.saturating_sub(now).max(1)));
        }
        if self.entries.is_some_and(|max| entries > 0 && after.entries > max) {
            return Err(Refusal::from(Problem::Quota)
                .because("this capability has brought as many entries as it may"));
        }
        match self.bytes.filter(|max| bytes > 0 && after.bytes > *max) {
            Some(max) => Err(Refusal::from(Problem::Quota)
                .because("this capability has brought as many bytes as it may")
                .with(Member::QuotaBytes, max)
                .with(Member::UsedBytes, spent.bytes)),
            None => Ok(after),
        }
    }
}

impl Judging<'_> {
    /// Counts what passed. Called when all of it is known.
    pub(super) fn spend(&self, judged: &mut Judged) -> Result<(), Refusal> {
        if judged.fresh == 0 && judged.new_bytes == 0 {
            return Ok(());
        }
        for budget in &self.budgets {
            let id = budget.capability;
            let key = rows::spent(self.bucket, id);
            let spent = match self.state.spent.get(&id) {
                Some(spent) => *spent,
                None => match self.store.rows.get(&key)? {
                    Some(row) => Spent::decode(&row).ok_or_else(damaged)?,
                    None => Spent::default(),
                },
            };
            let spent = budget.spend(spent, judged.new_bytes, judged.fresh, self.now)?;
            judged.batch.put(key, spent.encode());
            judged.change.spent.push((id, spent));
        }
        Ok(())
    }
}
