//! Our reader of JSON against another one.

use proptest::prelude::*;
use strongroom_wire::edv::json::{Json, write_text};

proptest! {
    /// What both read, both read alike; we read nothing that serde_json does not.
    #[test]
    fn it_agrees_with_serde_json(text in "[\\[\\]{}:,\"\\\\a0-9.eE+\\- tnu]{0,24}") {
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        if let Ok(ours) = Json::parse(text.as_bytes()) {
            let mut again = String::new();
            ours.write(&mut again);
            let again = serde_json::from_str::<serde_json::Value>(&again);
            if let Ok(theirs) = theirs {
                prop_assert_eq!(again.unwrap(), theirs);
            } else {
                // It refuses numbers that no f64 holds; we keep them as they are written.
                prop_assert!(text.contains(['e', 'E']), "{}", text);
            }
        }
    }

    #[test]
    fn every_text_comes_back(text in any::<String>()) {
        let mut out = String::new();
        write_text(&mut out, &text);
        prop_assert_eq!(&out, &serde_json::to_string(&text).unwrap());
        let read = Json::parse(out.as_bytes()).unwrap();
        prop_assert_eq!(read.text(), Some(text.as_str()));
    }
}
