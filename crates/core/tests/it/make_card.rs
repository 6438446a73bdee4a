//! Makes vectors/card: cards and pointers, as bytes and as text, kept and broken.

use serde_json::json;
use strongroom_core::card::{BEGIN, Card, END, Pointer};
use strongroom_core::contact::ContactRecord;
use strongroom_core::keylog::Pin;
use strongroom_wire::cbor::Writer;
use strongroom_wire::ids::{KeyEventId, PrincipalId, base32, base32_bytes};

use crate::contact::record;
use crate::golden::{Book, fold};
use crate::people::Diary;

fn alices() -> Card {
    let diary = Diary::of_alice();
    Card { name: None, genesis: diary.genesis, events: diary.events, inbox: None }
}

fn named(name: &str) -> Card {
    let genesis = Diary::of_alice().genesis;
    Card { name: Some(name.to_owned()), genesis, events: vec![], inbox: None }
}

fn pointer() -> Pointer {
    let pin = Pin { principal: PrincipalId([1; 32]), head: KeyEventId([2; 32]) };
    Pointer { pin, name: None, at: Some("https://alice.example/card".to_owned()) }
}

/// Names that would hide, turn or move what stands beside them.
const BAD_NAMES: [(&str, &str); 10] = [
    ("empty name", ""),
    ("blank in front", " Alice"),
    ("blank behind", "Alice "),
    ("hyphen in front", "-Alice"),
    ("slash", "Alice/Bob"),
    ("colon", "did:key"),
    ("newline", "Alice\nverified"),
    ("escape", "\u{1b}[2JAlice"),
    ("turned around", "\u{202e}ecilA"),
    ("nothing to see", "Al\u{200b}ice"),
];

#[test]
fn cards() {
    let mut book = Book::new("card/card", "card");
    let good = alices().encode();
    book.case("a laptop", "ok", "device and agree key", &good)
        .case("genesis alone", "ok", "no events, a name", &named("Alice Ångström").encode())
        .case("no log at all", "ok", "a card is a claim; the log is looked at later", &{
            Card { name: None, genesis: vec![], events: vec![], inbox: None }.encode()
        })
        .case("with an inbox", "ok", "not looked into here", &{
            Card { inbox: Some(vec![7; 1_300]), ..alices() }.encode()
        });
    book.case("empty", "cut", "no bytes", &[])
        .case("cut", "cut", "the last byte is missing", &good[..good.len() - 1])
        .case("trailing", "trailing", "a byte too many", &[&good[..], &[0]].concat());
    for (name, bad) in BAD_NAMES {
        book.case(name, "name", "no name for people's eyes", &named(bad).encode());
    }
    let with = |fields: usize, kind: u64, tail: &dyn Fn(&mut Writer)| {
        let mut w = Writer::new();
        w.array(fields).uint(kind).null();
        tail(&mut w);
        w.into_bytes()
    };
    book.case("pointer's kind", "unknown", "1 is a pointer", &{
        with(4, 1, &|w| _ = w.bytes(&[]).array(0))
    })
    .case("three fields", "limit", "no events", &with(3, 0, &|w| _ = w.bytes(&[])))
    .case("five fields", "type", "an inbox that is null is left out", &{
        with(5, 0, &|w| _ = w.bytes(&[]).array(0).null())
    })
    .case("six fields", "limit", "one too many", &{
        with(6, 0, &|w| _ = w.bytes(&[]).array(0).bytes(&[]).null())
    })
    .case("long inbox", "limit", "one byte more", &{
        with(5, 0, &|w| _ = w.bytes(&[]).array(0).bytes(&vec![7; 21_850]))
    })
    .case("long genesis", "limit", "513 bytes", &{
        with(4, 0, &|w| _ = w.bytes(&[7; 513]).array(0))
    })
    .case("many events", "limit", "4,097 are announced", &{
        with(4, 0, &|w| _ = w.bytes(&[]).array(4_097))
    })
    .case("long event", "limit", "98,305 bytes", &{
        with(4, 0, &|w| _ = w.bytes(&[]).array(1).bytes(&vec![7; 98_305]))
    })
    .case("over a mebibyte", "limit", "refused by its length alone", &vec![0; 1_048_577])
    .case("long name", "limit", "129 bytes", &named(&"a".repeat(129)).encode())
    .case("name of bytes", "type", "text was due", &{
        let mut w = Writer::new();
        w.array(4).uint(0).bytes(b"Alice").bytes(&[]).array(0);
        w.into_bytes()
    })
    .case("long count", "not canonical", "a length in two bytes that fits one", &{
        with(4, 0, &|w| _ = w.bytes(&[]).raw(&[0x98, 0]))
    });
    book.settle();
}

