//! Signatures on requests in the old form (draft-cavage, 12) that EDV clients speak. Comes in: a
//! request, the public origin, a time. Goes out: who invokes which capability for what, or a
//! refusal; for clients the headers of a signed request. Must not know: sockets, clocks, secret
//! keys, whether the capability allows it.
//!
//! Table and order of checks: docs/spec/edv.md. The digest is taken over the body as it came.

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};

use super::invocation::{Invocation, Invoked};
use super::limits::{
    AUTHORIZATION_LEN_MAX, COVERED_MAX, HEADER_LEN_MAX, INVOCATION_LEN_MAX, SIGNATURE_AGE_MAX_SECS,
    SIGNATURE_AGE_SECS, SKEW_SECS, URL_LEN_MAX,
};
use super::zcap::Zcap;
use super::{Denied, params};
use crate::did_key;
use crate::ids::PublicKey;
use crate::limits::TIME_SECS_MAX;
use crate::signature::{KnownKeys, verify_signature};

/// What every signature covers.
const REQUIRED: [&str; 6] =
    ["(key-id)", "(created)", "(expires)", "(request-target)", "host", INVOCATION_HEADER];
/// What it covers besides, where there is a body.
const WITH_BODY: [&str; 2] = ["content-type", "digest"];
/// The header with the capability.
pub const INVOCATION_HEADER: &str = "capability-invocation";
/// Start of a multihash: SHA-256, 32 bytes.
const MULTIHASH: [u8; 2] = [0x12, 0x20];

/// A request, as it came.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Method, in upper case.
    pub method: &'a str,
    /// Path and query as they stand in the request line.
    pub target: &'a str,
    /// The value of a header by its lower-case name. Of one that came more than once all values,
    /// joined by `, `, or nothing; never one of them.
    pub header: &'a dyn Fn(&str) -> Option<&'a str>,
    /// The body as it came; none if there is none.
    pub body: Option<&'a [u8]>,
}

/// Where the provider is reached from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'a> {
    /// `https`, or `http` for trying things out.
    pub scheme: &'a str,
    /// Host, and port unless it is the scheme's own.
    pub host: &'a str,
}

/// The parameters of an `authorization` header.
struct Authorization<'a> {
    key_id: &'a str,
    headers: Vec<&'a str>,
    created: &'a str,
    expires: &'a str,
    signature: [u8; 64],
}

/// Checks a request's signature: form, coverage, time, digest, host, key, signature, form of the
/// capability, in this order. `now` is in seconds since 1970. What comes out still has to be
/// asked for what it allows: [`Invocation::authorize`].
pub fn verify(request: &Request<'_>, origin: &Origin<'_>, now: u64) -> Result<Invocation, Denied> {
    let parts = Authorization::of(request, now)?;
    check_digest(request)?;
    parts.verify(request, origin, verify_signature)
}

/// The same from the head alone, before a byte of the body is read: [`Request::body`] is not looked
/// at. Gives the SHA-256 that the body must have; `None`: it must be empty. `keys` remembers who
/// signs much, and nothing of what was signed.
pub fn verify_head(
    request: &Request<'_>,
    origin: &Origin<'_>,
    now: u64,
    keys: &KnownKeys,
) -> Result<(Invocation, Option<[u8; 32]>), Denied> {
    let parts = Authorization::of(request, now)?;
    let told = (request.header)("digest");
    let digest = told.map(|told| promised(told).ok_or(Denied::Digest)).transpose()?;
    let check = |key: &_, message: &_, signature: &_| keys.verify(key, message, signature);
    Ok((parts.verify(request, origin, check)?, digest))
}

impl<'a> Authorization<'a> {
    /// Form, coverage and time of a request's signature.
    fn of(request: &Request<'a>, now: u64) -> Result<Self, Denied> {
        let header = (request.header)("authorization").ok_or(Denied::Header)?;
        let authorization = Self::parse(header).ok_or(Denied::Header)?;
        authorization.covers_enough(request)?;
        authorization.window(now)?;
        Ok(authorization)
    }

    /// Host, key, signature, and the form of the capability.
    fn verify(
        &self,
        request: &Request<'_>,
        origin: &Origin<'_>,
        check: impl Fn(&[u8; 32], &[u8], &[u8; 64]) -> bool,
    ) -> Result<Invocation, Denied> {
        let host = (request.header)("host").ok_or(Denied::Host)?;
        if !host.trim().eq_ignore_ascii_case(origin.host) {
            return Err(Denied::Host);
        }
        let (did, key) = did_key::parse_method_id(self.key_id).ok_or(Denied::Key)?;
        let base = self.base(request)?;
        if !check(&key.0, base.as_bytes(), &self.signature) {
            return Err(Denied::Signature);
        }
        let header = (request.header)(INVOCATION_HEADER).ok_or(Denied::Capability)?;
        let (invoked, action) = Invoked::parse(header).ok_or(Denied::Capability)?;
        let (created, expires) =
            secs(self.created).zip(secs(self.expires)).ok_or(Denied::Header)?;
        Ok(Invocation {
            key,
            did: did.to_owned(),
            key_id: self.key_id.to_owned(),
            created,
            expires,
            signature: self.signature,
            invoked,
            action,
        })
    }

