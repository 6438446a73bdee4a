//! L1 · Documents. Takes place, name, metadata and content of one version; gives the plaintext of
//! its sealed part; and back. Must not know: keys, who else reads it, where it is kept.
//!
//! Bytes: docs/spec/document.md. Golden files: vectors/document/.

use strongroom_wire::cbor::{CborError, Reader, Writer};
use strongroom_wire::ids::DocumentTag;
use strongroom_wire::limits::{INLINE_PLAIN_LEN_MAX, LINK_TARGET_LEN_MAX, NAME_LEN_MAX};

/// UTF-8 bytes of a media type or schema.
const LABEL_LEN_MAX: usize = 255;

/// What a document is. A provider cannot tell these apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum DocumentType {
    /// Holds others; has no content.
    Directory = 0,
    /// Bytes.
    File = 1,
    /// A symbolic link; its content is the target.
    Link = 2,
    /// A structured object that a person put.
    Object = 3,
    /// Kept by the program itself: settings, contacts, lists of buckets. Not listed.
    Internal = 4,
}

impl DocumentType {
    fn from_u8(number: u8) -> Result<Self, CborError> {
        Ok(match number {
            0 => Self::Directory,
            1 => Self::File,
            2 => Self::Link,
            3 => Self::Object,
            4 => Self::Internal,
            _ => return Err(CborError::Unknown),
        })
    }

    /// One word for people and `--json`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::File => "file",
            Self::Link => "link",
            Self::Object => "object",
            Self::Internal => "internal",
        }
    }
}

/// A time with nanoseconds, as file systems keep it. May be before 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp {
    /// Seconds since 1970.
    pub secs: i64,
    /// Nanoseconds, below 1,000,000,000.
    pub nanos: u32,
}

/// What a document says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// The directory it stands in; zero: the bucket's root.
    pub parent: DocumentTag,
    /// Its name there.
    pub name: String,
    /// What it is.
    pub kind: DocumentType,
    /// Media type (RFC 6838), where known.
    pub media_type: Option<String>,
    /// True length of the content, bytes.
    pub size: u64,
    /// When the content changed, by the source.
    pub modified: Timestamp,
    /// Permission bits (`0o7777` at most), where the source had any.
    pub mode: Option<u16>,
    /// [`digest`] of the content; `None` where there is none.
    pub digest: Option<[u8; 32]>,
    /// The schema of an object.
    pub schema: Option<String>,
}

/// Where the content is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// There is none (directories).
    Empty,
    /// Here.
    Inline(Vec<u8>),
    /// In chunks: an encoded `seal::manifest`.
    Manifest(Vec<u8>),
}

/// The plaintext of a version's sealed part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionBody {
    /// What the document says about itself.
    pub metadata: Metadata,
    /// Where its content is.
    pub content: Content,
}

impl VersionBody {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let m = &self.metadata;
        let content_len = match &self.content {
            Content::Empty => 0,
            Content::Inline(bytes) | Content::Manifest(bytes) => bytes.len(),
        };
        let mut w = Writer::with_capacity(content_len + m.name.len() + 160);
        w.array(10).bytes(&m.parent.0).text(&m.name).uint(u64::from(m.kind as u8));
        w.option(m.media_type.as_deref(), |w, text| {
            w.text(text);
        });
        w.uint(m.size).array(2).int(m.modified.secs).uint(u64::from(m.modified.nanos));
        w.option(m.mode, |w, mode| {
            w.uint(u64::from(mode));
        });
        w.option(m.digest, |w, digest| {
            w.bytes(&digest);
        });
        w.option(m.schema.as_deref(), |w, text| {
            w.text(text);
        });
        match &self.content {
            Content::Empty => w.null(),
            Content::Inline(bytes) => w.bytes(bytes),
            Content::Manifest(bytes) => w.array(1).bytes(bytes),
        };
        w.into_bytes()
    }

    /// Reads the canonical bytes. A name that no document may have is refused here already, so a
    /// hostile one never reaches a listing.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        r.array_exact(10)?;
        let parent = DocumentTag(r.bytes_exact()?);
        let name = r.text(NAME_LEN_MAX)?.to_owned();
        let kind = DocumentType::from_u8(r.u8()?)?;
        let media_type = r.option(|r| r.text(LABEL_LEN_MAX).map(str::to_owned))?;
        let size = r.uint()?;
        r.array_exact(2)?;
        let modified = Timestamp { secs: r.int()?, nanos: r.uint_max(999_999_999)? as u32 };
        let mode = r.option(|r| r.uint_max(0o7777).map(|mode| mode as u16))?;
        let digest = r.option(Reader::bytes_exact)?;
        let schema = r.option(|r| r.text(LABEL_LEN_MAX).map(str::to_owned))?;
        let content = if r.null() {
            Content::Empty
        } else if r.is_array() {
            r.array_exact(1)?;
            Content::Manifest(r.bytes(INLINE_PLAIN_LEN_MAX)?.to_vec())
        } else {
            Content::Inline(r.bytes(INLINE_PLAIN_LEN_MAX)?.to_vec())
        };
        r.end()?;
        let metadata =
            Metadata { parent, name, kind, media_type, size, modified, mode, digest, schema };
        let body = Self { metadata, content };
        if body.is_sound() { Ok(body) } else { Err(CborError::Unknown) }
    }

    /// Whether name, kind and content fit together: what a reader asks, so a writer does first.
    pub fn is_sound(&self) -> bool {
        let m = &self.metadata;
        let named = !m.name.is_empty()
            && m.name != "."
            && m.name != ".."
            && !m.name.bytes().any(|b| b == b'/' || b == 0);
        let fits = match (&self.content, m.kind) {
            (Content::Empty, DocumentType::Directory) => m.size == 0 && m.digest.is_none(),
            (Content::Inline(bytes), DocumentType::Link) => bytes.len() <= LINK_TARGET_LEN_MAX,
            (Content::Inline(bytes), DocumentType::File | DocumentType::Object) => {
                bytes.len() as u64 == m.size && m.digest.is_some()
            }
            (Content::Inline(_), DocumentType::Internal) => true,
            (Content::Manifest(_), DocumentType::File | DocumentType::Object) => m.digest.is_some(),
            _ => false,
        };
        named && fits
    }
}

/// Digest of a content from the digests of its pieces: BLAKE3 over the pieces' BLAKE3, one after
/// the other. The pieces are those that are sealed, padding included, of 1,048,560 bytes (the last
/// may be shorter); content that stands in the entry is one piece without padding. So pieces can
/// be hashed apart from one another, and a put that goes on after a stop need not read again what
/// it had sent. Two equal contents have equal digests under the same padding.
///
/// ```
/// use strongroom_core::document::{digest, digest_of};
/// let piece = *blake3::hash(b"hello").as_bytes();
/// assert_eq!(digest([piece]), digest_of(b"hello"));
/// ```
pub fn digest(pieces: impl IntoIterator<Item = [u8; 32]>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for piece in pieces {
        hasher.update(&piece);
    }
    *hasher.finalize().as_bytes()
}

/// [`digest`] of a content that stands in the entry.
pub fn digest_of(content: &[u8]) -> [u8; 32] {
    digest([*blake3::hash(content).as_bytes()])
}
