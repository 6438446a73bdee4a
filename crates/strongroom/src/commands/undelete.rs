//! `undelete`. Comes in: a place that was removed. Goes out: it is listed again. Must not know:
//! content.

use serde::Serialize;
use strongroom_client::place::Place;

use crate::{args, exit::Outcome, session::Session, show::counted};

/// Bring back what `rm` removed
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to bring back
    #[arg(value_name = "PLACE", value_parser = args::place)]
    place: Place,
}

#[derive(Debug, Serialize)]
struct Restored {
    restored: u64,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let restored = session.open()?.undelete(&args.place)?;
    session.out.report(&Restored { restored }, |to| {
        writeln!(to, "brought back {}", counted(restored, "document", "documents"))
    })
}
