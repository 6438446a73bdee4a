//! Bodies. Comes in: bytes as they arrive. Goes out: the whole body, if it is the one that was
//! signed, not too long and not too slow. Must not know: what it says.
//!
//! Who sent it was checked before, from the head alone. Room is taken before the first byte is
//! read, so that all bodies together never hold more than the configured bytes.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{HeaderMap, header};
use http_body_util::BodyExt as _;
use strongroom_wire::http_signature::BodyCheck;
use strongroom_wire::problem::Problem;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use crate::config::Tuning;
use crate::refusal::Refusal;
use crate::store::offload;

/// Bytes up to which a body is hashed on the thread that serves the socket.
const HASH_HERE_MAX: usize = 64 << 10;

/// A body in memory, and its room.
#[derive(Debug)]
pub struct Held {
    /// All of it.
    pub bytes: Vec<u8>,
    room: Room,
}

impl Held {
    /// The bytes, and what keeps their room until it is dropped.
    pub fn split(self) -> (Vec<u8>, Room) {
        (self.bytes, self.room)
    }
}

/// Room for bytes; given back when dropped.
#[derive(Debug)]
pub struct Room {
    _permit: Option<OwnedSemaphorePermit>,
}

/// Room for bodies or answers.
#[derive(Debug, Clone)]
pub struct Rooms {
    semaphore: Arc<Semaphore>,
    max: usize,
    wait: Duration,
}

impl Rooms {
    /// `max` bytes; who asks waits at most `wait`.
    pub fn new(max: usize, wait: Duration) -> Self {
        let max = max.min(u32::MAX as usize).min(Semaphore::MAX_PERMITS);
        Self { semaphore: Arc::new(Semaphore::new(max)), max, wait }
    }

    /// Takes room, or waits for it: this is what slows down those who send too much at once.
    pub async fn take(&self, bytes: usize) -> Result<Room, Refusal> {
        if bytes == 0 {
            return Ok(Room { _permit: None });
        }
        let bytes = bytes.min(self.max) as u32;
        // Mostly there is room: then nobody looks at a clock. Who waits already is served first.
        if let Ok(permit) = self.semaphore.clone().try_acquire_many_owned(bytes) {
            return Ok(Room { _permit: Some(permit) });
        }
        let permit = timeout(self.wait, self.semaphore.clone().acquire_many_owned(bytes)).await;
        match permit {
            Ok(Ok(permit)) => Ok(Room { _permit: Some(permit) }),
            _ => Err(Problem::Busy.into()),
        }
    }
}

/// The length a request announces; none: it does not say.
pub fn announced(headers: &HeaderMap) -> Result<Option<u64>, Refusal> {
    let Some(value) = headers.get(header::CONTENT_LENGTH) else { return Ok(None) };
    let value = value.to_str().ok().and_then(|text| text.parse().ok());
    value.map(Some).ok_or_else(|| Problem::Malformed.into())
}

/// Reads a body of at most `max` bytes and compares it with what was signed.
pub async fn read(
    rooms: &Rooms,
    tuning: &Tuning,
    body: Body,
    announced: Option<u64>,
    max: usize,
    check: BodyCheck,
) -> Result<Held, Refusal> {
    let due = match announced {
        Some(len) if len > max as u64 => return Err(Problem::TooLarge.into()),
        Some(len) => len as usize,
        None if http_body::Body::is_end_stream(&body) => 0,
        None => max,
    };
    let room = rooms.take(due).await?;
    let known = announced.map_or(0, |_| due);
    let bytes = collect(tuning, body, due, known).await?;
    let held = Held { bytes, room };
    if held.bytes.len() > HASH_HERE_MAX {
        offload(move || checked(held, &check)).await?
    } else {
        checked(held, &check)
    }
}

fn checked(held: Held, check: &BodyCheck) -> Result<Held, Refusal> {
    // A body other than the signed one is a request nobody signed.
    if check.holds(&held.bytes) { Ok(held) } else { Err(Problem::Unauthorized.into()) }
}

async fn collect(
    tuning: &Tuning,
    mut body: Body,
    max: usize,
    known: usize,
) -> Result<Vec<u8>, Refusal> {
    let allowance = Duration::from_secs(max as u64 / tuning.body_rate_min.max(1));
    let limit = Instant::now() + tuning.body_grace + allowance;
    let mut bytes = Vec::with_capacity(known);
    loop {
        let frame = timeout_at(limit, body.frame()).await.map_err(|_| Problem::Slow)?;
        let Some(frame) = frame else { return Ok(bytes) };
        // The peer hung up; nobody will read this answer.
        let frame = frame.map_err(|_| Problem::Malformed)?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > max {
            return Err(Problem::TooLarge.into());
        }
        bytes.extend_from_slice(&data);
    }
}
