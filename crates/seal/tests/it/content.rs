//! Whole contents from the cutter to the reader, with an honest provider and with others.

use std::collections::HashMap;

use strongroom_seal::keys::{ChunkKey, DeviceSecret};
use strongroom_seal::manifest::{
    CONTENT_CHUNKS_MAX, ContentReader, Manifest, ManifestBuilder, ManifestError, NODE_ROWS, Need,
};
use strongroom_seal::padding::Padme;
use strongroom_seal::rng::{DangerSeeded, Rng};
use strongroom_seal::sealing::Sealing;
use strongroom_seal::stream::{
    ArrivedChunk, ChunkError, ChunkRef, Cutter, PIECE_LEN, Piece, SealedChunk,
};
use strongroom_seal::suite::Suite;
use strongroom_wire::clear::PaddingRule;
use strongroom_wire::ids::ChunkId;

const SUITE: Suite = Suite::Aes256Gcm;

/// A provider: opaque bytes under their hashes. A hostile one answers what it likes.
type Provider = HashMap<ChunkId, Vec<u8>>;

fn device() -> DeviceSecret {
    DeviceSecret::from_secret_bytes(&[1; 32])
}

fn bytes(len: usize, seed: u64) -> Vec<u8> {
    let mut out = vec![0; len];
    DangerSeeded::new(seed).fill(&mut out);
    out
}

/// Stores `content`: what a `put` does.
fn put(content: &[u8], seed: u64, provider: &mut Provider) -> Manifest {
    let (device, mut rng) = (device(), DangerSeeded::new(seed));
    let (mut cutter, mut builder) = (Cutter::new(Padme), ManifestBuilder::new(SUITE));
    let mut pieces = Vec::new();
    for part in content.chunks(300_000) {
        let mut rest = part;
        while !rest.is_empty() {
            let space = cutter.space();
            let count = space.len().min(rest.len());
            space[..count].copy_from_slice(&rest[..count]);
            rest = &rest[count..];
            pieces.extend(cutter.filled(count));
        }
    }
    let tail = cutter.finish().unwrap();
    let size = tail.size();
    for piece in pieces.into_iter().chain(tail) {
        let SealedChunk { index, reference, bytes } =
            piece.seal(SUITE, &device, rng.bytes32()).unwrap();
        provider.insert(reference.id, bytes);
        let node = builder.push(index, reference, &device, &mut rng).unwrap();
        provider.extend(node.map(|node| (node.reference.id, node.bytes)));
    }
    let (manifest, node) = builder.finish(size, &device, &mut rng).unwrap();
    provider.extend(node.map(|node| (node.reference.id, node.bytes)));
    manifest
}

#[derive(Debug, PartialEq, Eq)]
enum Stop {
    Missing,
    Refused(ChunkError),
}

/// Reads all content: what a `get` does. Nothing of a refused chunk comes out.
fn get(manifest: Manifest, provider: &Provider) -> (Vec<u8>, Result<(), Stop>) {
    let mut out = Vec::new();
    let reader = ContentReader::new(Sealing::DEFAULT, manifest).unwrap();
    for index in 0..reader.layout().content_chunks() {
        let Some(Need::Chunk(id)) = reader.need(index) else { panic!("no nodes here") };
        let Some(answer) = provider.get(&id) else { return (out, Err(Stop::Missing)) };
        let opened =
            ArrivedChunk::check(id, answer.clone()).and_then(|arrived| reader.open(index, arrived));
        match opened {
            Ok(plain) => out.extend(plain),
            Err(error) => return (out, Err(Stop::Refused(error))),
        }
    }
    (out, Ok(()))
}

