//! Streams of an EDV vault: long bytes beside a document, in chunks. Comes in: bytes. Goes out:
//! chunks that are bound to their place, and a signed list of them in the document; and back. Must
//! not know: terminals, files.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use bytes::Bytes;
use serde_json::json;
use strongroom_seal::edv::{self, StreamManifest};
use strongroom_seal::jwe::{AgreementKey, Sealer};
use strongroom_wire::limits::EDV_STREAM_CHUNKS_MAX;
use zeroize::Zeroizing;

use super::Edv;
use super::answers::{self, StreamState};
use super::documents::{EdvContent, PutStream, objects};
use super::opening::OpenDocument;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::{Progress, Stage};
use crate::random::SystemRng;
use crate::report::{EdvPut, EdvStreamed};

/// Plaintext bytes of one chunk: what other programs have.
const CHUNK_LEN: usize = 1 << 20;

impl Edv<'_> {
    /// Puts a document with a stream: the document that announces it, the chunks, the document
    /// that lists them. Killed in between, the document has no stream.
    pub fn put_stream(
        &self,
        id: Option<&str>,
        content: &EdvContent,
        stream: &mut PutStream<'_>,
        progress: &dyn Progress,
    ) -> Result<EdvPut> {
        objects(content)?;
        self.put_stream_as(id, content, stream, true, progress)
    }

    /// The same, signed or not.
    pub(super) fn put_stream_as(
        &self,
        id: Option<&str>,
        content: &EdvContent,
        stream: &mut PutStream<'_>,
        signed: bool,
        progress: &dyn Progress,
    ) -> Result<EdvPut> {
        let (id, current) = self.for_writing(id)?;
        let mut draft = self.draft(&id, current.as_ref(), content)?;
        draft.signed = signed;
        draft.body.stream = Some(json!({"pending": true}));
        draft.stream = Some(StreamState::default());
        self.send(&draft, current.is_none())?;
        let sequence = draft.sequence;
        progress.begin(Stage::Send, None, stream.len);
        let sealer = Sealer::new(self.record.profile, &draft.recipients, &mut SystemRng)
            .map_err(|error| Error::new(ErrorKind::Other, error.to_string()))?;
        let manifest = self.send_chunks(&id, sequence, &sealer, stream.from, progress)?;
        let chunks = manifest.digests.len() as u64;
        draft.sequence += 1;
        draft.body.stream = Some(json!({"sequence": sequence, "chunks": chunks}));
        draft.stream = Some(StreamState { sequence: Some(sequence), chunks: Some(chunks) });
        let bytes = manifest.bytes;
        draft.manifest = Some(manifest);
        let document = self.send(&draft, false)?;
        let sequence = draft.sequence;
        Ok(EdvPut { id, sequence, bytes: document + bytes, chunks: Some(chunks) })
    }

    fn send_chunks(
        &self,
        id: &str,
        sequence: u64,
        sealer: &Sealer,
        from: &mut dyn Read,
        progress: &dyn Progress,
    ) -> Result<StreamManifest> {
        let mut manifest = StreamManifest::default();
        let mut buffer = Zeroizing::new(vec![0; CHUNK_LEN]);
        loop {
            if progress.cancelled() {
                return Err(Error::cancelled());
            }
            let len = fill(from, &mut buffer)?;
            let Some(plain) = buffer.get(..len).filter(|plain| !plain.is_empty()) else {
                return Ok(manifest);
            };
            let index = manifest.digests.len() as u64;
            if index == EDV_STREAM_CHUNKS_MAX as u64 {
                let what = format!("a stream has at most {EDV_STREAM_CHUNKS_MAX} chunks of 1 MiB");
                return Err(Error::new(ErrorKind::Full, what).with_hint("put it in parts"));
            }
            let header = edv::chunk_header(&self.place(id, sequence), index);
            let jwe = sealer
                .seal_with(plain, header, &mut SystemRng)
                .map_err(|error| Error::new(ErrorKind::Other, error.to_string()))?;
            manifest.digests.push(jwe.digest());
            manifest.bytes += len as u64;
            let chunk = json!({
                "index": index,
                "offset": manifest.bytes,
                "sequence": sequence,
                "jwe": jwe.to_json(),
            });
            self.post(format!("{}/chunks/{index}", self.document_url(id)), chunk.to_string())?;
            progress.advance(1, len as u64);
        }
    }

    /// Writes a document's stream to `out`. What is not as the document lists it is an error, and
    /// nothing of that chunk is written.
    pub fn get_stream(
        &self,
        id: &str,
        out: &mut dyn Write,
        strict: bool,
        progress: &dyn Progress,
    ) -> Result<EdvStreamed> {
        let opened = self.need(id, strict)?;
        let streamed = self.read_stream(&opened, strict, progress, &mut |bytes| {
            out.write_all(bytes).map_err(|error| Error::io("cannot write the stream", &error))
        })?;
        self.remember(&BTreeMap::from([(id.to_owned(), opened.seen)]))?;
        Ok(streamed)
    }

    /// Gives a stream's chunks to `take`, in order.
    pub(super) fn read_stream(
        &self,
        opened: &OpenDocument,
        strict: bool,
        progress: &dyn Progress,
        take: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<EdvStreamed> {
        let mut chunks = self.chunks_of(opened, strict)?;
        progress.begin(Stage::Receive, Some(chunks.count), chunks.total());
        while let Some(plain) = chunks.take_next(&mut |index| {
            self.fetch(format!("{}/chunks/{index}", self.document_url(&opened.stored.id)))
        })? {
            if progress.cancelled() {
                return Err(Error::cancelled());
            }
            take(&plain)?;
            progress.advance(1, plain.len() as u64);
        }
        Ok(EdvStreamed {
            id: opened.stored.id.clone(),
            chunks: chunks.count,
            bytes: chunks.bytes,
            authenticated: chunks.authenticated,
        })
    }

    /// The chunks of a document, to be taken one after another.
    pub(super) fn chunks_of<'b>(
        &'b self,
        opened: &'b OpenDocument,
        strict: bool,
    ) -> Result<Chunks<'b>> {
        let id = &opened.stored.id;
        let part = |name: &str| opened.body.stream.as_ref().and_then(|it| it[name].as_u64());
        let (Some(sequence), Some(count)) = (part("sequence"), part("chunks")) else {
            let what = format!("the document {id} has no stream");
            return Err(Error::new(ErrorKind::NotFound, what)
                .with_hint("without --stream its content is shown"));
        };
        let manifest = opened.proof.as_ref().and_then(|proof| proof.manifest.as_ref());
        if manifest.is_none() && strict {
            let what = format!("the stream of {id} is not authenticated");
            return Err(
                Error::new(ErrorKind::Damaged, what).with_hint("without --strict it is shown")
            );
        }
        if manifest.is_some_and(|manifest| manifest.digests.len() as u64 != count) {
            return Err(Error::damaged(format!("{id}: its list of chunks is not its own")));
        }
        Ok(Chunks {
            edv: self,
            id,
            key: self.agreement()?,
            sequence,
            next: part("next"),
            count,
            manifest,
            strict,
            index: 0,
            bytes: 0,
            authenticated: manifest.is_some(),
        })
    }
}

