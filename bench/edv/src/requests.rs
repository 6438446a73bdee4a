//! Signed requests as bytes. Takes a key and ids, gives what is sent. Must not know: sockets.

use std::time::{SystemTime, UNIX_EPOCH};

use ed25519_dalek::{Signer as _, SigningKey};
use strongroom_wire::did_key;
use strongroom_wire::edv::ids::LocalId;
use strongroom_wire::edv::json::Json;
use strongroom_wire::edv::signature::{Capability, Outgoing};
use strongroom_wire::ids::PublicKey;

use crate::Failure;
use crate::connection::Connection;

/// Somebody with a vault.
pub struct Owner {
    key: SigningKey,
    host: String,
    /// Path of the vault.
    vault: String,
}

/// An id nobody has used.
pub fn new_document_id() -> Result<String, Failure> {
    Ok(LocalId(random()?).to_string())
}

fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

impl Owner {
    /// Opens a vault.
    pub fn with_vault(host: &str, connection: &mut Connection) -> Result<Self, Failure> {
        let key = SigningKey::from_bytes(&random()?);
        let mut owner = Self { key, host: host.to_owned(), vault: "/edvs".to_owned() };
        let config = [
            r#"{"sequence":0,"controller":""#,
            &did_key::did(&owner.public()),
            r#"","keyAgreementKey":{"id":"urn:k","type":"X"},"#,
            r#""hmac":{"id":"urn:h","type":"Sha256HmacKey2019"}}"#,
        ]
        .concat();
        let asked = owner.request("POST", "/edvs", Some(&config), "write")?;
        let answer = connection.ask(&asked, 201)?;
        let made = Json::parse(answer).map_err(|error| error.to_string())?;
        let id = made.member("id").and_then(Json::text).ok_or("no id")?;
        owner.vault = id.strip_prefix(&format!("http://{host}")).ok_or("no id")?.to_owned();
        Ok(owner)
    }

    /// What [`Owner::noted`] reads, line by line.
    pub fn notes(&self) -> Vec<String> {
        vec![did_key::multibase(&PublicKey(self.key.to_bytes())), self.vault.clone()]
    }

    /// Somebody whose vault was opened before.
    pub fn noted<'a>(
        host: &str,
        lines: &mut impl Iterator<Item = &'a str>,
    ) -> Result<Self, Failure> {
        let secret = lines.next().and_then(did_key::parse_multibase).ok_or("no key is noted")?;
        let vault = lines.next().ok_or("no vault is noted")?.to_owned();
        Ok(Self { key: SigningKey::from_bytes(&secret.0), host: host.to_owned(), vault })
    }

    fn public(&self) -> PublicKey {
        PublicKey(self.key.verifying_key().to_bytes())
    }

    /// Inserts a document: as long as clients make one of a few words, with one index.
    pub fn insert(&self, id: &str) -> Result<Vec<u8>, Failure> {
        let path = format!("{}/documents", self.vault);
        self.request("POST", &path, Some(&document(id)?), "write")
    }

    /// Reads a document.
    pub fn read(&self, id: &str) -> Result<Vec<u8>, Failure> {
        self.request("GET", &format!("{}/documents/{id}", self.vault), None, "read")
    }

    /// Bytes of a document.
    pub fn body_len(&self) -> usize {
        new_document_id().and_then(|id| document(&id)).map_or(0, |text| text.len())
    }

    fn request(
        &self,
        method: &str,
        path: &str,
        body: Option<&str>,
        action: &str,
    ) -> Result<Vec<u8>, Failure> {
        let url = format!("http://{}{path}", self.host);
        let root = format!("http://{}{}", self.host, self.vault);
        let outgoing = Outgoing {
            method,
            url: &url,
            body: body.map(|body| ("application/json", body.as_bytes())),
            capability: Capability::RootOf(&root),
            action,
            key: self.public(),
            created: SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
        };
        let signed = outgoing.sign(|bytes| self.key.sign(bytes).to_bytes());
        let mut text = format!("{method} {path} HTTP/1.1\r\n");
        for (name, value) in signed.ok_or("this cannot be signed")?.iter() {
            text.extend([name, ": ", value, "\r\n"]);
        }
        let body = body.unwrap_or_default();
        let len = body.len().to_string();
        text.extend(["content-length: ", &len, "\r\n\r\n", body]);
        Ok(text.into_bytes())
    }
}

fn document(id: &str) -> Result<String, Failure> {
    // Random, as what is sealed and blinded is: nothing of it can be packed.
    let noise = |len: usize| -> Result<String, Failure> {
        const LETTERS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let bytes: [u8; 512] = random()?;
        Ok(bytes[..len].iter().map(|it| char::from(LETTERS[usize::from(it & 63)])).collect())
    };
    let (name, value, key, text) = (noise(43)?, noise(43)?, noise(54)?, noise(340)?);
    let (epk, iv, tag) = (noise(43)?, noise(32)?, noise(22)?);
    let kid = "did:key:z6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc#z6LSbysY2xFMRpGMhb7tFTLM";
    let attribute = format!(r#"{{"name":"{name}","value":"{value}"}}"#);
    let hmac = r#"{"id":"urn:h","type":"Sha256HmacKey2019"}"#;
    let entry = format!(r#"{{"hmac":{hmac},"sequence":0,"attributes":[{attribute}]}}"#);
    let agreed = format!(r#""epk":{{"kty":"OKP","crv":"X25519","x":"{epk}"}},"apu":"{epk}""#);
    let header = format!(r#"{{"kid":"{kid}","alg":"ECDH-ES+A256KW",{agreed},"apv":"{name}"}}"#);
    let recipient = format!(r#"{{"header":{header},"encrypted_key":"{key}"}}"#);
    let sealed = format!(r#""iv":"{iv}","ciphertext":"{text}","tag":"{tag}""#);
    let protected = r#""protected":"eyJlbmMiOiJYQzIwUCJ9""#;
    let jwe = format!(r#"{{{protected},"recipients":[{recipient}],{sealed}}}"#);
    Ok(format!(r#"{{"id":"{id}","sequence":0,"indexed":[{entry}],"jwe":{jwe}}}"#))
}
