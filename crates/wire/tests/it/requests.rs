//! Requests as a provider gets them, for tests. Comes in: what a test wants to vary. Goes out:
//! accepted, or the check that refused. Must not know: which rule is tested.

use ed25519_dalek::Signer;
use strongroom_wire::http_signature::{
    BodyCheck, CapabilityField, HttpSignatureError, NonceMemory, NonceRefusal, Proof, RequestParts,
    SignatureFields, Signed, Unsigned, content_digest, parse,
};
use strongroom_wire::ids::PublicKey;
use strongroom_wire::session::{ClientSession, Session, SessionRefusal};

use crate::chains::{NOW, key, public};

/// What came over the wire.
#[derive(Debug, Clone)]
pub struct Sent {
    pub method: String,
    pub uri: String,
    pub digest: Option<String>,
    pub chain: Option<String>,
    pub chain_hash: Option<String>,
    pub input: String,
    pub signature: String,
    pub body: Vec<u8>,
}

/// Which check refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    Signature(HttpSignatureError),
    Nonce(NonceRefusal),
    Session(SessionRefusal),
    Body,
}

impl Sent {
    /// Unsigned; the digest as a client would set it.
    pub fn new(method: &str, uri: &str, body: &[u8]) -> Self {
        Self {
            method: method.into(),
            uri: uri.into(),
            digest: (!body.is_empty()).then(|| content_digest(body)),
            chain: None,
            chain_hash: None,
            input: String::new(),
            signature: String::new(),
            body: body.into(),
        }
    }

    pub fn parts(&self) -> RequestParts<'_> {
        let chain = self.chain.as_deref().map(CapabilityField::Chain);
        let hash = self.chain_hash.as_deref().map(CapabilityField::Hash);
        RequestParts {
            method: &self.method,
            target_uri: &self.uri,
            content_digest: self.digest.as_deref(),
            capability: chain.or(hash),
        }
    }

    /// Signed by the key of `who`.
    pub fn signed_by(mut self, who: u8, created: u64, nonce: [u8; 16]) -> Self {
        let proof = Proof::Key { created, nonce, key: public(who) };
        let unsigned = Unsigned::new(&self.parts(), &proof).unwrap();
        let signature = key(who).sign(unsigned.base()).to_bytes();
        self.with(unsigned.signed(&signature));
        self
    }

    /// With the MAC of a session.
    pub fn in_session(mut self, session: &ClientSession) -> Self {
        let fields = session.authorize(&self.parts(), NOW).unwrap();
        self.with(fields);
        self
    }

    pub fn with(&mut self, fields: SignatureFields) {
        self.input = fields.input;
        self.signature = fields.signature;
    }

    fn parse(&self) -> Result<Signed, Refused> {
        parse(&self.parts(), &self.input, &self.signature).map_err(Refused::Signature)
    }

    fn check_body(&self, check: &BodyCheck) -> Result<(), Refused> {
        if check.holds(&self.body) { Ok(()) } else { Err(Refused::Body) }
    }

    /// All checks of a request signed by a key; tells who signed.
    pub fn accept(
        &self,
        nonces: &mut NonceMemory,
        now: u64,
        started: u64,
    ) -> Result<PublicKey, Refused> {
        let Signed::Key(signed) = self.parse()? else {
            return Err(Refused::Signature(HttpSignatureError::Input));
        };
        let request = signed.verify(now, started).map_err(Refused::Signature)?;
        nonces.admit(&request, now).map_err(Refused::Nonce)?;
        self.check_body(request.body())?;
        Ok(request.key())
    }

    /// All checks of a request in a session.
    pub fn admit(&self, session: &mut Session, now: u64) -> Result<(), Refused> {
        let Signed::Session(request) = self.parse()? else {
            return Err(Refused::Signature(HttpSignatureError::Input));
        };
        session.admit(&request, now).map_err(Refused::Session)?;
        self.check_body(request.body())
    }
}
