//! One binary for all integration tests of this crate: what a member can work out, against golden
//! files and as stories.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod alices;
mod arbitrary;
mod checkpoint;
mod contact;
mod document;
mod drops;
mod founding;
#[path = "../../../wire/tests/it/golden.rs"]
mod golden;
mod granting;
mod holding;
mod joining;
mod keylog;
mod make_card;
mod make_checkpoint;
mod make_document;
mod make_invitation;
mod make_keylog;
mod make_message;
mod make_names;
mod make_pairing;
mod make_renewal;
mod membership;
mod names;
mod pairing;
mod people;
mod resolve;
mod rotation;
mod sealings;
mod tree;
mod vectors;
mod writer;
