//! What other programs of Encrypted Data Vaults made, read by ours: envelopes and blinded
//! attributes. vectors/edv and vectors/jwe.

use std::collections::BTreeSet;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};
use strongroom_seal::blind::{BlindAttribute, BlindError, BlindKey, Index};
use strongroom_seal::edv::{self, Body, EdvError, Place, StreamManifest};
use strongroom_seal::identity::EdvSigningKey;
use strongroom_seal::jwe::{AgreementKey, Enc, Jwe, JweError, Profile, Sealer};
use strongroom_seal::rng::DangerSeeded;

use crate::golden::{hex, run, unhex};

const RECOMMENDED: Profile = Profile::Recommended;

fn read(path: &str) -> Value {
    let path = format!("{}/../../vectors/{path}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Good cases of other programs.
pub fn read_others() -> Vec<Value> {
    read("jwe/others.json")["cases"].as_array().unwrap().clone()
}

/// The envelope of the interop vectors.
pub fn envelope() -> Value {
    read("edv/vectors.json")["envelope"].clone()
}

/// Its private key as hex: multibase with two bytes of multicodec in front.
pub fn envelope_secret() -> String {
    let text = envelope()["privateKeyMultibase"].as_str().unwrap()[1..].to_owned();
    const ALPHABET: &str = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut number = [0_u8; 34];
    for c in text.chars() {
        let mut carry = ALPHABET.find(c).unwrap();
        for byte in number.iter_mut().rev() {
            carry += usize::from(*byte) * 58;
            *byte = (carry & 0xff) as u8;
            carry >>= 8;
        }
    }
    hex(&number[2..])
}

fn key(case: &Value) -> AgreementKey {
    let profile = if case["profile"] == "fips" { Profile::Fips } else { RECOMMENDED };
    let secret = unhex(case["secret"].as_str().unwrap()).try_into().unwrap();
    AgreementKey::from_secret_bytes(profile, case["kid"].as_str().unwrap(), &secret).unwrap()
}

fn open(case: &Value) -> Result<Vec<u8>, JweError> {
    let jwe = Jwe::decode(case["jwe"].to_string().as_bytes())?;
    // Written back as it was read, without what betrays it.
    let again = Jwe::from_json(&jwe.to_json())?;
    assert_eq!((again.digest(), again.to_json()), (jwe.digest(), jwe.to_json()));
    assert!(!again.is_open_to_all());
    let opened = jwe.open(&key(case))?;
    assert_eq!(String::from_utf8_lossy(&opened.plain), case["plain"].as_str().unwrap());
    Ok(Vec::new())
}

#[test]
fn every_jwe_ends_as_its_file_says() {
    let (good, broken) = run("jwe", |decoder, case| {
        assert_eq!(decoder, "jwe");
        open(case).map_err(|error| {
            match error {
                JweError::Form(_) => "form",
                JweError::Limit(_) => "limit",
                JweError::Cipher => "cipher",
                JweError::Recipient => "recipient",
                JweError::Key => "key",
                JweError::Open => "open",
            }
            .to_owned()
        })
    });
    assert!(good >= 11 && broken >= 46, "cases were lost: {good} good, {broken} broken");
}

#[test]
fn what_is_sealed_here_has_the_form_that_others_read() {
    let mut rng = DangerSeeded::new(4);
    let envelope = envelope();
    let kid = envelope["keyId"].as_str().unwrap();
    let secret = unhex(&envelope_secret()).try_into().unwrap();
    let bob = AgreementKey::from_secret_bytes(RECOMMENDED, kid, &secret).unwrap();
    let sealer = Sealer::new(RECOMMENDED, &[bob.public()], &mut rng).unwrap();
    let ours = sealer.seal(b"{}", &mut rng).unwrap().to_json();
    let theirs = &envelope["jwe"];
    assert_eq!(ours["protected"], theirs["protected"]);
    assert_eq!(shape(&ours), shape(theirs));
    let header = &ours["recipients"][0]["header"];
    assert_eq!(header["apv"], theirs["recipients"][0]["header"]["apv"]);
    assert_eq!(header["apu"], header["epk"]["x"]);
}

/// Names and lengths, without the values.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| *name != "ciphertext")
            .map(|(name, value)| (name.clone(), shape(value)))
            .collect(),
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::String(text) => text.len().into(),
        other => other.clone(),
    }
}

