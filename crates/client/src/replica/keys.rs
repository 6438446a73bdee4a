//! Row keys of the replica: one letter per kind, then fixed-width parts. Comes in: ids. Goes out:
//! keys that scan in the order we need. Must not know: what a row says.
//!
//! Names and directories never stand in a key as they are: `blind` makes 16 bytes of them under
//! the device's local key. Bytes: docs/spec/replica.md.

use strongroom_seal::local::LocalKey;
use strongroom_wire::entry::Hlc;
use strongroom_wire::frame::Area;
use strongroom_wire::ids::{AuthorKey, BucketId, ChunkId, DocumentTag, EntryId};

use crate::error::Result;

/// A bucket's number in this replica.
pub type BucketNo = u32;
/// An entry's number in this replica, per bucket, from 1.
pub type LocalNo = u64;
/// A provider's number in this replica.
pub type RemoteNo = u32;

fn key(kind: u8, bucket: BucketNo, parts: &[&[u8]]) -> Vec<u8> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(5 + len);
    out.push(kind);
    out.extend_from_slice(&bucket.to_be_bytes());
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// Facts of the whole replica.
pub const META: &[u8] = b"M";
/// The person's agree seeds.
pub const AGREE: &[u8] = b"L";
/// All bucket records.
pub const BUCKETS: &[u8] = b"B";
/// All remotes.
pub const REMOTES: &[u8] = b"R";
/// All upload journals.
pub const JOURNALS: &[u8] = b"J";
/// When recovery records were put.
pub const RECORDS: &[u8] = b"Y";
/// Notices for the person.
pub const NOTICES: &[u8] = b"W";

