//! One suite that every engine and every wrapper passes. Takes a maker of stores, gives nothing;
//! panics with the broken promise.
//!
//! Must not know: which engine it has in hand.
//!
//! ```
//! use strongroom_store::{Memory, conformance};
//! conformance::rows(Memory::new);
//! conformance::blobs(Memory::new);
//! ```
#![allow(clippy::unwrap_used, clippy::panic, reason = "a suite fails by panicking")]

mod blobs;
mod dice;
mod rows;

pub use blobs::blobs;
pub use dice::Dice;
pub use rows::rows;
