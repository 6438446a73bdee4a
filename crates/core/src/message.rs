//! L2 · What a message says. Takes its parts and, where the sender signs, his device; gives the
//! plaintext of its sealed part; and back, with what is proved of the sender. Must not know: the
//! drop it went through, whether the reader knows the sender.
//!
//! Bytes: docs/spec/drop.md, "What a message says". Golden files: vectors/message/message.json.

use strongroom_seal::identity::{DeviceSigningKey, verify};
use strongroom_wire::cbor::{CborError, Reader, Writer};
use strongroom_wire::format::FORMAT;
use strongroom_wire::ids::{AuthorKey, BucketId, PrincipalId, PublicKey};
use strongroom_wire::limits::{INLINE_PLAIN_LEN_MAX, NAME_LEN_MAX};

use crate::card::Card;
use crate::document::Content;
use crate::keylog::KeyLog;
use crate::names::check_name;

/// What a sender's device signs starts with this.
pub const MESSAGE_PREFIX: &[u8] = b"strongroom/message/1\0";

/// UTF-8 bytes of what a sender says in words.
pub const WORDS_LEN_MAX: usize = 4_096;
/// UTF-8 bytes of a media type.
const MEDIA_TYPE_LEN_MAX: usize = 255;

/// What a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A file, or words alone.
    File,
    /// An invitation: its content is one, sealed.
    Invitation,
    /// A request for access: its name says to what.
    Request,
    /// An answer to a request.
    Answer,
}

impl Purpose {
    const ALL: [Self; 4] = [Self::File, Self::Invitation, Self::Request, Self::Answer];

    /// One word for people and `--json`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Invitation => "invitation",
            Self::Request => "request",
            Self::Answer => "answer",
        }
    }

    fn from_number(number: u8) -> Result<Self, CborError> {
        Self::ALL.get(usize::from(number)).copied().ok_or(CborError::Unknown)
    }
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageBody {
    /// What it is for.
    pub purpose: Purpose,
    /// The sender's card, if he wants to be known.
    pub card: Option<Vec<u8>>,
    /// The device that signed, which the card's key log names.
    pub device: Option<PublicKey>,
    /// Name of the file; of a request, what access is asked to.
    pub name: Option<String>,
    /// Its media type; of a request, the rights asked for.
    pub media_type: Option<String>,
    /// What the sender says in words.
    pub words: Option<String>,
    /// True length of the content, bytes.
    pub size: u64,
    /// Digest of the content (`document::digest`); where there is content.
    pub digest: Option<[u8; 32]>,
    /// Where the content is.
    pub content: Content,
}

/// Who is proved to have sent a message.
#[derive(Debug)]
pub enum Sender {
    /// Nobody: it is not signed.
    Unsigned,
    /// Whoever has this key log. Whether the reader knows him is another question.
    Signed(Box<KeyLog>),
}

impl Sender {
    /// The principal, if it is signed.
    pub fn principal(&self) -> Option<PrincipalId> {
        match self {
            Self::Unsigned => None,
            Self::Signed(log) => Some(log.principal()),
        }
    }
}

impl MessageBody {
    /// Words without a file.
    pub fn words(purpose: Purpose, words: String) -> Self {
        Self {
            purpose,
            card: None,
            device: None,
            name: None,
            media_type: None,
            words: Some(words),
            size: 0,
            digest: None,
            content: Content::Empty,
        }
    }

    /// The canonical bytes, as they are sealed. With a device they are signed by it, for this
    /// bucket and for the author made for this one message: neither can be put elsewhere.
    pub fn encode(
        &self,
        bucket: BucketId,
        author: AuthorKey,
        device: Option<&DeviceSigningKey>,
    ) -> Vec<u8> {
        let inner = Self { device: device.map(DeviceSigningKey::public), ..self.clone() }.inner();
        let mut w = Writer::with_capacity(inner.len() + 80);
        match device {
            None => w.array(1).bytes(&inner),
            Some(device) => {
                let signature = device.sign(&signed(bucket, author, &inner));
                w.array(2).bytes(&inner).bytes(&signature)
            }
        };
        w.into_bytes()
    }

