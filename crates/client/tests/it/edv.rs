//! Alice keeps EDV vaults beside her own: other programs read and write them, Bob is let in and
//! out, and a server that shows less than was seen, or something else, is found out.

use std::io::{BufReader, Cursor};

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use strongroom_client::edv::{Edv, EdvContent, GrantOptions, NewEdv, PutStream, Wanted};
use strongroom_client::remote::{EdvCall, EdvRemote, Options, Runtime};
use strongroom_client::{EdvImported, EdvTrust, ErrorKind, Quiet, Vault};
use strongroom_seal::edv::{self as form, Body};
use strongroom_seal::identity::EdvSigningKey;
use strongroom_seal::jwe::{AgreementPublic, Profile, Sealer};
use strongroom_seal::rng::DangerSeeded;
use strongroom_wire::edv::signature::Capability;

use crate::support::{Device, Provider, noise};

const MIB: usize = 1 << 20;

fn none() -> [String; 0] {
    []
}

fn make<'a>(vault: &'a Vault, name: &str) -> Edv<'a> {
    let unique = ["content.sku".to_owned()];
    let index = ["content.owner,content.kind".to_owned()];
    let leaky = ["content.country".to_owned()];
    let new = NewEdv {
        name,
        server: None,
        indexes: &index,
        unique: &unique,
        leaky: &leaky,
        token: None,
        as_id: false,
    };
    vault.create_edv(&new).unwrap();
    vault.edv(name).unwrap()
}

fn content(value: Value) -> EdvContent {
    EdvContent { content: value, meta: json!({}) }
}

fn put(edv: &Edv<'_>, value: Value) -> String {
    edv.put(None, &content(value)).unwrap().id
}

fn put_stream(edv: &Edv<'_>, id: Option<&str>, bytes: &[u8]) -> String {
    let mut from = Cursor::new(bytes);
    let mut stream = PutStream { from: &mut from, len: Some(bytes.len() as u64) };
    edv.put_stream(id, &content(json!({"a": "stream"})), &mut stream, &Quiet).unwrap().id
}

fn stream_of(edv: &Edv<'_>, id: &str) -> strongroom_client::Result<Vec<u8>> {
    let mut out = Vec::new();
    edv.get_stream(id, &mut out, false, &Quiet).map(|_| out)
}

fn equals(name: &str, value: Value) -> Wanted {
    let one = [(name.to_owned(), value)].into_iter().collect();
    Wanted { equals: vec![one], ..Wanted::default() }
}

fn later(days: u64) -> u64 {
    strongroom_client::Clock::default().now_secs() + days * 24 * 3_600
}

/// Who has Alice's keys, or runs her server: writes past her client.
struct Other {
    keys: Value,
    remote: EdvRemote,
    runtime: Runtime,
}

impl Other {
    fn with(edv: &Edv<'_>) -> Self {
        let keys: Value = serde_json::from_str(&edv.export_keys().unwrap()).unwrap();
        let origin = edv.url().split_once("/edvs/").unwrap().0.parse().unwrap();
        let remote = EdvRemote::new(origin, &Options::default()).unwrap();
        Self { keys, remote, runtime: Runtime::new().unwrap() }
    }

    fn signer(&self) -> EdvSigningKey {
        use base64ct::{Base64UrlUnpadded, Encoding};
        let seed = Base64UrlUnpadded::decode_vec(self.keys["seed"].as_str().unwrap()).unwrap();
        EdvSigningKey::from_secret_bytes(&seed.try_into().unwrap())
    }

    fn send(&self, method: Method, path: &str, json: Option<&Value>) -> (u16, Value) {
        let vault = self.keys["vault"].as_str().unwrap();
        let action = if method == Method::GET { "read" } else { "write" };
        let call = EdvCall {
            method,
            url: format!("{vault}{path}"),
            json: json.map(|json| Bytes::from(json.to_string())),
            capability: Capability::RootOf(vault),
            action,
            token: None,
        };
        let answer = self.runtime.block_on(self.remote.send(&call, &self.signer())).unwrap();
        let body = serde_json::from_slice(&answer.body).unwrap_or_default();
        (answer.status.as_u16(), body)
    }

