//! Makes vectors/capability and vectors/recovery-record: capabilities of the one form and of many
//! others, chains that hold and chains that do not.

use serde_json::{Value, json};
use strongroom_wire::capability::{
    Action, Actions, Capability, CapabilityChain, Caveats, Claims, TYP, Target,
};
use strongroom_wire::cbor::Writer;
use strongroom_wire::cose;
use strongroom_wire::ids::RecordId;
use strongroom_wire::recovery::{ENC_LEN, RecoveryRecord, SEALED_LEN};

use crate::capability_form::full;
use crate::capability_rules::{TABLES, prepared};
use crate::capability_vectors::{key_hex, refusal_name};
use crate::chains::{BUCKET, NOW, Story, VAULT, public, signer, tag};
use crate::golden::{Book, fold, hex};

/// An encoded claims map, pair by pair, in the making.
#[derive(Clone)]
struct Pairs(Vec<(i64, Vec<u8>)>);

fn item(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut w = Writer::new();
    write(&mut w);
    w.into_bytes()
}

fn uint(value: u64) -> Vec<u8> {
    item(|w| {
        w.uint(value);
    })
}

fn text(value: &str) -> Vec<u8> {
    item(|w| {
        w.text(value);
    })
}

fn blob(value: &[u8]) -> Vec<u8> {
    item(|w| {
        w.bytes(value);
    })
}

fn array(items: &[Vec<u8>]) -> Vec<u8> {
    item(|w| {
        w.array(items.len()).raw(&items.concat());
    })
}

fn map(pairs: &[(i64, Vec<u8>)]) -> Vec<u8> {
    item(|w| {
        w.map(pairs.len());
        for (key, value) in pairs {
            w.int(*key).raw(value);
        }
    })
}

fn confirmation(kty: u64, crv: u64, x: &[u8]) -> Vec<u8> {
    map(&[(1, map(&[(1, uint(kty)), (-1, uint(crv)), (-2, blob(x))]))])
}

impl Pairs {
    /// Bob's capability to pull and write a bucket.
    fn sample() -> Self {
        let bucket = array(&[uint(0), blob(&BUCKET.0)]);
        Self(vec![
            (2, text("AwMDAwMDAwMDAwMDAwMDAw")),
            (4, uint(NOW + 1_000)),
            (7, blob(&[5; 16])),
            (8, confirmation(1, 6, &public(2).0)),
            (9, text("pull write")),
            (-70_000, uint(1)),
            (-70_002, bucket),
            (-70_003, uint(0)),
        ])
    }

    fn set(mut self, key: i64, value: Vec<u8>) -> Self {
        match self.0.iter_mut().find(|pair| pair.0 == key) {
            Some(pair) => pair.1 = value,
            None => self.0.push((key, value)),
        }
        // In the order of their encoding: by sign, then by size.
        self.0.sort_by_key(|(key, _)| (*key < 0, key.unsigned_abs()));
        self
    }

    fn without(mut self, key: i64) -> Self {
        self.0.retain(|pair| pair.0 != key);
        self
    }

    fn signed(&self) -> Vec<u8> {
        cose::sign(TYP, &map(&self.0), signer(1))
    }
}

fn good(book: &mut Book, name: &str, why: &str, claims: &Claims) {
    let issued = Capability::issue(claims, signer(1)).unwrap();
    let id = hex(&issued.id().0);
    let case = json!({"hex": fold(issued.bytes()), "id": id, "issuer": key_hex(1)});
    book.object(name, "ok", why, &case);
}

#[test]
fn capabilities() {
    let mut book = Book::new("capability/form", "capability");
    let bucket = Target::Bucket(BUCKET);
    let anyone = Claims::new(bucket, Actions::PULL, NOW, [5; 16]);
    let host = Claims::new(Target::Vault(VAULT), Actions::of(&[Action::Host]), NOW, [5; 16]);
    let controller = Claims::new(bucket, Actions::ALL, NOW, [5; 16])
        .for_holder(public(1), Some(tag(1)))
        .with_depth(7);
    good(&mut book, "controller", "all actions on a bucket, by its root key", &controller);
    good(&mut book, "vault", "no member tag", &host.for_holder(public(1), None));
    good(&mut book, "anyone", "no holder: pull alone, no delegation", &anyone);
    good(&mut book, "full", "every claim and every caveat", &full());
    let sample = Pairs::sample();
    assert!(Capability::decode(&sample.signed()).is_ok());
    book.case("pairs", "ok", "the one all broken ones below differ from", &sample.signed());
    broken_claims(&mut book);
    broken_caveats(&mut book);
    broken_cose(&mut book);
    book.settle();
}

