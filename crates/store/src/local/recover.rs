//! Opening: brings the index up to the ends of both logs, and decides what their ends mean.
//!
//! Takes the logs and an index that may be behind; gives the appenders. Damage is an error, or,
//! when salvaging, a line in the report, and the log goes on at the next good frame.
//!
//! Must not know: threads, callers.

use std::sync::Arc;

use super::frame::{Header, Kind};
use super::home::{Durable, Home, Slot};
use super::index::{Entry, Index};
use super::journal;
use super::keeper::{forget, position};
use super::log::{Appender, Files, Place, Tail};
use crate::{BlobId, Report, StoreError};

/// Whether damage stops, or is gone around.
pub(super) enum Mode<'a> {
    Strict,
    Salvage(&'a mut Report),
}

impl Mode<'_> {
    fn damage(&mut self, what: String) -> Result<(), StoreError> {
        match self {
            Self::Strict => Err(StoreError::Corrupt { what }),
            Self::Salvage(report) => {
                report.damaged.push(what);
                Ok(())
            }
        }
    }

    fn salvages(&self) -> bool {
        matches!(self, Self::Salvage(_))
    }
}

/// Walks the good frames of a log in order.
struct Walk<'a> {
    files: &'a Files,
    numbers: Vec<u64>,
    durable: Durable,
    at: Place,
    /// The last group seen, and whether it may go on.
    group: u64,
    unfinished: bool,
}

impl Walk<'_> {
    /// The next frame and its place. Cuts a torn end off; `None` at the end of the log.
    fn next(&mut self, mode: &mut Mode<'_>) -> Result<Option<(Place, Header)>, StoreError> {
        loop {
            if !self.numbers.contains(&self.at.file) {
                return Ok(None);
            }
            let len = self.files.len(self.at.file)?;
            if self.at.offset < len || self.is_last() {
                let expected = if self.unfinished { self.group } else { self.group + 1 };
                if let Some(header) = self.good(expected)? {
                    let place = self.at;
                    self.at.offset += header.stride();
                    self.group = header.group;
                    self.unfinished = header.index + 1 < header.count;
                    return Ok(Some((place, header)));
                }
                if self.files.tail(self.at, expected, self.durable)? == Tail::Torn {
                    if self.at.offset < len {
                        self.files.cut(self.at)?;
                    }
                    self.unfinished = false;
                    return Ok(None);
                }
                mode.damage(self.files.name(self.at))?;
                let from = Place { offset: self.at.offset + super::frame::ALIGN, ..self.at };
                if let Some(place) = self.files.find(from, 0)? {
                    self.at = place;
                    let header = self.files.header(place)?;
                    self.group = header.map_or(self.group, |header| header.group - 1);
                    self.unfinished = false;
                    continue;
                }
                if self.is_last() {
                    return Ok(None);
                }
            }
            self.at = Place { file: self.next_number(), offset: 0 };
        }
    }

    /// The frame here, if it is one that can follow. In the journal it must also be whole.
    fn good(&self, expected: u64) -> Result<Option<Header>, StoreError> {
        let header = self.files.header(self.at)?;
        let follows = |group: u64| group == expected || (self.unfinished && group == expected + 1);
        let Some(header) = header.filter(|header| follows(header.group)) else { return Ok(None) };
        let end = self.at.offset + header.stride();
        if end.saturating_sub(super::frame::ALIGN) >= self.files.len(self.at.file)? {
            return Ok(None);
        }
        // A blob may have been punched out by a later deletion; then its header is all there is.
        let must_be_whole = header.kind != Kind::Blob || header.group > self.durable.group;
        if must_be_whole && self.files.payload(self.at, &header)?.is_none() {
            let torn = self.files.tail(
                Place { offset: end.saturating_sub(super::frame::ALIGN), ..self.at },
                header.group,
                self.durable,
            )? == Tail::Torn;
            if torn || header.kind != Kind::Blob {
                return Ok(None);
            }
        }
        Ok(Some(header))
    }

    fn is_last(&self) -> bool {
        self.numbers.last() == Some(&self.at.file)
    }

    fn next_number(&self) -> u64 {
        let later = self.numbers.iter().find(|number| **number > self.at.file);
        later.copied().unwrap_or(self.at.file + 1)
    }
}

/// The journal, ready for the next group, and the older files with the last group of each.
pub(super) type Journal = (Appender, Vec<(u64, u64)>);

