//! Keys that members close themselves, because a device was lost. Comes in: the standing revokes.
//! Goes out: whether an epoch is from before them, and what they name. Must not know: whose
//! devices they are.

use super::Control;
use crate::clear::RevokeTarget;
use crate::ids::EntryId;
use crate::rules::{Act, Fact};

impl Control {
    /// Whether who made this epoch had seen every standing revoke that closes a member key: with
    /// the key an agree key changed, and what was wrapped to the one before a thief opens, too.
    pub fn follows_closings(&self, epoch: &EntryId) -> bool {
        let closes = |fact: &&Fact| match &fact.act {
            Act::Revoke { targets, .. } => {
                targets.iter().any(|it| matches!(it, RevokeTarget::MemberKey(_)))
            }
            _ => false,
        };
        self.rules.standing().filter(closes).all(|it| self.rules.is_past(&it.id, epoch))
    }

    /// Whether a standing revoke names this.
    pub fn is_named(&self, target: &RevokeTarget) -> bool {
        self.rules.standing().any(|fact| match &fact.act {
            Act::Revoke { targets, .. } => targets.contains(target),
            _ => false,
        })
    }
}
