//! Fuzzes what only a person's own devices read: internal documents, recovery contents, rows of the
//! replica. The first byte chooses which.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_client::decoders::ALL;

fuzz_target!(|data: &[u8]| {
    let Some((which, body)) = data.split_first() else { return };
    let Some((_, again)) = ALL.get(usize::from(*which)) else { return };
    if let Ok(again) = again(body) {
        assert_eq!(again, body);
    }
});
