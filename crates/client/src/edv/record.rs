//! What all devices of a person know about one EDV vault. Comes in: keys, names, grants. Goes
//! out: the bytes of a sealed document of the vault's own bucket, and back. Must not know: servers.
//!
//! Bytes: docs/spec/document.md, "EDV vaults".

use strongroom_seal::blind::Index;
use strongroom_seal::jwe::Profile;
use strongroom_wire::cbor::{CborError, Reader, Writer};
use strongroom_wire::edv::limits::{URL_LEN_MAX, ZCAP_LEN_MAX};
use strongroom_wire::limits::{
    BLIND_INDEX_PARTS_MAX, BLIND_NAME_LEN_MAX, EDV_INDEXES_MAX, JWE_KEY_ID_LEN_MAX,
    PERSON_NAME_LEN_MAX,
};
use zeroize::Zeroizing;

/// The only form.
const FORM: u64 = 1;

/// An EDV vault.
#[derive(Debug, Clone)]
pub struct EdvRecord {
    /// Its id.
    pub url: String,
    /// What the person calls it.
    pub name: String,
    /// Who may write in it beside those who were granted it: its controller's DID.
    pub controller: String,
    /// Seed of the key that signs requests here.
    pub seed: Zeroizing<[u8; 32]>,
    /// Curve of the key that opens.
    pub profile: Profile,
    /// Its id.
    pub kid: String,
    /// The key that opens.
    pub secret: Zeroizing<[u8; 32]>,
    /// The id of the controller's key that opens: whoever writes seals to it.
    pub owner_kid: String,
    /// What blinds.
    pub hmac: Option<Hmac>,
    /// What is indexed.
    pub indexes: Vec<EdvIndex>,
    /// What lets this person in, as JSON, if the vault is another's.
    pub zcap: Option<String>,
    /// What this person gave away. Each is a document of its own, so that two devices can give at
    /// the same time.
    pub grants: Vec<EdvGrant>,
}

/// The blinding key.
#[derive(Debug, Clone)]
pub struct Hmac {
    /// Its id, by which servers keep entries apart.
    pub id: String,
    /// The key.
    pub key: Zeroizing<[u8; 32]>,
}

/// One index of a vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdvIndex {
    /// Over what.
    pub index: Index,
    /// Whether the person wants it although its values repeat.
    pub leaky: bool,
}

/// What was given to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdvGrant {
    /// The id of the key that opens: documents are sealed to it.
    pub kid: String,
    /// The capability, as JSON.
    pub zcap: String,
    /// Whether it was taken back.
    pub ended: bool,
}

impl EdvRecord {
    /// The canonical bytes.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut w = Writer::new();
        w.array(12).uint(FORM).text(&self.url).text(&self.name).text(&self.controller);
        w.bytes(&*self.seed).uint(u64::from(self.profile == Profile::Fips));
        w.text(&self.kid).bytes(&*self.secret).text(&self.owner_kid);
        w.option(self.hmac.as_ref(), |w, hmac| {
            w.array(2).text(&hmac.id).bytes(&*hmac.key);
        });
        w.array(self.indexes.len());
        for EdvIndex { index, leaky } in &self.indexes {
            w.array(3).array(index.attributes().len());
            for name in index.attributes() {
                w.text(name);
            }
            w.bool(index.is_unique()).bool(*leaky);
        }
        w.option(self.zcap.as_ref(), |w, zcap| {
            w.text(zcap);
        });
        Zeroizing::new(w.into_bytes())
    }

    /// Reads the canonical bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        r.array_exact(12)?;
        if r.uint()? != FORM {
            return Err(CborError::Unknown);
        }
        let url = r.text(URL_LEN_MAX)?.to_owned();
        let name = r.text(PERSON_NAME_LEN_MAX)?.to_owned();
        let controller = r.text(URL_LEN_MAX)?.to_owned();
        let seed = Zeroizing::new(r.bytes_exact()?);
        let profile = match r.uint()? {
            0 => Profile::Recommended,
            1 => Profile::Fips,
            _ => return Err(CborError::Unknown),
        };
        let kid = r.text(JWE_KEY_ID_LEN_MAX)?.to_owned();
        let secret = Zeroizing::new(r.bytes_exact()?);
        let owner_kid = r.text(JWE_KEY_ID_LEN_MAX)?.to_owned();
        let hmac = r.option(read_hmac)?;
        let count = r.array(EDV_INDEXES_MAX)?;
        let indexes = (0..count).map(|_| read_index(&mut r)).collect::<Result<_, _>>()?;
        let zcap = r.option(|r| r.text(ZCAP_LEN_MAX).map(str::to_owned))?;
        r.end()?;
        Ok(Self {
            url,
            name,
            controller,
            seed,
            profile,
            kid,
            secret,
            owner_kid,
            hmac,
            indexes,
            zcap,
            grants: Vec::new(),
        })
    }
}

fn read_hmac(r: &mut Reader<'_>) -> Result<Hmac, CborError> {
    r.array_exact(2)?;
    let id = r.text(JWE_KEY_ID_LEN_MAX)?.to_owned();
    Ok(Hmac { id, key: Zeroizing::new(r.bytes_exact()?) })
}

fn read_index(r: &mut Reader<'_>) -> Result<EdvIndex, CborError> {
    r.array_exact(3)?;
    let count = r.array(BLIND_INDEX_PARTS_MAX)?;
    let names = (0..count).map(|_| r.text(BLIND_NAME_LEN_MAX).map(str::to_owned));
    let names = names.collect::<Result<Vec<_>, _>>()?;
    let unique = r.bool()?;
    let index = Index::new(&names, unique).map_err(|_| CborError::Unknown)?;
    Ok(EdvIndex { index, leaky: r.bool()? })
}

impl EdvGrant {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(3).text(&self.kid).text(&self.zcap).bool(self.ended);
        w.into_bytes()
    }

    /// Reads the canonical bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        r.array_exact(3)?;
        let kid = r.text(JWE_KEY_ID_LEN_MAX)?.to_owned();
        let zcap = r.text(ZCAP_LEN_MAX)?.to_owned();
        let grant = Self { kid, zcap, ended: r.bool()? };
        r.end()?;
        Ok(grant)
    }
}
