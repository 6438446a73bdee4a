//! Capability chains as they travel. Comes in: capabilities, or bytes of a stranger. Goes out: a
//! list of at most eight well-formed capabilities, root first. Must not know: whether any of them
//! holds.

use super::{Capability, CapabilityError, Target};
use crate::cbor::{Reader, Writer};
use crate::limits::{CAPABILITY_LEN_MAX, CHAIN_BYTES_MAX, CHAIN_LEN_MAX};

/// BLAKE3 of an encoded chain: its name, once a provider has seen it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainHash(pub [u8; 32]);

/// Up to eight capabilities, root first. **Not** verified: see [`super::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapabilityChain {
    capabilities: Vec<Capability>,
}

impl CapabilityChain {
    /// No capability at all: what a session for sign-up and recovery shows. It allows nothing, and
    /// the verifier refuses it.
    pub const fn none() -> Self {
        Self { capabilities: Vec::new() }
    }

    /// A chain of these, root first. Their number is checked, nothing else.
    pub fn new(capabilities: Vec<Capability>) -> Result<Self, CapabilityError> {
        match capabilities.len() {
            0 => Err(CapabilityError::Missing),
            1..=CHAIN_LEN_MAX => Ok(Self { capabilities }),
            _ => Err(CapabilityError::TooLarge),
        }
    }

    /// This chain and one capability more at its end.
    pub fn extended(&self, capability: Capability) -> Result<Self, CapabilityError> {
        let mut capabilities = self.capabilities.clone();
        capabilities.push(capability);
        Self::new(capabilities)
    }

    /// Reads a CBOR array of byte strings. Sizes and counts are checked before anything is
    /// decoded, and everything is decoded before any signature is checked.
    pub fn decode(bytes: &[u8]) -> Result<Self, CapabilityError> {
        if bytes.len() > CHAIN_BYTES_MAX {
            return Err(CapabilityError::TooLarge);
        }
        let mut r = Reader::new(bytes);
        let count = r.array(CHAIN_LEN_MAX)?;
        let mut parts = Vec::with_capacity(count);
        for _ in 0..count {
            parts.push(r.bytes(CAPABILITY_LEN_MAX)?);
        }
        r.end()?;
        Self::from_parts(&parts)
    }

    /// Reads capabilities that were carried one by one, root first.
    pub fn from_parts(parts: &[&[u8]]) -> Result<Self, CapabilityError> {
        let too_large = parts.iter().any(|part| part.len() > CAPABILITY_LEN_MAX);
        if parts.len() > CHAIN_LEN_MAX || too_large {
            return Err(CapabilityError::TooLarge);
        }
        Self::new(parts.iter().map(|part| Capability::decode(part)).collect::<Result<_, _>>()?)
    }

    /// The CBOR array of byte strings.
    pub fn encode(&self) -> Vec<u8> {
        let len: usize = self.capabilities.iter().map(|one| one.bytes().len() + 3).sum();
        let mut w = Writer::with_capacity(len + 1);
        w.array(self.capabilities.len());
        for capability in &self.capabilities {
            w.bytes(capability.bytes());
        }
        w.into_bytes()
    }

    /// BLAKE3 of [`CapabilityChain::encode`].
    pub fn hash(&self) -> ChainHash {
        ChainHash(*blake3::hash(&self.encode()).as_bytes())
    }

    /// The capabilities, root first; at least one.
    pub fn capabilities(&self) -> &[Capability] {
        &self.capabilities
    }

    /// The last one: what the whole chain allows.
    pub fn last(&self) -> Option<&Capability> {
        self.capabilities.last()
    }

    /// The first one's target: it tells whose root key must have signed it.
    pub fn root_target(&self) -> Option<Target> {
        self.capabilities.first().map(|first| first.claims().target)
    }
}