/// A stream's chunks, checked one after another.
pub(super) struct Chunks<'a> {
    edv: &'a Edv<'a>,
    id: &'a str,
    key: AgreementKey,
    sequence: u64,
    /// The state that chunks belong to which were sealed again, while not all are.
    next: Option<u64>,
    count: u64,
    manifest: Option<&'a StreamManifest>,
    strict: bool,
    index: u64,
    bytes: u64,
    authenticated: bool,
}

impl Chunks<'_> {
    fn total(&self) -> Option<u64> {
        self.manifest.map(|manifest| manifest.bytes)
    }

    /// The next chunk's plaintext; none at the end. `fetch` gets a chunk's JSON by its number.
    pub(super) fn take_next(
        &mut self,
        fetch: &mut dyn FnMut(u64) -> Result<Option<Bytes>>,
    ) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let (id, index) = (self.id, self.index);
        if index == self.count {
            return match self.total() {
                Some(total) if total != self.bytes => {
                    Err(Error::damaged(format!("{id}: its stream has another length")))
                }
                _ if self.strict && !self.authenticated => Err(half_sealed(id)),
                _ => Ok(None),
            };
        }
        let wrong = |why: &str| Error::damaged(format!("{id}: chunk {index} {why}"));
        let json = fetch(index)?.ok_or_else(|| wrong("is not there"))?;
        let stored = answers::chunk(&json, index)?;
        // While a stream is sealed again, its chunks belong to one of two states.
        let again = self.next == Some(stored.sequence);
        if stored.sequence != self.sequence && !again {
            return Err(wrong("belongs to another state"));
        }
        let digests = self.manifest.map(|manifest| &manifest.digests);
        let due = digests.and_then(|digests| digests.get(usize::try_from(index).ok()?));
        if !again && due.is_some_and(|due| *due != stored.jwe.digest()) {
            return Err(wrong("is not the one that was written"));
        }
        self.authenticated &= !again;
        let opened = stored.jwe.open(&self.key);
        let opened = opened.map_err(|error| wrong(&format!("does not open: {error}")))?;
        edv::check_chunk(&opened.header, &self.edv.place(id, stored.sequence), index)
            .map_err(|error| wrong(&error.to_string()))?;
        self.index += 1;
        self.bytes += opened.plain.len() as u64;
        Ok(Some(opened.plain))
    }
}

