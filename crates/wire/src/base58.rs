//! Base58 as Bitcoin has it, the `z` of multibase. Comes in: bytes, or a stranger's text. Goes
//! out: the one text of those bytes, or the bytes of that text. Must not know: what they are.
//!
//! A leading zero byte is written as `1`. Every text has one sequence of bytes and back.

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// Writes bytes as text. Its work grows with the square of their number: for keys and ids.
///
/// ```
/// use strongroom_wire::base58::{decode, encode};
/// assert_eq!(encode(b"\0\0hello"), "11Cn8eVZg");
/// assert_eq!(decode("11Cn8eVZg", 7).unwrap(), b"\0\0hello");
/// ```
pub fn encode(bytes: &[u8]) -> String {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    // Base-58 digits, the lowest first.
    let mut digits: Vec<u8> = Vec::with_capacity(bytes.len() * 138 / 100 + 1);
    for byte in bytes.iter().skip(zeros) {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) << 8;
            *digit = (carry % 58) as u8;
            carry /= 58;
        }
        while carry > 0 {
            digits.push((carry % 58) as u8);
            carry /= 58;
        }
    }
    let letter = |digit: &u8| ALPHABET.get(usize::from(*digit)).map(|c| char::from(*c));
    let zeros = std::iter::repeat_n('1', zeros);
    zeros.chain(digits.iter().rev().filter_map(letter)).collect()
}

/// Reads a text of at most `len_max` bytes; `None` for every other. The length is looked at before
/// any work is done.
pub fn decode(text: &str, len_max: usize) -> Option<Vec<u8>> {
    // A byte takes 1.366 characters, a leading zero one.
    if text.len() > len_max * 137 / 100 + 1 {
        return None;
    }
    let zeros = text.bytes().take_while(|c| *c == b'1').count();
    // The lowest byte first.
    let mut bytes: Vec<u8> = Vec::with_capacity(len_max);
    for c in text.bytes().skip(zeros) {
        let mut carry = ALPHABET.iter().position(|known| *known == c)?;
        for byte in &mut bytes {
            carry += usize::from(*byte) * 58;
            *byte = (carry & 0xff) as u8;
            carry >>= 8;
        }
        if carry > 0 {
            bytes.push((carry & 0xff) as u8);
        }
    }
    bytes.extend(std::iter::repeat_n(0, zeros));
    bytes.reverse();
    (bytes.len() <= len_max).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// From the draft of the Base58 encoding scheme.
    #[test]
    fn known_texts() {
        for (bytes, text) in [
            (&b"Hello World!"[..], "2NEpo7TZRRrLZSi2U"),
            (
                b"The quick brown fox jumps over the lazy dog.",
                "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z",
            ),
            (b"\0\0\x28\x7f\xb4\xcd", "11233QC4"),
            (b"", ""),
        ] {
            assert_eq!(encode(bytes), text);
            assert_eq!(decode(text, bytes.len()).unwrap(), bytes);
        }
    }

    #[test]
    fn what_is_no_base58_or_too_long_is_refused() {
        for bad in ["0", "O", "I", "l", "2NEpo7TZRRrLZSi2U ", "é", "2\0"] {
            assert_eq!(decode(bad, 64), None, "{bad:?}");
        }
        assert_eq!(decode("2NEpo7TZRRrLZSi2U", 11), None, "one byte too many");
        assert_eq!(decode(&"1".repeat(33), 32), None);
        assert_eq!(decode(&"z".repeat(10_000_000), 64), None);
    }

    proptest! {
        #[test]
        fn every_sequence_of_bytes_comes_back(
            zeros in 0_usize..4, tail in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            let mut bytes = vec![0; zeros];
            bytes.extend(tail);
            let text = encode(&bytes);
            prop_assert_eq!(decode(&text, bytes.len()), Some(bytes.clone()));
            if let Some(less) = bytes.len().checked_sub(1) {
                prop_assert_eq!(decode(&text, less), None);
            }
        }

        #[test]
        fn every_text_that_is_read_is_written_back(text in "[1-9A-HJ-NP-Za-km-z]{0,50}") {
            if let Some(bytes) = decode(&text, 64) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }
    }
}
