//! Stories of frames.

use proptest::prelude::*;
use strongroom_wire::entry::Entry;
use strongroom_wire::frame::{Cursor, Frame, decode_all, split, write_entries};
use strongroom_wire::limits::FRAME_LEN_MAX;

use crate::samples::{key, run, version, version_header};

fn lengths(mut bytes: &[u8]) -> Vec<usize> {
    let mut out = Vec::new();
    while let Some((body, rest)) = split(bytes).unwrap() {
        out.push(body.len());
        bytes = rest;
    }
    assert!(bytes.is_empty());
    out
}

#[test]
fn entries_are_packed_into_as_few_frames_as_fit() {
    let entries: Vec<_> =
        (0..40_u8).map(|n| version(version_header(), &vec![n; 65_552], &key(1)).encode()).collect();
    let mut out = Vec::new();
    write_entries(&mut out, entries.iter().map(Vec::as_slice));
    let lengths = lengths(&out);
    assert!(lengths.iter().all(|len| *len <= FRAME_LEN_MAX), "{lengths:?}");
    assert_eq!(lengths.len(), 3, "16 of them fit one frame");
    let read: Vec<_> = decode_all(&out)
        .unwrap()
        .into_iter()
        .flat_map(|frame| match frame {
            Frame::Entries(entries) => entries,
            other => panic!("{other:?}"),
        })
        .map(|entry| entry.encode())
        .collect();
    assert_eq!(read, entries);
}

#[test]
fn no_entries_make_no_frame() {
    let mut out = Vec::new();
    write_entries(&mut out, []);
    assert!(out.is_empty());
}

#[test]
fn what_arrives_in_pieces_waits() {
    let mut out = Vec::new();
    Frame::CursorIs { cursor: Some(Cursor { log: [1; 8], at: 9 }), more: false }.write(&mut out);
    for len in 0..out.len() {
        assert_eq!(split(&out[..len]), Ok(None), "{len} bytes");
    }
    assert!(split(&out).unwrap().is_some());
}

#[test]
fn packed_entries_are_the_same_as_a_written_frame() {
    let entries = run(5, |_| true);
    let encoded: Vec<_> = entries.iter().map(Entry::encode).collect();
    let (mut packed, mut written) = (Vec::new(), Vec::new());
    write_entries(&mut packed, encoded.iter().map(Vec::as_slice));
    Frame::Entries(entries).write(&mut written);
    assert_eq!(packed, written);
}

proptest! {
    #[test]
    fn a_bent_byte_is_refused_or_another_frame(at in 0_usize..2_000, bit in 0..8) {
        let mut out = Vec::new();
        Frame::Entries(run(3, |seq| seq == 2)).write(&mut out);
        let before = decode_all(&out).unwrap();
        let at = at % out.len();
        out[at] ^= 1_u8 << bit;
        if let Ok(after) = decode_all(&out) {
            prop_assert_ne!(before, after);
        }
    }
}
