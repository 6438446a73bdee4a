//! Requests that nobody sent, or sent before (attacks A30, A31, A45, A49, A50). Each row is
//! refused with the one 401, changes nothing, and stands beside the request that is let through.

use strongroom_server::Config;
use strongroom_wire::capability::{Action, Actions, CapabilityChain, Claims, Target};
use strongroom_wire::clear::References;
use strongroom_wire::frame::Frame;
use strongroom_wire::http_signature::{RequestParts, content_digest};
use strongroom_wire::ids::{SessionId, VaultTag};
use strongroom_wire::limits::SESSIONS_PER_KEY_MAX;
use strongroom_wire::session::{Kem, Opening};

use crate::client::{Client, Reply, SignedOpening, new_key, now, public, random};
use crate::world::{Bucket, Running, Vault, chain_of, chunk, frames, issue, since, to_base64url};

#[track_caller]
fn is_the_401(reply: &Reply, why: &str) {
    assert_eq!(reply.status, 401, "{why}: {}", String::from_utf8_lossy(&reply.body));
    let problem = reply.problem();
    let mut members: Vec<&String> = problem.as_object().unwrap().keys().collect();
    members.sort();
    // The provider's time is told, because a wrong clock can be mended; nothing else is.
    assert_eq!(members, ["started", "status", "time", "title", "type"], "{why}");
}

