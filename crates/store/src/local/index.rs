//! The sorted index: rows, where blobs are, and how far both logs are in it.
//!
//! Takes what is already durable in a log, gives values, scans and places. In front stands a
//! memory table; when it is full it becomes an immutable table file, and the logs before it are
//! not needed any more.
//!
//! Must not know: files of the logs, fsync, callers.
//!
//! Readers look under a read lock, a group is applied under the write lock: so a group is seen
//! whole or not at all, and, as it was durable before, never too early.

use std::collections::{BTreeMap, VecDeque};
use std::io::ErrorKind;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
};

use lsm_tree::config::{BlockSizePolicy, PinningPolicy};
use lsm_tree::{
    AbstractTree, AnyTree, Cache, Config, DescriptorTable, Guard, IterGuardImpl, SeqNo,
    SequenceNumberCounter, UserKey, compaction::Leveled,
};

use super::home::{le32, le64};
use super::log::Place;
use crate::{BlobId, StoreError};

/// Bytes of a memory table before it becomes a file. Up to three are in memory at once.
const MEMTABLE_BYTES: u64 = 4 << 20;
/// Rows, old values included, in a memory table before it becomes a file: a scan walks over all
/// values of a row that is written often, until a table file keeps only the last.
const MEMTABLE_ROWS: usize = 16_384;
/// Sealed memory tables that may wait for the disk; writers wait above it.
const SEALED_MAX: usize = 2;
/// Bytes of recently read blocks kept in memory.
const CACHE_BYTES: u64 = 4 << 20;
/// Open table files.
const FILES_MAX: usize = 64;
/// Bytes of one table file after compaction.
const TABLE_BYTES: u64 = 16 << 20;
/// Tables as they came from memory before they are merged with the rest. Each may have to be
/// looked into, by its filter first; each merging writes again what it meets.
const FRESH_TABLES_MAX: u8 = 8;
/// Bytes of a block: about three documents of 1 KiB.
const BLOCK_BYTES: u32 = 4 << 10;

/// The first byte of a key in the index says which kind of row it is.
const STATE: u8 = 0;
const ROW: u8 = 1;
const BLOB: u8 = 2;

/// How far the logs are applied, and what the segments hold.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    /// The last group of the journal that is applied.
    pub journal: u64,
    /// The first byte of the segments that is not applied, and the last group before it.
    pub segments: Place0,
    /// Live blobs of each segment.
    pub live: BTreeMap<u64, Live>,
    /// Grows with each memory table that was sealed.
    pub sealed: u64,
}

/// A place in the segments and the group that ended there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place0 {
    pub file: u64,
    pub offset: u64,
    pub group: u64,
}

/// What a segment still holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Live {
    pub blobs: u64,
    pub bytes: u64,
}

/// Where a blob is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub place: Place,
    pub len: u32,
    /// When it was put or touched, Unix seconds.
    pub time: u64,
}

/// What the table files hold for good: logs before it may go.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Persisted {
    pub journal: u64,
    pub segment: u64,
}

/// What the worker is asked, and how it went.
#[derive(Default)]
struct Work {
    wanted: bool,
    stop: bool,
    failed: Option<StoreError>,
    /// Positions of sealed memory tables, oldest first.
    sealed: VecDeque<Persisted>,
    persisted: Persisted,
}

pub(super) struct Index {
    tree: AnyTree,
    sequence: SequenceNumberCounter,
    state: RwLock<State>,
    /// Sequence numbers at which scans are running.
    scans: Mutex<BTreeMap<SeqNo, usize>>,
    work: Mutex<Work>,
    changed: Condvar,
}

impl Index {
    /// Opens or makes the index in `dir`.
    pub(super) fn open(dir: &Path) -> Result<Self, StoreError> {
        super::vouch::index_files(dir)?;
        let sequence = SequenceNumberCounter::default();
        let config = Config::new(dir, sequence.clone(), SequenceNumberCounter::default())
            .use_cache(Arc::new(Cache::with_capacity_bytes(CACHE_BYTES)))
            .use_descriptor_table(Some(Arc::new(DescriptorTable::new(FILES_MAX))))
            .data_block_size_policy(BlockSizePolicy::all(BLOCK_BYTES))
            .index_block_pinning_policy(PinningPolicy::all(false))
            .filter_block_pinning_policy(PinningPolicy::all(false))
            .expect_point_read_hits(false);
        let tree = guarded(|| config.open())?;
        sequence.fetch_max(tree.get_highest_seqno().map_or(1, |highest| highest + 1));
        let index = Self {
            tree,
            sequence,
            state: RwLock::default(),
            scans: Mutex::default(),
            work: Mutex::default(),
            changed: Condvar::new(),
        };
        let state = index.load_state()?;
        let persisted = Persisted { journal: state.journal, segment: state.segments.file };
        *index.state.write().unwrap_or_else(PoisonError::into_inner) = state;
        index.lock_work().persisted = persisted;
        Ok(index)
    }

