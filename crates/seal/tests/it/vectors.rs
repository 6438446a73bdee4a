//! Every golden file of this crate's formats, against the code that reads them.

use serde_json::Value;
use strongroom_seal::cost::Cost;
use strongroom_seal::epoch;
use strongroom_seal::kem::AgreeSeed;
use strongroom_seal::keys::{
    ChunkKey, Commitment, DeviceSecret, DocumentKey, EpochKey, Nonce, TagKey,
};
use strongroom_seal::keystore;
use strongroom_seal::link::{Link, LinkError, LinkSalt, LinkSecret, link_principal};
use strongroom_seal::manifest::{ContentReader, Manifest, ManifestError, Need};
use strongroom_seal::padding::{Padding, Padme};
use strongroom_seal::part::{self, Draft, Hedge, PartHeader};
use strongroom_seal::phrase::{Phrase, PhraseError};
use strongroom_seal::recovery::{RecoveryKey, open_record};
use strongroom_seal::sealing::Sealing;
use strongroom_seal::stream::{
    ArrivedChunk, ChunkError, ChunkRef, Cutter, Layout, Piece, open_chunk,
};
use strongroom_seal::suite::Suite;
use strongroom_seal::wrap::{EpochGrant, Place, open_epoch};
use strongroom_wire::cbor::CborError;
use strongroom_wire::clear::{ConstantSize, PaddingRule};
use strongroom_wire::ids::{AuthorKey, BucketId, ChunkId, EntryId, Thumbprint};

use crate::golden::{Outcome, bytes, hex, run, unfold, unhex};

const SUITE: Suite = Suite::Aes256Gcm;

fn blob(case: &Value, field: &str) -> Vec<u8> {
    unfold(&case[field])
}

fn array<const N: usize>(case: &Value, field: &str) -> [u8; N] {
    unhex(case[field].as_str().unwrap_or_else(|| panic!("{field} of {}", case["name"])))
        .try_into()
        .unwrap_or_else(|_| panic!("{field} of {} has another length", case["name"]))
}

fn number(case: &Value, field: &str) -> u64 {
    case[field].as_u64().unwrap()
}

fn refused<E>(_: E) -> String {
    "refused".to_owned()
}

fn cbor_name(error: CborError) -> &'static str {
    match error {
        CborError::Cut => "cut",
        CborError::NotCanonical => "not canonical",
        CborError::Type => "type",
        CborError::Limit => "limit",
        CborError::Order => "order",
        CborError::Utf8 => "utf8",
        CborError::Trailing => "trailing",
        CborError::Unknown => "unknown",
    }
}

fn chunk_name(error: ChunkError) -> String {
    match error {
        ChunkError::Bytes(_) => "bytes",
        ChunkError::Sealed(_) => "sealed",
        ChunkError::Length(_) => "length",
        ChunkError::Padding(_) => "padding",
        ChunkError::Order(_) => "order",
    }
    .to_owned()
}

fn manifest_name(error: ManifestError) -> String {
    match error {
        ManifestError::Encoding(error) => cbor_name(error).to_owned(),
        ManifestError::Shape => "shape".to_owned(),
        ManifestError::Padding => "padding".to_owned(),
        ManifestError::Chunk(error) => chunk_name(error),
        other => panic!("not an error of reading: {other}"),
    }
}

fn link_name(error: LinkError) -> String {
    match error {
        LinkError::Length => "length",
        LinkError::Form => "form",
        LinkError::Flags => "flags",
        other => panic!("not an error of reading: {other}"),
    }
    .to_owned()
}

fn link_keys(case: &Value) {
    let secret = LinkSecret::from_secret_bytes(&array(case, "secret"));
    let salted = LinkSalt { salt: array(case, "salt"), cost: Cost::FLOOR };
    let key = match case["password"].as_str() {
        None => secret.open(),
        Some(password) => secret.open_with(password.as_bytes(), &salted).unwrap(),
    };
    let name = &case["name"];
    assert_eq!(hex(&secret.id().0), case["id"], "{name}");
    assert_eq!(hex(&*key.agree().to_secret_bytes()), case["agree"], "{name}");
    assert_eq!(hex(&*key.member().to_secret_bytes()), case["member"], "{name}");
    assert_eq!(hex(&*key.tag_key().to_secret_bytes()), case["tag"], "{name}");
    let principal = link_principal(&key.agree().pair().public());
    assert_eq!(hex(&principal.0), case["principal"], "{name}");
}

