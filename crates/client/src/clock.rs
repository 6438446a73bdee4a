//! The clock. Comes in: the system's time. Goes out: milliseconds. Must not know: who asks.

use std::time::{SystemTime, UNIX_EPOCH};

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

    /// Seconds since 1970.
    pub fn now_secs(&self) -> u64 {
        self.now_millis() / 1_000
    }
}
