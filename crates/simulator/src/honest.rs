//! What honest people do, knowing what their device knows. Comes in: a world and a device. Goes
//! out: the entries it makes. Must not know: anything that device has not heard of.

use std::collections::BTreeSet;

use strongroom_wire::capability::{Action, Actions};
use strongroom_wire::clear::RevokeTarget;
use strongroom_wire::ids::{AuthorKey, MemberTag};
use strongroom_wire::rules::{Act, Chain, Cutoff, Rules, rank};

use crate::world::{Device, Draft, Invitation, Made, Place, Set, World, places, tag};

impl World {
    /// The root key gives a person these rights, and a first device, which knows everything.
    pub fn co_owner(&mut self, person: usize, actions: Actions) -> usize {
        let key = self.name();
        let chain = self.element(&[], key, tag(person), actions, false);
        self.by_root(Act::Member(vec![chain.clone()])).expect("the root key may");
        self.keys.push((person, chain.clone()));
        self.enrol(person, &chain, self.everything()).expect("a member key may")
    }

    /// A device of somebody who has a member key enrols itself.
    pub fn enrol(&mut self, person: usize, key: &Chain, known: Set) -> Option<usize> {
        let author = self.name();
        let actions = key.last()?.actions;
        let chain = self.element(key, author, tag(person), actions, false);
        self.first_entry(person, AuthorKey(author), chain.clone(), vec![chain], known)
    }

    /// Accepts an invitation: a member key of the person's own, and a device under it.
    pub fn accept(&mut self, invitation: &Invitation, known: Set) -> Option<usize> {
        let Invitation { person, chain, .. } = invitation;
        let actions = chain.last()?.actions;
        let (key, author) = (self.name(), self.name());
        let key = self.element(chain, key, tag(*person), actions, false);
        let own = self.element(&key, author, tag(*person), actions, false);
        let device = self.first_entry(
            *person,
            AuthorKey(author),
            own.clone(),
            vec![key.clone(), own],
            known,
        )?;
        self.keys.push((*person, key));
        Some(device)
    }

    fn first_entry(
        &mut self,
        person: usize,
        author: AuthorKey,
        chain: Chain,
        carried: Vec<Chain>,
        known: Set,
    ) -> Option<usize> {
        let mut rules = Rules::default();
        for at in places(known) {
            if let Made::Control(fact, _) = &self.entries[at].made {
                rules.insert(fact.clone()).expect("it was taken before");
            }
        }
        let draft = Draft {
            author,
            chain: chain.clone(),
            prev: None,
            parents: self.heads(known),
            epoch: self.current_epochs(&rules, known).first().copied().or(Some(1)),
            follows: Vec::new(),
            recipients: BTreeSet::new(),
            act: Some(Act::Member(carried)),
            honest: !self.turned.contains(&person),
        };
        let honest = draft.honest;
        let place = self.add(draft)?;
        let device = self.devices.len();
        self.devices.push(Device { person, author, chain, tip: None, honest, known, rules });
        self.wrote(device, place);
        Some(device)
    }

    /// Whether this device may still write, as far as it knows.
    pub fn is_in(&self, device: usize) -> bool {
        let it = &self.devices[device];
        let epoch = self.entries[1].id;
        self.would_count(&it.rules, &it.author, &it.chain, it.tip, epoch, None)
    }

    fn wrote(&mut self, device: usize, place: Place) {
        self.tell(device, place);
        self.devices[device].tip = Some(place);
    }

    fn draft(&self, device: usize, act: Option<Act>) -> Draft {
        let it = &self.devices[device];
        let epochs = self.current_epochs(&it.rules, it.known);
        Draft {
            author: it.author,
            chain: it.chain.clone(),
            prev: it.tip,
            parents: if act.is_some() { self.heads(it.known) } else { Vec::new() },
            epoch: epochs.first().copied().or(Some(1)),
            follows: Vec::new(),
            recipients: BTreeSet::new(),
            act,
            honest: true,
        }
    }

    fn write(&mut self, device: usize, draft: Draft) -> Option<Place> {
        let place = self.add(draft)?;
        self.wrote(device, place);
        Some(place)
    }

    fn may(&self, device: usize, action: Action) -> bool {
        self.devices[device].chain.last().is_some_and(|last| last.actions.contains(action))
    }

    /// Writes a version, under a fresh epoch, which it makes if there is none and it may.
    pub fn write_version(&mut self, device: usize) -> Option<Place> {
        if !self.is_in(device) || !self.may(device, Action::Write) {
            return None;
        }
        let it = &self.devices[device];
        let epochs = self.current_epochs(&it.rules, it.known);
        let members = it.rules.members(|_| true);
        let fresh = |epoch: &Place| self.recipients(*epoch).is_subset(&members);
        let epoch = match epochs.as_slice() {
            [one] if fresh(one) => *one,
            _ if self.may(device, Action::Rotate) => self.make_epoch(device)?,
            _ => *epochs.iter().find(|epoch| fresh(epoch))?,
        };
        let draft = Draft { epoch: Some(epoch), ..self.draft(device, None) };
        self.write(device, draft)
    }

