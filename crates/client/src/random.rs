//! The system's randomness. Comes in: a request for bytes. Goes out: bytes nobody can predict. Must
//! not know: what they are for.

use strongroom_seal::rng::Rng;

/// Randomness of the operating system. Ends the process where the system has none: a key that is
/// not random would be worse than no answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRng;

impl Rng for SystemRng {
    fn fill(&mut self, out: &mut [u8]) {
        getrandom::fill(out).expect("the system has no randomness; nothing can be sealed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_draws_differ() {
        assert_ne!(SystemRng.bytes32(), SystemRng.bytes32());
    }
}
