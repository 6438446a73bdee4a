//! Files that bring an EDV vault: what somebody was granted, the keys of a vault that another
//! program made, a whole vault in a bundle. Comes in: such a file. Goes out: a vault that is known
//! here; of a bundle, one that was made anew. Must not know: terminals.
//!
//! Bytes: docs/spec/edv-client.md, "Files".

use std::io::{BufRead, Read as _};

use base64ct::{Base64UrlUnpadded, Encoding};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use strongroom_seal::blind::Index;
use strongroom_seal::identity::EdvSigningKey;
use strongroom_seal::jwe::Jwe;
use strongroom_wire::edv::limits::ZCAP_LEN_MAX;
use strongroom_wire::limits::{EDV_INDEXES_MAX, JWE_LEN_MAX};
use zeroize::Zeroizing;

use super::bundle::{EXPORT_TYPE, KEYS_TYPE};
use super::documents::{EdvContent, PutStream};
use super::indexing::blind_error;
use super::opening::OpenDocument;
use super::record::{EdvIndex, EdvRecord, Hmac};
use super::streams::StreamReader;
use super::{Edv, answers, keys};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::{Progress, Quiet, Stage};
use crate::report::EdvImported;
use crate::vault::Vault;

/// What a file is that was handed to somebody who was let in.
pub const GRANT_TYPE: &str = "strongroom-edv-grant";
/// Bytes of a line: a document or chunk and a few names.
const LINE_LEN_MAX: u64 = JWE_LEN_MAX as u64 + 4_096;
/// Bytes of a file that is no bundle.
const FILE_LEN_MAX: usize = 4 * ZCAP_LEN_MAX;

#[derive(Deserialize)]
struct RawIndex {
    attributes: Vec<String>,
    #[serde(default)]
    unique: bool,
    #[serde(default)]
    leaky: bool,
}

#[derive(Deserialize)]
struct RawHmac {
    id: String,
    key: String,
}

#[derive(Deserialize)]
struct RawSecrets {
    hmac: Option<RawHmac>,
    #[serde(default)]
    indexes: Vec<RawIndex>,
}

#[derive(Deserialize)]
struct RawGrant {
    vault: String,
    #[serde(default)]
    name: String,
    controller: String,
    owner: String,
    to: String,
    capability: Value,
    sealed: Option<Value>,
}

#[derive(Deserialize)]
struct RawAgreement {
    id: String,
    #[serde(rename = "privateKeyMultibase")]
    secret: String,
}

#[derive(Deserialize)]
struct RawKeys {
    vault: String,
    #[serde(default)]
    name: String,
    seed: String,
    #[serde(rename = "keyAgreementKey")]
    agreement: RawAgreement,
    hmac: Option<RawHmac>,
    #[serde(default)]
    indexes: Vec<RawIndex>,
}

fn wrong(what: &str) -> Error {
    Error::new(ErrorKind::Usage, format!("this file brings no EDV vault: {what}"))
        .with_hint("it is one that `strongroom edv grant`, `export` or `export --keys` wrote")
}

impl Vault {
    /// Takes in a vault by such a file. `name`: what it is to be called; `server`: where a bundle's
    /// vault is to be made anew, and what its operator asks for.
    pub fn import_edv(
        &self,
        from: &mut dyn BufRead,
        name: Option<&str>,
        (server, token): (Option<&str>, Option<&str>),
        progress: &dyn Progress,
    ) -> Result<EdvImported> {
        let first = read_line(from)?.ok_or_else(|| wrong("it is empty"))?;
        let head: Value = serde_json::from_slice(&first).unwrap_or_default();
        if head["type"] == EXPORT_TYPE {
            return self.import_bundle(&head, from, name, (server, token), progress);
        }
        let mut rest = Zeroizing::new(first);
        from.take(FILE_LEN_MAX as u64)
            .read_to_end(&mut rest)
            .map_err(|error| Error::io("cannot read the file", &error))?;
        let value: Value = serde_json::from_slice(&rest).map_err(|_| wrong("it is no JSON"))?;
        if value["form"] != 1 {
            return Err(wrong("it is of another form than 1"));
        }
        let record = match value["type"].as_str() {
            Some(GRANT_TYPE) => self.granted(&value)?,
            Some(KEYS_TYPE) => of_keys(&value)?,
            _ => return Err(wrong("it does not say what it is")),
        };
        let vault = self.take_edv(record, name)?;
        Ok(EdvImported { vault, documents: 0, chunks: 0, damaged: Vec::new() })
    }

