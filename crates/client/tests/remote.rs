//! Remotes and the agent from outside: a provider that behaves, providers that do not, and a
//! process that holds the keys. All on loopback.

#[path = "remote/agent.rs"]
mod agent;
#[path = "remote/fixture.rs"]
mod fixture;
#[path = "remote/misbehaving.rs"]
mod misbehaving;
#[path = "remote/provider.rs"]
mod provider;
#[path = "remote/tls.rs"]
mod tls;
