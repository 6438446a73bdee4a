//! What can go wrong, for people. Comes in: errors of all rooms. Goes out: one sentence that says
//! what is wrong and one that says what to do. Must not know: secrets; none is ever in a message.

use std::io;

use strongroom_core::keyring::EntryOpenError;
use strongroom_store::{CommitError, StoreError};
use strongroom_wire::problem::Problem;

use crate::place::PlaceError;
use crate::remote::{FetchError, RemoteError};

/// Kinds of errors; each has an exit code at the command line. The list only grows at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Something else.
    Other,
    /// The request makes no sense.
    Usage,
    /// There is no such thing.
    NotFound,
    /// The key store is closed, or passphrase or phrase are wrong.
    Locked,
    /// A provider does not answer.
    Unreachable,
    /// Bytes were changed, cut or swapped; nothing of them was used.
    Damaged,
    /// Something is there already, or changed meanwhile.
    Conflict,
    /// A disk or quota is full.
    Full,
    /// The person stopped it.
    Cancelled,
    /// A provider refused.
    Refused,
}

/// What went wrong, and what to do now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    /// A provider let this device in no further.
    unauthorized: bool,
}

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Says what is wrong.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, unauthorized: false }
    }

    /// Says what to do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// An error of the system, with what was being done.
    pub fn io(doing: impl Into<String>, error: &io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            // A limit on the size of files is a kind of full disk, too.
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => ErrorKind::Full,
            _ => ErrorKind::Other,
        };
        let made = Self::new(kind, format!("{}: {error}", doing.into()));
        if kind == ErrorKind::Full { made.with_hint("make room, then run it again") } else { made }
    }

    /// There is nothing at this place.
    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(ErrorKind::NotFound, format!("there is no {what}"))
            .with_hint("`strongroom ls` shows what is here; `strongroom sync` fetches what is new")
    }

    /// Bytes are not what they must be.
    pub fn damaged(what: impl std::fmt::Display) -> Self {
        Self::new(ErrorKind::Damaged, format!("{what}"))
            .with_hint("`strongroom verify` lists everything that is damaged")
    }

    /// The person stopped it.
    pub fn cancelled() -> Self {
        Self::new(ErrorKind::Cancelled, "stopped; nothing is lost")
            .with_hint("the same command goes on where this one stopped")
    }

    /// The same, about something that has a name.
    #[must_use]
    pub fn about(mut self, name: impl std::fmt::Display) -> Self {
        self.message = format!("{name}: {}", self.message);
        self
    }

    /// The same, with what the other knows of why a provider refused.
    pub(crate) const fn because_of(mut self, other: &Self) -> Self {
        self.unauthorized = other.unauthorized;
        self
    }

    /// Its kind.
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether a provider let this device in no further: a capability ended or was revoked.
    pub(crate) const fn is_unauthorized(&self) -> bool {
        self.unauthorized
    }

    /// What to do now.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => Self::new(ErrorKind::Full, "this device's disk is full")
                .with_hint("make room, then run it again; nothing is lost"),
            StoreError::Corrupt { .. } => Self::damaged(format!("this device's replica: {error}")),
            other => Self::new(ErrorKind::Other, format!("this device's replica: {other}")),
        }
    }
}

impl From<CommitError> for Error {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict { .. } => {
                Self::new(ErrorKind::Conflict, "another process changed the replica meanwhile")
                    .with_hint("run it again")
            }
            CommitError::Store(error) => error.into(),
        }
    }
}

impl From<PlaceError> for Error {
    fn from(error: PlaceError) -> Self {
        Self::new(ErrorKind::Usage, error.to_string())
    }
}

impl From<EntryOpenError> for Error {
    fn from(error: EntryOpenError) -> Self {
        match error {
            EntryOpenError::NoKey => Self::new(ErrorKind::Locked, error.to_string()),
            EntryOpenError::Purged => Self::new(ErrorKind::NotFound, error.to_string()),
            other => Self::damaged(other),
        }
    }
}

impl From<strongroom_seal::aead::OpenError> for Error {
    fn from(error: strongroom_seal::aead::OpenError) -> Self {
        Self::damaged(error)
    }
}

impl From<strongroom_seal::aead::SealError> for Error {
    fn from(error: strongroom_seal::aead::SealError) -> Self {
        Self::new(ErrorKind::Other, error.to_string())
    }
}

impl From<strongroom_wire::cbor::CborError> for Error {
    fn from(error: strongroom_wire::cbor::CborError) -> Self {
        Self::damaged(error)
    }
}

impl From<FetchError> for Error {
    fn from(error: FetchError) -> Self {
        let made = |kind| Self::new(kind, error.to_string());
        match &error {
            FetchError::Form(_) | FetchError::Plain(_) => made(ErrorKind::Usage),
            FetchError::Status { status: 404 | 410, .. } => made(ErrorKind::NotFound)
                .with_hint("ask them for the address, or for the card as a file"),
            FetchError::Unreachable { .. } | FetchError::Status { status: 500.., .. } => {
                made(ErrorKind::Unreachable)
                    .with_hint("try again later, or ask them for the card as a file")
            }
            FetchError::Tls { .. } => made(ErrorKind::Refused)
                .with_hint("for a private authority, name its certificate in STRONGROOM_CA_FILE"),
            FetchError::Elsewhere { .. } => made(ErrorKind::Refused)
                .with_hint("if you trust where it leads, name that address yourself"),
            FetchError::Status { .. } | FetchError::TooLarge { .. } | FetchError::Other { .. } => {
                made(ErrorKind::Refused).with_hint("ask them for the card as a file")
            }
        }
    }
}

impl From<RemoteError> for Error {
    fn from(error: RemoteError) -> Self {
        let kind = match (&error, error.problem()) {
            (RemoteError::Unreachable { .. }, _) => ErrorKind::Unreachable,
            (RemoteError::Url(_), _) => ErrorKind::Usage,
            (
                RemoteError::PinMismatch { .. }
                | RemoteError::Unproven { .. }
                | RemoteError::Damaged(_),
                _,
            )
            | (_, Some(Problem::Damaged)) => ErrorKind::Damaged,
            (_, Some(Problem::Quota | Problem::Full)) => ErrorKind::Full,
            (_, Some(Problem::NotFound)) => ErrorKind::NotFound,
            (_, Some(Problem::Busy | Problem::Rate | Problem::Internal)) => ErrorKind::Unreachable,
            (_, Some(_)) => ErrorKind::Refused,
            (RemoteError::TooLarge { .. } | RemoteError::Protocol(_), _) => ErrorKind::Damaged,
            _ => ErrorKind::Other,
        };
        let mut made = Self::new(kind, error.to_string());
        made.unauthorized = error.problem() == Some(Problem::Unauthorized);
        match error.hint() {
            Some(hint) => made.with_hint(hint),
            None => made,
        }
    }
}
