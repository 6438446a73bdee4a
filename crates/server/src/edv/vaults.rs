//! Vaults and their configurations. Comes in: configurations that were checked, by a request that
//! was let through. Goes out: one batch each, or a refusal. Must not know: requests, documents.

use std::ops::ControlFlow;
use std::sync::Arc;

use strongroom_store::{Batch, CommitError, Rows};
use strongroom_wire::edv::ids::LocalId;
use strongroom_wire::edv::model::Config;

use super::configs::Stored;
use super::failure::{Failure, Kind};
use super::open::{OpenVault, damage};
use super::queries::after_document;
use super::rows::{self, VaultRow};
use crate::provider::Provider;
use crate::store::{now_secs, random};

/// The vault of this id, as it is stored now.
pub fn read(provider: &Provider, vault: LocalId) -> Result<Option<Arc<Stored>>, Failure> {
    let row = provider.store.rows.get(&rows::vault(vault))?;
    row.map(|row| provider.edv.configs.of(vault, row)).transpose()
}

/// Opens a vault under a new id.
pub async fn create(provider: &Provider, config: &Config) -> Result<LocalId, Failure> {
    let id = LocalId(random()?);
    let row = VaultRow { config: config.to_json(None), created_at: now_secs() };
    let mut batch = Batch::new();
    batch.expect_absent(rows::vault(id)).put(rows::vault(id), row.encode());
    name(&mut batch, id, config);
    match provider.store.commit(batch).await {
        Ok(()) => {
            provider.metrics.edv_vaults.one();
            Ok(id)
        }
        Err(CommitError::Conflict { .. }) => Err(TAKEN),
        Err(error) => Err(error.into()),
    }
}

const TAKEN: Failure =
    Failure::new(Kind::Duplicate, "The controller has a vault under this reference.");

/// Writes by what a vault is found; a reference that its controller uses already is a conflict.
fn name(batch: &mut Batch, id: LocalId, config: &Config) {
    batch.put(rows::controlled(&config.controller, id), Vec::new());
    if let Some(reference) = &config.reference_id {
        let key = rows::reference(&config.controller, reference);
        batch.expect_absent(key.as_slice()).put(key, id.0);
    }
}

/// Stores a newer configuration: the one after the stored one.
pub async fn update(
    provider: &Provider,
    vault: &OpenVault,
    config: &Config,
) -> Result<(), Failure> {
    let old = vault.config();
    if config.id.as_ref().is_some_and(|id| *id != vault.url) {
        return Err(Failure::new(Kind::UrlMismatch, "The body's id is not the URL's."));
    }
    if config.id.is_none() {
        return Err(Failure::new(Kind::Validation, "A configuration that is updated has its id."));
    }
    if config.reference_id != old.reference_id {
        return Err(Failure::new(Kind::Data, "A reference stays as it is."));
    }
    let late = Failure::new(Kind::InvalidState, "The sequence is not the next one.");
    if old.sequence.checked_add(1) != Some(config.sequence) {
        return Err(late);
    }
    let created_at = vault.created_at()?;
    let row = VaultRow { config: config.to_json(None), created_at };
    let mut batch = vault.batch();
    if config.controller != old.controller {
        batch.delete(rows::controlled(&old.controller, vault.id));
        if let Some(reference) = &old.reference_id {
            batch.delete(rows::reference(&old.controller, reference));
        }
        name(&mut batch, vault.id, config);
    }
    batch.put(rows::vault(vault.id), row.encode());
    match provider.store.commit(batch).await {
        // Who was faster took the sequence, or the vault away.
        Err(CommitError::Conflict { key }) if key == rows::vault(vault.id) => Err(late),
        Err(CommitError::Conflict { key }) if key.first() == Some(&b'R') => Err(TAKEN),
        result => vault.outcome(result).map(drop),
    }
}

/// The vault that its controller calls by this reference.
pub fn by_reference(
    store: &dyn Rows,
    controller: &str,
    reference: &str,
) -> Result<Option<LocalId>, Failure> {
    let row = store.get(&rows::reference(controller, reference))?;
    row.map(|id| id.try_into().map(LocalId).map_err(|_| damage())).transpose()
}

/// A controller's vaults after this one, at most `most`.
pub fn controlled_by(
    store: &dyn Rows,
    controller: &str,
    after: Option<LocalId>,
    most: usize,
) -> Result<Vec<LocalId>, Failure> {
    let scan = after_document(&rows::all_controlled(controller), after);
    let mut found = Vec::new();
    store.scan(&scan, &mut |key, _| {
        found.extend(rows::vault_of_controlled(key));
        if found.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(found)
}
