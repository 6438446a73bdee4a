//! Fuzzes author chains, with all entries of a body of frames.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_wire::chain::{Tip, authenticate};
use strongroom_wire::frame::{Frame, decode_all};
use strongroom_wire::ids::EntryId;

fuzz_target!(|data: &[u8]| {
    let Ok(frames) = decode_all(data) else { return };
    let mut entries = Vec::new();
    for frame in frames {
        if let Frame::Entries(some) = frame {
            entries.extend(some);
        }
    }
    let Some(bucket) = entries.first().map(|entry| entry.bucket()) else { return };
    let count = entries.len();
    for tip in [None, Some(Tip { seq: u64::MAX, id: EntryId([1; 32]) })] {
        if let Ok(verified) = authenticate(bucket, entries.clone(), |_| tip) {
            assert!(verified.len() <= count);
            for (at, one) in verified.iter().enumerate() {
                assert!(verified[..at].iter().all(|other| other.id() != one.id()));
            }
        }
    }
});
