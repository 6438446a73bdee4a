//! `quarantine`. Comes in: entries that do not count. Goes out: what they are, and what became of
//! them. Must not know: keys, the rules by which they do not count.

use clap::Subcommand;
use strongroom_client::report::Quarantined;

use crate::{
    commands::grant::bucket_of,
    exit::Outcome,
    out::Out,
    session::Session,
    show::{Table, counted, short, size, time_or_never},
};

/// Work that does not count: late, or by somebody who was taken out
#[derive(Debug, clap::Args)]
#[command(after_help = "An admin adopts honest work by writing it again; until then nobody is \
                        shown it as content.\nA revoke that a senior undid is listed too: until \
                        somebody confirms it, whom it named is in.")]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List what does not count, oldest first
    Ls {
        /// Only in this bucket
        bucket: Option<String>,
    },
    /// Write what one of them says to standard output
    Show {
        /// As `ls` shows it
        entry: String,
    },
    /// Write it again in your own name
    Adopt {
        /// As `ls` shows it
        entry: String,
    },
    /// Do not show it any more
    Dismiss {
        /// As `ls` shows it
        #[arg(required_unless_present = "all")]
        entry: Option<String>,
        /// Everything in this bucket, also what you wrote and nobody takes
        #[arg(long, value_name = "BUCKET", conflicts_with = "entry")]
        all: Option<String>,
    },
}

pub fn run(args: Args, session: &Session) -> Outcome {
    let vault = session.open()?;
    let out = &session.out;
    match args.verb {
        Verb::Ls { bucket } => {
            let bucket = bucket.as_deref().map(|text| bucket_of(&vault, text)).transpose()?;
            let found = vault.quarantine(bucket.as_deref())?;
            out.facts(&found, |to| write!(to, "{}", table(out, &found)))
        }
        Verb::Show { entry } => {
            let mut content = Vec::new();
            let found = vault.quarantined(&entry, &mut content)?;
            out.facts(&found, |to| to.write_all(&content))
        }
        Verb::Adopt { entry } => {
            let found = {
                let progress = session.progress();
                vault.adopt(&entry, &progress)?
            };
            out.report(&found, |to| {
                writeln!(to, "{} counts now, in your name", out.name(named(&found)))
            })
        }
        Verb::Dismiss { entry, all } => {
            if let Some(bucket) = all {
                let bucket = bucket_of(&vault, &bucket)?;
                let dismissed = vault.dismiss_all(&bucket)?;
                let words = counted(dismissed, "entry", "entries");
                return out.report(&dismissed, |to| {
                    writeln!(to, "{words} of {} are not shown any more", out.name(&bucket))
                });
            }
            let found = vault.dismiss(&entry.unwrap_or_default())?;
            out.report(&found, |to| {
                writeln!(to, "{} is not shown any more", out.name(named(&found)))
            })
        }
    }
}

fn named(found: &Quarantined) -> &str {
    found.name.as_deref().unwrap_or(&found.entry)
}

fn table(out: &Out, found: &[Quarantined]) -> Table {
    let mut table = Table::new(&[]);
    table.heading(["ENTRY", "BUCKET", "WHAT", "BY", "WHEN", "SIZE", "NAME"]);
    for one in found {
        let by = one.by.as_deref().or(one.principal.as_deref()).unwrap_or("(unknown)");
        table.row([
            short(&one.entry).to_owned(),
            out.name(&one.bucket).into_owned(),
            one.what.to_owned(),
            out.name(by).into_owned(),
            time_or_never(one.at),
            one.size.map(size).unwrap_or_default(),
            one.name.as_deref().map(|name| out.name(name).into_owned()).unwrap_or_default(),
        ]);
    }
    table
}
