//! Content of one source. Comes in: an open file or stream. Goes out: what a version says of it,
//! its chunks on their way. Must not know: where the document will stand.
//!
//! A source that changes while it is read is read again, and told if it does not hold still: what
//! is stored is one consistent state or nothing.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, SystemTime};

use strongroom_core::document::{Content, digest, digest_of};
use strongroom_seal::manifest::ManifestBuilder;
use strongroom_seal::rng::Rng;
use strongroom_seal::sealing::Sealing;
use strongroom_seal::stream::{Cutter, PIECE_LEN, Piece, SealedChunk};
use strongroom_wire::clear::{PaddingRule, References};
use strongroom_wire::ids::ChunkId;
use strongroom_wire::limits::{REFERENCE_LIST_IDS_MAX, REFERENCES_INLINE_MAX};

use super::chunks::ChunkSink;
use super::journal::{Journal, JournalPiece};
use super::source::Look;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;
use crate::random::SystemRng;
use crate::vault::Vault;

/// Content up to this many bytes stands in the entry, beside its name and metadata.
pub const INLINE_MAX: u64 = 64_000;
/// Longest step of the clock that times of change are taken from (100 Hz), and some more.
const TICK: Duration = Duration::from_millis(12);

/// A content, stored: its bytes or their manifest, and what follows for the version.
#[derive(Debug)]
pub struct Stored {
    /// For the sealed part.
    pub content: Content,
    /// For the clear part.
    pub references: References,
    /// Of the plaintext.
    pub digest: [u8; 32],
    /// True length.
    pub size: u64,
}

/// Reads a small file whole, in one read. `None`: it is not as it looked, or it changed while it
/// was read.
pub fn read_small(path: &Path, look: &Look) -> io::Result<Option<(Vec<u8>, Look)>> {
    settle(look);
    let mut file = File::open(path)?;
    // Room for one byte more: a file that grew fills it.
    let mut bytes = vec![0; look.size.min(INLINE_MAX) as usize + 1];
    let mut filled = 0;
    while let Some(space) = bytes.get_mut(filled..).filter(|space| !space.is_empty()) {
        match file.read(space) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        if filled as u64 == look.size {
            break;
        }
    }
    bytes.truncate(filled);
    let after = Look::of(&file.metadata()?);
    let still = after.is_some_and(|after| after.same_content(look) && after.kind == look.kind)
        && filled as u64 == look.size;
    Ok(still.then_some((bytes, *look)))
}

/// Waits until the tick in which a file changed is over. The system's times of change count in
/// ticks: a second change within one would leave the same time behind, and both a torn read and a
/// later put would take the file for unchanged.
fn settle(look: &Look) {
    let changed = look.stamp.changed;
    let secs = Duration::from_secs(u64::try_from(changed.secs).unwrap_or_default());
    let changed = SystemTime::UNIX_EPOCH + secs + Duration::from_nanos(changed.nanos.into());
    // A time in the future tells nothing; one tick is waited.
    let age = changed.elapsed().unwrap_or_default();
    if let Some(rest) = TICK.checked_sub(age) {
        std::thread::sleep(rest);
    }
}

/// Content that stands in the entry.
pub fn inline(bytes: Vec<u8>) -> Stored {
    Stored {
        digest: digest_of(&bytes),
        size: bytes.len() as u64,
        content: Content::Inline(bytes),
        references: References::NONE,
    }
}

/// One content being cut, sealed and sent.
pub struct Streaming<'s, 'v> {
    vault: &'v Vault,
    sealing: Sealing,
    sink: &'s mut ChunkSink<'v>,
    journal: Option<Journal<'v>>,
    builder: ManifestBuilder,
    hashes: Vec<[u8; 32]>,
    ids: Vec<ChunkId>,
    held: Vec<SealedChunk>,
}

impl<'s, 'v> Streaming<'s, 'v> {
    /// Starts a content.
    pub fn new(
        vault: &'v Vault,
        sink: &'s mut ChunkSink<'v>,
        journal: Option<Journal<'v>>,
    ) -> Self {
        let sealing = sink.sealing;
        Self {
            vault,
            sealing,
            builder: ManifestBuilder::new(sealing.suite),
            sink,
            journal,
            hashes: Vec::new(),
            ids: Vec::new(),
            held: Vec::new(),
        }
    }

