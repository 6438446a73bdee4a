//! Encrypted Data Vaults as unmodified clients speak them. Comes in: headers, JSON and bytes of
//! strangers. Goes out: who may do what to which URL, and the objects of that protocol, checked.
//! Must not know: sockets, clocks, stores, buckets; keys that open or sign anything.
//!
//! This is a second tier beside ours: it has its own scheme of authorization (capabilities as
//! JSON, proofs over RDF) and its own objects. Only the attenuation walk ([`crate::walk`]) and the
//! check of signatures are shared. Bytes and rules: docs/spec/edv.md. Golden files: vectors/edv/.

pub mod json;
pub mod limits;
