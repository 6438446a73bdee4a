//! What the rules know of one control entry. Comes in: a header and a clear part whose signatures
//! and windows were checked. Goes out: the same without bytes. Must not know: keys, encodings.

use std::sync::Arc;

use crate::capability::{Action, Actions, Element, Target};
use crate::clear::RevokeTarget;
use crate::ids::{AuthorKey, EntryId, MemberTag};

/// A verified chain of capabilities, root first; empty: the root key itself.
pub type Chain = Arc<[Element]>;

/// The last entry of a stopped author that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cutoff {
    /// The author.
    pub author: AuthorKey,
    /// The entry's number on the author's chain.
    pub seq: u64,
    /// The entry.
    pub id: EntryId,
    /// That entry if it is one of the control log, else the nearest before it on the author's
    /// chain that is.
    pub control: Option<EntryId>,
}

/// What an entry does to the control log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Founds the bucket.
    Genesis,
    /// Makes a key.
    Epoch,
    /// Carries one capability, or one and the delegation from it: the whole chain of each.
    Member(Vec<Chain>),
    /// Takes out.
    Revoke {
        /// Whom and what.
        targets: Vec<RevokeTarget>,
        /// Where each stopped author ends; one that has none counts for nothing.
        cutoffs: Vec<Cutoff>,
    },
}

/// One control entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The entry.
    pub id: EntryId,
    /// Who wrote it.
    pub author: AuthorKey,
    /// Control entries it names: its parents, its epoch, and those an epoch follows.
    pub names: Vec<EntryId>,
    /// The control entry before it on its author's chain.
    pub before: Option<EntryId>,
    /// What its author used.
    pub chain: Chain,
    /// What it does.
    pub act: Act,
}

/// How many different members stand in a chain: 0 for the root key, 1 for whom it granted.
pub fn rank(chain: &[Element]) -> usize {
    let tags = || chain.iter().map(|element| element.member);
    tags().enumerate().filter(|(at, tag)| !tags().take(*at).any(|before| before == *tag)).count()
}

/// The member a chain was granted to.
pub(super) fn member(chain: &[Element]) -> Option<MemberTag> {
    chain.last().and_then(|element| element.member)
}

/// Whether a chain is about the whole bucket, and not one document or version.
pub(super) fn is_whole(chain: &[Element]) -> bool {
    chain.last().is_some_and(|last| matches!(last.target, Target::Bucket(_)))
}

/// Whether the holder of a chain may do this. The root key may do everything.
pub(super) fn may(chain: &[Element], action: Action) -> bool {
    chain.last().is_none_or(|last| !last.caveats.accept && last.actions.contains(action))
}

/// Whether a chain is a drop's: its holder may put messages in and do nothing else.
pub fn puts_only(chain: &[Element]) -> bool {
    let append = Actions::of(&[Action::Append]);
    chain.last().is_some_and(|last| last.actions == append && !last.caveats.accept)
}

/// The element whose holder issued the last of a chain; none: the root key did.
pub fn issuer(chain: &[Element]) -> Option<&Element> {
    chain.iter().rev().nth(1)
}

impl Fact {
    /// The capability chains it carries.
    pub(super) fn carried(&self) -> &[Chain] {
        if let Act::Member(carried) = &self.act { carried } else { &[] }
    }

    /// What it revokes.
    pub(super) fn targets(&self) -> &[RevokeTarget] {
        if let Act::Revoke { targets, .. } = &self.act { targets } else { &[] }
    }

    /// Where its revoke ends an author.
    pub(super) fn cutoff(&self, author: &AuthorKey) -> Option<&Cutoff> {
        let Act::Revoke { cutoffs, .. } = &self.act else { return None };
        cutoffs.iter().find(|cutoff| cutoff.author == *author)
    }

    /// Whether its author may carry what it carries, whatever else happens: judged from the chains
    /// alone.
    pub(super) fn is_entitled(&self) -> bool {
        match &self.act {
            Act::Genesis => self.chain.is_empty(),
            Act::Epoch => may(&self.chain, Action::Rotate),
            // Every member may stop its own authors; what a revoke reaches is asked when it acts.
            Act::Revoke { .. } => self.chain.last().is_none_or(|last| !last.caveats.accept),
            Act::Member(carried) if self.names_itself(carried) => enrols(carried),
            Act::Member(carried) => {
                !carried.is_empty() && carried.iter().all(|chain| self.may_give(chain))
            }
        }
    }

    /// Whether the author may let in whom this chain ends with: with the right to, anybody;
    /// without, its own member's keys. An invitation is for somebody else: a member that invites
    /// itself could contest its own acceptance, and so take back what it did.
    fn may_give(&self, chain: &[Element]) -> bool {
        let own = member(chain).is_some() && member(chain) == member(&self.chain);
        let invites = chain.last().is_some_and(|last| last.caveats.accept);
        let right = if own { !invites } else { may(&self.chain, Action::Grant) };
        right && self.granted_by_own_key(chain)
    }

    /// Whether the entry carries the very capability its author uses.
    fn names_itself(&self, carried: &[Chain]) -> bool {
        carried.last().is_some_and(|last| !last.is_empty() && **last == *self.chain)
    }

    /// Whether a key of the author's own member, above him in his own chain, issued the last
    /// capability of this one. A key of somebody else above him will not do: a junior would write
    /// in his senior's name.
    fn granted_by_own_key(&self, chain: &[Element]) -> bool {
        if self.chain.is_empty() {
            return !chain.is_empty();
        }
        issuer(chain).is_some_and(|key| {
            key.member == member(&self.chain) && self.chain.iter().any(|own| own.id == key.id)
        })
    }
}

/// Whether an author may enrol itself with these: a member key lets a device of the same member
/// act for it, or an invited member takes a key of its own and lets its device act for that.
fn enrols(carried: &[Chain]) -> bool {
    let of_one_member =
        |chain: &Chain| issuer(chain).is_some_and(|key| key.member == member(chain));
    match carried {
        [own] => of_one_member(own) && issuer(own).is_some_and(|key| !key.caveats.accept),
        [key, own] => {
            of_one_member(key)
                && of_one_member(own)
                && issuer(key).is_some_and(|invite| invite.caveats.accept)
                && own.get(..own.len().saturating_sub(1)) == Some(&**key)
        }
        _ => false,
    }
}
