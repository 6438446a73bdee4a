//! Tests of the crate from outside: golden files, attacks on whole streams, bytes of strangers.

#[path = "../../../wire/tests/it/golden.rs"]
#[allow(dead_code)] // shared with the wire crate, which uses other parts of it
mod golden;

mod arbitrary;
mod content;
mod edv;
mod independent;
mod make_content;
mod make_edv_document;
mod make_jwe;
mod make_keys;
mod make_link;
mod make_part;
mod make_recovery;
mod make_store;
mod make_wrap;
mod sizes;
mod vectors;
