//! Golden files and stories of what sealed parts say.

use proptest::prelude::*;
use serde_json::Value;
use strongroom_core::document::{
    Content, DocumentType, Metadata, Timestamp, VersionBody, digest, digest_of,
};
use strongroom_core::parts::{EpochBody, MemberBody, decode_reason, encode_reason};
use strongroom_wire::ids::DocumentTag;

use crate::golden::{Outcome, bytes, run};
use crate::vectors::cbor_name;

fn decode(decoder: &str, case: &Value) -> Outcome {
    let bytes = bytes(case);
    match decoder {
        "version body" => VersionBody::decode(&bytes).map(|it| it.encode()),
        "epoch body" => EpochBody::decode(&bytes).map(|it| it.encode().to_vec()),
        "member body" => MemberBody::decode(&bytes).map(|it| it.encode().to_vec()),
        "reason" => decode_reason(&bytes).map(|it| encode_reason(&it)),
        other => panic!("no decoder is called {other}"),
    }
    .map_err(cbor_name)
}

#[test]
fn every_case_ends_as_its_file_says() {
    let (good, broken) = run("document", decode);
    assert!(good >= 21 && broken >= 70, "cases were lost: {good} good, {broken} broken");
}

#[test]
fn equal_contents_have_equal_digests_and_cutting_matters() {
    let piece = |bytes: &[u8]| *blake3::hash(bytes).as_bytes();
    assert_eq!(digest_of(b"hello"), digest([piece(b"hello")]));
    assert_ne!(digest([piece(b"he"), piece(b"llo")]), digest_of(b"hello"));
    assert_ne!(digest([piece(b"a"), piece(b"b")]), digest([piece(b"b"), piece(b"a")]));
    // No content and an empty one are two things.
    assert_ne!(digest([]), digest_of(b""));
}

fn kind() -> impl Strategy<Value = DocumentType> {
    prop::sample::select(vec![
        DocumentType::Directory,
        DocumentType::File,
        DocumentType::Link,
        DocumentType::Object,
        DocumentType::Internal,
    ])
}

fn content() -> impl Strategy<Value = Content> {
    let bytes = prop::collection::vec(any::<u8>(), 0..200);
    prop_oneof![
        Just(Content::Empty),
        bytes.clone().prop_map(Content::Inline),
        bytes.prop_map(Content::Manifest),
    ]
}

prop_compose! {
    fn body()(
        parent: [u8; 16],
        name in "\\PC{0,40}|\\.{0,3}|[a-z]{0,5}/[a-z]{0,5}",
        kind in kind(),
        media_type in prop::option::of("[a-z]{0,9}/[a-z]{0,9}"),
        honest: bool,
        size: u64,
        secs: i64,
        nanos in 0_u32..1_000_000_000,
        mode in prop::option::of(0_u16..=0o7777),
        digest: Option<[u8; 32]>,
        content in content(),
    ) -> VersionBody {
        let size = match &content {
            Content::Inline(bytes) if honest => bytes.len() as u64,
            Content::Empty if honest => 0,
            _ => size,
        };
        let parent = DocumentTag(parent);
        let modified = Timestamp { secs, nanos };
        let schema = None;
        let metadata =
            Metadata { parent, name, kind, media_type, size, modified, mode, digest, schema };
        VersionBody { metadata, content }
    }
}

proptest! {
    /// What a writer may write a reader reads, and nothing else.
    #[test]
    fn sound_bodies_come_back_and_others_do_not(body in body()) {
        let read = VersionBody::decode(&body.encode());
        prop_assert_eq!(read.is_ok(), body.is_sound());
        if let Ok(read) = read {
            prop_assert_eq!(read, body);
        }
    }

    #[test]
    fn whatever_arrives_is_read_one_way_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..300)
    ) {
        if let Ok(body) = VersionBody::decode(&bytes) {
            prop_assert_eq!(body.encode(), bytes);
        }
    }
}
