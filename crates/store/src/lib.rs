//! Where opaque bytes rest. Takes keys, rows and blobs, gives them back; nothing else.
//!
//! Two small traits: [`Rows`], ordered keys with conditional batches, and [`Blobs`], immutable
//! bytes by id. Everything a provider or a device keeps is written once over these two.
//!
//! Must not know: what a byte means, who owns it, how it is sealed. It links no cryptography but
//! a checksum. Bytes on disk: docs/spec/store-on-disk.md. Why these engines:
//! docs/design/store.md.
#![forbid(unsafe_code)]

mod batch;
mod blobs;
#[cfg(any(feature = "sqlite", feature = "local"))]
mod checksum;
#[cfg(feature = "testing")]
pub mod conformance;
#[cfg(feature = "local")]
pub mod decoders;
mod error;
#[cfg(feature = "testing")]
pub mod faulty;
mod files;
pub mod limits;
#[cfg(feature = "local")]
mod local;
mod memory;
mod report;
mod rows;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use batch::{Batch, Expectation, Op};
pub use blobs::{BlobId, BlobRead, Blobs, PutDone};
pub use error::{CommitError, StoreError};
pub use files::{Files, Usage};
#[cfg(feature = "local")]
pub use local::{Collected, Local};
pub use memory::Memory;
pub use report::Report;
pub use rows::{CommitDone, Rows, Scan};
#[cfg(feature = "sqlite")]
pub use sqlite::Sqlite;
