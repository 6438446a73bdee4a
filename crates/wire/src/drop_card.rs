//! Drop cards: which key a message is sealed to. Comes in: a member's statement of a bucket's drop
//! key, or bytes of a stranger. Goes out: the key, checked back to the bucket id. Must not know:
//! keys that open anything, where the card came from.
//!
//! Who sends has no view of the control log. A card brings what he needs: the genesis, whose hash
//! is the bucket id, and the chain from its root key to the card's signer, who may `rotate`.
//! Bytes: docs/spec/drop.md, "Drop card". Golden files: vectors/drop/card.json.

use crate::capability::{Action, CapabilityChain, CapabilityError, Grant, Judge, Target, verify};
use crate::cbor::{CborError, Reader, Writer};
use crate::clear::{Clear, Genesis, KEM_PUBLIC_LEN};
use crate::cose;
use crate::entry::{Entry, Hlc, Kind};
use crate::ids::{BucketId, EntryId};
use crate::limits::{
    CHAIN_BYTES_MAX, DROP_CARD_AGE_MAX_SECS, DROP_CARD_GENESIS_LEN_MAX, DROP_CARD_LEN_MAX,
    TIME_SECS_MAX,
};

/// The `typ` of a card's protected header.
pub const TYP: &str = "application/strongroom-drop-card";
/// Bytes of what is signed.
const PAYLOAD_LEN_MAX: usize = KEM_PUBLIC_LEN + 128;

/// Why a card is not believed. Nothing is sent then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DropCardError {
    /// Not the one form.
    #[error("it is no drop card: {0}")]
    Form(#[from] CborError),
    /// One of its capabilities is none.
    #[error("it is no drop card: {0}")]
    Capability(#[from] CapabilityError),
    /// It is about another bucket, or its genesis is another's.
    #[error("it is not of the bucket that the drop names")]
    Bucket,
    /// The key it was signed with may not make epochs in this bucket.
    #[error("nobody signed it who may")]
    Signer,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// It is for longer than a card may be, or from after its own end.
    #[error("it is for longer than a card may be good")]
    TooLong,
}

/// What a card says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropCard {
    /// The bucket.
    pub bucket: BucketId,
    /// The epoch messages are written under.
    pub epoch: EntryId,
    /// The newest clock of the control log: no message is older.
    pub hlc: Hlc,
    /// The X-Wing key messages are sealed to.
    pub key: Box<[u8; KEM_PUBLIC_LEN]>,
    /// Seconds since 1970; from then on nobody seals to it.
    pub expires: u64,
}

/// A card that was checked, and what its bucket's genesis fixed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedCard {
    /// What it says.
    pub card: DropCard,
    /// The bucket's birth: how everything in it is sealed.
    pub genesis: Genesis,
    /// What its signer may do.
    pub signer: Grant,
}

impl DropCard {
    fn payload(&self) -> Vec<u8> {
        let mut w = Writer::with_capacity(PAYLOAD_LEN_MAX);
        w.array(5).bytes(&self.bucket.0).bytes(&self.epoch.0).uint(self.hlc.0);
        w.bytes(&*self.key).uint(self.expires);
        w.into_bytes()
    }

    fn read(payload: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(payload);
        r.array_exact(5)?;
        let card = Self {
            bucket: BucketId(r.bytes_exact()?),
            epoch: EntryId(r.bytes_exact()?),
            hlc: Hlc(r.uint()?),
            key: Box::new(r.bytes_exact()?),
            expires: r.uint_max(TIME_SECS_MAX)?,
        };
        r.end()?;
        Ok(card)
    }

    /// Signs the card by the holder of this chain, which must allow `rotate`. `sign` gets the bytes
    /// to be signed.
    pub fn issue(
        &self,
        genesis: &Entry,
        chain: &CapabilityChain,
        sign: impl FnOnce(&[u8]) -> [u8; 64],
    ) -> Vec<u8> {
        let signed = cose::sign(TYP, &self.payload(), sign);
        let mut w = Writer::with_capacity(4_096);
        w.array(3).bytes(&genesis.encode()).bytes(&chain.encode()).bytes(&signed);
        w.into_bytes()
    }
}

/// Checks a card back to the bucket id, at this second since 1970.
pub fn check(bytes: &[u8], bucket: BucketId, now: u64) -> Result<CheckedCard, DropCardError> {
    if bytes.len() > DROP_CARD_LEN_MAX {
        return Err(CborError::Limit.into());
    }
    let mut r = Reader::new(bytes);
    r.array_exact(3)?;
    let genesis = r.bytes(DROP_CARD_GENESIS_LEN_MAX)?;
    let chain = r.bytes(CHAIN_BYTES_MAX)?;
    let signed = r.bytes(PAYLOAD_LEN_MAX + 192)?;
    r.end()?;
    let sign1 = cose::parse(TYP, signed, PAYLOAD_LEN_MAX)?;
    let card = DropCard::read(sign1.payload)?;
    let genesis = Entry::decode(genesis).map_err(|_| CborError::Unknown)?;
    if card.bucket != bucket || genesis.id() != bucket.genesis() {
        return Err(DropCardError::Bucket);
    }
    let Clear::Genesis(genesis) = Clear::decode(Kind::Genesis, genesis.clear())? else {
        return Err(DropCardError::Bucket);
    };
    if now >= card.expires {
        return Err(DropCardError::Expired);
    }
    if card.expires - now > DROP_CARD_AGE_MAX_SECS {
        return Err(DropCardError::TooLong);
    }
    let chain = CapabilityChain::decode(chain)?;
    let suites = &genesis.floors.suites;
    let judge = Judge { root: genesis.root_key, now, provider: None, suites };
    let grant = verify(&chain, &judge, |_| false).map_err(|_| DropCardError::Signer)?;
    let may = grant.allows(Action::Rotate, &Target::Bucket(bucket));
    match grant.holder() {
        Some(holder) if may && sign1.is_signed_by(&holder) => {
            Ok(CheckedCard { card, signer: grant, genesis })
        }
        _ => Err(DropCardError::Signer),
    }
}
