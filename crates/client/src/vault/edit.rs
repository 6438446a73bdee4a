//! Moving, removing, bringing back. Comes in: places. Goes out: one transaction each, however many
//! documents it covers. Must not know: contents; a moved or restored document's chunks stay where
//! they are.

use std::collections::BTreeSet;

use strongroom_core::document::{Content, DocumentType, VersionBody};
use strongroom_core::tree::{Move, may_move};
use strongroom_wire::clear::{Clear, References};
use strongroom_wire::entry::Kind;
use strongroom_wire::ids::{DocumentTag, EntryId};
use strongroom_wire::limits::PATH_DEPTH_MAX;

use super::{Bucket, Change, Vault};
use crate::error::{Error, ErrorKind, Result};
use crate::place::Place;
use crate::progress::Progress;
use crate::replica::lookup::Shown;
use crate::replica::rows::DocumentRow;
use crate::report::{Listed, VersionInfo};

/// Documents in one transaction; a larger removal is several, each whole.
const TRANSACTION_MAX: usize = 8_192;

/// A version as it was, with what its entry needs to be written again.
pub(super) struct Past {
    pub(super) body: VersionBody,
    pub(super) references: References,
}

impl Vault {
    /// Moves or renames. Within a bucket: one entry, nothing is uploaded again. To another bucket:
    /// two for each document, of which only the current state goes; from then on it is read by that
    /// bucket's members.
    pub fn rename(&self, from: &Place, to: &Place, progress: &dyn Progress) -> Result<Listed> {
        let (mut bucket, shown) = self.need_place(from)?;
        let target = self.bucket(to.bucket.as_deref())?;
        if target.record.id != bucket.record.id {
            let destination = self.destination(&target, to, &shown)?;
            return self.move_across((bucket, shown), target, destination, progress);
        }
        let (dir, name) = self.destination(&bucket, to, &shown)?;
        self.check_move(&bucket, shown.row.tag, dir)?;
        let row = self.document_row(&bucket, shown.row.tag)?;
        let mut past = self.past(&bucket, shown.head().no)?;
        past.body.metadata.parent = dir;
        past.body.metadata.name.clone_from(&name);
        let change = Change {
            tag: shown.row.tag,
            // A conflict copy moves alone: the other heads stay where they are.
            parents: if shown.row.conflict {
                vec![shown.head().id]
            } else {
                super::bucket::heads_of(Some(&row))
            },
            body: Some(past.body),
            references: past.references,
            stamp: shown.head().stamp,
        };
        self.write(&bucket, vec![change])?;
        self.push_best_effort(&mut bucket)?;
        let moved =
            self.replica.named(bucket.no(), dir, &name)?.ok_or_else(|| Error::not_found(to))?;
        let path = format!(
            "{}/{name}",
            if dir.is_zero() { String::new() } else { self.path_of(&bucket, dir)? }
        );
        self.listed(&bucket, &path, &moved)
    }

    /// The directory and name a move leads to: an existing directory takes the document in.
    fn destination(
        &self,
        bucket: &Bucket,
        to: &Place,
        shown: &Shown,
    ) -> Result<(DocumentTag, String)> {
        let own_name = shown
            .head()
            .facts
            .as_ref()
            .map_or_else(|| shown.name.clone(), |facts| facts.name.clone());
        if to.names.is_empty() {
            return self.unless_taken(bucket, DocumentTag::ZERO, own_name, to);
        }
        match self.find_names(bucket, &to.names)? {
            Some(there)
                if there.kind() == DocumentType::Directory && there.row.tag != shown.row.tag =>
            {
                self.unless_taken(bucket, there.row.tag, own_name, to)
            }
            Some(there) if there.row.tag != shown.row.tag => Err(taken(to)),
            _ if to.into => Err(Error::not_found(format!("directory {to}"))
                .with_hint("put something into it, or name a directory that is there")),
            _ => {
                let (name, above) = to.names.split_last().ok_or_else(|| taken(to))?;
                let dir = self
                    .find_directory(bucket, above)?
                    .ok_or_else(|| Error::not_found(format!("directory above {to}")))?;
                Ok((dir, name.clone()))
            }
        }
    }

    fn unless_taken(
        &self,
        bucket: &Bucket,
        dir: DocumentTag,
        name: String,
        to: &Place,
    ) -> Result<(DocumentTag, String)> {
        match self.replica.named(bucket.no(), dir, &name)? {
            Some(_) => Err(taken(to)),
            None => Ok((dir, name)),
        }
    }