/// Applies what the journal has and the index lacks.
pub(super) fn journal(
    home: &Home,
    files: &Arc<Files>,
    index: &Index,
    mode: &mut Mode<'_>,
) -> Result<Journal, StoreError> {
    let applied = index.state().journal;
    let durable = home.durable(Slot::Journal);
    let numbers = files.numbers()?;
    if let Some(gap) = numbers.windows(2).find(|pair| pair[0] + 1 != pair[1]) {
        mode.damage(files.name(Place { file: gap[0] + 1, offset: 0 }))?;
    }
    let first = numbers.first().copied().unwrap_or(durable.file.max(1));
    let at = Place { file: first, offset: 0 };
    // The first group of the oldest file says where it begins; it must not be past the index.
    let begins = if files.numbers()?.is_empty() {
        None
    } else {
        files.find(at, 0)?.map(|place| files.header(place)).transpose()?.flatten()
    };
    let begins = begins.map_or(applied, |header| header.group - 1);
    if begins > applied {
        mode.damage(format!("the journal: groups {} to {begins} are gone", applied + 1))?;
    }
    let mut walk = Walk { files, numbers, durable, at, group: begins, unfinished: false };
    let mut older = Vec::new();
    let mut last = (first, begins);
    while let Some((place, header)) = walk.next(mode)? {
        if place.file != last.0 {
            older.push(last);
        }
        last = (place.file, header.group);
        if header.group <= applied {
            continue;
        }
        let payload = files.payload(place, &header)?.unwrap_or_default();
        apply_rows(index, &payload, header.group)
            .ok_or_else(|| StoreError::corrupt(files.name(place)))?;
        index.flush_if_full()?;
    }
    let end = walk.at;
    if end.file != last.0 {
        older.push(last);
    }
    let group = walk.group.max(applied);
    if durable.group > group && !mode.salvages() {
        mode.damage(format!("the journal: it ends with group {group} of {}", durable.group))?;
    }
    // After damage, never write a number again that was given out before.
    let group = group.max(durable.group);
    let mut log = Appender::new(Arc::clone(files), end, group)?;
    if mode.salvages() && end.offset > 0 {
        older.push((end.file, group));
        log.next_file()?;
    }
    Ok((log, older))
}

fn apply_rows(index: &Index, payload: &[u8], group: u64) -> Option<()> {
    let mut applying = index.apply();
    journal::decode(payload, |key, value| match value {
        Some(value) => applying.put_row(key, value),
        None => applying.delete_row(key),
    })?;
    applying.state.journal = group;
    Some(())
}

/// Applies what the segments have and the index lacks.
pub(super) fn segments(
    home: &Home,
    files: &Arc<Files>,
    index: &Index,
    mode: &mut Mode<'_>,
) -> Result<Appender, StoreError> {
    let state = index.state();
    let numbers = files.numbers()?;
    let durable = home.durable(Slot::Segments);
    for number in state.live.iter().filter(|(_, live)| live.blobs > 0).map(|(number, _)| number) {
        if !numbers.contains(number) {
            mode.damage(format!("{}: it is gone", files.name(Place { file: *number, offset: 0 })))?;
        }
    }
    let mut at = Place { file: state.segments.file.max(1), offset: state.segments.offset };
    if !numbers.contains(&at.file) {
        at = Place { file: numbers.first().copied().unwrap_or(at.file), offset: 0 };
    }
    let group = match state.segments.group {
        0 => first_group(files, &numbers, at)?,
        group => group,
    };
    let mut walk = Walk { files, numbers, durable, at, group, unfinished: false };
    while let Some((place, header)) = walk.next(mode)? {
        apply_blobs(files, index, place, &header)?;
        index.flush_if_full()?;
    }
    let group = walk.group;
    if durable.group > group && !mode.salvages() {
        mode.damage(format!("the segments: they end with group {group} of {}", durable.group))?;
    }
    let mut log = Appender::new(Arc::clone(files), walk.at, group.max(durable.group))?;
    if mode.salvages() && walk.at.offset > 0 {
        log.next_file()?;
    }
    Ok(log)
}

/// The group before the first one in a log whose beginning may have been removed.
fn first_group(files: &Files, numbers: &[u64], at: Place) -> Result<u64, StoreError> {
    if numbers.first().is_none_or(|first| *first <= 1) {
        return Ok(0);
    }
    let found = files.find(at, 0)?.map(|place| files.header(place)).transpose()?.flatten();
    Ok(found.map_or(0, |header| header.group - 1))
}

fn apply_blobs(
    files: &Files,
    index: &Index,
    place: Place,
    header: &Header,
) -> Result<(), StoreError> {
    let ids = match header.kind {
        Kind::Touched | Kind::Deleted => files.payload(place, header)?.unwrap_or_default(),
        Kind::Blob | Kind::Rows => Vec::new(),
    };
    let mut applying = index.apply();
    if header.kind == Kind::Blob && applying.blob(&header.id)?.is_none() {
        applying.put_blob(&header.id, &Entry { place, len: header.len, time: header.time });
        let live = applying.state.live.entry(place.file).or_default();
        live.blobs += 1;
        live.bytes += header.stride();
    }
    for id in ids.chunks_exact(32).filter_map(|id| id.try_into().ok()).map(BlobId) {
        let Some(entry) = applying.blob(&id)? else { continue };
        if header.kind == Kind::Deleted {
            applying.delete_blob(&id);
            forget(&mut applying, &entry);
        } else {
            applying.put_blob(&id, &Entry { time: header.time, ..entry });
        }
    }
    let end = Place { offset: place.offset + header.stride(), ..place };
    applying.state.segments = position(end, header.group);
    Ok(())
}
