//! Fuzzes capabilities of the EDV protocol as JSON, their quads, and the whole verifier.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_wire::edv::chain::Root;
use strongroom_wire::edv::json::Json;
use strongroom_wire::edv::revocation::Revocation;
use strongroom_wire::edv::zcap::Zcap;

fuzz_target!(|data: &[u8]| {
    if let Ok(json) = Json::parse(data) {
        let mut again = String::new();
        json.write(&mut again);
        assert_eq!(Json::parse(again.as_bytes()).as_ref(), Ok(&json));
    }
    let Ok(zcap) = Zcap::parse(data) else { return };
    let again = Zcap::parse(zcap.to_json().as_bytes()).expect("what is written is read");
    assert_eq!(again, zcap);
    assert_eq!(again.to_be_signed(), zcap.to_be_signed());
    let edv = "https://edv.example/edvs/z19uMCiPNET4YbcPpBcab5mEE";
    let controllers = zcap.controllers().to_vec();
    let root = Root { target: edv, controllers: &controllers };
    let _ = Revocation::of(data, zcap.id(), &root, 1_861_920_000);
});
