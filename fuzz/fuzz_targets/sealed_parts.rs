//! Fuzzes the other sealed parts; the first byte chooses which.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_core::checkpoint::{Checkpoint, ForkProof};
use strongroom_core::parts::{EpochBody, MemberBody, decode_reason, encode_reason};

fuzz_target!(|data: &[u8]| {
    let Some((which, body)) = data.split_first() else { return };
    let again = match which {
        0 => EpochBody::decode(body).map(|part| part.encode().to_vec()).ok(),
        1 => MemberBody::decode(body).map(|part| part.encode().to_vec()).ok(),
        2 => decode_reason(body).map(|reason| encode_reason(&reason)).ok(),
        3 => Checkpoint::decode(body).map(|checkpoint| checkpoint.encode()).ok(),
        4 => ForkProof::decode(body).map(|proof| proof.encode()).ok(),
        _ => return,
    };
    if let Some(again) = again {
        assert_eq!(again, body);
    }
});
