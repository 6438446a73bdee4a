//! Makes vectors/own: what only a person's own devices read, rightly and wrongly. Comes in: the
//! tables of docs/spec/document.md and docs/spec/replica.md. Goes out: golden files. Must not know:
//! the types that read them.

use strongroom_wire::cbor::Writer;

use crate::golden::Book;

pub type Item = Box<dyn Fn(&mut Writer)>;

pub fn blob(byte: u8, len: usize) -> Item {
    Box::new(move |w| {
        w.bytes(&vec![byte; len]);
    })
}

pub fn text(text: &'static str) -> Item {
    Box::new(move |w| {
        w.text(text);
    })
}

pub fn long_text(len: usize) -> Item {
    Box::new(move |w| {
        w.text(&"x".repeat(len));
    })
}

pub fn uint(value: u64) -> Item {
    Box::new(move |w| {
        w.uint(value);
    })
}

fn int(value: i64) -> Item {
    Box::new(move |w| {
        w.int(value);
    })
}

pub fn flag(value: bool) -> Item {
    Box::new(move |w| {
        w.bool(value);
    })
}

pub fn null() -> Item {
    Box::new(|w| {
        w.null();
    })
}

pub fn list(items: Vec<Item>) -> Item {
    Box::new(move |w| {
        w.array(items.len());
        for item in &items {
            item(w);
        }
    })
}

fn bytes(item: &Item) -> Vec<u8> {
    let mut w = Writer::new();
    item(&mut w);
    w.into_bytes()
}

/// A form's file: one good case, and what breaks any of them.
pub fn book(file: &str, decoder: &str, items: fn() -> Vec<Item>) -> Book {
    let mut book = Book::new(&format!("own/{file}"), decoder);
    let good = bytes(&list(items()));
    book.case("good", "ok", "every field is there", &good);
    book.case("trailing", "trailing", "a byte too many", &[&good[..], &[0]].concat());
    book.case("cut", "cut", "the last byte is missing", &good[..good.len() - 1]);
    book.case("empty", "cut", "nothing at all", &[]);
    book.case("no list", "type", "text where the list is due", &bytes(&text("list")));
    let mut more = items();
    more.push(uint(0));
    let why = "a field that this format number does not know";
    book.case("a field more", "limit", why, &bytes(&list(more)));
    if decoder != "record contents" {
        let mut less = items();
        less.pop();
        book.case("a field less", "limit", "the last is missing", &bytes(&list(less)));
    }
    book
}

/// The form with one field replaced.
pub fn bent(items: fn() -> Vec<Item>, at: usize, by: Item) -> Vec<u8> {
    let mut items = items();
    items[at] = by;
    bytes(&list(items))
}

fn chain() -> Item {
    list(vec![blob(0xc1, 40), blob(0xc2, 40)])
}

fn too_long_chain() -> Item {
    list((0..9).map(|_| blob(0xc1, 1)).collect())
}

