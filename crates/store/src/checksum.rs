//! Checksums against accidents: a flipped bit, a cut file. Not against people: what is stored
//! is sealed and signed above. Comes in: bytes and the place they stand at. Goes out: a checksum.
//!
//! Must not know: keys of members, engines.

/// Binds a stored value to its key: the first 8 bytes of a BLAKE3 hash.
#[cfg(feature = "sqlite")]
pub(crate) fn row_check(key: &[u8], value: &[u8]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new();
    // The length keeps (ab, c) and (a, bc) apart.
    hasher.update(&(key.len() as u64).to_le_bytes());
    hasher.update(key);
    hasher.update(value);
    let mut check = [0; 8];
    hasher.finalize_xof().fill(&mut check);
    check
}

/// How a damaged row is named to a person: its key in hexadecimal, long ones cut.
pub(crate) fn row_name(key: &[u8]) -> String {
    use std::fmt::Write;
    const SHOWN: usize = 48;
    let mut name = String::from("row ");
    for byte in key.iter().take(SHOWN) {
        // Writing into a String cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    if key.len() > SHOWN {
        name.push('…');
    }
    name
}
