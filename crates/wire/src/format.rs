//! The format number and every context that carries it. Comes in: nothing. Goes out: the number,
//! the prefixes of what is signed, the context of what is derived. Must not know: who signs or
//! derives.
//!
//! A signature or key made under one format number means nothing under another, because the number
//! stands inside what is signed or derived. A form that shipped under 1 is opened for ever.
//! The two first bytes of all signed inputs differ by purpose, so no signature made for one
//! purpose can pass for another: entries, streams, sessions and recovery records start with the
//! prefixes below, a COSE structure starts with 0x84, the base of an HTTP signature with `"`.

/// The format number: in HELLO, on disk, and as the digit in all contexts.
pub const FORMAT: u8 = 1;

/// What an entry's signature covers starts with this; the header bytes follow.
pub const ENTRY_PREFIX: &[u8] = b"strongroom/entry/1\0";

/// What a stream's invocation signature covers starts with this.
pub const STREAM_PREFIX: &[u8] = b"strongroom/stream/1\0";

/// What a provider's session answer signature covers starts with this; the transcript's BLAKE3
/// follows.
pub const SESSION_PREFIX: &[u8] = b"strongroom/session/1\0";

/// What a recovery record's signature covers starts with this; record id and record follow.
pub const RECOVERY_PREFIX: &[u8] = b"strongroom/recovery/1\0";

/// Every context of BLAKE3's `derive_key` mode starts with this; the name of the key follows.
pub const KEY_CONTEXT_PREFIX: &str = "strongroom 1 ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digit_in_every_context_is_the_format_number() {
        let digit = FORMAT.to_string();
        for prefix in [ENTRY_PREFIX, STREAM_PREFIX, SESSION_PREFIX, RECOVERY_PREFIX] {
            let text = core::str::from_utf8(prefix).unwrap();
            assert!(text.ends_with(&format!("/{digit}\0")), "{text:?}");
        }
        assert_eq!(KEY_CONTEXT_PREFIX, format!("strongroom {digit} "));
    }

    #[test]
    fn no_signed_input_is_the_start_of_another() {
        let all = [ENTRY_PREFIX, STREAM_PREFIX, SESSION_PREFIX, RECOVERY_PREFIX, &[0x84], b"\""];
        for (at, one) in all.iter().enumerate() {
            for other in all.iter().skip(at + 1) {
                assert!(!one.starts_with(other) && !other.starts_with(one));
            }
        }
    }
}
