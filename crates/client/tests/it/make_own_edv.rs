//! Makes the part of vectors/own that is about EDV vaults. Comes in: the table of
//! docs/spec/document.md. Goes out: golden files. Must not know: the types that read them.

use crate::make_own::{Item, bent, blob, book, flag, list, long_text, null, text, uint};

fn index() -> Item {
    list(vec![list(vec![text("content.sku")]), flag(true), flag(false)])
}

fn vault() -> Vec<Item> {
    vec![
        uint(1),
        text("https://edv.example/edvs/z19uMCiPNET4YbcPpBcab5mEE"),
        text("notes"),
        text("did:key:z6Mkon3Necd6NkkyfoGoHxid2znGc59LU3K7mubaRcFbLfLX"),
        blob(1, 32),
        uint(0),
        text("did:key:z6Mkon3N#z6LS"),
        blob(2, 32),
        text("did:key:z6Mkon3N#z6LS"),
        list(vec![text("urn:uuid:1"), blob(3, 32)]),
        list(vec![index()]),
        null(),
    ]
}

#[test]
fn edv_documents() {
    let mut book_of = book("edv", "edv vault document", vault);
    let mut case = |name: &str, expect: &str, why: &str, at: usize, by: Item| {
        book_of.case(name, expect, why, &bent(vault, at, by));
    };
    case("another's", "ok", "with what lets one in", 11, text("{}"));
    case("no blinding key", "ok", "of a grant to one document", 9, null());
    case("P-256", "ok", "the other curve", 5, uint(1));
    case("a third curve", "unknown", "0 or 1", 5, uint(2));
    case("form 2", "unknown", "only 1 is known", 0, uint(2));
    case("short seed", "limit", "31 bytes", 4, blob(1, 31));
    case("long name", "limit", "129 bytes", 2, long_text(129));
    case("no attribute", "unknown", "an index is over something", 10, {
        list(vec![list(vec![list(vec![]), flag(true), flag(false)])])
    });
    case("no path", "unknown", "an attribute begins with content or meta", 10, {
        list(vec![list(vec![list(vec![text("sku")]), flag(true), flag(false)])])
    });
    case("33 indexes", "limit", "at most 32", 10, list((0..33).map(|_| index()).collect()));
    book_of.settle();

    let items: fn() -> Vec<Item> = || vec![text("did:key:z6Mk#z6LS"), text("{}"), flag(false)];
    let mut grant = book("edv-grant", "edv grant document", items);
    grant.case("ended", "ok", "it was taken back", &bent(items, 2, flag(true)));
    grant.case("long key", "limit", "513 bytes", &bent(items, 0, long_text(513)));
    grant.settle();

    let items: fn() -> Vec<Item> = || {
        let values = vec![list(vec![uint(0), blob(1, 8)]), list(vec![uint(0), blob(2, 8)])];
        vec![uint(3), blob(1, 32), flag(true), flag(false), list(values)]
    };
    let mut seen = book("edv-seen", "edv seen document", items);
    let twice = list(vec![list(vec![uint(0), blob(1, 8)]), list(vec![uint(0), blob(1, 8)])]);
    seen.case("twice", "order", "a value stands once", &bent(items, 4, twice));
    let turned = list(vec![list(vec![uint(1), blob(1, 8)]), list(vec![uint(0), blob(1, 8)])]);
    seen.case("turned", "order", "ascending", &bent(items, 4, turned));
    let short = list(vec![list(vec![uint(0), blob(1, 7)])]);
    seen.case("short value", "limit", "8 bytes", &bent(items, 4, short));
    seen.settle();

    let items: fn() -> Vec<Item> = || vec![blob(1, 32), blob(2, 32)];
    let mut identity = book("edv-identity", "edv identity document", items);
    identity.case("short", "limit", "31 bytes", &bent(items, 1, blob(2, 31)));
    identity.settle();
}
