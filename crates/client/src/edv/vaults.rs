//! EDV vaults as a whole: made, named, listed. Comes in: a server, a name, what is indexed.
//! Goes out: a vault there, and its keys on all devices of the person. Must not know: documents.
//!
//! Every vault has keys of its own: a did:key that signs, one that opens, one that blinds. Two
//! vaults of one person have nothing in common that a server could compare. Only who is let in by
//! others shows one identity to all of them, `edv id`.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use strongroom_seal::identity::EdvSigningKey;
use strongroom_seal::jwe::Profile;
use strongroom_seal::rng::Rng as _;
use strongroom_wire::cbor::{CborError, Reader, Writer};
use strongroom_wire::edv::signature::Capability;
use strongroom_wire::limits::{EDV_INDEXES_MAX, PERSON_NAME_LEN_MAX};
use zeroize::Zeroizing;

use super::call::refused;
use super::indexing::{HMAC_TYPE, blind_error};
use super::record::{EdvIndex, EdvRecord, Hmac};
use super::{Edv, keys};
use crate::error::{Error, ErrorKind, Result};
use crate::random::SystemRng;
use crate::remote::{EdvCall, EdvRemote, Options, ProviderUrl, UrlError};
use crate::report::{EdvIdentity, EdvIndexInfo, EdvInfo};
use crate::vault::Vault;

/// The document of the vault's bucket with the keys by which others let this person in.
const IDENTITY: &str = "strongroom/edv-identity";

/// A vault to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewEdv<'a> {
    /// What the person calls it.
    pub name: &'a str,
    /// The server: `https://host`. None: the vault's own provider.
    pub server: Option<&'a str>,
    /// Over which attributes, joined by commas, it can be asked.
    pub indexes: &'a [String],
    /// The same, and no two documents may have the same values.
    pub unique: &'a [String],
    /// The same, although values repeat.
    pub leaky: &'a [String],
    /// What the server's operator asks for before it lets somebody make a vault.
    pub token: Option<&'a str>,
    /// Whether the controller is the key of `edv id`, and not one of the vault's own: for servers
    /// that let certain keys make vaults.
    pub as_id: bool,
}

/// The keys by which others let this person in.
pub struct Identity {
    seed: Zeroizing<[u8; 32]>,
    secret: Zeroizing<[u8; 32]>,
}

impl Identity {
    /// The canonical bytes.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut w = Writer::new();
        w.array(2).bytes(&*self.seed).bytes(&*self.secret);
        Zeroizing::new(w.into_bytes())
    }

    /// Reads the canonical bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        r.array_exact(2)?;
        let seed = Zeroizing::new(r.bytes_exact()?);
        let secret = Zeroizing::new(r.bytes_exact()?);
        r.end()?;
        Ok(Self { seed, secret })
    }
}

