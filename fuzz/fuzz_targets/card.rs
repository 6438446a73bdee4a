//! Fuzzes what people are handed: a card (first byte 0), its text (1), a pointer (2), its text (3),
//! what a device keeps of it (4), a DID document (5), any alias (6), a card past its checksum (7).
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_core::card::{Card, Pointer};
use strongroom_core::contact::ContactRecord;
use strongroom_core::resolve::{Resolvers, Step};

fuzz_target!(|data: &[u8]| {
    let Some((which, body)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(body);
    let resolvers = Resolvers::default();
    match which {
        0 => {
            if let Ok(card) = Card::decode(body) {
                assert_eq!(card.encode(), body);
            }
        }
        1 => {
            if let Ok(card) = Card::from_text(&text) {
                assert_eq!(Card::from_text(&card.to_text()), Ok(card));
            }
        }
        2 => {
            if let Ok(pointer) = Pointer::decode(body) {
                assert_eq!(pointer.encode(), body);
                assert_eq!(Pointer::from_text(&pointer.to_text()), Ok(pointer));
            }
        }
        3 => {
            if let Ok(pointer) = Pointer::from_text(&text) {
                assert_eq!(pointer.to_text(), text.trim().to_ascii_uppercase());
            }
        }
        4 => {
            if let Ok(record) = ContactRecord::decode(body) {
                assert_eq!(record.encode(), body);
            }
        }
        5 => {
            let mut under_way = resolvers.resolve("did:web:alice.example");
            assert!(matches!(under_way.next(), Ok(Step::Get(_))));
            under_way.answer(body.to_vec());
            if let Ok(Step::Get(get)) = under_way.next() {
                assert!(get.url.starts_with("https://"));
            }
        }
        6 => {
            let mut under_way = resolvers.resolve(&text);
            let _ = under_way.next();
        }
        _ => {
            if let Ok(card) = Card::decode(body) {
                assert_eq!(Card::from_text(&card.to_text()).as_ref(), Ok(&card));
                // A log either holds or is refused at one event; nothing here panics.
                let _ = card.verify();
            }
        }
    }
});
