//! Looking for damage, and getting out of it what can be got out.
//!
//! Takes a store, gives a [`Report`]. Must not know: callers.

use std::fs;
use std::path::Path;

use super::Local;
use super::home::{Home, Slot};
use super::index::{Index, decode_entry};
use super::recover::Mode;
use crate::checksum::row_name;
use crate::{BlobId, Blobs, Report, StoreError};

impl Local {
    /// Looks for damage: reads every row and every blob's header; with `deep` every blob's
    /// bytes too. The store stays in use meanwhile.
    pub fn check(&self, deep: bool) -> Result<Report, StoreError> {
        let mut report = Report::default();
        self.check_rows(&mut report)?;
        for (id, what) in self.damaged_blobs(deep, &mut report)? {
            report.damaged.push(format!("blob {id}: {what}"));
        }
        Ok(report)
    }

    fn check_rows(&self, report: &mut Report) -> Result<(), StoreError> {
        let mut rows = self.index.scan(&[], None);
        let mut last = Vec::new();
        loop {
            match rows.next(false) {
                Ok(None) => return Ok(()),
                Ok(Some((key, _))) => {
                    report.rows += 1;
                    last.clear();
                    last.extend_from_slice(key.get(1..).unwrap_or_default());
                }
                Err(StoreError::Corrupt { what }) => {
                    report.damaged.push(format!("rows after {}: {what}", row_name(&last)));
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn damaged_blobs(
        &self,
        deep: bool,
        report: &mut Report,
    ) -> Result<Vec<(BlobId, String)>, StoreError> {
        let mut damaged = Vec::new();
        let mut rows = self.index.blobs(&[]);
        loop {
            let (key, value) = match rows.next(false) {
                Ok(None) => return Ok(damaged),
                Ok(Some(row)) => row,
                Err(StoreError::Corrupt { what }) => {
                    report.damaged.push(format!("the list of blobs: {what}"));
                    return Ok(damaged);
                }
                Err(error) => return Err(error),
            };
            let Some(id) = key.get(1..).and_then(|id| id.try_into().ok()).map(BlobId) else {
                continue;
            };
            let entry = decode_entry(&value);
            report.blobs += 1;
            report.blob_bytes += u64::from(entry.len);
            let range = if deep { 0..u64::MAX } else { 0..0 };
            match Blobs::get(self, &id, range) {
                Ok(_) => {}
                Err(StoreError::Corrupt { what }) => damaged.push((id, what)),
                Err(error) => return Err(error),
            }
        }
    }

    /// Gets out of a damaged store what can be got out, and leaves one that opens. Says what is
    /// lost. Only for a store nobody has open; make a copy of the directory first.
    ///
    /// Damaged pieces of the logs are gone around; damaged blobs are forgotten, so that they
    /// can be put again. If the index is damaged it is set aside (`index.damaged-N`): blobs are
    /// found again from the segments, rows only from the journal that is left.
    pub fn repair(dir: &Path) -> Result<Report, StoreError> {
        let mut report = Report::default();
        let home = Home::open(dir)?;
        let index = match open_and_read(dir) {
            Ok(index) => index,
            Err(StoreError::Corrupt { what }) => {
                report.damaged.push(format!("{what}; rows in it are lost"));
                set_aside(dir)?;
                Index::open(&dir.join("index"))?
            }
            Err(error) => return Err(error),
        };
        let store = Self::start(home, index, &mut Mode::Salvage(&mut report))?;
        let mut again = Report::default();
        let damaged = store.damaged_blobs(true, &mut again)?;
        for (id, what) in damaged {
            report.damaged.push(format!("blob {id}: {what}"));
            store.delete(&[id])?;
        }
        store.check_rows(&mut again)?;
        (report.rows, report.blobs, report.blob_bytes) =
            (again.rows, again.blobs, again.blob_bytes);
        report.damaged.append(&mut again.damaged);
        store.settle()?;
        Ok(report)
    }

    /// Writes everything into the tables and removes the logs they replace, so that damaged
    /// pieces are not met again.
    fn settle(self) -> Result<(), StoreError> {
        self.index.flush()?;
        let home = std::sync::Arc::clone(&self.home);
        let persisted = self.index.persisted().journal;
        drop(self);
        let journal = super::Files::new(home.dir().to_owned(), "journal-", [0; 32]);
        let durable = home.durable(Slot::Journal);
        if persisted >= durable.group {
            let numbers = journal.numbers()?;
            for number in numbers.iter().filter(|number| **number < durable.file) {
                journal.remove(*number)?;
            }
        }
        Ok(())
    }
}

/// Opens the index and reads all of it: a damaged block must be met now.
fn open_and_read(dir: &Path) -> Result<Index, StoreError> {
    let index = Index::open(&dir.join("index"))?;
    for mut rows in [index.scan(&[], None), index.blobs(&[])] {
        while rows.next(false)?.is_some() {}
    }
    Ok(index)
}

fn set_aside(dir: &Path) -> Result<(), StoreError> {
    let io = |e: std::io::Error| StoreError::from_io("set the damaged index aside", &e);
    let free =
        (1..1_000).map(|n| dir.join(format!("index.damaged-{n}"))).find(|path| !path.exists());
    fs::rename(dir.join("index"), free.unwrap_or_default()).map_err(io)
}