#[test]
fn several_recipients_of_both_profiles_open_every_chunk_of_a_stream() {
    let mut rng = DangerSeeded::new(5);
    for profile in [RECOMMENDED, Profile::Fips] {
        let keys: Vec<_> = ["urn:alice", "urn:bob", "urn:carroll"]
            .map(|kid| AgreementKey::generate(profile, kid, &mut rng).unwrap())
            .into();
        let public: Vec<_> = keys.iter().map(AgreementKey::public).collect();
        let sealer = Sealer::new(profile, &public, &mut rng).unwrap();
        let mut ivs = BTreeSet::new();
        for chunk in 0..4_u8 {
            let header = json!({"chunk": chunk}).as_object().unwrap().clone();
            let jwe = sealer.seal_with(&[chunk; 100], header, &mut rng).unwrap();
            assert!(ivs.insert(jwe.to_json()["iv"].to_string()), "an iv is used once");
            for key in &keys {
                let jwe = Jwe::decode(jwe.to_json().to_string().as_bytes()).unwrap();
                let opened = jwe.open(key).unwrap();
                assert_eq!(opened.plain[..], [chunk; 100]);
                assert_eq!(opened.header["chunk"], chunk);
                assert!(!jwe.is_open_to_all());
            }
        }
        let mallory = AgreementKey::generate(profile, "urn:mallory", &mut rng).unwrap();
        let jwe = sealer.seal(b"x", &mut rng).unwrap();
        assert_eq!(jwe.open(&mallory).unwrap_err(), JweError::Recipient);
        let mallory = mallory.with_kid("urn:bob").unwrap();
        assert_eq!(jwe.open(&mallory).unwrap_err(), JweError::Open);
    }
}

#[test]
fn nobody_is_made_to_read_a_list_of_recipients_without_end() {
    let mut jwe = envelope()["jwe"].clone();
    let one = jwe["recipients"][0].clone();
    jwe["recipients"] = json!(vec![one.clone(); 1_024]);
    assert!(Jwe::from_json(&jwe).is_ok());
    jwe["recipients"] = json!(vec![one; 1_025]);
    assert_eq!(Jwe::from_json(&jwe), Err(JweError::Limit("recipients")));
}

#[test]
fn a_key_of_the_other_curve_is_no_recipient() {
    let mut rng = DangerSeeded::new(6);
    let bob = AgreementKey::generate(Profile::Fips, "urn:bob", &mut rng).unwrap();
    assert_eq!(Sealer::new(RECOMMENDED, &[bob.public()], &mut rng).unwrap_err(), JweError::Key);
    assert!(matches!(Sealer::new(RECOMMENDED, &[], &mut rng), Err(JweError::Form(_))));
}

/// The client of others writes the private half of the ephemeral key into every document of its
/// fips profile, where the provider reads it. Ours opens such documents, says so, and does not.
#[test]
fn a_document_that_everyone_can_open_is_known() {
    let open_to_all: Vec<(String, bool)> = read_others()
        .iter()
        .map(|case| {
            let jwe = Jwe::from_json(&case["jwe"]).unwrap();
            (case["name"].as_str().unwrap().to_owned(), jwe.is_open_to_all())
        })
        .collect();
    for (name, open) in &open_to_all {
        assert_eq!(*open, name.starts_with("fips") && !name.ends_with("mended"), "{name}");
    }
    let old = read_others().into_iter().find(|case| case["name"] == "C20P").unwrap();
    assert_eq!(Jwe::from_json(&old["jwe"]).unwrap().enc(), Enc::C20p);
}

fn indexes() -> Vec<Index> {
    vec![
        Index::new(&["content.kind"], false).unwrap(),
        Index::new(&["content.sku"], true).unwrap(),
        Index::new(&["content.country", "content.region"], false).unwrap(),
    ]
}

