//! `restore`. Comes in: a place and one of its versions. Goes out: a new version equal to it.
//! Must not know: content.

use strongroom_client::place::Place;

use crate::{args, exit::Outcome, session::Session, show::short};

/// Make an older version the current one; also settles a conflict
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to restore
    #[arg(value_name = "PLACE", value_parser = args::place)]
    place: Place,
    /// The version, as `strongroom history` names it, or its first characters
    #[arg(long, value_name = "VERSION")]
    version: String,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let version = session.open()?.restore(&args.place, &args.version)?;
    session.out.report(&version, |to| {
        let place = args.place.to_string();
        writeln!(to, "{} is as it was in {}", session.out.name(&place), short(&args.version))
    })
}
