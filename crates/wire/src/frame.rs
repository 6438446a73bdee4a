//! Frames of the replication protocol. Comes in: bytes of a peer. Goes out: typed frames. Must not
//! know: keys, or what carries the bytes.
//!
//! A frame is u32 length (big-endian) ‖ CBOR array `[type, …]`. Over HTTPS several frames make up
//! one request body and one answer; the provider keeps no state between them: the device sends its
//! cursor back. Bytes: docs/spec/replication.md. Golden files: vectors/frame/.

use crate::capability::Target;
use crate::cbor::{CborError, Reader, Writer, strictly_ascending};
use crate::entry::{Entry, EntryError, Header};
use crate::ids::{BucketId, ChunkId, DocumentTag, EntryId};
use crate::limits::{
    BATCH_ENTRIES_MAX, CHUNK_SEALED_LEN, FRAME_LEN_MAX, FRAMES_MAX, LOST_CHUNKS_MAX,
};

/// A place in the order in which one provider received a bucket's entries. Trusted for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Random name of the provider's log; new after a restore or renumbering.
    pub log: [u8; 8],
    /// How many entries the provider had numbered.
    pub at: u64,
}

/// What part of a bucket an exchange covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// All of it.
    Bucket,
    /// One document, with the control log.
    Document(DocumentTag),
    /// One version of one document, with the control log.
    Version(DocumentTag, EntryId),
}

impl Area {
    /// What a capability must be about to pull it.
    pub const fn target(self, bucket: BucketId) -> Target {
        match self {
            Self::Bucket => Target::Bucket(bucket),
            Self::Document(tag) => Target::Document(bucket, tag),
            Self::Version(tag, id) => Target::Version(bucket, tag, id),
        }
    }

    /// The most that a capability about this lets pull; `None`: it is not about a bucket.
    pub const fn of(target: &Target) -> Option<Self> {
        match target {
            Target::Bucket(_) => Some(Self::Bucket),
            Target::Document(_, tag) => Some(Self::Document(*tag)),
            Target::Version(_, tag, id) => Some(Self::Version(*tag, *id)),
            Target::Vault(_) => None,
        }
    }

    /// Whether an entry lies in it. One document comes with the control log: without it nobody
    /// could judge the document.
    pub fn contains(self, header: &Header, id: &EntryId) -> bool {
        let document = header.document;
        match self {
            Self::Bucket => true,
            _ if header.kind.is_control() => true,
            Self::Document(tag) => document == tag,
            Self::Version(tag, version) => document == tag && *id == version,
        }
    }
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Opens an exchange: format numbers, and the salt of its fingerprints.
    Hello {
        /// Format numbers the sender speaks.
        formats: Vec<u8>,
        /// For all fingerprints of this exchange.
        salt: [u8; 16],
    },
    /// Asks for what came since.
    Since {
        /// Part of the bucket.
        area: Area,
        /// Last cursor; none: from the start.
        cursor: Option<Cursor>,
    },
    /// The cursor after the entries sent; none: the one asked for is unknown here.
    CursorIs {
        /// Where the sender's log stands now, as far as it was sent.
        cursor: Option<Cursor>,
        /// Whether more can be fetched at once with this cursor.
        more: bool,
    },
    /// Entries, predecessors first.
    Entries(Vec<Entry>),
    /// Asks for a chunk, or a range of it.
    Want {
        /// Which.
        chunk: ChunkId,
        /// First byte.
        offset: u32,
        /// Bytes.
        len: u32,
    },
    /// A chunk, or a range of it.
    Chunk {
        /// Which.
        chunk: ChunkId,
        /// First byte.
        offset: u32,
        /// The bytes.
        data: Vec<u8>,
    },
    /// Chunks that entries refer to and that are lost. In a request: the sender cannot bring them,
    /// and its entries are to be taken all the same. In an answer: the provider lacks them.
    Lost(Vec<ChunkId>),
    /// The sender's whole set in this area, for comparison.
    Done {
        /// Entries.
        count: u64,
        /// See `fingerprint`.
        fingerprint: [u8; 16],
    },
}

/// Frame numbers; 3 ROOT, 4 RANGES, 8 CHECKPOINT and 10 SUBSCRIBE are kept for the other ways of
/// replication.
const HELLO: u64 = 0;
const SINCE: u64 = 1;
const CURSOR: u64 = 2;
const ENTRIES: u64 = 5;
const WANT: u64 = 6;
const CHUNK: u64 = 7;
const DONE: u64 = 9;
const LOST: u64 = 11;

