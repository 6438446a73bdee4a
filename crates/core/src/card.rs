//! L0 · Cards: how a principal is handed on. Takes a key log as it was signed, or text of a
//! stranger; gives the other, or the one thing that is wrong with it. Must not know: whether the
//! log holds, who is meant by a name, how texts travel.
//!
//! A card is a *claim*: whoever made it says "this is the log". What of it is believed decides
//! [`KeyLog::verify`] and what was pinned before. Bytes: docs/spec/card.md. Golden files:
//! vectors/card/.

mod pointer;

use core::fmt::Write as _;

use base64ct::{Base64Unpadded, Encoding};
use strongroom_wire::cbor::{CborError, Reader, Writer};
use strongroom_wire::limits::{
    CARD_INBOX_LEN_MAX, CARD_LEN_MAX, CARD_TEXT_LEN_MAX, KEY_LOG_EVENT_LEN_MAX, KEY_LOG_EVENTS_MAX,
    PERSON_NAME_LEN_MAX,
};

use crate::keylog::{KeyLog, KeyLogError};

pub use pointer::{POINTER_SCHEME, Pointer};

/// First line of a card as text.
pub const BEGIN: &str = "-----BEGIN STRONGROOM CARD-----";
/// Last line of a card as text.
pub const END: &str = "-----END STRONGROOM CARD-----";

/// Bytes of a checksum. It finds accidents; who damages on purpose can compute it.
const CHECK_LEN: usize = 8;
/// Characters of a line of armour: what every mail program leaves alone.
const LINE_LEN: usize = 64;
/// Bytes of a genesis: see docs/spec/key-log.md.
const GENESIS_LEN_MAX: usize = 512;
/// First field of a card; that of a [`Pointer`] is 1.
const KIND: u64 = 0;

/// Why a text or its bytes are no card, or no pointer to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    /// No first line in it.
    #[error("there is no card in it: a card begins with `{BEGIN}`")]
    None,
    /// It ends before the last line.
    #[error("the card is cut: its last line, `{END}`, is missing")]
    Cut,
    /// Two first lines.
    #[error("there is more than one card in it")]
    Several,
    /// Longer than any card.
    #[error("it is longer than any card")]
    TooLong,
    /// Something that does not belong into such a text.
    #[error("a character in it does not belong there; the text was changed on its way")]
    Character,
    /// The bytes are not those that were sent.
    #[error("its checksum does not fit; the text was changed on its way")]
    Checksum,
    /// A name that could deceive.
    #[error("it has a name that cannot be shown")]
    Name,
    /// The place where the card is to be found is no URI.
    #[error("the place it points to is no address")]
    Place,
    /// Not the canonical form.
    #[error("its bytes are malformed: {0}")]
    Form(#[from] CborError),
}

/// A principal's whole key log, and perhaps what they call themselves.
///
/// ```
/// use strongroom_core::card::{Card, CardError};
/// # use strongroom_core::keylog::{Genesis, RootKeys};
/// # use strongroom_wire::{clear::Floors, ids::PublicKey};
/// # let genesis = Genesis {
/// #     suite: 1,
/// #     floors: Floors::suite_1(),
/// #     roots: RootKeys { keys: vec![PublicKey([7; 32])], threshold: 1 },
/// #     guardians_commit: [0; 32],
/// #     next_root_commit: [9; 32],
/// # };
/// let genesis = genesis.encode();
/// let card = Card { name: Some("Alice".into()), genesis, events: vec![], inbox: None };
/// let mail = format!("Hello Bob,\r\n> {}", card.to_text().replace('\n', "\r\n> "));
/// assert_eq!(Card::from_text(&mail), Ok(card));
/// assert_eq!(Card::from_text(&mail[..200]), Err(CardError::Cut));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// What they call themselves: a claim, sent only by who asked for it.
    pub name: Option<String>,
    /// The genesis, as it is hashed.
    pub genesis: Vec<u8>,
    /// The events after it, as they were signed.
    pub events: Vec<Vec<u8>>,
    /// Where they take messages, signed by a device of theirs ([`crate::inbox`]): a claim until it
    /// is read with the log.
    pub inbox: Option<Vec<u8>>,
}

