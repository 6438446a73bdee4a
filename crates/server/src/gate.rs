//! The gate. Comes in: the head of a request. Goes out: a [`Call`], which nothing else can make:
//! who asks, in which session, and what the body must be. Must not know: what is asked for.
//!
//! Everything is decided from the head, before a byte of the body is read. Every failure is one
//! 401 that says no more than the provider's time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::FromRequest;
use http::request::Parts;
use http::{HeaderMap, Request};
use strongroom_wire::capability::{Action, Grant, Target};
use strongroom_wire::frame::Area;
use strongroom_wire::http_signature::{
    BodyCheck, CAPABILITY_FIELD, CAPABILITY_HASH_FIELD, CONTENT_DIGEST_FIELD, CapabilityField,
    RequestParts, SIGNATURE_FIELD, SIGNATURE_INPUT_FIELD, Signed, parse,
};
use strongroom_wire::ids::{BucketId, VaultTag};
use strongroom_wire::problem::Problem;

use crate::body::{self, Held};
use crate::buckets::Bucket;
use crate::listener::Peer;
use crate::provider::Provider;
use crate::refusal::{Member, Refusal};
use crate::sessions::Open;
use crate::store::now_secs;

/// A body that took so long is asked about again: who was let in may be out by now.
const LONG_ON_ITS_WAY: Duration = Duration::from_secs(1);

/// A request in an open session, let through once. Its body is still on the wire.
pub struct Call {
    /// The session.
    pub session: Arc<Open>,
    /// Who sent it, over what.
    pub peer: Peer,
    /// Its fields.
    pub headers: HeaderMap,
    check: BodyCheck,
    // In a lock only so that a reference to a call may cross threads: a body may not.
    body: Mutex<Body>,
    provider: Provider,
}

impl FromRequest<Provider> for Call {
    type Rejection = Refusal;

    async fn from_request(request: Request<Body>, provider: &Provider) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let peer = peer_of(&parts)?;
        let Signed::Session(mac) = read_signature(&parts, peer, provider)? else {
            return Err(unauthorized(provider));
        };
        let session = provider.sessions.find(mac.session());
        let session = session.ok_or_else(|| unauthorized(provider))?;
        session.admit(&mac, now_secs()).map_err(|_| unauthorized(provider))?;
        let check = *mac.body();
        let provider = provider.clone();
        Ok(Self { session, peer, headers: parts.headers, check, body: Mutex::new(body), provider })
    }
}

impl Call {
    /// The body, of at most `max` bytes, as it was signed. Where it was long on its way, its sender
    /// must still be let in when it is here.
    pub async fn body(self, max: usize) -> Result<Held, Refusal> {
        let announced = body::announced(&self.headers)?;
        let (rooms, tuning) = (&self.provider.bodies, &self.provider.config.tuning);
        let body = self.body.into_inner().unwrap_or_else(PoisonError::into_inner);
        let began = Instant::now();
        let held = body::read(rooms, tuning, body, announced, max, self.check).await?;
        if began.elapsed() >= LONG_ON_ITS_WAY {
            still_in(&self.provider, &self.session).await?;
        }
        Ok(held)
    }

    /// BLAKE3 of the body, where the URI names it. [`Call::body`] compares the two.
    pub const fn body_hash(&self) -> Option<[u8; 32]> {
        self.check.blake3
    }

    /// What the session is good for.
    pub fn grant(&self) -> Result<&Arc<Grant>, Refusal> {
        self.session.grant.as_ref().ok_or_else(|| Problem::Forbidden.into())
    }

    /// The vault the session may act for.
    pub fn vault(&self) -> Result<VaultTag, Refusal> {
        let grant = self.grant()?;
        let vault = grant.target().vault().ok_or(Problem::Forbidden)?;
        let allowed = grant.allows(Action::Host, &Target::Vault(vault));
        if allowed { Ok(vault) } else { Err(Problem::Forbidden.into()) }
    }

    /// The bucket, for one of these actions on the whole of it.
    pub async fn bucket(&self, id: BucketId, actions: &[Action]) -> Result<Arc<Bucket>, Refusal> {
        whole(&self.provider, &self.session, id, actions).await
    }

    /// The bucket, for one of these actions on the part of it that the chain is about: who asks for
    /// it must look at nothing else. A session whose chain was revoked ends here, before anything
    /// is read.
    pub async fn part(
        &self,
        id: BucketId,
        actions: &[Action],
    ) -> Result<(Arc<Bucket>, Area), Refusal> {
        part(&self.provider, &self.session, id, actions).await
    }
}