    fn get(&self, id: &str) -> Value {
        let (status, document) = self.send(Method::GET, &format!("/documents/{id}"), None);
        assert_eq!(status, 200, "{document}");
        document
    }

    fn post(&self, id: &str, document: &Value) {
        let (status, said) = self.send(Method::POST, &format!("/documents/{id}"), Some(document));
        assert_eq!(status, 204, "{said}");
    }

    /// What a program that signs nothing writes; all it needs is Alice's public key.
    fn plain(&self, id: &str, sequence: u64, value: Value) -> Value {
        let kid = self.keys["keyAgreementKey"]["id"].as_str().unwrap();
        let key = strongroom_wire::base58::decode(kid.split_once("#z").unwrap().1, 40).unwrap();
        let alice = AgreementPublic::new(Profile::Recommended, kid, &key[2..]).unwrap();
        let mut rng = DangerSeeded::new(sequence);
        let body = Body { content: value, meta: json!({}), stream: None };
        let sealer = Sealer::new(Profile::Recommended, &[alice], &mut rng).unwrap();
        let jwe = sealer.seal(&form::write_plain(&body), &mut rng).unwrap();
        json!({"id": id, "sequence": sequence, "indexed": [], "jwe": jwe.to_json()})
    }
}

#[test]
fn documents_come_back_on_every_device() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    let edv = make(&alice.vault, "notes");
    let id = put(&edv, json!({"sku": "X-1", "n": 1e21, "text": "kůň"}));
    let again = edv.put(Some(&id), &content(json!({"sku": "X-1", "n": 2}))).unwrap();
    assert_eq!((again.id.as_str(), again.sequence), (id.as_str(), 1));
    let phone = alice.second(&provider);
    let known = phone.vault.edvs().unwrap();
    assert_eq!((known[0].name.as_str(), known[0].own), ("notes", true));
    let there = phone.vault.edv("notes").unwrap();
    let got = there.get(&id, true).unwrap();
    assert_eq!((got.content, got.trust), (json!({"sku": "X-1", "n": 2}), EdvTrust::Signed));
    assert_eq!(got.writer, Some(known[0].controller.clone()));
    let found = there.query(&equals("content.sku", json!("X-1")), true, &Quiet).unwrap();
    assert_eq!((found.documents.len(), found.wrong), (1, 0));
    there.remove(&id).unwrap();
    assert_eq!(edv.get(&id, false).unwrap_err().kind(), ErrorKind::NotFound);
    let found = edv.query(&equals("content.sku", json!("X-1")), false, &Quiet).unwrap();
    assert_eq!(found.documents, []);
}

#[test]
fn streams_of_every_length_come_back() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    let edv = make(&alice.vault, "streams");
    for len in [0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB] {
        let bytes = noise(len, len as u64);
        let id = put_stream(&edv, None, &bytes);
        assert_eq!(stream_of(&edv, &id).unwrap(), bytes, "{len}");
        let got = edv.get(&id, true).unwrap();
        assert_eq!(got.chunks, Some(len.div_ceil(MIB) as u64));
        assert_eq!(got.stream_bytes, Some(len as u64));
        // Its content changes, its stream stays.
        edv.put(Some(&id), &content(json!({"other": true}))).unwrap();
        assert_eq!(stream_of(&edv, &id).unwrap(), bytes, "{len}");
    }
    let id = put_stream(&edv, None, &noise(3 * MIB, 1));
    put_stream(&edv, Some(&id), b"short now");
    assert_eq!(stream_of(&edv, &id).unwrap(), b"short now");
}

