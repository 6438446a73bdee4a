//! Fuzzes what a device keeps sealed on disk: the key store's file (first byte 0), a row (1).
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use strongroom_seal::cost::Cost;
use strongroom_seal::keys::DeviceSecret;
use strongroom_seal::keystore::{OpenKeyStore, create};
use strongroom_seal::rng::DangerSeeded;

/// One key store for all inputs: the passphrase costs a tenth of a second.
fn store() -> &'static OpenKeyStore {
    static STORE: OnceLock<OpenKeyStore> = OnceLock::new();
    STORE.get_or_init(|| {
        let made = create(b"passphrase", Cost::FLOOR, b"", &mut DangerSeeded::new(1));
        made.expect("the lowest cost is acceptable").1
    })
}

fuzz_target!(|data: &[u8]| {
    let Some((which, body)) = data.split_first() else { return };
    // Nothing opens: the fuzzer has neither key.
    if *which == 0 {
        assert!(store().read(body).is_err());
    } else {
        let local = DeviceSecret::from_secret_bytes(&[1; 32]).local();
        assert!(local.open_row(b"row", body).is_err());
    }
});
