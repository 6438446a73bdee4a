//! Queries, and pages of documents. Comes in: what is asked. Goes out: documents, their ids, or how
//! many there are. Must not know: what the tokens stand for.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query as Parameters, State};
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json as value;
use strongroom_wire::edv::ids::LocalId;
use strongroom_wire::edv::limits::QUERY_LEN_MAX;
use strongroom_wire::edv::model::Query;

use super::super::failure::{Answer, Failure, Kind};
use super::super::gate::{Action, Signed};
use super::super::open::damage;
use super::super::{bodies, queries, rows};
use super::json;
use crate::held::HeldBody;
use crate::provider::Provider;
use crate::store::offload;

/// Documents looked for where a query has no limit; beyond it the answer says that there are more.
const MATCHES_MAX: usize = 100_000;
/// Bytes of documents in one answer; the first comes in any case.
const PAGE_LEN_MAX: usize = 8 << 20;

/// What clients say in the URL.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InUrl {
    #[serde(rename = "returnDocuments")]
    return_documents: Option<bool>,
}

type Asked = Result<Parameters<InUrl>, QueryRejection>;

/// Documents that meet conditions on their blinded attributes.
#[utoipa::path(
    post, path = "/edvs/{edv}/query", tag = "edv",
    params(
        ("edv" = String, Path, description = "Local id of the vault"),
        ("returnDocuments" = Option<bool>, Query, description = "As in the body"),
    ),
    request_body(content_type = "application/json",
        description = "`index`, and `equals` or `has`; `count`, `limit`, `returnDocuments`, \
            `cursor`"),
    responses(
        (status = 200, description = "`{\"documents\": [...], \"hasMore\", \"cursor\"}`, \
            `documentIds` instead, or `{\"count\": n}`"),
        (status = 400, description = "Not in its form"),
        (status = 403, description = "Not allowed"),
        (status = 404, description = "No such vault"),
    )
)]
pub async fn query(
    State(provider): State<Provider>,
    Path(edv): Path<String>,
    asked: Asked,
    signed: Signed,
) -> Answer {
    ask(&provider, &edv, asked, signed).await
}

/// The same under another path, which some capabilities cover.
#[utoipa::path(
    post, path = "/edvs/{edv}/documents/query", tag = "edv",
    params(
        ("edv" = String, Path, description = "Local id of the vault"),
        ("returnDocuments" = Option<bool>, Query, description = "As in the body"),
    ),
    request_body(content_type = "application/json", description = "As under /edvs/{edv}/query"),
    responses(
        (status = 200, description = "As under /edvs/{edv}/query"),
        (status = 400, description = "Not in its form"),
        (status = 403, description = "Not allowed"),
        (status = 404, description = "No such vault"),
    )
)]
pub async fn among_documents(
    State(provider): State<Provider>,
    Path(edv): Path<String>,
    asked: Asked,
    signed: Signed,
) -> Answer {
    ask(&provider, &edv, asked, signed).await
}

async fn ask(provider: &Provider, edv: &str, asked: Asked, signed: Signed) -> Answer {
    const FORM: Failure = Failure::new(Kind::Validation, "The parameters are not in their form.");
    let vault = signed.vault(edv, Action::Read).await?;
    let Parameters(in_url) = asked.map_err(|_| FORM)?;
    let body = signed.body(QUERY_LEN_MAX).await?;
    let query = Query::parse(&body.bytes)?;
    provider.metrics.edv_queries.one();
    let ids_only = !query.return_documents || in_url.return_documents == Some(false);
    let most = query.limit.unwrap_or(MATCHES_MAX);
    let count = query.count;
    let look_for = if count { usize::MAX } else { most + 1 };
    let (store, id) = (provider.store.rows.clone(), vault.id);
    let found = offload(move || queries::matches(&*store, id, &query, look_for)).await??;
    if count {
        return Ok(json(StatusCode::OK, value!({ "count": found.len() }).to_string()));
    }
    page_of(provider, vault.id, found, Page { most, ids_only }).await
}

/// What an answer may hold.
pub struct Page {
    /// At most so many documents; one more was looked for.
    pub most: usize,
    /// Ids instead of documents.
    pub ids_only: bool,
}

/// The answer with these documents: as many as it may hold, and where to go on.
pub async fn page_of(
    provider: &Provider,
    vault: LocalId,
    mut found: Vec<LocalId>,
    page: Page,
) -> Result<Response, Failure> {
    let mut more = found.len() > page.most;
    found.truncate(page.most);
    let mut list = String::new();
    let mut room = None;
    if page.ids_only {
        let ids: Vec<_> = found.iter().map(|id| format!("\"{id}\"")).collect();
        list = ids.join(",");
    } else {
        let fits = how_many(provider, vault, &found)?;
        more |= fits.count < found.len();
        found.truncate(fits.count);
        room = Some(provider.answers.take(fits.bytes).await?);
        for id in &found {
            // One that was deleted meanwhile is none of the answer.
            let key = rows::body(vault, *id);
            let Some(read) = bodies::read(provider, &key, None).await? else { continue };
            if !list.is_empty() {
                list.push(',');
            }
            list.push_str(core::str::from_utf8(&read.bytes).map_err(|_| damage())?);
            provider.metrics.edv_documents_sent.one();
        }
    }
    let name = if page.ids_only { "documentIds" } else { "documents" };
    let last = found.last().filter(|_| more);
    let cursor = last.map(|id| format!(",\"cursor\":\"{id}\"")).unwrap_or_default();
    let body = format!("{{\"{name}\":[{list}],\"hasMore\":{more}{cursor}}}");
    Ok(json(StatusCode::OK, HeldBody::new(body.into_bytes(), room)))
}

struct Fits {
    count: usize,
    bytes: usize,
}

/// How many of these documents one answer holds.
fn how_many(provider: &Provider, vault: LocalId, found: &[LocalId]) -> Result<Fits, Failure> {
    let mut fits = Fits { count: 0, bytes: 0 };
    for id in found {
        let len = bodies::len(provider, &rows::body(vault, *id))?;
        if fits.count > 0 && fits.bytes + len > PAGE_LEN_MAX {
            break;
        }
        fits.count += 1;
        fits.bytes += len + 1;
    }
    Ok(fits)
}
