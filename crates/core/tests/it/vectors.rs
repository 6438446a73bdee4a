//! Every golden file of this crate's formats, against its decoder.

use serde_json::Value;
use strongroom_core::card::{Card, CardError, Pointer};
use strongroom_core::checkpoint::{Checkpoint, CheckpointError, ForkProof, ForkProofError};
use strongroom_core::contact::ContactRecord;
use strongroom_core::drops::Address;
use strongroom_core::inbox::Inbox;
use strongroom_core::invitation::{Invitation, InvitationError};
use strongroom_core::joining::{epoch_body, open_epochs};
use strongroom_core::keylog::{Genesis, KeyLog, KeyLogFault, SignedEvent};
use strongroom_core::keyring::Keyring;
use strongroom_core::message::{MessageBody, Sender};
use strongroom_core::names::{BucketPath, NameError, check_name};
use strongroom_core::pairing::{Gift, LongCode, Message, NewDevice};
use strongroom_core::rotation::current;
use strongroom_seal::kem::AgreeSeed;
use strongroom_seal::pairing::{Share, pairing_words};
use strongroom_wire::cbor::CborError;
use strongroom_wire::chain::Verified;
use strongroom_wire::control::{Control, ControlError};
use strongroom_wire::entry::{Entry, Kind};

use crate::golden::{Outcome, bytes, hex, run, unfold};
use crate::make_invitation::{READER, device};
use crate::make_message::{AUTHOR, BUCKET};

/// The name of a CBOR error in golden files.
pub fn cbor_name(error: CborError) -> String {
    let name = match error {
        CborError::Cut => "cut",
        CborError::NotCanonical => "not canonical",
        CborError::Type => "type",
        CborError::Limit => "limit",
        CborError::Order => "order",
        CborError::Utf8 => "utf8",
        CborError::Trailing => "trailing",
        CborError::Unknown => "unknown",
    };
    name.to_owned()
}

/// The name of a key log's fault in golden files.
pub fn fault_name(fault: KeyLogFault) -> String {
    let name = match fault {
        KeyLogFault::Form(error) => return cbor_name(error),
        KeyLogFault::Suite => "suite",
        KeyLogFault::Prev => "prev",
        KeyLogFault::Time => "time",
        KeyLogFault::Signer => "signer",
        KeyLogFault::Signature => "signature",
        KeyLogFault::Device => "device",
        KeyLogFault::Possession => "possession",
        KeyLogFault::Kem => "kem",
        KeyLogFault::Number => "number",
        KeyLogFault::Wraps => "wraps",
        KeyLogFault::Roots => "roots",
        KeyLogFault::Floors => "floors",
        KeyLogFault::Alias => "alias",
        KeyLogFault::Closed => "closed",
        KeyLogFault::TooMany => "too many",
    };
    name.to_owned()
}

fn checkpoint_name(error: CheckpointError) -> String {
    match error {
        CheckpointError::Form(error) => cbor_name(error),
        CheckpointError::Root => "root".to_owned(),
    }
}

fn fork_name(error: ForkProofError) -> String {
    match error {
        ForkProofError::Form(error) => cbor_name(error),
        ForkProofError::Chain => "chain".to_owned(),
        ForkProofError::Signature => "signature".to_owned(),
        ForkProofError::NoFork => "no fork".to_owned(),
    }
}

/// The name of a name's error in golden files.
fn name_name(error: NameError) -> String {
    let name = match error {
        NameError::Empty => "empty",
        NameError::TooLong => "too long",
        NameError::Slash => "slash",
        NameError::Nul => "nul",
        NameError::Dots => "dots",
        NameError::NotUtf8 => "not utf8",
        NameError::NotAbsolute => "not absolute",
        NameError::PathTooLong => "path too long",
        NameError::TooDeep => "too deep",
    };
    name.to_owned()
}