#[test]
fn documents() {
    let mut settings = book("settings", "settings", || vec![text("letters")]);
    let items: fn() -> Vec<Item> = || vec![text("letters")];
    settings.case("long", "limit", "a label of 1,025 bytes", &bent(items, 0, long_text(1_025)));
    settings.case("bytes", "type", "a label is text", &bent(items, 0, blob(1, 7)));
    settings.settle();

    let items: fn() -> Vec<Item> = || vec![list(vec![blob(0xa1, 32), blob(0xa2, 32)])];
    let mut seeds = book("agree-seeds", "agree seeds", items);
    let many = list((0..65).map(|_| blob(0xa1, 32)).collect());
    seeds.case("65 seeds", "limit", "at most 64", &bent(items, 0, many));
    seeds.case("short seed", "limit", "31 bytes", &bent(items, 0, list(vec![blob(1, 31)])));
    seeds.settle();

    let items: fn() -> Vec<Item> =
        || vec![blob(1, 32), blob(2, 16), blob(3, 32), blob(4, 32), uint(2), uint(1)];
    let mut key = book("vault-key-document", "vault key document", items);
    key.case("settled", "ok", "no next key", &bent(items, 3, null()));
    key.case("short key", "limit", "31 bytes", &bent(items, 2, blob(3, 31)));
    key.settle();

    let items: fn() -> Vec<Item> = || vec![uint(3)];
    let mut closed = book("closed-document", "closed document", items);
    closed.case("below nothing", "type", "a number below zero", &bent(items, 0, int(-1)));
    closed.settle();

    let items: fn() -> Vec<Item> = || vec![blob(7, 32)];
    let mut own = book("own-bucket", "own bucket document", items);
    own.case("short id", "limit", "a bucket id of 31 bytes", &bent(items, 0, blob(7, 31)));
    own.case("long id", "limit", "a bucket id of 33 bytes", &bent(items, 0, blob(7, 33)));
    own.settle();

    let items: fn() -> Vec<Item> =
        || vec![blob(1, 32), blob(2, 32), chain(), blob(3, 32), blob(4, 2_336), flag(true)];
    let mut bucket = book("bucket-document", "bucket document", items);
    let why = "nine capabilities";
    bucket.case("long chain", "limit", why, &bent(items, 2, too_long_chain()));
    let why = "a capability of 2,049 bytes";
    let large = list(vec![blob(0xc1, 2_049)]);
    bucket.case("large capability", "limit", why, &bent(items, 2, large));
    let why = "a bucket id of 31 bytes";
    bucket.case("short id", "limit", why, &bent(items, 0, blob(1, 31)));
    bucket.case("default", "type", "a number is no bool", &bent(items, 5, uint(1)));
    bucket.settle();

    let items: fn() -> Vec<Item> = || vec![list(vec![blob(1, 32), blob(2, 32)])];
    let mut settled = book("settled", "settled document", items);
    let turned = list(vec![blob(2, 32), blob(1, 32)]);
    settled.case("not ascending", "order", "one spelling of a set", &bent(items, 0, turned));
    let twice = list(vec![blob(1, 32), blob(1, 32)]);
    settled.case("twice", "order", "one spelling of a set", &bent(items, 0, twice));
    let many = list((0..1_025).map(|_| blob(1, 32)).collect());
    settled.case("many", "limit", "1,024 entries", &bent(items, 0, many));
    let short = list(vec![blob(1, 31)]);
    settled.case("short id", "limit", "32 bytes", &bent(items, 0, short));
    settled.settle();
    let items: fn() -> Vec<Item> = || vec![text("https://a.example"), blob(1, 82)];
    let mut link = book("link-document", "link document", items);
    link.case("short link", "unknown", "81 bytes", &bent(items, 1, blob(1, 81)));
    link.case("long link", "limit", "83 bytes", &bent(items, 1, blob(1, 83)));
    link.case("no link", "unknown", "marks that mean nothing", &bent(items, 1, blob(9, 82)));
    link.case("long origin", "limit", "513 bytes", &bent(items, 0, long_text(513)));
    link.settle();

    let items: fn() -> Vec<Item> = || vec![blob(1, 200), list(vec![blob(2, 100), blob(3, 100)])];
    let mut log = book("key-log", "key log document", items);
    let why = "an event of 98,305 bytes";
    let large = list(vec![blob(2, 98_305)]);
    log.case("large event", "limit", why, &bent(items, 1, large));
    let why = "4,097 events";
    let many = list((0..4_097).map(|_| blob(2, 0)).collect());
    log.case("many events", "limit", why, &bent(items, 1, many));
    log.settle();
}

#[test]
fn secrets() {
    let items: fn() -> Vec<Item> = || {
        vec![
            blob(1, 32),
            blob(2, 32),
            blob(3, 32),
            blob(4, 32),
            chain(),
            blob(5, 16),
            blob(6, 32),
            blob(7, 32),
        ]
    };
    let mut record = book("record-contents", "record contents", items);
    let mut older = items();
    older.pop();
    let why = "a record of before there were checkpoints";
    record.case("older", "ok", why, &bytes(&list(older)));
    let mut short = items();
    short.truncate(6);
    record.case("without a seed", "unknown", "six fields", &bytes(&list(short)));
    record.case("no checkpoint", "ok", "none was written yet", &bent(items, 7, null()));
    record.case("long tag", "limit", "a tag of 17 bytes", &bent(items, 5, blob(5, 17)));
    record.case("long chain", "limit", "nine capabilities", &bent(items, 4, too_long_chain()));
    record.settle();

    let items: fn() -> Vec<Item> = || {
        let mut items = vec![uint(1)];
        items.extend((1..7).map(|byte| blob(byte, 32)));
        items
    };
    let mut store = book("key-store-content", "key store content", items);
    store.case("format", "unknown", "another format number", &bent(items, 0, uint(2)));
    let why = "a seed of 33 bytes";
    store.case("long seed", "limit", why, &bent(items, 2, blob(2, 33)));
    store.settle();
}

