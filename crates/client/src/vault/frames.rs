//! Frames of an exchange as a device reads and cuts them. Comes in: encoded entries, an answer's
//! frames. Goes out: how much of them can be sent, and what the answer says. Must not know: keys.

use std::collections::{BTreeSet, HashSet};

use strongroom_wire::cbor::Reader;
use strongroom_wire::entry::{Entry, Header};
use strongroom_wire::frame::{self, Frame};
use strongroom_wire::ids::{AuthorKey, ChunkId};
use strongroom_wire::limits::HEADER_LEN_MAX;

use crate::error::Result;
use crate::remote::RemoteError;

/// What was read of one answer.
pub(super) struct Answer {
    pub entries: Vec<Entry>,
    /// Chunks that entries refer to and the provider lacks.
    pub lost: BTreeSet<ChunkId>,
    pub cursor: Option<frame::Cursor>,
    pub more: bool,
    pub count: u64,
    pub fingerprint: [u8; 16],
}

/// How many of these encoded entries, from the first on, can be sent by themselves: up to the last
/// place at which every author's newest entry carries a signature.
pub(super) fn signed_prefix(entries: &[Vec<u8>]) -> Result<usize> {
    let mut open: HashSet<AuthorKey> = HashSet::new();
    let mut good = 0;
    for (at, bytes) in entries.iter().enumerate() {
        let (Header { author, .. }, signed) = header_of(bytes)?;
        if signed {
            open.remove(&author);
        } else {
            open.insert(author);
        }
        if open.is_empty() {
            good = at + 1;
        }
    }
    Ok(good)
}

/// The header of an encoded entry, and whether it carries a signature; without hashing its body.
pub(super) fn header_of(bytes: &[u8]) -> Result<(Header, bool)> {
    let mut r = Reader::new(bytes);
    r.array_exact(4)?;
    let header = Header::decode(r.bytes(HEADER_LEN_MAX)?)?;
    Ok((header, !r.bytes(64)?.is_empty()))
}

pub(super) fn read_answer(frames: Vec<Frame>) -> Result<Answer> {
    let mut answer = Answer {
        entries: Vec::new(),
        lost: BTreeSet::new(),
        cursor: None,
        more: false,
        count: 0,
        fingerprint: [0; 16],
    };
    let (mut told, mut done) = (false, false);
    for frame in frames {
        match frame {
            Frame::Entries(mut entries) => answer.entries.append(&mut entries),
            Frame::CursorIs { cursor, more } => {
                told = true;
                answer.cursor = cursor;
                answer.more = more;
            }
            Frame::Lost(chunks) => answer.lost.extend(chunks),
            Frame::Done { count, fingerprint } => {
                done = true;
                answer.count = count;
                answer.fingerprint = fingerprint;
            }
            _ => return Err(RemoteError::Protocol("an exchange's answer has other frames").into()),
        }
    }
    if told && done {
        Ok(answer)
    } else {
        Err(RemoteError::Protocol("an exchange's answer lacks its cursor or its end").into())
    }
}
