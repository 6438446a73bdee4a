//! What a provider says of itself, to everyone. Comes in: nothing. Goes out: health, counts, its
//! key, its description. Must not know: anyone.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode};
use serde_json::json;
use strongroom_wire::format::FORMAT;
use strongroom_wire::limits;

use super::answer;
use crate::listener::Peer;
use crate::provider::Provider;
use crate::refusal::Answer;
use crate::store::now_secs;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PROMETHEUS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4");

/// Whether the provider runs and its store answers.
#[utoipa::path(
    get, path = "/healthz", tag = "about",
    responses((status = 200, description = "It does"), (status = 500, description = "It does not"))
)]
pub async fn healthz(State(provider): State<Provider>) -> Answer {
    provider.store.rows.get(crate::rows::FORMAT_KEY)?;
    Ok("ok\n".into_response())
}

/// Counts, as Prometheus reads them. They carry no ids.
#[utoipa::path(
    get, path = "/metrics", tag = "about",
    responses((status = 200, description = "Counts", content_type = "text/plain"))
)]
pub async fn metrics(State(provider): State<Provider>) -> Response {
    provider.metrics.sessions.set(provider.sessions.len());
    answer(StatusCode::OK, PROMETHEUS, provider.metrics.render())
}

/// This description.
#[utoipa::path(
    get, path = "/openapi.json", tag = "about",
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json"))
)]
pub async fn openapi() -> Response {
    answer(StatusCode::OK, JSON, super::openapi::json())
}

/// Who this provider is: format, key, policy, limits, time.
#[utoipa::path(
    get, path = "/.well-known/strongroom", tag = "about",
    responses((status = 200, description = "Who it is", content_type = "application/json"))
)]
pub async fn well_known(
    State(provider): State<Provider>,
    peer: Option<axum::Extension<Peer>>,
) -> Response {
    let identity = &provider.identity;
    let exporter = peer.is_some_and(|peer| peer.exporter.is_some());
    let body = json!({
        "formats": [FORMAT],
        "key": base64url(&identity.public().0),
        "thumbprint": identity.thumbprint().to_base64url(),
        "former_thumbprints": identity.former(),
        "sign_up": provider.config.sign_up.name(),
        "quota_bytes": provider.config.quota_bytes,
        "tls_exporter": exporter,
        "time": now_secs(),
        "started": provider.started,
        "limits": {
            "frame_bytes": limits::FRAME_LEN_MAX,
            "request_bytes": limits::REQUEST_BODY_LEN_MAX,
            "request_entries": limits::BATCH_ENTRIES_MAX,
            "answer_bytes": limits::RESPONSE_LEN_MAX,
            "chunk_bytes": limits::CHUNK_SEALED_LEN,
            "session_secs": limits::SESSION_AGE_MAX_SECS,
            "sessions_per_key": limits::SESSIONS_PER_KEY_MAX,
        },
    });
    answer(StatusCode::OK, JSON, body.to_string())
}

/// RFC 4648, section 5, without padding.
pub fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let joined = group.iter().fold(0_u32, |sum, byte| (sum << 8) | u32::from(*byte));
        let bits = group.len() * 8;
        let sixes = bits.div_ceil(6);
        let joined = joined << (sixes * 6 - bits);
        for place in (0..sixes).rev() {
            let index = ((joined >> (place * 6)) & 63) as usize;
            out.push(char::from(*ALPHABET.get(index).unwrap_or(&b'A')));
        }
    }
    out
}
