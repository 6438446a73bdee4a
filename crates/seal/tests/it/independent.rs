//! The specification a second time, as short as can be, so that golden files are not made by the
//! code they judge. Also seals what the product refuses to seal.

use aws_lc_rs::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

/// `derive(name, input)` of docs/spec/keys.md.
pub fn derive(name: &str, input: &[&[u8]]) -> [u8; 32] {
    blake3::derive_key(&format!("strongroom 1 {name}"), &input.concat())
}

/// AES-256-GCM under the constant nonce, with the tag behind.
pub fn gcm(key: &[u8; 32], aad: &[u8], plain: &[u8]) -> Vec<u8> {
    twelve_zeros(UnboundKey::new(&AES_256_GCM, key).unwrap(), aad, plain)
}

/// XChaCha20-Poly1305 under the constant nonce, with the tag behind: by the draft it is
/// ChaCha20-Poly1305 of RFC 8439 under a key made by HChaCha20, here by another library's code.
pub fn xchacha(key: &[u8; 32], aad: &[u8], plain: &[u8]) -> Vec<u8> {
    let key = hchacha_of_zeros(key);
    twelve_zeros(UnboundKey::new(&CHACHA20_POLY1305, &key).unwrap(), aad, plain)
}

/// The suite's cipher.
pub fn seal(suite: u8, key: &[u8; 32], aad: &[u8], plain: &[u8]) -> Vec<u8> {
    match suite {
        2 => xchacha(key, aad, plain),
        _ => gcm(key, aad, plain),
    }
}

/// HChaCha20(key, sixteen zero bytes): draft-irtf-cfrg-xchacha-03, section 2.2.
fn hchacha_of_zeros(key: &[u8; 32]) -> [u8; 32] {
    let mut s = [0_u32; 16];
    s[..4].copy_from_slice(&[0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574]);
    for (word, bytes) in s[4..12].iter_mut().zip(key.as_chunks::<4>().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    const QUARTERS: [[usize; 4]; 8] = [
        [0, 4, 8, 12],
        [1, 5, 9, 13],
        [2, 6, 10, 14],
        [3, 7, 11, 15],
        [0, 5, 10, 15],
        [1, 6, 11, 12],
        [2, 7, 8, 13],
        [3, 4, 9, 14],
    ];
    for _ in 0..10 {
        for [a, b, c, d] in QUARTERS {
            for (x, y, z, turn) in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)] {
                s[x] = s[x].wrapping_add(s[y]);
                s[z] = (s[z] ^ s[x]).rotate_left(turn);
            }
        }
    }
    let mut out = [0; 32];
    for (bytes, word) in out.as_chunks_mut::<4>().0.iter_mut().zip(s[..4].iter().chain(&s[12..])) {
        *bytes = word.to_le_bytes();
    }
    out
}

fn twelve_zeros(key: UnboundKey, aad: &[u8], plain: &[u8]) -> Vec<u8> {
    let key = LessSafeKey::new(key);
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
