//! Links. Comes in: a link's secret, and a password where it has one. Goes out: the keys the link
//! stands for, and the bytes behind the `#` of its address. Must not know: addresses, providers,
//! what is shared.
//!
//! ```text
//! offset  len  field                                              docs/spec/link.md
//!      0    1  1          which form
//!      1    1  flags      bit 0: it takes a password; bit 1: a drop
//!      2   16  provider   the first half of the thumbprint of its key
//!     18   32  bucket
//!     50   32  secret
//! ```
//! S is the secret; with a password, BLAKE3 keyed with the secret over Argon2id(password, salt). S
//! gives an agree key, a member key and a tag key; the secret alone gives the name under which a
//! provider keeps the rest. So a provider that never hears the secret has no test for a password
//! (attacks A08, A27).

use strongroom_wire::ids::{BucketId, LinkId, PrincipalId, Thumbprint};
use strongroom_wire::limits::LINK_LEN;
use zeroize::Zeroizing;

use crate::cost::Cost;
use crate::derive::{self, derive, derive_tag};
use crate::identity::MemberSigningKey;
use crate::kem::{AgreeSeed, KemPublic};
use crate::keys::{TagKey, random_secret, secret};
use crate::password::{StretchError, stretch};

/// The form of this page.
const FORM: u8 = 1;
const FLAG_PASSWORD: u8 = 1;
const FLAG_DROP: u8 = 2;
/// Bytes of a password's salt.
const SALT_LEN: usize = 16;
/// Bytes of a thumbprint that stand in a link.
const PROVIDER_LEN: usize = 16;

/// Why bytes are no link, or a password gives nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Not 82 bytes.
    #[error("it was cut, or has something added to it")]
    Length,
    /// Of another form than ours.
    #[error("it is of a newer form than this program knows")]
    Form,
    /// It says something this form does not know.
    #[error("it has a mark that this program does not know")]
    Flags,
    /// The cost of a password lies outside its bounds.
    #[error("its password's cost is outside the bounds of 64 MiB and 1 GiB")]
    Cost,
    /// The memory that a password costs is not there.
    #[error("not enough memory to check the password: {mib} MiB are needed")]
    Memory {
        /// MiB.
        mib: u32,
    },
}

random_secret! {
    /// What stands in a link.
    LinkSecret
}
secret! {
    /// S: what the keys of a link are derived from.
    LinkKey
}

/// How dear a link's password is to guess at, and its salt. Both lie at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkSalt {
    /// Random, new for every link.
    pub salt: [u8; SALT_LEN],
    /// Of one try.
    pub cost: Cost,
}

impl LinkSecret {
    /// The name under which a provider keeps what the link needs.
    pub fn id(&self) -> LinkId {
        LinkId(derive_tag(derive::LINK_ID, &[self.expose()]))
    }

    /// S of a link without a password.
    pub fn open(&self) -> LinkKey {
        LinkKey::new(self.expose())
    }

    /// S of a link with one. Takes one Argon2id run.
    pub fn open_with(&self, password: &[u8], salted: &LinkSalt) -> Result<LinkKey, LinkError> {
        if !salted.cost.is_acceptable() {
            return Err(LinkError::Cost);
        }
        let out = stretch(password, salted.cost, &salted.salt).map_err(|error| match error {
            StretchError::Cost => LinkError::Cost,
            StretchError::Memory { mib } => LinkError::Memory { mib },
        })?;
        let mut hasher = blake3::Hasher::new_keyed(self.expose());
        hasher.update(out.as_slice());
        let mut key = Zeroizing::new([0; 32]);
        hasher.finalize_xof().fill(key.as_mut_slice());
        zeroize::Zeroize::zeroize(&mut hasher);
        Ok(LinkKey::new(&key))
    }
}

impl LinkKey {
    /// Opens what was shared.
    pub fn agree(&self) -> AgreeSeed {
        AgreeSeed::from_secret_bytes(&derive(derive::LINK_AGREE, &[self.expose()]))
    }

    /// Proves to a provider that one has the link, and its password.
    pub fn member(&self) -> MemberSigningKey {
        MemberSigningKey::from_secret_bytes(&derive(derive::LINK_MEMBER, &[self.expose()]))
    }

    /// By it a link's wrap is found in every epoch.
    pub fn tag_key(&self) -> TagKey {
        TagKey::from_secret_bytes(&derive(derive::LINK_TAG, &[self.expose()]))
    }
}