    fn load_state(&self) -> Result<State, StoreError> {
        let mut state = State::default();
        let end = vec![STATE + 1];
        for item in self.range(vec![STATE], Some(end), SeqNo::MAX) {
            let (key, value) = guarded(|| item.into_inner())?;
            match key.get(1) {
                Some(b'p') => {
                    state.journal = le64(&value, 0);
                    state.segments = Place0 {
                        file: le64(&value, 8),
                        offset: le64(&value, 16),
                        group: le64(&value, 24),
                    };
                }
                Some(b's') => {
                    let number = key.get(2..10).and_then(|n| n.try_into().ok());
                    let live = Live { blobs: le64(&value, 0), bytes: le64(&value, 8) };
                    state.live.extend(number.map(|n| (u64::from_be_bytes(n), live)));
                }
                _ => return Err(StoreError::corrupt("the state in the index")),
            }
        }
        Ok(state)
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let _whole_groups = self.read();
        Ok(self.look(&tagged(ROW, key))?.map(|value| value.to_vec()))
    }

    pub(super) fn blob(&self, id: &BlobId) -> Result<Option<Entry>, StoreError> {
        let _whole_groups = self.read();
        let found = self.look(&tagged(BLOB, &id.0))?;
        Ok(found.map(|value| decode_entry(&value)))
    }

    fn look(&self, key: &[u8]) -> Result<Option<lsm_tree::UserValue>, StoreError> {
        guarded(|| self.tree.get(key, SeqNo::MAX))
    }

