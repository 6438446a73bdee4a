//! `lock`. Comes in: nothing. Goes out: no agent holds the key store any more. Must not know: what
//! was in it.

use serde::Serialize;
use strongroom_client::agent;

use crate::{exit::Outcome, session::Session};

/// Close the key store again
#[derive(Debug, clap::Args)]
pub struct Args {}

#[derive(Debug, Serialize)]
struct Locked {
    locked: bool,
    was_unlocked: bool,
}

pub fn run(_: &Args, session: &Session) -> Outcome {
    let was_unlocked = agent::stop(&Session::existing_home()?)?;
    session.out.report(&Locked { locked: true, was_unlocked }, |to| {
        writeln!(to, "{}", if was_unlocked { "locked" } else { "it was locked already" })
    })
}
