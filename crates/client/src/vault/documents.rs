//! Documents the program keeps for itself in the vault's own bucket and, for labels, in each
//! bucket. Comes in: facts. Goes out: their bytes, and the documents that hold them. Must not
//! know: where those documents are kept.
//!
//! Bytes: docs/spec/document.md, "Internal documents".

use strongroom_seal::link::Link;
use strongroom_wire::cbor::{CborError, Reader, Writer};
use strongroom_wire::frame::Area;
use strongroom_wire::ids::{BucketId, DocumentTag};
use strongroom_wire::limits::{ALIAS_LEN_MAX, LINK_LEN};
use zeroize::Zeroizing;

use super::{Bucket, Change, Vault};
use crate::error::Result;
use crate::replica::rows::{DocumentRow, Head, read_chain, write_chain};

/// The document of a bucket that holds its label.
pub const SETTINGS: &str = "strongroom/settings";
/// The document of the vault's bucket that holds the controller's key log.
pub const KEY_LOG: &str = "strongroom/keylog";
/// The document of the vault's bucket that holds the person's agree seeds, the current one first.
pub const AGREE: &str = "strongroom/agree";
/// Documents of the vault's bucket, one a device: what it is called.
pub const DEVICE: &str = "strongroom/device/";
/// Documents of the vault's bucket, one a bucket: how many devices had been taken out when its
/// member key was changed.
pub const CLOSED: &str = "strongroom/closed/";
/// Documents of the vault's bucket, one a provider: the vault's key there.
pub const PROVIDER: &str = "strongroom/provider/";
/// Documents of the vault's bucket, one a bucket.
pub const BUCKET: &str = "strongroom/bucket/";
/// Documents of the vault's bucket, one a link that this person made, by its principal.
pub const LINK: &str = "strongroom/link/";

/// The document of the vault's bucket about one of the person's buckets, or about the part of one
/// that they hold.
pub(crate) fn part_text(id: BucketId, area: Area) -> String {
    let bucket = format!("{BUCKET}{}", id.to_base32());
    match area {
        Area::Bucket => bucket,
        Area::Document(tag) => format!("{bucket}/{}", tag.to_base32()),
        Area::Version(tag, version) => {
            format!("{bucket}/{}/{}", tag.to_base32(), version.to_base32())
        }
    }
}

/// Documents of the vault's bucket, one a document or directory that became a bucket of its own.
pub const OWN: &str = "strongroom/own/";

/// The document of the vault's bucket about one that became a bucket.
pub(crate) fn own_text(bucket: BucketId, document: DocumentTag) -> String {
    format!("{OWN}{}/{}", bucket.to_base32(), document.to_base32())
}

/// Documents of the vault's bucket, one a principal whose key log is pinned.
pub const CONTACT: &str = "strongroom/contact/";
/// Documents of the vault's bucket: parts of the cards of contacts, by hash.
pub const CARD: &str = "strongroom/card/";

/// What all devices of a person know about one bucket.
#[derive(Debug, Clone)]
pub struct BucketDocument {
    /// The bucket.
    pub id: BucketId,
    /// Seed of the member key.
    pub member_seed: Zeroizing<[u8; 32]>,
    /// From the root key to the member key.
    pub member_chain: Vec<Vec<u8>>,
    /// By which the member finds its wraps.
    pub tag_key: Zeroizing<[u8; 32]>,
    /// Root key and its successor, sealed to the recovery pair.
    pub root_wrap: Vec<u8>,
    /// Whether paths without a bucket mean this one.
    pub default: bool,
}

impl BucketDocument {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(6).bytes(&self.id.0).bytes(&*self.member_seed);
        write_chain(&mut w, &self.member_chain);
        w.bytes(&*self.tag_key).bytes(&self.root_wrap).bool(self.default);
        w.into_bytes()
    }

    /// Reads the canonical bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        r.array_exact(6)?;
        let document = Self {
            id: BucketId(r.bytes_exact()?),
            member_seed: Zeroizing::new(r.bytes_exact()?),
            member_chain: read_chain(&mut r)?,
            tag_key: Zeroizing::new(r.bytes_exact()?),
            root_wrap: r.bytes(4_096)?.to_vec(),
            default: r.bool()?,
        };
        r.end()?;
        Ok(document)
    }
}

