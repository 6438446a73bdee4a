//! What the library tells its callers. Comes in: facts of the replica and its remotes. Goes out:
//! plain data that prints as JSON. Must not know: keys, terminals.
//!
//! Ids are in their text form, times in seconds since 1970, sizes in bytes.

mod devices;
mod drops;
mod edv;
mod people;
mod sharing;

use serde::Serialize;

pub use devices::*;
pub use drops::{
    Delivery, Denied, DropInfo, DropLinkInfo, DropTerms, MessageInfo, Requester, TakenInfo,
};
pub use edv::*;
pub use people::*;
pub use sharing::*;

use crate::error::{Error, ErrorKind, Result};

/// A number for people: `1,234,567`.
///
/// ```
/// assert_eq!(strongroom_client::report::count(1_234_567), "1,234,567");
/// assert_eq!(strongroom_client::report::count(999), "999");
/// ```
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// One line of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Path inside the bucket, from the root: `/a/b`.
    pub path: String,
    /// Its name as shown, which differs from the stored one for conflict copies.
    pub name: String,
    /// `directory`, `file`, `link` or `object`.
    pub kind: &'static str,
    /// True length.
    pub size: u64,
    /// When the content changed, by its source.
    pub modified: i64,
    /// Permission bits, where known.
    pub mode: Option<u16>,
    /// Media type, where known.
    pub media_type: Option<String>,
    /// Where a link points.
    pub target: Option<String>,
    /// The document's tag.
    pub document: String,
    /// Id of the version shown.
    pub version: String,
    /// Whether this document has several heads, or shares its name with another.
    pub conflict: bool,
}

/// One version of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionInfo {
    /// Its id; `restore --version` takes it, or any unambiguous start of it.
    pub version: String,
    /// When it was written, by its author's clock.
    pub written: u64,
    /// Path at that time, as far as the directories above still tell it.
    pub name: String,
    /// `file`, `link`, … or `removed`.
    pub kind: &'static str,
    /// True length.
    pub size: u64,
    /// Versions it followed.
    pub parents: Vec<String>,
    /// Whether it is a head: current, or one side of a conflict.
    pub head: bool,
    /// The pseudonym that wrote it.
    pub author: String,
    /// Whether that was this device.
    pub mine: bool,
}

/// One epoch of a bucket, as this device sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EpochInfo {
    /// The bucket's label.
    pub bucket: String,
    /// Its entry.
    pub epoch: String,
    /// 1, 2, 3 …; two that were made at the same time have the same.
    pub number: u64,
    /// When it was made, by its author's clock.
    pub made: u64,
    /// The epochs it follows.
    pub follows: Vec<String>,
    /// Whether no other follows it.
    pub current: bool,
    /// Whether this device has its key.
    pub opens: bool,
}

/// What `put` did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PutReport {
    /// Files, links and directories looked at.
    pub seen: u64,
    /// New documents.
    pub added: u64,
    /// New versions of documents that were there.
    pub changed: u64,
    /// Left as they were.
    pub unchanged: u64,
    /// Bytes of content read for what was added or changed.
    pub content_bytes: u64,
    /// Bytes sent to providers, sealed and padded, with the requests around them.
    pub sent_bytes: u64,
    /// Whether a provider has committed everything; if not, `sync` sends the rest.
    pub durable_remotely: bool,
    /// What could not be stored, with the reason. Empty: all was.
    pub refused: Vec<Refused>,
}

/// What became a bucket of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OwnBucketInfo {
    /// What the bucket is called.
    pub label: String,
    /// `did:bkt:…`.
    pub did: String,
    /// Where it was: `bucket:/path`.
    pub was: String,
    /// Where it is in that bucket: `/name`.
    pub path: String,
    /// How many documents are in it now, directories among them.
    pub documents: u64,
    /// Bytes sent to providers for it.
    pub sent_bytes: u64,
}

/// One thing that was not stored or not written, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// Which, as the person named it.
    pub path: String,
    /// Why, and what to do.
    pub reason: String,
}

/// What `get` did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct GetReport {
    /// Files, links and directories written.
    pub written: u64,
    /// Left as they were: size and time equal already.
    pub unchanged: u64,
    /// Bytes of content written.
    pub content_bytes: u64,
    /// What could not be written, with the reason.
    pub refused: Vec<Refused>,
}

/// Something a person should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoticeInfo {
    /// When it happened, seconds since 1970; `None`: it is so now.
    pub at: Option<u64>,
    /// What.
    pub text: String,
}

