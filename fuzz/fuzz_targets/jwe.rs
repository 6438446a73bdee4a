//! Fuzzes what a provider of Encrypted Data Vaults answers with: an envelope (first byte 0), one
//! that is opened (1), canonical JSON (2), and attributes that are blinded (3).
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_seal::blind::{BlindKey, Index};
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
        _ => {
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
    }
});
