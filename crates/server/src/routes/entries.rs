//! One entry by its id. Comes in: an id. Goes out: the entry as it rests, to those whose chain
//! covers it. Must not know: what it says.

use axum::extract::{Path, State};
use http::StatusCode;
use strongroom_wire::capability::Action;
use strongroom_wire::ids::{BucketId, EntryId};
use strongroom_wire::problem::Problem;

use super::{CBOR, answer};
use crate::buckets::is_in;
use crate::gate::Call;
use crate::held::HeldBody;
use crate::provider::Provider;
use crate::refusal::Answer;

/// Reads one entry.
#[utoipa::path(
    get, path = "/buckets/{bucket}/entries/{entry}", tag = "bucket",
    params(
        ("bucket" = String, Path, description = "Bucket id, base32"),
        ("entry" = String, Path, description = "Entry id, base32"),
    ),
    responses(
        (status = 200, description = "The entry", content_type = "application/cbor"),
        (status = 401, description = "No session, or its chain was revoked"),
        (status = 403, description = "The session's chain does not allow pull here"),
        (status = 404, description = "No such entry in this bucket that the chain covers"),
    )
)]
pub async fn read(
    State(provider): State<Provider>,
    Path((bucket, entry)): Path<(String, String)>,
    call: Call,
) -> Answer {
    let (bucket, id) = (BucketId::from_base32(&bucket)?, EntryId::from_base32(&entry)?);
    let (bucket, area) = call.part(bucket, &[Action::Pull]).await?;
    let encoded = provider.buckets.entry(bucket.id, id)?.ok_or(Problem::NotFound)?;
    if !is_in(area, &encoded) {
        // The same answer as for one that is not here.
        return Err(Problem::NotFound.into());
    }
    let room = provider.answers.take(encoded.len()).await?;
    provider.metrics.entries_sent.one();
    Ok(answer(StatusCode::OK, CBOR, HeldBody::new(encoded, Some(room))))
}