    /// The rows of a range, as they are now, in whole groups. Keys come without their tag.
    pub(super) fn scan(&self, from: &[u8], to: Option<&[u8]>) -> Scanning<'_> {
        let end = to.map_or_else(|| vec![ROW + 1], |to| tagged(ROW, to));
        self.scanning(tagged(ROW, from), end)
    }

    /// The blobs from `from` on.
    pub(super) fn blobs(&self, from: &[u8]) -> Scanning<'_> {
        self.scanning(tagged(BLOB, from), vec![BLOB + 1])
    }

    fn scanning(&self, from: Vec<u8>, end: Vec<u8>) -> Scanning<'_> {
        let at = {
            let mut scans = self.scans.lock().unwrap_or_else(PoisonError::into_inner);
            let _whole_groups = self.read();
            let at = self.sequence.get();
            *scans.entry(at).or_insert(0) += 1;
            at
        };
        Scanning { index: self, at, items: self.range(from, Some(end), at) }
    }

    fn range(
        &self,
        from: Vec<u8>,
        to: Option<Vec<u8>>,
        at: SeqNo,
    ) -> Box<dyn DoubleEndedIterator<Item = IterGuardImpl> + Send> {
        let to = to.map_or(Bound::Unbounded, Bound::Excluded);
        self.tree.range((Bound::Included(from), to), at, None)
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of where things stand.
    pub(super) fn state(&self) -> State {
        self.read().clone()
    }

    /// Begins to apply a group. Readers wait until it is dropped, so everything in it is ready.
    pub(super) fn apply(&self) -> Applying<'_> {
        let state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        Applying { index: self, state, key: Vec::new() }
    }

    /// Waits until there is room for another group in memory; fails if the disk has none.
    pub(super) fn wait_for_room(&self) -> Result<(), StoreError> {
        let mut work = self.lock_work();
        while self.tree.sealed_memtable_count() >= SEALED_MAX {
            if let Some(error) = work.failed.take() {
                // The worker tries again, so the next one may have more luck.
                work.wanted = true;
                self.changed.notify_all();
                return Err(error);
            }
            if work.stop {
                return Err(StoreError::Closed);
            }
            work = self.changed.wait(work).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    /// Whether the memory table is full.
    pub(super) fn wants_flush(&self) -> bool {
        let memtable = self.tree.active_memtable();
        memtable.size() >= MEMTABLE_BYTES || memtable.len() >= MEMTABLE_ROWS
    }

    pub(super) fn persisted(&self) -> Persisted {
        self.lock_work().persisted
    }

    /// Keeps the memory tables small while logs are read again. On a full disk they stay in
    /// memory, where all of this was before: a store must open and be read there too.
    pub(super) fn flush_if_full(&self) -> Result<(), StoreError> {
        match self.wants_flush().then(|| self.flush()) {
            Some(Err(StoreError::Full)) | None => Ok(()),
            Some(flushed) => flushed,
        }
    }

    /// Seals the memory table and writes it out, on this thread.
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        self.apply().seal();
        self.write_out()
    }

    fn write_out(&self) -> Result<(), StoreError> {
        let lock = guarded(|| Ok(self.tree.get_flush_lock()))?;
        // Those sealed after this line may be written too; they are counted the next time.
        let sealed = self.lock_work().sealed.len();
        guarded(|| self.tree.flush(&lock, self.oldest_seen()))?;
        let mut work = self.lock_work();
        for _ in 0..sealed {
            work.persisted = work.sealed.pop_front().unwrap_or(work.persisted);
        }
        Ok(())
    }

    fn compact(&self) -> Result<(), StoreError> {
        const STEPS_MAX: usize = 64;
        let leveled = Leveled::default().with_table_target_size(TABLE_BYTES);
        let strategy = Arc::new(leveled.with_l0_threshold(FRESH_TABLES_MAX));
        for _ in 0..STEPS_MAX {
            let before = self.tree.current_version().id();
            guarded(|| self.tree.compact(strategy.clone(), self.oldest_seen()))?;
            if self.tree.current_version().id() == before || self.lock_work().stop {
                break;
            }
        }
        Ok(())
    }

    /// The oldest state somebody may still read; older values of a key may be forgotten.
    fn oldest_seen(&self) -> SeqNo {
        let scans = self.scans.lock().unwrap_or_else(PoisonError::into_inner);
        scans.keys().next().copied().unwrap_or_else(|| self.sequence.get())
    }

    /// Writes sealed memory tables out and keeps the tables few, until [`Index::stop`].
    pub(super) fn run_worker(&self) {
        let mut wanted = true;
        loop {
            if wanted {
                let done = self.write_out().and_then(|()| self.compact());
                let mut work = self.lock_work();
                work.failed = done.err();
                self.changed.notify_all();
            }
            let mut work = self.lock_work();
            while !work.wanted && !work.stop {
                work = self.changed.wait(work).unwrap_or_else(PoisonError::into_inner);
            }
            if work.stop {
                return;
            }
            wanted = std::mem::take(&mut work.wanted);
        }
    }

    pub(super) fn stop(&self) {
        self.lock_work().stop = true;
        self.changed.notify_all();
    }

    fn lock_work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes of the table files.
    pub(super) fn disk_bytes(&self) -> u64 {
        self.tree.disk_space()
    }
}

/// A group on its way into the index.
pub(super) struct Applying<'a> {
    index: &'a Index,
    pub state: RwLockWriteGuard<'a, State>,
    key: Vec<u8>,
}

