//! Who is in and which entries count, whatever arrives in which order. Comes in: the control
//! entries of one bucket, each after those it names. Goes out: which of them count, who is a
//! member, where each author ends. Must not know: bytes, keys that open anything, clocks.
//!
//! The rules are those of docs/spec/membership.md. They are a pure function of the set of
//! entries, so that replicas agree without a master, and they are made for members who turn: one
//! who was taken out may date his entries back, fork his chain and have a provider at his side.
//!
//! - A chain's *rank* is the number of different members in it; the root key has 0. Nobody takes
//!   out a smaller rank than his own.
//! - A revoke *stands* if its author had the right to it, judged by the standing revokes of
//!   smaller ranks, seen or not, and by those of his own rank that he had seen.
//! - An entry *counts* if every capability it uses is carried by a member entry in its past that
//!   counts, and no standing revoke takes it out.
//!
//! `crates/simulator` runs this code through worlds full of such members.

mod bits;
mod fact;
mod judge;

use std::collections::{BTreeSet, HashMap};

use bits::Bits;
pub use fact::{Act, Chain, Cutoff, Fact, issuer, puts_only, rank};
pub use judge::issuing;
use judge::{At, Heard, Subject};

use crate::capability::Element;
use crate::clear::RevokeTarget;
use crate::ids::{AuthorKey, CapabilityId, EntryId, MemberTag};

/// Why the rules do not take an entry: judged from the entry and its past alone, so every replica
/// says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// It names an entry that is not here.
    #[error("it names something that is not here")]
    Missing,
    /// Its author could not do this at any time.
    #[error("its author may not do this")]
    NotAllowed,
}

#[derive(Debug, Clone)]
struct Placed {
    fact: Fact,
    past: Bits,
    before: Option<u32>,
    rank: usize,
}

/// The control log, as the rules see it.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    places: HashMap<EntryId, u32>,
    facts: Vec<Placed>,
    /// Member entries by what they carry.
    carriers: HashMap<CapabilityId, Vec<u32>>,
    /// Acceptances by their invitation.
    acceptances: HashMap<CapabilityId, Vec<u32>>,
    /// Revokes by what they name.
    named: HashMap<RevokeTarget, Vec<u32>>,
    /// By rank, then pasts first: the order in which they are judged.
    revokes: BTreeSet<(usize, u32)>,
    standing: Bits,
    counting: Bits,
    doubted: Bits,
}

/// An entry beside the control log: a version, a checkpoint, a message.
#[derive(Debug, Clone, Copy)]
pub struct Writing<'a> {
    /// Who wrote it.
    pub author: &'a AuthorKey,
    /// What its author used.
    pub chain: &'a [Element],
    /// The nearest control entry before it on its author's chain.
    pub before: Option<EntryId>,
    /// The epoch it is sealed under.
    pub epoch: EntryId,
}

impl Rules {
    /// Adds one entry, after all it names; one that is here already changes nothing.
    pub fn insert(&mut self, fact: Fact) -> Result<(), RulesError> {
        if self.contains(&fact.id) {
            return Ok(());
        }
        let contested = fact.carried().iter().any(|chain| self.is_invited_already(chain));
        let place = self.place(fact)?;
        if contested {
            self.settle();
        } else if matches!(self.fact(place), Some(Fact { act: Act::Revoke { .. }, .. })) {
            self.hear(place);
        } else {
            let counts = self.counts_now(place);
            self.counting.put(place, counts);
        }
        Ok(())
    }

    /// All these entries, each after those it names, judged once: the same as [`Rules::insert`] one
    /// by one.
    pub fn from_facts(facts: impl IntoIterator<Item = Fact>) -> Result<Self, RulesError> {
        let mut rules = Self::default();
        for fact in facts {
            if !rules.contains(&fact.id) {
                rules.place(fact)?;
            }
        }
        rules.settle();
        Ok(rules)
    }

