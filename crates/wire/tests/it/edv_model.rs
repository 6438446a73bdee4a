//! Golden files of what EDV clients send: the one form of each body, and everything that is not it.
//! The generators write what the test reads.

use serde_json::{Value, json};
use strongroom_wire::edv::model::{Chunk, Config, Document, IndexEntry, ModelError, Query};

use crate::golden::{Book, Outcome, bytes, run};

/// What golden files call a refusal: the member that is wrong.
fn name_of(error: ModelError) -> String {
    match error {
        ModelError::Json(_) => "json".to_owned(),
        ModelError::Id(_) => "id spelling".to_owned(),
        ModelError::Member { at, .. } => at.to_owned(),
    }
}

fn read(decoder: &str, case: &Value) -> Outcome {
    let typed = case["typed"].as_str().map(|typed| typed.as_bytes().to_vec());
    let body = typed.unwrap_or_else(|| bytes(case));
    let read = match decoder {
        "edv configuration" => Config::parse(&body).map(drop),
        "edv stored document" => Document::parse(&body).map(drop),
        "edv index entry" => IndexEntry::parse(&body).map(drop),
        "edv chunk" => Chunk::parse(&body).map(drop),
        "edv query" => Query::parse(&body).map(drop),
        other => panic!("{other}"),
    };
    read.map(|()| body).map_err(name_of)
}

#[test]
fn every_body_ends_as_its_file_says() {
    let (good, broken) = run("edv-model", read);
    assert!(good >= 15 && broken >= 85, "{good} good, {broken} broken");
}

#[test]
fn attributes_are_counted_over_all_keys() {
    let entry = |id: &str, count| {
        let attributes = vec![json!({ "name": "n", "value": "v" }); count];
        json!({ "hmac": { "id": id, "type": "t" }, "sequence": 0, "attributes": attributes })
    };
    let document = |counts: [usize; 2]| {
        let indexed = [entry("urn:a", counts[0]), entry("urn:b", counts[1])];
        let id = "z19pjAGaCdp2EkKzUcvdSf9wG";
        json!({ "id": id, "sequence": 0, "indexed": indexed, "jwe": jwe() }).to_string()
    };
    assert!(Document::parse(document([8_000, 192]).as_bytes()).is_ok());
    let refused = Document::parse(document([8_000, 193]).as_bytes()).unwrap_err();
    assert_eq!(name_of(refused), "indexed.attributes");
    assert!(IndexEntry::parse(entry("urn:a", 8_193).to_string().as_bytes()).is_err());
}

/// Adds a case for each line of a table: name, what comes out, why, where, and what is put there
/// (`-`: it is taken out).
fn changed(book: &mut Book, table: &str, good: &Value) {
    for line in table.trim().lines() {
        let parts: Vec<_> = line.splitn(5, " | ").collect();
        let [name, expect, why, place, put] = parts[..] else { panic!("{line}") };
        let mut body = good.clone();
        let (parent, last) = place.rsplit_once('/').unwrap();
        let parent = body.pointer_mut(parent).unwrap_or_else(|| panic!("{line}"));
        match (parent, put) {
            (Value::Object(members), "-") => drop(members.remove(last).unwrap()),
            (Value::Object(members), put) => {
                members.insert(last.to_owned(), serde_json::from_str(put).unwrap());
            }
            (Value::Array(items), put) => {
                items[last.parse::<usize>().unwrap()] = serde_json::from_str(put).unwrap();
            }
            _ => panic!("{line}"),
        }
        book.object(name, expect, why, &json!({ "typed": body.to_string() }));
    }
}

