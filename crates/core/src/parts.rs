//! L1 · Sealed parts of everything but versions. Takes what members tell each other in epochs,
//! member entries, tombstones and revokes; gives its plaintext; and back. Must not know: keys that
//! seal it.
//!
//! Bytes: docs/spec/document.md, "Other sealed parts". Golden files: vectors/document/.

use strongroom_seal::keys::{NameKey, TagKey};
use strongroom_wire::cbor::{CborError, Reader, Writer, strictly_ascending};
use strongroom_wire::clear::KEM_PUBLIC_LEN;
use strongroom_wire::ids::{MemberTag, PrincipalId, PublicKey};
use strongroom_wire::limits::{EPOCH_WRAPS_MAX, LINK_LABEL_LEN_MAX};
use zeroize::Zeroizing;

/// Bytes of a card in a sealed part: it must leave room for the rest.
const CARD_LEN_MAX: usize = 60_000;
/// Bytes of the field a card stands in: one of these. Key logs differ in length, and are the same
/// wherever their principal goes: a length of its own would be a name.
const CARD_FIELD_LENS: [usize; 3] = [16_000, 32_000, CARD_FIELD_LEN_MAX];
const CARD_FIELD_LEN_MAX: usize = 60_160;
/// UTF-8 bytes of a reason or of rights in words.
const WORDS_LEN_MAX: usize = 1_024;

/// Sealed part of an epoch: who can open it, and the key that makes the bucket's tags.
#[derive(Debug)]
pub struct EpochBody {
    /// Member tags, ascending.
    pub recipients: Vec<MemberTag>,
    /// The same in every epoch of the bucket.
    pub name_key: NameKey,
}

impl EpochBody {
    /// The canonical bytes.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut w = Writer::with_capacity(self.recipients.len() * 18 + 40);
        w.array(2).array(self.recipients.len());
        for tag in &self.recipients {
            w.bytes(&tag.0);
        }
        w.bytes(&*self.name_key.to_secret_bytes());
        Zeroizing::new(w.into_bytes())
    }

    /// Reads the canonical bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        r.array_exact(2)?;
        let count = r.array(EPOCH_WRAPS_MAX)?;
        let recipients =
            (0..count).map(|_| r.bytes_exact().map(MemberTag)).collect::<Result<Vec<_>, _>>()?;
        let name_key = NameKey::from_secret_bytes(&r.bytes_exact()?);
        r.end()?;
        if strictly_ascending(&recipients) {
            Ok(Self { recipients, name_key })
        } else {
            Err(CborError::Order)
        }
    }
}

/// A device's statement that an author is its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceProof {
    /// The device's key, as the principal's key log names it.
    pub device: PublicKey,
    /// Which of the device's authors in this bucket.
    pub instance: u32,
    /// By the device key, see `seal::identity::device_proof`.
    pub signature: [u8; 64],
}

/// Sealed part of a member entry.
#[derive(Debug)]
pub struct MemberBody {
    /// Whom the capabilities are for.
    pub principal: PrincipalId,
    /// Present where the entry enrols an author.
    pub proof: Option<DeviceProof>,
    /// By which the member finds its wraps; present where the entry makes a member.
    pub tag_key: Option<TagKey>,
    /// For people: what it allows.
    pub rights: String,
    /// Whether whom it lets in is in "from now on": wraps for it hold content keys, never E. Only
    /// what somebody else says of a member counts.
    pub from_now: bool,
    /// The member's key log, as a card without a name; present where somebody accepts, so that
    /// others can make epochs for him.
    pub card: Option<Vec<u8>>,
    /// Present where the member is a link: nobody has a key log of it.
    pub link: Option<LinkFacts>,
}

/// What members know of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkFacts {
    /// Its agree key, so that others can make epochs for it. Its principal is derived from it.
    pub agree: Box<[u8; KEM_PUBLIC_LEN]>,
    /// What its maker calls it.
    pub label: String,
}