/// Whether a session has neither ended nor lost what it stands on.
async fn still_in(provider: &Provider, session: &Open) -> Result<(), Refusal> {
    if session.is_over(now_secs()) {
        return Err(unauthorized(provider));
    }
    let Some(grant) = &session.grant else { return Ok(()) };
    let Some(id) = grant.target().bucket() else { return Ok(()) };
    let Some(bucket) = provider.buckets.open(id).await? else { return Ok(()) };
    if bucket.published().control.may_use(grant) {
        return Ok(());
    }
    provider.sessions.end(session);
    Err(unauthorized(provider))
}

/// The bucket, where this session may do one of these with the whole of it.
pub async fn whole(
    provider: &Provider,
    session: &Open,
    id: BucketId,
    actions: &[Action],
) -> Result<Arc<Bucket>, Refusal> {
    let (bucket, area) = part(provider, session, id, actions).await?;
    if area == Area::Bucket { Ok(bucket) } else { Err(Problem::Forbidden.into()) }
}

async fn part(
    provider: &Provider,
    session: &Open,
    id: BucketId,
    actions: &[Action],
) -> Result<(Arc<Bucket>, Area), Refusal> {
    let grant = session.grant.as_ref().ok_or(Problem::Forbidden)?;
    let target = grant.target();
    if target.bucket() != Some(id) {
        return Err(Problem::Forbidden.into());
    }
    let bucket = provider.buckets.open(id).await?;
    // The session was opened on this bucket, so it was here.
    let bucket = bucket.ok_or_else(|| unauthorized(provider))?;
    let control = bucket.published().control;
    if !control.may_use(grant) {
        provider.sessions.end(session);
        return Err(unauthorized(provider));
    }
    let pull_only = control.is_deactivated();
    let may =
        |action: &Action| grant.allows(*action, target) && (!pull_only || *action == Action::Pull);
    let area = Area::of(target).ok_or(Problem::Forbidden)?;
    if actions.iter().any(may) { Ok((bucket, area)) } else { Err(Problem::Forbidden.into()) }
}

/// The 401 of all cases. It tells the time, because a wrong clock is the one cause a person can
/// mend.
pub fn unauthorized(provider: &Provider) -> Refusal {
    provider.metrics.requests_unauthorized.one();
    Refusal::from(Problem::Unauthorized)
        .with(Member::Time, now_secs())
        .with(Member::Started, provider.started)
}

/// The other end of the connection.
pub fn peer_of(parts: &Parts) -> Result<Peer, Refusal> {
    parts.extensions.get::<Peer>().copied().ok_or_else(|| Problem::Internal.into())
}

/// Reads the signature fields of a request; what they claim is not verified yet.
pub fn read_signature(parts: &Parts, peer: Peer, provider: &Provider) -> Result<Signed, Refusal> {
    let refuse = || unauthorized(provider);
    let uri = target_uri(parts, peer, provider).ok_or_else(refuse)?;
    let headers = &parts.headers;
    let field = |name| one(headers, name).map_err(|()| refuse());
    let capability = match (field(CAPABILITY_FIELD)?, field(CAPABILITY_HASH_FIELD)?) {
        (Some(chain), None) => Some(CapabilityField::Chain(chain)),
        (None, Some(hash)) => Some(CapabilityField::Hash(hash)),
        (None, None) => None,
        (Some(_), Some(_)) => return Err(refuse()),
    };
    let request = RequestParts {
        method: parts.method.as_str(),
        target_uri: &uri,
        content_digest: field(CONTENT_DIGEST_FIELD)?,
        capability,
    };
    let input = field(SIGNATURE_INPUT_FIELD)?.ok_or_else(refuse)?;
    let signature = field(SIGNATURE_FIELD)?.ok_or_else(refuse)?;
    parse(&request, input, signature).map_err(|_| refuse())
}

/// A field that came once, or not at all.
pub fn one<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, ()> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(());
    }
    value.to_str().map(Some).map_err(|_| ())
}

/// The URI as the client addressed it. The authority must be one of this provider's own: a
/// signature made for another host is none for this one.
fn target_uri(parts: &Parts, peer: Peer, provider: &Provider) -> Option<String> {
    let scheme = if peer.exporter.is_some() { "https" } else { "http" };
    let authority = match parts.uri.authority() {
        Some(authority) => authority.as_str(),
        None => one(&parts.headers, "host").ok()??,
    };
    let path = parts.uri.path_and_query()?.as_str();
    let origin = [scheme, "://", authority].concat();
    provider.is_own_origin(&origin).then(|| origin + path)
}
