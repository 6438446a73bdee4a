//! The specification a second time, as short as can be, so that golden files are not made by the
//! code they judge. Also seals what the product refuses to seal.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// `derive(name, input)` of docs/spec/keys.md.
pub fn derive(name: &str, input: &[&[u8]]) -> [u8; 32] {
    blake3::derive_key(&format!("strongroom 0 {name}"), &input.concat())
}

/// AES-256-GCM under the constant nonce, with the tag behind.
pub fn gcm(key: &[u8; 32], aad: &[u8], plain: &[u8]) -> Vec<u8> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).unwrap());
    let mut out = plain.to_vec();
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    key.seal_in_place_append_tag(nonce, Aad::from(aad), &mut out).unwrap();
    out
}

/// Length, bytes, zeros up to `padded`.
pub fn framed(bytes: &[u8], padded: usize) -> Vec<u8> {
    let mut out = u32::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
    out.extend_from_slice(bytes);
    out.resize(padded, 0);
    out
}

/// A copy with one bit flipped.
pub fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut out = bytes.to_vec();
    out[at] ^= 1;
    out
}
