//! A member's day from outside the crate: vaults on devices, a real provider on loopback, real
//! processes where one is killed, real damage on real disks. Each story has its bad case.
//!
//! `STRONGROOM_LONG=1` lets the long ones run long.

mod blindness;
mod checkpoints;
mod damage;
mod devices;
mod epochs;
mod faults;
mod getting;
mod growth;
mod kills;
mod processes;
mod support;
mod trees;
mod trees_agree;
mod unreachable;
mod worker;
