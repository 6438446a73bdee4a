//! `edv revoke`. Comes in: who, or which grant. Goes out: an end to it. Must not know: keys,
//! requests.

use crate::{exit::Outcome, session::Session, show::counted};

/// Let somebody out of an EDV vault
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The server refuses them at once, and what they could open is sealed again \
                        without them. What\nthey have read they keep, and the key that blinds, too."
)]
pub struct Args {
    /// The vault: its name or its URL
    vault: String,
    /// A grant's id, or their key or DID: `strongroom edv ls NAME --grants` shows them
    whom: String,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let vault = session.open()?;
    let mut edv = vault.edv(&args.vault)?;
    let revoked = {
        let progress = session.progress();
        edv.revoke(&args.whom, &progress)?
    };
    session.out.report(&revoked, |to| {
        let ended = counted(revoked.ended.len() as u64, "grant", "grants");
        let again = counted(revoked.sealed_again, "document was", "documents were");
        writeln!(to, "ended {ended}; {again} sealed again")
    })
}
