//! Signing keys. Comes in: seeds and messages. Goes out: signatures, proofs, public keys. Must not
//! know: what a message means, except for the device proof.
//!
//! Ed25519, verified strictly. Each role is a type: a member key cannot stand where an author key
//! is due. What is signed starts with the prefix of its purpose (`strongroom_wire::format`), so no
//! signature passes for another.
//!
//! ```compile_fail,E0308
//! use strongroom_seal::identity::{device_proof, MemberSigningKey, DeviceSigningKey};
//! # let mut rng = strongroom_seal::rng::DangerSeeded::new(1);
//! # use strongroom_wire::ids::{AuthorKey, BucketId};
//! let member = MemberSigningKey::generate(&mut rng);
//! device_proof(&member, BucketId::ZERO, AuthorKey::ZERO, 0); // a device key is due
//! ```

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use strongroom_wire::ids::{AuthorKey, BucketId, PublicKey};
use zeroize::Zeroizing;

use crate::rng::Rng;

/// What a device proof's signature covers starts with this.
pub const DEVICE_PROOF_PREFIX: &[u8] = b"strongroom/device/1\0";

/// The signature is not one of this key over this message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature is not valid")]
pub struct SignatureError;

/// Any key that signs: for code that is the same for every role.
pub trait Signer {
    /// The public half.
    fn public(&self) -> PublicKey;
    /// Signs `message`, which starts with the prefix of its purpose.
    fn sign(&self, message: &[u8]) -> [u8; 64];
}

/// Verifies strictly: no small-order keys, no second form of a signature.
pub fn verify(key: &PublicKey, message: &[u8], signature: &[u8; 64]) -> Result<(), SignatureError> {
    let key = VerifyingKey::from_bytes(&key.0).map_err(|_| SignatureError)?;
    key.verify_strict(message, &Signature::from_bytes(signature)).map_err(|_| SignatureError)
}

macro_rules! signing_roles {
    ($($(#[$doc:meta])* $name:ident;)*) => { $(
        $(#[$doc])*
        pub struct $name(SigningKey);

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(concat!(stringify!($name), "(secret)"))
            }
        }

        impl $name {
            #[allow(dead_code)] // only some roles are derived inside this crate
            pub(crate) fn from_seed(seed: &[u8; 32]) -> Self {
                Self(SigningKey::from_bytes(seed))
            }

            /// The public half.
            pub fn public(&self) -> PublicKey {
                PublicKey(self.0.verifying_key().to_bytes())
            }

            /// Signs `message`, which starts with the prefix of its purpose.
            pub fn sign(&self, message: &[u8]) -> [u8; 64] {
                self.0.sign(message).to_bytes()
            }
        }

        impl Signer for $name {
            fn public(&self) -> PublicKey {
                $name::public(self)
            }
            fn sign(&self, message: &[u8]) -> [u8; 64] {
                $name::sign(self, message)
            }
        }
    )* };
}

macro_rules! random_roles {
    ($($name:ident)*) => { $(
        impl $name {
            /// A new one.
            pub fn generate(rng: &mut impl Rng) -> Self {
                Self::from_seed(&rng.secret32())
            }

            /// The key with this seed, which came out of something sealed.
            pub fn from_secret_bytes(seed: &[u8; 32]) -> Self {
                Self::from_seed(seed)
            }

            /// The seed, to stand inside something sealed. It wipes itself.
            pub fn to_secret_bytes(&self) -> Zeroizing<[u8; 32]> {
                Zeroizing::new(self.0.to_bytes())
            }
        }
    )* };
}

signing_roles! {
    /// A device's own key; it never leaves the device and vouches for its authors.
    DeviceSigningKey;
    /// The n-th root key of a person's key log, derived from the recovery key.
    IdentityRootKey;
    /// The root key of one bucket; not left on devices.
    BucketRootKey;
    /// The key by which a member holds his capability in one bucket; all his devices have it.
    MemberSigningKey;
    /// A key good for one acceptance of an invitation.
    InviteSigningKey;
    /// The author key of one device in one bucket, derived from the device secret.
    AuthorSigningKey;
    /// The root key of one vault at one provider.
    VaultSigningKey;
    /// Signs the recovery record at one provider.
    RecordSigningKey;
    /// The key of a drop, derived from its secret: it lets the authors of messages in.
    DropSigningKey;
    /// A throw-away key, for sessions before there is any other.
    SessionSigningKey;
    /// The controller of one Encrypted Data Vault, a did:key. It signs requests and delegations,
    /// whose form is that protocol's, and documents, which start with a prefix of ours.
    EdvSigningKey;
}
random_roles! {
    DeviceSigningKey BucketRootKey MemberSigningKey InviteSigningKey VaultSigningKey
    SessionSigningKey EdvSigningKey
}

