//! Proof of delivery. Comes in: a provider's statement with what it is about. Goes out: a small
//! JSON file that anybody can check, and what it proves. Must not know: what the message says;
//! nobody but its readers does.
//!
//! The file holds the statement (a compact JWS), the provider's key as a JWK, and the message as it
//! was sent, base64url. Any JOSE library verifies the first with the second; SHA-256 of the third
//! is what the first says. docs/spec/drop.md, "Proof of delivery".

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::Serialize;
use serde_json::{Value, json};
use strongroom_wire::entry::Entry;
use strongroom_wire::ids::PublicKey;
use strongroom_wire::statement::{Received, StatementError};

use crate::error::{Error, Result};

/// What a receipt file says of itself.
const KIND: &str = "strongroom receipt 0";

/// A statement with what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Compact JWS.
    pub statement: String,
    /// The provider's key.
    pub key: PublicKey,
    /// The provider's address: a hint.
    pub provider: String,
    /// The message, as it was sent.
    pub entry: Vec<u8>,
}

/// What a receipt proves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReceiptInfo {
    /// The message.
    pub message: String,
    /// The bucket of the drop.
    pub bucket: String,
    /// When the provider had it, by its clock; seconds since 1970.
    pub received: u64,
    /// Thumbprint of the provider's key: compare it with what the provider publishes.
    pub provider_key: String,
    /// The address it was sent to: not proved.
    pub provider: String,
    /// SHA-256 of the message as it was sent, base64url.
    pub sha256: String,
}

impl Receipt {
    /// The file.
    pub fn to_json(&self) -> String {
        let x = Base64UrlUnpadded::encode_string(&self.key.0);
        let file = json!({
            "kind": KIND,
            "statement": self.statement,
            "jwk": { "kty": "OKP", "crv": "Ed25519", "x": x },
            "provider": self.provider,
            "entry": Base64UrlUnpadded::encode_string(&self.entry),
        });
        format!("{file:#}\n")
    }

    /// Reads a file; nothing is checked yet.
    pub fn from_json(text: &str) -> Result<Self> {
        let bad = || {
            Error::damaged("this is no receipt of a message")
                .with_hint("`strongroom drop put DROP FILE --receipt OUT` writes one")
        };
        let file: Value = serde_json::from_str(text).map_err(|_| bad())?;
        let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(bad);
        if text(&file["kind"])? != KIND {
            return Err(bad());
        }
        let mut key = [0; 32];
        let x = text(&file["jwk"]["x"])?;
        let read = Base64UrlUnpadded::decode(&x, &mut key).map_err(|_| bad())?;
        if read.len() != 32 {
            return Err(bad());
        }
        Ok(Self {
            statement: text(&file["statement"])?,
            key: PublicKey(key),
            provider: text(&file["provider"])?,
            entry: Base64UrlUnpadded::decode_vec(&text(&file["entry"])?).map_err(|_| bad())?,
        })
    }

    /// Checks it, offline.
    pub fn check(&self) -> Result<ReceiptInfo> {
        let wrong = |what: String| {
            Error::damaged(what).with_hint("it proves nothing; ask for the file as it was written")
        };
        let said = Received::verify(&self.statement, &self.key)
            .map_err(|e: StatementError| wrong(format!("the statement does not hold: {e}")))?;
        let entry = Entry::decode(&self.entry);
        let entry = entry.map_err(|e| wrong(format!("there is no message in it: {e}")))?;
        if !said.is_about(&self.entry) || entry.header().bucket != said.bucket {
            return Err(wrong("the statement is about another message".to_owned()));
        }
        Ok(ReceiptInfo {
            message: entry.id().to_string(),
            bucket: said.bucket.to_string(),
            received: said.time,
            provider_key: self.key.thumbprint().to_base64url(),
            provider: self.provider.clone(),
            sha256: Base64UrlUnpadded::encode_string(&said.sha256),
        })
    }
}
