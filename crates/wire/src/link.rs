//! Links as a provider sees them. Comes in: bytes of a peer. Goes out: what a link needs besides
//! its own text: how its password is salted, and the capability chain down to its key. Must not
//! know: the link's secret, or what it opens.
//!
//! Bytes: docs/spec/link.md. Golden files: vectors/link/.

use crate::capability::{CapabilityChain, CapabilityError};
use crate::cbor::{CborError, Reader, Writer};
use crate::format::FORMAT;
use crate::ids::EntryId;
use crate::limits::{CAPABILITY_LEN_MAX, CHAIN_LEN_MAX};

/// How a link's password is salted, and what one try costs. What is acceptable is for the opener
/// to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordSalt {
    /// Random.
    pub salt: [u8; 16],
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

/// What a provider keeps for one link.
#[derive(Debug, Clone)]
pub struct LinkRecord {
    /// Present where the link takes a password.
    pub password: Option<PasswordSalt>,
    /// From the root key to the link's member key.
    pub chain: CapabilityChain,
    /// Of a link one can only put things in with: the member entry that made the drop.
    pub drop: Option<EntryId>,
}

/// Why bytes are no link record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkRecordError {
    /// Not the canonical form.
    #[error(transparent)]
    Form(#[from] CborError),
    /// A capability of its chain is none.
    #[error("a capability of its chain is malformed")]
    Capability,
}

impl From<CapabilityError> for LinkRecordError {
    fn from(_: CapabilityError) -> Self {
        Self::Capability
    }
}

impl LinkRecord {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::with_capacity(2_048);
        w.array(4).uint(u64::from(FORMAT));
        w.option(self.password.as_ref(), |w, it| {
            w.array(4).bytes(&it.salt).uint(u64::from(it.memory_kib));
            w.uint(u64::from(it.passes)).uint(u64::from(it.lanes));
        });
        let chain = self.chain.capabilities();
        w.array(chain.len());
        for capability in chain {
            w.bytes(capability.bytes());
        }
        w.option(self.drop.as_ref(), |w, entry| {
            w.bytes(&entry.0);
        });
        w.into_bytes()
    }

    /// Reads the canonical bytes. The chain is decoded, not verified.
    pub fn decode(bytes: &[u8]) -> Result<Self, LinkRecordError> {
        let mut r = Reader::new(bytes);
        r.array_exact(4)?;
        if r.u8()? != FORMAT {
            return Err(CborError::Unknown.into());
        }
        let password = r.option(|r| {
            r.array_exact(4)?;
            Ok(PasswordSalt {
                salt: r.bytes_exact()?,
                memory_kib: r.u32()?,
                passes: r.u32()?,
                lanes: r.u32()?,
            })
        })?;
        let count = r.array(CHAIN_LEN_MAX)?;
        if count == 0 {
            return Err(CborError::Limit.into());
        }
        let parts: Vec<&[u8]> =
            (0..count).map(|_| r.bytes(CAPABILITY_LEN_MAX)).collect::<Result<_, _>>()?;
        let drop = r.option(|r| r.bytes_exact().map(EntryId))?;
        r.end()?;
        Ok(Self { password, chain: CapabilityChain::from_parts(&parts)?, drop })
    }
}

/// How often a link was opened, as its provider counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkUses {
    /// How often it may be; none: it is not counted.
    pub allowed: Option<u64>,
    /// How often it was.
    pub spent: u64,
}

impl LinkUses {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(2);
        w.option(self.allowed, |w, allowed| {
            w.uint(allowed);
        });
        w.uint(self.spent);
        w.into_bytes()
    }

    /// Reads the canonical bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        r.array_exact(2)?;
        let uses = Self { allowed: r.option(Reader::uint)?, spent: r.uint()? };
        r.end()?;
        Ok(uses)
    }
}
