//! L1 · did:key. Takes such a DID; gives the log of one event that follows from it: a genesis whose
//! only root key is the key in the DID, and never changes. Must not know: what W3C documents say
//! of the key, as none is read.

use strongroom_wire::clear::Floors;
use strongroom_wire::did_key;
use strongroom_wire::ids::PublicKey;

use super::{Claim, ResolveError, Resolver, Step};
use crate::card::Card;
use crate::keylog::{Genesis, RootKeys};

const PREFIX: &str = "did:key:";

/// `did:key:z6Mk…`.
#[derive(Debug, Clone, Copy)]
pub struct DidKey;

impl Resolver for DidKey {
    fn form(&self) -> &'static str {
        "did:key:z6Mk…"
    }

    fn takes(&self, alias: &str) -> bool {
        alias.starts_with(PREFIX)
    }

    fn step(&self, alias: &str, _: &[Vec<u8>]) -> Result<Step, ResolveError> {
        let key = did_key::parse_did(alias)
            .ok_or(ResolveError::Form("not the base58btc of an Ed25519 key (z6Mk…)"))?;
        let genesis = genesis(key).encode();
        let card = Card { name: None, genesis, events: Vec::new(), inbox: None };
        let alias = Some(alias.to_owned());
        Ok(Step::Claim(Box::new(Claim { card, promised: Vec::new(), alias })))
    }
}

/// The one genesis of a key.
fn genesis(key: PublicKey) -> Genesis {
    Genesis {
        suite: 1,
        floors: Floors::suite_1(),
        roots: RootKeys { keys: vec![key], threshold: 1 },
        guardians_commit: [0; 32],
        next_root_commit: [0; 32],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roots(did: &str) -> Result<RootKeys, ResolveError> {
        match DidKey.step(did, &[])? {
            Step::Claim(claim) => Ok(Genesis::decode(&claim.card.genesis).unwrap().roots),
            other => panic!("{other:?}"),
        }
    }

    /// The example of the did:key specification.
    #[test]
    fn the_key_in_the_did_is_the_only_root_key() {
        let did = "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp";
        let key = [
            0x3b, 0x6a, 0x27, 0xbc, 0xce, 0xb6, 0xa4, 0x2d, 0x62, 0xa3, 0xa8, 0xd0, 0x2a, 0x6f,
            0x0d, 0x73, 0x65, 0x32, 0x15, 0x77, 0x1d, 0xe2, 0x43, 0xa6, 0x3a, 0xc0, 0x48, 0xa1,
            0x8b, 0x59, 0xda, 0x29,
        ];
        let found = roots(did).unwrap();
        assert_eq!((found.keys, found.threshold), (vec![PublicKey(key)], 1));
    }

    #[test]
    fn everything_else_is_refused() {
        for bad in [
            "did:key:",
            "did:key:z",
            "did:key:6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
            "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooW",
            "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWpp",
            "did:key:z16MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
            "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDoo0p",
            "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp#key",
            // X25519, secp256k1.
            "did:key:z6LSeu9HkTHSfLLeUs2nnzUSNedgDUevfNQgQjQC23ZCit6F",
            "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme",
        ] {
            assert!(matches!(roots(bad), Err(ResolveError::Form(_))), "{bad}");
        }
        assert!(roots(&format!("did:key:z{}", "z".repeat(47))).is_err());
    }
}
