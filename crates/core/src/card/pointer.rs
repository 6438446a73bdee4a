//! L0 · Pointers: what a QR code holds. Takes who, and where their card is; gives a text short
//! enough for a camera, and back. Must not know: what is at that place.

use strongroom_wire::cbor::{CborError, Reader, Writer};
use strongroom_wire::ids::{KeyEventId, PrincipalId, base32, base32_bytes};
use strongroom_wire::limits::{ALIAS_LEN_MAX, PERSON_NAME_LEN_MAX, POINTER_LEN_MAX};

use super::{CHECK_LEN, CardError, checked, is_person_name, with_checksum};
use crate::keylog::{Pin, is_uri};

/// What a pointer's text begins with, in lower case.
pub const POINTER_SCHEME: &str = "strongroom:";

/// First field of a pointer; that of a [`super::Card`] is 0.
const KIND: u64 = 1;
/// Characters of a pointer's text, with blanks around it.
const TEXT_LEN_MAX: usize = 2_048;

/// Who, the last event of their log, and where the whole log can be had.
///
/// ```
/// use strongroom_core::card::Pointer;
/// # use strongroom_core::keylog::Pin;
/// # use strongroom_wire::ids::{KeyEventId, PrincipalId};
/// # let pin = Pin { principal: PrincipalId([1; 32]), head: KeyEventId([2; 32]) };
/// let pointer = Pointer { pin, name: None, at: Some("https://alice.example/card".into()) };
/// let text = pointer.to_text();
/// assert!(text.starts_with("STRONGROOM:"));
/// assert_eq!(Pointer::from_text(&text.to_lowercase()), Ok(pointer));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    /// The principal, and the event their log contains at least.
    pub pin: Pin,
    /// What they call themselves: a claim.
    pub name: Option<String>,
    /// Where the card is: any alias. Without it, the pointer only compares.
    pub at: Option<String>,
}

impl Pointer {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(5).uint(KIND).bytes(&self.pin.principal.0).bytes(&self.pin.head.0);
        for text in [&self.name, &self.at] {
            w.option(text.as_deref(), |w, text| {
                w.text(text);
            });
        }
        w.into_bytes()
    }

    /// Reads the canonical bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, CardError> {
        if bytes.len() > POINTER_LEN_MAX {
            return Err(CborError::Limit.into());
        }
        let mut r = Reader::new(bytes);
        r.array_exact(5)?;
        if r.uint()? != KIND {
            return Err(CborError::Unknown.into());
        }
        let pin =
            Pin { principal: PrincipalId(r.bytes_exact()?), head: KeyEventId(r.bytes_exact()?) };
        let name = r.option(|r| r.text(PERSON_NAME_LEN_MAX).map(str::to_owned))?;
        let at = r.option(|r| r.text(ALIAS_LEN_MAX).map(str::to_owned))?;
        r.end()?;
        if name.as_deref().is_some_and(|name| !is_person_name(name)) {
            return Err(CardError::Name);
        }
        if at.as_deref().is_some_and(|at| !is_uri(at)) {
            return Err(CardError::Place);
        }
        Ok(Self { pin, name, at })
    }

    /// As text for a QR code. Upper case only: such texts make smaller codes.
    pub fn to_text(&self) -> String {
        let text = [POINTER_SCHEME, &base32(&with_checksum(self.encode()))].concat();
        text.to_ascii_uppercase()
    }

    /// Whether a text looks like one, sound or not.
    pub fn is_meant_by(text: &str) -> bool {
        let start = text.trim_start().get(..POINTER_SCHEME.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(POINTER_SCHEME))
    }

    /// Reads such a text, in either case, with blanks around it.
    pub fn from_text(text: &str) -> Result<Self, CardError> {
        if text.len() > TEXT_LEN_MAX {
            return Err(CardError::TooLong);
        }
        let text = text.trim().to_ascii_lowercase();
        let body = text.strip_prefix(POINTER_SCHEME).ok_or(CardError::None)?;
        let bytes = base32_bytes(body, POINTER_LEN_MAX + CHECK_LEN).ok_or(CardError::Character)?;
        Self::decode(checked(&bytes)?)
    }
}
