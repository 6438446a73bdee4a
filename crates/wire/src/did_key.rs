//! did:key of Ed25519 keys. Comes in: a public key, or a stranger's text. Goes out: its DID and
//! the id of its one verification method, or the key. Must not know: documents, other methods.
//!
//! `did:key:z` and base58btc of `ed 01` and the key; the verification method repeats the part
//! after `did:key:` as its fragment.

use crate::base58;
use crate::ids::PublicKey;

const PREFIX: &str = "did:key:";
/// Multicodec of an Ed25519 public key.
const ED25519: [u8; 2] = [0xed, 0x01];
const KEY_LEN: usize = 34;

/// The key as multibase: `z6Mk…`.
pub fn multibase(key: &PublicKey) -> String {
    let mut bytes = ED25519.to_vec();
    bytes.extend_from_slice(&key.0);
    format!("z{}", base58::encode(&bytes))
}

/// The DID of a key.
///
/// ```
/// use strongroom_wire::{did_key, ids::PublicKey};
/// let did = did_key::did(&PublicKey([7; 32]));
/// assert!(did.starts_with("did:key:z6Mk"));
/// assert_eq!(did_key::parse_did(&did), Some(PublicKey([7; 32])));
/// ```
pub fn did(key: &PublicKey) -> String {
    format!("{PREFIX}{}", multibase(key))
}

/// The id of the DID's one verification method.
pub fn method_id(key: &PublicKey) -> String {
    let multibase = multibase(key);
    format!("{PREFIX}{multibase}#{multibase}")
}

/// Reads `z6Mk…`.
pub fn parse_multibase(text: &str) -> Option<PublicKey> {
    let bytes = base58::decode(text.strip_prefix('z')?, KEY_LEN)?;
    let key = bytes.strip_prefix(&ED25519)?;
    Some(PublicKey(key.try_into().ok()?))
}

/// Reads a DID.
pub fn parse_did(text: &str) -> Option<PublicKey> {
    parse_multibase(text.strip_prefix(PREFIX)?)
}

/// Reads the id of a verification method; gives its DID too.
pub fn parse_method_id(text: &str) -> Option<(&str, PublicKey)> {
    let (did, fragment) = text.split_once('#')?;
    let key = parse_did(did)?;
    (did.strip_prefix(PREFIX)? == fragment).then_some((did, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the did:key specification.
    const DID: &str = "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp";
    const METHOD: &str = "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp\
                          #z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp";

    #[test]
    fn a_key_has_one_did_and_one_method() {
        let key = parse_did(DID).unwrap();
        assert_eq!(key.0[..4], [0x3b, 0x6a, 0x27, 0xbc]);
        assert_eq!(did(&key), DID);
        assert_eq!(method_id(&key), METHOD);
        assert_eq!(parse_method_id(METHOD), Some((DID, key)));
    }

    #[test]
    fn other_texts_are_refused() {
        for bad in [
            "did:key:",
            "did:key:z",
            "did:web:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
            "did:key:6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
            "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooW",
            "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWpp",
            "did:key:z16MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
            "did:key:z6LSeu9HkTHSfLLeUs2nnzUSNedgDUevfNQgQjQC23ZCit6F",
            METHOD,
        ] {
            assert_eq!(parse_did(bad), None, "{bad}");
        }
        for bad in [DID, &format!("{DID}#"), &format!("{DID}#key-1"), &format!("{METHOD}#x")] {
            assert_eq!(parse_method_id(bad), None, "{bad}");
        }
    }
}
