//! Fuzzes bodies of versions.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_core::document::VersionBody;

fuzz_target!(|data: &[u8]| {
    if let Ok(body) = VersionBody::decode(data) {
        assert_eq!(body.encode(), data);
    }
});
