//! Whether an entry counts. Comes in: an entry as the rules see it, and which revokes are to be
//! heard. Goes out: yes or no. Must not know: in which order anything arrived.
//!
//! Nothing here is circular: whether a revoke stands looks at revokes of seniors and then at its
//! own past; whether an entry holds looks at its past alone.

use std::collections::{BTreeMap, BTreeSet};

use super::Rules;
use super::bits::Bits;
use super::fact::{Chain, Cutoff, issuer, may, member, rank};
use crate::capability::{Action, Element};
use crate::clear::RevokeTarget;
use crate::ids::{AuthorKey, CapabilityId, MemberTag};

/// Which revokes are heard.
#[derive(Clone, Copy)]
pub(super) enum Heard {
    /// All that stand.
    Standing,
    /// Those that judge this revoke: of seniors, seen or not, and of its own rank in its past.
    Above(u32),
}

/// Where an entry stands.
#[derive(Clone, Copy)]
pub(super) enum At<'a> {
    /// In the control log.
    Log(u32),
    /// On its author's chain, beside the log: tells whether it is on the chain a cutoff ends.
    Beside(&'a dyn Fn(&Cutoff) -> bool),
}

/// An entry, as it is judged.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub at: At<'a>,
    pub author: &'a AuthorKey,
    pub chain: &'a [Element],
    pub carried: &'a [Chain],
    pub past: &'a Bits,
}

impl<'a> Subject<'a> {
    /// Everything that must be carried for it to count.
    fn elements(&self) -> impl Iterator<Item = &'a Element> + use<'a> {
        self.chain.iter().chain(self.carried.iter().flat_map(|chain| chain.iter()))
    }

    /// Everything a revoke could name to take this entry out.
    fn names(&self) -> Vec<RevokeTarget> {
        let mut names = vec![RevokeTarget::Author(*self.author)];
        let keys = self.carried.iter().flat_map(|chain| issuing(chain));
        names.extend(keys.filter_map(|key| key.holder.map(RevokeTarget::MemberKey)));
        for element in self.carried.iter().flat_map(|chain| chain.iter()).chain(self.chain) {
            names.push(RevokeTarget::Capability(element.id));
            names.extend(element.member.map(RevokeTarget::Member));
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    fn is(&self, place: u32) -> bool {
        matches!(self.at, At::Log(at) if at == place)
    }

    fn is_in(&self, past: &Bits) -> bool {
        matches!(self.at, At::Log(at) if past.contains(at))
    }
}

impl Rules {
    /// Whether the author of this revoke had the right to write it.
    pub(super) fn has_right(&self, revoke: u32) -> bool {
        let Some(subject) = self.subject(revoke) else { return false };
        let heard = Heard::Above(revoke);
        if self.doubted.contains(revoke) {
            return false;
        }
        // What it rests on, each after what it rests on itself: by hand, not by recursion, because
        // an adversary may make that chain as long as the log.
        let mut needed = BTreeSet::new();
        let mut open = vec![revoke];
        while let Some(place) = open.pop() {
            let Some(subject) = self.subject(place) else { continue };
            for element in subject.elements() {
                for carrier in self.carriers_for(&subject, element.id) {
                    if carrier != place && needed.insert(carrier) {
                        open.push(carrier);
                    }
                }
            }
        }
        let mut known = BTreeMap::new();
        for place in needed {
            let holds = self.subject(place).is_some_and(|subject| {
                let counts = |carrier: u32| known.get(&carrier) == Some(&true);
                self.holds(&subject, heard, &counts)
            });
            known.insert(place, holds);
        }
        self.holds(&subject, heard, &|carrier| known.get(&carrier) == Some(&true))
    }

    /// Whether an entry counts, when these revokes are heard. `counts` tells it of the member
    /// entries in its past.
    pub(super) fn holds(
        &self,
        subject: &Subject<'_>,
        heard: Heard,
        counts: &dyn Fn(u32) -> bool,
    ) -> bool {
        if matches!(subject.at, At::Log(at) if self.doubted.contains(at)) {
            return false;
        }
        let carried = subject.elements().all(|element| {
            self.carriers_for(subject, element.id)
                .any(|carrier| subject.is(carrier) || counts(carrier))
        });
        carried && !self.is_touched(subject, heard) && !self.is_contested(subject, heard)
    }

    /// Member entries that carry this capability, of those its user had seen; itself among them.
    fn carriers_for<'a>(
        &'a self,
        subject: &'a Subject<'_>,
        id: CapabilityId,
    ) -> impl Iterator<Item = u32> + 'a {
        self.carriers
            .get(&id)
            .into_iter()
            .flatten()
            .copied()
            .filter(|place| subject.is(*place) || subject.past.contains(*place))
    }

