//! Every golden file of this crate's formats, against its decoder.

use serde_json::Value;
use strongroom_wire::api::{
    CopyChunks, Holding, RecordPut, SignUp, VaultTerms, decode_have, decode_records, encode_have,
    encode_records,
};
use strongroom_wire::cbor::CborError;
use strongroom_wire::chain::{ChainFault, Tip, authenticate};
use strongroom_wire::clear::Clear;
use strongroom_wire::drop_card::{DropCardError, check};
use strongroom_wire::entry::{Entry, EntryError, Header, Kind};
use strongroom_wire::frame::{FrameError, decode_all};
use strongroom_wire::ids::{BucketId, EntryId, PublicKey};
use strongroom_wire::link::{LinkRecord, LinkRecordError, LinkUses};
use strongroom_wire::statement::{Received, StatementError};

use crate::golden::{Outcome, bytes, run, unhex};

/// The name of a CBOR error in golden files.
pub const fn cbor_name(error: CborError) -> &'static str {
    match error {
        CborError::Cut => "cut",
        CborError::NotCanonical => "not canonical",
        CborError::Type => "type",
        CborError::Limit => "limit",
        CborError::Order => "order",
        CborError::Utf8 => "utf8",
        CborError::Trailing => "trailing",
        CborError::Unknown => "unknown",
    }
}

fn cbor(error: CborError) -> String {
    cbor_name(error).to_owned()
}

fn entry_name(error: EntryError) -> String {
    match error {
        EntryError::Form(error) => cbor(error),
        EntryError::Body => "body".to_owned(),
    }
}

fn frame_name(error: FrameError) -> String {
    match error {
        FrameError::Form(error) => cbor(error),
        FrameError::Entry(error) => entry_name(error),
    }
}

const fn fault_name(fault: ChainFault) -> &'static str {
    match fault {
        ChainFault::Bucket => "bucket",
        ChainFault::Unsigned => "unsigned",
        ChainFault::Gap => "gap",
        ChainFault::Fork => "fork",
        ChainFault::Clock => "clock",
    }
}

/// The kinds of clear parts, as files name them.
pub const CLEAR_KINDS: [(&str, Kind); 10] = [
    ("clear genesis", Kind::Genesis),
    ("clear version", Kind::Version),
    ("clear epoch", Kind::Epoch),
    ("clear member", Kind::Member),
    ("clear revoke", Kind::Revoke),
    ("clear checkpoint", Kind::Checkpoint),
    ("clear tombstone", Kind::Tombstone),
    ("clear purge", Kind::Purge),
    ("clear message", Kind::Message),
    ("clear segment", Kind::Segment),
];

fn decode_frames(input: &[u8]) -> Outcome {
    let frames = decode_all(input).map_err(frame_name)?;
    let mut out = Vec::new();
    for frame in frames {
        frame.write(&mut out);
    }
    Ok(out)
}