    fn inner(&self) -> Vec<u8> {
        let mut w = Writer::with_capacity(256);
        w.array(10).uint(u64::from(FORMAT)).uint(self.purpose as u64);
        w.option(self.card.as_deref(), |w, card| {
            w.bytes(card);
        });
        w.option(self.device, |w, device| {
            w.bytes(&device.0);
        });
        for text in [&self.name, &self.media_type, &self.words] {
            w.option(text.as_deref(), |w, text| {
                w.text(text);
            });
        }
        w.uint(self.size);
        w.option(self.digest, |w, digest| {
            w.bytes(&digest);
        });
        match &self.content {
            Content::Empty => w.null(),
            Content::Inline(bytes) => w.bytes(bytes),
            Content::Manifest(bytes) => w.array(1).bytes(bytes),
        };
        w.into_bytes()
    }

    /// Reads what was opened from a message by this author in this bucket. A signature that does
    /// not hold, or a device that the card does not name, refuses the whole.
    pub fn decode(
        bytes: &[u8],
        bucket: BucketId,
        author: AuthorKey,
    ) -> Result<(Self, Sender), CborError> {
        let mut r = Reader::new(bytes);
        let signed_too = match r.array(2)? {
            0 => return Err(CborError::Limit),
            parts => parts == 2,
        };
        let inner = r.bytes(INLINE_PLAIN_LEN_MAX)?;
        let signature: Option<[u8; 64]> = if signed_too { Some(r.bytes_exact()?) } else { None };
        r.end()?;
        let body = Self::read(inner)?;
        let sender = match (body.device, signature) {
            (None, None) => Sender::Unsigned,
            (Some(device), Some(signature)) => {
                verify(&device, &signed(bucket, author, inner), &signature)
                    .map_err(|_| CborError::Unknown)?;
                Sender::Signed(Box::new(body.signer(device).ok_or(CborError::Unknown)?))
            }
            _ => return Err(CborError::Unknown),
        };
        Ok((body, sender))
    }

    fn signer(&self, device: PublicKey) -> Option<KeyLog> {
        let log = Card::decode(self.card.as_deref()?).ok()?.verify().ok()?;
        log.device(&device).is_some().then_some(log)
    }

    fn read(inner: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(inner);
        r.array_exact(10)?;
        if r.u8()? != FORMAT {
            return Err(CborError::Unknown);
        }
        let body = Self {
            purpose: Purpose::from_number(r.u8()?)?,
            card: r.option(|r| r.bytes(INLINE_PLAIN_LEN_MAX).map(<[u8]>::to_vec))?,
            device: r.option(|r| r.bytes_exact().map(PublicKey))?,
            name: r.option(|r| r.text(NAME_LEN_MAX).map(str::to_owned))?,
            media_type: r.option(|r| r.text(MEDIA_TYPE_LEN_MAX).map(str::to_owned))?,
            words: r.option(|r| r.text(WORDS_LEN_MAX).map(str::to_owned))?,
            size: r.uint()?,
            digest: r.option(Reader::bytes_exact)?,
            content: if r.null() {
                Content::Empty
            } else if r.is_array() {
                r.array_exact(1)?;
                Content::Manifest(r.bytes(INLINE_PLAIN_LEN_MAX)?.to_vec())
            } else {
                Content::Inline(r.bytes(INLINE_PLAIN_LEN_MAX)?.to_vec())
            },
        };
        r.end()?;
        if body.is_sound() { Ok(body) } else { Err(CborError::Unknown) }
    }

    /// Whether its parts fit together: what a reader asks, so a writer does first.
    pub fn is_sound(&self) -> bool {
        let content = match &self.content {
            Content::Empty => self.size == 0 && self.digest.is_none(),
            Content::Inline(bytes) => bytes.len() as u64 == self.size && self.digest.is_some(),
            Content::Manifest(_) => self.digest.is_some(),
        };
        // A file is written under its name: a stranger chose it.
        let file = self.purpose == Purpose::File && !matches!(self.content, Content::Empty);
        let named = self
            .name
            .as_deref()
            .map_or(!file, |name| self.purpose != Purpose::File || check_name(name).is_ok());
        content && named && (self.device.is_none() || self.card.is_some())
    }
}

fn signed(bucket: BucketId, author: AuthorKey, inner: &[u8]) -> Vec<u8> {
    [MESSAGE_PREFIX, &bucket.0, &author.0, blake3::hash(inner).as_bytes()].concat()
}
