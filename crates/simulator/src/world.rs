//! The world: every entry ever made, and who knows which. Comes in: entries, one by one. Goes out:
//! views. Must not know: why somebody writes something.

use std::collections::BTreeSet;
use std::sync::Arc;

use strongroom_wire::capability::{Action, Actions, Caveats, Element, Target};
use strongroom_wire::clear::RevokeTarget;
use strongroom_wire::ids::{AuthorKey, BucketId, CapabilityId, EntryId, MemberTag, PublicKey};
use strongroom_wire::rules::{Act, Chain, Cutoff, Fact, Rules, RulesError, Writing};

/// Entries a world may have: a set of them is one number.
pub const ENTRIES_MAX: usize = 128;
/// A set of entries.
pub type Set = u128;
/// The place of an entry in the world.
pub type Place = usize;

/// What an entry is.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "a world has 128 of them")]
pub enum Made {
    /// One of the control log, and for an epoch whom it is for.
    Control(Fact, BTreeSet<MemberTag>),
    /// A version under this epoch.
    Version(Place),
}

/// One entry.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its id.
    pub id: EntryId,
    /// Its author.
    pub author: AuthorKey,
    /// Its number on the author's chain.
    pub seq: u64,
    /// The one before it there.
    pub prev: Option<Place>,
    /// The nearest control entry before it there.
    pub before: Option<Place>,
    /// What its author used.
    pub chain: Chain,
    /// What it is.
    pub made: Made,
    /// Everything that must be known before it; without itself.
    pub needs: Set,
    /// Whether an honest device made it.
    pub honest: bool,
}

/// A device with its view.
#[derive(Debug, Clone)]
pub struct Device {
    /// Whose it is.
    pub person: usize,
    /// Its author.
    pub author: AuthorKey,
    /// What it uses.
    pub chain: Chain,
    /// Its newest entry.
    pub tip: Option<Place>,
    /// Whether it does as it should.
    pub honest: bool,
    /// What it has heard of.
    pub known: Set,
    /// What it makes of that.
    pub rules: Rules,
}

/// An invitation that is under way.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// Who made it, and so knows its key.
    pub by: usize,
    /// For whom.
    pub person: usize,
    /// The chain down to the invite key.
    pub chain: Chain,
    /// The entry that carries it.
    pub entry: Place,
}

/// The world.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// Every entry, each after all it needs.
    pub entries: Vec<Entry>,
    /// Devices.
    pub devices: Vec<Device>,
    /// Member keys: who has it, and the chain down to it.
    pub keys: Vec<(usize, Chain)>,
    /// Invitations.
    pub invitations: Vec<Invitation>,
    /// Persons who do not do as they should.
    pub turned: BTreeSet<usize>,
    /// What the world would make of all there is.
    pub rules: Rules,
    names: u64,
    root_tip: Option<Place>,
}

/// What a new entry shall say.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Its author.
    pub author: AuthorKey,
    /// What it uses.
    pub chain: Chain,
    /// The one before it on its chain.
    pub prev: Option<Place>,
    /// Its parents in the control log.
    pub parents: Vec<Place>,
    /// The epoch it is under; none for an epoch.
    pub epoch: Option<Place>,
    /// Epochs an epoch follows.
    pub follows: Vec<Place>,
    /// Whom an epoch is for.
    pub recipients: BTreeSet<MemberTag>,
    /// What it does; none: a version.
    pub act: Option<Act>,
    /// Whether it is made as it should be.
    pub honest: bool,
}

/// The tag of a person.
pub fn tag(person: usize) -> MemberTag {
    let mut tag = [0; 16];
    tag[15] = person as u8;
    MemberTag(tag)
}

/// The person of a tag.
pub fn person(tag: MemberTag) -> usize {
    usize::from(tag.0[15])
}

/// The places in a set, ascending.
pub fn places(set: Set) -> impl Iterator<Item = Place> {
    (0..ENTRIES_MAX).filter(move |place| set & (1 << place) != 0)
}

