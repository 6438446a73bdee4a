//! Progress. Comes in: what a long piece of work has done. Goes out: to whoever shows it. Must not
//! know: terminals.

/// Told about work that may take more than a second. Calls are cheap and frequent; an
/// implementation throttles. All methods may be called from several threads.
pub trait Progress: Send + Sync {
    /// A new part of the work begins, with its size where it is known.
    fn begin(&self, what: Stage, total_items: Option<u64>, total_bytes: Option<u64>) {
        let _ = (what, total_items, total_bytes);
    }

    /// So much more is done.
    fn advance(&self, items: u64, bytes: u64) {
        let _ = (items, bytes);
    }

    /// Whether the person wants it to end (Ctrl-C). What is done stays done.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Parts of work, for the words in front of a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Looking at what is there.
    Scan,
    /// Sealing and storing.
    Store,
    /// Sending to a provider.
    Send,
    /// Receiving from a provider.
    Receive,
    /// Writing files.
    Write,
    /// Checking.
    Check,
}

/// Shows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Progress for Quiet {}
