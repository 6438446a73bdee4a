//! The gate of EDV vaults. Comes in: a request. Goes out: a [`Signed`] one, whose head somebody
//! signed; from that a vault it may act on, and the body that was signed. Must not know: what is
//! asked for.
//!
//! The signature is checked from the head alone, before a byte of the body is read; the body is
//! compared with its digest, which the signature covers. Every failure is one 403.

use std::net::IpAddr;
use std::slice;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::body::Body;
use axum::extract::{FromRequest, OriginalUri};
use http::uri::Authority;
use http::{HeaderMap, Request, Uri};
use strongroom_wire::edv::Denied;
use strongroom_wire::edv::chain::Root;
use strongroom_wire::edv::ids::LocalId;
use strongroom_wire::edv::invocation::{Authorized, Expected, Invocation};
use strongroom_wire::edv::limits::SKEW_SECS;
use strongroom_wire::edv::signature::{self, Origin};
use strongroom_wire::http_signature::BodyCheck;

use super::failure::{Failure, Kind};
use super::open::OpenVault;
use super::seen::Claim;
use super::{Base, Edv, EdvPolicy, revocations, rows, vaults};
use crate::body::{self, Held};
use crate::gate::{one, peer_of};
use crate::listener::Peer;
use crate::provider::Provider;
use crate::rates::network;
use crate::store::{now_secs, offload};

/// The header with a token, where a provider asks for one.
const TOKEN_FIELD: &str = "strongroom-token";

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing changes.
    Read,
    /// Something does.
    Write,
}

impl Action {
    const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// A request whose head was signed by the key it names. What that key may is still to be asked.
pub struct Signed {
    /// Its fields.
    pub headers: HeaderMap,
    invocation: Arc<Invocation>,
    base: Arc<Base>,
    /// The whole URL with its query, as capabilities name it.
    url: String,
    peer: Peer,
    check: BodyCheck,
    // In a lock only so that a reference to a request may cross threads: a body may not.
    body: Mutex<Body>,
    provider: Provider,
}

impl FromRequest<Provider> for Signed {
    type Rejection = Failure;

    async fn from_request(request: Request<Body>, provider: &Provider) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        let peer = peer_of(&parts)?;
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
        let target = uri.path_and_query().map_or("", |it| it.as_str());
        let base = provider.edv.base()?.clone();
        let header = |name: &str| field(&parts.headers, uri, name);
        let method = parts.method.as_str();
        let head = signature::Request { method, target, header: &header, body: None };
        let origin = Origin { scheme: base.scheme, host: &base.host };
        let keys = &provider.edv.keys;
        let (invocation, sha256) =
            signature::verify_head(&head, &origin, now_secs(), keys).map_err(deny)?;
        Ok(Self {
            invocation: Arc::new(invocation),
            url: base.url(target),
            base,
            peer,
            check: BodyCheck { sha256, blake3: None },
            body: Mutex::new(body),
            provider: provider.clone(),
            headers: parts.headers,
        })
    }
}

/// A field that came once. HTTP/2 says the host elsewhere.
fn field<'a>(headers: &'a HeaderMap, uri: &'a Uri, name: &str) -> Option<&'a str> {
    let found = one(headers, name).ok()?;
    let host = || uri.authority().filter(|_| name == "host").map(Authority::as_str);
    found.or_else(host)
}

/// The one answer. The reason is for the operator, who compares clocks and names.
fn deny(reason: Denied) -> Failure {
    tracing::debug!(%reason, "an EDV request was not allowed");
    Failure::denied()
}

/// Whether what was invoked allows this.
fn judge(
    invocation: &Invocation,
    roots: &[(&str, &[String])],
    target: &str,
    action: &str,
) -> Result<Authorized, Denied> {
    let roots = roots.iter().map(|(target, controllers)| Root { target, controllers });
    let roots: Vec<_> = roots.collect();
    invocation.authorize(&Expected { roots: &roots, target, action }, now_secs())
}

impl Signed {
    /// The URL of all vaults.
    pub fn collection(&self) -> String {
        self.base.url("/edvs")
    }

