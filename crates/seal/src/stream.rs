//! Chunk streams. Comes in: plaintext bytes of any length, or chunks. Goes out: padded, sealed
//! chunks, or verified plaintext. Must not know: names, principals, providers, where chunks lie.
//!
//! ```text
//! content, zero-filled to P = padded(size), cut into pieces of 1,048,560 B   docs/spec/chunk.md
//! key     = chunk(32 random ‖ device secret ‖ BLAKE3(piece)): fresh for each chunk
//! chunk   = AEAD(key, piece, no associated data) ‖ tag 16;   id = BLAKE3(chunk)
//! ```
//!
//! A full chunk is exactly 1,048,576 B; only the last may be shorter. Nothing in a chunk says which
//! it is: the manifest fixes hash, key, length and order, and it is sealed (attack A11).
//!
//! A [`Cutter`] hands out the buffer to read into, so plaintext is never copied: it is read into a
//! [`Piece`], hashed there while it is warm, sealed there, and sent from there. `Piece::seal` is a
//! pure function, so pieces can be sealed by several threads.
//!
//! ```
//! use strongroom_seal::keys::DeviceSecret;
//! use strongroom_seal::padding::Padme;
//! use strongroom_seal::stream::{open_chunk, ArrivedChunk, Cutter};
//! use strongroom_seal::suite::Suite;
//!
//! let device = DeviceSecret::from_secret_bytes(&[1; 32]);
//! let mut cutter = Cutter::new(Padme);
//! let space = cutter.space();          // read a file into this
//! space[..5].copy_from_slice(b"hello");
//! assert!(cutter.filled(5).is_none()); // no piece is full yet
//!
//! let tail = cutter.finish()?;
//! assert_eq!((tail.size(), tail.padded()), (5, 256));
//! for piece in tail {
//!     let sealed = piece.seal(Suite::DEFAULT, &device, [2; 32])?;
//!     let arrived = ArrivedChunk::check(sealed.reference.id, sealed.bytes)?;
//!     let plain = open_chunk(Suite::DEFAULT, &sealed.reference, arrived)?;
//!     assert_eq!(&plain[..5], b"hello");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use strongroom_wire::ids::ChunkId;
use strongroom_wire::limits::{CHUNK_PLAIN_LEN, CHUNK_SEALED_LEN, SEAL_TAG_LEN};

use crate::aead::{self, SealError};
use crate::keys::{ChunkKey, DeviceSecret};
use crate::padding::Padding;
use crate::suite::Suite;

pub use crate::layout::Layout;

/// Plaintext bytes in one full chunk.
pub const PIECE_LEN: usize = CHUNK_PLAIN_LEN;

/// Plaintext is hashed in steps of this many bytes, soon after it was written: a whole piece no
/// longer fits into the second-level cache beside everything else.
const HASH_STEP: usize = 65_536;

/// Why a chunk is refused. Nothing of it has reached the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// The bytes are not those with this id: the sender sent something else. Anyone can see that,
    /// so it is told apart: ask elsewhere.
    #[error("chunk {0} did not arrive as it was sealed; fetch it again, or from another provider")]
    Bytes(ChunkId),
    /// The bytes have the right hash and do not open under the manifest's key.
    #[error("chunk {0} cannot be opened with the key its manifest names")]
    Sealed(ChunkId),
    /// It opened, and its length is not the manifest's.
    #[error("chunk {0} has another length than its manifest says")]
    Length(ChunkId),
    /// It opened, and what should be padding is not zeros.
    #[error("chunk {0} has something in its padding")]
    Padding(ChunkId),
    /// Another chunk was due here.
    #[error("chunk {0} is not the one that was asked for")]
    Order(ChunkId),
}

/// One row of a manifest: which chunk, how to open it, and how long it is.
#[derive(Debug, Clone)]
pub struct ChunkRef {
    /// BLAKE3 of the sealed chunk.
    pub id: ChunkId,
    /// Opens it.
    pub key: ChunkKey,
    /// Plaintext bytes, padding included; 1 to [`PIECE_LEN`].
    pub len: u32,
}

