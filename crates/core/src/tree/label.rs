//! L2 · Names among siblings. Takes all that is shown in one directory; gives each a name of its
//! own. Must not know: the rest of the tree.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeSet;

use strongroom_wire::entry::Hlc;
use strongroom_wire::ids::{DocumentTag, EntryId};
use strongroom_wire::limits::NAME_LEN_MAX;

use super::Rank;
use crate::names::check_name;

/// Stands in every conflict name: a name without it is shown only where it was claimed.
pub const CONFLICT_MARK: &str = " (conflict ";

/// What something shown in a directory claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sibling<'a> {
    /// The document.
    pub tag: DocumentTag,
    /// Its head that is shown, with its clock.
    pub rank: Rank,
    /// The name it claims, as written.
    pub name: &'a str,
    /// Whether another head of the document won.
    pub is_copy: bool,
}

impl Sibling<'_> {
    /// By name; within one name the one that keeps it first.
    fn before(&self, other: &Self) -> Ordering {
        let order = |it: &Self| (it.is_copy, Reverse((it.rank, it.tag)));
        self.name.cmp(other.name).then_with(|| order(self).cmp(&order(other)))
    }
}

/// A sibling with the name it is shown under, if that is not the one it claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named<T> {
    /// Who.
    pub item: T,
    /// A conflict name, unique in its directory; none: the claimed name is its own.
    pub made: Option<String>,
}

/// Gives every sibling a name of its own, and puts them into the order of these names. Of those
/// that claim the same one, the highest rank that is no copy keeps it; the others are named by
/// [`conflict_name`]. A claimed name always goes before a made one. The result does not depend on
/// the order of `items`. What is shown under one claimed name follows from those that claim it.
///
/// ```
/// use strongroom_core::tree::{Sibling, name_siblings};
/// use strongroom_wire::{entry::Hlc, ids::{DocumentTag, EntryId}};
/// let named = name_siblings(vec![0x11_u8, 0x22], |n| Sibling {
///     tag: DocumentTag([*n; 16]),
///     rank: (Hlc::new(1_795_305_600_000, u16::from(*n)), EntryId([*n; 32])),
///     name: "a.txt",
///     is_copy: false,
/// });
/// assert_eq!(named[0].made.as_deref(), Some("a (conflict 2026-11-22 ceirceir).txt"));
/// assert_eq!((named[1].item, &named[1].made), (0x22, &None));
/// ```
pub fn name_siblings<T>(mut items: Vec<T>, claim: impl Fn(&T) -> Sibling<'_>) -> Vec<Named<T>> {
    items.sort_unstable_by(|a, b| claim(a).before(&claim(b)));
    let mut named: Vec<Named<T>> = Vec::with_capacity(items.len());
    let mut made = Vec::new();
    for item in items {
        let it = claim(&item);
        let first = named.last().is_none_or(|before| claim(&before.item).name != it.name);
        if !first || it.is_copy || check_name(it.name).is_err() {
            made.push((it.rank, it.tag, named.len()));
        }
        named.push(Named { item, made: None });
    }
    if made.is_empty() {
        return named;
    }
    // Later first, so that the first to ask for a made name is the one that keeps it.
    made.sort_unstable_by(|a, b| b.cmp(a));
    let lost: BTreeSet<usize> = made.iter().map(|(_, _, at)| *at).collect();
    let kept = named.iter().enumerate().filter(|(at, _)| !lost.contains(at));
    let mut taken: BTreeSet<String> =
        kept.map(|(_, named)| claim(&named.item).name.to_owned()).collect();
    for (_, _, at) in made {
        let Some(named) = named.get_mut(at) else { continue };
        let name = free_name(&claim(&named.item), &taken);
        taken.insert(name.clone());
        named.made = Some(name);
    }
    named.sort_unstable_by(|a, b| a.shown(&claim).cmp(b.shown(&claim)));
    named
}

impl<T> Named<T> {
    /// The name it is shown under.
    fn shown<'t>(&'t self, claim: &impl Fn(&'t T) -> Sibling<'t>) -> &'t str {
        self.made.as_deref().unwrap_or_else(|| claim(&self.item).name)
    }
}

/// A conflict name nobody has yet: more of the id until it is free.
fn free_name(sibling: &Sibling<'_>, taken: &BTreeSet<String>) -> String {
    let (hlc, head) = sibling.rank;
    let lengths = (8..=52).step_by(4);
    let mut names = lengths.map(|len| conflict_name(sibling.name, hlc, head, len));
    names.find(|name| !taken.contains(name)).unwrap_or_else(|| {
        // The whole id is claimed by others: only somebody who means to can do that.
        // Of one more number than there are names taken, one is free.
        let tag = sibling.tag.to_base32();
        let numbered = |n: usize| format!("unnamed{CONFLICT_MARK}{tag} {n})");
        let mut names = (0..=taken.len()).map(numbered);
        names.find(|name| !taken.contains(name)).unwrap_or_default()
    })
}

/// `stem (conflict 2026-11-22 7f3a9c2e).ending`: the day of the head's clock in UTC, for people,
/// and the first `len` characters of its id as it is printed, by which `restore` finds it. A stem
/// that would make the name too long is cut; a name that is not allowed becomes `unnamed`.
///
/// ```
/// use strongroom_core::tree::conflict_name;
/// use strongroom_wire::{entry::Hlc, ids::EntryId};
/// let hlc = Hlc::new(1_795_305_600_000, 0);
/// let name = conflict_name("letter.tar.gz", hlc, EntryId([0x3f; 32]), 8);
/// assert_eq!(name, "letter.tar (conflict 2026-11-22 h47t6pz7).gz");
/// ```
pub fn conflict_name(name: &str, hlc: Hlc, head: EntryId, len: usize) -> String {
    let name = if check_name(name).is_ok() { name } else { "unnamed" };
    // A dot at the start makes a hidden file, not an ending; nor is a long tail one.
    let (stem, ending) = match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && ending.len() <= 16 => {
            (stem, format!(".{ending}"))
        }
        _ => (name, String::new()),
    };
    let (year, month, day) = civil_day(hlc.secs() / 86_400);
    let id = head.to_base32();
    let id = id.get(..len).unwrap_or(&id);
    let mark = format!("{CONFLICT_MARK}{year:04}-{month:02}-{day:02} {id})");
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