fn decode_chain(case: &Value) -> Outcome {
    let id = |value: &Value| <[u8; 32]>::try_from(unhex(value.as_str().unwrap())).unwrap();
    let entries: Vec<_> = case["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| Entry::decode(&unhex(entry.as_str().unwrap())).unwrap())
        .collect();
    let tip = case["tip"].is_object().then(|| Tip {
        seq: case["tip"]["seq"].as_u64().unwrap(),
        id: EntryId(id(&case["tip"]["id"])),
    });
    match authenticate(BucketId(id(&case["bucket"])), entries, |_| tip) {
        Ok(_) => Ok(Vec::new()),
        Err(error) => {
            assert_eq!(error.entry, EntryId(id(&case["at"])), "{}: another entry", case["name"]);
            Err(fault_name(error.reason).to_owned())
        }
    }
}

fn decode_card(case: &Value, input: &[u8]) -> Outcome {
    let bucket = unhex(case["bucket"].as_str().unwrap()).try_into().unwrap();
    let checked = check(input, BucketId(bucket), case["now"].as_u64().unwrap());
    checked.map(|_| input.to_vec()).map_err(|error| match error {
        DropCardError::Form(error) => cbor(error),
        DropCardError::Capability(_) => "capability".to_owned(),
        DropCardError::Bucket => "bucket".to_owned(),
        DropCardError::Signer => "signer".to_owned(),
        DropCardError::Expired => "expired".to_owned(),
        DropCardError::TooLong => "too long".to_owned(),
    })
}

fn decode_statement(case: &Value) -> Outcome {
    let part = |name: &str| unhex(case[name].as_str().unwrap());
    let key = PublicKey(part("key").try_into().unwrap());
    match Received::verify(case["text"].as_str().unwrap(), &key) {
        Ok(said) => {
            assert!(said.is_about(&part("entry")), "{}: another entry", case["name"]);
            Ok(Vec::new())
        }
        Err(StatementError::Form) => Err("form".to_owned()),
        Err(StatementError::Key) => Err("key".to_owned()),
        Err(StatementError::Signature) => Err("signature".to_owned()),
    }
}

fn decode(decoder: &str, case: &Value) -> Outcome {
    if decoder == "chain" {
        return decode_chain(case);
    }
    if decoder == "statement" {
        return decode_statement(case);
    }
    let input = bytes(case);
    if let Some((_, kind)) = CLEAR_KINDS.iter().find(|(name, _)| *name == decoder) {
        return Clear::decode(*kind, &input).map(|clear| clear.encode()).map_err(cbor);
    }
    match decoder {
        "header" => Header::decode(&input).map(|header| header.encode()).map_err(cbor),
        "entry" => Entry::decode(&input)
            .map(|entry| {
                let id = case.get("id").map_or_else(Vec::new, |id| unhex(id.as_str().unwrap()));
                assert_eq!(entry.id().as_bytes()[..], id, "{}: another id", case["name"]);
                entry.encode()
            })
            .map_err(entry_name),
        "frames" => decode_frames(&input),
        "drop card" => decode_card(case, &input),
        "sign-up" => SignUp::decode(&input).map(|body| body.encode()).map_err(cbor),
        "vault terms" => VaultTerms::decode(&input).map(|body| body.encode()).map_err(cbor),
        "holdings" => {
            Holding::decode_all(&input).map(|all| Holding::encode_all(&all)).map_err(cbor)
        }
        "have" => decode_have(&input).map(|chunks| encode_have(&chunks)).map_err(cbor),
        "copy chunks" => CopyChunks::decode(&input).map(|body| body.encode()).map_err(cbor),
        "record put" => RecordPut::decode(&input).map(|body| body.encode()).map_err(cbor),
        "records" => decode_records(&input).map(|all| encode_records(&all)).map_err(cbor),
        "link record" => {
            LinkRecord::decode(&input).map(|it| it.encode()).map_err(|error| match error {
                LinkRecordError::Form(error) => cbor(error),
                LinkRecordError::Capability => "capability".to_owned(),
            })
        }
        "link uses" => LinkUses::decode(&input).map(|it| it.encode()).map_err(cbor),
        other => panic!("no decoder is called {other}"),
    }
}

/// Good and broken cases there must be at least. These numbers only grow.
const COUNTS: [(&str, usize, usize); 7] = [
    ("entry", 18, 74),
    ("clear", 28, 92),
    ("frame", 12, 35),
    ("chain", 7, 11),
    ("api", 11, 24),
    ("drop", 3, 19),
    ("link-record", 5, 14),
];

#[test]
fn every_case_ends_as_its_file_says() {
    let mut few = Vec::new();
    for (subject, good_min, broken_min) in COUNTS {
        let (good, broken) = run(subject, decode);
        println!("{subject}: {good} good, {broken} broken");
        if good < good_min || broken < broken_min {
            few.push(subject);
        }
    }
    assert!(few.is_empty(), "cases were lost: {few:?}");
}
