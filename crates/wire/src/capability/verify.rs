//! The verifier of our own scheme, pure and the same for provider and device. Comes in: a decoded
//! chain, the root key of its target, a time, who I am and what is revoked. Goes out: a [`Grant`],
//! which nothing else can make, or a refusal. Must not know: requests, clocks, stores.
//!
//! What it cannot judge, because it takes the bucket's control log: whether an element that allows
//! more than `pull` is carried by a valid member entry. [`Grant::elements`] tells what to look for.

use super::{Action, Actions, Capability, CapabilityChain, Caveats, Claims, Target};
use crate::ids::{CapabilityId, MemberTag, PublicKey, Thumbprint};
use crate::limits::{CHAIN_LEN_MAX, USE_KEY_AGE_MAX_SECS};
use crate::walk::{Claimed, Link, Refusal, Scheme, WalkError, Window, walk};

/// Why a chain gives no grant.
pub type VerifyError = WalkError;

/// What a verifier knows besides the chain.
#[derive(Debug, Clone, Copy)]
pub struct Judge<'a> {
    /// The root key of the target of the chain's first capability.
    pub root: PublicKey,
    /// Seconds since 1970: the clock at the first hop, the entry's hlc between replicas.
    pub now: u64,
    /// The thumbprint of this provider's key. `None` between replicas: there an element bound to
    /// a provider is judged as if it were not, because what is valid must depend on the set of
    /// entries alone, not on who looks at it.
    pub provider: Option<Thumbprint>,
    /// Suites in use for this target.
    pub suites: &'a [u8],
}

/// Our scheme: how its targets and actions compare, and its limits.
#[derive(Debug, Clone, Copy)]
pub struct Strongroom<'a> {
    provider: Option<Thumbprint>,
    suites: &'a [u8],
}

impl Strongroom<'_> {
    /// For comparing a child with its parent, where it does not matter who asks.
    pub(super) const PAIRS: Strongroom<'static> = Strongroom { provider: None, suites: &[] };
}

impl Claimed for Claims {
    type Holder = PublicKey;
    type Target = Target;
    type Actions = Actions;

    fn holder(&self) -> Option<&PublicKey> {
        self.holder.as_ref()
    }

    fn target(&self) -> &Target {
        &self.target
    }

    fn actions(&self) -> &Actions {
        &self.actions
    }

    fn window(&self) -> Window {
        Window { not_before: self.not_before.unwrap_or(0), expires: self.expires }
    }
}

impl Link for Capability {
    type Claims = Claims;
    type Id = CapabilityId;

    fn claims(&self) -> &Claims {
        &self.claims
    }

    fn id(&self) -> CapabilityId {
        self.id
    }

    fn parent(&self) -> Option<CapabilityId> {
        self.claims.parent
    }

    fn is_signed_by(&self, issuer: &PublicKey) -> bool {
        Capability::is_signed_by(self, issuer)
    }
}

impl Scheme for Strongroom<'_> {
    type Link = Capability;

    fn chain_len_max(&self) -> usize {
        CHAIN_LEN_MAX
    }

    fn target_is_within(&self, inner: &Target, outer: &Target) -> bool {
        outer.contains(inner)
    }

    fn actions_are_within(&self, inner: &Actions, outer: &Actions) -> bool {
        inner.is_within(*outer)
    }

    fn depth_is_smaller(&self, child: &Claims, parent: &Claims) -> bool {
        child.depth < parent.depth
    }

    fn caveats_are_kept(&self, child: &Claims, parent: &Claims) -> Result<(), Refusal> {
        if !child.caveats.are_as_tight_as(&parent.caveats) {
            return Err(Refusal::Caveats);
        }
        if parent.caveats.accept {
            // The one thing an invite key is good for: a member key of the member it names.
            let accepts = child.member == parent.member
                && child.holder.is_some_and(|holder| parent.holder != Some(holder))
                && !child.caveats.accept;
            if !accepts {
                return Err(Refusal::Accept);
            }
        }
        if parent.caveats.uses.is_some() {
            let age = child.not_before.map(|from| child.expires.saturating_sub(from));
            let short = age.is_some_and(|age| age <= USE_KEY_AGE_MAX_SECS);
            let fresh = child.holder.is_some_and(|holder| parent.holder != Some(holder));
            if !short || !fresh || child.depth != 0 {
                return Err(Refusal::UseKey);
            }
        }
        Ok(())
    }

    fn holds_alone(&self, link: &Claims) -> Result<(), Refusal> {
        if !self.suites.contains(&link.suite) {
            return Err(Refusal::Suite);
        }
        match (link.audience, self.provider) {
            (Some(audience), Some(me)) if audience != me => Err(Refusal::Audience),
            _ => Ok(()),
        }
    }
}

/// Verifies a chain. `is_revoked` says whether a capability was revoked or is frozen; it is asked
/// for every element.
pub fn verify(
    chain: &CapabilityChain,
    judge: &Judge<'_>,
    is_revoked: impl Fn(&CapabilityId) -> bool,
) -> Result<Grant, VerifyError> {
    let scheme = Strongroom { provider: judge.provider, suites: judge.suites };
    walk(&scheme, &judge.root, chain.capabilities(), judge.now, is_revoked)?;
    Grant::of(judge.root, chain).ok_or(WalkError { at: 0, why: Refusal::Empty })
}