/// What no body is, whatever it is about.
fn shapeless(book: &mut Book, good: &Value, at: &str) {
    let text = good.to_string();
    let doubled = text.replacen('{', "{\"x\":1,\"x\":2,", 1);
    let cases = [
        ("cut", "json", "a brace is missing", text[..text.len() - 1].to_owned()),
        ("more after it", "json", "a byte too many", format!("{text}x")),
        ("twice", "json", "a member twice: readers differ on which counts", doubled),
        ("a list", at, "no object", format!("[{text}]")),
        ("nothing", "json", "no JSON", String::new()),
        ("deep", "json", "a thousand arrays within each other", "[".repeat(1_000)),
    ];
    for (name, expect, why, typed) in cases {
        book.object(name, expect, why, &json!({ "typed": typed }));
    }
}

const CONFIGURATION: &str = r#"
network of IPv6 | ok | either kind | /ipAllowList/0 | "2001:db8::/32"
no list | ok | from everywhere | /ipAllowList | -
no reference | ok | it need not have one | /referenceId | -
no id | ok | as a new one comes | /id | -
greatest sequence | ok | 2^53 - 2 | /sequence | 9007199254740990
no controller | the configuration | whose it is | /controller | -
controller empty | controller | no text | /controller | ""
controllers | controller | there is one | /controller | ["did:key:z6Mk"]
no sequence | the configuration | which state it is | /sequence | -
sequence too great | a number | 2^53 - 1: no counting on | /sequence | 9007199254740991
sequence below zero | a number | no state | /sequence | -1
half a sequence | a number | no state | /sequence | 0.5
sequence with a point | a number | digits alone | /sequence | 1.0
sequence a text | a number | digits alone | /sequence | "1"
no key | the configuration | what is sealed to | /keyAgreementKey | -
key without type | keyAgreementKey | of what kind | /keyAgreementKey/type | -
key with more | keyAgreementKey | it may be secret | /keyAgreementKey/secretKeyMultibase | "z"
no hmac | the configuration | what is blinded with | /hmac | -
hmac a text | hmac | no object | /hmac | "urn:h"
invoker | the configuration | who sends it would believe in it | /invoker | "did:key:z6Mk"
unknown | the configuration | not in the table | /note | "x"
meter a number | meterId | no text | /meterId | 7
reference null | referenceId | no text | /referenceId | null
empty list | ipAllowList | would be from nowhere | /ipAllowList | []
no network | ipAllowList | an address alone | /ipAllowList/0 | "10.0.0.1"
33 bits | ipAllowList | an IPv4 address has 32 | /ipAllowList/0 | "10.0.0.0/33"
bits with a sign | ipAllowList | digits alone | /ipAllowList/0 | "10.0.0.0/+8"
second no network | ipAllowList | every item is looked at | /ipAllowList/1 | 7
"#;

#[test]
fn make_configurations() {
    let mut book = Book::new("edv-model/configuration", "edv configuration");
    let good = json!({
        "id": "https://edv.example/edvs/z19uMCiPNET4YbcPpBcab5mEE",
        "controller": "did:key:z6Mkon3Necd6NkkyfoGoHxid2znGc59LU3K7mubaRcFbLfLX",
        "sequence": 3, "referenceId": "Alice's \"notes\"", "meterId": "urn:uuid:m",
        "keyAgreementKey": { "id": "urn:k", "type": "X25519KeyAgreementKey2020" },
        "hmac": { "id": "urn:h", "type": "Sha256HmacKey2019" },
        "ipAllowList": ["10.0.0.0/8", "192.0.2.7/32"],
    });
    book.object("all members", "ok", "the whole form", &json!({ "typed": good.to_string() }));
    shapeless(&mut book, &good, "the configuration");
    changed(&mut book, CONFIGURATION, &good);
    book.settle();
}

fn jwe() -> Value {
    let recipient = json!({
        "header": {
            "kid": "urn:k", "alg": "ECDH-ES+A256KW", "apu": "dQ", "apv": "dg",
            "epk": { "kty": "OKP", "crv": "X25519", "x": "eA" },
        },
        "encrypted_key": "a2V5",
    });
    json!({
        "protected": "eyJlbmMiOiJYQzIwUCJ9", "iv": "aXY", "ciphertext": "Y2lwaGVy", "tag": "dGFn",
        "recipients": [recipient, recipient],
    })
}

