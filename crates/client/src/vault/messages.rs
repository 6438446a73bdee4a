//! Messages that came through drops. Comes in: what is in the buckets. Goes out: what they say and
//! who sent them; a message taken as a document, or thrown away. Must not know: terminals, sockets.
//!
//! What a stranger wrote is data: its name is shown, checked, and never a path. A message is taken
//! once: its document has the natural tag of its id, so two devices that take it at the same time
//! make one document.

use strongroom_core::document::{
    Content, DocumentType, Metadata, Timestamp, VersionBody, digest_of,
};
use strongroom_core::drops::{Opened, open};
use strongroom_core::keylog::KeyLog;
use strongroom_core::message::{MessageBody, Purpose, Sender};
use strongroom_core::writer::Planned;
use strongroom_seal::manifest::Manifest;
use strongroom_wire::capability::Action;
use strongroom_wire::chain::Verified;
use strongroom_wire::clear::{Clear, References};
use strongroom_wire::entry::{Entry, Kind};
use strongroom_wire::ids::{AuthorKey, CapabilityId, ChunkId, DocumentTag, EntryId};

use super::{Bucket, Change, Vault};
use crate::error::{Error, ErrorKind, Result};
use crate::place::Place;
use crate::replica::index::{Intake, Taken};
use crate::replica::keys;
use crate::report::{ContactInfo, MessageInfo, TakenInfo};

/// Documents that were messages are known to the whole bucket by this and the message's id.
const MESSAGE: &str = "strongroom/message/";
/// Characters of an id that are enough to name a message.
const SHORT: usize = 8;
/// Fewest characters of an id that somebody may type.
const SHORT_MIN: usize = 4;
/// Names tried for a file whose name is taken.
const NAMES_MAX: u32 = 1_000;

/// A message that counts, opened, and was not thrown away.
pub(crate) struct Held {
    pub id: EntryId,
    pub author: AuthorKey,
    /// The capability of the drop it came through.
    pub capability: Option<CapabilityId>,
    /// When it was sent, by its sender's clock; seconds since 1970.
    pub sent: u64,
    pub opened: Opened,
}

impl Vault {
    /// The messages in one bucket, or in all, oldest first.
    pub fn messages(&self, bucket: Option<&str>) -> Result<Vec<MessageInfo>> {
        let mut found = Vec::new();
        for bucket in self.named_or_all(bucket)? {
            for held in self.held_messages(&bucket)? {
                found.push(self.message_info(&bucket, &held)?);
            }
        }
        found.sort_by(|a, b| (a.sent, &a.message).cmp(&(b.sent, &b.message)));
        Ok(found)
    }

    /// Messages of a bucket that count and open.
    pub(crate) fn held_messages(&self, bucket: &Bucket) -> Result<Vec<Held>> {
        let mut numbers = Vec::new();
        self.replica.each(&keys::messages(bucket.no()), |key, _| {
            numbers.extend(key.last_chunk::<8>().map(|no| u64::from_be_bytes(*no)));
            Ok(true)
        })?;
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        let control = self.standing(bucket)?.control;
        let mut held = Vec::new();
        for no in numbers {
            let entry = self.replica.entry(bucket.no(), no)?;
            if control.judge_entry(&entry).is_err() {
                continue;
            }
            // One that does not open is authentic and nobody's: shown nowhere.
            let Ok(opened) = open(&bucket.keyring, &entry) else { continue };
            let header = entry.header();
            held.push(Held {
                id: entry.id(),
                author: header.author,
                capability: opened.by,
                sent: header.hlc.secs(),
                opened,
            });
        }
        Ok(held)
    }

