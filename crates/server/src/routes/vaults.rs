//! Vaults: who is billed. Comes in: sign-ups, questions of a vault's holder. Goes out: terms and
//! counts. Must not know: who a vault's holder is.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use strongroom_store::{Batch, CommitError};
use strongroom_wire::api::{Holding, SignUp, VaultTerms};
use strongroom_wire::capability::Grant;
use strongroom_wire::ids::VaultTag;
use strongroom_wire::problem::Problem;

use super::{CBOR, answer, done, to_the_end};
use crate::config::SignUpPolicy;
use crate::gate::Call;
use crate::provider::Provider;
use crate::rates::network;
use crate::refusal::{Answer, Refusal};
use crate::rows::{self, VaultRow};
use crate::store::{now_secs, offload};

/// Bytes of a sign-up.
const SIGN_UP_LEN_MAX: usize = 1_024;

/// Opens a vault. The same sign-up again, by the same key, gets the same answer.
#[utoipa::path(
    post, path = "/vaults", tag = "vault",
    request_body(content_type = "application/cbor",
        description = "[vault tag, vault key, token or null, signature by the vault key]"),
    responses(
        (status = 201, description = "Terms of the vault", content_type = "application/cbor"),
        (status = 401, description = "No session, or the vault key did not sign"),
        (status = 403, description = "Sign-up is closed, or needs a token"),
        (status = 409, description = "Another key has this vault tag"),
        (status = 429, description = "Too many sign-ups from this network address"),
    )
)]
pub async fn sign_up(State(provider): State<Provider>, call: Call) -> Answer {
    let (session, from) = (call.session.id, network(call.peer.address.ip()));
    if call.session.grant.is_some() {
        return Err(Problem::Forbidden.into());
    }
    let held = call.body(SIGN_UP_LEN_MAX).await?;
    let sign_up = SignUp::decode(&held.bytes)?;
    if !sign_up.holds(provider.identity.thumbprint(), session) {
        return Err(Problem::Unauthorized.into());
    }
    if !admits(&provider.config.sign_up, sign_up.token.as_deref()) {
        return Err(Problem::SignUpClosed.into());
    }
    if !provider.sign_ups.take(&from, Instant::now()) {
        return Err(Problem::Rate.into());
    }
    to_the_end(async move {
        let row = VaultRow {
            key: sign_up.key,
            opened_at: now_secs(),
            record_reads: 0,
            record_read_at: 0,
        };
        let key = rows::vault(sign_up.vault);
        let mut batch = Batch::new();
        batch.expect_absent(key.clone()).put(key, row.encode());
        match provider.store.commit(batch).await {
            Ok(()) => provider.metrics.vaults_total.one(),
            Err(CommitError::Conflict { .. }) => {
                let there = read_vault(&provider, sign_up.vault)?;
                if there.is_none_or(|there| there.key != sign_up.key) {
                    return Err(Problem::Conflict.into());
                }
            }
            Err(error) => return Err(error.into()),
        }
        terms_of(&provider, sign_up.vault, StatusCode::CREATED)
    })
    .await
}

/// Tokens are compared by their hashes, so that the time taken tells nothing of them.
fn admits(policy: &SignUpPolicy, token: Option<&str>) -> bool {
    match policy {
        SignUpPolicy::Open => true,
        SignUpPolicy::Closed => false,
        SignUpPolicy::Token(good) => {
            let given = blake3::hash(token.unwrap_or_default().as_bytes());
            let known = |good: &String| blake3::hash(good.as_bytes()) == given;
            token.is_some() && good.iter().any(known)
        }
    }
}

fn read_vault(provider: &Provider, vault: VaultTag) -> Result<Option<VaultRow>, Refusal> {
    let row = provider.store.rows.get(&rows::vault(vault))?;
    row.map(|row| VaultRow::decode(&row).map_err(|_| Problem::Damaged.into())).transpose()
}

