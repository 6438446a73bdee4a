//! Fuzzes key logs: a genesis (first byte 0), an event (1), an event after a fixed genesis (2).
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_core::keylog::{Genesis, KeyLog, RootKeys, SignedEvent};
use strongroom_wire::clear::Floors;
use strongroom_wire::ids::PublicKey;

fuzz_target!(|data: &[u8]| {
    let Some((which, body)) = data.split_first() else { return };
    match which {
        0 => {
            if let Ok(genesis) = Genesis::decode(body) {
                assert_eq!(genesis.encode(), body);
            }
        }
        1 => {
            if let Ok(event) = SignedEvent::decode(body) {
                assert_eq!(event.encode(), body);
            }
        }
        _ => {
            let genesis = Genesis {
                suite: 1,
                floors: Floors::suite_1(),
                roots: RootKeys { keys: vec![PublicKey([1; 32])], threshold: 1 },
                guardians_commit: [0; 32],
                next_root_commit: [0; 32],
            };
            // Nothing passes: the fuzzer does not have the root key.
            assert!(KeyLog::verify(&genesis.encode(), &[body.to_vec()]).is_err());
        }
    }
});
