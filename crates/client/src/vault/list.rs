//! Looking: listings, names, versions. Comes in: places. Goes out: what is there, by this replica
//! alone. Must not know: sockets.

use strongroom_core::document::{Content, DocumentType};
use strongroom_wire::entry::Kind;
use strongroom_wire::ids::{DocumentTag, EntryId};

use super::{Bucket, Vault};
use crate::error::{Error, ErrorKind, Result};
use crate::glob::Pattern;
use crate::place::Place;
use crate::replica::lookup::Shown;
use crate::replica::{keys, read_no};
use crate::report::{Listed, VersionInfo};

impl Vault {
    /// What is in a directory, or the one document at a place. `recursive`: everything below, each
    /// directory before what is in it.
    pub fn list(&self, place: &Place, recursive: bool) -> Result<Vec<Listed>> {
        let bucket = self.bucket(place.bucket.as_deref())?;
        let mut found = Vec::new();
        let mut collect = |path: &str, shown: &Shown| {
            found.push(self.listed(&bucket, path, shown)?);
            Ok(())
        };
        if place.names.is_empty() {
            self.walk(&bucket, DocumentTag::ZERO, "", recursive, &mut collect)?;
            return Ok(found);
        }
        let shown =
            self.find_names(&bucket, &place.names)?.ok_or_else(|| Error::not_found(place))?;
        if shown.kind() == DocumentType::Directory {
            self.walk(&bucket, shown.row.tag, &place.path(), recursive, &mut collect)?;
        } else {
            collect(&place.path(), &shown)?;
        }
        Ok(found)
    }

