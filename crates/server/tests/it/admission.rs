//! What a provider asks of entries: a table of refusals, each beside what is let through. All or
//! nothing: a request with one bad entry leaves no trace.

use strongroom_wire::api::VaultTerms;
use strongroom_wire::capability::{Action, Actions};
use strongroom_wire::clear::{Clear, References, Revoke, RevokeTarget};
use strongroom_wire::entry::{Entry, Header, Hlc, Kind};
use strongroom_wire::frame::{Cursor, Frame};
use strongroom_wire::ids::{BucketId, CapabilityId, ChunkId, DocumentTag, EntryId};
use strongroom_wire::session::ClientSession;

use crate::client::{Client, Reply, new_key, now, random};
use crate::world::{
    Author, Bucket, Running, Vault, chunk, epoch_clear, exchange, frames, noise, since,
};

struct Scene {
    running: Running,
    client: Client,
    vault: Vault,
    bucket: Bucket,
    session: ClientSession,
}

impl Scene {
    async fn set() -> Self {
        let running = Running::in_memory().await;
        let client = running.client().await;
        let vault = Vault::open(&client).await;
        let bucket = Bucket::new();
        let session = bucket.found(&client, &vault).await;
        Self { running, client, vault, bucket, session }
    }

    async fn bring(&self, entries: &[Entry]) -> Reply {
        let body = frames(&[Frame::Entries(entries.to_vec())]);
        self.client.call(&self.session, "POST", &self.bucket.path("/frames"), body).await
    }

    async fn count(&self) -> usize {
        exchange(&self.client, &self.session, &self.bucket, &[since(None)]).await.entries.len()
    }
}

