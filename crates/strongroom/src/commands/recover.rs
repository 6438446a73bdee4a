//! `recover`. Comes in: 24 words, a provider, a new passphrase. Goes out: the vault on this
//! device. Must not know: how words become keys.

use std::path::PathBuf;

use serde::Serialize;
use strongroom_client::{Shown, Vault, report::BucketInfo};
use zeroize::Zeroizing;

use crate::{
    ask,
    commands::warn_withheld,
    exit::{Exit, Failure, Outcome},
    session::Session,
    show::{counted, size},
};

/// Bring a vault back on this device, from its 24 words and a provider
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A provider that holds the vault
    #[arg(long, value_name = "URL")]
    provider: String,
    /// Read the 24 words from FILE instead of asking (`-`: standard input)
    #[arg(long, value_name = "FILE")]
    phrase_file: Option<PathBuf>,
    /// Take an older state than the one the recovery record names, if the provider has no other
    #[arg(long)]
    older: bool,
}

#[derive(Debug, Serialize)]
struct Recovered {
    principal: String,
    home: String,
    buckets: Vec<BucketInfo>,
    /// Buckets that others shared and closed since.
    closed: Vec<String>,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let home = Session::new_home()?;
    let phrase = phrase(args)?;
    let passphrase = session.new_passphrase()?;
    let vault = {
        let progress = session.progress();
        let shown = if args.older { Shown::Older } else { Shown::Whole };
        Vault::recover_as(&home, &args.provider, &phrase, &passphrase, shown, &progress)?
    };
    warn_withheld(session, &vault)?;
    let recovered = Recovered {
        principal: vault.principal(),
        home: home.path().display().to_string(),
        buckets: vault.buckets()?,
        closed: vault.shut_out_of()?,
    };
    session.out.report(&recovered, |to| {
        writeln!(to, "vault  {}", recovered.principal)?;
        writeln!(to, "home   {}", session.out.name(&recovered.home))?;
        for bucket in &recovered.buckets {
            let documents = counted(bucket.documents, "document", "documents");
            let label = session.out.name(&bucket.label);
            writeln!(to, "back   {label}: {documents}, {}", size(bucket.content_bytes))?;
        }
        for bucket in &recovered.closed {
            writeln!(to, "closed {bucket}: it was shared with you, and is no longer")?;
        }
        Ok(())
    })
}

fn phrase(args: &Args) -> Result<Zeroizing<String>, Failure> {
    if let Some(path) = &args.phrase_file {
        return ask::secret_file(path, "the phrase file");
    }
    if !ask::somebody_is_there() {
        return Err(Failure::usage("the 24 words are needed, and there is no terminal to ask on")
            .hint("name a file that holds them: --phrase-file FILE"));
    }
    ask::line("The 24 words, with spaces between them:\n")?
        .ok_or_else(|| Failure::new(Exit::Locked, "no words were typed"))
}
