//! Where content lies in its chunks. Comes in: sizes, ranges, opened chunks. Goes out: which bytes
//! of which chunk, and content without its padding. Must not know: how chunks are sealed.

use core::ops::Range;

use crate::aead;
use crate::stream::{ChunkError, ChunkRef, PIECE_LEN};

/// Where content lies in its chunks.
///
/// ```
/// use strongroom_seal::stream::{Layout, PIECE_LEN};
/// let layout = Layout { size: 3_000_000, padded: 3_014_656 };
/// assert_eq!(layout.chunks(), 3);
/// let parts: Vec<_> = layout.locate(1_048_550..1_048_570).collect();
/// assert_eq!(parts, [(0, 1_048_550..PIECE_LEN), (1, 0..10)]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Content bytes.
    pub size: u64,
    /// Plaintext bytes, padding included; at least `size`.
    pub padded: u64,
}

impl Layout {
    /// Chunks in all.
    pub const fn chunks(self) -> u64 {
        self.padded.div_ceil(PIECE_LEN as u64)
    }

    /// Chunks that hold content; the rest is padding and need not be fetched to read.
    pub const fn content_chunks(self) -> u64 {
        self.size.div_ceil(PIECE_LEN as u64)
    }

    /// Plaintext bytes of one chunk, padding included. 0 past the end.
    pub fn plain_len(self, index: u64) -> usize {
        Self::span(self.padded, index)
    }

    /// Content bytes in one chunk.
    pub fn content_len(self, index: u64) -> usize {
        Self::span(self.size, index)
    }

    fn span(total: u64, index: u64) -> usize {
        let start = index.saturating_mul(PIECE_LEN as u64);
        total.saturating_sub(start).min(PIECE_LEN as u64) as usize
    }

    /// Which bytes of which chunks make up a range of the content. Clamped to the content.
    pub fn locate(self, range: Range<u64>) -> impl Iterator<Item = (u64, Range<usize>)> {
        let piece = PIECE_LEN as u64;
        let end = range.end.min(self.size);
        let start = range.start.min(end);
        let chunks = if start == end { 0..0 } else { start / piece..end.div_ceil(piece) };
        chunks.map(move |index| {
            let first = index * piece;
            let from = start.saturating_sub(first) as usize;
            let to = end.saturating_sub(first).min(piece) as usize;
            (index, from..to)
        })
    }

    /// Cuts an opened chunk down to its content, after a look at length and padding.
    pub fn trim(
        self,
        index: u64,
        reference: &ChunkRef,
        mut plain: Vec<u8>,
    ) -> Result<Vec<u8>, ChunkError> {
        if plain.len() != self.plain_len(index) {
            return Err(ChunkError::Length(reference.id));
        }
        let (_, padding) = plain
            .split_at_checked(self.content_len(index))
            .ok_or(ChunkError::Length(reference.id))?;
        if !aead::all_zero(padding) {
            return Err(ChunkError::Padding(reference.id));
        }
        plain.truncate(self.content_len(index));
        Ok(plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::ChunkKey;
    use strongroom_wire::ids::ChunkId;

    #[test]
    fn padding_that_says_something_is_refused() {
        let layout = Layout { size: 100, padded: 256 };
        let reference =
            ChunkRef { id: ChunkId([1; 32]), key: ChunkKey::from_secret_bytes(&[2; 32]), len: 256 };
        let mut plain = vec![0; 256];
        assert_eq!(layout.trim(0, &reference, plain.clone()).unwrap().len(), 100);
        plain[255] = 1;
        assert_eq!(
            layout.trim(0, &reference, plain.clone()),
            Err(ChunkError::Padding(reference.id))
        );
        plain.pop();
        assert_eq!(layout.trim(0, &reference, plain), Err(ChunkError::Length(reference.id)));
    }

    #[test]
    fn ranges_are_found_in_their_chunks_and_clamped() {
        let piece = PIECE_LEN as u64;
        let layout = Layout { size: 3 * piece + 10, padded: 4 * piece };
        let at = |range| layout.locate(range).collect::<Vec<_>>();
        assert_eq!(at(0..1), [(0, 0..1)]);
        assert_eq!(at(piece..piece + 1), [(1, 0..1)]);
        assert_eq!(at(3 * piece + 5..u64::MAX), [(3, 5..10)]);
        assert_eq!(at(u64::MAX..u64::MAX), []);
        assert_eq!(at(5..5), []);
        assert_eq!(at(0..layout.size).len(), 4);
        let sum: usize = at(7..layout.size).iter().map(|(_, r)| r.len()).sum();
        assert_eq!(sum as u64, layout.size - 7);
    }
}
