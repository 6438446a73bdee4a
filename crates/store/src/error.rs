//! What can go wrong in a store: one closed list, with what to do in every message.
//! Comes in: what an engine met. Goes out: one error.
//!
//! Must not know: paths of the machine. A file is named by its name inside the store, so that a
//! message can go into a log or to a stranger.

use std::io;

/// Why a store could not do what was asked.
///
/// It can be cloned because one failed fsync is the answer to everyone who waited for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No room on the disk (or over its quota). Nothing was written; it can be tried again.
    #[error("the disk of the store is full: make room, then try again")]
    Full,
    /// Stored bytes are not what was written. Nothing of them is handed out.
    #[error("the store is damaged at {what}: run its check, then repair or restore it")]
    Corrupt {
        /// The file, row or blob that is damaged, as a person would look for it.
        what: String,
    },
    /// The system refused to read or write.
    #[error("the store could not {doing}: {why}")]
    Io {
        /// The attempt that failed: "read segment 7".
        doing: String,
        /// The system's reason.
        why: String,
    },
    /// Another process has the store open, or holds its lock for too long.
    #[error("the store is in use by another process: stop it, or wait for it")]
    Busy,
    /// The store was closed, or stopped itself after an error it cannot pass over safely.
    #[error("the store is closed: open it again")]
    Closed,
    /// Something is above one of [`crate::limits`]. Nothing was written.
    #[error("{what} is larger than the store accepts (at most {max})")]
    TooLarge {
        /// The thing that is too large: "a key".
        what: &'static str,
        /// The limit it broke.
        max: usize,
    },
    /// The store was written by a newer version, or is not a store at all.
    #[error("this is not a store this version can open: {what}")]
    Foreign {
        /// What was found instead.
        what: String,
    },
}

impl StoreError {
    /// Turns an error of the system into one of ours: no room is `Full`, the rest is `Io`.
    pub fn from_io(doing: &str, error: &io::Error) -> Self {
        match error.kind() {
            // A limit on the size of files is a kind of full disk, too.
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::Full,
            _ => Self::Io { doing: doing.to_owned(), why: error.to_string() },
        }
    }

    /// Names what is damaged.
    pub fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into() }
    }
}

/// Why a batch was refused. In every case nothing of it was applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// A key did not hold what the batch expected. Read again and decide anew.
    #[error("somebody else changed what this batch expected: read again, then retry")]
    Conflict {
        /// The first key, in the order of the expectations, that was different.
        key: Vec<u8>,
    },
    /// The store itself failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
