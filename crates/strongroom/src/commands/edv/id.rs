//! `edv id`. Comes in: nothing. Goes out: by which key others let this person into their EDV
//! vaults. Must not know: keys.

use crate::{exit::Outcome, session::Session};

/// Show the key by which others let you into their EDV vaults
#[derive(Debug, clap::Args)]
#[command(after_help = "Give it to whoever wants to let you in. All of them see the same key; \
                        vaults of your own have\nkeys of their own.")]
pub struct Args {}

pub fn run(_: &Args, session: &Session) -> Outcome {
    let identity = session.open()?.edv_identity()?;
    session.out.facts(&identity, |to| writeln!(to, "{}", identity.key))
}
