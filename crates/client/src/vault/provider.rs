//! Providers of a vault. Comes in: an address. Goes out: a vault at that provider, its buckets
//! opened there, and a recovery record. Must not know: what is in the buckets.

use std::sync::Arc;

use strongroom_seal::identity::{SessionSigningKey, VaultSigningKey};
use strongroom_seal::kem::KemPublic;
use strongroom_seal::recovery::{Locator, seal_record};
use strongroom_seal::rng::Rng;
use strongroom_seal::suite::Suite;
use strongroom_store::Batch;
use strongroom_wire::capability::CapabilityChain;
use strongroom_wire::cbor::{CborError, Reader, Writer};
use strongroom_wire::frame;
use strongroom_wire::ids::{BucketId, EntryId, PrincipalId, VaultTag};
use strongroom_wire::problem::Problem;
use zeroize::Zeroizing;

use super::frames::signed_prefix;
use super::{Bucket, Vault};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Quiet;
use crate::random::SystemRng;
use crate::remote::{Options, ProviderUrl, Remote, RemoteError};
use crate::replica::checkpoints::RecordRow;
use crate::replica::keys;
use crate::replica::rows::{Meta, RemoteRecord, read_chain, write_chain};
use crate::report::RemoteStatus;

/// What a recovery record says: from words and an address back to the vault.
pub(crate) struct RecordContents {
    /// Whose it is.
    pub principal: PrincipalId,
    /// Opens what is wrapped to the person.
    pub agree: Zeroizing<[u8; 32]>,
    /// The vault's own bucket.
    pub vault_bucket: BucketId,
    /// Seed of the member key there.
    pub member_seed: Zeroizing<[u8; 32]>,
    /// From its root key to the member key.
    pub member_chain: Vec<Vec<u8>>,
    /// The vault's name at this provider.
    pub vault: VaultTag,
    /// Seed of the vault's root key there.
    pub vault_seed: Zeroizing<[u8; 32]>,
    /// The newest checkpoint of the vault's own bucket: what a provider shows must contain it.
    pub checkpoint: Option<EntryId>,
}

impl RecordContents {
    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut w = Writer::with_capacity(2_048);
        w.array(8).bytes(&self.principal.0).bytes(&*self.agree).bytes(&self.vault_bucket.0);
        w.bytes(&*self.member_seed);
        write_chain(&mut w, &self.member_chain);
        w.bytes(&self.vault.0).bytes(&*self.vault_seed).option(self.checkpoint, |w, id| {
            w.bytes(&id.0);
        });
        Zeroizing::new(w.into_bytes())
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        // Records of before there were checkpoints have one field less.
        let fields = r.array(8)?;
        if fields < 7 {
            return Err(CborError::Unknown);
        }
        let contents = Self {
            principal: PrincipalId(r.bytes_exact()?),
            agree: Zeroizing::new(r.bytes_exact()?),
            vault_bucket: BucketId(r.bytes_exact()?),
            member_seed: Zeroizing::new(r.bytes_exact()?),
            member_chain: read_chain(&mut r)?,
            vault: VaultTag(r.bytes_exact()?),
            vault_seed: Zeroizing::new(r.bytes_exact()?),
            checkpoint: if fields == 8 {
                r.option(|r| r.bytes_exact().map(EntryId))?
            } else {
                None
            },
        };
        r.end()?;
        Ok(contents)
    }
}

impl Vault {
    /// Signs up at a provider and sends it everything. Doing it again for the same provider sends
    /// what is missing there.
    pub fn add_provider(&self, url: &str, token: Option<&str>) -> Result<RemoteStatus> {
        let parsed: ProviderUrl = url.parse().map_err(RemoteError::from)?;
        let url = parsed.to_string();
        let known = self.remote_records()?;
        let record = match known.iter().find(|record| record.url == url) {
            Some(record) => record.clone(),
            None if known.is_empty() => self.sign_up(parsed, token)?,
            None => {
                return Err(Error::new(
                    ErrorKind::Usage,
                    format!("this vault is kept by {} already", known[0].url),
                )
                .with_hint("this version keeps a vault at one provider"));
            }
        };
        self.sync(&Quiet)?;
        self.put_recovery_record(&record)?;
        let status = self.remote_status(&record, true)?;
        Ok(status)
    }

    fn sign_up(&self, url: ProviderUrl, token: Option<&str>) -> Result<RemoteRecord> {
        let text = url.to_string();
        let runtime = self.runtime()?;
        let remote = runtime.block_on(Remote::connect(url, None, Options::default()))?;
        let throw_away = SessionSigningKey::generate(&mut SystemRng);
        let session = remote.session(Arc::new(throw_away), &CapabilityChain::none());
        let key = VaultSigningKey::generate(&mut SystemRng);
        let mut vault = VaultTag::ZERO;
        SystemRng.fill(&mut vault.0);
        runtime.block_on(session.sign_up(vault, &key, token))?;
        let lock = self.replica.lock("meta")?;
        let mut meta = self.replica.meta()?;
        let record = RemoteRecord {
            no: meta.next_remote,
            url: text,
            key: remote.thumbprint(),
            vault,
            vault_seed: key.to_secret_bytes(),
            buckets: Vec::new(),
            record_counter: 0,
            record_reads: 0,
        };
        meta.next_remote += 1;
        let mut batch = Batch::new();
        self.replica.put(&mut batch, keys::META.to_vec(), &meta)?;
        self.replica.put(&mut batch, keys::remote(record.no), &record)?;
        self.replica.rows().commit(batch)?;
        drop(lock);
        Ok(record)
    }

