//! The system's randomness. Comes in: a request for bytes. Goes out: bytes nobody can predict. Must
//! not know: what they are for.

use std::cell::RefCell;

use strongroom_seal::rng::Rng;
use zeroize::{Zeroize, Zeroizing};

/// Bytes drawn from the system at a time: a call costs as much for these as for 32, and sealing ten
/// thousand documents asks forty thousand times.
const DRAWN_LEN: usize = 4_096;

/// Bytes drawn and not handed out yet. No byte is handed out twice: each is wiped as it goes, and
/// each thread has its own. Processes do not share them either: this program never forks without
/// starting anew.
struct Drawn {
    bytes: Zeroizing<[u8; DRAWN_LEN]>,
    used: usize,
}

thread_local! {
    static DRAWN: RefCell<Drawn> =
        RefCell::new(Drawn { bytes: Zeroizing::new([0; DRAWN_LEN]), used: DRAWN_LEN });
}

/// Randomness of the operating system. Ends the process where the system has none: a key that is
/// not random would be worse than no answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRng;

impl Rng for SystemRng {
    fn fill(&mut self, out: &mut [u8]) {
        if out.len() > DRAWN_LEN / 8 {
            return system(out);
        }
        DRAWN.with_borrow_mut(|drawn| drawn.fill(out));
    }
}

impl Drawn {
    fn fill(&mut self, out: &mut [u8]) {
        if DRAWN_LEN - self.used < out.len() {
            system(self.bytes.as_mut_slice());
            self.used = 0;
        }
        let taken = &mut self.bytes[self.used..self.used + out.len()];
        out.copy_from_slice(taken);
        taken.zeroize();
        self.used += out.len();
    }
}

fn system(out: &mut [u8]) {
    getrandom::fill(out).expect("the system has no randomness; nothing can be sealed");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_draw_repeats_across_refills_and_threads() {
        let draw = || (0..1_000).map(|_| SystemRng.bytes32()).collect::<Vec<_>>();
        let other = std::thread::spawn(draw);
        let mut all = draw();
        all.extend(other.join().unwrap());
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert!(!all.contains(&[0; 32]));
    }

    #[test]
    fn a_large_draw_goes_past_the_store_of_small_ones() {
        let mut large = vec![0; 100_000];
        SystemRng.fill(&mut large);
        let zeros: usize = large.iter().map(|byte| usize::from(*byte == 0)).sum();
        assert!(zeros < 1_000);
    }
}