#[test]
fn an_attribute_whose_values_repeat_is_refused_unless_told_otherwise() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    let edv = make(&alice.vault, "people");
    let person = |sku: u32, owner: &str| {
        content(json!({"sku": sku, "owner": owner, "kind": "note", "country": "CZ"}))
    };
    edv.put(None, &person(1, "alice")).unwrap();
    edv.put(None, &person(2, "bob")).unwrap();
    let error = edv.put(None, &person(3, "alice")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("content.owner,content.kind"), "{error}");
    // Nothing was sent: no third document, and its number is free.
    assert_eq!(edv.list(&Quiet).unwrap().documents.len(), 2);
    edv.put(None, &person(3, "carroll")).unwrap();
    // What is leaky may repeat; what is unique may not, and the server says so.
    assert_eq!(edv.count(&equals("content.country", json!("CZ"))).unwrap(), 3);
    let taken = edv.put(None, &content(json!({"sku": 3}))).unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::Conflict);
    let error = edv.count(&equals("content.colour", json!("red"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
}

#[test]
fn a_document_that_was_moved_put_back_or_forged_is_found_out() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    let edv = make(&alice.vault, "attacked");
    let (a, b) = (put(&edv, json!({"pay": "bob"})), put(&edv, json!({"pay": "carroll"})));
    let server = Other::with(&edv);
    let first = server.get(&a);
    edv.put(Some(&a), &content(json!({"pay": "nobody"}))).unwrap();

    // Another document's envelope.
    let mut moved = server.get(&b);
    moved["id"] = a.as_str().into();
    moved["sequence"] = 2.into();
    server.post(&a, &moved);
    let error = edv.get(&a, false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(error.to_string().contains("belongs elsewhere"), "{error}");

    // An old state under a new number.
    let mut old = first.clone();
    old["sequence"] = 3.into();
    server.post(&a, &old);
    assert!(edv.get(&a, false).unwrap_err().to_string().contains("belongs elsewhere"));

    // A document of nobody's, for which the public key is enough: shown for what it is, or not.
    server.post(&a, &server.plain(&a, 4, json!({"pay": "mallory"})));
    assert_eq!(edv.get(&a, true).unwrap_err().kind(), ErrorKind::Damaged);
    assert_eq!(edv.get(&a, false).unwrap().trust, EdvTrust::NoLonger);
    let new = server.plain("z19pjAGaCdp2EkKzUcvdSf9wG", 0, json!({"pay": "mallory"}));
    server.post("z19pjAGaCdp2EkKzUcvdSf9wG", &new);
    let forged = edv.get("z19pjAGaCdp2EkKzUcvdSf9wG", false).unwrap();
    assert_eq!((forged.trust, forged.writer), (EdvTrust::NotAuthenticated, None));

    // The same honest, passes.
    assert_eq!(edv.get(&b, true).unwrap().content, json!({"pay": "carroll"}));
}

#[test]
fn a_server_that_shows_less_than_any_device_has_seen_is_found_out() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    let edv = make(&alice.vault, "rolled-back");
    let (old, gone) = (put(&edv, json!({"n": 0})), put(&edv, json!({"n": 1})));
    let server = Other::with(&edv);
    let first = server.get(&old);
    edv.put(Some(&old), &content(json!({"n": 2}))).unwrap();
    let phone = alice.second(&provider);
    let there = phone.vault.edv("rolled-back").unwrap();

    // The server goes back to what it had: it deletes, and puts the first state in its place.
    for id in [&old, &gone] {
        assert_eq!(server.send(Method::DELETE, &format!("/documents/{id}"), None).0, 204);
    }
    server.post(&old, &first);
    for edv in [&edv, &there] {
        let error = edv.get(&old, false).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged);
        assert!(error.to_string().contains("shows state 0, and state 1 was seen"), "{error}");
        assert_eq!(edv.get(&gone, false).unwrap_err().kind(), ErrorKind::Damaged);
        let listing = edv.list(&Quiet).unwrap();
        assert_eq!(listing.missing, [gone.as_str()]);
        assert_eq!((listing.damaged.len(), listing.documents.len()), (1, 0));
    }
    // Another state of the same number is no better.
    let forged = server.plain(&old, 1, json!({"n": 9}));
    server.post(&old, &forged);
    let error = edv.get(&old, false).unwrap_err();
    assert!(error.to_string().contains("another state 1"), "{error}");
}

