//! `edv get`. Comes in: a vault and a document's id. Goes out: what it says, or its stream. Must
//! not know: keys, requests.

use std::{
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use strongroom_client::{edv::Edv, report::EdvStreamed};

use crate::{
    exit::{Exit, Failure, Outcome},
    session::Session,
    show::size,
};

/// Show a document of an EDV vault, or write its stream to a file
#[derive(Debug, clap::Args)]
#[command(
    after_help = "With --strict, nothing is shown that somebody who may write has not signed."
)]
pub struct Args {
    /// The vault: its name or its URL
    vault: String,
    /// The document's id
    id: String,
    /// Write its stream to FILE; `-`: standard output
    #[arg(long, value_name = "FILE")]
    stream: Option<PathBuf>,
    /// Replace FILE if it is there
    #[arg(long, requires = "stream")]
    overwrite: bool,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let vault = session.open()?;
    let edv = vault.edv(&args.vault)?;
    if let Some(path) = &args.stream {
        return stream(args, &edv, path, session);
    }
    let document = edv.get(&args.id, session.strict)?;
    super::warn_of(session, &document.id, document.trust);
    session.out.facts(&document, |to| {
        let shown = serde_json::json!({"content": document.content, "meta": document.meta});
        writeln!(to, "{}", session.out.name(&format!("{shown:#}")))
    })
}

fn stream(args: &Args, edv: &Edv<'_>, path: &Path, session: &Session) -> Outcome {
    let progress = session.progress();
    if path == Path::new("-") {
        let got = edv.get_stream(&args.id, &mut io::stdout().lock(), session.strict, &progress)?;
        warn(session, &got);
        return Ok(());
    }
    if path.exists() && !args.overwrite {
        return Err(Failure::new(Exit::Conflict, format!("{} is there already", path.display()))
            .hint("name another file, or --overwrite"));
    }
    // Beside it first: a stream that breaks off leaves what was there.
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".strongroom-part");
    let part = path.with_file_name(name);
    let failed = |error: &io::Error| Failure::io(part.display(), error);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&part)
        .map_err(|error| failed(&error))?;
    let got = edv.get_stream(&args.id, &mut file, session.strict, &progress);
    let got = got.inspect_err(|_| drop(fs::remove_file(&part)))?;
    file.sync_all().map_err(|error| failed(&error))?;
    fs::rename(&part, path).map_err(|error| failed(&error))?;
    drop(progress);
    warn(session, &got);
    session.out.report(&got, |to| {
        let name = path.to_string_lossy();
        writeln!(to, "wrote {} to {}", size(got.bytes), session.out.name(&name))
    })
}

fn warn(session: &Session, got: &EdvStreamed) {
    if !got.authenticated {
        session.out.remark(&format!(
            "{}: the stream is not authenticated: its chunks may be in another order, or others",
            got.id
        ));
    }
}
