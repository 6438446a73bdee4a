//! Why a provider does not start, or stopped. Comes in: what the system said. Goes out: one closed
//! list, with what to do now. Must not know: requests.

use std::io;
use std::net::SocketAddr;

/// Why a provider does not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Plain HTTP beyond this machine.
    #[error(
        "{0} is not loopback, and plain HTTP is served on loopback only: \
         give --tls-cert and --tls-key, or listen on 127.0.0.1"
    )]
    PlainBeyondLoopback(SocketAddr),
    /// The address cannot be had.
    #[error("cannot listen on {address}: {error}; choose another address with --listen")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The system's reason.
        error: io::Error,
    },
    /// Nobody knows how clients address this provider.
    #[error("the certificate has no DNS name: say with --origin how clients address this provider")]
    NoOrigin,
    /// Certificate or key cannot be used.
    #[error("the TLS certificate or key cannot be used: {0}")]
    Tls(String),
    /// The data directory cannot be used.
    #[error("the data directory cannot be used: could not {doing}: {error}")]
    Data {
        /// The attempt that failed.
        doing: &'static str,
        /// The system's reason.
        error: String,
    },
    /// `provider.key` is not a key.
    #[error(
        "provider.key in the data directory is damaged: restore it from a backup; \
         with a new key, every device would have to be told"
    )]
    ProviderKey,
    /// The store does not open.
    #[error("{0}")]
    Store(#[from] strongroom_store::StoreError),
    /// A file of tokens or controllers cannot be used.
    #[error("the file of those who may open vaults cannot be used: {0}")]
    Tokens(String),
    /// No randomness, no keys.
    #[error("the system gives no randomness: see getrandom(2)")]
    Randomness,
}

impl ServeError {
    pub(crate) fn data(doing: &'static str, error: &io::Error) -> Self {
        Self::Data { doing, error: error.to_string() }
    }
}
