//! Rows in one SQLite file: the device's replica. Several processes at once lose nothing.
//!
//! Takes batches and scans; gives durable answers. Write-ahead log, `synchronous=FULL`, one
//! immediate transaction per batch: a batch is seen by others only after its fsync.
//!
//! Must not know: what a row means. SQLite checks no page and drops a damaged end of its log in
//! silence, so two things of ours stand beside it: every row carries a checksum, and the file
//! `-head` remembers the number of the last commit that was durable (see [`head`]).

mod head;

use std::fs::File;
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension, Statement, TransactionBehavior, params,
};

use crate::checksum::row_check;
use crate::limits::KEY_BYTES_MAX;
use crate::{Batch, CommitDone, CommitError, Op, Report, Rows, Scan, StoreError};
use head::Head;

/// How long one process waits for another's transaction before it gives up.
const BUSY_WAIT: Duration = Duration::from_secs(30);

/// Bytes of a database page. Measured: see docs/design/store.md.
const PAGE_BYTES: u32 = 32_768;

/// Pages in the log before a commit copies them into the main file: 8 MiB.
const CHECKPOINT_PAGES: u32 = 256;

/// Bytes of the page cache of one connection.
const CACHE_BYTES: u32 = 8 << 20;

/// Idle reading connections that are kept; more are opened when needed and closed after.
const READERS_KEPT: usize = 4;

/// Marks a file as ours ("SRmr") in SQLite's header.
const APPLICATION_ID: i64 = 0x5352_6d72;

/// The only schema so far.
const SCHEMA: i64 = 1;

/// Bytes of the checksum that ends every stored value.
const CHECK_BYTES: usize = 8;

/// [`Rows`] in one SQLite file, shared between processes.
///
/// ```
/// use strongroom_store::{Batch, Rows, Sqlite};
/// let home = tempfile::tempdir().unwrap();
/// let rows = Sqlite::open(&home.path().join("replica.db")).unwrap();
/// let mut batch = Batch::new();
/// batch.put(b"k", b"v");
/// rows.commit(batch).unwrap();
/// assert_eq!(rows.get(b"k").unwrap().as_deref(), Some(&b"v"[..]));
/// ```
pub struct Sqlite {
    path: PathBuf,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
    head: Head,
}

impl Sqlite {
    /// All files of a store at this path. Who removes one removes all: a head without its database
    /// says that something was lost.
    pub fn files(path: &Path) -> [PathBuf; 4] {
        let beside = |suffix: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        [path.to_owned(), beside("-wal"), beside("-shm"), Head::path(path)]
    }

