//! `POST /session`: one signature and one key agreement, then a MAC per request. Comes in: a
//! request signed by a key, with or without a capability chain. Goes out: a session. Must not
//! know: what it will be used for.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use axum::body::Body;
use axum::extract::State;
use http::{Request, StatusCode};
use strongroom_wire::capability::{CapabilityChain, ChainHash, Grant, Judge, Target, verify};
use strongroom_wire::http_signature::{
    CAPABILITY_FIELD, CAPABILITY_HASH_FIELD, NonceRefusal, Signed, chain_field_bytes,
    parse_chain_hash_field,
};
use strongroom_wire::ids::SessionId;
use strongroom_wire::limits::SESSION_OPEN_LEN_MAX;
use strongroom_wire::problem::Problem;
use strongroom_wire::session::{self, OpeningRequest, Session, session_end};

use super::{CBOR, answer, to_the_end};
use crate::body;
use crate::gate::{one, peer_of, read_signature, unauthorized};
use crate::links;
use crate::provider::Provider;
use crate::rates::network;
use crate::refusal::{Answer, Member, Refusal};
use crate::rows::{self, VaultRow};
use crate::store::{now_secs, offload, random};

/// Opens a session. The chain, if any, travels in `Strongroom-Capability` or, once the provider
/// has seen it, by its hash in `Strongroom-Capability-Hash`.
#[utoipa::path(
    post, path = "/session", tag = "session",
    request_body(content_type = "application/cbor", description = "[kem, public key]"),
    responses(
        (status = 200, description = "[session id, share, end, signature]",
            content_type = "application/cbor"),
        (status = 401, description = "No valid signature or chain; tells the provider's time"),
        (status = 422, description = "The chain has a caveat this provider cannot keep"),
        (status = 429, description = "Too many openings from this network address"),
    )
)]
pub async fn open(State(provider): State<Provider>, request: Request<Body>) -> Answer {
    let (parts, incoming) = request.into_parts();
    let peer = peer_of(&parts)?;
    let from = network(peer.address.ip());
    if !provider.session_opens.take(&from, Instant::now()) {
        return Err(Problem::Rate.into());
    }
    let Signed::Key(signature) = read_signature(&parts, peer, &provider)? else {
        return Err(unauthorized(&provider));
    };
    let now = now_secs();
    let signed = signature.verify(now, provider.started).map_err(|_| unauthorized(&provider))?;
    let announced = body::announced(&parts.headers)?;
    let (rooms, tuning) = (&provider.bodies, &provider.config.tuning);
    let held = body::read(rooms, tuning, incoming, announced, SESSION_OPEN_LEN_MAX, *signed.body())
        .await?;
    let admitted =
        provider.nonces.lock().unwrap_or_else(PoisonError::into_inner).admit(&signed, now);
    admitted.map_err(|refusal| match refusal {
        NonceRefusal::Replayed => unauthorized(&provider),
        NonceRefusal::Full => Problem::Busy.into(),
    })?;
    let changed = provider.vault_keys_changed.load(Ordering::Acquire);
    let grant = read_grant(&provider, &parts.headers, (now, changed)).await?;
    if grant.as_ref().is_some_and(|grant| grant.holder().is_some_and(|key| key != signed.key())) {
        return Err(unauthorized(&provider));
    }
    if let Some(grant) = &grant {
        count_use(&provider, grant).await?;
    }
    let id = SessionId(random()?);
    let end = session_end(now, grant.as_deref());
    let shared = provider.clone();
    offload(move || {
        let request = OpeningRequest {
            base: signed.base(),
            signature: signed.signature(),
            body: &held.bytes,
            exporter: peer.exporter.as_ref().map_or(&[][..], |exporter| exporter),
        };
        let sign = |message: &[u8]| shared.identity.sign(message);
        let answered = session::answer(&request, id, end, &random()?, sign).map_err(|error| {
            Refusal::from(Problem::Malformed).with(Member::Detail, error.to_string())
        })?;
        let of_vault = grant.as_ref().is_some_and(|grant| grant.target().vault().is_some());
        shared.sessions.insert(Session::new(id, answered.key, signed.key(), grant, end));
        // The vault's key may have been changed since its chain was verified: once more, then.
        if of_vault && shared.vault_keys_changed.load(Ordering::Acquire) != changed {
            if let Some(open) = shared.sessions.find(id) {
                shared.sessions.end(&open);
            }
            return Err(unauthorized(&shared));
        }
        shared.metrics.sessions_total.one();
        Ok(answer(StatusCode::OK, CBOR, answered.body))
    })
    .await?
}

