//! What can go wrong with a remote. Comes in: failures of every layer below. Goes out: one closed
//! list that says what is wrong. Must not know: what was being done, or any secret.

use std::time::Duration;

use strongroom_wire::ids::{ChunkId, EntryId, Thumbprint};
use strongroom_wire::problem::Problem;

use super::url::UrlError;

/// Why a request to a provider gave no answer that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// The address is none.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// Nobody answers at the address, or the connection broke and a second one did too.
    #[error("the provider {provider} cannot be reached: {reason}")]
    Unreachable {
        /// Its address.
        provider: String,
        /// What the system said.
        reason: String,
    },
    /// The connection is not secure: unknown authority, wrong name, expired, old protocol.
    #[error("no secure connection to {provider}: {reason}")]
    Tls {
        /// Its address.
        provider: String,
        /// What the check said.
        reason: String,
    },
    /// The file of additional certificate authorities cannot be used.
    #[error("the file of certificate authorities cannot be used: {0}")]
    CaFile(String),
    /// Another provider answers at this address than the one this vault knows.
    #[error(
        "{provider} is not the provider this vault knows: its key is {found}, \
         the vault knows {pinned}"
    )]
    PinMismatch {
        /// The address.
        provider: String,
        /// The thumbprint that was pinned.
        pinned: Thumbprint,
        /// The thumbprint of the key it shows now.
        found: Thumbprint,
    },
    /// Whoever answers has not the key the provider is known by.
    #[error("whoever answers at {provider} could not prove that it has the key {expected}")]
    Unproven {
        /// The address.
        provider: String,
        /// The thumbprint of the key that was expected.
        expected: Thumbprint,
    },
    /// The provider refused, and said so.
    #[error("the provider refused: {0}")]
    Problem(Box<ProblemReport>),
    /// The answer is not what the protocol says.
    #[error("the provider does not speak the protocol: {0}")]
    Protocol(&'static str),
    /// The answer is larger than any honest one; nothing of it was kept.
    #[error("the provider's answer is larger than {limit} bytes")]
    TooLarge {
        /// Bytes that would have been taken.
        limit: usize,
    },
    /// The provider answered with bytes that are not this chunk.
    #[error("the provider's copy of {0} is damaged")]
    Damaged(ChunkId),
}

impl RemoteError {
    /// Whether the same request may succeed later without anyone changing anything: the write is
    /// kept and the next `sync` sends it.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Problem(report) => matches!(
                report.problem,
                Problem::Rate | Problem::Busy | Problem::Internal | Problem::Slow | Problem::Full
            ),
            _ => false,
        }
    }

    /// Which problem the provider named, if it named one.
    pub fn problem(&self) -> Option<Problem> {
        match self {
            Self::Problem(report) => Some(report.problem),
            _ => None,
        }
    }

    /// What to do now.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unreachable { .. } => {
                Some("what you wrote is kept on this device; `strongroom sync` sends it")
            }
            Self::Tls { .. } => {
                Some("for a private authority, name its certificate in STRONGROOM_CA_FILE")
            }
            Self::PinMismatch { .. } | Self::Unproven { .. } => Some(
                "nothing was sent; ask the provider whether it changed its key, over another way",
            ),
            Self::Damaged(_) | Self::Protocol(_) | Self::TooLarge { .. } => {
                Some("nothing of it was used; `strongroom verify` lists all that is damaged")
            }
            Self::Problem(report) => match report.problem {
                Problem::Rate | Problem::Busy => Some("try again in a while"),
                Problem::Quota => Some("`strongroom status` shows the quota and what fills it"),
                Problem::SignUpClosed => Some("ask the provider for a sign-up token"),
                Problem::Damaged => Some("tell the provider; the rest of the vault can be read"),
                _ => None,
            },
            Self::Url(_) | Self::CaFile(_) => None,
        }
    }
}

/// A problem with what its kind adds. What a provider says in words is cut to 200 printable
/// characters: it goes to a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProblemReport {
    /// Which.
    pub problem: Problem,
    /// More words.
    pub detail: Option<String>,
    /// The entry at fault.
    pub entry: Option<EntryId>,
    /// The chunk at fault.
    pub chunk: Option<ChunkId>,
    /// The counter that is stored, for a recovery record that lost.
    pub counter: Option<u64>,
    /// How long the provider asks to wait.
    pub retry_after: Option<Duration>,
}

impl core::fmt::Display for ProblemReport {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.problem.title())?;
        if let Some(detail) = &self.detail {
            write!(f, " ({detail})")?;
        }
        if let Some(entry) = &self.entry {
            write!(f, " ({entry})")?;
        }
        if let Some(chunk) = &self.chunk {
            write!(f, " ({chunk})")?;
        }
        Ok(())
    }
}
