//! `verify`. Comes in: the vault and its providers. Goes out: whether everything is what was
//! written. Must not know: keys, requests.

use std::io::{self, Write};

use strongroom_client::report::VerifyReport;

use crate::{
    commands::refusals,
    exit::{Exit, Outcome},
    out::Out,
    session::Session,
    show::{count, counted, size},
};

/// Check every entry and chunk: form, hash, chain, signature, capability, content
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Fetch and check what only providers hold, too
    #[arg(long)]
    deep: bool,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let vault = session.open()?;
    let report = {
        let progress = session.progress();
        vault.verify(args.deep, &progress)?
    };
    session.out.facts(&report, |to| print(to, &session.out, &report))?;
    // Damage weighs more than a provider that may be asked later.
    let unreachable = refusals(session, &report.unreachable, Exit::Unreachable);
    refusals(session, &report.damaged, Exit::Damaged)?;
    unreachable
}

fn print(to: &mut dyn Write, out: &Out, report: &VerifyReport) -> io::Result<()> {
    writeln!(
        to,
        "checked {}, {}, {}",
        counted(report.entries, "entry", "entries"),
        counted(report.chunks, "chunk", "chunks"),
        size(report.bytes)
    )?;
    for (url, equal) in &report.remotes_equal {
        let words = if *equal {
            "holds the same set of entries"
        } else {
            "holds another set of entries: `strongroom sync`, then verify again"
        };
        writeln!(to, "{} {words}", out.name(url))?;
    }
    match report.damaged.len() as u64 {
        0 if !report.unreachable.is_empty() => {
            writeln!(to, "what was checked is as it was written; a provider could not be asked:")
        }
        0 => writeln!(to, "all is as it was written"),
        n => writeln!(to, "{} of them damaged:", count(n)),
    }
}