/// Record of a bucket.
pub fn bucket(id: BucketId) -> Vec<u8> {
    [BUCKETS, &id.0].concat()
}
/// Record of a part of a bucket: one document, or one version of it.
pub fn bucket_part(id: BucketId, area: Area) -> Vec<u8> {
    match area {
        Area::Bucket => bucket(id),
        Area::Document(tag) => [BUCKETS, &id.0, &tag.0].concat(),
        Area::Version(tag, version) => [BUCKETS, &id.0, &tag.0, &version.0].concat(),
    }
}
/// Record of a remote.
pub fn remote(no: RemoteNo) -> Vec<u8> {
    [REMOTES, &no.to_be_bytes()].concat()
}
/// When the recovery record at a remote was put.
pub fn record(no: RemoteNo) -> Vec<u8> {
    [RECORDS, &no.to_be_bytes()].concat()
}
/// What checkpoints leave behind in a bucket.
pub fn checkpoints(b: BucketNo) -> Vec<u8> {
    key(b'K', b, &[])
}
/// All fork proofs of a bucket.
pub fn forks(b: BucketNo) -> Vec<u8> {
    key(b'F', b, &[])
}
/// One of them.
pub fn fork(b: BucketNo, author: AuthorKey, seq: u64) -> Vec<u8> {
    key(b'F', b, &[&author.0, &seq.to_be_bytes()])
}
/// Where this device's chain and numbering stand; every commit expects it unchanged.
pub fn tip(b: BucketNo) -> Vec<u8> {
    key(b'T', b, &[])
}
/// Counts of a bucket.
pub fn totals(b: BucketNo) -> Vec<u8> {
    key(b'G', b, &[])
}
/// An entry by number.
pub fn entry(b: BucketNo, no: LocalNo) -> Vec<u8> {
    key(b'E', b, &[&no.to_be_bytes()])
}
/// Number of an entry.
pub fn entry_no(b: BucketNo, id: EntryId) -> Vec<u8> {
    key(b'I', b, &[&id.0])
}
/// Last entry of an author.
pub fn author(b: BucketNo, author: AuthorKey) -> Vec<u8> {
    key(b'A', b, &[&author.0])
}
/// All authors.
pub fn authors(b: BucketNo) -> Vec<u8> {
    key(b'A', b, &[])
}
/// A control entry, by number.
pub fn control(b: BucketNo, no: LocalNo) -> Vec<u8> {
    key(b'C', b, &[&no.to_be_bytes()])
}
/// All control entries.
pub fn controls(b: BucketNo) -> Vec<u8> {
    key(b'C', b, &[])
}
/// A document's heads and place.
pub fn document(b: BucketNo, tag: DocumentTag) -> Vec<u8> {
    key(b'D', b, &[&tag.0])
}
/// All documents.
pub fn documents(b: BucketNo) -> Vec<u8> {
    key(b'D', b, &[])
}
/// The document whose row this key is.
pub fn tag_of(key: &[u8]) -> Result<DocumentTag> {
    let tag = key.last_chunk::<16>();
    tag.map(|tag| DocumentTag(*tag)).ok_or_else(super::damaged_row)
}
/// One version of a document.
pub fn version(b: BucketNo, tag: DocumentTag, hlc: Hlc, id: EntryId) -> Vec<u8> {
    key(b'V', b, &[&tag.0, &hlc.0.to_be_bytes(), &id.0])
}
/// All versions of a document, oldest first.
pub fn versions(b: BucketNo, tag: DocumentTag) -> Vec<u8> {
    key(b'V', b, &[&tag.0])
}
/// What stands in a directory.
pub fn directory(k: &LocalKey, b: BucketNo, dir: DocumentTag) -> Vec<u8> {
    key(b'N', b, &[&k.blind("directory", &dir.0)])
}
/// What has this name in a directory.
pub fn named(k: &LocalKey, b: BucketNo, dir: DocumentTag, name: &str) -> Vec<u8> {
    let mut data = dir.0.to_vec();
    data.extend_from_slice(name.as_bytes());
    key(b'N', b, &[&k.blind("directory", &dir.0), &k.blind("name", &data)])
}
/// One head of a document under its name.
pub fn name(
    k: &LocalKey,
    b: BucketNo,
    dir: DocumentTag,
    name: &str,
    tag: DocumentTag,
    head: EntryId,
) -> Vec<u8> {
    let mut out = named(k, b, dir, name);
    let mut data = tag.0.to_vec();
    data.extend_from_slice(&head.0);
    out.extend_from_slice(&k.blind("head", &data));
    out
}
/// Documents shown at the root because of any parent.
pub fn all_waiting(b: BucketNo) -> Vec<u8> {
    key(b'Q', b, &[])
}
/// Documents shown at the root because of this parent.
pub fn waiting_for(k: &LocalKey, b: BucketNo, parent: DocumentTag) -> Vec<u8> {
    key(b'Q', b, &[&k.blind("waiting", &parent.0)])
}
/// One of them.
pub fn waiting(k: &LocalKey, b: BucketNo, parent: DocumentTag, tag: DocumentTag) -> Vec<u8> {
    let mut out = waiting_for(k, b, parent);
    out.extend_from_slice(&tag.0);
    out
}
/// Documents in conflict.
pub fn conflicts(b: BucketNo) -> Vec<u8> {
    key(b'X', b, &[])
}
/// One of them.
pub fn conflict(b: BucketNo, tag: DocumentTag) -> Vec<u8> {
    key(b'X', b, &[&tag.0])
}
/// An entry that counts for nothing because its author was taken out, by number.
pub fn hidden(b: BucketNo, no: LocalNo) -> Vec<u8> {
    key(b'H', b, &[&no.to_be_bytes()])
}
/// All of them.
pub fn all_hidden(b: BucketNo) -> Vec<u8> {
    key(b'H', b, &[])
}
/// A message that was not purged, by number.
pub fn message(b: BucketNo, no: LocalNo) -> Vec<u8> {
    key(b'L', b, &[&no.to_be_bytes()])
}
/// All of them.
pub fn messages(b: BucketNo) -> Vec<u8> {
    key(b'L', b, &[])
}
/// A member entry that made a drop, by number.
pub fn drop_made(b: BucketNo, no: LocalNo) -> Vec<u8> {
    key(b'O', b, &[&no.to_be_bytes()])
}
/// All of them.
pub fn drops_made(b: BucketNo) -> Vec<u8> {
    key(b'O', b, &[])
}
/// Which drop card a remote was given last.
pub fn drop_card(b: BucketNo, remote: RemoteNo) -> Vec<u8> {
    key(b'Z', b, &[&remote.to_be_bytes()])
}
/// Says that entries must be judged again, because a revoke came or fell.
pub fn unsettled(b: BucketNo) -> Vec<u8> {
    key(b'U', b, &[])
}
/// Says that a document was granted alone at some time.
pub fn granted(b: BucketNo, tag: DocumentTag) -> Vec<u8> {
    key(b'o', b, &[&tag.0])
}
/// All such documents.
pub fn all_granted(b: BucketNo) -> Vec<u8> {
    key(b'o', b, &[])
}
/// Keys of the one document that is held of a bucket.
pub fn alone(b: BucketNo) -> Vec<u8> {
    key(b'z', b, &[])
}
/// Where the exchange with a remote stands.
pub fn sync(b: BucketNo, remote: RemoteNo) -> Vec<u8> {
    key(b'S', b, &[&remote.to_be_bytes()])
}
/// All rows that follow from a bucket's entries, and where its exchanges stand.
pub fn of_entries(k: &LocalKey, b: BucketNo) -> Vec<Vec<u8>> {
    let start = |key: Vec<u8>| key.get(..5).map(<[u8]>::to_vec).unwrap_or_default();
    vec![
        totals(b),
        start(entry(b, 0)),
        start(entry_no(b, EntryId::ZERO)),
        authors(b),
        controls(b),
        documents(b),
        start(versions(b, DocumentTag::ZERO)),
        start(directory(k, b, DocumentTag::ZERO)),
        all_waiting(b),
        conflicts(b),
        all_hidden(b),
        messages(b),
        drops_made(b),
        all_granted(b),
        unsettled(b),
        start(sync(b, 0)),
    ]
}

/// Chunks in the cache that no provider has committed yet.
pub fn pending_chunks(b: BucketNo) -> Vec<u8> {
    key(b'P', b, &[])
}
/// One of them.
pub fn pending_chunk(b: BucketNo, chunk: ChunkId) -> Vec<u8> {
    key(b'P', b, &[&chunk.0])
}
/// An upload journal's head.
pub fn journal(id: &[u8; 16]) -> Vec<u8> {
    [JOURNALS, &id[..], &[0]].concat()
}
/// A piece of an upload journal.
pub fn journal_piece(id: &[u8; 16], piece: u64) -> Vec<u8> {
    [JOURNALS, &id[..], &[1], &piece.to_be_bytes()].concat()
}
/// All pieces of an upload journal.
pub fn journal_pieces(id: &[u8; 16]) -> Vec<u8> {
    [JOURNALS, &id[..], &[1]].concat()
}
