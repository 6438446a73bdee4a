//! What is where: synchronising everything, and saying how things stand. Comes in: nothing. Goes
//! out: reports. Must not know: contents.

use strongroom_wire::capability::Action;
use strongroom_wire::ids::DocumentTag;

use super::exchange::loss;
use super::{Bucket, Vault};
use crate::error::{ErrorKind, Result};
use crate::progress::{Progress, Stage};
use crate::put::journal;
use crate::replica::keys::{self, BucketNo};
use crate::replica::rows::{BucketRecord, RemoteRecord, SyncState};
use crate::report::{
    Conflict, NoticeInfo, Refused, RemoteStatus, Status, SyncReport, Untaken, UploadStatus,
};

/// Conflicts listed at most; more are counted.
const CONFLICTS_SHOWN: usize = 1_000;

impl Vault {
    /// Exchanges everything with every provider.
    pub fn sync(&self, progress: &dyn Progress) -> Result<SyncReport> {
        let mut report = SyncReport::default();
        journal::forget_lost(&self.replica)?;
        for record in self.remote_records()? {
            match self.sync_with(&record, &mut report, progress) {
                Ok(()) => {}
                Err(error) => match error.kind() {
                    ErrorKind::Unreachable => report
                        .unreachable
                        .push(Refused { path: record.url, reason: error.to_string() }),
                    ErrorKind::Damaged => {
                        let reason = error.to_string();
                        report.refused.push(Refused { path: record.url, reason });
                    }
                    _ => return Err(error),
                },
            }
        }
        report.inbox = self.inbox_waiting()?;
        Ok(report)
    }

    fn sync_with(
        &self,
        record: &RemoteRecord,
        report: &mut SyncReport,
        progress: &dyn Progress,
    ) -> Result<()> {
        let remote = self.remote(record)?;
        let before = remote.traffic();
        progress.begin(Stage::Send, None, None);
        let vault = self.vault_bucket()?;
        self.sync_bucket(vault, record, report, progress)?;
        self.hear_of_removals(record, report, progress)?;
        self.absorb_buckets(record, progress)?;
        // What is wrong with one bucket holds up no other.
        let mut wrong = None;
        for made in self.records()?.into_iter().filter(|made| !made.internal) {
            let bucket = Bucket::open(made, self)?;
            let (label, hosted) = (bucket.record.label.clone(), bucket.is_hosted_by_us());
            // Told once: what was shared and is no longer is not an error for ever.
            let told = self.sync_state(&bucket, record)?.closed;
            if self.is_out(&bucket)? {
                self.close(&bucket, record)?;
                let reason = format!("you are out of {label}");
                report.closed.extend((!told).then_some(Refused { path: label, reason }));
                continue;
            }
            let key = bucket.record.key();
            let synced = self.sync_bucket(bucket, record, report, progress).and_then(|mut it| {
                // Another device changed the member key: this one's author goes by the new one.
                let enrolled = self.enrol_by_new_key(&mut it)?;
                if enrolled { self.sync_bucket(it, record, report, progress) } else { Ok(it) }
            });
            match synced {
                // Somebody else's bucket: the others may have taken this person out.
                Err(error) if error.kind() == ErrorKind::Refused && !hosted => {
                    let made: Option<BucketRecord> = self.replica.get(&key)?;
                    if let Some(made) = made.filter(|_| error.is_unauthorized()) {
                        self.close(&Bucket::open(made, self)?, record)?;
                    }
                    let refused = Refused { path: label, reason: error.to_string() };
                    // Another reason than that it is closed is news.
                    let again = told && error.is_unauthorized();
                    report.closed.extend((!again).then_some(refused));
                }
                Err(error) if error.kind() == ErrorKind::Damaged => {
                    let (path, reason) = (record.url.clone(), error.to_string());
                    report.refused.push(Refused { path, reason });
                }
                Err(error) if error.kind() == ErrorKind::Refused => {
                    wrong.get_or_insert(error);
                }
                done => drop(done?),
            }
        }
        let after = remote.traffic();
        report.bytes += after.bytes_sent - before.bytes_sent;
        report.bytes += after.bytes_received - before.bytes_received;
        // Signing up puts the first one, when everything is there.
        let stored: Option<RemoteRecord> = self.replica.get(&keys::remote(record.no))?;
        if stored.is_some_and(|stored| stored.record_counter > 0) {
            self.put_recovery_record(record)?;
        }
        self.note_record_reads(record)?;
        wrong.map_or(Ok(()), Err)
    }

