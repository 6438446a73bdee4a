//! The 24 words. Comes in: a recovery key, or what a person typed. Goes out: words to write down,
//! or the recovery key. Must not know: what the key is good for.
//!
//! BIP-39, English list: 256 bits of key and 8 bits of checksum, 11 bits to a word. Nothing else of
//! BIP-39 is used: there is no stretching and no extra passphrase. An error names the place of a
//! word, never a word: what a person typed is nearly his phrase.
//!
//! ```
//! use strongroom_seal::phrase::Phrase;
//! use strongroom_seal::recovery::RecoveryKey;
//! let phrase = Phrase::from_key(&RecoveryKey::from_secret_bytes(&[0; 32]))?;
//! let text = phrase.reveal();
//! assert!(text.starts_with("abandon abandon") && text.ends_with("art"));
//! assert!(Phrase::parse(&text.to_uppercase()).is_ok());
//! assert_eq!(format!("{phrase:?}"), "Phrase(secret)");
//! # Ok::<(), strongroom_seal::phrase::PhraseError>(())
//! ```

use bip39::{Language, Mnemonic};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::recovery::RecoveryKey;

/// Words of a recovery phrase.
pub const WORDS: usize = 24;

/// Bytes a person may type. Longer is no phrase.
pub const TYPED_LEN_MAX: usize = 4_096;

/// Why what was typed is no recovery phrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhraseError {
    /// Another number of words.
    #[error("the recovery phrase has {WORDS} words, these are {found}")]
    Count {
        /// How many there are.
        found: usize,
    },
    /// A word that is not in the list.
    #[error("word {position} is not one of the list; check its spelling")]
    Word {
        /// Which, counted from 1.
        position: usize,
    },
    /// All words are in the list, and they do not belong together.
    #[error(
        "the words do not fit together: one is another than written down, or two changed places"
    )]
    Checksum,
    /// Much longer than 24 words are.
    #[error("this is too long to be a recovery phrase of {WORDS} words")]
    TooLong,
}

/// A recovery phrase. It wipes itself and never prints but by [`Phrase::reveal`].
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Phrase(Mnemonic);

impl core::fmt::Debug for Phrase {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Phrase(secret)")
    }
}

impl Phrase {
    /// The words of a key. Does not fail for 32 bytes; the library cannot know that.
    pub fn from_key(key: &RecoveryKey) -> Result<Self, PhraseError> {
        Mnemonic::from_entropy_in(Language::English, &key.to_secret_bytes()[..])
            .map(Self)
            .map_err(|_| PhraseError::Count { found: 0 })
    }

    /// Reads what a person typed. Upper case, several spaces and line breaks do not matter.
    pub fn parse(typed: &str) -> Result<Self, PhraseError> {
        if typed.len() > TYPED_LEN_MAX {
            return Err(PhraseError::TooLong);
        }
        let lower = Zeroizing::new(typed.to_lowercase());
        let found = lower.split_whitespace().count();
        if found != WORDS {
            return Err(PhraseError::Count { found });
        }
        for (at, word) in lower.split_whitespace().enumerate() {
            if Language::English.find_word(word).is_none() {
                return Err(PhraseError::Word { position: at + 1 });
            }
        }
        Mnemonic::parse_in_normalized(Language::English, &lower)
            .map(Self)
            .map_err(|_| PhraseError::Checksum)
    }

    /// The key of these words.
    pub fn to_key(&self) -> RecoveryKey {
        let (entropy, _) = self.0.to_entropy_array();
        let entropy = Zeroizing::new(entropy);
        // 24 words are 32 bytes; the 33rd is the library's, for the checksum.
        let mut key = Zeroizing::new([0; 32]);
        key.iter_mut().zip(entropy.iter()).for_each(|(to, from)| *to = *from);
        RecoveryKey::from_secret_bytes(&key)
    }

    /// The words, one space between them: for the one moment when a person writes them down.
    pub fn reveal(&self) -> Zeroizing<String> {
        let mut out = Zeroizing::new(String::with_capacity(WORDS * 9));
        for word in self.0.words() {
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(word);
        }
        out
    }

    /// Whether `typed` is the word at `position`, counted from 1: the check that a person did
    /// write them down.
    pub fn is_word(&self, position: usize, typed: &str) -> bool {
        let typed = Zeroizing::new(typed.trim().to_lowercase());
        let at = position.checked_sub(1);
        at.and_then(|at| self.0.words().nth(at)).is_some_and(|word| word == typed.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAST: &str = "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo \
                        zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo vote";

    #[test]
    fn known_answers_of_bip39() {
        let key = RecoveryKey::from_secret_bytes(&[0xff; 32]);
        assert_eq!(*Phrase::from_key(&key).unwrap().reveal(), LAST);
        let back = Phrase::parse(LAST).unwrap().to_key();
        assert_eq!(back.to_secret_bytes(), key.to_secret_bytes());
        let seven = Phrase::from_key(&RecoveryKey::from_secret_bytes(&[0x7f; 32])).unwrap();
        assert!(seven.reveal().starts_with("legal winner thank year wave"));
        assert!(seven.reveal().ends_with("title"));
    }

    #[test]
    fn typing_habits_do_not_matter() {
        let untidy = format!("\n  {}\t\r\n", LAST.to_uppercase().replace(' ', " \n "));
        assert!(Phrase::parse(&untidy).is_ok());
    }

    #[test]
    fn a_wrong_word_is_named_by_its_place_and_no_word_is_printed() {
        let wrong = LAST.replacen("zoo", "zooo", 1);
        assert_eq!(Phrase::parse(&wrong).unwrap_err(), PhraseError::Word { position: 1 });
        let wrong = LAST.replace("vote", "vot");
        let error = Phrase::parse(&wrong).unwrap_err();
        assert_eq!(error, PhraseError::Word { position: 24 });
        assert!(!error.to_string().contains("vot") && !error.to_string().contains("zoo"));
        let swapped = LAST.replace("vote", "zoo");
        assert_eq!(Phrase::parse(&swapped).unwrap_err(), PhraseError::Checksum);
        assert_eq!(Phrase::parse("zoo zoo").unwrap_err(), PhraseError::Count { found: 2 });
        assert_eq!(Phrase::parse("").unwrap_err(), PhraseError::Count { found: 0 });
        assert_eq!(Phrase::parse(&"zoo ".repeat(2_000)).unwrap_err(), PhraseError::TooLong);
    }

    #[test]
    fn words_are_checked_by_their_place() {
        let phrase = Phrase::parse(LAST).unwrap();
        assert!(phrase.is_word(24, " Vote\n") && phrase.is_word(1, "zoo"));
        assert!(!phrase.is_word(0, "zoo") && !phrase.is_word(25, "vote"));
        assert!(!phrase.is_word(24, "zoo") && !phrase.is_word(1, ""));
    }
}
