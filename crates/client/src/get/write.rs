//! Writing files. Comes in: verified content and what a document says of itself. Goes out: files,
//! links and directories, whole or not at all. Must not know: vaults.

use std::ffi::OsStr;
use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use strongroom_core::document::{Metadata, Timestamp};
use strongroom_core::names::{ExportRules, export_name};

use crate::error::{Error, ErrorKind, Result};

/// A name inside a directory; `None` for one that would lead out of it.
pub fn child(dir: &Path, name: &str) -> Option<PathBuf> {
    let name = export_name(name, ExportRules::Unix).ok()?;
    Some(dir.join(&*name))
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

/// Whether the file at a path has this size and time already. Fails if what is there may not be
/// replaced.
pub fn is_there(path: &Path, facts: &Metadata, overwrite: bool) -> Result<bool> {
    // Whatever else is wrong with it, writing will tell.
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(false) };
    let same = found.is_file()
        && found.size() == facts.size
        && found.mtime() == facts.modified.secs
        && found.mtime_nsec() == i64::from(facts.modified.nanos);
    if same {
        return Ok(true);
    }
    if found.is_dir() || !overwrite { Err(there(path)) } else { Ok(false) }
}

/// A file on its way: under a name of its own until it is whole. Takes whole pieces of content;
/// nothing is gathered here.
pub struct Part {
    file: File,
    temporary: PathBuf,
    path: PathBuf,
    done: bool,
}

impl Part {
    /// Starts a file beside its place.
    pub fn create(path: &Path) -> Result<Self> {
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
        Ok(Self { file, temporary, path: path.to_owned(), done: false })
    }

    /// Sets times and mode, and gives the file its name, unless something else has it by now.
    pub fn finish(mut self, facts: &Metadata, overwrite: bool) -> Result<()> {
        let doing = |e: io::Error| Error::io(format!("cannot write {}", self.path.display()), &e);
        let file = &self.file;
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
        match rename(&self.temporary, &self.path, overwrite) {
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::AlreadyExists | io::ErrorKind::IsADirectory
                ) =>
            {
                return Err(there(&self.path));
            }
            renamed => renamed.map_err(doing)?,
        }
        self.done = true;
        Ok(())
    }
}

impl Write for Part {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
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

fn rename(from: &Path, to: &Path, overwrite: bool) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    if overwrite {
        return fs::rename(from, to);
    }
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // A file system that cannot: the moment between look and rename stays open there.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            if fs::symlink_metadata(to).is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            fs::rename(from, to)
        }
        renamed => Ok(renamed?),
    }
}

/// Makes a symbolic link with this target, whatever it names; it is never followed here. False if
/// it is there already.
pub fn link(target: &[u8], path: &Path, facts: &Metadata, overwrite: bool) -> Result<bool> {
    use std::os::unix::ffi::OsStrExt as _;
    let target = OsStr::from_bytes(target);
    let doing = |e: io::Error| Error::io(format!("cannot make {}", path.display()), &e);
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => {
            if fs::read_link(path).is_ok_and(|old| old.as_os_str() == target) {
                return Ok(false);
            }
            if !overwrite {
                return Err(there(path));
            }
            fs::remove_file(path).map_err(doing)?;
        }
        Ok(_) => return Err(there(path)),
        Err(_) => {}
    }
    std::os::unix::fs::symlink(target, path).map_err(doing)?;
    set_link_time(path, facts.modified).map_err(doing)?;
    Ok(true)
}

fn set_link_time(path: &Path, modified: Timestamp) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_OMIT, utimensat};
    let last_access = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    let last_modification = Timespec { tv_sec: modified.secs, tv_nsec: modified.nanos.into() };
    let times = Timestamps { last_access, last_modification };
    Ok(utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
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
    if fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) {
        return Error::new(ErrorKind::Conflict, format!("{} is a directory", path.display()));
    }
    Error::new(ErrorKind::Conflict, format!("{} is there already, and differs", path.display()))
        .with_hint("`--overwrite` replaces it")
}