type Fields = [(&'static str, String); 2];

async fn put(client: &Client, path: &str, fields: &Fields, body: &[u8]) -> Reply {
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
    client.send("POST", path, &fields, body.to_vec()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_a_session_is_good_once_and_for_nothing_else() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let mut bucket = Bucket::new();
    let session = bucket.found(&client, &vault).await;
    let other = bucket.session(&client).await;

    let entry = bucket.author.version(40, References::NONE);
    let body = frames(&[Frame::Entries(vec![entry])]);
    let swapped = frames(&[Frame::Entries(vec![bucket.author.version(40, References::NONE)])]);
    let path = client.bound("POST", &bucket.path("/frames"), &body);
    let fresh = || client.authorize(&session, "POST", &path);

    let stored = running.metrics.entries_stored.count();
    let [input, signature] = fresh();
    let [_, foreign_mac] = client.authorize(&other, "POST", &path);
    let stranger =
        input.1.replace(&to_base64url(&session.id.0), &to_base64url(&SessionId(random()).0));
    let renamed = input.1.replace(&to_base64url(&session.id.0), &to_base64url(&other.id.0));
    let recounted = input.1.replace("nonce=\"0000000000000", "nonce=\"0000000000001");
    assert!(recounted != input.1 && renamed != input.1 && stranger != input.1);
    let bad: Vec<(&str, Fields)> = vec![
        ("the MAC of another session", [input.clone(), foreign_mac]),
        ("another session's name", [(input.0, renamed), signature.clone()]),
        ("a name nobody has", [(input.0, stranger), signature.clone()]),
        ("another counter", [(input.0, recounted), signature.clone()]),
        ("no MAC", [input.clone(), ("x-nothing", String::new())]),
        ("no input", [("x-nothing", String::new()), signature.clone()]),
    ];
    for (why, fields) in &bad {
        is_the_401(&put(&client, &path, fields, &body).await, why);
    }
    let elsewhere = client.bound("POST", &bucket.path("/frames"), &swapped);
    is_the_401(&put(&client, &elsewhere, &fresh(), &swapped).await, "another body's hash");
    is_the_401(&put(&client, &format!("{path}&x=1"), &fresh(), &body).await, "another query");
    let bare = bucket.path("/frames");
    is_the_401(&put(&client, &bare, &fresh(), &body).await, "no hash of the body");
    let get = client.authorize(&session, "GET", &path);
    is_the_401(&put(&client, &path, &get, &body).await, "another method");
    let reply = put(&client, &path, &fresh(), &swapped).await;
    assert_eq!(reply.status, 401, "a body that is not the one named");
    let mut doubled: Vec<(&str, String)> = fresh().to_vec();
    doubled.push(("signature", doubled[1].1.clone()));
    let doubled: Vec<(&str, &str)> = doubled.iter().map(|(n, v)| (*n, v.as_str())).collect();
    is_the_401(&client.send("POST", &path, &doubled, body.clone()).await, "a field twice");
    let mut chained: Vec<(&str, String)> = fresh().to_vec();
    chained.push(("strongroom-capability", ":gA==:".into()));
    let chained: Vec<(&str, &str)> = chained.iter().map(|(n, v)| (*n, v.as_str())).collect();
    is_the_401(&client.send("POST", &path, &chained, body.clone()).await, "a chain beside it");
    assert_eq!(running.metrics.entries_stored.count(), stored, "nothing was written");

    let good = fresh();
    put(&client, &path, &good, &body).await.expect(200);
    assert_eq!(running.metrics.entries_stored.count(), stored + 1);
    is_the_401(&put(&client, &path, &good, &body).await, "the same request again");
    let second = running.client().await;
    is_the_401(&put(&second, &path, &good, &body).await, "again, over another connection");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_may_overtake_one_another_inside_the_window_only() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let all: Vec<Fields> =
        (0..1_100).map(|_| client.authorize(&vault.session, "GET", "/vault")).collect();
    let ask = async |at: usize| {
        let fields: Vec<_> = all[at].iter().map(|(n, v)| (*n, v.as_str())).collect();
        client.send("GET", "/vault", &fields, "").await
    };
    ask(1_099).await.expect(200);
    ask(76).await.expect(200);
    is_the_401(&ask(75).await, "below the window");
    is_the_401(&ask(76).await, "seen");
    ask(1_098).await.expect(200);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opening_is_good_once_here_and_now() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let key = new_key();
    let signed = |created| {
        let opening = Opening::new(Kem::X25519, &random());
        SignedOpening::new(&client, &key, None, &opening, created)
    };
    let sessions = running.metrics.sessions_total.count();
    let mut bad = vec![
        ("made before the tolerance", signed(now() - 302)),
        ("made after the tolerance", signed(now() + 302)),
        // Within the tolerance, but a process that just started remembers no nonces.
        ("made before this provider started", signed(now() - 200)),
    ];
    let mut swapped = signed(now());
    swapped.body = Opening::new(Kem::X25519, &random()).body().to_vec();
    bad.push(("another body", swapped));
    let mut chained = signed(now());
    chained.fields.push(("strongroom-capability", ":gA==:".into()));
    bad.push(("a chain that was not signed", chained));
    let mut forged = signed(now());
    forged.fields[1].1 = signed(now()).fields[1].1.clone();
    bad.push(("the signature of another request", forged));
    for (why, opening) in &bad {
        assert_eq!(opening.send(&client).await.status, 401, "{why}");
    }
    assert_eq!(running.metrics.sessions_total.count(), sessions);
    let good = signed(now());
    good.send(&client).await.expect(200);
    is_the_401(&good.send(&client).await, "the same opening again");
    assert_eq!(running.metrics.sessions_total.count(), sessions + 1);
    for kem in [Kem::X25519, Kem::XWing] {
        client.open_with(&key, None, kem, now()).await.expect("both key agreements work");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_for_another_host_is_none_for_this_one() {
    let origins = vec!["http://rooms.example".to_owned()];
    let running = Running::start(Config { origins, ..Config::in_memory() }).await;
    let mut client = running.client().await;
    client.open(&new_key(), None).await.expect("loopback is known by its names");
    for (origin, known) in [("http://rooms.example", true), ("http://evil.example", false)] {
        client.origin = origin.to_owned();
        let opened = client.open(&new_key(), None).await;
        assert_eq!(opened.is_ok(), known, "{origin}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_is_good_for_its_holder_its_time_and_its_provider() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let target = Target::Vault(vault.tag);
    let host = Actions::of(&[Action::Host]);
    let device = new_key();
    let claims =
        |expires| Claims::new(target, host, expires, random()).for_holder(public(&device), None);
    let by_root = |claims: &Claims| chain_of(&[issue(claims, &vault.root)]);
    let open = async |key, chain: &CapabilityChain| client.open(key, Some(chain)).await;

    open(&device, &by_root(&claims(now() + 60))).await.expect("a good one");
    let here = claims(now() + 60).for_provider(running.key().thumbprint());
    open(&device, &by_root(&here)).await.expect("bound to this provider");

    let elsewhere = claims(now() + 60).for_provider(public(&new_key()).thumbprint());
    let early = claims(now() + 600).with_not_before(now() + 300);
    let stranger = chain_of(&[issue(&claims(now() + 60), &new_key())]);
    let nowhere = Target::Vault(VaultTag(random()));
    let unknown = Claims { target: nowhere, ..claims(now() + 60) };
    let bad = [
        ("expired", by_root(&claims(now() - 1))),
        ("not yet", by_root(&early)),
        ("for another provider", by_root(&elsewhere)),
        ("not by the root key", stranger),
        ("of a vault nobody opened", by_root(&unknown)),
    ];
    for (why, chain) in &bad {
        is_the_401(&open(&device, chain).await.unwrap_err(), why);
    }
    let chain = by_root(&claims(now() + 60));
    is_the_401(&open(&new_key(), &chain).await.unwrap_err(), "another key than the holder's");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_this_provider_cannot_keep_is_not_passed_over() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let bucket = Bucket::new();
    bucket.found(&client, &vault).await;
    let first = bucket.chain.capabilities()[0].clone();
    let device = new_key();
    let mut claims = Claims::new(Target::Bucket(bucket.id), Actions::PULL, now() + 60, random())
        .for_holder(public(&device), Some(bucket.member));
    claims.caveats.policy = Some([7; 32]);
    let claims = first.attenuate(&claims).unwrap();
    let chain = chain_of(&[first, issue(&claims, &bucket.member_key)]);
    let reply = client.open(&device, Some(&chain)).await.unwrap_err();
    reply.refused(422, "unsupported");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_sixteen_sessions_and_the_oldest_gives_way() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    for _ in 0..SESSIONS_PER_KEY_MAX - 1 {
        vault.again(&client).await;
    }
    client.call(&vault.session, "GET", "/vault", "").await.expect(200);
    let newest = vault.again(&client).await;
    is_the_401(&client.call(&vault.session, "GET", "/vault", "").await, "the seventeenth");
    client.call(&newest, "GET", "/vault", "").await.expect(200);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_covers_its_own_chain_and_nothing_beside_it() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let (mut bucket, other) = (Bucket::new(), Bucket::new());
    let session = bucket.found(&client, &vault).await;
    other.found(&client, &vault).await;
    let (reader, reads, entry) = bucket.grant(Actions::PULL);
    let sent = frames(&[Frame::Entries(vec![entry])]);
    client.call(&session, "POST", &bucket.path("/frames"), sent).await.expect(200);
    let reader = client.open(&reader.key, Some(&reads)).await.unwrap();
    let stranger = client.open(&new_key(), None).await.unwrap();

    let pull = frames(&[since(None)]);
    let write = frames(&[Frame::Entries(vec![bucket.author.version(40, References::NONE)])]);
    let (hash, bytes) = chunk(64);
    let chunk_path = format!("/chunks/{}", hash.to_base32());
    client.call(&reader, "POST", &bucket.path("/frames"), pull.clone()).await.expect(200);
    for (why, session, path, body) in [
        ("another bucket", &session, other.path("/frames"), &pull),
        ("no chain", &stranger, bucket.path("/frames"), &pull),
        ("a vault's chain", &vault.session, bucket.path("/frames"), &pull),
        ("pull alone", &reader, bucket.path("/frames"), &write),
        ("pull alone", &reader, bucket.path("/chunks"), &write),
    ] {
        let reply = client.call(session, "POST", &path, body.clone()).await;
        assert_eq!(reply.status, 403, "{why}");
    }
    client.call(&reader, "PUT", &bucket.path(&chunk_path), bytes).await.refused(403, "forbidden");
    client.call(&session, "GET", "/vault", "").await.refused(403, "forbidden");
    client.call(&stranger, "GET", "/vault", "").await.refused(403, "forbidden");
    let founding = frames(&[Frame::Entries(Bucket::new().founding)]);
    client.call(&session, "PUT", &bucket.path(""), founding).await.refused(403, "forbidden");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_may_be_bound_by_its_sha256_instead() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let mut bucket = Bucket::new();
    let session = bucket.found(&client, &vault).await;
    let body = frames(&[Frame::Entries(vec![bucket.author.version(40, References::NONE)])]);
    let path = bucket.path("/frames");
    let uri = format!("{}{path}", client.origin);
    let send = async |sent: &[u8]| {
        let digest = content_digest(&body);
        let mut parts = RequestParts::new("POST", &uri);
        parts.content_digest = Some(&digest);
        let fields = session.authorize(&parts, now()).unwrap();
        let all = [
            ("signature-input", fields.input.as_str()),
            ("signature", &fields.signature),
            ("content-digest", &digest),
        ];
        client.send("POST", &path, &all, sent.to_vec()).await
    };
    assert_eq!(send(&body[1..]).await.status, 401);
    send(&body).await.expect(200);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_session_outlives_the_process() {
    let dir = tempfile::tempdir().unwrap();
    // One name for both processes, so that only their memories differ.
    let config = Config {
        data: Some(dir.path().to_owned()),
        origins: vec!["http://rooms.example".to_owned()],
        ..Config::in_memory()
    };
    let named = async |running: &Running| {
        let mut client = running.client().await;
        client.origin = "http://rooms.example".to_owned();
        client
    };
    let running = Running::start(config.clone()).await;
    let client = named(&running).await;
    let vault = Vault::open(&client).await;
    let opening = Opening::new(Kem::X25519, &random());
    let opening = SignedOpening::new(&client, &new_key(), None, &opening, now());
    opening.send(&client).await.expect(200);
    client.call(&vault.session, "GET", "/vault", "").await.expect(200);
    running.stop().await;

    // The next process begins in a later second than the opening was signed in.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let running = Running::start(config).await;
    let client = named(&running).await;
    is_the_401(&client.call(&vault.session, "GET", "/vault", "").await, "the old session");
    is_the_401(&opening.send(&client).await, "the old opening");
    let session = vault.again(&client).await;
    client.call(&session, "GET", "/vault", "").await.expect(200);
    running.stop().await;
}
