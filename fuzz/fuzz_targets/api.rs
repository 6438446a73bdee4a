//! Fuzzes bodies of requests; the first byte chooses which.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_wire::api::{
    CopyChunks, Holding, RecordPut, SignUp, VaultTerms, decode_have, decode_records, encode_have,
    encode_records,
};
use strongroom_wire::ids::{SessionId, Thumbprint};

fuzz_target!(|data: &[u8]| {
    let Some((which, body)) = data.split_first() else { return };
    let again = match which {
        0 => SignUp::decode(body).map(|sign_up| {
            let _ = sign_up.holds(Thumbprint::ZERO, SessionId::ZERO);
            sign_up.encode()
        }),
        1 => VaultTerms::decode(body).map(|terms| terms.encode()),
        2 => Holding::decode_all(body).map(|all| Holding::encode_all(&all)),
        3 => decode_have(body).map(|chunks| encode_have(&chunks)),
        4 => RecordPut::decode(body).map(|put| put.encode()),
        5 => decode_records(body).map(|records| encode_records(&records)),
        6 => CopyChunks::decode(body).map(|copy| copy.encode()),
        _ => return,
    };
    if let Ok(again) = again {
        assert_eq!(again, body);
    }
});
