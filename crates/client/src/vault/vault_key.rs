//! The vault's key at a provider, changed when a device was lost that has it. Comes in: how many
//! devices were taken out. Goes out: a new key there, for all devices that are left, and a recovery
//! record with it. Must not know: why a device was taken out.
//!
//! The new key stands in the vault's own bucket before the provider hears of it: whoever goes on
//! after an end in between finds both, and asks the provider which one it knows.

use strongroom_seal::identity::VaultSigningKey;
use strongroom_wire::cbor::{CborError, Reader, Writer};
use strongroom_wire::ids::{Thumbprint, VaultTag};
use zeroize::Zeroizing;

use super::documents::PROVIDER;
use super::{Bucket, Vault};
use crate::error::Result;
use crate::progress::Quiet;
use crate::random::SystemRng;
use crate::replica::keys;
use crate::replica::rows::RemoteRecord;

/// What all devices of a person know about the vault at one provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderDocument {
    /// The provider's key.
    pub key: Thumbprint,
    /// The vault's name there.
    pub vault: VaultTag,
    /// Seed of the vault's key there.
    pub seed: Zeroizing<[u8; 32]>,
    /// Seed of the key that is to be the next.
    pub next: Option<Zeroizing<[u8; 32]>>,
    /// How many devices had been taken out when the key was changed last.
    pub removals: u64,
    /// How many had been when the recovery record was put last.
    pub recorded: u64,
}

impl ProviderDocument {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(6).bytes(&self.key.0).bytes(&self.vault.0).bytes(&*self.seed);
        w.option(self.next.as_ref(), |w, seed| {
            w.bytes(&**seed);
        });
        w.uint(self.removals).uint(self.recorded);
        w.into_bytes()
    }

    /// Reads the canonical bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        r.array_exact(6)?;
        let document = Self {
            key: Thumbprint(r.bytes_exact()?),
            vault: VaultTag(r.bytes_exact()?),
            seed: Zeroizing::new(r.bytes_exact()?),
            next: r.option(|r| r.bytes_exact().map(Zeroizing::new))?,
            removals: r.uint()?,
            recorded: r.uint()?,
        };
        r.end()?;
        Ok(document)
    }
}

impl Vault {
    fn provider_document(
        &self,
        vault: &Bucket,
        record: &RemoteRecord,
    ) -> Result<Option<ProviderDocument>> {
        let bytes = self.internal(vault, &name(record))?;
        Ok(bytes.map(|bytes| ProviderDocument::decode(&bytes)).transpose()?)
    }

    fn write_provider(&self, record: &RemoteRecord, document: &ProviderDocument) -> Result<()> {
        let mut vault = self.vault_bucket()?;
        let change = self.internal_change(&vault, &name(record), document.encode())?;
        self.write(&vault, vec![change])?;
        self.push(&mut vault, &Quiet).map(drop)
    }

    /// Takes over what another device changed. Gives the record as it is now.
    pub(super) fn adopt_vault_key(&self, record: &RemoteRecord) -> Result<RemoteRecord> {
        let kept: Option<RemoteRecord> = self.replica.get(&keys::remote(record.no))?;
        let mut record = kept.unwrap_or_else(|| record.clone());
        let Some(document) = self.provider_document(&self.vault_bucket()?, &record)? else {
            return Ok(record);
        };
        if document.vault == record.vault && document.seed != record.vault_seed {
            record.vault_seed.clone_from(&document.seed);
            self.update_remote(record.no, |it| it.vault_seed.clone_from(&document.seed))?;
        }
        Ok(record)
    }

    /// Whether so many devices were taken out since the vault's key was changed, or the record put.
    pub(super) fn is_vault_key_due(&self, record: &RemoteRecord, removals: u64) -> Result<bool> {
        let document = self.provider_document(&self.vault_bucket()?, record)?;
        let (done, recorded) = document.map_or((0, 0), |it| (it.removals, it.recorded));
        Ok(done < removals || recorded < removals)
    }

    /// Changes the key and puts the record, or what is left to do of that.
    pub(super) fn renew_vault_key(&self, record: &RemoteRecord, removals: u64) -> Result<()> {
        let record = self.adopt_vault_key(record)?;
        let known = self.provider_document(&self.vault_bucket()?, &record)?;
        let mut document = known.unwrap_or_else(|| ProviderDocument {
            key: record.key,
            vault: record.vault,
            seed: record.vault_seed.clone(),
            next: None,
            removals: 0,
            recorded: 0,
        });
        if document.removals < removals {
            let next = if let Some(next) = document.next.clone() {
                next
            } else {
                let next = VaultSigningKey::generate(&mut SystemRng).to_secret_bytes();
                document.next = Some(next.clone());
                self.write_provider(&record, &document)?;
                next
            };
            self.change_vault_key(&record, &next)?;
            document = ProviderDocument { seed: next, next: None, removals, ..document };
            self.write_provider(&record, &document)?;
            self.adopt_vault_key(&record)?;
        }
        if document.recorded < removals {
            let kept: Option<RemoteRecord> = self.replica.get(&keys::remote(record.no))?;
            let has_one = kept.is_some_and(|kept| kept.record_counter > 0);
            if !has_one || self.put_changed_record(&record)? {
                document.recorded = removals;
                self.write_provider(&record, &document)?;
            }
        }
        Ok(())
    }

    /// Has the provider change the key, unless it has done so before.
    fn change_vault_key(&self, record: &RemoteRecord, next: &[u8; 32]) -> Result<()> {
        let remote = self.remote(record)?;
        let key = VaultSigningKey::from_secret_bytes(next);
        let session = self.vault_session(&remote, record)?;
        let changed = self.runtime()?.block_on(session.change_vault_key(record.vault, &key));
        let Err(error) = changed else { return Ok(()) };
        let new = RemoteRecord { vault_seed: Zeroizing::new(*next), ..record.clone() };
        let session = self.vault_session(&remote, &new)?;
        match self.runtime()?.block_on(session.vault_terms()) {
            Ok(_) => Ok(()),
            Err(_) => Err(error.into()),
        }
    }
}

fn name(record: &RemoteRecord) -> String {
    format!("{PROVIDER}{}", record.key.to_base32())
}