    /// Whether a second acceptance of the same invitation is here. The granter has the invite key
    /// and could accept it himself: who cannot see which of the two is by the invited one honours
    /// neither.
    fn is_contested(&self, subject: &Subject<'_>, heard: Heard) -> bool {
        let invites = subject.carried.iter().filter_map(|chain| issuer(chain));
        invites.filter(|key| key.caveats.accept).any(|invite| {
            let all = self.acceptances.get(&invite.id).map_or(&[][..], Vec::as_slice);
            all.iter().any(|other| {
                !subject.is(*other)
                    && !self.doubted.contains(*other)
                    && self.subject(*other).is_some_and(|it| !self.is_touched(&it, heard))
            })
        })
    }

    fn hears(&self, heard: Heard, revoke: u32) -> bool {
        self.standing.contains(revoke)
            && match heard {
                Heard::Standing => true,
                Heard::Above(below) => {
                    match (self.facts.get(revoke as usize), self.facts.get(below as usize)) {
                        (Some(one), Some(other)) => {
                            one.rank < other.rank
                                || one.rank == other.rank && other.past.contains(revoke)
                        }
                        _ => false,
                    }
                }
            }
    }

    /// Whether any revoke that is heard takes this entry out.
    pub(super) fn is_touched(&self, subject: &Subject<'_>, heard: Heard) -> bool {
        if self.standing.is_empty() {
            return false;
        }
        let touched = |revoke: u32| {
            self.hears(heard, revoke)
                && (self.stops(revoke, subject) || self.closes(revoke, subject))
        };
        subject.names().iter().flat_map(|name| self.naming(name)).any(touched)
    }

