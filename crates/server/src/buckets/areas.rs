//! Parts of a bucket: one document, or one version of one. Comes in: what a chain is about. Goes
//! out: whether an entry or a chunk belongs to it, and the sum of what does. Must not know: who
//! asks.

use std::ops::ControlFlow;

use strongroom_store::{BlobId, Scan};
use strongroom_wire::cbor::Reader;
use strongroom_wire::clear::{Clear, References};
use strongroom_wire::entry::{Entry, Header};
use strongroom_wire::fingerprint::SetSum;
use strongroom_wire::frame::Area;
use strongroom_wire::ids::{ChunkId, DocumentTag, EntryId};
use strongroom_wire::limits::HEADER_LEN_MAX;

use super::admit::ids_of_list;
use super::{Bucket, Buckets, Published, damaged};
use crate::refusal::Refusal;
use crate::rows::{self, Version};

/// Whether an encoded entry lies in the area.
pub fn is_in(area: Area, entry: &[u8]) -> bool {
    if area == Area::Bucket {
        return true;
    }
    let mut r = Reader::new(entry);
    let Ok(bytes) = r.array_exact(4).and_then(|()| r.bytes(HEADER_LEN_MAX)) else { return false };
    let id = EntryId(*blake3::hash(bytes).as_bytes());
    Header::decode(bytes).is_ok_and(|header| area.contains(&header, &id))
}

impl Buckets {
    /// Sum and count of what lies in an area, as of this state.
    pub fn sum_of(
        &self,
        bucket: &Bucket,
        shown: &Published,
        area: Area,
    ) -> Result<SetSum, Refusal> {
        let mut sum = SetSum::default();
        let (tag, one) = match area {
            Area::Bucket => return Ok(shown.sum),
            Area::Document(tag) => (tag, None),
            Area::Version(tag, id) => (tag, Some(id)),
        };
        for (id, hlc) in shown.control.entries() {
            sum.add(*hlc, *id);
        }
        for (_, version) in self.about(bucket, tag, shown.arrivals)? {
            if one.is_none_or(|id| id == version.id) {
                sum.add(version.hlc, version.id);
            }
        }
        Ok(sum)
    }

    /// Whether an entry of the area, which is no whole bucket, refers to this chunk: directly, or
    /// through a reference list.
    pub fn refers(&self, bucket: &Bucket, area: Area, chunk: ChunkId) -> Result<bool, Refusal> {
        let (tag, one) = match area {
            Area::Bucket => return Ok(true),
            Area::Document(tag) => (tag, None),
            Area::Version(tag, id) => (tag, Some(id)),
        };
        let about = self.about(bucket, tag, bucket.published().arrivals)?;
        // The newest first: that is what is mostly read.
        for (number, version) in about.into_iter().rev() {
            if one.is_some_and(|id| id != version.id) {
                continue;
            }
            let row =
                self.store.rows.get(&rows::arrival(bucket.id, number))?.ok_or_else(damaged)?;
            let entry = Entry::decode(row.get(1..).unwrap_or_default()).map_err(|_| damaged())?;
            let Ok(Clear::Version(said)) = Clear::decode(entry.header().kind, entry.clear()) else {
                continue;
            };
            if self.names(&said.references, chunk)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn names(&self, references: &References, chunk: ChunkId) -> Result<bool, Refusal> {
        if references.direct().contains(&chunk) {
            return Ok(true);
        }
        let References::Lists(lists) = references else { return Ok(false) };
        for list in lists {
            let bytes = self.store.blobs.get(&BlobId(list.0), 0..u64::MAX)?;
            if let Some(ids) = bytes.as_deref().and_then(ids_of_list)
                && ids.binary_search(&chunk.0).is_ok()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Durable entries about a document, in the order of their arrival.
    fn about(
        &self,
        bucket: &Bucket,
        tag: DocumentTag,
        arrivals: u64,
    ) -> Result<Vec<(u64, Version)>, Refusal> {
        let first = rows::version(bucket.id, tag, 0);
        let scan = Scan::range(first, rows::version(bucket.id, tag, arrivals + 1));
        let (mut found, mut bad) = (Vec::new(), false);
        self.store.rows.scan(&scan, &mut |key, value| {
            match (rows::number_of_version(key), Version::decode(value)) {
                (Some(number), Some(version)) => found.push((number, version)),
                _ => bad = true,
            }
            ControlFlow::Continue(())
        })?;
        if bad { Err(damaged()) } else { Ok(found) }
    }
}