    /// Makes an epoch for the members it sees, after all current ones.
    pub fn make_epoch(&mut self, device: usize) -> Option<Place> {
        if !self.is_in(device) || !self.may(device, Action::Rotate) {
            return None;
        }
        let it = &self.devices[device];
        let follows = self.current_epochs(&it.rules, it.known);
        let recipients = it.rules.members(|_| true);
        let draft =
            Draft { epoch: None, follows, recipients, ..self.draft(device, Some(Act::Epoch)) };
        self.write(device, draft)
    }

    /// The member key a device acts for.
    fn member_key(&self, device: usize) -> Chain {
        let chain = &self.devices[device].chain;
        Chain::from(&chain[..chain.len() - 1])
    }

    /// Invites a person, with these of its own rights.
    pub fn invite(&mut self, device: usize, person: usize, actions: Actions) -> Option<Place> {
        let key = self.member_key(device);
        if !self.is_in(device) || !self.may(device, Action::Grant) || key.len() + 3 > 8 {
            return None;
        }
        let actions = actions.intersection(key.last()?.actions);
        let holder = self.name();
        let chain = self.element(&key, holder, tag(person), actions, true);
        let draft = self.draft(device, Some(Act::Member(vec![chain.clone()])));
        let entry = self.write(device, draft)?;
        let by = self.devices[device].person;
        self.invitations.push(Invitation { by, person, chain, entry });
        Some(entry)
    }

    /// Where honest people let an author end: its newest entry that counts for them.
    fn last_of(&self, rules: &Rules, known: Set, author: &AuthorKey) -> Option<Cutoff> {
        let tips = self.tips(author, known);
        let counting = tips.iter().copied().filter(|at| self.counts(rules, *at));
        counting.max_by_key(|at| self.entries[*at].seq).map(|at| self.cutoff(at))
    }

    /// The authors of a member, as far as these entries tell.
    pub fn authors_of(&self, known: Set, member: MemberTag) -> BTreeSet<AuthorKey> {
        let of =
            |at: &Place| self.entries[*at].chain.last().is_some_and(|it| it.member == Some(member));
        places(known).filter(of).map(|at| self.entries[at].author).collect()
    }

    /// Whether a device has the right to take this member out, as far as it knows.
    fn may_remove(&self, device: usize, member: MemberTag) -> bool {
        let it = &self.devices[device];
        let own = rank(&it.chain);
        let key = self.member_key(device);
        let mut any = false;
        for at in places(it.known) {
            let Made::Control(fact, _) = &self.entries[at].made else { continue };
            let Act::Member(carried) = &fact.act else { continue };
            for chain in
                carried.iter().filter(|it| it.last().is_some_and(|l| l.member == Some(member)))
            {
                any = true;
                let below =
                    chain.iter().any(|element| key.last().is_some_and(|k| k.id == element.id));
                let may =
                    self.may(device, Action::Admin) || self.may(device, Action::Grant) && below;
                if rank(chain) < own || !may {
                    return false;
                }
            }
        }
        any
    }

    /// Takes a member out, with cutoffs where it saw its authors last.
    pub fn remove(&mut self, device: usize, member: MemberTag) -> Option<Place> {
        if !self.is_in(device) || !self.may_remove(device, member) {
            return None;
        }
        let it = &self.devices[device];
        let authors = self.authors_of(it.known, member);
        let cutoffs = authors.iter().filter_map(|a| self.last_of(&it.rules, it.known, a)).collect();
        let act = Act::Revoke { targets: vec![RevokeTarget::Member(member)], cutoffs };
        let draft = self.draft(device, Some(act));
        self.write(device, draft)
    }

    /// Takes out a device of its own person that was lost, and the member key it knew; a new key
    /// takes its place first.
    pub fn lose(&mut self, device: usize, lost: usize) -> Option<Place> {
        let key = self.member_key(device);
        // Two invitations give two member keys: each is closed by who holds it.
        let own = key.last()?.id;
        let same = self.devices[lost].chain.iter().any(|element| element.id == own);
        if !same || lost == device || !self.is_in(device) || key.len() + 2 > 8 {
            return None;
        }
        let person = self.devices[device].person;
        let holder = self.name();
        let next = self.element(&key, holder, tag(person), key.last()?.actions, false);
        let draft = self.draft(device, Some(Act::Member(vec![next.clone()])));
        self.write(device, draft)?;
        self.keys.push((person, next));
        let it = &self.devices[device];
        let author = self.devices[lost].author;
        let cutoffs = self.last_of(&it.rules, it.known, &author).into_iter().collect();
        let old = RevokeTarget::MemberKey(key.last()?.holder?);
        let act = Act::Revoke { targets: vec![RevokeTarget::Author(author), old], cutoffs };
        let draft = self.draft(device, Some(act));
        self.write(device, draft)
    }
}