    pub(super) fn message_info(&self, bucket: &Bucket, held: &Held) -> Result<MessageInfo> {
        let body = &held.opened.body;
        let principal = held.opened.sender.principal();
        let contact = self.known_sender(held)?;
        let taken = self.taken_document(bucket, held.id)?.is_some();
        Ok(MessageInfo {
            id: short(held.id),
            message: held.id.to_string(),
            bucket: bucket.record.label.clone(),
            kind: body.purpose.word(),
            name: body.name.clone(),
            size: body.size,
            words: body.words.clone(),
            rights: rights_of(body),
            sent: held.sent,
            from: contact.as_ref().map(|it| it.name.clone()),
            level: contact.map_or_else(|| unknown(&held.opened.sender), |it| it.level),
            principal: principal.map(|it| it.to_string()),
            taken,
        })
    }

    /// The contact who signed a message: with a device that they have by what is pinned, or by a
    /// key log that goes on from it. One that they took out signs for nobody.
    fn known_sender(&self, held: &Held) -> Result<Option<ContactInfo>> {
        let (Sender::Signed(log), Some(device)) = (&held.opened.sender, held.opened.body.device)
        else {
            return Ok(None);
        };
        let pinned = self.pinned_log(log.principal())?;
        let theirs =
            |pinned: KeyLog| pinned.device(&device).is_some() || log.contains(&pinned.head());
        if pinned.is_some_and(theirs) { self.contact_of(log.principal()) } else { Ok(None) }
    }

    /// The message a person named by the start of its id.
    pub(crate) fn find_message(&self, name: &str) -> Result<(Bucket, Held)> {
        self.find_among(self.named_or_all(None)?, name, "`strongroom drop ls`")
    }

    /// The same among those of some buckets; `lists`: the command that shows them.
    pub(super) fn find_among(
        &self,
        buckets: Vec<Bucket>,
        name: &str,
        lists: &str,
    ) -> Result<(Bucket, Held)> {
        let bare = name.strip_prefix("ent:").unwrap_or(name);
        let mut found = Vec::new();
        if bare.len() >= SHORT_MIN {
            for bucket in buckets {
                for held in self.held_messages(&bucket)? {
                    if held.id.to_base32().starts_with(bare) {
                        found.push((Bucket::open(bucket.record.clone(), self)?, held));
                    }
                }
            }
        }
        let count = found.len();
        match found.pop() {
            Some(one) if count == 1 => Ok(one),
            Some(_) => {
                Err(Error::new(ErrorKind::Usage, format!("several messages begin with {name}"))
                    .with_hint("name more of it"))
            }
            None => Err(Error::not_found(format!("message {name}"))
                .with_hint(format!("{lists} shows those that are here"))),
        }
    }

    /// Takes a message: it becomes a document in this directory of its bucket, and is thrown away.
    /// Where another device did so already, nothing is done twice.
    pub fn take_message(&self, id: &str, to: Option<&Place>) -> Result<TakenInfo> {
        let (mut bucket, held) = self.find_message(id)?;
        bucket.writable()?;
        let dir = self.directory_for(&bucket, to)?;
        // Perhaps another device was faster.
        self.push_best_effort(&mut bucket)?;
        let tag = bucket.natural(&format!("{MESSAGE}{}", held.id.to_base32()));
        let path = if let Some(tag) = self.taken_document(&bucket, held.id)? {
            self.path_of(&bucket, tag)?
        } else {
            let body = self.as_document(&bucket, &held, dir)?;
            let row = self.replica.document(bucket.no(), tag)?;
            let change = Change {
                references: held.opened.references.clone(),
                ..Change::version(tag, row.as_ref(), body)
            };
            self.write(&bucket, vec![change])?;
            self.path_of(&bucket, tag)?
        };
        if self.is_held(&bucket, held.id)? {
            self.purge_message(&bucket, &held, false)?;
        }
        let info = self.message_info(&bucket, &held)?;
        let sent = self.push_best_effort(&mut bucket)?;
        let label = &bucket.record.label;
        Ok(TakenInfo { path: format!("{label}:{path}"), message: info, sent })
    }