impl Card {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(4 + usize::from(self.inbox.is_some())).uint(KIND);
        w.option(self.name.as_deref(), |w, name| {
            w.text(name);
        });
        w.bytes(&self.genesis).array(self.events.len());
        for event in &self.events {
            w.bytes(event);
        }
        if let Some(inbox) = &self.inbox {
            w.bytes(inbox);
        }
        w.into_bytes()
    }

    /// Reads the canonical bytes. The log in them is not looked into.
    pub fn decode(bytes: &[u8]) -> Result<Self, CardError> {
        if bytes.len() > CARD_LEN_MAX {
            return Err(CborError::Limit.into());
        }
        let mut r = Reader::new(bytes);
        let fields = r.array(5)?;
        if fields < 4 {
            return Err(CborError::Limit.into());
        }
        if r.uint()? != KIND {
            return Err(CborError::Unknown.into());
        }
        let name = r.option(|r| r.text(PERSON_NAME_LEN_MAX).map(str::to_owned))?;
        let genesis = r.bytes(GENESIS_LEN_MAX)?.to_vec();
        let count = r.array(KEY_LOG_EVENTS_MAX)?;
        let events = (0..count)
            .map(|_| r.bytes(KEY_LOG_EVENT_LEN_MAX).map(<[u8]>::to_vec))
            .collect::<Result<_, _>>()?;
        let inbox = if fields == 5 { Some(r.bytes(CARD_INBOX_LEN_MAX)?.to_vec()) } else { None };
        r.end()?;
        if name.as_deref().is_some_and(|name| !is_person_name(name)) {
            return Err(CardError::Name);
        }
        Ok(Self { name, genesis, events, inbox })
    }

    /// As text that survives mail: it may be quoted, indented, wrapped again and surrounded.
    pub fn to_text(&self) -> String {
        armour(BEGIN, END, self.encode())
    }

    /// Finds the one card in a text.
    pub fn from_text(text: &str) -> Result<Self, CardError> {
        Self::decode(&unarmour(BEGIN, END, text)?)
    }

    /// Verifies the log. The only way from a claim to something that may be pinned.
    pub fn verify(&self) -> Result<KeyLog, KeyLogError> {
        KeyLog::verify(&self.genesis, &self.events)
    }
}

/// Whether people can be shown this as somebody's name, or may call somebody so: 1 to 128 bytes
/// without controls, marks that hide or turn text, `/`, `:`, blanks or a hyphen at its start, or
/// blanks at its end.
///
/// ```
/// use strongroom_core::card::is_person_name;
/// assert!(is_person_name("Alice Ångström"));
/// for bad in ["", " Alice", "-a", "a:b", "a/b", "a\n", "ecil\u{202e}a"] {
///     assert!(!is_person_name(bad), "{bad:?}");
/// }
/// ```
pub fn is_person_name(name: &str) -> bool {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '/' | ':' | '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{feff}')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(c, '\u{2060}'..='\u{206f}' | '\u{e0000}'..='\u{e007f}')
    };
    !name.is_empty()
        && name.len() <= PERSON_NAME_LEN_MAX
        && name.trim() == name
        && !name.starts_with('-')
        && !name.contains(hidden)
}

fn checksum(bytes: &[u8]) -> [u8; CHECK_LEN] {
    let mut check = [0; CHECK_LEN];
    blake3::Hasher::new().update(bytes).finalize_xof().fill(&mut check);
    check
}

/// Bytes as text that survives mail, between these two lines.
pub(crate) fn armour(begin: &str, end: &str, bytes: Vec<u8>) -> String {
    let body = Base64Unpadded::encode_string(&with_checksum(bytes));
    let mut text = String::with_capacity(body.len() + body.len() / LINE_LEN + 128);
    let _ = writeln!(text, "{begin}");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        // The text is ASCII; a line may end anywhere.
        let (line, after) = rest.split_at_checked(LINE_LEN).unwrap_or((rest, ""));
        let _ = writeln!(text, "{line}");
        rest = after;
    }
    let _ = writeln!(text, "{end}");
    text
}

/// Finds the one thing between these two lines in a text.
pub(crate) fn unarmour(begin: &str, end: &str, text: &str) -> Result<Vec<u8>, CardError> {
    if text.len() > CARD_TEXT_LEN_MAX {
        return Err(CardError::TooLong);
    }
    let (_, rest) = text.split_once(begin).ok_or(CardError::None)?;
    let (body, after) = rest.split_once(end).ok_or(CardError::Cut)?;
    if body.contains(begin) || after.contains(begin) {
        return Err(CardError::Several);
    }
    // `>` is how mail programs quote, and no character of base64.
    let body: String = body.chars().filter(|c| !c.is_ascii_whitespace() && *c != '>').collect();
    let bytes = Base64Unpadded::decode_vec(&body).map_err(|_| CardError::Character)?;
    checked(&bytes).map(<[u8]>::to_vec)
}

fn with_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
    let check = checksum(&bytes);
    bytes.extend_from_slice(&check);
    bytes
}

fn checked(bytes: &[u8]) -> Result<&[u8], CardError> {
    match bytes.split_last_chunk::<CHECK_LEN>() {
        Some((bytes, check)) if checksum(bytes) == *check => Ok(bytes),
        _ => Err(CardError::Checksum),
    }
}
