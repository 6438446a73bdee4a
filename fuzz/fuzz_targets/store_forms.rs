//! Fuzzes what the local store reads of its own files, with the checksums put right. The first byte
//! chooses which form.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_store::decoders::ALL;

fuzz_target!(|data: &[u8]| {
    let Some((which, body)) = data.split_first() else { return };
    let Some((name, again)) = ALL.get(usize::from(*which)) else { return };
    if let Some(again) = again(body) {
        assert_eq!(again, body, "{name}");
    }
});
