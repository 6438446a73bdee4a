//! The keeper: the one thread that writes blobs. Takes whatever waits, gives it one fsync.
//!
//! Must not know: rows, callers.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{FallocateFlags, fallocate};

use super::frame::{HEADER, Kind, payload_check, stride};
use super::home::{Home, Slot};
use super::index::{Entry, Index, Place0};
use super::log::{Appender, Files, Part, Place, now};
use super::queue::{Gather, Queue, Taken};
use crate::{BlobId, PutDone, StoreError};

/// Bytes of blobs that may wait; above it `submit_put` waits.
const WAITING_BYTES_MAX: usize = 8 << 20;
/// Bytes of one group, and so of dirty pages before an fsync.
const GROUP_BYTES_MAX: usize = 8 << 20;
/// Bytes after which a segment is complete and the next one begins.
pub(super) const SEGMENT_BYTES: u64 = 256 << 20;
/// A blob that is put again or touched is noted as fresh if its note is older than this.
const FRESH_SECS: u64 = 3_600;
/// See the committer's.
const QUIET: Duration = Duration::from_millis(2);
/// Blocks of this many bytes can be given back to the disk.
const DISK_BLOCK: u64 = 4_096;
/// Ids in one frame of deletions or touches.
const IDS_MAX: usize = 16_384;

/// A blob on its way in: id, bytes, checksum.
pub(super) type Incoming = (BlobId, Vec<u8>, [u8; 16]);

/// Which of the ids asked for were there.
pub(super) type Answer = Box<dyn FnOnce(Result<Vec<bool>, StoreError>) + Send>;

pub(super) enum Job {
    Put(Vec<Incoming>, PutDone),
    Touch(Vec<BlobId>, Answer),
    /// Only those last put or touched at or before the given time, if one is given.
    Delete(Vec<BlobId>, Option<u64>, Answer),
}

pub(super) type Jobs = Queue<Job>;

pub(super) fn queue() -> Jobs {
    Queue::new(WAITING_BYTES_MAX)
}

pub(super) struct Keeper {
    pub home: Arc<Home>,
    pub files: Arc<Files>,
    pub log: Appender,
    pub index: Arc<Index>,
}

impl Keeper {
    /// Works until the queue is closed and empty.
    pub(super) fn run(mut self, jobs: &Jobs) {
        let mut noted = true;
        // Puts share an fsync; the others look at the index first and go alone.
        let both_puts = |a: &Job, b: &Job| matches!((a, b), (Job::Put(..), Job::Put(..)));
        self.remove_empty();
        loop {
            match jobs.take(
                GROUP_BYTES_MAX,
                (!noted).then_some(QUIET),
                Gather::default(),
                both_puts,
            ) {
                Taken::Jobs(group) => {
                    self.work(group);
                    noted = false;
                }
                Taken::Idle => {
                    self.home.note_durable(Slot::Segments, self.log.durable());
                    noted = true;
                }
                Taken::Closed => break,
            }
        }
        self.home.note_durable(Slot::Segments, self.log.durable());
    }

    fn work(&mut self, group: Vec<Job>) {
        let (mut puts, mut waiting) = (Vec::new(), Vec::new());
        for job in group {
            match job {
                Job::Put(blobs, done) => {
                    puts.extend(blobs);
                    waiting.push(done);
                }
                Job::Touch(ids, answer) => answer(self.touch(&ids)),
                Job::Delete(ids, before, answer) => answer(self.delete(&ids, before)),
            }
        }
        if !waiting.is_empty() {
            let result = self.put(&puts);
            for done in waiting {
                done(result.clone());
            }
        }
    }