    /// A move that every device would undo is not written.
    fn check_move(&self, bucket: &Bucket, tag: DocumentTag, into: DocumentTag) -> Result<()> {
        let mut failed = None;
        let told = may_move(tag, into, |at| match self.replica.document(bucket.no(), at) {
            Ok(row) => row.unwrap_or_default().shown_in,
            Err(error) => {
                failed = Some(error);
                DocumentTag::ZERO
            }
        });
        let what = match told {
            Move::Allowed { .. } => return failed.map_or(Ok(()), Err),
            Move::IntoItself => "a directory cannot move into itself or below itself".to_owned(),
            Move::TooDeep => format!("it would lie deeper than {PATH_DEPTH_MAX} directories"),
        };
        Err(Error::new(ErrorKind::Usage, what))
    }

    /// Removes a document, or with `recursive` a directory with all that is in it. Every version
    /// stays. Gives how many documents were removed.
    pub fn remove(&self, place: &Place, recursive: bool) -> Result<u64> {
        let (mut bucket, shown) = self.need_place(place)?;
        let mut tags = vec![shown.row.tag];
        if shown.kind() == DocumentType::Directory {
            let mut below = Vec::new();
            self.walk(&bucket, shown.row.tag, "", true, &mut |_, one| {
                below.push(one.row.tag);
                Ok(())
            })?;
            if !recursive && !below.is_empty() {
                return Err(Error::new(
                    ErrorKind::Usage,
                    format!("{place} is a directory and not empty (documents: {})", below.len()),
                )
                .with_hint("`strongroom rm -r` removes it with all that is in it"));
            }
            tags.extend(below);
        }
        let tags: BTreeSet<DocumentTag> = tags.into_iter().collect();
        let mut changes = Vec::with_capacity(tags.len());
        for tag in &tags {
            let row = self.document_row(&bucket, *tag)?;
            changes.push(Change::tombstone(*tag, &row));
        }
        self.write_in_parts(&bucket, changes)?;
        self.push_best_effort(&mut bucket)?;
        Ok(tags.len() as u64)
    }

    pub(super) fn write_in_parts(&self, bucket: &Bucket, mut changes: Vec<Change>) -> Result<()> {
        while !changes.is_empty() {
            let rest = changes.split_off(changes.len().min(TRANSACTION_MAX));
            self.write(bucket, changes)?;
            changes = rest;
        }
        Ok(())
    }

    /// Brings back what was removed at a place, with all that was removed with it. Gives how many
    /// documents came back.
    pub fn undelete(&self, place: &Place) -> Result<u64> {
        let mut bucket = self.bucket(place.bucket.as_deref())?;
        if self.find_names(&bucket, &place.names)?.is_some() {
            return Err(Error::new(ErrorKind::Conflict, format!("{place} is there already"))
                .with_hint("`strongroom history` shows its versions"));
        }
        let removed = self.removed_at(&bucket, &place.names)?;
        let Some((tag, tombstone)) = removed.into_iter().next() else {
            return Err(Error::not_found(format!("removed document at {place}")));
        };
        let together = self.removed_together(&bucket, tag, tombstone)?;
        let mut changes = Vec::new();
        for tag in together {
            changes.push(self.revival(&bucket, tag)?);
        }
        let count = changes.len() as u64;
        self.write_in_parts(&bucket, changes)?;
        self.push_best_effort(&mut bucket)?;
        Ok(count)
    }

    /// Everything that one removal took: what stood below the document and carries its clock.
    fn removed_together(
        &self,
        bucket: &Bucket,
        root: DocumentTag,
        tombstone: EntryId,
    ) -> Result<BTreeSet<DocumentTag>> {
        let when = |row: &DocumentRow| row.heads.first().map(|head| head.hlc);
        let hlc = when(&self.document_row(bucket, root)?);
        let mut together = BTreeSet::from([root]);
        let _ = tombstone;
        let rows: Vec<(Vec<u8>, DocumentRow)> =
            self.replica.all(&crate::replica::keys::documents(bucket.no()))?;
        let mut candidates = Vec::new();
        for (key, row) in rows {
            let Some(tag) = key.last_chunk::<16>().map(|tag| DocumentTag(*tag)) else { continue };
            if row.current().is_none()
                && when(&row).map(strongroom_wire::entry::Hlc::millis)
                    >= hlc.map(strongroom_wire::entry::Hlc::millis)
                && let Some(body) = self.last_version(bucket, tag)?
            {
                candidates.push((tag, body.metadata.parent));
            }
        }
        loop {
            let before = together.len();
            for (tag, parent) in &candidates {
                if together.contains(parent) {
                    together.insert(*tag);
                }
            }
            if together.len() == before {
                return Ok(together);
            }
        }
    }

