//! Makes vectors/key-log: every rule of a key log, kept and broken.

use serde_json::{Value, json};
use strongroom_core::keylog::{Change, DeviceCutoff, Genesis};
use strongroom_wire::cbor::Writer;
use strongroom_wire::clear::Floors;
use strongroom_wire::ids::{EntryId, KeyEventId};

use crate::golden::{Book, fold, hex};
use crate::people::{
    Diary, START, alias, alice, kem, key, next_roots, public, retire, roots, rotate,
};

fn input(diary: &Diary) -> Value {
    let (principal, head) = diary.verify().map_or((Value::Null, Value::Null), |log| {
        (hex(&log.principal().0).into(), hex(&log.head().0).into())
    });
    json!({
        "genesis": fold(&diary.genesis),
        "events": diary.events.iter().map(|event| fold(event)).collect::<Vec<_>>(),
        "at": diary.events.len(),
        "principal": principal,
        "head": head,
    })
}

/// One more event, which is the one under test.
fn then(before: &Diary, signers: &[u8], change: Change) -> Value {
    let mut diary = before.clone();
    diary.write(signers, change);
    input(&diary)
}

#[test]
fn logs() {
    let mut book = Book::new("key-log/log", "key log");
    good(&mut book);
    signers(&mut book);
    order(&mut book);
    devices(&mut book);
    roots_and_floors(&mut book);
    book.settle();
}

fn good(book: &mut Book) {
    let diary = Diary::of_alice();
    let cutoff =
        |place: u8| DeviceCutoff { place: [place; 32], seq: 7, entry: EntryId([place; 32]) };
    let gone = Change::RetireDevice { device: public(11), cutoffs: vec![cutoff(1), cutoff(2)] };
    let mut full = diary.clone();
    full.write(&[11], full.add(12));
    full.write(&[12], gone);
    full.write(&[12], rotate(2, 22, &[12]));
    full.write(&[1], Change::SetGuardians { commit: [5; 32] });
    full.write(&[12], alias("https://alice.example", true));
    full.write(&[12], alias("acct:alice@example.org", true));
    full.write(&[1], alias("https://alice.example", false));
    full.write(&[2], next_roots());
    full.write(&[2], Change::Close);
    book.object("genesis alone", "ok", "a person without devices", &input(&Diary::of(&alice())))
        .object("a laptop", "ok", "a device by the root key, an agree key by it", &input(&diary))
        .object("every type", "ok", "each kind of event once, then the end", &input(&full));
    let mut three = alice();
    three.roots = roots(&[1, 4, 5], 2);
    let three = Diary::of(&three);
    book.object("two of three", "ok", "as many root keys as needed", &{
        then(&three, &[1, 5], three.add(11))
    })
    .object("three of three", "ok", "more than needed", &then(&three, &[1, 4, 5], three.add(11)))
    .object("one of three", "signer", "two are needed", &then(&three, &[1], three.add(11)))
    .object("two, one a stranger", "signer", "every signer must count", &{
        then(&three, &[1, 4, 9], three.add(11))
    });
}

fn signers(book: &mut Book) {
    let diary = Diary::of_alice();
    let first = Diary::of(&alice());
    let rooted = "takes the root key";
    book.object("first device by itself", "signer", "there is no device yet", &{
        then(&first, &[11], first.add(11))
    })
    .object("stranger", "signer", "neither root key nor device", &{
        then(&diary, &[99], diary.add(12))
    })
    .object("guardians by a device", "signer", rooted, &{
        then(&diary, &[11], Change::SetGuardians { commit: [5; 32] })
    })
    .object("close by a device", "signer", rooted, &then(&diary, &[11], Change::Close))
    .object("roots by a device", "signer", rooted, &then(&diary, &[11], next_roots()))
    .object("roots by the old root", "signer", "the revealed keys sign", &{
        then(&diary, &[1], next_roots())
    })
    .object("device and root together", "signer", "one or the other", &{
        then(&diary, &[1, 11], diary.add(12))
    });
    let mut two = diary.clone();
    two.write(&[11], two.add(12));
    book.object("two devices", "signer", "one device is enough, two are another form", &{
        then(&two, &[11, 12], two.add(13))
    })
    .object("retired device", "signer", "it signs no longer", &{
        let mut two = two.clone();
        two.write(&[12], retire(11));
        then(&two, &[11], alias("https://alice.example", true))
    });
    let mut bent = diary.clone();
    bent.write(&[1], Change::SetGuardians { commit: [5; 32] });
    *bent.events.last_mut().unwrap().last_mut().unwrap() ^= 1;
    let mut borrowed = diary.clone();
    borrowed.write(&[1], Change::Close);
    let signature = borrowed.events.pop().unwrap();
    let statement = borrowed.next(Change::SetGuardians { commit: [5; 32] });
    let signature: [u8; 64] = signature[signature.len() - 64..].try_into().unwrap();
    borrowed.events.push(statement.signed(vec![(public(1), signature)]).encode());
    book.object("bent signature", "signature", "a bit is flipped", &input(&bent)).object(
        "borrowed signature",
        "signature",
        "made for another event",
        &input(&borrowed),
    );
}

