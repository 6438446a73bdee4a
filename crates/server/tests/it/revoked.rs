//! Who was taken out is out from the next request on: his session, an upload he had started, and
//! every new session.

use std::fmt::Write as _;

use strongroom_server::Config;
use strongroom_wire::capability::{Action, Actions, Claims, Target};
use strongroom_wire::clear::{Clear, References, Revoke, RevokeTarget};
use strongroom_wire::entry::Kind;
use strongroom_wire::frame::Frame;
use strongroom_wire::ids::{ChunkId, DocumentTag};
use strongroom_wire::session::ClientSession;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{Client, now, public};
use crate::world::{Bucket, Running, Vault, chain_of, chunk, exchange, frames, issue, since};

#[tokio::test(flavor = "multi_thread")]
async fn a_started_upload_and_an_open_session_end_with_the_next_request() {
    let running = Running::start(Config::in_memory()).await;
    let client: Client = running.client().await;
    let vault = Vault::open(&client).await;
    let mut bucket = Bucket::new();
    let owners = bucket.found(&client, &vault).await;
    let rights = Actions::of(&[Action::Pull, Action::Append, Action::Write]);
    let (mut bob, chain, enrolment) = bucket.grant(rights);
    let hello = Frame::Hello { formats: vec![strongroom_wire::format::FORMAT], salt: [1; 16] };
    let sent = [hello.clone(), Frame::Entries(vec![enrolment.clone()]), since(None)];
    exchange(&client, &owners, &bucket, &sent).await;

    // Bob's device has begun a put of two chunks, and has one there.
    let bobs = client.open(&bob.key, Some(&chain)).await.unwrap();
    let (first, second) = (chunk(10_000), chunk(20_000));
    let path =
        |id: strongroom_wire::ids::ChunkId| bucket.path(&format!("/chunks/{}", id.to_base32()));
    let (first_path, second_path) = (path(first.0), path(second.0));
    client.call(&bobs, "PUT", &first_path, first.1.clone()).await.expect(201);
    client
        .call(&bobs, "POST", &bucket.path("/frames"), frames(&[hello.clone(), since(None)]))
        .await
        .expect(200);

    let mut header = bucket.author.header(Kind::Revoke, DocumentTag::ZERO);
    header.parents = vec![enrolment.id()];
    header.hlc = header.hlc.max(enrolment.header().hlc);
    let end = (bob.id(), 0, enrolment.id());
    let targets = vec![RevokeTarget::Author(bob.id())];
    let clear = Clear::Revoke(Revoke { targets, cutoffs: vec![end] });
    let revoke = bucket.author.finish(header, &clear, crate::world::noise(20));
    let sent = [hello.clone(), Frame::Entries(vec![revoke]), since(None)];
    exchange(&client, &owners, &bucket, &sent).await;

    // The next chunk, the entry that would name both, what others wrote, a new session: nothing.
    client.call(&bobs, "PUT", &second_path, second.1.clone()).await.expect(401);
    let mut ids = vec![first.0, second.0];
    ids.sort_unstable();
    let version = bob.version(300, References::Chunks(ids));
    let body = frames(&[hello.clone(), Frame::Entries(vec![version]), since(None)]);
    client.call(&bobs, "POST", &bucket.path("/frames"), body).await.expect(401);
    client.call(&bobs, "GET", &first_path, "").await.expect(401);
    assert!(client.open(&bob.key, Some(&chain)).await.is_err(), "nor a new one");
    // The owner goes on, and nothing of Bob's came in after the cutoff.
    let got = exchange(&client, &owners, &bucket, &[hello, since(None)]).await;
    assert_eq!(got.done.unwrap().0, 6);
}

/// Sends a request whose second half comes `later`; gives the status of what is answered.
async fn in_two_halves(
    running: &Running,
    client: &Client,
    session: &ClientSession,
    (path, body): (&str, &[u8]),
    later: impl Future<Output = ()>,
) -> String {
    let fields = client.authorize(session, "PUT", path);
    let host = client.origin.split("://").nth(1).unwrap();
    let mut head = format!("PUT {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in &fields {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    write!(head, "content-length: {}\r\n\r\n", body.len()).unwrap();
    let mut stream = TcpStream::connect(running.address()).await.unwrap();
    let (one, other) = body.split_at(body.len() / 2);
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(one).await.unwrap();
    later.await;
    stream.write_all(other).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

/// A body may be minutes on its way: who was in when it began must be in when it is here.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_on_its_way_ends_with_its_session() {
    let running = Running::start(Config::in_memory()).await;
    let client: Client = running.client().await;
    let vault = Vault::open(&client).await;
    let mut bucket = Bucket::new();
    let owners = bucket.found(&client, &vault).await;
    let (bob, chain, enrolment) = bucket.grant(Actions::of(&[Action::Pull, Action::Write]));
    exchange(&client, &owners, &bucket, &[Frame::Entries(vec![enrolment.clone()])]).await;
    let long = std::time::Duration::from_millis(1_200);
    let path = |id: ChunkId| bucket.path(&format!("/chunks/{}", id.to_base32()));

    // Nothing happens meanwhile: it is taken, however long it took.
    let bobs = client.open(&bob.key, Some(&chain)).await.unwrap();
    let (id, bytes) = chunk(20_000);
    let wait = tokio::time::sleep(long);
    let answer = in_two_halves(&running, &client, &bobs, (&path(id), &bytes), wait).await;
    assert_eq!(answer, "HTTP/1.1 201 Created");

    // His time is over meanwhile.
    let claims =
        Claims::new(Target::Bucket(bucket.id), Actions::of(&[Action::Write]), now() + 2, [7; 16])
            .for_holder(public(&bob.key), Some(bucket.member))
            .with_depth(0);
    let first = chain.capabilities()[0].clone();
    let short = issue(&first.attenuate(&claims).unwrap(), &bucket.member_key);
    let soon_over = client.open(&bob.key, Some(&chain_of(&[first, short]))).await.unwrap();
    let (id, bytes) = chunk(10_000);
    client.call(&soon_over, "PUT", &path(id), bytes).await.expect(201);
    let (id, bytes) = chunk(20_000);
    let wait = tokio::time::sleep(std::time::Duration::from_millis(3_100));
    let answer = in_two_halves(&running, &client, &soon_over, (&path(id), &bytes), wait).await;
    assert_eq!(answer, "HTTP/1.1 401 Unauthorized");
    client.call(&owners, "GET", &path(id), "").await.refused(404, "not-found");

    // He is taken out meanwhile.
    let (id, bytes) = chunk(20_000);
    let mut header = bucket.author.header(Kind::Revoke, DocumentTag::ZERO);
    header.parents = vec![enrolment.id()];
    header.hlc = header.hlc.max(enrolment.header().hlc);
    let targets = vec![RevokeTarget::Author(bob.id())];
    let cutoffs = vec![(bob.id(), 0, enrolment.id())];
    let clear = Clear::Revoke(Revoke { targets, cutoffs });
    let revoke = bucket.author.finish(header, &clear, crate::world::noise(20));
    let taken_out = async {
        exchange(&client, &owners, &bucket, &[Frame::Entries(vec![revoke])]).await;
        tokio::time::sleep(long).await;
    };
    let path = bucket.path(&format!("/chunks/{}", id.to_base32()));
    let answer = in_two_halves(&running, &client, &bobs, (&path, &bytes), taken_out).await;
    assert_eq!(answer, "HTTP/1.1 401 Unauthorized");
    client.call(&owners, "GET", &path, "").await.refused(404, "not-found");
    running.stop().await;
}
