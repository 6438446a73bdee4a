//! The key store's file. Comes in: a path, a passphrase, contents. Goes out: the contents, or one
//! error for a wrong passphrase and a damaged file. Must not know: what the contents mean.
//!
//! The file is replaced whole or not at all: written under another name, synced, renamed, and the
//! directory synced. Whatever fails, the old file is there as it was.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use strongroom_seal::cost::Cost;
use strongroom_seal::keystore::{self, FILE_LEN_MAX, KeyStoreError, OpenKeyStore};
use strongroom_seal::rng::Rng as _;
use strongroom_wire::ids::base32;
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Result};
use crate::random::SystemRng;

/// Makes a key store under a passphrase of this cost. Refuses to replace one.
pub fn create(path: &Path, passphrase: &str, cost: Cost, contents: &[u8]) -> Result<OpenKeyStore> {
    if path.exists() {
        return Err(there_already(path));
    }
    let made = keystore::create(passphrase.as_bytes(), cost, contents, &mut SystemRng);
    let (file, open) = made.map_err(|error| explain(path, &error))?;
    write(path, &file, true)?;
    Ok(open)
}

/// Opens a key store. Takes Argon2id's time, whatever is wrong.
pub fn read(path: &Path, passphrase: &str) -> Result<Zeroizing<Vec<u8>>> {
    open(path, passphrase).map(|(contents, _)| contents)
}

/// The same; what comes with the contents saves others without the passphrase.
pub fn open(path: &Path, passphrase: &str) -> Result<(Zeroizing<Vec<u8>>, OpenKeyStore)> {
    let file = read_file(path)?;
    keystore::unlock(passphrase.as_bytes(), &file).map_err(|error| explain(path, &error))
}

/// Replaces the contents, under the same passphrase.
pub fn save(path: &Path, store: &OpenKeyStore, contents: &[u8]) -> Result<()> {
    let file = store.save(contents, &mut SystemRng).map_err(|error| explain(path, &error))?;
    write(path, &file, false)
}

/// Seals the same contents under another passphrase.
pub fn change_passphrase(path: &Path, old: &str, new: &str, cost: Cost) -> Result<OpenKeyStore> {
    let file = read_file(path)?;
    let (old, new) = (old.as_bytes(), new.as_bytes());
    let changed = keystore::change_passphrase(old, new, cost, &file, &mut SystemRng);
    let (file, open) = changed.map_err(|error| explain(path, &error))?;
    write(path, &file, false)?;
    Ok(open)
}

/// Reads a file of at most `len_max` bytes.
pub(crate) fn read_bounded(path: &Path, len_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(len_max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > len_max {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is too large"));
    }
    Ok(bytes)
}

/// A file that is too large is read as a damaged one: one error, after the same work.
fn read_file(path: &Path) -> Result<Vec<u8>> {
    match read_bounded(path, FILE_LEN_MAX as u64) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => Ok(Vec::new()),
        Err(error) => Err(Error::io(format!("cannot read {}", path.display()), &error)),
    }
}

fn write(path: &Path, bytes: &[u8], new: bool) -> Result<()> {
    write_whole(path, bytes, new).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            return there_already(path);
        }
        Error::io(format!("cannot write {}", path.display()), &error)
    })
}

fn write_whole(path: &Path, bytes: &[u8], new: bool) -> io::Result<()> {
    let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) else {
        return write_whole(&Path::new(".").join(path), bytes, new);
    };
    let temporary = Temporary::beside(path);
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(&temporary.0)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    if new {
        // A link, unlike a rename, never replaces what another process has put there meanwhile.
        fs::hard_link(&temporary.0, path)?;
        drop(temporary);
    } else {
        fs::rename(&temporary.0, path)?;
    }
    File::open(directory)?.sync_all()
}

/// A file that is gone when this is dropped, unless it was renamed.
struct Temporary(PathBuf);

impl Temporary {
    fn beside(path: &Path) -> Self {
        let mut random = [0; 10];
        SystemRng.fill(&mut random);
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".new-{}", base32(&random)));
        Self(name.into())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn there_already(path: &Path) -> Error {
    let what = format!("there is a key store at {} already", path.display());
    Error::new(ErrorKind::Conflict, what)
}

fn explain(path: &Path, error: &KeyStoreError) -> Error {
    match error {
        KeyStoreError::Refused => {
            Error::new(ErrorKind::Locked, error.to_string()).with_hint(format!(
                "try again; if {} is damaged, `strongroom recover` brings the vault back from \
                 the phrase",
                path.display()
            ))
        }
        other => Error::new(ErrorKind::Other, other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    struct Here {
        _dir: tempfile::TempDir,
        path: PathBuf,
    }

    fn made(contents: &[u8]) -> Here {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keystore");
        create(&path, "correct horse", Cost::FLOOR, contents).unwrap();
        Here { _dir: dir, path }
    }

    fn names(path: &Path) -> Vec<String> {
        let all = fs::read_dir(path.parent().unwrap()).unwrap();
        all.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_key_store_is_for_its_owner_alone_and_never_replaced_by_a_new_one() {
        let here = made(b"alice");
        assert_eq!(fs::metadata(&here.path).unwrap().permissions().mode() & 0o777, 0o600);
        let again = create(&here.path, "another", Cost::FLOOR, b"bob").unwrap_err();
        assert_eq!(again.kind(), ErrorKind::Conflict);
        // Also where the other process was a little faster than the first look.
        assert_eq!(write(&here.path, b"bob", true).unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(read(&here.path, "correct horse").unwrap()[..], *b"alice");
        assert_eq!(names(&here.path), ["keystore"]);
    }

    #[test]
    fn wrong_passphrase_cut_flipped_and_swollen_files_are_one_error_and_change_nothing() {
        let here = made(b"alice");
        let whole = fs::read(&here.path).unwrap();
        let wrong = read(&here.path, "wrong").unwrap_err();
        let mut flipped = whole.clone();
        *flipped.last_mut().unwrap() ^= 1;
        let swollen = [whole.as_slice(), &vec![0; FILE_LEN_MAX]].concat();
        for bad in [&whole[..60], &flipped, &swollen, &[]] {
            fs::write(&here.path, bad).unwrap();
            assert_eq!(read(&here.path, "correct horse").unwrap_err(), wrong);
            assert!(change_passphrase(&here.path, "correct horse", "b", Cost::FLOOR).is_err());
            assert_eq!(fs::read(&here.path).unwrap(), bad);
        }
        assert_eq!(wrong.kind(), ErrorKind::Locked);
        assert_eq!(names(&here.path), ["keystore"]);
    }

    #[test]
    fn saving_needs_no_passphrase_and_a_new_one_closes_the_old_one_out() {
        let here = made(b"one");
        let (_, store) = open(&here.path, "correct horse").unwrap();
        save(&here.path, &store, b"two").unwrap();
        assert_eq!(read(&here.path, "correct horse").unwrap()[..], *b"two");
        change_passphrase(&here.path, "correct horse", "battery", Cost::FLOOR).unwrap();
        assert_eq!(read(&here.path, "battery").unwrap()[..], *b"two");
        assert!(read(&here.path, "correct horse").is_err());
        assert_eq!(names(&here.path), ["keystore"]);
    }

    #[test]
    fn a_directory_that_is_not_there_is_told_and_nothing_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gone").join("keystore");
        assert_eq!(read(&path, "x").unwrap_err().kind(), ErrorKind::NotFound);
        assert!(write(&path, b"x", false).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
