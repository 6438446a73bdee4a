//! Chunks over HTTP. Comes in: sealed bytes, questions by hash. Goes out: ranges. Must not know:
//! what they are part of. "Unknown" and "put under another bucket" are one answer.

use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use strongroom_wire::api::decode_have;
use strongroom_wire::capability::Action;
use strongroom_wire::frame::Area;
use strongroom_wire::ids::{BucketId, ChunkId};
use strongroom_wire::limits::{CHUNK_SEALED_LEN, REQUEST_BODY_LEN_MAX};
use strongroom_wire::problem::Problem;

use super::frames::Exchange;
use super::{BYTES, answer, by_size, done, to_the_end};
use crate::buckets::{Bringing, Budget};
use crate::gate::{Call, one};
use crate::held::HeldBody;
use crate::provider::Provider;
use crate::refusal::{Answer, Refusal};
use crate::store::offload;

/// Actions of which one is needed to put chunks.
pub(super) const PUTTERS: &[Action] = &[Action::Write, Action::Put, Action::Append];
/// Bytes of a question by hash: 4,096 ids with their heads.
const HAVE_LEN_MAX: usize = 4_096 * 34 + 3;

/// Puts one chunk under a bucket.
#[utoipa::path(
    put, path = "/buckets/{bucket}/chunks/{chunk}", tag = "chunk",
    params(
        ("bucket" = String, Path, description = "Bucket id, base32"),
        ("chunk" = String, Path, description = "BLAKE3 of the body, base32"),
    ),
    request_body(
        content_type = "application/octet-stream",
        description = "At most 1,048,576 bytes",
    ),
    responses(
        (status = 201, description = "Durable, and the bucket's"),
        (status = 401, description = "No session, or the body is not the one named"),
        (status = 403, description = "The session's chain allows none of write, put, append here"),
        (status = 507, description = "A quota or the disk is full"),
    )
)]
pub async fn put(
    State(provider): State<Provider>,
    Path((bucket, chunk)): Path<(String, String)>,
    call: Call,
) -> Answer {
    let (bucket, chunk) = (BucketId::from_base32(&bucket)?, ChunkId::from_base32(&chunk)?);
    let bucket = call.bucket(bucket, PUTTERS).await?;
    let bringing = Bringing { budgets: Budget::of(call.grant()?), ..Bringing::default() };
    // The gate compares the body with this hash: it is computed once.
    if call.body_hash() != Some(chunk.0) {
        return Err(Problem::Malformed.into());
    }
    let (bytes, room) = call.body(CHUNK_SEALED_LEN).await?.split();
    if bytes.is_empty() {
        return Err(Refusal::from(Problem::Malformed).because("a chunk is never empty"));
    }
    to_the_end(async move {
        let _room = room;
        provider.buckets.store(&bucket, vec![(chunk, bytes)], bringing).await
    })
    .await?;
    Ok(done(StatusCode::CREATED))
}

/// Puts several chunks under a bucket, with one answer when all are durable.
#[utoipa::path(
    post, path = "/buckets/{bucket}/chunks", tag = "chunk",
    params(
        ("bucket" = String, Path, description = "Bucket id, base32"),
        ("b3" = Option<String>, Query, description = "BLAKE3 of the body, base32"),
    ),
    request_body(content_type = "application/strongroom-frames", description = "CHUNK*"),
    responses(
        (status = 201, description = "All are durable, and the bucket's"),
        (status = 401, description = "No session"),
        (status = 403, description = "The session's chain allows none of write, put, append here"),
        (status = 507, description = "A quota or the disk is full"),
    )
)]
pub async fn put_many(
    State(provider): State<Provider>,
    Path(bucket): Path<String>,
    call: Call,
) -> Answer {
    let bucket = call.bucket(BucketId::from_base32(&bucket)?, PUTTERS).await?;
    let bringing = Bringing { budgets: Budget::of(call.grant()?), ..Bringing::default() };
    let (bytes, room) = call.body(REQUEST_BODY_LEN_MAX).await?.split();
    let exchange = by_size(bytes.len(), move || Exchange::read(&bytes)).await??;
    let empty = exchange.chunks.iter().any(|(_, bytes)| bytes.is_empty());
    if empty || !exchange.entries.is_empty() || exchange.since.is_some() {
        return Err(Refusal::from(Problem::Malformed).because("whole chunks are due, nothing else"));
    }
    to_the_end(async move {
        let _room = room;
        provider.buckets.store(&bucket, exchange.chunks, bringing).await
    })
    .await?;
    Ok(done(StatusCode::CREATED))
}

