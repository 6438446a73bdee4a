//! Fuzzes what a provider of Encrypted Data Vaults answers with: an envelope (first byte 0), one
//! that is opened (1), canonical JSON (2), attributes that are blinded (3), and what an envelope
//! held (4).
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_seal::blind::{BlindKey, Index};
use strongroom_seal::edv::{self, Place};
use strongroom_seal::jcs;
use strongroom_seal::jwe::{AgreementKey, Jwe, Profile};

fuzz_target!(|data: &[u8]| {
    let Some((which, body)) = data.split_first() else { return };
    match which {
        0 | 1 => {
            let Ok(jwe) = Jwe::decode(body) else { return };
            let again = Jwe::decode(jwe.to_json().to_string().as_bytes()).unwrap();
            assert_eq!(again.digest(), jwe.digest());
            assert_eq!(again.to_json(), jwe.to_json());
            if *which == 1 {
                for kid in jwe.recipients().iter().map(|it| &it.kid) {
                    for profile in [Profile::Recommended, Profile::Fips] {
                        let key = AgreementKey::from_secret_bytes(profile, kid, &[7; 32]);
                        if let Ok(key) = key {
                            let _ = jwe.open(&key);
                        }
                    }
                }
            }
        }
        2 => {
            let Ok(value) = serde_json::from_slice(body) else { return };
            let text = jcs::to_string(&value);
            let again = serde_json::from_str(&text).unwrap();
            assert_eq!(jcs::to_string(&again), text);
        }
        3 => {
            let Ok(value) = serde_json::from_slice(body) else { return };
            let indexes = [
                Index::new(&["content.a"], true).unwrap(),
                Index::new(&["content.a", "content.b.c", "meta.d"], false).unwrap(),
            ];
            let key = BlindKey::from_secret_bytes(&[9; 32]);
            if let Ok(found) = key.attributes(&indexes, &value) {
                assert!(found.is_sorted());
            }
        }
        _ => {
            let vault = "https://edv.example/edvs/z19uMCiPNET4YbcPpBcab5mEE";
            let document = "z19pjAGaCdp2EkKzUcvdSf9wG";
            let place = Place { vault, document, sequence: 3 };
            if let Ok(read) = edv::read(body, &place) {
                // Without its proof it is a document of other programs.
                let plain = edv::write_plain(&read.body);
                let again = edv::read(&plain, &place).unwrap();
                assert!(again.proof.is_none());
                assert_eq!(again.body.content, read.body.content);
            }
        }
    }
});
