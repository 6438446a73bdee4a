//! L2 · Addresses of drops. Takes where a drop is and the secret that puts into it; gives a text
//! to hand on; and back. Must not know: who it is handed to.
//!
//! Whoever has an address can put messages in, and open none.
//! Bytes: docs/spec/drop.md, "Address". Golden files: vectors/message/address.json.

use strongroom_seal::message::DropSecret;
use strongroom_wire::cbor::{CborError, Reader, Writer};
use strongroom_wire::format::FORMAT;
use strongroom_wire::ids::{BucketId, EntryId, Thumbprint};
use strongroom_wire::limits::{
    ALIAS_LEN_MAX, CAPABILITY_LEN_MAX, CHAIN_LEN_MAX, DROP_ADDRESS_LEN_MAX, NAME_LEN_MAX,
};
use zeroize::Zeroizing;

use crate::card::{CardError, armour, unarmour};
use crate::invitation::KeptAt;

/// First line of an address as text.
pub const BEGIN: &str = "-----BEGIN STRONGROOM DROP-----";
/// Last line of an address as text.
pub const END: &str = "-----END STRONGROOM DROP-----";

/// Providers one address names.
const PLACES_MAX: usize = 8;

/// Where a drop is, and what puts into it.
#[derive(Debug)]
pub struct Address {
    /// What it is called, by who gave it.
    pub name: String,
    /// Where it is kept.
    pub kept_at: Vec<KeptAt>,
    /// The bucket.
    pub bucket: BucketId,
    /// The member entry that made the drop.
    pub entry: EntryId,
    /// From the root key's capability to the drop's.
    pub chain: Vec<Vec<u8>>,
    /// The drop's secret.
    pub secret: DropSecret,
}

impl Address {
    /// The canonical bytes.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut w = Writer::with_capacity(1_536);
        w.array(7).uint(u64::from(FORMAT)).text(&self.name).array(self.kept_at.len());
        for place in &self.kept_at {
            w.array(2).text(&place.url).bytes(&place.key.0);
        }
        w.bytes(&self.bucket.0).bytes(&self.entry.0).array(self.chain.len());
        for capability in &self.chain {
            w.bytes(capability);
        }
        w.bytes(&*self.secret.to_secret_bytes());
        Zeroizing::new(w.into_bytes())
    }

    /// Reads the canonical bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        if bytes.len() > DROP_ADDRESS_LEN_MAX {
            return Err(CborError::Limit);
        }
        let mut r = Reader::new(bytes);
        r.array_exact(7)?;
        if r.u8()? != FORMAT {
            return Err(CborError::Unknown);
        }
        let name = r.text(NAME_LEN_MAX)?.to_owned();
        let places = r.array(PLACES_MAX)?;
        let place = |r: &mut Reader<'_>| {
            r.array_exact(2)?;
            let url = r.text(ALIAS_LEN_MAX)?.to_owned();
            Ok(KeptAt { url, key: Thumbprint(r.bytes_exact()?) })
        };
        let kept_at = (0..places).map(|_| place(&mut r)).collect::<Result<_, CborError>>()?;
        let (bucket, entry) = (BucketId(r.bytes_exact()?), EntryId(r.bytes_exact()?));
        let links = r.array(CHAIN_LEN_MAX)?;
        let address = Self {
            name,
            kept_at,
            bucket,
            entry,
            chain: (0..links)
                .map(|_| r.bytes(CAPABILITY_LEN_MAX).map(<[u8]>::to_vec))
                .collect::<Result<_, _>>()?,
            secret: DropSecret::from_secret_bytes(&Zeroizing::new(r.bytes_exact()?)),
        };
        r.end()?;
        Ok(address)
    }

    /// As text that survives mail, like a card.
    pub fn to_text(&self) -> String {
        armour(BEGIN, END, self.encode().to_vec())
    }

    /// Finds the one address in a text.
    pub fn from_text(text: &str) -> Result<Self, CardError> {
        Ok(Self::decode(&unarmour(BEGIN, END, text)?)?)
    }
}