impl Applying<'_> {
    pub(super) fn put_row(&mut self, key: &[u8], value: &[u8]) {
        self.put(ROW, key, value);
    }

    pub(super) fn delete_row(&mut self, key: &[u8]) {
        self.delete(ROW, key);
    }

    pub(super) fn put_blob(&mut self, id: &BlobId, entry: &Entry) {
        let mut value = [0; 28];
        value[..8].copy_from_slice(&entry.place.file.to_le_bytes());
        value[8..16].copy_from_slice(&entry.place.offset.to_le_bytes());
        value[16..20].copy_from_slice(&entry.len.to_le_bytes());
        value[20..].copy_from_slice(&entry.time.to_le_bytes());
        self.put(BLOB, &id.0, &value);
    }

    pub(super) fn delete_blob(&mut self, id: &BlobId) {
        self.delete(BLOB, &id.0);
    }

    /// Forgets a segment that is gone.
    pub(super) fn forget_segment(&mut self, number: u64) {
        self.state.live.remove(&number);
        self.delete(STATE, &segment_key(number));
    }

    /// Where a blob is, as of the groups before this one and what this one did so far.
    pub(super) fn blob(&self, id: &BlobId) -> Result<Option<Entry>, StoreError> {
        Ok(self.index.look(&tagged(BLOB, &id.0))?.map(|value| decode_entry(&value)))
    }

    fn put(&mut self, tag: u8, key: &[u8], value: &[u8]) {
        let key = self.tagged(tag, key);
        self.index.tree.insert(key, value, self.index.sequence.next());
    }

    fn delete(&mut self, tag: u8, key: &[u8]) {
        let key = self.tagged(tag, key);
        self.index.tree.remove(key, self.index.sequence.next());
    }

    fn tagged(&mut self, tag: u8, key: &[u8]) -> UserKey {
        self.key.clear();
        self.key.push(tag);
        self.key.extend_from_slice(key);
        UserKey::from(self.key.as_slice())
    }

    /// Seals the memory table if it is full. Call it when the group is complete.
    pub(super) fn seal_if_full(&mut self) {
        if self.index.wants_flush() {
            self.seal();
            self.index.lock_work().wanted = true;
            self.index.changed.notify_all();
        }
    }

    /// Writes the state as the table's last rows and seals it: table and state are one.
    fn seal(&mut self) {
        let state = self.state.clone();
        let mut position = Vec::with_capacity(32);
        let place = state.segments;
        for number in [state.journal, place.file, place.offset, place.group] {
            position.extend_from_slice(&number.to_le_bytes());
        }
        self.put(STATE, b"p", &position);
        for (number, live) in &state.live {
            let mut value = live.blobs.to_le_bytes().to_vec();
            value.extend_from_slice(&live.bytes.to_le_bytes());
            self.put(STATE, &segment_key(*number), &value);
        }
        self.state.sealed += 1;
        let persisted = Persisted { journal: state.journal, segment: place.file };
        self.index.lock_work().sealed.push_back(persisted);
        self.index.tree.rotate_memtable();
    }
}

/// A running scan. While it lives, what it may still show is kept.
pub(super) struct Scanning<'a> {
    index: &'a Index,
    at: SeqNo,
    items: Box<dyn DoubleEndedIterator<Item = IterGuardImpl> + Send>,
}

impl Scanning<'_> {
    /// The next row, or the last one not shown yet: key without tag, value.
    pub(super) fn next(&mut self, back: bool) -> Result<Option<(UserKey, UserKey)>, StoreError> {
        guarded(|| {
            let item = if back { self.items.next_back() } else { self.items.next() };
            item.map(Guard::into_inner).transpose()
        })
    }
}

impl Drop for Scanning<'_> {
    fn drop(&mut self) {
        let mut scans = self.index.scans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = scans.get_mut(&self.at) {
            *count -= 1;
            if *count == 0 {
                scans.remove(&self.at);
            }
        }
    }
}

/// The entry of a blob in the index, from a row of [`Index::blobs`].
pub(super) fn decode_entry(value: &[u8]) -> Entry {
    let place = Place { file: le64(value, 0), offset: le64(value, 8) };
    Entry { place, len: le32(value, 16), time: le64(value, 20) }
}

fn tagged(tag: u8, key: &[u8]) -> Vec<u8> {
    let mut tagged = Vec::with_capacity(key.len() + 1);
    tagged.push(tag);
    tagged.extend_from_slice(key);
    tagged
}

fn segment_key(number: u64) -> Vec<u8> {
    let mut key = b"s".to_vec();
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// Runs a call into the tree. Damaged bytes may make it panic: that is damage, not our end.
fn guarded<T>(call: impl FnOnce() -> lsm_tree::Result<T>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        // Damaged numbers lead to places that do not exist.
        Ok(Err(lsm_tree::Error::Io(error))) => Err(match error.kind() {
            ErrorKind::UnexpectedEof
            | ErrorKind::NotFound
            | ErrorKind::InvalidInput
            | ErrorKind::InvalidData => {
                StoreError::corrupt(format!("a file of the index: {error}"))
            }
            _ => StoreError::from_io("use the index", &error),
        }),
        Ok(Err(error)) => Err(StoreError::corrupt(format!("the index: {error:?}"))),
        Err(_) => Err(StoreError::corrupt("the index: its bytes make no sense")),
    }
}
