//! Fuzzes recovery records.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_wire::ids::{PublicKey, RecordId};
use strongroom_wire::recovery::RecoveryRecord;

fuzz_target!(|data: &[u8]| {
    assert!(RecoveryRecord::verify(data, RecordId([1; 32]), &PublicKey([1; 32])).is_err());
});