fn order(book: &mut Book) {
    let diary = Diary::of_alice();
    let sound = diary.next(alias("https://alice.example", true));
    let with = |change: &dyn Fn(&mut strongroom_core::keylog::Statement)| {
        let mut diary = diary.clone();
        let mut statement = sound.clone();
        change(&mut statement);
        diary.write_as_is(&[11], statement);
        input(&diary)
    };
    book.object("left out", "prev", "it follows the event before the last", &{
        with(&|s| s.prev = KeyEventId(diary.log().principal().0))
    })
    .object("another's", "prev", "it follows an event of another log", &{
        with(&|s| s.prev = KeyEventId([9; 32]))
    })
    .object("earlier", "time", "a second before the event before it", &with(&|s| s.time = START))
    .object("suite 0", "suite", "below the one in use", &with(&|s| s.suite = 0))
    .object("suite 2", "suite", "not among those in use", &with(&|s| s.suite = 2))
    .object("year 10000", "limit", "past the end of dates", &{
        with(&|s| s.time = 253_402_300_800)
    });
    let mut turned = diary.clone();
    turned.events.swap(0, 1);
    let mut turned = input(&turned);
    turned["at"] = 1.into();
    let mut twice = diary.clone();
    twice.events.push(diary.events[1].clone());
    let mut closed = diary.clone();
    closed.write(&[1], Change::Close);
    let after = closed.log().next(START, alias("https://alice.example", true));
    closed.write_as_is(&[1], after);
    book.object("turned around", "prev", "the order is signed", &turned)
        .object("an event twice", "prev", "it follows what it followed before", &input(&twice))
        .object("after the end", "closed", "nothing follows a close", &input(&closed));
}

fn devices(book: &mut Book) {
    let diary = Diary::of_alice();
    let mut two = diary.clone();
    two.write(&[11], two.add(12));
    let Change::AddDevice { device, kem: sound, possession } = diary.add(13) else { panic!() };
    let mut broken = sound.clone();
    broken[..1_184].fill(0xff);
    let with = |device, kem, possession| {
        then(&diary, &[11], Change::AddDevice { device, kem, possession })
    };
    book.object("the same device again", "device", "it is there", &{
        then(&diary, &[11], diary.add(11))
    })
    .object("a retired device again", "device", "it may be in a thief's hands", &{
        let mut two = two.clone();
        two.write(&[12], retire(11));
        let again = two.add(11);
        then(&two, &[12], again)
    })
    .object("no such device", "device", "it was never added", &then(&diary, &[1], retire(12)))
    .object("retired twice", "device", "it went before", &{
        let mut two = two.clone();
        two.write(&[12], retire(11));
        then(&two, &[12], retire(11))
    })
    .object("no consent", "possession", "zeros for a signature", &{
        with(device, sound.clone(), [0; 64])
    })
    .object("consent for another key", "possession", "the X-Wing key was exchanged", &{
        with(device, kem(99), possession)
    })
    .object("another device's consent", "possession", "made by another key", &{
        with(public(14), sound.clone(), possession)
    })
    .object("no X-Wing key", "kem", "its ML-KEM part is not reduced", &{
        with(device, broken, possession)
    })
    .object("agree key number 3", "number", "2 is due", &then(&diary, &[11], rotate(3, 22, &[11])))
    .object("agree key number 1 again", "number", "2 is due", &{
        then(&diary, &[11], rotate(1, 22, &[11]))
    })
    .object("agree key without a wrap", "wraps", "the phone would be locked out", &{
        then(&two, &[11], rotate(2, 22, &[11]))
    })
    .object("agree key for a stranger", "wraps", "only current devices", &{
        then(&two, &[11], rotate(2, 22, &[11, 12, 13]))
    })
    .object("alias claimed twice", "alias", "it is claimed already", &{
        let mut diary = diary.clone();
        diary.write(&[11], alias("https://alice.example", true));
        then(&diary, &[11], alias("https://alice.example", true))
    })
    .object("alias never claimed", "alias", "nothing to take back", &{
        then(&diary, &[11], alias("https://alice.example", false))
    });
    for (name, uri, why) in [
        ("alias without a scheme", "alice.example", "a URI has a scheme"),
        ("alias with a space", "https://alice .example", "not a character of URIs"),
        ("alias with a letter of another script", "https://аlice.example", "a look-alike"),
        ("alias in capitals", "HTTPS://alice.example", "one scheme has one spelling"),
        ("alias of a scheme only", "https:", "nothing is named"),
    ] {
        book.object(name, "alias", why, &then(&diary, &[11], alias(uri, true)));
    }
}

