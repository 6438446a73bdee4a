//! One binary for all integration tests of this crate: formats against their golden files, and
//! the stories of entries, chains and frames.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod arbitrary;
mod capability_form;
mod capability_grants;
mod capability_properties;
mod capability_rules;
mod capability_vectors;
mod chain;
mod chains;
mod control;
mod control_world;
mod drops;
mod edv;
mod edv_json;
mod edv_model;
mod entry;
mod frame;
mod golden;
mod heads;
mod http_signature;
mod make_api;
mod make_capability;
mod make_chain;
mod make_clear;
mod make_drop;
mod make_entry;
mod make_frame;
mod make_link;
mod make_session;
mod recovery;
mod requests;
mod samples;
mod session;
mod vectors;
