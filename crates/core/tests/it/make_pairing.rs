//! Makes vectors/pairing: messages of two devices, what is sealed in them, codes and words.

use serde_json::json;
use strongroom_core::pairing::{Gift, GiftProvider, LongCode, Message, NewDevice};
use strongroom_seal::pairing::{CodeKey, Offer, Share, pairing_words};
use strongroom_seal::rng::DangerSeeded;
use strongroom_wire::ids::{
    BucketId, EntryId, KeyEventId, PrincipalId, Thumbprint, VaultTag, base32,
};
use zeroize::Zeroizing;

use crate::golden::{Book, fold, hex};
use crate::people::{Diary, kem, public};

fn share() -> Share {
    Share { kem: kem(40), nonce: [3; 32] }
}

fn enc(byte: u8) -> Box<[u8; 1_120]> {
    Box::new([byte; 1_120])
}

#[test]
fn messages() {
    let commit = Message::Commit([1; 32]).encode();
    let reveal = Message::Reveal(share(), enc(4)).encode();
    let sealed = Message::Sealed(vec![9; 1_040]).encode();
    let mut no_form = commit.clone();
    no_form[1] = 6;
    let mut other_count = commit.clone();
    other_count[0] = 0x83;
    let long = Message::Sealed(vec![9; 16_400]).encode();
    Book::new("pairing/message", "pairing message")
        .case("commit", "ok", "a/0", &commit)
        .case("share", "ok", "b/0", &Message::Share(share()).encode())
        .case("reveal", "ok", "a/1", &reveal)
        .case("confirm", "ok", "b/1", &Message::Confirm(enc(5), [6; 32]).encode())
        .case("sealed", "ok", "any later one", &sealed)
        .case("no", "ok", "one side has ended it", &Message::No.encode())
        .case("empty", "cut", "no bytes", &[])
        .case("cut", "cut", "the last byte is missing", &reveal[..reveal.len() - 1])
        .case("trailing", "trailing", "a byte too many", &[&commit[..], &[0]].concat())
        .case("unknown type", "unknown", "type 6", &no_form)
        .case("another count", "unknown", "a commit of three", &other_count)
        .case("no fields", "cut", "an empty list has no type", &[0x80])
        .case("five fields", "limit", "at most four", &[&[0x85, 2], &reveal[2..]].concat())
        .case(
            "short commitment",
            "limit",
            "31 bytes",
            &[&[0x82, 0, 0x58, 31][..], &[1; 31]].concat(),
        )
        .case("too long", "limit", "more than 16,384 bytes", &long)
        .settle();
}

fn device() -> NewDevice {
    let log = Diary::of_alice().log();
    let change = Diary::of_alice().add(12);
    let strongroom_core::keylog::Change::AddDevice { device, kem, possession } = change else {
        panic!("another change");
    };
    assert_eq!(device, public(12));
    let new = NewDevice { device, kem, possession, name: "laptop".to_owned() };
    assert!(new.belongs_to(log.principal()) && !new.belongs_to(PrincipalId([0; 32])));
    new
}

#[test]
fn devices() {
    let good = device().encode();
    let named = |name: &str| NewDevice { name: name.to_owned(), ..device() }.encode();
    Book::new("pairing/device", "pairing device")
        .case("a laptop", "ok", "a new device and its consent", &good)
        .case("without a name", "ok", "its owner gave none", &named(""))
        .case("cut", "cut", "the last byte is missing", &good[..good.len() - 1])
        .case("trailing", "trailing", "a byte too many", &[&good[..], &[0]].concat())
        .case("three fields", "limit", "four", &[&[0x83], &good[1..]].concat())
        .case("a long name", "limit", "129 bytes", &named(&"a".repeat(129)))
        .case("a name nobody sees", "unknown", "it turns the line around", &named("a\u{202e}b"))
        .case("a name with a slash", "unknown", "it would be a path", &named("a/b"))
        .settle();
}