fn roots_and_floors(book: &mut Book) {
    let diary = Diary::of_alice();
    let with = |numbers: &[u8], threshold, floors: Floors| Change::RotateRoot {
        roots: roots(numbers, threshold),
        next_root_commit: [0; 32],
        floors,
    };
    let floors = Floors::suite_1;
    let lower = Floors { argon_passes: 2, ..floors() };
    let wider = Floors { suites: vec![1, 2], ..floors() };
    let higher = Floors { argon_memory_kib: 131_072, ..floors() };
    book.object("floors rise", "ok", "more memory for passwords", &{
        then(&diary, &[2], with(&[2], 1, higher))
    })
    .object("other root keys", "roots", "not those committed to", &{
        then(&diary, &[9], with(&[9], 1, floors()))
    })
    .object("one root key more", "roots", "the commitment is to the set", &{
        then(&diary, &[2], with(&[2, 9], 1, floors()))
    })
    .object("a floor sinks", "floors", "two passes after three", &{
        then(&diary, &[2], with(&[2], 1, lower))
    })
    .object("another suite", "floors", "the list only narrows", &{
        then(&diary, &[2], with(&[2], 1, wider))
    });
    let mut last = diary.clone();
    last.write(&[2], with(&[2], 1, floors()));
    book.object("roots that never change", "roots", "zero is no commitment", &{
        then(&last, &[3], with(&[3], 1, floors()))
    });
}

fn bytes_of(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut w = Writer::new();
    write(&mut w);
    w.into_bytes()
}

/// A genesis with these root keys and threshold, whatever they are.
fn genesis_with(suite: u64, keys: &[[u8; 32]], threshold: u64) -> Vec<u8> {
    bytes_of(|w| {
        w.array(6).uint(suite);
        Floors::suite_1().write(w);
        w.array(keys.len());
        for key in keys {
            w.bytes(key);
        }
        w.uint(threshold).bytes(&[0; 32]).bytes(&[0; 32]);
    })
}

#[test]
fn geneses() {
    let good = alice().encode();
    let many: Vec<_> = (1..=9).map(|byte| [byte; 32]).collect();
    let only_2 = Genesis { floors: Floors { suites: vec![2], ..Floors::suite_1() }, ..alice() };
    Book::new("key-log/genesis", "key log genesis")
        .case("one root key", "ok", "a person with 24 words", &good)
        .case("eight root keys", "ok", "all must sign", &genesis_with(1, &many[..8], 8))
        .case("no root key", "limit", "nobody could ever sign", &genesis_with(1, &[], 0))
        .case("nine root keys", "limit", "at most eight", &genesis_with(1, &many, 1))
        .case("threshold 0", "limit", "anybody could sign", &genesis_with(1, &many[..2], 0))
        .case("threshold 3 of 2", "limit", "nobody could sign", &genesis_with(1, &many[..2], 3))
        .case("root keys descending", "order", "one set has one id", &{
            genesis_with(1, &[[2; 32], [1; 32]], 1)
        })
        .case("a root key twice", "order", "it would sign twice", &{
            genesis_with(1, &[[1; 32], [1; 32]], 2)
        })
        .case("suite 0", "suite", "no such suite", &genesis_with(0, &many[..1], 1))
        .case("suite 2", "suite", "not in this format number", &genesis_with(2, &many[..1], 1))
        .case("suite not in use", "suite", "the list names only 2", &only_2.encode())
        .case("cut", "cut", "the last byte is missing", &good[..good.len() - 1])
        .case("trailing", "trailing", "a byte too many", &[&good[..], &[0]].concat())
        .case("too long", "limit", "513 bytes", &[0x86; 513])
        .settle();
}

