//! Capabilities that were revoked. Comes in: who delegated which. Goes out: whether it still holds.
//! Must not know: requests, what it allowed.
//!
//! A revocation is a row in the vault; every batch written under a capability expects that the rows
//! of its chain are not there, so nothing is written after a revocation was acknowledged.

use std::ops::ControlFlow;

use strongroom_store::{Batch, CommitError, Rows, Scan};

use super::failure::{Failure, Kind};
use super::open::{OpenVault, overrun};
use super::rows;
use crate::provider::Provider;
use crate::rows::{read_until, until};

/// Rows one sweep deletes in one batch.
const FORGOTTEN_AT_ONCE: usize = 1_024;

/// Whether one of these rows is there.
pub fn any(store: &dyn Rows, keys: &[Vec<u8>]) -> Result<bool, Failure> {
    Ok(store.get_many(keys)?.iter().any(Option::is_some))
}

/// Notes that this delegator's capability holds no more; nobody would take it after `kept_until`.
pub async fn note(
    provider: &Provider,
    vault: &OpenVault,
    (delegator, capability): (&str, &str),
    kept_until: u64,
) -> Result<(), Failure> {
    let key = rows::revocation(vault.id, delegator, capability);
    let mut batch = vault.batch();
    batch.expect_absent(key.as_slice()).put(key.as_slice(), until(kept_until));
    match provider.store.commit(batch).await {
        Err(CommitError::Conflict { key: found }) if found == key => {
            Err(Failure::new(Kind::Duplicate, "The capability was revoked before."))
        }
        result => vault.outcome(result)?.then_some(()).ok_or_else(overrun),
    }
}

/// Deletes revocations of what nobody would take any more. Tells how many.
pub async fn forget_ended(provider: &Provider, now: u64) -> Result<u64, Failure> {
    let (mut count, mut from) = (0, rows::ALL_REVOCATIONS.to_vec());
    loop {
        let mut batch = Batch::new();
        let (mut looked, mut found) = (0, 0);
        let scan = Scan { from: from.clone(), ..Scan::prefix(rows::ALL_REVOCATIONS) };
        provider.store.rows.scan(&scan, &mut |key, value| {
            if read_until(value).is_some_and(|until| until <= now) {
                batch.delete(key);
                found += 1;
            }
            looked += 1;
            from = [key, &[0]].concat();
            let go_on = looked < FORGOTTEN_AT_ONCE;
            if go_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        if found > 0 {
            provider.store.commit(batch).await?;
        }
        count += found;
        if looked < FORGOTTEN_AT_ONCE {
            return Ok(count);
        }
    }
}
