//! A whole EDV vault in a file: as its server keeps it, sealed. Comes in: documents and chunks.
//! Goes out: lines of JSON; the keys of a vault, for other programs. Must not know: files.
//!
//! Bytes: docs/spec/edv-client.md, "Files".

use std::io::Write;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};
use strongroom_seal::jwe::{AgreementKey, Profile};
use strongroom_wire::base58;
use zeroize::Zeroizing;

use super::Edv;
use super::record::{EdvIndex, Hmac};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::{Progress, Stage};
use crate::report::EdvExported;

/// What the first line of a bundle is.
pub const EXPORT_TYPE: &str = "strongroom-edv-export";
/// What a file of keys is.
pub const KEYS_TYPE: &str = "strongroom-edv-keys";

/// An index, as files have it.
pub fn index(it: &EdvIndex) -> Value {
    json!({
        "attributes": it.index.attributes(),
        "unique": it.index.is_unique(),
        "leaky": it.leaky,
    })
}

/// The blinding key, as files have it.
pub fn hmac_json(hmac: &Hmac) -> Value {
    json!({"id": hmac.id, "key": Base64UrlUnpadded::encode_string(&*hmac.key)})
}

impl Edv<'_> {
    /// Writes everything the server keeps of the vault, as it keeps it. No key is in it: who has
    /// the person's vault can open it, nobody else.
    pub fn export(&self, out: &mut dyn Write, progress: &dyn Progress) -> Result<EdvExported> {
        let mut line = |value: &Value| {
            writeln!(out, "{value}").map_err(|error| Error::io("cannot write the bundle", &error))
        };
        let head =
            json!({"type": EXPORT_TYPE, "form": 1, "vault": self.url(), "name": self.name()});
        line(&head)?;
        progress.begin(Stage::Receive, None, None);
        let (mut documents, mut chunks) = (0, 0);
        let mut ids = std::collections::BTreeSet::new();
        let complete = self.each_document(&mut |stored| {
            if progress.cancelled() {
                return Err(Error::cancelled());
            }
            let document: Value = serde_json::from_str(&stored.to_json()).unwrap_or_default();
            ids.insert(stored.id.clone());
            line(&json!({"document": document}))?;
            documents += 1;
            for n in 0..stored.stream.and_then(|stream| stream.chunks).unwrap_or_default() {
                let url = format!("{}/chunks/{n}", self.document_url(&stored.id));
                let chunk = self.fetch(url)?.ok_or_else(|| {
                    Error::damaged(format!("{}: the server has no chunk {n}", stored.id))
                })?;
                let chunk: Value = serde_json::from_slice(&chunk)
                    .map_err(|_| Error::damaged(format!("{}: chunk {n} is no JSON", stored.id)))?;
                line(&json!({"chunk": chunk, "of": stored.id}))?;
                chunks += 1;
                progress.advance(0, 1 << 20);
            }
            progress.advance(1, 0);
            Ok(())
        })?;
        let gone = self.all_seen()?.into_iter();
        let missing: Vec<String> = gone
            .filter(|(id, seen)| !seen.deleted && !ids.contains(id))
            .map(|(id, _)| id)
            .collect();
        line(&json!({"end": {"documents": documents, "chunks": chunks}}))?;
        Ok(EdvExported { documents, chunks, complete, missing })
    }

    /// The keys of the vault, for other programs. Whoever has them is its controller.
    pub fn export_keys(&self) -> Result<Zeroizing<String>> {
        if !self.is_own() {
            return Err(Error::new(ErrorKind::Refused, "this vault is another's")
                .with_hint("its owner can let your other program in: `strongroom edv grant`"));
        }
        let key = self.agreement()?;
        let mut file = json!({
            "type": KEYS_TYPE,
            "form": 1,
            "vault": self.record.url,
            "name": self.record.name,
            "controller": self.record.controller,
            "seed": Base64UrlUnpadded::encode_string(&*self.record.seed),
            "keyAgreementKey": {
                "id": key.kid(),
                "privateKeyMultibase": &*multibase_of(&key),
            },
            "indexes": self.record.indexes.iter().map(index).collect::<Vec<_>>(),
        });
        if let Some(hmac) = &self.record.hmac {
            file["hmac"] = hmac_json(hmac);
        }
        Ok(Zeroizing::new(format!("{file:#}\n")))
    }
}

/// A private key as other programs keep it.
fn multibase_of(key: &AgreementKey) -> Zeroizing<String> {
    let codec = match key.public().profile() {
        Profile::Recommended => super::keys::X25519_SECRET,
        Profile::Fips => super::keys::P256_SECRET,
    };
    let secret = key.to_secret_bytes();
    let bytes = Zeroizing::new([&codec[..], &*secret].concat());
    Zeroizing::new(format!("z{}", base58::encode(&bytes)))
}
