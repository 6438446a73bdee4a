//! A vault on this device: what a person works with. Comes in: an unlocked key store and a
//! replica. Goes out: everything the command line offers, blocking. Must not know: terminals.

mod across;
mod address_book;
mod agree;
mod anew;
mod bucket;
mod buckets;
mod chains;
mod checkpoints;
mod closing;
mod contacts;
mod create;
mod devices;
mod document_grants;
mod document_keys;
mod documents;
mod drops;
mod edit;
mod exchange;
mod frames;
mod grants;
mod hidden;
mod holding;
mod identity;
mod inbox;
mod instance;
mod judging;
mod links;
mod list;
mod lost;
mod mailbox;
mod membership;
mod messages;
mod opening;
mod pairing;
mod paths;
mod people;
mod pinning;
mod privacy;
mod provider;
mod quarantine;
mod recover;
mod removal;
mod renew;
mod requests;
mod retire;
mod status;
mod vault_key;
mod verify;

use std::sync::{Arc, OnceLock};

use strongroom_core::resolve::{Resolver, Resolvers};
use strongroom_core::rotation::Limits as EpochLimits;
use strongroom_store::{Files, Rows, Sqlite};
use zeroize::Zeroizing;

pub(crate) use agree::AgreeRow;
pub use bucket::{Bucket, Change};
pub use create::Phrase;
pub(crate) use create::StoredKeyLog;
pub use document_grants::DocumentShare;
pub(crate) use documents::{
    BucketDocument, LinkDocument, decode_closed, decode_own, decode_settings, encode_closed,
    encode_own, encode_settings,
};
pub use exchange::Exchanged;
pub use links::LinkOptions;
pub use membership::Terms;
pub use opening::{LinkText, OpenedLink};
pub(crate) use opening::{ask, reach};
pub use pairing::{CodeKind, GivenCode, PairingPerson, ShownCode};
pub(crate) use provider::RecordContents;
pub(crate) use quarantine::{decode_settled, encode_settled};
pub use recover::Shown;
pub(crate) use vault_key::ProviderDocument;

use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::home::Home;
use crate::remote::{Remote, Runtime};
use crate::replica::Replica;
use crate::replica::keys;
use crate::replica::rows::{BucketRecord, RemoteRecord};
use crate::secrets::Secrets;
use crate::{agent, keyfile};

/// Bytes of chunks kept on this device unless the person says otherwise: 1 GiB.
pub const CACHE_LIMIT_DEFAULT: u64 = 1 << 30;

/// What opens the key store. Wipes itself; prints nothing.
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// From what the person typed, without the end of the line.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether both are the same, for typing it twice.
    pub fn equals(&self, other: &Self) -> bool {
        *self.0 == *other.0
    }
}

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passphrase(secret)")
    }
}

/// How the key store is opened.
#[derive(Debug, Clone, Copy)]
pub enum Unlock<'a> {
    /// By the agent that `unlock` started; [`ErrorKind::Locked`] when there is none.
    Agent,
    /// By the passphrase; takes Argon2id's time.
    Passphrase(&'a Passphrase),
    /// By what [`Vault::key_store_bytes`] gave.
    Opened(&'a [u8]),
}

/// A vault on this device.
pub struct Vault {
    pub(crate) home: Home,
    pub(crate) secrets: Secrets,
    pub(crate) replica: Replica,
    pub(crate) cache: Files,
    agree: std::sync::Mutex<agree::AgreeRow>,
    pub(crate) clock: Clock,
    pub(crate) epoch_limits: EpochLimits,
    pub(crate) resolvers: Resolvers,
    runtime: OnceLock<Runtime>,
    remotes: std::sync::Mutex<Vec<(u32, Remote)>>,
    /// Control logs by bucket, as they were worked out last.
    logs: std::sync::Mutex<std::collections::HashMap<keys::BucketNo, judging::Log>>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").field("home", &self.home.path()).finish_non_exhaustive()
    }
}

impl Vault {
    /// Opens the vault on this device.
    pub fn open(home: &Home, unlock: Unlock<'_>) -> Result<Self> {
        let secrets = Self::unlocked(home, unlock)?;
        Self::with_secrets(home, secrets)
    }

    /// The same over rows of the caller's, which hold this vault's replica: a disk that fails by a
    /// script, for instance.
    pub fn open_over(home: &Home, unlock: Unlock<'_>, rows: Arc<dyn Rows>) -> Result<Self> {
        let secrets = Self::unlocked(home, unlock)?;
        Self::with_rows(home, secrets, rows)
    }