    /// Opens a bucket at a provider unless it is open there: sends the start of its control log.
    pub(crate) fn open_at(&self, bucket: &Bucket, record: &RemoteRecord) -> Result<()> {
        if record.buckets.contains(&bucket.record.id) {
            return Ok(());
        }
        let remote = self.remote(record)?;
        let session = self.vault_session(&remote, record)?;
        let log = self.log(bucket)?.ok_or_else(|| Error::damaged("a bucket without a genesis"))?;
        let mut entries: Vec<Vec<u8>> = log.first().map(|entry| entry.encode()).collect();
        entries.truncate(signed_prefix(&entries)?);
        let mut frames = Vec::new();
        frame::write_entries(&mut frames, entries.iter().map(Vec::as_slice));
        self.runtime()?.block_on(session.open_bucket(bucket.record.id, frames))?;
        self.update_remote(record.no, |record| {
            if !record.buckets.contains(&bucket.record.id) {
                record.buckets.push(bucket.record.id);
            }
        })
    }

    /// Changes a remote's record, whatever other processes change in it meanwhile.
    pub(crate) fn update_remote(&self, no: u32, change: impl Fn(&mut RemoteRecord)) -> Result<()> {
        let _lock = self.replica.lock("meta")?;
        let key = keys::remote(no);
        let Some(mut record) = self.replica.get::<RemoteRecord>(&key)? else {
            return Ok(());
        };
        change(&mut record);
        let mut batch = Batch::new();
        self.replica.put(&mut batch, key, &record)?;
        Ok(self.replica.rows().commit(batch)?)
    }

    /// Puts the recovery record at a provider: what leads from the phrase and this address back to
    /// the vault. Needs the public half of the recovery pair only.
    pub(crate) fn put_recovery_record(&self, record: &RemoteRecord) -> Result<()> {
        let key = keys::remote(record.no);
        let stored: RemoteRecord = self.replica.get(&key)?.unwrap_or_else(|| record.clone());
        let put: RecordRow = self.replica.get(&keys::record(record.no))?.unwrap_or_default();
        let vault = self.vault_bucket()?;
        let mut withheld = Vec::new();
        self.withheld_of(&vault, &mut withheld)?;
        if stored.record_counter > 0 && !withheld.is_empty() {
            // A record that names less would make the older state pass for the newest.
            return Ok(());
        }
        let checkpoint = self.newest_checkpoint(&vault)?;
        let now = self.clock.now_secs();
        if stored.record_counter > 0 && !is_outdated(&put, checkpoint, now) {
            return Ok(());
        }
        let told = match self.write_recovery_record(&stored, checkpoint) {
            Ok(()) => RecordRow { put_at: now, checkpoint },
            // Another device was faster, or it was replaced often: there is a fresh one.
            Err(RecordError::Remote(RemoteError::Problem(report)))
                if stored.record_counter > 0
                    && matches!(report.problem, Problem::Conflict | Problem::Rate) =>
            {
                if let Some(counter) = report.counter {
                    self.update_remote(record.no, |record| record.record_counter = counter)?;
                }
                RecordRow { put_at: now, checkpoint: put.checkpoint }
            }
            Err(error) => return Err(error.into()),
        };
        let mut batch = Batch::new();
        self.replica.put(&mut batch, keys::record(record.no), &told)?;
        Ok(self.replica.rows().commit(batch)?)
    }

