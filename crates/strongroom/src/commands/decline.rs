//! `decline`. Comes in: an invitation, or anything else in the inbox. Goes out: it is gone. Must
//! not know: keys.

use crate::{exit::Outcome, session::Session};

/// Throw away an invitation, or anything else in the inbox; its sender is told nothing
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which: the start of its id, as `strongroom inbox` shows it
    id: String,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let gone = session.open()?.decline(&args.id)?;
    session.out.report(&gone, |to| writeln!(to, "{} is thrown away", gone.id))
}
