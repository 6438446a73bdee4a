//! What the key store holds: the few secrets from which this device opens all others. Comes in:
//! new keys, or opened bytes. Goes out: bytes to be sealed. Must not know: passphrases, files.
//!
//! Bytes: docs/spec/replica.md, "Key store content".

use strongroom_seal::identity::DeviceSigningKey;
use strongroom_seal::kem::{AgreeSeed, DeviceAgreeSeed};
use strongroom_seal::keys::DeviceSecret;
use strongroom_seal::rng::Rng;
use strongroom_wire::cbor::{CborError, Reader, Writer};
use strongroom_wire::format::FORMAT;
use strongroom_wire::ids::{BucketId, PrincipalId};
use zeroize::Zeroizing;

/// A device's secrets.
#[derive(Debug)]
pub struct Secrets {
    /// Whose device this is.
    pub principal: PrincipalId,
    /// Vouches for this device's authors.
    pub device: DeviceSigningKey,
    /// Makes authors and the local key.
    pub secret: DeviceSecret,
    /// Opens what is wrapped to this device alone.
    pub device_agree: DeviceAgreeSeed,
    /// Opens what is wrapped to the person.
    pub agree: AgreeSeed,
    /// The vault's own bucket.
    pub vault_bucket: BucketId,
}

impl Secrets {
    /// New keys for a device of this person.
    pub fn generate(principal: PrincipalId, agree: AgreeSeed, rng: &mut impl Rng) -> Self {
        Self {
            principal,
            device: DeviceSigningKey::generate(rng),
            secret: DeviceSecret::generate(rng),
            device_agree: DeviceAgreeSeed::generate(rng),
            agree,
            vault_bucket: BucketId::ZERO,
        }
    }

    /// The bytes to be sealed.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut w = Writer::with_capacity(256);
        w.array(7).uint(u64::from(FORMAT)).bytes(&self.principal.0);
        w.bytes(&*self.device.to_secret_bytes()).bytes(&*self.secret.to_secret_bytes());
        w.bytes(&*self.device_agree.to_secret_bytes());
        w.bytes(&*self.agree.to_secret_bytes()).bytes(&self.vault_bucket.0);
        Zeroizing::new(w.into_bytes())
    }

    /// Reads opened bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        r.array_exact(7)?;
        if r.u8()? != FORMAT {
            return Err(CborError::Unknown);
        }
        let secrets = Self {
            principal: PrincipalId(r.bytes_exact()?),
            device: DeviceSigningKey::from_secret_bytes(&Zeroizing::new(r.bytes_exact()?)),
            secret: DeviceSecret::from_secret_bytes(&Zeroizing::new(r.bytes_exact()?)),
            device_agree: DeviceAgreeSeed::from_secret_bytes(&Zeroizing::new(r.bytes_exact()?)),
            agree: AgreeSeed::from_secret_bytes(&Zeroizing::new(r.bytes_exact()?)),
            vault_bucket: BucketId(r.bytes_exact()?),
        };
        r.end()?;
        Ok(secrets)
    }
}
