//! The clock. Comes in: the system's time. Goes out: milliseconds. Must not know: who asks.

use std::time::{SystemTime, UNIX_EPOCH};

use strongroom_wire::entry::Hlc;

/// Milliseconds by which another device's clock may be ahead.
const AHEAD_MAX_MS: u64 = 24 * 3_600_000;

/// The system's clock; tests bring their own time by shifting it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    shift_millis: i64,
}

impl Clock {
    /// A clock that is wrong by so much.
    pub const fn shifted(shift_millis: i64) -> Self {
        Self { shift_millis }
    }

    /// Milliseconds since 1970.
    pub fn now_millis(&self) -> u64 {
        let real = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
        real.saturating_add_signed(self.shift_millis)
    }

    /// The latest time an entry of another device may carry and still be followed: a day ahead.
    /// What lies beyond is kept, and moves no clock (attack A36).
    pub fn horizon(&self) -> Hlc {
        Hlc::new(self.now_millis().saturating_add(AHEAD_MAX_MS), u16::MAX)
    }

    /// Seconds since 1970.
    pub fn now_secs(&self) -> u64 {
        self.now_millis() / 1_000
    }
}