impl Vault {
    /// An EDV vault by its name or URL.
    pub fn edv(&self, name: &str) -> Result<Edv<'_>> {
        let name = name.trim_end_matches('/');
        let mut found: Vec<EdvRecord> = self.edv_records()?;
        found.retain(|record| record.name == name || record.url == name);
        match <[EdvRecord; 1]>::try_from(found) {
            Ok([record]) => Edv::of(self, record),
            Err(none) if none.is_empty() => {
                Err(Error::not_found(format!("EDV vault called {name}")).with_hint(
                    "`strongroom edv ls` lists them; `edv create` makes one, `edv import` takes \
                     one in that is there",
                ))
            }
            Err(_) => Err(Error::new(ErrorKind::Usage, format!("several are called {name}"))
                .with_hint("use the URL that `strongroom edv ls` shows")),
        }
    }

    /// All EDV vaults this person knows.
    pub fn edvs(&self) -> Result<Vec<EdvInfo>> {
        self.edv_records()?.iter().map(info).collect()
    }

    /// Makes one.
    pub fn create_edv(&self, new: &NewEdv<'_>) -> Result<EdvInfo> {
        self.check_new_name(new.name)?;
        let indexes = indexes_of(new)?;
        let origin = self.edv_server(new.server)?;
        let signer = if new.as_id {
            self.own_edv_keys()?.0
        } else {
            EdvSigningKey::generate(&mut SystemRng)
        };
        let did = keys::did_of(&signer);
        let key = keys::generate_agreement(&did)?;
        let hmac = Hmac { id: keys::generate_urn(), key: SystemRng.secret32() };
        let record = EdvRecord {
            url: String::new(),
            name: new.name.to_owned(),
            controller: did,
            seed: signer.to_secret_bytes(),
            profile: Profile::Recommended,
            kid: key.kid().to_owned(),
            secret: key.to_secret_bytes(),
            owner_kid: key.kid().to_owned(),
            hmac: Some(hmac),
            indexes,
            zcap: None,
            grants: Vec::new(),
        };
        let record = self.make_edv(origin, record, new.token)?;
        info(&record)
    }

    /// Has a server make a vault for these keys; keeps them once it stands.
    pub(super) fn make_edv(
        &self,
        origin: ProviderUrl,
        record: EdvRecord,
        token: Option<&str>,
    ) -> Result<EdvRecord> {
        let remote = EdvRemote::new(origin, &Options::default())?;
        let signer = EdvSigningKey::from_secret_bytes(&record.seed);
        let url = format!("{}/edvs", remote.origin());
        let config = config_of(&record).to_string();
        let call = EdvCall {
            method: Method::POST,
            url: url.clone(),
            json: Some(config.into_bytes().into()),
            capability: Capability::RootOf(&url),
            action: "write",
            token,
        };
        let answer = self.runtime()?.block_on(remote.send(&call, &signer))?;
        if answer.status == StatusCode::NOT_FOUND {
            let what = format!("{} keeps no vaults of this kind", remote.origin());
            return Err(Error::new(ErrorKind::Refused, what)
                .with_hint("name a server that does: --server https://host"));
        }
        if answer.status == StatusCode::FORBIDDEN {
            let words = refused(&answer);
            return Err(Error::new(words.kind(), words.to_string()).with_hint(
                "its operator lets in who has a token (--token-file), or whose key is on a list: \
                 the one of `strongroom edv id`, with --as-id",
            ));
        }
        if answer.status != StatusCode::CREATED {
            return Err(refused(&answer));
        }
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let made = said["id"].as_str().or_else(|| answer.location()).unwrap_or_default();
        keys::check_url(made)?;
        if keys::origin_of(made)?.to_string() != remote.origin() {
            return Err(Error::new(ErrorKind::Damaged, "the server made the vault elsewhere")
                .with_hint("name it by the address it calls itself by: --server"));
        }
        let record = EdvRecord { url: made.to_owned(), ..record };
        self.keep_edv(&record)?;
        Ok(record)
    }

    /// Takes in a vault that is there. A name that is taken gets the vault's id behind it.
    pub(super) fn take_edv(&self, mut record: EdvRecord, name: Option<&str>) -> Result<EdvInfo> {
        let known = self.edv_records()?;
        if let Some(name) = name {
            name.clone_into(&mut record.name);
        }
        let taken = |name: &str| known.iter().any(|it| it.name == name && it.url != record.url);
        if name.is_some() || record.name.is_empty() || taken(&record.name) {
            if name.is_none() {
                let id = record.url.rsplit('/').next().unwrap_or_default();
                record.name = id.to_owned();
            }
            if taken(&record.name) {
                return Err(name_taken(&record.name));
            }
        }
        check_name(&record.name)?;
        self.keep_edv(&record)?;
        info(&record)
    }

    pub(super) fn check_new_name(&self, name: &str) -> Result<()> {
        check_name(name)?;
        if self.edv_records()?.iter().any(|it| it.name == name) {
            return Err(name_taken(name));
        }
        Ok(())
    }

    /// A server's address, or that of the vault's provider.
    pub(super) fn edv_server(&self, server: Option<&str>) -> Result<ProviderUrl> {
        let text = if let Some(server) = server {
            server.trim_end_matches('/').trim_end_matches("/edvs").to_owned()
        } else {
            let provider = self.remote_records()?.into_iter().next();
            let none = || Error::new(ErrorKind::Usage, "there is no provider to make it at");
            provider.ok_or_else(|| none().with_hint("name a server: --server https://host"))?.url
        };
        text.parse().map_err(|error: UrlError| {
            Error::new(ErrorKind::Usage, format!("{text}: {error}"))
                .with_hint("name a server: --server https://host")
        })
    }

    /// The keys by which others let this person in; made at the first time.
    pub fn edv_identity(&self) -> Result<EdvIdentity> {
        let (signer, key) = self.own_edv_keys()?;
        let did = keys::did_of(&signer);
        Ok(EdvIdentity { did, key: key.kid().to_owned() })
    }

    pub(super) fn own_edv_keys(
        &self,
    ) -> Result<(EdvSigningKey, strongroom_seal::jwe::AgreementKey)> {
        let mut own = self.vault_bucket()?;
        let identity = if let Some(bytes) = self.internal(&own, IDENTITY)? {
            Identity::decode(&bytes)?
        } else {
            let (seed, secret) = (SystemRng.secret32(), SystemRng.secret32());
            let identity = Identity { seed, secret };
            let change = self.internal_change(&own, IDENTITY, identity.encode().to_vec())?;
            self.write(&own, vec![change])?;
            self.push_best_effort(&mut own)?;
            identity
        };
        let signer = EdvSigningKey::from_secret_bytes(&identity.seed);
        let key = strongroom_seal::jwe::AgreementKey::from_secret_bytes(
            Profile::Recommended,
            "own",
            &identity.secret,
        );
        let key = key.map_err(|error| Error::damaged(error.to_string()))?;
        let key = keys::named(key, &keys::did_of(&signer))?;
        Ok((signer, key))
    }
}

