//! A world in words, for who must find out why something broke. Comes in: a world. Goes out: one
//! line an entry. Must not know: what should have been.

use core::fmt::Write as _;

use strongroom_wire::clear::RevokeTarget;
use strongroom_wire::rules::{Act, Chain, rank};

use crate::world::{Made, World, person};

impl World {
    /// The world in words, for who must find out why something broke.
    pub fn told(&self) -> String {
        let mut out = String::new();
        for (at, entry) in self.entries.iter().enumerate() {
            let who = entry.chain.last().and_then(|last| last.member).map_or(99, person);
            let what = match &entry.made {
                Made::Version(epoch) => format!("version under {epoch}"),
                Made::Control(fact, _) => match &fact.act {
                    Act::Genesis => "genesis".to_owned(),
                    Act::Epoch => format!(
                        "epoch for {:?}",
                        self.recipients(at).iter().map(|it| person(*it)).collect::<Vec<_>>()
                    ),
                    Act::Member(carried) => format!(
                        "member {}",
                        carried.iter().map(shown).collect::<Vec<_>>().join(" and ")
                    ),
                    Act::Revoke { targets, cutoffs } => format!(
                        "revoke {:?}, cutoffs {:?}",
                        targets.iter().map(short).collect::<Vec<_>>(),
                        cutoffs
                            .iter()
                            .map(|it| (it.author.0[31], self.place_of(&it.id)))
                            .collect::<Vec<_>>()
                    ),
                },
            };
            let names: Vec<_> = match &entry.made {
                Made::Control(fact, _) => {
                    fact.names.iter().filter_map(|id| self.place_of(id)).collect()
                }
                Made::Version(_) => Vec::new(),
            };
            let _ = write!(
                out,
                "\n{at:3} {} person {who} author {} prev {:?} names {names:?} rank {}: {what}; \
                 counts {} stands {}",
                if entry.honest { "    " } else { "EVIL" },
                entry.author.0[31],
                entry.prev,
                rank(&entry.chain),
                self.counts(&self.rules, at),
                self.rules.stands(&entry.id),
            );
        }
        out
    }
}

fn shown(chain: &Chain) -> String {
    let parts = chain.iter().map(|it| {
        format!(
            "{}{}:p{}k{}",
            if it.caveats.accept { "invite " } else { "" },
            it.id.0[31],
            it.member.map_or(99, person),
            it.holder.map_or(0, |key| key.0[31])
        )
    });
    format!("[{}]", parts.collect::<Vec<_>>().join(" > "))
}

fn short(target: &RevokeTarget) -> String {
    match target {
        RevokeTarget::Member(tag) => format!("person {}", person(*tag)),
        RevokeTarget::Author(author) => format!("author {}", author.0[31]),
        RevokeTarget::MemberKey(key) => format!("key {}", key.0[31]),
        RevokeTarget::Capability(id) => format!("capability {}", id.0[31]),
        other => format!("{other:?}"),
    }
}
