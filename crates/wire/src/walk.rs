//! The walk along a chain of delegations, the same for every scheme. Comes in: decoded links,
//! root first, the root's holder, a time and what is revoked. Goes out: nothing, or the first
//! link that does not hold and why. Must not know: encodings, HTTP, where the time is from.
//!
//! A scheme adds its parser, how its targets and actions compare, and its limits; everything a
//! scheme must not forget (that *every* link is checked, not only the last) stands here once. The
//! order per link: parent, signature by the issuer, window, life within the parent's, depth,
//! target, actions, caveats, none twice, not revoked, the link's own rules.

/// When something holds: `not_before ≤ t < expires`, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The first second.
    pub not_before: u64,
    /// The first second after it.
    pub expires: u64,
}

/// What a link says, as far as the walk judges it.
pub trait Claimed {
    /// Who may use or delegate a link: one key, or several controllers.
    type Holder;
    /// What it is about.
    type Target;
    /// What it allows.
    type Actions;

    /// Who may delegate it; none: nobody may.
    fn holder(&self) -> Option<&Self::Holder>;
    /// What it is about.
    fn target(&self) -> &Self::Target;
    /// What it allows.
    fn actions(&self) -> &Self::Actions;
    /// When it holds.
    fn window(&self) -> Window;
}

/// One link of a chain, with its name and its signature.
pub trait Link {
    /// What the link says.
    type Claims: Claimed;
    /// Its name.
    type Id: Copy + Eq;

    /// What the link says.
    fn claims(&self) -> &Self::Claims;
    /// Its name.
    fn id(&self) -> Self::Id;
    /// The link it was derived from; none: it was issued by the root.
    fn parent(&self) -> Option<Self::Id>;
    /// Whether `issuer` signed it.
    fn is_signed_by(&self, issuer: &<Self::Claims as Claimed>::Holder) -> bool;
}

type Holder<S> = <<<S as Scheme>::Link as Link>::Claims as Claimed>::Holder;
type Target<S> = <<<S as Scheme>::Link as Link>::Claims as Claimed>::Target;
type ActionsOf<S> = <<<S as Scheme>::Link as Link>::Claims as Claimed>::Actions;
type ClaimsOf<S> = <<S as Scheme>::Link as Link>::Claims;
type Id<S> = <<S as Scheme>::Link as Link>::Id;

/// How one scheme compares, and its limits.
pub trait Scheme {
    /// Its links.
    type Link: Link;

    /// Links in one chain.
    fn chain_len_max(&self) -> usize;

    /// Seconds by which clocks may differ.
    fn skew_secs(&self) -> u64 {
        0
    }

    /// Whether `inner` is `outer` or a part of it. Must compare parts, never text.
    fn target_is_within(&self, inner: &Target<Self>, outer: &Target<Self>) -> bool;

    /// Whether `inner` allows nothing that `outer` does not.
    fn actions_are_within(&self, inner: &ActionsOf<Self>, outer: &ActionsOf<Self>) -> bool;

    /// Whether the parent may still be delegated as far as the child says.
    fn depth_is_smaller(&self, child: &ClaimsOf<Self>, parent: &ClaimsOf<Self>) -> bool;

    /// Whether the child keeps its parent's conditions.
    fn caveats_are_kept(
        &self,
        child: &ClaimsOf<Self>,
        parent: &ClaimsOf<Self>,
    ) -> Result<(), Refusal>;

    /// What must hold of each link besides (audience, suite, …).
    fn holds_alone(&self, link: &ClaimsOf<Self>) -> Result<(), Refusal>;
}

/// Why a link does not hold. One closed list for all schemes; it grows at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Refusal {
    /// There is no link at all.
    #[error("the chain is empty")]
    Empty,
    /// More links than the scheme allows.
    #[error("the chain is too long")]
    TooLong,
    /// The link names another parent, or none where it needs one.
    #[error("it was not derived from the one before it")]
    Parent,
    /// The parent names nobody who could delegate it.
    #[error("what it was derived from cannot be delegated")]
    Holder,
    /// The issuer did not sign it.
    #[error("it was not signed by its issuer")]
    Signature,
    /// Its time has not come.
    #[error("it does not hold yet")]
    NotYet,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// It would hold longer than its parent.
    #[error("it outlives the one before it")]
    Outlives,
    /// It allows as many delegations as its parent, or more.
    #[error("it may be delegated too often")]
    Depth,
    /// Its target is no part of its parent's.
    #[error("its target is wider than before")]
    Target,
    /// It allows what its parent does not.
    #[error("it allows more than before")]
    Actions,
    /// A condition was dropped or loosened.
    #[error("a condition was dropped or loosened")]
    Caveats,
    /// The same link stands in the chain twice.
    #[error("it stands in the chain twice")]
    Twice,
    /// It was revoked, or its target is frozen.
    #[error("it was revoked")]
    Revoked,
    /// It is bound to another provider.
    #[error("it is bound to another provider")]
    Audience,
    /// Its suite is not in use for this target.
    #[error("its suite is not in use here")]
    Suite,
    /// An invitation was accepted for another member, or passed on as an invitation.
    #[error("an invitation is good for one acceptance by the one it names")]
    Accept,
    /// The key of one use lives too long, or may delegate.
    #[error("a key for one use lives an hour at most and delegates to nobody")]
    UseKey,
    /// It is not well-formed.
    #[error("it is not well-formed")]
    Form,
}