    fn put(&mut self, blobs: &[Incoming]) -> Result<(), StoreError> {
        self.prepare()?;
        let (mut new, mut stale, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
        let mut rotten = Vec::new();
        for blob in blobs {
            match self.index.blob(&blob.0)? {
                _ if !seen.insert(blob.0) => {}
                None => new.push(blob),
                // Whoever puts again what is here has the bytes that we may have no more.
                Some(entry) if !self.is_whole(&blob.0, &entry) => {
                    rotten.push((blob.0, entry));
                    new.push(blob);
                }
                Some(entry) if entry.time + FRESH_SECS < now() => stale.push((blob.0, entry)),
                Some(_) => {}
            }
        }
        let gone: Vec<u8> = rotten.iter().flat_map(|(id, _)| id.0).collect();
        let touched: Vec<u8> = stale.iter().flat_map(|(id, _)| id.0).collect();
        // Deletions first: who reads the log again must find the new bytes last.
        let mut parts: Vec<_> = self.ids_part(Kind::Deleted, &gone).into_iter().collect();
        let before = parts.len();
        parts.extend(new.iter().map(|(id, payload, check)| Part {
            kind: Kind::Blob,
            id: *id,
            payload,
            check: *check,
        }));
        parts.extend(self.ids_part(Kind::Touched, &touched));
        if parts.is_empty() {
            return Ok(());
        }
        let (group, places) = self.log.append(&parts)?;
        let time = now();
        let mut applying = self.index.apply();
        for (id, entry) in &rotten {
            applying.delete_blob(id);
            forget(&mut applying, entry);
        }
        for ((id, payload, _), place) in new.iter().zip(places.into_iter().skip(before)) {
            applying.put_blob(id, &Entry { place, len: payload.len() as u32, time });
            let live = applying.state.live.entry(place.file).or_default();
            live.blobs += 1;
            live.bytes += stride(payload.len() as u64);
        }
        for (id, entry) in &stale {
            applying.put_blob(id, &Entry { time, ..*entry });
        }
        applying.state.segments = position(self.log.end(), group);
        applying.seal_if_full();
        drop(applying);
        for (_, entry) in &rotten {
            self.punch(entry);
        }
        Ok(())
    }

    /// Whether a blob can still be read as it was put.
    fn is_whole(&self, id: &BlobId, entry: &Entry) -> bool {
        let Ok(Some(header)) = self.files.header(entry.place) else { return false };
        header.id == *id
            && header.len == entry.len
            && matches!(self.files.payload(entry.place, &header), Ok(Some(_)))
    }

    fn touch(&mut self, ids: &[BlobId]) -> Result<Vec<bool>, StoreError> {
        self.prepare()?;
        let (mut answer, mut stale) = (Vec::with_capacity(ids.len()), Vec::new());
        for id in ids {
            let entry = self.index.blob(id)?;
            answer.push(entry.is_some());
            let is_stale = |entry: &Entry| entry.time + FRESH_SECS < now();
            stale.extend(entry.filter(is_stale).map(|entry| (*id, entry)));
        }
        for stale in stale.chunks(IDS_MAX) {
            let payload: Vec<u8> = stale.iter().flat_map(|(id, _)| id.0).collect();
            let parts: Vec<_> = self.ids_part(Kind::Touched, &payload).into_iter().collect();
            let (group, _) = self.log.append(&parts)?;
            let mut applying = self.index.apply();
            for (id, entry) in stale {
                applying.put_blob(id, &Entry { time: now(), ..*entry });
            }
            applying.state.segments = position(self.log.end(), group);
            applying.seal_if_full();
        }
        Ok(answer)
    }

    /// First the deletion is durable, then the index forgets, then the disk gets its room back.
    fn delete(&mut self, ids: &[BlobId], before: Option<u64>) -> Result<Vec<bool>, StoreError> {
        let (mut answer, mut gone, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
        for id in ids {
            let entry = self.index.blob(id)?.filter(|entry| {
                seen.insert(*id) && before.is_none_or(|before| entry.time <= before)
            });
            answer.push(entry.is_some());
            gone.extend(entry.map(|entry| (*id, entry)));
        }
        for gone in gone.chunks(IDS_MAX) {
            self.prepare()?;
            let payload: Vec<u8> = gone.iter().flat_map(|(id, _)| id.0).collect();
            let parts: Vec<_> = self.ids_part(Kind::Deleted, &payload).into_iter().collect();
            let (group, _) = self.log.append(&parts)?;
            let mut applying = self.index.apply();
            for (id, entry) in gone {
                applying.delete_blob(id);
                forget(&mut applying, entry);
            }
            applying.state.segments = position(self.log.end(), group);
            applying.seal_if_full();
            drop(applying);
            for (_, entry) in gone {
                self.punch(entry);
            }
        }
        self.remove_empty();
        Ok(answer)
    }

    /// Gives the blocks that lie wholly inside a payload back. The header stays: the log must
    /// stay readable from its beginning. If the disk cannot do it, the room is lost until the
    /// segment is empty.
    fn punch(&self, entry: &Entry) {
        let start = (entry.place.offset + HEADER as u64).next_multiple_of(DISK_BLOCK);
        let end =
            (entry.place.offset + HEADER as u64 + u64::from(entry.len)) / DISK_BLOCK * DISK_BLOCK;
        if end > start
            && let Ok(file) = self.files.file(entry.place.file)
        {
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            let _ = fallocate(&*file, flags, start, end - start);
        }
    }

    /// Removes segments in which nothing lives, once the tables know it. Their deletions may be
    /// the only trace that older blobs are gone, so not before.
    fn remove_empty(&mut self) {
        let (state, persisted) = (self.index.state(), self.index.persisted());
        let passed = persisted.segment.min(self.log.end().file);
        for number in self.files.numbers().unwrap_or_default() {
            let lives = state.live.get(&number).is_some_and(|live| live.blobs > 0);
            if number < passed && !lives && self.files.remove(number).is_ok() {
                self.index.apply().forget_segment(number);
            }
        }
    }

    /// Room in memory, and in the segment.
    fn prepare(&mut self) -> Result<(), StoreError> {
        self.index.wait_for_room()?;
        if self.log.end().offset >= SEGMENT_BYTES {
            self.log.next_file()?;
            self.home.note_durable(Slot::Segments, self.log.durable());
            self.remove_empty();
        }
        Ok(())
    }

    fn ids_part<'a>(&self, kind: Kind, ids: &'a [u8]) -> Option<Part<'a>> {
        let check = payload_check(&self.files.key, ids);
        (!ids.is_empty()).then_some(Part { kind, id: BlobId([0; 32]), payload: ids, check })
    }
}

/// Takes a blob out of its segment's count.
pub(super) fn forget(applying: &mut super::index::Applying<'_>, entry: &Entry) {
    let live = applying.state.live.entry(entry.place.file).or_default();
    live.blobs = live.blobs.saturating_sub(1);
    live.bytes = live.bytes.saturating_sub(stride(u64::from(entry.len)));
}

pub(super) fn position(end: Place, group: u64) -> Place0 {
    Place0 { file: end.file, offset: end.offset, group }
}