/// A chunk, sealed: what is uploaded, and what its manifest says about it.
#[derive(Debug)]
pub struct SealedChunk {
    /// Its place, counted from 0.
    pub index: u64,
    /// Its row in the manifest.
    pub reference: ChunkRef,
    /// The sealed bytes.
    pub bytes: Vec<u8>,
}

/// Plaintext of one chunk, in the buffer in which it will be sealed.
pub struct Piece {
    index: u64,
    /// Plaintext, then room for the tag, then what a longer piece would have.
    buffer: Vec<u8>,
    len: usize,
    hasher: blake3::Hasher,
    hashed: usize,
}

impl core::fmt::Debug for Piece {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Piece({}, {} bytes)", self.index, self.len)
    }
}

impl Piece {
    fn new(index: u64, mut buffer: Vec<u8>) -> Self {
        if buffer.capacity() < CHUNK_SEALED_LEN {
            // Asked for as zeros, pages that are never written cost nothing.
            buffer = vec![0; CHUNK_SEALED_LEN];
        }
        buffer.resize(CHUNK_SEALED_LEN, 0);
        Self { index, buffer, len: 0, hasher: blake3::Hasher::new(), hashed: 0 }
    }

    /// A piece out of plaintext that is already in a buffer: node lists, and content whose length
    /// is known. At most [`PIECE_LEN`] bytes; not padded. With room for 16 bytes more in the
    /// buffer, nothing is copied.
    pub fn from_plaintext(index: u64, mut buffer: Vec<u8>) -> Result<Self, SealError> {
        let len = buffer.len();
        if len > PIECE_LEN {
            return Err(SealError::TooLong { len: len as u64, max: PIECE_LEN as u64 });
        }
        buffer.resize(len + SEAL_TAG_LEN, 0);
        let mut piece = Self { index, buffer, len: 0, hasher: blake3::Hasher::new(), hashed: 0 };
        piece.advance(len);
        Ok(piece)
    }

    /// Its place, counted from 0.
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// Plaintext bytes so far.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no plaintext in it.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// BLAKE3 of the plaintext, padding included. A device that keeps it (sealed) knows at the
    /// next put which chunks did not change.
    pub fn plain_hash(&self) -> [u8; 32] {
        let mut hasher = self.hasher.clone();
        if let Some(rest) = self.buffer.get(self.hashed..self.len) {
            hasher.update(rest);
        }
        *hasher.finalize().as_bytes()
    }

    /// Gives the buffer back unsealed, for [`Cutter::recycle`].
    pub fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }

    fn space(&mut self) -> &mut [u8] {
        let end = PIECE_LEN.min(self.buffer.len());
        self.buffer.get_mut(self.len..end).unwrap_or_default()
    }

    /// `added` more bytes stand in the buffer.
    fn advance(&mut self, added: usize) {
        self.len = (self.len + added).min(PIECE_LEN).min(self.buffer.len());
        // Whole steps at offsets that are multiples of the step: BLAKE3 then works on whole
        // subtrees, with its widest instructions. The rest waits until more comes.
        while let Some(step) = self.buffer.get(self.hashed..self.hashed + HASH_STEP) {
            if self.hashed + HASH_STEP > self.len {
                break;
            }
            self.hasher.update(step);
            self.hashed += HASH_STEP;
        }
    }

    /// Adds `count` zeros. The buffer may have been used before, so they are written.
    fn add_zeros(&mut self, count: usize) {
        let mut left = count;
        while left > 0 {
            let step = left.min(HASH_STEP);
            let Some(zeros) = self.space().get_mut(..step) else { return };
            zeros.fill(0);
            self.advance(step);
            left -= step;
        }
    }

    /// Seals this piece with a key of its own, in its own buffer. `random` is 32 fresh random
    /// bytes; should they repeat, the key repeats only for the same plaintext on this device.
    pub fn seal(
        self,
        suite: Suite,
        device: &DeviceSecret,
        random: [u8; 32],
    ) -> Result<SealedChunk, SealError> {
        let key = device.chunk(&random, &self.plain_hash());
        let opening = key.opening();
        let Self { index, mut buffer, len, .. } = self;
        buffer.truncate(len + SEAL_TAG_LEN);
        let (plain, room) = buffer.split_at_mut_checked(len).ok_or(SealError::Cipher)?;
        let tag = aead::seal_detached(suite, key, b"", plain)?;
        room.get_mut(..SEAL_TAG_LEN).ok_or(SealError::Cipher)?.copy_from_slice(&tag);
        let id = ChunkId(*blake3::hash(&buffer).as_bytes());
        // At most PIECE_LEN, see advance().
        let reference = ChunkRef { id, key: opening, len: len as u32 };
        Ok(SealedChunk { index, reference, bytes: buffer })
    }
}

