//! What the library tells of EDV vaults. Comes in: facts. Goes out: plain data that prints as
//! JSON. Must not know: keys, terminals.

use serde::Serialize;
use serde_json::Value;

/// What of a document may be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EdvTrust {
    /// Signed, for this place, by somebody who may write.
    Signed,
    /// Not signed: as other programs write.
    NotAuthenticated,
    /// Signed by somebody who may not write.
    Stranger,
    /// Not signed, and a state before it was.
    NoLonger,
    /// The key that opens it stands beside it, for everyone to see.
    OpenToAll,
}

impl EdvTrust {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::NotAuthenticated => "not authenticated",
            Self::Stranger => "signed by a stranger",
            Self::NoLonger => "not authenticated any more, and it was",
            Self::OpenToAll => "open to everyone who sees it",
        }
    }
}

/// One index of an EDV vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EdvIndexInfo {
    /// Over what.
    pub attributes: Vec<String>,
    /// Whether no two documents may have the same values.
    pub unique: bool,
    /// Whether values may repeat.
    pub leaky: bool,
}

/// An EDV vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EdvInfo {
    /// What the person calls it.
    pub name: String,
    /// Its URL, which is its id.
    pub url: String,
    /// Whose it is: a DID.
    pub controller: String,
    /// Whether it is this person's.
    pub own: bool,
    /// Whether this person may write.
    pub write: bool,
    /// Until when this person is let in, if it is another's.
    pub until: Option<u64>,
    /// The one document this person is let into.
    pub only: Option<String>,
    /// What it can be asked for.
    pub indexes: Vec<EdvIndexInfo>,
    /// How many were let in.
    pub grants: u64,
}

/// The keys by which others let this person in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EdvIdentity {
    /// Who signs.
    pub did: String,
    /// The name of the key that opens: what `grant --to` takes.
    pub key: String,
}

/// A document that was put.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EdvPut {
    /// Its id.
    pub id: String,
    /// Its state.
    pub sequence: u64,
    /// Bytes that were sent, as they lie at the server, or the stream's own.
    pub bytes: u64,
    /// Chunks of its stream.
    pub chunks: Option<u64>,
}

/// A document that was got.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EdvDocument {
    /// Its id.
    pub id: String,
    /// Its state.
    pub sequence: u64,
    /// What it says.
    pub content: Value,
    /// What is said about it.
    pub meta: Value,
    /// Chunks of its stream.
    pub chunks: Option<u64>,
    /// Length of its stream, where that is signed.
    pub stream_bytes: Option<u64>,
    /// Keys it is sealed to, as the server has them.
    pub recipients: Vec<String>,
    /// Who wrote it, where somebody who may write signed it.
    pub writer: Option<String>,
    /// What of it may be believed.
    pub trust: EdvTrust,
}

/// A line of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EdvListed {
    /// Its id.
    pub id: String,
    /// Its state.
    pub sequence: u64,
    /// Bytes of its envelope's content.
    pub bytes: u64,
    /// Chunks of its stream.
    pub chunks: Option<u64>,
    /// Whether it was removed.
    pub deleted: bool,
    /// What of it may be believed.
    pub trust: EdvTrust,
}

/// What is in an EDV vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EdvListing {
    /// The vault.
    pub name: String,
    /// What the server gives.
    pub documents: Vec<EdvListed>,
    /// Ids of what was seen and is not given.
    pub missing: Vec<String>,
    /// What does not open, or is older than what was seen.
    pub damaged: Vec<String>,
    /// Whether the server lists all it has. Servers of others do not.
    pub complete: bool,
}

/// A document that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EdvFound {
    /// Its id.
    pub id: String,
    /// Its state.
    pub sequence: u64,
    /// What it says.
    pub content: Value,
    /// What is said about it.
    pub meta: Value,
    /// What of it may be believed.
    pub trust: EdvTrust,
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EdvQueried {
    /// Documents that have what was asked for.
    pub documents: Vec<EdvFound>,
    /// Whether the server says that there are more.
    pub more: bool,
    /// Answers that did not have what was asked for, and were left out.
    pub wrong: u64,
    /// Answers that do not open.
    pub damaged: Vec<String>,
}

/// A stream that was got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EdvStreamed {
    /// The document.
    pub id: String,
    /// Chunks.
    pub chunks: u64,
    /// Bytes.
    pub bytes: u64,
    /// Whether number, order and content of the chunks are signed.
    pub authenticated: bool,
}

/// Somebody who was let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EdvGrantInfo {
    /// The capability's id.
    pub id: String,
    /// The key it was given to.
    pub to: String,
    /// Into what: a URL.
    pub target: String,
    /// Whether they may write.
    pub write: bool,
    /// Until when, seconds since 1970.
    pub until: u64,
}

/// What letting somebody in did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EdvGranted {
    /// What was given.
    #[serde(flatten)]
    pub info: EdvGrantInfo,
    /// Documents that were sealed again.
    pub sealed_again: u64,
    /// What is to be handed to them.
    pub file: String,
}

/// What letting somebody out did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EdvRevoked {
    /// What ended.
    pub ended: Vec<EdvGrantInfo>,
    /// Documents that were sealed again.
    pub sealed_again: u64,
}

/// A vault in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EdvExported {
    /// Documents.
    pub documents: u64,
    /// Chunks.
    pub chunks: u64,
    /// Whether these are all: servers of others do not list what they have.
    pub complete: bool,
    /// Ids of what was seen and is not given.
    pub missing: Vec<String>,
}

/// A vault that was taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EdvImported {
    /// The vault.
    #[serde(flatten)]
    pub vault: EdvInfo,
    /// Documents that were put there anew.
    pub documents: u64,
    /// Their chunks.
    pub chunks: u64,
    /// What of the file was not used, and why.
    pub damaged: Vec<String>,
}

/// A vault that was copied into a bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct EdvCopied {
    /// Documents.
    pub documents: u64,
    /// Streams.
    pub streams: u64,
    /// Bytes of both.
    pub bytes: u64,
    /// Documents nobody who may write had signed.
    pub not_authenticated: u64,
    /// Whether these are all: servers of others do not list what they have.
    pub complete: bool,
    /// What was not copied, and why.
    pub damaged: Vec<String>,
}
