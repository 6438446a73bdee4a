//! The provider's key. Comes in: a data directory. Goes out: the Ed25519 key that answers sessions,
//! the same at every start. Must not know: what is served.
//!
//! File `provider.key`, mode 0600, text: `strongroom provider key 0`, then the 32-byte seed in
//! base32. Optional file `provider.former`: one thumbprint (base64url) of a former key a line,
//! published so that devices recognise a provider whose key was rotated.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use ed25519_dalek::{Signer as _, SigningKey};
use strongroom_wire::ids::{PublicKey, Thumbprint, base32, from_base32};

use crate::ServeError;

const KEY_FILE: &str = "provider.key";
const FORMER_FILE: &str = "provider.former";
const HEAD: &str = "strongroom provider key 0\n";
/// Bytes of either file. Above it, it is something else.
const FILE_LEN_MAX: u64 = 4_096;

/// Who the provider is.
pub struct Identity {
    key: SigningKey,
    public: PublicKey,
    thumbprint: Thumbprint,
    former: Vec<String>,
}

// The seed must not get into a log.
impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({})", self.thumbprint)
    }
}

impl Identity {
    /// A fresh key that is kept nowhere.
    pub fn generate() -> Result<Self, ServeError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|_| ServeError::Randomness)?;
        Ok(Self::from_seed(&seed, Vec::new()))
    }

    /// The key of this data directory; made at the first start.
    pub fn open(data: &Path) -> Result<Self, ServeError> {
        let fail = |what| move |error| ServeError::data(what, &error);
        DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(fail("create it"))?;
        let path = data.join(KEY_FILE);
        if !path.try_exists().map_err(fail("look for the provider's key"))? {
            Self::create(data, &path).map_err(fail("write the provider's key"))?;
        }
        let text = read_small(&path).map_err(fail("read the provider's key"))?;
        let seed = text.strip_prefix(HEAD).and_then(|seed| from_base32::<32>(seed.trim_end()));
        let seed = seed.ok_or(ServeError::ProviderKey)?;
        let former = match read_small(&data.join(FORMER_FILE)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(ServeError::data("read the former keys", &error)),
        };
        let former = former.lines().map(str::trim).filter(|line| !line.is_empty());
        let former = former.map(str::to_owned).collect();
        Ok(Self::from_seed(&seed, former))
    }

    /// Whole or not at all: a temporary name, synced, then renamed, then the directory synced. A
    /// key that was published and then lost would lock every device out.
    fn create(data: &Path, path: &Path) -> io::Result<()> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|_| io::Error::other("no randomness"))?;
        let temporary = data.join(format!("{KEY_FILE}.new"));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&temporary)?;
        file.write_all(format!("{HEAD}{}\n", base32(&seed)).as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        File::open(data)?.sync_all()
    }

    fn from_seed(seed: &[u8; 32], former: Vec<String>) -> Self {
        let key = SigningKey::from_bytes(seed);
        let public = PublicKey(key.verifying_key().to_bytes());
        Self { thumbprint: public.thumbprint(), key, public, former }
    }

    /// The public key.
    pub const fn public(&self) -> PublicKey {
        self.public
    }

    /// Its thumbprint: what devices pin.
    pub const fn thumbprint(&self) -> Thumbprint {
        self.thumbprint
    }

    /// Thumbprints of former keys, as the operator listed them.
    pub fn former(&self) -> &[String] {
        &self.former
    }

    /// Signs.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

fn read_small(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(FILE_LEN_MAX).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_key_is_the_same_at_the_second_start_and_nobody_else_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let first = Identity::open(&data).unwrap();
        assert_eq!(Identity::open(&data).unwrap().public(), first.public());
        let mode = fs::metadata(data.join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_key_is_not_replaced_by_a_new_one() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(KEY_FILE), "something else").unwrap();
        assert!(matches!(Identity::open(dir.path()), Err(ServeError::ProviderKey)));
        assert_eq!(fs::read_to_string(dir.path().join(KEY_FILE)).unwrap(), "something else");
    }
}
