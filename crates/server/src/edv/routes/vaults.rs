//! Vaults: opened, found, changed, deleted. Comes in: configurations. Goes out: configurations.
//! Must not know: documents.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use http::StatusCode;
use serde::Deserialize;
use strongroom_wire::edv::ids::LocalId;
use strongroom_wire::edv::limits::{CONFIG_LEN_MAX, QUERY_LIMIT_MAX};
use strongroom_wire::edv::model::Config;

use super::super::failure::{Answer, Failure, Kind};
use super::super::gate::{Action, Signed};
use super::super::{removal, vaults};
use super::{done, json, located, to_the_end};
use crate::provider::Provider;

/// Opens a vault for its controller, which signs. Whether anybody new may is the provider's policy.
#[utoipa::path(
    post, path = "/edvs", tag = "edv",
    request_body(content_type = "application/json", description = "A configuration, sequence 0"),
    responses(
        (status = 201, description = "The configuration with its id; `Location` is the id"),
        (status = 400, description = "Not in its form, or sequence is not 0"),
        (status = 403, description = "Not signed by the controller, or not let in by the policy"),
        (status = 409, description = "The controller has a vault under this referenceId"),
        (status = 429, description = "Too many vaults from this network address"),
    )
)]
pub async fn create(State(provider): State<Provider>, signed: Signed) -> Answer {
    let body = signed.body(CONFIG_LEN_MAX).await?;
    let config = Config::parse(&body.bytes)?;
    let base = signed.collection();
    signed.by_controller(&config.controller, Action::Write).await?;
    if config.sequence != 0 {
        return Err(Failure::new(Kind::Validation, "A new vault has the sequence 0."));
    }
    signed.may_create(&config.controller)?;
    to_the_end(async move {
        let id = vaults::create(&provider, &config).await?;
        let url = format!("{base}/{id}");
        Ok(located(json(StatusCode::CREATED, config.to_json(Some(&url))), &url))
    })
    .await
}

/// What vaults are looked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    controller: String,
    #[serde(rename = "referenceId")]
    reference_id: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

/// The vault that a controller calls by this reference; without one, the controller's vaults.
#[utoipa::path(
    get, path = "/edvs", tag = "edv",
    params(
        ("controller" = String, Query, description = "A DID; it signs"),
        ("referenceId" = Option<String>, Query, description = "The controller's name for it"),
        ("after" = Option<String>, Query, description = "Only vaults after this id"),
        ("limit" = Option<usize>, Query, description = "At most so many, 1 to 1000"),
    ),
    responses(
        (status = 200, description = "A list of configurations"),
        (status = 400, description = "Parameters are not in their form"),
        (status = 403, description = "Not signed by the controller"),
    )
)]
pub async fn find(
    State(provider): State<Provider>,
    wanted: Result<Query<Wanted>, QueryRejection>,
    signed: Signed,
) -> Answer {
    const FORM: Failure = Failure::new(Kind::Validation, "The parameters are not in their form.");
    let Query(wanted) = wanted.map_err(|_| FORM)?;
    let base = signed.collection();
    signed.by_controller(&wanted.controller, Action::Read).await?;
    let limit = wanted.limit.unwrap_or(QUERY_LIMIT_MAX);
    if !(1..=QUERY_LIMIT_MAX).contains(&limit) {
        return Err(FORM);
    }
    let local = |after: &str| {
        let of_here = after.strip_prefix(&base).and_then(|rest| rest.strip_prefix('/'));
        LocalId::parse(of_here.unwrap_or(after))
    };
    let after = wanted.after.as_deref().map(local).transpose()?;
    let store = &*provider.store.rows;
    let found = match &wanted.reference_id {
        Some(reference) => {
            let found = vaults::by_reference(store, &wanted.controller, reference)?;
            found.into_iter().filter(|id| after.is_none_or(|after| *id > after)).collect()
        }
        None => vaults::controlled_by(store, &wanted.controller, after, limit)?,
    };
    let mut list = Vec::new();
    for id in found {
        if let Some(stored) = vaults::read(&provider, id)? {
            list.push(stored.config.to_json(Some(&format!("{base}/{id}"))));
        }
    }
    Ok(json(StatusCode::OK, format!("[{}]", list.join(","))))
}

/// A vault's configuration.
#[utoipa::path(
    get, path = "/edvs/{edv}", tag = "edv",
    params(("edv" = String, Path, description = "Local id of the vault")),
    responses(
        (status = 200, description = "The configuration"),
        (status = 403, description = "Not allowed"),
        (status = 404, description = "No such vault"),
    )
)]
pub async fn read(Path(edv): Path<String>, signed: Signed) -> Answer {
    let vault = signed.vault(&edv, Action::Read).await?;
    Ok(json(StatusCode::OK, vault.config().to_json(Some(&vault.url))))
}

/// Changes a vault's configuration: its sequence is the stored one and 1.
#[utoipa::path(
    post, path = "/edvs/{edv}", tag = "edv",
    params(("edv" = String, Path, description = "Local id of the vault")),
    request_body(content_type = "application/json", description = "The whole configuration"),
    responses(
        (status = 200, description = "`{\"config\": ...}`"),
        (status = 400, description = "Not in its form, another id, or another referenceId"),
        (status = 403, description = "Not allowed"),
        (status = 404, description = "No such vault"),
        (status = 409, description = "Not the next sequence"),
    )
)]
pub async fn update(
    State(provider): State<Provider>,
    Path(edv): Path<String>,
    signed: Signed,
) -> Answer {
    let vault = signed.vault(&edv, Action::Write).await?;
    let body = signed.body(CONFIG_LEN_MAX).await?;
    let config = Config::parse(&body.bytes)?;
    to_the_end(async move {
        vaults::update(&provider, &vault, &config).await?;
        let config = config.to_json(Some(&vault.url));
        Ok(json(StatusCode::OK, format!("{{\"config\":{config}}}")))
    })
    .await
}

/// Deletes a vault with all it holds. It is unknown when the answer comes; its bytes go after that.
#[utoipa::path(
    delete, path = "/edvs/{edv}", tag = "edv",
    params(("edv" = String, Path, description = "Local id of the vault")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 403, description = "Not allowed"),
        (status = 404, description = "No such vault"),
    )
)]
pub async fn remove(
    State(provider): State<Provider>,
    Path(edv): Path<String>,
    signed: Signed,
) -> Answer {
    let vault = signed.vault(&edv, Action::Write).await?;
    to_the_end(async move {
        removal::remove(&provider, &vault).await?;
        // If this is cut short, the next start goes on.
        tokio::spawn(async move { removal::clear_one(&provider, vault.id).await });
        Ok(done())
    })
    .await
}
