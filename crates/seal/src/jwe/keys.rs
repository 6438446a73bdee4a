//! Keys that agree on a content key. Comes in: a key of one's own and one of somebody else's. Goes
//! out: a wrapped content key, or the content key. Must not know: what it opens.
//!
//! ```text
//! KEK = SHA-256(1 u32 ‖ Z ‖ len ‖ "ECDH-ES+A256KW" ‖ len ‖ apu ‖ len ‖ apv ‖ 256 u32)
//! apu = the ephemeral public key (of P-256: compressed);   apv = the recipient's key id
//! encrypted_key = AES-256-KW(KEK, CEK)
//! ```
//! Lengths are u32, big-endian (RFC 7518, 4.6.2; RFC 3394).

use aws_lc_rs::agreement::{self, ECDH_P256, PrivateKey, UnparsedPublicKey, X25519};
use aws_lc_rs::digest;
use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrap};
use strongroom_wire::limits::JWE_KEY_ID_LEN_MAX;
use zeroize::Zeroizing;

use super::form::Recipient;
use super::{ALG, JweError, Profile, WRAPPED_LEN};
use crate::rng::Rng;

/// Times a P-256 scalar is drawn: one in 2^32 is none.
const DRAWS: usize = 8;

/// The public half of an ephemeral key, as `epk` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EphemeralKey {
    /// `OKP`, `X25519`.
    X25519([u8; 32]),
    /// `EC`, `P-256`: the coordinates.
    P256([u8; 32], [u8; 32]),
}

impl EphemeralKey {
    /// As `apu` has it.
    pub(super) fn party_info(&self) -> Vec<u8> {
        match self {
            Self::X25519(key) => key.to_vec(),
            Self::P256(x, y) => {
                let odd = y.last().is_some_and(|last| last & 1 == 1);
                [&[if odd { 3 } else { 2 }][..], x].concat()
            }
        }
    }

    fn point(&self) -> Vec<u8> {
        match self {
            Self::X25519(key) => key.to_vec(),
            Self::P256(x, y) => [&[4][..], x, y].concat(),
        }
    }

    const fn profile(&self) -> Profile {
        match self {
            Self::X25519(_) => Profile::Recommended,
            Self::P256(..) => Profile::Fips,
        }
    }
}

const fn algorithm(profile: Profile) -> &'static agreement::Algorithm {
    match profile {
        Profile::Recommended => &X25519,
        Profile::Fips => &ECDH_P256,
    }
}

/// A recipient's public key and its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgreementPublic {
    kid: String,
    profile: Profile,
    key: Vec<u8>,
}

impl AgreementPublic {
    /// An X25519 key of 32 bytes, or a P-256 point, compressed (33) or not (65).
    pub fn new(profile: Profile, kid: &str, key: &[u8]) -> Result<Self, JweError> {
        let fits = match profile {
            Profile::Recommended => key.len() == 32,
            Profile::Fips => matches!((key.len(), key.first()), (33, Some(2 | 3)) | (65, Some(4))),
        };
        if kid.is_empty() || kid.len() > JWE_KEY_ID_LEN_MAX || !fits {
            return Err(JweError::Key);
        }
        Ok(Self { kid: kid.to_owned(), profile, key: key.to_vec() })
    }

    /// The key's id.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Its curve.
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// X25519: 32 bytes. P-256: the point, as it was given.
    pub fn bytes(&self) -> &[u8] {
        &self.key
    }
}

/// A key of one's own that opens JWEs.
pub struct AgreementKey {
    secret: Zeroizing<[u8; 32]>,
    public: AgreementPublic,
}

impl core::fmt::Debug for AgreementKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("AgreementKey").field(&self.public.kid).finish()
    }
}

impl AgreementKey {
    /// A new one.
    pub fn generate(profile: Profile, kid: &str, rng: &mut impl Rng) -> Result<Self, JweError> {
        let (secret, _) = draw(profile, rng)?;
        Self::from_secret_bytes(profile, kid, &secret)
    }

    /// The key with these bytes: an X25519 scalar as it is stored, or a P-256 scalar, big-endian.
    pub fn from_secret_bytes(
        profile: Profile,
        kid: &str,
        secret: &[u8; 32],
    ) -> Result<Self, JweError> {
        let key = public_of(profile, secret)?;
        let public = AgreementPublic::new(profile, kid, &key)?;
        Ok(Self { secret: Zeroizing::new(*secret), public })
    }

