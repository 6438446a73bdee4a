//! The key of a session. Comes in: the shared secret and the transcript's hash. Goes out: MACs.
//! Must not know: requests.

use core::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Context of the session key's derivation.
const CONTEXT: &str = "strongroom 1 session";

/// HMAC-SHA-256, keyed. The two key blocks are hashed once, here; a MAC starts from a copy of that
/// state, which halves the cost of a small request. Wipes itself; prints nothing.
#[derive(Clone)]
pub struct SessionKey {
    keyed: Hmac<Sha256>,
}

impl SessionKey {
    /// `derive("session", shared secret ‖ BLAKE3(transcript))`.
    pub(super) fn derive(shared: &[u8; 32], transcript: &[u8; 32]) -> Option<Self> {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        hasher.update(shared).update(transcript);
        Self::danger_from_bytes(&Zeroizing::new(*hasher.finalize().as_bytes()))
    }

    /// A key from its bytes: for known answers. A session's key comes from its exchange alone.
    pub fn danger_from_bytes(key: &[u8; 32]) -> Option<Self> {
        // HMAC takes keys of any length; the error cannot occur.
        Hmac::new_from_slice(key).ok().map(|keyed| Self { keyed })
    }

    /// The MAC of these bytes.
    pub fn mac(&self, bytes: &[u8]) -> [u8; 32] {
        let mut mac = self.keyed.clone();
        mac.update(bytes);
        mac.finalize().into_bytes().into()
    }

    /// Whether this is their MAC; takes the same time for every wrong one.
    pub fn holds(&self, bytes: &[u8], mac: &[u8; 32]) -> bool {
        self.mac(bytes).ct_eq(mac).into()
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::KEY_CONTEXT_PREFIX;

    #[test]
    fn the_context_carries_the_format_number() {
        assert_eq!(CONTEXT, format!("{KEY_CONTEXT_PREFIX}session"));
    }

    #[test]
    fn rfc4231_case_2_padded_to_our_key_length_is_hmac() {
        // HMAC pads keys with zeros, so "Jefe" and "Jefe" with zeros are one key.
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let mac = SessionKey::danger_from_bytes(&key).unwrap().mac(b"what do ya want for nothing?");
        let expected = [
            0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95,
            0x75, 0xc7, 0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27, 0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9,
            0x64, 0xec, 0x38, 0x43,
        ];
        assert_eq!(mac, expected);
    }

    #[test]
    fn rfc9421_b_2_5_hmac_sha256() {
        use base64ct::{Base64, Encoding};
        let shared = "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6\
                      pcl8jsasjlTMtDQ==";
        let keyed = Hmac::new_from_slice(&Base64::decode_vec(shared).unwrap()).unwrap();
        let components = [
            ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
            ("@authority", "example.com"),
            ("content-type", "application/json"),
        ];
        let params = "(\"date\" \"@authority\" \"content-type\");created=1618884473;\
                      keyid=\"test-shared-secret\"";
        let base = crate::http_signature::signature_base(components, params);
        let mac = SessionKey { keyed }.mac(base.as_bytes());
        assert_eq!(Base64::encode_string(&mac), "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=");
    }

    #[test]
    fn a_key_prints_nothing() {
        let key = SessionKey::derive(&[1; 32], &[2; 32]).unwrap();
        assert_eq!(format!("{key:?}"), "SessionKey(..)");
    }
}