    /// Opens the file, or makes it. Fails with [`StoreError::Corrupt`] if it is cut, damaged or
    /// behind the last commit this device has seen, with [`StoreError::Foreign`] if it is not a
    /// store of ours.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let head = Head::open(path)?;
        let writer = {
            // One process at a time makes the tables.
            let _locked = head.lock()?;
            check_file(path, head.read()?)?;
            let writer = connect(path)?;
            prepare(&writer)?;
            writer
        };
        let store = Self {
            path: path.to_owned(),
            writer: Mutex::new(writer),
            readers: Mutex::default(),
            head,
        };
        store.check_head()?;
        Ok(store)
    }

    /// Forgets which commit was the last, after an older copy of the file was put in place on
    /// purpose. What was written since that copy is gone; nothing else notices it afterwards.
    pub fn accept_older_copy(path: &Path) -> Result<(), StoreError> {
        let head = Head::open(path)?;
        let _locked = head.lock()?;
        head.write(0)
    }

    /// Looks for damage: SQLite's own structure check, and with `deep` every row's checksum.
    pub fn check(&self, deep: bool) -> Result<Report, StoreError> {
        let mut report = Report::default();
        self.read(|db| {
            let pragma = if deep { "PRAGMA integrity_check" } else { "PRAGMA quick_check" };
            let mut statement = db.prepare(pragma)?;
            let mut lines = statement.query([])?;
            while let Some(line) = lines.next()? {
                let line: String = line.get(0)?;
                if line != "ok" {
                    report.damaged.push(format!("database: {line}"));
                }
            }
            Ok(())
        })
        .or_else(|error| into_report(error, &mut report))?;
        if deep {
            let checked = self.read(|db| {
                let mut statement = db.prepare("SELECT k, v FROM rows ORDER BY k")?;
                let mut found = statement.query([])?;
                while let Some(row) = found.next()? {
                    let (key, value) = (blob(row.get_ref(0)?), blob(row.get_ref(1)?));
                    report.rows += 1;
                    if open_value(key, value).is_none() {
                        report.damaged.push(name_of(key));
                    }
                }
                Ok(())
            });
            checked.or_else(|error| into_report(error, &mut report))?;
        }
        if let Err(error) = self.check_head() {
            into_report(error, &mut report)?;
        }
        Ok(report)
    }

    /// Compares the number of the last commit in the file with the one remembered beside it.
    fn check_head(&self) -> Result<(), StoreError> {
        // The remembered number first: the other one can only grow meanwhile.
        let remembered = self.head.read()?;
        let found =
            self.read(|db| db.query_row("SELECT n FROM commits", [], |row| row.get::<_, i64>(0)))?;
        if found.unsigned_abs() < remembered {
            return Err(StoreError::corrupt(format!(
                "the end of the database: commit {found} is the last one, {remembered} was made"
            )));
        }
        Ok(())
    }

    fn apply(&self, batch: &Batch) -> Result<(), CommitError> {
        batch.check_limits()?;
        let mut writer = lock(&self.writer);
        let applied = transact(&mut writer, batch);
        match applied {
            Ok(Ok(number)) => {
                // The batch is durable. If the note fails, a later loss is harder to notice,
                // but this is no reason to tell the caller that the write failed.
                let _ = self.head.advance(number);
                Ok(())
            }
            Ok(Err(conflict)) => Err(conflict),
            Err(error) => Err(CommitError::Store(from_sqlite(&error))),
        }
    }

    /// Runs `work` on a reading connection of its own, so that readers do not wait for writers.
    fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let kept = lock(&self.readers).pop();
        let connection = match kept {
            Some(connection) => connection,
            None => connect(&self.path)?,
        };
        let result = work(&connection).map_err(|error| from_sqlite(&error));
        let mut readers = lock(&self.readers);
        if readers.len() < READERS_KEPT {
            readers.push(connection);
        }
        result
    }
}

