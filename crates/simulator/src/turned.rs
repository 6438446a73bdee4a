//! What people do who have turned: anything their keys can sign, dated and placed as they like,
//! with a provider that shows them everything. Comes in: a world and choices. Goes out: entries.
//! Must not know: keys of people who have not turned.

use std::collections::BTreeSet;

use strongroom_wire::capability::Actions;
use strongroom_wire::clear::RevokeTarget;
use strongroom_wire::ids::AuthorKey;
use strongroom_wire::rules::{Act, Chain, Cutoff};

use crate::dice::Dice;
use crate::world::{Draft, Made, Place, World, places, tag};

/// One thing somebody could do who has turned: where it is placed, and what it says.
#[derive(Debug, Clone)]
pub struct Move {
    /// By which device.
    pub device: usize,
    /// After which of its entries: any, so that a chain may fork.
    pub prev: Option<Place>,
    /// What it pretends to have seen.
    pub parents: Vec<Place>,
    /// Under which epoch.
    pub epoch: Place,
    /// What it says.
    pub what: What,
}

/// What a move says.
#[derive(Debug, Clone)]
pub enum What {
    /// A version.
    Version,
    /// An epoch for everybody, removed or not.
    Epoch,
    /// Another device of this person enrols under this chain to a key it has.
    Enrol(usize, Chain),
    /// Somebody gets a key under this chain, with or without an invitation.
    Grant(usize, Chain, bool),
    /// This invitation is accepted, whoever it was for.
    Accept(usize),
    /// A capability that is known already is carried once more.
    Again(Chain),
    /// These are taken out, with cutoffs.
    Revoke(Vec<RevokeTarget>, Vec<Cutoff>),
}

impl World {
    /// Keys that can delegate and that somebody who has turned has.
    pub fn stolen_keys(&self) -> Vec<Chain> {
        let bad = |person: &usize| self.turned.contains(person);
        let own =
            self.keys.iter().filter(|(person, _)| bad(person)).map(|(_, chain)| chain.clone());
        // A device knows its person's member key, whoever has the device now.
        let devices = self.devices.iter().filter(|it| !it.honest);
        let of_devices = devices.map(|it| Chain::from(&it.chain[..it.chain.len() - 1]));
        let mut keys: Vec<Chain> = own.chain(of_devices).collect();
        keys.sort_by_key(|chain| chain.last().map(|it| it.id));
        keys.dedup();
        keys
    }

    /// Makes a move, if the rules can take it at all.
    pub fn make(&mut self, made: &Move) -> Option<Place> {
        let it = self.devices[made.device].clone();
        let mut draft = Draft {
            author: it.author,
            chain: it.chain.clone(),
            prev: made.prev,
            parents: made.parents.clone(),
            epoch: Some(made.epoch),
            follows: Vec::new(),
            recipients: BTreeSet::new(),
            act: None,
            honest: false,
        };
        match &made.what {
            What::Version => draft.parents.clear(),
            What::Epoch => {
                draft.epoch = None;
                draft.follows = vec![made.epoch];
                draft.recipients = (0..8).map(tag).collect();
                draft.act = Some(Act::Epoch);
            }
            What::Enrol(person, key) => return self.enrol_badly(made, *person, key),
            What::Accept(invitation) => return self.accept_badly(made, *invitation),
            What::Grant(person, key, invite) => {
                let holder = self.name();
                let chain = self.element(key, holder, tag(*person), key.last()?.actions, *invite);
                draft.act = Some(Act::Member(vec![chain.clone()]));
                let entry = self.add(draft)?;
                if *invite {
                    let by = it.person;
                    let invitation = crate::world::Invitation { by, person: *person, chain, entry };
                    self.invitations.push(invitation);
                } else {
                    self.keys.push((*self.turned.first()?, chain));
                }
                return Some(entry);
            }
            What::Again(chain) => draft.act = Some(Act::Member(vec![chain.clone()])),
            What::Revoke(targets, cutoffs) => {
                draft.act =
                    Some(Act::Revoke { targets: targets.clone(), cutoffs: cutoffs.clone() });
            }
        }
        self.add(draft)
    }

    fn enrol_badly(&mut self, made: &Move, person: usize, key: &Chain) -> Option<Place> {
        let author = self.name();
        let chain = self.element(key, author, tag(person), key.last()?.actions, false);
        self.bad_author(made, person, AuthorKey(author), chain.clone(), vec![chain])
    }

    fn accept_badly(&mut self, made: &Move, invitation: usize) -> Option<Place> {
        let it = self.invitations.get(invitation)?.clone();
        let (key, author) = (self.name(), self.name());
        let actions = it.chain.last()?.actions;
        let key = self.element(&it.chain, key, tag(it.person), actions, false);
        let own = self.element(&key, author, tag(it.person), actions, false);
        let carried = vec![key.clone(), own.clone()];
        let place = self.bad_author(made, it.person, AuthorKey(author), own, carried)?;
        self.keys.push((*self.turned.first()?, key));
        Some(place)
    }

