//! L2 · Founding buckets and enrolling authors. Takes a principal, a device and randomness; gives
//! the first entries of a bucket's control log and the secrets that go with them. Must not know:
//! where either is kept.
//!
//! A bucket begins with four entries: the genesis and the first epoch by the root key, a member
//! entry by which the root key gives everything to the controller's member key, and one by which
//! the member key lets this device's author act for it. Each later device adds one of the last.

use strongroom_seal::aead::SealError;
use strongroom_seal::identity::{
    AuthorSigningKey, BucketRootKey, DeviceSigningKey, MemberSigningKey, device_proof,
};
use strongroom_seal::kem::KemPublic;
use strongroom_seal::keys::{DeviceSecret, EpochKey, NameKey, TagKey};
use strongroom_seal::rng::Rng;
use strongroom_seal::sealing::Sealing;
use strongroom_wire::capability::{
    Actions, Capability, CapabilityChain, CapabilityError, Claims, Target,
};
use strongroom_wire::chain::Verified;
use strongroom_wire::clear::{Clear, Genesis, Member};
use strongroom_wire::entry::{Entry, Header, Hlc, Kind};
use strongroom_wire::ids::{BucketId, DocumentTag, EntryId, MemberTag, PrincipalId};
use strongroom_wire::limits::{CAPABILITY_DEPTH_MAX, ROOT_CAPABILITY_AGE_SECS};
use strongroom_wire::walk::Refusal;

use crate::parts::{DeviceProof, MemberBody};
use crate::rotation::{EpochDraft, Recipient};
use crate::writer::{self, Author, BodyKey, ChainPosition, Planned, Under};

/// Why a bucket cannot be founded or an author not enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FoundingError {
    /// Sealing failed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A capability of the chain is malformed.
    #[error(transparent)]
    Capability(#[from] CapabilityError),
    /// The member key's capability cannot be delegated.
    #[error("the member key cannot enrol this device: {0}")]
    Delegation(#[from] Refusal),
}

/// Who founds.
#[derive(Debug)]
pub struct Founder<'a> {
    /// The controller.
    pub principal: PrincipalId,
    /// The controller's agree key: the first epoch is wrapped to it.
    pub agree: &'a KemPublic,
    /// Vouches for the author.
    pub device: &'a DeviceSigningKey,
    /// Makes the author and hedges nonces.
    pub secret: &'a DeviceSecret,
    /// Milliseconds since 1970.
    pub now: u64,
}

/// A new bucket.
#[derive(Debug)]
pub struct Founded {
    /// Genesis, epoch, member entry, author's member entry; in this order.
    pub entries: Vec<Verified<Entry>>,
    /// The bucket.
    pub bucket: BucketId,
    /// Signs the first capability; to be wrapped to the recovery pair and forgotten.
    pub root: BucketRootKey,
    /// The root key's successor; the same.
    pub next_root: BucketRootKey,
    /// The first epoch's entry.
    pub epoch: EntryId,
    /// Its key.
    pub epoch_key: EpochKey,
    /// Makes the bucket's tags.
    pub name_key: NameKey,
    /// By which the controller finds its wraps.
    pub tag_key: TagKey,
    /// What the controller's devices hold in common.
    pub member: MemberSigningKey,
    /// From the root key to the member key.
    pub member_chain: CapabilityChain,
    /// From the member key to this device's author.
    pub author_capability: Capability,
    /// The author's chain after its first entry.
    pub position: ChainPosition,
}

