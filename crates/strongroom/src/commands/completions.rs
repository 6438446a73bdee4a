//! `completions`. Comes in: a shell's name. Goes out: its completion script. Must not know: vaults.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;

use crate::{args::Cli, exit::Outcome};

/// Print completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "bash: strongroom completions bash > \
    ~/.local/share/bash-completion/completions/strongroom")]
pub struct Args {
    /// Which shell
    shell: Shell,
}

pub fn run(args: &Args) -> Outcome {
    // Into memory first: the generator panics when its writer fails.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "strongroom", &mut script);
    let mut stdout = io::stdout().lock();
    stdout.write_all(&script)?;
    stdout.flush()?;
    Ok(())
}
