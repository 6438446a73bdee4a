//! What is told of drops and of what came through them. Comes in: facts. Goes out: plain data that
//! prints as JSON. Must not know: keys, terminals.

use serde::Serialize;

/// What a drop shall take in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DropTerms {
    /// Until then, seconds since 1970.
    pub until: Option<u64>,
    /// Bytes in all, with what stands around each piece.
    pub quota_bytes: Option<u64>,
    /// Messages an hour.
    pub per_hour: Option<u64>,
}

/// A drop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DropInfo {
    /// What it is called.
    pub name: String,
    /// The bucket it leads to.
    pub bucket: String,
    /// Until when, seconds since 1970.
    pub until: u64,
    /// Bytes it takes in all.
    pub quota_bytes: Option<u64>,
    /// Messages it takes an hour.
    pub per_hour: Option<u64>,
    /// Messages that came through it and were not taken.
    pub waiting: u64,
    /// Whether it takes anything now.
    pub open: bool,
    /// Its address, to be handed on; where this vault made it.
    pub address: Option<String>,
    /// Whether a provider knows of what was done; else it is sent with the next command that
    /// reaches one.
    pub sent: Option<bool>,
}

/// The link of a drop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DropLinkInfo {
    /// What the drop is called.
    pub name: String,
    /// The bucket it leads to.
    pub bucket: String,
    /// Until when, seconds since 1970.
    pub until: u64,
    /// The link.
    pub link: String,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MessageInfo {
    /// By which it is named: the start of its id.
    pub id: String,
    /// Its whole id.
    pub message: String,
    /// The bucket it is in.
    pub bucket: String,
    /// `file`, `invitation`, `request` or `answer`.
    pub kind: &'static str,
    /// What its sender calls it.
    pub name: Option<String>,
    /// Bytes of its content.
    pub size: u64,
    /// What its sender says.
    pub words: Option<String>,
    /// Of an invitation or a request: the rights, by its sender's word.
    pub rights: Option<String>,
    /// When, by its sender's clock; seconds since 1970.
    pub sent: u64,
    /// The sender, if it is a contact.
    pub from: Option<String>,
    /// How far the sender was verified; `unknown`: signed by no contact; `unsigned`.
    pub level: &'static str,
    /// The sender, if it is signed.
    pub principal: Option<String>,
    /// Whether it is a document already.
    pub taken: bool,
}

/// A message that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TakenInfo {
    /// The document it is now.
    pub path: String,
    /// The message.
    pub message: MessageInfo,
    /// Whether a provider knows of it.
    pub sent: bool,
}

/// Whether an invitation went to its reader's inbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// Whether it is there, durably.
    pub delivered: bool,
    /// Why not, where they have an inbox.
    pub problem: Option<String>,
}

/// Who asks for access.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Requester {
    /// The contact: known before, or from now on.
    pub name: String,
    /// What they ask.
    pub asked: MessageInfo,
}

/// A request that was denied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Denied {
    /// The request.
    pub request: MessageInfo,
    /// Whether the answer is in the inbox of whoever asked.
    pub told: bool,
}
