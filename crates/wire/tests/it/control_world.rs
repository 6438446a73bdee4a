//! A bucket of Alice's in which stories of control logs happen.

use strongroom_wire::capability::{Action, Actions, Capability, Claims, Target};
use strongroom_wire::chain::Verified;
use strongroom_wire::clear::{Clear, Epoch, Genesis, Member, Revoke, RevokeTarget};
use strongroom_wire::control::{Control, ControlError};
use strongroom_wire::entry::{Entry, Header, Hlc, Kind};
use strongroom_wire::ids::{AuthorKey, BucketId, CapabilityId, DocumentTag, EntryId};

use crate::chains::{DOCUMENT, public, signer, tag};
use crate::samples::{epoch_clear, genesis_clear, header_of};

/// Seconds since 1970 at which buckets are founded here.
pub const START: u64 = 1_795_000_000;
/// Keys by number: the root, members' keys, their authors.
pub const ROOT: u8 = 0;
pub const ALICE: u8 = 1;
pub const BOB: u8 = 2;
pub const ALICES_LAPTOP: u8 = 11;
pub const BOBS_PHONE: u8 = 12;

pub fn author(who: u8) -> AuthorKey {
    AuthorKey(public(who).0)
}

pub fn at(secs: u64) -> Hlc {
    Hlc::new((START + secs) * 1_000, 0)
}

/// What a writer puts into a header; everything else about it is sound.
#[derive(Clone)]
pub struct Draft {
    pub kind: Kind,
    pub who: u8,
    pub cap: CapabilityId,
    pub hlc: Hlc,
    pub parents: Vec<EntryId>,
    pub document: DocumentTag,
    pub epoch: EntryId,
    pub seq: Option<u64>,
}

/// A bucket of Alice: genesis, epoch, her member entry, and her laptop's with these actions.
#[derive(Clone)]
pub struct World {
    pub entries: Vec<Verified<Entry>>,
    pub control: Control,
    pub bucket: BucketId,
    pub epoch: EntryId,
    pub of_alice: Capability,
    pub of_laptop: Capability,
}

impl World {
    pub fn new(actions: Actions) -> Self {
        Self::with(Target::Bucket, actions, |claims| claims)
    }

    pub fn with(
        target: impl FnOnce(BucketId) -> Target,
        actions: Actions,
        change: impl FnOnce(Claims) -> Claims,
    ) -> Self {
        let genesis = genesis_by(ROOT, at(0));
        let mut control = Control::new(&genesis).unwrap();
        let bucket = control.bucket();
        let root = |kind, parents: &[EntryId], epoch| Draft {
            kind,
            who: ROOT,
            cap: CapabilityId::ZERO,
            hlc: at(0),
            parents: parents.to_vec(),
            document: DocumentTag::ZERO,
            epoch,
            seq: None,
        };
        let epoch = entry(
            bucket,
            &root(Kind::Epoch, &[genesis.id()], EntryId::ZERO),
            &Clear::Epoch(epoch_clear()),
        );
        let claims = Claims::new(Target::Bucket(bucket), Actions::ALL, START + 1_000_000, [1; 16])
            .for_holder(public(ALICE), Some(tag(ALICE)))
            .with_depth(7);
        let of_alice = Capability::issue(&claims, signer(ROOT)).unwrap();
        let draft = root(Kind::Member, &[epoch.id()], epoch.id());
        let alice = entry(bucket, &draft, &carries(&[&of_alice]));
        let claims = Claims::new(target(bucket), actions, START + 900_000, [2; 16])
            .for_holder(public(ALICES_LAPTOP), Some(tag(ALICE)))
            .with_depth(5);
        let claims = of_alice.attenuate(&change(claims)).unwrap();
        let of_laptop = Capability::issue(&claims, signer(ALICE)).unwrap();
        let draft = Draft {
            who: ALICES_LAPTOP,
            cap: of_laptop.id(),
            ..root(Kind::Member, &[alice.id()], epoch.id())
        };
        let laptop = entry(bucket, &draft, &carries(&[&of_laptop]));
        let epoch_id = epoch.id();
        for one in [&epoch, &alice, &laptop] {
            control.insert(one).unwrap();
        }
        let entries = vec![genesis, epoch, alice, laptop];
        Self { entries, control, bucket, epoch: epoch_id, of_alice, of_laptop }
    }

