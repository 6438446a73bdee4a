//! The whole walk, over each store and each transport: session, sign-up, bucket, entries, chunks,
//! records.

use ed25519_dalek::Signer as _;
use strongroom_server::{Config, TlsFiles};
use strongroom_wire::api::{
    Holding, RecordPut, VaultTerms, decode_records, encode_have, record_read_input,
};
use strongroom_wire::clear::References;
use strongroom_wire::entry::Entry;
use strongroom_wire::fingerprint::SetSum;
use strongroom_wire::frame::{Frame, write_chunk};
use strongroom_wire::ids::RecordId;
use strongroom_wire::recovery::RecoveryRecord;

use crate::client::{Client, new_key, public, random};
use crate::world::{Bucket, Running, Vault, chunk, exchange, frames, noise, since};

#[tokio::test(flavor = "multi_thread")]
async fn alice_stores_and_reads_back_in_memory() {
    let running = Running::in_memory().await;
    whole_walk(&running, &running.client().await).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn alice_stores_and_reads_back_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::on(dir.path()).await;
    whole_walk(&running, &running.client().await).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn alice_stores_and_reads_back_over_tls() {
    let dir = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let tls = Some(TlsFiles { cert, key });
    let running = Running::start(Config { tls, ..Config::in_memory() }).await;
    assert!(running.ready.url.starts_with("https://"));
    for two in [false, true] {
        let trusted = made.cert.der();
        let client = Client::tls(running.address(), running.key(), trusted, two).await;
        whole_walk(&running, &client).await;
    }
    running.stop().await;
}

async fn whole_walk(running: &Running, client: &Client) {
    let vault = Vault::open(client).await;
    let mut bucket = Bucket::new();
    let session = bucket.found(client, &vault).await;

    // A version without chunks, and what founded the bucket comes back.
    let version = bucket.author.version(500, References::NONE);
    let hello = Frame::Hello { formats: vec![strongroom_wire::format::FORMAT], salt: [9; 16] };
    let sent = [hello.clone(), Frame::Entries(vec![version.clone()]), since(None)];
    let got = exchange(client, &session, &bucket, &sent).await;
    let founding: Vec<_> = bucket.founding.iter().map(Entry::id).collect();
    assert_eq!(got.ids(), founding, "all but what this request brought");
    let cursor = got.cursor.unwrap();
    assert_eq!((cursor.at, got.more), (5, false));
    let mut sum = SetSum::default();
    for entry in bucket.founding.iter().chain([&version]) {
        sum.add(entry.header().hlc, entry.id());
    }
    assert_eq!(got.done, Some((5, sum.fingerprint(&[9; 16]))));
    let got = exchange(client, &session, &bucket, &[since(None)]).await;
    assert_eq!(got.entries[4], version, "byte for byte");
    let got = exchange(client, &session, &bucket, &[since(Some(cursor))]).await;
    assert!(got.entries.is_empty() && got.cursor == Some(cursor));

    // Chunks: alone, in a batch, with their entry.
    let (one, one_bytes) = chunk(1 << 20);
    let path = bucket.path(&format!("/chunks/{}", one.to_base32()));
    client.call(&session, "PUT", &path, one_bytes.clone()).await.expect(201);
    let (two, two_bytes) = chunk(70_000);
    let mut body = Vec::new();
    write_chunk(&mut body, two, 0, &two_bytes);
    client.call(&session, "POST", &bucket.path("/chunks"), body).await.expect(201);
    let (three, three_bytes) = chunk(30);
    let mut ids = vec![one, two, three];
    ids.sort_unstable();
    let with_chunks = bucket.author.version(90, References::Chunks(ids));
    let sent = [
        Frame::Chunk { chunk: three, offset: 0, data: three_bytes.clone() },
        Frame::Entries(vec![with_chunks]),
        since(Some(cursor)),
    ];
    let got = exchange(client, &session, &bucket, &sent).await;
    assert_eq!(got.cursor.unwrap().at, 6);
    let have = encode_have(&[three, chunk(5).0, one]);
    let reply = client.call(&session, "POST", &bucket.path("/have"), have).await.expect(200);
    assert_eq!(&reply.body[..], [1, 0, 1]);
    let reply = client.call(&session, "GET", &path, "").await.expect(200);
    assert_eq!(&reply.body[..], one_bytes);
    let range = [("range", "bytes=1048570-")];
    let reply = client.call_with(&session, "GET", &path, &range, "").await.expect(206);
    assert_eq!(&reply.body[..], &one_bytes[1_048_570..]);
    assert_eq!(reply.headers["content-range"], "bytes 1048570-1048575/1048576");

    // What the vault's holder is told.
    let reply = client.call(&vault.session, "GET", "/vault/holdings", "").await.expect(200);
    let holdings = Holding::decode_all(&reply.body).unwrap();
    let [holding] = holdings.as_slice() else { panic!("{holdings:?}") };
    assert_eq!((holding.bucket, holding.entries, holding.chunks), (bucket.id, 6, 3));
    assert_eq!((holding.authors, holding.documents), (2, 2));
    assert_eq!(holding.chunk_bytes, (1 << 20) + 70_000 + 30);

    records(running, client, &vault).await;
}

async fn records(running: &Running, client: &Client, vault: &Vault) {
    let (id, key) = (RecordId(random()), new_key());
    let path = format!("/records/{}", id.to_base32());
    let made = |counter| {
        let record = RecoveryRecord::assemble(
            id,
            1,
            counter,
            &noise(1_120).try_into().unwrap(),
            &noise(2_064).try_into().unwrap(),
            |bytes| key.sign(bytes).to_bytes(),
        );
        record.unwrap().as_bytes().to_vec()
    };
    let records = [made(1), made(2)];
    for record in &records {
        let put = RecordPut { key: public(&key), record: record.clone() }.encode();
        client.call(&vault.session, "PUT", &path, put).await.expect(201);
    }
    let late = RecordPut { key: public(&key), record: made(2) }.encode();
    let reply = client.call(&vault.session, "PUT", &path, late).await;
    reply.refused(409, "conflict");
    assert_eq!(reply.problem()["counter"], 2);

    let session = client.open(&new_key(), None).await.unwrap();
    let input = record_read_input(id, running.key().thumbprint(), session.id);
    let signature = key.sign(&input).to_bytes().to_vec();
    let reply = client.call(&session, "POST", &format!("{path}/read"), signature).await.expect(200);
    assert_eq!(decode_records(&reply.body).unwrap(), [records[1].clone(), records[0].clone()]);
    let reply = client.call(&vault.session, "GET", "/vault", "").await.expect(200);
    let terms = VaultTerms::decode(&reply.body).unwrap();
    assert_eq!((terms.buckets, terms.record_reads), (1, 1));
    assert!(terms.used_bytes > (1 << 20) && terms.record_read_at > 0);
    let _ = frames(&[]);
}
