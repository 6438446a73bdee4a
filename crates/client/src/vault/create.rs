//! Making a vault. Comes in: a passphrase. Goes out: a person's identity, a vault with one bucket,
//! and the phrase that brings them back. Must not know: providers.

use strongroom_core::card::Card;
use strongroom_core::keylog::{Change, Genesis, KeyLog, RootKeys, possession_input};
use strongroom_seal::agree::{Rotation, wrap_agree};
use strongroom_seal::cost::Cost;
use strongroom_seal::identity::IdentityRootKey;
use strongroom_seal::kem::{AgreeSeed, KemPublic};
use strongroom_seal::phrase;
use strongroom_seal::recovery::{Locator, RecoveryKey};
use strongroom_seal::sealing::Sealing;
use strongroom_seal::suite::Suite;
use strongroom_store::{Batch, Sqlite};
use strongroom_wire::cbor::{CborError, Reader, Writer};
use strongroom_wire::clear::Floors;
use strongroom_wire::ids::{BucketId, PrincipalId};
use strongroom_wire::limits::{KEY_LOG_EVENT_LEN_MAX, KEY_LOG_EVENTS_MAX};
use zeroize::Zeroizing;

use super::buckets::{bucket_document, root_wrap};
use super::documents::{BUCKET, KEY_LOG};
use super::{CACHE_LIMIT_DEFAULT, Passphrase, Vault};
use crate::error::{Error, ErrorKind, Result};
use crate::home::Home;
use crate::keyfile;
use crate::random::SystemRng;
use crate::replica::keys;
use crate::replica::rows::Meta;
use crate::secrets::Secrets;

/// The 24 words. Whoever has them is the person; `Display` shows them, `Debug` does not.
pub struct Phrase(Zeroizing<String>);

impl Phrase {
    fn of(key: &RecoveryKey) -> Result<Self> {
        let phrase = phrase::Phrase::from_key(key)
            .map_err(|e| Error::new(ErrorKind::Other, e.to_string()))?;
        Ok(Self(phrase.reveal()))
    }

    /// The words, in order.
    pub fn words(&self) -> Vec<&str> {
        self.0.split(' ').collect()
    }
}

impl std::fmt::Display for Phrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::fmt::Debug for Phrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Phrase(secret)")
    }
}

/// A key log as it is kept: the genesis and the events after it.
#[derive(Debug, Clone)]
pub(crate) struct StoredKeyLog {
    genesis: Vec<u8>,
    events: Vec<Vec<u8>>,
}

impl StoredKeyLog {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(2).bytes(&self.genesis).array(self.events.len());
        for event in &self.events {
            w.bytes(event);
        }
        w.into_bytes()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        r.array_exact(2)?;
        let genesis = r.bytes(KEY_LOG_EVENT_LEN_MAX)?.to_vec();
        let count = r.array(KEY_LOG_EVENTS_MAX)?;
        let events = (0..count)
            .map(|_| r.bytes(KEY_LOG_EVENT_LEN_MAX).map(<[u8]>::to_vec))
            .collect::<Result<_, _>>()?;
        r.end()?;
        Ok(Self { genesis, events })
    }

    /// A new principal whose root keys come from the recovery key alone.
    fn found(key: &RecoveryKey) -> (PrincipalId, Self) {
        let roots = |n| RootKeys { keys: vec![key.identity_root(n).public()], threshold: 1 };
        let genesis = Genesis {
            suite: 1,
            floors: Floors::suite_1(),
            roots: roots(0),
            guardians_commit: [0; 32],
            next_root_commit: roots(1).commit(),
        };
        (genesis.principal(), Self { genesis: genesis.encode(), events: Vec::new() })
    }

    /// Checks the whole log.
    pub(crate) fn verify(&self) -> Result<KeyLog> {
        KeyLog::verify(&self.genesis, &self.events)
            .map_err(|e| Error::damaged(format!("the key log: {e}")))
    }

    /// The same to hand out.
    pub(crate) fn card(&self, name: Option<String>) -> Card {
        let (genesis, events) = (self.genesis.clone(), self.events.clone());
        Card { name, genesis, events, inbox: None }
    }

    /// Adds the key that grants go to, wrapped to every device there is; signed by this device.
    pub(crate) fn add_agree(&mut self, secrets: &Secrets, now: u64) -> Result<()> {
        self.rotate_agree(secrets, &secrets.agree, now)
    }

    /// The same with another key.
    pub(crate) fn rotate_agree(
        &mut self,
        secrets: &Secrets,
        agree: &AgreeSeed,
        now: u64,
    ) -> Result<()> {
        let log = self.verify()?;
        let number = log.agree().map_or(0, |agree| agree.number) + 1;
        let rotation = Rotation { suite: Suite::DEFAULT, principal: log.principal(), number };
        let mut wraps = Vec::new();
        for (key, device) in log.devices() {
            let kem = KemPublic::from_bytes(&device.kem).map_err(Error::damaged)?;
            let wrap = wrap_agree(rotation, agree, &kem, &mut SystemRng)?;
            wraps.push((*key, Box::new(wrap)));
        }
        let key = agree.pair().public().to_bytes();
        self.change(secrets, now, Change::RotateAgree { number, key, wraps })
    }

    /// Adds what one device alone may change, signed by this one.
    pub(crate) fn change(&mut self, secrets: &Secrets, now: u64, change: Change) -> Result<()> {
        let statement = self.verify()?.next(now, change);
        let signature = secrets.device.sign(&statement.signing_input());
        self.events.push(statement.signed(vec![(secrets.device.public(), signature)]).encode());
        self.verify().map(drop)
    }

    /// Whether this key is among those the principal was founded with.
    pub(crate) fn is_rooted_in(&self, root: &IdentityRootKey) -> bool {
        Genesis::decode(&self.genesis)
            .is_ok_and(|genesis| genesis.roots.keys.contains(&root.public()))
    }

    /// Adds this device, signed by a root key.
    pub(crate) fn add_device(
        &mut self,
        secrets: &Secrets,
        root: &IdentityRootKey,
        now: u64,
    ) -> Result<()> {
        let log = self.verify()?;
        let device = secrets.device.public();
        let kem = secrets.device_agree.pair().public().to_bytes();
        let input = possession_input(secrets.principal, &device, &kem);
        let possession = secrets.device.sign(&input);
        let statement = log.next(now, Change::AddDevice { device, kem, possession });
        let signature = root.sign(&statement.signing_input());
        self.events.push(statement.signed(vec![(root.public(), signature)]).encode());
        self.verify().map(drop)
    }
}

