//! L1 · The bytes of a pairing's messages. Takes fields, or bytes of a stranger; gives the other.
//! Must not know: in which order they come, who is allowed to send what.

use strongroom_seal::identity::verify;
use strongroom_seal::pairing::{Enc, Share};
use strongroom_wire::cbor::{CborError, Reader, Writer};
use strongroom_wire::clear::KEM_PUBLIC_LEN;
use strongroom_wire::format::FORMAT;
use strongroom_wire::ids::VaultTag;
use strongroom_wire::ids::{BucketId, EntryId, KeyEventId, PrincipalId, PublicKey, Thumbprint};
use strongroom_wire::limits::{
    ALIAS_LEN_MAX, CAPABILITY_LEN_MAX, CHAIN_LEN_MAX, DEVICE_NAME_LEN_MAX, PAIRING_MESSAGE_LEN_MAX,
};
use zeroize::Zeroizing;

use crate::keylog::possession_input;

/// Providers one gift names.
const PROVIDERS_MAX: usize = 8;

/// One message, as it lies in the mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// The host will show a share with this commitment.
    Commit([u8; 32]),
    /// The guest's share.
    Share(Share),
    /// The host's share, and an encapsulation to the guest's.
    Reveal(Share, Enc),
    /// An encapsulation to the host's, and the proof of having the same key.
    Confirm(Enc, [u8; 32]),
    /// Sealed under the key both have.
    Sealed(Vec<u8>),
    /// This side has ended it.
    No,
}

impl Message {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        match self {
            Self::Commit(commitment) => w.array(2).uint(0).bytes(commitment),
            Self::Share(share) => w.array(3).uint(1).bytes(&share.kem[..]).bytes(&share.nonce),
            Self::Reveal(share, enc) => {
                w.array(4).uint(2).bytes(&share.kem[..]).bytes(&share.nonce).bytes(&enc[..])
            }
            Self::Confirm(enc, confirmation) => {
                w.array(3).uint(3).bytes(&enc[..]).bytes(confirmation)
            }
            Self::Sealed(sealed) => w.array(2).uint(4).bytes(sealed),
            Self::No => w.array(1).uint(5),
        };
        w.into_bytes()
    }

    /// Reads the canonical bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        if bytes.len() > PAIRING_MESSAGE_LEN_MAX {
            return Err(CborError::Limit);
        }
        let mut r = Reader::new(bytes);
        let fields = r.array(4)?;
        let share = |r: &mut Reader<'_>| -> Result<Share, CborError> {
            Ok(Share { kem: Box::new(r.bytes_exact()?), nonce: r.bytes_exact()? })
        };
        let message = match (r.u8()?, fields) {
            (0, 2) => Self::Commit(r.bytes_exact()?),
            (1, 3) => Self::Share(share(&mut r)?),
            (2, 4) => Self::Reveal(share(&mut r)?, Box::new(r.bytes_exact()?)),
            (3, 3) => Self::Confirm(Box::new(r.bytes_exact()?), r.bytes_exact()?),
            (4, 2) => Self::Sealed(r.bytes(PAIRING_MESSAGE_LEN_MAX)?.to_vec()),
            (5, 1) => Self::No,
            _ => return Err(CborError::Unknown),
        };
        r.end()?;
        Ok(message)
    }
}

/// The guest's own keys, and its consent to belong to a principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDevice {
    /// Its key.
    pub device: PublicKey,
    /// What is wrapped to it alone.
    pub kem: Box<[u8; KEM_PUBLIC_LEN]>,
    /// Signed by the device.
    pub possession: [u8; 64],
    /// What its owner calls it; may be empty.
    pub name: String,
}

impl NewDevice {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(4).bytes(&self.device.0).bytes(&self.kem[..]).bytes(&self.possession);
        w.text(&self.name);
        w.into_bytes()
    }

    /// Reads the canonical bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        r.array_exact(4)?;
        let device = Self {
            device: PublicKey(r.bytes_exact()?),
            kem: Box::new(r.bytes_exact()?),
            possession: r.bytes_exact()?,
            name: r.text(DEVICE_NAME_LEN_MAX)?.to_owned(),
        };
        r.end()?;
        if is_device_name(&device.name) { Ok(device) } else { Err(CborError::Unknown) }
    }

    /// Whether the device agreed to belong to this principal.
    pub fn belongs_to(&self, principal: PrincipalId) -> bool {
        let input = possession_input(principal, &self.device, &self.kem);
        verify(&self.device, &input, &self.possession).is_ok()
    }
}

