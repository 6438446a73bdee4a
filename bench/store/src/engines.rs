//! The candidates behind one small face. Each makes a put durable before it returns.

use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use redb::ReadableTable;
use strongroom_store::{Batch, CommitError, Local, Rows, Scan, Sqlite};

pub trait Engine: Send + Sync {
    fn put(&self, key: &[u8], value: &[u8]);
    /// False if the engine cannot do it.
    fn put_if_absent(&self, _key: &[u8], _value: &[u8]) -> bool {
        false
    }
    fn get(&self, _key: &[u8]) -> Option<Vec<u8>> {
        None
    }
    /// Reads up to `count` rows from `from` on; how many there were.
    fn scan(&self, _from: &[u8], _count: usize) -> usize {
        0
    }
}

pub type Make = fn(&Path) -> Arc<dyn Engine>;

pub fn all() -> Vec<(&'static str, Make)> {
    vec![
        ("log", |dir| Arc::new(Log::open(dir))),
        ("ours", |dir| Arc::new(Ours(Local::open(dir).unwrap()))),
        ("fjall", |dir| Arc::new(Fjall::open(dir))),
        ("redb", |dir| Arc::new(Redb::open(dir))),
        ("sqlite", |dir| Arc::new(Ours(Sqlite::open(&dir.join("rows.db")).unwrap()))),
    ]
}

/// Ours, and SQLite behind the same trait: both implement `Rows`.
struct Ours<R>(R);

impl<R: Rows> Engine for Ours<R> {
    fn put(&self, key: &[u8], value: &[u8]) {
        let mut batch = Batch::new();
        batch.put(key, value);
        self.0.commit(batch).unwrap();
    }
    fn put_if_absent(&self, key: &[u8], value: &[u8]) -> bool {
        let mut batch = Batch::new();
        batch.expect_absent(key).put(key, value);
        match self.0.commit(batch) {
            Ok(()) | Err(CommitError::Conflict { .. }) => true,
            Err(error) => panic!("{error}"),
        }
    }
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(key).unwrap()
    }
    fn scan(&self, from: &[u8], count: usize) -> usize {
        let mut seen = 0;
        let visit = &mut |_: &[u8], _: &[u8]| {
            seen += 1;
            if seen == count { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        self.0.scan(&Scan::from(from), visit).unwrap();
        seen
    }
}

/// Gathers what many threads bring; one of them, the leader, makes it durable for all.
struct Group<T> {
    state: Mutex<GroupState<T>>,
    done: Condvar,
}

struct GroupState<T> {
    waiting: Vec<T>,
    next: u64,
    durable: u64,
    leading: bool,
}

impl<T> Group<T> {
    fn new() -> Self {
        let state = GroupState { waiting: Vec::new(), next: 0, durable: 0, leading: false };
        Self { state: Mutex::new(state), done: Condvar::new() }
    }

    fn join(&self, item: T, make_durable: impl Fn(Vec<T>)) {
        let mut state = self.state.lock().unwrap();
        state.waiting.push(item);
        state.next += 1;
        let mine = state.next;
        while state.durable < mine {
            if state.leading {
                state = self.done.wait(state).unwrap();
                continue;
            }
            state.leading = true;
            let (group, upto) = (std::mem::take(&mut state.waiting), state.next);
            drop(state);
            make_durable(group);
            state = self.state.lock().unwrap();
            state.durable = upto;
            state.leading = false;
            self.done.notify_all();
        }
    }
}

/// The floor: appends bytes, one fdatasync a group. Finds nothing again.
struct Log {
    file: std::fs::File,
    end: Mutex<u64>,
    group: Group<Vec<u8>>,
}

impl Log {
    fn open(dir: &Path) -> Self {
        let path = dir.join("log");
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        Self { file, end: Mutex::new(0), group: Group::new() }
    }
}

impl Engine for Log {
    fn put(&self, key: &[u8], value: &[u8]) {
        self.group.join([key, value].concat(), |group| {
            let bytes = group.concat();
            let mut end = self.end.lock().unwrap();
            self.file.write_all_at(&bytes, *end).unwrap();
            self.file.sync_data().unwrap();
            *end += bytes.len() as u64;
        });
    }
}

type Pair = (Vec<u8>, Vec<u8>, bool);

/// fjall with group commit around it, memory as small as ours.
struct Fjall {
    db: fjall::Database,
    rows: fjall::Keyspace,
    group: Group<Pair>,
}

impl Fjall {
    fn open(dir: &Path) -> Self {
        let db = fjall::Database::builder(dir).cache_size(4 << 20).open().unwrap();
        let options = || fjall::KeyspaceCreateOptions::default().max_memtable_size(4 << 20);
        let rows = db.keyspace("rows", options).unwrap();
        Self { db, rows, group: Group::new() }
    }
    fn commit(&self, pair: Pair) {
        self.group.join(pair, |group| {
            let mut batch = self.db.batch().durability(Some(fjall::PersistMode::SyncData));
            for (key, value, if_absent) in group {
                if !if_absent || self.rows.get(&key).unwrap().is_none() {
                    batch.insert(&self.rows, key, value);
                }
            }
            batch.commit().unwrap();
        });
    }
}

impl Engine for Fjall {
    fn put(&self, key: &[u8], value: &[u8]) {
        self.commit((key.to_vec(), value.to_vec(), false));
    }
    fn put_if_absent(&self, key: &[u8], value: &[u8]) -> bool {
        self.commit((key.to_vec(), value.to_vec(), true));
        true
    }
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.rows.get(key).unwrap().map(|value| value.to_vec())
    }
    fn scan(&self, from: &[u8], count: usize) -> usize {
        self.rows.range(from..).take(count).map(|row| row.into_inner().unwrap()).count()
    }
}

const TABLE: redb::TableDefinition<&[u8], &[u8]> = redb::TableDefinition::new("rows");

/// redb with group commit around it.
struct Redb {
    db: redb::Database,
    group: Group<Pair>,
}

impl Redb {
    fn open(dir: &Path) -> Self {
        let mut builder = redb::Database::builder();
        let db = builder.set_cache_size(16 << 20).create(dir.join("rows.redb")).unwrap();
        let write = db.begin_write().unwrap();
        write.open_table(TABLE).unwrap();
        write.commit().unwrap();
        Self { db, group: Group::new() }
    }
    fn commit(&self, pair: Pair) {
        self.group.join(pair, |group| {
            let write = self.db.begin_write().unwrap();
            {
                let mut table = write.open_table(TABLE).unwrap();
                for (key, value, if_absent) in group {
                    if !if_absent || table.get(key.as_slice()).unwrap().is_none() {
                        table.insert(key.as_slice(), value.as_slice()).unwrap();
                    }
                }
            }
            write.commit().unwrap();
        });
    }
}

impl Engine for Redb {
    fn put(&self, key: &[u8], value: &[u8]) {
        self.commit((key.to_vec(), value.to_vec(), false));
    }
    fn put_if_absent(&self, key: &[u8], value: &[u8]) -> bool {
        self.commit((key.to_vec(), value.to_vec(), true));
        true
    }
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        use redb::ReadableDatabase;
        let table = self.db.begin_read().unwrap().open_table(TABLE).unwrap();
        table.get(key).unwrap().map(|value| value.value().to_vec())
    }
    fn scan(&self, from: &[u8], count: usize) -> usize {
        use redb::ReadableDatabase;
        let table = self.db.begin_read().unwrap().open_table(TABLE).unwrap();
        let rows = table.range(from..).unwrap().take(count);
        rows.map(|row| drop(row.unwrap().1.value().to_vec())).count()
    }
}