    /// Takes over the first pieces from a journal, as far as their chunks arrived. Gives how many.
    pub fn take_over(&mut self, pieces: Vec<(u64, JournalPiece)>) -> Result<u64> {
        let ids: Vec<ChunkId> = pieces.iter().map(|(_, piece)| piece.reference.id).collect();
        let have = self.sink.have(&ids)?;
        let mut next = 0;
        for ((index, piece), here) in pieces.into_iter().zip(have) {
            // A short piece is the end: it was sealed with padding and is cheap to make again.
            if index != next || !here || piece.reference.len as usize != PIECE_LEN {
                break;
            }
            self.enter(index, piece)?;
            next += 1;
        }
        Ok(next)
    }

    fn enter(&mut self, index: u64, piece: JournalPiece) -> Result<()> {
        self.hashes.push(piece.plain_hash);
        self.ids.push(piece.reference.id);
        let secret = &self.vault.secrets.secret;
        let node = self
            .builder
            .push(index, piece.reference, secret, &mut SystemRng)
            .map_err(|e| Error::new(ErrorKind::Usage, e.to_string()))?;
        node.map_or(Ok(()), |node| self.send(node))
    }

    fn send(&mut self, chunk: SealedChunk) -> Result<()> {
        if !self.ids.contains(&chunk.reference.id) {
            self.ids.push(chunk.reference.id);
        }
        self.sink.send(chunk.reference.id, chunk.bytes)
    }

    /// Seals one piece and sends it, after the journal knows it.
    pub fn piece(&mut self, piece: Piece) -> Result<()> {
        let (index, plain_hash) = (piece.index(), piece.plain_hash());
        let secret = &self.vault.secrets.secret;
        let chunk = piece.seal(self.sealing.suite, secret, SystemRng.bytes32())?;
        let row = JournalPiece { reference: chunk.reference.clone(), plain_hash };
        self.enter(index, row.clone())?;
        match &mut self.journal {
            None => self.sink.send(chunk.reference.id, chunk.bytes),
            Some(journal) => {
                self.held.push(chunk);
                if journal.add(index, row) { self.release() } else { Ok(()) }
            }
        }
    }

    /// Commits the journal, then sends what it knows.
    fn release(&mut self) -> Result<()> {
        if let Some(journal) = &mut self.journal {
            journal.commit()?;
        }
        for chunk in std::mem::take(&mut self.held) {
            self.sink.send(chunk.reference.id, chunk.bytes)?;
        }
        Ok(())
    }

    /// The content ends: its manifest, its references, all chunks on their way. The journal is
    /// given back, to be closed when the version is committed.
    pub fn finish(mut self, size: u64) -> Result<(Stored, Option<Journal<'v>>)> {
        self.release()?;
        let digest = digest(self.hashes.iter().copied());
        let secret = &self.vault.secrets.secret;
        let (manifest, node) =
            std::mem::replace(&mut self.builder, ManifestBuilder::new(self.sealing.suite))
                .finish(size, secret, &mut SystemRng)
                .map_err(|e| Error::new(ErrorKind::Other, e.to_string()))?;
        if let Some(node) = node {
            self.send(node)?;
        }
        for row in manifest.rows() {
            if manifest.has_nodes() {
                self.ids.push(row.id);
            }
        }
        let ids = std::mem::take(&mut self.ids);
        let references = references(ids, |id, bytes| self.sink.send(id, bytes))?;
        let content = Content::Manifest(manifest.encode().to_vec());
        Ok((Stored { content, references, digest, size }, self.journal.take()))
    }
}

/// Chunks in the clear part, or in lists that are stored like chunks. `send` takes the lists.
pub(crate) fn references(
    mut ids: Vec<ChunkId>,
    mut send: impl FnMut(ChunkId, Vec<u8>) -> Result<()>,
) -> Result<References> {
    ids.sort_unstable();
    ids.dedup();
    if ids.len() <= REFERENCES_INLINE_MAX {
        return Ok(References::Chunks(ids));
    }
    let mut lists = Vec::new();
    for part in ids.chunks(REFERENCE_LIST_IDS_MAX) {
        let bytes: Vec<u8> = part.iter().flat_map(|id| id.0).collect();
        let id = ChunkId(*blake3::hash(&bytes).as_bytes());
        send(id, bytes)?;
        lists.push(id);
    }
    Ok(References::Lists(lists))
}