#[test]
fn bob_is_let_in_to_read_then_to_write_and_out_again() {
    let provider = Provider::start();
    let (alice, bob) = (Device::at(&provider), Device::at(&provider));
    let mut edv = make(&alice.vault, "shared");
    let id = put(&edv, json!({"sku": "A"}));
    let streamed = put_stream(&edv, None, &noise(2 * MIB + 5, 3));
    let key = bob.vault.edv_identity().unwrap().key;
    let grant = |write, document| GrantOptions { to: &key, document, write, until: later(30) };

    let granted = edv.grant(&grant(false, None), &Quiet).unwrap();
    assert_eq!(granted.sealed_again, 2);
    import(&bob.vault, &granted.file, None);
    let theirs = bob.vault.edv("shared").unwrap();
    assert!(!theirs.is_own());
    assert_eq!(theirs.get(&id, true).unwrap().content, json!({"sku": "A"}));
    assert_eq!(stream_of(&theirs, &streamed).unwrap(), noise(2 * MIB + 5, 3));
    assert_eq!(stream_of(&edv, &streamed).unwrap(), noise(2 * MIB + 5, 3));
    let found = theirs.query(&equals("content.sku", json!("A")), true, &Quiet).unwrap();
    assert_eq!(found.documents.len(), 1);
    let refused = theirs.put(Some(&id), &content(json!({}))).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused);
    // What Alice writes from now on, Bob reads without further ado.
    let next = put(&edv, json!({"sku": "B"}));
    assert_eq!(theirs.get(&next, true).unwrap().content, json!({"sku": "B"}));

    let writing = edv.grant(&grant(true, None), &Quiet).unwrap();
    import(&bob.vault, &writing.file, None);
    let theirs = bob.vault.edv("shared").unwrap();
    theirs.put(Some(&id), &content(json!({"sku": "C"}))).unwrap();
    let got = edv.get(&id, true).unwrap();
    assert_eq!(got.content, json!({"sku": "C"}));
    assert_eq!(got.writer, Some(bob.vault.edv_identity().unwrap().did));

    let revoked = edv.revoke(&key, &Quiet).unwrap();
    assert_eq!((revoked.ended.len(), revoked.sealed_again), (2, 3));
    assert_eq!(theirs.get(&id, false).unwrap_err().kind(), ErrorKind::Refused);
    let server = Other::with(&edv);
    let recipients = server.get(&id)["jwe"]["recipients"].as_array().unwrap().len();
    assert_eq!(recipients, 1, "it is sealed without Bob");
    assert_eq!(edv.get(&id, true).unwrap().content, json!({"sku": "C"}));
    assert_eq!(edv.grants().unwrap(), []);
}

#[test]
fn bob_is_let_into_one_document_and_sees_no_other() {
    let provider = Provider::start();
    let (alice, bob) = (Device::at(&provider), Device::at(&provider));
    let mut edv = make(&alice.vault, "one");
    let (shown, hidden) = (put(&edv, json!({"n": 1})), put(&edv, json!({"n": 2})));
    let key = bob.vault.edv_identity().unwrap().key;
    let to = GrantOptions { to: &key, document: Some(&shown), write: true, until: later(1) };
    let granted = edv.grant(&to, &Quiet).unwrap();
    assert_eq!(granted.sealed_again, 1);
    import(&bob.vault, &granted.file, Some("alice's"));
    let theirs = bob.vault.edv("alice's").unwrap();
    theirs.put(Some(&shown), &content(json!({"n": 3}))).unwrap();
    assert_eq!(edv.get(&shown, true).unwrap().content, json!({"n": 3}));
    assert_eq!(theirs.get(&hidden, false).unwrap_err().kind(), ErrorKind::Refused);
    // The file is Bob's: nobody else can use it.
    let carroll = Device::at(&provider);
    let mut file = Cursor::new(granted.file.as_bytes());
    let error = carroll.vault.import_edv(&mut file, None, (None, None), &Quiet).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
}

/// A server that adds a reader to an envelope's list does not get the next state sealed to them.
#[test]
fn nobody_is_sealed_to_because_a_server_names_them() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    let edv = make(&alice.vault, "recipients");
    let id = put(&edv, json!({"n": 1}));
    let server = Other::with(&edv);
    let mallory = Device::at(&provider).vault.edv_identity().unwrap().key;
    let mut document = server.plain(&id, 1, json!({"n": 1}));
    let mut one = document["jwe"]["recipients"][0].clone();
    one["header"]["kid"] = mallory.as_str().into();
    one["header"].as_object_mut().unwrap().remove("apv");
    document["jwe"]["recipients"].as_array_mut().unwrap().push(one);
    server.post(&id, &document);
    assert_eq!(edv.get(&id, false).unwrap().recipients.len(), 2);
    edv.put(Some(&id), &content(json!({"n": 2}))).unwrap();
    let recipients = edv.get(&id, true).unwrap().recipients;
    assert_eq!(recipients.len(), 1, "{recipients:?}");
    assert!(!recipients.contains(&mallory));
}

