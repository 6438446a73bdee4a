//! What both sides of Strongroom may see and must agree on.
//!
//! Comes in: bytes of strangers. Goes out: ids, entries, capabilities, frames and requests that
//! were checked. Must not know: keys that open anything, files, sockets, clocks.
//!
//! The provider links this crate and never `strongroom-seal` or `strongroom-core`: it can check
//! who may do what to which opaque bytes, and has no code that could open them.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod api;
pub mod base58;
pub mod capability;
pub mod cbor;
pub mod chain;
pub mod clear;
pub mod control;
pub mod cose;
pub mod did_key;
pub mod drop_card;
pub mod edv;
pub mod entry;
pub mod fingerprint;
pub mod format;
pub mod frame;
pub mod heads;
pub mod http_signature;
pub mod ids;
pub mod limits;
pub mod link;
mod past;
pub mod problem;
pub mod recovery;
pub mod rules;
pub mod session;
pub mod signature;
pub mod statement;
pub mod thumbprint;
pub mod walk;