    /// What somebody granted to this person.
    fn granted(&self, value: &Value) -> Result<EdvRecord> {
        let raw = RawGrant::deserialize(value).map_err(|_| wrong("a member is missing"))?;
        keys::check_url(&raw.vault)?;
        let (signer, key) = self.own_edv_keys()?;
        if raw.to != key.kid() {
            return Err(Error::new(ErrorKind::Refused, "this was granted to somebody else")
                .with_hint("tell whoever lets you in what `strongroom edv id` shows"));
        }
        let zcap = keys::read_zcap(&raw.capability.to_string())?;
        if !zcap.target().starts_with(&format!("{}/", raw.vault)) {
            return Err(wrong("what it grants is in another vault"));
        }
        keys::resolve(&raw.owner)?;
        let mut record = EdvRecord {
            url: raw.vault,
            name: raw.name,
            controller: raw.controller,
            seed: signer.to_secret_bytes(),
            profile: key.public().profile(),
            kid: key.kid().to_owned(),
            secret: key.to_secret_bytes(),
            owner_kid: raw.owner,
            hmac: None,
            indexes: Vec::new(),
            zcap: Some(zcap.to_json()),
            grants: Vec::new(),
        };
        if let Some(sealed) = &raw.sealed {
            let opened = Jwe::from_json(sealed).and_then(|jwe| jwe.open(&key));
            let plain = opened.map_err(|error| wrong(&error.to_string()))?.plain;
            let secrets: RawSecrets =
                serde_json::from_slice(&plain).map_err(|_| wrong("what is sealed in it"))?;
            record.hmac = secrets.hmac.map(hmac_of).transpose()?;
            record.indexes = indexes_of(secrets.indexes)?;
        }
        Ok(record)
    }

    /// Makes the vault of a bundle anew. It is sealed by new keys: every document is tied to its
    /// vault's address, which is another one now.
    fn import_bundle(
        &self,
        head: &Value,
        from: &mut dyn BufRead,
        name: Option<&str>,
        (server, token): (Option<&str>, Option<&str>),
        progress: &dyn Progress,
    ) -> Result<EdvImported> {
        let url = head["vault"].as_str().unwrap_or_default();
        let old = self.edv(url).map_err(|_| {
            Error::new(ErrorKind::Locked, "the keys of the vault in this bundle are not here")
                .with_hint("import them first: the file of `strongroom edv export NAME --keys`")
        })?;
        let known = head["name"].as_str().unwrap_or_default();
        let name = name.map_or_else(|| format!("{known} 2"), str::to_owned);
        self.check_new_name(&name)?;
        let new = self.made_like(&old, &name, (server, token))?;
        progress.begin(Stage::Send, None, None);
        let mut lines = Lines { from, next: None, ended: false };
        let (mut documents, mut chunks, mut damaged) = (0, 0, Vec::new());
        while let Some(line) = lines.take("document")? {
            if progress.cancelled() {
                return Err(Error::cancelled());
            }
            let stored = answers::listed_document(&line["document"])?;
            let id = stored.id.clone();
            match old.open(stored) {
                Ok(opened) if opened.is_deleted() => {}
                Ok(opened) => match new.put_from_bundle(&opened, &old, &mut lines) {
                    Ok(sent) => {
                        documents += 1;
                        chunks += sent;
                    }
                    Err(error) if error.kind() == ErrorKind::Damaged => {
                        damaged.push(error.to_string());
                    }
                    Err(error) => return Err(error),
                },
                Err(error) => damaged.push(format!("{id}: {error}")),
            }
            progress.advance(1, 0);
            lines.pass("chunk")?;
        }
        if !lines.ended {
            damaged.push("the bundle is cut: its last line is missing".to_owned());
        }
        let vault = super::vaults::info(&new.record)?;
        Ok(EdvImported { vault, documents, chunks, damaged })
    }

    /// An empty vault with the same indexes.
    fn made_like(
        &self,
        old: &Edv<'_>,
        name: &str,
        (server, token): (Option<&str>, Option<&str>),
    ) -> Result<Edv<'_>> {
        let origin = match server {
            Some(server) => self.edv_server(Some(server))?,
            None => self.edv_server(None).or_else(|_| keys::origin_of(old.url()))?,
        };
        let signer = EdvSigningKey::generate(&mut crate::random::SystemRng);
        let did = keys::did_of(&signer);
        let key = keys::generate_agreement(&did)?;
        let record = EdvRecord {
            url: String::new(),
            name: name.to_owned(),
            controller: did,
            seed: signer.to_secret_bytes(),
            profile: key.public().profile(),
            kid: key.kid().to_owned(),
            secret: key.to_secret_bytes(),
            owner_kid: key.kid().to_owned(),
            zcap: None,
            grants: Vec::new(),
            ..old.record.clone()
        };
        Edv::of(self, self.make_edv(origin, record, token)?)
    }
}

