//! Makes vectors/message: what messages say, and addresses of drops, kept and broken; and
//! vectors/card/inbox.json.

use strongroom_core::document::{Content, digest_of};
use strongroom_core::drops::Address;
use strongroom_core::inbox::Inbox;
use strongroom_core::invitation::KeptAt;
use strongroom_core::message::{MessageBody, Purpose};
use strongroom_seal::message::DropSecret;
use strongroom_wire::cbor::Writer;
use strongroom_wire::ids::{AuthorKey, BucketId, EntryId, Thumbprint};

use crate::golden::Book;
use crate::people::Someone;

/// Where these messages are read.
pub const BUCKET: BucketId = BucketId([1; 32]);
pub const AUTHOR: AuthorKey = AuthorKey([2; 32]);

fn file(name: &str) -> MessageBody {
    MessageBody {
        name: Some(name.to_owned()),
        media_type: Some("text/plain".to_owned()),
        words: Some("as promised".to_owned()),
        size: 5,
        digest: Some(digest_of(b"hello")),
        content: Content::Inline(b"hello".to_vec()),
        ..MessageBody::words(Purpose::File, String::new())
    }
}

/// An unsigned message around any inner bytes.
fn outer(inner: &[u8]) -> Vec<u8> {
    let mut w = Writer::new();
    w.array(1).bytes(inner);
    w.into_bytes()
}

/// Words alone, with fields as the case wants them.
fn inner(fields: usize, format: u64, purpose: u64) -> Vec<u8> {
    let mut w = Writer::new();
    w.array(fields).uint(format).uint(purpose).null().null().null().null().text("hi");
    w.uint(0).null().null();
    w.into_bytes()
}

#[test]
fn messages() {
    let bob = Someone::new(80);
    let plain = |body: &MessageBody| body.encode(BUCKET, AUTHOR, None);
    let signed = MessageBody { card: Some(bob.card().encode()), ..file("a.txt") };
    let by_bob = signed.encode(BUCKET, AUTHOR, Some(&bob.device));
    let elsewhere = signed.encode(BucketId([9; 32]), AUTHOR, Some(&bob.device));
    let carroll = Someone::new(81);
    let forged = signed.encode(BUCKET, AUTHOR, Some(&carroll.device));
    let good = plain(&file("a.txt"));
    let request = MessageBody {
        name: Some("photos:/2026".to_owned()),
        media_type: Some("read".to_owned()),
        ..MessageBody::words(Purpose::Request, "for the album".to_owned())
    };
    Book::new("message/message", "message")
        .case("a file", "ok", "unsigned", &good)
        .case("words", "ok", "no file", &outer(&inner(10, 1, 0)))
        .case("signed", "ok", "with the card of who signed", &by_bob)
        .case("a request", "ok", "its name is a place, and no file", &plain(&request))
        .case("for another bucket", "unknown", "the signature is for one", &elsewhere)
        .case("by another device", "unknown", "the card does not name it", &forged)
        .case("a path", "unknown", "a stranger chose the name", &plain(&file("../a.txt")))
        .case("no name", "unknown", "a file has one", &{
            plain(&MessageBody { name: None, ..file("a.txt") })
        })
        .case("another length", "unknown", "six bytes said, five there", &{
            plain(&MessageBody { size: 6, ..file("a.txt") })
        })
        .case("another purpose", "unknown", "4", &outer(&inner(10, 1, 4)))
        .case("another format", "unknown", "9", &outer(&inner(10, 9, 0)))
        .case("nine fields", "limit", "ten", &outer(&inner(9, 0, 0)))
        .case("no part", "limit", "what follows an empty list is not in it", &{
            [&[0x80], &good[1..]].concat()
        })
        .case("cut", "cut", "the last byte is missing", &good[..good.len() - 1])
        .case("trailing", "trailing", "a byte too many", &[&good[..], &[0]].concat())
        .case("trailing inside", "trailing", "after the content", &{
            outer(&[&inner(10, 1, 0)[..], &[0]].concat())
        })
        .case("empty", "cut", "no bytes", &[])
        .settle();
}

pub fn address(kept: usize, chain: usize) -> Address {
    let place = || KeptAt { url: "https://p.example".to_owned(), key: Thumbprint([2; 32]) };
    Address {
        name: "applications".to_owned(),
        kept_at: (0..kept).map(|_| place()).collect(),
        bucket: BUCKET,
        entry: EntryId([3; 32]),
        chain: vec![vec![4; 40]; chain],
        secret: DropSecret::from_secret_bytes(&[5; 32]),
    }
}

#[test]
fn addresses() {
    let good = address(1, 2).encode();
    let mut other = good.to_vec();
    other[1] = 9;
    Book::new("message/address", "drop address")
        .case("as it is", "ok", "one provider, a chain of two", &good)
        .case("kept nowhere", "ok", "its maker has no provider yet", &address(0, 2).encode())
        .case("nine providers", "limit", "at most eight", &address(9, 2).encode())
        .case("nine capabilities", "limit", "at most eight", &address(1, 9).encode())
        .case("another format", "unknown", "format 9", &other)
        .case("cut", "cut", "the last byte is missing", &good[..good.len() - 1])
        .case("trailing", "trailing", "a byte too many", &[&good[..], &[0]].concat())
        .case("empty", "cut", "no bytes", &[])
        .settle();
}

#[test]
fn inboxes() {
    let bob = Someone::new(80);
    let good = Inbox::sign(&address(1, 2), bob.log.principal(), &bob.device).encode();
    let raw = |address: &[u8], fields: usize, key: usize, signature: usize| {
        let mut w = Writer::new();
        w.array(fields).bytes(address).bytes(&vec![6; key]).bytes(&vec![7; signature]);
        w.into_bytes()
    };
    let plain = address(1, 2).encode();
    Book::new("card/inbox", "inbox")
        .case("signed", "ok", "by a device of its owner", &good)
        .case("by nobody", "ok", "whose it is, the key log says", &raw(&plain, 3, 32, 64))
        .case("no address", "cut", "nothing in it", &raw(&[], 3, 32, 64))
        .case("half an address", "cut", "cut in the middle", &raw(&plain[..80], 3, 32, 64))
        .case("nine providers", "limit", "in the address", &raw(&address(9, 2).encode(), 3, 32, 64))
        .case("long address", "limit", "one byte more", &raw(&vec![7; 21_722], 3, 32, 64))
        .case("short key", "limit", "31 bytes", &raw(&plain, 3, 31, 64))
        .case("short signature", "limit", "63 bytes", &raw(&plain, 3, 32, 63))
        .case("two fields", "limit", "three", &raw(&plain, 2, 32, 64))
        .case("cut", "cut", "the last byte is missing", &good[..good.len() - 1])
        .case("trailing", "trailing", "a byte too many", &[&good[..], &[0]].concat())
        .case("long", "limit", "refused by its length alone", &vec![0; 21_850])
        .case("empty", "cut", "no bytes", &[])
        .settle();
}
