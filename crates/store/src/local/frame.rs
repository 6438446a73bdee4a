//! Frames: the one format of both logs. Takes headers and payloads, gives bytes; and back.
//!
//! Must not know: files, threads, what a payload means.
//! Bytes: docs/spec/store-on-disk.md.
//!
//! ```text
//! offset  len  field
//!      0    4  magic          "SRF0"
//!      4    1  kind           1 rows · 2 blob · 3 touched blobs · 4 deleted blobs
//!      5    3  zero
//!      8    4  len            bytes of payload
//!     12    4  index          of this frame in its group, from 0
//!     16    4  count          frames in the group: one fsync made all of them durable
//!     20    4  zero
//!     24    8  group          +1 for each group of the log
//!     32    8  time           when it was written, Unix seconds
//!     40   32  id             of the blob; else zero
//!     72   16  payload check  keyed BLAKE3 of the payload, first 16 bytes
//!     88    8  header check   keyed BLAKE3 of file number, offset and 0..88, first 8 bytes
//!     96       payload, then zeros up to a multiple of 16
//! ```
//! Numbers are little-endian.

use super::home::{first8, le32, le64};
use crate::BlobId;

/// Bytes of a header.
pub(crate) const HEADER: usize = 96;
/// Frames begin at multiples of this.
pub(crate) const ALIGN: u64 = 16;
pub(crate) const MAGIC: [u8; 4] = *b"SRF0";
/// Bytes of payload no honest frame exceeds: the largest group of rows, with room for its form.
pub(crate) const PAYLOAD_MAX: u32 = 160 << 20;

/// What a payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Rows = 1,
    Blob = 2,
    Touched = 3,
    Deleted = 4,
}

/// The head of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub kind: Kind,
    pub len: u32,
    pub index: u32,
    pub count: u32,
    pub group: u64,
    pub time: u64,
    pub id: BlobId,
    pub payload_check: [u8; 16],
}

impl Header {
    /// The bytes, bound to their place: a frame that ends up elsewhere does not verify.
    pub(crate) fn encode(&self, key: &[u8; 32], file: u64, offset: u64) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let mut put = |at: usize, part: &[u8]| bytes[at..at + part.len()].copy_from_slice(part);
        put(0, &MAGIC);
        put(4, &[self.kind as u8]);
        put(8, &self.len.to_le_bytes());
        put(12, &self.index.to_le_bytes());
        put(16, &self.count.to_le_bytes());
        put(24, &self.group.to_le_bytes());
        put(32, &self.time.to_le_bytes());
        put(40, &self.id.0);
        put(72, &self.payload_check);
        let check = header_check(key, file, offset, &bytes[..88]);
        bytes[88..].copy_from_slice(&check);
        bytes
    }

    /// `None`: these bytes were never written here as a header.
    pub(crate) fn decode(bytes: &[u8], key: &[u8; 32], file: u64, offset: u64) -> Option<Self> {
        let bytes = bytes.get(..HEADER)?;
        if !bytes.starts_with(&MAGIC)
            || bytes[88..] != header_check(key, file, offset, &bytes[..88])
        {
            return None;
        }
        let kind = match bytes[4] {
            1 => Kind::Rows,
            2 => Kind::Blob,
            3 => Kind::Touched,
            4 => Kind::Deleted,
            _ => return None,
        };
        let header = Self {
            kind,
            len: le32(bytes, 8),
            index: le32(bytes, 12),
            count: le32(bytes, 16),
            group: le64(bytes, 24),
            time: le64(bytes, 32),
            id: BlobId(bytes[40..72].try_into().ok()?),
            payload_check: bytes[72..88].try_into().ok()?,
        };
        (header.len <= PAYLOAD_MAX && header.index < header.count).then_some(header)
    }

    /// Bytes from this frame's beginning to the next one's.
    pub(crate) fn stride(&self) -> u64 {
        stride(u64::from(self.len))
    }
}

/// Bytes a payload of `len` takes, header and padding included.
pub(crate) fn stride(len: u64) -> u64 {
    (HEADER as u64 + len).next_multiple_of(ALIGN)
}

/// The checksum of a payload. It does not depend on the place, so whoever hands a blob in can
/// compute it while the bytes are still in its cache.
pub(crate) fn payload_check(key: &[u8; 32], payload: &[u8]) -> [u8; 16] {
    let mut check = [0; 16];
    check.copy_from_slice(blake3::keyed_hash(key, payload).as_bytes().split_at(16).0);
    check
}

/// Puts the check of these bytes of a header in its place, whatever they say.
pub(crate) fn put_check(bytes: &mut [u8], key: &[u8; 32], file: u64, offset: u64) {
    if let Some((head, check)) = bytes.split_at_mut_checked(HEADER - 8)
        && let Some(check) = check.first_chunk_mut()
    {
        *check = header_check(key, file, offset, head);
    }
}

fn header_check(key: &[u8; 32], file: u64, offset: u64, head: &[u8]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(&file.to_le_bytes());
    hasher.update(&offset.to_le_bytes());
    hasher.update(head);
    first8(&hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_verifies_only_where_it_was_written() {
        let header = Header {
            kind: Kind::Blob,
            len: 5,
            index: 0,
            count: 1,
            group: 7,
            time: 9,
            id: BlobId([3; 32]),
            payload_check: [4; 16],
        };
        let (key, other) = ([1; 32], [2; 32]);
        let bytes = header.encode(&key, 6, 160);
        assert_eq!(Header::decode(&bytes, &key, 6, 160), Some(header));
        assert_eq!(Header::decode(&bytes, &key, 6, 176), None, "another offset");
        assert_eq!(Header::decode(&bytes, &key, 5, 160), None, "another file");
        assert_eq!(Header::decode(&bytes, &other, 6, 160), None, "another store");
        assert_eq!(Header::decode(&bytes[..95], &key, 6, 160), None, "cut");
        for at in 0..HEADER {
            let mut flipped = bytes;
            flipped[at] ^= 0x10;
            assert_eq!(Header::decode(&flipped, &key, 6, 160), None, "flipped at {at}");
        }
        assert_eq!((stride(0), stride(1), stride(16)), (96, 112, 112));
    }
}
