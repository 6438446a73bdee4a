//! What goes wrong, how often; and how often it did. Comes in: a seed and rates. Goes out: whether
//! this step fails.
//!
//! Must not know: stores.

use std::time::Duration;

/// What goes wrong. Chances are from 0.0, never, to 1.0, always. The default: nothing.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// A write fails with an I/O error; nothing of it is stored.
    pub write_error: f64,
    /// A read fails with an I/O error.
    pub read_error: f64,
    /// A write finds the disk full; nothing of it is stored.
    pub full: f64,
    /// Every write after so many finds the disk full.
    pub full_after: Option<u64>,
    /// A write is acknowledged and seen, and so are all after it, but a crash loses them.
    pub lost_fsync: f64,
    /// A crash does not lose all unsynced writes: the first few survive.
    pub torn_groups: bool,
    /// One bit of a value or blob is wrong, this time.
    pub rot_on_read: f64,
    /// One bit of a value or blob is wrong from now on.
    pub rot_for_good: f64,
    /// A call takes longer.
    pub delay: f64,
    /// By at most this much.
    pub delay_max: Duration,
}

/// How often each fault fired.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fired {
    /// Writes that failed.
    pub write_errors: u64,
    /// Reads that failed.
    pub read_errors: u64,
    /// Writes that found the disk full.
    pub full: u64,
    /// Writes that were acknowledged but not stored.
    pub lost_fsyncs: u64,
    /// Writes that a crash lost.
    pub lost_writes: u64,
    /// Crashes that kept the beginning of an unsynced group and lost its end.
    pub torn_groups: u64,
    /// Reads with a wrong bit.
    pub rotten_reads: u64,
    /// Calls that took longer.
    pub delays: u64,
}

impl Fired {
    /// All together.
    pub fn total(&self) -> u64 {
        let errors = self.write_errors + self.read_errors + self.full;
        errors
            + self.lost_fsyncs
            + self.lost_writes
            + self.torn_groups
            + self.rotten_reads
            + self.delays
    }
}
