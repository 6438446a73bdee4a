//! What an epoch's makers had seen. Comes in: control entries with what they name, predecessors
//! first. Goes out: which epochs were followed because somebody was taken out. Must not know: who
//! was taken out, or why.
//!
//! An epoch that is followed by a mere renewal takes nothing from anybody: what was sealed under
//! it by a device that had not heard of the renewal is as good as before. An epoch is *stale* only
//! if something that follows it has a revoke in its past that it has not: then whoever seals under
//! it has not seen who must not read it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::ids::EntryId;

/// The revokes in the past of every entry of one control log.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pasts {
    /// Only entries with a revoke in their past; most logs have none.
    revokes: BTreeMap<EntryId, Arc<BTreeSet<EntryId>>>,
    stale: BTreeSet<EntryId>,
}

impl Pasts {
    /// Adds an entry that names these entries, all of which were added before it.
    pub fn insert<'a>(
        &mut self,
        id: EntryId,
        names: impl IntoIterator<Item = &'a EntryId>,
        is_revoke: bool,
    ) {
        let mut past: Option<Arc<BTreeSet<EntryId>>> = None;
        for name in names {
            let Some(other) = self.revokes.get(name) else { continue };
            match &mut past {
                None => past = Some(Arc::clone(other)),
                // Nearly always the same set: copied only where two differ.
                Some(past) if Arc::ptr_eq(past, other) || other.is_subset(past) => {}
                Some(past) => Arc::make_mut(past).extend(other.iter().copied()),
            }
        }
        if is_revoke {
            Arc::make_mut(past.get_or_insert_default()).insert(id);
        }
        if let Some(past) = past {
            self.revokes.insert(id, past);
        }
    }

    /// Marks what became stale because this epoch, added before, follows these.
    pub fn follow<'a>(
        &mut self,
        epoch: EntryId,
        prev: &'a [EntryId],
        prev_of: impl Fn(&EntryId) -> &'a [EntryId],
    ) {
        let Some(seen) = self.revokes.get(&epoch).cloned() else { return };
        let mut stack: Vec<EntryId> = prev.to_vec();
        while let Some(before) = stack.pop() {
            let knew = self.revokes.get(&before);
            // What it knew, those that followed *its* predecessors knew as well, and marked them.
            if knew.is_some_and(|knew| seen.is_subset(knew)) || !self.stale.insert(before) {
                continue;
            }
            stack.extend_from_slice(prev_of(&before));
        }
    }

    /// Whether something that follows this epoch knew of a revoke that its maker had not seen.
    pub fn is_stale(&self, epoch: &EntryId) -> bool {
        self.stale.contains(epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> EntryId {
        EntryId([number; 32])
    }

    /// A log of epochs and revokes, each with what it names.
    #[derive(Default)]
    struct Log {
        pasts: Pasts,
        prev: BTreeMap<EntryId, Vec<EntryId>>,
    }

    impl Log {
        fn revoke(&mut self, number: u8, parents: &[u8]) {
            let parents: Vec<_> = parents.iter().map(|n| id(*n)).collect();
            self.pasts.insert(id(number), &parents, true);
        }

        fn epoch(&mut self, number: u8, parents: &[u8], prev: &[u8]) {
            let parents: Vec<_> = parents.iter().map(|n| id(*n)).collect();
            let prev: Vec<_> = prev.iter().map(|n| id(*n)).collect();
            self.pasts.insert(id(number), parents.iter().chain(&prev), false);
            let known = &self.prev;
            let prev_of = |id: &EntryId| known.get(id).map_or(&[][..], Vec::as_slice);
            self.pasts.follow(id(number), &prev, prev_of);
            self.prev.insert(id(number), prev);
        }

        fn stale(&self, among: impl IntoIterator<Item = u8>) -> Vec<u8> {
            among.into_iter().filter(|n| self.pasts.is_stale(&id(*n))).collect()
        }
    }

    #[test]
    fn a_renewal_makes_nothing_stale() {
        let mut log = Log::default();
        log.epoch(1, &[], &[]);
        log.epoch(2, &[1], &[1]);
        log.epoch(3, &[1], &[1]);
        log.epoch(4, &[2, 3], &[2, 3]);
        assert_eq!(log.stale(1..=4), []);
    }

    #[test]
    fn an_epoch_after_a_revoke_makes_stale_all_whose_makers_had_not_seen_it() {
        let mut log = Log::default();
        log.epoch(1, &[], &[]);
        log.epoch(2, &[1], &[1]);
        log.revoke(9, &[2]);
        assert_eq!(log.stale(1..=2), [], "until somebody makes an epoch without the removed one");
        log.epoch(3, &[9], &[2]);
        assert_eq!(log.stale(1..=3), [1, 2]);
        // A renewal of that one has seen no more than it.
        log.epoch(4, &[3], &[3]);
        assert_eq!(log.stale(1..=4), [1, 2]);
    }

    #[test]
    fn what_a_revoke_was_concurrent_with_is_stale_once_both_are_followed() {
        let mut log = Log::default();
        log.epoch(1, &[], &[]);
        // While one device takes somebody out, another renews.
        log.revoke(9, &[1]);
        log.epoch(2, &[9], &[1]);
        log.epoch(3, &[1], &[1]);
        assert_eq!(log.stale(1..=3), [1], "nothing follows 3 yet");
        log.epoch(4, &[2, 3], &[2, 3]);
        assert_eq!(log.stale(1..=4), [1, 3]);
        // A second revoke elsewhere: 2 had seen the first of them, and not this one.
        log.revoke(8, &[4]);
        log.epoch(5, &[8], &[4]);
        assert_eq!(log.stale(1..=5), [1, 2, 3, 4]);
    }
}
