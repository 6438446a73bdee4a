//! X-Wing (X25519 and ML-KEM-768), the only key encapsulation. Comes in: seeds, public keys,
//! randomness. Goes out: an encapsulation and a secret both sides share. Must not know: what the
//! secret will protect.
//!
//! X-Wing is an IETF draft: its bytes are frozen here by the draft's own known answers
//! (`vectors/kem/xwing-draft.json`). Should the RFC differ, it becomes a new suite. Opening
//! rejects implicitly: a wrong key or changed encapsulation gives another secret, never an error.

use core::fmt;

use strongroom_wire::clear::{KEM_ENC_LEN, KEM_PUBLIC_LEN};
use x_wing::kem::{Decapsulate, Decapsulator, KeyExport, TryKeyInit};
use zeroize::{Zeroize, Zeroizing};

use crate::keys::{random_secret, secret, stored_secret};
use crate::rng::Rng;

/// The public key is not one: its ML-KEM part is not in canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a public X-Wing key")]
pub struct KemKeyError;

/// A public X-Wing key, 1,216 bytes, checked.
#[derive(Clone, PartialEq, Eq)]
pub struct KemPublic(Box<x_wing::EncapsulationKey>);

impl fmt::Debug for KemPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = crate::derive::hash(&self.to_bytes()[..]);
        let text = strongroom_wire::ids::base32(&hash);
        write!(f, "KemPublic({})", text.get(..8).unwrap_or(&text))
    }
}

impl KemPublic {
    /// Reads a public key.
    pub fn from_bytes(bytes: &[u8; KEM_PUBLIC_LEN]) -> Result<Self, KemKeyError> {
        x_wing::EncapsulationKey::new_from_slice(bytes)
            .map(|key| Self(Box::new(key)))
            .map_err(|_| KemKeyError)
    }

    /// The bytes.
    pub fn to_bytes(&self) -> Box<[u8; KEM_PUBLIC_LEN]> {
        let mut out = Box::new([0; KEM_PUBLIC_LEN]);
        for (to, from) in out.iter_mut().zip(self.0.to_bytes().iter()) {
            *to = *from;
        }
        out
    }

    /// A fresh encapsulation to this key, and its secret.
    pub(crate) fn encapsulate(&self, rng: &mut impl Rng) -> (Box<[u8; KEM_ENC_LEN]>, SharedSecret) {
        let mut random = Zeroizing::new([0; 64]);
        rng.fill(random.as_mut_slice());
        self.encapsulate_with(&random)
    }

    fn encapsulate_with(&self, random: &[u8; 64]) -> (Box<[u8; KEM_ENC_LEN]>, SharedSecret) {
        let mut random = (*random).into();
        let (enc, mut shared) = self.0.encapsulate_deterministic(&random);
        random.zeroize();
        let mut out = Box::new([0; KEM_ENC_LEN]);
        for (to, from) in out.iter_mut().zip(enc.iter()) {
            *to = *from;
        }
        let secret = SharedSecret::new(&shared.0);
        shared.zeroize();
        (out, secret)
    }
}

secret! {
    /// What an encapsulation gives to both sides.
    SharedSecret
}

/// Both halves of an X-Wing key, ready to open.
pub struct KemPair {
    secret: Box<x_wing::DecapsulationKey>,
}

impl fmt::Debug for KemPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KemPair(secret)")
    }
}

impl KemPair {
    fn from_seed(seed: &[u8; 32]) -> Self {
        Self { secret: Box::new(x_wing::DecapsulationKey::from(*seed)) }
    }

    /// The public half.
    pub fn public(&self) -> KemPublic {
        KemPublic(Box::new(self.secret.encapsulation_key().clone()))
    }

    /// The secret inside an encapsulation. Never fails: a foreign one gives an unrelated secret.
    pub(crate) fn decapsulate(&self, enc: &[u8; KEM_ENC_LEN]) -> SharedSecret {
        let mut shared = self.secret.decapsulate(&(*enc).into());
        let secret = SharedSecret::new(&shared.0);
        shared.zeroize();
        secret
    }
}

macro_rules! seed_pairs {
    ($($name:ident)*) => {
        $(impl $name {
            /// The key pair of this seed.
            pub fn pair(&self) -> KemPair {
                KemPair::from_seed(self.expose())
            }
        })*
    };
}

random_secret! {
    /// Seed of a principal's X-Wing key: grants go to it. All the person's devices have it.
    AgreeSeed
}
random_secret! {
    /// Seed of one device's own X-Wing key: for what is wrapped to this device alone.
    DeviceAgreeSeed
}
random_secret! {
    /// Seed of an X-Wing key for one pairing.
    PairingSeed
}
secret! {
    /// Seed of a drop's X-Wing key, derived from CK.
    DropSeed
}
stored_secret! {
    /// Seed of the recovery pair, derived from R. It is never stored; devices keep the public half.
    RecoveryPairSeed
}
seed_pairs! { AgreeSeed DeviceAgreeSeed PairingSeed DropSeed RecoveryPairSeed }

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::DangerSeeded;

    fn unhex(value: &serde_json::Value) -> Vec<u8> {
        let text = value.as_str().unwrap();
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn known_answers_of_the_draft() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/kem/xwing-draft.json");
        let text = std::fs::read_to_string(path).unwrap();
        let vectors: serde_json::Value = serde_json::from_str(&text).unwrap();
        let vectors = vectors["vectors"].as_array().unwrap();
        assert!(vectors.len() >= 3);
        for vector in vectors {
            let seed: [u8; 32] = unhex(&vector["seed"]).try_into().unwrap();
            let pair = KemPair::from_seed(&seed);
            assert_eq!(pair.public().to_bytes()[..], unhex(&vector["pk"]));
            let random: [u8; 64] = unhex(&vector["eseed"]).try_into().unwrap();
            let (enc, shared) = pair.public().encapsulate_with(&random);
            assert_eq!(enc[..], unhex(&vector["ct"]));
            assert_eq!(shared.expose()[..], unhex(&vector["ss"]));
            assert_eq!(pair.decapsulate(&enc).expose()[..], unhex(&vector["ss"]));
        }
    }

    #[test]
    fn a06_a_changed_encapsulation_gives_another_secret_and_no_error() {
        let mut rng = DangerSeeded::new(1);
        let pair = AgreeSeed::generate(&mut rng).pair();
        let (enc, shared) = pair.public().encapsulate(&mut rng);
        for at in [0, 500, 1_087, 1_088, 1_119] {
            let mut bad = enc.clone();
            bad[at] ^= 1;
            assert_ne!(pair.decapsulate(&bad).expose(), shared.expose(), "byte {at}");
        }
        // An all-zero X25519 half is accepted as X-Wing was first specified; the ML-KEM half
        // still protects the secret. Frozen, so that a new version of the crate cannot change it.
        let mut zero = enc.clone();
        zero[1_088..].fill(0);
        assert_ne!(pair.decapsulate(&zero).expose(), shared.expose());
    }

    #[test]
    fn a_public_key_that_is_none_is_refused() {
        assert_eq!(KemPublic::from_bytes(&[0xff; KEM_PUBLIC_LEN]), Err(KemKeyError));
        let good = AgreeSeed::generate(&mut DangerSeeded::new(2)).pair().public();
        assert_eq!(KemPublic::from_bytes(&good.to_bytes()), Ok(good));
    }
}