/// Bytes of an area: a document tag and an entry id.
const AREA_LEN_MAX: usize = 48;

/// Why bytes are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Not the canonical form, or over a limit.
    #[error("not a frame: {0}")]
    Form(#[from] CborError),
    /// An entry in it is none.
    #[error(transparent)]
    Entry(#[from] EntryError),
}

/// A frame's body, and the bytes after it.
pub type Split<'a> = (&'a [u8], &'a [u8]);

/// Splits one frame off the front of `bytes`: its body and the rest. `None`: it is not all here.
pub fn split(bytes: &[u8]) -> Result<Option<Split<'_>>, FrameError> {
    let Some((head, rest)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
    let len = u32::from_be_bytes(*head) as usize;
    if len > FRAME_LEN_MAX {
        return Err(CborError::Limit.into());
    }
    Ok(rest.split_at_checked(len))
}

/// Reads all frames of one body.
pub fn decode_all(mut bytes: &[u8]) -> Result<Vec<Frame>, FrameError> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let (body, rest) = split(bytes)?.ok_or(CborError::Cut)?;
        // A small frame takes more memory than bytes; without this, 8 MiB would become 64.
        if frames.len() == FRAMES_MAX {
            return Err(CborError::Limit.into());
        }
        frames.push(Frame::decode(body)?);
        bytes = rest;
    }
    Ok(frames)
}

/// Packs encoded entries into as few ENTRIES frames as fit, appended to `out`. An entry too large
/// for a frame is impossible: see `limits`.
pub fn write_entries<'a>(out: &mut Vec<u8>, entries: impl IntoIterator<Item = &'a [u8]>) {
    let mut pending: Vec<&[u8]> = Vec::new();
    let mut len = 0;
    for entry in entries {
        if !pending.is_empty()
            && (len + entry.len() > FRAME_LEN_MAX - 64 || pending.len() == BATCH_ENTRIES_MAX)
        {
            flush_entries(out, &pending, len);
            pending.clear();
            len = 0;
        }
        len += entry.len();
        pending.push(entry);
    }
    if !pending.is_empty() {
        flush_entries(out, &pending, len);
    }
}

fn flush_entries(out: &mut Vec<u8>, entries: &[&[u8]], len: usize) {
    let mut head = Writer::with_capacity(16);
    head.array(2).uint(ENTRIES).array(entries.len());
    let head = head.into_bytes();
    out.reserve(4 + head.len() + len);
    out.extend_from_slice(&((head.len() + len) as u32).to_be_bytes());
    out.extend_from_slice(&head);
    for entry in entries {
        out.extend_from_slice(entry);
    }
}