/// Reads a chunk, or one range of it.
#[utoipa::path(
    get, path = "/buckets/{bucket}/chunks/{chunk}", tag = "chunk",
    params(
        ("bucket" = String, Path, description = "Bucket id, base32"),
        ("chunk" = String, Path, description = "BLAKE3 of the chunk, base32"),
        ("Range" = Option<String>, Header, description = "One range of bytes"),
    ),
    responses(
        (status = 200, description = "The chunk", content_type = "application/octet-stream"),
        (status = 206, description = "The range", content_type = "application/octet-stream"),
        (status = 401, description = "No session"),
        (status = 403, description = "The session's chain does not allow pull here"),
        (status = 404, description = "Not put under this bucket, or of no entry the chain covers"),
        (status = 416, description = "The range lies outside the chunk"),
    )
)]
pub async fn read(
    State(provider): State<Provider>,
    Path((bucket, chunk)): Path<(String, String)>,
    call: Call,
) -> Answer {
    let (bucket, chunk) = (BucketId::from_base32(&bucket)?, ChunkId::from_base32(&chunk)?);
    let (bucket, area) = call.part(bucket, &[Action::Pull]).await?;
    if area != Area::Bucket {
        let (shared, of) = (provider.clone(), bucket.clone());
        let refers = offload(move || shared.buckets.refers(&of, area, chunk)).await??;
        if !refers {
            return Err(Problem::NotFound.into());
        }
    }
    let len = provider.buckets.chunk_len(bucket.id, chunk)?.ok_or(Problem::NotFound)?;
    let Ok(range) = asked_range(&call.headers, u64::from(len)) else { return Ok(outside(len)) };
    let (start, end) = range.unwrap_or((0, u64::from(len)));
    let room = provider.answers.take((end - start) as usize).await?;
    let bytes = provider.buckets.read_chunk(chunk, start..end).await?;
    if bytes.len() as u64 != end - start {
        return Err(Problem::Damaged.into());
    }
    provider.metrics.chunks_sent.one();
    let status = if range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let mut response = answer(status, BYTES, HeldBody::new(bytes, Some(room)));
    let headers = response.headers_mut();
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if range.is_some() {
        let value = format!("bytes {start}-{}/{len}", end - 1);
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(header::CONTENT_RANGE, value);
        }
    }
    Ok(response)
}

/// The one range asked for, cut at the chunk's end: (first byte, byte after the last). Several
/// ranges, or another unit, mean the whole, as RFC 9110 allows.
fn asked_range(headers: &HeaderMap, len: u64) -> Result<Option<(u64, u64)>, ()> {
    let Ok(Some(value)) = one(headers, "range") else { return Ok(None) };
    let Some((first, last)) = value.strip_prefix("bytes=").and_then(|v| v.split_once('-')) else {
        return Ok(None);
    };
    let number = |text: &str| text.parse::<u64>().ok();
    let (start, end) = match (first, last) {
        ("", suffix) => match number(suffix) {
            Some(0) => return Err(()),
            Some(suffix) => (len.saturating_sub(suffix), len),
            None => return Ok(None),
        },
        (first, "") => match number(first) {
            Some(first) => (first, len),
            None => return Ok(None),
        },
        (first, last) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => (first, last.saturating_add(1).min(len)),
            _ => return Ok(None),
        },
    };
    if start >= len { Err(()) } else { Ok(Some((start, end))) }
}

fn outside(len: u32) -> Response {
    let mut response = done(StatusCode::RANGE_NOT_SATISFIABLE);
    if let Ok(value) = HeaderValue::from_str(&format!("bytes */{len}")) {
        response.headers_mut().insert(header::CONTENT_RANGE, value);
    }
    response
}

/// Which of these chunks were put under this bucket: one byte each, 1 or 0.
#[utoipa::path(
    post, path = "/buckets/{bucket}/have", tag = "chunk",
    params(
        ("bucket" = String, Path, description = "Bucket id, base32"),
        ("b3" = Option<String>, Query, description = "BLAKE3 of the body, base32"),
    ),
    request_body(content_type = "application/cbor", description = "At most 4,096 chunk ids"),
    responses(
        (status = 200, description = "One byte each", content_type = "application/octet-stream"),
        (status = 401, description = "No session"),
        (status = 403, description = "The session's chain allows neither pull, write nor put here"),
    )
)]
pub async fn have(
    State(provider): State<Provider>,
    Path(bucket): Path<String>,
    call: Call,
) -> Answer {
    let actions = [Action::Pull, Action::Write, Action::Put];
    let bucket = call.bucket(BucketId::from_base32(&bucket)?, &actions).await?;
    let held = call.body(HAVE_LEN_MAX).await?;
    let ids = decode_have(&held.bytes)?;
    let answered = to_the_end(async move {
        let age = provider.config.tuning.orphan_age;
        provider.buckets.have(&bucket, &ids, age).await
    })
    .await?;
    let bytes: Vec<u8> = answered.into_iter().map(u8::from).collect();
    Ok(answer(StatusCode::OK, BYTES, bytes))
}
