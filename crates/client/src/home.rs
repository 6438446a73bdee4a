//! Where a device keeps its replica. Comes in: the environment. Goes out: paths. Must not know:
//! what is in the files.

use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind};

/// One device's directory: key store, replica, cache, locks.
///
/// ```
/// let home = strongroom_client::Home::at("/tmp/alice");
/// assert!(home.key_store().ends_with("keystore"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    path: PathBuf,
}

impl Home {
    /// `STRONGROOM_HOME`, else `strongroom` in the user's data directory.
    pub fn from_env_or_default() -> Result<Self, Error> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        if let Some(path) = set("STRONGROOM_HOME") {
            return Ok(Self::at(path));
        }
        let data = set("XDG_DATA_HOME")
            .map(PathBuf::from)
            .or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".local/share")))
            .ok_or_else(|| {
                Error::new(ErrorKind::Usage, "no home directory is known")
                    .with_hint("set STRONGROOM_HOME to a directory of your own")
            })?;
        Ok(Self::at(data.join("strongroom")))
    }

    /// This directory.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a vault is here.
    pub fn exists(&self) -> bool {
        self.key_store().exists()
    }

    /// The sealed key store.
    pub fn key_store(&self) -> PathBuf {
        self.path.join("keystore")
    }

    /// Entries and indexes.
    pub fn replica(&self) -> PathBuf {
        self.path.join("replica.db")
    }

    /// Sealed chunks.
    pub fn cache(&self) -> PathBuf {
        self.path.join("cache")
    }

    /// Advisory locks between processes.
    pub fn locks(&self) -> PathBuf {
        self.path.join("locks")
    }

    /// Makes the directories, readable for their owner alone.
    pub fn create(&self) -> Result<(), Error> {
        use std::os::unix::fs::DirBuilderExt;
        for path in [self.path.clone(), self.cache(), self.locks()] {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&path)
                .map_err(|e| Error::io(format!("cannot make {}", path.display()), &e))?;
        }
        Ok(())
    }
}
