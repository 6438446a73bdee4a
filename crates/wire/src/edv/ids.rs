//! Local ids of vaults and documents. Comes in: the last part of a URL. Goes out: sixteen bytes,
//! and back. Must not know: what they name.
//!
//! `z` and base58btc of 0x00 0x10 (an identity multihash of 16 bytes) and the bytes. One id has one
//! spelling.

use core::fmt;

use crate::base58;

/// Characters of the longest spelling: `z` and base58 of 18 bytes.
const TEXT_LEN_MAX: usize = 26;
/// What stands before the sixteen bytes: identity multihash, length 16.
const HEAD: [u8; 2] = [0x00, 0x10];

/// The text is no id of this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is `z` and base58btc of 0x00 0x10 and 16 bytes")]
pub struct IdError;

/// The id of a vault among those of a provider, or of a document in its vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalId(pub [u8; 16]);

impl LocalId {
    /// Reads the one spelling of an id.
    ///
    /// ```
    /// use strongroom_wire::edv::ids::LocalId;
    /// let id = LocalId::parse("z19uMCiPNET4YbcPpBcab5mEE").unwrap();
    /// assert_eq!(id.to_string(), "z19uMCiPNET4YbcPpBcab5mEE");
    /// assert!(LocalId::parse("19uMCiPNET4YbcPpBcab5mEE").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let digits = text.strip_prefix('z').filter(|_| text.len() <= TEXT_LEN_MAX);
        let bytes = digits.and_then(|digits| base58::decode(digits, 18)).ok_or(IdError)?;
        let (head, id) = bytes.split_first_chunk::<2>().ok_or(IdError)?;
        let id = id.try_into().map_err(|_| IdError)?;
        if *head == HEAD { Ok(Self(id)) } else { Err(IdError) }
    }
}

impl fmt::Display for LocalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = HEAD.to_vec();
        bytes.extend_from_slice(&self.0);
        write!(f, "z{}", base58::encode(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_id_has_one_spelling(bytes in any::<[u8; 16]>()) {
            let text = LocalId(bytes).to_string();
            prop_assert!(text.len() <= TEXT_LEN_MAX && text.starts_with("z1"), "{}", text);
            prop_assert_eq!(LocalId::parse(&text), Ok(LocalId(bytes)));
            prop_assert_eq!(LocalId::parse(&format!("z1{}", &text[1..])), Err(IdError));
        }

        #[test]
        fn whatever_reads_is_written_the_same(text in "z[1-9A-HJ-NP-Za-km-z]{0,30}") {
            if let Ok(id) = LocalId::parse(&text) {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn the_bounds_have_ids_too() {
        for bytes in [[0; 16], [255; 16]] {
            let text = LocalId(bytes).to_string();
            assert_eq!(LocalId::parse(&text), Ok(LocalId(bytes)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let long = format!("z{}", "1".repeat(199));
        for bad in
            ["", "z", "not-multibase", "z6Mk", "zNotAnId0OIl", &long, "Z19uMCiPNET4YbcPpBcab5mEE"]
        {
            assert_eq!(LocalId::parse(bad), Err(IdError), "{bad}");
        }
    }
}
