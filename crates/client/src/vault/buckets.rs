//! The eight calls of ADR-003, by their names. Comes in: labels, ids, content. Goes out: buckets.
//! Must not know: how a provider keeps them.

use std::io::Read;

use strongroom_core::document::DocumentType;
use strongroom_core::founding::{Founded, Founder, found};
use strongroom_core::names::check_name;
use strongroom_core::parts::encode_reason;
use strongroom_core::writer::Planned;
use strongroom_seal::kem::KemPublic;
use strongroom_seal::recovery::wrap_root_key;
use strongroom_seal::sealing::Sealing;
use strongroom_seal::suite::Suite;
use strongroom_store::Batch;
use strongroom_wire::clear::{Clear, PaddingRule, Revoke, RevokeTarget};
use strongroom_wire::entry::Kind;
use strongroom_wire::ids::{BucketId, DocumentTag};

use super::documents::{BUCKET, BucketDocument, SETTINGS, encode_settings};
use super::provider::recovery_public;
use super::{Bucket, Vault};
use crate::error::{Error, ErrorKind, Result};
use crate::place::{Place, PlaceError};
use crate::progress::Quiet;
use crate::random::SystemRng;
use crate::replica::index::{Intake, Taken};
use crate::replica::keys;
use crate::replica::rows::{BucketRecord, DocumentRow, Totals};
use crate::report::{BucketInfo, VersionInfo};
use crate::sealing::padding_word;

impl Vault {
    /// **CreateBucket**: a new bucket with this label. Costs four entries, about 12 KB sealed, at
    /// each provider.
    pub fn create_bucket(&self, label: &str) -> Result<BucketInfo> {
        self.create_bucket_as(label, Sealing::DEFAULT)
    }

