//! Worlds in which the rules of membership are tried: people who share a bucket, devices that hear
//! of each other late or never, and members who turn against the rest with a provider at their
//! side. Comes in: a seed, or the number of an attack. Goes out: what broke, with all that led to
//! it. Must not know: how the rules decide; they are the shipped code, `strongroom_wire::rules`.
#![forbid(unsafe_code)]

pub mod dice;
pub mod honest;
pub mod properties;
pub mod small;
mod story;
pub mod turned;
pub mod wild;
pub mod world;
