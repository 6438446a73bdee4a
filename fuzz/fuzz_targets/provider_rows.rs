//! Fuzzes the values of a provider's rows. The first byte chooses which.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_server::decoders::ALL;

fuzz_target!(|data: &[u8]| {
    let Some((which, body)) = data.split_first() else { return };
    let Some((name, again)) = ALL.get(usize::from(*which)) else { return };
    if let Some(again) = again(body) {
        assert_eq!(again, body, "{name}");
    }
});