/// The first link that does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("capability {at} of the chain: {why}")]
pub struct WalkError {
    /// Its place, 0 for the root's.
    pub at: usize,
    /// What is wrong with it.
    pub why: Refusal,
}

/// Walks the chain. `root` is who may issue the first link, `now` is in seconds since 1970,
/// `is_revoked` says whether a link was revoked or is frozen.
pub fn walk<S: Scheme>(
    scheme: &S,
    root: &Holder<S>,
    chain: &[S::Link],
    now: u64,
    is_revoked: impl Fn(&Id<S>) -> bool,
) -> Result<(), WalkError> {
    if chain.is_empty() {
        return Err(WalkError { at: 0, why: Refusal::Empty });
    }
    // Before any signature: a chain of ten thousand costs a stranger more than us.
    if chain.len() > scheme.chain_len_max() {
        return Err(WalkError { at: scheme.chain_len_max(), why: Refusal::TooLong });
    }
    let mut parent: Option<&S::Link> = None;
    for (at, link) in chain.iter().enumerate() {
        let before = chain.get(..at).unwrap_or_default();
        step(scheme, root, before, parent, link, now)
            .and_then(|()| refuse_if(is_revoked(&link.id()), Refusal::Revoked))
            .and_then(|()| scheme.holds_alone(link.claims()))
            .map_err(|why| WalkError { at, why })?;
        parent = Some(link);
    }
    Ok(())
}

fn step<S: Scheme>(
    scheme: &S,
    root: &Holder<S>,
    before: &[S::Link],
    parent: Option<&S::Link>,
    link: &S::Link,
    now: u64,
) -> Result<(), Refusal> {
    let parent_id = parent.map(Link::id);
    refuse_if(link.parent() != parent_id, Refusal::Parent)?;
    let issuer = match parent {
        Some(parent) => parent.claims().holder().ok_or(Refusal::Holder)?,
        None => root,
    };
    refuse_if(!link.is_signed_by(issuer), Refusal::Signature)?;
    let window = link.claims().window();
    let skew = scheme.skew_secs();
    refuse_if(now.saturating_add(skew) < window.not_before, Refusal::NotYet)?;
    refuse_if(now >= window.expires.saturating_add(skew), Refusal::Expired)?;
    if let Some(parent) = parent {
        may_follow(scheme, link.claims(), parent.claims())?;
    }
    refuse_if(before.iter().any(|other| other.id() == link.id()), Refusal::Twice)
}

/// Whether `child` may be derived from `parent`, whenever and by whomever: it lives no longer, may
/// be delegated less often, and widens neither target nor actions nor caveats. What an issuer asks
/// before signing is what the verifier asks afterwards.
pub fn may_follow<S: Scheme>(
    scheme: &S,
    child: &ClaimsOf<S>,
    parent: &ClaimsOf<S>,
) -> Result<(), Refusal> {
    refuse_if(parent.holder().is_none(), Refusal::Holder)?;
    refuse_if(child.window().expires > parent.window().expires, Refusal::Outlives)?;
    refuse_if(!scheme.depth_is_smaller(child, parent), Refusal::Depth)?;
    refuse_if(!scheme.target_is_within(child.target(), parent.target()), Refusal::Target)?;
    refuse_if(!scheme.actions_are_within(child.actions(), parent.actions()), Refusal::Actions)?;
    scheme.caveats_are_kept(child, parent)
}

