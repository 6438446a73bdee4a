//! What the local store reads of its own files, for the fuzzer. Comes in: a form's number and
//! bytes. Goes out: what is written for what was read. Must not know: files, disks.
//!
//! Checksums turn nearly every other byte away before it is looked at; here they are put right
//! first, as whoever wrote the file could have.

use crate::Op;
use crate::local::{frame, journal};

type Again = fn(&[u8]) -> Option<Vec<u8>>;

/// By the names of docs/spec/store-on-disk.md.
pub const ALL: [(&str, Again); 2] = [("frame", frame_head), ("journal", changes)];

/// A frame's header, at some place of some store.
fn frame_head(bytes: &[u8]) -> Option<Vec<u8>> {
    let (key, file, offset) = ([1; 32], 6, 160);
    let mut sealed = bytes.get(..frame::HEADER)?.to_vec();
    frame::put_check(&mut sealed, &key, file, offset);
    let header = frame::Header::decode(&sealed, &key, file, offset)?;
    // What is zero is not read; what is read is written as it was.
    let again = header.encode(&key, file, offset);
    let same = frame::Header::decode(&again, &key, file, offset) == Some(header.clone());
    let stride = header.stride();
    let sound = same && stride.is_multiple_of(frame::ALIGN) && stride >= frame::HEADER as u64;
    sound.then(|| bytes.to_vec())
}

/// A payload of changes to rows.
fn changes(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut again = Vec::new();
    journal::decode(bytes, |key, value| {
        let op = match value {
            Some(value) => Op::Put(key.to_vec(), value.to_vec()),
            None => Op::Delete(key.to_vec()),
        };
        journal::encode(&op, &mut again);
    })?;
    Some(again)
}
