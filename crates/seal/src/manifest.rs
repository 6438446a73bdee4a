//! Manifests. Comes in: the rows of sealed chunks, in order; or a manifest of a stranger. Goes
//! out: a manifest for a sealed part, node chunks, and from an offset the chunk that holds it.
//! Must not know: names, providers, how chunks are fetched.
//!
//! ```text
//! manifest = [size, padded, depth, [row, …]]      1 to 512 rows       docs/spec/manifest.md
//! row      = [chunk id 32, key 32, length]
//! depth 0: the rows are content, in order
//! depth 1: the rows are nodes; a node is a chunk whose plaintext is [row, …] of content:
//!          1,024 rows, only the last node has fewer
//! ```
//!
//! 512 nodes of 1,024 rows are more than the references of one version may name, so one level of
//! nodes is always enough, and any byte is two chunks away at most. Order, number, end and key of
//! every chunk are fixed by what is sealed here (attack A11).

use strongroom_wire::cbor::{CborError, Reader, Writer};
use strongroom_wire::ids::ChunkId;
use strongroom_wire::limits::{
    MANIFEST_DIRECT_CHUNKS_MAX, REFERENCE_LIST_IDS_MAX, REFERENCE_LISTS_MAX,
};
use zeroize::Zeroizing;

use crate::aead::SealError;
use crate::keys::{ChunkKey, DeviceSecret};
use crate::padding::Padding;
use crate::rng::Rng;
use crate::sealing::Sealing;
use crate::stream::{
    ArrivedChunk, ChunkError, ChunkRef, Layout, PIECE_LEN, Piece, SealedChunk, open_chunk,
};
use crate::suite::Suite;

/// Rows of one node.
pub const NODE_ROWS: usize = 1_024;

/// Content chunks of one document: what the reference lists hold, less the nodes. 511 GiB.
pub const CONTENT_CHUNKS_MAX: u64 =
    (REFERENCE_LISTS_MAX * REFERENCE_LIST_IDS_MAX - MANIFEST_DIRECT_CHUNKS_MAX) as u64;

/// Content bytes of one document, padding included.
pub const CONTENT_LEN_MAX: u64 = CONTENT_CHUNKS_MAX * PIECE_LEN as u64;

/// Bytes of one encoded row at most.
const ROW_LEN_MAX: usize = 1 + 34 + 34 + 5;

/// Why a manifest or node is refused, or could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// The bytes are not a manifest.
    #[error("the manifest is damaged: {0}")]
    Encoding(#[from] CborError),
    /// The rows contradict the sizes.
    #[error("the manifest contradicts itself")]
    Shape,
    /// It is not padded as its bucket pads.
    #[error("the content is not padded as its bucket pads")]
    Padding,
    /// More content than one document may have.
    #[error("the content is longer than {CONTENT_LEN_MAX} bytes, the most one document may have")]
    TooLong,
    /// A chunk was pushed out of order, or one with content follows a short one.
    #[error("chunks must come in order, and only the last may be shorter")]
    Order,
    /// A node could not be sealed.
    #[error("a node of the manifest could not be sealed")]
    Seal,
    /// A node chunk is not the one the manifest names.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
}

impl From<SealError> for ManifestError {
    fn from(_: SealError) -> Self {
        Self::Seal
    }
}

/// What opens a document's content, in order. It holds keys, so it stands in sealed parts only.
#[derive(Debug, Clone)]
pub struct Manifest {
    layout: Layout,
    /// Whether the rows are nodes.
    nodes: bool,
    rows: Vec<ChunkRef>,
}

impl Manifest {
    /// Sizes, and where bytes lie.
    pub const fn layout(&self) -> Layout {
        self.layout
    }

    /// Content bytes.
    pub const fn size(&self) -> u64 {
        self.layout.size
    }

    /// Whether nodes have to be fetched before content.
    pub const fn has_nodes(&self) -> bool {
        self.nodes
    }

    /// The rows: content, or nodes.
    pub fn rows(&self) -> &[ChunkRef] {
        &self.rows
    }

    /// Writes the manifest into an encoding.
    pub fn write(&self, w: &mut Writer) {
        w.array(4).uint(self.layout.size).uint(self.layout.padded).uint(u64::from(self.nodes));
        write_rows(w, &self.rows);
    }