    /// The same, of another suite or padding. Both are fixed for the bucket's life.
    pub fn create_bucket_as(&self, label: &str, sealing: Sealing) -> Result<BucketInfo> {
        check_label(label)?;
        if self.records()?.iter().any(|record| !record.internal && record.label == label) {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("there is a bucket called {label} already"),
            )
            .with_hint("choose another label; `strongroom bucket ls` shows all"));
        }
        let mut bucket = self.make_bucket(label, false, sealing)?;
        self.push_best_effort(&mut bucket)?;
        self.bucket_info(&bucket, false)
    }

    /// **UpdateLabel**: one entry.
    pub fn update_label(&self, bucket: &str, new_label: &str) -> Result<BucketInfo> {
        check_label(new_label)?;
        let mut bucket = self.bucket(Some(bucket))?;
        let change = self.internal_change(&bucket, SETTINGS, encode_settings(new_label))?;
        self.write(&bucket, vec![change])?;
        self.update_record(bucket.record.id, |record| {
            new_label.clone_into(&mut record.label);
        })?;
        new_label.clone_into(&mut bucket.record.label);
        self.push_best_effort(&mut bucket)?;
        self.bucket_info(&bucket, false)
    }

    /// **AddContent**: a new document at a path inside the bucket. Fails if there is one.
    pub fn add_content(
        &self,
        bucket: &str,
        name: &str,
        content: &mut dyn Read,
    ) -> Result<VersionInfo> {
        let place = content_place(bucket, name)?;
        if self.find_place(&place)?.is_some() {
            return Err(Error::new(ErrorKind::Conflict, format!("{place} is there already"))
                .with_hint("UpdateContent replaces it; every version stays"));
        }
        self.put_reader(&place, content)
    }

    /// **UpdateContent**: a new version of a document. Fails if there is none.
    pub fn update_content(
        &self,
        bucket: &str,
        name: &str,
        content: &mut dyn Read,
    ) -> Result<VersionInfo> {
        let place = content_place(bucket, name)?;
        if self.find_place(&place)?.is_none() {
            return Err(Error::not_found(place).with_hint("AddContent makes it"));
        }
        self.put_reader(&place, content)
    }

    /// **RemoveContent**: the document is removed; its versions stay until retention says
    /// otherwise.
    pub fn remove_content(&self, bucket: &str, name: &str) -> Result<()> {
        self.remove(&content_place(bucket, name)?, false).map(drop)
    }

    /// **DeactivateBucket**: from now on it can be read only, everywhere.
    pub fn deactivate_bucket(&self, bucket: &str) -> Result<BucketInfo> {
        let mut bucket = self.bucket(Some(bucket))?;
        if !bucket.record.deactivated {
            self.write_deactivation(&mut bucket)?;
        }
        self.push_best_effort(&mut bucket)?;
        self.bucket_info(&bucket, false)
    }

    /// **GetBucket**: the bucket's model, with its content.
    pub fn get_bucket(&self, bucket: &str) -> Result<BucketInfo> {
        let bucket = self.bucket(Some(bucket))?;
        self.bucket_info(&bucket, true)
    }

    /// The bucket without its content; `None`: the default one.
    pub fn get_bucket_of(&self, bucket: Option<&str>) -> Result<BucketInfo> {
        self.bucket_info(&self.bucket(bucket)?, false)
    }

    /// **BucketExists**: whether this vault has a bucket of this id. No provider is asked.
    pub fn bucket_exists(&self, did: &str) -> Result<bool> {
        let id: BucketId = did.parse().map_err(|e: strongroom_wire::ids::IdError| {
            Error::new(ErrorKind::Usage, format!("`{did}` is {e}"))
        })?;
        let record: Option<BucketRecord> = self.replica.get(&keys::bucket(id))?;
        Ok(record.is_some_and(|record| !record.internal))
    }

    /// All buckets.
    pub fn buckets(&self) -> Result<Vec<BucketInfo>> {
        let records = self.records()?.into_iter().filter(|record| !record.internal);
        records.map(|record| self.bucket_info(&Bucket::open(record, self)?, false)).collect()
    }

    /// Founds a bucket, commits it here, and tells the vault's own bucket of it.
    pub(crate) fn make_bucket(
        &self,
        label: &str,
        default: bool,
        sealing: Sealing,
    ) -> Result<Bucket> {
        if sealing.padding == PaddingRule::None {
            // Of a private bucket no reader would take the genesis.
            let what = "a bucket without padding would show the true size of everything in it";
            return Err(Error::new(ErrorKind::Usage, what)
                .with_hint("take `--padding padme`; it costs 6.25 % at most"));
        }
        let meta = self.replica.meta()?;
        let founded = self.found(sealing)?;
        let root_wrap = root_wrap(&recovery_public(&meta)?, &founded)?;
        let bucket = self.commit_founded(founded, label, false, default)?;
        let settings = self.internal_change(&bucket, SETTINGS, encode_settings(label))?;
        self.write(&bucket, vec![settings])?;
        let document = bucket_document(&bucket, root_wrap);
        let vault = self.vault_bucket()?;
        let text = format!("{BUCKET}{}", bucket.record.id.to_base32());
        let change = self.internal_change(&vault, &text, document.encode())?;
        self.write(&vault, vec![change])?;
        Ok(bucket)
    }

    /// This device as one that opens buckets and joins them.
    pub(super) fn founder<'a>(&'a self, agree: &'a KemPublic) -> Founder<'a> {
        Founder {
            principal: self.secrets.principal,
            agree,
            device: &self.secrets.device,
            secret: &self.secrets.secret,
            now: self.clock.now_millis(),
        }
    }

    pub(crate) fn found(&self, sealing: Sealing) -> Result<Founded> {
        let agree = self.agree_seed().pair().public();
        found(&self.founder(&agree), sealing, &mut SystemRng)
            .map_err(|e| Error::new(ErrorKind::Other, e.to_string()))
    }

    /// One commit: the record, the next number, the first entries.
    pub(crate) fn commit_founded(
        &self,
        founded: Founded,
        label: &str,
        internal: bool,
        default: bool,
    ) -> Result<Bucket> {
        let _lock = self.replica.lock("meta")?;
        let mut meta = self.replica.meta()?;
        let record = BucketRecord {
            no: meta.next_bucket,
            id: founded.bucket,
            label: label.to_owned(),
            member_seed: founded.member.to_secret_bytes(),
            member_chain: founded
                .member_chain
                .capabilities()
                .iter()
                .map(|one| one.bytes().to_vec())
                .collect(),
            author_capability: founded.author_capability.bytes().to_vec(),
            instance: 0,
            tag_key: founded.tag_key.to_secret_bytes(),
            name_key: founded.name_key.to_secret_bytes(),
            epochs: vec![(founded.epoch, founded.epoch_key.to_secret_bytes())],
            contents: Vec::new(),
            current_epoch: founded.epoch,
            // Its founder's is the only time that runs.
            fresh_until: u64::MAX,
            deactivated: false,
            internal,
            default,
        };
        meta.next_bucket += 1;
        if internal {
            meta.vault_bucket = record.id;
        }
        let mut intake = Intake::start(&self.replica, record.no)?;
        let author = self.secrets.secret.author(record.id, 0).author();
        for entry in founded.entries {
            let own = entry.header().author == author;
            intake.add(Taken::plain(entry), own)?;
        }
        let meta_row = self.replica.seal(keys::META, &meta)?;
        let record_key = record.key();
        let record_row = self.replica.seal(&record_key, &record)?;
        intake.batch().put(keys::META, meta_row).put(record_key, record_row);
        intake.commit()?;
        Bucket::open(record, self)
    }

    fn write_deactivation(&self, bucket: &mut Bucket) -> Result<()> {
        let _lock = self.replica.lock_bucket(bucket.no())?;
        if let Some(record) = self.replica.get(&bucket.record.key())? {
            *bucket = Bucket::open(record, self)?;
        }
        let planned = Planned {
            document: DocumentTag::ZERO,
            kind: Kind::Revoke,
            parents: self.standing(bucket)?.control.parents(),
            generation: 0,
            clear: Clear::Revoke(Revoke {
                targets: vec![RevokeTarget::Bucket],
                cutoffs: Vec::new(),
            })
            .encode(),
            plain: encode_reason("deactivated"),
        };
        let mut intake = Intake::start(&self.replica, bucket.no())?;
        // Nothing comes after it, so no epoch is made for it.
        let entries = self.seal(bucket, &[planned], false, &mut intake)?;
        for entry in entries {
            intake.add(Taken::plain(entry), true)?;
        }
        bucket.record.deactivated = true;
        let key = bucket.record.key();
        let row = self.replica.seal(&key, &bucket.record)?;
        intake.batch().put(key, row);
        intake.commit()?;
        Ok(())
    }

    /// Changes a bucket's record, whatever other processes change in it meanwhile.
    pub(crate) fn update_record(
        &self,
        id: BucketId,
        change: impl Fn(&mut BucketRecord),
    ) -> Result<()> {
        let key = keys::bucket(id);
        let Some(mut record) = self.replica.get::<BucketRecord>(&key)? else { return Ok(()) };
        let _lock = self.replica.lock_bucket(record.no)?;
        if let Some(now) = self.replica.get::<BucketRecord>(&key)? {
            record = now;
        }
        change(&mut record);
        let mut batch = Batch::new();
        self.replica.put(&mut batch, key, &record)?;
        Ok(self.replica.rows().commit(batch)?)
    }

    pub(crate) fn bucket_info(&self, bucket: &Bucket, with_content: bool) -> Result<BucketInfo> {
        let b = bucket.no();
        let totals: Totals = self.replica.get(&keys::totals(b))?.unwrap_or_default();
        let mut conflicts = 0;
        self.replica.each(&keys::conflicts(b), |_, _| {
            conflicts += 1;
            Ok(true)
        })?;
        let members = self.control(bucket)?.map_or(0, |control| control.members().len() as u64);
        let mut content = Vec::new();
        if with_content {
            let place = Place { bucket: Some(bucket.record.id.to_string()), ..Place::root() };
            content = self
                .list(&place, true)?
                .into_iter()
                .filter(|one| one.kind != DocumentType::Directory.word())
                .map(|one| (one.path, one.version))
                .collect();
        }
        Ok(BucketInfo {
            did: bucket.record.id.to_string(),
            label: bucket.record.label.clone(),
            active: !bucket.record.deactivated,
            default: bucket.record.default,
            documents: totals.documents,
            content_bytes: totals.content_bytes,
            entries: self.replica.tip(b)?.sum.count(),
            members,
            from_now: bucket.is_from_now(),
            shut: self.shut_documents(bucket)?,
            conflicts,
            suite: bucket.sealing()?.suite.byte(),
            padding: padding_word(bucket.sealing()?.padding),
            content,
        })
    }

    /// How many documents there are of which this person, who is in from now on, opens nothing.
    fn shut_documents(&self, bucket: &Bucket) -> Result<u64> {
        let mut shut = 0;
        if !bucket.is_from_now() {
            return Ok(shut);
        }
        let rows: Vec<(Vec<u8>, DocumentRow)> = self.replica.all(&keys::documents(bucket.no()))?;
        for (_, row) in rows {
            let shut_head = row.heads.first().filter(|_| row.current().is_none());
            let Some(head) = shut_head else { continue };
            let entry = self.replica.entry(bucket.no(), head.no)?;
            let header = entry.header();
            shut += u64::from(header.kind == Kind::Version && bucket.is_shut(header));
        }
        Ok(shut)
    }

    /// Sends what was written, if a provider answers; what is not sent stays in the outbox.
    pub(crate) fn push_best_effort(&self, bucket: &mut Bucket) -> Result<bool> {
        let durable = self.push_all(bucket)?;
        Ok(durable)
    }

    fn push_all(&self, bucket: &mut Bucket) -> Result<bool> {
        for record in self.remote_records()? {
            match self.open_at(bucket, &record) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Unreachable => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        // What is nothing new costs no request.
        let mut vault = self.vault_bucket()?;
        let last = self.replica.tip(vault.no())?.last_no;
        let mut unsent = false;
        for record in self.remote_records()? {
            unsent |= self.sync_state(&vault, &record)?.pushed < last;
        }
        if unsent {
            self.push(&mut vault, &Quiet)?;
        }
        self.push(bucket, &Quiet)
    }
}

