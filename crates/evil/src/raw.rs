//! Entries and frames as bytes, so that they can be made wrong. Comes in: bodies. Goes out: their
//! parts, and bodies again, checked by nobody. Must not know: what is right.

use strongroom_wire::cbor::{Reader, Writer};
use strongroom_wire::entry::Entry;
use strongroom_wire::frame::{Cursor, Frame, split, write_entries};
use strongroom_wire::limits::{CLEAR_LEN_MAX, HEADER_LEN_MAX, SEALED_LEN_MAX};

/// The four parts of an entry, each to be changed at will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawEntry {
    /// Header bytes.
    pub header: Vec<u8>,
    /// 64 bytes, or none.
    pub signature: Vec<u8>,
    /// Clear part.
    pub clear: Vec<u8>,
    /// Sealed part.
    pub sealed: Vec<u8>,
}

impl RawEntry {
    /// Takes a sound entry apart.
    pub fn of(entry: &Entry) -> Self {
        Self {
            header: entry.header_bytes().to_vec(),
            signature: entry.signature().map_or_else(Vec::new, |bytes| bytes.to_vec()),
            clear: entry.clear().to_vec(),
            sealed: entry.sealed_bytes().unwrap_or_default().to_vec(),
        }
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut r = Reader::new(bytes);
        r.array_exact(4).ok()?;
        Some(Self {
            header: r.bytes(HEADER_LEN_MAX).ok()?.to_vec(),
            signature: r.bytes(64).ok()?.to_vec(),
            clear: r.bytes(CLEAR_LEN_MAX).ok()?.to_vec(),
            sealed: r.bytes(SEALED_LEN_MAX).ok()?.to_vec(),
        })
    }

    /// As it travels.
    pub fn write(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(4).bytes(&self.header).bytes(&self.signature).bytes(&self.clear);
        w.bytes(&self.sealed);
        w.into_bytes()
    }

    /// The entry, where it still is one.
    pub fn entry(&self) -> Option<Entry> {
        Entry::decode(&self.write()).ok()
    }
}

/// The frames of one body, entries taken apart.
#[derive(Debug, Clone, Default)]
pub struct RawFrames {
    /// What stands before the entries.
    pub before: Vec<Frame>,
    /// All entries.
    pub entries: Vec<Vec<u8>>,
    /// What stands after them.
    pub after: Vec<Frame>,
}

impl RawFrames {
    /// Reads what can be read of a body.
    pub fn read(mut bytes: &[u8]) -> Self {
        let mut frames = Self::default();
        while let Ok(Some((body, rest))) = split(bytes) {
            match Frame::decode(body) {
                Ok(Frame::Entries(entries)) => {
                    frames.entries.extend(entries.iter().map(Entry::encode));
                }
                Ok(other) if frames.entries.is_empty() => frames.before.push(other),
                Ok(other) => frames.after.push(other),
                Err(_) => {}
            }
            bytes = rest;
            if bytes.is_empty() {
                break;
            }
        }
        frames
    }

    /// The body.
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for frame in &self.before {
            frame.write(&mut out);
        }
        write_entries(&mut out, self.entries.iter().map(Vec::as_slice));
        for frame in &self.after {
            frame.write(&mut out);
        }
        out
    }

    /// The entries that are some.
    pub fn sound(&self) -> Vec<Entry> {
        self.entries.iter().filter_map(|bytes| Entry::decode(bytes).ok()).collect()
    }

    /// Changes each entry's parts.
    pub fn each(&mut self, mut edit: impl FnMut(&mut RawEntry)) {
        for bytes in &mut self.entries {
            if let Some(mut raw) = RawEntry::read(bytes) {
                edit(&mut raw);
                *bytes = raw.write();
            }
        }
    }

    /// Changes cursors.
    pub fn cursor(&mut self, edit: impl Fn(&mut Option<Cursor>, &mut bool)) {
        for frame in self.before.iter_mut().chain(&mut self.after) {
            if let Frame::CursorIs { cursor, more } = frame {
                edit(cursor, more);
            }
        }
    }

    /// Changes what is said of the whole set.
    pub fn done(&mut self, edit: impl Fn(&mut u64, &mut [u8; 16])) {
        for frame in self.before.iter_mut().chain(&mut self.after) {
            if let Frame::Done { count, fingerprint } = frame {
                edit(count, fingerprint);
            }
        }
    }
}