/// A stream as something to read from.
pub(super) struct StreamReader<'a, F> {
    pub(super) chunks: Chunks<'a>,
    pub(super) fetch: F,
    rest: Zeroizing<Vec<u8>>,
    at: usize,
    /// Why it ended, if it was not at its end.
    pub(super) failed: Option<Error>,
}

impl<'a, F: FnMut(u64) -> Result<Option<Bytes>>> StreamReader<'a, F> {
    pub(super) fn new(chunks: Chunks<'a>, fetch: F) -> Self {
        Self { chunks, fetch, rest: Zeroizing::default(), at: 0, failed: None }
    }
}

impl<F: FnMut(u64) -> Result<Option<Bytes>>> Read for StreamReader<'_, F> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        while self.at == self.rest.len() {
            match self.chunks.take_next(&mut self.fetch) {
                Ok(Some(plain)) => (self.rest, self.at) = (plain, 0),
                Ok(None) => return Ok(0),
                Err(error) => {
                    let words = error.to_string();
                    self.failed = Some(error);
                    return Err(std::io::Error::other(words));
                }
            }
        }
        let some = self.rest.get(self.at..).unwrap_or_default();
        let len = some.len().min(out.len());
        for (to, from) in out.iter_mut().zip(some) {
            *to = *from;
        }
        self.at += len;
        Ok(len)
    }
}

fn half_sealed(id: &str) -> Error {
    let what = format!("sealing the stream of {id} again was interrupted: it is not all signed");
    Error::new(ErrorKind::Damaged, what)
        .with_hint("run the `strongroom edv grant` or `revoke` again that was interrupted")
}

/// Reads until the buffer is full or nothing is left.
fn fill(from: &mut dyn Read, buffer: &mut [u8]) -> Result<usize> {
    let mut len = 0;
    while let Some(rest) = buffer.get_mut(len..).filter(|rest| !rest.is_empty()) {
        match from.read(rest) {
            Ok(0) => break,
            Ok(more) => len += more,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("cannot read the stream", &error)),
        }
    }
    Ok(len)
}
