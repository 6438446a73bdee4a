//! `revoke`. Comes in: a bucket and a contact. Goes out: a bucket without them. Must not know:
//! keys.

use crate::{commands::grant::bucket_of, exit::Outcome, session::Session, show::size};

/// Take somebody out of a bucket, at once
#[derive(Debug, clap::Args)]
#[command(
    after_help = "What they opened before they may have kept, and can go on opening. What is \
                        written from\nnow on they cannot open, and what they write counts for \
                        nobody."
)]
pub struct Args {
    /// The bucket: its label or did:bkt:…
    bucket: String,
    /// Whom: a contact's name, or prn:… as `strongroom grants` shows it
    who: String,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let vault = session.open()?;
    let bucket = bucket_of(&vault, &args.bucket)?;
    let removed = vault.remove_member(Some(&bucket), &args.who)?;
    session.out.report(&removed, |to| {
        let (who, label) = (session.out.name(&removed.name), session.out.name(&removed.bucket));
        writeln!(to, "{who} is out of {label}; nothing had to be sealed again")?;
        writeln!(to, "  written  {} entries, {}", removed.entries, size(removed.bytes))?;
        if !removed.sent {
            writeln!(to, "  not sent no provider answered; `strongroom sync` sends it")?;
        }
        Ok(())
    })
}