    /// A member entry whose sealed part does not prove what it says. Who can open sealed parts
    /// tells so; for the blind it goes on counting.
    pub fn doubt(&mut self, id: &EntryId) {
        if let Some(place) = self.places.get(id).copied()
            && self.doubted.put(place, true)
        {
            self.settle();
        }
    }

    /// Whether this entry is here, counting or not.
    pub fn contains(&self, id: &EntryId) -> bool {
        self.places.contains_key(id)
    }

    /// Whether this control entry counts. A revoke that counts need not stand.
    pub fn counts(&self, id: &EntryId) -> bool {
        self.places.get(id).is_some_and(|place| self.counting.contains(*place))
    }

    /// Whether this entry is a revoke that stands.
    pub fn stands(&self, id: &EntryId) -> bool {
        self.places.get(id).is_some_and(|place| self.standing.contains(*place))
    }

    /// Whether `before` is in the past of `after`: whether who wrote the second had seen the first.
    pub fn is_past(&self, before: &EntryId, after: &EntryId) -> bool {
        let places = (self.places.get(before), self.places.get(after));
        let (Some(before), Some(after)) = places else { return false };
        self.facts.get(*after as usize).is_some_and(|it| it.past.contains(*before))
    }

    /// Every entry, in the order it came.
    pub fn facts(&self) -> impl Iterator<Item = &Fact> {
        self.facts.iter().map(|it| &it.fact)
    }

    /// The revokes that stand.
    pub fn standing(&self) -> impl Iterator<Item = &Fact> {
        self.standing.iter().filter_map(|place| self.fact(place))
    }

    /// Whether an entry beside the log counts. `is_before` tells whether it is on the chain that
    /// ends at this cutoff.
    pub fn counts_beside(
        &self,
        writing: &Writing<'_>,
        is_before: impl Fn(&Cutoff) -> bool,
    ) -> bool {
        let mut past = Bits::default();
        for id in writing.before.iter().chain([&writing.epoch]) {
            self.extend_past(&mut past, id);
        }
        let subject = Subject {
            at: At::Beside(&is_before),
            author: writing.author,
            chain: writing.chain,
            carried: &[],
            past: &past,
        };
        self.holds(&subject, Heard::Standing, &|carrier| self.counting.contains(carrier))
    }

    /// The members: whose chain is carried by an entry that counts, and neither closed nor stopped
    /// nor named by a standing revoke; unless the carrying entry's author had seen it. A drop is no
    /// member, nor who holds one document or version. Entries that are not `heard` are left out.
    pub fn members(&self, heard: impl Fn(&EntryId) -> bool) -> BTreeSet<MemberTag> {
        self.chains_in(heard).filter_map(|chain| fact::member(chain)).collect()
    }

    /// The chains by which members are in, see [`Rules::members`].
    pub fn chains_in(&self, heard: impl Fn(&EntryId) -> bool) -> impl Iterator<Item = &Chain> {
        let counting = self.counting.iter().filter_map(|place| self.facts.get(place as usize));
        let heard = counting.filter(move |it| heard(&it.fact.id));
        let carried = heard.flat_map(|it| it.fact.carried().iter().map(|chain| (chain, &it.past)));
        let is_in = |chain: &Chain| fact::is_whole(chain) && !fact::puts_only(chain);
        carried
            .filter(move |(chain, past)| is_in(chain) && !self.is_out(chain, past))
            .map(|(chain, _)| chain)
    }