impl MemberBody {
    /// The canonical bytes.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut w = Writer::with_capacity(256);
        // Fields that say nothing at the end are left out: so there is one spelling of each.
        let fields = if self.link.is_some() { 7 } else { 5 + usize::from(self.card.is_some()) };
        w.array(fields).bytes(&self.principal.0);
        w.option(self.proof.as_ref(), |w, proof| {
            w.array(3).bytes(&proof.device.0).uint(u64::from(proof.instance));
            w.bytes(&proof.signature);
        });
        w.option(self.tag_key.as_ref(), |w, key| {
            w.bytes(&*key.to_secret_bytes());
        });
        w.text(&self.rights).bool(self.from_now);
        match (&self.link, &self.card) {
            // A link has no card: nobody stands behind it.
            (Some(link), _) => {
                w.null().array(2).bytes(&link.agree[..]).text(&link.label);
            }
            (None, Some(card)) => {
                w.bytes(&filled(card));
            }
            (None, None) => {}
        }
        Zeroizing::new(w.into_bytes())
    }

    /// Reads the canonical bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        let fields = r.array(7)?;
        if fields < 5 {
            return Err(CborError::Unknown);
        }
        let body = Self {
            principal: PrincipalId(r.bytes_exact()?),
            proof: r.option(|r| {
                r.array_exact(3)?;
                Ok(DeviceProof {
                    device: PublicKey(r.bytes_exact()?),
                    instance: r.u32()?,
                    signature: r.bytes_exact()?,
                })
            })?,
            tag_key: r.option(|r| r.bytes_exact().map(|key| TagKey::from_secret_bytes(&key)))?,
            rights: r.text(WORDS_LEN_MAX)?.to_owned(),
            from_now: r.bool()?,
            card: if fields == 6 { Some(unfilled(r.bytes(CARD_FIELD_LEN_MAX)?)?) } else { None },
            link: if fields == 7 { Some(LinkFacts::read(&mut r)?) } else { None },
        };
        r.end()?;
        Ok(body)
    }
}

/// A card as the others are: its length, it, and zeros.
fn filled(card: &[u8]) -> Vec<u8> {
    let mut field = (card.len() as u32).to_be_bytes().to_vec();
    field.extend_from_slice(card);
    let whole = CARD_FIELD_LENS.into_iter().find(|whole| field.len() <= *whole);
    field.resize(whole.unwrap_or(field.len()), 0);
    field
}

/// The card of such a field, which has one spelling.
fn unfilled(field: &[u8]) -> Result<Vec<u8>, CborError> {
    let (len, rest) = field.split_first_chunk::<4>().ok_or(CborError::Cut)?;
    let len = u32::from_be_bytes(*len) as usize;
    let card = rest.get(..len).filter(|_| len <= CARD_LEN_MAX).ok_or(CborError::Limit)?;
    if filled(card) == field { Ok(card.to_vec()) } else { Err(CborError::Unknown) }
}

impl LinkFacts {
    /// The fields after a member's rights: no card, and the link.
    fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        if r.option(|r| r.bytes(CARD_LEN_MAX).map(drop))?.is_some() {
            return Err(CborError::Unknown);
        }
        r.array_exact(2)?;
        let agree = Box::new(r.bytes_exact()?);
        Ok(Self { agree, label: r.text(LINK_LABEL_LEN_MAX)?.to_owned() })
    }
}

/// Sealed part of a tombstone or revoke: why, in words.
pub fn encode_reason(reason: &str) -> Vec<u8> {
    let mut w = Writer::new();
    w.array(1).text(reason);
    w.into_bytes()
}

/// Reads what [`encode_reason`] wrote.
pub fn decode_reason(bytes: &[u8]) -> Result<String, CborError> {
    let mut r = Reader::new(bytes);
    r.array_exact(1)?;
    let reason = r.text(WORDS_LEN_MAX)?.to_owned();
    r.end()?;
    Ok(reason)
}
