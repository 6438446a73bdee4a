//! Fuzzes both sides of a session's opening: the request's body (first byte 0), the answer (1).
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_wire::ids::{PublicKey, SessionId};
use strongroom_wire::session::{Kem, Opening, OpeningRequest, answer};

fuzz_target!(|data: &[u8]| {
    let Some((which, body)) = data.split_first() else { return };
    let (base, signature) = (&b"base"[..], &[7; 64]);
    if *which == 0 {
        let request = OpeningRequest { base, signature, body, exporter: &[] };
        let _ = answer(&request, SessionId([1; 16]), 1_795_000_000, &[2; 64], |_| [3; 64]);
        return;
    }
    let opening = Opening::new(Kem::X25519, &[4; 32]);
    let opened = opening.body().to_vec();
    let request = OpeningRequest { base, signature, body: &opened, exporter: &[] };
    // Nothing passes: the fuzzer does not have the provider's key.
    assert!(opening.finish(&request, &PublicKey([1; 32]), body).is_err());
});