impl World {
    /// A bucket with its genesis and first epoch by the root key, and its root key's author.
    pub fn founded() -> Self {
        let mut world = Self::default();
        let root = AuthorKey(world.name());
        let draft = |act| Draft {
            author: root,
            chain: Chain::from([]),
            prev: None,
            parents: Vec::new(),
            epoch: None,
            follows: Vec::new(),
            recipients: BTreeSet::new(),
            act: Some(act),
            honest: true,
        };
        let genesis = world.add(draft(Act::Genesis));
        let epoch = Draft { prev: genesis, parents: vec![0], ..draft(Act::Epoch) };
        world.root_tip = world.add(epoch);
        world
    }

    /// The root key, as an author.
    pub fn root(&self) -> AuthorKey {
        self.entries[0].author
    }

    /// A fresh name: of a key, a capability, an entry.
    pub fn name(&mut self) -> [u8; 32] {
        self.names += 1;
        let mut name = [0; 32];
        name[24..].copy_from_slice(&self.names.to_be_bytes());
        name
    }

    /// One more element under a chain.
    pub fn element(
        &mut self,
        above: &[Element],
        holder: [u8; 32],
        member: MemberTag,
        actions: Actions,
        accept: bool,
    ) -> Chain {
        let issuer = match above.last() {
            Some(last) => last.holder.unwrap_or(PublicKey([0; 32])),
            None => PublicKey(self.root().0),
        };
        let element = Element {
            id: CapabilityId(self.name()),
            issuer,
            holder: Some(PublicKey(holder)),
            member: Some(member),
            actions,
            target: Target::Bucket(BucketId([1; 32])),
            caveats: Caveats { accept, ..Caveats::NONE },
            expires: u64::MAX,
        };
        Arc::from([above, &[element]].concat())
    }

    /// Adds an entry if the rules can take it at all.
    pub fn add(&mut self, draft: Draft) -> Option<Place> {
        let place = self.entries.len();
        if place >= ENTRIES_MAX {
            return None;
        }
        let id = EntryId(self.name());
        let control = |at: Place| match self.entries[at].made {
            Made::Control(..) => Some(at),
            Made::Version(_) => self.entries[at].before,
        };
        let before = draft.prev.and_then(control);
        let mut direct: Vec<Place> = draft.parents.iter().chain(&draft.follows).copied().collect();
        direct.extend(draft.epoch);
        let names = direct.iter().map(|at| self.entries[*at].id).collect();
        direct.extend(draft.prev);
        if let Some(Act::Revoke { cutoffs, .. }) = &draft.act {
            direct.extend(cutoffs.iter().filter_map(|cutoff| self.place_of(&cutoff.id)));
        }
        let needs = direct.iter().fold(0, |set, at| set | self.entries[*at].needs | 1 << at);
        let made = match draft.act {
            None => Made::Version(draft.epoch?),
            Some(act) => {
                let fact = Fact {
                    id,
                    author: draft.author,
                    names,
                    before: before.map(|at| self.entries[at].id),
                    chain: draft.chain.clone(),
                    act,
                };
                self.rules.insert(fact.clone()).ok()?;
                Made::Control(fact, draft.recipients)
            }
        };
        self.entries.push(Entry {
            id,
            author: draft.author,
            seq: draft.prev.map_or(0, |at| self.entries[at].seq + 1),
            prev: draft.prev,
            before,
            chain: draft.chain,
            made,
            needs,
            honest: draft.honest,
        });
        Some(place)
    }

    /// Where an entry stands.
    pub fn place_of(&self, id: &EntryId) -> Option<Place> {
        self.entries.iter().position(|entry| entry.id == *id)
    }

    /// A cutoff after this entry.
    pub fn cutoff(&self, at: Place) -> Cutoff {
        let entry = &self.entries[at];
        let control = match entry.made {
            Made::Control(..) => Some(at),
            Made::Version(_) => entry.before,
        };
        Cutoff {
            author: entry.author,
            seq: entry.seq,
            id: entry.id,
            control: control.map(|at| self.entries[at].id),
        }
    }

    /// What the root key does, seeing everything; its work is honest.
    pub fn by_root(&mut self, act: Act) -> Option<Place> {
        let draft = Draft {
            author: self.root(),
            chain: Chain::from([]),
            prev: self.root_tip,
            parents: self.heads(self.everything()),
            epoch: Some(1),
            follows: Vec::new(),
            recipients: BTreeSet::new(),
            act: Some(act),
            honest: true,
        };
        let place = self.add(draft)?;
        self.root_tip = Some(place);
        Some(place)
    }