/// Cuts a stream of unknown length into pieces. Holds one piece.
#[derive(Debug)]
pub struct Cutter<P> {
    padding: P,
    piece: Option<Piece>,
    spare: Vec<Vec<u8>>,
    next: u64,
    size: u64,
}

impl<P: Padding> Cutter<P> {
    /// Starts at the first byte of the content.
    pub const fn new(padding: P) -> Self {
        Self { padding, piece: None, spare: Vec::new(), next: 0, size: 0 }
    }

    /// Goes on with the piece number `next` of content whose first `next` pieces were full and are
    /// sealed already: what an upload journal remembers.
    pub const fn resume(padding: P, next: u64) -> Self {
        let size = next.saturating_mul(PIECE_LEN as u64);
        Self { padding, piece: None, spare: Vec::new(), next, size }
    }

    /// Takes back the buffer of a chunk that was sent, so that the next piece needs no new one.
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        if self.spare.is_empty() {
            self.spare.push(buffer);
        }
    }

    /// Content bytes so far.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Where the next content bytes go. Never empty. Report with [`Cutter::filled`] how many were
    /// written; shorter steps than 64 KiB are fine.
    pub fn space(&mut self) -> &mut [u8] {
        let (next, spare) = (self.next, &mut self.spare);
        self.piece.get_or_insert_with(|| Piece::new(next, spare.pop().unwrap_or_default())).space()
    }

    /// The first `count` bytes of [`Cutter::space`] are content. Gives the piece when it is full.
    pub fn filled(&mut self, count: usize) -> Option<Piece> {
        let piece = self.piece.as_mut()?;
        let before = piece.len();
        piece.advance(count);
        self.size += (piece.len() - before) as u64;
        if piece.len() < PIECE_LEN {
            return None;
        }
        self.next += 1;
        self.piece.take()
    }

    /// The content ends here. Gives what is left: the last content, and padding.
    pub fn finish(self) -> Result<Tail, SealError> {
        let too_long = SealError::TooLong { len: self.size, max: u64::MAX };
        let padded = self.padding.padded_len(self.size).filter(|&p| p >= self.size);
        let padded = padded.ok_or(too_long)?;
        let at = self.next.saturating_mul(PIECE_LEN as u64);
        Ok(Tail {
            piece: self.piece,
            next: self.next,
            left: padded.saturating_sub(at),
            size: self.size,
            padded,
        })
    }
}

/// The last pieces of a stream: the end of the content, then zeros up to the padded length. Holds
/// one piece.
#[derive(Debug)]
pub struct Tail {
    piece: Option<Piece>,
    next: u64,
    /// Plaintext bytes from the start of the next piece on.
    left: u64,
    size: u64,
    padded: u64,
}

impl Tail {
    /// Content bytes in all.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Plaintext bytes in all, padding included: what the provider can know.
    pub const fn padded(&self) -> u64 {
        self.padded
    }
}

impl Iterator for Tail {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        if self.left == 0 {
            return None;
        }
        let len = self.left.min(PIECE_LEN as u64);
        let mut piece = self.piece.take().unwrap_or_else(|| Piece::new(self.next, Vec::new()));
        piece.add_zeros((len as usize).saturating_sub(piece.len()));
        self.left -= len;
        self.next += 1;
        Some(piece)
    }
}

/// Chunk bytes whose hash was compared with the id that was asked for.
#[derive(Debug)]
pub struct ArrivedChunk {
    id: ChunkId,
    bytes: Vec<u8>,
}

