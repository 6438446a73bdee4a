//! Frames of one request. Comes in: a body. Goes out: its parts, in the one order a request has:
//! HELLO, CHUNKs, LOST, ENTRIES, SINCE. Must not know: buckets.

use std::collections::HashSet;

use strongroom_wire::entry::Entry;
use strongroom_wire::format::FORMAT;
use strongroom_wire::frame::{Area, Cursor, Frame, split};
use strongroom_wire::ids::ChunkId;
use strongroom_wire::limits::{BATCH_ENTRIES_MAX, FRAMES_MAX};
use strongroom_wire::problem::Problem;

use crate::refusal::{Member, Refusal};

/// The parts of one exchange.
#[derive(Debug, Default)]
pub struct Exchange {
    /// Salt of the fingerprint in the answer, where one is asked for.
    pub salt: Option<[u8; 16]>,
    /// Whole chunks, their hashes checked.
    pub chunks: Vec<(ChunkId, Vec<u8>)>,
    /// Chunks that entries may refer to although they are not here.
    pub lost: HashSet<ChunkId>,
    /// Entries whose bodies match their headers.
    pub entries: Vec<Entry>,
    /// What to answer with.
    pub since: Option<(Area, Option<Cursor>)>,
}

fn malformed(why: &'static str) -> Refusal {
    Refusal::from(Problem::Malformed).because(why)
}

impl Exchange {
    /// Reads a body, frame by frame.
    pub fn read(mut bytes: &[u8]) -> Result<Self, Refusal> {
        let mut all = Self::default();
        let (mut place, mut count) = (0, 0);
        while !bytes.is_empty() {
            count += 1;
            if count > FRAMES_MAX {
                return Err(malformed("too many frames in one request"));
            }
            let (body, rest) = split(bytes)?.ok_or_else(|| malformed("the last frame is cut"))?;
            let next = all.take(Frame::decode(body)?)?;
            if next < place || (next == place && matches!(next, 1 | 5)) {
                return Err(malformed("frames are out of order, or doubled"));
            }
            place = next;
            bytes = rest;
        }
        Ok(all)
    }

    /// Takes one frame; gives its place in the order.
    fn take(&mut self, frame: Frame) -> Result<u8, Refusal> {
        match frame {
            Frame::Hello { formats, salt } => {
                if !formats.contains(&FORMAT) {
                    return Err(
                        Refusal::from(Problem::Unsupported).with(Member::Formats, vec![FORMAT])
                    );
                }
                self.salt = Some(salt);
                Ok(1)
            }
            Frame::Chunk { chunk, offset: 0, data } => {
                if *blake3::hash(&data).as_bytes() != chunk.0 {
                    return Err(malformed("a chunk does not have the hash that names it"));
                }
                self.chunks.push((chunk, data));
                Ok(2)
            }
            Frame::Entries(mut entries) => {
                if self.entries.len() + entries.len() > BATCH_ENTRIES_MAX {
                    return Err(Problem::TooLarge.into());
                }
                self.entries.append(&mut entries);
                Ok(4)
            }
            Frame::Lost(chunks) => {
                self.lost.extend(chunks);
                Ok(3)
            }
            Frame::Since { area, cursor } => {
                self.since = Some((area, cursor));
                Ok(5)
            }
            _ => Err(malformed("a frame that has no place in a request")),
        }
    }
}
