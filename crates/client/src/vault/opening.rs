//! Opening a link, by anybody. Comes in: a link, its password if it takes one, a directory for what
//! lies in between. Goes out: what the link leads to, as a vault of a moment; afterwards nothing of
//! it is left on this device. Must not know: the vault of whoever opens it, terminals.
//!
//! A link stands for a member, so who opens one *is* that member for a while: its keys make a
//! vault in memory, with one bucket, which is pulled, checked and read as any other. Only sealed
//! chunks and the key of one use touch the disk, both useless without the link.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use strongroom_core::link::{LinkTextError, document_of, from_text, one_use};
use strongroom_seal::cost::Cost;
use strongroom_seal::identity::{MemberSigningKey, SessionSigningKey};
use strongroom_seal::link::{Link, LinkKey, LinkSalt, link_principal};
use strongroom_store::{Batch, Memory};
use strongroom_wire::capability::{Capability, CapabilityChain};
use strongroom_wire::cbor::{CborError, Reader, Writer};
use strongroom_wire::ids::{BucketId, VaultTag};
use strongroom_wire::limits::CAPABILITY_LEN_MAX;
use strongroom_wire::link::LinkRecord;
use zeroize::Zeroizing;

use super::documents::BucketDocument;
use super::exchange::member_session;
use super::{Bucket, CACHE_LIMIT_DEFAULT, Passphrase, Vault};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::home::Home;
use crate::progress::{Progress, Stage};
use crate::random::SystemRng;
use crate::remote::{Options, ProviderUrl, Remote, RemoteError, Runtime};
use crate::replica::Replica;
use crate::replica::keys;
use crate::replica::rows::{Meta, RemoteRecord};
use crate::report::{GetReport, Listed, OpenedInfo};
use crate::secrets::Secrets;
use crate::{GetOptions, Place};

/// Seconds before its end from which a use is not gone on with.
const USE_MARGIN_SECS: u64 = 60;

/// A link as somebody typed it.
#[derive(Debug)]
pub struct LinkText {
    pub(crate) origin: ProviderUrl,
    pub(crate) link: Link,
}

impl LinkText {
    /// Reads a link.
    pub fn read(text: &str) -> Result<Self> {
        let hint = "copy the whole address, between quotes: it has a `#`, and everything behind it";
        let wrong =
            |error: LinkTextError| Error::new(ErrorKind::Usage, error.to_string()).with_hint(hint);
        let (origin, link) = from_text(text).map_err(wrong)?;
        let origin = origin.parse().map_err(RemoteError::from)?;
        Ok(Self { origin, link })
    }

    /// Whether it takes a password.
    pub const fn takes_password(&self) -> bool {
        self.link.password
    }

    /// Whether one can only put things in with it.
    pub const fn is_drop(&self) -> bool {
        self.link.drop
    }

    /// What a directory for it is called. It does not give the link away.
    pub fn folder_name(&self) -> String {
        self.link.secret.id().to_base32()
    }
}

/// A link that was opened. [`OpenedLink::finish`] or [`OpenedLink::close`] ends it; if neither is
/// called, because something broke, opening it again goes on where that was.
#[derive(Debug)]
pub struct OpenedLink {
    vault: Vault,
    info: OpenedInfo,
    folder: Folder,
}

/// What lies on this device while a link is open.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    /// Held while it is open: two processes are two uses.
    _lock: std::fs::File,
}

/// The key of one use, and its capability: with it a broken opening goes on as the same use.
struct UseFile {
    seed: Zeroizing<[u8; 32]>,
    capability: Capability,
}

impl OpenedLink {
    /// Opens a link. `folder`: a directory of one's own, for sealed chunks and the key of a use;
    /// it is made. `password` is asked only where the link takes one.
    pub fn open(
        text: &LinkText,
        password: impl FnOnce() -> Result<Passphrase>,
        folder: &Path,
        progress: &dyn Progress,
    ) -> Result<Self> {
        if text.is_drop() {
            return Err(Error::new(ErrorKind::Usage, "with this link one can only put things in")
                .with_hint("`strongroom drop put LINK FILE` does"));
        }
        let runtime = Runtime::new().map_err(|e| Error::io("cannot start the network", &e))?;
        let remote = reach(&runtime, text)?;
        let record = ask(&runtime, &remote, &text.link)?;
        let key = key_of(&text.link, &record, password)?;
        let folder = Folder::make(folder)?;
        let (member, chain) = folder.acting(&key.member(), &record.chain)?;
        let vault = Vault::of_a_moment(&folder.path, &key)?;
        let remote_record = vault.moment_remote(&remote, text.link.bucket)?;
        let _ = vault.runtime.set(runtime);
        vault.remotes.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((1, remote));
        let made = vault.keep_bucket(&BucketDocument {
            id: text.link.bucket,
            member_seed: member.to_secret_bytes(),
            member_chain: chain.capabilities().iter().map(|it| it.bytes().to_vec()).collect(),
            tag_key: key.tag_key().to_secret_bytes(),
            root_wrap: Vec::new(),
            default: true,
        })?;
        progress.begin(Stage::Receive, None, None);
        let mut bucket = Bucket::open(made, &vault)?;
        let session = member_session(&vault.remote(&remote_record)?, &bucket)?;
        // Opening the session is the use; only then is anything pulled.
        vault
            .runtime()?
            .block_on(session.open())
            .map_err(|error| folder.unless_ended(error.into()))?;
        let pulled = vault.exchange(&mut bucket, &remote_record, &session, progress);
        pulled.map_err(|error| folder.unless_ended(error))?;
        let keyring = &bucket.keyring;
        if keyring.iter().next().is_none() && keyring.alone().is_empty() {
            let what = "what this link leads to is not whole at its provider";
            return Err(Error::damaged(what).with_hint("ask whoever gave it to you"));
        }
        vault.name_part(&mut bucket)?;
        let last = record.chain.last().map(Capability::claims);
        let info = OpenedInfo {
            label: bucket.record.label.clone(),
            provider: remote_record.url,
            until: last.map_or(0, |last| last.expires),
            uses: last.and_then(|last| last.caveats.uses),
            document: document_of(&record.chain).map(|it| it.to_string()),
        };
        Ok(Self { vault, info, folder })
    }

