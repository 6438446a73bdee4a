//! The load on a provider: 1 KiB documents, many at once, one request each. Comes in: a provider's
//! address, how many, how long. Goes out: one line with what was achieved. Must not know: what it
//! is compared with.
//!
//! It uses the client's own connections and sessions and seals as the client seals, beforehand:
//! what is measured is the provider with all its checks, and the client's share of a request.
#![forbid(unsafe_code)]

mod get;
mod put;
mod state;
mod times;
mod vault;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use strongroom_client::remote::{Options, Remote, Runtime};

const USAGE: &str = "usage: strongroom-load put|fill|get --provider URL --state DIR [--writers N] \
                     [--seconds S] [--json]";

/// Anything that ends a run: none of it is measured as a slower operation.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What a run is told.
struct Wish {
    verb: String,
    provider: String,
    state: PathBuf,
    writers: usize,
    seconds: u64,
}

fn main() -> ExitCode {
    match read_arguments().and_then(|wish| run(&wish)) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("strongroom-load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn read_arguments() -> Result<Wish, Failure> {
    let mut words = std::env::args().skip(1);
    let verb = words.next().ok_or(USAGE)?;
    let (mut provider, mut state, mut writers, mut seconds) = (None, None, 16, 10);
    while let Some(word) = words.next() {
        if word == "--json" {
            continue; // there is no other form
        }
        let value = words.next().ok_or(USAGE)?;
        match word.as_str() {
            "--provider" => provider = Some(value),
            "--state" => state = Some(PathBuf::from(value)),
            "--writers" => writers = value.parse()?,
            "--seconds" => seconds = value.parse()?,
            _ => return Err(USAGE.into()),
        }
    }
    let (provider, state) = (provider.ok_or(USAGE)?, state.ok_or(USAGE)?);
    if !(1..=256).contains(&writers) || !(1..=600).contains(&seconds) {
        return Err("give 1 to 256 writers and 1 to 600 seconds".into());
    }
    Ok(Wish { verb, provider, state, writers, seconds })
}

fn run(wish: &Wish) -> Result<String, Failure> {
    let runtime = Runtime::new()?;
    // One connection for each at once; fewer would measure the wait for one.
    let options = Options { connections: wish.writers, ..Options::default() };
    let remote = runtime.block_on(Remote::connect(wish.provider.parse()?, None, options))?;
    let time = Duration::from_secs(wish.seconds);
    match wish.verb.as_str() {
        "put" => put::run(&runtime, &remote, &wish.state, wish.writers, time),
        "fill" => get::fill(&runtime, &remote, &wish.state),
        "get" => get::run(&runtime, &remote, &wish.state, time),
        _ => Err(USAGE.into()),
    }
}
