//! Vaults of the EDV protocol, for clients that know nothing else. Comes in: requests under
//! `/edvs`, signed under capabilities of that protocol. Goes out: JSON those clients wrote, to
//! those who may have it. Must not know: buckets and their entries; keys that open anything.
//!
//! A second tier beside buckets, over the same store: the same group commit, quotas and metrics,
//! and none of what entries prove. Nothing here detects that a provider rolls back or withholds.
//! Bytes and rules: docs/spec/edv.md. Rows: docs/spec/provider-rows.md.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use strongroom_wire::edv::ids::LocalId;
use strongroom_wire::problem::Problem;
use strongroom_wire::signature::KnownKeys;

use crate::config::{Config, EdvPolicy};
use crate::provider::Provider;
use crate::rates::Rate;
use crate::store::{now_secs, offload};

mod bodies;
mod changes;
mod chunks;
mod configs;
mod documents;
mod failure;
mod gate;
mod index;
mod open;
mod queries;
mod removal;
mod revocations;
pub mod routes;
pub mod rows;
mod seen;
mod vaults;

use configs::Configs;
pub use failure::{Failure, Kind};
use open::Live;
use seen::Seen;

/// Vaults of which something is kept in memory.
const LIVES_MAX: usize = 4_096;

/// What a provider keeps in memory for vaults of this protocol.
pub struct Edv {
    /// Who may open a vault.
    policy: EdvPolicy,
    configured: Option<String>,
    base: OnceLock<Arc<Base>>,
    lives: Mutex<HashMap<LocalId, Arc<Live>>>,
    configs: Configs,
    /// Changes that were carried out.
    seen: Seen,
    /// Who signed lately. Whether a signature holds is computed anew for each request.
    keys: KnownKeys,
    creations: Rate<IpAddr>,
    quota: u64,
}

/// How clients address this provider. Vault ids begin with it, and capabilities name it.
#[derive(Debug, Clone)]
pub struct Base {
    /// `https`, or `http` on loopback.
    pub scheme: &'static str,
    /// Host, and port where it is not the scheme's own.
    pub host: String,
}

impl Base {
    /// An origin without a path.
    pub fn parse(origin: &str) -> Option<Self> {
        let (scheme, host) = match origin.strip_prefix("https://") {
            Some(host) => ("https", host),
            None => ("http", origin.strip_prefix("http://")?),
        };
        (!host.is_empty()).then(|| Self { scheme, host: host.to_owned() })
    }

    /// The URL of a path with its query.
    pub fn url(&self, path: &str) -> String {
        [self.scheme, "://", &self.host, path].concat()
    }
}

impl Edv {
    /// For a provider of this configuration.
    pub fn new(config: &Config) -> Self {
        Self {
            policy: config.edv.policy.clone(),
            configured: config.edv.base.clone().or_else(|| config.origins.first().cloned()),
            base: OnceLock::new(),
            lives: Mutex::default(),
            configs: Configs::default(),
            seen: Seen::default(),
            keys: KnownKeys::default(),
            creations: Rate::new(config.tuning.edv_creations_per_hour, Duration::from_hours(1)),
            quota: config.quota_bytes,
        }
    }

    /// The provider is reached at this origin, unless it was told another one.
    pub fn is_reached_at(&self, origin: &str) {
        let origin = self.configured.as_deref().unwrap_or(origin);
        if let Some(base) = Base::parse(origin) {
            let _ = self.base.set(Arc::new(base));
        }
    }

    /// How clients address this provider.
    fn base(&self) -> Result<&Arc<Base>, Failure> {
        self.base.get().ok_or_else(|| Problem::Internal.into())
    }

    fn lock_lives(&self) -> MutexGuard<'_, HashMap<LocalId, Arc<Live>>> {
        self.lives.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A vault that was deleted.
    fn forget(&self, vault: LocalId) {
        self.lock_lives().remove(&vault);
    }

    /// What is kept in memory of a vault.
    async fn live(provider: &Provider, vault: LocalId) -> Result<Arc<Live>, Failure> {
        let this = &provider.edv;
        if let Some(live) = this.lock_lives().get(&vault) {
            return Ok(live.clone());
        }
        let (store, quota) = (provider.store.clone(), this.quota);
        // Without a quota nothing is counted, and nothing read.
        let load = move || Live::load(&store, vault, quota);
        let live = if quota == 0 { load()? } else { offload(load).await?? };
        let mut lives = this.lock_lives();
        if lives.len() >= LIVES_MAX {
            // Those in use have further owners.
            lives.retain(|_, live| Arc::strong_count(live) > 1);
        }
        Ok(lives.entry(vault).or_insert_with(|| Arc::new(live)).clone())
    }
}

/// Clears what deleted vaults held, and forgets revocations of what has ended.
pub async fn keep_house(provider: &Provider) {
    match removal::clear(provider).await {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, "cleared vaults that were deleted"),
        Err(_) => tracing::warn!("could not clear vaults that were deleted"),
    }
    match revocations::forget_ended(provider, now_secs()).await {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, "forgot revocations of what has ended"),
        Err(_) => tracing::warn!("could not forget revocations of what has ended"),
    }
}

/// Origin of an address that is listened on without a name.
pub fn origin_of(address: SocketAddr, tls: bool) -> String {
    let scheme = if tls { "https" } else { "http" };
    format!("{scheme}://{address}")
}
