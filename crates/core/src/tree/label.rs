//! L2 · Names among siblings. Takes all that is shown in one directory; gives each a name of its
//! own. Must not know: the rest of the tree.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use strongroom_wire::entry::Hlc;
use strongroom_wire::ids::{DocumentTag, EntryId};
use strongroom_wire::limits::NAME_LEN_MAX;

use super::Rank;
use crate::names::check_name;

/// Something shown in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sibling {
    /// The document.
    pub tag: DocumentTag,
    /// Its head that is shown, with its clock.
    pub rank: Rank,
    /// The name it claims, as written.
    pub name: String,
    /// Whether another head of the document won.
    pub is_copy: bool,
}

/// A sibling with the name it is shown under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Who.
    pub sibling: Sibling,
    /// Unique in its directory.
    pub shown: String,
}

/// Gives every sibling a name of its own. Of those that claim the same one, the highest rank that
/// is no copy keeps it; the others are named by [`conflict_name`]. A claimed name always goes
/// before a made one. The result does not depend on the order of `siblings`.
///
/// ```
/// use strongroom_core::tree::{Sibling, name_siblings};
/// use strongroom_wire::{entry::Hlc, ids::{DocumentTag, EntryId}};
/// let file = |n: u8| Sibling {
///     tag: DocumentTag([n; 16]),
///     rank: (Hlc::new(1_795_305_600_000, n.into()), EntryId([n; 32])),
///     name: "a.txt".into(),
///     is_copy: false,
/// };
/// let named = name_siblings(vec![file(0x11), file(0x22)]);
/// assert_eq!(named[0].shown, "a.txt");
/// assert_eq!(named[1].shown, "a (conflict 2026-11-22 1111).txt");
/// ```
pub fn name_siblings(mut siblings: Vec<Sibling>) -> Vec<Named> {
    // Later first, so the first to ask for a name is the one that keeps it.
    siblings.sort_unstable_by_key(|sibling| Reverse((sibling.rank, sibling.tag)));
    let mut owners: BTreeMap<String, Rank> = BTreeMap::new();
    for sibling in &siblings {
        if !sibling.is_copy && check_name(&sibling.name).is_ok() {
            owners.entry(sibling.name.clone()).or_insert(sibling.rank);
        }
    }
    let mut taken: BTreeSet<String> = owners.keys().cloned().collect();
    let mut named = Vec::with_capacity(siblings.len());
    for sibling in siblings {
        let owns = !sibling.is_copy && owners.get(&sibling.name) == Some(&sibling.rank);
        // Only the first of two with the very same rank owns; the name is then nobody's again.
        if owns {
            owners.remove(&sibling.name);
        }
        let shown = if owns { sibling.name.clone() } else { free_name(&sibling, &taken) };
        taken.insert(shown.clone());
        named.push(Named { sibling, shown });
    }
    named
}

/// A conflict name nobody has yet: more of the id until it is free.
fn free_name(sibling: &Sibling, taken: &BTreeSet<String>) -> String {
    let (hlc, head) = sibling.rank;
    let digits = (4..=64).step_by(4);
    let mut names = digits.map(|digits| conflict_name(&sibling.name, hlc, head, digits));
    names.find(|name| !taken.contains(name)).unwrap_or_else(|| {
        // All sixty-four digits are claimed by others: only somebody who means to can do that.
        // Of one more number than there are names taken, one is free.
        let numbered = |n: usize| format!("{}-{n}", sibling.tag.to_base32());
        let mut names = (0..=taken.len()).map(numbered);
        names.find(|name| !taken.contains(name)).unwrap_or_default()
    })
}

/// `stem (conflict 2026-11-22 3f9a).ending`: the day of the head's clock in UTC and the first
/// `digits` hex digits of its id. A stem that would make the name too long is cut; a name that is
/// not allowed becomes `unnamed`.
///
/// ```
/// use strongroom_core::tree::conflict_name;
/// use strongroom_wire::{entry::Hlc, ids::EntryId};
/// let hlc = Hlc::new(1_795_305_600_000, 0);
/// let name = conflict_name("letter.tar.gz", hlc, EntryId([0x3f; 32]), 4);
/// assert_eq!(name, "letter.tar (conflict 2026-11-22 3f3f).gz");
/// ```
pub fn conflict_name(name: &str, hlc: Hlc, head: EntryId, digits: usize) -> String {
    let name = if check_name(name).is_ok() { name } else { "unnamed" };
    // A dot at the start makes a hidden file, not an ending; nor is a long tail one.
    let (stem, ending) = match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && ending.len() <= 16 => {
            (stem, format!(".{ending}"))
        }
        _ => (name, String::new()),
    };
    let (year, month, day) = civil_day(hlc.secs() / 86_400);
    let nibbles = head.0.iter().flat_map(|byte| [byte >> 4, byte & 15]).take(digits);
    let id: String = nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16)).collect();
    let mark = format!(" (conflict {year:04}-{month:02}-{day:02} {id})");
    let room = NAME_LEN_MAX.saturating_sub(mark.len() + ending.len());
    let mut stem_len = stem.len().min(room);
    while !stem.is_char_boundary(stem_len) {
        stem_len -= 1;
    }
    format!("{}{mark}{ending}", stem.get(..stem_len).unwrap_or(""))
}

/// Year, month and day of a day since 1970, in the Gregorian calendar. (Howard Hinnant's
/// `civil_from_days`; years count from March, so that the leap day is the last.)
const fn civil_day(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + (month <= 2) as u64;
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_the_calendar() {
        for (days, date) in [
            (0, (1970, 1, 1)),
            (58, (1970, 2, 28)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (20_779, (2026, 11, 22)),
            (47_540, (2100, 2, 28)),
            (47_541, (2100, 3, 1)),
        ] {
            assert_eq!(civil_day(days), date, "day {days}");
        }
        // The last clock there is (48 bits of milliseconds) is in the year 10889.
        assert_eq!(civil_day(Hlc(u64::MAX).secs() / 86_400).0, 10_889);
    }
}
