//! One entry by its id. Comes in: an id. Goes out: the entry as it rests, to those whose chain
//! covers it. Must not know: what it says.

use axum::extract::{Path, State};
use http::StatusCode;
use strongroom_wire::capability::{Action, Target};
use strongroom_wire::cbor::Reader;
use strongroom_wire::entry::Header;
use strongroom_wire::ids::{BucketId, EntryId};
use strongroom_wire::limits::HEADER_LEN_MAX;
use strongroom_wire::problem::Problem;

use super::{CBOR, answer};
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
    let bucket = call.bucket(bucket, &[Action::Pull]).await?;
    let encoded = provider.buckets.entry(bucket.id, id)?.ok_or(Problem::NotFound)?;
    if !covers(&call, bucket.id, &encoded)? {
        // The same answer as for one that is not here.
        return Err(Problem::NotFound.into());
    }
    let room = provider.answers.take(encoded.len()).await?;
    provider.metrics.entries_sent.one();
    Ok(answer(StatusCode::OK, CBOR, HeldBody::new(encoded, Some(room))))
}

/// Whether the session's chain covers the entry: all of the bucket, or the entry's document. The
/// control log comes with every document; without it nobody could judge one.
fn covers(call: &Call, bucket: BucketId, encoded: &[u8]) -> Result<bool, crate::Refusal> {
    let grant = call.grant()?;
    if grant.allows(Action::Pull, &Target::Bucket(bucket)) {
        return Ok(true);
    }
    let mut r = Reader::new(encoded);
    r.array_exact(4)?;
    let header = Header::decode(r.bytes(HEADER_LEN_MAX)?)?;
    let document = Target::Document(bucket, header.document);
    Ok(header.kind.is_control() || grant.allows(Action::Pull, &document))
}