/// One verified element of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element {
    /// The capability.
    pub id: CapabilityId,
    /// The key that issued it.
    pub issuer: PublicKey,
    /// The key that may use or delegate it.
    pub holder: Option<PublicKey>,
    /// The member it is granted to.
    pub member: Option<MemberTag>,
    /// What it allows.
    pub actions: Actions,
    /// What it is about.
    pub target: Target,
    /// Its conditions. A quota counts for this element and all below it.
    pub caveats: Caveats,
    /// When it ends, seconds since 1970.
    pub expires: u64,
}

/// One use of a counted link, opened with a fresh key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UseKey {
    /// The capability whose uses are counted.
    pub counted: CapabilityId,
    /// How many different use keys it allows.
    pub uses: u64,
    /// This use's key. The same key again is no new use.
    pub key: PublicKey,
}

/// What a verified chain allows. Only [`verify`] makes one.
///
/// It holds from [`Grant::not_before`] until [`Grant::expires`] or the next revoke of one of
/// [`Grant::elements`], whichever is first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    elements: Vec<Element>,
    last: Element,
    window: Window,
    rank: usize,
}

impl Grant {
    fn of(root: PublicKey, chain: &CapabilityChain) -> Option<Self> {
        let mut issuer = Some(root);
        let mut elements: Vec<Element> = Vec::with_capacity(chain.capabilities().len());
        let mut window = Window { not_before: 0, expires: u64::MAX };
        for capability in chain.capabilities() {
            let claims = capability.claims();
            elements.push(Element {
                id: capability.id(),
                issuer: issuer?,
                holder: claims.holder,
                member: claims.member,
                actions: claims.actions,
                target: claims.target,
                caveats: claims.caveats,
                expires: claims.expires,
            });
            window.not_before = window.not_before.max(claims.not_before.unwrap_or(0));
            window.expires = window.expires.min(claims.expires);
            issuer = claims.holder;
        }
        let mut members: Vec<_> = elements.iter().filter_map(|element| element.member).collect();
        members.sort_unstable();
        members.dedup();
        Some(Self { last: *elements.last()?, rank: members.len(), elements, window })
    }

    /// Whether it allows this action on this target. An invitation allows none (see
    /// [`Grant::is_invitation`]), nor does a counted link without a use key. Who may pull one
    /// document may pull the control log: without it nobody could judge that document.
    pub fn allows(&self, action: Action, target: &Target) -> bool {
        let spent = !self.is_invitation() && !self.needs_use_key();
        spent && self.actions().contains(action) && self.covers(action, target)
    }

    fn covers(&self, action: Action, target: &Target) -> bool {
        let log = action == Action::Pull
            && target.bucket() == self.last.target.bucket()
            && target.document().is_some_and(|document| document.is_zero());
        log || self.last.target.contains(target)
    }

    /// What the last element allows.
    pub const fn actions(&self) -> Actions {
        self.last.actions
    }

    /// What the last element is about.
    pub const fn target(&self) -> &Target {
        &self.last.target
    }

    /// The one key that may use it; none: anyone may.
    pub const fn holder(&self) -> Option<PublicKey> {
        self.last.holder
    }

    /// Whether a request or entry signed by this key may use it.
    pub fn may_be_used_by(&self, key: &PublicKey) -> bool {
        self.last.holder.is_none_or(|holder| holder == *key)
    }

    /// The member it was granted to; none for a vault, and where it is for anyone.
    pub const fn member(&self) -> Option<MemberTag> {
        self.last.member
    }

    /// The last element: what an entry names as the capability it uses.
    pub const fn capability(&self) -> CapabilityId {
        self.last.id
    }

    /// The conditions, tightened along the chain. Quotas count per element: see
    /// [`Grant::elements`].
    pub const fn caveats(&self) -> &Caveats {
        &self.last.caveats
    }

    /// The latest `nbf` of all elements, in seconds since 1970.
    pub const fn not_before(&self) -> u64 {
        self.window.not_before
    }

    /// The earliest `exp` of all elements, in seconds since 1970.
    pub const fn expires(&self) -> u64 {
        self.window.expires
    }

    /// Whether it still holds at this second, as far as time goes.
    pub const fn holds_at(&self, now: u64) -> bool {
        self.window.not_before <= now && now < self.window.expires
    }

    /// How many different member tags stand in the chain. The root key has rank 0.
    pub const fn rank(&self) -> usize {
        self.rank
    }

    /// All elements, root first.
    pub fn elements(&self) -> &[Element] {
        &self.elements
    }

    /// The ids of all elements, root first.
    pub fn ids(&self) -> impl Iterator<Item = CapabilityId> {
        self.elements.iter().map(|element| element.id)
    }

    /// Whether this capability is one of its elements.
    pub fn names(&self, id: &CapabilityId) -> bool {
        self.elements.iter().any(|element| element.id == *id)
    }

    /// Whether the chain ends in an invitation: its holder may put the one member entry that
    /// accepts it, and nothing else.
    pub const fn is_invitation(&self) -> bool {
        self.last.caveats.accept
    }

    /// Whether the chain ends in a counted link itself: its holder must first delegate to a fresh
    /// key.
    pub fn needs_use_key(&self) -> bool {
        self.last.caveats.uses.is_some() && self.use_key().is_none()
    }

    /// The use this chain stands for, if it goes through a counted link.
    pub fn use_key(&self) -> Option<UseKey> {
        let (last, before) = self.elements.split_last()?;
        let counted = before.last()?;
        Some(UseKey { counted: counted.id, uses: counted.caveats.uses?, key: last.holder? })
    }
}
