//! Fuzzes what strangers hand over with drops: what a message says (first byte 0), an address (1),
//! a drop card (2), a provider's statement (3), an inbox in a card (4).
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_core::drops::Address;
use strongroom_core::inbox::Inbox;
use strongroom_core::message::{MessageBody, Sender};
use strongroom_wire::drop_card::check;
use strongroom_wire::ids::{AuthorKey, BucketId, PublicKey};
use strongroom_wire::statement::Received;

fuzz_target!(|data: &[u8]| {
    let Some((which, body)) = data.split_first() else { return };
    let (bucket, author) = (BucketId([1; 32]), AuthorKey([2; 32]));
    match which {
        0 => {
            if let Ok((read, Sender::Unsigned)) = MessageBody::decode(body, bucket, author) {
                assert_eq!(read.encode(bucket, author, None)[..], *body);
            }
        }
        1 => {
            if let Ok(read) = Address::decode(body) {
                assert_eq!(read.encode()[..], *body);
            }
        }
        2 => {
            if let Ok(checked) = check(body, bucket, 1_795_001_000) {
                assert_eq!(checked.card.bucket, bucket);
            }
        }
        4 => {
            if let Ok(read) = Inbox::decode(body) {
                assert_eq!(read.encode()[..], *body);
            }
        }
        _ => {
            let text = String::from_utf8_lossy(body);
            assert!(Received::verify(&text, &PublicKey([3; 32])).is_err());
        }
    }
});
