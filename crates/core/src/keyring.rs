//! L1 · The keys a member holds in one bucket. Takes its genesis and epoch keys; gives the key of
//! one document in one epoch, and opened sealed parts. Must not know: who else holds them, where
//! they are kept.
//!
//! The bucket's id is the hash of its genesis, which says what may be used there. So a keyring
//! opens nothing before it has seen that one genesis, and nothing of another suite or padding
//! after it (attack A07).

use std::collections::{BTreeMap, BTreeSet};

use strongroom_seal::aead::OpenError;
use strongroom_seal::keys::{Commitment, ContentKey, EpochKey, Nonce, VersionKey};
use strongroom_seal::part::{self, PartHeader};
use strongroom_seal::sealing::Sealing;
use strongroom_seal::suite::{Floor, Suite, SuiteError};
use strongroom_wire::cbor::CborError;
use strongroom_wire::chain::Verified;
use strongroom_wire::clear::{Clear, Genesis};
use strongroom_wire::entry::{Entry, Kind};
use strongroom_wire::ids::{BucketId, EntryId};
use zeroize::Zeroizing;

use crate::alone::Alone;
use crate::document::VersionBody;

/// Why an entry does not open. One error for a wrong key and a changed byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntryOpenError {
    /// This member has no key of its epoch.
    #[error("no key here opens this epoch")]
    NoKey,
    /// The sealed part was purged.
    #[error("the sealed part was purged")]
    Purged,
    /// Changed, cut, or sealed under another key.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It opened, and says something this format does not know.
    #[error("what is sealed is not of this format: {0}")]
    Form(#[from] CborError),
    /// Its algorithms are not in use here.
    #[error("its suite is not in use in this bucket")]
    Suite,
    /// Nothing is known of the bucket: its genesis is not here, or the one here is of another.
    #[error("the bucket's genesis is not here")]
    NoGenesis,
}

/// What a bucket's genesis fixed for its life.
#[derive(Debug, Clone)]
struct Birth {
    sealing: Sealing,
    floor: Floor,
}

impl From<SuiteError> for EntryOpenError {
    fn from(_: SuiteError) -> Self {
        Self::Suite
    }
}

impl Birth {
    /// `suite` is that of the genesis itself: it stands in its own list.
    fn of(genesis: &Genesis, suite: u8) -> Result<Self, SuiteError> {
        let floor = Floor::of(&genesis.floors);
        floor.admit(suite)?;
        Ok(Self { sealing: Sealing::of(genesis)?, floor })
    }
}

/// One epoch's keys. Who is in "from now on" has the content key alone: it opens this epoch, and
/// leads to no other.
#[derive(Debug)]
struct EpochKeys {
    epoch: Option<EpochKey>,
    content: ContentKey,
}

/// All epochs of one bucket that this member can open.
#[derive(Debug)]
pub struct Keyring {
    bucket: BucketId,
    birth: Option<Birth>,
    epochs: BTreeMap<EntryId, EpochKeys>,
    /// For who holds one document and no epoch.
    alone: Alone,
}

impl Keyring {
    /// An empty keyring. It opens nothing before [`Keyring::born`].
    pub fn new(bucket: BucketId) -> Self {
        Self { bucket, birth: None, epochs: BTreeMap::new(), alone: Alone::default() }
    }

    /// The keys of one document, for who holds that alone.
    pub const fn alone(&self) -> &Alone {
        &self.alone
    }

    /// The same, for adding some. What opens with them is checked by the header's commitment.
    pub const fn alone_mut(&mut self) -> &mut Alone {
        &mut self.alone
    }

    /// Takes in the bucket's genesis: the one entry its id is the hash of.
    pub fn born(&mut self, genesis: &Entry) -> Result<(), EntryOpenError> {
        if genesis.id() != self.bucket.genesis() {
            return Err(EntryOpenError::NoGenesis);
        }
        let Clear::Genesis(clear) = Clear::decode(genesis.header().kind, genesis.clear())? else {
            return Err(EntryOpenError::NoGenesis);
        };
        self.birth = Some(Birth::of(&clear, genesis.header().suite)?);
        Ok(())
    }

