//! What a password costs to try. Comes in: numbers of a stranger. Goes out: a cost within bounds.
//! Must not know: the password.

/// The cost of one Argon2id run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes that could be computed at once.
    pub lanes: u32,
}

impl Cost {
    /// Lowest accepted: 64 MiB, 3 passes, 4 lanes. Below it a stolen key store is guessed at too
    /// quickly.
    pub const FLOOR: Self = Self { memory_kib: 65_536, passes: 3, lanes: 4 };

    /// Highest accepted: 1 GiB, 16 passes, 16 lanes. Above it a forged header would be a bomb.
    pub const CEILING: Self = Self { memory_kib: 1_048_576, passes: 16, lanes: 16 };

    /// Whether each number lies between floor and ceiling.
    pub const fn is_acceptable(self) -> bool {
        self.memory_kib >= Self::FLOOR.memory_kib
            && self.memory_kib <= Self::CEILING.memory_kib
            && self.passes >= Self::FLOOR.passes
            && self.passes <= Self::CEILING.passes
            && self.lanes >= Self::FLOOR.lanes
            && self.lanes <= Self::CEILING.lanes
    }

    /// The higher of both, number by number.
    #[must_use]
    pub fn at_least(self, other: Self) -> Self {
        Self {
            memory_kib: self.memory_kib.max(other.memory_kib),
            passes: self.passes.max(other.passes),
            lanes: self.lanes.max(other.lanes),
        }
    }
}
