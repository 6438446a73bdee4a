//! The signature base (RFC 9421, section 2.5) and the client's side. Comes in: the parts of a
//! request. Goes out: what is signed, then the two fields. Must not know: keys.

use base64ct::{Base64, Encoding};

use super::{CONTENT_DIGEST_FIELD, CapabilityField, HttpSignatureError, LABEL, Proof};
use super::{is_method, is_target_uri, is_time};

/// What a signature covers of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestParts<'a> {
    /// `GET`, `PUT`, …
    pub method: &'a str,
    /// The whole URI as the client addressed it: scheme, authority, path and query. The provider
    /// builds it from its own configured origin and the request's path and query, never from a
    /// field of the request.
    pub target_uri: &'a str,
    /// The value of `Content-Digest`, if the request has one.
    pub content_digest: Option<&'a str>,
    /// The capability field, if the request has one.
    pub capability: Option<CapabilityField<'a>>,
}

impl<'a> RequestParts<'a> {
    /// A request without digest and capability.
    pub const fn new(method: &'a str, target_uri: &'a str) -> Self {
        Self { method, target_uri, content_digest: None, capability: None }
    }

    pub(super) fn check(&self, proof: &Proof) -> Result<(), HttpSignatureError> {
        if !is_method(self.method) || !is_target_uri(self.target_uri) {
            return Err(HttpSignatureError::RequestLine);
        }
        // A session is good for its own chain; another one beside it would be ambiguous.
        if matches!(proof, Proof::Session { .. }) && self.capability.is_some() {
            return Err(HttpSignatureError::Capability);
        }
        let capability = self.capability.map(|field| field.parts().1);
        if capability.is_some_and(|value| !is_field_value(value)) {
            return Err(HttpSignatureError::Capability);
        }
        if self.content_digest.is_some_and(|value| !is_field_value(value)) {
            return Err(HttpSignatureError::Digest);
        }
        Ok(())
    }

    /// `("@method" "@target-uri" …)`, as far as this request has the parts.
    pub(super) fn components(&self) -> String {
        let mut out = String::with_capacity(96);
        out.push_str(r#"("@method" "@target-uri""#);
        let digest = self.content_digest.map(|_| CONTENT_DIGEST_FIELD);
        let capability = self.capability.map(|field| field.parts().0);
        for name in [digest, capability].into_iter().flatten() {
            out.push_str(" \"");
            out.push_str(name);
            out.push('"');
        }
        out.push(')');
        out
    }

    /// The signature base for these parameters (components and all that follows them).
    pub(super) fn base(&self, params: &str) -> Vec<u8> {
        let method = [("@method", self.method), ("@target-uri", self.target_uri)];
        let digest = self.content_digest.map(|value| (CONTENT_DIGEST_FIELD, value));
        let capability = self.capability.map(CapabilityField::parts);
        let components = method.into_iter().chain(digest).chain(capability);
        signature_base(components, params).into_bytes()
    }
}

/// Joins components and parameters to a signature base. Values must be free of line breaks; all
/// that come from outside are checked before they get here.
///
/// ```
/// use strongroom_wire::http_signature::signature_base;
/// let base = signature_base([("@method", "GET")], "(\"@method\");created=1");
/// assert_eq!(base, "\"@method\": GET\n\"@signature-params\": (\"@method\");created=1");
/// ```
pub fn signature_base<'a>(
    components: impl IntoIterator<Item = (&'a str, &'a str)>,
    params: &str,
) -> String {
    let mut out = String::with_capacity(512);
    for (name, value) in components {
        line(&mut out, name, value);
        out.push('\n');
    }
    line(&mut out, "@signature-params", params);
    out
}

fn line(out: &mut String, name: &str, value: &str) {
    for part in ["\"", name, "\": ", value] {
        out.push_str(part);
    }
}

fn is_field_value(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|c| c.is_ascii_graphic())
}

/// A request that is ready to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsigned {
    input: String,
    base: Vec<u8>,
}

impl Unsigned {
    /// Builds what is signed.
    pub fn new(parts: &RequestParts<'_>, proof: &Proof) -> Result<Self, HttpSignatureError> {
        parts.check(proof)?;
        let (Proof::Key { created, .. } | Proof::Session { created, .. }) = proof;
        if !is_time(*created) {
            return Err(HttpSignatureError::Created);
        }
        let mut params = parts.components();
        params.reserve(192);
        proof.write(&mut params);
        Ok(Self { base: parts.base(&params), input: format!("{LABEL}={params}") })
    }

    /// The bytes to sign or to compute the MAC of.
    pub fn base(&self) -> &[u8] {
        &self.base
    }

    /// The two fields, with the signature (64 bytes) or MAC (32 bytes) over the base.
    pub fn signed(&self, signature: &[u8]) -> SignatureFields {
        SignatureFields {
            input: self.input.clone(),
            signature: format!("{LABEL}=:{}:", Base64::encode_string(signature)),
        }
    }
}

/// The values of the two fields a signed request carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureFields {
    /// `Signature-Input`.
    pub input: String,
    /// `Signature`.
    pub signature: String,
}
