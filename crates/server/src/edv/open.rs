//! A vault that a request may act on. Comes in: what the gate let through. Goes out: batches that
//! hold only while all of that still holds. Must not know: requests.
//!
//! Nothing of a vault is kept in memory that could go stale: each batch names the rows it was
//! decided by, and the store applies it only if they are as they were. In memory are the number of
//! the vault's next change and, where there is a quota, what it has used.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use strongroom_store::{Batch, CommitError, Rows, Scan};
use strongroom_wire::edv::ids::LocalId;
use strongroom_wire::edv::model::Config;
use strongroom_wire::problem::Problem;

use super::configs::Stored;
use super::failure::{Failure, Kind};
use super::rows::{self, ChangeRow, ChunkRow, DocumentRow, VaultRow};
use crate::buckets::VaultUse;
use crate::refusal::Refusal;
use crate::rows::OVERHEAD;
use crate::store::Store;

/// How often a change is judged anew because others changed what it was judged by.
pub const TRIES: usize = 16;

/// What is kept in memory of a vault.
pub struct Live {
    id: LocalId,
    /// The number of its next change; none: not looked up yet.
    next: Mutex<Option<u64>>,
    /// What it uses of its quota.
    pub used: Arc<VaultUse>,
}

impl Live {
    /// Looks up what a vault uses, if anybody will ask.
    pub fn load(store: &Store, id: LocalId, quota: u64) -> Result<Self, Failure> {
        let used = if quota == 0 { 0 } else { used_bytes(&*store.rows, id)? };
        Ok(Self { id, next: Mutex::new(None), used: Arc::new(VaultUse::new(used, quota)) })
    }

    /// Gives a change its number, and hands its batch over in the order of the numbers: who has
    /// seen a change has seen all before it.
    pub fn submit<F: FnOnce(u64, &mut Batch)>(
        &self,
        store: &Store,
        mut batch: Batch,
        change: ChangeRow,
        complete: F,
    ) -> Result<impl Future<Output = Result<(), CommitError>> + use<F>, Failure> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let number = match *next {
            Some(number) => number,
            None => newest(&*store.rows, self.id)? + 1,
        };
        *next = Some(number + 1);
        let key = rows::change(self.id, number);
        batch.expect_absent(key.clone()).put(key, change.encode());
        complete(number, &mut batch);
        Ok(store.submit(batch, |_| ()))
    }

    /// The numbers are looked up again: somebody else gave one away.
    fn forget_next(&self) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// The number of the newest change; 0: none yet.
pub fn newest(store: &dyn Rows, vault: LocalId) -> Result<u64, Failure> {
    let mut number = 0;
    store.scan(&Scan::prefix(rows::changes(vault)).reversed(), &mut |key, _| {
        number = rows::number_of_change(key).unwrap_or(0);
        ControlFlow::Break(())
    })?;
    Ok(number)
}

fn used_bytes(store: &dyn Rows, vault: LocalId) -> Result<u64, Failure> {
    let mut used = 0;
    let mut damaged = false;
    let mut count = |len: Option<u64>| {
        damaged |= len.is_none();
        used += len.unwrap_or(0) + OVERHEAD;
        ControlFlow::Continue(())
    };
    store.scan(&Scan::prefix(rows::documents(vault)), &mut |_, value| {
        count(DocumentRow::decode(value).ok().map(|row| row.lies.len))
    })?;
    store.scan(&Scan::prefix(rows::all_chunks(vault)), &mut |_, value| {
        count(ChunkRow::decode(value).ok().map(|row| row.lies.len))
    })?;
    if damaged { Err(damage()) } else { Ok(used) }
}

/// A row of ours that does not read: the store is damaged, or written by a newer version.
pub fn damage() -> Failure {
    tracing::error!("a row of a vault does not read; run the store's check");
    Problem::Damaged.into()
}

/// A vault, for one request that was let through.
pub struct OpenVault {
    /// Its local id.
    pub id: LocalId,
    /// Its URL.
    pub url: String,
    /// What is kept in memory of it.
    pub live: Arc<Live>,
    stored: Arc<Stored>,
    /// Rows that are not there: revocations of what the request was signed under.
    unrevoked: Vec<Vec<u8>>,
}

impl OpenVault {
    /// The vault as it is stored, for a request signed under capabilities whose revocations would
    /// stand under `unrevoked`.
    pub fn new(
        (id, url): (LocalId, String),
        stored: Arc<Stored>,
        live: Arc<Live>,
        unrevoked: Vec<Vec<u8>>,
    ) -> Self {
        Self { id, url, live, stored, unrevoked }
    }

    /// Its configuration.
    pub fn config(&self) -> &Config {
        &self.stored.config
    }

    /// When it was created, in seconds since 1970.
    pub fn created_at(&self) -> Result<u64, Failure> {
        VaultRow::decode(&self.stored.row).map(|row| row.created_at).map_err(|_| damage())
    }

    /// A batch that is applied only if the vault is as it was, and nothing the request was signed
    /// under has been revoked.
    pub fn batch(&self) -> Batch {
        let mut batch = Batch::new();
        batch.expect_equals(rows::vault(self.id), self.stored.row.as_slice());
        for key in &self.unrevoked {
            batch.expect_absent(key.as_slice());
        }
        batch
    }

    /// What became of a batch. `Ok(false)`: others were faster, so it must be judged anew.
    pub fn outcome(&self, result: Result<(), CommitError>) -> Result<bool, Failure> {
        let key = match result {
            Ok(()) => return Ok(true),
            Err(CommitError::Conflict { key }) => key,
            Err(error) => return Err(error.into()),
        };
        if self.unrevoked.contains(&key) {
            return Err(Failure::denied());
        }
        if key == rows::vault(self.id) {
            let why = "The vault's configuration changed meanwhile: try again.";
            return Err(Failure::new(Kind::Busy, why));
        }
        if rows::number_of_change(&key).is_some() && key.starts_with(&rows::changes(self.id)) {
            self.live.forget_next();
        }
        Ok(false)
    }
}

/// After [`TRIES`] judgements others were still faster.
pub fn overrun() -> Failure {
    Failure::from(Refusal::from(Problem::Busy))
}
