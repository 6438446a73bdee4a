//! The person's agree keys on this device: the one grants go to now, and those before it. Comes in:
//! the key log, as other devices changed it. Goes out: seeds, the current one first. Must not know:
//! what is wrapped to them, sockets.
//!
//! A key is changed when a device was lost. Its seed stands in the key log, wrapped to each device
//! that was left, and what the key log says is sealed under the epoch before: a device that was
//! away learns the seed first, and opens with it the epoch from which the lost one is shut out.
//! Bytes: docs/spec/replica.md.

use strongroom_core::document::Content;
use strongroom_core::keylog::KeyLog;
use strongroom_seal::agree::{Rotation, unwrap_agree};
use strongroom_seal::kem::{AgreeSeed, KemPair};
use strongroom_seal::suite::Suite;
use strongroom_store::Batch;
use strongroom_wire::cbor::{CborError, Reader, Writer};
use strongroom_wire::chain::Verified;
use strongroom_wire::entry::{Entry, Kind};
use zeroize::Zeroizing;

use super::documents::{AGREE, KEY_LOG};
use super::{Bucket, StoredKeyLog, Vault};
use crate::error::Result;
use crate::replica::keys;
use crate::replica::rows::Row;

/// Seeds remembered at most; the oldest goes first.
const SEEDS_MAX: usize = 64;

/// Agree seeds, the current one first. Sealed.
#[derive(Debug, Clone, Default)]
pub struct AgreeRow(pub Vec<Zeroizing<[u8; 32]>>);

impl Row for AgreeRow {
    fn write(&self, w: &mut Writer) {
        w.array(1).array(self.0.len());
        for seed in &self.0 {
            w.bytes(&**seed);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        r.array_exact(1)?;
        let count = r.array(SEEDS_MAX)?;
        let seeds = (0..count).map(|_| r.bytes_exact().map(Zeroizing::new));
        Ok(Self(seeds.collect::<Result<_, _>>()?))
    }
}

impl AgreeRow {
    fn put_first(&mut self, seed: &[u8; 32]) {
        self.0.retain(|known| **known != *seed);
        self.0.insert(0, Zeroizing::new(*seed));
        self.0.truncate(SEEDS_MAX);
    }

    /// Adds what is not known yet, behind all that is.
    fn put_last(&mut self, seed: &[u8; 32]) -> bool {
        let new = self.0.iter().all(|known| **known != *seed) && self.0.len() < SEEDS_MAX;
        if new {
            self.0.push(Zeroizing::new(*seed));
        }
        new
    }
}

impl Vault {
    fn agree_row(&self) -> std::sync::MutexGuard<'_, AgreeRow> {
        self.agree.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// What this device keeps, read when the vault is opened, and when another process may have
    /// learned more.
    pub(super) fn load_agree(&self) -> Result<()> {
        let kept: Option<AgreeRow> = self.replica.get(keys::AGREE)?;
        let mut kept = kept.unwrap_or_default();
        let mut row = self.agree_row();
        for seed in row.0.drain(..) {
            kept.put_last(&seed);
        }
        kept.put_last(&self.secrets.agree.to_secret_bytes());
        *row = kept;
        Ok(())
    }

    fn keep_agree(&self, row: &AgreeRow) -> Result<()> {
        let mut batch = Batch::new();
        self.replica.put(&mut batch, keys::AGREE.to_vec(), row)?;
        Ok(self.replica.rows().commit(batch)?)
    }

    /// Seed of the key that grants go to.
    pub(crate) fn agree_seed(&self) -> AgreeSeed {
        let row = self.agree_row();
        let first =
            row.0.first().map_or_else(|| self.secrets.agree.to_secret_bytes(), Clone::clone);
        AgreeSeed::from_secret_bytes(&first)
    }

    /// All agree keys of this person that this device knows, the current one first.
    pub(crate) fn agree_pairs(&self) -> Vec<KemPair> {
        let row = self.agree_row();
        row.0.iter().map(|seed| AgreeSeed::from_secret_bytes(seed).pair()).collect()
    }

    /// Keeps a seed before it is the current one: nothing is lost if the program ends here.
    pub(super) fn keep_next_agree(&self, seed: &AgreeSeed) -> Result<()> {
        let mut row = self.agree_row();
        row.put_last(&seed.to_secret_bytes());
        self.keep_agree(&row)
    }

    /// The key log in force says which seed is the current one.
    pub(super) fn settle_agree(&self, log: &KeyLog) -> Result<()> {
        let Some(agree) = log.agree() else { return Ok(()) };
        let is_current = |seed: &Zeroizing<[u8; 32]>| {
            AgreeSeed::from_secret_bytes(seed).pair().public().to_bytes() == agree.key
        };
        self.load_agree()?;
        let mut row = self.agree_row();
        if row.0.first().is_some_and(is_current) {
            return Ok(());
        }
        let Some(current) = row.0.iter().find(|seed| is_current(seed)).cloned() else {
            return Ok(());
        };
        row.put_first(&current);
        self.keep_agree(&row)
    }

    /// Looks in entries that are being taken in for a key log that wraps a new seed to this device.
    /// Whether that log counts is settled later: a seed too many opens nothing by itself.
    pub(super) fn hear_agree(&self, bucket: &Bucket, entries: &[Verified<Entry>]) -> Result<bool> {
        let tag = bucket.natural(KEY_LOG);
        let is_log = |entry: &&Verified<Entry>| {
            entry.header().kind == Kind::Version && entry.header().document == tag
        };
        let mut new = false;
        for entry in entries.iter().filter(is_log) {
            let Ok(body) = bucket.keyring.open_version(entry) else { continue };
            let Content::Inline(bytes) = body.content else { continue };
            let Some(log) = StoredKeyLog::decode(&bytes).ok().and_then(|it| it.verify().ok())
            else {
                continue;
            };
            if let Some(seed) = self.unwrapped(&log) {
                let mut row = self.agree_row();
                if row.put_last(&seed.to_secret_bytes()) {
                    self.keep_agree(&row)?;
                    new = true;
                }
            }
        }
        Ok(new)
    }

    /// The agree seed of a log of this person's, if it is wrapped to this device.
    fn unwrapped(&self, log: &KeyLog) -> Option<AgreeSeed> {
        let agree = log.agree().filter(|_| log.principal() == self.secrets.principal)?;
        let wrap = agree.wraps.get(&self.secrets.device.public())?;
        let rotation =
            Rotation { suite: Suite::DEFAULT, principal: log.principal(), number: agree.number };
        let device = self.secrets.device_agree.pair();
        unwrap_agree(rotation, &device, &agree.key, wrap).ok()
    }

    /// Seeds of before this device was one of the person's, which the others left for it.
    pub(super) fn hear_older_agree(&self, vault: &Bucket) -> Result<()> {
        let Some(bytes) = self.internal(vault, AGREE)? else { return Ok(()) };
        let older = AgreeRow::decode(&bytes)?;
        let mut row = self.agree_row();
        let mut new = false;
        for seed in &older.0 {
            new |= row.put_last(seed);
        }
        if new { self.keep_agree(&row) } else { Ok(()) }
    }

    /// All seeds, for devices that come later: content of an internal document.
    pub(super) fn all_agree(&self) -> Vec<u8> {
        self.agree_row().encode()
    }
}