#[test]
fn texts() {
    let mut book = Book::new("card/text", "card text");
    let card = named("Alice");
    let text = card.to_text();
    let mut good = |name: &str, why: &str, text: &str| {
        let input = json!({"text": fold(text.as_bytes()), "card": fold(&card.encode())});
        book.object(name, "ok", why, &input);
    };
    good("as written", "lines of 64", &text);
    good("windows", "CR LF", &text.replace('\n', "\r\n"));
    good("quoted twice", "> > in front of each line", &text.replace('\n', "\n> > "));
    good("in a letter", "words around it", &format!("Dear Bob,\n\n{text}\nYours, Alice\n"));
    good("one line", "all line ends are gone", &text.replace('\n', " "));
    let body = |from: &str| text.replacen(from, "", 1);
    let middle = text.len() / 2;
    let other = if text.as_bytes()[middle] == b'A' { "B" } else { "A" };
    let flipped = [&text[..middle], other, &text[middle + 1..]].concat();
    for (name, expect, why, text) in [
        ("words", "none", "no card at all", "Dear Bob".to_owned()),
        ("empty", "none", "nothing", String::new()),
        ("no first line", "none", "its beginning is lost", body(BEGIN)),
        ("no last line", "cut", "its end is lost", body(END)),
        ("half", "cut", "cut in the middle", text[..middle].to_owned()),
        ("two", "several", "which one?", text.repeat(2)),
        ("one inside another", "several", "which one?", format!("{BEGIN}\n{text}")),
        ("a letter changed", "checksum", "one character is another", flipped),
        ("a line lost", "checksum", "the second line is gone", {
            text.lines()
                .enumerate()
                .filter(|(at, _)| *at != 1)
                .fold(String::new(), |all, it| all + it.1 + "\n")
        }),
        ("nothing inside", "checksum", "no bytes, no checksum", format!("{BEGIN}\n{END}\n")),
        ("padding", "character", "an equals sign", text.replace(END, &format!("={END}"))),
        ("url alphabet", "character", "an underscore", text.replacen('\n', "\n_", 1)),
        ("a comment", "character", "a header as PGP has it", {
            text.replacen('\n', "\nVersion: 1\n", 1)
        }),
    ] {
        book.object(name, expect, why, &json!({"text": fold(text.as_bytes())}));
    }
    let long = " ".repeat(2_097_153);
    book.object("too long", "too long", "refused by its length alone", &{
        json!({"text": fold(long.as_bytes())})
    });
    book.settle();
}

#[test]
fn pointers() {
    let mut book = Book::new("card/pointer", "pointer");
    let with = |name: Option<&str>, at: Option<&str>| {
        let (name, at) = (name.map(str::to_owned), at.map(str::to_owned));
        Pointer { pin: pointer().pin, name, at }.encode()
    };
    let good = pointer().encode();
    book.case("with a place", "ok", "where the card is", &good)
        .case("did", "ok", "any alias will do", &with(Some("Alice"), Some("did:web:a.example")))
        .case("only compares", "ok", "neither name nor place", &with(None, None));
    book.case("no scheme", "place", "a host alone", &with(None, Some("alice.example")))
        .case("blank", "place", "not one word", &with(None, Some("https://a b")))
        .case("not ascii", "place", "an umlaut", &with(None, Some("https://ä.example")))
        .case("empty place", "place", "no URI", &with(None, Some("")))
        .case("long place", "limit", "513 bytes", &with(None, Some(&"a".repeat(513))))
        .case("cut", "cut", "the last byte is missing", &good[..good.len() - 1])
        .case("trailing", "trailing", "a byte too many", &[&good[..], &[0xf6]].concat())
        .case("long", "limit", "refused by its length alone", &[0; 1_025]);
    for (name, bad) in BAD_NAMES {
        book.case(name, "name", "no name for people's eyes", &with(Some(bad), None));
    }
    let ids = |kind: u64, len: usize| {
        let mut w = Writer::new();
        w.array(5).uint(kind).bytes(&vec![1; len]).bytes(&[2; 32]).null().null();
        w.into_bytes()
    };
    book.case("card's kind", "unknown", "0 is a card", &ids(0, 32))
        .case("short principal", "limit", "31 bytes", &ids(1, 31))
        .case("long principal", "limit", "33 bytes", &ids(1, 33));
    book.settle();
}

