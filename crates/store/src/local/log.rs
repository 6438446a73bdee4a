//! A log: numbered files of frames, appended in groups, one fsync a group.
//!
//! Takes groups, gives places; on opening gives all frames again and decides, where they end,
//! whether a write was interrupted there (cut it off: nobody was told it was durable) or
//! something durable is damaged (say so).
//!
//! Must not know: rows, blobs' meaning, the index.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use super::frame::{ALIGN, HEADER, Header, Kind, MAGIC, payload_check, stride};
use super::home::{Durable, sync_dir};
use crate::{BlobId, StoreError};

/// Payloads up to this are gathered into one write with their headers, in bytes.
const GATHER: usize = 64 << 10;

/// The files of one log, for reading from any thread.
pub(super) struct Files {
    dir: PathBuf,
    prefix: &'static str,
    pub key: [u8; 32],
    open: RwLock<BTreeMap<u64, Arc<File>>>,
}

/// One frame to append.
pub(super) struct Part<'a> {
    pub kind: Kind,
    pub id: BlobId,
    pub payload: &'a [u8],
    pub check: [u8; 16],
}

/// Where a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub file: u64,
    pub offset: u64,
}

/// What comes where the good frames of a file end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    /// Nothing, or a write that was interrupted.
    Torn,
    /// Something that had been durable.
    Damaged,
}

impl Files {
    pub(super) fn new(dir: PathBuf, prefix: &'static str, key: [u8; 32]) -> Self {
        Self { dir, prefix, key, open: RwLock::default() }
    }

    /// The numbers of the files there are, ascending.
    pub(super) fn numbers(&self) -> Result<Vec<u64>, StoreError> {
        let io = |e: std::io::Error| StoreError::from_io("list the store's directory", &e);
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(io)? {
            let name = entry.map_err(io)?.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix(self.prefix));
            numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// How a place is named to a person.
    pub(super) fn name(&self, place: Place) -> String {
        format!("{}{:08} at byte {}", self.prefix, place.file, place.offset)
    }

    pub(super) fn file(&self, number: u64) -> Result<Arc<File>, StoreError> {
        if let Some(file) = self.open.read().unwrap_or_else(PoisonError::into_inner).get(&number) {
            return Ok(Arc::clone(file));
        }
        let file = OpenOptions::new().read(true).write(true).open(self.path(number));
        let file = file.map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                StoreError::corrupt(format!("{}{number:08}: it is gone", self.prefix))
            }
            _ => StoreError::from_io("open a log file", &error),
        })?;
        Ok(self.keep(number, file))
    }

    fn create(&self, number: u64) -> Result<Arc<File>, StoreError> {
        let file =
            OpenOptions::new().read(true).write(true).create_new(true).open(self.path(number));
        let file = file.map_err(|e| StoreError::from_io("make a log file", &e))?;
        sync_dir(&self.dir)?;
        Ok(self.keep(number, file))
    }

    fn keep(&self, number: u64, file: File) -> Arc<File> {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(open.entry(number).or_insert_with(|| Arc::new(file)))
    }

    /// Removes a file that nothing refers to any more.
    pub(super) fn remove(&self, number: u64) -> Result<(), StoreError> {
        self.open.write().unwrap_or_else(PoisonError::into_inner).remove(&number);
        match fs::remove_file(self.path(number)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(StoreError::from_io("remove a log file", &error))
            }
            _ => Ok(()),
        }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.dir.join(format!("{}{number:08}", self.prefix))
    }

    /// The length of a file in bytes.
    pub(super) fn len(&self, number: u64) -> Result<u64, StoreError> {
        let meta = self.file(number)?.metadata();
        Ok(meta.map_err(|e| StoreError::from_io("measure a log file", &e))?.len())
    }

    /// The header at a place, if a frame was written there.
    pub(super) fn header(&self, place: Place) -> Result<Option<Header>, StoreError> {
        let mut bytes = [0; HEADER];
        match self.file(place.file)?.read_exact_at(&mut bytes, place.offset) {
            Ok(()) => Ok(Header::decode(&bytes, &self.key, place.file, place.offset)),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(StoreError::from_io("read a log file", &error)),
        }
    }

    /// The payload of a frame, if it is what was written.
    pub(super) fn payload(
        &self,
        place: Place,
        header: &Header,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        // Measured before it is allocated: a length is only as true as the file is long.
        if self.len(place.file)? < place.offset + HEADER as u64 + u64::from(header.len) {
            return Ok(None);
        }
        let mut bytes = vec![0; header.len as usize];
        match self.file(place.file)?.read_exact_at(&mut bytes, place.offset + HEADER as u64) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(StoreError::from_io("read a log file", &error)),
        }
        Ok((payload_check(&self.key, &bytes) == header.payload_check).then_some(bytes))
    }

    /// Decides what comes at `place`, where no good frame of `group` or later begins.
    ///
    /// A group is written only after all before it were durable. So what is missing was durable
    /// if HEAD says so, or if anything later than `group` exists.
    pub(super) fn tail(
        &self,
        place: Place,
        group: u64,
        durable: Durable,
    ) -> Result<Tail, StoreError> {
        if durable.group >= group || (durable.file, durable.end) > (place.file, place.offset) {
            return Ok(Tail::Damaged);
        }
        if self.numbers()?.iter().any(|number| *number > place.file && self.has_frames(*number)) {
            return Ok(Tail::Damaged);
        }
        let later = self.find(Place { offset: place.offset + ALIGN, ..place }, group + 1)?;
        Ok(if later.is_some() { Tail::Damaged } else { Tail::Torn })
    }

    fn has_frames(&self, number: u64) -> bool {
        self.find(Place { file: number, offset: 0 }, 0).is_ok_and(|found| found.is_some())
    }

    /// The first frame at or after `place` in its file that belongs to `group` or a later one.
    pub(super) fn find(&self, place: Place, group: u64) -> Result<Option<Place>, StoreError> {
        const WINDOW: usize = 1 << 20;
        let file = self.file(place.file)?;
        let mut window = vec![0; WINDOW + HEADER];
        let mut offset = place.offset.next_multiple_of(ALIGN);
        loop {
            let len = read_up_to(&file, &mut window, offset)?;
            for at in (0..len.min(WINDOW)).step_by(ALIGN as usize) {
                let rest = &window[at..len];
                if !rest.starts_with(&MAGIC) {
                    continue;
                }
                let here = Place { file: place.file, offset: offset + at as u64 };
                let header = Header::decode(rest, &self.key, here.file, here.offset);
                if header.is_some_and(|header| header.group >= group) {
                    return Ok(Some(here));
                }
            }
            if len <= WINDOW {
                return Ok(None);
            }
            offset += WINDOW as u64;
        }
    }

    /// Cuts a file and makes the cut durable.
    pub(super) fn cut(&self, place: Place) -> Result<(), StoreError> {
        let file = self.file(place.file)?;
        let cut = file.set_len(place.offset).and_then(|()| file.sync_all());
        cut.map_err(|e| StoreError::from_io("cut a log file", &e))
    }
}

