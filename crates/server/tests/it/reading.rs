//! Reading by id, and what a provider says of bytes that rotted on its disk.

use std::path::{Path, PathBuf};

use strongroom_wire::capability::{Action, Actions, Claims, Target};
use strongroom_wire::clear::References;
use strongroom_wire::entry::Entry;
use strongroom_wire::frame::Frame;
use strongroom_wire::ids::{BucketId, EntryId};

use crate::client::{new_key, now, public, random};
use crate::world::{Bucket, Running, Vault, chain_of, chunk, exchange, issue};

fn entry_path(bucket: &Bucket, id: EntryId) -> String {
    bucket.path(&format!("/entries/{}", id.to_base32()))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_is_read_by_its_id() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let mut bucket = Bucket::new();
    let session = bucket.found(&client, &vault).await;
    // A run: only its end is signed. The first is read as it rests, without a signature.
    let mut header = bucket.author.header(strongroom_wire::entry::Kind::Version, random_tag());
    header.generation = 0;
    let clear = strongroom_wire::clear::Clear::version(References::NONE);
    let first = bucket.author.unsigned(header, &clear, vec![7; 90]);
    let last = bucket.author.version(1_024, References::NONE);
    let sent = [Frame::Entries(vec![first.clone(), last.clone()])];
    exchange(&client, &session, &bucket, &sent).await;
    for entry in bucket.founding.iter().chain([&first, &last]) {
        let path = entry_path(&bucket, entry.id());
        let reply = client.call(&session, "GET", &path, "").await.expect(200);
        assert_eq!(reply.body[..], entry.encode(), "byte for byte");
        assert_eq!(Entry::decode(&reply.body).unwrap().id(), entry.id());
    }
    let unknown = client.call(&session, "GET", &entry_path(&bucket, EntryId(random())), "").await;
    unknown.refused(404, "not-found");
    let none = bucket.path("/entries/nonsense");
    client.call(&session, "GET", &none, "").await.refused(404, "not-found");
    // Another bucket's session, another bucket's entry.
    let other = Bucket::new();
    let others = other.found(&client, &vault).await;
    let path = entry_path(&bucket, last.id());
    client.call(&others, "GET", &path, "").await.refused(403, "forbidden");
    let path = entry_path(&other, last.id());
    let foreign = client.call(&others, "GET", &path, "").await;
    assert_eq!((foreign.status, &foreign.body), (unknown.status, &unknown.body));
    running.stop().await;
}

fn random_tag() -> strongroom_wire::ids::DocumentTag {
    strongroom_wire::ids::DocumentTag(random())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_read_one_document_reads_no_entry_of_another() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let mut bucket = Bucket::new();
    let session = bucket.found(&client, &vault).await;
    let (mine, other) =
        (bucket.author.version(50, References::NONE), bucket.author.version(50, References::NONE));
    let sent = [Frame::Entries(vec![mine.clone(), other.clone()])];
    exchange(&client, &session, &bucket, &sent).await;
    let key = new_key();
    let target = Target::Document(BucketId(bucket.id.0), mine.header().document);
    let claims = Claims::new(target, Actions::of(&[Action::Pull]), now() + 1_000, random())
        .for_holder(public(&key), Some(bucket.member))
        .with_depth(0);
    let first = bucket.chain.capabilities()[0].clone();
    let narrow = issue(&first.attenuate(&claims).unwrap(), &bucket.member_key);
    let narrow = client.open(&key, Some(&chain_of(&[first, narrow]))).await.unwrap();
    let epoch = bucket.founding[1].id();
    for (id, status) in [(mine.id(), 200), (epoch, 200), (other.id(), 404)] {
        let reply = client.call(&narrow, "GET", &entry_path(&bucket, id), "").await;
        assert_eq!(reply.status, status, "{id}");
    }
    let refused = client.call(&narrow, "GET", &entry_path(&bucket, other.id()), "").await;
    let unknown = client.call(&narrow, "GET", &entry_path(&bucket, EntryId(random())), "").await;
    assert_eq!((refused.status, &refused.body), (unknown.status, &unknown.body));
    running.stop().await;
}

/// Bit rot on the disk: the byte in the middle of where these bytes are.
fn flip(folder: &Path, content: &[u8]) {
    for path in files_below(folder) {
        let mut bytes = std::fs::read(&path).unwrap();
        let Some(at) = bytes.windows(64).position(|window| *window == content[..64]) else {
            continue;
        };
        bytes[at + content.len() / 2] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        return;
    }
    panic!("it lies nowhere");
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_below(&path)) } else { found.push(path) }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_said_counted_and_costs_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::on(dir.path()).await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let bucket = Bucket::new();
    let session = bucket.found(&client, &vault).await;
    // One that is read without waiting, one that is not, and one that stays whole.
    let chunks = [chunk(1_024), chunk(1 << 20), chunk(2_000)];
    let path = |at: usize| bucket.path(&format!("/chunks/{}", chunks[at].0.to_base32()));
    for (at, (_, bytes)) in chunks.iter().enumerate() {
        client.call(&session, "PUT", &path(at), bytes.clone()).await.expect(201);
    }
    running.stop().await;
    flip(dir.path(), &chunks[0].1);
    flip(dir.path(), &chunks[1].1);

    let running = Running::on(dir.path()).await;
    let client = running.client().await;
    let session = bucket.session(&client).await;
    for at in [0, 1] {
        let reply = client.call(&session, "GET", &path(at), "").await;
        reply.refused(500, "damaged");
        let members: Vec<_> = reply.problem().as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, ["status", "title", "type"], "no detail of the store");
    }
    let whole = client.call(&session, "GET", &path(2), "").await.expect(200);
    assert_eq!(whole.body[..], chunks[2].1);
    let (id, bytes) = chunk(500);
    let put = bucket.path(&format!("/chunks/{}", id.to_base32()));
    client.call(&session, "PUT", &put, bytes).await.expect(201);
    let text = client.send("GET", "/metrics", &[], "").await.expect(200);
    let text = String::from_utf8(text.body.to_vec()).unwrap();
    assert!(text.contains("strongroom_damage_total 2"), "{text}");
    running.stop().await;
}