    /// The bytes, to stand inside something sealed.
    pub fn to_secret_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.secret.clone()
    }

    /// The same key by another id.
    pub fn with_kid(self, kid: &str) -> Result<Self, JweError> {
        let public = AgreementPublic::new(self.public.profile, kid, &self.public.key)?;
        Ok(Self { public, ..self })
    }

    /// Its id.
    pub fn kid(&self) -> &str {
        &self.public.kid
    }

    /// The public half.
    pub fn public(&self) -> AgreementPublic {
        self.public.clone()
    }

    /// The content key that was wrapped for this key.
    pub(super) fn unwrap(&self, recipient: &Recipient) -> Result<Zeroizing<[u8; 32]>, JweError> {
        if recipient.epk.profile() != self.public.profile {
            return Err(JweError::Open);
        }
        let apu = recipient.epk.party_info();
        let kek = agree(
            self.public.profile,
            &self.secret,
            &recipient.epk.point(),
            &apu,
            self.public.kid.as_bytes(),
        )
        .map_err(|_| JweError::Open)?;
        let kek = AesKek::new(&AES_256, &*kek).map_err(|_| JweError::Open)?;
        // Unwrapping wants room for its check value, too.
        let mut out = Zeroizing::new([0; WRAPPED_LEN]);
        let cek = kek.unwrap(&recipient.encrypted_key, out.as_mut_slice());
        let cek = cek.map_err(|_| JweError::Open)?;
        Ok(Zeroizing::new(<[u8; 32]>::try_from(&*cek).map_err(|_| JweError::Open)?))
    }
}

/// An ephemeral pair: for one set of recipients, then gone.
pub(super) struct Ephemeral {
    profile: Profile,
    secret: Zeroizing<[u8; 32]>,
    public: EphemeralKey,
}

impl Ephemeral {
    pub(super) fn generate(profile: Profile, rng: &mut impl Rng) -> Result<Self, JweError> {
        let (secret, key) = draw(profile, rng)?;
        let public = match (profile, key.split_first()) {
            (Profile::Recommended, _) => EphemeralKey::X25519(array32(&key)),
            (Profile::Fips, Some((4, coordinates))) => {
                let (x, y) = coordinates.split_first_chunk::<32>().ok_or(JweError::Key)?;
                EphemeralKey::P256(*x, array32(y))
            }
            (Profile::Fips, _) => return Err(JweError::Key),
        };
        Ok(Self { profile, secret, public })
    }

    pub(super) fn wrap(&self, to: &AgreementPublic, cek: &[u8; 32]) -> Result<Recipient, JweError> {
        if to.profile != self.profile {
            return Err(JweError::Key);
        }
        let apu = self.public.party_info();
        let kek = agree(self.profile, &self.secret, &to.key, &apu, to.kid.as_bytes())?;
        let kek = AesKek::new(&AES_256, &*kek).map_err(|_| JweError::Key)?;
        let mut encrypted_key = [0; WRAPPED_LEN];
        kek.wrap(cek, &mut encrypted_key).map_err(|_| JweError::Key)?;
        Ok(Recipient {
            kid: to.kid.clone(),
            alg: ALG.to_owned(),
            epk: self.public,
            encrypted_key,
            betrayed: false,
        })
    }
}

fn draw(profile: Profile, rng: &mut impl Rng) -> Result<(Zeroizing<[u8; 32]>, Vec<u8>), JweError> {
    for _ in 0..DRAWS {
        let secret = rng.secret32();
        if let Ok(public) = public_of(profile, &secret) {
            return Ok((secret, public));
        }
    }
    Err(JweError::Key)
}

fn public_of(profile: Profile, secret: &[u8; 32]) -> Result<Vec<u8>, JweError> {
    let key = PrivateKey::from_private_key(algorithm(profile), secret);
    let key = key.and_then(|key| {
        key.compute_public_key()
            .map_err(|_| aws_lc_rs::error::KeyRejected::from(aws_lc_rs::error::Unspecified))
    });
    key.map(|public| public.as_ref().to_vec()).map_err(|_| JweError::Key)
}

/// The key that wraps. An agreement whose result is zero is refused by the library.
fn agree(
    profile: Profile,
    secret: &[u8; 32],
    peer: &[u8],
    apu: &[u8],
    apv: &[u8],
) -> Result<Zeroizing<[u8; 32]>, JweError> {
    let algorithm = algorithm(profile);
    let own = PrivateKey::from_private_key(algorithm, secret).map_err(|_| JweError::Key)?;
    let peer = UnparsedPublicKey::new(algorithm, peer);
    agreement::agree(&own, peer, JweError::Key, |z| {
        let mut input = Zeroizing::new(Vec::with_capacity(128 + apv.len()));
        input.extend_from_slice(&1_u32.to_be_bytes());
        input.extend_from_slice(z);
        for part in [ALG.as_bytes(), apu, apv] {
            input.extend_from_slice(&(part.len() as u32).to_be_bytes());
            input.extend_from_slice(part);
        }
        input.extend_from_slice(&256_u32.to_be_bytes());
        let kek = digest::digest(&digest::SHA256, &input);
        Ok(Zeroizing::new(array32(kek.as_ref())))
    })
}

/// The first 32 bytes; zeros for what is missing, which no caller has.
pub(super) fn array32(bytes: &[u8]) -> [u8; 32] {
    bytes.first_chunk::<32>().copied().unwrap_or_default()
}
