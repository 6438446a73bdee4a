//! Content of a message. Comes in: a reader. Goes out: what stands in the message, and its chunks
//! at the provider. Must not know: who sends, what it is called.

use std::io::{ErrorKind as IoErrorKind, Read};

use bytes::Bytes;
use strongroom_core::document::{Content, digest, digest_of};
use strongroom_seal::keys::DeviceSecret;
use strongroom_seal::manifest::ManifestBuilder;
use strongroom_seal::rng::Rng as _;
use strongroom_seal::sealing::Sealing;
use strongroom_seal::stream::{Cutter, Piece, SealedChunk};
use strongroom_wire::clear::References;
use strongroom_wire::ids::{BucketId, ChunkId};

use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;
use crate::put::Stored;
use crate::put::content::references;
use crate::random::SystemRng;
use crate::remote::{Runtime, Session};

/// Bytes of content that stand in a message, with the sender's card beside it.
const INLINE_MAX: usize = 64_000;

/// Where chunks of one message go.
pub(super) struct Chunks<'a> {
    pub runtime: &'a Runtime,
    pub session: &'a Session,
    pub bucket: BucketId,
    /// Hedges their keys.
    pub secret: &'a DeviceSecret,
    pub sealing: Sealing,
}

/// A content while it is cut.
struct Streaming<'a> {
    to: &'a Chunks<'a>,
    builder: ManifestBuilder,
    hashes: Vec<[u8; 32]>,
    ids: Vec<ChunkId>,
}

impl Chunks<'_> {
    /// Reads to the end. `room`: bytes that stand beside it in the message.
    pub fn store(
        &self,
        reader: &mut dyn Read,
        room: usize,
        progress: &dyn Progress,
    ) -> Result<Stored> {
        let small = INLINE_MAX.saturating_sub(room);
        let mut head = Vec::new();
        let read = Read::take(&mut *reader, small as u64 + 1).read_to_end(&mut head);
        read.map_err(|e| Error::io("cannot read the source", &e))?;
        if head.len() <= small {
            let (digest, size) = (digest_of(&head), head.len() as u64);
            let (content, references) = (Content::Inline(head), References::NONE);
            return Ok(Stored { content, references, digest, size });
        }
        self.stream(&mut head.as_slice().chain(reader), progress)
    }

    fn stream(&self, reader: &mut dyn Read, progress: &dyn Progress) -> Result<Stored> {
        let mut cutter = Cutter::new(self.sealing.padding);
        let builder = ManifestBuilder::new(self.sealing.suite);
        let mut streaming = Streaming { to: self, builder, hashes: Vec::new(), ids: Vec::new() };
        loop {
            match reader.read(cutter.space()) {
                Ok(0) => break,
                Ok(count) => {
                    progress.advance(0, count as u64);
                    if let Some(piece) = cutter.filled(count) {
                        streaming.piece(piece)?;
                    }
                }
                Err(error) if error.kind() == IoErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io("cannot read the source", &error)),
            }
            if progress.cancelled() {
                return Err(Error::cancelled());
            }
        }
        let size = cutter.size();
        for piece in cutter.finish().map_err(|e| Error::new(ErrorKind::Usage, e.to_string()))? {
            streaming.piece(piece)?;
        }
        streaming.finish(size)
    }

    fn send(&self, id: ChunkId, bytes: Vec<u8>) -> Result<()> {
        let put = self.session.put_chunk(self.bucket, id, Bytes::from(bytes));
        self.runtime.block_on(put).map_err(super::closed)
    }
}

impl Streaming<'_> {
    fn piece(&mut self, piece: Piece) -> Result<()> {
        let index = piece.index();
        self.hashes.push(piece.plain_hash());
        let (suite, secret) = (self.to.sealing.suite, self.to.secret);
        let chunk = piece.seal(suite, secret, SystemRng.bytes32())?;
        let reference = chunk.reference.clone();
        self.send(chunk)?;
        let node = self.builder.push(index, reference, secret, &mut SystemRng);
        let node = node.map_err(|e| Error::new(ErrorKind::Usage, e.to_string()))?;
        node.map_or(Ok(()), |node| self.send(node))
    }

    fn send(&mut self, chunk: SealedChunk) -> Result<()> {
        self.ids.push(chunk.reference.id);
        self.to.send(chunk.reference.id, chunk.bytes)
    }

    fn finish(mut self, size: u64) -> Result<Stored> {
        let digest = digest(self.hashes.iter().copied());
        let builder = ManifestBuilder::new(self.to.sealing.suite);
        let builder = std::mem::replace(&mut self.builder, builder);
        let (manifest, node) = builder
            .finish(size, self.to.secret, &mut SystemRng)
            .map_err(|e| Error::new(ErrorKind::Other, e.to_string()))?;
        if let Some(node) = node {
            self.send(node)?;
        }
        if manifest.has_nodes() {
            self.ids.extend(manifest.rows().iter().map(|row| row.id));
        }
        let references = references(self.ids, |id, bytes| self.to.send(id, bytes))?;
        let content = Content::Manifest(manifest.encode().to_vec());
        Ok(Stored { content, references, digest, size })
    }
}
