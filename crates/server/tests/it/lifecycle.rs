//! Starting, stopping, starting again; two at once; what a provider says of itself.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use strongroom_server::{Config, Identity, Provider};
use strongroom_store::{Batch, CommitDone, CommitError, Memory, Rows, Scan, StoreError};
use strongroom_wire::clear::References;
use strongroom_wire::frame::Frame;
use strongroom_wire::ids::ChunkId;
use strongroom_wire::problem::Problem;

use crate::client::{Client, new_key, now};
use crate::process::{Daemon, fails};
use crate::world::{Bucket, Running, Vault, chunk, exchange, frames, since};

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_loses_nothing_that_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &[]);
    let client = daemon.client().await;
    let vault = Vault::open(&client).await;
    let mut bucket = Bucket::new();
    let session = bucket.found(&client, &vault).await;
    let (id, bytes) = chunk(10_000);
    let path = bucket.path(&format!("/chunks/{}", id.to_base32()));
    client.call(&session, "PUT", &path, bytes.clone()).await.expect(201);
    let version = bucket.author.version(300, References::Chunks(vec![id]));
    let got =
        exchange(&client, &session, &bucket, &[Frame::Entries(vec![version.clone()]), since(None)])
            .await;
    let (key, cursor) = (daemon.key, got.cursor);
    daemon.signal(Signal::KILL);
    daemon.wait();

    let daemon = Daemon::start(dir.path(), &[]);
    assert_eq!(daemon.key, key, "the same provider");
    let client = daemon.client().await;
    let session = bucket.session(&client).await;
    let hello = Frame::Hello { formats: vec![strongroom_wire::format::FORMAT], salt: [1; 16] };
    let got = exchange(&client, &session, &bucket, &[hello.clone(), since(cursor)]).await;
    assert_eq!((got.entries.len(), got.cursor), (0, cursor), "the same log goes on");
    assert_eq!(got.done.unwrap().0, 5);
    assert_eq!(client.call(&session, "GET", &path, "").await.expect(200).body[..], bytes);
    // The author's chain goes on where it was.
    let next = bucket.author.version(300, References::NONE);
    let sent = [Frame::Entries(vec![next]), since(cursor)];
    let got = exchange(&client, &session, &bucket, &sent).await;
    assert_eq!(got.cursor.unwrap().at, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_lets_requests_finish_and_exits_with_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let dir = tempfile::tempdir().unwrap();
        let daemon = Daemon::start(dir.path(), &[]);
        let client = daemon.client().await;
        let vault = Vault::open(&client).await;
        let mut bucket = Bucket::new();
        let session = bucket.found(&client, &vault).await;
        let idle = daemon.client().await;
        idle.open(&new_key(), None).await.unwrap();
        let mut under_way = Vec::new();
        for _ in 0..20 {
            let entry = bucket.author.version(10_000, References::NONE);
            under_way.push(frames(&[Frame::Entries(vec![entry])]));
        }
        let path = bucket.path("/frames");
        let writing = tokio::spawn(async move {
            let mut stored = 0;
            for body in under_way {
                let bound = client.bound("POST", &path, &body);
                let fields = client.authorize(&session, "POST", &bound);
                let fields: Vec<_> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
                match client.try_send("POST", &bound, &fields, body).await {
                    Some(reply) => stored += u64::from(reply.status == 200),
                    None => break,
                }
            }
            stored
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
        daemon.signal(signal);
        let code = tokio::task::spawn_blocking(move || daemon.wait()).await.unwrap();
        assert_eq!(code, Some(0));
        let stored = writing.await.unwrap();
        let daemon = Daemon::start(dir.path(), &[]);
        let client = daemon.client().await;
        let session = bucket.session(&client).await;
        let got = exchange(&client, &session, &bucket, &[since(None)]).await;
        assert!(got.entries.len() as u64 >= 3 + stored, "what was acknowledged is there");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_providers_on_one_directory_is_a_clear_error() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &[]);
    let said = fails(dir.path(), &[]);
    assert!(said.contains("in use by another process"), "{said}");
    daemon.client().await.open(&new_key(), None).await.unwrap();
}

#[test]
fn what_cannot_be_served_is_said_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let said = fails(dir.path(), &["--listen", "192.0.2.1:0"]);
    assert!(said.contains("--tls-cert") && said.lines().count() == 1, "{said}");
    let missing = dir.path().join("none.pem");
    let missing = missing.to_str().unwrap();
    let said = fails(dir.path(), &["--tls-cert", missing, "--tls-key", missing]);
    assert!(said.contains("none.pem") && said.lines().count() == 1, "{said}");
    std::fs::write(dir.path().join("provider.key"), "torn").unwrap();
    let said = fails(dir.path(), &[]);
    assert!(said.contains("provider.key") && said.lines().count() == 1, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_says_who_it_is_and_what_it_counts() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    assert_eq!(&client.send("GET", "/healthz", &[], "").await.expect(200).body[..], b"ok\n");
    let about = client.send("GET", "/.well-known/strongroom", &[], "").await.expect(200);
    let about: Value = serde_json::from_slice(&about.body).unwrap();
    assert_eq!(about["key"], running.ready.key);
    assert_eq!(about["thumbprint"], running.key().thumbprint().to_base64url());
    assert_eq!((&about["sign_up"], &about["tls_exporter"]), (&"open".into(), &false.into()));
    assert!(about["time"].as_u64().unwrap().abs_diff(now()) < 5);

    let vault = Vault::open(&client).await;
    Bucket::new().found(&client, &vault).await;
    client.send("GET", "/nothing", &[], "").await.refused(404, "not-found");
    client.send("DELETE", "/vault", &[], "").await.refused(405, "method");
    let text = client.send("GET", "/metrics", &[], "").await.expect(200);
    let text = String::from_utf8(text.body.to_vec()).unwrap();
    for line in [
        "strongroom_vaults_opened_total 1",
        "strongroom_buckets_opened_total 1",
        "strongroom_entries_stored_total 4",
        "strongroom_requests_refused_total 2",
        "strongroom_sessions 3",
        "# TYPE strongroom_connections gauge",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_names_every_route() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let reply = client.send("GET", "/openapi.json", &[], "").await.expect(200);
    let api: Value = serde_json::from_slice(&reply.body).unwrap();
    let mut operations = Vec::new();
    for (path, methods) in api["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            operations.push(format!("{} {path}", method.to_uppercase()));
            // Each is a route: without a session it is refused as such, or answered.
            let refused = if path.starts_with("/edvs") { 403 } else { 401 };
            let path = path.replace(['{', '}'], "");
            let reply = client.send(&method.to_uppercase(), &path, &[], "").await;
            let known = reply.status == 200 || reply.status == refused;
            assert!(known, "{method} {path}: {}", reply.status);
        }
    }
    operations.sort();
    let spec = include_str!("../../../../docs/spec/api.md");
    let edv = include_str!("../../../../docs/spec/edv.md");
    for operation in &operations {
        let page = if operation.contains("/edvs") { edv } else { spec };
        assert!(page.contains(&format!("`{operation}`")), "its page lacks {operation}");
    }
    assert_eq!(operations.len(), 29 + 18);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_has_the_body_of_every_problem() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let reply = client.send("GET", "/openapi.json", &[], "").await.expect(200);
    let api: Value = serde_json::from_slice(&reply.body).unwrap();
    let schema = &api["components"]["schemas"]["Problem"];
    let listed = |name: &str| schema["properties"][name]["enum"].as_array().unwrap();
    for problem in Problem::ALL {
        assert!(listed("type").contains(&format!("/problems/{}", problem.name()).into()));
        assert!(listed("status").contains(&problem.status().into()));
        assert!(listed("title").contains(&problem.title().into()));
    }
    // Every answer that is no success has that body, and every operation may give one.
    let mut refusals = 0;
    for (path, operations) in api["paths"].as_object().unwrap() {
        let (kind, reference) = if path.starts_with("/edvs") {
            ("application/json", "#/components/schemas/EdvFailure")
        } else {
            ("application/problem+json", "#/components/schemas/Problem")
        };
        for (method, operation) in operations.as_object().unwrap() {
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.contains_key("default"), "{method}");
            for (status, response) in responses {
                let content = &response["content"];
                if status.starts_with('2') || status == "416" || status == "304" {
                    assert!(content.get("application/problem+json").is_none());
                    continue;
                }
                refusals += 1;
                let schema = &content[kind]["schema"]["$ref"];
                assert_eq!(schema, reference, "{method} {status}");
            }
        }
    }
    assert!(refusals > 50, "{refusals}");
    // A real one says nothing that the description does not know.
    let problem = client.send("GET", "/vault", &[], "").await.problem();
    let known = schema["properties"].as_object().unwrap();
    let said = problem.as_object().unwrap();
    assert!(said.contains_key("time") && said.keys().all(|name| known.contains_key(name)));
    for name in schema["required"].as_array().unwrap() {
        assert!(said.contains_key(name.as_str().unwrap()), "{name}");
    }
    running.stop().await;
}

