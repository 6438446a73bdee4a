//! Refusals: what a handler gives instead of an answer. Comes in: a problem, and what the kind
//! adds. Goes out: RFC 9457 `application/problem+json`. Must not know: requests; a refusal echoes
//! nothing but ids the asker sent.

use std::fmt::Display;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};
use strongroom_store::{CommitError, StoreError};
use strongroom_wire::ids::EntryId;
use strongroom_wire::problem::Problem;

/// What a handler gives.
pub type Answer = Result<Response, Refusal>;

macro_rules! members {
    ($($name:ident, $text:literal, $schema:expr;)*) => {
        /// What a problem may add to its body; docs/spec/api.md, "Problems".
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Member {
            $(#[doc = $text] $name,)*
        }

        impl Member {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name in the body.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Its JSON schema.
            pub fn schema(self) -> Value {
                match self { $(Self::$name => $schema,)* }
            }
        }
    };
}

members! {
    Detail, "detail", json!({"type": "string", "description": "What is wrong, in words"});
    Entry, "entry", json!({"type": "string", "description": "The entry at fault, base32"});
    Chunk, "chunk", json!({"type": "string", "description": "The chunk that lacks, base32"});
    Epochs, "epochs", json!({"type": "array", "items": {"type": "string"},
        "description": "The epochs to write under now, base32"});
    Counter, "counter", json!({"type": "integer", "description": "Of the record stored"});
    QuotaBytes, "quota_bytes", json!({"type": "integer", "description": "What the vault may use"});
    UsedBytes, "used_bytes", json!({"type": "integer", "description": "What it uses"});
    RetryAfter, "retry_after", json!({"type": "integer",
        "description": "Seconds until it may be asked again; the field Retry-After says the same"});
    Formats, "formats", json!({"type": "array", "items": {"type": "integer"},
        "description": "The formats this provider knows"});
    Time, "time", json!({"type": "integer", "description": "The provider's, seconds since 1970"});
    Started, "started", json!({"type": "integer",
        "description": "When the provider started, seconds since 1970"});
}

/// A problem with the members its kind adds.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// Which.
    pub problem: Problem,
    more: Option<Box<Map<String, Value>>>,
}

impl Refusal {
    /// Adds a member to the body.
    #[must_use]
    pub fn with(mut self, member: Member, value: impl Into<Value>) -> Self {
        self.more.get_or_insert_default().insert(member.name().to_owned(), value.into());
        self
    }

    /// Names the entry at fault and says what is wrong with it.
    pub fn entry(problem: Problem, entry: EntryId, reason: &dyn Display) -> Self {
        Self::from(problem)
            .with(Member::Entry, entry.to_base32())
            .with(Member::Detail, reason.to_string())
    }

    /// Says what is wrong, in words that carry nothing of the request.
    #[must_use]
    pub fn because(self, detail: &'static str) -> Self {
        self.with(Member::Detail, detail)
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self { problem, more: None }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let problem = match &error {
            StoreError::Full => Problem::Full,
            StoreError::TooLarge { .. } => Problem::TooLarge,
            StoreError::Busy => Problem::Busy,
            StoreError::Corrupt { .. } => Problem::Damaged,
            _ => Problem::Internal,
        };
        // The operator needs the reason; the asker must not see it. Store errors name no path.
        if problem != Problem::TooLarge {
            tracing::error!(%error, "the store failed");
        }
        problem.into()
    }
}

impl From<CommitError> for Refusal {
    fn from(error: CommitError) -> Self {
        match error {
            // Somebody else was first, or an earlier batch of this bucket failed: a retry reads
            // the state anew.
            CommitError::Conflict { .. } => Problem::Busy.into(),
            CommitError::Store(error) => error.into(),
        }
    }
}

impl From<strongroom_wire::cbor::CborError> for Refusal {
    fn from(error: strongroom_wire::cbor::CborError) -> Self {
        Self::from(Problem::Malformed).with(Member::Detail, error.to_string())
    }
}

impl From<strongroom_wire::frame::FrameError> for Refusal {
    fn from(error: strongroom_wire::frame::FrameError) -> Self {
        Self::from(Problem::Malformed).with(Member::Detail, error.to_string())
    }
}

impl From<strongroom_wire::ids::IdError> for Refusal {
    fn from(_: strongroom_wire::ids::IdError) -> Self {
        // A path that names no id names nothing.
        Problem::NotFound.into()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let problem = self.problem;
        let mut body = json!({
            "type": format!("/problems/{}", problem.name()),
            "title": problem.title(),
            "status": problem.status(),
        });
        let retry = self.more.as_ref().and_then(|more| more.get(Member::RetryAfter.name()));
        let retry = retry.and_then(Value::as_u64).unwrap_or(1);
        if let (Some(more), Some(body)) = (self.more, body.as_object_mut()) {
            body.extend(*more);
        }
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() =
            StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if matches!(problem, Problem::Busy | Problem::Rate) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(retry));
        }
        response.extensions_mut().insert(problem);
        response
    }
}
