//! Buckets: opening one, and the one exchange that writes and pulls. Comes in: frames. Goes out:
//! frames. Must not know: what an entry says.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use strongroom_wire::capability::Action;
use strongroom_wire::entry::{Entry, Kind};
use strongroom_wire::frame::{Area, Cursor, Frame, write_entries};
use strongroom_wire::ids::{BucketId, PublicKey};
use strongroom_wire::limits::{REQUEST_BODY_LEN_MAX, RESPONSE_LEN_MAX};
use strongroom_wire::problem::Problem;

use super::frames::Exchange;
use super::{FRAMES, answer, by_size, to_the_end};
use crate::body::{Held, Room};
use crate::buckets::{Bringing, Bucket, Budget, Pulled, is_simple};
use crate::gate::Call;
use crate::held::HeldBody;
use crate::provider::Provider;
use crate::refusal::{Answer, Refusal};
use crate::store::offload;

/// Actions of which one is needed to bring entries or chunks; each entry is judged by its author's
/// own right.
pub const CARRIERS: &[Action] = &[
    Action::Write,
    Action::Put,
    Action::Tombstone,
    Action::Purge,
    Action::Grant,
    Action::Rotate,
    Action::Admin,
];

/// Opens a bucket, billed to the session's vault: genesis, first epoch, members, all or nothing.
#[utoipa::path(
    put, path = "/buckets/{bucket}", tag = "bucket",
    params(
        ("bucket" = String, Path, description = "Entry id of the genesis, base32"),
        ("b3" = Option<String>, Query, description = "BLAKE3 of the body, base32"),
    ),
    request_body(content_type = "application/strongroom-frames", description = "ENTRIES"),
    responses(
        (status = 201, description = "CURSOR", content_type = "application/strongroom-frames"),
        (status = 401, description = "No session"),
        (status = 403, description = "The session's chain does not allow host on a vault"),
        (status = 409, description = "Another vault opened this bucket here"),
        (status = 422, description = "An entry is refused; `entry` names it"),
        (status = 507, description = "The vault's quota or the disk is full"),
    )
)]
pub async fn found(
    State(provider): State<Provider>,
    Path(bucket): Path<String>,
    call: Call,
) -> Answer {
    let id = BucketId::from_base32(&bucket)?;
    let vault = call.vault()?;
    let held = call.body(REQUEST_BODY_LEN_MAX).await?;
    let (exchange, _room) = read_exchange(held).await?;
    if !exchange.chunks.is_empty() || exchange.since.is_some() || exchange.entries.is_empty() {
        let why = "a bucket is opened by ENTRIES alone";
        return Err(Refusal::from(Problem::Malformed).because(why));
    }
    let shared = provider.clone();
    to_the_end(async move { shared.buckets.found(id, vault, exchange.entries).await }).await?;
    let bucket = provider.buckets.open(id).await?.ok_or(Problem::Internal)?;
    let shown = bucket.published();
    let cursor = Some(Cursor { log: shown.log, at: shown.arrivals });
    let mut out = Vec::new();
    Frame::CursorIs { cursor, more: false }.write(&mut out);
    Ok(answer(StatusCode::CREATED, FRAMES, out))
}

async fn read_exchange(held: Held) -> Result<(Exchange, Room), Refusal> {
    let (bytes, room) = held.split();
    let exchange = by_size(bytes.len(), move || Exchange::read(&bytes)).await??;
    Ok((exchange, room))
}

