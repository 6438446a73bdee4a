//! The OpenAPI description, generated from the handlers. Comes in: nothing. Goes out: JSON. Must
//! not know: any provider.

use std::sync::OnceLock;

use utoipa::OpenApi as _;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Strongroom provider",
        description = "Stores opaque bytes for those who may, and knows no key that opens them. \
            Requests are signed (RFC 9421): POST /session by a key, all others by the session. \
            Problems are RFC 9457 application/problem+json."
    ),
    paths(
        super::meta::healthz,
        super::meta::metrics,
        super::meta::openapi,
        super::meta::well_known,
        super::session::open,
        super::vaults::sign_up,
        super::vaults::terms,
        super::vaults::holdings,
        super::buckets::found,
        super::buckets::exchange,
        super::entries::read,
        super::chunks::put,
        super::chunks::put_many,
        super::chunks::read,
        super::chunks::have,
        super::records::put,
        super::records::read,
    )
)]
struct Api;

/// The description.
pub fn json() -> &'static str {
    static JSON: OnceLock<String> = OnceLock::new();
    JSON.get_or_init(|| Api::openapi().to_json().unwrap_or_else(|_| "{}".into()))
}