    fn bad_author(
        &mut self,
        made: &Move,
        person: usize,
        author: AuthorKey,
        chain: Chain,
        carried: Vec<Chain>,
    ) -> Option<Place> {
        let draft = Draft {
            author,
            chain: chain.clone(),
            prev: None,
            parents: made.parents.clone(),
            epoch: Some(made.epoch),
            follows: Vec::new(),
            recipients: BTreeSet::new(),
            act: Some(Act::Member(carried)),
            honest: false,
        };
        let place = self.add(draft)?;
        self.devices.push(crate::world::Device {
            person,
            author,
            chain,
            tip: Some(place),
            honest: false,
            known: 0,
            rules: strongroom_wire::rules::Rules::default(),
        });
        Some(place)
    }

    /// Everything a revoke could name.
    pub fn names(&self) -> Vec<RevokeTarget> {
        let mut names = BTreeSet::new();
        for entry in &self.entries {
            names.insert(RevokeTarget::Author(entry.author));
            for element in entry.chain.iter() {
                names.insert(RevokeTarget::Capability(element.id));
                names.extend(element.member.map(RevokeTarget::Member));
                names.extend(element.holder.map(RevokeTarget::MemberKey));
            }
        }
        names.into_iter().collect()
    }

    /// Any move at all.
    pub fn any_move(&self, dice: &mut Dice) -> Option<Move> {
        let bad: Vec<usize> =
            (0..self.devices.len()).filter(|at| !self.devices[*at].honest).collect();
        let device = *dice.pick(&bad)?;
        let author = self.devices[device].author;
        let own: Vec<Place> =
            places(self.everything()).filter(|at| self.entries[*at].author == author).collect();
        // Mostly at the tip, else a fork.
        let prev = if dice.once_in(3) { dice.pick(&own) } else { own.last() }.copied();
        let control: Vec<Place> = places(self.everything())
            .filter(|at| matches!(self.entries[*at].made, Made::Control(..)))
            .collect();
        let parents = match dice.below(4) {
            0 => self.heads(self.everything()),
            _ => (0..=dice.below(3)).filter_map(|_| dice.pick(&control).copied()).collect(),
        };
        let epochs: Vec<Place> = control.iter().copied().filter(|at| self.is_epoch(*at)).collect();
        let epoch = *dice.pick(&epochs)?;
        let what = self.anything(dice)?;
        let mut parents: Vec<Place> = parents;
        parents.sort_unstable();
        parents.dedup();
        Some(Move { device, prev, parents, epoch, what })
    }

    fn anything(&self, dice: &mut Dice) -> Option<What> {
        let keys = self.stolen_keys();
        let people = self.devices.iter().map(|it| it.person).max().unwrap_or(0) + 2;
        Some(match dice.below(9) {
            0 => What::Version,
            1 => What::Epoch,
            2 => {
                let key = dice.pick(&keys)?.clone();
                let own = crate::world::person(key.last()?.member?);
                What::Enrol(if dice.once_in(4) { dice.below(people) } else { own }, key)
            }
            3 => What::Grant(dice.below(people), dice.pick(&keys)?.clone(), dice.once_in(2)),
            4 => {
                let known: Vec<usize> = (0..self.invitations.len())
                    .filter(|at| {
                        let it = &self.invitations[*at];
                        self.turned.contains(&it.by) || self.turned.contains(&it.person)
                    })
                    .collect();
                What::Accept(*dice.pick(&known)?)
            }
            5 => {
                let entry = dice.pick(&self.entries)?;
                let Made::Control(fact, _) = &entry.made else { return None };
                let Act::Member(carried) = &fact.act else { return None };
                What::Again(dice.pick(carried)?.clone())
            }
            _ => {
                let names = self.names();
                let targets =
                    (0..=dice.below(2)).filter_map(|_| dice.pick(&names).copied()).collect();
                What::Revoke(targets, self.any_cutoffs(dice))
            }
        })
    }

    fn any_cutoffs(&self, dice: &mut Dice) -> Vec<Cutoff> {
        let mut cutoffs: Vec<Cutoff> = Vec::new();
        for _ in 0..dice.below(3) {
            let at = dice.below(self.entries.len());
            let cutoff = self.cutoff(at);
            if !cutoffs.iter().any(|it| it.author == cutoff.author) {
                cutoffs.push(cutoff);
            }
        }
        cutoffs
    }
}

/// The rights people get in these worlds.
pub fn rights(kind: usize) -> Actions {
    use strongroom_wire::capability::Action::{Grant, Pull, Rotate, Tombstone, Write};
    match kind {
        0 => World::all_rights(),
        1 => Actions::of(&[Pull, Write, Tombstone, Grant, Rotate]),
        2 => Actions::of(&[Pull, Write, Rotate]),
        _ => Actions::PULL,
    }
}