    /// Takes over the keys that another device changed because one was taken out, and goes on with
    /// what is left to do of that.
    fn hear_of_removals(
        &self,
        record: &RemoteRecord,
        report: &mut SyncReport,
        progress: &dyn Progress,
    ) -> Result<()> {
        let mut vault = self.vault_bucket()?;
        // Of two histories none is followed; handing out a card says so.
        let Ok((_, log)) = self.stored_log(&vault) else { return Ok(()) };
        if log.all_retired().next().is_none() {
            return Ok(());
        }
        self.settle_agree(&log)?;
        self.adopt_member_keys()?;
        self.adopt_vault_key(record)?;
        if self.enrol_by_new_key(&mut vault)? {
            self.sync_bucket(vault, record, report, progress)?;
        }
        report.refused.extend(self.finish_removals(&log, false, progress)?);
        Ok(())
    }

    /// Gives the bucket as it is then.
    fn sync_bucket(
        &self,
        mut bucket: Bucket,
        record: &RemoteRecord,
        report: &mut SyncReport,
        progress: &dyn Progress,
    ) -> Result<Bucket> {
        let stored: RemoteRecord =
            self.replica.get(&keys::remote(record.no))?.unwrap_or_else(|| record.clone());
        self.open_at(&bucket, &stored)?;
        self.end_what_is_over(&mut bucket)?;
        let remote = self.remote(record)?;
        let both = |bucket: &mut Bucket| -> Result<_> {
            let session = self.bucket_session(&remote, bucket)?;
            let chunks = self.send_pending_chunks(bucket, &session, progress)?;
            self.cover(bucket)?;
            let done = self.exchange(bucket, record, &session, progress)?;
            self.renew_drop_card(bucket, record, &session)?;
            Ok((chunks, done))
        };
        let (chunks, done) = match both(&mut bucket) {
            Err(error) if error.kind() == ErrorKind::Refused => {
                // Where the vault's key is refused as well, the first answer says more.
                if !self.reopened(&bucket, record).unwrap_or(false) {
                    return Err(error);
                }
                both(&mut bucket)?
            }
            done => done?,
        };
        report.sent_chunks += chunks + done.brought_again;
        let gone = format!(
            "a part of it is lost at {}: `put` it again, or `sync` a device that still has it",
            record.url
        );
        let lost = done.lost.into_iter().map(|path| Refused { path, reason: gone.clone() });
        report.lost.extend(lost);
        report.sent_entries += done.sent;
        report.received_entries += done.received;
        if done.mended {
            let reason = loss(&record.url, &bucket.record.label);
            report.refused.push(Refused { path: record.url.clone(), reason });
        }
        let mut withheld = Vec::new();
        self.withheld_of(&bucket, &mut withheld)?;
        let label = &bucket.record.label;
        report.refused.extend(withheld.iter().map(|one| Refused {
            path: record.url.clone(),
            reason: format!("{label} is {}", one.reason()),
        }));
        if !done.equal {
            report.refused.push(Refused {
                path: record.url.clone(),
                reason: format!(
                    "its set of entries of {} differs from this device's after comparing twice: \
                     it may withhold some",
                    bucket.record.id
                ),
            });
        }
        Ok(bucket)
    }

    /// Whether this person is out of a bucket, as far as it knows.
    pub(super) fn is_out(&self, bucket: &Bucket) -> Result<bool> {
        // Who has no author yet is not in yet.
        if bucket.record.author_capability.is_empty() {
            return Ok(false);
        }
        let own = bucket.names.member_tag(self.secrets.principal);
        let control = self.control(bucket)?;
        Ok(control.is_some_and(|control| !control.members().contains(&own)))
    }

