//! `rm`. Comes in: places. Goes out: documents no longer listed, every version kept. Must not
//! know: content.

use serde::Serialize;
use strongroom_client::place::Place;

use crate::{args, exit::Outcome, session::Session, show::counted};

/// Remove from the listing; every version stays, and `undelete` brings it back
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to remove
    #[arg(required = true, value_name = "PLACE", value_parser = args::place)]
    places: Vec<Place>,
    /// Remove directories with all they hold
    #[arg(short, long)]
    recursive: bool,
}

#[derive(Debug, Serialize)]
struct Removed {
    removed: u64,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let vault = session.open()?;
    let mut removed = 0;
    for place in &args.places {
        removed += vault.remove(place, args.recursive)?;
    }
    session.out.report(&Removed { removed }, |to| {
        writeln!(to, "removed {}", counted(removed, "document", "documents"))
    })
}
