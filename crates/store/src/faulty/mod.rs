//! The disk that lies. Wraps any `Rows` or `Blobs`, passes everything through, and, by a seeded
//! script, fails, forgets, tears, rots and dawdles.
//!
//! Takes a store and a [`Script`]; gives the same trait, a switch to [`Faulty::crash`] and the
//! count of the faults that really fired (a test whose faults never fire tests nothing).
//!
//! Must not know: which engine it wraps.
//!
//! A lying disk acknowledges what it only holds in a cache. `Faulty` does so with the unsynced
//! group: what is acknowledged while the script says `lost_fsync` is seen by readers, but only
//! handed to the wrapped store later, and gone, in whole or from some batch on, after `crash`.

mod blobs;
mod rows;
mod script;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::conformance::Dice;
use crate::{Batch, BlobId, StoreError};
pub use script::{Fired, Script};

/// A store that misbehaves by script. Clones share the same store, script and count.
pub struct Faulty<S> {
    store: Arc<S>,
    inner: Arc<Mutex<Inner>>,
}

impl<S> Clone for Faulty<S> {
    fn clone(&self) -> Self {
        Self { store: Arc::clone(&self.store), inner: Arc::clone(&self.inner) }
    }
}

struct Inner {
    script: Script,
    dice: Dice,
    fired: Fired,
    /// Acknowledged, seen by readers, not in the wrapped store.
    batches: Vec<Batch>,
    blobs: Vec<(BlobId, Vec<u8>)>,
    /// Bytes that rotted for good: (what, position), once chosen always the same.
    rotten: BTreeMap<Vec<u8>, u64>,
    writes: u64,
}

impl<S> Faulty<S> {
    /// Wraps `store`; without faults until [`Faulty::set`].
    pub fn new(store: S, seed: u64) -> Self {
        Self::scripted(store, seed, Script::default())
    }

    /// Wraps `store` with a script from the beginning.
    pub fn scripted(store: S, seed: u64, script: Script) -> Self {
        let inner = Inner {
            script,
            dice: Dice::new(seed),
            fired: Fired::default(),
            batches: Vec::new(),
            blobs: Vec::new(),
            rotten: BTreeMap::new(),
            writes: 0,
        };
        Self { store: Arc::new(store), inner: Arc::new(Mutex::new(inner)) }
    }

    /// Changes the script from now on.
    pub fn set(&self, script: Script) {
        self.lock().script = script;
    }

    /// How often each fault fired so far.
    pub fn fired(&self) -> Fired {
        self.lock().fired
    }

    /// The wrapped store, to look behind the curtain.
    pub fn inner(&self) -> &S {
        &self.store
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits, if the script says so. Never with the lock held.
    fn dawdle(&self) {
        let wait = {
            let mut inner = self.lock();
            let Inner { script, dice, fired, .. } = &mut *inner;
            let late = roll(dice, script.delay);
            fired.delays += u64::from(late);
            late.then(|| dice.below(script.delay_max.as_micros() as u64 + 1))
        };
        if let Some(micros) = wait {
            std::thread::sleep(Duration::from_micros(micros));
        }
    }

    /// The error a write meets, if it meets one.
    fn refuse_write(&self) -> Option<StoreError> {
        let mut inner = self.lock();
        let Inner { script, dice, fired, writes, .. } = &mut *inner;
        *writes += 1;
        if roll(dice, script.full) || script.full_after.is_some_and(|after| *writes > after) {
            fired.full += 1;
            return Some(StoreError::Full);
        }
        if roll(dice, script.write_error) {
            fired.write_errors += 1;
            return Some(scripted("write"));
        }
        None
    }

    /// The error a read meets, if it meets one.
    fn refuse_read(&self) -> Result<(), StoreError> {
        let mut inner = self.lock();
        let Inner { script, dice, fired, .. } = &mut *inner;
        if roll(dice, script.read_error) {
            fired.read_errors += 1;
            return Err(scripted("read"));
        }
        Ok(())
    }

    /// Flips one bit of what is read, now or for good.
    fn rot(&self, what: &[u8], bytes: &mut [u8]) {
        if bytes.is_empty() {
            return;
        }
        let mut inner = self.lock();
        let Inner { script, dice, fired, rotten, .. } = &mut *inner;
        if roll(dice, script.rot_for_good) && !rotten.contains_key(what) {
            rotten.insert(what.to_vec(), dice.roll());
        }
        let for_good = rotten.get(what).copied();
        let now = roll(dice, script.rot_on_read).then(|| dice.roll());
        for at in for_good.into_iter().chain(now) {
            fired.rotten_reads += 1;
            let len = bytes.len() as u64;
            if let Some(byte) = bytes.get_mut((at / 8 % len) as usize) {
                *byte ^= 1 << (at % 8);
            }
        }
    }
}

impl Inner {
    /// Whether the next write is acknowledged without being stored. Once one is, all that
    /// follow it are too, until the cache is written out or lost: a later one that survived
    /// would be out of order.
    fn holds_back(&mut self, waiting: bool) -> bool {
        let lost = roll(&mut self.dice, self.script.lost_fsync);
        self.fired.lost_fsyncs += u64::from(lost || waiting);
        lost || waiting
    }
}

fn roll(dice: &mut Dice, chance: f64) -> bool {
    // 53 bits, as many as a float can tell apart.
    (dice.roll() >> 11) as f64 / (1_u64 << 53) as f64 <= chance && chance > 0.0
}

fn scripted(doing: &str) -> StoreError {
    StoreError::Io { doing: doing.to_owned(), why: "the script says so".to_owned() }
}