/// What the request's chain allows; `None`: it has no chain.
async fn read_grant(
    provider: &Provider,
    headers: &http::HeaderMap,
    (now, changed): (u64, u64),
) -> Result<Option<Arc<Grant>>, Refusal> {
    let refuse = || unauthorized(provider);
    let recall = |hash| {
        let mut chains = provider.chains.lock().unwrap_or_else(PoisonError::into_inner);
        chains.recall(hash, now)
    };
    let (chain, by_hash) = (one(headers, CAPABILITY_FIELD), one(headers, CAPABILITY_HASH_FIELD));
    let (chain, by_hash) = (chain.map_err(|()| refuse())?, by_hash.map_err(|()| refuse())?);
    let (hash, bytes) = match (chain, by_hash) {
        (None, None) => return Ok(None),
        (Some(value), _) => {
            let bytes = chain_field_bytes(value).map_err(|_| refuse())?;
            (ChainHash(*blake3::hash(&bytes).as_bytes()), Some(bytes))
        }
        (None, Some(value)) => (parse_chain_hash_field(value).map_err(|_| refuse())?, None),
    };
    let grant = match (recall(hash), bytes) {
        (Some(grant), _) => grant,
        // A hash nobody sent the chain of: the client sends the chain.
        (None, None) => return Err(refuse()),
        (None, Some(bytes)) => {
            let chain = CapabilityChain::decode(&bytes).map_err(|_| refuse())?;
            let grant = Arc::new(verify_chain(provider, chain, now).await?);
            let mut chains = provider.chains.lock().unwrap_or_else(PoisonError::into_inner);
            // What was verified by a vault's former key is not kept.
            if provider.vault_keys_changed.load(Ordering::Acquire) == changed {
                chains.remember(hash, grant.clone());
            }
            grant
        }
    };
    still_holds(provider, &grant).await?;
    Ok(Some(grant))
}

async fn verify_chain(
    provider: &Provider,
    chain: CapabilityChain,
    now: u64,
) -> Result<Grant, Refusal> {
    let refuse = || unauthorized(provider);
    let (root, suites) = match chain.root_target().ok_or_else(refuse)? {
        Target::Vault(vault) => {
            let row = provider.store.rows.get(&rows::vault(vault))?.ok_or_else(refuse)?;
            (VaultRow::decode(&row)?.key, vec![1])
        }
        target => {
            let bucket = target.bucket().ok_or_else(refuse)?;
            let bucket = provider.buckets.open(bucket).await?.ok_or_else(refuse)?;
            let control = bucket.published().control;
            (control.genesis().root_key, control.genesis().floors.suites.clone())
        }
    };
    let judge = (root, now, Some(provider.identity.thumbprint()));
    let grant = offload(move || {
        let judge = Judge { root: judge.0, now: judge.1, provider: judge.2, suites: &suites };
        verify(&chain, &judge, |_| false)
    })
    .await?
    .map_err(|_| refuse())?;
    // A condition that cannot be kept must not be passed over.
    let caveats = grant.caveats();
    let kept = caveats.policy.is_none() && caveats.area.is_none();
    if kept { Ok(grant) } else { Err(Problem::Unsupported.into()) }
}

/// A counted link is good for so many openings. Spent, ended and unknown are one answer.
async fn count_use(provider: &Provider, grant: &Arc<Grant>) -> Result<(), Refusal> {
    let Some(bucket) = grant.target().bucket() else { return Ok(()) };
    let (shared, grant) = (provider.clone(), grant.clone());
    let counted = to_the_end(async move { links::spend(&shared, bucket, &grant).await });
    if counted.await? { Ok(()) } else { Err(unauthorized(provider)) }
}

/// Also a chain that was verified before may have been revoked since.
async fn still_holds(provider: &Provider, grant: &Grant) -> Result<(), Refusal> {
    let Some(bucket) = grant.target().bucket() else { return Ok(()) };
    let bucket = provider.buckets.open(bucket).await?.ok_or_else(|| unauthorized(provider))?;
    let control = bucket.published().control;
    if control.may_use(grant) { Ok(()) } else { Err(unauthorized(provider)) }
}
