//! placeholder
pub mod keyfile;
pub mod random;
pub mod remote;
