//! Request bodies and bounded answers. Comes in: segments to send; frames a provider sends. Goes
//! out: segments without a copy; at most `limit` bytes. Must not know: what they mean.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};

/// A body of known length in several pieces, sent without being joined. Cloning shares the bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Segments {
    pieces: VecDeque<Bytes>,
    len: u64,
}

impl Segments {
    pub(crate) fn push(&mut self, piece: Bytes) {
        // An empty piece would look like an empty chunk to HTTP.
        if !piece.is_empty() {
            self.len += piece.len() as u64;
            self.pieces.push_back(piece);
        }
    }

    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.pieces.iter().map(Bytes::as_ref)
    }
}

impl From<Bytes> for Segments {
    fn from(bytes: Bytes) -> Self {
        let mut all = Self::default();
        all.push(bytes);
        all
    }
}

impl From<Vec<u8>> for Segments {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl Body for Segments {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.pieces.pop_front();
        self.len -= next.as_ref().map_or(0, |piece| piece.len() as u64);
        Poll::Ready(next.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len)
    }
}

/// Why a body could not be taken.
#[derive(Debug)]
pub(super) enum BodyError {
    /// Longer than the limit.
    TooLarge,
    /// The connection broke within it.
    Broken(hyper::Error),
}

/// Takes a body of at most `limit` bytes, into one buffer of the announced length. Each piece is
/// hashed while it is warm in the cache, where a hash is wanted.
pub(super) async fn collect(
    mut incoming: Incoming,
    limit: usize,
    mut hasher: Option<&mut blake3::Hasher>,
) -> Result<Bytes, BodyError> {
    // An announced length over the limit is refused before a byte of it is kept.
    let announced = incoming.size_hint().exact().unwrap_or(0);
    if announced > limit as u64 {
        return Err(BodyError::TooLarge);
    }
    let mut first: Option<Bytes> = None;
    let mut all = BytesMut::new();
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame.map_err(BodyError::Broken)?.into_data() else { continue };
        if all.len() + first.as_ref().map_or(0, Bytes::len) + data.len() > limit {
            return Err(BodyError::TooLarge);
        }
        if let Some(hasher) = &mut hasher {
            hasher.update(&data);
        }
        match first.take() {
            None if all.is_empty() => {
                if data.len() as u64 == announced {
                    return Ok(data);
                }
                first = Some(data);
            }
            None => all.extend_from_slice(&data),
            Some(start) => {
                all.reserve((announced as usize).max(start.len() + data.len()));
                all.extend_from_slice(&start);
                all.extend_from_slice(&data);
            }
        }
    }
    Ok(first.unwrap_or_else(|| all.freeze()))
}
