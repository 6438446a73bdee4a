//! The rules of this source tree. Comes in: the texts of files. Goes out: what is wrong with them,
//! one line each. Must not know: how files are built, or what they mean.
//!
//! `tests/tidy.rs` holds the rules against the tree. A rule that stops teaching is removed here.
#![forbid(unsafe_code)]

mod source;
mod tree;

pub use source::{Source, uses_of};
pub use tree::{all_files, manifests, root};
