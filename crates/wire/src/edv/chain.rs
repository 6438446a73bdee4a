//! The chain of a delegated zcap, judged by the walk that our own capabilities go. Comes in: a
//! zcap with its ancestors, the root it must come from, a time. Goes out: nothing, or the first
//! link that does not hold and why. Must not know: requests, stores, what was revoked.

use super::invocation::Delegation;
use super::limits::{CHAIN_LEN_MAX, SKEW_SECS};
use super::zcap::{Parent, Zcap, is_root_id, root_id};
use crate::did_key;
use crate::signature::verify_signature;
use crate::walk::{Claimed, Link, Refusal, Scheme, WalkError, Window, may_follow, walk};

/// A root as the provider makes it: it is never sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Root<'a> {
    /// The URL it is about; its id is made of it.
    pub target: &'a str,
    /// DIDs or key ids of who may use it and delegate from it.
    pub controllers: &'a [String],
}

impl<'a> Root<'a> {
    /// Its id.
    pub fn id(&self) -> String {
        root_id(self.target)
    }

    /// The one with this id.
    pub(super) fn named<'r>(roots: &'r [Root<'a>], id: &str) -> Option<&'r Root<'a>> {
        roots.iter().find(|root| is_root_id(id, root.target))
    }
}

/// Whether a URL is another one or lies below it: what follows begins with `/` or `?`, or with `&`
/// where there is a query already. `/documents` is no part of `/docs`, nor `/a` of `/ab`.
pub fn target_is_within(inner: &str, outer: &str) -> bool {
    let Some(rest) = inner.strip_prefix(outer) else { return false };
    let borders: &[char] = if outer.contains('?') { &['&'] } else { &['/', '?'] };
    rest.is_empty() || rest.starts_with(borders)
}

/// Judges a chain from the root on. `now` is in seconds since 1970.
pub(super) fn verify(zcap: &Zcap, root: &Root<'_>, now: u64) -> Result<(), WalkError> {
    let id = root.id();
    let links: Vec<_> =
        zcap.lineage().into_iter().map(|zcap| Delegated { zcap, root: &id }).collect();
    let controllers = root.controllers.to_vec();
    walk(&Zcaps { root_target: root.target }, &controllers, &links, now, |_| false)
}

/// Whether a zcap widens nothing of what it is derived from.
pub(super) fn may_be_derived(zcap: &Zcap, parent: &Parent<'_>) -> Result<(), Refusal> {
    let within = |target| {
        if target_is_within(&zcap.target, target) { Ok(()) } else { Err(Refusal::Target) }
    };
    match parent {
        Parent::RootOf(url) => within(url),
        Parent::Delegated(parent) => {
            may_follow(&Zcaps { root_target: &parent.target }, zcap, parent)
        }
    }
}

/// Every delegation of a chain, the root's own first.
pub(super) fn delegations(zcap: &Zcap) -> Vec<Delegation> {
    let delegation = |zcap: &Zcap| Delegation { delegator: delegator(zcap), id: zcap.id.clone() };
    zcap.lineage().into_iter().map(delegation).collect()
}

/// The DID whose key signed a delegation, as its proof says.
pub(super) fn delegator(zcap: &Zcap) -> String {
    let method = zcap.method();
    method.split_once('#').map_or(method, |(did, _)| did).to_owned()
}

/// One link: a zcap, and the root its chain begins with.
struct Delegated<'a> {
    zcap: &'a Zcap,
    root: &'a str,
}

impl Claimed for Zcap {
    type Holder = Vec<String>;
    type Target = String;
    type Actions = Option<Vec<String>>;

    fn holder(&self) -> Option<&Vec<String>> {
        Some(&self.controllers)
    }

    fn target(&self) -> &String {
        &self.target
    }

    fn actions(&self) -> &Option<Vec<String>> {
        &self.actions
    }

    fn window(&self) -> Window {
        Window { not_before: self.created().secs(), expires: self.expires.secs() }
    }
}

impl<'a> Link for Delegated<'a> {
    type Claims = Zcap;
    type Id = &'a str;

    fn claims(&self) -> &Zcap {
        self.zcap
    }

    fn id(&self) -> &'a str {
        &self.zcap.id
    }

    fn parent(&self) -> Option<&'a str> {
        self.zcap.proof.chain.last().map(String::as_str).filter(|parent| *parent != self.root)
    }

    /// Whether one of these controllers made the proof.
    fn is_signed_by(&self, issuers: &Vec<String>) -> bool {
        let method = self.zcap.method();
        let Some((did, key)) = did_key::parse_method_id(method) else { return false };
        issuers.iter().any(|issuer| issuer == did || issuer == method)
            && self
                .zcap
                .to_be_signed()
                .is_ok_and(|bytes| verify_signature(&key.0, &bytes, &self.zcap.proof.value))
    }
}

/// The scheme of zcaps: how targets and actions compare, and its limits.
struct Zcaps<'a> {
    root_target: &'a str,
}

/// Ties a scheme to the lifetime of its links.
impl<'a> Scheme for Zcaps<'a> {
    type Link = Delegated<'a>;

    fn chain_len_max(&self) -> usize {
        // The root is no link here.
        CHAIN_LEN_MAX - 1
    }

    fn skew_secs(&self) -> u64 {
        SKEW_SECS
    }

    fn target_is_within(&self, inner: &String, outer: &String) -> bool {
        target_is_within(inner, outer)
    }

    fn actions_are_within(&self, inner: &Option<Vec<String>>, outer: &Option<Vec<String>>) -> bool {
        match (inner, outer) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(inner), Some(outer)) => inner.iter().all(|action| outer.contains(action)),
        }
    }

    fn depth_is_smaller(&self, _: &Zcap, _: &Zcap) -> bool {
        // A chain is bounded by its length alone.
        true
    }

    /// Times to the millisecond: what is derived is not older than its parent and lives no longer.
    fn caveats_are_kept(&self, child: &Zcap, parent: &Zcap) -> Result<(), Refusal> {
        if child.expires.millis() > parent.expires.millis() {
            return Err(Refusal::Outlives);
        }
        if child.created().millis() < parent.created().millis() {
            return Err(Refusal::Parent);
        }
        Ok(())
    }

    fn holds_alone(&self, link: &Zcap) -> Result<(), Refusal> {
        let within = target_is_within(&link.target, self.root_target);
        if within { Ok(()) } else { Err(Refusal::Target) }
    }
}
