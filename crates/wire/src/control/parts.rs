//! What the log says of parts of a bucket: who may still read one document, and which keys it has.
//! Comes in: ids. Goes out: yes or no, numbers. Must not know: keys.

use super::Control;
use crate::capability::Grant;
use crate::clear::RevokeTarget;
use crate::entry::Hlc;
use crate::ids::{CapabilityId, DocumentTag, EntryId};
use crate::rules::{Act, Fact};

impl Control {
    /// Whether nothing that was revoked stands in the chain of a request.
    pub fn may_use(&self, grant: &Grant) -> bool {
        self.rules.may_use(grant.elements())
    }

    /// Whether a capability that a member entry carried is good for requests still: nothing along
    /// its chain was revoked.
    pub fn is_usable(&self, id: &CapabilityId) -> bool {
        self.grants.get(id).is_some_and(|granted| self.may_use(&granted.grant))
    }

    /// The generation of a document's keys: how many revokes that stand name it. Who writes uses
    /// what he has seen; who reads takes the header's.
    pub fn generation(&self, document: DocumentTag) -> u32 {
        let target = RevokeTarget::Document(document);
        let names = |fact: &&Fact| match &fact.act {
            Act::Revoke { targets, .. } => targets.contains(&target),
            _ => false,
        };
        let count = self.rules.standing().filter(names).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// All entries of the log with their clocks.
    pub fn entries(&self) -> impl Iterator<Item = (&EntryId, &Hlc)> {
        self.entries.iter()
    }
}
