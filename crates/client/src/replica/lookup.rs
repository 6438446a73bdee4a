//! Finding documents. Comes in: names and tags. Goes out: what is shown there. Must not know:
//! contents; nothing here opens an entry.

use strongroom_core::document::DocumentType;
use strongroom_core::tree::{CONFLICT_MARK, Named, Sibling, name_siblings};
use strongroom_wire::ids::DocumentTag;

use super::Replica;
use super::keys::{self, BucketNo};
use super::rows::{DocumentRow, Head, NameRow};
use crate::error::Result;

/// One shown document, with the name it is shown under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The name in listings; differs from the stored one for conflict copies.
    pub name: String,
    /// Whether it keeps its stored name.
    pub keeps_name: bool,
    /// The row.
    pub row: NameRow,
}

impl Shown {
    /// The head.
    pub const fn head(&self) -> &Head {
        &self.row.head
    }

    /// What kind of document it is.
    pub fn kind(&self) -> DocumentType {
        self.row.head.facts.as_ref().map_or(DocumentType::Internal, |facts| facts.kind)
    }

    /// True length.
    pub fn size(&self) -> u64 {
        self.row.head.facts.as_ref().map_or(0, |facts| facts.size)
    }
}

impl Replica {
    /// A document's heads and place.
    pub fn document(&self, bucket: BucketNo, tag: DocumentTag) -> Result<Option<DocumentRow>> {
        self.get(&keys::document(bucket, tag))
    }

    /// As [`Self::document`], for many at once and in their order.
    pub fn documents(
        &self,
        bucket: BucketNo,
        tags: &[DocumentTag],
    ) -> Result<Vec<Option<DocumentRow>>> {
        let keys: Vec<_> = tags.iter().map(|tag| keys::document(bucket, *tag)).collect();
        self.get_many(&keys)
    }

    /// What is shown in a directory, by name. Internal documents are left out.
    pub fn directory(&self, bucket: BucketNo, dir: DocumentTag) -> Result<Vec<Shown>> {
        let rows = self.all::<NameRow>(&keys::directory(self.key(), bucket, dir))?;
        Ok(show(rows.into_iter().map(|(_, row)| row).collect()))
    }

    /// What is shown under this name in a directory. A conflict copy is found by the name it is
    /// shown under.
    pub fn named(&self, bucket: BucketNo, dir: DocumentTag, name: &str) -> Result<Option<Shown>> {
        let rows = self.all::<NameRow>(&keys::named(self.key(), bucket, dir, name))?;
        let shown = show(rows.into_iter().map(|(_, row)| row).collect());
        let kept = shown.into_iter().find(|one| one.keeps_name);
        if kept.is_some() || !name.contains(CONFLICT_MARK) {
            return Ok(kept);
        }
        Ok(self.directory(bucket, dir)?.into_iter().find(|one| one.name == name))
    }
}

/// Gives every row its name. Internal documents are left out.
fn show(mut rows: Vec<NameRow>) -> Vec<Shown> {
    rows.retain(|row| {
        row.head.facts.as_ref().is_some_and(|facts| facts.kind != DocumentType::Internal)
    });
    let named = name_siblings(rows, |row| Sibling {
        tag: row.tag,
        rank: (row.head.hlc, row.head.id),
        name: stored_name(row),
        is_copy: !row.first,
    });
    let shown = named.into_iter().map(|Named { item: row, made }| Shown {
        keeps_name: made.is_none(),
        name: made.unwrap_or_else(|| stored_name(&row).to_owned()),
        row,
    });
    shown.collect()
}

fn stored_name(row: &NameRow) -> &str {
    row.head.facts.as_ref().map(|facts| facts.name.as_str()).unwrap_or_default()
}