    fn unlocked(home: &Home, unlock: Unlock<'_>) -> Result<Secrets> {
        if !home.exists() {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("there is no vault in {}", home.path().display()),
            )
            .with_hint("`strongroom init` makes one, `strongroom recover` brings one back"));
        }
        let bytes = match unlock {
            Unlock::Agent => agent::fetch(home).ok_or_else(|| {
                Error::new(ErrorKind::Locked, "the vault is locked")
                    .with_hint("`strongroom unlock` opens it for a while")
            })?,
            Unlock::Passphrase(passphrase) => {
                keyfile::read(&home.key_store(), passphrase.expose())?
            }
            Unlock::Opened(bytes) => Zeroizing::new(bytes.to_vec()),
        };
        Ok(Secrets::decode(&bytes)?)
    }

    pub(crate) fn with_secrets(home: &Home, secrets: Secrets) -> Result<Self> {
        home.create()?;
        let rows = Arc::new(Sqlite::open(&home.replica())?);
        Self::with_rows(home, secrets, rows)
    }

    fn with_rows(home: &Home, secrets: Secrets, rows: Arc<dyn Rows>) -> Result<Self> {
        home.create()?;
        let replica = Replica::new(rows, secrets.secret.local(), home.locks());
        let cache = Files::open(&home.cache())?;
        let vault = Self {
            home: home.clone(),
            secrets,
            replica,
            cache,
            agree: std::sync::Mutex::default(),
            clock: Clock::default(),
            epoch_limits: EpochLimits::default(),
            resolvers: Resolvers::default(),
            runtime: OnceLock::new(),
            remotes: std::sync::Mutex::new(Vec::new()),
            logs: std::sync::Mutex::default(),
        };
        vault.load_agree()?;
        Ok(vault)
    }

    /// The same vault by a clock that runs this many milliseconds ahead: for tests of what time
    /// brings.
    #[must_use]
    pub fn at_time(self, shift_millis: i64) -> Self {
        Self { clock: Clock::shifted(shift_millis), ..self }
    }

    /// The same vault with one more way to find people: for schemes that are not built in.
    #[must_use]
    pub fn with_resolver(self, resolver: impl Resolver + 'static) -> Self {
        Self { resolvers: self.resolvers.with(resolver), ..self }
    }

    /// What `unlock` hands to the agent.
    pub fn key_store_bytes(&self) -> Zeroizing<Vec<u8>> {
        self.secrets.encode()
    }

    /// The id of the vault's controller.
    pub fn principal(&self) -> String {
        self.secrets.principal.to_string()
    }

    /// Where the vault is on this device.
    pub const fn home(&self) -> &Home {
        &self.home
    }

    pub(crate) fn runtime(&self) -> Result<&Runtime> {
        if let Some(runtime) = self.runtime.get() {
            return Ok(runtime);
        }
        let made = Runtime::new().map_err(|e| Error::io("cannot start the network threads", &e))?;
        Ok(self.runtime.get_or_init(|| made))
    }

    /// All buckets of which something is here, the internal one too, in the order they were made
    /// here.
    pub(crate) fn records(&self) -> Result<Vec<BucketRecord>> {
        let mut all = self.all_records()?;
        let mut failed = None;
        all.retain(|record| {
            let here = self.replica.entry_no(record.no, record.id.genesis());
            here.map_or_else(|error| failed.replace(error).is_none(), |no| no.is_some())
        });
        failed.map_or(Ok(all), Err)
    }

    /// The same with those that were closed to this person before this device heard of them:
    /// nothing of them is here.
    pub(crate) fn all_records(&self) -> Result<Vec<BucketRecord>> {
        let mut all: Vec<BucketRecord> =
            self.replica.all(keys::BUCKETS)?.into_iter().map(|(_, record)| record).collect();
        all.sort_by_key(|record| record.no);
        Ok(all)
    }

    /// The vault's own bucket.
    pub(crate) fn vault_bucket(&self) -> Result<Bucket> {
        let key = keys::bucket(self.secrets.vault_bucket);
        let record = self.replica.get(&key)?.ok_or_else(|| {
            Error::damaged("the vault's own bucket is missing on this device").with_hint(
                "`strongroom recover --provider URL` brings everything back from the phrase",
            )
        })?;
        Bucket::open(record, self)
    }

    /// A bucket by label, id, or the start of an id; `None`: the default one.
    pub(crate) fn bucket(&self, name: Option<&str>) -> Result<Bucket> {
        let records = self.records()?.into_iter().filter(|record| !record.internal);
        let found: Vec<BucketRecord> = match name {
            None => records.filter(|record| record.default).collect(),
            Some(name) => {
                let all: Vec<_> = records.collect();
                let by_label: Vec<_> =
                    all.iter().filter(|record| record.label == name).cloned().collect();
                let bare = name.strip_prefix("did:bkt:").unwrap_or(name);
                let by_id = |record: &&BucketRecord| {
                    bare.len() >= 6 && record.id.to_base32().starts_with(bare)
                };
                if by_label.is_empty() {
                    let mut by_id: Vec<_> = all.iter().filter(by_id).cloned().collect();
                    // A document that is held alone is found by its label.
                    if by_id.iter().any(|record| !record.is_part()) {
                        by_id.retain(|record| !record.is_part());
                    }
                    by_id
                } else {
                    by_label
                }
            }
        };
        match <[BucketRecord; 1]>::try_from(found) {
            Ok([record]) => {
                let bucket = Bucket::open(record, self)?;
                self.settle_if_unsettled(&bucket)?;
                Ok(bucket)
            }
            Err(none) if none.is_empty() => {
                let what = name.map_or_else(
                    || "default bucket".to_owned(),
                    |name| format!("bucket called {name}"),
                );
                Err(Error::not_found(what).with_hint("`strongroom bucket ls` shows all buckets"))
            }
            Err(several) => Err(Error::new(
                ErrorKind::Usage,
                format!("{} buckets are called {}", several.len(), name.unwrap_or_default()),
            )
            .with_hint("use the id that `strongroom bucket ls` shows")),
        }
    }

    /// All providers.
    pub(crate) fn remote_records(&self) -> Result<Vec<RemoteRecord>> {
        Ok(self.replica.all(keys::REMOTES)?.into_iter().map(|(_, record)| record).collect())
    }
}