#[test]
fn blinded_attributes_and_queries_are_those_of_the_vectors() {
    let blinding = &read("edv/vectors.json")["blinding"];
    let key = unhex(blinding["hmacKey"].as_str().unwrap()).try_into().unwrap();
    let key = BlindKey::from_secret_bytes(&key);
    let ours: BTreeSet<_> =
        key.attributes(&indexes(), &blinding["document"]).unwrap().into_iter().collect();
    let theirs = blinding["entry"]["attributes"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let theirs: BTreeSet<_> = theirs
        .iter()
        .map(|it| BlindAttribute {
            name: text(&it["name"]),
            value: text(&it["value"]),
            unique: it["unique"] == true,
        })
        .collect();
    assert_eq!(ours, theirs);
    for query in blinding["queries"].as_array().unwrap() {
        let (asked, blinded) = (&query[0], &query[1]);
        if let Some(wanted) = asked["equals"].as_object() {
            let ours = key.equals(&indexes(), wanted).unwrap();
            assert_eq!(serde_json::to_value(ours).unwrap(), blinded["equals"][0]);
        } else {
            let wanted: Vec<_> =
                asked["has"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
            let ours: BTreeSet<_> = key.has(&indexes(), &wanted).unwrap().into_iter().collect();
            let theirs = blinded["has"].as_array().unwrap().iter().map(text).collect();
            assert_eq!(ours, theirs);
        }
    }
}

#[test]
fn what_no_index_is_over_is_not_asked_for() {
    let key = BlindKey::from_secret_bytes(&[9; 32]);
    let ask = |wanted: Value| key.equals(&indexes(), wanted.as_object().unwrap());
    let refused = |name: &str| Err(BlindError::NotIndexed(name.to_owned()));
    assert_eq!(ask(json!({"content.colour": "red"})), refused("content.colour"));
    // The second of a compound index alone finds nothing.
    assert_eq!(ask(json!({"content.region": "JM"})), refused("content.region"));
    assert_eq!(ask(json!({"content.country": "CZ"})).unwrap().len(), 1);
    assert_eq!(key.has(&indexes(), &["content.x"]), refused("content.x").map(|_| Vec::new()));
}

#[test]
fn two_long_lists_under_one_index_do_not_multiply_without_end() {
    let key = BlindKey::from_secret_bytes(&[9; 32]);
    let index = Index::new(&["content.a", "content.b"], false).unwrap();
    let numbers = |count: u32| Value::from((0..count).collect::<Vec<_>>());
    let document = json!({"content": {"a": numbers(100), "b": numbers(39)}});
    assert_eq!(key.attributes(std::slice::from_ref(&index), &document).unwrap().len(), 100 + 3_900);
    let document = json!({"content": {"a": numbers(100), "b": numbers(40)}});
    assert_eq!(key.attributes(&[index], &document), Err(BlindError::TooMany));
}

#[test]
fn a_blinded_name_says_nothing_of_another_vault() {
    let document = json!({"content": {"kind": "fruit"}});
    let of = |key: [u8; 32]| {
        BlindKey::from_secret_bytes(&key).attributes(&indexes(), &document).unwrap()
    };
    let (one, other) = (of([1; 32]), of([2; 32]));
    assert_ne!(one[0].name, other[0].name);
    assert_ne!(one[0].value, other[0].value);
    let decoded = Base64UrlUnpadded::decode_vec(&one[0].value).unwrap();
    assert_eq!(decoded.len(), 32);
}

fn place(sequence: u64) -> Place<'static> {
    Place { vault: "https://edv.example/edvs/v", document: "z1", sequence }
}

#[test]
fn a_document_is_read_where_it_was_written_for_and_nowhere_else() {
    let alice = EdvSigningKey::generate(&mut DangerSeeded::new(7));
    let body = Body {
        content: json!({"n": 1e21, "list": [1, 2.5, "€"]}),
        meta: json!({}),
        stream: Some(json!({"sequence": 4, "chunks": 2})),
    };
    let manifest = StreamManifest { bytes: 1_500_000, digests: vec![[1; 32], [2; 32]] };
    let plain = edv::write(&body, &place(4), &["urn:bob"], Some(&manifest), &alice).unwrap();
    let read = edv::read(&plain, &place(4)).unwrap();
    assert_eq!(read.body, body);
    let proof = read.proof.unwrap();
    assert_eq!((proof.writer, proof.recipients.len()), (alice.public(), 1));
    assert_eq!(proof.manifest, Some(manifest));
    let other = Place { document: "z2", ..place(4) };
    for elsewhere in [place(3), place(5), other] {
        assert_eq!(edv::read(&plain, &elsewhere), Err(EdvError::Elsewhere));
    }
    let plain = edv::write_plain(&body);
    assert_eq!(edv::read(&plain, &place(9)).unwrap(), edv::Document { body, proof: None });
}

#[test]
fn lengths_of_documents_say_little() {
    let alice = EdvSigningKey::generate(&mut DangerSeeded::new(8));
    let len = |letters: usize| {
        let body = Body { content: json!("x".repeat(letters)), ..Body::default() };
        edv::write(&body, &place(0), &["urn:bob"], None, &alice).unwrap().len()
    };
    let lens: BTreeSet<_> = (0..200).map(len).collect();
    assert!(lens.len() <= 12, "{lens:?}");
}

#[test]
fn a_chunk_of_another_place_is_refused_and_one_of_another_program_says_nothing() {
    let header = edv::chunk_header(&place(4), 2);
    assert_eq!(edv::check_chunk(&header, &place(4), 2), Ok(()));
    assert_eq!(edv::check_chunk(&header, &place(4), 1), Err(EdvError::Elsewhere));
    assert_eq!(edv::check_chunk(&header, &place(3), 2), Err(EdvError::Elsewhere));
    assert_eq!(edv::check_chunk(&serde_json::Map::new(), &place(4), 2), Ok(()));
}