fn name_taken(name: &str) -> Error {
    Error::new(ErrorKind::Conflict, format!("there is an EDV vault called {name} already"))
        .with_hint("choose another name")
}

fn check_name(name: &str) -> Result<()> {
    let fits = !name.is_empty() && name.len() <= PERSON_NAME_LEN_MAX;
    if fits && !name.contains(|c: char| c.is_control() || c == '/') {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Usage, "this cannot be the name of a vault")
        .with_hint("1 to 128 bytes, without slashes"))
}

fn config_of(record: &EdvRecord) -> Value {
    let kind = match record.profile {
        Profile::Recommended => "X25519KeyAgreementKey2020",
        Profile::Fips => "Multikey",
    };
    let hmac = record.hmac.as_ref().map_or("", |hmac| &hmac.id);
    json!({
        "sequence": 0,
        "controller": record.controller,
        "keyAgreementKey": {"id": record.kid, "type": kind},
        "hmac": {"id": hmac, "type": HMAC_TYPE},
    })
}

fn indexes_of(new: &NewEdv<'_>) -> Result<Vec<EdvIndex>> {
    let lists = [(new.indexes, false, false), (new.unique, true, false), (new.leaky, false, true)];
    let mut all: Vec<EdvIndex> = Vec::new();
    for (names, unique, leaky) in lists {
        for name in names {
            let attributes: Vec<&str> = name.split(',').map(str::trim).collect();
            let index = strongroom_seal::blind::Index::new(&attributes, unique)
                .map_err(|it| blind_error(&it))?;
            if all.iter().any(|it| it.index.attributes() == index.attributes()) {
                return Err(Error::new(ErrorKind::Usage, format!("{name} is named twice"))
                    .with_hint("name it once: --index, --unique or --leaky"));
            }
            all.push(EdvIndex { index, leaky });
        }
    }
    if all.len() > EDV_INDEXES_MAX {
        return Err(Error::new(ErrorKind::Usage, format!("at most {EDV_INDEXES_MAX} indexes"))
            .with_hint("each of them tells the server something: leave out what is not needed"));
    }
    Ok(all)
}

pub(super) fn info(record: &EdvRecord) -> Result<EdvInfo> {
    let zcap = record.zcap.as_deref().map(keys::read_zcap).transpose()?;
    let index = |it: &EdvIndex| EdvIndexInfo {
        attributes: it.index.attributes().to_vec(),
        unique: it.index.is_unique(),
        leaky: it.leaky,
    };
    Ok(EdvInfo {
        name: record.name.clone(),
        url: record.url.clone(),
        controller: record.controller.clone(),
        own: zcap.is_none(),
        write: zcap.as_ref().is_none_or(|zcap| zcap.allows("write")),
        until: zcap.as_ref().map(|zcap| zcap.expires().millis() / 1_000),
        only: zcap.as_ref().and_then(|zcap| {
            let id = zcap.target().strip_prefix(&record.url)?.strip_prefix("/documents/")?;
            Some(id.to_owned())
        }),
        indexes: record.indexes.iter().map(index).collect(),
        grants: record.grants.len() as u64,
    })
}