#[test]
fn pointer_texts() {
    let mut book = Book::new("card/pointer-text", "pointer text");
    let text = pointer().to_text();
    for (name, why, text) in [
        ("as written", "upper case", text.clone()),
        ("lower case", "typed off a screen", text.to_lowercase()),
        ("blanks around", "copied with the line's end", format!("  {text}\r\n")),
    ] {
        let input = json!({"text": fold(text.as_bytes()), "pointer": fold(&pointer().encode())});
        book.object(name, "ok", why, &input);
    }
    let other = if text.as_bytes()[60] == b'A' { "B" } else { "A" };
    let flipped = [&text[..60], other, &text[61..]].concat();
    let bytes = base32_bytes(&text[11..].to_lowercase(), 1_000).unwrap();
    let short = format!("strongroom:{}", base32(&bytes[..bytes.len() - 1]));
    for (name, expect, why, text) in [
        ("empty", "none", "nothing", String::new()),
        ("a card's", "none", "another text of ours", BEGIN.to_owned()),
        ("another scheme", "none", "a did", "did:key:z6Mk".to_owned()),
        ("nothing behind it", "checksum", "no bytes", "STRONGROOM:".to_owned()),
        ("a letter changed", "checksum", "one character is another", flipped),
        ("a letter lost", "character", "no such length", text[..text.len() - 1].to_owned()),
        ("a byte lost", "checksum", "the last one", short),
        ("a one", "character", "1 is not in base32", text[..20].to_owned() + "1" + &text[21..]),
        ("a blank within", "character", "a line break", text[..20].to_owned() + " " + &text[20..]),
        ("too long", "too long", "no camera reads that", "A".repeat(2_049)),
    ] {
        book.object(name, expect, why, &json!({"text": fold(text.as_bytes())}));
    }
    book.settle();
}

#[test]
fn contacts() {
    let mut book = Book::new("card/contact", "contact");
    let plain = record(&Diary::of_alice());
    let mut full = plain.clone();
    full.claimed = Some("Alice Ångström".to_owned());
    full.note_way("alice.example");
    full.note_way("told");
    full.note_alias("did:web:alice.example");
    full.note_alias("https://alice.example/card");
    full.note_verified(1_795_000_100);
    let gone = ContactRecord { removed: true, ..plain.clone() };
    book.case("seen once", "ok", "a file, nothing else", &plain.encode())
        .case("verified", "ok", "everything in it", &full.encode())
        .case("removed", "ok", "the pin stays", &gone.encode());
    let good = full.encode();
    book.case("cut", "cut", "the last byte is missing", &good[..good.len() - 1])
        .case("trailing", "trailing", "a byte too many", &[&good[..], &[0xf4]].concat())
        .case("another form", "unknown", "the first field is 1", &[&[0x8e, 1], &good[2..]].concat())
        .case("thirteen fields", "limit", "one less", &[&[0x8d, 0], &good[2..]].concat());
    let bent = |change: &dyn Fn(&mut ContactRecord)| {
        let mut record = full.clone();
        change(&mut record);
        record.encode()
    };
    book.case("no name", "unknown", "nobody could ask for it", &bent(&|it| it.name.clear()))
        .case("a name that hides", "unknown", "it turns the line around", &{
            bent(&|it| it.claimed = Some("\u{202e}ecilA".to_owned()))
        })
        .case("no alias", "unknown", "not a URI", &{
            bent(&|it| _ = it.aliases.insert("alice".to_owned()))
        })
        .case("many ways", "limit", "seventeen", &{
            bent(&|it| it.ways = (0..17).map(|way| format!("{way}.example")).collect())
        })
        .case("a card too long", "limit", "over a mebibyte", &bent(&|it| it.card_len = 1_048_577))
        .case("a time after time", "limit", "the year 10000", &{
            bent(&|it| it.added = 253_402_300_800)
        });
    let at = good.windows(13).position(|it| it == b"alice.example").unwrap();
    let mut swapped = good.clone();
    swapped[at] = b'z';
    book.case("ways not ascending", "order", "z.. before told", &swapped);
    book.settle();
}
