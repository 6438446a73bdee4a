//! Fuzzes the fields of a signed request. Lines: method, target, digest, chain, input, signature.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_wire::http_signature::{
    CapabilityField, RequestParts, Signed, parse, parse_chain_field, parse_chain_hash_field,
};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let mut parts = RequestParts::new(line(), line());
    let (digest, chain, input, signature) = (line(), line(), line(), line());
    parts.content_digest = (!digest.is_empty()).then_some(digest);
    let _ = (parse_chain_field(chain), parse_chain_hash_field(chain));
    let (whole, hash) = (CapabilityField::Chain(chain), CapabilityField::Hash(chain));
    for capability in [None, Some(whole), Some(hash)] {
        parts.capability = capability;
        if let Ok(Signed::Key(signed)) = parse(&parts, input, signature) {
            let _ = signed.verify(1_795_000_000, 0);
        }
    }
});
