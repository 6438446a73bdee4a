//! How long to go on with a provider that is busy. Comes in: its refusals. Goes out: a pause, or
//! the refusal as the end. Must not know: what was asked.

use std::time::Duration;

use strongroom_seal::rng::Rng as _;
use strongroom_wire::problem::Problem;

use super::error::RemoteError;
use crate::random::SystemRng;

/// Tries after the first.
const TRIES_MAX: u32 = 5;
/// The first pause; each is twice the one before.
const PAUSE_MS: u64 = 100;
/// A provider that wants more than this is told to the person instead.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Counts the tries of one request.
#[derive(Debug, Default)]
pub(super) struct Patience {
    tries: u32,
}

impl Patience {
    /// Waits as long as the provider asks, if it is busy; gives the error back if it is not, if it
    /// asks for too long, or if this has gone on for long enough.
    pub(super) async fn wait_after(&mut self, error: RemoteError) -> Result<(), RemoteError> {
        match self.pause(&error) {
            Some(pause) => {
                tokio::time::sleep(pause).await;
                Ok(())
            }
            None => Err(error),
        }
    }

    fn pause(&mut self, error: &RemoteError) -> Option<Duration> {
        let RemoteError::Problem(report) = error else { return None };
        if !matches!(report.problem, Problem::Busy | Problem::Rate) || self.tries == TRIES_MAX {
            return None;
        }
        let own = PAUSE_MS << self.tries;
        self.tries += 1;
        // Spread, so that those who were refused together do not come back together.
        let own = Duration::from_millis(own + SystemRng.below(own));
        let pause = report.retry_after.map_or(own, |asked| asked.max(own));
        (pause <= PAUSE_MAX).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::ProblemReport;

    fn refusal(problem: Problem, retry_after: Option<u64>) -> RemoteError {
        RemoteError::Problem(Box::new(ProblemReport {
            problem,
            detail: None,
            entry: None,
            chunk: None,
            counter: None,
            retry_after: retry_after.map(Duration::from_secs),
        }))
    }

    #[test]
    fn a_busy_provider_gets_a_bounded_number_of_growing_pauses() {
        let mut patience = Patience::default();
        let pauses: Vec<_> =
            std::iter::from_fn(|| patience.pause(&refusal(Problem::Busy, None))).collect();
        assert_eq!(pauses.len(), TRIES_MAX as usize);
        assert!(pauses.windows(2).all(|pair| pair[0] <= pair[1]), "{pauses:?}");
    }

    #[test]
    fn the_provider_says_how_long_within_reason() {
        let mut patience = Patience::default();
        assert!(
            patience.pause(&refusal(Problem::Rate, Some(2))).unwrap() >= Duration::from_secs(2)
        );
        assert_eq!(patience.pause(&refusal(Problem::Rate, Some(3_600))), None);
        assert_eq!(patience.pause(&refusal(Problem::Quota, Some(1))), None);
    }
}
