//! Revocations. Comes in: a capability that shall hold no more, whole. Goes out: that it does not.
//! Must not know: what it allowed.

use axum::extract::{Path, State};
use strongroom_wire::edv::chain::Root;
use strongroom_wire::edv::ids::LocalId;
use strongroom_wire::edv::limits::ZCAP_LEN_MAX;
use strongroom_wire::edv::revocation::{Revocation, RevocationError};

use super::super::failure::{Answer, Failure, Kind};
use super::super::gate::{Action, Signed};
use super::super::{revocations, rows, vaults};
use super::{done, to_the_end};
use crate::provider::Provider;
use crate::store::{now_secs, offload};

/// Revokes a delegated capability, and with it all that is derived from it, from the next request
/// on. The vault's controller may, and everyone who controls a part of its chain.
#[utoipa::path(
    post, path = "/edvs/{edv}/zcaps/revocations/{zcap}", tag = "edv",
    params(
        ("edv" = String, Path, description = "Local id of the vault"),
        ("zcap" = String, Path, description = "Id of the capability, URI-encoded"),
    ),
    request_body(content_type = "application/json", description = "The whole capability"),
    responses(
        (status = 204, description = "It holds no more"),
        (status = 400, description = "Not a delegated capability of this vault, or another id"),
        (status = 403, description = "Not allowed"),
        (status = 404, description = "No such vault"),
        (status = 409, description = "It was revoked before"),
    )
)]
pub async fn revoke(
    State(provider): State<Provider>,
    Path((edv, zcap)): Path<(String, String)>,
    signed: Signed,
) -> Answer {
    let id = LocalId::parse(&edv)?;
    let stored = vaults::read(&provider, id)?.ok_or(Failure::not_found("No such vault."))?;
    let body = signed.body(ZCAP_LEN_MAX).await?;
    let vault_url = format!("{}/{id}", signed.collection());
    let judge = move || {
        let controllers = [stored.config.controller.clone()];
        let root = Root { target: &vault_url, controllers: &controllers };
        Revocation::of(&body.bytes, &zcap, &root, now_secs())
    };
    let revocation = offload(judge).await?.map_err(refuse)?;
    // The root of this very URL is good for it too: its controllers are those of the chain.
    let own = Some((signed.url(), revocation.controllers()));
    let vault = signed.vault_or(&edv, Action::Write, own).await?;
    let chain = revocation.delegations().iter();
    let keys: Vec<_> = chain.map(|it| rows::revocation(id, &it.delegator, &it.id)).collect();
    if revocations::any(&*provider.store.rows, &keys)? {
        return Err(Failure::new(Kind::Duplicate, "The capability was revoked before."));
    }
    to_the_end(async move {
        let revoked = revocation.revoked();
        let which = (revoked.delegator.as_str(), revoked.id.as_str());
        revocations::note(&provider, &vault, which, revocation.kept_until()).await?;
        Ok(done())
    })
    .await
}

fn refuse(error: RevocationError) -> Failure {
    match error {
        RevocationError::Id => Failure::new(Kind::UrlMismatch, "The body's id is not the URL's."),
        _ => Failure::new(Kind::Data, "The body is no delegated capability of this vault."),
    }
}
