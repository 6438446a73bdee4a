//! What a check of a store found. Comes in: findings. Goes out: one report.
//!
//! Must not know: engines. Paths of the machine do not appear.

/// The result of a check: how much was looked at, and what is damaged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Rows looked at.
    pub rows: u64,
    /// Blobs looked at.
    pub blobs: u64,
    /// Bytes of blobs looked at.
    pub blob_bytes: u64,
    /// What is damaged, one line each, as a person would look for it. Empty: all is well.
    pub damaged: Vec<String>,
}

impl Report {
    /// Whether nothing is damaged.
    pub fn is_clean(&self) -> bool {
        self.damaged.is_empty()
    }
}