    /// The body, of at most `max` bytes, as it was signed. It comes once.
    pub async fn body(&self, max: usize) -> Result<Held, Failure> {
        let announced = body::announced(&self.headers)?;
        let (rooms, tuning) = (&self.provider.bodies, &self.provider.config.tuning);
        let body = {
            let mut body = self.body.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *body)
        };
        Ok(body::read(rooms, tuning, body, announced, max, self.check).await?)
    }

    /// The vault of this local id, for this action.
    pub async fn vault(&self, edv: &str, action: Action) -> Result<OpenVault, Failure> {
        self.vault_or(edv, action, None).await
    }

    /// The same, where another root than the vault's is good for the request as well.
    pub async fn vault_or(
        &self,
        edv: &str,
        action: Action,
        other: Option<(&str, &[String])>,
    ) -> Result<OpenVault, Failure> {
        let id = LocalId::parse(edv)?;
        let stored = vaults::read(&self.provider, id)?;
        let stored = stored.ok_or(Failure::not_found("No such vault."))?;
        if !stored.config.admits(self.peer.address.ip()) {
            return Err(Failure::denied());
        }
        // An id has one spelling.
        let url = [&self.collection(), "/", edv].concat();
        let own = (url.as_str(), slice::from_ref(&stored.config.controller));
        let authorized = match other {
            None => self.authorize(&[own], action).await?,
            Some(other) => self.authorize(&[own, other], action).await?,
        };
        let delegations = authorized.delegations().iter();
        let unrevoked: Vec<_> =
            delegations.map(|it| rows::revocation(id, &it.delegator, &it.id)).collect();
        if !unrevoked.is_empty() && revocations::any(&*self.provider.store.rows, &unrevoked)? {
            return Err(Failure::denied());
        }
        let live = Edv::live(&self.provider, id).await?;
        Ok(OpenVault::new((id, url), stored, live, unrevoked))
    }

    /// Whether a controller may do this with all vaults that are its own.
    pub async fn by_controller(&self, controller: &str, action: Action) -> Result<(), Failure> {
        let (all, controllers) = (self.collection(), [controller.to_owned()]);
        self.authorize(&[(&all, &controllers)], action).await.map(drop)
    }

    async fn authorize(
        &self,
        roots: &[(&str, &[String])],
        action: Action,
    ) -> Result<Authorized, Failure> {
        let action = action.name();
        if self.invocation.is_of_root() {
            return judge(&self.invocation, roots, &self.url, action).map_err(deny);
        }
        // A chain takes a signature and a canonical form for each of its members.
        let (invocation, url) = (self.invocation.clone(), self.url.clone());
        let owned = roots.iter().map(|(target, all)| ((*target).to_owned(), all.to_vec()));
        let owned: Vec<_> = owned.collect();
        let judged = offload(move || {
            let roots = owned.iter().map(|(target, all)| (target.as_str(), all.as_slice()));
            judge(&invocation, &roots.collect::<Vec<_>>(), &url, action)
        });
        judged.await?.map_err(deny)
    }

    /// Whether the provider's policy lets this controller open a vault.
    pub fn may_create(&self, controller: &str) -> Result<(), Failure> {
        const CLOSED: Failure =
            Failure::new(Kind::NotAllowed, "This provider opens no vault for you.");
        let edv = &self.provider.edv;
        let allowed = match &edv.policy {
            EdvPolicy::Closed => false,
            EdvPolicy::Open => {
                let from: IpAddr = network(self.peer.address.ip());
                if !edv.creations.take(&from, Instant::now()) {
                    return Err(Failure::new(Kind::Rate, "Too many vaults: try again later."));
                }
                true
            }
            EdvPolicy::Listed(controllers) => controllers.iter().any(|own| own == controller),
            EdvPolicy::Token(tokens) => {
                // Compared by their hashes, so that the time taken tells nothing of them.
                let given = one(&self.headers, TOKEN_FIELD).ok().flatten();
                let given = given.map(|it| blake3::hash(it.trim().as_bytes()));
                let known = |own: &String| Some(blake3::hash(own.as_bytes())) == given;
                tokens.iter().any(known)
            }
        };
        if allowed { Ok(()) } else { Err(CLOSED) }
    }

    /// Takes the request's signature: it is carried out once. For what expects no sequence of its
    /// own, and would bring back what was replaced.
    pub fn once(&self) -> Result<Claim<'_>, Failure> {
        // What was signed before this process began it may have carried out, and cannot remember.
        if self.invocation.created() < self.provider.started {
            let what = "This server began anew since that was signed: sign it again.";
            return Err(Failure::new(Kind::InvalidState, what));
        }
        let until = self.invocation.expires().saturating_add(SKEW_SECS);
        let claim = self.provider.edv.seen.claim(self.invocation.signature(), until, now_secs());
        claim.ok_or(Failure::new(Kind::InvalidState, "This request was carried out before."))
    }

    /// The whole URL of the request.
    pub fn url(&self) -> &str {
        &self.url
    }
}
