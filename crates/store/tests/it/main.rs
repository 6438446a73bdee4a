//! All tests of the store that use it as others do.
#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod crash;
mod damage;
mod faulty;
mod files;
mod full;
mod golden;
mod local;
mod sqlite;
mod suite;
