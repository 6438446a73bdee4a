//! The device's replica: several processes, damage, lost ends.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use strongroom_store::{Batch, CommitError, Rows, Scan, Sqlite, StoreError};

fn put(rows: &Sqlite, key: &[u8], value: &[u8]) {
    let mut batch = Batch::new();
    batch.put(key, value);
    rows.commit(batch).unwrap();
}

fn fill(path: &Path, n: u32) {
    let rows = Sqlite::open(path).unwrap();
    for i in 0..n {
        put(&rows, format!("key {i:05}").as_bytes(), &[i as u8; 3_000]);
    }
}

/// Reads everything; what is damaged must be an error, never a wrong or missing row.
fn read_all(path: &Path, n: u32) -> Result<(), StoreError> {
    let rows = Sqlite::open(path)?;
    let mut seen = 0;
    rows.scan(&Scan::all(), &mut |key, value| {
        assert_eq!(key, format!("key {seen:05}").as_bytes(), "a row is missing");
        assert_eq!(value, [seen as u8; 3_000], "a row is wrong");
        seen += 1;
        ControlFlow::Continue(())
    })?;
    for i in 0..n {
        let value = rows.get(format!("key {i:05}").as_bytes())?;
        assert_eq!(value.as_deref(), Some(&[i as u8; 3_000][..]));
    }
    assert_eq!(seen, n, "rows are missing");
    Ok(())
}

#[test]
fn two_stores_on_one_file_count_together() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("rows.db");
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let rows = Sqlite::open(&path).unwrap();
                for _ in 0..30 {
                    while !count(&rows) {}
                }
            });
        }
    });
    let rows = Sqlite::open(&path).unwrap();
    assert_eq!(rows.get(b"n").unwrap().unwrap(), 90_u32.to_be_bytes());
    assert!(rows.check(true).unwrap().is_clean());
}

fn count(rows: &Sqlite) -> bool {
    let found = rows.get(b"n").unwrap();
    let mut batch = Batch::new();
    let now = match &found {
        None => {
            batch.expect_absent(b"n");
            0
        }
        Some(n) => {
            batch.expect_equals(b"n", n.clone());
            u32::from_be_bytes(n.as_slice().try_into().unwrap())
        }
    };
    batch.put(b"n", (now + 1).to_be_bytes());
    match rows.commit(batch) {
        Ok(()) => true,
        Err(CommitError::Conflict { .. }) => false,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_lost_log_is_noticed() {
    // A copy of a live database without its log: SQLite alone opens it and shows yesterday.
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("rows.db");
    let rows = Sqlite::open(&path).unwrap();
    put(&rows, b"k", b"v");
    let copy = home.path().join("copy.db");
    fs::copy(&path, &copy).unwrap();
    fs::copy(home.path().join("rows.db-head"), home.path().join("copy.db-head")).unwrap();
    assert!(matches!(Sqlite::open(&copy), Err(StoreError::Corrupt { .. })));
    // Unless somebody says that the older copy is meant.
    fs::write(home.path().join("copy.db-wal"), b"").unwrap();
    Sqlite::accept_older_copy(&copy).unwrap();
}

#[test]
fn a_missing_or_emptied_file_is_not_a_new_one() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("rows.db");
    fill(&path, 3);
    fs::write(&path, b"").unwrap();
    assert!(matches!(Sqlite::open(&path), Err(StoreError::Corrupt { .. })));
    fs::remove_file(&path).unwrap();
    assert!(matches!(Sqlite::open(&path), Err(StoreError::Corrupt { .. })));
    fs::write(&path, vec![b'x'; 100_000]).unwrap();
    assert!(matches!(Sqlite::open(&path), Err(StoreError::Corrupt { .. })));
}

#[test]
fn another_programs_database_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("rows.db");
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE notes (text TEXT)").unwrap();
    drop(other);
    assert!(matches!(Sqlite::open(&path), Err(StoreError::Foreign { .. })));
}

#[test]
fn a_cut_anywhere_is_noticed() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("rows.db");
    fill(&path, 40);
    let whole = fs::read(&path).unwrap();
    read_all(&path, 40).unwrap();
    for cut in (0..whole.len()).step_by(9_973) {
        fs::write(&path, &whole[..cut]).unwrap();
        let found = read_all(&path, 40);
        assert!(matches!(found, Err(StoreError::Corrupt { .. })), "cut at {cut}: {found:?}");
    }
}

#[test]
fn a_flipped_bit_is_noticed_or_harmless() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("rows.db");
    fill(&path, 40);
    let whole = fs::read(&path).unwrap();
    let mut noticed = 0;
    for at in (0..whole.len()).step_by(3_331) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(&path, &flipped).unwrap();
        // Either an error, or every row is what it was (asserted inside).
        noticed += u32::from(read_all(&path, 40).is_err());
        fs::write(&path, &whole).unwrap();
        for extra in ["-wal", "-shm"] {
            let _ = fs::remove_file(home.path().join(format!("rows.db{extra}")));
        }
    }
    assert!(noticed > 20, "only {noticed} were noticed");
}
