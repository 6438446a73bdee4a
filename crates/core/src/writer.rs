//! L1 · Writing. Takes what one user action changes in one bucket; gives sealed, chained, signed
//! entries. Must not know: disks, sockets, clocks; time and randomness are arguments.
//!
//! The entries of one transaction are shuffled before they get their numbers and carry one clock,
//! so their order says nothing of the tree (attack A56). All but the last carry no signature: it
//! covers the others through `prev`, and ten thousand signatures would cost more than all the
//! rest.

use strongroom_seal::aead::SealError;
use strongroom_seal::identity::AuthorSigningKey;
use strongroom_seal::keys::{ContentKey, DeviceSecret};
use strongroom_seal::part::{Draft, Hedge};
use strongroom_seal::rng::Rng;
use strongroom_seal::sealing::Sealing;
use strongroom_wire::chain::Verified;
use strongroom_wire::entry::{Entry, Header, Hlc, Kind};
use strongroom_wire::ids::{AuthorKey, BucketId, CapabilityId, DocumentTag, EntryId};

/// Entries in a row without a signature. A run can be cut and sent only where one stands.
const UNSIGNED_ENTRIES_MAX: usize = 256;
/// Sealed bytes in a row without a signature.
const UNSIGNED_LEN_MAX: usize = 1_048_576;

/// Where an author's chain stands, and the newest clock its device has seen in the bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainPosition {
    /// The next number.
    pub next_seq: u64,
    /// The entry before; zero at 0.
    pub prev: EntryId,
    /// The newest clock of anything seen.
    pub clock: Hlc,
}

impl ChainPosition {
    /// The same place at a transaction's clock: later than anything seen.
    pub(crate) fn later(self, now: u64) -> Self {
        Self { clock: Hlc::new(now, 0).after(self.clock), ..self }
    }
}

impl Default for ChainPosition {
    /// Before the first entry.
    fn default() -> Self {
        Self { next_seq: 0, prev: EntryId::ZERO, clock: Hlc::default() }
    }
}

/// Who writes: one device in one bucket.
#[derive(Debug)]
pub struct Author<'a> {
    /// Hedges nonces.
    pub device: &'a DeviceSecret,
    /// Signs.
    pub key: &'a AuthorSigningKey,
    /// The capability used; zero for the root key.
    pub capability: CapabilityId,
}

impl Author<'_> {
    /// The header of this author's next entry.
    pub(crate) fn header(&self, bucket: BucketId, kind: Kind, position: ChainPosition) -> Header {
        Header {
            author: self.key.author(),
            seq: position.next_seq,
            prev: position.prev,
            cap: self.capability,
            ..bare_header(bucket, kind, position.clock)
        }
    }
}

/// A header that names no author, no document, nothing above it, and no body yet. What is sealed
/// gets its bucket's suite with its body.
pub(crate) fn bare_header(bucket: BucketId, kind: Kind, hlc: Hlc) -> Header {
    Header {
        suite: Sealing::DEFAULT.suite.byte(),
        bucket,
        document: DocumentTag::ZERO,
        kind,
        parents: Vec::new(),
        epoch: EntryId::ZERO,
        generation: 0,
        nonce: [0; 32],
        kc: [0; 32],
        hlc,
        author: AuthorKey::ZERO,
        seq: 0,
        prev: EntryId::ZERO,
        cap: CapabilityId::ZERO,
        sealed_len: 0,
        body_hash: [0; 32],
    }
}

/// Where it is written: under which epoch of which bucket.
#[derive(Debug)]
pub struct Under<'a> {
    /// The bucket.
    pub bucket: BucketId,
    /// The epoch's entry.
    pub epoch: EntryId,
    /// Its content key.
    pub content: &'a ContentKey,
    /// How the bucket seals.
    pub sealing: Sealing,
}

/// One entry to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// What it is about; zero for control entries and checkpoints.
    pub document: DocumentTag,
    /// Its kind; neither genesis nor epoch, which have no epoch above them.
    pub kind: Kind,
    /// What it follows, ascending.
    pub parents: Vec<EntryId>,
    /// The document's key generation.
    pub generation: u32,
    /// Encoded clear part.
    pub clear: Vec<u8>,
    /// Plaintext of the sealed part.
    pub plain: Vec<u8>,
}

