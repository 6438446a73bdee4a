//! The provider over real loopback connections, driven by a small client built on `wire` alone.
//! Tests tell stories; each limit and each refusal has its positive control beside it.

mod client;
mod copies;
mod process;
mod world;

mod admission;
mod areas;
mod blind;
mod cost;
mod drops;
mod edv;
mod edv_world;
mod hostile;
mod interop;
mod lifecycle;
mod limits;
mod links;
mod lost;
mod pairings;
mod reading;
mod records;
mod replay;
mod revoked;
mod suites;
mod together;
mod walk;