fn refuse_if(bad: bool, why: Refusal) -> Result<(), Refusal> {
    if bad { Err(why) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A scheme unlike ours: several controllers, paths as targets, clocks that differ, no depth.
    struct Paths;

    #[derive(Clone)]
    struct Told {
        controllers: Vec<u8>,
        target: Vec<&'static str>,
        write: bool,
        expires: u64,
    }

    thread_local! {
        /// Signatures looked at: the work of a walk.
        static LOOKED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    }

    #[derive(Clone)]
    struct Slip {
        told: Told,
        id: u8,
        parent: Option<u8>,
        signer: u8,
    }

    impl Claimed for Told {
        type Holder = Vec<u8>;
        type Target = Vec<&'static str>;
        type Actions = bool;
        fn holder(&self) -> Option<&Vec<u8>> {
            Some(&self.controllers)
        }
        fn target(&self) -> &Self::Target {
            &self.target
        }
        fn actions(&self) -> &bool {
            &self.write
        }
        fn window(&self) -> Window {
            Window { not_before: 0, expires: self.expires }
        }
    }

    impl Link for Slip {
        type Claims = Told;
        type Id = u8;
        fn claims(&self) -> &Told {
            &self.told
        }
        fn id(&self) -> u8 {
            self.id
        }
        fn parent(&self) -> Option<u8> {
            self.parent
        }
        fn is_signed_by(&self, issuer: &Vec<u8>) -> bool {
            LOOKED.set(LOOKED.get() + 1);
            issuer.contains(&self.signer)
        }
    }

    impl Scheme for Paths {
        type Link = Slip;
        fn chain_len_max(&self) -> usize {
            10
        }
        fn skew_secs(&self) -> u64 {
            300
        }
        fn target_is_within(&self, inner: &Vec<&str>, outer: &Vec<&str>) -> bool {
            inner.starts_with(outer)
        }
        fn actions_are_within(&self, inner: &bool, outer: &bool) -> bool {
            *outer || !inner
        }
        fn depth_is_smaller(&self, _: &Told, _: &Told) -> bool {
            true
        }
        fn caveats_are_kept(&self, _: &Told, _: &Told) -> Result<(), Refusal> {
            Ok(())
        }
        fn holds_alone(&self, _: &Told) -> Result<(), Refusal> {
            Ok(())
        }
    }

    const ROOT: u8 = 100;

    /// Link n names controllers n and 50 + n, and is signed by the second of the one before.
    fn slips(len: u8) -> Vec<Slip> {
        let slip = |n: u8| Slip {
            told: Told {
                controllers: vec![n, 50 + n],
                target: vec!["edvs", "1"],
                write: true,
                expires: 1_000,
            },
            id: n,
            parent: n.checked_sub(1),
            signer: if n == 0 { ROOT } else { 49 + n },
        };
        (0..len).map(slip).collect()
    }

    fn judge(chain: &[Slip], now: u64) -> Result<(), (usize, Refusal)> {
        walk(&Paths, &vec![7, ROOT], chain, now, |id| *id == 42).map_err(|e| (e.at, e.why))
    }

    #[test]
    fn another_scheme_walks_the_same_way() {
        assert_eq!(judge(&slips(10), 500), Ok(()));
        assert_eq!(judge(&[], 500), Err((0, Refusal::Empty)));
        assert_eq!(judge(&slips(11), 500), Err((10, Refusal::TooLong)));
        assert_eq!(judge(&slips(3), 1_299), Ok(()), "within the tolerance");
        assert_eq!(judge(&slips(3), 1_300), Err((0, Refusal::Expired)));
    }

    #[test]
    fn every_link_is_checked_not_only_the_last() {
        type Change = fn(&mut Slip);
        let cases: [(Refusal, Change); 6] = [
            (Refusal::Signature, |slip| slip.signer = 99),
            (Refusal::Expired, |slip| slip.told.expires = 1),
            (Refusal::Target, |slip| slip.told.target = vec!["edvs", "10"]),
            (Refusal::Parent, |slip| slip.parent = Some(77)),
            (Refusal::Revoked, |slip| slip.id = 42),
            (Refusal::Outlives, |slip| slip.told.expires = 2_000),
        ];
        for (why, change) in cases {
            for at in 1..5 {
                let mut chain = slips(5);
                change(&mut chain[at]);
                assert_eq!(judge(&chain, 500), Err((at, why)));
            }
        }
        let mut chain = slips(5);
        chain[2].told.write = false;
        assert_eq!(judge(&chain, 500), Err((3, Refusal::Actions)), "write comes back");
    }

    /// Time tells nothing on a busy machine; signatures are what a walk costs.
    #[test]
    fn a29_whatever_is_refused_costs_one_signature_a_link_at_most_and_endless_chains_none() {
        type Change = fn(&mut Vec<Slip>);
        let cases: [(&str, Change, usize); 9] = [
            ("good", |_| (), 10),
            (
                "ten thousand links",
                |chain| *chain = chain.iter().cycle().take(10_000).cloned().collect(),
                0,
            ),
            ("one link too many", |chain| chain.push(chain[9].clone()), 0),
            ("none", Vec::clear, 0),
            ("a cycle", |chain| (chain[9].id, chain[9].parent) = (1, Some(8)), 10),
            ("another root", |chain| chain[0].signer = 99, 1),
            ("another bucket", |chain| chain[5].told.target = vec!["edvs", "2"], 6),
            ("over since long", |chain| chain[2].told.expires = 1, 3),
            ("widened at the end", |chain| chain[8].told.write = false, 10),
        ];
        for (what, change, most) in cases {
            let mut chain = slips(10);
            change(&mut chain);
            LOOKED.set(0);
            assert_eq!(judge(&chain, 500).is_ok(), what == "good", "{what}");
            assert!(LOOKED.get() <= most, "{what}: {} signatures", LOOKED.get());
        }
    }

    #[test]
    fn a_cycle_ends_where_it_closes() {
        // Where ids are names and not hashes, a link can name one below itself.
        let mut chain = slips(4);
        chain[3].id = 1;
        assert_eq!(judge(&chain, 500), Err((3, Refusal::Twice)));
    }
}
