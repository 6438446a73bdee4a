//! The clear part of a message: how its key was sealed, and by what right it is here. Comes in:
//! bytes of a stranger. Goes out: the one typed form. Must not know: keys, what the message says.
//!
//! Bytes: docs/spec/drop.md, "Message". Golden files: vectors/clear/message.json.

use super::{KEM_ENC_LEN, References};
use crate::cbor::{CborError, Reader, Writer};
use crate::ids::EntryId;
use crate::limits::CAPABILITY_LEN_MAX;

/// Clear part of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// X-Wing encapsulation to the drop's key.
    pub enc: Box<[u8; KEM_ENC_LEN]>,
    /// The member entry that carries the drop's capability.
    pub drop: EntryId,
    /// COSE bytes of the capability the drop's key gave to the author of this one message.
    pub capability: Vec<u8>,
    /// Chunks its content needs.
    pub references: References,
}

impl Message {
    pub(super) fn write(&self, w: &mut Writer) {
        w.array(4).bytes(&*self.enc).bytes(&self.drop.0).bytes(&self.capability);
        w.array(2);
        self.references.write(w);
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        r.array_exact(4)?;
        Ok(Self {
            enc: Box::new(r.bytes_exact()?),
            drop: EntryId(r.bytes_exact()?),
            capability: r.bytes(CAPABILITY_LEN_MAX)?.to_vec(),
            references: {
                r.array_exact(2)?;
                References::read(r)?
            },
        })
    }
}
