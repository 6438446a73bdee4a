//! All tests of the store that use it as others do.
#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod faulty;
mod files;
mod sqlite;
mod suite;