/// Writes and pulls in one round trip: chunks first, then all entries in one commit, then what
/// came since the cursor, without what this request brought.
#[utoipa::path(
    post, path = "/buckets/{bucket}/frames", tag = "bucket",
    params(
        ("bucket" = String, Path, description = "Bucket id, base32"),
        ("b3" = Option<String>, Query, description = "BLAKE3 of the body, base32"),
    ),
    request_body(content_type = "application/strongroom-frames",
        description = "HELLO?, CHUNK*, LOST*, ENTRIES*, SINCE?"),
    responses(
        (status = 200, description = "ENTRIES*, CURSOR?, LOST?, DONE?",
            content_type = "application/strongroom-frames"),
        (status = 401, description = "No session, or its chain was revoked"),
        (status = 403, description = "The session's chain does not cover this"),
        (status = 409, description = "The epoch was followed; `epochs` names the newer ones"),
        (status = 422, description = "An entry is refused; `entry` names it, `chunk` what lacks"),
        (status = 507, description = "The vault's quota or the disk is full"),
    )
)]
pub async fn exchange(
    State(provider): State<Provider>,
    Path(bucket): Path<String>,
    call: Call,
) -> Answer {
    let id = BucketId::from_base32(&bucket)?;
    let (bucket, part) = call.part(id, &[&[Action::Pull], CARRIERS].concat()).await?;
    let grant = call.grant()?.clone();
    let deactivated = bucket.published().control.is_deactivated();
    let target = *grant.target();
    let held = call.body(REQUEST_BODY_LEN_MAX).await?;
    let (mut exchange, room) = read_exchange(held).await?;
    let brings = !(exchange.entries.is_empty() && exchange.chunks.is_empty());
    let mut own = Vec::new();
    if brings {
        // Every member may come in, take its own devices out, and say what it saw.
        let own_affairs = |entry: &Entry| {
            matches!(entry.header().kind, Kind::Member | Kind::Revoke | Kind::Checkpoint)
        };
        let carries = CARRIERS.iter().any(|action| grant.allows(*action, &target))
            || exchange.chunks.is_empty() && exchange.entries.iter().all(own_affairs);
        // A deactivated bucket still answers a retry of what it has.
        if !carries || (deactivated && !exchange.chunks.is_empty()) {
            return Err(Problem::Forbidden.into());
        }
        let relayed = grant.allows(Action::Put, &target) && !grant.allows(Action::Write, &target);
        let (shared, to) = (provider.clone(), bucket.clone());
        let chunks = std::mem::take(&mut exchange.chunks);
        let bringing = Bringing {
            entries: std::mem::take(&mut exchange.entries),
            lost: std::mem::take(&mut exchange.lost),
            relayed,
            by: grant.holder().map(PublicKey::author),
            budgets: Budget::of(&grant),
        };
        let stored = if chunks.is_empty() && is_simple(&bringing.entries) {
            shared.buckets.store(&to, chunks, bringing).await
        } else {
            to_the_end(async move { shared.buckets.store(&to, chunks, bringing).await }).await
        };
        drop(room);
        own = stored?.numbers;
    } else {
        drop(room);
    }
    if let Some((area, _)) = exchange.since {
        may_pull(&grant, id, area)?;
    }
    respond(&provider, bucket, &exchange, part, own).await
}

/// The area is clamped to what the chain covers before anything is read.
fn may_pull(
    grant: &strongroom_wire::capability::Grant,
    bucket: BucketId,
    area: Area,
) -> Result<(), Refusal> {
    let allowed = grant.allows(Action::Pull, &area.target(bucket));
    if allowed { Ok(()) } else { Err(Problem::Forbidden.into()) }
}

async fn respond(
    provider: &Provider,
    bucket: Arc<Bucket>,
    exchange: &Exchange,
    part: Area,
    own: Vec<u64>,
) -> Result<Response, Refusal> {
    let shown = bucket.published();
    let area = exchange.since.map_or(part, |(area, _)| area);
    let done = match exchange.salt {
        Some(salt) => {
            let sum = provider.buckets.sum_of(&bucket, &shown, area)?;
            Some(Frame::Done { count: sum.count(), fingerprint: sum.fingerprint(&salt) })
        }
        None => None,
    };
    let mut out = Vec::new();
    let mut room = None;
    // Who asks for the whole bucket and compares sets is told what is lost of it.
    let whole = exchange.since.is_some_and(|(area, _)| area == Area::Bucket);
    let lost = if whole && done.is_some() { provider.buckets.lost(&bucket)? } else { Vec::new() };
    if let Some((area, since)) = exchange.since {
        let behind = shown.arrivals.saturating_sub(since.map_or(0, |cursor| cursor.at));
        let pulled = if behind <= own.len() as u64 {
            provider.buckets.pull(&bucket, &shown, area, since, &own)?
        } else {
            room = Some(provider.answers.take(RESPONSE_LEN_MAX).await?);
            let (shared, from, as_of) = (provider.clone(), bucket, shown);
            offload(move || shared.buckets.pull(&from, &as_of, area, since, &own)).await??
        };
        write_pulled(&mut out, &pulled);
    }
    if !lost.is_empty() {
        Frame::Lost(lost).write(&mut out);
    }
    if let Some(done) = done {
        done.write(&mut out);
    }
    Ok(answer(StatusCode::OK, FRAMES, HeldBody::new(out, room)))
}

fn write_pulled(out: &mut Vec<u8>, pulled: &Pulled) {
    write_entries(out, pulled.entries.iter().map(Vec::as_slice));
    Frame::CursorIs { cursor: pulled.cursor, more: pulled.more }.write(out);
}
