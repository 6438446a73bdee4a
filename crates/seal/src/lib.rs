//! What needs keys: derivation, sealing, wrapping, chunk streams, identity keys, the key store and
//! the recovery phrase.
//!
//! Comes in: keys, plaintext, randomness, bytes of strangers. Goes out: sealed bytes, opened
//! bytes, or one error that tells an attacker nothing. Must not know: files, sockets, clocks, the
//! system's randomness (it is an argument), names, or who is asking.
//!
//! The bytes are fixed in `docs/spec/`: `keys.md`, `sealed-part.md`, `chunk.md`, `manifest.md`,
//! `epoch.md`, `key-store.md`, `recovery-phrase.md`. Golden files: `vectors/`.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod aead;
pub mod agree;
pub mod blind;
pub mod cost;
mod derive;
pub mod edv;
pub mod epoch;
pub mod identity;
pub mod invitation;
pub mod jcs;
pub mod jwe;
pub mod kem;
pub mod keys;
pub mod keystore;
mod layout;
pub mod link;
pub mod local;
pub mod manifest;
pub mod message;
pub mod padding;
pub mod pairing;
pub mod part;
mod password;
pub mod phrase;
pub mod recovery;
pub mod rng;
pub mod sealing;
pub mod stream;
pub mod suite;
pub mod wrap;

pub use aead::{OpenError, SealError};
pub use zeroize::Zeroizing;
