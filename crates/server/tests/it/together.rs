//! Many at once: writers of one bucket, more buckets than memory has room for, a disk that fails
//! in the middle.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use strongroom_server::{Config, Identity, Provider};
use strongroom_store::{
    Batch, BlobId, Blobs, CommitDone, CommitError, Memory, Rows, Scan, StoreError,
};
use strongroom_wire::capability::Actions;
use strongroom_wire::clear::References;
use strongroom_wire::fingerprint::SetSum;
use strongroom_wire::frame::Frame;
use strongroom_wire::ids::EntryId;

use crate::client::Client;
use crate::world::{Bucket, Running, Vault, chunk, exchange, frames, since};

const WRITERS: usize = 8;

/// Each writer writes and pulls by its own cursor; gives what each has seen.
async fn all_write(
    running: &Running,
    each: usize,
    start: impl FnOnce(),
) -> (Bucket, Vec<BTreeSet<EntryId>>) {
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let mut bucket = Bucket::new();
    let session = bucket.found(&client, &vault).await;
    let mut authors = Vec::new();
    for _ in 0..WRITERS {
        let (author, chain, entry) = bucket.grant(Actions::ALL);
        exchange(&client, &session, &bucket, &[Frame::Entries(vec![entry])]).await;
        authors.push((author, chain));
    }
    start();
    let path: Arc<str> = bucket.path("/frames").into();
    let mut tasks = Vec::new();
    for (mut author, chain) in authors {
        let (client, path) = (running.client().await, path.clone());
        tasks.push(tokio::spawn(async move {
            let session = client.open(&author.key, Some(&chain)).await.unwrap();
            let (mut seen, mut cursor) = (BTreeSet::new(), None);
            for _ in 0..each {
                let entry = author.version(100, References::NONE);
                let id = entry.id();
                let body = frames(&[Frame::Entries(vec![entry]), since(cursor)]);
                let reply = put_until_stored(&client, &session, &path, body).await;
                let got = crate::world::Got::read(&reply);
                for id in got.ids() {
                    assert!(seen.insert(id), "nothing comes twice");
                }
                // After a try whose answer was lost, it may have come as another's.
                seen.insert(id);
                cursor = got.cursor;
            }
            (client, session, seen, cursor)
        }));
    }
    let mut writers = Vec::new();
    for task in tasks {
        writers.push(task.await.unwrap());
    }
    let mut all = Vec::new();
    for (client, session, mut seen, cursor) in writers {
        let got = exchange(&client, &session, &bucket, &[since(cursor)]).await;
        seen.extend(got.ids());
        all.push(seen);
    }
    (bucket, all)
}

async fn put_until_stored(
    client: &Client,
    session: &strongroom_wire::session::ClientSession,
    path: &str,
    body: Vec<u8>,
) -> Vec<u8> {
    for _ in 0..1_000 {
        let reply = client.call(session, "POST", path, body.clone()).await;
        match reply.status {
            200 => return reply.body.to_vec(),
            503 | 507 => tokio::time::sleep(Duration::from_millis(2)).await,
            other => panic!("{other}: {}", String::from_utf8_lossy(&reply.body)),
        }
    }
    panic!("it was never stored")
}

