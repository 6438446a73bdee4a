//! Makes vectors/document: what sealed parts say, rightly and wrongly.

use strongroom_core::document::{
    Content, DocumentType, Metadata, Timestamp, VersionBody, digest_of,
};
use strongroom_core::parts::{DeviceProof, EpochBody, MemberBody, encode_reason};
use strongroom_seal::keys::{NameKey, TagKey};
use strongroom_wire::cbor::Writer;
use strongroom_wire::ids::{DocumentTag, MemberTag, PrincipalId, PublicKey};

use crate::golden::Book;

const NULL: &[u8] = &[0xf6];

fn item(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut w = Writer::new();
    write(&mut w);
    w.into_bytes()
}

fn blob(bytes: &[u8]) -> Vec<u8> {
    item(|w| {
        w.bytes(bytes);
    })
}

fn text(text: &str) -> Vec<u8> {
    item(|w| {
        w.text(text);
    })
}

fn int(value: i64) -> Vec<u8> {
    item(|w| {
        w.int(value);
    })
}

fn list(items: &[Vec<u8>]) -> Vec<u8> {
    item(|w| {
        w.array(items.len());
        for one in items {
            w.raw(one);
        }
    })
}

/// A letter in a directory.
fn letter() -> VersionBody {
    let content = b"Dear Bob".to_vec();
    VersionBody {
        metadata: Metadata {
            parent: DocumentTag([0xd0; 16]),
            name: "letter.txt".to_owned(),
            kind: DocumentType::File,
            media_type: Some("text/plain".to_owned()),
            size: 8,
            modified: Timestamp { secs: 1_795_000_000, nanos: 999_999_999 },
            mode: Some(0o640),
            digest: Some(digest_of(&content)),
            schema: None,
        },
        content: Content::Inline(content),
    }
}

/// The same document with something else about it.
fn with(change: impl FnOnce(&mut VersionBody)) -> Vec<u8> {
    let mut body = letter();
    change(&mut body);
    body.encode()
}

/// The ten items of the letter.
fn items() -> Vec<Vec<u8>> {
    let body = letter();
    let m = body.metadata;
    vec![
        blob(&m.parent.0),
        text(&m.name),
        int(1),
        text("text/plain"),
        int(8),
        list(&[int(m.modified.secs), int(i64::from(m.modified.nanos))]),
        int(0o640),
        blob(&m.digest.unwrap()),
        NULL.to_vec(),
        blob(b"Dear Bob"),
    ]
}

/// The letter with one item replaced.
fn bent(at: usize, by: &[u8]) -> Vec<u8> {
    let mut items = items();
    items[at] = by.to_vec();
    list(&items)
}

#[test]
fn good_versions() {
    let mut book = Book::new("document/version-good", "version body");
    let named = |name: &str| with(|body| name.clone_into(&mut body.metadata.name));
    book.case("file", "ok", "a letter of eight bytes", &letter().encode());
    book.case(
        "empty file",
        "ok",
        "no bytes are a content too",
        &with(|body| {
            body.content = Content::Inline(vec![]);
            body.metadata.size = 0;
            body.metadata.digest = Some(digest_of(b""));
        }),
    );
    book.case(
        "directory",
        "ok",
        "no content, no digest, size zero",
        &with(|body| {
            body.content = Content::Empty;
            body.metadata.kind = DocumentType::Directory;
            (body.metadata.size, body.metadata.digest) = (0, None);
        }),
    );
    book.case(
        "link",
        "ok",
        "its content is the target; a digest is not due",
        &with(|body| {
            body.content = Content::Inline(b"../etc".to_vec());
            body.metadata.kind = DocumentType::Link;
            (body.metadata.size, body.metadata.digest) = (6, None);
        }),
    );
    book.case(
        "object",
        "ok",
        "with its schema",
        &with(|body| {
            body.metadata.kind = DocumentType::Object;
            body.metadata.schema = Some("https://schema.example/Invoice".to_owned());
        }),
    );
    book.case(
        "internal",
        "ok",
        "kept by the program; no digest, no mode",
        &with(|body| {
            body.metadata.kind = DocumentType::Internal;
            (body.metadata.mode, body.metadata.digest) = (None, None);
        }),
    );
    book.case(
        "manifest",
        "ok",
        "content in chunks; size may be anything",
        &with(|body| {
            body.content = Content::Manifest(vec![0xaa; 80]);
            body.metadata.size = u64::MAX;
        }),
    );
    book.case(
        "before 1970",
        "ok",
        "files may be older than the clock's zero",
        &with(|body| {
            body.metadata.modified = Timestamp { secs: i64::MIN, nanos: 0 };
        }),
    );
    book.case("longest name", "ok", "255 bytes", &named(&"n".repeat(255)));
    book.case("odd name", "ok", "a newline and a backslash are letters", &named("a\nb\\c"));
    book.case(
        "all permission bits",
        "ok",
        "0o7777",
        &with(|body| {
            body.metadata.mode = Some(0o7777);
        }),
    );
    book.settle();
}

