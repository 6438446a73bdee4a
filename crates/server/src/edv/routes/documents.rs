//! Documents: inserted, read, updated, indexed anew, deleted, listed. Comes in: documents. Goes
//! out: the JSON that was put in. Must not know: what is sealed in it.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::json as value;
use strongroom_wire::edv::ids::LocalId;
use strongroom_wire::edv::limits::{
    DOCUMENT_LEN_MAX, INDEX_ENTRY_LEN_MAX, QUERY_LIMIT_MAX, SEQUENCE_MAX,
};
use strongroom_wire::edv::model::{Document, IndexEntry};

use super::super::documents::{self, Put};
use super::super::failure::{Answer, Failure, Kind};
use super::super::gate::{Action, Signed};
use super::super::{bodies, changes, rows};
use super::queries::{Page, page_of};
use super::{created, done, has, json, stored, to_the_end, unchanged};
use crate::body::Held;
use crate::provider::Provider;
use crate::store::offload;

/// Bytes of a body that is judged on the thread that serves the socket.
const JUDGED_HERE_MAX: usize = 64 << 10;

/// Inserts a document under an id of the client's.
#[utoipa::path(
    post, path = "/edvs/{edv}/documents", tag = "edv",
    params(("edv" = String, Path, description = "Local id of the vault")),
    request_body(content_type = "application/json", description = "A document"),
    responses(
        (status = 201, description = "Stored; `Location` is its URL"),
        (status = 400, description = "Not in its form"),
        (status = 403, description = "Not allowed"),
        (status = 404, description = "No such vault"),
        (status = 409, description = "Its id, or a unique attribute, is taken"),
        (status = 413, description = "Above 10 MiB, or the vault's quota is used up"),
    )
)]
pub async fn insert(
    State(provider): State<Provider>,
    Path(edv): Path<String>,
    signed: Signed,
) -> Answer {
    let vault = signed.vault(&edv, Action::Write).await?;
    let (document, body) = parse(signed.body(DOCUMENT_LEN_MAX).await?).await?;
    to_the_end(async move {
        documents::put(&provider, &vault, (&document, &body.bytes), Put::Insert).await?;
        Ok(created(&format!("{}/documents/{}", vault.url, document.id)))
    })
    .await
}

/// Reads and checks a document, away from the sockets if it is large.
async fn parse(body: Held) -> Result<(Document, Held), Failure> {
    if body.bytes.len() <= JUDGED_HERE_MAX {
        return Ok((Document::parse(&body.bytes)?, body));
    }
    offload(move || Ok((Document::parse(&body.bytes)?, body))).await?
}

/// A document as it was put in.
#[utoipa::path(
    get, path = "/edvs/{edv}/documents/{doc}", tag = "edv",
    params(
        ("edv" = String, Path, description = "Local id of the vault"),
        ("doc" = String, Path, description = "Id of the document"),
        ("If-None-Match" = Option<String>, Header, description = "Tags the client has"),
    ),
    responses(
        (status = 200, description = "The document, with an `ETag`"),
        (status = 304, description = "The client has it"),
        (status = 400, description = "Not an id"),
        (status = 403, description = "Not allowed"),
        (status = 404, description = "No such vault or document"),
    )
)]
pub async fn read(
    State(provider): State<Provider>,
    Path((edv, doc)): Path<(String, String)>,
    signed: Signed,
) -> Answer {
    let vault = signed.vault(&edv, Action::Read).await?;
    let key = rows::body(vault.id, LocalId::parse(&doc)?);
    let answer = stored_under(&provider, &key, &signed).await?;
    answer.ok_or(Failure::not_found("No such document."))
}

/// What is stored under a key, unless the client has it already.
pub async fn stored_under(
    provider: &Provider,
    key: &[u8],
    signed: &Signed,
) -> Result<Option<Response>, Failure> {
    if signed.headers.contains_key(header::IF_NONE_MATCH) {
        let Some(tag) = bodies::tag(provider, key)? else { return Ok(None) };
        if has(&signed.headers, &tag) {
            return Ok(Some(unchanged(&tag)));
        }
    }
    let Some(read) = bodies::read(provider, key, Some(&provider.answers)).await? else {
        return Ok(None);
    };
    provider.metrics.edv_documents_sent.one();
    Ok(Some(stored(&read.tag, read.bytes, read.room)))
}

