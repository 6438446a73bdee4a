//! Fuzzes what two devices tell each other: a message (first byte 0), a new device's keys (1), the
//! gift (2), a long code as text (3), a short one (4).
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_core::pairing::{Gift, LongCode, Message, NewDevice, ShortCode};

fuzz_target!(|data: &[u8]| {
    let Some((which, body)) = data.split_first() else { return };
    match which {
        0 => {
            if let Ok(read) = Message::decode(body) {
                assert_eq!(read.encode(), body);
            }
        }
        1 => {
            if let Ok(read) = NewDevice::decode(body) {
                assert_eq!(read.encode(), body);
            }
        }
        2 => {
            if let Ok(read) = Gift::decode(body) {
                assert_eq!(read.encode()[..], *body);
            }
        }
        3 => {
            if let Ok(read) = LongCode::parse(&String::from_utf8_lossy(body)) {
                let again = LongCode::parse(&read.to_text()).unwrap();
                assert_eq!(again.to_text(), read.to_text());
            }
        }
        _ => {
            if let Ok(read) = ShortCode::parse(&String::from_utf8_lossy(body)) {
                assert_eq!(ShortCode::parse(&read.to_string()), Ok(read));
            }
        }
    }
});
