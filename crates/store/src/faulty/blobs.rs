//! The disk that lies, for blobs. Comes in: blobs and a script. Goes out: what a bad disk makes of
//! them.
//!
//! Must not know: which engine it wraps.

use std::ops::Range;

use super::{Faulty, Inner};
use crate::blobs::{check_blob_limits, clamp};
use crate::{BlobId, Blobs, PutDone, StoreError};

impl<S: Blobs> Faulty<S> {
    /// Power goes: blobs that were acknowledged but unsynced are gone, or all but the first
    /// ones. Gives the number of blobs lost.
    pub fn crash_blobs(&self) -> Result<u64, StoreError> {
        let (kept, lost) = {
            let mut inner = self.lock();
            let Inner { script, dice, fired, blobs, .. } = &mut *inner;
            let all = blobs.len() as u64;
            let survive = if script.torn_groups { dice.below(all + 1) } else { 0 };
            fired.lost_writes += all - survive;
            fired.torn_groups += u64::from(survive > 0 && survive < all);
            let mut kept = std::mem::take(blobs);
            kept.truncate(survive as usize);
            (kept, all - survive)
        };
        self.store.put(kept)?;
        Ok(lost)
    }

    /// The disk at last writes what it only pretended to have written.
    pub fn sync_blobs(&self) -> Result<(), StoreError> {
        let blobs = std::mem::take(&mut self.lock().blobs);
        self.store.put(blobs)
    }

    fn held(&self, id: &BlobId) -> Option<Vec<u8>> {
        let inner = self.lock();
        inner.blobs.iter().find(|(held, _)| held == id).map(|(_, bytes)| bytes.clone())
    }
}

impl<S: Blobs> Blobs for Faulty<S> {
    fn submit_put(&self, blobs: Vec<(BlobId, Vec<u8>)>, done: PutDone) {
        self.dawdle();
        if let Err(error) = check_blob_limits(&blobs) {
            return done(Err(error));
        }
        if let Some(error) = self.refuse_write() {
            return done(Err(error));
        }
        let held = {
            let mut inner = self.lock();
            let waiting = !inner.blobs.is_empty();
            inner.holds_back(waiting)
        };
        if !held {
            return self.store.submit_put(blobs, done);
        }
        let mut result = Ok(());
        for (id, bytes) in blobs {
            match self.len(&id) {
                Ok(None) => self.lock().blobs.push((id, bytes)),
                Ok(Some(_)) => {}
                Err(error) => result = Err(error),
            }
        }
        done(result);
    }

    fn get(&self, id: &BlobId, range: Range<u64>) -> Result<Option<Vec<u8>>, StoreError> {
        self.dawdle();
        self.refuse_read()?;
        let mut bytes = match self.held(id) {
            Some(bytes) => {
                let (start, len) = clamp(&range, bytes.len() as u64);
                let part = bytes.get(start as usize..(start + len) as usize);
                Some(part.unwrap_or_default().to_vec())
            }
            None => self.store.get(id, range)?,
        };
        if let Some(bytes) = &mut bytes {
            self.rot(&id.0, bytes);
        }
        Ok(bytes)
    }

    fn len(&self, id: &BlobId) -> Result<Option<u64>, StoreError> {
        match self.held(id) {
            Some(bytes) => Ok(Some(bytes.len() as u64)),
            None => self.store.len(id),
        }
    }

    fn delete(&self, ids: &[BlobId]) -> Result<(), StoreError> {
        self.dawdle();
        if let Some(error) = self.refuse_write() {
            return Err(error);
        }
        self.lock().blobs.retain(|(id, _)| !ids.contains(id));
        self.store.delete(ids)
    }

    fn list(&self, after: Option<BlobId>, limit: usize) -> Result<Vec<BlobId>, StoreError> {
        self.refuse_read()?;
        let mut ids = self.store.list(after, limit)?;
        let inner = self.lock();
        let held = inner.blobs.iter().map(|(id, _)| *id);
        ids.extend(held.filter(|id| after.is_none_or(|after| *id > after)));
        ids.sort_unstable();
        ids.dedup();
        ids.truncate(limit);
        Ok(ids)
    }

    fn touch(&self, ids: &[BlobId]) -> Result<Vec<bool>, StoreError> {
        self.refuse_read()?;
        let there = self.store.touch(ids)?;
        Ok(ids.iter().zip(there).map(|(id, there)| there || self.held(id).is_some()).collect())
    }
}