/// Puts a document in the place of its state before, or where there is none.
#[utoipa::path(
    post, path = "/edvs/{edv}/documents/{doc}", tag = "edv",
    params(
        ("edv" = String, Path, description = "Local id of the vault"),
        ("doc" = String, Path, description = "Id of the document"),
    ),
    request_body(content_type = "application/json",
        description = "The document; its sequence is the stored one and 1"),
    responses(
        (status = 204, description = "Stored"),
        (status = 400, description = "Not in its form, or another id than the URL's"),
        (status = 403, description = "Not allowed"),
        (status = 404, description = "No such vault"),
        (status = 409, description = "Not the next sequence, or a unique attribute is taken"),
        (status = 413, description = "Above 10 MiB, or the vault's quota is used up"),
    )
)]
pub async fn update(
    State(provider): State<Provider>,
    Path((edv, doc)): Path<(String, String)>,
    signed: Signed,
) -> Answer {
    let vault = signed.vault(&edv, Action::Write).await?;
    let id = LocalId::parse(&doc)?;
    let (document, body) = parse(signed.body(DOCUMENT_LEN_MAX).await?).await?;
    if document.id != id {
        return Err(Failure::new(Kind::UrlMismatch, "The body's id is not the URL's."));
    }
    to_the_end(async move {
        documents::put(&provider, &vault, (&document, &body.bytes), Put::Update).await?;
        Ok(done())
    })
    .await
}

/// Puts an entry into a document's index, in the place of the one under the same key.
#[utoipa::path(
    post, path = "/edvs/{edv}/documents/{doc}/index", tag = "edv",
    params(
        ("edv" = String, Path, description = "Local id of the vault"),
        ("doc" = String, Path, description = "Id of the document"),
    ),
    request_body(content_type = "application/json",
        description = "An entry; its sequence is the document's"),
    responses(
        (status = 204, description = "Stored"),
        (status = 400, description = "Not in its form"),
        (status = 403, description = "Not allowed"),
        (status = 404, description = "No such vault or document"),
        (status = 409, description = "Not the document's sequence, a unique attribute is taken, \
            or this very request was carried out before"),
        (status = 413, description = "The document would be above 10 MiB, or the quota used up"),
    )
)]
pub async fn index(
    State(provider): State<Provider>,
    Path((edv, doc)): Path<(String, String)>,
    signed: Signed,
) -> Answer {
    let vault = signed.vault(&edv, Action::Write).await?;
    let id = LocalId::parse(&doc)?;
    let body = signed.body(INDEX_ENTRY_LEN_MAX).await?;
    let entry = IndexEntry::parse(&body.bytes)?;
    to_the_end(async move {
        documents::expect(&provider, &vault, id, entry.sequence)?;
        let claim = signed.once()?;
        documents::reindex(&provider, &vault, id, (&entry, &body.bytes)).await?;
        claim.keep();
        Ok(done())
    })
    .await
}

/// Deletes a document with its chunks.
#[utoipa::path(
    delete, path = "/edvs/{edv}/documents/{doc}", tag = "edv",
    params(
        ("edv" = String, Path, description = "Local id of the vault"),
        ("doc" = String, Path, description = "Id of the document"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 400, description = "Not an id"),
        (status = 403, description = "Not allowed"),
        (status = 404, description = "No such vault or document"),
        (status = 409, description = "This very request was carried out before"),
    )
)]
pub async fn remove(
    State(provider): State<Provider>,
    Path((edv, doc)): Path<(String, String)>,
    signed: Signed,
) -> Answer {
    let vault = signed.vault(&edv, Action::Write).await?;
    let id = LocalId::parse(&doc)?;
    to_the_end(async move {
        let claim = signed.once()?;
        documents::remove(&provider, &vault, id).await?;
        claim.keep();
        Ok(done())
    })
    .await
}