#[test]
fn events() {
    let diary = Diary::of_alice();
    let sound = diary.next(alias("https://alice.example", true));
    let payload = sound.encode();
    let signed = |payload: &[u8], signers: &[u8]| {
        bytes_of(|w| {
            w.array(2).bytes(payload).array(signers.len());
            for signer in signers {
                w.array(2).bytes(&[*signer; 32]).bytes(&[7; 64]);
            }
        })
    };
    let good = sound.signed(vec![(public(11), [7; 64])]).encode();
    assert_eq!(key(11).verifying_key().to_bytes(), public(11).0);
    let statement = |kind: u64, body: &dyn Fn(&mut Writer)| {
        let payload = bytes_of(|w| {
            w.array(5).uint(1).bytes(&[9; 32]).uint(START).uint(kind);
            body(w);
        });
        signed(&payload, &[1])
    };
    let wrap = |w: &mut Writer, device: u8| {
        w.array(2).bytes(&[device; 32]).bytes(&[0; 1_184]);
    };
    Book::new("key-log/event", "key log event")
        .case("alias", "ok", "the signature is the log's to check", &good)
        .case(
            "close",
            "ok",
            "says nothing more",
            &statement(6, &|w| {
                w.array(0);
            }),
        )
        .case("no signature", "order", "at least one", &signed(&payload, &[]))
        .case("nine signatures", "limit", "at most eight", &{
            signed(&payload, &[1, 2, 3, 4, 5, 6, 7, 8, 9])
        })
        .case("signers descending", "order", "one set has one form", &signed(&payload, &[2, 1]))
        .case("a signer twice", "order", "two are not one twice", &signed(&payload, &[1, 1]))
        .case("empty statement", "cut", "nothing is signed", &signed(&[], &[1]))
        .case("statement with a byte too many", "trailing", "inside what is signed", &{
            signed(&[&payload[..], &[0]].concat(), &[1])
        })
        .case(
            "type 7",
            "unknown",
            "no such type",
            &statement(7, &|w| {
                w.array(0);
            }),
        )
        .case(
            "close with a field",
            "unknown",
            "says nothing more",
            &statement(6, &|w| {
                w.array(1).uint(0);
            }),
        )
        .case(
            "short X-Wing key",
            "limit",
            "1,216 bytes",
            &statement(0, &|w| {
                w.array(3).bytes(&[1; 32]).bytes(&[1; 1_215]).bytes(&[1; 64]);
            }),
        )
        .case(
            "wraps descending",
            "order",
            "ascending by device",
            &statement(2, &|w| {
                w.array(3).uint(1).bytes(&[1; 1_216]).array(2);
                wrap(w, 2);
                wrap(w, 1);
            }),
        )
        .case(
            "two wraps for one device",
            "order",
            "which one?",
            &statement(2, &|w| {
                w.array(3).uint(1).bytes(&[1; 1_216]).array(2);
                wrap(w, 1);
                wrap(w, 1);
            }),
        )
        .case(
            "65 wraps",
            "limit",
            "at most 64 devices",
            &statement(2, &|w| {
                w.array(3).uint(1).bytes(&[1; 1_216]).array(65).bytes(&[0; 100]);
            }),
        )
        .case(
            "two cutoffs at one place",
            "order",
            "which one?",
            &statement(1, &|w| {
                w.array(2).bytes(&[1; 32]).array(2);
                for seq in [1, 2] {
                    w.array(3).bytes(&[3; 32]).uint(seq).bytes(&[4; 32]);
                }
            }),
        )
        .case(
            "alias too long",
            "limit",
            "at most 512 bytes",
            &statement(5, &|w| {
                w.array(2).text(&format!("https:{}", "a".repeat(507))).bool(true);
            }),
        )
        .case("trailing", "trailing", "a byte too many", &[&good[..], &[0]].concat())
        .case("too long", "limit", "98,305 bytes", &vec![0x82; 98_305])
        .settle();
}