    fn parse(header: &'a str) -> Option<Self> {
        if header.len() > AUTHORIZATION_LEN_MAX {
            return None;
        }
        let params = params::parse(header, "Signature")?;
        let of = |name| params::of(&params, name);
        let known = ["keyId", "headers", "signature", "created", "expires", "algorithm"];
        if !params.iter().all(|(name, _)| known.contains(name)) {
            return None;
        }
        let algorithm = of("algorithm").unwrap_or("hs2019");
        if !["hs2019", "ed25519"].iter().any(|known| algorithm.eq_ignore_ascii_case(known)) {
            return None;
        }
        let named = of("headers")?;
        if named.bytes().filter(|c| *c == b' ').count() >= COVERED_MAX {
            return None;
        }
        let headers: Vec<_> = named.split(' ').collect();
        let before = |at| headers.iter().take(at);
        if headers.iter().enumerate().any(|(at, name)| before(at).any(|other| other == name)) {
            return None;
        }
        let mut signature = [0; 64];
        let decoded = Base64::decode(of("signature")?, &mut signature).ok()?;
        if decoded.len() != 64 {
            return None;
        }
        let (key_id, created, expires) = (of("keyId")?, of("created")?, of("expires")?);
        Some(Self { key_id, headers, created, expires, signature })
    }

    fn covers_enough(&self, request: &Request<'_>) -> Result<(), Denied> {
        let covers = |name: &&str| self.headers.contains(name);
        let typed = (request.header)("content-type").is_some();
        let with_body = typed || has_body(request);
        let enough = REQUIRED.iter().all(covers) && (!with_body || WITH_BODY.iter().all(covers));
        if enough { Ok(()) } else { Err(Denied::Covered) }
    }

    fn window(&self, now: u64) -> Result<(), Denied> {
        let (created, expires) = (secs(self.created), secs(self.expires));
        let (created, expires) = created.zip(expires).ok_or(Denied::Header)?;
        let age = expires.checked_sub(created).ok_or(Denied::Time)?;
        let early = created > now.saturating_add(SKEW_SECS);
        let late = expires.saturating_add(SKEW_SECS) < now;
        if early || late || age > SIGNATURE_AGE_MAX_SECS {
            return Err(Denied::Time);
        }
        Ok(())
    }

    /// What was signed.
    fn base(&self, request: &Request<'_>) -> Result<String, Denied> {
        let times = (self.created, self.expires);
        let value = |name: &str| (request.header)(name);
        let line = RequestLine { method: request.method, target: request.target };
        signing_string(&self.headers, self.key_id, times, &line, value).ok_or(Denied::Covered)
    }
}

/// What a request line says.
struct RequestLine<'a> {
    method: &'a str,
    target: &'a str,
}

/// One line for each name, `name: value`, without a line end after the last. `None` if something
/// covered is not there or cannot stand in a line. Signer and verifier both build it here.
fn signing_string<'a>(
    names: &[&str],
    key_id: &str,
    (created, expires): (&str, &str),
    line: &RequestLine<'_>,
    value: impl Fn(&str) -> Option<&'a str>,
) -> Option<String> {
    if line.target.len() > URL_LEN_MAX || !line.target.starts_with('/') {
        return None;
    }
    let mut out = String::with_capacity(1_024);
    for (at, name) in names.iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        out.push_str(name);
        out.push_str(": ");
        match *name {
            "(key-id)" => out.push_str(key_id),
            "(created)" => out.push_str(created),
            "(expires)" => out.push_str(expires),
            "(request-target)" => {
                out.extend(line.method.chars().map(|c| c.to_ascii_lowercase()));
                out.push(' ');
                out.push_str(line.target);
            }
            name if is_header_name(name) => {
                let value = value(name)?.trim();
                let invocation = name == INVOCATION_HEADER;
                let max = if invocation { INVOCATION_LEN_MAX } else { HEADER_LEN_MAX };
                if value.len() > max {
                    return None;
                }
                out.push_str(value);
            }
            _ => return None,
        }
    }
    // A line break in a value would let one request pass for another.
    let lines = out.bytes().filter(|c| *c == b'\n').count() + 1;
    (lines == names.len() && !out.contains('\r')).then_some(out)
}

/// A lower-case name of a header.
fn is_header_name(name: &str) -> bool {
    let letter = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-' || c == b'_';
    !name.is_empty() && name.bytes().all(letter)
}

/// Digits without a leading zero.
fn secs(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|c| c.is_ascii_digit()) && !text.starts_with('0');
    let secs = if digits { text.parse().ok()? } else { return None };
    (secs <= TIME_SECS_MAX).then_some(secs)
}

fn has_body(request: &Request<'_>) -> bool {
    request.body.is_some_and(|body| !body.is_empty())
}

