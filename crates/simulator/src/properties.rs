//! What must be true in every world. Comes in: a world. Goes out: what is not, in words. Must not
//! know: how the world came to be.

use std::collections::BTreeSet;

use strongroom_wire::capability::{Action, Element};
use strongroom_wire::clear::RevokeTarget;
use strongroom_wire::ids::AuthorKey;
use strongroom_wire::rules::{Act, Fact, Rules, issuer, issuing, rank};

use crate::dice::Dice;
use crate::world::{Entry, Made, Place, Set, World, places, tag};

/// The first thing that is not as it must be.
pub type Broken = Result<(), String>;

fn broken(what: String) -> Broken {
    Err(what)
}

impl World {
    fn fact(&self, place: Place) -> Option<&Fact> {
        match &self.entries[place].made {
            Made::Control(fact, _) => Some(fact),
            Made::Version(_) => None,
        }
    }

    fn carried(&self, place: Place) -> Vec<&[Element]> {
        match self.fact(place).map(|fact| &fact.act) {
            Some(Act::Member(carried)) => carried.iter().map(|it| &**it).collect(),
            _ => Vec::new(),
        }
    }

    /// Revokes of honest people that stand.
    fn honest_revokes(&self) -> Vec<Place> {
        let stands = |at: &Place| self.rules.stands(&self.entries[*at].id);
        let all = 0..self.entries.len();
        all.filter(|at| self.entries[*at].honest && !self.revoked(*at).is_empty())
            .filter(stands)
            .collect()
    }

    /// The entry that carried a capability first.
    fn made_by(&self, element: &Element) -> Option<Place> {
        (0..self.entries.len()).find(|at| carries(self, *at, element))
    }

    /// How often an invitation was accepted.
    fn accepted(&self, invite: &Element) -> usize {
        let below = |chain: &&[Element]| issuer(chain).is_some_and(|key| key.id == invite.id);
        (0..self.entries.len()).flat_map(|at| self.carried(at)).filter(below).count()
    }

    /// Whether somebody who is in, and is not the member itself, let it in again after this revoke.
    fn came_back(&self, chain: &[Element], target: RevokeTarget, revoke: Place) -> bool {
        let RevokeTarget::Member(out) = target else { return false };
        let revoke = self.entries[revoke].id;
        (0..self.entries.len()).any(|at| {
            let entry = &self.entries[at];
            chain.iter().any(|element| carries(self, at, element))
                && self.rules.counts(&entry.id)
                && self.rules.is_past(&revoke, &entry.id)
                && entry.chain.last().is_none_or(|it| it.member != Some(out))
        })
    }
}

fn carries(world: &World, at: Place, element: &Element) -> bool {
    world.carried(at).iter().any(|it| it.last().is_some_and(|last| last.id == element.id))
}

/// The same entries give the same, one by one in any order, or all at once.
pub fn any_order_gives_the_same(world: &World, dice: &mut Dice) -> Broken {
    let facts: Vec<Fact> =
        (0..world.entries.len()).filter_map(|at| world.fact(at).cloned()).collect();
    let batch = Rules::from_facts(facts.iter().cloned()).map_err(|e| e.to_string())?;
    same(world, &world.rules, &batch, "one by one and at once")?;
    let mut other = Rules::default();
    for at in shuffled(world, dice) {
        if let Some(fact) = world.fact(at) {
            other.insert(fact.clone()).map_err(|e| format!("{at} in another order: {e}"))?;
        }
    }
    same(world, &world.rules, &other, "in two orders")?;
    for device in world.devices.iter().filter(|it| it.known == world.everything()) {
        same(world, &world.rules, &device.rules, "a device and the world")?;
    }
    Ok(())
}

fn same(world: &World, one: &Rules, other: &Rules, what: &str) -> Broken {
    for (at, entry) in world.entries.iter().enumerate() {
        let differs = world.counts(one, at) != world.counts(other, at)
            || one.stands(&entry.id) != other.stands(&entry.id);
        if differs {
            return broken(format!("{what} differ at {at}"));
        }
    }
    if one.members(|_| true) == other.members(|_| true) {
        Ok(())
    } else {
        broken(format!("{what} differ in members"))
    }
}

/// All entries in an order in which each comes after what it needs.
fn shuffled(world: &World, dice: &mut Dice) -> Vec<Place> {
    let mut order = Vec::new();
    let (mut done, mut left): (Set, Set) = (0, world.everything());
    while left != 0 {
        let ready: Vec<Place> =
            places(left).filter(|at| world.entries[*at].needs & !done == 0).collect();
        let Some(at) = dice.pick(&ready).copied() else { break };
        order.push(at);
        done |= 1 << at;
        left &= !(1 << at);
    }
    order
}

