//! One provider: its store, its key, its tables. Comes in: what it is built from. Goes out: a
//! router that serves it. Must not know: sockets.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use strongroom_store::{Batch, Blobs, Rows};
use strongroom_wire::capability::VerifiedChains;
use strongroom_wire::format::FORMAT;
use strongroom_wire::http_signature::NonceMemory;
use strongroom_wire::ids::RecordId;
use strongroom_wire::limits::{NONCES_MAX, VERIFIED_CHAINS_MAX};

use crate::ServeError;
use crate::body::Rooms;
use crate::buckets::Buckets;
use crate::config::Config;
use crate::edv::Edv;
use crate::identity::Identity;
use crate::metrics::Metrics;
use crate::pairings::Pairings;
use crate::rates::Rate;
use crate::rows;
use crate::sessions::Sessions;
use crate::store::{Store, now_secs};

const HOUR: Duration = Duration::from_hours(1);
const MINUTE: Duration = Duration::from_mins(1);

/// How clients may address a provider.
#[derive(Debug, Default)]
struct Origins {
    exact: BTreeSet<String>,
    /// DNS names, with any port: what is in front of the provider may map ports.
    names: Vec<String>,
}

impl Origins {
    fn contains(&self, origin: &str) -> bool {
        let host =
            origin.strip_prefix("https://").map(|rest| rest.split(':').next().unwrap_or(rest));
        let named = |name: &String| match (name.strip_prefix("*."), host) {
            (None, host) => host == Some(name),
            // A wildcard stands for one label.
            (Some(parent), Some(host)) => host.split_once('.').is_some_and(|(_, up)| up == parent),
            (Some(_), None) => false,
        };
        self.exact.contains(origin) || self.names.iter().any(named)
    }
}

/// A provider. Clones are the same provider.
#[derive(Clone)]
pub struct Provider(Arc<Inner>);

/// What a provider is made of.
pub struct Inner {
    pub(crate) config: Config,
    pub(crate) identity: Identity,
    pub(crate) store: Store,
    pub(crate) buckets: Arc<Buckets>,
    pub(crate) sessions: Sessions,
    pub(crate) chains: Mutex<VerifiedChains>,
    pub(crate) nonces: Mutex<NonceMemory>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) bodies: Rooms,
    pub(crate) answers: Rooms,
    pub(crate) sign_ups: Rate<IpAddr>,
    pub(crate) session_opens: Rate<IpAddr>,
    pub(crate) record_reads: Rate<IpAddr>,
    pub(crate) record_reads_each: Rate<RecordId>,
    pub(crate) pairings: Pairings,
    pub(crate) pairings_begun: Rate<IpAddr>,
    pub(crate) pairings_missed: Rate<IpAddr>,
    /// How often the key of a vault was changed: what was verified before is verified again.
    pub(crate) vault_keys_changed: std::sync::atomic::AtomicU64,
    pub(crate) link_reads: Rate<IpAddr>,
    /// Vaults of the EDV protocol.
    pub(crate) edv: Edv,
    /// Vault rows and records are changed one at a time.
    pub(crate) vault_rows: tokio::sync::Mutex<()>,
    /// Links and their uses are counted one at a time.
    pub(crate) link_rows: tokio::sync::Mutex<()>,
    /// When this process began, in seconds since 1970.
    pub(crate) started: u64,
    origins: OnceLock<Origins>,
}

impl Deref for Provider {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Provider {
    /// A provider over any store. Refuses rows of another format.
    pub fn new(
        rows: Arc<dyn Rows>,
        blobs: Arc<dyn Blobs>,
        identity: Identity,
        config: Config,
    ) -> Result<Self, ServeError> {
        check_format(&*rows)?;
        let metrics = Arc::new(Metrics::default());
        let store = Store { rows, blobs };
        let tuning = &config.tuning;
        let buckets = Buckets::new(
            store.clone(),
            metrics.clone(),
            config.quota_bytes,
            tuning.buckets_cached_max,
        );
        let per_hour = |max| Rate::new(max, HOUR);
        Ok(Self(Arc::new(Inner {
            buckets: Arc::new(buckets),
            sessions: Sessions::new(tuning.sessions_max),
            chains: Mutex::new(VerifiedChains::new(VERIFIED_CHAINS_MAX)),
            nonces: Mutex::new(NonceMemory::new(NONCES_MAX)),
            bodies: Rooms::new(tuning.bodies_bytes_max, tuning.wait_max),
            answers: Rooms::new(tuning.answers_bytes_max, tuning.wait_max),
            sign_ups: per_hour(tuning.sign_ups_per_hour),
            session_opens: Rate::new(tuning.session_opens_per_minute, MINUTE),
            record_reads: per_hour(tuning.record_reads_per_hour),
            record_reads_each: Rate::new(tuning.record_reads_per_hour_each, HOUR),
            pairings: Pairings::default(),
            pairings_begun: per_hour(tuning.pairings_per_hour),
            pairings_missed: per_hour(tuning.pairing_misses_per_hour),
            vault_keys_changed: std::sync::atomic::AtomicU64::new(0),
            link_reads: per_hour(tuning.link_reads_per_hour),
            edv: Edv::new(&config),
            vault_rows: tokio::sync::Mutex::new(()),
            link_rows: tokio::sync::Mutex::new(()),
            started: now_secs(),
            origins: OnceLock::new(),
            metrics,
            store,
            identity,
            config,
        })))
    }

