//! Why a request of the EDV protocol is refused. Comes in: nothing. Goes out: one closed list of
//! reasons, for logs and tests. Must not know: the request.

use crate::walk::WalkError;

/// Why a request is not allowed. To the outside all of them are one 403.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No `authorization`, or not of its form.
    #[error("no signature of the known form")]
    Header,
    /// The signature leaves out what it must cover, or covers what is not there.
    #[error("the signature covers too little")]
    Covered,
    /// Made too late or too early, or good for too long.
    #[error("the signature was not made just now; compare clocks")]
    Time,
    /// The body is another, or has no digest.
    #[error("the digest is not that of the body")]
    Digest,
    /// The request was made for another host.
    #[error("the request was made for another host")]
    Host,
    /// The key is none that is known here: a did:key of Ed25519.
    #[error("the key is no did:key of Ed25519")]
    Key,
    /// The key did not sign this.
    #[error("the signature does not cover this request")]
    Signature,
    /// No `capability-invocation`, or not of its form.
    #[error("no capability of the known form")]
    Capability,
    /// Another action than the request needs, or one the capability does not allow.
    #[error("the capability does not allow this action")]
    Action,
    /// The capability is about something else.
    #[error("the capability is about another URL")]
    Target,
    /// The capability comes from another root.
    #[error("the capability comes from another root")]
    Root,
    /// Who signed does not control the capability.
    #[error("the signer does not control the capability")]
    Controller,
    /// A delegation does not hold.
    #[error("{0}")]
    Chain(WalkError),
}
