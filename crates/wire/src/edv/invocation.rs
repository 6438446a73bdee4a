//! The invocation of a capability. Comes in: a stranger's `capability-invocation` header. Goes
//! out: what is invoked and for what; after [`Invocation::authorize`] that it is allowed, and which
//! delegations must still be looked for among the revoked. Must not know: how it was signed,
//! stores, clocks.

use base64ct::{Base64UrlUnpadded, Encoding};

use super::chain::{self, Root};
use super::limits::{ACTION_LEN_MAX, INVOCATION_LEN_MAX, SKEW_SECS, URL_LEN_MAX, ZCAP_LEN_MAX};
use super::signature::Capability;
use super::zcap::{Zcap, is_action, is_iri, root_id};
use super::{Denied, gzip, params};
use crate::ids::PublicKey;

/// What a header invokes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invoked {
    /// A root, by its id. It is never sent: the provider makes it.
    Root(String),
    /// A delegated one.
    Delegated(Box<Zcap>),
}

impl Invoked {
    /// Reads `zcap id="…",action="…"` or `zcap capability="…",action="…"` into what is invoked and
    /// the action. What unpacks to more than its limit is refused before it is unpacked.
    pub fn parse(header: &str) -> Option<(Self, String)> {
        if header.len() > INVOCATION_LEN_MAX {
            return None;
        }
        let params = params::parse(header, "zcap")?;
        let action = params::of(&params, "action").filter(|action| is_action(action))?;
        let invoked =
            match (params.len(), params::of(&params, "id"), params::of(&params, "capability")) {
                (2, Some(id), None) => {
                    let root = id.starts_with("urn:zcap:root:") && id.len() <= 3 * URL_LEN_MAX;
                    root.then(|| Self::Root(id.to_owned()))?
                }
                (2, None, Some(packed)) => {
                    let packed = packed.trim_end_matches('=');
                    let packed = Base64UrlUnpadded::decode_vec(packed).ok()?;
                    let json = gzip::unpack(&packed, ZCAP_LEN_MAX)?;
                    Self::Delegated(Box::new(Zcap::parse(&json).ok()?))
                }
                _ => return None,
            };
        Some((invoked, action.to_owned()))
    }

    /// Writes the header; `None` if action or URL cannot stand in it.
    pub(super) fn header(capability: &Capability<'_>, action: &str) -> Option<String> {
        if !is_action(action) {
            return None;
        }
        let invoked = match capability {
            Capability::RootOf(url) => is_iri(url).then(|| format!(r#"id="{}""#, root_id(url)))?,
            Capability::Delegated(zcap) => {
                let packed = gzip::pack(zcap.to_json().as_bytes());
                format!(r#"capability="{}""#, Base64UrlUnpadded::encode_string(&packed))
            }
        };
        let header = format!(r#"zcap {invoked},action="{action}""#);
        (header.len() <= INVOCATION_LEN_MAX).then_some(header)
    }
}

/// A request's invocation whose signature was checked. Only [`super::signature::verify`] makes
/// one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    pub(super) key: PublicKey,
    pub(super) did: String,
    pub(super) key_id: String,
    pub(super) created: u64,
    pub(super) expires: u64,
    pub(super) signature: [u8; 64],
    pub(super) invoked: Invoked,
    pub(super) action: String,
}

/// What a request needs.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Roots that are good for it; the one that was invoked, or delegated from, counts.
    pub roots: &'a [Root<'a>],
    /// The whole URL of the request with its query.
    pub target: &'a str,
    /// `read` or `write`.
    pub action: &'a str,
}

/// One delegation, as it is looked for among the revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation {
    /// The DID whose key signed it.
    pub delegator: String,
    /// The id of the delegated zcap: a name its delegator chose.
    pub id: String,
}

/// A request that is allowed, as far as can be said without a store: **none of
/// [`Authorized::delegations`] may have been revoked**. Only [`Invocation::authorize`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorized {
    invoker: String,
    root: String,
    delegations: Vec<Delegation>,
}

impl Invocation {
    /// Whose key signed the request.
    pub const fn key(&self) -> PublicKey {
        self.key
    }

    /// The DID of that key.
    pub fn did(&self) -> &str {
        &self.did
    }

    /// When it was signed, seconds since 1970, by the signer's clock.
    pub const fn created(&self) -> u64 {
        self.created
    }

    /// The signature. Together with [`Invocation::expires`] it tells a request from its replay.
    pub const fn signature(&self) -> &[u8; 64] {
        &self.signature
    }

    /// When the signature runs out by the signer's clock, in seconds since 1970.
    pub const fn expires(&self) -> u64 {
        self.expires
    }

    /// Whether a root is invoked: then no chain has to be judged.
    pub const fn is_of_root(&self) -> bool {
        matches!(self.invoked, Invoked::Root(_))
    }

    /// Whether the invoked capability allows the request. `now` is in seconds since 1970.
    pub fn authorize(&self, expected: &Expected<'_>, now: u64) -> Result<Authorized, Denied> {
        if self.action != expected.action || self.action.len() > ACTION_LEN_MAX {
            return Err(Denied::Action);
        }
        match &self.invoked {
            Invoked::Root(id) => self.authorize_root(id, expected),
            Invoked::Delegated(zcap) => self.authorize_delegated(zcap, expected, now),
        }
    }

    fn authorize_root(&self, id: &str, expected: &Expected<'_>) -> Result<Authorized, Denied> {
        let root = Root::named(expected.roots, id).ok_or(Denied::Root)?;
        if !chain::target_is_within(expected.target, root.target) {
            return Err(Denied::Target);
        }
        if !self.is_controller(root.controllers) {
            return Err(Denied::Controller);
        }
        Ok(self.authorized(root, Vec::new()))
    }

    fn authorize_delegated(
        &self,
        zcap: &Zcap,
        expected: &Expected<'_>,
        now: u64,
    ) -> Result<Authorized, Denied> {
        let root = Root::named(expected.roots, zcap.root()).ok_or(Denied::Root)?;
        // What is cheap comes before the signatures of a chain.
        if !zcap.allows(&self.action) {
            return Err(Denied::Action);
        }
        if !chain::target_is_within(expected.target, zcap.target()) {
            return Err(Denied::Target);
        }
        if !self.is_controller(zcap.controllers()) {
            return Err(Denied::Controller);
        }
        if self.created.saturating_add(SKEW_SECS) < zcap.created().secs() {
            return Err(Denied::Time);
        }
        chain::verify(zcap, root, now).map_err(Denied::Chain)?;
        Ok(self.authorized(root, chain::delegations(zcap)))
    }

    /// Whether the key, or its DID, is one of these.
    fn is_controller(&self, controllers: &[String]) -> bool {
        controllers.iter().any(|own| *own == self.did || *own == self.key_id)
    }

    fn authorized(&self, root: &Root<'_>, delegations: Vec<Delegation>) -> Authorized {
        let (invoker, root) = (self.did.clone(), root.target.to_owned());
        Authorized { invoker, root, delegations }
    }
}

impl Authorized {
    /// The DID of who invoked.
    pub fn invoker(&self) -> &str {
        &self.invoker
    }

    /// The URL of the root that counted.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// What must not be among the revoked, the root's own delegation first. Empty where the root
    /// itself was invoked.
    pub fn delegations(&self) -> &[Delegation] {
        &self.delegations
    }
}
