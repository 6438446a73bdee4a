//! The disk that lies, for rows. Comes in: batches and a script. Goes out: what a bad disk makes
//! of them.
//!
//! Must not know: which engine it wraps.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::MutexGuard;

use super::{Faulty, Inner};
use crate::{Batch, CommitDone, CommitError, Op, Rows, Scan, StoreError};

type Row = (Vec<u8>, Vec<u8>);
type Overlay = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// What a submit came to while the lock was held.
enum Decided {
    Done(Result<(), CommitError>),
    Pass(Batch),
}

impl<S: Rows> Faulty<S> {
    /// Power goes: what was acknowledged but unsynced is gone, or all but its beginning. Open
    /// scans and submitted batches must be over. Gives the number of batches lost.
    pub fn crash(&self) -> Result<u64, CommitError> {
        let kept = {
            let mut inner = self.lock();
            let Inner { script, dice, fired, batches, .. } = &mut *inner;
            let all = batches.len() as u64;
            let survive = if script.torn_groups { dice.below(all + 1) } else { 0 };
            fired.lost_writes += all - survive;
            fired.torn_groups += u64::from(survive > 0 && survive < all);
            let mut kept = std::mem::take(batches);
            kept.truncate(survive as usize);
            (kept, all - survive)
        };
        for batch in kept.0 {
            self.store.commit(batch)?;
        }
        Ok(kept.1)
    }

    /// The disk at last writes what it only pretended to have written.
    pub fn sync_rows(&self) -> Result<(), CommitError> {
        let mut inner = self.lock();
        self.write_out(&mut inner)
    }

    fn write_out(&self, inner: &mut MutexGuard<'_, Inner>) -> Result<(), CommitError> {
        for batch in std::mem::take(&mut inner.batches) {
            self.store.commit(batch)?;
        }
        Ok(())
    }

    fn decide(&self, batch: Batch) -> Decided {
        if let Err(error) = batch.check_limits() {
            return Decided::Done(Err(error.into()));
        }
        if let Some(error) = self.refuse_write() {
            return Decided::Done(Err(error.into()));
        }
        let mut inner = self.lock();
        let waiting = !inner.batches.is_empty();
        if !inner.holds_back(waiting) {
            return Decided::Pass(batch);
        }
        // All submitted before must be in the store before this one is judged against it.
        if let Err(error) = self.store.commit(Batch::new()) {
            return Decided::Done(Err(error));
        }
        let judged = self.judge(&overlay(&inner.batches), &batch);
        if judged.is_ok() {
            inner.batches.push(batch);
        }
        Decided::Done(judged)
    }

    fn judge(&self, overlay: &Overlay, batch: &Batch) -> Result<(), CommitError> {
        for expectation in batch.expectations() {
            let key = expectation.key();
            let found = match overlay.get(key) {
                Some(value) => value.clone(),
                None => self.store.get(key)?,
            };
            if !expectation.holds(found.as_deref()) {
                return Err(CommitError::Conflict { key: key.to_vec() });
            }
        }
        Ok(())
    }

    /// The rows of a scan with the unsynced ones among them, collected: faults are for tests.
    fn merged(&self, scan: &Scan) -> Result<Vec<Row>, StoreError> {
        let inner = self.lock();
        let mut rows = BTreeMap::new();
        let collect = &mut |key: &[u8], value: &[u8]| {
            rows.insert(key.to_vec(), value.to_vec());
            ControlFlow::Continue(())
        };
        self.store.scan(&Scan { reverse: false, ..scan.clone() }, collect)?;
        let inside =
            |key: &[u8]| *key >= *scan.from && scan.to.as_deref().is_none_or(|to| key < to);
        for (key, value) in overlay(&inner.batches) {
            match value {
                Some(value) if inside(&key) => drop(rows.insert(key, value)),
                _ => drop(rows.remove(&key)),
            }
        }
        let rows = rows.into_iter();
        Ok(if scan.reverse { rows.rev().collect() } else { rows.collect() })
    }
}

impl<S: Rows> Rows for Faulty<S> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.dawdle();
        self.refuse_read()?;
        let held = overlay(&self.lock().batches).remove(key);
        let mut value = match held {
            Some(value) => value,
            None => self.store.get(key)?,
        };
        if let Some(value) = &mut value {
            self.rot(key, value);
        }
        Ok(value)
    }

    fn scan(
        &self,
        scan: &Scan,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.dawdle();
        if scan.is_empty() {
            return Ok(());
        }
        for (key, mut value) in self.merged(scan)? {
            // In the middle too, as real disks do.
            self.refuse_read()?;
            self.rot(&key, &mut value);
            if visit(&key, &value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn submit(&self, batch: Batch, done: CommitDone) {
        self.dawdle();
        match self.decide(batch) {
            Decided::Done(result) => done(result),
            Decided::Pass(batch) => self.store.submit(batch, done),
        }
    }
}

fn overlay(batches: &[Batch]) -> Overlay {
    let mut overlay = Overlay::new();
    for op in batches.iter().flat_map(super::super::batch::Batch::ops) {
        match op {
            Op::Put(key, value) => overlay.insert(key.clone(), Some(value.clone())),
            Op::Delete(key) => overlay.insert(key.clone(), None),
        };
    }
    overlay
}
