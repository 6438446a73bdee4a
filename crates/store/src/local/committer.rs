//! The committer: the one thread that writes rows. Takes whatever waits, gives it one fsync.
//!
//! Must not know: segments, callers.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::frame::{Kind, payload_check};
use super::home::{Home, Slot};
use super::index::Index;
use super::journal;
use super::log::{Appender, Files, Part};
use super::queue::{Gather, Queue, Taken};
use crate::{Batch, BlobId, CommitDone, CommitError, Expectation, Op, StoreError};

/// Bytes of batches that may wait; above it `submit` waits.
const WAITING_BYTES_MAX: usize = 8 << 20;
/// Bytes of one group. A larger batch is a group of its own.
const GROUP_BYTES_MAX: usize = 4 << 20;
/// Quiet time after which HEAD is written.
const QUIET: Duration = Duration::from_millis(2);
/// Groups after which HEAD is written even if it is never quiet.
const GROUPS_UNNOTED_MAX: u32 = 64;
/// The longest wait for company, where there was company before. It is half of what the last group
/// took, so it never makes an answer more than half as late again.
const GATHER_MAX: Duration = Duration::from_millis(1);
/// Bytes of buffer kept between groups.
const BUFFER_KEPT: usize = 1 << 20;

pub(super) struct Job {
    pub batch: Batch,
    pub done: CommitDone,
}

pub(super) type Jobs = Queue<Job>;

pub(super) fn queue() -> Jobs {
    Queue::new(WAITING_BYTES_MAX)
}

pub(super) struct Committer {
    pub home: Arc<Home>,
    pub files: Arc<Files>,
    pub log: Appender,
    pub index: Arc<Index>,
    /// Older journal files and the last group in each.
    pub older: Vec<(u64, u64)>,
    /// `State::sealed` when the current file was begun.
    pub sealed: u64,
    pub payload: Vec<u8>,
}

impl Committer {
    /// Works until the queue is closed and empty.
    pub(super) fn run(mut self, jobs: &Jobs) {
        let mut unnoted = 0;
        let mut gather = Gather::default();
        loop {
            let patience = (unnoted > 0).then_some(QUIET);
            match jobs.take(GROUP_BYTES_MAX, patience, gather, |_, _| true) {
                Taken::Jobs(group) => {
                    let (jobs, began) = (group.len(), Instant::now());
                    self.commit(group);
                    let wait = (began.elapsed() / 2).min(GATHER_MAX);
                    gather = Gather { jobs, wait };
                    unnoted += 1;
                }
                Taken::Idle => unnoted = GROUPS_UNNOTED_MAX,
                Taken::Closed => break,
            }
            if unnoted >= GROUPS_UNNOTED_MAX {
                self.home.note_durable(Slot::Journal, self.log.durable());
                unnoted = 0;
            }
        }
        self.home.note_durable(Slot::Journal, self.log.durable());
    }

    fn commit(&mut self, group: Vec<Job>) {
        let answers = self.index.wait_for_room().and_then(|()| {
            let answers = judge(&self.index, &group);
            self.write(&group, &answers).map(|()| answers)
        });
        match answers {
            Ok(answers) => {
                for (job, answer) in group.into_iter().zip(answers) {
                    (job.done)(answer);
                }
            }
            // Conflicts too: they may have been with a batch that is not there now.
            Err(error) => group.into_iter().for_each(|job| {
                (job.done)(Err(CommitError::Store(error.clone())));
            }),
        }
        self.turn_over();
    }

    /// Makes what was accepted durable, then visible.
    fn write(
        &mut self,
        group: &[Job],
        answers: &[Result<(), CommitError>],
    ) -> Result<(), StoreError> {
        let accepted = || {
            let jobs = group.iter().zip(answers).filter(|(_, answer)| answer.is_ok());
            jobs.flat_map(|(job, _)| job.batch.ops())
        };
        self.payload.clear();
        accepted().for_each(|op| journal::encode(op, &mut self.payload));
        if self.payload.is_empty() {
            return Ok(());
        }
        let check = payload_check(&self.files.key, &self.payload);
        let part = Part { kind: Kind::Rows, id: BlobId([0; 32]), payload: &self.payload, check };
        let written = self.log.append(&[part]);
        if self.payload.capacity() > BUFFER_KEPT {
            self.payload = Vec::new();
        }
        let (number, _) = written?;
        let mut applying = self.index.apply();
        for op in accepted() {
            match op {
                Op::Put(key, value) => applying.put_row(key, value),
                Op::Delete(key) => applying.delete_row(key),
            }
        }
        applying.state.journal = number;
        applying.seal_if_full();
        Ok(())
    }

    /// Begins a new file when the memory table did, and removes files that are in the tables.
    fn turn_over(&mut self) {
        let state = self.index.state();
        if state.sealed != self.sealed && self.log.end().offset > 0 {
            let last = (self.log.end().file, self.log.durable().group);
            // Without room for a new file the old one goes on; it only lives longer.
            if self.log.next_file().is_ok() {
                self.home.note_durable(Slot::Journal, self.log.durable());
                self.sealed = state.sealed;
                self.older.push(last);
            }
        }
        if self.older.is_empty() {
            return;
        }
        let persisted = self.index.persisted().journal;
        self.older.retain(|(file, last)| *last > persisted || self.files.remove(*file).is_err());
    }
}

/// Decides each batch in order; each sees what those before it in the group will have done.
fn judge(index: &Index, group: &[Job]) -> Vec<Result<(), CommitError>> {
    if group.iter().all(|job| job.batch.expectations().is_empty()) {
        return group.iter().map(|_| Ok(())).collect();
    }
    let mut ahead: HashMap<&[u8], Option<&[u8]>> = HashMap::new();
    let mut looked_up: HashMap<&[u8], Option<Vec<u8>>> = HashMap::new();
    group
        .iter()
        .map(|job| {
            for expectation in job.batch.expectations() {
                if !holds(index, &ahead, &mut looked_up, expectation)? {
                    return Err(CommitError::Conflict { key: expectation.key().to_vec() });
                }
            }
            for op in job.batch.ops() {
                match op {
                    Op::Put(key, value) => ahead.insert(key, Some(value)),
                    Op::Delete(key) => ahead.insert(key, None),
                };
            }
            Ok(())
        })
        .collect()
}

fn holds<'a>(
    index: &Index,
    ahead: &HashMap<&[u8], Option<&[u8]>>,
    looked_up: &mut HashMap<&'a [u8], Option<Vec<u8>>>,
    expectation: &'a Expectation,
) -> Result<bool, StoreError> {
    let key = expectation.key();
    if let Some(value) = ahead.get(key) {
        return Ok(expectation.holds(*value));
    }
    // Rows that must stay as they are tend to be the same for all of a group; what must be absent
    // has a key of its own. The index does not change while a group is judged.
    if matches!(expectation, Expectation::Absent(_)) {
        return Ok(expectation.holds(index.get(key)?.as_deref()));
    }
    let found = match looked_up.entry(key) {
        Entry::Occupied(found) => found.into_mut(),
        Entry::Vacant(place) => place.insert(index.get(key)?),
    };
    Ok(expectation.holds(found.as_deref()))
}
