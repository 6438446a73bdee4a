//! `agent`. Comes in: the opened key store, through a pipe from `unlock`. Goes out: the same, to
//! this user's commands, for a while. Must not know: what is in it. Not for people.

use strongroom_client::agent;

use crate::exit::Outcome;

/// Hold a key store open; `strongroom unlock` starts this
#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_: &Args) -> Outcome {
    Ok(agent::run()?)
}
