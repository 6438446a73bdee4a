//! A queue of jobs with a limit in bytes. Takes jobs from any thread, gives groups to one.
//!
//! Must not know: what a job does.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

struct Waiting<J> {
    jobs: VecDeque<(J, usize)>,
    bytes: usize,
    closed: bool,
    /// The taker sleeps until so many jobs wait; 0: it is awake and need not be woken.
    asleep_for: usize,
}

/// How long the taker waits for company of the first job. A group costs one fsync, however many
/// jobs are in it: who comes while the answers to the last group are read should be in the next.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Gather {
    /// Jobs it waits for.
    pub jobs: usize,
    /// The longest it waits.
    pub wait: Duration,
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
        let waiting = Waiting { jobs: VecDeque::new(), bytes: 0, closed: false, asleep_for: 0 };
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
        let wake = waiting.asleep_for > 0 && waiting.jobs.len() >= waiting.asleep_for;
        drop(waiting);
        if wake {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Takes the first job and those after it that `joins` accepts, up to `bytes_max` together.
    /// Waits for the first one, at most `patience` if that is given, then for others to
    /// `gather`.
    pub(super) fn take(
        &self,
        bytes_max: usize,
        patience: Option<Duration>,
        gather: Gather,
        joins: impl Fn(&J, &J) -> bool,
    ) -> Taken<J> {
        let mut waiting = self.wait_for(self.lock(), 1, patience);
        if waiting.jobs.is_empty() {
            return if waiting.closed { Taken::Closed } else { Taken::Idle };
        }
        if gather.jobs > 1 {
            waiting = self.wait_for(waiting, gather.jobs, Some(gather.wait));
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

    /// Sleeps until so many jobs wait, the queue is closed, or the time is over.
    fn wait_for<'a>(
        &self,
        mut waiting: MutexGuard<'a, Waiting<J>>,
        jobs: usize,
        limit: Option<Duration>,
    ) -> MutexGuard<'a, Waiting<J>> {
        let end = limit.map(|limit| Instant::now() + limit);
        while waiting.jobs.len() < jobs && !waiting.closed {
            waiting.asleep_for = jobs;
            waiting = match end {
                None => self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner),
                Some(end) => {
                    let left = end.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break;
                    }
                    let woken = self.arrived.wait_timeout(waiting, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        waiting.asleep_for = 0;
        waiting
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const LONG: Duration = Duration::from_hours(1);

    fn taken(queue: &Queue<u8>, jobs: usize, wait: Duration) -> Vec<u8> {
        match queue.take(100, None, Gather { jobs, wait }, |_, _| true) {
            Taken::Jobs(jobs) => jobs,
            Taken::Idle | Taken::Closed => Vec::new(),
        }
    }

    #[test]
    fn who_gathers_is_woken_by_the_last_he_waits_for_or_by_the_end() {
        let queue = Arc::new(Queue::new(100));
        let pushing = Arc::clone(&queue);
        let pusher = std::thread::spawn(move || (1..=3).for_each(|n| pushing.push(n, 1).unwrap()));
        assert_eq!(taken(&queue, 3, LONG), [1, 2, 3]);
        pusher.join().unwrap();
        queue.push(4, 1).unwrap();
        let closing = Arc::clone(&queue);
        let closer = std::thread::spawn(move || closing.close());
        assert_eq!(taken(&queue, 2, LONG), [4], "what waits is taken, nobody else will come");
        closer.join().unwrap();
        assert!(matches!(queue.take(1, None, Gather::default(), |_, _| true), Taken::Closed));
    }

    #[test]
    fn nobody_waits_for_company_longer_than_told() {
        let queue = Queue::new(100);
        queue.push(1, 1).unwrap();
        assert_eq!(taken(&queue, 16, Duration::from_micros(1)), [1]);
        let idle = queue.take(1, Some(Duration::ZERO), Gather::default(), |_, _| true);
        assert!(matches!(idle, Taken::Idle));
    }
}
