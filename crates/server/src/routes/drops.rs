//! Drops: messages of people who may do nothing else, and the card that says what to seal them to.
//! Comes in: one message, or a card. Goes out: a signed statement that it was received, or the
//! card. Must not know: what a message says, who sends it.

use std::sync::Arc;

use axum::extract::{Path, State};
use http::{HeaderValue, StatusCode};
use strongroom_store::Batch;
use strongroom_wire::capability::Action;
use strongroom_wire::drop_card;
use strongroom_wire::entry::{Entry, Kind};
use strongroom_wire::ids::{BucketId, PublicKey};
use strongroom_wire::limits::{CLEAR_LEN_MAX, DROP_CARD_LEN_MAX, SEALED_LEN_MAX};
use strongroom_wire::problem::Problem;
use strongroom_wire::statement::Received;

use super::{CBOR, answer, done, to_the_end};
use crate::buckets::{Bringing, Bucket, Budget};
use crate::gate::Call;
use crate::provider::Provider;
use crate::refusal::{Answer, Refusal};
use crate::rows;
use crate::store::{now_secs, random};

/// Bytes of one message with its header.
const MESSAGE_LEN_MAX: usize = SEALED_LEN_MAX + CLEAR_LEN_MAX;
const STATEMENT: HeaderValue = HeaderValue::from_static("application/jose");

/// Puts one message into a drop. The answer is the provider's statement that it is durable here:
/// a compact JWS.
#[utoipa::path(
    post, path = "/buckets/{bucket}/messages", tag = "drop",
    params(
        ("bucket" = String, Path, description = "Bucket id, base32"),
        ("b3" = Option<String>, Query, description = "BLAKE3 of the body, base32"),
    ),
    request_body(content_type = "application/cbor", description = "One entry, a message"),
    responses(
        (status = 201, description = "A statement, compact JWS", content_type = "application/jose"),
        (status = 401, description = "No session, or the drop was closed"),
        (status = 403, description = "The session's chain does not allow append here"),
        (status = 409, description = "The epoch was followed: ask for the card again"),
        (status = 422, description = "The message is refused; `chunk` is what lacks"),
        (status = 429, description = "The drop takes no more in this hour"),
        (status = 507, description = "The drop, its vault or the disk is full"),
    )
)]
pub async fn put(
    State(provider): State<Provider>,
    Path(bucket): Path<String>,
    call: Call,
) -> Answer {
    let id = BucketId::from_base32(&bucket)?;
    let bucket = call.bucket(id, &[Action::Append]).await?;
    let grant = call.grant()?.clone();
    let by = grant.holder().map(PublicKey::author);
    let (bytes, room) = call.body(MESSAGE_LEN_MAX).await?.split();
    let entry = Entry::decode(&bytes).map_err(|_| Problem::Malformed)?;
    let header = entry.header();
    // Each brings his own and nobody else's: what is brought counts against his quota.
    if header.kind != Kind::Message || by != Some(header.author) {
        let why = "a message by the author of the session is due, nothing else";
        return Err(Refusal::from(Problem::Malformed).because(why));
    }
    let bringing =
        Bringing { entries: vec![entry], by, budgets: Budget::of(&grant), ..Bringing::default() };
    let shared = provider.clone();
    to_the_end(async move {
        let _room = room;
        shared.buckets.store(&bucket, Vec::new(), bringing).await
    })
    .await?;
    let said = Received::of(&bytes, id, now_secs(), random()?);
    let identity = &provider.identity;
    let statement = said.sign(&identity.public(), |input| identity.sign(input));
    Ok(answer(StatusCode::CREATED, STATEMENT, statement))
}

/// Puts the bucket's drop card: which key messages are sealed to. It replaces the one before.
#[utoipa::path(
    put, path = "/buckets/{bucket}/drop", tag = "drop",
    params(
        ("bucket" = String, Path, description = "Bucket id, base32"),
        ("b3" = Option<String>, Query, description = "BLAKE3 of the body, base32"),
    ),
    request_body(content_type = "application/cbor", description = "A drop card"),
    responses(
        (status = 201, description = "Durable"),
        (status = 400, description = "It is no card of this bucket that holds now"),
        (status = 401, description = "No session"),
        (status = 403, description = "The session's chain does not allow rotate here"),
    )
)]
pub async fn put_card(
    State(provider): State<Provider>,
    Path(bucket): Path<String>,
    call: Call,
) -> Answer {
    let bucket = call.bucket(BucketId::from_base32(&bucket)?, &[Action::Rotate]).await?;
    let held = call.body(DROP_CARD_LEN_MAX).await?;
    if !holds(&bucket, &held.bytes) {
        let why = "it is no drop card of this bucket that holds now";
        return Err(Refusal::from(Problem::Malformed).because(why));
    }
    let mut batch = Batch::new();
    batch.put(rows::drop_card(bucket.id), held.bytes.clone());
    provider.store.commit(batch).await?;
    Ok(done(StatusCode::CREATED))
}

/// Reads the bucket's drop card. Who asks checks it back to the bucket id: this provider could
/// show another key, and nobody would believe it.
#[utoipa::path(
    get, path = "/buckets/{bucket}/drop", tag = "drop",
    params(("bucket" = String, Path, description = "Bucket id, base32")),
    responses(
        (status = 200, description = "The card", content_type = "application/cbor"),
        (status = 401, description = "No session, or the drop was closed"),
        (status = 403, description = "The session's chain allows neither append nor pull here"),
        (status = 404, description = "No card was put, or the one here does not hold any more"),
    )
)]
pub async fn card(
    State(provider): State<Provider>,
    Path(bucket): Path<String>,
    call: Call,
) -> Answer {
    let actions = [Action::Append, Action::Pull];
    let bucket = call.bucket(BucketId::from_base32(&bucket)?, &actions).await?;
    let card = provider.store.rows.get(&rows::drop_card(bucket.id))?;
    let card = card.filter(|card| holds(&bucket, card)).ok_or(Problem::NotFound)?;
    Ok(answer(StatusCode::OK, CBOR, card))
}

/// Whether the card is one of this bucket, holds now, and is by nobody who was taken out.
fn holds(bucket: &Arc<Bucket>, card: &[u8]) -> bool {
    let checked = drop_card::check(card, bucket.id, now_secs());
    checked.is_ok_and(|it| bucket.published().control.may_use(&it.signer))
}
