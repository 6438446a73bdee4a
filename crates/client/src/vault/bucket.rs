//! One bucket, opened: its record, its keys, its author. Comes in: a bucket record. Goes out: ways
//! to write and read in it. Must not know: sockets, source files.

use std::collections::HashMap;

use strongroom_core::document::{Content, DocumentType, Metadata, VersionBody};
use strongroom_core::keyring::{EntryOpenError, Keyring};
use strongroom_core::parts::encode_reason;
use strongroom_core::writer::{Planned, Under};
use strongroom_seal::identity::AuthorSigningKey;
use strongroom_seal::keys::{ContentKey, EpochKey, NameKey};
use strongroom_seal::sealing::Sealing;
use strongroom_wire::capability::{Action, Capability, CapabilityChain};
use strongroom_wire::clear::{Clear, References};
use strongroom_wire::entry::{Entry, Header, Kind};
use strongroom_wire::ids::{CapabilityId, DocumentTag, EntryId};

use super::Vault;
use super::checkpoints::take_checkpoint;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::replica::index::{Intake, Taken};
use crate::replica::keys::BucketNo;
use crate::replica::rows::{BucketRecord, DocumentRow, Stamp, capability_id};

/// Retries of a write that lost a race with another process. Each waits for the other's commit, so
/// more than a few mean that something is wrong.
const RACES_MAX: usize = 16;

/// One bucket, opened.
#[derive(Debug)]
pub struct Bucket {
    /// What this device keeps about it.
    pub record: BucketRecord,
    /// Its epochs.
    pub keyring: Keyring,
    /// Makes its tags.
    pub names: NameKey,
    /// This device's author.
    pub author: AuthorSigningKey,
}

/// One document to be written in a transaction.
#[derive(Debug)]
pub struct Change {
    /// Which; one change a document and transaction.
    pub tag: DocumentTag,
    /// What it follows: the document's heads.
    pub parents: Vec<EntryId>,
    /// Its new state; `None`: a tombstone.
    pub body: Option<VersionBody>,
    /// Chunks its content needs.
    pub references: References,
    /// How the source looked.
    pub stamp: Option<Stamp>,
}

impl Bucket {
    /// Opens a record. Where the bucket's genesis is not here yet, or is not the one its id is the
    /// hash of, nothing opens and nothing can be written.
    pub fn open(record: BucketRecord, vault: &Vault) -> Result<Self> {
        let mut keyring = Keyring::new(record.id);
        if let Some(genesis) = vault.replica.entry_by_id(record.no, record.id.genesis())? {
            // What does not fit leaves the keyring as it is.
            let _ = keyring.born(&genesis);
        }
        for (id, key) in &record.epochs {
            keyring.add(*id, EpochKey::from_secret_bytes(key));
        }
        for (id, key) in &record.contents {
            keyring.add_content(*id, ContentKey::from_secret_bytes(key));
        }
        if record.is_part() {
            vault.hold(&mut keyring, record.no)?;
        }
        let author = vault.secrets.secret.author(record.id, record.instance);
        let names = NameKey::from_secret_bytes(&record.name_key);
        Ok(Self { record, keyring, names, author })
    }

    /// Refuses a bucket that was deactivated, or that this person may only read.
    pub(crate) fn writable(&self) -> Result<()> {
        if self.reads_only() {
            let what = format!("you may read {}, and not write to it", self.record.label);
            return Err(Error::new(ErrorKind::Refused, what)
                .with_hint("ask whoever let you in; `strongroom grants` shows who"));
        }
        if !self.record.deactivated {
            return Ok(());
        }
        let what = format!("the bucket {} is deactivated: it can be read only", self.record.label);
        Err(Error::new(ErrorKind::Refused, what))
    }

    /// Whether this person is in "from now on": it holds content keys that lead to nothing older.
    pub fn is_from_now(&self) -> bool {
        self.keyring.contents_only().next().is_some()
    }

    /// Whether something is sealed under an epoch from before this person was let in from then on.
    pub(crate) fn is_shut(&self, header: &Header) -> bool {
        self.is_from_now() && !self.keyring.has(&header.epoch)
    }

    /// The epoch to write under without looking further, if it is fresh at `now`, seconds since
    /// 1970.
    pub(crate) fn fresh_epoch(&self, now: u64) -> Option<EntryId> {
        let known = self.record.current_epoch;
        (!known.is_zero() && now < self.record.fresh_until).then_some(known)
    }

    /// Whether the capability of this device allows this.
    pub(crate) fn may(&self, action: Action) -> bool {
        Capability::decode(&self.record.author_capability)
            .is_ok_and(|capability| capability.claims().actions.contains(action))
    }

