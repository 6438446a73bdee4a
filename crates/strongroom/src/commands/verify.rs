//! `verify`. Comes in: the vault and its providers. Goes out: whether everything is what was
//! written. Must not know: keys, requests.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use strongroom_client::report::{Fork, VerifyReport};

use crate::{
    commands::refusals,
    exit::{Exit, Failure, Outcome},
    out::Out,
    session::Session,
    show::{count, counted, size},
};

/// Check every entry and chunk: form, hash, chain, signature, capability, content
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Fetch and check every byte that providers hold, too; what went bad there and is whole here
    /// is put again
    #[arg(long)]
    deep: bool,
    /// Check a proof that a device wrote two histories, as `verify --json` gives it, and nothing
    /// else (`-`: standard input)
    #[arg(long, value_name = "FILE", conflicts_with = "deep")]
    proof: Option<PathBuf>,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    if let Some(path) = &args.proof {
        return proof(path, session);
    }
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

/// No vault is needed: a proof convinces who has nothing else.
fn proof(path: &Path, session: &Session) -> Outcome {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        io::stdin().take(PROOF_LEN_MAX).read_to_string(&mut text)
    } else {
        File::open(path).and_then(|file| file.take(PROOF_LEN_MAX).read_to_string(&mut text))
    };
    read.map_err(|error| Failure::io(path.display(), &error))?;
    let fork = Fork::check(&text)?;
    session.out.facts(&fork, |to| {
        writeln!(
            to,
            "{} wrote, at place {} of its chain in {},",
            fork.author, fork.seq, fork.bucket
        )?;
        writeln!(to, "both {}", fork.entries[0])?;
        writeln!(to, "and  {}", fork.entries[1])
    })
}

/// Characters of the longest proof, and room.
const PROOF_LEN_MAX: u64 = 8 << 20;

fn print(to: &mut dyn Write, out: &Out, report: &VerifyReport) -> io::Result<()> {
    writeln!(
        to,
        "checked {}, {}, {}",
        counted(report.entries, "entry", "entries"),
        counted(report.chunks, "chunk", "chunks"),
        size(report.bytes)
    )?;
    if report.mended > 0 {
        let chunks = counted(report.mended, "chunk", "chunks");
        writeln!(to, "{chunks} had gone bad at the provider, and were put again from this device")?;
    }
    if report.shut > 0 {
        let entries = counted(report.shut, "entry", "entries");
        writeln!(to, "{entries} from before you were let in cannot be opened by you")?;
    }
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
        n => writeln!(to, "{} of them damaged or withheld:", count(n)),
    }
}