#[test]
fn broken_versions() {
    let good = letter().encode();
    let mut book = Book::new("document/version", "version body");
    book.case("cut", "cut", "the last byte is missing", &good[..good.len() - 1]);
    book.case("empty", "cut", "no bytes at all", b"");
    book.case("trailing", "trailing", "a byte too many", &[&good[..], &[0]].concat());
    book.case("nine items", "limit", "ten are due", &list(&items()[..9]));
    book.case("eleven items", "limit", "ten are due", &{
        list(&[items(), vec![NULL.to_vec()]].concat())
    });
    book.case("a map", "type", "an array is due", &[&[0xaa], &good[1..]].concat());
    book.case("indefinite array", "not canonical", "lengths are definite", &{
        [&[0x9f], &good[1..], &[0xff]].concat()
    });
    for (name, expect, why, at, by) in [
        ("short parent", "limit", "tags have 16 bytes", 0, blob(&[1; 15])),
        ("long parent", "limit", "tags have 16 bytes", 0, blob(&[1; 17])),
        ("no name", "unknown", "a document has a name", 1, text("")),
        ("dot", "unknown", "means the directory itself", 1, text(".")),
        ("dots", "unknown", "would lead out of the directory", 1, text("..")),
        ("slash", "unknown", "would be two names, or a way out", 1, text("a/b")),
        ("climbs out", "unknown", "would be written outside on get", 1, text("../../.bashrc")),
        ("zero byte", "unknown", "would end the name on the way to the system", 1, text("a\0")),
        ("name of 256 bytes", "limit", "255 at most", 1, text(&"n".repeat(256))),
        ("name in bytes", "type", "text is due", 1, blob(b"letter.txt")),
        ("name not UTF-8", "utf8", "told, never guessed", 1, vec![0x62, 0xc3, 0x28]),
        ("type 5", "unknown", "this format number knows 0 to 4", 2, int(5)),
        ("type 256", "limit", "one byte", 2, int(256)),
        ("file as directory", "unknown", "a directory has no content", 2, int(0)),
        ("media type of 256 bytes", "limit", "255 at most", 3, text(&"m".repeat(256))),
        ("media type as a number", "type", "text or null", 3, int(1)),
        ("size too large", "unknown", "content in the entry has its true length", 4, int(9)),
        ("size too small", "unknown", "the reader would cut it", 4, int(7)),
        ("size below zero", "type", "a length is a uint", 4, int(-1)),
        ("size in two bytes", "not canonical", "shortest form", 4, vec![0x18, 0x08]),
        ("a second of 10^9 ns", "limit", "below 1,000,000,000", 5, {
            list(&[int(0), int(1_000_000_000)])
        }),
        ("time as one number", "type", "seconds and nanoseconds", 5, int(0)),
        ("mode with a type bit", "limit", "0o7777 at most: no device, no pipe", 6, int(0o10_644)),
        ("short digest", "limit", "32 bytes", 7, blob(&[1; 31])),
        ("file without a digest", "unknown", "a file has one", 7, NULL.to_vec()),
        ("schema in bytes", "type", "text or null", 8, blob(b"s")),
        ("file without content", "unknown", "an empty file has an empty string", 9, NULL.to_vec()),
        ("content in text", "type", "bytes, null or a manifest", 9, text("Dear Bob")),
        ("two manifests", "limit", "one", 9, list(&[blob(&[1]), blob(&[2])])),
        ("no manifest", "limit", "one", 9, list(&[])),
        ("content over the limit", "limit", "65,536 bytes in an entry", 9, blob(&vec![0; 65_537])),
        ("manifest over the limit", "limit", "65,536 bytes", 9, list(&[blob(&vec![0; 65_537])])),
        ("content of 4 GiB", "limit", "refused before it is reserved", 9, {
            vec![0x5a, 0xff, 0xff, 0xff, 0xff]
        }),
    ] {
        book.case(name, expect, why, &bent(at, &by));
    }
    for (name, why, change) in [
        (
            "directory with a size",
            "nothing has no length",
            Box::new(|body: &mut VersionBody| {
                body.content = Content::Empty;
                body.metadata.kind = DocumentType::Directory;
                body.metadata.digest = None;
            }) as Box<dyn FnOnce(&mut VersionBody)>,
        ),
        (
            "directory with a digest",
            "nothing has no digest",
            Box::new(|body| {
                body.content = Content::Empty;
                body.metadata.kind = DocumentType::Directory;
                body.metadata.size = 0;
            }),
        ),
        (
            "directory in chunks",
            "nothing has no manifest",
            Box::new(|body| {
                body.content = Content::Manifest(vec![1]);
                body.metadata.kind = DocumentType::Directory;
            }),
        ),
        (
            "link in chunks",
            "a target stands in the entry",
            Box::new(|body| {
                body.content = Content::Manifest(vec![1]);
                body.metadata.kind = DocumentType::Link;
            }),
        ),
        (
            "link to nowhere",
            "a link has a target",
            Box::new(|body| {
                body.content = Content::Empty;
                body.metadata.kind = DocumentType::Link;
            }),
        ),
        (
            "endless target",
            "4,096 bytes at most",
            Box::new(|body| {
                body.content = Content::Inline(vec![b'a'; 4_097]);
                body.metadata.kind = DocumentType::Link;
            }),
        ),
        (
            "internal in chunks",
            "what the program keeps is small",
            Box::new(|body| {
                body.content = Content::Manifest(vec![1]);
                body.metadata.kind = DocumentType::Internal;
            }),
        ),
        (
            "manifest without a digest",
            "a file has one",
            Box::new(|body| {
                body.content = Content::Manifest(vec![1]);
                body.metadata.digest = None;
            }),
        ),
    ] {
        book.case(name, "unknown", why, &with(change));
    }
    book.settle();
}

