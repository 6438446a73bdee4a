//! Reading by key. Comes in: what `put` and `fill` left. Goes out: how many reads, and how long
//! each took. Must not know: what is in them.
//!
//! A provider answers with entries by cursor and with chunks by id; the read by key is that of a
//! chunk. So `fill` puts chunks of 1 KiB, and `get` reads them at random, each answer's hash
//! checked as the client checks it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use strongroom_client::random::SystemRng;
use strongroom_client::remote::{Remote, Runtime, Session};
use strongroom_seal::rng::{DangerSeeded, Rng as _};
use strongroom_wire::ids::{BucketId, ChunkId};

use crate::Failure;
use crate::put::DOCUMENT_LEN;
use crate::state::State;
use crate::times::all_at_once;

/// Chunks to read from: as many as the comparison has rows.
const CHUNKS: usize = 50_000;
/// Chunks in one request of `fill`.
const AT_ONCE: usize = 2_000;

/// Puts what `get` reads; not measured.
pub fn fill(runtime: &Runtime, remote: &Remote, folder: &Path) -> Result<String, Failure> {
    let mut state = State::read(folder)?;
    let sessions = sessions(remote, &state);
    let session = sessions.first().ok_or("nobody may write there")?;
    state.chunks.clear();
    while state.chunks.len() < CHUNKS {
        let mut random = vec![0; DOCUMENT_LEN * AT_ONCE];
        SystemRng.fill(&mut random);
        let chunks: Vec<(ChunkId, Bytes)> = random
            .chunks_exact(DOCUMENT_LEN)
            .map(|one| (ChunkId(*blake3::hash(one).as_bytes()), Bytes::copy_from_slice(one)))
            .collect();
        runtime.block_on(session.put_chunks(state.bucket, &chunks))?;
        state.chunks.extend(chunks.iter().map(|(id, _)| *id));
    }
    state.write(folder)?;
    Ok(format!("{{\"operations\": {CHUNKS}}}"))
}

/// Reads for so long; gives the result line.
pub fn run(
    runtime: &Runtime,
    remote: &Remote,
    folder: &Path,
    time: Duration,
) -> Result<String, Failure> {
    let state = State::read(folder)?;
    if state.chunks.is_empty() {
        return Err("there is nothing to read: `strongroom-load fill` comes first".into());
    }
    let sessions = sessions(remote, &state);
    runtime.block_on(async {
        for session in &sessions {
            session.open().await?;
        }
        Ok::<(), Failure>(())
    })?;
    let (bucket, chunks): (_, Arc<[ChunkId]>) = (state.bucket, state.chunks.into());
    let readers = sessions.into_iter().enumerate().map(|(number, session)| {
        let chunks = chunks.clone();
        move |end| reader(session, bucket, chunks, number as u64, end)
    });
    all_at_once(runtime, time, readers)
}

fn sessions(remote: &Remote, state: &State) -> Vec<Session> {
    let open = |(secret, chain): &(strongroom_seal::keys::DeviceSecret, _)| {
        remote.session(Arc::new(secret.author(state.bucket, 0)), chain)
    };
    state.readers.iter().map(open).collect()
}

async fn reader(
    session: Session,
    bucket: BucketId,
    chunks: Arc<[ChunkId]>,
    seed: u64,
    end: Instant,
) -> Result<Vec<Duration>, Failure> {
    let mut rng = DangerSeeded::new(seed);
    let mut took = Vec::new();
    loop {
        let at = rng.below(chunks.len() as u64) as usize;
        let chunk = *chunks.get(at).ok_or("no such chunk")?;
        let start = Instant::now();
        if start >= end {
            return Ok(took);
        }
        session.get_chunk(bucket, chunk, None).await?;
        took.push(start.elapsed());
    }
}