/// What a standing revoke of somebody honest takes out stays out, whatever it writes afterwards,
/// however that is dated and placed.
pub fn who_is_out_stays_out(world: &World) -> Broken {
    let members = world.rules.members(|_| true);
    for revoke in world.honest_revokes() {
        let by = rank(&world.entries[revoke].chain);
        for target in world.revoked(revoke) {
            for late in revoke + 1..world.entries.len() {
                let entry = &world.entries[late];
                // A revoke by who had seen that he is out must have no effect either.
                let acts = world.rules.stands(&entry.id)
                    && world.rules.is_past(&world.entries[revoke].id, &entry.id);
                if entry.honest || !(acts || world.counts(&world.rules, late)) {
                    continue;
                }
                if let Some(how) = uses(world, entry, late, *target, by, revoke) {
                    return broken(format!("{late} counts, though {revoke} stands: {how}"));
                }
            }
            let RevokeTarget::Member(member) = target else { continue };
            let seniors = (0..world.entries.len()).flat_map(|at| world.carried(at)).any(|chain| {
                let of = chain.last().is_some_and(|it| it.member == Some(*member));
                of && (rank(chain) < by
                    || !concerns(world, revoke, chain)
                    || world.came_back(chain, *target, revoke))
            });
            if members.contains(member) && !seniors {
                return broken(format!("{target:?} is a member, though {revoke} stands"));
            }
        }
    }
    Ok(())
}

/// Whether a revoke is about this chain: an admin's about every one, somebody else's about those
/// below his own member key.
fn concerns(world: &World, revoke: Place, chain: &[Element]) -> bool {
    let by = &world.entries[revoke].chain;
    let Some(own) = by.last() else { return true };
    let below = |key: &Element| {
        key.member == own.member && chain.iter().any(|element| element.id == key.id)
    };
    own.actions.contains(Action::Admin) || by.iter().any(below)
}

/// How an entry uses what a revoke before it took out.
fn uses(
    world: &World,
    entry: &Entry,
    place: Place,
    target: RevokeTarget,
    by: usize,
    revoke: Place,
) -> Option<&'static str> {
    let back = |chain: &[Element]| world.came_back(chain, target, revoke);
    let member =
        |chain: &[Element]| chain.last().and_then(|it| it.member).map(RevokeTarget::Member);
    if rank(&entry.chain) >= by && !back(&entry.chain) && concerns(world, revoke, &entry.chain) {
        if member(&entry.chain) == Some(target) {
            return Some("its author's member is out");
        }
        if target == RevokeTarget::Author(entry.author) {
            return Some("its author is out");
        }
        if entry.chain.iter().any(|it| target == RevokeTarget::Capability(it.id)) {
            return Some("its capability is out");
        }
    }
    for chain in world.carried(place) {
        if rank(chain) < by || back(chain) || !concerns(world, revoke, chain) {
            continue;
        }
        if member(chain) == Some(target) {
            return Some("it lets in who is out");
        }
        for key in issuing(chain) {
            let tag = key.member.map(RevokeTarget::Member);
            let named = key.holder.map(RevokeTarget::MemberKey);
            if tag == Some(target) || named == Some(target) {
                return Some("a key that is out let somebody in");
            }
        }
    }
    None
}

/// The smallest rank of anybody who has turned.
fn worst(world: &World) -> usize {
    let devices = world.devices.iter().filter(|it| !it.honest).map(|it| rank(&it.chain));
    devices.chain(world.stolen_keys().iter().map(|it| rank(it))).min().unwrap_or(usize::MAX)
}

/// Whether somebody honest wrote a revoke that may concern this entry: then nothing is promised.
fn is_named(world: &World, place: Place, revokes: &[Place]) -> bool {
    let entry = &world.entries[place];
    let named = |target: &RevokeTarget| {
        revokes.iter().any(|revoke| world.revoked(*revoke).contains(target))
    };
    named(&RevokeTarget::Author(entry.author))
        || world.carried(place).into_iter().flatten().chain(entry.chain.iter()).any(|element| {
            named(&RevokeTarget::Capability(element.id))
                || element.member.is_some_and(|it| named(&RevokeTarget::Member(it)))
                || element.holder.is_some_and(|it| named(&RevokeTarget::MemberKey(it)))
                || element.holder.is_some_and(|it| named(&RevokeTarget::Author(AuthorKey(it.0))))
                || world
                    .made_by(element)
                    .is_some_and(|maker| named(&RevokeTarget::Author(world.entries[maker].author)))
        })
}

