//! Pulling: what came since a cursor. Comes in: a cursor, an area, a limit. Goes out: encoded
//! entries in the order of their arrival, and the cursor after them. Must not know: who asks.

use std::ops::ControlFlow;
use std::sync::Arc;

use strongroom_store::Scan;
use strongroom_wire::cbor::Reader;
use strongroom_wire::entry::Header;
use strongroom_wire::frame::{Area, Cursor};
use strongroom_wire::ids::{BucketId, EntryId};
use strongroom_wire::limits::{BATCH_ENTRIES_MAX, HEADER_LEN_MAX, RESPONSE_LEN_MAX};

use super::{Bucket, Buckets, Published, damaged};
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
}

impl Run {
    fn take(&mut self, number: u64, row: &[u8], area: Area, skip: &[u64]) -> ControlFlow<()> {
        let Some((flags, entry)) = row.split_first() else { return ControlFlow::Break(()) };
        let wanted = skip.binary_search(&number).is_err() && is_in(area, entry);
        // A request is never longer than an answer, so the first always fits.
        let full = wanted
            && (self.len + entry.len() > RESPONSE_LEN_MAX
                || self.entries.len() >= BATCH_ENTRIES_MAX);
        if self.whole_entries > 0 && (full || self.looked_at >= LOOKED_AT_MAX) {
            return ControlFlow::Break(());
        }
        self.at = number;
        self.looked_at += 1;
        if wanted {
            self.len += entry.len();
            self.entries.push(entry.to_vec());
        }
        if flags & rows::LAST_OF_REQUEST != 0 {
            self.whole = number;
            self.whole_entries = self.entries.len();
        }
        ControlFlow::Continue(())
    }
}

/// Whether an encoded entry lies in the area. One document comes with the control log: without it
/// nobody could judge the document.
fn is_in(area: Area, entry: &[u8]) -> bool {
    let Area::Document(tag) = area else { return true };
    let mut r = Reader::new(entry);
    let header = r.array_exact(4).and_then(|()| r.bytes(HEADER_LEN_MAX)).and_then(Header::decode);
    header.is_ok_and(|header| header.kind.is_control() || header.document == tag)
}
