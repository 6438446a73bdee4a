//! `history`. Comes in: a place. Goes out: all versions of what is there. Must not know: content.

use strongroom_client::place::Place;

use crate::{
    args,
    exit::Outcome,
    session::Session,
    show::{Table, count, short, time_or_never},
};

/// List all versions of a document, newest first
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Whose versions
    #[arg(value_name = "PLACE", value_parser = args::place)]
    place: Place,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let versions = session.open()?.history(&args.place)?;
    session.out.facts(&versions, |to| {
        let mut table = Table::new(&[3]);
        table.heading(["VERSION", "WRITTEN", "BY", "SIZE", "KIND", "NAME"]);
        for one in &versions {
            let current = if one.head { "  (current)" } else { "" };
            table.row([
                short(&one.version).to_owned(),
                time_or_never(one.written),
                if one.mine { "this device" } else { "another" }.to_owned(),
                count(one.size),
                one.kind.to_owned(),
                format!("{}{current}", session.out.name(&one.name)),
            ]);
        }
        write!(to, "{table}")
    })
}