/// Founds a bucket that seals everything in this way for its whole life.
pub fn found(
    founder: &Founder<'_>,
    sealing: Sealing,
    rng: &mut impl Rng,
) -> Result<Founded, FoundingError> {
    let root = BucketRootKey::generate(rng);
    let next_root = BucketRootKey::generate(rng);
    let hlc = Hlc::new(founder.now, 0);
    let genesis = genesis_entry(&root, &next_root, sealing, hlc);
    let bucket = genesis.id().to_bucket();
    let (epoch_key, name_key) = (EpochKey::generate(rng), NameKey::generate(rng));
    let tag_key = TagKey::generate(rng);
    let tag = name_key.member_tag(founder.principal);
    let epoch = {
        let keys = FirstEpoch { key: &epoch_key, name: &name_key, tag_key: &tag_key, tag, sealing };
        epoch_entry(founder, &root, &genesis, &keys, rng)?
    };
    let member = MemberSigningKey::generate(rng);
    let claims =
        root_claims(&member, bucket, tag, founder.now, rng).under_suite(sealing.suite.byte());
    let capability = Capability::issue(&claims, |input| root.sign(input))?;
    let member_chain = CapabilityChain::new(vec![capability])?;
    let content = epoch_key.content(bucket);
    let root_entry = {
        let body = MemberBody {
            principal: founder.principal,
            proof: None,
            tag_key: Some(TagKey::from_secret_bytes(&tag_key.to_secret_bytes())),
            rights: "controller".to_owned(),
            from_now: false,
            card: None,
            link: None,
        };
        let carried = member_chain.capabilities();
        let mut header = control_header(bucket, Kind::Member, &[epoch.id()], hlc);
        header.epoch = epoch.id();
        header.author = root.public().author();
        header.seq = 2;
        header.prev = epoch.id();
        let clear = member_clear(carried);
        let plain = body.encode();
        let under = BodyKey { content: &content, sealing };
        let sealed = writer::seal_body(founder.secret, under, &mut header, &clear, &plain, rng)?;
        writer::sign_entry(Entry::assemble(header, clear, sealed), |input| root.sign(input))
    };
    let under = Under { bucket, epoch: epoch.id(), content: &content, sealing };
    let enrolment = Enrolment {
        founder,
        instance: 0,
        member: &member,
        chain: &member_chain,
        tag,
        heads: &[root_entry.id()],
        clock: hlc,
        accepts: None,
    };
    let enrolled = enrol(&enrolment, &under, rng)?;
    let mut entries: Vec<_> =
        [genesis, epoch.clone(), root_entry].into_iter().map(Verified::danger_made_here).collect();
    entries.push(enrolled.entry);
    Ok(Founded {
        entries,
        bucket,
        root,
        next_root,
        epoch: epoch.id(),
        epoch_key,
        name_key,
        tag_key,
        member,
        member_chain,
        author_capability: enrolled.capability,
        position: enrolled.position,
    })
}

/// What makes an author of a device.
#[derive(Debug)]
pub struct Enrolment<'a> {
    /// The device and its principal.
    pub founder: &'a Founder<'a>,
    /// Which of the device's authors.
    pub instance: u32,
    /// The member key that delegates.
    pub member: &'a MemberSigningKey,
    /// From the root key to the member key.
    pub chain: &'a CapabilityChain,
    /// The member.
    pub tag: MemberTag,
    /// Heads of the control log.
    pub heads: &'a [EntryId],
    /// The newest clock seen in the bucket.
    pub clock: Hlc,
    /// For the first author of somebody who was invited.
    pub accepts: Option<Accepts>,
}

/// What goes with an acceptance.
#[derive(Debug, Clone)]
pub struct Accepts {
    /// The new member's card, without a name.
    pub card: Vec<u8>,
}

/// A new author.
#[derive(Debug)]
pub struct Enrolled {
    /// The author's own first entry, which carries its capability.
    pub entry: Verified<Entry>,
    /// From the member key to the author.
    pub capability: Capability,
    /// The author's chain after it.
    pub position: ChainPosition,
}

/// Enrols this device's author.
pub fn enrol(
    enrolment: &Enrolment<'_>,
    under: &Under<'_>,
    rng: &mut impl Rng,
) -> Result<Enrolled, FoundingError> {
    let founder = enrolment.founder;
    let author: AuthorSigningKey = founder.secret.author(under.bucket, enrolment.instance);
    let capability = author_capability(enrolment, &author, rng)?;
    // Who accepts carries the member key it took, and from there to its author.
    let taken = enrolment.accepts.as_ref().and_then(|_| enrolment.chain.last().cloned());
    let carried: Vec<Capability> = taken.into_iter().chain([capability.clone()]).collect();
    let body = MemberBody {
        principal: founder.principal,
        proof: Some(DeviceProof {
            device: founder.device.public(),
            instance: enrolment.instance,
            signature: device_proof(
                founder.device,
                under.bucket,
                author.author(),
                enrolment.instance,
            ),
        }),
        tag_key: None,
        rights: "device".to_owned(),
        from_now: false,
        card: enrolment.accepts.as_ref().map(|accepts| accepts.card.clone()),
        link: None,
    };
    let mut parents = enrolment.heads.to_vec();
    parents.sort_unstable();
    let planned = Planned {
        document: DocumentTag::ZERO,
        kind: Kind::Member,
        parents,
        generation: 0,
        clear: member_clear(&carried),
        plain: body.encode().to_vec(),
    };
    let writer = Author { device: founder.secret, key: &author, capability: capability.id() };
    let position = ChainPosition { clock: enrolment.clock, ..ChainPosition::default() };
    let (entries, position) =
        writer::seal_transaction(&writer, under, &[planned], position, founder.now, rng)?;
    let entry = entries.into_iter().next().ok_or(SealError::Cipher)?;
    Ok(Enrolled { entry, capability, position })
}

