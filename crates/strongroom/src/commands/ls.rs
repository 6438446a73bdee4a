//! `ls`. Comes in: a place. Goes out: what is in it. Must not know: keys, providers.

use std::io::{self, Write};

use strongroom_client::{place::Place, report::Listed};

use crate::{
    args,
    commands::warn_withheld,
    exit::Outcome,
    out::Out,
    session::Session,
    show::{Table, count, mode, time},
};

/// List a directory
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to look [default: the root of the default bucket]
    #[arg(value_name = "PLACE", value_parser = args::place)]
    place: Option<Place>,
    /// Show permissions, sizes and times too
    #[arg(short, long)]
    long: bool,
    /// List everything below
    #[arg(short = 'R', long)]
    recursive: bool,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let place = args.place.clone().unwrap_or_else(Place::root);
    let vault = session.open()?;
    warn_withheld(session, &vault)?;
    let listed = vault.list(&place, args.recursive)?;
    session.out.facts(&listed, |to| {
        if args.long {
            long(to, &session.out, &listed, args.recursive)
        } else {
            short(to, &session.out, &listed, args.recursive)
        }
    })
}

/// One name a line.
pub fn short(to: &mut dyn Write, out: &Out, listed: &[Listed], paths: bool) -> io::Result<()> {
    for one in listed {
        writeln!(to, "{}", name(out, one, paths))?;
    }
    Ok(())
}

/// Permissions, size, time and name.
pub fn long(to: &mut dyn Write, out: &Out, listed: &[Listed], paths: bool) -> io::Result<()> {
    let mut table = Table::new(&[1]);
    for one in listed {
        let arrow = one.target.as_deref().map(|to| format!(" -> {}", out.name(to)));
        // A conflict copy says so in its name.
        let marked = one.conflict && !one.name.contains("(conflict ");
        let conflict = if marked { "  (conflict)" } else { "" };
        let name = name(out, one, paths) + arrow.as_deref().unwrap_or_default() + conflict;
        table.row([mode(one.kind, one.mode), count(one.size), time(one.modified), name]);
    }
    write!(to, "{table}")
}

fn name(out: &Out, one: &Listed, paths: bool) -> String {
    let name = out.name(if paths { &one.path } else { &one.name });
    if one.kind == "directory" { format!("{name}/") } else { name.into_owned() }
}