pub(crate) fn bucket_document(bucket: &Bucket, root_wrap: Vec<u8>) -> BucketDocument {
    BucketDocument {
        id: bucket.record.id,
        member_seed: bucket.record.member_seed.clone(),
        member_chain: bucket.record.member_chain.clone(),
        tag_key: bucket.record.tag_key.clone(),
        root_wrap,
        default: bucket.record.default,
    }
}

/// Root key and its successor, sealed to the recovery pair: only the phrase opens them.
pub(crate) fn root_wrap(to: &KemPublic, founded: &Founded) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    for key in [&founded.root, &founded.next_root] {
        out.extend(wrap_root_key(Suite::DEFAULT, to, founded.bucket, key, &mut SystemRng)?);
    }
    Ok(out)
}

pub(super) fn check_label(label: &str) -> Result<()> {
    if check_name(label).is_ok() && !label.contains(':') {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Usage, format!("`{label}` cannot be the label of a bucket"))
        .with_hint("1 to 255 bytes without `/`, `:` and NUL"))
}

/// A content name of ADR-003: a path inside the bucket, with or without the slash in front.
fn content_place(bucket: &str, name: &str) -> Result<Place, PlaceError> {
    let mut place = Place::parse(&format!("/{}", name.trim_start_matches('/')))?;
    place.bucket = Some(bucket.to_owned());
    Ok(place)
}