/// Whoever knows a public key can write. That this is sealed again, for Bob too, or moves in a
/// file, makes it nobody's word.
#[test]
fn what_nobody_signed_is_not_signed_because_it_is_sealed_again() {
    let provider = Provider::start();
    let (alice, bob) = (Device::at(&provider), Device::at(&provider));
    let mut edv = make(&alice.vault, "unsigned");
    let (own, forged) = (put(&edv, json!({"n": 1})), "z19pjAGaCdp2EkKzUcvdSf9wG");
    let server = Other::with(&edv);
    server.post(forged, &server.plain(forged, 0, json!({"pay": "mallory"})));
    let key = bob.vault.edv_identity().unwrap().key;
    let to = GrantOptions { to: &key, document: None, write: false, until: later(1) };
    let granted = edv.grant(&to, &Quiet).unwrap();
    assert_eq!(granted.sealed_again, 2);
    import(&bob.vault, &granted.file, Some("hers"));
    import(&alice.vault, &exported(&edv), Some("moved"));
    for edv in [&edv, &bob.vault.edv("hers").unwrap(), &alice.vault.edv("moved").unwrap()] {
        assert_eq!(edv.get(forged, false).unwrap().trust, EdvTrust::NotAuthenticated);
        assert_eq!(edv.get(&own, false).unwrap().trust, EdvTrust::Signed);
    }
}

fn import(vault: &Vault, file: &str, name: Option<&str>) -> EdvImported {
    try_import(vault, file, name).unwrap()
}

fn try_import(
    vault: &Vault,
    file: &str,
    name: Option<&str>,
) -> strongroom_client::Result<EdvImported> {
    vault.import_edv(&mut BufReader::new(file.as_bytes()), name, (None, None), &Quiet)
}

fn exported(edv: &Edv<'_>) -> String {
    let mut out = Vec::new();
    edv.export(&mut out, &Quiet).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_whole_vault_moves_in_a_file_and_a_changed_file_is_found_out() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    let edv = make(&alice.vault, "moving");
    let id = put(&edv, json!({"sku": "A"}));
    let bytes = noise(2 * MIB + 9, 4);
    let streamed = put_stream(&edv, None, &bytes);
    let file = exported(&edv);
    for secret in ["\"sku\"", "\"A\""] {
        assert!(!file.contains(secret), "{secret} stands in the file");
    }
    let made = import(&alice.vault, &file, Some("moved"));
    assert_eq!((made.documents, made.chunks, made.damaged.len()), (2, 3, 0));
    let moved = alice.vault.edv("moved").unwrap();
    assert_ne!(moved.url(), edv.url());
    assert_eq!(moved.get(&id, true).unwrap().content, json!({"sku": "A"}));
    assert_eq!(stream_of(&moved, &streamed).unwrap(), bytes);
    let found = moved.query(&equals("content.sku", json!("A")), true, &Quiet).unwrap();
    assert_eq!(found.documents.len(), 1);

    // Two chunks change places; one is missing; the end is.
    let lines: Vec<&str> = file.lines().collect();
    let chunks: Vec<usize> =
        (0..lines.len()).filter(|at| lines[*at].contains("\"chunk\"")).collect();
    let mut swapped = lines.clone();
    swapped.swap(chunks[0], chunks[1]);
    let mut renumbered: Vec<String> = swapped.iter().map(|it| (*it).to_owned()).collect();
    for (at, number) in [(chunks[0], 0), (chunks[1], 1)] {
        let mut line: Value = serde_json::from_str(&renumbered[at]).unwrap();
        line["chunk"]["index"] = number.into();
        renumbered[at] = line.to_string();
    }
    let damaged = |name: &str, lines: &[String]| {
        import(&alice.vault, &format!("{}\n", lines.join("\n")), Some(name)).damaged
    };
    let owned: Vec<String> = lines.iter().map(|it| (*it).to_owned()).collect();
    let said = damaged("swapped", &renumbered);
    assert!(said[0].contains("chunk 0 is not the one that was written"), "{said:?}");
    let mut fewer = owned.clone();
    fewer.remove(chunks[2]);
    let said = damaged("fewer", &fewer);
    assert!(said[0].contains("chunk 2 is not there"), "{said:?}");
    let said = damaged("cut", &owned[..owned.len() - 1]);
    assert!(said[0].contains("is cut"), "{said:?}");
}

