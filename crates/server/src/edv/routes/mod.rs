//! Requests of EDV clients: one file per noun. Comes in: requests. Goes out: answers that any page
//! of a browser may read. Must not know: connections, other requests of a provider.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use strongroom_wire::problem::Problem;

use super::failure::{Failure, Kind};
use crate::body::Room;
use crate::held::HeldBody;
use crate::provider::Provider;

pub mod chunks;
pub mod documents;
pub mod queries;
pub mod vaults;
pub mod zcaps;

/// Seconds a browser may remember what it was told of other origins.
const PREFLIGHT_AGE_SECS: u64 = 86_400;
/// Bytes of a list of headers that is given back to who asked.
const ASKED_HEADERS_MAX: usize = 1_024;

/// All requests under `/edvs`.
pub fn router(provider: Provider) -> Router<Provider> {
    let routes = Router::new()
        .route("/", post(vaults::create).get(vaults::find))
        .route("/{edv}", get(vaults::read).post(vaults::update).delete(vaults::remove))
        .route("/{edv}/documents", post(documents::insert).get(documents::all))
        .route(
            "/{edv}/documents/{doc}",
            get(documents::read).post(documents::update).delete(documents::remove),
        )
        .route("/{edv}/documents/query", post(queries::among_documents))
        .route("/{edv}/documents/{doc}/index", post(documents::index))
        .route(
            "/{edv}/documents/{doc}/chunks/{n}",
            get(chunks::read).post(chunks::put).delete(chunks::remove),
        )
        .route("/{edv}/query", post(queries::query))
        .route("/{edv}/history", get(documents::history))
        .route("/{edv}/zcaps/revocations/{zcap}", post(zcaps::revoke))
        .fallback(any(async || Failure::not_found("Nothing is here.")))
        .method_not_allowed_fallback(async || {
            Failure::new(Kind::Method, "There is no such request here.")
        })
        .layer(middleware::from_fn_with_state(provider, open_to_pages));
    Router::new().nest("/edvs", routes)
}

/// Lets pages of any origin ask and read: what a request may is in its signature alone, and there
/// are no cookies. Counts what is denied.
async fn open_to_pages(State(provider): State<Provider>, request: Request, next: Next) -> Response {
    const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, DELETE");
    const USUAL: HeaderValue =
        HeaderValue::from_static("authorization, capability-invocation, digest, content-type");
    const SHOWN: HeaderValue = HeaderValue::from_static("etag, location");
    let preflight = request.method() == Method::OPTIONS;
    let asked = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    let mut response =
        if preflight { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    if response.status() == StatusCode::FORBIDDEN {
        provider.metrics.edv_denied.one();
    }
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if preflight {
        let asked = asked.filter(|asked| asked.len() <= ASKED_HEADERS_MAX);
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.unwrap_or(USUAL));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from(PREFLIGHT_AGE_SECS));
    } else {
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, SHOWN);
    }
    response
}

/// JSON that no cache keeps.
fn json(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A body as it is stored, which a client may keep and ask after.
fn stored(tag: &[u8; 16], bytes: Vec<u8>, room: Option<Room>) -> Response {
    let mut response = json(StatusCode::OK, HeldBody::new(bytes, room));
    label(&mut response, tag);
    response
}

/// Says that what the client has is what is stored.
fn unchanged(tag: &[u8; 16]) -> Response {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    label(&mut response, tag);
    response
}

fn etag(tag: &[u8; 16]) -> String {
    format!("\"{}\"", crate::base64url(tag))
}

fn label(response: &mut Response, tag: &[u8; 16]) {
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&etag(tag)) {
        headers.insert(header::ETAG, tag);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
}

/// Whether the client has a body with this tag.
fn has(headers: &HeaderMap, tag: &[u8; 16]) -> bool {
    let own = etag(tag);
    let lists = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|it| it.to_str().ok());
    let mut tags = lists.flat_map(|list| list.split(',')).map(str::trim);
    tags.any(|it| it == "*" || it.strip_prefix("W/").unwrap_or(it) == own)
}

/// Says where a created thing is.
fn created(url: &str) -> Response {
    located(StatusCode::CREATED.into_response(), url)
}

fn located(mut response: Response, url: &str) -> Response {
    if let Ok(url) = HeaderValue::from_str(url) {
        response.headers_mut().insert(header::LOCATION, url);
    }
    response
}

fn done() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// Runs a change to its end also if the asker hangs up meanwhile: what was set aside for it and
/// what stands on disk must not part.
async fn to_the_end<T: Send + 'static>(
    change: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    tokio::spawn(change).await.unwrap_or_else(|_| Err(Problem::Internal.into()))
}
