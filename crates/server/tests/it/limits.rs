//! Every limit, from both sides: what is just inside goes through, what is just outside is refused
//! before it costs anything.

use std::time::Duration;

use strongroom_server::{Config, SignUpPolicy, Tuning};
use strongroom_wire::api::{HAVE_CHUNKS_MAX, VaultTerms, encode_have};
use strongroom_wire::clear::References;
use strongroom_wire::frame::Frame;
use strongroom_wire::ids::{ChunkId, VaultTag};
use strongroom_wire::limits::{CHUNK_SEALED_LEN, FRAMES_MAX, REQUEST_BODY_LEN_MAX};

use crate::client::{Client, new_key, random};
use crate::world::{Bucket, Running, Vault, chunk, frames, noise, sign_up};

fn tuned(change: impl FnOnce(&mut Tuning)) -> Config {
    let mut config = Config::in_memory();
    change(&mut config.tuning);
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_have_a_length_that_is_read_before_they_are() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let bucket = Bucket::new();
    let session = bucket.found(&client, &vault).await;
    let largest = chunk(CHUNK_SEALED_LEN);
    let path = |id: ChunkId| bucket.path(&format!("/chunks/{}", id.to_base32()));
    client.call(&session, "PUT", &path(largest.0), largest.1).await.expect(201);
    let larger = chunk(CHUNK_SEALED_LEN + 1);
    client.call(&session, "PUT", &path(larger.0), larger.1).await.refused(413, "too-large");

    let body = noise(REQUEST_BODY_LEN_MAX);
    let reply = client.call(&session, "POST", &bucket.path("/have"), body).await;
    reply.refused(413, "too-large");
    // What is refused unread is read past, so that the same connection goes on.
    client.call(&session, "POST", &bucket.path("/frames"), "").await.expect(200);
    let other = running.client().await;
    let body = noise(REQUEST_BODY_LEN_MAX + 1);
    let path = bucket.path("/frames");
    let bound = other.bound("POST", &path, &body);
    let fields = other.authorize(&session, "POST", &bound);
    let fields: Vec<_> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
    if let Some(reply) = other.try_send("POST", &bound, &fields, body).await {
        reply.refused(413, "too-large");
    }
    let mut empty = Vec::new();
    Frame::Entries(Vec::new()).write(&mut empty);
    let path = bucket.path("/frames");
    let reply = client.call(&session, "POST", &path, empty.repeat(FRAMES_MAX)).await;
    assert_eq!(reply.status, 200, "many empty frames are no harm");
    let reply = client.call(&session, "POST", &path, empty.repeat(FRAMES_MAX + 1)).await;
    reply.refused(400, "malformed");

    let ids = vec![chunk(1).0; HAVE_CHUNKS_MAX];
    client.call(&session, "POST", &bucket.path("/have"), encode_have(&ids)).await.expect(200);
    let ids = vec![chunk(1).0; HAVE_CHUNKS_MAX + 1];
    let reply = client.call(&session, "POST", &bucket.path("/have"), encode_have(&ids)).await;
    reply.refused(413, "too-large");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_signs_up_so_often_an_hour() {
    let running = Running::start(tuned(|tuning| tuning.sign_ups_per_hour = 2)).await;
    let client = running.client().await;
    let (tag, key) = (VaultTag(random()), new_key());
    sign_up(&client, tag, &key, None).await.expect(201);
    sign_up(&client, tag, &key, None).await.expect(201); // its retry
    sign_up(&client, VaultTag(random()), &new_key(), None).await.refused(429, "rate");
    assert_eq!(running.metrics.vaults_total.count(), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_opens_so_many_sessions_a_minute() {
    let running = Running::start(tuned(|tuning| tuning.session_opens_per_minute = 3)).await;
    let client = running.client().await;
    for _ in 0..3 {
        client.open(&new_key(), None).await.unwrap();
    }
    client.open(&new_key(), None).await.unwrap_err().refused(429, "rate");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_up_follows_its_policy() {
    let tokens = vec!["one for Alice".to_owned(), "one for Bob".to_owned()];
    for (policy, token, status) in [
        (SignUpPolicy::Open, None, 201),
        (SignUpPolicy::Token(tokens.clone()), Some("one for Bob"), 201),
        (SignUpPolicy::Token(tokens.clone()), Some("one for Bo"), 403),
        (SignUpPolicy::Token(tokens), None, 403),
        (SignUpPolicy::Closed, Some("one for Bob"), 403),
    ] {
        let running = Running::start(Config { sign_up: policy, ..Config::in_memory() }).await;
        let client = running.client().await;
        let reply = sign_up(&client, VaultTag(random()), &new_key(), token).await;
        assert_eq!(reply.status, status, "{token:?}");
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_belongs_to_the_key_that_opened_it() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let tag = VaultTag(random());
    sign_up(&client, tag, &new_key(), None).await.expect(201);
    sign_up(&client, tag, &new_key(), None).await.refused(409, "conflict");
    // A sign-up made for another session is none for this one.
    let (one, two) = (client.open(&new_key(), None).await, client.open(&new_key(), None).await);
    let (one, two) = (one.unwrap(), two.unwrap());
    let key = new_key();
    let tag = VaultTag(random());
    let provider = client.provider.thumbprint();
    let input = strongroom_wire::api::SignUp::signing_input(tag, None, provider, one.id);
    let signed = strongroom_wire::api::SignUp {
        vault: tag,
        key: crate::client::public(&key),
        token: None,
        signature: ed25519_dalek::Signer::sign(&key, &input).to_bytes(),
    };
    client.call(&two, "POST", "/vaults", signed.encode()).await.refused(401, "unauthorized");
    client.call(&one, "POST", "/vaults", signed.encode()).await.expect(201);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_holds_for_all_buckets_of_a_vault_and_for_no_other() {
    let quota = 400_000;
    let running = Running::start(Config { quota_bytes: quota, ..Config::in_memory() }).await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let (mut first, second) = (Bucket::new(), Bucket::new());
    let one = first.found(&client, &vault).await;
    let two = second.found(&client, &vault).await;
    let put = async |session, bucket: &Bucket, len| {
        let (id, bytes) = chunk(len);
        let path = bucket.path(&format!("/chunks/{}", id.to_base32()));
        client.call(session, "PUT", &path, bytes).await
    };
    put(&one, &first, 300_000).await.expect(201);
    let reply = put(&two, &second, 100_000).await;
    reply.refused(507, "quota");
    assert_eq!(reply.problem()["quota_bytes"], quota);
    let used = terms(&client, &vault).await.used_bytes;
    put(&two, &second, 50_000).await.expect(201);
    assert_eq!(terms(&client, &vault).await.used_bytes, used + 50_000 + 256);
    // Entries count, too.
    let many: Vec<_> = (0..10).map(|_| first.author.version(5_000, References::NONE)).collect();
    let body = frames(&[Frame::Entries(many.clone())]);
    client.call(&one, "POST", &first.path("/frames"), body).await.refused(507, "quota");
    let body = frames(&[Frame::Entries(many[..1].to_vec())]);
    client.call(&one, "POST", &first.path("/frames"), body).await.expect(200);
    // What was refused was given back.
    let used = terms(&client, &vault).await.used_bytes;
    assert!(used < quota && used > 350_000, "{used}");
    let other = Vault::open(&client).await;
    let third = Bucket::new();
    let session = third.found(&client, &other).await;
    put(&session, &third, 300_000).await.expect(201);
    running.stop().await;
}

pub async fn terms(client: &Client, vault: &Vault) -> VaultTerms {
    let reply = client.call(&vault.session, "GET", "/vault", "").await.expect(200);
    VaultTerms::decode(&reply.body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_share_their_room_and_wait_for_it() {
    let running = Running::start(tuned(|tuning| {
        tuning.bodies_bytes_max = 2 << 20;
        tuning.wait_max = Duration::from_secs(30);
    }))
    .await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let bucket = Bucket::new();
    bucket.found(&client, &vault).await;
    let mut running_puts = Vec::new();
    for _ in 0..8 {
        let client = running.client().await;
        let session = bucket.session(&client).await;
        let prefix = bucket.path("/chunks/");
        running_puts.push(tokio::spawn(async move {
            for _ in 0..4 {
                let (id, bytes) = chunk(1 << 20);
                let path = format!("{prefix}{}", id.to_base32());
                client.call(&session, "PUT", &path, bytes).await.expect(201);
            }
        }));
    }
    for put in running_puts {
        put.await.unwrap();
    }
    assert_eq!(running.metrics.chunks_stored.count(), 32);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_are_cut_at_the_chunk() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let bucket = Bucket::new();
    let session = bucket.found(&client, &vault).await;
    let (id, bytes) = chunk(1_000);
    let path = bucket.path(&format!("/chunks/{}", id.to_base32()));
    client.call(&session, "PUT", &path, bytes.clone()).await.expect(201);
    for (range, status, got) in [
        ("bytes=0-", 206, &bytes[..]),
        ("bytes=0-0", 206, &bytes[..1]),
        ("bytes=999-", 206, &bytes[999..]),
        ("bytes=10-19", 206, &bytes[10..20]),
        ("bytes=990-5000", 206, &bytes[990..]),
        ("bytes=-10", 206, &bytes[990..]),
        ("bytes=-5000", 206, &bytes[..]),
        ("bytes=1000-", 416, &[]),
        ("bytes=-0", 416, &[]),
        ("bytes=5-4", 200, &bytes[..]),
        ("bytes=0-1,5-6", 200, &bytes[..]),
        ("lines=1-2", 200, &bytes[..]),
        ("bytes=99999999999999999999-", 200, &bytes[..]),
        ("bytes=0-18446744073709551615", 206, &bytes[..]),
    ] {
        let reply = client.call_with(&session, "GET", &path, &[("range", range)], "").await;
        assert_eq!((reply.status, &reply.body[..]), (status, got), "{range}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_and_foreign_chunks_are_one_answer() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let (mine, theirs) = (Bucket::new(), Bucket::new());
    let session = mine.found(&client, &vault).await;
    let other = theirs.found(&client, &Vault::open(&client).await).await;
    let (id, bytes) = chunk(1_000);
    let path = |bucket: &Bucket, id: ChunkId| bucket.path(&format!("/chunks/{}", id.to_base32()));
    client.call(&other, "PUT", &path(&theirs, id), bytes.clone()).await.expect(201);
    let foreign = client.call(&session, "GET", &path(&mine, id), "").await.expect(404);
    let unknown = client.call(&session, "GET", &path(&mine, chunk(9).0), "").await.expect(404);
    assert_eq!(foreign.body, unknown.body);
    let names = |reply: &crate::client::Reply| {
        reply.headers.keys().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(names(&foreign), names(&unknown));
    let have = client.call(&session, "POST", &mine.path("/have"), encode_have(&[id])).await;
    assert_eq!(&have.expect(200).body[..], [0]);
    // Putting what somebody else has gives no hint either, and costs what it costs.
    client.call(&session, "PUT", &path(&mine, id), bytes.clone()).await.expect(201);
    client.call(&session, "PUT", &path(&mine, id), bytes.clone()).await.expect(201);
    assert_eq!(terms(&client, &vault).await.buckets, 1);
    running.stop().await;
}
