//! What a provider says of itself. Comes in: JSON of a stranger. Goes out: its key and what it
//! offers. Must not know: whether that is true; the key is proved when a session opens.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::Deserialize;
use strongroom_wire::format::FORMAT;
use strongroom_wire::ids::{PublicKey, Thumbprint};

use super::error::RemoteError;

/// Where the description is.
pub(super) const DESCRIPTION_PATH: &str = "/.well-known/strongroom";
/// Bytes of a description.
pub(super) const DESCRIPTION_LEN_MAX: usize = 65_536;

/// A provider as it describes itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Its key; a session proves that it has it.
    pub key: PublicKey,
    /// The key's thumbprint: what is pinned.
    pub thumbprint: Thumbprint,
    /// Who may open a vault: `open`, `token` or `closed`.
    pub sign_up: Option<String>,
}

#[derive(Deserialize)]
struct Described {
    formats: Vec<u8>,
    key: Jwk,
    #[serde(default)]
    sign_up: Option<String>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    crv: String,
    x: String,
}

impl Provider {
    pub(super) fn read(json: &[u8]) -> Result<Self, RemoteError> {
        let described: Described = serde_json::from_slice(json)
            .map_err(|_| RemoteError::Protocol("no provider's description is at this address"))?;
        if !described.formats.contains(&FORMAT) {
            return Err(RemoteError::Protocol("it speaks other format numbers than this program"));
        }
        let key = described.key.read().ok_or(RemoteError::Protocol("its key is not Ed25519"))?;
        Ok(Self { key, thumbprint: key.thumbprint(), sign_up: described.sign_up })
    }
}

impl Jwk {
    fn read(&self) -> Option<PublicKey> {
        let mut key = [0; 32];
        let decoded = Base64UrlUnpadded::decode(&self.x, &mut key).ok()?;
        let whole = decoded.len() == key.len() && self.kty == "OKP" && self.crv == "Ed25519";
        whole.then_some(PublicKey(key))
    }
}
