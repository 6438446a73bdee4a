//! `edv grant`. Comes in: whose key, what, until when. Goes out: a file for them, and documents
//! they can open. Must not know: keys, requests.

use std::path::PathBuf;

use strongroom_client::edv::GrantOptions;

use crate::{
    args,
    exit::{Failure, Outcome},
    session::Session,
    show::{counted, time_or_never},
};

/// How long unless the person says otherwise.
const DAYS_DEFAULT: &str = "30d";

/// Let somebody into an EDV vault, or into one document of it
#[derive(Debug, clap::Args)]
#[command(after_help = "What they may read is sealed again, for them too. With a grant to all \
                        documents goes the key\nthat blinds, sealed to them: they can ask, and \
                        guess what others ask.")]
pub struct Args {
    /// The vault: its name or its URL
    vault: String,
    /// Their key, as `strongroom edv id` shows it to them
    #[arg(long, value_name = "KEY")]
    to: String,
    /// One document only
    #[arg(long, value_name = "ID")]
    document: Option<String>,
    /// They may write, too
    #[arg(long)]
    write: bool,
    /// Until the end of that day, or for that long; a year at most [default: 30d]
    #[arg(long, value_name = "WHEN", value_parser = args::until)]
    until: Option<u64>,
    /// The file to hand to them; `-`: standard output
    #[arg(long, short, value_name = "FILE", default_value = "edv-vault.grant")]
    out: PathBuf,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let until = match args.until {
        Some(until) => until,
        None => args::until(DAYS_DEFAULT).map_err(Failure::usage)?,
    };
    if args.out.exists() {
        return Err(Failure::new(
            crate::exit::Exit::Conflict,
            format!("{} is there already", args.out.display()),
        )
        .hint("name another file: --out FILE"));
    }
    let vault = session.open()?;
    let mut edv = vault.edv(&args.vault)?;
    let options =
        GrantOptions { to: &args.to, document: args.document.as_deref(), write: args.write, until };
    let granted = {
        let progress = session.progress();
        edv.grant(&options, &progress)?
    };
    let piped = args.out.as_os_str() == "-";
    super::write_new(&args.out, granted.file.as_bytes(), false)?;
    if piped {
        return Ok(());
    }
    session.out.report(&granted, |to| {
        let what = if args.write { "read and write" } else { "read" };
        let until = time_or_never(granted.info.until);
        let file = args.out.to_string_lossy();
        writeln!(to, "they may {what} until {until}; hand them {}", session.out.name(&file))?;
        let again = counted(granted.sealed_again, "document was", "documents were");
        writeln!(to, "  {again} sealed again, for them too")?;
        let vault = session.out.name(&args.vault);
        writeln!(to, "  to end it: strongroom edv revoke {vault} {}", granted.info.id)
    })
}
