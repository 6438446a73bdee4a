//! L2 · Invitations. Takes what a granter tells the one he lets in; gives its bytes, signed by the
//! granter's device; and back. Must not know: how they travel, what they are sealed with, whether
//! the reader knows the granter.
//!
//! Bytes: docs/spec/invitation.md. Golden files: vectors/invitation/.

use strongroom_seal::identity::{DeviceSigningKey, InviteSigningKey, verify};
use strongroom_seal::keys::TagKey;
use strongroom_wire::cbor::{CborError, Reader, Writer};
use strongroom_wire::format::FORMAT;
use strongroom_wire::ids::{BucketId, EntryId, PrincipalId, PublicKey, Thumbprint};
use strongroom_wire::limits::{
    ALIAS_LEN_MAX, CAPABILITY_LEN_MAX, CHAIN_LEN_MAX, INVITATION_LEN_MAX, NAME_LEN_MAX,
};
use zeroize::Zeroizing;

use crate::card::{CardError, armour, unarmour};

/// What a granter's device signs starts with this.
pub const INVITATION_PREFIX: &[u8] = b"strongroom/invitation/1\0";

/// First line of a sealed invitation as text.
pub const BEGIN: &str = "-----BEGIN STRONGROOM INVITATION-----";
/// Last line of a sealed invitation as text.
pub const END: &str = "-----END STRONGROOM INVITATION-----";

/// A sealed invitation as text that survives mail, like a card.
pub fn to_text(sealed: Vec<u8>) -> String {
    armour(BEGIN, END, sealed)
}

/// Finds the one sealed invitation in a text.
pub fn from_text(text: &str) -> Result<Vec<u8>, InvitationError> {
    unarmour(BEGIN, END, text).map_err(|error| match error {
        CardError::None => InvitationError::None,
        other => InvitationError::Text(other),
    })
}

/// Providers one invitation names.
const PLACES_MAX: usize = 8;

/// Why an invitation is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvitationError {
    /// No first line in the text.
    #[error("there is no invitation in it: one begins with `{BEGIN}`")]
    None,
    /// The text was changed on its way.
    #[error("{0}")]
    Text(CardError),
    /// Not the canonical form.
    #[error("its bytes are malformed: {0}")]
    Form(#[from] CborError),
    /// The device it names did not sign it, for this reader.
    #[error("it is not signed by the device it names")]
    Signature,
}

/// Where a bucket is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAt {
    /// The provider's address.
    pub url: String,
    /// The provider's key.
    pub key: Thumbprint,
}

/// What the one who is let in learns.
#[derive(Debug)]
pub struct Invitation {
    /// The bucket.
    pub bucket: BucketId,
    /// What the granter calls it.
    pub label: String,
    /// Where it is kept.
    pub kept_at: Vec<KeptAt>,
    /// From the root key to the invite key.
    pub chain: Vec<Vec<u8>>,
    /// Good for one acceptance.
    pub key: InviteSigningKey,
    /// By which the new member finds its wraps.
    pub tag_key: TagKey,
    /// The entry that lets it in.
    pub entry: EntryId,
    /// What it allows, for people.
    pub rights: String,
    /// The granter's card.
    pub card: Vec<u8>,
    /// The granter's device.
    pub device: PublicKey,
}

impl Invitation {
    /// The bytes for this reader, signed.
    pub fn encode(&self, to: PrincipalId, device: &DeviceSigningKey) -> Zeroizing<Vec<u8>> {
        let body = self.body();
        let signature = device.sign(&signed(to, &body));
        let mut w = Writer::with_capacity(body.len() + 80);
        w.array(2).bytes(&body).bytes(&signature);
        Zeroizing::new(w.into_bytes())
    }

    fn body(&self) -> Zeroizing<Vec<u8>> {
        let mut w = Writer::with_capacity(self.card.len() + 2_048);
        w.array(11).uint(u64::from(FORMAT)).bytes(&self.bucket.0).text(&self.label);
        w.array(self.kept_at.len());
        for place in &self.kept_at {
            w.array(2).text(&place.url).bytes(&place.key.0);
        }
        w.array(self.chain.len());
        for capability in &self.chain {
            w.bytes(capability);
        }
        w.bytes(&*self.key.to_secret_bytes()).bytes(&*self.tag_key.to_secret_bytes());
        w.bytes(&self.entry.0).text(&self.rights).bytes(&self.card).bytes(&self.device.0);
        Zeroizing::new(w.into_bytes())
    }

    /// Reads what was opened by its reader. That the device is the granter's, and the granter who
    /// the reader thinks, is for the caller to say.
    pub fn decode(bytes: &[u8], to: PrincipalId) -> Result<Self, InvitationError> {
        let mut r = Reader::new(bytes);
        r.array_exact(2)?;
        let body = r.bytes(INVITATION_LEN_MAX)?;
        let signature: [u8; 64] = r.bytes_exact()?;
        r.end()?;
        let invitation = Self::read(body)?;
        verify(&invitation.device, &signed(to, body), &signature)
            .map_err(|_| InvitationError::Signature)?;
        Ok(invitation)
    }

    fn read(body: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(body);
        r.array_exact(11)?;
        if r.u8()? != FORMAT {
            return Err(CborError::Unknown);
        }
        let invitation = Self {
            bucket: BucketId(r.bytes_exact()?),
            label: r.text(NAME_LEN_MAX)?.to_owned(),
            kept_at: {
                let count = r.array(PLACES_MAX)?;
                let place = |r: &mut Reader<'_>| {
                    r.array_exact(2)?;
                    let url = r.text(ALIAS_LEN_MAX)?.to_owned();
                    Ok(KeptAt { url, key: Thumbprint(r.bytes_exact()?) })
                };
                (0..count).map(|_| place(&mut r)).collect::<Result<_, CborError>>()?
            },
            chain: {
                let count = r.array(CHAIN_LEN_MAX)?;
                (0..count)
                    .map(|_| r.bytes(CAPABILITY_LEN_MAX).map(<[u8]>::to_vec))
                    .collect::<Result<_, _>>()?
            },
            key: InviteSigningKey::from_secret_bytes(&Zeroizing::new(r.bytes_exact()?)),
            tag_key: TagKey::from_secret_bytes(&Zeroizing::new(r.bytes_exact()?)),
            entry: EntryId(r.bytes_exact()?),
            rights: r.text(NAME_LEN_MAX)?.to_owned(),
            card: r.bytes(INVITATION_LEN_MAX)?.to_vec(),
            device: PublicKey(r.bytes_exact()?),
        };
        r.end()?;
        Ok(invitation)
    }
}

/// Bound to its reader: who got one cannot pass it on as if it had been for another.
fn signed(to: PrincipalId, body: &[u8]) -> Vec<u8> {
    [INVITATION_PREFIX, &to.0, blake3::hash(body).as_bytes()].concat()
}
