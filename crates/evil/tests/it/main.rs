//! Rows of the threat model that concern one person with one provider, one test a row, named
//! after it. Each begins with the same flow at an honest provider, and ends with the same checks:
//! the replica is as it was, nothing secret was in the traffic, the error is of a documented kind,
//! and the program goes on with an honest provider. See docs/threat-model.md.

mod bodies;
mod checkpoints;
mod content;
mod devices;
mod drops;
mod entries;
mod epochs;
mod export;
mod history;
mod insider;
mod leaks;
mod linking;
mod links;
mod lists;
mod paper;
mod people;
mod recovery;
mod sessions;
mod sharing;
mod strangers;
mod suites;
mod world;
