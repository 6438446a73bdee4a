//! What is told of a person's devices. Comes in: facts. Goes out: plain data that prints as JSON.
//! Must not know: keys, terminals.

use serde::Serialize;

/// A device that was added by this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JoinedInfo {
    /// `key:…`.
    pub device: String,
    /// What it is called, if its owner said so.
    pub name: Option<String>,
    /// Whether it said that it has everything; if not, it may still be fetching.
    pub answered: bool,
}

/// One device of the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeviceInfo {
    /// `key:…`.
    pub device: String,
    /// What it is called.
    pub name: Option<String>,
    /// Whether it is the one this is asked on.
    pub this: bool,
    /// When it was added, seconds since 1970.
    pub added: u64,
    /// Which device added it, by name or key; none: the 24 words did.
    pub added_by: Option<String>,
    /// When it wrote last, as far as this device knows, seconds since 1970.
    pub seen: Option<u64>,
    /// When it was taken out, seconds since 1970.
    pub removed: Option<u64>,
}

/// A device that was taken out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeviceRemovalInfo {
    /// `key:…` of each, the one that was asked for first.
    pub devices: Vec<String>,
    /// What the first is called.
    pub name: Option<String>,
    /// Buckets it is shut out of by now.
    pub buckets: Vec<String>,
    /// Buckets where that is not done yet, and why; `sync` goes on.
    pub left: Vec<crate::report::Refused>,
    /// Devices it had added that are still there, by name or key.
    pub added_by_it: Vec<String>,
    /// Requests it took.
    pub requests: u64,
}
