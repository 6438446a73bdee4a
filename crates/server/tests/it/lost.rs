//! Chunks that are lost: entries that refer to them go on, nobody gains anything by saying so.

use std::time::Duration;

use strongroom_wire::api::encode_have;
use strongroom_wire::clear::References;
use strongroom_wire::frame::{Frame, decode_all, write_chunk};
use strongroom_wire::ids::ChunkId;
use strongroom_wire::session::ClientSession;

use crate::client::Client;
use crate::world::{Bucket, Running, Vault, chunk, exchange, frames, since};

/// What a provider says is lost of a bucket.
async fn lost(client: &Client, session: &ClientSession, bucket: &Bucket) -> Vec<ChunkId> {
    let body = frames(&[
        Frame::Hello { formats: vec![strongroom_wire::format::FORMAT], salt: [3; 16] },
        since(None),
    ]);
    let reply = client.call(session, "POST", &bucket.path("/frames"), body).await.expect(200);
    let frames = decode_all(&reply.body).unwrap();
    let lost = |frame| if let Frame::Lost(ids) = frame { ids } else { Vec::new() };
    frames.into_iter().flat_map(lost).collect()
}

/// Collects whatever is an orphan by now: one put later than all others is gone when this ends.
async fn collect_orphans(
    running: &Running,
    client: &Client,
    session: &ClientSession,
    bucket: &Bucket,
) {
    let (id, bytes) = chunk(10);
    let path = chunk_path(bucket, id);
    client.call(session, "PUT", &path, bytes).await.expect(201);
    while client.call(session, "GET", &path, "").await.status == 200 {
        // An orphan's age is counted in whole seconds.
        tokio::time::sleep(Duration::from_millis(50)).await;
        running.provider.sweep(Duration::ZERO).await.unwrap();
    }
}

fn chunk_path(bucket: &Bucket, id: ChunkId) -> String {
    bucket.path(&format!("/chunks/{}", id.to_base32()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_goes_on_over_a_lost_chunk_and_the_chunk_may_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut running = Running::on(dir.path()).await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let mut bucket = Bucket::new();
    let session = bucket.found(&client, &vault).await;
    let (id, bytes) = chunk(3_000);
    let entry = bucket.author.version(90, References::Chunks(vec![id]));
    let next = bucket.author.version(90, References::NONE);
    let body = frames(&[Frame::Entries(vec![entry.clone(), next.clone()])]);
    let reply = client.call(&session, "POST", &bucket.path("/frames"), body).await;
    reply.refused(422, "missing-chunk");
    // To say of another chunk that it is lost helps nobody.
    let other = Frame::Lost(vec![chunk(5).0]);
    let body = frames(&[other, Frame::Entries(vec![entry.clone(), next.clone()])]);
    let reply = client.call(&session, "POST", &bucket.path("/frames"), body).await;
    reply.refused(422, "missing-chunk");
    assert!(lost(&client, &session, &bucket).await.is_empty());

    let sent = [Frame::Lost(vec![id]), Frame::Entries(vec![entry.clone(), next])];
    exchange(&client, &session, &bucket, &sent).await;
    assert_eq!(lost(&client, &session, &bucket).await, [id]);
    client.call(&session, "GET", &chunk_path(&bucket, id), "").await.refused(404, "not-found");
    let have = client.call(&session, "POST", &bucket.path("/have"), encode_have(&[id])).await;
    assert_eq!(&have.expect(200).body[..], [0]);
    // A new entry that refers to it is told again.
    let again = bucket.author.clone().version(90, References::Chunks(vec![id]));
    let body = frames(&[Frame::Entries(vec![again])]);
    let reply = client.call(&session, "POST", &bucket.path("/frames"), body).await;
    reply.refused(422, "missing-chunk");

    // Known after a restart too, and gone from the list when the chunk is back.
    running.stop().await;
    running = Running::on(dir.path()).await;
    let client = running.client().await;
    let session = bucket.session(&client).await;
    assert_eq!(lost(&client, &session, &bucket).await, [id]);
    client.call(&session, "PUT", &chunk_path(&bucket, id), bytes.clone()).await.expect(201);
    assert!(lost(&client, &session, &bucket).await.is_empty());
    // It is no orphan: the entry referred to it all the time.
    collect_orphans(&running, &client, &session, &bucket).await;
    let reply = client.call(&session, "GET", &chunk_path(&bucket, id), "").await.expect(200);
    assert_eq!(reply.body[..], bytes);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_reference_list_comes_back_with_what_it_names() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let mut bucket = Bucket::new();
    let session = bucket.found(&client, &vault).await;
    let mut named = [chunk(400), chunk(500)];
    named.sort_unstable_by_key(|(id, _)| *id);
    let list: Vec<u8> = named.iter().flat_map(|(id, _)| id.0).collect();
    let list_id = ChunkId(*blake3::hash(&list).as_bytes());
    // One of the two is here, as an orphan.
    let first = chunk_path(&bucket, named[0].0);
    client.call(&session, "PUT", &first, named[0].1.clone()).await.expect(201);
    let entry = bucket.author.version(90, References::Lists(vec![list_id]));
    let sent = [Frame::Lost(vec![list_id]), Frame::Entries(vec![entry])];
    exchange(&client, &session, &bucket, &sent).await;
    assert_eq!(lost(&client, &session, &bucket).await, [list_id]);

    let mut body = Vec::new();
    write_chunk(&mut body, list_id, 0, &list);
    client.call(&session, "POST", &bucket.path("/chunks"), body).await.expect(201);
    assert_eq!(lost(&client, &session, &bucket).await, [named[1].0], "now it is known");
    let second = chunk_path(&bucket, named[1].0);
    client.call(&session, "PUT", &second, named[1].1.clone()).await.expect(201);
    assert!(lost(&client, &session, &bucket).await.is_empty());
    collect_orphans(&running, &client, &session, &bucket).await;
    for (id, bytes) in named {
        let reply = client.call(&session, "GET", &chunk_path(&bucket, id), "").await.expect(200);
        assert_eq!(reply.body[..], bytes);
    }
    running.stop().await;
}

/// A47: whoever heard of a hash may refer to it "as lost", and neither reads it nor owns it.
#[tokio::test(flavor = "multi_thread")]
async fn who_says_that_a_foreign_chunk_is_lost_gains_nothing() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let mine = Bucket::new();
    let session = mine.found(&client, &vault).await;
    let (id, bytes) = chunk(3_000);
    client.call(&session, "PUT", &chunk_path(&mine, id), bytes.clone()).await.expect(201);

    let mut other = Bucket::new();
    let others = other.found(&client, &vault).await;
    let entry = other.author.version(90, References::Chunks(vec![id]));
    let sent = [Frame::Lost(vec![id]), Frame::Entries(vec![entry])];
    exchange(&client, &others, &other, &sent).await;
    client.call(&others, "GET", &chunk_path(&other, id), "").await.refused(404, "not-found");
    let have = client.call(&others, "POST", &other.path("/have"), encode_have(&[id])).await;
    assert_eq!(&have.expect(200).body[..], [0], "the same as for one that is nowhere");
    let reply = client.call(&session, "GET", &chunk_path(&mine, id), "").await.expect(200);
    assert_eq!(reply.body[..], bytes);
    running.stop().await;
}