    /// The last version of a removed document, as its next one.
    fn revival(&self, bucket: &Bucket, tag: DocumentTag) -> Result<Change> {
        let row = self.document_row(bucket, tag)?;
        for no in self.version_numbers(bucket, tag)?.into_iter().rev() {
            let entry = self.replica.entry(bucket.no(), no)?;
            if entry.header().kind == Kind::Version {
                let past = self.past(bucket, no)?;
                return Ok(Change {
                    tag,
                    parents: super::bucket::heads_of(Some(&row)),
                    body: Some(past.body),
                    references: past.references,
                    stamp: None,
                });
            }
        }
        Err(Error::not_found("version of the removed document"))
    }

    /// Makes an old version the current one again. Settles a conflict too: the new version follows
    /// all heads.
    pub fn restore(&self, place: &Place, version: &str) -> Result<VersionInfo> {
        let mut bucket = self.bucket(place.bucket.as_deref())?;
        let tag = self.tag_now_or_once(&bucket, place)?;
        let row = self.document_row(&bucket, tag)?;
        let no = self.version_by_name(&bucket, tag, version)?;
        let past = self.past(&bucket, no)?;
        let mut body = past.body;
        // Content comes back, not the place it had: what was moved since stays there.
        if let Some(facts) = row.current().and_then(|head| head.facts.as_ref()) {
            body.metadata.parent = facts.parent;
            body.metadata.name.clone_from(&facts.name);
        }
        let change = Change {
            tag,
            parents: super::bucket::heads_of(Some(&row)),
            body: Some(body),
            references: past.references,
            stamp: None,
        };
        let ids = self.write(&bucket, vec![change])?;
        self.push_best_effort(&mut bucket)?;
        let id = ids.get(&tag).map(ToString::to_string).unwrap_or_default();
        self.versions(&bucket, tag)?
            .into_iter()
            .find(|one| one.version == id)
            .ok_or_else(|| Error::not_found("restored version"))
    }

    /// The number of a version by its id, or by an unambiguous start of it.
    pub(crate) fn version_by_name(
        &self,
        bucket: &Bucket,
        tag: DocumentTag,
        name: &str,
    ) -> Result<u64> {
        let bare = name.strip_prefix("ent:").unwrap_or(name);
        let mut found = Vec::new();
        for no in self.version_numbers(bucket, tag)? {
            let entry = self.replica.entry(bucket.no(), no)?;
            if entry.header().kind == Kind::Version && entry.id().to_base32().starts_with(bare) {
                found.push(no);
            }
        }
        match found[..] {
            [no] if !bare.is_empty() => Ok(no),
            [] => Err(Error::not_found(format!("version {name} of this document"))
                .with_hint("`strongroom history` shows all versions")),
            _ => Err(Error::new(ErrorKind::Usage, format!("{name} names several versions"))
                .with_hint("type more of the id that `strongroom history` shows")),
        }
    }

    pub(crate) fn document_row(&self, bucket: &Bucket, tag: DocumentTag) -> Result<DocumentRow> {
        self.replica
            .document(bucket.no(), tag)?
            .ok_or_else(|| Error::damaged("a document of the index is missing"))
    }

    pub(super) fn past(&self, bucket: &Bucket, no: u64) -> Result<Past> {
        let entry = self.replica.entry(bucket.no(), no)?;
        let body = bucket.keyring.open_version(&entry)?;
        let references = match Clear::decode(entry.header().kind, entry.clear())? {
            Clear::Version(version) => version.references,
            _ => References::NONE,
        };
        if body.content == Content::Empty && body.metadata.kind != DocumentType::Directory {
            return Err(Error::damaged("a version without content"));
        }
        Ok(Past { body, references })
    }
}

fn taken(to: &Place) -> Error {
    Error::new(ErrorKind::Conflict, format!("{to} is there already"))
        .with_hint("remove it first, or choose another name; every version stays either way")
}