impl Edv<'_> {
    /// Puts a document of a bundle under its own id. Gives its chunks.
    fn put_from_bundle(
        &self,
        opened: &OpenDocument,
        old: &Edv<'_>,
        lines: &mut Lines<'_>,
    ) -> Result<u64> {
        let content =
            EdvContent { content: opened.body.content.clone(), meta: opened.body.meta.clone() };
        let (id, signed) = (Some(opened.stored.id.as_str()), opened.proof.is_some());
        let streamed = opened.body.stream.as_ref().is_some_and(|it| it["chunks"].is_u64());
        if !streamed {
            self.put_as(id, &content, signed)?;
            return Ok(0);
        }
        let chunks = old.chunks_of(opened, false)?;
        let fetch = |_| {
            let line = lines.take("chunk")?;
            Ok(line.map(|line| Bytes::from(line["chunk"].to_string())))
        };
        let mut reader = StreamReader::new(chunks, fetch);
        let mut stream = PutStream { from: &mut reader, len: None };
        let put = self.put_stream_as(id, &content, &mut stream, signed, &Quiet);
        match reader.failed {
            Some(error) => Err(error),
            None => Ok(put?.chunks.unwrap_or_default()),
        }
    }
}

/// The lines of a bundle.
struct Lines<'a> {
    from: &'a mut dyn BufRead,
    next: Option<Value>,
    /// Whether the last line was seen.
    ended: bool,
}

impl Lines<'_> {
    /// The next line, if it is about this.
    fn take(&mut self, what: &str) -> Result<Option<Value>> {
        if self.next.is_none() {
            let Some(line) = read_line(self.from)? else { return Ok(None) };
            let line: Value = serde_json::from_slice(&line).map_err(|_| wrong("a line of it"))?;
            if line["end"].is_object() {
                self.ended = true;
                return Ok(None);
            }
            self.next = Some(line);
        }
        let is_it = self.next.as_ref().is_some_and(|line| line[what].is_object());
        Ok(if is_it { self.next.take() } else { None })
    }

    /// Passes over lines about this.
    fn pass(&mut self, what: &str) -> Result<()> {
        while self.take(what)?.is_some() {}
        Ok(())
    }
}

fn read_line(from: &mut dyn BufRead) -> Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let read = from.take(LINE_LEN_MAX).read_until(b'\n', &mut line);
    read.map_err(|error| Error::io("cannot read the file", &error))?;
    if line.len() as u64 == LINE_LEN_MAX {
        return Err(wrong("a line of it has no end"));
    }
    Ok(Some(line).filter(|line| !line.is_empty()))
}

fn key_of(text: &str) -> Result<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    match Base64UrlUnpadded::decode(text, key.as_mut_slice()) {
        Ok(read) if read.len() == 32 => Ok(key),
        _ => Err(wrong("a key of it is not 32 bytes of base64url")),
    }
}

fn hmac_of(raw: RawHmac) -> Result<Hmac> {
    Ok(Hmac { key: key_of(&raw.key)?, id: raw.id })
}

fn indexes_of(raw: Vec<RawIndex>) -> Result<Vec<EdvIndex>> {
    if raw.len() > EDV_INDEXES_MAX {
        return Err(wrong("too many indexes"));
    }
    raw.into_iter()
        .map(|it| {
            let index = Index::new(&it.attributes, it.unique).map_err(|it| blind_error(&it))?;
            Ok(EdvIndex { index, leaky: it.leaky })
        })
        .collect()
}

/// The keys of a vault that another program made.
fn of_keys(value: &Value) -> Result<EdvRecord> {
    let raw = RawKeys::deserialize(value).map_err(|_| wrong("a member is missing"))?;
    keys::check_url(&raw.vault)?;
    let signer = EdvSigningKey::from_secret_bytes(&*key_of(&raw.seed)?);
    let secret = Zeroizing::new(raw.agreement.secret);
    let key = keys::agreement_from_multibase(&raw.agreement.id, &secret)?;
    Ok(EdvRecord {
        url: raw.vault,
        name: raw.name,
        controller: keys::did_of(&signer),
        seed: signer.to_secret_bytes(),
        profile: key.public().profile(),
        kid: key.kid().to_owned(),
        secret: key.to_secret_bytes(),
        owner_kid: key.kid().to_owned(),
        hmac: raw.hmac.map(hmac_of).transpose()?,
        indexes: indexes_of(raw.indexes)?,
        zcap: None,
        grants: Vec::new(),
    })
}
