//! L1 · Codes of a pairing. Takes what a person copies, types or scans; gives where the mailbox is
//! and the code's key. Must not know: what is put there.

use strongroom_seal::pairing::{CodeKey, DIGITS};
use strongroom_wire::ids::{Thumbprint, base32, base32_bytes};
use strongroom_wire::limits::ALIAS_LEN_MAX;
use zeroize::Zeroizing;

/// A long code begins with this.
pub const CODE_PREFIX: &str = "pair:";
/// Form and fixed fields of a long code.
const FIXED_LEN: usize = 1 + 32 + 32;
/// Characters of the longest long code.
const TEXT_LEN_MAX: usize = (FIXED_LEN + ALIAS_LEN_MAX) * 8 / 5 + 1;

/// What was given is no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// Not `pair:` and base32 of a known form.
    #[error("this is no pairing code: it begins with `{CODE_PREFIX}` and is copied whole")]
    Long,
    /// Not nine digits.
    #[error("a short pairing code has nine digits, as 123-456-789")]
    Short,
}

/// A long code: all that the other device needs. It is a secret until the pairing has ended.
#[derive(Debug)]
pub struct LongCode {
    /// The provider's address.
    pub url: String,
    /// The provider's key.
    pub provider: Thumbprint,
    /// The secret.
    pub key: CodeKey,
}

impl LongCode {
    /// The text to copy, or to draw as a QR code.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(FIXED_LEN + self.url.len()));
        bytes.push(0);
        bytes.extend_from_slice(&self.provider.0);
        bytes.extend_from_slice(&*self.key.to_secret_bytes());
        bytes.extend_from_slice(self.url.as_bytes());
        Zeroizing::new(format!("{CODE_PREFIX}{}", base32(&bytes)))
    }

    /// Reads it back. Upper case, and spaces around it, do not matter.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        let text = text.trim();
        if text.len() > CODE_PREFIX.len() + TEXT_LEN_MAX {
            return Err(CodeError::Long);
        }
        let lower = Zeroizing::new(text.to_ascii_lowercase());
        let bare = lower.strip_prefix(CODE_PREFIX).ok_or(CodeError::Long)?;
        let max = FIXED_LEN + ALIAS_LEN_MAX;
        let bytes = Zeroizing::new(base32_bytes(bare, max).ok_or(CodeError::Long)?);
        let (form, rest) = bytes.split_first().ok_or(CodeError::Long)?;
        let (provider, rest) = rest.split_first_chunk::<32>().ok_or(CodeError::Long)?;
        let (key, url) = rest.split_first_chunk::<32>().ok_or(CodeError::Long)?;
        let url = core::str::from_utf8(url).map_err(|_| CodeError::Long)?;
        if *form != 0 || url.is_empty() || url.chars().any(|c| !c.is_ascii_graphic()) {
            return Err(CodeError::Long);
        }
        let key = CodeKey::from_secret_bytes(key);
        Ok(Self { url: url.to_owned(), provider: Thumbprint(*provider), key })
    }
}

/// A short code, as digits 0 to 9.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShortCode(pub [u8; DIGITS]);

impl ShortCode {
    /// From random bytes: every code is as likely as every other, but for one part in ten billion.
    pub fn from_random(random: [u8; 8]) -> Self {
        let mut left = u64::from_be_bytes(random);
        Self(core::array::from_fn(|_| {
            let digit = (left % 10) as u8;
            left /= 10;
            digit
        }))
    }

    /// Its key, which is no secret.
    pub fn key(&self) -> CodeKey {
        CodeKey::of_digits(&self.0)
    }

    /// Reads what a person typed: hyphens and spaces do not matter.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        if text.len() > 64 {
            return Err(CodeError::Short);
        }
        let marks = |c: &char| !matches!(c, '-' | ' ' | '\t' | '\r' | '\n');
        let digits: Option<Vec<u8>> =
            text.chars().filter(marks).map(|c| c.to_digit(10).map(|it| it as u8)).collect();
        let digits = digits.and_then(|digits| digits.try_into().ok());
        digits.map(Self).ok_or(CodeError::Short)
    }
}

impl core::fmt::Display for ShortCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for (at, digit) in self.0.iter().enumerate() {
            let hyphen = if at > 0 && at % 3 == 0 { "-" } else { "" };
            write!(f, "{hyphen}{digit}")?;
        }
        Ok(())
    }
}
