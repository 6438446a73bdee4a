//! Every golden file of what only a person's own devices read, against its decoder.

use strongroom_client::decoders::ALL;
use strongroom_wire::cbor::CborError;

use crate::golden::{bytes, run};

fn cbor_name(error: CborError) -> String {
    let name = match error {
        CborError::Cut => "cut",
        CborError::NotCanonical => "not canonical",
        CborError::Type => "type",
        CborError::Limit => "limit",
        CborError::Order => "order",
        CborError::Utf8 => "utf8",
        CborError::Trailing => "trailing",
        CborError::Unknown => "unknown",
    };
    name.to_owned()
}

#[test]
fn every_case_ends_as_its_file_says() {
    let seen = std::cell::RefCell::new(std::collections::BTreeSet::new());
    let (good, broken) = run("own", |decoder, case| {
        let (name, again) = ALL.iter().find(|(name, _)| *name == decoder).unwrap();
        seen.borrow_mut().insert(*name);
        again(&bytes(case)).map_err(cbor_name)
    });
    // These numbers only grow.
    assert!(good >= 38 && broken >= 206, "{good} good, {broken} broken");
    assert_eq!(seen.borrow().len(), ALL.len(), "a form without golden files");
}