impl AuthorSigningKey {
    /// The public half, as it stands in headers.
    pub fn author(&self) -> AuthorKey {
        self.public().author()
    }
}

/// What a device proof signs: prefix ‖ bucket id ‖ author ‖ instance u32.
fn device_statement(bucket: BucketId, author: AuthorKey, instance: u32) -> Vec<u8> {
    [DEVICE_PROOF_PREFIX, &bucket.0, &author.0, &instance.to_be_bytes()].concat()
}

/// The device's statement that this author in this bucket is its own.
pub fn device_proof(
    device: &DeviceSigningKey,
    bucket: BucketId,
    author: AuthorKey,
    instance: u32,
) -> [u8; 64] {
    device.sign(&device_statement(bucket, author, instance))
}

/// Checks a device proof.
pub fn verify_device_proof(
    device: &PublicKey,
    bucket: BucketId,
    author: AuthorKey,
    instance: u32,
    proof: &[u8; 64],
) -> Result<(), SignatureError> {
    verify(device, &device_statement(bucket, author, instance), proof)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::DeviceSecret;
    use crate::rng::DangerSeeded;
    use strongroom_wire::format;

    #[test]
    fn a_proof_holds_for_one_device_bucket_author_and_instance() {
        let mut rng = DangerSeeded::new(1);
        let device = DeviceSigningKey::generate(&mut rng);
        let other = DeviceSigningKey::generate(&mut rng);
        let secret = DeviceSecret::generate(&mut rng);
        let bucket = BucketId([1; 32]);
        let author = secret.author(bucket, 0).author();
        let proof = device_proof(&device, bucket, author, 0);
        let check = |key: &DeviceSigningKey, bucket, author, instance, proof: &[u8; 64]| {
            verify_device_proof(&key.public(), bucket, author, instance, proof).is_ok()
        };
        assert!(check(&device, bucket, author, 0, &proof));
        assert!(!check(&other, bucket, author, 0, &proof));
        assert!(!check(&device, BucketId([2; 32]), author, 0, &proof));
        assert!(!check(&device, bucket, secret.author(bucket, 1).author(), 0, &proof));
        assert!(!check(&device, bucket, author, 1, &proof));
        for bit in 0..512 {
            let mut bad = proof;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(!check(&device, bucket, author, 0, &bad), "bit {bit}");
        }
    }

    #[test]
    fn authors_of_one_device_are_unlike_in_every_bucket_and_instance() {
        let secret = DeviceSecret::from_secret_bytes(&[1; 32]);
        let mut seen = std::collections::BTreeSet::new();
        for bucket in 0..5 {
            for instance in 0..5 {
                assert!(seen.insert(secret.author(BucketId([bucket; 32]), instance).author()));
            }
        }
        let again = DeviceSecret::from_secret_bytes(&[1; 32]).author(BucketId([0; 32]), 0);
        assert!(seen.contains(&again.author()), "derived, so the same every time");
    }

    #[test]
    fn the_proofs_prefix_is_no_other_prefix() {
        let others = [
            format::ENTRY_PREFIX,
            format::STREAM_PREFIX,
            format::SESSION_PREFIX,
            format::RECOVERY_PREFIX,
            &[0x84],
            b"\"",
        ];
        for other in others {
            assert!(!DEVICE_PROOF_PREFIX.starts_with(other));
            assert!(!other.starts_with(DEVICE_PROOF_PREFIX));
        }
        let text = core::str::from_utf8(DEVICE_PROOF_PREFIX).unwrap();
        assert!(text.ends_with(&format!("/{}\0", format::FORMAT)));
    }

    #[test]
    fn strict_verification_refuses_small_order_keys() {
        // The neutral element as key and as R: a lax verifier accepts it for every message.
        let mut one = [0; 32];
        one[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        assert_eq!(verify(&PublicKey(one), b"any", &signature), Err(SignatureError));
        assert_eq!(verify(&PublicKey([0xff; 32]), b"any", &signature), Err(SignatureError));
    }

    #[test]
    fn known_answer_of_rfc_8032() {
        // Test 1 of section 7.1: empty message.
        let seed = hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        let key = VaultSigningKey::from_secret_bytes(&seed.try_into().unwrap());
        assert_eq!(
            key.public().0[..],
            hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
        );
        assert_eq!(
            key.sign(b"")[..],
            hex(concat!(
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155",
                "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
            ))
        );
        assert!(verify(&key.public(), b"", &key.sign(b"")).is_ok());
    }

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len() / 2)
            .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
            .collect()
    }
}
