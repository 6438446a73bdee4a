//! The blind provider. Comes in: requests of strangers. Goes out: opaque bytes, to those who may
//! have them. Must not know: keys that open anything; it links neither `strongroom-seal` nor
//! `strongroom-core`, and a test looks at the dependency graph.
//!
//! A request walks through [`listener`](Peer) → gate → one file of routes → buckets → store. What
//! each asks of it: docs/spec/api.md. Rows: docs/spec/provider-rows.md.
//!
//! ```no_run
//! # async fn run() -> Result<(), strongroom_server::ServeError> {
//! use strongroom_server::{Config, serve};
//! let config = Config { data: Some("/var/lib/strongroom".into()), ..Config::in_memory() };
//! serve(config, |ready| println!("{}", ready.url)).await
//! # }
//! ```
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod body;
mod buckets;
pub mod cli;
mod config;
pub mod decoders;
mod edv;
mod error;
mod gate;
mod held;
mod identity;
mod links;
mod listener;
mod metrics;
mod pairings;
mod provider;
mod rates;
mod refusal;
mod routes;
mod rows;
mod serve;
mod sessions;
mod store;
mod tls;

pub use config::{Config, EdvConfig, EdvPolicy, SignUpPolicy, TlsFiles, Tuning};
pub use error::ServeError;
pub use identity::Identity;
pub use listener::Peer;
pub use metrics::{Counter, Gauge, Metrics};
pub use provider::Provider;
pub use refusal::Refusal;
pub use serve::{Ready, open, serve, serve_provider, serve_until, serve_wrapped};

use routes::base64url;
