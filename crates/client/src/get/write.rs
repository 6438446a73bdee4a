//! Writing files. Comes in: verified content and what a document says of itself. Goes out: files,
//! links and directories, whole or not at all. Must not know: vaults.

use std::ffi::OsStr;
use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use strongroom_core::document::{Metadata, Timestamp};

use crate::error::{Error, ErrorKind, Result};
use crate::place::name_is_allowed;

/// A name inside a directory; `None` for one that would lead out of it.
pub fn child(dir: &Path, name: &str) -> Option<PathBuf> {
    name_is_allowed(name).then(|| dir.join(name))
}

/// Makes a directory unless one is there. Not through a link: what a link names may lie anywhere.
pub fn directory(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => return Ok(false),
        Ok(_) => {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "something that is no directory is there",
            ));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    fs::create_dir_all(path).map(|()| true)
}

/// Whether the file at a path has this size and time already.
pub fn looks_like(path: &Path, facts: &Metadata) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| {
        found.is_file()
            && found.size() == facts.size
            && found.mtime() == facts.modified.secs
            && found.mtime_nsec() == i64::from(facts.modified.nanos)
    })
}

/// A file on its way: under a name of its own until it is whole.
pub struct Part {
    file: io::BufWriter<File>,
    temporary: PathBuf,
    path: PathBuf,
    done: bool,
}

impl Part {
    /// Starts a file beside its place.
    pub fn create(path: &Path, overwrite: bool) -> Result<Self> {
        match fs::symlink_metadata(path) {
            Ok(found) if found.is_dir() => {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!("{} is a directory", path.display()),
                ));
            }
            Ok(_) if !overwrite => return Err(there(path)),
            _ => {}
        }
        let name = path.file_name().unwrap_or_else(|| OsStr::new("file"));
        let mut hidden = OsStr::new(".").to_owned();
        // A name that is as long as names may be still has room for ours.
        hidden.push(OsStr::new(&blake3::hash(name.as_encoded_bytes()).to_hex().as_str()[..16]));
        hidden.push(format!(".{}.strongroom-part", std::process::id()));
        let temporary = path.with_file_name(hidden);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
            .open(&temporary)
            .map_err(|e| Error::io(format!("cannot write {}", path.display()), &e))?;
        let file = io::BufWriter::with_capacity(65_536, file);
        Ok(Self { file, temporary, path: path.to_owned(), done: false })
    }

    /// Sets times and mode, and gives the file its name.
    pub fn finish(mut self, facts: &Metadata) -> Result<()> {
        let doing = |e: io::Error| Error::io(format!("cannot write {}", self.path.display()), &e);
        self.file.flush().map_err(doing)?;
        let file = self.file.get_ref();
        if let Some(mode) = facts.mode {
            // Set-user and set-group bits would run as whoever gets the file.
            let mode = fs::Permissions::from_mode(u32::from(mode) & 0o777);
            file.set_permissions(mode).map_err(doing)?;
        } else {
            file.set_permissions(fs::Permissions::from_mode(0o644)).map_err(doing)?;
        }
        if let Some(modified) = system_time(facts.modified) {
            file.set_times(FileTimes::new().set_modified(modified)).map_err(doing)?;
        }
        fs::rename(&self.temporary, &self.path).map_err(doing)?;
        self.done = true;
        Ok(())
    }
}

impl Write for Part {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.done {
            drop(fs::remove_file(&self.temporary));
        }
    }
}

/// Makes a symbolic link with this target, whatever it names; it is never followed here.
pub fn link(target: &[u8], path: &Path, overwrite: bool) -> Result<()> {
    use std::os::unix::ffi::OsStrExt as _;
    let target = OsStr::from_bytes(target);
    let doing = |e: io::Error| Error::io(format!("cannot make {}", path.display()), &e);
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => {
            if fs::read_link(path).is_ok_and(|old| old.as_os_str() == target) {
                return Ok(());
            }
            if !overwrite {
                return Err(there(path));
            }
            fs::remove_file(path).map_err(doing)?;
        }
        Ok(_) => return Err(there(path)),
        Err(_) => {}
    }
    std::os::unix::fs::symlink(target, path).map_err(doing)
}

/// Sets a directory's mode and time.
pub fn finish_directory(path: &Path, facts: &Metadata) -> io::Result<()> {
    let dir = File::open(path)?;
    if let Some(modified) = system_time(facts.modified)
        && facts.mode.is_some()
    {
        dir.set_times(FileTimes::new().set_modified(modified))?;
    }
    if let Some(mode) = facts.mode {
        dir.set_permissions(fs::Permissions::from_mode(u32::from(mode) & 0o777))?;
    }
    Ok(())
}

fn system_time(time: Timestamp) -> Option<SystemTime> {
    let nanos = Duration::from_nanos(u64::from(time.nanos));
    let secs = Duration::from_secs(time.secs.unsigned_abs());
    let whole = if time.secs >= 0 {
        SystemTime::UNIX_EPOCH.checked_add(secs)
    } else {
        SystemTime::UNIX_EPOCH.checked_sub(secs)
    };
    whole.and_then(|whole| whole.checked_add(nanos))
}

fn there(path: &Path) -> Error {
    Error::new(ErrorKind::Conflict, format!("{} is there already, and differs", path.display()))
        .with_hint("`--overwrite` replaces it")
}
