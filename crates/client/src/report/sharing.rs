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
    /// To which document, where it is one and not the bucket.
    pub path: Option<String>,
    /// `read`, `write` or `admin`.
    pub rights: &'static str,
    /// Whether they open nothing from before.
    pub from_now: bool,
    /// Until when, seconds since 1970.
    pub until: u64,
    /// Bytes of its entry.
    pub bytes: u64,
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
    /// `read`, `write` or `admin`, and whether from now on.
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
    /// Whether they open nothing from before they were let in.
    pub from_now: bool,
    /// Whether they have accepted.
    pub accepted: bool,
    /// Devices that wrote here.
    pub devices: u64,
    /// Since when, seconds since 1970.
    pub since: u64,
    /// Until when, seconds since 1970.
    pub until: u64,
    /// What it is called, if it is no person but a link.
    pub link: Option<String>,
    /// Who let them in; none: the founder.
    pub by: Option<String>,
}

/// Somebody was taken out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemovalInfo {
    /// Who.
    pub name: String,
    /// Whether it was this person, who left.
    pub you: bool,
    /// Of which bucket.
    pub bucket: String,
    /// Entries it took, whatever the bucket holds.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Whether a provider knows of it; else it is sent with the next command that reaches one.
    pub sent: bool,
}

/// What somebody could open was sealed again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AnewInfo {
    /// In which bucket.
    pub bucket: String,
    /// Contents that were sealed again by this run.
    pub documents: u64,
    /// Their true bytes.
    pub bytes: u64,
    /// Copies under old keys that were purged at the providers.
    pub purged: u64,
    /// Whether a provider knows of it; else it is sent with the next command that reaches one.
    pub sent: bool,
}

/// Entries that nobody takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Untaken {
    /// In which bucket.
    pub bucket: String,
    /// How many.
    pub entries: u64,
}

/// An entry that does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quarantined {
    /// The entry.
    pub entry: String,
    /// In which bucket.
    pub bucket: String,
    /// `version`, `removal`, `revoke` (one that a senior undid), or `unsent` (this person's, which
    /// nobody takes).
    pub what: &'static str,
    /// Who wrote it, if they are a contact.
    pub by: Option<String>,
    /// Who wrote it, if the member entry that says so can be opened.
    pub principal: Option<String>,
    /// When, by its author's clock, seconds since 1970.
    pub at: u64,
    /// The document's name, or whom a revoke names, as far as it opens.
    pub name: Option<String>,
    /// True bytes of the content.
    pub size: Option<u64>,
}

/// A link: who has it can open what it leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LinkInfo {
    /// What it is named by, `prn:…`.
    pub name: String,
    /// What its maker calls it.
    pub label: String,
    /// Into which bucket.
    pub bucket: String,
    /// To which document of it; none: to all of it.
    pub path: Option<String>,
    /// Since when, seconds since 1970.
    pub since: u64,
    /// Until when, seconds since 1970.
    pub until: u64,
    /// How often it may be opened; none: any number of times.
    pub uses: Option<u64>,
    /// How often it was, as its provider counts; none: it is not counted, or was not asked.
    pub spent: Option<u64>,
    /// Whether it takes a password; none: it was made by somebody else.
    pub password: Option<bool>,
    /// Whether its provider has what it needs; none: it was not asked.
    pub kept: Option<bool>,
    /// Who made it; none: it is not known.
    pub by: Option<String>,
    /// The link itself, where it was asked for and this person made it.
    pub link: Option<String>,
}

/// A link that was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenedInfo {
    /// What its maker calls what it leads to.
    pub label: String,
    /// Where it is kept.
    pub provider: String,
    /// Until when it can be opened, seconds since 1970.
    pub until: u64,
    /// How often it may be opened; none: any number of times.
    pub uses: Option<u64>,
    /// The one document it leads to; none: a whole bucket.
    pub document: Option<String>,
}

/// Somebody who can read a bucket, or one document of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccessInfo {
    /// The bucket's label.
    pub bucket: String,
    /// The document's path in it, where they may read that alone.
    pub path: Option<String>,
    /// The document.
    pub document: Option<String>,
    /// The one version, where it is one.
    pub version: Option<String>,
    /// Who, and what they may do.
    #[serde(flatten)]
    pub who: MemberInfo,
}

/// A document is closed to somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WithdrawnInfo {
    /// To whom.
    pub name: String,
    /// Of which bucket.
    pub bucket: String,
    /// Which document.
    pub path: String,
    /// Bytes of the entry it took.
    pub bytes: u64,
    /// Who else goes on reading it alone.
    pub left: u64,
    /// Whether a provider knows of it; else it is sent with the next command that reaches one.
    pub sent: bool,
}