/// Seals a whole transaction. `now` is the device's clock, milliseconds since 1970; all entries
/// get the same clock, later than anything seen. Gives them in chain order with the position
/// after the last.
pub fn seal_transaction(
    author: &Author<'_>,
    under: &Under<'_>,
    planned: &[Planned],
    position: ChainPosition,
    now: u64,
    rng: &mut impl Rng,
) -> Result<(Vec<Verified<Entry>>, ChainPosition), SealError> {
    seal_at(author, under, planned, position.later(now), rng)
}

/// Seals a transaction, or the rest of one, at the clock of this position.
pub(crate) fn seal_at(
    author: &Author<'_>,
    under: &Under<'_>,
    planned: &[Planned],
    mut position: ChainPosition,
    rng: &mut impl Rng,
) -> Result<(Vec<Verified<Entry>>, ChainPosition), SealError> {
    let mut order: Vec<_> = planned.iter().collect();
    rng.shuffle(&mut order);
    // Stable: within control and content the random order stays.
    order.sort_by_key(|plan| !plan.kind.is_control());
    let last = planned.len().saturating_sub(1);
    let mut entries = Vec::with_capacity(planned.len());
    let mut unsigned = (0, 0);
    for (at, plan) in order.into_iter().enumerate() {
        let control = plan.kind.is_control();
        let entry = seal_one(author, under, plan, position, rng)?;
        unsigned = (unsigned.0 + 1, unsigned.1 + entry.header().sealed_len as usize);
        let sign = at == last
            || control
            || unsigned.0 >= UNSIGNED_ENTRIES_MAX
            || unsigned.1 >= UNSIGNED_LEN_MAX;
        let entry = if sign {
            unsigned = (0, 0);
            sign_entry(entry, |input| author.key.sign(input))
        } else {
            entry
        };
        position.next_seq += 1;
        position.prev = entry.id();
        entries.push(Verified::danger_made_here(entry));
    }
    Ok((entries, position))
}

/// Seals one more entry after a transaction, of its clock, that may speak of it: a checkpoint.
/// `position` is where the chain stands after the transaction.
pub fn seal_closing(
    author: &Author<'_>,
    under: &Under<'_>,
    plan: &Planned,
    position: ChainPosition,
    rng: &mut impl Rng,
) -> Result<Verified<Entry>, SealError> {
    let entry = seal_one(author, under, plan, position, rng)?;
    Ok(Verified::danger_made_here(sign_entry(entry, |input| author.key.sign(input))))
}

fn seal_one(
    author: &Author<'_>,
    under: &Under<'_>,
    plan: &Planned,
    position: ChainPosition,
    rng: &mut impl Rng,
) -> Result<Entry, SealError> {
    let mut header = Header {
        document: plan.document,
        parents: plan.parents.clone(),
        epoch: under.epoch,
        generation: plan.generation,
        ..author.header(under.bucket, plan.kind, position)
    };
    let sealed = seal_body(author.device, under.key(), &mut header, &plan.clear, &plan.plain, rng)?;
    Ok(Entry::assemble(header, plan.clear.clone(), sealed))
}

/// The key something is sealed under, and how.
#[derive(Clone, Copy)]
pub(crate) struct BodyKey<'a> {
    pub content: &'a ContentKey,
    pub sealing: Sealing,
}

impl Under<'_> {
    pub(crate) const fn key(&self) -> BodyKey<'_> {
        BodyKey { content: self.content, sealing: self.sealing }
    }
}

/// Seals one body and sets what the header says of it.
pub(crate) fn seal_body(
    device: &DeviceSecret,
    under: BodyKey<'_>,
    header: &mut Header,
    clear: &[u8],
    plain: &[u8],
    rng: &mut impl Rng,
) -> Result<Vec<u8>, SealError> {
    let BodyKey { content, sealing } = under;
    header.suite = sealing.suite.byte();
    let key = content.document(header.document, header.generation);
    let hedge = Hedge { device, author: header.author, seq: header.seq, random: rng.bytes32() };
    let draft = Draft::new(&key, plain, &sealing.padding, hedge)?;
    let part = draft.header();
    header.nonce = part.nonce.0;
    header.kc = part.commitment.0;
    header.sealed_len = part.sealed_len;
    draft.seal(sealing.suite, &header.aad(blake3::hash(clear).as_bytes()))
}

/// Signs an entry.
pub(crate) fn sign_entry(entry: Entry, sign: impl FnOnce(&[u8]) -> [u8; 64]) -> Entry {
    let signature = sign(&entry.signing_input());
    entry.signed(signature)
}

/// The author a device has in a bucket.
pub fn author_key(device: &DeviceSecret, bucket: BucketId, instance: u32) -> AuthorKey {
    device.author(bucket, instance).author()
}
