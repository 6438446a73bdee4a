//! From places to documents. Comes in: `[BUCKET:]/path`. Goes out: the document there, its
//! directory. Must not know: contents.

use strongroom_core::document::DocumentType;
use strongroom_wire::ids::DocumentTag;
use strongroom_wire::limits::PATH_DEPTH_MAX;

use super::{Bucket, Vault};
use crate::error::{Error, ErrorKind, Result};
use crate::place::Place;
use crate::replica::lookup::Shown;

impl Vault {
    /// The document at a place; `None` if there is none. The root has no document.
    pub(crate) fn find_place(&self, place: &Place) -> Result<Option<(Bucket, Shown)>> {
        let bucket = self.bucket(place.bucket.as_deref())?;
        let found = self.find_names(&bucket, &place.names)?;
        Ok(found.map(|shown| (bucket, shown)))
    }

    /// The document at a place, or a clear word that there is none.
    pub(crate) fn need_place(&self, place: &Place) -> Result<(Bucket, Shown)> {
        if place.names.is_empty() {
            return Err(Error::new(ErrorKind::Usage, "the root of a bucket is no document"));
        }
        self.find_place(place)?.ok_or_else(|| Error::not_found(place))
    }

    /// Whether there is a directory at a place.
    pub fn is_directory(&self, place: &Place) -> Result<bool> {
        Ok(self.need_place(place)?.1.kind() == DocumentType::Directory)
    }

    /// The document these names lead to.
    pub(crate) fn find_names(&self, bucket: &Bucket, names: &[String]) -> Result<Option<Shown>> {
        let Some((last, above)) = names.split_last() else { return Ok(None) };
        let Some(dir) = self.find_directory(bucket, above)? else { return Ok(None) };
        self.replica.named(bucket.no(), dir, last)
    }

    /// The directory these names lead to; no names: the root.
    pub(crate) fn find_directory(
        &self,
        bucket: &Bucket,
        names: &[String],
    ) -> Result<Option<DocumentTag>> {
        let mut dir = DocumentTag::ZERO;
        for name in names {
            match self.replica.named(bucket.no(), dir, name)? {
                Some(shown) if shown.kind() == DocumentType::Directory => dir = shown.row.tag,
                _ => return Ok(None),
            }
        }
        Ok(Some(dir))
    }

    /// The path of a document, by its directories; starts at the root.
    pub(crate) fn path_of(&self, bucket: &Bucket, tag: DocumentTag) -> Result<String> {
        let mut names = Vec::new();
        let mut at = tag;
        for _ in 0..PATH_DEPTH_MAX {
            let Some(row) = self.replica.document(bucket.no(), at)? else { break };
            let Some(head) = row.current().or(row.heads.first()) else { break };
            if let Some(facts) = &head.facts {
                names.push(facts.name.clone());
            }
            at = row.shown_in;
            if at.is_zero() {
                break;
            }
        }
        names.reverse();
        Ok(format!("/{}", names.join("/")))
    }
}
