//! What a request costs the provider. Prints numbers, asserts none: machines differ. By default a
//! short run that only shows that many writers at once work; `STRONGROOM_MEASURE=1` with
//! `--release` measures.

use std::sync::Arc;
use std::time::Instant;

use strongroom_wire::capability::Actions;
use strongroom_wire::clear::References;
use strongroom_wire::frame::Frame;

use crate::process::Daemon;
use crate::world::{Bucket, Vault, chunk, exchange, frames, since};

fn measured(long: usize, short: usize) -> usize {
    if std::env::var_os("STRONGROOM_MEASURE").is_some() { long } else { short }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_writers_put_documents_of_1_kib() {
    const WRITERS: usize = 16;
    let each = measured(2_000, 12);
    let dir = tempfile::tempdir_in(".").unwrap();
    let daemon = Daemon::start(dir.path(), &[]);
    let client = daemon.client().await;
    let vault = Vault::open(&client).await;
    let mut bucket = Bucket::new();
    let session = bucket.found(&client, &vault).await;
    let mut authors = Vec::new();
    for _ in 0..WRITERS {
        let (author, chain, entry) = bucket.grant(Actions::ALL);
        let got = exchange(&client, &session, &bucket, &[Frame::Entries(vec![entry])]).await;
        assert!(got.entries.is_empty());
        authors.push((author, chain));
    }
    let path = bucket.path("/frames");
    // Sealed beforehand; a connection that waits for it would be closed as idle.
    let mut ready = Vec::new();
    for (mut author, chain) in authors {
        let bodies: Vec<Vec<u8>> = (0..each)
            .map(|_| frames(&[Frame::Entries(vec![author.version(1_024, References::NONE)])]))
            .collect();
        ready.push((author.key, chain, bodies));
    }
    let mut writers = Vec::new();
    for (key, chain, bodies) in ready {
        let client = daemon.client().await;
        let session = client.open(&key, Some(&chain)).await.unwrap();
        writers.push((client, session, bodies));
    }
    let (cpu, wall) = (daemon.cpu_secs(), Instant::now());
    let path: Arc<str> = path.into();
    let running: Vec<_> = writers
        .into_iter()
        .map(|(client, session, bodies)| {
            let path = path.clone();
            tokio::spawn(async move {
                let mut times = Vec::new();
                for body in bodies {
                    let start = Instant::now();
                    client.call(&session, "POST", &path, body).await.expect(200);
                    times.push(start.elapsed());
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for writer in running {
        times.extend(writer.await.unwrap());
    }
    let (cpu, wall) = (daemon.cpu_secs() - cpu, wall.elapsed());
    times.sort_unstable();
    let puts = times.len() as f64;
    println!(
        "1 KiB puts, 16 writers, one bucket: {:.0}/s, provider {:.0} µs of processor time each, \
         p50 {:?}, p99 {:?}",
        puts / wall.as_secs_f64(),
        cpu * 1e6 / puts,
        times[times.len() / 2],
        times[times.len() * 99 / 100],
    );
    let reads = measured(20_000, 100);
    let (cpu, wall) = (daemon.cpu_secs(), Instant::now());
    let client = daemon.client().await;
    let body = frames(&[since(None)]);
    let mut bytes = 0;
    for _ in 0..reads / 100 {
        bytes += client.call(&session, "POST", &path, body.clone()).await.expect(200).body.len();
    }
    println!(
        "pull from the start: {:.0} MB/s, provider {:.0} ms of processor time per 8 MiB",
        bytes as f64 / 1e6 / wall.elapsed().as_secs_f64(),
        (daemon.cpu_secs() - cpu) * 1e3 / (bytes as f64 / 8_388_608.0),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_chunks_at_a_time() {
    const AT_ONCE: usize = 8;
    let count = measured(1_024, 32);
    let dir = tempfile::tempdir_in(".").unwrap();
    let daemon = Daemon::start(dir.path(), &[]);
    let client = daemon.client().await;
    let vault = Vault::open(&client).await;
    let bucket = Bucket::new();
    bucket.found(&client, &vault).await;
    let idle = daemon.memory_kib("VmRSS");
    let (cpu, wall) = (daemon.cpu_secs(), Instant::now());
    let mut running = Vec::new();
    for _ in 0..AT_ONCE {
        let client = daemon.client().await;
        let session = bucket.session(&client).await;
        let prefix = bucket.path("/chunks/");
        running.push(tokio::spawn(async move {
            for _ in 0..count / AT_ONCE {
                let (id, bytes) = chunk(1 << 20);
                let path = format!("{prefix}{}", id.to_base32());
                client.call(&session, "PUT", &path, bytes).await.expect(201);
            }
        }));
    }
    for one in running {
        one.await.unwrap();
    }
    println!(
        "{count} chunks of 1 MiB, 8 at a time: {:.0} MiB/s, provider {:.2} s of processor time a \
         GiB, memory {} KiB before, peak {} KiB",
        count as f64 / wall.elapsed().as_secs_f64(),
        (daemon.cpu_secs() - cpu) * 1_024.0 / count as f64,
        idle,
        daemon.memory_kib("VmHWM"),
    );
}
