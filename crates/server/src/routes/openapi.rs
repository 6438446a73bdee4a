//! The OpenAPI description, generated from the handlers. Comes in: nothing. Goes out: JSON. Must
//! not know: any provider.

use std::sync::OnceLock;

use serde_json::{Value, json};
use strongroom_wire::problem::Problem;
use utoipa::OpenApi as _;

use crate::edv::{Kind, routes as edv};
use crate::refusal::Member;

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
        super::vaults::change_key,
        super::buckets::found,
        super::buckets::exchange,
        super::entries::read,
        super::chunks::put,
        super::chunks::put_many,
        super::chunks::read,
        super::chunks::have,
        super::copies::copy,
        super::drops::put,
        super::drops::put_card,
        super::drops::card,
        super::links::put,
        super::links::read,
        super::links::forget,
        super::links::uses,
        super::links::page,
        super::records::put,
        super::records::read,
        super::pairings::put,
        super::pairings::read,
        edv::vaults::create,
        edv::vaults::find,
        edv::vaults::read,
        edv::vaults::update,
        edv::vaults::remove,
        edv::documents::insert,
        edv::documents::all,
        edv::documents::read,
        edv::documents::update,
        edv::documents::remove,
        edv::documents::index,
        edv::documents::history,
        edv::chunks::put,
        edv::chunks::read,
        edv::chunks::remove,
        edv::queries::query,
        edv::queries::among_documents,
        edv::zcaps::revoke,
    )
)]
struct Api;

/// The description.
pub fn json() -> &'static str {
    static JSON: OnceLock<String> = OnceLock::new();
    JSON.get_or_init(|| {
        let api = serde_json::to_value(Api::openapi()).unwrap_or_default();
        with_problems(api).to_string()
    })
}

/// Every operation may give every problem of the list; those it gives for a reason of its own say
/// so beside their status. All have one body.
fn with_problems(mut api: Value) -> Value {
    let body = json!({
        "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } }
    });
    let failure = json!({
        "application/json": { "schema": { "$ref": "#/components/schemas/EdvFailure" } }
    });
    let paths = api.get_mut("paths").and_then(Value::as_object_mut).into_iter();
    let operations = paths.flatten().filter_map(|(path, operations)| {
        let body = if path.starts_with("/edvs") { &failure } else { &body };
        Some(operations.as_object_mut()?.values_mut().map(move |operation| (operation, body)))
    });
    for (operation, body) in operations.flatten() {
        let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else {
            continue;
        };
        for (status, response) in responses.iter_mut() {
            // 416 says the chunk's length in a field, and nothing else.
            let refused = status.starts_with(['4', '5']) && status != "416";
            if let (true, Some(response)) = (refused, response.as_object_mut()) {
                response.insert("content".into(), body.clone());
            }
        }
        let others = json!({ "description": "Another problem of the list", "content": body });
        responses.insert("default".into(), others);
    }
    if let Some(api) = api.as_object_mut() {
        let components = api.entry("components").or_insert_with(|| json!({}));
        if let Some(components) = components.as_object_mut() {
            let schemas = json!({ "Problem": problem_schema(), "EdvFailure": edv_schema() });
            components.insert("schemas".into(), schemas);
        }
    }
    api
}

fn edv_schema() -> Value {
    let names: std::collections::BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    json!({
        "type": "object",
        "description": "What clients of EDV vaults are told instead of what was asked",
        "required": ["name", "message", "details", "cause"],
        "properties": {
            "name": { "type": "string", "enum": names },
            "message": { "type": "string" },
            "details": {
                "type": "object",
                "required": ["httpStatusCode"],
                "properties": { "httpStatusCode": { "type": "integer" } },
            },
            "cause": {
                "type": ["object", "null"],
                "description": "Which member of a body is wrong",
                "properties": { "name": { "type": "string" }, "message": { "type": "string" } },
            },
        },
    })
}

fn problem_schema() -> Value {
    let each = |of: fn(&Problem) -> Value| Problem::ALL.iter().map(of).collect::<Vec<_>>();
    let mut statuses: Vec<_> = Problem::ALL.iter().map(|problem| problem.status()).collect();
    statuses.sort_unstable();
    statuses.dedup();
    let mut properties = json!({
        "type": {
            "type": "string",
            "format": "uri-reference",
            "enum": each(|problem| format!("/problems/{}", problem.name()).into()),
        },
        "title": { "type": "string", "enum": each(|problem| problem.title().into()) },
        "status": { "type": "integer", "enum": statuses },
    });
    if let Some(properties) = properties.as_object_mut() {
        let more = Member::ALL.iter().map(|member| (member.name().to_owned(), member.schema()));
        properties.extend(more);
    }
    json!({
        "type": "object",
        "description": "RFC 9457: what a provider answers instead of what was asked",
        "required": ["type", "title", "status"],
        "properties": properties,
    })
}
