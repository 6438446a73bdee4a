//! `requests`. Comes in: nothing. Goes out: who asks for access to what. Must not know: keys.

use crate::{commands::inbox::show, exit::Outcome, session::Session};

/// Show who asks you for access, and to what
#[derive(Debug, clap::Args)]
#[command(after_help = "`strongroom approve ID` gives it, `strongroom deny ID` says no.")]
pub struct Args {}

pub fn run(_: &Args, session: &Session) -> Outcome {
    show(session, |message| message.kind == "request")
}
