//! Row A57, as far as a provider can see: the envelope of recovery records.

use strongroom_wire::ids::RecordId;
use strongroom_wire::limits::RECOVERY_RECORD_LEN;
use strongroom_wire::recovery::{ENC_LEN, RecoveryError, RecoveryRecord, SEALED_LEN};

use crate::chains::{public, signer};

const RECORD: RecordId = RecordId([0x5e; 32]);

fn sample() -> RecoveryRecord {
    let (enc, sealed) = ([1; ENC_LEN], [2; SEALED_LEN]);
    RecoveryRecord::assemble(RECORD, 1, 7, &enc, &sealed, signer(1)).unwrap()
}

#[test]
fn a_record_is_3257_bytes_and_keeps_its_parts() {
    let record = sample();
    assert_eq!((record.as_bytes().len(), RECOVERY_RECORD_LEN), (3_257, 3_257));
    let read = RecoveryRecord::verify(record.as_bytes(), RECORD, &public(1)).unwrap();
    assert_eq!(read, record);
    assert_eq!((read.suite(), read.counter()), (1, 7));
    assert_eq!((read.enc(), read.sealed()), ([1; ENC_LEN], [2; SEALED_LEN]));
}

#[test]
fn a57_another_id_another_key_and_every_changed_byte_are_refused() {
    let record = sample();
    let verify = |bytes: &[u8]| RecoveryRecord::verify(bytes, RECORD, &public(1));
    assert!(verify(record.as_bytes()).is_ok(), "the control");
    let other_id = RecoveryRecord::verify(record.as_bytes(), RecordId([0; 32]), &public(1));
    assert_eq!(other_id, Err(RecoveryError::Signature), "moved to another id");
    let other_key = RecoveryRecord::verify(record.as_bytes(), RECORD, &public(2));
    assert_eq!(other_key, Err(RecoveryError::Signature), "overwritten by another key");
    for at in (0..RECOVERY_RECORD_LEN).step_by(13).chain([0, 1, 8, 9, 3_192, 3_193, 3_256]) {
        let mut bytes = *record.as_bytes();
        bytes[at] ^= 0x40;
        let expected = if at == 0 { RecoveryError::Form } else { RecoveryError::Signature };
        assert_eq!(verify(&bytes), Err(expected), "byte {at}");
    }
    let bytes = record.as_bytes();
    for wrong in [&bytes[..3_256], &[], &[&bytes[..], &[0]].concat()] {
        assert_eq!(verify(wrong), Err(RecoveryError::Form), "{} bytes", wrong.len());
    }
}

#[test]
fn an_unknown_suite_is_not_signed() {
    for suite in [0, 3, 255] {
        let made =
            RecoveryRecord::assemble(RECORD, suite, 0, &[0; ENC_LEN], &[0; SEALED_LEN], signer(1));
        assert_eq!(made, Err(RecoveryError::Form));
    }
}
