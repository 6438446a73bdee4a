//! L1 · What a claim is worth. Takes a claim and what is pinned; gives the verified log, or why it
//! is not believed, with both fingerprints. Must not know: what is done about it.

use core::fmt;
use core::str::FromStr;

use strongroom_wire::clear::Floors;
use strongroom_wire::ids::{KeyEventId, PrincipalId};

use crate::keylog::{KeyLog, KeyLogError, Pin};
use crate::resolve::{Claim, Promise};

/// What people compare, and name to overrule a hard stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fingerprint {
    /// Of a principal: the hash of the genesis.
    Principal(PrincipalId),
    /// Of one state of a log: its last event. The only thing that tells two histories apart.
    Head(KeyEventId),
}

impl Fingerprint {
    /// Whether it is one of this log: its principal, or an event in it.
    pub fn is_of(&self, log: &KeyLog) -> bool {
        match self {
            Self::Principal(principal) => *principal == log.principal(),
            Self::Head(head) => log.contains(head),
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Principal(principal) => principal.fmt(f),
            Self::Head(head) => head.fmt(f),
        }
    }
}

impl FromStr for Fingerprint {
    type Err = strongroom_wire::ids::IdError;

    /// `prn:…` or `kev:…`. Never a start of one: this is what overrules a warning.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("kev:") {
            return text.parse().map(Self::Head);
        }
        text.parse().map(Self::Principal)
    }
}

/// What is pinned of a principal.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The newest log.
    pub log: &'a KeyLog,
    /// The highest floors ever seen.
    pub floors: &'a Floors,
}

/// Why a claim is not believed. Nothing is changed because of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The log does not hold by itself.
    #[error("the key log in it does not hold: {0}")]
    Log(#[from] KeyLogError),
    /// Who pointed to it said something else.
    #[error("what led there promised another key log")]
    Promise {
        /// What was promised; a head of zeros where only the principal was.
        promised: Pin,
        /// What came.
        found: Pin,
    },
    /// The person named another fingerprint.
    #[error("this is not the key log you named")]
    Named {
        /// What came.
        found: Pin,
    },
    /// Another principal than the one that is pinned.
    #[error("this is another principal than the one you know")]
    Principal {
        /// The one that is known.
        pinned: Pin,
        /// The one that came.
        found: Pin,
    },
    /// A state from before what is pinned.
    #[error("this is an older state of a key log you know")]
    Older {
        /// The newer one that is known.
        pinned: Pin,
        /// The one that came.
        found: Pin,
    },
    /// The same principal, and another history than the one that is pinned.
    #[error("this principal has two histories: this one does not contain what you saw before")]
    Second {
        /// The one that is known.
        pinned: Pin,
        /// The one that came.
        found: Pin,
        /// How many events both have at their beginning.
        common: usize,
    },
    /// Weaker algorithms than this principal has stood for before (attack A07).
    #[error("this key log allows weaker algorithms than this principal did before")]
    Floors {
        /// The one that is known.
        pinned: Pin,
        /// The one that came.
        found: Pin,
    },
}

impl Refusal {
    /// Whether naming this fingerprint settles it: the person says that they mean the other one.
    /// An older state and weaker algorithms are never taken, whatever is named.
    pub fn is_settled_by(&self, named: Option<&Fingerprint>) -> bool {
        match (self, named) {
            (Self::Principal { found, .. }, Some(Fingerprint::Principal(principal))) => {
                found.principal == *principal
            }
            (
                Self::Principal { found, .. } | Self::Second { found, .. },
                Some(Fingerprint::Head(head)),
            ) => found.head == *head,
            _ => false,
        }
    }

    /// What would have to be named.
    pub fn new_fingerprint(&self) -> Option<Fingerprint> {
        match self {
            Self::Principal { found, .. } => Some(Fingerprint::Principal(found.principal)),
            Self::Second { found, .. } => Some(Fingerprint::Head(found.head)),
            _ => None,
        }
    }
}

/// Verifies a claim, against what is known if there is anything.
pub fn judge(known: Option<Known<'_>>, claim: &Claim) -> Result<KeyLog, Box<Refusal>> {
    let log = claim.card.verify().map_err(Refusal::Log)?;
    let found = log.pin();
    for promise in &claim.promised {
        let (promised, kept) = match promise {
            Promise::Principal(principal) => {
                let promised = Pin { principal: *principal, head: KeyEventId::ZERO };
                (promised, *principal == found.principal)
            }
            Promise::Contains(pin) => (*pin, log.extends(pin).is_ok()),
        };
        if !kept {
            return Err(Box::new(Refusal::Promise { promised, found }));
        }
    }
    let Some(known) = known else { return Ok(log) };
    let pinned = known.log.pin();
    let Some(common) = known.log.common_with(&log) else {
        return Err(Box::new(Refusal::Principal { pinned, found }));
    };
    if found.head != pinned.head && known.log.contains(&found.head) {
        return Err(Box::new(Refusal::Older { pinned, found }));
    }
    if !log.floors().rise_from(known.floors) {
        return Err(Box::new(Refusal::Floors { pinned, found }));
    }
    if !log.contains(&pinned.head) {
        return Err(Box::new(Refusal::Second { pinned, found, common }));
    }
    Ok(log)
}
