//! One document of somebody else's bucket. Comes in: an invitation to it, and what a provider gives
//! of it. Goes out: a bucket in which only that document is, and the keys that open it. Must not
//! know: terminals, how invitations travel.
//!
//! Why it is so: docs/design/document-grants.md.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_core::holding::{Finder, learn};
use strongroom_core::invitation::Invitation;
use strongroom_core::keyring::Keyring;
use strongroom_seal::keys::{DocumentHistoryKey, DocumentKey, TagKey, VersionKey};
use strongroom_wire::capability::Capability;
use strongroom_wire::chain::{ChainError, Tip, Verified, authenticate, authenticate_sparse};
use strongroom_wire::clear::Clear;
use strongroom_wire::entry::{Entry, Kind};
use strongroom_wire::frame::Area;
use strongroom_wire::ids::{AuthorKey, CapabilityId, EntryId};

use super::buckets::bucket_document;
use super::documents::part_text;
use super::exchange::member_session;
use super::{Bucket, BucketDocument, Vault};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;
use crate::replica::alone::AloneRow;
use crate::replica::index::Intake;
use crate::replica::keys::{self, BucketNo};
use crate::replica::rows::{BucketRecord, RemoteRecord};
use crate::report::BucketInfo;

/// What a document is called whose name cannot be read.
const NAMELESS: &str = "shared document";

impl Vault {
    /// Fills a keyring with the keys of the one document that is held.
    pub(super) fn hold(&self, keyring: &mut Keyring, b: BucketNo) -> Result<()> {
        let row: AloneRow = self.replica.get(&keys::alone(b))?.unwrap_or_default();
        let alone = keyring.alone_mut();
        for (kind, key) in &row.keys {
            match kind {
                0 => alone.histories.push(DocumentHistoryKey::from_secret_bytes(key)),
                1 => alone.documents.push(DocumentKey::from_secret_bytes(key)),
                _ => alone.versions.push(VersionKey::from_secret_bytes(key)),
            }
        }
        Ok(())
    }

    /// Finds the document's keys in what came, and in what was here before; keeps them with what is
    /// being taken in. Tells whether there are new ones.
    pub(super) fn learn(
        &self,
        bucket: &mut Bucket,
        came: &[Verified<Entry>],
        intake: &mut Intake<'_>,
    ) -> Result<bool> {
        let (Area::Document(tag) | Area::Version(tag, _)) = bucket.record.area() else {
            return Ok(false);
        };
        let held = self.control_entries(bucket)?;
        let control = || held.iter().chain(came).filter(|it| it.header().kind.is_control());
        let mut epochs = BTreeMap::new();
        for entry in control().filter(|it| it.header().kind == Kind::Epoch) {
            if let Ok(Clear::Epoch(epoch)) = Clear::decode(Kind::Epoch, entry.clear()) {
                epochs.insert(entry.id(), epoch.n);
            }
        }
        // The last of them is carried by the grant; of a counted link, the one before.
        let chain = bucket.member_chain()?;
        let about_it = chain.capabilities().iter().rev();
        let mut about_it = about_it.filter(|it| it.claims().target.document() == Some(tag));
        let grant =
            about_it.find_map(|own| control().find(|entry| carries(entry, &own.id()))).cloned();
        let mut versions = Vec::new();
        for no in self.version_numbers(bucket, tag)? {
            versions.push(self.replica.entry(bucket.no(), no)?);
        }
        versions.extend(came.iter().filter(|it| it.header().document == tag).cloned());
        let tag_key = TagKey::from_secret_bytes(&bucket.record.tag_key);
        let mut new = false;
        for pair in &self.agree_pairs() {
            let finder = Finder { pair, tag_key: &tag_key, epochs: &epochs };
            new |= learn(&mut bucket.keyring, finder, grant.as_ref(), &versions);
        }
        if new {
            let row = alone_row(&bucket.keyring);
            self.replica.put(intake.batch(), keys::alone(bucket.no()), &row)?;
        }
        Ok(new)
    }

    /// Accepts one document: it is among this person's buckets, on all devices, alone in one.
    pub(super) fn accept_part(
        &self,
        invitation: &Invitation,
        record: &RemoteRecord,
        progress: &dyn Progress,
    ) -> Result<BucketInfo> {
        let document = BucketDocument {
            id: invitation.bucket,
            member_seed: invitation.key.to_secret_bytes(),
            member_chain: invitation.chain.clone(),
            tag_key: invitation.tag_key.to_secret_bytes(),
            root_wrap: Vec::new(),
            default: false,
        };
        let area = BucketRecord::area_of(&document.member_chain);
        let key = keys::bucket_part(document.id, area);
        if let Some(held) = self.replica.get::<BucketRecord>(&key)?
            && held.member_chain != document.member_chain
        {
            self.hold_anew(&held, &document)?;
        }
        let made = match self.replica.get::<BucketRecord>(&key)? {
            Some(made) => made,
            None => self.keep_bucket(&document)?,
        };
        let mut bucket = Bucket::open(made, self)?;
        self.join_part(&mut bucket, record, progress)?;
        self.update_remote(record.no, |record| {
            if !record.buckets.contains(&invitation.bucket) {
                record.buckets.push(invitation.bucket);
            }
        })?;
        let mut vault = self.vault_bucket()?;
        let name = part_text(document.id, area);
        let document = bucket_document(&bucket, Vec::new()).encode();
        if self.internal(&vault, &name)?.as_ref() != Some(&document) {
            let change = self.internal_change(&vault, &name, document)?;
            self.write(&vault, vec![change])?;
            self.push(&mut vault, progress)?;
        }
        self.bucket_info(&bucket, false)
    }