fn read_up_to(file: &File, buffer: &mut [u8], offset: u64) -> Result<usize, StoreError> {
    let mut len = 0;
    while len < buffer.len() {
        match file.read_at(&mut buffer[len..], offset + len as u64) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(StoreError::from_io("read a log file", &error)),
        }
    }
    Ok(len)
}

/// The end of a log, where groups are appended. One thread has it.
pub(super) struct Appender {
    files: Arc<Files>,
    file: Arc<File>,
    end: Place,
    group: u64,
    gathered: Vec<u8>,
    broken: bool,
}

impl Appender {
    /// Goes on at `end`, after `group`. Makes the file if it is absent.
    pub(super) fn new(files: Arc<Files>, end: Place, group: u64) -> Result<Self, StoreError> {
        let file = if files.numbers()?.contains(&end.file) {
            files.file(end.file)?
        } else {
            files.create(end.file)?
        };
        Ok(Self { files, file, end, group, gathered: Vec::new(), broken: false })
    }

    /// Where the next frame begins.
    pub(super) fn end(&self) -> Place {
        self.end
    }

    /// How far the log is durable.
    pub(super) fn durable(&self) -> Durable {
        Durable { file: self.end.file, end: self.end.offset, group: self.group }
    }

    /// Begins the next file.
    pub(super) fn next_file(&mut self) -> Result<(), StoreError> {
        let next = self.end.file + 1;
        self.file = self.files.create(next)?;
        self.end = Place { file: next, offset: 0 };
        Ok(())
    }

    /// Appends a group and makes it durable. Gives its number, and where each frame is.
    ///
    /// After an error nothing of it is there, and the log can go on; if even that cannot be
    /// made sure of, the log is closed for good.
    pub(super) fn append(&mut self, parts: &[Part<'_>]) -> Result<(u64, Vec<Place>), StoreError> {
        if self.broken {
            return Err(StoreError::Closed);
        }
        let group = self.group + 1;
        match self.write(group, parts) {
            Ok((places, end)) => {
                self.group = group;
                self.end = end;
                Ok((group, places))
            }
            Err(error) => {
                // After a failed fsync nobody knows what is on the disk: take it back, and
                // never trust this log again if that fails too.
                self.broken = self.files.cut(self.end).is_err();
                Err(StoreError::from_io("write a log file", &error))
            }
        }
    }

    fn write(&mut self, group: u64, parts: &[Part<'_>]) -> std::io::Result<(Vec<Place>, Place)> {
        let mut places = Vec::with_capacity(parts.len());
        let mut end = self.end;
        let mut written = self.end.offset;
        self.gathered.clear();
        for (index, part) in parts.iter().enumerate() {
            let header = Header {
                kind: part.kind,
                len: part.payload.len() as u32,
                index: index as u32,
                count: parts.len() as u32,
                group,
                time: now(),
                id: part.id,
                payload_check: part.check,
            };
            self.gathered.extend(header.encode(&self.files.key, end.file, end.offset));
            places.push(end);
            end.offset += stride(part.payload.len() as u64);
            if part.payload.len() > GATHER {
                self.file.write_all_at(&self.gathered, written)?;
                written += self.gathered.len() as u64;
                self.gathered.clear();
                self.file.write_all_at(part.payload, written)?;
                written += part.payload.len() as u64;
            } else {
                self.gathered.extend_from_slice(part.payload);
            }
            let padding = (end.offset - written) as usize;
            self.gathered.resize(padding, 0);
            if self.gathered.len() > GATHER {
                self.file.write_all_at(&self.gathered, written)?;
                written += self.gathered.len() as u64;
                self.gathered.clear();
            }
        }
        self.file.write_all_at(&self.gathered, written)?;
        self.file.sync_data()?;
        Ok((places, end))
    }
}

/// Unix seconds; 0 if the clock stands before 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