async fn is_whole(running: &Running, bucket: &Bucket, all: &[BTreeSet<EntryId>], each: usize) {
    let client = running.client().await;
    let session = bucket.session(&client).await;
    let hello = Frame::Hello { formats: vec![strongroom_wire::format::FORMAT], salt: [5; 16] };
    let got = exchange(&client, &session, bucket, &[hello, since(None)]).await;
    assert_eq!(got.entries.len(), 4 + WRITERS + WRITERS * each);
    let mut sum = SetSum::default();
    let mut chains: BTreeMap<_, Vec<u64>> = BTreeMap::new();
    for entry in &got.entries {
        sum.add(entry.header().hlc, entry.id());
        chains.entry(entry.header().author).or_default().push(entry.header().seq);
    }
    assert_eq!(got.done, Some((sum.count(), sum.fingerprint(&[5; 16]))));
    for seqs in chains.values() {
        assert!(seqs.iter().copied().eq(0..seqs.len() as u64), "no gap in a chain: {seqs:?}");
    }
    let whole: BTreeSet<EntryId> = got.ids().into_iter().collect();
    assert!(all.iter().all(|seen| *seen == whole), "every writer has everything, by its cursor");
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_of_one_bucket_lose_nothing_and_see_each_other() {
    let dir = tempfile::tempdir().unwrap();
    for running in [Running::in_memory().await, Running::on(dir.path()).await] {
        let (bucket, all) = all_write(&running, 15, || ()).await;
        is_whole(&running, &bucket, &all, 15).await;
        running.stop().await;
    }
}

/// Answers late, from a thread of its own, in groups; every so often a whole group fails.
struct Shaky {
    inner: Memory,
    shaking: Arc<AtomicBool>,
    queue: std::sync::mpsc::Sender<(Batch, CommitDone)>,
}

impl Shaky {
    fn new(every: u64) -> Self {
        let inner = Memory::new();
        let (queue, jobs) = std::sync::mpsc::channel::<(Batch, CommitDone)>();
        let (store, mut groups) = (inner.clone(), 0_u64);
        let shaking = Arc::new(AtomicBool::new(false));
        let shakes = shaking.clone();
        std::thread::spawn(move || {
            while let Ok(first) = jobs.recv() {
                std::thread::sleep(Duration::from_micros(500));
                let group: Vec<_> = std::iter::once(first).chain(jobs.try_iter()).collect();
                groups += 1;
                let fails = shakes.load(Ordering::Relaxed) && groups.is_multiple_of(every);
                let mut answers = Vec::new();
                for (at, (batch, done)) in group.into_iter().enumerate() {
                    // The first of a bad group fails; what was built on it must fail by itself.
                    let result = if fails && at == 0 {
                        Err(CommitError::Store(StoreError::Full))
                    } else {
                        store.commit(batch)
                    };
                    answers.push((done, result));
                }
                for (done, result) in answers {
                    done(result);
                }
            }
        });
        Self { inner, shaking, queue }
    }
}

impl Rows for Shaky {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Rows::get(&self.inner, key)
    }

    fn scan(
        &self,
        scan: &Scan,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.inner.scan(scan, visit)
    }

    fn submit(&self, batch: Batch, done: CommitDone) {
        self.queue.send((batch, done)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_group_takes_down_what_was_built_on_it_and_nothing_else() {
    // The set-up must get through; later every fourth group fails.
    let store = Shaky::new(4);
    let shaking = store.shaking.clone();
    let blobs: Arc<dyn Blobs> = Arc::new(store.inner.clone());
    let identity = Identity::generate().unwrap();
    let provider = Provider::new(Arc::new(store), blobs, identity, Config::in_memory()).unwrap();
    let running = Running::over(provider).await;
    let shake = || shaking.store(true, Ordering::Relaxed);
    let (bucket, all) = all_write(&running, 10, shake).await;
    shaking.store(false, Ordering::Relaxed);
    assert!(running.metrics.requests_failed.count() > 0, "some did fail");
    is_whole(&running, &bucket, &all, 10).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_buckets_than_memory_has_room_for() {
    let mut config = Config::in_memory();
    config.tuning.buckets_cached_max = 2;
    let running = Running::start(config).await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let mut open = Vec::new();
    for _ in 0..6 {
        let bucket = Bucket::new();
        let session = bucket.found(&client, &vault).await;
        open.push((bucket, session));
    }
    for round in 0..3_u64 {
        for (bucket, session) in &mut open {
            let entry = bucket.author.version(50, References::NONE);
            let sent = [Frame::Entries(vec![entry]), since(None)];
            let got = exchange(&client, session, bucket, &sent).await;
            assert_eq!(got.cursor.unwrap().at, 5 + round);
        }
    }
    assert!(running.metrics.buckets_cached.value() <= 2);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_that_lost_its_owner_in_a_crash_is_found_at_the_next_start() {
    let memory = Memory::new();
    let (id, bytes) = chunk(300);
    Blobs::put(&memory, vec![(BlobId(id.0), bytes)]).unwrap();
    let provider = Provider::new(
        Arc::new(memory.clone()),
        Arc::new(memory.clone()),
        Identity::generate().unwrap(),
        Config::in_memory(),
    );
    let running = Running::over(provider.unwrap()).await;
    let mut there = true;
    for _ in 0..1_000 {
        there = Blobs::len(&memory, &BlobId(id.0)).unwrap().is_some();
        if !there {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!there, "nobody owns it");
    running.stop().await;
}