fn decode_log(case: &Value) -> Outcome {
    let events: Vec<_> = case["events"].as_array().unwrap().iter().map(unfold).collect();
    match KeyLog::verify(&unfold(&case["genesis"]), &events) {
        Ok(log) => {
            assert_eq!(case["principal"], hex(&log.principal().0), "{}", case["name"]);
            assert_eq!(case["head"], hex(&log.head().0), "{}", case["name"]);
            Ok(Vec::new())
        }
        Err(error) => {
            assert_eq!(case["at"], error.at, "{}: another event", case["name"]);
            Err(fault_name(error.fault))
        }
    }
}

/// Signatures are made again from nothing: what is read is compared as it came.
fn decode_message(input: &[u8]) -> Outcome {
    let (body, sender) = MessageBody::decode(input, BUCKET, AUTHOR).map_err(cbor_name)?;
    match sender {
        Sender::Unsigned => Ok(body.encode(BUCKET, AUTHOR, None)),
        Sender::Signed(_) => Ok(input.to_vec()),
    }
}

/// A control log, in order, and what a member's agree key opens of it.
fn decode_renewal(case: &Value) -> Outcome {
    let entries: Vec<_> = case["entries"].as_array().unwrap().iter().map(unfold).collect();
    let entries: Vec<_> = entries
        .iter()
        .map(|bytes| Verified::danger_from_own_store(Entry::decode(bytes).unwrap()))
        .collect();
    let mut control = Control::new(&entries[0]).unwrap();
    for entry in &entries[1..] {
        control.insert(entry).map_err(|error| match error {
            ControlError::Form => "form".to_owned(),
            ControlError::Missing => "missing".to_owned(),
            other => panic!("{other}"),
        })?;
    }
    let is_epoch = |entry: &&Verified<Entry>| entry.header().kind == Kind::Epoch;
    let epochs: Vec<_> = entries.iter().filter(is_epoch).cloned().collect();
    let agree = AgreeSeed::from_secret_bytes(&unfold(&case["agree"]).try_into().unwrap());
    let mut keyring = Keyring::new(control.bucket());
    keyring.born(&entries[0]).unwrap();
    open_epochs(&mut keyring, &epochs, &agree.pair(), None);
    for (epoch, key) in epochs.iter().zip(case["keys"].as_array().unwrap()) {
        let found = keyring.epoch(&epoch.id()).ok_or_else(|| "refused".to_owned())?;
        assert_eq!(hex(&*found.to_secret_bytes()), *key, "{}: another key", case["name"]);
    }
    let newest = epochs.last().unwrap();
    let names = epoch_body(&keyring, &epochs[0]).unwrap().name_key;
    let current = current(&control, &keyring, &names, &epochs, 0);
    assert_eq!(current[0].id, newest.id());
    if current[0].fresh { Ok(Vec::new()) } else { Err("not fresh".to_owned()) }
}

fn card_name(error: CardError) -> String {
    let name = match error {
        CardError::None => "none",
        CardError::Cut => "cut",
        CardError::Several => "several",
        CardError::TooLong => "too long",
        CardError::Character => "character",
        CardError::Checksum => "checksum",
        CardError::Name => "name",
        CardError::Place => "place",
        CardError::Form(error) => return cbor_name(error),
    };
    name.to_owned()
}

/// A text, and the bytes it means.
fn text_of(
    case: &Value,
    field: &str,
    read: impl Fn(&str) -> Result<Vec<u8>, CardError>,
) -> Outcome {
    let text = String::from_utf8(unfold(&case["text"])).unwrap();
    let found = read(&text).map_err(card_name)?;
    assert_eq!(found, unfold(&case[field]), "{}: another meaning", case["name"]);
    Ok(found)
}

