//! Encrypted Data Vaults as unmodified clients speak them. Comes in: headers, JSON and bytes of
//! strangers. Goes out: who may do what to which URL, and the objects of that protocol, checked.
//! Must not know: sockets, clocks, stores, buckets; keys that open or sign anything.
//!
//! This is a second tier beside ours: it has its own scheme of authorization (capabilities as
//! JSON, proofs over RDF) and its own objects. Only the attenuation walk ([`crate::walk`]) and the
//! check of signatures are shared. Bytes and rules: docs/spec/edv.md. Golden files: vectors/edv/,
//! vectors/zcap/, vectors/canon/.
//!
//! A request goes [`signature::verify`] → [`invocation::Invocation::authorize`] → look whether one
//! of [`invocation::Authorized::delegations`] was revoked. One step gives what the next needs.

pub mod canon;
pub mod chain;
mod denied;
mod gzip;
pub mod ids;
pub mod invocation;
pub mod json;
pub mod limits;
pub mod model;
mod params;
pub mod quads;
pub mod revocation;
pub mod signature;
pub mod time;
pub mod zcap;

pub use denied::Denied;
