//! What a member of a bucket can work out: documents, versions, the tree, who is who.
//!
//! Comes in: verified entries, opened with keys the caller holds. Goes out: state, and new entries.
//! Must not know: clocks, randomness, disks, sockets; all of these come as arguments, so that a
//! test is a loop, a crash replays from a seed and a browser runs the same code.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod alone;
pub mod card;
pub mod checkpoint;
pub mod contact;
pub mod document;
pub mod drops;
pub mod founding;
pub mod granting;
pub mod holding;
pub mod inbox;
pub mod invitation;
pub mod joining;
pub mod keylog;
pub mod keyring;
pub mod link;
pub mod merge;
pub mod message;
pub mod names;
pub mod pairing;
pub mod parts;
pub mod resolve;
pub mod rotation;
pub mod safety;
pub mod tree;
pub mod writer;
