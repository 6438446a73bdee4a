//! Chunks of documents. Comes in: chunks. Goes out: the JSON that was put in. Must not know: what
//! is sealed in it, or whether all are there.

use axum::extract::{Path, State};
use strongroom_wire::edv::ids::LocalId;
use strongroom_wire::edv::limits::{CHUNK_LEN_MAX, SEQUENCE_MAX};
use strongroom_wire::edv::model::Chunk;

use super::super::failure::{Answer, Failure, Kind};
use super::super::gate::{Action, Signed};
use super::super::{chunks, documents, rows};
use super::documents::stored_under;
use super::{done, to_the_end};
use crate::provider::Provider;
use crate::store::offload;

/// A chunk's place, in its one spelling.
fn index(text: &str) -> Result<u64, Failure> {
    let plain = text.bytes().all(|c| c.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    let index = text.parse().ok().filter(|index| plain && *index <= SEQUENCE_MAX);
    index.ok_or(Failure::new(Kind::Validation, "The index of a chunk is a whole number."))
}

/// Puts a chunk under its index, also in the place of another one.
#[utoipa::path(
    post, path = "/edvs/{edv}/documents/{doc}/chunks/{n}", tag = "edv",
    params(
        ("edv" = String, Path, description = "Local id of the vault"),
        ("doc" = String, Path, description = "Id of the document"),
        ("n" = u64, Path, description = "Index of the chunk"),
    ),
    request_body(content_type = "application/json",
        description = "A chunk; its sequence is the document's"),
    responses(
        (status = 204, description = "Stored"),
        (status = 400, description = "Not in its form, or another index than the URL's"),
        (status = 403, description = "Not allowed"),
        (status = 404, description = "No such vault or document"),
        (status = 409, description = "Not the document's sequence, or this very request was \
            carried out before"),
        (status = 413, description = "Above 10 MiB, or the vault's quota is used up"),
    )
)]
pub async fn put(
    State(provider): State<Provider>,
    Path((edv, doc, n)): Path<(String, String, String)>,
    signed: Signed,
) -> Answer {
    let vault = signed.vault(&edv, Action::Write).await?;
    let (id, index) = (LocalId::parse(&doc)?, index(&n)?);
    let body = signed.body(CHUNK_LEN_MAX).await?;
    let parse = move || Ok::<_, Failure>((Chunk::parse(&body.bytes)?, body));
    let (chunk, body) = offload(parse).await??;
    if chunk.index != index {
        return Err(Failure::new(Kind::UrlMismatch, "The chunk's index is not the URL's."));
    }
    to_the_end(async move {
        documents::expect(&provider, &vault, id, chunk.sequence)?;
        let claim = signed.once()?;
        chunks::put(&provider, &vault, id, (chunk, &body.bytes)).await?;
        claim.keep();
        Ok(done())
    })
    .await
}

/// A chunk as it was put in.
#[utoipa::path(
    get, path = "/edvs/{edv}/documents/{doc}/chunks/{n}", tag = "edv",
    params(
        ("edv" = String, Path, description = "Local id of the vault"),
        ("doc" = String, Path, description = "Id of the document"),
        ("n" = u64, Path, description = "Index of the chunk"),
        ("If-None-Match" = Option<String>, Header, description = "Tags the client has"),
    ),
    responses(
        (status = 200, description = "The chunk, with an `ETag`"),
        (status = 304, description = "The client has it"),
        (status = 400, description = "The index is not a number"),
        (status = 403, description = "Not allowed"),
        (status = 404, description = "No such vault or chunk"),
    )
)]
pub async fn read(
    State(provider): State<Provider>,
    Path((edv, doc, n)): Path<(String, String, String)>,
    signed: Signed,
) -> Answer {
    let vault = signed.vault(&edv, Action::Read).await?;
    let key = rows::chunk_body(vault.id, LocalId::parse(&doc)?, index(&n)?);
    let answer = stored_under(&provider, &key, &signed).await?;
    answer.ok_or(Failure::not_found("No such chunk."))
}

/// Deletes a chunk.
#[utoipa::path(
    delete, path = "/edvs/{edv}/documents/{doc}/chunks/{n}", tag = "edv",
    params(
        ("edv" = String, Path, description = "Local id of the vault"),
        ("doc" = String, Path, description = "Id of the document"),
        ("n" = u64, Path, description = "Index of the chunk"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 400, description = "The index is not a number"),
        (status = 403, description = "Not allowed"),
        (status = 404, description = "No such vault or chunk"),
        (status = 409, description = "This very request was carried out before"),
    )
)]
pub async fn remove(
    State(provider): State<Provider>,
    Path((edv, doc, n)): Path<(String, String, String)>,
    signed: Signed,
) -> Answer {
    let vault = signed.vault(&edv, Action::Write).await?;
    let (id, index) = (LocalId::parse(&doc)?, index(&n)?);
    to_the_end(async move {
        let claim = signed.once()?;
        chunks::remove(&provider, &vault, id, index).await?;
        claim.keep();
        Ok(done())
    })
    .await
}
