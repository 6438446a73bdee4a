//! Heads. Comes in: the version graph of one document, in any order. Goes out: the versions and
//! tombstones that nothing follows. Must not know: what a version says.

use std::collections::{BTreeMap, BTreeSet};

use crate::entry::Hlc;
use crate::ids::EntryId;

/// The heads of one document, kept up to date entry by entry. The same set of entries gives the
/// same heads in any order, because what is named as a parent is remembered before it arrives.
///
/// ```
/// use strongroom_wire::{entry::Hlc, heads::Heads, ids::EntryId};
/// let (a, b) = (EntryId([1; 32]), EntryId([2; 32]));
/// let mut heads = Heads::default();
/// heads.insert(b, Hlc(2), &[a]); // the successor arrives first
/// heads.insert(a, Hlc(1), &[]);
/// assert_eq!(heads.iter().collect::<Vec<_>>(), [(b, Hlc(2))]);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heads {
    heads: BTreeMap<EntryId, Hlc>,
    /// Named as parents, and no head when they were named: not here yet, or followed before.
    followed: BTreeSet<EntryId>,
}

impl Heads {
    /// From heads and awaited parents that were stored.
    pub fn new(
        heads: impl IntoIterator<Item = (EntryId, Hlc)>,
        followed: impl IntoIterator<Item = EntryId>,
    ) -> Self {
        Self { heads: heads.into_iter().collect(), followed: followed.into_iter().collect() }
    }

    /// Adds one valid version or tombstone, once.
    pub fn insert(&mut self, id: EntryId, hlc: Hlc, parents: &[EntryId]) {
        for parent in parents {
            if self.heads.remove(parent).is_none() {
                self.followed.insert(*parent);
            }
        }
        if !self.followed.remove(&id) {
            self.heads.insert(id, hlc);
        }
    }

    /// Heads, ascending by id.
    pub fn iter(&self) -> impl Iterator<Item = (EntryId, Hlc)> + '_ {
        self.heads.iter().map(|(id, hlc)| (*id, *hlc))
    }

    /// Every parent that was named and has not arrived; and some that have, and were followed
    /// already when they were named again. To be stored beside the heads.
    pub fn awaited(&self) -> impl Iterator<Item = EntryId> + '_ {
        self.followed.iter().copied()
    }

    /// The head with the highest (hlc, id): the one that keeps the name.
    pub fn first(&self) -> Option<EntryId> {
        self.heads.iter().max_by_key(|(id, hlc)| (**hlc, **id)).map(|(id, _)| *id)
    }

    /// How many heads; more than one is a conflict.
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }
}
