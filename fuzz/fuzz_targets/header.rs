//! Fuzzes entry headers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_wire::entry::Header;

fuzz_target!(|data: &[u8]| {
    if let Ok(header) = Header::decode(data) {
        assert_eq!(header.encode(), data);
    }
});