fn facts() -> Item {
    list(vec![
        blob(0xd0, 16),
        text("letter.txt"),
        uint(1),
        text("text/plain"),
        uint(8),
        int(-1),
        uint(999_999_999),
        uint(0o640),
        blob(0xdd, 32),
    ])
}

fn head(facts: Item) -> Item {
    let stamp = list(vec![uint(1), uint(2), int(1_795_000_000), uint(5)]);
    list(vec![blob(0xe0, 32), uint(7), uint(1_795_000_000_000 << 16), facts, stamp])
}

#[test]
fn document_keys() {
    let items: fn() -> Vec<Item> = || {
        let key = |kind, byte| list(vec![uint(kind), blob(byte, 32)]);
        vec![list(vec![key(0, 1), key(1, 2), key(2, 3)])]
    };
    let mut rows = book("document-keys-row", "document keys row", items);
    let bent = |kind, len| bent(items, 0, list(vec![list(vec![uint(kind), blob(1, len)])]));
    rows.case("kind 3", "unknown", "BK, DK or VK", &bent(3, 32));
    rows.case("short key", "limit", "31 bytes", &bent(0, 31));
    rows.case("none", "ok", "nothing opened yet", &bytes(&list(vec![list(vec![])])));
    rows.settle();
}

#[test]
fn replica_rows() {
    let items: fn() -> Vec<Item> = || {
        let (a, b, c) = (blob(1, 32), blob(2, 1_216), blob(3, 32));
        vec![a, uint(2), uint(1), b, c, blob(4, 32), uint(1 << 30)]
    };
    let mut rows = book("replica-row", "replica row", items);
    let why = "a number that does not fit 32 bits";
    rows.case("large number", "limit", why, &bent(items, 1, uint(1 << 32)));
    rows.settle();

    let items: fn() -> Vec<Item> = || {
        let epoch = list(vec![blob(7, 32), blob(8, 32)]);
        let content = list(vec![blob(9, 32), blob(10, 32)]);
        let keys = [uint(1), blob(1, 32), text("main"), blob(2, 32), chain()];
        let more = [blob(3, 40), uint(0), blob(4, 32), blob(5, 32), list(vec![epoch])];
        let current = [list(vec![content]), blob(7, 32), uint(1_795_000_000)];
        let flags = [flag(false), flag(false), flag(true)];
        keys.into_iter().chain(more).chain(current).chain(flags).collect()
    };
    let mut rows = book("bucket-row", "bucket row", items);
    rows.case("label", "limit", "a label of 1,025 bytes", &bent(items, 2, long_text(1_025)));
    let bare = list(vec![list(vec![blob(7, 32)])]);
    rows.case("epoch without a key", "limit", "the key is missing", &bent(items, 9, bare));
    rows.settle();

    let items: fn() -> Vec<Item> = || {
        let there = list(vec![blob(5, 32)]);
        let url = text("https://vaults.example.org");
        vec![uint(1), url, blob(2, 32), blob(3, 16), blob(4, 32), there, uint(6), uint(7)]
    };
    let mut rows = book("provider-row", "provider row", items);
    rows.case("url", "limit", "an address of 2,049 bytes", &bent(items, 1, long_text(2_049)));
    rows.settle();

    book("tip-row", "tip row", || vec![uint(3), blob(1, 32), uint(4), uint(5), blob(6, 40)])
        .settle();
    book("totals-row", "totals row", || (0..7).map(uint).collect()).settle();
}