    /// The manifest alone. It wipes itself.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut w = Writer::with_capacity(40 + self.rows.len() * ROW_LEN_MAX);
        self.write(&mut w);
        Zeroizing::new(w.into_bytes())
    }

    /// Reads a manifest out of an encoding, and checks that it agrees with itself.
    pub fn read(r: &mut Reader<'_>) -> Result<Self, ManifestError> {
        r.array_exact(4)?;
        let layout =
            Layout { size: r.uint_max(CONTENT_LEN_MAX)?, padded: r.uint_max(CONTENT_LEN_MAX)? };
        let nodes = r.uint_max(1)? == 1;
        let rows = read_rows(r, MANIFEST_DIRECT_CHUNKS_MAX)?;
        let manifest = Self { layout, nodes, rows };
        if manifest.is_consistent() { Ok(manifest) } else { Err(ManifestError::Shape) }
    }

    /// Reads a manifest that stands alone.
    pub fn decode(bytes: &[u8]) -> Result<Self, ManifestError> {
        let mut r = Reader::new(bytes);
        let manifest = Self::read(&mut r)?;
        r.end()?;
        Ok(manifest)
    }

    fn is_consistent(&self) -> bool {
        let chunks = self.layout.chunks();
        if self.layout.padded < self.layout.size || chunks == 0 || chunks > CONTENT_CHUNKS_MAX {
            return false;
        }
        if self.nodes {
            chunks > MANIFEST_DIRECT_CHUNKS_MAX as u64
                && self.rows.len() as u64 == chunks.div_ceil(NODE_ROWS as u64)
        } else {
            self.rows.len() as u64 == chunks && rows_fit(self.layout, 0, &self.rows)
        }
    }
}

/// Whether the lengths of content rows from number `first` on are those of the layout.
fn rows_fit(layout: Layout, first: u64, rows: &[ChunkRef]) -> bool {
    rows.iter().zip(first..).all(|(row, index)| row.len as usize == layout.plain_len(index))
}

fn write_rows(w: &mut Writer, rows: &[ChunkRef]) {
    w.array(rows.len());
    for row in rows {
        w.array(3).bytes(&row.id.0).bytes(&row.key.to_secret_bytes()[..]).uint(row.len.into());
    }
}

fn read_rows(r: &mut Reader<'_>, max: usize) -> Result<Vec<ChunkRef>, ManifestError> {
    let count = r.array(max)?;
    let mut rows = Vec::with_capacity(count);
    for _ in 0..count {
        r.array_exact(3)?;
        let id = ChunkId(r.bytes_exact()?);
        let key = Zeroizing::new(r.bytes_exact()?);
        let len = r.u32()?;
        if len == 0 || len as usize > PIECE_LEN {
            return Err(ManifestError::Shape);
        }
        rows.push(ChunkRef { id, key: ChunkKey::from_secret_bytes(&key), len });
    }
    Ok(rows)
}

/// Builds a manifest while chunks are sealed. Holds at most 1,024 rows and 512 node rows.
#[derive(Debug)]
pub struct ManifestBuilder {
    suite: Suite,
    /// Content rows that stand in no node yet.
    open: Vec<ChunkRef>,
    nodes: Vec<ChunkRef>,
    count: u64,
    plain: u64,
}

impl ManifestBuilder {
    /// A manifest of nothing yet. Nodes are sealed with `suite`.
    pub const fn new(suite: Suite) -> Self {
        Self { suite, open: Vec::new(), nodes: Vec::new(), count: 0, plain: 0 }
    }

    /// Content chunks so far.
    pub const fn len(&self) -> u64 {
        self.count
    }

    /// Whether no chunk came yet.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds the row of the content chunk number `index`; chunks come in order. Now and then gives
    /// a node, which is uploaded and referenced like any chunk.
    pub fn push(
        &mut self,
        index: u64,
        row: ChunkRef,
        device: &DeviceSecret,
        rng: &mut impl Rng,
    ) -> Result<Option<SealedChunk>, ManifestError> {
        if self.count >= CONTENT_CHUNKS_MAX {
            return Err(ManifestError::TooLong);
        }
        let all_full = self.plain == self.count * PIECE_LEN as u64;
        let fits = row.len > 0 && row.len as usize <= PIECE_LEN;
        if index != self.count || !all_full || !fits {
            return Err(ManifestError::Order);
        }
        // A full node is sealed only when it is certain that more follows.
        let node =
            if self.open.len() == NODE_ROWS { Some(self.seal_node(device, rng)?) } else { None };
        self.count += 1;
        self.plain += u64::from(row.len);
        self.open.push(row);
        Ok(node)
    }

    fn seal_node(
        &mut self,
        device: &DeviceSecret,
        rng: &mut impl Rng,
    ) -> Result<SealedChunk, ManifestError> {
        let mut w = Writer::with_capacity(3 + self.open.len() * ROW_LEN_MAX + 16);
        write_rows(&mut w, &self.open);
        let index = self.nodes.len() as u64;
        let piece = Piece::from_plaintext(index, w.into_bytes())?;
        let node = piece.seal(self.suite, device, rng.bytes32())?;
        self.nodes.push(node.reference.clone());
        self.open.clear();
        Ok(node)
    }