    /// Puts the record because a key in it changed. Gives whether the provider has it; one that was
    /// replaced too often waits.
    pub(super) fn put_changed_record(&self, record: &RemoteRecord) -> Result<bool> {
        let key = keys::remote(record.no);
        let checkpoint = self.newest_checkpoint(&self.vault_bucket()?)?;
        for _ in 0..CONFLICTS_MAX {
            let stored: RemoteRecord = self.replica.get(&key)?.unwrap_or_else(|| record.clone());
            match self.write_recovery_record(&stored, checkpoint) {
                Ok(()) => {
                    let told = RecordRow { put_at: self.clock.now_secs(), checkpoint };
                    let mut batch = Batch::new();
                    self.replica.put(&mut batch, keys::record(record.no), &told)?;
                    self.replica.rows().commit(batch)?;
                    return Ok(true);
                }
                Err(RecordError::Remote(RemoteError::Problem(report)))
                    if matches!(report.problem, Problem::Conflict | Problem::Rate) =>
                {
                    let Some(counter) = report.counter else { return Ok(false) };
                    self.update_remote(record.no, |record| record.record_counter = counter)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(false)
    }

    /// Seals and sends the record with the next counter.
    fn write_recovery_record(
        &self,
        stored: &RemoteRecord,
        checkpoint: Option<EntryId>,
    ) -> Result<(), RecordError> {
        let meta = self.replica.meta()?;
        let public = recovery_public(&meta)?;
        let locator = Locator::from_secret_bytes(&meta.recovery_locator);
        let bucket = self.vault_bucket()?;
        let contents = RecordContents {
            principal: self.secrets.principal,
            agree: self.agree_seed().to_secret_bytes(),
            vault_bucket: bucket.record.id,
            member_seed: bucket.record.member_seed.clone(),
            member_chain: bucket.record.member_chain.clone(),
            vault: stored.vault,
            vault_seed: stored.vault_seed.clone(),
            checkpoint,
        };
        let counter = stored.record_counter + 1;
        let sealed = seal_record(
            Suite::DEFAULT,
            &public,
            &locator,
            &stored.key,
            counter,
            &contents.encode(),
            &mut SystemRng,
        )
        .map_err(Error::from)?;
        let remote = self.remote(stored)?;
        let session = self.vault_session(&remote, stored)?;
        let id = locator.record_id(&stored.key);
        let signer = locator.record_key(&stored.key).public();
        self.runtime()?.block_on(session.put_record(id, signer, sealed.as_bytes()))?;
        Ok(self.update_remote(stored.no, |record| record.record_counter = counter)?)
    }
}

/// Why a record was not put: what the provider says of it is looked at.
enum RecordError {
    Remote(RemoteError),
    Other(Error),
}

impl From<RemoteError> for RecordError {
    fn from(error: RemoteError) -> Self {
        Self::Remote(error)
    }
}

impl From<Error> for RecordError {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<RecordError> for Error {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Remote(error) => error.into(),
            RecordError::Other(error) => error,
        }
    }
}

/// Seconds after which a recovery record that names an older checkpoint is put again. A provider
/// keeps seven replaced ones for thirty days and takes no more; of these, three stay free for keys
/// that change.
const RECORD_AGE_SECS: u64 = 7 * 86_400;

/// Times another device may be faster with a record whose keys changed.
const CONFLICTS_MAX: usize = 8;

fn is_outdated(put: &RecordRow, checkpoint: Option<EntryId>, now: u64) -> bool {
    put.checkpoint != checkpoint && now.saturating_sub(put.put_at) >= RECORD_AGE_SECS
}

pub(crate) fn recovery_public(meta: &Meta) -> Result<KemPublic> {
    meta.recovery_public
        .as_slice()
        .try_into()
        .ok()
        .and_then(|bytes| KemPublic::from_bytes(bytes).ok())
        .ok_or_else(|| Error::damaged("the recovery key on this device"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put_again_after() -> u64 {
        let put = RecordRow { put_at: 0, checkpoint: None };
        (1..31)
            .map(|day| day * 86_400)
            .find(|at| is_outdated(&put, Some(EntryId([1; 32])), *at))
            .unwrap()
    }

    #[test]
    fn a_record_is_put_again_for_a_newer_checkpoint_and_not_often() {
        let (old, new) = (Some(EntryId([1; 32])), Some(EntryId([2; 32])));
        let put = RecordRow { put_at: 1_000, checkpoint: old };
        assert!(!is_outdated(&put, new, 1_000 + RECORD_AGE_SECS - 1), "too often");
        assert!(!is_outdated(&put, old, u64::MAX), "it says the same");
        assert!(is_outdated(&put, new, 1_000 + RECORD_AGE_SECS));
        let puts_in_thirty_days = 30 * 86_400 / put_again_after();
        assert!(puts_in_thirty_days < 7, "a provider would make it wait");
    }

    #[test]
    fn records_of_before_checkpoints_are_read() {
        let contents = RecordContents {
            principal: PrincipalId([1; 32]),
            agree: Zeroizing::new([2; 32]),
            vault_bucket: BucketId([3; 32]),
            member_seed: Zeroizing::new([4; 32]),
            member_chain: vec![vec![5; 9]],
            vault: VaultTag([6; 16]),
            vault_seed: Zeroizing::new([7; 32]),
            checkpoint: Some(EntryId([8; 32])),
        };
        let bytes = contents.encode();
        let read = RecordContents::decode(&bytes).unwrap();
        assert_eq!(read.checkpoint, contents.checkpoint);
        let mut older = bytes[..bytes.len() - 34].to_vec();
        older[0] = 0x87;
        let read = RecordContents::decode(&older).unwrap();
        assert_eq!((read.checkpoint, read.vault), (None, contents.vault));
        for wrong in [0x86, 0x89] {
            older[0] = wrong;
            assert!(RecordContents::decode(&older).is_err());
        }
    }
}
