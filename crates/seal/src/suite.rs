//! The suite byte and its floor. Comes in: a byte of a stranger. Goes out: a suite this build can
//! use and is allowed to use, or an error. Must not know: who sent the byte.
//!
//! | byte | bulk seal | generation | built |
//! |---|---|---|---|
//! | 1 | AES-256-GCM | 1 | yes |
//! | 2 | XChaCha20-Poly1305 | 1 | yes; in buckets whose genesis lists it |
//!
//! No negotiation with a provider ever chooses a suite: it is fixed by what is sealed, and a floor
//! only rises (attack A07).

use crate::cost::Cost;

/// A suite this build can seal and open with. A value of this type is always usable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Suite {
    /// X-Wing, Ed25519, BLAKE3, AES-256-GCM, Argon2id.
    Aes256Gcm,
    /// The same with XChaCha20-Poly1305 in the place of AES-256-GCM: as fast without AES hardware.
    XChaCha20Poly1305,
}

/// Why a suite byte is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SuiteError {
    /// No format defines this byte.
    #[error("suite {0} is unknown; a newer program may know it")]
    Unknown(u8),
    /// Older than what was accepted before for the same principal or bucket.
    #[error("suite {suite} is of generation {found}, the lowest accepted is {lowest}")]
    BelowFloor {
        /// The suite byte.
        suite: u8,
        /// Its generation.
        found: u8,
        /// The floor.
        lowest: u8,
    },
    /// The bucket's or principal's genesis does not list it.
    #[error("suite {0} is not listed where it is used")]
    NotListed(u8),
}

impl Suite {
    /// What is sealed with where no bucket says otherwise: rows of the device itself, key stores,
    /// recovery records, invitations.
    pub const DEFAULT: Self = Self::Aes256Gcm;

    /// All there are, ascending by byte.
    pub const ALL: [Self; 2] = [Self::Aes256Gcm, Self::XChaCha20Poly1305];

    /// Reads a suite byte.
    ///
    /// ```
    /// use strongroom_seal::suite::{Suite, SuiteError};
    /// assert_eq!(Suite::from_byte(1), Ok(Suite::Aes256Gcm));
    /// assert_eq!(Suite::from_byte(2), Ok(Suite::XChaCha20Poly1305));
    /// assert_eq!(Suite::from_byte(3), Err(SuiteError::Unknown(3)));
    /// ```
    pub const fn from_byte(byte: u8) -> Result<Self, SuiteError> {
        match byte {
            1 => Ok(Self::Aes256Gcm),
            2 => Ok(Self::XChaCha20Poly1305),
            other => Err(SuiteError::Unknown(other)),
        }
    }

    /// Reads the suite byte of what is sealed outside every bucket: suite 1 and no other.
    pub const fn outside_buckets(byte: u8) -> Result<Self, SuiteError> {
        match Self::from_byte(byte) {
            Ok(Self::Aes256Gcm) => Ok(Self::DEFAULT),
            Ok(_) => Err(SuiteError::NotListed(byte)),
            Err(error) => Err(error),
        }
    }

    /// The byte in entries, capabilities and key logs.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Aes256Gcm => 1,
            Self::XChaCha20Poly1305 => 2,
        }
    }

    /// How strong it is held to be: floors compare this, not the byte.
    pub const fn generation(self) -> u8 {
        match self {
            Self::Aes256Gcm | Self::XChaCha20Poly1305 => 1,
        }
    }
}

/// The lowest a device accepts for one principal or bucket. It never falls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Floor {
    /// Lowest generation.
    pub generation: u8,
    /// Suite bytes in use, ascending.
    pub suites: Vec<u8>,
    /// Lowest cost of a password.
    pub cost: Cost,
}

impl Floor {
    /// The floor of everything made by this version.
    pub fn lowest() -> Self {
        Self { generation: 1, suites: vec![1], cost: Cost::FLOOR }
    }

    /// Reads a suite byte and refuses what is below this floor or not listed.
    pub fn admit(&self, byte: u8) -> Result<Suite, SuiteError> {
        let suite = Suite::from_byte(byte)?;
        if suite.generation() < self.generation {
            return Err(SuiteError::BelowFloor {
                suite: byte,
                found: suite.generation(),
                lowest: self.generation,
            });
        }
        if self.suites.contains(&byte) { Ok(suite) } else { Err(SuiteError::NotListed(byte)) }
    }

    /// This floor after `seen` was seen: the higher of both, and only suites both list. A later
    /// statement can raise and narrow, never lower or widen.
    #[must_use]
    pub fn raised_by(&self, seen: &Self) -> Self {
        Self {
            generation: self.generation.max(seen.generation),
            suites: self.suites.iter().copied().filter(|s| seen.suites.contains(s)).collect(),
            cost: self.cost.at_least(seen.cost),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use strongroom_wire::clear::{Floors, generation};

    #[test]
    fn a07_a_floor_only_rises() {
        let low = Floor::lowest();
        let high = Floor {
            generation: 2,
            suites: vec![1, 2],
            cost: Cost { memory_kib: 1 << 18, passes: 1, lanes: 4 },
        };
        let raised = low.raised_by(&high);
        assert_eq!(raised.generation, 2);
        assert_eq!(raised.suites, [1]);
        assert_eq!(raised.cost, Cost { memory_kib: 1 << 18, passes: 3, lanes: 4 });
        assert_eq!(raised.raised_by(&low), raised, "what was seen later lowers nothing");
        assert_eq!(raised.admit(1), Err(SuiteError::BelowFloor { suite: 1, found: 1, lowest: 2 }));
    }

    #[test]
    fn a07_every_byte_but_the_listed_ones_is_refused() {
        let floor = Floor::lowest();
        let two = Floor { suites: vec![2], ..Floor::lowest() };
        let both = Floor { suites: vec![1, 2], ..Floor::lowest() };
        for byte in 0..=u8::MAX {
            assert_eq!(floor.admit(byte).is_ok(), byte == 1, "suite {byte}");
            assert_eq!(two.admit(byte).is_ok(), byte == 2, "suite {byte}");
            assert_eq!(both.admit(byte).is_ok(), byte == 1 || byte == 2, "suite {byte}");
            assert_eq!(Suite::outside_buckets(byte).is_ok(), byte == 1, "suite {byte}");
            let floors = Floors::only(2);
            assert_eq!(floors.admits(byte), Floor::of(&floors).admit(byte).is_ok(), "{byte}");
        }
        assert_eq!(floor.admit(2), Err(SuiteError::NotListed(2)));
        for suite in Suite::ALL {
            assert_eq!(generation(suite.byte()), Some(suite.generation()));
        }
        let narrow = Floor { suites: vec![], ..floor };
        assert_eq!(narrow.admit(1), Err(SuiteError::NotListed(1)));
    }
}