/// A store whose commits fail when told to, all or every second one.
struct Failing {
    inner: Memory,
    fail: std::sync::atomic::AtomicBool,
}

impl Rows for Failing {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Rows::get(&self.inner, key)
    }

    fn scan(
        &self,
        scan: &Scan,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> std::ops::ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.inner.scan(scan, visit)
    }

    fn submit(&self, batch: Batch, done: CommitDone) {
        if self.fail.load(std::sync::atomic::Ordering::SeqCst) {
            done(Err(CommitError::Store(StoreError::Full)));
        } else {
            self.inner.submit(batch, done);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_said_and_afterwards_all_goes_on() {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;
    let memory = Memory::new();
    let failing = Arc::new(Failing { inner: memory.clone(), fail: false.into() });
    let config = Config { quota_bytes: 1 << 20, ..Config::in_memory() };
    let provider =
        Provider::new(failing.clone(), Arc::new(memory), Identity::generate().unwrap(), config);
    let running = Running::over(provider.unwrap()).await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let mut bucket = Bucket::new();
    let session = bucket.found(&client, &vault).await;
    let (id, bytes) = chunk(1_000);
    let path = bucket.path(&format!("/chunks/{}", id.to_base32()));
    let version = bucket.author.version(300, References::NONE);
    let put = async |client: &Client| {
        let body = frames(&[Frame::Entries(vec![version.clone()])]);
        client.call(&session, "POST", &bucket.path("/frames"), body).await
    };
    failing.fail.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        put(&client).await.refused(507, "full");
        client.call(&session, "PUT", &path, bytes.clone()).await.refused(507, "full");
        let got = exchange(&client, &session, &bucket, &[since(None)]).await;
        assert_eq!(got.entries.len(), 4, "nothing that is not durable is shown");
    }
    failing.fail.store(false, Ordering::SeqCst);
    put(&client).await.expect(200);
    client.call(&session, "PUT", &path, bytes).await.expect(201);
    let got = exchange(&client, &session, &bucket, &[since(None)]).await;
    assert_eq!(got.entries.len(), 5);
    let reply = client.call(&vault.session, "GET", "/vault", "").await.expect(200);
    let used = strongroom_wire::api::VaultTerms::decode(&reply.body).unwrap().used_bytes;
    let reply = client.call(&vault.session, "GET", "/vault/holdings", "").await.expect(200);
    let [held] = strongroom_wire::api::Holding::decode_all(&reply.body).unwrap()[..] else {
        panic!("one bucket")
    };
    let counted = held.entry_bytes + held.chunk_bytes + 256 * (held.entries + held.chunks);
    assert_eq!(used, counted, "what failed was given back");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orphans_go_and_what_is_referred_to_stays() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let (mut bucket, other) = (Bucket::new(), Bucket::new());
    let session = bucket.found(&client, &vault).await;
    let elsewhere = other.found(&client, &vault).await;
    let put = async |bucket: &Bucket, session, (id, bytes): &(_, Vec<u8>)| {
        let id: &ChunkId = id;
        let path = bucket.path(&format!("/chunks/{}", id.to_base32()));
        client.call(session, "PUT", &path, bytes.clone()).await.expect(201);
        path
    };
    let (kept, orphan, shared) = (chunk(100), chunk(200), chunk(300));
    let kept_path = put(&bucket, &session, &kept).await;
    let orphan_path = put(&bucket, &session, &orphan).await;
    let shared_path = put(&bucket, &session, &shared).await;
    put(&other, &elsewhere, &shared).await;
    let mut both = bucket.author.version(20, References::Chunks(vec![kept.0]));
    exchange(&client, &session, &bucket, &[Frame::Entries(vec![both.clone()])]).await;
    both = bucket.author.version(20, References::Chunks(vec![shared.0]));
    exchange(&client, &session, &bucket, &[Frame::Entries(vec![both])]).await;
    let used = async || {
        let reply = client.call(&vault.session, "GET", "/vault", "").await.expect(200);
        strongroom_wire::api::VaultTerms::decode(&reply.body).unwrap().used_bytes
    };
    let before = used().await;
    // Orphans are counted in whole seconds.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(running.provider.sweep(Duration::ZERO).await, Ok(2));
    assert_eq!(running.metrics.chunks_collected.count(), 2);
    assert_eq!(before - used().await, 200 + 300 + 2 * 256);
    client.call(&session, "GET", &orphan_path, "").await.refused(404, "not-found");
    client.call(&session, "GET", &kept_path, "").await.expect(200);
    let reply = client.call(&session, "GET", &shared_path, "").await.expect(200);
    assert_eq!(reply.body[..], shared.1, "one bucket let go, the other did not");
    // It can be put again.
    put(&bucket, &session, &orphan).await;
    client.call(&session, "GET", &orphan_path, "").await.expect(200);
    running.stop().await;
}