    /// How everything is sealed in this bucket.
    pub fn sealing(&self) -> Result<Sealing, EntryOpenError> {
        self.birth.as_ref().map(|birth| birth.sealing).ok_or(EntryOpenError::NoGenesis)
    }

    /// The suite of an entry, if it may stand in this bucket.
    pub fn admit(&self, suite: u8) -> Result<Suite, EntryOpenError> {
        let birth = self.birth.as_ref().ok_or(EntryOpenError::NoGenesis)?;
        Ok(birth.floor.admit(suite)?)
    }

    /// The bucket.
    pub const fn bucket(&self) -> BucketId {
        self.bucket
    }

    /// Adds an epoch whose key was checked against its commitments.
    pub fn add(&mut self, id: EntryId, epoch: EpochKey) {
        let content = epoch.content(self.bucket);
        self.epochs.insert(id, EpochKeys { epoch: Some(epoch), content });
    }

    /// Adds an epoch's content key that was checked against its commitment: what a member "from
    /// now on" holds. Where E is here already, it stays.
    pub fn add_content(&mut self, id: EntryId, content: ContentKey) {
        self.epochs.entry(id).or_insert(EpochKeys { epoch: None, content });
    }

    /// Whether this epoch can be opened.
    pub fn has(&self, epoch: &EntryId) -> bool {
        self.epochs.contains_key(epoch)
    }

    /// The key of an epoch, which leads to all before it; `None` also where only its content key
    /// is held.
    pub fn epoch(&self, epoch: &EntryId) -> Option<&EpochKey> {
        self.epochs.get(epoch)?.epoch.as_ref()
    }

    /// The content key of an epoch.
    pub fn content(&self, epoch: &EntryId) -> Option<&ContentKey> {
        self.epochs.get(epoch).map(|keys| &keys.content)
    }

    /// Every epoch here whose key is held, with it.
    pub fn iter(&self) -> impl Iterator<Item = (&EntryId, &EpochKey)> {
        self.epochs.iter().filter_map(|(id, keys)| Some((id, keys.epoch.as_ref()?)))
    }

    /// Every epoch that can be opened.
    pub fn held(&self) -> BTreeSet<EntryId> {
        self.epochs.keys().copied().collect()
    }

    /// Every epoch of which only the content key is held, with it.
    pub fn contents_only(&self) -> impl Iterator<Item = (&EntryId, &ContentKey)> {
        let only = self.epochs.iter().filter(|(_, keys)| keys.epoch.is_none());
        only.map(|(id, keys)| (id, &keys.content))
    }

    /// The key of an entry's sealed part. An epoch's is under its own key.
    fn version_key(
        &self,
        entry: &Verified<Entry>,
        part: &PartHeader,
    ) -> Result<VersionKey, EntryOpenError> {
        let header = entry.header();
        let epoch = if header.kind == Kind::Epoch { entry.id() } else { header.epoch };
        let Some(content) = self.content(&epoch) else {
            let held = self.alone.version_key(&part.nonce, &part.commitment);
            return held.ok_or(EntryOpenError::NoKey);
        };
        Ok(content.document(header.document, header.generation).version(&part.nonce))
    }

    /// Opens the sealed part of a verified entry.
    pub fn open(&self, entry: &Verified<Entry>) -> Result<Zeroizing<Vec<u8>>, EntryOpenError> {
        let header = entry.header();
        let sealing = Sealing { suite: self.admit(header.suite)?, ..self.sealing()? };
        let part = PartHeader {
            nonce: Nonce(header.nonce),
            commitment: Commitment(header.kc),
            sealed_len: header.sealed_len,
        };
        let key = self.version_key(entry, &part)?;
        let sealed = entry.sealed_bytes().ok_or(EntryOpenError::Purged)?;
        let aad = header.aad(blake3::hash(entry.clear()).as_bytes());
        Ok(part::open_version(sealing, &key, &part, &aad, sealed)?)
    }

    /// Opens a version.
    pub fn open_version(&self, entry: &Verified<Entry>) -> Result<VersionBody, EntryOpenError> {
        Ok(VersionBody::decode(&self.open(entry)?)?)
    }
}