impl ArrivedChunk {
    /// Checks what arrived. The only way to this type.
    pub fn check(id: ChunkId, bytes: Vec<u8>) -> Result<Self, ChunkError> {
        if bytes.len() > CHUNK_SEALED_LEN || ChunkId(*blake3::hash(&bytes).as_bytes()) != id {
            return Err(ChunkError::Bytes(id));
        }
        Ok(Self { id, bytes })
    }

    /// The id.
    pub const fn id(&self) -> ChunkId {
        self.id
    }

    /// The sealed bytes, for a cache.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Opens a chunk in its own buffer: its plaintext, padding included.
pub fn open_chunk(
    suite: Suite,
    reference: &ChunkRef,
    chunk: ArrivedChunk,
) -> Result<Vec<u8>, ChunkError> {
    let ArrivedChunk { id, mut bytes } = chunk;
    if id != reference.id {
        return Err(ChunkError::Order(id));
    }
    if bytes.len() != reference.len as usize + SEAL_TAG_LEN {
        return Err(ChunkError::Length(id));
    }
    aead::open(suite, &reference.key, b"", &mut bytes).map_err(|_| ChunkError::Sealed(id))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::padding::{NoPadding, Padme};
    use crate::rng::{DangerSeeded, Rng};

    const SUITE: Suite = Suite::Aes256Gcm;

    fn device() -> DeviceSecret {
        DeviceSecret::from_secret_bytes(&[1; 32])
    }

    fn content(len: usize) -> Vec<u8> {
        let mut out = vec![0; len];
        DangerSeeded::new(len as u64).fill(&mut out);
        out
    }

    /// Cuts with reads of at most `step` bytes, and seals everything.
    fn seal_all<P: Padding>(content: &[u8], padding: P, step: usize) -> (Layout, Vec<SealedChunk>) {
        let mut rng = DangerSeeded::new(1);
        let mut cutter = Cutter::new(padding);
        let mut sealed = Vec::new();
        let mut rest = content;
        while !rest.is_empty() {
            let space = cutter.space();
            let count = step.min(space.len()).min(rest.len());
            space[..count].copy_from_slice(&rest[..count]);
            rest = &rest[count..];
            if let Some(piece) = cutter.filled(count) {
                sealed.push(piece.seal(SUITE, &device(), rng.bytes32()).unwrap());
                // A dirty buffer comes back: what was in it must not show in the padding.
                cutter.recycle(vec![0xee; CHUNK_SEALED_LEN]);
            }
        }
        let tail = cutter.finish().unwrap();
        let layout = Layout { size: tail.size(), padded: tail.padded() };
        sealed.extend(tail.map(|p| p.seal(SUITE, &device(), rng.bytes32()).unwrap()));
        (layout, sealed)
    }

    fn open_all(layout: Layout, sealed: Vec<SealedChunk>) -> Vec<u8> {
        assert_eq!(sealed.len() as u64, layout.chunks());
        let mut out = Vec::new();
        for (at, chunk) in sealed.into_iter().enumerate() {
            assert_eq!(chunk.index, at as u64);
            let arrived = ArrivedChunk::check(chunk.reference.id, chunk.bytes).unwrap();
            let plain = open_chunk(SUITE, &chunk.reference, arrived).unwrap();
            out.extend(layout.trim(at as u64, &chunk.reference, plain).unwrap());
        }
        out
    }

    #[test]
    fn what_goes_in_comes_out_around_every_border() {
        let piece = PIECE_LEN;
        for len in [0, 1, 255, 256, 257, 65_536, piece - 1, piece, piece + 1, 2 * piece, 2_500_000]
        {
            let bytes = content(len);
            for step in [65_536, 1_048_576, 70_001] {
                let (layout, sealed) = seal_all(&bytes, Padme, step);
                assert_eq!(layout.size, len as u64);
                assert_eq!(Some(layout.padded), Padme.padded_len(len as u64));
                for chunk in &sealed[..sealed.len() - 1] {
                    assert_eq!(chunk.bytes.len(), CHUNK_SEALED_LEN, "only the last is shorter");
                }
                assert_eq!(open_all(layout, sealed), bytes, "{len} bytes in steps of {step}");
            }
        }
        let (layout, sealed) = seal_all(&content(1_000), NoPadding, 64);
        assert_eq!((layout.padded, sealed.len()), (1_000, 1));
        let (layout, sealed) = seal_all(&[], NoPadding, 64);
        assert_eq!((layout.padded, sealed.len()), (0, 0));
    }

    #[test]
    fn the_plain_hash_is_that_of_the_whole_piece_in_whatever_steps_it_came() {
        let bytes = content(200_000);
        for step in [1_000, 65_536, 200_000] {
            let mut cutter = Cutter::new(Padme);
            for part in bytes.chunks(step) {
                cutter.space()[..part.len()].copy_from_slice(part);
                assert!(cutter.filled(part.len()).is_none());
            }
            let mut padded = bytes.clone();
            padded.resize(Padme.padded_len(200_000).unwrap() as usize, 0);
            let piece = cutter.finish().unwrap().next().unwrap();
            assert_eq!(piece.plain_hash(), *blake3::hash(&padded).as_bytes());
        }
    }

    #[test]
    fn a_killed_put_goes_on_at_the_piece_the_journal_names() {
        let bytes = content(2_500_000);
        let (layout, whole) = seal_all(&bytes, Padme, 65_536);
        let mut cutter = Cutter::resume(Padme, 2);
        for part in bytes[2 * PIECE_LEN..].chunks(65_536) {
            cutter.space()[..part.len()].copy_from_slice(part);
            assert!(cutter.filled(part.len()).is_none());
        }
        let mut tail = cutter.finish().unwrap();
        assert_eq!((tail.size(), tail.padded()), (layout.size, layout.padded));
        let last = tail.next().unwrap();
        assert_eq!(last.index(), 2);
        assert_eq!(last.len(), whole[2].reference.len as usize);
        assert!(tail.next().is_none());
    }

    #[test]
    fn a13_equal_pieces_get_unlike_keys_and_a_stuck_source_only_repeats_for_equal_pieces() {
        for suite in Suite::ALL {
            let seal = |byte: u8, random| {
                let piece = Piece::from_plaintext(0, vec![byte; 300]).unwrap();
                *piece.seal(suite, &device(), random).unwrap().reference.key.to_secret_bytes()
            };
            assert_ne!(seal(1, [1; 32]), seal(1, [2; 32]));
            assert_ne!(seal(1, [0; 32]), seal(2, [0; 32]));
            assert_eq!(seal(1, [0; 32]), seal(1, [0; 32]));
        }
    }

    #[test]
    fn a10_every_changed_byte_and_every_cut_is_refused() {
        for suite in Suite::ALL {
            let piece = Piece::from_plaintext(0, content(300)).unwrap();
            let sealed = piece.seal(suite, &device(), [3; 32]).unwrap();
            let id = sealed.reference.id;
            let check = |bytes: &[u8]| ArrivedChunk::check(id, bytes.to_vec());
            // Were the hash not looked at, the seal would still refuse.
            let forced = |suite, bytes: &[u8]| {
                let bytes = bytes.to_vec();
                open_chunk(suite, &sealed.reference, ArrivedChunk { id, bytes }).map(drop)
            };
            assert_eq!(forced(suite, &sealed.bytes), Ok(()));
            for bit in 0..sealed.bytes.len() * 8 {
                let mut bad = sealed.bytes.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(check(&bad).unwrap_err(), ChunkError::Bytes(id));
                assert_eq!(forced(suite, &bad), Err(ChunkError::Sealed(id)), "{suite:?} {bit}");
            }
            for len in 0..sealed.bytes.len() {
                let cut = &sealed.bytes[..len];
                assert_eq!(check(cut).unwrap_err(), ChunkError::Bytes(id));
                assert_eq!(forced(suite, cut), Err(ChunkError::Length(id)));
            }
            for other in Suite::ALL.into_iter().filter(|other| *other != suite) {
                assert_eq!(forced(other, &sealed.bytes), Err(ChunkError::Sealed(id)));
            }
        }
        let long = vec![0; CHUNK_SEALED_LEN + 1];
        assert!(ArrivedChunk::check(ChunkId(*blake3::hash(&long).as_bytes()), long).is_err());
    }
}