/// Whether this can stand as the name of a device: short, and nothing in it that nobody sees.
/// Empty: it has none.
pub fn is_device_name(name: &str) -> bool {
    name.is_empty() || name.len() <= DEVICE_NAME_LEN_MAX && crate::card::is_person_name(name)
}

/// One provider of the vault.
#[derive(Debug, Clone)]
pub struct GiftProvider {
    /// Its address.
    pub url: String,
    /// Its key.
    pub key: Thumbprint,
    /// The vault's name there.
    pub vault: VaultTag,
    /// Seed of the vault's root key there.
    pub vault_seed: Zeroizing<[u8; 32]>,
    /// Counter of the recovery record there.
    pub record_counter: u64,
}

/// What makes the guest a device of the person.
#[derive(Debug)]
pub struct Gift {
    /// Whose.
    pub principal: PrincipalId,
    /// The event that added the guest.
    pub head: KeyEventId,
    /// Opens what is wrapped to the person.
    pub agree: Zeroizing<[u8; 32]>,
    /// The vault's own bucket.
    pub vault_bucket: BucketId,
    /// Seed of the member key there.
    pub member_seed: Zeroizing<[u8; 32]>,
    /// From its root key to the member key.
    pub member_chain: Vec<Vec<u8>>,
    /// The newest checkpoint there.
    pub checkpoint: Option<EntryId>,
    /// Public half of the recovery pair.
    pub recovery_public: Box<[u8; KEM_PUBLIC_LEN]>,
    /// Leads to recovery records.
    pub recovery_locator: Zeroizing<[u8; 32]>,
    /// Where the vault is kept.
    pub providers: Vec<GiftProvider>,
}

impl Gift {
    /// The canonical bytes.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut w = Writer::with_capacity(8_192);
        w.array(11).uint(u64::from(FORMAT)).bytes(&self.principal.0).bytes(&self.head.0);
        w.bytes(&*self.agree).bytes(&self.vault_bucket.0).bytes(&*self.member_seed);
        w.array(self.member_chain.len());
        for capability in &self.member_chain {
            w.bytes(capability);
        }
        w.option(self.checkpoint, |w, id| {
            w.bytes(&id.0);
        });
        w.bytes(&self.recovery_public[..]).bytes(&*self.recovery_locator);
        w.array(self.providers.len());
        for one in &self.providers {
            w.array(5).text(&one.url).bytes(&one.key.0).bytes(&one.vault.0);
            w.bytes(&*one.vault_seed).uint(one.record_counter);
        }
        Zeroizing::new(w.into_bytes())
    }

    /// Reads the canonical bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        r.array_exact(11)?;
        if r.u8()? != FORMAT {
            return Err(CborError::Unknown);
        }
        let gift = Self {
            principal: PrincipalId(r.bytes_exact()?),
            head: KeyEventId(r.bytes_exact()?),
            agree: Zeroizing::new(r.bytes_exact()?),
            vault_bucket: BucketId(r.bytes_exact()?),
            member_seed: Zeroizing::new(r.bytes_exact()?),
            member_chain: {
                let count = r.array(CHAIN_LEN_MAX)?;
                let one = |r: &mut Reader<'_>| r.bytes(CAPABILITY_LEN_MAX).map(<[u8]>::to_vec);
                (0..count).map(|_| one(&mut r)).collect::<Result<_, _>>()?
            },
            checkpoint: r.option(|r| r.bytes_exact().map(EntryId))?,
            recovery_public: Box::new(r.bytes_exact()?),
            recovery_locator: Zeroizing::new(r.bytes_exact()?),
            providers: {
                let count = r.array(PROVIDERS_MAX)?;
                (0..count).map(|_| read_provider(&mut r)).collect::<Result<Vec<_>, _>>()?
            },
        };
        r.end()?;
        if gift.providers.is_empty() { Err(CborError::Unknown) } else { Ok(gift) }
    }
}

fn read_provider(r: &mut Reader<'_>) -> Result<GiftProvider, CborError> {
    r.array_exact(5)?;
    Ok(GiftProvider {
        url: r.text(ALIAS_LEN_MAX)?.to_owned(),
        key: Thumbprint(r.bytes_exact()?),
        vault: VaultTag(r.bytes_exact()?),
        vault_seed: Zeroizing::new(r.bytes_exact()?),
        record_counter: r.uint()?,
    })
}
