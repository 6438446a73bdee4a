//! Fuzzes what a link is made of: the bytes behind its `#` (first byte 0), its text (1), what its
//! provider keeps (2), and how often it was opened (3).
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_core::link::{from_text, to_text};
use strongroom_seal::link::Link;
use strongroom_wire::link::{LinkRecord, LinkUses};

fuzz_target!(|data: &[u8]| {
    let Some((which, body)) = data.split_first() else { return };
    match which {
        0 => {
            if let Ok(link) = Link::decode(body) {
                assert_eq!(link.encode()[..], *body);
            }
        }
        1 => {
            let Ok(text) = core::str::from_utf8(body) else { return };
            if let Ok((origin, link)) = from_text(text) {
                assert_eq!(*to_text(&origin, &link), text.trim());
            }
        }
        2 => {
            if let Ok(record) = LinkRecord::decode(body) {
                assert_eq!(record.encode(), body);
            }
        }
        _ => {
            if let Ok(uses) = LinkUses::decode(body) {
                assert_eq!(uses.encode(), body);
            }
        }
    }
});
