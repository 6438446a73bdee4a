//! Fuzzes clear parts; the first byte chooses the kind.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_wire::clear::Clear;
use strongroom_wire::entry::Kind;

fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else { return };
    let Some(kind) = Kind::ALL.get(usize::from(*kind)) else { return };
    if let Ok(clear) = Clear::decode(*kind, rest) {
        assert_eq!(clear.encode(), rest);
    }
});