    /// Throws a message away.
    pub fn discard_message(&self, id: &str) -> Result<MessageInfo> {
        let (mut bucket, held) = self.find_message(id)?;
        self.discard(&mut bucket, &held)
    }

    pub(super) fn discard(&self, bucket: &mut Bucket, held: &Held) -> Result<MessageInfo> {
        bucket.writable()?;
        let info = self.message_info(bucket, held)?;
        if !self.purge_message(bucket, held, true)? {
            let what = format!("you may not throw away what is in {}", bucket.record.label);
            return Err(Error::new(ErrorKind::Refused, what)
                .with_hint("ask an admin of the bucket; `strongroom grants` shows who is"));
        }
        self.push_best_effort(bucket)?;
        Ok(info)
    }

    fn is_held(&self, bucket: &Bucket, id: EntryId) -> Result<bool> {
        let Some(no) = self.replica.entry_no(bucket.no(), id)? else { return Ok(false) };
        Ok(self.replica.rows().get(&keys::message(bucket.no(), no))?.is_some())
    }

    /// The document a message became, if it was taken.
    fn taken_document(&self, bucket: &Bucket, id: EntryId) -> Result<Option<DocumentTag>> {
        let tag = bucket.natural(&format!("{MESSAGE}{}", id.to_base32()));
        let row = self.replica.document(bucket.no(), tag)?;
        Ok(row.filter(|row| !row.heads.is_empty()).map(|_| tag))
    }

    fn directory_for(&self, bucket: &Bucket, to: Option<&Place>) -> Result<DocumentTag> {
        let Some(to) = to else { return Ok(DocumentTag::ZERO) };
        if to.bucket.is_some() && self.bucket(to.bucket.as_deref())?.record.id != bucket.record.id {
            let what = format!("the message is in {}: take it there", bucket.record.label);
            return Err(Error::new(ErrorKind::Usage, what)
                .with_hint("name a directory of that bucket, or none"));
        }
        let dir = self.find_directory(bucket, &to.names)?;
        dir.ok_or_else(|| {
            Error::not_found(format!("directory {to}"))
                .with_hint("put something there first, or leave it out: the bucket's root is taken")
        })
    }

    /// A message as a document. A stranger's file must have exactly the chunks it names.
    fn as_document(&self, bucket: &Bucket, held: &Held, dir: DocumentTag) -> Result<VersionBody> {
        let body = &held.opened.body;
        let words = || body.words.clone().unwrap_or_default().into_bytes();
        let (name, content) = match (body.purpose, &body.content) {
            (Purpose::File, Content::Empty) => {
                (format!("message {}.txt", short(held.id)), Content::Inline(words()))
            }
            (Purpose::File, content) => (body.name.clone().unwrap_or_default(), content.clone()),
            (purpose, _) => {
                let what = format!("this is no file: it is an {}", purpose.word());
                return Err(Error::new(ErrorKind::Usage, what)
                    .with_hint("`strongroom inbox` shows what can be done with it"));
            }
        };
        if !chunks_match(&content, &held.opened.references) {
            return Err(Error::damaged(format!("{name} does not name the chunks it needs"))
                .with_hint(format!("`strongroom drop rm {}` throws it away", short(held.id))));
        }
        let (size, digest) = match &content {
            Content::Inline(bytes) => (bytes.len() as u64, Some(digest_of(bytes))),
            _ => (body.size, body.digest),
        };
        let metadata = Metadata {
            parent: dir,
            name: self.free_name(bucket, dir, &name)?,
            kind: DocumentType::File,
            media_type: body.media_type.clone(),
            size,
            modified: Timestamp { secs: i64::try_from(held.sent).unwrap_or(i64::MAX), nanos: 0 },
            mode: None,
            digest,
            schema: None,
        };
        Ok(VersionBody { metadata, content })
    }