/// One bucket: the model of ADR-003, as far as this vault knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BucketInfo {
    /// `did:bkt:…`.
    pub did: String,
    /// A convenient name; unique in this vault where people keep it so.
    pub label: String,
    /// Whether it can be written.
    pub active: bool,
    /// Whether paths without a bucket mean this one.
    pub default: bool,
    /// Documents that are listed.
    pub documents: u64,
    /// True bytes of their current contents.
    pub content_bytes: u64,
    /// Entries, all versions of everything.
    pub entries: u64,
    /// Members that can open it.
    pub members: u64,
    /// Whether this person opens nothing from before it was let in.
    pub from_now: bool,
    /// Documents that are there and from before that.
    pub shut: u64,
    /// Conflicts to look at.
    pub conflicts: u64,
    /// How it is sealed: 1 (AES-256-GCM) or 2 (XChaCha20-Poly1305), for its whole life.
    pub suite: u8,
    /// How lengths are hidden: `padme`, `power-of-two` or `constant:SIZE`, for its whole life.
    pub padding: String,
    /// Current content: path → version id (only from `get_bucket`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub content: Vec<(String, String)>,
}

/// One provider, as `status` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemoteStatus {
    /// Its address.
    pub url: String,
    /// Thumbprint of its key, pinned at first contact.
    pub key: String,
    /// Whether it answered just now; `None`: it was not asked.
    pub reachable: Option<bool>,
    /// What it said, where it did not answer as it should.
    pub problem: Option<String>,
    /// Entries it does not have yet.
    pub unsent_entries: u64,
    /// Entries in buckets that are closed to this person there: nobody takes them any more.
    pub untaken: Vec<Untaken>,
    /// Last complete exchange, seconds since 1970; 0: never.
    pub synced: u64,
    /// Bytes the provider counts for this vault, and its quota (0: none). Only when asked.
    pub used_bytes: Option<u64>,
    /// See `used_bytes`.
    pub quota_bytes: Option<u64>,
}

/// Something a checkpoint says is there, and no provider has given to this device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Withheld {
    /// Bucket label.
    pub bucket: String,
    /// Whose entry; `None`: only its id is known, by the recovery record.
    pub author: Option<String>,
    /// Its place in the author's chain.
    pub seq: Option<u64>,
    /// The entry.
    pub entry: String,
    /// What this device holds at that place instead: the author wrote two histories.
    pub instead: Option<String>,
    /// The checkpoint that says so; `None`: the recovery record.
    pub by: Option<String>,
}

impl Withheld {
    /// What is wrong, in words.
    pub fn reason(&self) -> String {
        let entry = &self.entry;
        let says = self
            .by
            .as_ref()
            .map_or_else(|| "the recovery record".to_owned(), |by| format!("the checkpoint {by}"));
        match &self.instead {
            Some(instead) => format!(
                "{says} names {entry} where this device holds {instead}: the author wrote two \
                 histories, and a provider keeps them apart"
            ),
            None => format!(
                "withheld: {says} names {entry}, which no provider gives; what is listed may be old"
            ),
        }
    }
}

/// A proof that a device wrote two entries at one place of its chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fork {
    /// `did:bkt:…`.
    pub bucket: String,
    /// Who, as a pseudonym.
    pub author: String,
    /// At which place.
    pub seq: u64,
    /// The two entries.
    pub entries: [String; 2],
    /// The proof, in hexadecimal: docs/spec/checkpoint.md says how anyone checks it.
    pub proof: String,
}

impl Fork {
    /// Reads and checks a proof: the characters of [`Fork::proof`], with or without white space
    /// around them. Nothing else is needed to believe it.
    pub fn check(text: &str) -> Result<Self> {
        let bytes = text.trim().as_bytes();
        let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|it| u8::try_from(it).ok());
        let (pairs, rest) = bytes.as_chunks::<2>();
        let bytes: Option<Vec<u8>> =
            pairs.iter().map(|[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect();
        let bytes = bytes.filter(|_| rest.is_empty()).ok_or_else(|| {
            Error::new(ErrorKind::Usage, "this is no fork proof: it is not hexadecimal")
                .with_hint("`strongroom verify --json` has it under `forks`, as `proof`")
        })?;
        let proof = strongroom_core::checkpoint::ForkProof::decode(&bytes)
            .map_err(|error| Error::new(ErrorKind::Damaged, error.to_string()))?;
        Ok(Self::of(&proof))
    }

    /// A checked proof, in words.
    pub fn of(proof: &strongroom_core::checkpoint::ForkProof) -> Self {
        let fork = proof.fork();
        let hex: Vec<String> = proof.encode().iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            bucket: fork.bucket.to_string(),
            author: fork.author.to_string(),
            seq: fork.seq,
            entries: fork.entries.map(|id| id.to_string()),
            proof: hex.concat(),
        }
    }
}

