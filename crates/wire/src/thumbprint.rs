//! Thumbprints (RFC 7638) of Ed25519 keys as JWKs (RFC 8037). Comes in: a public key. Goes out:
//! the SHA-256 by which a provider's key is pinned. Must not know: whose key it is.

use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};

use crate::ids::{PublicKey, Thumbprint};

impl PublicKey {
    /// SHA-256 of the key's required JWK members in lexical order, without white space.
    ///
    /// ```
    /// use strongroom_wire::ids::PublicKey;
    /// assert_ne!(PublicKey([1; 32]).thumbprint(), PublicKey([2; 32]).thumbprint());
    /// ```
    pub fn thumbprint(&self) -> Thumbprint {
        let x = Base64UrlUnpadded::encode_string(&self.0);
        let jwk = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
        Thumbprint(Sha256::digest(jwk.as_bytes()).into())
    }
}

impl Thumbprint {
    /// Base64url without padding, as `kid` and `aud` spell it.
    pub fn to_base64url(&self) -> String {
        Base64UrlUnpadded::encode_string(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc8037_a3() {
        let mut x = [0; 32];
        Base64UrlUnpadded::decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", &mut x).unwrap();
        let thumbprint = PublicKey(x).thumbprint();
        assert_eq!(thumbprint.to_base64url(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }
}
