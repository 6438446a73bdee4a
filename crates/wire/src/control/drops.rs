//! Messages, and the drops they come through. Comes in: a message's header and clear part. Goes
//! out: whether it counts, and by which chain. Must not know: what it says, who sent it.
//!
//! The author of a message is a key made for it alone, which no member entry carries. Its right is
//! the message's own: a capability of the drop's key, for `append` and nothing else. So a message
//! is the first and the last entry of its author.
//!
//! A drop stays open when the clock moves on and is closed by a revoke that names its capability or
//! its tag; messages that the revoke's cutoffs name stay. docs/spec/membership.md, "Messages".

use super::{Control, ControlError};
use crate::capability::{
    Action, Actions, Capability, CapabilityChain, Caveats, Element, Grant, Target, verify,
};
use crate::clear::{Clear, Member, Message};
use crate::entry::{Entry, Header, Kind};
use crate::ids::{CapabilityId, EntryId, MemberTag, PublicKey};
use crate::rules::{Act, Fact, Writing, puts_only};

/// What a drop's key may do.
pub const DROP_ACTIONS: Actions = Actions::of(&[Action::Append]);

/// A drop of the bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drop {
    /// The member entry that made it.
    pub entry: EntryId,
    /// Its capability.
    pub capability: CapabilityId,
    /// Its key.
    pub key: PublicKey,
    /// Its tag.
    pub tag: MemberTag,
    /// When it ends, seconds since 1970.
    pub expires: u64,
    /// What it may take in.
    pub caveats: Caveats,
}

impl Control {
    /// Whether an entry beside the log may stand: as [`Control::judge`] says, and for a message by
    /// what its clear part brings.
    pub fn judge_entry(&self, entry: &Entry) -> Result<(), ControlError> {
        if entry.header().kind != Kind::Message {
            return self.judge(entry.header());
        }
        let clear = Clear::decode(Kind::Message, entry.clear()).map_err(|_| ControlError::Form)?;
        let Clear::Message(message) = clear else { return Err(ControlError::Form) };
        self.judge_message(entry.header(), &message).map(drop)
    }

    /// Whether a message may stand, and what its author's chain allows.
    pub fn judge_message(&self, header: &Header, message: &Message) -> Result<Grant, ControlError> {
        if header.kind != Kind::Message || header.bucket != self.bucket {
            return Err(ControlError::Bucket);
        }
        let epoch = self.epochs.get(&header.epoch).ok_or(ControlError::Missing)?;
        let made = self.entries.get(&message.drop).ok_or(ControlError::Missing)?;
        if header.hlc < epoch.hlc || header.hlc < *made {
            return Err(ControlError::Clock);
        }
        if self.is_over(header.hlc) {
            return Err(ControlError::Deactivated);
        }
        let capability = Capability::decode(&message.capability).map_err(|_| ControlError::Form)?;
        let chain = self.chain_above(&capability, &[])?;
        let grant = verify(&chain, &self.judge_at(header.hlc), |_| false)
            .map_err(|_| ControlError::NotAllowed)?;
        let own = header.cap == capability.id()
            && header.seq == 0
            && grant.holder() == Some(header.author.public_key())
            && grant.actions() == DROP_ACTIONS
            && grant.allows(Action::Append, &Target::Bucket(self.bucket));
        if !own {
            return Err(ControlError::NotAllowed);
        }
        // What gave it is carried as for any author; what the drop's key gave, by the message. The
        // drop's own key writes nothing: whoever closes the drop names its capability.
        let (_, above) = grant.elements().split_last().ok_or(ControlError::NotAllowed)?;
        if !puts_only(above) {
            return Err(ControlError::NotAllowed);
        }
        let writing = Writing {
            author: &header.author,
            chain: above,
            before: Some(message.drop),
            epoch: header.epoch,
        };
        let counts = self.rules.counts_beside(&writing, |cutoff| header.seq <= cutoff.seq);
        if counts { Ok(grant) } else { Err(ControlError::Stopped) }
    }

    /// The drops that are open, but for the clock.
    pub fn drops(&self) -> Vec<Drop> {
        let mut drops: Vec<Drop> =
            self.rules.facts().flat_map(|fact| self.drops_of(fact)).collect();
        drops.sort_unstable_by_key(|drop| drop.entry);
        drops
    }

    fn drops_of(&self, fact: &Fact) -> Vec<Drop> {
        let Act::Member(carried) = &fact.act else { return Vec::new() };
        if !self.counts(&fact.id) {
            return Vec::new();
        }
        let open = carried.iter().filter(|chain| puts_only(chain) && self.rules.may_use(chain));
        open.filter_map(|chain| chain.last().and_then(|last| self.drop_of(fact.id, last))).collect()
    }

    fn drop_of(&self, entry: EntryId, last: &Element) -> Option<Drop> {
        let expires = self.capabilities.get(&last.id)?.claims().expires;
        let (key, tag) = (last.holder?, last.member?);
        Some(Drop { entry, capability: last.id, key, tag, expires, caveats: last.caveats })
    }

    /// The whole chain of a drop, as its holder shows it.
    pub fn drop_chain(&self, drop: &Drop) -> Result<CapabilityChain, ControlError> {
        self.chain(&drop.capability)
    }
}

/// Whether this member entry makes a drop.
pub fn makes_drop(member: &Member) -> bool {
    let mut newest_first = member.capabilities.iter().rev();
    let last = newest_first.find_map(|bytes| Capability::decode(bytes).ok());
    last.is_some_and(|last| last.claims().actions == DROP_ACTIONS)
}
