//! Running a provider. Comes in: a configuration. Goes out: a served address, and an orderly end.
//! Must not know: the command line.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use strongroom_store::{Blobs, Local, Memory, Rows};
use strongroom_wire::ids::Thumbprint;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::Config;
use crate::identity::Identity;
use crate::listener::Listener;
use crate::provider::Provider;
use crate::{ServeError, tls};

/// What is known once the provider listens.
#[derive(Debug, Clone)]
pub struct Ready {
    /// Where clients reach it.
    pub url: String,
    /// The address it listens on.
    pub address: SocketAddr,
    /// Its public key, base64url.
    pub key: String,
    /// The thumbprint devices pin.
    pub thumbprint: Thumbprint,
}

/// Serves until SIGTERM or SIGINT, then finishes what is under way.
pub async fn serve(config: Config, ready: impl FnOnce(Ready)) -> Result<(), ServeError> {
    let fail = |error: std::io::Error| ServeError::data("watch for signals", &error);
    let mut terminate = signal(SignalKind::terminate()).map_err(fail)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(fail)?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    serve_until(config, ready, stop).await
}

/// Serves until `stop` is ready, then finishes what is under way.
pub async fn serve_until(
    config: Config,
    ready: impl FnOnce(Ready),
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    refuse_plain_beyond_loopback(&config)?;
    let provider = open(config).await?;
    serve_provider(provider, ready, stop).await
}

/// Serves a provider over a store of the caller's.
pub async fn serve_provider(
    provider: Provider,
    ready: impl FnOnce(Ready),
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    serve_wrapped(provider, |router| router, ready, stop).await
}

/// The same, with something of the caller's around the routes: for tests that stand between a
/// device and its provider.
pub async fn serve_wrapped(
    provider: Provider,
    wrap: impl FnOnce(axum::Router) -> axum::Router,
    ready: impl FnOnce(Ready),
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let config = provider.config.clone();
    refuse_plain_beyond_loopback(&config)?;
    let tls = config.tls.as_ref().map(tls::acceptor).transpose()?;
    let listen = |error| ServeError::Listen { address: config.listen, error };
    let socket = TcpListener::bind(config.listen).await.map_err(listen)?;
    let address = socket.local_addr().map_err(listen)?;
    let names = config.tls.as_ref().map(tls::names).transpose()?.unwrap_or_default();
    let scheme = if tls.is_some() { "https" } else { "http" };
    let beyond = !address.ip().is_loopback();
    // Certificates are made for names: beyond loopback the address alone would not do.
    let named = names.first().filter(|name| beyond && !name.starts_with('*'));
    let found = match named {
        Some(name) => format!("{scheme}://{name}:{}", address.port()),
        None => format!("{scheme}://{address}"),
    };
    let url = config.origins.first().cloned().unwrap_or(found);
    if beyond && config.origins.is_empty() && names.is_empty() {
        return Err(ServeError::NoOrigin);
    }
    provider.listens_on(address, names, &url);
    let identity = &provider.identity;
    ready(Ready {
        url,
        address,
        key: crate::base64url(&identity.public().0),
        thumbprint: identity.thumbprint(),
    });
    let house = tokio::spawn(provider.clone().keep_house());
    let routes = wrap(provider.router());
    let listener = Listener::new(routes, tls, config.tuning.clone(), provider.metrics());
    listener.run(socket, stop).await;
    house.abort();
    // Everything acknowledged is durable; this waits for what is still on its way to the disk.
    let _ = provider.store.commit(strongroom_store::Batch::new()).await;
    tracing::info!("stopped");
    Ok(())
}

impl Provider {
    /// Tells a provider that somebody else listens for it by which origins clients address it: its
    /// configured ones, and loopback's names with this port.
    pub fn is_reached_at(&self, address: SocketAddr) {
        let url = crate::edv::origin_of(address, self.config.tls.is_some());
        self.listens_on(address, Vec::new(), &url);
    }
}

fn refuse_plain_beyond_loopback(config: &Config) -> Result<(), ServeError> {
    if config.tls.is_none() && !config.listen.ip().is_loopback() {
        return Err(ServeError::PlainBeyondLoopback(config.listen));
    }
    Ok(())
}

/// Opens the provider's store and key.
pub async fn open(config: Config) -> Result<Provider, ServeError> {
    let Some(data) = config.data.clone() else {
        let store = Memory::new();
        let blobs: Arc<dyn Blobs> = Arc::new(store.clone());
        return Provider::new(Arc::new(store), blobs, Identity::generate()?, config);
    };
    let opened = tokio::task::spawn_blocking(move || -> Result<_, ServeError> {
        let identity = Identity::open(&data)?;
        let (rows, blobs) = open_local(&data)?;
        Ok((identity, rows, blobs))
    });
    let (identity, rows, blobs) =
        opened.await.map_err(|_| ServeError::Store(strongroom_store::StoreError::Closed))??;
    Provider::new(rows, blobs, identity, config)
}

type Opened = (Arc<dyn Rows>, Arc<dyn Blobs>);

fn open_local(data: &Path) -> Result<Opened, ServeError> {
    let store = Arc::new(Local::open(&data.join("store"))?);
    Ok((store.clone(), store))
}
