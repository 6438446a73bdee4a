//! Every value a provider's rows have, for the fuzzer. Comes in: a row's kind and bytes. Goes out:
//! what is written for what was read. Must not know: where rows lie, or whose they are.
//!
//! Nobody but the provider writes them; a disk may still give back other bytes than it was given,
//! and an older program reads what a newer one wrote.

use crate::edv::rows as edv;
use crate::rows::{AuthorTip, ChunkRow, Meta, Place, RecordRow, VaultRow};

type Again = fn(&[u8]) -> Option<Vec<u8>>;

/// By the names of docs/spec/provider-rows.md.
pub const ALL: [(&str, Again); 11] = [
    ("vault", |bytes| VaultRow::decode(bytes).ok().map(|row| row.encode())),
    ("bucket", |bytes| Meta::decode(bytes).ok().map(|row| row.encode())),
    ("entry", |bytes| Place::decode(bytes).map(|row| row.encode())),
    ("author", |bytes| AuthorTip::decode(bytes).map(|row| row.encode())),
    ("chunk", |bytes| ChunkRow::decode(bytes).map(|row| row.encode())),
    ("record", |bytes| RecordRow::decode(bytes).ok().map(|row| row.encode())),
    ("edv vault", |bytes| edv::VaultRow::decode(bytes).ok().map(|row| row.encode())),
    ("edv document", |bytes| edv::DocumentRow::decode(bytes).ok().map(|row| row.encode())),
    ("edv chunk", |bytes| edv::ChunkRow::decode(bytes).ok().map(|row| row.encode())),
    ("edv body", |bytes| edv::BodyRow::decode(bytes).map(|row| row.encode())),
    ("edv change", |bytes| edv::ChangeRow::decode(bytes).map(|row| row.encode())),
];
