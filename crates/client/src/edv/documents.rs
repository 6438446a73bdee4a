//! Documents of an EDV vault: put, got, listed, removed. Comes in: JSON. Goes out: it stands at
//! the server, bound to its place and signed; or what stands there. Must not know: terminals.

use std::collections::{BTreeMap, BTreeSet};

use http::{Method, StatusCode};
use serde_json::{Value, json};
use strongroom_seal::edv::{self, Body, StreamManifest};
use strongroom_seal::jwe::{AgreementPublic, Sealer};

use super::answers::{self, SEQUENCE_MAX, Stored, StreamState};
use super::call::{Act, refused};
use super::memory::Seen;
use super::opening::{OpenDocument, strictly};
use super::{Edv, keys};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::{Progress, Stage};
use crate::random::SystemRng;
use crate::remote::RemoteError;
use crate::report::{EdvDocument, EdvListed, EdvListing, EdvPut};

/// Documents asked for in one page of a list.
const PAGE: usize = 100;

/// What a document says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EdvContent {
    /// Any JSON object.
    pub content: Value,
    /// What is said about it: any JSON object.
    pub meta: Value,
}

/// Bytes that go with a document.
pub struct PutStream<'a> {
    /// Where they come from.
    pub from: &'a mut dyn std::io::Read,
    /// How many, if that is known.
    pub len: Option<u64>,
}

/// The next state of a document, before it is sealed.
pub(super) struct Draft<'a> {
    pub(super) id: &'a str,
    pub(super) sequence: u64,
    pub(super) body: Body,
    pub(super) manifest: Option<StreamManifest>,
    /// What the server is told of the stream.
    pub(super) stream: Option<StreamState>,
    /// Entries of the index before.
    pub(super) indexed: Vec<Value>,
    pub(super) recipients: Vec<AgreementPublic>,
    /// Whether this person says it. What nobody had signed is not signed because it is sealed
    /// again: a document of a stranger's would become this person's word.
    pub(super) signed: bool,
}

