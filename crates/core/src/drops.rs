//! L2 · Drops: others put in, and read nothing. Takes a member who may grant, and gives a drop and
//! its card; takes an address and a card, and gives a message; takes a message, and gives what it
//! says. Must not know: clocks, disks, how anything travels.
//!
//! A drop is a key with `append` and nothing else; docs/design/drops.md. Its X-Wing key follows
//! from the epoch's content key, so every member opens every message, and who sent it cannot.

mod address;

use strongroom_seal::aead::SealError;
use strongroom_seal::identity::{AuthorSigningKey, DeviceSigningKey};
use strongroom_seal::kem::KemPublic;
use strongroom_seal::keys::{Commitment, ContentKey, DeviceSecret, Nonce};
use strongroom_seal::message::{DropSecret, open_from, seal_to};
use strongroom_seal::part::{self, Draft, Hedge, PartHeader};
use strongroom_seal::rng::Rng;
use strongroom_seal::sealing::Sealing;
use strongroom_seal::suite::SuiteError;
use strongroom_wire::capability::{Capability, CapabilityChain, CapabilityError, Caveats, Claims};
use strongroom_wire::chain::Verified;
use strongroom_wire::clear::{Clear, Member, Message, References};
use strongroom_wire::control::DROP_ACTIONS;
use strongroom_wire::drop_card::{CheckedCard, DropCard};
use strongroom_wire::entry::{Entry, Header, Hlc, Kind};
use strongroom_wire::ids::{AuthorKey, BucketId, CapabilityId, DocumentTag, EntryId, PrincipalId};
use strongroom_wire::walk::Refusal;

pub use address::{Address, BEGIN, END};

use crate::granting::Granter;
use crate::keyring::{EntryOpenError, Keyring};
use crate::message::{MessageBody, Sender};
use crate::parts::MemberBody;
use crate::writer::{Planned, bare_header, sign_entry};

/// What stands in front of a drop's name in the rights of its member entry.
const RIGHTS: &str = "drop ";

