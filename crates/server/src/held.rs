//! Answers that hold room until they are sent. Comes in: bytes and their room. Goes out: a body.
//! Must not know: what they say.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::{Buf as _, Bytes};
use http_body::{Frame, SizeHint};

use crate::body::Room;

/// Bytes given to the connection at once.
const PIECE: usize = 64 << 10;

/// A body that gives its room back when the last byte was taken or the peer is gone.
pub struct HeldBody {
    bytes: Bytes,
    room: Option<Room>,
}

impl HeldBody {
    /// These bytes, in this room.
    pub fn new(bytes: Vec<u8>, room: Option<Room>) -> Self {
        Self { bytes: bytes.into(), room }
    }
}

impl From<HeldBody> for Body {
    fn from(held: HeldBody) -> Self {
        if held.room.is_none() { Self::from(held.bytes) } else { Self::new(held) }
    }
}

impl http_body::Body for HeldBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if !self.bytes.has_remaining() {
            return Poll::Ready(None);
        }
        let len = self.bytes.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.bytes.split_to(len)))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}
