//! How everything of one bucket is sealed. Comes in: a bucket's genesis. Goes out: its suite and
//! its padding, and whether another suite may stand there. Must not know: who reads the bucket.
//!
//! Both are fixed at the bucket's birth and named by its id, which is the hash of the genesis: no
//! provider, and no later entry, can offer a bucket with other ones (attack A07).

use strongroom_wire::clear::{Floors, Genesis, PaddingRule};

use crate::cost::Cost;
use crate::suite::{Floor, Suite, SuiteError};

/// How things are sealed in one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealing {
    /// The cipher of all that is written: entries, wraps, slots, chunks.
    pub suite: Suite,
    /// How lengths are hidden.
    pub padding: PaddingRule,
}

impl Sealing {
    /// Suite 1 and Padmé: what buckets have unless somebody asks for something else.
    pub const DEFAULT: Self = Self { suite: Suite::DEFAULT, padding: PaddingRule::Padme };

    /// What a genesis fixed. Of several suites the bucket's own is the largest that is listed;
    /// others may stand in headers only.
    ///
    /// ```
    /// # use strongroom_seal::{sealing::Sealing, suite::{Suite, SuiteError}};
    /// # use strongroom_wire::{clear::{Floors, Genesis, PaddingRule}, ids::PublicKey};
    /// # let mut genesis = Genesis { floors: Floors::only(2), root_key: PublicKey([0; 32]),
    /// #     next_root: [0; 32], ledger_keys: [0; 32], public: false,
    /// #     padding: PaddingRule::Padme };
    /// assert_eq!(Sealing::of(&genesis)?.suite, Suite::XChaCha20Poly1305);
    /// genesis.floors.suites = vec![9];
    /// assert_eq!(Sealing::of(&genesis), Err(SuiteError::Unknown(9)));
    /// # Ok::<(), SuiteError>(())
    /// ```
    pub fn of(genesis: &Genesis) -> Result<Self, SuiteError> {
        let own = genesis.floors.suites.last().copied().unwrap_or_default();
        let suite = Floor::of(&genesis.floors).admit(own)?;
        Ok(Self { suite, padding: genesis.padding })
    }

    /// What a new bucket's genesis says of it.
    pub fn floors(&self) -> Floors {
        Floors::only(self.suite.byte())
    }
}

impl Default for Sealing {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Floor {
    /// What a genesis states.
    pub fn of(floors: &Floors) -> Self {
        let cost = Cost {
            memory_kib: floors.argon_memory_kib,
            passes: floors.argon_passes,
            lanes: Cost::FLOOR.lanes,
        };
        Self { generation: floors.generation, suites: floors.suites.clone(), cost }
    }
}
