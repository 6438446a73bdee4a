//! `provider`. Comes in: an address. Goes out: the vault stores there too. Must not know: keys,
//! requests.

use std::path::PathBuf;

use clap::Subcommand;

use crate::{ask, exit::Outcome, session::Session};

/// Providers the vault stores with
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Sign up with a provider and send it what the vault holds
    Add {
        /// Its address, as `https://provider.example`
        url: String,
        /// Read the provider's sign-up token from FILE
        #[arg(long, alias = "token", value_name = "FILE")]
        token_file: Option<PathBuf>,
    },
}

pub fn run(args: Args, session: &Session) -> Outcome {
    let Verb::Add { url, token_file } = args.verb;
    let token =
        token_file.as_deref().map(|path| ask::secret_file(path, "the token file")).transpose()?;
    let vault = session.open()?;
    let remote = vault.add_provider(&url, token.as_ref().map(|t| t.as_str()))?;
    session.out.report(&remote, |to| {
        writeln!(to, "stores with {}", session.out.name(&remote.url))?;
        writeln!(to, "its key is {}", remote.key)
    })
}
