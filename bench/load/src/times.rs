//! How long operations took. Comes in: durations. Goes out: the line of JSON. Must not know: what
//! took so long.

use std::time::{Duration, Instant};

use strongroom_client::remote::Runtime;

use crate::Failure;

/// Runs all of these at once, each until it is done or the deadline is past; gives the result
/// line. `make` gets the deadline.
pub fn all_at_once<F, M>(
    runtime: &Runtime,
    time: Duration,
    make: impl IntoIterator<Item = M>,
) -> Result<String, Failure>
where
    M: FnOnce(Instant) -> F,
    F: Future<Output = Result<Vec<Duration>, Failure>> + Send + 'static,
{
    let start = Instant::now();
    let running: Vec<_> = make.into_iter().map(|make| runtime.spawn(make(start + time))).collect();
    let mut took = Vec::new();
    runtime.block_on(async {
        for one in running {
            took.append(&mut one.await??);
        }
        Ok::<(), Failure>(())
    })?;
    Ok(line(&mut took, start.elapsed()))
}

fn line(took: &mut [Duration], wall: Duration) -> String {
    took.sort_unstable();
    let at = |part: usize| {
        let index = (took.len() * part / 100).min(took.len().saturating_sub(1));
        took.get(index).map_or(0.0, |took| took.as_secs_f64() * 1e3)
    };
    format!(
        "{{\"operations\": {}, \"seconds\": {:.6}, \"p50_ms\": {:.3}, \"p99_ms\": {:.3}}}",
        took.len(),
        wall.as_secs_f64(),
        at(50),
        at(99),
    )
}
