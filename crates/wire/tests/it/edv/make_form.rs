//! Writes the golden files of zcaps as JSON: the one form, and everything that is not it.

use serde_json::{Value, json};
use strongroom_wire::edv::json::JsonError;
use strongroom_wire::edv::zcap::{Parent, Zcap, ZcapError};

use super::sent::value_of;
use super::world::{ALICE, BOB, CARROLL, DOC, EDV, chain_of, derive, grant_of};
use crate::golden::Book;

/// What golden files call a refusal.
pub const fn name_of(error: ZcapError) -> &'static str {
    match error {
        ZcapError::Json(JsonError::Form) => "json",
        ZcapError::Json(JsonError::Twice) => "twice",
        ZcapError::Json(JsonError::Limit) => "limit",
        ZcapError::TooLarge => "too large",
        ZcapError::Member => "member",
        ZcapError::Context => "context",
        ZcapError::Proof => "proof",
        ZcapError::Chain => "chain",
        ZcapError::Age => "age",
        ZcapError::Wider(_) => "wider",
        ZcapError::Canon(_) => "canon",
    }
}

fn to_bob() -> Zcap {
    grant_of(1, ALICE, &BOB.did(), &format!("{EDV}/documents"), &["read", "write"])
}

fn to_carroll() -> Zcap {
    derive(&Parent::Delegated(&to_bob()), 2, BOB, &CARROLL.did(), DOC, &["read"]).unwrap()
}

/// Changes of a delegation from the root: name, error, why, where, and what is put there (`-`:
/// it is taken out).
const FROM_ROOT: &str = r#"
unknown member | member | what is not known could mean anything | /note | "x"
caveat | member | a caveat nobody would keep | /caveat | []
unknown in proof | member | nor in the proof | /proof/domain | "x"
context in proof | member | a proof has the context it stands in | /proof/@context | []
no id | member | it must have a name | /id | -
no controller | member | nobody could use it | /controller | -
no target | member | about nothing | /invocationTarget | -
no parent | member | that is a root, which is never sent | /parentCapability | -
no expires | member | for ever | /expires | -
no proof | member | said by nobody | /proof | -
no contexts | context | its terms would mean nothing | /@context | -
relative id | member | the same name in every vault | /id | "mine"
blank id | member | a blank node is no name | /id | "_:b0"
id with bracket | member | quads could be read in two ways | /id | "urn:a><urn:b"
id with space | member | no part of a name | /id | "urn:a b"
id with line end | member | a line of quads more | /id | "urn:a\n"
id not ascii | member | writers differ on escaping it | /id | "urn:\u017e"
id a number | member | no text | /id | 7
controller null | member | no text | /controller | null
no controllers | member | an empty list | /controller | []
controller twice | member | the same one twice | /controller | ["urn:a", "urn:a"]
no actions | member | an empty list | /allowedAction | []
action twice | member | the same one twice | /allowedAction | ["read", "read"]
action quoted | member | readers differ on the escape | /allowedAction | ["re\"ad"]
action empty | member | no name | /allowedAction | [""]
action a number | member | no text | /allowedAction | [1]
reference with line end | member | readers differ on the escape | /referenceId | "a\nb"
reference a list | member | no text | /referenceId | ["a"]
expires a number | member | no moment | /expires | 1893456000
expires a date | member | no moment | /expires | "2030-01-01"
30 February | member | no day | /expires | "2029-02-30T00:00:00Z"
over before it begins | age | created after it expires | /expires | "2028-12-31T22:59:59Z"
two years | age | longer than a year | /expires | "2030-12-31T23:00:00Z"
a year and a second | age | longer than a year | /expires | "2029-12-31T23:00:01Z"
bare context | context | as a root has it | /@context | "https://w3id.org/zcap/v1"
one context | context | the proof's terms would mean nothing | /@context/1 | -
context twice | context | the second one is another | /@context/1 | "https://w3id.org/zcap/v1"
context inside | context | could say that read is write | /@context/1 | {"read": "urn:write"}
two proofs | member | exactly one | /proof | [{}, {}]
proof type | proof | another suite | /proof/type | "Ed25519Signature2018"
proof purpose | proof | an invocation is none | /proof/proofPurpose | "capabilityInvocation"
proof created | member | no moment | /proof/created | "yesterday"
no method | member | signed by nobody | /proof/verificationMethod | -
no value | member | not signed | /proof/proofValue | -
value in hex | member | another base | /proof/proofValue | "f00112233"
value short | member | three bytes | /proof/proofValue | "z111"
no chain | member | from nowhere | /proof/capabilityChain | -
empty chain | chain | from nowhere | /proof/capabilityChain | []
chain a text | chain | no array | /proof/capabilityChain | "urn:zcap:root:x"
no root | chain | it does not come from a root | /proof/capabilityChain | ["urn:uuid:x"]
"#;

