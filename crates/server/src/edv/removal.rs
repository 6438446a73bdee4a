//! Vaults that go. Comes in: a vault whose controller wants it gone. Goes out: nothing of it is
//! left. Must not know: requests.
//!
//! One batch makes a vault unknown; what it held is deleted after that, also by the next process if
//! this one ends. Whatever was about to be written expects the vault's row and fails.

use std::ops::ControlFlow;

use strongroom_store::{Batch, Scan};
use strongroom_wire::edv::ids::LocalId;

use super::bodies;
use super::failure::Failure;
use super::open::{OpenVault, overrun};
use super::rows::{self, BodyRow};
use crate::provider::Provider;
use crate::store::offload;

/// Rows deleted in one batch.
const STEP: usize = 1_024;

/// Makes a vault unknown, durably.
pub async fn remove(provider: &Provider, vault: &OpenVault) -> Result<(), Failure> {
    let mut batch = vault.batch();
    let config = vault.config();
    let controller = config.controller.as_str();
    batch.delete(rows::vault(vault.id)).delete(rows::controlled(controller, vault.id));
    if let Some(reference) = &config.reference_id {
        batch.delete(rows::reference(controller, reference));
    }
    batch.put(rows::gone(vault.id), Vec::new());
    if !vault.outcome(provider.store.commit(batch).await)? {
        return Err(overrun());
    }
    provider.edv.forget(vault.id);
    Ok(())
}

/// Deletes what vaults held that are unknown by now. Tells how many vaults.
pub async fn clear(provider: &Provider) -> Result<u64, Failure> {
    let mut gone = Vec::new();
    provider.store.rows.scan(&Scan::prefix(rows::ALL_GONE), &mut |key, _| {
        gone.extend(rows::vault_of_gone(key));
        ControlFlow::Continue(())
    })?;
    let count = gone.len() as u64;
    for vault in gone {
        clear_one(provider, vault).await?;
    }
    Ok(count)
}

/// Deletes what one vault held.
pub async fn clear_one(provider: &Provider, vault: LocalId) -> Result<(), Failure> {
    for table in rows::OF_VAULT {
        while clear_some(provider, vault, table).await? {}
    }
    let mut batch = Batch::new();
    batch.delete(rows::gone(vault));
    Ok(provider.store.commit(batch).await?)
}

/// Deletes some rows of one table; `false`: there are none left.
async fn clear_some(provider: &Provider, vault: LocalId, table: u8) -> Result<bool, Failure> {
    let store = provider.store.rows.clone();
    let (batch, blobs) = offload(move || {
        let (mut batch, mut blobs, mut count) = (Batch::new(), Vec::new(), 0);
        store.scan(&Scan::prefix(rows::all_of(table, vault)), &mut |key, value| {
            batch.delete(key);
            if let (b'B' | b'L', Some(body)) = (table, BodyRow::decode(value)) {
                // Both tables name the document after the vault.
                let document = key.get(17..33).and_then(|id| id.try_into().ok()).map(LocalId);
                for (blob, _) in body.pieces {
                    blobs.push(blob);
                    document.map(|it| batch.delete(rows::owner(blob, vault, it)).is_empty());
                }
            }
            count += 1;
            if count < STEP { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok::<_, Failure>((batch, blobs))
    })
    .await??;
    if batch.is_empty() {
        return Ok(false);
    }
    provider.store.commit(batch).await?;
    bodies::delete(provider, blobs).await;
    Ok(true)
}
