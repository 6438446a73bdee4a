//! Chunks that two buckets have: who may say so, what it costs, and what is left when one lets go.

use strongroom_server::Config;
use strongroom_wire::api::CopyChunks;
use strongroom_wire::capability::{Action, Actions};
use strongroom_wire::clear::{Clear, References};
use strongroom_wire::entry::Kind;
use strongroom_wire::frame::Frame;
use strongroom_wire::ids::{ChunkId, DocumentTag, SessionId};
use strongroom_wire::session::ClientSession;

use crate::client::{Client, Reply};
use crate::limits::terms;
use crate::world::{Bucket, Running, Vault, chunk, exchange, noise};

fn chunk_path(bucket: &Bucket, id: ChunkId) -> String {
    bucket.path(&format!("/chunks/{}", id.to_base32()))
}

/// A request that `source` vouches for, as it should be.
fn honest(
    (from, source): (&Bucket, &ClientSession),
    (to, asking): (&Bucket, &ClientSession),
    chunks: &[ChunkId],
) -> CopyChunks {
    let input = CopyChunks::proof_input(from.id, to.id, asking.id, chunks);
    let (session, proof) = (source.id, source.vouch(&input));
    CopyChunks { from: from.id, session, proof, chunks: chunks.to_vec() }
}

async fn ask(client: &Client, asking: &ClientSession, to: &Bucket, copy: &CopyChunks) -> Reply {
    client.call(asking, "POST", &to.path("/copies"), copy.encode()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_chunk_stays_until_the_last_bucket_lets_go() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let (mut from, mut to) = (Bucket::new(), Bucket::new());
    let source = from.found(&client, &vault).await;
    let asking = to.found(&client, &vault).await;
    let (id, bytes) = chunk(3_000);
    client.call(&source, "PUT", &chunk_path(&from, id), bytes.clone()).await.expect(201);
    let entry = from.author.version(90, References::Chunks(vec![id]));
    exchange(&client, &source, &from, &[Frame::Entries(vec![entry.clone()])]).await;

    let before = terms(&client, &vault).await.used_bytes;
    let wanted = [id, chunk(7).0, id];
    let copy = honest((&from, &source), (&to, &asking), &wanted);
    let reply = ask(&client, &asking, &to, &copy).await.expect(200);
    assert_eq!(&reply.body[..], [1, 0, 1], "in the order of the question");
    let after = terms(&client, &vault).await.used_bytes;
    assert!(after - before >= 3_000 && after - before < 6_000, "it costs as a put, once: {after}");
    // Again costs nothing.
    ask(&client, &asking, &to, &copy).await.expect(200);
    assert_eq!(terms(&client, &vault).await.used_bytes, after);

    // It may be referred to, and read, in the second bucket; and outlives the first one's.
    let version = to.author.version(90, References::Chunks(vec![id]));
    exchange(&client, &asking, &to, &[Frame::Entries(vec![version])]).await;
    let header = from.author.header(Kind::Purge, DocumentTag::ZERO);
    let clear = Clear::Purge { entries: vec![entry.id()], chunks: vec![id] };
    let purge = from.author.finish(header, &clear, noise(60));
    exchange(&client, &source, &from, &[Frame::Entries(vec![purge])]).await;
    client.call(&source, "GET", &chunk_path(&from, id), "").await.expect(404);
    let reply = client.call(&asking, "GET", &chunk_path(&to, id), "").await.expect(200);
    assert_eq!(reply.body[..], bytes);
    running.stop().await;
}

/// A47: a hash and a session are not enough. The positive control comes last.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_takes_pull_on_the_one_and_write_on_the_other() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let (mut from, mut to, third) = (Bucket::new(), Bucket::new(), Bucket::new());
    let source = from.found(&client, &vault).await;
    let asking = to.found(&client, &vault).await;
    let elsewhere = third.found(&client, &vault).await;
    let (id, bytes) = chunk(3_000);
    client.call(&source, "PUT", &chunk_path(&from, id), bytes).await.expect(201);
    let good = honest((&from, &source), (&to, &asking), &[id]);

    let (other, ..) = chunk(5);
    let own = CopyChunks { session: asking.id, ..honest((&from, &asking), (&to, &asking), &[id]) };
    let wrong = [
        ("no such session", CopyChunks { session: SessionId([9; 16]), ..good.clone() }),
        ("a MAC of zeros", CopyChunks { proof: [0; 32], ..good.clone() }),
        ("other chunks", CopyChunks { chunks: vec![other], ..good.clone() }),
        ("a session on the bucket that asks", own),
        ("a session on a third bucket", honest((&from, &elsewhere), (&to, &asking), &[id])),
        ("vouched for another bucket", honest((&third, &source), (&to, &asking), &[id])),
        ("into another bucket", honest((&from, &source), (&third, &asking), &[id])),
        ("for another who asks", honest((&from, &source), (&to, &elsewhere), &[id])),
    ];
    for (what, copy) in wrong {
        let reply = ask(&client, &asking, &to, &copy).await;
        assert_eq!(reply.status, 403, "{what}");
        reply.refused(403, "forbidden");
    }
    // Who may only write there may not take from there, and who may only read here brings nothing.
    let (writer, chain, enrols) = from.grant(Actions::of(&[Action::Write]));
    exchange(&client, &source, &from, &[Frame::Entries(vec![enrols])]).await;
    let writes = client.open(&writer.key, Some(&chain)).await.unwrap();
    let copy = honest((&from, &writes), (&to, &asking), &[id]);
    ask(&client, &asking, &to, &copy).await.refused(403, "forbidden");
    let (reader, chain, enrols) = to.grant(Actions::of(&[Action::Pull]));
    exchange(&client, &asking, &to, &[Frame::Entries(vec![enrols])]).await;
    let reads = client.open(&reader.key, Some(&chain)).await.unwrap();
    let copy = honest((&from, &source), (&to, &reads), &[id]);
    ask(&client, &reads, &to, &copy).await.refused(403, "forbidden");
    // Nor does it matter who hears of the request: it is for this session alone.
    client.call(&asking, "GET", &chunk_path(&to, id), "").await.expect(404);
    let reply = client.call(&asking, "POST", &to.path("/copies"), vec![0x84]).await;
    reply.refused(400, "malformed");
    assert_eq!(&ask(&client, &asking, &to, &good).await.expect(200).body[..], [1]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_are_charged_before_they_are_made() {
    let config = Config { quota_bytes: 300_000, ..Config::in_memory() };
    let running = Running::start(config).await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let (from, to) = (Bucket::new(), Bucket::new());
    let source = from.found(&client, &vault).await;
    let asking = to.found(&client, &vault).await;
    let (id, bytes) = chunk(200_000);
    client.call(&source, "PUT", &chunk_path(&from, id), bytes).await.expect(201);
    let copy = honest((&from, &source), (&to, &asking), &[id]);
    ask(&client, &asking, &to, &copy).await.refused(507, "quota");
    client.call(&asking, "GET", &chunk_path(&to, id), "").await.expect(404);
    running.stop().await;
}
