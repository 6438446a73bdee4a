//! Configurations that were read lately. Comes in: a vault's row, as it is stored now. Goes out:
//! what it says. Must not know: requests, when a row may change.
//!
//! The row is looked up for each request; what is spared is reading the same bytes again. So there
//! is nothing here that could go stale: another row is another configuration.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use strongroom_wire::edv::ids::LocalId;
use strongroom_wire::edv::model::Config;

use super::failure::Failure;
use super::open::damage;
use super::rows::VaultRow;

/// Configurations kept.
const KEPT_MAX: usize = 512;
/// Bytes of a row that is kept, so that all of them have two megabytes at most, and as much as
/// that again once read. One without a list of networks has about 300.
const ROW_KEPT_MAX: usize = 4_096;

/// A vault as it is stored.
#[derive(Debug)]
pub struct Stored {
    /// Its configuration.
    pub config: Config,
    /// The row it was read from.
    pub row: Vec<u8>,
}

impl Stored {
    /// Reads a row. Fails with [`damage`].
    pub fn read(row: Vec<u8>) -> Result<Self, Failure> {
        let decoded = VaultRow::decode(&row).map_err(|_| damage())?;
        let config = Config::parse(decoded.config.as_bytes()).map_err(|_| damage())?;
        Ok(Self { config, row })
    }
}

/// Configurations by their vaults.
#[derive(Debug, Default)]
pub struct Configs {
    known: Mutex<HashMap<LocalId, Arc<Stored>>>,
}

impl Configs {
    /// What this row of this vault says. Fails with [`damage`].
    pub fn of(&self, vault: LocalId, row: Vec<u8>) -> Result<Arc<Stored>, Failure> {
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().get(&vault).cloned();
        if let Some(known) = known.filter(|known| known.row == row) {
            return Ok(known);
        }
        let stored = Arc::new(Stored::read(row)?);
        if stored.row.len() <= ROW_KEPT_MAX {
            let mut known = lock();
            if known.len() >= KEPT_MAX && !known.contains_key(&vault) {
                known.clear();
            }
            known.insert(vault, stored.clone());
        }
        Ok(stored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(controller: &str) -> Vec<u8> {
        let config = format!(
            r#"{{"sequence":0,"controller":"{controller}","keyAgreementKey":{{"id":"k","type":"X"}},
                "hmac":{{"id":"h","type":"Y"}}}}"#
        );
        VaultRow { config, created_at: 7 }.encode()
    }

    #[test]
    fn another_row_is_another_configuration_at_once() {
        let configs = Configs::default();
        let vault = LocalId([1; 16]);
        let of = |controller| configs.of(vault, row(controller)).unwrap();
        let first = of("did:key:alice");
        assert!(Arc::ptr_eq(&first, &of("did:key:alice")), "read once");
        assert_eq!(of("did:key:bob").config.controller, "did:key:bob");
        assert_eq!(of("did:key:alice").config.controller, "did:key:alice");
        let other = configs.of(LocalId([2; 16]), row("did:key:carroll")).unwrap();
        assert_eq!(other.config.controller, "did:key:carroll");
        assert_eq!(of("did:key:alice").config.controller, "did:key:alice");
    }

    #[test]
    fn what_does_not_read_is_damage_also_after_what_did() {
        let configs = Configs::default();
        let vault = LocalId([1; 16]);
        configs.of(vault, row("did:key:alice")).unwrap();
        let mut bent = row("did:key:alice");
        bent.truncate(bent.len() - 1);
        assert_eq!(configs.of(vault, bent).unwrap_err(), damage());
    }

    #[test]
    fn few_and_small_ones_are_kept() {
        let configs = Configs::default();
        let id = |number: usize| {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&number.to_be_bytes());
            LocalId(id)
        };
        for number in 0..=KEPT_MAX {
            configs.of(id(number), row("did:key:alice")).unwrap();
        }
        assert_eq!(configs.known.lock().unwrap().len(), 1);
        configs.of(id(0), row(&"a".repeat(ROW_KEPT_MAX))).unwrap();
        assert_eq!(configs.known.lock().unwrap().len(), 1, "too long to be kept");
    }
}
