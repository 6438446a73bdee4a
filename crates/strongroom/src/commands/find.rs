//! `find`. Comes in: a pattern. Goes out: the places whose names match, found on this device.
//! Must not know: keys, providers.

use crate::{
    commands::{ls, warn_withheld},
    exit::Outcome,
    session::Session,
};

/// Find by name, on this device; no provider learns of it
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A part of the name in any case, or a whole name with * ? and [...]
    #[arg(value_name = "PATTERN")]
    pattern: String,
    /// Look in this bucket only
    #[arg(long, short, value_name = "BUCKET")]
    bucket: Option<String>,
    /// Show permissions, sizes and times too
    #[arg(short, long)]
    long: bool,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let vault = session.open()?;
    warn_withheld(session, &vault)?;
    let listed = vault.find(args.bucket.as_deref(), &args.pattern)?;
    session.out.facts(&listed, |to| {
        let print = if args.long { ls::long } else { ls::short };
        print(to, &session.out, &listed, true)
    })
}
