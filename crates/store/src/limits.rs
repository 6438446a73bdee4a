//! What a store accepts. Every number has a unit and says what breaks above it. Comes in: nothing.
//! Goes out: numbers.
//!
//! Must not know: engines. They check these limits before they allocate or write.

/// Bytes in a key. Above it the index blocks of the engines stop being small.
pub const KEY_BYTES_MAX: usize = 1_024;

/// Bytes in a value. Above it a value belongs in a blob: rows are held in memory tables.
pub const VALUE_BYTES_MAX: usize = 2 << 20;

/// Bytes of keys and values in one batch. A batch is held in memory until it is durable.
pub const BATCH_BYTES_MAX: usize = 128 << 20;

/// Operations and expectations in one batch.
pub const BATCH_OPS_MAX: usize = 1 << 20;

/// Bytes in a blob. A reader holds a whole blob while it checks it.
pub const BLOB_BYTES_MAX: usize = 4 << 20;