/// Changes of Bob's delegation to Carroll, with Alice's to Bob embedded in it.
const FROM_BOB: &str = r#"
root embedded | chain | a root is never sent | /proof/capabilityChain/0 | {"id": "urn:zcap:root:x"}
parent only named | chain | it must be embedded | /proof/capabilityChain/1 | "urn:uuid:1"
no parent embedded | chain | the chain ends in a grandparent | /proof/capabilityChain/1 | -
another parent | chain | the last of the chain is the parent | /parentCapability | "urn:uuid:9"
another name | chain | nobody is called so in the chain | /proof/capabilityChain/1/id | "urn:uuid:9"
another root | chain | its parent has another | /proof/capabilityChain/0 | "urn:zcap:root:other"
unknown embedded | member | read as strictly | /proof/capabilityChain/1/note | 1
context embedded | context | read as strictly | /proof/capabilityChain/1/@context | []
old embedded | age | read as strictly | /proof/capabilityChain/1/expires | "2032-01-01T00:00:00Z"
own id in chain | chain | a cycle | /id | "urn:uuid:00000000-0000-4000-8000-000000000001"
"#;

/// Puts a value where a pointer says, or takes out what is there.
fn put(zcap: &mut Value, pointer: &str, text: &str) {
    let (above, name) = pointer.rsplit_once('/').unwrap();
    let value = (text != "-").then(|| serde_json::from_str(text).unwrap());
    match (zcap.pointer_mut(above).unwrap(), value) {
        (Value::Object(members), Some(value)) => drop(members.insert(name.to_owned(), value)),
        (Value::Object(members), None) => drop(members.remove(name).unwrap()),
        (Value::Array(items), Some(value)) => items[name.parse::<usize>().unwrap()] = value,
        (Value::Array(items), None) => drop(items.remove(name.parse().unwrap())),
        _ => panic!("{pointer}"),
    }
}

fn changed(book: &mut Book, table: &str, zcap: &Zcap) {
    for line in table.lines().filter(|line| !line.is_empty()) {
        let [name, expect, why, pointer, text]: [&str; 5] =
            line.split(" | ").collect::<Vec<_>>().try_into().unwrap();
        let mut zcap = value_of(zcap);
        put(&mut zcap, pointer, text);
        book.object(name, expect, why, &json!({"typed": zcap.to_string()}));
    }
}

/// What is easier to count than to write down.
fn counted(book: &mut Book) {
    type Change = fn(&mut Value);
    let cases: [(&str, &str, &str, Change); 6] = [
        ("id too long", "member", "4,097 bytes", |zcap| {
            zcap["id"] = json!(format!("urn:{}", "a".repeat(4_093)));
        }),
        ("17 controllers", "member", "one too many", |zcap| {
            zcap["controller"] = (0..17).map(|n| json!(format!("urn:{n}"))).collect();
        }),
        ("17 actions", "member", "one too many", |zcap| {
            zcap["allowedAction"] = (0..17).map(|n| json!(format!("a{n}"))).collect();
        }),
        ("value of 65 bytes", "member", "one too many", |zcap| {
            zcap["proof"]["proofValue"] = json!(format!("z{}", "1".repeat(65)));
        }),
        ("value of 63 bytes", "member", "one too few", |zcap| {
            zcap["proof"]["proofValue"] = json!(format!("z{}", "1".repeat(63)));
        }),
        ("ten in the chain", "chain", "eleven with itself", |zcap| {
            let ids = (0..10).map(|n| json!(format!("urn:zcap:root:{n}")));
            zcap["proof"]["capabilityChain"] = ids.collect();
        }),
    ];
    for (name, expect, why, change) in cases {
        let mut zcap = value_of(&to_bob());
        change(&mut zcap);
        book.object(name, expect, why, &json!({"typed": zcap.to_string()}));
    }
}

#[test]
fn make_zcap_forms() {
    let mut book = Book::new("zcap/form", "zcap");
    let typed = |text: String| json!({"typed": text});
    let (bob, carroll) = (to_bob().to_json(), to_carroll().to_json());
    book.object("from the root", "ok", "Alice lets Bob read and write", &typed(bob.clone()));
    book.object("from Bob", "ok", "Bob lets Carroll read one document", &typed(carroll));
    let nine = chain_of(9, EDV, &["read"]).to_json();
    book.object("nine in a row", "ok", "ten with the root, the most there may be", &typed(nine));
    let doubled = bob.replacen('{', "{\"id\":\"urn:uuid:other\",", 1);
    book.object("id twice", "twice", "readers differ on which counts", &typed(doubled));
    let doubled =
        bob.replacen("\"type\"", "\"creat\\u0065d\":\"2029-01-01T00:00:00Z\",\"type\"", 1);
    book.object("created twice", "twice", "one of them escaped", &typed(doubled));
    book.object("cut", "json", "a brace is missing", &typed(bob[..bob.len() - 1].to_owned()));
    book.object("more after it", "json", "a byte too many", &typed(format!("{bob}x")));
    book.object("a text", "member", "no object", &typed("\"urn:zcap:root:x\"".to_owned()));
    let deep = "[".repeat(1_000);
    book.object("deep", "limit", "a thousand arrays within each other", &typed(deep));
    let long = format!("{bob}{}", " ".repeat(65_536));
    book.case("long", "too large", "64 KiB of blanks after it", long.as_bytes());
    changed(&mut book, FROM_ROOT, &to_bob());
    changed(&mut book, FROM_BOB, &to_carroll());
    counted(&mut book);
    book.settle();
}

#[test]
fn a_chain_of_eleven_cannot_even_be_written() {
    let nine = chain_of(9, EDV, &["read"]);
    let parent = Parent::Delegated(&nine);
    let eleventh = derive(&parent, 10, super::world::Person(10), &BOB.did(), EDV, &["read"]);
    assert_eq!(eleventh, Err(ZcapError::Chain));
}