    /// The routes.
    pub fn router(&self) -> axum::Router {
        crate::routes::router(self.clone())
    }

    /// Its counts.
    pub fn metrics(&self) -> Arc<Metrics> {
        self.metrics.clone()
    }

    /// Where it listens, and the names of its certificate: by these clients may address it, where
    /// no origin was configured.
    pub(crate) fn listens_on(&self, address: SocketAddr, names: Vec<String>, url: &str) {
        self.edv.is_reached_at(url);
        let mut origins = Origins::default();
        origins.exact.extend(self.config.origins.iter().cloned());
        if address.ip().is_loopback() {
            let scheme = if self.config.tls.is_some() { "https" } else { "http" };
            let port = address.port();
            for host in ["127.0.0.1", "localhost", "[::1]"] {
                origins.exact.insert(format!("{scheme}://{host}:{port}"));
            }
        } else if self.config.origins.is_empty() {
            origins.names = names;
        }
        let _ = self.origins.set(origins);
    }

    /// Whether this is how clients address this provider. A signature made for another host is
    /// none for this one.
    pub(crate) fn is_own_origin(&self, origin: &str) -> bool {
        self.origins.get().is_none_or(|own| own.contains(origin))
    }

    /// Collects what nobody refers to, from time to time, for as long as it is polled.
    pub async fn keep_house(self) {
        match self.buckets.collect_lost().await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "removed chunks that lost their owner in a crash"),
            Err(_) => tracing::warn!("could not look for lost chunks"),
        }
        crate::edv::keep_house(&self).await;
        loop {
            tokio::time::sleep(self.config.tuning.sweep_every).await;
            match self.buckets.sweep(self.config.tuning.orphan_age).await {
                Ok(0) => {}
                Ok(count) => tracing::info!(count, "collected chunks nothing refers to"),
                Err(_) => tracing::warn!("could not collect orphaned chunks"),
            }
            crate::edv::keep_house(&self).await;
            match crate::links::forget_ended(&self, now_secs()).await {
                Ok(0) => {}
                Ok(count) => tracing::info!(count, "forgot rows of links that ended"),
                Err(_) => tracing::warn!("could not forget links that ended"),
            }
        }
    }

    /// Collects orphans of any age now. For tests and for an operator's tools.
    pub async fn sweep(&self, age: Duration) -> Result<u64, crate::Refusal> {
        self.buckets.sweep(age).await
    }

    /// Forgets what links needed that ended long before this second. For tests and for an
    /// operator's tools.
    pub async fn forget_links(&self, now: u64) -> Result<u64, crate::Refusal> {
        crate::links::forget_ended(self, now).await
    }
}

fn check_format(store: &dyn Rows) -> Result<(), ServeError> {
    let ours = [FORMAT];
    match store.get(rows::FORMAT_KEY)? {
        Some(found) if found == ours => Ok(()),
        Some(_) => Err(ServeError::Store(strongroom_store::StoreError::Foreign {
            what: "rows of another format number".into(),
        })),
        None => {
            let mut batch = Batch::new();
            batch.put(rows::FORMAT_KEY, ours);
            store.commit(batch).map_err(|error| match error {
                strongroom_store::CommitError::Store(error) => ServeError::Store(error),
                strongroom_store::CommitError::Conflict { .. } => {
                    ServeError::Store(strongroom_store::StoreError::Busy)
                }
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_configured_or_a_name_of_the_certificate() {
        let names = vec!["rooms.example".to_owned(), "*.vaults.example".to_owned()];
        let exact = BTreeSet::from(["https://a.example:8443".to_owned()]);
        let own = Origins { exact, names };
        for (origin, known) in [
            ("https://rooms.example", true),
            ("https://rooms.example:9000", true),
            ("https://one.vaults.example", true),
            ("https://a.example:8443", true),
            ("https://a.example", false),
            ("http://rooms.example", false),
            ("https://vaults.example", false),
            ("https://one.two.vaults.example", false),
            ("https://evil.example", false),
            ("https://xrooms.example", false),
        ] {
            assert_eq!(own.contains(origin), known, "{origin}");
        }
    }
}
