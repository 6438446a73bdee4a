//! Rows of EDV vaults. Comes in: ids and typed rows. Goes out: keys and values. Must not know: who
//! asks, or when a row may be written.
//!
//! The table is docs/spec/provider-rows.md. Capital letters keep these tables apart from those of
//! buckets; what a vault holds stands under its id, so that it can be dropped whole.

use strongroom_store::BlobId;
use strongroom_wire::cbor::{CborError, Reader, Writer};
use strongroom_wire::edv::ids::LocalId;
use strongroom_wire::edv::limits::{ATTRIBUTES_MAX, CONFIG_LEN_MAX, DOCUMENT_LEN_MAX};

fn key(table: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + parts.iter().map(|part| part.len()).sum::<usize>());
    key.push(table);
    for part in parts {
        key.extend_from_slice(part);
    }
    key
}

/// A name of any length as 32 bytes: rows are found by it, and never read back from it.
fn named(parts: &[&str]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_be_bytes()).update(part.as_bytes());
    }
    *hasher.finalize().as_bytes()
}

/// The first half of [`named`]: enough where a vault could only confuse itself.
fn short(name: &str) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(named(&[name]).split_at(16).0);
    half
}

/// `V` vault → [`VaultRow`].
pub fn vault(vault: LocalId) -> Vec<u8> {
    key(b'V', &[&vault.0])
}

/// `C` controller, vault → empty: a controller's vaults.
pub fn controlled(controller: &str, vault: LocalId) -> Vec<u8> {
    key(b'C', &[&named(&[controller]), &vault.0])
}

/// All of a controller's vaults.
pub fn all_controlled(controller: &str) -> Vec<u8> {
    key(b'C', &[&named(&[controller])])
}

/// The vault of a [`controlled`] key.
pub fn vault_of_controlled(key: &[u8]) -> Option<LocalId> {
    key.get(33..)?.try_into().ok().map(LocalId)
}

/// `R` controller and reference → vault.
pub fn reference(controller: &str, reference: &str) -> Vec<u8> {
    key(b'R', &[&named(&[controller, reference])])
}

/// `D` vault, document → [`DocumentRow`].
pub fn document(vault: LocalId, document: LocalId) -> Vec<u8> {
    key(b'D', &[&vault.0, &document.0])
}

/// All of a vault's documents.
pub fn documents(vault: LocalId) -> Vec<u8> {
    key(b'D', &[&vault.0])
}

/// The document of a [`document`] or an [`indexed`] key: their last sixteen bytes.
pub fn document_of(key: &[u8]) -> Option<LocalId> {
    key.last_chunk::<16>().copied().map(LocalId)
}

/// `B` vault, document → [`BodyRow`].
pub fn body(vault: LocalId, document: LocalId) -> Vec<u8> {
    key(b'B', &[&vault.0, &document.0])
}

/// `K` vault, document, chunk → [`ChunkRow`].
pub fn chunk(vault: LocalId, document: LocalId, index: u64) -> Vec<u8> {
    key(b'K', &[&vault.0, &document.0, &index.to_be_bytes()])
}

/// All chunks of a document.
pub fn chunks(vault: LocalId, document: LocalId) -> Vec<u8> {
    key(b'K', &[&vault.0, &document.0])
}

/// All chunks of a vault.
pub fn all_chunks(vault: LocalId) -> Vec<u8> {
    key(b'K', &[&vault.0])
}

/// The place of a [`chunk`] key.
pub fn index_of_chunk(key: &[u8]) -> Option<u64> {
    key.get(33..)?.try_into().ok().map(u64::from_be_bytes)
}

/// `L` vault, document, chunk → [`BodyRow`].
pub fn chunk_body(vault: LocalId, document: LocalId, index: u64) -> Vec<u8> {
    key(b'L', &[&vault.0, &document.0, &index.to_be_bytes()])
}

/// `I` vault, term, document → empty: what a document is found by.
pub fn indexed(vault: LocalId, term: &Term, document: LocalId) -> Vec<u8> {
    key(b'I', &[&vault.0, &term.0, &document.0])
}

/// All documents with a term.
pub fn with_term(vault: LocalId, term: &Term) -> Vec<u8> {
    key(b'I', &[&vault.0, &term.0])
}

/// `N` vault, name, document → empty: which documents have an attribute at all.
pub fn has_name(vault: LocalId, name: &Name, document: LocalId) -> Vec<u8> {
    key(b'N', &[&vault.0, &name.0, &document.0])
}

