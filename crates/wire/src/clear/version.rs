//! Clear part of a version. Comes in: bytes of a stranger. Goes out: the chunks a provider must
//! keep, and the keys for those who hold this document and nothing else. Must not know: keys; a
//! wrap is 1,184 opaque bytes here.

use crate::cbor::{CborError, Reader, Writer};
use crate::ids::ChunkId;
use crate::limits::{EPOCH_WRAPS_MAX, PARENTS_MAX, REFERENCE_LISTS_MAX, REFERENCES_INLINE_MAX};

use super::{WRAP_LEN, read_blobs, read_list, write_blobs};

/// Bytes of a document's back slot: its key and its history key at the parent, sealed.
pub const DOCUMENT_BACK_LEN: usize = 80;

/// Clear part of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The chunks it needs.
    pub references: References,
    /// Keys for those who hold this document alone; in the first version under a new epoch or
    /// generation, where there are any.
    pub keys: Option<Box<DocumentKeys>>,
}

/// The keys of one document under one epoch and generation, for those who hold it alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentKeys {
    /// Commitment to the history key.
    pub commit_bk: [u8; 32],
    /// Commitment to the document key.
    pub commit_dk: [u8; 32],
    /// Wraps of one or the other, padded to a power of two with dummies, shuffled.
    pub wraps: Vec<[u8; WRAP_LEN]>,
    /// For each parent of the version, one where it has none: the document key and the history key
    /// at the parent, sealed under this history key.
    pub back: Vec<[u8; DOCUMENT_BACK_LEN]>,
}

/// The chunks a version needs, so that a provider keeps them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum References {
    /// Up to 16 chunks, ascending.
    Chunks(Vec<ChunkId>),
    /// Reference lists: objects of ascending chunk ids, stored like chunks.
    Lists(Vec<ChunkId>),
}

impl Version {
    pub(super) fn write(&self, w: &mut Writer) {
        w.array(if self.keys.is_some() { 3 } else { 2 });
        self.references.write(w);
        if let Some(keys) = &self.keys {
            w.array(4).bytes(&keys.commit_bk).bytes(&keys.commit_dk);
            write_blobs(w, &keys.wraps);
            write_blobs(w, &keys.back);
        }
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        let fields = r.array(3)?;
        if fields < 2 {
            return Err(CborError::Limit);
        }
        let references = References::read(r)?;
        let keys = if fields == 3 { Some(Box::new(DocumentKeys::read(r)?)) } else { None };
        Ok(Self { references, keys })
    }
}

impl DocumentKeys {
    fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        r.array_exact(4)?;
        let keys = Self {
            commit_bk: r.bytes_exact()?,
            commit_dk: r.bytes_exact()?,
            wraps: read_blobs(r, EPOCH_WRAPS_MAX)?,
            back: read_blobs(r, PARENTS_MAX)?,
        };
        let sound =
            keys.wraps.len() >= 2 && keys.wraps.len().is_power_of_two() && !keys.back.is_empty();
        if sound { Ok(keys) } else { Err(CborError::Limit) }
    }
}

impl References {
    /// No chunks: the content stands in the sealed part.
    pub const NONE: Self = Self::Chunks(Vec::new());

    /// The ids named directly, chunks or lists.
    pub fn direct(&self) -> &[ChunkId] {
        match self {
            Self::Chunks(ids) | Self::Lists(ids) => ids,
        }
    }

    /// Form and ids: two items.
    pub(super) fn write(&self, w: &mut Writer) {
        let form = u64::from(matches!(self, Self::Lists(_)));
        w.uint(form).array(self.direct().len());
        for id in self.direct() {
            w.bytes(&id.0);
        }
    }

    /// Reads form and ids.
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        match r.uint()? {
            0 => read_list(r, REFERENCES_INLINE_MAX, ChunkId).map(Self::Chunks),
            1 => {
                // Lists ascend across their borders, so their own ids need no order; but none may
                // stand twice, and no list at all has one form only: no chunks.
                let count = r.array(REFERENCE_LISTS_MAX)?;
                let lists = (0..count)
                    .map(|_| r.bytes_exact().map(ChunkId))
                    .collect::<Result<Vec<_>, _>>()?;
                let doubled = lists
                    .iter()
                    .enumerate()
                    .any(|(at, id)| lists.iter().skip(at + 1).any(|o| o == id));
                match (lists.is_empty(), doubled) {
                    (true, _) => Err(CborError::Limit),
                    (_, true) => Err(CborError::Order),
                    _ => Ok(Self::Lists(lists)),
                }
            }
            _ => Err(CborError::Unknown),
        }
    }
}