fn author_capability(
    enrolment: &Enrolment<'_>,
    author: &AuthorSigningKey,
    rng: &mut impl Rng,
) -> Result<Capability, FoundingError> {
    let parent = enrolment.chain.last().ok_or(CapabilityError::Missing)?;
    let above = parent.claims();
    let claims = Claims::new(above.target, above.actions, above.expires, unique(rng))
        .for_holder(author.public(), Some(enrolment.tag));
    let claims = parent.attenuate(&claims)?;
    Ok(Capability::issue(&claims, |input| enrolment.member.sign(input))?)
}

fn root_claims(
    member: &MemberSigningKey,
    bucket: BucketId,
    tag: MemberTag,
    now: u64,
    rng: &mut impl Rng,
) -> Claims {
    let expires = now / 1_000 + ROOT_CAPABILITY_AGE_SECS;
    Claims::new(Target::Bucket(bucket), Actions::ALL, expires, unique(rng))
        .for_holder(member.public(), Some(tag))
        .with_depth(CAPABILITY_DEPTH_MAX)
}

fn unique(rng: &mut impl Rng) -> [u8; 16] {
    let mut out = [0; 16];
    rng.fill(&mut out);
    out
}

fn genesis_entry(
    root: &BucketRootKey,
    next_root: &BucketRootKey,
    sealing: Sealing,
    hlc: Hlc,
) -> Entry {
    let clear = Clear::Genesis(Genesis {
        floors: sealing.floors(),
        root_key: root.public(),
        next_root: *blake3::hash(&next_root.public().0).as_bytes(),
        ledger_keys: [0; 32],
        public: false,
        padding: sealing.padding,
    });
    let mut header = control_header(BucketId::ZERO, Kind::Genesis, &[], hlc);
    header.suite = sealing.suite.byte();
    header.author = root.public().author();
    writer::sign_entry(Entry::assemble(header, clear.encode(), Vec::new()), |input| {
        root.sign(input)
    })
}

struct FirstEpoch<'a> {
    key: &'a EpochKey,
    name: &'a NameKey,
    tag_key: &'a TagKey,
    tag: MemberTag,
    sealing: Sealing,
}

fn epoch_entry(
    founder: &Founder<'_>,
    root: &BucketRootKey,
    genesis: &Entry,
    keys: &FirstEpoch<'_>,
    rng: &mut impl Rng,
) -> Result<Entry, FoundingError> {
    let bucket = genesis.id().to_bucket();
    let me =
        Recipient { tag: keys.tag, agree: founder.agree, tag_key: keys.tag_key, from_now: false };
    let draft = EpochDraft {
        n: 1,
        before: &[],
        recipients: &[me],
        key: keys.key,
        names: keys.name,
        sealing: keys.sealing,
    };
    let mut header = control_header(bucket, Kind::Epoch, &[genesis.id()], genesis.header().hlc);
    header.author = root.public().author();
    header.seq = 1;
    header.prev = genesis.id();
    let entry = draft.seal(founder.secret, header, rng)?;
    Ok(writer::sign_entry(entry, |input| root.sign(input)))
}

fn member_clear(carried: &[Capability]) -> Vec<u8> {
    Clear::Member(Member {
        capabilities: carried.iter().map(|one| one.bytes().to_vec()).collect(),
        wrap: None,
        commitment: None,
        open: Vec::new(),
    })
    .encode()
}

fn control_header(bucket: BucketId, kind: Kind, parents: &[EntryId], hlc: Hlc) -> Header {
    Header { parents: parents.to_vec(), ..writer::bare_header(bucket, kind, hlc) }
}
