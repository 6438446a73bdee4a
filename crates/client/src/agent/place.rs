//! Where an agent listens. Comes in: a home. Goes out: directories of this user alone, and a lock
//! that one agent holds. Must not know: what is said over the socket.
//!
//! The first of `$XDG_RUNTIME_DIR`, `/run/user/<uid>` and `/tmp` that is fit for it. All three are
//! asked for an agent, so that `lock` from one login ends what `unlock` started in another.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::process::geteuid;
use strongroom_wire::ids::base32;

use crate::error::{Error, ErrorKind, Result};
use crate::home::Home;

/// Bytes of the home's hash in a directory's name.
const NAME_HASH_LEN: usize = 10;
/// Permission bits of everybody else.
const OTHERS: u32 = 0o077;
/// Tries to take the lock while others remove theirs.
const TRIES_MAX: usize = 10;

/// One directory in which an agent may listen.
#[derive(Debug)]
pub(super) struct Place {
    directory: PathBuf,
}

/// The sole agent's claim on a place. Gone when dropped, socket and directory with it.
#[derive(Debug)]
pub(super) struct Claim {
    place: Place,
    _lock: File,
}

impl Place {
    /// All places of this home, the preferred one first.
    pub(super) fn all(home: &Home) -> Result<Vec<Self>> {
        // The same home by another path is the same home.
        let path = fs::canonicalize(home.path())
            .map_err(|error| Error::io(format!("cannot open {}", home.path().display()), &error))?;
        let hash = blake3::hash(path.as_os_str().as_bytes());
        let name = base32(&hash.as_bytes()[..NAME_HASH_LEN]);
        let uid = geteuid().as_raw();

        let set = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let set = set.filter(|path| path.is_absolute());
        let mut bases: Vec<PathBuf> = set.into_iter().collect();
        bases.push(format!("/run/user/{uid}").into());
        bases.dedup();
        let mut all: Vec<_> = bases
            .into_iter()
            .filter(|base| is_private(base))
            .map(|base| base.join(format!("strongroom-{name}")))
            .collect();
        all.push(format!("/tmp/strongroom-{uid}-{name}").into());
        Ok(all.into_iter().map(|directory| Self { directory }).collect())
    }

    /// The socket.
    pub(super) fn socket(&self) -> PathBuf {
        self.directory.join("agent.sock")
    }

    fn lock_file(&self) -> PathBuf {
        self.directory.join("agent.lock")
    }

    /// Whether the directory is there and nobody else can have put anything into it.
    pub(super) fn is_ours(&self) -> bool {
        is_private(&self.directory)
    }

    /// Becomes the one agent here. `None`: another one is.
    pub(super) fn claim(self) -> Result<Option<Claim>> {
        let fail = |error: io::Error| {
            Error::io(format!("cannot use {}", self.directory.display()), &error)
        };
        for _ in 0..TRIES_MAX {
            self.make().map_err(fail)?;
            if !self.is_ours() {
                let what = format!("{} is not this user's alone", self.directory.display());
                return Err(Error::new(ErrorKind::Conflict, what)
                    .with_hint("set XDG_RUNTIME_DIR to a directory of your own"));
            }
            let lock = match self.open_lock() {
                Ok(lock) => lock,
                // The agent before us has just taken its directory away.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(fail(error)),
            };
            match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
                Err(error) => return Err(fail(error.into())),
            }
            // A lock on a file that was removed meanwhile keeps nobody out.
            if is_at(&lock, &self.lock_file()) {
                // INVARIANT: whoever holds the lock is alone, so a socket here is a dead agent's.
                let _ = fs::remove_file(self.socket());
                return Ok(Some(Claim { place: self, _lock: lock }));
            }
        }
        Ok(None)
    }

    fn make(&self) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(&self.directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    fn open_lock(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600).open(self.lock_file())
    }
}

impl Claim {
    pub(super) fn socket(&self) -> PathBuf {
        self.place.socket()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.place.socket());
        let _ = fs::remove_file(self.place.lock_file());
        let _ = fs::remove_dir(&self.place.directory);
    }
}

/// A directory of this user that nobody else may enter. A link is none, wherever it leads.
fn is_private(directory: &Path) -> bool {
    fs::symlink_metadata(directory).is_ok_and(|found| {
        found.is_dir() && found.uid() == geteuid().as_raw() && found.mode() & OTHERS == 0
    })
}

fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(held), Ok(found)) = (file.metadata(), fs::symlink_metadata(path)) else { return false };
    (held.dev(), held.ino()) == (found.dev(), found.ino())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn place(parent: &tempfile::TempDir) -> Place {
        Place { directory: parent.path().join("place") }
    }

    #[test]
    fn one_claim_at_a_time_and_nothing_is_left_of_it() {
        let parent = tempfile::tempdir().unwrap();
        let first = place(&parent).claim().unwrap().unwrap();
        assert!(place(&parent).claim().unwrap().is_none());
        drop(first);
        assert!(!place(&parent).directory.exists());
        assert!(place(&parent).claim().unwrap().is_some());
    }

    #[test]
    fn of_many_who_race_never_two_hold_the_claim() {
        let parent = tempfile::tempdir().unwrap();
        let holders = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let Ok(Some(claim)) = place(&parent).claim() else { continue };
                        let before = holders.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                        assert_eq!(before, 0);
                        holders.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                        drop(claim);
                    }
                });
            }
        });
    }

    #[test]
    fn a_directory_others_may_enter_and_a_link_are_refused() {
        let parent = tempfile::tempdir().unwrap();
        let open = place(&parent);
        fs::create_dir(&open.directory).unwrap();
        fs::set_permissions(&open.directory, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(!open.is_ours());
        assert_eq!(open.claim().unwrap_err().kind(), ErrorKind::Conflict);

        let link = Place { directory: parent.path().join("link") };
        let target = parent.path().join("target");
        fs::create_dir(&target).unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o700)).unwrap();
        std::os::unix::fs::symlink(&target, &link.directory).unwrap();
        assert_eq!(link.claim().unwrap_err().kind(), ErrorKind::Conflict);
    }

    #[test]
    fn a_home_has_one_place_by_whatever_path_it_is_named() {
        let parent = tempfile::tempdir().unwrap();
        let home = parent.path().join("home");
        fs::create_dir(&home).unwrap();
        let link = parent.path().join("link");
        std::os::unix::fs::symlink(&home, &link).unwrap();
        let directories = |path: &Path| -> Vec<PathBuf> {
            Place::all(&Home::at(path)).unwrap().into_iter().map(|p| p.directory).collect()
        };
        assert_eq!(directories(&home), directories(&link));
        assert_ne!(directories(&home), directories(parent.path()));
    }
}
