//! EDV vaults over the store: races, crashes, room, rules. What clients of other people see of them
//! is told in `interop/edv`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use strongroom_server::{Config, EdvConfig, EdvPolicy, Identity, Provider, TlsFiles};
use strongroom_store::faulty::{Faulty, Script};
use strongroom_store::{Blobs as _, Memory, Rows};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::client::Client;
use crate::edv_world::{Ask, Person, Vault, chunk, document, new_id, open_daemon, refused};
use crate::world::Running;

fn open(policy: EdvPolicy) -> Config {
    Config { edv: EdvConfig { base: None, policy }, ..Config::in_memory() }
}

async fn started() -> (Running, Client, Vault) {
    let running = Running::start(open(EdvPolicy::Open)).await;
    let client = running.client().await;
    let vault = Person::new().vault(&client).await;
    (running, client, vault)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_writers_one_wins_each_round() {
    let (running, client, vault) = started().await;
    let id = new_id();
    vault.insert(&client, &document(&id, 0, "v", 9)).await.expect(201);
    for sequence in 1..=3 {
        let mut writers = tokio::task::JoinSet::new();
        for lane in 0..20 {
            let (client, vault, id) = (running.client().await, vault.clone(), id.clone());
            writers.spawn(async move {
                let mut won = 0;
                for turn in 0..50 {
                    let value = format!("{sequence}-{lane}-{turn}");
                    let reply = vault.update(&client, &document(&id, sequence, &value, 9)).await;
                    match reply.status {
                        204 => won += 1,
                        _ => refused(&reply, 409, "InvalidStateError"),
                    }
                }
                won
            });
        }
        assert_eq!(writers.join_all().await.into_iter().sum::<u32>(), 1, "round {sequence}");
        let stored: Value = serde_json::from_slice(&vault.get(&client, &id).await.body).unwrap();
        assert_eq!(stored["sequence"], sequence);
        let value = stored["indexed"][0]["attributes"][0]["value"].as_str().unwrap();
        let found = vault.having(&client, value).await;
        assert!(found == std::slice::from_ref(&id), "found by what it is now");
    }
    assert!(vault.having(&client, "v").await.is_empty(), "and by nothing it was");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_claim_a_value_one_has_it() {
    let (running, client, vault) = started().await;
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (client, vault) = (running.client().await, vault.clone());
        writers.spawn(async move {
            let reply = vault.insert(&client, &document(&new_id(), 0, "unique", 9)).await;
            if reply.status != 201 {
                refused(&reply, 409, "DuplicateError");
            }
            u32::from(reply.status == 201)
        });
    }
    assert_eq!(writers.join_all().await.into_iter().sum::<u32>(), 1);
    let [holder] = vault.having(&client, "unique").await.try_into().unwrap();
    // The value is free once its holder takes another, or is deleted.
    vault.update(&client, &document(&holder, 1, "u2", 9)).await.expect(204);
    vault.insert(&client, &document(&new_id(), 0, "unique", 9)).await.expect(201);
    let below = format!("/documents/{holder}");
    vault.ask(&client, "DELETE", &below, "").await.expect(204);
    vault.insert(&client, &document(&new_id(), 0, "u2", 9)).await.expect(201);
    running.stop().await;
}

/// What must be true of a vault whatever happened to it: found is what is there, claimed is what is
/// claimed once, and the history ends in it.
async fn is_whole(vault: &Vault, client: &Client) -> BTreeMap<String, (u64, String)> {
    let mut all = BTreeMap::new();
    let mut by_value: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for stored in vault.export(client).await {
        let id = stored["id"].as_str().unwrap().to_owned();
        let value = stored["indexed"][0]["attributes"][0]["value"].as_str().unwrap().to_owned();
        by_value.entry(value.clone()).or_default().insert(id.clone());
        all.insert(id, (stored["sequence"].as_u64().unwrap(), value));
    }
    for (value, ids) in &by_value {
        let found: BTreeSet<_> = vault.having(client, value).await.into_iter().collect();
        assert_eq!(found, *ids, "{value}");
        assert!(!value.starts_with('u') || ids.len() == 1, "{value}");
    }
    let query = json!({ "index": "urn:h", "has": ["n"], "count": true }).to_string();
    let reply = vault.ask(client, "POST", "/query", &query).await.expect(200);
    let count: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(count["count"], all.len());
    let (mut cursor, mut latest) = (String::from("0"), BTreeMap::new());
    loop {
        let reply = vault.ask(client, "GET", &format!("/history?cursor={cursor}"), "").await;
        let page: Value = serde_json::from_slice(&reply.expect(200).body).unwrap();
        for change in page["changes"].as_array().unwrap() {
            let id = change["id"].as_str().unwrap().to_owned();
            latest.insert(id, change["sequence"].as_u64());
        }
        page["cursor"].as_str().unwrap().clone_into(&mut cursor);
        if page["hasMore"] == false {
            break;
        }
    }
    latest.retain(|_, sequence| sequence.is_some());
    let now: BTreeMap<_, _> =
        all.iter().map(|(id, (sequence, _))| (id.clone(), Some(*sequence))).collect();
    assert_eq!(latest, now, "the history ends in what is there");
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_in_the_middle_leaves_a_vault_whole() {
    let memory = Memory::new();
    let rows = Faulty::new(memory.clone(), 7);
    let blobs = Faulty::new(memory.clone(), 8);
    let config = Config { quota_bytes: 1 << 30, ..open(EdvPolicy::Open) };
    let provider = Provider::new(
        Arc::new(rows.clone()),
        Arc::new(blobs.clone()),
        Identity::generate().unwrap(),
        config,
    );
    let running = Running::over(provider.unwrap()).await;
    let client = running.client().await;
    let vault = Person::new().vault(&client).await;
    rows.set(Script { write_error: 0.3, ..Script::default() });
    blobs.set(Script { write_error: 0.2, ..Script::default() });
    let mut writers = tokio::task::JoinSet::new();
    for lane in 0..4_u64 {
        let (client, vault) = (running.client().await, vault.clone());
        writers.spawn(async move {
            let mut acknowledged = BTreeMap::new();
            for turn in 0..60_u64 {
                let id = new_id();
                // Some claim what other lanes claim as well, some are large.
                let value = if turn % 3 == 0 { format!("u{turn}") } else { format!("v{turn}") };
                let len = if turn % 10 == 0 { 100_000 } else { 50 };
                let reply = vault.insert(&client, &document(&id, 0, &value, len)).await;
                assert!(matches!(reply.status, 201 | 409 | 500), "{}", reply.status);
                if reply.status != 201 {
                    continue;
                }
                acknowledged.insert(id.clone(), (0, value));
                let next = format!("w{lane}-{turn}");
                if vault.update(&client, &document(&id, 1, &next, len / 2)).await.status == 204 {
                    acknowledged.insert(id.clone(), (1, next));
                }
                if turn % 7 == 0 {
                    let below = format!("/documents/{id}");
                    if vault.ask(&client, "DELETE", &below, "").await.status == 204 {
                        acknowledged.remove(&id);
                    }
                }
            }
            acknowledged
        });
    }
    let mut acknowledged = BTreeMap::new();
    for done in writers.join_all().await {
        acknowledged.extend(done);
    }
    assert!(rows.fired().write_errors > 20 && blobs.fired().write_errors > 2);
    rows.set(Script::default());
    blobs.set(Script::default());
    assert_eq!(is_whole(&vault, &client).await, acknowledged, "all of it and nothing else");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_leaves_what_was_acknowledged_and_nothing_by_halves() {
    let dir = tempfile::tempdir().unwrap();
    let owner = Person::new();
    let daemon = open_daemon(dir.path());
    let path = owner.vault(&daemon.client().await).await.path;
    let vault = Vault { owner, path };
    let mut acknowledged: BTreeMap<String, String> = BTreeMap::new();
    let mut daemon = Some(daemon);
    for round in 0..3_u64 {
        let running = daemon.take().unwrap();
        let mut writers = tokio::task::JoinSet::new();
        for lane in 0..6_u64 {
            let (client, vault) = (running.client().await, vault.clone());
            writers.spawn(async move {
                let mut done = Vec::new();
                for turn in 0.. {
                    let (id, value) = (new_id(), format!("u{round}-{lane}-{turn}"));
                    let len = if turn % 8 == 7 { 100_000 } else { 60 };
                    let text = document(&id, 0, &value, len).to_string();
                    let reply = vault.try_ask(&client, "POST", "/documents", &text).await;
                    let Some(reply) = reply else { break };
                    assert_eq!(reply.status, 201, "{}", String::from_utf8_lossy(&reply.body));
                    done.push((id, value));
                }
                done
            });
        }
        // In the middle of it: when some hundred are stored.
        let counting = running.client().await;
        loop {
            let text = counting.send("GET", "/metrics", &[], "").await;
            let text = String::from_utf8_lossy(&text.body).into_owned();
            let line = text.lines().find(|it| it.starts_with("strongroom_edv_documents_stored"));
            let stored: u64 = line.unwrap().rsplit(' ').next().unwrap().parse().unwrap();
            if stored > 60 {
                break;
            }
        }
        running.signal(rustix::process::Signal::KILL);
        assert_eq!(running.wait(), None, "killed");
        for done in writers.join_all().await {
            acknowledged.extend(done);
        }
        let listen = "127.0.0.1:0";
        daemon =
            Some(crate::process::Daemon::start(dir.path(), &["--edv", "open", "--listen", listen]));
        let client = daemon.as_ref().unwrap().client().await;
        let there = is_whole(&vault, &client).await;
        for (id, value) in &acknowledged {
            assert_eq!(there.get(id), Some(&(0, value.clone())), "acknowledged, and there");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_is_filled_to_its_quota_and_can_be_made_smaller() {
    let config = Config { quota_bytes: 100_000, ..open(EdvPolicy::Open) };
    let running = Running::start(config).await;
    let client = running.client().await;
    let vault = Person::new().vault(&client).await;
    let (id, other) = (new_id(), new_id());
    vault.insert(&client, &document(&id, 0, "v", 60_000)).await.expect(201);
    refused(
        &vault.insert(&client, &document(&other, 0, "v", 60_000)).await,
        413,
        "QuotaExceededError",
    );
    vault.insert(&client, &document(&other, 0, "v", 30_000)).await.expect(201);
    let chunks = format!("/documents/{other}/chunks/0");
    let put = vault.ask(&client, "POST", &chunks, &chunk(0, 0, 20_000).to_string()).await;
    refused(&put, 413, "QuotaExceededError");
    // A smaller state fits into a full vault, and makes room.
    vault.update(&client, &document(&id, 1, "v", 40_000)).await.expect(204);
    vault.ask(&client, "POST", &chunks, &chunk(0, 0, 19_000).to_string()).await.expect(204);
    refused(
        &vault.update(&client, &document(&id, 2, "v", 60_000)).await,
        413,
        "QuotaExceededError",
    );
    // Without a stream its chunks fall away with the next state.
    vault.update(&client, &document(&other, 1, "v", 30_000)).await.expect(204);
    vault.update(&client, &document(&id, 2, "v", 60_000)).await.expect(204);
    vault.ask(&client, "DELETE", &format!("/documents/{id}"), "").await.expect(204);
    vault.insert(&client, &document(&id, 0, "v", 65_000)).await.expect(201);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_again_and_again_leaves_nothing_on_the_disk() {
    let memory = Memory::new();
    let (rows, blobs) = (Arc::new(memory.clone()), Arc::new(memory.clone()));
    let identity = Identity::generate().unwrap();
    let provider = Provider::new(rows, blobs, identity, open(EdvPolicy::Open)).unwrap();
    let running = Running::over(provider).await;
    let client = running.client().await;
    let vault = Person::new().vault(&client).await;
    let id = new_id();
    vault.insert(&client, &document(&id, 0, "u1", 200_000)).await.expect(201);
    for _ in 0..5 {
        let taken = vault.insert(&client, &document(&new_id(), 0, "u1", 200_000)).await;
        refused(&taken, 409, "DuplicateError");
    }
    assert_eq!(memory.list(None, 100).unwrap().len(), 1, "the one that was taken");
    // Nor does a state that another took the place of.
    vault.update(&client, &document(&id, 1, "u1", 300_000)).await.expect(204);
    assert_eq!(memory.list(None, 100).unwrap().len(), 1);
    vault.update(&client, &document(&id, 2, "u1", 30)).await.expect(204);
    assert!(memory.list(None, 100).unwrap().is_empty());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_deleted_vault_held_is_gone_to_the_last_blob() {
    let memory = Memory::new();
    let config = open(EdvPolicy::Open);
    let (rows, blobs) = (Arc::new(memory.clone()), Arc::new(memory.clone()));
    let provider = Provider::new(rows, blobs, Identity::generate().unwrap(), config).unwrap();
    let running = Running::over(provider).await;
    let client = running.client().await;
    let owner = Person::new();
    let (vault, kept) = (owner.vault(&client).await, owner.vault(&client).await);
    for vault in [&vault, &kept] {
        let id = new_id();
        vault.insert(&client, &document(&id, 0, "u1", 200_000)).await.expect(201);
        let below = format!("/documents/{id}/chunks/3");
        vault.ask(&client, "POST", &below, &chunk(3, 0, 300_000).to_string()).await.expect(204);
    }
    let before = memory.list(None, 100).unwrap().len();
    vault.ask(&client, "DELETE", "", "").await.expect(204);
    refused(&vault.ask(&client, "GET", "", "").await, 404, "NotFoundError");
    // Its bytes go in their own time.
    while memory.list(None, 100).unwrap().len() > before / 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(kept.export(&client).await.len(), 1);
    kept.ask(&client, "DELETE", "", "").await.expect(204);
    while !memory.list(None, 100).unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_was_cut_short_goes_on_at_the_next_start() {
    let memory = Memory::new();
    let owner = Person::new();
    let over = async |rows: Arc<dyn Rows>| {
        let blobs = Arc::new(memory.clone());
        let mut config = open(EdvPolicy::Open);
        config.edv.base = Some("http://edv.example".into());
        let identity = Identity::generate().unwrap();
        let running = Running::over(Provider::new(rows, blobs, identity, config).unwrap()).await;
        let mut client = running.client().await;
        client.origin = "http://edv.example".into();
        (running, client)
    };
    let (running, client) = over(Arc::new(memory.clone())).await;
    let vault = owner.vault(&client).await;
    for _ in 0..20 {
        vault.insert(&client, &document(&new_id(), 0, "v", 70_000)).await.expect(201);
    }
    running.stop().await;
    // One write is all that this disk takes.
    let full = Script { full_after: Some(1), ..Script::default() };
    let faulty = Faulty::scripted(memory.clone(), 1, full);
    let (running, client) = over(Arc::new(faulty.clone())).await;
    vault.ask(&client, "DELETE", "", "").await.expect(204);
    refused(&vault.ask(&client, "GET", "", "").await, 404, "NotFoundError");
    while faulty.fired().full == 0 {
        tokio::task::yield_now().await;
    }
    running.stop().await;
    assert_eq!(memory.list(None, 100).unwrap().len(), 20);
    let (running, client) = over(Arc::new(memory.clone())).await;
    while !memory.list(None, 100).unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    refused(&vault.ask(&client, "GET", "", "").await, 404, "NotFoundError");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_opens_a_vault_unless_the_operator_says_so() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let (alice, bob) = (Person::new(), Person::new());
    refused(&alice.create(&client, &alice.config()).await, 403, "NotAllowedError");
    running.stop().await;

    let running = Running::start(open(EdvPolicy::Listed(vec![alice.did()]))).await;
    let client = running.client().await;
    alice.create(&client, &alice.config()).await.expect(201);
    refused(&bob.create(&client, &bob.config()).await, 403, "NotAllowedError");
    refused(&bob.create(&client, &alice.config()).await, 403, "NotAllowedError");
    running.stop().await;

    let running = Running::start(open(EdvPolicy::Token(vec!["let-me-in".into()]))).await;
    let client = running.client().await;
    let body = bob.config().to_string();
    let body = Some(body.as_bytes());
    let ask = Ask { method: "POST", path: "/edvs", body, action: "write", root: "/edvs" };
    for (token, status) in [(None, 403), (Some("let-me"), 403), (Some("let-me-in"), 201)] {
        let mut fields = bob.sign(&client, &ask);
        fields.extend(token.map(|it| ("strongroom-token".to_owned(), it.to_owned())));
        let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        let reply = client.send("POST", "/edvs", &fields, ask.body.unwrap().to_vec()).await;
        assert_eq!(reply.status, status, "{token:?}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_everyone_may_open_vaults_one_network_opens_so_many_an_hour() {
    let mut config = open(EdvPolicy::Open);
    config.tuning.edv_creations_per_hour = 2;
    let running = Running::start(config).await;
    let client = running.client().await;
    let alice = Person::new();
    alice.create(&client, &json!({ "not": "a configuration" })).await.expect(400);
    alice.create(&client, &alice.config()).await.expect(201);
    alice.create(&client, &alice.config()).await.expect(201);
    let reply = alice.create(&client, &alice.config()).await;
    refused(&reply, 429, "BusyError");
    assert!(reply.headers.contains_key("retry-after"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = open(EdvPolicy::Open);
    config.data = Some(dir.path().to_owned());
    // Ids begin with the address: it must be the same after the restart.
    config.edv.base = Some("http://edv.example".into());
    let running = Running::start(config.clone()).await;
    let mut client = running.client().await;
    client.origin = "http://edv.example".into();
    let vault = Person::new().vault(&client).await;
    let (small, large) = (new_id(), new_id());
    vault.insert(&client, &document(&small, 0, "u1", 20)).await.expect(201);
    vault.insert(&client, &document(&large, 0, "v", 3_000_000)).await.expect(201);
    vault.update(&client, &document(&small, 1, "u1", 25)).await.expect(204);
    let before = vault.get(&client, &large).await.expect(200);
    assert!(before.body.len() > 3_000_000);
    running.stop().await;

    let running = Running::start(config).await;
    let mut client = running.client().await;
    client.origin = "http://edv.example".into();
    let after = vault.get(&client, &large).await.expect(200);
    assert_eq!((&after.body, &after.headers["etag"]), (&before.body, &before.headers["etag"]));
    let all = is_whole(&vault, &client).await;
    assert_eq!(all[&small], (1, "u1".to_owned()));
    let taken = vault.insert(&client, &document(&new_id(), 0, "u1", 20)).await;
    refused(&taken, 409, "DuplicateError");
    vault.update(&client, &document(&small, 2, "v", 20)).await.expect(204);
    is_whole(&vault, &client).await;
    // Under any other name it is another provider's.
    let elsewhere = running.client().await;
    refused(&vault.get(&elsewhere, &small).await, 403, "NotAllowedError");
    running.stop().await;
}

/// A30: what changes something and expects no state of its own is carried out once.
#[tokio::test(flavor = "multi_thread")]
async fn a_captured_request_is_good_once_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = open(EdvPolicy::Open);
    config.data = Some(dir.path().to_owned());
    config.edv.base = Some("http://edv.example".into());
    let running = Running::start(config.clone()).await;
    let mut client = running.client().await;
    client.origin = "http://edv.example".into();
    let alice = Person::new();
    let send = async |client: &Client, ask: Ask<'_>, fields: &[(String, String)]| {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        client.send(ask.method, ask.path, &fields, ask.body.unwrap_or_default().to_vec()).await
    };
    let vault = alice.vault(&client).await;
    let id = new_id();
    let inserts = document(&id, 0, "u1", 20);
    vault.insert(&client, &inserts).await.expect(201);
    let path = format!("{}/documents/{id}", vault.path);
    let removes =
        Ask { method: "DELETE", path: &path, body: None, action: "write", root: &vault.path };
    let fields = alice.sign(&client, &removes);
    send(&client, removes, &fields).await.expect(204);
    refused(&send(&client, removes, &fields).await, 409, "InvalidStateError");
    running.stop().await;
    // Signatures tell the second.
    tokio::time::sleep(Duration::from_millis(1_100)).await;

    let running = Running::start(config).await;
    let mut client = running.client().await;
    client.origin = "http://edv.example".into();
    let again = document(&id, 2, "u1", 20);
    vault.update(&client, &again).await.expect(204);
    refused(&send(&client, removes, &fields).await, 409, "InvalidStateError");
    vault.get(&client, &id).await.expect(200);
    let fields = alice.sign(&client, &removes);
    send(&client, removes, &fields).await.expect(204);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_it_is_the_same_with_either_http() {
    let dir = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let mut config = open(EdvPolicy::Open);
    config.tls = Some(TlsFiles { cert, key });
    config.edv.base = Some("https://edv.example".into());
    let running = Running::start(config).await;
    for two in [false, true] {
        let trusted = made.cert.der();
        let mut client = Client::tls(running.address(), running.key(), trusted, two).await;
        client.origin = "https://edv.example".into();
        let vault = Person::new().vault(&client).await;
        let id = new_id();
        vault.insert(&client, &document(&id, 0, "u1", 70_000)).await.expect(201);
        vault.update(&client, &document(&id, 1, "u1", 10)).await.expect(204);
        assert_eq!(is_whole(&vault, &client).await[&id], (1, "u1".to_owned()));
        // The scheme is part of what a capability names.
        client.origin = "http://edv.example".into();
        refused(&vault.get(&client, &id).await, 403, "NotAllowedError");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_not_read_for_who_may_not() {
    let (running, client, vault) = started().await;
    let large = "A".repeat(9 << 20);
    let mallory = Person::new();
    let path = format!("{}/documents", vault.path);
    let ask = Ask {
        method: "POST",
        path: &path,
        body: Some(large.as_bytes()),
        action: "write",
        root: &vault.path,
    };
    let taken = running.metrics.bytes_in.count();
    // The head alone: an answer comes before a byte of the body is sent.
    let mut stream = tokio::net::TcpStream::connect(running.address()).await.unwrap();
    let mut head = format!("POST {path} HTTP/1.1\r\nhost: {}\r\n", running.address());
    for (name, value) in mallory.sign(&client, &ask) {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    write!(head, "content-length: {}\r\n\r\n", large.len()).unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(Duration::from_mins(1), stream.read_to_end(&mut answer))
        .await
        .unwrap()
        .unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(running.metrics.bytes_in.count() - taken < 10_000);
    running.stop().await;
}
