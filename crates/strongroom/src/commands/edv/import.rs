//! `edv import`. Comes in: a file that brings an EDV vault. Goes out: the vault is known here;
//! of a whole one, it was made anew. Must not know: keys, requests.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::PathBuf,
};

use crate::{
    exit::{Exit, Failure, Outcome},
    session::Session,
    show::counted,
};

/// Take in an EDV vault: a grant, keys of another program, or a whole vault
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A whole vault (of `edv export`) is made anew at a server, sealed by new keys."
)]
pub struct Args {
    /// The file of `edv grant`, `edv export` or `edv export --keys`; `-`: standard input
    file: PathBuf,
    /// What to call it [default: its own name]
    #[arg(long)]
    name: Option<String>,
    /// Where a whole vault is made anew: https://host [default: the vault's provider]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Read the token that the server's operator asks for from FILE
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let mut from: Box<dyn BufRead> = if args.file.as_os_str() == "-" {
        Box::new(BufReader::new(io::stdin()))
    } else {
        let file = File::open(&args.file);
        Box::new(BufReader::new(file.map_err(|e| Failure::io(args.file.display(), &e))?))
    };
    let token = super::token_of(args.token_file.as_deref())?;
    let vault = session.open()?;
    let imported = {
        let progress = session.progress();
        let at = (args.server.as_deref(), token.as_deref().map(String::as_str));
        vault.import_edv(&mut from, args.name.as_deref(), at, &progress)?
    };
    session.out.report(&imported, |to| {
        let name = session.out.name(&imported.vault.name);
        writeln!(to, "{name} is here now: {}", session.out.name(&imported.vault.url))?;
        if imported.documents > 0 {
            let documents = counted(imported.documents, "document", "documents");
            writeln!(to, "  {documents}, {}", counted(imported.chunks, "chunk", "chunks"))?;
        }
        Ok(())
    })?;
    session.out.remark(super::TIER);
    for line in &imported.damaged {
        session.out.remark(line);
    }
    if imported.damaged.is_empty() { Ok(()) } else { Err(Failure::told(Exit::Damaged)) }
}