/// What `status` tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The vault's principal.
    pub principal: String,
    /// Where the replica is.
    pub home: String,
    /// Buckets.
    pub buckets: Vec<BucketInfo>,
    /// Providers.
    pub remotes: Vec<RemoteStatus>,
    /// Documents with several heads, or names used twice.
    pub conflicts: Vec<Conflict>,
    /// Uploads that were cut short; the same `put` goes on.
    pub uploads: Vec<UploadStatus>,
    /// Bytes of sealed chunks kept on this device, and the most it keeps.
    pub cache_bytes: u64,
    /// See `cache_bytes`.
    pub cache_limit: u64,
    /// What checkpoints say is there and no provider gives: what is listed may be old.
    pub withheld: Vec<Withheld>,
    /// Work that does not count, and that somebody should look at.
    pub quarantine: u64,
    /// Messages that wait in the inbox.
    pub inbox: u64,
    /// Things a person should know: losses, reads of the recovery record, …
    pub notices: Vec<NoticeInfo>,
}

/// One conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// Bucket label.
    pub bucket: String,
    /// Path.
    pub path: String,
    /// The versions that stand beside each other; `restore --version` settles it.
    pub versions: Vec<String>,
}

/// An upload that was cut short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UploadStatus {
    /// The source file.
    pub source: String,
    /// Bytes a provider has already.
    pub done: u64,
    /// Bytes in all.
    pub size: u64,
}

/// What `sync` did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SyncReport {
    /// Entries sent.
    pub sent_entries: u64,
    /// Entries received.
    pub received_entries: u64,
    /// Chunks sent.
    pub sent_chunks: u64,
    /// Bytes on the wire, both ways.
    pub bytes: u64,
    /// Providers that could not be reached, with the reason.
    pub unreachable: Vec<Refused>,
    /// What a provider did that it must not: named, refused, nothing of it used.
    pub refused: Vec<Refused>,
    /// Documents of which a provider lost a part that this device has not either.
    pub lost: Vec<Refused>,
    /// Buckets of others that are closed to this person by now.
    pub closed: Vec<Refused>,
    /// Messages that wait in the inbox.
    pub inbox: u64,
}

/// What `verify` found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// Entries checked: form, hash, chain, signature, capability, opened.
    pub entries: u64,
    /// Chunks checked: on this device, or fetched and hashed.
    pub chunks: u64,
    /// Bytes checked.
    pub bytes: u64,
    /// Entries from before this person was let in, from then on: they cannot be opened, and count.
    pub shut: u64,
    /// Chunks that a provider no longer had as they were, and has again from this device's cache.
    pub mended: u64,
    /// Whether each provider's set of entries equals this replica's.
    pub remotes_equal: Vec<(String, bool)>,
    /// Providers that could not be asked, with the reason: nothing is known of what they hold.
    pub unreachable: Vec<Refused>,
    /// What checkpoints say is there and no provider gives.
    pub withheld: Vec<Withheld>,
    /// Proofs that devices wrote two histories.
    pub forks: Vec<Fork>,
    /// Everything that is wrong, by name; what is withheld or forked too.
    pub damaged: Vec<Refused>,
}

/// What one provider holds of this vault, in numbers, and what follows from them in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PrivacyReport {
    /// The provider; of an EDV vault, the vault.
    pub url: String,
    /// `native`, or `edv` for an Encrypted Data Vault: a weaker tier.
    pub tier: &'static str,
    /// What the person calls an EDV vault.
    pub label: Option<String>,
    /// Per bucket.
    pub buckets: Vec<PrivacyBucket>,
    /// Requests made and bytes sent to it by this device, since the vault was made.
    pub requests: u64,
    /// See `requests`.
    pub bytes_sent: u64,
    /// What it can know, each with the numbers it follows from.
    pub can_know: Vec<String>,
    /// What it cannot know, each with why.
    pub cannot_know: Vec<String>,
    /// What an EDV vault does not protect from.
    pub cannot_protect: Vec<String>,
}

/// One bucket as a provider sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PrivacyBucket {
    /// What only the person knows.
    pub label: String,
    /// What the provider sees in its place.
    pub did: String,
    /// Entries, by what was sent.
    pub entries: u64,
    /// Documents (random tags), directories included.
    pub documents: u64,
    /// Authors (pseudonyms).
    pub authors: u64,
    /// Chunks.
    pub chunks: u64,
    /// Bytes as the provider sees them: sealed and padded.
    pub sealed_bytes: u64,
    /// True bytes, which it does not see.
    pub content_bytes: u64,
    /// First and last time it was written.
    pub first: u64,
    /// See `first`.
    pub last: u64,
    /// The provider's own count of entries, where it was asked and answered.
    pub provider_entries: Option<u64>,
    /// The provider's own count of bytes.
    pub provider_bytes: Option<u64>,
}