    /// The name, or the first of `name (2)`, `name (3)` that nothing has in this directory.
    fn free_name(&self, bucket: &Bucket, dir: DocumentTag, name: &str) -> Result<String> {
        let (stem, end) = match name.rsplit_once('.') {
            Some((stem, end)) if !stem.is_empty() => (stem, format!(".{end}")),
            _ => (name, String::new()),
        };
        for number in 1..NAMES_MAX {
            let tried =
                if number == 1 { name.to_owned() } else { format!("{stem} ({number}){end}") };
            let fits = strongroom_core::names::check_name(&tried).is_ok();
            if fits && self.replica.named(bucket.no(), dir, &tried)?.is_none() {
                return Ok(tried);
            }
        }
        Err(Error::new(ErrorKind::Conflict, format!("too many documents are called {name}"))
            .with_hint("take it into another directory"))
    }

    /// Drops the message at the provider, with its chunks where nothing here can need them. Tells
    /// whether this person may.
    fn purge_message(&self, bucket: &Bucket, held: &Held, chunks: bool) -> Result<bool> {
        let chain = bucket.chain()?;
        if !chain.last().is_some_and(|it| it.claims().actions.contains(Action::Purge)) {
            return Ok(false);
        }
        let chunks = match &held.opened.references {
            References::Chunks(ids) if chunks => self.unneeded(bucket, held.id, ids)?,
            _ => Vec::new(),
        };
        let planned = Planned {
            document: DocumentTag::ZERO,
            kind: Kind::Purge,
            parents: Vec::new(),
            generation: 0,
            clear: Clear::Purge { entries: vec![held.id], chunks }.encode(),
            plain: strongroom_core::parts::encode_reason(""),
        };
        let _lock = self.replica.lock_bucket(bucket.no())?;
        let mut intake = Intake::start(&self.replica, bucket.no())?;
        for entry in self.seal(bucket, &[planned], true, &mut intake)? {
            intake.add(Taken::plain(entry), true)?;
        }
        intake.commit()?;
        Ok(true)
    }

    /// Of these chunks, those that no other entry here names: a stranger may name what is others'.
    fn unneeded(&self, bucket: &Bucket, id: EntryId, ids: &[ChunkId]) -> Result<Vec<ChunkId>> {
        let mut left = ids.to_vec();
        for no in 1..=self.replica.tip(bucket.no())?.last_no {
            let entry: Verified<Entry> = self.replica.entry(bucket.no(), no)?;
            if entry.id() == id || left.is_empty() {
                continue;
            }
            let references = match Clear::decode(entry.header().kind, entry.clear()) {
                Ok(Clear::Version(version)) => version.references,
                Ok(Clear::Message(message)) => message.references,
                _ => continue,
            };
            match references {
                References::Chunks(named) => left.retain(|id| !named.contains(id)),
                // What a list names is not known here.
                References::Lists(_) => left.clear(),
            }
        }
        Ok(left)
    }
}

fn short(id: EntryId) -> String {
    id.to_base32().chars().take(SHORT).collect()
}

/// The rights that an invitation gives, or a request asks for: by its sender's word.
fn rights_of(body: &MessageBody) -> Option<String> {
    let names_them = matches!(body.purpose, Purpose::Invitation | Purpose::Request);
    body.media_type.clone().filter(|_| names_them)
}

const fn unknown(sender: &Sender) -> &'static str {
    match sender {
        Sender::Unsigned => "unsigned",
        Sender::Signed(_) => "unknown",
    }
}

fn chunks_match(content: &Content, references: &References) -> bool {
    let References::Chunks(ids) = references else { return true };
    let mut needed: Vec<ChunkId> = match content {
        Content::Manifest(bytes) => match Manifest::decode(bytes) {
            Ok(manifest) => manifest.rows().iter().map(|row| row.id).collect(),
            Err(_) => return false,
        },
        _ => Vec::new(),
    };
    needed.sort_unstable();
    needed.dedup();
    needed == *ids
}