impl Edv<'_> {
    /// Puts a document; without an id, a new one. A stream it has stays.
    pub fn put(&self, id: Option<&str>, content: &EdvContent) -> Result<EdvPut> {
        objects(content)?;
        self.put_as(id, content, true)
    }

    /// The same, signed or not.
    pub(super) fn put_as(
        &self,
        id: Option<&str>,
        content: &EdvContent,
        signed: bool,
    ) -> Result<EdvPut> {
        let (id, current) = self.for_writing(id)?;
        let mut draft = self.draft(&id, current.as_ref(), content)?;
        draft.signed = signed;
        if let Some(current) = &current {
            draft.body.stream.clone_from(&current.body.stream);
            draft.stream = current.stored.stream;
            draft.manifest = current.proof.as_ref().and_then(|proof| proof.manifest.clone());
        }
        let bytes = self.send(&draft, current.is_none())?;
        let sequence = draft.sequence;
        Ok(EdvPut { id, sequence, bytes, chunks: None })
    }

    /// Removes a document, as this protocol does it: an empty state, without attributes.
    pub fn remove(&self, id: &str) -> Result<EdvPut> {
        let (id, current) = self.for_writing(Some(id))?;
        let current = current.ok_or_else(|| no_document(&id))?;
        let content = EdvContent { content: json!({}), meta: json!({"deleted": true}) };
        let draft = self.draft(&id, Some(&current), &content)?;
        let bytes = self.send(&draft, false)?;
        let sequence = draft.sequence;
        Ok(EdvPut { id, sequence, bytes, chunks: None })
    }

    /// An id to write under, and what stands there.
    pub(super) fn for_writing(&self, id: Option<&str>) -> Result<(String, Option<OpenDocument>)> {
        let Some(id) = id else { return Ok((keys::generate_id(), None)) };
        if !keys::is_id(id) {
            let shown: String = id.chars().take(80).collect();
            return Err(Error::new(ErrorKind::Usage, format!("{shown} is no id of a document"))
                .with_hint("leave it out for a new document; `strongroom edv ls NAME` lists ids"));
        }
        Ok((id.to_owned(), self.look(id)?))
    }

    /// A document, opened, if the server has it. One that was seen and is not there any more is
    /// kept from this person.
    pub(super) fn look(&self, id: &str) -> Result<Option<OpenDocument>> {
        if let Some(json) = self.fetch(self.document_url(id))? {
            return self.open(answers::document(&json, id)?).map(Some);
        }
        match self.seen(id)? {
            None => Ok(None),
            Some(seen) if seen.deleted => Ok(None),
            Some(seen) => {
                let what =
                    format!("{id}: the server has it no longer; state {} was seen", seen.sequence);
                Err(Error::new(ErrorKind::Damaged, what)
                    .with_hint("ask whoever runs the server, or whoever may delete there"))
            }
        }
    }

    pub(super) fn draft<'b>(
        &self,
        id: &'b str,
        current: Option<&OpenDocument>,
        content: &EdvContent,
    ) -> Result<Draft<'b>> {
        let sequence = current.map_or(0, |current| current.stored.sequence + 1);
        if sequence > SEQUENCE_MAX {
            return Err(Error::new(ErrorKind::Full, format!("{id} has no further number left")));
        }
        Ok(Draft {
            id,
            sequence,
            body: Body {
                content: content.content.clone(),
                meta: content.meta.clone(),
                stream: None,
            },
            manifest: None,
            stream: None,
            indexed: current.map_or_else(Vec::new, |current| current.stored.indexed.clone()),
            recipients: self.recipients_of(id, current)?,
            signed: true,
        })
    }

    /// Seals a state and sends it. Gives the bytes the server keeps.
    pub(super) fn send(&self, draft: &Draft<'_>, is_new: bool) -> Result<u64> {
        let Draft { id, sequence, body, manifest, .. } = draft;
        let indexed = if body.meta["deleted"] == true {
            Vec::new()
        } else {
            self.index_entries(id, *sequence, body, &draft.indexed)?
        };
        let kids: Vec<&str> = draft.recipients.iter().map(AgreementPublic::kid).collect();
        let place = self.place(id, *sequence);
        let plain = if draft.signed {
            edv::write(body, &place, &kids, manifest.as_ref(), &self.signer)
        } else {
            Ok(edv::write_plain(body))
        };
        let plain = plain.map_err(|error| Error::new(ErrorKind::Full, format!("{id}: {error}")))?;
        let jwe = Sealer::new(self.record.profile, &draft.recipients, &mut SystemRng)
            .and_then(|sealer| sealer.seal(&plain, &mut SystemRng))
            .map_err(|error| Error::new(ErrorKind::Full, format!("{id}: {error}")))?;
        let seen = Seen {
            sequence: *sequence,
            digest: jwe.digest(),
            signed: draft.signed,
            deleted: body.meta["deleted"] == true,
            values: self.values_of(body),
        };
        let stored = Stored {
            id: (*id).to_owned(),
            sequence: *sequence,
            indexed,
            stream: draft.stream,
            jwe,
        };
        let json = stored.to_json();
        let bytes = json.len() as u64;
        let url = if is_new && self.may_insert() {
            self.url_of("/documents")
        } else {
            self.document_url(id)
        };
        self.post(url, json)?;
        self.remember(&BTreeMap::from([((*id).to_owned(), seen)]))?;
        Ok(bytes)
    }

    /// Whether what lets this person in is about all documents.
    pub(super) fn may_insert(&self) -> bool {
        let all = self.url_of("/documents");
        self.zcap.as_ref().is_none_or(|zcap| all.starts_with(zcap.target()))
    }

    /// One document.
    pub fn get(&self, id: &str, strict: bool) -> Result<EdvDocument> {
        let opened = self.need(id, strict)?;
        self.remember(&BTreeMap::from([(id.to_owned(), opened.seen.clone())]))?;
        Ok(described(opened))
    }

    /// The same, opened.
    pub(super) fn need(&self, id: &str, strict: bool) -> Result<OpenDocument> {
        let opened = self.look(id)?.ok_or_else(|| no_document(id))?;
        strictly(&opened, strict)?;
        if opened.is_deleted() {
            return Err(no_document(id));
        }
        Ok(opened)
    }

    /// All documents of the vault that the server gives, and those it does not.
    pub fn list(&self, progress: &dyn Progress) -> Result<EdvListing> {
        let mut documents = Vec::new();
        let mut damaged = Vec::new();
        let mut seen = BTreeMap::new();
        let mut given = BTreeSet::new();
        progress.begin(Stage::Receive, None, None);
        let complete = self.each_document(&mut |stored| {
            progress.advance(1, stored.jwe.len() as u64);
            if progress.cancelled() {
                return Err(Error::cancelled());
            }
            given.insert(stored.id.clone());
            match self.open(stored) {
                Ok(opened) => {
                    seen.insert(opened.stored.id.clone(), opened.seen.clone());
                    documents.push(listed(&opened));
                }
                Err(error) => damaged.push(error.to_string()),
            }
            Ok(())
        })?;
        let missing = self.all_seen()?.into_iter();
        let missing = missing.filter(|(id, seen)| !seen.deleted && !given.contains(id));
        let missing = missing.map(|(id, _)| id).collect();
        self.remember(&seen)?;
        documents.sort_by(|a: &EdvListed, b| a.id.cmp(&b.id));
        Ok(EdvListing { name: self.name().to_owned(), documents, missing, damaged, complete })
    }

    /// Gives every document to `take`. Whether these are all: a server of others lists nothing, so
    /// that only those are found that were seen, or have an attribute.
    pub(super) fn each_document(&self, take: &mut dyn FnMut(Stored) -> Result<()>) -> Result<bool> {
        if self.may_insert() && self.each_listed(take)? {
            return Ok(true);
        }
        let mut ids: BTreeSet<String> = self.all_seen()?.into_keys().collect();
        ids.extend(self.all_indexed()?);
        for id in ids {
            if let Some(json) = self.fetch(self.document_url(&id))? {
                take(answers::document(&json, &id)?)?;
            }
        }
        Ok(false)
    }

    /// By the list that our own servers have. `false`: this one has none.
    fn each_listed(&self, take: &mut dyn FnMut(Stored) -> Result<()>) -> Result<bool> {
        let mut cursor: Option<String> = None;
        let mut limit = PAGE;
        loop {
            let from = cursor.as_ref().map_or_else(String::new, |it| format!("&cursor={it}"));
            let url = self.url_of(&format!("/documents?limit={limit}{from}"));
            let answer = match self.ask(Method::GET, url, Act::Read, None) {
                Ok(answer) => answer,
                // Large documents come one by one.
                Err(error) if error.is_too_large() && limit > 1 => {
                    limit = 1;
                    continue;
                }
                Err(error) => return Err(error),
            };
            match answer.status {
                StatusCode::OK => {}
                StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED if cursor.is_none() => {
                    return Ok(false);
                }
                _ => return Err(refused(&answer)),
            }
            let page = answers::page(&answer.body)?;
            for value in &page.documents {
                take(answers::listed_document(value)?)?;
            }
            match page.cursor {
                Some(next)
                    if page.more && answers::is_plain(&next) && Some(&next) != cursor.as_ref() =>
                {
                    cursor = Some(next);
                }
                _ => return Ok(!page.more),
            }
        }
    }
}