/// Where a list goes on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct From {
    cursor: Option<String>,
    limit: Option<usize>,
}

const FORM: Failure = Failure::new(Kind::Validation, "The parameters are not in their form.");

impl From {
    fn limit(&self) -> Result<usize, Failure> {
        let limit = self.limit.unwrap_or(QUERY_LIMIT_MAX);
        if (1..=QUERY_LIMIT_MAX).contains(&limit) { Ok(limit) } else { Err(FORM) }
    }
}

type Asked = Result<Query<From>, QueryRejection>;

/// All documents of a vault, page by page: its export.
#[utoipa::path(
    get, path = "/edvs/{edv}/documents", tag = "edv",
    params(
        ("edv" = String, Path, description = "Local id of the vault"),
        ("cursor" = Option<String>, Query, description = "Only documents after this one"),
        ("limit" = Option<usize>, Query, description = "At most so many, 1 to 1000"),
    ),
    responses(
        (status = 200, description = "`{\"documents\": [...], \"hasMore\": ..., \"cursor\": ...}`"),
        (status = 400, description = "Parameters are not in their form"),
        (status = 403, description = "Not allowed"),
        (status = 404, description = "No such vault"),
    )
)]
pub async fn all(
    State(provider): State<Provider>,
    Path(edv): Path<String>,
    asked: Asked,
    signed: Signed,
) -> Answer {
    let vault = signed.vault(&edv, Action::Read).await?;
    let Query(asked) = asked.map_err(|_| FORM)?;
    let after = asked.cursor.as_deref().map(LocalId::parse).transpose()?;
    let (store, id, most) = (provider.store.rows.clone(), vault.id, asked.limit()?);
    let found = offload(move || changes::documents(&*store, id, after, most + 1)).await??;
    page_of(&provider, vault.id, found, Page { most, ids_only: false }).await
}

/// What has changed in a vault after a cursor, in the order in which it was made. Of each document
/// the newest change alone.
#[utoipa::path(
    get, path = "/edvs/{edv}/history", tag = "edv",
    params(
        ("edv" = String, Path, description = "Local id of the vault"),
        ("cursor" = Option<String>, Query, description = "Of the answer before; none: from the \
            beginning"),
        ("limit" = Option<usize>, Query, description = "At most so many, 1 to 1000"),
    ),
    responses(
        (status = 200, description = "`{\"changes\": [{\"id\", \"sequence\"} or {\"id\", \
            \"deleted\": true}], \"cursor\": ..., \"hasMore\": ...}`"),
        (status = 400, description = "Parameters are not in their form"),
        (status = 403, description = "Not allowed"),
        (status = 404, description = "No such vault"),
    )
)]
pub async fn history(
    State(provider): State<Provider>,
    Path(edv): Path<String>,
    asked: Asked,
    signed: Signed,
) -> Answer {
    let vault = signed.vault(&edv, Action::Read).await?;
    let Query(asked) = asked.map_err(|_| FORM)?;
    let number = |it: &str| {
        let plain = it.bytes().all(|c| c.is_ascii_digit());
        it.parse().ok().filter(|number: &u64| plain && *number <= SEQUENCE_MAX)
    };
    let after = asked.cursor.as_deref().map_or(Some(0), number).ok_or(FORM)?;
    let (store, id, most) = (provider.store.rows.clone(), vault.id, asked.limit()?);
    let found = offload(move || changes::since(&*store, id, after, most)).await??;
    let change = |it: &rows::ChangeRow| match it.sequence {
        Some(sequence) => value!({ "id": it.document.to_string(), "sequence": sequence }),
        None => value!({ "id": it.document.to_string(), "deleted": true }),
    };
    let body = value!({
        "changes": found.list.iter().map(change).collect::<Vec<_>>(),
        "cursor": found.cursor.to_string(),
        "hasMore": found.more,
    });
    Ok(json(StatusCode::OK, body.to_string()))
}
