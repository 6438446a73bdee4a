//! Putting something into somebody's drop. Comes in: an address, a file or words, perhaps the vault
//! of who sends. Goes out: one message at a provider, and its signed statement that it is there.
//! Must not know: what else is in the bucket; nothing of it can be read with an address.
//!
//! No vault is needed. The key a message is sealed to comes from the drop card, which is checked
//! back to the bucket id in the address before anything is sent (attack A52).

mod content;
mod receipt;

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

pub use strongroom_core::drops::Address;
use strongroom_core::drops::{Letter, OneTimeAuthor, sealing_of};
use strongroom_core::invitation::KeptAt;
use strongroom_core::message::{MessageBody, Purpose};
use strongroom_seal::identity::DeviceSigningKey;
use strongroom_seal::message::DropSecret;
use strongroom_wire::clear::References;
use strongroom_wire::drop_card::{CheckedCard, check};
use strongroom_wire::ids::EntryId;
use strongroom_wire::problem::Problem;
use strongroom_wire::statement::Received;

pub use receipt::{Receipt, ReceiptInfo};

use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::{Progress, Stage};
use crate::random::SystemRng;
use crate::remote::{Options, ProviderUrl, Remote, RemoteError, Runtime, Session};
use crate::vault::{LinkText, Vault, ask, reach};

/// What is put in.
pub enum Parcel<'a> {
    /// A file, under its own name.
    File(&'a Path),
    /// What a reader gives, under this name.
    Bytes(&'a str, &'a mut dyn Read),
    /// Words alone.
    Words(String),
    /// A message of another purpose, whole.
    Body(MessageBody),
}

impl std::fmt::Debug for Parcel<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::File(_) => "Parcel::File",
            Self::Bytes(..) => "Parcel::Bytes",
            Self::Words(_) => "Parcel::Words",
            Self::Body(_) => "Parcel::Body",
        })
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The message.
    pub entry: EntryId,
    /// What it is called.
    pub name: Option<String>,
    /// True length of its content, bytes.
    pub size: u64,
    /// The provider's statement, with what it is about.
    pub receipt: Receipt,
}

/// Whether a text is meant to be a link, and no address.
pub fn is_link(text: &str) -> bool {
    text.contains("/open#")
}

/// The address that a link of a drop stands for: what is missing in the link lies at its provider,
/// which proves its key first. Nothing of it is believed but where messages go: they are sealed to
/// a key that is checked back to the bucket in the link.
pub fn find_address(text: &str) -> Result<Address> {
    let text = LinkText::read(text)?;
    if !text.is_drop() {
        let what = "with this link one can only read";
        return Err(Error::new(ErrorKind::Usage, what).with_hint("`strongroom open LINK` does"));
    }
    let runtime = Runtime::new().map_err(|e| Error::io("cannot start the network threads", &e))?;
    let remote = reach(&runtime, &text)?;
    let record = ask(&runtime, &remote, &text.link)?;
    let secret = DropSecret::from_secret_bytes(&text.link.secret.to_secret_bytes());
    let holder = record.chain.last().and_then(|last| last.claims().holder);
    let entry = record.drop.filter(|_| holder == Some(secret.key().public()));
    let changed = || Error::damaged("what the provider keeps for this link is not what it needs");
    Ok(Address {
        // What it is called is no provider's to know.
        name: String::new(),
        kept_at: vec![KeptAt { url: text.origin.to_string(), key: remote.thumbprint() }],
        bucket: text.link.bucket,
        entry: entry.ok_or_else(changed)?,
        chain: record.chain.capabilities().iter().map(|it| it.bytes().to_vec()).collect(),
        secret,
    })
}

/// Reads an address from what a person has: the text of a `.drop` file.
pub fn read_address(text: &str) -> Result<Address> {
    Address::from_text(text).map_err(|e| {
        let what = match e {
            strongroom_core::card::CardError::None => {
                format!(
                    "there is no drop in it: one begins with `{}`",
                    strongroom_core::drops::BEGIN
                )
            }
            other => format!("this drop cannot be read: {other}"),
        };
        Error::damaged(what).with_hint("ask who gave it to you for it again")
    })
}

/// Puts something into a drop. With a vault the message is signed by its device, and has its card;
/// without one nobody can tell who sent it.
pub fn send(
    address: &Address,
    parcel: Parcel<'_>,
    words: Option<String>,
    from: Option<&Vault>,
    progress: &dyn Progress,
) -> Result<Sent> {
    let runtime = Runtime::new().map_err(|e| Error::io("cannot start the network threads", &e))?;
    let remote = connect(&runtime, address)?;
    let author = OneTimeAuthor::new(address, &mut SystemRng).map_err(unusable)?;
    let session = remote.session(Arc::new(author.signer()), author.chain());
    let clock = Clock::default();
    progress.begin(Stage::Send, None, None);
    let sending =
        Sending { runtime: &runtime, session: &session, address, author: &author, clock: &clock };
    let card = sending.card()?;
    let own = from.map(Vault::own_card_bytes).transpose()?;
    let device = from.map(Vault::device_key);
    let (body, references) = sending.body(parcel, &card, own, progress)?;
    let body = MessageBody { words: words.or(body.words), ..body };
    sending.put(card, &body, device, references)
}

/// One message on its way.
struct Sending<'a> {
    runtime: &'a Runtime,
    session: &'a Session,
    address: &'a Address,
    author: &'a OneTimeAuthor,
    clock: &'a Clock,
}

