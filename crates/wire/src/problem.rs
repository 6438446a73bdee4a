//! Problems: everything a provider may answer instead of what was asked. Comes in: a kind. Goes
//! out: its status and name. Must not know: why; a problem never carries a path, a stack or an
//! echo of the request.
//!
//! On the wire: RFC 9457 `application/problem+json` with `type` = `/problems/` + name, `status`,
//! `title`, and what the kind adds (docs/spec/http.md). The list only grows at its end.

macro_rules! problems {
    ($($name:ident, $text:literal, $status:literal, $title:literal;)*) => {
        /// The closed list of problems.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Problem {
            $(#[doc = $title] $name,)*
        }

        impl Problem {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name on the wire.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Its HTTP status.
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// What it says to a person.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// The problem of this name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|problem| problem.name() == name)
            }
        }
    };
}

problems! {
    Malformed, "malformed", 400, "The request is not of the form the description gives.";
    Unauthorized, "unauthorized", 401,
        "No valid session, signature or capability covers this request.";
    Forbidden, "forbidden", 403, "The capability does not cover this.";
    NotFound, "not-found", 404, "There is nothing here that this capability covers.";
    Method, "method", 405, "This method has no meaning here.";
    Slow, "slow", 408, "The request did not arrive in time.";
    Conflict, "conflict", 409, "Something newer is stored already.";
    StaleEpoch, "stale-epoch", 409, "The entry is sealed under an epoch that was followed.";
    TooLarge, "too-large", 413, "The request is larger than the limits of this provider.";
    HeadTooLarge, "head-too-large", 431, "The request's head is larger than the limits.";
    InvalidEntry, "invalid-entry", 422,
        "An entry is not authentic, not in order, or not allowed to its author.";
    MissingChunk, "missing-chunk", 422,
        "A version refers to a chunk that was not put under this bucket.";
    Rate, "rate", 429, "Too many requests; try again later.";
    Internal, "internal", 500, "The provider failed; nothing was stored.";
    Busy, "busy", 503, "The provider is at its limits; try again soon.";
    Full, "full", 507, "The provider's disk is full; nothing was stored.";
    Quota, "quota", 507, "This vault's quota is used up; nothing was stored.";
    SignUpClosed, "sign-up-closed", 403, "This provider takes no new vaults, or asks for a token.";
    Unsupported, "unsupported", 422, "This provider does not know this kind of entry or format.";
    Damaged, "damaged", 500, "The provider's copy of this is damaged; nothing of it is given out.";
}