fn terms_of(provider: &Provider, vault: VaultTag, status: StatusCode) -> Result<Response, Refusal> {
    let row = read_vault(provider, vault)?.ok_or(Problem::NotFound)?;
    let terms = VaultTerms {
        quota_bytes: provider.config.quota_bytes,
        used_bytes: provider.buckets.vault_use(vault)?.used_bytes(),
        buckets: provider.buckets.holdings(vault)?.len() as u64,
        record_reads: row.record_reads,
        record_read_at: row.record_read_at,
    };
    Ok(answer(status, CBOR, terms.encode()))
}

/// What the vault may fill and has filled, and how often its recovery record was read.
#[utoipa::path(
    get, path = "/vault", tag = "vault",
    responses(
        (status = 200, description = "Terms of the vault", content_type = "application/cbor"),
        (status = 401, description = "No session"),
        (status = 403, description = "The session's chain does not allow host on a vault"),
    )
)]
pub async fn terms(State(provider): State<Provider>, call: Call) -> Answer {
    let vault = call.vault()?;
    offload(move || terms_of(&provider, vault, StatusCode::OK)).await?
}

/// Gives the vault another key: that of a device that was lost opens no session of it any more.
/// Those that are open end.
#[utoipa::path(
    put, path = "/vault/key", tag = "vault",
    request_body(content_type = "application/cbor",
        description = "A sign-up of the same vault tag by the new key, without a token"),
    responses(
        (status = 201, description = "The new key is the vault's"),
        (status = 401, description = "No session, or the new key did not sign"),
        (status = 403, description = "The session's chain does not allow host on a vault"),
        (status = 409, description = "Another session changed it meanwhile"),
    )
)]
pub async fn change_key(State(provider): State<Provider>, call: Call) -> Answer {
    let (vault, session) = (call.vault()?, call.session.id);
    let held = call.body(SIGN_UP_LEN_MAX).await?;
    let new = SignUp::decode(&held.bytes)?;
    if new.vault != vault || new.token.is_some() {
        return Err(Problem::Malformed.into());
    }
    if !new.holds(provider.identity.thumbprint(), session) {
        return Err(Problem::Unauthorized.into());
    }
    to_the_end(async move {
        let _one_at_a_time = provider.vault_rows.lock().await;
        // Another device may have been faster while this one waited: then its session has ended.
        if provider.sessions.find(session).is_none() {
            return Err(Problem::Conflict.into());
        }
        let key = rows::vault(vault);
        let stored = provider.store.rows.get(&key)?.ok_or(Problem::NotFound)?;
        let mut row = VaultRow::decode(&stored).map_err(|_| Problem::Damaged)?;
        row.key = new.key;
        let mut batch = Batch::new();
        batch.expect_equals(key.clone(), stored).put(key, row.encode());
        provider.store.commit(batch).await?;
        provider.vault_keys_changed.fetch_add(1, Ordering::AcqRel);
        let of_vault = |grant: &Grant| grant.target().vault() == Some(vault);
        provider.chains.lock().unwrap_or_else(PoisonError::into_inner).forget_where(of_vault);
        provider.sessions.end_of_vault(vault);
        Ok(done(StatusCode::CREATED))
    })
    .await
}

/// What the vault holds here, bucket by bucket.
#[utoipa::path(
    get, path = "/vault/holdings", tag = "vault",
    responses(
        (status = 200, description = "List of holdings", content_type = "application/cbor"),
        (status = 401, description = "No session"),
        (status = 403, description = "The session's chain does not allow host on a vault"),
    )
)]
pub async fn holdings(State(provider): State<Provider>, call: Call) -> Answer {
    let vault = call.vault()?;
    offload(move || {
        let holdings = provider.buckets.holdings(vault)?;
        let holdings = holdings.into_iter().map(|(bucket, meta)| Holding {
            bucket,
            entries: meta.arrivals,
            entry_bytes: meta.entry_bytes,
            chunks: meta.chunks,
            chunk_bytes: meta.chunk_bytes,
            authors: meta.authors,
            documents: meta.documents,
            first_at: meta.first_at,
            last_at: meta.last_at,
        });
        let body = Holding::encode_all(&holdings.collect::<Vec<_>>());
        Ok(answer(StatusCode::OK, CBOR, body))
    })
    .await?
}