impl Rows for Sqlite {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let stored = self.read(|db| look_up(&mut *db.prepare_cached(LOOK_UP)?, key))?;
        checked(key, stored)
    }

    fn get_many(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let stored = self.read(|db| {
            // One read transaction: its locks cost more than finding a row.
            let transaction = db.unchecked_transaction()?;
            let mut statement = transaction.prepare_cached(LOOK_UP)?;
            let found = keys.iter().map(|key| look_up(&mut statement, key));
            found.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        keys.iter().zip(stored).map(|(key, stored)| checked(key, stored)).collect()
    }

    fn scan(
        &self,
        scan: &Scan,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        if scan.is_empty() {
            return Ok(());
        }
        let mut damaged = None;
        self.read(|db| {
            // One statement is one snapshot.
            let mut statement = db.prepare_cached(scan_sql(scan))?;
            let mut rows = match &scan.to {
                Some(to) => statement.query(params![scan.from, to])?,
                None => statement.query([&scan.from])?,
            };
            while let Some(row) = rows.next()? {
                let (key, stored) = (blob(row.get_ref(0)?), blob(row.get_ref(1)?));
                let Some(value) = open_value(key, stored) else {
                    damaged = Some(name_of(key));
                    break;
                };
                if visit(key, value).is_break() {
                    break;
                }
            }
            Ok(())
        })?;
        damaged.map_or(Ok(()), |what| Err(StoreError::Corrupt { what }))
    }

    fn submit(&self, batch: Batch, done: CommitDone) {
        let result = self.apply(&batch);
        done(result);
    }
}

/// One batch, one transaction. The outer error is SQLite's, the inner one the batch's.
fn transact(writer: &mut Connection, batch: &Batch) -> rusqlite::Result<Result<u64, CommitError>> {
    // Immediate: the write lock is taken before the first look, so that what was expected still
    // holds when it is written.
    let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut look = transaction.prepare_cached(LOOK_UP)?;
        for expectation in batch.expectations() {
            let key = expectation.key();
            let found = look_up(&mut look, key)?;
            let value = match &found {
                None => None,
                Some(stored) => match open_value(key, stored) {
                    None => return Ok(Err(StoreError::corrupt(name_of(key)).into())),
                    value => value,
                },
            };
            if !expectation.holds(value) {
                return Ok(Err(CommitError::Conflict { key: key.to_vec() }));
            }
        }
    }
    if batch.ops().is_empty() {
        let number = transaction.query_row("SELECT n FROM commits", [], |row| row.get(0))?;
        return Ok(Ok(i64::unsigned_abs(number)));
    }
    {
        let mut put = transaction.prepare_cached(
            "INSERT INTO rows (k, v) VALUES (?1, ?2) ON CONFLICT (k) DO UPDATE SET v = excluded.v",
        )?;
        let mut delete = transaction.prepare_cached("DELETE FROM rows WHERE k = ?1")?;
        let mut stored = Vec::new();
        // In the order of the keys, neighbours share a page. Stable: of two changes to one key
        // the later one stays.
        let mut ops: Vec<&Op> = batch.ops().iter().collect();
        ops.sort_by_key(|op| op.key());
        for op in ops {
            match op {
                Op::Put(key, value) => {
                    stored.clear();
                    stored.extend_from_slice(value);
                    stored.extend_from_slice(&row_check(key, value));
                    put.execute(params![key, stored])?;
                }
                Op::Delete(key) => drop(delete.execute([key])?),
            }
        }
    }
    let number: i64 = transaction
        .prepare_cached("UPDATE commits SET n = n + 1 RETURNING n")?
        .query_row([], |row| row.get(0))?;
    transaction.commit()?;
    Ok(Ok(number.unsigned_abs()))
}

const LOOK_UP: &str = "SELECT v FROM rows WHERE k = ?1";

/// The stored form of a row.
fn look_up(statement: &mut Statement<'_>, key: &[u8]) -> rusqlite::Result<Option<Vec<u8>>> {
    if key.len() > KEY_BYTES_MAX {
        return Ok(None);
    }
    statement.query_row([key], |row| row.get(0)).optional()
}

/// The value in a stored row.
fn checked(key: &[u8], stored: Option<Vec<u8>>) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(mut stored) = stored else { return Ok(None) };
    let len = open_value(key, &stored)
        .map(<[u8]>::len)
        .ok_or_else(|| StoreError::corrupt(name_of(key)))?;
    stored.truncate(len);
    Ok(Some(stored))
}

/// Cuts the checksum off a stored value; `None` if it does not match.
fn open_value<'a>(key: &[u8], stored: &'a [u8]) -> Option<&'a [u8]> {
    let (value, check) = stored.split_at_checked(stored.len().checked_sub(CHECK_BYTES)?)?;
    (row_check(key, value) == check).then_some(value)
}

fn scan_sql(scan: &Scan) -> &'static str {
    match (scan.to.is_some(), scan.reverse) {
        (true, false) => "SELECT k, v FROM rows WHERE k >= ?1 AND k < ?2 ORDER BY k",
        (true, true) => "SELECT k, v FROM rows WHERE k >= ?1 AND k < ?2 ORDER BY k DESC",
        (false, false) => "SELECT k, v FROM rows WHERE k >= ?1 ORDER BY k",
        (false, true) => "SELECT k, v FROM rows WHERE k >= ?1 ORDER BY k DESC",
    }
}