    /// The standing or fallen revokes that name this.
    pub(super) fn naming(&self, name: &RevokeTarget) -> impl Iterator<Item = u32> + '_ {
        self.named.get(name).into_iter().flatten().copied()
    }

    fn names(&self, revoke: u32, name: RevokeTarget) -> bool {
        self.facts.get(revoke as usize).is_some_and(|it| it.fact.targets().contains(&name))
    }

    /// Whether a revoke stops the author of this entry, or a capability it uses, before it.
    fn stops(&self, revoke: u32, subject: &Subject<'_>) -> bool {
        if subject.chain.is_empty() || !self.is_no_senior(revoke, subject.chain) {
            return false;
        }
        let own = member(subject.chain);
        let author = self.names(revoke, RevokeTarget::Author(*subject.author));
        let tag = own.is_some_and(|tag| self.names(revoke, RevokeTarget::Member(tag)))
            && subject.chain.last().is_some_and(|last| !self.is_fresh(revoke, last, subject));
        let reached = |of: Option<MemberTag>| self.reaches(revoke, subject.chain, of);
        let stopped = (author || tag) && reached(own)
            || subject.chain.iter().any(|element| {
                self.names(revoke, RevokeTarget::Capability(element.id)) && reached(element.member)
            });
        stopped && !self.is_before_cutoff(revoke, subject)
    }

    /// Whether a revoke takes back what this member entry gives.
    fn closes(&self, revoke: u32, subject: &Subject<'_>) -> bool {
        let Some(by) = self.facts.get(revoke as usize) else { return false };
        if subject.is_in(&by.past) {
            return false;
        }
        let seen = subject.past.contains(revoke);
        subject.carried.iter().filter(|chain| self.is_no_senior(revoke, chain)).any(|chain| {
            let reached = |of: Option<MemberTag>| self.reaches(revoke, chain, of);
            let key_closed = issuing(chain).any(|key| {
                let key_named =
                    key.holder.is_some_and(|it| self.names(revoke, RevokeTarget::MemberKey(it)));
                let tag_named =
                    key.member.is_some_and(|it| self.names(revoke, RevokeTarget::Member(it)))
                        && !self.is_fresh(revoke, key, subject);
                (key_named || tag_named) && reached(key.member)
            });
            let capability = chain.iter().any(|element| {
                self.names(revoke, RevokeTarget::Capability(element.id)) && reached(element.member)
            });
            let tag = member(chain)
                .is_some_and(|tag| !seen && self.names(revoke, RevokeTarget::Member(tag)))
                && reached(member(chain));
            key_closed || capability || tag
        })
    }

    /// Whether a revoke has an effect on what belongs to the member `of` in this chain.
    pub(super) fn has_say(&self, revoke: u32, chain: &[Element], of: Option<MemberTag>) -> bool {
        self.is_no_senior(revoke, chain) && self.reaches(revoke, chain, of)
    }

    fn is_no_senior(&self, revoke: u32, chain: &[Element]) -> bool {
        self.facts.get(revoke as usize).is_some_and(|by| rank(chain) >= by.rank)
    }

    /// Whether the author of a revoke has a say over this chain, of which he stops something that
    /// belongs to the member `of`: an admin over all, who may grant over those below his own
    /// member key, and everybody over himself.
    fn reaches(&self, revoke: u32, chain: &[Element], of: Option<MemberTag>) -> bool {
        let Some(by) = self.facts.get(revoke as usize) else { return false };
        let by = &by.fact.chain;
        if may(by, Action::Admin) {
            return true;
        }
        let own = member(by);
        let passes = by
            .iter()
            .any(|key| key.member == own && chain.iter().any(|element| element.id == key.id));
        passes && (may(by, Action::Grant) || of == own)
    }

    /// Whether a capability was given by somebody who had seen the revoke: all that carries it,
    /// as far as this entry's author saw, came after.
    fn is_fresh(&self, revoke: u32, element: &Element, subject: &Subject<'_>) -> bool {
        let mut any = false;
        for carrier in self.carriers_for(subject, element.id) {
            any = true;
            let after = if subject.is(carrier) {
                subject.past.contains(revoke)
            } else {
                self.facts.get(carrier as usize).is_some_and(|it| it.past.contains(revoke))
            };
            if !after {
                return false;
            }
        }
        any
    }

    fn is_before_cutoff(&self, revoke: u32, subject: &Subject<'_>) -> bool {
        let by = self.facts.get(revoke as usize);
        let Some(cutoff) = by.and_then(|by| by.fact.cutoff(subject.author)) else { return false };
        match subject.at {
            At::Beside(is_before) => is_before(cutoff),
            At::Log(at) => {
                let mut next = cutoff.control.and_then(|id| self.places.get(&id).copied());
                while let Some(place) = next.filter(|place| *place > at) {
                    next = self.facts.get(place as usize).and_then(|it| it.before);
                }
                next == Some(at)
            }
        }
    }
}

/// The keys that give what a chain's last element allows: its issuer, and the granter's where that
/// was an invitation, which is a key of its granter.
pub fn issuing(chain: &[Element]) -> impl Iterator<Item = &Element> {
    let invited = issuer(chain).is_some_and(|key| key.caveats.accept);
    chain.iter().rev().skip(1).take(if invited { 2 } else { 1 })
}