    /// Whether this person may read only, by the capability of this device, or of the person where
    /// the device has none yet.
    pub(crate) fn reads_only(&self) -> bool {
        let own = Some(&self.record.author_capability).filter(|it| !it.is_empty());
        let capability = own.or(self.record.member_chain.last());
        let capability = capability.and_then(|bytes| Capability::decode(bytes).ok());
        capability.is_some_and(|it| !it.claims().actions.contains(Action::Write))
    }

    /// Its number in the replica.
    pub const fn no(&self) -> BucketNo {
        self.record.no
    }

    /// The capability this device writes with.
    pub fn capability(&self) -> CapabilityId {
        capability_id(&self.record.author_capability)
    }

    /// Whether this vault brought the bucket to its provider: its root key let this member in.
    pub fn is_hosted_by_us(&self) -> bool {
        self.record.is_of_own_root()
    }

    /// From the root key to this device's author: what requests show.
    pub fn chain(&self) -> Result<CapabilityChain> {
        let author = Capability::decode(&self.record.author_capability);
        let damaged = |_| Error::damaged("this device's capability");
        let author = author.map_err(damaged)?;
        // It may be by a member key that was followed by another since.
        let mut parts: Vec<&[u8]> = self.record.member_chain.iter().map(Vec::as_slice).collect();
        let given_by = |part: &&[u8]| Some(capability_id(part)) == author.claims().parent;
        if let Some(at) = parts.iter().position(given_by) {
            parts.truncate(at + 1);
        }
        let chain = CapabilityChain::from_parts(&parts).map_err(damaged)?;
        chain.extended(author).map_err(damaged)
    }

    /// From the root key to the member key.
    pub fn member_chain(&self) -> Result<CapabilityChain> {
        let parts: Vec<&[u8]> = self.record.member_chain.iter().map(Vec::as_slice).collect();
        CapabilityChain::from_parts(&parts)
            .map_err(|_| Error::damaged("the member's capabilities on this device"))
    }

    /// Where it is written, under an epoch that is held here.
    pub fn under(&self, epoch: EntryId) -> Result<Under<'_>> {
        let content = self.keyring.content(&epoch).ok_or_else(|| {
            Error::new(ErrorKind::Locked, "this device has no key of an epoch of this bucket")
                .with_hint("`strongroom sync` fetches it, if you are still a member")
        })?;
        let sealing = self.sealing()?;
        Ok(Under { bucket: self.record.id, epoch, content, sealing })
    }

    /// How everything is sealed here: what its genesis says.
    pub fn sealing(&self) -> Result<Sealing> {
        self.keyring.sealing().map_err(|_| {
            Error::damaged("the bucket's genesis is missing on this device")
                .with_hint("`strongroom sync` fetches it")
        })
    }

    /// Refuses an entry of a suite that is not in use here: nobody honest wrote it, and no honest
    /// provider took it.
    pub(crate) fn admit(&self, entry: &Entry) -> Result<()> {
        let (id, suite) = (entry.id(), entry.header().suite);
        self.keyring.admit(suite).map(drop).map_err(|error| {
            Error::damaged(match error {
                EntryOpenError::NoGenesis => {
                    format!("the provider sent {id} and has not sent the bucket's genesis")
                }
                _ => format!(
                    "the provider sent {id}, of suite {suite}, which is not in use in this bucket"
                ),
            })
        })
    }

    /// The tag of the document that the whole bucket knows by this text.
    pub fn natural(&self, text: &str) -> DocumentTag {
        self.names.natural_tag(text)
    }

    /// The tag a new document of this name in this directory gets, unless it is taken: two devices
    /// that make the same one offline meet in one document.
    pub fn placed_tag(&self, dir: DocumentTag, name: &str) -> DocumentTag {
        self.natural(&format!("strongroom/place/{}/{name}", dir.to_base32()))
    }
}

impl Change {
    /// A new state of a document whose content stands in the entry, or that has none.
    pub fn version(tag: DocumentTag, row: Option<&DocumentRow>, body: VersionBody) -> Self {
        Self {
            tag,
            parents: heads_of(row),
            body: Some(body),
            references: References::NONE,
            stamp: None,
        }
    }

    /// The end of a document.
    pub fn tombstone(tag: DocumentTag, row: &DocumentRow) -> Self {
        Self {
            tag,
            parents: heads_of(Some(row)),
            body: None,
            references: References::NONE,
            stamp: None,
        }
    }