    /// What Alice's laptop writes, some time later.
    pub fn draft(&self, kind: Kind) -> Draft {
        let no_document =
            kind.is_control() || matches!(kind, Kind::Checkpoint | Kind::Purge | Kind::Segment);
        Draft {
            kind,
            who: ALICES_LAPTOP,
            cap: self.of_laptop.id(),
            hlc: at(100),
            parents: if kind.is_control() { self.control.heads() } else { vec![] },
            document: if no_document { DocumentTag::ZERO } else { DOCUMENT },
            epoch: if kind == Kind::Epoch { EntryId::ZERO } else { self.epoch },
            seq: None,
        }
    }

    pub fn judge(&self, draft: &Draft) -> Result<(), ControlError> {
        self.control.judge(&header(self.bucket, draft))
    }

    #[expect(clippy::needless_pass_by_value, reason = "reads better in thirty calls")]
    pub fn insert(&mut self, draft: &Draft, clear: Clear) -> Result<EntryId, ControlError> {
        let entry = entry(self.bucket, draft, &clear);
        self.control.insert(&entry)?;
        self.entries.push(entry.clone());
        Ok(entry.id())
    }

    /// A capability for Bob from the laptop, with these actions.
    pub fn for_bob(&self, actions: &[Action]) -> Capability {
        let claims = Claims::new(
            Target::Bucket(self.bucket),
            Actions::of(actions),
            START + 800_000,
            [3; 16],
        )
        .for_holder(public(BOB), Some(tag(BOB)))
        .with_depth(3);
        let claims = Claims { parent: Some(self.of_laptop.id()), ..claims };
        Capability::issue(&claims, signer(ALICES_LAPTOP)).unwrap()
    }

    /// What everyone sees of it.
    pub fn state(&self) -> impl PartialEq + std::fmt::Debug + use<> {
        let epochs: Vec<_> = self.control.epochs().map(|(id, info)| (*id, info.clone())).collect();
        let current = self.control.current_epochs();
        (
            self.control.heads(),
            epochs,
            current,
            self.control.members(),
            self.control.is_deactivated(),
        )
    }
}

pub fn header(bucket: BucketId, draft: &Draft) -> Header {
    let mut parents = draft.parents.clone();
    parents.sort_unstable();
    Header {
        bucket,
        document: draft.document,
        parents,
        epoch: draft.epoch,
        hlc: draft.hlc,
        author: author(draft.who),
        cap: draft.cap,
        // After whatever brought its author in.
        seq: draft.seq.unwrap_or(if draft.kind.is_control() { 50 } else { 99 }),
        ..header_of(draft.kind)
    }
}

pub fn entry(bucket: BucketId, draft: &Draft, clear: &Clear) -> Verified<Entry> {
    let entry = Entry::assemble(header(bucket, draft), clear.encode(), vec![0; 16]);
    Verified::danger_made_here(entry)
}

pub fn genesis_by(who: u8, hlc: Hlc) -> Verified<Entry> {
    let clear = Clear::Genesis(Genesis { root_key: public(ROOT), ..genesis_clear() });
    let header = Header { author: author(who), hlc, ..header_of(Kind::Genesis) };
    Verified::danger_made_here(Entry::assemble(header, clear.encode(), vec![]))
}

pub fn carries(capabilities: &[&Capability]) -> Clear {
    Clear::Member(Member {
        capabilities: capabilities.iter().map(|one| one.bytes().to_vec()).collect(),
        wrap: None,
        commitment: None,
        open: Vec::new(),
    })
}

pub fn next_epoch(n: u64, prev: &[EntryId]) -> Clear {
    let mut prev = prev.to_vec();
    prev.sort_unstable();
    Clear::Epoch(Epoch { n, back: vec![[0; 48]; prev.len()], prev, ..epoch_clear() })
}

pub fn revoke(targets: &[RevokeTarget]) -> Clear {
    Clear::Revoke(Revoke { targets: targets.to_vec(), cutoffs: vec![] })
}

pub fn deactivate() -> Clear {
    revoke(&[RevokeTarget::Bucket])
}

/// All but the genesis, and messages, which bring their own right.
pub const KINDS: [Kind; 8] = [
    Kind::Version,
    Kind::Epoch,
    Kind::Member,
    Kind::Revoke,
    Kind::Checkpoint,
    Kind::Tombstone,
    Kind::Purge,
    Kind::Segment,
];
