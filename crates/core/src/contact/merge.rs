//! L1 · One contact out of what several devices wrote. Takes records of one principal with their
//! logs, the newest first; gives the same contact on every device. Must not know: why there are
//! several.
//!
//! Nothing is lowered and nothing is chosen in silence: levels and floors take the highest, lists
//! are joined, and two logs of which neither contains the other are a conflict that a person
//! settles.

use strongroom_wire::clear::Floors;

use super::ContactRecord;
use crate::keylog::{KeyLog, Pin};

/// A principal as the person knows it.
#[derive(Debug, Clone)]
pub struct Contact {
    /// What all devices know together.
    pub record: ContactRecord,
    /// The log. In a conflict: one of them, always the same, and good for nothing.
    pub log: KeyLog,
    /// Other histories that some device took for this principal's, ascending by head.
    pub conflict: Vec<Pin>,
}

impl Contact {
    /// Whether there is one log, and this is it.
    pub fn is_settled(&self) -> bool {
        self.conflict.is_empty()
    }
}

/// Joins records of one principal. `None` if there is none, or they are of several.
pub fn merge(heads: &[(ContactRecord, KeyLog)]) -> Option<Contact> {
    let principal = heads.first()?.1.principal();
    if heads.iter().any(|(record, log)| record.pin != log.pin() || log.principal() != principal) {
        return None;
    }
    // The newest word on names counts; one who is still wanted by some device is still wanted.
    let speaker = heads.iter().find(|(record, _)| !record.removed).or(heads.first())?.0.clone();
    let mut record = speaker;
    for (other, _) in heads {
        record.level = record.level.max(other.level);
        record.verified = record.verified.max(other.verified);
        record.added = record.added.min(other.added);
        record.floors = highest(&record.floors, &other.floors);
        if !other.removed {
            record.ways.extend(other.ways.iter().cloned());
            record.aliases.extend(other.aliases.iter().cloned());
        }
    }
    truncate(&mut record);
    let holds_all = |log: &KeyLog| heads.iter().all(|(other, _)| log.contains(&other.pin.head));
    let whole = heads.iter().find(|(_, log)| holds_all(log));
    // Without one: the same on every device, whatever was written last.
    let kept = whole.or_else(|| heads.iter().min_by_key(|(other, _)| other.pin.head.0))?;
    let conflict = if whole.is_some() { Vec::new() } else { others(heads, &kept.1) };
    record.pin = kept.0.pin;
    record.events = kept.0.events;
    record.card = kept.0.card;
    record.card_len = kept.0.card_len;
    Some(Contact { record, log: kept.1.clone(), conflict })
}

/// Pins of which the kept log says nothing and no other log more.
fn others(heads: &[(ContactRecord, KeyLog)], kept: &KeyLog) -> Vec<Pin> {
    let mut found: Vec<Pin> = heads
        .iter()
        .filter(|(record, _)| !kept.contains(&record.pin.head))
        .map(|(record, _)| record.pin)
        .filter(|pin| {
            let goes_on = |log: &KeyLog| log.head() != pin.head && log.contains(&pin.head);
            !heads.iter().any(|(_, log)| goes_on(log))
        })
        .collect();
    found.sort_unstable_by_key(|pin| pin.head.0);
    found.dedup_by_key(|pin| pin.head);
    found
}

fn highest(one: &Floors, other: &Floors) -> Floors {
    let both = |suite: &u8| other.suites.contains(suite);
    let suites: Vec<u8> = one.suites.iter().copied().filter(both).collect();
    Floors {
        generation: one.generation.max(other.generation),
        // Two histories may share none; then the first stands, as an empty list has no bytes.
        suites: if suites.is_empty() { one.suites.clone() } else { suites },
        argon_memory_kib: one.argon_memory_kib.max(other.argon_memory_kib),
        argon_passes: one.argon_passes.max(other.argon_passes),
    }
}

/// Lists that grew on several devices stay within the limits, the same entries everywhere.
fn truncate(record: &mut ContactRecord) {
    use strongroom_wire::limits::{ALIASES_MAX, CONTACT_WAYS_MAX};
    while record.ways.len() > CONTACT_WAYS_MAX {
        record.ways.pop_last();
    }
    while record.aliases.len() > ALIASES_MAX {
        record.aliases.pop_last();
    }
}
