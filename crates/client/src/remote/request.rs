//! Requests before they are sent. Comes in: method, path, body. Goes out: what HTTP needs to carry
//! them. Must not know: sessions, connections.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use strongroom_wire::http_signature::{
    CAPABILITY_FIELD, CONTENT_DIGEST_FIELD, SIGNATURE_FIELD, SIGNATURE_INPUT_FIELD, SignatureFields,
};
use strongroom_wire::ids::base32;

use super::body::Segments;
use super::connection::Expect;
use super::error::RemoteError;

/// Bytes of an answer that says little.
pub(super) const SMALL_ANSWER_LEN_MAX: usize = 4_096;

/// One request, cheap to build again.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    /// Path and query.
    pub(super) path: String,
    pub(super) body: Segments,
    /// The value of `Range`.
    pub(super) range: Option<String>,
    /// Whether sending it twice is as good as once.
    pub(super) idempotent: bool,
    pub(super) expect: Expect,
}

impl Call {
    fn new(method: Method, path: String, body: Segments) -> Self {
        let expect = Expect { limit: SMALL_ANSWER_LEN_MAX, hash: false, head_of_bad: false };
        Self { method, path, body, range: None, idempotent: true, expect }
    }

    pub(super) fn get(path: String) -> Self {
        Self::new(Method::GET, path, Segments::default())
    }

    pub(super) fn put(path: String, body: impl Into<Segments>) -> Self {
        Self::new(Method::PUT, path, body.into())
    }

    pub(super) fn delete(path: String) -> Self {
        Self::new(Method::DELETE, path, Segments::default())
    }

    pub(super) fn post(path: String, body: impl Into<Segments>) -> Self {
        Self::new(Method::POST, path, body.into())
    }

    /// Puts the body's BLAKE3 into the query, which binds the body to the signed URI.
    pub(super) fn bound(mut self) -> Self {
        let mut hasher = blake3::Hasher::new();
        for piece in self.body.pieces() {
            hasher.update(piece);
        }
        self.path.push_str("?b3=");
        self.path.push_str(&base32(hasher.finalize().as_bytes()));
        self
    }

    pub(super) fn once(mut self) -> Self {
        self.idempotent = false;
        self
    }

    pub(super) fn answer_max(mut self, limit: usize) -> Self {
        self.expect.limit = limit;
        self
    }

    /// Of an answer that is not a good one, only the head is wanted.
    pub(super) fn head_of_bad(mut self) -> Self {
        self.expect.head_of_bad = true;
        self
    }

    pub(super) fn hashed(mut self) -> Self {
        self.expect.hash = true;
        self
    }

    pub(super) fn range(mut self, range: String) -> Self {
        self.range = Some(range);
        self
    }

    /// Whether an early refusal of this request may be lost: its body does not fit into what the
    /// system sends ahead.
    pub(super) const fn may_be_cut_short(&self) -> bool {
        self.idempotent && self.body.len() > 16_384
    }

    /// The body as one piece, for what must be hashed in one piece. Bodies of several pieces are
    /// bound by their URI.
    pub(super) fn whole_body(&self) -> Bytes {
        match self.body.len() {
            0 => Bytes::new(),
            _ => self.body.pieces().collect::<Vec<_>>().concat().into(),
        }
    }

    /// The request for HTTP. `fields` are absent for what needs no proof.
    pub(super) fn to_http(
        &self,
        authority: &HeaderValue,
        fields: Option<Fields<'_>>,
    ) -> Result<Request<Segments>, RemoteError> {
        let invalid = |_| RemoteError::Protocol("this request has no form in HTTP");
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(&self.path)
            .header(header::HOST, authority);
        if let Some(range) = &self.range {
            request = request.header(header::RANGE, range);
        }
        if let Some(fields) = fields {
            request = request
                .header(SIGNATURE_INPUT_FIELD, fields.signature.input)
                .header(SIGNATURE_FIELD, fields.signature.signature);
            if let Some(digest) = fields.digest {
                request = request.header(CONTENT_DIGEST_FIELD, digest);
            }
            if let Some(chain) = fields.chain {
                request = request.header(CAPABILITY_FIELD, chain);
            }
        }
        request.body(self.body.clone()).map_err(invalid)
    }
}

/// What proves a request.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    pub(super) signature: SignatureFields,
    pub(super) digest: Option<String>,
    pub(super) chain: Option<&'a str>,
}