    /// The set of all entries.
    pub fn everything(&self) -> Set {
        (0..self.entries.len()).fold(0, |set, at| set | 1 << at)
    }

    /// Heads of the control log, as far as these entries show it.
    pub fn heads(&self, known: Set) -> Vec<Place> {
        let control =
            || places(known).filter(|at| matches!(self.entries[*at].made, Made::Control(..)));
        let mut named: Set = 0;
        for at in control() {
            if let Made::Control(fact, _) = &self.entries[at].made {
                for id in &fact.names {
                    named |= self.place_of(id).map_or(0, |at| 1 << at);
                }
            }
        }
        control().filter(|at| named & (1 << at) == 0).take(16).collect()
    }

    /// Lets a device hear of an entry and all it needs.
    pub fn tell(&mut self, device: usize, place: Place) {
        let new = (self.entries[place].needs | 1 << place) & !self.devices[device].known;
        for at in places(new) {
            if let Made::Control(fact, _) = &self.entries[at].made {
                let fact = fact.clone();
                let told: Result<(), RulesError> = self.devices[device].rules.insert(fact);
                assert_eq!(told, Ok(()), "what one replica takes, every replica takes");
            }
        }
        self.devices[device].known |= new;
    }

    /// Whether an entry counts in these rules.
    pub fn counts(&self, rules: &Rules, place: Place) -> bool {
        let entry = &self.entries[place];
        match &entry.made {
            Made::Control(..) => rules.counts(&entry.id),
            Made::Version(epoch) => {
                let epoch = self.entries[*epoch].id;
                self.would_count(rules, &entry.author, &entry.chain, entry.prev, epoch, Some(place))
            }
        }
    }

    /// Whether what an author writes after `prev` would count; or what it has written there.
    pub fn would_count(
        &self,
        rules: &Rules,
        author: &AuthorKey,
        chain: &Chain,
        prev: Option<Place>,
        epoch: EntryId,
        itself: Option<Place>,
    ) -> bool {
        let before = prev.and_then(|at| match self.entries[at].made {
            Made::Control(..) => Some(at),
            Made::Version(_) => self.entries[at].before,
        });
        let writing =
            Writing { author, chain, before: before.map(|at| self.entries[at].id), epoch };
        rules.counts_beside(&writing, |cutoff| {
            let mut next = self.place_of(&cutoff.id);
            while next.is_some() && next != itself {
                next = next.and_then(|at| self.entries[at].prev);
            }
            itself.is_some() && next == itself
        })
    }

    /// Epochs that count and that none that counts follows.
    pub fn current_epochs(&self, rules: &Rules, known: Set) -> Vec<Place> {
        let counted: Vec<Place> = places(known)
            .filter(|at| self.is_epoch(*at) && rules.counts(&self.entries[*at].id))
            .collect();
        let followed = |at: &Place| {
            counted.iter().any(|other| match &self.entries[*other].made {
                Made::Control(fact, _) => other != at && fact.names.contains(&self.entries[*at].id),
                Made::Version(_) => false,
            })
        };
        counted.iter().copied().filter(|at| !followed(at)).collect()
    }

    /// Whether this entry is an epoch.
    pub fn is_epoch(&self, place: Place) -> bool {
        matches!(&self.entries[place].made, Made::Control(fact, _) if fact.act == Act::Epoch)
    }

    /// Whom an epoch is for.
    pub fn recipients(&self, epoch: Place) -> &BTreeSet<MemberTag> {
        match &self.entries[epoch].made {
            Made::Control(_, recipients) => recipients,
            Made::Version(epoch) => self.recipients(*epoch),
        }
    }

    /// What an entry revokes.
    pub fn revoked(&self, place: Place) -> &[RevokeTarget] {
        match &self.entries[place].made {
            Made::Control(Fact { act: Act::Revoke { targets, .. }, .. }, _) => targets,
            _ => &[],
        }
    }

    /// The newest entries of an author: one, or several if the chain was forked.
    pub fn tips(&self, author: &AuthorKey, known: Set) -> Vec<Place> {
        let own = || places(known).filter(|at| self.entries[*at].author == *author);
        own().filter(|at| !own().any(|other| self.entries[other].prev == Some(*at))).collect()
    }

    /// Everything a member of full rights may do.
    pub fn all_rights() -> Actions {
        Actions::ALL.without(Action::Host)
    }
}
