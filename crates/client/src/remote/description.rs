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
    pub sign_up: String,
    /// Bytes it gives a new vault; 0: no limit.
    pub quota_bytes: u64,
    /// Whether TLS ends at the provider itself, so that sessions are bound to it. A lie here leads
    /// to no session: the provider signs what it saw.
    pub tls_exporter: bool,
}

#[derive(Deserialize)]
struct Described {
    formats: Vec<u8>,
    key: String,
    sign_up: String,
    #[serde(default)]
    quota_bytes: u64,
    #[serde(default)]
    tls_exporter: bool,
}

impl Provider {
    pub(super) fn read(json: &[u8]) -> Result<Self, RemoteError> {
        let described: Described = serde_json::from_slice(json)
            .map_err(|_| RemoteError::Protocol("no provider's description is at this address"))?;
        if !described.formats.contains(&FORMAT) {
            return Err(RemoteError::Protocol("it speaks other format numbers than this program"));
        }
        // Computed, never taken from what it says of itself.
        let key = read_key(&described.key)
            .ok_or(RemoteError::Protocol("what it calls its key is no Ed25519 key"))?;
        Ok(Self {
            key,
            thumbprint: key.thumbprint(),
            sign_up: described.sign_up,
            quota_bytes: described.quota_bytes,
            tls_exporter: described.tls_exporter,
        })
    }
}

fn read_key(text: &str) -> Option<PublicKey> {
    let mut key = [0; 32];
    let decoded = Base64UrlUnpadded::decode(text, &mut key).ok()?;
    (decoded.len() == 32).then_some(PublicKey(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbprint_is_computed_and_other_formats_are_refused() {
        let key = Base64UrlUnpadded::encode_string(&[7; 32]);
        let json = |format, key: &str| {
            format!(
                r#"{{"formats":[{format}],"key":"{key}","thumbprint":"lies","sign_up":"open"}}"#
            )
        };
        let read = |format, key: &str| Provider::read(json(format, key).as_bytes());
        assert_eq!(read(FORMAT, &key).unwrap().thumbprint, PublicKey([7; 32]).thumbprint());
        assert!(read(FORMAT + 1, &key).is_err());
        assert!(read(FORMAT, &key[1..]).is_err());
        assert!(Provider::read(b"<html>").is_err());
    }
}