impl Vault {
    /// Makes a new identity and vault on this device, with a default bucket called `main`. The
    /// phrase is shown once; it is stored nowhere.
    pub fn create(home: &Home, passphrase: &Passphrase) -> Result<(Self, Phrase)> {
        refuse_existing(home)?;
        check_passphrase(passphrase)?;
        let recovery = RecoveryKey::generate(&mut SystemRng);
        let phrase = Phrase::of(&recovery)?;
        let (principal, mut log) = StoredKeyLog::found(&recovery);
        let agree = AgreeSeed::generate(&mut SystemRng);
        let secrets = Secrets::generate(principal, agree, &mut SystemRng);
        let mut vault = Self::fresh(home, secrets)?;
        vault.write_meta(&recovery.pair().pair().public(), &recovery.locator())?;
        let now = vault.clock.now_secs();
        log.add_device(&vault.secrets, &recovery.identity_root(0), now)?;
        log.add_agree(&vault.secrets, now)?;
        let founded = vault.found(Sealing::DEFAULT)?;
        vault.secrets.vault_bucket = founded.bucket;
        let root_wrap = root_wrap(&recovery.pair().pair().public(), &founded)?;
        let own = vault.commit_founded(founded, "vault", true, false)?;
        // Its own root key rests beside those of all others: only the words open it.
        let text = format!("{BUCKET}{}", own.record.id.to_base32());
        let document = bucket_document(&own, root_wrap).encode();
        let changes = vec![
            vault.internal_change(&own, KEY_LOG, log.encode())?,
            vault.internal_change(&own, &text, document)?,
        ];
        vault.write(&own, changes)?;
        vault.make_bucket("main", true, Sealing::DEFAULT)?;
        vault.write_key_store(passphrase)?;
        Ok((vault, phrase))
    }

    /// A vault in an empty directory. Whatever a cut-short attempt left there cannot be opened by
    /// anyone and is removed.
    pub(crate) fn fresh(home: &Home, secrets: Secrets) -> Result<Self> {
        home.create()?;
        for path in Sqlite::files(&home.replica()) {
            match std::fs::remove_file(&path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::io("cannot remove what an earlier attempt left", &e));
                }
                _ => {}
            }
        }
        Self::with_secrets(home, secrets)
    }

    pub(crate) fn write_meta(&self, recovery: &KemPublic, locator: &Locator) -> Result<()> {
        let meta = Meta {
            vault_bucket: BucketId::ZERO,
            next_bucket: 1,
            next_remote: 1,
            recovery_public: recovery.to_bytes().to_vec(),
            recovery_locator: locator.to_secret_bytes(),
            device: self.secrets.device.public(),
            cache_limit: CACHE_LIMIT_DEFAULT,
        };
        let mut batch = Batch::new();
        self.replica.put(&mut batch, keys::META.to_vec(), &meta)?;
        Ok(self.replica.rows().commit(batch)?)
    }

    /// Last of all: only now is there a vault on this device.
    pub(crate) fn write_key_store(&self, passphrase: &Passphrase) -> Result<()> {
        let contents = self.secrets.encode();
        let path = self.home.key_store();
        keyfile::create(&path, passphrase.expose(), Cost::FLOOR, &contents).map(drop)
    }
}

pub(crate) fn refuse_existing(home: &Home) -> Result<()> {
    if home.exists() {
        return Err(Error::new(
            ErrorKind::Conflict,
            format!("there is a vault in {} already", home.path().display()),
        )
        .with_hint("set STRONGROOM_HOME to another directory to make a second one"));
    }
    Ok(())
}

pub(crate) fn check_passphrase(passphrase: &Passphrase) -> Result<()> {
    if passphrase.is_empty() {
        return Err(Error::new(ErrorKind::Usage, "the passphrase is empty"));
    }
    Ok(())
}
