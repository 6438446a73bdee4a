//! Links. Comes in: what members leave for those who have a link. Goes out: that, to anybody who
//! knows its name; and a page for browsers. Must not know: a link's secret: it stands behind the
//! `#` of an address and never comes here (attack A27).

use std::time::Instant;

use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode, header};
use strongroom_wire::capability::Action;
use strongroom_wire::ids::{BucketId, LinkId};
use strongroom_wire::limits::LINK_RECORD_LEN_MAX;
use strongroom_wire::link::LinkRecord;
use strongroom_wire::problem::Problem;

use super::{CBOR, answer, done, to_the_end};
use crate::gate::Call;
use crate::links;
use crate::provider::Provider;
use crate::rates::network;
use crate::refusal::{Answer, Member, Refusal};
use crate::rows::LinkRow;
use crate::store::offload;

/// Keeps what a link needs: its salt, if it takes a password, and its chain.
#[utoipa::path(
    put, path = "/buckets/{bucket}/links/{link}", tag = "link",
    params(
        ("bucket" = String, Path, description = "Bucket id, base32"),
        ("link" = String, Path, description = "Link id, base32"),
    ),
    request_body(content_type = "application/cbor", description = "Link record"),
    responses(
        (status = 201, description = "Kept"),
        (status = 401, description = "No session, or its chain was revoked"),
        (status = 403, description = "The session's chain does not allow grant on the bucket"),
        (status = 409, description = "Another record is kept under this id"),
        (status = 422, description = "Its chain does not hold here, or allows too much"),
        (status = 507, description = "The bucket has as many links as a provider keeps"),
    )
)]
pub async fn put(
    State(provider): State<Provider>,
    Path((bucket, link)): Path<(String, String)>,
    call: Call,
) -> Answer {
    let (id, link) = (BucketId::from_base32(&bucket)?, LinkId::from_base32(&link)?);
    let bucket = call.bucket(id, &[Action::Grant]).await?;
    let held = call.body(LINK_RECORD_LEN_MAX).await?;
    let record = LinkRecord::decode(&held.bytes).map_err(|error| {
        Refusal::from(Problem::Malformed).with(Member::Detail, error.to_string())
    })?;
    let bytes = held.bytes.clone();
    let shared = (provider.clone(), bucket.clone());
    let grant = offload(move || links::grant_of(&shared.0, &shared.1, &record)).await?;
    let refused = || Refusal::from(Problem::InvalidEntry).because("the link's chain does not hold");
    let expires = grant.ok_or_else(refused)?.expires();
    let row = LinkRow { expires, record: bytes };
    to_the_end(async move { links::keep(&provider, &bucket, link, row).await }).await?;
    Ok(done(StatusCode::CREATED))
}

/// Gives what a link needs to whoever knows its name. Unknown, revoked and expired are one answer.
#[utoipa::path(
    get, path = "/buckets/{bucket}/links/{link}", tag = "link",
    params(
        ("bucket" = String, Path, description = "Bucket id, base32"),
        ("link" = String, Path, description = "Link id, base32"),
    ),
    responses(
        (status = 200, description = "Link record", content_type = "application/cbor"),
        (status = 401, description = "No session"),
        (status = 404, description = "Unknown, revoked or expired"),
        (status = 429, description = "Too many reads from this network address"),
    )
)]
pub async fn read(
    State(provider): State<Provider>,
    Path((bucket, link)): Path<(String, String)>,
    call: Call,
) -> Answer {
    let (id, link) = (BucketId::from_base32(&bucket)?, LinkId::from_base32(&link)?);
    if !provider.link_reads.take(&network(call.peer.address.ip()), Instant::now()) {
        return Err(Problem::Rate.into());
    }
    let bucket = provider.buckets.open(id).await?.ok_or(Problem::NotFound)?;
    let found = offload(move || {
        let record = links::read(&provider, id, link)?;
        let holds = links::grant_of(&provider, &bucket, &record).is_some();
        if holds { Ok(record) } else { Err(Refusal::from(Problem::NotFound)) }
    })
    .await??;
    Ok(answer(StatusCode::OK, CBOR, found.encode()))
}

/// Forgets what a link needs. It is no longer opened; what was opened stays opened.
#[utoipa::path(
    delete, path = "/buckets/{bucket}/links/{link}", tag = "link",
    params(
        ("bucket" = String, Path, description = "Bucket id, base32"),
        ("link" = String, Path, description = "Link id, base32"),
    ),
    responses(
        (status = 204, description = "It is not here any more"),
        (status = 401, description = "No session, or its chain was revoked"),
        (status = 403, description = "The session's chain does not allow grant on the bucket"),
    )
)]
pub async fn forget(
    State(provider): State<Provider>,
    Path((bucket, link)): Path<(String, String)>,
    call: Call,
) -> Answer {
    let (id, link) = (BucketId::from_base32(&bucket)?, LinkId::from_base32(&link)?);
    let bucket = call.bucket(id, &[Action::Grant]).await?;
    to_the_end(async move { links::forget(&provider, &bucket, link).await }).await?;
    Ok(done(StatusCode::NO_CONTENT))
}

/// How often a link was opened.
#[utoipa::path(
    get, path = "/buckets/{bucket}/links/{link}/uses", tag = "link",
    params(
        ("bucket" = String, Path, description = "Bucket id, base32"),
        ("link" = String, Path, description = "Link id, base32"),
    ),
    responses(
        (status = 200, description = "Link uses", content_type = "application/cbor"),
        (status = 401, description = "No session, or its chain was revoked"),
        (status = 403, description = "The session's chain does not allow grant on the bucket"),
        (status = 404, description = "Unknown"),
    )
)]
pub async fn uses(
    State(provider): State<Provider>,
    Path((bucket, link)): Path<(String, String)>,
    call: Call,
) -> Answer {
    let (id, link) = (BucketId::from_base32(&bucket)?, LinkId::from_base32(&link)?);
    call.bucket(id, &[Action::Grant]).await?;
    let record = links::read(&provider, id, link)?;
    let uses = links::uses(&provider, id, &record)?;
    Ok(answer(StatusCode::OK, CBOR, uses.encode()))
}

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// What browsers are told: to load nothing, to send nothing on, and to show it in no frame.
const PAGE_FIELDS: [(HeaderName, HeaderValue); 3] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
];

/// The same page for every link. It has no script: what stands behind the `#` stays in the browser.
const PAGE: &str = include_str!("open.html");

/// A page that says how a link is opened.
#[utoipa::path(
    get, path = "/open", tag = "link",
    responses((status = 200, description = "A page", content_type = "text/html"))
)]
pub async fn page() -> Response {
    let mut response = answer(StatusCode::OK, HTML, PAGE);
    for (name, value) in PAGE_FIELDS {
        response.headers_mut().insert(name, value);
    }
    response
}