impl Frame {
    /// Appends length and CBOR to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut w = Writer::new();
        match self {
            Self::Hello { formats, salt } => {
                w.array(3).uint(HELLO).bytes(formats).bytes(salt);
            }
            Self::Since { area, cursor } => {
                w.array(3).uint(SINCE);
                match area {
                    Area::Bucket => w.null(),
                    Area::Document(tag) => w.bytes(&tag.0),
                    Area::Version(tag, id) => w.bytes(&[&tag.0[..], &id.0].concat()),
                };
                write_cursor(&mut w, *cursor);
            }
            Self::CursorIs { cursor, more } => {
                w.array(3).uint(CURSOR);
                write_cursor(&mut w, *cursor);
                w.bool(*more);
            }
            Self::Entries(entries) => {
                w.array(2).uint(ENTRIES).array(entries.len());
                for entry in entries {
                    w.raw(&entry.encode());
                }
            }
            Self::Want { chunk, offset, len } => {
                w.array(4).uint(WANT).bytes(&chunk.0);
                w.uint(u64::from(*offset)).uint(u64::from(*len));
            }
            Self::Chunk { chunk, offset, data } => {
                write_chunk(out, *chunk, *offset, data);
                return;
            }
            Self::Lost(chunks) => {
                w.array(2).uint(LOST).array(chunks.len());
                for chunk in chunks {
                    w.bytes(&chunk.0);
                }
            }
            Self::Done { count, fingerprint } => {
                w.array(3).uint(DONE).uint(*count).bytes(fingerprint);
            }
        }
        let body = w.into_bytes();
        out.extend_from_slice(&(body.len() as u32).to_be_bytes());
        out.extend_from_slice(&body);
    }

    /// Reads one frame's body.
    pub fn decode(body: &[u8]) -> Result<Self, FrameError> {
        if body.len() > FRAME_LEN_MAX {
            return Err(CborError::Limit.into());
        }
        let mut r = Reader::new(body);
        let fields = r.array(4)?;
        let kind = r.uint()?;
        let frame = match (kind, fields) {
            (HELLO, 3) => {
                let formats = r.bytes(16)?.to_vec();
                if formats.is_empty() {
                    return Err(CborError::Limit.into());
                }
                Self::Hello { formats, salt: r.bytes_exact()? }
            }
            (SINCE, 3) => {
                let area = r.option(read_area)?.unwrap_or(Area::Bucket);
                Self::Since { area, cursor: read_cursor(&mut r)? }
            }
            (CURSOR, 3) => Self::CursorIs { cursor: read_cursor(&mut r)?, more: r.bool()? },
            (ENTRIES, 2) => {
                let count = r.array(BATCH_ENTRIES_MAX)?;
                let entries = (0..count).map(|_| Entry::read(&mut r)).collect::<Result<_, _>>()?;
                Self::Entries(entries)
            }
            (WANT, 4) => {
                let chunk = ChunkId(r.bytes_exact()?);
                let (offset, len) = (r.u32()?, r.u32()?);
                check_range(offset, len as usize)?;
                Self::Want { chunk, offset, len }
            }
            (CHUNK, 4) => {
                let chunk = ChunkId(r.bytes_exact()?);
                let offset = r.u32()?;
                let data = r.bytes(CHUNK_SEALED_LEN)?;
                check_range(offset, data.len())?;
                Self::Chunk { chunk, offset, data: data.to_vec() }
            }
            (LOST, 2) => Self::Lost(read_lost(&mut r)?),
            (DONE, 3) => Self::Done { count: r.uint()?, fingerprint: r.bytes_exact()? },
            _ => return Err(CborError::Unknown.into()),
        };
        r.end()?;
        Ok(frame)
    }
}

fn read_area(r: &mut Reader<'_>) -> Result<Area, CborError> {
    let bytes = r.bytes(AREA_LEN_MAX)?;
    let (tag, version) = bytes.split_first_chunk().ok_or(CborError::Limit)?;
    let tag = DocumentTag(*tag);
    if version.is_empty() {
        return Ok(Area::Document(tag));
    }
    let id = version.try_into().map_err(|_| CborError::Limit)?;
    Ok(Area::Version(tag, EntryId(id)))
}

fn read_lost(r: &mut Reader<'_>) -> Result<Vec<ChunkId>, CborError> {
    let count = r.array(LOST_CHUNKS_MAX)?;
    let ids = (0..count).map(|_| r.bytes_exact().map(ChunkId)).collect::<Result<Vec<_>, _>>()?;
    if strictly_ascending(&ids) { Ok(ids) } else { Err(CborError::Order) }
}

/// A range of a chunk lies inside the longest chunk there is.
fn check_range(offset: u32, len: usize) -> Result<(), CborError> {
    let end = (offset as usize).checked_add(len).ok_or(CborError::Limit)?;
    if end > CHUNK_SEALED_LEN { Err(CborError::Limit) } else { Ok(()) }
}

/// Length and head of a CHUNK frame; `len` bytes of data follow. For a sender that does not want
/// to copy them.
pub fn chunk_head(chunk: ChunkId, offset: u32, len: usize) -> Vec<u8> {
    let mut w = Writer::with_capacity(64);
    w.array(4).uint(CHUNK).bytes(&chunk.0).uint(u64::from(offset)).bytes_head(len);
    let head = w.into_bytes();
    [&((head.len() + len) as u32).to_be_bytes(), head.as_slice()].concat()
}

/// Appends a CHUNK frame without copying the data twice.
pub fn write_chunk(out: &mut Vec<u8>, chunk: ChunkId, offset: u32, data: &[u8]) {
    out.reserve(64 + data.len());
    out.extend_from_slice(&chunk_head(chunk, offset, data.len()));
    out.extend_from_slice(data);
}

fn write_cursor(w: &mut Writer, cursor: Option<Cursor>) {
    w.option(cursor, |w, cursor| {
        w.array(2).bytes(&cursor.log).uint(cursor.at);
    });
}

fn read_cursor(r: &mut Reader<'_>) -> Result<Option<Cursor>, CborError> {
    r.option(|r| {
        r.array_exact(2)?;
        Ok(Cursor { log: r.bytes_exact()?, at: r.uint()? })
    })
}