/// All revokes honest people wrote, standing or not.
fn written_revokes(world: &World) -> Vec<Place> {
    let all = 0..world.entries.len();
    all.filter(|at| world.entries[*at].honest && !world.revoked(*at).is_empty()).collect()
}

/// Nobody who has turned harms his seniors.
pub fn seniors_are_safe(world: &World) -> Broken {
    let worst = worst(world);
    let revokes = written_revokes(world);
    for (at, entry) in world.entries.iter().enumerate() {
        // A grant is as junior as whom it lets in: that is what a revoke takes back.
        let given = world.carried(at).into_iter().map(rank).max().unwrap_or(0);
        let senior = entry.honest && rank(&entry.chain).max(given) < worst;
        if senior && !is_named(world, at, &revokes) && !world.counts(&world.rules, at) {
            return broken(format!("{at} of a senior does not count"));
        }
    }
    Ok(())
}

/// A revoke somebody honest wrote, of a rank not below those who have turned, goes on standing,
/// unless somebody honest took its author out.
pub fn revokes_of_equals_stand(world: &World) -> Broken {
    let worst = worst(world);
    let revokes = written_revokes(world);
    for at in &revokes {
        let entry = &world.entries[*at];
        // One that was written after something of theirs was heard may have been judged by it.
        let clean = places(entry.needs).all(|before| world.entries[before].honest);
        let others: Vec<Place> = revokes.iter().copied().filter(|other| other != at).collect();
        // Who kept an invite key can contest its acceptance: then neither counts, he is out too.
        let contested = |element: &Element| element.caveats.accept && world.accepted(element) > 1;
        let equal = rank(&entry.chain) <= worst && !entry.chain.iter().any(contested);
        if equal && clean && !is_named(world, *at, &others) && !world.rules.stands(&entry.id) {
            return broken(format!("revoke {at} fell"));
        }
    }
    Ok(())
}

/// One revoke by the root key, with cutoffs before the first thing it does not trust, and all
/// honest work counts again.
pub fn one_revoke_repairs(world: &World) -> Broken {
    let mut world = world.clone();
    let mut targets: BTreeSet<RevokeTarget> =
        world.turned.iter().map(|person| RevokeTarget::Member(tag(*person))).collect();
    let bad: BTreeSet<AuthorKey> =
        world.devices.iter().filter(|it| !it.honest).map(|it| it.author).collect();
    targets.extend(bad.iter().map(|author| RevokeTarget::Author(*author)));
    let stolen = world.devices.iter().filter(|it| !it.honest);
    targets.extend(stolen.filter_map(|it| {
        let (_, keys) = it.chain.split_last()?;
        keys.last()?.holder.map(RevokeTarget::MemberKey)
    }));
    let cutoffs = bad
        .iter()
        .filter_map(|author| {
            let own =
                |at: &Place| world.entries[*at].author == *author && world.entries[*at].honest;
            (0..world.entries.len()).rfind(own).map(|at| world.cutoff(at))
        })
        .collect();
    let revokes = written_revokes(&world);
    let Some(repair) =
        world.by_root(Act::Revoke { targets: targets.into_iter().collect(), cutoffs })
    else {
        return Ok(());
    };
    for at in 0..repair {
        let entry = world.entries[at].clone();
        let rests_on_theirs = entry
            .chain
            .iter()
            .filter_map(|element| world.made_by(element))
            .any(|maker| !world.entries[maker].honest);
        let counts = world.counts(&world.rules, at);
        if !entry.honest && counts {
            return broken(format!("{at} counts after the repair\n{}", world.told()));
        }
        if entry.honest && !rests_on_theirs && !is_named(&world, at, &revokes) && !counts {
            return broken(format!("{at} is lost after the repair\n{}", world.told()));
        }
    }
    let members = world.rules.members(|_| true);
    match world.turned.iter().find(|person| members.contains(&tag(**person))) {
        Some(person) => broken(format!("person {person} is a member after the repair")),
        None => Ok(()),
    }
}

/// All of it.
pub fn all(world: &World, dice: &mut Dice) -> Broken {
    any_order_gives_the_same(world, dice)?;
    who_is_out_stays_out(world)?;
    seniors_are_safe(world)?;
    revokes_of_equals_stand(world)?;
    one_revoke_repairs(world)
}