fn tags(bytes: &[u8]) -> Vec<u8> {
    list(&bytes.iter().map(|byte| blob(&[*byte; 16])).collect::<Vec<_>>())
}

#[test]
fn epochs() {
    let name_key = || NameKey::from_secret_bytes(&[7; 32]);
    let good = |tags: &[u8]| {
        let recipients = tags.iter().map(|tag| MemberTag([*tag; 16])).collect();
        EpochBody { recipients, name_key: name_key() }.encode().to_vec()
    };
    let one = good(&[1]);
    let many: Vec<_> = (0..513_u128).map(|at| blob(&at.to_be_bytes())).collect();
    Book::new("document/epoch", "epoch body")
        .case("one member", "ok", "its controller", &one)
        .case("three members", "ok", "ascending", &good(&[1, 2, 255]))
        .case("nobody", "ok", "only the root key is left", &good(&[]))
        .case("descending", "order", "one list has one form", &{
            list(&[tags(&[2, 1]), blob(&[7; 32])])
        })
        .case("a member twice", "order", "counted once", &{
            list(&[tags(&[1, 1]), blob(&[7; 32])])
        })
        .case("513 members", "limit", "512 wraps fit an epoch; more are teams", &{
            list(&[list(&many), blob(&[7; 32])])
        })
        .case("short tag", "limit", "16 bytes", &list(&[list(&[blob(&[1; 15])]), blob(&[7; 32])]))
        .case("short name key", "limit", "32 bytes", &list(&[tags(&[1]), blob(&[7; 31])]))
        .case("no name key", "type", "every epoch carries it", &{
            list(&[tags(&[1]), NULL.to_vec()])
        })
        .case("cut", "cut", "the last byte is missing", &one[..one.len() - 1])
        .case("trailing", "trailing", "a byte too many", &[&one[..], &[0]].concat())
        .settle();
}