fn gift() -> Gift {
    let provider = GiftProvider {
        url: "https://p.example".to_owned(),
        key: Thumbprint([8; 32]),
        vault: VaultTag([9; 16]),
        vault_seed: Zeroizing::new([10; 32]),
        record_counter: 3,
    };
    Gift {
        principal: PrincipalId([1; 32]),
        head: KeyEventId([2; 32]),
        agree: Zeroizing::new([3; 32]),
        vault_bucket: BucketId([4; 32]),
        member_seed: Zeroizing::new([5; 32]),
        member_chain: vec![vec![6; 200], vec![7; 300]],
        checkpoint: Some(EntryId([11; 32])),
        recovery_public: kem(41),
        recovery_locator: Zeroizing::new([12; 32]),
        providers: vec![provider],
    }
}

#[test]
fn gifts() {
    let good = gift().encode();
    let unseen = Gift { checkpoint: None, ..gift() }.encode();
    let nowhere = Gift { providers: Vec::new(), ..gift() }.encode();
    let many = Gift { providers: vec![gift().providers.remove(0); 9], ..gift() }.encode();
    let chain = Gift { member_chain: vec![vec![6; 9]; 9], ..gift() }.encode();
    let mut format = good.to_vec();
    format[1] = 9;
    Book::new("pairing/gift", "pairing gift")
        .case("as it is", "ok", "one provider, a chain of two", &good)
        .case("no checkpoint", "ok", "the vault has none yet", &unseen)
        .case("nowhere", "unknown", "the guest would have nothing to ask", &nowhere)
        .case("nine providers", "limit", "at most eight", &many)
        .case("nine capabilities", "limit", "at most eight", &chain)
        .case("another format", "unknown", "format 9", &format)
        .case("cut", "cut", "the last byte is missing", &good[..good.len() - 1])
        .case("trailing", "trailing", "a byte too many", &[&good[..], &[0]].concat())
        .case("ten fields", "limit", "eleven", &[&[0x8a], &good[1..]].concat())
        .settle();
}

#[test]
fn codes() {
    let code = |url: &str, form: u8| {
        let bytes = [&[form][..], &[8; 32], &[13; 32], url.as_bytes()].concat();
        format!("pair:{}", base32(&bytes))
    };
    let good = LongCode {
        url: "https://p.example".to_owned(),
        provider: Thumbprint([8; 32]),
        key: CodeKey::from_secret_bytes(&[13; 32]),
    };
    let good = good.to_text().to_string();
    assert_eq!(good, code("https://p.example", 0));
    let mut book = Book::new("pairing/code", "pairing code");
    for (name, result, why, text) in [
        ("as it is", "ok", "a provider, its key, a secret", good.clone()),
        ("upper case", "ok", "as a QR code has it; written in lower case", good.to_uppercase()),
        ("no prefix", "code", "it could be anything", good.replace("pair:", "")),
        ("cut", "code", "the last character is missing", good[..good.len() - 1].to_owned()),
        ("another form", "code", "form 1", code("https://p.example", 1)),
        ("no address", "code", "nothing to ask", code("", 0)),
        ("a space in the address", "code", "no address has one", code("https://p.example x", 0)),
        ("too long", "code", "more than 512 bytes of address", code(&"a".repeat(513), 0)),
        ("empty", "code", "no characters", String::new()),
    ] {
        let case = json!({ "text": fold(text.as_bytes()), "written": fold(good.as_bytes()) });
        book.object(name, result, why, &case);
    }
    book.settle();
}

#[test]
fn words() {
    let mut rng = DangerSeeded::new(50);
    let (host, guest) = (Offer::generate(&mut rng), Offer::generate(&mut rng));
    let mut book = Book::new("pairing/words", "pairing words");
    for (name, why, host, guest) in [
        ("two shares", "six words of 66 bits", &host, &guest),
        ("turned around", "who is the host counts", &guest, &host),
    ] {
        let case = json!({
            "commitment": hex(&host.commitment()),
            "host kem": fold(&host.share().kem[..]),
            "host nonce": hex(&host.share().nonce),
            "guest kem": fold(&guest.share().kem[..]),
            "guest nonce": hex(&guest.share().nonce),
            "words": pairing_words(host.share(), guest.share()).join(" "),
        });
        book.object(name, "ok", why, &case);
    }
    book.settle();
}
