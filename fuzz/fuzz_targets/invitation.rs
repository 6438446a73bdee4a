//! Fuzzes what somebody is handed who is let in: the invitation once opened (first byte 0), the
//! text it comes as (1), the sealed bytes (2).
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_core::invitation::{Invitation, from_text, to_text};
use strongroom_seal::identity::DeviceSigningKey;
use strongroom_seal::invitation::open_invitation;
use strongroom_seal::kem::AgreeSeed;
use strongroom_wire::ids::PrincipalId;

fuzz_target!(|data: &[u8]| {
    let Some((which, body)) = data.split_first() else { return };
    let reader = PrincipalId([7; 32]);
    match which {
        0 => {
            if let Ok(read) = Invitation::decode(body, reader) {
                let device = DeviceSigningKey::from_secret_bytes(&[5; 32]);
                if read.device == device.public() {
                    assert_eq!(read.encode(reader, &device)[..], *body);
                }
            }
        }
        1 => {
            if let Ok(sealed) = from_text(&String::from_utf8_lossy(body)) {
                assert_eq!(from_text(&to_text(sealed.clone())), Ok(sealed));
            }
        }
        _ => {
            let pair = AgreeSeed::from_secret_bytes(&[1; 32]).pair();
            assert!(open_invitation(&pair, reader, body).is_err());
        }
    }
});
