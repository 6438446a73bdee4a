//! Refusals as clients of EDV vaults know them. Comes in: what is wrong. Goes out: a status, which
//! is what clients act on, and a small JSON body. Must not know: the request; a refusal echoes
//! nothing of it, and tells nothing of the inside.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use strongroom_store::{CommitError, StoreError};
use strongroom_wire::edv::ids::IdError;
use strongroom_wire::edv::model::ModelError;
use strongroom_wire::problem::Problem;

use crate::refusal::Refusal;

/// What a handler gives.
pub type Answer = Result<Response, Failure>;

/// Why a request is refused: one closed list, docs/spec/edv.md, "Errors".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A body or a parameter is not in its form.
    Validation,
    /// A body says something that does not fit its request or what is stored.
    Data,
    /// An id is not spelled as one.
    Syntax,
    /// The URL and the body name different things.
    UrlMismatch,
    /// Not allowed. All such refusals are one.
    NotAllowed,
    /// Nothing is here.
    NotFound,
    /// There is no such request here.
    Method,
    /// Something of that name, or that claims the same, is here.
    Duplicate,
    /// A sequence is not the next one.
    InvalidState,
    /// Too large, or no room in the vault.
    QuotaExceeded,
    /// A body that does not come.
    Timeout,
    /// Too often.
    Rate,
    /// The provider has too much to do, or was in its own way.
    Busy,
    /// The disk is full.
    Full,
    /// The provider failed.
    Operation,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Validation,
        Self::Data,
        Self::Syntax,
        Self::UrlMismatch,
        Self::NotAllowed,
        Self::NotFound,
        Self::Method,
        Self::Duplicate,
        Self::InvalidState,
        Self::QuotaExceeded,
        Self::Timeout,
        Self::Rate,
        Self::Busy,
        Self::Full,
        Self::Operation,
    ];

    /// Its name in the body.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Validation => "ValidationError",
            Self::Data => "DataError",
            Self::Syntax => "SyntaxError",
            Self::UrlMismatch => "URLMismatchError",
            Self::NotAllowed => "NotAllowedError",
            Self::NotFound => "NotFoundError",
            Self::Method => "NotSupportedError",
            Self::Duplicate => "DuplicateError",
            Self::InvalidState => "InvalidStateError",
            Self::QuotaExceeded | Self::Full => "QuotaExceededError",
            Self::Timeout => "TimeoutError",
            Self::Rate | Self::Busy => "BusyError",
            Self::Operation => "OperationError",
        }
    }

    /// The status.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Validation | Self::Data | Self::Syntax | Self::UrlMismatch => {
                StatusCode::BAD_REQUEST
            }
            Self::NotAllowed => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Duplicate | Self::InvalidState => StatusCode::CONFLICT,
            Self::QuotaExceeded => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::Rate => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Full => StatusCode::INSUFFICIENT_STORAGE,
            Self::Operation => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// A refusal: its kind, and what is wrong in words that carry nothing of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// Which.
    pub kind: Kind,
    message: &'static str,
    cause: Option<(&'static str, &'static str)>,
    /// Damage in the store is counted where the answer goes out.
    damaged: bool,
}

impl Failure {
    /// A refusal.
    pub const fn new(kind: Kind, message: &'static str) -> Self {
        Self { kind, message, cause: None, damaged: false }
    }

    /// The refusal of whoever may not.
    pub const fn denied() -> Self {
        Self::new(Kind::NotAllowed, "Authorization error.")
    }

    /// Nothing is here.
    pub const fn not_found(message: &'static str) -> Self {
        Self::new(Kind::NotFound, message)
    }

    /// Says which member is wrong.
    #[must_use]
    const fn because(mut self, name: &'static str, message: &'static str) -> Self {
        self.cause = Some((name, message));
        self
    }
}

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        const BODY: Failure = Failure::new(Kind::Validation, "The body is not in its form.");
        match error {
            ModelError::Json(_) => BODY.because("the body", "JSON, no member twice, not too deep"),
            ModelError::Id(error) => error.into(),
            ModelError::Member { at, wants } => BODY.because(at, wants),
        }
    }
}

impl From<IdError> for Failure {
    fn from(_: IdError) -> Self {
        Self::new(Kind::Syntax, "An id is `z` and base58btc of 0x00 0x10 and 16 bytes.")
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal.problem {
            Problem::Quota => Self::new(Kind::QuotaExceeded, "The vault's quota is used up."),
            Problem::TooLarge => Self::new(Kind::QuotaExceeded, "The body is too large."),
            Problem::Unauthorized | Problem::Forbidden => Self::denied(),
            Problem::Malformed => Self::new(Kind::Validation, "The request is not in its form."),
            Problem::Slow => Self::new(Kind::Timeout, "The body came too slowly."),
            Problem::Busy => Self::new(Kind::Busy, "Too much is under way: try again."),
            Problem::Full => Self::new(Kind::Full, "The provider's disk is full."),
            problem => {
                let failure = Self::new(Kind::Operation, "The provider could not do that.");
                Self { damaged: problem == Problem::Damaged, ..failure }
            }
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Refusal::from(error).into()
    }
}

impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        Refusal::from(error).into()
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Refusal::from(problem).into()
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = self.kind.status();
        let cause = self.cause.map(|(name, message)| json!({ "name": name, "message": message }));
        let body = json!({
            "name": self.kind.name(),
            "message": self.message,
            "details": { "httpStatusCode": status.as_u16() },
            "cause": cause,
        });
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if matches!(self.kind, Kind::Busy | Kind::Rate) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(1));
        }
        if self.damaged {
            response.extensions_mut().insert(Problem::Damaged);
        }
        response
    }
}
