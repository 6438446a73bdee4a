//! Where words go. Comes in: facts and remarks. Goes out: tables or one JSON document on stdout,
//! remarks and errors on stderr. Must not know: what the facts mean.

use std::{
    borrow::Cow,
    io::{self, BufWriter, IsTerminal, Write},
};

use serde::Serialize;

use crate::{
    exit::{Exit, Failure, Outcome},
    show::visible,
};

/// The two streams of this process, and what the person wants to see on them.
#[derive(Debug)]
pub struct Out {
    json: bool,
    quiet: bool,
    stdout_is_terminal: bool,
    stderr_is_terminal: bool,
}

impl Out {
    /// Looks at the streams once.
    pub fn new(json: bool, quiet: bool) -> Self {
        Self {
            json,
            quiet,
            stdout_is_terminal: io::stdout().is_terminal(),
            stderr_is_terminal: io::stderr().is_terminal(),
        }
    }

    /// Whether facts are printed as JSON.
    pub const fn is_json(&self) -> bool {
        self.json
    }

    /// Whether a bar may move on stderr.
    pub const fn may_move(&self) -> bool {
        self.stderr_is_terminal && !self.quiet && !self.json
    }

    /// Facts the person asked for: one JSON document, or what `human` writes.
    pub fn facts<T: Serialize + ?Sized>(
        &self,
        facts: &T,
        human: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Outcome {
        let mut stdout = BufWriter::new(io::stdout().lock());
        if self.json {
            serde_json::to_writer_pretty(&mut stdout, facts)?;
            writeln!(stdout)?;
        } else {
            human(&mut stdout)?;
        }
        stdout.flush()?;
        Ok(())
    }

    /// Whether only what was asked for is shown.
    pub const fn is_terse(&self) -> bool {
        self.quiet || self.json
    }

    /// What was done: as `facts`, but `--quiet` leaves it out.
    pub fn report<T: Serialize + ?Sized>(
        &self,
        facts: &T,
        human: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Outcome {
        if self.quiet && !self.json {
            return Ok(());
        }
        self.facts(facts, human)
    }

    /// A remark on stderr, which neither `--json` nor `--quiet` shows.
    pub fn remark(&self, text: &str) {
        if !self.json && !self.quiet {
            self.stderr(text);
        }
    }

    /// A name for stdout: as it is into a pipe, made harmless for a terminal.
    pub fn name<'a>(&self, name: &'a str) -> Cow<'a, str> {
        if self.stdout_is_terminal { visible(name) } else { Cow::Borrowed(name) }
    }

    /// Says on stderr why a command failed.
    pub fn failure(&self, failure: &Failure) {
        if failure.message.is_empty() || failure.exit == Exit::Pipe {
            return;
        }
        if self.json {
            // If stderr is closed there is nobody to tell.
            let _ = writeln!(io::stderr(), "{}", failure.json());
            return;
        }
        self.stderr(&format!("strongroom: {}", failure.message));
        if let Some(hint) = &failure.hint {
            self.stderr(&format!("hint: {hint}"));
        }
    }

    fn stderr(&self, text: &str) {
        let mut stderr = io::stderr().lock();
        for line in text.lines() {
            let line = if self.stderr_is_terminal { visible(line) } else { Cow::Borrowed(line) };
            let _ = writeln!(stderr, "{line}");
        }
    }
}
