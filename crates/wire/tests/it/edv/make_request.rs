//! Writes the golden files of requests: signed as a client signs them, by whom and for what they
//! should be, and otherwise.

use strongroom_wire::edv::signature::{self, Capability};
use strongroom_wire::edv::zcap::root_id;

use super::sent::{COVERED, Sent};
use super::world::{ALICE, BOB, DOC, EDV, HOUR, MALLORY, NOW, grant_of};
use crate::golden::Book;

/// Name, what is expected, why, and the request.
pub type Case = (&'static str, &'static str, &'static str, Sent);

/// Writes or compares one file.
pub fn settle(file: &str, cases: impl IntoIterator<Item = Case>) {
    let mut book = Book::new(&format!("zcap/{file}"), "edv request");
    for (name, expect, why, sent) in cases {
        book.object(name, expect, why, &sent.to_json());
    }
    book.settle();
}

/// Alice reads a document of hers.
fn read() -> Sent {
    Sent::by(ALICE, "GET", DOC, Capability::RootOf(EDV), "read")
}

/// Alice writes a document of hers.
fn write() -> Sent {
    Sent::by(ALICE, "POST", &format!("{EDV}/documents"), Capability::RootOf(EDV), "write")
}

const TIMES: (u64, u64) = (NOW, NOW + 600);

fn signed_without(name: &str) -> Sent {
    let names: Vec<_> = COVERED.into_iter().filter(|own| *own != name).collect();
    write().signed(ALICE, &ALICE.key_id(), &names, TIMES)
}

#[test]
fn make_requests_covered() {
    settle(
        "covered",
        [
            ("read", "ok", "Alice reads", read()),
            ("write", "ok", "Alice writes", write()),
            (
                "no body",
                "digest",
                "it is not what was signed",
                write().changed(|it| it.body = None),
            ),
            ("key id not covered", "covered", "required", signed_without("(key-id)")),
            ("created not covered", "covered", "required", signed_without("(created)")),
            ("expires not covered", "covered", "required", signed_without("(expires)")),
            ("target not covered", "covered", "required", signed_without("(request-target)")),
            ("host not covered", "covered", "required", signed_without("host")),
            (
                "invocation not covered",
                "covered",
                "required",
                signed_without("capability-invocation"),
            ),
            ("type not covered", "covered", "required with a body", signed_without("content-type")),
            ("digest not covered", "covered", "required with a body", signed_without("digest")),
            (
                "type taken out",
                "covered",
                "what is covered must be there",
                write().with("content-type", None),
            ),
            (
                "date unsigned",
                "ok",
                "a header that is not covered says nothing",
                read().with("date", Some("Mon, 01 Jan 2029 00:00:00 GMT")),
            ),
            (
                "date signed",
                "ok",
                "a client may cover more",
                read().with("date", Some("  Mon, 01 Jan 2029 00:00:00 GMT ")).signed(
                    ALICE,
                    &ALICE.key_id(),
                    &[&COVERED[..6], &["date"]].concat(),
                    TIMES,
                ),
            ),
            (
                "unknown in brackets",
                "covered",
                "nobody knows what it says",
                read().signed(
                    ALICE,
                    &ALICE.key_id(),
                    &[&COVERED[..6], &["(algorithm)"]].concat(),
                    TIMES,
                ),
            ),
        ],
    );
}

#[test]
fn make_requests_altered() {
    let digest_of_other = signature::digest(b"{\"sequence\":1}");
    let body = "{\"sequence\":1}";
    let changed_body = write().changed(|it| it.body = Some(body.to_owned()));
    let sha = "SHA-256=0uVvXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX=";
    settle(
        "altered",
        [
            (
                "method",
                "signature",
                "signed for GET",
                read().changed(|it| it.method = "HEAD".into()),
            ),
            (
                "target",
                "signature",
                "signed for another path",
                read().changed(|it| it.target.push('x')),
            ),
            (
                "query",
                "signature",
                "signed without a query",
                read().changed(|it| it.target.push_str("?a=b")),
            ),
            ("body", "digest", "signed for another body", changed_body.clone()),
            (
                "body and digest",
                "signature",
                "the digest is covered",
                changed_body.with("digest", Some(&digest_of_other)),
            ),
            ("no digest", "digest", "a body without its hash", write().with("digest", None)),
            (
                "digest in another form",
                "digest",
                "not that of the body",
                write().with("digest", Some(sha)),
            ),
            ("digest md5", "digest", "not known here", write().with("digest", Some("MD5=AAAA"))),
            ("digest a word", "digest", "no form", write().with("digest", Some("x"))),
            (
                "type",
                "signature",
                "signed for another",
                write().with("content-type", Some("text/plain")),
            ),
            ("host", "host", "made for another host", read().with("host", Some("mallory.example"))),
            ("no host", "host", "made for nobody", read().with("host", None)),
            (
                "created",
                "signature",
                "signed at another time",
                read().authorization("created=\"1861920000", "created=\"1861920001"),
            ),
            (
                "expires",
                "signature",
                "signed for another time",
                read().authorization("expires=\"1861920600", "expires=\"1861920601"),
            ),
            (
                "key",
                "signature",
                "Mallory says that it was hers",
                read().authorization(&ALICE.key_id(), &MALLORY.key_id()),
            ),
            (
                "action",
                "signature",
                "signed for read",
                read().with(
                    "capability-invocation",
                    Some(&format!(r#"zcap id="{}",action="write""#, root_id(EDV))),
                ),
            ),
            (
                "signature",
                "signature",
                "64 zero bytes",
                read().changed(|it| {
                    let old = it.headers.get("authorization").unwrap().to_owned();
                    let (before, rest) = old.split_once("signature=\"").unwrap();
                    let (_, after) = rest.split_once('"').unwrap();
                    let zeros = format!("{}==", "A".repeat(86));
                    let new = format!("{before}signature=\"{zeros}\"{after}");
                    it.headers = it.headers.with("authorization", Some(&new));
                }),
            ),
        ],
    );
}

#[test]
fn make_requests_timed() {
    let at = |times| read().signed(ALICE, &ALICE.key_id(), &COVERED[..6], times);
    settle(
        "timed",
        [
            ("fast clock", "ok", "300 s before its time", at((NOW + 300, NOW + 900))),
            ("too fast", "time", "301 s before its time", at((NOW + 301, NOW + 901))),
            ("slow", "ok", "over for 300 s", at((NOW - 900, NOW - 300))),
            ("too slow", "time", "over for 301 s", at((NOW - 901, NOW - 301))),
            ("backwards", "time", "over before it begins", at((NOW, NOW - 1))),
            ("an hour", "ok", "the longest there may be", at((NOW, NOW + HOUR))),
            ("longer", "time", "nobody remembers replays so long", at((NOW, NOW + HOUR + 1))),
            ("year 10000", "header", "no time", at((253_402_300_800, 253_402_300_801))),
        ],
    );
}

#[test]
fn make_requests_formed() {
    let invoked =
        |value: &str| read().with("capability-invocation", Some(value)).signed_again(ALICE);
    let key = |key_id: &str| read().signed(ALICE, key_id, &COVERED[..6], TIMES);
    let other = "z6LSeu9HkTHSfLLeUs2nnzUSNedgDUevfNQgQjQC23ZCit6F";
    let x25519 = format!("did:key:{other}#{other}");
    let root = root_id(EDV);
    let both = format!(r#"zcap id="{root}",capability="x",action="read""#);
    let huge = format!(r#"zcap id="{root}",action="read",x="{}""#, "a".repeat(32_768));
    settle(
        "formed",
        [
            ("no signature", "header", "not there", read().with("authorization", None)),
            ("bearer", "header", "another scheme", read().with("authorization", Some("Bearer x"))),
            (
                "lower case",
                "ok",
                "a scheme has no case",
                read().authorization("Signature", "signature"),
            ),
            (
                "numbers unquoted",
                "ok",
                "as the draft has them",
                read().authorization("\"1861920000\"", "1861920000"),
            ),
            (
                "unknown parameter",
                "header",
                "could mean anything",
                read().authorization("keyId", "x=\"\",keyId"),
            ),
            (
                "created twice",
                "header",
                "which one?",
                read().authorization(",created=", ",created=1,created="),
            ),
            ("leading zero", "header", "another spelling", read().authorization("\"18", "\"018")),
            (
                "host covered twice",
                "header",
                "which one?",
                read().authorization(" host ", " host host "),
            ),
            (
                "two spaces",
                "covered",
                "a name that is none",
                read().authorization(" host ", "  host "),
            ),
            (
                "signature cut",
                "header",
                "63 bytes",
                read().authorization("signature=\"", "signature=\"="),
            ),
            (
                "algorithm",
                "ok",
                "said by some",
                read().authorization("keyId", "algorithm=\"hs2019\",keyId"),
            ),
            (
                "rsa",
                "header",
                "none we know",
                read().authorization("keyId", "algorithm=\"rsa-sha256\",keyId"),
            ),
            (
                "huge authorization",
                "header",
                "5 KB",
                read().authorization("keyId", &format!("x=\"{}\",keyId", "a".repeat(5_000))),
            ),
            ("did:web", "key", "not resolved here", key("did:web:mallory.example#key-1")),
            ("key of another kind", "key", "an X25519 key", key(&x25519)),
            ("DID for a key", "key", "a DID is no key", key(&ALICE.did())),
            (
                "other fragment",
                "key",
                "a did:key has one key",
                key(&format!("{}#key-1", ALICE.did())),
            ),
            ("no invocation", "covered", "not there", read().with("capability-invocation", None)),
            ("invocation of nothing", "capability", "no form", invoked("zcap")),
            (
                "no action",
                "capability",
                "not said for what",
                invoked(&format!(r#"zcap id="{root}""#)),
            ),
            ("id and capability", "capability", "which one?", invoked(&both)),
            (
                "id of a delegation",
                "capability",
                "a delegation must be sent whole",
                invoked(r#"zcap id="urn:uuid:1",action="read""#),
            ),
            (
                "not packed",
                "capability",
                "no gzip",
                invoked(r#"zcap capability="e30",action="read""#),
            ),
            (
                "not base64url",
                "capability",
                "no base64url",
                invoked(r#"zcap capability="+/",action="read""#),
            ),
            ("huge invocation", "covered", "32 KB", invoked(&huge)),
        ],
    );
}

/// A packed capability with other bytes in it.
fn packed(bytes: &[u8], level: u8) -> String {
    use base64ct::{Base64UrlUnpadded, Encoding};
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    out.extend(miniz_oxide::deflate::compress_to_vec(bytes, level));
    let crc = bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 }
        })
    });
    out.extend((!crc).to_le_bytes());
    out.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
    format!(r#"zcap capability="{}",action="read""#, Base64UrlUnpadded::encode_string(&out))
}

#[test]
fn make_requests_packed() {
    let to_bob = grant_of(1, ALICE, &BOB.did(), EDV, &["read"]);
    let json = to_bob.to_json();
    let sent = |header: &str| read().with("capability-invocation", Some(header)).signed_again(BOB);
    let root = format!(
        r#"{{"@context":"https://w3id.org/zcap/v1","id":"{}","controller":"{}",{}}}"#,
        root_id(EDV),
        MALLORY.did(),
        format_args!(r#""invocationTarget":"{EDV}""#)
    );
    let padded = |len: usize| format!("{json}{}", " ".repeat(len - json.len()));
    let bomb = packed(&vec![b' '; 1_000_000], 9);
    settle(
        "packed",
        [
            ("as it is", "ok", "Bob reads", sent(&packed(json.as_bytes(), 6))),
            ("not compressed", "ok", "packed is what gzip says", sent(&packed(json.as_bytes(), 0))),
            ("bomb", "capability", "a megabyte of blanks", sent(&bomb)),
            (
                "just too much",
                "capability",
                "a byte over 64 KiB",
                sent(&packed(padded(65_537).as_bytes(), 9)),
            ),
            (
                "just enough",
                "ok",
                "blanks after it up to 64 KiB",
                sent(&packed(padded(65_536).as_bytes(), 9)),
            ),
            ("empty", "capability", "nothing in it", sent(&packed(b"", 6))),
            ("no json", "capability", "no object", sent(&packed(b"read", 6))),
            (
                "a root",
                "capability",
                "a root is made by the provider",
                sent(&packed(root.as_bytes(), 6)),
            ),
        ],
    );
}
