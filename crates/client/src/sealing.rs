//! How a bucket seals, as people choose it. Comes in: words. Goes out: a suite and a padding, and
//! the words again. Must not know: buckets, keys.

pub use strongroom_seal::sealing::Sealing;
pub use strongroom_seal::suite::Suite;
pub use strongroom_wire::clear::{ConstantSize, PaddingRule};

/// The word of a padding: what `--padding` takes and `bucket show` tells.
///
/// ```
/// use strongroom_client::sealing::{ConstantSize, PaddingRule, padding_word};
/// let constant = PaddingRule::Constant(ConstantSize::from_bytes(1 << 20).unwrap());
/// assert_eq!(padding_word(constant), "constant:1MiB");
/// assert_eq!(padding_word(PaddingRule::PowerOfTwo), "power-of-two");
/// ```
pub fn padding_word(rule: PaddingRule) -> String {
    match rule {
        PaddingRule::Padme => "padme".to_owned(),
        PaddingRule::None => "none".to_owned(),
        PaddingRule::PowerOfTwo => "power-of-two".to_owned(),
        PaddingRule::Constant(size) => match size.bytes() {
            bytes if bytes >= 1 << 30 => format!("constant:{}GiB", bytes >> 30),
            bytes if bytes >= 1 << 20 => format!("constant:{}MiB", bytes >> 20),
            bytes => format!("constant:{}KiB", bytes >> 10),
        },
    }
}

/// What a padding does to lengths, for who reads what a provider can know.
pub(crate) fn padding_in_words(rule: PaddingRule) -> String {
    match rule {
        PaddingRule::Padme => "Padmé, at most 6.25 % above 256 bytes".to_owned(),
        PaddingRule::None => "not rounded at all".to_owned(),
        PaddingRule::PowerOfTwo => "to powers of two".to_owned(),
        PaddingRule::Constant(size) => {
            format!("to whole multiples of {} bytes", crate::report::count(size.bytes()))
        }
    }
}