/// A digest must be that of the body, and there must be one if there is a body.
fn check_digest(request: &Request<'_>) -> Result<(), Denied> {
    let Some(told) = (request.header)("digest") else {
        return if has_body(request) { Err(Denied::Digest) } else { Ok(()) };
    };
    let hash = Sha256::digest(request.body.unwrap_or_default());
    if promised(told).is_some_and(|told| told == hash[..]) { Ok(()) } else { Err(Denied::Digest) }
}

/// The hash that `mh=u…` names, or `SHA-256=…` with or without the colons of structured fields.
fn promised(told: &str) -> Option<[u8; 32]> {
    let (key, value) = told.trim().split_once('=').filter(|_| told.len() <= 128)?;
    let bytes = if key == "mh" {
        let bytes = Base64UrlUnpadded::decode_vec(value.strip_prefix('u')?).ok()?;
        bytes.strip_prefix(&MULTIHASH)?.to_vec()
    } else {
        let inner = value.strip_prefix(':').and_then(|value| value.strip_suffix(':'));
        let named = key.eq_ignore_ascii_case("sha-256");
        named.then(|| Base64::decode_vec(inner.unwrap_or(value)).ok()).flatten()?
    };
    bytes.try_into().ok()
}

/// Multibase base64url of the multihash of a SHA-256.
fn multihash(hash: &[u8]) -> String {
    let mut bytes = MULTIHASH.to_vec();
    bytes.extend_from_slice(hash);
    format!("u{}", Base64UrlUnpadded::encode_string(&bytes))
}

/// The value of `digest` for a body.
pub fn digest(body: &[u8]) -> String {
    format!("mh={}", multihash(&Sha256::digest(body)))
}

/// The capability a client invokes.
#[derive(Debug, Clone, Copy)]
pub enum Capability<'a> {
    /// The root of this URL; its id is made of it.
    RootOf(&'a str),
    /// A delegated one.
    Delegated(&'a Zcap),
}

/// A request a client is about to sign.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// Method, in upper case.
    pub method: &'a str,
    /// The whole URL with its query, `http` or `https`, without a fragment.
    pub url: &'a str,
    /// The body and its type, if there is one.
    pub body: Option<(&'a str, &'a [u8])>,
    /// What allows it.
    pub capability: Capability<'a>,
    /// What is invoked: `read` or `write`.
    pub action: &'a str,
    /// Who signs.
    pub key: PublicKey,
    /// When, in seconds since 1970.
    pub created: u64,
}

/// Headers of a signed request, to be sent exactly so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHeaders {
    /// `host`.
    pub host: String,
    /// `capability-invocation`.
    pub capability_invocation: String,
    /// `content-type` and `digest`, if there is a body.
    pub body: Option<(String, String)>,
    /// `authorization`.
    pub authorization: String,
}

impl SignedHeaders {
    /// All of them by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let body = self.body.iter().flat_map(|(content_type, digest)| {
            [("content-type", content_type.as_str()), ("digest", digest.as_str())]
        });
        [("host", self.host.as_str()), (INVOCATION_HEADER, &self.capability_invocation)]
            .into_iter()
            .chain(body)
            .chain([("authorization", self.authorization.as_str())])
    }
}

impl Outgoing<'_> {
    /// The headers of the request. `sign` gets the bytes to be signed by the key's owner. `None` if
    /// URL, type, action or capability cannot stand in a request.
    pub fn sign(&self, sign: impl FnOnce(&[u8]) -> [u8; 64]) -> Option<SignedHeaders> {
        let (host, target) = split_url(self.url)?;
        let invocation = Invoked::header(&self.capability, self.action)?;
        let body = self.body.map(|(kind, body)| (kind.to_owned(), digest(body)));
        let mut names = REQUIRED.to_vec();
        if body.is_some() {
            names.extend(WITH_BODY);
        }
        let key_id = did_key::method_id(&self.key);
        let expires = self.created.checked_add(SIGNATURE_AGE_SECS)?;
        let (created, expires) = (self.created.to_string(), expires.to_string());
        let value = |name: &str| match name {
            "host" => Some(host),
            INVOCATION_HEADER => Some(invocation.as_str()),
            "content-type" => body.as_ref().map(|(kind, _)| kind.as_str()),
            "digest" => body.as_ref().map(|(_, digest)| digest.as_str()),
            _ => None,
        };
        let line = RequestLine { method: self.method, target };
        let base = signing_string(&names, &key_id, (&created, &expires), &line, value)?;
        let signature = Base64::encode_string(&sign(base.as_bytes()));
        let names = names.join(" ");
        let authorization = format!(
            "Signature keyId=\"{key_id}\",headers=\"{names}\",signature=\"{signature}\",\
             created=\"{created}\",expires=\"{expires}\""
        );
        let (host, capability_invocation) = (host.to_owned(), invocation.clone());
        Some(SignedHeaders { host, capability_invocation, body, authorization })
    }
}

/// Host with port, and path with query.
fn split_url(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let (host, target) = rest.split_at_checked(rest.find('/')?)?;
    let plain = url.bytes().all(|c| c.is_ascii_graphic()) && !url.contains('#');
    (plain && !host.is_empty() && !host.contains('@')).then_some((host, target))
}
