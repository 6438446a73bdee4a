//! Strangers who mean harm: endless heads, slow bodies, bombs, thousands of connections. The
//! provider's memory stays bounded, and it keeps serving the others.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use strongroom_server::{Config, Tuning};
use strongroom_wire::clear::References;
use strongroom_wire::frame::Frame;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::new_key;
use crate::process::Daemon;
use crate::world::{Bucket, Running, Vault, chunk, frames, noise, since};

fn hasty(change: impl FnOnce(&mut Tuning)) -> Config {
    let mut config = Config::in_memory();
    config.tuning.idle = Duration::from_millis(400);
    config.tuning.body_grace = Duration::from_millis(300);
    change(&mut config.tuning);
    config
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

/// Reads until the other side closes; gives what came.
async fn rest(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all).await;
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_of_ten_gigabytes_ends_at_64_kib() {
    let running = Running::in_memory().await;
    for line in ["x: ", "GET /"] {
        let mut stream = connect(running.address()).await;
        let head = if line == "x: " { "GET /healthz HTTP/1.1\r\nhost: a\r\nx: " } else { line };
        stream.write_all(head.as_bytes()).await.unwrap();
        let filler = vec![b'a'; 1 << 16];
        let mut sent = 0_u64;
        while sent < 10 << 30 {
            match stream.write(&filler).await {
                Ok(len) => sent += len as u64,
                Err(_) => break,
            }
        }
        // What fits into the sockets' buffers is not in the provider's memory.
        assert!(sent < 32 << 20, "{line}: {sent} bytes were taken");
        let answer = rest(&mut stream).await;
        let told = answer.is_empty() || answer.contains(" 431 ") || answer.contains(" 414 ");
        assert!(told, "{answer}");
    }
    let many = "x: y\r\n".repeat(101);
    let mut stream = connect(running.address()).await;
    let head = format!("GET /healthz HTTP/1.1\r\nhost: a\r\n{many}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    assert!(rest(&mut stream).await.contains(" 431 "));
    let client = running.client().await;
    client.send("GET", "/healthz", &[("x-long", &"a".repeat(60_000))], "").await.expect(200);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_comes_byte_by_byte_is_not_waited_for() {
    let running = Running::start(hasty(|_| ())).await;
    let start = Instant::now();
    let mut stream = connect(running.address()).await;
    while start.elapsed() < Duration::from_secs(20) {
        if stream.write_all(b"G").await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(start.elapsed() < Duration::from_secs(15), "it was waited for");
    // One that says nothing at all is closed, too.
    assert_eq!(rest(&mut connect(running.address()).await).await, "");
    assert!(running.metrics.connections_slow.count() >= 1);
    running.client().await.send("GET", "/healthz", &[], "").await.expect(200);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_comes_byte_by_byte_is_not_waited_for() {
    let running = Running::start(hasty(|tuning| tuning.idle = Duration::from_secs(10))).await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let bucket = Bucket::new();
    let session = bucket.found(&client, &vault).await;
    let (id, bytes) = chunk(5_000);
    let path = bucket.path(&format!("/chunks/{}", id.to_base32()));
    let [input, signature] = client.authorize(&session, "PUT", &path);
    let host = client.origin.strip_prefix("http://").unwrap();
    let head = format!(
        "PUT {path} HTTP/1.1\r\nhost: {host}\r\n{}: {}\r\n{}: {}\r\ncontent-length: 5000\r\n\r\n",
        input.0, input.1, signature.0, signature.1
    );
    let mut stream = connect(running.address()).await;
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&bytes[..100]).await.unwrap();
    let mut answer = [0; 512];
    let len = stream.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..len]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    client.call(&session, "PUT", &path, bytes).await.expect(201);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_nobody_signed_is_not_read() {
    let running = Running::in_memory().await;
    let mut stream = connect(running.address()).await;
    let head = "POST /session HTTP/1.1\r\nhost: a\r\ncontent-length: 10737418240\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let filler = vec![0; 1 << 16];
    let mut sent = 0_u64;
    while sent < 10 << 30 {
        match stream.write(&filler).await {
            Ok(len) => sent += len as u64,
            Err(_) => break,
        }
    }
    assert!(sent < 32 << 20, "{sent} bytes were taken");
    let answer = rest(&mut stream).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 401 "), "{answer}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bombs_in_cbor_are_refused_before_anything_is_made_of_them() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let bucket = Bucket::new();
    let session = bucket.found(&client, &vault).await;
    let framed = |body: &[u8]| [&(body.len() as u32).to_be_bytes()[..], body].concat();
    let nested: Vec<u8> = std::iter::repeat_n(0x81, 1_000_000).collect();
    let many_frames: Vec<u8> = framed(&[0x82, 5, 0x80]).repeat(200_000);
    for (why, body) in [
        (
            "a length of 2^63",
            framed(&[0x82, 5, 0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        ),
        ("a million nested arrays", framed(&nested)),
        ("bytes of 4 GiB", framed(&[0x82, 5, 0x81, 0x84, 0x5a, 0xff, 0xff, 0xff, 0xff])),
        ("an endless array", framed(&[0x82, 5, 0x9f])),
        ("a frame of 4 GiB", vec![0xff, 0xff, 0xff, 0xff, 0x82]),
        ("a frame that is cut", vec![0, 0, 0, 9, 0x82]),
        ("frames without end", many_frames),
        ("noise", noise(100_000)),
        ("nothing", vec![0]),
    ] {
        let reply = client.call(&session, "POST", &bucket.path("/frames"), body).await;
        assert!(matches!(reply.status, 400 | 413), "{why}: {}", reply.status);
    }
    for path in ["/have", "/chunks"] {
        // A body that is refused unread ends its connection.
        let client = running.client().await;
        let reply = client.call(&session, "POST", &bucket.path(path), nested.clone()).await;
        assert!(matches!(reply.status, 400 | 413), "{path}: {}", reply.status);
    }
    let client = running.client().await;
    let good = frames(&[since(None)]);
    client.call(&session, "POST", &bucket.path("/frames"), good).await.expect(200);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_places_are_taken_those_under_way_go_on() {
    let running = Running::start(hasty(|tuning| {
        tuning.connections_max = 20;
        tuning.idle = Duration::from_mins(10);
    }))
    .await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let mut idlers = Vec::new();
    for _ in 0..19 {
        idlers.push(connect(running.address()).await);
    }
    // The next is told so, or just closed; the one at work goes on.
    let mut refused = connect(running.address()).await;
    let answer = rest(&mut refused).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(running.metrics.connections_refused.count() >= 1);
    client.call(&vault.session, "GET", "/vault", "").await.expect(200);
    // Those who only sit there make room.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let mut served = false;
    for _ in 0..50 {
        let mut stream = connect(running.address()).await;
        let ask = b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        let _ = stream.write_all(ask).await;
        served = rest(&mut stream).await.contains(" 200 ");
        if served {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(served, "idlers kept the others out");
    running.stop().await;
}

/// 2,000 by default; `STRONGROOM_CONNECTIONS=10000` for as many as the issue names.
#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_connections_leave_room_for_the_others() {
    let count = std::env::var("STRONGROOM_CONNECTIONS").ok().and_then(|n| n.parse().ok());
    let count: usize = count.unwrap_or(2_000);
    let limit = rustix::process::Rlimit { current: Some(count as u64 + 500), maximum: None };
    let limit = rustix::process::Rlimit {
        maximum: rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum,
        ..limit
    };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limit).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &[]);
    let client = daemon.client().await;
    let vault = Vault::open(&client).await;
    let mut bucket = Bucket::new();
    let session = bucket.found(&client, &vault).await;
    let before = daemon.memory_kib("VmRSS");
    let mut idlers = Vec::new();
    for at in 0..count {
        // Half of them say nothing, half stop in the middle of a head.
        let mut stream = connect(daemon.address).await;
        if at % 2 == 0 {
            stream.write_all(b"GET /healthz HTTP/1.1\r\nx: ").await.unwrap();
        }
        idlers.push(stream);
    }
    let body = frames(&[Frame::Entries(vec![bucket.author.version(100, References::NONE)])]);
    client.call(&session, "POST", &bucket.path("/frames"), body).await.expect(200);
    daemon.client().await.open(&new_key(), None).await.unwrap();
    let grown = daemon.memory_kib("VmRSS").saturating_sub(before);
    println!("{count} connections: {grown} KiB, {} B each", grown * 1_024 / count as u64);
    assert!(grown < count as u64 * 32, "{grown} KiB for {count} connections");
    drop(idlers);
    client.call(&vault.session, "GET", "/vault", "").await.expect(200);
}