#[test]
fn document_rows() {
    let items: fn() -> Vec<Item> =
        || vec![blob(0xd0, 16), flag(false), list(vec![head(facts()), head(null())])];
    let mut rows = book("document-row", "document row", items);
    let kind = |kind| {
        let fields = [blob(0xd0, 16), text("x"), uint(kind), null(), uint(8), int(0), uint(0)];
        let facts = list(fields.into_iter().chain([null(), null()]).collect());
        bent(|| vec![blob(0xd0, 16), flag(false), null()], 2, list(vec![head(facts)]))
    };
    rows.case("least facts", "ok", "neither type, mode nor digest", &kind(0));
    rows.case("type of document", "unknown", "there are five", &kind(5));
    rows.settle();

    let items: fn() -> Vec<Item> =
        || vec![blob(0xd1, 16), flag(true), flag(false), flag(false), head(facts())];
    let mut rows = book("name-row", "name row", items);
    let mode = {
        let fields = [blob(0xd0, 16), text("x"), uint(1), null(), uint(8), int(0), uint(0)];
        head(list(fields.into_iter().chain([uint(0o10_000), null()]).collect()))
    };
    rows.case("mode", "limit", "a fifth octal digit", &bent(items, 4, mode));
    let name = {
        let fields = [blob(0xd0, 16), long_text(256), uint(1), null(), uint(8), int(0), uint(0)];
        head(list(fields.into_iter().chain([null(), null()]).collect()))
    };
    rows.case("name", "limit", "a name of 256 bytes", &bent(items, 4, name));
    rows.settle();

    let items: fn() -> Vec<Item> = || {
        let cursor = list(vec![blob(1, 8), uint(2)]);
        let counts = [uint(3), uint(4), uint(5), uint(6), uint(7)];
        [cursor].into_iter().chain(counts).chain([flag(true), flag(false)]).collect()
    };
    let mut rows = book("exchange-row", "exchange row", items);
    rows.case("no cursor", "ok", "nothing was exchanged yet", &bent(items, 0, null()));
    rows.settle();
}

/// An author, its entry there and that entry's id.
fn tip(author: u8, seq: u64, more: Option<Item>) -> Item {
    let fields = [blob(author, 32), uint(seq), blob(author ^ 0x80, 32)];
    list(fields.into_iter().chain(more).collect())
}

#[test]
fn checkpoint_rows() {
    fn own(listed: Vec<Item>) -> Item {
        list(vec![blob(1, 32), uint(2), uint(3), uint(4), list(listed)])
    }
    let items: fn() -> Vec<Item> = || {
        let newest = list(vec![uint(5), blob(6, 32)]);
        let claims = list(vec![tip(7, 8, Some(blob(9, 32))), tip(10, 11, Some(blob(9, 32)))]);
        let listed = vec![tip(0xa, 1, None), tip(0xb, 2, None)];
        vec![own(listed), newest, claims, list(vec![blob(12, 32)]), blob(13, 32)]
    };
    let mut rows = book("checkpoints-row", "checkpoints row", items);
    let doubled = own(vec![tip(0xa, 1, None), tip(0xa, 2, None)]);
    rows.case("an author twice", "order", "listed twice", &bent(items, 0, doubled));
    let back = own(vec![tip(0xb, 1, None), tip(0xa, 2, None)]);
    rows.case("authors not ascending", "order", "b before a", &bent(items, 0, back));
    let claims = list(vec![tip(10, 1, Some(blob(9, 32))), tip(7, 1, Some(blob(9, 32)))]);
    let why = "claims about b before those about a";
    rows.case("claims not ascending", "order", why, &bent(items, 2, claims));
    let claims = list(vec![tip(7, 1, Some(blob(9, 32))), tip(7, 2, Some(blob(9, 32)))]);
    let why = "of one author only the highest is claimed";
    rows.case("claims of two heights", "order", why, &bent(items, 2, claims));
    rows.settle();

    let mut rows = Book::new("own/fork-row", "fork row");
    rows.case("good", "ok", "the bytes of a proof", &bytes(&blob(1, 300)));
    rows.case("trailing", "trailing", "a byte too many", &[&bytes(&blob(1, 3))[..], &[0]].concat());
    rows.case("text", "type", "a proof is bytes", &bytes(&text("proof")));
    rows.settle();

    let items: fn() -> Vec<Item> = || vec![uint(1), blob(2, 32)];
    let mut rows = book("record-row", "record row", items);
    rows.case("no checkpoint", "ok", "none was written yet", &bent(items, 1, null()));
    rows.settle();
}

#[test]
fn journal_rows() {
    let items: fn() -> Vec<Item> =
        || vec![text("/home/alice/film"), blob(1, 32), blob(2, 32), uint(3), uint(4)];
    let mut rows = book("journal-row", "journal row", items);
    rows.case("path", "limit", "a path of 65,537 bytes", &bent(items, 0, long_text(65_537)));
    rows.settle();

    let items: fn() -> Vec<Item> = || vec![blob(1, 32), blob(2, 32), uint(1_048_576), blob(3, 32)];
    let mut rows = book("journal-chunk-row", "journal chunk row", items);
    let why = "a length that does not fit 32 bits";
    rows.case("length", "limit", why, &bent(items, 2, uint(1 << 32)));
    rows.settle();
}