    /// Somebody who held it before holds it by a new grant: what was opened stays open.
    pub(super) fn hold_anew(&self, held: &BucketRecord, document: &BucketDocument) -> Result<()> {
        let _lock = self.replica.lock_bucket(held.no)?;
        let record = BucketRecord {
            member_seed: document.member_seed.clone(),
            member_chain: document.member_chain.clone(),
            tag_key: document.tag_key.clone(),
            ..held.clone()
        };
        let mut batch = strongroom_store::Batch::new();
        self.replica.put(&mut batch, record.key(), &record)?;
        Ok(self.replica.rows().commit(batch)?)
    }

    /// Fetches one document, and names it.
    pub(super) fn join_part(
        &self,
        bucket: &mut Bucket,
        record: &RemoteRecord,
        progress: &dyn Progress,
    ) -> Result<()> {
        let session = member_session(&self.remote(record)?, bucket)?;
        self.exchange(bucket, record, &session, progress)?;
        self.name_part(bucket)
    }

    /// Calls a document that is held alone by its own name, unless something is called so already.
    pub(super) fn name_part(&self, bucket: &mut Bucket) -> Result<()> {
        if !bucket.record.label.is_empty() {
            return Ok(());
        }
        let (Area::Document(tag) | Area::Version(tag, _)) = bucket.record.area() else {
            return Ok(());
        };
        let row = self.replica.document(bucket.no(), tag)?;
        let facts = row.as_ref().and_then(|row| row.current()).and_then(|it| it.facts.clone());
        let name = facts.map_or_else(|| NAMELESS.to_owned(), |facts| facts.name.replace(':', "_"));
        let taken: BTreeSet<String> = self.records()?.into_iter().map(|it| it.label).collect();
        let numbered = (2..).map(|number| format!("{name} ({number})"));
        let mut labels = std::iter::once(name.clone()).chain(numbered);
        let free = labels.find(|label| !taken.contains(label));
        bucket.record.label = free.unwrap_or(name);
        let _lock = self.replica.lock_bucket(bucket.no())?;
        let mut batch = strongroom_store::Batch::new();
        self.replica.put(&mut batch, bucket.record.key(), &bucket.record)?;
        Ok(self.replica.rows().commit(batch)?)
    }
}

impl Bucket {
    /// Refuses what takes a whole bucket.
    pub(super) fn need_whole(&self) -> Result<()> {
        if !self.record.is_part() {
            return Ok(());
        }
        let what =
            format!("{} is one document that you may read, and no bucket", self.record.label);
        Err(Error::new(ErrorKind::Refused, what)
            .with_hint("ask whoever shared it; `strongroom bucket ls` shows your buckets"))
    }
}

/// What of an answer is authentic, and lies in the part of the bucket that this person may read:
/// what else came with that part only shows who wrote it.
pub(super) fn authentic(
    bucket: &Bucket,
    entries: Vec<Entry>,
    tip: impl Fn(&AuthorKey) -> Option<Tip>,
) -> Result<Vec<Verified<Entry>>, ChainError> {
    let area = bucket.record.area();
    if area == Area::Bucket {
        return authenticate(bucket.record.id, entries, tip);
    }
    let mut verified = authenticate_sparse(bucket.record.id, entries, tip)?;
    verified.retain(|entry| area.contains(entry.header(), &entry.id()));
    Ok(verified)
}

fn carries(entry: &Entry, id: &CapabilityId) -> bool {
    let Ok(Clear::Member(clear)) = Clear::decode(entry.header().kind, entry.clear()) else {
        return false;
    };
    clear.capabilities.iter().any(|it| Capability::decode(it).is_ok_and(|it| it.id() == *id))
}

fn alone_row(keyring: &Keyring) -> AloneRow {
    let alone = keyring.alone();
    let histories = alone.histories.iter().map(|key| (0, key.to_secret_bytes()));
    let documents = alone.documents.iter().map(|key| (1, key.to_secret_bytes()));
    let versions = alone.versions.iter().map(|key| (2, key.to_secret_bytes()));
    AloneRow { keys: histories.chain(documents).chain(versions).collect() }
}

/// The first version under each epoch and generation, oldest first: where keys are left for who is
/// granted all of a document.
pub(super) fn firsts(versions: &[Verified<Entry>]) -> Vec<(EntryId, EntryId, u32)> {
    let mut seen = BTreeSet::new();
    let mut sorted: Vec<_> =
        versions.iter().filter(|it| it.header().kind == Kind::Version).collect();
    sorted.sort_by_key(|it| (it.header().hlc, it.id()));
    let place = |it: &&Verified<Entry>| (it.header().epoch, it.header().generation);
    sorted.retain(|it| seen.insert(place(it)));
    sorted.iter().map(|it| (it.id(), it.header().epoch, it.header().generation)).collect()
}