fn broken_claims(book: &mut Book) {
    let sample = Pairs::sample;
    let mut set = |name: &str, expect: &str, why: &str, key: i64, value: Vec<u8>| {
        book.case(name, expect, why, &sample().set(key, value).signed());
    };
    let tag = "AwMDAwMDAwMDAwMDAwMDA";
    set("iss", "unknown", "there is no issuer claim: the parent names the issuer", 1, text("a"));
    set("sub padded", "limit", "base64url has no padding here", 2, text(&format!("{tag}w==")));
    set("sub short", "spelling", "15 bytes", 2, text("AwMDAwMDAwMDAwMDAwMD"));
    set(
        "sub spare bits",
        "spelling",
        "the last character has bits to spare",
        2,
        text(&format!("{tag}x")),
    );
    set("sub bytes", "type", "text is due", 2, blob(&[3; 16]));
    set("aud as URL", "spelling", "a thumbprint, not an address", 3, text("https://a.example"));
    set("exp as text", "type", "an integer is due", 4, text("1800000000"));
    set("exp negative", "type", "not before 1970", 4, vec![0x20]);
    set("exp float", "not canonical", "whole seconds", 4, vec![0xfb, 0x41, 0xda, 0, 0, 0, 0, 0, 0]);
    set(
        "exp long form",
        "not canonical",
        "shortest form",
        4,
        vec![0x1b, 0, 0, 0, 0, 0x6b, 0x49, 0xd2, 0],
    );
    set("exp too far", "limit", "after the year 9999", 4, uint(253_402_300_800));
    set("cti short", "limit", "16 bytes", 7, blob(&[5; 15]));
    set("cnf EC2", "unknown", "key type 2", 8, confirmation(2, 6, &[2; 32]));
    set("cnf X25519", "unknown", "curve 4 signs nothing", 8, confirmation(1, 4, &[2; 32]));
    set("cnf short", "limit", "31 bytes", 8, confirmation(1, 6, &[2; 31]));
    set("cnf kid", "unknown", "a key's name is no key", 8, map(&[(3, blob(b"kid"))]));
    let private = map(&[(1, uint(1)), (-1, uint(6)), (-2, blob(&[2; 32])), (-4, blob(&[2; 32]))]);
    set("cnf private", "limit", "a private key in it", 8, map(&[(1, private)]));
    set("scope unordered", "spelling", "the order is fixed", 9, text("write pull"));
    set("scope twice", "spelling", "an action twice", 9, text("pull pull"));
    set("scope two spaces", "spelling", "one space", 9, text("pull  write"));
    set("scope unknown", "spelling", "no such action", 9, text("pull read"));
    set("scope case", "spelling", "lower case", 9, text("Pull"));
    set("scope empty", "spelling", "allows nothing", 9, text(""));
    set("scope array", "type", "text is due", 9, array(&[text("pull")]));
    set("scope too long", "limit", "longer than all actions together", 9, text(&"p".repeat(70)));
    set("suite 0", "unknown", "there is none", -70_000, uint(0));
    set("suite 3", "unknown", "not in this format", -70_000, uint(3));
    set("parent short", "limit", "32 bytes", -70_001, blob(&[9; 31]));
    set("parent null", "type", "left out, not null", -70_001, vec![0xf6]);
    let target = |items: &[Vec<u8>]| array(items);
    let id = || blob(&BUCKET.0);
    set("target text", "type", "never a URL", -70_002, text("https://a.example/1"));
    set("target kind 2", "unknown", "no such kind", -70_002, target(&[uint(2), id()]));
    set("target alone", "limit", "a kind and no id", -70_002, target(&[uint(0)]));
    let five = target(&[uint(0), id(), blob(&[1; 16]), id(), id()]);
    set("target five", "limit", "at most four items", -70_002, five);
    set(
        "target vault long",
        "limit",
        "a vault has no parts",
        -70_002,
        target(&[uint(1), blob(&[1; 16]), id()]),
    );
    set("target long tag", "limit", "16 bytes", -70_002, target(&[uint(0), id(), id()]));
    set("depth 8", "limit", "at most 7", -70_003, uint(8));
    set("claim -70005", "unknown", "an unknown claim refuses", -70_005, uint(1));
    set("claim 10", "unknown", "an unknown claim refuses", 10, uint(1));
    for (key, name) in [
        (4, "exp"),
        (7, "cti"),
        (9, "scope"),
        (-70_000, "suite"),
        (-70_002, "target"),
        (-70_003, "depth"),
    ] {
        let name = format!("no {name}");
        book.case(&name, "missing", "a required claim", &sample().without(key).signed());
    }
    let sample = sample();
    book.case(
        "no sub",
        "member",
        "a holder in a bucket has a tag",
        &sample.clone().without(2).signed(),
    );
    let vault = sample.clone().set(-70_002, array(&[uint(1), blob(&[1; 16])]));
    book.case("vault with sub", "member", "a vault knows no members", &vault.signed());
    let open = sample.clone().without(2).without(8);
    book.case("anyone writes", "anyone", "pull alone", &open.signed());
    let deep = open.clone().set(9, text("pull")).set(-70_003, uint(1));
    book.case("anyone delegates", "anyone", "nobody could sign it", &deep.signed());
    let mut swapped = sample.clone();
    swapped.0.swap(0, 1);
    book.case("order", "order", "keys ascend by their encoding", &swapped.signed());
    let mut doubled = sample.clone();
    doubled.0.insert(1, doubled.0[1].clone());
    book.case("doubled", "order", "a claim twice", &doubled.signed());
    let trailing = cose::sign(TYP, &[map(&sample.0), vec![0]].concat(), signer(1));
    book.case("payload trailing", "trailing", "a byte after the claims", &trailing);
}