fn decode(decoder: &str, case: &Value) -> Outcome {
    match decoder {
        "card" => Card::decode(&bytes(case)).map(|card| card.encode()).map_err(card_name),
        "card text" => text_of(case, "card", |text| Ok(Card::from_text(text)?.encode())),
        "contact" => ContactRecord::decode(&bytes(case)).map(|it| it.encode()).map_err(cbor_name),
        "pointer" => Pointer::decode(&bytes(case)).map(|it| it.encode()).map_err(card_name),
        "pointer text" => text_of(case, "pointer", |text| Ok(Pointer::from_text(text)?.encode())),
        "key log" => decode_log(case),
        "key log genesis" => {
            Genesis::decode(&bytes(case)).map(|genesis| genesis.encode()).map_err(fault_name)
        }
        "key log event" => {
            SignedEvent::decode(&bytes(case)).map(|event| event.encode()).map_err(fault_name)
        }
        "checkpoint body" => {
            Checkpoint::decode(&bytes(case)).map(|it| it.encode()).map_err(checkpoint_name)
        }
        "fork proof" => ForkProof::decode(&bytes(case)).map(|it| it.encode()).map_err(fork_name),
        "name" => {
            let input = bytes(case);
            let name = strongroom_core::names::name_from_bytes(&input).map_err(name_name)?;
            assert_eq!(check_name(name), Ok(()));
            Ok(name.as_bytes().to_vec())
        }
        "path" => {
            let text = String::from_utf8(bytes(case)).unwrap();
            text.parse::<BucketPath>().map(|it| it.to_string().into_bytes()).map_err(name_name)
        }
        "invitation" => {
            let read = Invitation::decode(&bytes(case), READER).map_err(|error| match error {
                InvitationError::Form(error) => cbor_name(error),
                InvitationError::Signature => "signature".to_owned(),
                InvitationError::None | InvitationError::Text(_) => "text".to_owned(),
            });
            read.map(|it| it.encode(READER, &device()).to_vec())
        }
        "renewal" => decode_renewal(case),
        "message" => decode_message(&bytes(case)),
        "inbox" => Inbox::decode(&bytes(case)).map(|it| it.encode()).map_err(cbor_name),
        "drop address" => {
            let read = Address::decode(&bytes(case)).map_err(cbor_name);
            read.map(|it| it.encode().to_vec())
        }
        "pairing message" => Message::decode(&bytes(case)).map(|it| it.encode()).map_err(cbor_name),
        "pairing device" => {
            NewDevice::decode(&bytes(case)).map(|it| it.encode()).map_err(cbor_name)
        }
        "pairing gift" => {
            Gift::decode(&bytes(case)).map(|it| it.encode().to_vec()).map_err(cbor_name)
        }
        "pairing code" => {
            let text = String::from_utf8(unfold(&case["text"])).unwrap();
            let read = LongCode::parse(&text).map_err(|_| "code".to_owned())?;
            assert_eq!(read.to_text().as_bytes(), unfold(&case["written"]));
            Ok(Vec::new())
        }
        "pairing words" => {
            let share = |side: &str| Share {
                kem: Box::new(unfold(&case[format!("{side} kem")]).try_into().unwrap()),
                nonce: unfold(&case[format!("{side} nonce")]).try_into().unwrap(),
            };
            let words = pairing_words(&share("host"), &share("guest")).join(" ");
            if case["words"] == words { Ok(Vec::new()) } else { Err("other words".to_owned()) }
        }
        other => panic!("no decoder is called {other}"),
    }
}

/// Good and broken cases there must be at least. These numbers only grow.
const COUNTS: [(&str, usize, usize); 8] = [
    ("card", 20, 92),
    ("key-log", 10, 74),
    ("checkpoint", 5, 20),
    ("names", 17, 25),
    ("renewal", 3, 9),
    ("invitation", 2, 12),
    ("message", 6, 18),
    ("pairing", 14, 29),
];

#[test]
fn every_case_ends_as_its_file_says() {
    for (subject, good_min, broken_min) in COUNTS {
        let (good, broken) = run(subject, decode);
        println!("{subject}: {good} good, {broken} broken");
        assert!(good >= good_min && broken >= broken_min, "cases of {subject} were lost");
    }
}