#[test]
fn members() {
    let good = |proof: bool, tag_key: bool| {
        let body = MemberBody {
            principal: PrincipalId([1; 32]),
            proof: proof.then_some(DeviceProof {
                device: PublicKey([2; 32]),
                instance: 3,
                signature: [4; 64],
            }),
            tag_key: tag_key.then(|| TagKey::from_secret_bytes(&[5; 32])),
            rights: "device".to_owned(),
            from_now: false,
            card: None,
            link: None,
        };
        body.encode().to_vec()
    };
    let bent = |at: usize, by: Vec<u8>| {
        let mut items = [
            blob(&[1; 32]),
            list(&[blob(&[2; 32]), int(3), blob(&[4; 64])]),
            NULL.to_vec(),
            text("device"),
            vec![0xf4],
        ];
        items[at] = by;
        list(&items)
    };
    let full = good(true, true);
    let accepting = |field: Vec<u8>| {
        let (none, all) = (NULL.to_vec(), vec![0xf4]);
        list(&[blob(&[1; 32]), none.clone(), none, text("device"), all, blob(&field)])
    };
    let card = |said: u32, card: &[u8], whole: usize| {
        let mut field = [&said.to_be_bytes(), card].concat();
        field.resize(whole, 0);
        field
    };
    let whole = accepting(card(10, &[6; 10], 16_000));
    let read = MemberBody::decode(&whole).unwrap();
    assert_eq!(read.card.as_deref(), Some(&[6; 10][..]));
    let lens = [10, 15_997, 60_000].map(|len| {
        let card = Some(vec![6; len]);
        let body = MemberBody { card, ..MemberBody::decode(&good(false, false)).unwrap() };
        body.encode().len() - whole.len()
    });
    assert_eq!(lens, [0, 16_000, 44_160]);
    let mut secret = card(10, &[6; 10], 16_000);
    secret[15_999] = 1;
    let link = |card: Vec<u8>, agree: usize, label: &str| {
        let facts = list(&[blob(&vec![9; agree]), text(label)]);
        let (none, not) = (NULL.to_vec(), vec![0xf4]);
        list(&[blob(&[1; 32]), none.clone(), none, text("read"), not, card, facts])
    };
    let none = || NULL.to_vec();
    Book::new("document/member", "member body")
        .case("author", "ok", "a device enrols", &good(true, false))
        .case("member", "ok", "a member is made: it gets its tag key", &good(false, true))
        .case("both", "ok", "member and author in one entry", &full)
        .case("neither", "ok", "a delegation to someone known", &good(false, false))
        .case("link", "ok", "its agree key, and what it is called", &link(none(), 1_216, "plans:/"))
        .case("link without a label", "ok", "its maker said nothing", &link(none(), 1_216, ""))
        .case("link with a card", "unknown", "nobody stands behind a link", &{
            link(blob(&[11; 60]), 1_216, "")
        })
        .case("link with a short key", "limit", "1,215 bytes", &link(none(), 1_215, ""))
        .case("link with a speech", "limit", "256 bytes of label", &{
            link(none(), 1_216, &"l".repeat(256))
        })
        .case("short principal", "limit", "32 bytes", &bent(0, blob(&[1; 31])))
        .case("no principal", "type", "whom else would it be for", &bent(0, NULL.to_vec()))
        .case("proof of two items", "limit", "device, instance, signature", &{
            bent(1, list(&[blob(&[2; 32]), int(3)]))
        })
        .case("instance over 32 bits", "limit", "u32", &{
            bent(1, list(&[blob(&[2; 32]), int(1 << 32), blob(&[4; 64])]))
        })
        .case("short signature", "limit", "64 bytes", &{
            bent(1, list(&[blob(&[2; 32]), int(3), blob(&[4; 63])]))
        })
        .case("proof as bytes", "type", "three items", &bent(1, blob(&[2; 32])))
        .case("short tag key", "limit", "32 bytes", &bent(2, blob(&[5; 31])))
        .case("a speech", "limit", "1,024 bytes of rights in words", &{
            bent(3, text(&"r".repeat(1_025)))
        })
        .case("from now on", "ok", "it gets content keys alone", &bent(4, vec![0xf5]))
        .case("neither from now on nor not", "type", "true or false", &bent(4, vec![0xf6]))
        .case("as a number", "type", "true or false", &bent(4, int(1)))
        .case(
            "not said",
            "unknown",
            "four fields of five",
            &list(&[blob(&[1; 32]), NULL.to_vec(), NULL.to_vec(), text("device")]),
        )
        .case("rights not UTF-8", "utf8", "words", &bent(3, vec![0x61, 0xff]))
        .case("acceptance", "ok", "a card, and as long as everybody's", &whole)
        .case("a card alone", "unknown", "its length would be its owner's", &{
            accepting(card(10, &[6; 10], 14))
        })
        .case("a byte short", "unknown", "nobody's length", &{
            accepting(card(10, &[6; 10], 15_999))
        })
        .case("a step too long", "unknown", "one spelling of each", &{
            accepting(card(10, &[6; 10], 32_000))
        })
        .case("something behind it", "unknown", "nothing hides there", &accepting(secret))
        .case("longer than the field", "limit", "its length lies", &{
            accepting(card(15_997, &[6; 10], 16_000))
        })
        .case("no length", "cut", "four bytes are due", &accepting(vec![0; 3]))
        .case("cut", "cut", "the last byte is missing", &full[..full.len() - 1])
        .case("trailing", "trailing", "a byte too many", &[&full[..], &[0]].concat())
        .settle();
}

#[test]
fn reasons() {
    Book::new("document/reason", "reason")
        .case("none", "ok", "nothing was said", &encode_reason(""))
        .case("words", "ok", "of a tombstone or revoke", &encode_reason("no longer needed"))
        .case("longest", "ok", "1,024 bytes", &encode_reason(&"w".repeat(1_024)))
        .case("too long", "limit", "a byte more", &encode_reason(&"w".repeat(1_025)))
        .case("bytes", "type", "text is due", &list(&[blob(b"no")]))
        .case("bare text", "type", "an array of one", &text("no"))
        .case("two reasons", "limit", "one", &list(&[text("no"), text("no")]))
        .case("empty", "cut", "no bytes at all", b"")
        .case("trailing", "trailing", "a byte too many", &{
            [encode_reason("no"), vec![0]].concat()
        })
        .settle();
}
