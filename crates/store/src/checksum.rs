//! Checksums against accidents: a flipped bit, a cut file. Not against people: what is stored
//! is sealed and signed above. Comes in: bytes and the place they stand at. Goes out: a checksum.
//!
//! Must not know: keys of members, engines.

/// Binds a stored value to its key: XXH3 of the value, seeded with that of the key.
#[cfg(feature = "sqlite")]
pub(crate) fn row_check(key: &[u8], value: &[u8]) -> [u8; 8] {
    use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};
    xxh3_64_with_seed(value, xxh3_64(key)).to_le_bytes()
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
