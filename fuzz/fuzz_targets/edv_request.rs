//! Fuzzes the headers of a request of the EDV protocol. Lines: method, target, host, type, digest,
//! authorization, invocation; what follows is the body.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_wire::edv::chain::Root;
use strongroom_wire::edv::invocation::{Expected, Invoked};
use strongroom_wire::edv::signature::{Origin, Request, verify};

const NOW: u64 = 1_861_920_000;
const EDV: &str = "https://edv.example/edvs/z19uMCiPNET4YbcPpBcab5mEE";

fuzz_target!(|data: &[u8]| {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let mut lines = text.splitn(8, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (method, target) = (line(), line());
    let values = [line(), line(), line(), line(), line()];
    let body = line();
    let names = ["host", "content-type", "digest", "authorization", "capability-invocation"];
    let header = |name: &str| {
        let at = names.iter().position(|own| *own == name)?;
        Some(values[at]).filter(|value| !value.is_empty())
    };
    let _ = Invoked::parse(values[4]);
    let body = (!body.is_empty()).then_some(body.as_bytes());
    let request = Request { method, target, header: &header, body };
    let origin = Origin { scheme: "https", host: "edv.example" };
    let Ok(invocation) = verify(&request, &origin, NOW) else { return };
    let controllers = [invocation.did().to_owned()];
    let roots = [Root { target: EDV, controllers: &controllers }];
    for action in ["read", "write"] {
        let url = format!("https://edv.example{target}");
        let _ = invocation.authorize(&Expected { roots: &roots, target: &url, action }, NOW);
    }
});