    /// Whether nothing in the chain of a request was revoked. What a closed key gave before counts
    /// on, if a member entry that counts carries it.
    pub fn may_use(&self, chain: &[Element]) -> bool {
        (1..=chain.len()).filter_map(|len| chain.get(..len)).all(|upto| {
            let Some(last) = upto.last() else { return true };
            let carriers = self.carriers.get(&last.id).into_iter().flatten();
            let counted = carriers.into_iter().any(|place| self.counting.contains(*place));
            let closed = || issuing(upto).any(|key| self.is_key_out(key, upto));
            let stopped = || {
                let author = last.holder.map(|key| RevokeTarget::Author(AuthorKey(key.0)));
                let out = author.is_some_and(|it| self.is_named_out(it, last.member, None, upto));
                out || self.is_key_out(last, upto)
            };
            let capability = RevokeTarget::Capability(last.id);
            !(self.is_named_out(capability, last.member, None, upto)
                || !counted && closed()
                || upto.len() == chain.len() && stopped())
        })
    }

    /// Whether a key, or whom it was given to, was taken out.
    fn is_key_out(&self, key: &Element, chain: &[Element]) -> bool {
        let closed = key.holder.map(RevokeTarget::MemberKey);
        let member = key.member.map(RevokeTarget::Member);
        closed.is_some_and(|it| self.is_named_out(it, key.member, None, chain))
            || member.is_some_and(|it| self.is_named_out(it, key.member, Some(key), chain))
    }

    /// Whether a standing revoke with a say over this chain names this; unless the element given
    /// was carried only by who had seen that. What nobody has carried yet is as new as what it was
    /// taken from: who is let in again asks before his acceptance is here.
    fn is_named_out(
        &self,
        name: RevokeTarget,
        of: Option<MemberTag>,
        unless_new: Option<&Element>,
        chain: &[Element],
    ) -> bool {
        self.naming(&name).filter(|revoke| self.standing.contains(*revoke)).any(|revoke| {
            let seen = |place: &u32| {
                self.facts.get(*place as usize).is_some_and(|it| it.past.contains(revoke))
            };
            let below =
                chain.iter().rev().skip_while(|it| unless_new.is_some_and(|new| new.id != it.id));
            let own = below.take_while(|it| unless_new.is_some_and(|new| new.member == it.member));
            let mut carried = own.filter_map(|it| self.carriers.get(&it.id));
            let new = carried.next().is_some_and(|all| all.iter().all(seen));
            !new && self.has_say(revoke, chain, of)
        })
    }

