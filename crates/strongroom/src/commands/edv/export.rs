//! `edv export`. Comes in: an EDV vault. Goes out: a file with all of it, sealed; or its keys.
//! Must not know: keys, requests.

use std::{
    fs::OpenOptions,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use crate::{
    exit::{Exit, Failure, Outcome},
    session::Session,
    show::counted,
};

/// Write a whole EDV vault to a file, sealed as it is
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The vault: its name or its URL
    vault: String,
    /// The file; `-`: standard output
    file: PathBuf,
    /// Write the vault's keys instead, for another program: who has the file is its controller
    #[arg(long)]
    keys: bool,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let vault = session.open()?;
    let edv = vault.edv(&args.vault)?;
    if args.keys {
        let file = edv.export_keys()?;
        super::write_new(&args.file, file.as_bytes(), true)?;
        session.out.remark("whoever has this file can read, write and give away the whole vault");
        return Ok(());
    }
    let progress = session.progress();
    let exported = if args.file == Path::new("-") {
        edv.export(&mut io::stdout().lock(), &progress)?
    } else {
        let failed = |error: io::Error| Failure::io(args.file.display(), &error);
        let file = OpenOptions::new().write(true).create_new(true).open(&args.file);
        let mut out = BufWriter::new(file.map_err(failed)?);
        let exported = edv.export(&mut out, &progress)?;
        out.flush().map_err(failed)?;
        out.get_ref().sync_all().map_err(failed)?;
        exported
    };
    drop(progress);
    if args.file != Path::new("-") {
        session.out.report(&exported, |to| {
            let documents = counted(exported.documents, "document", "documents");
            let chunks = counted(exported.chunks, "chunk", "chunks");
            writeln!(to, "wrote {documents} and {chunks}")
        })?;
    }
    if !exported.complete {
        session.out.remark("the server does not list what it has: these were seen, or are indexed");
    }
    for id in &exported.missing {
        session.out.remark(&format!("{id}: the server has it no longer"));
    }
    if exported.missing.is_empty() { Ok(()) } else { Err(Failure::told(Exit::Damaged)) }
}