fn entry() -> Value {
    json!({
        "hmac": { "id": "urn:h", "type": "Sha256HmacKey2019" }, "sequence": 2,
        "attributes": [{ "name": "n1", "value": "v1", "unique": true },
            { "name": "n2", "value": "v2" }],
    })
}

const DOCUMENT: &str = r#"
no index | ok | found by its id alone | /indexed | -
empty index | ok | the same | /indexed | []
no stream | ok | its content stands in it | /stream | -
stream on its way | ok | chunks come | /stream | {}
not unique | ok | said in full | /indexed/0/attributes/1/unique | false
more in a header | ok | the recipients' matter | /jwe/recipients/1/header/x | [1, {}]
no id | the document | which it is | /id | -
id of 15 bytes | id spelling | another length | /id | "z1E1ViZq2KfsyZKeNS2YPSK"
id without z | id spelling | another base | /id | "19pjAGaCdp2EkKzUcvdSf9wG"
id a number | id | no text | /id | 7
no sequence | the document | which state it is | /sequence | -
sequence too great | a number | 2^53 - 1 | /sequence | 9007199254740991
plaintext | the document | that would be seen | /content | {"a": 1}
no jwe | the document | nothing sealed | /jwe | -
jwe with more | jwe | what is not in the table | /jwe/aad | "eA"
no protected | jwe | which cipher | /jwe/protected | -
no iv | jwe | nobody could open it | /jwe/iv | -
no tag | jwe | nobody could open it | /jwe/tag | -
padding | jwe | base64url has none here | /jwe/tag | "dGFnMQ=="
no base64url | jwe | another alphabet | /jwe/ciphertext | "a+b/"
nobody | jwe.recipients | nobody could open it | /jwe/recipients | []
no recipients | jwe | nobody could open it | /jwe/recipients | -
second without key | jwe.recipients | every one is looked at | /jwe/recipients/1/encrypted_key | -
second with more | jwe.recipients | what is not in the table | /jwe/recipients/1/note | 1
second without header | jwe.recipients | every item is looked at | /jwe/recipients/1/header | -
second without kid | jwe.recipients.header | whose it is | /jwe/recipients/1/header/kid | -
second without alg | jwe.recipients.header | how it is wrapped | /jwe/recipients/1/header/alg | -
kid empty | jwe.recipients.header | no text | /jwe/recipients/1/header/kid | ""
index an object | indexed | no list | /indexed | {}
entry with more | indexed | what is not in the table | /indexed/0/note | 1
entry without hmac | indexed | under which key | /indexed/0/hmac | -
hmac with more | indexed.hmac | a secret might stand there | /indexed/0/hmac/secret | "x"
entry without sequence | indexed | of which state | /indexed/0/sequence | -
attributes an object | indexed.attributes | no list | /indexed/0/attributes | {}
second without value | indexed.attributes | every one | /indexed/0/attributes/1/value | -
attribute with more | indexed.attributes | it might be plain | /indexed/0/attributes/1/of | "x"
value a number | indexed.attributes | no text | /indexed/0/attributes/1/value | 7
unique a number | indexed.attributes | neither yes nor no | /indexed/0/attributes/0/unique | 1
stream of half | stream | a member lacks | /stream | {"sequence": 1}
stream with more | stream | unknown | /stream | {"sequence": 1, "chunks": 2, "x": 3}
stream a list | stream | no object | /stream | []
"#;

#[test]
fn make_documents() {
    let mut book = Book::new("edv-model/document", "edv stored document");
    let good = json!({
        "id": "z19pjAGaCdp2EkKzUcvdSf9wG", "sequence": 2, "indexed": [entry()], "jwe": jwe(),
        "stream": { "sequence": 1, "chunks": 9 },
    });
    let typed = |value: &Value| json!({ "typed": value.to_string() });
    book.object("all members", "ok", "the whole form", &typed(&good));
    let mut twice = good.clone();
    twice["indexed"] = json!([entry(), entry()]);
    book.object("one key twice", "indexed", "which of them counts", &typed(&twice));
    shapeless(&mut book, &good, "the document");
    changed(&mut book, DOCUMENT, &good);
    book.settle();
}

