//! What is told of sharing. Comes in: facts. Goes out: plain data that prints as JSON. Must not
//! know: keys, terminals.

use serde::Serialize;

/// An invitation that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GrantInfo {
    /// For whom.
    pub name: String,
    /// Into which bucket.
    pub bucket: String,
    /// `read`, `write` or `admin`.
    pub rights: &'static str,
    /// Until when, seconds since 1970.
    pub until: u64,
    /// Whether a provider knows of it; else it is sent with the next command that reaches one.
    pub sent: bool,
    /// The invitation, to be handed to them: text that survives mail, and that only they can open.
    pub invitation: String,
}

/// An invitation that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InvitationInfo {
    /// Who made it, if they are a contact.
    pub from: Option<String>,
    /// How far they were verified.
    pub level: Option<&'static str>,
    /// Who made it.
    pub principal: String,
    /// Into which bucket.
    pub bucket: String,
    /// What they call it.
    pub label: String,
    /// `read`, `write` or `admin`.
    pub rights: String,
    /// Until when, seconds since 1970.
    pub until: u64,
    /// Where it is kept.
    pub kept_at: Vec<String>,
}

/// A member of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MemberInfo {
    /// The contact's name, if they are one.
    pub name: Option<String>,
    /// Whether it is this person.
    pub you: bool,
    /// Who.
    pub principal: String,
    /// `read`, `write` or `admin`.
    pub rights: &'static str,
    /// Whether they have accepted.
    pub accepted: bool,
    /// Devices that wrote here.
    pub devices: u64,
    /// Since when, seconds since 1970.
    pub since: u64,
    /// Until when, seconds since 1970.
    pub until: u64,
    /// Who let them in; none: the founder.
    pub by: Option<String>,
}

/// Somebody was taken out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemovalInfo {
    /// Who.
    pub name: String,
    /// Of which bucket.
    pub bucket: String,
    /// Entries it took, whatever the bucket holds.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Whether a provider knows of it; else it is sent with the next command that reaches one.
    pub sent: bool,
}