/// Refuses a file that is cut or no database, before SQLite could take a missing or empty one
/// for new and start afresh over somebody's replica.
fn check_file(path: &Path, remembered: u64) -> Result<(), StoreError> {
    let mut start = [0; 20];
    let len = match File::open(path) {
        Ok(file) => {
            let len =
                file.metadata().map_err(|e| StoreError::from_io("read the database", &e))?.len();
            // A short file leaves zeros, which are no database either.
            let _ = file.read_exact_at(&mut start, 0);
            len
        }
        Err(error) if error.kind() == ErrorKind::NotFound => 0,
        Err(error) => return Err(StoreError::from_io("open the database", &error)),
    };
    if len == 0 {
        let lost = || StoreError::corrupt("the database file: it is gone or empty");
        return if remembered == 0 { Ok(()) } else { Err(lost()) };
    }
    if !start.starts_with(b"SQLite format 3\0") {
        return Err(StoreError::corrupt("the first bytes of the database file"));
    }
    let page = u32::from(u16::from_be_bytes([start[16], start[17]]));
    let has_log = std::fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0);
    // While a log exists, its pages may be on their way into the file.
    if page == PAGE_BYTES && !has_log && len % u64::from(PAGE_BYTES) != 0 {
        return Err(StoreError::corrupt("the end of the database file: it was cut"));
    }
    Ok(())
}

/// The name of a file that belongs to the database.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|e| from_sqlite(&e))?;
    let set_up = || {
        connection.busy_timeout(BUSY_WAIT)?;
        connection.execute_batch(&format!(
            "PRAGMA synchronous = FULL; PRAGMA cache_size = -{}; PRAGMA cell_size_check = ON;
             PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}; PRAGMA trusted_schema = OFF;",
            CACHE_BYTES / 1024
        ))
    };
    set_up().map_err(|e| from_sqlite(&e))?;
    Ok(connection)
}

/// Makes the tables in a new file; makes sure that an old one is ours.
fn prepare(db: &Connection) -> Result<(), StoreError> {
    let number = |pragma: &str| {
        db.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0))
            .map_err(|e| from_sqlite(&e))
    };
    let (id, schema) = (number("application_id")?, number("user_version")?);
    if id == 0 && schema == 0 && number("schema_version")? == 0 {
        let made = db.execute_batch(&format!(
            "PRAGMA page_size = {PAGE_BYTES}; PRAGMA journal_mode = WAL;
             BEGIN IMMEDIATE;
             CREATE TABLE rows (id INTEGER PRIMARY KEY, k BLOB NOT NULL UNIQUE, v BLOB NOT NULL)
                 STRICT;
             CREATE TABLE commits (n INTEGER NOT NULL) STRICT;
             INSERT INTO commits (n) VALUES (0);
             PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA};
             COMMIT;"
        ));
        return made.map_err(|e| from_sqlite(&e));
    }
    if id != APPLICATION_ID || schema != SCHEMA {
        return Err(StoreError::Foreign { what: format!("application {id:#x}, schema {schema}") });
    }
    Ok(())
}

fn into_report(error: StoreError, report: &mut Report) -> Result<(), StoreError> {
    match error {
        StoreError::Corrupt { what } => {
            report.damaged.push(what);
            Ok(())
        }
        other => Err(other),
    }
}

fn blob(value: ValueRef<'_>) -> &[u8] {
    match value {
        ValueRef::Blob(bytes) | ValueRef::Text(bytes) => bytes,
        _ => &[],
    }
}

fn name_of(key: &[u8]) -> String {
    crate::checksum::row_name(key)
}

fn from_sqlite(error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full,
        Some(ErrorCode::DatabaseCorrupt) => StoreError::corrupt("the database file"),
        Some(ErrorCode::NotADatabase) => StoreError::corrupt("the head of the database file"),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
        _ => StoreError::Io { doing: "use the database".to_owned(), why: error.to_string() },
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic inside left at most an open transaction, which its guard rolled back.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