    /// What it leads to.
    pub const fn info(&self) -> &OpenedInfo {
        &self.info
    }

    /// Everything that is there, each directory before what is in it.
    pub fn list(&self) -> Result<Vec<Listed>> {
        self.vault.list(&Place::root(), true)
    }

    /// Writes all of it into a directory, which is made; or a place in it to that path.
    pub fn get(
        &self,
        from: &Place,
        to: &Path,
        options: &GetOptions,
        progress: &dyn Progress,
    ) -> Result<GetReport> {
        self.vault.get(from, to, options, progress)
    }

    /// Writes one file's content to a stream.
    pub fn cat(
        &self,
        from: &Place,
        out: &mut dyn std::io::Write,
        progress: &dyn Progress,
    ) -> Result<u64> {
        self.vault.cat(from, None, out, progress)
    }

    /// Forgets all of it, the use that was counted too.
    pub fn finish(self) {
        self.folder.remove();
    }

    /// Forgets what was fetched. A use that was counted stays, for most of an hour: who only looked
    /// goes on with it.
    pub fn close(self) {
        self.folder.settle();
    }
}

/// Connects, and proves that whoever answers has the key the link names, before anything is asked.
pub(crate) fn reach(runtime: &Runtime, text: &LinkText) -> Result<Remote> {
    let connecting = Remote::connect(text.origin.clone(), None, Options::default());
    let remote = runtime.block_on(connecting).map_err(|error| match Error::from(error) {
        away if away.kind() == ErrorKind::Unreachable => {
            away.with_hint("check the address and the network, and run it again")
        }
        other => other,
    })?;
    if Link::provider_of(remote.thumbprint()) != text.link.provider {
        let what = format!("{} is not the provider this link names", text.origin);
        return Err(Error::damaged(what)
            .with_hint("nothing was sent there; ask whoever gave it to you for a new one"));
    }
    Ok(remote)
}

/// What the link needs. The session, by a key made for this moment, proves the provider's own.
pub(crate) fn ask(runtime: &Runtime, remote: &Remote, link: &Link) -> Result<LinkRecord> {
    let nobody = Arc::new(SessionSigningKey::generate(&mut SystemRng));
    let session = remote.session(nobody, &CapabilityChain::none());
    let asked = session.link(link.bucket, link.secret.id());
    runtime.block_on(asked)?.ok_or_else(ended)
}

/// One answer for a link that was revoked, has ended, was opened as often as it may be, or never
/// was.
fn ended() -> Error {
    let what = "this link leads nowhere: it was revoked, has ended, or was opened as often as it \
                may be";
    Error::new(ErrorKind::NotFound, what).with_hint("ask whoever gave it to you for a new one")
}

/// S, with the password. Whether it is right is seen here: the provider's chain ends in its key.
fn key_of(
    link: &Link,
    record: &LinkRecord,
    password: impl FnOnce() -> Result<Passphrase>,
) -> Result<LinkKey> {
    let changed = || Error::damaged("what the provider keeps for this link is not what it needs");
    let key = match (link.password, &record.password) {
        (false, None) => link.secret.open(),
        (true, Some(kept)) => {
            let (memory_kib, passes, lanes) = (kept.memory_kib, kept.passes, kept.lanes);
            let cost = Cost { memory_kib, passes, lanes };
            if !cost.is_acceptable() {
                return Err(changed());
            }
            let password = password()?;
            let salted = LinkSalt { salt: kept.salt, cost };
            let opened = link.secret.open_with(password.expose().as_bytes(), &salted);
            opened.map_err(|e| Error::new(ErrorKind::Other, e.to_string()))?
        }
        _ => return Err(changed()),
    };
    let holder = record.chain.last().and_then(|last| last.claims().holder);
    match (holder == Some(key.member().public()), link.password) {
        (true, _) => Ok(key),
        (false, true) => Err(Error::new(ErrorKind::Locked, "the password is wrong")
            .with_hint("it is the one that whoever made the link chose; nothing was counted")),
        (false, false) => Err(changed()),
    }
}