/// Why there is no drop, or no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DropError {
    /// Sealing failed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A capability of the chain is malformed.
    #[error(transparent)]
    Capability(#[from] CapabilityError),
    /// Who makes it may not give it, or it is as deep as it may go.
    #[error("it cannot be given: {0}")]
    Delegation(#[from] Refusal),
    /// The bucket seals in a way this program does not know.
    #[error(transparent)]
    Suite(#[from] SuiteError),
    /// The card's key is none.
    #[error("the drop card names no X-Wing key")]
    Key,
}

/// What a drop takes in.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// Until then, seconds since 1970; no longer than its maker's own capability.
    pub until: Option<u64>,
    /// From then, seconds since 1970.
    pub from: u64,
    /// Bytes that may be put in, in all.
    pub quota_bytes: Option<u64>,
    /// Messages an hour.
    pub entries_per_hour: Option<u64>,
}

/// A drop to be.
#[derive(Debug)]
pub struct Made {
    /// Its member entry.
    pub planned: Planned,
    /// What puts into it.
    pub secret: DropSecret,
    /// From the root key to it.
    pub chain: CapabilityChain,
}

/// Makes a drop of this name. One entry.
pub fn make(
    maker: &Granter<'_>,
    name: &str,
    terms: &Terms,
    rng: &mut impl Rng,
) -> Result<Made, DropError> {
    let secret = DropSecret::generate(rng);
    let key = secret.key().public();
    let parent = maker.chain.last().ok_or(CapabilityError::Missing)?;
    let above = parent.claims();
    let expires = terms.until.map_or(above.expires, |until| until.min(above.expires));
    // Nobody's key: its tag follows from the key, as a person's from his.
    let principal = PrincipalId(*blake3::hash(&key.0).as_bytes());
    let caveats = Caveats {
        quota_bytes: terms.quota_bytes,
        entries_per_hour: terms.entries_per_hour,
        ..Caveats::NONE
    };
    let mut claims = Claims::new(above.target, DROP_ACTIONS, expires, unique(rng))
        .for_holder(key, Some(maker.names.member_tag(principal)))
        .with_caveats(caveats)
        .with_depth(1);
    claims.not_before = Some(terms.from);
    let claims = parent.attenuate(&claims)?;
    let capability = Capability::issue(&claims, |input| maker.member.sign(input))?;
    let clear = Clear::Member(Member {
        capabilities: vec![capability.bytes().to_vec()],
        wrap: None,
        commitment: None,
        open: Vec::new(),
    });
    let body = MemberBody {
        principal,
        proof: None,
        tag_key: None,
        rights: format!("{RIGHTS}{name}"),
        from_now: false,
        card: None,
        link: None,
    };
    let mut parents = maker.heads.to_vec();
    parents.sort_unstable();
    let planned = Planned {
        document: DocumentTag::ZERO,
        kind: Kind::Member,
        parents,
        generation: 0,
        clear: clear.encode(),
        plain: body.encode().to_vec(),
    };
    Ok(Made { planned, secret, chain: maker.chain.extended(capability)? })
}

/// The name in the rights of a drop's member entry.
pub fn name_of(rights: &str) -> Option<&str> {
    rights.strip_prefix(RIGHTS)
}

/// What an epoch's drop card says. Its key follows from the content key. The clock is the newest of
/// the control log: no message is older than its drop.
pub fn card(
    bucket: BucketId,
    epoch: (EntryId, Hlc),
    content: &ContentKey,
    expires: u64,
) -> DropCard {
    let key = content.drop_seed().pair().public().to_bytes();
    DropCard { bucket, epoch: epoch.0, hlc: epoch.1, key, expires }
}

/// Who puts one message in: a key made for it alone.
#[derive(Debug)]
pub struct OneTimeAuthor {
    bucket: BucketId,
    device: DeviceSecret,
    capability: Capability,
    chain: CapabilityChain,
    drop: EntryId,
}

impl OneTimeAuthor {
    /// Makes one, by the secret of an address.
    pub fn new(address: &Address, rng: &mut impl Rng) -> Result<Self, DropError> {
        let device = DeviceSecret::generate(rng);
        let key = device.author(address.bucket, 0);
        let parts: Vec<&[u8]> = address.chain.iter().map(Vec::as_slice).collect();
        let above = CapabilityChain::from_parts(&parts)?;
        let parent = above.last().ok_or(CapabilityError::Missing)?;
        let given = parent.claims();
        let claims = Claims::new(given.target, DROP_ACTIONS, given.expires, unique(rng))
            .for_holder(key.public(), given.member)
            .with_caveats(given.caveats);
        let claims = parent.attenuate(&claims)?;
        let capability = Capability::issue(&claims, |input| address.secret.key().sign(input))?;
        let chain = above.extended(capability.clone())?;
        Ok(Self { bucket: address.bucket, device, capability, chain, drop: address.entry })
    }

    /// From the root key to it: what its requests show.
    pub const fn chain(&self) -> &CapabilityChain {
        &self.chain
    }

    /// Signs its requests.
    pub fn signer(&self) -> AuthorSigningKey {
        self.device.author(self.bucket, 0)
    }

    /// Hedges the keys of its chunks.
    pub const fn device(&self) -> &DeviceSecret {
        &self.device
    }

    /// Seals the message; again where the card was not the newest and nothing was taken. `now` is
    /// milliseconds since 1970.
    pub fn write(
        &self,
        card: &CheckedCard,
        letter: &Letter<'_>,
        now: u64,
        rng: &mut impl Rng,
    ) -> Result<Verified<Entry>, DropError> {
        let bucket = card.card.bucket;
        let sealing = sealing_of(card)?;
        let drop = KemPublic::from_bytes(&card.card.key).map_err(|_| DropError::Key)?;
        let mut tag = [0; 16];
        rng.fill(&mut tag);
        let document = DocumentTag(tag);
        let (enc, key) = seal_to(&drop, bucket, document, rng);
        let clear = Clear::Message(Message {
            enc,
            drop: self.drop,
            capability: self.capability.bytes().to_vec(),
            references: letter.references.clone(),
        })
        .encode();
        let signer = self.signer();
        let author = signer.author();
        let plain = letter.body.encode(bucket, author, letter.device);
        let random = rng.bytes32();
        let hedge = Hedge { device: &self.device, author, seq: 0, random };
        let draft = Draft::new(&key, &plain, &sealing.padding, hedge)?;
        let part = draft.header();
        let hlc = Hlc::new(now, 0).max(card.card.hlc);
        let header = Header {
            suite: sealing.suite.byte(),
            document,
            parents: letter.answers.to_vec(),
            epoch: card.card.epoch,
            nonce: part.nonce.0,
            kc: part.commitment.0,
            author,
            cap: self.capability.id(),
            sealed_len: part.sealed_len,
            ..bare_header(bucket, Kind::Message, hlc)
        };
        let sealed = draft.seal(sealing.suite, &header.aad(blake3::hash(&clear).as_bytes()))?;
        let entry = Entry::assemble(header, clear, sealed);
        Ok(Verified::danger_made_here(sign_entry(entry, |input| signer.sign(input))))
    }
}

/// What is put in.
#[derive(Debug)]
pub struct Letter<'a> {
    /// What it says.
    pub body: &'a MessageBody,
    /// Signs it, where the sender wants to be known; the body has his card then.
    pub device: Option<&'a DeviceSigningKey>,
    /// Chunks its content needs.
    pub references: References,
    /// Entries it answers to, ascending.
    pub answers: &'a [EntryId],
}

