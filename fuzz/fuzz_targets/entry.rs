//! Fuzzes whole entries.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_wire::chain::signature_holds;
use strongroom_wire::clear::Clear;
use strongroom_wire::entry::Entry;

fuzz_target!(|data: &[u8]| {
    if let Ok(entry) = Entry::decode(data) {
        assert_eq!(entry.encode(), data);
        let purged = entry.clone().without_sealed();
        assert_eq!(purged.id(), entry.id());
        let _ = (signature_holds(&entry), Clear::decode(entry.header().kind, entry.clear()));
    }
});
