//! Base58 as Bitcoin has it, the `z` of multibase. Comes in: bytes, or a stranger's text. Goes
//! out: the one text of those bytes, or the bytes of that text. Must not know: what they are.
//!
//! A leading zero byte is written as `1`. Every text has one sequence of bytes and back.

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// Digits that are reckoned with at once: as many as fit 32 bits.
const AT_ONCE: usize = 5;
/// 58 to the power of [`AT_ONCE`].
const GREAT: u64 = 58_u64.pow(AT_ONCE as u32);
/// What a character stands for: its place in [`ALPHABET`].
const fn digit(c: u8) -> Option<u8> {
    Some(match c {
        b'1'..=b'9' => c - b'1',
        b'A'..=b'H' => c - b'A' + 9,
        b'J'..=b'N' => c - b'J' + 17,
        b'P'..=b'Z' => c - b'P' + 22,
        b'a'..=b'k' => c - b'a' + 33,
        b'm'..=b'z' => c - b'm' + 44,
        _ => return None,
    })
}

/// Writes bytes as text. Its work grows with the square of their number: for keys and ids.
///
/// ```
/// use strongroom_wire::base58::{decode, encode};
/// assert_eq!(encode(b"\0\0hello"), "11Cn8eVZg");
/// assert_eq!(decode("11Cn8eVZg", 7).unwrap(), b"\0\0hello");
/// ```
pub fn encode(bytes: &[u8]) -> String {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    // Digits to the base GREAT, the lowest first.
    let mut great: Vec<u64> = Vec::with_capacity(bytes.len() * 138 / 100 / AT_ONCE + 1);
    for byte in bytes.iter().skip(zeros) {
        let mut carry = u64::from(*byte);
        for digit in &mut great {
            carry += *digit << 8;
            *digit = carry % GREAT;
            carry /= GREAT;
        }
        if carry > 0 {
            great.push(carry);
        }
    }
    // The lowest first, too; the highest ones are zeros that nobody writes.
    let mut letters = Vec::with_capacity(great.len() * AT_ONCE + zeros);
    for mut digit in great {
        for _ in 0..AT_ONCE {
            letters.extend(ALPHABET.get((digit % 58) as usize).map(|c| char::from(*c)));
            digit /= 58;
        }
    }
    while letters.last() == Some(&'1') {
        letters.pop();
    }
    letters.extend(std::iter::repeat_n('1', zeros));
    letters.into_iter().rev().collect()
}

/// Reads a text of at most `len_max` bytes; `None` for every other. The length is looked at before
/// any work is done.
pub fn decode(text: &str, len_max: usize) -> Option<Vec<u8>> {
    // A byte takes 1.366 characters, a leading zero one.
    if text.len() > len_max * 137 / 100 + 1 {
        return None;
    }
    let zeros = text.bytes().take_while(|c| *c == b'1').count();
    let digits = text.as_bytes().get(zeros..)?;
    // Four bytes each, the lowest first.
    let mut words: Vec<u32> = Vec::with_capacity(len_max / 4 + 1);
    for some in digits.chunks(AT_ONCE) {
        let (mut carry, mut scale) = (0_u64, 1_u64);
        for c in some {
            (carry, scale) = (carry * 58 + u64::from(digit(*c)?), scale * 58);
        }
        for word in &mut words {
            carry += u64::from(*word) * scale;
            *word = (carry & 0xffff_ffff) as u32;
            carry >>= 32;
        }
        if carry > 0 {
            words.push(carry as u32);
        }
    }
    let bytes = words.iter().rev().flat_map(|word| word.to_be_bytes());
    let zeros = std::iter::repeat_n(0, zeros);
    let bytes: Vec<u8> = zeros.chain(bytes.skip_while(|byte| *byte == 0)).collect();
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
    fn a_digit_is_a_place_in_the_alphabet() {
        for c in 0..=255 {
            let place = ALPHABET.iter().position(|known| *known == c);
            assert_eq!(digit(c).map(usize::from), place, "{c}");
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