#[test]
fn keys_of_another_program_bring_its_vault() {
    let provider = Provider::start();
    let (alice, other) = (Device::at(&provider), Device::at(&provider));
    let edv = make(&alice.vault, "hers");
    let id = put(&edv, json!({"sku": "A"}));
    let keys = edv.export_keys().unwrap();
    assert_eq!(import(&other.vault, &keys, Some("mine")).vault.name, "mine");
    let same = other.vault.edv("mine").unwrap();
    assert_eq!(same.get(&id, true).unwrap().content, json!({"sku": "A"}));
    same.put(Some(&id), &content(json!({"sku": "B"}))).unwrap();
    assert_eq!(edv.get(&id, true).unwrap().content, json!({"sku": "B"}));
}

#[test]
fn files_that_bring_nothing_are_refused_with_a_reason() {
    let alice = Device::alone();
    let key = alice.vault.edv_identity().unwrap().key;
    for file in [
        String::new(),
        "no json".to_owned(),
        "{}".to_owned(),
        json!({"type": "strongroom-edv-grant", "form": 2}).to_string(),
        json!({"type": "strongroom-edv-grant", "form": 1}).to_string(),
        json!({"type": "strongroom-edv-keys", "form": 1, "vault": "https://x/edvs/z1"}).to_string(),
        json!({"type": "strongroom-edv-grant", "form": 1, "vault": "https://a.example/edvs/no",
            "controller": "did:key:z", "owner": key, "to": key, "capability": {}})
        .to_string(),
    ] {
        let error = try_import(&alice.vault, &file, None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{file}: {error}");
        assert!(error.hint().is_some(), "{file}");
    }
    assert_eq!(alice.vault.edvs().unwrap(), []);
}

#[test]
fn a_vault_is_copied_into_a_bucket() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    let edv = make(&alice.vault, "classic");
    let id = put(&edv, json!({"sku": "A"}));
    let bytes = noise(MIB + 7, 5);
    let streamed = put_stream(&edv, None, &bytes);
    let place = crate::support::place("/copied/");
    let copied = edv.copy_to(&place, true, &Quiet).unwrap();
    assert_eq!((copied.documents, copied.streams, copied.not_authenticated), (2, 1, 0));
    assert!(copied.complete && copied.damaged.is_empty());
    let json: Value = serde_json::from_slice(&alice.cat(&format!("/copied/{id}.json"))).unwrap();
    assert_eq!(json["content"], json!({"sku": "A"}));
    assert_eq!(alice.cat(&format!("/copied/{streamed}.bin")), bytes);
}

#[test]
fn names_are_one_vaults_and_servers_that_have_none_say_so() {
    let provider = Provider::start();
    let alice = Device::at(&provider);
    make(&alice.vault, "twice");
    let (empty, name) = (none(), "twice");
    let new = |name, server| NewEdv {
        name,
        server,
        indexes: &empty,
        unique: &empty,
        leaky: &empty,
        token: None,
        as_id: true,
    };
    assert_eq!(alice.vault.create_edv(&new(name, None)).unwrap_err().kind(), ErrorKind::Conflict);
    let error = alice.vault.create_edv(&new("a/b", None)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    let made = alice.vault.create_edv(&new("as me", Some(&provider.url))).unwrap();
    assert_eq!(made.controller, alice.vault.edv_identity().unwrap().did);
    let nobody = alice.vault.create_edv(&new("x", Some("http://127.0.0.1:1"))).unwrap_err();
    assert_eq!(nobody.kind(), ErrorKind::Unreachable);
}