/// All documents with an attribute of this name.
pub fn with_name(vault: LocalId, name: &Name) -> Vec<u8> {
    key(b'N', &[&vault.0, &name.0])
}

/// `U` vault, term → document: who claims it for itself.
pub fn unique(vault: LocalId, term: &Term) -> Vec<u8> {
    key(b'U', &[&vault.0, &term.0])
}

/// `X` vault, delegator and capability → second from which it is of no use (u64).
pub fn revocation(vault: LocalId, delegator: &str, capability: &str) -> Vec<u8> {
    key(b'X', &[&vault.0, &named(&[delegator, capability])])
}

/// Every revocation.
pub const ALL_REVOCATIONS: &[u8] = b"X";

/// `H` vault, number → [`ChangeRow`].
pub fn change(vault: LocalId, number: u64) -> Vec<u8> {
    key(b'H', &[&vault.0, &number.to_be_bytes()])
}

/// All changes of a vault.
pub fn changes(vault: LocalId) -> Vec<u8> {
    key(b'H', &[&vault.0])
}

/// The number of a [`change`] key.
pub fn number_of_change(key: &[u8]) -> Option<u64> {
    key.get(17..)?.try_into().ok().map(u64::from_be_bytes)
}

/// `G` vault → empty: deleted, its rows are on their way out.
pub fn gone(vault: LocalId) -> Vec<u8> {
    key(b'G', &[&vault.0])
}

/// Every vault on its way out.
pub const ALL_GONE: &[u8] = b"G";

/// The vault of a [`gone`] key.
pub fn vault_of_gone(key: &[u8]) -> Option<LocalId> {
    key.get(1..)?.try_into().ok().map(LocalId)
}

/// Tables whose rows stand under a vault's id.
pub const OF_VAULT: [u8; 9] = *b"DBKLINUXH";

/// All rows of a vault in one of [`OF_VAULT`].
pub fn all_of(table: u8, vault: LocalId) -> Vec<u8> {
    key(table, &[&vault.0])
}

/// The owner of blobs: vault and document, in the place of a bucket's id.
pub fn owner(blob: BlobId, vault: LocalId, document: LocalId) -> Vec<u8> {
    key(b'o', &[&blob.0, &vault.0, &document.0])
}

/// A blinded name under one key: 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name([u8; 32]);

impl Name {
    /// Of a key's id and a blinded name.
    pub fn of(hmac: &str, name: &str) -> Self {
        let mut bytes = [0; 32];
        let (left, right) = bytes.split_at_mut(16);
        left.copy_from_slice(&short(hmac));
        right.copy_from_slice(&short(name));
        Self(bytes)
    }
}

/// A blinded name and value under one key: 48 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term([u8; 48]);

impl Term {
    /// Of a name and a blinded value.
    pub fn of(name: Name, value: &str) -> Self {
        let mut bytes = [0; 48];
        let (left, right) = bytes.split_at_mut(32);
        left.copy_from_slice(&name.0);
        right.copy_from_slice(&short(value));
        Self(bytes)
    }

    /// Its name.
    pub fn name(&self) -> Name {
        let mut name = [0; 32];
        name.copy_from_slice(self.0.split_at(32).0);
        Name(name)
    }
}

/// One vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultRow {
    /// Its configuration without an id, JSON.
    pub config: String,
    /// Seconds since 1970.
    pub created_at: u64,
}

impl VaultRow {
    /// The row's value.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::with_capacity(self.config.len() + 32);
        w.array(2).text(&self.config).uint(self.created_at);
        w.into_bytes()
    }

    /// Reads the row's value.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        r.array_exact(2)?;
        let row = Self { config: r.text(CONFIG_LEN_MAX * 2)?.to_owned(), created_at: r.uint()? };
        r.end()?;
        Ok(row)
    }
}

/// A piece of a body in the blobs: id and length.
pub type Piece = (BlobId, u32);

/// Where a body lies, and how long it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lies {
    /// Bytes.
    pub len: u64,
    /// Blobs in their order; none: it stands in its own row.
    pub pieces: Vec<Piece>,
}

/// Bytes of a piece in a row.
const PIECE_LEN: usize = 36;
/// Pieces a body may have.
const PIECES_MAX: usize = 16;

impl Lies {
    fn write(&self, w: &mut Writer) {
        w.uint(self.len).bytes(&write_pieces(&self.pieces));
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        let len = r.uint()?;
        let pieces = read_pieces(r.bytes(PIECES_MAX * PIECE_LEN)?).ok_or(CborError::Limit)?;
        Ok(Self { len, pieces })
    }
}

