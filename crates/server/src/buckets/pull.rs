//! Pulling: what came since a cursor. Comes in: a cursor, an area, a limit. Goes out: encoded
//! entries in the order of their arrival, and the cursor after them. Must not know: who asks.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use strongroom_store::Scan;
use strongroom_wire::chain::signature_holds;
use strongroom_wire::entry::Entry;
use strongroom_wire::frame::{Area, Cursor};
use strongroom_wire::ids::{AuthorKey, BucketId, EntryId};
use strongroom_wire::limits::{BATCH_ENTRIES_MAX, RESPONSE_LEN_MAX};

use super::{Bucket, Buckets, Published, damaged, is_in};
use crate::refusal::Refusal;
use crate::rows::{self, Place};

/// Arrivals looked at for one answer, also where few of them are in the area.
const LOOKED_AT_MAX: usize = 65_536;

/// One answer to a pull.
#[derive(Debug, Default)]
pub struct Pulled {
    /// Encoded entries.
    pub entries: Vec<Vec<u8>>,
    /// The cursor after them; none: the one given is unknown here.
    pub cursor: Option<Cursor>,
    /// Whether there is more.
    pub more: bool,
}

impl Buckets {
    /// One durable entry, as it rests.
    pub fn entry(&self, bucket: BucketId, id: EntryId) -> Result<Option<Vec<u8>>, Refusal> {
        let rows = &self.store.rows;
        let Some(place) = rows.get(&rows::entry(bucket, id))? else { return Ok(None) };
        let place = Place::decode(&place).ok_or_else(damaged)?;
        let row = rows.get(&rows::arrival(bucket, place.number))?.ok_or_else(damaged)?;
        let mut entry = row;
        if entry.is_empty() {
            return Err(damaged());
        }
        // Before it stands the byte of flags.
        entry.remove(0);
        Ok(Some(entry))
    }

    /// What came since `since`, without the arrivals in `skip` (ascending). `shown` is what the
    /// answer is about: what becomes durable meanwhile is for the next one.
    pub fn pull(
        &self,
        bucket: &Arc<Bucket>,
        shown: &Published,
        area: Area,
        since: Option<Cursor>,
        skip: &[u64],
    ) -> Result<Pulled, Refusal> {
        let from = match since {
            None => 0,
            Some(cursor) if cursor.log == shown.log && cursor.at <= shown.arrivals => cursor.at,
            Some(_) => return Ok(Pulled::default()),
        };
        let mut run = Run { at: from, ..Run::default() };
        // What the asker just sent itself needs no look at the disk.
        while skip.binary_search(&(run.at + 1)).is_ok() {
            run.at += 1;
        }
        run.whole = run.at;
        if run.at < shown.arrivals {
            let first = rows::arrival(bucket.id, run.at + 1);
            let scan = Scan::range(first, rows::arrival(bucket.id, shown.arrivals + 1));
            self.store.rows.scan(&scan, &mut |key, value| {
                let Some(number) = rows::number_of_arrival(key) else {
                    return ControlFlow::Continue(());
                };
                run.take(number, value, area, skip)
            })?;
        }
        run.entries.truncate(run.whole_entries);
        self.metrics.entries_sent.add(run.entries.len() as u64);
        let cursor = Some(Cursor { log: shown.log, at: run.whole });
        Ok(Pulled { entries: run.entries, cursor, more: run.whole < shown.arrivals })
    }
}

/// A scan under way.
#[derive(Default)]
struct Run {
    entries: Vec<Vec<u8>>,
    len: usize,
    looked_at: usize,
    /// The arrival last looked at.
    at: u64,
    /// The last arrival that ended a request, and how many entries there were up to it: what was
    /// sent in one request may be signed at its end only, so it is given out whole.
    whole: u64,
    whole_entries: usize,
    /// Authors of whom something was given that no signature covers yet.
    open: HashSet<AuthorKey>,
}

impl Run {
    fn take(&mut self, number: u64, row: &[u8], area: Area, skip: &[u64]) -> ControlFlow<()> {
        let Some((flags, entry)) = row.split_first() else { return ControlFlow::Break(()) };
        let given = if skip.binary_search(&number).is_ok() {
            None
        } else if area == Area::Bucket {
            Some(entry.to_vec())
        } else {
            self.part_of(area, entry)
        };
        // A request is never longer than an answer, so the first always fits.
        let full = given.as_ref().is_some_and(|given| {
            self.len + given.len() > RESPONSE_LEN_MAX || self.entries.len() >= BATCH_ENTRIES_MAX
        });
        if self.whole_entries > 0 && (full || self.looked_at >= LOOKED_AT_MAX) {
            return ControlFlow::Break(());
        }
        self.at = number;
        self.looked_at += 1;
        if let Some(given) = given {
            self.len += given.len();
            self.entries.push(given);
        }
        if flags & rows::LAST_OF_REQUEST != 0 {
            self.whole = number;
            self.whole_entries = self.entries.len();
        }
        ControlFlow::Continue(())
    }

    /// What of an entry is given to who may read a part only: all of what lies in it. Where that is
    /// unsigned, of the next ones of its author, up to one whose signature covers it, headers and
    /// clear parts: without them nobody could tell who wrote it. A signature that does not hold
    /// covers nothing.
    fn part_of(&mut self, area: Area, bytes: &[u8]) -> Option<Vec<u8>> {
        let inside = is_in(area, bytes);
        if !inside && self.open.is_empty() {
            return None;
        }
        let entry = Entry::decode(bytes).ok()?;
        let author = entry.header().author;
        if !inside && !self.open.contains(&author) {
            return None;
        }
        if signature_holds(&entry) {
            self.open.remove(&author);
        } else {
            self.open.insert(author);
        }
        Some(if inside { bytes.to_vec() } else { entry.without_sealed().encode() })
    }
}
