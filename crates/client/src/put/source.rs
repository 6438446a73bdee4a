//! Sources: what a person names on this device. Comes in: paths. Goes out: the files, links and
//! directories there, each directory before what is in it. Must not know: vaults.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use strongroom_core::document::Timestamp;
use strongroom_core::names::{NameError, name_from_bytes};

use crate::glob::Pattern;
use crate::replica::rows::Stamp;
use crate::report::Refused;

/// What kind of thing a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// A symbolic link.
    Link,
}

/// How a source looked when its directory was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// What it is.
    pub kind: SourceKind,
    /// Bytes; of a link its target's length.
    pub size: u64,
    /// When its content changed.
    pub modified: Timestamp,
    /// Permission bits.
    pub mode: u16,
    /// Anything that changes with it.
    pub stamp: Stamp,
}

impl Look {
    /// Looks at a path, not through a link. `None`: neither file, link nor directory.
    pub fn at(path: &Path) -> io::Result<Option<Self>> {
        Ok(Self::of(&fs::symlink_metadata(path)?))
    }

    /// From what the system says.
    pub fn of(found: &fs::Metadata) -> Option<Self> {
        let kind = found.file_type();
        let kind = if kind.is_file() {
            SourceKind::File
        } else if kind.is_dir() {
            SourceKind::Directory
        } else if kind.is_symlink() {
            SourceKind::Link
        } else {
            return None;
        };
        let nanos = |n: i64| u32::try_from(n).unwrap_or_default();
        Some(Self {
            kind,
            size: found.size(),
            modified: Timestamp { secs: found.mtime(), nanos: nanos(found.mtime_nsec()) },
            mode: (found.mode() & 0o7777) as u16,
            stamp: Stamp {
                device: found.dev(),
                inode: found.ino(),
                changed: Timestamp { secs: found.ctime(), nanos: nanos(found.ctime_nsec()) },
            },
        })
    }

    /// Whether nothing of the content can have changed between two looks.
    pub fn same_content(&self, other: &Self) -> bool {
        self.size == other.size && self.modified == other.modified && self.stamp == other.stamp
    }
}

/// One thing in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name; what a document may be called.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// How it looked.
    pub look: Look,
}

/// Reads a directory, by name. What cannot be a document is refused with the reason.
pub fn read_directory(
    path: &Path,
    exclude: &[Pattern],
    refused: &mut Vec<Refused>,
) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let path = entry.path();
        let name = match document_name(&entry.file_name()) {
            Ok(name) => name,
            Err(reason) => {
                refused.push(Refused { path: path.to_string_lossy().into_owned(), reason });
                continue;
            }
        };
        if exclude.iter().any(|pattern| pattern.matches(&name)) {
            continue;
        }
        match entry.metadata().map(|metadata| Look::of(&metadata)) {
            Ok(Some(look)) => found.push(Found { name, path, look }),
            Ok(None) => refused.push(Refused {
                path: path.to_string_lossy().into_owned(),
                reason: "it is neither file, link nor directory".to_owned(),
            }),
            // It was removed while we looked: as if it had never been there.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => refused.push(Refused {
                path: path.to_string_lossy().into_owned(),
                reason: error.to_string(),
            }),
        }
    }
    found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// The name a document may have, never silently changed.
pub fn document_name(name: &std::ffi::OsStr) -> Result<String, String> {
    name_from_bytes(name.as_bytes()).map(str::to_owned).map_err(|error| match error {
        NameError::NotUtf8 => {
            let what = "its name is not UTF-8; rename it, for instance with `convmv`";
            format!("{what}, then put it again")
        }
        other => other.to_string(),
    })
}
