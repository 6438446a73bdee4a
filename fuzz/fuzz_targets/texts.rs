//! Fuzzes what a person types or a document says in words: ids, actions, the phrase, addresses.
//! The first byte chooses which.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_client::remote::ProviderUrl;
use strongroom_seal::phrase::Phrase;
use strongroom_wire::capability::Actions;
use strongroom_wire::ids::{BucketId, SessionId};
use strongroom_wire::problem::Problem;

fuzz_target!(|data: &[u8]| {
    let Some((which, body)) = data.split_first() else { return };
    let Ok(text) = core::str::from_utf8(body) else { return };
    match which {
        0 => {
            if let Ok(id) = text.parse::<BucketId>() {
                assert!([id.to_string(), id.to_base32()].contains(&text.to_owned()));
            }
            if let Ok(id) = text.parse::<SessionId>() {
                assert!([id.to_string(), id.to_base32()].contains(&text.to_owned()));
            }
        }
        1 => {
            if let Ok(actions) = text.parse::<Actions>() {
                assert_eq!(actions.to_string(), text);
            }
        }
        2 => {
            if let Ok(phrase) = Phrase::parse(text) {
                let again = Phrase::parse(&phrase.reveal()).expect("its own words");
                assert_eq!(*again.to_key().to_secret_bytes(), *phrase.to_key().to_secret_bytes());
            }
        }
        3 => {
            if let Ok(url) = text.parse::<ProviderUrl>() {
                let again = url.to_string().parse::<ProviderUrl>().expect("its own text");
                assert_eq!(again.to_string(), url.to_string());
            }
        }
        _ => {
            if let Some(problem) = Problem::from_name(text) {
                assert_eq!(problem.name(), text);
            }
        }
    }
});