/// Streams a reader to its end.
pub fn stream<'v>(
    vault: &'v Vault,
    sink: &mut ChunkSink<'v>,
    reader: &mut dyn Read,
    progress: &dyn Progress,
) -> Result<Stored> {
    let mut cutter = Cutter::new(sink.sealing.padding);
    let mut streaming = Streaming::new(vault, sink, None);
    let size = cut_all(&mut streaming, &mut cutter, reader, u64::MAX, progress)?;
    finish(streaming, cutter, size).map(|(stored, _)| stored)
}

/// Streams a large file; goes on where an earlier put of the same file stopped.
pub fn stream_file<'v>(
    vault: &'v Vault,
    sink: &mut ChunkSink<'v>,
    path: &Path,
    journalled: Option<(Journal<'v>, Vec<(u64, JournalPiece)>)>,
    progress: &dyn Progress,
) -> Result<(Stored, Look, Option<Journal<'v>>)> {
    let io_error = |e: io::Error| Error::io(format!("cannot read {}", path.display()), &e);
    let mut file = File::open(path).map_err(io_error)?;
    let look =
        |file: &File| -> Result<Option<Look>> { Ok(Look::of(&file.metadata().map_err(io_error)?)) };
    let before = look(&file)?.ok_or_else(|| changed(path))?;
    settle(&before);
    let (journal, pieces) = match journalled {
        Some((journal, pieces)) => (Some(journal), pieces),
        None => (None, Vec::new()),
    };
    let mut streaming = Streaming::new(vault, sink, journal);
    let done = if pieces.is_empty() { 0 } else { streaming.take_over(pieces)? };
    let mut cutter = Cutter::resume(streaming.sealing.padding, done);
    let offset = done * PIECE_LEN as u64;
    file.seek(SeekFrom::Start(offset)).map_err(io_error)?;
    progress.advance(0, offset);
    let size = cut_all(&mut streaming, &mut cutter, &mut file, before.size, progress)?;
    let after = look(&file)?;
    if size != before.size || !after.is_some_and(|after| after.same_content(&before)) {
        return Err(changed(path));
    }
    let (stored, journal) = finish(streaming, cutter, size)?;
    Ok((stored, before, journal))
}

/// Cuts a reader to its end, or to the first byte after `size_max`: a file that grows as fast as it
/// is read would have no end.
fn cut_all(
    streaming: &mut Streaming<'_, '_>,
    cutter: &mut Cutter<PaddingRule>,
    reader: &mut dyn Read,
    size_max: u64,
    progress: &dyn Progress,
) -> Result<u64> {
    while cutter.size() <= size_max {
        let space = cutter.space();
        let step = space.len().min(262_144);
        let (space, _) = space.split_at_mut(step);
        match reader.read(space) {
            Ok(0) => return Ok(cutter.size()),
            Ok(count) => {
                progress.advance(0, count as u64);
                if let Some(piece) = cutter.filled(count) {
                    streaming.piece(piece)?;
                    if progress.cancelled() {
                        // What the journal knows and what was sent stays.
                        streaming.release()?;
                        streaming.sink.flush()?;
                        return Err(Error::cancelled());
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("cannot read the source", &error)),
        }
    }
    Ok(cutter.size())
}

fn finish<'v>(
    mut streaming: Streaming<'_, 'v>,
    cutter: Cutter<PaddingRule>,
    size: u64,
) -> Result<(Stored, Option<Journal<'v>>)> {
    for piece in cutter.finish()? {
        streaming.piece(piece)?;
    }
    streaming.finish(size)
}

/// The digest a file's content would have in a bucket that pads so, without sealing it.
pub fn file_digest(path: &Path, look: &Look, padding: PaddingRule) -> io::Result<Option<[u8; 32]>> {
    if look.size <= INLINE_MAX {
        return Ok(read_small(path, look)?.map(|(bytes, _)| digest_of(&bytes)));
    }
    settle(look);
    let mut file = File::open(path)?;
    let mut cutter = Cutter::new(padding);
    let mut hashes = Vec::new();
    loop {
        match file.read(cutter.space()) {
            Ok(0) => break,
            Ok(count) => {
                if let Some(piece) = cutter.filled(count) {
                    hashes.push(piece.plain_hash());
                    cutter.recycle(piece.into_buffer());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let Ok(tail) = cutter.finish() else { return Ok(None) };
    hashes.extend(tail.map(|piece| piece.plain_hash()));
    Ok(Some(digest(hashes)))
}

/// A source that does not hold still.
pub fn changed(path: &Path) -> Error {
    Error::new(
        ErrorKind::Conflict,
        format!("{} changed while it was read; nothing of it was stored", path.display()),
    )
    .with_hint("put it again when nothing writes to it")
}