    fn close(&self, bucket: &Bucket, record: &RemoteRecord) -> Result<()> {
        let state = self.sync_state(bucket, record)?;
        self.put_sync_state(bucket, record, &SyncState { closed: true, ..state })
    }

    /// Where a time is over, the device of an admin makes the next epoch, so that those who
    /// only write can go on.
    fn end_what_is_over(&self, bucket: &mut Bucket) -> Result<()> {
        let record = &bucket.record;
        let over = record.fresh_until <= self.clock.now_secs();
        let author = !record.author_capability.is_empty() && !record.deactivated;
        if over && author && !record.current_epoch.is_zero() && bucket.may(Action::Rotate) {
            match self.renew_if_due(bucket) {
                Err(error) if error.kind() == ErrorKind::Locked => {}
                done => done?,
            }
        }
        Ok(())
    }

    /// Keeps something a person should know until the notice is removed.
    pub(crate) fn note(&self, bucket: BucketNo, text: String) -> Result<()> {
        let now = self.clock.now_secs().to_be_bytes();
        let key = [keys::NOTICES, &now[..], &bucket.to_be_bytes()[..]].concat();
        let mut batch = strongroom_store::Batch::new();
        self.replica.put(&mut batch, key, &Notice(text))?;
        Ok(self.replica.rows().commit(batch)?)
    }

    /// Removes the notices that were kept. Those that stand as long as their reason come again.
    pub fn dismiss_notices(&self) -> Result<()> {
        let mut batch = strongroom_store::Batch::new();
        self.replica.each(keys::NOTICES, |key, _| {
            batch.delete(key);
            Ok(true)
        })?;
        Ok(self.replica.rows().commit(batch)?)
    }

    /// A read of the recovery record that this device did not make is a notice for the person.
    fn note_record_reads(&self, record: &RemoteRecord) -> Result<()> {
        let remote = self.remote(record)?;
        let kept: Option<RemoteRecord> = self.replica.get(&keys::remote(record.no))?;
        let record = &kept.unwrap_or_else(|| record.clone());
        let session = self.vault_session(&remote, record)?;
        let terms = self.runtime()?.block_on(session.vault_terms())?;
        if terms.record_reads > record.record_reads {
            let key = [keys::NOTICES, &terms.record_read_at.to_be_bytes()[..]].concat();
            let mut batch = strongroom_store::Batch::new();
            let text = Notice(format!(
                "the recovery record at {} was read, {} times by now; if that was not you, \
                 somebody has your 24 words",
                record.url, terms.record_reads
            ));
            self.replica.put(&mut batch, key, &text)?;
            self.replica.rows().commit(batch)?;
            self.update_remote(record.no, |record| record.record_reads = terms.record_reads)?;
        }
        Ok(())
    }