fn derivation(case: &Value) {
    let input: Vec<u8> = case["input"].as_array().unwrap().iter().flat_map(bytes).collect();
    let context = format!("strongroom 1 {}", case["context"].as_str().unwrap());
    assert_eq!(hex(&blake3::derive_key(&context, &input)), case["output"], "{}", case["name"]);
}

/// Of cases that do not say: suite 1.
fn suite(case: &Value) -> Suite {
    Suite::from_byte(case["suite"].as_u64().unwrap_or(1) as u8).unwrap()
}

/// As it stands in a genesis; 0: Padmé.
fn padding(case: &Value) -> PaddingRule {
    match case["padding"].as_u64().unwrap_or_default() {
        0 => PaddingRule::Padme,
        1 => PaddingRule::None,
        2 => PaddingRule::PowerOfTwo,
        n => PaddingRule::Constant(ConstantSize::from_bytes(1 << n).unwrap()),
    }
}

fn sealed_part(case: &Value) -> Outcome {
    let suite = Suite::from_byte(number(case, "suite") as u8).map_err(refused)?;
    let sealing = Sealing { suite, padding: padding(case) };
    let document = DocumentKey::from_secret_bytes(&array(case, "dk"));
    let header = PartHeader {
        nonce: Nonce(array(case, "nonce")),
        commitment: Commitment(array(case, "kc")),
        sealed_len: number(case, "sealed_len") as u32,
    };
    let (aad, sealed) = (blob(case, "aad"), blob(case, "sealed"));
    let cbor = part::open(sealing, &document, &header, &aad, &sealed).map_err(refused)?;
    assert_eq!(cbor[..], blob(case, "cbor"));
    // The product seals it to the very same bytes.
    let device = DeviceSecret::from_secret_bytes(&[12; 32]);
    let hedge = Hedge { device: &device, author: AuthorKey([13; 32]), seq: 7, random: [11; 32] };
    let draft = Draft::new(&document, &cbor, &sealing.padding, hedge).unwrap();
    assert_eq!(draft.header(), header, "{}", case["name"]);
    assert_eq!(draft.seal(suite, &aad).unwrap(), sealed, "{}", case["name"]);
    Ok(Vec::new())
}

fn chunk(case: &Value) -> Outcome {
    let reference = ChunkRef {
        id: ChunkId(array(case, "id")),
        key: ChunkKey::from_secret_bytes(&array(case, "key")),
        len: number(case, "len") as u32,
    };
    let bytes = blob(case, "bytes");
    let plain = ArrivedChunk::check(reference.id, bytes.clone())
        .and_then(|arrived| open_chunk(suite(case), &reference, arrived))
        .map_err(chunk_name)?;
    assert_eq!(plain, blob(case, "plain"));
    let device = DeviceSecret::from_secret_bytes(&[12; 32]);
    let piece = Piece::from_plaintext(0, plain).unwrap();
    let sealed = piece.seal(suite(case), &device, [11; 32]).unwrap();
    assert_eq!((sealed.reference.id, sealed.bytes), (reference.id, bytes));
    Ok(Vec::new())
}

fn layout(case: &Value) {
    let (size, padded) = (number(case, "size"), number(case, "padded"));
    assert_eq!(self::padding(case).padded_len(size), Some(padded), "{}", case["name"]);
    let layout = Layout { size, padded };
    assert_eq!(layout.chunks(), number(case, "chunks"));
    assert_eq!(layout.plain_len(layout.chunks() - 1) as u64, number(case, "last"));
}

