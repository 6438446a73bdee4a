//! Pairings. Comes in: messages of two devices, in sessions of strangers. Goes out: to each what
//! the other one put. Must not know: whose devices they are, what the messages say.

use std::time::Instant;

use axum::extract::{Path, State};
use http::StatusCode;
use strongroom_wire::ids::from_base32;
use strongroom_wire::limits::{PAIRING_MESSAGE_LEN_MAX, PAIRING_MESSAGES_MAX};
use strongroom_wire::problem::Problem;

use super::{CBOR, answer, done};
use crate::gate::Call;
use crate::pairings::{PairingId, Refused, Side};
use crate::provider::Provider;
use crate::rates::network;
use crate::refusal::{Answer, Refusal};

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        Self::from(match refused {
            Refused::Unknown => Problem::NotFound,
            Refused::Taken => Problem::Conflict,
            Refused::Full => Problem::Busy,
        })
    }
}

/// A place in a mailbox, as the path names it.
fn place(pairing: &str, side: &str, number: &str) -> Result<(PairingId, (Side, usize)), Problem> {
    let id = from_base32(pairing).ok_or(Problem::NotFound)?;
    let side = match side {
        "a" => Side::Host,
        "b" => Side::Guest,
        _ => return Err(Problem::NotFound),
    };
    let digit = match number.as_bytes() {
        [digit @ b'0'..=b'9'] => usize::from(digit - b'0'),
        _ => return Err(Problem::NotFound),
    };
    if digit < PAIRING_MESSAGES_MAX { Ok((id, (side, digit))) } else { Err(Problem::NotFound) }
}

/// Who asks for what is not there too often waits, also for what is.
fn missed(provider: &Provider, call: &Call, id: &PairingId, now: Instant) -> Result<(), Refusal> {
    if provider.pairings.has(id, now) {
        return Ok(());
    }
    let from = network(call.peer.address.ip());
    let allowed = provider.pairings_missed.take(&from, now);
    Err(if allowed { Problem::NotFound } else { Problem::Rate }.into())
}

/// Puts a message. `a/0` begins a mailbox, which lives for ten minutes. The same message once more
/// is stored once.
#[utoipa::path(
    put, path = "/pairings/{pairing}/{side}/{number}", tag = "pairing",
    params(
        ("pairing" = String, Path, description = "Mailbox id, base32 of 16 bytes"),
        ("side" = String, Path, description = "`a`: who begins; `b`: who comes"),
        ("number" = String, Path, description = "0 to 5"),
    ),
    request_body(content_type = "application/cbor", description = "A message"),
    responses(
        (status = 201, description = "Kept"),
        (status = 401, description = "No session"),
        (status = 404, description = "No such mailbox, or not any more"),
        (status = 409, description = "Another message lies there"),
        (status = 429, description = "Too many from this network address"),
    )
)]
pub async fn put(
    State(provider): State<Provider>,
    Path((pairing, side, number)): Path<(String, String, String)>,
    call: Call,
) -> Answer {
    let (id, place) = place(&pairing, &side, &number)?;
    let now = Instant::now();
    let begins = place == (Side::Host, 0) && !provider.pairings.has(&id, now);
    if begins {
        let from = network(call.peer.address.ip());
        if !provider.pairings_begun.take(&from, now) {
            return Err(Problem::Rate.into());
        }
    } else {
        missed(&provider, &call, &id, now)?;
    }
    let held = call.body(PAIRING_MESSAGE_LEN_MAX).await?;
    if held.bytes.is_empty() {
        return Err(Problem::Malformed.into());
    }
    provider.pairings.put(id, place, held.bytes.clone(), now)?;
    Ok(done(StatusCode::CREATED))
}

/// Reads a message. One that is not there yet is 204.
#[utoipa::path(
    get, path = "/pairings/{pairing}/{side}/{number}", tag = "pairing",
    params(
        ("pairing" = String, Path, description = "Mailbox id, base32 of 16 bytes"),
        ("side" = String, Path, description = "`a`: who begins; `b`: who comes"),
        ("number" = String, Path, description = "0 to 5"),
    ),
    responses(
        (status = 200, description = "The message", content_type = "application/cbor"),
        (status = 204, description = "Not there yet"),
        (status = 401, description = "No session"),
        (status = 404, description = "No such mailbox, or not any more"),
        (status = 429, description = "Too many from this network address"),
    )
)]
pub async fn read(
    State(provider): State<Provider>,
    Path((pairing, side, number)): Path<(String, String, String)>,
    call: Call,
) -> Answer {
    let (id, place) = place(&pairing, &side, &number)?;
    let now = Instant::now();
    missed(&provider, &call, &id, now)?;
    Ok(match provider.pairings.read(&id, place, now)? {
        Some(message) => answer(StatusCode::OK, CBOR, message),
        None => done(StatusCode::NO_CONTENT),
    })
}
