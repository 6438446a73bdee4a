//! `cat`. Comes in: a place. Goes out: its bytes on stdout. Must not know: keys, chunks.

use std::io::{self, Write};

use strongroom_client::place::Place;

use crate::{
    args,
    commands::warn_withheld,
    exit::{Exit, Failure, Outcome},
    session::Session,
};

/// Write a file's content to standard output
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to print
    #[arg(value_name = "PLACE", value_parser = args::place)]
    from: Place,
    /// Print this version, as `strongroom history` names it
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let vault = session.open()?;
    warn_withheld(session, &vault)?;
    // Content and a bar on one terminal would be garbled, so there is none; Ctrl-C works as ever.
    to_stdout(|to| {
        vault.cat(&args.from, args.version.as_deref(), to, &strongroom_client::progress::Quiet)
    })
}

/// Runs what writes a content to standard output.
pub fn to_stdout(write: impl FnOnce(&mut dyn Write) -> strongroom_client::Result<u64>) -> Outcome {
    let mut to = Watched { inner: io::stdout().lock(), failed: None };
    let read = write(&mut to);
    // Whatever the library makes of it, a reader that went away is not an error worth words.
    if to.failed == Some(io::ErrorKind::BrokenPipe) {
        return Err(Failure::told(Exit::Pipe));
    }
    read?;
    to.flush()?;
    Ok(())
}

/// Remembers why writing failed, because the library's error may not tell.
struct Watched<W> {
    inner: W,
    failed: Option<io::ErrorKind>,
}

impl<W> Watched<W> {
    fn note<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result {
            self.failed = Some(error.kind());
        }
        result
    }
}

impl<W: Write> Write for Watched<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.inner.write(bytes);
        self.note(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.inner.flush();
        self.note(result)
    }
}
