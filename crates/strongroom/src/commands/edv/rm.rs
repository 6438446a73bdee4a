//! `edv rm`. Comes in: a document's id. Goes out: an empty state in its place. Must not know: keys,
//! requests.

use crate::{exit::Outcome, session::Session};

/// Remove a document from an EDV vault
#[derive(Debug, clap::Args)]
#[command(after_help = "As this protocol does it: an empty state follows, and what was before is \
                        for the server to\nforget.")]
pub struct Args {
    /// The vault: its name or its URL
    vault: String,
    /// The document's id
    id: String,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let vault = session.open()?;
    let removed = vault.edv(&args.vault)?.remove(&args.id)?;
    session.out.report(&removed, |to| writeln!(to, "removed {}", removed.id))
}
