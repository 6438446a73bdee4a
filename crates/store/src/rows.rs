//! `Rows`: ordered keys. Takes batches, gives durable answers, values and scans.
//!
//! Must not know: what a key means, who asks.

use std::ops::ControlFlow;
use std::sync::{Arc, mpsc};

use crate::{Batch, CommitError, StoreError};

/// What is called once when a batch is durable or refused.
pub type CommitDone = Box<dyn FnOnce(Result<(), CommitError>) + Send>;

/// Which rows a scan visits, and in which direction.
///
/// ```
/// use strongroom_store::Scan;
/// assert_eq!(Scan::prefix(b"a/"), Scan::range(b"a/", b"a0"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scan {
    /// The first key visited, if it exists. Empty: from the beginning.
    pub from: Vec<u8>,
    /// The first key not visited any more. `None`: to the end.
    pub to: Option<Vec<u8>>,
    /// From the greatest key down.
    pub reverse: bool,
}

impl Scan {
    /// Every row.
    pub fn all() -> Self {
        Self::default()
    }

    /// The rows with `from <= key < to`.
    pub fn range(from: impl Into<Vec<u8>>, to: impl Into<Vec<u8>>) -> Self {
        Self { from: from.into(), to: Some(to.into()), reverse: false }
    }

    /// The rows with `from <= key`.
    pub fn from(from: impl Into<Vec<u8>>) -> Self {
        Self { from: from.into(), to: None, reverse: false }
    }

    /// The rows whose keys begin with `prefix`.
    pub fn prefix(prefix: impl Into<Vec<u8>>) -> Self {
        let from = prefix.into();
        // The first key after all that share the prefix: cut trailing 0xff, add one to the rest.
        let mut to = from.clone();
        while to.last() == Some(&0xff) {
            to.pop();
        }
        let to = to.pop().map(|last| {
            to.push(last + 1);
            to
        });
        Self { from, to, reverse: false }
    }

    /// The same rows from the greatest key down.
    #[must_use]
    pub fn reversed(mut self) -> Self {
        self.reverse = true;
        self
    }

    /// Whether no key can be in the range; engines answer such a scan without looking.
    pub fn is_empty(&self) -> bool {
        self.to.as_ref().is_some_and(|to| *to <= self.from)
    }
}

/// Ordered keys of at most 1 KiB, with values of at most 2 MiB.
///
/// Nothing of a batch is seen by anyone before it is durable, and a batch is seen whole or not
/// at all. Whoever was told `Ok` finds the batch again after a power cut.
pub trait Rows: Send + Sync + 'static {
    /// The value of `key`, if it has one.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// The values of many keys, in their order. May cost much less than as many calls of `get`.
    fn get_many(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        keys.iter().map(|key| self.get(key)).collect()
    }

    /// Visits the rows of `scan` in order until the visitor breaks. One consistent snapshot:
    /// batches committed meanwhile are not seen, in whole or in part.
    #[allow(clippy::type_complexity, reason = "the type says what a visitor is given")]
    fn scan(
        &self,
        scan: &Scan,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError>;

    /// Hands the batch to the engine. `done` is called once: when the batch is durable (fsync)
    /// or refused. All or nothing; batches submitted by one thread are applied in that order.
    ///
    /// `done` runs on a thread of the engine, or on this one before `submit` returns: it must
    /// be short, must not wait for the store, and must not need a lock held around `submit`.
    /// May wait when too much is under way (back-pressure).
    fn submit(&self, batch: Batch, done: CommitDone);

    /// Submits and waits.
    fn commit(&self, batch: Batch) -> Result<(), CommitError> {
        let (tell, told) = mpsc::sync_channel(1);
        self.submit(batch, Box::new(move |result| drop(tell.send(result))));
        // An engine that died drops `done`, and with it the sender.
        told.recv().unwrap_or(Err(CommitError::Store(StoreError::Closed)))
    }
}

impl<R: Rows + ?Sized> Rows for Arc<R> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        (**self).get(key)
    }

    fn get_many(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        (**self).get_many(keys)
    }

    fn scan(
        &self,
        scan: &Scan,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        (**self).scan(scan, visit)
    }

    fn submit(&self, batch: Batch, done: CommitDone) {
        (**self).submit(batch, done);
    }

    fn commit(&self, batch: Batch) -> Result<(), CommitError> {
        (**self).commit(batch)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_prefix_scan_covers_exactly_the_keys_with_the_prefix(
            prefix in prop::collection::vec(prop_oneof![Just(0xff), any::<u8>()], 0..4),
            key in prop::collection::vec(prop_oneof![Just(0xff), any::<u8>()], 0..6),
            beneath in any::<bool>(),
        ) {
            let key = if beneath { [prefix.clone(), key].concat() } else { key };
            let scan = Scan::prefix(prefix.clone());
            let inside = key >= scan.from && scan.to.is_none_or(|to| key < to);
            prop_assert_eq!(inside, key.starts_with(&prefix));
        }
    }
}
