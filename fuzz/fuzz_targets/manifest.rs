//! Fuzzes manifests.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_seal::manifest::Manifest;

fuzz_target!(|data: &[u8]| {
    if let Ok(manifest) = Manifest::decode(data) {
        assert_eq!(*manifest.encode(), data);
    }
});
