//! Putting documents. Comes in: a provider, how many writers, how long. Goes out: how many
//! documents are durable there, and how long each took. Must not know: how a session is kept.
//!
//! Everything is sealed and signed before the clock starts: each writer has a chain of entries of
//! its own, one signature each, because each travels in a request of its own.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use strongroom_client::random::SystemRng;
use strongroom_client::remote::{Remote, Runtime, Session};
use strongroom_core::document::{Content, DocumentType, Metadata, Timestamp, VersionBody};
use strongroom_core::writer::{self, Planned, Under};
use strongroom_seal::rng::Rng as _;
use strongroom_wire::clear::{Clear, References};
use strongroom_wire::entry::Kind;
use strongroom_wire::frame;
use strongroom_wire::ids::{BucketId, DocumentTag};

use crate::Failure;
use crate::state::State;
use crate::times::all_at_once;
use crate::vault::{self, Author, Bucket};

/// Bytes of one document's content.
pub const DOCUMENT_LEN: usize = 1_024;
/// Documents a second sealed beforehand, over all writers. When a writer has no more, its run ends
/// early, and so does everybody's: the seconds reported are those that passed.
const SEALED_PER_SECOND: usize = 16_000;

/// Puts for so long; gives the result line.
pub fn run(
    runtime: &Runtime,
    remote: &Remote,
    state: &Path,
    writers: usize,
    time: Duration,
) -> Result<String, Failure> {
    let bucket = vault::make(runtime, remote, writers)?;
    State::of(&bucket).write(state)?;
    let each = (SEALED_PER_SECOND * time.as_secs() as usize).div_ceil(writers);
    let bodies = seal_all(&bucket, each)?;
    let sessions: Vec<Session> = bucket
        .authors
        .iter()
        .map(|author| {
            let key = author.secret.author(bucket.id, 0);
            remote.session(Arc::new(key), &author.chain)
        })
        .collect();
    runtime.block_on(async {
        for session in &sessions {
            session.open().await?;
        }
        Ok::<(), Failure>(())
    })?;
    let id = bucket.id;
    let each_writer = sessions.into_iter().zip(bodies);
    all_at_once(
        runtime,
        time,
        each_writer.map(|(session, bodies)| move |end| writer(session, id, bodies, end)),
    )
}

async fn writer(
    session: Session,
    bucket: BucketId,
    bodies: Vec<Vec<u8>>,
    end: Instant,
) -> Result<Vec<Duration>, Failure> {
    let mut took = Vec::with_capacity(bodies.len());
    let count = bodies.len();
    for body in bodies {
        let start = Instant::now();
        if start >= end {
            return Ok(took);
        }
        // Without SINCE the answer is as good as empty; it comes when the entry is durable.
        session.exchange_raw(bucket, body).await?;
        took.push(start.elapsed());
    }
    Err(format!("{count} documents a writer were too few; raise SEALED_PER_SECOND").into())
}

/// Seals `each` documents for every author, on all processors.
fn seal_all(bucket: &Bucket, each: usize) -> Result<Vec<Vec<Vec<u8>>>, Failure> {
    let threads = std::thread::available_parallelism()?.get();
    let share = bucket.authors.len().div_ceil(threads);
    std::thread::scope(|scope| {
        let running: Vec<_> = bucket
            .authors
            .chunks(share)
            .map(|authors| {
                scope.spawn(move || {
                    authors.iter().map(|one| seal(bucket, one, each)).collect::<Vec<_>>()
                })
            })
            .collect();
        let mut all = Vec::new();
        for one in running {
            for bodies in one.join().map_err(|_| "sealing failed")? {
                all.push(bodies?);
            }
        }
        Ok(all)
    })
}

fn seal(bucket: &Bucket, author: &Author, count: usize) -> Result<Vec<Vec<u8>>, Failure> {
    let key = author.secret.author(bucket.id, 0);
    let device =
        writer::Author { device: &author.secret, key: &key, capability: author.capability.id() };
    let under = Under { bucket: bucket.id, epoch: bucket.epoch, content: &bucket.content };
    let mut position = author.position;
    let mut bodies = Vec::with_capacity(count);
    for number in 0..count {
        let planned = vec![document(number)];
        let now = vault::now()?;
        let (entries, after) =
            writer::seal_transaction(&device, &under, planned, position, now, &mut SystemRng)?;
        position = after;
        let entries: Vec<Vec<u8>> = entries.iter().map(|entry| entry.encode()).collect();
        let mut body = Vec::new();
        frame::write_entries(&mut body, entries.iter().map(Vec::as_slice));
        bodies.push(body);
    }
    Ok(bodies)
}

fn document(number: usize) -> Planned {
    let mut tag = DocumentTag::ZERO;
    SystemRng.fill(&mut tag.0);
    let mut content = vec![0; DOCUMENT_LEN];
    SystemRng.fill(&mut content);
    let metadata = Metadata {
        parent: DocumentTag::ZERO,
        name: format!("document {number}"),
        kind: DocumentType::File,
        media_type: None,
        size: DOCUMENT_LEN as u64,
        modified: Timestamp::default(),
        mode: None,
        digest: None,
        schema: None,
    };
    Planned {
        document: tag,
        kind: Kind::Version,
        parents: Vec::new(),
        generation: 0,
        clear: Clear::Version(References::NONE).encode(),
        plain: VersionBody { metadata, content: Content::Inline(content) }.encode(),
    }
}