    /// Documents by name: a pattern if it has `*`, `?` or `[`, else a part of the name, whatever
    /// the case.
    pub fn find(&self, bucket: Option<&str>, pattern: &str) -> Result<Vec<Listed>> {
        let bucket = self.bucket(bucket)?;
        let pattern = Pattern::new(pattern);
        let mut found = Vec::new();
        self.walk(&bucket, DocumentTag::ZERO, "", true, &mut |path, shown| {
            if pattern.matches(&shown.name) {
                found.push(self.listed(&bucket, path, shown)?);
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Visits what is shown below a directory, by name, directories before what is in them.
    pub(crate) fn walk(
        &self,
        bucket: &Bucket,
        dir: DocumentTag,
        path: &str,
        recursive: bool,
        visit: &mut dyn FnMut(&str, &Shown) -> Result<()>,
    ) -> Result<()> {
        // A stack instead of recursion: a hostile tree cannot be deeper than memory.
        let mut stack = vec![(dir, path.to_owned())];
        let mut first = true;
        while let Some((dir, path)) = stack.pop() {
            let mut below = Vec::new();
            for shown in self.replica.directory(bucket.no(), dir)? {
                let child = format!("{path}/{}", shown.name);
                visit(&child, &shown)?;
                if recursive && shown.kind() == DocumentType::Directory {
                    below.push((shown.row.tag, child));
                }
            }
            below.reverse();
            stack.extend(below);
            if first && !recursive {
                break;
            }
            first = false;
        }
        Ok(())
    }

    pub(crate) fn listed(&self, bucket: &Bucket, path: &str, shown: &Shown) -> Result<Listed> {
        let head = shown.head();
        let facts = head.facts.as_ref();
        let target = if shown.kind() == DocumentType::Link {
            let entry = self.replica.entry(bucket.no(), head.no)?;
            match bucket.keyring.open_version(&entry)?.content {
                Content::Inline(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
                _ => None,
            }
        } else {
            None
        };
        Ok(Listed {
            path: path.to_owned(),
            name: shown.name.clone(),
            kind: shown.kind().word(),
            size: shown.size(),
            modified: facts.map_or(0, |facts| facts.modified.secs),
            mode: facts.and_then(|facts| facts.mode),
            media_type: facts.and_then(|facts| facts.media_type.clone()),
            target,
            document: shown.row.tag.to_string(),
            version: head.id.to_string(),
            conflict: shown.row.conflict || !shown.keeps_name,
        })
    }

    /// All versions of a document, newest first. Works for what was removed, too, by the name it
    /// had last.
    pub fn history(&self, place: &Place) -> Result<Vec<VersionInfo>> {
        let bucket = self.bucket(place.bucket.as_deref())?;
        let tag = self.tag_now_or_once(&bucket, place)?;
        self.versions(&bucket, tag)
    }

    pub(crate) fn versions(&self, bucket: &Bucket, tag: DocumentTag) -> Result<Vec<VersionInfo>> {
        let row = self.replica.document(bucket.no(), tag)?.unwrap_or_default();
        let heads: Vec<EntryId> = row.heads.iter().map(|head| head.id).collect();
        let mut versions = Vec::new();
        let hidden = self.hidden_numbers(bucket)?;
        for no in self.version_numbers(bucket, tag)?.into_iter().filter(|no| !hidden.contains(no)) {
            let entry = self.replica.entry(bucket.no(), no)?;
            let header = entry.header();
            let body = match header.kind {
                Kind::Version => bucket.keyring.open_version(&entry).ok(),
                _ => None,
            };
            versions.push(VersionInfo {
                version: entry.id().to_string(),
                written: header.hlc.secs(),
                name: body.as_ref().map_or_else(String::new, |body| body.metadata.name.clone()),
                kind: match (&body, header.kind) {
                    (Some(body), _) => body.metadata.kind.word(),
                    (None, Kind::Tombstone) => "removed",
                    (None, _) => "unreadable",
                },
                size: body.as_ref().map_or(0, |body| body.metadata.size),
                parents: header.parents.iter().map(ToString::to_string).collect(),
                head: heads.contains(&entry.id()),
                author: header.author.to_string(),
                mine: header.author == bucket.author.author(),
            });
        }
        versions.reverse();
        Ok(versions)
    }

    /// Numbers of a document's versions and tombstones, oldest first.
    pub(crate) fn version_numbers(&self, bucket: &Bucket, tag: DocumentTag) -> Result<Vec<u64>> {
        let mut numbers = Vec::new();
        self.replica.each(&keys::versions(bucket.no(), tag), |_, value| {
            numbers.push(read_no(value)?);
            Ok(true)
        })?;
        Ok(numbers)
    }

    /// The document at a place, or the one that was there last.
    pub(crate) fn tag_now_or_once(&self, bucket: &Bucket, place: &Place) -> Result<DocumentTag> {
        if let Some(shown) = self.find_names(bucket, &place.names)? {
            return Ok(shown.row.tag);
        }
        let removed = self.removed_at(bucket, &place.names)?;
        removed.into_iter().next().map(|(tag, _)| tag).ok_or_else(|| Error::not_found(place))
    }

    /// Removed documents whose last version stood at this place, the one removed last first.
    pub(crate) fn removed_at(
        &self,
        bucket: &Bucket,
        names: &[String],
    ) -> Result<Vec<(DocumentTag, EntryId)>> {
        let Some(name) = names.last() else {
            return Err(Error::new(ErrorKind::Usage, "the root of a bucket is no document"));
        };
        let mut found = Vec::new();
        for (tag, row) in self.removed_documents(bucket)? {
            let Some(last) = self.last_version(bucket, tag)? else { continue };
            if last.metadata.name == *name
                && self.once_stood_at(bucket, &last.metadata, names)?
                && let Some(head) = row.heads.first()
            {
                found.push((head.hlc, tag, head.id));
            }
        }
        found.sort_unstable();
        Ok(found.into_iter().rev().map(|(_, tag, id)| (tag, id)).collect())
    }

    /// Documents of which only tombstones are left.
    fn removed_documents(
        &self,
        bucket: &Bucket,
    ) -> Result<Vec<(DocumentTag, crate::replica::rows::DocumentRow)>> {
        let rows: Vec<(Vec<u8>, crate::replica::rows::DocumentRow)> =
            self.replica.all(&keys::documents(bucket.no()))?;
        Ok(rows
            .into_iter()
            .filter(|(_, row)| row.current().is_none() && !row.heads.is_empty())
            .filter_map(|(key, row)| key.last_chunk::<16>().map(|tag| (DocumentTag(*tag), row)))
            .collect())
    }

    /// The newest version of a document that can be opened, tombstones left out.
    pub(crate) fn last_version(
        &self,
        bucket: &Bucket,
        tag: DocumentTag,
    ) -> Result<Option<strongroom_core::document::VersionBody>> {
        for no in self.version_numbers(bucket, tag)?.into_iter().rev() {
            let entry = self.replica.entry(bucket.no(), no)?;
            if entry.header().kind == Kind::Version
                && let Ok(body) = bucket.keyring.open_version(&entry)
            {
                return Ok(Some(body));
            }
        }
        Ok(None)
    }

    /// Whether the directories a version named led to this place, removed ones included.
    fn once_stood_at(
        &self,
        bucket: &Bucket,
        facts: &strongroom_core::document::Metadata,
        names: &[String],
    ) -> Result<bool> {
        let mut parent = facts.parent;
        for name in names.iter().rev().skip(1) {
            if parent.is_zero() {
                return Ok(false);
            }
            let Some(body) = self.last_version(bucket, parent)? else { return Ok(false) };
            if body.metadata.name != *name {
                return Ok(false);
            }
            parent = body.metadata.parent;
        }
        Ok(parent.is_zero())
    }
}