/// Seals the content, then reads what the provider serves in its place.
fn content(case: &Value) -> Outcome {
    let device = DeviceSecret::from_secret_bytes(&array(case, "device_secret"));
    let content = blob(case, "content");
    let randoms: Vec<[u8; 32]> = case["randoms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|random| unhex(random.as_str().unwrap()).try_into().unwrap())
        .collect();
    let (mut cutter, mut pieces, mut rest) = (Cutter::new(Padme), Vec::new(), &content[..]);
    while !rest.is_empty() {
        let space = cutter.space();
        let count = space.len().min(rest.len()).min(100_000);
        space[..count].copy_from_slice(&rest[..count]);
        rest = &rest[count..];
        pieces.extend(cutter.filled(count));
    }
    let tail = cutter.finish().unwrap();
    let layout = Layout { size: tail.size(), padded: tail.padded() };
    assert_eq!(layout.padded, number(case, "padded"));
    let sealed: Vec<_> = pieces
        .into_iter()
        .chain(tail)
        .zip(randoms)
        .map(|(piece, random)| piece.seal(SUITE, &device, random).unwrap())
        .collect();
    for (chunk, id) in sealed.iter().zip(case["ids"].as_array().unwrap()) {
        assert_eq!(hex(&chunk.reference.id.0), *id);
    }

    let mut served = case["serve"].as_array().unwrap().iter();
    let mut read = Vec::new();
    for (index, due) in sealed.iter().enumerate() {
        let answer = served.next().ok_or("missing")?;
        let mut bytes = sealed[answer[0].as_u64().unwrap() as usize].bytes.clone();
        bytes.truncate(answer[1].as_u64().map_or(usize::MAX, |len| len as usize));
        let plain = ArrivedChunk::check(due.reference.id, bytes)
            .and_then(|arrived| open_chunk(SUITE, &due.reference, arrived))
            .and_then(|plain| layout.trim(index as u64, &due.reference, plain))
            .map_err(chunk_name)?;
        read.extend(plain);
    }
    assert!(read == content, "{}: read something else", case["name"]);
    Ok(Vec::new())
}

fn node(case: &Value) -> Outcome {
    let manifest = Manifest::decode(&blob(case, "manifest")).unwrap();
    let sealing = Sealing { suite: suite(case), padding: padding(case) };
    let mut reader = ContentReader::new(sealing, manifest).map_err(manifest_name)?;
    let index = number(case, "index");
    let Some(Need::Node(id)) = reader.need(index) else { panic!("no node is due") };
    let arrived = ArrivedChunk::check(id, blob(case, "chunk")).unwrap();
    reader.absorb_node(index, arrived).map_err(manifest_name)?;
    assert!(matches!(reader.need(index), Some(Need::Chunk(_))));
    Ok(Vec::new())
}

fn wrap(case: &Value) -> Outcome {
    let pair = AgreeSeed::from_secret_bytes(&array(case, "seed")).pair();
    let tag_key = TagKey::from_secret_bytes(&array(case, "tag_key"));
    let place =
        Place { suite: suite(case), bucket: BucketId(array(case, "bucket")), n: number(case, "n") };
    let (e, ck) = (Commitment(array(case, "commit_e")), Commitment(array(case, "commit_ck")));
    let wraps = [array(case, "wrap")];
    match open_epoch(place, &pair, Some(&tag_key), e, ck, &wraps).map_err(refused)? {
        EpochGrant::Epoch(key) => assert_eq!(key.to_secret_bytes()[..], blob(case, "key")),
        EpochGrant::Content(_) => panic!("E was wrapped, not CK"),
    }
    Ok(Vec::new())
}

fn back(case: &Value) -> Outcome {
    let new = EpochKey::from_secret_bytes(&array(case, "new_e"));
    let history = new.history(BucketId(array(case, "bucket")));
    let previous = EntryId(array(case, "previous"));
    let committed = Commitment(array(case, "commit_e"));
    let opened = epoch::open_back(suite(case), &history, previous, committed, &array(case, "slot"));
    let key = opened.map_err(refused)?;
    assert_eq!(key.to_secret_bytes()[..], blob(case, "key"));
    let again = epoch::seal_back(suite(case), &history, previous, &key).unwrap();
    assert_eq!(again, array::<48>(case, "slot"));
    Ok(Vec::new())
}

fn child(case: &Value) -> Outcome {
    let parent = EpochKey::from_secret_bytes(&array(case, "parent_e"));
    let parent = parent.children(BucketId(array(case, "parent")));
    let child = BucketId(array(case, "child"));
    let committed = Commitment(array(case, "commit_e"));
    let slots = [[7; 48], array(case, "slot")];
    let key = epoch::open_child(suite(case), &parent, child, committed, &slots).map_err(refused)?;
    assert_eq!(key.to_secret_bytes()[..], blob(case, "key"));
    let again = epoch::seal_child(suite(case), &parent, child, &key).unwrap();
    assert_eq!(again, array::<48>(case, "slot"));
    Ok(Vec::new())
}

fn key_store(case: &Value) -> Outcome {
    let passphrase = case["passphrase"].as_str().unwrap();
    let opened = keystore::unlock(passphrase.as_bytes(), &blob(case, "file"));
    let (contents, _) = opened.map_err(refused)?;
    assert_eq!(contents[..], blob(case, "contents"));
    Ok(Vec::new())
}

fn local_row(case: &Value) -> Outcome {
    let local = DeviceSecret::from_secret_bytes(&array(case, "device_secret")).local();
    let (row_key, row) = (blob(case, "row_key"), blob(case, "row"));
    let plain = local.open_row(&row_key, &row).map_err(refused)?;
    assert_eq!(plain[..], blob(case, "plain"));
    assert_eq!(local.seal_row(array(case, "random"), &row_key, &plain).unwrap(), row);
    Ok(Vec::new())
}

fn phrase(case: &Value) -> Outcome {
    let phrase = Phrase::parse(case["typed"].as_str().unwrap()).map_err(|error| match error {
        PhraseError::Count { found } => format!("count {found}"),
        PhraseError::Word { position } => format!("word {position}"),
        PhraseError::Checksum => "checksum".to_owned(),
        PhraseError::TooLong => "too long".to_owned(),
    })?;
    assert_eq!(phrase.to_key().to_secret_bytes()[..], blob(case, "key"));
    Ok(Vec::new())
}

fn recovery_keys(case: &Value) {
    let r = RecoveryKey::from_secret_bytes(&array(case, "r"));
    let provider = Thumbprint(array(case, "provider"));
    let locator = r.locator();
    let root = r.identity_root(number(case, "n") as u32);
    let pair = blake3::hash(&r.pair().pair().public().to_bytes()[..]);
    assert_eq!(hex(&root.public().0), case["identity_root"]);
    assert_eq!(hex(pair.as_bytes()), case["pair_hash"]);
    assert_eq!(hex(&locator.to_secret_bytes()[..]), case["locator"]);
    assert_eq!(hex(&locator.record_id(&provider).0), case["record_id"]);
    assert_eq!(hex(&locator.record_key(&provider).public().0), case["record_key"]);
}

fn record(case: &Value) -> Outcome {
    let r = RecoveryKey::from_secret_bytes(&array(case, "r"));
    let provider = Thumbprint(array(case, "provider"));
    let opened = open_record(&r.pair().pair(), &r.locator(), &provider, &blob(case, "record"));
    let opened = opened.map_err(refused)?;
    assert_eq!(opened.counter, number(case, "counter"));
    assert_eq!(opened.contents[..], blob(case, "contents"));
    Ok(Vec::new())
}

fn decode(decoder: &str, case: &Value) -> Outcome {
    match decoder {
        "derive" => {
            derivation(case);
            Ok(Vec::new())
        }
        "sealed part" => sealed_part(case),
        "chunk" => chunk(case),
        "layout" => {
            layout(case);
            Ok(Vec::new())
        }
        "content" => content(case),
        "manifest" => Manifest::decode(&bytes(case))
            .map(|manifest| manifest.encode().to_vec())
            .map_err(manifest_name),
        "node" => node(case),
        "wrap" => wrap(case),
        "back" => back(case),
        "child" => child(case),
        "key store" => key_store(case),
        "local row" => local_row(case),
        "phrase" => phrase(case),
        "recovery keys" => {
            recovery_keys(case);
            Ok(Vec::new())
        }
        "recovery record" => record(case),
        "link" => Link::decode(&bytes(case)).map(|it| it.encode().to_vec()).map_err(link_name),
        "link keys" => {
            link_keys(case);
            Ok(Vec::new())
        }
        other => panic!("no decoder is called {other}"),
    }
}

/// Good and broken cases there must be at least. These numbers only grow.
const COUNTS: [(&str, usize, usize); 10] = [
    ("keys", 43, 0),
    ("sealed-part", 6, 31),
    ("chunk", 14, 28),
    ("manifest", 7, 37),
    ("wrap", 2, 11),
    ("epoch", 2, 13),
    ("key-store", 1, 14),
    ("local-row", 1, 7),
    ("recovery", 7, 27),
    ("link", 6, 7),
];

#[test]
fn every_case_ends_as_its_file_says() {
    let mut few = Vec::new();
    for (subject, good_min, broken_min) in COUNTS {
        let (good, broken) = run(subject, decode);
        println!("{subject}: {good} good, {broken} broken");
        if good < good_min || broken < broken_min {
            few.push(subject);
        }
    }
    assert!(few.is_empty(), "cases were lost: {few:?}");
}
