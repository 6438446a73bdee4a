//! Fuzzes sealed parts of entries: lengths, commitment and cipher.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_seal::keys::{DeviceSecret, DocumentKey};
use strongroom_seal::part::{Draft, Hedge, open};
use strongroom_seal::sealing::Sealing;
use strongroom_seal::suite::Suite;
use strongroom_wire::clear::{ConstantSize, PaddingRule};
use strongroom_wire::ids::AuthorKey;

fuzz_target!(|data: &[u8]| {
    // The first byte chooses suite and padding.
    let Some((choice, data)) = data.split_first() else { return };
    let constant = ConstantSize::from_bytes(65_536).map(PaddingRule::Constant);
    let paddings = [PaddingRule::Padme, PaddingRule::PowerOfTwo, constant.expect("64 KiB")];
    let sealing = Sealing {
        suite: Suite::ALL[usize::from(choice & 1)],
        padding: paddings[usize::from(choice >> 1) % 3],
    };
    let device = DeviceSecret::from_secret_bytes(&[1; 32]);
    let key = DocumentKey::from_secret_bytes(&[2; 32]);
    let hedge = Hedge { device: &device, author: AuthorKey([3; 32]), seq: 4, random: [5; 32] };
    let Ok(draft) = Draft::new(&key, data, &sealing.padding, hedge) else { return };
    let mut header = draft.header();
    let Ok(sealed) = draft.seal(sealing.suite, b"aad") else { return };
    // What was sealed opens, and only so.
    let opened = open(sealing, &key, &header, b"aad", &sealed).expect("just sealed");
    assert_eq!(*opened, data);
    assert!(open(sealing, &key, &header, b"dad", &sealed).is_err());
    header.sealed_len = data.len() as u32;
    assert!(open(sealing, &key, &header, b"aad", data).is_err());
});