fn broken_caveats(book: &mut Book) {
    let mut set = |name: &str, expect: &str, why: &str, caveats: &[(i64, Vec<u8>)]| {
        let capability = Pairs::sample().set(-70_004, map(caveats));
        book.case(name, expect, why, &capability.signed());
    };
    set("caveats empty", "limit", "left out, not empty", &[]);
    set("caveat unknown", "unknown", "an unknown caveat refuses", &[(8, uint(1))]);
    set("caveat twice", "order", "a quota twice", &[(1, uint(5)), (1, uint(6))]);
    set("accept false", "limit", "left out, not false", &[(7, vec![0xf4])]);
    set("uses 0", "limit", "good for nothing", &[(4, uint(0))]);
    set("uses unbound", "uses", "counted uses need one provider", &[(4, uint(1))]);
    set("area all", "limit", "left out, not all", &[(6, array(&[vec![0xf6], vec![0xf6]]))]);
    set("area no kind", "limit", "nothing would be left", &[(6, array(&[uint(0), vec![0xf6]]))]);
    set("area kind 10", "unknown", "no such kind", &[(6, array(&[uint(1 << 10), vec![0xf6]]))]);
    set("policy short", "limit", "32 bytes", &[(5, blob(&[1; 31]))]);
}

fn broken_cose(book: &mut Book) {
    let payload = map(&Pairs::sample().0);
    let sample = Pairs::sample().signed();
    let signature = [7; 64];
    let assembled = |protected: &[u8], unprotected: &[u8], signature: &[u8]| {
        item(|w| {
            w.tag(18).array(4).bytes(protected).raw(unprotected).bytes(&payload).bytes(signature);
        })
    };
    let header = |pairs: &[(i64, Vec<u8>)]| map(pairs);
    let right = header(&[(1, vec![0x27]), (16, text(TYP))]);
    let (none, kid) = (vec![0xa0], map(&[(4, blob(b"kid"))]));
    let es256 = header(&[(1, vec![0x26]), (16, text(TYP))]);
    let card = header(&[(1, vec![0x27]), (16, text("application/strongroom-drop-card"))]);
    let crit = header(&[(1, vec![0x27]), (2, array(&[uint(16)])), (16, text(TYP))]);
    book.case("untagged", "type", "tag 18 is due", &sample[1..]);
    book.case("another tag", "unknown", "tag 17 is a MAC", &[&[0xd1], &sample[1..]].concat());
    book.case(
        "no typ",
        "unknown",
        "the kind of statement is signed",
        &assembled(&header(&[(1, vec![0x27])]), &none, &signature),
    );
    book.case(
        "another typ",
        "unknown",
        "a drop card is no capability",
        &assembled(&card, &none, &signature),
    );
    book.case("another alg", "unknown", "EdDSA alone", &assembled(&es256, &none, &signature));
    book.case(
        "a header more",
        "unknown",
        "the header is fixed",
        &assembled(&crit, &none, &signature),
    );
    book.case(
        "unprotected",
        "limit",
        "the unprotected header is empty",
        &assembled(&right, &kid, &signature),
    );
    book.case("short signature", "limit", "64 bytes", &assembled(&right, &none, &signature[1..]));
    book.case("cut", "cut", "the last byte is missing", &sample[..sample.len() - 1]);
    book.case("trailing", "trailing", "a byte too many", &[&sample[..], &[0]].concat());
    book.case("empty", "cut", "nothing at all", &[]);
    let fat = cose::sign(TYP, &vec![0; 2_000], signer(1));
    book.case("too large", "too large", "over 2,048 bytes, refused unread", &fat);
}

