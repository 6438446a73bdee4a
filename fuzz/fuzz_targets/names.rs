//! Fuzzes names and paths, and names on their way out.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_core::names::{
    BucketPath, ExportRules, check_name, export_name, name_from_bytes, printable,
};
use strongroom_core::tree::conflict_name;
use strongroom_wire::entry::Hlc;
use strongroom_wire::ids::EntryId;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = core::str::from_utf8(data) else {
        assert!(name_from_bytes(data).is_err());
        return;
    };
    if let Ok(path) = text.parse::<BucketPath>() {
        assert_eq!(path.to_string(), text);
    }
    for rules in [ExportRules::Unix, ExportRules::Portable] {
        if let Ok(outside) = export_name(text, rules) {
            assert_eq!(check_name(&outside), Ok(()));
        }
    }
    let conflict = conflict_name(text, Hlc(u64::MAX), EntryId([0xab; 32]), 64);
    assert_eq!(check_name(&conflict), Ok(()));
    assert!(!printable(text).contains('\u{1b}'));
});
