//! A queue of jobs with a limit in bytes. Takes jobs from any thread, gives groups to one.
//!
//! Must not know: what a job does.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

struct Waiting<J> {
    jobs: VecDeque<(J, usize)>,
    bytes: usize,
    closed: bool,
}

/// Jobs that wait, of at most so many bytes; whoever brings more waits as well.
pub(super) struct Queue<J> {
    waiting: Mutex<Waiting<J>>,
    arrived: Condvar,
    room: Condvar,
    bytes_max: usize,
}

/// What [`Queue::take`] found.
pub(super) enum Taken<J> {
    Jobs(Vec<J>),
    /// Nothing came in the time given.
    Idle,
    Closed,
}

impl<J> Queue<J> {
    pub(super) fn new(bytes_max: usize) -> Self {
        let waiting = Waiting { jobs: VecDeque::new(), bytes: 0, closed: false };
        Self {
            waiting: Mutex::new(waiting),
            arrived: Condvar::new(),
            room: Condvar::new(),
            bytes_max,
        }
    }

    /// Queues a job of `bytes`, waits for room first. Gives it back if the queue is closed.
    pub(super) fn push(&self, job: J, bytes: usize) -> Result<(), J> {
        let mut waiting = self.lock();
        // A job larger than the limit goes in alone.
        while waiting.bytes > 0 && waiting.bytes + bytes > self.bytes_max && !waiting.closed {
            waiting = self.room.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        if waiting.closed {
            return Err(job);
        }
        waiting.jobs.push_back((job, bytes));
        waiting.bytes += bytes;
        drop(waiting);
        self.arrived.notify_one();
        Ok(())
    }

    /// Takes the first job and those after it that `joins` accepts, up to `bytes_max` together.
    /// Waits for the first one, at most `patience` if that is given.
    pub(super) fn take(
        &self,
        bytes_max: usize,
        patience: Option<Duration>,
        joins: impl Fn(&J, &J) -> bool,
    ) -> Taken<J> {
        let mut waiting = self.lock();
        while waiting.jobs.is_empty() {
            if waiting.closed {
                return Taken::Closed;
            }
            let (woken, timed_out) = match patience {
                None => {
                    let woken = self.arrived.wait(waiting);
                    (woken.unwrap_or_else(PoisonError::into_inner), false)
                }
                Some(patience) => {
                    let woken = self.arrived.wait_timeout(waiting, patience);
                    let (woken, timeout) = woken.unwrap_or_else(PoisonError::into_inner);
                    (woken, timeout.timed_out())
                }
            };
            waiting = woken;
            if timed_out && waiting.jobs.is_empty() {
                return if waiting.closed { Taken::Closed } else { Taken::Idle };
            }
        }
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while let Some((job, len)) = waiting.jobs.front() {
            let first = taken.first();
            if first.is_some_and(|first| bytes + len > bytes_max || !joins(first, job)) {
                break;
            }
            bytes += len;
            taken.extend(waiting.jobs.pop_front().map(|(job, _)| job));
        }
        waiting.bytes = waiting.bytes.saturating_sub(bytes);
        drop(waiting);
        self.room.notify_all();
        Taken::Jobs(taken)
    }

    /// Refuses what comes from now on. What waits is still taken.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
        self.room.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<J>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