/// One case of vectors/capability/chain.json.
fn chain_case(story: &Story) -> Value {
    let issued = story.issue();
    let revoked: Vec<String> = story.revoked.iter().map(|at| hex(&issued[*at].id().0)).collect();
    json!({
        "hex": fold(&CapabilityChain::new(issued).unwrap().encode()),
        "root": key_hex(story.root),
        "now": story.now,
        "provider": story.provider.map(|provider| hex(&provider.0)),
        "suites": story.suites,
        "revoked": revoked,
    })
}

#[test]
fn chains() {
    let mut book = Book::new("capability/chain", "capability chain");
    let mut good = |name: &str, why: &str, story: &Story| {
        let grant = story.verify().unwrap();
        let mut case = chain_case(story);
        case["actions"] = grant.actions().to_string().into();
        case["rank"] = grant.rank().into();
        book.object(name, "ok", why, &case);
    };
    good("four", "root key, Alice, Bob, Carroll, her device", &Story::new());
    let mut quota = Story::new();
    for at in 1..4 {
        quota.claims(at).caveats = Caveats { quota_bytes: Some(10), ..Caveats::NONE };
    }
    good("quota", "a caveat kept along the chain", &quota);
    let (invited, counted, eight) = prepared();
    good("accepted", "an invitation, its acceptance, a device", &invited);
    good("counted", "a counted link, opened with a use key", &counted);
    good("eight", "as long as a chain may be", &eight);
    // One broken chain per rule and depth: the table the tests run.
    for (table, rows) in TABLES {
        for (name, at, why, _, bad) in *rows {
            let mut story = Story::new();
            bad(&mut story);
            let mut case = chain_case(&story);
            case["at"] = (*at).into();
            book.object(
                &format!("{table}: {name}"),
                refusal_name(*why),
                &format!("element {at}"),
                &case,
            );
        }
    }
    book.settle();
}

#[test]
fn recovery_records() {
    let mut book = Book::new("recovery-record/envelope", "recovery record");
    let id = RecordId([0x5e; 32]);
    let record =
        RecoveryRecord::assemble(id, 1, 7, &[1; ENC_LEN], &[2; SEALED_LEN], signer(1)).unwrap();
    let bytes = record.as_bytes();
    let flipped = |at: usize| {
        let mut other = bytes.to_vec();
        other[at] ^= 1;
        other
    };
    let mut case = |name: &str, expect: &str, why: &str, id: RecordId, key: u8, bytes: &[u8]| {
        let input = json!({
            "hex": fold(bytes), "record": hex(&id.0), "key": key_hex(key), "counter": 7,
        });
        book.object(name, expect, why, &input);
    };
    case("sound", "ok", "its counter is 7", id, 1, bytes);
    case("another id", "signature", "moved to another record id", RecordId([0; 32]), 1, bytes);
    case("another key", "signature", "signed by another record key", id, 2, bytes);
    case("counter", "signature", "the counter was raised", id, 1, &flipped(8));
    case("enc", "signature", "a flipped bit in enc", id, 1, &flipped(9));
    case("sealed", "signature", "a flipped bit in the sealed part", id, 1, &flipped(3_192));
    case("suite 0", "form", "no such suite", id, 1, &flipped(0));
    case("short", "form", "a byte is missing", id, 1, &bytes[..3_256]);
    case("long", "form", "a byte too many", id, 1, &[&bytes[..], &[0]].concat());
    book.settle();
}
