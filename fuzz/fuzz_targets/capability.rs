//! Fuzzes capabilities (first byte 0) and chains of them with the whole verifier (1).
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_wire::capability::{Capability, CapabilityChain, Claims, Judge, verify};
use strongroom_wire::ids::PublicKey;

fuzz_target!(|data: &[u8]| {
    let Some((which, body)) = data.split_first() else { return };
    match which {
        0 => {
            if let Ok(capability) = Capability::decode(body) {
                assert_eq!(capability.bytes(), body);
            }
        }
        1 => {
            let Ok(chain) = CapabilityChain::decode(body) else { return };
            assert_eq!(chain.encode(), body);
            let root = PublicKey([1; 32]);
            let judge = Judge { root, now: 1_795_000_000, provider: None, suites: &[1] };
            let _ = verify(&chain, &judge, |_| false);
        }
        _ => {
            if let Ok(claims) = Claims::decode(body) {
                assert_eq!(claims.encode(), body);
            }
        }
    }
});