fn version_at(author: &mut Author, change: impl FnOnce(&mut Header)) -> Entry {
    let mut header = author.header(Kind::Version, DocumentTag(random()));
    change(&mut header);
    author.finish(header, &Clear::version(References::NONE), noise(50))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_entry_is_named_and_nothing_of_its_request_is_kept() {
    let mut scene = Scene::set().await;
    let start = scene.bucket.author.hlc;
    let (reader, _, member_entry) = scene.bucket.grant(Actions::PULL);
    scene.bring(&[member_entry]).await.expect(200);
    let first = scene.bucket.author.version(50, References::NONE);
    scene.bring(std::slice::from_ref(&first)).await.expect(200);
    let stored = scene.count().await;
    let author = scene.bucket.author.clone();

    let made =
        |change: &dyn Fn(&mut Header)| version_at(&mut author.clone(), |header| change(header));
    let by = |other: &Author, change: &dyn Fn(&mut Header)| {
        version_at(&mut other.clone(), |header| change(header))
    };
    let unsigned = {
        let mut author = author.clone();
        let header = author.header(Kind::Version, DocumentTag(random()));
        author.unsigned(header, &Clear::version(References::NONE), noise(50))
    };
    let forged = {
        let entry = made(&|_| ());
        let signature = [1; 64];
        entry.signed(signature)
    };
    let wrong_clear = {
        let mut author = author.clone();
        let header = author.header(Kind::Version, DocumentTag(random()));
        author.finish(header, &Clear::Tombstone { keep_until: 1 << 40 }, noise(50))
    };
    let message = {
        let mut author = author.clone();
        let header = author.header(Kind::Message, DocumentTag(random()));
        author.finish(header, &Clear::Checkpoint, noise(50))
    };
    let genesis = Bucket::new().founding[0].clone();
    let stranger = Author::new(new_key(), scene.bucket.id, author.epoch, author.cap);
    let stranger = Author { hlc: author.hlc, ..stranger };
    let day = 25 * 3_600 * 1_000;
    let table: Vec<(&str, Vec<Entry>, u16)> = vec![
        ("is not signed", vec![unsigned], 422),
        ("is signed by nobody", vec![forged], 422),
        ("is of another bucket", vec![made(&|h| h.bucket = BucketId([5; 32]))], 422),
        ("leaves a gap", vec![made(&|h| h.seq += 1)], 422),
        ("forks: same place", vec![made(&|h| (h.seq, h.prev) = (1, first.header().prev))], 422),
        ("forks: other predecessor", vec![made(&|h| h.prev = EntryId([6; 32]))], 422),
        ("goes back in time", vec![made(&|h| h.hlc = Hlc(start))], 422),
        ("is a day ahead", vec![made(&|h| h.hlc = Hlc::new(now() * 1_000 + day, 0))], 422),
        ("names no epoch here", vec![made(&|h| h.epoch = EntryId([7; 32]))], 422),
        ("names no capability here", vec![made(&|h| h.cap = CapabilityId([8; 32]))], 422),
        ("uses another's capability", vec![by(&stranger, &|_| ())], 422),
        ("may only pull", vec![by(&reader, &|_| ())], 422),
        ("claims to be the root", vec![made(&|h| h.cap = CapabilityId::ZERO)], 422),
        ("follows what is not here", vec![made(&|h| h.parents = vec![EntryId([9; 32])])], 422),
        (
            "is older than its parent",
            vec![{
                let parent = first.id();
                made(&|h| (h.hlc, h.parents) = (Hlc(first.header().hlc.0 - 1), vec![parent]))
            }],
            422,
        ),
        ("has another kind's clear part", vec![wrong_clear], 422),
        ("is of a kind to come", vec![message], 422),
        ("has lost its sealed part", vec![made(&|_| ()).without_sealed()], 422),
        ("founds another bucket", vec![genesis], 422),
    ];
    for (why, bad, status) in table {
        // Beside a good entry of another author: it must not be kept either.
        let name = bad[0].id().to_base32();
        let good = {
            let mut root = scene.bucket.root.clone();
            root.hlc = author.hlc;
            root.version(40, References::NONE)
        };
        let all = [vec![good], bad].concat();
        let reply = scene.bring(&all).await;
        assert_eq!(reply.status, status, "{why}: {}", String::from_utf8_lossy(&reply.body));
        assert_eq!(reply.problem()["entry"], name, "{why}");
        assert_eq!(scene.count().await, stored, "{why}");
    }
    // The positive control: all of it was about the entries, not about the author.
    scene.bring(&[made(&|_| ())]).await.expect(200);
    let mut root = scene.bucket.root.clone();
    root.hlc = author.hlc;
    scene.bring(&[root.version(40, References::NONE)]).await.expect(200);
    scene.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_signed_at_its_end_comes_back_whole() {
    let mut scene = Scene::set().await;
    let mut run = Vec::new();
    for _ in 0..40 {
        let header = scene.bucket.author.header(Kind::Version, DocumentTag(random()));
        let clear = Clear::version(References::NONE);
        run.push(scene.bucket.author.unsigned(header, &clear, noise(30)));
    }
    run.push(scene.bucket.author.version(30, References::NONE));
    scene.bring(&run[..40]).await.refused(422, "invalid-entry");
    scene.bring(&run).await.expect(200);
    let got = exchange(&scene.client, &scene.session, &scene.bucket, &[since(None)]).await;
    assert_eq!(&got.entries[4..], run);
    scene.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_after_a_lost_answer_changes_nothing() {
    let mut scene = Scene::set().await;
    let version = scene.bucket.author.version(30, References::NONE);
    for _ in 0..3 {
        scene.bring(&[version.clone(), version.clone()]).await.expect(200);
    }
    assert_eq!(scene.count().await, 5);
    // Part of it is known: only the rest is new.
    let more = scene.bucket.author.version(30, References::NONE);
    let cursor =
        exchange(&scene.client, &scene.session, &scene.bucket, &[since(None)]).await.cursor;
    let sent = [Frame::Entries(vec![version, more]), since(cursor)];
    let got = exchange(&scene.client, &scene.session, &scene.bucket, &sent).await;
    assert!(got.entries.is_empty());
    assert_eq!((got.cursor.unwrap().at, scene.count().await), (6, 6));
    // Founding again, too.
    let body = frames(&[Frame::Entries(scene.bucket.founding.clone())]);
    let path = scene.bucket.path("");
    scene.client.call(&scene.vault.session, "PUT", &path, body.clone()).await.expect(201);
    assert_eq!(scene.count().await, 6);
    // But not by another vault.
    let other = Vault::open(&scene.client).await;
    scene.client.call(&other.session, "PUT", &path, body).await.refused(409, "conflict");
    scene.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_founding_that_is_not_whole_founds_nothing() {
    let scene = Scene::set().await;
    let new = Bucket::new();
    let found = async |path: String, entries: &[Entry]| {
        let body = frames(&[Frame::Entries(entries.to_vec())]);
        scene.client.call(&scene.vault.session, "PUT", &path, body).await
    };
    let other = Bucket::new();
    let mut forged = new.founding.clone();
    forged[0] = forged[0].clone().signed([3; 64]);
    for (why, entries, status) in [
        ("another genesis", other.founding.clone(), 400),
        ("the genesis is not first", new.founding[1..].to_vec(), 400),
        ("a forged genesis", forged[..1].to_vec(), 422),
        ("a gap", vec![new.founding[0].clone(), new.founding[2].clone()], 422),
        ("nothing", vec![], 400),
    ] {
        let reply = found(new.path(""), &entries).await;
        assert_eq!(reply.status, status, "{why}: {}", String::from_utf8_lossy(&reply.body));
        let opened = scene.client.open(&new.author.key, Some(&new.chain)).await;
        assert_eq!(opened.unwrap_err().status, 401, "{why}");
    }
    found(new.path(""), &new.founding).await.expect(201);
    new.session(&scene.client).await;
    scene.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_who_missed_a_renewal_is_not_stranded() {
    let mut scene = Scene::set().await;
    let old = scene.bucket.author.clone();
    let author = &mut scene.bucket.author;
    let mut header = author.header(Kind::Epoch, DocumentTag::ZERO);
    (header.epoch, header.parents) = (EntryId::ZERO, vec![scene.bucket.founding[2].id()]);
    let epoch = author.finish(header, &epoch_clear(2, vec![old.epoch]), noise(100));
    author.epoch = epoch.id();
    scene.bring(std::slice::from_ref(&epoch)).await.expect(200);
    // What was sealed under the epoch before, while its writer was away, is the next entry of its
    // chain: refused once, it would be refused for ever. A renewal takes nobody out.
    scene.bucket.author.epoch = old.epoch;
    let late = scene.bucket.author.version(30, References::NONE);
    scene.bring(&[late]).await.expect(200);
    scene.bucket.author.epoch = epoch.id();
    let fresh = scene.bucket.author.version(30, References::NONE);
    scene.bring(&[fresh]).await.expect(200);
    // An epoch that is not there is another matter.
    scene.bucket.author.epoch = EntryId([9; 32]);
    let unknown = scene.bucket.author.version(30, References::NONE);
    scene.bring(&[unknown]).await.refused(422, "invalid-entry");
    scene.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deactivated_bucket_is_for_pulling_only_at_once() {
    let mut scene = Scene::set().await;
    let (hash, bytes) = chunk(64);
    let path = scene.bucket.path(&format!("/chunks/{}", hash.to_base32()));
    scene.client.call(&scene.session, "PUT", &path, bytes).await.expect(201);
    let author = &mut scene.bucket.author;
    let mut header = author.header(Kind::Revoke, DocumentTag::ZERO);
    header.parents = vec![scene.bucket.founding[2].id()];
    let clear = Clear::Revoke(Revoke { targets: vec![RevokeTarget::Bucket], cutoffs: vec![] });
    let revoke = author.finish(header, &clear, noise(20));
    scene.bring(std::slice::from_ref(&revoke)).await.expect(200);
    scene.bring(&[revoke]).await.expect(200); // its retry
    let late = scene.bucket.author.version(30, References::NONE);
    let stood = (late.header().seq, late.header().prev);
    scene.bring(&[late]).await.refused(403, "forbidden");
    let (id, bytes) = chunk(65);
    let other = scene.bucket.path(&format!("/chunks/{}", id.to_base32()));
    scene.client.call(&scene.session, "PUT", &other, bytes).await.refused(403, "forbidden");
    scene.client.call(&scene.session, "GET", &path, "").await.expect(200);
    assert_eq!(scene.count().await, 5);
    // Who had not heard of it says what it saw, and hears of it in the same answer.
    let author = &mut scene.bucket.author;
    (author.seq, author.prev) = stood;
    let header = author.header(Kind::Checkpoint, DocumentTag::ZERO);
    let checkpoint = author.finish(header, &Clear::Checkpoint, noise(20));
    let late = scene.bucket.author.version(30, References::NONE);
    scene.bring(&[checkpoint.clone(), late]).await.refused(403, "forbidden");
    scene.bring(&[checkpoint]).await.expect(200);
    assert_eq!(scene.count().await, 6);
    scene.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_needs_its_chunks_under_this_bucket() {
    let mut scene = Scene::set().await;
    let other = Bucket::new();
    let elsewhere = other.found(&scene.client, &scene.vault).await;
    let (hash, bytes) = chunk(500);
    let path = |bucket: &Bucket| bucket.path(&format!("/chunks/{}", hash.to_base32()));
    scene.client.call(&elsewhere, "PUT", &path(&other), bytes.clone()).await.expect(201);

    let version = scene.bucket.author.version(30, References::Chunks(vec![hash]));
    let reply = scene.bring(std::slice::from_ref(&version)).await;
    reply.refused(422, "missing-chunk");
    assert_eq!(reply.problem()["chunk"], hash.to_base32());
    scene.client.call(&scene.session, "PUT", &path(&scene.bucket), bytes).await.expect(201);
    scene.bring(&[version]).await.expect(200);

    // A reference list is an object of ascending ids, and so are the lists together.
    let mut ids: Vec<[u8; 32]> = Vec::new();
    for len in 1..20 {
        let (id, bytes) = chunk(len);
        let path = scene.bucket.path(&format!("/chunks/{}", id.to_base32()));
        scene.client.call(&scene.session, "PUT", &path, bytes).await.expect(201);
        ids.push(id.0);
    }
    ids.sort_unstable();
    let list = async |ids: &[[u8; 32]]| {
        let bytes = ids.concat();
        let id = ChunkId(*blake3::hash(&bytes).as_bytes());
        let path = scene.bucket.path(&format!("/chunks/{}", id.to_base32()));
        scene.client.call(&scene.session, "PUT", &path, bytes).await.expect(201);
        id
    };
    let (low, high) = (list(&ids[..10]).await, list(&ids[10..]).await);
    let missing = list(&[[1; 32], [2; 32]]).await;
    let reversed = list(&[ids[1], ids[0]]).await;
    let author = scene.bucket.author.clone();
    for (why, lists, name) in [
        ("a chunk of the list is not here", vec![missing], "missing-chunk"),
        ("ids descend inside a list", vec![reversed], "invalid-entry"),
        ("ids descend across lists", vec![high, low], "invalid-entry"),
        ("one list twice", vec![low, low], "invalid-entry"),
    ] {
        let entry = author.clone().version(30, References::Lists(lists));
        let reply = scene.bring(&[entry]).await;
        assert_eq!(reply.problem()["type"], format!("/problems/{name}"), "{why}");
    }
    let entry = author.clone().version(30, References::Lists(vec![low, high]));
    scene.bring(&[entry]).await.expect(200);
    // Referred to, they are no orphans; the two bad lists are, and the other bucket's chunk. Ages
    // are in whole seconds.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    assert_eq!(scene.running.provider.sweep(std::time::Duration::ZERO).await, Ok(3));
    scene.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_another_log_is_unknown() {
    let scene = Scene::set().await;
    let ask = async |cursor| {
        exchange(&scene.client, &scene.session, &scene.bucket, &[since(cursor)]).await
    };
    let known = ask(None).await.cursor.unwrap();
    assert_eq!(known.at, 4);
    for (why, cursor) in [
        ("another log", Cursor { log: [7; 8], ..known }),
        ("beyond the end", Cursor { at: 5, ..known }),
        ("far beyond the end", Cursor { at: u64::MAX, ..known }),
    ] {
        let got = ask(Some(cursor)).await;
        assert!(got.entries.is_empty() && got.cursor.is_none(), "{why}");
    }
    let got = ask(Some(Cursor { at: 1, ..known })).await;
    assert_eq!((got.entries.len(), got.cursor), (3, Some(known)));
    scene.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_have_one_order() {
    let mut scene = Scene::set().await;
    let hello = Frame::Hello { formats: vec![strongroom_wire::format::FORMAT], salt: [0; 16] };
    let (id, data) = chunk(10);
    let piece = Frame::Chunk { chunk: id, offset: 0, data: data.clone() };
    let entries = Frame::Entries(vec![scene.bucket.author.version(20, References::NONE)]);
    let bad: Vec<(&str, Vec<Frame>)> = vec![
        ("since before entries", vec![since(None), entries.clone()]),
        ("hello twice", vec![hello.clone(), hello.clone()]),
        ("since twice", vec![since(None), since(None)]),
        ("entries before chunks", vec![entries.clone(), piece.clone()]),
        ("a part of a chunk", vec![Frame::Chunk { chunk: id, offset: 1, data: data.clone() }]),
        ("another chunk's name", vec![Frame::Chunk { chunk: chunk(10).0, offset: 0, data }]),
        ("an answer's frame", vec![Frame::CursorIs { cursor: None, more: false }]),
    ];
    for (why, all) in bad {
        let path = scene.bucket.path("/frames");
        let reply = scene.client.call(&scene.session, "POST", &path, frames(&all)).await;
        assert_eq!(reply.status, 400, "{why}");
        assert_eq!(reply.problem()["type"], "/problems/malformed", "{why}");
    }
    let stranger = Frame::Hello { formats: vec![0, 2], salt: [0; 16] };
    let path = scene.bucket.path("/frames");
    let reply = scene.client.call(&scene.session, "POST", &path, frames(&[stranger])).await;
    reply.refused(422, "unsupported");
    let got = exchange(
        &scene.client,
        &scene.session,
        &scene.bucket,
        &[hello, piece, entries, since(None)],
    )
    .await;
    assert_eq!(got.cursor.unwrap().at, 5);
    scene.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_may_store_what_others_wrote() {
    let mut scene = Scene::set().await;
    let (relay, chain, entry) = scene.bucket.grant(Actions::of(&[Action::Put]));
    scene.bring(&[entry]).await.expect(200);
    let session = scene.client.open(&relay.key, Some(&chain)).await.unwrap();
    let version = scene.bucket.author.version(30, References::NONE);
    let body = frames(&[Frame::Entries(vec![version])]);
    let path = scene.bucket.path("/frames");
    scene.client.call(&session, "POST", &path, body).await.expect(200);
    let pull = frames(&[since(None)]);
    scene.client.call(&session, "POST", &path, pull).await.refused(403, "forbidden");
    assert_eq!(scene.count().await, 6);
    scene.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_pull_comes_in_pieces_that_end_where_requests_ended() {
    let mut scene = Scene::set().await;
    let (mut at, mut sent) = (None, Vec::new());
    for _ in 0..5 {
        let mut request = Vec::new();
        for _ in 0..59 {
            let header = scene.bucket.author.header(Kind::Version, DocumentTag(random()));
            let clear = Clear::version(References::NONE);
            request.push(scene.bucket.author.unsigned(header, &clear, noise(60_000)));
        }
        request.push(scene.bucket.author.version(60_000, References::NONE));
        sent.extend(request.iter().map(Entry::id));
        scene.bring(&request).await.expect(200);
    }
    let mut ids = Vec::new();
    let mut pieces = 0;
    loop {
        let got = exchange(&scene.client, &scene.session, &scene.bucket, &[since(at)]).await;
        let last = got.entries.last().unwrap();
        assert!(last.signature().is_some(), "no piece ends inside a run");
        ids.extend(got.ids());
        at = got.cursor;
        pieces += 1;
        if !got.more {
            break;
        }
    }
    assert!(pieces >= 3, "{pieces}");
    assert_eq!(&ids[4..], sent);
    scene.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parents_come_first() {
    let mut scene = Scene::set().await;
    let mut root = scene.bucket.root.clone();
    let parent = root.version(20, References::NONE);
    scene.bucket.author.hlc = root.hlc;
    let child = version_at(&mut scene.bucket.author, |h| h.parents = vec![parent.id()]);
    let reply = scene.bring(&[child.clone(), parent.clone()]).await;
    reply.refused(422, "invalid-entry");
    assert_eq!(reply.problem()["entry"], child.id().to_base32());
    scene.bring(&[parent, child]).await.expect(200);
    scene.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_drops_sealed_parts_and_chunks_and_keeps_headers() {
    let mut scene = Scene::set().await;
    let (id, bytes) = chunk(7_000);
    let path = scene.bucket.path(&format!("/chunks/{}", id.to_base32()));
    scene.client.call(&scene.session, "PUT", &path, bytes).await.expect(201);
    let old = scene.bucket.author.version(900, References::Chunks(vec![id]));
    let kept = scene.bucket.author.version(900, References::NONE);
    scene.bring(&[old.clone(), kept.clone()]).await.expect(200);
    let used = async || {
        let reply = scene.client.call(&scene.vault.session, "GET", "/vault", "").await.expect(200);
        VaultTerms::decode(&reply.body).unwrap().used_bytes
    };
    let before = used().await;
    let purge = |entries: Vec<EntryId>, chunks| {
        let mut author = scene.bucket.author.clone();
        let header = author.header(Kind::Purge, DocumentTag::ZERO);
        author.finish(header, &Clear::Purge { entries, chunks }, noise(20))
    };
    for (why, bad) in [
        ("unknown", purge(vec![EntryId([3; 32])], vec![])),
        ("control log", purge(vec![scene.bucket.founding[2].id()], vec![])),
    ] {
        let reply = scene.bring(&[bad]).await;
        assert_eq!(reply.status, 422, "{why}");
    }
    let good = purge(vec![old.id()], vec![id]);
    let len = good.encode().len() as u64;
    scene.bring(&[good]).await.expect(200);
    let got = exchange(&scene.client, &scene.session, &scene.bucket, &[since(None)]).await;
    assert_eq!(got.entries[4], old.without_sealed(), "the header is still checkable");
    assert_eq!(got.entries[5], kept);
    scene.client.call(&scene.session, "GET", &path, "").await.refused(404, "not-found");
    // 900 bytes became a hash of 32; both are CBOR.
    let entry = 900 + 3 - (32 + 3);
    assert_eq!(used().await, before - 7_000 - 256 - entry + len + 256);
    scene.running.stop().await;
}