    /// All chunks came. `size` is the content's true length. Perhaps gives the last node.
    pub fn finish(
        mut self,
        size: u64,
        device: &DeviceSecret,
        rng: &mut impl Rng,
    ) -> Result<(Manifest, Option<SealedChunk>), ManifestError> {
        let layout = Layout { size, padded: self.plain };
        let direct = self.nodes.is_empty() && self.open.len() <= MANIFEST_DIRECT_CHUNKS_MAX;
        let last = if direct { None } else { Some(self.seal_node(device, rng)?) };
        let rows = if direct { self.open } else { self.nodes };
        let manifest = Manifest { layout, nodes: !direct, rows };
        if manifest.is_consistent() { Ok((manifest, last)) } else { Err(ManifestError::Shape) }
    }
}

/// What a reader has to fetch next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// A node; give it to [`ContentReader::absorb_node`], then ask again.
    Node(ChunkId),
    /// The content chunk itself; give it to [`ContentReader::open`].
    Chunk(ChunkId),
}

/// Reads content at any place. Does no I/O: it names the chunk it needs, and opens what arrives.
/// Holds the rows of one node.
#[derive(Debug)]
pub struct ContentReader {
    suite: Suite,
    manifest: Manifest,
    node: Option<(u64, Vec<ChunkRef>)>,
}

impl ContentReader {
    /// A reader of the content of `manifest`, which was padded as its bucket pads.
    pub fn new(sealing: Sealing, manifest: Manifest) -> Result<Self, ManifestError> {
        let Layout { size, padded } = manifest.layout;
        if sealing.padding.padded_len(size) != Some(padded) {
            return Err(ManifestError::Padding);
        }
        Ok(Self { suite: sealing.suite, manifest, node: None })
    }

    /// Sizes, and where bytes lie.
    pub const fn layout(&self) -> Layout {
        self.manifest.layout
    }

    /// What to fetch for the content chunk number `index`. `None` past the end.
    pub fn need(&self, index: u64) -> Option<Need> {
        if index >= self.layout().chunks() {
            return None;
        }
        if let Some(row) = self.row(index) {
            return Some(Need::Chunk(row.id));
        }
        let node = self.manifest.rows.get(usize::try_from(index / NODE_ROWS as u64).ok()?)?;
        Some(Need::Node(node.id))
    }

    /// The row of one content chunk, if its node is here.
    pub fn row(&self, index: u64) -> Option<&ChunkRef> {
        if !self.manifest.nodes {
            return self.manifest.rows.get(usize::try_from(index).ok()?);
        }
        let (number, rows) = self.node.as_ref()?;
        if index / NODE_ROWS as u64 != *number {
            return None;
        }
        rows.get(usize::try_from(index % NODE_ROWS as u64).ok()?)
    }

    /// Takes the node that [`ContentReader::need`] asked for `index`, in the place of the one
    /// before.
    pub fn absorb_node(&mut self, index: u64, chunk: ArrivedChunk) -> Result<(), ManifestError> {
        let number = index / NODE_ROWS as u64;
        let refused = ManifestError::Chunk(ChunkError::Order(chunk.id()));
        let place = usize::try_from(number).map_err(|_| refused)?;
        let reference =
            self.manifest.rows.get(place).filter(|_| self.manifest.nodes).ok_or(refused)?;
        let plain = Zeroizing::new(open_chunk(self.suite, reference, chunk)?);
        let mut r = Reader::new(&plain);
        let rows = read_rows(&mut r, NODE_ROWS)?;
        r.end()?;
        let first = number * NODE_ROWS as u64;
        let due = (self.layout().chunks() - first).min(NODE_ROWS as u64);
        if rows.len() as u64 != due || !rows_fit(self.layout(), first, &rows) {
            return Err(ManifestError::Shape);
        }
        self.node = Some((number, rows));
        Ok(())
    }

    /// Opens the content chunk number `index`: its content, without padding. A chunk of another
    /// place, a changed or cut one, and one with anything in its padding are refused.
    pub fn open(&self, index: u64, chunk: ArrivedChunk) -> Result<Vec<u8>, ChunkError> {
        let row = self.row(index).ok_or(ChunkError::Order(chunk.id()))?;
        let plain = open_chunk(self.suite, row, chunk)?;
        self.layout().trim(index, row, plain)
    }
}