#[test]
fn a11_chunks_reordered_dropped_doubled_cut_off_or_swapped_between_documents() {
    let content = bytes(3 * PIECE_LEN + 5_000, 1);
    let mut honest = Provider::new();
    let manifest = put(&content, 1, &mut honest);
    let other = put(&bytes(3 * PIECE_LEN + 5_000, 2), 2, &mut honest);
    let (mine, foreign) = (ids(&manifest), ids(&other));
    assert_eq!(mine.len(), 4);
    // Positive control: without an attack everything comes back.
    assert_eq!(get(manifest.clone(), &honest), (content.clone(), Ok(())));

    // Each attack names the chunk where reading has to stop, and what the provider answers there.
    type Attack = (&'static str, usize, Box<dyn Fn(&mut Provider)>);
    let swap = |a: ChunkId, b: ChunkId| {
        move |p: &mut Provider| {
            let (x, y) = (p[&a].clone(), p[&b].clone());
            p.insert(a, y);
            p.insert(b, x);
        }
    };
    let instead = |at: ChunkId, from: ChunkId| {
        move |p: &mut Provider| {
            let bytes = p[&from].clone();
            p.insert(at, bytes);
        }
    };
    let change =
        |at: ChunkId, how: fn(&mut Vec<u8>)| move |p: &mut Provider| how(p.get_mut(&at).unwrap());
    let attacks: Vec<Attack> = vec![
        ("first two reordered", 0, Box::new(swap(mine[0], mine[1]))),
        ("last two reordered", 2, Box::new(swap(mine[2], mine[3]))),
        ("first for second: doubled", 1, Box::new(instead(mine[1], mine[0]))),
        ("second for first", 0, Box::new(instead(mine[0], mine[1]))),
        ("last doubled in front", 2, Box::new(instead(mine[2], mine[3]))),
        ("swapped with another document, first", 0, Box::new(swap(mine[0], foreign[0]))),
        ("swapped with another document, last", 3, Box::new(swap(mine[3], foreign[3]))),
        ("cut by a byte", 1, Box::new(change(mine[1], |b| b.truncate(b.len() - 1)))),
        ("cut to its tag", 1, Box::new(change(mine[1], |b| b.truncate(16)))),
        ("emptied", 3, Box::new(change(mine[3], Vec::clear))),
        ("longer by a byte", 3, Box::new(change(mine[3], |b| b.push(0)))),
        ("two chunks in one", 0, Box::new(change(mine[0], |b| b.extend_from_within(..)))),
        ("first bit flipped", 2, Box::new(change(mine[2], |b| b[0] ^= 0x80))),
        (
            "last bit of the tag flipped",
            2,
            Box::new(change(mine[2], |b| *b.last_mut().unwrap() ^= 1)),
        ),
        ("zeros", 1, Box::new(change(mine[1], |b| b.fill(0)))),
    ];
    assert!(attacks.len() >= 15, "the count only grows");
    for (name, at, attack) in attacks {
        let mut evil = honest.clone();
        attack(&mut evil);
        let (read, end) = get(manifest.clone(), &evil);
        assert_eq!(end, Err(Stop::Refused(ChunkError::Bytes(mine[at]))), "{name}");
        assert_eq!(read, content[..at * PIECE_LEN], "{name}: nothing of the chunk came out");
    }
    for at in 0..4 {
        let mut evil = honest.clone();
        evil.remove(&mine[at]);
        let (read, end) = get(manifest.clone(), &evil);
        assert_eq!(end, Err(Stop::Missing), "dropped {at}");
        assert_eq!(read, content[..at * PIECE_LEN]);
    }
}

#[test]
fn a11_a_caller_that_mixes_up_verified_chunks_is_stopped_too() {
    let mut provider = Provider::new();
    let manifest = put(&bytes(2 * PIECE_LEN, 1), 1, &mut provider);
    let ids = ids(&manifest);
    let reader = ContentReader::new(Sealing::DEFAULT, manifest).unwrap();
    let arrived = |at: usize| ArrivedChunk::check(ids[at], provider[&ids[at]].clone()).unwrap();
    assert!(reader.open(0, arrived(0)).is_ok());
    assert_eq!(reader.open(1, arrived(0)), Err(ChunkError::Order(ids[0])));
    assert_eq!(reader.open(9, arrived(0)), Err(ChunkError::Order(ids[0])));
    assert_eq!(reader.need(9), None);
}

#[test]
fn a12_a_chunk_under_another_key_than_the_manifests_is_refused() {
    let mut provider = Provider::new();
    let manifest = put(&bytes(5_000, 1), 1, &mut provider);
    let row = &manifest.rows()[0];
    let other = ChunkRef { key: ChunkKey::from_secret_bytes(&[9; 32]), ..row.clone() };
    let arrived = ArrivedChunk::check(row.id, provider[&row.id].clone()).unwrap();
    let opened = strongroom_seal::stream::open_chunk(SUITE, &other, arrived);
    assert_eq!(opened, Err(ChunkError::Sealed(row.id)));
}

#[test]
fn a34_equal_contents_give_no_equal_chunks_and_sizes_show_as_padme_only() {
    let content = bytes(2 * PIECE_LEN, 1);
    let (mut a, mut b) = (Provider::new(), Provider::new());
    put(&content, 1, &mut a);
    put(&content, 2, &mut b);
    assert!(a.keys().all(|id| !b.contains_key(id)));
    let sizes = |len| {
        let mut p = Provider::new();
        put(&bytes(len, 3), 3, &mut p);
        let mut sizes: Vec<_> = p.values().map(Vec::len).collect();
        sizes.sort_unstable();
        sizes
    };
    assert_eq!(sizes(1_500_000), sizes(1_506_000), "both are padded to 1,507,328");
}

#[test]
fn an_edit_seals_changed_pieces_only() {
    let content = bytes(3 * PIECE_LEN, 1);
    let mut provider = Provider::new();
    let manifest = put(&content, 1, &mut provider);
    // What the device remembers, sealed, beside its replica.
    let known: HashMap<[u8; 32], ChunkRef> = content
        .chunks(PIECE_LEN)
        .zip(manifest.rows())
        .map(|(plain, row)| (*blake3::hash(plain).as_bytes(), row.clone()))
        .collect();
    let mut edited = content;
    edited[PIECE_LEN + 7] ^= 1;

    let (device, mut rng) = (device(), DangerSeeded::new(2));
    let (mut cutter, mut builder) = (Cutter::new(Padme), ManifestBuilder::new(SUITE));
    let mut pieces = Vec::new();
    for part in edited.chunks(PIECE_LEN) {
        cutter.space().copy_from_slice(part);
        pieces.extend(cutter.filled(part.len()));
    }
    let tail = cutter.finish().unwrap();
    let size = tail.size();
    let mut uploaded = 0;
    for piece in pieces.into_iter().chain(tail) {
        let index = piece.index();
        let row = if let Some(row) = known.get(&piece.plain_hash()) {
            row.clone()
        } else {
            let sealed = piece.seal(SUITE, &device, rng.bytes32()).unwrap();
            uploaded += 1;
            provider.insert(sealed.reference.id, sealed.bytes);
            sealed.reference
        };
        builder.push(index, row, &device, &mut rng).unwrap();
    }
    let (manifest, _) = builder.finish(size, &device, &mut rng).unwrap();
    assert_eq!(uploaded, 2, "the edited piece, and the padding, which was not remembered");
    assert_eq!(get(manifest, &provider), (edited, Ok(())));
}

/// Of trees that are all content.
fn bare() -> Sealing {
    Sealing { padding: PaddingRule::None, ..Sealing::DEFAULT }
}

fn ids(manifest: &Manifest) -> Vec<ChunkId> {
    manifest.rows().iter().map(|row| row.id).collect()
}

/// Builds a manifest of `chunks` rows, of which every full one is the same chunk: large trees
/// without large content.
fn tree(chunks: u64) -> (Manifest, Provider, Vec<u8>) {
    let (device, mut rng) = (device(), DangerSeeded::new(chunks));
    let plain = bytes(PIECE_LEN, 5);
    let full = Piece::from_plaintext(0, plain.clone()).unwrap();
    let full = full.seal(SUITE, &device, rng.bytes32()).unwrap();
    let mut provider = Provider::from([(full.reference.id, full.bytes)]);
    let mut builder = ManifestBuilder::new(SUITE);
    for index in 0..chunks {
        let node = builder.push(index, full.reference.clone(), &device, &mut rng).unwrap();
        provider.extend(node.map(|node| (node.reference.id, node.bytes)));
    }
    let size = chunks * PIECE_LEN as u64;
    let (manifest, node) = builder.finish(size, &device, &mut rng).unwrap();
    provider.extend(node.map(|node| (node.reference.id, node.bytes)));
    (manifest, provider, plain)
}

#[test]
fn any_byte_of_any_size_is_two_chunks_away() {
    let rows = NODE_ROWS as u64;
    for chunks in [1, 512, 513, rows, rows + 1, 2 * rows, 2 * rows + 1, 5_000] {
        let (manifest, provider, plain) = tree(chunks);
        assert_eq!(manifest.has_nodes(), chunks > 512, "{chunks} chunks");
        assert!(manifest.encode().len() < 39_000);
        let again = Manifest::decode(&manifest.encode()).unwrap();
        assert_eq!(again.encode(), manifest.encode());
        let mut reader = ContentReader::new(bare(), again).unwrap();
        for index in [0, chunks / 2, chunks - 1, 0] {
            let mut fetched = 0;
            let opened = loop {
                fetched += 1;
                match reader.need(index).unwrap() {
                    Need::Node(id) => {
                        let node = ArrivedChunk::check(id, provider[&id].clone()).unwrap();
                        reader.absorb_node(index, node).unwrap();
                    }
                    Need::Chunk(id) => {
                        let chunk = ArrivedChunk::check(id, provider[&id].clone()).unwrap();
                        break reader.open(index, chunk).unwrap();
                    }
                }
            };
            assert!(fetched <= 2);
            assert!(opened == plain);
        }
        assert_eq!(reader.need(chunks), None);
    }
}

#[test]
fn a_node_in_another_place_is_refused() {
    let (manifest, provider, _) = tree(3 * NODE_ROWS as u64);
    let nodes = ids(&manifest);
    let mut reader = ContentReader::new(bare(), manifest).unwrap();
    let node = |at: usize| ArrivedChunk::check(nodes[at], provider[&nodes[at]].clone()).unwrap();
    let order = |at: usize| Err(ManifestError::Chunk(ChunkError::Order(nodes[at])));
    assert_eq!(reader.absorb_node(0, node(1)), order(1));
    assert_eq!(reader.absorb_node(u64::MAX, node(0)), order(0));
    assert_eq!(reader.absorb_node(3 * NODE_ROWS as u64, node(0)), order(0));
    assert_eq!(reader.absorb_node(NODE_ROWS as u64, node(1)), Ok(()));
    assert!(matches!(reader.need(NODE_ROWS as u64 + 3), Some(Need::Chunk(_))));
    assert!(matches!(reader.need(0), Some(Need::Node(_))), "one node is held, not all");
}

#[test]
fn the_longest_document_has_a_manifest_and_a_longer_one_is_refused() {
    let (device, mut rng) = (device(), DangerSeeded::new(1));
    let row = ChunkRef {
        id: ChunkId([1; 32]),
        key: ChunkKey::from_secret_bytes(&[2; 32]),
        len: PIECE_LEN as u32,
    };
    let mut builder = ManifestBuilder::new(SUITE);
    for index in 0..CONTENT_CHUNKS_MAX {
        builder.push(index, row.clone(), &device, &mut rng).unwrap();
    }
    let more = builder.push(CONTENT_CHUNKS_MAX, row, &device, &mut rng);
    assert_eq!(more.unwrap_err(), ManifestError::TooLong);
    let size = CONTENT_CHUNKS_MAX * PIECE_LEN as u64;
    let (manifest, _) = builder.finish(size, &device, &mut rng).unwrap();
    assert!(manifest.rows().len() <= 512);
    assert!(Manifest::decode(&manifest.encode()).is_ok());
}

#[test]
fn chunks_out_of_order_or_after_a_short_one_make_no_manifest() {
    let (device, mut rng) = (device(), DangerSeeded::new(1));
    let row = |len: usize| ChunkRef {
        id: ChunkId([1; 32]),
        key: ChunkKey::from_secret_bytes(&[2; 32]),
        len: len as u32,
    };
    let mut builder = ManifestBuilder::new(SUITE);
    for (index, len) in [(1, PIECE_LEN), (0, 0), (0, PIECE_LEN + 1)] {
        let refused = builder.push(index, row(len), &device, &mut rng).unwrap_err();
        assert_eq!(refused, ManifestError::Order);
    }
    builder.push(0, row(300), &device, &mut rng).unwrap();
    let refused = builder.push(1, row(300), &device, &mut rng).unwrap_err();
    assert_eq!(refused, ManifestError::Order, "only the last may be shorter");
    let refused = builder.finish(301, &device, &mut rng).unwrap_err();
    assert_eq!(refused, ManifestError::Shape, "more content than chunks hold");
    let empty = ManifestBuilder::new(SUITE).finish(0, &device, &mut rng).unwrap_err();
    assert_eq!(empty, ManifestError::Shape, "empty content stands in the entry");
}