/// What all devices of a person know about one link the person made.
#[derive(Debug)]
pub struct LinkDocument {
    /// The provider's address.
    pub origin: String,
    /// The link's own bytes.
    pub link: Link,
}

impl LinkDocument {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(2).text(&self.origin).bytes(&self.link.encode());
        w.into_bytes()
    }

    /// Reads the canonical bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        r.array_exact(2)?;
        let origin = r.text(ALIAS_LEN_MAX)?.to_owned();
        let link = Link::decode(r.bytes(LINK_LEN)?).map_err(|_| CborError::Unknown)?;
        r.end()?;
        Ok(Self { origin, link })
    }
}

/// Content of a settings document.
pub fn encode_settings(label: &str) -> Vec<u8> {
    let mut w = Writer::new();
    w.array(1).text(label);
    w.into_bytes()
}

/// Reads what [`encode_settings`] wrote.
pub fn decode_settings(bytes: &[u8]) -> Result<String, CborError> {
    let mut r = Reader::new(bytes);
    r.array_exact(1)?;
    let label = r.text(1_024)?.to_owned();
    r.end()?;
    Ok(label)
}

/// Content of a document that says which bucket something became.
pub fn encode_own(bucket: BucketId) -> Vec<u8> {
    let mut w = Writer::new();
    w.array(1).bytes(&bucket.0);
    w.into_bytes()
}

/// Reads what [`encode_own`] wrote.
pub fn decode_own(bytes: &[u8]) -> Result<BucketId, CborError> {
    let mut r = Reader::new(bytes);
    r.array_exact(1)?;
    let bucket = BucketId(r.bytes_exact()?);
    r.end()?;
    Ok(bucket)
}

/// Content of a document that says how many devices had been taken out.
pub fn encode_closed(removals: u64) -> Vec<u8> {
    let mut w = Writer::new();
    w.array(1).uint(removals);
    w.into_bytes()
}

/// Reads what [`encode_closed`] wrote.
pub fn decode_closed(bytes: &[u8]) -> Result<u64, CborError> {
    let mut r = Reader::new(bytes);
    r.array_exact(1)?;
    let removals = r.uint()?;
    r.end()?;
    Ok(removals)
}

impl Vault {
    /// Writes an internal document that the bucket knows by this text.
    pub(crate) fn internal_change(
        &self,
        bucket: &Bucket,
        text: &str,
        content: Vec<u8>,
    ) -> Result<Change> {
        let tag = bucket.natural(text);
        let row = self.replica.document(bucket.no(), tag)?;
        Ok(Change::internal(tag, row.as_ref(), text, content))
    }

    /// Content of an internal document, if there is one.
    pub(crate) fn internal(&self, bucket: &Bucket, text: &str) -> Result<Option<Vec<u8>>> {
        let row = self.replica.document(bucket.no(), bucket.natural(text))?;
        row.as_ref().map_or(Ok(None), |row| self.internal_content(bucket, row))
    }

    /// Contents of all heads of an internal document, the newest first: what devices wrote that did
    /// not know of each other.
    pub(crate) fn internal_heads(
        &self,
        bucket: &Bucket,
        row: &DocumentRow,
    ) -> Result<Vec<Vec<u8>>> {
        let live = row.heads.iter().filter(|head| head.facts.is_some());
        live.filter_map(|head| self.head_content(bucket, head).transpose()).collect()
    }

    /// Content of the current version of an internal document.
    pub(crate) fn internal_content(
        &self,
        bucket: &Bucket,
        row: &DocumentRow,
    ) -> Result<Option<Vec<u8>>> {
        row.current().map_or(Ok(None), |head| self.head_content(bucket, head))
    }

    fn head_content(&self, bucket: &Bucket, head: &Head) -> Result<Option<Vec<u8>>> {
        use strongroom_core::document::{Content, VersionBody};
        use strongroom_core::keyring::EntryOpenError;
        let entry = self.replica.entry(bucket.no(), head.no)?;
        match bucket.keyring.open_version(&entry) {
            Ok(VersionBody { content: Content::Inline(bytes), .. }) => Ok(Some(bytes)),
            // Of before this person was in.
            Err(EntryOpenError::NoKey) if bucket.is_from_now() => Ok(None),
            Ok(_) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
