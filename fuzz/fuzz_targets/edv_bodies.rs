//! Fuzzes the bodies of EDV clients: configurations, documents, index entries, chunks, queries.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_wire::edv::ids::LocalId;
use strongroom_wire::edv::model::{Chunk, Config, Document, IndexEntry, Query};

/// An entry that fits any document.
const ENTRY: &[u8] = br#"{"hmac":{"id":"urn:fuzz","type":"t"},"sequence":0,"attributes":[]}"#;

fuzz_target!(|data: &[u8]| {
    if let Ok(config) = Config::parse(data) {
        let again = config.to_json(config.id.as_deref());
        assert_eq!(Config::parse(again.as_bytes()), Ok(config), "what is written is read");
    }
    if let Ok(document) = Document::parse(data) {
        assert_eq!(LocalId::parse(&document.id.to_string()), Ok(document.id));
        if let Ok((merged, text)) = Document::with_entry(data, ENTRY) {
            assert_eq!(Document::parse(text.as_bytes()).as_ref(), Ok(&merged));
            assert_eq!((merged.id, merged.stream), (document.id, document.stream));
        }
    }
    if let Ok(text) = core::str::from_utf8(data)
        && let Ok(id) = LocalId::parse(text)
    {
        assert_eq!(id.to_string(), text, "an id has one spelling");
    }
    let _ = (IndexEntry::parse(data), Chunk::parse(data), Query::parse(data));
});