#[test]
fn make_index_entries_and_chunks() {
    let mut book = Book::new("edv-model/index-entry", "edv index entry");
    let typed = |value: &Value| json!({ "typed": value.to_string() });
    book.object("two attributes", "ok", "the whole form", &typed(&entry()));
    let long = json!({ "name": "n".repeat(1_025), "value": "v" });
    let mut with = entry();
    with["attributes"] = json!([long]);
    book.object("long name", "indexed.attributes", "1,025 bytes", &typed(&with));
    shapeless(&mut book, &entry(), "indexed");
    book.settle();

    let mut book = Book::new("edv-model/chunk", "edv chunk");
    let good = json!({ "index": 0, "offset": 1_048_576, "sequence": 0, "jwe": jwe() });
    book.object("the first", "ok", "the whole form", &typed(&good));
    shapeless(&mut book, &good, "the chunk");
    let table = r#"
no index | the chunk | which it is | /index | -
index a text | a number | digits alone | /index | "0"
no offset | the chunk | where it ends | /offset | -
no sequence | the chunk | of which state | /sequence | -
no jwe | the chunk | nothing sealed | /jwe | -
unknown | the chunk | what is not in the table | /digest | "x"
recipient without key | jwe.recipients | every one | /jwe/recipients/1/encrypted_key | -
"#;
    changed(&mut book, table, &good);
    book.settle();
}

const QUERY: &str = r#"
one object | ok | as the specification allows | /equals | {"n": "v"}
two of one object | ok | both must be true | /equals | [{"n": "v", "m": "w"}]
no limit | ok | all of them | /limit | -
neither | the query | asks nothing | /equals | -
both | the query | one at a time | /has | ["n"]
no index | the query | under which key | /index | -
index empty | index | no text | /index | ""
no objects | equals | asks nothing | /equals | []
empty object | equals | would be everything | /equals | [{}]
second empty | equals | every item is looked at | /equals | [{"n": "v"}, {}]
second a text | equals | every item is looked at | /equals | [{"n": "v"}, "n"]
value a number | equals | blinded values are texts | /equals | [{"n": 1}]
name empty | equals | no text | /equals | [{"": "v"}]
limit zero | limit | asks nothing | /limit | 0
limit 1001 | limit | too many | /limit | 1001
limit a text | limit | digits alone | /limit | "9"
count a text | the query | neither yes nor no | /count | "true"
cursor | id spelling | no id | /cursor | "9"
cursor a number | cursor | no id | /cursor | 9
order | the query | what is not in the table | /sort | "n"
"#;

#[test]
fn make_queries() {
    let mut book = Book::new("edv-model/query", "edv query");
    let typed = |value: &Value| json!({ "typed": value.to_string() });
    let good = json!({
        "index": "urn:h", "equals": [{ "n": "v" }, { "m": "w" }], "count": false, "limit": 1_000,
        "returnDocuments": true, "cursor": "z19pjAGaCdp2EkKzUcvdSf9wG",
    });
    book.object("all members", "ok", "the whole form", &typed(&good));
    let has = |names: Value| json!({ "index": "urn:h", "has": names });
    book.object("has", "ok", "all of these names", &typed(&has(json!(["n", "m"]))));
    for (name, why, names) in [
        ("has nothing", "asks nothing", json!([])),
        ("has a text", "no list", json!("n")),
        ("has an empty name", "every item is looked at", json!(["n", ""])),
        ("has 1,025 names", "one too many", vec!["n"; 1_025].into()),
    ] {
        book.object(name, "has", why, &typed(&has(names)));
    }
    shapeless(&mut book, &good, "the query");
    changed(&mut book, QUERY, &good);
    book.settle();
}