/// A link counts as a principal of its own: this one, whose key log nobody has. Its member tags
/// follow from it like any.
pub fn link_principal(agree: &KemPublic) -> PrincipalId {
    PrincipalId(*derive(derive::LINK_PRINCIPAL, &[&agree.to_bytes()[..]]))
}

/// A link, but for the address in front of it.
#[derive(Debug)]
pub struct Link {
    /// Whether it takes a password.
    pub password: bool,
    /// Whether one can only put things in with it.
    pub drop: bool,
    /// The first half of the thumbprint of its provider's key.
    pub provider: [u8; PROVIDER_LEN],
    /// The bucket.
    pub bucket: BucketId,
    /// What everything else is derived from.
    pub secret: LinkSecret,
}

impl Link {
    /// The half of a thumbprint that stands in a link.
    pub fn provider_of(thumbprint: Thumbprint) -> [u8; PROVIDER_LEN] {
        let mut out = [0; PROVIDER_LEN];
        for (to, from) in out.iter_mut().zip(thumbprint.0) {
            *to = from;
        }
        out
    }

    /// The 82 bytes. They wipe themselves.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(LINK_LEN));
        let drop = if self.drop { FLAG_DROP } else { 0 };
        out.extend_from_slice(&[FORM, (u8::from(self.password) * FLAG_PASSWORD) | drop]);
        out.extend_from_slice(&self.provider);
        out.extend_from_slice(&self.bucket.0);
        out.extend_from_slice(self.secret.expose());
        out
    }

    /// Reads the 82 bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, LinkError> {
        let bytes: &[u8; LINK_LEN] = bytes.try_into().map_err(|_| LinkError::Length)?;
        let [form, flags, rest @ ..] = bytes;
        if *form != FORM {
            return Err(LinkError::Form);
        }
        if flags & !(FLAG_PASSWORD | FLAG_DROP) != 0 {
            return Err(LinkError::Flags);
        }
        let (provider, rest) = rest.split_first_chunk().ok_or(LinkError::Length)?;
        let (bucket, secret) = rest.split_first_chunk().ok_or(LinkError::Length)?;
        let secret = secret.first_chunk::<32>().ok_or(LinkError::Length)?;
        Ok(Self {
            password: flags & FLAG_PASSWORD != 0,
            drop: flags & FLAG_DROP != 0,
            provider: *provider,
            bucket: BucketId(*bucket),
            secret: LinkSecret::from_secret_bytes(secret),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::DangerSeeded;

    #[test]
    fn a08_a_password_is_no_use_without_the_secret_and_the_secret_none_without_it() {
        let mut rng = DangerSeeded::new(1);
        let secret = LinkSecret::generate(&mut rng);
        let other = LinkSecret::generate(&mut rng);
        let salted = LinkSalt { salt: [7; 16], cost: Cost::FLOOR };
        let member = |secret: &LinkSecret, password: &[u8], salted: &LinkSalt| {
            secret.open_with(password, salted).unwrap().member().public()
        };
        let right = member(&secret, b"blue door", &salted);
        assert_eq!(right, member(&secret, b"blue door", &salted));
        assert_ne!(right, member(&secret, b"blue doof", &salted));
        assert_ne!(right, member(&other, b"blue door", &salted));
        let resalted = LinkSalt { salt: [8; 16], ..salted };
        assert_ne!(right, member(&secret, b"blue door", &resalted));
        assert_ne!(right, secret.open().member().public());
    }

    #[test]
    fn a08_a_provider_cannot_make_a_password_cheap_or_a_bomb() {
        let secret = LinkSecret::from_secret_bytes(&[1; 32]);
        for cost in [
            Cost { memory_kib: 64, ..Cost::FLOOR },
            Cost { passes: 1, ..Cost::FLOOR },
            Cost { memory_kib: u32::MAX, ..Cost::FLOOR },
            Cost { passes: u32::MAX, ..Cost::FLOOR },
        ] {
            let salted = LinkSalt { salt: [7; 16], cost };
            assert_eq!(secret.open_with(b"x", &salted).map(drop), Err(LinkError::Cost));
        }
    }

    #[test]
    fn a05_the_keys_of_a_link_are_unlike() {
        let secret = LinkSecret::from_secret_bytes(&[1; 32]);
        let key = secret.open();
        let all = [
            *key.agree().to_secret_bytes(),
            *key.member().to_secret_bytes(),
            *key.tag_key().to_secret_bytes(),
            *secret.to_secret_bytes(),
        ];
        let unlike: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(unlike.len(), all.len());
        assert!(all.iter().all(|key| key[..16] != secret.id().0));
    }
}