    fn subject(&self, place: u32) -> Option<Subject<'_>> {
        self.facts.get(place as usize).map(|it| Subject {
            at: At::Log(place),
            author: &it.fact.author,
            chain: &it.fact.chain,
            carried: it.fact.carried(),
            past: &it.past,
        })
    }

    fn fact(&self, place: u32) -> Option<&Fact> {
        self.facts.get(place as usize).map(|it| &it.fact)
    }

    fn is_invited_already(&self, chain: &Chain) -> bool {
        fact::issuer(chain)
            .is_some_and(|key| key.caveats.accept && self.acceptances.contains_key(&key.id))
    }

    /// Places an entry, and judges nothing but whether it may ever count.
    fn place(&mut self, fact: Fact) -> Result<u32, RulesError> {
        let place = u32::try_from(self.facts.len()).map_err(|_| RulesError::NotAllowed)?;
        let mut past = Bits::default();
        for id in fact.names.iter().chain(&fact.before) {
            if !self.extend_past(&mut past, id) {
                return Err(RulesError::Missing);
            }
        }
        let cutoffs =
            if let Act::Revoke { cutoffs, .. } = &fact.act { cutoffs } else { &Vec::new() };
        if cutoffs.iter().filter_map(|it| it.control).any(|id| !self.contains(&id)) {
            return Err(RulesError::Missing);
        }
        let before = fact.before.and_then(|id| self.places.get(&id).copied());
        if !fact.is_entitled() || !self.is_carried(&fact, &past) {
            return Err(RulesError::NotAllowed);
        }
        self.index(place, &fact);
        let rank = rank(&fact.chain);
        if matches!(fact.act, Act::Revoke { .. }) {
            self.revokes.insert((rank, place));
        }
        self.places.insert(fact.id, place);
        self.facts.push(Placed { fact, past, before, rank });
        Ok(place)
    }

    /// Adds an entry and all before it; tells whether it is here.
    fn extend_past(&self, past: &mut Bits, id: &EntryId) -> bool {
        let Some(place) = self.places.get(id).copied() else { return false };
        if !past.contains(place)
            && let Some(it) = self.facts.get(place as usize)
        {
            past.extend(&it.past);
            past.insert(place);
        }
        true
    }

    /// Whether all that its author uses is carried by something he had seen, or by the entry
    /// itself; and above what it carries nothing is that nobody carries.
    fn is_carried(&self, fact: &Fact, past: &Bits) -> bool {
        let by_itself = |id: &CapabilityId| {
            fact.carried().iter().any(|chain| chain.last().is_some_and(|last| last.id == *id))
        };
        let chains = fact.carried().iter().chain([&fact.chain]);
        chains.flat_map(|chain| chain.iter()).all(|element| {
            let carriers = self.carriers.get(&element.id).map_or(&[][..], Vec::as_slice);
            by_itself(&element.id) || carriers.iter().any(|place| past.contains(*place))
        })
    }

    fn index(&mut self, place: u32, fact: &Fact) {
        for chain in fact.carried() {
            let Some(last) = chain.last() else { continue };
            self.carriers.entry(last.id).or_default().push(place);
            if let Some(invite) = fact::issuer(chain).filter(|key| key.caveats.accept) {
                self.acceptances.entry(invite.id).or_default().push(place);
            }
        }
        for target in fact.targets() {
            self.named.entry(*target).or_default().push(place);
        }
    }

    fn counts_now(&self, place: u32) -> bool {
        self.subject(place).is_some_and(|subject| {
            self.holds(&subject, Heard::Standing, &|carrier| self.counting.contains(carrier))
        })
    }

    /// A new revoke. It is in nobody's past, so of its own rank and of its seniors it changes
    /// nothing; if it has no right, it changes nothing at all.
    fn hear(&mut self, place: u32) {
        let rank = self.facts.get(place as usize).map_or(0, |it| it.rank);
        if self.has_right(place) {
            self.standing.insert(place);
            self.judge_revokes(rank + 1);
            self.count_all();
        } else {
            let counts = self.counts_now(place);
            self.counting.put(place, counts);
        }
    }

    /// Judges everything from nothing.
    fn settle(&mut self) {
        self.standing.clear();
        self.judge_revokes(0);
        self.count_all();
    }

    fn judge_revokes(&mut self, from_rank: usize) {
        let revokes: Vec<u32> =
            self.revokes.range((from_rank, 0)..).map(|(_, place)| *place).collect();
        // What is judged below must not be heard above; it never is, see `hears`. Within a rank a
        // revoke hears its own past only, which comes first.
        for place in revokes {
            let stands = self.has_right(place);
            self.standing.put(place, stands);
        }
    }

    fn count_all(&mut self) {
        for place in (0..).take(self.facts.len()) {
            let counts = self.counts_now(place);
            self.counting.put(place, counts);
        }
    }

    fn is_out(&self, chain: &Chain, past: &Bits) -> bool {
        let Some(last) = chain.last() else { return true };
        let keys = last
            .holder
            .into_iter()
            .flat_map(|key| [RevokeTarget::MemberKey(key), RevokeTarget::Author(AuthorKey(key.0))]);
        let names = chain.iter().map(|element| RevokeTarget::Capability(element.id)).chain(keys);
        let tag = last.member.map(RevokeTarget::Member);
        let named = tag.iter().flat_map(|tag| self.naming(tag)).filter(|it| !past.contains(*it));
        let stopped = names.flat_map(|name| self.naming(&name).collect::<Vec<_>>());
        stopped.chain(named).any(|revoke| {
            self.standing.contains(revoke) && self.has_say(revoke, chain, last.member)
        })
    }
}