/// How a card's bucket seals: what its genesis says.
pub fn sealing_of(card: &CheckedCard) -> Result<Sealing, SuiteError> {
    Sealing::of(&card.genesis)
}

/// A message as it was opened.
#[derive(Debug)]
pub struct Opened {
    /// What it says.
    pub body: MessageBody,
    /// Who is proved to have sent it.
    pub sender: Sender,
    /// The drop it came through: what gave its author the right.
    pub drop: EntryId,
    /// The capability of that drop.
    pub by: Option<CapabilityId>,
    /// Chunks its content needs.
    pub references: References,
}

/// Opens a message that counts.
pub fn open(keyring: &Keyring, entry: &Verified<Entry>) -> Result<Opened, EntryOpenError> {
    let header = entry.header();
    let sealing = Sealing { suite: keyring.admit(header.suite)?, ..keyring.sealing()? };
    let Clear::Message(message) = Clear::decode(header.kind, entry.clear())? else {
        return Err(EntryOpenError::NoKey);
    };
    let content = keyring.content(&header.epoch).ok_or(EntryOpenError::NoKey)?;
    let key = open_from(content, &message.enc, header.bucket, header.document);
    let sealed = entry.sealed_bytes().ok_or(EntryOpenError::Purged)?;
    let part = PartHeader {
        nonce: Nonce(header.nonce),
        commitment: Commitment(header.kc),
        sealed_len: header.sealed_len,
    };
    let aad = header.aad(blake3::hash(entry.clear()).as_bytes());
    let plain = part::open(sealing, &key, &part, &aad, sealed)?;
    let author = AuthorKey(header.author.0);
    let (body, sender) = MessageBody::decode(&plain, header.bucket, author)?;
    let by = Capability::decode(&message.capability).ok().and_then(|it| it.claims().parent);
    Ok(Opened { body, sender, drop: message.drop, by, references: message.references })
}

fn unique(rng: &mut impl Rng) -> [u8; 16] {
    let mut out = [0; 16];
    rng.fill(&mut out);
    out
}
