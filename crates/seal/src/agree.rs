//! The agree seed on its way to a device. Takes a person's agree seed and a device's public key;
//! gives a wrap for the key log, which every device and every stranger sees; and back. Must not
//! know: the log it stands in.
//!
//! ```text
//! wrap = zeros 16 ‖ enc 1,120 ‖ AEAD(wrap key, seed 32) 48 = 1,184 B     docs/spec/key-log.md
//! wrap key = agree wrap(X-Wing shared secret ‖ principal id ‖ number u64 ‖ hash(public key))
//! ```

use strongroom_wire::clear::{KEM_ENC_LEN, KEM_PUBLIC_LEN, WRAP_LEN};
use strongroom_wire::ids::PrincipalId;

use crate::aead::{self, OpenError, Opens, SealError, SealsOnce};
use crate::derive::{self, derive, hash};
use crate::kem::{AgreeSeed, KemPair, KemPublic, SharedSecret};
use crate::keys::secret;
use crate::rng::Rng;
use crate::suite::Suite;

/// Where the tag of other wraps stands: the log says beside it which device it is for.
const TAG_LEN: usize = 16;

secret! {
    /// Seals one agree seed for one device.
    AgreeWrapKey
}

impl SealsOnce for AgreeWrapKey {
    fn seal_key(&self) -> &[u8; 32] {
        self.expose()
    }
}
impl Opens for AgreeWrapKey {
    fn open_key(&self) -> &[u8; 32] {
        self.expose()
    }
}

/// Which rotation of whose agree key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// Suite of the event.
    pub suite: Suite,
    /// Whose key.
    pub principal: PrincipalId,
    /// 1, 2, 3 …
    pub number: u64,
}

impl Rotation {
    fn key(&self, shared: &SharedSecret, public: &[u8; KEM_PUBLIC_LEN]) -> AgreeWrapKey {
        let number = self.number.to_be_bytes();
        let input = [shared.expose(), &self.principal.0[..], &number, &hash(public)];
        AgreeWrapKey::new(&derive(derive::AGREE_WRAP, &input))
    }
}

/// Wraps the seed for the device with this key.
///
/// ```
/// use strongroom_seal::agree::{Rotation, unwrap_agree, wrap_agree};
/// use strongroom_seal::kem::{AgreeSeed, DeviceAgreeSeed};
/// use strongroom_seal::{rng::DangerSeeded, suite::Suite};
/// use strongroom_wire::ids::PrincipalId;
///
/// let mut rng = DangerSeeded::new(1);
/// let device = DeviceAgreeSeed::generate(&mut rng).pair();
/// let seed = AgreeSeed::generate(&mut rng);
/// let rotation =
///     Rotation { suite: Suite::DEFAULT, principal: PrincipalId([1; 32]), number: 1 };
/// let wrap = wrap_agree(rotation, &seed, &device.public(), &mut rng)?;
/// let public = seed.pair().public().to_bytes();
/// let opened = unwrap_agree(rotation, &device, &public, &wrap)?;
/// assert_eq!(opened.pair().public().to_bytes(), public);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn wrap_agree(
    rotation: Rotation,
    seed: &AgreeSeed,
    device: &KemPublic,
    rng: &mut impl Rng,
) -> Result<[u8; WRAP_LEN], SealError> {
    let public = seed.pair().public().to_bytes();
    let (enc, shared) = device.encapsulate(rng);
    let sealed =
        aead::seal_key(rotation.suite, rotation.key(&shared, &public), &seed.to_secret_bytes())?;
    [&[0; TAG_LEN][..], &enc[..], &sealed].concat().try_into().map_err(|_| SealError::Cipher)
}

/// Unwraps the seed of this public key: whoever wrapped another one is refused.
pub fn unwrap_agree(
    rotation: Rotation,
    device: &KemPair,
    public: &[u8; KEM_PUBLIC_LEN],
    wrap: &[u8; WRAP_LEN],
) -> Result<AgreeSeed, OpenError> {
    let (tag, rest) = wrap.split_first_chunk::<TAG_LEN>().ok_or(OpenError)?;
    let (enc, sealed) = rest.split_first_chunk::<KEM_ENC_LEN>().ok_or(OpenError)?;
    let sealed = sealed.first_chunk().ok_or(OpenError)?;
    if *tag != [0; TAG_LEN] {
        return Err(OpenError);
    }
    let shared = device.decapsulate(enc);
    let seed = aead::open_key(rotation.suite, &rotation.key(&shared, public), sealed)?;
    let seed = AgreeSeed::from_secret_bytes(&seed);
    if seed.pair().public().to_bytes()[..] == public[..] { Ok(seed) } else { Err(OpenError) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kem::DeviceAgreeSeed;
    use crate::rng::DangerSeeded;

    #[test]
    fn only_the_device_opens_it_and_only_as_the_key_it_is() {
        let mut rng = DangerSeeded::new(3);
        let (device, other) = (DeviceAgreeSeed::generate(&mut rng), AgreeSeed::generate(&mut rng));
        let (device, other) = (device.pair(), other.pair());
        let seed = AgreeSeed::generate(&mut rng);
        let public = seed.pair().public().to_bytes();
        let here = Rotation { suite: Suite::DEFAULT, principal: PrincipalId([1; 32]), number: 1 };
        let wrap = wrap_agree(here, &seed, &device.public(), &mut rng).unwrap();
        assert!(unwrap_agree(here, &device, &public, &wrap).is_ok());
        assert!(unwrap_agree(here, &other, &public, &wrap).is_err());
        let foreign = other.public().to_bytes();
        assert!(unwrap_agree(here, &device, &foreign, &wrap).is_err());
        for there in
            [Rotation { number: 2, ..here }, Rotation { principal: PrincipalId([2; 32]), ..here }]
        {
            assert!(unwrap_agree(there, &device, &public, &wrap).is_err());
        }
        for at in (0..TAG_LEN).chain(TAG_LEN + KEM_ENC_LEN..WRAP_LEN) {
            let mut bad = wrap;
            bad[at] ^= 1;
            assert!(unwrap_agree(here, &device, &public, &bad).is_err(), "byte {at}");
        }
    }
}
