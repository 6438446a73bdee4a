//! Copying chunks between buckets over HTTP. Comes in: a request in a session on one bucket that a
//! session on the other vouches for. Goes out: which chunks both have now. Must not know: what they
//! are part of. Whatever is wrong with the other session or its bucket is one answer.

use axum::extract::{Path, State};
use http::StatusCode;
use strongroom_wire::api::{CopyChunks, HAVE_CHUNKS_MAX};
use strongroom_wire::capability::Action;
use strongroom_wire::ids::BucketId;
use strongroom_wire::problem::Problem;

use super::chunks::PUTTERS;
use super::{BYTES, answer, to_the_end};
use crate::buckets::{Bringing, Budget};
use crate::gate::{Call, whole};
use crate::provider::Provider;
use crate::refusal::{Answer, Refusal};
use crate::store::now_secs;

/// Bytes of a request: ids with their heads, and what stands before them.
const COPY_LEN_MAX: usize = HAVE_CHUNKS_MAX * 34 + 128;

/// Makes chunks of another bucket this bucket's as well, without their bytes: one byte each, 1:
/// both have it now, 0: the other has none.
#[utoipa::path(
    post, path = "/buckets/{bucket}/copies", tag = "chunk",
    params(
        ("bucket" = String, Path, description = "Bucket id, base32"),
        ("b3" = Option<String>, Query, description = "BLAKE3 of the body, base32"),
    ),
    request_body(
        content_type = "application/cbor",
        description = "The other bucket, a session that may pull there, its MAC, and at most \
                       4,096 chunk ids",
    ),
    responses(
        (status = 200, description = "One byte each", content_type = "application/octet-stream"),
        (status = 401, description = "No session"),
        (
            status = 403,
            description = "The session's chain allows none of write, put, append here, or no \
                           session that may pull there vouches for this",
        ),
        (status = 507, description = "A quota or the disk is full"),
    )
)]
pub async fn copy(
    State(provider): State<Provider>,
    Path(bucket): Path<String>,
    call: Call,
) -> Answer {
    let bucket = call.bucket(BucketId::from_base32(&bucket)?, PUTTERS).await?;
    let bringing = Bringing { budgets: Budget::of(call.grant()?), ..Bringing::default() };
    let asking = call.session.id;
    let held = call.body(COPY_LEN_MAX).await?;
    let copy = CopyChunks::decode(&held.bytes)?;
    let refused = || Refusal::from(Problem::Forbidden);
    let other = provider.sessions.find(copy.session).ok_or_else(refused)?;
    let input = CopyChunks::proof_input(copy.from, bucket.id, asking, &copy.chunks);
    other.vouches(&input, &copy.proof, now_secs()).map_err(|_| refused())?;
    whole(&provider, &other, copy.from, &[Action::Pull]).await.map_err(|_| refused())?;
    let copied = to_the_end(async move {
        let buckets = &provider.buckets;
        buckets.copy(copy.from, &bucket, &copy.chunks, bringing).await
    })
    .await?;
    let bytes: Vec<u8> = copied.into_iter().map(u8::from).collect();
    Ok(answer(StatusCode::OK, BYTES, bytes))
}
