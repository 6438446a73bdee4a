//! A07 at the provider: a bucket takes what its genesis lists, and nothing else.

use strongroom_wire::capability::{Actions, Claims, Target};
use strongroom_wire::clear::{Floors, References};
use strongroom_wire::entry::{Entry, Kind};
use strongroom_wire::frame::Frame;
use strongroom_wire::ids::{DocumentTag, EntryId};

use crate::client::{Client, Reply, new_key, now, public, random};
use crate::world::{Bucket, Running, Vault, chain_of, epoch_clear, frames, issue, noise};

async fn bring(client: &Client, bucket: &Bucket, entries: &[Entry]) -> Reply {
    let session = bucket.session(client).await;
    let body = frames(&[Frame::Entries(entries.to_vec())]);
    client.call(&session, "POST", &bucket.path("/frames"), body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a07_an_entry_of_a_suite_the_genesis_does_not_list_is_refused() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    for (suite, other) in [(1, 2), (2, 1)] {
        let mut bucket = Bucket::of_suite(suite, Floors::only(suite));
        bucket.found(&client, &vault).await;
        let good = bucket.author.version(50, References::NONE);
        bring(&client, &bucket, std::slice::from_ref(&good)).await.expect(200);

        // By an author who may write, in order, and signed as it should be.
        let mut downgraded = bucket.author.clone();
        downgraded.suite = other;
        let bad = downgraded.version(50, References::NONE);
        let after = downgraded.version(50, References::NONE);
        let reply = bring(&client, &bucket, &[bad.clone(), after]).await;
        assert_eq!(reply.status, 422, "suite {other} in a bucket of suite {suite}");
        assert_eq!(reply.problem()["entry"], bad.id().to_base32());
        assert!(reply.problem()["detail"].as_str().unwrap().contains("suite"));

        // A control entry, too: it would carry keys under the other cipher.
        for (suite, status) in [(other, 422), (suite, 200)] {
            let mut author = bucket.author.clone();
            author.suite = suite;
            let mut header = author.header(Kind::Epoch, DocumentTag::ZERO);
            (header.epoch, header.parents) = (EntryId::ZERO, vec![bucket.founding[3].id()]);
            let clear = epoch_clear(2, vec![author.epoch]);
            let epoch = author.finish(header, &clear, noise(100));
            bring(&client, &bucket, &[epoch]).await.expect(status);
        }
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a07_a_genesis_that_contradicts_itself_founds_nothing() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let list = |suites: &[u8]| Floors { suites: suites.to_vec(), ..Floors::only(1) };
    for (why, suite, floors, status) in [
        ("its own suite is not in its list", 1, list(&[2]), 422),
        ("the same the other way round", 2, list(&[1]), 422),
        ("a generation nobody has", 1, Floors { generation: 2, ..list(&[1]) }, 422),
        ("both", 1, list(&[1, 2]), 201),
        ("one of a format to come beside it", 2, list(&[2, 3]), 201),
    ] {
        let bucket = Bucket::of_suite(suite, floors);
        let body = frames(&[Frame::Entries(bucket.founding.clone())]);
        let reply = client.call(&vault.session, "PUT", &bucket.path(""), body).await;
        assert_eq!(reply.status, status, "{why}: {}", String::from_utf8_lossy(&reply.body));
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a07_a_capability_of_another_suite_opens_no_session() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    for (suite, other) in [(1, 2), (2, 1)] {
        let bucket = Bucket::of_suite(suite, Floors::only(suite));
        bucket.found(&client, &vault).await;
        bucket.session(&client).await;
        let holder = new_key();
        let open = |suite| {
            let claims =
                Claims::new(Target::Bucket(bucket.id), Actions::PULL, now() + 900, random())
                    .for_holder(public(&holder), Some(bucket.member))
                    .under_suite(suite);
            chain_of(&[issue(&claims, &bucket.root.key)])
        };
        let (good, bad) = (open(suite), open(other));
        assert!(client.open(&holder, Some(&good)).await.is_ok(), "suite {suite}");
        let refused = client.open(&holder, Some(&bad)).await;
        assert_eq!(refused.unwrap_err().status, 401, "suite {other} for a bucket of {suite}");
    }
    running.stop().await;
}
