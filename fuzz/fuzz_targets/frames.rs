//! Fuzzes bodies of frames.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_wire::frame::{decode_all, split};

fuzz_target!(|data: &[u8]| {
    let _ = split(data);
    if let Ok(frames) = decode_all(data) {
        let mut out = Vec::new();
        for frame in frames {
            frame.write(&mut out);
        }
        assert_eq!(out, data);
    }
});
