//! L1 · Contacts: other principals, as this person knows them. Takes claims, and what is known;
//! gives what may be pinned, or both fingerprints and why not; takes what several devices wrote;
//! gives one contact, the same on all of them. Must not know: where claims came from, clocks,
//! where records are kept.
//!
//! Bytes: docs/spec/document.md, "Contacts". Why so: docs/design/contacts.md.

mod claim;
mod merge;

use core::fmt;
use core::str::FromStr;
use std::collections::BTreeSet;

use strongroom_wire::cbor::{CborError, Reader, Writer, strictly_ascending};
use strongroom_wire::clear::Floors;
use strongroom_wire::ids::{KeyEventId, PrincipalId};
use strongroom_wire::limits::{
    ALIAS_LEN_MAX, ALIASES_MAX, CARD_LEN_MAX, CONTACT_WAY_LEN_MAX, CONTACT_WAYS_MAX,
    KEY_LOG_EVENTS_MAX, PERSON_NAME_LEN_MAX, TIME_SECS_MAX,
};

use crate::card::is_person_name;
use crate::keylog::{Pin, is_uri};

pub use claim::{Fingerprint, Known, Refusal, judge};
pub use merge::{Contact, merge};

/// How sure the person is that the log is who they mean. Only ever raised, but by naming another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Seen once, believed because nothing spoke against it.
    Tofu = 0,
    /// Two ways that do not depend on each other led to the same log.
    CrossChecked = 1,
    /// Compared with the person: 60 digits, a QR code, a card from their hands.
    Verified = 2,
    /// A verified credential says who it is. Reserved: nothing sets it yet.
    Credentialed = 3,
}

impl Level {
    /// Its name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tofu => "tofu",
            Self::CrossChecked => "cross-checked",
            Self::Verified => "verified",
            Self::Credentialed => "credentialed",
        }
    }

    const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Tofu),
            1 => Some(Self::CrossChecked),
            2 => Some(Self::Verified),
            3 => Some(Self::Credentialed),
            _ => None,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Level {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Tofu, Self::CrossChecked, Self::Verified, Self::Credentialed]
            .into_iter()
            .find(|level| level.word() == text)
            .ok_or(())
    }
}

/// The way of a fingerprint that somebody was told.
pub const WAY_TOLD: &str = "told";

/// What one device wrote of one principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactRecord {
    /// Who, and the last event seen.
    pub pin: Pin,
    /// How many events that log has.
    pub events: u64,
    /// The highest floors ever seen of this principal.
    pub floors: Floors,
    /// What the person calls them.
    pub name: String,
    /// What they call themselves.
    pub claimed: Option<String>,
    /// How sure the person is.
    pub level: Level,
    /// Hosts that led to this log, and [`WAY_TOLD`].
    pub ways: BTreeSet<String>,
    /// Where to ask for the log again.
    pub aliases: BTreeSet<String>,
    /// Hash of the card without a name, which is kept beside it.
    pub card: [u8; 32],
    /// Its bytes.
    pub card_len: u64,
    /// Seconds since 1970: when this principal was first pinned.
    pub added: u64,
    /// Seconds since 1970: when it was compared last; 0: never.
    pub verified: u64,
    /// Whether the person took them off the list. The pin stays.
    pub removed: bool,
}

const FIELDS: usize = 14;
/// The first field: another form will have another number.
const FORM: u64 = 0;

impl ContactRecord {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(FIELDS).uint(FORM).bytes(&self.pin.principal.0).bytes(&self.pin.head.0);
        w.uint(self.events);
        self.floors.write(&mut w);
        w.text(&self.name).option(self.claimed.as_deref(), |w, name| {
            w.text(name);
        });
        w.uint(self.level as u64);
        for list in [&self.ways, &self.aliases] {
            w.array(list.len());
            for text in list {
                w.text(text);
            }
        }
        w.array(2).bytes(&self.card).uint(self.card_len);
        w.uint(self.added).uint(self.verified).bool(self.removed);
        w.into_bytes()
    }

    /// Reads the canonical bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        r.array_exact(FIELDS)?;
        if r.uint()? != FORM {
            return Err(CborError::Unknown);
        }
        let pin =
            Pin { principal: PrincipalId(r.bytes_exact()?), head: KeyEventId(r.bytes_exact()?) };
        let record = Self {
            pin,
            events: r.uint_max(KEY_LOG_EVENTS_MAX as u64)?,
            floors: Floors::read(&mut r)?,
            name: r.text(PERSON_NAME_LEN_MAX)?.to_owned(),
            claimed: r.option(|r| r.text(PERSON_NAME_LEN_MAX).map(str::to_owned))?,
            level: Level::from_number(r.u8()?).ok_or(CborError::Unknown)?,
            ways: read_list(&mut r, CONTACT_WAYS_MAX, CONTACT_WAY_LEN_MAX)?,
            aliases: read_list(&mut r, ALIASES_MAX, ALIAS_LEN_MAX)?,
            card: {
                r.array_exact(2)?;
                r.bytes_exact()?
            },
            card_len: r.uint_max(CARD_LEN_MAX as u64)?,
            added: r.uint_max(TIME_SECS_MAX)?,
            verified: r.uint_max(TIME_SECS_MAX)?,
            removed: r.bool()?,
        };
        r.end()?;
        let names = [Some(&record.name), record.claimed.as_ref()];
        let sound = names.into_iter().flatten().all(|name| is_person_name(name))
            && record.aliases.iter().all(|alias| is_uri(alias));
        if sound { Ok(record) } else { Err(CborError::Unknown) }
    }

    /// Notes that one more way led to this log. Two are a cross-check.
    pub fn note_way(&mut self, way: &str) {
        if self.ways.len() < CONTACT_WAYS_MAX && way.len() <= CONTACT_WAY_LEN_MAX {
            self.ways.insert(way.to_owned());
        }
        if self.ways.len() > 1 {
            self.level = self.level.max(Level::CrossChecked);
        }
    }

    /// Notes that the person was told a fingerprint of this log by another way than it came.
    pub fn note_told(&mut self) {
        self.note_way(WAY_TOLD);
        self.level = self.level.max(Level::CrossChecked);
    }

    /// Notes where the log can be asked for again.
    pub fn note_alias(&mut self, alias: &str) {
        if self.aliases.len() < ALIASES_MAX && is_uri(alias) {
            self.aliases.insert(alias.to_owned());
        }
    }

    /// Notes that the log was compared with the person.
    pub fn note_verified(&mut self, now: u64) {
        self.level = self.level.max(Level::Verified);
        self.verified = self.verified.max(now).max(1);
    }
}

fn read_list(r: &mut Reader<'_>, count: usize, len: usize) -> Result<BTreeSet<String>, CborError> {
    let count = r.array(count)?;
    let texts =
        (0..count).map(|_| r.text(len).map(str::to_owned)).collect::<Result<Vec<_>, _>>()?;
    if strictly_ascending(&texts) { Ok(texts.into_iter().collect()) } else { Err(CborError::Order) }
}
