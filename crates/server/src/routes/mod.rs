//! Routes: one file per noun. Comes in: requests. Goes out: answers. Must not know: connections.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post, put};
use axum::{Router, http};
use http::{HeaderValue, StatusCode, header};
use strongroom_wire::problem::Problem;

use crate::provider::Provider;
use crate::refusal::Refusal;
use crate::store::offload;

mod buckets;
mod chunks;
mod copies;
mod drops;
mod entries;
mod frames;
mod links;
mod meta;
mod openapi;
mod pairings;
mod records;
mod session;
mod vaults;

pub(crate) use meta::base64url;

/// All routes of one provider.
pub fn router(provider: Provider) -> Router {
    Router::new()
        .route("/healthz", get(meta::healthz))
        .route("/metrics", get(meta::metrics))
        .route("/openapi.json", get(meta::openapi))
        .route("/.well-known/strongroom", get(meta::well_known))
        .route("/session", post(session::open))
        .route("/vaults", post(vaults::sign_up))
        .route("/vault", get(vaults::terms))
        .route("/vault/holdings", get(vaults::holdings))
        .route("/vault/key", put(vaults::change_key))
        .route("/buckets/{bucket}", put(buckets::found))
        .route("/buckets/{bucket}/frames", post(buckets::exchange))
        .route("/buckets/{bucket}/entries/{entry}", get(entries::read))
        .route("/buckets/{bucket}/chunks", post(chunks::put_many))
        .route("/buckets/{bucket}/chunks/{chunk}", put(chunks::put).get(chunks::read))
        .route("/buckets/{bucket}/have", post(chunks::have))
        .route("/buckets/{bucket}/copies", post(copies::copy))
        .route("/buckets/{bucket}/messages", post(drops::put))
        .route("/buckets/{bucket}/drop", put(drops::put_card).get(drops::card))
        .route(
            "/buckets/{bucket}/links/{link}",
            put(links::put).get(links::read).delete(links::forget),
        )
        .route("/buckets/{bucket}/links/{link}/uses", get(links::uses))
        .route("/open", get(links::page))
        .route("/records/{record}", put(records::put))
        .route("/records/{record}/read", post(records::read))
        .route("/pairings/{pairing}/{side}/{number}", put(pairings::put).get(pairings::read))
        .merge(crate::edv::routes::router(provider.clone()))
        .fallback(any(async || Refusal::from(Problem::NotFound)))
        .method_not_allowed_fallback(async || Refusal::from(Problem::Method))
        .with_state(provider)
}

const CBOR: HeaderValue = HeaderValue::from_static("application/cbor");
const FRAMES: HeaderValue = HeaderValue::from_static("application/strongroom-frames");
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// An answer that no cache keeps.
fn answer(status: StatusCode, kind: HeaderValue, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    response
}

fn done(status: StatusCode) -> Response {
    status.into_response()
}

/// Runs a change to its end also if the asker hangs up meanwhile: what was set aside for it and
/// what stands on disk must not part.
async fn to_the_end<T: Send + 'static>(
    change: impl Future<Output = Result<T, Refusal>> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::spawn(change).await.unwrap_or_else(|_| Err(Problem::Internal.into()))
}

/// Runs short work here and long work away from the threads that serve sockets.
async fn by_size<T: Send + 'static>(
    len: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    const LONG: usize = 64 << 10;
    if len > LONG { offload(work).await } else { Ok(work()) }
}