impl Sending<'_> {
    /// The card, checked: what is sealed to another key could be read by somebody else.
    fn card(&self) -> Result<CheckedCard> {
        let bucket = self.address.bucket;
        let asked = self.runtime.block_on(self.session.drop_card(bucket));
        let bytes = asked.map_err(closed)?;
        check(&bytes, bucket, self.clock.now_secs()).map_err(|e| {
            Error::damaged(format!("the provider shows a card of this drop that is wrong: {e}"))
                .with_hint("nothing was sent; ask who gave you the drop to run `strongroom sync`")
        })
    }

    fn body(
        &self,
        parcel: Parcel<'_>,
        card: &CheckedCard,
        own: Option<Vec<u8>>,
        progress: &dyn Progress,
    ) -> Result<(MessageBody, References)> {
        let sealing = sealing_of(card).map_err(|e| Error::damaged(e.to_string()))?;
        let chunks = content::Chunks {
            runtime: self.runtime,
            session: self.session,
            bucket: self.address.bucket,
            secret: self.author.device(),
            sealing,
        };
        let room = own.as_ref().map_or(0, Vec::len);
        let bare = |words| MessageBody::words(Purpose::File, words);
        let (name, stored) = match parcel {
            Parcel::Words(words) => {
                return Ok((MessageBody { card: own, ..bare(words) }, References::NONE));
            }
            Parcel::Body(body) => {
                return Ok((MessageBody { card: own, ..body }, References::NONE));
            }
            Parcel::File(path) => {
                let name = crate::put::base_name(path)?;
                let doing = || format!("cannot read {}", path.display());
                let mut file = std::fs::File::open(path).map_err(|e| Error::io(doing(), &e))?;
                (name, chunks.store(&mut file, room, progress)?)
            }
            Parcel::Bytes(name, reader) => {
                strongroom_core::names::check_name(name)
                    .map_err(|e| Error::new(ErrorKind::Usage, e.to_string()))?;
                (name.to_owned(), chunks.store(reader, room, progress)?)
            }
        };
        let media_type = crate::media_type::by_name(&name).map(str::to_owned);
        let body = MessageBody {
            card: own,
            name: Some(name),
            media_type,
            words: None,
            size: stored.size,
            digest: Some(stored.digest),
            content: stored.content,
            ..bare(String::new())
        };
        Ok((body, stored.references))
    }

    fn put(
        &self,
        mut card: CheckedCard,
        body: &MessageBody,
        device: Option<&DeviceSigningKey>,
        references: References,
    ) -> Result<Sent> {
        if !body.is_sound() {
            return Err(Error::new(ErrorKind::Usage, "a message that nobody could read"));
        }
        let letter = Letter { body, device, references, answers: &[] };
        let bucket = self.address.bucket;
        let mut again = false;
        let (entry, bytes, statement) = loop {
            let now = self.clock.now_millis();
            let entry = self.author.write(&card, &letter, now, &mut SystemRng).map_err(unusable)?;
            let bytes = entry.encode();
            let put = self.runtime.block_on(self.session.put_message(bucket, bytes.clone()));
            match put {
                // Somebody was taken out meanwhile: the key of now is another.
                Err(error) if error.problem() == Some(Problem::StaleEpoch) && !again => {
                    again = true;
                    card = self.card()?;
                }
                put => break (entry.id(), bytes, put.map_err(closed)?),
            }
        };
        let key = self.session.remote().provider().key;
        let said = Received::verify(&statement, &key).ok();
        let said = said.filter(|said| said.is_about(&bytes) && said.bucket == bucket);
        if said.is_none() {
            let what = "the provider took the message, and its statement of it does not hold";
            return Err(Error::damaged(what)
                .with_hint("you have no proof of delivery; who gave you the drop can tell you"));
        }
        let url = self.session.remote().url().to_string();
        let receipt = Receipt { statement, key, provider: url, entry: bytes };
        let (name, size) = (body.name.clone(), body.size);
        Ok(Sent { entry, name, size, receipt })
    }
}

/// The first provider that answers and has the key that the address names.
fn connect(runtime: &Runtime, address: &Address) -> Result<Remote> {
    let mut last = Error::new(ErrorKind::Refused, "this drop is kept at no provider yet")
        .with_hint("ask who gave it to you to add a provider, and for it again");
    for place in &address.kept_at {
        let connected =
            place.url.parse::<ProviderUrl>().map_err(RemoteError::from).and_then(|url| {
                runtime.block_on(Remote::connect(url, Some(place.key), Options::default()))
            });
        match connected {
            Ok(remote) => return Ok(remote),
            Err(error) => last = error.into(),
        }
    }
    Err(last)
}

fn unusable(error: impl std::fmt::Display) -> Error {
    Error::damaged(format!("this drop cannot be used: {error}"))
        .with_hint("ask who gave it to you for it again")
}

/// What a sender is told of a drop that takes nothing.
fn closed(error: RemoteError) -> Error {
    match error.problem() {
        Some(Problem::Unauthorized) => {
            Error::new(ErrorKind::Refused, "this drop is closed, or its time is over")
                .with_hint("ask who gave it to you for another")
        }
        Some(Problem::NotFound) => {
            Error::new(ErrorKind::Refused, "the provider has no card of this drop that holds")
                .with_hint("ask who gave it to you to run `strongroom sync`, then try again")
        }
        Some(Problem::Rate) => {
            Error::new(ErrorKind::Refused, "this drop takes no more in this hour")
                .with_hint("try again in an hour")
        }
        Some(Problem::Quota) => Error::new(ErrorKind::Full, "this drop is full")
            .with_hint("ask who gave it to you to make another"),
        _ => error.into(),
    }
}
