//! The ids. Comes in: bytes. Goes out: one type per kind of id, so that nobody can hand a document
//! where a bucket is due. Must not know: what any of them stands for.
//!
//! In text an id is its prefix, a colon and RFC 4648 base32 (lower case, no padding); in a URL path
//! the base32 alone. Both forms are strict: one id has one spelling.

use core::fmt;
use core::str::FromStr;

/// The text is not the one spelling of an id of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a {kind} id: expected {expected} characters of lower-case base32")]
pub struct IdError {
    /// The kind's prefix.
    pub kind: &'static str,
    /// How many base32 characters an id of this kind has.
    pub expected: usize,
}

/// RFC 4648 base32, lower case, without padding.
///
/// ```
/// assert_eq!(strongroom_wire::ids::base32(b"fooba"), "mzxw6ytb");
/// ```
pub fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut out = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for &byte in bytes {
        buffer = (buffer << 8) | u32::from(byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            let index = ((buffer >> bits) & 31) as usize;
            out.push(char::from(*ALPHABET.get(index).unwrap_or(&b'a')));
        }
    }
    if bits > 0 {
        let index = ((buffer << (5 - bits)) & 31) as usize;
        out.push(char::from(*ALPHABET.get(index).unwrap_or(&b'a')));
    }
    out
}

/// Reads base32 into exactly `N` bytes; `None` if the text is not their one spelling.
///
/// ```
/// use strongroom_wire::ids::{base32, from_base32};
/// assert_eq!(from_base32::<3>(&base32(b"abc")), Some(*b"abc"));
/// assert_eq!(from_base32::<3>("MFRGG"), None);
/// ```
pub fn from_base32<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != (N * 8).div_ceil(5) {
        return None;
    }
    let mut out = [0_u8; N];
    let mut at = out.iter_mut();
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for c in text.bytes() {
        buffer = (buffer << 5) | base32_value(c)?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            *at.next()? = (buffer >> bits) as u8;
        }
        buffer &= (1 << bits) - 1;
    }
    // Left-over bits must be zero, else two texts would name one id.
    (buffer == 0).then_some(out)
}

/// Reads base32 of any length up to `max` bytes; `None` if the text is not their one spelling.
///
/// ```
/// use strongroom_wire::ids::{base32, base32_bytes};
/// assert_eq!(base32_bytes(&base32(b"fooba"), 8), Some(b"fooba".to_vec()));
/// assert_eq!(base32_bytes("mzxw6ytb", 4), None);
/// ```
pub fn base32_bytes(text: &str, max: usize) -> Option<Vec<u8>> {
    if text.len() > (max * 8).div_ceil(5) {
        return None;
    }
    let mut out = Vec::with_capacity(text.len() * 5 / 8);
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for c in text.bytes() {
        buffer = (buffer << 5) | base32_value(c)?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            out.push((buffer >> bits) as u8);
        }
        buffer &= (1 << bits) - 1;
    }
    // A character that adds no byte, or left-over bits: two texts would be one value.
    (buffer == 0 && bits < 5).then_some(out)
}

const fn base32_value(c: u8) -> Option<u32> {
    match c {
        b'a'..=b'z' => Some((c - b'a') as u32),
        b'2'..=b'7' => Some((c - b'2') as u32 + 26),
        _ => None,
    }
}

macro_rules! id_type {
    ($name:ident, $len:literal, $prefix:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Bytes of an id of this kind.
            pub const LEN: usize = $len;
            /// All zeros: "none" where the format says so.
            pub const ZERO: Self = Self([0; $len]);

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            /// Whether this is the "none" of the format.
            pub fn is_zero(&self) -> bool {
                self.0 == [0; $len]
            }

            /// Base32 without the prefix, as in URL paths.
            pub fn to_base32(&self) -> String {
                base32(&self.0)
            }

            /// Reads base32 without the prefix.
            pub fn from_base32(text: &str) -> Result<Self, IdError> {
                from_base32::<$len>(text)
                    .map(Self)
                    .ok_or(IdError { kind: $prefix, expected: ($len * 8_usize).div_ceil(5) })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}:{}", $prefix, base32(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let text = base32(&self.0);
                write!(f, "{}:{}", $prefix, text.get(..8).unwrap_or(&text))
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let bare = text.strip_prefix($prefix).and_then(|rest| rest.strip_prefix(':'));
                Self::from_base32(bare.unwrap_or(text))
            }
        }

        impl From<[u8; $len]> for $name {
            fn from(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
    };
}

id_type!(PrincipalId, 32, "prn", "BLAKE3 of the genesis of a principal's key log.");
id_type!(BucketId, 32, "did:bkt", "The entry id of the bucket's genesis.");
id_type!(EntryId, 32, "ent", "BLAKE3 of an entry's header bytes.");
id_type!(ChunkId, 32, "chk", "BLAKE3 of a sealed chunk.");
id_type!(CapabilityId, 32, "cap", "BLAKE3 of a capability's COSE bytes.");
id_type!(DocumentTag, 16, "doc", "Random (or natural) tag of one document; zero: the control log.");
id_type!(MemberTag, 16, "mem", "Pseudonym of one principal in one bucket.");
id_type!(VaultTag, 16, "vlt", "Random name of one vault at one provider.");
id_type!(RecordId, 32, "rec", "Where a recovery record lies at one provider.");
id_type!(LinkId, 16, "lnk", "Where what a link needs lies at one provider.");
id_type!(SessionId, 16, "ses", "One session with one provider process.");
id_type!(AuthorKey, 32, "aut", "Ed25519 public key of one device in one bucket.");
id_type!(PublicKey, 32, "key", "Any other Ed25519 public key.");
id_type!(KeyEventId, 32, "kev", "BLAKE3 of the statement of one key-log event.");
id_type!(Thumbprint, 32, "thp", "RFC 7638 thumbprint (SHA-256) of a provider's key.");

impl EntryId {
    /// The bucket a genesis with this id founds.
    pub const fn to_bucket(self) -> BucketId {
        BucketId(self.0)
    }
}

impl BucketId {
    /// The genesis entry of this bucket.
    pub const fn genesis(self) -> EntryId {
        EntryId(self.0)
    }
}

impl AuthorKey {
    /// The same key without its role.
    pub const fn public_key(self) -> PublicKey {
        PublicKey(self.0)
    }
}

impl PublicKey {
    /// The same key as an author.
    pub const fn author(self) -> AuthorKey {
        AuthorKey(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling() {
        let id = BucketId([7; 32]);
        let text = id.to_string();
        assert!(text.starts_with("did:bkt:"));
        assert_eq!(text.parse::<BucketId>(), Ok(id));
        assert_eq!(id.to_base32().parse::<BucketId>(), Ok(id));
        assert!(text.to_uppercase().parse::<BucketId>().is_err());
        // 32 bytes leave four spare bits in the last character; only zero is accepted there.
        let mut spare = id.to_base32();
        spare.pop();
        spare.push('7');
        assert!(spare.parse::<BucketId>().is_err());
    }

    #[test]
    fn kinds_do_not_mix() {
        assert!(EntryId([1; 32]).to_string().parse::<BucketId>().is_err());
        assert!(DocumentTag([1; 16]).to_string().parse::<ChunkId>().is_err());
    }

    #[test]
    fn rfc4648_vectors() {
        for (plain, text) in [
            ("", ""),
            ("f", "my"),
            ("fo", "mzxq"),
            ("foo", "mzxw6"),
            ("foob", "mzxw6yq"),
            ("foobar", "mzxw6ytboi"),
        ] {
            assert_eq!(base32(plain.as_bytes()), text);
        }
    }
}
