//! A member's day from outside the crate: vaults on devices, a real provider on loopback, real
//! processes where one is killed, real damage on real disks. Each story has its bad case.
//!
//! `STRONGROOM_LONG=1` lets the long ones run long.

mod across;
mod blindness;
mod checkpoints;
mod contacts;
mod damage;
mod devices;
mod documents;
mod drops;
mod edv;
mod epochs;
mod faults;
mod fetching;
mod getting;
#[path = "../../../wire/tests/it/golden.rs"]
#[allow(dead_code)] // shared with the wire crate, which uses other parts of it
mod golden;
mod growth;
mod inbox;
mod kills;
mod links;
mod lost_device;
mod make_own;
mod make_own_edv;
mod members;
mod own_vectors;
mod pairing;
mod processes;
mod requests;
mod sharing;
mod support;
mod trees;
mod trees_agree;
mod unreachable;
mod web;
mod worker;
