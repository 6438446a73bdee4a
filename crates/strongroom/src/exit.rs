//! How a command ends. Comes in: what went wrong, from the library or from reading arguments.
//! Goes out: one message, perhaps a hint, and an exit code that scripts may rely on. Must not
//! know: keys, how work is done.

use std::io;

use serde::Serialize;
use strongroom_client::{Error, ErrorKind, place::PlaceError};

/// The exit codes, in one place: `docs/exit-codes.md` and `--help` repeat them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Something was refused, or none of the others fits.
    General = 1,
    /// The arguments make no sense.
    Usage = 2,
    /// No such vault, bucket, document or version.
    NotFound = 3,
    /// Locked, or the wrong passphrase or phrase.
    Locked = 4,
    /// The provider could not be reached; what was written is kept.
    Unreachable = 5,
    /// Something stored was changed or cut; nothing of it was used.
    Damaged = 6,
    /// It exists already, or somebody else changed it.
    Conflict = 7,
    /// No room, here or at the provider.
    Full = 8,
    /// Ctrl-C.
    Interrupted = 130,
    /// Whoever read our output has gone away, as `head` does.
    Pipe = 141,
}

impl Exit {
    /// The number the process ends with.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Its name in JSON.
    const fn name(self) -> &'static str {
        match self {
            Self::General => "general",
            Self::Usage => "usage",
            Self::NotFound => "not-found",
            Self::Locked => "locked",
            Self::Unreachable => "unreachable",
            Self::Damaged => "damaged",
            Self::Conflict => "conflict",
            Self::Full => "full",
            Self::Interrupted => "interrupted",
            Self::Pipe => "pipe",
        }
    }
}

/// What every command returns.
pub type Outcome = Result<(), Failure>;

/// Why a command did not do all it was asked to.
#[derive(Debug)]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    /// What is wrong. Empty: the command has said it already.
    pub message: String,
    /// What to type now.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure with its message.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None }
    }

    /// Arguments that make no sense.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// The command has printed what is wrong, as part of its facts; only the code is left.
    pub fn told(exit: Exit) -> Self {
        Self::new(exit, "")
    }

    /// Adds what to type now.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The file or terminal at fault, and what the system said.
    pub fn io(what: impl core::fmt::Display, error: &io::Error) -> Self {
        let exit = match error.kind() {
            io::ErrorKind::NotFound => Exit::NotFound,
            io::ErrorKind::AlreadyExists => Exit::Conflict,
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Exit::Full,
            io::ErrorKind::BrokenPipe => Exit::Pipe,
            _ => Exit::General,
        };
        Self::new(exit, format!("{what}: {error}"))
    }

    /// The JSON document that goes to stderr under `--json`.
    pub fn json(&self) -> String {
        #[derive(Serialize)]
        struct Document<'a> {
            error: Body<'a>,
        }
        #[derive(Serialize)]
        struct Body<'a> {
            kind: &'static str,
            exit_code: u8,
            message: &'a str,
            hint: Option<&'a str>,
        }
        let body = Body {
            kind: self.exit.name(),
            exit_code: self.exit.code(),
            message: &self.message,
            hint: self.hint.as_deref(),
        };
        // Plain strings and numbers cannot fail to serialize.
        serde_json::to_string(&Document { error: body }).unwrap_or_default()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit = match error.kind() {
            ErrorKind::Other | ErrorKind::Refused => Exit::General,
            ErrorKind::Usage => Exit::Usage,
            ErrorKind::NotFound => Exit::NotFound,
            ErrorKind::Locked => Exit::Locked,
            ErrorKind::Unreachable => Exit::Unreachable,
            ErrorKind::Damaged => Exit::Damaged,
            ErrorKind::Conflict => Exit::Conflict,
            ErrorKind::Full => Exit::Full,
            ErrorKind::Cancelled => Exit::Interrupted,
        };
        Self { exit, message: error.to_string(), hint: error.hint().map(str::to_owned) }
    }
}

impl From<PlaceError> for Failure {
    fn from(error: PlaceError) -> Self {
        Self::usage(error.to_string())
    }
}

/// Writing to stdout failed.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::io("standard output", &error)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::from(io::Error::from(error))
    }
}

/// The end of `--help`.
pub const HELP: &str = "\
A PLACE in the vault is [BUCKET:]/path; without a bucket it is in the default one.

Exit codes: 0 done · 1 something was refused · 2 wrong arguments · 3 not found · 4 locked, wrong
passphrase or phrase · 5 provider unreachable (writes are kept) · 6 damaged or tampered with ·
7 exists or conflicts · 8 no room · 130 interrupted · 141 output closed

STRONGROOM_HOME names the directory of the vault on this device, STRONGROOM_PASSPHRASE_FILE a
file with its passphrase. A passphrase is never an argument: other users could read it.";
