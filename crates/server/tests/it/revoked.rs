//! Who was taken out is out from the next request on: his session, an upload he had started, and
//! every new session.

use strongroom_server::Config;
use strongroom_wire::capability::{Action, Actions};
use strongroom_wire::clear::{Clear, References, Revoke, RevokeTarget};
use strongroom_wire::entry::Kind;
use strongroom_wire::frame::Frame;
use strongroom_wire::ids::DocumentTag;

use crate::client::Client;
use crate::world::{Bucket, Running, Vault, chunk, exchange, frames, since};

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
