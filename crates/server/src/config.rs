//! What a provider is told at its start. Comes in: paths, an address, limits. Goes out: one
//! [`Config`]. Must not know: who will use it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Where the provider keeps its data, where it listens, whom it takes in.
#[derive(Debug, Clone)]
pub struct Config {
    /// Data directory; `None`: everything in memory, gone at the end.
    pub data: Option<PathBuf>,
    /// Address to listen on. Anything but loopback needs `tls`.
    pub listen: SocketAddr,
    /// Certificate and key, PEM; `None`: plain HTTP, on loopback only.
    pub tls: Option<TlsFiles>,
    /// How clients address this provider: `https://host` or `https://host:port`, without a path.
    /// Empty: on loopback its names, elsewhere the names of the certificate, with any port.
    pub origins: Vec<String>,
    /// Bytes one vault may fill, entries and chunks together; 0: no limit.
    pub quota_bytes: u64,
    /// Who may open a vault.
    pub sign_up: SignUpPolicy,
    /// Vaults of the EDV protocol.
    pub edv: EdvConfig,
    /// Limits that few change.
    pub tuning: Tuning,
}

/// Vaults of the EDV protocol, under `/edvs`.
#[derive(Debug, Clone, Default)]
pub struct EdvConfig {
    /// The origin that vault ids begin with; `None`: the first of [`Config::origins`], or else the
    /// address listened on.
    pub base: Option<String>,
    /// Who may open a vault. Those that are there are served in any case.
    pub policy: EdvPolicy,
}

/// Who may open a vault of the EDV protocol.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum EdvPolicy {
    /// Nobody new.
    #[default]
    Closed,
    /// Everyone, under the rate limit.
    Open,
    /// These controllers (DIDs).
    Listed(Vec<String>),
    /// Who sends one of these tokens.
    Token(Vec<String>),
}

// Tokens are secrets: they must not get into a log by way of `{config:?}`.
impl std::fmt::Debug for EdvPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::Listed(_) => "listed",
            Self::Token(_) => "token",
        })
    }
}

/// Paths of a certificate chain and its key.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// PEM, the provider's own certificate first.
    pub cert: PathBuf,
    /// PEM, PKCS#8, SEC1 or PKCS#1.
    pub key: PathBuf,
}

/// Who may open a vault here.
#[derive(Clone, PartialEq, Eq)]
pub enum SignUpPolicy {
    /// Everyone, under the rate limit.
    Open,
    /// Who knows one of these tokens.
    Token(Vec<String>),
    /// Nobody new.
    Closed,
}

impl SignUpPolicy {
    /// Its name, as published by the provider.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Token(_) => "token",
            Self::Closed => "closed",
        }
    }
}

// Tokens are secrets: they must not get into a log by way of `{config:?}`.
impl std::fmt::Debug for SignUpPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Limits of one provider process. The defaults hold 64 MB under a large upload.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// Connections open at once. Above it new ones are told 503 and closed; the others go on.
    pub connections_max: usize,
    /// A connection without a request is closed after this long, and a request's head must be
    /// here by then.
    pub idle: Duration,
    /// Bytes of request bodies held at once, over all connections. Above it requests wait.
    pub bodies_bytes_max: usize,
    /// Bytes of answers with content (chunks, entries) held at once. Above it requests wait.
    pub answers_bytes_max: usize,
    /// How long a request waits for room before it is told 503.
    pub wait_max: Duration,
    /// A body has this long, and then the time its length takes at `body_rate_min`.
    pub body_grace: Duration,
    /// Bytes a second below which a body counts as stuck.
    pub body_rate_min: u64,
    /// Sign-ups an hour from one network address.
    pub sign_ups_per_hour: u32,
    /// EDV vaults an hour opened from one network address, where everyone may.
    pub edv_creations_per_hour: u32,
    /// Session openings a minute from one network address.
    pub session_opens_per_minute: u32,
    /// Reads of recovery records an hour from one network address.
    pub record_reads_per_hour: u32,
    /// Reads an hour of one recovery record.
    pub record_reads_per_hour_each: u32,
    /// Pairings an hour begun from one network address.
    pub pairings_per_hour: u32,
    /// Times an hour that one network address may ask for a pairing that is not there: who guesses
    /// short codes, and who waits for a device that never comes.
    pub pairing_misses_per_hour: u32,
    /// Reads of what links need an hour from one network address.
    pub link_reads_per_hour: u32,
    /// Sessions held at once, over all keys. The oldest gives way.
    pub sessions_max: usize,
    /// Buckets whose control log is kept in memory.
    pub buckets_cached_max: usize,
    /// A chunk that no entry refers to is dropped when it was put this long ago.
    pub orphan_age: Duration,
    /// How often orphans are looked for.
    pub sweep_every: Duration,
    /// How long running requests may take after the signal to stop.
    pub drain: Duration,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            connections_max: 10_240,
            idle: Duration::from_secs(30),
            bodies_bytes_max: 16 << 20,
            answers_bytes_max: 16 << 20,
            wait_max: Duration::from_secs(20),
            body_grace: Duration::from_secs(10),
            body_rate_min: 16 << 10,
            sign_ups_per_hour: 10,
            edv_creations_per_hour: 600,
            session_opens_per_minute: 6_000,
            record_reads_per_hour: 60,
            record_reads_per_hour_each: 10,
            pairings_per_hour: 30,
            pairing_misses_per_hour: 120,
            link_reads_per_hour: 600,
            sessions_max: 16_384,
            buckets_cached_max: 256,
            orphan_age: Duration::from_hours(7 * 24),
            sweep_every: Duration::from_hours(1),
            drain: Duration::from_secs(20),
        }
    }
}

impl Config {
    /// A provider on a free port of loopback that keeps everything in memory.
    pub fn in_memory() -> Self {
        Self {
            data: None,
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            tls: None,
            origins: Vec::new(),
            quota_bytes: 0,
            sign_up: SignUpPolicy::Open,
            edv: EdvConfig::default(),
            tuning: Tuning::default(),
        }
    }
}