fn write_pieces(pieces: &[Piece]) -> Vec<u8> {
    let each = |(id, len): &Piece| [&id.0[..], &len.to_be_bytes()].concat();
    pieces.iter().flat_map(each).collect()
}

fn read_pieces(bytes: &[u8]) -> Option<Vec<Piece>> {
    let (pieces, rest) = bytes.as_chunks::<PIECE_LEN>();
    let each = |piece: &[u8; PIECE_LEN]| {
        let (id, len) = piece.split_first_chunk::<32>()?;
        Some((BlobId(*id), u32::from_be_bytes(len.try_into().ok()?)))
    };
    pieces.iter().map(each).collect::<Option<_>>().filter(|_| rest.is_empty())
}

/// What decides about a document. Every batch that changes one expects this row as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentRow {
    /// How often it was changed.
    pub sequence: u64,
    /// Number of its newest change in the vault; no two rows have the same.
    pub number: u64,
    /// Where its JSON lies.
    pub lies: Lies,
    /// What it is found by, and whether it claims that for itself. Ascending.
    pub terms: Vec<(Term, bool)>,
}

/// Bytes of a term in a row.
const TERM_LEN: usize = 49;

impl DocumentRow {
    /// The row's value.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::with_capacity(64 + self.terms.len() * TERM_LEN);
        w.array(5).uint(self.sequence).uint(self.number);
        self.lies.write(&mut w);
        let each = |(term, unique): &(Term, bool)| [&term.0[..], &[u8::from(*unique)]].concat();
        w.bytes(&self.terms.iter().flat_map(each).collect::<Vec<_>>());
        w.into_bytes()
    }

    /// Reads the row's value.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        r.array_exact(5)?;
        let (sequence, number, lies) = (r.uint()?, r.uint()?, Lies::read(&mut r)?);
        let (terms, rest) = r.bytes(ATTRIBUTES_MAX * TERM_LEN)?.as_chunks::<TERM_LEN>();
        let each = |bytes: &[u8; TERM_LEN]| {
            let (term, unique) = bytes.split_first_chunk::<48>()?;
            match unique {
                [0] => Some((Term(*term), false)),
                [1] => Some((Term(*term), true)),
                _ => None,
            }
        };
        let terms: Option<Vec<_>> = terms.iter().map(each).collect();
        r.end()?;
        let terms = terms.filter(|_| rest.is_empty()).ok_or(CborError::Limit)?;
        Ok(Self { sequence, number, lies, terms })
    }
}

/// What decides about a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkRow {
    /// The document's sequence when it was sent.
    pub sequence: u64,
    /// Random, so that no two rows are the same.
    pub tag: [u8; 8],
    /// Where its JSON lies.
    pub lies: Lies,
}

impl ChunkRow {
    /// The row's value.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::with_capacity(64);
        w.array(4).uint(self.sequence).bytes(&self.tag);
        self.lies.write(&mut w);
        w.into_bytes()
    }

    /// Reads the row's value.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        r.array_exact(4)?;
        let (sequence, tag) = (r.uint()?, r.bytes_exact()?);
        let row = Self { sequence, tag, lies: Lies::read(&mut r)? };
        r.end()?;
        Ok(row)
    }
}

/// A body, or where it lies: all that reading needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyRow<'a> {
    /// The first half of its hash.
    pub tag: [u8; 16],
    /// The body itself.
    pub here: Option<&'a [u8]>,
    /// Its pieces, where it is not here.
    pub pieces: Vec<Piece>,
}

/// First byte after the tag: the body follows.
const HERE: u8 = 0;
/// First byte after the tag: pieces follow.
const PIECES: u8 = 1;

impl<'a> BodyRow<'a> {
    /// Bytes of the body.
    pub fn len(&self) -> usize {
        let pieces = self.pieces.iter().map(|(_, len)| *len as usize).sum();
        self.here.map_or(pieces, <[u8]>::len)
    }

    /// The row's value.
    pub fn encode(&self) -> Vec<u8> {
        match self.here {
            Some(body) => [&self.tag[..], &[HERE], body].concat(),
            None => [&self.tag[..], &[PIECES], &write_pieces(&self.pieces)].concat(),
        }
    }

