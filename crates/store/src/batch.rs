//! A batch: what must be true, then what to write. All of it happens, or nothing. Comes in: keys
//! and values. Goes out: one thing an engine can commit.
//!
//! Must not know: engines, disks.

use crate::StoreError;
use crate::limits::{BATCH_BYTES_MAX, BATCH_OPS_MAX, KEY_BYTES_MAX, VALUE_BYTES_MAX};

/// What a key must hold, before the batch, for the batch to be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expectation {
    /// The key has no value.
    Absent(Vec<u8>),
    /// The key has exactly this value.
    Equals(Vec<u8>, Vec<u8>),
}

impl Expectation {
    /// The key that is looked at.
    pub fn key(&self) -> &[u8] {
        match self {
            Self::Absent(key) | Self::Equals(key, _) => key,
        }
    }

    /// Whether `found` is what was expected.
    pub fn holds(&self, found: Option<&[u8]>) -> bool {
        match self {
            Self::Absent(_) => found.is_none(),
            Self::Equals(_, value) => found == Some(value.as_slice()),
        }
    }
}

/// One change to one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// The key gets this value, whatever it had before.
    Put(Vec<u8>, Vec<u8>),
    /// The key has no value afterwards. Deleting what is absent is no error.
    Delete(Vec<u8>),
}

impl Op {
    /// The key that is changed.
    pub fn key(&self) -> &[u8] {
        match self {
            Self::Put(key, _) | Self::Delete(key) => key,
        }
    }
}

/// Expectations and changes that stand or fall together.
///
/// Expectations look at the state before the batch. Changes are applied in the order they were
/// added, so of two changes to one key the later one stays.
///
/// ```
/// use strongroom_store::{Batch, CommitError, Memory, Rows};
/// let rows = Memory::new();
/// let mut batch = Batch::new();
/// batch.expect_absent(b"counter").put(b"counter", b"1");
/// rows.commit(batch.clone()).unwrap();
/// assert_eq!(rows.get(b"counter").unwrap().as_deref(), Some(&b"1"[..]));
/// assert!(matches!(rows.commit(batch), Err(CommitError::Conflict { .. })));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    expectations: Vec<Expectation>,
    ops: Vec<Op>,
    byte_len: usize,
}

impl Batch {
    /// An empty batch. Committing it is allowed, and waits for those submitted before it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses the batch if `key` has a value.
    pub fn expect_absent(&mut self, key: impl Into<Vec<u8>>) -> &mut Self {
        let key = key.into();
        self.byte_len += key.len();
        self.expectations.push(Expectation::Absent(key));
        self
    }

    /// Refuses the batch unless `key` has exactly `value`.
    pub fn expect_equals(
        &mut self,
        key: impl Into<Vec<u8>>,
        value: impl Into<Vec<u8>>,
    ) -> &mut Self {
        let (key, value) = (key.into(), value.into());
        self.byte_len += key.len() + value.len();
        self.expectations.push(Expectation::Equals(key, value));
        self
    }

    /// Sets `key` to `value`.
    pub fn put(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> &mut Self {
        let (key, value) = (key.into(), value.into());
        self.byte_len += key.len() + value.len();
        self.ops.push(Op::Put(key, value));
        self
    }

    /// Removes `key`.
    pub fn delete(&mut self, key: impl Into<Vec<u8>>) -> &mut Self {
        let key = key.into();
        self.byte_len += key.len();
        self.ops.push(Op::Delete(key));
        self
    }

    /// Whether there is neither an expectation nor a change.
    pub fn is_empty(&self) -> bool {
        self.expectations.is_empty() && self.ops.is_empty()
    }

    /// Bytes of all keys and values, expectations included.
    pub fn byte_len(&self) -> usize {
        self.byte_len
    }

    /// What must be true, in the order it was added.
    pub fn expectations(&self) -> &[Expectation] {
        &self.expectations
    }

    /// The changes, in the order they were added.
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// The changes, given away without copying the values.
    pub fn into_ops(self) -> Vec<Op> {
        self.ops
    }

    /// Refuses what is above [`crate::limits`]. Every engine calls it before anything else.
    pub fn check_limits(&self) -> Result<(), StoreError> {
        let too_large = |what, max| Err(StoreError::TooLarge { what, max });
        if self.byte_len > BATCH_BYTES_MAX {
            return too_large("a batch, in bytes", BATCH_BYTES_MAX);
        }
        if self.expectations.len() + self.ops.len() > BATCH_OPS_MAX {
            return too_large("a batch, in operations", BATCH_OPS_MAX);
        }
        let keys = self.expectations.iter().map(Expectation::key);
        if keys.chain(self.ops.iter().map(Op::key)).any(|key| key.len() > KEY_BYTES_MAX) {
            return too_large("a key, in bytes", KEY_BYTES_MAX);
        }
        let over = |op: &Op| matches!(op, Op::Put(_, value) if value.len() > VALUE_BYTES_MAX);
        if self.ops.iter().any(over) {
            return too_large("a value, in bytes", VALUE_BYTES_MAX);
        }
        Ok(())
    }
}