    /// A document the program keeps for itself.
    pub fn internal(
        tag: DocumentTag,
        row: Option<&DocumentRow>,
        name: &str,
        content: Vec<u8>,
    ) -> Self {
        let metadata = Metadata {
            parent: DocumentTag::ZERO,
            // Names have no slash, not even those nobody sees.
            name: name.replace('/', ":"),
            kind: DocumentType::Internal,
            media_type: None,
            size: content.len() as u64,
            modified: strongroom_core::document::Timestamp::default(),
            mode: None,
            digest: None,
            schema: None,
        };
        Self::version(tag, row, VersionBody { metadata, content: Content::Inline(content) })
    }

    /// What is sealed, and what the index is told.
    pub(super) fn planned(self) -> (Planned, Option<Metadata>) {
        let (planned, facts, _) = self.plan();
        (planned, facts)
    }

    fn plan(self) -> (Planned, Option<Metadata>, Option<Stamp>) {
        let (kind, clear, plain, facts) = match self.body {
            Some(body) => {
                let plain = body.encode();
                (Kind::Version, Clear::version(self.references), plain, Some(body.metadata))
            }
            None => (Kind::Tombstone, Clear::Tombstone { keep_until: 0 }, encode_reason(""), None),
        };
        let planned = Planned {
            document: self.tag,
            kind,
            parents: self.parents,
            generation: 0,
            clear: clear.encode(),
            plain,
        };
        (planned, facts, self.stamp)
    }
}

/// All heads, ascending: what the next version follows. A version may name 16; the oldest of more
/// stay heads and are merged by the next write. A head whose time is more than a day ahead is not
/// followed until its time has come: who follows it would have to carry its time on.
pub fn heads_of(row: Option<&DocumentRow>) -> Vec<EntryId> {
    let horizon = Clock::default().horizon();
    let heads = row.map(|row| row.heads.as_slice()).unwrap_or_default();
    let mut heads: Vec<EntryId> =
        heads.iter().filter(|head| head.hlc <= horizon).map(|head| head.id).collect();
    heads.truncate(strongroom_wire::limits::PARENTS_MAX);
    heads.sort_unstable();
    heads
}

impl Vault {
    /// Seals and commits a transaction: one clock, one durable local commit. Gives the ids of the
    /// entries by document.
    pub fn write(
        &self,
        bucket: &Bucket,
        changes: Vec<Change>,
    ) -> Result<HashMap<DocumentTag, EntryId>> {
        if changes.is_empty() {
            return Ok(HashMap::new());
        }
        bucket.writable()?;
        let mut planned = Vec::with_capacity(changes.len());
        let mut facts = HashMap::with_capacity(changes.len());
        for change in changes {
            if change.body.as_ref().is_some_and(|body| !body.is_sound()) {
                return Err(Error::new(ErrorKind::Usage, "a document that nobody could read"));
            }
            let (plan, said, stamp) = change.plan();
            facts.insert(plan.document, (said, stamp));
            planned.push(plan);
        }
        let _lock = self.replica.lock_bucket(bucket.no())?;
        for _ in 0..RACES_MAX {
            match self.try_write(bucket, &planned, &facts) {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                done => return done,
            }
        }
        Err(Error::new(ErrorKind::Conflict, "other processes keep changing the replica")
            .with_hint("run it again when they have ended"))
    }

    fn try_write(
        &self,
        bucket: &Bucket,
        planned: &[Planned],
        facts: &HashMap<DocumentTag, (Option<Metadata>, Option<Stamp>)>,
    ) -> Result<HashMap<DocumentTag, EntryId>> {
        let mut intake = Intake::start(&self.replica, bucket.no())?;
        let tags: Vec<_> = planned.iter().map(|plan| plan.document).collect();
        intake.expect(&tags)?;
        let entries = self.seal(bucket, planned, true, &mut intake)?;
        let closing = self.closing(bucket, &intake, &entries)?;
        let mut ids = HashMap::with_capacity(entries.len());
        for entry in entries {
            let tag = entry.header().document;
            if !entry.header().kind.is_control() {
                ids.insert(tag, entry.id());
            }
            let (said, stamp) = facts.get(&tag).cloned().unwrap_or((None, None));
            intake.add(Taken { entry, facts: said, stamp, counts: true }, true)?;
        }
        if let Some((entry, said)) = closing {
            take_checkpoint(&mut intake, entry, Some(&said), true)?;
        }
        intake.commit()?;
        Ok(ids)
    }

    /// Remembers how sources look whose content was compared and is what the vault holds.
    pub(crate) fn restamp(&self, bucket: &Bucket, stamps: &[(DocumentTag, Stamp)]) -> Result<()> {
        let _lock = self.replica.lock_bucket(bucket.no())?;
        let mut intake = Intake::start(&self.replica, bucket.no())?;
        for (tag, stamp) in stamps {
            intake.restamp(*tag, *stamp)?;
        }
        intake.commit().map(drop)
    }
}
