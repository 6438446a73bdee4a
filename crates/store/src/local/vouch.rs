//! Before the index is opened: are its list of tables, and each table's list of parts, what was
//! written? Takes the directory, gives yes or what is damaged.
//!
//! lsm-tree verifies its blocks when it reads them, but believes these lists: it stores a
//! checksum of the list of tables and does not compare it, allocates by counts it has not
//! verified, and deletes tables that the list does not name. A flipped bit there would lose
//! rows in silence or take the process down.
//!
//! Must not know: rows, logs.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_128;

use super::home::{le32, le64};
use crate::StoreError;

/// Bytes of the file `current`: version, checksum of the version's file, kind of checksum.
const CURRENT_LEN: usize = 25;
/// Bytes at the end of a table: "SFA!", version, kind of checksum, checksum, place, length.
const TRAILER_LEN: u64 = 38;
/// Bytes of a table's list of parts; a table has about a dozen.
const PARTS_LEN_MAX: u64 = 1 << 16;
/// Bytes of the list of tables: a hundred thousand tables.
const LIST_LEN_MAX: u64 = 64 << 20;

/// Fails with [`StoreError::Corrupt`] if a list is damaged or missing. A directory without
/// tables is a new index.
pub(super) fn index_files(dir: &Path) -> Result<(), StoreError> {
    let Some(current) = read(&dir.join("current"), LIST_LEN_MAX)? else {
        let tables = fs::read_dir(dir.join("tables")).map_or(0, Iterator::count);
        return if tables == 0 { Ok(()) } else { Err(damaged("current: it is gone")) };
    };
    if current.len() != CURRENT_LEN || current.last() != Some(&0) {
        return Err(damaged("current"));
    }
    let name = format!("v{}", le64(&current, 0));
    let path = dir.join(&name);
    let list =
        read(&path, LIST_LEN_MAX)?.ok_or_else(|| damaged("current or its list of tables"))?;
    if xxh3_128(&list).to_le_bytes()[..] != current[8..24] {
        return Err(damaged(&name));
    }
    for table in tables(&path).ok_or_else(|| damaged(&name))? {
        table_parts(&dir.join("tables").join(table.to_string()))
            .ok_or_else(|| damaged(&format!("table {table}")))?;
    }
    Ok(())
}

/// The numbers of the tables in a list whose bytes were verified.
fn tables(path: &Path) -> Option<Vec<u64>> {
    // A table in the list: number, kind of checksum, checksum, sequence number.
    const TABLE_LEN: usize = 8 + 1 + 16 + 8;
    let list = sfa::Reader::new(path).ok()?;
    let section = list.toc().section(b"tables")?;
    let mut bytes = Vec::new();
    let file = File::open(path).ok()?;
    bytes.resize(usize::try_from(section.len().min(LIST_LEN_MAX)).ok()?, 0);
    file.read_exact_at(&mut bytes, section.pos()).ok()?;
    let mut rest = bytes.as_slice();
    let mut take = |len: usize| {
        let (part, after) = rest.split_at_checked(len)?;
        rest = after;
        Some(part)
    };
    let mut tables = Vec::new();
    for _level in 0..*take(1)?.first()? {
        for _run in 0..*take(1)?.first()? {
            for _table in 0..le32(take(4)?, 0) {
                tables.push(le64(take(TABLE_LEN)?, 0));
            }
        }
    }
    Some(tables)
}

/// Whether a table's list of parts is what was written.
fn table_parts(path: &Path) -> Option<()> {
    let file = File::open(path).ok()?;
    let parts_end = file.metadata().ok()?.len().checked_sub(TRAILER_LEN)?;
    let mut trailer = [0; TRAILER_LEN as usize];
    file.read_exact_at(&mut trailer, parts_end).ok()?;
    let (place, len) = (le64(&trailer, 22), le64(&trailer, 30));
    if !trailer.starts_with(b"SFA!\x01\x00") || len > PARTS_LEN_MAX {
        return None;
    }
    if place.checked_add(len) != Some(parts_end) {
        return None;
    }
    let mut parts = vec![0; len as usize];
    file.read_exact_at(&mut parts, place).ok()?;
    (xxh3_128(&parts).to_le_bytes()[..] == trailer[6..22]).then_some(())
}

fn read(path: &Path, len_max: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let io = |e: std::io::Error| StoreError::from_io("read the index", &e);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(error)),
    };
    let mut bytes = Vec::new();
    file.take(len_max).read_to_end(&mut bytes).map_err(io)?;
    Ok(Some(bytes))
}

fn damaged(what: &str) -> StoreError {
    StoreError::corrupt(format!("index/{what}"))
}