/// What a person puts is objects; what others put may be anything.
pub(super) fn objects(content: &EdvContent) -> Result<()> {
    if content.content.is_object() && content.meta.is_object() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Usage, "content and meta are JSON objects")
        .with_hint(r#"write it as {"name": "value"}"#))
}

fn no_document(id: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no document {id}"))
        .with_hint("`strongroom edv ls NAME` lists what is there")
}

fn described(opened: OpenDocument) -> EdvDocument {
    let chunks = opened.body.stream.as_ref().and_then(|stream| stream["chunks"].as_u64());
    let manifest = opened.proof.as_ref().and_then(|proof| proof.manifest.as_ref());
    EdvDocument {
        id: opened.stored.id,
        sequence: opened.stored.sequence,
        content: opened.body.content,
        meta: opened.body.meta,
        chunks,
        stream_bytes: manifest.map(|manifest| manifest.bytes),
        recipients: opened.stored.jwe.recipients().iter().map(|it| it.kid.clone()).collect(),
        writer: opened.proof.map(|proof| strongroom_wire::did_key::did(&proof.writer)),
        trust: opened.trust,
    }
}

fn listed(opened: &OpenDocument) -> EdvListed {
    EdvListed {
        id: opened.stored.id.clone(),
        sequence: opened.stored.sequence,
        bytes: opened.stored.jwe.len() as u64,
        chunks: opened.body.stream.as_ref().and_then(|stream| stream["chunks"].as_u64()),
        deleted: opened.seen.deleted,
        trust: opened.trust,
    }
}

impl Error {
    /// Whether an answer was longer than is taken.
    fn is_too_large(&self) -> bool {
        self.to_string()
            == RemoteError::TooLarge { limit: crate::remote::EDV_ANSWER_LEN_MAX }.to_string()
    }
}