    /// How things stand. `ask_remotes`: whether providers are asked, which takes a round trip each.
    pub fn status(&self, ask_remotes: bool) -> Result<Status> {
        let meta = self.replica.meta()?;
        let mut remotes = Vec::new();
        for record in self.remote_records()? {
            remotes.push(self.remote_status(&record, ask_remotes)?);
        }
        let mut conflicts = Vec::new();
        for made in self.records()?.into_iter().filter(|made| !made.internal) {
            self.conflicts(&Bucket::open(made, self)?, &mut conflicts)?;
        }
        let uploads = journal::all(&self.replica)?
            .into_iter()
            .map(|(head, pieces)| UploadStatus {
                source: head.path,
                done: (pieces * strongroom_wire::limits::CHUNK_PLAIN_LEN as u64).min(head.size),
                size: head.size,
            })
            .collect();
        let mut notices = Vec::new();
        for (key, Notice(text)) in self.replica.all::<Notice>(keys::NOTICES)? {
            let at = key.get(keys::NOTICES.len()..).and_then(<[u8]>::first_chunk);
            notices.push(NoticeInfo { at: at.map(|at| u64::from_be_bytes(*at)), text });
        }
        for text in self.unclear_contacts()? {
            notices.push(NoticeInfo { at: None, text });
        }
        for bucket in self.shut_out_of()? {
            let text = format!(
                "{bucket} was shared with you and closed before this device heard of it: nothing \
                 of it is here, and whoever shared it can invite you again"
            );
            notices.push(NoticeInfo { at: None, text });
        }
        if remotes.is_empty() {
            let text = "this vault has no provider yet: if this device is lost, so is the vault; \
                        `strongroom provider add URL` mends that";
            notices.push(NoticeInfo { at: None, text: text.to_owned() });
        }
        Ok(Status {
            principal: self.principal(),
            home: self.home.path().display().to_string(),
            buckets: self.buckets()?,
            remotes,
            conflicts,
            uploads,
            cache_bytes: self.cache.usage()?.bytes,
            cache_limit: meta.cache_limit,
            withheld: self.withheld()?,
            quarantine: self.quarantine(None)?.len() as u64,
            inbox: self.inbox_waiting()?,
            notices,
        })
    }

    fn conflicts(&self, bucket: &Bucket, found: &mut Vec<Conflict>) -> Result<()> {
        let mut tags = Vec::new();
        self.replica.each(&keys::conflicts(bucket.no()), |key, _| {
            tags.extend(key.last_chunk::<16>().map(|tag| DocumentTag(*tag)));
            Ok(tags.len() < CONFLICTS_SHOWN)
        })?;
        for tag in tags {
            let Some(row) = self.replica.document(bucket.no(), tag)? else { continue };
            found.push(Conflict {
                bucket: bucket.record.label.clone(),
                path: self.path_of(bucket, tag)?,
                versions: row.heads.iter().map(|head| head.id.to_string()).collect(),
            });
        }
        Ok(())
    }

    pub(crate) fn remote_status(&self, record: &RemoteRecord, ask: bool) -> Result<RemoteStatus> {
        let mut status = RemoteStatus {
            url: record.url.clone(),
            key: record.key.to_string(),
            reachable: None,
            problem: None,
            unsent_entries: 0,
            untaken: Vec::new(),
            synced: u64::MAX,
            used_bytes: None,
            quota_bytes: None,
        };
        for made in self.records()? {
            let bucket = Bucket::open(made, self)?;
            let state = self.sync_state(&bucket, record)?;
            let last = self.replica.tip(bucket.no())?.last_no;
            if state.closed {
                let entries = last.saturating_sub(state.pushed);
                if entries > 0 {
                    let bucket = bucket.record.label.clone();
                    status.untaken.push(Untaken { bucket, entries });
                }
                continue;
            }
            status.unsent_entries += last.saturating_sub(state.pushed);
            status.synced = status.synced.min(state.synced);
            if state.differs {
                status.problem = Some(format!(
                    "its entries of {} differ from this device's",
                    bucket.record.label
                ));
            }
        }
        if ask {
            let asked = self.remote(record).and_then(|remote| {
                let session = self.vault_session(&remote, record)?;
                Ok(self.runtime()?.block_on(session.vault_terms())?)
            });
            match asked {
                Ok(terms) => {
                    status.reachable = Some(true);
                    status.used_bytes = Some(terms.used_bytes);
                    status.quota_bytes = Some(terms.quota_bytes);
                }
                Err(error) => {
                    status.reachable = Some(false);
                    status.problem = Some(error.to_string());
                }
            }
        }
        Ok(status)
    }
}

/// A notice, kept until somebody removes it.
struct Notice(String);

impl crate::replica::rows::Row for Notice {
    fn write(&self, w: &mut strongroom_wire::cbor::Writer) {
        w.text(&self.0);
    }

    fn read(
        r: &mut strongroom_wire::cbor::Reader<'_>,
    ) -> std::result::Result<Self, strongroom_wire::cbor::CborError> {
        r.text(4_096).map(|text| Self(text.to_owned()))
    }
}