    /// Reads the row's value.
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (tag, rest) = bytes.split_first_chunk::<16>()?;
        match rest.split_first()? {
            (&HERE, body) => Some(Self { tag: *tag, here: Some(body), pieces: Vec::new() }),
            (&PIECES, pieces) => {
                let pieces = read_pieces(pieces).filter(|all| !all.is_empty())?;
                let len: u64 = pieces.iter().map(|(_, len)| u64::from(*len)).sum();
                let fits = len <= DOCUMENT_LEN_MAX as u64 * 2;
                fits.then_some(Self { tag: *tag, here: None, pieces })
            }
            _ => None,
        }
    }
}

/// One change of a document, in a vault's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangeRow {
    /// Which.
    pub document: LocalId,
    /// Its sequence afterwards; none: it was deleted.
    pub sequence: Option<u64>,
}

impl ChangeRow {
    /// The row's value.
    pub fn encode(&self) -> Vec<u8> {
        let after = self.sequence.map_or(u64::MAX, |sequence| sequence);
        [&self.document.0[..], &after.to_be_bytes()].concat()
    }

    /// Reads the row's value.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (document, after) = bytes.split_first_chunk::<16>()?;
        let after = u64::from_be_bytes(after.try_into().ok()?);
        let sequence = (after != u64::MAX).then_some(after);
        Some(Self { document: LocalId(*document), sequence })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: LocalId = LocalId([1; 16]);
    const B: LocalId = LocalId([2; 16]);

    fn lies() -> Lies {
        Lies { len: 9, pieces: vec![(BlobId([3; 32]), 4), (BlobId([5; 32]), 5)] }
    }

    #[test]
    fn every_row_reads_back_and_no_cut_one_does() {
        let term = Term::of(Name::of("h", "n"), "v");
        let vault = VaultRow { config: "{}".into(), created_at: 7 };
        let document = DocumentRow {
            sequence: 1,
            number: 2,
            lies: lies(),
            terms: vec![(term, true), (term, false)],
        };
        let chunk = ChunkRow { sequence: 3, tag: [4; 8], lies: Lies::default() };
        let here = BodyRow { tag: [6; 16], here: Some(b"{}"), pieces: Vec::new() };
        let away = BodyRow { here: None, pieces: lies().pieces, ..here.clone() };
        assert_eq!(VaultRow::decode(&vault.encode()), Ok(vault.clone()));
        assert_eq!(DocumentRow::decode(&document.encode()), Ok(document.clone()));
        assert_eq!(ChunkRow::decode(&chunk.encode()), Ok(chunk.clone()));
        assert_eq!(BodyRow::decode(&here.encode()), Some(here));
        assert_eq!(BodyRow::decode(&away.encode()), Some(away.clone()));
        for sequence in [None, Some(0), Some(u64::MAX - 1)] {
            let change = ChangeRow { document: A, sequence };
            assert_eq!(ChangeRow::decode(&change.encode()), Some(change));
        }
        let bent = |bytes: &[u8]| [bytes[..bytes.len() - 1].to_vec(), [bytes, &[0]].concat()];
        assert!(bent(&vault.encode()).iter().all(|row| VaultRow::decode(row).is_err()));
        assert!(bent(&document.encode()).iter().all(|row| DocumentRow::decode(row).is_err()));
        assert!(bent(&chunk.encode()).iter().all(|row| ChunkRow::decode(row).is_err()));
        assert!(bent(&away.encode()).iter().all(|row| BodyRow::decode(row).is_none()));
        assert!(BodyRow::decode(&[0; 16]).is_none() && BodyRow::decode(&[2; 17]).is_none());
    }

    #[test]
    fn names_do_not_run_into_each_other() {
        assert_ne!(reference("ab", "c"), reference("a", "bc"));
        assert_ne!(revocation(A, "ab", "c"), revocation(A, "a", "bc"));
        let term = Term::of(Name::of("h", "n"), "v");
        assert_eq!(term.name(), Name::of("h", "n"));
        assert_ne!(term, Term::of(Name::of("h", "v"), "n"));
        assert!(indexed(A, &term, B).starts_with(&with_term(A, &term)));
        assert_eq!(document_of(&indexed(A, &term, B)), Some(B));
        assert_eq!(document_of(&document(A, B)), Some(B));
        assert_eq!(index_of_chunk(&chunk(A, B, 7)), Some(7));
        assert_eq!(number_of_change(&change(A, 7)), Some(7));
        assert_eq!(vault_of_controlled(&controlled("c", A)), Some(A));
        assert_eq!(vault_of_gone(&gone(A)), Some(A));
    }
}
