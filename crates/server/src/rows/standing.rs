//! Rows of where entries stand. Comes in: numbers, clocks, ids. Goes out: values of fixed width,
//! and back. Must not know: keys of rows, who asks.

use strongroom_wire::entry::Hlc;
use strongroom_wire::ids::EntryId;

/// Where an entry stands, and its clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Arrival number.
    pub number: u64,
    /// Its clock.
    pub hlc: Hlc,
}

impl Place {
    /// The row's value: two u64.
    pub fn encode(&self) -> Vec<u8> {
        [self.number.to_be_bytes(), self.hlc.0.to_be_bytes()].concat()
    }

    /// Reads the row's value.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (number, hlc) = bytes.split_first_chunk::<8>()?;
        let hlc = Hlc(u64::from_be_bytes(hlc.try_into().ok()?));
        Some(Self { number: u64::from_be_bytes(*number), hlc })
    }
}

/// One entry about a document, as comparing sets needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// Its clock.
    pub hlc: Hlc,
    /// The entry.
    pub id: EntryId,
}

impl Version {
    /// The row's value: u64, then the id.
    pub fn encode(&self) -> Vec<u8> {
        [&self.hlc.0.to_be_bytes()[..], &self.id.0].concat()
    }

    /// Reads the row's value.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (hlc, id) = bytes.split_first_chunk::<8>()?;
        Some(Self { hlc: Hlc(u64::from_be_bytes(*hlc)), id: EntryId(id.try_into().ok()?) })
    }
}

/// The newest entry of one author.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthorTip {
    /// Its place in the author's chain.
    pub seq: u64,
    /// Its id.
    pub id: EntryId,
    /// Its clock.
    pub hlc: Hlc,
}

impl AuthorTip {
    /// The row's value: two u64 and an id.
    pub fn encode(&self) -> Vec<u8> {
        [&self.seq.to_be_bytes()[..], &self.hlc.0.to_be_bytes(), &self.id.0].concat()
    }

    /// Reads the row's value.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (seq, rest) = bytes.split_first_chunk::<8>()?;
        let (hlc, id) = rest.split_first_chunk::<8>()?;
        Some(Self {
            seq: u64::from_be_bytes(*seq),
            hlc: Hlc(u64::from_be_bytes(*hlc)),
            id: EntryId(id.try_into().ok()?),
        })
    }
}
