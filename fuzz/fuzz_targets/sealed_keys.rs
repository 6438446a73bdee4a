//! Fuzzes keys sealed to somebody: slots of epochs, wraps, root wraps, recovery records, public
//! keys. The first byte chooses which. Nothing opens: the fuzzer has no key.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use strongroom_seal::epoch::{open_back, open_child, open_document, open_document_back};
use strongroom_seal::kem::{AgreeSeed, KemPair, KemPublic};
use strongroom_seal::keys::{Commitment, EpochKey, Nonce};
use strongroom_seal::recovery::{RecoveryKey, open_record, unwrap_root_key};
use strongroom_seal::suite::Suite;
use strongroom_seal::wrap::{Place, open_epoch, open_wrap};
use strongroom_wire::ids::{BucketId, DocumentTag, EntryId, Thumbprint};

const BUCKET: BucketId = BucketId([1; 32]);

/// One key pair for all inputs.
fn pair() -> &'static KemPair {
    static PAIR: OnceLock<KemPair> = OnceLock::new();
    PAIR.get_or_init(|| AgreeSeed::from_secret_bytes(&[2; 32]).pair())
}

fuzz_target!(|data: &[u8]| {
    let Some((which, body)) = data.split_first() else { return };
    // The first byte chooses what it is given to, its highest bit the suite.
    let (suite, commitment) = (Suite::ALL[usize::from(which >> 7)], Commitment([3; 32]));
    let epoch = EpochKey::from_secret_bytes(&[4; 32]);
    let version = EntryId([5; 32]);
    let place = Place { suite, bucket: BUCKET, n: 6 };
    let opened = match which & 0x7f {
        0 => body.try_into().is_ok_and(|slot| {
            open_back(suite, &epoch.history(BUCKET), version, commitment, slot).is_ok()
        }),
        1 => {
            let (slots, parent) = (body.as_chunks().0, epoch.children(BUCKET));
            open_child(suite, &parent, BUCKET, commitment, slots).is_ok()
        }
        2 => body.try_into().is_ok_and(|slot| {
            let history = epoch.history(BUCKET).document(DocumentTag([7; 16]), 1);
            open_document(suite, &history, version, &Nonce([10; 32]), commitment, slot).is_ok()
        }),
        3 => body
            .try_into()
            .is_ok_and(|wrap| open_wrap::<EpochKey>(place, pair(), commitment, wrap).is_ok()),
        4 => open_epoch(place, pair(), None, commitment, commitment, body.as_chunks().0).is_ok(),
        5 => body.try_into().is_ok_and(|wrap| unwrap_root_key(suite, pair(), BUCKET, wrap).is_ok()),
        6 => {
            let locator = RecoveryKey::from_secret_bytes(&[8; 32]).locator();
            open_record(pair(), &locator, &Thumbprint([9; 32]), body).is_ok()
        }
        7 => body.try_into().is_ok_and(|slot| {
            let history = epoch.history(BUCKET).document(DocumentTag([7; 16]), 1);
            open_document_back(suite, &history, version, commitment, slot).is_ok()
        }),
        _ => {
            let _ = body.try_into().is_ok_and(|key| KemPublic::from_bytes(key).is_ok());
            false
        }
    };
    assert!(!opened, "opened without a key");
});