impl Folder {
    /// What cannot be removed is sealed, so nobody needs to hear of it.
    fn remove(&self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }

    /// What a session is refused with that a link ends in: then nothing here is of use any more.
    fn unless_ended(&self, error: Error) -> Error {
        if !error.is_unauthorized() && error.kind() != ErrorKind::Refused {
            return error;
        }
        self.remove();
        ended()
    }

    fn settle(&self) {
        for part in ["cache", "locks"] {
            let _ = std::fs::remove_dir_all(self.path.join(part));
        }
        if !self.path.join("use").exists() {
            self.remove();
        }
    }

    fn make(path: &Path) -> Result<Self> {
        let failed = |e: std::io::Error| Error::io(format!("cannot make {}", path.display()), &e);
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        let lock = std::fs::File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path.join("lock"))
            .map_err(failed)?;
        let taken = rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive);
        match taken {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(rustix::io::Errno::WOULDBLOCK) => {
                Err(Error::new(ErrorKind::Conflict, "another process is opening this link")
                    .with_hint("run it again when that has ended"))
            }
            Err(error) => Err(Error::io("cannot take a lock", &error.into())),
        }
    }

    /// The key that acts for the link, and the chain down to it: of a counted link that of a use,
    /// an earlier one if that was broken off.
    fn acting(
        &self,
        member: &MemberSigningKey,
        chain: &CapabilityChain,
    ) -> Result<(MemberSigningKey, CapabilityChain)> {
        let last = chain.last().ok_or_else(ended)?;
        if last.claims().caveats.uses.is_none() {
            let member = MemberSigningKey::from_secret_bytes(&member.to_secret_bytes());
            return Ok((member, chain.clone()));
        }
        let now = Clock::default().now_secs();
        let path = self.path.join("use");
        let kept = std::fs::read(&path).ok().and_then(|bytes| UseFile::decode(&bytes).ok());
        let goes_on = |kept: &UseFile| {
            let claims = kept.capability.claims();
            claims.parent == Some(last.id()) && now + USE_MARGIN_SECS < claims.expires
        };
        if let Some(kept) = kept.filter(goes_on)
            && let Ok(chain) = chain.extended(kept.capability)
        {
            return Ok((MemberSigningKey::from_secret_bytes(&kept.seed), chain));
        }
        let unusable = |e| Error::damaged(format!("the link's capabilities: {e}"));
        let (key, chain) = one_use(member, chain, now, &mut SystemRng).map_err(unusable)?;
        let made = chain.last().cloned().ok_or_else(ended)?;
        let file = UseFile { seed: key.to_secret_bytes(), capability: made };
        // Before it is counted: what breaks after that must find it.
        keep_use(&path, &file.encode())?;
        Ok((key, chain))
    }
}

fn keep_use(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |e: std::io::Error| Error::io("cannot keep the key of this opening", &e);
    let _ = std::fs::remove_file(path);
    let mut file = std::fs::File::options()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)
}

impl UseFile {
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut w = Writer::new();
        w.array(2).bytes(&*self.seed).bytes(self.capability.bytes());
        Zeroizing::new(w.into_bytes())
    }

    fn decode(bytes: &[u8]) -> std::result::Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        r.array_exact(2)?;
        let seed = Zeroizing::new(r.bytes_exact()?);
        let capability =
            Capability::decode(r.bytes(CAPABILITY_LEN_MAX)?).map_err(|_| CborError::Unknown)?;
        r.end()?;
        Ok(Self { seed, capability })
    }
}

impl Vault {
    /// A vault that is in memory but for sealed chunks: whose person is the link.
    fn of_a_moment(folder: &Path, key: &LinkKey) -> Result<Self> {
        let agree = key.agree();
        let principal = link_principal(&agree.pair().public());
        let secrets = Secrets::generate(principal, agree, &mut SystemRng);
        let vault = Self::with_rows(&Home::at(folder), secrets, Arc::new(Memory::default()))?;
        let meta = Meta {
            vault_bucket: BucketId::ZERO,
            next_bucket: 1,
            next_remote: 2,
            recovery_public: Vec::new(),
            recovery_locator: Zeroizing::new([0; 32]),
            device: vault.secrets.device.public(),
            cache_limit: CACHE_LIMIT_DEFAULT,
        };
        put(&vault.replica, keys::META.to_vec(), &meta)?;
        Ok(vault)
    }

    fn moment_remote(&self, remote: &Remote, bucket: BucketId) -> Result<RemoteRecord> {
        let record = RemoteRecord {
            no: 1,
            url: remote.url().to_string(),
            key: remote.thumbprint(),
            vault: VaultTag::ZERO,
            vault_seed: Zeroizing::new([0; 32]),
            buckets: vec![bucket],
            record_counter: 0,
            record_reads: 0,
        };
        put(&self.replica, keys::remote(1), &record)?;
        Ok(record)
    }
}

fn put(replica: &Replica, key: Vec<u8>, row: &impl crate::replica::rows::Row) -> Result<()> {
    let mut batch = Batch::new();
    replica.put(&mut batch, key, row)?;
    Ok(replica.rows().commit(batch)?)
}
