//! Fuzzes sealed parts of entries: lengths, commitment and cipher.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_seal::keys::{DeviceSecret, DocumentKey};
use strongroom_seal::padding::Padme;
use strongroom_seal::part::{Draft, Hedge, open};
use strongroom_seal::suite::Suite;
use strongroom_wire::ids::AuthorKey;

fuzz_target!(|data: &[u8]| {
    let device = DeviceSecret::from_secret_bytes(&[1; 32]);
    let key = DocumentKey::from_secret_bytes(&[2; 32]);
    let hedge = Hedge { device: &device, author: AuthorKey([3; 32]), seq: 4, random: [5; 32] };
    let Ok(draft) = Draft::new(&key, data, &Padme, hedge) else { return };
    let mut header = draft.header();
    let Ok(sealed) = draft.seal(Suite::DEFAULT, b"aad") else { return };
    // What was sealed opens, and only so.
    let opened = open(Suite::DEFAULT, &key, &header, b"aad", &sealed).expect("just sealed");
    assert_eq!(*opened, data);
    assert!(open(Suite::DEFAULT, &key, &header, b"dad", &sealed).is_err());
    header.sealed_len = data.len() as u32;
    assert!(open(Suite::DEFAULT, &key, &header, b"aad", data).is_err());
});
